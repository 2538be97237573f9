//! ALEN as the authors' program runs it, byte for byte: one route alone, highlights that clip, the
//! colour term cut to 8 bits on the local route, rounding there and truncation on the global one.

use relume_media::{Image, Srgb};
use relume_nn::cpu::{Cut, Network, Picture, Report};
use relume_nn::{Feeds, hsv};

use super::{COLOR, GLOBAL_BLEND, GLOBAL_RGB, IMAGE, LOCAL_BLEND, LOCAL_VALUE};
use crate::Result;

/// What the program makes of a picture, which is taken in 8 bits, on the local or the global route.
///
/// # Errors
/// When the network does not run or `report` says to stop.
pub fn run(
    network: &Network,
    picture: &Image<Srgb>,
    local: bool,
    report: Report<'_>,
) -> Result<Image<Srgb>> {
    let size = picture.size();
    let picture = Image::from_rgb8(size, &picture.to_rgb8())?;
    let compute = |wanted: &str, from: f32| {
        let (height, width, values) = (size.height, size.width, picture.values());
        let input = Picture { name: IMAGE, height, width, values };
        let half = |share: f32| report(0.5 * (from + share));
        network.run_picture(input, &Feeds::new(), wanted, Cut::Fitting, &half)
    };
    let color = compute(COLOR, 0.0)?;
    let values = if local {
        local_route(&picture, &color, &compute(LOCAL_VALUE, 1.0)?)
    } else {
        global_route(&color, &compute(GLOBAL_RGB, 1.0)?)
    };
    Ok(Image::from_planar(size, values)?)
}

/// `color` `[3, h, w]` and the lit value `[1, h, w]`; colours in double precision.
fn local_route(picture: &Image<Srgb>, color: &[f32], value: &[f32]) -> Vec<f32> {
    let pixels = value.len();
    let mut out = vec![0.0; 3 * pixels];
    for (i, &value) in value.iter().enumerate() {
        let byte = |c: usize| f64::from((255.0 * picture.channel(c)[i]).round());
        let [hue, saturation, _] = hsv::from_rgb_degrees([0, 1, 2].map(|c| byte(c) / 255.0));
        let lit = hsv::to_rgb_degrees([hue, saturation, f64::from(value)]);
        for (c, lit) in lit.into_iter().enumerate() {
            let color = f32::from((255.0 * color[c * pixels + i]) as u8) / 255.0;
            let sum = f64::from(LOCAL_BLEND[0] * color) + f64::from(LOCAL_BLEND[1]) * lit;
            out[c * pixels + i] = (255.0 * sum.clamp(0.0, 1.0)).round_ties_even() as f32 / 255.0;
        }
    }
    out
}

/// `color` and GE's picture, both `[3, h, w]`.
fn global_route(color: &[f32], lit: &[f32]) -> Vec<f32> {
    let blend = |(color, lit): (&f32, &f32)| {
        let sum = (GLOBAL_BLEND[0] * color + GLOBAL_BLEND[1] * lit).clamp(0.0, 1.0);
        (255.0 * sum).floor() / 255.0
    };
    color.iter().zip(lit).map(blend).collect()
}
