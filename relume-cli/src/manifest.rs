//! Manifests: a line of JSON for every picture, with the hashes of what was read and written and the
//! recipe between them. They resume a run, and together they prove that nothing was left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::engine::Engine;
use crate::exit::{Code, Failure};
use crate::inputs::Input;
use crate::recipe::Recipe;
use crate::target::Target;
use crate::unit::{Entry, Status};

/// A manifest that is being written.
pub(crate) struct Manifest {
    path: PathBuf,
    file: File,
    /// What its lines say, by output; a later line counts.
    known: BTreeMap<String, Entry>,
}

impl Manifest {
    /// Opens a manifest, or begins it. A line that a killed run left unfinished is taken away.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let failed = |cause| unwritable(path, &cause);
        crate::target::make_folder_for(path)?;
        let mut file =
            OpenOptions::new().read(true).append(true).create(true).open(path).map_err(failed)?;
        if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
            let name = path.display();
            let message =
                format!("{name}: another run writes it; give each run a manifest of its own");
            return Err(Failure::new(Code::Output, message));
        }
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(failed)?;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        if whole < text.len() {
            file.set_len(whole as u64).map_err(failed)?;
            file.seek(SeekFrom::End(0)).map_err(failed)?;
        }
        let entries = parse(path, &text[..whole])?;
        let known = entries.into_iter().map(|entry| (entry.output.clone(), entry)).collect();
        Ok(Self { path: path.to_owned(), file, known })
    }

    /// Adds a line; it is on the disk when this returns.
    pub(crate) fn add(&mut self, entry: Entry) -> Result<(), Failure> {
        let line = serde_json::to_string(&entry)
            .map_err(|error| Failure::new(Code::Machine, format!("JSON: {error}")))?;
        let written = self.file.write_all(format!("{line}\n").as_bytes());
        let kept = written.and_then(|()| self.file.sync_data());
        kept.map_err(|cause| unwritable(&self.path, &cause))?;
        self.known.insert(entry.output.clone(), entry);
        Ok(())
    }

    /// Answers for a result that is left as it is: it is in the manifest, or comes into it.
    pub(crate) fn found(
        &mut self,
        pair: (&Input, &Target),
        recipe: &Recipe,
        engine: &Engine,
    ) -> Result<(), Failure> {
        let blank = Entry::blank(pair, recipe, engine);
        match self.known.get(&blank.output).filter(|entry| entry.status != Status::Failed) {
            Some(entry) if entry.recipe == *recipe => {
                if entry.weights_sha256 == blank.weights_sha256 {
                    return Ok(());
                }
            }
            Some(_) => {}
            None => {
                let entry = blank.found(pair)?;
                return self.add(entry);
            }
        }
        let message = format!(
            "{}: was made by another recipe, says {}; --overwrite makes it anew",
            blank.output,
            self.path.display()
        );
        Err(Failure::new(Code::Output, message))
    }
}

fn unwritable(path: &Path, cause: &std::io::Error) -> Failure {
    Failure::new(Code::Output, format!("{}: could not be written: {cause}", path.display()))
}

/// Reads a manifest that is complete.
pub(crate) fn read(path: &Path) -> Result<Vec<Entry>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|cause| {
        Failure::new(Code::Input, format!("{}: could not be read: {cause}", path.display()))
    })?;
    parse(path, &text)
}

fn parse(path: &Path, text: &str) -> Result<Vec<Entry>, Failure> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(number, line)| {
            serde_json::from_str(line).map_err(|cause| {
                let place = format!("{}, line {}", path.display(), number + 1);
                Failure::new(Code::Input, format!("{place}: is no line of a manifest: {cause}"))
            })
        })
        .collect()
}

/// Several manifests as one.
#[derive(Debug, Default)]
pub(crate) struct Merged {
    /// One entry for every picture, by its name.
    pub(crate) entries: BTreeMap<String, Entry>,
    /// What is wrong, in words: pictures made twice, in two ways, or not at all.
    pub(crate) faults: Vec<String>,
}

impl Merged {
    /// Merges what several runs said, each in its order.
    pub(crate) fn of(manifests: Vec<(String, Vec<Entry>)>) -> Self {
        let mut merged = Self::default();
        let mut makers: BTreeMap<String, String> = BTreeMap::new();
        let mut outputs: BTreeMap<String, String> = BTreeMap::new();
        for (name, entries) in manifests {
            // Within a run, a later line counts: the picture was done again on purpose.
            let last: BTreeMap<_, _> =
                entries.into_iter().map(|entry| (entry.input.clone(), entry)).collect();
            for (input, entry) in last {
                merged.add(&name, &mut makers, &mut outputs, input, entry);
            }
        }
        let failed = merged.entries.values().filter(|entry| entry.status == Status::Failed);
        let words = |entry: &Entry| {
            let why = entry.error.as_deref().unwrap_or("no reason given");
            format!("{}: failed: {why}", entry.input)
        };
        let failed: Vec<_> = failed.map(words).collect();
        merged.faults.extend(failed);
        merged
    }

    fn add(
        &mut self,
        name: &str,
        makers: &mut BTreeMap<String, String>,
        outputs: &mut BTreeMap<String, String>,
        input: String,
        entry: Entry,
    ) {
        if entry.status == Status::Done
            && let Some(other) = makers.insert(input.clone(), name.to_owned())
        {
            self.faults.push(format!("{input}: made twice, in {other} and in {name}"));
        }
        if entry.status != Status::Failed
            && let Some(other) = outputs.insert(entry.output.clone(), input.clone())
            && other != input
        {
            let output = &entry.output;
            self.faults.push(format!("{output}: the result of {other} and of {input}"));
        }
        match self.entries.get(&input) {
            None => {}
            Some(known) if known.status == Status::Failed => {}
            Some(_) if entry.status == Status::Failed => return,
            Some(known) => {
                let hashes = |e: &Entry| (e.input_sha256.clone(), e.output_sha256.clone());
                if hashes(known) != hashes(&entry) {
                    self.faults.push(format!("{input}: its hash in {name} is another"));
                }
                // Who made it knows more than who found it.
                if known.status == Status::Done {
                    return;
                }
            }
        }
        self.entries.insert(input, entry);
    }

    /// Names the pictures out of `wanted` that have no entry, and entries that nobody wanted.
    pub(crate) fn compare(&mut self, wanted: &BTreeSet<String>) {
        let missing = wanted.iter().filter(|name| !self.entries.contains_key(*name));
        let missing: Vec<_> = missing.map(|name| format!("{name}: in no manifest")).collect();
        let more = self.entries.keys().filter(|name| !wanted.contains(*name));
        let more: Vec<_> = more.map(|name| format!("{name}: not among the inputs")).collect();
        self.faults.extend(missing.into_iter().chain(more));
    }

    /// How many have this status.
    pub(crate) fn count(&self, status: Status) -> usize {
        self.entries.values().filter(|entry| entry.status == status).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(input: &str, status: Status, hash: &str) -> Entry {
        Entry {
            schema: 1,
            input: input.into(),
            output: format!("out/{input}"),
            status,
            input_sha256: format!("in {input}"),
            output_sha256: hash.into(),
            recipe: Recipe::default(),
            weights_sha256: "w".into(),
            relume: "0".into(),
            report: None,
            warnings: Vec::new(),
            error: None,
            seconds: 0.5,
        }
    }

    fn merged(manifests: &[&[(&str, Status, &str)]]) -> Merged {
        let all = manifests.iter().enumerate().map(|(number, lines)| {
            let lines = lines.iter().map(|(input, status, hash)| entry(input, *status, hash));
            (format!("m{number}"), lines.collect())
        });
        Merged::of(all.collect())
    }

    #[test]
    fn shards_that_fit_together_have_no_fault() {
        use Status::{Done, Failed, Found};
        let good = merged(&[&[("a", Done, "1"), ("c", Failed, "")], &[("b", Done, "2")]]);
        assert_eq!(good.faults, ["c: failed: no reason given"]);
        let resumed = merged(&[
            &[("a", Done, "1"), ("b", Failed, ""), ("b", Done, "2")],
            &[("a", Found, "1"), ("c", Found, "3")],
        ]);
        assert!(resumed.faults.is_empty(), "{:?}", resumed.faults);
        assert_eq!((resumed.count(Done), resumed.count(Found)), (2, 1));
    }

    #[test]
    fn what_was_made_twice_or_not_at_all_is_named() {
        use Status::{Done, Found};
        let twice = merged(&[&[("a", Done, "1")], &[("a", Done, "1")]]);
        assert_eq!(twice.faults, ["a: made twice, in m0 and in m1"]);
        let differs = merged(&[&[("a", Done, "1")], &[("a", Found, "2")]]);
        assert_eq!(differs.faults, ["a: its hash in m1 is another"]);
        let mut some = merged(&[&[("a", Done, "1"), ("x", Done, "2")]]);
        some.compare(&["a", "b"].map(str::to_owned).into());
        assert_eq!(some.faults, ["b: in no manifest", "x: not among the inputs"]);
        let mut both = [entry("a", Done, "1"), entry("b", Done, "1")];
        both[1].output = "out/a".into();
        let clash = Merged::of(vec![("m".into(), both.into())]);
        assert_eq!(clash.faults, ["out/a: the result of a and of b"]);
    }

    #[test]
    fn a_manifest_goes_on_behind_a_line_cut_short() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/m.jsonl");
        let mut manifest = Manifest::open(&path).unwrap();
        manifest.add(entry("a", Status::Done, "1")).unwrap();
        assert!(
            Manifest::open(&path).is_err_and(|failure| failure.message.contains("another run"))
        );
        drop(manifest);
        let whole = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{whole}{{\"schema\":1,\"inp")).unwrap();
        let mut manifest = Manifest::open(&path).unwrap();
        manifest.add(entry("b", Status::Done, "2")).unwrap();
        drop(manifest);
        let inputs: Vec<_> = read(&path).unwrap().into_iter().map(|entry| entry.input).collect();
        assert_eq!(inputs, ["a", "b"]);
        std::fs::write(&path, "junk\n").unwrap();
        assert!(Manifest::open(&path).is_err_and(|failure| failure.message.contains("line 1")));
    }
}
