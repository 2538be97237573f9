//! One unit of work, the same wherever it is done: a picture, where its result goes, and the recipe.
//! Doing it again changes nothing: a result appears whole or not at all, and once.

use std::path::{Path, PathBuf};
use std::time::Instant;

use relume::RestoreReport;
use relume_media::atomic::Overwrite;
use relume_media::metadata::Warning;
use relume_media::photo::SaveOptions;
use relume_media::{Progress, Size};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::console::SCHEMA;
use crate::engine::Engine;
use crate::exit::{Code, Failure};
use crate::inputs::{Input, Inputs, Source, collect};
use crate::recipe::Recipe;
use crate::target::{Action, OnExisting, Output, Target, action, plan};

/// A picture, where its result goes, and how it is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    /// Path or address of the picture.
    pub input: String,
    /// Path or address of the result.
    pub output: String,
    /// How it is made.
    #[serde(default)]
    pub recipe: Recipe,
    /// What is done where the result exists already.
    #[serde(default)]
    pub existing: OnExisting,
}

/// What came of a unit: a line of a manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Version of the fields.
    pub schema: u32,
    /// The picture.
    pub input: String,
    /// The result.
    pub output: String,
    /// What was done.
    pub status: Status,
    /// SHA-256 of the picture's bytes; empty where it could not be read.
    pub input_sha256: String,
    /// SHA-256 of the result's bytes; empty where there is none.
    pub output_sha256: String,
    /// How it was made.
    pub recipe: Recipe,
    /// SHA-256 of the weights.
    pub weights_sha256: String,
    /// Version of the program.
    pub relume: String,
    /// What was measured and decided; only where it was done.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub report: Option<serde_json::Value>,
    /// What the result could not take along.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub warnings: Vec<String>,
    /// Why nothing was done.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
    /// Wall time in seconds.
    pub seconds: f64,
}

/// What was done about a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The result was made and written.
    Done,
    /// It was there already.
    Found,
    /// There is none.
    Failed,
}

impl Unit {
    /// Does it.
    ///
    /// # Errors
    /// When the picture cannot be read or restored, or the result cannot be written.
    pub fn run(&self, progress: &Progress<'_>) -> Result<Entry, Failure> {
        let (input, target) = (Input::understand(&self.input)?, Target::understand(&self.output)?);
        let pair = (&input, &target);
        refuse_itself(pair)?;
        let engine = Engine::shared(&self.recipe)?;
        let entry = Entry::blank(pair, &self.recipe, &engine);
        if action(&target, self.existing)? == Action::Skip {
            return entry.found(pair);
        }
        match make(&engine, pair, &self.recipe, self.existing.overwrite(), progress) {
            Ok(made) => entry.done(&made),
            // Somebody else was faster.
            Err(failure) if failure.exists && self.existing == OnExisting::Skip => {
                entry.found(pair)
            }
            Err(failure) => Err(failure),
        }
    }
}

impl Unit {
    /// Does it; that the picture is at fault is an answer too, for who does many.
    ///
    /// # Errors
    /// When memory, disk, network or the settings are at fault.
    pub fn attempt(&self, progress: &Progress<'_>) -> Result<Entry, Failure> {
        match self.run(progress) {
            Err(failure) if failure.code == Code::Input => self.failed(&failure),
            outcome => outcome,
        }
    }

    /// The entry that says that nothing came of it.
    pub(crate) fn failed(&self, failure: &Failure) -> Result<Entry, Failure> {
        let (input, target) = (Input::understand(&self.input)?, Target::understand(&self.output)?);
        let engine = Engine::shared(&self.recipe)?;
        Ok(Entry::blank((&input, &target), &self.recipe, &engine).failed(failure))
    }
}

/// The units that the arguments of `relume restore` mean; files by their whole paths, so that they
/// can be done in any folder.
///
/// # Errors
/// When a folder cannot be read or holds no picture, or results would meet.
pub fn units(
    inputs: &[PathBuf],
    output: Option<&Path>,
    recipe: &Recipe,
    existing: OnExisting,
) -> Result<Vec<Unit>, Failure> {
    let output = Output::understand(output)?;
    let inputs = collect(inputs, output.folder().as_deref())?;
    let pairs = plan(&inputs, &output)?;
    if let Some((_, failure)) = inputs.failures.into_iter().next() {
        return Err(failure);
    }
    let recipe = recipe.everywhere()?;
    let unit = |(input, target): &(Input, Target)| {
        let (input, output) = (input.everywhere()?, target.everywhere()?);
        Ok(Unit { input, output, recipe: recipe.clone(), existing })
    };
    pairs.iter().map(unit).collect()
}

/// A path that means the same in every folder.
pub(crate) fn absolute(path: &Path) -> Result<String, Failure> {
    let whole = std::path::absolute(path).ok();
    let text = whole.as_deref().and_then(Path::to_str).map(str::to_owned);
    let message = format!("{}: cannot be handed on as a name; rename it", path.display());
    text.ok_or_else(|| Failure::usage(message))
}

impl Input {
    /// Its name for who works in another folder, or on another machine.
    pub(crate) fn everywhere(&self) -> Result<String, Failure> {
        match &self.source {
            Source::Stdin => Err(Failure::usage("stdin cannot be handed on; name files")),
            Source::File(path) => absolute(path),
            Source::Object(object) => Ok(object.name()),
        }
    }
}

impl Target {
    /// Its name for who works in another folder, or on another machine.
    pub(crate) fn everywhere(&self) -> Result<String, Failure> {
        match self {
            Self::Stdout => Err(Failure::usage("stdout is no place for many; use -o DIR/")),
            Self::File(path) => absolute(path),
            Self::Object(object) => Ok(object.name()),
        }
    }
}

impl Recipe {
    /// The same with a weights file by its whole path.
    pub(crate) fn everywhere(&self) -> Result<Self, Failure> {
        let model = match relume::models::means_a_file(&self.model) {
            true => absolute(self.model.as_ref())?,
            false => self.model.clone(),
        };
        Ok(Self { model, ..self.clone() })
    }
}

fn refuse_itself((input, target): (&Input, &Target)) -> Result<(), Failure> {
    let inputs = Inputs { found: vec![input.clone()], single: true, failures: Vec::new() };
    plan(&inputs, &Output::of(target)).map(|_| ())
}

/// A result that was made and written.
pub(crate) struct Made {
    pub(crate) size: Size,
    pub(crate) report: RestoreReport,
    pub(crate) warnings: Vec<Warning>,
    pub(crate) input_sha256: String,
    pub(crate) output_sha256: String,
    pub(crate) seconds: f64,
}

/// Reads a picture, restores it and writes the result.
pub(crate) fn make(
    engine: &Engine,
    (input, target): (&Input, &Target),
    recipe: &Recipe,
    overwrite: Overwrite,
    progress: &Progress<'_>,
) -> Result<Made, Failure> {
    let start = Instant::now();
    let bytes = input.read()?;
    let input_sha256 = sha256(&bytes);
    let restored = engine.restore(input.decode(bytes)?, progress)?;
    let format = target.format(&restored.photo)?;
    let save = SaveOptions { quality: recipe.quality, overwrite, ..SaveOptions::default() };
    let (bytes, warnings) = restored.photo.encode(format, &save).map_err(|error| {
        Failure::from(match target {
            Target::File(path) => error.with_path(path),
            _ => error,
        })
    })?;
    let output_sha256 = sha256(&bytes);
    target.write(bytes, overwrite)?;
    Ok(Made {
        size: restored.photo.size(),
        report: restored.report,
        warnings,
        input_sha256,
        output_sha256,
        seconds: (start.elapsed().as_secs_f64() * 1e3).round() / 1e3,
    })
}

/// SHA-256 in hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Entry {
    /// An entry about which nothing is known yet.
    pub(crate) fn blank(
        (input, target): (&Input, &Target),
        recipe: &Recipe,
        engine: &Engine,
    ) -> Self {
        Self {
            schema: SCHEMA,
            input: input.name(),
            output: target.name(),
            status: Status::Failed,
            input_sha256: String::new(),
            output_sha256: String::new(),
            recipe: recipe.clone(),
            weights_sha256: engine.restorer().weights_sha256().to_owned(),
            relume: env!("CARGO_PKG_VERSION").to_owned(),
            report: None,
            warnings: Vec::new(),
            error: None,
            seconds: 0.0,
        }
    }

    /// The entry of a result that was made.
    pub(crate) fn done(self, made: &Made) -> Result<Self, Failure> {
        let report = serde_json::to_value(made.report)
            .map_err(|error| Failure::new(Code::Machine, format!("JSON: {error}")))?;
        Ok(Self {
            status: Status::Done,
            input_sha256: made.input_sha256.clone(),
            output_sha256: made.output_sha256.clone(),
            report: Some(report),
            warnings: made.warnings.iter().map(Warning::to_string).collect(),
            seconds: made.seconds,
            ..self
        })
    }

    /// The entry of a result that was there already.
    pub(crate) fn found(self, (input, target): (&Input, &Target)) -> Result<Self, Failure> {
        Ok(Self {
            status: Status::Found,
            input_sha256: sha256(&input.read()?),
            output_sha256: sha256(&target.read()?),
            ..self
        })
    }

    /// The entry of a picture that nothing came of.
    pub(crate) fn failed(self, failure: &Failure) -> Self {
        Self { status: Status::Failed, error: Some(failure.message.clone()), ..self }
    }
}
