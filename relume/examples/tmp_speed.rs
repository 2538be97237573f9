#![allow(clippy::all, missing_docs)]
use relume_nn::{cpu::{Cut, Network, Picture}, Feeds, Tensor};
use std::time::Instant;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let (h, w) = (a[2].parse::<usize>().unwrap(), a[3].parse::<usize>().unwrap());
    let card = relume::models::find(&a[1]).unwrap();
    let graph = (card.graph)().unwrap();
    let weights = relume_nn::Weights::initial(&graph, 1);
    let network = Network::new(graph, weights).unwrap();
    let values: Vec<f32> = (0..3 * h * w).map(|i| ((i * 7919) % 1000) as f32 / 1500.0).collect();
    let mut feeds = Feeds::new();
    feeds.insert("exposure".into(), Tensor::scalars(&[3.0, 1.0]));
    feeds.insert("light".into(), Tensor::scalars(&[0.3]));
    feeds.insert("thumbnail".into(), Tensor::zeros([1, 3, 128, 128]));
    println!("memory {} MB", network.memory((h, w), card.output).unwrap() >> 20);
    if a.len() == 4 {
        let p = Picture { name: "image", height: h, width: w, values: &values };
        network.time_steps(p, &feeds, card.output).unwrap();
        for t in network.time_steps(p, &feeds, card.output).unwrap() { if t.seconds > 0.002 { println!("{:24} {:14} {:?} {:?} {:8.2} ms {:6.1} GMAC/s", t.name, t.kind, t.method, t.channels, t.seconds * 1e3, t.macs as f64 / t.seconds / 1e9); } }
    }
    let tile = a.get(4).map_or(0, |t| t.parse().unwrap());
    let rows = a.get(6).map_or(64, |t| t.parse().unwrap());
    for _ in 0..a.get(5).map_or(3, |t| t.parse().unwrap()) {
        let t = Instant::now();
        let p = Picture { name: "image", height: h, width: w, values: &values };
        let out = network.run_picture(p, &feeds, card.output, if tile == 0 { Cut::Fitting } else { Cut::Of { columns: tile, rows } }, &|_| Ok(())).unwrap();
        println!("{:.4} s  {:.3}", t.elapsed().as_secs_f64(), out[h * w / 2]);
    }
}
