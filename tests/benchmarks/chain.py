"""A chain of small operations, forward and backward: what one costs, and the memory, as the chain grows.

    python -m tests.benchmarks.chain

The operations are y = y * c + b on eight numbers. The baseline does the same in NumPy: forward, and the backward
products by hand. Each length runs in a process of its own, so that its peak of memory is its own.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import time
from collections.abc import Callable

import numpy as np

from tinygrad_scratch import Tensor

LENGTHS = (1_000, 10_000, 200_000, 1_000_000)
START = np.linspace(-1, 1, 8)


def by_hand(n: int) -> object:
    x = START
    for _ in range(n // 2):
        x = x * 0.999 + 0.001
    g = np.ones_like(x)
    for _ in range(n // 2):
        g = g * 0.999
    return g


def recorded(n: int) -> object:
    start = x = Tensor(START, requires_grad=True)
    for _ in range(n // 2):
        x = x * 0.999 + 0.001
    x.sum().backward()
    return start.grad


def best(run: Callable[[int], object], n: int, repeats: int) -> float:
    """The shortest time of several, in microseconds an operation."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run(n)
        times.append(time.perf_counter() - start)
    return min(times) / n * 1e6


def measure(n: int) -> tuple[float, float, float]:
    repeats = 3 if n > 10_000 else 100_000 // n
    if not np.allclose(np.asarray(recorded(n)), 0.999 ** (n // 2)):
        raise SystemExit("the gradient of the chain is wrong")
    ours, hand = best(recorded, n, repeats), best(by_hand, n, repeats)
    unit = 1024 if sys.platform != "darwin" else 1024**2
    return ours, hand, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def main() -> None:
    print(f"{'operations':>10s}{'µs each':>10s}{'by hand':>10s}{'ratio':>8s}{'peak MiB':>10s}")
    for n in LENGTHS:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            ours, hand, memory = pool.apply(measure, (n,))
        print(f"{n:10,d}{ours:10.2f}{hand:10.2f}{ours / hand:8.1f}{memory:10.0f}")


if __name__ == "__main__":
    main()
