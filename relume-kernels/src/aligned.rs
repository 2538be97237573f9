//! Buffers that start on a cache line, and one per thread to work in.

use std::cell::RefCell;

/// One cache line of numbers.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line([f32; 16]);

/// A growable buffer of f32 that starts on a 64-byte boundary.
#[derive(Clone, Debug, Default)]
pub(crate) struct Aligned {
    lines: Vec<Line>,
    len: usize,
}

impl Aligned {
    /// A buffer of `len` zeros.
    pub(crate) fn zeros(len: usize) -> Self {
        Self { lines: vec![Line([0.0; 16]); len.div_ceil(16)], len }
    }

    /// The first `len` numbers, grown if need be; what they hold is left over from earlier use.
    pub(crate) fn at_least(&mut self, len: usize) -> &mut [f32] {
        if self.len < len {
            *self = Self::zeros(len);
        }
        &mut self.as_mut_slice()[..len]
    }

    /// Makes the buffer `len` long; what it holds is left over, zeros where it has grown.
    pub(crate) fn resize(&mut self, len: usize) {
        let lines = len.div_ceil(16);
        if self.lines.len() < lines {
            self.lines.resize(lines, Line([0.0; 16]));
        }
        self.len = len;
    }

    /// Numbers that fit without new memory.
    pub(crate) fn capacity(&self) -> usize {
        self.lines.capacity() * 16
    }

    pub(crate) fn as_slice(&self) -> &[f32] {
        // SAFETY: `lines` holds at least `len` initialised f32 without padding between them
        // (a `Line` is exactly sixteen), and the borrow of `self` keeps them alive and unchanged.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [f32] {
        // SAFETY: as in `as_slice`, and the borrow of `self` is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}

/// Buffers one thread works in, kept from call to call.
#[derive(Default)]
pub(crate) struct Scratch {
    pub(crate) padded: Aligned,
    pub(crate) gathered: Aligned,
    pub(crate) other: Aligned,
}

/// Runs `work` with this thread's buffers. `work` must not start parallel work of its own.
pub(crate) fn with_scratch<R>(work: impl FnOnce(&mut Scratch) -> R) -> R {
    thread_local! {
        static SCRATCH: RefCell<Scratch> = RefCell::default();
    }
    SCRATCH.with(|scratch| work(&mut scratch.borrow_mut()))
}
