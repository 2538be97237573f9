//! Rows of tiles: the way between planes and blocks of channels.

use crate::blocked::BLOCK;
use crate::lanes::{SIDE, Transpose};

use super::kernels::Kernels;

/// Pictures in planes, `[images, channels, height, width]`.
#[derive(Clone, Copy)]
pub(super) struct Planes {
    pub(super) channels: usize,
    pub(super) height: usize,
    pub(super) width: usize,
}

impl Planes {
    /// Blocks of channels of one picture.
    pub(super) fn blocks(&self) -> usize {
        self.channels.div_ceil(BLOCK)
    }

    /// Channels of a block.
    fn lanes(&self, block: usize) -> usize {
        BLOCK.min(self.channels - block * BLOCK)
    }

    /// Where row `y` of the first channel of a block starts.
    fn start(&self, image: usize, block: usize, y: usize) -> usize {
        ((image * self.channels + block * BLOCK) * self.height + y) * self.width
    }

    fn plane(&self) -> usize {
        self.height * self.width
    }
}

/// Planes that are read.
pub(super) struct Source<'a> {
    pub(super) planes: Planes,
    pub(super) values: &'a [f32],
    /// What an activation gave, and its slope: values where it gave less than 0 are multiplied by
    /// the slope.
    pub(super) activated: Option<(&'a [f32], f32)>,
}

impl Source<'_> {
    /// Copies row `y` of a block of channels to `to`, `[column][lane]`, of which the first column
    /// is `margin` left of the picture; zeros outside.
    pub(super) fn row(
        &self,
        kernels: &Kernels,
        (image, block): (usize, usize),
        y: Option<usize>,
        margin: usize,
        to: &mut [f32],
    ) {
        let Planes { height, width, .. } = self.planes;
        let Some(y) = y.filter(|y| *y < height) else {
            to.fill(0.0);
            return;
        };
        let (before, rest) = to.split_at_mut(margin * BLOCK);
        let (inside, after) = rest.split_at_mut(width.min(rest.len() / BLOCK) * BLOCK);
        before.fill(0.0);
        after.fill(0.0);
        let (rows, plane) = (self.planes.lanes(block), self.planes.plane());
        let start = self.planes.start(image, block, y);
        assert!(start + (rows - 1) * plane + width <= self.values.len());
        for (index, to) in inside.chunks_mut(SIDE * BLOCK).enumerate() {
            let (from, columns) = (start + index * SIDE, to.len() / BLOCK);
            let mut changed = [0.0_f32; SIDE * BLOCK];
            let (from, from_row) = if let Some((activated, slope)) = self.activated {
                for (lane, to) in changed.chunks_exact_mut(SIDE).take(rows).enumerate() {
                    let from = from + lane * plane..from + lane * plane + columns;
                    let pairs = self.values[from.clone()].iter().zip(&activated[from]);
                    for (to, (&value, &activated)) in to.iter_mut().zip(pairs) {
                        *to = if activated > 0.0 { value } else { slope * value };
                    }
                }
                (changed.as_ptr(), SIDE)
            } else {
                (self.values[from..].as_ptr(), plane)
            };
            let (to, to_row, width) = (to.as_mut_ptr(), BLOCK, BLOCK);
            // SAFETY: `rows` rows of `columns` numbers are in bounds as checked above, `to` holds
            // `columns` blocks.
            unsafe {
                kernels.transpose(&Transpose { from, from_row, rows, columns, to, to_row, width });
            }
        }
    }
}

/// Memory that tasks write disjoint parts of.
pub(super) struct Shared {
    start: *mut f32,
    len: usize,
}

// SAFETY: tasks use disjoint parts, and the exclusive borrow it was made from outlives them.
unsafe impl Sync for Shared {}

impl Shared {
    pub(super) fn new(values: &mut [f32]) -> Self {
        Self { start: values.as_mut_ptr(), len: values.len() }
    }

    /// The numbers from `at` on, of which there are at least `room`.
    pub(super) fn at(&self, at: usize, room: usize) -> *mut f32 {
        assert!(at + room <= self.len);
        // SAFETY: in bounds as just checked.
        unsafe { self.start.add(at) }
    }
}

/// Planes that are written.
pub(super) struct Target<'a> {
    pub(super) planes: Planes,
    pub(super) values: Shared,
    /// Added to what is written.
    pub(super) residual: Option<&'a [f32]>,
}

impl Target<'_> {
    /// Writes row `y` of a block of channels from `from`, `[column][lane]`.
    ///
    /// # Safety
    /// Nothing else may use that row of these channels.
    pub(super) unsafe fn row(
        &self,
        kernels: &Kernels,
        (image, block): (usize, usize),
        y: usize,
        from: &[f32],
    ) {
        let Planes { height, width, .. } = self.planes;
        let (lanes, plane) = (self.planes.lanes(block), self.planes.plane());
        assert!(y < height && from.len() >= width * BLOCK);
        let start = self.planes.start(image, block, y);
        let out = self.values.at(start, (lanes - 1) * plane + width);
        for x in (0..width).step_by(SIDE) {
            let count = SIDE.min(width - x);
            // SAFETY: both sides are in bounds as just checked; the row is the caller's.
            unsafe {
                kernels.transpose(&Transpose {
                    from: from[x * BLOCK..].as_ptr(),
                    from_row: BLOCK,
                    rows: count,
                    columns: lanes,
                    to: out.add(x),
                    to_row: plane,
                    width: count,
                });
            }
        }
        let Some(residual) = self.residual else { return };
        for lane in 0..lanes {
            // SAFETY: in bounds as checked above; the row is the caller's.
            let out = unsafe { std::slice::from_raw_parts_mut(out.add(lane * plane), width) };
            let beside = &residual[start + lane * plane..][..width];
            out.iter_mut().zip(beside).for_each(|(out, beside)| *out += beside);
        }
    }
}
