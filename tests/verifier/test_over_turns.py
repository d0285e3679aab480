"""Gradients that a script adds up over several turns of its loop, until it updates by the sum."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script

HEAD = """
import numpy as np

rng = np.random.default_rng(4)
X = rng.normal(size=(30, 3))
Y = np.tanh(X @ rng.normal(size=(3, 2)))
V, c = 0.5 * rng.normal(size=(3, 2)), np.zeros(2)
"""

IN_PLACE = """
sum_V, sum_c = np.zeros_like(V), np.zeros_like(c)
for turn in range(18):
    i = 5 * (turn % 6)
    x, y = X[i : i + 5], Y[i : i + 5]
    out = np.tanh(x @ V + c)
    loss = np.mean((out - y) ** 2)
    dz = 2 * (out - y) / out.size * (1 - out**2)
    sum_V += x.T @ dz
    sum_c += dz.sum(0)
    if turn % 3 == 2:
        V -= 0.3 * sum_V / 3
        c -= 0.3 * sum_c / 3
        sum_V[:] = 0
        sum_c[:] = 0
"""

NEW_ARRAYS = """
grads = {"V": np.zeros_like(V), "c": np.zeros_like(c)}
for epoch in range(3):
    for k in range(30):
        x, y = X[k], Y[k]
        miss = np.tanh(x @ V + c) - y
        loss = 0.5 * np.sum(miss**2)
        dz = miss * (1 - (miss + y) ** 2)
        grads["V"] = grads["V"] + np.outer(x, dz)
        grads["c"] = grads["c"] + dz
        if (k + 1) % 5 == 0:
            V = V - 0.1 * grads["V"]
            c = c - 0.1 * grads["c"]
            grads = {"V": np.zeros_like(V), "c": np.zeros_like(c)}
"""

WAITING = """
waiting = []
for turn in range(12):
    i = 5 * (turn % 6)
    error = X[i : i + 5] @ V + c - Y[i : i + 5]
    loss = np.sum(error**2)
    waiting.append((2 * X[i : i + 5].T @ error, 2 * error.sum(0)))
    if len(waiting) == 3:
        V -= 0.01 * sum(both[0] for both in waiting)
        c -= 0.01 * sum(both[1] for both in waiting)
        waiting = []
"""

MOMENTUM = IN_PLACE.replace(
    "V -= 0.3 * sum_V / 3", "speed = 0.9 * speed - 0.3 * sum_V / 3\n        V += speed"
).replace("\nfor turn", "\nspeed = np.zeros_like(V)\nfor turn")

NO_LOSS = IN_PLACE.replace("    loss = np.mean((out - y) ** 2)\n", "")

RUNNING = IN_PLACE.replace("loss = np.mean", "total_loss += np.mean").replace(
    "\nfor turn", "\ntotal_loss = 0.0\nfor turn"
)

ROWS = """
class Rows:
    def __init__(self):
        self.V, self.dV, self.seen = V, np.zeros_like(V), 0

    def learn(self, x, y):
        error = x @ self.V - y
        self.dV += np.outer(x, error)
        self.seen += 1
        if self.seen == 4:
            self.V -= 0.05 * self.dV / self.seen
            self.dV.fill(0)
            self.seen = 0
        return 0.5 * np.sum(error**2)

rows = Rows()
for turn in range(12):
    loss = rows.learn(X[turn], Y[turn])
"""

STORED = """
grad_sum, table = np.zeros(3), np.zeros((30, 3))
v = np.zeros(3)
for turn in range(40):
    k = turn % 30
    error = X[k] @ v - Y[k, 0]
    loss = error**2
    new = 2 * error * X[k]
    grad_sum += new - table[k]
    table[k] = new
    v -= 0.01 * grad_sum / 30
"""

RIGHT = {
    "in place": IN_PLACE,
    "new arrays in a loop over samples": NEW_ARRAYS,
    "a list of gradients": WAITING,
    "a velocity": MOMENTUM,
    "no loss": NO_LOSS,
    "a running loss": RUNNING,
    "an object that counts": ROWS,
    "gradients that are taken off again": STORED,
}


@pytest.mark.parametrize("text", RIGHT.values(), ids=RIGHT)
def test_gradients_of_several_turns_are_those_of_the_sum_of_their_losses(text: str, tmp_path: Path) -> None:
    check = check_of_script(tmp_path, HEAD + text)
    assert check.ok, str(check)


WRONG = {
    "a slope of another function": (IN_PLACE, "(1 - out**2)", "(1 - out)", "derivative-at-wrong-point", "dz ="),
    "a factor in one of two": (NEW_ARRAYS, "np.outer(x, dz)", "2 * np.outer(x, dz)", "scale-factor", '["V"] ='),
    "the input squared in an object": (
        ROWS,
        "np.outer(x, error)",
        "np.outer(x**2, error)",
        "wrong-operand",
        "self.dV +=",
    ),
    "a factor in a list": (WAITING, "2 * error.sum(0)", "error.sum(0)", "scale-factor", "waiting.append"),
}


@pytest.mark.parametrize(("text", "old", "new", "kind", "line"), WRONG.values(), ids=WRONG)
def test_a_mistake_in_each_of_several_turns_is_told(
    text: str, old: str, new: str, kind: str, line: str, tmp_path: Path
) -> None:
    assert text.count(old) == 1
    check = check_of_script(tmp_path, HEAD + text.replace(old, new))
    assert not check.ok
    found = check.first_wrong
    assert found is not None, str(check)
    assert line in (HEAD + text).splitlines()[found.line - 1], str(check)
    assert found.kind.startswith(kind), str(check)


NEVER = {
    "one that is added up in place": (IN_PLACE, "        sum_V[:] = 0\n", "sum_V +="),
    "one of an object": (ROWS, "            self.dV.fill(0)\n", "self.dV +="),
    "both, as new arrays": (NEW_ARRAYS, NEW_ARRAYS.splitlines()[-1], 'grads["V"] ='),
}


@pytest.mark.parametrize(("text", "reset", "line"), NEVER.values(), ids=NEVER)
def test_what_is_never_set_back_to_nothing_is_told(text: str, reset: str, line: str, tmp_path: Path) -> None:
    assert text.count(reset) == 1
    check = check_of_script(tmp_path, HEAD + text.replace(reset, ""))
    found = check.first_wrong
    assert found is not None, str(check)
    assert line in (HEAD + text).splitlines()[found.line - 1], str(check)
    if "+=" in line:
        assert found.kind == "overwritten-accumulation"
        assert found.sentence.endswith("set it to 0 before the first turn that adds to it"), str(check)


TOTAL = IN_PLACE.replace("    dz =", "    total += loss\n    dz =").replace("\nfor turn", "\ntotal = 0.0\nfor turn")


def test_sums_that_are_both_never_set_back_are_told_beside_a_total(tmp_path: Path) -> None:
    text = TOTAL.replace("        sum_V[:] = 0\n        sum_c[:] = 0\n", "")
    check = check_of_script(tmp_path, HEAD + text)
    assert {cause.kind for cause in check.causes} == {"overwritten-accumulation"}, str(check)
    assert len(check.causes) == 2


EPOCHS = """
p = {"V": V, "c": c}
m, v = ({name: np.zeros_like(part) for name, part in p.items()} for _ in range(2))
for epoch in range(3):
    held, total = {name: np.zeros_like(part) for name, part in p.items()}, 0.0
    for turn in range(6):
        x, y = X[5 * turn : 5 * turn + 5], Y[5 * turn : 5 * turn + 5]
        error = x @ p["V"] + p["c"] - y
        loss = np.mean(error**2) / 3
        total += loss
        d = 2 * error / error.size / 3
        held["V"] += x.T @ d
        held["c"] = d.sum(0)
        if (turn + 1) % 3 == 0:
            for name in p:
                g = held[name] * 1.0
                m[name] = 0.9 * m[name] + 0.1 * g
                v[name] = 0.9 * v[name] + 0.1 * g * g
                p[name] -= 0.1 * m[name] / (np.sqrt(v[name]) + 1e-8)
                held[name][...] = 0
"""


def test_a_sum_that_is_written_over_is_told_also_past_the_first_update(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, HEAD + EPOCHS)
    assert check.first_wrong.name == "held['c']"
    assert check.first_wrong.sentence.endswith("add to it, with `+=` instead of `=`"), str(check)


def test_a_gradient_that_is_added_to_that_of_the_last_update_is_told(tmp_path: Path) -> None:
    each = IN_PLACE.replace("    if turn % 3 == 2:\n", "    if True:\n").replace("        sum_V[:] = 0\n", "")
    each = each.replace("sum_", "d")
    check = check_of_script(tmp_path, HEAD + each)
    found = check.first_wrong
    assert found is not None, str(check)
    assert found.name == "dV"
    assert found.sentence.endswith("write `=` instead of `+=`")


LATE = """
params = [V, c]
for epoch in range(2):
    move = [0, 0]
    for turn in range(6):
        x, y = X[5 * turn : 5 * turn + 5], Y[5 * turn : 5 * turn + 5]
        miss = np.tanh(x @ params[0] + params[1]) - y
        loss = np.mean(miss**2)
        dz = 2 * miss / miss.size * (1 - (miss + y) ** 2)
        grads = [x.T @ dz, dz.sum(0)]
        for i in range(2):
            params[i] -= move[i]
        for i in range(2):
            move[i] = 0.1 * grads[i] + 0.8 * move[i]
"""


def test_an_update_by_the_velocity_of_the_turn_before_is_judged_by_the_loss_of_that(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, HEAD + LATE)
    assert check.ok, str(check)
    wrong = check_of_script(tmp_path, HEAD + LATE.replace("(1 - (miss + y) ** 2)", "(1 + (miss + y) ** 2)"))
    assert wrong.first_wrong is not None
    assert "dz =" in (HEAD + LATE).splitlines()[wrong.first_wrong.line - 1], str(wrong)
