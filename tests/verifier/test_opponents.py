"""Parameters that go uphill on purpose, while others go down; and those that do so by mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.verifier.files import check_of_script

BEGIN = """
import numpy as np
gen = np.random.default_rng(8)
"""
SADDLE = """
M, u, v = gen.normal(size=(3, 4)), gen.normal(size=3), gen.normal(size=4)
for k in range(20):
    game = u @ M @ v + 0.3 * u @ u - 0.2 * v @ v
    gu = M @ v + 0.6 * u
    gv = M.T @ u - 0.4 * v
    u = u - 0.1 * gu
    v = v + 0.1 * gv
"""
CONSTRAINT = """
X = gen.normal(size=(9, 3)); t = X @ gen.normal(size=3)
c, mult = gen.normal(size=3), np.array([0.2, 0.1])
A = gen.normal(size=(2, 3))
for k in range(20):
    miss = X @ c - t
    over = A @ c - 1.0
    loss = 0.5 * np.mean(miss ** 2) + mult @ over + np.sum(over ** 2)
    gc = X.T @ miss / 9 + A.T @ mult + 2 * A.T @ over
    g_mult = over
    c = c - 0.1 * gc
    mult = mult + 0.1 * g_mult
"""
ATTACK = """
X = gen.normal(size=(9, 3)); t = X @ gen.normal(size=3)
c, shift = gen.normal(size=3), 0.01 * gen.normal(size=(9, 3))
for k in range(20):
    miss = (X + shift) @ c - t
    loss = np.mean(miss ** 2)
    gc = 2 * (X + shift).T @ miss / 9
    g_shift = 2 * np.outer(miss, c) / 9
    c -= 0.05 * gc
    shift += 0.05 * g_shift
"""
SHARES = """
X = gen.normal(size=(9, 3)); t = X @ gen.normal(size=3)
c, share = gen.normal(size=3), np.ones(9) / 9
for k in range(20):
    miss = X @ c - t
    each = 0.5 * miss ** 2
    loss = share @ each
    gc = X.T @ (share * miss)
    c -= 0.5 * gc
    share = share * np.exp(0.1 * each)
    share /= share.sum()
"""
LOOKING_BACK = """
M, u, v = gen.normal(size=(3, 4)), gen.normal(size=3), gen.normal(size=4)
was_u, was_v = np.zeros(3), np.zeros(4)
for k in range(2):
    worth = u @ M @ v + 0.3 * u @ u - 0.2 * v @ v
    gu, gv = M @ v + 0.6 * u, u @ M - 0.4 * v
    u = u - 0.1 * (2 * gu - was_u)
    v = v + 0.1 * (2 * gv - was_v)
    was_u, was_v = gu, gv
    if k % 5 == 0:
        print(k, worth)
"""
STRAIGHT = LOOKING_BACK.replace(" + 0.3 * u @ u - 0.2 * v @ v", "").replace(" + 0.6 * u", "").replace(" - 0.4 * v", "")
LOOKING_AHEAD = """
X = gen.normal(size=(9, 3)); t = X @ gen.normal(size=3)
c, mult = gen.normal(size=3), np.zeros(3)
def sides(c, mult):
    miss = X @ c - t
    worth = 0.5 * np.mean(miss ** 2) + mult @ (c - 0.4) - 0.5 * mult @ mult
    return worth, X.T @ miss / 9 + mult, c - 0.4 - mult
for k in range(20):
    worth, gc, gm = sides(c, mult)
    worth, gc, gm = sides(c - 0.1 * gc, mult + 0.1 * gm)
    c, mult = c - 0.1 * gc, mult + 0.1 * gm
    if k % 5 == 0:
        print(k, worth)
"""
MEANT = {
    "looking back": (LOOKING_BACK, "u @ M - 0.4 * v", "u @ M - 0.2 * v"),
    "straight": (STRAIGHT, "M @ v, u @ M", "M @ v, u[::-1] @ M"),
    "saddle": (SADDLE, "u - 0.4 * v", "u - 0.2 * v"),
    "constraint": (CONSTRAINT, "A.T @ mult", "A.T @ over"),
    "attack": (ATTACK, "np.outer(miss, c) / 9", "np.outer(miss, c ** 2) / 9"),
    "shares": (SHARES, "X.T @ (share * miss)", "X.T @ (share + miss)"),
}
NET = """
X, T = gen.normal(size=(7, 3)), gen.normal(size=(7, 2))
V, b, U, c = gen.normal(size=(3, 4)), np.zeros(4), gen.normal(size=(4, 2)), np.zeros(2)
for k in range(20):
    h = np.tanh(X @ V + b)
    miss = h @ U + c - T
    loss = 0.5 * np.sum(miss ** 2)
    dU, dc = h.T @ miss, miss.sum(0)
    dz = miss @ U.T * (1 - h ** 2)
    dV, db = X.T @ dz, dz.sum(0)
    V -= 0.1 * dV; U -= 0.1 * dU
    b -= 0.1 * db
    c -= 0.1 * dc
"""
HINGE = """
X = gen.normal(size=(8, 3)); t = np.sign(X[:, 0] + 0.6)
w, b = gen.normal(size=3) * 0.1, 0.0
for k in range(20):
    gap = 1 - t * (X @ w + b)
    loss = np.mean(np.maximum(gap, 0))
    d = -t * (gap > 0) / 8
    dw, db = X.T @ d, d.sum()
    w -= 0.1 * dw
    b -= 0.1 * db
"""
CRITIC = """
real, fake = gen.normal(size=(6, 3)), gen.normal(size=(6, 3)) + 1
V, u = gen.normal(size=(3, 4)), gen.normal(size=4)
for k in range(20):
    h, g = np.tanh(real @ V), np.tanh(fake @ V)
    loss = np.mean(g @ u) - np.mean(h @ u)
    du = g.mean(0) - h.mean(0)
    dV = fake.T @ (u * (1 - g ** 2)) / 6 - real.T @ (u * (1 - h ** 2)) / 6
    V -= 0.1 * dV
    u -= 0.1 * du
"""
LIKELIHOOD = """
X = gen.normal(size=(8, 3)); t = (X[:, 0] > 0) * 1.0
w, b = gen.normal(size=3), 0.0
for k in range(20):
    p = 1 / (1 + np.exp(-(X @ w + b)))
    log_likelihood = np.sum(t * np.log(p) + (1 - t) * np.log(1 - p))
    dw, db = X.T @ (t - p), (t - p).sum()
    w += 0.1 * dw
    b += 0.1 * db
"""


def check_of(tmp_path: Path, text: str) -> Any:
    return check_of_script(tmp_path, BEGIN + text)


@pytest.mark.parametrize("name", MEANT)
def test_what_goes_uphill_against_others_is_right(name: str, tmp_path: Path) -> None:
    check = check_of(tmp_path, MEANT[name][0])
    assert check.ok, str(check)
    assert any("uphill on the loss, against" in note for note in check.notes)


def test_a_game_of_steps_ahead_is_right(tmp_path: Path) -> None:
    check = check_of(tmp_path, LOOKING_AHEAD)
    assert check.ok, str(check)
    assert check.entry.loss_name == "worth"


@pytest.mark.parametrize("name", MEANT)
def test_a_mistake_in_a_gradient_of_theirs_is_told(name: str, tmp_path: Path) -> None:
    text, right, wrong = MEANT[name]
    assert right in text
    first = check_of(tmp_path, text.replace(right, wrong)).first_wrong
    assert first is not None
    assert first.line == (BEGIN + text).split(right)[0].count("\n") + 1


@pytest.mark.parametrize(
    ("text", "right"),
    [
        (NET, "b -= 0.1 * db"), (NET, "U -= 0.1 * dU"), (HINGE, "b -= 0.1 * db"),
        (CRITIC, "u -= 0.1 * du"), (LIKELIHOOD, "b += 0.1 * db"),
    ],
)  # fmt: skip
def test_a_sign_of_one_update_is_told(text: str, right: str, tmp_path: Path) -> None:
    wrong = right.replace("-=", "+=") if "-=" in right else right.replace("+=", "-=")
    assert check_of(tmp_path, text).ok
    first = check_of(tmp_path, text.replace(right, wrong)).first_wrong
    assert first is not None
    assert first.kind == "sign"
