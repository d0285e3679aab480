"""Single mistakes in small programs of the forms that people publish: the line, and the kind of the cause."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.verifier.files import edited, module_of
from tinygrad_scratch import verify

RNG = np.random.default_rng(8)
X = RNG.normal(size=(6, 4))

SLOPES = """
import numpy as np

class Squash:
    def squash(self, x):
        return 1 / (1 + np.exp(-x))

    def forward(self, x):
        self.x = x
        return self.squash(x)

    def backward(self, given):
        slope_grad = self.squash(self.x) * (1 - self.squash(self.x))
        return slope_grad * given

class Rectify:
    def forward(self, x):
        self.x = x
        return np.maximum(x, 0)

    def backward(self, given):
        inner = given * (self.x > 0)
        return inner

class Pick:
    def forward(self, x):
        self.x, self.best = x, np.argmax(x, axis=1)
        return x[np.arange(len(x)), self.best]

    def backward(self, given):
        room = np.zeros_like(self.x)
        room[np.arange(len(room)), self.best] = given
        return room

class Recur:
    def forward(self, x):
        self.x, self.before, h = x, [], np.zeros(3)
        self.after = []
        for row in x:
            self.before.append(h)
            h = np.tanh(row @ self.W + h @ self.U)
            self.after.append(h)
        return np.array(self.after)

    def one(self, upstream, t):
        inner = upstream * (1 - self.after[t] ** 2)
        return np.outer(self.x[t], inner), np.outer(self.before[t], inner), inner @ self.W.T, inner @ self.U.T

    def backward(self, given):
        self.dW, self.dU, carried = np.zeros_like(self.W), np.zeros_like(self.U), np.zeros(3)
        dx = np.zeros_like(self.x)
        for t in range(len(self.x) - 1, -1, -1):
            part_W, part_U, dx[t], carried = self.one(given[t] + carried, t)
            self.dW += part_W
            self.dU += part_U
        return dx
"""


@pytest.mark.parametrize(
    ("kind", "right", "wrong", "causes"),
    [
        ("Squash", "slope_grad = self.squash(self.x) * (1 - self.squash(self.x))", "slope_grad = self.squash(self.x)",
         {"missing-derivative"}),
        ("Rectify", "        return inner", "        return given", {"missing-derivative"}),
        ("Rectify", "inner = given * (self.x > 0)", "inner = given", {"missing-derivative"}),
        ("Pick", "room = np.zeros_like(self.x)", "room = np.zeros_like(self.x, dtype=int)", {"dtype-or-integer"}),
        ("Recur", "inner = upstream * (1 - self.after[t] ** 2)", "inner = 1 - self.after[t] ** 2",
         {"missing-derivative", "wrong-operand"}),
        ("Recur", "inner = upstream * (1 - self.after[t] ** 2)", "inner = upstream * (1 - self.after[t])",
         {"derivative-at-wrong-point"}),
    ],
)  # fmt: skip
def test_a_layer(tmp_path: Path, kind: str, right: str, wrong: str, causes: set[str]) -> None:
    assert SLOPES.count(right) == 1 or kind == "Rectify"
    at = SLOPES.index(right, SLOPES.index(f"class {kind}"))
    source = SLOPES[:at] + wrong + SLOPES[at + len(right) :]
    layer = getattr(module_of(tmp_path / f"single_{kind}.py", source), kind)()
    if kind == "Recur":
        layer.W, layer.U = RNG.normal(size=(4, 3)), RNG.normal(size=(3, 3))
    check = verify.layer(layer, X)
    found = check.first_wrong
    assert found is not None, str(check)
    assert (found.line, found.kind in causes) == (source[: at + len(wrong)].count("\n") + 1, True), str(check)


GATE = """
import numpy as np

def forward(x, w):
    u = x @ w
    t = np.tanh(u)
    return u * t, (x, w, u, t)

def backward(dy, cache):
    x, w, u, t = cache
    du = dy * t + dy * u * (1 - t**2)
    return du @ w.T, x.T @ du
"""


@pytest.mark.parametrize(
    ("wrong", "cause", "should"),
    [
        ("dy * t + dy * u * (1 - t)", "derivative-at-wrong-point", "dy * t + dy * u * (1 - t ** 2)"),
        ("dy * (t + u * (1 - u**2))", "derivative-at-wrong-point", "dy * (t + u * (1 - t**2))"),
        ("dy * t + dy * u", "missing-derivative", "dy * t + dy * u * (1 - t ** 2)"),
        ("dy * t + dy * (1 - t**2)", "missing-derivative", "dy * t + dy * (1 - t**2) * u"),
        ("dy * t + u * (1 - t**2)", "missing-derivative", "dy * t + u * (1 - t**2) * dy"),
    ],
)
def test_one_term_of_a_sum(tmp_path: Path, wrong: str, cause: str, should: str) -> None:
    source = GATE.replace("dy * t + dy * u * (1 - t**2)", wrong)
    module = module_of(tmp_path / "single_gate.py", source)
    found = verify.layer((module.forward, module.backward), X, RNG.normal(size=(4, 3))).first_wrong
    assert found is not None
    assert found.should_be is not None
    assert (found.name, found.kind, found.certainty) == ("du", cause, "checked")
    assert found.should_be.removeprefix("du = ") == should


LOSS = """
import numpy as np

def softmax_loss(W, X, y, reg):
    n = len(X)
    scores = X @ W
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(n), y]).sum() / n
    loss += 0.5 * reg * np.sum(W * W)
    p[np.arange(n), y] -= 1
    dW = X.T @ p
    dW /= n
    dW += reg * W
    return loss, dW
"""


@pytest.mark.parametrize(
    ("right", "wrong", "causes"),
    [
        ("    dW = X.T @ p", "    dW = 2 * (X.T @ p)", {"scale-factor"}),
        ("    dW = X.T @ p", "    dW = -(X.T @ p)", {"sign"}),
        ("    dW += reg * W", "    dW += reg", {"regularisation"}),
        ("    dW += reg * W", "    dW += W", {"regularisation"}),
        ("    return loss, dW", "    return loss, 2 * dW", {"scale-factor"}),
    ],
)
def test_a_loss_with_its_gradient(tmp_path: Path, right: str, wrong: str, causes: set[str]) -> None:
    source = LOSS.replace(right, wrong)
    module = module_of(tmp_path / "single_loss.py", source)
    w, y = RNG.normal(size=(4, 3)), np.array([0, 2, 1, 1, 0, 2])
    with verify(w=w) as check:
        check.loss, check.gradients = module.softmax_loss(w, X, y, 0.1)
    found = check.first_wrong
    assert found is not None, str(check)
    assert (found.line, found.kind in causes) == (source[: source.index(wrong)].count("\n") + 1, True), str(check)


def test_a_mask_in_the_place_of_a_gradient() -> None:
    w, v, goal = RNG.normal(size=(4, 5)), RNG.normal(size=(5, 2)), RNG.normal(size=(6, 2))
    with verify(w=w, v=v) as check:
        inner = X @ w
        hidden = np.maximum(inner, 0)
        error = hidden @ v - goal
        check.loss = 0.5 * np.sum(error**2)
        back: Any = inner > 0
        check.gradients = {"w": X.T @ back, "v": hidden.T @ error}
    assert check.first_wrong is not None
    assert (check.first_wrong.name, check.first_wrong.kind) == ("back", "missing-derivative"), str(check)


def test_a_right_gradient_is_not_negated_to_mend_a_later_one() -> None:
    w, v, goal = RNG.normal(size=(4, 5)), RNG.normal(size=(5, 2)), RNG.normal(size=(6, 2))
    with verify(w=w, v=v) as check:
        hidden = 1 / (1 + np.exp(-(X @ w)))
        error = hidden @ v - goal
        check.loss = 0.5 * np.sum(error**2)
        delta = (error @ v.T) * hidden * (1 - hidden)
        gradient = -(X.T @ delta)
        check.gradients = {"w": gradient, "v": hidden.T @ error}
    assert check.first_wrong is not None
    assert (check.first_wrong.name, check.first_wrong.kind) == ("gradient", "sign"), str(check)


TOO_MANY = """
import numpy as np

def loss_and_gradients(x, y, mask, rate, w, b):
    p = 1 / (1 + np.exp(-(x @ w + b)))
    loss = -np.sum(mask * (y * np.log(p) + (1 - y) * np.log(1 - p)))
    residual = mask * (p - y)
    dw = x.T @ residual
    db = residual.sum(axis=0)
    return loss, dw, db
"""


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [
        ("db = residual.sum(axis=0)", "db = residual.sum(axis=0) + 2 * rate * b", "regularisation"),
        ("dw = x.T @ residual", "dw = x.T @ residual + rate * w / 3", "regularisation"),
        ("(p - y)", "((p > 0.5) - y)", "wrong-operand"),
        ("residual = mask * (p", "residual = (1 - mask) * (p", "wrong-operand"),
        ("(p - y)", "(p - y.ravel())", "broadcasting-shape"),
    ],
)
def test_what_is_one_too_many(tmp_path: Path, right: str, wrong: str, kind: str) -> None:
    """A penalty that the loss has not, a comparison, what a mask leaves out, another shape."""
    module = module_of(tmp_path / "too_many.py", TOO_MANY.replace(right, wrong))
    y = (RNG.random((6, 1)) > 0.5).astype(int)
    mask = np.array([[1], [0], [1], [1], [0], [1]])
    w, b = RNG.normal(size=(4, 1)), np.array([0.4])
    with verify(w=w, b=b) as check:
        check.loss, dw, db = module.loss_and_gradients(X, y, mask, 0.3, w, b)
        check.gradients = {"w": dw, "b": db}
    assert check.first_wrong is not None
    assert (check.first_wrong.kind, check.first_wrong.certainty) == (kind, "checked"), str(check)


MEANS_IN_PLACE = """
import numpy as np

def check(verify):
    rng = np.random.default_rng(3)
    x, labels = rng.normal(size=(9, 4)), rng.integers(0, 3, size=9)
    w, v = rng.normal(size=(4, 5)), rng.normal(size=(5, 3))
    with verify(w=w, v=v) as check:
        h = np.tanh(x @ w)
        e = np.exp(h @ v)
        p = e / e.sum(axis=1, keepdims=True)
        check.loss = -np.log(p[range(9), labels]).mean() + 0.05 * (np.sum(w**2) + np.sum(v**2))
        d = p.copy()
        d[range(9), labels] -= 1
        d /= 9
        dv = h.T @ d + 0.1 * v
        dw = x.T @ (d @ v.T * (1 - h**2)) + 0.1 * w
        check.gradients = {"w": dw, "v": dv}
    return check
"""


@pytest.mark.parametrize(
    ("wrong", "kind", "should_be"),
    [
        ("d /= 3", "scale-factor", "9"),
        ("d /= -9", "sign", "9"),
        ("d *= 1", "missing-batch-sum-or-mean", None),
    ],
)
def test_what_is_divided_in_place_is_right_as_it_is_said(
    tmp_path: Path, wrong: str, kind: str, should_be: str | None
) -> None:
    """3 is 9 once more divided by 3, which is no reason to call `d` written over; nor is it `d -= 1 / 9` before it."""
    check, line = edited(tmp_path / "means.py", MEANS_IN_PLACE, "d /= 9", wrong)
    first = check.first_wrong
    assert first is not None
    assert first.kind == kind, str(check)
    assert should_be is None or (first.line, first.should_be) == (line, should_be), str(check)
    assert " -= 0.1" not in str(check)


NORMED = """
import numpy as np

class Norm:
    def __init__(self, rng):
        self.scale, self.shift = rng.normal(size=3), rng.normal(size=3)

    def forward(self, X):
        self.X = X
        rows = X.reshape(-1, X.shape[-1])
        N = (rows - rows.mean(axis=0)) / rows.std(axis=0)
        return (self.scale * N + self.shift).reshape(X.shape)

    def backward(self, dY):
        X = self.X
        X = np.reshape(X, (-1, X.shape[-1]))
        dY = np.reshape(dY, (-1, dY.shape[-1]))
        mean, std = X.mean(axis=0), X.std(axis=0)
        N = (X - mean) / std
        dscale = np.sum(dY * N, axis=0)
        dshift = dY.sum(axis=0)
        return dscale, dshift

def check(verify):
    rng = np.random.default_rng(17)
    norm, x, pull = Norm(rng), rng.normal(size=(4, 2, 3)), rng.normal(size=(4, 2, 3))
    with verify(norm) as check:
        check.loss = np.sum(norm.forward(x) * pull)
        check.gradients = dict(zip(("scale", "shift"), norm.backward(pull)))
    return check
"""


def test_what_has_its_name_later_is_read_nowhere_before(tmp_path: Path) -> None:
    assert module_of(tmp_path / "right.py", NORMED).check(verify).ok
    check, line = edited(tmp_path / "wrong.py", NORMED, "np.sum(dY * N, axis=0)", "np.sum(dY * X, axis=0)")
    assert (check.first_wrong.line, check.first_wrong.kind) == (line, "wrong-operand"), str(check)
