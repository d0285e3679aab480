r"""A training step through jit, against the same step written by hand in NumPy, and what others make of it.

    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python -m tests.benchmarks.jit [--processor] \
        [article] [digits] [mnist] [models] [memory]

Three networks of sigmoids: the article's, 3-4-5-1 with a batch of 4, in float64; 64-128-64-10 with 64, in float64;
784-512-256-10 with 128, in float32. `by hand` is the article's style: derivatives from z, a fresh array for every
result. `models` are the small CNN and transformer of models.py, in float32, against torch; `memory` is the peak of the
transformer's step, buffers and all that it makes, against the eager step's. Peers that are installed (numba, JAX,
torch) run in the same rounds, and every one must end at the hand-written loss. With `--processor`, times are those of
the processor, of all threads together, which another job on the machine disturbs less.
"""

from __future__ import annotations

import gc
import importlib.util
import os
import sys
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from tests.benchmarks import models
from tests.benchmarks.article_step import Weights, by_hand
from tests.benchmarks.timing import ratios
from tinygrad_scratch import jit, nn, value_and_grad
from tinygrad_scratch.functional import log_softmax, sigmoid

ROUNDS = 11
Train = Callable[[], float]
Clock = Callable[[], float]
Problem = tuple[Any, Any, Weights, float]

# ---- the networks ----------------------------------------------------------------------------------------------------


def network(sizes: list[int], dtype: Any) -> Weights:
    generator = np.random.default_rng(1)
    return [(generator.normal(size=(n, m)) * n**-0.5).astype(dtype) for n, m in pairwise(sizes)]


def article() -> Problem:
    x = np.array([[0.0, 0, 1], [1, 1, 1], [1, 0, 1], [0, 1, 1]])
    return x, np.array([[0.0], [1], [1], [0]]), network([3, 4, 5, 1], float), 0.1


def classes(batch: int, sizes: list[int], dtype: Any) -> Problem:
    generator = np.random.default_rng(0)
    y = np.eye(sizes[-1], dtype=dtype)[generator.integers(0, sizes[-1], batch)]
    return generator.random((batch, sizes[0])).astype(dtype), y, network(sizes, dtype), 0.01


PROBLEMS: dict[str, tuple[str, int, Callable[[], Problem]]] = {
    "article": ("3-4-5-1, batch 4, float64", 2000, article),
    "digits": ("64-128-64-10, batch 64, float64", 100, partial(classes, 64, [64, 128, 64, 10], np.float64)),
    "mnist": ("784-512-256-10, batch 128, float32", 10, partial(classes, 128, [784, 512, 256, 10], np.float32)),
}

# ---- who trains them: each makes a function that trains `steps` steps from the start and returns the last loss -------


def step_of(problem: Problem) -> Callable[..., Any]:
    x, y, _, rate = problem

    def loss(*ws: Any) -> Any:
        a: Any = x
        for w in ws:
            a = sigmoid(a @ w)
        return (0.5 * (y - a) ** 2).sum()

    def step(*ws: Any) -> Any:
        value, slopes = value_and_grad(loss, argnums=(0, 1, 2))(*ws)
        return value, *(w - rate * slope for w, slope in zip(ws, slopes, strict=True))

    return step


def call_by_call(step: Any, problem: Problem, steps: int) -> Train:
    def train() -> float:
        ws = problem[2]
        for _ in range(steps):
            loss, *ws = step(*ws)
        return float(loss)

    return train


def in_one_call(step: Any, problem: Problem, steps: int) -> Train:
    return lambda: float(step.repeat(steps, *problem[2])[0])


def in_jax(problem: Problem, steps: int, whole: bool) -> Train:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    x, y, start, rate = problem

    def loss(ws: Any) -> Any:
        a: Any = x
        for w in ws:
            a = jax.nn.sigmoid(a @ w)
        return jnp.sum(0.5 * (y - a) ** 2)

    def step(ws: Any) -> Any:
        value, slopes = jax.value_and_grad(loss)(ws)
        return value, [w - jnp.asarray(rate, w.dtype) * slope for w, slope in zip(ws, slopes, strict=True)]

    one = jax.jit(step)
    zero = jnp.zeros((), start[0].dtype)
    many = jax.jit(lambda ws: jax.lax.fori_loop(0, steps, lambda _, state: step(state[1]), (zero, ws)))

    def train() -> float:
        ws: Any = [jnp.asarray(w) for w in start]
        if whole:
            return float(many(ws)[0])
        for _ in range(steps):
            value, ws = one(ws)
        return float(value)

    return train


def in_torch(problem: Problem, steps: int) -> Train:
    import torch

    x, y, start, rate = problem
    inputs, targets = torch.from_numpy(x), torch.from_numpy(y)

    def train() -> float:
        ws = [torch.from_numpy(w.copy()).requires_grad_() for w in start]
        for _ in range(steps):
            a = inputs
            for w in ws:
                a = torch.sigmoid(a @ w)
            loss = (0.5 * (targets - a) ** 2).sum()
            with torch.no_grad():
                for w, slope in zip(ws, torch.autograd.grad(loss, ws), strict=True):
                    w -= rate * slope
        return float(loss.detach())

    return train


def networks(name: str, clock: Clock) -> None:
    title, steps, make = PROBLEMS[name]
    problem = make()
    peers: dict[str, Train] = {
        "by hand": partial(by_hand, *problem, steps),
        "ours, recorded": call_by_call(step_of(problem), problem, steps),
        "jit, numpy": call_by_call(jit(step_of(problem)), problem, steps),
    }
    if installed("numba"):
        peers["jit, numba"] = call_by_call(jit(step_of(problem), backend="numba"), problem, steps)
        peers["jit, numba, repeat"] = in_one_call(jit(step_of(problem), backend="numba"), problem, steps)
    if installed("jax"):
        peers["JAX, a step"] = in_jax(problem, steps, whole=False)
        peers["JAX, fori_loop"] = in_jax(problem, steps, whole=True)
    if installed("torch"):
        peers["torch, eager"] = in_torch(problem, steps)
    right = peers["by hand"]()
    for peer, train in peers.items():
        if abs(train() - right) > (1e-9 if problem[0].dtype == float else 1e-3) * max(1, abs(right)):
            raise SystemExit(f"{peer} ends at another loss than the hand-written step: {train()!r}, {right!r}")
    print(f"{title:42s}{'µs a step':>12s}{'x by hand':>12s}")
    for peer, (seconds, ratio) in ratios(dict(peers), "by hand", ROUNDS, clock).items():
        print(f"{peer:42s}{seconds / steps * 1e6:12.1f}{ratio:12.3f}")


# ---- a CNN and a transformer -----------------------------------------------------------------------------------------


def step_of_model(work: str, backend: str | None) -> Callable[[], Any]:
    model, (x, y) = (models.cnn(), models.pictures()) if work == "CNN" else (models.Transformer(), models.tokens())
    optimizer = nn.SGD(model.parameters(), learning_rate=0.01)
    call: Any = model

    def step() -> Any:
        optimizer.zero_grad()
        logits = call(x)
        chances = log_softmax(logits.reshape(-1, logits.shape[-1]))
        loss = -np.mean(chances[np.arange(y.size), y.ravel()])
        loss.backward()
        optimizer.step()
        return loss

    return step if backend is None else jit(step, backend=backend)


def two_models(clock: Clock) -> None:
    for work in ("CNN", "transformer"):
        peers: dict[str, Callable[[], object]] = {
            "recorded": step_of_model(work, None),
            "jit, numpy": step_of_model(work, "numpy"),
        }
        if installed("numba"):
            peers["jit, numba"] = step_of_model(work, "numba")
        baseline = "recorded"
        if installed("torch"):
            peers["torch, eager"] = models.WORKS[work]["torch, eager"]()
            baseline = "torch, eager"
        for step in peers.values():
            step()
            step()
        print(f"{work + ', float32':42s}{'ms a step':>12s}{'x ' + baseline:>16s}")
        for peer, (seconds, ratio) in ratios(peers, baseline, ROUNDS, clock).items():
            print(f"{peer:42s}{seconds * 1e3:12.1f}{ratio:16.2f}")


def memory() -> None:
    """The peak of a step over what its model takes: for a program, its buffers and what a call makes besides."""
    found = {}
    for backend in (None, "numpy"):
        step_of_model("CNN", backend)()  # what is imported at the first call is nobody's step
        gc.collect()
        tracemalloc.start()
        step: Any = step_of_model("transformer", backend)
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(3):  # the first makes another program: there are no gradients yet
            step()
        gc.collect()  # the traces
        tracemalloc.reset_peak()
        step()
        found[backend] = tracemalloc.get_traced_memory()[1] - before
        tracemalloc.stop()
    eager, planned = found[None] / 2**20, found["numpy"] / 2**20
    print(f"{'the peak of a step of the transformer':42s}{'MiB':>12s}{'x eager':>12s}")
    print(f"{'recorded':42s}{eager:12.1f}{1:12.2f}")
    print(f"{'jit, numpy':42s}{planned:12.1f}{planned / eager:12.2f}")


def installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def main() -> None:
    clock = time.process_time if "--processor" in sys.argv else time.perf_counter
    asked = [each for each in sys.argv[1:] if each != "--processor"] or [*PROBLEMS, "models", "memory"]
    threads = os.environ.get("OPENBLAS_NUM_THREADS", "all")
    print(f"(threads of NumPy's products: {threads}; load of the machine: {os.getloadavg()[0]:.1f})")
    for each in asked:
        if each in PROBLEMS:
            networks(each, clock)
        elif each == "models":
            two_models(clock)
        elif each == "memory":
            memory()
        else:
            raise SystemExit(f"{each!r} is none of {', '.join([*PROBLEMS, 'models', 'memory'])}.")


if __name__ == "__main__":
    main()
