//! Frames through the stages of restoring, each on a thread of its own, with bounded queues.
//!
//! reading → [queue] → light and denoising → [queue] → network → [queue] → samples and writing

use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use relume_media::video::{Coding, Frame, FrameSink, FrameSource, Windows};
use relume_media::{Error as MediaError, ErrorKind, Image, Progress, Size, Srgb};

use super::denoise::{Denoiser, Seen};
use super::lights::{Causal, Light};
use super::scenes::{GLANCE, Scenes};
use super::survey::LOOK_EVERY_US;
use crate::models::alen::Hysteresis;
use crate::restore::Plan;
use crate::{Error, Restorer, Result};

/// Frames that a queue holds; memory grows with it, and with nothing else.
const QUEUE: usize = 3;

/// What is written of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Beside {
    /// The restored frame alone.
    #[default]
    Nothing,
    /// The frame as it was at the left, restored at the right.
    Before,
}

/// Everything that restoring the frames of a video takes.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// The network.
    pub restorer: &'a Restorer,
    /// When each frame of the video is shown, in microseconds.
    pub times_us: &'a [i64],
    /// What is done to each frame.
    pub plans: &'a [Plan],
    /// Frames that begin a new scene.
    pub cuts: &'a [usize],
    /// Averaging along motion, if wanted.
    pub denoiser: Option<Denoiser>,
    /// What is written.
    pub beside: Beside,
}

/// A frame on its way.
struct Work {
    number: usize,
    frame: Frame,
    /// Light to restore; none where the frame is left alone.
    image: Option<Image<Srgb>>,
}

/// Restores the frames `wanted` out of `source`, whose first frame is the first that
/// [`Run::reads`] names, into `sink`. `report` is called after every frame.
///
/// # Errors
/// When a stage fails, `report` says so, or the video is not what it was when it was surveyed.
pub fn restore_frames(
    run: Run<'_>,
    source: &mut dyn FrameSource,
    sink: Box<dyn FrameSink>,
    wanted: Range<usize>,
    report: &mut dyn FnMut(usize) -> Result<()>,
) -> Result<()> {
    let (size, coding) = (source.size(), *source.coding());
    let reads = run.reads(&wanted);
    std::thread::scope(|scope| {
        let (to_prepare, frames) = sync_channel(QUEUE);
        let (to_restore, prepared) = sync_channel(QUEUE);
        let (to_write, restored) = sync_channel(QUEUE);
        let reading = scope.spawn(move || read(run, source, reads, &to_prepare));
        let range = wanted.clone();
        let preparing =
            scope.spawn(move || prepare(run, (size, coding), range, &frames, &to_restore));
        let writing = scope.spawn(move || write(run, (size, coding), &restored, sink));
        let mut restoring = Ok(());
        for mut work in prepared {
            restoring = restore(run, &mut work);
            let number = work.number;
            // When writing failed, its own error says why.
            if restoring.is_err() || to_write.send(work).is_err() {
                break;
            }
            restoring = report(number);
            if restoring.is_err() {
                break;
            }
        }
        drop(to_write);
        let outcomes = [
            restoring.map(|()| wanted.len()),
            reading.join().unwrap_or_else(|_| Err(gone())).map(|()| wanted.len()),
            preparing.join().unwrap_or_else(|_| Err(gone())).map(|()| wanted.len()),
            writing.join().unwrap_or_else(|_| Err(gone())),
        ];
        for outcome in outcomes {
            if outcome? < wanted.len() {
                return Err(changed());
            }
        }
        Ok(())
    })
}

impl Run<'_> {
    /// The frames that must be read to restore `wanted`.
    pub fn reads(&self, wanted: &Range<usize>) -> Range<usize> {
        let (before, after) = self.denoiser.map_or((0, 0), |d| (d.before(), d.after));
        wanted.start.saturating_sub(before)..(wanted.end + after).min(self.times_us.len())
    }
}

fn gone() -> Error {
    let message = "a stage of the work broke down, which is a fault of relume itself";
    MediaError::new(ErrorKind::Tool, message).into()
}

fn changed() -> Error {
    let message = "the video has other frames than at first: the file was changed, or reading it \
                   was cut short";
    MediaError::new(ErrorKind::Decode, message).into()
}

fn read(
    run: Run<'_>,
    source: &mut dyn FrameSource,
    reads: Range<usize>,
    to: &SyncSender<(usize, Frame)>,
) -> Result<()> {
    for number in reads {
        let frame = source.read()?.filter(|frame| frame.time_us == run.times_us[number]);
        let frame = frame.ok_or_else(changed)?;
        if to.send((number, frame)).is_err() {
            break;
        }
    }
    Ok(())
}

/// Samples to light, and less noise.
fn prepare(
    run: Run<'_>,
    (size, coding): (Size, Coding),
    wanted: Range<usize>,
    from: &Receiver<(usize, Frame)>,
    to: &SyncSender<Work>,
) -> Result<()> {
    let Some(denoiser) = run.denoiser else {
        for (number, frame) in from {
            let image = match run.plans[number].left_alone {
                true => None,
                false => Some(frame.image(size, &coding)?),
            };
            if to.send(Work { number, frame, image }).is_err() {
                break;
            }
        }
        return Ok(());
    };
    let mut windows = Windows::new(denoiser.before(), denoiser.after);
    let mut waiting = std::collections::VecDeque::new();
    let mut open = true;
    while open {
        match from.recv() {
            Ok((number, frame)) => {
                let seen = Seen::new(frame.image(size, &coding)?);
                windows.push(seen, run.cuts.contains(&number));
                waiting.push_back((number, frame));
            }
            Err(_) => {
                windows.end();
                open = false;
            }
        }
        while let Some(window) = windows.next_window() {
            let Some((number, frame)) = waiting.pop_front() else { break };
            if !wanted.contains(&number) {
                continue;
            }
            let image = (!run.plans[number].left_alone).then(|| denoiser.denoise(&window));
            if to.send(Work { number, frame, image }).is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn restore(run: Run<'_>, work: &mut Work) -> Result<()> {
    match &mut work.image {
        Some(image) => run.restorer.follow(image, run.plans[work.number], &Progress::silent()),
        None => Ok(()),
    }
}

/// Light to samples, and into the file; gives the number of frames.
fn write(
    run: Run<'_>,
    (size, coding): (Size, Coding),
    from: &Receiver<Work>,
    mut sink: Box<dyn FrameSink>,
) -> Result<usize> {
    let mut count = 0;
    for Work { frame, image, .. } in from {
        let frame = match (run.beside, image) {
            (Beside::Nothing, None) => frame,
            (Beside::Nothing, Some(image)) => frame.with_image(&image, &coding),
            (Beside::Before, image) => {
                let before = frame.image(size, &coding)?;
                let pair = side_by_side(&before, image.as_ref().unwrap_or(&before));
                frame.with_image(&pair, sink.coding())
            }
        };
        sink.write(&frame)?;
        count += 1;
    }
    sink.finish()?;
    Ok(count)
}

fn side_by_side(left: &Image<Srgb>, right: &Image<Srgb>) -> Image<Srgb> {
    let Size { width, height } = left.size();
    Image::from_fn(Size::new(2 * width, height), |x, y| match x.checked_sub(width) {
        None => left.get(x, y),
        Some(x) => right.get(x, y),
    })
}

/// Restores a stream frame by frame, with what is known so far: nothing waits for frames to come.
/// `report` is called after every frame.
///
/// # Errors
/// When reading, restoring or writing fails, or `report` says so.
pub fn stream(
    restorer: &Restorer,
    source: &mut dyn FrameSource,
    mut sink: Box<dyn FrameSink>,
    denoise: bool,
    report: &mut dyn FnMut(usize) -> Result<()>,
) -> Result<()> {
    let (size, coding, like) = (source.size(), *source.coding(), restorer.usual_plan());
    let denoiser = Denoiser { after: 0 };
    let mut windows = Windows::new(denoiser.before(), 0);
    let (mut scenes, mut light, mut route) =
        (Scenes::default(), Causal::default(), Hysteresis::default());
    let (mut next_look, mut wanted, mut number) = (i64::MIN, None, 0);
    while let Some(frame) = source.read()? {
        let cut = scenes.next(coding.glance(size, &frame.samples, GLANCE)?);
        if cut {
            light.cut();
            route.cut();
        }
        let mut image = frame.image(size, &coding)?;
        if cut || frame.time_us >= next_look || wanted.is_none() {
            wanted = Some(Light::of(&restorer.plan(&image)?, frame.time_us));
            next_look = frame.time_us + LOOK_EVERY_US;
        }
        if denoise {
            windows.push(Seen::new(image.clone()), cut);
            if let Some(window) = windows.next_window() {
                image = denoiser.denoise(&window);
            }
        }
        let now = wanted.map(|light| Light { time_us: frame.time_us, ..light });
        let now = now.map(|wanted| light.next(wanted));
        let plan = now.map(|now| now.plan(&like, now.asks >= 0.25, &mut route));
        let frame = match plan.filter(|plan| !plan.left_alone) {
            None => frame,
            Some(plan) => {
                restorer.follow(&mut image, plan, &Progress::silent())?;
                frame.with_image(&image, &coding)
            }
        };
        sink.write(&frame)?;
        report(number)?;
        number += 1;
    }
    sink.finish()?;
    Ok(())
}
