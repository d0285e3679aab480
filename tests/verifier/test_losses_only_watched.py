"""A loss that is printed and not trained: gradients of another one, by a slope that has more to it, are right."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

CLASSES = """
import numpy as np

rng = np.random.default_rng(3)
field, crop = rng.normal(size=(14, 4)), rng.integers(0, 3, 14)
A, B = rng.normal(size=(4, 5)) * 0.5, rng.normal(size=(5, 3)) * 0.5
hot = np.eye(3)[crop]
sharp, tilt, worth = 2.0, 0.3, rng.uniform(0.5, 2, 14)
for season in range(5):
    h = np.tanh(field @ A)
    scores = h @ B
    p = np.exp(scores - scores.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    ce = -np.mean(np.log(p[np.arange(14), crop]))
    up = SLOPE
    gB = h.T @ up
    gA = field.T @ (up @ B.T * (1 - h**2))
    A -= 0.2 * gA
    B -= 0.2 * gB
    print(season, ce)
"""
FOCAL = "(p - hot) * ((1 - q) ** sharp - sharp * q * (1 - q) ** (sharp - 1) * np.log(q))[:, None] / 14"
OTHERS = [
    "worth[:, None] * (p - hot) / 14",
    "(p - hot + tilt * p * (np.log(p) - (p * np.log(p)).sum(1, keepdims=True))) / 14",
    "(p - (0.9 * hot + 0.1 / 3)) / 14",
]


def with_slope(slope: str) -> str:
    before = "q = p[np.arange(14), crop]\n    " if "q" in slope else ""
    return CLASSES.replace("    up = SLOPE", f"    {before}up = {slope}")


@pytest.mark.parametrize("slope", [FOCAL, *OTHERS[:2]])
def test_a_slope_with_weights_of_its_own_is_right(tmp_path: Path, slope: str) -> None:
    check = check_of_script(tmp_path, with_slope(slope))
    assert check.ok is True, str(check)
    assert "of another loss than your ce" in str(check)
    assert sum("as the slope of a loss that you don't compute" in note for note in check.notes) == 1
    assert "The loss, " not in str(check)  # there is no number to tell


def test_where_all_does_not_follow_from_it_none_is_found(tmp_path: Path) -> None:
    check, _ = edited_script(tmp_path, with_slope(OTHERS[0]), "(1 - h**2)", "(1 - h)")
    assert check.ok is not True, str(check)
    assert check.first_wrong is None
    assert "No loss was found: ce is a number, and no gradient fits it" in " ".join(str(check).split())


@pytest.mark.parametrize("slope", ["(p + hot) / 14", "p * hot / 14", "(p - 2 * hot) / 14", "(p - hot) * p / 14"])
def test_a_slope_of_nothing_but_what_the_loss_has_is_wrong(tmp_path: Path, slope: str) -> None:
    check = check_of_script(tmp_path, with_slope(slope))
    assert told(check)[0] == with_slope(slope)[: with_slope(slope).index("up = ")].count("\n") + 1, str(check)


def test_smoothed_targets_are_no_slip(tmp_path: Path) -> None:
    text = with_slope("(p - soft) / 14").replace("sharp, tilt", "soft = 0.9 * hot + 0.1 / 3\nsharp, tilt")
    check = check_of_script(tmp_path, text)
    assert check.ok is True, str(check)
    assert "of another loss than your ce" in str(check)


SQUARES_OF_CHANCES = """
import numpy as np

rng = np.random.default_rng(4)
x, y = rng.normal(size=(15, 4)), (rng.normal(size=(15, 1)) > 0) * 1.0
w, v = rng.normal(size=(4, 6)) * 0.5, rng.normal(size=(6, 1)) * 0.5
for turn in range(4):
    h = np.tanh(x @ w)
    p = 1 / (1 + np.exp(-h @ v))
    bce = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    d = 2 * (p - y) * p * (1 - p) / 15
    gv = h.T @ d
    gw = x.T @ (d @ v.T * (1 - h**2))
    w -= 0.3 * gw
    v -= 0.3 * gv
    print(bce)
"""


def test_the_2_of_a_square_tells_that_it_is_trained(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, SQUARES_OF_CHANCES).ok is True
    check, line = edited_script(tmp_path, SQUARES_OF_CHANCES, "d = 2 * (p - y)", "d = (p - y)")
    assert told(check)[0] == line, str(check)


HINGE = """
import numpy as np

rng = np.random.default_rng(5)
x = rng.normal(size=(16, 4))
y = np.where(x[:, 0] * x[:, 1] > 0, 1, -1)
w, v, b = rng.normal(size=(4, 6)), rng.normal(size=6), 0.0
for turn in range(4):
    h = np.maximum(x @ w, 0)
    f = h @ v + b
    g = -((y * f < 1) * y) / 16
    gv, gb = h.T @ g + 0.01 * v, g.sum()
    gw = x.T @ (np.outer(g, v) * (h > 0)) + 0.01 * w
    w -= 0.05 * gw
    v -= 0.05 * gv
    b -= 0.05 * gb
    mse = np.mean((f - y) ** 2)
    print(mse)
"""


def test_the_hinge_of_signs_beside_squares_that_are_printed(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, HINGE)
    assert check.ok is True, str(check)
    assert "of another loss than your mse" in str(check)
    check, line = edited_script(tmp_path, HINGE, "(h > 0)", "(h > 1)")
    assert told(check) == (line, "derivative-at-wrong-point"), str(check)


TWO_HEADS = """
import numpy as np

rng = np.random.default_rng(6)
x, y = rng.normal(size=(12, 4)), rng.normal(size=(12, 2))
w, v, side = rng.normal(size=(4, 5)), rng.normal(size=(5, 2)), rng.normal(size=(5, 3))
aim, pull = rng.normal(size=(12, 3)), 0.04
for turn in range(4):
    h = np.tanh(x @ w)
    out, near = h @ v, h @ side
    mse = np.mean((out - y) ** 2)
    d = 2 * (out - y) / y.size
    e = 2 * (near - aim) / aim.size
    dv, dside = h.T @ d, h.T @ e
    dh = d @ v.T + MORE
    dw = x.T @ (dh * (1 - h**2))
    w -= 0.1 * dw
    v -= 0.1 * dv
    side -= 0.1 * dside
    print(mse)
"""


@pytest.mark.parametrize("more", ["e @ side.T", "pull * np.sign(h)"])
def test_a_term_of_more_than_what_is_printed_is_asked_about(tmp_path: Path, more: str) -> None:
    check = check_of_script(tmp_path, TWO_HEADS.replace("MORE", more))
    assert check.first_wrong is None, str(check)
    assert check.ok is not True
    assert "has nothing to do with mse" in " ".join(str(check).split())


def test_a_term_of_what_the_loss_has_is_one_too_many(tmp_path: Path) -> None:
    text = TWO_HEADS.replace("MORE", "d @ v.T")
    check = check_of_script(tmp_path, text)
    assert told(check)[0] == text[: text.index("dh = ")].count("\n") + 1, str(check)


def test_no_usual_loss_is_assumed_where_the_slope_has_more_to_it(tmp_path: Path) -> None:
    text = with_slope(OTHERS[1]).replace("    ce = -np.mean(np.log(p[np.arange(14), crop]))\n", "")
    check = check_of_script(tmp_path, text.replace("print(season, ce)", "print(season)"))
    assert check.first_wrong is None, str(check)


ORTHOGONAL = """
import numpy as np

rng = np.random.default_rng(7)
x, y = rng.normal(size=(14, 6)), rng.integers(0, 3, 14)
w, v = rng.normal(size=(6, 4)) / 2, rng.normal(size=(4, 3)) / 2
for turn in range(4):
    h = np.tanh(x @ w)
    p = np.exp(h @ v)
    p /= p.sum(1, keepdims=True)
    ce = -np.log(p[np.arange(14), y]).mean()
    d = p.copy()
    d[np.arange(14), y] -= 1
    d /= 14
    dw = x.T @ (d @ v.T * (1 - h**2))
    dw += 0.4 * w @ (w.T @ w - np.eye(4))
    dv = h.T @ d
    w -= 0.1 * dw
    v -= 0.1 * dv
    print(ce)
"""


def test_a_penalty_that_pulls_to_no_0_is_asked_about_where_what_is_printed_has_none(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, ORTHOGONAL)
    assert check.first_wrong is None, str(check)
    assert "ce has no penalty of w: with what line 16 adds" in " ".join(str(check).split())
    assert "--loss loss" in " ".join(str(check).split())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("dw += 0.4 * w @", "dw += 0.4 * x.T @ x @ w @"),
        ("(1 - h**2))", "(1 - h**2)) * w"),
        ("dw += 0.4 * w @ (w.T @ w - np.eye(4))", "dw -= 0.4 * w"),
    ],
)
def test_a_term_of_data_or_a_factor_is_no_penalty(tmp_path: Path, old: str, new: str) -> None:
    check, _ = edited_script(tmp_path, ORTHOGONAL, old, new)
    assert check.ok is False, str(check)


ROBUST = """
import numpy as np

rng = np.random.default_rng(8)
x, y = rng.normal(size=(16, 4)), 2 * rng.normal(size=16)
w, shift, edge, pull = rng.normal(size=4), 0.2, 0.8, 0.05

def huber(r):
    return np.where(np.abs(r) <= edge, 0.5 * r**2, edge * (np.abs(r) - 0.5 * edge))

def SLOPE(r):
    return np.clip(r, -edge, edge)

for turn in range(4):
    r = x @ w + shift - y
    cost = np.mean(huber(r))PENALTY
    d = SLOPE(r) / 16
    gw = x.T @ dPULL
    gs = np.sum(d)
    w = w - 0.1 * gw
    shift = shift - 0.1 * gs
    print(cost)
"""
TRAINED = {
    "its penalty": ("bent", " + pull * w @ w", " + 2 * pull * w"),
    "the name of the slope": ("huber_derivative", "", ""),
}


@pytest.mark.parametrize("by", TRAINED)
def test_a_loss_is_trained_that_has_the_penalty_or_lends_its_name_to_the_slope(tmp_path: Path, by: str) -> None:
    text = ROBUST
    for name, own in zip(("SLOPE", "PENALTY", "PULL"), TRAINED[by], strict=True):
        text = text.replace(name, own)
    assert check_of_script(tmp_path, text).ok is True
    check, line = edited_script(tmp_path, text, "return np.clip(r, -edge, edge)", "return r")
    assert check.ok is False, str(check)
    assert check.first_wrong.name == "d"
    if TRAINED[by][0] == "huber_derivative":  # that gives back what it is given
        assert told(check) == (line, "missing-derivative"), str(check)


def test_half_the_squares_may_be_trained_beside_another_loss(tmp_path: Path) -> None:
    text = ROBUST.replace("SLOPE", "bent").replace("PENALTY", "").replace("PULL", "")
    check, _ = edited_script(tmp_path, text, "return np.clip(r, -edge, edge)", "return r")
    assert check.ok is True, str(check)
