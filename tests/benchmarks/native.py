"""Native code: what one element of exp, log and tanh costs, and how long compiling takes, now and in the next process.

    OPENBLAS_NUM_THREADS=1 python -m tests.benchmarks.native

The training steps themselves, against NumPy by hand and against peers, are in jit.py. Each function goes over an array
that fits the cache, in turn with NumPy's own and with Python's math in the same kind of loop; its error is against a
wider float. Compiling is that of the article's step, in a process of its own with a new folder for stored code, then in
a second process that finds it there: from the call to its result, without the imports before it.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.benchmarks.timing import ratios

COUNT, REPEATS, ROUNDS = 4096, 50, 15

PROGRAM = """
import time
import numpy as np
from tests.benchmarks.jit import PROBLEMS, step_of
from tinygrad_scratch import jit

problem = PROBLEMS["article"][2]()
start, busy = time.perf_counter(), time.process_time()
jit(step_of(problem), backend="numba").repeat(2, *problem[2])
print(time.perf_counter() - start, time.process_time() - busy)
"""


def looped(function: Any) -> Callable[[Any, Any], None]:
    from numba import njit

    from tinygrad_scratch.compiler.native.mathematics import FLAGS

    def loop(x: Any, y: Any) -> None:
        for i in range(len(x)):
            y[i] = function(x[i])

    compiled: Callable[[Any, Any], None] = njit(error_model="numpy", fastmath=FLAGS)(loop)
    return compiled


def repeated(loop: Callable[[Any, Any], Any], x: Any) -> Callable[[], None]:
    y = np.empty_like(x)

    def run() -> None:
        for _ in range(REPEATS):
            loop(x, y)

    return run


def functions() -> None:
    from tinygrad_scratch.compiler.native import mathematics

    generator = np.random.default_rng(0)
    print(f"{'one element':24s}{'ns':>8s}{'x NumPy':>10s}{'ulp':>8s}")
    for name, values in (
        ("exp", generator.uniform(-20, 20, COUNT)),
        ("log", generator.uniform(0.01, 100, COUNT)),
        ("tanh", generator.uniform(-5, 5, COUNT)),
    ):
        for width, dtype, wider in ((64, np.float64, np.longdouble), (32, np.float32, np.float64)):
            x = values.astype(dtype)
            of_numpy, ours = getattr(np, name), looped(getattr(mathematics, f"{name}{width}"))
            peers = {
                f"np.{name}": repeated(of_numpy, x),
                "ours": repeated(ours, x),
                f"math.{name}, compiled": repeated(looped(getattr(math, name)), x),
            }
            true = of_numpy(x.astype(wider))
            for peer, (seconds, ratio) in ratios(dict(peers), f"np.{name}", ROUNDS).items():
                y = np.empty_like(x)
                (ours if peer == "ours" else of_numpy if peer.startswith("np") else looped(getattr(math, name)))(x, y)
                error = np.max(np.abs(y.astype(wider) - true) / np.spacing(np.abs(true.astype(dtype))).astype(wider))
                each = seconds / REPEATS / COUNT * 1e9
                print(f"{peer + f', float{width}':24s}{each:8.2f}{ratio:10.2f}{float(error):8.2f}")


def compiling() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for title in ("compiled", "found in a second process"):
            done = subprocess.run(
                [sys.executable, "-c", PROGRAM],
                env={**os.environ, "NUMBA_CACHE_DIR": folder},
                capture_output=True,
                text=True,
                check=True,
            )
            wall, busy = map(float, done.stdout.split())
            print(f"the article's step, {title + ':':28s}{wall:6.2f} s, of the processor {busy:.2f} s")


def main() -> None:
    print(f"(load of the machine: {os.getloadavg()[0]:.1f})")
    functions()
    compiling()


if __name__ == "__main__":
    main()
