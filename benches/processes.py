"""Throughput of one process and of several, each with one thread, on shards of an album.

    python benches/processes.py ALBUM [--processes 2] [--repeat 5] [--program target/release/relume]

Efficiency is the throughput of N processes over N times that of one. Runs take turns, medians count: run it on
cores that nobody else uses.
"""

import argparse
import statistics
import subprocess
import tempfile
import time
from pathlib import Path


def seconds(program: str, album: Path, processes: int) -> float:
    """Wall time until all shards are done."""
    with tempfile.TemporaryDirectory() as folder:
        commands = [
            [program, "--quiet", "restore", str(album), "-o", folder, "--always", "--threads", "1", "--shard",
             f"{index}/{processes}"]
            for index in range(processes)
        ]
        start = time.perf_counter()
        running = [subprocess.Popen(command) for command in commands]
        codes = [process.wait() for process in running]
        end = time.perf_counter()
        if any(codes):
            raise SystemExit(f"exit codes {codes}")
        made = sum(path.is_file() for path in Path(folder).rglob("*"))
        wanted = sum(path.is_file() for path in album.rglob("*"))
        if made != wanted:
            raise SystemExit(f"{made} results of {wanted} pictures")
    return end - start


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("album", type=Path)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--program", default="target/release/relume")
    wanted = parser.parse_args()
    pictures = sum(path.is_file() for path in wanted.album.rglob("*"))
    times: dict[int, list[float]] = {1: [], wanted.processes: []}
    for _ in range(wanted.repeat):
        for count in times:
            times[count].append(seconds(wanted.program, wanted.album, count))
    one, many = (statistics.median(times[count]) for count in times)
    print(f"{pictures} pictures, medians of {wanted.repeat} runs, one thread a process")
    print(f"1 process    {pictures / one:6.2f} pictures a second")
    print(f"{wanted.processes} processes  {pictures / many:6.2f} pictures a second")
    print(f"efficiency   {one / many / wanted.processes:.3f}")


main()
