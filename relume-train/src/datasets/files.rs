//! Finding picture files.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use relume_media::{Image, Limits, Photo, Srgb};

use super::OpenOptions;
use crate::{Error, Result};

/// Endings of photographs.
pub(super) const PHOTOS: &[&str] = &["jpg", "jpeg", "png", "webp", "tif", "tiff", "bmp"];

/// Endings of scene-linear pictures.
pub(super) const SCENES: &[&str] = &["hdr", "exr"];

/// Folders within folders that are followed.
const DEPTH: usize = 32;

/// All files below `folder` with one of the `extensions`, sorted, only those the manifest calls
/// free if there is one. Hidden files and folders are left out.
pub(super) fn below(
    folder: &Path,
    extensions: &[&str],
    options: &OpenOptions,
) -> Result<Vec<PathBuf>> {
    let free = options.manifest.as_deref().map(free_files).transpose()?;
    let mut found = Vec::new();
    let mut queue = vec![(folder.to_owned(), 0)];
    while let Some((place, depth)) = queue.pop() {
        for path in children(&place)? {
            if path.is_dir() {
                if depth < DEPTH {
                    queue.push((path, depth + 1));
                }
            } else if has_extension(&path, extensions)
                && !is_left_out(&path, &options.except)
                && free.as_ref().is_none_or(|free| free.contains(&canonical(&path)))
            {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Whether the name of a file is like one of the `patterns`.
fn is_left_out(path: &Path, patterns: &[String]) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    patterns.iter().any(|pattern| wildmatch::WildMatch::new(pattern).matches(&name))
}

/// What lies directly in a folder, sorted, without hidden entries.
pub(super) fn children(folder: &Path) -> Result<Vec<PathBuf>> {
    let unreadable = |e: std::io::Error| Error::Dataset {
        path: folder.to_owned(),
        message: format!("{e}; check the path"),
    };
    let entries = std::fs::read_dir(folder).map_err(unreadable)?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(unreadable)?.path();
        let hidden = path.file_name().is_none_or(|n| n.to_string_lossy().starts_with('.'));
        if !hidden {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Whether some file below `folder` has one of the `extensions`.
pub(super) fn has_any(folder: &Path, extensions: &[&str]) -> bool {
    below(folder, extensions, &OpenOptions::default()).is_ok_and(|files| !files.is_empty())
}

/// Whether the name of `path` ends in one of `extensions`, in any case.
pub(super) fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    extensions.contains(&extension.as_str())
}

/// Files by their path below `folder` without the extension; two files of one stem are an error.
pub(super) fn by_stem(folder: &Path, options: &OpenOptions) -> Result<BTreeMap<String, PathBuf>> {
    let mut found: BTreeMap<String, PathBuf> = BTreeMap::new();
    for path in below(folder, PHOTOS, options)? {
        let stem = path.strip_prefix(folder).unwrap_or(&path).with_extension("");
        let stem = stem.to_string_lossy().replace('\\', "/");
        if let Some(other) = found.insert(stem.clone(), path.clone()) {
            let message = format!("{stem} is there twice, also as {}", other.display());
            return Err(Error::Dataset { path, message });
        }
    }
    Ok(found)
}

/// Reads a photograph, upright.
pub(super) fn photo(path: &Path) -> Result<Image<Srgb>> {
    Ok(Photo::load(path, &Limits::default())?.image)
}

/// Name of a file for tables: its path below `folder`.
pub(super) fn label(path: &Path, folder: &Path) -> String {
    path.strip_prefix(folder).unwrap_or(path).display().to_string()
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
