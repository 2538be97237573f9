//! Thousands of random graphs: the CPU engine computes what the reference computes, and the same
//! bytes however the picture is cut, on any number of threads, in place or beside.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use relume_nn::cpu::{Cut, Network, Picture, PictureMut};
use relume_nn::{
    Conv, Extent, Feeds, Graph, GraphBuilder, Layer, NodeId, Pointwise, Tensor, Weights, reference,
};

const GRAPHS: u64 = 2000;
/// Largest difference from the reference, relative to its largest value.
const TOLERANCE: f32 = 2e-5;

/// A graph that grows by random layers; values at hand by their reduction.
struct Grower<'a> {
    g: GraphBuilder,
    rng: &'a mut ChaCha8Rng,
    scalars: NodeId,
    x: NodeId,
    down: usize,
    seen: Vec<(NodeId, usize)>,
    count: usize,
}

impl Grower<'_> {
    fn name(&mut self) -> String {
        self.count += 1;
        format!("l{}", self.count)
    }

    fn conv(&mut self, conv: Conv) {
        let name = self.name();
        self.x = self.g.conv(&name, self.x, conv);
    }

    fn layer(&mut self, layer: Layer, inputs: &[NodeId]) {
        let name = self.name();
        self.x = self.g.layer(&name, layer, inputs);
    }

    fn width(&mut self) -> usize {
        [3, 8, 12, 16, 20, 32, 36][self.rng.random_range(0..7)]
    }

    /// An earlier value of the same reduction.
    fn earlier(&mut self, same_channels: bool) -> Option<NodeId> {
        let channels = self.g.channels(self.x);
        let fits: Vec<NodeId> = self
            .seen
            .iter()
            .filter(|(id, down)| {
                *down == self.down && (!same_channels || self.g.channels(*id) == channels)
            })
            .map(|(id, _)| *id)
            .collect();
        if fits.is_empty() { None } else { Some(fits[self.rng.random_range(0..fits.len())]) }
    }

    fn grow(&mut self) {
        match self.rng.random_range(0..19) {
            0..=6 => self.grow_conv(),
            7 | 8 => self.grow_residual(),
            9..=11 => self.grow_junction(),
            12 | 13 if self.down < 4 => self.grow_down(),
            14 | 15 => self.up(),
            _ => self.grow_statistic(),
        }
        if self.rng.random_range(0..2) == 0 {
            self.seen.push((self.x, self.down));
        }
    }

    fn grow_conv(&mut self) {
        let (c, to) = (self.g.channels(self.x), self.width());
        match self.rng.random_range(0..7) {
            0..=3 => {
                self.conv(Conv::new(c, to, 3));
                let leak = Pointwise::LeakyRelu(0.1);
                let f = [Pointwise::Relu, leak, Pointwise::Tanh][self.rng.random_range(0..3)];
                if self.rng.random_range(0..2) == 0 {
                    self.x = self.g.pointwise(self.x, f);
                }
            }
            4 => {
                let kernel = [1, 5][self.rng.random_range(0..2)];
                self.conv(Conv::new(c, to, kernel));
            }
            5 => self.conv(Conv::new(c, c, 3).groups(c)),
            _ => self.conv(Conv::new(c, 8, 3).dilation(2)),
        }
    }

    /// A residual block, modulated now and then.
    fn grow_residual(&mut self) {
        let (c, from) = (self.g.channels(self.x), self.x);
        self.conv(Conv::new(c, c, 3));
        if self.rng.random_range(0..2) == 0 {
            let name = self.name();
            let by = self.g.conv(&name, self.scalars, Conv::new(4, 2 * c, 1));
            let x = self.x;
            self.layer(Layer::Modulate, &[x, by]);
        }
        let x = self.x;
        self.layer(Layer::Add, &[x, from]);
    }

    fn grow_junction(&mut self) {
        let (c, x) = (self.g.channels(self.x), self.x);
        let joins = self.rng.random_range(0..3) > 0;
        let Some(other) = self.earlier(!joins) else { return };
        if !joins {
            let layer = [Layer::Add, Layer::Multiply][self.rng.random_range(0..2)].clone();
            self.layer(layer, &[x, other]);
        } else if c + self.g.channels(other) <= 64 {
            self.layer(Layer::Concat, &[other, x]);
        }
    }

    fn grow_down(&mut self) {
        self.seen.push((self.x, self.down));
        self.down *= 2;
        let (c, to, x) = (self.g.channels(self.x), self.width(), self.x);
        if self.rng.random_range(0..3) == 0 {
            self.layer(Layer::BlurHalve, &[x]);
        } else {
            self.conv(Conv::new(c, to, 2).stride(2, 0));
        }
    }

    fn grow_statistic(&mut self) {
        let (c, x) = (self.g.channels(self.x), self.x);
        match self.rng.random_range(0..3) {
            0 => {
                let name = format!("one{}", self.count);
                let one = self.g.layer(&name, Layer::ChannelPool, &[x]);
                self.layer(Layer::Concat, &[x, one]);
            }
            1 => self.layer(Layer::LayerNorm { epsilon: 0.5 }, &[x]),
            _ => {
                let from = self.rng.random_range(0..c);
                let to = self.rng.random_range(from + 1..=c);
                self.layer(Layer::Slice { from, to }, &[x]);
            }
        }
    }

    fn up(&mut self) {
        if self.down == 1 {
            return;
        }
        self.down /= 2;
        let (c, to) = (self.g.channels(self.x), self.width());
        if self.rng.random_range(0..3) == 0 {
            let x = self.x;
            self.layer(Layer::Enlarge(2), &[x]);
        } else {
            self.conv(Conv::new(c, 4 * to, 1));
            let x = self.x;
            self.layer(Layer::PixelShuffle(2), &[x]);
        }
        if let Some(skip) = self.earlier(true) {
            let x = self.x;
            self.layer(Layer::Add, &[x, skip]);
        }
    }
}

fn random_graph(rng: &mut ChaCha8Rng) -> Graph {
    let mut g = GraphBuilder::new("random");
    let x = g.input("x", 3, Extent::PICTURE);
    let scalars = g.input("scalars", 4, Extent::SCALAR);
    let mut grower = Grower { g, rng, scalars, x, down: 1, seen: vec![(x, 1)], count: 0 };
    if grower.rng.random_range(0..4) == 0 {
        grower.layer(Layer::PixelUnshuffle(2), &[x]);
        grower.down = 2;
    }
    for _ in 0..grower.rng.random_range(2..9) {
        grower.grow();
    }
    while grower.down > 1 {
        grower.up();
    }
    let c = grower.g.channels(grower.x);
    let kernel = [1, 3][grower.rng.random_range(0..2)];
    grower.conv(Conv::new(c, 3, kernel));
    let last = grower.x;
    grower.layer(Layer::Add, &[x, last]);
    let y = grower.x;
    grower.g.output("y", y);
    grower.g.finish().unwrap()
}

fn random_weights(graph: &Graph, rng: &mut ChaCha8Rng) -> Weights {
    let mut weights = Weights::initial(graph, rng.random());
    for (_, array) in weights.iter_mut() {
        let each = array.shape.iter().skip(1).product::<usize>().max(1) as f32;
        let spread = (3.0 / each).sqrt().min(0.5);
        array.values.iter_mut().for_each(|v| *v = rng.random_range(-spread..spread));
    }
    weights
}

fn check(seed: u64, pools: &[rayon::ThreadPool]) -> f32 {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let graph = random_graph(&mut rng);
    let weights = random_weights(&graph, &mut rng);
    let multiple = graph.multiple();
    let mut side = |most: usize| rng.random_range(1..=most).next_multiple_of(multiple);
    // One axis longer than a strip.
    let (height, width) =
        if seed.is_multiple_of(2) { (side(70), side(8)) } else { (side(8), side(150)) };
    let x = Tensor::from_fn([1, 3, height, width], |_, _, _, _| rng.random_range(0.0..1.0));
    let scalars = Tensor::scalars(&[0.3, -0.2, 0.5, 0.9]);
    let feeds = Feeds::from([("x".into(), x), ("scalars".into(), scalars)]);
    let truth = reference::run(&graph, &weights, &feeds, &["y"]).unwrap().remove("y").unwrap();
    let network = Network::new(graph, weights).unwrap();
    let picture = Picture { name: "x", height, width, values: &feeds["x"].values };
    let run = |cut| network.run_picture(picture, &feeds, "y", cut, &|_| Ok(())).unwrap();
    let whole = run(Cut::Fitting);
    let largest = truth.values.iter().fold(1.0_f32, |most, v| most.max(v.abs()));
    let worst = Tensor::new(truth.shape, whole.clone()).max_difference(&truth) / largest;
    assert!(worst < TOLERANCE, "graph {seed}: off by {worst}");
    for rows in [1, 4, 7, 32] {
        let cut = Cut::Of { columns: 64, rows };
        let pool = &pools[seed as usize % pools.len()];
        assert_eq!(pool.install(|| run(cut)), whole, "graph {seed}, {rows} rows a round");
        let mut values = feeds["x"].values.clone();
        let blend = &|_: &[f32], _: &mut [f32]| {};
        let picture = PictureMut { name: "x", height, width, values: &mut values, blend };
        network.run_in_place(picture, &feeds, "y", cut, &|_| Ok(())).unwrap();
        assert_eq!(values, whole, "graph {seed} in place, {rows} rows a round");
    }
    worst
}

#[test]
fn random_graphs_compute_what_the_reference_computes_however_they_are_cut() {
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let pools: Vec<_> = [1, 2, 3, 7].map(pool).into();
    let worst = (0..GRAPHS).into_par_iter().map(|seed| check(seed, &pools));
    let worst = worst.reduce(|| 0.0, f32::max);
    assert!(worst > 0.0, "the reference is another program");
}

#[test]
fn pictures_of_one_row_or_column_are_no_matter_how_long() {
    let mut g = GraphBuilder::new("one layer");
    let x = g.input("x", 3, Extent::PICTURE);
    let y = g.conv("layer", x, Conv::new(3, 3, 3));
    g.output("y", y);
    let graph = g.finish().unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let weights = random_weights(&graph, &mut rng);
    let network = Network::new(graph.clone(), weights.clone()).unwrap();
    // Longer than a round has pixels.
    for (height, width) in [(1, 200_000), (200_000, 1)] {
        let x = Tensor::from_fn([1, 3, height, width], |_, _, _, _| rng.random_range(0.0..1.0));
        let feeds = Feeds::from([("x".to_owned(), x)]);
        let truth = reference::run(&graph, &weights, &feeds, &["y"]).unwrap().remove("y").unwrap();
        let picture = Picture { name: "x", height, width, values: &feeds["x"].values };
        let out = network.run_picture(picture, &feeds, "y", Cut::Fitting, &|_| Ok(())).unwrap();
        let worst = Tensor::new(truth.shape, out).max_difference(&truth);
        assert!(worst < TOLERANCE, "{height}×{width}: off by {worst}");
    }
}

/// Graphs that are run on burn too, which takes longer.
#[cfg(feature = "burn")]
const GRAPHS_ON_BURN: u64 = 200;

#[cfg(feature = "burn")]
#[test]
fn random_graphs_compute_on_burn_what_the_reference_computes() {
    use burn::tensor::Device;
    use relume_nn::burn::{Parameters, download, run, upload};
    for seed in 0..GRAPHS_ON_BURN {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let graph = random_graph(&mut rng);
        let weights = random_weights(&graph, &mut rng);
        let multiple = graph.multiple();
        let [height, width] = [0; 2].map(|_| rng.random_range(1..=24_usize));
        let [height, width] = [height, width].map(|side| side.next_multiple_of(multiple));
        let x = Tensor::from_fn([1, 3, height, width], |_, _, _, _| rng.random_range(0.0..1.0));
        let scalars = Tensor::scalars(&[0.3, -0.2, 0.5, 0.9]);
        let feeds = Feeds::from([("x".to_owned(), x), ("scalars".to_owned(), scalars)]);
        let truth = reference::run(&graph, &weights, &feeds, &["y"]).unwrap();
        let device = Device::flex();
        let parameters = Parameters::new(&weights, &device, false);
        let there = feeds.iter().map(|(k, t)| (k.clone(), upload(t, &device))).collect();
        let out = run(&graph, &parameters, &there, &["y"]).unwrap().remove("y").unwrap();
        let worst = download(out).unwrap().max_difference(&truth["y"]);
        let largest = truth["y"].values.iter().fold(1.0_f32, |most, v| most.max(v.abs()));
        assert!(worst < TOLERANCE * largest, "graph {seed}: off by {worst}");
    }
}
