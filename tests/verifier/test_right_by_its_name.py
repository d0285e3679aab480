"""Of two signs that mend all alike, the one is wrong that stands at no gradient that is right as it is."""

from __future__ import annotations

from pathlib import Path

from tests.verifier.files import check_of_script, edited_script, told

GATES = """
import numpy as np

rng = np.random.default_rng(4)
T, n, k, d = 4, 5, 3, 2
x, aims = rng.normal(size=(T, n, k)), rng.normal(size=(n, d))
w = rng.normal(size=(k + d, 2 * d))
for turn in range(3):
    h, gates, ins = np.zeros((T + 1, n, d)), np.zeros((T, n, 2 * d)), np.zeros((T, n, k + d))
    for t in range(T):
        ins[t] = np.hstack([x[t], h[t]])
        raw = ins[t] @ w
        gates[t, :, :d] = 1 / (1 + np.exp(-raw[:, :d]))
        gates[t, :, d:] = np.tanh(raw[:, d:])
        h[t + 1] = gates[t, :, :d] * gates[t, :, d:] + (1 - gates[t, :, :d]) * h[t]
    loss = 0.5 * np.sum((h[T] - aims) ** 2)
    dh, dw = h[T] - aims, np.zeros_like(w)
    d_gates, d_raw = np.zeros_like(gates), np.zeros_like(gates)
    for t in reversed(range(T)):
        rest = 1 - gates[t, :, :d]
        d_rest = h[t] * dh
        d_gates[t, :, d:] = gates[t, :, :d] * dh
        d_gates[t, :, :d] = gates[t, :, d:] * dh
        d_gates[t, :, :d] -= d_rest
        d_raw[t, :, d:] = d_gates[t, :, d:] * (1 - gates[t, :, d:] ** 2)
        d_raw[t, :, :d] = d_gates[t, :, :d] * gates[t, :, :d] * rest
        dw += ins[t].T @ d_raw[t]
        dh = rest * dh + (d_raw[t] @ w.T)[:, k:]
    w -= 0.05 * dw
    print(loss)
"""


def test_the_gradient_of_one_minus_a_gate_is_right_as_it_stands(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, GATES)
    assert check.ok is True, str(check)
    wrong, line = edited_script(tmp_path, GATES, "d_gates[t, :, :d] -= d_rest", "d_gates[t, :, :d] += d_rest")
    assert told(wrong) == (line, "sign"), str(wrong)
