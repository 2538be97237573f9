"""Python, the program, its server and a workflow make the same bytes of the same picture."""

import http.client
import subprocess
from pathlib import Path

import numpy
import pytest
import relume
from PIL import Image

from conftest import PROGRAM, night, relume as program

SETTINGS = [{}, {"strength": 0.5}, {"brightness": 0.4}, {"model": "sem"}, {"model": "alen-small", "route": "local"}]


@pytest.fixture
def server(tmp_path: Path):
    """The host and port of a server of this package."""
    command = [*PROGRAM, "--quiet", "serve", "--port", "0", "--data", str(tmp_path / "data")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        yield process.stdout.readline().split("//")[1].split("/")[0]
    finally:
        process.kill()
        process.wait()


def posted(address: str, photo: Path, fields: dict) -> bytes:
    """What the server makes of a photo."""
    line = "a-line-between"
    parts = [f'--{line}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
             for key, value in fields.items()]
    head = f'--{line}\r\nContent-Disposition: form-data; name="photo"; filename="{photo.name}"\r\n\r\n'
    body = b"".join(parts) + head.encode() + photo.read_bytes() + f"\r\n--{line}--\r\n".encode()
    connection = http.client.HTTPConnection(address, timeout=120)
    connection.request("POST", "/v1/restore", body, {"Content-Type": f"multipart/form-data; boundary={line}"})
    answer = connection.getresponse()
    content = answer.read()
    assert answer.status == 200, content
    return content


@pytest.mark.parametrize("kind", ["png", "jpg"])
def test_the_same_bytes_everywhere(tmp_path: Path, server: str, kind: str) -> None:
    photo = tmp_path / f"night.{kind}"
    Image.fromarray(night(120, 160)).save(photo, quality=93)
    for number, settings in enumerate(SETTINGS):
        words = [word for key, value in settings.items() for word in (f"--{key}", value)]
        program("restore", photo.name, "-o", f"program-{number}.{kind}", "--always", *words, folder=tmp_path)
        by_program = (tmp_path / f"program-{number}.{kind}").read_bytes()

        by_python = relume.restore(photo, out=tmp_path / f"python-{number}.{kind}", always=True, **settings)
        assert by_python.read_bytes() == by_program, settings
        if "route" not in settings:
            assert posted(server, photo, {"always": "true", **settings}) == by_program, settings

        workflow = ["[[node]]", 'id = "photo"', 'kind = "input"', "[[node]]", 'id = "better"', 'kind = "model"',
                    'image = "photo"', *(f"{key} = {value!r}" for key, value in settings.items()),
                    "[[node]]", 'id = "result"', 'kind = "output"', 'image = "better"']
        (tmp_path / "same.toml").write_text('name = "same"\n' + "\n".join(workflow))
        program("run", "same.toml", photo.name, "-o", f"workflow-{number}.{kind}", folder=tmp_path)
        assert (tmp_path / f"workflow-{number}.{kind}").read_bytes() == by_program, settings

        if kind == "png":
            pixels = numpy.asarray(Image.open(photo))
            better = numpy.asarray(Image.open(tmp_path / f"program-{number}.png"))
            assert (relume.restore(pixels, always=True, **settings) == better).all(), settings


def test_the_program_in_the_package_is_the_program() -> None:
    import sys

    script = Path(sys.executable).with_name("relume")
    if not script.exists():
        pytest.skip(f"pip put no script at {script}; is this an editable install?")
    said = subprocess.run([script, "--version"], capture_output=True, text=True)
    assert said.stdout == f"relume {relume.__version__}\n"
    assert subprocess.run([script, "restore"], capture_output=True).returncode == 2
