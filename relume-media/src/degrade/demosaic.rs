//! From one colour a pixel to three: gradient-corrected linear interpolation (Malvar, He and
//! Cutler 2004, *High-quality linear interpolation for demosaicing of Bayer-patterned color
//! images*). It makes the noise blotchy and coloured, as it is in photos.

use rayon::prelude::*;

use super::sensor::color_at;
use crate::{Image, Linear, Plane};

/// Rows y−2 to y+2, each with two more pixels at either end.
type Rows<'a> = [&'a [f32]; 5];

/// The colour picture of an RGGB `mosaic`. Values may go below 0 and above 1.
pub(super) fn demosaic(mosaic: &Plane) -> Image<Linear> {
    let size = mosaic.size;
    let mut image = Image::black(size);
    if size.pixels() == 0 {
        return image;
    }
    let stride = size.width + 4;
    let padded: Vec<f32> = (0..size.height + 4)
        .flat_map(|y| {
            let row = mosaic.row(mirror(y, size.height));
            (0..stride).map(move |x| row[mirror(x, size.width)])
        })
        .collect();
    let (red, rest) = image.values_mut().split_at_mut(size.pixels());
    let (green, blue) = rest.split_at_mut(size.pixels());
    red.par_chunks_mut(size.width)
        .zip(green.par_chunks_mut(size.width))
        .zip(blue.par_chunks_mut(size.width))
        .enumerate()
        .with_min_len(16)
        .for_each(|(y, ((red, green), blue))| {
            let rows: Rows = std::array::from_fn(|i| &padded[(y + i) * stride..][..stride]);
            for x in 0..size.width {
                [red[x], green[x], blue[x]] = pixel(&rows, x, y);
            }
        });
    image
}

/// Index of padded position `i` when a line of `len` is mirrored about its end pixels, which
/// keeps the colours of the mosaic in place.
fn mirror(i: usize, len: usize) -> usize {
    if len == 1 {
        return 0;
    }
    let period = 2 * (len as isize - 1);
    let i = (i as isize - 2).rem_euclid(period);
    i.min(period - i) as usize
}

fn pixel(rows: &Rows, x: usize, y: usize) -> [f32; 3] {
    let at = |dx: usize, dy: usize| rows[dy][x + dx];
    let own = at(2, 2);
    let near_x = at(1, 2) + at(3, 2);
    let near_y = at(2, 1) + at(2, 3);
    let far_x = at(0, 2) + at(4, 2);
    let far_y = at(2, 0) + at(2, 4);
    let corners = at(1, 1) + at(3, 1) + at(1, 3) + at(3, 3);
    let color = color_at(x, y);
    if color == 1 {
        let along_x = 0.125 * (5.0 * own + 4.0 * near_x - far_x + 0.5 * far_y - corners);
        let along_y = 0.125 * (5.0 * own + 4.0 * near_y - far_y + 0.5 * far_x - corners);
        // In an even row red lies left and right, in an odd row blue does.
        return if y & 1 == 0 { [along_x, own, along_y] } else { [along_y, own, along_x] };
    }
    let green = 0.125 * (4.0 * own + 2.0 * (near_x + near_y) - far_x - far_y);
    let other = 0.125 * (6.0 * own + 2.0 * corners - 1.5 * (far_x + far_y));
    if color == 0 { [own, green, other] } else { [other, green, own] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Size;

    #[test]
    fn a_grey_gradient_is_found_again() {
        let size = Size::new(21, 18);
        let ramp = |x: usize, y: usize| 0.1 + 0.01 * x as f32 + 0.02 * y as f32;
        let mosaic =
            Plane { size, values: (0..size.pixels()).map(|i| ramp(i % 21, i / 21)).collect() };
        let image = demosaic(&mosaic);
        for y in 2..16 {
            for x in 2..19 {
                for value in image.get(x, y) {
                    assert!((value - ramp(x, y)).abs() < 1e-5, "({x}, {y}): {value}");
                }
            }
        }
    }

    #[test]
    fn a_flat_colour_is_found_again_up_to_the_border() {
        let size = Size::new(7, 5);
        let flat = [0.7, 0.4, 0.2];
        let values = (0..size.pixels()).map(|i| flat[color_at(i % 7, i / 7)]).collect();
        let image = demosaic(&Plane { size, values });
        for (i, value) in image.values().iter().enumerate() {
            assert!((value - flat[i / size.pixels()]).abs() < 1e-6, "{i}: {value}");
        }
    }
}
