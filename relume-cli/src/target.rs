//! Which result goes where: one place per input, planned and checked before any work.

use std::collections::{HashMap, HashSet};
use std::path::{MAIN_SEPARATOR, Path, PathBuf};

use relume_media::atomic::{Overwrite, write_atomically};
use relume_media::{Photo, PhotoFormat};
use same_file::is_same_file;
use serde::{Deserialize, Serialize};

use crate::console;
use crate::exit::{Code, Failure};
use crate::inputs::{DASH, Input, Inputs, MARK, Source};
use crate::object::{Object, Place};

/// Where one result goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// The picture's bytes on stdout.
    Stdout,
    /// A file.
    File(PathBuf),
    /// An object in a store.
    Object(Object),
}

impl Target {
    /// The one target that `text` names: an address or a path.
    pub(crate) fn understand(text: &str) -> Result<Self, Failure> {
        Ok(match Place::understand(Path::new(text))? {
            Place::Local(path) => Self::File(path),
            Place::Object(object) => Self::Object(object),
        })
    }

    /// The format that its name asks for; stdout has the photo's own.
    pub(crate) fn format(&self, photo: &Photo) -> Result<PhotoFormat, Failure> {
        Ok(match self {
            Self::Stdout => photo.format,
            Self::File(path) => photo.format_for(path)?,
            Self::Object(object) => photo.format_for(object.path())?,
        })
    }

    /// Puts a result there, complete or not at all.
    pub(crate) fn write(&self, bytes: Vec<u8>, overwrite: Overwrite) -> Result<(), Failure> {
        match self {
            Self::Stdout => console::print_bytes(&bytes),
            Self::Object(object) => object.write(bytes, overwrite),
            Self::File(path) => {
                make_folder_for(path)?;
                write_atomically(path, &bytes, overwrite).map_err(|error| {
                    // Written by somebody else in the meantime.
                    let exists = overwrite == Overwrite::Never && path.is_file();
                    Failure { exists, ..Failure::from(error) }
                })
            }
        }
    }

    /// Refuses to be one of the inputs.
    pub(crate) fn refuse(&self, inputs: &[Input]) -> Result<(), Failure> {
        match self {
            Self::Stdout => Ok(()),
            Self::File(path) => refuse_inputs(path, inputs),
            Self::Object(object) => refuse_objects(object, inputs),
        }
    }

    /// Reads back what is there.
    pub(crate) fn read(&self) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Stdout => Err(Failure::new(Code::Output, "stdout cannot be read back")),
            Self::File(path) => Input::file(path.clone()).read(),
            Self::Object(object) => object.read(&relume_media::Limits::default()),
        }
    }

    /// Its name for people and records.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Stdout => DASH.to_owned(),
            Self::File(path) => path.display().to_string(),
            Self::Object(object) => object.name(),
        }
    }
}

/// What is done where a result exists already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnExisting {
    /// Nothing, and that is a failure.
    #[default]
    Refuse,
    /// Nothing, and all is well.
    Skip,
    /// It is replaced.
    Replace,
}

impl OnExisting {
    /// The same for whoever writes.
    pub(crate) fn overwrite(self) -> Overwrite {
        if self == Self::Replace { Overwrite::Always } else { Overwrite::Never }
    }
}

impl From<Existing> for OnExisting {
    fn from(existing: Existing) -> Self {
        match existing {
            Existing { overwrite: true, .. } => Self::Replace,
            Existing { skip_existing: true, .. } => Self::Skip,
            _ => Self::Refuse,
        }
    }
}

/// What to do with a result that exists already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::Args)]
pub(crate) struct Existing {
    /// Replace results that exist
    #[arg(long, conflicts_with = "skip_existing")]
    pub(crate) overwrite: bool,
    /// Leave results that exist and go on: resumes an interrupted run
    #[arg(long)]
    pub(crate) skip_existing: bool,
}

/// What `-o` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Output {
    /// Nothing: beside the input, or stdout for stdin.
    Beside,
    /// `-`.
    Stdout,
    /// One file.
    File(PathBuf),
    /// A folder that names and tree are repeated in.
    Folder(PathBuf),
    /// One object.
    Object(Object),
    /// A prefix of objects, as a folder.
    Prefix(Object),
}

impl Output {
    /// Understands `-o`: a folder if it is one, ends in a slash or has no extension.
    pub(crate) fn understand(argument: Option<&Path>) -> Result<Self, Failure> {
        let Some(argument) = argument else { return Ok(Self::Beside) };
        let path = &match Place::understand(argument)? {
            Place::Local(path) => path,
            Place::Object(object) if PhotoFormat::from_path(object.path()).is_some() => {
                return Ok(Self::Object(object));
            }
            Place::Object(object) => return Ok(Self::Prefix(object)),
        };
        let slash = path.as_os_str().as_encoded_bytes().last() == Some(&(MAIN_SEPARATOR as u8));
        if path.as_os_str() == DASH {
            Ok(Self::Stdout)
        } else if path.is_dir() || slash || path.extension().is_none() {
            Ok(Self::Folder(path.to_owned()))
        } else if PhotoFormat::from_path(path).is_some() {
            Ok(Self::File(path.to_owned()))
        } else {
            let known: Vec<_> = PhotoFormat::ALL.iter().map(|f| f.extensions()[0]).collect();
            Err(Failure::usage(format!(
                "-o {}: no picture format has this extension; use one of {}, or end a folder's \
                 name with {MAIN_SEPARATOR}",
                path.display(),
                known.join(", ")
            )))
        }
    }

    /// What `-o` would have said for one target.
    pub(crate) fn of(target: &Target) -> Self {
        match target {
            Target::Stdout => Self::Stdout,
            Target::File(path) => Self::File(path.clone()),
            Target::Object(object) => Self::Object(object.clone()),
        }
    }

    /// The folder or prefix, if it is one.
    pub(crate) fn folder(&self) -> Option<PathBuf> {
        match self {
            Self::Folder(folder) => Some(folder.clone()),
            Self::Prefix(prefix) => Some(PathBuf::from(prefix.name())),
            _ => None,
        }
    }
}

/// Pairs every input with its target. Refuses what would overwrite an input or another result.
pub(crate) fn plan(inputs: &Inputs, output: &Output) -> Result<Vec<(Input, Target)>, Failure> {
    let one_place = matches!(output, Output::File(_) | Output::Object(_) | Output::Stdout);
    if one_place && !inputs.single {
        return Err(Failure::usage(
            "several inputs cannot go to one output; give a folder: -o DIR/",
        ));
    }
    let mut jobs = Vec::with_capacity(inputs.found.len());
    let mut taken: HashMap<String, String> = HashMap::new();
    let files: HashSet<&Path> = inputs.found.iter().filter_map(Input::path).collect();
    for input in &inputs.found {
        let target = target_of(input, output);
        match &target {
            Target::Stdout => {}
            // Asking the disk about every pair takes its time; only what is there can be an input.
            Target::File(path) if files.contains(path.as_path()) || path.exists() => {
                refuse_inputs(path, &inputs.found)?;
            }
            Target::File(_) => {}
            Target::Object(object) => refuse_objects(object, &inputs.found)?,
        }
        let name = target.name();
        if target != Target::Stdout
            && let Some(other) = taken.insert(name.clone(), input.name())
        {
            return Err(Failure::usage(format!(
                "{} and {other} would both become {name}; restore them into different folders",
                input.name(),
            )));
        }
        jobs.push((input.clone(), target));
    }
    Ok(jobs)
}

fn target_of(input: &Input, output: &Output) -> Target {
    match (output, &input.source) {
        (Output::Stdout, _) | (Output::Beside, Source::Stdin) => Target::Stdout,
        (Output::File(path), _) => Target::File(path.clone()),
        (Output::Folder(folder), _) => Target::File(folder.join(&input.place)),
        (Output::Object(object), _) => Target::Object(object.clone()),
        (Output::Prefix(prefix), _) => Target::Object(prefix.join(&input.place)),
        (Output::Beside, Source::File(path)) => Target::File(beside(path, MARK)),
        (Output::Beside, Source::Object(object)) => {
            Target::Object(object.with_key(&beside(object.path(), MARK)))
        }
    }
}

/// `night.jpg` → `night.MARK.jpg`.
fn beside(path: &Path, mark: &str) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(".");
    name.push(mark);
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

/// Originals are never touched, whatever other name or link the output gives them.
pub(crate) fn refuse_inputs(target: &Path, inputs: &[Input]) -> Result<(), Failure> {
    let same = |path: &Path| path == target || is_same_file(path, target).unwrap_or(false);
    match inputs.iter().filter_map(Input::path).find(|path| same(path)) {
        None => Ok(()),
        Some(input) => Err(Failure::usage(format!(
            "{}: the output is the input {}; originals are never changed, choose another name",
            target.display(),
            input.display()
        ))),
    }
}

/// The same for objects.
fn refuse_objects(target: &Object, inputs: &[Input]) -> Result<(), Failure> {
    if inputs.iter().all(|input| input.source != Source::Object(target.clone())) {
        return Ok(());
    }
    let name = target.name();
    Err(Failure::usage(format!(
        "{name}: the output is an input; originals are never changed, choose another name"
    )))
}

/// The same for a single input.
pub(crate) fn refuse_same(target: &Path, input: &Path) -> Result<(), Failure> {
    refuse_inputs(target, &[Input::file(input.to_owned())])
}

/// What to do with a planned target now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Write it.
    Write,
    /// It exists and is to be left alone.
    Skip,
}

/// Decides about a target that may exist.
pub(crate) fn action(target: &Target, existing: OnExisting) -> Result<Action, Failure> {
    let path = match target {
        Target::Stdout => return Ok(Action::Write),
        // Where it is replaced, nobody need ask whether it is there.
        Target::Object(_) if existing == OnExisting::Replace => return Ok(Action::Write),
        Target::Object(object) => {
            return match (object.exists()?, existing) {
                (false, _) => Ok(Action::Write),
                (true, OnExisting::Skip) => Ok(Action::Skip),
                (true, _) => Err(Failure::exists(&target.name())),
            };
        }
        Target::File(path) => path,
    };
    match path.symlink_metadata() {
        Ok(found) if found.is_dir() => {
            Err(Failure::new(Code::Output, format!("{}: is a folder", path.display())))
        }
        Ok(_) if existing == OnExisting::Skip => Ok(Action::Skip),
        Ok(found) if found.is_file() && existing == OnExisting::Refuse => {
            Err(Failure::exists(&target.name()))
        }
        _ => Ok(Action::Write),
    }
}

/// Makes the folder that a file goes to.
pub(crate) fn make_folder_for(path: &Path) -> Result<(), Failure> {
    let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) else {
        return Ok(());
    };
    std::fs::create_dir_all(folder).map_err(|cause| {
        let message = format!("{}: the folder could not be made: {cause}", folder.display());
        Failure::new(Code::Output, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(names: &[&str]) -> Inputs {
        let found = names.iter().map(|name| Input::file(PathBuf::from(name))).collect::<Vec<_>>();
        Inputs { single: found.len() == 1, found, failures: Vec::new() }
    }

    fn names(jobs: &[(Input, Target)]) -> Vec<String> {
        jobs.iter().map(|(_, target)| target.name()).collect()
    }

    #[test]
    fn results_get_the_expected_names() {
        let one = inputs(&["a/night.jpg"]);
        let cases = [
            (None, "a/night.relume.jpg"),
            (Some("-"), "-"),
            (Some("b.png"), "b.png"),
            (Some("nowhere/"), "nowhere/night.jpg"),
            (Some("nowhere"), "nowhere/night.jpg"),
        ];
        for (argument, expected) in cases {
            let output = Output::understand(argument.map(Path::new)).unwrap();
            assert_eq!(names(&plan(&one, &output).unwrap()), [expected]);
        }
    }

    #[test]
    fn impossible_plans_are_usage_errors() {
        let usage = |result: Result<Vec<(Input, Target)>, Failure>| {
            assert_eq!(result.unwrap_err().code, Code::Usage);
        };
        usage(plan(&inputs(&["a.jpg", "b.jpg"]), &Output::File("c.jpg".into())));
        usage(plan(&inputs(&["a.jpg", "b.jpg"]), &Output::Stdout));
        usage(plan(&inputs(&["x/a.jpg", "y/a.jpg"]), &Output::Folder("out".into())));
        usage(plan(&inputs(&["a.jpg"]), &Output::File("a.jpg".into())));
        assert_eq!(Output::understand(Some(Path::new("a.bmp"))).unwrap_err().code, Code::Usage);
    }

    #[test]
    fn a_link_to_an_input_is_recognised() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("a.jpg"), folder.path().join("b.jpg"));
        std::fs::write(&file, b"x").unwrap();
        std::fs::hard_link(&file, &link).unwrap();
        assert_eq!(refuse_inputs(&link, &[Input::file(file)]).unwrap_err().code, Code::Usage);
    }
}
