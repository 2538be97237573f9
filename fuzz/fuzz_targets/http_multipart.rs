#![no_main]

use std::sync::LazyLock;

use relume_cli::fuzzing::Forms;

static FORMS: LazyLock<Forms> = LazyLock::new(|| Forms::new().expect("a folder"));

libfuzzer_sys::fuzz_target!(init: relume_fuzz::catch_our_panics(), |data: &[u8]| FORMS.take(data));
