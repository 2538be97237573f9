//! `relume doctor`: whether this machine has what the program needs, and what it would use.

use std::path::{Path, PathBuf};
use std::process::Command;

use relume::Restorer;
use relume::models::MODELS;
use relume_media::atomic::{Overwrite, write_atomically};
use relume_nn::cpu::current_isa;
use serde::Serialize;

use crate::console::Console;
use crate::exit::{Code, Failure};
use crate::model_cache::Cache;

/// Check this machine: processor, memory, weights, folders, tools
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  relume doctor
  relume doctor --json      all of it, for a report of a fault

What is missing but not needed for photos is told, and is no failure. Exit codes: 0 all is well,
4 a folder cannot be written, 5 weights in the program are damaged.")]
pub(crate) struct Args {
    /// One JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Checkup {
    version: &'static str,
    system: String,
    /// What this build can do beyond restoring on the CPU.
    features: Vec<&'static str>,
    processor: Processor,
    memory: Memory,
    weights: Vec<Weights>,
    folders: Vec<Folder>,
    tools: Vec<Tool>,
}

#[derive(Serialize)]
struct Processor {
    name: Option<String>,
    instructions: Vec<&'static str>,
    /// The kernels in use: `RELUME_CPU` names others.
    kernels: &'static str,
    threads: usize,
}

#[derive(Serialize)]
struct Memory {
    total_bytes: Option<u64>,
    available_bytes: Option<u64>,
}

#[derive(Serialize)]
struct Weights {
    model: &'static str,
    bytes: usize,
    /// Why they do not load.
    fault: Option<String>,
}

#[derive(Serialize)]
struct Folder {
    purpose: &'static str,
    path: PathBuf,
    /// Why nothing can be written there.
    fault: Option<String>,
}

#[derive(Serialize)]
struct Tool {
    name: &'static str,
    purpose: &'static str,
    /// The first line of what it says about its version; none where it is missing.
    version: Option<String>,
}

/// Looks at everything and tells it.
pub(crate) fn run(args: &Args) -> Result<Code, Failure> {
    let console = Console { json: args.json, quiet: false };
    let checkup = Checkup::make()?;
    console.record("doctor", &checkup)?;
    for (what, words) in checkup.rows() {
        console.text(&format!("{what:12}  {words}"))?;
    }
    let code = checkup.code();
    let verdict = if code == Code::Done { "all is well" } else { "something is wrong, see above" };
    console.text(&format!("{:12}  {verdict}", "verdict"))?;
    Ok(code)
}

impl Checkup {
    fn make() -> Result<Self, Failure> {
        let here = std::env::current_dir()
            .map_err(|cause| Failure::new(Code::Output, format!("no folder to be in: {cause}")))?;
        let folders = [
            ("results here", here),
            ("passing files", std::env::temp_dir()),
            ("weights", Cache::from_environment()?.folder().to_owned()),
        ];
        let kilobytes =
            |name| proc_line("/proc/meminfo", name).and_then(|text| first_number(&text));
        Ok(Self {
            version: env!("CARGO_PKG_VERSION"),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            features: features(),
            processor: Processor {
                name: proc_line("/proc/cpuinfo", "model name"),
                instructions: instructions(),
                kernels: current_isa().name(),
                threads: rayon::current_num_threads(),
            },
            memory: Memory {
                total_bytes: kilobytes("MemTotal").map(|kb| kb * 1024),
                available_bytes: kilobytes("MemAvailable").map(|kb| kb * 1024),
            },
            weights: weights(),
            folders: folders.map(|(purpose, path)| folder(purpose, &path)).into(),
            tools: [("ffmpeg", "videos"), ("ffprobe", "videos")].map(tool).into(),
        })
    }

    fn code(&self) -> Code {
        if self.weights.iter().any(|weights| weights.fault.is_some()) {
            Code::Model
        } else if self.folders.iter().any(|folder| folder.fault.is_some()) {
            Code::Output
        } else {
            Code::Done
        }
    }

    fn rows(&self) -> Vec<(&'static str, String)> {
        let gigabytes = |bytes: Option<u64>| {
            bytes.map_or("unknown".to_owned(), |bytes| format!("{:.1} GB", bytes as f64 / 1e9))
        };
        let processor = &self.processor;
        let listed = |words: &[&str]| match words {
            [] => "none".to_owned(),
            words => words.join(" "),
        };
        let kernels = format!("{}, {} threads", processor.kernels, processor.threads);
        let (all, free) = (self.memory.total_bytes, self.memory.available_bytes);
        let mut rows = vec![
            ("relume", format!("{}, {}", self.version, self.system)),
            ("features", listed(&self.features)),
            ("processor", processor.name.clone().unwrap_or_else(|| "unknown".to_owned())),
            ("instructions", listed(&processor.instructions)),
            ("kernels", kernels),
            ("memory", format!("{}, {} of it free", gigabytes(all), gigabytes(free))),
        ];
        for Weights { model, bytes, fault } in &self.weights {
            let words = fault.clone().unwrap_or_else(|| "whole".to_owned());
            rows.push(("weights", format!("{model}: {:.1} MB, {words}", *bytes as f64 / 1e6)));
        }
        for Folder { purpose, path, fault } in &self.folders {
            let words = fault.clone().unwrap_or_else(|| "can be written".to_owned());
            rows.push(("folder", format!("{purpose}: {}, {words}", path.display())));
        }
        for Tool { name, purpose, version } in &self.tools {
            let missing = || format!("{name} is not there; only {purpose} need it");
            rows.push(("tool", version.clone().unwrap_or_else(missing)));
        }
        rows
    }
}

/// The cargo features that this program was built with.
fn features() -> Vec<&'static str> {
    let all = [
        ("train", cfg!(feature = "train")),
        ("tensorboard", cfg!(feature = "tensorboard")),
        ("vulkan", cfg!(feature = "vulkan")),
        ("metal", cfg!(feature = "metal")),
        ("wgpu", cfg!(feature = "wgpu")),
    ];
    all.into_iter().filter_map(|(name, there)| there.then_some(name)).collect()
}

/// Extensions of the instruction set that matter to networks, and that this processor has.
#[cfg(target_arch = "x86_64")]
fn instructions() -> Vec<&'static str> {
    let all = [
        ("avx2", is_x86_feature_detected!("avx2")),
        ("fma", is_x86_feature_detected!("fma")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
        ("avx512vnni", is_x86_feature_detected!("avx512vnni")),
        ("avx512bf16", is_x86_feature_detected!("avx512bf16")),
    ];
    all.into_iter().filter_map(|(name, there)| there.then_some(name)).collect()
}

/// Extensions of the instruction set that matter to networks, and that this processor has.
#[cfg(not(target_arch = "x86_64"))]
fn instructions() -> Vec<&'static str> {
    if cfg!(target_feature = "neon") { vec!["neon"] } else { Vec::new() }
}

/// The weights in the program, each read and checked against its network.
fn weights() -> Vec<Weights> {
    let check = |card: &&relume::models::ModelCard| {
        let bytes = card.weights?.len();
        let fault = Restorer::load(card.name).err().map(|error| error.to_string());
        Some(Weights { model: card.name, bytes, fault })
    };
    MODELS.iter().filter_map(check).collect()
}

/// Whether a file can appear in a folder, tried out; a folder that is yet to be made is judged by
/// the nearest one that exists.
fn folder(purpose: &'static str, path: &Path) -> Folder {
    let there = path.ancestors().find(|folder| folder.is_dir()).unwrap_or(path);
    let probe = there.join(format!(".relume-doctor-{}", std::process::id()));
    let outcome = write_atomically(&probe, b"relume", Overwrite::Never);
    let _ = std::fs::remove_file(&probe);
    let fault = outcome.err().map(|error| format!("cannot be written: {error}"));
    Folder { purpose, path: path.to_owned(), fault }
}

fn tool((name, purpose): (&'static str, &'static str)) -> Tool {
    let output = Command::new(name).arg("-version").output().ok();
    let output = output.filter(|output| output.status.success());
    let version = output.and_then(|output| {
        let words = String::from_utf8_lossy(&output.stdout).into_owned();
        words.lines().next().map(|line| line.split(" Copyright").next().unwrap_or(line).to_owned())
    });
    Tool { name, purpose, version }
}

/// What stands behind `name:` in a file of the kernel's; none on other systems.
fn proc_line(file: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim_start_matches([' ', '\t', ':']).to_owned())
}

fn first_number(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}
