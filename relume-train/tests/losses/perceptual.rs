//! The perceptual loss on a small random network.

use relume_nn::{Conv, Extent, Graph, GraphBuilder, Pointwise, Weights};
use relume_train::losses::Perceptual;

use crate::case::{Case, Plane};

/// Two convolutions with a ReLU between; both results are looked at.
fn network() -> (Graph, Weights) {
    let mut g = GraphBuilder::new("eye");
    let x = g.input("image", 3, Extent::PICTURE);
    let first = g.conv("first", x, Conv::new(3, 4, 3));
    let bent = g.pointwise(first, Pointwise::Relu);
    let second = g.conv("second", bent, Conv::new(4, 2, 3));
    g.output("seen", second);
    let graph = g.finish().unwrap();
    let weights = Weights::initial(&graph, 8);
    (graph, weights)
}

fn case(table: &'static str, reference: fn(&[Plane; 2], &[Plane; 2]) -> f64, mu: f64) -> Case {
    let (graph, weights) = network();
    let seen = weights.clone();
    let mut case = Case::pair("perceptual", table, [2, 3, 5, 6], move |x, t| {
        reference(&features(x, &seen, mu), &features(t, &seen, mu))
    });
    let loss = Perceptual::new(&graph, weights, &table.parse().unwrap()).unwrap();
    case.loss = Some(Box::new(loss));
    case
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case(
            "output = \"restored\"\nlayers = [\"first.act\", \"second\"]\n\
             mean = [0.4, 0.5, 0.6]\ndeviation = [0.2]",
            |x, t| {
                let distance = |i: usize| x[i].with(&t[i], |x, t| (x - t).abs()).mean();
                (distance(0) + distance(1)) / 2.0
            },
            0.0,
        ),
        case(
            "output = \"restored\"\nlayers = [\"second\"]\ndistance = \"l2\"\ngram = 3.0\n\
             mean = [0.4, 0.5, 0.6]\ndeviation = [0.2]\nmu = 500",
            |x, t| {
                let square = |x: f64, t: f64| (x - t).powi(2);
                let textures = gram(&x[1]).with(&gram(&t[1]), square).mean();
                x[1].with(&t[1], square).mean() + 3.0 * textures
            },
            500.0,
        ),
    ]
}

fn features(picture: &Plane, weights: &Weights, mu: f64) -> [Plane; 2] {
    let tone = |v: f64| if mu > 0.0 { (1.0 + mu * v).ln() / (1.0 + mu).ln() } else { v };
    let normal = Plane::from_fn(picture.shape, |[n, c, y, x]| {
        let mean = f64::from([0.4_f32, 0.5, 0.6][c]);
        (tone(picture.at(n, c, y, x)) - mean) / f64::from(0.2_f32)
    });
    let bent = convolve(&normal, weights, "first", 4).map(|v| v.max(0.0));
    let second = convolve(&bent, weights, "second", 2);
    [bent, second]
}

fn convolve(p: &Plane, weights: &Weights, name: &str, out: usize) -> Plane {
    let [n, c_in, h, w] = p.shape;
    let taps = &weights.get(&format!("{name}.weight")).unwrap().values;
    let bias = &weights.get(&format!("{name}.bias")).unwrap().values;
    Plane::from_fn([n, out, h, w], |[n, o, y, x]| {
        let mut sum = f64::from(bias[o]);
        for c in 0..c_in {
            for dy in 0..3 {
                for dx in 0..3 {
                    let (row, column) = (y + dy, x + dx);
                    if (1..=h).contains(&row) && (1..=w).contains(&column) {
                        let tap = taps[((o * c_in + c) * 3 + dy) * 3 + dx];
                        sum += f64::from(tap) * p.at(n, c, row - 1, column - 1);
                    }
                }
            }
        }
        sum
    })
}

fn gram(p: &Plane) -> Plane {
    let [n, c, h, w] = p.shape;
    Plane::from_fn([n, 1, c, c], |[n, _, i, j]| {
        let mut sum = 0.0;
        for y in 0..h {
            for x in 0..w {
                sum += p.at(n, i, y, x) * p.at(n, j, y, x);
            }
        }
        sum / (c * h * w) as f64
    })
}

#[test]
fn what_does_not_fit_is_refused() {
    let (graph, weights) = network();
    let refuse = |table: &str, word: &str| {
        let table = table.parse().unwrap();
        let error = Perceptual::new(&graph, weights.clone(), &table).err().unwrap();
        assert!(error.contains(word), "{error}");
    };
    refuse("", "layers");
    refuse("layers = [\"third\"]", "third");
    refuse("layers = [\"second\"]\ndeviation = [0.0]", "deviation");
    refuse("layers = [\"second\"]\nmean = [0.0, 1.0]", "mean");
}
