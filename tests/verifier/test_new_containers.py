"""What is updated as a whole: a copy of all parameters, or an object of them, takes their place in the loop."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited, module_of, told
from tinygrad_scratch import verify

SCRIPT = """
import copy
import numpy as np

rng = np.random.default_rng(3)
X, Y = rng.normal(size=(12, 3)), rng.normal(size=(12, 2))

def slopes(model):
    hidden = np.tanh(X @ model["in"]["M"] + model["in"]["c"])
    delta = (hidden @ model["out"]["M"] + model["out"]["c"] - Y) / len(X)
    back = delta @ model["out"]["M"].T * (1 - hidden**2)
    return {"in": {"M": X.T @ back, "c": back.sum(0)}, "out": {"M": hidden.T @ delta, "c": delta.sum(0)}}

def moved(model, found):
    later = COPY
    for part in later:
        for key in later[part]:
            later[part][key] -= 0.2 * found[part][key]
    return later

model = {
    "in": {"M": rng.normal(size=(3, 4)), "c": np.zeros(4)},
    "out": {"M": rng.normal(size=(4, 2)), "c": np.zeros(2)},
}
for turn in range(5):
    model = moved(model, slopes(model))
"""
COPIES = {
    "deep": "copy.deepcopy(model)",
    "each": "{part: {key: array.copy() for key, array in of.items()} for part, of in model.items()}",
}


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_that_takes_their_place_is_an_update(tmp_path: Path, how: str) -> None:
    check = check_of_script(tmp_path, SCRIPT.replace("COPY", COPIES[how]))
    assert check.ok, str(check)
    assert len(check.finals) == 4


def test_a_mistake_in_its_gradients_is_told(tmp_path: Path) -> None:
    text = SCRIPT.replace("COPY", COPIES["deep"])
    check = check_of_script(tmp_path, text.replace("(1 - hidden**2)", "(1 - hidden)"))
    assert check.first_wrong is not None, check.problem
    assert check.first_wrong.line == 11


OVERLOADED = """
import numpy as np

rng = np.random.default_rng(5)
X, Y = rng.normal(size=(9, 3)), rng.normal(size=(9, 2))
settings = {"rate": 0.1, "kept": 0.5}

class Params:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def __mul__(self, number):
        return Params(number * self.W, number * self.b)

    __rmul__ = __mul__

    def __add__(self, other):
        return Params(self.W + other.W, self.b + other.b)

    def __sub__(self, other):
        return Params(self.W - other.W, self.b - other.b)

params, delta = Params(rng.normal(size=(3, 2)), np.zeros(2)), Params(np.zeros((3, 2)), np.zeros(2))
for turn in range(4):
    error = X @ params.W + params.b - Y
    loss = 0.5 * np.mean(np.sum(error**2, axis=1))
    delta = settings["kept"] * delta + Params(X.T @ error / 9, error.mean(0))
    params -= settings["rate"] * delta
"""


@pytest.mark.parametrize(("right", "wrong"), [("", ""), ("X.T @ error / 9", "X.T @ Y / 9")])
def test_an_object_with_operators_of_its_own_answers_a_number(right: str, wrong: str, tmp_path: Path) -> None:
    check = check_of_script(tmp_path, OVERLOADED.replace(right, wrong) if right else OVERLOADED)
    if not right:
        assert check.ok, str(check)
    else:
        line = OVERLOADED[: OVERLOADED.index(right)].count("\n") + 1
        assert told(check) == (line, "wrong-operand"), str(check)


HANDED = """
import numpy as np

class Product:
    def __init__(self, w):
        self.params, self.grads = [w], [np.zeros_like(w)]

    def forward(self, x):
        self.x = x
        return x @ self.params[0]

    def backward(self, d):
        dw = self.x.T @ d
        self.grads[0][...] = dw
        return d @ self.params[0].T

class Chain:
    def __init__(self, rng):
        self.layers = [Product(rng.normal(size=(4, 3))), Product(rng.normal(size=(3, 2)))]
        self.params = [w for layer in self.layers for w in layer.params]
        self.grads = [g for layer in self.layers for g in layer.grads]

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, d):
        for layer in reversed(self.layers):
            d = layer.backward(d)

def check(verify):
    rng = np.random.default_rng(3)
    chain, x, goal = Chain(rng), rng.normal(size=(6, 4)), rng.normal(size=(6, 2))
    with verify(chain.params) as check:
        out = chain.forward(x)
        check.loss = np.sum((out - goal) ** 2) / 2
        chain.backward(out - goal)
        check.gradients = chain.grads
    return check
"""


def test_an_array_that_was_handed_out_is_written_to(tmp_path: Path) -> None:
    check, line = edited(tmp_path / "handed.py", HANDED, "self.grads[0][...] = dw", "self.grads[0] = dw")
    assert told(check) == (line, "inplace-corruption"), str(check)
    assert "self.grads[0][...] = dw" in " ".join(str(check).split())
    assert module_of(tmp_path / "right.py", HANDED).check(verify).ok
