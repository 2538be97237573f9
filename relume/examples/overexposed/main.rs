//! What OX-Net and its policies are worth on pans of scenes that no training saw.
//!
//! ```text
//! cargo run --release -p relume --example overexposed -- evaluate WEIGHTS DATA [curves=SHARE] [delay=FRAMES]
//! cargo run --release -p relume --example overexposed -- sheet WEIGHTS DATA OUT.png
//! cargo run --release -p relume --example overexposed -- tables WEIGHTS DATA OUT
//! cargo run --release -p relume --example overexposed -- policies OUT [SELECTOR]
//! ```
//!
//! `DATA` is the folder that holds `hdr/`; `WEIGHTS` a file of `ox-net-s`. Figures are means over clips.
#![allow(clippy::print_stdout, reason = "the tables are what people read")]

mod evaluate;
mod pans;
mod policies;
mod sheet;
mod tables;

use std::path::Path;

use relume::models::oxnet;
use relume::overexposed::OxNet;
use relume_nn::Weights;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["evaluate", weights, data, rest @ ..] => {
            evaluate::run(&net(weights)?, Path::new(data), &pans::camera_of(rest)?)
        }
        ["sheet", weights, data, out] => {
            sheet::run(&net(weights)?, Path::new(data), Path::new(out))
        }
        ["tables", weights, data, out] => {
            tables::run(&net(weights)?, Path::new(data), Path::new(out))
        }
        ["policies", folder, rest @ ..] => policies::run(Path::new(folder), rest.first().copied()),
        _ => Err("evaluate, sheet, tables or policies; see the head of this file".into()),
    }
}

/// The network of a weights file, for frames of the recipe's size.
fn net(weights: &str) -> Result<OxNet, Failure> {
    let weights = Weights::read(&std::fs::read(weights)?)?;
    Ok(OxNet::new(oxnet::S.name, &weights, (128, 256))?)
}
