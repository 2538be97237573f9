//! How wide the edges are, and how much of the finest detail there is: first figures for blur.

use relume_media::Plane;

use super::{Noise, VIEWED_SIDE, percentile};

/// At most about this many rows and columns are walked.
const LINES: usize = 600;
/// Least contrast of an edge in display light.
const CONTRAST: f32 = 0.06;
/// Least contrast of an edge in multiples of the noise.
const CONTRAST_TO_NOISE: f32 = 8.0;
/// The sharpest edges decide: depth of field blurs the others in good pictures too.
const SHARPEST: f64 = 0.25;
/// Fewer edges than this say nothing.
const ENOUGH: usize = 40;
/// Fine detail is what changes over this many pixels, against what changes over four times that.
const COARSE: usize = 4;
/// Least mean square of the coarse changes, in display light, that says anything.
const STRUCTURE: f64 = 1e-4;

/// Edge widths and fine detail of a picture.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Sharpness {
    /// Width in pixels of the sharper edges crossed going sideways; none without edges.
    pub edge_width_x: Option<f32>,
    /// Width in pixels of the sharper edges crossed going down.
    pub edge_width_y: Option<f32>,
    /// Number of edges looked at.
    pub edges: usize,
    /// Mean square of the changes from pixel to pixel over that of changes over four pixels, noise
    /// taken off, along the direction (of four) where it is least. Sharp photos have 0.15 to 0.45,
    /// a picture blurred along any line less. None without structure.
    pub fine_detail: Option<f32>,
}

impl Sharpness {
    /// Measures a picture by its luma.
    pub(super) fn measure(luma: &Plane, noise: &Noise) -> Self {
        let sigma = noise.fine_sigma;
        let contrast = CONTRAST.max(CONTRAST_TO_NOISE * sigma);
        let (width, height) = (luma.size.width, luma.size.height);
        let mut across = Vec::new();
        for y in (0..height).step_by((height / LINES).max(1)) {
            edges(luma.row(y), contrast, &mut across);
        }
        let mut down = Vec::new();
        let mut column = vec![0.0; height];
        for x in (0..width).step_by((width / LINES).max(1)) {
            for (y, value) in column.iter_mut().enumerate() {
                *value = luma.values[y * width + x];
            }
            edges(&column, contrast, &mut down);
        }
        let edges = across.len() + down.len();
        let typical =
            |widths: &mut Vec<f32>| (widths.len() >= ENOUGH).then(|| percentile(widths, SHARPEST));
        Self {
            edge_width_x: typical(&mut across),
            edge_width_y: typical(&mut down),
            edges,
            fine_detail: fine_detail(luma, sigma),
        }
    }
}

/// See [`Sharpness::fine_detail`].
fn fine_detail(luma: &Plane, sigma: f32) -> Option<f32> {
    let long = luma.size.width.max(luma.size.height);
    let lag = ((long as f32 / VIEWED_SIDE as f32).round() as usize).max(1);
    let noise = 2.0 * f64::from(sigma).powi(2);
    let changes = |lag, direction| (mean_change(luma, lag, direction) - noise).max(0.0);
    [(1, 0), (0, 1), (1, 1), (-1, 1)]
        .into_iter()
        .filter_map(|direction| {
            let coarse = changes(COARSE * lag, direction);
            (coarse >= STRUCTURE).then(|| (changes(lag, direction) / coarse) as f32)
        })
        .min_by(f32::total_cmp)
}

/// Mean square of the differences between pixels `lag` steps apart along `direction` (x, y).
fn mean_change(luma: &Plane, lag: usize, direction: (isize, usize)) -> f64 {
    let (width, height) = (luma.size.width, luma.size.height);
    let (across, down) = (lag * direction.0.unsigned_abs(), lag * direction.1);
    if across >= width || down >= height {
        return 0.0;
    }
    let (mut sum, mut count) = (0.0_f64, 0);
    for y in (0..height - down).step_by((height / LINES).max(1)) {
        let (near, far) = (luma.row(y), luma.row(y + down));
        let (near, far) = match direction.0 {
            ..0 => (&near[across..], &far[..width - across]),
            _ => (&near[..width - across], &far[across..]),
        };
        let row: f32 = near.iter().zip(far).map(|(a, b)| (a - b) * (a - b)).sum();
        sum += f64::from(row);
        count += near.len();
    }
    sum / count.max(1) as f64
}

/// Appends the width of every rise or fall of at least `contrast`: contrast by steepest step.
fn edges(line: &[f32], contrast: f32, widths: &mut Vec<f32>) {
    let mut start = 0;
    while start + 1 < line.len() {
        let rising = line[start + 1] > line[start];
        let mut end = start + 1;
        let mut steepest = (line[end] - line[start]).abs();
        while end + 1 < line.len()
            && line[end + 1] != line[end]
            && (line[end + 1] > line[end]) == rising
        {
            steepest = steepest.max((line[end + 1] - line[end]).abs());
            end += 1;
        }
        let height = (line[end] - line[start]).abs();
        if height >= contrast {
            widths.push(height / steepest);
        }
        start = end;
    }
}
