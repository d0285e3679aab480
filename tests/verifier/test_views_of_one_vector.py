"""Layers that are views of one vector of all weights, which an update writes to as a whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.verifier.files import check_of_script, edited_script
from tinygrad_scratch import verify

NET = """
import numpy as np

draw = np.random.default_rng(17)
seen, aims = draw.normal(size=(8, 2)), draw.normal(size=(8, 3))
theta = draw.normal(size=9) * 0.5
grad = np.zeros_like(theta)


def layers(flat):
    PARTS
    return first.reshape(2, 3), last


weights, starts = layers(theta)
for turn in range(5):
    away = seen @ weights + starts - aims
    loss = 0.5 * np.sum(away**2)
    GRADIENT
    theta -= 0.1 * grad
"""
PARTS = (
    "first, last = np.split(flat, [6])",
    "ends = np.cumsum([6, 3]); first, last = flat[: ends[0]], flat[ends[0] :]",
)
JOINED = "grad = np.concatenate([(seen.T @ away).ravel(), away.sum(axis=0)])"
WRITTEN = "np.dot(seen.T, away, out=parts[0]); np.sum(away, axis=0, out=parts[1])"


def net(parts: str, gradient: str) -> str:
    return NET.replace("PARTS", parts).replace("GRADIENT", gradient)


@pytest.mark.parametrize("parts", PARTS)
@pytest.mark.parametrize("gradient", [JOINED, WRITTEN])
def test_the_first_turn_is_judged_and_right(tmp_path: Path, parts: str, gradient: str) -> None:
    text = net(parts, gradient).replace("for turn", "parts = layers(grad)\nfor turn")
    check = check_of_script(tmp_path, text)
    assert check.ok is True, str(check)
    assert [final.parameter.name for final in check.finals] == ["theta"]
    assert any(note.startswith("One turn of the loop") for note in check.notes)


def test_a_mistake_in_a_part_is_told(tmp_path: Path) -> None:
    text = net(PARTS[0], JOINED)
    check, line = edited_script(tmp_path, text, "(seen.T @ away).ravel()", "(seen.T @ away / 8).ravel()")
    assert (check.first_wrong.line, check.first_wrong.kind) == (line, "scale-factor"), str(check)


def parts_of(flat: np.ndarray, how: str) -> tuple[np.ndarray, np.ndarray]:
    """A matrix and a row that show a vector; what they were cut from is gone."""
    ends = np.cumsum([6, 3])
    first, last = np.split(flat, ends[:1]) if how == "split" else (flat[: ends[0]], flat[ends[0] :])
    return first.reshape(2, 3), last


@pytest.mark.parametrize("how", ["split", "sliced"])
def test_a_view_of_a_view_that_is_gone_follows_what_is_written(how: str) -> None:
    draw = np.random.default_rng(3)
    theta, seen, aims = draw.random(9), draw.normal(size=(8, 2)), draw.normal(size=(8, 3))
    with verify(theta=theta) as check:
        weights, starts = parts_of(theta, how)
        theta *= theta
        away = seen @ weights + starts - aims
        check.loss = 0.5 * np.sum(away**2)
        check.gradients = np.concatenate([(seen.T @ away).ravel(), away.sum(axis=0)]) * 2 * np.sqrt(theta)
    assert check.ok is True, str(check)


FILLED = """
import numpy as np

draw = np.random.default_rng(17)
shapes = {"w": (2, 4), "b": (4,), "v": (4, 3), "c": (3,)}
sizes = [int(np.prod(shape)) for shape in shapes.values()]
theta, grad = np.zeros(sum(sizes)), np.zeros(sum(sizes))
P = {k: a.reshape(s) for (k, s), a in zip(shapes.items(), np.split(theta, np.cumsum(sizes)[:-1]))}
G = {k: a.reshape(s) for (k, s), a in zip(shapes.items(), np.split(grad, np.cumsum(sizes)[:-1]))}
P["w"][...] = draw.normal(size=(2, 4))
P["v"][...] = draw.normal(size=(4, 3))
speed = np.zeros_like(theta)
seen, aims = draw.normal(size=(8, 2)), draw.integers(0, 2, size=(8, 3))
for turn in range(5):
    h = np.tanh(seen @ P["w"] + P["b"])
    away = h @ P["v"] + P["c"] - aims
    loss = 0.5 * np.sum(away**2)
    dh = away @ P["v"].T * (1 - h**2)
    for k, g in (("v", h.T @ away), ("c", away.sum(0)), ("w", seen.T @ dh), ("b", dh.sum(0))):
        G[k][...] = g
    speed = 0.5 * speed + grad
    theta -= 0.1 * speed
"""


def test_a_view_of_a_view_is_a_part_of_the_vector_that_other_views_filled(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, FILLED)
    assert check.ok is True, str(check)
    check, line = edited_script(tmp_path, FILLED, "away.sum(0)", "away.mean(0)")
    assert (check.first_wrong.line, check.first_wrong.kind) == (line, "missing-batch-sum-or-mean"), str(check)


ONLINE = """
import numpy as np

draw = np.random.default_rng(3)
rows, aims = draw.normal(size=(6, 3)), draw.uniform(size=(6, 2))


class Layer:
    def __init__(self, weights, starts, many):
        self.weights = weights
        self.weights.shape = (many, -1)
        self.starts = starts
        self.starts.shape = (many, 1)

    def forward(self, given):
        self.given = given
        self.made = 1 / (1 + np.exp(-self.weights @ given - self.starts))
        return self.made

    def inner(self, above):
        return self.made * (1 - self.made) * above

    def backward(self, above, is_last):
        slope = self.inner(self.made - above if is_last else above)
        below = self.weights.T @ slope
        self.weights -= 0.1 * slope @ self.given.T
        self.starts -= 0.1 * slope
        return below


flat = draw.normal(size=4 * 3 + 4 + 2 * 4 + 2)
first, last = Layer(flat[:12], flat[12:16], 4), Layer(flat[16:24], flat[24:], 2)
plain = np.zeros((3, 2))
for turn in range(3):
    away = rows @ plain - aims
    loss = 0.5 * np.sum(away**2)
    plain -= 0.01 * rows.T @ away
for turn in range(3):
    for row, aim in zip(rows, aims):
        made = last.forward(first.forward(row.reshape(-1, 1)))
        error = 0.5 * np.sum((made - aim.reshape(-1, 1)) ** 2)
        first.backward(last.backward(aim.reshape(-1, 1), True), False)
"""


def test_weights_of_which_others_in_the_vector_were_moved_are_judged_in_a_later_turn(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, ONLINE)
    assert check.ok is True, str(check)
    assert any("judged by itself, and is right" in note for note in check.notes), check.notes


def test_half_of_a_slope_is_told_where_the_other_half_stands(tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, ONLINE, "self.made * (1 - self.made) * above", "(1 - self.made) * above")
    assert (check.first_wrong.line, check.first_wrong.kind) == (line, "missing-derivative"), str(check)
