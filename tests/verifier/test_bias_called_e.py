"""A bias of one entry that is called e2, beside weights D2: a letter with a number is no loss that is only logged."""

from __future__ import annotations

from pathlib import Path

from tests.verifier.files import check_of_script, edited_script, told

TWO_NETS = """
import numpy as np

rng = np.random.default_rng(7)
sig = lambda v: 1 / (1 + np.exp(-v))
G, c = rng.normal(size=(3, 2)) * 0.5, np.zeros(2)
D1, e1 = rng.normal(size=(2, 5)) * 0.5, np.zeros(5)
D2, e2 = rng.normal(size=(5, 1)) * 0.5, np.zeros(1)
for it in range(10):
    fake = rng.normal(size=(9, 3)) @ G + c
    x = np.concatenate([2 + rng.normal(size=(9, 2)), fake])
    t = np.concatenate([np.ones((9, 1)), np.zeros((9, 1))])
    hid = np.tanh(x @ D1 + e1)
    p = sig(hid @ D2 + e2)
    lossD = -np.mean(t * np.log(p) + (1 - t) * np.log(1 - p))
    dlogit = (p - t) / len(p)
    gD2, ge2 = hid.T @ dlogit, dlogit.sum(0)
    dhid = dlogit @ D2.T * (1 - hid**2)
    gD1, ge1 = x.T @ dhid, dhid.sum(0)
    D1 -= 0.1 * gD1
    e1 -= 0.1 * ge1
    D2 -= 0.1 * gD2
    e2 -= 0.1 * ge2

    z = rng.normal(size=(9, 3))
    fake = z @ G + c
    hid = np.tanh(fake @ D1 + e1)
    p = sig(hid @ D2 + e2)
    lossG = -np.mean(np.log(p))
    dlogit = (p - 1) / len(p)
    dfake = dlogit @ D2.T * (1 - hid**2) @ D1.T
    gG, gc = z.T @ dfake, dfake.sum(0)
    G -= 0.1 * gG
    c -= 0.1 * gc
print(lossD, lossG)
"""


def test_both_steps_are_right(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, TWO_NETS)
    assert check.ok, str(check)


def test_a_mistake_in_its_gradient_is_told(tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, TWO_NETS, "hid.T @ dlogit, dlogit.sum(0)", "hid.T @ dlogit, dlogit.mean(0)")
    assert told(check) == (line, "missing-batch-sum-or-mean"), str(check)
