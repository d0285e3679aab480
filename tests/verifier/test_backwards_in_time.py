"""Equations that are solved forwards in time and fitted by a loop backwards in time: that loop trains nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script

SWING = """
import numpy as np

heard = np.array([0.9, 0.8, 0.4, 0.1, -0.3])
pull, drag, start = 1.5, 0.3, 0.8

for guess in range(3):
    place, speed = np.zeros(5), np.zeros(5)
    place[0] = start
    for n in range(4):
        place[n + 1] = place[n] + 0.2 * speed[n]
        speed[n + 1] = speed[n] - 0.2 * (pull * place[n] + drag * speed[n])
    misfit = np.sum((place - heard) ** 2)
    to_pull, to_drag = 0.0, 0.0
    by_place = 2 * (place[4] - heard[4])
    by_speed = 0.0
    for n in range(3, -1, -1):
        to_pull -= by_speed * 0.2 * place[n]
        to_drag -= by_speed * 0.2 * speed[n]
        kept = by_place
        by_place = kept - 0.2 * pull * by_speed + 2 * (place[n] - heard[n])
        by_speed = by_speed + 0.2 * kept - 0.2 * drag * by_speed
    pull -= 0.1 * to_pull
    drag -= 0.1 * to_drag
    start -= 0.1 * by_place
"""
DECAY = """
import numpy as np

speed = 1.2
for guess in range(3):
    x = np.zeros(4)
    x[0] = 1.0
    for n in range(3):
        x[n + 1] = x[n] - 0.1 * speed * x[n]
    loss = np.sum((x - 0.3) ** 2)
    back = 2 * (x[3] - 0.3)
    to_speed = 0.0
    for n in range(2, -1, -1):
        to_speed += -back * 0.1 * x[n]
        back = back * (1 - 0.1 * speed) + 2 * (x[n] - 0.3)
    speed -= 0.1 * to_speed
"""
RESTARTS = """
import numpy as np

rng = np.random.default_rng(1)
x, y = rng.normal(size=(8, 3)), rng.normal(size=8)
rate = 0.2

for trial in range(3):
    w = np.zeros(3)
    b = 0.0
    for turn in range(5):
        off = x @ w + b - y
        loss = np.mean(off**2)
        w -= rate * 2 * x.T @ off / 8
        b -= rate * 2 * off.mean()
    rate -= 0.05
"""


@pytest.mark.parametrize("text", [SWING, DECAY, RESTARTS], ids=["two states", "one state", "restarts"])
def test_right(text: str, tmp_path: Path) -> None:
    check = check_of_script(tmp_path, text)
    assert check.ok, check


@pytest.mark.parametrize(
    ("text", "right", "wrong", "line"),
    [
        (SWING, "kept - 0.2 * pull * by_speed", "kept + 0.2 * pull * by_speed", 21),
        (SWING, "to_drag -= by_speed * 0.2 * speed[n]", "to_drag -= by_speed * 0.2 * place[n]", 19),
        (DECAY, "back * (1 - 0.1 * speed)", "back * (1 + 0.1 * speed)", 15),
        (RESTARTS, "2 * x.T @ off / 8", "2 * x.T @ (x @ w - y) / 8", 14),
    ],
)
def test_a_mistake_is_told(text: str, right: str, wrong: str, line: int, tmp_path: Path) -> None:
    text = text.replace("w = np.zeros(3)", "w = np.ones(3)").replace("b = 0.0", "b = 0.5")
    check = check_of_script(tmp_path, text.replace(right, wrong))
    assert check.first_wrong is not None, check
    assert check.first_wrong.line == line, check
