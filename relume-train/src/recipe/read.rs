//! Reading a recipe: stages are laid over what the file says for all of them, paths become
//! absolute, and what cannot work is refused before anything is loaded.

use std::path::Path;

use relume::models::means_a_file;
use relume_media::limits::read_text;
use toml::{Table, Value};

use super::{Recipe, Stage};
use crate::{Error, Result};

/// Most bytes of a recipe.
const BYTES: u64 = 1 << 20;
/// Most stages of a recipe.
const STAGES: usize = 100;

/// A recipe with every key, its default and what it does.
const EXPLAINED: &str = include_str!("explained.toml");

impl Recipe {
    /// Reads the recipe at `path`.
    ///
    /// # Errors
    /// [`Error::Recipe`] for unknown keys and values out of range, with the line or the stage.
    pub fn load(path: &Path) -> Result<Self> {
        let text = read_text(path, BYTES).map_err(|e| wrong(path, &e))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        Self::parse(&text, folder, &[]).map_err(|message| wrong(path, &message))
    }

    /// Reads the recipe at `path` with some of its keys replaced: dotted key and value each.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_with(path: &Path, changes: &[(String, Value)]) -> Result<Self> {
        let text = read_text(path, BYTES).map_err(|e| wrong(path, &e))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        Self::parse(&text, folder, changes).map_err(|message| wrong(path, &message))
    }

    /// Reads a recipe that is in memory; its relative paths start at `folder`.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn of_text(text: &str, folder: &Path) -> Result<Self> {
        Self::parse(text, folder, &[]).map_err(|message| wrong(folder, &message))
    }

    /// Reads a recipe whose relative paths start at `folder`.
    fn parse(
        text: &str,
        folder: &Path,
        changes: &[(String, Value)],
    ) -> std::result::Result<Self, String> {
        let mut table: Table = toml::from_str(text).map_err(|e| hint(&e.to_string()))?;
        for (key, value) in changes {
            set(&mut table, key, value.clone())?;
        }
        let mut stages = match table.remove("stages") {
            // Straight from the text: errors then name the line.
            None if changes.is_empty() => {
                vec![toml::from_str::<Stage>(text).map_err(|e| hint(&e.to_string()))?]
            }
            None => vec![stage_of(table, "the recipe")?],
            Some(Value::Array(parts)) if parts.len() > STAGES => {
                return Err(format!("there are {} stages; at most {STAGES}", parts.len()));
            }
            Some(Value::Array(parts)) if !parts.is_empty() => parts
                .into_iter()
                .enumerate()
                .map(|(index, part)| {
                    let Value::Table(part) = part else { return Err("stages are tables".into()) };
                    let mut whole = table.clone();
                    whole.insert("name".into(), Value::String(format!("stage {}", index + 1)));
                    lay_over(&mut whole, part);
                    stage_of(whole, &format!("stage {}", index + 1))
                })
                .collect::<std::result::Result<_, String>>()?,
            Some(_) => return Err("stages is a list of tables, [[stages]], at least one".into()),
        };
        let text = if changes.is_empty() {
            text.to_owned()
        } else {
            let note = |(key, value): &(String, Value)| format!("# {key} = {value}\n");
            format!("# Changed:\n{}{text}", changes.iter().map(note).collect::<String>())
        };
        let (model, seed) = (stages[0].model.clone(), stages[0].seed);
        for stage in &mut stages {
            if (&stage.model, stage.seed) != (&model, seed) {
                return Err("all stages train one model from one seed".into());
            }
            stage.locate(folder);
            stage.check()?;
        }
        Ok(Self { stages, text })
    }

    /// Every key of a recipe with its default and meaning, as a recipe.
    pub fn explained() -> &'static str {
        EXPLAINED
    }
}

impl Stage {
    /// Makes paths start at `folder`.
    fn locate(&mut self, folder: &Path) {
        let sources = self.data.sources.iter_mut().map(|source| &mut source.path);
        let sets = self.validation.iter_mut().map(|set| &mut set.path);
        let from = self.from.iter_mut().filter(|from| means_a_file(&from.to_string_lossy()));
        for path in sources.chain(sets).chain(&mut self.data.manifest).chain(from) {
            *path = folder.join(&*path);
        }
        let files = self.losses.iter_mut().filter_map(|loss| loss.parameters.get_mut("weights"));
        for file in files {
            if let Some(name) = file.as_str().filter(|name| means_a_file(name)) {
                *file = folder.join(name).to_string_lossy().into_owned().into();
            }
        }
    }

    fn check(&self) -> std::result::Result<(), String> {
        self.degradation.check().map_err(|e| format!("degradation: {e}"))?;
        let data = &self.data;
        if data.sources.is_empty() {
            return Err("data.sources is empty; name at least one folder".into());
        }
        if data.crop > data.view {
            let sides = (data.crop, data.view);
            return Err(format!("data.crop is {}, larger than data.view ({})", sides.0, sides.1));
        }
        let reports = &self.reports;
        let counts = [
            ("steps", self.steps),
            ("data.crop", data.crop),
            ("data.views", data.views),
            ("data.crops_per_view", data.crops_per_view),
            ("data.ahead", data.ahead),
            ("reports.journal", reports.journal),
            ("reports.checkpoint", reports.checkpoint),
            ("reports.validation", reports.validation),
        ];
        if let Some((name, _)) = counts.iter().find(|(_, count)| *count == 0) {
            return Err(format!("{name} is 0; it starts at 1"));
        }
        let optimizer = &self.optimizer;
        let mut ranges = vec![
            ("optimizer.rate", optimizer.rate, 0.0..=10.0),
            ("optimizer.betas", optimizer.betas[0], 0.0..=0.999_999),
            ("optimizer.betas", optimizer.betas[1], 0.0..=0.999_999),
            ("optimizer.decay", optimizer.decay, 0.0..=10.0),
            ("optimizer.clip", optimizer.clip, 0.0..=f32::MAX),
            ("optimizer.average", optimizer.average, 0.0..=1.0),
            ("schedule.last", self.schedule.last, 0.0..=1.0),
            ("data.augment.scale", data.augment.scale, 0.05..=1.0),
            ("data.augment.mirror", data.augment.mirror, 0.0..=1.0),
            ("data.augment.turn", data.augment.turn, 0.0..=1.0),
        ];
        let shares = data.sources.iter().filter_map(|source| source.share);
        ranges.extend(shares.map(|share| ("data.sources.share", share, 0.0..=f32::MAX)));
        ranges.extend(self.mixup.iter().map(|m| ("mixup.alpha", m.alpha, 1e-3..=1e3)));
        match ranges.into_iter().find(|(_, value, range)| !range.contains(value)) {
            None => Ok(()),
            Some((name, value, range)) => {
                Err(format!("{name} is {value}; it goes from {} to {}", range.start(), range.end()))
            }
        }
    }
}

fn wrong(path: &Path, message: &dyn std::fmt::Display) -> Error {
    Error::Recipe { path: path.to_owned(), message: message.to_string() }
}

fn stage_of(table: Table, what: &str) -> std::result::Result<Stage, String> {
    table.try_into().map_err(|e: toml::de::Error| format!("{what}: {}", hint(&e.to_string())))
}

/// Puts the keys of `part` into `whole`; tables are joined, everything else is replaced.
fn lay_over(whole: &mut Table, part: Table) {
    for (key, value) in part {
        match (whole.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => lay_over(below, above),
            (_, value) => {
                whole.insert(key, value);
            }
        }
    }
}

/// Sets a dotted key such as `optimizer.rate`.
fn set(table: &mut Table, key: &str, value: Value) -> std::result::Result<(), String> {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
            Ok(())
        }
        Some((first, rest)) => {
            let inner = table.entry(first).or_insert_with(|| Value::Table(Table::new()));
            let inner = inner.as_table_mut();
            set(inner.ok_or_else(|| format!("{first} is no table"))?, rest, value)
        }
    }
}

/// Adds `did you mean …?` to a message about an unknown key.
fn hint(message: &str) -> String {
    let names: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let Some((unknown, known)) = names.split_first().filter(|_| message.contains("unknown")) else {
        return message.trim_end().to_owned();
    };
    match crate::nearest(unknown, known.iter().copied()) {
        Some(near) => format!("{}; did you mean `{near}`?", message.trim_end()),
        None => message.trim_end().to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    fn parsed(text: &str) -> std::result::Result<Recipe, String> {
        Recipe::parse(text, Path::new(""), &[])
    }

    #[test]
    fn the_explained_recipe_is_made_of_defaults() {
        let short = "model = \"lantern-s\"\nseed = 1\nsteps = 8400\n\
                     [[data.sources]]\npath = \"photos\"\n";
        let (long, short) = (parsed(EXPLAINED).unwrap(), parsed(short).unwrap());
        assert_eq!(format!("{:?}", long.stages), format!("{:?}", short.stages));
    }

    #[test]
    fn the_explained_recipe_names_every_key() {
        let sources = "[[data.sources]]\npath = \"x\"\n";
        let tables = [
            ("", sources, ""),
            ("", "", "[data]\nunheard = 1\n"),
            ("", sources, "unheard = 1\n"),
            ("", sources, "[data.augment]\nunheard = 1\n"),
            ("", sources, "[optimizer]\nunheard = 1\n"),
            ("", sources, "[schedule]\nunheard = 1\n"),
            ("", sources, "[mixup]\nunheard = 1\n"),
            ("", sources, "[reports]\nunheard = 1\n"),
            ("", sources, "[pan]\nunheard = 1\n"),
            ("", sources, "[pan.camera]\nunheard = 1\n"),
            ("", sources, "[[validation]]\nunheard = 1\n"),
            ("unheard = 1\n", sources, ""),
        ];
        let mut seen = 0;
        for (first, middle, last) in tables.into_iter().filter(|t| *t != ("", sources, "")) {
            let text = format!("{first}model = \"sci\"\nseed = 1\nsteps = 1\n{middle}{last}");
            let message = parsed(&text).unwrap_err();
            let known = message.split_once("expected one of").map_or("", |(_, known)| known);
            for key in known.split('`').skip(1).step_by(2) {
                seen += 1;
                let named = [format!("{key} = "), format!("[{key}]"), format!("[{key}.")];
                let shown = named.iter().any(|n| EXPLAINED.contains(n))
                    || EXPLAINED.contains(&format!(".{key}]"));
                assert!(shown, "`{key}` is not explained");
            }
        }
        assert!(seen > 40, "only {seen} keys were found");
    }
}
