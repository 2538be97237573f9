"""How many crops a second relume and PyTorch learn from: batches of 8, L1-like loss, Adam, 2 threads.

    cargo build --release -p relume-train --features burn --example crops_per_second
    python benches/training.py lantern-s --crop 128
    python benches/training.py nafnet --crop 128
    python benches/training.py zero-dce --crop 64 --output enhanced

Each round runs each of relume, PyTorch, and PyTorch in channels-last once, in a process of its own;
the table shows the median of the rounds, the range, and how many times PyTorch's better half relume is.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

EXAMPLE = "target/release/examples/crops_per_second"


def torch_speed(network, crop, batch, steps, output, channels_last):
    import torch
    from peers import OnnxInTorch, feeds_of, onnx_inputs

    torch.set_num_threads(2)
    net = OnnxInTorch(network, channels_last)
    trained = [v for n, v in net.values.items() if n.endswith((".weight", ".bias"))]
    for value in trained:
        value.requires_grad_(True)
    optimizer = torch.optim.Adam(trained, 1e-4)
    feeds = feeds_of(onnx_inputs(network), crop, crop)
    feeds = {n: torch.from_numpy(v).repeat(batch, 1, 1, 1) for n, v in feeds.items()}
    if channels_last:
        feeds = {n: v.contiguous(memory_format=torch.channels_last) for n, v in feeds.items()}
    target = torch.rand(batch, 3, crop, crop)
    seconds = []
    for _ in range(steps + 3):
        clock = time.perf_counter()
        optimizer.zero_grad()
        difference = net.run(feeds, output) - target
        (difference.square() + 1e-6).sqrt().mean().backward()
        optimizer.step()
        seconds.append(time.perf_counter() - clock)
    print(f"torch {torch.__version__}: {batch / statistics.median(seconds[3:]):.1f} crops/s")


def spoken(command, **environment):
    """The number before `crops/s` in what a command prints."""
    text = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **environment})
    return float(text.stdout.split(" crops/s")[0].split()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network")
    parser.add_argument("--crop", type=int, default=128)
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", default="restored")
    parser.add_argument("--torch", choices=["eager", "channels-last"], help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.torch:
        return torch_speed(args.network, args.crop, 8, args.steps, args.output, args.torch == "channels-last")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "network.onnx")
        subprocess.run([EXAMPLE, "onnx", args.network, path], check=True)
        common = ["--crop", str(args.crop), "--steps", str(args.steps), "--output", args.output]
        peer = lambda kind: [sys.executable, __file__, path, "--torch", kind, *common]
        ours = [EXAMPLE, "flex", args.network, str(args.crop), str(args.steps)]
        runs = {"relume": ours, "torch": peer("eager"), "torch channels-last": peer("channels-last")}
        speeds = {name: [] for name in runs}
        for _ in range(args.rounds):
            for name, command in runs.items():
                speeds[name].append(spoken(command, RAYON_NUM_THREADS="2"))
    median = {name: statistics.median(all) for name, all in speeds.items()}
    for name, all in speeds.items():
        print(f"{name:20} {median[name]:7.1f} crops/s ({min(all):.1f} to {max(all):.1f})")
    best = max(median["torch"], median["torch channels-last"])
    print(f"relume / better torch: {median['relume'] / best:.2f}")


if __name__ == "__main__":
    main()
