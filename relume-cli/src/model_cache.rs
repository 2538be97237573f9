//! Where weights lie that the program does not carry.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use relume_media::atomic::{Overwrite, write_atomically};
use sha2::{Digest, Sha256};

use crate::exit::{Code, Failure};
use crate::target::make_folder_for;

/// The folders that weights are kept in.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    /// What was imported, and what was pulled from a plain address.
    pub(crate) own: PathBuf,
}

impl Cache {
    /// The folders as the environment names them: `RELUME_HOME`, else `relume` below the user's
    /// cache folder.
    pub(crate) fn from_environment() -> Result<Self, Failure> {
        let home = match variable("RELUME_HOME") {
            Some(home) => PathBuf::from(home),
            None => user_cache("RELUME_HOME")?.join("relume"),
        };
        Ok(Self { own: home.join("models") })
    }

    /// Where imported weights of the model `name` lie, or would.
    pub(crate) fn imported(&self, name: &str) -> PathBuf {
        self.own.join(format!("{name}.safetensors"))
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

/// `FILE.sha256`.
pub(crate) fn hash_file(path: &Path) -> PathBuf {
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
