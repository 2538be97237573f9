//! Where weights lie that the program does not carry.

mod hub;

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use relume_media::atomic::{Overwrite, write_atomically};
use sha2::{Digest, Sha256};

use crate::exit::{Code, Failure};
use crate::target::make_folder_for;
pub(crate) use hub::{HubFile, is_name};

/// The folders that weights are kept in.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    /// What was imported, and what was pulled from a plain address.
    own: PathBuf,
    /// Hugging Face's cache, shared with its own programs.
    pub(crate) hub: PathBuf,
}

impl Cache {
    /// The folders as the environment names them: `RELUME_HOME`, `HF_HUB_CACHE` and `HF_HOME`, else
    /// `relume` and `huggingface` below the user's cache folder.
    pub(crate) fn from_environment() -> Result<Self, Failure> {
        let home = |name: &str, folder: &str| match variable(name) {
            Some(home) => Ok::<_, Failure>(PathBuf::from(home)),
            None => Ok(user_cache(name)?.join(folder)),
        };
        let hub = match variable("HF_HUB_CACHE") {
            Some(hub) => PathBuf::from(hub),
            None => home("HF_HOME", "huggingface")?.join("hub"),
        };
        Ok(Self { own: home("RELUME_HOME", "relume")?.join("models"), hub })
    }

    /// The folder of imported weights.
    pub(crate) fn folder(&self) -> &Path {
        &self.own
    }

    /// Where imported weights of the model `name` lie, or would.
    pub(crate) fn imported(&self, name: &str) -> PathBuf {
        self.own.join(format!("{name}.safetensors"))
    }
}

impl Cache {
    /// Where the file at an address lies, or would.
    pub(crate) fn pulled(&self, url: &str) -> PathBuf {
        let path = url.split(['?', '#']).next().unwrap_or(url);
        let name = path.rsplit('/').next().filter(|name| is_name(name)).unwrap_or("weights");
        self.own.join("pulled").join(&sha256(url.as_bytes())[..16]).join(name)
    }

    /// Where the file at an address grows while it is downloaded; another for each version.
    pub(crate) fn part(&self, url: &str, version: Option<&str>) -> PathBuf {
        let version = &sha256(version.unwrap_or_default().as_bytes())[..8];
        self.pulled(url).with_extension(format!("{version}.incomplete"))
    }
}

/// A variable of the environment that is set to something.
pub(crate) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// The user's cache folder; `remedy` is the variable to set where there is none.
fn user_cache(remedy: &str) -> Result<PathBuf, Failure> {
    if let Some(folder) = variable("XDG_CACHE_HOME") {
        return Ok(PathBuf::from(folder));
    }
    std::env::home_dir().map(|home| home.join(".cache")).ok_or_else(|| {
        Failure::new(Code::Output, format!("there is no home folder for weights; set {remedy}"))
    })
}

/// Writes weights, and their SHA-256 beside them as `sha256sum` would.
pub(crate) fn keep(path: &Path, bytes: &[u8], overwrite: Overwrite) -> Result<(), Failure> {
    make_folder_for(path)?;
    write_atomically(path, bytes, overwrite)?;
    keep_hash(path, &sha256(bytes))
}

/// Writes the SHA-256 of a file beside it as `sha256sum` would.
pub(crate) fn keep_hash(path: &Path, hash: &str) -> Result<(), Failure> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let line = format!("{hash}  {name}\n");
    Ok(write_atomically(&hash_file(path), line.as_bytes(), Overwrite::Always)?)
}

/// The SHA-256 that a file in the cache should have, where one is known.
pub(crate) fn known_hash(path: &Path) -> Option<String> {
    let kept = fs::read_to_string(hash_file(path)).ok();
    let kept = kept.and_then(|line| line.split_whitespace().next().map(str::to_owned));
    kept.filter(|hash| is_sha256(hash)).or_else(|| hub::sha256_of(path))
}

/// The SHA-256 that a file has.
pub(crate) fn hash_of(path: &Path) -> Result<String, Failure> {
    let failed = |cause: io::Error| {
        Failure::new(Code::Input, format!("{}: could not be read: {cause}", path.display()))
    };
    let mut file = File::open(path).map_err(failed)?;
    let (mut hash, mut chunk) = (Sha256::new(), vec![0; 128 * 1024]);
    loop {
        let count = file.read(&mut chunk).map_err(failed)?;
        if count == 0 {
            return Ok(hexadecimal(&hash.finalize()));
        }
        hash.update(&chunk[..count]);
    }
}

/// Whether this is a SHA-256 in lower-case hexadecimal.
pub(crate) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// Removes a file of relume's own folder, and its hash.
pub(crate) fn remove(path: &Path) -> Result<(), Failure> {
    fs::remove_file(path).map_err(|cause| failed(path, &cause))?;
    match fs::remove_file(hash_file(path)) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(failed(path, &cause)),
        _ => Ok(()),
    }
}

fn failed(path: &Path, cause: &io::Error) -> Failure {
    Failure::new(Code::Output, format!("{}: could not be changed: {cause}", path.display()))
}

/// `FILE.sha256`.
fn hash_file(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".sha256");
    PathBuf::from(name)
}

/// SHA-256 in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// Bytes in lower-case hexadecimal.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
