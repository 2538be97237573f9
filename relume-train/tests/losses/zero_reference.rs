//! Losses that judge a picture without the truth.

use crate::case::{Case, Plane, Planes};

fn alone(
    (kind, table): (&'static str, &'static str),
    (output, shape): (&'static str, [usize; 4]),
    reference: fn(&Plane) -> f64,
) -> Case {
    Case {
        kind,
        table,
        loss: None,
        outputs: [(output, Plane::random(shape, 3, 0.1, 0.9))].into(),
        targets: Planes::new(),
        feeds: [("image", Plane::random(shape, 4, 0.0, 0.3))].into(),
        reference: Box::new(move |outputs, _, _| reference(&outputs[output])),
    }
}

pub(crate) fn cases() -> Vec<Case> {
    let mut tinted = alone(("color_constancy", ""), ("restored", [2, 3, 5, 7]), color_constancy);
    for (index, value) in tinted.outputs.get_mut("restored").unwrap().values.iter_mut().enumerate()
    {
        *value = f64::from((*value * [1.0, 0.7, 0.3][index / 35 % 3]) as f32);
    }
    let mut spatial = alone(("spatial_consistency", ""), ("restored", [2, 3, 14, 17]), |_| 0.0);
    spatial.reference =
        Box::new(|outputs, _, feeds| spatial_consistency(&outputs["restored"], &feeds["image"]));
    vec![
        tinted,
        spatial,
        alone(("exposure", ""), ("restored", [2, 3, 33, 18]), |x| exposure(x, 0.6, 16)),
        alone(("exposure", "level = 0.4\ncell = 5"), ("restored", [1, 3, 9, 11]), |x| {
            exposure(x, 0.4, 5)
        }),
        alone(("illumination_smoothness", ""), ("curves", [2, 24, 6, 5]), smoothness),
    ]
}

fn color_constancy(picture: &Plane) -> f64 {
    let [n, _, h, w] = picture.shape;
    let mut sum = 0.0;
    for sample in 0..n {
        let mean = |channel| {
            let here = |&([n, c, ..], _): &([usize; 4], f64)| n == sample && c == channel;
            picture.places().filter(here).map(|(_, v)| v).sum::<f64>() / (h * w) as f64
        };
        let (r, g, b) = (mean(0), mean(1), mean(2));
        let fourth = (r - g).powi(4) + (r - b).powi(4) + (g - b).powi(4);
        sum += fourth.max(1e-6).sqrt();
    }
    sum / n as f64
}

fn spatial_consistency(enhanced: &Plane, low: &Plane) -> f64 {
    let (e, l) = (enhanced.grey().pooled(4), low.grey().pooled(4));
    let [_, _, h, w] = e.shape;
    let neighbour = |p: &Plane, n: usize, y: isize, x: isize| {
        let inside = (0..h as isize).contains(&y) && (0..w as isize).contains(&x);
        if inside { p.at(n, 0, y as usize, x as usize) } else { 0.0 }
    };
    let cell = |([n, _, y, x], _): ([usize; 4], f64)| {
        let (y, x) = (y as isize, x as isize);
        let step = |p: &Plane, dy, dx| neighbour(p, n, y, x) - neighbour(p, n, y + dy, x + dx);
        let directions = [(0, -1), (0, 1), (-1, 0), (1, 0)];
        directions.map(|(dy, dx)| (step(&e, dy, dx) - step(&l, dy, dx)).powi(2)).iter().sum::<f64>()
    };
    e.places().map(cell).sum::<f64>() / e.values.len() as f64
}

fn exposure(picture: &Plane, level: f64, cell: usize) -> f64 {
    picture.grey().pooled(cell).map(|v| (v - level).powi(2)).mean()
}

fn smoothness(maps: &Plane) -> f64 {
    let [n, _, h, w] = maps.shape;
    let (mut down, mut across) = (0.0, 0.0);
    for ([n, c, y, x], value) in maps.places() {
        if y + 1 < h {
            down += (maps.at(n, c, y + 1, x) - value).powi(2);
        }
        if x + 1 < w {
            across += (maps.at(n, c, y, x + 1) - value).powi(2);
        }
    }
    2.0 / n as f64 * (down / ((h - 1) * w) as f64 + across / (h * (w - 1)) as f64)
}
