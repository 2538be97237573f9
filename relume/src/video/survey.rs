//! The first pass over a video: when its frames are shown, where its scenes begin, and the light
//! that they want.

use relume_media::video::{Cut, Frame, FrameSource};
use relume_media::{Error as MediaError, ErrorKind};
use serde::{Deserialize, Serialize};

use super::lights::{Light, steady};
use super::scenes::{GLANCE, cuts};
use crate::models::alen::Hysteresis;
use crate::restore::Plan;
use crate::{Restorer, Result};

/// Time between frames whose light is looked at, in microseconds.
pub(super) const LOOK_EVERY_US: i64 = 60_000;

/// What the first pass found.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Survey {
    /// When each frame is shown, in microseconds.
    pub times_us: Vec<i64>,
    /// End of the last frame.
    pub end_us: i64,
    /// Frames that begin a new scene.
    pub cuts: Vec<usize>,
    /// What some of the frames want.
    pub lights: Vec<Light>,
}

impl Survey {
    /// Goes through all frames in `within` (all there are, if none). `look` says whether light is
    /// planned at all; `report` is told the number of frames seen.
    ///
    /// # Errors
    /// When the video cannot be read, `report` says so, or there is no frame.
    pub fn of(
        source: &mut dyn FrameSource,
        restorer: &Restorer,
        within: Option<Cut>,
        mut report: impl FnMut(usize) -> Result<()>,
    ) -> Result<Self> {
        let (size, coding) = (source.size(), *source.coding());
        let (mut found, mut glances) = (Self::default(), Vec::new());
        let (mut next_look, mut last_duration) = (i64::MIN, 0);
        while let Some(frame) = source.read()? {
            let Frame { time_us, duration_us, .. } = frame;
            if within.is_some_and(|cut| time_us >= cut.to_us) {
                break;
            }
            if found.times_us.last().is_some_and(|&last| time_us <= last) {
                let message = format!(
                    "frame {} comes no later than the one before: the times in \
                                       this video are damaged; repair it first (ffmpeg -i IN -c \
                                       copy OUT)",
                    found.times_us.len()
                );
                return Err(MediaError::new(ErrorKind::Decode, message).into());
            }
            if time_us >= next_look {
                let plan = restorer.plan(&frame.image(size, &coding)?)?;
                found.lights.push(Light::of(&plan, time_us));
                next_look = time_us + LOOK_EVERY_US;
            }
            glances.push(coding.glance(size, &frame.samples, GLANCE)?);
            found.times_us.push(time_us);
            last_duration = duration_us;
            report(found.times_us.len())?;
        }
        let Some(&last) = found.times_us.last() else {
            let message = "no frame could be read: the video is empty, damaged, or --from lies \
                           behind its end";
            return Err(MediaError::new(ErrorKind::Decode, message).into());
        };
        found.cuts = cuts(&glances);
        let usual = found.times_us.iter().rev().nth(1).map_or(40_000, |before| last - before);
        found.end_us = last + if last_duration > 0 { last_duration } else { usual };
        Ok(found)
    }

    /// The scenes, as ranges of frames.
    pub fn scenes(&self) -> Vec<std::ops::Range<usize>> {
        let starts: Vec<usize> = [0].into_iter().chain(self.cuts.iter().copied()).collect();
        let ends = self.cuts.iter().copied().chain([self.times_us.len()]);
        starts.iter().copied().zip(ends).map(|(start, end)| start..end).collect()
    }

    /// A plan for every frame, of the kind of `like`.
    pub fn plans(&self, like: &Plan) -> Vec<Plan> {
        let mut plans = Vec::with_capacity(self.times_us.len());
        let mut known: Option<(Vec<Light>, bool)> = None;
        for scene in self.scenes() {
            let times = &self.times_us[scene.clone()];
            let [first, last] = [times[0], times[times.len() - 1]];
            let inside = |light: &&Light| (first..=last).contains(&light.time_us);
            let wanted: Vec<Light> = self.lights.iter().filter(inside).copied().collect();
            // A scene too short to have been looked at goes as the one before.
            let wanted = match (&known, wanted.is_empty()) {
                (Some((lights, _)), true) => lights[lights.len() - 1..].to_vec(),
                _ => wanted,
            };
            known = steady(&wanted, times);
            if let Some((lights, asks)) = &known {
                let mut route = Hysteresis::default();
                plans.extend(lights.iter().map(|light| light.plan(like, *asks, &mut route)));
            }
        }
        plans
    }

    /// Ranges of about `frames` frames to be written one by one; the first frame of a scene is
    /// preferred as a beginning.
    pub fn pieces(&self, frames: usize) -> Vec<std::ops::Range<usize>> {
        let (count, frames) = (self.times_us.len(), frames.max(1));
        let mut pieces = Vec::new();
        let mut start = 0;
        while start < count {
            let latest = start + frames;
            let mut end = latest.min(count);
            if latest < count {
                let near = start + (frames / 2).max(1)..=latest;
                end = self.cuts.iter().rev().copied().find(|cut| near.contains(cut)).unwrap_or(end);
            }
            pieces.push(start..end);
            start = end;
        }
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_all_frames_once_and_like_to_begin_with_a_scene() {
        let survey =
            Survey { times_us: (0..100).collect(), cuts: vec![3, 40, 77], ..Survey::default() };
        assert_eq!(survey.scenes(), [0..3, 3..40, 40..77, 77..100]);
        assert_eq!(survey.pieces(30), [0..30, 30..60, 60..77, 77..100]);
        assert_eq!(survey.pieces(48), [0..40, 40..77, 77..100]);
        assert_eq!(survey.pieces(1000).first(), Some(&(0..100)));
        for frames in [1, 7, 33] {
            let pieces = survey.pieces(frames);
            assert!(pieces.iter().all(|piece| piece.len() <= frames && !piece.is_empty()));
            assert_eq!(pieces.iter().map(ExactSizeIterator::len).sum::<usize>(), 100);
        }
    }
}
