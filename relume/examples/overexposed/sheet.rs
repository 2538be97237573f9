//! Pictures of held-out pans: frame, reference, alone, with the reference, truth (all two stops darker
//! than the frame), and the map.

use std::path::Path;

use relume::overexposed::{OxNet, Recovered, Signals, map};
use relume_media::atomic::Overwrite;
use relume_media::pan::Pan;
use relume_media::photo::SaveOptions;
use relume_media::{Image, Linear, Photo, Plane, Size, Srgb};

use crate::Failure;
use crate::pans::{camera, clips};

/// Frame and stops by which it is shown darker.
const FRAME: usize = 40;
const DARKER: f32 = -2.0;

pub(crate) fn run(net: &OxNet, data: &Path, out: &Path) -> Result<(), Failure> {
    let mut rows: Vec<Vec<Image<Srgb>>> = Vec::new();
    for clip in clips(data, 2, true)? {
        let options = camera();
        let pan = Pan::sample(clip.seed, &clip.scene, &options);
        let frame = pan.frame(FRAME)?;
        let encoded = net.encode(Signals::of(&frame.picture), pan.exposure(FRAME))?;
        let mut best = None;
        for r in (0..FRAME).step_by(8) {
            let picture = pan.frame(r)?.picture;
            let reference = net.encode(Signals::of(&picture), pan.exposure(r))?;
            let found = net.find(&encoded, &reference)?;
            if best.as_ref().is_none_or(|(_, _, covered)| found.covered > *covered) {
                let covered = found.covered;
                best = Some(((reference, found), picture, covered));
            }
        }
        let Some(((reference, found), picture, _)) = best else { continue };
        let alone = encoded.signals.crop(&net.restore(&encoded, None)?.light);
        let answer = net.restore(&encoded, Some((&reference, &found)))?;
        let with = encoded.signals.crop(&answer.light);
        let stride = encoded.signals.padded().1;
        let plane = |values: &[f32]| Plane {
            size: with.size(),
            values: (0..with.size().pixels())
                .map(|i| values[i / with.width() * stride + i % with.width()])
                .collect(),
        };
        let recovered = Recovered {
            light: with.clone(),
            clipped: plane(encoded.signals.mask()),
            copied: plane(&answer.share.values),
            reference: Some(0),
            exposure: 0.0,
            cut: false,
        };
        let dark =
            |light: &Image<Linear>| light.clone().map(|v| (v * DARKER.exp2()).min(1.0)).to_srgb();
        let input = frame.picture.to_linear();
        rows.push(vec![
            frame.picture.clone(),
            picture,
            dark(&input),
            dark(&alone),
            dark(&with),
            dark(&frame.truth),
            map(&recovered),
        ]);
    }
    let sheet = laid_out(&rows);
    let options = SaveOptions { overwrite: Overwrite::Always, ..SaveOptions::default() };
    Photo::from_image(sheet).save(out, &options)?;
    Ok(())
}

/// Rows of pictures of one size with white between them.
fn laid_out(rows: &[Vec<Image<Srgb>>]) -> Image<Srgb> {
    let (width, height) = (rows[0][0].width() + 4, rows[0][0].height() + 4);
    let size = Size::new(width * rows[0].len(), height * rows.len());
    Image::<Srgb>::from_fn(size, |x, y| {
        let cell = &rows[y / height][x / width];
        match (x % width, y % height) {
            (x, y) if x < width - 4 && y < height - 4 => cell.get(x, y),
            _ => [1.0; 3],
        }
    })
}
