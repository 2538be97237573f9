//! What a run learns from. A new kind of data is a file here.

pub mod hdr;
pub mod photos;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// All files below `folders` with one of the `extensions`, sorted, each listed as free if there is
/// a list.
pub(crate) fn files(
    folders: &[PathBuf],
    extensions: &[&str],
    free: Option<&HashSet<PathBuf>>,
) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for folder in folders {
        let mut queue = vec![folder.clone()];
        while let Some(place) = queue.pop() {
            let unreadable = |e: std::io::Error| Error::Dataset {
                path: place.clone(),
                message: format!("{e}; check the path in the recipe"),
            };
            for entry in std::fs::read_dir(&place).map_err(unreadable)? {
                let path = entry.map_err(unreadable)?.path();
                let extension = path.extension().unwrap_or_default().to_string_lossy();
                if path.is_dir() {
                    queue.push(path);
                } else if extensions.contains(&extension.to_lowercase().as_str())
                    && free.is_none_or(|free| free.contains(&canonical(&path)))
                {
                    found.push(path);
                }
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The files that `manifest` (tab-separated, columns `path` and `tier`) lists as `free`.
///
/// # Errors
/// [`Error::Dataset`] when it cannot be read or lacks a column.
pub fn free_files(manifest: &Path) -> Result<HashSet<PathBuf>> {
    let wrong = |message: String| Error::Dataset { path: manifest.to_owned(), message };
    let text = std::fs::read_to_string(manifest).map_err(|e| wrong(e.to_string()))?;
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().split('\t').collect();
    let column = |name: &str| {
        let place = header.iter().position(|column| *column == name);
        place.ok_or_else(|| wrong(format!("has no column `{name}`")))
    };
    let (path, tier) = (column("path")?, column("tier")?);
    let folder = manifest.parent().unwrap_or(Path::new("."));
    let rows = lines.map(|line| line.split('\t').collect::<Vec<_>>());
    let free = rows.filter(|row| row.get(tier) == Some(&"free"));
    Ok(free.filter_map(|row| row.get(path).map(|p| canonical(&folder.join(p)))).collect())
}

fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}
