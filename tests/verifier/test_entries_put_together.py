"""What all entries of a list lack is told where they are made; a part that is due nowhere is exchanged for no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import edited, module_of, told
from tinygrad_scratch import verify

HEADS = """
import numpy as np


class Heads:
    def __init__(self, rng):
        self.ask, self.key = rng.normal(size=(3, 8)), rng.normal(size=(3, 8))
        self.shift = rng.normal(size=8)

    def forward(self, x):
        self.x = x
        self.asks = np.reshape(x @ self.ask + self.shift, (2, 2, 5, 4))
        self.keys = np.reshape(x @ self.key, (2, 2, 5, 4))
        return self.asks @ self.keys.swapaxes(-2, -1) / np.sqrt(self.asks.shape[-1])

    def back_of(self, d, a, k):
        scale = 1 / np.sqrt(a.shape[-1])
        da = d @ k * scale
        dk = d.swapaxes(-2, -1) @ a * scale
        return da, dk

    def backward(self, ds):
        das, dks = [], []
        for d, a, k in zip(ds, self.asks, self.keys):
            da, dk = self.back_of(d, a, k)
            das.append(da)
            dks.append(dk)
        das = np.array(das)
        dks = np.array(dks)
        das = np.reshape(das, (2, 5, -1))
        dks = np.reshape(dks, (2, 5, -1))
        axes = ([0, 1], [0, 1])
        self.grads = {"ask": np.tensordot(self.x, das, axes), "key": np.tensordot(self.x, dks, axes)}
        self.grads["shift"] = np.sum(das, axis=(0, 1))


def check(verify):
    rng = np.random.default_rng(0)
    heads, x, y = Heads(rng), rng.normal(size=(2, 5, 3)), rng.normal(size=(2, 2, 5, 5))
    with verify(heads) as check:
        out = heads.forward(x)
        check.loss = 0.5 * np.sum((out - y) ** 2)
        heads.backward(out - y)
    return check
"""


def test_right_heads(tmp_path: Path) -> None:
    assert module_of(tmp_path / "heads.py", HEADS).check(verify).ok


@pytest.mark.parametrize("right", ["da = d @ k * scale", "dk = d.swapaxes(-2, -1) @ a * scale"])
def test_a_factor_that_each_entry_lacks_is_told_where_they_are_made(tmp_path: Path, right: str) -> None:
    check, line = edited(tmp_path / "heads.py", HEADS, right, right.removesuffix(" * scale"))
    assert told(check)[0] == line, str(check)
    assert told(check)[1] in ("scale-factor", "missing-derivative"), str(check)


SPREAD = """
import numpy as np


class Total:
    def __init__(self, axis):
        self.axis = axis

    def forward(self, x):
        self.x = x
        return x.sum(axis=self.axis)

    def backward(self, d):
        sizes = np.ones(self.x.ndim, int)
        sizes[self.axis] = self.x.shape[self.axis]
        self.dx = np.tile(np.expand_dims(d, self.axis), sizes)
        return self.dx


def check(verify):
    rng = np.random.default_rng(0)
    w, b, x, total = rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=(5, 6, 3)), Total(1)
    with verify(w=w, b=b) as check:
        h = np.tanh(x @ w)
        out = total.forward(h) + b
        check.loss = 0.5 * np.sum((out - 1) ** 2)
        d = total.backward(out - 1) * (1 - h**2)
        check.gradients = {"b": (out - 1).sum(axis=0), "w": np.einsum("nti,ntj->ij", x, d)}
    return check
"""


def test_a_size_too_many_is_no_other_number_that_happens_to_be_one(tmp_path: Path) -> None:
    right = "np.tile(np.expand_dims(d, self.axis), sizes)"
    assert module_of(tmp_path / "spread.py", SPREAD).check(verify).ok
    check, line = edited(tmp_path / "spread.py", SPREAD, right, f"{right} / self.x.shape[self.axis]")
    assert told(check)[0] == line, str(check)
    assert told(check)[1] in ("scale-factor", "missing-batch-sum-or-mean"), str(check)
    assert check.first_wrong.should_be.endswith("sizes)"), str(check)
