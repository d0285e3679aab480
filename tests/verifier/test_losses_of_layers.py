"""Layers that each keep a loss of their own under the name of the whole, which is their sum."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

SHARED = """
import numpy as np

rng = np.random.default_rng(3)


class Judge:
    def __init__(self):
        self.loss = None

    def forward(self, x, t):
        self.y, self.t = 1 / (1 + np.exp(-x)), t
        pairs = np.c_[1 - self.y, self.y]
        self.loss = -np.sum(np.log(pairs[np.arange(len(t)), t] + 1e-7)) / len(t)
        return self.loss

    def backward(self, dout=1):
        dx = (self.y - self.t) * dout / self.t.shape[0]
        return dx


class Judges:
    def __init__(self, w):
        self.w, self.judges = w, [Judge() for _ in range(3)]

    def forward(self, h, others):
        self.h, self.others = h, others
        loss = 0
        for i, judge in enumerate(self.judges):
            label = np.full(len(h), int(i == 0))
            loss += judge.forward(np.sum(h * self.w[others[i]], axis=1), label)
        return loss

    def backward(self):
        dh, dw = 0, np.zeros_like(self.w)
        for judge, other in zip(self.judges, self.others):
            dscore = judge.backward()[:, None]
            np.add.at(dw, other, dscore * self.h)
            dh += dscore * self.w[other]
        return dh, dw


x, w_in, w_out = rng.normal(size=(6, 4)), rng.normal(size=(4, 5)), rng.normal(size=(8, 5))
layer = Judges(w_out)
for turn in range(4):
    loss = layer.forward(x @ w_in, [rng.integers(0, 8, 6) for _ in range(3)])
    dh, dw = layer.backward()
    w_in -= 0.1 * x.T @ dh
    w_out -= 0.1 * dw
    print(loss)
"""


def test_the_loss_is_the_sum_of_what_layers_keep(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, SHARED)
    assert check.ok is True, str(check)
    assert "loss is taken; 2 of 2" in str(check)


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [
        ("(self.y - self.t)", "(self.y + self.t)", "sign"),
        ("dh += dscore * self.w[other]", "dh = dscore * self.w[other]", "overwritten-accumulation"),
        ("np.add.at(dw, other, dscore * self.h)", "dw[other] += dscore * self.h", "overwritten-accumulation"),
    ],
)
def test_a_mistake_that_shows_in_one_of_them_alone_is_told_where_it_is(
    tmp_path: Path, right: str, wrong: str, kind: str
) -> None:
    check, line = edited_script(tmp_path, SHARED, right, wrong)
    assert told(check) == (line, kind), str(check)
