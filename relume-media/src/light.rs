//! The two kinds of light a picture can hold, and the only two doors between them.

/// Marker for what the numbers of an [`Image`](crate::Image) mean.
pub trait Light: Copy + Clone + Send + Sync + std::fmt::Debug + 'static {
    /// Name for messages: `linear` or `srgb`.
    const NAME: &'static str;
}

/// Scene- or display-linear light: twice the number is twice the photons. Values may exceed 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Linear;

/// Display-encoded light with the sRGB transfer curve (IEC 61966-2-1), nominally 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Srgb;

impl Light for Linear {
    const NAME: &'static str = "linear";
}

impl Light for Srgb {
    const NAME: &'static str = "srgb";
}

/// Encodes one linear value for display. Negative values become 0; values above 1 continue the curve.
pub fn encode_srgb(linear: f32) -> f32 {
    if linear <= 0.003_130_8 {
        (linear * 12.92).max(0.0)
    } else {
        1.055 * linear.powf(1.0 / 2.4) - 0.055
    }
}

/// Decodes one display value to linear light; the inverse of [`encode_srgb`].
pub fn decode_srgb(encoded: f32) -> f32 {
    if encoded <= 0.040_45 {
        (encoded / 12.92).max(0.0)
    } else {
        ((encoded + 0.055) / 1.055).powf(2.4)
    }
}

/// Rec. 709 weighting of red, green and blue: luminance of linear light, luma of display light.
pub fn luma([r, g, b]: [f32; 3]) -> f32 {
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_are_inverse_and_hit_known_points() {
        for i in 0..=2000 {
            let v = i as f32 / 1000.0;
            assert!((encode_srgb(decode_srgb(v)) - v).abs() < 2e-6, "{v}");
        }
        assert!((decode_srgb(0.5) - 0.214_041).abs() < 1e-5);
        assert!((encode_srgb(0.18) - 0.461_356).abs() < 1e-5);
    }
}
