"""Mistakes that a change at a neighbour's line mends as well: the line is told where a slip of the text was made."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import edited
from tinygrad_scratch.verifier.rewriting.statements import rewrites_at
from tinygrad_scratch.verifier.rewriting.text import Source

TALLY = """
import numpy as np


def softplus(z):
    out = np.log1p(np.exp(z))

    def back(above):
        return above * (1 - np.exp(-out))
    return out, back


class Tally:
    def __init__(self, rng):
        self.inner1, self.inner2 = rng.normal(size=(3, 4)), rng.normal(size=(4, 4))
        self.outer = rng.normal(size=(4, 2))

    def loss(self, x, y):
        self.h1, self.back1 = softplus(x @ self.inner1)
        self.h2, self.back2 = softplus(self.h1 @ self.inner2)
        self.s = np.tanh(self.h2 @ self.outer)
        return np.sum((self.s - y) ** 2) / len(x)

    def gradients(self, x, y):
        count, width = x.shape
        ds = 2 * (self.s - y)
        dt = ds / count
        dt *= 1 - self.s ** 2
        outer = self.h2.T @ dt
        back2 = dt @ self.outer.T
        back2 = self.back2(back2)
        inner2 = np.zeros_like(self.inner2)
        for row in range(len(inner2)):
            inner2[row] = self.h1[:, row] @ back2
        back1 = self.back1(back2 @ self.inner2.T)
        return {"inner1": x.T @ back1, "inner2": inner2, "outer": outer}


def check(verify):
    rng = np.random.default_rng(2)
    model, x, y = Tally(rng), rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
    with verify(model) as check:
        check.loss = model.loss(x, y)
        check.gradients = model.gradients(x, y)
    return check
"""


@pytest.mark.parametrize(
    ("right", "wrong", "kinds", "should_be"),
    [
        ("dt = ds / count", "dt = ds / width", ("scale-factor",), "dt = ds / count"),
        ("dt *= 1 - self.s", "self.s *= 1 - self.s", ("inplace-corruption",), "dt *= 1 - self.s ** 2"),
        ("self.back1(back2 @", "self.back2(back2 @", ("derivative-at-wrong-point", "wrong-operand"), None),
        ("for row in range(len(inner2)):", "for row in range(len(inner2) - 1):", ("off-by-one",), None),
    ],
)
def test_the_line(tmp_path: Path, right: str, wrong: str, kinds: tuple[str, ...], should_be: str | None) -> None:
    check, line = edited(tmp_path / "tally.py", TALLY, right, wrong)
    first = check.first_wrong
    assert first is not None
    assert (first.line, first.kind in kinds) == (line, True), str(check)
    assert should_be is None or first.should_be == should_be


def test_only_what_a_tuple_holds_is_exchanged() -> None:
    source = Source("pairs = (a, b), [np.zeros_like(w) for w in ws]\nfor n, g in (('q', dq), ('k', dk)):\n    pass\n")
    texts = [rewrite.text for line in (1, 2) for rewrite in rewrites_at(source, line)]
    assert "(('q', dk), ('k', dq))" in texts
    assert not any("for np" in text for text in texts)


BAKERY = """
import numpy as np


class Bakery:
    def __init__(self, rng):
        self.knead, self.rest = rng.normal(size=(5, 6)), rng.normal(size=5)
        self.bake, self.cool = rng.normal(size=(4, 5)), rng.normal(size=4)

    def loaf(self, flour):
        flour = self.knead @ flour + self.rest
        flour = 1 / (1 + np.exp(-flour))
        flour = np.exp(self.bake @ flour + self.cool)
        return flour / flour.sum()

    def learn(self, flour, kind):
        a = self.knead @ flour + self.rest
        z = 1/(1 + np.exp(-a))
        heat = np.matmul(self.bake, z) + self.cool
        heat = np.exp(heat)
        grads = {}
        dheat = heat / heat.sum()
        dheat[kind] -= 1
        grads["cool"] = dheat
        grads["bake"] = np.matmul(dheat.reshape(-1, 1), z.reshape(1, -1))
        dz = np.matmul(dheat, self.bake)
        da = dz * z * (1 - z)
        grads["rest"] = da
        grads["knead"] = np.matmul(da.reshape(-1, 1), flour.reshape(1, -1))
        for name, grad in grads.items():
            setattr(self, name, getattr(self, name) - 0.1 * grad)


def check(verify):
    rng = np.random.default_rng(6)
    shop, flour = Bakery(rng), rng.normal(size=6)
    with verify(shop) as check:
        check.loss = -np.log(shop.loaf(flour)[2])
        shop.learn(flour, 2)
    return check
"""


def test_the_rest_of_a_slope_is_told_where_a_part_of_it_stands(tmp_path: Path) -> None:
    check, line = edited(tmp_path / "bakery.py", BAKERY, "dz * z * (1 - z)", "dz * (1-z)")
    assert (check.first_wrong.line, check.first_wrong.kind) == (line, "missing-derivative")
    right, _ = edited(tmp_path / "right.py", BAKERY, "dz * z", "z * dz")
    assert right.ok, str(right)
