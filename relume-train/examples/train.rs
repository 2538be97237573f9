//! A training run without the program: `cargo run --release -p relume-train --features burn --example train
//! -- RECIPE FOLDER`. It goes on where a run in that folder stopped.
#![allow(clippy::print_stdout, reason = "an example says how far it is")]

use std::path::Path;

use relume_media::Progress;
use relume_train::{Recipe, RunOptions, run};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [recipe, folder] = arguments.as_slice() else {
        return Err("give RECIPE and FOLDER".into());
    };
    let folder = Path::new(folder);
    let resume = folder.join("checkpoint.safetensors").exists();
    let options = RunOptions { resume, ..RunOptions::default() };
    let tell = |share: f32| {
        if ((share * 1000.0) as u32).is_multiple_of(100) {
            println!("{:.0} %", 100.0 * share);
        }
    };
    run(&Recipe::load(Path::new(recipe))?, folder, &options, &Progress::new(tell))?;
    Ok(())
}
