//! When frames are shown, without decoding them.

use std::process::Stdio;

use super::FrameSource;
use super::info::VideoInfo;
use super::reader::VideoReader;
use super::tool::Ffmpeg;
use crate::{Error, ErrorKind, Result};

impl VideoInfo {
    /// When each frame is shown, in microseconds of the file's clock, in the order of showing.
    ///
    /// Times are asked of the container, which is fast; where it tells none, or a frame has two
    /// fields in packets of their own, frames are decoded and counted.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn frame_times(&self, ffmpeg: &Ffmpeg) -> Result<Vec<i64>> {
        match self.packet_times(ffmpeg)? {
            Some(times) if !self.interlaced && !times.is_empty() => Ok(times),
            _ => self.decoded_times(ffmpeg),
        }
    }

    /// None where a packet has no time.
    fn packet_times(&self, ffmpeg: &Ffmpeg) -> Result<Option<Vec<i64>>> {
        let mut command = ffmpeg.probe_command();
        let stream = self.stream.to_string();
        command.args(["-of", "csv=p=0", "-select_streams", &stream]);
        command.args(["-show_entries", "packet=pts,flags", "-i"]).arg(&self.path);
        let output = command
            .stdin(Stdio::null())
            .output()
            .map_err(|cause| Error::io(ErrorKind::Tool, "ffprobe did not start", cause))?;
        if !output.status.success() {
            let words = String::from_utf8_lossy(&output.stderr).trim().replace('\n', " / ");
            let message = format!("is damaged or no video: {words}");
            return Err(Error::new(ErrorKind::Decode, message).with_path(&self.path));
        }
        let (ticks, seconds) = self.time_base;
        let microseconds = |pts: i64| {
            let exact = i128::from(pts) * 1_000_000 * i128::from(ticks);
            i64::try_from(exact.div_euclid(i128::from(seconds))).ok()
        };
        let text = String::from_utf8_lossy(&output.stdout);
        let mut times = Vec::new();
        for line in text.lines().filter(|line| !line.is_empty()) {
            let (pts, flags) = line.split_once(',').unwrap_or((line, ""));
            // D: decoded, but not shown.
            if flags.contains('D') {
                continue;
            }
            let Some(time) = pts.parse().ok().and_then(microseconds) else { return Ok(None) };
            times.push(time);
        }
        times.sort_unstable();
        times.dedup();
        Ok(Some(times))
    }

    fn decoded_times(&self, ffmpeg: &Ffmpeg) -> Result<Vec<i64>> {
        let mut reader = VideoReader::open(ffmpeg, self, None)?;
        let mut times = Vec::new();
        while let Some(frame) = reader.read()? {
            times.push(frame.time_us);
        }
        Ok(times)
    }
}
