//! What the fuzzers keep and found, gone through without them: see `fuzz/`.
#![allow(clippy::print_stdout, reason = "the last input printed is the one that failed")]

#[path = "../../fuzz/bodies/replay.rs"]
mod replay;
use replay::replay;

#[path = "../../fuzz/bodies/recipe.rs"]
mod recipe;

#[test]
fn recipe_survives_its_corpus() {
    replay("recipe", recipe::run);
}
