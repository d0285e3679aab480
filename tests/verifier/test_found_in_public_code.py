"""Forms of code that people publish, each made anew in its smallest form: what a check must say, and must not say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.verifier.files import module_of
from tinygrad_scratch import verify

RNG = np.random.default_rng(5)
X, Y = RNG.normal(size=(7, 3)), RNG.normal(size=(7, 2))


class Net:
    """One layer of tanh, with its gradients on itself."""

    def __init__(self) -> None:
        self.W, self.b = np.random.default_rng(1).normal(size=(3, 2)), np.zeros(2)

    def forward(self, x: Any) -> Any:
        self.x = x
        return np.tanh(x @ self.W + self.b)

    def backward(self, out: Any, y: Any) -> None:
        delta = (out - y) * (1 - out**2)
        self.dW, self.db = self.x.T @ delta, delta.sum(axis=0)

    def step_in_place(self) -> None:
        self.W -= 0.1 * self.dW
        self.b -= 0.1 * self.db

    def step(self) -> None:
        self.W = self.W - 0.1 * self.dW
        self.b = self.b - 0.1 * self.db


def half_squares(out: Any) -> Any:
    return 0.5 * np.sum((out - Y) ** 2)


# ---- training loops --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["step", "step_in_place"])
def test_of_several_turns_the_one_that_made_the_loss_is_judged(step: str) -> None:
    net = Net()
    with verify(net) as check:
        for _ in range(3):
            out = net.forward(X)
            loss = half_squares(out)
            net.backward(out, Y)
            getattr(net, step)()
        check.loss = loss
    assert check.ok, str(check)


@pytest.mark.parametrize("step", ["step", "step_in_place"])
def test_a_loss_after_the_update_accuses_nobody(step: str) -> None:
    net = Net()
    with verify(net) as check:
        net.backward(net.forward(X), Y)
        getattr(net, step)()
        check.loss = half_squares(net.forward(X))
    assert check.first_wrong is None
    assert "before the update" in str(check.problem)


def test_a_momentum_that_begins_as_the_number_0() -> None:
    weights, velocities = [RNG.normal(size=(3, 2))], [0]
    with verify(weights) as check:
        out = X @ weights[0]
        check.loss = half_squares(out)
        for i in range(1):
            change = X.T @ (out - Y)
            weights[i] += -0.1 * change + 0.0 * velocities[i]
    assert check.ok, str(check)


def test_an_unnamed_number_that_few_gradients_fit_is_no_loss() -> None:
    w, v = RNG.normal(size=3), RNG.normal(size=3)
    with verify(w=w, v=v) as check:
        hidden = X @ w
        np.sum(hidden) + np.sum(v) * 0.5
        check.gradients = {"w": X.T @ hidden, "v": X.T @ hidden * v}
    assert check.first_wrong is None
    assert "No loss was found" in str(check.problem)


# ---- gradients -------------------------------------------------------------------------------------------------------


class Uses:
    """A layer for each use of one matrix, each with a gradient of its own."""

    def __init__(self, w: Any) -> None:
        self.layers = [[w], [w]]
        self.grads = [np.zeros_like(w), np.zeros_like(w)]


@pytest.mark.parametrize(("factor", "right"), [(1.0, True), (3.0, False)])
def test_a_gradient_for_each_use_of_a_shared_parameter(factor: float, right: bool) -> None:
    uses = Uses(RNG.normal(size=(3, 2)))
    one, two, d = RNG.normal(size=(4, 3)), RNG.normal(size=(4, 3)), RNG.normal(size=(4, 2))
    with verify(uses) as check:
        check.loss = np.sum((one @ uses.layers[0][0] + two @ uses.layers[1][0]) * d)
        uses.grads[0][...] = one.T @ d
        uses.grads[1][...] = factor * two.T @ d
    assert check.ok == right


def test_a_parameter_without_a_gradient_is_not_passed_over() -> None:
    net = Net()
    with verify(net) as check:
        out = net.forward(X)
        check.loss = half_squares(out)
        check.gradients = {"W": X.T @ ((out - Y) * (1 - out**2))}
    assert not check.ok
    assert check.first_wrong is None
    assert "Where is the gradient of b" in str(check)


def test_small_gradients_beside_huge_ones_are_judged() -> None:
    w, v = RNG.normal(size=(3, 2)), np.array([1e-13])
    with verify(w=w, v=v) as check:
        check.loss = np.sum((X @ w) * Y) + np.sum(np.log(v))
        check.gradients = {"w": X.T @ (Y * 2), "v": 1 / v}
    assert check.first_wrong is not None


def test_a_bias_before_a_normalisation_has_a_gradient_of_zero() -> None:
    w, b = RNG.normal(size=(3, 2)), np.zeros(2)
    with verify(w=w, b=b) as check:
        z = X @ w + b
        check.loss = np.sum((z - z.mean(axis=0)) * Y)
        dz = Y - Y.mean(axis=0)
        check.gradients = {"w": X.T @ dz, "b": dz.sum(axis=0)}
    assert check.ok, str(check)


def test_a_gradient_that_is_zero_but_for_rounding_does_not_stop_the_judging() -> None:
    w, b, gamma = RNG.normal(size=(3, 2)), RNG.normal(size=2), RNG.normal(size=2)
    with verify(w=w, b=b, gamma=gamma) as check:
        z = X @ w + b
        unit = (z - z.mean(axis=0)) / np.sqrt(z.var(axis=0) + 1e-5)
        check.loss = 40 + np.sum(unit * gamma * Y)
        d = Y * gamma / np.sqrt(z.var(axis=0) + 1e-5)
        dz = d - d.mean(axis=0) - unit * (d * unit).mean(axis=0)
        check.gradients = {"w": -X.T @ dz, "b": dz.sum(axis=0), "gamma": (Y * unit).sum(axis=0)}
    assert check.first_wrong is not None, str(check)
    assert check.first_wrong.kind == "sign"


# ---- layers ----------------------------------------------------------------------------------------------------------


class Shifted:
    """A softmax that gives its argument another name's value, and whose backward is right but for a factor."""

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def forward(self, x: Any) -> Any:
        x = x - x.max(axis=1, keepdims=True)
        x = np.exp(x)
        x /= x.sum(axis=1, keepdims=True)
        self.out = x
        return x

    def backward(self, dout: Any) -> Any:
        product = self.out * dout
        return self.factor * (product - self.out * product.sum(axis=1, keepdims=True))


def test_an_argument_that_forward_gives_another_value_is_not_updated_by_that() -> None:
    assert verify.layer(Shifted(1.0), X).ok


def test_no_factor_is_left_open_where_the_gradient_from_above_is_given() -> None:
    assert verify.layer(Shifted(2.0), X).first_wrong.kind == "scale-factor"


def test_types_of_numpy_as_calls_stay_recorded() -> None:
    w = RNG.normal(size=(3, 2))
    with verify(w=w) as check:
        z = X @ w
        check.loss = np.float64(np.sum(np.maximum(z, 0) * Y))
        check.gradients = {"w": X.T @ (Y * np.int64(z > 0))}
    assert check.ok
    assert not check.tape.leaks


def test_what_left_numpy_accuses_nobody() -> None:
    w = RNG.normal(size=(3, 2))
    with verify(w=w) as check:
        z = X @ w
        share = complex(np.sum(z)).real
        check.loss = np.sum(z * Y) + 0.5 * share
        check.gradients = {"w": X.T @ (Y + 0.5)}
    assert check.first_wrong is None
    assert "share = complex(np.sum(z)).real" in str(check.problem)


# ---- the line, and the cause -----------------------------------------------------------------------------------------

RECURRENT = """
import numpy as np


class Recurrent:
    def __init__(self, rng):
        self.U, self.W = rng.normal(size=(4, 3)), rng.normal(size=(4, 4))

    def forward(self, x):
        self.x, steps = x, x.shape[1]
        self.states = np.zeros((x.shape[0], steps + 1, 4))
        for t in range(steps):
            self.states[:, t] = np.tanh(x[:, t] @ self.U.T + self.states[:, t - 1] @ self.W.T)
        return self.states[:, :-1]

    def backward(self, dout):
        dx = np.zeros_like(self.x)
        for t in range(dout.shape[1]):
            dx[:, t] = (dout[:, t] * (1 - self.states[:, t] ** 2)) @ self.U
        return dx
"""

SLOPES = """
import numpy as np


class Leaky:
    def forward(self, x):
        self.x = x
        return np.where(x > 0, x, 0.1 * x)

    def backward(self, dout):
        return dout * self.slope(self.x)

    def slope(self, x):
        return -np.where(x > 0, 1.0, 0.1)


class Tanh:
    def forward(self, x):
        self.x = x
        return np.tanh(x)

    def backward(self, dout):
        tanh_grad = -(1 - np.tanh(self.x) ** 2)
        return dout * tanh_grad
"""


def test_a_recurrence_that_is_left_out_is_named(tmp_path: Path) -> None:
    module = module_of(tmp_path / "recurrent_left_out.py", RECURRENT)
    layer = module.Recurrent(np.random.default_rng(0))
    x, d = RNG.normal(size=(4, 3, 3)), RNG.normal(size=(4, 3, 4))
    with verify(x=x) as check:
        check.loss = np.sum(layer.forward(x) * d)
        check.gradients = {"x": layer.backward(d)}
    first: Any = check.first_wrong
    assert (first.kind, first.certainty) == ("missing-term", "checked")
    assert "self.states[:, t - 1]" in first.sentence


@pytest.mark.parametrize(("name", "line"), [("Leaky", "return -np.where"), ("Tanh", "tanh_grad = -")])
def test_a_wrong_slope_is_named_where_it_is_made(name: str, line: str, tmp_path: Path) -> None:
    module = module_of(tmp_path / f"slopes_of_{name}.py", SLOPES)
    first = verify.layer(getattr(module, name)(), X).first_wrong
    assert first.kind == "sign"
    assert line in first.source


def test_a_wrong_number_is_left_out_of_the_text(tmp_path: Path) -> None:
    text = "import numpy as np\n\n\ndef gradient(x, d):\n    dw = 3 * x.T @ d\n    return dw\n"
    module = module_of(tmp_path / "three_times.py", text)
    w, v = RNG.normal(size=(3, 2)), RNG.normal(size=2)
    with verify(w=w, v=v) as check:
        out = X @ w
        check.loss = np.sum(out * Y * v)
        check.gradients = {"w": module.gradient(X, Y * v), "v": np.sum(out * Y, axis=0)}
    first: Any = check.first_wrong
    assert first.should_be == "x.T @ d"


UNSLOPED = """
import numpy as np


class Perceptron:
    def __init__(self, rng):
        self.rate = 0.3
        self.inner, self.outer = rng.normal(size=(5, 3)), rng.normal(size=(2, 5))

    def train(self, x, target):
        x, target = x.reshape(3, 1), target.reshape(2, 1)
        hidden = 1 / (1 + np.exp(-(self.inner @ x)))
        out = 1 / (1 + np.exp(-(self.outer @ hidden)))
        error = target - out
        hidden_error = self.outer.T @ error
        self.outer += self.rate * (error * out * (1 - out)) @ hidden.T
        self.inner += self.rate * (hidden_error * hidden * (1 - hidden)) @ x.T
"""


def test_of_two_losses_that_fit_one_gradient_each_the_one_nearest_to_the_output_decides(tmp_path: Path) -> None:
    module = module_of(tmp_path / "unsloped.py", UNSLOPED)
    network = module.Perceptron(np.random.default_rng(0))
    with verify(network) as check:
        network.train(RNG.normal(size=3), RNG.random(2))
    first: Any = check.first_wrong
    assert (first.name, first.kind) == ("hidden_error", "missing-derivative")
    assert first.should_be == "self.outer.T @ (error * out * (1 - out))"


def test_a_factor_in_all_and_another_slope_at_a_kink() -> None:
    w, b = RNG.normal(size=(3, 2)), np.zeros((1, 2))
    x = np.vstack([X, np.zeros((1, 3))])  # of which the last lies at the kink, as b is 0
    upstream = np.vstack([Y, Y[:1]])
    with verify(w=w, b=b) as check:
        z = x @ w + b
        check.loss = np.sum((np.maximum(z, 0) - upstream) ** 2) / (2 * len(x))
        dz = (np.maximum(z, 0) - upstream) * (z >= 0)  # of 1 at the kink, where 0 is taken for true
        check.gradients = {"w": x.T @ dz, "b": dz.sum(axis=0)}
    assert check.ok, str(check)
    assert "8 times the gradient throughout" in check.convention
    assert "kink" in check.convention


def test_a_delta_that_a_script_names_is_no_gradient_of_data_of_its_shape() -> None:
    net = Net()
    targets = np.zeros((7, 2))
    with verify(net) as check:
        for i in range(7):
            targets[i, i % 2] = 1
        out = net.forward(X)
        check.loss = -np.sum(targets * np.log(0.5 + 0.25 * out))
        d_out = -targets / (0.5 + 0.25 * out) * 0.25
        delta = d_out * (1 - out**2)
        net.W -= 0.1 * (0.0 * net.W + X.T @ delta)
        net.b -= 0.1 * delta.sum(axis=0)
    assert check.ok, str(check)


# ---- libraries, and ways of calling ----------------------------------------------------------------------------------


def test_what_a_library_makes_from_text_while_recording_is_the_librarys() -> None:
    library: dict[str, Any] = {"__name__": "library", "__file__": "/lib/site-packages/library.py", "np": np}
    exec(compile("def length(x):\n    return np.hypot(x, 2.0)\n", "<string>", "exec"), library)
    w = RNG.normal(size=(3, 2))
    with verify(w=w) as check:
        library["length"]([1.0, 2.0])
        check.loss = np.sum((X @ w) * Y)
        check.gradients = {"w": X.T @ Y}
    assert check.ok
    assert np.hypot not in {step.function for step in check.tape.steps}


@pytest.mark.parametrize("as_decorator", [False, True])
def test_vectorize_with_options_keeps_the_type_that_was_asked_for(as_decorator: bool) -> None:
    w = RNG.normal(size=(3, 2))

    def step(z: Any) -> Any:
        return 1 if z > 0 else 0

    with verify(w=w) as check:
        mask = np.vectorize(otypes=[float])(step) if as_decorator else np.vectorize(step, otypes=[float])
        z = X @ w
        check.loss = np.sum(np.maximum(z, 0) * Y)
        slopes = mask(z)
        check.gradients = {"w": X.T @ (Y * slopes)}
    assert check.ok, str(check)
    assert slopes.dtype == float


class Lazy:
    """Makes its bias when it is first called, by keywords of np.full."""

    start = 0.5

    def forward(self, x: Any) -> Any:
        self.b = np.full(shape=(3,), fill_value=self.start)
        return x + self.b

    def backward(self, dout: Any) -> Any:
        self.db = dout.sum(axis=0)
        return dout


def test_full_by_keywords() -> None:
    assert verify.layer(Lazy(), X).ok


class Passed:
    """A layer whose argument from above goes by a letter that others use for the rate."""

    def forward(self, x: Any) -> Any:
        self.mask = x > 0
        return x * self.mask

    def backward(self, eta: Any) -> Any:
        return eta * self.mask


def test_eta_alone_comes_from_above() -> None:
    assert verify.layer(Passed(), X).ok


# ---- single mistakes in such forms -----------------------------------------------------------------------------------

FORMS = """
import numpy as np


def cross_entropy(x, y):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    dx = (p - y) / len(x)
    return -np.sum(y * np.log(p + 1e-5)) / len(x), dx


def hinge(W, x, y):
    dW = np.zeros(W.shape)
    scores, loss = x @ W, 0.0
    for i in range(len(x)):
        for j in range(W.shape[1]):
            gap = scores[i, j] - scores[i, y[i]] + 1
            if j != y[i] and gap > 0:
                loss += gap
                dW[:, j] = dW[:, j] + x[i]
                dW[:, y[i]] = dW[:, y[i]] - x[i]
    dW = dW / len(x)
    return loss / len(x), dW


def slope(a):
    return a * (1 - a)


class Scaled:
    def __init__(self, rng):
        self.gamma = rng.random(3) + 0.5

    def forward(self, x):
        self.spread = x.std(axis=0)
        self.hat = (x - x.mean(axis=0)) / self.spread
        return 1 / (1 + np.exp(-(self.gamma * self.hat)))

    def backward(self, dout):
        a = 1 / (1 + np.exp(-(self.gamma * self.hat)))
        inner = self.weighted(dout, a)
        self.dgamma = np.sum(inner * self.hat, axis=0)
        dhat = inner * self.gamma
        return (dhat - dhat.mean(axis=0) - self.hat * (dhat * self.hat).mean(axis=0)) / self.spread

    def weighted(self, dout, a):
        return dout * slope(a)

class Two:
    def __init__(self, rng):
        self.W, self.V = rng.normal(size=(3, 4)), rng.normal(size=(4, 2))

    def loss(self, x, y):
        return np.sum((np.tanh(x @ self.W) @ self.V - y) ** 2) / (2 * len(x))

    def gradients(self, x, y):
        h = np.tanh(x @ self.W)
        above = h @ self.V - y
        dV = h.T @ above
        dz = above @ self.V.T * (1 - h**2)
        return {"W": x.T @ dz, "V": dV}
"""
ONE_HOT, CLASSES = np.eye(3)[[0, 2, 1, 1, 0, 2, 2]], np.array([0, 2, 1, 1, 0, 2, 2])


@pytest.mark.parametrize(
    ("form", "right", "wrong", "kind"),
    [
        ("cross_entropy", "(p - y) / len(x)", "(y - p) / len(x)", "sign"),
        ("hinge", "np.zeros(W.shape)", "np.zeros(W.shape, dtype=int)", "dtype-or-integer"),
        ("Scaled", "np.sum(inner * self.hat, axis=0)", "np.sum(inner, axis=0)", "missing-derivative"),
        ("Scaled", "return dout * slope(a)", "return dout * slope(a) * slope(a)", "scale-factor"),
        ("Scaled", "return dout * slope(a)", "return slope(a)", "missing-derivative"),
        ("Two", "* (1 - h**2)", "* (h**2 - 1)", "sign"),
    ],
)
def test_the_line_and_the_kind(form: str, right: str, wrong: str, kind: str, tmp_path: Path) -> None:
    assert FORMS.count(right) == 1
    line = FORMS[: FORMS.index(right)].count("\n") + 1
    for text in (FORMS, FORMS.replace(right, wrong)):
        module = module_of(tmp_path / f"forms_{form}_{text == FORMS}.py", text)
        kept: Any = getattr(module, form)
        if form == "cross_entropy":
            check = verify.function(kept, RNG.normal(size=(7, 3)), ONE_HOT)
        elif form == "hinge":
            check = verify.function(kept, RNG.normal(size=(3, 3)), X, CLASSES)
        elif form == "Scaled":
            check = verify.layer(kept(np.random.default_rng(2)), X)
        else:
            net = kept(np.random.default_rng(2))
            with verify(net) as check:
                check.loss = net.loss(X, Y)
                check.gradients = net.gradients(X, Y)
        if text == FORMS:
            assert check.ok, str(check)
    first: Any = check.first_wrong
    assert (first.line, first.kind, first.certainty) == (line, kind, "checked"), str(check)


SAMPLES = """
import numpy as np


class Sampled:
    def __init__(self, rng):
        self.layers = [rng.normal(size=(4, 3)), rng.normal(size=(2, 4))]

    def forward(self, x):
        for w in self.layers:
            x = np.tanh(w @ x)
        return x

    def one(self, x, y):
        made, inputs, out = [None, None], [], x
        for w in self.layers:
            inputs.append(out)
            out = np.tanh(w @ out)
        delta = (out - y) * (1 - out**2)
        made[1] = delta @ inputs[1].T
        delta = self.layers[1].T @ delta * (1 - inputs[1] ** 2)
        made[0] = delta @ inputs[0].T
        return made

    def learn(self, batch):
        sums = [np.zeros(w.shape) for w in self.layers]
        for x, y in batch:
            sums = [s + g for s, g in zip(sums, self.one(x, y))]
        self.layers = [w - (0.1 / len(batch)) * s for w, s in zip(self.layers, sums)]
"""


@pytest.mark.parametrize(("wrong", "kind"), [("", ""), ("-(delta @ inputs[0].T)", "sign")])
def test_a_mistake_in_each_sample_is_found_where_it_is_made(wrong: str, kind: str, tmp_path: Path) -> None:
    text = SAMPLES.replace("made[0] = delta @ inputs[0].T", f"made[0] = {wrong}") if wrong else SAMPLES
    net = module_of(tmp_path / f"sampled_{kind}.py", text).Sampled(np.random.default_rng(0))
    batch = [(RNG.normal(size=(3, 1)), RNG.random((2, 1))) for _ in range(4)]
    with verify(net) as check:
        check.loss = sum(0.5 * np.sum((net.forward(x) - y) ** 2) for x, y in batch) / len(batch)
        net.learn(batch)
    first: Any = check.first_wrong
    found = first and (first.kind, first.source, first.should_be)
    assert found == ((kind, f"made[0] = {wrong}", "delta @ inputs[0].T") if wrong else None), str(check)


def test_an_update_that_spreads_a_parameter_shows_its_gradient() -> None:
    net = Net()
    net.b = np.ones((1, 2))
    with verify(net) as check:
        out = net.forward(X)
        check.loss = half_squares(out)
        delta = (out - Y) * (1 - out**2)
        net.W = net.W - 0.1 * (X.T @ delta)
        net.b = net.b - 0.1 * delta.sum(axis=1, keepdims=True)
    first: Any = check.first_wrong
    assert (first.kind, first.of) == ("broadcasting-shape", "b"), str(check)


class Link:
    """An edge of a network of nodes that know each other, with a weight that is a number."""

    def __init__(self, weight: float, one: Any, other: Any) -> None:
        self.one, self.other, self.weight, self.gradient = one, other, weight, 0.0
        one.out.append(self)
        other.into.append(self)


class Cell:
    def __init__(self) -> None:
        self.out: list[Link] = []
        self.into: list[Link] = []
        self.value = self.delta = 0.0


def test_numbers_on_objects_that_know_each_other_go_with_the_gradient_on_the_same_object() -> None:
    inputs, middle, last = [[Cell() for _ in range(n)] for n in (2, 3, 1)]
    drawn = iter(RNG.normal(size=9))
    links = [
        Link(float(next(drawn)), a, b) for one, other in ((inputs, middle), (middle, last)) for a in one for b in other
    ]
    with verify(links) as check:
        for cell, value in zip(inputs, (0.4, -0.3), strict=True):
            cell.value = value
        for cell in (*middle, *last):
            cell.value = np.tanh(sum(link.weight * link.one.value for link in cell.into))
        check.loss = 0.5 * (last[0].value - 0.7) ** 2
        last[0].delta = (last[0].value - 0.7) * (1 - last[0].value ** 2)
        for cell in middle:
            cell.delta = sum(link.weight * link.other.delta for link in cell.out) * (1 - cell.value**2)
        for link in links:
            link.gradient = link.one.value * link.other.delta
    assert check.ok, str(check)
