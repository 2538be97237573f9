use super::*;

fn tags(matrix: &str, transfer: &str, range: &str) -> ColorTags {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    ColorTags {
        matrix: some(matrix),
        transfer: some(transfer),
        range: some(range),
        ..ColorTags::default()
    }
}

fn coding(planes: Planes, bits: u8, tags: &ColorTags) -> Coding {
    Coding::new(PixelFormat { planes, bits }, tags, Size::new(64, 48)).unwrap()
}

#[test]
fn colour_bars_have_the_code_values_of_the_standard() {
    // 75 % bars in BT.709, limited range, as in SMPTE RP 219 and ITU-R BT.709.
    let cases = [
        ([0.75, 0.75, 0.75], [180, 128, 128]),
        ([0.75, 0.75, 0.0], [168, 44, 136]),
        ([0.0, 0.75, 0.75], [145, 147, 44]),
        ([0.0, 0.75, 0.0], [133, 63, 52]),
        ([0.75, 0.0, 0.75], [63, 193, 204]),
        ([0.75, 0.0, 0.0], [51, 109, 212]),
        ([0.0, 0.0, 0.75], [28, 212, 120]),
    ];
    let bars = coding(Planes::Yuv(0, 0), 8, &tags("bt709", "bt709", "tv"));
    for (rgb, yuv) in cases {
        let image = Image::<Srgb>::from_fn(Size::new(1, 1), |_, _| rgb);
        assert_eq!(bars.encode(&image), yuv, "{rgb:?}");
        let back = bars.decode(Size::new(1, 1), &yuv).unwrap().get(0, 0);
        for (a, b) in back.into_iter().zip(rgb) {
            assert!((a - b).abs() < 0.006, "{back:?} {rgb:?}");
        }
    }
}

#[test]
fn smooth_pictures_survive_every_format_and_curve() {
    let size = Size::new(63, 47);
    let image = Image::<Srgb>::from_fn(size, |x, y| {
        let (u, v) = (x as f32 / 62.0, y as f32 / 46.0);
        [0.1 + 0.8 * u, 0.5 + 0.3 * (3.0 * v).sin(), 0.9 - 0.6 * u * v]
    });
    let planes = [
        Planes::Gbr,
        Planes::Yuv(0, 0),
        Planes::Yuv(1, 0),
        Planes::Yuv(1, 1),
        Planes::Yuv(2, 0),
        Planes::Yuv(0, 1),
    ];
    for planes in planes {
        for (transfer, least) in [("bt709", 5e-3), ("smpte2084", 2e-2), ("arib-std-b67", 1e-2)] {
            for bits in [10, 12, 16] {
                let tags = tags("bt2020nc", transfer, "tv");
                let coding = coding(planes, bits, &tags);
                let samples = coding.encode(&image);
                assert_eq!(samples.len(), coding.format().frame_bytes(size));
                let back = coding.decode(size, &samples).unwrap();
                // Coarse chroma is not carried on beyond its outermost samples.
                let inside = (2..44).flat_map(|y| (4..60).map(move |x| (x, y)));
                let worst = inside.fold(0.0_f32, |worst, (x, y)| {
                    let (a, b) = (back.get(x, y), image.get(x, y));
                    (0..3).fold(worst, |worst, c| worst.max((a[c] - b[c]).abs()))
                });
                assert!(worst < least, "{planes:?} {transfer} {bits}: {worst}");
            }
        }
    }
}

#[test]
fn decoding_and_encoding_again_keeps_samples() {
    // Any legal sample, also outside RGB, without chroma subsampling: to the last bit.
    let size = Size::new(32, 24);
    for (bits, range, transfer) in [(8, "tv", "bt709"), (8, "pc", "bt709"), (10, "tv", "smpte2084")]
    {
        let coding = coding(Planes::Yuv(0, 0), bits, &tags("bt2020nc", transfer, range));
        let image = Image::<Srgb>::from_fn(size, |x, y| {
            [x as f32 / 40.0 + 0.1, y as f32 / 30.0 + 0.05, (x + y) as f32 / 70.0 + 0.1]
        });
        let samples = coding.encode(&image);
        let again = coding.encode(&coding.decode(size, &samples).unwrap());
        assert_eq!(again, samples, "{bits} {range} {transfer}");
    }
}

#[test]
fn chroma_is_neither_shifted_nor_scaled() {
    // A ramp of chroma is reproduced exactly inside, wherever the samples sit.
    for location in ["left", "center", "topleft"] {
        let mut tags = tags("bt709", "", "pc");
        tags.chroma_location = Some(location.to_owned());
        let coding = coding(Planes::Yuv(1, 1), 16, &tags);
        let size = Size::new(40, 30);
        let image = Image::<Srgb>::from_fn(size, |x, y| {
            [0.3 + x as f32 / 100.0, 0.5, 0.3 + y as f32 / 100.0]
        });
        let back = coding.decode(size, &coding.encode(&image)).unwrap();
        for y in 4..26 {
            for x in 4..36 {
                for (a, b) in back.get(x, y).into_iter().zip(image.get(x, y)) {
                    assert!((a - b).abs() < 1e-4, "{location} {x} {y}: {a} {b}");
                }
            }
        }
    }
}

#[test]
fn a_glance_is_the_mean_of_blocks() {
    let size = Size::new(7, 5);
    let coding = coding(Planes::Gray, 8, &tags("", "", "pc"));
    let samples: Vec<u8> = (0..35).map(|i| i * 7).collect();
    let found = coding.glance(size, &samples, Size::new(3, 2)).unwrap();
    let mut sums = [(0.0, 0.0); 6];
    for (i, &v) in samples.iter().enumerate() {
        let (sum, count) = &mut sums[i / 7 * 2 / 5 * 3 + i % 7 * 3 / 7];
        *sum += f32::from(v) / 255.0;
        *count += 1.0;
    }
    for (mean, (sum, count)) in found.iter().zip(sums) {
        assert!((mean - sum / count).abs() < 1e-5, "{found:?}");
    }
}

#[test]
fn curves_hit_known_points() {
    // BT.2100: PQ 0.58 is about 203 cd/m², HLG 0.75 is diffuse white, 0.5 is a twelfth.
    assert!((pq_decode(0.580_69) * 10_000.0 - 203.0).abs() < 0.5);
    assert!((hlg_decode(0.75) - HLG_WHITE).abs() < 1e-4);
    assert!((hlg_decode(0.5) - 1.0 / 12.0).abs() < 1e-6);
}

#[test]
fn matrices_that_are_no_weighted_sums_are_refused() {
    let tags = tags("ictcp", "", "");
    let format = PixelFormat { planes: Planes::Yuv(1, 1), bits: 10 };
    let error = Coding::new(format, &tags, Size::new(2, 2)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("ictcp"));
}
