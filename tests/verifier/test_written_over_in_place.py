"""An array that one line overwrites in place, and a later one reads: what it held before is meant there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited, edited_script, module_of, told
from tinygrad_scratch import verify

CLASSES = """
import numpy as np

rng = np.random.default_rng(8)
points, labels = rng.normal(size=(11, 4)), rng.integers(0, 3, size=11)


class Classes:
    def fit(self, rate, groups):
        self.groups = groups
        self.w, self.b = rng.normal(size=(4, groups)), np.zeros(groups)
        wanted = np.eye(groups)[labels]
        for _ in range(3):
            e = np.exp(points @ self.w + self.b)
            p = e / e.sum(axis=1, keepdims=True)
            loss = -np.sum(wanted * np.log(p)) / 11
            dw = points.T @ (p - wanted) / 11
            db = np.sum(p - wanted, axis=0) / 11
            self.w = self.w - rate * dw
            self.b = self.b - rate * db
        return loss


Classes().fit(0.1, 3)
"""


@pytest.mark.parametrize(
    "wrong",
    [
        "            dw = points.T @ np.subtract(p, wanted, out=p) / 11\n",
        "            p -= wanted; dw = points.T @ p / 11\n",
    ],
)
def test_what_a_second_line_takes_off_again(tmp_path: Path, wrong: str) -> None:
    check, line = edited_script(tmp_path, CLASSES, "            dw = points.T @ (p - wanted) / 11\n", wrong)
    assert told(check) == (line, "inplace-corruption"), str(check)
    assert "dw is changed" not in str(check)


NORM = """
import numpy as np


def back(dout, kept, gain):
    apart, root = kept
    dhat = dout * gain
    dhat = dhat.reshape(6, 2, 4)
    dapart = dhat / root
    droot = np.sum(dhat * -apart / root**2, axis=2, keepdims=True)
    dapart = dapart + droot * apart / (4 * root)
    dx = dapart - dapart.mean(axis=2, keepdims=True)
    return dx.reshape(6, 8), np.sum(dout * (apart / root).reshape(6, 8), axis=0)


def check(verify):
    rng = np.random.default_rng(2)
    w, gain = rng.normal(size=(3, 8)), rng.normal(size=8)
    x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 8))
    with verify(w=w, gain=gain) as check:
        h = (x @ w).reshape(6, 2, 4)
        apart = h - h.mean(axis=2, keepdims=True)
        root = np.sqrt(np.mean(apart**2, axis=2, keepdims=True))
        out = gain * (apart / root).reshape(6, 8)
        check.loss = 0.5 * np.sum((out - y) ** 2)
        dh, dgain = back(out - y, (apart, root), gain)
        check.gradients = {"w": x.T @ dh, "gain": dgain}
    return check
"""


@pytest.mark.parametrize(
    "wrong",
    [
        "dapart = np.divide(dhat, root, out=dhat)",
        "dhat /= root; dapart = dhat",
        "dhat[...] = dhat / root; dapart = dhat",
        "np.copyto(dhat, dhat / root); dapart = dhat.copy()",
        "dapart = dhat / root; dhat.sort()",
        "dapart = dhat; dapart /= root",
    ],
)
def test_what_a_second_line_reads(tmp_path: Path, wrong: str) -> None:
    check, line = edited(tmp_path / "norm.py", NORM, "dapart = dhat / root", wrong)
    assert told(check) == (line, "inplace-corruption"), str(check)


def test_the_programs_are_right(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, CLASSES).ok
    assert module_of(tmp_path / "norm.py", NORM).check(verify).ok
    in_place = NORM.replace("dapart = dapart + droot", "dapart += droot")
    assert module_of(tmp_path / "norm.py", in_place).check(verify).ok
