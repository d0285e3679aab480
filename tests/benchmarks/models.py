"""Training steps of a small CNN and a small transformer, recorded eagerly, against torch: time and peak memory.

    python -m tests.benchmarks.models

A step is forward, backward and an SGD update, in float32. Both sides run the same architecture on the same data, in
turn. Memory is the peak of a process of its own over what it took before the first step.
"""

from __future__ import annotations

import importlib.util
import multiprocessing
import resource
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.benchmarks.timing import ratios
from tinygrad_scratch import Tensor, nn

ROUNDS, STEPS = 7, 5
VOCABULARY, TIME, BATCH, WIDTH, HEADS, BLOCKS = 64, 64, 16, 128, 4, 2
Step = Callable[[], float]


def pictures() -> tuple[Any, Any]:
    draws = np.random.default_rng(0)
    return draws.random((64, 1, 28, 28), np.float32), draws.integers(0, 10, 64)


def tokens() -> tuple[Any, Any]:
    draws = np.random.default_rng(0)
    return draws.integers(0, VOCABULARY, (BATCH, TIME)), draws.integers(0, VOCABULARY, (BATCH, TIME))


# ---- ours ------------------------------------------------------------------------------------------------------------


def our_step(network: nn.Module, x: Any, y: Any) -> Step:
    optimizer = nn.SGD(network.parameters(), learning_rate=0.01)
    call: Any = network

    def step() -> float:
        optimizer.zero_grad()
        loss = nn.cross_entropy(call(x), y)
        loss.backward()
        optimizer.step()
        return float(loss.item())

    return step


def cnn() -> nn.Sequential:
    options: dict[str, Any] = {"generator": np.random.default_rng(0), "dtype": np.float32}
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, **options),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1, **options),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dense(32 * 49, 10, **options),
    )


def our_cnn() -> Step:
    return our_step(cnn(), *pictures())


class Transformer(nn.Module):
    def __init__(self) -> None:
        options: dict[str, Any] = {"generator": np.random.default_rng(0), "dtype": np.float32}
        self.tokens = nn.Embedding(VOCABULARY, WIDTH, **options)
        self.places = Tensor(np.zeros((TIME, WIDTH)), requires_grad=True, dtype=np.float32)
        blocks = [nn.TransformerBlock(WIDTH, HEADS, causal=True, **options) for _ in range(BLOCKS)]
        self.blocks = nn.Sequential(*blocks)
        self.logits = nn.Dense(WIDTH, VOCABULARY, **options)

    def __call__(self, x: Any) -> Any:
        return self.logits(self.blocks(self.tokens(x) + self.places))


def our_transformer() -> Step:
    return our_step(Transformer(), *tokens())


# ---- torch's ---------------------------------------------------------------------------------------------------------


def torch_step(parameters: list[Any], forward: Callable[[Any], Any], x: Any, y: Any) -> Step:
    import torch

    x, y = torch.from_numpy(x), torch.from_numpy(y).reshape(-1)
    optimizer = torch.optim.SGD(parameters, 0.01)

    def step() -> float:
        optimizer.zero_grad()
        logits = forward(x)
        loss = torch.nn.functional.cross_entropy(logits.view(-1, logits.shape[-1]), y)
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return step


def torch_cnn() -> Step:
    from torch import nn as theirs

    network = theirs.Sequential(
        theirs.Conv2d(1, 16, 3, padding=1),
        theirs.ReLU(),
        theirs.MaxPool2d(2),
        theirs.Conv2d(16, 32, 3, padding=1),
        theirs.ReLU(),
        theirs.MaxPool2d(2),
        theirs.Flatten(),
        theirs.Linear(32 * 49, 10),
    )
    return torch_step(list(network.parameters()), network, *pictures())


def torch_transformer() -> Step:
    import torch
    from torch import nn as theirs

    def linear(inputs: int, outputs: int) -> Any:
        return theirs.Linear(inputs, outputs)

    embedding, places = theirs.Embedding(VOCABULARY, WIDTH), torch.zeros(TIME, WIDTH, requires_grad=True)
    blocks = [
        (
            theirs.LayerNorm(WIDTH),
            linear(WIDTH, 3 * WIDTH),
            linear(WIDTH, WIDTH),
            theirs.LayerNorm(WIDTH),
            linear(WIDTH, 4 * WIDTH),
            linear(4 * WIDTH, WIDTH),
        )
        for _ in range(BLOCKS)
    ]
    logits = linear(WIDTH, VOCABULARY)
    parts = [embedding, *(part for block in blocks for part in block), logits]

    def forward(x: Any) -> Any:
        h = embedding(x) + places
        for norm, projection, output, other_norm, up, down in blocks:
            q, k, v = projection(norm(h)).view(BATCH, TIME, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
            found = theirs.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            h = h + output(found.transpose(1, 2).reshape(BATCH, TIME, WIDTH))
            h = h + down(theirs.functional.gelu(up(other_norm(h)), approximate="tanh"))
        return logits(h)

    return torch_step([places, *(p for part in parts for p in part.parameters())], forward, *tokens())


# ---- the figures -----------------------------------------------------------------------------------------------------

WORKS: dict[str, dict[str, Callable[[], Step]]] = {
    "CNN": {"torch, eager": torch_cnn, "recorded": our_cnn},
    "transformer": {"torch, eager": torch_transformer, "recorded": our_transformer},
}


def peak(work: str, name: str) -> float:
    """The memory that steps take, in MiB: the peak of this process over what it was before the first."""
    unit = 1024 if sys.platform != "darwin" else 1024**2
    step = WORKS[work][name]()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(5):
        step()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / unit


def several(step: Step) -> Step:
    return lambda: [step() for _ in range(STEPS)][-1]


def main() -> None:
    if importlib.util.find_spec("torch") is None:
        raise SystemExit("torch is not installed, so there is nothing to compare with")
    peaks = {}  # first, while this process is small: a new one begins with the peak of the one that starts it
    for work, makers in WORKS.items():
        for name in makers:
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                peaks[work, name] = pool.apply(peak, (work, name))
    print(f"{'one training step, float32':28s}{'ms':>8s}{'x torch':>9s}{'MiB':>8s}")
    for work, makers in WORKS.items():
        steps: dict[str, Callable[[], object]] = {name: several(make()) for name, make in makers.items()}
        for name, (seconds, ratio) in ratios(steps, "torch, eager", ROUNDS).items():
            print(f"{work + ', ' + name:28s}{seconds / STEPS * 1e3:8.1f}{ratio:9.2f}{peaks[work, name]:8.0f}")


if __name__ == "__main__":
    main()
