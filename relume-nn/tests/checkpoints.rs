//! Weight files as people have them: published ones, and damaged and hostile ones made here.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]
#![allow(clippy::print_stderr, reason = "a test says what it leaves out")]

use std::io::Write as _;
use std::path::{Path, PathBuf};

use relume_nn::checkpoint::Format;
use relume_nn::weights::Precision::F32;
use relume_nn::{Checkpoint, Weights};

/// A published file: path below `data/weights`, kind, tensors, values, tensors skipped, opened.
type Published = (&'static str, Format, usize, usize, usize, &'static [&'static str]);

const PUBLISHED: &[Published] = &[
    ("dncnn/dncnn_25.pth", Format::TorchLegacy, 34, 555_137, 0, &[]),
    ("flol/flolv2_UHDLL.pt", Format::TorchZip, 182, 94_518, 0, &["params"]),
    ("flol/flolv2_all_111439.pt", Format::TorchZip, 182, 94_518, 0, &["params"]),
    ("flol/flolv2_all.safetensors", Format::Safetensors, 182, 94_518, 0, &[]),
    ("iat/best_Epoch_exposure.pth", Format::TorchZip, 159, 91_346, 2, &[]),
    ("iat/best_Epoch_lol_v1.pth", Format::TorchZip, 159, 91_346, 2, &[]),
    ("iat/iat_lol_v1.safetensors", Format::Safetensors, 159, 91_346, 2, &[]),
    ("lpips/alex.pth", Format::TorchLegacy, 5, 1_152, 0, &[]),
    ("lpips/squeeze.pth", Format::TorchLegacy, 7, 2_240, 0, &[]),
    ("lpips/vgg.pth", Format::TorchLegacy, 5, 1_472, 0, &[]),
    ("sci/difficult.pt", Format::TorchZip, 72, 20_379, 11, &[]),
    ("sci/easy.pt", Format::TorchZip, 72, 20_379, 11, &[]),
    ("sci/medium.pt", Format::TorchZip, 72, 20_379, 11, &[]),
    ("sgz/Epoch99.pth", Format::TorchZip, 28, 10_561, 0, &[]),
    ("stlpips/stlpips_alex_f16.safetensors", Format::Safetensors, 20, 2_473_734, 0, &[]),
    ("zero_dce/Epoch99.pth", Format::TorchLegacy, 14, 79_416, 0, &[]),
    ("zero_dce/zero_dce.safetensors", Format::Safetensors, 14, 79_416, 0, &[]),
    ("zero_dce_pp/Epoch99.pth", Format::TorchZip, 28, 10_561, 0, &[]),
];

fn published(path: &str) -> Option<Vec<u8>> {
    let root: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/weights");
    let bytes = std::fs::read(root.join(path)).ok();
    if bytes.is_none() {
        eprintln!("left out: {path} is not there");
    }
    bytes
}

fn values(weights: &Weights) -> usize {
    weights.iter().map(|(_, array)| array.values.len()).sum()
}

#[test]
fn published_files_are_read() {
    for (path, format, tensors, count, skipped, inside) in PUBLISHED {
        let Some(bytes) = published(path) else { continue };
        let found = Checkpoint::read(&bytes).unwrap_or_else(|e| panic!("{path}: {e}"));
        let seen = (found.weights.iter().count(), values(&found.weights), found.skipped.len());
        assert_eq!(seen, (*tensors, *count, *skipped), "{path}: {:?}", found.skipped);
        assert_eq!(found.format, *format, "{path}");
        assert_eq!(found.inside, *inside, "{path}");
        for (key, array) in found.weights.iter() {
            assert_eq!(array.shape.iter().product::<usize>(), array.values.len(), "{path} {key}");
            assert!(array.values.iter().all(|v| v.is_finite()), "{path} {key}");
        }
    }
}

#[test]
fn twins_are_equal_bit_for_bit() {
    for (torch, plain) in [
        ("flol/flolv2_all_111439.pt", "flol/flolv2_all.safetensors"),
        ("iat/best_Epoch_lol_v1.pth", "iat/iat_lol_v1.safetensors"),
        ("zero_dce/Epoch99.pth", "zero_dce/zero_dce.safetensors"),
    ] {
        let (Some(torch), Some(plain)) = (published(torch), published(plain)) else { continue };
        let (torch, plain) = (Weights::read(&torch).unwrap(), Weights::read(&plain).unwrap());
        assert_eq!(torch.iter().count(), plain.iter().count());
        for ((key, ours), (twin_key, twin)) in torch.iter().zip(plain.iter()) {
            assert_eq!((key, &ours.shape), (twin_key, &twin.shape));
            let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&ours.values), bits(&twin.values), "{key}");
        }
    }
}

#[test]
fn other_files_are_refused_by_name() {
    for (path, word) in [
        ("brisque/normalize.pickle", "a pickle that torch.save did not write"),
        ("brisque/svm.txt", "of no kind known here"),
        ("niqe/niqe_pris_params.npz", "NumPy archive (.npz)"),
        ("niqe/niqe_image_params.mat", "MATLAB"),
        ("parity_input_rgb_1x3x72x96.npy", "NumPy array (.npy)"),
    ] {
        let Some(bytes) = published(path) else { continue };
        let error = Weights::read(&bytes).unwrap_err().to_string();
        assert!(error.contains(word), "{path}: {error}");
    }
}

/// The opcodes of a text, of a number, of a dictionary.
fn text(text: &str) -> Vec<u8> {
    [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

fn number(number: u64) -> Vec<u8> {
    [&b"\x8a\x09"[..], &number.to_le_bytes(), b"\0"].concat()
}

fn tuple(parts: &[Vec<u8>]) -> Vec<u8> {
    [b"(", &parts.concat()[..], b"t"].concat()
}

fn dictionary(items: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let items: Vec<u8> = items.iter().flat_map(|(k, v)| [text(k), v.clone()].concat()).collect();
    [b"ccollections\nOrderedDict\n)R(", &items[..], b"u"].concat()
}

/// The opcodes of a tensor on a GPU: numbers of `kind` in storage 0, long ones in storage 1.
fn tensor(kind: &str, length: u64, first: u64, shape: &[u64], strides: &[u64]) -> Vec<u8> {
    let class = format!("ctorch\n{kind}Storage\n").into_bytes();
    let key = if kind == "Long" { "1" } else { "0" };
    let id = [text("storage"), class, text(key), text("cuda:0"), number(length)];
    let list = |values: &[u64]| tuple(&values.iter().map(|&n| number(n)).collect::<Vec<_>>());
    let storage = [tuple(&id), b"Q".to_vec()].concat();
    let arguments =
        tuple(&[storage, number(first), list(shape), list(strides), vec![0x89], dictionary(&[])]);
    [b"ctorch._utils\n_rebuild_tensor_v2\n", &arguments[..], b"R"].concat()
}

fn parameter(tensor: &[u8]) -> Vec<u8> {
    let arguments = tuple(&[tensor.to_vec(), vec![0x88], dictionary(&[])]);
    [b"ctorch._utils\n_rebuild_parameter\n", &arguments[..], b"R"].concat()
}

/// A file of the old kind around an object and its storages, each with the count it claims.
fn legacy(object: &[u8], storages: &[(u64, &[u8])]) -> Vec<u8> {
    let pickle = |opcodes: &[u8]| [b"\x80\x02", opcodes, b"."].concat();
    let keys: Vec<u8> = (0..storages.len()).flat_map(|i| text(&i.to_string())).collect();
    let keys = [b"](", &keys[..], b"e"].concat();
    let data = storages.iter().flat_map(|(n, data)| [&n.to_le_bytes(), *data].concat());
    [
        pickle(b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"),
        pickle(b"M\xe9\x03"),
        pickle(&[b"}", &text("little_endian")[..], b"\x88s"].concat()),
        pickle(object),
        pickle(&keys),
        data.collect(),
    ]
    .concat()
}

/// A file of the new kind.
fn zipped(object: &[u8], storage: &[u8]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let pickle = [b"\x80\x02", object, b"."].concat();
    for (name, data) in [("net/data.pkl", &pickle[..]), ("net/data/0", storage)] {
        archive.start_file(name, stored).unwrap();
        archive.write_all(data).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn floats(count: u8) -> Vec<u8> {
    (0..count).flat_map(|n| f32::from(n).to_le_bytes()).collect()
}

#[test]
fn what_training_tools_wrap_around_a_network_is_taken_off() {
    let network = dictionary(&[
        ("module.a.weight", parameter(&tensor("Float", 6, 0, &[3, 2], &[1, 3]))),
        ("module.a.bias", tensor("Float", 6, 4, &[2], &[1])),
        ("module.a.num_batches_tracked", tensor("Long", 3, 0, &[], &[])),
        ("epoch", number(3)),
    ]);
    let all = dictionary(&[("epoch", number(3)), ("model_state_dict", network)]);
    for file in [legacy(&all, &[(6, &floats(6)), (3, &[7; 24])]), zipped(&all, &floats(6))] {
        let found = Checkpoint::read(&file).unwrap();
        assert_eq!(found.inside, ["model_state_dict"]);
        assert_eq!(found.prefix, "module.");
        let skipped: Vec<&str> = found.skipped.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(skipped, ["module.a.num_batches_tracked", "epoch"]);
        let weight = found.weights.get("a.weight").unwrap();
        assert_eq!(weight.shape, [3, 2]);
        assert_eq!(
            weight.values,
            [0.0, 3.0, 1.0, 4.0, 2.0, 5.0],
            "the transpose of what is stored"
        );
        assert_eq!(found.weights.get("a.bias").unwrap().values, [4.0, 5.0]);
    }
}

#[test]
fn averaged_weights_win_and_nothing_to_take_is_said() {
    let one = |first| dictionary(&[("w", tensor("Float", 6, first, &[1], &[1]))]);
    let both = dictionary(&[("params", one(1)), ("params_ema", one(2))]);
    let found = Checkpoint::read(&zipped(&both, &floats(6))).unwrap();
    assert_eq!(found.inside, ["params_ema"]);
    assert_eq!(found.weights.get("w").unwrap().values, [2.0]);

    let neither = dictionary(&[("epoch", number(1)), ("optimizer", dictionary(&[]))]);
    let error = Checkpoint::read(&zipped(&neither, &floats(1))).unwrap_err().to_string();
    assert!(error.contains("epoch, optimizer") && error.contains("state_dict"), "{error}");
}

#[test]
fn hostile_files_are_refused_with_the_cause() {
    let with = |tensor: Vec<u8>| dictionary(&[("w", tensor)]);
    let far = u64::MAX >> 1;
    for (object, word) in [
        (with(tensor("Float", 6, 5, &[2], &[1])), "outside of storage 0"),
        (with(tensor("Float", 6, far, &[2], &[1])), "outside of storage 0"),
        (with(tensor("Float", 6, 0, &[2], &[far])), "outside of storage 0"),
        (with(tensor("Float", far, 0, &[6], &[1])), "do not fit"),
        (with(tensor("Float", 6, 0, &[1 << 40], &[0])), "in so small a file"),
        (with(tensor("Float", 6, 0, &[far, far], &[0, 0])), "in so small a file"),
        (with(tensor("Float", 6, 0, &[2, 3], &[1])), "strides"),
        (with(tensor("Float", 6, 0, &[1; 17], &[1; 17])), "17 axes"),
        (with(tensor("QInt8", 6, 0, &[6], &[1])), "torch.QInt8Storage"),
        (with(b"cos\nsystem\n(U\x02lstR".to_vec()), "os.system"),
        (b"cmodels\nNet\n)\x81".to_vec(), "models.Net"),
        (b"K\x01".to_vec(), "no dictionary"),
        (with(tensor("Long", 3, 0, &[3], &[1])), "no tensor of fractions"),
    ] {
        let error = Checkpoint::read(&zipped(&object, &floats(6))).unwrap_err().to_string();
        assert!(error.contains(word), "wanted {word}: {error}");
    }
    // Ten thousand tensors that share one storage would be ten thousand times the file.
    let many: Vec<_> = (0..10_000).map(|i| format!("w{i}")).collect();
    let shared = parameter(&tensor("Float", 60_000, 0, &[60_000], &[1]));
    let first = [&shared[..], b"q\x00"].concat();
    let items: Vec<(&str, Vec<u8>)> = many
        .iter()
        .enumerate()
        .map(|(i, key)| (key.as_str(), if i == 0 { first.clone() } else { b"h\x00".to_vec() }))
        .collect();
    let error = Checkpoint::read(&zipped(&dictionary(&items), &[0; 240_000])).unwrap_err();
    assert!(error.to_string().contains("in so small a file"), "{error}");
    let error = Checkpoint::read(&legacy(&with(tensor("Float", 6, 0, &[6], &[1])), &[(far, b"")]));
    assert!(error.unwrap_err().to_string().contains("ends within storage 0"));
}

/// Reads damaged bytes: whatever comes of it, it is no panic and no more than the file can hold.
fn survives(bytes: &[u8]) -> bool {
    match Checkpoint::read(bytes) {
        Ok(found) => {
            assert!(values(&found.weights) <= bytes.len());
            true
        }
        Err(_) => false,
    }
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    let object = dictionary(&[("w", tensor("Float", 6, 0, &[6], &[1]))]);
    let mut files = vec![
        (zipped(&object, &floats(6)), 1),
        (legacy(&object, &[(6, &floats(6))]), 1),
        (Weights::read(&zipped(&object, &floats(6))).unwrap().to_safetensors(F32).unwrap(), 1),
    ];
    files.extend(published("sgz/Epoch99.pth").map(|bytes| (bytes, 97)));
    files.extend(published("zero_dce/Epoch99.pth").map(|bytes| (bytes, 1999)));
    for (file, step) in files {
        assert!(survives(&file));
        for length in (0..file.len()).step_by(step) {
            assert!(!survives(&file[..length]), "{length} of {} bytes were taken", file.len());
        }
    }
}

#[test]
fn a_flipped_bit_never_panics() {
    let object = dictionary(&[("module.w", parameter(&tensor("Float", 6, 0, &[3, 2], &[1, 3])))]);
    let mut files =
        vec![(zipped(&object, &floats(6)), 1), (legacy(&object, &[(6, &floats(6))]), 1)];
    files.extend(published("lpips/alex.pth").map(|bytes| (bytes, 3)));
    files.extend(published("sgz/Epoch99.pth").map(|bytes| (bytes, 101)));
    for (file, step) in files {
        for place in (0..file.len()).step_by(step) {
            for bit in 0..8 {
                let mut damaged = file.clone();
                damaged[place] ^= 1 << bit;
                survives(&damaged);
            }
        }
    }
}
