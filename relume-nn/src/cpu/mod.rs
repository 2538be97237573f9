//! The executor that users run: strips of the picture, row by row through the whole network.
//!
//! Weights are packed once. The graph becomes a program of steps, each with all that can be done
//! while it stores. A schedule says, before anything runs, which step makes which rows when, so
//! that of every feature map only the rows in use exist; the memory follows from it. Each step is
//! spread over the cores. Results depend neither on the number of threads nor on the [`Cut`].

mod canvas;
mod program;
mod schedule;
mod steps;
mod strip;

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::time::Duration;

use relume_kernels::{Buffer, PackedConv, Window};
pub use relume_kernels::{
    Isa, Method, current_isa, force_isa, isa_from_environment, peak_macs_per_second,
};

use crate::graph::{Extent, Graph, NodeId};
use crate::layer::Layer;
use crate::tensor::{Feeds, Tensor};
use crate::weights::Weights;
use crate::{Error, Result};
use canvas::{Beside, Canvas, InPlace};
pub use canvas::{Blend, PictureMut};
use program::{Program, Step};
use schedule::{Schedule, Task};
use strip::Strip;

/// Bytes that the feature maps of a picture without barriers, and the columns kept between strips,
/// should have at most.
const BUDGET: usize = 76 << 20;
/// Columns that the edges of strips lie on multiples of: every network's grid.
const EDGE: usize = 64;
/// Pixels of a round, about: enough work for all cores.
const ROUND: usize = 128 << 10;

/// A planar picture `[c, height, width]` of any size; it is mirrored at its edges up to the
/// multiple that the network needs.
#[derive(Debug, Clone, Copy)]
pub struct Picture<'a> {
    /// Name of the input it feeds.
    pub name: &'a str,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Values.
    pub values: &'a [f32],
}

/// How a picture is cut for the run. The result does not depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// As memory and caches want it.
    Fitting,
    /// Strips of so many columns, so many rows a round.
    Of {
        /// Columns of a strip, rounded up to a multiple of 64.
        columns: usize,
        /// Output rows of a round.
        rows: usize,
    },
}

/// What is told of a run's progress, the share done; it may stop the run.
pub type Report<'a> = &'a (dyn Fn(f32) -> Result<()> + Sync);

/// Where the time of a run went: one step, with all that happens in its store.
#[derive(Debug, Clone, PartialEq)]
pub struct StepTime {
    /// Name of the step's first node.
    pub name: String,
    /// Kind of its layer.
    pub kind: &'static str,
    /// How a convolution was computed.
    pub method: Option<Method>,
    /// Channels of input and output.
    pub channels: (usize, usize),
    /// Wall time.
    pub seconds: f64,
    /// Multiply-accumulates, counted product by product.
    pub macs: u64,
}

/// A graph with its weights, ready to run.
pub struct Network {
    graph: Graph,
    weights: Weights,
    program: Program,
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network").field("graph", &self.graph.name()).finish_non_exhaustive()
    }
}

/// What is needed to run one output for one size of picture.
struct Plan {
    output: usize,
    padded: (usize, usize),
    height: usize,
    active: Vec<bool>,
    cut: Strips,
}

/// A picture in strips. Their schedules are made again when their turn comes: all of them at once are
/// larger than the feature maps.
#[derive(Default)]
struct Strips {
    /// Columns of the output, from left to right.
    columns: Vec<Range<usize>>,
    /// Output rows of a round.
    rows: usize,
    /// How many of each strip's columns the next one reads again.
    again: Vec<usize>,
    /// Numbers that each buffer must hold, in whatever strip it is used.
    buffers: Vec<usize>,
    /// Bytes of the buffers, and of the columns kept between strips.
    bytes: usize,
}

impl Network {
    /// Packs `weights` for the processor at hand.
    ///
    /// # Errors
    /// [`Error::Weights`] when they do not fit the graph.
    pub fn new(graph: Graph, weights: Weights) -> Result<Self> {
        weights.check(&graph)?;
        for node in graph.nodes() {
            if let Layer::Learned { samples: 2.., .. } = node.layer {
                let message =
                    format!("{} is of several samples: train or run it by burn", node.name);
                return Err(Error::Run(message));
            }
        }
        let program = Program::new(&graph, &weights);
        // What is packed is not needed a second time.
        let nodes = || graph.nodes().iter().filter(|node| !node.layer.parameters(1).is_empty());
        let raw: HashSet<&str> =
            nodes().filter(|node| !steps::is_packed(node)).map(|node| node.key.as_str()).collect();
        let kept = |key: &str| key.rsplit_once('.').is_some_and(|(node, _)| raw.contains(node));
        let weights = weights.retaining(kept);
        Ok(Self { graph, weights, program })
    }

    /// The graph.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Computes outputs that do not depend on the picture: what a survey says.
    ///
    /// # Errors
    /// [`Error::Run`] when a feed is missing or an output depends on the picture.
    pub fn run_fixed(&self, feeds: &Feeds, wanted: &[&str]) -> Result<BTreeMap<String, Tensor>> {
        let outputs = self.graph.find_outputs(wanted)?;
        let windows = self.fixed(feeds, &outputs)?;
        let take = |(name, id): (&&str, &NodeId)| {
            let window = windows[id.0].as_ref().ok_or_else(|| {
                Error::Run(format!("{name} depends on the picture: run it with a picture"))
            })?;
            let shape = [1, window.channels(), window.rows().len(), window.columns().len()];
            Ok(((*name).to_owned(), Tensor::new(shape, window.to_planar())))
        };
        wanted.iter().zip(&outputs).map(take).collect()
    }

    /// Computes the output `wanted`, of the picture's own size: planar `[c, height, width]`.
    ///
    /// # Errors
    /// [`Error::Run`] when a feed or output does not fit, whatever `report` returns.
    pub fn run_picture(
        &self,
        picture: Picture<'_>,
        feeds: &Feeds,
        wanted: &str,
        cut: Cut,
        report: Report<'_>,
    ) -> Result<Vec<f32>> {
        let plan = self.plan(picture.name, (picture.height, picture.width), wanted, cut)?;
        let channels = self.graph.nodes()[plan.output].channels;
        let mut result = vec![0.0; channels * picture.height * picture.width];
        let mut canvas = Beside { picture, result: &mut result, columns: 0..0 };
        self.run(&plan, feeds, &mut canvas, picture.height, report)?;
        Ok(result)
    }

    /// As [`run_picture`](Self::run_picture), but the result replaces the picture, so that no second
    /// one is needed. When the run fails or is stopped, the picture is lost.
    ///
    /// # Errors
    /// As there, and when the output has other channels than the picture.
    pub fn run_in_place(
        &self,
        picture: PictureMut<'_>,
        feeds: &Feeds,
        wanted: &str,
        cut: Cut,
        report: Report<'_>,
    ) -> Result<()> {
        let size = (picture.height, picture.width);
        let plan = self.plan(picture.name, size, wanted, cut)?;
        if self.graph.nodes()[plan.output].channels * size.0 * size.1 != picture.values.len() {
            return Err(Error::Run(format!("{wanted} has other channels than the picture")));
        }
        let again = plan.cut.again.iter().copied().max().unwrap_or(0);
        let mut canvas = InPlace::new(picture, self.graph.multiple(), again);
        self.run(&plan, feeds, &mut canvas, size.0, report)?;
        Ok(())
    }

    /// Bytes of feature maps that a run takes beside the picture and the packed weights.
    ///
    /// # Errors
    /// [`Error::Run`] as [`run_picture`](Self::run_picture).
    pub fn memory(&self, size: (usize, usize), wanted: &str) -> Result<usize> {
        let input = self
            .graph
            .nodes()
            .iter()
            .find(|node| node.layer == Layer::Input && node.extent == Extent::PICTURE);
        let input = input.map_or("", |node| node.name.as_str());
        let plan = self.plan(input, size, wanted, Cut::Fitting)?;
        Ok(plan.cut.bytes)
    }

    /// Runs the output `wanted` once and says where the time goes, in the order of computation.
    ///
    /// # Errors
    /// As [`run_picture`](Self::run_picture).
    pub fn time_steps(
        &self,
        picture: Picture<'_>,
        feeds: &Feeds,
        wanted: &str,
    ) -> Result<Vec<StepTime>> {
        let plan =
            self.plan(picture.name, (picture.height, picture.width), wanted, Cut::Fitting)?;
        let channels = self.graph.nodes()[plan.output].channels;
        let mut result = vec![0.0; channels * picture.height * picture.width];
        let mut canvas = Beside { picture, result: &mut result, columns: 0..0 };
        let times = self.run(&plan, feeds, &mut canvas, picture.height, &|_| Ok(()))?;
        let timed = self.program.steps.iter().zip(times).filter(|(_, time)| !time.is_zero());
        Ok(timed.map(|(step, time)| self.step_time(step, time, plan.padded)).collect())
    }

    fn step_time(&self, step: &Step, time: Duration, padded: (usize, usize)) -> StepTime {
        let node = &self.graph.nodes()[step.node];
        let mut macs = 0;
        if let Layer::Conv(conv) = &node.layer {
            let (height, width) = node.extent.size(padded.0, padded.1);
            macs = conv.macs() * height * width;
        }
        StepTime {
            name: node.name.clone(),
            kind: node.layer.kind(),
            method: step.packed.as_ref().map(PackedConv::method),
            channels: (self.graph.channels_in(node), node.channels),
            seconds: time.as_secs_f64(),
            macs: macs as u64,
        }
    }

    fn plan(
        &self,
        name: &str,
        (height, width): (usize, usize),
        wanted: &str,
        cut: Cut,
    ) -> Result<Plan> {
        let output = self.graph.find_outputs(&[wanted])?[0];
        if self.graph.node(output).extent != Extent::PICTURE {
            return Err(Error::Run(format!("{wanted} is not as large as the picture")));
        }
        if height == 0 || width == 0 {
            return Err(Error::Run("the picture has no pixels".into()));
        }
        let needed = self.graph.needed(&[output]);
        let nodes = || self.graph.nodes().iter().enumerate().filter(|(index, _)| needed[*index]);
        let mut input = None;
        for (index, node) in nodes() {
            if node.layer == Layer::Input && matches!(node.extent, Extent::Picture { .. }) {
                if node.name != name {
                    return Err(Error::Run(format!("needs the picture {}", node.name)));
                }
                input = Some(index);
            }
        }
        let on_picture = self.on_picture();
        let steps = self.program.steps.iter();
        let active: Vec<bool> =
            steps.map(|step| needed[step.output] && on_picture[step.output]).collect();
        let multiple = self.graph.multiple();
        let padded = (height.next_multiple_of(multiple), width.next_multiple_of(multiple));
        let mut plan = Plan { output: output.0, padded, height, active, cut: Strips::default() };
        let task = self.task(&plan);
        plan.cut = if self.graph.has_barrier(&[output]) {
            Strips::new(&task, std::iter::once(0..width).collect(), height, input)
        } else {
            match cut {
                Cut::Of { columns, rows } => {
                    Strips::new(&task, of_columns(width, columns), rows.max(1), input)
                }
                Cut::Fitting => Strips::fitting(&task, width, input),
            }
        };
        Ok(plan)
    }

    fn task<'a>(&'a self, plan: &'a Plan) -> Task<'a> {
        Task {
            graph: &self.graph,
            program: &self.program,
            output: plan.output,
            active: &plan.active,
            padded: plan.padded,
            height: plan.height,
        }
    }

    /// Which values are made of the picture.
    fn on_picture(&self) -> Vec<bool> {
        let nodes = self.graph.nodes();
        let mut on = vec![false; nodes.len()];
        for (index, node) in nodes.iter().enumerate() {
            let spreads = matches!(node.extent, Extent::Picture { .. });
            on[index] = spreads || node.inputs.iter().any(|id| on[id.0]);
        }
        on
    }

    fn run(
        &self,
        plan: &Plan,
        feeds: &Feeds,
        canvas: &mut dyn Canvas,
        height: usize,
        report: Report<'_>,
    ) -> Result<Vec<Duration>> {
        let fixed = self.fixed(feeds, &[NodeId(plan.output)])?;
        report(0.0)?;
        let cut = &plan.cut;
        let all = (height * cut.columns.len()) as f32;
        let mut finished = 0;
        let mut times = vec![Duration::ZERO; self.program.steps.len()];
        let task = self.task(plan);
        let mut buffers: Vec<Buffer> = cut.buffers.iter().map(|&len| Buffer::of(len)).collect();
        for (columns, &again) in cut.columns.iter().zip(&cut.again) {
            canvas.begin(columns.clone(), again);
            let schedule = Schedule::new(&task, columns.clone(), cut.rows);
            let mut strip = Strip::new(self, &schedule, &fixed, plan.padded, buffers);
            strip.run(canvas, plan.output, height, &mut |rows| {
                finished += rows;
                report(finished as f32 / all)
            })?;
            times.iter_mut().zip(&strip.times).for_each(|(all, time)| *all += *time);
            buffers = strip.into_buffers();
        }
        Ok(times)
    }

    /// Every needed value that does not depend on the picture.
    fn fixed(&self, feeds: &Feeds, wanted: &[NodeId]) -> Result<Vec<Option<Window>>> {
        let needed = self.graph.needed(wanted);
        let on_picture = self.on_picture();
        let mut windows: Vec<Option<Window>> = vec![None; needed.len()];
        for (number, step) in self.program.steps.iter().enumerate() {
            let node = &self.graph.nodes()[step.output];
            let Extent::Fixed { height, width } = node.extent else { continue };
            if !needed[step.output] || on_picture[step.output] {
                continue;
            }
            let lanes = self.program.lanes[step.output];
            let mut out = Window::zeros(node.channels, lanes, 0..height, 0..width);
            if node.layer == Layer::Input {
                let tensor = crate::reference::feed(&self.graph, node, feeds)?;
                out.fill_from_planar(&tensor.values[..node.channels * height * width]);
            } else {
                let first = step.inputs.first().map(|&input| &self.graph.nodes()[input]);
                let source = first.map_or((0, 0), |node| node.extent.size(0, 0));
                let find = |&value: &usize| windows[value].as_ref();
                let work = steps::Work {
                    graph: &self.graph,
                    weights: &self.weights,
                    step,
                    inputs: step.inputs.iter().filter_map(find).collect(),
                    residual: None,
                    modulation: None,
                    source,
                    phase: (0, 0),
                    relit: None,
                };
                work.run(0..height, &mut out);
            }
            windows[step.output] = Some(out);
            for value in step.reads() {
                let read_later = self.program.readers[value].iter().any(|&reader| reader > number);
                if !read_later && !wanted.contains(&NodeId(value)) {
                    windows[value] = None;
                }
            }
        }
        Ok(windows)
    }
}

impl Strips {
    /// The strips `columns`, each `rows` output rows a round; `input` is the picture's value.
    fn new(task: &Task<'_>, columns: Vec<Range<usize>>, rows: usize, input: Option<usize>) -> Self {
        let mut buffers: Vec<usize> = Vec::new();
        let mut again = Vec::new();
        for strip in &columns {
            let schedule = Schedule::new(task, strip.clone(), rows);
            buffers.resize(buffers.len().max(schedule.buffers.len()), 0);
            let both = buffers.iter_mut().zip(&schedule.buffers);
            both.for_each(|(most, &len)| *most = len.max(*most));
            let first = input.map_or(strip.start, |input| schedule.columns[input].start);
            again.push(strip.start - first);
        }
        again.rotate_left(1); // nothing is read again to the left of the first
        let kept = again.iter().max().map_or(0, |columns| 3 * 4 * columns * task.height);
        let maps = 4 * buffers.iter().sum::<usize>();
        Self { columns, rows, again, buffers, bytes: maps + kept }
    }

    /// The fewest strips, and the longest rounds, that stay inside the budget.
    fn fitting(task: &Task<'_>, width: usize, input: Option<usize>) -> Self {
        let mut parts = 1;
        loop {
            let step = width.div_ceil(parts);
            let columns = of_columns(width, step);
            let long = (ROUND / step).max(1).next_multiple_of(EDGE);
            for rows in [long.min(task.height.next_multiple_of(EDGE)), 64, 32, 16] {
                // A strip in the middle needs most.
                let middle = columns[columns.len() / 2].clone();
                let large = Schedule::new(task, middle, rows).bytes() > BUDGET;
                let smallest = rows == 16 && step <= 512;
                if large && !smallest {
                    continue;
                }
                let found = Self::new(task, columns.clone(), rows, input);
                if found.bytes <= BUDGET || smallest {
                    return found;
                }
            }
            parts += 1;
        }
    }
}

/// Strips of about `columns` columns.
fn of_columns(width: usize, columns: usize) -> Vec<Range<usize>> {
    let step = columns.next_multiple_of(EDGE).max(EDGE);
    let mut cuts: Vec<usize> = (0..width).step_by(step).collect();
    // What is mirrored at the right edge must lie in the last strip.
    if cuts.len() > 1 && width - cuts[cuts.len() - 1] < EDGE {
        cuts.pop();
    }
    let ends = cuts.iter().skip(1).copied().chain([width]);
    cuts.iter().zip(ends).map(|(&start, end)| start..end).collect()
}
