//! From samples of a video to red, green and blue in display light, and back.
//!
//! Matrices and transfer curves are those of ITU-T H.273; chroma is interpolated linearly from its
//! sites and filtered back to them. Primaries stay what they are: the numbers are carried.

use rayon::prelude::*;

use super::format::{PixelFormat, Planes};
use super::info::ColorTags;
use crate::light::{decode_srgb, encode_srgb};
use crate::{Error, ErrorKind, Image, Result, Size, Srgb};

/// Light of diffuse white in cd/m² in HDR video (ITU-R BT.2408); it becomes 1.
const DIFFUSE_WHITE: f32 = 203.0;
/// Scene light that HLG encodes as 75 %, its diffuse white.
const HLG_WHITE: f32 = 0.264_96;

/// How code values become display light.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transfer {
    /// As they are: the usual curves of SDR video are taken for sRGB's.
    Display,
    /// Perceptual quantiser, SMPTE ST 2084; diffuse white becomes 1, highlights lie above.
    Pq,
    /// Hybrid log-gamma, ARIB STD-B67.
    Hlg,
}

/// The whole way between samples and display light.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coding {
    format: PixelFormat,
    /// Weights of red and blue in luma.
    weights: (f32, f32),
    full_range: bool,
    transfer: Transfer,
    /// Whether chroma sits on the luma sample at its left, at its top.
    sited: (bool, bool),
}

impl Coding {
    /// The coding that `tags` name for frames of `size`; without tags it is what players assume:
    /// limited range, BT.709 from 720 rows on, else BT.601.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for matrices that are no weighted sums (ICtCp, YCgCo).
    pub fn new(format: PixelFormat, tags: &ColorTags, size: Size) -> Result<Self> {
        let weights = match tags.matrix.as_deref() {
            None if size.height >= 720 => (0.2126, 0.0722),
            Some("bt709") => (0.2126, 0.0722),
            None | Some("smpte170m" | "bt470bg" | "gbr" | "rgb") => (0.299, 0.114),
            Some("fcc") => (0.30, 0.11),
            Some("smpte240m") => (0.212, 0.087),
            Some("bt2020nc") => (0.2627, 0.0593),
            Some(other) => {
                let message = format!(
                    "the colour matrix {other} is not supported; convert the video to bt709 or \
                     bt2020nc first (ffmpeg -vf scale=out_color_matrix=bt709)"
                );
                return Err(Error::new(ErrorKind::Unsupported, message));
            }
        };
        let transfer = match tags.transfer.as_deref() {
            Some("smpte2084") => Transfer::Pq,
            Some("arib-std-b67") => Transfer::Hlg,
            _ => Transfer::Display,
        };
        let gbr = format.planes == Planes::Gbr;
        let full_range = match tags.range.as_deref() {
            Some(range) => range == "pc",
            None => gbr,
        };
        let sited = match tags.chroma_location.as_deref() {
            Some("center") => (false, false),
            Some("topleft") => (true, true),
            _ => (true, false),
        };
        Ok(Self { format, weights, full_range, transfer, sited })
    }

    /// The planes and depth.
    pub fn format(&self) -> PixelFormat {
        self.format
    }

    /// Whether code values use their whole range.
    pub fn is_full_range(&self) -> bool {
        self.full_range
    }

    /// Offset and span of luma (or RGB) samples, and middle and span of chroma.
    fn levels(&self) -> [f32; 4] {
        let one = f32::from(1_u16 << (self.format.bits - 8));
        let middle = 128.0 * one;
        if self.full_range {
            let top = 256.0 * one - 1.0;
            [0.0, top, middle, top]
        } else {
            [16.0 * one, 219.0 * one, middle, 224.0 * one]
        }
    }

    /// The picture in `samples`, planes one after the other. Colours outside RGB lie below 0 or
    /// above 1.
    ///
    /// # Errors
    /// [`ErrorKind::Parameter`] when the number of bytes does not fit.
    pub fn decode(&self, size: Size, samples: &[u8]) -> Result<Image<Srgb>> {
        let planes = self.split(size, samples)?;
        let mut image = Image::black(size);
        let [offset, span, middle, chroma_span] = self.levels();
        let across = self.taps(size.width, self.shift().0, self.sited.0);
        let width = size.width.max(1);
        let (red, rest) = image.values_mut().split_at_mut(size.pixels());
        let (green, blue) = rest.split_at_mut(size.pixels());
        let rows = red.par_chunks_mut(width).zip(green.par_chunks_mut(width));
        rows.zip(blue.par_chunks_mut(width)).enumerate().for_each(|(y, ((red, green), blue))| {
            let plain = |plane: usize, row: &mut [f32]| {
                planes[plane].read(y, row);
                row.iter_mut().for_each(|v| *v = (*v - offset) / span);
            };
            match self.format.planes {
                Planes::Gbr => [(0, &mut *green), (1, &mut *blue), (2, &mut *red)]
                    .into_iter()
                    .for_each(|(plane, row)| plain(plane, row)),
                Planes::Gray => {
                    plain(0, red);
                    green.copy_from_slice(red);
                    blue.copy_from_slice(red);
                }
                Planes::Yuv(..) => {
                    plain(0, green);
                    let scale = |v: f32| (v - middle) / chroma_span;
                    self.chroma_row(&planes[1], y, &across, blue, scale);
                    self.chroma_row(&planes[2], y, &across, red, scale);
                    self.mix(red, green, blue);
                }
            }
            if self.transfer != Transfer::Display {
                [red, green, blue].into_iter().flatten().for_each(|v| *v = self.shown(*v));
            }
        });
        Ok(image)
    }

    /// Means of blocks of luma (of green, for RGB), as code values from 0 to 1: a quick look.
    ///
    /// # Errors
    /// [`ErrorKind::Parameter`] when the number of bytes does not fit.
    pub fn glance(&self, size: Size, samples: &[u8], to: Size) -> Result<Vec<f32>> {
        let planes = self.split(size, samples)?;
        let top = f32::from(u16::MAX >> (16 - self.format.bits));
        let (width, rows) = (to.width.min(size.width), to.height.min(size.height));
        let mut row = vec![0.0; size.width];
        let mut means = vec![0.0; width * rows];
        for y in 0..size.height {
            planes[0].read(y, &mut row);
            let into = &mut means[y * rows / size.height * width..][..width];
            row.iter().enumerate().for_each(|(x, v)| into[x * width / size.width] += v);
        }
        let count = |i: usize, from: usize, to: usize| {
            (((i + 1) * from).div_ceil(to) - (i * from).div_ceil(to)) as f32
        };
        for (i, mean) in means.iter_mut().enumerate() {
            let across = count(i % width, size.width, width);
            *mean /= top * across * count(i / width, size.height, rows);
        }
        Ok(means)
    }

    /// The samples of `image`: the inverse of [`Coding::decode`], rounded to nearest.
    pub fn encode(&self, image: &Image<Srgb>) -> Vec<u8> {
        let size = image.size();
        let [offset, span, middle, chroma_span] = self.levels();
        let coded = |v: f32| match self.transfer {
            Transfer::Display => v,
            _ => self.coded(v),
        };
        let channel = |c: usize| image.channel(c).par_iter().map(|&v| coded(v)).collect();
        let [red, green, blue]: [Vec<f32>; 3] = [0, 1, 2].map(channel);
        let mut bytes = Vec::with_capacity(self.format.frame_bytes(size));
        if self.format.planes == Planes::Gbr {
            for plane in [&green, &blue, &red] {
                self.append(&mut bytes, plane, offset, span);
            }
            return bytes;
        }
        let (kr, kb) = self.weights;
        let luma: Vec<f32> = (0..size.pixels())
            .into_par_iter()
            .map(|i| kr * red[i] + (1.0 - kr - kb) * green[i] + kb * blue[i])
            .collect();
        self.append(&mut bytes, &luma, offset, span);
        if self.format.planes == Planes::Gray {
            return bytes;
        }
        for (plane, weight) in [(&blue, kb), (&red, kr)] {
            let difference =
                plane.par_iter().zip(&luma).map(|(v, y)| (v - y) / (2.0 - 2.0 * weight));
            let full: Vec<f32> = difference.collect();
            self.append(&mut bytes, &self.shrink(&full, size), middle, chroma_span);
        }
        bytes
    }

    /// Green holds luma, blue and red the colour differences; turns them into RGB.
    fn mix(&self, red: &mut [f32], green: &mut [f32], blue: &mut [f32]) {
        let (kr, kb) = self.weights;
        for ((r, g), b) in red.iter_mut().zip(green).zip(blue) {
            let luma = *g;
            *r = luma + 2.0 * (1.0 - kr) * *r;
            *b = luma + 2.0 * (1.0 - kb) * *b;
            *g = (luma - kr * *r - kb * *b) / (1.0 - kr - kb);
        }
    }

    fn shift(&self) -> (u8, u8) {
        match self.format.planes {
            Planes::Yuv(x, y) => (x, y),
            _ => (0, 0),
        }
    }

    /// For each of `length` luma positions the two chroma samples around it, and the share of the
    /// second.
    fn taps(&self, length: usize, shift: u8, sited: bool) -> Vec<(usize, usize, f32)> {
        (0..length).map(|i| tap(i, length, shift, sited)).collect()
    }

    /// One row of chroma at the luma's positions.
    fn chroma_row(
        &self,
        plane: &Samples<'_>,
        y: usize,
        across: &[(usize, usize, f32)],
        out: &mut [f32],
        scale: impl Fn(f32) -> f32,
    ) {
        let rows = plane.size.height << self.shift().1;
        let (above, below, share) = tap(y, rows, self.shift().1, self.sited.1);
        let mut first = vec![0.0; plane.size.width];
        plane.read(above.min(plane.size.height - 1), &mut first);
        if share > 0.0 {
            let mut second = vec![0.0; plane.size.width];
            plane.read(below.min(plane.size.height - 1), &mut second);
            first.iter_mut().zip(&second).for_each(|(a, b)| *a += share * (b - *a));
        }
        for (value, &(left, right, share)) in out.iter_mut().zip(across) {
            *value = scale(first[left] + share * (first[right] - first[left]));
        }
    }

    /// Chroma at its own sites: a mean around each, as wide as its interpolation.
    fn shrink(&self, full: &[f32], size: Size) -> Vec<f32> {
        let (x, y) = self.shift();
        let across = weights(size.width, x, self.sited.0);
        let down = weights(size.height, y, self.sited.1);
        let rows: Vec<f32> = full
            .par_chunks(size.width.max(1))
            .flat_map_iter(|row| {
                across.iter().map(|taps| taps.iter().map(|&(i, w)| w * row[i]).sum())
            })
            .collect();
        let width = across.len();
        down.par_iter()
            .flat_map_iter(|taps| {
                let rows = &rows;
                (0..width).map(move |c| taps.iter().map(|&(r, w)| w * rows[r * width + c]).sum())
            })
            .collect()
    }

    fn append(&self, bytes: &mut Vec<u8>, values: &[f32], offset: f32, span: f32) {
        let top = f32::from(u16::MAX >> (16 - self.format.bits));
        let sample = |v: &f32| (v * span + offset).round().clamp(0.0, top) as u16;
        if self.format.bits == 8 {
            bytes.extend(values.iter().map(|v| sample(v) as u8));
        } else {
            bytes.extend(values.iter().flat_map(|v| sample(v).to_le_bytes()));
        }
    }

    /// A code value of an HDR curve in display light.
    fn shown(self, code: f32) -> f32 {
        let linear = match self.transfer {
            Transfer::Pq => pq_decode(code) * 10_000.0 / DIFFUSE_WHITE,
            _ => hlg_decode(code) / HLG_WHITE,
        };
        encode_srgb(linear)
    }

    /// The inverse of [`Coding::shown`].
    fn coded(self, display: f32) -> f32 {
        let linear = decode_srgb(display);
        match self.transfer {
            Transfer::Pq => pq_encode(linear * DIFFUSE_WHITE / 10_000.0),
            _ => hlg_encode(linear * HLG_WHITE),
        }
    }

    fn split<'a>(&self, size: Size, samples: &'a [u8]) -> Result<Vec<Samples<'a>>> {
        let wanted = self.format.frame_bytes(size);
        if samples.len() != wanted {
            let name = self.format.name();
            let message = format!("{size} {name} needs {wanted} bytes, got {}", samples.len());
            return Err(Error::new(ErrorKind::Parameter, message));
        }
        let wide = self.format.sample_bytes() == 2;
        let mut rest = samples;
        let planes = self.format.plane_sizes(size).into_iter().map(|size| {
            let (bytes, after) = rest.split_at(size.pixels() * self.format.sample_bytes());
            rest = after;
            Samples { size, bytes, wide }
        });
        Ok(planes.collect())
    }
}

/// One plane.
struct Samples<'a> {
    size: Size,
    bytes: &'a [u8],
    wide: bool,
}

impl Samples<'_> {
    fn read(&self, y: usize, row: &mut [f32]) {
        let width = self.size.width;
        if self.wide {
            let bytes = self.bytes[2 * y * width..2 * (y + 1) * width].chunks_exact(2);
            row.iter_mut()
                .zip(bytes)
                .for_each(|(v, two)| *v = f32::from(u16::from_le_bytes([two[0], two[1]])));
        } else {
            let bytes = &self.bytes[y * width..(y + 1) * width];
            row.iter_mut().zip(bytes).for_each(|(v, &byte)| *v = f32::from(byte));
        }
    }
}

/// The two chroma samples around luma sample `i` of `length`, and the share of the second.
fn tap(i: usize, length: usize, shift: u8, sited: bool) -> (usize, usize, f32) {
    let step = f32::from(1_u8 << shift);
    let last = length.div_ceil(1 << shift).saturating_sub(1);
    let at = if sited { i as f32 / step } else { (i as f32 + 0.5) / step - 0.5 };
    let at = at.clamp(0.0, last as f32);
    let first = at as usize;
    (first, (first + 1).min(last), at - first as f32)
}

/// For each chroma sample the luma positions that it is a mean of, with their weights.
fn weights(length: usize, shift: u8, sited: bool) -> Vec<Vec<(usize, f32)>> {
    let step = 1_isize << shift;
    let last = length as isize - 1;
    let around = |i: isize| {
        let (range, weight): (_, fn(isize, isize) -> f32) = if sited {
            (1 - step..step, |d, step| (step - d.abs()) as f32 / (step * step) as f32)
        } else {
            (0..step, |_, step| 1.0 / step as f32)
        };
        let taps = range.map(|d| ((i * step + d).clamp(0, last) as usize, weight(d, step)));
        taps.collect()
    };
    (0..length.div_ceil(1 << shift) as isize).map(around).collect()
}

const PQ: [f32; 5] = [0.159_301_76, 78.843_75, 0.835_937_5, 18.851_563, 18.6875];

/// Share of 10,000 cd/m² for a code value.
fn pq_decode(code: f32) -> f32 {
    let [m1, m2, c1, c2, c3] = PQ;
    let root = code.max(0.0).powf(1.0 / m2);
    ((root - c1).max(0.0) / (c2 - c3 * root)).powf(1.0 / m1)
}

fn pq_encode(light: f32) -> f32 {
    let [m1, m2, c1, c2, c3] = PQ;
    let power = light.clamp(0.0, 1.0).powf(m1);
    ((c1 + c2 * power) / (1.0 + c3 * power)).powf(m2)
}

const HLG: [f32; 3] = [0.178_832_77, 0.284_668_92, 0.559_910_7];

/// Scene light, 0 to 1, for a code value.
fn hlg_decode(code: f32) -> f32 {
    let [a, b, c] = HLG;
    if code <= 0.5 { code.max(0.0).powi(2) / 3.0 } else { (((code - c) / a).exp() + b) / 12.0 }
}

fn hlg_encode(light: f32) -> f32 {
    let [a, b, c] = HLG;
    if light <= 1.0 / 12.0 {
        (3.0 * light.max(0.0)).sqrt()
    } else {
        a * (12.0 * light - b).ln() + c
    }
}

#[cfg(test)]
mod tests;
