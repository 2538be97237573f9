//! Does it pay to follow the diagnosis? The default workflow against doing nothing and against the
//! network on every picture.

use std::path::Path;

use relume::metrics::psnr;
use relume::workflow::{DEFAULT, own_models};
use relume::{Restorer, Verdict, Workflow, diagnose};
use relume_media::{Image, Photo, Progress, Srgb};

use crate::cases::{self, Kind};
use crate::measure::{SEED, kernels};
use crate::{Outcome, unseen};

/// Side of the pictures.
const SIDE: usize = 320;
/// PSNR of a picture that is the truth, for means.
const SAME: f64 = 60.0;

pub(crate) fn run(data: &Path) -> Outcome<()> {
    let kernels = kernels(data)?;
    let workflow = Workflow::load(DEFAULT, &[], &own_models)?;
    let lantern = Restorer::load("lantern-s")?.always(true);
    let mut rows: Vec<(Kind, Verdict, [f64; 3])> = Vec::new();
    for (number, path) in unseen(data)?.iter().enumerate() {
        let photo = cases::load(path, SIDE)?;
        for (k, kind) in Kind::ALL.into_iter().enumerate() {
            let seed = SEED + 100 * number as u64 + k as u64;
            let case = cases::make(kind, &photo, seed, &kernels, false)?;
            // As from an 8-bit file.
            let input = Image::from_rgb8(case.image.size(), &case.image.to_rgb8())?;
            let verdict = diagnose(&input).verdict;
            let always = lantern.image(&input, &Progress::silent())?.0;
            let routed = workflow.photo(&Photo::from_image(input.clone()))?.image;
            let near = |image: &Image<Srgb>| Ok(psnr(image, &case.truth)?.min(SAME));
            let scores: Outcome<Vec<f64>> =
                [&input, &always, &routed].into_iter().map(near).collect();
            let scores = scores?;
            if std::env::var_os("RELUME_LIST").is_some() {
                eprintln!("{} {} {scores:.2?} {}", kind.name(), verdict.name(), path.display());
            }
            rows.push((kind, verdict, [scores[0], scores[1], scores[2]]));
        }
    }
    println!("| kind | pictures | input | lantern on every picture | default workflow |");
    println!("| --- | --- | --- | --- | --- |");
    let line = |name: &str, kinds: &dyn Fn(Kind) -> bool| {
        let chosen: Vec<_> = rows.iter().filter(|row| kinds(row.0)).collect();
        let mean = |i: usize| chosen.iter().map(|row| row.2[i]).sum::<f64>() / chosen.len() as f64;
        let (count, [a, b, c]) = (chosen.len(), [0, 1, 2].map(mean));
        println!("| {name} | {count} | {a:.2} | {b:.2} | {c:.2} |");
    };
    for kind in Kind::ALL {
        line(kind.name(), &|other| other == kind);
    }
    line("all damaged", &|kind| kind != Kind::Fine);
    line("all", &|_| true);
    let harmed = rows.iter().filter(|row| row.2[2] < row.2[0] - 0.5).count();
    println!("\nmore than 0.5 dB worse than the input: {harmed} of {}", rows.len());
    Ok(())
}
