//! NIQE, the distance of a picture's texture statistics from those of good photographs (Mittal,
//! Soundararajan and Bovik 2013). No truth is needed.
//!
//! Conventions are those of BasicSR 1.4.2, which follows the authors' MATLAB release: luma of
//! ITU-R BT.601 in studio range rounded to whole levels, patches of 96×96 without overlap, edge
//! pixels repeated, the second scale by MATLAB's antialiased bicubic `imresize`. Values are only
//! comparable when made with the same [`Pristine`] model.

mod features;
mod pristine;

pub use pristine::Pristine;

use relume_media::{Image, Result, Srgb};

use super::{Better, Measure, MetricCard, Shown};

/// The card of [`niqe`].
pub(super) const CARD: MetricCard = MetricCard {
    name: "niqe",
    help: "distance of texture statistics from those of good photographs, by relume's own model",
    source: "Mittal, Soundararajan and Bovik 2013; conventions of BasicSR",
    unit: "",
    better: Better::Lower,
    decimals: 2,
    shown: Shown::InTables,
    measure: Measure::AgainstPristine(niqe),
};

/// NIQE of a picture rounded to 8 bit: 0 for the statistics of `pristine`, 3 to 4 for a good
/// photograph, 10 and more for a ruined one.
///
/// # Errors
/// [`relume_media::ErrorKind::Parameter`] when fewer than two patches of 96×96 fit, or too few of
/// them have any texture.
pub fn niqe(picture: &Image<Srgb>, pristine: &Pristine) -> Result<f64> {
    pristine.distance(&features::patches(picture)?)
}
