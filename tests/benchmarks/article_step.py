"""One training step of the article's network, recorded eagerly, against the same step written by hand in NumPy.

    python -m tests.benchmarks.article_step

Two ways to write the forward pass: with `functional.sigmoid`, and in the article's own NumPy text. The baseline is
hand-written NumPy in the article's style: its forward pass, its backprop, its updates. Peers that are installed
(autograd, torch) are timed in the same run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.benchmarks.timing import ratios
from tinygrad_scratch import Tensor
from tinygrad_scratch.functional import sigmoid

STEPS, ROUNDS, RATE = 500, 15, 0.1
X = np.array([[0, 0, 1], [1, 1, 1], [1, 0, 1], [0, 1, 1]], float)
Y = np.array([[0, 1, 1, 0]], float).T
Weights = list[Any]


def weights() -> Weights:
    generator = np.random.RandomState(1)
    return [generator.randn(*shape) for shape in ((3, 4), (4, 5), (5, 1))]


def by_hand(x: Any, y: Any, start: Weights, rate: float, steps: int) -> float:
    """The article's style: the sigmoid's derivative computed from z, a fresh array for every result."""

    def activate(z: Any) -> Any:
        return 1 / (1 + np.exp(-z))

    def slope(z: Any) -> Any:
        return np.exp(-z) / ((1 + np.exp(-z)) ** 2)

    w1, w2, w3 = start
    cost = 0.0
    for _ in range(steps):
        z2 = np.dot(x, w1)
        a2 = activate(z2)
        z3 = np.dot(a2, w2)
        a3 = activate(z3)
        z4 = np.dot(a3, w3)
        prediction = activate(z4)
        cost = np.sum(0.5 * (y - prediction) ** 2)
        delta4 = np.multiply(-(y - prediction), slope(z4))
        delta3 = np.dot(delta4, w3.T) * slope(z3)
        delta2 = np.dot(delta3, w2.T) * slope(z2)
        w3 = w3 - rate * np.dot(a3.T, delta4)
        w2 = w2 - rate * np.dot(a2.T, delta3)
        w1 = w1 - rate * np.dot(x.T, delta2)
    return float(cost)


def recorded(forward: Callable[[Weights], Tensor]) -> Callable[[], float]:
    """Training by `loss.gradient`, with the updates as a user writes them."""

    def train() -> float:
        ws = [Tensor(w, requires_grad=True) for w in weights()]
        cost = 0.0
        for _ in range(STEPS):
            loss = forward(ws)
            gradients = loss.gradient(*ws)
            ws = [Tensor(w.numpy() - RATE * g.numpy(), requires_grad=True) for w, g in zip(ws, gradients, strict=True)]
            cost = loss.item()
        return cost

    return train


def with_functional(ws: Weights) -> Any:
    a: Any = X
    for w in ws:
        a = sigmoid(a @ w)
    return (0.5 * (Y - a) ** 2).sum()


def in_numpy_text(ws: Weights) -> Any:
    a: Any = X
    for w in ws:
        a = 1 / (1 + np.exp(-np.dot(a, w)))
    return np.sum(0.5 * (Y - a) ** 2)


def in_autograd() -> Callable[[], float]:
    import autograd
    import autograd.numpy as anp

    def loss(ws: Weights) -> Any:
        a: Any = X
        for w in ws:
            a = 1 / (1 + anp.exp(-anp.dot(a, w)))
        return anp.sum(0.5 * (Y - a) ** 2)

    both = autograd.value_and_grad(loss)

    def train() -> float:
        ws, cost = weights(), 0.0
        for _ in range(STEPS):
            cost, gradients = both(ws)
            ws = [w - RATE * g for w, g in zip(ws, gradients, strict=True)]
        return float(cost)

    return train


def in_torch() -> Callable[[], float]:
    import torch

    x, y = torch.from_numpy(X), torch.from_numpy(Y)

    def train() -> float:
        ws, cost = [torch.from_numpy(w).requires_grad_() for w in weights()], 0.0
        for _ in range(STEPS):
            a = x
            for w in ws:
                a = torch.sigmoid(a @ w)
            loss = (0.5 * (y - a) ** 2).sum()
            gradients = torch.autograd.grad(loss, ws)
            with torch.no_grad():
                for w, g in zip(ws, gradients, strict=True):
                    w -= RATE * g
            cost = loss.item()
        return cost

    return train


def main() -> None:
    peers: dict[str, Callable[[], float]] = {
        "NumPy by hand, in the article's style": lambda: by_hand(X, Y, weights(), RATE, STEPS),
        "recorded, with functional.sigmoid": recorded(with_functional),
        "recorded, the article's NumPy text": recorded(in_numpy_text),
    }
    for name, make in (("autograd", in_autograd), ("torch, eager", in_torch)):
        try:
            peers[name] = make()
        except ImportError:
            print(f"({name} is not installed)")
    hand = next(iter(peers))
    right = peers[hand]()
    for name, train in peers.items():
        if abs(train() - right) > 1e-9 * abs(right):
            raise SystemExit(f"{name} ends at another cost than the hand-written step: {train()!r}, {right!r}")
    print(f"{'one training step, 3-4-5-1, batch 4':42s}{'µs':>8s}{'x by hand':>12s}")
    for name, (seconds, ratio) in ratios(dict(peers), hand, ROUNDS).items():
        print(f"{name:42s}{seconds / STEPS * 1e6:8.1f}{ratio:12.2f}")


if __name__ == "__main__":
    main()
