//! YUV4MPEG2: frames between programs, on files and pipes, without FFmpeg.

use std::io::{BufRead, Read, Write};

use super::color::Coding;
use super::format::{PixelFormat, Planes};
use super::info::ColorTags;
use super::reader::fill;
use super::{Frame, FrameSink, FrameSource};
use crate::{Error, ErrorKind, Limits, Result, Size};

/// Longest line of words.
const LONGEST_LINE: u64 = 4096;

/// What a stream says at its beginning.
#[derive(Debug, Clone, PartialEq)]
pub struct Y4mHead {
    /// Width and height.
    pub size: Size,
    /// Frames a second, as a fraction.
    pub frame_rate: (u32, u32),
    /// Width and height of a pixel, if told.
    pub pixel_aspect: Option<(u32, u32)>,
    /// How samples become light.
    pub coding: Coding,
}

/// Reads frames from a Y4M stream.
pub struct Y4mReader<R> {
    from: R,
    head: Y4mHead,
    count: i64,
}

impl<R: BufRead + Send> Y4mReader<R> {
    /// Reads the head of the stream.
    ///
    /// # Errors
    /// [`ErrorKind::Decode`] when it is no Y4M, [`ErrorKind::Unsupported`] for fields and unknown
    /// formats, [`ErrorKind::Limits`] when a frame is larger than `limits` allow.
    pub fn new(mut from: R, limits: &Limits) -> Result<Self> {
        let line = line(&mut from)?.unwrap_or_default();
        let mut words = line.split(' ');
        if words.next() != Some("YUV4MPEG2") {
            return Err(damaged("does not begin with YUV4MPEG2: it is no Y4M stream"));
        }
        let (mut size, mut frame_rate, mut pixel_aspect) = (Size::new(0, 0), (25, 1), None);
        let (mut format, mut tags) = (PixelFormat::YUV420, ColorTags::default());
        for word in words.filter(|word| !word.is_empty()) {
            let (key, value) = word.split_at(word.chars().next().map_or(0, char::len_utf8));
            match key {
                "W" => size.width = value.parse().unwrap_or(0),
                "H" => size.height = value.parse().unwrap_or(0),
                "F" => frame_rate = pair(value).unwrap_or(frame_rate),
                "A" => pixel_aspect = pair(value).filter(|(a, b)| a != b),
                "C" => (format, tags.chroma_location) = chroma(value)?,
                "I" if !matches!(value, "p" | "?") => {
                    let message = "this Y4M stream is interlaced; join its fields first";
                    return Err(Error::new(ErrorKind::Unsupported, message));
                }
                "X" if value == "COLORRANGE=FULL" => tags.range = Some("pc".to_owned()),
                _ => {}
            }
        }
        limits.check_size(size)?;
        if size.width == 0 || size.height == 0 {
            return Err(damaged("does not say how large its frames are"));
        }
        let coding = Coding::new(format, &tags, size)?;
        let head = Y4mHead { size, frame_rate, pixel_aspect, coding };
        Ok(Self { from, head, count: 0 })
    }

    /// What the stream said at its beginning.
    pub fn head(&self) -> &Y4mHead {
        &self.head
    }
}

impl<R: BufRead + Send> FrameSource for Y4mReader<R> {
    fn size(&self) -> Size {
        self.head.size
    }

    fn coding(&self) -> &Coding {
        &self.head.coding
    }

    fn read(&mut self) -> Result<Option<Frame>> {
        let Some(line) = line(&mut self.from)? else { return Ok(None) };
        if !line.starts_with("FRAME") {
            return Err(damaged("has no FRAME where one must begin"));
        }
        let mut samples = vec![0; self.head.coding.format().frame_bytes(self.head.size)];
        let read = fill(&mut self.from, &mut samples).map_err(unreadable)?;
        if read < samples.len() {
            return Err(damaged("ends in the middle of a frame"));
        }
        let (frames, seconds) = self.head.frame_rate;
        let time = |n: i64| {
            let us = i128::from(n) * 1_000_000 * i128::from(seconds) / i128::from(frames);
            i64::try_from(us).unwrap_or(i64::MAX)
        };
        let (time_us, next) = (time(self.count), time(self.count + 1));
        self.count += 1;
        Ok(Some(Frame { time_us, duration_us: next - time_us, samples }))
    }
}

/// Writes frames to a Y4M stream. Times are not written: the format has none.
pub struct Y4mWriter<W> {
    to: W,
    coding: Coding,
}

impl<W: Write + Send> Y4mWriter<W> {
    /// Writes the head of the stream.
    ///
    /// # Errors
    /// [`ErrorKind::Write`] when that fails, [`ErrorKind::Unsupported`] for RGB, which Y4M lacks.
    pub fn new(mut to: W, head: &Y4mHead) -> Result<Self> {
        let format = head.coding.format();
        let name = match format.planes {
            Planes::Gbr => {
                let message = "Y4M holds no RGB; choose another kind of file";
                return Err(Error::new(ErrorKind::Unsupported, message));
            }
            Planes::Gray if format.bits == 8 => "mono".to_owned(),
            Planes::Gray => format!("mono{}", format.bits),
            Planes::Yuv(..) => {
                let base = PixelFormat { bits: 8, ..format }.name();
                let base = base.trim_start_matches("yuv").trim_end_matches('p').to_owned();
                if format.bits == 8 { base } else { format!("{base}p{}", format.bits) }
            }
        };
        let (frames, seconds) = head.frame_rate;
        let (across, down) = head.pixel_aspect.unwrap_or((1, 1));
        let Size { width, height } = head.size;
        let range = if head.coding.is_full_range() { " XCOLORRANGE=FULL" } else { "" };
        writeln!(
            to,
            "YUV4MPEG2 W{width} H{height} F{frames}:{seconds} Ip A{across}:{down} C{name}{range}"
        )
        .map_err(unwritable)?;
        Ok(Self { to, coding: head.coding })
    }
}

impl<W: Write + Send> FrameSink for Y4mWriter<W> {
    fn coding(&self) -> &Coding {
        &self.coding
    }

    fn write(&mut self, frame: &Frame) -> Result<()> {
        self.to
            .write_all(b"FRAME\n")
            .and_then(|()| self.to.write_all(&frame.samples))
            .map_err(unwritable)
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.to.flush().map_err(unwritable)
    }
}

/// The format and chroma site behind a `C` of the head.
fn chroma(name: &str) -> Result<(PixelFormat, Option<String>)> {
    let (base, bits) = match name.split_once('p') {
        Some((base, bits)) if bits.parse::<u8>().is_ok() => (base, bits.parse().unwrap_or(8)),
        _ if name.starts_with("mono") => ("mono", name[4..].parse().unwrap_or(8)),
        _ => (name, 8),
    };
    let (planes, site) = match base {
        "420jpeg" => (Planes::Yuv(1, 1), Some("center")),
        "420" | "420mpeg2" | "420paldv" => (Planes::Yuv(1, 1), Some("left")),
        "422" => (Planes::Yuv(1, 0), None),
        "444" => (Planes::Yuv(0, 0), None),
        "411" => (Planes::Yuv(2, 0), None),
        "440" => (Planes::Yuv(0, 1), None),
        "mono" => (Planes::Gray, None),
        _ => {
            let message = format!("Y4M streams of kind {name} are not supported");
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
    };
    if ![8, 10, 12, 16].contains(&bits) {
        let message = format!("Y4M streams of {bits} bits are not supported; 8, 10, 12 and 16 are");
        return Err(Error::new(ErrorKind::Unsupported, message));
    }
    Ok((PixelFormat { planes, bits }, site.map(str::to_owned)))
}

fn pair(text: &str) -> Option<(u32, u32)> {
    let (a, b) = text.split_once(':')?;
    let (a, b) = (a.parse().ok()?, b.parse().ok()?);
    (a > 0 && b > 0).then_some((a, b))
}

/// A line of words without its end; none at the end of the stream.
fn line(from: &mut impl BufRead) -> Result<Option<String>> {
    let mut bytes = Vec::new();
    from.take(LONGEST_LINE).read_until(b'\n', &mut bytes).map_err(unreadable)?;
    match bytes.pop() {
        None => Ok(None),
        Some(b'\n') => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Some(_) => Err(damaged("is cut off, or is no Y4M stream")),
    }
}

fn damaged(how: &str) -> Error {
    Error::new(ErrorKind::Decode, format!("the Y4M stream {how}"))
}

fn unreadable(cause: std::io::Error) -> Error {
    Error::io(ErrorKind::Read, "the Y4M stream could not be read", cause)
}

fn unwritable(cause: std::io::Error) -> Error {
    Error::io(ErrorKind::Write, "the Y4M stream could not be written", cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_survive_a_round_trip() {
        let cases = [
            (Planes::Yuv(1, 1), 8),
            (Planes::Yuv(0, 0), 10),
            (Planes::Gray, 8),
            (Planes::Yuv(1, 0), 12),
        ];
        for (planes, bits) in cases {
            let (size, format) = (Size::new(5, 3), PixelFormat { planes, bits });
            let tags = ColorTags { range: Some("pc".into()), ..ColorTags::default() };
            let coding = Coding::new(format, &tags, size).unwrap();
            let head =
                Y4mHead { size, frame_rate: (30_000, 1001), pixel_aspect: Some((4, 3)), coding };
            let samples = |n: u8| (0..format.frame_bytes(size)).map(|i| i as u8 ^ n).collect();
            let mut bytes = Vec::new();
            let mut writer = Box::new(Y4mWriter::new(&mut bytes, &head).unwrap());
            for n in [1, 2] {
                let frame = Frame { time_us: 0, duration_us: 0, samples: samples(n) };
                writer.write(&frame).unwrap();
            }
            writer.finish().unwrap();
            let mut reader = Y4mReader::new(&bytes[..], &Limits::default()).unwrap();
            let found = reader.head().clone();
            assert_eq!((found.size, found.frame_rate), (head.size, head.frame_rate));
            assert_eq!((found.pixel_aspect, found.coding.format()), (head.pixel_aspect, format));
            assert!(found.coding.is_full_range());
            assert_eq!(reader.read().unwrap().unwrap().samples, samples(1));
            let second = reader.read().unwrap().unwrap();
            assert_eq!((second.time_us, second.samples), (33_366, samples(2)));
            assert!(reader.read().unwrap().is_none());
        }
    }

    #[test]
    fn frames_that_last_a_century_do_not_overflow() {
        let head = b"YUV4MPEG2 W1 H1 F1:4294967295 Cmono\n";
        let frames = b"FRAME\n\x80".repeat(3000);
        let bytes = [&head[..], &frames].concat();
        let mut reader = Y4mReader::new(&bytes[..], &Limits::default()).unwrap();
        while let Some(frame) = reader.read().unwrap() {
            assert!(frame.duration_us >= 0);
        }
    }

    #[test]
    fn bad_streams_are_one_clear_error() {
        let cases: [(&[u8], ErrorKind); 8] = [
            (b"RIFF....AVI ", ErrorKind::Decode),
            (b"", ErrorKind::Decode),
            (b"YUV4MPEG2 F25:1\n", ErrorKind::Decode),
            (b"YUV4MPEG2 W4 H4 F25:1 It\n", ErrorKind::Unsupported),
            (b"YUV4MPEG2 W4 H4 C420alpha\n", ErrorKind::Unsupported),
            (b"YUV4MPEG2 W4 H4 C420p14\n", ErrorKind::Unsupported),
            (b"YUV4MPEG2 W400000 H400000\n", ErrorKind::Limits),
            (b"YUV4MPEG2 W9223372036854775807 H4\n", ErrorKind::Limits),
        ];
        for (bytes, kind) in cases {
            let error = Y4mReader::new(bytes, &Limits::default()).err().unwrap();
            assert_eq!(error.kind(), kind, "{error}");
        }
        for tail in [&b"FRAME\n123"[..], b"FARCE\n", b"FRAM"] {
            let bytes = [b"YUV4MPEG2 W4 H4\n", tail].concat();
            let mut reader = Y4mReader::new(&bytes[..], &Limits::default()).unwrap();
            assert_eq!(reader.read().unwrap_err().kind(), ErrorKind::Decode);
        }
    }
}
