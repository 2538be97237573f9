//! Deciding what to do to a picture, apart from doing it: the frames of a video are decided on
//! together.

use relume_media::{Image, Progress, Srgb};
use relume_nn::relight::Exposure;
use relume_nn::{Feeds, Tensor};

use super::{RestoreReport, Restorer};
use crate::exposure::Thumbnail;
use crate::models::alen::Routing;
use crate::models::lantern::EXPOSURE;
use crate::models::sem::{self, Gate};
use crate::{Result, diagnose};

/// What is to be done to the light of a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// Whether the picture is to be left as it is.
    pub left_alone: bool,
    /// The exposure step, for networks that take one.
    pub exposure: Exposure,
    /// How much the network may do, for those with a gate.
    pub gate: Option<Gate>,
    /// By which route, for those that know several.
    pub routing: Option<Routing>,
}

impl Restorer {
    /// Decides what to do to a picture, without doing it.
    ///
    /// # Errors
    /// When the network does not run.
    pub fn plan(&self, image: &Image<Srgb>) -> Result<Plan> {
        Ok(self.look(image)?.0)
    }

    /// A plan of the kind that this network takes, with nothing to be done.
    pub fn usual_plan(&self) -> Plan {
        let route = self.route.unwrap_or_default();
        Plan {
            left_alone: true,
            exposure: Exposure::NEUTRAL,
            gate: self.is_gated().then_some(Gate::OPEN),
            routing: self.has_routes().then(|| Routing::new(route, 0.5)),
        }
    }

    /// Does to a picture what was planned, for it or for a similar one; when that fails or the
    /// caller cancels, the pixels are lost.
    ///
    /// # Errors
    /// When the network does not run or the caller cancels.
    pub fn follow(
        &self,
        image: &mut Image<Srgb>,
        plan: Plan,
        progress: &Progress<'_>,
    ) -> Result<()> {
        let surveys = self.surveys() && !plan.left_alone;
        let feeds = if surveys { self.survey(&Thumbnail::of(image)) } else { Feeds::new() };
        self.carry_out(image, plan, feeds, progress)
    }

    /// The plan, what the survey is told, and the report as far as it is known before the work.
    pub(super) fn look(&self, image: &Image<Srgb>) -> Result<(Plan, Feeds, RestoreReport)> {
        let diagnosis = diagnose(image);
        let thumbnail = Thumbnail::of(image);
        let mut feeds = Feeds::new();
        let mut gate = None;
        let (exposure, report) = if self.surveys() {
            feeds = self.survey(&thumbnail);
            self.decide(&thumbnail, &feeds, &diagnosis)?
        } else {
            gate = self.gate(&diagnosis);
            self.as_it_is(&thumbnail, &diagnosis, gate)?
        };
        let left_alone = report.left_alone;
        let routing = match !left_alone && self.has_routes() {
            true => Some(Routing::of(&self.network, image, self.route.unwrap_or_default())?),
            false => None,
        };
        Ok((Plan { left_alone, exposure, gate, routing }, feeds, report))
    }

    /// Does what was planned.
    pub(super) fn carry_out(
        &self,
        image: &mut Image<Srgb>,
        plan: Plan,
        mut feeds: Feeds,
        progress: &Progress<'_>,
    ) -> Result<()> {
        if plan.left_alone {
            progress.report(1.0)?;
            return Ok(());
        }
        if let (Some(gate), Some(times)) = (plan.gate, self.preview) {
            sem::preview(&self.network, image, gate, times)?;
            progress.report(1.0)?;
            return Ok(());
        }
        let Plan { exposure, gate, .. } = plan;
        feeds.extend(gate.map(Gate::feeds).unwrap_or_default());
        feeds.insert(EXPOSURE.into(), Tensor::scalars(&[exposure.gain, exposure.white]));
        // A gate has scaled the curves: its result is not blended with the input.
        let share = if gate.is_some() { 1.0 } else { self.asked_strength() };
        self.run(image, feeds, plan, share, progress)
    }
}
