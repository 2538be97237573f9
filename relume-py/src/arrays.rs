//! Between NumPy's arrays and photos.

use numpy::{PyArray3, PyArrayMethods, PyReadonlyArray3, PyReadwriteArray3, PyUntypedArrayMethods};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use relume_cli::Failure;
use relume_media::photo::{BitDepth, Sample};
use relume_media::{Limits, Photo, Size};

use crate::errors::Raise;

/// A photo out of the name of a file, or out of an array `[h, w, channels]`.
pub(crate) fn photo(picture: &Bound<'_, PyAny>, icc: Option<Vec<u8>>) -> PyResult<Photo> {
    let py = picture.py();
    if let Ok(path) = picture.extract::<std::path::PathBuf>() {
        return py.detach(|| Photo::load(&path, &Limits::default())).or_raise(py);
    }
    if let Ok(array) = picture.extract::<PyReadonlyArray3<'_, u8>>() {
        return of_samples(&array, icc);
    }
    if let Ok(array) = picture.extract::<PyReadonlyArray3<'_, u16>>() {
        return of_samples(&array, icc);
    }
    if let Ok(array) = picture.extract::<PyReadonlyArray3<'_, f32>>() {
        return of_samples(&array, icc);
    }
    Err(PyTypeError::new_err("a picture is an array [h, w, channels] of uint8, uint16 or float32"))
}

fn of_samples<T: Sample + numpy::Element>(
    array: &PyReadonlyArray3<'_, T>,
    icc: Option<Vec<u8>>,
) -> PyResult<Photo> {
    let [height, width, channels] = [array.shape()[0], array.shape()[1], array.shape()[2]];
    // Where it is contiguous, this reads the array itself. The lock is held meanwhile: nobody
    // writes to it.
    let photo = match array.as_slice() {
        Ok(samples) if array.is_c_contiguous() => {
            Photo::from_samples(samples, Size::new(width, height), channels, icc)
        }
        _ => {
            let samples: Vec<T> = array.as_array().iter().copied().collect();
            Photo::from_samples(&samples, Size::new(width, height), channels, icc)
        }
    };
    photo.or_raise(array.py())
}

/// An array with a photo's samples: `out`, if it is given, else a new one.
pub(crate) fn array<'py>(
    py: Python<'py>,
    photo: &Photo,
    out: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    match photo.depth {
        BitDepth::Eight => of_photo::<u8>(py, photo, out),
        BitDepth::Sixteen => of_photo::<u16>(py, photo, out),
        BitDepth::Float => of_photo::<f32>(py, photo, out),
    }
}

fn of_photo<'py, T: Sample + numpy::Element>(
    py: Python<'py>,
    photo: &Photo,
    out: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let shape = [photo.size().height, photo.size().width, photo.channels()];
    let array = match out {
        Some(out) => out.cast::<PyArray3<T>>()?.clone(),
        None => PyArray3::<T>::zeros(py, shape, false),
    };
    if array.shape() != shape {
        let message = format!("out has the shape {:?}; the result has {shape:?}", array.shape());
        return Err(Failure::usage(message)).or_raise(py);
    }
    let mut writable: PyReadwriteArray3<'_, T> = array.try_readwrite()?;
    match writable.as_slice_mut() {
        Ok(samples) if array.is_c_contiguous() => photo.write_samples(samples).or_raise(py)?,
        _ => {
            let mut samples = vec![T::of_unit(0.0); shape.iter().product()];
            photo.write_samples(&mut samples).or_raise(py)?;
            let places = writable.as_array_mut().into_iter();
            places.zip(samples).for_each(|(place, sample)| *place = sample);
        }
    }
    drop(writable);
    Ok(array.into_any())
}
