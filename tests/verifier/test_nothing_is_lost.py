"""What a check might pass over: parameters that are made anew, gradients that are no numbers, other files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.verifier.files import check_of_script, edited_script, module_of, told
from tinygrad_scratch import verify

RNG = np.random.default_rng(11)


ANEW = """
import numpy as np

rng = np.random.default_rng(2)
rows, aims = rng.normal(size=(6, 4)), rng.normal(size=(6, 2))
sizes = [4, 5, 2]
biases = [rng.normal(size=n) for n in sizes[1:]]
weights = [rng.normal(size=(a, b)) / np.sqrt(a) for a, b in zip(sizes, sizes[1:])]
for turn in range(4):
    hidden = np.tanh(rows @ weights[0] + biases[0])
    out = hidden @ weights[1] + biases[1]
    loss = 0.5 * np.sum((out - aims) ** 2)
    below = out - aims
    steps = [None, hidden.T @ below]
    falls = [None, below.sum(axis=0)]
    below = below @ weights[1].T * (1 - hidden**2)
    steps[0], falls[0] = rows.T @ below, below.sum(axis=0)
    weights = [w - 0.1 * s for w, s in zip(weights, steps)]
    biases = [b - 0.1 * f for b, f in zip(biases, falls)]
"""


def test_lists_that_each_turn_makes_anew_hold_parameters(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, ANEW)
    assert check.ok is True, str(check)
    assert {final.parameter.name for final in check.finals} == {"weights[0]", "weights[1]", "biases[0]", "biases[1]"}


def test_a_mistake_in_their_gradients_is_told(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, ANEW.replace("rows.T @ below, below", "rows.T @ np.abs(below), below"))
    assert told(check) == (17, "wrong-operand")


TWO_STEPS = """
import numpy as np

rng = np.random.default_rng(3)
x, y = rng.normal(size=(8, 3)), rng.normal(size=(8, 2))
w, b = rng.normal(size=(3, 2)), np.zeros(2)
fade, speed = 0.1, 0.5
for turn in range(5):
    apart = y - (x @ w + b)
    w += -speed * fade / 8 * w
    w += speed / 8 * x.T @ apart
    b += speed / 8 * apart.sum(axis=0)
"""


def test_a_decay_may_be_a_statement_of_its_own(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, TWO_STEPS)
    assert check.ok is True, str(check)
    assert {final.parameter.name for final in check.finals} == {"w", "b"}
    wrong = check_of_script(tmp_path, TWO_STEPS.replace("8 * x.T @ apart", "8 * np.abs(x).T @ apart"))
    assert told(wrong) == (11, "wrong-operand")


PLAIN = """
import numpy as np

rng = np.random.default_rng(4)
x, y = rng.normal(size=(6, 4)), rng.normal(size=(6, 2))
inner, outer = rng.normal(size=(4, 5)), rng.normal(size=(5, 2))
for turn in range(3):
    bent = np.tanh(x @ inner)
    loss = 0.5 * np.sum((bent @ outer - y) ** 2)
    apart = bent @ outer - y
    d_outer = bent.T @ apart
    d_inner = x.T @ (apart @ outer.T * (1 - bent**2))
    inner = inner - 0.01 * d_inner
    outer = outer - 0.01 * d_outer
"""


@pytest.mark.parametrize("update", ["np.clip(inner - 0.01 * d_inner, -1, 1)", "np.maximum(inner - 0.01 * d_inner, -2)"])
def test_parameters_may_be_kept_within_bounds(tmp_path: Path, update: str) -> None:
    check = check_of_script(tmp_path, PLAIN.replace("inner - 0.01 * d_inner", update))
    assert check.ok is True, str(check)
    assert len(check.finals) == 2


def test_what_a_turn_changes_in_no_known_way_is_asked_about(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, PLAIN.replace("inner - 0.01 * d_inner", "inner / (1 + 0.01 * d_inner)"))
    assert check.ok is False
    assert check.first_wrong is None
    assert "Where is the gradient of inner (4, 5)?" in str(check)


def test_an_update_may_add_up_parts_of_a_gradient_that_is_exact_but_for_an_epsilon() -> None:
    up, down = RNG.normal(size=(4, 5)), RNG.normal(size=(5, 3))
    x, y = RNG.normal(size=(6, 4)), np.eye(3)[RNG.integers(0, 3, 6)]
    with verify(up=up, down=down) as check:
        hidden = x @ up
        scores = np.exp(hidden @ down)
        chances = scores / scores.sum(axis=1, keepdims=True)
        check.loss = -np.sum(y * np.log(chances + 1e-10)) / 6
        apart = (chances - y) / 6
        grad_up = x.T @ (apart @ down.T)
        one, two = hidden[:3].T @ apart[:3], hidden[3:].T @ apart[3:]
        up -= 0.05 * 6 * grad_up
        down -= 0.05 * 6 * (one + two)
    assert check.ok is True, str(check)


# ---- what is no finite number ----------------------------------------------------------------------------------------


def test_a_gradient_that_is_no_number_is_wrong() -> None:
    w, x, y = RNG.normal(size=(3, 2)), RNG.normal(size=(6, 3)), RNG.normal(size=(6, 2))
    with verify(w=w) as check, np.errstate(all="ignore"):
        apart = x @ w - y
        check.loss = np.sum(apart**2) / 2
        lost = apart / (apart * 0) * 0
        check.gradients = {"w": x.T @ lost}
    assert check.ok is False
    assert check.first_wrong is not None, str(check)


def test_a_gradient_of_which_one_entry_is_no_number_is_wrong() -> None:
    w, x, y = RNG.normal(size=(3, 2)), RNG.normal(size=(6, 3)), RNG.normal(size=(6, 2))
    with verify(w=w) as check, np.errstate(all="ignore"):
        apart = x @ w - y
        check.loss = np.sum(apart**2) / 2
        dw = x.T @ apart
        dw[1] -= np.inf
        dw[1] += np.inf
        check.gradients = {"w": dw}
    assert check.ok is False
    assert check.first_wrong is not None, str(check)


def test_of_a_loss_that_is_not_finite_the_line_is_told() -> None:
    w, x = RNG.normal(size=(3, 2)), RNG.normal(size=(6, 3))
    with verify(w=w) as check, np.errstate(all="ignore"):
        gone = (x @ w) * 0
        check.loss = np.sum(np.log(gone))
        check.gradients = {"w": x.T @ (1 / (x @ w))}
    assert check.ok is False
    assert check.first_wrong is None
    said = " ".join(str(check).split())
    assert "The loss is -inf, so that there is no gradient to compare with." in said
    assert "is made in line" in said
    assert "np.log(gone)" in said


def test_of_a_slope_that_is_not_finite_the_line_is_told() -> None:
    w = np.array([1e-160, 1.0, 2.0])
    with verify(w=w) as check, np.errstate(all="ignore"):
        check.loss = np.sum(1 / w)
        check.gradients = {"w": -1 / w**2}
    assert check.ok is False
    assert check.first_wrong is None
    assert "The true gradients are not finite" in str(check)


SATURATED = """
import numpy as np

rng = np.random.default_rng(8)
x, labels = rng.normal(size=(9, 4)) * 8, rng.integers(0, 3, 9)
first, second, push = rng.normal(size=(4, 6)), rng.normal(size=(6, 3)), 0.01
for turn in range(3):
    bent = np.maximum(0, x @ first)
    scores = bent @ second
    chances = np.exp(scores - scores.max(axis=1, keepdims=True))
    chances = chances / chances.sum(axis=1, keepdims=True)
    kept = np.clip(chances, 1e-7, 1 - 1e-7)
    loss = np.mean(-np.log(kept[range(9), labels])) + push * np.sum(first**2)
    apart = chances.copy()
    apart[range(9), labels] -= 1
    apart /= 9
    d_second = bent.T @ apart
    below = apart @ second.T
    below[bent <= 0] = 0
    d_first = x.T @ below
    d_first += 2 * push * first
    first -= 0.1 * d_first
    second -= 0.1 * d_second
"""


def test_what_keeps_an_output_off_from_0_is_not_derived(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, SATURATED)
    assert check.ok is True, str(check)
    assert "almost right, but where a small number takes hold" in " ".join(str(check).split())


def test_a_loss_in_which_an_epsilon_counts_is_no_fault_of_the_verifier(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, SATURATED).ok
    check, line = edited_script(tmp_path, SATURATED, "2 * push * first", "push * first")
    assert told(check) == (line, "regularisation"), str(check)


def test_strides_may_be_of_views() -> None:
    kernel, x = RNG.normal(size=(2, 2)), RNG.normal(size=(6, 5, 3))
    with verify(kernel=kernel) as check:
        patches = np.lib.stride_tricks.sliding_window_view(x[..., 1], (2, 2))
        out = np.einsum("ijkl,kl->ij", patches, kernel)
        check.loss = np.sum(out**2) / 2
        seen = x[..., 1]
        down, right = seen.strides
        same = np.lib.stride_tricks.as_strided(seen, (5, 4, 2, 2), (down, right, down, right), writeable=False)
        check.gradients = {"kernel": np.einsum("ij,ijkl->kl", out, same)}
    assert check.ok is True, str(check)


def test_a_gradient_of_what_was_not_asked_for_raises_no_question_beside_an_update() -> None:
    net = {"W1": RNG.normal(size=(5, 6)), "b1": np.zeros((5, 1))}
    x, y = RNG.normal(size=(6, 9)), RNG.normal(size=(5, 9))
    with verify(net) as check:
        apart = net["W1"] @ x + net["b1"] - y
        check.loss = np.sum(apart**2) / 18
        grads = {"dA0": net["W1"].T @ apart, "dW1": apart @ x.T / 9, "db1": apart.sum(axis=1, keepdims=True) / 9}
        for name in ("W1", "b1"):
            net[name] = net[name] - 0.1 * grads[f"d{name}"]
        check.gradients = grads
    assert check.ok is True, str(check)


def test_room_for_an_output_is_no_data() -> None:
    kernels, image = RNG.normal(size=(3, 2, 3, 3)), RNG.normal(size=(2, 6, 7))
    with verify(kernels=kernels, image=image) as check:
        out, grad = np.zeros((3, 4, 5)), np.zeros_like(kernels)
        for i in range(4):
            for j in range(5):
                out[:, i, j] = np.sum(kernels * image[:, i : i + 3, j : j + 3], axis=(1, 2, 3))
        check.loss = np.sum(out**2) / 2
        back = np.zeros_like(image)
        for i in range(4):
            for j in range(5):
                grad += out[:, i, j][:, None, None, None] * image[:, i : i + 3, j : j + 3]
                back[:, i : i + 3, j : j + 3] += np.tensordot(out[:, i, j], kernels, 1)
        check.gradients = {"kernels": grad, "image": back}
    assert check.ok is True, str(check)
    assert "samples" not in str(check)


# ---- scripts of several files, and of several turns ------------------------------------------------------------------

BENDS = """
import numpy as np

def bend(z):
    return np.tanh(z)

def bend_slope(a):
    return 1 - a**2

class Layer:
    def __init__(self, rows, columns, rng):
        self.w = rng.normal(size=(rows, columns))

    def forward(self, x):
        self.x, self.a = x, bend(x @ self.w)
        return self.a

    def backward(self, grad):
        below = grad * bend_slope(self.a)
        self.dw = self.x.T @ below
        return below @ self.w.T
"""

USES = """
import numpy as np
from bends import Layer

rng = np.random.default_rng(6)
x, y = rng.normal(size=(7, 4)), rng.normal(size=(7, 2))
layers = [Layer(4, 5, rng), Layer(5, 2, rng)]
for turn in range(3):
    out = x
    for layer in layers:
        out = layer.forward(out)
    loss = np.mean((out - y) ** 2)
    grad = 2 * (out - y) / y.size
    for layer in reversed(layers):
        grad = layer.backward(grad)
    for layer in layers:
        layer.w -= 0.1 * layer.dw
"""


def test_a_mistake_in_an_imported_file_is_searched_for(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, USES, bends=BENDS).ok is True
    check = check_of_script(tmp_path, USES, bends=BENDS.replace("below @ self.w.T", "grad @ self.w.T"))
    assert told(check) == (21, "wrong-operand")
    assert check.first_wrong.certainty == "checked", str(check)


def test_two_scripts_may_each_have_a_file_of_one_name(tmp_path: Path) -> None:
    for name, text in (("one", BENDS), ("two", BENDS.replace("1 - a**2", "1 - a"))):
        (tmp_path / name).mkdir()
        check = check_of_script(tmp_path / name, USES, bends=text)
        assert check.ok is (name == "one"), str(check)


ONE_BY_ONE = """
import math

class Net:
    def __init__(self):
        self.w1, self.w2, self.b = 0.3, -0.5, 0.1
        self.v, self.c = 0.7, -0.2

    def forward(self, one, two):
        self.z = self.w1 * one + self.w2 * two + self.b
        self.a = 1 / (1 + math.exp(-self.z))
        self.y = 1 / (1 + math.exp(-(self.v * self.a + self.c)))
        return self.y

    def learn(self, one, two, aim):
        loss = (self.forward(one, two) - aim) ** 2
        d_y = 2 * (self.y - aim)
        d_u = d_y * self.y * (1 - self.y)
        d_v = d_u * self.a
        d_z = d_u * self.v * self.a * (1 - self.a)
        self.w1 -= 0.5 * d_z * one
        self.w2 -= 0.5 * d_z * two
        self.b -= 0.5 * d_z
        self.v -= 0.5 * d_v
        self.c -= 0.5 * d_u

net = Net()
for one, two, aim in [(0.0, 0.0, 0.0), (0.0, 1.0, 1.0), (1.0, 0.0, 1.0), (1.0, 1.0, 0.0)] * 3:
    net.learn(one, two, aim)
"""


def test_turns_that_tell_nothing_do_not_hide_a_mistake(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, ONE_BY_ONE)
    assert check.ok is True, str(check)
    assert len(check.finals) == 5
    wrong = check_of_script(
        tmp_path, ONE_BY_ONE.replace("self.v * self.a * (1 - self.a)", "self.v * self.y * (1 - self.a)")
    )
    assert told(wrong) == (20, "derivative-at-wrong-point")


JACOBIAN = """
import numpy as np

rng = np.random.default_rng(9)
x, label = rng.normal(size=4), 2
w, b = rng.normal(size=(4, 3)), np.zeros(3)
for turn in range(3):
    totals = x @ w + b
    powers = np.exp(totals)
    whole = powers.sum()
    chances = powers / whole
    loss = -np.log(chances[label])
    top = -1 / chances[label]
    slope = -powers[label] * powers / whole**2
    slope[label] = powers[label] * (whole - powers[label]) / whole**2
    below = top * slope
    w -= 0.1 * np.outer(x, below)
    b -= 0.1 * below
"""


def test_the_loss_that_they_compute_is_tried_where_another_explains_nothing(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, JACOBIAN).ok is True
    wrong = JACOBIAN.replace("(whole - powers[label]) / whole**2", "(whole - powers[label]) / whole")
    check = check_of_script(tmp_path, wrong)
    assert check.first_wrong is not None, str(check)
    assert check.first_wrong.line == 15, str(check)
    assert "loss is taken" in str(check)


def test_a_script_as_a_module_is_left_as_it_was(tmp_path: Path) -> None:
    module: Any = module_of(tmp_path / "kept_bends.py", BENDS)
    layer = module.Layer(4, 5, np.random.default_rng(1))
    names, x = dict(vars(module)), RNG.normal(size=(6, 4))
    check = verify.layer(layer, x)
    assert check.ok is True, str(check)
    assert {name: value for name, value in vars(module).items() if name in names} == names


NEVER_ALL = """
import numpy as np

rng = np.random.default_rng(1)
x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
w, v, hidden = rng.normal(size=(3, 4)), rng.normal(size=(4, 2)), np.zeros((3, 4))
for turn in range(3):
    h = np.tanh(x @ w)
    apart = h @ v - y
    loss = 0.5 * np.sum(apart**2)
    below = apart @ v.T * (1 - h**2)
    for one, under in zip(x[:4] * 0, below):
        hidden = np.outer(one, under)
    w -= 0.1 * hidden
    v -= 0.1 * h.T @ apart
"""


def test_where_no_turn_tells_of_all_the_first_that_updates_is_judged(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, NEVER_ALL)
    assert check.ok is False, str(check)
    assert check.first_wrong is not None, str(check)
    assert {final.parameter.name for final in check.finals} == {"w", "v"}


KEPT = """
import numpy as np

rng = np.random.default_rng(6)
X, Y = rng.normal(size=(9, 3)), rng.normal(size=(9, 2))
W, b, V, c = rng.normal(size=(3, 4)), np.zeros(4), rng.normal(size=(4, 2)), np.zeros(2)


def step(pairs, rate):
    for p, g in pairs:
        p -= rate * g


for turn in range(9):
    h = np.tanh(X @ W + b)
    out = h @ V + c
    loss = np.mean((out - Y) ** 2)
    d = 2 * (out - Y) / Y.size
    e = d @ V.T * (1 - h**2)
    step([(V, h.T @ d), (c, d.sum(0))], 0.1)
    for p, g in ((W, X.T @ e), (b, e.sum(0))):
        p -= 0.1 * g
    print(turn, loss)
"""


@pytest.mark.parametrize("right", ["p -= rate * g", "p -= 0.1 * g"])
def test_a_new_value_that_nobody_keeps_is_told(tmp_path: Path, right: str) -> None:
    assert check_of_script(tmp_path, KEPT).ok
    check, line = edited_script(tmp_path, KEPT, right, f"p = p - {right.removeprefix('p -= ')}")
    assert told(check) == (line, "stale-or-updated-weights"), str(check)
    assert "is lost" in check.first_wrong.sentence, str(check)


BARE_BIAS = """
import numpy as np

from tinygrad_scratch import verify

rng = np.random.default_rng(0)
rows, aims = rng.normal(size=(8, 3)), rng.normal(size=(8, 1))
slope, offset = rng.normal(size=(3, 1)), np.zeros(1)


def lossy(slope, offset):
    off = rows.dot(slope) + offset
    return np.mean((off - aims) ** 2), rows.T.dot(off - aims) / 4, (off - aims).sum() / 4


with verify() as check:
    check.loss, *check.gradients = lossy(slope, offset)
"""


def test_a_number_that_is_given_for_an_array_of_one_entry_is_judged(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, BARE_BIAS)
    assert check.ok is True, str(check)
    assert {final.parameter.name for final in check.finals} == {"slope", "offset"}
    wrong, line = edited_script(tmp_path, BARE_BIAS, "aims).sum() / 4", "aims).sum() / 5")
    assert told(wrong) == (line, "scale-factor"), str(wrong)


def test_a_loss_that_is_given_with_the_gradients_is_none(tmp_path: Path) -> None:
    whole = "loss, *grads = lossy(slope, offset)\n    check.loss, check.gradients = loss, (loss, *grads)"
    check = check_of_script(tmp_path, BARE_BIAS.replace("check.loss, *check.gradients = lossy(slope, offset)", whole))
    assert check.ok is True, str(check)
    assert {final.parameter.name for final in check.finals} == {"slope", "offset"}


DEEP = """
import numpy as np

from tinygrad_scratch import verify

rng = np.random.default_rng(7)


class Weight:
    def __init__(self, *shape):
        self.data = rng.normal(size=shape)
        self.grad = np.zeros(shape)


class Affine:
    def __init__(self, n, m):
        self.weight = Weight(n, m)

    def forward(self, x):
        self.x = x
        return x @ self.weight.data

    def backward(self, d):
        self.weight.grad += self.x.T @ d
        return d @ self.weight.data.T


class Head:
    def __init__(self, n):
        self.inner = [Affine(n, 4), Affine(4, n)]

    def forward(self, x):
        self.h = np.tanh(self.inner[0].forward(x))
        return self.inner[1].forward(self.h)

    def backward(self, d):
        return self.inner[0].backward(self.inner[1].backward(d) * (1 - self.h**2))


class Block:
    def __init__(self, n):
        self.parts = {"heads": [Head(n), Head(n)]}

    def forward(self, x):
        return x + sum(head.forward(x) for head in self.parts["heads"])

    def backward(self, d):
        return d + sum(head.backward(d) for head in self.parts["heads"])


class Net:
    def __init__(self, n):
        self.layers = [Block(n), Block(n)]

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, d):
        for layer in self.layers[::-1]:
            d = layer.backward(d)


net = Net(3)
x, aims = rng.normal(size=(6, 3)), rng.normal(size=(6, 3))
with verify(net) as check:
    out = net.forward(x)
    check.loss = np.mean((out - aims) ** 2)
    net.backward(2 * (out - aims) / aims.size)
"""


def test_weights_may_be_kept_deep_in_lists_of_objects_in_dicts(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, DEEP)
    assert check.ok is True, str(check)
    assert len(check.finals) == 8
    wrong, line = edited_script(tmp_path, DEEP, "(1 - self.h**2)", "(1 - self.h)")
    assert told(wrong) == (line, "derivative-at-wrong-point"), str(wrong)


NEURONS = """
import numpy as np

from tinygrad_scratch import verify

rng = np.random.default_rng(7)


class Neuron:
    def __init__(self):
        self.w, self.dw = rng.normal(size=3), None

    def forward(self, x):
        self.x = x
        return x @ self.w

    def backward(self, d):
        self.dw = self.x.T @ d


class Net:
    def __init__(self):
        self.neurons = [Neuron() for _ in range(15)]

    def forward(self, x):
        return np.stack([neuron.forward(x) for neuron in self.neurons], axis=1)

    def backward(self, d):
        for i, neuron in enumerate(self.neurons):
            neuron.backward(d[:, i])


net = Net()
x, aims = rng.normal(size=(6, 3)), rng.normal(size=(6, 15))
with verify(net) as check:
    out = net.forward(x)
    check.loss = np.sum((out - aims) ** 2)
    net.backward(2 * (out - aims))
"""


def test_all_objects_of_a_long_list_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tinygrad_scratch.verifier.recording.holders.WIDTH", 10)
    check = check_of_script(tmp_path, NEURONS)
    assert check.ok is True, str(check)
    assert len(check.finals) == 15
