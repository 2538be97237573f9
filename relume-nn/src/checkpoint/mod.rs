//! Weight files of other programs and of ours, told apart by their content: safetensors, and
//! PyTorch's two formats. No code in a file is ever run, and memory stays within a small multiple
//! of the file's size.

mod archive;
mod legacy;
mod pickle;
pub(crate) mod safetensors;
mod tensors;
mod torch;

use crate::{Error, Result, Weights};

/// The kind of a weights file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A header in JSON, then plain numbers.
    Safetensors,
    /// `torch.save` since PyTorch 1.6: a zip archive.
    TorchZip,
    /// `torch.save` before PyTorch 1.6: pickles, then plain numbers.
    TorchLegacy,
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Safetensors => "safetensors",
            Self::TorchZip => "PyTorch (zip)",
            Self::TorchLegacy => "PyTorch (before 1.6)",
        })
    }
}

/// A weights file as read: its parameters, and how they were found.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// The parameters, as `f32`.
    pub weights: Weights,
    /// The kind of file.
    pub format: Format,
    /// The dictionaries that were opened to get to them, such as `params_ema`, outermost first.
    pub inside: Vec<String>,
    /// What every key began with and now does not, such as `module.`; mostly empty.
    pub prefix: String,
    /// Keys that are no parameters, such as `norm.num_batches_tracked`, and what they hold instead.
    pub skipped: Vec<(String, String)>,
}

impl Checkpoint {
    /// Reads a file of any [`Format`].
    ///
    /// Floats of 16, 32 and 64 bits become `f32`; tensors of whole numbers are skipped and listed.
    /// Of nested dictionaries the first of `params_ema`, `params`, `state_dict`,
    /// `model_state_dict` … is taken; a `module.` that all keys begin with is dropped.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] when the bytes are damaged, of another kind, or ask for anything but
    /// tensors.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let read = match format_of(bytes) {
            Some(Format::Safetensors) => return safetensors::read(bytes),
            Some(Format::TorchZip) => archive::read(bytes),
            Some(Format::TorchLegacy) => legacy::read(bytes),
            None => Err(format!(
                "this is {}; wanted is a safetensors file or what torch.save wrote",
                stranger(bytes)
            )),
        };
        read.map_err(Error::Checkpoint)
    }
}

fn format_of(bytes: &[u8]) -> Option<Format> {
    if bytes.starts_with(b"PK") {
        return Some(Format::TorchZip);
    }
    // A safetensors file begins with the length of its header, eight bytes, and an object.
    if bytes.get(8) == Some(&b'{') {
        return Some(Format::Safetensors);
    }
    legacy::recognises(bytes).then_some(Format::TorchLegacy)
}

/// What a file that is no weights file seems to be.
fn stranger(bytes: &[u8]) -> &'static str {
    match bytes {
        [] => "an empty file",
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => "a NumPy array (.npy)",
        [0x89, b'H', b'D', b'F', ..] => "an HDF5 file (Keras?)",
        [b'M', b'A', b'T', b'L', b'A', b'B', ..] => "a MATLAB file",
        [0x80, 2..=5, ..] => "a pickle that torch.save did not write",
        [0x1f, 0x8b, ..] => "a gzip file: unpack it first",
        [b'<', ..] => "a web page: the download went wrong",
        [b'v', b'e', b'r', b's', b'i', b'o', b'n', b' ', b'h', b't', b't', b'p', ..] => {
            "a pointer of Git LFS, not the file itself: run git lfs pull"
        }
        _ if bytes.get(257..262) == Some(b"ustar") => "a tar file (PyTorch before 0.1.10?)",
        _ => "of no kind known here",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_are_named() {
        for (bytes, word) in [
            (&b""[..], "empty"),
            (b"\x93NUMPY\x01\x00", "NumPy"),
            (b"\x80\x04\x95\x01\x00\x00\x00\x00\x00\x00\x00N.", "torch.save did not write"),
            (b"<!DOCTYPE html><html>", "web page"),
            (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
            (b"PK\x05\x06", "zip"),
        ] {
            let error = Checkpoint::read(bytes).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
