"""What is nought in the first turn alone hides a mistake there, and is looked at as it is later."""

from pathlib import Path

from tests.verifier.files import check_of_script, edited_script, line_of, told

AHEAD = """
import numpy as np

class Net:
    def __init__(self, sizes, rng):
        self.w = [0.5 * rng.normal(size=pair) for pair in zip(sizes, sizes[1:])]
        self.v = [np.zeros_like(w) for w in self.w]

    def forward(self, x, weights):
        self.h = [x]
        for w in weights[:-1]:
            self.h.append(np.tanh(self.h[-1] @ w))
        return self.h[-1] @ weights[-1]

    def backward(self, d, weights):
        found = []
        for h, w in zip(self.h[::-1], weights[::-1]):
            found.insert(0, h.T @ d)
            d = d @ w.T * (1 - h**2)
        return found

    def fit(self, x, y, epochs):
        for epoch in range(epochs):
            ahead = [w + 0.9 * v for w, v in zip(self.w, self.v)]
            out = self.forward(x, ahead)
            loss = 0.5 * np.sum((out - y) ** 2)
            found = self.backward(out - y, ahead)
            for k in range(len(found)):
                self.v[k] = 0.9 * self.v[k] - 0.01 * found[k]
                self.w[k] += self.v[k]
            print(loss)

rng = np.random.default_rng(24)
Net([4, 6, 5, 2], rng).fit(rng.normal(size=(9, 4)), rng.normal(size=(9, 2)), 6)
"""


def test_weights_that_are_looked_ahead_of_are_due_though_the_velocity_begins_at_nought(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, AHEAD).ok
    check, line = edited_script(tmp_path, AHEAD, "self.backward(out - y, ahead)", "self.backward(out - y, self.w)")
    assert told(check)[0] in (line, line - 8), str(check)
    assert told(check)[1] in ("wrong-operand", "stale-or-updated-weights"), str(check)
    assert any("noughts or ones" in note for note in check.notes), str(check)


BY_A_RATE_THAT_FALLS = """
import numpy as np

class Pairs:
    def __init__(self):
        self.w, self.u = np.random.randn(7, 3), np.zeros((7, 3))

    def slopes(self, c, o, away):
        v, near, far = self.w[c], self.u[o], self.u[away]
        good, bad = 1 / (1 + np.exp(-v @ near)), 1 / (1 + np.exp(-(far @ v)))
        loss = -(np.log(good) + np.sum(np.log(1 - bad)))
        return loss, (good - 1) * near + far.T @ bad, (good - 1) * v, np.outer(bad, v)

    def update(self, c, o):
        away = np.random.choice(7, 2)
        loss, dw, dnear, dfar = self.slopes(c, o, away)
        self.w[c] -= self.lr * dw
        self.u[o] -= self.lr * dnear
        for k, other in enumerate(away):
            self.u[other] -= self.lr * dfar[k]
        return loss

def train(model, pairs, initial_lr=0.5, least=0.001):
    for step, (c, o) in enumerate(pairs):
        model.lr = max(least, initial_lr * (1 - step / len(pairs)))
        print(model.update(c, o))

np.random.seed(3)
train(Pairs(), [(1, 4), (2, 0), (5, 3), (0, 6), (1, 2), (6, 4)])
"""


def test_a_rate_that_was_computed_is_not_the_one_that_it_began_with(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, BY_A_RATE_THAT_FALLS)
    assert check.ok, str(check)
    assert not check.convention, str(check)
    check, line = edited_script(tmp_path, BY_A_RATE_THAT_FALLS, "self.lr * dnear", "self.lr * 2 * dnear")
    assert told(check) == (line, "scale-factor"), str(check)


SCALED = """
import numpy as np

class Norm:
    def __init__(self, n, kind):
        self.gamma, self.beta = np.ones(n).astype(kind), np.zeros(n).astype(kind)

    def forward(self, x):
        self.spread = np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)
        self.hat = (x - x.mean(axis=1, keepdims=True)) / self.spread
        return self.gamma * self.hat + self.beta

    def backward(self, d):
        self.dgamma, self.dbeta = np.sum(d * self.hat, axis=0), np.sum(d, axis=0)
        e = d * self.gamma
        e = e - e.mean(axis=1, keepdims=True) - self.hat * np.mean(e * self.hat, axis=1, keepdims=True)
        return e / self.spread

np.random.seed(28)
x, y, w = np.random.randn(9, 4), np.random.randn(9, 5), np.random.randn(4, 5)
norm = Norm(5, np.float64)
for turn in range(6):
    out = norm.forward(x @ w)
    loss = 0.5 * np.sum((out - y) ** 2)
    dz = norm.backward(out - y)
    w -= 0.01 * x.T @ dz
    norm.gamma = norm.gamma - 0.01 * norm.dgamma
    norm.beta = norm.beta - 0.01 * norm.dbeta
    print(loss)
"""


def test_scales_of_one_that_the_run_makes_are_moved_before_all_is_called_right(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, SCALED).ok
    right = "e = d * self.gamma\n"
    outside = SCALED.replace(right, "e = d\n").replace("return e / self.spread", "return self.gamma * e / self.spread")
    check = check_of_script(tmp_path, outside)
    assert not check.ok, str(check)
    assert check.first_wrong.line in (line_of(SCALED, right), line_of(SCALED, "return e /")), str(check)


MADE_AS_THEY_ARE_MET = """
import numpy as np

class Dense:
    def __init__(self, m, n=None):
        self.m = m
        self.w = {"val": None if n is None else np.random.randn(n, m), "grad": 0}
        self.b = {"val": None if n is None else np.random.randn(1, m), "grad": 0}

    def forward(self, x):
        self.x = x
        if self.w["val"] is None:
            self.w["val"] = np.random.randn(x.shape[1], self.m) * 0.5
            self.b["val"] = np.random.randn(1, self.m) * 0.5
        return x @ self.w["val"] + self.b["val"]

    def backward(self, d):
        self.w["grad"], self.b["grad"] = self.x.T @ d, d.sum(axis=0, keepdims=True)
        return d @ self.w["val"].T

class Last(Dense):
    def backward(self, d):
        n = self.x.shape[0]
        self.w["grad"], self.b["grad"] = self.x.T @ d / n, d.sum(axis=0, keepdims=True) / n
        dx = d @ self.w["val"].T / n
        return dx

np.random.seed(29)
x, y = np.random.randn(6, 4), np.eye(3)[np.arange(6) % 3]
one, two = Dense(5, 4), Last(3)
for turn in range(8):
    z = one.forward(x)
    h = np.maximum(0, z)
    e = np.exp(two.forward(h))
    p = e / e.sum(axis=1, keepdims=True)
    print(-np.sum(y * np.log(p)) / 6)
    one.backward(two.backward(p - y) * (z > 0))
    for layer in (one, two):
        layer.w["val"] = layer.w["val"] - 0.1 * layer.w["grad"]
        layer.b["val"] = layer.b["val"] - 0.1 * layer.b["grad"]
"""


def test_a_turn_that_judges_more_than_the_first_is_believed(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, MADE_AS_THEY_ARE_MET).ok
    right, wrong = 'dx = d @ self.w["val"].T / n', 'dx = d @ self.w["val"].T'
    check, line = edited_script(tmp_path, MADE_AS_THEY_ARE_MET, right, wrong)
    assert told(check) == (line, "missing-batch-sum-or-mean"), str(check)
