//! The exposure step that networks of ours share: gain in linear light, with a shoulder.
//!
//! Up to the knee the curve is the plain gain, so an under-exposed picture gets exactly the light
//! it lacks; above the knee an extended Reinhard curve (Reinhard et al. 2002) bends so that the
//! white point lands on 1, so lamps and windows keep their drawing. With white ≤ 1 it is the gain.

/// Linear value where the shoulder begins.
pub const KNEE: f32 = 0.5;

/// Exposure of one picture: gain on linear light, and the exposed value that becomes white.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exposure {
    /// Factor on linear light; 2 is one stop.
    pub gain: f32,
    /// Linear value, after the gain, that is shown as 1; at least 1.
    pub white: f32,
}

impl Exposure {
    /// Leaves the picture as it is.
    pub const NEUTRAL: Self = Self { gain: 1.0, white: 1.0 };

    /// Linear light in, linear light out, 0 to 1.
    pub fn tone(self, linear: f32) -> f32 {
        let exposed = self.gain * linear;
        if exposed <= KNEE {
            return exposed;
        }
        let span = 1.0 - KNEE;
        let top = (self.white.max(1.0) - KNEE) / span;
        let above = (exposed - KNEE) / span;
        (KNEE + span * above * (1.0 + above / (top * top)) / (1.0 + above)).min(1.0)
    }

    /// Display light in, display light out, 0 to 1.
    pub fn relight(self, encoded: f32) -> f32 {
        encode(self.tone(decode(encoded)))
    }
}

/// sRGB decoding, kept equal to `relume-media`'s by a test in `relume`.
pub fn decode(encoded: f32) -> f32 {
    if encoded <= 0.040_45 {
        (encoded / 12.92).max(0.0)
    } else {
        ((encoded + 0.055) / 1.055).powf(2.4)
    }
}

/// sRGB encoding, the inverse of [`decode`].
pub fn encode(linear: f32) -> f32 {
    if linear <= 0.003_130_8 {
        (linear * 12.92).max(0.0)
    } else {
        1.055 * linear.powf(1.0 / 2.4) - 0.055
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neutral_changes_nothing_and_the_curve_never_falls() {
        for i in 0..=100 {
            let x = i as f32 / 100.0;
            assert!((Exposure::NEUTRAL.relight(x) - x).abs() < 1e-5);
        }
        let exposure = Exposure { gain: 8.0, white: 6.0 };
        let mut before = 0.0;
        for i in 0..=1000 {
            let y = exposure.tone(i as f32 / 1000.0);
            assert!(y >= before && y <= 1.0);
            before = y;
        }
        assert!((exposure.tone(6.0 / 8.0) - 1.0).abs() < 1e-6, "the white point is white");
        assert!((exposure.tone(0.05) - 0.4).abs() < 1e-6, "below the knee it is the gain");
    }
}
