"""Restoring pictures."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy

from . import _relume
from ._arrays import Taken, is_file

MARK = ".relume"


class Restorer:
    """A model with settings, loaded once for many pictures. It can be sent to other processes.

    `model` is a name out of `relume.models()` or the path of a weights file. `strength` goes from 0 (nothing)
    to 1 (everything), `brightness` is the mean to aim at, 0.02 to 0.9. Pictures that are fine already are left
    alone unless `always`. `quality` is for files that are JPEG.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] = "lantern-s",
        *,
        strength: float | None = None,
        brightness: float | None = None,
        protect_highlights: float | None = None,
        preview: int | None = None,
        always: bool = False,
        compatible: bool = False,
        route: str | None = None,
        quality: int = 95,
    ) -> None:
        settings = {
            "model": os.fspath(model), "strength": strength, "brightness": brightness,
            "protect_highlights": protect_highlights, "preview": preview, "always": always or None,
            "compatible": compatible or None, "route": route, "quality": quality,
        }
        self.recipe: dict[str, Any] = {key: value for key, value in settings.items() if value is not None}
        self.report: dict[str, Any] | None = None
        self._native = _relume.Restorer(json.dumps(self.recipe))

    def __call__(self, picture: Any, *, out: Any = None, existing: str = "refuse") -> Any:
        """Restores a picture and returns what it got: an array for an array, an image for an image.

        `out` is an array to write to. For the name of a file it is the file to write; without it,
        `night.jpg` becomes `night.relume.jpg`, and the path comes back. `existing` says what is done where
        that file exists: `refuse`, `skip` or `replace`. `report` then says what was done.
        """
        if is_file(picture):
            entry = unit(picture, out if out is not None else beside(picture), existing=existing, **self.recipe)
            self.report = entry.get("report")
            return Path(entry["output"])
        taken = Taken(picture)
        frames: list[numpy.ndarray] = []
        for frame, place in zip(taken.frames, taken.places(out)):
            restored, report = self._native.array(frame, place, taken.icc)
            self.report = json.loads(report)
            frames.append(restored)
        return taken.together(frames, out)

    def __reduce__(self) -> Any:
        return _again, (self.recipe,)


def _again(recipe: dict[str, Any]) -> Restorer:
    return Restorer(**recipe)


def restore(picture: Any, *, out: Any = None, existing: str = "refuse", model: str | os.PathLike[str] = "lantern-s",
            strength: float | None = None, brightness: float | None = None, protect_highlights: float | None = None,
            preview: int | None = None, always: bool = False, compatible: bool = False, route: str | None = None,
            quality: int = 95) -> Any:
    """Restores an array, a PIL image, or a file; see `Restorer`, which does it with the same settings.

    The model is loaded once, however often this is called.
    """
    restorer = Restorer(model, strength=strength, brightness=brightness, protect_highlights=protect_highlights,
                        preview=preview, always=always, compatible=compatible, route=route, quality=quality)
    return restorer(picture, out=out, existing=existing)


def unit(input: str | os.PathLike[str], output: str | os.PathLike[str], *, existing: str = "skip",
         **recipe: Any) -> dict[str, Any]:
    """One unit of work, as the program, its workers, Dask and Ray do it: reads `input`, restores it by the
    recipe (the settings of `Restorer`), and writes `output`, whole or not at all, and once.

    Both are paths or addresses (`s3://`, `gs://`, `az://`, where the package was built with them). The line
    of its manifest comes back: hashes of what was read and written, the recipe, and what was done.
    """
    if "model" in recipe:
        recipe["model"] = os.fspath(recipe["model"])
    work = {"input": os.fspath(input), "output": os.fspath(output), "recipe": recipe, "existing": existing}
    return json.loads(_relume.unit(json.dumps(work)))


def units(inputs: Any, output: str | os.PathLike[str] | None = None, *, existing: str = "skip",
          **recipe: Any) -> list[dict[str, Any]]:
    """The units of work that files, folders and addresses mean, as `relume restore INPUTS -o OUTPUT` finds them:
    what `unit` takes as its arguments, ready to be sent anywhere. Paths are absolute."""
    named = [inputs] if is_file(inputs) else list(inputs)
    where = None if output is None else os.fspath(output)
    found = _relume.units([os.fspath(name) for name in named], where, json.dumps(recipe), json.dumps(existing))
    return json.loads(found)


def attempt(work: dict[str, Any], threads: int | None = None) -> dict[str, Any]:
    """Does a unit out of `units`, wherever it was sent. A picture that cannot be read is a line too, `failed`;
    what may be better elsewhere or later (memory, disk, network) is an exception."""
    if threads is not None:
        _relume.set_threads(threads)
    return json.loads(_relume.unit(json.dumps(work), True))


def beside(file: str | os.PathLike[str]) -> str:
    """`night.jpg` → `night.relume.jpg`."""
    stem, extension = os.path.splitext(os.fspath(file))
    return f"{stem}{MARK}{extension}"
