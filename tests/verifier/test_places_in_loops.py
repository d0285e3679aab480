"""What loops write by slices, and add up or bind anew, is told at its line, also beside penalties."""

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


IN_TWO_PARTS = """
import numpy as np

np.random.seed(37)
w, b = np.random.randn(5, 3) * 0.5, np.random.randn(3) * 0.5
s, q, y = np.random.randn(6, 5), np.random.randn(6, 5), np.random.randn(6, 3)

def embed(x):
    return np.tanh(x @ w + b)

def back(d, x, h):
    dz = d * (1 - h**2)
    return [x.T @ dz, dz.sum(axis=0)]

for turn in range(6):
    hs, hq = embed(s), embed(q)
    loss = 0.5 * np.sum((hs * hq - y) ** 2) + 0.01 * np.sum(w**2)
    d = hs * hq - y
    grads = back(d * hq, s, hs)
    for g, other in zip(grads, back(d * hs, q, hq)):
        g += other
    grads[0] += 0.02 * w
    w -= 0.05 * grads[0]
    b -= 0.05 * grads[1]
    print(loss)
"""


def test_a_sum_that_is_only_bound_anew_in_a_loop_over_gradients_is_lost(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, IN_TWO_PARTS).ok
    check, line = edited_script(tmp_path, IN_TWO_PARTS, "g += other", "g = g + other")
    assert told(check) == (line, "overwritten-accumulation"), str(check)
    assert len(check.causes) == 1, str(check)


WITHOUT_RATES = """
import numpy as np

np.random.seed(1)
x, y = np.array([[0, 0, 1], [1, 1, 1], [1, 0, 1], [0, 1, 1]]), np.array([[0, 1, 1, 0]]).T
one = 2 * np.random.random((3, 5)) - 1
two = 2 * np.random.random((5, 4)) - 1
three = 2 * np.random.random((4, 1)) - 1

def bent(z):
    return 1 / (1 + np.exp(-z))

for turn in range(8):
    h = bent(x @ one)
    g = bent(h @ two)
    out = bent(g @ three)
    last = (y - out) * out * (1 - out)
    middle = last @ three.T * g * (1 - g)
    hidden = middle @ two.T * h * (1 - h)
    adjust_one = x.T @ hidden
    adjust_two = h.T @ middle
    adjust_three = g.T @ last
    one += adjust_one
    two += adjust_two
    three += adjust_three
"""


@pytest.mark.parametrize("right", ["x.T @ hidden", "h.T @ middle", "g.T @ last"])
def test_one_of_three_steps_is_no_mean_where_the_others_are_sums(tmp_path: Path, right: str) -> None:
    assert check_of_script(tmp_path, WITHOUT_RATES).ok
    check, line = edited_script(tmp_path, WITHOUT_RATES, right, f"{right} / len(x)")
    assert told(check)[0] == line, str(check)
    assert told(check)[1] in ("scale-factor", "missing-batch-sum-or-mean"), str(check)
