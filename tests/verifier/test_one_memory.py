"""Arrays that showed one memory before the recording began: a weight that is used as it is, and turned round."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.verifier.files import edited_script, module_of, told
from tinygrad_scratch import verify

TIED = """
import numpy as np

class Coder:
    def __init__(self, rng):
        self.W = rng.normal(size=(5, 3))
        self.V = VIEW
        self.b = np.zeros(3)

    def train(self, x, rate):
        h = np.tanh(x @ self.W + self.b)
        error = h @ self.V.reshape(5, 3).T - x
        loss = 0.5 * np.sum(error ** 2)
        dz = error @ self.W * (1 - h ** 2)
        dW = x.T @ dz + error.T @ h
        self.W -= rate * dW
        self.b -= rate * dz.sum(axis=0)
        return loss
"""
TURNED = TIED.replace("self.V.reshape(5, 3).T", "self.V").replace("VIEW", "self.W.T")


@pytest.mark.parametrize(
    "text", [TURNED, TIED.replace("VIEW", "self.W.reshape(15)"), TIED.replace("VIEW", "self.W[:]")]
)
def test_a_weight_may_be_used_as_another_view_of_it_too(tmp_path: Path, text: str) -> None:
    def check_of(text: str) -> tuple[Any, Any]:
        rng = np.random.default_rng(2)
        coder, x = module_of(tmp_path / "coder.py", text).Coder(rng), rng.normal(size=(6, 5))
        before = coder.W.copy()
        with verify(coder) as check:
            check.loss = coder.train(x, 0.1)
        assert np.array_equal(coder.W, before)
        assert np.shares_memory(coder.W, coder.V)
        return check, text

    check, _ = check_of(text)
    assert check.ok, str(check)
    assert [final.parameter.name for final in check.finals] == ["W", "b"]
    check, wrong = check_of(text.replace("dz + error.T @ h", "dz"))
    assert wrong.splitlines()[check.first_wrong.line - 1].strip() == "dW = x.T @ dz"


SHUFFLED = """
import numpy as np

rng = np.random.default_rng(4)
data, w = rng.normal(size=(7, 4)), rng.normal(size=3)


def shuffled(draw):
    rows = data.copy()
    draw.shuffle(rows)
    draw.shuffle(rows, axis=1)
    np.random.default_rng(5).shuffle(rows)
    return rows


def check(verify):
    draw = np.random.default_rng(3)
    with verify(w=w) as check:
        rows = shuffled(draw)
        rng.shuffle(rows)
        e = rows[:, :3] @ w - rows[:, 3]
        check.loss = 0.5 * np.sum(e**2)
        check.gradients = rows[:, :3].T @ e
    return check, rows
"""


def test_rows_are_shuffled_as_numpy_does(tmp_path: Path) -> None:
    theirs = module_of(tmp_path / "shuffled.py", SHUFFLED)
    check, rows = theirs.check(verify)
    assert check.ok, str(check)
    draw = np.random.default_rng(4)
    assert np.array_equal(draw.normal(size=(7, 4)), theirs.data)
    draw.normal(size=3)
    wanted = theirs.shuffled(np.random.default_rng(3))
    draw.shuffle(wanted)
    assert np.array_equal(np.asarray(rows), wanted)
    assert type(theirs.rng) is np.random.Generator


LISTS = """
import numpy as np

SPEED = 0.2

def forward(x, weights, shifts):
    held, sums = [x], []
    for w, s in zip(weights[:-1], shifts[:-1]):
        sums.append(held[-1] @ w + s)
        held.append(np.tanh(sums[-1]))
    return held, held[-1] @ weights[-1] + shifts[-1]

def back(held, out, goal, weights):
    gW = [None] * len(weights)
    gb = [None] * len(weights)
    d = out - goal
    for k in reversed(range(len(weights))):
        gW[k] = held[k].T @ d
        gb[k] = d.sum(axis=0)
        if k > 0:
            d = d @ weights[k].T * (1 - held[k] ** 2)
    return gW, gb

draw = np.random.default_rng(4)
x, goal = draw.normal(size=(7, 4)), draw.normal(size=(7, 2))
weights = [draw.normal(size=size) for size in ((4, 6), (6, 5), (5, 2))]
shifts = [draw.normal(size=size) for size in (6, 5, 2)]
for turn in range(5):
    held, out = forward(x, weights, shifts)
    loss = 0.5 * np.sum((out - goal) ** 2)
    gW, gb = back(held, out, goal, weights)
    for k in range(len(weights)):
        weights[k] -= SPEED * gW[k]
        shifts[k] -= SPEED * gb[k]
"""


def test_two_names_of_one_list(tmp_path: Path) -> None:
    """All parameters share their gradients with others then, and the rate is what all these are taken off times."""
    apart = "gW = [None] * len(weights)\n    gb = [None] * len(weights)\n"
    check, line = edited_script(tmp_path, LISTS, apart, "gW = gb = [None] * len(weights)\n\n")
    assert told(check) == (line, "inplace-corruption"), str(check)
