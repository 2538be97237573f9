//! Every loss against plain loops in `f64`: its value, and its gradient against their central
//! differences. Where others have published numbers, against those too.
#![cfg(feature = "burn")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "a skipped test says so")]

mod case;
mod embeddings;
mod guided;
mod light;
mod motion;
mod pairs;
mod perceptual;
mod published;
mod zero_reference;

use case::Case;
use relume_train::losses::LOSSES;

#[test]
fn every_loss_is_compared_with_plain_loops() {
    let modules = [pairs::cases, zero_reference::cases, light::cases, motion::cases];
    let mut cases: Vec<Case> = modules.iter().flat_map(|cases| cases()).collect();
    cases.extend(embeddings::cases());
    cases.extend(guided::cases());
    cases.extend(perceptual::cases());
    for case in &cases {
        case.check();
    }
    for card in LOSSES {
        assert!(cases.iter().any(|case| case.kind == card.name), "{} has no case", card.name);
    }
}
