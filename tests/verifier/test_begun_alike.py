"""Biases of nought and scales of one hide what is added to them, or multiplied by them: it is judged elsewhere, too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.verifier.files import check_of_script, module_of, told
from tinygrad_scratch import verify

FITTED = """
import numpy as np

rng = np.random.default_rng(0)
x, y = rng.normal(size=(6, 4)), rng.normal(size=(6, 3))
W, b, lam = rng.normal(size=(4, 3)), np.zeros(3), 0.1
for it in range(20):
    h = np.tanh(x @ W + b)
    loss = np.sum((h - y) ** 2) / len(y) + 0.5 * lam * np.sum(W**2)
    d = 2 * (h - y) / len(y) * (1 - h**2)
    dW = x.T @ d + lam * W
    db = d.sum(0)
    W -= 0.1 * dW
    b -= 0.1 * db
    print(loss)
"""


def test_a_penalty_on_a_bias_of_nought_is_told(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, FITTED).ok
    script = FITTED.replace("db = d.sum(0)", "db = d.sum(0) + lam * b")
    check = check_of_script(tmp_path, script)
    assert told(check) == (script[: script.index("db = d.sum")].count("\n") + 1, "regularisation")
    assert check.first_wrong.should_be == "d.sum(0)"
    assert any("b holds noughts or ones" in note for note in check.notes), str(check)


def test_a_penalty_on_a_bias_of_nought_is_meant_where_no_loss_is_computed(tmp_path: Path) -> None:
    script = FITTED.replace("db = d.sum(0)", "db = d.sum(0) + lam * b").replace("    print(loss)\n", "")
    without = "".join(line for line in script.splitlines(keepends=True) if "loss =" not in line)
    check = check_of_script(tmp_path, without)
    assert check.ok, str(check)


NORM = """
import numpy as np


class Norm:
    def __init__(self, d):
        self.gamma, self.beta = np.ones(d), np.zeros(d)

    def forward(self, x):
        self.std = np.sqrt(x.var(0) + 1e-5)
        self.xhat = (x - x.mean(0)) / self.std
        return self.gamma * self.xhat + self.beta

    def backward(self, dout):
        n = len(dout)
        self.dgamma, self.dbeta = (dout * self.xhat).sum(0), dout.sum(0)
        d = dout * self.gamma
        return (n * d - d.sum(0) - self.xhat * (d * self.xhat).sum(0)) / (n * self.std)
"""


@pytest.mark.parametrize("missing", ["", " * self.gamma"])
def test_a_scale_of_one_that_is_missing_is_told(missing: str, tmp_path: Path) -> None:
    text = NORM.replace(f"d = dout{missing}\n", "d = dout\n")
    module = module_of(tmp_path / f"norm{len(missing)}.py", text)
    check = verify.layer(module.Norm(3), np.random.default_rng(1).normal(size=(7, 3)))
    if missing:
        assert check.first_wrong.kind == "missing-derivative", str(check)
        assert "gamma" in check.first_wrong.sentence, str(check)
    else:
        assert check.ok, str(check)


CUT = """
import numpy as np

rng = np.random.default_rng(4)
x, y = rng.normal(size=(9, 4)), rng.normal(size=9)
w, c, mask = rng.normal(size=4), 0.0, np.array([1.0, 0.0, 1.0, 1.0])
w *= mask
for it in range(8):
    e = x @ w + c - y
    print("mse", np.mean(e**2))
    gw = mask * (2 * x.T @ e / 9)
    gc = 2 * e.mean()
    w -= 0.1 * gw
    c -= 0.1 * gc
"""


def test_noughts_that_are_kept_are_no_mistake(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, CUT)
    assert check.ok, str(check)


DECAYED = """
import numpy as np

rng = np.random.default_rng(0)
X = rng.normal(size=(20, 4))
y = (X @ np.array([1.0, -2.0, 0.5, 0.0]) > 0.3).astype(float)
w = np.zeros(4)
for i in range(9):
    p = 1 / (1 + np.exp(-(X @ w)))
    loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    grad = X.T @ (p - y) / 20 + 0.1 * w
    w -= 0.5 * grad
    print(loss)
"""


def test_noughts_that_no_forward_pass_read_were_not_written_over(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, DECAYED)
    assert told(check) == (DECAYED[: DECAYED.index("grad =")].count("\n") + 1, "regularisation"), str(check)
