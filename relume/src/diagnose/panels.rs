//! The diagnosis as pictures: histogram, zones, a piece of the noise, the line of the shake.

use relume_media::resize::{Filter, resize};
use relume_media::{Image, Rect, Size, Srgb};

use super::light::ZONES;
use super::{Diagnosis, luma};

/// Width of every panel in pixels; most are as high.
pub(super) const SIDE: usize = 256;
/// Side of the piece of noise, shown enlarged.
const PIECE: usize = 32;
/// Pixels around and between panels in a sheet.
const GAP: usize = 12;

const GROUND: [f32; 3] = [0.98, 0.97, 0.95];
const DARK: [f32; 3] = [0.13, 0.14, 0.15];
const SIGNAL: [f32; 3] = [0.85, 0.25, 0.15];

/// A panel and what it shows.
#[derive(Debug)]
pub struct Panel {
    /// One line for people.
    pub title: String,
    /// The picture, 256 pixels wide.
    pub image: Image<Srgb>,
}

/// All panels of a picture.
pub fn panels(image: &Image<Srgb>, diagnosis: &Diagnosis) -> Vec<Panel> {
    let panel = |title: String, image| Panel { title, image };
    let shake = match diagnosis.blur.found_shake() {
        Some(shake) => format!(
            "shake: {:.0} pixels along {:.0}°, {:.0} % sure; grid of 8 pixels",
            shake.length_px,
            shake.angle_deg,
            100.0 * shake.confidence
        ),
        None => "shake: none seen; grid of 8 pixels".to_owned(),
    };
    let sigma = diagnosis.noise.sigma.iter().sum::<f32>() / 3.0;
    vec![
        panel("the picture".into(), small(image)),
        panel("histogram of red, green and blue, from black to white".into(), histogram(image)),
        panel(
            "zones of light, in stops from middle grey (−6 black, +3 white)".into(),
            zones(diagnosis),
        ),
        panel(
            format!(
                "noise: {:.1} levels of 255; a flat piece, eight times as large",
                255.0 * sigma
            ),
            noise(image),
        ),
        panel(shake, path(diagnosis)),
    ]
}

/// The panels side by side, as one picture without words.
pub fn sheet(panels: &[Panel]) -> Image<Srgb> {
    let width = GAP + panels.iter().map(|panel| panel.image.width() + GAP).sum::<usize>();
    let height = panels.iter().map(|panel| panel.image.height()).max().unwrap_or(0) + 2 * GAP;
    let mut sheet = Image::from_fn(Size::new(width, height), |_, _| GROUND);
    let mut left = GAP;
    for panel in panels {
        for y in 0..panel.image.height() {
            for x in 0..panel.image.width() {
                sheet.set(left + x, GAP + y, panel.image.get(x, y));
            }
        }
        left += panel.image.width() + GAP;
    }
    sheet
}

fn small(image: &Image<Srgb>) -> Image<Srgb> {
    let height = (SIDE * image.height() / image.width().max(1)).clamp(1, 4 * SIDE);
    resize(&image.to_linear(), Size::new(SIDE, height), Filter::Area).to_srgb()
}

fn histogram(image: &Image<Srgb>) -> Image<Srgb> {
    let count = |channel: usize| {
        let mut counts = vec![0_usize; SIDE];
        for value in image.channel(channel) {
            counts[(value.clamp(0.0, 1.0) * (SIDE - 1) as f32).round() as usize] += 1;
        }
        counts
    };
    let channels = [count(0), count(1), count(2)];
    // The ends may tower over everything else: they are cut off.
    let inner = channels.iter().flat_map(|counts| &counts[1..SIDE - 1]).copied().max();
    let inner = inner.unwrap_or(1).max(1) as f32;
    let size = Size::new(SIDE, SIDE / 2);
    Image::from_fn(size, |x, y| {
        let level = (size.height - y) as f32 / size.height as f32;
        let mut color = GROUND;
        for (c, counts) in channels.iter().enumerate() {
            if (counts[x] as f32 / inner).sqrt() >= level {
                // Each channel takes away the two others.
                (0..3).filter(|&o| o != c).for_each(|o| color[o] *= 0.45);
            }
        }
        color
    })
}

fn zones(diagnosis: &Diagnosis) -> Image<Srgb> {
    let size = Size::new(SIDE, SIDE * 3 / 4);
    Image::from_fn(size, |x, y| {
        let (column, row) = (x * ZONES[0] / size.width, y * ZONES[1] / size.height);
        let stops = diagnosis.light.zones_ev[row * ZONES[0] + column];
        let edge = x * ZONES[0] % size.width < ZONES[0] || y * ZONES[1] % size.height < ZONES[1];
        if edge { GROUND } else { [((stops + 6.0) / 9.0).clamp(0.0, 1.0); 3] }
    })
}

/// The flattest piece of middling brightness, its mean taken out, contrast as it is.
fn noise(image: &Image<Srgb>) -> Image<Srgb> {
    let luma = luma(image);
    let size = Size::new(PIECE.min(image.width()), PIECE.min(image.height()));
    let spread = |x: usize, y: usize| {
        let rows = (y..y + size.height).map(|row| &luma.row(row)[x..x + size.width]);
        let sums: Vec<f32> = rows.map(|row| row.iter().sum::<f32>() / row.len() as f32).collect();
        let mean = sums.iter().sum::<f32>() / sums.len() as f32;
        let usable = (0.05..0.95).contains(&mean);
        let far = sums.iter().map(|v| (v - mean).abs()).sum::<f32>();
        if usable { far } else { f32::MAX }
    };
    let steps = |length: usize, piece: usize| (0..=length - piece).step_by(piece.max(1));
    let places = steps(image.height(), size.height)
        .flat_map(|y| steps(image.width(), size.width).map(move |x| (x, y)));
    let best = places.min_by(|&(a, b), &(c, d)| spread(a, b).total_cmp(&spread(c, d)));
    let (left, top) = best.unwrap_or((0, 0));
    let Ok(piece) = image.crop(Rect { x: left, y: top, size }) else {
        return Image::black(Size::new(SIDE, SIDE));
    };
    let means: [f32; 3] = std::array::from_fn(|c| {
        piece.channel(c).iter().sum::<f32>() / piece.channel(c).len().max(1) as f32
    });
    Image::from_fn(Size::new(SIDE, SIDE), |x, y| {
        let rgb = piece.get(x * size.width / SIDE, y * size.height / SIDE);
        std::array::from_fn(|c| (0.5 + rgb[c] - means[c]).clamp(0.0, 1.0))
    })
}

/// The line along which the picture was smeared, in pixels of the picture, on a grid.
fn path(diagnosis: &Diagnosis) -> Image<Srgb> {
    let shake = diagnosis.blur.found_shake();
    let length = shake.map_or(0.0, |shake| shake.length_px);
    // Pixels of the panel for one of the picture.
    let scale = (SIDE as f32 / 64.0).min(0.8 * SIDE as f32 / length.max(1.0));
    let (sin, cos) = shake.map_or(0.0, |shake| shake.angle_deg).to_radians().sin_cos();
    let middle = SIDE as f32 / 2.0;
    Image::from_fn(Size::new(SIDE, SIDE), |x, y| {
        let (dx, dy) = ((x as f32 + 0.5 - middle) / scale, (y as f32 + 0.5 - middle) / scale);
        let (along, across) = (dx * cos + dy * sin, dy * cos - dx * sin);
        let grid = |v: f32| (v / 8.0).rem_euclid(1.0) < 1.0 / (8.0 * scale);
        if shake.is_some() && along.abs() <= 0.5 * length && across.abs() < 2.5 / scale {
            SIGNAL
        } else if dx.hypot(dy) < 2.0 / scale {
            DARK
        } else if grid(dx) || grid(dy) {
            [0.88, 0.87, 0.85]
        } else {
            GROUND
        }
    })
}
