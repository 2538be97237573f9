//! `relume man`: the manual pages, for whoever makes packages.

use std::path::PathBuf;

use crate::exit::{Code, Failure};

/// Write the manual pages, one a verb, into a folder
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  relume man ~/.local/share/man/man1      and then: man relume-restore")]
pub(crate) struct Args {
    /// The folder; made if need be
    folder: PathBuf,
}

/// Writes the pages; older ones of the same names are replaced.
pub(crate) fn run(args: &Args) -> Result<Code, Failure> {
    let folder = &args.folder;
    std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(crate::command_line(), folder))
        .map_err(|cause| {
            let words = format!("{}: the pages could not be written: {cause}", folder.display());
            Failure::new(Code::Output, words)
        })?;
    Ok(Code::Done)
}
