"""Updates of several statements, of a module's own arrays, or against the others; and inputs that look like updated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.verifier.files import module_of
from tinygrad_scratch import verify

RNG = np.random.default_rng(11)

GLOBALS = """
import numpy as np

rng = np.random.default_rng(5)
w, b = rng.normal(size=(4, 2)), rng.normal(size=2)


def train(x, y, rate, decay):
    global w, b
    error = x @ w + b - y
    w += -rate * decay * w
    w += -rate * x.T @ error
    b += -rate * error.sum(axis=0)
"""


def judged(tmp_path: Path, old: str, new: str, *, penalty: bool, step: bool) -> verify:
    """The check of a module that keeps its weights as globals, of which the loss reads them as its attributes."""
    assert old in GLOBALS
    model = module_of(tmp_path / "model_of_globals.py", GLOBALS.replace(old, new))
    x, y = RNG.normal(size=(6, 4)), RNG.normal(size=(6, 2))
    with verify(w=model.w, b=model.b) as check:
        check.loss = np.sum((np.dot(x, model.w) + model.b - y) ** 2) / 2
        if penalty:
            check.loss = check.loss + 0.3 / 2 * np.sum(model.w**2)
        model.train(x, y, 0.1, 0.3)
        if step:
            check.gradients_from_step(0.1)
    assert type(model.w) is np.ndarray
    return check


DECAY = "w += -rate * decay * w"


@pytest.mark.parametrize("step", [False, True])
@pytest.mark.parametrize("form", [DECAY, "w -= rate * decay * w", "w *= 1 - rate * decay", "w = w - rate * decay * w"])
def test_a_decay_may_be_an_update_of_its_own(form: str, step: bool, tmp_path: Path) -> None:
    check = judged(tmp_path, DECAY, form, penalty=True, step=step)
    assert check.ok, str(check)


@pytest.mark.parametrize("form", [DECAY, "w *= 1 - rate * decay"])
def test_a_decay_of_its_own_may_be_in_no_loss(form: str, tmp_path: Path) -> None:
    check = judged(tmp_path, DECAY, form, penalty=False, step=False)
    assert check.ok, str(check)


@pytest.mark.parametrize("step", [False, True])
def test_a_wrong_decay_of_its_own_is_found(step: bool, tmp_path: Path) -> None:
    check = judged(tmp_path, DECAY, "w += -2 * rate * decay * w", penalty=True, step=step)
    assert check.first_wrong is not None
    assert (check.first_wrong.line, check.first_wrong.kind) == (11, "regularisation"), str(check)


class Squared:
    def forward(self, x: Any) -> Any:
        self.x = x
        return np.sum(x**2, axis=1)


def test_what_an_input_becomes_by_a_residual_connection_is_no_update_of_it() -> None:
    x, w, last = RNG.normal(size=(5, 3)), RNG.normal(size=(3, 3)), Squared()
    with verify(w=w, x=x) as check:
        h = np.tanh(x @ w)
        check.loss = np.sum(last.forward(x + h))
        slope = 2 * last.x
        dz = slope * (1 - h**2)
        check.gradients = [x.T @ dz, slope + dz @ w.T]
    assert check.ok, str(check)


class Shifted:
    """A column is added to each sample's own; backward updates all of it at once."""

    def __init__(self) -> None:
        self.w, self.b = RNG.normal(size=(4, 3)), RNG.normal(size=(4, 1))

    def forward(self, x: Any) -> Any:
        self.x = x
        return self.w @ x + self.b

    def backward(self, grad: np.ndarray, rate: float, way: int) -> None:
        self.w -= rate * (grad @ self.x.T)
        if way > 0:
            self.b -= rate * grad
        else:
            self.b += rate * grad


@pytest.mark.parametrize("way", [1, -1])
def test_an_update_with_the_gradient_from_above_may_not_go_up(way: int) -> None:
    model, x, y = Shifted(), RNG.normal(size=(3, 1)), RNG.normal(size=(4, 1))
    with verify(model) as check:
        out = model.forward(x)
        check.loss = np.sum((out - y) ** 2)
        model.backward(2 * (out - y), 0.1, way)
        check.gradients_from_step(0.1)
    assert check.ok == (way > 0), str(check)
    assert check.ok or (check.first_wrong is not None and check.first_wrong.kind == "sign")


def steps_by_root(x: Any, y: Any, w: Any, b: Any, way: int) -> Any:
    error = x @ w + b - y
    loss = np.sum(error**2)
    dw = 2 * x.T @ error
    db = 2 * error.sum(axis=0)
    for value, dvalue in zip((w, b), (dw, db), strict=True):
        memory = np.zeros_like(value)
        memory += dvalue * dvalue
        value += way * dvalue / np.sqrt(memory + 1e-8)
    return loss / len(x)


@pytest.mark.parametrize("way", [1, -1])
def test_steps_that_are_no_multiples_may_not_all_go_up_on_a_part_of_what_is_called_a_loss(way: int) -> None:
    w, b = RNG.normal(size=(4, 2)), RNG.normal(size=2)
    with verify(w=w, b=b) as check:
        check.loss = steps_by_root(RNG.normal(size=(6, 4)), RNG.normal(size=(6, 2)), w, b, way)
    assert check.ok == (way < 0), str(check)
    assert check.ok or (check.first_wrong is not None and check.first_wrong.kind == "sign")
