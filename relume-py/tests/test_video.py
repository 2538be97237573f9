"""The frames of a video."""

import shutil
import subprocess
from pathlib import Path

import numpy
import pytest
import relume

from conftest import night
from conftest import relume as program

if not shutil.which("ffmpeg"):
    pytest.skip("FFmpeg is not installed: apt-get install ffmpeg", allow_module_level=True)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Twelve dark frames, without loss."""
    path = tmp_path / "night.mkv"
    frames = b"".join(numpy.roll(night(64, 96, 3), number, 1).tobytes() for number in range(12))
    command = ["ffmpeg", "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "96x64", "-r", "25", "-i", "-",
               "-c:v", "ffv1", "-pix_fmt", "yuv444p", str(path)]
    subprocess.run(command, input=frames, check=True)
    return path


def test_frames_are_those_of_the_program(clip: Path) -> None:
    frames = relume.video(clip, always=True)
    assert (frames.size, frames.rate, frames.time) == ((96, 64), 25.0, None)
    made, times = [], []
    for frame in frames:
        made.append(frame)
        times.append(frames.time)
    assert times == pytest.approx([number / 25 for number in range(12)], abs=0.002)
    assert made[0].shape == (64, 96, 3) and made[0].dtype == numpy.uint8
    assert numpy.mean(made) > 1.5 * night(64, 96, 3).mean()
    # What the program writes without loss is the same, but for how each turns its samples into RGB.
    program("video", clip, "-o", clip.with_name("better.mkv"), "--always", "--codec", "ffv1")
    raw = subprocess.run(["ffmpeg", "-v", "error", "-i", str(clip.with_name("better.mkv")), "-f", "rawvideo",
                          "-pix_fmt", "rgb24", "-"], capture_output=True, check=True).stdout
    expected = numpy.frombuffer(raw, numpy.uint8).reshape(12, 64, 96, 3).astype(int)
    assert numpy.abs(expected - numpy.stack(made)).max() <= 3


def test_an_iterator_may_be_left_and_errors_have_their_kind(clip: Path) -> None:
    frames = relume.video(clip)
    assert next(frames).shape == (64, 96, 3)
    del frames
    with pytest.raises(relume.errors.InputError, match="nowhere.mp4"):
        relume.video("nowhere.mp4")
    clip.with_name("junk.mp4").write_bytes(b"no video")
    with pytest.raises(relume.errors.InputError):
        list(relume.video(clip.with_name("junk.mp4")))
    with pytest.raises(relume.errors.ToolError, match="FFmpeg"):
        relume.video(clip, ffmpeg="/nowhere/ffmpeg")
