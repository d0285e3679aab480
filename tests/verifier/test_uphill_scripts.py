"""Scripts as tutorials have them: no loss, the error as targets less outputs, and updates that add."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told
from tinygrad_scratch.verifier.script import checks_of

BEANS = """
import numpy as np


def squash(v, slope=False):
    if slope:
        return v * (1 - v)
    return 1 / (1 + np.exp(-v))


rng = np.random.default_rng(4)
seeds = rng.normal(size=(4, 3))
sprouts = rng.random((4, 1))
inner, outer = rng.normal(size=(3, 4)), rng.normal(size=(4, 1))
for day in range(50):
    leaf = squash(seeds @ inner)
    bean = squash(leaf @ outer)
    lack = sprouts - bean
    bean_step = lack * squash(bean, slope=True)
    leaf_step = bean_step @ outer.T * squash(leaf, slope=True)
    outer += leaf.T @ bean_step
    inner += seeds.T @ leaf_step
"""

POND = """
import numpy as np


def bend(v):
    return np.tanh(v)


def bend_slope(h):
    return 1 - h ** 2


class Pond:
    def __init__(self, water, depth):
        rng = np.random.default_rng(6)
        self.water, self.depth = water, depth
        self.bed, self.bank = rng.normal(size=(water.shape[1], 5)), rng.normal(size=(5, 2))

    def rise(self):
        self.mud = bend(self.water @ self.bed)
        self.level = bend(self.mud @ self.bank)

    def fall(self):
        more_bank = self.mud.T @ (2 * (self.depth - self.level) * bend_slope(self.level))
        more_bed = self.water.T @ (
            (2 * (self.depth - self.level) * bend_slope(self.level)) @ self.bank.T * bend_slope(self.mud)
        )
        self.bank += more_bank
        self.bed += more_bed


rng = np.random.default_rng(7)
pond = Pond(rng.normal(size=(6, 3)), rng.uniform(-0.9, 0.9, (6, 2)))
for turn in range(30):
    pond.rise()
    pond.fall()
"""

AT_POINT = "derivative-at-wrong-point"


@pytest.mark.parametrize("program", [BEANS, POND])
def test_right_in_the_direction_of_ascent(tmp_path: Path, program: str) -> None:
    path = tmp_path / "script.py"
    path.write_text(program)
    check = checks_of(str(path))[0]
    assert check.ok
    assert check.convention == "in the direction of ascent"


def test_what_is_right_has_the_brackets_that_it_needs(tmp_path: Path) -> None:
    path = tmp_path / "script.py"
    path.write_text(POND.replace("more_bank = self.mud.T @ (2 * (", "more_bank = self.mud.T @ (("))
    check = checks_of(str(path))[0]  # by half the squared error it is the other line that has a 2 too many
    assert "(self.depth - self.level) * bend_slope" in check.first_wrong.should_be


@pytest.mark.parametrize(
    ("program", "right", "wrong", "kind", "due"),
    [
        (BEANS, "return v * (1 - v)", "return 1 - v ** 2", AT_POINT, "v * (1 - v)"),
        (BEANS, "squash(leaf, slope=True)", "squash(leaf)", "derivative-at-wrong-point", "squash(leaf, slope=True)"),
        (BEANS, "inner += seeds", "inner -= seeds", "sign", "inner += seeds.T @ leaf_step"),
        (POND, "            (2 * (self.depth", "            ((self.depth", "scale-factor", "* 2"),
        (POND, "self.bank += more_bank", "self.bank -= more_bank", "sign", "self.bank += more_bank"),
        (POND, "* bend_slope(self.mud)", "+ bend_slope(self.mud)", "wrong-operand", "* bend_slope(self.mud)"),
    ],
)
def test_the_mistake_is_told(tmp_path: Path, program: str, right: str, wrong: str, kind: str, due: str) -> None:
    assert program.count(right) == 1
    path = tmp_path / "script.py"
    path.write_text(program.replace(right, wrong))
    check = checks_of(str(path))[0]
    line = program[: program.index(right)].count("\n") + 1
    first = check.first_wrong
    assert first is not None, str(check)
    assert first.line in (line, line - 1), str(check)  # or where its statement begins
    assert first.kind == kind, str(check)
    assert due in str(check.to_json()), str(check)


TIDE = """
import numpy as np


def ebb(sands, notes, wish):
    n = len(wish)
    d_low = notes["low"] - wish
    d_rest = (d_low @ sands["far"].T) * (1 - notes["near"] ** 2)
    return {"far": notes["near"].T @ d_low / n, "close": notes["sea"].T @ d_rest / n}


def flow(sands, sea):
    near = np.tanh(sea @ sands["close"])
    return {"sea": sea, "near": near, "low": near @ sands["far"]}


rng = np.random.default_rng(8)
sands = {"close": rng.normal(size=(3, 4)), "far": rng.normal(size=(4, 2))}
sea, wish = rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
for hour in range(9):
    notes = flow(sands, sea)
    loss = 0.5 * np.sum((notes["low"] - wish) ** 2) / len(wish)
    moves = ebb(sands, notes, wish)
    for key in sands:
        sands[key] = sands[key] - 0.1 * moves[key]
"""


@pytest.mark.parametrize(
    ("right", "wrong", "due"),
    [
        (
            "sands[key] = sands[key] - 0.1",
            "sands[key] = sands[key] + 0.1",
            "sands[key] = sands[key] - 0.1 * moves[key]",
        ),
        ('d_low = notes["low"] - wish', 'd_low = wish - notes["low"]', 'd_low = notes["low"] - wish'),
    ],
)
def test_what_turns_all_updates_round(tmp_path: Path, right: str, wrong: str, due: str) -> None:
    """A gradient that is one is not to blame where the one statement of all updates adds it."""
    assert TIDE.count(right) == 1
    path = tmp_path / "script.py"
    path.write_text(TIDE.replace(right, wrong))
    check = checks_of(str(path))[0]
    assert (check.first_wrong.line, check.first_wrong.kind) == (TIDE[: TIDE.index(right)].count("\n") + 1, "sign")
    assert check.first_wrong.should_be == due, str(check)


def test_an_update_uphill_is_told_where_an_epsilon_is_in_the_gradients(tmp_path: Path) -> None:
    """A gradient that is right but for a small number is no other convention where its update goes the wrong way."""
    small = TIDE.replace('((notes["low"] - wish) ** 2)', '((notes["low"] - wish) ** 2 / (1 + 1e-7 * wish ** 2))')
    assert small != TIDE
    turned = small.replace(
        "    for key in sands:\n        sands[key] = sands[key] - 0.1 * moves[key]\n",
        '    sands["far"] += 0.1 * moves["far"]\n    sands["close"] -= 0.1 * moves["close"]\n',
    )
    path = tmp_path / "script.py"
    path.write_text(turned)
    check = checks_of(str(path))[0]
    assert not check.ok, str(check)
    assert check.first_wrong.kind == "sign"
    assert check.first_wrong.should_be == 'sands["far"] -= 0.1 * moves["far"]'


LIKELIHOOD = """
import numpy as np

rng = np.random.default_rng(2)
x, kinds = rng.normal(size=(7, 4)), np.eye(3)[rng.integers(0, 3, size=7)]
w, b = rng.normal(size=(4, 3)), rng.normal(size=3)
for turn in range(3):
    e = np.exp(x @ w + b)
    p = e / e.sum(axis=1, keepdims=True)
    cost = np.sum(kinds * np.log(p))
    gw, gb = x.T @ (kinds - p), (kinds - p).sum(axis=0)
    w += 0.1 * gw
    b += 0.1 * gb
"""


def test_a_likelihood_is_made_large_though_it_is_called_a_cost(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, LIKELIHOOD).ok is True
    other = LIKELIHOOD.replace("(kinds - p)", "(p - kinds)").replace("+= 0.1", "-= 0.1")
    check = check_of_script(tmp_path, other)
    assert check.ok is True
    assert check.convention == "in the direction of ascent"
    check = check_of_script(tmp_path, LIKELIHOOD.replace("cost = np.sum", "cost = -np.sum"))
    assert check.ok is True  # what is added is the negative of the gradient then
    assert check_of_script(tmp_path, other.replace("b -= 0.1", "b += 0.1")).ok is False


BY_LIKELIHOOD = """
import numpy as np

np.random.seed(34)
x = np.vstack([np.random.randn(9, 3), np.random.randn(9, 3) + 2])
y = np.hstack([np.zeros(9), np.ones(9)])

def log_likelihood(x, y, w):
    z = x @ w
    return np.sum(y * z - np.log(1 + np.exp(z)))

w = np.zeros(3)
for step in range(12):
    p = 1 / (1 + np.exp(-(x @ w)))
    off = y - p
    gradient = x.T @ off
    w += 0.005 * gradient
    print(log_likelihood(x, y, w))
"""


@pytest.mark.parametrize(("right", "wrong"), [("off = y - p", "off = p - y"), ("w += 0.005", "w -= 0.005")])
def test_a_likelihood_is_not_made_small(tmp_path: Path, right: str, wrong: str) -> None:
    assert check_of_script(tmp_path, BY_LIKELIHOOD).ok
    check, line = edited_script(tmp_path, BY_LIKELIHOOD, right, wrong)
    assert told(check) == (line, "sign"), str(check)
