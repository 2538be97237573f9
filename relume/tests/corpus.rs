//! What the fuzzers keep and found, gone through without them: see `fuzz/`.
#![allow(clippy::print_stdout, reason = "the last input printed is the one that failed")]

#[path = "../../fuzz/bodies/replay.rs"]
mod replay;
use replay::replay;

#[path = "../../fuzz/bodies/weights_import.rs"]
mod weights_import;

#[path = "../../fuzz/bodies/workflow.rs"]
mod workflow;

#[test]
fn weights_import_survives_its_corpus() {
    replay("weights_import", weights_import::run);
}

#[test]
fn workflow_survives_its_corpus() {
    replay("workflow", workflow::run);
}
