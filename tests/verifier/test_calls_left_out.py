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
    assert check.first_wrong.name == "der"


PENALISED = """
import numpy as np


def dense_back(dout, x, w):
    dw = x.T @ dout
    return dout @ w.T, dw


def loss_and_slopes(x, y, ws, lam):
    h = np.tanh(x @ ws["a"])
    out = h @ ws["b"]
    loss = 0.5 * np.sum((out - y) ** 2)
    loss += 0.5 * lam * np.sum(ws["a"] ** 2)
    loss += 0.5 * lam * np.sum(ws["b"] ** 2)
    slopes = {}
    der, slopes["b"] = dense_back(out - y, h, ws["b"])
    slopes["b"] = slopes["b"] + lam * ws["b"]
    der, slopes["a"] = dense_back(der * (1 - h**2), x, ws["a"])
    slopes["a"] = slopes["a"] + lam * ws["a"]
    return loss, slopes


def check(verify):
    rng = np.random.default_rng(2)
    ws = {"a": rng.normal(size=(3, 5)), "b": rng.normal(size=(5, 2))}
    with verify(ws) as check:
        check.loss, check.gradients = loss_and_slopes(rng.normal(size=(6, 3)), rng.normal(size=(6, 2)), ws, 0.3)
    return check
"""


def test_a_penalty_is_missing_beside_the_call_of_a_helper(tmp_path: Path) -> None:
    left_out = '    slopes["b"] = slopes["b"] + lam * ws["b"]\n'
    check, line = edited(tmp_path / "penalised.py", PENALISED, left_out, "")
    assert (check.first_wrong.line, check.first_wrong.kind) == (line - 1, "regularisation"), str(check)


REPEATED = """
import numpy as np


def slopes(E, T, w, ids, y):
    rows = E[ids]
    z = rows.sum(axis=1) @ w
    loss = 0.5 * np.sum((z - y) ** 2) - np.sum(T[ids[:, 0], ids[:, 1]]) + np.sum(np.exp(T))
    g = {"w": rows.sum(axis=1).T @ (z - y)}
    d = np.repeat(((z - y)[:, None] * w)[:, None, :], 3, axis=1)
    g["E"] = np.zeros_like(E)
    np.add.at(g["E"], ids, d)
    g["T"] = np.exp(T)
    np.subtract.at(g["T"], (ids[:, 0], ids[:, 1]), 1)
    return loss, g


def check(verify):
    rng = np.random.default_rng(2)
    held = {"E": rng.normal(size=(4, 5)), "T": rng.normal(size=(4, 4)), "w": rng.normal(size=5)}
    with verify(held) as check:
        check.loss, check.gradients = slopes(*held.values(), rng.integers(0, 4, (7, 3)), rng.normal(size=7))
    return check
"""


def test_what_data_name_is_added_each_time_and_is_no_penalty(tmp_path: Path) -> None:
    check, line = edited(tmp_path / "rows.py", REPEATED, 'np.add.at(g["E"], ids, d)', 'g["E"][ids] += d')
    assert (check.first_wrong.line, check.first_wrong.kind) == (line, "overwritten-accumulation"), str(check)
    left_out = '    np.subtract.at(g["T"], (ids[:, 0], ids[:, 1]), 1)\n'
    check, _ = edited(tmp_path / "other.py", REPEATED, left_out, "")
    assert check.first_wrong.kind == "missing-term", str(check)


WINDOWS = """
import numpy as np


def windows(x, w):
    out = np.zeros(len(x) - len(w) + 1)
    for i in range(len(out)):
        out[i] = x[i : i + len(w)] @ w
    return out


def windows_back(above, x, w):
    dw = np.zeros(w.shape)
    dx = np.zeros(x.shape)
    for i in range(len(above)):
        dw += above[i] * x[i : i + len(w)]
        dx[i : i + len(w)] += above[i] * w
    return dx, dw


def loss_and_slopes(x, y, first, second):
    a = windows(x, first)
    a[a <= 0] = 0
    out = windows(a, second)
    loss = 0.5 * np.sum((out - y) ** 2)
    da, dsecond = windows_back(out - y, a, second)
    da[a <= 0] = 0
    _, dfirst = windows_back(da, x, first)
    return loss, [dfirst, dsecond]


def check(verify):
    rng = np.random.default_rng(4)
    ws = [rng.normal(size=3), rng.normal(size=2)]
    with verify(ws) as check:
        check.loss, check.gradients = loss_and_slopes(rng.normal(size=9), rng.normal(size=6), *ws)
    return check
"""


def test_what_a_helper_filled_in_a_loop_lacks_a_mask_where_it_gets_its_name(tmp_path: Path) -> None:
    check, line = edited(tmp_path / "windows.py", WINDOWS, "    da[a <= 0] = 0\n", "")
    assert (check.first_wrong.line, check.first_wrong.kind) == (line - 1, "missing-derivative"), str(check)
    assert check.first_wrong.name == "da"
    assert edited(tmp_path / "right.py", WINDOWS, "da, dsecond", "da, dsecond")[0].ok
