"""The kind of a mistake that is one edit of the text: a term, a factor, a number, an index, a transpose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.verifier.files import module_of
from tinygrad_scratch import verify

RNG = np.random.default_rng(21)

LAYERS = """
import numpy as np

class Shares:
    def forward(self, x):
        e = np.exp(x)
        self.out = e / np.sum(e)
        return self.out

    def backward(self, given):
        n = np.size(self.out)
        return np.dot((np.identity(n) - self.out.T) * self.out, given)

class Bent:
    def forward(self, x):
        self.x = x
        return np.where(x > 0, x, 0.3 * (np.exp(x) - 1))

    def backward(self, given):
        rate = 0.3
        return np.where(self.x > 0, given, rate * given * np.exp(self.x))

class Squash:
    def forward(self, x):
        self.x = x
        return 1 / (1 + np.exp(-x))

    def backward(self, given):
        return given * np.exp(-self.x) / (1 + np.exp(-self.x)) ** 2

class One:
    def forward(self, x):
        self.x, e = x, np.exp(x)
        return e[1] / np.sum(e)

    def backward(self, given):
        e = np.exp(self.x)
        total = np.sum(e)
        slope = -e[1] * e / total**2
        slope[1] = e[1] * (total - e[1]) / total**2
        return given * slope

class Blocks:
    def forward(self, x):
        self.x, self.where = x, {}
        out = np.zeros((len(x), x.shape[1] // 2))
        for j in range(out.shape[1]):
            part = x[:, 2 * j : 2 * j + 2]
            self.where[j] = part == part.max(axis=1, keepdims=True)
            out[:, j] = part.max(axis=1)
        return out

    def backward(self, given):
        back = np.zeros_like(self.x)
        for j in range(given.shape[1]):
            back[:, 2 * j : 2 * j + 2] += given[:, j : j + 1] * self.where[j]
        return back

class Copy:
    def forward(self, x):
        self.x = x
        out = np.zeros(len(x))
        for i in range(len(x)):
            if x[i] > 0:
                out[i] = x[i] ** 2
        return out

    def backward(self, given):
        back = np.zeros_like(self.x)
        for i in range(len(back)):
            if self.x[i] > 0:
                back[i] = 2 * self.x[i] * given[i]
        return back

class Spread:
    def forward(self, x):
        self.mean = x.mean(axis=0)
        self.var = ((x - self.mean) ** 2).mean(axis=0) + 0.1
        self.std = np.sqrt(self.var)
        self.x = x
        return (x - self.mean) / self.std

    def backward(self, given):
        n = len(self.x)
        off = self.x - self.mean
        back_var = np.sum(given * off * -0.5 * self.var ** (-1.5), axis=0)
        back_mean = np.sum(-given / self.std, axis=0)
        return given / self.std + back_var * 2 * off / n + back_mean / n
"""

INPUTS: dict[str, Any] = {"Shares": (5, 1), "One": (5,), "Blocks": (3, 6), "Copy": (7,)}


def report(tmp_path: Path, kind: str, right: str, wrong: str) -> Any:
    at = LAYERS.index(right, LAYERS.index(f"class {kind}"))
    source = LAYERS[:at] + wrong + LAYERS[at + len(right) :]
    layer = getattr(module_of(tmp_path / f"kinds_{kind}.py", source), kind)()
    check = verify.layer(layer, RNG.normal(size=INPUTS.get(kind, (6, 4))))
    assert check.first_wrong is not None, str(check)
    assert check.first_wrong.line == source[: at + len(wrong)].count("\n") + 1, str(check)
    return check


@pytest.mark.parametrize("kind", ["Shares", "Bent", "Squash", "One", "Blocks", "Copy", "Spread"])
def test_the_layers_are_right(tmp_path: Path, kind: str) -> None:
    layer = getattr(module_of(tmp_path / f"right_{kind}.py", LAYERS), kind)()
    check = verify.layer(layer, RNG.normal(size=INPUTS.get(kind, (6, 4))))
    assert check.ok, str(check)


@pytest.mark.parametrize(
    ("kind", "right", "wrong", "cause", "should"),
    [
        ("Shares", "(np.identity(n) - self.out.T)", "(np.identity(n) - self.out)", "transpose",
         "np.dot((np.identity(n) - self.out) * self.out.T, given)"),
        ("Bent", "rate * given * np.exp", "self.x * given * np.exp", "wrong-operand",
         "return np.where(self.x > 0, given, rate * given * np.exp(self.x))"),
        ("Squash", "(1 + np.exp(-self.x)) ** 2", "np.exp(-self.x) ** 2", "missing-term", None),
        ("One", "(total - e[1]) / total**2", "(total - e[1])", "missing-derivative", None),
        ("Blocks", "given[:, j : j + 1] * self.where[j]", "given[:, j : j + 1]", "missing-derivative", None),
        ("Copy", "* given[i]", "* given[i - 1]", "off-by-one", None),
    ],
)  # fmt: skip
def test_one_edit_of_the_text(
    tmp_path: Path, kind: str, right: str, wrong: str, cause: str, should: str | None
) -> None:
    check = report(tmp_path, kind, right, wrong)
    found = check.first_wrong
    assert (found.kind, found.certainty) == (cause, "checked"), str(check)
    assert should is None or found.should_be == should, str(check)


def test_two_changes_of_one_size_are_both_told(tmp_path: Path) -> None:
    """The power is wrong, or what it is taken of: nothing in the text says which."""
    found = report(tmp_path, "Spread", "self.var ** (-1.5)", "self.var ** (-3)").first_wrong
    assert found.certainty == "fits"
    assert any("self.var ** (-1.5)" in other for other in [found.should_be, *found.others]), found


SUMS = """
import numpy as np

def margins(W, X, y, strength):
    n, rounds = len(X), 2
    dW = np.zeros_like(W)
    loss = 0.0
    for i in range(n):
        scores = X[i] @ W
        for j in range(W.shape[1]):
            gap = scores[j] - scores[y[i]] + 1
            if j != y[i] and gap > 0:
                loss += gap
                dW[:, j] += X[i].T
                dW[:, y[i]] -= X[i].T
    loss = loss / n + 0.5 * strength * np.sum(W * W)
    dW /= n
    dW += strength * W
    return loss, dW

def odds(W, X, y, strength):
    n, rounds = len(X), 2
    p = 1 / (1 + np.exp(-(X @ W)))
    loss = -np.sum(y[:, None] * np.log(p) + (1 - y[:, None]) * np.log(1 - p)) / n
    goal = y[:, None]
    error = p - goal
    return loss, X.T @ error / n
"""


@pytest.mark.parametrize(
    ("function", "right", "wrong", "kind"),
    [
        ("margins", "dW += strength * W", "dW -= strength * W", "sign"),
        ("odds", "error = p - goal", "error = p - rounds", "wrong-operand"),
    ],
)
def test_a_loss_with_its_gradient(tmp_path: Path, function: str, right: str, wrong: str, kind: str) -> None:
    source = SUMS.replace(right, wrong)
    module = module_of(tmp_path / f"kinds_{function}.py", source)
    w, x, y = RNG.normal(size=(5, 3)), RNG.normal(size=(7, 5)), np.array([0, 2, 1, 1, 0, 2, 1])
    if function == "odds":
        w, y = w[:, :1], y % 2
    with verify(w=w) as check:
        check.loss, check.gradients = getattr(module, function)(w, x, y, 0.1)
    found = check.first_wrong
    assert found is not None, str(check)
    assert (found.line, found.kind) == (source[: source.index(wrong)].count("\n") + 1, kind), str(check)


ONE_BY_ONE = """
import numpy as np

def squash(z):
    return 1 / (1 + np.exp(-z))

def slope(z):
    return squash(z) * (1 - squash(z))

def loss_of(w, samples):
    return sum(0.5 * np.sum((squash(w @ x) - y) ** 2) for x, y in samples) / len(samples)

def gradient_of(w, samples):
    total = np.zeros_like(w)
    for x, y in samples:
        z = w @ x
        delta = (squash(z) - y) * slope(z)
        total = total + delta @ x.T
    return total / len(samples)
"""


def test_a_factor_twice_where_each_sample_has_its_own_arrays(tmp_path: Path) -> None:
    source = ONE_BY_ONE.replace("* slope(z)", "* slope(z) * slope(z)")
    module = module_of(tmp_path / "kinds_one_by_one.py", source)
    w = RNG.normal(size=(2, 3))
    samples = [(RNG.normal(size=(3, 1)), RNG.random((2, 1))) for _ in range(5)]
    with verify(w=w) as check:
        check.loss, check.gradients = module.loss_of(w, samples), [module.gradient_of(w, samples)]
    found = check.first_wrong
    assert found is not None, str(check)
    assert (found.name, found.kind) == ("delta", "scale-factor"), str(check)
