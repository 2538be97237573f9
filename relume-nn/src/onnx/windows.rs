//! Attention within windows, and hue, saturation and value, as ONNX operators.

use super::Writer;
use super::layers::{Steps, slice};
use super::messages::Attribute;
use crate::graph::{Extent, Node};
use crate::windows::Windows;

/// Queries, keys and values in windows; all sizes are known but the number of samples.
pub(super) fn attention(w: &mut Writer<'_>, node: &Node, windows: Windows, x: &str, out: &str) {
    let Extent::Fixed { height, width } = node.extent else { return };
    let Windows { heads, window, .. } = windows;
    let (name, area, channels) = (node.name.as_str(), windows.area(), node.channels);
    let (rows, columns) = (height / window, width / window);
    let (count, each) = (rows * columns, channels / heads);
    let shape = |w: &mut Writer<'_>, x: &str, sides: &[usize]| {
        let sides: Vec<i64> = std::iter::once(-1).chain(sides.iter().map(|&n| n as i64)).collect();
        let sides = w.places(&sides);
        w.step(name, "Reshape", &[x, &sides], Vec::new())
    };
    let order = |places: &[usize]| vec![Attribute::ints("perm", places)];
    let rolled = roll(w, name, x, windows.shift(), windows.shift(), (height, width));
    let apart = shape(w, &rolled, &[3 * channels, rows, window, columns, window]);
    let apart = w.step(name, "Transpose", &[&apart], order(&[0, 2, 4, 1, 3, 5]));
    let apart = shape(w, &apart, &[3 * heads, each, area]);
    let parts = [0, 1, 2].map(|i| slice(w, name, &apart, i * heads, (i + 1) * heads));
    let queries = w.step(name, "Transpose", &[&parts[0]], order(&[0, 1, 3, 2]));
    let scores = w.step(name, "MatMul", &[&queries, &parts[1]], Vec::new());
    let root = w.number((each as f32).sqrt());
    let scores = w.step(name, "Div", &[&scores, &root], Vec::new());
    let (tables, length) = (windows.tables(), windows.table() * windows.table());
    let table = w.parameter(node, "pos_embedding", Some(&[tables * length]));
    let place = |i: usize| windows.place(i % (area * area) / area, i % area);
    let places: Vec<i64> =
        (0..tables * area * area).map(|i| (i / (area * area) * length + place(i)) as i64).collect();
    let places = w.places(&places);
    let bias = w.step(name, "Gather", &[&table, &places], vec![Attribute::int("axis", 0)]);
    let bias = shape(w, &bias, &[tables, area, area]);
    let scores = w.step(name, "Add", &[&scores, &bias], Vec::new());
    let mask = (0..count).flat_map(|i| windows.mask((i / columns, i % columns), (rows, columns)));
    let mask = w.table(name, &[1, count, 1, area, area], &mask.collect::<Vec<f32>>());
    let scores = shape(w, &scores, &[count, heads, area, area]);
    let scores = w.step(name, "Add", &[&scores, &mask], Vec::new());
    let scores = shape(w, &scores, &[heads, area, area]);
    let shares = w.step(name, "Softmax", &[&scores], vec![Attribute::signed("axis", -1)]);
    let shares = w.step(name, "Transpose", &[&shares], order(&[0, 1, 3, 2]));
    let mixed = w.step(name, "MatMul", &[&parts[2], &shares], Vec::new());
    let mixed = shape(w, &mixed, &[rows, columns, channels, window, window]);
    let mixed = w.step(name, "Transpose", &[&mixed], order(&[0, 3, 1, 4, 2, 5]));
    let mixed = shape(w, &mixed, &[channels, height, width]);
    let (down, across) = (height - windows.shift(), width - windows.shift());
    let whole = roll(w, name, &mixed, down, across, (height, width));
    w.operator("Identity", &[&whole], out, Vec::new());
}

/// What comes first along rows and columns goes to their ends.
fn roll(
    w: &mut Writer<'_>,
    name: &str,
    x: &str,
    down: usize,
    across: usize,
    size: (usize, usize),
) -> String {
    let mut x = x.to_owned();
    for (axis, by, length) in [(2_i64, down, size.0), (3, across, size.1)] {
        if by % length == 0 {
            continue;
        }
        let part = |w: &mut Writer<'_>, from: usize, to: usize| {
            let [from, to, axis] = [from as i64, to as i64, axis].map(|place| w.places(&[place]));
            w.step(name, "Slice", &[&x, &from, &to, &axis], Vec::new())
        };
        let (first, rest) = (part(w, 0, by), part(w, by, length));
        x = w.step(name, "Concat", &[&rest, &first], vec![Attribute::int("axis", axis as usize)]);
    }
    x
}

/// [`hsv::from_rgb`](crate::hsv::from_rgb).
pub(super) fn to_hsv(w: &mut Writer<'_>, name: &str, x: &str, out: &str) {
    let [r, g, b] = [0, 1, 2].map(|c| slice(w, name, x, c, c + 1));
    let over = || vec![Attribute::ints("axes", &[1])];
    let most = w.step(name, "ReduceMax", &[x], over());
    let least = w.step(name, "ReduceMin", &[x], over());
    let mut steps = Steps { w, node: name };
    let span = steps.two("Sub", &most, &least);
    let below = steps.with("Add", &span, 1e-30);
    let mut side = |a: &str, b: &str, first: f32| {
        let difference = steps.two("Sub", a, b);
        let share = steps.two("Div", &difference, &below);
        steps.with("Add", &share, first)
    };
    let (red, green, blue) = (side(&g, &b, 0.0), side(&b, &r, 2.0), side(&r, &g, 4.0));
    let turned = steps.with("Add", &red, 6.0);
    let negative = steps.with("Less", &red, 0.0);
    let red = steps.choose(&negative, &turned, &red);
    let is_green = steps.two("Equal", &g, &most);
    let hue = steps.choose(&is_green, &green, &blue);
    let is_red = steps.two("Equal", &r, &most);
    let hue = steps.choose(&is_red, &red, &hue);
    let hue = steps.with("Div", &hue, 6.0);
    let above = steps.with("Max", &most, 1e-30);
    let saturation = steps.two("Div", &span, &above);
    let channels = [hue.as_str(), &saturation, &most];
    w.operator("Concat", &channels, out, vec![Attribute::int("axis", 1)]);
}

/// [`hsv::to_rgb`](crate::hsv::to_rgb), as one formula for all sextants.
pub(super) fn from_hsv(w: &mut Writer<'_>, name: &str, x: &str, out: &str) {
    let [hue, saturation, value] = [0, 1, 2].map(|c| slice(w, name, x, c, c + 1));
    let mut steps = Steps { w, node: name };
    let chroma = steps.two("Mul", &value, &saturation);
    let sextants = steps.with("Mul", &hue, 6.0);
    let channels = [5.0, 3.0, 1.0].map(|first| {
        let turned = steps.with("Add", &sextants, first);
        let turns = steps.with("Div", &turned, 6.0);
        let turns = steps.w.step(name, "Floor", &[&turns], Vec::new());
        let turns = steps.with("Mul", &turns, 6.0);
        let place = steps.two("Sub", &turned, &turns);
        let back = steps.w.step(name, "Neg", &[&place], Vec::new());
        let back = steps.with("Add", &back, 4.0);
        let fall = steps.two("Min", &place, &back);
        let fall = steps.with("Max", &fall, 0.0);
        let fall = steps.with("Min", &fall, 1.0);
        let fall = steps.two("Mul", &chroma, &fall);
        steps.two("Sub", &value, &fall)
    });
    let channels = channels.each_ref().map(String::as_str);
    w.operator("Concat", &channels, out, vec![Attribute::int("axis", 1)]);
}
