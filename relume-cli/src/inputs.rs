//! Which pictures are meant: files, folders with all below them, or stdin.

use std::io::Read;
use std::path::{Path, PathBuf};

use relume_media::{Limits, Photo, PhotoFormat};

use crate::exit::{Code, Failure};

/// Stands for stdin or stdout on the command line.
pub(crate) const DASH: &str = "-";
/// The part of a name that marks the program's own results.
pub(crate) const MARK: &str = "relume";

/// One picture to work on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Input {
    /// The file; none for stdin.
    pub(crate) path: Option<PathBuf>,
    /// Its name below an output folder.
    pub(crate) place: PathBuf,
}

impl Input {
    /// Its name for people and records.
    pub(crate) fn name(&self) -> String {
        self.path.as_ref().map_or_else(|| DASH.to_owned(), |path| path.display().to_string())
    }

    /// Reads and decodes the picture.
    pub(crate) fn load(&self) -> Result<Photo, Failure> {
        let limits = Limits::default();
        match &self.path {
            Some(path) => Ok(Photo::load(path, &limits)?),
            None => Ok(Photo::decode(read_stdin(&limits)?, Some(Path::new("stdin")), &limits)?),
        }
    }
}

/// What the arguments name, in order; folders sorted by name.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    /// The pictures.
    pub(crate) found: Vec<Input>,
    /// Folders that could not be read, or held no picture, and why.
    pub(crate) failures: Vec<(PathBuf, Failure)>,
    /// Whether the arguments name exactly one file or stdin: `-o FILE` makes sense.
    pub(crate) single: bool,
}

/// Collects what `arguments` name. Folders are searched for pictures, but not inside `skip` (the
/// output folder) and not for the program's own results.
pub(crate) fn collect(arguments: &[PathBuf], skip: Option<&Path>) -> Result<Inputs, Failure> {
    let mut inputs = Inputs { single: arguments.len() == 1, ..Inputs::default() };
    let skip = skip.and_then(|folder| folder.canonicalize().ok());
    for argument in arguments {
        if argument.as_os_str() == DASH {
            let place = PathBuf::from("stdin");
            inputs.add(Input { path: None, place });
        } else if argument.is_dir() {
            inputs.single = false;
            // Of several inputs each folder keeps its name, so that equal names do not meet.
            let root = if arguments.len() == 1 { PathBuf::new() } else { folder_name(argument)? };
            inputs.search(argument, root, skip.as_deref());
        } else {
            let place = argument.file_name().map_or_else(|| argument.clone(), PathBuf::from);
            inputs.add(Input { path: Some(argument.clone()), place });
        }
    }
    if inputs.found.iter().filter(|input| input.path.is_none()).count() > 1 {
        return Err(Failure::usage("stdin (-) can be read only once; name it once"));
    }
    Ok(inputs)
}

impl Inputs {
    fn add(&mut self, input: Input) {
        if input.path.is_none() || !self.found.contains(&input) {
            self.found.push(input);
        }
    }

    fn search(&mut self, folder: &Path, root: PathBuf, skip: Option<&Path>) {
        let before = (self.found.len(), self.failures.len());
        let is_output = |path: &Path| skip.is_some() && path.canonicalize().ok().as_deref() == skip;
        let mut open = vec![(folder.to_owned(), root)];
        while let Some((below, place)) = open.pop() {
            // The input itself is no output: it would be refused later, with the reason.
            if below != folder && is_output(&below) {
                continue;
            }
            let folder = below;
            match entries(&folder) {
                Ok((files, folders)) => {
                    for file in files {
                        let place = place.join(file.file_name().unwrap_or_default());
                        self.add(Input { path: Some(file), place });
                    }
                    // The last pushed is opened first: reversed, so that names come in order.
                    for inner in folders.into_iter().rev() {
                        let place = place.join(inner.file_name().unwrap_or_default());
                        open.push((inner, place));
                    }
                }
                Err(failure) => self.failures.push((folder, failure)),
            }
        }
        if before == (self.found.len(), self.failures.len()) {
            let message = format!("{}: no picture in this folder", folder.display());
            self.failures.push((folder.to_owned(), Failure::new(Code::Input, message)));
        }
    }
}

/// The pictures and the folders in a folder, each sorted; hidden ones left out.
fn entries(folder: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>), Failure> {
    let failed = |cause| {
        Failure::new(
            Code::Input,
            format!("{}: the folder could not be read: {cause}", folder.display()),
        )
    };
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let (path, kind) = (entry.path(), entry.file_type().map_err(failed)?);
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        // Links to folders are not followed: they may lead round in circles.
        if kind.is_dir() {
            folders.push(path);
        } else if path.is_file() && PhotoFormat::from_path(&path).is_some() && !is_result(&path) {
            files.push(path);
        }
    }
    files.sort();
    folders.sort();
    Ok((files, folders))
}

/// Whether a file is named like one of the program's results: `night.relume.jpg`.
pub(crate) fn is_result(path: &Path) -> bool {
    let stem = path.file_stem().map(Path::new);
    stem.and_then(Path::extension).is_some_and(|mark| mark == MARK)
}

fn folder_name(folder: &Path) -> Result<PathBuf, Failure> {
    let absolute = folder.canonicalize().map_err(|cause| {
        let message = format!("{}: the folder could not be read: {cause}", folder.display());
        Failure::new(Code::Input, message)
    })?;
    Ok(absolute.file_name().map(PathBuf::from).unwrap_or_default())
}

fn read_stdin(limits: &Limits) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let mut stdin = std::io::stdin().lock().take(limits.bytes + 1);
    stdin
        .read_to_end(&mut bytes)
        .map_err(|cause| Failure::new(Code::Input, format!("stdin: could not read: {cause}")))?;
    limits.check_bytes("stdin", bytes.len() as u64)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let files = ["b.jpg", "a.PNG", "a.relume.png", "notes.txt", ".hidden.jpg"];
        let deeper = ["sub/c.webp", "sub/.git/d.jpg", "out/a.PNG"];
        for name in files.into_iter().chain(deeper) {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"x").unwrap();
        }
        root
    }

    fn places(inputs: &Inputs) -> Vec<String> {
        inputs.found.iter().map(|input| input.place.display().to_string()).collect()
    }

    #[test]
    fn a_folder_gives_its_pictures_in_order_without_results_and_output() {
        let root = tree();
        let arguments = [root.path().to_owned()];
        let inputs = collect(&arguments, Some(&root.path().join("out"))).unwrap();
        assert_eq!(places(&inputs), ["a.PNG", "b.jpg", "sub/c.webp"]);
        assert!(!inputs.single && inputs.failures.is_empty());
    }

    #[test]
    fn of_several_inputs_folders_keep_their_name() {
        let root = tree();
        let arguments = [root.path().join("b.jpg"), root.path().join("sub")];
        let inputs = collect(&arguments, None).unwrap();
        assert_eq!(places(&inputs), ["b.jpg", "sub/c.webp"]);
    }

    #[test]
    fn a_folder_without_pictures_is_a_failure() {
        let root = tempfile::tempdir().unwrap();
        let inputs = collect(&[root.path().to_owned()], None).unwrap();
        assert_eq!(inputs.failures[0].1.code, Code::Input);
    }
}
