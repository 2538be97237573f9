//! Runs a schedule: one strip of the picture, from top to bottom.

use std::collections::BTreeMap;

use relume_kernels::{Buffer, Window};

use super::canvas::Canvas;
use super::schedule::{Action, Schedule};
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
}

impl<'a> Strip<'a> {
    /// A strip of a picture that the network sees with `padded` rows and columns.
    pub(super) fn new(
        network: &'a Network,
        schedule: &'a Schedule,
        fixed: &'a [Option<Window>],
        padded: (usize, usize),
    ) -> Self {
        let buffers = schedule.buffers.iter().map(|&len| Some(Buffer::of(len))).collect();
        let windows = (0..fixed.len()).map(|_| None).collect();
        Self { network, schedule, fixed, padded, windows, buffers, relit: BTreeMap::new() }
    }

    /// Runs all rounds; `done` hears of the output rows completed, and may stop the run.
    pub(super) fn run(
        &mut self,
        canvas: &mut dyn Canvas,
        output: usize,
        height: usize,
        done: &mut dyn FnMut(usize) -> Result<()>,
    ) -> Result<()> {
        for (actions, _) in &self.schedule.rounds {
            let mut finished = 0;
            for action in actions {
                let made = self.act(action, canvas);
                if made == output {
                    let rows = action.rows.start..action.rows.end.min(height);
                    if let Some((window, _)) = &self.windows[output] {
                        canvas.write(rows.clone(), window);
                    }
                    finished += rows.len();
                }
                for &dead in &action.dead {
                    self.release(dead);
                }
            }
            done(finished)?;
        }
        Ok(())
    }

    fn release(&mut self, value: usize) {
        if let Some((window, buffer)) = self.windows[value].take() {
            self.buffers[buffer] = Some(window.into_buffer());
        }
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
        let lanes = network.program.lanes[value];
        let buffer = self.buffers[action.buffer].take().unwrap_or_default();
        let mut out = Window::reusing(buffer, node.channels, lanes, action.held.clone(), columns);
        if let Some((old, buffer)) = self.windows[value].take() {
            out.copy_rows(&old, action.held.start..action.rows.start);
            self.buffers[buffer] = Some(old.into_buffer());
        }
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
