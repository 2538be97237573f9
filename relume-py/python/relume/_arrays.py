"""Between what programs hold pictures in and arrays `[height, width, channels]`."""

from __future__ import annotations

import os
import sys
from typing import Any, Callable

import numpy

DTYPES = ("uint8", "uint16", "float32")
PIL_MODES = ("L", "LA", "RGB", "RGBA", "I;16")


def is_file(picture: Any) -> bool:
    """Whether it is the name of a file."""
    return isinstance(picture, (str, os.PathLike))


def is_pil(picture: Any) -> bool:
    """Whether it is a PIL image; PIL is not loaded for the question."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(picture, module.Image)


class Taken:
    """A picture taken apart: its `frames`, each `[height, width, channels]`, and how to put results of the
    same kind together again."""

    def __init__(self, picture: Any) -> None:
        self.icc: bytes | None = None
        if is_pil(picture):
            array = self._of_pil(picture)
        elif isinstance(picture, numpy.ndarray):
            array = picture
        elif hasattr(picture, "__dlpack__"):
            array = numpy.from_dlpack(picture)
        elif hasattr(picture, "__array_interface__"):
            array = numpy.asarray(picture)
        else:
            name = type(picture).__name__
            raise TypeError(f"a picture is an array, a PIL image or the name of a file, not {name}")
        array = native(array)
        if array.ndim == 2:
            self.frames = array[None, :, :, None]
            self._put: Callable[[numpy.ndarray], numpy.ndarray] = lambda frames: frames[0, :, :, 0]
        elif array.ndim == 3:
            self.frames, self._put = array[None], lambda frames: frames[0]
        elif array.ndim == 4:
            self.frames, self._put = array, lambda frames: frames
        else:
            words = f"an array of {array.ndim} dimensions is no picture"
            raise ValueError(f"{words}: give [h, w], [h, w, c] or [b, h, w, c]")
        words = f"an array of the shape {array.shape}"
        if array.size == 0:
            raise ValueError(f"{words} holds no picture: every side must be at least 1")
        if not 1 <= self.frames.shape[3] <= 4:
            raise ValueError(f"{words} has no 1 to 4 channels at its end; numpy.moveaxis puts them there")
        self._picture = picture

    def _of_pil(self, image: Any) -> numpy.ndarray:
        if image.mode not in PIL_MODES:
            words = f"PIL's mode {image.mode} is none of {', '.join(PIL_MODES)}"
            raise TypeError(f"{words}: convert it first, as image.convert('RGB')")
        self.icc = image.info.get("icc_profile")
        return numpy.asarray(image)

    def together(self, frames: list[numpy.ndarray], out: numpy.ndarray | None) -> Any:
        """Results as what the picture was; where they were written to `out`, that is it."""
        if out is not None:
            return out
        array = self._put(frames[0][None] if len(frames) == 1 else numpy.stack(frames))
        if not is_pil(self._picture):
            return array
        from PIL import Image

        image = Image.fromarray(array)
        image.info = dict(self._picture.info)
        return image

    def places(self, out: numpy.ndarray | None) -> list[numpy.ndarray | None]:
        """Where each result goes: views of `out`, if there is one."""
        count = len(self.frames)
        if out is None:
            return [None] * count
        if not isinstance(out, numpy.ndarray) or out.dtype != self.frames.dtype:
            raise TypeError(f"out must be an array of {self.frames.dtype}, as the picture")
        if out.size != self.frames.size or not out.flags.writeable:
            raise ValueError(f"out must be writable and as large as the picture; its shape is {out.shape}")
        if out.ndim == 2:
            return [out[:, :, None]]
        return [out] if out.ndim == 3 else list(out)


def native(array: numpy.ndarray) -> numpy.ndarray:
    """The array in this machine's byte order and contiguous: itself, if it is so already."""
    if array.dtype.newbyteorder("=").name not in DTYPES:
        words = f"samples are uint8, uint16, or float32 from 0 to 1, not {array.dtype}"
        raise TypeError(f"{words}: convert them, as array.astype(numpy.float32)")
    return numpy.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
