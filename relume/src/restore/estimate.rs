//! What a restoration will cost, from a short run on this machine.

use std::time::Instant;

use relume_media::{Image, Size, Srgb};
use relume_nn::cpu::{Cut, PictureMut};
use relume_nn::{Feeds, Tensor};

use super::Restorer;
use crate::exposure::Thumbnail;
use crate::models::alen::{Route, Routing};
use crate::models::lantern::{EXPOSURE, IMAGE};
use crate::models::sem::Gate;
use crate::{Result, compatible};

/// Side in pixels of the picture that an estimate is made from.
const PROBE: usize = 640;

/// Seconds to read, diagnose, shrink and write a megapixel, as measured on 24 megapixels of JPEG.
const SECONDS_PER_MEGAPIXEL: f64 = 0.06;

/// Bytes for every pixel of the photo: the picture in floats, and file buffers.
const BYTES_PER_PIXEL: usize = 12 + 8;

/// What a restoration will cost on this machine.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Estimate {
    /// Wall time in seconds, reading and writing included.
    pub seconds: f64,
    /// Peak memory in bytes.
    pub peak_bytes: u64,
}

impl Restorer {
    /// Predicts time and memory for a picture of `size`, from a short run on this machine.
    ///
    /// # Errors
    /// When the network does not run.
    pub fn estimate(&self, size: Size) -> Result<Estimate> {
        let size = match self.compatible {
            true => compatible::size(size, compatible::SHORT_SIDE),
            false => size,
        };
        let Size { width, height } = size;
        // Large enough that edges hardly count, and that every core is busy.
        let probe = Size::new(width.min(PROBE), height.min(PROBE));
        let share = size.megapixels() / probe.megapixels();
        let seconds = self.time(probe)? * share + SECONDS_PER_MEGAPIXEL * size.megapixels();
        let maps = self.network.memory((height, width), self.card.output)?;
        let peak_bytes = (size.pixels() * BYTES_PER_PIXEL + maps) as u64;
        Ok(Estimate { seconds, peak_bytes })
    }

    /// Seconds that the network takes for a black picture of `size`, the better of two runs.
    fn time(&self, size: Size) -> Result<f64> {
        let mut image = Image::<Srgb>::black(size);
        let mut feeds =
            if self.surveys() { self.survey(&Thumbnail::of(&image)) } else { Feeds::new() };
        if self.is_gated() {
            feeds.extend(Gate::OPEN.feeds());
        }
        feeds.insert(EXPOSURE.into(), Tensor::scalars(&[1.0, 1.0]));
        if self.has_routes() {
            // The dearest case: both routes.
            feeds.extend(Routing::new(Route::Auto, 0.5).feeds());
        }
        let Size { width, height } = size;
        let mut best = f64::INFINITY;
        for _ in 0..2 {
            let values = image.values_mut();
            let picture = PictureMut { name: IMAGE, height, width, values, blend: &|_, _| {} };
            let clock = Instant::now();
            let (output, cut) = (self.card.output, Cut::Fitting);
            self.network.run_in_place(picture, &feeds, output, cut, &|_| Ok(()))?;
            best = best.min(clock.elapsed().as_secs_f64());
        }
        Ok(best)
    }
}
