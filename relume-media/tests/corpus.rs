//! What the fuzzers keep and found, gone through without them: see `fuzz/`.
#![allow(clippy::print_stdout, reason = "the last input printed is the one that failed")]

#[path = "../../fuzz/bodies/replay.rs"]
mod replay;
use replay::replay;

#[path = "../../fuzz/bodies/picture_load.rs"]
mod picture_load;

#[path = "../../fuzz/bodies/metadata_splice.rs"]
mod metadata_splice;

#[path = "../../fuzz/bodies/y4m_and_probe.rs"]
mod y4m_and_probe;

#[test]
fn picture_load_survives_its_corpus() {
    replay("picture_load", picture_load::run);
}

#[test]
fn metadata_splice_survives_its_corpus() {
    replay("metadata_splice", metadata_splice::run);
}

#[test]
fn y4m_and_probe_survives_its_corpus() {
    replay("y4m_and_probe", y4m_and_probe::run);
}
