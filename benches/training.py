"""How many crops a second PyTorch learns from: an exported network, batches of 8, L1-like loss, Adam.

    relume models export lantern-s -o lantern-s.onnx
    python benches/training.py lantern-s.onnx --crop 128 --channels-last

`cargo run --release -p relume-train --features burn --example crops_per_second -- flex lantern-s 128`
is the same in relume.
"""

import argparse
import statistics
import time

import torch
from peers import OnnxInTorch, feeds_of, onnx_inputs


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network")
    parser.add_argument("--crop", type=int, default=64)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--output", default="restored")
    parser.add_argument("--channels-last", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(2)
    network = OnnxInTorch(args.network, args.channels_last)
    trained = [v for n, v in network.values.items() if n.endswith((".weight", ".bias"))]
    for value in trained:
        value.requires_grad_(True)
    optimizer = torch.optim.Adam(trained, 1e-4)
    feeds = feeds_of(onnx_inputs(args.network), args.crop, args.crop)
    feeds = {n: torch.from_numpy(v).repeat(args.batch, 1, 1, 1) for n, v in feeds.items()}
    if args.channels_last:
        feeds = {n: v.contiguous(memory_format=torch.channels_last) for n, v in feeds.items()}
    target = torch.rand(args.batch, 3, args.crop, args.crop)
    seconds = []
    for _ in range(args.steps + 3):
        clock = time.perf_counter()
        optimizer.zero_grad()
        difference = network.run(feeds, args.output) - target
        (difference.square() + 1e-6).sqrt().mean().backward()
        optimizer.step()
        seconds.append(time.perf_counter() - clock)
    median = statistics.median(seconds[3:])
    print(f"torch {torch.__version__}: {args.batch / median:.1f} crops/s (median of {args.steps} steps, "
          f"{len(trained)} trained tensors)")


if __name__ == "__main__":
    main()
