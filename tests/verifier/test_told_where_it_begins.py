"""Mistakes that were told a line too late, or by a text that was not right: where they begin, and what is due there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.verifier.files import changed, check_of_script, edited_script, line_of, module_of, told
from tinygrad_scratch import verify

OVER_TIME = """
import numpy as np

rng = np.random.default_rng(1)
U, V, w = rng.normal(size=(3, 4)), 0.5 * rng.normal(size=(4, 4)), rng.normal(size=(4, 2))
xs, goal = rng.normal(size=(6, 5, 3)), rng.normal(size=(5, 2))
for turn in range(9):
    h, tape = np.zeros((5, 4)), []
    for x in xs:
        before, h = h, np.tanh(x @ U + h @ V)
        tape.append((x, before, h))
    error = h @ w - goal
    loss = 0.5 * np.mean(error**2)
    d = error / error.size
    dw, dU, dV, dh = h.T @ d, np.zeros_like(U), np.zeros_like(V), d @ w.T
    for x, before, after in tape[::-1]:
        da = dh * (1 - after**2)
        dU += x.T @ da
        dV += before.T @ da
        dh = da @ V.T
    U -= 0.1 * dU
    V -= 0.1 * dV
    w -= 0.1 * dw
    print(loss)
"""


@pytest.mark.parametrize("cut", ["[:0:-1]", "[-2::-1]"])
def test_a_loop_that_is_cut_short_is_told_at_its_head(tmp_path: Path, cut: str) -> None:
    text = changed(OVER_TIME, "tape[::-1]", f"tape{cut}")
    check = check_of_script(tmp_path, text)
    assert told(check) == (line_of(text, f"tape{cut}"), "off-by-one"), str(check)
    assert check.first_wrong is not None
    assert "tape[::-1]" in (check.first_wrong.should_be or "")


BAGS = """
import numpy as np

rng = np.random.default_rng(2)
MOST = 7
words, sizes = rng.integers(0, 9, size=(5, MOST)), rng.integers(2, MOST, size=5)
E, W, goal = rng.normal(size=(9, 4)), rng.normal(size=(4, 3)), rng.normal(size=(5, 3))
mask = (np.arange(MOST) < sizes[:, None]).astype(float)
for turn in range(9):
    bag = (E[words] * mask[:, :, None]).sum(axis=1) / sizes[:, None]
    error = bag @ W - goal
    loss = 0.5 * np.mean(error**2)
    d = error / error.size
    dW, dbag = bag.T @ d, d @ W.T
    dwords = dbag[:, None, :] / sizes[:, None, None] * mask[:, :, None]
    dE = np.zeros_like(E)
    np.add.at(dE, words, dwords)
    E -= 0.3 * dE
    W -= 0.3 * dW
    print(loss)
"""


def test_no_factor_is_told_that_leaves_the_gradient_off_by_a_number(tmp_path: Path) -> None:
    text = changed(BAGS, "/ sizes[:, None, None]", "/ MOST")
    check = check_of_script(tmp_path, text)
    assert told(check) == (line_of(text, "/ MOST"), "wrong-operand"), str(check)
    assert check.first_wrong is not None
    assert check.first_wrong.should_be == "dwords = dbag[:, None, :] / sizes[:, None, None] * mask[:, :, None]"


NEIGHBOURS = """
import numpy as np

def cost_and_slope(a, X, y):
    Z = X @ a.reshape(3, 4)
    apart = ((Z[:, None] - Z) ** 2).sum(axis=-1)
    near = np.exp(-apart) * (1 - np.eye(len(y)))
    share = near / near.sum(axis=1)[:, None]
    guess = share @ y
    error = guess - y
    cost = (error**2).sum()
    pull = share * error[:, None] * (y - guess[:, None])
    both = pull + pull.T
    np.fill_diagonal(both, -(pull + pull.T).sum(axis=0))
    return cost, (4 * X.T @ both @ Z).ravel()
"""


@pytest.mark.parametrize(
    ("right", "wrong", "kind", "meant"),
    [
        ("(y - guess[:, None])", "(y - guess)", "broadcasting-shape", "guess[:, None]"),
        ("both = pull + pull.T", "both = pull.copy()", "missing-term", "pull + pull.T"),
    ],
)
def test_axes_and_halves_of_a_matrix_of_pairs(tmp_path: Path, right: str, wrong: str, kind: str, meant: str) -> None:
    text = changed(NEIGHBOURS, right, wrong)
    module, rng = module_of(tmp_path / "module.py", text), np.random.default_rng(3)
    data, y, a = rng.normal(size=(6, 3)), rng.normal(size=6), 0.4 * rng.normal(size=12)
    with verify(a=a) as check:
        check.loss, slope = module.cost_and_slope(a, data, y)
        check.gradients = {"a": slope}
    assert told(check) == (line_of(text, wrong), kind), str(check)
    assert check.first_wrong is not None
    assert meant in (check.first_wrong.should_be or "")


CENTRED = """
import numpy as np

class Norm:
    def __init__(self, n):
        self.scale = np.linspace(0.5, 1.5, n)

    def forward(self, x):
        self.mean = x.mean(axis=0)
        self.centred = x - self.mean
        self.var = (self.centred**2).mean(axis=0)
        self.std = np.sqrt(self.var + 1e-5)
        return self.scale * self.centred / self.std

    def backward(self, up):
        self.dscale = (up * self.centred / self.std).sum(axis=0)
        dhat = up * self.scale
        dstd = -(dhat * self.centred).sum(axis=0) / self.std**2
        dvar = dstd / (2 * self.std)
        dcentred = dhat / self.std + 2 * self.centred * dvar / len(up)
        dmean = -dcentred.sum(axis=0)
        return dcentred + dmean / len(up)
"""


def test_a_value_that_is_right_by_its_name_is_told_where_it_is_returned(tmp_path: Path) -> None:
    text = changed(CENTRED, "return dcentred + dmean / len(up)", "return dcentred")
    layer = module_of(tmp_path / "module.py", text).Norm(4)
    check = verify.layer(layer, np.random.default_rng(4).normal(size=(6, 4)))
    assert told(check) == (line_of(text, "return dcentred"), "missing-term"), str(check)


IN_TWO_AXES = """
import numpy as np

class Norm2d:
    def __init__(self, n):
        self.scale = np.linspace(0.5, 1.5, n)

    def forward(self, x):
        self.x = x
        return self.scale * (x - x.mean(axis=(0, 1, 2))) / np.sqrt(x.var(axis=(0, 1, 2)) + 1e-5)

    def backward(self, up):
        dx, self.dscale = self.flat(up, self.x)
        return dx

    def flat(self, up, x):
        shape, n = x.shape, x.shape[-1]
        x, up = x.reshape(-1, n), up.reshape(-1, n)
        hat = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5)
        dscale, dhat, m = (up * hat).sum(axis=0), up * self.scale, len(x)
        dx = (m * dhat - dhat.sum(axis=0) - hat * (dhat * hat).sum(axis=0)) / (m * np.sqrt(x.var(axis=0) + 1e-5))
        return np.reshape(dx, shape), dscale
"""


def test_what_a_helper_only_lays_out_in_the_end_is_told_where_it_was_made(tmp_path: Path) -> None:
    text = changed(IN_TWO_AXES, " - hat * (dhat * hat).sum(axis=0)", "")
    layer = module_of(tmp_path / "module.py", text).Norm2d(4)
    check = verify.layer(layer, np.random.default_rng(5).normal(size=(3, 5, 2, 4)))
    assert told(check) == (line_of(text, "dx = ("), "missing-term"), str(check)


VALUES = """
import numpy as np

def value(x, net):
    return np.maximum(x @ net["W"] + net["b"], 0) @ net["v"]

def step(x, goal, net):
    hidden = np.maximum(x @ net["W"] + net["b"], 0)
    error = hidden @ net["v"] - goal
    slopes = {"b": net["v"].T * (hidden > 0)}
    slopes["W"], slopes["v"] = x.T @ slopes["b"], hidden.T.copy()
    for name in net:
        net[name] -= 0.1 * error * slopes[name]
"""


def test_a_parameter_that_another_name_writes_to_is_told_there(tmp_path: Path) -> None:
    text = changed(
        VALUES,
        'slopes = {"b": net["v"].T * (hidden > 0)}',
        'slopes = {"b": net["v"].T}\n    slopes["b"] *= hidden > 0',
    )
    module, rng = module_of(tmp_path / "module.py", text), np.random.default_rng(6)
    net = {"W": rng.normal(size=(3, 5)), "b": rng.normal(size=(1, 5)), "v": rng.normal(size=(5, 1))}
    x = rng.normal(size=(1, 3))
    with verify(net) as check:
        check.loss = 0.5 * np.sum((module.value(x, net) - 0.3) ** 2)
        module.step(x, 0.3, net)
        check.gradients_from_step(0.1)
    assert told(check) == (line_of(text, '"] *= hidden'), "inplace-corruption"), str(check)


PAIRS = """
import numpy as np

def turn(pairs, rate):
    total = 0.0
    for u, v, a, b, seen, much in pairs:
        inner = u @ v + a[0] + b[0] - much
        total += 0.5 * inner**2
        du = inner * v
        dv = inner * u
        u -= rate * du / np.sqrt(seen)
        v -= rate * dv / np.sqrt(seen)
        a -= rate * inner / np.sqrt(seen[:1])
        b -= rate * inner / np.sqrt(seen[:1])
        seen += dv**2
    return total
"""


def test_a_row_that_is_updated_too_early_lacks_no_term(tmp_path: Path) -> None:
    moved = "        dv = inner * u\n        u -= rate * du / np.sqrt(seen)\n"
    other = "        u -= rate * du / np.sqrt(seen)\n        dv = inner * u\n"
    text = changed(PAIRS, moved, other)
    module, rng = module_of(tmp_path / "module.py", text), np.random.default_rng(7)
    rows, biases, seen = rng.normal(size=(6, 4)), rng.normal(size=6), np.ones((3, 4))
    met = [(0, 3, 0.4), (1, 4, 1.2), (2, 5, 2.3)]
    pairs = [(rows[i], rows[j], biases[i : i + 1], biases[j : j + 1], seen[i], much) for i, j, much in met]
    with verify(rows=rows, biases=biases) as check:
        check.loss = module.turn(pairs, 0.1)
        check.gradients_from_step(0.1)
    assert check.first_wrong is not None
    assert check.first_wrong.kind == "stale-or-updated-weights", str(check)
    assert check.first_wrong.line in (line_of(text, "dv ="), line_of(text, "u -=")), str(check)


WEIGHTED = """
import numpy as np

def cost_and_slopes(w, theta, X, signs, weights):
    apart = signs * (theta[:, None] - X @ w)
    cost = (weights * np.log1p(np.exp(-apart))).sum()
    pull = -signs / (1 + np.exp(apart))
    pull *= weights
    return cost, {"w": -X.T @ pull.sum(axis=0), "theta": pull.sum(axis=1)}
"""


def test_a_factor_is_missing_in_the_formula_and_not_where_that_is_scaled(tmp_path: Path) -> None:
    text = changed(WEIGHTED, "pull = -signs /", "pull = -1 /")
    module, rng = module_of(tmp_path / "module.py", text), np.random.default_rng(8)
    w, theta, data, weights = rng.normal(size=3), rng.normal(size=4), rng.normal(size=(6, 3)), rng.uniform(1, 2, size=6)
    signs = np.where(rng.random((4, 6)) > 0.5, 1.0, -1.0)
    with verify(w=w, theta=theta) as check:
        check.loss, check.gradients = module.cost_and_slopes(w, theta, data, signs, weights)
    assert check.first_wrong is not None
    assert check.first_wrong.line == line_of(text, "pull = -1 /"), str(check)


MEANS = """
import numpy as np

class Means:
    def __init__(self, size, step):
        self.size, self.step = size, step

    def forward(self, x):
        self.x, n = x, (len(x) - self.size) // self.step + 1
        out = np.zeros((n, x.shape[1]))
        for i in range(n):
            first, last = i * self.step, i * self.step + self.size
            out[i] = x[first:last].mean(axis=0) ** 2
        return out

    def backward(self, up):
        dx = np.zeros_like(self.x)
        for i in range(len(up)):
            first, last = i * self.step, i * self.step + self.size
            mean = self.x[i * self.step : i * self.step + self.size].mean(axis=0)
            dx[first:last] += 2 * mean * up[i] / self.size
        return dx
"""


def test_bounds_that_the_forward_pass_has_by_the_same_names(tmp_path: Path) -> None:
    parts = MEANS.rpartition("first, last = i * self.step, i * self.step + self.size")
    text = f"{parts[0]}first, last = i, i + self.size{parts[2]}"
    check = verify.layer(
        module_of(tmp_path / "module.py", text).Means(3, 2), np.random.default_rng(9).normal(size=(9, 2))
    )
    assert told(check) == (line_of(text, "first, last = i, i"), "wrong-operand"), str(check)


SHARED = """
import numpy as np

class Gated:
    def __init__(self, rng):
        self.Wz, self.Uz, self.bz = rng.normal(size=(4, 3)), 0.5 * rng.normal(size=(4, 4)), np.zeros((4, 1))
        self.Wc, self.Uc, self.bc = rng.normal(size=(4, 3)), 0.5 * rng.normal(size=(4, 4)), np.zeros((4, 1))
        self.V, self.c = rng.normal(size=(2, 4)), np.zeros((2, 1))

    def forward(self, xs):
        h, self.tape = np.zeros((len(xs), 4)), []
        for t in range(xs.shape[1]):
            z = 1 / (1 + np.exp(-(xs[:, t] @ self.Wz.T + h @ self.Uz.T + self.bz.T)))
            n = np.tanh(xs[:, t] @ self.Wc.T + h @ self.Uc.T + self.bc.T)
            self.tape.append((h, z, n))
            h = (1 - z) * h + z * n
        self.h = h
        return h @ self.V.T + self.c.T

    def backward(self, xs, out, goal, rate):
        dWz, dUz, dbz = np.zeros_like(self.Wz), np.zeros_like(self.Uz), np.zeros_like(self.bz)
        dWc, dUc, dbc = np.zeros_like(self.Wc), np.zeros_like(self.Uc), np.zeros_like(self.bc)
        d = out - goal
        dV, dc = d.T @ self.h, d.sum(axis=0).reshape(-1, 1)
        dh = d @ self.V
        for t in reversed(range(xs.shape[1])):
            h, z, n = self.tape[t]
            dz = dh * (n - h)
            az, an = dz * z * (1 - z), dh * z * (1 - n**2)
            dWz += az.T @ xs[:, t]
            dUz += az.T @ h
            dbz += az.sum(axis=0).reshape(-1, 1)
            dWc += an.T @ xs[:, t]
            dUc += an.T @ h
            dbc += an.sum(axis=0).reshape(-1, 1)
            dh = dh * (1 - z) + az @ self.Uz + an @ self.Uc
        for w, dw in ((self.Wz, dWz), (self.Uz, dUz), (self.bz, dbz), (self.Wc, dWc), (self.Uc, dUc),
                      (self.bc, dbc), (self.V, dV), (self.c, dc)):
            np.clip(dw, -99, 99, out=dw)
            w -= rate * dw / len(xs)
"""


@pytest.mark.parametrize(
    ("right", "wrong"), [("", ""), ("dz = dh * (n - h)", "dz = dh * (h - n)"), ("+ an @ self.Uc", "+ an @ self.Uz")]
)
def test_wrong_gradients_are_taken_with_the_share_that_right_ones_have(tmp_path: Path, right: str, wrong: str) -> None:
    text = changed(SHARED, right, wrong) if right else SHARED
    rng = np.random.default_rng(10)
    net, xs, goal = module_of(tmp_path / "module.py", text).Gated(rng), rng.normal(size=(5, 3, 3)), np.ones((5, 2))
    with verify(net) as check:
        out = net.forward(xs)
        check.loss = 0.5 * np.sum((out - goal) ** 2)
        net.backward(xs, out, goal, 0.1)
        check.gradients_from_step(0.1)
    if not right:
        assert check.ok, str(check)
    else:
        assert told(check)[0] == line_of(text, wrong), str(check)


WINDOWS = """
import numpy as np

def slide(x, w):
    n = len(x) - len(w) + 1
    return np.array([[np.sum(x[i : i + len(w), j : j + len(w)] * w) for j in range(n)] for i in range(n)]) / n

def slide_back(up, x, w):
    dx, dw, f, n = np.zeros_like(x), np.zeros_like(w), len(w), len(up)
    for i in range(n):
        for j in range(n):
            dx[i : i + f, j : j + f] += w * up[i, j] / n
            dw += x[i : i + f, j : j + f] * up[i, j]
    return dx, dw / n
"""


@pytest.mark.parametrize(
    ("right", "wrong", "part", "kind"),
    [
        ("    return dx, dw / n", "        return dx, dw / n", "return dx", "off-by-one"),
        ("    return dx, dw / n", "        dw /= n\n    return dx, dw", "dw /= n", "scale-factor"),
    ],
)
def test_what_stands_too_deep_in_a_loop(tmp_path: Path, right: str, wrong: str, part: str, kind: str) -> None:
    text = changed(WINDOWS, right, wrong)
    module, rng = module_of(tmp_path / "module.py", text), np.random.default_rng(11)
    x, w = rng.normal(size=(6, 6)), rng.normal(size=(3, 3))
    with verify(x=x, w=w) as check:
        out = module.slide(x, w)
        check.loss = 0.5 * np.sum(out**2)
        check.gradients = dict(zip("xw", module.slide_back(out, x, w), strict=True))
    assert told(check) == (line_of(text, part), kind), str(check)
    assert check.first_wrong is not None
    assert check.first_wrong.certainty == "checked"


WITHOUT_BIAS = """
import numpy as np

def cost_and_slopes(w, X, y, strength):
    m = len(y)
    ones = np.c_[np.ones((m, 1)), X]
    kept = np.c_[np.zeros((len(w), 1)), w[:, 1:]]
    error = ones @ w.T - y
    cost = (error**2).sum() / (2 * m) + strength * (kept**2).sum() / (2 * m)
    return cost, error.T @ ones / m + (kept * strength) / m
"""


def test_a_penalty_on_all_but_a_bias_is_one(tmp_path: Path) -> None:
    text = changed(WITHOUT_BIAS, "(kept * strength) / m", "kept * strength")
    module, rng = module_of(tmp_path / "module.py", text), np.random.default_rng(12)
    w = rng.normal(size=(2, 4))
    with verify(w=w) as check:
        check.loss, slope = module.cost_and_slopes(w, rng.normal(size=(7, 3)), rng.normal(size=(7, 2)), 0.7)
        check.gradients = {"w": slope}
    assert told(check) == (line_of(text, "kept * strength"), "regularisation"), str(check)


BY_ENTRIES = """
import numpy as np

class Softmax:
    def forward(self, z):
        e = np.exp(z - z.max(axis=1, keepdims=True))
        self.a = e / e.sum(axis=1, keepdims=True)
        return self.a

    def backward(self, up):
        dz, n = np.zeros_like(up), up.shape[1]
        for row in range(len(up)):
            J = np.zeros((n, n))
            for i in range(n):
                for j in range(n):
                    p = self.a[row][i] * (1 - self.a[row][i]) if i == j else -self.a[row][i] * self.a[row][j]
                    J[i, j] = p
            dz[row, :] = up[row] @ J
        return dz

class Relu:
    def forward(self, z):
        self.z = z
        return np.maximum(z, 0)

    def backward(self, up):
        slope = np.maximum(self.z / np.abs(self.z), 0)
        slope = np.nan_to_num(slope, 1) * up
        return slope
"""


@pytest.mark.parametrize(
    ("layer", "right", "wrong", "kind"),
    [
        ("Softmax", "else -self.a[row][i] * self.a[row][j]", "else 0", "missing-term"),
        (
            "Relu",
            "slope = np.maximum(self.z / np.abs(self.z), 0)",
            "slope = self.z / np.abs(self.z)",
            "derivative-at-wrong-point",
        ),
    ],
)
def test_what_a_line_only_reads_is_told_where_it_was_made(
    tmp_path: Path, layer: str, right: str, wrong: str, kind: str
) -> None:
    text = changed(BY_ENTRIES, right, wrong)
    made = getattr(module_of(tmp_path / "module.py", text), layer)()
    check = verify.layer(made, np.random.default_rng(13).normal(size=(3, 4)))
    assert told(check) == (line_of(text, wrong), kind), str(check)


DEEP = """
import numpy as np

class Deep:
    def __init__(self, sizes, kind):
        rng = np.random.default_rng(14)
        self.kind, self.count = kind, len(sizes)
        self.kept, self.weights = {}, {}
        for l in range(1, self.count):
            self.weights["W" + str(l)] = rng.normal(size=(sizes[l - 1], sizes[l])) / 2
            self.weights["b" + str(l)] = np.zeros((1, sizes[l]))

    def bent(self, z, kind):
        if kind == "tanh":
            return np.tanh(z)
        elif kind == "sigmoid":
            return 1 / (1 + np.exp(-z))

    def bent_prime(self, z, kind):
        if kind == "tanh":
            return 1 - np.tanh(z) ** 2
        elif kind == "sigmoid":
            s = 1 / (1 + np.exp(-z))
            return s * (1 - s)

    def turn(self, X, Y, rate):
        self.kept["A0"] = a = X
        for l in range(1, self.count):
            z = a @ self.weights["W" + str(l)] + self.weights["b" + str(l)]
            a = self.bent(z, self.kind) if l < self.count - 1 else z
            self.kept["Z" + str(l)], self.kept["A" + str(l)] = z, a
        loss = 0.5 * np.mean(np.sum((a - Y) ** 2, axis=1))
        d = (a - Y) / len(X)
        for l in reversed(range(1, self.count)):
            dW, db = self.kept["A" + str(l - 1)].T @ d, d.sum(axis=0, keepdims=True)
            if l > 1:
                d = (d @ self.weights["W" + str(l)].T) * self.bent_prime(self.kept["Z" + str(l - 1)], self.kind)
            self.weights["W" + str(l)] -= rate * dW
            self.weights["b" + str(l)] -= rate * db
        return loss

net = Deep([4, 6, 5, 3], "tanh")
rng = np.random.default_rng(15)
X, Y = rng.normal(size=(9, 4)), rng.normal(size=(9, 3))
for turn in range(20):
    loss = net.turn(X, Y, 0.1)
    print(loss)
"""


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [
        ("for l in reversed(range(1, self.count)):", "for l in reversed(range(2, self.count)):", "off-by-one"),
        (
            'self.bent_prime(self.kept["Z" + str(l - 1)], self.kind)',
            'self.bent_prime(self.kept["A" + str(l - 1)], self.kind)',
            "derivative-at-wrong-point",
        ),
    ],
)
def test_a_layer_that_no_turn_comes_to_and_a_slope_that_is_given_another_value(
    tmp_path: Path, right: str, wrong: str, kind: str
) -> None:
    text = changed(DEEP, right, wrong)
    check = check_of_script(tmp_path, text)
    assert told(check) == (line_of(text, wrong), kind), str(check)
    assert all("kept['(" not in other for other in check.first_wrong.others), str(check)


STATES = """
import numpy as np

class Chain:
    def __init__(self):
        rng = np.random.default_rng(16)
        self.U, self.V, self.w = rng.normal(size=(4, 3)), 0.4 * rng.normal(size=(4, 4)), rng.normal(size=(2, 4))

    def forward(self, xs):
        h_prev = np.zeros((4, 1))
        self.xs, self.states, outs = xs, [h_prev], []
        for x in xs:
            h = np.tanh(self.U @ x + self.V @ h_prev)
            self.states.append(h)
            outs.append(self.w @ h)
            h_prev = h
        return outs

    def backward(self, ups):
        self.dU, self.dV, self.dw = np.zeros_like(self.U), np.zeros_like(self.V), np.zeros_like(self.w)
        later = np.zeros((4, 1))
        for t in reversed(range(len(ups))):
            h, h_prev = self.states[t + 1], None
            h_prev = self.states[t]
            self.dw += ups[t] @ h.T
            da = (1 - h * h) * (self.w.T @ ups[t] + later)
            self.dU += da @ self.xs[t].T
            self.dV += da @ h_prev.T
            later = self.V.T @ da
"""


def test_a_value_that_another_turn_calls_otherwise_is_read_by_its_own_name(tmp_path: Path) -> None:
    text = changed(STATES, "self.dV += da @ h_prev.T", "self.dV += da @ h.T")
    net, rng = module_of(tmp_path / "module.py", text).Chain(), np.random.default_rng(17)
    xs, goals = rng.normal(size=(5, 3, 1)), rng.normal(size=(5, 2, 1))
    with verify(net) as check:
        outs = net.forward(list(xs))
        check.loss = 0.5 * sum(np.sum((out - goal) ** 2) for out, goal in zip(outs, goals, strict=True))
        net.backward([out - goal for out, goal in zip(outs, goals, strict=True)])
    assert told(check)[0] == line_of(text, "self.dV +="), str(check)
    assert check.first_wrong is not None
    assert "h_prev.T" in (check.first_wrong.should_be or "")


LAYERS = """
import numpy as np

class Dense:
    def __init__(self, rng, n, m):
        self.W, self.b = rng.normal(size=(n, m)) / 2, np.zeros(m)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, up):
        self.dW, self.db = self.x.T @ up, up.sum(axis=0)
        down = up @ self.W.T
        return down

class Relu:
    def forward(self, x):
        self.x = x
        return np.maximum(0, x)

    def backward(self, up):
        return up * (self.x > 0)

class Net:
    def __init__(self, rng):
        self.first, self.bend, self.last = Dense(rng, 3, 5), Relu(), Dense(rng, 5, 2)

    def forward(self, x):
        return self.last.forward(self.bend.forward(self.first.forward(x)))

    def backward(self, up):
        up = self.last.backward(up)
        up = self.bend.backward(up)
        up = self.first.backward(up)
        return up
"""


def test_a_call_that_is_left_out_between_two_layers_of_a_kind(tmp_path: Path) -> None:
    text = changed(LAYERS, "        up = self.bend.backward(up)\n", "")
    rng = np.random.default_rng(18)
    net, x = module_of(tmp_path / "module.py", text).Net(rng), rng.normal(size=(7, 3))
    with verify(net) as check:
        out = net.forward(x)
        check.loss = 0.5 * np.sum(out**2)
        net.backward(out)
    assert told(check) == (line_of(text, "up = self.first.backward(up)"), "missing-derivative"), str(check)


def test_a_loop_that_counts_to_its_outer_counter(tmp_path: Path) -> None:
    text = changed(BY_ENTRIES, "for j in range(n):", "for j in range(i + 1):")
    layer = module_of(tmp_path / "module.py", text).Softmax()
    check = verify.layer(layer, np.random.default_rng(19).normal(size=(3, 4)))
    assert told(check) == (line_of(text, "for j in range(i + 1):"), "off-by-one"), str(check)


AT_ONCE = """
import numpy as np

class Param:
    def __init__(self, value):
        self.value, self.grad = value, np.zeros_like(value)

def penalty_of(w, strength):
    grad = 2 * strength * w
    return strength * np.sum(w**2), grad

class Linear:
    def __init__(self, rng, n, m):
        self.W = Param(rng.normal(size=(n, m)))

    def forward(self, x):
        self.x = x
        return x @ self.W.value

    def backward(self, up):
        self.W.grad = self.W.grad + self.x.T @ up
        return up @ self.W.value.T

class Net:
    def __init__(self, rng):
        self.layers = [Linear(rng, 3, 5), Linear(rng, 5, 2)]

    def cost(self, x, y):
        out = self.layers[1].forward(np.tanh(self.layers[0].forward(x)))
        loss = 0.5 * np.sum((out - y) ** 2)
        back = self.layers[1].backward(out - y)
        self.layers[0].backward(back * (1 - self.layers[1].x ** 2))
        for layer in self.layers:
            more, grad_more = penalty_of(layer.W.value, 0.1)
            layer.W.grad += grad_more
            loss += more
        return loss
"""


def test_a_penalty_that_takes_the_place_of_a_gradient(tmp_path: Path) -> None:
    text = changed(AT_ONCE, "layer.W.grad += grad_more", "layer.W.grad = grad_more")
    rng = np.random.default_rng(20)
    net = module_of(tmp_path / "module.py", text).Net(rng)
    with verify(net) as check:
        check.loss = net.cost(rng.normal(size=(7, 3)), rng.normal(size=(7, 2)))
        check.gradients_in(net)
    assert told(check) == (line_of(text, "layer.W.grad ="), "overwritten-accumulation"), str(check)


SLIPS = """
import numpy as np

rng = np.random.default_rng(21)
X, labels = rng.normal(size=(9, 4)), np.eye(3)[rng.integers(0, 3, size=9)]
W, V, b = rng.normal(size=(4, 5)) / 2, rng.normal(size=(5, 3)) / 2, np.zeros(3)
for turn in range(9):
    h = np.tanh(X @ W)
    z = h @ V + b
    y = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    loss = -np.sum(np.log(y) * labels) / len(X)
    dz = y - labels
    dV, db = h.T @ dz / len(X), dz.sum(axis=0) / len(X)
    slope = 1.0 - np.power(h, 2)
    dW = X.T @ ((dz @ V.T) * slope) / len(X)
    W -= 0.2 * dW
    V -= 0.2 * dV
    b -= 0.2 * db
    print(loss)
"""


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [
        ("dz = y - labels", "dz = (y - labels) * y * (1 - y)", "scale-factor"),
        ("np.power(h, 2)", "np.power(np.tanh(h), 2)", "derivative-at-wrong-point"),
    ],
)
def test_what_is_too_much_beside_a_slope(tmp_path: Path, right: str, wrong: str, kind: str) -> None:
    text = changed(SLIPS, right, wrong)
    check = check_of_script(tmp_path, text)
    assert told(check) == (line_of(text, wrong), kind), str(check)
    assert check.first_wrong is not None
    assert "1 / y" not in (check.first_wrong.should_be or "")


OF_WORDS = """
import numpy as np

def one_word(v, index, outer):
    y = np.exp(outer @ v - np.max(outer @ v))
    y = y / y.sum()
    dv = -outer[index] + np.sum(y[:, None] * outer, axis=0)
    douter = np.outer(y, v)
    douter[index] -= v
    return -np.log(y[index]), dv, douter

def all_words(center, words, inner, outer):
    loss, dinner, douter = 0.0, np.zeros_like(inner), np.zeros_like(outer)
    for word in words:
        one, dv, more = one_word(inner[center], word, outer)
        loss += one
        dinner[center] += dv
        douter += more
    return loss, dinner, douter
"""


def test_the_row_of_a_label_is_missing(tmp_path: Path) -> None:
    text = changed(OF_WORDS, "dv = -outer[index] + np.sum(", "dv = np.sum(")
    module, rng = module_of(tmp_path / "module.py", text), np.random.default_rng(22)
    inner, outer = rng.normal(size=(6, 5)), rng.normal(size=(6, 5))
    with verify(inner=inner, outer=outer) as check:
        check.loss, *slopes = module.all_words(2, [1, 3, 5, 3], inner, outer)
        check.gradients = dict(zip(("inner", "outer"), slopes, strict=True))
    assert told(check) == (line_of(text, "dv = np.sum("), "missing-term"), str(check)
    assert check.first_wrong is not None
    assert "- outer[index]" in (check.first_wrong.should_be or "")


TURNED = """
import numpy as np

def windows(x, n):
    return np.array([x[i : i + n].reshape(-1) for i in range(len(x) - n + 1)])

class Conv:
    def __init__(self, w):
        self.w = w

    def forward(self, x):
        self.rows, self.n = windows(x, len(self.w)), len(self.w)
        return self.rows @ self.w.reshape(-1, self.w.shape[2])

    def backward(self, up):
        self.dw = (self.rows.T @ up).reshape(self.w.shape)
        padded = np.pad(up, ((self.n - 1, self.n - 1), (0, 0)))
        flipped = self.w[::-1]
        flipped = flipped.swapaxes(1, 2)
        return windows(padded, self.n) @ flipped.reshape(-1, flipped.shape[2])
"""


def test_what_is_called_flipped_and_is_not(tmp_path: Path) -> None:
    text = changed(TURNED, "self.w[::-1]", "self.w")
    rng = np.random.default_rng(23)
    layer = module_of(tmp_path / "module.py", text).Conv(rng.normal(size=(3, 2, 4)))
    check = verify.layer(layer, rng.normal(size=(8, 2)))
    assert told(check) == (line_of(text, "flipped = self.w\n"), "transpose"), str(check)


HALVES = """
import numpy as np

rng = np.random.default_rng(24)
X, Y = rng.normal(size=(10, 4)), rng.uniform(size=(10, 3))
W1, b1, W2, b2 = rng.normal(size=(4, 5)), np.zeros((1, 5)), rng.normal(size=(5, 3)), np.zeros((1, 3))
errors = []
for turn in range(9):
    h = 1 / (1 + np.exp(-(X @ W1 + b1)))
    out = 1 / (1 + np.exp(-(h @ W2 + b2)))
    loss = np.mean((out - Y) ** 2)
    errors.append(loss)
    d = (out - Y) * out * (1 - out)
    back = (d @ W2.T) * h * (1 - h)
    W2 -= 0.5 * (h.T @ d / len(X))
    b2 -= 0.5 * (d.sum(axis=0, keepdims=True) / len(X))
    W1 -= 0.5 * (X.T @ back / len(X))
    b1 -= 0.5 * (back.sum(axis=0, keepdims=True) / len(X))
"""


def test_of_two_halves_the_one_without_a_mean_is_wrong(tmp_path: Path) -> None:
    text = HALVES.replace("d.sum(axis=0, keepdims=True) / len(X)", "d.sum(axis=0, keepdims=True)")
    text = text.replace("back.sum(axis=0, keepdims=True) / len(X)", "back.sum(axis=0, keepdims=True)")
    check = check_of_script(tmp_path, text)
    assert told(check) == (line_of(text, "b2 -="), "missing-batch-sum-or-mean"), str(check)


STRIDES = """
import numpy as np

class Conv:
    def __init__(self, w, step):
        self.w, self.step = w, step

    def forward(self, x):
        self.x, n = x, (len(x) - len(self.w)) // self.step + 1
        return np.array([x[i * self.step : i * self.step + len(self.w)] @ self.w for i in range(n)])

    def backward(self, up):
        dx, self.dw = np.zeros_like(self.x), np.zeros_like(self.w)
        for i in range(len(up)):
            first = i * self.step
            self.dw += up[i] * self.x[first : first + len(self.w)]
            dx[first : first + len(self.w)] += up[i] * self.w
        return dx
"""


def test_a_number_that_only_indices_read_is_a_place(tmp_path: Path) -> None:
    text = changed(STRIDES, "first = i * self.step", "first = i")
    rng = np.random.default_rng(25)
    layer = module_of(tmp_path / "module.py", text).Conv(rng.normal(size=3), 2)
    check = verify.layer(layer, rng.normal(size=9))
    assert told(check) == (line_of(text, "first = i"), "off-by-one"), str(check)


SPREAD = """
import numpy as np

rng = np.random.default_rng(26)
X, y, noise = rng.normal(size=(12, 3)), rng.normal(size=12), rng.normal(size=3)
m, rho = rng.normal(size=3), rng.normal(size=3) - 1
for turn in range(9):
    s = np.exp(rho)
    w = m + s * noise
    error = X @ w - y
    loss = 0.5 * np.sum(error**2) + 0.5 * np.sum(m**2 + s**2) - np.sum(rho)
    dw = X.T @ error
    ds = dw * noise + s
    dm = dw + m
    dr = ds * s - 1
    m = m - 0.01 * dm
    rho = rho - 0.01 * dr
    print(loss)
"""


def test_a_number_that_a_value_lacks_is_a_term(tmp_path: Path) -> None:
    text = changed(SPREAD, "dr = ds * s - 1", "dr = ds * s")
    check = check_of_script(tmp_path, text)
    assert told(check) == (line_of(text, "dr = ds * s"), "missing-term"), str(check)


ROW_BY_ROW = """
import numpy as np

rng = np.random.default_rng(4)
x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
w, v = rng.normal(size=(3, 4)), rng.normal(size=(4, 2))

def shares(scores):
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)

def shares_back(d, scores):
    rows = []
    for row, score in zip(d, scores):
        share = shares(score.reshape(1, -1)).reshape(-1, 1)
        slopes = np.diagflat(share) - share @ share.T
        rows.append(row @ slopes)
    return np.array(rows)

for turn in range(4):
    scores = x @ w
    mix = shares(scores)
    off = mix @ v - y
    loss = 0.5 * np.sum(off**2)
    dv = mix.T @ off
    d_scores = shares_back(off @ v.T, scores)
    dw = x.T @ d_scores
    w -= 0.1 * dw
    v -= 0.1 * dv
"""


def test_a_diagonal_alone_is_told_where_the_function_that_returns_its_product_makes_it(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, ROW_BY_ROW).ok
    right, wrong = "np.diagflat(share) - share @ share.T", "np.diagflat(share * (1 - share))"
    check, line = edited_script(tmp_path, ROW_BY_ROW, right, wrong)
    assert told(check) == (line, "missing-term"), str(check)


AROUND = """
import numpy as np

rng = np.random.default_rng(6)
inner, outer = rng.normal(size=(7, 4)), rng.normal(size=(4, 7))
about = [(2, [0, 1, 3]), (5, [4, 6, 0]), (1, [2, 3, 6])]

def ahead(word):
    hidden = inner[word]
    scores = hidden @ outer
    powers = np.exp(scores - np.max(scores))
    chance = powers / powers.sum()
    return chance, hidden, scores

def one_hot(word):
    row = [0] * 7
    row[word] = 1
    return row

for turn in range(3):
    loss = 0.0
    for word, others in about:
        chance, hidden, scores = ahead(word)
        off = np.sum([chance - one_hot(other) for other in others], axis=0)
        d_outer = np.outer(hidden, off)
        d_hidden = outer @ off
        loss += -np.sum([scores[other] for other in others]) + len(others) * np.log(np.sum(np.exp(scores)))
        inner[word] -= 0.1 * d_hidden
        outer -= 0.1 * d_outer
"""


def test_what_the_forward_pass_returns_is_no_part_of_a_gradient_where_the_whole_is_wrong(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, AROUND).ok
    right, wrong = "np.sum([chance - one_hot(other) for other in others], axis=0)", "chance - one_hot(others[-1])"
    check, line = edited_script(tmp_path, AROUND, right, wrong)
    assert told(check)[0] == line, str(check)
