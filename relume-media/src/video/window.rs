//! A frame with its neighbours in time.

use std::collections::VecDeque;
use std::sync::Arc;

/// A frame and those before and after it, as far as there are some.
#[derive(Debug, Clone)]
pub struct FrameWindow<T> {
    /// The frame itself and its neighbours, in the order of showing.
    pub frames: Vec<Arc<T>>,
    /// Which of them is the frame itself.
    pub center: usize,
}

impl<T> FrameWindow<T> {
    /// The frame itself.
    pub fn frame(&self) -> &Arc<T> {
        &self.frames[self.center]
    }

    /// The others.
    pub fn neighbours(&self) -> impl Iterator<Item = &Arc<T>> {
        let others = self.frames.iter().enumerate().filter(|(i, _)| *i != self.center);
        others.map(|(_, frame)| frame)
    }
}

/// Makes windows out of frames that come one by one. A window never reaches over a cut.
#[derive(Debug)]
pub struct Windows<T> {
    before: usize,
    after: usize,
    held: VecDeque<(Arc<T>, bool)>,
    /// Frames in `held` whose window was given out.
    done: usize,
    ended: bool,
}

impl<T> Windows<T> {
    /// Windows of as many as `before` and `after` neighbours.
    pub fn new(before: usize, after: usize) -> Self {
        Self { before, after, held: VecDeque::new(), done: 0, ended: false }
    }

    /// Takes the next frame; `cut` says that a new scene begins with it.
    pub fn push(&mut self, frame: T, cut: bool) {
        self.held.push_back((Arc::new(frame), cut));
    }

    /// No more frames come.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Whether no more frames come and every window was given out.
    pub fn is_done(&self) -> bool {
        self.ended && self.done >= self.held.len()
    }

    /// The next window, once all its neighbours are there.
    pub fn next_window(&mut self) -> Option<FrameWindow<T>> {
        let at = self.done;
        if at >= self.held.len() {
            return None;
        }
        let cut_after = (at + 1..self.held.len()).find(|&i| self.held[i].1);
        let reach = (at + self.after + 1).min(cut_after.unwrap_or(usize::MAX));
        if reach > self.held.len() && !self.ended {
            return None;
        }
        let last = reach.min(self.held.len());
        let cut_before = (0..=at).rev().find(|&i| self.held[i].1).unwrap_or(0);
        let first = at.saturating_sub(self.before).max(cut_before);
        let frames = (first..last).map(|i| Arc::clone(&self.held[i].0)).collect();
        self.done += 1;
        while self.done > self.before {
            self.held.pop_front();
            self.done -= 1;
        }
        Some(FrameWindow { frames, center: at - first })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(
        count: usize,
        cuts: &[usize],
        before: usize,
        after: usize,
    ) -> Vec<(usize, Vec<usize>)> {
        let mut windows = Windows::new(before, after);
        let mut out = Vec::new();
        for i in 0..count {
            windows.push(i, cuts.contains(&i));
            while let Some(window) = windows.next_window() {
                out.push((**window.frame(), window.frames.iter().map(|f| **f).collect()));
            }
        }
        windows.end();
        while let Some(window) = windows.next_window() {
            out.push((**window.frame(), window.frames.iter().map(|f| **f).collect()));
        }
        out
    }

    #[test]
    fn every_frame_has_one_window_that_stays_in_its_scene() {
        for (before, after) in [(0, 0), (1, 1), (2, 2), (2, 0), (0, 3)] {
            for cuts in [&[][..], &[3], &[1, 2, 6]] {
                let found = windows(8, cuts, before, after);
                // The obvious way: all frames within reach with no cut in between.
                let expected: Vec<_> = (0..8_usize)
                    .map(|i| {
                        let scene = |j: usize| cuts.iter().filter(|&&c| c <= j).count();
                        let near = (i.saturating_sub(before)..(i + after + 1).min(8))
                            .filter(|&j| scene(j) == scene(i));
                        (i, near.collect::<Vec<_>>())
                    })
                    .collect();
                assert_eq!(found, expected, "{before} {after} {cuts:?}");
            }
        }
    }
}
