//! The folder that jobs live in: `jobs.sqlite`, a folder of pictures for each job, and the user's
//! workflows.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::names;
use crate::exit::{Code, Failure};
use crate::model_cache::variable;

/// The data of one server; locked against a second one.
#[derive(Debug)]
pub(crate) struct Data {
    root: PathBuf,
    _lock: File,
}

impl Data {
    /// Opens or makes the folder.
    pub(crate) fn open(wanted: Option<PathBuf>) -> Result<Self, Failure> {
        let root = match wanted {
            Some(folder) => folder,
            None => usual()?,
        };
        make(&root)
            .and_then(|()| make(&root.join("jobs")))
            .and_then(|()| make(&root.join("workflows")))
            .map_err(|cause| {
                let message = format!("{}: could not be made: {cause}; see --data", root.display());
                Failure::new(Code::Output, message)
            })?;
        let failed = |cause: String| {
            Failure::new(Code::Output, format!("{}: {cause}", root.join("lock").display()))
        };
        let lock = File::create(root.join("lock")).map_err(|cause| failed(cause.to_string()))?;
        lock.try_lock().map_err(|_| {
            failed(
                "another relume serve uses this folder; stop it, or name another with --data"
                    .into(),
            )
        })?;
        Ok(Self { root, _lock: lock })
    }

    /// The file of the store.
    pub(crate) fn database(&self) -> PathBuf {
        self.root.join("jobs.sqlite")
    }

    /// The folder of a job.
    pub(crate) fn job(&self, id: &str) -> PathBuf {
        debug_assert!(names::is_id(id), "ids are checked where they come in");
        self.root.join("jobs").join(id)
    }

    /// The folder of the user's workflows.
    pub(crate) fn workflows(&self) -> PathBuf {
        self.root.join("workflows")
    }

    /// A new folder, which goes away with the value unless it is kept.
    pub(crate) fn fresh(&self) -> io::Result<Fresh> {
        let id = names::random();
        let path = self.job(&id);
        make(&path)?;
        Ok(Fresh { id, path, kept: false })
    }

    /// Removes the files of a job.
    pub(crate) fn remove(&self, id: &str) {
        // What cannot be removed now is swept at the next start.
        let _ = fs::remove_dir_all(self.job(id));
    }

    /// Removes folders that belong to no job: uploads that were cut off.
    pub(crate) fn sweep(&self, known: &[String]) -> Result<(), Failure> {
        let failed = |cause: io::Error| {
            Failure::new(Code::Output, format!("{}: {cause}", self.root.display()))
        };
        for entry in fs::read_dir(self.root.join("jobs")).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if names::is_id(&name) && !known.contains(&name) {
                fs::remove_dir_all(entry.path()).map_err(failed)?;
            }
        }
        Ok(())
    }
}

/// A folder for the time of a request.
#[derive(Debug)]
pub(crate) struct Fresh {
    /// Its name, and that of the job it may become.
    pub(crate) id: String,
    /// Where it is.
    pub(crate) path: PathBuf,
    kept: bool,
}

impl Fresh {
    /// Leaves the folder to a job.
    pub(crate) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        if !self.kept {
            // As in `Data::remove`.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// Makes a folder that other users cannot read.
fn make(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

fn usual() -> Result<PathBuf, Failure> {
    if let Some(home) = variable("RELUME_HOME") {
        return Ok(PathBuf::from(home).join("serve"));
    }
    if let Some(state) = variable("XDG_STATE_HOME") {
        return Ok(PathBuf::from(state).join("relume/serve"));
    }
    let home = std::env::home_dir().ok_or_else(|| {
        Failure::usage("there is no home folder for jobs; name a folder with --data")
    })?;
    Ok(home.join(".local/state/relume/serve"))
}
