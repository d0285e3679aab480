"""Correct programs of other fields and habits, none of them accused, and mistakes in them and beside them."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.verifier.files import module_of
from tinygrad_scratch import verify
from tinygrad_scratch.verifier.script import checks_of

RNG = np.random.default_rng(4)


def wrong(check: Any) -> Any:
    return check.first_wrong


NEWTON = """
import numpy as np

rng = np.random.default_rng(5)
X = np.column_stack([np.ones(12), rng.normal(size=(12, 2))])
y = (rng.random(12) < 0.5).astype(float)
beta = np.array([0.1, -0.2, 0.3])

for step in range(4):
    p = 1 / (1 + np.exp(-X @ beta))
    loglik = np.sum(y * np.log(p) + (1 - y) * np.log(1 - p)) - 0.05 * beta @ beta
    score = X.T @ (y - p) - 0.1 * beta
    information = (X * (p * (1 - p))[:, None]).T @ X + 0.1 * np.eye(3)
    beta = beta + np.linalg.solve(information, score)
"""

RATES = """
import numpy as np

rng = np.random.default_rng(1)
X, Y = rng.normal(size=(8, 4)), rng.random((8, 3))
w0, w1 = rng.normal(size=(4, 3)), rng.normal(size=(3, 3))
rates = [1.0, 2.0]

def sigmoid(x):
    return 1 / (1 + np.exp(-x))

def slope(s):
    return s * (1 - s)

for i in range(50):
    hidden = sigmoid(X @ w0)
    out = sigmoid(hidden @ w1)
    error = -2 * (Y - out)
    delta_out = error * slope(out)
    delta = (delta_out @ w1.T) * slope(hidden)
    w1 -= rates[1] * hidden.T @ delta_out
    w0 -= rates[0] * X.T @ delta
"""


def checked(tmp_path: Path, text: str) -> Any:
    file = tmp_path / "train.py"
    file.write_text(text, encoding="utf-8")
    with redirect_stdout(io.StringIO()):
        (check,) = checks_of(str(file), loss="loglik" if "loglik" in text else None)
    return check


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", ""),
        ("np.linalg.solve(information, score)", "0.5 * np.linalg.inv(information) @ score"),
    ],
)
def test_a_step_of_newtons_method_is_no_mistake(tmp_path: Path, old: str, new: str) -> None:
    check = checked(tmp_path, NEWTON.replace(old, new) if old else NEWTON)
    assert check.ok, str(check)
    assert "score" in str(check)


def test_the_gradient_in_a_step_of_newtons_method_is_judged(tmp_path: Path) -> None:
    check = checked(tmp_path, NEWTON.replace("(y - p) - 0.1", "(y - p) + 0.1"))
    assert wrong(check).name == "score"


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("(delta_out @ w1.T) * slope(hidden)", "(delta_out @ w1.T) * slope(out)", 20),
        ("(delta_out @ w1.T) * slope(hidden)", "(delta_out @ w1.T)", 20),
    ],
)
def test_one_mistake_beside_rates_of_their_own_is_told_once(tmp_path: Path, old: str, new: str, line: int) -> None:
    check = checked(tmp_path, RATES.replace(old, new))
    assert wrong(check).line == line
    assert str(check).count("you wrote") == 1


TARGETS = """
import numpy as np

def values(net, states):
    return np.tanh(net["table"][states]) @ net["head"]

def loss_of(net, s, a, reward, s2):
    target = reward + 0.9 * values(net, s2).max(axis=1)
    td = values(net, s)[np.arange(len(s)), a] - target
    return 0.5 * np.mean(td ** 2), td

def gradients(net, s, a, td):
    f = np.tanh(net["table"][s])
    dq = np.zeros((len(s), net["head"].shape[1]))
    dq[np.arange(len(s)), a] = td / len(s)
    dtable = np.zeros_like(net["table"])
    np.add.at(dtable, s, (dq @ net["head"].T) * (1 - f * f))
    return {"head": f.T @ dq, "table": dtable}
"""


def check_of_targets(tmp_path: Path, text: str) -> Any:
    module: Any = module_of(tmp_path / "targets.py", text)
    rng = np.random.default_rng(7)
    net = {"table": rng.normal(size=(6, 4)), "head": rng.normal(size=(4, 3))}
    s, s2, a = rng.integers(0, 6, 9), rng.integers(0, 6, 9), rng.integers(0, 3, 9)
    reward = rng.normal(size=9)
    with verify(net) as check:
        check.loss, td = module.loss_of(net, s, a, reward, s2)
        check.gradients = module.gradients(net, s, a, td)
    return check


def test_a_target_that_the_network_makes_itself_may_be_a_constant(tmp_path: Path) -> None:
    check = check_of_targets(tmp_path, TARGETS)
    assert check.ok, str(check)
    assert "semi-gradients: none goes through target" in check.convention


def test_a_mistake_beside_such_a_target_is_found(tmp_path: Path) -> None:
    text = TARGETS.replace("(1 - f * f)", "(1 - f)")
    check = check_of_targets(tmp_path, text)
    assert wrong(check).kind == "derivative-at-wrong-point"
    assert str(check).count("you wrote") == 1


class Packed:
    """All weights are in one vector, and all gradients in another one."""

    def __init__(self) -> None:
        self.theta, self.dtheta = RNG.normal(size=4 * 3 + 3), np.empty(4 * 3 + 3)
        self.w, self.b = self.theta[:12].reshape(4, 3), self.theta[12:]
        self.dw, self.db = self.dtheta[:12].reshape(4, 3), self.dtheta[12:]

    def loss(self, x: Any, y: Any) -> Any:
        self.x, self.apart = x, x @ self.w + self.b - y
        return 0.5 * np.sum(self.apart**2)

    def gradient(self, times: float) -> Any:
        np.dot(self.x.T, self.apart, out=self.dw)
        np.sum(times * self.apart, axis=0, out=self.db)
        return self.dtheta


@pytest.mark.parametrize("times", [1.0, 2.0])
def test_gradients_in_the_memory_of_one_vector_are_judged(times: float) -> None:
    net = Packed()
    with verify(net) as check:
        check.loss = net.loss(RNG.normal(size=(5, 4)), RNG.normal(size=(5, 3)))
        check.gradients = net.gradient(times)
    assert check.ok is (times == 1.0), str(check)
    assert (wrong(check) is None) is (times == 1.0)


class Single:
    """One sample, one output, and a target that is a plain number."""

    def __init__(self) -> None:
        self.w, self.v = RNG.normal(size=(3, 2)), RNG.normal(size=(2, 1))
        self.hidden = np.zeros((1, 2))

    def train(self, rows: list[int], label: int, rate: float) -> None:
        self.hidden *= 0
        for row in rows:
            self.hidden += self.w[row]
        output = 1 / (1 + np.exp(-self.hidden.dot(self.v)))
        output_error = output - label
        delta = output_error * output * (1 - output)
        below = delta.dot(self.v.T)
        self.v -= self.hidden.T.dot(delta) * rate
        for row in rows:
            self.w[row] -= below[0] * rate


def test_an_error_is_no_loss_and_a_number_may_be_the_target() -> None:
    net = Single()
    with verify(net) as check:
        net.train([0, 2], 1, 0.1)
        check.gradients_from_step(0.1)
    assert check.ok, str(check)
    assert "half squared error of output and 1" in str(check)


@pytest.mark.parametrize("decay", [0.3, 0.0])
def test_a_decay_of_all_weights_beside_the_loss_is_no_mistake(decay: float) -> None:
    w, v, x, y = (RNG.normal(size=shape) for shape in ((4, 5), (5, 2), (6, 4), (6, 2)))
    with verify(w=w, v=v) as check:
        hidden = np.tanh(x @ w)
        apart = hidden @ v - y
        check.loss = 0.5 * np.sum(apart**2)
        below = (apart @ v.T) * (1 - hidden**2)
        check.gradients = {"w": x.T @ below + 0.3 * w, "v": hidden.T @ apart + decay * v}
    assert check.ok is bool(decay), str(check)
    if not decay:
        assert wrong(check).kind == "regularisation"


class Counted:
    """A bias that is a number, and no nought."""

    def __init__(self) -> None:
        self.w, self.b = RNG.normal(size=3), 0.2

    def update(self, x: Any, y: Any, rate: float, times: float) -> Any:
        apart = x @ self.w + self.b - y
        loss = 0.5 * np.sum(apart**2)
        self.w = self.w - rate * (x.T @ apart)
        self.b = self.b - rate * times * np.sum(apart)
        return loss


@pytest.mark.parametrize("times", [1.0, 3.0])
def test_a_bias_that_is_a_number_is_judged(times: float) -> None:
    net = Counted()
    with verify(net) as check:
        check.loss = net.update(RNG.normal(size=(5, 3)), RNG.normal(size=5), 0.1, times)
        check.gradients_from_step(0.1)
    assert check.ok is (times == 1.0), str(check)


class Momentum:
    """Velocities that begin at nothing, judged as steps."""

    def __init__(self) -> None:
        self.w, self.b, self.v = RNG.normal(size=(3, 4)), np.zeros(4), RNG.normal(size=(4, 2))
        self.mw, self.mb, self.mv = np.zeros((3, 4)), np.zeros(4), np.zeros((4, 2))

    def step(self, x: Any, y: Any, share: float) -> Any:
        hidden = np.tanh(x @ self.w + self.b)
        apart = hidden @ self.v - y
        below = (apart @ self.v.T) * (1 - hidden**2)
        dv, dw, db = hidden.T @ apart, x.T @ below, below.sum(axis=0)
        self.mw = 0.9 * self.mw + 0.1 * dw
        self.mb = 0.9 * self.mb + share * db
        self.mv = 0.9 * self.mv + 0.1 * dv
        self.w -= 0.5 * self.mw
        self.b -= 0.5 * self.mb
        self.v -= 0.5 * self.mv
        return 0.5 * np.sum(apart**2)


@pytest.mark.parametrize("share", [0.1, 0.9])
def test_of_steps_by_a_rate_one_that_is_another_multiple_is_wrong(share: float) -> None:
    net = Momentum()
    with verify(net) as check:
        check.loss = net.step(RNG.normal(size=(6, 3)), RNG.normal(size=(6, 2)), share)
        check.gradients_from_step(0.05)
    assert check.ok is (share == 0.1), str(check)
    if share != 0.1:
        assert "self.mb = " in str(check)


GRAPH = """
import numpy as np

def run(A, X, Y, mask, w, v):
    hidden = np.tanh(A @ X @ w)
    out = A @ hidden @ v
    rest = out - Y
    loss = 0.5 * np.sum(mask[:, None] * rest ** 2)
    d = np.asarray(rest) * mask[:, None]
    dv = (A @ hidden).T @ d
    below = (A @ d @ v.T) * (1 - hidden ** 2)
    return loss, {"w": (A @ X).T @ below, "v": dv}
"""


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("np.asarray(rest) * mask[:, None]", "np.asarray(rest)", "missing-derivative"),
        ("(1 - hidden ** 2)", "(1 - hidden) ** 2", "derivative-at-wrong-point"),
    ],
)
def test_what_rests_on_a_symmetric_matrix_is_found(tmp_path: Path, old: str, new: str, kind: str) -> None:
    module: Any = module_of(tmp_path / "graph.py", GRAPH.replace(old, new))
    rng = np.random.default_rng(2)
    near, mask = rng.random((7, 7)), np.array([1.0, 0, 1, 1, 0, 1, 1])
    near = (near + near.T) / 7
    w, v = rng.normal(size=(4, 5)), rng.normal(size=(5, 2))
    with verify(w=w, v=v) as check:
        check.loss, check.gradients = module.run(near, rng.normal(size=(7, 4)), rng.normal(size=(7, 2)), mask, w, v)
    assert wrong(check).kind == kind, str(check)


HELPERS = """
import numpy as np

def norm(x):
    rstd = 1 / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5)
    return (x - x.mean(axis=-1, keepdims=True)) * rstd, rstd

def norm_back(dy, y, rstd):
    dx = dy - dy.mean(axis=-1, keepdims=True)
    return dx * rstd

def run(x, y, w, v):
    a, ra = norm(x @ w)
    b, rb = norm(np.tanh(a) @ v)
    apart = b - y
    loss = 0.5 * np.sum(apart ** 2)
    db = norm_back(apart, b, rb)
    dv = np.tanh(a).T @ db
    da = norm_back((db @ v.T) * (1 - np.tanh(a) ** 2), a, ra)
    return loss, {"w": x.T @ da, "v": dv}
"""


def test_what_a_helper_lacks_is_told_in_it_and_once(tmp_path: Path) -> None:
    module: Any = module_of(tmp_path / "helpers.py", HELPERS)
    w, v = RNG.normal(size=(4, 5)), RNG.normal(size=(5, 6))
    with verify(w=w, v=v) as check:
        check.loss, check.gradients = module.run(RNG.normal(size=(7, 4)), RNG.normal(size=(7, 6)), w, v)
    assert (wrong(check).kind, wrong(check).line) == ("missing-term", 9), str(check)
    assert str(check).count("you wrote") == 1


def test_a_mistake_in_a_statement_over_several_lines_is_told_at_its_line(tmp_path: Path) -> None:
    text = (
        "def run(x, y, w):\n"
        "    apart = x @ w - y\n"
        "    dw = (\n"
        "        x.T\n"
        "        @ y\n"
        "    )\n"
        "    return (apart ** 2).sum() / 2, {'w': dw}\n"
    )
    module: Any = module_of(tmp_path / "lines.py", text)
    w = RNG.normal(size=(4, 3))
    with verify(w=w) as check:
        check.loss, check.gradients = module.run(RNG.normal(size=(6, 4)), RNG.normal(size=(6, 3)), w)
    assert (wrong(check).line, wrong(check).kind) == (5, "wrong-operand"), str(check)


SHORT = """
import numpy as np

def run(x, y, w, v, gain):
    hidden = np.tanh(x @ w)
    scaled = hidden * gain
    apart = (scaled @ v - y) / np.float32(len(x))
    loss = np.float32(0.5) * np.sum(apart ** 2) * np.float32(len(x))
    dv = scaled.T @ apart
    dscaled = apart @ v.T
    dgain = np.sum(dscaled * hidden, axis=0)
    dhidden = dscaled
    dw = x.T @ (dhidden * (1 - hidden ** 2))
    return loss, {"w": dw, "v": dv, "gain": dgain}
"""


def test_changes_of_programs_in_float32_are_tried(tmp_path: Path) -> None:
    module: Any = module_of(tmp_path / "short.py", SHORT)
    w, v, gain, x, y = (RNG.normal(size=shape).astype(np.float32) for shape in ((4, 5), (5, 2), (5,), (6, 4), (6, 2)))
    with verify(w=w, v=v, gain=gain) as check:
        check.loss, check.gradients = module.run(x, y, w, v, gain)
    assert (wrong(check).line, wrong(check).kind) == (12, "missing-derivative"), str(check)


@pytest.mark.parametrize("times", [1.0, 2.0])
def test_of_numbers_alone_all_are_judged(times: float) -> None:
    net = {"w": 0.7, "v": -0.4, "b": 0.1}
    x, y = RNG.normal(size=5), RNG.normal(size=5)
    with verify(net) as check:
        apart = np.tanh(net["w"] * x[0] + net["v"] * x[1] + net["b"]) - y[0]
        check.loss = 0.5 * apart**2
        below = apart * (1 - (apart + y[0]) ** 2)
        check.gradients = {"w": below * x[0], "v": times * below * x[1], "b": below}
    assert check.ok is (times == 1.0), str(check)
    assert all(f"{name}  " in str(check) for name in net)
