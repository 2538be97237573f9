//! Any blocks of metadata into a picture of any format, and out again: what is written can be
//! read, and is the same from then on.

use relume_media::photo::SaveOptions;
use relume_media::{Image, Limits, Photo, PhotoFormat, Size};

pub(crate) fn run(data: &[u8]) {
    let Some((&choice, data)) = data.split_first() else { return };
    let format = PhotoFormat::ALL[usize::from(choice & 7) % PhotoFormat::ALL.len()];
    let mut photo = Photo::from_image(Image::from_fn(Size::new(5, 3), |x, y| {
        [x as f32 / 5.0, y as f32 / 3.0, 0.5]
    }));
    if choice & 8 != 0 {
        // Out of a file of another program.
        let limits = Limits { pixels: 1 << 10, bytes: 1 << 20 };
        match Photo::decode(data.to_vec(), None, &limits) {
            Ok(loaded) => photo = loaded,
            Err(_) => return,
        }
    } else {
        fill(&mut photo, data);
    }
    // The first time the EXIF may say that the picture lies on its side; then it is stood up.
    let upright = round(&photo, format);
    assert_eq!(upright.size().pixels(), photo.size().pixels());
    let written = round(&upright, format);
    let again = round(&written, format);
    assert_eq!(again.size(), upright.size());
    assert_eq!(again.sidecar, written.sidecar, "{} changes what it carries", format.name());
}

/// Blocks of `data`, each behind its kind and length.
fn fill(photo: &mut Photo, mut data: &[u8]) {
    while let [kind, high, low, rest @ ..] = data {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
        let (block, after) = rest.split_at(length);
        let (block, sidecar) = (block.to_vec(), &mut photo.sidecar);
        match kind % 8 {
            0 => sidecar.icc = Some(block),
            1 => sidecar.exif = Some(block),
            2 => sidecar.xmp = Some(block),
            3 => sidecar.photoshop = Some(block),
            4 => sidecar.comments.push(block),
            // What the reader takes for extended XMP: the name, a digest, two lengths.
            5 if block.len() >= 40 => {
                let name = b"http://ns.adobe.com/xmp/extension/\0";
                sidecar.extended_xmp.push([&name[..], &block].concat());
            }
            5 => {}
            6 => sidecar.density = block.get(..5).and_then(|v| v.try_into().ok()),
            _ => {
                // The kinds that readers of PNG files put here.
                let kind = if block.len() % 2 == 0 { *b"tEXt" } else { *b"prVt" };
                sidecar.png_chunks.push((kind, block));
            }
        }
        data = after;
    }
}

fn round(photo: &Photo, format: PhotoFormat) -> Photo {
    let Ok((bytes, _)) = photo.encode(format, &SaveOptions::default()) else {
        return photo.clone();
    };
    let limits = Limits::default();
    Photo::decode(bytes, None, &limits).unwrap_or_else(|e| panic!("{}: {e}", format.name()))
}
