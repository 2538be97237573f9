"""Ray: actors hold the model. Slow, and half a gigabyte: `pytest -m slow`."""

import os
import signal
import threading
import time
from pathlib import Path

import numpy
import pytest

from conftest import files, night
from conftest import relume as program

pytestmark = pytest.mark.slow
psutil = pytest.importorskip("psutil", reason="psutil is not installed: pip install psutil")
ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'ray[data]'")


@pytest.fixture
def cluster():
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def results(folder: Path) -> dict[str, bytes]:
    return {name: content for name, content in files(folder).items() if not Path(name).name.startswith(".")}


def actors() -> list[int]:
    """The processes of this cluster's actors that restore."""
    titles = {one.pid: " ".join(one.cmdline()) for one in psutil.Process().children(recursive=True)}
    return [process for process, title in titles.items() if title.startswith("ray::") and "Map" in title]


def test_sixty_photos_are_done_once_though_an_actor_is_killed(photos: Path, cluster: None) -> None:
    from relume.ray import restore_folder

    killed = []

    def kill() -> None:
        while len(results(photos / "by-ray")) < 10:
            time.sleep(0.01)
        os.kill(actors()[0], signal.SIGKILL)
        killed.append(len(results(photos / "by-ray")))

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    said = restore_folder(photos / "album", photos / "by-ray", concurrency=2).take_all()
    killer.join(timeout=10)
    assert killed and killed[0] < 60, killed
    assert results(photos / "by-ray") == files(photos / "by-program")
    assert len(said) == len({line["output"] for line in said}) == 60
    (photos / "m.jsonl").write_text("".join(line["line"] + "\n" for line in said))
    program("manifest", "merge", photos / "m.jsonl", "--inputs", photos / "album")


def test_a_data_set_of_arrays(cluster: None) -> None:
    import relume
    from relume.ray import restore_dataset

    pictures = numpy.stack([night(seed=seed) for seed in range(4)])
    better = restore_dataset(ray.data.from_numpy(pictures), column="data").take_all()
    assert {row["data"].tobytes() for row in better} == {one.tobytes() for one in relume.restore(pictures)}
