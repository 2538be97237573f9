//! Which pictures are meant: files, folders with all below them, objects, or stdin.

use std::io::Read;
use std::path::{Path, PathBuf};

use relume_media::photo::read_file;
use relume_media::{Limits, Photo, PhotoFormat};

use crate::exit::{Code, Failure};
use crate::object::{Object, Place};

/// Stands for stdin or stdout on the command line.
pub(crate) const DASH: &str = "-";
/// The part of a name that marks the program's own results.
pub(crate) const MARK: &str = "relume";

/// Where a picture comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// Stdin, once.
    Stdin,
    /// A file.
    File(PathBuf),
    /// An object in a store.
    Object(Object),
}

/// One picture to work on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Input {
    /// Where it comes from.
    pub(crate) source: Source,
    /// Its name below an output folder.
    pub(crate) place: PathBuf,
}

impl Input {
    /// A picture in a file.
    pub(crate) fn file(path: PathBuf) -> Self {
        let place = path.file_name().map_or_else(|| path.clone(), PathBuf::from);
        Self { source: Source::File(path), place }
    }

    /// The one picture that `text` names: an address or a path.
    pub(crate) fn understand(text: &str) -> Result<Self, Failure> {
        Ok(match Place::understand(Path::new(text))? {
            Place::Local(path) => Self::file(path),
            Place::Object(object) => Self::object(object),
        })
    }

    fn object(object: Object) -> Self {
        let place = PathBuf::from(object.path().file_name().unwrap_or_default());
        Self { source: Source::Object(object), place }
    }

    /// The file, if it is one.
    pub(crate) fn path(&self) -> Option<&Path> {
        match &self.source {
            Source::File(path) => Some(path),
            Source::Stdin | Source::Object(_) => None,
        }
    }

    /// Its name for people and records.
    pub(crate) fn name(&self) -> String {
        match &self.source {
            Source::Stdin => DASH.to_owned(),
            Source::File(path) => path.display().to_string(),
            Source::Object(object) => object.name(),
        }
    }

    /// Reads its bytes.
    pub(crate) fn read(&self) -> Result<Vec<u8>, Failure> {
        let limits = Limits::default();
        match &self.source {
            Source::Stdin => read_stdin(&limits),
            Source::File(path) => Ok(read_file(path, &limits)?),
            Source::Object(object) => object.read(&limits),
        }
    }

    /// Decodes its bytes.
    pub(crate) fn decode(&self, bytes: Vec<u8>) -> Result<Photo, Failure> {
        let name = match &self.source {
            Source::Stdin => PathBuf::from("stdin"),
            Source::File(path) => path.clone(),
            Source::Object(object) => PathBuf::from(object.name()),
        };
        Ok(Photo::decode(bytes, Some(&name), &Limits::default())?)
    }

    /// Reads and decodes the picture.
    pub(crate) fn load(&self) -> Result<Photo, Failure> {
        self.decode(self.read()?)
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
    // Of several inputs each folder keeps its name, so that equal names do not meet.
    let alone = arguments.len() == 1;
    for argument in arguments {
        if argument.as_os_str() == DASH {
            inputs.add(Input { source: Source::Stdin, place: PathBuf::from("stdin") });
            continue;
        }
        match Place::understand(argument)? {
            Place::Local(path) if path.is_dir() => {
                inputs.single = false;
                let root = if alone { PathBuf::new() } else { folder_name(&path)? };
                let skip = skip.and_then(|folder| folder.canonicalize().ok());
                inputs.search(&path, root, skip.as_deref());
            }
            Place::Local(path) => inputs.add(Input::file(path)),
            Place::Object(object) if PhotoFormat::from_path(object.path()).is_none() => {
                inputs.single = false;
                let name = object.path().file_name().filter(|_| !alone);
                let root = name.map_or_else(PathBuf::new, PathBuf::from);
                inputs.search_store(&object, &root, skip)?;
            }
            Place::Object(object) => inputs.add(Input::object(object)),
        }
    }
    if inputs.found.iter().filter(|input| input.source == Source::Stdin).count() > 1 {
        return Err(Failure::usage("stdin (-) can be read only once; name it once"));
    }
    Ok(inputs)
}

impl Inputs {
    fn add(&mut self, input: Input) {
        if input.source == Source::Stdin || !self.found.contains(&input) {
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
                        self.add(Input { source: Source::File(file), place });
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

    /// The pictures below a prefix, as [`Inputs::search`] finds them in a folder.
    fn search_store(
        &mut self,
        prefix: &Object,
        root: &Path,
        skip: Option<&Path>,
    ) -> Result<(), Failure> {
        let skip = match skip.map(Place::understand).transpose()? {
            Some(Place::Object(output)) if output != *prefix => Some(output),
            _ => None,
        };
        let before = self.found.len();
        for object in prefix.list()? {
            let is_output = skip.as_ref().is_some_and(|output| object.below(output).is_some());
            let Some(key) = object.below(prefix).filter(|_| !is_output) else { continue };
            let hidden = key.split('/').any(|part| part.starts_with('.'));
            let path = object.path();
            if PhotoFormat::from_path(path).is_some() && !is_result(path) && !hidden {
                let place = root.join(key);
                self.add(Input { source: Source::Object(object), place });
            }
        }
        if before == self.found.len() {
            let message = format!("{}: no picture below this prefix", prefix.name());
            let failure = Failure::new(Code::Input, message);
            self.failures.push((PathBuf::from(prefix.name()), failure));
        }
        Ok(())
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
