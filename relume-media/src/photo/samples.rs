//! Photos as programs hold them: interleaved samples in memory, display-encoded.

use super::pixels::{self, Planes, Sample};
use super::{Photo, PhotoFormat};
use crate::icc::Encoding;
use crate::metadata::Sidecar;
use crate::{Error, ErrorKind, Result, Size};

impl Photo {
    /// A photo out of `[h, w, channels]` samples: 1 channel is grey, 2 are grey and opacity, 3 are
    /// RGB, 4 are RGB and opacity. They are sRGB, or what the ICC profile says; floating point goes
    /// from 0 to 1 and is encoded for display too, unlike in files.
    ///
    /// # Errors
    /// [`ErrorKind::Parameter`] when there are no pixels, the number of samples does not fit, or
    /// a number is not from 0 to 1; [`ErrorKind::Unsupported`] for a profile that cannot be applied.
    pub fn from_samples<T: Sample>(
        samples: &[T],
        size: Size,
        channels: usize,
        icc: Option<Vec<u8>>,
    ) -> Result<Self> {
        let wrong = |message: String| Error::new(ErrorKind::Parameter, message);
        if size.pixels() == 0 {
            return Err(wrong(format!("a picture of {size} has no pixels")));
        }
        if !(1..=4).contains(&channels) || samples.len() != size.pixels() * channels {
            let message =
                format!("{size} with {channels} channels are no {} samples", samples.len());
            return Err(wrong(message));
        }
        // Not `<`, which NaN would pass.
        let outside = |sample: &&T| !(0.0..=1.0).contains(&sample.to_unit());
        if let Some(sample) = samples.iter().find(outside) {
            return Err(wrong(format!(
                "a sample is {}; floating point goes from 0 to 1: divide by the greatest value \
                 there may be, or clip",
                sample.to_unit()
            )));
        }
        let encoding = encoding(icc.as_deref())?;
        let planes = pixels::unweave(samples, size, channels, &encoding)?;
        let sidecar = Sidecar { icc, ..Sidecar::default() };
        let Planes { image, alpha, depth, grey } = planes;
        Ok(Self { image, alpha, depth, grey, format: PhotoFormat::Png, sidecar })
    }

    /// How many samples a pixel has: 1 if grey, else 3, and one more for opacity.
    pub fn channels(&self) -> usize {
        let color = if self.grey { 1 } else { 3 };
        color + usize::from(self.alpha.is_some())
    }

    /// Writes the samples as [`Photo::from_samples`] takes them: `[h, w, channels]`, rounded to
    /// nearest, clamped.
    ///
    /// # Errors
    /// [`ErrorKind::Parameter`] when there is not room for as many as there are.
    pub fn write_samples<T: Sample>(&self, samples: &mut [T]) -> Result<()> {
        let wanted = self.size().pixels() * self.channels();
        if samples.len() != wanted {
            let message = format!("there is room for {} samples, not {wanted}", samples.len());
            return Err(Error::new(ErrorKind::Parameter, message));
        }
        let encoding = encoding(self.sidecar.icc.as_deref())?;
        let way = (&encoding, self.grey);
        pixels::weave(&self.image, self.alpha.as_ref(), way, T::of_unit, samples);
        Ok(())
    }
}

fn encoding(icc: Option<&[u8]>) -> Result<Encoding> {
    let Some(icc) = icc else { return Ok(Encoding::Srgb) };
    Encoding::from_icc(icc).map_err(|reason| {
        let message = format!("the ICC profile cannot be applied: {reason}; convert to sRGB first");
        Error::new(ErrorKind::Unsupported, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;
    use crate::photo::SaveOptions;

    fn round_trip<T: Sample + PartialEq + std::fmt::Debug>(samples: &[T], channels: usize) {
        let size = Size::new(samples.len() / channels / 2, 2);
        let photo = Photo::from_samples(samples, size, channels, None).unwrap();
        assert_eq!(photo.channels(), channels);
        let mut again = vec![T::of_unit(0.5); samples.len()];
        photo.write_samples(&mut again).unwrap();
        assert_eq!(again, samples);
    }

    #[test]
    fn samples_survive_in_every_layout() {
        let eight: Vec<u8> = (0..=255).chain(0..=223).collect();
        let sixteen: Vec<u16> = (0..480).map(|i| i * 136).collect();
        let float: Vec<f32> = (0..480_u16).map(|i| f32::from(i) / 479.0).collect();
        for channels in 1..=4 {
            round_trip(&eight, channels);
            round_trip(&sixteen, channels);
            // Grey is the luma of three equal values, whose weights round.
            if channels > 2 {
                round_trip(&float, channels);
            }
        }
        let size = Size::new(240, 2);
        let grey = Photo::from_samples(&float, size, 1, None).unwrap();
        let mut again = vec![0.0_f32; float.len()];
        grey.write_samples(&mut again).unwrap();
        assert!(float.iter().zip(&again).all(|(a, b)| (a - b).abs() < 1e-6));
    }

    #[test]
    fn a_file_gives_the_same_light_as_its_samples() {
        let samples: Vec<u8> = (0..240).collect();
        let photo = Photo::from_samples(&samples, Size::new(10, 6), 4, None).unwrap();
        let (bytes, _) = photo.encode(PhotoFormat::Png, &SaveOptions::default()).unwrap();
        let file = Photo::decode(bytes, None, &Limits::default()).unwrap();
        assert_eq!((file.image, file.alpha), (photo.image, photo.alpha));
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        let size = Size::new(2, 1);
        let kind = |samples: &[f32], size, channels| {
            Photo::from_samples(samples, size, channels, None).unwrap_err().kind()
        };
        for wrong in [f32::NAN, f32::INFINITY, -0.1, 1.01, 255.0] {
            assert_eq!(kind(&[0.5, wrong], size, 1), ErrorKind::Parameter, "{wrong}");
        }
        assert_eq!(kind(&[0.5; 3], size, 1), ErrorKind::Parameter);
        assert_eq!(kind(&[0.5; 10], size, 5), ErrorKind::Parameter);
        assert_eq!(kind(&[], Size::new(0, 4), 3), ErrorKind::Parameter);
        let junk = Photo::from_samples(&[7_u8; 6], size, 3, Some(b"no profile".to_vec()));
        assert_eq!(junk.unwrap_err().kind(), ErrorKind::Unsupported);
    }
}
