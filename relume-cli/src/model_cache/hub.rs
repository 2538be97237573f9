//! Hugging Face's cache, in the layout of its own programs, so that nothing is fetched twice:
//! `models--ORG--NAME/{blobs,refs,snapshots}`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::failed;
use crate::exit::Failure;

/// A file in a repository of Hugging Face: `hf:ORG/NAME[@REVISION]/FILE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HubFile {
    organisation: String,
    repository: String,
    revision: String,
    file: String,
}

impl HubFile {
    /// Understands what follows `hf:`.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let understood = || {
            let (organisation, rest) = text.split_once('/')?;
            let (repository, file) = rest.split_once('/')?;
            let (repository, revision) = repository.split_once('@').unwrap_or((repository, "main"));
            let all = [organisation, repository, revision].into_iter().chain(file.split('/'));
            let own = |text: &str| text.to_owned();
            all.into_iter().all(is_name).then(|| Self {
                organisation: own(organisation),
                repository: own(repository),
                revision: own(revision),
                file: own(file),
            })
        };
        understood().ok_or_else(|| {
            Failure::usage(format!(
                "hf:{text}: write hf:ORG/NAME/FILE or hf:ORG/NAME@REVISION/FILE"
            ))
        })
    }

    /// Its address on the server `endpoint`.
    pub(crate) fn url(&self, endpoint: &str) -> String {
        let endpoint = endpoint.trim_end_matches('/');
        let Self { organisation, repository, revision, file } = self;
        format!("{endpoint}/{organisation}/{repository}/resolve/{revision}/{file}")
    }

    /// The repository's folder below the cache `hub`.
    fn folder(&self, hub: &Path) -> PathBuf {
        hub.join(format!("models--{}--{}", self.organisation, self.repository))
    }

    /// Where the content called `etag` lies.
    pub(crate) fn blob(&self, hub: &Path, etag: &str) -> PathBuf {
        self.folder(hub).join("blobs").join(etag)
    }

    /// The file in the cache, if it is there.
    pub(crate) fn cached(&self, hub: &Path) -> Option<PathBuf> {
        let folder = self.folder(hub);
        let commit = fs::read_to_string(folder.join("refs").join(&self.revision));
        let commit = commit.map_or_else(|_| self.revision.clone(), |text| text.trim().to_owned());
        let path = folder.join("snapshots").join(Some(commit).filter(|c| is_name(c))?);
        Some(path.join(&self.file)).filter(|path| path.is_file())
    }

    /// Makes the content called `etag` the file of `commit`, and returns the file's path.
    pub(crate) fn link(&self, hub: &Path, etag: &str, commit: &str) -> Result<PathBuf, Failure> {
        let folder = self.folder(hub);
        let path = folder.join("snapshots").join(commit).join(&self.file);
        let depth = 2 + self.file.matches('/').count();
        let to: PathBuf = std::iter::repeat_n("..", depth).collect();
        let to = to.join("blobs").join(etag);
        place(&path, |aside| link(&to, &self.blob(hub, etag), aside))?;
        if commit != self.revision {
            let name = folder.join("refs").join(&self.revision);
            place(&name, |aside| fs::write(aside, commit))?;
        }
        Ok(path)
    }

    /// Removes the file, and its content when no other snapshot has it.
    pub(crate) fn remove(&self, hub: &Path, path: &Path) -> Result<(), Failure> {
        let blob = path.canonicalize().map_err(|cause| failed(path, &cause))?;
        fs::remove_file(path).map_err(|cause| failed(path, &cause))?;
        let blobs = self.folder(hub).join("blobs").canonicalize();
        let inside = blobs.is_ok_and(|blobs| blob.starts_with(blobs));
        if inside && !leads_to(&self.folder(hub).join("snapshots"), &blob) {
            fs::remove_file(&blob).map_err(|cause| failed(&blob, &cause))?;
        }
        Ok(())
    }
}

/// The SHA-256 that a cached file should have, where its content is named by it.
pub(super) fn sha256_of(path: &Path) -> Option<String> {
    let blob = path.canonicalize().ok()?;
    let name = blob.file_name()?.to_str()?;
    super::is_sha256(name).then(|| name.to_owned())
}

/// A part of a path or an address that stays where it is put.
pub(crate) fn is_name(text: &str) -> bool {
    let usual = |c: char| c.is_ascii_alphanumeric() || "._-+".contains(c);
    !text.is_empty() && !text.chars().all(|c| c == '.') && text.chars().all(usual)
}

/// Makes something beside `path` and renames it to `path`.
fn place(path: &Path, make: impl Fn(&Path) -> io::Result<()>) -> Result<(), Failure> {
    crate::target::make_folder_for(path)?;
    let mut aside = path.as_os_str().to_owned();
    aside.push(format!(".{}", std::process::id()));
    let aside = PathBuf::from(aside);
    make(&aside).and_then(|()| fs::rename(&aside, path)).map_err(|cause| {
        let _ = fs::remove_file(&aside);
        failed(path, &cause)
    })
}

#[cfg(unix)]
fn link(to: &Path, _blob: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(to, link)
}

/// Links of names ask for rights elsewhere: a second name for the same bytes, or a copy.
#[cfg(not(unix))]
fn link(_to: &Path, blob: &Path, link: &Path) -> io::Result<()> {
    fs::hard_link(blob, link).or_else(|_| fs::copy(blob, link).map(|_| ()))
}

/// Whether any file below `folder` is a link to `blob`.
fn leads_to(folder: &Path, blob: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| {
        let path = entry.path();
        let real_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if real_folder {
            leads_to(&path, blob)
        } else {
            path.canonicalize().is_ok_and(|p| p == blob)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_understood_and_none_leads_out_of_the_cache() {
        let file = HubFile::parse("org/net@v1/deep/a.pth").unwrap();
        assert_eq!(file.url("https://h.co/"), "https://h.co/org/net/resolve/v1/deep/a.pth");
        assert_eq!(HubFile::parse("org/net/a.pth").unwrap().revision, "main");
        for text in ["org/net", "org//a", "../net/a", "org/net/../a", "org/net@../a", "o/n/a\\b"] {
            assert_eq!(HubFile::parse(text).unwrap_err().code, crate::exit::Code::Usage, "{text}");
        }
    }
}
