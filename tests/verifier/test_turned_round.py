"""Pictures and kernels that are turned round, as a convolution's are on the way back; numbers in other places."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import edited, module_of, told
from tinygrad_scratch import verify
from tinygrad_scratch.verifier.rewriting.statements import rewrites_at
from tinygrad_scratch.verifier.rewriting.text import Source

FILTER = """
import numpy as np

class Filter:
    def __init__(self, rng):
        self.k = rng.normal(size=(3, 2))

    def forward(self, x):
        self.x = x
        rows, columns = x.shape[0] - 2, x.shape[1] - 1
        out = np.zeros((rows, columns))
        for i in range(rows):
            for j in range(columns):
                out[i, j] = np.sum(x[i : i + 3, j : j + 2] * self.k)
        return out

    def backward(self, up):
        rows, columns = up.shape
        self.dk = np.zeros((3, 2))
        for i in range(3):
            for j in range(2):
                self.dk[i, j] = np.sum(up * self.x[i : i + rows, j : j + columns])
        wide = np.pad(up, ((2, 2), (1, 1)))
        turned = self.k[::-1, ::-1]
        dx = np.zeros(self.x.shape)
        for i in range(dx.shape[0]):
            for j in range(dx.shape[1]):
                dx[i, j] = np.sum(wide[i : i + 3, j : j + 2] * turned)
        return dx

def check(verify):
    rng = np.random.default_rng(4)
    return verify.layer(Filter(rng), rng.normal(size=(5, 4)))
"""

SPREADING = """
import numpy as np

def windows(x):
    return np.array([x[i : i + 2, j : j + 2].ravel() for i in range(x.shape[0] - 1) for j in range(x.shape[1] - 1)])

class Spreading:
    def __init__(self, rng):
        self.held = {"k": rng.normal(size=(2, 2))}

    def forward(self, x):
        self.x = np.pad(x, 1)
        k = np.rot90(self.held["k"], 2)
        column = k.reshape(-1, 1)
        return windows(self.x) @ column

    def backward(self, up):
        k = np.rot90(self.held["k"], 2)
        column = k.reshape(-1, 1)
        dk = (windows(self.x).T @ up).reshape(2, 2)
        self.dk = np.rot90(dk, 2)
        parts = up @ column.T
        dx = np.zeros(self.x.shape)
        columns = dx.shape[1] - 1
        for n in range(len(parts)):
            i, j = n // columns, n % columns
            dx[i : i + 2, j : j + 2] += parts[n].reshape(2, 2)
        return dx[1:-1, 1:-1]

def check(verify):
    rng = np.random.default_rng(5)
    return verify.layer(Spreading(rng), rng.normal(size=(4, 3)))
"""


@pytest.mark.parametrize("wrong", ["self.k[::-1, :]", "self.k[:, ::-1]"])
def test_along_one_axis_only(tmp_path: Path, wrong: str) -> None:
    check, line = edited(tmp_path / "filter.py", FILTER, "self.k[::-1, ::-1]", wrong)
    assert told(check) == (line, "transpose"), str(check)
    assert "self.k[::-1, ::-1]" in str(check)


def test_not_as_elsewhere(tmp_path: Path) -> None:
    right = '    def backward(self, up):\n        k = np.rot90(self.held["k"], 2)'
    check, line = edited(
        tmp_path / "spreading.py", SPREADING, right, right.replace("np.rot90(", "").replace(", 2)", "")
    )
    assert told(check) == (line + 1, "transpose"), str(check)


def test_changes_of_what_is_turned() -> None:
    text = "def f(w, d):\n    w = w[:, ::-1, :]\n    e = np.rot90(d, k=2)\n    return w * e"
    found = {
        rewrite.of(text).splitlines()[rewrite.line - 1].strip()
        for n in (2, 4)
        for rewrite in rewrites_at(Source(text), n)
    }
    assert {"w = w[:, ::-1, ::-1]", "w = w[::-1, ::-1, :]", "w = w[:, :, :]", "return w * np.rot90(e, k=2)"} <= found


GROUPS = """
import numpy as np

def check(verify):
    rng = np.random.default_rng(7)
    x, W, v, goal = (rng.normal(size=size) for size in ((6, 5), (5, 24), (2, 3, 4), (6, 3)))
    with verify(W=W, v=v) as check:
        flat = np.tanh(x @ W)
        h = flat.reshape(6, 2, 3, 4)
        out = np.sum(h * v, axis=(1, 3))
        check.loss = np.sum((out - goal) ** 2) / 2
        d_h = (out - goal)[:, None, :, None] * v
        d_v = np.sum((out - goal)[:, None, :, None] * h, axis=0)
        d_flat = d_h.reshape(6, 24)
        d_W = x.T @ (d_flat * (1 - flat**2))
        check.gradients = d_W, d_v
    return check
"""


def test_in_other_places_without_a_text_that_is_right(tmp_path: Path) -> None:
    wrong = "d_h.transpose(0, 3, 1, 2).reshape(6, 2, 12).transpose(0, 2, 1).reshape(6, 24)"
    check, line = edited(tmp_path / "groups.py", GROUPS, "d_h.reshape(6, 24)", wrong)
    assert told(check) == (line, "transpose"), str(check)
    assert "in other places" in " ".join(str(check).split())


HALF_A_TURN = """
import numpy as np


class Layer:
    def __init__(self, rng):
        self.held = {"W": rng.normal(size=(2, 3, 3, 3))}

    def windows(self, x, rows, columns):
        shown = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(2, 3))
        return shown[:, :, :rows, :columns]

    def forward(self, x):
        self.seen = self.windows(x, x.shape[2] - 2, x.shape[3] - 2)
        return np.einsum("ncijkl,ockl->noij", self.seen, self.held["W"])

    def backward(self, up):
        wide = np.pad(up, ((0, 0), (0, 0), (2, 2), (2, 2)))
        w180 = np.rot90(self.held["W"], k=2, axes=(2, 3))
        self.dW = np.einsum("ncijkl,noij->ockl", self.seen, up)
        return np.einsum("noijkl,ockl->ncij", self.windows(wide, up.shape[2] + 2, up.shape[3] + 2), w180)


def check(verify):
    rng = np.random.default_rng(4)
    return verify.layer(Layer(rng), rng.normal(size=(2, 3, 6, 5)))
"""


def test_kernels_that_are_called_by_half_a_turn(tmp_path: Path) -> None:
    assert module_of(tmp_path / "right.py", HALF_A_TURN).check(verify).ok
    right, wrong = 'np.rot90(self.held["W"], k=2, axes=(2, 3))', 'self.held["W"]'
    check, line = edited(tmp_path / "wrong.py", HALF_A_TURN, right, wrong)
    assert told(check) == (line, "transpose"), str(check)
