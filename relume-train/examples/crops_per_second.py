"""The same training step as crops_per_second.rs, in PyTorch: prints crops per second."""

import os
import statistics
import sys
import time

import torch
from torch import nn

BATCH, SIDE, WARM = 8, 64, 3


class ZeroDce(nn.Module):
    def __init__(self):
        super().__init__()
        sizes = [(3, 32), (32, 32), (32, 32), (32, 32), (64, 32), (64, 32), (64, 24)]
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in sizes)

    def forward(self, x):
        c = self.convs
        x1 = torch.relu(c[0](x))
        x2 = torch.relu(c[1](x1))
        x3 = torch.relu(c[2](x2))
        x4 = torch.relu(c[3](x3))
        x5 = torch.relu(c[4](torch.cat([x3, x4], 1)))
        x6 = torch.relu(c[5](torch.cat([x2, x5], 1)))
        maps = torch.tanh(c[6](torch.cat([x1, x6], 1)))
        for r in maps.split(3, 1):
            x = x + r * (x * x - x)
        return x


def main(steps):
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    torch.manual_seed(1)
    network = ZeroDce()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4)
    image = torch.rand(BATCH, 3, SIDE, SIDE) * 0.3
    target = image * 2
    times = []
    for _ in range(WARM + steps):
        start = time.perf_counter()
        optimizer.zero_grad()
        loss = torch.sqrt((network(image) - target) ** 2 + 1e-6).mean()
        loss.backward()
        optimizer.step()
        times.append(time.perf_counter() - start)
    speed = BATCH / statistics.median(times[WARM:])
    threads = torch.get_num_threads()
    print(f"PyTorch {torch.__version__}, {threads} threads: {speed:.1f} crops/s ({steps} steps)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
