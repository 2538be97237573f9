//! Several results as one ZIP file. Pictures are compressed already: they are stored.

use std::fs::File;
use std::io;
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::job::{Item, State};
use crate::exit::{Code, Failure};

/// The file in a job's folder.
pub(crate) const NAME: &str = "results.zip";
/// From here on a ZIP needs the fields for large files.
const LARGE: u64 = 0xffff_ffff;

/// Packs the results that there are, each under its own name.
pub(crate) fn pack(folder: &Path, photos: &[Item]) -> Result<(), Failure> {
    let failed = |cause: io::Error| {
        Failure::new(Code::Output, format!("{NAME} could not be written: {cause}"))
    };
    let part = folder.join("results.part");
    write(&part, folder, photos).map_err(failed)?;
    std::fs::rename(&part, folder.join(NAME)).map_err(failed)
}

fn write(part: &Path, folder: &Path, photos: &[Item]) -> io::Result<()> {
    let mut archive = ZipWriter::new(File::create(part)?);
    for (number, item) in photos.iter().enumerate().filter(|(_, item)| item.state == State::Done) {
        for output in item.results(number) {
            let mut file = File::open(folder.join(output.file))?;
            let options = SimpleFileOptions::default()
                .compression_method(CompressionMethod::Stored)
                .large_file(file.metadata()?.len() >= LARGE);
            archive.start_file(&*output.name, options)?;
            io::copy(&mut file, &mut archive)?;
        }
    }
    archive.finish()?.sync_all()
}
