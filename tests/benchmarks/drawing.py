"""Drawing large graphs: how long from a Tensor to an SVG file, with what pip installs alone.

    python -m tests.benchmarks.drawing

A chain is a multilayer perceptron with its own weights in each layer; a loop is a recurrent network that uses one
weight in every step. The bars: 1,000 operations in a second, 10,000 operations folded by a rule in three. The last rows
say what recording costs, with nobody drawing and while `draw` watches. Times are those of the processor, ours and the
renderer's, which on an idle machine is the time that passes; what did pass stands behind.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from tests.benchmarks.timing import ratios
from tinygrad_scratch import Tensor
from tinygrad_scratch.drawing import draw
from tinygrad_scratch.drawing.naming import standing
from tinygrad_scratch.watching import watch

ROUNDS = 5


def chain(operations: int) -> Tensor:
    generator = np.random.default_rng(0)
    x: Any = Tensor(generator.normal(size=(4, 3)), name="x")
    for _ in range(operations // 2):
        x = np.tanh(x @ Tensor(generator.normal(size=(3, 3)), requires_grad=True))
    total: Tensor = np.sum(x)
    return total


def loop(operations: int) -> Tensor:
    w = Tensor(np.random.default_rng(0).normal(size=(3, 3)), requires_grad=True, name="w")
    x: Any = Tensor(np.ones((4, 3)), name="x")
    for _ in range(operations // 4):
        x = x * 0.9 + np.tanh(x @ w)
    total: Tensor = np.sum(x)
    return total


def by_function(node: Any) -> str | None:
    """A rule: activations in one box with what is right before them."""
    return "layer" if node.function in (np.tanh, np.matmul) else None


def best(run: Callable[[], object]) -> tuple[float, float]:
    """The least time of the processor, and of the clock, of several runs, in seconds."""
    times = []
    for _ in range(ROUNDS):
        start, before = time.perf_counter(), processor()
        run()
        times.append((processor() - before, time.perf_counter() - start))
    return min(used for used, _ in times), min(passed for _, passed in times)


def processor() -> float:
    """Seconds of the processor, of this program and of those that it started."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def main() -> None:
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; the best of {ROUNDS} runs")
    cases: list[tuple[str, Tensor, dict[str, Any], float | None]] = []
    for name, make in (("chain", chain), ("loop", loop)):
        small, large = make(1_000), make(10_000)
        cases.append((f"{name}, 1,000 operations, both ways", small, {"limit": 2_000}, 1.0))
        cases.append((f"{name}, 1,000 operations, forward", small, {"limit": 2_000, "view": "forward"}, 1.0))
        cases.append((f"{name}, 10,000 operations, by a rule", large, {"fold": by_function}, 3.0))
        cases.append((f"{name}, 10,000 operations, repeats", large, {"fold": "repeats"}, 3.0))
    endless = Tensor(1.0, requires_grad=True)
    for _ in range(1_000_000):
        endless = endless * 1.0
    cases.append(("1,000,000 operations, the newest 500", endless, {}, None))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "graph.svg"
        for name, tensor, options, bar in cases:
            drawing = draw(tensor, **options)
            used, passed = np.add(
                best(lambda t=tensor, o=options: draw(t, **o)),  # type: ignore[misc]
                best(lambda d=drawing: d.save(path)),  # type: ignore[misc]
            )
            verdict = "" if bar is None else f"under {bar:g} s" if used < bar else f"NOT under {bar:g} s"
            print(f"{name:40} {len(drawing.scene.boxes):5} boxes {used:6.2f} s ({passed:.2f} s passed)  {verdict}")

    def watched() -> object:
        with watch(standing):
            return loop(400)

    times = ratios({"nobody draws": lambda: loop(400), "watched by draw": watched}, "nobody draws", 20)
    for name, (seconds, ratio) in times.items():
        print(f"recording 400 operations, {name:20} {seconds * 1e3:6.2f} ms, {ratio:.2f} of nobody draws")


if __name__ == "__main__":
    main()
