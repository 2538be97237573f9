//! Brightness and colour difference apart, as cameras and JPEG treat them.

use crate::{Image, Plane, Srgb};

/// Luma (Rec. 601) and the differences blue − luma and red − luma.
pub(super) struct LumaChroma {
    pub(super) luma: Plane,
    pub(super) blue: Plane,
    pub(super) red: Plane,
}

impl LumaChroma {
    pub(super) fn of(image: &Image<Srgb>) -> Self {
        let (r, g, b) = (image.channel(0), image.channel(1), image.channel(2));
        let mut luma = Plane::filled(image.size(), 0.0);
        for (i, value) in luma.values.iter_mut().enumerate() {
            *value = 0.299 * r[i] + 0.587 * g[i] + 0.114 * b[i];
        }
        let difference = |channel: &[f32]| Plane {
            size: luma.size,
            values: channel.iter().zip(&luma.values).map(|(c, y)| c - y).collect(),
        };
        Self { blue: difference(b), red: difference(r), luma }
    }

    /// Writes the colours back into `image`.
    pub(super) fn store(&self, image: &mut Image<Srgb>) {
        let luma = &self.luma.values;
        for (channel, difference) in [(0, &self.red), (2, &self.blue)] {
            let values = image.channel_mut(channel).iter_mut();
            for (value, (y, d)) in values.zip(luma.iter().zip(&difference.values)) {
                *value = y + d;
            }
        }
        for (i, value) in image.channel_mut(1).iter_mut().enumerate() {
            *value = luma[i] - (0.299 * self.red.values[i] + 0.114 * self.blue.values[i]) / 0.587;
        }
    }
}
