//! Every kind of dataset, on tiny folders of its layout: recognised, right pairs, clear errors.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "a skipped test says so")]

use std::path::Path;

use relume_media::photo::SaveOptions;
use relume_media::{Image, Photo, Progress, Size};
use relume_train::datasets::{DATASETS, Dataset, Item, OpenOptions, kind_of, open};
use relume_train::making::{How, MakeOptions, make};

/// A picture whose red tells it apart, `width` pixels wide.
fn picture(path: &Path, red: f32, width: usize) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let image = Image::from_fn(Size::new(width, 12), |x, _| [red, x as f32 / 99.0, 0.5]);
    Photo::from_image(image).save(path, &SaveOptions::default()).unwrap();
}

fn red(image: &Image<relume_media::Srgb>) -> f32 {
    (image.get(0, 0)[0] * 100.0).round() / 100.0
}

fn part(split: &str) -> OpenOptions {
    OpenOptions { split: Some(split.to_owned()), ..OpenOptions::default() }
}

/// Names of the items with the reds of their pictures.
fn contents(set: &dyn Dataset) -> Vec<(String, Vec<f32>)> {
    let reds = |item| match item {
        Item::Sharp(picture) | Item::Alone(picture) => vec![red(&picture)],
        Item::Pair { input, target } => vec![red(&input), red(&target)],
        Item::Series { exposures, .. } => exposures.iter().map(red).collect(),
        Item::Scene(_) | Item::Table(_) => Vec::new(),
    };
    (0..set.len()).map(|index| (set.name(index), reds(set.read(index).unwrap()))).collect()
}

/// A layout: its kind, its files with the reds of their pictures, the part asked for, and what
/// should be found in it.
struct Layout {
    kind: &'static str,
    files: &'static [(&'static str, f32)],
    split: Option<&'static str>,
    items: &'static [(&'static str, &'static [f32])],
}

const LAYOUTS: &[Layout] = &[
    Layout {
        kind: "lol",
        files: &[
            ("our485/low/2.png", 0.1),
            ("our485/high/2.png", 0.6),
            ("eval15/low/1.png", 0.2),
            ("eval15/high/1.png", 0.7),
        ],
        split: Some("test"),
        items: &[("1", &[0.2, 0.7])],
    },
    Layout {
        kind: "lol",
        files: &[
            ("Train/Low/low00001.png", 0.1),
            ("Train/Normal/normal00001.png", 0.6),
            ("Train/Low/low00002.png", 0.2),
            ("Train/Normal/normal00002.png", 0.7),
        ],
        split: None,
        items: &[("00001", &[0.1, 0.6]), ("00002", &[0.2, 0.7])],
    },
    Layout {
        kind: "lol",
        files: &[("Test/input/7.png", 0.1), ("Test/target/7.png", 0.6)],
        split: None,
        items: &[("7", &[0.1, 0.6])],
    },
    Layout {
        kind: "gopro",
        files: &[
            ("train/A/blur/1.png", 0.1),
            ("train/A/blur_gamma/1.png", 0.3),
            ("train/A/sharp/1.png", 0.6),
            ("train/B/blur/1.png", 0.2),
            ("train/B/sharp/1.png", 0.7),
        ],
        split: None,
        items: &[("A/1", &[0.1, 0.6]), ("B/1", &[0.2, 0.7])],
    },
    Layout {
        kind: "lol_blur",
        files: &[
            ("train/low_blur/0012/1.png", 0.1),
            ("train/low_blur_noise/0012/1.png", 0.2),
            ("train/high_sharp_scaled/0012/1.png", 0.6),
        ],
        split: Some("train/low_blur_noise"),
        items: &[("0012/1", &[0.2, 0.6])],
    },
    Layout {
        kind: "paired",
        files: &[("low/x.png", 0.1), ("high/x.png", 0.6)],
        split: None,
        items: &[("x", &[0.1, 0.6])],
    },
    Layout {
        kind: "exposures",
        files: &[("s1_under.png", 0.1), ("s1_mid.png", 0.5), ("s1_over.png", 0.9)],
        split: None,
        items: &[("s1", &[0.1, 0.5, 0.9])],
    },
    Layout {
        kind: "frames",
        files: &[("clip/000001.png", 0.1), ("clip/000002.png", 0.2)],
        split: None,
        items: &[("clip/000001.png", &[0.1]), ("clip/000002.png", &[0.2])],
    },
    Layout {
        kind: "clean",
        files: &[("a.png", 0.1), ("b/c.png", 0.2)],
        split: None,
        items: &[("a.png", &[0.1]), ("b/c.png", &[0.2])],
    },
];

#[test]
fn layouts_are_recognised_and_read() {
    for layout in LAYOUTS {
        let folder = tempfile::tempdir().unwrap();
        for (name, red) in layout.files {
            picture(&folder.path().join(name), *red, 16);
        }
        let kind = kind_of(folder.path(), None).unwrap().name;
        assert_eq!(kind, layout.kind, "{:?}", layout.files);
        let options = layout.split.map_or_else(OpenOptions::default, part);
        let set = open(folder.path(), None, &options).unwrap();
        let expected: Vec<_> =
            layout.items.iter().map(|(name, reds)| ((*name).to_owned(), reds.to_vec())).collect();
        assert_eq!(contents(set.as_ref()), expected, "{kind}");
        assert!(set.leftovers().is_empty(), "{kind}: {:?}", set.leftovers());
    }
}

#[test]
fn a_part_that_is_missing_is_named_with_those_there_are() {
    let folder = tempfile::tempdir().unwrap();
    picture(&folder.path().join("eval15/low/1.png"), 0.1, 16);
    picture(&folder.path().join("eval15/high/1.png"), 0.1, 16);
    let error = open(folder.path(), None, &part("train")).err().unwrap().to_string();
    assert!(error.contains("train") && error.contains("test"), "{error}");
}

#[test]
fn what_does_not_match_is_left_over_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    picture(&place("low/a.png"), 0.1, 16);
    picture(&place("high/a.png"), 0.6, 20);
    picture(&place("low/b.png"), 0.1, 16);
    picture(&place("high/c.png"), 0.1, 16);
    let set = open(folder.path(), None, &OpenOptions::default()).unwrap();
    assert_eq!(set.len(), 1);
    let error = set.read(0).unwrap_err().to_string();
    assert!(error.contains("16×12") && error.contains("20×12"), "{error}");
    let mut left: Vec<_> = set.leftovers().into_iter().map(|(path, _)| path).collect();
    left.sort();
    assert_eq!(left, [place("high/c.png"), place("low/b.png")]);
}

#[test]
fn made_sets_are_the_same_for_the_same_seed_and_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a", "b", "c"] {
        picture(&folder.path().join("photos").join(format!("{name}.png")), 0.5, 16);
    }
    std::fs::write(folder.path().join("photos/broken.png"), "no picture").unwrap();
    let photos = open(&folder.path().join("photos"), None, &OpenOptions::default()).unwrap();
    let camera = || How::Camera(Box::default());
    let write = |name: &str, seed: u64, shard: Option<usize>| {
        let out = folder.path().join(name);
        let options = MakeOptions { how: camera(), seed, shard };
        let made = make(photos.as_ref(), &out, &options, &Progress::silent()).unwrap();
        assert_eq!((made.pairs, made.skipped.len()), (3, 1), "{:?}", made.skipped);
        let error = make(photos.as_ref(), &out, &options, &Progress::silent()).unwrap_err();
        assert!(error.to_string().contains("not empty"), "{error}");
        out
    };
    let [one, two, three] = [("1", 1), ("2", 1), ("3", 2)].map(|(n, seed)| write(n, seed, None));
    let bytes = |out: &Path| std::fs::read(out.join("input/000000.png")).unwrap();
    assert!(bytes(&one) == bytes(&two) && bytes(&one) != bytes(&three));
    let shards = write("shards", 1, Some(2));
    let (pairs, packed) = (
        open(&one, Some("paired"), &OpenOptions::default()).unwrap(),
        open(&shards, None, &OpenOptions::default()).unwrap(),
    );
    assert_eq!((pairs.len(), packed.len()), (3, 3));
    let reds = |set: &dyn Dataset| contents(set).into_iter().map(|(_, r)| r).collect::<Vec<_>>();
    assert_eq!(reds(pairs.as_ref()), reds(packed.as_ref()));
}

#[test]
fn damaged_shards_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.tar");
    picture(&folder.path().join("p.png"), 0.5, 16);
    let png = std::fs::read(folder.path().join("p.png")).unwrap();
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(png.len() as u64);
    archive.append_data(&mut header, "1.gt.png", &png[..]).unwrap();
    let whole = archive.into_inner().unwrap();
    std::fs::write(&path, &whole).unwrap();
    assert_eq!(open(&path, None, &OpenOptions::default()).unwrap().len(), 1);
    // Cut off in the middle of the picture; noise; a size beyond all bounds.
    let mut huge = whole.clone();
    huge[124..136].copy_from_slice(b"77777777777\0");
    for bytes in [&whole[..600], &[7; 2000][..], &huge] {
        std::fs::write(&path, bytes).unwrap();
        let error = open(&path, None, &OpenOptions::default()).err().unwrap().to_string();
        assert!(error.contains("x.tar"), "{error}");
    }
}

#[test]
fn cards_are_unique_and_described() {
    for (i, card) in DATASETS.iter().enumerate() {
        assert!(!card.help.is_empty() && !card.layout.is_empty() && !card.source.is_empty());
        assert!(DATASETS[..i].iter().all(|other| other.name != card.name));
    }
}

#[test]
fn the_shared_sets_are_what_they_look_like() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    if !data.is_dir() {
        println!("skipped: no pictures lie beside the repository");
        return;
    }
    let sets = [
        ("train/exposure", "exposures", 52),
        ("pairs/lol_v1", "paired", 213),
        ("pairs/gopro", "paired", 8),
        ("test/lol_v1_eval15", "paired", 15),
        ("hdr", "hdr", 12),
    ];
    for (name, kind, count) in sets {
        let path = data.join(name);
        assert_eq!(kind_of(&path, None).unwrap().name, kind, "{name}");
        let set = open(&path, None, &OpenOptions::default()).unwrap();
        assert!(set.len() == count || kind == "hdr" && set.len() >= 10, "{name}: {}", set.len());
        set.read(0).unwrap();
    }
}

#[test]
fn made_clips_are_the_same_for_the_same_seed() {
    use relume_media::pan::{PanOptions, Scene};
    let folder = tempfile::tempdir().unwrap();
    let scenes = folder.path().join("scenes");
    std::fs::create_dir_all(&scenes).unwrap();
    let options = PanOptions { width: 64, height: 64, frames: 1, ..PanOptions::default() };
    let room = Scene::procedural(5);
    let light = relume_media::pan::Pan::new(1, &room, &options).truth(0);
    Photo::from_linear(&light).save(&scenes.join("room.exr"), &SaveOptions::default()).unwrap();
    let set = open(&scenes, None, &OpenOptions::default()).unwrap();
    let camera = PanOptions { width: 40, height: 24, frames: 5, ..PanOptions::default() };
    let write = |name: &str, seed: u64| {
        let out = folder.path().join(name);
        let how = How::Pans(Box::new(camera.clone()), 2);
        let options = MakeOptions { how, seed, shard: None };
        let made = make(set.as_ref(), &out, &options, &Progress::silent()).unwrap();
        assert_eq!((made.pairs, made.skipped.len()), (2, 0));
        ["frames/0001/000005.png", "truth/0000/000001.hdr", "clips/0001.json"]
            .map(|file| std::fs::read(out.join(file)).unwrap())
    };
    let [one, two, three] = [("1", 1), ("2", 1), ("3", 2)].map(|(name, seed)| write(name, seed));
    assert!(one == two && one != three);
    // The frames are a set of their own.
    let frames = open(&folder.path().join("1/frames"), None, &OpenOptions::default()).unwrap();
    assert_eq!(frames.len(), 10);
}
