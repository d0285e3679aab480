"""Correct programs in usual styles that are easily taken for wrong ones; beside each a mistake that is still found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_scratch import verify
from tinygrad_scratch.verifier.reading.source import statement_at
from tinygrad_scratch.verifier.script import checks_of

RNG = np.random.default_rng(8)


@pytest.mark.parametrize("least", [0, 1, 2])
def test_an_array_may_be_made_with_more_axes(least: int) -> None:
    w, b, row = RNG.normal(size=(4, 3)), RNG.normal(size=3), RNG.normal(size=3)
    with verify(w=w, b=b) as check:
        x = np.array(b * row, ndmin=least).T
        error = w @ x - np.arange(4.0).reshape(4, *x.shape[1:])
        check.loss = np.sum(error**2)
        check.gradients = 2 * np.outer(error, x), 2 * (w.T @ error).reshape(3) * row
    assert check.ok, str(check)


class Regression:
    """A cost with its gradient as a method, as optimizers want it."""

    def __init__(self) -> None:
        self.theta, self.decay = RNG.normal(size=3), 0.1

    def cost(self, theta: Any, x: Any, y: Any) -> Any:
        error = x @ theta - y
        return np.sum(error**2) + self.decay * np.sum(theta**2), 2 * x.T @ error + 2 * self.decay * theta

    def cost_of_own(self, x: Any, y: Any) -> Any:
        error = x @ self.theta - y
        return np.sum(error**2), 2 * x.T @ error


def test_a_method_may_return_its_loss_and_gradient() -> None:
    model, x, y = Regression(), RNG.normal(size=(6, 3)), RNG.normal(size=6)
    for check in (
        verify.function(model.cost, model.theta, x, y),
        verify.function(model.cost_of_own, x, y),
        verify.function(Regression.cost, model, model.theta, x, y),
    ):
        assert check.ok, str(check)


class Buffered:
    """Layers that forward writes to in place, the first with a 1 for the bias; the weights are updated in backward."""

    def __init__(self) -> None:
        self.layers = [np.ones(4), np.ones(5), np.ones(2)]
        self.weights = [RNG.normal(size=(4, 5)), RNG.normal(size=(5, 2))]
        self.memory = np.zeros(5)

    def forward(self, x: Any) -> Any:
        self.layers[0][:-1] = x
        self.memory = 0.5 * self.memory + self.layers[0] @ self.weights[0]
        self.layers[1][...] = np.tanh(self.memory)
        self.layers[2][...] = self.layers[1] @ self.weights[1]
        return self.layers[2]

    def backward(self, y: Any, rate: float, power: int = 2) -> None:
        delta = self.layers[2] - y
        hidden = (self.weights[1] @ delta) * (1 - self.layers[1] ** power)
        self.weights[1] -= rate * np.outer(self.layers[1], delta)
        self.weights[0] -= rate * np.outer(self.layers[0], hidden)


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("power", [2, 1])
def test_what_forward_writes_to_is_no_parameter(named: bool, power: int) -> None:
    net, x, y = Buffered(), RNG.normal(size=3), RNG.normal(size=2)
    with verify(net) as check:
        out = net.forward(x)
        if named:
            check.loss_is("half squared error", out, y)
        else:
            check.loss = 0.5 * np.sum((out - y) ** 2)
        net.backward(y, 0.1, power)
        check.gradients_from_step(0.1)
    assert check.ok == (power == 2), str(check)
    assert check.first_wrong is None or "hidden = " in statement_at(__file__, check.first_wrong.line)
    assert {final.parameter.name for final in check.finals} == {"weights[0]", "weights[1]"}


class Held:
    """A parameter with its gradient, as libraries keep them."""

    def __init__(self, data: Any, grad: Any) -> None:
        self.data, self.grad = data, grad


def as_tuples(named: dict[str, Any]) -> Any:
    return list(named.values())


def as_layers(named: dict[str, Any]) -> Any:
    pairs = list(named.values())
    return [pairs[:2], pairs[2:]]


def as_dicts(named: dict[str, Any]) -> Any:
    return {name: {"value": pair[0], "gradient": pair[1]} for name, pair in named.items()}


def as_objects(named: dict[str, Any]) -> Any:
    return [Held(*pair) for pair in named.values()]


def gradient_first(named: dict[str, Any]) -> Any:
    return ([gradient, parameter] for parameter, gradient in named.values())


@pytest.mark.parametrize("form", [as_tuples, as_layers, as_dicts, as_objects, gradient_first])
@pytest.mark.parametrize("update", ["none", "in place", "by name"])
@pytest.mark.parametrize("factor", [2, 3])
def test_pairs_of_a_parameter_and_its_gradient_say_whose_it_is(form: Any, update: str, factor: int) -> None:
    net = {"u": RNG.normal(size=(3, 3)), "s": np.ones(3), "v": RNG.normal(size=(3, 3)), "t": np.ones(3)}
    x, y = RNG.normal(size=(7, 3)), RNG.normal(size=(7, 3))
    with verify(net) as check:
        hidden = np.tanh(x @ net["u"] + net["s"])
        error = hidden @ net["v"] + net["t"] - y
        check.loss = np.sum(error**2)
        one = 2 * error
        two = one @ net["v"].T * (1 - hidden**factor)
        gradients = [x.T @ two, two.sum(axis=0), hidden.T @ one, one.sum(axis=0)]
        for name, gradient in zip(net, gradients, strict=True):
            if update == "in place":
                net[name] -= 0.1 * gradient
            elif update == "by name":
                net[name] = net[name] - 0.1 * gradient
        check.gradients = form({name: pair for name, *pair in zip(net, net.values(), gradients, strict=True)})
    assert check.ok == (factor == 2), str(check)
    assert check.first_wrong is None or "two = " in statement_at(__file__, check.first_wrong.line)


def test_a_parameter_in_place_of_a_gradient_is_still_wrong() -> None:
    u, v, x = RNG.normal(size=(3, 3)), RNG.normal(size=(3, 3)), RNG.normal(size=(7, 3))
    for given in ((0, 1), (1, 0)):
        with verify(u=u, v=v) as check:
            out = x @ u @ v
            check.loss = 0.5 * np.sum(out**2)
            right = x.T @ out @ v.T, (x @ u).T @ out
            check.gradients = [u, right[1]] if given[0] else [right[0], v]
        assert not check.ok


# ---- losses that are computed after the update -----------------------------------------------------------------------

FIT = """
import numpy as np

rng = np.random.default_rng(3)
x, labels = rng.normal(size=(8, 2)), rng.integers(0, 3, 8)
x_test, labels_test = rng.normal(size=(5, 2)), rng.integers(0, 3, 5)
decay, rate = 0.02, 0.1


def forward(net, x):
    hidden = np.tanh(x @ net["W1"] + net["b1"])
    scores = np.exp(hidden @ net["W2"] + net["b2"])
    return hidden, scores / scores.sum(axis=1, keepdims=True)


def objective(net, x, labels):
    chances = forward(net, x)[1]
    total = -np.sum(np.log(chances[np.arange(len(x)), labels]))
    total += decay / 2 * np.sum(net["W1"] ** 2)
    total += decay / 2 * np.sum(net["W2"] ** 2)
    return total / len(x)


def fit(width, turns=20):
    W1, b1 = rng.normal(size=(2, width)), np.zeros((1, width))
    W2, b2 = rng.normal(size=(width, 3)), np.zeros((1, 3))
    for turn in range(turns):
        net = {"W1": W1, "b1": b1, "W2": W2, "b2": b2}
        hidden, chances = forward(net, x)
        delta = chances
        delta[np.arange(len(x)), labels] -= 1
        dW2, db2 = hidden.T @ delta, delta.sum(axis=0, keepdims=True)
        back = delta @ W2.T * (1 - hidden**2)
        dW1, db1 = x.T @ back, back.sum(axis=0, keepdims=True)
        dW2 += decay * W2
        dW1 += decay * W1
        W1 -= rate * dW1
        b1 -= rate * db1
        W2 -= rate * dW2
        b2 -= rate * db2
        net = {"W1": W1, "b1": b1, "W2": W2, "b2": b2}
        print("loss: %f" % objective(net, x, labels))
    return net


fit(4)
"""
AVERAGED = [(f"decay * W{i}\n", f"decay / len(x) * W{i}\n") for i in (1, 2)]
SCRIPTS: dict[str, list[tuple[str, str]]] = {
    "in place": [],
    "by name": [(f"{name} -= rate * d{name}", f"{name} = {name} - rate * d{name}") for name in ("W1", "b1", "W2")],
    "a mean": [("labels] -= 1", "labels] -= 1; delta /= len(x)"), *AVERAGED],
}
MISTAKES = [
    ("(1 - hidden**2)", "(1 - hidden)"),
    ("dW1 += decay * W1", "dW1 -= decay * W1"),
]


def turn_of(tmp_path: Path, text: str, loss: str | None, *changes: tuple[str, str]) -> Any:
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path = tmp_path / "train.py"
    path.write_text(text)
    return checks_of(str(path), loss)[0]


@pytest.mark.parametrize("loss", [None, "objective"])
@pytest.mark.parametrize("form", SCRIPTS)
def test_a_loss_that_is_printed_after_the_update_is_that_of_the_weights_before(
    loss: str | None, form: str, tmp_path: Path
) -> None:
    check = turn_of(tmp_path, FIT, loss, *SCRIPTS[form])
    assert check.ok, str(check)
    assert any("after the update" in note for note in check.notes)


@pytest.mark.parametrize(("old", "new"), MISTAKES)
def test_a_mistake_is_found_by_a_loss_after_the_update(old: str, new: str, tmp_path: Path) -> None:
    first = turn_of(tmp_path, FIT, None, (old, new)).first_wrong
    assert first is not None
    assert new in statement_at(first.file, first.line)


@pytest.mark.parametrize("slope", ["delta", "np.sign(delta) * delta**2"])
def test_a_loss_of_other_data_accuses_nobody(slope: str, tmp_path: Path) -> None:
    other = ("% objective(net, x, labels)", "% objective(net, x_test, labels_test)")
    check = turn_of(tmp_path, FIT, "objective", other, ("hidden.T @ delta", f"hidden.T @ ({slope})"))
    assert check.first_wrong is None
    assert "objective was computed from weights that the gradients had already updated" in str(check.problem)


# ---- penalties of a loss that is nowhere computed --------------------------------------------------------------------

QUIET = ('        print("loss: %f" % objective(net, x, labels))\n', "")
PENALTIES: dict[str, list[tuple[str, str]]] = {
    "in place": [],
    "of one": [("        dW1 += decay * W1\n", "")],
    "in the sum": [("x.T @ back,", "x.T @ back + decay * W1,"), ("        dW1 += decay * W1\n", "")],
    "a mean": SCRIPTS["a mean"],
    "averaged": [
        ("hidden.T @ delta,", "hidden.T @ delta / len(x) + decay * W2 / len(x),"),
        ("        dW2 += decay * W2\n", ""),
        ("delta.sum(axis=0, keepdims=True)", "delta.mean(axis=0, keepdims=True)"),
        ("x.T @ back,", "x.T @ back / len(x),"),
        ("back.sum(axis=0, keepdims=True)", "back.mean(axis=0, keepdims=True)"),
        ("dW1 += decay * W1", "dW1 += 2 * decay * W1"),
    ],
    "of some": [("dW1 += decay * W1", "dW1[1:] += decay * W1[1:]")],
    "absolute": [("dW1 += decay * W1", "dW1 += decay * np.sign(W1)")],
    "uphill": [
        ("labels] -= 1", "labels] -= 1; delta *= -1"),
        ("+= decay", "-= decay"),
        *[(f"{name} -= rate", f"{name} += rate") for name in ("W1", "b1", "W2", "b2")],
    ],
}


@pytest.mark.parametrize("form", PENALTIES)
def test_a_penalty_of_no_loss_is_taken_for_one(form: str, tmp_path: Path) -> None:
    check = turn_of(tmp_path, FIT, None, QUIET, *PENALTIES[form])
    assert check.ok, str(check)
    assert any("the gradient of a penalty" in note for note in check.notes)


@pytest.mark.parametrize(("old", "new"), [MISTAKES[0], ("dW1 += decay * W1", "dW1 += decay * W1.mean()")])
def test_a_mistake_beside_a_penalty_is_found(old: str, new: str, tmp_path: Path) -> None:
    first = turn_of(tmp_path, FIT, None, QUIET, (old, new)).first_wrong
    assert first is not None
    assert new in statement_at(first.file, first.line)


OWN = ("delta = chances\n", "loss = -np.sum(np.log(chances[np.arange(len(x)), labels])); delta = chances\n")


@pytest.mark.parametrize("form", ["in place", "in the sum"])
def test_a_decay_of_all_weights_that_their_own_loss_has_not_is_meant(form: str, tmp_path: Path) -> None:
    check = turn_of(tmp_path, FIT, None, QUIET, OWN, *PENALTIES[form])
    assert check.ok, str(check)
    assert "with a decay of" in check.convention


def test_a_penalty_of_one_matrix_that_their_own_loss_has_not_is_told_as_that(tmp_path: Path) -> None:
    unnamed = ("dW2 += decay * W2", "dW2 += 0.02 * W2")
    first = turn_of(tmp_path, FIT, None, QUIET, OWN, *PENALTIES["of one"], unnamed).first_wrong
    assert first.kind == "regularisation"
    assert "0.02 * W2" in statement_at(first.file, first.line)


PENALISED = """
import numpy as np

rng = np.random.default_rng(14)
x, y = rng.normal(size=(9, 3)), rng.normal(size=(9, 2))
w, b = rng.normal(size=(3, 2)), np.zeros(2)
l1, l2 = 0.01, 0.04
for turn in range(3):
    error = x @ w + b - y
    data = np.mean(error**2)
    BEFORE
    dw, db = 2 * x.T @ error / error.size, 2 * error.sum(axis=0) / error.size
    dw += l1 * np.sign(w) + l2 * w
    w -= 0.1 * dw
    b -= 0.1 * db
    AFTER
"""
OF_BOTH = "l1 * np.abs(w).sum() + 0.5 * l2 * np.sum(w**2)"
PRINTED_AS: dict[str, tuple[str, str]] = {
    "alone": ("pass", 'print("mean squared error", data)'),
    "beside it": (f"penalty = {OF_BOTH}", "print(data, penalty)"),
    "beside it, of the weights after": ("pass", f'print("data", data, "penalty", {OF_BOTH})'),
}


@pytest.mark.parametrize("printed", PRINTED_AS)
@pytest.mark.parametrize("scale", ["", "2 * "])
def test_what_is_printed_may_be_the_loss_without_its_penalties(printed: str, scale: str, tmp_path: Path) -> None:
    before, after = PRINTED_AS[printed]
    text = PENALISED.replace("BEFORE", before).replace("AFTER", after).replace("* w\n", f"* {scale}w\n")
    check = turn_of(tmp_path, text, None)
    if scale and printed == "beside it":
        assert check.first_wrong.kind == "regularisation", str(check)
    elif not scale:
        assert check.ok, str(check)
        assert ("penalty of weights, which is no part" in check.convention) == (printed == "alone")


@pytest.mark.parametrize(
    ("old", "new"), [("+ l2 * w", "- l2 * w"), ("sign(w)", "sign(w.T)"), ("2 * x.T @", "3 * x.T @")]
)
def test_a_mistake_beside_a_penalty_that_is_not_printed_is_told(old: str, new: str, tmp_path: Path) -> None:
    square = PENALISED.replace("(9, 2)", "(9, 3)").replace("(3, 2)", "(3, 3)").replace("zeros(2)", "zeros(3)")
    text = square.replace("BEFORE", "pass").replace("AFTER", "print(data)")
    first = turn_of(tmp_path, text, None, (old, new)).first_wrong
    assert new in statement_at(first.file, first.line)


# ---- where weights are kept ------------------------------------------------------------------------------------------

REBUILT = """
import numpy as np

rng = np.random.default_rng(3)
x, y = rng.normal(size=(8, 3)), rng.normal(size=(8, 2))
params = {"W": rng.normal(size=(3, 2)), "b": np.zeros(2)}
for _ in range(9):
    W, b = params["W"], params["b"]
    error = x @ W + b - y
    loss = np.sum(error**2)
    dW, db = 2 * x.T @ error, 2 * error.sum(axis=0)
    params = {"W": W - 0.1 * dW, "b": b - 0.1 * db}
"""


def test_weights_may_be_held_by_a_new_dict_each_turn(tmp_path: Path) -> None:
    assert turn_of(tmp_path, REBUILT, None).ok
    assert turn_of(tmp_path, REBUILT, None, ("2 * x.T", "3 * x.T")).first_wrong.kind == "scale-factor"


def test_weights_may_be_views_of_one_vector() -> None:
    theta, x, y = RNG.normal(size=20), RNG.normal(size=(7, 3)), RNG.normal(size=(7, 2))
    net = {"W1": theta[:12].reshape(3, 4), "W2": theta[12:].reshape(4, 2)}
    with verify(net) as check:
        hidden = np.tanh(x @ net["W1"])
        error = hidden @ net["W2"] - y
        check.loss = 0.5 * np.sum(error**2)
        back = error @ net["W2"].T * (1 - hidden**2)
        theta -= 0.1 * np.concatenate([(x.T @ back).ravel(), (hidden.T @ error).ravel()])
        check.gradients_from_step(0.1)
    assert check.ok, str(check)


def test_lists_have_places_of_their_own() -> None:
    net, x, y = Buffered(), RNG.normal(size=3), RNG.normal(size=2)
    with verify(net) as check:
        net.forward(x)
        net.backward(y, 0.1)
        check.loss = 0.5 * np.sum((net.forward(x) - y) ** 2)
        check.gradients_from_step(0.1)
    assert "before the update" in str(check.problem)


class Gate:
    """A layer whose passes have names of their own."""

    def __init__(self) -> None:
        self.w, self.b = RNG.normal(size=(3, 2)), np.zeros(2)

    def there(self, x: Any) -> Any:
        self.x, self.y = x, np.tanh(x @ self.w + self.b)
        return self.y

    def and_back(self, dy: Any) -> Any:
        slope = dy * (1 - self.y**2)
        self.dw, self.db = self.x.T @ slope, slope.sum(axis=0)
        return slope @ self.w.T


def test_of_two_methods_the_parameters_of_their_object_are_judged() -> None:
    gate = Gate()
    check = verify.layer((gate.there, gate.and_back), RNG.normal(size=(5, 3)))
    assert check.ok, str(check)
    assert len(check.finals) == 3
