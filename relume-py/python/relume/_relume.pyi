from typing import Iterator, final

import numpy

__all__ = [
    "__version__",
    "Restorer",
    "Frames",
    "main",
    "unit",
    "units",
    "set_threads",
    "inspect",
    "degrade",
    "metrics",
    "metric_cards",
    "models",
]
__version__: str

@final
class Restorer:
    def __new__(cls, recipe: str) -> Restorer: ...
    def array(
        self, picture: numpy.ndarray, out: numpy.ndarray | None = None, icc: bytes | None = None
    ) -> tuple[numpy.ndarray, str]: ...

@final
class Frames:
    def __new__(
        cls, path: str, restorer: Restorer, denoise: bool = True, ffmpeg: str | None = None
    ) -> Frames: ...
    def __iter__(self) -> Iterator[numpy.ndarray]: ...
    def __next__(self) -> numpy.ndarray: ...
    @property
    def time(self) -> float | None: ...
    @property
    def size(self) -> tuple[int, int]: ...
    @property
    def rate(self) -> float | None: ...
    @property
    def seconds(self) -> float | None: ...

def main(itself: list[str], command_line: list[str]) -> int: ...
def unit(unit: str, forgive: bool = False) -> str: ...
def units(inputs: list[str], output: str | None, recipe: str, existing: str) -> str: ...
def set_threads(threads: int) -> None: ...
def inspect(picture: numpy.ndarray | str, icc: bytes | None = None) -> str: ...
def degrade(
    picture: numpy.ndarray,
    seed: int = 0,
    *,
    ev: float | None = None,
    shake: float | None = None,
    iso: float | None = None,
    jpeg: int | None = None,
) -> tuple[numpy.ndarray, str]: ...
def metrics(
    picture: numpy.ndarray | str,
    truth: numpy.ndarray | str | None = None,
    names: list[str] | None = None,
    fit: bool = False,
    icc: bytes | None = None,
) -> str: ...
def metric_cards() -> str: ...
def models() -> str: ...
