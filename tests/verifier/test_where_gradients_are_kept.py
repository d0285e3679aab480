"""Where public code keeps its gradients: under two paths, in pieces, in updates; and the losses that go with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.verifier.files import check_of_script, edited, edited_script, module_of, told
from tinygrad_scratch import verify

RNG = np.random.default_rng(5)
X, Y = RNG.normal(size=(7, 3)), RNG.normal(size=(7, 2))


def half_squares(out: Any) -> Any:
    return 0.5 * np.sum((out - Y) ** 2)


# ---- gradients under several paths, batches, decays ------------------------------------------------------------------


class Twice:
    """A layer that keeps its arrays under names of their own, and once more in lists."""

    def __init__(self) -> None:
        self.w, self.b = np.random.default_rng(4).normal(size=(3, 2)), np.zeros(2)
        self.grad_w, self.grad_b = np.zeros_like(self.w), np.zeros_like(self.b)
        self.params, self.grads = [self.w, self.b], [self.grad_w, self.grad_b]

    def forward(self, x: Any) -> Any:
        self.x = x
        return x @ self.w + self.b

    def backward(self, delta: Any) -> None:
        self.grad_w[...] = self.x.T @ delta
        self.grad_b[...] = delta.sum(axis=0)


def test_two_paths_to_one_gradient_are_one_also_where_it_is_wrong() -> None:
    layer = Twice()
    with verify(layer) as check:
        out = layer.forward(X)
        check.loss = half_squares(out)
        layer.backward(3 * (out - Y))
    assert {final.parameter.name for final in check.finals} == {"w", "b"}
    assert check.first_wrong is None or check.first_wrong.kind == "scale-factor"


def test_a_gradient_is_called_like_its_parameter_with_diff_behind() -> None:
    class Kept:
        def __init__(self) -> None:
            self.wi, self.wo = RNG.normal(size=(3, 2)), RNG.normal(size=(3, 2))
            self.wi_diff, self.wo_diff = np.zeros((3, 2)), np.zeros((3, 2))

    kept = Kept()
    with verify(kept) as check:
        check.loss = np.sum(X @ kept.wi * Y) + np.sum(np.tanh(X @ kept.wo) * Y)
        kept.wi_diff += X.T @ Y
        kept.wo_diff += X.T @ Y  # the derivative of tanh is left out
    assert {final.name for final in check.finals} == {"wi_diff", "wo_diff"}
    assert check.first_wrong is not None


class Batches:
    """A training that picks its samples where it uses them, and computes its cost after the update."""

    def __init__(self) -> None:
        self.w, self.b = RNG.normal(size=(3, 2)), np.zeros(2)

    def fit(self, x: Any, y: Any) -> None:
        order = np.random.default_rng(2).permutation(len(x))
        for start in range(0, len(x), len(x)):
            picked = order[start : start + len(x)]
            out = 1 / (1 + np.exp(-(x[picked] @ self.w + self.b)))
            delta = out - y[picked]
            grad_w = x[picked].T @ delta
            self.w -= 0.1 * grad_w
            self.b -= 0.1 * delta.sum(axis=0)


def test_a_batch_that_is_picked_in_place_is_a_target() -> None:
    model = Batches()
    with verify(model) as check:
        model.fit(X, (Y > 0) * 1.0)
    assert check.ok, str(check)
    assert any("y[...]" in note for note in check.notes)


@pytest.mark.parametrize(("penalty", "right"), [(0.4, True), (0.9, False)])
def test_a_decay_of_the_weights_is_the_gradient_of_a_penalty(penalty: float, right: bool) -> None:
    weights, biases = [RNG.normal(size=(3, 2))], [np.zeros(2)]
    with verify(weights, biases) as check:
        out = X @ weights[0] + biases[0]
        check.loss = half_squares(out) + 0.5 * penalty * np.linalg.norm(weights[0]) ** 2
        nabla_w, nabla_b = X.T @ (out - Y), (out - Y).sum(axis=0)
        weights[:] = [(1 - 0.1 * 0.4) * w - 0.1 * nw for w, nw in zip(weights, [nabla_w], strict=True)]
        biases[:] = [b - 0.1 * nb for b, nb in zip(biases, [nabla_b], strict=True)]
    assert check.ok == right, str(check)
    first: Any = check.first_wrong
    assert right or first.kind == "regularisation"


def test_an_unnamed_number_comes_after_a_known_loss_that_fits_as_well() -> None:
    class Small:
        def __init__(self) -> None:
            self.w, self.v = 0.2 * RNG.normal(size=(3, 4)), 0.2 * RNG.normal(size=(4, 2))

        def train(self, x: Any, y: Any) -> Any:
            hidden = np.tanh(x @ self.w)
            out = np.tanh(hidden @ self.v)
            error = y - out
            delta = error * (1 - out**2)
            inner = delta @ self.v.T  # times (1 - hidden**2) is meant
            dv, dw = hidden.T @ delta, x.T @ inner
            self.v += 0.1 * dv
            self.w += 0.1 * dw
            return (error**2).sum()

    small = Small()
    with verify(small) as check:
        small.train(X, Y)
    assert any("half squared error" in note for note in check.notes)
    assert check.first_wrong is not None
    assert check.first_wrong.kind == "missing-derivative", str(check)


SHARED_SLOPE = """
import numpy as np


def squash(z):
    return 1 / (1 + np.exp(-z))


def slope(z):
    return squash(z)


def gradients(x, y, w, v):
    z = x @ w
    a = squash(z)
    out = squash(a @ v)
    delta = (out - y) * slope(a @ v)
    inner = delta @ v.T * slope(z)
    return x.T @ inner, a.T @ delta
"""


def test_a_factor_is_missing_in_the_function_that_forgot_it(tmp_path: Path) -> None:
    module = module_of(tmp_path / "shared_slope.py", SHARED_SLOPE)
    w, v = RNG.normal(size=(3, 4)), RNG.normal(size=(4, 2))
    with verify(w=w, v=v) as check:
        check.loss = half_squares(module.squash(module.squash(X @ w) @ v))
        check.gradients = module.gradients(X, Y, w, v)
    first: Any = check.first_wrong
    assert first.kind == "missing-derivative"
    assert first.source.strip() == "return squash(z)", first.source
    assert first.line == 10


class Steps:
    """A layer for each step, which share one parameter; the whole is to be the sum of their gradients."""

    def __init__(self, w: Any, add: bool) -> None:
        self.w, self.add, self.dw = w, add, np.zeros_like(w)
        self.layers = [Twice() for _ in range(3)]

    def forward(self, x: Any) -> Any:
        self.x = x
        return sum(np.tanh(x[t] @ self.w) for t in range(3))

    def backward(self, delta: Any) -> None:
        total = np.zeros_like(self.w)
        for t, layer in enumerate(self.layers):
            layer.grad_w[...] = self.x[t].T @ (delta * (1 - np.tanh(self.x[t] @ self.w) ** 2))
            total = total + layer.grad_w if self.add else layer.grad_w
        self.dw[...] = total


@pytest.mark.parametrize("add", [True, False])
def test_pieces_are_no_excuse_for_a_wrong_sum(add: bool) -> None:
    steps, x = Steps(RNG.normal(size=(3, 2)), add), RNG.normal(size=(3, 7, 3))
    with verify(steps) as check:
        out = steps.forward(x)
        check.loss = half_squares(out)
        steps.backward(out - Y)
    assert (check.first_wrong is None) == add, str(check)


@pytest.mark.parametrize("up", [False, True])
def test_an_update_that_goes_the_other_way_than_the_others(up: bool) -> None:
    w, b = RNG.normal(size=(3, 2)), np.zeros(2)
    with verify(w=w, b=b) as check:
        error = X @ w + b - Y
        check.loss = 0.5 * np.sum(error**2)
        dw, db = X.T @ error, error.sum(axis=0)
        w -= 0.1 * dw
        b += 0.1 * db if up else -0.1 * db
    first: Any = check.first_wrong
    assert check.ok != up, str(check)
    assert first is None or (first.kind, first.source.strip()[:2]) == ("sign", "b ")


@pytest.mark.parametrize("up", [False, True])
def test_one_update_of_what_is_to_be_added_is_taken_off(up: bool) -> None:
    w, b = RNG.normal(size=(3, 2)), np.zeros(2)
    with verify(w=w, b=b) as check:
        error = Y - (X @ w + b)
        check.loss = 0.5 * np.sum(error**2)
        of_w, of_b = X.T @ error, error.sum(axis=0)
        w += 0.1 * of_w
        b += 0.1 * of_b if up else -0.1 * of_b
    first: Any = check.first_wrong
    assert check.ok == up, str(check)
    assert first is None or (first.kind, first.source.strip()[:2]) == ("sign", "b ")


# ---- gradients under odd keys, and those that come later -------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "wrong"),
    [
        (("layer.0.W", "layer.0.b"), False),
        (("a]['", "b.\n'("), False),
        (("a]['", "b.\n'("), True),
        ((("l", 0), ("l", 1)), False),
        ((1, 2), True),
    ],
)
def test_keys_of_any_form(keys: tuple[Any, Any], wrong: bool) -> None:
    params = {keys[0]: RNG.normal(size=(3, 2)), keys[1]: np.zeros(2)}
    with verify(params) as check:
        error = X @ params[keys[0]] + params[keys[1]] - Y
        check.loss = np.sum(error**2)
        found = {}
        found[keys[0]] = 2 * X.T @ error
        found[keys[1]] = (-2 if wrong else 2) * error.sum(axis=0)
        check.gradients = found
    assert check.ok != wrong, str(check)
    assert check.to_json()


@pytest.mark.parametrize("wrong", [False, True])
@pytest.mark.parametrize("first", [{}, {"w": np.zeros((3, 2)), "b": np.zeros(2)}])
def test_gradients_that_are_put_in_after_they_were_given(first: dict[str, Any], wrong: bool) -> None:
    params = {"w": RNG.normal(size=(3, 2)), "b": np.zeros(2)}
    with verify(params) as check:
        check.gradients = dict(first)
        error = X @ params["w"] + params["b"] - Y
        check.loss = np.sum(error**2)
        check.gradients["w"] = 2 * X.T @ error
        check.gradients["b"] = (-2 if wrong else 2) * error.sum(axis=0)
    assert check.ok != wrong, str(check)
    assert check.first_wrong is None or check.first_wrong.kind == "sign"


def test_gradients_are_judged_as_they_were_given() -> None:
    params = {"w": RNG.normal(size=(3, 2))}
    with verify(params) as check:
        error = X @ params["w"] - Y
        check.loss = np.sum(error**2)
        found = {"w": 2 * X.T @ error}
        check.gradients = found
        found["w"] = 0.1 * found["w"]
    assert check.ok, str(check)


class Keeping:
    """A model that keeps something of each batch, of the size that this has."""

    def __init__(self) -> None:
        self.w, self.kept = RNG.normal(size=(3, 2)), np.zeros((2, 2))


def test_what_is_kept_of_each_batch_is_no_parameter_in_a_step() -> None:
    model = Keeping()
    with verify(model) as check:
        error = X @ model.w - Y
        check.loss = np.sum(error**2) + 0 * np.sum(model.kept)
        model.kept = error
        model.w -= 0.1 * 2 * X.T @ error
        check.gradients_from_step(0.1)
    assert check.problem is None, str(check)
    assert check.first_wrong is None, str(check)


@pytest.mark.parametrize("rate", [0, 0.0, np.nan, np.inf])
def test_a_rate_that_is_none(rate: float) -> None:
    with pytest.raises(ValueError, match="other than 0"), verify(w=np.ones(2)) as check:
        check.gradients_from_step(rate)


# ---- velocities ------------------------------------------------------------------------------------------------------

MOMENTUM = """
import numpy as np


class Net:
    def __init__(self):
        rng = np.random.default_rng(2)
        self.u, self.v, self.c = rng.normal(size=(3, 4)), rng.normal(size=(4, 2)), np.zeros(2)
        self.mu, self.mv, self.mc, self.share = 0 * self.u, 0 * self.v, 0 * self.c, 0.9

    def forward(self, x):
        self.x, self.h = x, np.tanh(x @ self.u)
        return self.h @ self.v + self.c

    def learn(self, error, rate):
        below = (error @ self.v.T) * (1 - self.h**2)
        du, dv, dc = self.x.T @ below, self.h.T @ error, error.sum(axis=0)
        self.mu = self.share * self.mu + (1 - self.share) * du
        self.mv = self.share * self.mv + (1 - self.share) * dv
        self.mc = self.share * self.mc + (1 - self.share) * dc
        self.u -= rate * self.mu
        self.v -= rate * self.mv
        self.c -= rate * self.mc


def check(verify):
    rng = np.random.default_rng(3)
    x, y, net = rng.normal(size=(6, 3)), rng.normal(size=(6, 2)), Net()
    with verify(net) as check:
        out = net.forward(x)
        check.loss = 0.5 * np.sum((out - y) ** 2)
        net.learn(out - y, 0.1)
        check.gradients_from_step(0.1)
    return check
"""


@pytest.mark.parametrize(
    ("right", "wrong", "kinds"),
    [
        ("(1 - self.share) * du", "self.share * du", {"scale-factor", "wrong-operand"}),
        ("+ (1 - self.share) * dc", "- (1 - self.share) * dc", {"sign"}),
    ],
)
def test_one_velocity_is_unlike_the_others(tmp_path: Path, right: str, wrong: str, kinds: set[str]) -> None:
    check, line = edited(tmp_path / "velocity.py", MOMENTUM, right, wrong)
    first: Any = check.first_wrong
    assert first is not None, str(check)
    assert (first.line, first.kind in kinds) == (line, True), str(check)


@pytest.mark.parametrize(
    ("old", "new"),
    [("", ""), ("self.c -= rate", "self.c -= 2 * rate"), ("self.c -= rate * self.mc", "self.c -= rate * dc")],
)
def test_velocities_that_are_right(tmp_path: Path, old: str, new: str) -> None:
    check = module_of(tmp_path / "velocity.py", MOMENTUM.replace(old, new)).check(verify)
    assert check.ok, str(check)


GAIN = """
import numpy as np


class Gain:
    def __init__(self, rng):
        self.g, self.b = rng.normal(size=3), rng.normal(size=3)

    def forward(self, x):
        self.x = x
        return x * self.g + self.b

    def backward(self, above):
        self.dg, self.db = (above * self.x).sum(axis=0), above.sum(axis=0)
        return above * self.g


def check(verify):
    rng = np.random.default_rng(8)
    chain, x = [Gain(rng), Gain(rng)], rng.normal(size=(5, 3))
    with verify(chain) as check:
        out = chain[1].forward(np.tanh(chain[0].forward(x)))
        check.loss = 0.5 * np.sum(out**2)
        chain[0].backward(chain[1].backward(out) * (1 - chain[1].x ** 2))
        check.gradients_in(*chain)
    return check
"""


def test_a_gain_that_is_called_g_is_no_gradient(tmp_path: Path) -> None:
    check = module_of(tmp_path / "gain.py", GAIN).check(verify)
    assert check.ok, str(check)
    wrong = GAIN.replace("self.dg, self.db = (above * self.x)", "self.dg, self.db = (2 * above * self.x)")
    check = module_of(tmp_path / "gain_2.py", wrong).check(verify)
    assert check.first_wrong is not None
    assert (check.first_wrong.line, check.first_wrong.kind) == (14, "scale-factor"), str(check)


ADAM = """
import numpy as np
rng = np.random.default_rng(0)
x, y = rng.normal(size=(14, 3)), rng.normal(size=(14, 1))
net = {"w": rng.normal(size=(3, 4)), "b": np.zeros(4), "v": rng.normal(size=(4, 1)), "c": np.zeros(1)}
first = {name: np.zeros_like(part) for name, part in net.items()}
second = {name: np.zeros_like(part) for name, part in net.items()}
for turn in range(1, 9):
    h = np.tanh(x @ net["w"] + net["b"])
    out = h @ net["v"] + net["c"]
    loss = np.mean((out - y) ** 2)
    d = 2 * (out - y) / len(x)
    slopes = {"v": h.T @ d}
    slopes["c"] = d.sum(axis=0)
    below = d @ net["v"].T * (1 - h**2)
    slopes["w"] = x.T @ below
    slopes["b"] = below.sum(axis=0)
    for name in net:
        first[name] = 0.9 * first[name] + 0.1 * slopes[name]
        second[name] = 0.999 * second[name] + 0.001 * slopes[name] ** 2
        step = first[name] / (1 - 0.9**turn) / (np.sqrt(second[name] / (1 - 0.999**turn)) + 1e-8)
        net[name] -= 0.01 * step
"""
IN_PLACE = ADAM.replace("first[name] = ", "first[name][:] = ").replace("second[name] = ", "second[name][:] = ")
SIGNS = """
import numpy as np
rng = np.random.default_rng(7)
x, y = rng.normal(size=(18, 5)), rng.normal(size=(18, 4))
net = dict(w=rng.normal(size=(5, 6)), b=np.zeros(6), v=rng.normal(size=(6, 4)), c=np.zeros(4))
kept = {name: np.zeros_like(p) for name, p in net.items()}
for turn in range(8):
    h = np.tanh(x @ net["w"] + net["b"])
    out = h @ net["v"] + net["c"]
    loss = np.mean(np.sum((out - y) ** 2, axis=1))
    d = 2 * (out - y) / len(x)
    below = d @ net["v"].T * (1 - h**2)
    g = dict(v=h.T @ d, c=d.sum(0), w=x.T @ below, b=below.sum(0))
    for name in net:
        step = np.sign(0.9 * kept[name] + 0.1 * g[name])
        net[name] -= 0.01 * (step + 0.01 * net[name])
        kept[name] = 0.99 * kept[name] + 0.01 * g[name]
"""


@pytest.mark.parametrize(
    ("text", "right", "wrong", "kind"),
    [
        (ADAM, "d.sum(axis=0)", "d.mean(axis=0)", "missing-batch-sum-or-mean"),
        (ADAM, 'slopes["b"] = below', 'slopes["b"] = -below', "sign"),
        (ADAM, "slopes[name]\n", "0.5 * slopes[name]\n", ""),
        (IN_PLACE, "h.T @ d", "h.T @ d / len(x)", "missing-batch-sum-or-mean"),
        (IN_PLACE, " * (1 - h**2)", " * (1 - h**2) * 0.7", "scale-factor"),
        (SIGNS, "(1 - h**2)", "(1 - h)", "derivative-at-wrong-point"),
        (SIGNS, "v=h.T @ d", "v=-h.T @ d", "sign"),
        (SIGNS, "0.9 *", "0.8 *", ""),
    ],
)
def test_what_goes_into_a_step_that_all_share_is_told_where_it_was_made(
    tmp_path: Path, text: str, right: str, wrong: str, kind: str
) -> None:
    check, line = edited_script(tmp_path, text, right, wrong)
    assert check.ok if not kind else told(check) == (line, kind), str(check)


KEPT_BESIDE = """
import numpy as np
from tinygrad_scratch import verify

rng = np.random.default_rng(2)


class Params:
    def __init__(self, **values):
        self.values, self.grads = values, {}


class Dense:
    def __init__(self, n, m):
        self.params = Params(W=rng.normal(size=(n, m)), b=np.zeros(m))

    def forward(self, x):
        self.x = x
        return x @ self.params.values["W"] + self.params.values["b"]

    def backward(self, d):
        self.params.grads["W"] = self.x.T @ d
        self.params.grads["b"] = d.sum(axis=0)
        return d @ self.params.values["W"].T


one, two = Dense(3, 5), Dense(5, 2)
x, y = rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
with verify() as check:
    h = np.tanh(one.forward(x))
    out = two.forward(h)
    check.loss = 0.5 * np.sum((out - y) ** 2)
    dx = one.backward(two.backward(out - y) * (1 - h**2))
    check.gradients = {"x": dx}
"""


def test_what_objects_keep_is_judged_beside_what_was_given(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, KEPT_BESIDE)
    assert check.ok, str(check)
    assert len(check.finals) == 5
    check, line = edited_script(tmp_path, KEPT_BESIDE, "d.sum(axis=0)", "d.mean(axis=0)")
    assert told(check) == (line, "missing-batch-sum-or-mean"), str(check)


class Cell:
    """A cell that keeps the gradient of its bias, and makes the one that it hands back of it."""

    def __init__(self) -> None:
        self.w, self.b = RNG.normal(size=(3, 2)), RNG.normal(size=2)

    def forward(self, x: Any) -> Any:
        self.x, self.a = x, np.tanh(x @ self.w + self.b)
        return self.a

    def backward(self, delta: Any) -> Any:
        self.db = delta * (1 - self.a**2)
        return np.outer(self.x, self.db) if self.x.ndim == 1 else self.x.T @ self.db


def test_a_kept_gradient_of_a_bias_that_a_given_one_is_made_of_is_judged_too() -> None:
    cell = Cell()
    with verify(cell) as check:
        out = cell.forward(X[0])
        check.loss = 0.5 * np.sum((out - Y[0]) ** 2)
        check.gradients = {"w": cell.backward(out - Y[0])}
    assert check.ok, str(check)
    assert {final.parameter.name for final in check.finals} == {"w", "b"}


def test_one_row_for_each_sample_is_still_no_gradient_of_a_bias() -> None:
    cell = Cell()
    with verify(cell) as check:
        out = cell.forward(X)
        check.loss = half_squares(out)
        check.gradients = {"w": cell.backward(out - Y)}
    assert check.first_wrong is None, str(check)
    assert {final.parameter.name for final in check.finals} == {"w"}
