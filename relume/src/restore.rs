//! [`Restorer`]: a picture in, a better one out.
//!
//! Diagnose: a fine picture is left alone. Otherwise survey the thumbnail, decide on the light, run
//! the local network in tiles, and put back what the network must not touch: colours outside its
//! gamut, opacity, greyness, metadata. Networks of others know no survey and no exposure: they are
//! run as they are, `sem` behind its gate.

mod estimate;
mod identity;
mod plan;
mod report;

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use relume_media::light::luma;
use relume_media::limits::read_bytes;
use relume_media::photo::BitDepth;
use relume_media::{Image, Photo, Progress, Size, Srgb};
use relume_nn::cpu::{Cut, Network, PictureMut};
use relume_nn::relight::Exposure;
use relume_nn::{Feeds, Tensor, Weights};

pub use self::estimate::Estimate;
pub use self::plan::Plan;
pub use self::report::{RestoreReport, Restored};
use crate::exposure::Thumbnail;
use crate::models::alen::{self, Route, Routing};
use crate::models::lantern::{BRIGHTNESS, IMAGE, LIGHT, THUMBNAIL, THUMBNAIL_SIDE};
use crate::models::sem::{self, Gate};
use crate::models::{self, ModelCard, oxnet};
use crate::{Diagnosis, Error, Result, Verdict, compatible, overexposed};

/// In a picture that the diagnosis does not find dark, a lack of light (in stops) below the first
/// is left alone; from the second on it is made up wholly, in between more and more.
const LIGHT_GATE: [f32; 2] = [1.5, 2.0];

/// A network with its weights and the user's wishes. A clone has its own wishes and shares the
/// network.
#[derive(Debug, Clone)]
pub struct Restorer {
    card: &'static ModelCard,
    network: Arc<Network>,
    /// Weights of a network that recovers highlights: it is built for the size of a picture.
    highlights: Option<Arc<Weights>>,
    /// SHA-256 of the weights, in hexadecimal digits.
    fingerprint: Arc<str>,
    /// What the user asked for; unasked, everything or what the gate allows.
    strength: Option<f32>,
    protection: Option<f32>,
    preview: Option<NonZeroUsize>,
    brightness: Option<f32>,
    always: bool,
    compatible: bool,
    route: Option<Route>,
}

impl Restorer {
    /// Loads a network of ours with the weights that the program carries.
    ///
    /// # Errors
    /// [`Error::Model`] for an unknown name or missing weights.
    pub fn load(name: &str) -> Result<Self> {
        let card = models::find(name)?;
        Self::new(card, card.load_weights()?)
    }

    /// Loads a network with weights from a file that names its architecture: what we train, or
    /// what `relume models import` made of another program's.
    ///
    /// # Errors
    /// [`Error::Model`] when the file cannot be read or does not fit.
    pub fn from_file(path: &Path) -> Result<Self> {
        let wrong = |message: String| Error::Model(format!("{}: {message}", path.display()));
        let bytes = read_bytes(path, models::LARGEST_WEIGHTS).map_err(|e| wrong(e.to_string()))?;
        let weights = Weights::read(&bytes).map_err(|e| wrong(e.to_string()))?;
        let name = weights.metadata.get("modelspec.architecture").cloned();
        let name = name.ok_or_else(|| {
            wrong("does not say which model it is for: relume models import it --as NAME".into())
        })?;
        Self::new(models::find(&name)?, weights)
    }

    /// A network with weights of its kind.
    ///
    /// # Errors
    /// [`Error::Model`] when the weights do not fit.
    pub fn new(card: &'static ModelCard, weights: Weights) -> Result<Self> {
        let fingerprint = identity::fingerprint(&weights).into();
        let highlights = oxnet::widths(card.name).map(|_| Arc::new(weights.clone()));
        let network = Arc::new(Network::new(models::for_restoring(card)?, weights)?);
        Ok(Self {
            card,
            network,
            highlights,
            fingerprint,
            strength: None,
            protection: None,
            preview: None,
            brightness: None,
            always: false,
            compatible: false,
            route: None,
        })
    }

    /// How much is done, 0 (nothing) to 1 (everything). Without a call it is everything, but for
    /// `sem`, whose gate then decides by the picture's exposure.
    ///
    /// # Errors
    /// [`Error::Parameter`] outside that range.
    pub fn strength(mut self, strength: f32) -> Result<Self> {
        if !(0.0..=1.0).contains(&strength) {
            return Err(Error::Parameter(format!("strength is {strength}; it goes from 0 to 1")));
        }
        self.strength = Some(strength);
        Ok(self)
    }

    /// How much the bright parts are kept from being brightened, 0 to 1: for networks with a gate.
    ///
    /// # Errors
    /// [`Error::Parameter`] outside that range, and when the network has no gate.
    pub fn protection(mut self, protection: Option<f32>) -> Result<Self> {
        if let Some(value) = protection {
            if !(0.0..=1.0).contains(&value) {
                let message = format!("highlight protection is {value}; it goes from 0 to 1");
                return Err(Error::Parameter(message));
            }
            self.needs_gate("highlight protection")?;
        }
        self.protection = protection;
        Ok(self)
    }

    /// The network alone: no verdict and no gate keep it from anything. For comparisons.
    #[must_use]
    pub fn unguarded(self) -> Self {
        Self { strength: Some(1.0), protection: Some(0.0), always: true, ..self }
    }

    /// A fast preview: curve maps of a copy so many times smaller, applied at full size.
    ///
    /// # Errors
    /// [`Error::Parameter`] when the network has no such maps.
    pub fn preview(mut self, times: Option<NonZeroUsize>) -> Result<Self> {
        if times.is_some() {
            self.needs_gate("preview")?;
        }
        self.preview = times;
        Ok(self)
    }

    fn needs_gate(&self, what: &str) -> Result<()> {
        if self.is_gated() {
            return Ok(());
        }
        let message = format!("{} has no {what}; sem has", self.card.name);
        Err(Error::Parameter(message))
    }

    /// The mean display luma to aim at, 0.02 to 0.9; `None` (the default) lets the survey decide.
    ///
    /// # Errors
    /// [`Error::Parameter`] outside that range.
    pub fn brightness(mut self, brightness: Option<f32>) -> Result<Self> {
        if let Some(value) = brightness.filter(|v| !(0.02..=0.9).contains(v)) {
            let message = format!("brightness is {value}; it goes from 0.02 to 0.9");
            return Err(Error::Parameter(message));
        }
        self.brightness = brightness;
        Ok(self)
    }

    /// Restores even a picture that the diagnosis finds fine; off by default.
    #[must_use]
    pub fn always(mut self, always: bool) -> Self {
        self.always = always;
        self
    }

    /// Works as the event-photo enhancer's own program does (see [`compatible`]), also on pictures
    /// that are fine; off by default. The result is 8-bit, 400 pixels on its short side, opaque.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a network that is no MIRNet.
    pub fn compatible(mut self, compatible: bool) -> Result<Self> {
        if compatible && !self.card.name.starts_with("mirnet") {
            let message = format!("compatible is for mirnet; {} has no such way", self.card.name);
            return Err(Error::Parameter(message));
        }
        self.compatible = compatible;
        Ok(self)
    }

    /// Which way a picture is lit; `None` (the default) is [`Route::Auto`] where there are routes.
    ///
    /// # Errors
    /// [`Error::Parameter`] when the network knows one way alone.
    pub fn route(mut self, route: Option<Route>) -> Result<Self> {
        if route.is_some() && !self.has_routes() {
            let name = self.card.name;
            let message = format!("{name} knows no routes; alen and alen-small do");
            return Err(Error::Parameter(message));
        }
        self.route = route;
        Ok(self)
    }

    /// The network in use.
    pub fn card(&self) -> &'static ModelCard {
        self.card
    }

    /// Restores a photo; metadata, depth, profile and opacity stay.
    ///
    /// # Errors
    /// When the network does not run.
    pub fn photo(&self, photo: &Photo) -> Result<Photo> {
        Ok(self.photo_with(photo.clone(), &Progress::silent())?.photo)
    }

    /// Restores a photo, reporting progress; the photo is taken so that its memory can be reused.
    ///
    /// # Errors
    /// When the network does not run or the caller cancels.
    pub fn photo_with(&self, photo: Photo, progress: &Progress<'_>) -> Result<Restored> {
        let mut photo = photo;
        if self.compatible {
            photo.image = compatible::prepare(&photo.image, compatible::SHORT_SIDE)?;
            (photo.alpha, photo.depth) = (None, BitDepth::Eight);
        }
        let report = self.in_place(&mut photo.image, progress)?;
        if self.compatible {
            photo.image = photo.image.map(|v| f32::from(compatible::quantise(v)) / 255.0);
        }
        if photo.grey && !report.left_alone {
            make_grey(&mut photo.image);
        }
        Ok(Restored { photo, report })
    }

    /// Restores pixels.
    ///
    /// # Errors
    /// When the network does not run or the caller cancels.
    pub fn image(
        &self,
        image: &Image<Srgb>,
        progress: &Progress<'_>,
    ) -> Result<(Image<Srgb>, RestoreReport)> {
        let mut restored = image.clone();
        let report = self.in_place(&mut restored, progress)?;
        Ok((restored, report))
    }

    /// Restores pixels where they are; when that fails or the caller cancels, they are lost.
    fn in_place(&self, image: &mut Image<Srgb>, progress: &Progress<'_>) -> Result<RestoreReport> {
        let (plan, feeds, mut report) = self.look(image)?;
        report.routing = plan.routing;
        self.carry_out(image, plan, feeds, progress)?;
        if !self.surveys() && !plan.left_alone {
            report.brightness_wanted = Thumbnail::of(image).brightness(Exposure::NEUTRAL);
        }
        Ok(report)
    }

    /// Runs the network, by the route of the plan where it knows several; `share` of its answer
    /// is kept.
    fn run(
        &self,
        image: &mut Image<Srgb>,
        mut feeds: Feeds,
        plan: Plan,
        share: f32,
        progress: &Progress<'_>,
    ) -> Result<()> {
        if let Some(weights) = &self.highlights {
            return self.recover(image, weights, share);
        }
        let tell = |share: f32| progress.report(share).map_err(|_| relume_nn::Error::Cancelled);
        let mut output = self.card.output;
        if let Some(routing) = plan.routing {
            if routing.route == Route::Published {
                return self.as_published(image, routing, share, &tell);
            }
            feeds.extend(routing.feeds());
            output = routing.output();
        }
        let exposure = plan.exposure;
        let Size { width, height } = image.size();
        let blend = |before: &[f32], after: &mut [f32]| keep(before, exposure, share, after);
        let values = image.values_mut();
        let picture = PictureMut { name: IMAGE, height, width, values, blend: &blend };
        self.network.run_in_place(picture, &feeds, output, Cut::Fitting, &tell)?;
        Ok(())
    }

    /// Invents the light of clipped parts and shows it with a shoulder; `share` of that.
    fn recover(&self, image: &mut Image<Srgb>, weights: &Weights, share: f32) -> Result<()> {
        let light = overexposed::recover_picture(self.card, weights, image, None)?;
        let shown = overexposed::tone_mapped(&light);
        let both = image.values_mut().iter_mut().zip(shown.values());
        both.for_each(|(value, shown)| *value = share * shown + (1.0 - share) * *value);
        Ok(())
    }

    /// Whether the network lights a picture in more than one way.
    fn has_routes(&self) -> bool {
        self.takes(alen::ROUTING)
    }

    /// As the authors' program does it, `share` of it.
    fn as_published(
        &self,
        image: &mut Image<Srgb>,
        routing: Routing,
        share: f32,
        tell: relume_nn::cpu::Report<'_>,
    ) -> Result<()> {
        let made = alen::published::run(&self.network, image, routing.share_local > 0.5, tell)?;
        let both = image.values_mut().iter_mut().zip(made.values());
        both.for_each(|(value, made)| *value = share * made + (1.0 - share) * *value);
        Ok(())
    }

    /// Whether the network surveys a thumbnail and takes a wanted exposure.
    fn surveys(&self) -> bool {
        self.takes(THUMBNAIL)
    }

    /// Whether how much the network does is told to it by a gate.
    fn is_gated(&self) -> bool {
        self.takes(sem::AMOUNT)
    }

    fn takes(&self, input: &str) -> bool {
        self.network.graph().nodes().iter().any(|node| node.name == input)
    }

    /// The gate for a picture, if the network has one: what the user asked for, else what suits.
    fn gate(&self, diagnosis: &Diagnosis) -> Option<Gate> {
        let usual = self.is_gated().then(|| Gate::of(&diagnosis.exposure))?;
        Some(Gate {
            amount: self.strength.unwrap_or(usual.amount),
            protection: self.protection.unwrap_or(usual.protection),
        })
    }

    /// How much is to be done where no gate decides.
    fn asked_strength(&self) -> f32 {
        self.strength.unwrap_or(1.0)
    }

    /// What is done by a network that makes a picture out of a picture and takes no wishes.
    fn as_it_is(
        &self,
        thumbnail: &Thumbnail,
        diagnosis: &Diagnosis,
        gate: Option<Gate>,
    ) -> Result<(Exposure, RestoreReport)> {
        if self.brightness.is_some() {
            let message = format!("{} takes no brightness; lantern-s does", self.card.name);
            return Err(Error::Parameter(message));
        }
        let before = thumbnail.brightness(Exposure::NEUTRAL);
        let fine = diagnosis.verdict == Verdict::Fine;
        let strength = gate.map_or(self.asked_strength(), |gate| gate.amount);
        let report = RestoreReport {
            verdict: diagnosis.verdict,
            left_alone: strength == 0.0 || (fine && !self.always && !self.compatible),
            brightness_before: before,
            brightness_wanted: before,
            lack_ev: 0.0,
            gain_ev: 0.0,
            strength,
            routing: None,
        };
        Ok((Exposure::NEUTRAL, report))
    }

    /// What the survey is told about the picture.
    fn survey(&self, thumbnail: &Thumbnail) -> Feeds {
        let (values, light) = thumbnail.neutral();
        let values = Tensor::new([1, 3, THUMBNAIL_SIDE, THUMBNAIL_SIDE], values);
        Feeds::from([(THUMBNAIL.to_owned(), values), (LIGHT.to_owned(), Tensor::scalars(&[light]))])
    }

    /// The exposure step for this picture: the user's brightness, or the survey's where the lack
    /// of light is beyond doubt.
    fn decide(
        &self,
        thumbnail: &Thumbnail,
        feeds: &Feeds,
        diagnosis: &Diagnosis,
    ) -> Result<(Exposure, RestoreReport)> {
        let verdict = diagnosis.verdict;
        let wanted = match self.brightness {
            Some(brightness) => brightness,
            None => self.wanted_brightness(feeds)?,
        };
        let lack = thumbnail.expose_for(wanted).gain.log2();
        let stops = match self.brightness {
            Some(_) => lack,
            None if diagnosis.exposure.is_dark() => lack.max(0.0),
            None => lack * light_gate(lack),
        };
        let asked = self.always || self.brightness.is_some();
        let fine = verdict == Verdict::Fine && stops == 0.0;
        let strength = self.asked_strength();
        let left_alone = strength == 0.0 || (fine && !asked);
        let stops = strength * stops;
        let exposure = thumbnail.exposure(stops.exp2());
        let report = RestoreReport {
            verdict,
            left_alone,
            brightness_before: thumbnail.brightness(Exposure::NEUTRAL),
            brightness_wanted: wanted,
            lack_ev: lack,
            gain_ev: stops,
            strength,
            routing: None,
        };
        Ok((exposure, report))
    }

    /// What the survey says of the brightness that the picture was meant to have.
    fn wanted_brightness(&self, feeds: &Feeds) -> Result<f32> {
        let said = self.network.run_fixed(feeds, &[BRIGHTNESS])?;
        let said = said.get(BRIGHTNESS).and_then(|tensor| tensor.values.first().copied());
        said.ok_or_else(|| Error::Model(format!("{} says no brightness", self.card.name)))
    }
}

/// Blends by `strength`, and adds back what lies outside the range the network works in.
fn keep(before: &[f32], exposure: Exposure, strength: f32, restored: &mut [f32]) {
    for (after, &before) in restored.iter_mut().zip(before) {
        let inside = before.clamp(0.0, 1.0);
        let mut value = after.clamp(0.0, 1.0);
        if strength < 1.0 {
            value = strength * value + (1.0 - strength) * exposure.relight(inside);
        }
        *after = value + (before - inside);
    }
}

/// 0 where a lack of light may be taste, 1 where it is none; too much light is left alone.
fn light_gate(stops: f32) -> f32 {
    let [low, high] = LIGHT_GATE;
    let t = ((stops - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

pub(crate) fn make_grey(image: &mut Image<Srgb>) {
    let area = image.size().pixels();
    for i in 0..area {
        let values = image.values_mut();
        let grey = luma([values[i], values[area + i], values[2 * area + i]]);
        for channel in 0..3 {
            values[channel * area + i] = grey;
        }
    }
}
