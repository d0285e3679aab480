"""One is taken off the chance of another class than the loss is of: the index is wrong, and no other loss is meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script

SKIPS = """
import numpy as np

rng = np.random.default_rng(6)
w_in, w_out = rng.normal(size=(7, 4)), rng.normal(size=(4, 7))

def softmax(u):
    e = np.exp(u - np.max(u))
    return e / e.sum()

for epoch in range(4):
    loss = 0
    for word, beside in [(2, 1), (0, 4), (5, 3)]:
        h = w_in[word]
        y = softmax(np.dot(h, w_out))
        loss += -np.log(y[beside])
        e = y.copy()
        e[beside] -= 1
        dW_out = np.outer(h, e)
        dW_in = np.dot(e, w_out.T)
        w_out = w_out - 0.1 * dW_out
        w_in[word] = w_in[word] - 0.1 * dW_in
    print(loss)
"""


def test_it_is_right(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, SKIPS)
    assert check.ok, str(check)


@pytest.mark.parametrize("wrong", ["e[beside - 1] -= 1", "e[word] -= 1"])
def test_the_index_is_told(wrong: str, tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, SKIPS, "e[beside] -= 1", wrong)
    assert check.first_wrong is not None, str(check)
    assert check.first_wrong.line == line, str(check)
    assert check.first_wrong.should_be == "e[beside] -= 1", str(check)
