"""Prefix to prefix on a store that speaks S3: moto's server, on this machine alone."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import album, files, lines, relume

pytest.importorskip("moto.server", reason="moto is not installed: pip install 'moto[s3,server]'")
boto3 = pytest.importorskip("boto3", reason="boto3 is not installed: pip install 'moto[s3,server]'")

if "without object stores" in subprocess.run(
    [sys.executable, "-m", "relume", "restore", "s3://nobody/a.jpg", "-o", "s3://nobody/b.jpg"],
    capture_output=True, text=True, env={**os.environ, "AWS_ENDPOINT": "http://127.0.0.1:9"},
).stderr:
    pytest.skip("this package was built without the feature cloud", allow_module_level=True)


class Store:
    """A server with one bucket."""

    def __init__(self, endpoint: str) -> None:
        self.variables = {
            "AWS_ENDPOINT": endpoint, "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "nothing",
        }
        self.client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1",
                                   aws_access_key_id="nobody", aws_secret_access_key="nothing")
        self.client.create_bucket(Bucket="photos")

    def put(self, folder: Path, prefix: str) -> None:
        for name, content in files(folder).items():
            self.client.put_object(Bucket="photos", Key=prefix + name, Body=content)

    def get(self, prefix: str) -> dict[str, bytes]:
        found = self.client.list_objects_v2(Bucket="photos", Prefix=prefix).get("Contents", [])
        keys = [one["Key"] for one in found]
        return {key[len(prefix):]: self.client.get_object(Bucket="photos", Key=key)["Body"].read() for key in keys}

    def relume(self, *words: object, code: int = 0, folder: Path | None = None) -> str:
        return relume(*words, code=code, folder=folder, **self.variables)


@pytest.fixture
def store(tmp_path: Path):
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with open(tmp_path / "moto.log", "w") as log:
        variables = {**os.environ, "PYTHONUNBUFFERED": "1"}
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=variables)
    try:
        for _ in range(300):
            said = (tmp_path / "moto.log").read_text()
            if "Running on http://127.0.0.1:" in said:
                break
            time.sleep(0.1)
        yield Store("http://127.0.0.1:" + said.split("Running on http://127.0.0.1:")[1].split()[0])
    finally:
        process.kill()
        process.wait()


def test_a_prefix_becomes_a_prefix_as_a_folder_becomes_a_folder(tmp_path: Path, store: Store) -> None:
    album(tmp_path / "album", 7)
    (tmp_path / "album" / "notes.txt").write_text("no picture")
    relume("restore", "album", "-o", "out", folder=tmp_path)
    store.put(tmp_path / "album", "in/album/")
    store.relume("restore", "s3://photos/in/album/", "-o", "s3://photos/better/", "--manifest", tmp_path / "m.jsonl")
    assert store.get("better/") == files(tmp_path / "out")
    line = lines(tmp_path / "m.jsonl")[0]
    assert (line["input"], line["output"]) == ("s3://photos/in/album/000.png", "s3://photos/better/000.png")
    store.relume("manifest", "merge", tmp_path / "m.jsonl", "--inputs", "s3://photos/in/album")
    # From here to there, from there to here, and beside the original.
    store.relume("restore", tmp_path / "album" / "000.png", "-o", "s3://photos/one.png")
    store.relume("restore", "s3://photos/in/album/000.png", "-o", tmp_path / "local")
    store.relume("restore", "s3://photos/in/album/000.png")
    expected = files(tmp_path / "out")["000.png"]
    assert store.get("one.png")[""] == expected == (tmp_path / "local" / "000.png").read_bytes()
    assert store.get("in/album/000.relume.png")[""] == expected
    said = store.relume("inspect", "s3://photos/in/album/000.png", "--json")
    assert json.loads(said.splitlines()[0])["verdict"] == "restore"
    local = f"file://{tmp_path}/album/001.jpg"
    relume("restore", local, "-o", f"file://{tmp_path}/a%20b.jpg")
    assert (tmp_path / "a b.jpg").read_bytes() == files(tmp_path / "out")["001.jpg"]


def test_what_is_there_is_never_written_over(tmp_path: Path, store: Store) -> None:
    album(tmp_path / "album", 4)
    store.put(tmp_path / "album", "in/")
    store.client.put_object(Bucket="photos", Key="out/000.png", Body=b"mine")
    run = ["restore", "s3://photos/in/", "-o", "s3://photos/out/"]
    store.relume(*run, code=1)
    assert store.get("out/000.png")[""] == b"mine" and len(store.get("out/")) == 4
    store.relume("restore", "s3://photos/in/000.png", "-o", "s3://photos/in/000.png", "--overwrite", code=2)
    # It goes on with what is missing, and only with that.
    store.client.delete_object(Bucket="photos", Key="out/001.jpg")
    before = store.get("out/")
    said = store.relume(*run, "--skip-existing", "--json")
    records = [json.loads(line) for line in said.splitlines()]
    assert (records[-1]["done"], records[-1]["skipped"]) == (1, 3)
    after = store.get("out/")
    assert {key: after[key] for key in before} == before and len(after) == 4
    store.relume(*run, "--overwrite")
    assert store.get("out/000.png")[""] != b"mine"


def test_of_two_that_write_the_same_one_wins(tmp_path: Path, store: Store) -> None:
    """Both look first, find nothing, and write at the same time."""
    album(tmp_path / "album", 8)
    relume("restore", "album", "-o", "out", folder=tmp_path)
    store.put(tmp_path / "album", "in/")
    code = ("import json, relume, sys\n"
            "for one in relume.units('s3://photos/in/', 's3://photos/out/'): print(json.dumps(relume.unit(**{\n"
            "    'input': one['input'], 'output': one['output'], **one['recipe']})), flush=True)\n")
    command = [sys.executable, "-c", code]
    environment = {**os.environ, **store.variables}
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) for _ in range(2)]
    said = [json.loads(line) for process in both for line in process.communicate()[0].splitlines()]
    assert len(said) == 16 and all(process.returncode == 0 for process in both)
    done = [line["input"] for line in said if line["status"] == "done"]
    assert len(done) == len(set(done)) == 8, "each was made once"
    assert store.get("out/") == files(tmp_path / "out")


def test_what_is_missing_or_forbidden_is_named(tmp_path: Path, store: Store) -> None:
    store.relume("restore", "s3://photos/none.png", "-o", tmp_path / "a.png", code=3)
    store.relume("restore", "s3://photos/empty/", "-o", tmp_path / "out", code=3)
    store.relume("restore", "ftp://photos/a.png", "-o", tmp_path / "out", code=2)
