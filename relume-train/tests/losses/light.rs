//! Losses on linear light with highlights far above the clip level.

use crate::case::{Case, Plane, Planes};

/// Light from 0 to several stops above the clip level, some of the target above the top.
fn scene(kind: &'static str, table: &'static str, output: [usize; 4], target: [usize; 4]) -> Case {
    let stops =
        |shape, seed| Plane::random(shape, seed, -6.0, 7.0).map(|v| f64::from(v.exp2() as f32));
    let mut case = Case::pair(kind, table, output, |_, _| 0.0);
    case.outputs = [("restored", stops(output, 5))].into();
    case.targets = [("restored", stops(target, 6))].into();
    let mask = Plane::random([target[0], 1, target[2], target[3]], 7, -0.4, 1.0);
    case.feeds = [("mask", mask.map(|v| v.max(0.0)))].into();
    case
}

const SHAPE: [usize; 4] = [2, 3, 7, 6];

pub(crate) fn cases() -> Vec<Case> {
    let case = |kind, table, output, reference: fn(&Plane, &Plane, &Plane) -> f64| {
        let mut case = scene(kind, table, output, SHAPE);
        case.reference = Box::new(move |x: &Planes, t: &Planes, f: &Planes| {
            reference(&x["restored"], &t["restored"], &f["mask"])
        });
        case
    };
    vec![
        case("log_light", "", SHAPE, |x, t, _| {
            x.with(t, |x, t| (phi(x) - phi(t.min(64.0))).abs()).mean()
        }),
        case("log_light", "mask = \"mask\"", SHAPE, log_light),
        case("log_light", "mask = \"mask\"", [2, 3, 1, 1], |x, t, m| {
            log_light(x, &squeezed(t), &squeezed(m))
        }),
        case("log_gradient", "mask = \"mask\"", SHAPE, log_gradient),
        case("illumination_detail", "mask = \"mask\"", SHAPE, illumination_detail),
        case("pu21", "mask = \"mask\"", SHAPE, |x, t, m| {
            let (mut sum, mut weights) = (0.0, 0.0);
            for ([n, c, y, w], value) in x.places() {
                let weight = m.at(n, 0, y, w);
                sum += weight * (pu21(203.0 * value) - pu21(203.0 * t.at(n, c, y, w))).abs();
                weights += weight;
            }
            sum / weights / 595.393_920
        }),
    ]
    .into_iter()
    .map(whole_target)
    .collect()
}

/// Gives the case of one output pixel a target that is six times as large.
fn whole_target(mut case: Case) -> Case {
    if case.outputs["restored"].shape[2] == 1 {
        let cut = |p: &Plane| {
            let [n, c, ..] = p.shape;
            Plane::from_fn([n, c, 6, 6], |[n, c, y, x]| p.at(n, c, y, x))
        };
        case.targets = case.targets.iter().map(|(name, p)| (*name, cut(p))).collect();
        case.feeds = case.feeds.iter().map(|(name, p)| (*name, cut(p))).collect();
    }
    case
}

fn squeezed(p: &Plane) -> Plane {
    p.pooled(6)
}

fn phi(x: f64) -> f64 {
    (1.0 + 255.0 * x).log2() / (1.0_f64 + 255.0 * 64.0).log2()
}

fn log_light(x: &Plane, t: &Plane, mask: &Plane) -> f64 {
    let (mut sum, mut weights) = (0.0, 0.0);
    for ([n, c, y, w], value) in x.places() {
        let weight = mask.at(n, 0, y, w) + 0.05;
        sum += weight * (phi(value) - phi(t.at(n, c, y, w).min(64.0))).abs();
        weights += weight;
    }
    sum / weights
}

fn log_gradient(x: &Plane, t: &Plane, mask: &Plane) -> f64 {
    let [_, _, h, w] = x.shape;
    let d = x.with(t, |x, t| phi(x) - phi(t.min(64.0)));
    let towards = |dy: usize, dx: usize| {
        let (mut sum, mut weights) = (0.0, 0.0);
        for ([n, c, y, column], value) in d.places() {
            if y + dy < h && column + dx < w {
                let ends = mask.at(n, 0, y, column) * mask.at(n, 0, y + dy, column + dx);
                sum += ends * (d.at(n, c, y + dy, column + dx) - value).abs();
                weights += ends;
            }
        }
        sum / weights
    };
    towards(1, 0) + towards(0, 1)
}

fn illumination_detail(x: &Plane, t: &Plane, mask: &Plane) -> f64 {
    let [n, _, h, w] = x.shape;
    let stops = |p: &Plane| {
        Plane::from_fn([n, 1, h, w], |[n, _, y, x]| {
            let at = |c| p.at(n, c, y, x);
            let luma = 0.2126 * at(0) + 0.7152 * at(1) + 0.0722 * at(2);
            luma.max(1e-4).log2()
        })
    };
    let d = stops(x).with(&stops(t), |a, b| a - b);
    let slow = Plane::from_fn(d.shape, |[n, _, y, x]| {
        let (mut sum, mut weights) = (0.0, 0.0);
        for row in 0..h {
            for column in 0..w {
                let square = (row as f64 - y as f64).powi(2) + (column as f64 - x as f64).powi(2);
                let weight = (-square / 8.0).exp();
                sum += weight * d.at(n, 0, row, column);
                weights += weight;
            }
        }
        sum / weights
    });
    let halves = d.with(&slow, |d, slow| 0.5 * slow * slow + 0.5 * (d - slow) * (d - slow));
    halves.with(mask, |half, mask| half * mask).mean()
}

fn pu21(light: f64) -> f64 {
    let p = [
        0.353487901,
        0.3734658629,
        8.277049286e-05,
        0.9062562627,
        0.09150303166,
        0.9099517204,
        596.3148142,
    ];
    let powered = light.clamp(0.005, 10_000.0).powf(p[3]);
    p[6] * (((p[0] + p[1] * powered) / (1.0 + p[2] * powered)).powf(p[4]) - p[5])
}

#[test]
fn the_plain_pu21_gives_the_published_check_values() {
    for (light, code) in [
        (1.0, 36.543911),
        (10.0, 123.647484),
        (100.0, 256.383897),
        (1000.0, 420.096921),
        (1e4, 595.393920),
    ] {
        assert!((pu21(light) - code).abs() < 1e-4, "{light}: {}", pu21(light));
    }
}
