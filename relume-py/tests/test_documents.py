"""The Python in the documents runs."""

from pathlib import Path

import numpy
import pytest
from PIL import Image

import relume
from conftest import night

ROOT = Path(__file__).resolve().parents[2]


def blocks(document: str) -> list[str]:
    """The Python code of a document."""
    parts = (ROOT / document).read_text().split("```python\n")[1:]
    return [part.split("```")[0] for part in parts]


def run(codes: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = (night(192, 256).astype(float) * 4).clip(0, 255).astype(numpy.uint8)
    Image.fromarray(night(96, 128)).save(folder / "night.jpg")
    (folder / "album").mkdir()
    Image.fromarray(night()).save(folder / "album" / "a.png")
    monkeypatch.chdir(folder)
    known = {"good": good, "pictures": [night(seed=1), night(seed=2)], "picture": night(), "relume": relume}
    for code in codes:
        exec(compile(code, "document", "exec"), known)  # noqa: S102


@pytest.mark.parametrize("document", ["docs/python.md", "docs/scale-out.md", "relume-py/README.md", "README.md"])
def test_the_python_of_the_documents_runs(document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs = {"relume.video": "FFmpeg and a clip: see test_video.py", "Client()": "a cluster: see test_dask.py",
             "import ray": "Ray: see test_ray.py"}
    codes = [code for code in blocks(document) if not any(part in code for part in needs)]
    if not codes:
        pytest.skip(f"{document} has no Python")
    run(codes, tmp_path, monkeypatch)
    assert list(tmp_path.iterdir())
