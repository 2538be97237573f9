"""Many pictures on a Ray cluster: actors hold the model.

    import ray, relume.ray
    better = relume.ray.restore_dataset(ray.data.read_images("album"), concurrency=4)
    lines = relume.ray.restore_folder("album", "better", concurrency=4).take_all()
"""

from __future__ import annotations

import json
import os
from typing import Any

import numpy

from ._relume import set_threads
from ._restore import Restorer, attempt, units


class _Pictures:
    """Restores the pictures in a column."""

    def __init__(self, column: str, threads: int | None, recipe: dict[str, Any]) -> None:
        if threads is not None:
            set_threads(threads)
        self.column = column
        self.restorer = Restorer(**recipe)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        return {**row, self.column: self.restorer(numpy.asarray(row[self.column]))}


class _Units:
    """Does units of work."""

    def __init__(self, threads: int | None, recipe: dict[str, Any]) -> None:
        if threads is not None:
            set_threads(threads)
        self.restorer = Restorer(**recipe)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        # As text: the columns of a data set have one type each, reports differ.
        line = attempt(json.loads(row["unit"]))
        return {**{key: line[key] for key in ("input", "output", "status")}, "line": json.dumps(line)}


def restore_dataset(dataset: Any, *, column: str = "image", concurrency: int = 1, threads: int | None = 1,
                    **recipe: Any) -> Any:
    """The data set with the pictures in `column` restored; arrays as `relume.restore` takes them. The work begins
    when the result is read. `concurrency` actors hold the model, each with `threads` threads."""
    arguments = {"column": column, "threads": threads, "recipe": recipe}
    return dataset.map(_Pictures, fn_constructor_kwargs=arguments, concurrency=concurrency, num_cpus=threads or 1)


def restore_folder(inputs: Any, output: str | os.PathLike[str], *, existing: str = "skip", concurrency: int = 1,
                   threads: int | None = 1, **recipe: Any) -> Any:
    """Restores files, folders or addresses into `output`, as `relume restore INPUTS -o OUTPUT` does: a data set of
    `input`, `output`, `status` and the manifest's `line`, which does the work when it is read."""
    import ray

    rows = [{"unit": json.dumps(one)} for one in units(inputs, output, existing=existing, **recipe)]
    dataset = ray.data.from_items(rows)
    arguments = {"threads": threads, "recipe": recipe}
    return dataset.map(_Units, fn_constructor_kwargs=arguments, concurrency=concurrency, num_cpus=threads or 1)
