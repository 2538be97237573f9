//! Writes the first inputs of every fuzz target into the folder that is named, `fuzz/corpus`. All
//! of them are made here.

use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};

use relume_media::photo::{BitDepth, SaveOptions};
use relume_media::{Image, Photo, PhotoFormat, Plane, Size};
use relume_nn::Weights;
use relume_nn::weights::Precision;

fn main() {
    let corpus = PathBuf::from(std::env::args().nth(1).expect("the corpus' folder"));
    let keep = |target: &str, name: &str, bytes: &[u8]| {
        let folder = corpus.join(target);
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join(name), bytes).expect("a file");
    };
    pictures(&keep);
    metadata(&keep);
    weights(&keep);
    texts(&keep);
    videos(&keep);
    forms(&keep);
}

type Keep<'a> = &'a dyn Fn(&str, &str, &[u8]);

fn photo(depth: BitDepth, grey: bool, alpha: bool) -> Photo {
    let size = Size::new(7, 5);
    let at = |x: usize, y: usize| (x + 7 * y) as f32 / 35.0;
    let mut photo = Photo::from_image(Image::from_fn(size, |x, y| {
        if grey { [at(x, y); 3] } else { [at(x, y), 1.0 - at(x, y), 0.5] }
    }));
    (photo.depth, photo.grey) = (depth, grey);
    photo.alpha = alpha.then(|| Plane::filled(size, 0.5));
    photo
}

fn encoded(photo: &Photo, format: PhotoFormat) -> Vec<u8> {
    photo.encode(format, &SaveOptions::default()).expect("it can be written").0
}

fn pictures(keep: Keep<'_>) {
    for format in PhotoFormat::ALL {
        let extension = format.extensions()[0];
        let plain = photo(BitDepth::Eight, false, false);
        keep("picture_load", &format!("rgb.{extension}"), &encoded(&plain, format));
        let mut full = photo(BitDepth::Sixteen, false, true);
        fill(&mut full);
        keep("picture_load", &format!("full.{extension}"), &encoded(&full, format));
        let grey = photo(BitDepth::Eight, true, true);
        keep("picture_load", &format!("grey.{extension}"), &encoded(&grey, format));
    }
}

/// EXIF of two directories: orientation, a pointer, sizes.
fn exif() -> Vec<u8> {
    let entry = |tag: u16, kind: u16, count: u32, value: u32| {
        let (tag, kind) = (tag.to_le_bytes(), kind.to_le_bytes());
        [&tag[..], &kind, &count.to_le_bytes(), &value.to_le_bytes()].concat()
    };
    let mut exif = b"II\x2a\0\x08\0\0\0\x03\0".to_vec();
    exif.extend(entry(0x10F, 2, 6, 62));
    exif.extend(entry(0x112, 3, 1, 6));
    exif.extend(entry(0x8769, 4, 1, 68));
    exif.extend([0; 12]);
    exif.resize(62, 0);
    exif.extend(b"Maker\0\x01\0");
    exif.extend(entry(0xA002, 4, 1, 7));
    exif.extend([0; 4]);
    exif
}

const XMP: &[u8] = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><d tiff:Orientation=\"6\" \
                     hdrgm:Version=\"1.0\"/></x:xmpmeta>";
const PHOTOSHOP: &[u8] =
    b"8BIM\x04\x04\0\0\0\0\0\x05\x1c\x02\x19\0\0\x008BIM\x04\x0c\0\0\0\0\0\x02ab";

fn fill(photo: &mut Photo) {
    let sidecar = &mut photo.sidecar;
    sidecar.exif = Some(exif());
    sidecar.xmp = Some(XMP.to_vec());
    sidecar.photoshop = Some(PHOTOSHOP.to_vec());
    sidecar.comments.push("a comment, ä".as_bytes().to_vec());
    sidecar.png_chunks.push((*b"tEXt", b"Title\0Night".to_vec()));
}

fn metadata(keep: Keep<'_>) {
    let blocks: [(u8, Vec<u8>); 7] = [
        (1, exif()),
        (2, XMP.to_vec()),
        (3, PHOTOSHOP.to_vec()),
        (4, b"words".to_vec()),
        (5, vec![b'A'; 44]),
        (6, vec![1, 1, 44, 1, 44]),
        (7, b"Title\0Night".to_vec()),
    ];
    let block = |(kind, bytes): &(u8, Vec<u8>)| {
        [&[*kind][..], &(bytes.len() as u16).to_be_bytes(), bytes].concat()
    };
    let all: Vec<u8> = blocks.iter().flat_map(block).collect();
    for (number, format) in PhotoFormat::ALL.into_iter().enumerate() {
        let extension = format.extensions()[0];
        let bytes = [&[number as u8][..], &all].concat();
        keep("metadata_splice", &format!("all.{extension}"), &bytes);
        let mut full = photo(BitDepth::Eight, false, false);
        fill(&mut full);
        let bytes = [&[8 | number as u8][..], &encoded(&full, format)].concat();
        keep("metadata_splice", &format!("file.{extension}"), &bytes);
    }
    for (number, part) in blocks.iter().enumerate() {
        let bytes = [&[0][..], &block(part)].concat();
        keep("metadata_splice", &format!("block-{number}"), &bytes);
    }
}

fn text(text: &str) -> Vec<u8> {
    [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

/// A dictionary of one tensor of six numbers, as `torch.save` pickles it.
fn tensor() -> Vec<u8> {
    [
        b"\x80\x02}",
        &text("module.w")[..],
        b"ctorch._utils\n_rebuild_tensor_v2\n((",
        &text("storage"),
        b"ctorch\nFloatStorage\n",
        &text("0"),
        &text("cpu"),
        b"K\x06tQK\0(K\x03K\x02t(K\x01K\x03t\x89ccollections\nOrderedDict\n)RtRs.",
    ]
    .concat()
}

fn weights(keep: Keep<'_>) {
    let numbers: Vec<u8> = (0..6u8).flat_map(|n| f32::from(n).to_le_bytes()).collect();
    let stored =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, data) in [("n/data.pkl", tensor()), ("n/data/0", numbers.clone())] {
        archive.start_file(name, stored).expect("an entry");
        archive.write_all(&data).expect("an entry");
    }
    let zip = archive.finish().expect("an archive").into_inner();
    keep("weights_import", "zip.pth", &zip);
    let found = Weights::read(&zip).expect("one tensor");
    for (name, precision) in [("f32", Precision::F32), ("f16", Precision::F16)] {
        let bytes = found.to_safetensors(precision).expect("it can be written");
        keep("weights_import", &format!("{name}.safetensors"), &bytes);
    }
    let legacy = [
        b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}",
        &text("little_endian")[..],
        b"\x88s.",
        &tensor(),
        b"\x80\x02](",
        &text("0"),
        b"e.",
        &6u64.to_le_bytes(),
        &numbers,
    ];
    let legacy = legacy.concat();
    Weights::read(&legacy).expect("one tensor");
    keep("weights_import", "legacy.pth", &legacy);
}

fn texts(keep: Keep<'_>) {
    for (name, text) in relume::workflow::BUILT_IN {
        keep("workflow", name, text.as_bytes());
    }
    let json = r#"{"name": "a", "node": [{"id": "p", "kind": "input"},
        {"id": "r", "kind": "resize", "image": "p", "scale": 0.5},
        {"id": "o", "kind": "output", "image": "r", "suffix": "x"}], "run": {"relume": "0"}}"#;
    keep("workflow", "json", json.as_bytes());
    let toml = "#r.scale=0.25\nhelp = 'x'\n[[node]]\nid = 'p'\nkind = 'input'\n[[node]]\nid = 'r'\n\
                kind = 'resize'\nimage = 'p'\n[[node]]\nid = 'o'\nkind = 'output'\nimage = 'r'\n";
    keep("workflow", "change", toml.as_bytes());
    let inner = "[[node]]\nid='p'\nkind='input'\n[[node]]\nid='w'\nkind='workflow'\nimage='p'\n\
                 use='backlit'\n[[node]]\nid='o'\nkind='output'\nimage='w'\n";
    keep("workflow", "inner", inner.as_bytes());
    keep("recipe", "explained", relume_train::Recipe::explained().as_bytes());
    let stages = "model='sci'\nseed=1\nsteps=8\n[[data.sources]]\npath='a'\n[[losses]]\n\
                  kind='charbonnier'\n[[stages]]\nsteps=4\n[[stages]]\n[stages.optimizer]\nrate=0.1\n";
    keep("recipe", "stages", stages.as_bytes());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes");
    for name in ["lantern-s", "sem", "mirnet-event"] {
        let text = std::fs::read(folder.join(format!("{name}.toml"))).expect("a recipe");
        keep("recipe", name, &text);
    }
}

fn videos(keep: Keep<'_>) {
    let kinds =
        ["420jpeg", "420p10", "422", "444p12 XCOLORRANGE=FULL", "mono", "mono16", "411", "440"];
    for (number, kind) in kinds.into_iter().enumerate() {
        let head = format!("YUV4MPEG2 W5 H3 F30000:1001 Ip A4:3 C{kind}\n");
        let frame = [b"FRAME\n", &[90; 96][..]].concat();
        keep("y4m_and_probe", &format!("{number}.y4m"), &[head.as_bytes(), &frame].concat());
    }
    let plain = r#"{"streams": [{"index": 0, "codec_type": "video", "codec_name": "h264",
        "width": 32, "height": 18, "pix_fmt": "yuv420p10le", "avg_frame_rate": "30/1",
        "time_base": "1/15360", "duration": "1.5", "nb_frames": "45", "color_transfer": "smpte2084",
        "side_data_list": [{"side_data_type": "Display Matrix", "rotation": -90},
        {"side_data_type": "Mastering display metadata", "red_x": "34000/50000"}]},
        {"index": 1, "codec_type": "audio", "codec_name": "aac"},
        {"index": 2, "codec_type": "subtitle", "codec_name": "mov_text"}],
        "chapters": [{}], "format": {"format_name": "mov,mp4", "tags": {"com.a": "b"}}}"#;
    keep("y4m_and_probe", "probe.json", plain.as_bytes());
    keep("y4m_and_probe", "sound.json", br#"{"streams": [{"codec_type": "audio"}]}"#);
}

fn forms(keep: Keep<'_>) {
    let part = |head: &str, body: &[u8]| {
        let head = format!("--B\r\nContent-Disposition: form-data; {head}\r\n\r\n");
        [head.as_bytes(), body, b"\r\n"].concat()
    };
    let png = encoded(&photo(BitDepth::Eight, false, false), PhotoFormat::Png);
    let jpeg = encoded(&photo(BitDepth::Eight, true, false), PhotoFormat::Jpeg);
    let file =
        |name: &str, bytes: &[u8]| part(&format!("name=\"photo\"; filename=\"{name}\""), bytes);
    let field = |name: &str, value: &str| part(&format!("name=\"{name}\""), value.as_bytes());
    let end = b"--B--\r\n".to_vec();
    keep("http_multipart", "one", &[file("a.png", &png), end.clone()].concat());
    let names = [file("../../b.jpg", &jpeg), file("..\\c", &png), file("", &png), end.clone()];
    keep("http_multipart", "names", &names.concat());
    let wishes = [
        field("model", "sem"),
        field("strength", "0.5"),
        field("format", "webp"),
        field("always", "true"),
        file("d.tif", &jpeg),
        end.clone(),
    ];
    keep("http_multipart", "wishes", &wishes.concat());
    keep("http_multipart", "no-photo", &[file("a.png", b"<svg/>"), end.clone()].concat());
    keep("http_multipart", "unknown", &[field("colour", "1"), end].concat());
    keep("http_multipart", "cut", &file("a.png", &png)[..60]);
}
