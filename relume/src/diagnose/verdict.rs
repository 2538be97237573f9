//! From figures to a decision, with its reasons in words.

use super::{Blur, Exposure, Noise, Sharpness};

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

/// Grain in display light that shows as it is: what is grain beyond doubt, and its finest part.
const NOISE: [f32; 2] = [4.1 / 255.0, 1.2 / 255.0];
/// Grain against its own level that shows once the picture is brightened.
const DARK_NOISE: f32 = 0.04;
/// Less fine detail than this is blur beyond doubt, also where the spectrum says nothing.
const FINE_DETAIL: f32 = 0.08;
/// Over-exposed: so many pixels plain white in a picture whose key is at least this high.
const WHITE: [(f32, f32); 2] = [(0.15, 0.0), (0.04, 1.2)];

/// What the figures say, before anything is decided.
struct Signs {
    dark: bool,
    noisy: bool,
    blurred: bool,
    white: bool,
}

/// When a verdict is reached, and how strongly what follows from it is done.
struct Rule {
    verdict: Verdict,
    applies: fn(&Signs) -> bool,
    strength: f32,
}

/// The table that decides: the first rule that applies.
const RULES: &[Rule] = &[
    // Before everything else: networks that brighten would burn what is left.
    Rule { verdict: Verdict::Highlights, applies: |signs| signs.white, strength: 1.0 },
    Rule {
        verdict: Verdict::Restore,
        applies: |signs| signs.noisy || signs.blurred,
        strength: 1.0,
    },
    Rule { verdict: Verdict::Relight, applies: |signs| signs.dark, strength: 1.0 },
    Rule { verdict: Verdict::Fine, applies: |_| true, strength: 0.0 },
];

/// Decides by [`RULES`]: verdict, strength, and why.
pub(super) fn decide(
    exposure: &Exposure,
    noise: &Noise,
    sharpness: &Sharpness,
    blur: &Blur,
) -> (Verdict, f32, Vec<String>) {
    let sigma = noise.mean_sigma();
    let dark = exposure.is_dark();
    let too_much = |(share, key)| exposure.clipped_high >= share && exposure.key_ev > key;
    let lost = sharpness.fine_detail.is_some_and(|detail| detail < FINE_DETAIL);
    let plain = noise.sure_sigma > NOISE[0] && noise.fine_sigma > NOISE[1];
    let in_shadows = noise.relative * noise.sure_sigma / sigma.max(1e-6);
    let signs = Signs {
        dark,
        noisy: plain || (dark && in_shadows > DARK_NOISE),
        blurred: blur.is_blurred() || lost,
        white: WHITE.into_iter().any(too_much),
    };
    let mut reasons = Vec::new();
    if signs.dark {
        reasons.push(format!(
            "dark: half of it lies more than {:.1} stops below middle grey",
            -exposure.median_ev
        ));
    }
    if signs.noisy {
        reasons.push(format!(
            "noisy: {:.1} levels of 255, {:.0} % of the light around it",
            255.0 * sigma,
            100.0 * noise.relative
        ));
    }
    if signs.blurred {
        let words = if blur.is_blurred() { blur.in_words() } else { "finest detail gone".into() };
        reasons.push(format!("blurred: {words}"));
    }
    if signs.white {
        let share = 100.0 * exposure.clipped_high;
        reasons.push(format!("over-exposed: {share:.0} % of it is plain white"));
    }
    if reasons.is_empty() {
        reasons.push("well exposed, little noise, no sign of shake".to_owned());
    }
    let rule = RULES.iter().find(|rule| (rule.applies)(&signs));
    let (verdict, strength) =
        rule.map_or((Verdict::Fine, 0.0), |rule| (rule.verdict, rule.strength));
    (verdict, strength, reasons)
}
