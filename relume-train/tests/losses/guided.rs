//! Losses that look through a fixed network: a small random one, which sees pictures of 4×4.

use relume::models::clip::{IMAGE, IMAGE_FEATURES, PROMPT_FEATURES, PROMPTS, QUALITY_FEATURES};
use relume_nn::{Conv, Extent, Graph, GraphBuilder, Layer, Pointwise, Weights};
use relume_train::losses::{Cue, Encoder, Prior};

use crate::case::{Case, Plane, Planes};
use crate::embeddings::{cosine, cross_entropy};

const FEATURES: usize = 5;
const SHAPE: [usize; 4] = [4, 3, 5, 6];

fn network() -> (Graph, Weights) {
    let mut g = GraphBuilder::new("eye");
    let x = g.input(IMAGE, 3, Extent::Fixed { height: 4, width: 4 });
    let x = g.conv("look", x, Conv::new(3, FEATURES, 2).stride(2, 0));
    let x = g.pointwise(x, Pointwise::LeakyRelu(0.1));
    let x = g.layer("pool", Layer::GlobalPool, &[x]);
    g.output(IMAGE_FEATURES, x);
    g.output(QUALITY_FEATURES, x);
    let prompts = Layer::Learned { samples: 3, channels: FEATURES, length: 1 };
    let prompts = g.layer(PROMPTS, prompts, &[]);
    g.output(PROMPT_FEATURES, prompts);
    let graph = g.finish().unwrap();
    let weights = Weights::initial(&graph, 8);
    (graph, weights)
}

fn encoder() -> Encoder {
    let (graph, weights) = network();
    Encoder::new(graph, weights).unwrap()
}

/// A picture at 4×4, bilinear between sample centres.
fn shrunk(picture: &Plane) -> Plane {
    let [n, _, h, w] = picture.shape;
    let place = |i: usize, length: usize| {
        let at = ((i as f64 + 0.5) * length as f64 / 4.0 - 0.5).max(0.0);
        let first = (at as usize).min(length - 1);
        (first, (first + 1).min(length - 1), at - first as f64)
    };
    Plane::from_fn([n, 3, 4, 4], |[n, c, y, x]| {
        let ((top, bottom, down), (left, right, across)) = (place(y, h), place(x, w));
        let row = |row: usize| {
            let (a, b) = (picture.at(n, c, row, left), picture.at(n, c, row, right));
            a + across * (b - a)
        };
        row(top) + down * (row(bottom) - row(top))
    })
}

/// What the network sees, `[n, 5, 1, 1]`.
fn seen(picture: &Plane) -> Plane {
    let (_, weights) = network();
    let (taps, bias) = (weights.get("look.weight").unwrap(), weights.get("look.bias").unwrap());
    let small = shrunk(picture);
    Plane::from_fn([picture.shape[0], FEATURES, 1, 1], |[n, o, ..]| {
        let mut mean = 0.0;
        for place in 0..4 {
            let (y, x) = (place / 2 * 2, place % 2 * 2);
            let mut sum = f64::from(bias.values[o]);
            for tap in 0..12 {
                let (c, dy, dx) = (tap / 4, tap / 2 % 2, tap % 2);
                sum += f64::from(taps.values[o * 12 + tap]) * small.at(n, c, y + dy, x + dx);
            }
            let slope = if sum > 0.0 { 1.0 } else { f64::from(0.1_f32) };
            mean += slope * sum / 4.0;
        }
        mean
    })
}

fn prompts() -> Plane {
    let (_, weights) = network();
    let values = weights.get(&format!("{PROMPTS}.weight")).unwrap().values.iter();
    Plane { shape: [3, FEATURES, 1, 1], values: values.map(|&v| f64::from(v)).collect() }
}

/// Cross entropy of picture `i` finding cue `i`, mean over pictures; with `columns` also of cues
/// finding pictures.
fn found(pictures: &Plane, cues: &Plane, columns: bool) -> f64 {
    let count = pictures.shape[0];
    let towards = |score: &dyn Fn(usize, usize) -> f64| {
        let of = |i| cross_entropy(&(0..count).map(|j| score(i, j)).collect::<Vec<_>>(), i);
        (0..count).map(of).sum::<f64>() / count as f64
    };
    let rows = towards(&|i, j| 3.0 * cosine(pictures, i, cues, j));
    let down = towards(&|i, j| 3.0 * cosine(pictures, j, cues, i));
    if columns { (rows + down) / 2.0 } else { rows }
}

pub(crate) fn cases() -> Vec<Case> {
    let restored = || Planes::from([("restored", Plane::random(SHAPE, 30, 0.0, 1.0))]);
    let prior = "output = \"restored\"\ntemperature = 3";
    let content = "output = \"restored\"\ntemperature = 3";
    let context = "output = \"restored\"\ntarget = \"context\"\ncolumns = false\ntemperature = 3";
    let cue = |table: &str| Box::new(Cue::new(encoder(), &table.parse().unwrap()).unwrap());
    vec![
        Case {
            kind: "prior",
            table: prior,
            loss: Some(Box::new(Prior::new(encoder(), &prior.parse().unwrap()).unwrap())),
            outputs: restored(),
            targets: Planes::new(),
            feeds: Planes::new(),
            reference: Box::new(|outputs, _, _| {
                let (images, prompts) = (seen(&outputs["restored"]), prompts());
                let of = |i| {
                    let row = (0..3).map(|k| 3.0 * cosine(&images, i, &prompts, k));
                    cross_entropy(&row.collect::<Vec<_>>(), 1)
                };
                (0..SHAPE[0]).map(of).sum::<f64>() / SHAPE[0] as f64
            }),
        },
        Case {
            kind: "cue",
            table: content,
            loss: Some(cue(content)),
            outputs: restored(),
            targets: [("content", Plane::random(SHAPE, 31, 0.0, 1.0))].into(),
            feeds: Planes::new(),
            reference: Box::new(|outputs, targets, _| {
                found(&seen(&outputs["restored"]), &seen(&targets["content"]), true)
            }),
        },
        Case {
            kind: "cue",
            table: context,
            loss: Some(cue(context)),
            outputs: restored(),
            targets: [("context", Plane::random([4, FEATURES, 1, 1], 32, -1.0, 1.0))].into(),
            feeds: Planes::new(),
            reference: Box::new(|outputs, targets, _| {
                found(&seen(&outputs["restored"]), &targets["context"], false)
            }),
        },
    ]
}
