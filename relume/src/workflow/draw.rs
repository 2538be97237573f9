//! A workflow as a drawing (SVG): light goes from left to right.

use std::fmt::Write as _;

use super::Workflow;
use super::graph::{Node, Setting, Wire};
use super::order::order;
use super::value::PortType;

/// Pixels: a box, the way between boxes, a line of text, the border of the drawing.
const BOX: f32 = 184.0;
const WAY: f32 = 96.0;
const LINE: f32 = 17.0;
const MARGIN: f32 = 24.0;

/// A node's place.
struct Place {
    x: f32,
    y: f32,
    height: f32,
    lines: Vec<String>,
}

impl Workflow {
    /// The graph as an SVG: nodes in columns by what they wait for, wires coloured by type.
    pub fn draw(&self) -> String {
        let places = self.places();
        let right = places.iter().map(|place| place.x + BOX).fold(0.0, f32::max);
        let bottom = places.iter().map(|place| place.y + place.height).fold(0.0, f32::max);
        let (width, height) = (right + MARGIN, bottom + MARGIN);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
             <title>{}</title>\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#fbfaf7\"/>\n",
            escape(&format!("{}: {}", self.name, self.help))
        );
        for (node, place) in self.nodes.iter().zip(&places) {
            for (number, (label, wire)) in wires(node).into_iter().enumerate() {
                let end = (place.x, place.y + 1.5 * LINE + number as f32 * LINE);
                self.wire(&mut svg, &places, wire, end, &label);
            }
        }
        for (node, place) in self.nodes.iter().zip(&places) {
            draw_box(&mut svg, node, place);
        }
        svg.push_str("</svg>\n");
        svg
    }

    /// Columns by the longest way from an input; in a column one below the other.
    fn places(&self) -> Vec<Place> {
        let mut columns = vec![0_usize; self.nodes.len()];
        for index in order(&self.nodes).unwrap_or_default() {
            let sources = self.nodes[index].sources().map(|source| columns[source.node] + 1);
            columns[index] = sources.max().unwrap_or(0);
        }
        let mut next = vec![MARGIN; self.nodes.len() + 1];
        let place = |(node, column): (&Node, &usize)| {
            let lines = settings(node);
            let rows = (lines.len() + 2).max(wires(node).len() + 1);
            let height = rows as f32 * LINE + 0.5 * LINE;
            let y = next[*column];
            next[*column] += height + 1.5 * LINE;
            Place { x: MARGIN + *column as f32 * (BOX + WAY), y, height, lines }
        };
        self.nodes.iter().zip(&columns).map(place).collect()
    }

    fn wire(
        &self,
        svg: &mut String,
        places: &[Place],
        wire: &Wire,
        (x, y): (f32, f32),
        label: &str,
    ) {
        let (node, place) = (&self.nodes[wire.from.node], &places[wire.from.node]);
        let (from_x, from_y) = (place.x + BOX, place.y + 1.5 * LINE + wire.from.port as f32 * 5.0);
        let bend = (x - from_x).max(2.0 * WAY) / 2.0;
        let color = color(node.kinds[wire.from.port]);
        let port = match wire.from.port {
            0 => "",
            port => node.card.outputs[port].name,
        };
        // Writing to a string does not fail.
        let _ = writeln!(
            svg,
            "<path d=\"M{from_x} {from_y} C{} {from_y} {} {y} {x} {y}\" fill=\"none\" \
             stroke=\"{color}\" stroke-width=\"2\"/>\n\
             <text x=\"{}\" y=\"{}\" text-anchor=\"end\" fill=\"{color}\" font-size=\"10\">{}</text>",
            from_x + bend,
            x - bend,
            x - 5.0,
            y - 4.0,
            escape(&[port, label].join(if port.is_empty() { "" } else { " → " }))
        );
    }
}

/// Every wire that ends at a node, with the name of its end.
fn wires(node: &Node) -> Vec<(String, &Wire)> {
    let mut all: Vec<_> =
        node.wires.iter().map(|(name, wire)| ((*name).to_owned(), wire)).collect();
    if let Some(choice) = &node.choice {
        all.push(("on".to_owned(), &choice.on));
        all.extend(choice.told());
    }
    all
}

/// Settings that differ from what the card says.
fn settings(node: &Node) -> Vec<String> {
    use super::card::Standard;
    let usual = |name: &str, setting: &Setting| match (node.card.param(name), setting) {
        (Some(param), Setting::Number(value)) => param.default == Standard::Number(*value),
        (Some(param), Setting::Flag(value)) => param.default == Standard::Flag(*value),
        (Some(param), Setting::Text(value)) => match param.default {
            Standard::Text(text) => text == value && name != "model",
            _ => false,
        },
        (None, _) => false,
    };
    let said = |setting: &Setting| match setting {
        Setting::Number(number) => number.to_string(),
        Setting::Flag(flag) => flag.to_string(),
        Setting::Text(text) => text.clone(),
    };
    let told = node.settings.iter().filter(|(name, setting)| !usual(name, setting));
    told.map(|(name, setting)| format!("{name} {}", said(setting))).collect()
}

fn draw_box(svg: &mut String, node: &Node, place: &Place) {
    let Place { x, y, height, lines } = place;
    let _ = writeln!(
        svg,
        "<rect x=\"{x}\" y=\"{y}\" width=\"{BOX}\" height=\"{height}\" rx=\"6\" fill=\"#ffffff\" \
         stroke=\"#55585c\"/>"
    );
    let mut text = |row: f32, weight: &str, fill: &str, words: &str| {
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" font-weight=\"{weight}\" fill=\"{fill}\">{}</text>",
            x + 10.0,
            y + (row + 1.0) * LINE,
            escape(words)
        );
    };
    text(0.0, "bold", "#1c1d1f", &node.id);
    text(1.0, "normal", "#6b6e73", node.card.name);
    for (row, line) in lines.iter().enumerate() {
        text(row as f32 + 2.0, "normal", "#1c1d1f", line);
    }
}

fn color(kind: PortType) -> &'static str {
    match kind {
        PortType::Image => "#2a6fbb",
        PortType::LinearImage => "#b8860b",
        PortType::Video | PortType::FrameWindow => "#7a3fa0",
        PortType::Mask => "#2e8b57",
        PortType::Label => "#c0392b",
        PortType::Number => "#d2691e",
        PortType::Text => "#555555",
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
