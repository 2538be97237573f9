//! A picture in blocks of channels.

use crate::aligned::Aligned;

/// Channels in one block.
pub const BLOCK: usize = 16;

/// Pixels turned from planes to blocks, or back, at a time: they stay in the first-level cache.
const PIECE: usize = 64;

/// A picture laid out as `[channels / 16][height][width][16]`, f32, starting on a 64-byte
/// boundary. The last block is filled up with channels that are zero.
#[derive(Clone, Default)]
pub struct Blocked {
    channels: usize,
    height: usize,
    width: usize,
    data: Aligned,
}

impl std::fmt::Debug for Blocked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Blocked({} x {} x {})", self.channels, self.height, self.width)
    }
}

impl Blocked {
    /// A picture of zeros.
    #[must_use]
    pub fn zeros(channels: usize, height: usize, width: usize) -> Self {
        let data = Aligned::zeros(channels.div_ceil(BLOCK) * height * width * BLOCK);
        Self { channels, height, width, data }
    }

    /// From planes `[channels, height, width]`.
    ///
    /// # Panics
    /// If `planes` does not have that many numbers.
    #[must_use]
    pub fn from_planar(planes: &[f32], channels: usize, height: usize, width: usize) -> Self {
        let mut blocked = Self::zeros(channels, height, width);
        blocked.fill_from_planar(planes);
        blocked
    }

    /// Overwrites all channels with planes `[channels, height, width]`.
    ///
    /// # Panics
    /// If `planes` does not have that many numbers.
    pub fn fill_from_planar(&mut self, planes: &[f32]) {
        let plane = self.height * self.width;
        assert_eq!(planes.len(), self.channels * plane, "length of planes for {self:?}");
        if plane == 0 {
            return;
        }
        for (block, to) in self.data_mut().chunks_exact_mut(plane * BLOCK).enumerate() {
            let from = &planes[block * BLOCK * plane..];
            for (part, to) in to.chunks_mut(PIECE * BLOCK).enumerate() {
                let channels = from.chunks_exact(plane).take(BLOCK);
                for (lane, from) in channels.enumerate() {
                    let from = &from[part * PIECE..];
                    for (to, from) in to.chunks_exact_mut(BLOCK).zip(from) {
                        to[lane] = *from;
                    }
                }
            }
        }
    }

    /// Writes planes `[channels, height, width]`.
    ///
    /// # Panics
    /// If `planes` does not have that many numbers.
    pub fn to_planar(&self, planes: &mut [f32]) {
        let plane = self.height * self.width;
        assert_eq!(planes.len(), self.channels * plane, "length of planes for {self:?}");
        if plane == 0 {
            return;
        }
        for (block, from) in self.data().chunks_exact(plane * BLOCK).enumerate() {
            let to = &mut planes[block * BLOCK * plane..];
            for (part, from) in from.chunks(PIECE * BLOCK).enumerate() {
                for (lane, to) in to.chunks_exact_mut(plane).take(BLOCK).enumerate() {
                    let to = &mut to[part * PIECE..];
                    for (to, from) in to.iter_mut().zip(from.chunks_exact(BLOCK)) {
                        *to = from[lane];
                    }
                }
            }
        }
    }

    /// Gives the picture another size and keeps the memory where it suffices. What the channels
    /// hold afterwards is unspecified, but finite if it was.
    pub fn resize(&mut self, channels: usize, height: usize, width: usize) {
        let len = channels.div_ceil(BLOCK) * height * width * BLOCK;
        self.data.resize(len);
        (self.channels, self.height, self.width) = (channels, height, width);
        if !channels.is_multiple_of(BLOCK) {
            let last = channels % BLOCK;
            let from = (channels / BLOCK) * height * width * BLOCK;
            for pixel in self.data.as_mut_slice()[from..].chunks_exact_mut(BLOCK) {
                pixel[last..].fill(0.0);
            }
        }
    }

    /// Channels, without those that only fill the last block.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Blocks of channels.
    #[must_use]
    pub fn blocks(&self) -> usize {
        self.channels.div_ceil(BLOCK)
    }

    /// Height in pixels.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// Width in pixels.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// All numbers, `[channels / 16][height][width][16]`.
    #[must_use]
    pub fn data(&self) -> &[f32] {
        self.data.as_slice()
    }

    /// All numbers. The channels that fill the last block must stay zero.
    pub fn data_mut(&mut self) -> &mut [f32] {
        self.data.as_mut_slice()
    }
}
