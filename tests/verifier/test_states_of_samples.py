"""Recurrent states of one sample: in later turns a bias is added to what it went into, and is not moved ahead."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

SPOKEN = """
import numpy as np

rng = np.random.default_rng(9)
Wx, Wh, b = rng.normal(size=(5, 3)) * 0.5, rng.normal(size=(5, 5)) * 0.4, rng.normal(size=5) * 0.1
Wo, c = rng.normal(size=(4, 5)) * 0.5, np.zeros(4)
inputs, aims = rng.normal(size=(6, 3)), rng.integers(0, 4, 6)
for epoch in range(8):
    loss, states, shares = 0.0, [np.zeros(5)], []
    for x, aim in zip(inputs, aims):
        states.append(np.tanh(Wx @ x + Wh @ states[-1] + b))
        raised = np.exp(Wo @ states[-1] + c)
        shares.append(raised / raised.sum())
        loss -= np.log(shares[-1][aim])
    dWx, dWh, db, dWo, dc = (np.zeros_like(each) for each in (Wx, Wh, b, Wo, c))
    carry = np.zeros(5)
    for t in reversed(range(6)):
        gap = shares[t].copy()
        gap[aims[t]] -= 1
        dWo += np.outer(gap, states[t + 1])
        dc += gap
        da = (Wo.T @ gap + carry) * (1 - states[t + 1] ** 2)
        dWx += np.outer(da, inputs[t])
        dWh += np.outer(da, states[t])
        db += da
        carry = Wh.T @ da
    for weights, slope in ((Wx, dWx), (Wh, dWh), (b, db), (Wo, dWo), (c, dc)):
        weights -= 0.05 * slope
    print(loss)
"""


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [("Wo.T @ gap + carry", "Wo.T @ gap", "missing-term"), ("carry = Wh.T @ da", "carry = Wh @ da", "transpose")],
)
def test_what_is_wrong_on_the_way_back_is_told_there(right: str, wrong: str, kind: str, tmp_path: Path) -> None:
    assert check_of_script(tmp_path, SPOKEN).ok
    check, line = edited_script(tmp_path, SPOKEN, right, wrong)
    assert told(check) == (line, kind), str(check)
    assert "No loss was named: loss is taken; 2 of 5 gradients fit it." in check.notes  # those of the output alone
