"""Shards and manifests of the program."""

import json
from pathlib import Path

import pytest

from conftest import album, files, lines, relume


def test_shards_together_do_everything_once(tmp_path: Path) -> None:
    names = album(tmp_path / "album", 20)
    relume("restore", "album", "-o", "whole", folder=tmp_path)
    for count in (1, 2, 3, 7, 25):
        made = []
        for index in range(count):
            variables = {"JOB_COMPLETION_INDEX": str(index)} if count % 2 else {}
            shard = f"auto/{count}" if variables else f"{index}/{count}"
            relume("restore", "album", "-o", f"of-{count}", "--shard", shard, "--manifest", f"m/{count}/{index}.jsonl",
                   folder=tmp_path, **variables)
            made += [line["input"] for line in lines(tmp_path / f"m/{count}/{index}.jsonl")]
        assert sorted(made) == [f"album/{name}" for name in names]
        assert files(tmp_path / f"of-{count}") == files(tmp_path / "whole")
        parts = sorted((tmp_path / "m" / str(count)).iterdir())
        said = relume("manifest", "merge", *parts, "--inputs", "album", "-o", f"m/{count}.jsonl", folder=tmp_path)
        assert f"20 pictures in {count} manifests, each exactly once" in said
        assert [line["input"] for line in lines(tmp_path / f"m/{count}.jsonl")] == sorted(made)


def test_a_manifest_says_what_was_read_written_and_how(tmp_path: Path) -> None:
    import hashlib

    name = album(tmp_path / "album", 1)[0]
    relume("restore", "album", "-o", "out", "--strength", "0.5", "--manifest", "m.jsonl", folder=tmp_path)
    (line,) = lines(tmp_path / "m.jsonl")
    digest = lambda path: hashlib.sha256((tmp_path / path).read_bytes()).hexdigest()  # noqa: E731
    assert line["input_sha256"] == digest(f"album/{name}") and line["output_sha256"] == digest(f"out/{name}")
    assert (line["status"], line["recipe"]["strength"]) == ("done", 0.5)
    assert line["report"]["brightness_wanted"] > line["report"]["brightness_before"]
    assert len(line["weights_sha256"]) == 64


def test_a_run_goes_on_where_it_was_cut_off(tmp_path: Path) -> None:
    names = album(tmp_path / "album", 6)
    again = ["restore", "album", "-o", "out", "--skip-existing", "--manifest", "m.jsonl"]
    relume(*again, folder=tmp_path)
    whole = (tmp_path / "m.jsonl").read_text()
    results = files(tmp_path / "out")
    # As if it had been ended between the fourth result and its line, in the midst of the third line.
    for name in names[4:]:
        (tmp_path / "out" / name).unlink()
    (tmp_path / "m.jsonl").write_text("\n".join(whole.split("\n")[:2]) + "\n" + whole.split("\n")[2][:40])
    relume(*again, folder=tmp_path)
    assert files(tmp_path / "out") == results
    assert sorted(line["status"] for line in lines(tmp_path / "m.jsonl")) == ["done"] * 4 + ["found"] * 2
    relume("manifest", "merge", "m.jsonl", "--inputs", "album", folder=tmp_path)
    # Nothing is left to do, and nothing is written.
    text = (tmp_path / "m.jsonl").read_text()
    relume(*again, folder=tmp_path)
    assert (tmp_path / "m.jsonl").read_text() == text
    # Another recipe does not pass for this one.
    relume(*again, "--strength", "0.5", folder=tmp_path, code=4)


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    album(tmp_path / "album", 3)
    (tmp_path / "album" / "broken.jpg").write_bytes(b"\xff\xd8\xff junk")
    relume("restore", "album", "-o", "out", "--manifest", "a.jsonl", folder=tmp_path, code=1)
    relume("restore", "album/000.png", "-o", "twice/", "--manifest", "b.jsonl", folder=tmp_path)
    album(tmp_path / "album", 4)
    said = relume("manifest", "merge", "a.jsonl", "b.jsonl", "--inputs", "album", "--json", folder=tmp_path, code=1)
    record = json.loads(said)
    faults = "\n".join(record["faults"])
    for words in ("broken.jpg: failed", "000.png: made twice, in a.jsonl and in b.jsonl", "003.jpg: in no manifest"):
        assert words in faults
    assert (record["done"], record["failed"]) == (3, 1)


@pytest.mark.parametrize("shard", ["2/2", "x", "auto", "1/0", "auto/2"])
def test_shards_that_make_no_sense_are_refused(tmp_path: Path, shard: str) -> None:
    album(tmp_path, 1)
    relume("restore", tmp_path, "-o", tmp_path / "out", "--shard", shard, code=2)
