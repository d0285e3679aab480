"""Mistakes for which no loss, another line, or no cause was told: the loss that is meant, and where something lacks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.verifier.files import changed, check_of_script, line_of, module_of, told
from tests.verifier.test_told_where_it_begins import NEIGHBOURS
from tinygrad_scratch import verify

ONE_BY_ONE = """
import numpy as np

def squash(x):
    return np.tanh(x)

def slope(x):
    return 1 - x**2

class Net:
    def __init__(self, rng):
        self.v, self.w = 0.6 * rng.normal(size=(4, 5)), 0.6 * rng.normal(size=(5, 3))

    def step(self, x, goal, rate):
        h = squash(x @ self.v)
        out = squash(h @ self.w)
        error = goal - out
        delta = error * slope(out)
        below = (self.w @ delta) * slope(h)
        self.w += rate * np.outer(h, delta)
        self.v += rate * np.outer(x, below)
        return (error**2).sum()

rng = np.random.default_rng(4)
net = Net(rng)
for turn in range(20):
    net.step(rng.normal(size=4), rng.uniform(-0.9, 0.9, size=3), 0.1)
"""


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [
        ("error * slope(out)", "error**2 * slope(out)", "missing-derivative"),
        ("error * slope(out)", "error * slope(squash(out))", "derivative-at-wrong-point"),
    ],
)
def test_a_number_that_is_only_returned_is_the_loss(tmp_path: Path, right: str, wrong: str, kind: str) -> None:
    text = changed(ONE_BY_ONE, right, wrong)
    check = check_of_script(tmp_path, text)
    assert told(check) == (line_of(text, wrong), kind), str(check)


ANY_ACTIVATION = """
import numpy as np

class Bent:
    def fn(self, z):
        return np.where(z > 0, z, 1.5 * (np.exp(z) - 1))

    def grad(self, x):
        return np.where(x > 0, np.ones_like(x), 1.5 * np.exp(x))

class Layer:
    def __init__(self, rng, act):
        self.w, self.act = rng.normal(size=(4, 3)), act

    def forward(self, x):
        self.x, self.pre = x, x @ self.w
        return self.act.fn(self.pre)

    def backward(self, up):
        dx = []
        for given, z in [(up, self.pre)]:
            dpre = given * self.act.grad(z)
            self.dw = self.x.T @ dpre
            dx.append(dpre @ self.w.T)
        return dx[0]
"""


def test_a_helper_is_right_that_would_need_what_it_is_not_given(tmp_path: Path) -> None:
    text = changed(ANY_ACTIVATION, "self.act.grad(z)", "self.act.grad(self.act.fn(z))")
    module, rng = module_of(tmp_path / "module.py", text), np.random.default_rng(5)
    check = verify.layer(module.Layer(rng, module.Bent()), rng.normal(size=(6, 4)))
    assert told(check) == (line_of(text, "self.act.fn(z)"), "derivative-at-wrong-point"), str(check)


MANY_INPUTS = """
import numpy as np

class Layer:
    def __init__(self, rng):
        self.w = rng.normal(size=(4, 3))

    def forward(self, x):
        pre = x @ self.w
        y = self.bend(pre)
        self.x, self.pre = [x], [pre]
        return y

    def bend(self, pre):
        return np.tanh(pre)

    def slope(self, pre):
        return 1 - np.tanh(pre) ** 2

    def backward(self, dLdy):
        if not isinstance(dLdy, list):
            dLdy = [dLdy]
        self.dw, below = np.zeros_like(self.w), []
        for d, x, pre in zip(dLdy, self.x, self.pre):
            dx, dw = self.single(d, x, pre)
            below.append(dx)
            self.dw += dw
        return below[0]

    def single(self, dLdy, x, pre):
        rows = np.expand_dims(dLdy * self.slope(pre), axis=1)
        dw = (x[:, :, None] * rows).sum(axis=0)
        return (rows @ self.w.T)[:, 0], dw
"""


def test_no_slope_lacks_where_a_value_is_only_put_into_a_list(tmp_path: Path) -> None:
    text = changed(MANY_INPUTS, "dLdy * self.slope(pre)", "dLdy")
    module, rng = module_of(tmp_path / "module.py", text), np.random.default_rng(6)
    check = verify.layer(module.Layer(rng), rng.normal(size=(6, 4)))
    assert told(check) == (line_of(text, "np.expand_dims"), "missing-derivative"), str(check)


PAIRS = """
import numpy as np

def update(users, items, u, i, j):
    who, one, other = users[u], items[i], items[j]
    gap = np.sum(who * (one - other), axis=1)
    share = 1 - np.exp(-gap)
    spread = np.tile(share, (3, 1)).T
    users[u] -= 0.1 * (spread * (one - other) + 0.2 * who)
    items[i] -= 0.1 * (spread * who + 0.2 * one)
    items[j] -= 0.1 * (spread * -who + 0.2 * other)
"""


def test_the_rest_of_one_is_told_where_it_was_made_for_one_line(tmp_path: Path) -> None:
    text = changed(PAIRS, "share = 1 - np.exp(-gap)", "share = np.exp(-gap)")
    module, rng = module_of(tmp_path / "module.py", text), np.random.default_rng(7)
    users, items, (u, i, j) = rng.normal(size=(6, 3)), rng.normal(size=(9, 3)), ([4, 0, 2], [7, 1, 5], [3, 8, 0])
    with verify(users=users, items=items) as check:
        who, one, other = users[u], items[i], items[j]
        gap = np.sum(who * (one - other), axis=1)
        check.loss = np.sum(gap + np.exp(-gap)) + 0.1 * (np.sum(who**2) + np.sum(one**2) + np.sum(other**2))
        module.update(users, items, u, i, j)
        check.gradients_from_step(0.1)
    assert told(check) == (line_of(text, "share ="), "wrong-operand"), str(check)
    assert check.first_wrong is not None
    assert check.first_wrong.should_be == "1 - np.exp(-gap)"


DEEP = """
import numpy as np

rng = np.random.default_rng(8)
sizes, m = (4, 5, 6, 2), 11
ws = [0.5 * rng.normal(size=size) for size in zip(sizes[1:], sizes)]
bs = [0.1 * rng.normal(size=(size, 1)) for size in sizes[1:]]
x, y = rng.normal(size=(4, m)), rng.normal(size=(2, m))
for turn in range(9):
    hs = [x]
    for w, b in zip(ws, bs):
        hs.append(np.tanh(w @ hs[-1] + b))
    loss = 0.5 * np.sum((hs[-1] - y) ** 2) / m
    dz = (hs[-1] - y) * (1 - hs[-1] ** 2)
    dws, dbs = [None] * 3, [None] * 3
    for l in (2, 1, 0):
        dws[l] = dz @ hs[l].T / m
        dbs[l] = dz.sum(axis=1, keepdims=True) / m
        if l > 0:
            dh = ws[l].T @ dz
            dz = dh * (1 - hs[l] ** 2)
    for l in range(3):
        ws[l] -= 0.1 * dws[l]
        bs[l] -= 0.1 * dbs[l]
    print(loss)
"""


def test_a_division_that_each_turn_makes_again_is_told_where_it_is(tmp_path: Path) -> None:
    text = changed(DEEP, "        dws[l] = dz @ hs[l].T / m\n", "        dz = dz / m\n        dws[l] = dz @ hs[l].T\n")
    text = changed(text, "keepdims=True) / m", "keepdims=True)")
    check = check_of_script(tmp_path, text)
    assert told(check)[0] == line_of(text, "dz = dz / m"), str(check)
    assert told(check)[1] in ("missing-batch-sum-or-mean", "scale-factor")
    assert check.first_wrong is not None
    assert not check.first_wrong.should_be


FACTORISED = """
import numpy as np

rng = np.random.default_rng(9)
u, v, b, count = rng.normal(size=4), rng.normal(size=4), rng.normal(size=1), 7.0
for turn in range(9):
    share = min(1.0, count / 100)
    off = u @ v + b[0] - np.log(count)
    cost = share * off**2
    loss = 0.5 * cost
    du = share * off * v
    dv = share * off * u
    db = share * off
    u -= 0.5 * du
    v -= 0.5 * dv
    b -= 0.5 * db
    print(loss)
"""


def test_a_product_is_as_another_line_begins(tmp_path: Path) -> None:
    text = changed(FACTORISED, "du = share * off * v", "du = cost * v")
    check = check_of_script(tmp_path, text)
    assert told(check) == (line_of(text, "du ="), "wrong-operand"), str(check)
    assert check.first_wrong is not None
    assert check.first_wrong.should_be == "du = share * off * v"


TREE = """
import numpy as np

class Node:
    def __init__(self, word=None, left=None, right=None, goal=None):
        self.word, self.left, self.right, self.goal = word, left, right, goal

class Tree:
    def __init__(self, rng):
        self.E, self.W, self.U = rng.normal(size=(5, 3)), 0.5 * rng.normal(size=(3, 6)), rng.normal(size=(2, 3))

    def forward(self, node):
        if node.word is not None:
            node.h, below = self.E[node.word], 0.0
        else:
            below = self.forward(node.left) + self.forward(node.right)
            node.h = np.tanh(self.W @ np.hstack([node.left.h, node.right.h]))
        return below + 0.5 * np.sum((self.U @ node.h - node.goal) ** 2)

    def backward(self, node, error=None):
        d = self.U @ node.h - node.goal
        self.dU += np.outer(d, node.h)
        d = self.U.T @ d
        if error is not None:
            d += error
        if node.word is not None:
            self.dE[node.word] += d
            return
        d *= 1 - node.h**2
        both = np.hstack([node.left.h, node.right.h])
        self.dW += np.outer(d, both)
        d = self.W.T @ d
        self.backward(node.left, d[:3])
        self.backward(node.right, d[3:])

    def gradients(self, node):
        self.dE, self.dW, self.dU = [np.zeros(3) for _ in self.E], np.zeros_like(self.W), np.zeros_like(self.U)
        self.backward(node)
        return {"E": np.array(self.dE), "W": self.dW, "U": self.dU}
"""


def test_what_is_scaled_before_its_last_use_lacks_no_term(tmp_path: Path) -> None:
    leaf = "        if node.word is not None:\n            self.dE[node.word] += d\n            return\n"
    slope = "        d *= 1 - node.h**2\n"
    text = changed(TREE, leaf + slope, slope + leaf)
    module, rng = module_of(tmp_path / "module.py", text), np.random.default_rng(10)
    tree, goals = module.Tree(rng), rng.normal(size=(5, 2))
    leaves = [module.Node(word, goal=goals[word]) for word in range(3)]
    node = module.Node(left=module.Node(left=leaves[0], right=leaves[1], goal=goals[3]), right=leaves[2], goal=goals[4])
    with verify(tree) as check:
        check.loss = tree.forward(node)
        check.gradients = tree.gradients(node)
    assert told(check)[0] == line_of(text, "d *= 1"), str(check)
    assert told(check)[1] != "missing-term", str(check)


MARGINS = """
import numpy as np

def cost_and_slope(W, X, y):
    dW = np.zeros_like(W)
    scores = X @ W
    for i in range(len(X)):
        own = scores[i, y[i]]
        count = 0
        for j in range(W.shape[1]):
            if j == y[i]:
                scores[i, j] = 0
            else:
                gap = scores[i, j] - own + 1.0
                if gap > 0:
                    count += 1
                    scores[i, j] = gap
                    dW[:, j] += X[i, :]
                else:
                    scores[i, j] = 0
        dW[:, y[i]] -= count * X[i, :]
    return np.sum(scores) / len(X), dW / len(X)
"""


def test_a_counter_does_not_begin_anew_in_the_turns_that_it_counts(tmp_path: Path) -> None:
    text = changed(MARGINS, "        dW[:, y[i]] -= count", "            dW[:, y[i]] -= count")
    module, rng = module_of(tmp_path / "module.py", text), np.random.default_rng(11)
    w, x, y = rng.normal(size=(4, 5)), rng.normal(size=(6, 4)), rng.integers(0, 5, size=6)
    with verify(W=w) as check:
        check.loss, slope = module.cost_and_slope(w, x, y)
        check.gradients = {"W": slope}
    assert told(check) == (line_of(text, "dW[:, y[i]]"), "scale-factor"), str(check)


SAMPLER = """
import numpy as np

def pull(one, other, up, share):
    b, c, h, w = up.shape
    dp = one * share[:, :, None]
    dq = other * share[:, :, None]
    dp = dp.reshape(b, h, w, c).transpose(0, 3, 1, 2)
    dq = dq.reshape(b, h, w, c).transpose(0, 3, 1, 2)
    dp *= up
    dq *= up
    dp = np.sum(dp, axis=1)
    dq = np.sum(dq, axis=1)
    return dp.reshape(b, -1), dq.reshape(b, -1)
"""


def test_a_line_is_as_the_one_beside_it(tmp_path: Path) -> None:
    text = changed(SAMPLER, "dq = dq.reshape(b, h, w, c).transpose(0, 3, 1, 2)", "dq = dq.reshape(b, c, h, w)")
    module, rng = module_of(tmp_path / "module.py", text), np.random.default_rng(12)
    p, q, share = rng.normal(size=(3, 2, 6))
    one, other, up = rng.normal(size=(2, 6, 4)), rng.normal(size=(2, 6, 4)), rng.normal(size=(2, 4, 2, 3))
    with verify(p=p, q=q) as check:
        mixed = (p[:, :, None] * one + q[:, :, None] * other) * share[:, :, None]
        check.loss = np.sum(mixed.transpose(0, 2, 1).reshape(up.shape) * up)
        check.gradients = dict(zip(("p", "q"), module.pull(one, other, up, share), strict=True))
    assert told(check) == (line_of(text, "dq = dq.reshape(b, c, h, w)"), "transpose"), str(check)


def test_the_diagonal_is_missing_in_a_matrix_of_pairs(tmp_path: Path) -> None:
    text = changed(NEIGHBOURS, "    np.fill_diagonal(both, -(pull + pull.T).sum(axis=0))\n", "")
    module, rng = module_of(tmp_path / "module.py", text), np.random.default_rng(13)
    data, y, a = rng.normal(size=(6, 3)), rng.normal(size=6), 0.4 * rng.normal(size=12)
    with verify(a=a) as check:
        check.loss, slope = module.cost_and_slope(a, data, y)
        check.gradients = {"a": slope}
    assert told(check) == (line_of(text, "both = "), "missing-term"), str(check)
    assert check.first_wrong is not None
    assert check.first_wrong.should_be == "both = pull + pull.T - np.diag((pull + pull.T).sum(axis=0))"


QUADRATIC = """
import numpy as np

rng = np.random.default_rng(14)
T, U, z, goal = rng.normal(size=(3, 4, 4)), rng.normal(size=(4, 2)), rng.normal(size=2), rng.normal(size=3)
for turn in range(9):
    x = np.tanh(U @ z)
    out = np.tensordot(T, np.outer(x, x), axes=([1, 2], [0, 1]))
    d = out - goal
    loss = 0.5 * np.sum(d**2)
    dT = d[:, None, None] * np.outer(x, x)
    dx = np.tensordot(T + T.swapaxes(1, 2), np.outer(d, x), axes=([0, 2], [0, 1]))
    dU = np.outer(dx * (1 - x**2), z)
    T -= 0.01 * dT
    U -= 0.01 * dU
    print(loss)
"""


def test_a_tensor_that_reads_a_value_twice_gets_both_halves(tmp_path: Path) -> None:
    text = changed(QUADRATIC, "T + T.swapaxes(1, 2)", "T")
    check = check_of_script(tmp_path, text)
    assert told(check) == (line_of(text, "dx ="), "missing-term"), str(check)
    assert check.first_wrong is not None
    assert "np.tensordot(T + T.swapaxes(1, 2)," in (check.first_wrong.should_be or ""), str(check)


NAMED_AFTER_LOSS = """
import numpy as np

def sigmoid(z):
    return 1 / (1 + np.exp(-z))

rng = np.random.default_rng(15)
X, y = rng.normal(size=(12, 5)), np.sign(rng.normal(size=12))
w0, w, v = 0.1, 0.3 * rng.normal(size=5), 0.3 * rng.normal(size=(5, 3))
for turn in range(5):
    for i in range(12):
        mixed = X[i] @ v
        p = w0 + X[i] @ w + 0.5 * np.sum(mixed**2 - (X[i] ** 2) @ (v**2))
        loss = sigmoid(y[i] * p) - 1
        w0 = w0 - 0.05 * loss * y[i]
        w = w - 0.05 * loss * y[i] * X[i]
        v = v - 0.05 * loss * y[i] * (np.outer(X[i], mixed) - v * X[i][:, None] ** 2)
"""


def test_a_factor_that_is_called_loss_is_none(tmp_path: Path) -> None:
    text = changed(NAMED_AFTER_LOSS, " - v * X[i][:, None] ** 2", "")
    check = check_of_script(tmp_path, text)
    assert told(check) == (line_of(text, "v = v -"), "missing-term"), str(check)
    assert len(check.causes) == 1, str(check)
