//! Where a convolution writes, and what it does to its sums on the way.

use super::packed::Request;
use super::window::{BLOCK, Window};
use crate::aligned::Aligned;

/// The output of one run, shared by the threads that write disjoint pixels of it.
pub(crate) struct Store<'a> {
    bias: &'a [f32],
    slopes: Option<Aligned>,
    affine: Option<(Aligned, Aligned)>,
    residual: Option<&'a Window>,
    out: *mut f32,
    len: usize,
    top: usize,
    left: usize,
    /// Numbers between two rows of the output.
    pub(super) row: usize,
    /// Numbers between two blocks of output channels.
    pub(super) block: usize,
}

// SAFETY: `out` is only written through `place`, whose callers write disjoint pixels; the rest is
// read.
unsafe impl Sync for Store<'_> {}

/// Pointers of one block of output channels, null where there is nothing to do.
pub(super) struct Then {
    pub(super) bias: *const f32,
    pub(super) slopes: *const f32,
    pub(super) scale: *const f32,
    pub(super) shift: *const f32,
}

impl<'a> Store<'a> {
    /// The output `out` for `request`; every number per channel fills whole blocks.
    ///
    /// # Panics
    /// If `out` or the residual lack a pixel of the request.
    pub(crate) fn new(
        bias: &'a [f32],
        slopes: Option<Aligned>,
        affine: Option<(Aligned, Aligned)>,
        request: &Request<'a>,
        out: &mut Window,
    ) -> Self {
        let holds = |window: &Window| {
            let (rows, columns) = (window.rows(), window.columns());
            window.lanes() == BLOCK
                && window.channels() == out.channels()
                && rows.start <= request.rows.start
                && rows.end >= request.rows.end
                && columns.start <= request.columns.start
                && columns.end >= request.columns.end
        };
        assert!(holds(out), "{out:?} lacks pixels of {request:?}");
        let residual = request.epilogue.residual;
        assert!(residual.is_none_or(holds), "the residual lacks pixels of {request:?}");
        let (top, left) = (out.base(), out.columns().start);
        let (row, block) = (out.row_stride(), out.group_stride());
        let data = out.data_mut();
        let (out, len) = (data.as_mut_ptr(), data.len());
        Self { bias, slopes, affine, residual, out, len, top, left, row, block }
    }

    /// What is done to the channels from `channel` on.
    pub(super) fn then(&self, channel: usize) -> Then {
        let of = |values: Option<&Aligned>| {
            values.map_or(std::ptr::null(), |values| values.as_slice()[channel..].as_ptr())
        };
        Then {
            bias: self.bias[channel..].as_ptr(),
            slopes: of(self.slopes.as_ref()),
            scale: of(self.affine.as_ref().map(|affine| &affine.0)),
            shift: of(self.affine.as_ref().map(|affine| &affine.1)),
        }
    }

    /// Where `rows` by `columns` pixels from (y, x) on go, in `blocks` blocks from the one of
    /// `channel` on.
    pub(super) fn place(
        &self,
        channel: usize,
        (y, x): (usize, usize),
        (rows, columns): (usize, usize),
        blocks: usize,
    ) -> *mut f32 {
        let row = (y - self.top) * self.row + (x - self.left) * BLOCK;
        assert!((x - self.left + columns) * BLOCK <= self.row);
        let at = channel / BLOCK * self.block + row;
        assert!(
            at + (blocks - 1) * self.block + (rows - 1) * self.row + columns * BLOCK <= self.len
        );
        // SAFETY: inside the output as just checked.
        unsafe { self.out.add(at) }
    }

    /// The residual of pixel (y, x), its row and its block stride; null for none. It holds all
    /// pixels of the request.
    pub(super) fn residual(
        &self,
        channel: usize,
        y: usize,
        x: usize,
    ) -> (*const f32, usize, usize) {
        self.residual.map_or((std::ptr::null(), 0, 0), |window| {
            let at = window.place(channel / BLOCK, y, x);
            (window.data()[at..].as_ptr(), window.row_stride(), window.group_stride())
        })
    }
}
