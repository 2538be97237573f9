"""Sixty photos in a queue of NATS JetStream, and workers, one of which is killed."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from conftest import PROGRAM, album, files, lines, relume

if not shutil.which("nats-server"):
    pytest.skip("nats-server is not installed: apt-get install nats-server", allow_module_level=True)
if "worker" not in subprocess.run([*PROGRAM, "help"], capture_output=True, text=True).stdout:
    pytest.skip("this package was built without the feature queue", allow_module_level=True)


@pytest.fixture
def server(tmp_path: Path):
    """The address of a server with JetStream."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["nats-server", "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(tmp_path / "nats")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with socket.socket() as knock:
                if knock.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"nats://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def worker(server: str, manifest: Path, *more: str) -> subprocess.Popen:
    """A worker with one thread, that gives up a picture to others after two seconds without a sign."""
    command = [*PROGRAM, "worker", server, "--manifest", str(manifest), "--patience", "2", "--threads", "1", *more]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def results(folder: Path) -> dict[str, bytes]:
    """What is whole; a killed process leaves a hidden part behind."""
    return {name: content for name, content in files(folder).items() if not Path(name).name.startswith(".")}


def fill(server: str, folder: Path, *more: str) -> dict:
    """Puts the album into the queue; the summary."""
    said = relume("restore", "album", "-o", "out", "--queue", server, "--json", *more, folder=folder)
    return json.loads(said.splitlines()[-1])


def test_sixty_photos_are_done_once_though_a_worker_is_killed(photos: Path, server: str) -> None:
    assert fill(server, photos)["done"] == 60
    again = fill(server, photos)
    assert (again["done"], again["skipped"]) == (0, 60), "the queue knows what it was given"
    victim = worker(server, photos / "victim.jsonl")
    other = None
    try:
        while len(results(photos / "out")) < 15:
            time.sleep(0.005)
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        assert 15 <= len(results(photos / "out")) < 60
        other = worker(server, photos / "other.jsonl", "--until-empty")
        assert other.wait(timeout=120) == 0
    finally:
        for process in (victim, other):
            if process is not None and process.poll() is None:
                process.kill()
    assert results(photos / "out") == files(photos / "by-program")
    manifests = [photos / "victim.jsonl", photos / "other.jsonl"]
    whole = [path for path in manifests if path.exists()]
    # A line cut short by the kill is no line: the unit was not confirmed, and the other has it.
    text = manifests[0].read_text()
    manifests[0].write_text(text[: text.rfind("\n") + 1])
    done = [line["input"] for line in lines(*whole) if line["status"] == "done"]
    assert len(done) == len(set(done)) >= 59
    relume("manifest", "merge", *whole, "--inputs", photos / "album")


def test_a_full_queue_makes_who_fills_it_wait(tmp_path: Path, server: str) -> None:
    names = album(tmp_path / "album", 10)
    command = [*PROGRAM, "restore", "album", "-o", "out", "--queue", server, "--room", "3", "-q"]
    filler = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(2)
        assert filler.poll() is None, "there is room for three only"
        one = worker(server, tmp_path / "m.jsonl")
        assert filler.wait(timeout=60) == 0
        for _ in range(600):
            if len(results(tmp_path / "out")) == 10:
                break
            time.sleep(0.1)
        one.send_signal(signal.SIGTERM)
        assert one.wait(timeout=30) == 130
    finally:
        filler.kill()
    assert sorted(results(tmp_path / "out")) == names


def test_what_cannot_be_restored_is_given_up_with_its_reason(tmp_path: Path, server: str) -> None:
    album(tmp_path / "album", 2)
    (tmp_path / "album" / "broken.jpg").write_bytes(b"\xff\xd8\xff junk")
    fill(server, tmp_path)
    one = worker(server, tmp_path / "m.jsonl", "--until-empty")
    assert one.wait(timeout=60) == 1
    status = {os.path.basename(line["input"]): line["status"] for line in lines(tmp_path / "m.jsonl")}
    assert status == {"000.png": "done", "001.jpg": "done", "broken.jpg": "failed"}


def test_no_server_is_a_failure_that_says_so() -> None:
    done = subprocess.run([*PROGRAM, "worker", "nats://127.0.0.1:9"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 6 and "JetStream" in done.stderr
