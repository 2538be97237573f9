//! Held-out pictures, always damaged the same way: scores and a picture grid.

use std::path::Path;

use burn::tensor::Device;
use relume::exposure::Thumbnail;
use relume::metrics::{align, psnr, ssim};
use relume::models::lantern::{BRIGHTNESS, RESTORED};
use relume_media::atomic::Overwrite;
use relume_media::degrade::Degradation;
use relume_media::photo::SaveOptions;
use relume_media::{Image, Photo, Size, Srgb};
use relume_nn::burn::{Parameters, download, run as forward, upload};
use relume_nn::{Graph, Tensor, Weights};
use serde_json::{Value, json};

use crate::batch::{Sample, gather};
use crate::datasets::photos::Photos;
use crate::{Recipe, Result};

/// Seeds of the validation damage start here, far from those of training.
const SEED: u64 = 1 << 40;

struct Case {
    sharp: Image<Srgb>,
    sample: Sample,
}

/// The held-out samples of a run.
pub struct Validation {
    cases: Vec<Case>,
}

impl Validation {
    /// Damages the middle of each photograph.
    ///
    /// # Errors
    /// When a photograph cannot be cut or damaged.
    pub fn new(photos: &Photos, recipe: &Recipe) -> Result<Self> {
        let side = recipe.data.view;
        let mut options = recipe.degradation.clone().for_crops();
        options.untouched_share = 0.0;
        let case = |index: usize| {
            let sharp = photos.middle_view(index, side)?;
            let seed = SEED + index as u64;
            let degradation = Degradation::sample(seed, Size::new(side, side), &options);
            let sample = Sample::of(degradation.apply(&sharp)?, 0.0);
            Ok(Case { sharp, sample })
        };
        Ok(Self { cases: (0..photos.len()).map(case).collect::<Result<_>>()? })
    }

    /// Mean PSNR and SSIM of the input, of the exposure step alone and of the network, and the
    /// brightness error; writes `validation.png` (input, exposed, restored, truth) into `folder`.
    ///
    /// # Errors
    /// When the network does not run or the picture cannot be written.
    pub fn score(
        &self,
        graph: &Graph,
        weights: &Weights,
        device: &Device,
        folder: &Path,
        step: usize,
    ) -> Result<Value> {
        let device = device.clone().inner();
        let parameters = Parameters::new(weights, &device, false);
        let (mut rows, mut sums) = (Vec::new(), [0.0; 6]);
        for Case { sharp, sample } in &self.cases {
            let batch = gather(std::slice::from_ref(sample));
            let mut feeds: relume_nn::burn::Tensors =
                batch.feeds.iter().map(|(name, t)| (name.clone(), upload(t, &device))).collect();
            let wanted = forward(graph, &parameters, &feeds, &[BRIGHTNESS])?;
            let brightness = first(wanted)?.values[0];
            let exposure = Thumbnail::of(&sample.image).expose_for(brightness);
            let told = Tensor::scalars(&[exposure.gain, exposure.white]);
            feeds.insert(relume::models::lantern::EXPOSURE.into(), upload(&told, &device));
            let restored = first(forward(graph, &parameters, &feeds, &[RESTORED])?)?;
            let restored = Image::from_planar(sharp.size(), restored.values)?;
            let exposed = sample.image.clone().map(|v| exposure.relight(v));
            let scores = [
                psnr(&sample.image, sharp)?,
                psnr(&exposed, sharp)?,
                psnr(&restored, sharp)?,
                psnr(&align(&exposed, sharp)?, sharp)?,
                psnr(&align(&restored, sharp)?, sharp)?,
                ssim(&restored, sharp)?,
            ];
            sums.iter_mut().zip(scores).for_each(|(sum, score)| *sum += score);
            rows.push([sample.image.clone(), exposed, restored, sharp.clone()]);
        }
        let grid = grid(&rows);
        let options = SaveOptions { overwrite: Overwrite::Always, ..SaveOptions::default() };
        Photo::from_image(grid).save(&folder.join("validation.png"), &options)?;
        let mean = |i: usize| sums[i] / self.cases.len().max(1) as f64;
        Ok(json!({
            "step": step, "pictures": self.cases.len(),
            "psnr": { "input": mean(0), "exposed": mean(1), "restored": mean(2) },
            "psnr_aligned": { "exposed": mean(3), "restored": mean(4) },
            "ssim_restored": mean(5),
        }))
    }
}

fn first(outputs: relume_nn::burn::Tensors) -> Result<Tensor> {
    let output = outputs.into_values().next();
    let output = output.ok_or_else(|| relume_nn::Error::Run("the network gave nothing".into()))?;
    Ok(download(output)?)
}

fn grid(rows: &[[Image<Srgb>; 4]]) -> Image<Srgb> {
    let side = rows.first().map_or(Size::new(1, 1), |row| row[0].size());
    Image::from_fn(Size::new(4 * side.width, rows.len().max(1) * side.height), |x, y| {
        let picture = rows.get(y / side.height).map(|row| &row[x / side.width]);
        picture.map_or([0.0; 3], |p| p.get(x % side.width, y % side.height))
    })
}
