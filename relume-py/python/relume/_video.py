"""Restoring videos, frame by frame."""

from __future__ import annotations

import os
from typing import Any

from . import _relume
from ._restore import Restorer


def video(file: str | os.PathLike[str], *, denoise: bool = True, ffmpeg: str | os.PathLike[str] | None = None,
          **recipe: Any) -> _relume.Frames:
    """The restored frames of a video, one after the other: arrays `[height, width, 3]` of uint8, or uint16 where
    the video has more than 8 bits. The settings are those of `Restorer`.

        for frame in relume.video("night.mp4"): ...

    Light is steady in time, as `relume video` makes it: the video is read twice. The iterator's `size`, `rate` and
    `seconds` are the file's, `time` is that of the frame that came last. FFmpeg must be installed.
    """
    restorer = Restorer(**recipe)
    return _relume.Frames(os.fspath(file), restorer._native, denoise, None if ffmpeg is None else os.fspath(ffmpeg))
