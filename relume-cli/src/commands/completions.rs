//! `relume completions`: scripts that complete the command line in a shell.

use clap_complete::{Shell, generate};

use crate::console;
use crate::exit::{Code, Failure};

/// Print a script that completes the command line in your shell
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  relume completions bash > ~/.local/share/bash-completion/completions/relume
  relume completions fish > ~/.config/fish/completions/relume.fish")]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

/// Prints the script to stdout.
pub(crate) fn run(args: &Args) -> Result<Code, Failure> {
    let mut script = Vec::new();
    generate(args.shell, &mut crate::command_line(), "relume", &mut script);
    console::print_bytes(&script)?;
    Ok(Code::Done)
}
