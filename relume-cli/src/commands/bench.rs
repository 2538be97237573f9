//! `relume bench`: how fast networks run on this machine.

use relume::bench::{Bench, LayerTiming, Timing};
use relume::models::{self, ModelCard};
use relume_media::Size;
use relume_nn::cpu::{current_isa, peak_macs_per_second};
use serde::Serialize;

use crate::console::Console;
use crate::engine::work_here;
use crate::exit::{Code, Failure};

/// Time networks on this machine: megapixels a second, share of the peak, memory, layers
///
/// A run goes from picture in memory to picture in memory. Multiply-adds are counted product by
/// product, so Winograd's shortcut may take the share of the peak beyond 100 %.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  relume bench                                     lantern-s at 12 megapixels
  relume bench lantern-s zero-dce --size 1200x800 --runs 9
  relume bench mirnet --size 600x400 --layers      where the time goes
  RELUME_CPU=avx2 relume bench --json              as on a laptop; also portable, avx512")]
pub(crate) struct Args {
    /// Networks to time [default: lantern-s]
    #[arg(value_name = "MODEL")]
    models: Vec<String>,
    /// Sizes of the picture [default: 4000x3000]
    #[arg(long, value_name = "WxH", value_parser = size)]
    size: Vec<Size>,
    /// Runs that count, after one that does not
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=1000))]
    runs: u16,
    /// Show the time of each layer too
    #[arg(long)]
    layers: bool,
    /// Run once for every line on stdin and answer with a JSON line: for benches/peers.py
    #[arg(long)]
    turns: bool,
    /// One JSON object per network and size
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Record<'a> {
    instruction_set: &'static str,
    threads: usize,
    /// Billions of multiply-adds a second on registers alone.
    peak_gmac_per_second: f64,
    share_of_peak: f64,
    /// Peak memory of the process beyond picture and result; only where the system tells.
    memory_beyond_picture_bytes: Option<usize>,
    #[serde(flatten)]
    timing: &'a Timing,
    #[serde(skip_serializing_if = "Option::is_none")]
    layers: Option<&'a [LayerTiming]>,
}

fn size(text: &str) -> Result<Size, String> {
    let parse = |(width, height): (&str, &str)| Some((width.parse().ok()?, height.parse().ok()?));
    match text.split_once('x').and_then(parse) {
        Some((width, height))
            if (1..=65_536).contains(&width) && (1..=65_536).contains(&height) =>
        {
            Ok(Size::new(width, height))
        }
        _ => Err("give width and height in pixels, like 1200x800".into()),
    }
}

/// Times every network at every size.
pub(crate) fn run(args: &Args) -> Result<Code, Failure> {
    let console = Console { json: args.json, quiet: false };
    work_here(None)?;
    let names =
        if args.models.is_empty() { vec!["lantern-s".to_owned()] } else { args.models.clone() };
    let cards: Vec<_> = names.iter().map(|name| models::find(name)).collect::<Result<_, _>>()?;
    let sizes = if args.size.is_empty() { vec![Size::new(4000, 3000)] } else { args.size.clone() };
    if args.turns {
        return turns(&Bench::new(cards[0], sizes[0])?);
    }
    let peak = peak_macs_per_second() / 1e9;
    let (set, threads) = (current_isa().name(), rayon::current_num_threads());
    console.text(&format!("{set}, {threads} threads, {peak:.0} GMAC/s on registers"))?;
    for card in cards {
        for &size in &sizes {
            one(args, console, card, size, peak)?;
        }
    }
    Ok(Code::Done)
}

/// Takes turns with other programs.
fn turns(bench: &Bench) -> Result<Code, Failure> {
    #[derive(Serialize)]
    struct Turn {
        version: &'static str,
        seconds: f64,
        peak: Option<usize>,
    }
    let console = Console { json: true, quiet: true };
    let turn = || -> Result<(), Failure> {
        let (_, seconds) = bench.once()?;
        let version = env!("CARGO_PKG_VERSION");
        console.record("turn", &Turn { version, seconds, peak: peak_memory() })
    };
    turn()?;
    for line in std::io::stdin().lines() {
        line.map_err(|error| Failure::new(Code::Input, format!("stdin: {error}")))?;
        turn()?;
    }
    Ok(Code::Done)
}

fn one(
    args: &Args,
    console: Console,
    card: &'static ModelCard,
    size: Size,
    peak: f64,
) -> Result<(), Failure> {
    let bench = Bench::new(card, size)?;
    let timing = bench.run(args.runs.into())?;
    let memory = peak_memory().map(|all| all.saturating_sub(bench.picture_bytes()));
    let layers = if args.layers { Some(bench.layers()?) } else { None };
    let share_of_peak = timing.gmac_per_second / peak;
    console.record(
        "bench",
        &Record {
            instruction_set: current_isa().name(),
            threads: rayon::current_num_threads(),
            peak_gmac_per_second: peak,
            share_of_peak,
            memory_beyond_picture_bytes: memory,
            timing: &timing,
            layers: layers.as_deref(),
        },
    )?;
    let range = |pick: fn(f64, f64) -> f64| timing.seconds.iter().copied().reduce(pick);
    console.text(&format!(
        "{:12} {:>5} x {:<5}  {:8.3} s ({:.3} to {:.3})  {:6.2} MP/s  {:5.0} GMAC/s  {:3.0} % of peak{}",
        timing.model,
        timing.width,
        timing.height,
        timing.median,
        range(f64::min).unwrap_or(0.0),
        range(f64::max).unwrap_or(0.0),
        timing.megapixels_per_second,
        timing.gmac_per_second,
        100.0 * share_of_peak,
        memory.map_or(String::new(), |m| format!("  {} MB beyond the picture", m / 1_000_000)),
    ))?;
    for layer in layers.iter().flatten() {
        console.text(&line(layer, timing.median, peak))?;
    }
    Ok(())
}

fn line(layer: &LayerTiming, all: f64, peak: f64) -> String {
    let speed = if layer.gmac_per_second > 0.0 {
        let share = 100.0 * layer.gmac_per_second / peak;
        format!("{:6.0} GMAC/s  {share:4.0} % of peak", layer.gmac_per_second)
    } else {
        String::new()
    };
    let method = layer.method.unwrap_or("");
    format!(
        "  {:28} {:15} {method:9} {:>4} -> {:<4} {:9.2} ms {:5.1} %  {speed}",
        layer.name,
        layer.kind,
        layer.c_in,
        layer.c_out,
        1e3 * layer.seconds,
        100.0 * layer.seconds / all,
    )
}

/// The most memory that this process ever had, in bytes.
fn peak_memory() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<usize>().ok()? * 1024)
}
