//! Which way a picture is lit: chosen by the user, or both ways mixed as the classifier is sure.

use relume_media::{Image, Srgb};
use relume_nn::cpu::Network;
use relume_nn::relight::decode;
use relume_nn::{Feeds, Tensor};

use super::slcformer::{LOGITS, VIEW};
use super::{ENHANCED, GLOBAL, GLOBAL_BLEND, HIGHLIGHTS, LOCAL, LOCAL_BLEND, ROUTING, view};
use crate::{Error, Result};

/// What the user wants of the routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Route {
    /// Both, mixed by the classifier's probability; one alone where it is sure.
    #[default]
    Auto,
    /// As a picture that is dark in places.
    Local,
    /// As a picture that is dark all over.
    Global,
    /// As the authors' program does it, with its roundings: the likelier route alone.
    Published,
}

impl std::str::FromStr for Route {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        Ok(match text {
            "auto" => Self::Auto,
            "local" => Self::Local,
            "global" => Self::Global,
            "published" => Self::Published,
            _ => return Err("give auto, local, global or published".into()),
        })
    }
}

/// What the classifier says, and what was made of it.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Routing {
    /// What was asked for.
    pub route: Route,
    /// Probability that the picture is dark in places, not all over.
    pub probability_local: f32,
    /// Share of the local route in the result.
    pub share_local: f32,
}

/// Up to the first probability the global route is taken alone, from the second on the local one.
const SURE: [f32; 2] = [0.1, 0.9];

impl Routing {
    /// Asks the classifier of `network` about a picture.
    ///
    /// # Errors
    /// When the network does not run.
    pub fn of(network: &Network, picture: &Image<Srgb>, route: Route) -> Result<Self> {
        let view = match route {
            Route::Published => view::published_view(picture),
            _ => view::view(picture),
        };
        let said = network.run_fixed(&Feeds::from([(VIEW.to_owned(), view)]), &[LOGITS])?;
        let logits = said.get(LOGITS).map(|tensor| tensor.values.as_slice());
        let Some(&[global, local]) = logits else {
            return Err(Error::Model(format!("{} has no two scores", network.graph().name())));
        };
        Ok(Self::from_scores(route, [global, local]))
    }

    /// What follows from the classifier's scores, global first.
    pub fn from_scores(route: Route, [global, local]: [f32; 2]) -> Self {
        Self::new(route, 1.0 / (1.0 + (global - local).exp()))
    }

    /// What follows from a probability.
    pub fn new(route: Route, probability_local: f32) -> Self {
        let share_local = match route {
            Route::Auto => share(probability_local),
            Route::Local => 1.0,
            Route::Global => 0.0,
            // The first class, global, on ties.
            Route::Published => f32::from(u8::from(probability_local > 0.5)),
        };
        Self { route, probability_local, share_local }
    }

    /// What the graph is told, beside the picture.
    pub fn feeds(self) -> Feeds {
        let local = self.share_local;
        let most = |blend: [f32; 2]| blend[0] + blend[1];
        let white = decode(local * most(LOCAL_BLEND) + (1.0 - local) * most(GLOBAL_BLEND));
        Feeds::from([
            (ROUTING.to_owned(), Tensor::scalars(&[local, 1.0 - local])),
            (HIGHLIGHTS.to_owned(), Tensor::scalars(&[1.0, white])),
        ])
    }

    /// The output to compute: a route alone where the other has no share.
    pub fn output(self) -> &'static str {
        match self.share_local {
            0.0 => GLOBAL,
            1.0 => LOCAL,
            _ => ENHANCED,
        }
    }
}

/// In words: `dark all over, 93 % sure: global route`.
impl std::fmt::Display for Routing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (what, sure) = match self.probability_local {
            p if p > 0.5 => ("dark in places", p),
            p => ("dark all over", 1.0 - p),
        };
        write!(f, "{what}, {:.0} % sure: ", 100.0 * sure)?;
        match self.share_local {
            0.0 => f.write_str("global route"),
            1.0 => f.write_str("local route"),
            share => {
                write!(f, "{:.0} % local, {:.0} % global", 100.0 * share, 100.0 - 100.0 * share)
            }
        }
    }
}

/// The share of the local route: 0 and 1 where the classifier is sure, a straight line between.
fn share(probability: f32) -> f32 {
    let [low, high] = SURE;
    ((probability - low) / (high - low)).clamp(0.0, 1.0)
}

/// Shares over the frames of a video: the route changes only when the classifier is sure of the
/// other one, and then little by little.
#[derive(Debug, Clone, Copy, Default)]
pub struct Hysteresis {
    state: Option<(bool, f32)>,
}

impl Hysteresis {
    /// Probability that the other route must reach.
    const TURN: f32 = 0.7;
    /// Largest change of the share from frame to frame.
    const STEP: f32 = 1.0 / 24.0;

    /// The routing of the next frame.
    pub fn next(&mut self, probability_local: f32) -> Routing {
        let fresh = probability_local > 0.5;
        let (mut local, share) = self.state.unwrap_or((fresh, f32::from(u8::from(fresh))));
        let other = if local { 1.0 - probability_local } else { probability_local };
        if other >= Self::TURN {
            local = !local;
        }
        let wanted = f32::from(u8::from(local));
        let share_local = share + (wanted - share).clamp(-Self::STEP, Self::STEP);
        self.state = Some((local, share_local));
        Routing { route: Route::Auto, probability_local, share_local }
    }

    /// Forgets what was: a new scene begins.
    pub fn cut(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_flips_at_the_boundary() {
        let mut before = 0.0;
        for i in 0..=1000 {
            let routing = Routing::new(Route::Auto, i as f32 / 1000.0);
            assert!((0.0..0.002).contains(&(routing.share_local - before)), "{i}");
            before = routing.share_local;
        }
        assert_eq!(Routing::new(Route::Auto, 0.05).output(), GLOBAL);
        assert_eq!(Routing::new(Route::Auto, 0.5).output(), ENHANCED);
        assert_eq!(Routing::new(Route::Auto, 0.95).output(), LOCAL);
        assert_eq!(Routing::new(Route::Published, 0.5).output(), GLOBAL);
    }

    #[test]
    fn a_wavering_classifier_moves_no_video() {
        let mut video = Hysteresis::default();
        assert_eq!(video.next(0.52).share_local, 1.0);
        for i in 0..100 {
            let probability = if i % 2 == 0 { 0.35 } else { 0.65 };
            assert_eq!(video.next(probability).share_local, 1.0);
        }
        let mut before = 1.0;
        for _ in 0..30 {
            let share = video.next(0.1).share_local;
            assert!(before - share <= Hysteresis::STEP + 1e-6 && share <= before);
            before = share;
        }
        assert_eq!(before, 0.0);
        video.cut();
        assert_eq!(video.next(0.9).share_local, 1.0);
    }
}
