"""Mistakes for which no loss, another line, or no cause was told: the loss that is meant, and where something lacks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.verifier.files import check_of_script, module_of, told
from tests.verifier.test_told_where_it_begins import changed, line_of
from tinygrad_scratch import verify

ONE_BY_ONE = """
import numpy as np

def squash(x):
    return np.tanh(x)

def slope(x):
    return 1 - x**2

class Net:
    def __init__(self, rng):
        self.v, self.w = 0.6 * rng.normal(size=(4, 5)), 0.6 * rng.normal(size=(5, 3))

    def step(self, x, goal, rate):
        h = squash(x @ self.v)
        out = squash(h @ self.w)
        error = goal - out
        delta = error * slope(out)
        below = (self.w @ delta) * slope(h)
        self.w += rate * np.outer(h, delta)
        self.v += rate * np.outer(x, below)
        return (error**2).sum()

rng = np.random.default_rng(4)
net = Net(rng)
for turn in range(20):
    net.step(rng.normal(size=4), rng.uniform(-0.9, 0.9, size=3), 0.1)
"""


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [
        ("error * slope(out)", "error**2 * slope(out)", "missing-derivative"),
        ("error * slope(out)", "error * slope(squash(out))", "derivative-at-wrong-point"),
    ],
)
def test_a_number_that_is_only_returned_is_the_loss(tmp_path: Path, right: str, wrong: str, kind: str) -> None:
    text = changed(ONE_BY_ONE, right, wrong)
    check = check_of_script(tmp_path, text)
    assert told(check) == (line_of(text, wrong), kind), str(check)


ANY_ACTIVATION = """
import numpy as np

class Bent:
    def fn(self, z):
        return np.where(z > 0, z, 1.5 * (np.exp(z) - 1))

    def grad(self, x):
        return np.where(x > 0, np.ones_like(x), 1.5 * np.exp(x))

class Layer:
    def __init__(self, rng, act):
        self.w, self.act = rng.normal(size=(4, 3)), act

    def forward(self, x):
        self.x, self.pre = x, x @ self.w
        return self.act.fn(self.pre)

    def backward(self, up):
        dx = []
        for given, z in [(up, self.pre)]:
            dpre = given * self.act.grad(z)
            self.dw = self.x.T @ dpre
            dx.append(dpre @ self.w.T)
        return dx[0]
"""


def test_a_helper_is_right_that_would_need_what_it_is_not_given(tmp_path: Path) -> None:
    text = changed(ANY_ACTIVATION, "self.act.grad(z)", "self.act.grad(self.act.fn(z))")
    module, rng = module_of(tmp_path / "module.py", text), np.random.default_rng(5)
    check = verify.layer(module.Layer(rng, module.Bent()), rng.normal(size=(6, 4)))
    assert told(check) == (line_of(text, "self.act.fn(z)"), "derivative-at-wrong-point"), str(check)


MANY_INPUTS = """
import numpy as np

class Layer:
    def __init__(self, rng):
        self.w = rng.normal(size=(4, 3))

    def forward(self, x):
        self.x, self.pre = [x], [x @ self.w]
        return np.tanh(self.pre[0])

    def slope(self, pre):
        return 1 - np.tanh(pre) ** 2

    def backward(self, dout):
        if not isinstance(dout, list):
            dout = [dout]
        self.dw, below = np.zeros_like(self.w), []
        for d, x, pre in zip(dout, self.x, self.pre):
            dx, dw = self.single(d, x, pre)
            below.append(dx)
            self.dw += dw
        return below[0]

    def single(self, dout, x, pre):
        rows = np.expand_dims(dout * self.slope(pre), axis=1)
        dw = (x[:, :, None] * rows).sum(axis=0)
        return (rows @ self.w.T)[:, 0], dw
"""


def test_no_slope_lacks_where_a_value_is_only_put_into_a_list(tmp_path: Path) -> None:
    text = changed(MANY_INPUTS, "dout * self.slope(pre)", "dout")
    module, rng = module_of(tmp_path / "module.py", text), np.random.default_rng(6)
    check = verify.layer(module.Layer(rng), rng.normal(size=(6, 4)))
    assert told(check) == (line_of(text, "np.expand_dims"), "missing-derivative"), str(check)
