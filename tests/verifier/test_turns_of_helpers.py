"""A helper whose loop takes one tap of a kernel after another: a turn that is right by chance makes no call wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.verifier.files import module_of
from tinygrad_scratch import verify

TAPS = """import numpy as np


def spread(x, k):
    n = len(x) - len(k) + 1
    return sum(x[i:i + n] * k[i] for i in range(len(k)))


def back(dy, x, k):
    n, taps = len(dy), len(k)
    dx, dk = np.zeros_like(x), np.zeros_like(k)
    for i in range(taps):
        dk[i] = np.sum(dy * x[i:i + n])
        dx[i:i + n] += dy * k[i]
    return dx, dk


class Net:
    def __init__(self, rng):
        self.first, self.second = rng.normal(size=3), rng.normal(size=3)

    def forward(self, x):
        self.x, self.z = x, spread(x, self.first)
        self.a = np.tanh(self.z)
        return spread(self.a, self.second)

    def backward(self, d):
        da, dsecond = back(d, self.a, self.second)
        dz = da * (1 - self.a**2)
        _, dfirst = back(dz, self.x, self.first)
        return {"first": dfirst, "second": dsecond}
"""


def test_a_kernel_that_is_turned_round_is_told_in_the_helper(tmp_path: Path) -> None:
    right, wrong = "+= dy * k[i]", "+= dy * k[taps - 1 - i]"
    rng = np.random.default_rng(5)
    net = module_of(tmp_path / "taps.py", TAPS.replace(right, wrong)).Net(rng)
    x, y = rng.normal(size=12), rng.normal(size=8)
    with verify(net) as check:
        out = net.forward(x)
        check.loss = 0.5 * np.sum((out - y) ** 2)
        check.gradients = net.backward(out - y)
    found = check.first_wrong
    assert found is not None, str(check)
    assert found.line == TAPS[: TAPS.index(right)].count("\n") + 1, str(check)
