"""Which turn trains what, and by which loss: gradients handed back in segments, entries in two loops, views."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

pytestmark = pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # of np.matrix

SEGMENTS = """
import numpy as np

draw = np.random.default_rng(14)
mixes, lasts = [0.4 * draw.normal(size=(5, 5)) for _ in range(4)], draw.normal(size=5)


def stage(k, at):
    bent = np.tanh(at @ mixes[k])
    return at + bent, (at, bent)


def step(given, goals):
    at, held = given, []
    for k in range(4):
        if k % 2 == 0:
            held.append(at)
        at, _ = stage(k, at)
    off = at @ lasts - goals
    loss = 0.5 * np.sum(off**2)
    back = np.outer(off, lasts)
    found = {}
    for part in (1, 0):
        at, cache = held[part], []
        for k in (2 * part, 2 * part + 1):
            at, kept = stage(k, at)
            cache.append((k, kept))
        for k, (before, bent) in reversed(cache):
            bend = back * (1 - bent**2)
            found[k] = before.T @ bend
            back = back + bend @ mixes[k].T
    for k in found:
        mixes[k] -= 0.05 * found[k]
    return loss


points = draw.normal(size=(8, 5))
for turn in range(4):
    print(step(points, points[:, 0] * points[:, 1]))
"""
ENTRIES = """
import numpy as np

draw = np.random.default_rng(15)
rows, signs = np.asmatrix(draw.normal(size=(6, 3))), [1.0, -1.0, -1.0, 1.0, 1.0, -1.0]
pull, pairs, start = np.zeros((3, 1)), np.asmatrix(0.3 * draw.normal(size=(3, 2))), 0

for turn in range(3):
    for n in range(6):
        met = rows[n] * pairs
        each = np.multiply(rows[n], rows[n]) * np.multiply(pairs, pairs)
        score = start + rows[n] * pull + 0.5 * np.sum(np.multiply(met, met) - each)
        loss = 1 / (1 + np.exp(-signs[n] * score[0, 0])) - 1
        start = start - 0.1 * loss * signs[n]
        for i in range(3):
            if rows[n, i] != 0:
                pull[i, 0] = pull[i, 0] - 0.1 * loss * signs[n] * rows[n, i]
                for j in range(2):
                    pairs[i, j] = pairs[i, j] - 0.1 * loss * signs[n] * (
                        rows[n, i] * met[0, j] - pairs[i, j] * rows[n, i] * rows[n, i]
                    )
"""
WATCHED = """
import numpy as np

draw = np.random.default_rng(16)


class Words:
    def __init__(self):
        self.into, self.out = 0.4 * draw.normal(size=(4, 7)), 0.4 * draw.normal(size=(7, 4))

    def chances(self, word):
        self.inner = np.tanh(self.into[:, word])
        scores = np.exp(self.out @ self.inner)
        return scores / scores.sum()

    def total(self, words, nexts):
        loss = 0.0
        for word, after in zip(words, nexts):
            loss += -np.log(self.chances(word)[after])
        return loss

    def slopes(self, word, after):
        rest = self.chances(word)
        rest[after] -= 1.0
        d_out = np.outer(rest, self.inner)
        d_into = np.zeros_like(self.into)
        d_into[:, word] = (self.out.T @ rest) * (1 - self.inner**2)
        return d_out, d_into

    def learn(self, words, nexts):
        for epoch in range(2):
            loss = self.total(words, nexts)
            print(epoch, loss)
            for word, after in zip(words, nexts):
                d_out, d_into = self.slopes(word, after)
                self.out -= 0.1 * d_out
                self.into -= 0.1 * d_into


Words().learn([1, 4, 2, 6], [4, 2, 6, 0])
"""
BLOCKS = """
import numpy as np

draw = np.random.default_rng(17)
seen, hopes = draw.normal(size=(9, 3)), draw.normal(size=(9, 2))


class Layer:
    pass


layers = [Layer(), Layer()]


def put(whole):
    layers[0].mix, layers[1].mix = whole[:12].reshape(3, 4), whole[12:].reshape(4, 2)


def slope_and_curve():
    hidden = np.tanh(seen @ layers[0].mix)
    off = hidden @ layers[1].mix - hopes
    loss = np.mean(np.sum(off**2, axis=1))
    back = 2 * off / 9
    bend = (back @ layers[1].mix.T) * (1 - hidden**2)
    grad = np.concatenate([(seen.T @ bend).ravel(), (hidden.T @ back).ravel()])
    rows = [np.kron(seen, np.ones(4)) * np.tile(1 - hidden**2, 3), np.kron(hidden, np.ones(2))]
    return loss, grad, [row.T @ row / 9 for row in rows]


whole = 0.5 * draw.normal(size=20)
put(whole)
for turn in range(4):
    loss, grad, curves = slope_and_curve()
    move = np.zeros_like(whole)
    for place, curve in zip((np.arange(12), np.arange(12, 20)), curves):
        sizes, ways = np.linalg.eigh(curve)
        move[place] = ways @ ((ways.T @ grad[place]) / (np.abs(sizes) + 0.5))
    whole = whole - move
    put(whole)
"""
FLAT = """
import numpy as np

draw = np.random.default_rng(20)
whole, slopes = 0.5 * draw.normal(size=17), np.zeros(17)
mix, lift, last = whole[:12].reshape(3, 4), whole[12:16], whole[16:]
d_mix, d_lift, d_last = slopes[:12].reshape(3, 4), slopes[12:16], slopes[16:]
points = draw.normal(size=(12, 3))
hopes = np.sin(points[:, 0])
shrink = np.concatenate([np.full(12, 0.01), np.zeros(5)])
mean, size = np.zeros(17), np.zeros(17)


def add_up(rows):
    bent = np.tanh(points[rows] @ mix)
    off = bent @ lift + last - hopes[rows]
    back = off / len(rows)
    d_lift[:] += bent.T @ back
    d_last[:] += back.sum()
    d_mix[:] += points[rows].T @ (np.outer(back, lift) * (1 - bent**2))
    return 0.5 * np.mean(off**2)


for turn in range(1, 5):
    slopes.fill(0)
    loss = (add_up(np.arange(6)) + add_up(np.arange(6, 12))) / 2
    slopes /= 2
    mean += 0.1 * (slopes - mean)
    size += 0.01 * (slopes**2 - size)
    whole -= 0.05 * (mean / (1 - 0.9**turn) / (np.sqrt(size / (1 - 0.99**turn)) + 1e-8) + shrink * whole)
    print(turn, loss)
"""
CLIMB = """
import numpy as np

draw = np.random.default_rng(21)
points, marks = draw.normal(size=(20, 2)), draw.normal(size=20)
slopes, starts, widths = draw.normal(size=(2, 3)), draw.normal(size=3), np.zeros(3)

for turn in range(3):
    off = (marks[:, None] - points @ slopes - starts) / np.exp(widths)
    joint = -0.5 * off**2 - widths
    share = np.exp(joint - joint.max(axis=1, keepdims=True))
    share /= share.sum(axis=1, keepdims=True)
    for small in range(2):
        off = (marks[:, None] - points @ slopes - starts) / np.exp(widths)
        height = (share * (-0.5 * off**2 - widths)).sum() / 20
        d_slopes = points.T @ (share * off / np.exp(widths)) / 20
        d_starts = (share * off / np.exp(widths)).sum(axis=0) / 20
        d_widths = (share * (off**2 - 1)).sum(axis=0) / 20
        slopes += 0.2 * d_slopes
        starts += 0.2 * d_starts
        widths += 0.1 * d_widths
    print(turn, height)
"""
STATE = """
import numpy as np
from scipy.optimize import minimize

draw = np.random.RandomState(22)
found, now = np.empty(30), 0.4
for t in range(30):
    found[t] = np.sqrt(now) * draw.randn()
    now = 0.2 + 0.3 * found[t] ** 2 + 0.5 * now


def both(x):
    start, share = np.exp(x)
    now, d_now, value, slope = 1.0, np.zeros(2), 0.0, np.zeros(2)
    for t in range(30):
        value += 0.5 * (np.log(now) + found[t] ** 2 / now)
        slope += 0.5 * (1 / now - found[t] ** 2 / now**2) * d_now
        d_now = np.array([1.0, now]) + share * d_now
        now = start + share * now
    return value, slope * np.exp(x)


print(minimize(both, np.array([-1.0, -1.0]), jac=True).fun)
"""
TEXTS = {
    "flat": FLAT,
    "climb": CLIMB,
    "state": STATE,
    "segments": SEGMENTS,
    "entries": ENTRIES,
    "watched": WATCHED,
    "blocks": BLOCKS,
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_it_is_right(tmp_path: Path, text: str) -> None:
    if text is STATE:
        pytest.importorskip("scipy")
    check = check_of_script(tmp_path, text)
    assert check.ok is True, str(check)


@pytest.mark.parametrize(
    ("text", "right", "wrong", "kind"),
    [
        (SEGMENTS, "bend = back * (1 - bent**2)", "bend = back * (1 + bent**2)", "sign"),
        (SEGMENTS, "found[k] = before.T @ bend", "found[k] = bent.T @ bend", "wrong-operand"),
        (FLAT, "(np.outer(back, lift) * (1 - bent**2))", "(np.outer(back, lift) * (1 + bent**2))", "sign"),
        (CLIMB, "off**2 - 1", "off**2 + 1", "sign"),
        (STATE, "np.array([1.0, now]) + share", "np.array([1.0, now]) - share", "sign"),
        (ENTRIES, "met[0, j] - pairs", "met[0, j] + pairs", "sign"),
        (WATCHED, "(1 - self.inner**2)", "(1 - self.inner)", "derivative-at-wrong-point"),
        (BLOCKS, "(back @ layers[1].mix.T) * (1 - hidden**2)", "(back @ layers[1].mix.T)", "missing-derivative"),
    ],
)
def test_a_mistake_in_it_is_told(tmp_path: Path, text: str, right: str, wrong: str, kind: str) -> None:
    if text is STATE:
        pytest.importorskip("scipy")
    check, line = edited_script(tmp_path, text, right, wrong)
    assert told(check) == (line, kind), str(check)


CENTRED = """
import numpy as np

draw = np.random.default_rng(9)
points, kinds = draw.normal(size=(12, 4)), np.eye(3)[draw.integers(3, size=12)]
weights = [draw.random((4, 5)), draw.random((5, 3))]
for k in range(2):
    weights[k] -= weights[k].mean()
for turn in range(5):
    inner = np.tanh(points @ weights[0])
    out = np.exp(inner @ weights[1])
    off = (out / out.sum(axis=1, keepdims=True) - kinds) / len(points)
    back = (off @ weights[1].T) * (1 - inner**2)
    steps = [points.T @ back, inner.T @ off]
    for k in range(2):
        weights[k] -= 0.1 * steps[k]
"""


def test_weights_that_are_centred_before_they_are_trained(tmp_path: Path) -> None:
    """What moves weights by themselves alone is no training, though they are trained in the next loop."""
    assert check_of_script(tmp_path, CENTRED).ok
    check, line = edited_script(tmp_path, CENTRED, " * (1 - inner**2)", "")
    assert told(check) == (line, "missing-derivative"), str(check)
