"""What failed in the judging itself: it is told as a fault of the check, and programs that led to one are judged."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.verifier.files import check_of_script, module_of, told
from tinygrad_scratch import verify
from tinygrad_scratch.cli import UNDECIDED, main
from tinygrad_scratch.verifier.rewriting.endless import holds_itself
from tinygrad_scratch.verifier.running.state import Before

HEAD = """
import numpy as np

rng = np.random.default_rng(6)
"""


def test_a_failure_of_the_judging_is_not_told_as_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(check: Any) -> None:
        raise KeyError("lost")

    monkeypatch.setattr(verify, "_judge", fails)
    with verify(w=np.ones(2)) as check:
        check.loss = 1.0
    assert not check.ok
    assert check.first_wrong is None
    assert isinstance(check.error, KeyError)
    script = tmp_path / "script.py"
    script.write_text(HEAD + "w = rng.normal(size=3)\nfor turn in range(2):\n    w -= 0.1 * w\n")
    assert main(["verify", str(script)]) == UNDECIDED
    for text in (str(check), capsys.readouterr().out):
        said = " ".join(text.split())
        assert "Not checkable: Your code ran to its end, and judging it raised KeyError: 'lost'" in said
        assert "That is a fault of this program, not of yours." in said


MASKED = (
    HEAD
    + """
X, y = rng.normal(size=(8, 3)), rng.normal(size=8)
w, v = rng.normal(size=(3, 4)), rng.normal(size=4)
for turn in range(3):
    z = X @ w
    h = np.maximum(z, 0)
    loss = np.sum((h @ v - y) ** 2)
    error = 2 * (h @ v - y)
    dv = h.T @ error
    on = z > 0
    dw = X.T @ (np.outer(error, v) * on)
    w -= 0.01 * dw
    v -= 0.01 * dv
"""
)


def test_true_and_false_are_no_gradients(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, MASKED).ok
    wrong = MASKED.replace("dv = h.T @ error", "dv = h.T @ np.abs(error)")
    assert told(check_of_script(tmp_path, wrong))[0] == 13


TWO_LOSSES = (
    HEAD
    + """
X, Y = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
w = rng.normal(size=(3, 2))
for turn in range(3):
    dw = np.zeros((3, 2))
    for x, y in zip(X, Y):
        error = x @ w - y
        squared_loss = 0.5 * np.sum(error ** 2)
        absolute_loss = np.sum(np.abs(error))
        dw += np.outer(x, error)
    w -= 0.1 * dw
"""
)


def test_a_loop_may_compute_two_losses_of_each_sample(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, TWO_LOSSES)
    assert check.ok, str(check)
    assert "the sum of squared_loss in 5 turns is taken" in " ".join(str(check).split())
    wrong = TWO_LOSSES.replace("np.outer(x, error)", "np.outer(x, np.abs(error))")
    assert told(check_of_script(tmp_path, wrong))[0] == 14


READ_BEFORE = (
    HEAD
    + """
X, y = rng.normal(size=(8, 3)), rng.normal(size=8)
w = rng.normal(size=3)
for turn in range(3):
    before = np.sum(X @ w)
    for epoch in range(3):
        error = X @ w - y
        loss = np.mean(error ** 2)
        dw = 2 * X.T @ error / 8
        w -= 0.1 * dw
"""
)


def test_turns_before_an_update_are_no_part_of_the_loss(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, READ_BEFORE)
    assert check.ok, str(check)
    assert "No loss was named: loss is taken" in str(check)
    wrong = READ_BEFORE.replace("2 * X.T @ error", "2 * X.T @ error ** 2")
    assert told(check_of_script(tmp_path, wrong))[0] == 13


@pytest.mark.parametrize("size", [1, 2])
def test_pieces_of_a_gradient_are_not_added_up_in_every_way(size: int) -> None:
    rng = np.random.default_rng(4)
    x, y, w = rng.normal(size=(2, size)), rng.normal(size=2), rng.normal(size=size)
    for wrong in (0.0, 0.5):
        before = time.monotonic()
        with verify(w=w) as check:
            error = x @ w - y
            check.loss = np.sum(error**2)
            pieces = [2 * error[0] * x[0], (2 - wrong) * error[1] * x[1], *(w * i for i in rng.normal(size=60))]
            check.gradients = {f"part{i}": piece for i, piece in enumerate(pieces)}
        assert time.monotonic() - before < 30
        assert not check.repairs
        assert [final.name for final in check.finals] == ([] if wrong else ["part0 + part1"])


OF_OBJECTS = """
import numpy as np


def slopes(x, v):
    return -2 * x * v


def gradients(x, y, w, u):
    values = np.empty(2, dtype=object)
    values[:] = 1.0
    v = np.exp(-((x @ w) ** 2))
    values[1] = v
    inner = slopes(v, v)
    error = v @ u - y
    return {"u": values[1].T @ error, "w": x.T @ (np.outer(error, u) * inner)}
"""


def test_a_change_by_which_an_array_holds_itself_kills_nothing(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    x, y, w, u = rng.normal(size=(7, 3)), rng.normal(size=7), rng.normal(size=(3, 4)), rng.normal(size=4)
    module = module_of(tmp_path / "of_objects.py", OF_OBJECTS)
    with verify(w=w, u=u) as check:
        check.loss = 0.5 * np.sum((np.exp(-((x @ w) ** 2)) @ u - y) ** 2)
        check.gradients = module.gradients(x, y, w, u)
    assert check.first_wrong is not None


def test_arrays_that_hold_themselves() -> None:
    one, other = np.empty(2, dtype=object), np.empty(2, dtype=object)
    one[:], other[:] = 1.0, 2.0
    one[0] = other
    assert not holds_itself(one)
    other[1] = one
    assert holds_itself(one)
    assert holds_itself(other)


SHIFTED = (
    HEAD
    + """
class Descent:
    def __init__(self):
        self.speed = None

    def moved(self, weights, slope):
        self.speed = 0.5 * (np.zeros(np.shape(weights)) if self.speed is None else self.speed) + 0.5 * slope
        return weights - 0.1 * self.speed

class Layer:
    def __init__(self, size):
        self.W, self.b = rng.normal(size=size), rng.normal(size=(1, size[1]))
        self.by_W, self.by_b = Descent(), Descent()

    def forward(self, x):
        self.x, z = x, x @ self.W + self.b
        return z - z.mean(axis=0) if len(self.W) == 4 else z

    def backward(self, d):
        W = self.W
        d = d - d.mean(axis=0) if len(self.W) == 4 else d
        self.W = self.by_W.moved(self.W, self.x.T @ d)
        self.b = self.by_b.moved(self.b, np.sum(d, axis=0, keepdims=True))
        return d @ W.T

layers = [Layer((4, 5)), Layer((5, 3))]
X, Y = rng.normal(size=(7, 4)), rng.normal(size=(7, 3))
for epoch in range(3):
    for batch in range(2):
        out = X
        for layer in layers:
            out = layer.forward(out)
        loss = np.mean((out - Y) ** 2)
        d = out - Y
        for layer in reversed(layers):
            d = layer.backward(d)
"""
)


def test_a_trial_that_is_taken_back_leaves_the_numbers_of_the_calls(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, SHIFTED)
    assert check.ok, str(check)


IN_A_COMPREHENSION = (
    HEAD
    + """
A, B = rng.normal(size=(6, 3)), rng.normal(size=(3, 2))
texts = [([0, 2, 3], 0), ([1, 2], 1), ([4, 5, 1], 0)]


def update(ids, label, rate):
    global B
    mean = A[ids].mean(axis=0)
    p = np.exp(mean @ B)
    p /= p.sum()
    loss = -np.log(p[label])
    d = p.copy()
    d[label] -= 1
    pull = B @ d
    B -= rate * np.outer(mean, d)
    np.add.at(A, ids, -rate / len(ids) * pull)
    return loss


for turn in range(3):
    rate = 0.5 / (1 + turn)
    print(np.mean([update(ids, label, rate) for ids, label in texts]))
"""
)


def test_several_updates_in_one_comprehension_are_judged(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, IN_A_COMPREHENSION)
    assert check.ok, str(check)
    wrong = IN_A_COMPREHENSION.replace("np.outer(mean, d)", "np.outer(mean, p)")
    check = check_of_script(tmp_path, wrong)
    assert "fault" not in str(check)
    assert not check.ok


ABOVE = (
    HEAD
    + """
def picked(x):
    low = x < 2.0
    s = np.where(low, np.sin(x), x)
    return s, s.argmax(axis=1)


def back(up, x, where):
    room = np.zeros(
        x.shape,
    )
    for i in range(len(up)):
        room[i, where[i]] = up[i]
    low = x < 2.0
    inner = x[low]
    inside = np.cos(inner) * (inner + 0.5) / (inner + 0.5)
    out = room.copy()
    out[low] = room[low] * inside
    return out


x, t = 2 * rng.normal(size=(4, 3)), 3 * rng.normal(size=4)


def check(verify):
    with verify(x=x) as check:
        s, where = picked(x)
        y = s.max(axis=1)
        check.loss = np.sum((y - t) ** 2)
        check.gradients = {"x": back(2 * (y - t), x, where)}
    return check
"""
)


@pytest.mark.parametrize("dtype", ["int", "where.dtype"])
def test_room_for_whole_numbers_is_told_where_it_is_made(tmp_path: Path, dtype: str) -> None:
    assert module_of(tmp_path / "above.py", ABOVE).check(verify).ok
    wrong = ABOVE.replace("        x.shape,\n", f"        x.shape, dtype={dtype}\n")
    check = module_of(tmp_path / "above_in_whole.py", wrong).check(verify)
    assert told(check) == (ABOVE[: ABOVE.index("room = ")].count("\n") + 1, "dtype-or-integer"), str(check)


def test_what_a_function_of_the_run_holds_is_not_recorded_when_changes_are_tried() -> None:
    with verify(x=np.ones(3)) as check:
        x = check.parameters[0].recorded
        p = np.exp(x)
        before = len(check.tape.steps)
        kept = Before([lambda up: up * p], [], [])
        assert len(check.tape.steps) == before
        assert [type(array) for array, _ in kept.arrays] == [np.ndarray]
        kept.restore()
        assert len(check.tape.steps) == before
        check.loss = np.sum(p)
        check.gradients = {"x": p}
    assert check.ok


SPREAD = (
    HEAD
    + """
STEP = 2


def slid(x, w):
    return np.array([np.sum(x[STEP * i:STEP * i + 3] * w) for i in range(5)])


def spread(d):
    wide = np.zeros(9)
    for i in range(5):
        wide[STEP * i] = d[i]
    return wide


def back(x, w, d):
    wide = spread(d)
    dw = np.array([np.sum(x[k:k + 9] * wide) for k in range(3)])
    padded = np.pad(wide, 2)
    dx = np.array([np.sum(padded[k:k + 3] * w[::-1]) for k in range(11)])
    return dx, dw


x, w, t = rng.normal(size=11), rng.normal(size=3), rng.normal(size=5)


def check(verify):
    with verify(x=x, w=w) as check:
        y = np.tanh(slid(x, w))
        check.loss = np.sum((y - t) ** 2)
        dx, dw = back(x, w, 2 * (y - t) * (1 - y**2))
        check.gradients = {"x": dx, "w": dw}
    return check
"""
)


def test_room_for_whole_numbers_is_told_though_it_should_hold_the_gradient_of_nothing(tmp_path: Path) -> None:
    assert module_of(tmp_path / "spread.py", SPREAD).check(verify).ok
    check = module_of(tmp_path / "spread_whole.py", SPREAD.replace("zeros(9)", "zeros(9, int)")).check(verify)
    assert told(check) == (SPREAD[: SPREAD.index("wide = ")].count("\n") + 1, "dtype-or-integer"), str(check)
    assert "zeros(9, int)` makes room for whole numbers" in check.first_wrong.sentence


BANDIT = """
import numpy as np

rng = np.random.default_rng(8)
worth, H, mean = rng.normal(size=5), np.zeros(5), 0.0
for t in range(1, 41):
    chance = np.exp(H - H.max())
    chance /= chance.sum()
    a = rng.choice(5, p=chance)
    reward = worth[a] + rng.normal()
    taken = np.zeros(5)
    taken[a] = 1
    H += 0.1 * (reward - mean) * (taken - chance)
    mean += (reward - mean) / t
"""


def test_what_comes_from_outside_is_made_again_by_no_call(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, BANDIT)
    assert check.ok is True, str(check)
