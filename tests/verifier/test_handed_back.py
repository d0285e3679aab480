"""A helper that hands back one of two values that it has names for is to blame, and not the line that called it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.verifier.files import edited, module_of, told
from tinygrad_scratch import verify

CELLS = """
import numpy as np


class Cell:
    def __init__(self, rng):
        self.w = rng.normal(size=(3, 3)) / 2

    def forward(self, x, h):
        return np.tanh(x + h @ self.w)

    def backward(self, h, new, d):
        pre = (1 - new**2) * d
        dw = h.T @ pre
        before = pre @ self.w.T
        return pre, before, dw


def check(verify):
    rng = np.random.default_rng(0)
    u, cell = rng.normal(size=(2, 3)), Cell(rng)
    x, y = rng.normal(size=(5, 4, 2)), rng.normal(size=(5, 4, 3))
    with verify(u=u, cell=cell) as check:
        xs, hs = x @ u, np.zeros((5, 5, 3))
        for t in range(4):
            hs[:, t + 1] = cell.forward(xs[:, t], hs[:, t])
        check.loss = 0.5 * np.sum((hs[:, 1:] - y) ** 2)
        carried, dxs, dw = np.zeros((5, 3)), np.zeros_like(xs), np.zeros_like(cell.w)
        for t in reversed(range(4)):
            carried = carried + (hs[:, t + 1] - y[:, t])
            dxs[:, t], carried, own = cell.backward(hs[:, t], hs[:, t + 1], carried)
            dw += own
        check.gradients = {"u": np.einsum("ntx,nth->xh", x, dxs), "w": dw}
    return check
"""


def test_a_helper_that_hands_back_the_right_ones(tmp_path: Path) -> None:
    assert module_of(tmp_path / "cells.py", CELLS).check(verify).ok


@pytest.mark.parametrize(
    ("wrong", "kinds"),
    [
        ("d, before, dw", ("missing-derivative", "wrong-operand")),
        ("before, before, dw", ("wrong-operand", "off-by-one")),
    ],
)
def test_what_it_hands_back_for_another_is_told_at_its_return(
    tmp_path: Path, wrong: str, kinds: tuple[str, ...]
) -> None:
    check, line = edited(tmp_path / "cells.py", CELLS, "return pre, before, dw", f"return {wrong}")
    assert told(check)[0] == line, str(check)
    assert told(check)[1] in kinds, str(check)


class Crossed:
    """Two inputs, of which the second one is used twice; what each use hands back is kept."""

    def __init__(self) -> None:
        rng = np.random.default_rng(2)
        self.keys, self.values = rng.normal(size=(3, 3)), rng.normal(size=(3, 3))
        self.forgets = False

    def forward(self, queries: Any, given: Any) -> Any:
        self.queries, self.given = queries, given
        self.k, self.v = given @ self.keys, given @ self.values
        return queries * self.k + np.tanh(self.v)

    def backward(self, dy: Any) -> Any:
        dk, dv = dy * self.queries, dy * (1 - np.tanh(self.v) ** 2)
        self.dkeys, self.dvalues = self.given.T @ dk, self.given.T @ dv
        self.by_keys, self.by_values = dk @ self.keys.T, dv @ self.values.T
        return dy * self.k, self.by_values if self.forgets else self.by_keys + self.by_values


def test_what_a_layer_returns_for_an_input_is_all_of_its_gradient() -> None:
    rng, layer = np.random.default_rng(3), Crossed()
    queries, given = rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
    assert verify.layer(layer, queries, given).ok
    layer.forgets = True
    check = verify.layer(layer, queries, given)
    assert not check.ok
    assert told(check)[1] == "missing-term", str(check)
