"""What the forward pass makes of a parameter, or of an input, step by step is no update; its loop trains nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

SCORE = """
import math

import numpy as np

rng = np.random.default_rng(4)
rows, seen = rng.normal(size=(6, 3)), [1, 0, 1, 1, 0, 0]
slopes, offset = rng.normal(size=3), 0.2
for sweep in range(2):
    total = 0.0
    for n in range(6):
        score = offset
        for k in range(3):
            score += slopes[k] * rows[n, k]
        chance = 1 / (1 + math.exp(-score))
        total += -math.log(chance) if seen[n] else -math.log(1 - chance)
        for k in range(3):
            slopes[k] -= 0.3 * (chance - seen[n]) * rows[n, k]
        offset -= 0.3 * (chance - seen[n])
"""
GUESS = """
def fit(table, theta, rate):
    for sweep in range(2):
        for line in table:
            guess = theta[0]
            for k in range(2):
                guess = guess + theta[k + 1] * line[k]
            miss = guess - line[2]
            loss = miss ** 2 / 2
            theta[0] = theta[0] - rate * miss
            for k in range(2):
                theta[k + 1] = theta[k + 1] - rate * miss * line[k]


fit([[0.5, 1.5, 0.7], [1.1, -0.3, 0.2]], [0.3, -0.2, 0.4], 0.1)
"""
ON_ONE_LINE = """
import numpy as np

def fit():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(5, 3)); y = rng.normal(size=5); w = rng.normal(size=3); b = 0.05
    for sweep in range(2):
        for n in range(5):
            out = b
            for k in range(3):
                out = out + w[k] * x[n, k]
            miss = out - y[n]
            loss = 0.5 * miss ** 2
            for k in range(3):
                w[k] -= 0.1 * miss * x[n, k]
            b -= 0.1 * miss


fit()
"""
PATH = """
import numpy as np

rng = np.random.default_rng(0)
pull, start, goal = rng.normal(size=(3, 3)), rng.normal(size=3), rng.normal(size=3)
for sweep in range(3):
    path = [start]
    for n in range(4):
        path.append(path[-1] + 0.1 * np.tanh(pull @ path[-1]))
    loss = np.sum((path[-1] - goal) ** 2)
    back = 2 * (path[-1] - goal)
    to_pull = np.zeros((3, 3))
    for n in reversed(range(4)):
        here = path[n]
        through = 0.1 * back * (1 - np.tanh(pull @ here) ** 2)
        to_pull += np.outer(through, here)
        back = back + pull.T @ through
    pull -= 0.2 * to_pull
    start = start - 0.2 * back
"""
LAYERS = """
import numpy as np

rng = np.random.default_rng(1)
x, t = rng.normal(size=(7, 4)), rng.normal(size=(7, 4))
mats = [rng.normal(size=(4, 4)) * 0.5 for _ in range(3)]
for sweep in range(3):
    state = x.copy()
    ins, outs = [], []
    for mat in mats:
        ins.append(state)
        bent = np.tanh(state @ mat)
        outs.append(bent)
        state = state + 0.5 * bent
    loss = np.mean((state - t) ** 2)
    back = 2 * (state - t) / t.size
    for i in (2, 1, 0):
        through = 0.5 * back * (1 - outs[i] ** 2)
        to_mat = ins[i].T @ through
        back = back + through @ mats[i].T
        mats[i] -= 0.1 * to_mat
"""
MESSAGES = """
import numpy as np

rng = np.random.default_rng(0)


def spread(near, w, state, times):
    kept = []
    for _ in range(times):
        sent = near @ state @ w
        kept.append((state, sent))
        state = state + np.tanh(sent)
    return state, kept


def collect(near, w, kept, back):
    dw = np.zeros_like(w)
    for state, sent in reversed(kept):
        through = back * (1 - np.tanh(sent) ** 2)
        dw += (near @ state).T @ through
        back = back + near.T @ through @ w.T
    return dw


near, w = rng.random((5, 5)) / 5, rng.normal(size=(3, 3)) * 0.4
x, t = rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
for sweep in range(3):
    out, kept = spread(near, w, x, 3)
    loss = np.sum((out - t) ** 2)
    dw = collect(near, w, kept, 2 * (out - t))
    w = w - 0.02 * dw
"""
RESTARTS = """
import numpy as np

rng = np.random.default_rng(3)
x, y = rng.normal(size=(8, 3)), rng.normal(size=8)
for seed in range(2):
    w = np.ones(3) * seed + 0.1
    for sweep in range(4):
        miss = y - x @ w
        loss = np.mean(miss ** 2)
        w = w + 0.1 * (2 * x.T @ miss / 8)
    offset = 1.0
    for sweep in range(2):
        offset -= 0.1 * (offset - y.mean())
"""
PUT_BACK = """
import numpy as np


class Line:
    pass


rng = np.random.default_rng(3)
x, y = rng.normal(size=(8, 3)), rng.normal(size=8)
net = Line()
net.w = rng.normal(size=3)
for sweep in range(4):
    w = net.w
    miss = x @ w - y
    loss = np.mean(miss ** 2)
    w = w - 0.1 * (2 * x.T @ miss / 8)
    net.w = w
"""
ALL = {
    "a score that begins with a number": (SCORE, "(chance - seen[n]) * rows[n, k]", "(chance + seen[n]) * rows[n, k]"),
    "a guess that begins with an entry": (GUESS, "rate * miss * line[k]", "rate * miss * line[0]"),
    "variables on one line of a function": (ON_ONE_LINE, "0.1 * miss * x[n, k]", "0.1 * miss * x[n, 0]"),
    "steps from a start that is learnt": (PATH, "pull.T @ through", "pull @ through"),
    "layers that add to what goes through": (LAYERS, "through @ mats[i].T", "through @ mats[i]"),
    "messages in a function": (MESSAGES, "(1 - np.tanh(sent) ** 2)", "(1 - np.tanh(sent))"),
    "what each restart begins anew": (RESTARTS, "x.T @ miss / 8", "x.T @ (miss ** 2) / 8"),
    "what is put back where it was": (PUT_BACK, "(2 * x.T @ miss / 8)", "(2 * x.T @ (miss + y) / 8)"),
}
program = pytest.mark.parametrize(("text", "right", "wrong"), ALL.values(), ids=ALL.keys())


@program
def test_what_leads_to_the_loss_is_judged_as_no_gradient(tmp_path: Path, text: str, right: str, wrong: str) -> None:
    check = check_of_script(tmp_path, text)
    assert check.ok, str(check)


@program
def test_a_mistake_after_it_is_told(tmp_path: Path, text: str, right: str, wrong: str) -> None:
    check, line = edited_script(tmp_path, text, right, wrong)
    assert told(check)[0] == line
