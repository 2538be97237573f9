//! Prompts learned from one picture (Morawski et al. 2025): shrunk by leaving pixels out it keeps its
//! noise, shrunk by averaging it loses it. No clean picture is needed.

use rand_chacha::ChaCha8Rng;
use relume::models::clip::{IMAGE, PROMPT_FEATURES, QUALITY_FEATURES, prepare};
use relume_media::{Image, Size, Srgb};
use relume_nn::{Extent, Graph};

use super::cues::told_apart;
use super::{Run, Task, TaskCard, random_square};
use crate::batch::Batch;
use crate::datasets::Item;
use crate::recipe::Stage;
use crate::{Error, Result};

/// How many times smaller.
const TIMES: usize = 4;

/// Fed a picture shrunk in two ways; tells which of two prompts belongs to which.
pub(super) const CARD: TaskCard = TaskCard {
    name: "shrinks",
    help: "a crop of any picture shrunk by leaving pixels out, and by averaging -> the prompts 0 and 1",
    fits: |graph| side(graph).is_some(),
    typical: |graph| side(graph).is_some(),
    build: |graph, _: &Stage| {
        let missing = || Error::Setup(format!("{} has no prompts to learn", graph.name()));
        Ok(Box::new(Shrinks { side: side(graph).ok_or_else(missing)? }))
    },
    losses: &[],
};

/// The side of the pictures that an encoder with prompts sees, where that is fixed.
fn side(graph: &Graph) -> Option<usize> {
    graph.outputs().get(PROMPT_FEATURES)?;
    graph.nodes().iter().find(|node| node.name == IMAGE).and_then(|node| match node.extent {
        Extent::Fixed { height, .. } => Some(height),
        Extent::Picture { .. } => None,
    })
}

struct Shrinks {
    side: usize,
}

impl Task for Shrinks {
    fn examples(
        &self,
        view: Item,
        rng: &mut ChaCha8Rng,
        crops: usize,
        side: usize,
    ) -> Result<Vec<Batch>> {
        let picture = match view {
            Item::Sharp(picture) | Item::Alone(picture) | Item::Pair { input: picture, .. } => {
                picture
            }
            _ => return Err(Error::Setup("the task shrinks needs pictures".into())),
        };
        let pair = |_| {
            let crop = picture.crop(random_square(picture.size(), side, rng))?;
            let images = [thinned(&crop), averaged(&crop)];
            let images = images.map(|image| prepare(&image, self.side));
            // The prompts 0 and 1.
            Ok(told_apart(images, [0, 1]))
        };
        (0..crops).map(pair).collect()
    }

    fn output(&self) -> &str {
        QUALITY_FEATURES
    }

    /// An encoder makes no picture: the one it saw.
    fn restore(
        &self,
        _network: Run<'_>,
        picture: &Image<Srgb>,
    ) -> Result<Vec<(&'static str, Image<Srgb>)>> {
        Ok(vec![("seen", picture.clone())])
    }
}

/// Every fourth pixel in both directions.
fn thinned(picture: &Image<Srgb>) -> Image<Srgb> {
    let size = Size::new(picture.width().div_ceil(TIMES), picture.height().div_ceil(TIMES));
    Image::from_fn(size, |x, y| picture.get(x * TIMES, y * TIMES))
}

/// Means of blocks of four by four display values; what fills no block is left out.
fn averaged(picture: &Image<Srgb>) -> Image<Srgb> {
    let size = Size::new(picture.width() / TIMES, picture.height() / TIMES);
    Image::from_fn(size, |x, y| {
        let mut sum = [0.0; 3];
        for i in 0..TIMES * TIMES {
            let pixel = picture.get(x * TIMES + i % TIMES, y * TIMES + i / TIMES);
            (0..3).for_each(|c| sum[c] += pixel[c]);
        }
        sum.map(|v| v / (TIMES * TIMES) as f32)
    })
}
