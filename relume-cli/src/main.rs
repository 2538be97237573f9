//! The `relume` program; what it does is in the library of this package.

use std::process::ExitCode;

fn main() -> ExitCode {
    relume_cli::main()
}
