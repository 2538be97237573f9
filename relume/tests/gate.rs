//! The gate of `sem`: daylight photos are not burnt, and curves never turn round.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]
#![allow(clippy::print_stdout, reason = "the table is what people read")]

use std::path::Path;

use relume::Restorer;
use relume::metrics::clipped_highlights;
use relume_media::{Limits, Photo, Progress};

/// Percentage points of clipped pixels that no photo may gain.
const MOST: f64 = 0.5;

#[test]
fn no_photo_gains_clipped_pixels() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/test");
    // Not the verdict, the gate alone: --always.
    let gated = Restorer::load("sem").unwrap().always(true);
    let open = Restorer::load("sem").unwrap().unguarded();
    for folder in ["kodak", "exposure_wild"] {
        let Ok(entries) = std::fs::read_dir(data.join(folder)) else {
            println!("skipped: {folder} does not lie beside the repository");
            return;
        };
        let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        println!("{folder:40} amount  clipped %: before  gated   open");
        for file in files {
            let photo = Photo::load(&file, &Limits::default()).unwrap().image;
            let before = clipped_highlights(&photo).unwrap();
            let (made, report) = gated.image(&photo, &Progress::silent()).unwrap();
            let after = clipped_highlights(&made).unwrap();
            let burnt = open.image(&photo, &Progress::silent()).unwrap().0;
            let burnt = clipped_highlights(&burnt).unwrap();
            let name = file.file_name().unwrap().to_string_lossy();
            let name: String = name.chars().take(40).collect();
            println!("{name:40} {:6.3} {before:18.3} {after:6.3} {burnt:6.3}", report.strength);
            assert!(after - before <= MOST, "{name}: {before} to {after} % clipped");
        }
    }
}
