"""A helper that hands back one of two values that it has names for is to blame, and not the line that called it."""

from __future__ import annotations

from pathlib import Path

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
