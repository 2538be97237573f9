//! Any bytes as a checkpoint of another program: an error of bounded length, or weights that fit
//! in little more memory than the file, whose keys can be compared with a network's, and that can
//! be saved and read again.

use std::sync::LazyLock;

use relume_nn::weights::Precision;
use relume_nn::{Checkpoint, Graph, Weights};

static GRAPH: LazyLock<Graph> =
    LazyLock::new(|| (relume::models::sci::CARD.graph)().expect("it builds"));

pub(crate) fn run(data: &[u8]) {
    let found = match Checkpoint::read(data) {
        Ok(found) => found,
        Err(error) => {
            let words = error.to_string();
            assert!(words.len() < 1000 + 2 * data.len(), "{} bytes of words", words.len());
            return;
        }
    };
    let numbers: usize = found.weights.iter().map(|(_, array)| array.values.len()).sum();
    assert!(numbers <= data.len(), "{numbers} numbers out of {} bytes", data.len());
    for (key, array) in found.weights.iter() {
        let count: usize = array.shape.iter().product();
        assert_eq!(array.values.len(), count, "{key}");
    }
    let report = found.weights.report(&GRAPH);
    let _ = (report.table(5), report.to_string());
    for card in [&relume::models::clip::CARD, &relume::models::clip::PRIOR] {
        let _ = relume::models::adopt(card, found.weights.clone());
    }
    let Ok(bytes) = found.weights.to_safetensors(Precision::F32) else { return };
    let again = Weights::read(&bytes).expect("what was written can be read");
    assert_eq!(again.to_safetensors(Precision::F32).expect("as before"), bytes);
}
