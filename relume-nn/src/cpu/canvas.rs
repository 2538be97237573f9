//! Where a network reads its picture from and writes its result to.

use std::ops::Range;

use rayon::prelude::*;
use relume_kernels::Window;

use super::Picture;

/// What is done to a row of the result before it replaces the row of the picture: gets both.
pub type Blend<'a> = &'a (dyn Fn(&[f32], &mut [f32]) + Sync);

/// A planar picture that is replaced by its result.
pub struct PictureMut<'a> {
    /// Name of the input it feeds.
    pub name: &'a str,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Values, `[c, height, width]`.
    pub values: &'a mut [f32],
    /// What the result becomes before it is written.
    pub blend: Blend<'a>,
}

/// The picture while strips of it are worked on, from left to right.
pub(super) trait Canvas {
    /// Fills the rows `rows` of a window, mirrored beyond the picture's lower and right edge.
    fn read(&self, rows: Range<usize>, to: &mut Window);
    /// Takes rows of the result; what they were made from has been read.
    fn write(&mut self, rows: Range<usize>, from: &Window);
    /// Says that `columns` come next, and how many of them the strip after that will read again.
    fn begin(&mut self, columns: Range<usize>, again: usize);
}

/// A picture, and a result beside it.
pub(super) struct Beside<'a> {
    pub(super) picture: Picture<'a>,
    pub(super) result: &'a mut [f32],
    pub(super) columns: Range<usize>,
}

impl Canvas for Beside<'_> {
    fn read(&self, rows: Range<usize>, to: &mut Window) {
        let Picture { height, width, values, .. } = self.picture;
        fill(rows, to, width, |channel, y| {
            let y = mirror(y, height);
            (&[], &values[(channel * height + y) * width..][..width])
        });
    }

    fn write(&mut self, rows: Range<usize>, from: &Window) {
        let size = (self.picture.height, self.picture.width);
        replace(self.result, size, rows, &self.columns, from, &|_, _| {});
    }

    fn begin(&mut self, columns: Range<usize>, _: usize) {
        self.columns = columns;
    }
}

/// A picture that its own result replaces, strip after strip.
pub(super) struct InPlace<'a> {
    picture: PictureMut<'a>,
    columns: Range<usize>,
    /// How many columns before the next strip it will read, and before this strip were kept.
    again: usize,
    kept: usize,
    /// `[c, height, kept]`: those columns as they were.
    before: Vec<f32>,
    /// The last rows as they were, for what is mirrored.
    bottom: Vec<f32>,
    bottom_rows: Range<usize>,
}

impl<'a> InPlace<'a> {
    /// `multiple` rows and columns at most are mirrored, `again` columns read by two strips.
    pub(super) fn new(picture: PictureMut<'a>, multiple: usize, again: usize) -> Self {
        let PictureMut { height, width, values, .. } = &picture;
        let (height, width) = (*height, *width);
        let channels = values.len() / (height * width);
        let bottom_rows = height.saturating_sub(multiple)..height;
        let rows =
            |c: usize| &values[(c * height + bottom_rows.start) * width..(c + 1) * height * width];
        let bottom = (0..channels).flat_map(|c| rows(c).iter().copied()).collect();
        let before = vec![0.0; channels * height * again];
        Self { picture, columns: 0..0, again: 0, kept: 0, before, bottom, bottom_rows }
    }

    /// Keeps what the next strip will read of `rows`.
    fn keep(&mut self, rows: Range<usize>) {
        if self.again == 0 {
            return;
        }
        let PictureMut { height, width, values, .. } = &self.picture;
        let (channels, again) = (values.len() / (height * width), self.again);
        let pitch = self.before.len() / (channels * height);
        for c in 0..channels {
            for y in rows.clone() {
                let from = (c * height + y) * width + self.columns.end - again;
                let to = (c * height + y) * pitch;
                self.before[to..to + again].copy_from_slice(&values[from..from + again]);
            }
        }
    }
}

impl Canvas for InPlace<'_> {
    fn read(&self, rows: Range<usize>, to: &mut Window) {
        let PictureMut { height, width, values, .. } = &self.picture;
        let (height, width) = (*height, *width);
        let pitch = self.before.len() / (values.len() / width);
        fill(rows, to, width, |channel, y| {
            if y < height {
                let line = channel * height + y;
                // A strip reads no further left than what was kept.
                let before = &self.before[line * pitch..][..self.kept];
                return (
                    before,
                    &values[line * width + self.columns.start..][..width - self.columns.start],
                );
            }
            let row = mirror(y, height) - self.bottom_rows.start;
            (&[], &self.bottom[(channel * self.bottom_rows.len() + row) * width..][..width])
        });
    }

    fn write(&mut self, rows: Range<usize>, from: &Window) {
        self.keep(rows.clone());
        let size = (self.picture.height, self.picture.width);
        replace(self.picture.values, size, rows, &self.columns, from, self.picture.blend);
    }

    fn begin(&mut self, columns: Range<usize>, again: usize) {
        self.kept = self.again;
        (self.columns, self.again) = (columns, again);
    }
}

/// Fills rows of a window from picture rows, given as two parts of which the second ends at the
/// picture's last column.
fn fill<'a>(
    rows: Range<usize>,
    to: &mut Window,
    width: usize,
    line: impl Fn(usize, usize) -> (&'a [f32], &'a [f32]),
) {
    let (columns, lanes, channels) = (to.columns(), to.lanes(), to.channels());
    for (group, y, to) in to.rows_from(rows.start) {
        for lane in 0..lanes.min(channels - group * lanes) {
            let (left, right) = line(group * lanes + lane, y);
            let at = |x: usize| {
                let x = mirror(x, width);
                let from_end = width - x;
                if from_end <= right.len() {
                    right[right.len() - from_end]
                } else {
                    left[left.len() - (from_end - right.len())]
                }
            };
            let inside = columns.start.max(width - right.len())..columns.end.min(width);
            if lanes == 1 && !inside.is_empty() {
                let from = right.len() - (width - inside.start);
                to[inside.start - columns.start..inside.end - columns.start]
                    .copy_from_slice(&right[from..from + inside.len()]);
                for x in (columns.start..inside.start).chain(inside.end..columns.end) {
                    to[x - columns.start] = at(x);
                }
                continue;
            }
            for (to, x) in to[lane..].iter_mut().step_by(lanes).zip(columns.clone()) {
                *to = at(x);
            }
        }
        if lanes > channels - group * lanes {
            let used = channels - group * lanes;
            to.chunks_exact_mut(lanes).for_each(|pixel| pixel[used..].fill(0.0));
        }
    }
}

/// Writes the rows `rows` and columns `columns` of `from` over `values`.
fn replace(
    values: &mut [f32],
    (height, width): (usize, usize),
    rows: Range<usize>,
    columns: &Range<usize>,
    from: &Window,
    blend: Blend<'_>,
) {
    let lanes = from.lanes();
    let planes = values.par_chunks_exact_mut(height * width).enumerate();
    planes.for_each(|(channel, plane)| {
        let lines = plane[rows.start * width..rows.end * width].par_chunks_exact_mut(width);
        lines.zip(rows.clone()).for_each(|(line, y)| {
            let line = &mut line[columns.clone()];
            let made = from.part(channel / lanes, y, columns.clone());
            let mut made: Vec<f32> =
                made[channel % lanes..].iter().step_by(lanes).copied().collect();
            blend(line, &mut made);
            line.copy_from_slice(&made);
        });
    });
}

/// Position `i` of an axis mirrored at the ends of `0..length`, ends not repeated.
fn mirror(i: usize, length: usize) -> usize {
    if i < length {
        return i;
    }
    let period = 2 * (length - 1).max(1);
    let inside = i % period;
    inside.min(period - inside).min(length - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirroring_turns_back_at_the_edge_and_survives_one_pixel() {
        let seen: Vec<_> = (0..8).map(|i| mirror(i, 4)).collect();
        assert_eq!(seen, [0, 1, 2, 3, 2, 1, 0, 1]);
        assert_eq!(mirror(5, 1), 0);
    }
}
