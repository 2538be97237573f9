//! `relume models`: which networks there are, and their figures.

use clap::Subcommand;

use crate::exit::{Code, Failure};

/// List the models, or show one
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  relume models list
  relume models show lantern-s --json")]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List the models, one a line
    List {
        /// One JSON object per model
        #[arg(long)]
        json: bool,
    },
    /// Show a model's figures: size, cost, reach, origin and licence
    Show {
        /// Name of the model
        name: String,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
}

/// Lists or shows.
pub(crate) fn run(args: &Args) -> Result<Code, Failure> {
    match &args.action {
        Action::List { json } | Action::Show { json, .. } => {
            Err(Failure::new(Code::Model, format!("this build carries no models {json}")))
        }
    }
}
