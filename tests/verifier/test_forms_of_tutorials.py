"""Forms that tutorials have: tuples of parameters, residual inputs, penalties in scripts, biases that grow."""

from __future__ import annotations

from collections import namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.verifier.files import edited, module_of
from tinygrad_scratch import verify
from tinygrad_scratch.verifier.script import checks_of

RNG = np.random.default_rng(8)
Pair = namedtuple("Pair", "slope lift")  # noqa: PYI024  # as people write it


def penalised(p: Any, x: Any, y: Any) -> Any:
    return 0.5 * np.sum((x @ p[0] + p[1] - y) ** 2) + 0.15 * np.sum(p[0] ** 2)


def gradients(p: Any, x: Any, y: Any) -> Any:
    off = x @ p[0] + p[1] - y
    found = x.T @ off + 0.3 * p[0], off.sum(0)
    return Pair(*found) if isinstance(p, Pair) else found


@pytest.mark.parametrize("kind", [Pair, lambda *parts: tuple(parts)])
def test_parameters_in_a_tuple_may_be_read_twice(kind: Any) -> None:
    p = kind(RNG.normal(size=(4, 3)), RNG.normal(size=3))
    x, y = RNG.normal(size=(7, 4)), RNG.normal(size=(7, 3))
    with verify(p) as check:
        check.loss = penalised(p, x, y)
        check.gradients = gradients(p, x, y)
    assert check.ok, str(check)
    assert len(check.finals) == 2
    assert type(p[0]) is np.ndarray


LAYERS = """
import numpy as np


class Stairs:
    def __init__(self, rng):
        self.steps = [(rng.normal(size=(3, 4)), rng.normal(size=4)), (rng.normal(size=(4, 2)), rng.normal(size=2))]

    def loss(self, x, y):
        (w, b), (v, c) = self.steps
        self.h = np.tanh(x @ w + b)
        self.off = self.h @ v + c - y
        return np.sum(self.off ** 2) + 0.1 * np.sum(self.steps[0][0] ** 2)

    def back(self, x):
        d = 2 * self.off @ self.steps[1][0].T * (1 - self.h ** 2)
        return [(x.T @ d + 0.2 * self.steps[0][0], d.sum(0)), (2 * self.h.T @ self.off, 2 * self.off.sum(0))]


def check(verify):
    rng = np.random.default_rng(3)
    stairs, x, y = Stairs(rng), rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    before = stairs.steps[0]
    with verify(stairs) as check:
        check.loss = stairs.loss(x, y)
        check.gradients = stairs.back(x)
    assert stairs.steps[0] is before
    return check
"""


def test_parameters_in_tuples_in_a_list(tmp_path: Path) -> None:
    assert module_of(tmp_path / "stairs.py", LAYERS).check(verify).ok
    check, line = edited(tmp_path / "stairs_wrong.py", LAYERS, "+ 0.2 * self", "+ 0.1 * self")
    assert (check.first_wrong.line, check.first_wrong.kind) == (line, "regularisation"), str(check)


class Scale:
    """A norm and a residual connection, as in blocks of transformers."""

    def __init__(self) -> None:
        self.gain, self.w = RNG.normal(size=5), RNG.normal(size=(5, 5))

    def forward(self, x: Any) -> Any:
        for _ in range(2):
            self.kept = [*getattr(self, "kept", [])[-1:], x]
            added = np.tanh(x * self.gain) @ self.w
            x = x + added
        return x

    def backward(self, g: Any) -> Any:
        self.dw, self.dgain = np.zeros((5, 5)), np.zeros(5)
        for x in self.kept[::-1]:
            h = np.tanh(x * self.gain)
            self.dw += h.T @ g
            d = g @ self.w.T * (1 - h**2)
            self.dgain += (d * x).sum(0)
            g = g + d * self.gain
        return g


def test_an_input_with_a_residual_connection_is_no_updated_parameter() -> None:
    check = verify.layer(Scale(), RNG.normal(size=(4, 5)))
    assert check.ok, str(check)
    assert "x" in {final.parameter.name for final in check.finals}


SCRIPT = """
import numpy as np

np.random.seed(2)
pages, topics = np.random.randn(9, 3), np.array([0, 1, 3, 2, 1, 0, 3, 2, 2])
keep = 0.02
first, lift = np.random.randn(3, 5) / 2, np.zeros((1, 5))
second, rise = np.random.randn(5, 4) / 2, np.zeros((1, 4))
for reading in range(20):
    bent = np.tanh(pages.dot(first) + lift)
    scores = bent.dot(second) + rise
    odds = np.exp(scores) / np.sum(np.exp(scores), axis=1, keepdims=True)
    delta = odds
    delta[range(9), topics] -= 1
    d_second = bent.T.dot(delta)
    d_rise = np.sum(delta, axis=0, keepdims=True)
    d_bent = delta.dot(second.T) * (1 - np.power(bent, 2))
    d_first = pages.T.dot(d_bent)
    d_lift = np.sum(d_bent, axis=0, keepdims=True)
    d_second += keep * second
    d_first += keep * first
    first = first - 0.01 * d_first
    lift = lift - 0.01 * d_lift
    second = second - 0.01 * d_second
    rise = rise - 0.01 * d_rise
"""


def script_with(folder: Path, right: str, wrong: str) -> tuple[Any, int]:
    assert SCRIPT.count(right) == 1
    file = folder / "reading.py"
    file.write_text(SCRIPT.replace(right, wrong))
    (check,) = checks_of(str(file))
    return check, SCRIPT[: SCRIPT.index(right)].count("\n") + 1


def test_a_penalty_of_what_the_script_begins_itself(tmp_path: Path) -> None:
    check, _ = script_with(tmp_path, "keep = 0.02", "keep = 0.03")
    assert check.ok, str(check)
    assert "penalty" in str(check)


def test_a_bias_that_an_update_spreads_is_wrong(tmp_path: Path) -> None:
    check, line = script_with(
        tmp_path, "np.sum(d_bent, axis=0, keepdims=True)", "np.sum(d_bent, axis=1, keepdims=True)"
    )
    assert check.first_wrong is not None, str(check)
    assert check.first_wrong.line == line, str(check)


EPSILON = """
import numpy as np


class Vane:
    def __init__(self):
        rng = np.random.default_rng(6)
        self.a, self.b = rng.normal(size=(3, 5)), rng.normal(size=(5, 4))

    def turn(self, x):
        self.x, self.h = x, np.tanh(x @ self.a)
        e = np.exp(self.h @ self.b)
        self.p = e / e.sum(axis=1, keepdims=True)

    def miss(self, t):
        return -np.mean(np.log(self.p[np.arange(len(t)), t] + 1e-5))

    def back(self, t):
        g = self.p.copy()
        g[np.arange(len(t)), t] -= 1
        g /= len(t)
        self.gb = self.h.T @ g
        d = g @ self.b.T * (1 - self.h ** 2)
        self.ga = self.x.T @ d
        return {"a": self.ga, "b": self.gb}


def check(verify):
    rng = np.random.default_rng(7)
    vane, t = Vane(), np.array([0, 1, 3, 2, 1, 0])
    with verify(vane) as check:
        vane.turn(rng.normal(size=(6, 3)))
        check.loss = vane.miss(t)
        check.gradients = vane.back(t)
    return check
"""


def test_an_epsilon_makes_no_second_mistake(tmp_path: Path) -> None:
    check, line = edited(tmp_path / "vane.py", EPSILON, "(1 - self.h ** 2)", "(1 - self.h)")
    assert [cause.line for cause in check.causes] == [line], str(check)
    assert check.first_wrong.kind == "derivative-at-wrong-point"


TWICE = """
import numpy as np


def bow(v):
    return v * (1 - v)


class Fiddle:
    def __init__(self):
        rng = np.random.default_rng(5)
        self.a, self.b, self.c = (rng.normal(size=s) for s in ((3, 4), (4, 4), (4, 2)))

    def play(self, x):
        self.x = x
        self.u = 1 / (1 + np.exp(-x @ self.a))
        self.v = 1 / (1 + np.exp(-self.u @ self.b))
        self.o = 1 / (1 + np.exp(-self.v @ self.c))
        return self.o

    def learn(self, t):
        do = (self.o - t) * bow(self.o)
        dv = do.dot(self.c.T) * bow(self.v)
        du = dv.dot(self.b.T) * bow(self.u)
        return {"a": self.x.T @ du, "b": self.u.T @ dv, "c": self.v.T @ do}


def check(verify):
    rng = np.random.default_rng(2)
    fiddle, x, t = Fiddle(), rng.normal(size=(7, 3)), rng.random((7, 2))
    with verify(fiddle) as check:
        check.loss = 0.5 * np.sum((fiddle.play(x) - t) ** 2)
        check.gradients = fiddle.learn(t)
    return check
"""


def test_a_helper_that_is_right_in_another_call_is_not_to_blame(tmp_path: Path) -> None:
    check, line = edited(tmp_path / "fiddle.py", TWICE, "bow(self.v)", "bow(self.u)")
    assert check.first_wrong.line == line, str(check)
    assert check.first_wrong.kind in ("derivative-at-wrong-point", "wrong-operand")


STITCHES = """
import numpy as np


def bend(v):
    return 1 / (1 + np.exp(-v))


class Cloth:
    def __init__(self):
        rng = np.random.default_rng(4)
        self.warp, self.weft = rng.normal(size=(3, 4)), rng.normal(size=(4, 2))

    def weave(self, x):
        self.x, self.a1 = x, bend(x @ self.warp)
        self.a2 = bend(self.a1 @ self.weft)
        return self.a2

    def unpick(self, y):
        d2 = self.a2 - y
        d1 = d2.dot(self.weft.T) * self.a1 * (1 - self.a1)
        pattern = np.zeros_like(y)
        pattern[:, 0] = 1
        bright = self.a2 * pattern + y
        warp_change = self.x.T.dot(d1)
        weft_change = self.a1.T.dot(d2 + 0 * bright)
        return warp_change, weft_change


def check(verify):
    rng = np.random.default_rng(8)
    cloth, y = Cloth(), rng.random((6, 2))
    with verify(warp=cloth.warp, weft=cloth.weft) as check:
        p = cloth.weave(rng.normal(size=(6, 3)))
        check.loss = -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p))
        check.gradients = cloth.unpick(y)
    return check
"""


def test_a_slope_is_told_where_the_value_was_made_that_lacks_it(tmp_path: Path) -> None:
    check, line = edited(tmp_path / "cloth.py", STITCHES, " * self.a1 * (1 - self.a1)", "")
    first = check.first_wrong
    assert (first.line, first.name, first.kind) == (line, "d1", "missing-derivative"), str(check)
    assert first.should_be == "d2.dot(self.weft.T) * self.a1 * (1 - self.a1)"


BELOW = """
import numpy as np


def check(verify):
    rng = np.random.default_rng(3)
    w, x, t = rng.normal(size=(4, 3)), rng.normal(size=(6, 4)), np.array([0, 1, 2, 1, 1, 0])
    with verify(w=w) as check:
        e = np.exp(x @ w)
        p = e / e.sum(axis=1, keepdims=True)
        check.loss = -np.sum(np.log(p[np.arange(6), t]))
        ones = np.zeros((6, 3))
        ones[np.arange(6), t] = 1
        g = p - ones
        check.gradients = x.T @ g
    return check
"""


def test_a_plus_for_a_minus_is_told_sooner_than_a_minus_that_nobody_wrote(tmp_path: Path) -> None:
    check, line = edited(tmp_path / "below.py", BELOW, "g = p - ones", "g = p + ones")
    assert (check.first_wrong.line, check.first_wrong.kind) == (line, "sign"), str(check)


PRE = """
import numpy as np


class Straight:
    def __init__(self, rng, wide, high):
        self.w = rng.normal(size=(wide, high))

    def forward(self, x):
        self.x = x
        return x @ self.w

    def backward(self, g):
        self.dw = self.x.T @ g
        return g @ self.w.T


class Ramp:
    def forward(self, x):
        self.x = x
        return np.maximum(x, 0)

    def backward(self, g):
        return g * (self.x > 0)


def check(verify):
    rng = np.random.default_rng(6)
    layers = [Straight(rng, 3, 5), Ramp(), Straight(rng, 5, 4), Ramp(), Straight(rng, 4, 2)]
    y = rng.normal(size=(7, 2))
    with verify(layers) as check:
        out = rng.normal(size=(7, 3))
        for layer in layers:
            out = layer.forward(out)
        check.loss = 0.5 * np.sum((out - y) ** 2)
        flow = out - y
        for layer in layers[::-1]:
            flow = layer.backward(flow)
    return check
"""


def test_what_a_layer_hands_on_as_it_is_is_told_there(tmp_path: Path) -> None:
    check, line = edited(tmp_path / "ramps.py", PRE, "return g * (self.x > 0)", "return g")
    assert (check.first_wrong.line, check.first_wrong.kind) == (line, "missing-derivative"), str(check)


KEPT = """
import numpy as np


class Kept:
    def __init__(self, rng, wide, high):
        self.w, self.v = rng.normal(size=(wide, high)), np.zeros((wide, high))
        self.grad_w, self.grad_w_delta = np.zeros((wide, high)), np.empty((wide, high))

    def forward(self, x):
        self.x, self.h = x, np.tanh(x @ self.w)
        return self.h

    def backward(self, g):
        d = g * (1 - self.h ** 2)
        np.matmul(self.x.T, d, out=self.grad_w_delta)
        self.grad_w += self.grad_w_delta
        return d @ self.w.T


def check(verify):
    rng = np.random.default_rng(6)
    layers = [Kept(rng, 6, 5), Kept(rng, 5, 3)]
    y = rng.normal(size=(7, 3))
    with verify(layers) as check:
        out = layers[1].forward(layers[0].forward(rng.normal(size=(7, 6))))
        check.loss = 0.5 * np.sum((out - y) ** 2)
        layers[0].backward(layers[1].backward(out - y))
    return check
"""


def test_of_a_gradient_and_what_is_added_to_it_the_whole_is_meant(tmp_path: Path) -> None:
    check, line = edited(tmp_path / "kept.py", KEPT, "d @ self.w.T", "g @ self.w.T")
    paired = {final.parameter.name: final.name for final in check.finals}
    assert all(name.endswith("grad_w") for name in paired.values()), paired
    assert check.first_wrong.line == line, str(check)


@pytest.mark.parametrize(
    ("ramp", "mask"),
    [
        (lambda z: np.maximum(0, z), lambda z: z > 0),
        (lambda z: np.maximum(z, 0.0), lambda z: z >= 0),
        (lambda z: -np.minimum(-z, 0), lambda z: z > 0),
    ],
)
def test_a_sample_at_the_kink_is_no_mistake_and_hides_none(ramp: Any, mask: Any) -> None:
    """Without biases, a sample whose first units are all 0 meets the next ones at 0 exactly."""
    w, v = RNG.normal(size=(3, 4)), RNG.normal(size=(4, 2))
    x, y = np.vstack([RNG.normal(size=(5, 3)), np.zeros((1, 3))]), RNG.normal(size=(6, 2))
    for share, ok in ((1.0, True), (0.5, False)):
        with verify(w=w, v=v) as check:
            z = x @ w
            h = ramp(z)
            off = h @ v - y
            check.loss = np.sum(off**2)
            dz = 2 * off @ v.T * mask(z) * share
            check.gradients = {"w": x.T @ dz, "v": 2 * h.T @ off}
        assert check.ok is ok, str(check)
