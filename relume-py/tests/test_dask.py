"""Sixty photos on a Dask cluster of two processes, one of which is killed."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from conftest import album, files, lines
from conftest import relume as program

distributed = pytest.importorskip("distributed", reason="Dask is not installed: pip install 'dask[distributed]'")

from relume.dask import restore_folder  # noqa: E402


def results(folder: Path) -> dict[str, bytes]:
    """What is whole; a killed process leaves a hidden part behind."""
    return {name: content for name, content in files(folder).items() if not Path(name).name.startswith(".")}


def test_sixty_photos_are_done_once_though_a_worker_is_killed(photos: Path) -> None:
    cluster = distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None)
    with cluster, distributed.Client(cluster) as client:
        victim = next(iter(client.run(os.getpid).values()))
        killed = []

        def kill() -> None:
            # In the midst of the work: some results are there, most are not.
            while len(results(photos / "by-dask")) < 15:
                time.sleep(0.005)
            os.kill(victim, signal.SIGKILL)
            killed.append(len(results(photos / "by-dask")))

        killer = threading.Thread(target=kill)
        killer.start()
        said = restore_folder(client, photos / "album", photos / "by-dask", manifest=photos / "m.jsonl")
        killer.join()
    assert killed and killed[0] < 60, killed
    assert results(photos / "by-dask") == files(photos / "by-program")
    assert len(said) == len({line["output"] for line in said}) == 60
    # A result that the killed worker wrote, but did not report, is found by the next.
    assert {line["status"] for line in said} <= {"done", "found"}
    assert lines(photos / "m.jsonl") == said
    program("manifest", "merge", photos / "m.jsonl", "--inputs", photos / "album")


def test_a_broken_photo_is_a_line_and_stops_nobody(tmp_path: Path) -> None:
    album(tmp_path / "album", 4)
    (tmp_path / "album" / "broken.jpg").write_bytes(b"\xff\xd8\xff junk")
    with distributed.Client(processes=False, n_workers=1, dashboard_address=None) as client:
        said = restore_folder(client, tmp_path / "album", tmp_path / "out", threads=None, strength=0.5)
    failed = [line for line in said if line["status"] == "failed"]
    assert len(said) == 5 and len(failed) == 1 and "broken.jpg" in failed[0]["error"]
