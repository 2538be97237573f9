//! Any text as a workflow: faults with lines and remedies, or a workflow that can be drawn and
//! whose recipe is a workflow again.

use relume::workflow::{Change, FileHash, Workflow};
use relume::{Error, Restorer};

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // No weights: loading them is another target's matter.
    let none = |name: &str| -> relume::Result<Restorer> { Err(Error::Model(name.into())) };
    // A first line of the form `#node.key=value` is a change from outside.
    let change = text.lines().next().and_then(|line| line.strip_prefix('#')?.split_once('='));
    let change =
        change.map(|(target, value)| Change { target: target.into(), value: value.into() });
    let changes: Vec<_> = change.into_iter().collect();
    match Workflow::parse(text, "fuzz.toml", &changes, &none) {
        Ok(workflow) => {
            let _ = (workflow.draw(), workflow.differences(text, ""));
            let from = FileHash { path: "a.jpg".into(), sha256: String::new() };
            let recipe = workflow.recipe(&from, &[], &[]).to_string();
            Workflow::parse(&recipe, "fuzz.json", &[], &none).expect("a recipe is a workflow");
        }
        Err(error) => {
            let words = error.to_string();
            assert!(!words.is_empty());
        }
    }
}
