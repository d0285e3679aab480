"""Backward passes in other files, of which a loop in an imported file calls one after the other."""

from __future__ import annotations

from pathlib import Path

from tests.verifier.files import changed, check_of_script, line_of, told

SCRIPT = """
import numpy as np

from training import train

draw = np.random.default_rng(2)
x, y = draw.normal(size=(3, 11)), draw.normal(size=(1, 11))
train(x, y, share=0.3)
train(x, y, keep=0.8)
"""
TRAINING = """
import numpy as np

from passes import with_penalty, with_masks


def train(x, y, share=0.0, keep=1.0):
    draw = np.random.default_rng(5)
    p = {"W1": draw.normal(size=(4, 3)), "W2": draw.normal(size=(1, 4))}
    for turn in range(3):
        mask = (draw.random((4, 11)) < keep) / keep
        h = np.tanh(p["W1"] @ x) * mask
        away = p["W2"] @ h - y
        cost = 0.5 * np.sum(away**2) / 11 + share / 22 * sum(np.sum(w**2) for w in p.values())
        if share:
            grads = with_penalty(x, h, away, p, share)
        else:
            grads = with_masks(x, h, away, p, mask)
        for name in p:
            p[name] = p[name] - 0.1 * grads[name]
    return p
"""
PASSES = """
def with_penalty(x, h, away, p, share):
    d_h = p["W2"].T @ away * (1 - h**2)
    return {"W1": (d_h @ x.T + share * p["W1"]) / 11, "W2": (away @ h.T + share * p["W2"]) / 11}


def with_masks(x, h, away, p, mask):
    d_h = p["W2"].T @ away * mask
    d_z = d_h * (1 - (h / (mask + (mask == 0))) ** 2)
    return {"W1": d_z @ x.T / 11, "W2": away @ h.T / 11}
"""


def test_a_turn_that_calls_another_backward_pass_is_judged_too(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, SCRIPT, training=TRAINING, passes=PASSES)
    assert check.ok is True, str(check)
    assert any(note.endswith("and was judged, too, and is right.") for note in check.notes), check.notes


def test_what_is_wrong_there_is_told(tmp_path: Path) -> None:
    wrong = changed(PASSES, '{"W1": d_z @ x.T / 11', '{"W1": -d_z @ x.T / 11')
    check = check_of_script(tmp_path, SCRIPT, training=TRAINING, passes=wrong)
    assert check.first_wrong is not None, str(check)
    assert told(check) == (line_of(PASSES, '{"W1": d_z @ x.T / 11'), "sign"), str(check)
