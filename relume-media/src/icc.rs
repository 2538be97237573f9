//! Color profiles: from a file's own colors to the working space (sRGB primaries, extended) and back.
//!
//! Matrix profiles are computed here, because the way there and back must be exact and must not
//! clip: colors outside sRGB become values below 0 or above 1. Table profiles go through moxcms.

use std::sync::Arc;

use moxcms::{
    ColorProfile, DataColorSpace, Layout, RenderingIntent, ToneReprCurve, TransformF32Executor,
    TransformOptions,
};

use crate::light::{decode_srgb, encode_srgb};

/// [`encode_srgb`] for all numbers: negative values mirror the curve.
pub(crate) fn encode_extended(linear: f32) -> f32 {
    encode_srgb(linear.abs()).copysign(linear)
}

/// [`decode_srgb`] for all numbers: negative values mirror the curve.
pub(crate) fn decode_extended(encoded: f32) -> f32 {
    decode_srgb(encoded.abs()).copysign(encoded)
}

/// One row of red, green and blue.
pub(crate) type Row<'a> = [&'a mut [f32]; 3];

/// How the numbers of a file relate to the working space.
pub(crate) enum Encoding {
    /// They are sRGB, or close enough that leaving them alone is more exact.
    Srgb,
    /// Linear light with sRGB primaries.
    Linear,
    /// Gray or RGB with tone curves, and a matrix to and from linear sRGB.
    Matrix(Box<MatrixEncoding>),
    /// Anything else moxcms can transform both ways.
    Table { forward: Arc<TransformF32Executor>, back: Arc<TransformF32Executor> },
}

/// Tone curves and primaries.
pub(crate) struct MatrixEncoding {
    curves: [Curve; 3],
    forward: [[f32; 3]; 3],
    back: [[f32; 3]; 3],
}

impl Encoding {
    /// The encoding that an ICC profile describes, or why it cannot be used.
    pub(crate) fn from_icc(icc: &[u8]) -> Result<Self, String> {
        let profile = ColorProfile::new_from_slice(icc).map_err(|error| format!("{error:?}"))?;
        Self::from_profile(&profile)
    }

    /// The encoding that a parsed profile describes, or why it cannot be used.
    pub(crate) fn from_profile(profile: &ColorProfile) -> Result<Self, String> {
        match profile.color_space {
            DataColorSpace::Gray => {
                let trc = profile.gray_trc.as_ref().ok_or("it has no gray curve")?;
                let curve = Curve::new(trc).ok_or("its gray curve is invalid")?;
                Ok(Self::matrix([curve.clone(), curve.clone(), curve], IDENTITY, IDENTITY))
            }
            DataColorSpace::Rgb if profile.is_matrix_shaper() => Self::from_matrix(profile),
            DataColorSpace::Rgb => Self::from_tables(profile),
            other => Err(format!("it is for {other:?} colors, the picture is not")),
        }
    }

    /// sRGB primaries with a plain power curve of exponent `gamma`.
    pub(crate) fn from_gamma(gamma: f32) -> Self {
        let curve = Curve::Power(gamma);
        Self::matrix([curve.clone(), curve.clone(), curve], IDENTITY, IDENTITY)
    }

    fn from_matrix(profile: &ColorProfile) -> Result<Self, String> {
        let srgb = ColorProfile::new_srgb();
        let narrow = |m: moxcms::Matrix3d| m.v.map(|row| row.map(|v| v as f32));
        let forward = narrow(profile.transform_matrix(&srgb));
        let back = narrow(srgb.transform_matrix(profile));
        if forward.iter().chain(&back).flatten().any(|v| !v.is_finite()) {
            return Err("its primaries do not span a color space".to_owned());
        }
        let curve = |trc: &Option<ToneReprCurve>| {
            trc.as_ref().and_then(Curve::new).ok_or("one of its tone curves is invalid")
        };
        let curves =
            [curve(&profile.red_trc)?, curve(&profile.green_trc)?, curve(&profile.blue_trc)?];
        Ok(Self::matrix(curves, forward, back))
    }

    fn matrix(curves: [Curve; 3], forward: [[f32; 3]; 3], back: [[f32; 3]; 3]) -> Self {
        let same = |a: &[[f32; 3]; 3], b: &[[f32; 3]; 3]| {
            a.iter().flatten().zip(b.iter().flatten()).all(|(a, b)| (a - b).abs() < 3e-3)
        };
        if same(&forward, &IDENTITY) && curves.iter().all(Curve::is_srgb) {
            return Self::Srgb;
        }
        Self::Matrix(Box::new(MatrixEncoding { curves, forward, back }))
    }

    fn from_tables(profile: &ColorProfile) -> Result<Self, String> {
        let srgb = ColorProfile::new_srgb();
        let options = TransformOptions {
            rendering_intent: RenderingIntent::RelativeColorimetric,
            prefer_fixed_point: false,
            ..TransformOptions::default()
        };
        let transform = |from: &ColorProfile, to: &ColorProfile| {
            from.create_transform_f32(Layout::Rgb, to, Layout::Rgb, options)
                .map_err(|error| format!("it cannot be used both ways ({error:?})"))
        };
        Ok(Self::Table { forward: transform(profile, &srgb)?, back: transform(&srgb, profile)? })
    }

    /// Converts a row of the file's numbers, 0 to 1, to the working space.
    pub(crate) fn enter_working(&self, row: Row<'_>) {
        match self {
            Self::Srgb => {}
            Self::Linear => row.into_iter().flatten().for_each(|v| *v = encode_extended(*v)),
            Self::Matrix(m) => m.enter_working(row),
            Self::Table { forward, .. } => apply_table(forward, row),
        }
    }

    /// Converts a row of working-space values back to the file's numbers; not clipped.
    pub(crate) fn leave_working(&self, row: Row<'_>) {
        match self {
            Self::Srgb => {}
            Self::Linear => row.into_iter().flatten().for_each(|v| *v = decode_extended(*v)),
            Self::Matrix(m) => m.leave_working(row),
            Self::Table { back, .. } => apply_table(back, row),
        }
    }
}

const IDENTITY: [[f32; 3]; 3] = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];

impl MatrixEncoding {
    fn enter_working(&self, row: Row<'_>) {
        let [curve_r, curve_g, curve_b] = &self.curves;
        for_each_pixel(row, |[r, g, b]| {
            let linear = [curve_r.decode(r), curve_g.decode(g), curve_b.decode(b)];
            multiply(&self.forward, linear).map(encode_extended).map(finite)
        });
    }

    fn leave_working(&self, row: Row<'_>) {
        let [curve_r, curve_g, curve_b] = &self.curves;
        for_each_pixel(row, |rgb| {
            let [r, g, b] = multiply(&self.back, rgb.map(decode_extended));
            [curve_r.encode(r), curve_g.encode(g), curve_b.encode(b)]
        });
    }
}

fn for_each_pixel([red, green, blue]: Row<'_>, f: impl Fn([f32; 3]) -> [f32; 3]) {
    for ((r, g), b) in red.iter_mut().zip(green.iter_mut()).zip(blue.iter_mut()) {
        [*r, *g, *b] = f([*r, *g, *b]);
    }
}

/// Black for what is no number: a profile's curve may rise without end.
fn finite(value: f32) -> f32 {
    if value.is_finite() { value } else { 0.0 }
}

fn multiply(matrix: &[[f32; 3]; 3], [x, y, z]: [f32; 3]) -> [f32; 3] {
    matrix.map(|[a, b, c]| a * x + b * y + c * z)
}

fn apply_table(transform: &Arc<TransformF32Executor>, [red, green, blue]: Row<'_>) {
    let mut packed = Vec::with_capacity(3 * red.len());
    for ((r, g), b) in red.iter().zip(green.iter()).zip(blue.iter()) {
        packed.extend([*r, *g, *b].map(|v| v.clamp(0.0, 1.0)));
    }
    let mut converted = vec![0.0; packed.len()];
    // It fails only for unequal lengths, which these are not.
    if transform.transform(&packed, &mut converted).is_ok() {
        for (i, rgb) in converted.chunks_exact(3).enumerate() {
            (red[i], green[i], blue[i]) = (finite(rgb[0]), finite(rgb[1]), finite(rgb[2]));
        }
    }
}

/// A tone curve that can be followed both ways.
#[derive(Clone)]
enum Curve {
    Power(f32),
    /// ICC parametric curve: `(ax + b)^g + e` from `d` on, `cx + f` below.
    Parametric {
        g: f32,
        a: f32,
        b: f32,
        c: f32,
        d: f32,
        e: f32,
        f: f32,
    },
    /// Equally spaced points, never falling.
    Table(Vec<f32>),
}

impl Curve {
    fn new(trc: &ToneReprCurve) -> Option<Self> {
        let curve = match trc {
            ToneReprCurve::Lut(points) if points.is_empty() => Self::Power(1.0),
            ToneReprCurve::Lut(points) if points.len() == 1 => {
                Self::Power(f32::from(points[0]) / 256.0)
            }
            ToneReprCurve::Lut(points) => {
                let mut highest = 0;
                let rising = points.iter().map(|&v| {
                    highest = highest.max(v);
                    f32::from(highest) / 65535.0
                });
                Self::Table(rising.collect())
            }
            ToneReprCurve::Parametric(numbers) => Self::parametric(numbers)?,
        };
        let usable = match &curve {
            Self::Power(g) => *g > 0.0 && g.is_finite(),
            Self::Parametric { g, a, .. } => *g > 0.0 && *a > 0.0,
            Self::Table(points) => points.first() < points.last(),
        };
        usable.then_some(curve)
    }

    fn parametric(numbers: &[f32]) -> Option<Self> {
        if numbers.iter().any(|v| !v.is_finite()) {
            return None;
        }
        Some(match *numbers {
            [g] => Self::Power(g),
            [g, a, b] => Self::Parametric { g, a, b, c: 0.0, d: -b / a, e: 0.0, f: 0.0 },
            [g, a, b, c] => Self::Parametric { g, a, b, c: 0.0, d: -b / a, e: c, f: c },
            [g, a, b, c, d] => Self::Parametric { g, a, b, c, d, e: 0.0, f: 0.0 },
            [g, a, b, c, d, e, f] => Self::Parametric { g, a, b, c, d, e, f },
            _ => return None,
        })
    }

    fn is_srgb(&self) -> bool {
        (0..=255).all(|i| {
            let v = i as f32 / 255.0;
            (self.decode(v) - decode_srgb(v)).abs() < 1e-3
        })
    }

    /// File value to linear light; negative values mirror the curve.
    fn decode(&self, value: f32) -> f32 {
        let v = value.abs();
        let linear = match self {
            Self::Power(g) => v.powf(*g),
            Self::Parametric { g, a, b, c, d, e, f } => {
                if v < *d {
                    c * v + f
                } else {
                    (a * v + b).max(0.0).powf(*g) + e
                }
            }
            Self::Table(points) => {
                let last = points.len() - 1;
                let at = v.min(1.0) * last as f32;
                let below = (at as usize).min(last - 1);
                points[below] + (at - below as f32) * (points[below + 1] - points[below])
            }
        };
        linear.copysign(value)
    }

    /// Linear light to file value; the inverse of [`Self::decode`].
    fn encode(&self, linear: f32) -> f32 {
        let y = linear.abs();
        let value = match self {
            Self::Power(g) => y.powf(1.0 / g),
            Self::Parametric { g, a, b, c, d, e, f } => {
                let split = (a * d + b).max(0.0).powf(*g) + e;
                if y >= split {
                    ((y - e).max(0.0).powf(1.0 / g) - b) / a
                } else if *c > 0.0 {
                    (y - f) / c
                } else {
                    d.max(0.0)
                }
            }
            Self::Table(points) => {
                let last = points.len() - 1;
                let above = points.partition_point(|&p| p < y).clamp(1, last);
                let (low, high) = (points[above - 1], points[above]);
                let part =
                    if high > low { ((y - low) / (high - low)).clamp(0.0, 1.0) } else { 0.0 };
                ((above - 1) as f32 + part) / last as f32
            }
        };
        value.copysign(linear)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(profile: &ColorProfile, levels: u32) -> f32 {
        let encoding = Encoding::from_profile(profile).unwrap();
        assert!(!matches!(encoding, Encoding::Srgb));
        let steps = [0, 1, 2, levels / 7, levels / 3, levels / 2, levels - 1, levels];
        let mut worst: f32 = 0.0;
        for (r, g, b) in
            steps.iter().flat_map(|&r| steps.iter().map(move |&g| (r, g, levels - r.min(g))))
        {
            let start = [r, g, b].map(|v| v as f32 / levels as f32);
            let mut rgb = start;
            let [r, g, b] = &mut rgb;
            encoding.enter_working([
                std::slice::from_mut(r),
                std::slice::from_mut(g),
                std::slice::from_mut(b),
            ]);
            encoding.leave_working([
                std::slice::from_mut(r),
                std::slice::from_mut(g),
                std::slice::from_mut(b),
            ]);
            for (a, b) in start.iter().zip(&rgb) {
                worst = worst.max((a - b).abs());
            }
        }
        worst
    }

    #[test]
    fn curves_without_end_give_numbers() {
        let steep =
            Curve::Parametric { g: 2.0, a: 1e30, b: 0.0, c: 0.0, d: 0.0, e: 0.0, f: f32::MAX };
        let mixed = [[1.0, -1.0, 1e30], [0.5; 3], [-1e30, 1.0, 0.0]];
        let encoding = Encoding::matrix([steep.clone(), steep.clone(), steep], mixed, mixed);
        let mut rows = [[0.0, 0.5, 1.0], [1.0, 0.1, 0.0], [0.3, 0.0, 1.0]];
        let [r, g, b] = &mut rows;
        encoding.enter_working([r, g, b]);
        assert!(rows.iter().flatten().all(|v| v.is_finite()), "{rows:?}");
    }

    #[test]
    fn wide_gamut_profiles_survive_there_and_back() {
        // A pure power curve is infinitely steep at black: the last bit of `f32` shows there.
        let (exact, steep) = (1.0 / 65535.0, 0.2 / 255.0);
        let profiles = [
            (ColorProfile::new_display_p3(), exact),
            (ColorProfile::new_gray_with_gamma(2.2), exact),
            (ColorProfile::new_bt2020(), exact),
            (ColorProfile::new_pro_photo_rgb(), steep),
            (ColorProfile::new_adobe_rgb(), steep),
        ];
        for (profile, most) in profiles {
            let worst = round_trip(&profile, 65535);
            assert!(worst < most, "{:?}: {worst}", profile.description);
        }
    }

    #[test]
    fn display_p3_red_lies_outside_srgb() {
        let encoding = Encoding::from_profile(&ColorProfile::new_display_p3()).unwrap();
        let (mut r, mut g, mut b) = ([1.0], [0.0], [0.0]);
        encoding.enter_working([&mut r, &mut g, &mut b]);
        // Known values of Display P3 red in extended sRGB.
        for (value, known) in [(r[0], 1.093), (g[0], -0.2267), (b[0], -0.1501)] {
            assert!((value - known).abs() < 2e-3, "{value} should be {known}");
        }
    }

    #[test]
    fn srgb_profiles_are_left_alone() {
        let bytes = ColorProfile::new_srgb().encode().unwrap();
        assert!(matches!(Encoding::from_icc(&bytes), Ok(Encoding::Srgb)));
        assert!(Encoding::from_icc(b"no profile at all").is_err());
    }

    #[test]
    fn table_curves_are_inverted_exactly() {
        let points = (0..1024).map(|i| ((i as f32 / 1023.0).powf(1.8) * 65535.0) as u16).collect();
        let curve = Curve::new(&ToneReprCurve::Lut(points)).unwrap();
        for i in 0..=255 {
            let v = i as f32 / 255.0;
            assert!((curve.encode(curve.decode(v)) - v).abs() < 2e-3, "{v}");
        }
    }
}
