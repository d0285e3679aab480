"""Training loops of many forms, all right: which loop trains, what its loss is, and what it only watches."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

CRITIC = """import numpy as np

rng = np.random.default_rng(3)
S, W, V = rng.normal(size=(7, 4)), rng.normal(size=(4, 3)), rng.normal(size=(4, 1))
S2, r = rng.normal(size=(7, 4)), rng.normal(size=(7, 1))
a = rng.integers(0, 3, 7)

for turn in range(5):
    z = S @ W
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    v = S @ V
    goal = r + 0.9 * (S2 @ V)
    adv = goal - v
    loss = -np.mean(np.log(p[np.arange(7), a]) * adv[:, 0]) + 0.5 * np.mean((goal - v) ** 2)
    dz = (p - np.eye(3)[a]) * adv / 7
    dv = (v - goal) / 7
    W -= 0.1 * S.T @ dz
    V -= 0.1 * S.T @ dv
"""
GAINS = """import numpy as np

rng = np.random.default_rng(6)
P = rng.random((8, 8)) + 0.1
P = (P + P.T) / np.sum(P + P.T)
Y, last = rng.normal(size=(8, 3)), np.zeros((8, 3))
gains = np.ones_like(Y)

for turn in range(20):
    diff = Y[:, None, :] - Y[None, :, :]
    near = 1 / (1 + np.sum(diff**2, axis=2))
    Q = near / near.sum()
    grad = 4 * np.einsum("ij,ijk->ik", (P - Q) * near, diff)
    gains = np.where(np.sign(grad) != np.sign(last), gains + 0.2, gains * 0.8)
    last = 0.5 * last - 5.0 * gains * grad
    Y = Y + last
    Y = Y - Y.mean(axis=0)
    if (turn + 1) % 4 == 0:
        print("turn", turn, "KL", np.sum(P * np.log(P / Q)))
"""
ADVERSARIES = """import numpy as np

rng = np.random.default_rng(8)
G, D = rng.normal(size=(3, 4)), rng.normal(size=(4, 1))

for turn in range(20):
    real, fake = rng.normal(size=(6, 4)), rng.normal(size=(6, 3)) @ G
    good, bad = 1 / (1 + np.exp(-real @ D)), 1 / (1 + np.exp(-fake @ D))
    d_loss = -np.mean(np.log(good) + np.log(1 - bad))
    dD = real.T @ (good - 1) / 6 + fake.T @ bad / 6
    D -= 0.1 * dD
    noise = rng.normal(size=(6, 3))
    bad = 1 / (1 + np.exp(-noise @ G @ D))
    g_loss = -np.mean(np.log(bad))
    dG = noise.T @ ((bad - 1) / 6 @ D.T)
    G -= 0.1 * dG
    if turn % 5 == 0:
        print(turn, "D", round(float(d_loss), 4), "G", round(float(g_loss), 4))
"""
FLOW = """import numpy as np

rng = np.random.default_rng(9)
U, B = 0.5 * rng.normal(size=(3, 4)), 0.1 * rng.normal(size=(3, 4))
vU, vB = np.zeros_like(U), np.zeros_like(B)


def forward(z):
    kept = []
    for k in range(3):
        h = np.tanh(z + B[k])
        kept.append(h)
        z = z + h * U[k]
    return z, kept


for turn in range(5):
    z, kept = forward(rng.normal(size=(6, 4)))
    loss = 0.5 * np.mean(np.sum(z**2, axis=1))
    dU, dB = np.zeros_like(U), np.zeros_like(B)
    dz = z / 6
    for k in range(2, -1, -1):
        dU[k] = np.sum(dz * kept[k], axis=0)
        da = dz * U[k] * (1 - kept[k] ** 2)
        dB[k] = da.sum(axis=0)
        dz = dz + da
    vU = 0.9 * vU - 0.1 * dU
    vB = 0.9 * vB - 0.1 * dB
    U += vU
    B += vB
"""
NUMBERS = """import numpy as np

rng = np.random.default_rng(17)
y = rng.normal(size=9)
a, c = 0.5, 0.3

for sweep in range(4):
    s, kept, nll = 0.0, [], 0.0
    for t in range(9):
        v = y[t] - a * s
        kept.append((s, v))
        nll += 0.5 * v**2 / 9
        s = a * s + c * v
    ga = gc = ds = 0.0
    for t in range(8, -1, -1):
        s, v = kept[t]
        dv = c * ds + v / 9
        gc += v * ds
        dp = ds
        dp -= dv
        ga += dp * s
        ds = a * dp
    a -= 0.1 * ga
    c -= 0.1 * gc
    print("nll", nll)
"""
IN_ONE_LOOP = """import numpy as np
from tinygrad_scratch import verify


class Model:
    def __init__(self):
        rng = np.random.default_rng(4)
        self.left, self.right = rng.normal(size=(5, 3)), rng.normal(size=(3, 4))
        self.moments = [np.zeros_like(w) for w in self.parameters()]
        self.squares = [np.zeros_like(w) for w in self.parameters()]

    def parameters(self):
        return self.left, self.right

    def step(self, x, y):
        e = (x @ self.left @ self.right - y) / len(x)
        gradients = x.T @ (e @ self.right.T), (x @ self.left).T @ e
        loss = 0.5 * np.sum(e**2) * len(x)
        for w, m, v, g in zip(self.parameters(), self.moments, self.squares, gradients):
            g = g + 0.1 * w
            m *= 0.9
            m += 0.1 * g
            v *= 0.99
            v += 0.01 * (g * g)
            w -= 0.01 * (m / 0.1) / (np.sqrt(v / 0.01) + 1e-8)
        return loss


rng = np.random.default_rng(5)
model = Model()
with verify(model) as check:
    penalty = 0.05 * sum(np.sum(w**2) for w in model.parameters())
    check.loss = model.step(rng.normal(size=(6, 5)), rng.normal(size=(6, 4))) + penalty
"""
IN_LISTS = """import numpy as np

rng = np.random.default_rng(2)


class Net:
    def __init__(self):
        self.layers = [[rng.normal(size=(3, 4)), np.zeros(4)], [rng.normal(size=(4, 2)), np.zeros(2)]]
        self.velocity = [[np.zeros_like(p) for p in layer] for layer in self.layers]

    def train(self, x, y):
        (W1, b1), (W2, b2) = self.layers
        h = np.tanh(x @ W1 + b1)
        d2 = (h @ W2 + b2 - y) / len(x)
        loss = 0.5 * np.mean(np.sum((h @ W2 + b2 - y) ** 2, axis=1))
        d1 = (d2 @ W2.T) * (1 - h**2)
        grads = [[x.T @ d1, d1.sum(axis=0)], [h.T @ d2, d2.sum(axis=0)]]
        for layer, velocity, grad in zip(self.layers, self.velocity, grads):
            for i in range(2):
                velocity[i] = 0.9 * velocity[i] - 0.1 * grad[i]
                layer[i] = layer[i] + velocity[i]
        return loss


net, x, y = Net(), rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
for turn in range(4):
    print("loss", net.train(x, y))
"""
TWO_SUMS = """import numpy as np

rng = np.random.default_rng(0)
W, b = rng.normal(size=(4, 3)), rng.normal(size=3)
X, Z, y, q = rng.normal(size=(6, 4)), rng.normal(size=(6, 4)), rng.normal(size=(6, 3)), rng.normal(size=(6, 3))
changed = np.zeros((4, 3))

for turn in range(5):
    d1 = X @ W + b - y
    d2 = Z @ W + b - q
    changed += X.T @ d1 + Z.T @ d2
    db = d1.sum(axis=0) + d2.sum(axis=0)
    W -= 0.1 * changed
    b -= 0.1 * db
    changed *= 0
    print("loss", round(0.5 * float(np.sum(d1**2) + np.sum(d2**2)), 3))
"""
CARRIED = """import numpy as np

rng = np.random.default_rng(5)
X, y = rng.normal(size=(9, 3)), rng.normal(size=(9, 1))


class Bend:
    def __init__(self):
        self.A = rng.normal(size=(3, 3))

    def forward(self, x):
        self.x, self.s = x, np.tanh(x @ self.A)
        return x + self.s

    def backward(self, d):
        ds = d * (1 - self.s**2)
        self.dA = self.x.T @ ds
        return d + ds @ self.A.T


bends, out = [Bend(), Bend()], np.zeros((3, 1))
for turn in range(4):
    h = X
    for bend in bends:
        h = bend.forward(h)
    miss = h @ out - y
    loss = np.mean(miss**2)
    dmiss = 2 * miss / len(y)
    dout, d = h.T @ dmiss, dmiss @ out.T
    for bend in reversed(bends):
        d = bend.backward(d)
    out -= 0.1 * dout
    for bend in bends:
        bend.A -= 0.1 * bend.dA
"""
SCRIPTS = {
    "weights in lists in a list, and their velocities": IN_LISTS,
    "data under another name, which layers carry on": CARRIED,
    "a loss that is worked out where it is printed": TWO_SUMS,
    "a weight that is a part of an advantage": CRITIC,
    "a rate for each entry, and a loss that is only printed": GAINS,
    "a loss that is rounded for the log": ADVERSARIES,
    "a function that adds to what it was given, and velocities": FLOW,
    "a number with two names": NUMBERS,
    "moments beside their parameters, and a penalty over all": IN_ONE_LOOP,
}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_it_is_right(tmp_path: Path, script: str) -> None:
    check = check_of_script(tmp_path, script)
    assert check.ok, str(check)


def test_a_step_by_a_later_loss_is_judged_by_itself(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, ADVERSARIES)
    assert any("judged by itself, it is right, too" in note for note in check.notes), str(check)
    right = "noise.T @ ((bad - 1) / 6 @ D.T)"
    check, line = edited_script(tmp_path, ADVERSARIES, right, "noise.T @ ((1 - bad) / 6 @ D.T)")
    assert told(check) == (line, "sign"), str(check)
    assert "This is the step by g_loss; that by d_loss is right." in check.notes
    assert {final.parameter.name for final in check.finals} == {"G"}


@pytest.mark.parametrize(
    ("script", "right", "wrong", "kind"),
    [
        (CRITIC, "dz = (p - np.eye(3)[a])", "dz = (np.eye(3)[a] - p)", "sign"),
        (GAINS, "(P - Q) * near, diff", "(P - Q), diff", "missing-derivative"),
        (ADVERSARIES, "dD = real.T @ (good - 1) / 6", "dD = real.T @ good / 6", "missing-term"),
        (FLOW, "dz * U[k] * (1 - kept[k] ** 2)", "dz * U[k]", "missing-derivative"),
        (FLOW, "dz = dz + da", "dz = da", "missing-term"),
        (NUMBERS, "ga += dp * s", "ga += ds * s", "wrong-operand"),
        (IN_LISTS, "h.T @ d2, d2.sum(axis=0)", "h.T @ d2, d2.mean(axis=0)", "missing-batch-sum-or-mean"),
        (CARRIED, "d + ds @ self.A.T", "ds @ self.A.T", "missing-term"),
        (CARRIED, "d * (1 - self.s**2)", "d * (1 - self.s)", "derivative-at-wrong-point"),
        (TWO_SUMS, "d1.sum(axis=0) + d2.sum(axis=0)", "d1.sum() + d2.sum()", "broadcasting-shape"),
        (IN_ONE_LOOP, "self.left).T @ e", "self.left).T @ e * 2", "scale-factor"),
    ],
)  # fmt: skip
def test_a_mistake_is_told(tmp_path: Path, script: str, right: str, wrong: str, kind: str) -> None:
    check, line = edited_script(tmp_path, script, right, wrong)
    assert told(check) == (line, kind), str(check)


ALIKE = """
import numpy as np

rng = np.random.default_rng(5)
left, right = rng.normal(size=(8, 4)), rng.normal(size=(8, 4))
tower = [{"W": rng.normal(size=(a, b)) * 0.5, "b": np.zeros(b)} for a, b in ((4, 6), (6, 3))]
held = [{k: np.zeros_like(v) for k, v in layer.items()} for layer in tower]


def place(x):
    h = np.tanh(x @ tower[0]["W"] + tower[0]["b"])
    return h @ tower[1]["W"] + tower[1]["b"], h


def slopes(x, h, d):
    top = {"W": h.T @ d, "b": d.sum(0)}
    d = d @ tower[1]["W"].T * (1 - h**2)
    return [{"W": x.T @ d, "b": d.sum(0)}, top]


for turn in range(6):
    (one, h1), (two, h2) = place(left), place(right)
    loss = np.mean(np.sum((one - two) ** 2, axis=1))
    d = 2 * (one - two) / 8
    for layer, kept, mine, others in zip(tower, held, slopes(left, h1, d), slopes(right, h2, -d)):
        for k in layer:
            total = mine[k] + others[k]
            kept[k] = 0.9 * kept[k] - 0.02 * total
            layer[k] += kept[k]
    print("loss", loss)
"""


def test_a_bias_that_two_uses_cancel_has_no_gradient_to_ask_for(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, ALIKE)
    assert check.ok, str(check)


def test_an_entry_that_is_read_nowhere_is_the_term_that_is_missing(tmp_path: Path) -> None:
    script = ALIKE.replace("total = mine[k] + others[k]", "total = mine[k]")
    first = check_of_script(tmp_path, script).first_wrong
    assert first is not None
    assert "total = mine[k]" in script.splitlines()[first.line - 1], str(first)
    assert first.kind == "missing-term", str(first)
