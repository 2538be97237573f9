//! Frames out of a video file, with their exact times.

use std::io::Read;
use std::process::{ChildStdout, Stdio};
use std::sync::mpsc::{Receiver, channel, sync_channel};

use super::color::Coding;
use super::info::VideoInfo;
use super::timestamps::Stamp;
use super::tool::{Ffmpeg, Process, as_file};
use super::{Frame, FrameSource};
use crate::{Error, ErrorKind, Result, Size};

/// Ticks that times are told in: microseconds.
pub(super) const TICKS: &str = "1/1000000";

/// How much earlier to begin where looking for a time lands behind it.
const EARLIER_US: i64 = 10_000_000;

/// Up to this time, in microseconds, reading from the beginning is as fast as looking for it.
const NEAR_US: i64 = 2_000_000;

/// Most frames of one video: 92 hours at 30 a second.
const FRAMES: u64 = 10_000_000;

/// Reads the frames of a video by running FFmpeg, in the file's own depth and matrix.
///
/// Frames come upright: FFmpeg turns them as the file asks. Frames of two fields are joined into
/// one, at the same time.
pub struct VideoReader {
    process: Process,
    /// Samples of frames, and how many bytes of them there were.
    pixels: Receiver<std::io::Result<(Vec<u8>, usize)>>,
    stamps: Receiver<Stamp>,
    coding: Coding,
    size: Size,
    /// Frames before this time are passed over.
    from_us: Option<i64>,
    /// A frame that was read to see where reading begins.
    first: Option<Frame>,
    ended: bool,
    /// Frames that were read.
    count: u64,
    complaints: String,
}

impl VideoReader {
    /// Opens the file that `info` describes; with `from_us` the first frame is the first at or
    /// after that time.
    ///
    /// # Errors
    /// When FFmpeg does not start, or the colours are of an unsupported kind.
    pub fn open(ffmpeg: &Ffmpeg, info: &VideoInfo, from_us: Option<i64>) -> Result<Self> {
        let Some(from) = from_us else { return Self::start(ffmpeg, info, None) };
        // Some containers land too late: then from further ahead, and at last from the beginning.
        let far = from > NEAR_US;
        for seek in [Some(from).filter(|_| far), Some(from - EARLIER_US).filter(|_| far), None] {
            let mut reader = Self::start(ffmpeg, info, seek)?;
            let first = reader.next()?;
            if seek.is_none() || first.as_ref().is_some_and(|frame| frame.time_us <= from) {
                reader.from_us = from_us;
                reader.first = first;
                return Ok(reader);
            }
        }
        Self::start(ffmpeg, info, None)
    }

    fn start(ffmpeg: &Ffmpeg, info: &VideoInfo, seek_us: Option<i64>) -> Result<Self> {
        let coding = info.coding()?;
        let mut command = ffmpeg.command();
        command.arg("-copyts");
        if let Some(seek) = seek_us {
            // Lands on a key frame at or before; the rest of the way is passed over here.
            let at = format!("{seek}us");
            command.args(["-seek_timestamp", "1", "-noaccurate_seek", "-ss", &at]);
        }
        command.arg("-i").arg(as_file(&info.path));
        let map = format!("0:{}", info.stream);
        // The old names for full range: another one would have the samples converted.
        let full = info.pixel_format.starts_with("yuvj") && info.format.bits == 8;
        let format = if full { info.pixel_format.clone() } else { info.format.name() };
        let filter = info.interlaced.then_some("bwdif=mode=send_frame:deint=interlaced");
        // Times come first: FFmpeg writes pixels only when somebody reads them.
        for (kind, target) in [("framecrc", "pipe:2"), ("rawvideo", "pipe:1")] {
            command.args(["-map", &map, "-fps_mode", "passthrough", "-enc_time_base", TICKS]);
            command.args(filter.iter().flat_map(|filter| ["-vf", filter]));
            command.args(["-c:v", "rawvideo", "-pix_fmt", &format, "-flush_packets", "1"]);
            command.args(["-f", kind, target]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let (sender, stamps) = channel();
        let mut process =
            Process::start(command, "reading the video", ErrorKind::Decode, Some(sender))?;
        let pipe = process
            .stdout()
            .ok_or_else(|| Error::new(ErrorKind::Tool, "FFmpeg gave no way to read from it"))?;
        let pixels = read_ahead(pipe, info.format.frame_bytes(info.size));
        Ok(Self {
            process,
            pixels,
            stamps,
            coding,
            size: info.size,
            from_us: None,
            first: None,
            ended: false,
            count: 0,
            complaints: String::new(),
        })
    }

    /// What FFmpeg complained of on the way to the end; empty before.
    pub fn complaints(&self) -> &str {
        &self.complaints
    }

    /// The next frame, whatever its time.
    fn next(&mut self) -> Result<Option<Frame>> {
        let gone = || Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof));
        let (samples, read) = (self.pixels.recv().unwrap_or_else(|_| gone()))
            .map_err(|cause| Error::io(ErrorKind::Read, "reading from FFmpeg failed", cause))?;
        if read == 0 {
            self.ended = true;
            self.complaints = self.process.finish()?;
            return Ok(None);
        }
        if read < samples.len() {
            // Its own words say more, if it has some.
            self.process.finish()?;
            let message = "FFmpeg stopped in the middle of a frame: the size of frames changes \
                           in this video, or FFmpeg was ended";
            return Err(Error::new(ErrorKind::Decode, message));
        }
        self.count += 1;
        if self.count > FRAMES {
            let message =
                format!("has more than {FRAMES} frames; restore it in parts, --from --to");
            return Err(Error::new(ErrorKind::Limits, message));
        }
        let Ok(stamp) = self.stamps.recv() else {
            self.process.finish()?;
            return Err(Error::new(ErrorKind::Decode, "FFmpeg told no time for a frame"));
        };
        let Stamp { time_us, duration_us } = stamp;
        Ok(Some(Frame { time_us, duration_us, samples }))
    }
}

impl FrameSource for VideoReader {
    fn size(&self) -> Size {
        self.size
    }

    fn coding(&self) -> &Coding {
        &self.coding
    }

    fn read(&mut self) -> Result<Option<Frame>> {
        while self.first.is_some() || !self.ended {
            let next = match self.first.take() {
                None => self.next()?,
                first => first,
            };
            match next {
                Some(frame) if self.from_us.is_some_and(|from| frame.time_us < from) => {}
                found => return Ok(found),
            }
        }
        Ok(None)
    }
}

/// Reads frames of so many bytes on a thread of its own, a few ahead: FFmpeg may be early with
/// pixels and late with times.
fn read_ahead(mut pipe: ChildStdout, bytes: usize) -> Receiver<std::io::Result<(Vec<u8>, usize)>> {
    let (sender, frames) = sync_channel(2);
    std::thread::spawn(move || {
        loop {
            let mut samples = vec![0; bytes];
            let read = fill(&mut pipe, &mut samples);
            let last = !matches!(read, Ok(read) if read == bytes);
            if sender.send(read.map(|read| (samples, read))).is_err() || last {
                break;
            }
        }
    });
    frames
}

/// Reads until `buffer` is full or the end; the number of bytes.
pub(super) fn fill(from: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match from.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
