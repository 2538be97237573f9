//! Losses on class scores and on features of pictures and texts.

use crate::case::{Case, Plane, Planes};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        classes("", |scores, numbers| {
            let (mut sum, mut counted) = (0.0, 0.0);
            for ([n, _, y, x], number) in numbers.places() {
                if number >= 0.0 {
                    let row: Vec<f64> = (0..4).map(|k| scores.at(n, k, y, x)).collect();
                    sum += cross_entropy(&row, number as usize);
                    counted += 1.0;
                }
            }
            sum / counted
        }),
        probabilities(),
        prompt(),
        labelled(),
        pairs(),
        contrastive("", true, false),
        contrastive("columns = false", false, false),
        contrastive("", true, true),
    ]
}

pub(crate) fn cross_entropy(scores: &[f64], truth: usize) -> f64 {
    scores.iter().map(|score| score.exp()).sum::<f64>().ln() - scores[truth]
}

fn classes(table: &'static str, reference: fn(&Plane, &Plane) -> f64) -> Case {
    let mut case = Case::pair("cross_entropy", table, [3, 4, 2, 3], reference);
    let numbers = Plane::random([3, 1, 2, 3], 20, -1.0, 4.0).map(f64::floor);
    assert!(numbers.values.contains(&-1.0) && numbers.values.contains(&3.0));
    case.outputs = [("restored", Plane::random([3, 4, 2, 3], 21, -3.0, 3.0))].into();
    case.targets = [("restored", numbers)].into();
    case
}

fn probabilities() -> Case {
    let mut case =
        Case::pair("cross_entropy", "smoothing = 0.2", [5, 3, 1, 1], |scores, shares| {
            let mut sum = 0.0;
            for n in 0..5 {
                let row: Vec<f64> = (0..3).map(|k| scores.at(n, k, 0, 0)).collect();
                for k in 0..3 {
                    let share = 0.8 * shares.at(n, k, 0, 0) + 0.2 / 3.0;
                    sum += share * cross_entropy(&row, k);
                }
            }
            sum / 5.0
        });
    let shares =
        [[0.5, 0.25, 0.25], [1.0, 0.0, 0.0], [0.0, 0.75, 0.25], [0.0, 0.5, 0.5], [0.0, 0.0, 1.0]];
    case.targets = [("restored", Plane { shape: [5, 3, 1, 1], values: shares.concat() })].into();
    case
}

pub(crate) fn cosine(a: &Plane, i: usize, b: &Plane, j: usize) -> f64 {
    let d = a.shape[1];
    let dot = |a: &Plane, i: usize, b: &Plane, j: usize| -> f64 {
        (0..d).map(|k| a.at(i, k, 0, 0) * b.at(j, k, 0, 0)).sum()
    };
    dot(a, i, b, j) / (dot(a, i, a, i) * dot(b, j, b, j)).sqrt()
}

fn prompt() -> Case {
    Case {
        kind: "prompt",
        table: "prompts = \"prompts\"\ntemperature = 3\nlabel = 2",
        loss: None,
        outputs: [
            ("image_features", Plane::random([4, 6, 1, 1], 22, -1.0, 1.0)),
            ("prompts", Plane::random([3, 6, 1, 1], 23, -1.0, 1.0)),
        ]
        .into(),
        targets: Planes::new(),
        feeds: Planes::new(),
        reference: Box::new(|x, _, _| {
            let (images, prompts) = (&x["image_features"], &x["prompts"]);
            let of = |i| {
                let row: Vec<f64> = (0..3).map(|k| 3.0 * cosine(images, i, prompts, k)).collect();
                cross_entropy(&row, 2)
            };
            (0..4).map(of).sum::<f64>() / 4.0
        }),
    }
}

/// Each picture with a prompt of its own.
fn labelled() -> Case {
    const LABELS: [f64; 4] = [2.0, 0.0, 1.0, 0.0];
    let mut case = prompt();
    case.table = "prompts = \"prompts\"\ntemperature = 3\nlabels = \"look\"";
    case.targets = [("look", Plane { shape: [4, 1, 1, 1], values: LABELS.to_vec() })].into();
    case.reference = Box::new(|x, t, _| {
        let (images, prompts) = (&x["image_features"], &x["prompts"]);
        let of = |i: usize| {
            let row: Vec<f64> = (0..3).map(|k| 3.0 * cosine(images, i, prompts, k)).collect();
            cross_entropy(&row, t["look"].values[i] as usize)
        };
        (0..4).map(of).sum::<f64>() / 4.0
    });
    case
}

/// The second image of each pair is the text of the first.
fn pairs() -> Case {
    Case {
        kind: "contrastive",
        table: "pairs = true\ntemperature = 3",
        loss: None,
        outputs: [("image_features", Plane::random([6, 5, 1, 1], 26, -1.0, 1.0))].into(),
        targets: Planes::new(),
        feeds: Planes::new(),
        reference: Box::new(|x, _, _| {
            let images = &x["image_features"];
            let score = |i: usize, j: usize| 3.0 * cosine(images, 2 * i, images, 2 * j + 1);
            let of = |own: usize| {
                let row: Vec<f64> = (0..3).map(|j| score(own, j)).collect();
                let column: Vec<f64> = (0..3).map(|i| score(i, own)).collect();
                (cross_entropy(&row, own) + cross_entropy(&column, own)) / 2.0
            };
            (0..3).map(of).sum::<f64>() / 3.0
        }),
    }
}

/// With `twins` the texts 1 and 3 are the same, so that they are not told apart.
fn contrastive(table: &'static str, columns: bool, twins: bool) -> Case {
    let mut texts = Plane::random([4, 5, 1, 1], 24, -1.0, 1.0);
    if twins {
        texts.values.copy_within(5..10, 15);
    }
    Case {
        kind: "contrastive",
        table,
        loss: None,
        outputs: [("image_features", Plane::random([4, 5, 1, 1], 25, -1.0, 1.0))].into(),
        targets: [("text_features", texts)].into(),
        feeds: Planes::new(),
        reference: Box::new(move |x, t, _| {
            let (images, texts) = (&x["image_features"], &t["text_features"]);
            let told_apart = |i: usize, j: usize| i == j || !twins || i + j != 4 || i == 2;
            let (mut rows, mut down) = (0.0, 0.0);
            for own in 0..4 {
                let others: Vec<usize> = (0..4).filter(|&other| told_apart(own, other)).collect();
                let place = others.iter().position(|&other| other == own).unwrap();
                let score = |i, j| 100.0 * cosine(images, i, texts, j);
                let row: Vec<f64> = others.iter().map(|&j| score(own, j)).collect();
                let column: Vec<f64> = others.iter().map(|&i| score(i, own)).collect();
                rows += cross_entropy(&row, place) / 4.0;
                down += cross_entropy(&column, place) / 4.0;
            }
            if columns { (rows + down) / 2.0 } else { rows }
        }),
    }
}
