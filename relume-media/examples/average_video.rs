//! A video through the library: every frame becomes the mean of itself and its neighbours.
//!
//! ```sh
//! cargo run --release -p relume-media --example average_video -- night.mp4 calm.mp4
//! ```
#![allow(clippy::print_stderr, reason = "an example talks to a person")]

use std::path::Path;

use relume_media::video::{
    EncodeOptions, Encoder, Ffmpeg, Frame, FrameSink, FrameSource, Part, VideoInfo, VideoReader,
    VideoWriter, Windows, join,
};
use relume_media::{Image, Limits, Result, Srgb};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [input, output] = arguments.as_slice() else {
        eprintln!("usage: average_video INPUT OUTPUT");
        return Ok(());
    };
    let (input, output) = (Path::new(input), Path::new(output));
    let ffmpeg = Ffmpeg::find(None)?;
    let info = VideoInfo::probe(&ffmpeg, input, &Limits::default())?;
    let encoder = Encoder::choose(&ffmpeg, &info, output, &EncodeOptions::default())?;
    let pixels = output.with_extension(format!("pixels.{}", encoder.part_extension()));

    let mut reader = VideoReader::open(&ffmpeg, &info, None)?;
    let mut writer = Box::new(VideoWriter::create(&ffmpeg, &info, &encoder, &pixels)?);
    let (size, coding) = (reader.size(), *reader.coding());
    let mut windows = Windows::<(Frame, Image<Srgb>)>::new(1, 1);
    let (mut start_us, mut end_us) = (None, 0);
    loop {
        match reader.read()? {
            Some(frame) => {
                start_us.get_or_insert(frame.time_us);
                end_us = frame.time_us + frame.duration_us;
                let image = frame.image(size, &coding)?;
                windows.push((frame, image), false);
            }
            None => windows.end(),
        }
        while let Some(window) = windows.next_window() {
            let (frame, image) = &**window.frame();
            let mut mean = image.clone();
            let share = 1.0 / window.frames.len() as f32;
            for (i, value) in mean.values_mut().iter_mut().enumerate() {
                *value = share * window.frames.iter().map(|f| f.1.values()[i]).sum::<f32>();
            }
            writer.write(&frame.with_image(&mean, &coding))?;
        }
        if windows.is_done() {
            break;
        }
    }
    writer.finish()?;
    // Sound, subtitles, chapters and tags come from the source.
    let part = Part { path: pixels, start_us: start_us.unwrap_or(0) };
    join(&ffmpeg, &info, &encoder, (std::slice::from_ref(&part), end_us), None, (output, output))?;
    let _ = std::fs::remove_file(&part.path);
    Ok(())
}
