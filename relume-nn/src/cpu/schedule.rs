//! When each step makes which rows: a strip of columns, from top to bottom.
//!
//! Output rows are asked for some at a time. Every step then makes the rows that are missing, and of
//! every value only the rows are kept that will be read again. All of it follows from the graph and
//! the picture's size, so the memory is known before anything runs. Winograd's tiles stand at rows
//! and columns that follow from the graph alone, so results do not depend on the cut.

use std::ops::Range;

use super::program::Program;
use crate::graph::{Extent, Graph};
use crate::region::{Span, reads};

/// Side of Winograd's tiles.
const TILE: usize = 4;
/// A value that waits gets room for one row more for so many that are held.
const SPARE: usize = 3;
/// A row far below the first, on every grid.
const FAR: usize = 1 << 20;

/// The rows of a value that are kept, and their new buffer; nothing, if none are.
pub(super) type Kept = Option<(Range<usize>, usize)>;

/// One step of one round.
#[derive(Debug)]
pub(super) struct Action {
    pub(super) step: usize,
    /// Rows to make.
    pub(super) rows: Range<usize>,
    /// Rows held afterwards, the made ones at the end.
    pub(super) held: Range<usize>,
    /// Which buffer they go to, and rows it has room for; if it is the one they were in, they stay in
    /// it, and move up where there is no room below.
    pub(super) buffer: usize,
    pub(super) room: usize,
    /// Values of which nothing, or little, is read again: the rows kept and where they go.
    pub(super) spent: Vec<(usize, Kept)>,
}

/// A strip of the picture, in rounds.
#[derive(Debug)]
pub(super) struct Schedule {
    /// Columns of each value.
    pub(super) columns: Vec<Range<usize>>,
    /// Where Winograd's tiles of each value begin, 0 to 3: rows, columns.
    pub(super) phases: Vec<(usize, usize)>,
    /// The actions of each round.
    pub(super) rounds: Vec<Vec<Action>>,
    /// f32 in each buffer.
    pub(super) buffers: Vec<usize>,
}

/// What is cut: an output of the program for a picture of some size.
pub(super) struct Task<'a> {
    pub(super) graph: &'a Graph,
    pub(super) program: &'a Program,
    pub(super) output: usize,
    /// Whether each step is needed and not computed beforehand.
    pub(super) active: &'a [bool],
    /// Height and width that the network sees.
    pub(super) padded: (usize, usize),
    /// Height of the output.
    pub(super) height: usize,
}

impl Schedule {
    /// The strip `columns` of the output, `rows` rows a round.
    pub(super) fn new(task: &Task<'_>, columns: Range<usize>, rows: usize) -> Self {
        let phases = task.phases();
        let columns = task.columns(&columns, &phases);
        // Once to see how many rows of each value wait at most, once with room for them.
        let mut cutter = Cutter::new(task, &phases, &columns, vec![0; columns.len()]);
        cutter.rounds(rows);
        let mut cutter = Cutter::new(task, &phases, &columns, cutter.longest);
        let rounds = cutter.rounds(rows);
        let buffers = cutter.buffers;
        Self { columns, phases, rounds, buffers }
    }

    /// Bytes of all buffers.
    pub(super) fn bytes(&self) -> usize {
        self.buffers.iter().map(|len| 4 * len).sum()
    }
}

impl Task<'_> {
    fn size(&self, value: usize) -> (usize, usize) {
        let Extent::Picture { .. } = self.graph.nodes()[value].extent else { return (0, 0) };
        self.graph.nodes()[value].extent.size(self.padded.0, self.padded.1)
    }

    fn spreads(&self, value: usize) -> bool {
        matches!(self.graph.nodes()[value].extent, Extent::Picture { .. })
    }

    /// What the step reads of the value along an axis of `length` pixels to make `made`.
    fn reads(&self, step: usize, value: usize, made: Span, length: usize) -> Span {
        let step = &self.program.steps[step];
        if step.inputs.contains(&value) {
            reads(&self.graph.nodes()[step.node].layer, made, length)
        } else {
            made
        }
    }

    /// The phases of each value: how far below a far row of the output it must be known, and how
    /// far left of a far column. A strip is then never asked for rows below, nor for columns to the
    /// left, that the kernels do not reach.
    fn phases(&self) -> Vec<(usize, usize)> {
        let mut spans: Vec<Option<Span>> = vec![None; self.graph.nodes().len()];
        spans[self.output] = Some(Span::new(FAR, FAR));
        for (index, step) in self.program.steps.iter().enumerate().rev() {
            let Some(made) = spans[step.output].filter(|_| self.active[index]) else { continue };
            for value in step.reads().filter(|&value| self.spreads(value)) {
                let end = self.reads(index, value, Span::new(made.end - 1, made.end), 16 * FAR).end;
                let first = Span::new(made.start, made.start + 1);
                let start = self.reads(index, value, first, 16 * FAR).start;
                let known = spans[value].unwrap_or(Span::new(start, end));
                spans[value] = Some(Span::new(known.start.min(start), known.end.max(end)));
            }
        }
        let phases = |span: Option<Span>| span.map_or((0, 0), |s| (s.end % TILE, s.start % TILE));
        spans.into_iter().map(phases).collect()
    }

    /// Columns of every value, on the tiles' grid.
    fn columns(&self, wanted: &Range<usize>, phases: &[(usize, usize)]) -> Vec<Range<usize>> {
        let mut columns: Vec<Range<usize>> = vec![0..0; self.graph.nodes().len()];
        columns[self.output] = wanted.clone();
        for (index, step) in self.program.steps.iter().enumerate().rev() {
            if !self.active[index] || columns[step.output].is_empty() {
                continue;
            }
            let made = step.output;
            let width = self.size(made).1;
            if step.is_tiled() && self.spreads(made) {
                columns[made] = on_grid(&columns[made], phases[made].1, width);
            }
            let made = Span::new(columns[made].start, columns[made].end);
            for value in step.reads() {
                let read = if self.spreads(value) {
                    self.reads(index, value, made, self.size(value).1)
                } else {
                    Span::new(0, 1)
                };
                let known = &mut columns[value];
                *known = if known.start == known.end {
                    read.start..read.end
                } else {
                    known.start.min(read.start)..known.end.max(read.end)
                };
            }
        }
        columns
    }
}

/// `range` widened to lines at `phase + 4 k`, inside `0..length`.
fn on_grid(range: &Range<usize>, phase: usize, length: usize) -> Range<usize> {
    let start = if range.start < phase { 0 } else { range.start - (range.start - phase) % TILE };
    start..end_on_grid(range.end, phase, length)
}

fn end_on_grid(end: usize, phase: usize, length: usize) -> usize {
    let on_grid = if end <= phase { phase } else { (end - phase).next_multiple_of(TILE) + phase };
    on_grid.min(length)
}

/// Rows of a value in a buffer.
#[derive(Debug, Clone)]
struct Held {
    rows: Range<usize>,
    buffer: usize,
    /// Rows that the buffer has room for.
    room: usize,
}

/// The state of a strip while it is cut.
struct Cutter<'a> {
    task: &'a Task<'a>,
    phases: &'a [(usize, usize)],
    columns: &'a [Range<usize>],
    /// Rows of each value made so far.
    done: Vec<usize>,
    /// What is held of each value.
    held: Vec<Option<Held>>,
    buffers: Vec<usize>,
    free: Vec<usize>,
    /// Most rows held of each value that waits for others from round to round, as the last cut saw.
    room: Vec<usize>,
    longest: Vec<usize>,
}

impl<'a> Cutter<'a> {
    fn new(
        task: &'a Task<'a>,
        phases: &'a [(usize, usize)],
        columns: &'a [Range<usize>],
        room: Vec<usize>,
    ) -> Self {
        let count = columns.len();
        let (done, held, longest) = (vec![0; count], vec![None; count], vec![0; count]);
        let (buffers, free) = (Vec::new(), Vec::new());
        Self { task, phases, columns, done, held, buffers, free, room, longest }
    }

    /// All rounds, `rows` output rows each.
    fn rounds(&mut self, rows: usize) -> Vec<Vec<Action>> {
        let ends = (rows..self.task.height + rows).step_by(rows);
        ends.map(|end| self.round(end.min(self.task.height))).collect()
    }

    /// The actions that complete the output down to row `end`.
    fn round(&mut self, end: usize) -> Vec<Action> {
        let made = self.made(end);
        let steps = &self.task.program.steps;
        // The step after which each value is not read any more in this round.
        let mut last = vec![None; self.done.len()];
        for (index, step) in steps.iter().enumerate().filter(|(index, _)| !made[*index].is_empty())
        {
            step.reads().for_each(|value| last[value] = Some(index));
        }
        let mut actions = Vec::new();
        for (index, step) in steps.iter().enumerate() {
            let rows = made[index].clone();
            if rows.is_empty() {
                continue;
            }
            let value = step.output;
            self.done[value] = rows.end;
            let (held, buffer, room) = self.hold(value, &rows);
            let mut read: Vec<usize> = step.reads().filter(|&v| last[v] == Some(index)).collect();
            read.sort_unstable();
            read.dedup();
            let spent = read.into_iter().filter_map(|value| Some((value, self.spend(value)?)));
            let spent = spent.collect();
            actions.push(Action { step: index, rows, held, buffer, room, spent });
        }
        actions
    }

    /// Where the new rows of a value go: what is then held, its buffer and its room in rows.
    fn hold(&mut self, value: usize, rows: &Range<usize>) -> (Range<usize>, usize, usize) {
        let kept = self.held[value].take();
        let start = kept.as_ref().map_or(rows.start, |kept| self.needed_from(value, &kept.rows));
        let held = start.min(rows.start)..rows.end;
        if let Some(kept) = &kept
            && kept.room >= held.len()
        {
            let kept = Held { rows: held.clone(), ..kept.clone() };
            let place = (held, kept.buffer, kept.room);
            self.held[value] = Some(kept);
            return place;
        }
        // Rows that wait are not moved each time.
        let room = held.len().max(self.room[value] + self.room[value] / SPARE);
        let buffer = self.take(self.len(value, room));
        self.free.extend(kept.map(|kept| kept.buffer));
        self.held[value] = Some(Held { rows: held.clone(), buffer, room });
        (held, buffer, room)
    }

    /// The rows that each step makes in this round.
    fn made(&self, end: usize) -> Vec<Range<usize>> {
        let task = self.task;
        let steps = &task.program.steps;
        let mut ends = vec![0; self.done.len()];
        ends[task.output] = end;
        let mut made = vec![0..0; steps.len()];
        for (index, step) in steps.iter().enumerate().rev().filter(|(index, _)| task.active[*index])
        {
            let value = step.output;
            if !task.spreads(value) {
                let wanted = ends[value] > 0 && self.done[value] == 0;
                made[index] = if wanted { 0..1 } else { 0..0 };
            } else {
                let length = task.size(value).0;
                let mut end = ends[value].min(length);
                if step.is_tiled() && end > self.done[value] {
                    end = end_on_grid(end, self.phases[value].0, length);
                }
                made[index] = self.done[value]..end.max(self.done[value]);
            }
            if made[index].is_empty() {
                continue;
            }
            let rows = Span::new(made[index].start, made[index].end);
            for value in step.reads() {
                let end = if task.spreads(value) {
                    task.reads(index, value, rows, task.size(value).0).end
                } else {
                    1
                };
                ends[value] = ends[value].max(end);
            }
        }
        made
    }

    /// The first row of a value, not before those held, that a step still reads.
    fn needed_from(&self, value: usize, held: &Range<usize>) -> usize {
        let task = self.task;
        let readers = task.program.readers[value].iter().filter(|&&step| task.active[step]);
        let first = readers.map(|&step| {
            let output = task.program.steps[step].output;
            let done = self.done[output];
            let length = if task.spreads(output) { task.size(output).0 } else { 1 };
            if done >= length {
                return usize::MAX;
            }
            if !task.spreads(value) || !task.spreads(output) {
                return 0;
            }
            task.reads(step, value, Span::new(done, done + 1), task.size(value).0).start
        });
        let first = first.min().unwrap_or(usize::MAX);
        first.clamp(held.start, held.end)
    }

    /// What remains of a value that is not read again in this round, if that is little: nothing, or
    /// the rows kept and their new buffer.
    fn spend(&mut self, value: usize) -> Option<Kept> {
        if value == self.task.output {
            return None;
        }
        let held = self.held[value].clone()?;
        let kept = self.needed_from(value, &held.rows)..held.rows.end;
        if 2 * kept.len() > held.rows.len() {
            self.longest[value] = self.longest[value].max(held.rows.len());
            return None;
        }
        let moved = (!kept.is_empty()).then(|| self.take(self.len(value, kept.len())));
        self.free.push(held.buffer);
        self.held[value] =
            moved.map(|buffer| Held { rows: kept.clone(), buffer, room: kept.len() });
        Some(moved.map(|buffer| (kept, buffer)))
    }

    fn len(&self, value: usize, rows: usize) -> usize {
        let lanes = self.task.program.lanes[value];
        let channels = self.task.graph.nodes()[value].channels.next_multiple_of(lanes);
        let columns = if self.task.spreads(value) { self.columns[value].len() } else { 1 };
        channels * rows * columns
    }

    /// A free buffer for `len` numbers: the smallest that suffices and is not far too large, else the
    /// largest that is not far too small, grown, else a new one.
    fn take(&mut self, len: usize) -> usize {
        let sizes = &self.buffers;
        let free = || self.free.iter().copied().filter(|&i| sizes[i] <= 2 * len);
        let fits = free().filter(|&i| sizes[i] >= len).min_by_key(|&i| sizes[i]);
        let grown = || free().filter(|&i| 2 * sizes[i] >= len).max_by_key(|&i| sizes[i]);
        let Some(found) = fits.or_else(grown) else {
            self.buffers.push(len);
            return self.buffers.len() - 1;
        };
        self.free.retain(|&i| i != found);
        self.buffers[found] = self.buffers[found].max(len);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_widened_to_the_grid() {
        assert_eq!(on_grid(&(9..14), 1, 100), 9..17);
        assert_eq!(on_grid(&(2..3), 3, 100), 0..3);
        assert_eq!(on_grid(&(4..97), 3, 98), 3..98);
        assert_eq!(end_on_grid(7, 3, 100), 7);
    }
}
