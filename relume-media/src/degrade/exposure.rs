//! Auto-exposure: light decides shutter time and sensitivity, and what they cannot reach is
//! missing in the picture.

use super::options::DegradeOptions;
use super::random::Dice;
use crate::{Image, Linear};

/// Aperture of a phone, f/1.8, squared: `shutter · iso / 100 = N² / 2^EV`.
const APERTURE_SQUARED: f32 = 3.24;

/// What the simulated camera chose for one picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Exposure {
    /// Scene light, EV at ISO 100.
    pub(super) light_ev: f32,
    /// Stops of under-exposure left.
    pub(super) cut_ev: f32,
    /// Exposure time in seconds.
    pub(super) shutter_s: f32,
    /// Sensitivity.
    pub(super) iso: f32,
}

/// The limits of one camera and one photographer.
struct Program {
    /// Up to here the shutter lengthens first.
    comfortable_s: f32,
    /// Longest shutter, used when sensitivity is exhausted.
    longest_s: f32,
    highest_iso: f32,
    /// Stops by which metering holds back: lamps in the frame, or taste.
    held_back_ev: f32,
}

impl Program {
    fn draw(dice: &mut Dice, options: &DegradeOptions) -> Self {
        let [shortest, longest] = options.shutter_s;
        let [lowest, highest] = options.iso;
        let comfortable_s = dice.log_between([1.0 / 90.0, 1.0 / 12.0]).clamp(shortest, longest);
        Self {
            comfortable_s,
            // Rounding may leave the logarithm of a range that is one value just below it.
            longest_s: dice.log_between([comfortable_s, longest]).max(comfortable_s),
            highest_iso: dice.log_between([(lowest * highest).sqrt(), highest]).max(lowest),
            held_back_ev: (0.6 + 0.5 * dice.normal()).clamp(-0.5, 2.0),
        }
    }

    /// What this camera does in that light.
    fn meter(&self, light_ev: f32, options: &DegradeOptions) -> Exposure {
        let full = 100.0 * APERTURE_SQUARED / light_ev.exp2();
        let wanted = full / self.held_back_ev.exp2();
        let lowest_iso = options.iso[0];
        let shutter_s = (wanted / lowest_iso).clamp(options.shutter_s[0], self.comfortable_s);
        let iso = (wanted / shutter_s).clamp(lowest_iso, self.highest_iso);
        let shutter_s = (wanted / iso).clamp(shutter_s, self.longest_s);
        Exposure { light_ev, cut_ev: (full / (shutter_s * iso)).log2(), shutter_s, iso }
    }
}

/// Draws light and camera until the under-exposure lies in the wanted range; if it never does,
/// the light of the last draw is moved by what is missing.
pub(super) fn draw(dice: &mut Dice, options: &DegradeOptions) -> Exposure {
    let [darkest, brightest] = options.light_ev;
    let (middle, spread) = (0.5 * (darkest + brightest), 0.25 * (brightest - darkest));
    let [least, most] = options.exposure_cut_ev;
    let mut exposure = Exposure { light_ev: middle, cut_ev: least, shutter_s: 0.05, iso: 800.0 };
    for _ in 0..64 {
        let mut program = Program::draw(dice, options);
        let mut light_ev = middle + spread * dice.normal();
        if dice.chance(options.misjudged_share) {
            light_ev = brightest + dice.between([0.0, 9.0]);
            program.held_back_ev = dice.between(options.exposure_cut_ev);
        }
        exposure = program.meter(light_ev, options);
        if (least..=most).contains(&exposure.cut_ev) {
            return exposure;
        }
    }
    let cut_ev = exposure.cut_ev.clamp(least, most);
    Exposure { light_ev: exposure.light_ev + exposure.cut_ev - cut_ev, cut_ev, ..exposure }
}

/// The stops, at most `cut_ev`, that leave `scene` a mean of at least `darkest_mean`. Light above
/// white does not count: a meter does not follow single lamps.
pub(super) fn metered(scene: &Image<Linear>, cut_ev: f32, darkest_mean: f32) -> f32 {
    if darkest_mean <= 0.0 || scene.size().pixels() == 0 {
        return cut_ev;
    }
    let sum: f64 = scene.channel(1).iter().map(|&v| f64::from(v.clamp(0.0, 1.0))).sum();
    let mean = sum as f32 / scene.size().pixels() as f32;
    cut_ev.min((mean / darkest_mean).max(1.0).log2())
}

/// `image` with `cut_ev` stops less light: every value divided by 2^`cut_ev`.
pub(super) fn expose(image: Image<Linear>, cut_ev: f32) -> Image<Linear> {
    let factor = (-cut_ev).exp2();
    image.map(|v| v * factor)
}

#[cfg(test)]
mod tests {
    use super::super::random::Step;
    use super::*;
    use crate::Size;

    #[test]
    fn a_stop_halves_mid_grey_in_linear_light() {
        for ev in [0.0, 1.0, 2.5, 5.0] {
            let grey = Image::from_fn(Size::new(3, 2), |_, _| [0.18; 3]);
            let cut = expose(grey, ev).get(2, 1)[0];
            assert!((cut - 0.18 * 0.5f32.powf(ev)).abs() < 1e-7, "{ev} EV: {cut}");
        }
    }

    #[test]
    fn a_dark_scene_is_not_cut_below_the_darkest_mean() {
        let scene = Image::from_fn(Size::new(4, 4), |_, _| [0.016; 3]);
        assert_eq!(metered(&scene, 1.5, 0.004), 1.5);
        assert!((metered(&scene, 4.0, 0.004) - 2.0).abs() < 1e-4);
        assert_eq!(metered(&scene, 4.0, 0.1), 0.0);
        assert_eq!(metered(&scene, 4.0, 0.0), 4.0);
    }

    #[test]
    fn less_light_never_means_shorter_lower_or_brighter() {
        let options = DegradeOptions::default();
        let program = Program::draw(&mut Dice::new(3, Step::Camera, 0), &options);
        let row: Vec<_> = (-24..32).map(|i| program.meter(-0.25 * i as f32, &options)).collect();
        for pair in row.windows(2) {
            assert!(pair[1].shutter_s >= pair[0].shutter_s - 1e-6);
            assert!(pair[1].iso >= pair[0].iso * 0.999);
            assert!(pair[1].cut_ev >= pair[0].cut_ev - 1e-3);
        }
    }

    #[test]
    fn a_camera_of_one_sensitivity_and_one_shutter_time_takes_pictures() {
        for value in 1..200 {
            let (iso, shutter_s) = (16.0 * value as f32, 0.001 * value as f32);
            let options =
                DegradeOptions { iso: [iso; 2], shutter_s: [shutter_s; 2], ..Default::default() };
            let taken = draw(&mut Dice::new(value, Step::Camera, 0), &options);
            assert!((taken.iso / iso - 1.0).abs() < 1e-5, "{iso}: {taken:?}");
            assert!((taken.shutter_s / shutter_s - 1.0).abs() < 1e-5, "{shutter_s}: {taken:?}");
        }
    }

    #[test]
    fn a_narrow_range_is_met() {
        let options = DegradeOptions { exposure_cut_ev: [3.0, 3.0], ..Default::default() };
        for seed in 0..20 {
            assert_eq!(draw(&mut Dice::new(seed, Step::Camera, 0), &options).cut_ev, 3.0);
        }
    }
}
