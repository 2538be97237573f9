"""What lies in `integrations`."""

import asyncio
import importlib.util
import os
import subprocess
import sys
import types
from pathlib import Path

import numpy
import pytest
import relume

from conftest import PROGRAM, album, files, lines, night
from conftest import relume as program

FOLDER = Path(__file__).resolve().parents[2] / "integrations"


class Tensor:
    """As much of a tensor as the node needs."""

    device = "cpu"

    def __init__(self, array: numpy.ndarray) -> None:
        self.array, self.shape = array, array.shape

    def detach(self) -> "Tensor":
        return self

    cpu = detach

    def numpy(self) -> numpy.ndarray:
        return self.array

    def to(self, device: str) -> "Tensor":
        return self


class Anything:
    """Inputs and outputs of a schema, by what they were made of."""

    def __init__(self, *words: object, **more: object) -> None:
        self.words, self.more = words, more

    Input = Output = classmethod(lambda cls, *words, **more: cls(*words, **more))


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch):
    """The node as ComfyUI loads it, with stand-ins for ComfyUI and PyTorch."""
    io = types.SimpleNamespace(ComfyNode=object, Schema=Anything, NodeOutput=Anything, Image=Anything, Combo=Anything,
                               Float=Anything, Boolean=Anything, Mask=Anything)
    latest = types.ModuleType("comfy_api.latest")
    latest.io, latest.ComfyExtension = io, object
    torch = types.ModuleType("torch")
    torch.from_numpy = Tensor
    modules = {"comfy_api": types.ModuleType("comfy_api"), "comfy_api.latest": latest, "torch": torch}
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    spec = importlib.util.spec_from_file_location("relume_node", FOLDER / "comfyui" / "__init__.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (node,) = asyncio.run(asyncio.run(module.comfy_entrypoint()).get_node_list())
    return node


def test_the_node_of_comfyui_gives_the_same_as_the_package(node: type) -> None:
    schema = node.define_schema().more
    names = [one.words[0] for one in schema["inputs"]]
    assert names == ["image", "model", "strength", "always", "mask"]
    assert "lantern-s" in schema["inputs"][1].more["options"]
    pictures = numpy.stack([night(seed=1), night(seed=2)]).astype(numpy.float32) / 255
    better = node.execute(Tensor(pictures), "lantern-s", 1.0, True).words[0].array
    assert (better == relume.restore(pictures, always=True)).all() and better.dtype == numpy.float32
    mask = numpy.zeros((1, 60, 80), numpy.float32)
    mask[:, :, 40:] = 1
    part = node.execute(Tensor(pictures), "lantern-s", 1.0, True, Tensor(mask)).words[0].array
    assert (part[:, :, :40] == pictures[:, :, :40]).all() and (part[:, :, 40:] == better[:, :, 40:]).all()


def test_the_demo_of_gradio_is_built() -> None:
    pytest.importorskip("gradio", reason="Gradio is not installed: pip install gradio")
    sys.path.insert(0, str(FOLDER / "gradio"))
    import app

    photo, better = app.better(__import__("PIL.Image").Image.fromarray(night()), 1)
    assert better.size == photo.size and app.demo.title == "relume"


def test_the_slurm_script_does_everything_once(tmp_path: Path) -> None:
    """Run as Slurm runs it: the same variables, one process a task; one task is cut off and queued again."""
    album(tmp_path / "album", 9)
    program("restore", "album", "-o", "whole", folder=tmp_path)
    (tmp_path / "bin").mkdir()
    words = " ".join(f'"{word}"' for word in PROGRAM)
    (tmp_path / "bin" / "relume").write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    (tmp_path / "bin" / "relume").chmod(0o755)
    for task in (4, 5, 6, 5):
        variables = {"SLURM_ARRAY_TASK_ID": str(task), "SLURM_ARRAY_TASK_MIN": "4", "SLURM_ARRAY_TASK_COUNT": "3",
                     "SLURM_CPUS_PER_TASK": "1", "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
        subprocess.run(["sh", FOLDER / "slurm" / "restore.sbatch", "album", "better"], cwd=tmp_path, check=True,
                       env={**os.environ, **variables})
    assert files(tmp_path / "better") == files(tmp_path / "whole")
    manifests = sorted((tmp_path / "better.manifests").iterdir())
    assert len(lines(*manifests)) == 9
    program("manifest", "merge", *manifests, "--inputs", "album", folder=tmp_path)


def test_the_manifests_of_kubernetes_are_consistent() -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    job = yaml.safe_load((FOLDER / "kubernetes" / "indexed-job.yaml").read_text())["spec"]
    arguments = job["template"]["spec"]["containers"][0]["args"]
    assert job["completionMode"] == "Indexed" and f"auto/{job['completions']}" in arguments
    workers = yaml.safe_load((FOLDER / "kubernetes" / "workers.yaml").read_text())["spec"]["template"]["spec"]
    # Every option there is one of the program's.
    for words in (arguments, workers["containers"][0]["args"]):
        if words[0] in subprocess.run([*PROGRAM, "help"], capture_output=True, text=True).stdout:
            helped = program("help", words[0])
            assert all(word in helped for word in words if word.startswith("--"))
