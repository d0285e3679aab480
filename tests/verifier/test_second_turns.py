"""Second turns of a loop: what was there before them, from the first one, and is no part of what is judged."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.verifier.files import check_of_script, module_of
from tinygrad_scratch import verify
from tinygrad_scratch.verifier.rewriting.rewrite import Rewrite
from tinygrad_scratch.verifier.script import turn_again
from tinygrad_scratch.verifier.trying.hit import Hit
from tinygrad_scratch.verifier.verdicts.rivals import of_second_names

BUMPS = """
import numpy as np

points, marks = np.array([[0, 0], [0, 1], [1, 1], [1, 0]]), np.array([False, True, False, True])


class Bumps:
    def __init__(self):
        self.centres = np.array([[0, 0], [1, 1]])
        self.y, self.h = 0.0, np.zeros(2)
        self.share, self.width = np.zeros(2), np.zeros(2)
        for k in range(2):
            self.share[k], self.width[k] = 0.3 + k, 0.9 - 0.4 * k

    def height(self, x):
        self.y = 0.0
        for k in range(2):
            self.h[k] = np.exp(-self.width[k] * np.sum((x - self.centres[k]) ** 2))
            self.y += self.share[k] * self.h[k]

    def learn(self, x, y):
        self.height(x)
        for k in range(2):
            part = (self.y - y) * self.h[k]
            self.width[k] += 0.1 * part * self.share[k] * np.sum((x - self.centres[k]) ** 2)
            self.share[k] -= 0.1 * part


bumps = Bumps()
for x, y in zip(points, marks):
    bumps.learn(x, y)
"""
DESCENT = """
import copy

import numpy as np

rng = np.random.default_rng(5)
x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))


class Descent:
    def __init__(self):
        self.keeps, self.last = 0, None

    def update(self, w, slope):
        if self.last is None:
            self.last = np.zeros(w.shape)
        self.last = self.keeps * self.last + (1 - self.keeps) * slope
        return w - 0.1 * self.last


class Net:
    def __init__(self):
        self.w, self.b, self.of_w, self.of_b = np.zeros((3, 2)), np.zeros((1, 2)), *map(copy.copy, [Descent()] * 2)

    def step(self, x, y):
        error = x @ self.w + self.b - y
        loss = np.sum(error**2) / 2
        self.w = self.of_w.update(self.w, x.T @ error)
        self.b = self.of_b.update(self.b, np.sum(error, axis=0, keepdims=True))
        return loss


net = Net()
for rows in ([0], [1, 2, 3], [2, 4, 5]):
    loss = net.step(x[rows], y[rows])
"""
SHUFFLED = """
import numpy as np

def check(verify):
    w, xs = np.ones(3), [(np.arange(3.0) + i, i) for i in range(6)]
    with verify(w=w) as check:
        np.random.seed(4)
        np.random.shuffle(xs)
        order = [i for _, i in xs]
        check.loss = np.sum(w * xs[0][0])
        check.gradients = {"w": xs[0][0]}
    return check, order
"""


def test_a_target_under_the_name_of_the_output_is_none_of_what_was_made_before(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, BUMPS)
    assert check.ok, str(check)
    assert check.entry.loss_name == "half squared error of y and y"


def test_what_an_optimiser_keeps_of_the_turn_before_has_no_gradient(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, DESCENT)
    assert check.ok, str(check)
    assert len(check.finals) == 2


def test_a_list_is_shuffled_itself(tmp_path: Path) -> None:
    made: tuple[Any, list[int]] = module_of(tmp_path / "shuffled.py", SHUFFLED).check(verify)
    order, expected = made[1], list(range(6))
    np.random.seed(4)
    np.random.shuffle(expected)
    assert made[0].ok, str(made[0])
    assert order == expected != sorted(order)


SECOND_NAMES = """
import numpy as np

rng = np.random.default_rng(2)
w, v = rng.normal(size=(3, 2)), rng.normal(size=(2, 2))
for x, t in zip(np.array([[0.0, 1, 2], [1, 2, 3], [2, 1, 1]]), rng.normal(size=(3, 2))):
    h = np.tanh(x @ w)
    loss = 0.5 * np.sum((h @ v - t) ** 2)
    miss = h @ v - t
    v_before = v
    for j in range(2):
        v[j] -= 0.1 * miss * h[j]
    w -= 0.1 * np.outer(x, v_before @ miss * (1 - h**2))
"""


def test_an_array_under_two_names_is_told_where_it_got_the_second(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, SECOND_NAMES)
    cause = check.first_wrong
    assert (cause.line, cause.kind, cause.should_be) == (10, "stale-or-updated-weights", "v.copy()")
    assert [final.parameter.name for final in check.finals] == ["v", "w"]


def test_a_copy_is_likelier_than_to_write_elsewhere(tmp_path: Path) -> None:
    file = tmp_path / "names.py"
    file.write_text(SECOND_NAMES, encoding="utf-8")
    cause: Any = SimpleNamespace(file=str(file), line=12, kind="inplace-corruption")
    copy, other = (
        Hit(str(file), Rewrite(line, start, start + len(old), new, kind, ""), None, False, "")
        for line, start, old, new, kind in [
            (10, SECOND_NAMES.index("= v\n"), "= v", "= v.copy()", "inplace-corruption"),
            (7, SECOND_NAMES.index("x @ w"), "x @ w", "(x @ w).copy()", "inplace-corruption"),
        ]
    )
    assert of_second_names(cause, [other, copy]) == [copy]


SLOPE = """
import numpy as np

rng = np.random.default_rng(1)
w, x, y = rng.normal(size=3), rng.normal(size=(5, 3)), rng.normal(size=5)
for turn in range(6):
    loss = 0.5 * np.sum((x @ w - y) ** 2)
    w -= 0.01 * x.T @ (x @ w - y)
"""


@pytest.mark.parametrize("before", [0, 2])
def test_of_a_loop_the_same_turn_is_made_again(tmp_path: Path, before: int) -> None:
    file = tmp_path / "slope.py"
    file.write_text(SLOPE, encoding="utf-8")
    check = turn_again(str(file), None, 60.0, 5, verify, {(str(file), 6): before})
    losses: list[float] = []
    exec(SLOPE.replace("    w -=", "    losses.append(loss)\n    w -="), {"losses": losses})
    assert check.ok
    assert np.isclose(float(check.tape.nodes[check.entry.loss].value), losses[before])


PRUNED = """import numpy as np

rng = np.random.default_rng(41)
x, y = rng.normal(size=(9, 4)), rng.normal(size=(9, 2))
W, keep = rng.normal(size=(4, 2)), np.ones((4, 2))
for turn in range(12):
    if turn == 7:
        keep = (np.abs(W) > np.median(np.abs(W))).astype(float)
    gap = x @ (W * keep) - y
    loss = np.sum(gap**2) / 18
    dW = x.T @ gap / 9 * keep
    W -= 0.1 * dW
"""


def test_a_mask_of_ones_is_looked_past(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, PRUNED)
    assert check.ok, str(check)
    assert "In this turn keep let everything through; a later one, which tells more, was judged" in str(check.notes)
    check = check_of_script(tmp_path, PRUNED.replace(" * keep\n", "\n"))
    assert check.first_wrong is not None, str(check)
    assert check.first_wrong.line == 11


def test_weights_that_are_ones_throughout_are_no_mask(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, PRUNED.replace("turn == 7", "turn == 70"))
    assert check.ok
    assert "let everything through" not in str(check.notes)
