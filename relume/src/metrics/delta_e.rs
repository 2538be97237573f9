//! Colour difference as people see it: CIEDE2000 (Sharma, Wu and Dalal 2005).

use rayon::prelude::*;
use relume_media::light::decode_srgb;
use relume_media::{Image, Result, Srgb};

use super::{Better, Measure, MetricCard, Shown, same_size};

/// Linear sRGB to CIE XYZ, D65, as in IEC 61966-2-1 to six digits.
const TO_XYZ: [[f64; 3]; 3] = [
    [0.412_453, 0.357_580, 0.180_423],
    [0.212_671, 0.715_160, 0.072_169],
    [0.019_334, 0.119_193, 0.950_227],
];
/// XYZ of D65, 2° observer.
const WHITE: [f64; 3] = [0.950_47, 1.0, 1.088_83];

/// The card of [`delta_e2000`].
pub(super) const CARD: MetricCard = MetricCard {
    name: "delta_e2000",
    help: "CIEDE2000 colour difference, D65, mean over pixels; 1 is just visible side by side",
    source: "Sharma, Wu and Dalal 2005",
    unit: "",
    better: Better::Lower,
    decimals: 2,
    shown: Shown::InTables,
    measure: Measure::AgainstTruth(delta_e2000),
};

/// Mean CIEDE2000 difference over all pixels of both pictures rounded to 8 bit; 0 when they agree.
///
/// # Errors
/// [`relume_media::ErrorKind::Parameter`] when the sizes differ or the pictures are empty.
pub fn delta_e2000(picture: &Image<Srgb>, truth: &Image<Srgb>) -> Result<f64> {
    same_size(picture, truth)?;
    let linear: Vec<f64> =
        (0..=255).map(|v| f64::from(decode_srgb(f32::from(v as u8) / 255.0))).collect();
    let (a, b) = (picture.to_rgb8(), truth.to_rgb8());
    let row = 3 * picture.width();
    // Summed row by row in order: the result does not depend on the number of threads.
    let sums: Vec<f64> = a
        .par_chunks_exact(row)
        .zip(b.par_chunks_exact(row))
        .map(|(a, b)| {
            let pairs = a.chunks_exact(3).zip(b.chunks_exact(3));
            pairs.map(|(a, b)| difference(lab(a, &linear), lab(b, &linear))).sum()
        })
        .collect();
    Ok(sums.iter().sum::<f64>() / picture.size().pixels() as f64)
}

/// CIE L*a*b* of an 8-bit pixel.
fn lab(rgb: &[u8], linear: &[f64]) -> [f64; 3] {
    let rgb = [0, 1, 2].map(|c| linear[usize::from(rgb[c])]);
    let [x, y, z] = [0, 1, 2].map(|i| {
        let value: f64 = TO_XYZ[i].iter().zip(rgb).map(|(weight, v)| weight * v).sum();
        let ratio = value / WHITE[i];
        if ratio > 0.008_856 { ratio.cbrt() } else { 7.787 * ratio + 16.0 / 116.0 }
    });
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

/// CIEDE2000 of two L*a*b* colours, all three weights 1; names as in the paper.
fn difference([l1, a1, b1]: [f64; 3], [l2, a2, b2]: [f64; 3]) -> f64 {
    let faded = |c: f64| (c.powi(7) / (c.powi(7) + 25.0_f64.powi(7))).sqrt();
    let g = 0.5 * (1.0 - faded(f64::midpoint(a1.hypot(b1), a2.hypot(b2))));
    let (a1, a2) = ((1.0 + g) * a1, (1.0 + g) * a2);
    let (c1, c2) = (a1.hypot(b1), a2.hypot(b2));
    let hue = |a: f64, b: f64| b.atan2(a).to_degrees().rem_euclid(360.0);
    let (h1, h2) = (hue(a1, b1), hue(a2, b2));
    let grey = c1 * c2 == 0.0;

    let turn = match h2 - h1 {
        _ if grey => 0.0,
        d if d > 180.0 => d - 360.0,
        d if d < -180.0 => d + 360.0,
        d => d,
    };
    let (dl, dc) = (l2 - l1, c2 - c1);
    let dh = 2.0 * (c1 * c2).sqrt() * (turn / 2.0).to_radians().sin();

    let (l, c) = (f64::midpoint(l1, l2), f64::midpoint(c1, c2));
    let h = match h1 + h2 {
        sum if grey => sum,
        sum if (h1 - h2).abs() <= 180.0 => sum / 2.0,
        sum if sum < 360.0 => (sum + 360.0) / 2.0,
        sum => (sum - 360.0) / 2.0,
    };
    let cos = |degrees: f64| degrees.to_radians().cos();
    let t = 1.0 - 0.17 * cos(h - 30.0) + 0.24 * cos(2.0 * h) + 0.32 * cos(3.0 * h + 6.0)
        - 0.20 * cos(4.0 * h - 63.0);
    let bend = 30.0 * (-((h - 275.0) / 25.0).powi(2)).exp();
    let off = (l - 50.0).powi(2);
    let sl = 1.0 + 0.015 * off / (20.0 + off).sqrt();
    let (sc, sh) = (1.0 + 0.045 * c, 1.0 + 0.015 * c * t);
    let rt = -2.0 * faded(c) * (2.0 * bend).to_radians().sin();
    let (l, c, h) = (dl / sl, dc / sc, dh / sh);
    (l * l + c * c + h * h + rt * c * h).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use relume_media::Size;

    /// Table 1 of the paper, printed to four digits.
    #[rustfmt::skip]
    const PUBLISHED: [([f64; 3], [f64; 3], f64); 34] = [
        ([50.0, 2.6772, -79.7751], [50.0, 0.0, -82.7485], 2.0425),
        ([50.0, 3.1571, -77.2803], [50.0, 0.0, -82.7485], 2.8615),
        ([50.0, 2.8361, -74.02], [50.0, 0.0, -82.7485], 3.4412),
        ([50.0, -1.3802, -84.2814], [50.0, 0.0, -82.7485], 1.0),
        ([50.0, -1.1848, -84.8006], [50.0, 0.0, -82.7485], 1.0),
        ([50.0, -0.9009, -85.5211], [50.0, 0.0, -82.7485], 1.0),
        ([50.0, 0.0, 0.0], [50.0, -1.0, 2.0], 2.3669),
        ([50.0, -1.0, 2.0], [50.0, 0.0, 0.0], 2.3669),
        ([50.0, 2.49, -0.001], [50.0, -2.49, 0.0009], 7.1792),
        ([50.0, 2.49, -0.001], [50.0, -2.49, 0.001], 7.1792),
        ([50.0, 2.49, -0.001], [50.0, -2.49, 0.0011], 7.2195),
        ([50.0, 2.49, -0.001], [50.0, -2.49, 0.0012], 7.2195),
        ([50.0, -0.001, 2.49], [50.0, 0.0009, -2.49], 4.8045),
        ([50.0, -0.001, 2.49], [50.0, 0.001, -2.49], 4.8045),
        ([50.0, -0.001, 2.49], [50.0, 0.0011, -2.49], 4.7461),
        ([50.0, 2.5, 0.0], [50.0, 0.0, -2.5], 4.3065),
        ([50.0, 2.5, 0.0], [73.0, 25.0, -18.0], 27.1492),
        ([50.0, 2.5, 0.0], [61.0, -5.0, 29.0], 22.8977),
        ([50.0, 2.5, 0.0], [56.0, -27.0, -3.0], 31.903),
        ([50.0, 2.5, 0.0], [58.0, 24.0, 15.0], 19.4535),
        ([50.0, 2.5, 0.0], [50.0, 3.1736, 0.5854], 1.0),
        ([50.0, 2.5, 0.0], [50.0, 3.2972, 0.0], 1.0),
        ([50.0, 2.5, 0.0], [50.0, 1.8634, 0.5757], 1.0),
        ([50.0, 2.5, 0.0], [50.0, 3.2592, 0.335], 1.0),
        ([60.2574, -34.0099, 36.2677], [60.4626, -34.1751, 39.4387], 1.2644),
        ([63.0109, -31.0961, -5.8663], [62.8187, -29.7946, -4.0864], 1.263),
        ([61.2901, 3.7196, -5.3901], [61.4292, 2.248, -4.962], 1.8731),
        ([35.0831, -44.1164, 3.7933], [35.0232, -40.0716, 1.5901], 1.8645),
        ([22.7233, 20.0904, -46.694], [23.0331, 14.973, -42.5619], 2.0373),
        ([36.4612, 47.858, 18.3852], [36.2715, 50.5065, 21.2231], 1.4146),
        ([90.8027, -2.0831, 1.441], [91.1528, -1.6435, 0.0447], 1.4441),
        ([90.9257, -0.5406, -0.9208], [88.6381, -0.8985, -0.7239], 1.5381),
        ([6.7747, -0.2908, -2.4247], [5.8714, -0.0985, -2.2286], 0.6377),
        ([2.0776, 0.0795, -1.135], [0.9033, -0.0636, -0.5514], 0.9082),
    ];

    #[test]
    fn the_published_pairs_have_their_differences() {
        for (one, other, expected) in PUBLISHED {
            for found in [difference(one, other), difference(other, one)] {
                assert!((found - expected).abs() < 5e-5 + 1e-9, "{one:?} {other:?}: {found}");
            }
        }
    }

    #[test]
    fn the_mean_is_over_pixels() {
        let truth = Image::from_rgb8(Size::new(2, 1), &[10, 200, 30, 0, 0, 0]).unwrap();
        let picture = Image::from_rgb8(Size::new(2, 1), &[10, 200, 30, 255, 255, 255]).unwrap();
        // Black against white is 100 by definition.
        assert!((delta_e2000(&picture, &truth).unwrap() - 50.0).abs() < 1e-2);
        assert_eq!(delta_e2000(&truth, &truth).unwrap(), 0.0);
    }
}
