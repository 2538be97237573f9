//! The `relume` program; all of it is the library's.

use std::process::ExitCode;

fn main() -> ExitCode {
    // A server starts itself again for every photo.
    let itself = std::env::current_exe().map(|path| vec![path.into_os_string()]);
    ExitCode::from(relume_cli::main(itself.unwrap_or_default(), std::env::args_os()))
}
