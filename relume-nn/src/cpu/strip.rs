//! Runs a schedule: one strip of the picture, from top to bottom.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use relume_kernels::{Buffer, Window};

use super::canvas::Canvas;
use super::schedule::{Action, Kept, Schedule};
use super::steps::{Relit, Work};
use super::{Network, Result};
use crate::graph::Extent;
use crate::layer::Layer;

/// A window in one of the schedule's buffers.
type Held = Option<(Window, usize)>;

/// The state of one strip.
pub(super) struct Strip<'a> {
    network: &'a Network,
    schedule: &'a Schedule,
    fixed: &'a [Option<Window>],
    padded: (usize, usize),
    windows: Vec<Held>,
    buffers: Vec<Option<Buffer>>,
    relit: BTreeMap<usize, Relit>,
    /// Wall time of each step so far.
    pub(super) times: Vec<Duration>,
}

impl<'a> Strip<'a> {
    /// A strip of a picture that the network sees with `padded` rows and columns, in `buffers`
    /// with room for what the schedule puts there.
    pub(super) fn new(
        network: &'a Network,
        schedule: &'a Schedule,
        fixed: &'a [Option<Window>],
        padded: (usize, usize),
        buffers: Vec<Buffer>,
    ) -> Self {
        let buffers = buffers.into_iter().map(Some).collect();
        let windows = (0..fixed.len()).map(|_| None).collect();
        let times = vec![Duration::ZERO; network.program.steps.len()];
        let relit = BTreeMap::new();
        Self { network, schedule, fixed, padded, windows, buffers, relit, times }
    }

    /// Runs all rounds; `done` hears of the output rows completed, and may stop the run.
    pub(super) fn run(
        &mut self,
        canvas: &mut dyn Canvas,
        output: usize,
        height: usize,
        done: &mut dyn FnMut(usize) -> Result<()>,
    ) -> Result<()> {
        for actions in &self.schedule.rounds {
            let mut finished = 0;
            for action in actions {
                let clock = Instant::now();
                let made = self.act(action, canvas);
                self.times[action.step] += clock.elapsed();
                if made == output {
                    let rows = action.rows.start..action.rows.end.min(height);
                    if let Some((window, _)) = &self.windows[output] {
                        canvas.write(rows.clone(), window);
                    }
                    finished += rows.len();
                }
                for (value, kept) in &action.spent {
                    self.spend(*value, kept.clone());
                }
            }
            done(finished)?;
        }
        Ok(())
    }

    /// The buffers, for the next strip.
    pub(super) fn into_buffers(mut self) -> Vec<Buffer> {
        for (window, buffer) in self.windows.into_iter().flatten() {
            self.buffers[buffer] = Some(window.into_buffer());
        }
        self.buffers.into_iter().map(Option::unwrap_or_default).collect()
    }

    /// Frees the buffer of a value and keeps some of its rows elsewhere.
    fn spend(&mut self, value: usize, kept: Kept) {
        let Some((window, buffer)) = self.windows[value].take() else { return };
        if let Some((rows, to)) = kept {
            let memory = self.buffers[to].take().unwrap_or_default();
            let (channels, lanes) = (window.channels(), window.lanes());
            let mut small =
                Window::reusing(memory, channels, lanes, rows.clone(), window.columns());
            small.copy_rows(&window, rows);
            self.windows[value] = Some((small, to));
        }
        self.buffers[buffer] = Some(window.into_buffer());
    }

    /// Makes the rows of one action; returns the value.
    fn act(&mut self, action: &Action, canvas: &dyn Canvas) -> usize {
        let network = self.network;
        let (graph, step) = (&network.graph, &network.program.steps[action.step]);
        let value = step.output;
        let node = &graph.nodes()[value];
        let columns = match node.extent {
            Extent::Picture { .. } => self.schedule.columns[value].clone(),
            Extent::Fixed { width, .. } => 0..width,
        };
        let mut out = match self.windows[value].take() {
            Some((mut window, buffer)) if buffer == action.buffer => {
                window.extend(action.held.clone());
                window
            }
            kept => {
                let lanes = network.program.lanes[value];
                let (layout, held) = ((node.channels, lanes), action.held.clone());
                let buffer = self.buffers[action.buffer].take().unwrap_or_default();
                let mut out = Window::with_room(buffer, layout, held, action.room, columns);
                if let Some((old, buffer)) = kept {
                    out.copy_rows(&old, action.held.start..action.rows.start);
                    self.buffers[buffer] = Some(old.into_buffer());
                }
                out
            }
        };
        if graph.nodes()[step.node].layer == Layer::Input {
            canvas.read(action.rows.clone(), &mut out);
        } else {
            self.work(action, &mut out);
        }
        self.windows[value] = Some((out, action.buffer));
        value
    }

    fn work(&mut self, action: &Action, out: &mut Window) {
        let network = self.network;
        let (graph, step) = (&network.graph, &network.program.steps[action.step]);
        if graph.nodes()[step.node].layer == Layer::Relight
            && let Some(told) = &self.fixed[step.inputs[1]]
        {
            self.relit.entry(action.step).or_insert_with(|| Relit::new(told));
        }
        let find = |value: usize| {
            let held = self.windows[value].as_ref().map(|(window, _)| window);
            held.or(self.fixed[value].as_ref())
        };
        let first = graph.nodes()[step.inputs[0]].extent;
        let work = Work {
            graph,
            weights: &network.weights,
            step,
            inputs: step.inputs.iter().filter_map(|&value| find(value)).collect(),
            residual: step.residual.and_then(find),
            modulation: step.modulation.and_then(find),
            source: first.size(self.padded.0, self.padded.1),
            phase: self.schedule.phases[step.output],
            relit: self.relit.get(&action.step),
        };
        work.run(action.rows.clone(), out);
    }
}
