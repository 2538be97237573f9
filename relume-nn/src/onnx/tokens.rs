//! Layers that see their input as a row of tokens, as ONNX operators.

use super::Writer;
use super::messages::{Attribute, INT64};
use crate::graph::Node;

fn order(order: [usize; 4]) -> Vec<Attribute> {
    vec![Attribute::ints("perm", &order)]
}

/// What is learned, as it stands.
pub(super) fn learned(w: &mut Writer<'_>, node: &Node, shape: [usize; 4], out: &str) {
    let value = w.parameter(node, "weight", Some(&shape));
    w.operator("Identity", &[&value], out, Vec::new());
}

/// Scaled dot-product attention over all pixels.
pub(super) fn attention(
    w: &mut Writer<'_>,
    node: &Node,
    (heads, causal): (usize, bool),
    x: &str,
    out: &str,
) {
    let (name, channels) = (node.name.as_str(), node.channels);
    let each = channels / heads;
    let (height, width) = node.extent.size(0, 0);
    let count = height * width;
    let apart = w.places(&[0, (3 * heads) as i64, each as i64, count as i64]);
    let apart = w.step(name, "Reshape", &[x, &apart], Vec::new());
    let part = |w: &mut Writer<'_>, index: usize| {
        let range = [index * heads, (index + 1) * heads, 1].map(|place| w.places(&[place as i64]));
        w.step(name, "Slice", &[&apart, &range[0], &range[1], &range[2]], Vec::new())
    };
    let (queries, keys, values) = (part(w, 0), part(w, 1), part(w, 2));
    let queries = w.step(name, "Transpose", &[&queries], order([0, 1, 3, 2]));
    let scores = w.step(name, "MatMul", &[&queries, &keys], Vec::new());
    let scale = w.number(1.0 / (each as f32).sqrt());
    let mut scores = w.step(name, "Mul", &[&scores, &scale], Vec::new());
    if causal {
        let later = |i: usize| if i % count > i / count { -1e9 } else { 0.0 };
        let mask = w.numbers(&(0..count * count).map(later).collect::<Vec<_>>());
        let shape = w.places(&[1, 1, count as i64, count as i64]);
        let mask = w.step(name, "Reshape", &[&mask, &shape], Vec::new());
        scores = w.step(name, "Add", &[&scores, &mask], Vec::new());
    }
    let shares = w.step(name, "Softmax", &[&scores], vec![Attribute::signed("axis", -1)]);
    let values = w.step(name, "Transpose", &[&values], order([0, 1, 3, 2]));
    let mixed = w.step(name, "MatMul", &[&shares, &values], Vec::new());
    let mixed = w.step(name, "Transpose", &[&mixed], order([0, 1, 3, 2]));
    let shape = w.places(&[0, channels as i64, height as i64, width as i64]);
    w.operator("Reshape", &[&mixed, &shape], out, Vec::new());
}

/// All pixels in one row behind the learned token, each with its offset.
pub(super) fn row(
    w: &mut Writer<'_>,
    node: &Node,
    (count, class): (usize, bool),
    x: &str,
    out: &str,
) {
    let (name, channels) = (node.name.as_str(), node.channels);
    let pixels = count - usize::from(class);
    let shape = w.places(&[0, channels as i64, 1, pixels as i64]);
    let mut row = w.step(name, "Reshape", &[x, &shape], Vec::new());
    if class {
        let token = w.parameter(node, "class_embedding", Some(&[1, channels, 1, 1]));
        // Spread over the batch by adding it to zeros of one column.
        let ends = [0, 1, 3].map(|place| w.places(&[place]));
        let column = w.step(name, "Slice", &[&row, &ends[0], &ends[1], &ends[2]], Vec::new());
        let zeros = w.step(name, "Sub", &[&column, &column], Vec::new());
        let token = w.step(name, "Add", &[&zeros, &token], Vec::new());
        row = w.step(name, "Concat", &[&token, &row], vec![Attribute::int("axis", 3)]);
    }
    let offsets = w.parameter(node, "positional_embedding", Some(&[1, 1, count, channels]));
    let offsets = w.step(name, "Transpose", &[&offsets], order([0, 3, 1, 2]));
    w.operator("Add", &[&row, &offsets], out, Vec::new());
}

/// Vectors of a table by number.
pub(super) fn embed(w: &mut Writer<'_>, node: &Node, x: &str, out: &str) {
    let table = w.parameter(node, "weight", None);
    let whole = vec![Attribute::signed("to", INT64.into())];
    let numbers = w.step(&node.name, "Cast", &[x], whole);
    // [n, 1, 1, length, width] to [n, width, 1, length].
    let vectors =
        w.step(&node.name, "Gather", &[&table, &numbers], vec![Attribute::int("axis", 0)]);
    let length = node.extent.size(0, 0).1;
    let shape = w.places(&[0, 1, length as i64, node.channels as i64]);
    let vectors = w.step(&node.name, "Reshape", &[&vectors, &shape], Vec::new());
    w.operator("Transpose", &[&vectors], out, order([0, 3, 1, 2]));
}
