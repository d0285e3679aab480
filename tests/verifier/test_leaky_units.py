"""Leaky units mix their state with what is new, as a moving average does: gradients go through them all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

LEAKY = """import numpy as np

rng = np.random.default_rng(6)
T, leak = 4, 0.6
x, y = rng.normal(size=(5, T, 3)), rng.normal(size=(5, T, 2))
P = {"Wx": rng.normal(size=(3, 4)), "Wh": rng.normal(size=(4, 4)) * 0.5, "Wo": rng.normal(size=(4, 2))}


def forward(P, x):
    states, cands, outs = [np.zeros((5, 4))], [], []
    for t in range(T):
        c = np.tanh(x[:, t] @ P["Wx"] + states[-1] @ P["Wh"])
        states.append((1 - leak) * states[-1] + leak * c)
        cands.append(c)
        outs.append(states[-1] @ P["Wo"])
    return states, cands, outs


def backward(P, x, y, states, cands, outs):
    grads = {k: np.zeros_like(v) for k, v in P.items()}
    dh_next = np.zeros((5, 4))
    for t in reversed(range(T)):
        do = 2 * (outs[t] - y[:, t]) / (5 * T)
        grads["Wo"] += states[t + 1].T @ do
        dh = do @ P["Wo"].T + dh_next
        dc = leak * dh
        da = dc * (1 - cands[t] ** 2)
        grads["Wx"] += x[:, t].T @ da
        grads["Wh"] += states[t].T @ da
        dh_next = (1 - leak) * dh + da @ P["Wh"].T
    return grads


for turn in range(3):
    states, cands, outs = forward(P, x)
    loss = sum(np.sum((outs[t] - y[:, t]) ** 2) for t in range(T)) / (5 * T)
    grads = backward(P, x, y, states, cands, outs)
    for k in P:
        P[k] -= 0.1 * grads[k]
    print(loss)
"""


def test_gradients_that_are_nought_are_no_semi_gradients(tmp_path: Path) -> None:
    check, _ = edited_script(tmp_path, LEAKY, 'dh = do @ P["Wo"].T + dh_next', "dh = np.zeros((5, 4))")
    assert check.first_wrong is not None, str(check)


def test_the_leak_is_told_where_it_lacks(tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, LEAKY, "dc = leak * dh", "dc = dh")
    assert told(check) == (line, "scale-factor"), str(check)
    assert check.first_wrong.should_be == "dc = dh * leak"


@pytest.mark.parametrize("left", ['da @ P["Wh"].T', "(1 - leak) * dh"])
def test_what_a_turn_leaves_to_the_next_one_lacks_is_told_there(tmp_path: Path, left: str) -> None:
    check, line = edited_script(tmp_path, LEAKY, '(1 - leak) * dh + da @ P["Wh"].T', left)
    assert told(check) == (line, "missing-term"), str(check)


def test_it_is_right_otherwise(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, LEAKY)
    assert check.ok, str(check)
    assert not check.convention


CARRIED = """import numpy as np

rng = np.random.default_rng(3)
x, y = rng.normal(size=(4, 5, 3)), rng.normal(size=(4, 5, 2))
P = {"U": rng.normal(size=(3, 6)), "W": rng.normal(size=(6, 6)) * 0.5, "V": rng.normal(size=(6, 2))}
for turn in range(3):
    h = [np.zeros((5, 6))]
    for t in range(4):
        h.append(np.tanh(x[t] @ P["U"] + h[-1] @ P["W"]))
    outs = np.array([each @ P["V"] for each in h[1:]])
    loss = np.sum((outs - y) ** 2) / 5
    grads = {k: np.zeros_like(v) for k, v in P.items()}
    da = np.zeros((5, 6))
    for t in reversed(range(4)):
        do = 2 * (outs[t] - y[t]) / 5
        grads["V"] += h[t + 1].T @ do
        dh = do @ P["V"].T + da @ P["W"].T
        da = dh * (1 - h[t + 1] ** 2)
        grads["U"] += x[t].T @ da
        grads["W"] += h[t].T @ da
    for k in P:
        P[k] -= 0.1 * grads[k]
    print(loss)
"""


def test_what_each_turn_leaves_and_none_reads_is_the_term_that_is_missing(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, CARRIED).ok
    check, line = edited_script(tmp_path, CARRIED, ' + da @ P["W"].T', "")
    assert told(check) == (line, "missing-term"), str(check)
    assert check.first_wrong.should_be == 'dh = do @ P["V"].T + da @ P["W"].T'
