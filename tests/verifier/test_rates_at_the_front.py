"""Updates that begin with a number: it is a rate, also where it stands in a product of matrices, or times a rate."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

LINE = """import numpy as np

rng = np.random.default_rng(4)
x, y = rng.normal(size=(20, 3)), rng.normal(size=20)
w, b = rng.normal(size=3), 0.3

for it in range(5):
    r = x @ w + b - y
    loss = np.mean(r**2)
    d = 2 * r / 20
    w -= 0.05 * x.T @ d
    b -= 0.2 * d.sum()
    print(loss)
"""
ASSIGNED = LINE.replace("w -= 0.05 *", "w = w - 0.05 *")
DIVIDED = LINE.replace("2 * r / 20", "2 * r").replace("x.T @ d", "x.T @ d / 20").replace("d.sum()", "d.mean()")
SWING = """import numpy as np

rng = np.random.default_rng(5)
start, seen = rng.uniform(0.5, 1.5, size=4), rng.normal(size=(7, 4))
k, c, lr = 3.0, 0.2, 0.1

for it in range(5):
    angle, speed = [start], [np.zeros(4)]
    for t in range(6):
        speed.append(speed[t] + 0.1 * (-k * np.sin(angle[t]) - c * speed[t]))
        angle.append(angle[t] + 0.1 * speed[t + 1])
    loss = 0.0
    for t in range(1, 7):
        loss += np.sum((angle[t] - seen[t]) ** 2) / 24
    gk, gc, g_angle, g_speed = 0.0, 0.0, np.zeros(4), np.zeros(4)
    for t in reversed(range(6)):
        g_angle = g_angle + 2 * (angle[t + 1] - seen[t + 1]) / 24
        g_speed = g_speed + 0.1 * g_angle
        g_acc = 0.1 * g_speed
        gk -= np.sum(np.sin(angle[t]) * g_acc)
        gc -= np.sum(speed[t] * g_acc)
        g_angle = g_angle - k * np.cos(angle[t]) * g_acc
        g_speed = g_speed - c * g_acc
    k -= 5 * lr * gk
    c -= lr * gc
    start = start - lr * g_angle
    print(loss)
"""
RIGHT = {"in a product of matrices": LINE, "assigned": ASSIGNED, "before a mean": DIVIDED, "times a rate": SWING}


@pytest.mark.parametrize("script", RIGHT.values(), ids=RIGHT)
def test_each_step_may_have_a_number_of_its_own(tmp_path: Path, script: str) -> None:
    check = check_of_script(tmp_path, script)
    assert check.ok, str(check)


@pytest.mark.parametrize(
    ("script", "right", "wrong"),
    [
        (LINE, "d = 2 * r / 20", "d = r * r / 20"),
        (LINE, "0.2 * d.sum()", "0.2 * r.sum()"),
        (ASSIGNED, "0.05 * x.T @ d", "0.05 * x.T @ (d + 1)"),
        (DIVIDED, "0.05 * x.T @ d / 20", "0.05 * x.T @ (d * r) / 20"),
        (SWING, "k * np.cos(angle[t])", "k * np.sin(angle[t])"),
        (SWING, "gk -= np.sum(np.sin", "gk -= np.sum(np.cos"),
    ],
)
def test_a_mistake_beside_them_is_told(tmp_path: Path, script: str, right: str, wrong: str) -> None:
    check, line = edited_script(tmp_path, script, right, wrong)
    assert told(check)[0] == line, str(check)
