"""Looking at pictures, and making them bad."""

from __future__ import annotations

import json
import math
import os
from typing import Any, Sequence

from . import _relume
from ._arrays import Taken, is_file


def _one(picture: Any) -> tuple[Any, bytes | None]:
    """The name of a file, or the one frame of an array or image with its color profile."""
    if is_file(picture):
        return os.fspath(picture), None
    taken = Taken(picture)
    if len(taken.frames) != 1:
        raise ValueError(f"a batch of {len(taken.frames)} pictures: give them one by one")
    return taken.frames[0], taken.icc


def inspect(picture: Any) -> dict[str, Any]:
    """What is wrong with a picture (array, PIL image or file), in figures, with a verdict and its reasons: what
    `relume inspect --json` says."""
    frame, icc = _one(picture)
    return json.loads(_relume.inspect(frame, icc))


def degrade(picture: Any, seed: int = 0, *, ev: float | None = None, shake: float | None = None,
            iso: float | None = None, jpeg: int | None = None) -> tuple[Any, dict[str, Any]]:
    """A good picture (array or PIL image) made bad as a camera at night would, and the record of what was done.

    `ev` stops too dark, shaken by `shake` pixels, with the noise of `iso`, `jpeg` quality inside the camera (0 for
    none); what is not given is drawn from the seed. The same seed gives the same picture everywhere.
    """
    if is_file(picture):
        raise TypeError("degrade takes an array or a PIL image; for files there is the program, relume degrade")
    taken = Taken(picture)
    made = [_relume.degrade(frame, seed, ev=ev, shake=shake, iso=iso, jpeg=jpeg) for frame in taken.frames]
    return taken.together([frame for frame, _ in made], None), json.loads(made[0][1])


def metrics(picture: Any, truth: Any = None, names: Sequence[str] | None = None, *,
            fit: bool = False) -> dict[str, float]:
    """How near a picture is to the truth, or, without one, how good it is by itself; see `relume.metric_cards()`.

    Pictures (arrays, PIL images or files) are compared as 8-bit RGB. `fit` first fits the one gain and gamma that
    brings the picture nearest to the truth: never a headline figure.
    """
    frame, icc = _one(picture)
    other = None if truth is None else _one(truth)[0]
    scores = json.loads(_relume.metrics(frame, other, None if names is None else list(names), fit, icc))
    return {name: math.inf if value is None else value for name, value in scores.items()}
