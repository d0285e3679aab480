"""Mistakes in recurrences over many steps in time, of which no step alone mends a gradient."""

from __future__ import annotations

from pathlib import Path

from tests.verifier.files import check_of_script, told

LETTERS = """
import numpy as np

rng = np.random.default_rng(7)
text = rng.integers(0, 5, 15)
sizes = {"in": (6, 5), "back": (6, 6), "out": (5, 6)}
p = {name: 0.01 * rng.normal(size=size) for name, size in sizes.items()}
kept = 20.0

def average(kept, new):
    return kept * 0.999 + new * 0.001

def step_back(p, g, probs, goal, x, s, before):
    miss = probs - goal
    g["out"] += np.outer(miss, s)
    ds = p["out"].T @ miss + g["later"]
    dz = (1 - s * s) * ds
    g["in"] += np.outer(dz, x)
    g["back"] += np.outer(dz, before)
    g["later"] = p["back"].T @ dz

for turn in range(3):
    s, probs, loss = {-1: np.zeros(6)}, {}, 0.0
    for t in range(14):
        s[t] = np.tanh(p["in"] @ np.eye(5)[text[t]] + p["back"] @ s[t - 1])
        probs[t] = np.exp(p["out"] @ s[t])
        probs[t] /= probs[t].sum()
        loss -= np.log(probs[t][text[t + 1]])
    g = {name: np.zeros_like(value) for name, value in p.items()}
    g["later"] = np.zeros(6)
    for t in reversed(range(14)):
        step_back(p, g, probs[t], np.eye(5)[text[t + 1]], np.eye(5)[text[t]], s[t], s[t - 1])
    for name in p:
        p[name] -= 0.1 * g[name]
    kept = average(kept, loss)
    print(kept)
"""


def test_right(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, LETTERS)
    assert "All right" in str(check)  # of the loss of the turn: the average is only watched


def test_a_slope_that_is_wrong_in_every_step_is_told(tmp_path: Path) -> None:
    text = LETTERS.replace("(1 - s * s) * ds", "s * (1 - s) * ds")
    line = text[: text.index("s * (1 - s) * ds")].count("\n") + 1
    assert told(check_of_script(tmp_path, text)) == (line, "derivative-at-wrong-point")
