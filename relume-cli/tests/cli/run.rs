//! Running the program and looking at what it said and left.

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use relume_media::photo::SaveOptions;
use relume_media::{Image, Photo, Size};
use serde_json::Value;

/// What a run of the program came to.
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) out: Vec<u8>,
    pub(crate) words: String,
}

impl Outcome {
    /// Standard output, one JSON value a line.
    pub(crate) fn records(&self) -> Vec<Value> {
        let text = std::str::from_utf8(&self.out).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Asserts the exit code and that the words name both `cause` parts in one line.
    #[track_caller]
    pub(crate) fn assert_one_error(&self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, code, "{}", self.words);
        let errors: Vec<_> =
            self.words.lines().filter(|line| line.starts_with("relume: ")).collect();
        assert_eq!(errors.len(), 1, "{}", self.words);
        for part in parts {
            assert!(errors[0].contains(part), "{:?} lacks {part:?}", errors[0]);
        }
        assert!(!self.words.contains("panicked"), "{}", self.words);
    }
}

/// Runs the program with arguments, in `folder`.
pub(crate) fn relume(folder: &Path, arguments: &[&str]) -> Outcome {
    relume_fed(folder, arguments, Vec::new())
}

/// Runs the program with arguments and bytes on its stdin.
pub(crate) fn relume_fed(folder: &Path, arguments: &[&str], stdin: Vec<u8>) -> Outcome {
    outcome(Command::cargo_bin("relume").unwrap().current_dir(folder).args(arguments), stdin)
}

/// Runs the program with arguments, in `folder`, with the model cache there and no other variable
/// that leads to a network or a cache than `variables`.
pub(crate) fn relume_with(
    folder: &Path,
    variables: &[(&str, &str)],
    arguments: &[&str],
) -> Outcome {
    let mut command = Command::cargo_bin("relume").unwrap();
    for name in ["HF_HOME", "HF_HUB_CACHE", "HF_ENDPOINT", "HF_TOKEN", "HF_HUB_OFFLINE"] {
        command.env_remove(name);
    }
    for name in ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "XDG_CACHE_HOME"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    command.env("RELUME_HOME", folder.join("home")).env("HF_HOME", folder.join("hf"));
    command.envs(variables.iter().copied());
    outcome(command.current_dir(folder).args(arguments), Vec::new())
}

fn outcome(command: &mut Command, stdin: Vec<u8>) -> Outcome {
    let output = command.write_stdin(stdin).output().unwrap();
    Outcome {
        code: output.status.code().unwrap_or(-1),
        out: output.stdout,
        words: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A temporary folder.
pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// Writes a small picture with edges and shades, making folders as needed.
pub(crate) fn picture(path: &Path) -> PathBuf {
    let image = Image::from_fn(Size::new(48, 40), |x, y| {
        let step = if (x / 8 + y / 8) % 2 == 0 { 0.55 } else { 0.35 };
        [step, step * 0.9 + x as f32 / 480.0, y as f32 / 80.0 + 0.2]
    });
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    Photo::from_image(image).save(path, &SaveOptions::default()).unwrap();
    path.to_owned()
}

/// Every file below a folder with its bytes, sorted.
pub(crate) fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(inner) = open.pop() {
        for entry in fs::read_dir(inner).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
                found.push((name, fs::read(path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// The names alone.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    files(folder).into_iter().map(|(name, _)| name).collect()
}

/// How often a test repeats what takes long: as the variable says, else `usual` times.
pub(crate) fn times(variable: &str, usual: usize) -> usize {
    std::env::var(variable).map_or(usual, |text| text.parse().unwrap())
}

/// Numbers that look random, the same in every run.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// From 0 up to but without `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    /// From 0 to 1.
    pub(crate) fn share(&mut self) -> f64 {
        self.below(1 << 24) as f64 / f64::from(1 << 24)
    }
}
