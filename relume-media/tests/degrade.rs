//! The degradation as a whole: repeatable, coupled, and exact where it can be.

use relume_media::degrade::FixedDegradation;
use relume_media::{Degradation, DegradeOptions, Image, Linear, Size, Srgb};

/// Stripes and a gradient, so that every step has something to change.
fn scene(size: Size) -> Image<Srgb> {
    Image::from_fn(size, |x, y| {
        let stripe = if (x / 5 + y / 7) % 2 == 0 { 0.75 } else { 0.35 };
        [stripe, 0.9 * stripe, 0.2 + 0.5 * x as f32 / size.width as f32]
    })
}

fn options() -> DegradeOptions {
    DegradeOptions { untouched_share: 0.0, ..Default::default() }
}

fn mean(values: impl ExactSizeIterator<Item = f32>) -> f32 {
    let n = values.len() as f32;
    values.sum::<f32>() / n
}

#[test]
fn a_seed_gives_the_same_bytes_on_any_number_of_threads() {
    let sharp = scene(Size::new(150, 113));
    let on_threads = |threads, seed| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let record = Degradation::sample(seed, sharp.size(), &options());
        pool.install(|| record.apply(&sharp).unwrap().image.to_rgb8())
    };
    for seed in [0, 1, 99, u64::MAX] {
        assert_eq!(on_threads(1, seed), on_threads(4, seed), "seed {seed}");
    }
    assert_ne!(on_threads(2, 5), on_threads(2, 6));
}

#[test]
fn a_record_read_from_json_repeats_the_picture() {
    let sharp = scene(Size::new(40, 31));
    let record = Degradation::sample(17, sharp.size(), &options());
    let first = record.apply(&sharp).unwrap();
    let json = serde_json::to_string(&first.record).unwrap();
    let again: Degradation = serde_json::from_str(&json).unwrap();
    assert_eq!(again.apply(&sharp).unwrap().image, first.image);
}

#[test]
fn every_size_works() {
    for (i, size) in [(1, 1), (1, 9), (2, 2), (3, 5), (17, 1), (33, 31)].into_iter().enumerate() {
        let size = Size::new(size.0, size.1);
        for seed in 0..8 {
            let record = Degradation::sample(seed + 100 * i as u64, size, &options());
            let degraded = record.apply(&scene(size)).unwrap();
            assert_eq!(degraded.image.size(), size);
            assert_eq!(degraded.scene.size(), size);
            assert!(degraded.image.values().iter().all(|v| (0.0..=1.0).contains(v)));
        }
    }
}

#[test]
fn mid_grey_is_cut_by_exactly_the_stops_asked_for() {
    let size = Size::new(32, 32);
    let grey = Image::<Linear>::from_fn(size, |_, _| [0.18; 3]);
    for ev in [0.0, 1.0, 2.0, 3.5] {
        let strength = FixedDegradation { ev, shake_px: 9.0, ..Default::default() };
        let degraded = Degradation::fixed(1, size, &strength).apply_linear(&grey).unwrap();
        let stops = (0.18 / degraded.image.to_linear().get(16, 16)[1]).log2();
        assert!((stops - ev).abs() < 0.05, "{ev} EV became {stops}"); // 8 bit cannot do better
    }
}

#[test]
fn a_saturated_lamp_leaves_a_clipped_trail() {
    let size = Size::new(96, 96);
    let night = Image::<Srgb>::from_fn(size, |x, y| {
        let lamp = (46..50).contains(&x) && (46..50).contains(&y);
        if lamp { [1.0; 3] } else { [0.15, 0.15, 0.2] }
    });
    let white = |highlight_gain: f32, shake_px: f32| {
        let strength = FixedDegradation { ev: 1.0, shake_px, highlight_gain, ..Default::default() };
        let degraded = Degradation::fixed(4, size, &strength).apply(&night).unwrap();
        (0..size.pixels()).filter(|&i| degraded.image.channel(1)[i] > 0.98).count()
    };
    assert!(white(20.0, 0.0) >= 9);
    assert!(white(20.0, 16.0) >= 30, "{} clipped pixels", white(20.0, 16.0));
    assert_eq!(white(1.0, 16.0), 0, "without its energy the lamp fades into the trail");
}

#[test]
fn a_longer_shutter_shakes_more_and_a_higher_iso_is_noisier() {
    let size = Size::new(512, 384);
    // Pictures that are dark by misjudgement, not for lack of light, are left out.
    let options = DegradeOptions { misjudged_share: 0.0, ..options() };
    let mut drawn: Vec<_> =
        (0..600).map(|seed| Degradation::sample(seed, size, &options)).collect();
    let halves = |drawn: &[Degradation], value: fn(&Degradation) -> f32| {
        let (low, high) = drawn.split_at(drawn.len() / 2);
        (mean(low.iter().map(value)), mean(high.iter().map(value)))
    };
    drawn.sort_by(|a, b| a.shutter_s.total_cmp(&b.shutter_s));
    let (short, long) = halves(&drawn, |d| d.shake.length_px);
    assert!(long > 1.4 * short, "shake {short} px, then {long} px");
    drawn.sort_by(|a, b| a.iso.total_cmp(&b.iso));
    let (low, high) = halves(&drawn, |d| d.noise.deviation(0.02));
    assert!(high > 1.5 * low, "noise {low}, then {high}");
    drawn.sort_by(|a, b| b.light_ev.total_cmp(&a.light_ev));
    let (bright, dark) = halves(&drawn, |d| d.ev);
    assert!(dark > bright + 0.8, "cut {bright} EV in brighter light, {dark} in darker");
}

#[test]
fn shake_is_centred_and_its_psf_holds_all_the_light() {
    for seed in 0..60 {
        let record = Degradation::sample(seed, Size::new(320, 240), &options());
        let psf = &record.shake.psf;
        assert!((psf.values.iter().sum::<f32>() - 1.0).abs() < 1e-4);
        let [x, y] = psf.centroid();
        assert!(x.hypot(y) < 0.1, "seed {seed}: centroid {x}, {y}");
    }
}

#[test]
fn an_untouched_picture_is_untouched() {
    let options = DegradeOptions { untouched_share: 1.0, ..Default::default() };
    let sharp = scene(Size::new(20, 20));
    let degraded = Degradation::sample(3, sharp.size(), &options).apply(&sharp).unwrap();
    assert!(degraded.record.untouched);
    assert_eq!(degraded.image, sharp);
    assert_eq!(degraded.scene, sharp.to_linear());
}

#[test]
fn options_are_checked_and_unknown_ones_refused() {
    DegradeOptions::default().check().unwrap();
    let wrong = DegradeOptions { iso: [800.0, 100.0], ..Default::default() };
    assert!(wrong.check().unwrap_err().to_string().contains("iso"));
    assert!(serde_json::from_str::<DegradeOptions>(r#"{"shake": [0, 1]}"#).is_err());
    let partial: DegradeOptions = serde_json::from_str(r#"{"shake_px": [0, 5]}"#).unwrap();
    assert_eq!(partial.iso, DegradeOptions::default().iso);
}

#[test]
fn the_record_of_an_untouched_picture_says_that_nothing_was_done() {
    let options = DegradeOptions { untouched_share: 1.0, ..DegradeOptions::default() };
    let size = Size::new(40, 30);
    let sharp = Image::from_fn(size, |x, y| [x as f32 / 40.0, y as f32 / 30.0, 0.5]);
    for seed in 0..20 {
        let degraded = Degradation::sample(seed, size, &options).apply(&sharp).unwrap();
        let record = degraded.record;
        assert!(record.untouched && record.ev == 0.0 && record.shake.is_still(), "{record:?}");
        assert_eq!(degraded.image, sharp);
    }
}
