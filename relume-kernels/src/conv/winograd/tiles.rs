//! Where transformed tiles lie.

use super::bands::Shared;
use crate::aligned::Aligned;
use crate::blocked::BLOCK;
use crate::blocked::winograd::POINTS;

/// Transformed tiles of some pictures: `[point][block][tile][lane]`.
pub(super) struct Tiles {
    values: Shared,
    pub(super) tiles: usize,
    /// Numbers between two points.
    pub(super) step: usize,
}

impl Tiles {
    /// Room for `tiles` tiles of `blocks` blocks of channels.
    pub(super) fn new(buffer: &mut Aligned, blocks: usize, tiles: usize) -> Self {
        // Off by one tile from a round number, so that the points do not all fall on the same
        // cache lines.
        let step = (blocks * tiles + 1) * BLOCK;
        Self { values: Shared::new(buffer.at_least(POINTS * step)), tiles, step }
    }

    /// The first point of a tile.
    pub(super) fn tile(&self, block: usize, tile: usize) -> *mut f32 {
        self.values.at((block * self.tiles + tile) * BLOCK, (POINTS - 1) * self.step + BLOCK)
    }

    /// All tiles at a point from a block on.
    pub(super) fn point(&self, point: usize, block: usize) -> *mut f32 {
        let at = block * self.tiles * BLOCK;
        self.values.at(point * self.step + at, self.step - BLOCK - at)
    }
}
