//! OX-Select: every decision that a clip can bring, and what it is worth.

use rand_chacha::ChaCha8Rng;
use relume::models::oxselect::{ADOPT, MAPS, NUMBERS};
use relume::overexposed::MAP;
use relume_media::{Image, Srgb};
use relume_nn::Tensor;

use super::{Run, Task, TaskCard, inputs};
use crate::batch::Batch;
use crate::datasets::Item;
use crate::{Error, Result};

/// Fed all pairs of a frame and a reference of a clip; answers which frames to adopt.
pub(super) const CARD: TaskCard = TaskCard {
    name: "selection",
    help: "all pairs of a frame and an earlier one of a clip, by its table of rewards -> whether the \
           frame becomes the reference",
    fits: |graph| inputs(graph).contains(&MAPS) && inputs(graph).contains(&NUMBERS),
    typical: |graph| (CARD.fits)(graph),
    build: |_, _| Ok(Box::new(Selection)),
    losses: &[("policy", 1.0, ADOPT)],
};

/// Target: what the earlier frame is worth to the later one, `[pairs, 1, 1, 1]`; pairs (1, 0), (2, 0),
/// (2, 1), (3, 0) …
const REWARD: &str = "reward";

struct Selection;

impl Task for Selection {
    fn wants_whole(&self) -> bool {
        true
    }

    fn examples(
        &self,
        view: Item,
        _rng: &mut ChaCha8Rng,
        _crops: usize,
        _side: usize,
    ) -> Result<Vec<Batch>> {
        let Item::Table(table) = view else {
            return Err(Error::Setup("the task selection learns from tables of rewards".into()));
        };
        let pairs: Vec<_> = (1..table.len()).flat_map(|t| (0..t).map(move |r| (t, r))).collect();
        let (mut maps, mut numbers) = (Vec::new(), Vec::new());
        for &(t, r) in &pairs {
            let feeds = table.state(t, r).feeds();
            maps.extend_from_slice(&feeds[MAPS].values);
            numbers.extend_from_slice(&feeds[NUMBERS].values);
        }
        let rewards = table.rewards.concat();
        let count = pairs.len();
        let feeds = [
            (MAPS.to_owned(), Tensor::new([count, 9, MAP.0, MAP.1], maps)),
            (NUMBERS.to_owned(), Tensor::new([count, 12, 1, 1], numbers)),
        ];
        let targets = [(REWARD.to_owned(), Tensor::new([count, 1, 1, 1], rewards))];
        Ok(vec![Batch { feeds: feeds.into(), targets: targets.into() }])
    }

    fn output(&self) -> &str {
        ADOPT
    }

    fn restore(
        &self,
        _network: Run<'_>,
        _picture: &Image<Srgb>,
    ) -> Result<Vec<(&'static str, Image<Srgb>)>> {
        Err(Error::Setup("a selector restores no pictures: set data.held_out to 0".into()))
    }
}
