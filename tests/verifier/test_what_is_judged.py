"""Programs that say little of what they train: no loss, parameters that a fit makes, updates of other forms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.verifier.files import check_of_script, module_of
from tinygrad_scratch import verify
from tinygrad_scratch.verifier.script import checks_of
from tinygrad_scratch.verifier.verdicts import by_one_loss

DATA = """
import numpy as np
rng = np.random.default_rng(4)
x, t = rng.normal(size=(7, 3)), rng.uniform(0.1, 0.9, size=(7, 2))
v, w, rate = rng.normal(size=(3, 4)), rng.normal(size=(4, 2)), 0.1
"""
NET = (
    DATA
    + """
for _ in range(20):
    h = np.tanh(x @ v)
    out = 1 / (1 + np.exp(-(h @ w)))
    miss = t - out
    d_out = miss * out * (1 - out)
    d_h = d_out @ w.T * (1 - h ** 2)
    w += rate * h.T @ d_out
    v += rate * x.T @ d_h
"""
)


def script(tmp_path: Path, text: str, *changes: tuple[str, str]) -> Any:
    """The check of a script, with some of its text changed."""
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "train.py"
    path.write_text(text)
    return checks_of(str(path))[0]


def test_a_script_without_a_loss_is_right(tmp_path: Path) -> None:
    assert script(tmp_path, NET).ok


# ---- which way -------------------------------------------------------------------------------------------------------


def test_one_sign_turns_all_updates(tmp_path: Path) -> None:
    first = script(tmp_path, NET, ("t - out", "out - t")).first_wrong
    assert (first.name, first.kind, first.certainty) == ("miss", "sign", "fits")


def test_a_residual_that_the_loss_is_made_of_has_the_wrong_sign() -> None:
    x, t = np.random.default_rng(0).normal(size=(6, 3)), np.arange(6.0)

    class Line:
        def fit(self, sign: float) -> None:
            self.w, self.b = np.zeros(3), np.float64(0.0)
            rest = sign * (t - (x @ self.w + self.b))
            self.w += 0.1 * x.T @ rest / 6
            self.b += 0.1 * rest.mean()
            self.cost = (rest**2).mean() / 2

    for sign in (1.0, -1.0):
        line = Line()
        with verify(line) as check:
            line.fit(sign)
        assert check.ok == (sign > 0), str(check)
    assert check.first_wrong is not None
    assert check.first_wrong.name == "rest"
    assert check.first_wrong.kind == "sign"


# ---- a loss that nobody named ----------------------------------------------------------------------------------------


def test_what_can_be_no_slope_is_wrong_by_an_assumed_loss(tmp_path: Path) -> None:
    check = script(tmp_path, NET, ("t - out", "t + out"))
    assert (check.first_wrong.name, check.first_wrong.kind) == ("miss", "sign")
    assert check.first_wrong.certainty == "fits"
    assert "squared error of out and t is assumed" in " ".join(check.notes)


def test_a_factor_twice_is_wrong_by_an_assumed_loss(tmp_path: Path) -> None:
    check = script(tmp_path, NET, ("miss * out * (1 - out)", "miss * out * (1 - out) * (1 - out)"))
    assert check.first_wrong.kind == "scale-factor"
    assert "is assumed" in " ".join(check.notes)


def test_the_slope_of_a_loss_of_their_own_is_not_accused(tmp_path: Path) -> None:
    check = script(tmp_path, NET, ("miss * out * (1 - out)", "miss * (1 - out ** 2)"))
    assert check.first_wrong is None, str(check)
    assert not check.ok


def test_a_number_alone_fits_no_loss_up_to_a_factor(tmp_path: Path) -> None:
    text = DATA + "t, u, b = t[:, 0], w[:3, 0], rng.normal(size=())\n"
    text += "for _ in range(9):\n    out = x @ u + b\n    u += 0.1 * x.T @ t ** 3\n    b += 0.1 * t.mean()\n"
    assert "1 of 2 gradients fit" not in " ".join(script(tmp_path, text).notes)


# ---- updates ---------------------------------------------------------------------------------------------------------


HANDED_ON = """
import numpy as np

def handed_on(function):
    def wrapper(*args):
        return function(*args)
    return wrapper

@handed_on
def forward(z):
    return z * np.tanh(z)

@handed_on
def backward(outer, parts, z):
    return np.sum(np.array(parts), axis=0) * outer * (np.tanh(z) + z * (1 - np.tanh(z) ** 2))
"""


def test_ones_under_the_name_of_a_parameter_are_no_step(tmp_path: Path) -> None:
    """The first argument is the parameter in one call, and the gradient of what comes after in another."""
    module = module_of(tmp_path / "handed_on.py", HANDED_ON)
    rng = np.random.default_rng(0)
    z, weight = rng.normal(size=(7, 4)), rng.normal(size=(7, 4))
    with verify(z=z) as check:
        check.loss = np.sum(module.forward(z) * weight)
        check.gradients = {"z": module.backward(np.ones((7, 4)), [weight], z)}
    assert check.ok, str(check)


def test_a_parameter_that_is_replaced_by_its_step(tmp_path: Path) -> None:
    first = script(tmp_path, NET, ("w += rate * h", "w = rate * h")).first_wrong
    assert (first.name, first.kind, first.line) == ("w", "overwritten-accumulation", 13)
    assert first.should_be == "w += rate * h.T @ d_out"


def net() -> tuple[list[Any], Any, Any]:
    rng = np.random.default_rng(1)
    return [rng.normal(size=(3, 4)), rng.normal(size=(4, 2))], rng.normal(size=(6, 3)), rng.normal(size=(6, 2))


class Two:
    """Two layers, updated in lists that are made anew."""

    def __init__(self) -> None:
        self.weights, self.x, self.t = net()
        self.biases = [np.zeros(4), np.ones(2)]

    def loss(self) -> Any:
        self.h = np.tanh(self.x @ self.weights[0] + self.biases[0])
        self.out = self.h @ self.weights[1] + self.biases[1]
        return np.sum((self.out - self.t) ** 2)

    def step(self, updates: bool) -> None:
        d_out = 2 * (self.out - self.t)
        d_h = d_out @ self.weights[1].T * (1 - self.h**2)
        slopes = [self.x.T @ d_h, self.h.T @ d_out]
        self.weights = [w - 0.1 * s if updates else w for w, s in zip(self.weights, slopes, strict=True)]
        self.biases = [b - 0.1 * s.sum(axis=0) for b, s in zip(self.biases, [d_h, d_out], strict=True)]


def test_parameters_that_no_update_changes() -> None:
    for updates in (True, False):
        two = Two()
        with verify(two) as check:
            check.loss = two.loss()
            two.step(updates)
        assert check.ok == updates, str(check)
    assert check.first_wrong is not None
    assert check.first_wrong.kind == "missing-term"
    assert "stays as it was" in check.first_wrong.sentence


def test_momentum_and_kept_gradients_replace_no_parameter() -> None:
    class Moving(Two):
        def __init__(self) -> None:
            super().__init__()
            self.speed, self.last = [np.zeros((3, 4)), np.zeros((4, 2))], [np.zeros((3, 4)), np.zeros((4, 2))]

        def step(self, updates: bool) -> None:
            d_out = 2 * (self.out - self.t)
            d_h = d_out @ self.weights[1].T * (1 - self.h**2)
            self.last = [self.x.T @ d_h, self.h.T @ d_out]
            self.speed = [0.0 * s + 0.1 * g for s, g in zip(self.speed, self.last, strict=True)]
            self.weights = [w - s for w, s in zip(self.weights, self.speed, strict=True)]
            self.biases = [b - 0.1 * d.sum(axis=0) for b, d in zip(self.biases, [d_h, d_out], strict=True)]

    moving = Moving()
    with verify(moving) as check:
        for _ in range(2):
            check.loss = moving.loss()
            moving.step(True)
    assert check.first_wrong is None, str(check)


def test_a_gradient_twice_in_an_update(tmp_path: Path) -> None:
    first = script(tmp_path, NET, ("w += rate * h.T @ d_out", "g = -h.T @ d_out\n    w -= rate * g * g")).first_wrong
    assert first.line == 14
    adaptive = "g = -h.T @ d_out\n    w -= rate * g / (np.sqrt(g * g) + 1e-8)"
    assert script(tmp_path, NET, ("w += rate * h.T @ d_out", adaptive)).first_wrong is None


# ---- whose gradient --------------------------------------------------------------------------------------------------


def gradients_of(axis: int) -> Any:
    """A check of two layers whose gradients are returned layer by layer, the last one first."""

    def back(above: Any, given: Any) -> tuple[Any, Any]:
        dw, db = given.T @ above, above.sum(axis=axis)
        return dw, db

    two = Two()
    x, targets = two.x, two.t
    del two.x, two.t
    with verify(two) as check:
        h = np.tanh(x @ two.weights[0] + two.biases[0])
        out = h @ two.weights[1] + two.biases[1]
        check.loss = np.sum((out - targets) ** 2)
        d_out = 2 * (out - targets)
        d_h = d_out @ two.weights[1].T * (1 - h**2)
        check.gradients = [back(d_out, h), back(d_h, x)]
    return check


def test_gradients_of_wrong_shapes_stand_in_the_order_of_the_others() -> None:
    assert gradients_of(0).ok
    check = gradients_of(1)
    assert not check.unsure
    assert check.first_wrong.kind == "broadcasting-shape"
    assert check.first_wrong.name == "db"


def test_a_key_says_whose_gradient_it_is() -> None:
    rng = np.random.default_rng(3)
    params, x = {"W1": rng.normal(size=(3, 4)), "W2": rng.normal(size=(4, 2))}, rng.normal(size=(6, 3))
    with verify(params) as check:
        h = np.tanh(x @ params["W1"])
        check.loss = np.sum((h @ params["W2"]) ** 2)
        d = 2 * h @ params["W2"]
        dw = h.T @ d
        check.gradients = {"W1": dw, "W2": dw}
    assert [final.parameter.name for final in check.finals] == ["W2", "W1"]
    assert not check.ok


# ---- where parameters and outputs are --------------------------------------------------------------------------------


def test_a_fit_that_draws_and_scales_its_parameters() -> None:
    _, x, t = net()

    class Model:
        rate = 0.1

        def fit(self, factor: float) -> None:
            rng = np.random.default_rng(0)
            self.w = {"1": rng.normal(size=(3, 4)) * 0.1, "2": rng.normal(size=(4, 2)) * 0.1}
            h = np.tanh(x @ self.w["1"])
            miss = h @ self.w["2"] - t
            d_out, d_in = h.T @ miss, x.T @ (miss @ self.w["2"].T * (1 - h**2)) * factor
            self.w["1"] -= self.rate * d_in
            self.w["2"] -= self.rate * d_out

    for factor in (1.0, 3.0):
        model = Model()
        with verify(model) as check:
            model.fit(factor)
        assert len(check.finals) == 2
        assert check.ok == (factor == 1.0), str(check)
    assert check.first_wrong is not None
    assert check.first_wrong.name == "d_in"


def test_a_layer_whose_forward_returns_nothing() -> None:
    class Layer:
        def __init__(self) -> None:
            self.w = np.random.default_rng(0).normal(size=(3, 2))

        def forward(self, x: Any) -> None:
            self.x = x
            self.Result = x @ self.w

        def backward(self, above: Any) -> None:
            self.dw = self.x.T @ above
            self.dx = above @ self.w.T

    assert verify.layer(Layer(), np.random.default_rng(1).normal(size=(4, 3))).ok


def test_a_function_that_was_put_into_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(np, "logistic", lambda z: 1 / (1 + np.exp(-z)), raising=False)
    w, x = np.ones((3, 2)), np.random.default_rng(2).normal(size=(4, 3))
    for power in (1, 2):
        with verify(w=w) as check:
            a = np.logistic(x @ w)  # type: ignore[attr-defined]
            check.loss = np.sum(a)
            check.gradients = {"w": x.T @ (a * (1 - a) ** power)}
        assert check.ok == (power == 1)
    assert check.first_wrong is not None


# ---- conventions of some of the gradients ----------------------------------------------------------------------------

AVERAGING = """
import numpy as np

class Averaging:
    def __init__(self, rng):
        self.W, self.b = rng.normal(size=(3, 4)), rng.normal(size=4)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        n = len(self.x)
        self.dW = self.x.T @ dout / n
        self.db = dout.sum(axis=0) / n
        return dout @ self.W.T
"""


@pytest.mark.parametrize(
    ("old", "new", "convention", "kind"),
    [
        ("", "", "averaged in the layer", ""),
        ("dout.sum(axis=0) / n", "dout.sum(axis=0)", "", "missing-batch-sum-or-mean"),
        ("return dout @ self.W.T", "return dout @ self.W.T / n", "", "missing-batch-sum-or-mean"),
    ],
)
def test_a_layer_may_average_what_it_keeps(tmp_path: Path, old: str, new: str, convention: str, kind: str) -> None:
    module = module_of(tmp_path / "averaging.py", AVERAGING.replace(old, new) if old else AVERAGING)
    rng = np.random.default_rng(1)
    check = verify.layer(module.Averaging(rng), rng.normal(size=(7, 3)))
    assert check.convention.startswith(convention) if convention else not check.ok, str(check)
    assert kind == (check.first_wrong.kind if check.first_wrong else ""), str(check)


UPDATING = """
import numpy as np

class Updating:
    def __init__(self, rng):
        self.W, self.b = rng.normal(size=(3, 4)), rng.normal(size=4)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout, rate):
        dW = self.x.T @ dout
        self.W -= rate * (dW / len(self.x))
        self.b -= rate * np.mean(dout, axis=0)
        return dout @ self.W.T
"""


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("dout @ self.W.T", "dout @ (self.W + rate * dW / len(self.x)).T", ""),
        ("rate * (dW / len(self.x))", "rate * dW", "missing-batch-sum-or-mean"),
    ],
)
def test_an_update_may_average(tmp_path: Path, old: str, new: str, kind: str) -> None:
    module = module_of(tmp_path / "updating.py", UPDATING.replace(old, new))
    rng = np.random.default_rng(1)
    check = verify.layer(module.Updating(rng), rng.normal(size=(7, 3)))
    found = [mistake.kind for mistake in check.causes]
    assert kind in found if kind else "averaged" in check.convention, str(check)


STEPS = """
import numpy as np

def steps(x, W, b, goal, lr):
    error = x @ W + b - goal
    step = lr * x.T @ error
    db = error.sum(axis=0)
    return step, db
"""


@pytest.mark.parametrize(("old", "new", "ok"), [("", "", True), ("lr * x.T @ error", "2 * lr * x.T @ error", False)])
def test_some_gradients_may_carry_the_rate(tmp_path: Path, old: str, new: str, ok: bool) -> None:
    module = module_of(tmp_path / "steps.py", STEPS.replace(old, new) if old else STEPS)
    rng = np.random.default_rng(1)
    x, goal, w, b = rng.normal(size=(7, 3)), rng.normal(size=(7, 2)), rng.normal(size=(3, 2)), rng.normal(size=2)
    with verify(w=w, b=b) as check:
        check.loss = 0.5 * np.sum((x @ w + b - goal) ** 2)
        step, db = module.steps(x, w, b, goal, 0.05)
        check.gradients = {"w": step, "b": db}
    assert check.ok == ok, str(check)
    assert check.convention.startswith("times lr") == ok, str(check)


PICKED = """
import numpy as np

def squashed(x):
    x = np.asarray(x)
    out = np.zeros_like(x)
    high = x >= 0
    out[high] = 1 / (1 + np.exp(-x[high]))
    out[~high] = np.exp(x[~high]) / (1 + np.exp(x[~high]))
    return out
"""


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_mask_picks_of_a_single_number_too(tmp_path: Path, sign: float) -> None:
    squashed = module_of(tmp_path / "picked_of_number.py", PICKED).squashed
    x, w = np.array([0.5, 1.2, 0.3]), sign * np.array([0.2, 0.9, 0.4])
    with verify(w=w) as check:
        s = squashed(x @ w)
        check.loss = 0.5 * np.sum(s**2)
        check.gradients = {"w": x * (s * s * (1 - s))}
    assert check.ok, str(check)


def test_a_variable_may_be_called_as_a_well_known_loss_is(tmp_path: Path) -> None:
    script = tmp_path / "counts.py"
    script.write_text(
        DATA
        + """
counts = np.round(3 * t)
w = rng.normal(size=(3, 2)) * 0.3
for _ in range(20):
    eta = x @ w
    nll = np.mean(np.sum(np.exp(eta) - counts * eta, axis=1)) + 0.05 * np.sum(w ** 2)
    slope = (np.exp(eta) - counts) / len(x)
    grad_w = x.T @ slope + 0.1 * w
    w -= rate * grad_w
""",
        encoding="utf-8",
    )
    (check,) = checks_of(str(script), loss="nll")
    assert check.ok, str(check)
    assert check.entry.loss_name == "nll"


IN_FRONT = """
import numpy as np

def loss_and_grads(params, x, goal):
    kept = []
    for layer in params["layers"]:
        kept.append(x)
        x = np.tanh(x @ layer["W"] + layer["b"])
        kept.append(x)
    grads, d = {"layers": []}, x - goal
    for i, layer in reversed(list(enumerate(params["layers"]))):
        d = d * (1 - kept[2 * i + 1] ** 2)
        dw = kept[2 * i].T @ d
        db = d.sum(axis=0)
        grads["layers"].insert(0, {"W": dw, "b": db})
        d = d @ layer["W"].T
    return 0.5 * np.sum((x - goal) ** 2), grads
"""


def test_what_was_put_in_front_of_a_list_is_of_its_place_at_the_end(tmp_path: Path) -> None:
    module = module_of(tmp_path / "in_front.py", IN_FRONT)
    rng = np.random.default_rng(3)
    params = {"layers": [{"W": rng.normal(size=(4, 4)), "b": rng.normal(size=4)} for _ in range(2)]}
    with verify(params) as check:
        x, goal = rng.normal(size=(7, 4)), rng.normal(size=(7, 4))
        check.loss, check.gradients = module.loss_and_grads(params, x, goal)
    assert check.ok, str(check)


# ---- losses that are assumed -----------------------------------------------------------------------------------------


def test_what_whole_numbers_lack_is_found() -> None:
    rng = np.random.default_rng(0)
    x, w, goal = rng.normal(size=(6, 3)), rng.normal(size=3), np.array([0, 1, 1, 0, 1, 0])
    with verify(w=w) as check:
        out = 1 / (1 + np.exp(-(x @ w)))
        check.loss = 0.5 * np.sum((out - goal) ** 2)
        delta = out * (1 - out) * goal
        check.gradients = {"w": -x.T @ delta}
    assert check.first_wrong is not None
    assert (check.first_wrong.name, check.first_wrong.kind) == ("delta", "missing-term"), str(check)


NUMBER = """
import numpy as np
rng = np.random.default_rng(2)
x, t = rng.normal(size=(7, 3)), (rng.random(7) > 0.5) * 1.0
w, b, rate = rng.normal(size=3), 0.0, 0.1
for _ in range(5):
    out = 1 / (1 + np.exp(-(x @ w + b)))
    error = t
    w += rate * x.T @ error
    b += rate * error.mean()
    print(np.std(out))
"""


def test_some_number_is_no_loss_because_one_gradient_goes_with_it(tmp_path: Path) -> None:
    assert not script(tmp_path, NUMBER).ok


# ---- long runs -------------------------------------------------------------------------------------------------------

LONG = """
import numpy as np

class Cell:
    def __init__(self, rng):
        self.U, self.W = rng.normal(size=(3, 4)), rng.normal(size=(4, 4)) * 0.3

    def forward(self, x):
        self.x, self.h = x, [np.zeros((x.shape[1], 4))]
        for step in x:
            self.h.append(np.tanh(step @ self.U + self.h[-1] @ self.W))
        return self.h[-1]

    def backward(self, dout):
        self.dU, self.dW, dx = np.zeros_like(self.U), np.zeros_like(self.W), np.zeros_like(self.x)
        for t in reversed(range(len(self.x))):
            dz = dout * np.cos(self.h[t + 1]) * np.sin(self.h[t]) + self.x[t].sum()
            self.dU += self.x[t].T @ dz
            self.dW += self.h[t].T @ dz
            dx[t] = dz @ self.U.T
            dout = dz @ self.W.T
        return dx
"""


def test_a_search_that_finds_nothing_comes_to_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = module_of(tmp_path / "long.py", LONG)
    monkeypatch.setattr(by_one_loss, "MOST_AT_FIRST", 1_000)
    rng = np.random.default_rng(1)
    check = verify.layer(module.Cell(rng), rng.normal(size=(8, 2, 3)))
    assert check.first_wrong is not None
    assert check.first_wrong.certainty == "unexplained"
    assert any("The search ended early" in note for note in check.notes), check.notes  # with no limit nothing says so
    assert "The search ended early" in str(check)


IN_GLOBALS = """
import numpy as np

np.random.seed(4)
W1, W2 = np.random.randn(3, 4) * 0.5, np.random.randn(4, 2) * 0.5
b1, b2 = np.zeros((1, 4)), np.zeros((1, 2))

def forward(x):
    h = np.tanh(x @ W1 + b1)
    return h, h @ W2 + b2

def backward(x, y, h, out):
    global W1, W2, b1, b2
    d = (out - y) / len(x)
    dW2, db2 = h.T @ d, d.sum(axis=0, keepdims=True)
    dz = (d @ W2.T) * (1 - h**2)
    dW1, db1 = x.T @ dz, dz.sum(axis=0, keepdims=True)
    for parameter, gradient in zip([W1, W2, b1, b2], [dW1, dW2, db1, db2]):
        parameter -= 0.1 * gradient

for turn in range(6):
    x, y = np.random.randn(8, 3), np.random.randn(8, 2)
    h, out = forward(x)
    loss = 0.5 * np.sum((out - y) ** 2) / len(x)
    backward(x, y, h, out)
    print(loss)
"""


@pytest.mark.parametrize("wrong", ["", "dW1, db1 = x.T @ (2 * dz)"])
def test_weights_that_were_drawn_and_scaled_and_are_updated_by_another_name(tmp_path: Path, wrong: str) -> None:
    text = IN_GLOBALS.replace("dW1, db1 = x.T @ dz", wrong) if wrong else IN_GLOBALS
    check = check_of_script(tmp_path, text)
    assert len(check.finals) == 4, str(check)
    assert check.ok is not bool(wrong), str(check)
    if wrong:
        assert check.first_wrong is not None
        assert check.first_wrong.line == text[: text.index(wrong)].count("\n") + 1
