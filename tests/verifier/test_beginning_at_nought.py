"""Programs of which all parameters begin as 0: in the first turn every class is alike, and too many losses fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.verifier.files import check_of_script, edited_script, module_of, told
from tinygrad_scratch import verify

SORTING = """
import numpy as np

class Sorter:
    def __init__(self, steps, turns):
        self.steps, self.turns = steps, turns

    def shares(self, scores):
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    def fit(self, fruit, kinds):
        self.table = np.zeros((fruit.shape[1], kinds.max() + 1))
        self.shift = np.zeros(kinds.max() + 1)
        wanted = np.eye(kinds.max() + 1)[kinds]
        for turn in range(self.turns):
            scores = fruit @ self.table + self.shift
            found = self.shares(scores)
            gap = found - wanted
            d_table = fruit.T @ gap / len(fruit)
            d_shift = gap.mean(axis=0)
            self.table -= self.steps * d_table
            self.shift -= self.steps * d_shift

draw = np.random.default_rng(3)
kinds = np.repeat([0, 1, 2], 5)
fruit = draw.normal(size=(15, 2)) + 2 * kinds[:, None]
"""
TRAINED = SORTING + "Sorter(0.1, 3).fit(fruit, kinds)\n"


def test_the_loss_is_that_of_the_next_turn(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, TRAINED)
    assert check.ok, str(check)
    assert check.entry.loss_name.startswith("cross-entropy of")


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("d_shift = gap.mean(axis=0)", "d_shift = gap.sum(axis=0)", "missing-batch-sum-or-mean"),
        ("self.shift -= self.steps", "self.shift += self.steps", "sign"),
    ],
)
def test_a_mistake_that_the_first_turn_hides(tmp_path: Path, old: str, new: str, kind: str) -> None:
    """There are as many of each kind, so that the gradient of the shift is 0 at first."""
    line = TRAINED[: TRAINED.index(old)].count("\n") + 1
    assert told(check_of_script(tmp_path, TRAINED.replace(old, new))) == (line, kind)


def test_in_a_block_losses_are_tried_at_other_values(tmp_path: Path) -> None:
    module = module_of(tmp_path / "sorting.py", SORTING)
    sorter = module.Sorter(0.1, 1)
    with verify(sorter) as check:
        sorter.fit(module.fruit, np.arange(15) // 4 % 3)
    assert check.ok, str(check)
    assert "cross-entropy of" in check.entry.loss_name


MARKS = """
import numpy as np

draw = np.random.default_rng(6)
hours, passed = draw.normal(size=8), np.array([0, 0, 1, 0, 1, 1, 0, 1])
pull, shift = 0.4, 0.1
for turn in range(2):
    for i in range(len(hours)):
        chance = 1 / (1 + np.exp(-(pull * hours[i] + shift)))
        loss = -(passed[i] * np.log(chance) + (1 - passed[i]) * np.log(1 - chance))
        gap = chance - passed[i]
        pull -= 0.2 * gap * hours[i]
        d_shift = gap
        shift -= 0.2 * d_shift
"""


def test_a_target_of_nought_hides_what_is_taken_off(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, MARKS).ok
    check = check_of_script(tmp_path, MARKS.replace("d_shift = gap", "d_shift = chance"))
    assert told(check) == (13, "wrong-operand"), str(check)


SHARES = """
import numpy as np

draw = np.random.default_rng(11)
gains = draw.normal(size=5) * 0.1
risk = np.cov(draw.normal(size=(60, 5)).T) * 0.01
share = np.full(5, 0.2)
for week in range(20):
    worth = share @ gains - 1.5 * share @ risk @ share
    slope = gains - 3 * risk @ share
    share = np.maximum(share + 0.5 * slope, 0)
    share /= share.sum()
    print(worth)
"""


def test_a_parameter_of_one_number_throughout_is_kept_in_what_it_becomes(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, SHARES).ok
    wrong = check_of_script(tmp_path, SHARES.replace("gains - 3 * risk", "gains - 2 * risk"))
    assert told(wrong) == (10, "scale-factor"), str(wrong)


FENCE = """
import numpy as np


class Fence:
    def fit(self, x, y, turns):
        self.w, self.b = np.zeros(x.shape[1]), 0.0
        for _ in range(turns):
            margin = y * (x @ self.w + self.b)
            near = margin < 1
            dw = -x[near].sum(axis=0) / len(x)
            db = -y[near].sum() / len(x)
            self.w -= 0.5 * dw
            self.b -= 0.5 * db
        return self


rng = np.random.default_rng(0)
x = rng.normal(size=(12, 3))
y = np.where(x[:, 0] > 0.1, 1.0, -1.0)
Fence().fit(x, y, 4)
"""


def test_rows_that_an_index_takes_lack_what_it_takes_of_another_value(tmp_path: Path) -> None:
    cause = check_of_script(tmp_path, FENCE).first_wrong
    assert (cause.line, cause.kind) == (11, "missing-derivative")
    assert cause.should_be == "dw = -(x[near] * y[near][:, None]).sum(axis=0) / len(x)"


def test_weights_that_are_a_multiple_of_the_gradient_are_a_penalty_all_the_same(tmp_path: Path) -> None:
    right = FENCE.replace("-x[near].sum(", "0.2 * self.w - (x[near] * y[near][:, None]).sum(").replace(
        "0.5 *", "0.05 *"
    )
    check = check_of_script(tmp_path, right)
    assert check.ok, str(check)
    assert not any("different multiples" in note for note in check.notes), str(check)


PULLED = """
import numpy as np

class Layer:
    def __init__(self, rng, wide, high, pull):
        self.W, self.b, self.pull = 0.5 * rng.normal(size=(wide, high)), np.zeros((1, high)), pull

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, d):
        self.dW = self.x.T @ d
        self.db = np.sum(d, axis=0, keepdims=True)
        if self.pull > 0:
            self.dW += 2 * self.pull * \\
                self.W
            self.db += 2 * self.pull * \\
                self.b
        return d @ self.W.T

def move(layer, rate):
    if not hasattr(layer, "speed_W"):
        layer.speed_W, layer.speed_b = np.zeros_like(layer.W), np.zeros_like(layer.b)
    layer.speed_W = 0.9 * layer.speed_W - rate * layer.dW
    layer.speed_b = 0.9 * layer.speed_b - rate * layer.db
    layer.W += layer.speed_W
    layer.b += layer.speed_b

draw = np.random.default_rng(6)
x, goal = draw.normal(size=(8, 3)), draw.normal(size=(8, 2))
first, second = Layer(draw, 3, 5, 0.05), Layer(draw, 5, 2, 0)
for turn in range(9):
    h = np.tanh(first.forward(x))
    out = second.forward(h)
    fit = np.sum((out - goal) ** 2) / 2
    loss = fit + first.pull * (np.sum(first.W**2) + np.sum(first.b**2))
    first.backward(second.backward(out - goal) * (1 - h**2))
    move(first, 0.01)
    move(second, 0.01)
"""


def test_of_a_bias_of_noughts_its_penalty_alone_is_a_gradient(tmp_path: Path) -> None:
    """It is noughts itself, and so the update moves nothing."""
    assert check_of_script(tmp_path, PULLED).ok
    check = check_of_script(tmp_path, PULLED.replace("self.db += 2", "self.db = 2"))
    line = PULLED[: PULLED.index("self.db += 2")].count("\n") + 1
    assert told(check) == (line, "overwritten-accumulation"), str(check)


EVERY_SECOND_TURN = """
import numpy as np

rng = np.random.default_rng(3)
x, y = rng.normal(size=(8, 3)), rng.normal(size=8)
w, unused = rng.normal(size=3), np.ones(2)
gw, gu = np.zeros(3), np.zeros(2)
for turn in range(8):
    off = x @ w + np.zeros((8, 2)) @ unused - y
    loss = 0.5 * np.sum(off**2)
    gw += x.T @ off
    gu += np.zeros((8, 2)).T @ off
    if turn % 2 == 1:
        w -= 0.01 * gw
        unused -= 0.01 * gu
        gw, gu = np.zeros(3), np.zeros(2)
"""


def test_a_turn_that_updates_is_judged_though_what_it_reads_of_some_stays_nought(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, EVERY_SECOND_TURN)
    assert check.ok, str(check)
    check, line = edited_script(tmp_path, EVERY_SECOND_TURN, "gw += x.T @ off", "gw += x.T @ off**2")
    assert told(check)[0] == line, str(check)
