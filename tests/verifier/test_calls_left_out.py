"""A call that the backward pass leaves out is told where the function that makes the calls goes on without it."""

from __future__ import annotations

from pathlib import Path

from tests.verifier.files import edited

NETWORK = """
import numpy as np


def dense(x, w):
    return x @ w, (x, w)


def dense_back(dout, kept):
    x, w = kept
    dx = dout @ w.T
    dw = x.T @ dout
    return dx, dw


def bend(z):
    return np.tanh(z), np.tanh(z)


def bend_back(dout, kept):
    dz = dout * (1 - kept**2)
    return dz


def drop(h, mask):
    return h * mask, mask


def drop_back(dout, kept):
    return dout * kept


def loss_and_slopes(x, y, ws, mask):
    z1, k1 = dense(x, ws["a"])
    h1, b1 = bend(z1)
    d1, m1 = drop(h1, mask)
    z2, k2 = dense(d1, ws["b"])
    h2, b2 = bend(z2)
    out, k3 = dense(h2, ws["c"])
    loss = 0.5 * np.sum((out - y) ** 2)
    slopes = {}
    der, slopes["c"] = dense_back(out - y, k3)
    der = bend_back(der, b2)
    der, slopes["b"] = dense_back(der, k2)
    der = drop_back(der, m1)
    der = bend_back(der, b1)
    der, slopes["a"] = dense_back(der, k1)
    return loss, slopes


def check(verify):
    rng = np.random.default_rng(2)
    ws = {name: rng.normal(size=size) for name, size in (("a", (3, 5)), ("b", (5, 4)), ("c", (4, 2)))}
    mask = (rng.random((6, 5)) < 0.6) / 0.6
    with verify(ws) as check:
        check.loss, check.gradients = loss_and_slopes(rng.normal(size=(6, 3)), rng.normal(size=(6, 2)), ws, mask)
    return check
"""


def test_it_is_told_where_what_was_made_is_handed_on(tmp_path: Path) -> None:
    check, line = edited(tmp_path / "network.py", NETWORK, "    der = bend_back(der, b2)\n", "")
    assert (check.first_wrong.line, check.first_wrong.kind) == (line, "missing-derivative"), str(check)
