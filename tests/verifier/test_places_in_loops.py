"""What loops write by slices is told at its line, also where a penalty is added to the gradients."""

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

IN_GROUPS = """
import numpy as np

np.random.seed(22)
W1 = np.random.randn(5, 4) * 0.5
W2 = np.random.randn(4, 3) * 0.5
x, y = np.random.randn(12, 5), np.random.randn(4, 3)

def backward(dz, h):
    return [x.T @ (dz @ W2.T * (1 - h**2)), h.T @ dz]

for turn in range(6):
    h = np.tanh(x @ W1)
    means = (h @ W2).reshape(4, 3, 3).mean(axis=1)
    loss = 0.5 * np.sum((means - y) ** 2) + 0.01 * (np.sum(W1**2) + np.sum(W2**2))
    dmeans = means - y
    dz = np.zeros((12, 3))
    for c in range(4):
        dz[c * 3 : (c + 1) * 3] = dmeans[c] / 3
    grads = backward(dz, h)
    grads[0] += 0.02 * W1
    grads[1] += 0.02 * W2
    W1 -= 0.05 * grads[0]
    W2 -= 0.05 * grads[1]
    print(loss)
"""


@pytest.mark.parametrize("end", ["(c + 1) * 3 - 1", "c * 3 + 2"])
def test_rows_that_a_slice_leaves_out_are_told_where_it_stands(tmp_path: Path, end: str) -> None:
    assert check_of_script(tmp_path, IN_GROUPS).ok
    check, line = edited_script(tmp_path, IN_GROUPS, "c * 3 : (c + 1) * 3", f"c * 3 : {end}")
    assert told(check) == (line, "off-by-one"), str(check)
    assert len(check.causes) == 1, str(check)
