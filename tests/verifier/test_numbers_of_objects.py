"""Parameters that an object keeps as plain numbers: they are judged as arrays are, and stay numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.verifier.files import module_of
from tinygrad_scratch import verify

STATION = """
import numpy as np

class Station:
    def __init__(self):
        draw = np.random.default_rng(4)
        self.weights = draw.normal(size=(3, 2))
        self.mix = draw.normal(size=2)
        self.NAME = START
        self.warmest = 0.0

    def __call__(self, x):
        self.hidden = np.tanh(x @ self.weights)
        return self.hidden @ self.mix + self.NAME

    def learn(self, x, heat, lr=0.1):
        miss = (self(x) - heat) / len(x)
        self.warmest += lr * (heat.max() - self.warmest)
        back = np.outer(miss, self.mix) * (1 - self.hidden**2)
        self.weights -= lr * x.T @ back
        self.mix -= lr * self.hidden.T @ miss
        self.NAME -= lr * miss.sum()
"""


def check_of(path: Path, name: str, start: str, taken: str = "miss.sum()") -> tuple[Any, Any]:
    text = STATION.replace("NAME", name).replace("START", start).replace("miss.sum()", taken)
    station = module_of(path / "station.py", text).Station()
    draw = np.random.default_rng(5)
    x, heat = draw.normal(size=(6, 3)), draw.normal(size=6)
    with verify(station) as check:
        check.loss = 0.5 * np.mean((station(x) - heat) ** 2)
        station.learn(x, heat)
    return check, getattr(station, name)


@pytest.mark.parametrize(("name", "start"), [("b", "0"), ("b", "0.0"), ("offset", "0"), ("offset", "0.25")])
def test_a_number_that_is_learnt_is_judged(tmp_path: Path, name: str, start: str) -> None:
    check, kept = check_of(tmp_path, name, start)
    assert check.ok, str(check)
    assert {step.of for step in check.steps} >= {"weights", "mix", name}
    assert repr(kept) == start

    check, _ = check_of(tmp_path, name, start, "miss.mean()")
    assert check.first_wrong.line == 22
    assert check.first_wrong.kind == "missing-batch-sum-or-mean"


def slopes(w: Any, b: Any, x: Any, y: Any) -> tuple[Any, Any, Any]:
    left = y - x @ w - b
    db = 0.0
    for _ in left:
        db -= 1.0  # times the sign of what is left
    return np.sum(np.abs(left)), -x.T @ np.sign(left), db


def test_a_gradient_that_is_a_plain_number_is_asked_for() -> None:
    draw = np.random.default_rng(6)
    x, y, w, b = draw.normal(size=(5, 3)), draw.normal(size=5), draw.normal(size=3), 0.5
    with verify(w=w, b=b) as check:
        check.loss, dw, db = slopes(w, b, x, y)
        check.gradients = {"w": dw, "b": db}
    assert not check.ok
    assert not check.causes
    assert " ".join(str(check).split()).endswith(
        "Where is the gradient of b ()? If backward makes it, put it into check.gradients. "
        "For b it holds a plain number, which nothing recorded went into."
    )
