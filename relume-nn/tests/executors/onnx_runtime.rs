//! Exported networks, run by ONNX Runtime through `onnx_check.py`, against the reference executor.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use relume_nn::weights::Precision;
use relume_nn::{Feeds, Graph, Tensor, Weights, onnx, reference};
use serde_json::{Value, json};

/// A network, its weights, and what it is fed.
pub(crate) struct Exported {
    /// Names the case in what is printed.
    pub(crate) name: String,
    pub(crate) graph: Graph,
    pub(crate) weights: Weights,
    pub(crate) feeds: Feeds,
}

/// Fails when ONNX Runtime's outputs differ from the reference's by more than `tolerance`, relative
/// to the largest value (at least 1). Prints why and passes where Python lacks ONNX Runtime.
pub(crate) fn check(cases: &[Exported], precision: Precision, tolerance: f64) {
    let root = tempfile::tempdir().unwrap();
    for case in cases {
        write_case(&root.path().join(case.name.replace(' ', "_")), case, precision);
    }
    check_folder(root.path(), cases.len(), tolerance);
}

/// The same for the `count` folders that [`write_case`] made in `root`.
pub(crate) fn check_folder(root: &Path, count: usize, tolerance: f64) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../relume-nn/tests/onnx_check.py");
    let tolerance = tolerance.to_string();
    let Some(said) = python(&script, &[root.as_os_str(), tolerance.as_ref()]) else { return };
    assert_eq!(said.lines().count(), count, "{said}");
}

/// What a checking script says; fails when it does, prints why and gives nothing where Python or a
/// package it needs is missing.
pub(crate) fn python(script: &Path, arguments: &[&OsStr]) -> Option<String> {
    let python = std::env::var_os("RELUME_PYTHON").unwrap_or_else(|| "python3".into());
    let Ok(output) = Command::new(&python).arg(script).args(arguments).output() else {
        println!("skipped: {} does not start; name one in RELUME_PYTHON", python.display());
        return None;
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.code() == Some(77) {
        println!("skipped: {} (RELUME_PYTHON names another Python)", said.trim());
        return None;
    }
    println!("{said}");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{errors}");
    Some(said)
}

/// Writes the exported network, its inputs, and the outputs that the reference computes.
pub(crate) fn write_case(folder: &Path, case: &Exported, precision: Precision) {
    std::fs::create_dir_all(folder).unwrap();
    let model = onnx::export(&case.graph, &case.weights, precision).unwrap();
    std::fs::write(folder.join("model.onnx"), model).unwrap();
    let wanted: Vec<&str> = case.graph.outputs().keys().map(String::as_str).collect();
    let truth = reference::run(&case.graph, &case.weights, &case.feeds, &wanted).unwrap();
    let entries = |kind: &str, tensors: &BTreeMap<String, Tensor>| -> Value {
        let entry = |(index, (name, tensor)): (usize, (&String, &Tensor))| {
            let file = format!("{kind}{index}.f32");
            let bytes: Vec<u8> = tensor.values.iter().flat_map(|v| v.to_le_bytes()).collect();
            std::fs::write(folder.join(&file), bytes).unwrap();
            (name.clone(), json!({ "file": file, "shape": tensor.shape }))
        };
        tensors.iter().enumerate().map(entry).collect()
    };
    let record = json!({ "inputs": entries("in", &case.feeds), "outputs": entries("out", &truth) });
    std::fs::write(folder.join("case.json"), record.to_string()).unwrap();
}
