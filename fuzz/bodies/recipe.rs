//! Any text as a recipe of a training run: an error with cause and remedy, or stages in their
//! ranges.

use std::path::Path;

use relume_train::Recipe;

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Recipe::of_text(text, Path::new("folder")) {
        Ok(recipe) => {
            assert!(!recipe.stages.is_empty());
            for stage in &recipe.stages {
                assert!(stage.steps > 0 && stage.data.crop <= stage.data.view);
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
