//! How wide the edges are: a first figure for blur.

use relume_media::Plane;

use super::{Noise, percentile};

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

/// Edge widths of a picture.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Sharpness {
    /// Width in pixels of the sharper edges crossed going sideways; none without edges.
    pub edge_width_x: Option<f32>,
    /// Width in pixels of the sharper edges crossed going down.
    pub edge_width_y: Option<f32>,
    /// Number of edges looked at.
    pub edges: usize,
}

impl Sharpness {
    /// Measures a picture by its luma.
    pub(super) fn measure(luma: &Plane, noise: &Noise) -> Self {
        let sigma = noise.sigma.iter().sum::<f32>() / 3.0;
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
        Self { edge_width_x: typical(&mut across), edge_width_y: typical(&mut down), edges }
    }

    /// The wider of both directions.
    pub fn widest(&self) -> Option<f32> {
        match (self.edge_width_x, self.edge_width_y) {
            (Some(x), Some(y)) => Some(x.max(y)),
            (x, y) => x.or(y),
        }
    }
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
