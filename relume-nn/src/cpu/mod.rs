//! Runs tiles with an exact halo on all cores.
