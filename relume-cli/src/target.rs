//! Which result goes where: one place per input, planned and checked before any work.

use std::collections::HashMap;
use std::path::{MAIN_SEPARATOR, Path, PathBuf};

use relume_media::PhotoFormat;
use same_file::is_same_file;

use crate::exit::{Code, Failure};
use crate::inputs::{DASH, Input, Inputs, MARK};

/// Where one result goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// The picture's bytes on stdout.
    Stdout,
    /// A file.
    File(PathBuf),
}

impl Target {
    /// Its name for people and records.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Stdout => DASH.to_owned(),
            Self::File(path) => path.display().to_string(),
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
}

impl Output {
    /// Understands `-o`: a folder if it is one, ends in a slash or has no extension.
    pub(crate) fn understand(argument: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = argument else { return Ok(Self::Beside) };
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

    /// The folder, if it is one.
    pub(crate) fn folder(&self) -> Option<&Path> {
        match self {
            Self::Folder(folder) => Some(folder),
            _ => None,
        }
    }
}

/// Pairs every input with its target. Refuses what would overwrite an input or another result.
pub(crate) fn plan(inputs: &Inputs, output: &Output) -> Result<Vec<(Input, Target)>, Failure> {
    let one_place = matches!(output, Output::File(_) | Output::Stdout);
    if one_place && !inputs.single {
        return Err(Failure::usage(
            "several inputs cannot go to one output; give a folder: -o DIR/",
        ));
    }
    let mut jobs = Vec::with_capacity(inputs.found.len());
    let mut taken: HashMap<PathBuf, String> = HashMap::new();
    for input in &inputs.found {
        let target = target_of(input, output);
        if let Target::File(path) = &target {
            refuse_inputs(path, &inputs.found)?;
            if let Some(other) = taken.insert(path.clone(), input.name()) {
                return Err(Failure::usage(format!(
                    "{} and {other} would both become {}; restore them into different folders",
                    input.name(),
                    path.display()
                )));
            }
        }
        jobs.push((input.clone(), target));
    }
    Ok(jobs)
}

fn target_of(input: &Input, output: &Output) -> Target {
    match (output, &input.path) {
        (Output::Stdout, _) | (Output::Beside, None) => Target::Stdout,
        (Output::File(path), _) => Target::File(path.clone()),
        (Output::Folder(folder), _) => Target::File(folder.join(&input.place)),
        (Output::Beside, Some(path)) => Target::File(beside(path, MARK)),
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
    match inputs.iter().filter_map(|input| input.path.as_deref()).find(|path| same(path)) {
        None => Ok(()),
        Some(input) => Err(Failure::usage(format!(
            "{}: the output is the input {}; originals are never changed, choose another name",
            target.display(),
            input.display()
        ))),
    }
}

/// The same for a single input.
pub(crate) fn refuse_same(target: &Path, input: &Path) -> Result<(), Failure> {
    refuse_inputs(target, &[Input { path: Some(input.to_owned()), place: PathBuf::new() }])
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
pub(crate) fn action(target: &Target, existing: Existing) -> Result<Action, Failure> {
    let Target::File(path) = target else { return Ok(Action::Write) };
    match path.symlink_metadata() {
        Ok(found) if found.is_dir() => {
            Err(Failure::new(Code::Output, format!("{}: is a folder", path.display())))
        }
        Ok(_) if existing.skip_existing => Ok(Action::Skip),
        Ok(found) if found.is_file() && !existing.overwrite => Err(Failure::new(
            Code::Output,
            format!(
                "{}: exists already; --overwrite replaces it, --skip-existing leaves it",
                path.display()
            ),
        )),
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
        let found = names
            .iter()
            .map(|name| Input {
                path: Some(PathBuf::from(name)),
                place: Path::new(name).file_name().unwrap().into(),
            })
            .collect::<Vec<_>>();
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
        let input = Input { path: Some(file), place: "a.jpg".into() };
        assert_eq!(refuse_inputs(&link, &[input]).unwrap_err().code, Code::Usage);
    }
}
