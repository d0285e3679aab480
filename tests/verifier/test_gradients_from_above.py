"""Scripts that draw the gradient from above themselves, as exercises for layers do: no loss is needed for them."""

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

IN_LAYERS = """
import numpy as np

def affine(x, w, b):
    return x.reshape(len(x), -1) @ w + b, (x, w, b)

def affine_backward(dout, cache):
    x, w, b = cache
    dx = (dout @ w.T).reshape(x.shape)
    dw = x.reshape(len(x), -1).T @ dout
    db = dout.sum(axis=0)
    return dx, dw, db

def bent(x):
    return np.maximum(0, x), x

def bent_backward(dout, cache):
    return dout * (cache > 0)

def numeric(f, x, df, h=1e-5):
    grad = np.zeros_like(x)
    for i in np.ndindex(*x.shape):
        old = x[i]
        x[i] = old + h
        more = f(x).copy()
        x[i] = old - h
        less = f(x).copy()
        x[i] = old
        grad[i] = np.sum((more - less) * df) / (2 * h)
    return grad

def off(x, y):
    return np.max(np.abs(x - y))

np.random.seed(31)
x, w, b = np.random.randn(3, 2, 2), np.random.randn(4, 5), np.random.randn(5)
dout = np.random.randn(3, 5)
a, fc = affine(x, w, b)
out, mask = bent(a)
da = bent_backward(dout, mask)
dx, dw, db = affine_backward(da, fc)
dx_num = numeric(lambda x: bent(affine(x, w, b)[0])[0], x, dout)
dw_num = numeric(lambda w: bent(affine(x, w, b)[0])[0], w, dout)
print(off(dx_num, dx), off(dw_num, dw))
"""


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [
        ("dout * (cache > 0)", "dout * (dout > 0)", "derivative-at-wrong-point"),
        ("dout.sum(axis=0)", "dout.mean(axis=0)", "missing-batch-sum-or-mean"),
    ],
)
def test_layers_that_are_given_a_gradient_from_above_are_judged_by_the_sum_of_it_times_the_output(
    tmp_path: Path, right: str, wrong: str, kind: str
) -> None:
    check = check_of_script(tmp_path, IN_LAYERS)
    assert check.ok, str(check)
    assert {final.name for final in check.finals} == {"dx", "dw", "db"}, str(check)
    check, line = edited_script(tmp_path, IN_LAYERS, right, wrong)
    assert told(check) == (line, kind), str(check)


IN_TIME = """
import numpy as np

def forward(x, a0, p):
    a, at, caches = np.zeros((4, 6, 5)), a0, []
    for t in range(5):
        before, at = at, np.tanh(p["Wa"] @ at + p["Wx"] @ x[:, :, t] + p["ba"])
        caches.append((before, at, x[:, :, t], p))
        a[:, :, t] = at
    return a, (caches, x)

def backward(da, caches):
    caches, x = caches
    dWa, dWx, dba = np.zeros((4, 4)), np.zeros((4, 3)), np.zeros((4, 1))
    dx, dat = np.zeros_like(x), np.zeros((4, 6))
    for t in reversed(range(da.shape[2])):
        before, at, xt, p = caches[t]
        dz = (da[:, :, t] + dat) * (1 - at**2)
        dx[:, :, t] = p["Wx"].T @ dz
        dWa += dz @ before.T
        dWx += dz @ xt.T
        dba += dz.sum(axis=1, keepdims=True)
        dat = p["Wa"].T @ dz
    return {"dx": dx, "da0": dat, "dWa": dWa, "dWx": dWx, "dba": dba}

np.random.seed(32)
x, a0 = np.random.randn(3, 6, 5), np.random.randn(4, 6)
p = {"Wa": np.random.randn(4, 4), "Wx": np.random.randn(4, 3), "ba": np.random.randn(4, 1)}
a, caches = forward(x, a0, p)
da = np.random.randn(4, 6, TURNS)
gradients = backward(da, caches)
print(gradients["dWa"][1])
"""


@pytest.mark.parametrize("turns", [5, 3])
def test_a_gradient_from_above_may_be_that_of_the_first_turns_alone(tmp_path: Path, turns: int) -> None:
    text = IN_TIME.replace("TURNS", str(turns))
    check = check_of_script(tmp_path, text)
    assert check.ok, str(check)
    assert len(check.finals) >= 3, str(check)
    check, line = edited_script(tmp_path, text, "dWx += dz @ xt.T", "dWx = dz @ xt.T")
    assert told(check) == (line, "overwritten-accumulation"), str(check)
    check, line = edited_script(tmp_path, text, "(1 - at**2)", "(1 - at)")
    assert told(check)[0] == line, str(check)
