//! Samples as WebDataset tar files.

use std::path::Path;

use rayon::prelude::*;
use relume_media::atomic::{Overwrite, write_atomically};

use super::Sample;
use crate::{Error, Result};

/// Writes the samples of `count` items, `size` items a shard; returns how many there were. A
/// shard appears whole or not at all.
pub(super) fn write(
    count: usize,
    size: usize,
    out: &Path,
    sample: &(dyn Fn(usize) -> Result<Option<Sample>> + Sync),
) -> Result<usize> {
    let shard = |number: usize| -> Result<usize> {
        let mut parts: Vec<(Option<&str>, tar::Builder<Vec<u8>>)> = Vec::new();
        let mut samples = 0;
        for index in number * size..((number + 1) * size).min(count) {
            let Some(sample) = sample(index)? else { continue };
            let known = parts.iter().position(|(part, _)| *part == sample.part);
            let place = known.unwrap_or_else(|| {
                parts.push((sample.part, tar::Builder::new(Vec::new())));
                parts.len() - 1
            });
            append(&mut parts[place].1, &sample).map_err(Error::folder(out))?;
            samples += 1;
        }
        for (part, archive) in parts {
            let folder = part.map_or_else(|| out.to_owned(), |part| out.join(part));
            std::fs::create_dir_all(&folder).map_err(Error::folder(&folder))?;
            let bytes = archive.into_inner().map_err(Error::folder(out))?;
            let path = folder.join(format!("shard-{number:06}.tar"));
            write_atomically(&path, &bytes, Overwrite::Never)?;
        }
        Ok(samples)
    };
    (0..count.div_ceil(size)).into_par_iter().map(shard).sum()
}

/// Input, target and record of a sample, without anything that changes from run to run.
fn append(archive: &mut tar::Builder<Vec<u8>>, sample: &Sample) -> std::io::Result<()> {
    let record = sample.record.to_string();
    let files =
        [("lq.png", &sample.input[..]), ("gt.png", &sample.target), ("json", record.as_bytes())];
    for (ending, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, format!("{}.{ending}", sample.name), bytes)?;
    }
    Ok(())
}
