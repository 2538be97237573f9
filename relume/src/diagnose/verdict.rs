//! From figures to a decision, with its reasons in words.

use super::{Exposure, Noise, Sharpness};

/// What a picture needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing: well exposed, clean and sharp enough.
    Fine,
    /// More light only.
    Relight,
    /// More light, less noise, less shake: the whole treatment.
    Restore,
    /// Over-exposed: lost highlights.
    Highlights,
}

impl Verdict {
    /// Every name there is.
    pub const NAMES: &[&str] = &["fine", "relight", "restore", "highlights"];

    /// The name used in JSON and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Relight => "relight",
            Self::Restore => "restore",
            Self::Highlights => "highlights",
        }
    }
}

/// Noise in display light that shows as it is.
const NOISE: f32 = 0.03;
/// Noise against its own level that shows once the picture is brightened.
const DARK_NOISE: f32 = 0.035;
/// Less fine detail than this looks shaken or out of focus; 19 of 20 sharp photos have more.
const FINE_DETAIL: f32 = 0.14;
/// Over-exposed: so many pixels plain white in a picture whose key is at least this high.
const WHITE: [(f32, f32); 2] = [(0.15, 0.0), (0.04, 1.2)];

/// Decides, and says why. Darkness comes before lost highlights: night pictures have white lamps.
pub(super) fn decide(
    exposure: &Exposure,
    noise: &Noise,
    sharpness: &Sharpness,
) -> (Verdict, Vec<String>) {
    let mut reasons = Vec::new();
    let dark = exposure.is_dark();
    if dark {
        reasons.push(format!(
            "dark: half of it lies more than {:.1} stops below middle grey",
            -exposure.median_ev
        ));
    }
    let damaged = damage(dark, noise, sharpness, &mut reasons);
    let too_much = |(share, key)| exposure.clipped_high >= share && exposure.key_ev > key;
    let white = WHITE.into_iter().any(too_much);
    if white {
        reasons.push(format!(
            "over-exposed: {:.0} % of it is plain white",
            100.0 * exposure.clipped_high
        ));
    }
    let verdict = match (white, damaged, dark) {
        (true, _, _) => Verdict::Highlights,
        (_, true, _) => Verdict::Restore,
        (_, _, true) => Verdict::Relight,
        _ => Verdict::Fine,
    };
    if verdict == Verdict::Fine {
        reasons.push("well exposed, little noise, no sign of shake".to_owned());
    }
    (verdict, reasons)
}

/// Whether noise or blur call for more than light.
fn damage(dark: bool, noise: &Noise, sharpness: &Sharpness, reasons: &mut Vec<String>) -> bool {
    let sigma = noise.sigma.iter().sum::<f32>() / 3.0;
    let noisy = sigma > NOISE || (dark && noise.relative > DARK_NOISE);
    if noisy {
        reasons.push(format!(
            "noisy: {:.1} levels of 255, {:.0} % of the light around it",
            255.0 * sigma,
            100.0 * noise.relative
        ));
    }
    let blurred = sharpness.fine_detail.is_some_and(|detail| detail < FINE_DETAIL);
    if blurred {
        reasons
            .push("blurred: the finest detail is missing, as after shake or bad focus".to_owned());
    }
    noisy || blurred
}
