"""Slow copies of parameters, as target networks are: they follow, and have no gradients of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

TARGET_NET = """import numpy as np

rng = np.random.default_rng(4)


def begin():
    return {"W": rng.normal(size=(3, 5)), "b": np.zeros(5), "V": rng.normal(size=(5, 1)), "c": np.zeros(1)}


def guess(net, s):
    h = np.tanh(s @ net["W"] + net["b"])
    return h, h @ net["V"] + net["c"]


net = begin()
slow = {k: p.copy() for k, p in net.items()}
for step in range(20):
    s, later, reward = rng.normal(size=(8, 3)), rng.normal(size=(8, 3)), rng.normal(size=(8, 1))
    y = reward + 0.9 * guess(slow, later)[1]
    h, q = guess(net, s)
    loss = np.mean((q - y) ** 2)
    dq = 2 * (q - y) / 8
    dh = dq @ net["V"].T * (1 - h**2)
    grads = {"W": s.T @ dh, "b": dh.sum(0), "V": h.T @ dq, "c": dq.sum(0)}
    for k in net:
        net[k] -= 0.05 * grads[k]
        slow[k] += 0.1 * (net[k] - slow[k])
"""
IN_PLACE = "slow[k] += 0.1 * (net[k] - slow[k])"
WAYS = {
    "in place": IN_PLACE,
    "bound anew": "slow[k] = slow[k] + (net[k] - slow[k]) * 0.1",
    "by the other sign": "slow[k] -= 0.1 * (slow[k] - net[k])",
    "a mix": "slow[k] = 0.1 * net[k] + 0.9 * slow[k]",
    "through an index": "slow[k][...] += 0.1 * (net[k] - slow[k])",
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_what_follows_a_parameter_in_increments_is_none(tmp_path: Path, way: str) -> None:
    check = check_of_script(tmp_path, TARGET_NET.replace(IN_PLACE, way))
    assert check.ok, str(check)
    assert {step.of for step in check.steps} >= {"net['W']", "net['b']", "net['V']", "net['c']"}


def test_the_gradients_beside_it_are_judged(tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, TARGET_NET, " * (1 - h**2)", "")
    assert told(check) == (line, "missing-derivative"), str(check)


def test_a_gradient_with_a_decay_is_nothing_that_is_followed(tmp_path: Path) -> None:
    own = TARGET_NET.replace("loss = np.mean((q - y) ** 2)", 'loss = np.mean((q - y) ** 2) + np.sum(net["V"]**2) / 2')
    own = own.replace('"V": h.T @ dq,', '"V": -h.T @ dq,').replace("    for k in net:\n", "    for k in 'Wbc':\n")
    right = '    net["V"] += 0.05 * (grads["V"] - net["V"])\n'
    check = check_of_script(tmp_path, own + right)
    assert check.ok, str(check)
    check, _ = edited_script(tmp_path, own + right, '"V": -h.T @ dq', '"V": h.T @ dq')
    assert check.first_wrong is not None, str(check)
