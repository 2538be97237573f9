//! Tiled = whole = reference, for the shipped network with its shipped weights.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use relume::models::lantern::{EXPOSURE, IMAGE, LIGHT, RESTORED, S, THUMBNAIL, THUMBNAIL_SIDE};
use relume_nn::cpu::{Cut, Network, Picture};
use relume_nn::{Feeds, Tensor, reference};

fn feeds() -> Feeds {
    let side = THUMBNAIL_SIDE;
    let thumbnail =
        Tensor::from_fn([1, 3, side, side], |_, c, y, x| ((x * y + 31 * c) % 97) as f32 / 97.0);
    Feeds::from([
        (THUMBNAIL.to_owned(), thumbnail),
        (LIGHT.to_owned(), Tensor::scalars(&[0.6])),
        (EXPOSURE.to_owned(), Tensor::scalars(&[5.0, 1.4])),
    ])
}

/// Edges, ramps and grain.
fn picture(height: usize, width: usize) -> Vec<f32> {
    let value = |c: usize, y: usize, x: usize| {
        let grain = ((x * 7919 + y * 104_729 + c * 1_299_709) % 1009) as f32 / 1009.0;
        let edge = if (x / 13 + y / 9).is_multiple_of(2) { 0.35 } else { 0.05 };
        edge + 0.1 * grain + 0.2 * x as f32 / width as f32
    };
    let rows = |c| (0..height).flat_map(move |y| (0..width).map(move |x| value(c, y, x)));
    (0..3).flat_map(rows).collect()
}

fn network() -> Network {
    Network::new((S.graph)().unwrap(), S.load_weights().unwrap()).unwrap()
}

fn run(network: &Network, values: &[f32], height: usize, width: usize, tile: usize) -> Vec<f32> {
    let picture = Picture { name: IMAGE, height, width, values };
    network
        .run_picture(
            picture,
            &feeds(),
            RESTORED,
            Cut::Of { columns: tile, rows: tile },
            &|_| Ok(()),
        )
        .unwrap()
}

fn worst(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).fold(0.0, |worst, (a, b)| worst.max((a - b).abs()))
}

#[test]
fn any_tile_size_gives_the_same_picture() {
    let network = network();
    for (height, width) in [(1, 1), (3, 7), (17, 1), (97, 131), (240, 333)] {
        let values = picture(height, width);
        let whole = run(&network, &values, height, width, 4096);
        for tile in [16, 112, 256] {
            let off = worst(&whole, &run(&network, &values, height, width, tile));
            assert!(off < 1e-5, "{width}×{height} in tiles of {tile}: off by {off}");
        }
    }
}

#[test]
fn three_megapixels_in_tiles_are_three_megapixels_at_once() {
    let network = network();
    let (height, width) = (1500, 2000);
    let values = picture(height, width);
    let whole = run(&network, &values, height, width, 4096);
    let off = worst(&whole, &run(&network, &values, height, width, 512));
    assert!(off < 1e-5, "off by {off}");
}

#[test]
fn tiles_compute_what_plain_loops_compute() {
    let (height, width) = (64, 48);
    let values = picture(height, width);
    let mut all = feeds();
    all.insert(IMAGE.to_owned(), Tensor::new([1, 3, height, width], values.clone()));
    let weights = S.load_weights().unwrap();
    let truth = reference::run(&(S.graph)().unwrap(), &weights, &all, &[RESTORED]).unwrap();
    let off = worst(&truth[RESTORED].values, &run(&network(), &values, height, width, 32));
    assert!(off < 2e-5, "off by {off}");
}
