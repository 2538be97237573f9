"""Many pictures on a Dask cluster.

    from dask.distributed import Client
    import relume.dask
    lines = relume.dask.restore_folder(Client(), "album", "better")

Every picture is a task of its own. A worker that is lost loses nothing: its tasks go to others, and a result is
there whole or not at all, and once. The model is loaded once a process.
"""

from __future__ import annotations

import json
import os
from typing import Any

from ._restore import attempt, units


def restore_folder(client: Any, inputs: Any, output: str | os.PathLike[str], *, existing: str = "skip",
                   manifest: str | os.PathLike[str] | None = None, threads: int | None = 1, retries: int = 3,
                   **recipe: Any) -> list[dict[str, Any]]:
    """Restores files, folders or addresses into `output`, as `relume restore INPUTS -o OUTPUT` does, on the workers
    of `client`; the lines of the manifest come back, and are written to `manifest`.

    All workers must see the same paths or addresses. `threads` is for each worker process; `None` leaves it at all
    cores. The settings are those of `relume.Restorer`.
    """
    work = units(inputs, output, existing=existing, **recipe)
    keys = [f"relume-{one['output']}" for one in work]
    tasks = client.map(attempt, work, key=keys, threads=threads, retries=retries, pure=False)
    lines = client.gather(tasks)
    if manifest is not None:
        with open(manifest, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)
    return lines
