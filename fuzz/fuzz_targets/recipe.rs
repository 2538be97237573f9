#![no_main]

#[path = "../bodies/recipe.rs"]
mod body;

libfuzzer_sys::fuzz_target!(init: relume_fuzz::catch_our_panics(), |data: &[u8]| body::run(data));
