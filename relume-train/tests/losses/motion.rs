//! Losses on motion between frames and what is copied along it.

use crate::case::{Case, Plane, Planes};

fn cross_entropy(probability: f64, truth: bool) -> f64 {
    -(if truth { probability } else { 1.0 - probability }).ln()
}

pub(crate) fn cases() -> Vec<Case> {
    let visible =
        || Plane::random([2, 1, 10, 12], 9, 0.0, 1.0).map(|v| f64::from(u8::from(v > 0.3)));
    let fine = |shape, seed| Plane::random(shape, seed, -2.0, 2.0);
    let flow = Case {
        kind: "flow",
        table: "mask = \"visible\"",
        loss: None,
        outputs: [("flow", fine([2, 2, 5, 6], 10))].into(),
        targets: [("flow", fine([2, 2, 10, 12], 11)), ("visible", visible())].into(),
        feeds: Planes::new(),
        reference: Box::new(|x, t, _| {
            let (errors, seen) = (flow_errors(&x["flow"], &t["flow"]), t["visible"].pooled(2));
            errors.with(&seen, |e, s| e * s).mean() / seen.mean()
        }),
    };
    let mut outputs = flow.outputs.clone();
    outputs.insert("confidence", Plane::random([2, 1, 5, 6], 12, 0.05, 0.95));
    let confidence = Case {
        kind: "confidence",
        table: "mask = \"visible\"\ntolerance = 1.5",
        loss: None,
        outputs,
        targets: flow.targets.clone(),
        feeds: Planes::new(),
        reference: Box::new(|x, t, _| {
            let (errors, seen) = (flow_errors(&x["flow"], &t["flow"]), t["visible"].pooled(2));
            let right = errors.with(&seen, |e, s| f64::from(u8::from(e < 1.5 && s > 0.5)));
            x["confidence"].with(&right, |p, right| cross_entropy(p, right > 0.5)).mean()
        }),
    };
    vec![flow, confidence, copy_gate(), matching(), temporal(), policy()]
}

fn flow_errors(x: &Plane, truth: &Plane) -> Plane {
    let [n, _, h, w] = x.shape;
    let truth = truth.pooled(2);
    Plane::from_fn([n, 1, h, w], |[n, _, y, column]| {
        (0..2).map(|c| (x.at(n, c, y, column) - truth.at(n, c, y, column) / 2.0).abs()).sum()
    })
}

fn copy_gate() -> Case {
    let shape = [2, 3, 5, 6];
    let truth = Plane::random(shape, 13, 0.5, 4.0);
    let change = Plane::random(shape, 14, 0.88, 1.12);
    Case {
        kind: "copy_gate",
        table: "mask = \"mask\"",
        loss: None,
        outputs: [
            ("gate", Plane::random([2, 1, 5, 6], 15, 0.05, 0.95)),
            ("copied", truth.with(&change, |t, change| f64::from((t * change) as f32))),
            ("validity", Plane::random([2, 1, 5, 6], 16, 0.0, 1.0)),
        ]
        .into(),
        targets: [("restored", truth)].into(),
        feeds: [("mask", Plane::random([2, 1, 5, 6], 17, 0.2, 1.0))].into(),
        reference: Box::new(|x, t, f| {
            let (mut sum, mut count, mut rights) = (0.0, 0.0, 0);
            for ([n, _, y, column], gate) in x["gate"].places() {
                let at = |p: &Plane, c| p.at(n, c, y, column);
                if at(&x["validity"], 0) <= 0.5 || at(&f["mask"], 0) <= 0.5 {
                    continue;
                }
                let off = |c| (at(&x["copied"], c) / at(&t["restored"], c) - 1.0).abs();
                let right = (0..3).all(|c| off(c) <= 0.1);
                rights += usize::from(right);
                sum += cross_entropy(gate, right);
                count += 1.0;
            }
            assert!(rights > 3 && count > rights as f64 + 3.0, "both kinds must occur");
            sum / count
        }),
    }
}

fn matching() -> Case {
    let features = |seed| Plane::random([2, 4, 3, 4], seed, -1.0, 1.0);
    let seen = Plane::random([2, 1, 6, 8], 22, 0.0, 1.0).map(|v| f64::from(u8::from(v > 0.2)));
    Case {
        kind: "matching",
        table: "",
        loss: None,
        outputs: [("queries", features(18)), ("keys", features(19))].into(),
        targets: [("motion", Plane::random([2, 2, 6, 8], 20, -3.0, 3.0)), ("visible", seen)].into(),
        feeds: Planes::new(),
        reference: Box::new(|x, t, _| {
            let (motion, seen) = (t["motion"].pooled(2), t["visible"].pooled(2));
            let (mut sum, mut count) = (0.0, 0.0);
            for ([n, _, row, column], seen) in seen.places() {
                let there = |c| motion.at(n, c, row, column) / 2.0;
                let (right, down) = (column as f64 + there(0), row as f64 + there(1));
                let score = |y: usize, i: usize| {
                    let product = |c| x["queries"].at(n, c, row, column) * x["keys"].at(n, c, y, i);
                    (0..4).map(product).sum::<f64>() / 2.0
                };
                let all = || (0..12).map(|i| (i / 4, i % 4));
                let whole: f64 = all().map(|(y, i)| score(y, i).exp()).sum();
                let tent = |y: usize, i: usize| {
                    let part = |a: f64| (1.0 - a.abs()).max(0.0);
                    part(right - i as f64) * part(down - y as f64)
                };
                let inside: f64 = all().map(|(y, i)| tent(y, i)).sum();
                if seen > 0.5 && inside > 0.2 {
                    let missed = |(y, i)| tent(y, i) * (whole.ln() - score(y, i));
                    sum += all().map(missed).sum::<f64>() / inside;
                    count += 1.0;
                }
            }
            assert!(count > 4.0);
            sum / count
        }),
    }
}

fn temporal() -> Case {
    let seen = Plane::random([4, 1, 5, 6], 25, 0.0, 1.0).map(|v| f64::from(u8::from(v > 0.2)));
    Case {
        kind: "temporal",
        table: "",
        loss: None,
        outputs: [("recovered", Plane::random([4, 3, 5, 6], 23, 0.5, 4.0))].into(),
        targets: [
            ("before", Plane::random([4, 2, 5, 6], 24, -1.5, 1.5)),
            ("before_visible", seen),
            ("exposure_step", Plane::random([4, 1, 1, 1], 26, -1.0, 1.0)),
            ("lost", Plane::random([4, 1, 5, 6], 27, 0.1, 1.0)),
        ]
        .into(),
        feeds: Planes::new(),
        reference: Box::new(|x, t, _| {
            let (light, motion) = (&x["recovered"], &t["before"]);
            let (mut sum, mut weights) = (0.0, 0.0);
            for ([n, c, y, i], now) in light.places().filter(|([n, ..], _)| n % 2 == 1) {
                let right = i as f64 + motion.at(n, 0, y, i);
                let down = y as f64 + motion.at(n, 1, y, i);
                let mut before = 0.0;
                for (row, column) in (0..30).map(|place| (place / 6, place % 6)) {
                    let part = |a: f64| (1.0 - a.abs()).max(0.0);
                    let share = part(right - column as f64) * part(down - row as f64);
                    before += share * (light.at(n - 1, c, row, column) + 1e-4).log2();
                }
                let apart = (now + 1e-4).log2() - before - t["exposure_step"].at(n, 0, 0, 0);
                let weight = t["lost"].at(n, 0, y, i) * t["before_visible"].at(n, 0, y, i);
                sum += weight * apart.abs();
                weights += weight;
            }
            sum / weights
        }),
    }
}

fn policy() -> Case {
    Case {
        kind: "policy",
        table: "frames = 4\nentropy = 0.1\nscale = 2.0",
        loss: None,
        outputs: [("adopt", Plane::random([12, 1, 1, 1], 28, -2.0, 2.0))].into(),
        targets: [("reward", Plane::random([12, 1, 1, 1], 29, 0.0, 1.0))].into(),
        feeds: Planes::new(),
        reference: Box::new(|x, t, _| {
            // All ways through a clip of four frames: each decision is yes or no.
            let pair = |t: usize, r: usize| t * (t - 1) / 2 + r;
            let mut sum = 0.0;
            for clip in 0..2 {
                for choices in 0..8_usize {
                    let (mut reference, mut chance, mut gained) = (0, 1.0, 0.0);
                    for frame in 1..4 {
                        let at = 6 * clip + pair(frame, reference);
                        let p = 1.0 / (1.0 + (-x["adopt"].values[at]).exp());
                        let bits = -(p * p.log2() + (1.0 - p) * (1.0 - p).log2());
                        gained += 2.0 * t["reward"].values[at] + 0.1 * bits;
                        let yes = choices >> (frame - 1) & 1 == 1;
                        chance *= if yes { p } else { 1.0 - p };
                        reference = if yes { frame } else { reference };
                    }
                    sum += chance * gained;
                }
            }
            -sum / 6.0
        }),
    }
}
