//! MIRNet as its users meet it: its authors' way and ours, the event layout, a search.

use std::fs;
use std::path::Path;

use image::GenericImageView as _;
use relume::models::mirnet;
use relume_media::photo::SaveOptions;
use relume_media::{Image, Photo, Size};
use relume_nn::Weights;
use relume_nn::weights::Precision;

use crate::run::{folder, names, picture, relume};

/// Untrained weights of mirnet-small that name their model.
fn weights(path: &Path) {
    let mut weights = Weights::initial(&(mirnet::SMALL.graph)().unwrap(), 7);
    weights.metadata.insert("modelspec.architecture".into(), "mirnet-small".into());
    fs::write(path, weights.to_safetensors(Precision::F32).unwrap()).unwrap();
}

/// A dark picture that the diagnosis does not leave alone.
fn dark(path: &Path, size: Size) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let image = Image::from_fn(size, |x, y| [0.04 + ((x * 3 + y * 5) % 17) as f32 / 400.0; 3]);
    Photo::from_image(image).save(path, &SaveOptions::default()).unwrap();
}

#[test]
fn it_restores_at_any_size_and_as_its_authors_did() {
    let folder = folder();
    weights(&folder.path().join("small.safetensors"));
    dark(&folder.path().join("album/wide.png"), Size::new(61, 47));
    dark(&folder.path().join("album/deep/tall.png"), Size::new(30, 50));
    let restore = |more: &[&str]| {
        let mut arguments = vec!["restore", "album", "--model", "./small.safetensors"];
        arguments.extend_from_slice(more);
        let outcome = relume(folder.path(), &arguments);
        assert_eq!(outcome.code, 0, "{}", outcome.words);
    };
    restore(&["-o", "ours"]);
    restore(&["-o", "theirs", "--compatible"]);
    let size = |path: &str| image::open(folder.path().join(path)).unwrap().dimensions();
    assert_eq!(size("ours/wide.png"), (61, 47));
    assert_eq!(size("ours/deep/tall.png"), (30, 50));
    // 400 · 61 / 47 is 519.1, of which multiples of 8 leave 512.
    assert_eq!(size("theirs/wide.png"), (512, 400));
    assert_eq!(size("theirs/deep/tall.png"), (400, 664));
}

#[test]
fn other_networks_have_no_compatible_way() {
    let folder = folder();
    let path = picture(&folder.path().join("a.png"));
    let arguments = ["restore", path.to_str().unwrap(), "--compatible"];
    relume(folder.path(), &arguments).assert_one_error(2, &["lantern-s", "mirnet"]);
}

#[test]
fn event_pairs_are_made_and_scored_with_a_grid_and_a_table() {
    let folder = folder();
    weights(&folder.path().join("small.safetensors"));
    for name in ["a.png", "b.png"] {
        let path = folder.path().join("photos").join(name);
        dark(&path, Size::new(720, 405));
    }
    let make = ["dataset", "make", "event", "--from", "photos", "--how", "event"];
    let outcome = relume(folder.path(), &make);
    assert_eq!(outcome.code, 0, "{}", outcome.words);
    let part = names(&folder.path().join("event"));
    let part = part.iter().find_map(|name| name.split_once("/imgs/")).unwrap().0;
    let data = format!("event/{part}");
    let arguments = [
        "eval",
        "--model",
        "./small.safetensors",
        "--data",
        &data,
        "-o",
        "out",
        "--metric",
        "charbonnier",
        "--side",
        "64",
    ];
    let outcome = relume(folder.path(), &arguments);
    assert_eq!(outcome.code, 0, "{}", outcome.words);
    let table = fs::read_to_string(folder.path().join("out/report.md")).unwrap();
    assert!(table.contains("psnr ↑") && table.contains("charbonnier ↓"), "{table}");
    assert!(folder.path().join("out/grid.png").exists());
}

#[cfg(feature = "train")]
#[test]
fn a_search_tries_rates_and_ranks_them() {
    let folder = folder();
    for name in ["a.png", "b.png", "c.png"] {
        picture(&folder.path().join("pairs/imgs").join(name));
        picture(&folder.path().join("pairs/targets").join(name));
    }
    let recipe = "model = \"mirnet-small\"\nseed = 1\nsteps = 2\n[data]\nview = 32\ncrop = 16\n\
                  views = 1\ncrops_per_view = 1\nheld_out = 1\n[[data.sources]]\npath = \"pairs\"\n";
    fs::write(folder.path().join("recipe.toml"), recipe).unwrap();
    let search = "recipe = \"recipe.toml\"\nseed = 1\ntrials = 3\nfirst_rung = 1\nkeep_one_of = 1\n\
                  [space]\n\"optimizer.rate\" = { choice = [1e-4, 1e-3, 1e-5, 1e-6] }\n";
    fs::write(folder.path().join("search.toml"), search).unwrap();
    let outcome = relume(folder.path(), &["tune", "search.toml", "-o", "found", "--json"]);
    assert_eq!(outcome.code, 0, "{}", outcome.words);
    let scores: Vec<f64> =
        outcome.records().iter().map(|trial| trial["score"].as_f64().unwrap()).collect();
    assert_eq!(scores.len(), 3);
    assert!(scores.windows(2).all(|pair| pair[0] >= pair[1]), "{scores:?}");
    assert!(folder.path().join("found/tune.json").exists());
}
