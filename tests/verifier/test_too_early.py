"""Statements that come too early: one reads a name before it is what is due, one updates what is read after it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script

NETWORK = """import numpy as np

rng = np.random.default_rng(8)
x, y = rng.normal(size=(9, 4)), rng.normal(size=(9, 2))
w, b, v = rng.normal(size=(4, 5)), rng.normal(size=5), rng.normal(size=(5, 2))


def backward(h, d):
    above = v
    dv = h.T @ d
    below = d @ above.T
    grads = []
    below = below * (h > 0)
    db = below.sum(axis=0)
    grads.append(db)
    dw = x.T @ below
    grads.append(dw)
    return dv, *grads


for turn in range(3):
    h = np.maximum(x @ w + b, 0)
    out = h @ v
    loss = 0.5 * np.mean((out - y) ** 2)
    dv, db, dw = backward(h, (out - y) / out.size)
    w -= 0.1 * dw
    b -= 0.1 * db
    v -= 0.1 * dv
print(loss)
"""
MASKED = "    below = below * (h > 0)\n    db = below.sum(axis=0)\n"
LAYERS = """import numpy as np

rng = np.random.default_rng(8)
x, y = rng.normal(size=(9, 4)), rng.normal(size=(9, 2))


class Layer:
    def __init__(self, one, other):
        self.w = rng.normal(size=(one, other))

    def forward(self, x):
        self.x = x
        return x @ self.w

    def backward(self, d, rate):
        kept, above = self.x, self.w
        dw = kept.T @ d
        below = d @ above.T
        self.w -= rate * dw
        return below


first, second = Layer(4, 5), Layer(5, 2)
for turn in range(3):
    h = np.tanh(first.forward(x))
    out = second.forward(h)
    loss = 0.5 * np.mean((out - y) ** 2)
    below = second.backward((out - y) / out.size, 0.1)
    first.backward(below * (1 - h ** 2), 0.1)
print(loss)
"""


def test_what_reads_a_name_before_the_mask_is_told_in_its_line(tmp_path: Path) -> None:
    swapped = "    db = below.sum(axis=0)\n    below = below * (h > 0)\n"
    check, _ = edited_script(tmp_path, NETWORK, MASKED, swapped)
    found = check.first_wrong
    assert found is not None, str(check)
    assert (found.line, found.kind) == (13, "missing-derivative"), str(check)
    assert "below is read before line 14 makes it what is due" in found.sentence
    assert found.should_be is None


def test_an_update_before_another_name_is_read_is_no_lacking_copy(tmp_path: Path) -> None:
    right = "        below = d @ above.T\n        self.w -= rate * dw\n"
    wrong = "        self.w -= rate * dw\n        below = d @ above.T\n"
    check, line = edited_script(tmp_path, LAYERS, right, wrong)
    found = check.first_wrong
    assert found is not None, str(check)
    assert (found.kind, found.should_be) == ("stale-or-updated-weights", None), str(check)
    assert found.line in (line, line + 1)


@pytest.mark.parametrize("text", [NETWORK, LAYERS], ids=["below a mask", "before an update"])
def test_it_is_right_otherwise(tmp_path: Path, text: str) -> None:
    check = check_of_script(tmp_path, text)
    assert check.ok, str(check)


CLASSES = """
import numpy as np

rng = np.random.default_rng(16)
x, label = rng.normal(size=(9, 4)), rng.integers(0, 3, 9)
w, b = rng.normal(size=(4, 3)), np.zeros(3)
for turn in range(3):
    loss, dw, db = 0.0, np.zeros((4, 3)), np.zeros(3)
    for i in range(9):
        p = np.exp(x[i] @ w + b)
        p /= p.sum()
        loss -= np.log(p[label[i]])
        d = np.copy(p)
        d[label[i]] -= 1
        dw += np.outer(x[i], d)
        db += d
    w -= 0.1 * dw
    b -= 0.1 * db
    print(loss)
"""


def test_what_is_added_up_may_come_too_early(tmp_path: Path) -> None:
    check, line = edited_script(
        tmp_path,
        CLASSES,
        "        d[label[i]] -= 1\n        dw += np.outer(x[i], d)\n",
        "        dw += np.outer(x[i], d)\n        d[label[i]] -= 1\n",
    )
    found = check.first_wrong
    assert (found.line, found.kind) == (line, "wrong-operand"), str(check)
    assert f"d is read before line {line + 1} makes it what is due" in found.sentence
