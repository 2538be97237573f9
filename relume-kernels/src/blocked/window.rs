//! A rectangle of a picture's pixels, in blocks of channels or in planes.

use std::ops::Range;

use rayon::prelude::*;

use crate::aligned::Aligned;

/// Channels in one block.
pub const BLOCK: usize = 16;

/// Memory of a [`Window`], to be used again.
#[derive(Clone, Debug, Default)]
pub struct Buffer(Aligned);

impl Buffer {
    /// Room for `len` numbers.
    #[must_use]
    pub fn of(len: usize) -> Self {
        Self(Aligned::zeros(len))
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.capacity() * 4
    }
}

/// The pixels `rows` × `columns` of a picture, laid out as `[group][row][column][lane]`, f32,
/// starting on a 64-byte boundary: [`BLOCK`] lanes, or one (planes). Lanes beyond the last channel
/// are zero. There may be room for more rows.
#[derive(Clone, Default)]
pub struct Window {
    channels: usize,
    lanes: usize,
    rows: Range<usize>,
    /// The picture row that the memory of each group begins with, and rows that it has room for.
    base: usize,
    room: usize,
    columns: Range<usize>,
    data: Aligned,
}

impl std::fmt::Debug for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { channels, lanes, rows, columns, .. } = self;
        write!(f, "Window({channels} channels by {lanes}, {rows:?} x {columns:?})")
    }
}

impl Window {
    /// A window of zeros with `lanes` lanes, 1 or [`BLOCK`].
    #[must_use]
    pub fn zeros(channels: usize, lanes: usize, rows: Range<usize>, columns: Range<usize>) -> Self {
        let mut window = Self::reusing(Buffer::default(), channels, lanes, rows, columns);
        window.data.as_mut_slice().fill(0.0);
        window
    }

    /// A window in the memory of another; what it holds is left over.
    ///
    /// # Panics
    /// If `lanes` is neither 1 nor [`BLOCK`].
    #[must_use]
    pub fn reusing(
        buffer: Buffer,
        channels: usize,
        lanes: usize,
        rows: Range<usize>,
        columns: Range<usize>,
    ) -> Self {
        let room = rows.len();
        Self::with_room(buffer, (channels, lanes), rows, room, columns)
    }

    /// As [`reusing`](Self::reusing), with room for `room` rows: more can be [added](Self::extend).
    ///
    /// # Panics
    /// If `lanes` is neither 1 nor [`BLOCK`], or the rows have no room.
    #[must_use]
    pub fn with_room(
        buffer: Buffer,
        (channels, lanes): (usize, usize),
        rows: Range<usize>,
        room: usize,
        columns: Range<usize>,
    ) -> Self {
        assert!(lanes == 1 || lanes == BLOCK, "{lanes} lanes");
        assert!(rows.len() <= room, "{rows:?} in the room of {room}");
        let mut data = buffer.0;
        data.resize(channels.div_ceil(lanes) * room * columns.len() * lanes);
        Self { channels, lanes, base: rows.start, room, rows, columns, data }
    }

    /// Forgets the rows before `rows` and adds those that are missing at its end; what they hold is
    /// left over. Where there is no room below, what is kept moves up.
    ///
    /// # Panics
    /// If there is no room, or rows in between would be missing.
    pub fn extend(&mut self, rows: Range<usize>) {
        assert!(self.rows.start <= rows.start && rows.start <= self.rows.end, "{rows:?}: {self:?}");
        assert!(rows.len() <= self.room, "no room for {rows:?} in {self:?}");
        if rows.end > self.base + self.room {
            let row = self.row_stride();
            let kept = (rows.start - self.base) * row..(self.rows.end - self.base) * row;
            let group = self.group_stride().max(1);
            let groups = self.data.as_mut_slice().par_chunks_exact_mut(group);
            groups.for_each(|values| values.copy_within(kept.clone(), 0));
            self.base = rows.start;
        }
        self.rows = rows;
    }

    /// A whole picture from planes `[channels, height, width]`.
    ///
    /// # Panics
    /// If `planes` does not have that many numbers.
    #[must_use]
    pub fn from_planar(
        planes: &[f32],
        lanes: usize,
        (channels, height, width): (usize, usize, usize),
    ) -> Self {
        let mut window = Self::zeros(channels, lanes, 0..height, 0..width);
        window.fill_from_planar(planes);
        window
    }

    /// Overwrites all channels with planes `[channels, rows, columns]`.
    ///
    /// # Panics
    /// If `planes` does not have that many numbers.
    pub fn fill_from_planar(&mut self, planes: &[f32]) {
        let (lanes, width) = (self.lanes, self.columns.len());
        let plane = self.rows.len() * width;
        assert_eq!(planes.len(), self.channels * plane, "length of planes for {self:?}");
        let (channels, height) = (self.channels, self.rows.len());
        assert_eq!(self.room, height, "rows of {self:?}");
        if !channels.is_multiple_of(lanes) {
            let last = channels / lanes * self.group_stride();
            self.data_mut()[last..].fill(0.0);
        }
        let rows = self.data.as_mut_slice().chunks_exact_mut((width * lanes).max(1));
        for (index, to) in rows.enumerate() {
            let (group, row) = (index / height, index % height);
            for lane in 0..lanes.min(channels - group * lanes) {
                let from = &planes[(group * lanes + lane) * plane + row * width..][..width];
                to[lane..].iter_mut().step_by(lanes).zip(from).for_each(|(to, from)| *to = *from);
            }
        }
    }

    /// Planes `[channels, rows, columns]`.
    #[must_use]
    pub fn to_planar(&self) -> Vec<f32> {
        let (lanes, width) = (self.lanes, self.columns.len());
        let mut planes = Vec::with_capacity(self.channels * self.rows.len() * width);
        for channel in 0..self.channels {
            for row in self.rows.clone() {
                let from = &self.row(channel / lanes, row)[channel % lanes..];
                planes.extend(from.iter().step_by(lanes));
            }
        }
        planes
    }

    /// Channels, without those that only fill the last block.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Channels that lie beside each other: 1 or [`BLOCK`].
    #[must_use]
    pub fn lanes(&self) -> usize {
        self.lanes
    }

    /// Groups of `lanes` channels.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.channels.div_ceil(self.lanes)
    }

    /// Rows of the picture that are here.
    #[must_use]
    pub fn rows(&self) -> Range<usize> {
        self.rows.clone()
    }

    /// Columns of the picture that are here.
    #[must_use]
    pub fn columns(&self) -> Range<usize> {
        self.columns.clone()
    }

    /// All numbers, `[group][row][column][lane]`, with the room for more rows.
    #[must_use]
    pub fn data(&self) -> &[f32] {
        self.data.as_slice()
    }

    /// All numbers. Lanes beyond the last channel must stay zero.
    pub fn data_mut(&mut self) -> &mut [f32] {
        self.data.as_mut_slice()
    }

    /// The memory, for another window.
    #[must_use]
    pub fn into_buffer(self) -> Buffer {
        Buffer(self.data)
    }

    /// The picture row that the memory of each group begins with.
    pub(crate) fn base(&self) -> usize {
        self.base
    }

    /// Numbers between two groups.
    pub(crate) fn group_stride(&self) -> usize {
        self.room * self.columns.len() * self.lanes
    }

    /// Numbers between two rows.
    pub(crate) fn row_stride(&self) -> usize {
        self.columns.len() * self.lanes
    }

    /// Where pixel (y, x) of a group begins.
    pub(crate) fn place(&self, group: usize, y: usize, x: usize) -> usize {
        let row = group * self.room + (y - self.base);
        (row * self.columns.len() + (x - self.columns.start)) * self.lanes
    }

    /// Row `y` of a group: `[column][lane]`.
    ///
    /// # Panics
    /// If it is not here.
    #[must_use]
    pub fn row(&self, group: usize, y: usize) -> &[f32] {
        assert!(self.rows.contains(&y), "row {y} of {self:?}");
        let from = self.place(group, y, self.columns.start);
        &self.data()[from..from + self.row_stride()]
    }

    /// The columns `columns` of a row.
    ///
    /// # Panics
    /// If they are not here.
    #[must_use]
    pub fn part(&self, group: usize, y: usize, columns: Range<usize>) -> &[f32] {
        let start = (columns.start - self.columns.start) * self.lanes;
        &self.row(group, y)[start..start + columns.len() * self.lanes]
    }

    /// The value of channel `c` at pixel (y, x).
    #[must_use]
    pub fn at(&self, c: usize, y: usize, x: usize) -> f32 {
        self.data()[self.place(c / self.lanes, y, x) + c % self.lanes]
    }

    /// Every row of every group from picture row `first` on: group, picture row, `[column][lane]`.
    pub fn rows_from(&mut self, first: usize) -> Vec<(usize, usize, &mut [f32])> {
        let (base, room, end) = (self.base, self.room, self.rows.end);
        let row = self.row_stride().max(1);
        let all = self.data.as_mut_slice().chunks_exact_mut(row).enumerate();
        all.map(|(i, values)| (i / room, base + i % room, values))
            .filter(|(_, y, _)| (first..end).contains(y))
            .collect()
    }

    /// Copies the rows `rows` of a window with the same columns and channels.
    ///
    /// # Panics
    /// If they are not in both.
    pub fn copy_rows(&mut self, from: &Self, rows: Range<usize>) {
        if rows.is_empty() {
            return;
        }
        assert_eq!((self.lanes, self.columns()), (from.lanes, from.columns()), "rows of {from:?}");
        let len = rows.len() * self.row_stride();
        let first = self.place(0, rows.start, self.columns.start);
        let stride = self.group_stride().max(1);
        let groups = self.data.as_mut_slice().par_chunks_exact_mut(stride);
        groups.enumerate().for_each(|(group, values)| {
            let source = from.place(group, rows.start, from.columns.start);
            values[first..first + len].copy_from_slice(&from.data()[source..source + len]);
        });
    }
}
