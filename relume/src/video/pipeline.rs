//! Frames through the stages of restoring, each on a thread of its own, with bounded queues.
//!
//! reading → [queue] → light and denoising → [queue] → network → [queue] → samples and writing

use std::collections::VecDeque;
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
    /// Whether frames are averaged along their motion, before and after they are restored.
    pub denoise: bool,
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
        let (restores, writes) = (run.restores(&wanted), wanted.clone());
        let preparing =
            scope.spawn(move || prepare(run, (size, coding), restores, &frames, &to_restore));
        let writing = scope.spawn(move || write(run, (size, coding), writes, &restored, sink));
        let mut restoring = Ok(());
        for mut work in prepared {
            restoring = restore(run, &mut work);
            let number = work.number;
            // When writing failed, its own error says why.
            if restoring.is_err() || to_write.send(work).is_err() {
                break;
            }
            if wanted.contains(&number) {
                restoring = report(number);
            }
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
        self.around(Denoiser::NOISE, &self.restores(wanted))
    }

    /// The frames that must be restored for it.
    fn restores(&self, wanted: &Range<usize>) -> Range<usize> {
        self.around(Denoiser::REST, wanted)
    }

    fn around(&self, denoiser: Denoiser, wanted: &Range<usize>) -> Range<usize> {
        if !self.denoise {
            return wanted.clone();
        }
        let end = (wanted.end + denoiser.after).min(self.times_us.len());
        wanted.start.saturating_sub(denoiser.before)..end
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
    let works = from.iter().map(|(number, frame)| {
        let seen = !run.plans[number].left_alone;
        let image = if seen { Some(frame.image(size, &coding)?) } else { None };
        Ok(Work { number, frame, image })
    });
    run.average(Denoiser::NOISE, wanted, works, &mut |work| Ok(to.send(work).is_ok()))
}

/// Frames that wait for their neighbours.
struct Waiting {
    denoiser: Denoiser,
    windows: Windows<Seen>,
    frames: VecDeque<(usize, Frame)>,
}

impl Waiting {
    fn new(denoiser: Denoiser) -> Self {
        let windows = Windows::new(denoiser.before, denoiser.after);
        Self { denoiser, windows, frames: VecDeque::new() }
    }

    /// Gives on the frames of those wanted that have their neighbours, averaged with them; until
    /// `give` says that nobody listens, which is the answer then.
    fn drain(
        &mut self,
        wanted: &Range<usize>,
        give: &mut dyn FnMut(Work) -> Result<bool>,
    ) -> Result<bool> {
        while let Some(window) = self.windows.next_window() {
            let Some((number, frame)) = self.frames.pop_front() else { break };
            if wanted.contains(&number) {
                let image = Some(self.denoiser.denoise(&window));
                if !give(Work { number, frame, image })? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

impl Run<'_> {
    /// Gives on the frames `wanted`, averaged with their neighbours in the scene where they have an
    /// image; until `give` says that nobody listens.
    fn average(
        self,
        denoiser: Denoiser,
        wanted: Range<usize>,
        works: impl Iterator<Item = Result<Work>>,
        give: &mut dyn FnMut(Work) -> Result<bool>,
    ) -> Result<()> {
        let mut waiting = Waiting::new(denoiser);
        for work in works {
            let Work { number, frame, image } = work?;
            let listens = match image {
                Some(image) if self.denoise => {
                    waiting.windows.push(Seen::new(image), self.cuts.contains(&number));
                    waiting.frames.push_back((number, frame));
                    waiting.drain(&wanted, give)?
                }
                // Nothing to average: a scene that is left alone ends the one before.
                image => {
                    waiting.windows.end();
                    let listens = waiting.drain(&wanted, give)?;
                    waiting = Waiting::new(denoiser);
                    listens && (!wanted.contains(&number) || give(Work { number, frame, image })?)
                }
            };
            if !listens {
                return Ok(());
            }
        }
        waiting.windows.end();
        waiting.drain(&wanted, give).map(|_| ())
    }
}

fn restore(run: Run<'_>, work: &mut Work) -> Result<()> {
    match &mut work.image {
        Some(image) => run.restorer.follow(image, run.plans[work.number], &Progress::silent()),
        None => Ok(()),
    }
}

/// Less of what still flickers, light to samples, and into the file; gives the number of frames.
fn write(
    run: Run<'_>,
    (size, coding): (Size, Coding),
    wanted: Range<usize>,
    from: &Receiver<Work>,
    mut sink: Box<dyn FrameSink>,
) -> Result<usize> {
    let mut count = 0;
    run.average(
        Denoiser::REST,
        wanted,
        from.iter().map(Ok),
        &mut |Work { frame, image, .. }| {
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
            Ok(true)
        },
    )?;
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
    let [noise, rest] = [Denoiser::NOISE, Denoiser::REST].map(Denoiser::causal);
    let mut shot = Windows::new(noise.before, 0);
    let mut restored = Windows::new(rest.before, 0);
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
            shot.push(Seen::new(image.clone()), cut);
            if let Some(window) = shot.next_window() {
                image = noise.denoise(&window);
            }
        }
        let now = wanted.map(|light| Light { time_us: frame.time_us, ..light });
        let now = now.map(|wanted| light.next(wanted));
        let plan = now.map(|now| now.plan(&like, now.asks >= 0.25, &mut route));
        let frame = match plan.filter(|plan| !plan.left_alone) {
            None => frame,
            Some(plan) => {
                restorer.follow(&mut image, plan, &Progress::silent())?;
                if denoise {
                    restored.push(Seen::new(image.clone()), cut);
                    if let Some(window) = restored.next_window() {
                        image = rest.denoise(&window);
                    }
                }
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
