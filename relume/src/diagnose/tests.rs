use relume_media::light::encode_srgb;

use super::*;

/// Deterministic grain with a standard deviation of `sigma`, about normal.
struct Grain(u32);

impl Grain {
    fn next(&mut self, sigma: f32) -> f32 {
        let mut sum = 0.0;
        for _ in 0..12 {
            self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            sum += (self.0 >> 8) as f32 / (1 << 24) as f32;
        }
        (sum - 6.0) * sigma
    }
}

/// Bars of 24 pixels with soft edges between two display values, with grain.
fn bars(low: f32, high: f32, edge: f32, sigma: f32) -> Image<Srgb> {
    let mut grain = Grain(7);
    Image::from_fn(Size::new(320, 240), |x, y| {
        let wave = |at: usize| {
            let place = (at % 48) as f32;
            let rise = ((place - 12.0) / edge).clamp(0.0, 1.0);
            rise - ((place - 36.0) / edge).clamp(0.0, 1.0)
        };
        let share = if y < 120 { wave(x) } else { wave(y) };
        [0; 3].map(|_| (low + (high - low) * share + grain.next(sigma)).clamp(0.0, 1.0))
    })
}

#[test]
fn nothing_breaks_on_the_smallest_pictures() {
    for (width, height) in [(1, 1), (2, 50), (13, 13)] {
        for value in [0.0, 0.5, 1.0] {
            let image = Image::from_fn(Size::new(width, height), |_, _| [value; 3]);
            let diagnosis = diagnose(&image);
            assert!(diagnosis.exposure.key_ev.is_finite());
            assert!(!diagnosis.reasons.is_empty());
        }
    }
}

#[test]
fn exposure_is_in_stops_from_middle_grey() {
    let grey = |linear| Image::from_fn(Size::new(40, 30), |_, _| [encode_srgb(linear); 3]);
    let middle = diagnose(&grey(0.18)).exposure;
    assert!(middle.key_ev.abs() < 1e-3 && middle.median_ev.abs() < 1e-3);
    let dark = diagnose(&grey(0.18 / 16.0)).exposure;
    assert!((dark.key_ev + 4.0).abs() < 1e-3);
    assert_eq!(diagnose(&grey(1.0)).exposure.clipped_high, 1.0);
    assert_eq!(diagnose(&grey(0.0)).exposure.clipped_low, 1.0);
}

#[test]
fn noise_is_read_within_a_fifth() {
    for sigma in [0.004, 0.01, 0.03, 0.06] {
        let noise = diagnose(&bars(0.3, 0.6, 3.0, sigma)).noise;
        for measured in noise.sigma {
            assert!((measured / sigma - 1.0).abs() < 0.2, "{measured} for {sigma}");
        }
    }
    assert!(diagnose(&bars(0.3, 0.6, 3.0, 0.0)).noise.sigma[1] < 1e-4);
}

#[test]
fn edges_are_as_wide_as_they_were_made() {
    for edge in [1.0, 3.0, 8.0] {
        let sharpness = diagnose(&bars(0.2, 0.8, edge, 0.0)).sharpness;
        for width in [sharpness.edge_width_x, sharpness.edge_width_y] {
            assert!((width.unwrap() / edge - 1.0).abs() < 0.2, "{width:?} for {edge}");
        }
    }
}

#[test]
fn blur_along_any_line_takes_fine_detail() {
    // Square cells, each of its own grey.
    let cell = |x: isize, y: isize| ((x / 10 * 7919 + y / 10 * 104_729) % 89) as f32 / 100.0;
    let blurred = |length: isize, direction: (isize, isize)| {
        let image = Image::from_fn(Size::new(300, 240), |x, y| {
            let place = |i| (60 + x as isize + direction.0 * i, y as isize + direction.1 * i);
            let sum: f32 = (0..length).map(place).map(|(x, y)| cell(x, y)).sum();
            [sum / length as f32; 3]
        });
        diagnose(&image).sharpness.fine_detail.unwrap()
    };
    assert!(blurred(1, (1, 0)) > 0.2);
    for direction in [(1, 0), (0, 1), (1, 1), (-1, 1)] {
        let detail = blurred(6, direction);
        assert!(detail < 0.14, "{direction:?}: {detail}");
    }
    let flat = Image::from_fn(Size::new(60, 60), |_, _| [0.4; 3]);
    assert_eq!(diagnose(&flat).sharpness.fine_detail, None);
}

#[test]
fn verdicts_follow_the_figures() {
    let cases = [
        (bars(0.2, 0.8, 1.5, 0.003), Verdict::Fine),
        (bars(0.08, 0.2, 1.5, 0.001), Verdict::Relight),
        (bars(0.08, 0.2, 1.5, 0.02), Verdict::Restore),
        (bars(0.2, 0.8, 1.5, 0.06), Verdict::Restore),
        (bars(0.2, 0.8, 9.0, 0.003), Verdict::Restore),
        (bars(0.7, 1.4, 1.5, 0.0), Verdict::Highlights),
    ];
    for (image, expected) in cases {
        let diagnosis = diagnose(&image);
        assert_eq!(diagnosis.verdict, expected, "{diagnosis:?}");
    }
}

#[test]
fn the_written_form_names_the_verdict() {
    let json = serde_json::to_value(diagnose(&bars(0.2, 0.8, 1.5, 0.003))).unwrap();
    assert_eq!(json["verdict"], "fine");
    assert!(json["noise"]["sigma"][2].is_number() && json["exposure"]["key_ev"].is_number());
}

#[test]
fn light_is_uneven_where_one_half_is_dark() {
    let half = |left: f32, right: f32| {
        let image =
            Image::from_fn(Size::new(80, 60), |x, _| [if x < 40 { left } else { right }; 3]);
        diagnose(&image).light
    };
    let (even, uneven) = (half(0.5, 0.55), half(0.02, 0.9));
    assert!(even.uneven < 0.1 && uneven.uneven > 0.9, "{even:?} {uneven:?}");
    assert_eq!(even.zones_ev.len(), ZONES[0] * ZONES[1]);
    assert!(uneven.zones_ev[0] < -5.0 && uneven.zones_ev[ZONES[0] - 1] > 1.5);
}

#[test]
fn grain_is_told_from_texture() {
    let grainy = diagnose(&bars(0.3, 0.6, 3.0, 0.03)).noise;
    assert_eq!(grainy.kind, NoiseKind::Fine);
    assert!(grainy.sure_sigma > 0.6 * grainy.mean_sigma(), "{grainy:?}");
    // Grass: as strong all in all, but here more and there less.
    let mut grain = Grain(3);
    let texture = Image::from_fn(Size::new(320, 240), |x, y| {
        let strength = 0.06 * ((x / 8 * 7 + y / 8 * 5) % 11) as f32 / 11.0;
        [(0.45 + grain.next(strength)).clamp(0.0, 1.0); 3]
    });
    let texture = diagnose(&texture).noise;
    assert!(texture.sure_sigma < 0.3 * texture.mean_sigma(), "{texture:?}");
}

#[test]
fn every_panel_has_its_size_and_the_sheet_holds_them() {
    for size in [Size::new(320, 200), Size::new(20, 3), Size::new(1, 1)] {
        let image = Image::from_fn(size, |x, y| [(x + y) as f32 / 600.0, 0.3, 0.7]);
        let panels = panels(&image, &diagnose(&image));
        assert!(panels.iter().all(|panel| panel.image.width() == 256 && !panel.title.is_empty()));
        assert_eq!(sheet(&panels).width(), 12 + 5 * (256 + 12));
    }
}
