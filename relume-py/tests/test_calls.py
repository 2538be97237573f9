"""What else there is to call; interruption; the lock; pickles; types."""

import math
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy
import pytest
import relume

from conftest import album, night, relume as program

RGB = night()


def test_files_are_written_beside_or_where_it_is_said(tmp_path: Path) -> None:
    name = album(tmp_path, 1)[0]
    before = (tmp_path / name).read_bytes()
    restorer = relume.Restorer()
    assert restorer(tmp_path / name) == tmp_path / "000.relume.png"
    assert restorer.report["verdict"] and (tmp_path / name).read_bytes() == before
    out = tmp_path / "deep" / "better.png"
    assert relume.restore(str(tmp_path / name), out=out) == out
    with pytest.raises(relume.errors.OutputError, match="exists already"):
        relume.restore(tmp_path / name, out=out)
    out.write_bytes(b"mine")
    relume.restore(tmp_path / name, out=out, existing="skip")
    assert out.read_bytes() == b"mine"
    relume.restore(tmp_path / name, out=out, existing="replace")
    assert out.read_bytes() == (tmp_path / "000.relume.png").read_bytes()
    with pytest.raises(relume.errors.UsageError, match="originals are never changed"):
        relume.restore(tmp_path / name, out=tmp_path / name, existing="replace")


def test_inspect_says_what_the_program_says(tmp_path: Path) -> None:
    import json

    name = album(tmp_path, 1)[0]
    said = json.loads(program("inspect", name, "--json", folder=tmp_path).splitlines()[0])
    seen = relume.inspect(tmp_path / name)
    assert seen == {key: said[key] for key in seen} and seen["verdict"] == "restore"
    assert relume.inspect(night(40, 48, 0)) == seen


def test_degrade_is_the_same_for_the_same_seed() -> None:
    good = (night() * 4).clip(0, 255).astype(numpy.uint8)
    bad, record = relume.degrade(good, 7, ev=3, jpeg=0)
    again, _ = relume.degrade(good, 7, ev=3, jpeg=0)
    other, _ = relume.degrade(good, 8, ev=3, jpeg=0)
    assert bad.shape == good.shape and (bad == again).all() and (bad != other).any()
    assert record["ev"] == 3 and bad.mean() < good.mean() / 2
    with pytest.raises(ValueError):
        relume.degrade(good, ev=99)


def test_metrics_are_those_of_the_program() -> None:
    scores = relume.metrics(RGB, (RGB * 0.9).astype(numpy.uint8))
    error = ((RGB.astype(float) - (RGB * 0.9).astype(numpy.uint8)) ** 2).mean()
    assert scores["psnr"] == pytest.approx(10 * math.log10(255**2 / error), abs=1e-6)
    assert relume.metrics(RGB, RGB)["psnr"] == math.inf
    assert list(relume.metrics(RGB, RGB, ["ssim"])) == ["ssim"]
    assert "psnr" not in relume.metrics(night(200, 200))
    with pytest.raises(relume.errors.UsageError, match="psnr"):
        relume.metrics(RGB, RGB, ["psrn"])
    with pytest.raises(ValueError, match="same size"):
        relume.metrics(RGB, RGB[1:])
    assert {card["name"] for card in relume.metric_cards()} >= {"psnr", "ssim", "niqe"}
    assert [card["inside"] for card in relume.models() if card["name"] == "lantern-s"] == [True]


def test_a_restorer_goes_to_other_processes() -> None:
    restorer = pickle.loads(pickle.dumps(relume.Restorer(strength=0.5, always=True)))
    assert restorer.recipe["strength"] == 0.5
    assert (restorer(RGB) == relume.restore(RGB, strength=0.5, always=True)).all()


def test_other_threads_go_on_meanwhile() -> None:
    ticks, stop = [], threading.Event()

    def tick() -> None:
        while not stop.is_set():
            ticks.append(time.monotonic())
            time.sleep(0.002)

    clock = threading.Thread(target=tick)
    clock.start()
    start = time.monotonic()
    relume.restore(night(500, 500), always=True)
    end = time.monotonic()
    stop.set()
    clock.join()
    inside = [t for t in ticks if start < t < end]
    assert len(inside) > 3 and max(numpy.diff(inside)) < 0.5 * (end - start), (len(inside), end - start)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_an_interrupt_stops_the_work_at_once() -> None:
    code = (
        "import numpy, relume, sys\n"
        "picture = numpy.full((3000, 3000, 3), 20, numpy.uint8)\n"
        "relume.restore(numpy.zeros((8, 8), numpy.uint8))\n"
        "print('begun', flush=True)\n"
        "try: relume.restore(picture, always=True)\n"
        "except KeyboardInterrupt: print('stopped')\n"
        "assert relume.restore(picture[:9, :9]).shape == (9, 9, 3)\n"
    )
    # Alone in its group, as a shell starts it; a child of a background job would ignore the signal.
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True,
                             preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
    assert child.stdout.readline() == "begun\n"
    time.sleep(0.7)
    start = time.monotonic()
    child.send_signal(signal.SIGINT)
    assert child.stdout.read() == "stopped\n"
    assert child.wait() == 0 and time.monotonic() - start < 5


def test_the_stubs_are_true() -> None:
    mypy = pytest.importorskip("mypy", reason="mypy is not installed")
    del mypy
    command = [sys.executable, "-m", "mypy.stubtest", "relume._relume", "--ignore-disjoint-bases"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_package_says_that_it_has_types() -> None:
    assert (Path(relume.__file__).parent / "py.typed").is_file()
    pytest.importorskip("mypy", reason="mypy is not installed")
    command = [sys.executable, "-m", "mypy", "--strict-optional", "-c",
               "import relume\nreveal_type(relume.inspect('a.jpg'))\nrelume.restore('a.jpg', strenght=1)"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=300).stdout
    assert "dict[" in said and 'Unexpected keyword argument "strenght"' in said, said
