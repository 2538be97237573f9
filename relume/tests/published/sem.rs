//! SEM's whole path against what the original program wrote.

use relume::models::sem::{self, Gate, as_the_original};
use relume::models::zero_dce::{CURVES, ENHANCED};
use relume_media::{Image, Limits, Photo, Size, Srgb};
use relume_nn::cpu::{Cut, Network, Picture};
use relume_nn::{Feeds, Tensor, Weights};
use sha2::{Digest as _, Sha256};

use crate::files::{beside, checkpoint, tensor};

/// SHA-256 of the authors' file, which may not be passed on.
const AUTHORS: &str = "491a1324ba2377f9f16a249744b106acf124ad3852fab7558b8830a011b0e515";

fn network(weights: &Weights) -> Network {
    Network::new((sem::CARD.graph)().unwrap(), weights.clone()).unwrap()
}

fn image(tensor: &Tensor) -> Image<Srgb> {
    let [_, _, height, width] = tensor.shape;
    Image::from_planar(Size::new(width, height), tensor.values.clone()).unwrap()
}

fn worst(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).fold(0.0, |worst, (a, b)| worst.max((a - b).abs()))
}

/// The padded path on all inputs, and the bytes of both photos.
fn check(folder: &std::path::Path, weights: &Weights, which: &str) {
    let network = network(weights);
    let inputs = checkpoint(&folder.join("inputs.safetensors"));
    let answers = checkpoint(&folder.join(which).join("forward.safetensors"));
    for name in ["odd_61x83", "small_17x35", "uniform_48x40", "range_32x32"] {
        let made = as_the_original(&network, &image(&tensor(&inputs, name))).unwrap();
        let truth = tensor(&answers, &format!("{name}.processor"));
        let off = worst(made.values(), &truth.values);
        println!("sem {which} {name}, padded: off by {off:.1e}");
        // Values beyond 0 and 1 grow with every step of the curve, and so do their errors.
        let grown = tensor(&answers, &format!("{name}.enhanced")).values;
        let largest = grown.iter().fold(1.0_f32, |most, v| most.max(v.abs()));
        assert!(off < 1e-5 * largest, "{name}: off by {off}");
    }
    for photo in ["photo_cc0", "photo_dicm"] {
        let load = |name: &str| {
            let path = folder.join(photo).join(name);
            Photo::load(&path, &Limits::default()).unwrap().image
        };
        let made = as_the_original(&network, &load("input.png")).unwrap();
        let key = format!("enhanced_{which}");
        let truth = tensor(&checkpoint(&folder.join(photo).join("tensors.safetensors")), &key);
        let off = worst(made.values(), &truth.values);
        assert!(off < 1e-5, "{photo}: off by {off}");
        let (bytes, wanted) = (made.to_rgb8(), load(&format!("{key}.png")).to_rgb8());
        let differ = bytes.iter().zip(&wanted).filter(|(a, b)| a != b).count();
        let most = bytes.iter().zip(&wanted).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        println!("sem {which} {photo}: off by {off:.1e}, {differ} of {} bytes", bytes.len());
        assert!(most <= 1 && differ * 1000 < bytes.len(), "{photo}: {differ} bytes, by {most}");
    }
}

#[test]
fn the_padded_path_writes_what_the_original_wrote() {
    let Some(folder) = beside("fixtures/sem") else { return };
    check(&folder, &checkpoint(&folder.join("seeded/weights.safetensors")), "seeded");
}

/// `SEM_WEIGHTS` names the authors' `weights.pth`, which cannot be shipped.
#[test]
fn the_authors_weights_give_the_authors_pictures() {
    let Some(folder) = beside("fixtures/sem") else { return };
    let Some(path) = std::env::var_os("SEM_WEIGHTS") else {
        println!("skipped: SEM_WEIGHTS does not name the authors' weights.pth");
        return;
    };
    let bytes = std::fs::read(path).unwrap();
    let hash: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hash, AUTHORS, "SEM_WEIGHTS names another file");
    let weights = Weights::read(&bytes).unwrap();
    check(&folder, &weights, "shipped");
    let network = network(&weights);
    let inputs = checkpoint(&folder.join("inputs.safetensors"));
    let answers = checkpoint(&folder.join("shipped/forward.safetensors"));
    let image = tensor(&inputs, "odd_61x83");
    let picture = Picture { name: "image", height: 61, width: 83, values: &image.values };
    for (output, key) in [(CURVES, "A"), (ENHANCED, "enhanced")] {
        let made = network.run_picture(picture, &Feeds::new(), output, Cut::Fitting, &|_| Ok(()));
        let truth = tensor(&answers, &format!("odd_61x83.{key}"));
        let off = worst(&made.unwrap(), &truth.values);
        assert!(off < 1e-5, "{key}: off by {off}");
    }
}

#[test]
fn checkpoints_of_zero_dce_fit() {
    let Some(folder) = beside("data/weights/zero_dce") else { return };
    let weights = checkpoint(&folder.join("Epoch99.pth"));
    for graph in [(sem::CARD.graph)().unwrap(), sem::gated().unwrap()] {
        let report = weights.report(&graph);
        assert!(report.is_exact(), "{}", report.table(20));
    }
}

/// The gated network, its preview at full size and plain arithmetic on the plain network's maps.
#[test]
fn the_gate_scales_the_curves() {
    let Some(folder) = beside("fixtures/sem") else { return };
    let mut weights = checkpoint(&folder.join("seeded/weights.safetensors"));
    // Livelier than the fixture, so that protection shows.
    weights.iter_mut().for_each(|(_, array)| array.values.iter_mut().for_each(|v| *v *= 2.0));
    let inputs = checkpoint(&folder.join("inputs.safetensors"));
    let picture = image(&tensor(&inputs, "odd_61x83"));
    let (height, width) = (picture.height(), picture.width());
    let seen = Picture { name: "image", height, width, values: picture.values() };
    let plain = network(&weights);
    let maps = plain.run_picture(seen, &Feeds::new(), CURVES, Cut::Fitting, &|_| Ok(())).unwrap();
    let gated = Network::new(sem::gated().unwrap(), weights).unwrap();
    let area = width * height;
    for gate in [Gate::OPEN, Gate { amount: 0.6, protection: 0.7 }] {
        let mut truth = picture.values().to_vec();
        for i in 0..area {
            let brightest =
                (0..3).fold(0.0_f32, |most, c| most.max(picture.values()[c * area + i]));
            let factor = gate.amount * (1.0 - gate.protection * brightest);
            for step in 0..8 {
                for c in 0..3 {
                    let map = factor * maps[(3 * step + c) * area + i];
                    let v = &mut truth[c * area + i];
                    *v += map * (*v * *v - *v);
                }
            }
        }
        let cut = Cut::Of { columns: 64, rows: 16 };
        let made = gated.run_picture(seen, &gate.feeds(), ENHANCED, cut, &|_| Ok(())).unwrap();
        assert!(worst(&made, &truth) < 1e-5, "{gate:?}");
        let mut preview = picture.clone();
        sem::preview(&gated, &mut preview, gate, std::num::NonZeroUsize::MIN).unwrap();
        assert!(worst(preview.values(), &truth) < 1e-5, "{gate:?}, preview");
    }
    assert!(worst(&maps, &vec![0.0; maps.len()]) > 0.01, "the maps do nothing");
}

#[test]
fn what_cannot_be_mirrored_is_refused() {
    let weights = Weights::initial(&(sem::CARD.graph)().unwrap(), 1);
    let small = Image::<Srgb>::black(Size::new(40, 16));
    let error = as_the_original(&network(&weights), &small).unwrap_err();
    assert!(error.to_string().contains("leave the padding out"), "{error}");
}
