"""Sizes that stand in one tuple with names, and axes that count from the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

ATTENTION = """
from collections import namedtuple
import numpy as np

Sizes = namedtuple("Sizes", "B T D A")
S = Sizes(B=4, T=7, D=6, A=5)
rng = np.random.default_rng(2)
x, y = rng.normal(size=(S.B, S.T, S.D)), rng.normal(size=(S.B, S.T, S.D))
Wq, Wk = rng.normal(size=(S.D, S.A)), rng.normal(size=(S.D, S.A))

def softmax(z):
    z = np.exp(z - z.max(-1, keepdims=True))
    return z / z.sum(-1, keepdims=True)

def backward(dA, A, Q, K):
    dS = A * (dA - (dA * A).sum(-1, keepdims=True))
    dS /= np.sqrt(S.A)
    return np.einsum("btd,bta->da", x, dS @ K), np.einsum("btd,bta->da", x, dS.transpose(0, 2, 1) @ Q)

for it in range(5):
    Q, K = x @ Wq, x @ Wk
    A = softmax(Q @ K.transpose(0, 2, 1) / np.sqrt(S.A))
    out = A @ x
    loss = 0.5 * np.sum((out - y) ** 2)
    dWq, dWk = backward((out - y) @ x.transpose(0, 2, 1), A, Q, K)
    Wq -= 0.01 * dWq
    Wk -= 0.01 * dWk
print(loss)
"""


def test_it_is_right(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, ATTENTION)
    assert check.ok, str(check)


@pytest.mark.parametrize(
    ("right", "wrong", "kind", "should_be"),
    [
        ("dS /= np.sqrt(S.A)", "dS /= np.sqrt(S.D)", "wrong-operand", "np.sqrt(S.A)"),
        (
            "(dA * A).sum(-1, keepdims=True)",
            "(dA * A).sum(-2, keepdims=True)",
            "broadcasting-shape",
            "(dA * A).sum(2, keepdims=True)",
        ),
    ],
)
def test_a_mistake_is_told(right: str, wrong: str, kind: str, should_be: str, tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, ATTENTION, right, wrong)
    assert told(check) == (line, kind), str(check)
    assert should_be in check.first_wrong.should_be, str(check)
