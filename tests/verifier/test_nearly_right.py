"""Beside a gradient that is far off, one that an epsilon alone sets off is not told."""

from __future__ import annotations

from pathlib import Path

from tests.verifier.files import edited

NORMED = """
import numpy as np

EPSILON = 1e-5


def forward(p, x):
    z = x @ p["W1"]
    n = (z - z.mean(axis=1, keepdims=True)) / (z.std(axis=1, keepdims=True) + EPSILON)
    return z, n, n @ p["W2"]


def backward(p, x, z, n, dout):
    off = z - z.mean(axis=1, keepdims=True)
    root = np.sqrt(z.var(axis=1, keepdims=True) + EPSILON)
    dn = dout @ p["W2"].T
    dz = (dn - dn.mean(axis=1, keepdims=True) - off * np.mean(dn * off, axis=1, keepdims=True) / root**2) / root
    dW1 = x.T @ dz
    dW2 = n.T @ dout
    return {"W1": dW1, "W2": dW2}


def check(verify):
    rng = np.random.default_rng(6)
    p = {"W1": rng.normal(size=(4, 5)), "W2": rng.normal(size=(5, 2))}
    x, y = rng.normal(size=(7, 4)), rng.normal(size=(7, 2))
    with verify(p) as check:
        z, n, out = forward(p, x)
        check.loss = 0.5 * np.sum((out - y) ** 2)
        check.gradients = backward(p, x, z, n, out - y)
    return check
"""


def test_what_is_far_off_is_told_alone(tmp_path: Path) -> None:
    check, line = edited(tmp_path / "normed.py", NORMED, "dW2 = n.T @ dout", "dW2 = n.T @ dout / len(x)")
    assert [cause.line for cause in check.causes] == [line], str(check)
    assert check.first_wrong.kind in ("scale-factor", "missing-batch-sum-or-mean"), str(check)


STACKED = """
import numpy as np


def norm(x, eps=1e-5):
    return (x - x.mean(axis=1, keepdims=True)) / (x.std(axis=1, keepdims=True) + eps)


def norm_back(dout, x, eps=1e-5):
    root = np.sqrt(x.var(axis=1, keepdims=True) + eps)
    off = x - x.mean(axis=1, keepdims=True)
    return (dout - dout.mean(axis=1, keepdims=True) - off * np.mean(dout * off, axis=1, keepdims=True) / root**2) / root


def step(p, x, y):
    z1 = x @ p["W1"]
    n1 = norm(z1)
    z2 = n1 @ p["W2"]
    n2 = norm(z2)
    out = n2 @ p["W3"]
    dout = out - y
    dz2 = norm_back(dout @ p["W3"].T, z2)
    dz1 = norm_back(dz2 @ p["W2"].T, z1)
    return 0.5 * np.sum((out - y) ** 2), {"W1": x.T @ dz1, "W2": n1.T @ dz2, "W3": n2.T @ dout}


def check(verify):
    rng = np.random.default_rng(8)
    p = {"W1": rng.normal(size=(4, 6)), "W2": 0.3 * rng.normal(size=(6, 5)), "W3": rng.normal(size=(5, 2))}
    with verify(p) as check:
        check.loss, check.gradients = step(p, rng.normal(size=(7, 4)), rng.normal(size=(7, 2)))
    return check
"""


def test_two_ways_of_adding_an_epsilon_are_no_mistake(tmp_path: Path) -> None:
    check, _ = edited(tmp_path / "stacked.py", STACKED, "dout = out - y", "dout = -(y - out)")
    assert check.ok, str(check)
