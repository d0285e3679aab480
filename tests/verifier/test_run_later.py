"""Gradients that are made in lines which the first turns of a loop do not run."""

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

TWO_PASSES = """
import numpy as np

rng = np.random.default_rng(4)
x, y = rng.normal(size=(4, 13)), (rng.random((1, 13)) > 0.5) * 1.0

def forward(p, keep):
    h = np.maximum(p["w1"] @ x, 0)
    mask = (rng.random(h.shape) < keep) / keep
    h = h * mask
    return h, mask, 1 / (1 + np.exp(-(p["w2"] @ h)))

def backward_decayed(p, h, a, decay):
    d = a - y
    dw2 = d @ h.T / 13 + decay * p["w2"]
    dh = p["w2"].T @ d * (h > 0)
    dw1 = dh @ x.T / 13 + decay * p["w1"]
    return {"w1": dw1, "w2": dw2}

def backward_masked(p, h, mask, a):
    d = a - y
    dw2 = d @ h.T / 13
    dh = p["w2"].T @ d * mask
    dw1 = dh * (h > 0) @ x.T / 13
    return {"w1": dw1, "w2": dw2}

def train(decay=0.0, keep=1.0):
    p = {"w1": rng.normal(size=(6, 4)), "w2": rng.normal(size=(1, 6))}
    for turn in range(5):
        h, mask, a = forward(p, keep)
        cost = -np.sum(y * np.log(a) + (1 - y) * np.log(1 - a)) / 13
        if decay:
            cost += 0.5 * decay * (np.sum(p["w1"] ** 2) + np.sum(p["w2"] ** 2))
        grads = backward_decayed(p, h, a, decay) if decay else backward_masked(p, h, mask, a)
        for name in p:
            p[name] = p[name] - 0.5 * grads[name]
        print(turn, cost)

train(decay=0.1)
train(keep=0.8)
"""

OF_MASKED = 'dw2 = d @ h.T / 13\n    dh = p["w2"].T @ d * mask'
WARMED_UP = """
import numpy as np

rng = np.random.default_rng(5)
x, y = rng.normal(size=(9, 3)), rng.normal(size=9)
w = rng.normal(size=3)
for turn in range(12):
    off = x @ w - y
    if turn < 6:
        loss = np.mean(off**2)
        dw = 2 * x.T @ off / 9
    else:
        loss = np.mean(np.log(np.cosh(off)))
        dw = x.T @ np.tanh(off) / 9
    w -= 0.05 * dw
    print(loss)
"""


@pytest.mark.parametrize(
    ("text", "right", "wrong", "kind"),
    [
        (TWO_PASSES, "dw1 = dh * (h > 0) @ x.T / 13", "dw1 = -dh * (h > 0) @ x.T / 13", "sign"),
        (TWO_PASSES, OF_MASKED, OF_MASKED.replace(" / 13", ""), "missing-batch-sum-or-mean"),
        (WARMED_UP, "np.tanh(off) / 9", "np.cosh(off) / 9", "wrong-operand"),
    ],
)  # fmt: skip
def test_another_backward_pass_of_a_later_turn_is_judged_too(
    tmp_path: Path, text: str, right: str, wrong: str, kind: str
) -> None:
    check = check_of_script(tmp_path, text)
    assert check.ok, str(check)
    assert "was judged, too, and is right" in " ".join(check.notes)
    check, line = edited_script(tmp_path, text, right, wrong)
    assert told(check) == (line, kind), str(check)
    assert any("of the loop." in note and "don't run line" in note for note in check.notes)


def test_lines_that_no_turn_runs_are_nobodys_business(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, TWO_PASSES.replace("train(keep=0.8)\n", ""))
    assert check.ok
    assert not any("makes gradients in" in note for note in check.notes)
