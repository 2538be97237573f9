//! Any bytes as a picture: an error of one line, or a whole picture of finite numbers.

use relume_media::{Limits, Photo};

pub(crate) fn run(data: &[u8]) {
    // Small pictures, so that many fit in a second.
    let limits = Limits { pixels: 1 << 14, bytes: 1 << 20 };
    match Photo::decode(data.to_vec(), None, &limits) {
        Ok(photo) => {
            let size = photo.size();
            assert!(size.pixels() > 0 && size.pixels() <= 1 << 14, "{size}");
            assert_eq!(photo.image.values().len(), 3 * size.pixels());
            assert!(photo.image.values().iter().all(|v| v.is_finite()), "a pixel is no number");
            if let Some(alpha) = &photo.alpha {
                assert_eq!((alpha.size, alpha.values.len()), (size, size.pixels()));
                assert!(alpha.values.iter().all(|v| (0.0..=1.0).contains(v)), "opacity");
            }
        }
        Err(error) => {
            let words = error.to_string();
            assert!(!words.is_empty() && words.lines().count() == 1, "{words:?}");
        }
    }
}
