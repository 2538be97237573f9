//! The light of a video, steady in time: what single frames want is smoothed, scene by scene.

use relume_nn::relight::Exposure;
use serde::{Deserialize, Serialize};

use crate::models::alen::{Hysteresis, Route, Routing};
use crate::models::sem::Gate;
use crate::restore::Plan;

/// Standard deviation of the smoothing in microseconds: what changes faster shows as pumping.
const SIGMA_US: f64 = 1_500_000.0;
/// Time constant of the smoothing of a stream in microseconds.
const MEMORY_US: f64 = 1_000_000.0;
/// A scene is restored when at least this share of its frames asks for it.
const ASKING: f32 = 0.25;

/// What one frame wants, as numbers that can be averaged.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Light {
    /// When the frame is shown, in microseconds.
    pub time_us: i64,
    /// 1 where the frame is to be restored, 0 where it is to be left alone.
    pub asks: f32,
    /// Gain in stops.
    pub stops: f32,
    /// White of the exposure step in stops, 0 or more.
    pub white: f32,
    /// What the gate allows.
    pub amount: f32,
    /// Protection of highlights behind the gate.
    pub protection: f32,
    /// Probability of the local route.
    pub local: f32,
}

impl Light {
    /// The numbers of a plan.
    pub fn of(plan: &Plan, time_us: i64) -> Self {
        Self {
            time_us,
            asks: f32::from(u8::from(!plan.left_alone)),
            stops: plan.exposure.gain.log2(),
            white: plan.exposure.white.log2(),
            amount: plan.gate.map_or(0.0, |gate| gate.amount),
            protection: plan.gate.map_or(0.0, |gate| gate.protection),
            local: plan.routing.map_or(0.5, |routing| routing.probability_local),
        }
    }

    /// A plan of the same kind as `like`, with these numbers; `route` remembers the frames before.
    pub fn plan(&self, like: &Plan, asks: bool, route: &mut Hysteresis) -> Plan {
        let gate = Gate { amount: self.amount, protection: self.protection };
        let mut auto = |routing: Routing| match routing.route {
            Route::Auto => route.next(self.local),
            _ => routing,
        };
        Plan {
            left_alone: !asks,
            exposure: Exposure { gain: self.stops.exp2(), white: self.white.exp2() },
            gate: like.gate.map(|_| gate),
            routing: like.routing.map(&mut auto),
        }
    }

    /// `a` and `b` mixed, `share` of the second.
    fn mix(a: &Self, b: &Self, share: f32) -> Self {
        let mix = |a: f32, b: f32| a + share * (b - a);
        Self {
            time_us: a.time_us,
            asks: mix(a.asks, b.asks),
            stops: mix(a.stops, b.stops),
            white: mix(a.white, b.white),
            amount: mix(a.amount, b.amount),
            protection: mix(a.protection, b.protection),
            local: mix(a.local, b.local),
        }
    }

    fn weigh(&self, weight: f32) -> [f32; 6] {
        let Self { asks, stops, white, amount, protection, local, .. } = *self;
        [asks, stops, white, amount, protection, local].map(|v| weight * v)
    }
}

/// A light for each of `times_us`, out of the lights of some frames of the same scene: a mean over
/// the past and the time to come, weighed by distance in time; and whether the scene is to be
/// restored. Without any light nothing is to be done.
pub fn steady(wanted: &[Light], times_us: &[i64]) -> Option<(Vec<Light>, bool)> {
    let asking = wanted.iter().map(|light| light.asks).sum::<f32>() / wanted.len() as f32;
    let mean = |time_us: i64| {
        let (mut sums, mut total) = ([0.0; 6], 0.0);
        for light in wanted {
            let distance = (light.time_us - time_us) as f64 / SIGMA_US;
            // Never 0: a mean of far frames is better than none.
            let weight = (-0.5 * distance * distance).exp().max(1e-12) as f32;
            total += weight;
            sums.iter_mut().zip(light.weigh(weight)).for_each(|(sum, v)| *sum += v);
        }
        let [asks, stops, white, amount, protection, local] = sums.map(|sum| sum / total);
        Light { time_us, asks, stops, white, amount, protection, local }
    };
    let lights = times_us.iter().map(|&time| mean(time)).collect();
    (!wanted.is_empty()).then_some((lights, asking >= ASKING))
}

/// The light of a stream: a mean over the past, that fades.
#[derive(Debug, Clone, Copy, Default)]
pub struct Causal {
    state: Option<Light>,
}

impl Causal {
    /// A new scene begins.
    pub fn cut(&mut self) {
        self.state = None;
    }

    /// The light at a frame that wants `light`.
    pub fn next(&mut self, light: Light) -> Light {
        let next = self.state.map_or(light, |state| {
            let passed = (light.time_us - state.time_us).max(0) as f64;
            let share = 1.0 - (-passed / MEMORY_US).exp();
            Light { time_us: light.time_us, ..Light::mix(&state, &light, share as f32) }
        });
        self.state = Some(next);
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn light(time_us: i64, stops: f32) -> Light {
        Light { time_us, asks: 1.0, stops, white: 0.0, amount: 1.0, protection: 0.5, local: 0.5 }
    }

    /// Largest change in stops from frame to frame, at 30 frames a second.
    fn jump(lights: &[Light]) -> f32 {
        lights.windows(2).map(|pair| (pair[1].stops - pair[0].stops).abs()).fold(0.0, f32::max)
    }

    /// A guess that jitters by half a stop around a slow change of two stops.
    fn jittering() -> Vec<Light> {
        let stops = |i: i64| 2.0 + i as f32 / 150.0 + if i % 2 == 0 { 0.25 } else { -0.25 };
        (0..300).map(|i| light(i * 33_333, stops(i))).collect()
    }

    #[test]
    fn jitter_is_gone_and_slow_changes_stay() {
        let wanted = jittering();
        let times: Vec<i64> = wanted.iter().map(|light| light.time_us).collect();
        let (smooth, asks) = steady(&wanted, &times).unwrap();
        assert!(asks);
        // A video whose light changes by a hundredth of a stop between frames does not pump.
        assert!(jump(&smooth) < 0.01, "{}", jump(&smooth));
        assert!(smooth[270].stops - smooth[30].stops > 1.2);
        assert!((smooth[150].stops - 3.0).abs() < 0.02, "no lag: {}", smooth[150].stops);
        let mut causal = Causal::default();
        let streamed: Vec<_> = wanted.iter().map(|&light| causal.next(light)).collect();
        assert!(jump(&streamed) < 0.03, "{}", jump(&streamed));
        assert!((streamed[299].stops - 3.8).abs() < 0.3, "{}", streamed[299].stops);
        causal.cut();
        assert_eq!(causal.next(light(10_000_000, 7.0)).stops, 7.0);
    }

    #[test]
    fn a_scene_is_restored_or_left_alone_as_a_whole() {
        let wanted = |asking: usize| -> Vec<Light> {
            (0..8)
                .map(|i| Light { asks: f32::from(u8::from(i < asking)), ..light(i as i64, 0.0) })
                .collect()
        };
        assert!(!steady(&wanted(1), &[0]).unwrap().1);
        assert!(steady(&wanted(2), &[0]).unwrap().1);
        assert!(steady(&[], &[0, 1]).is_none());
        let (far, _) = steady(&wanted(8), &[900_000_000]).unwrap();
        assert!(far[0].amount == 1.0 && far[0].stops == 0.0, "{:?}", far[0]);
    }
}
