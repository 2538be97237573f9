"""Dark pictures with something to see, and the program as pip installed it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
from PIL import Image

PROGRAM = [sys.executable, "-m", "relume"]


def night(height: int = 60, width: int = 80, seed: int = 0) -> numpy.ndarray:
    """A dark, noisy picture, `[h, w, 3]` of uint8; each seed gives another."""
    random = numpy.random.default_rng(seed)
    y, x = numpy.mgrid[:height, :width]
    tiles = numpy.where((x // (9 + seed % 5) + y // 7) % 2 == 0, 40, 13)
    light = tiles[:, :, None] * numpy.array([1.0, 0.9, 0.7]) + y[:, :, None] / 8
    return (light + random.normal(0, 4, (height, width, 3))).clip(0, 255).astype(numpy.uint8)


def album(folder: Path, count: int) -> list[str]:
    """`count` small photos in a folder with a folder in it; their names below it."""
    names = []
    for number in range(count):
        kind = ("png", "jpg")[number % 2]
        name = f"trip/{number:03}.{kind}" if number % 5 == 4 else f"{number:03}.{kind}"
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(night(40 + number % 7, 48, number)).save(path, quality=92)
        names.append(name)
    return sorted(names)


def relume(*words: object, folder: Path | None = None, code: int = 0, **variables: str) -> str:
    """Runs the program; its stdout."""
    command = [*PROGRAM, *map(str, words)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300,
                          env={**os.environ, **variables})
    assert done.returncode == code, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by its name."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def lines(*manifests: Path) -> list[dict]:
    """What manifests say."""
    return [json.loads(line) for path in manifests if path.exists() for line in path.read_text().splitlines()]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of sixty photos, and beside it what the program makes of them."""
    album(tmp_path / "album", 60)
    relume("restore", "album", "-o", "by-program", "-q", folder=tmp_path)
    return tmp_path
