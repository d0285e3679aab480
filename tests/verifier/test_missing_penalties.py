"""Penalties that the loss has and gradients have not, or in another measure: with no loss named, too."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited, edited_script, told

BEFORE = """
import numpy as np

rng = np.random.default_rng(0)
X, y = rng.normal(size=(12, 4)), rng.normal(size=(12, 2))
W, V = rng.normal(size=(4, 5)), rng.normal(size=(5, 2))
lam = 0.1
for step in range(3):
    h = np.tanh(X @ W)
    out = h @ V
    loss = 0.5 * np.mean(np.sum((out - y) ** 2, axis=1))
    loss += 0.5 * lam * (np.sum(W * W) + np.sum(V * V))
    d = (out - y) / 12
    dV = h.T @ d + lam * V
    dW = X.T @ ((d @ V.T) * (1 - h ** 2)) + lam * W
    W -= 0.1 * dW
    V -= 0.1 * dV
"""

AFTER = """
import numpy as np

rng = np.random.default_rng(1)
x, classes = rng.normal(size=(9, 4)), np.eye(3)[rng.integers(0, 3, 9)]
W = rng.normal(size=(4, 3))

def chances(scores):
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)

def cost_of(x, classes, W, pull):
    penalty = pull / 2 * np.sum(W * W)
    return -np.sum(classes * np.log(chances(x @ W))) + penalty

def step(x, classes, W, rate, pull):
    dW = -x.T @ (classes - chances(x @ W)) + pull * W
    return W - rate * dW

for turn in range(3):
    W = step(x, classes, W, 0.01, 0.5)
    print(cost_of(x, classes, W, 0.5))
"""

ADDED_UP = """
import numpy as np

def losses(W, x, labels, reg):
    total, dW, count = 0.0, np.zeros_like(W), len(x)
    for i in range(count):
        scores = x[i] @ W
        e = np.exp(scores - scores.max())
        p = e / e.sum()
        total -= np.log(p[labels[i]])
        for j in range(W.shape[1]):
            dW[:, j] += p[j] * x[i]
        dW[:, labels[i]] -= x[i]
    total = total / count + reg * np.sum(W * W)
    dW /= count
    dW += 2 * reg * W
    return total, dW

rng = np.random.default_rng(3)
W, x, labels = rng.normal(size=(4, 3)), rng.normal(size=(6, 4)), rng.integers(0, 3, 6)
from tinygrad_scratch import verify

with verify(W=W) as check:
    check.loss, check.gradients = losses(W, x, labels, 0.2)
"""


@pytest.mark.parametrize("program", [BEFORE, AFTER, ADDED_UP])
def test_right(tmp_path: Path, program: str) -> None:
    assert check_of_script(tmp_path, program).ok


def test_in_no_gradient(tmp_path: Path) -> None:
    """What the loss was before the penalty is none, though all gradients are those of it."""
    program = BEFORE.replace(" + lam * V\n", "\n").replace(" + lam * W\n", "\n")
    assert told(check_of_script(tmp_path, program))[1] == "regularisation"


def test_of_a_cost_that_is_computed_after_the_update(tmp_path: Path) -> None:
    """It is searched for a change with which all is right, though no gradient fits the loss as it is."""
    check = check_of_script(tmp_path, AFTER.replace("+ pull * W\n", "+ pull * np.sum(W * W)\n"))
    line = AFTER[: AFTER.index("dW = -x.T")].count("\n") + 1
    assert told(check) == (line, "regularisation"), str(check)
    assert "right is   dW = -x.T @ (classes - chances(x @ W)) + pull * W" in str(check)


def test_added_too_early_and_to_a_sum(tmp_path: Path) -> None:
    early = ADDED_UP.replace("    dW /= count\n    dW += 2 * reg * W\n", "    dW += 2 * reg * W\n    dW /= count\n")
    line = early[: early.index("dW += 2 * reg")].count("\n") + 1
    assert told(check_of_script(tmp_path, early)) == (line, "regularisation")
    summed = ADDED_UP.replace("    dW /= count\n", "")
    line = summed[: summed.index("dW += 2 * reg")].count("\n") + 1
    assert told(check_of_script(tmp_path, summed)) == (line, "missing-batch-sum-or-mean")


KEPT_OFF = """
import numpy as np

rng = np.random.default_rng(5)
soil = np.c_[np.ones((11, 1)), rng.normal(size=(11, 3))]
plants = np.eye(4)[rng.integers(0, 4, 11)]
weights = rng.normal(size=(4, 4))
tiny, pull = 1e-7, 0.3
for season in range(3):
    grown = np.exp(soil @ weights)
    grown = grown / grown.sum(axis=1, keepdims=True)
    loss = -np.mean(np.sum(plants * np.log(grown + tiny), axis=1)) + pull * 0.5 * np.sum(weights[1:] ** 2)
    slope = soil.T @ (grown - plants) / len(soil) + np.r_[np.zeros((1, 4)), pull * weights[1:]]
    weights = weights - 0.1 * slope
"""


def test_in_another_measure_beside_a_small_number_in_a_logarithm(tmp_path: Path) -> None:
    """The cross-entropy alone fits what is left of the gradient, and is not what they compute."""
    assert check_of_script(tmp_path, KEPT_OFF).ok
    check = check_of_script(tmp_path, KEPT_OFF.replace("pull * weights[1:]]", "2 * pull * weights[1:]]"))
    assert told(check) == (13, "regularisation"), str(check)


def test_a_sum_beside_a_penalty_where_the_loss_is_a_mean(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, KEPT_OFF.replace(" / len(soil) + np.r_", " + np.r_"))
    assert told(check)[1] == "missing-batch-sum-or-mean", str(check)


TWO_PENALTIES = """
import numpy as np

rng = np.random.default_rng(3)
X, y, W = rng.normal(size=(8, 3)), rng.normal(size=(8, 2)), rng.normal(size=(3, 2))
for turn in range(2):
    miss = X @ W - y
    loss = 0.5 * np.sum(miss**2) + 0.1 * np.sum(W**2)
    loss += 0.2 * np.sum(np.abs(W))
    dW = X.T @ miss
    dW += 0.2 * W
    side = np.ones_like(W)
    side[W < 0] = -1
    dW += 0.2 * side
    W -= 0.01 * dW
"""


def test_of_two_penalties_the_one_is_told_whose_gradient_is_wrong(tmp_path: Path) -> None:
    wrong = TWO_PENALTIES.replace("    side[W < 0] = -1\n", "")
    check = check_of_script(tmp_path, wrong)
    assert told(check) == (wrong[: wrong.index("dW += 0.2 * side")].count("\n") + 1, "regularisation"), str(check)


LAYERS = """
import numpy as np

rng = np.random.default_rng(21)

class Dense:
    def __init__(self, rows, columns, pull=0.0):
        self.M, self.s, self.pull = rng.normal(size=(rows, columns)), np.zeros(columns), pull

    def ahead(self, x):
        self.x = x
        return x @ self.M + self.s

    def back(self, g):
        self.gM = self.x.T @ g + self.pull * self.M
        self.gs = g.sum(axis=0)
        return g @ self.M.T

    def move(self, rate):
        self.M -= rate * self.gM
        self.s -= rate * self.gs

class Tanh:
    def ahead(self, x):
        self.t = np.tanh(x)
        return self.t

    def back(self, g):
        return g * (1 - self.t**2)

    def move(self, rate):
        pass

chain = [Dense(4, 5, 0.1), Tanh(), Dense(5, 6, 0.1), Tanh(), Dense(6, 2)]
x, y = rng.normal(size=(11, 4)), rng.normal(size=(11, 2))
for turn in range(3):
    a = x
    for part in chain:
        a = part.ahead(a)
    g = (a - y) / len(x)
    for part in reversed(chain):
        g = part.back(g)
    for part in chain:
        part.move(0.1)
"""


@pytest.mark.parametrize("pulls", [(0.1, 0.1, 0), (0.1, 0.3, 0.2), (0, 0.1, 0)])
def test_of_layers_of_one_class_where_no_loss_is_computed(tmp_path: Path, pulls: tuple[float, ...]) -> None:
    text = LAYERS
    for size, pull in zip(("4, 5, 0.1", "5, 6, 0.1", "6, 2"), pulls, strict=True):
        text = text.replace(size, f"{size[:4]}, {pull}")
    check = check_of_script(tmp_path, text)
    assert check.ok is True, str(check)
    assert sum("gradient of a penalty" in note for note in check.notes) == 1
    assert not any("several strengths" in note for note in check.notes)


def test_a_mistake_in_layers_of_one_class_with_penalties(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, LAYERS.replace("1 - self.t**2", "1 - self.t"))
    assert told(check)[0] == LAYERS[: LAYERS.index("return g * (1")].count("\n") + 1, str(check)


PRINTED = """
import numpy as np

rng = np.random.default_rng(8)
soil, crop = rng.normal(size=(10, 4)), rng.normal(size=(10, 3))
M, pull = rng.normal(size=(4, 3)), 0.2
for season in range(3):
    miss = soil @ M - crop
    data_loss = np.mean(miss**2)
    loss = data_loss + pull * np.sum(M**2)
    print(data_loss, loss)
    slope = 2 * soil.T @ miss / miss.size + 2 * pull * M
    M = M - 0.1 * slope
"""


def test_of_the_whole_loss_beside_the_part_that_gradients_fit(tmp_path: Path) -> None:
    """Each is called a loss; nothing but the gradients moves the parameters."""
    assert check_of_script(tmp_path, PRINTED).ok
    check = check_of_script(tmp_path, PRINTED.replace(" + 2 * pull * M\n", "\n"))
    assert told(check) == (12, "regularisation"), str(check)


@pytest.mark.parametrize(
    "update", ["M = M - 0.1 * (slope + 2 * pull * M)", "M = (1 - 0.2 * pull) * M - 0.1 * slope"]
)  # fmt: skip
def test_a_decay_in_the_update_is_the_gradient_of_the_penalty(tmp_path: Path, update: str) -> None:
    program = PRINTED.replace(" + 2 * pull * M\n", "\n").replace("M = M - 0.1 * slope", update)
    assert check_of_script(tmp_path, program).ok is True


def test_what_is_made_of_the_gradients_may_hold_the_penalty(tmp_path: Path) -> None:
    decayed = "kept = 0.9 * kept + slope\n    M = M - 0.1 * (kept + 2 * pull * M)"
    program = PRINTED.replace(" + 2 * pull * M\n", "\n").replace("M = M - 0.1 * slope", decayed)
    assert check_of_script(tmp_path, program.replace("for season", "kept = np.zeros_like(M)\nfor season")).ok is True


HANDED_OVER = """
import numpy as np


class Net:
    def __init__(self, rng):
        self.params = {"W1": rng.normal(size=(3, 5)), "W2": rng.normal(size=(5, 4))}
        self.lam = 0.1

    def data_loss(self, x, t):
        self.x, self.t = x, t
        self.h = np.maximum(0, x @ self.params["W1"])
        z = self.h @ self.params["W2"]
        e = np.exp(z - z.max(axis=1, keepdims=True))
        self.p = e / e.sum(axis=1, keepdims=True)
        return -np.sum(np.log(self.p[np.arange(len(t)), t])) / len(t)

    def loss(self, x, t):
        decay = 0
        for key in ("W1", "W2"):
            decay += 0.5 * self.lam * np.sum(self.params[key] ** 2)
        return self.data_loss(x, t) + decay

    def gradient(self, x, t):
        self.loss(x, t)
        d = self.p.copy()
        d[np.arange(len(t)), t] -= 1
        d /= len(t)
        dh = (d @ self.params["W2"].T) * (self.h > 0)
        slopes = {"W1": self.x.T @ dh, "W2": self.h.T @ d}
        for key in slopes:
            slopes[key] = slopes[key] + self.lam * self.params[key]
        return slopes


def check(verify):
    rng = np.random.default_rng(0)
    net = Net(rng)
    with verify(net) as check:
        check.gradients = net.gradient(rng.normal(size=(7, 3)), rng.integers(0, 4, 7))
    return check
"""


def test_of_gradients_that_are_handed_over_without_it(tmp_path: Path) -> None:
    right = "slopes[key] = slopes[key] + self.lam * self.params[key]"
    assert edited(tmp_path / "handed.py", HANDED_OVER, right, right)[0].ok
    check, _ = edited(tmp_path / "without.py", HANDED_OVER, right, "slopes[key] = slopes[key]")
    assert check.first_wrong.kind in ("regularisation", "missing-term"), str(check)
    assert "decay += 0.5 * self.lam" in check.first_wrong.sentence, str(check)


WITHOUT_THE_FIRST = """
import numpy as np
from tinygrad_scratch import verify

draw = np.random.default_rng(4)
x, y = np.c_[np.ones(9), draw.normal(size=(9, 3))], draw.integers(0, 2, 9)
beta = np.array([0.3, 0.2, -0.1, 0.4])


def cost(beta):
    p = 1 / (1 + np.exp(-x @ beta))
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)) + 0.5 * 0.15 * np.sum(beta[1:] ** 2)


def slope(beta):
    g = x.T @ (1 / (1 + np.exp(-x @ beta)) - y) / 9
    g[1:] += 0.15 * beta[1:]
    return g


with verify() as check:
    check.loss = cost(beta)
    check.gradients = slope(beta)
"""


def test_a_penalty_of_one_entry_too_many_is_told(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, WITHOUT_THE_FIRST).ok
    check, line = edited_script(tmp_path, WITHOUT_THE_FIRST, "g[1:] += 0.15 * beta[1:]", "g += 0.15 * beta")
    assert told(check) == (line, "regularisation"), str(check)
    assert "penalised here and not in the loss" in check.first_wrong.sentence


SPARSE = """
import numpy as np

rng = np.random.default_rng(1)
seen = rng.normal(size=(13, 4))
params = {"encoder": rng.normal(size=(4, 7)), "starts": np.zeros(7), "decoder": rng.normal(size=(7, 4))}
encoder, starts, decoder = params["encoder"], params["starts"], params["decoder"]
for step in range(5):
    before = seen @ encoder + starts
    latents = np.maximum(before, 0.0)
    away = latents @ decoder - seen
    recon_loss = float(np.mean(np.sum(np.square(away), axis=1)))
    sparsity_loss = float(0.05 * np.mean(np.sum(latents, axis=1)))
    total_loss = recon_loss + sparsity_loss
    grad_recon = (2.0 / 13) * away
    grad_decoder = latents.T @ grad_recon
    grad_latents = grad_recon @ decoder.T + 0.05 / 13
    grad_before = grad_latents * (before > 0.0)
    grads = {"encoder": seen.T @ grad_before, "starts": grad_before.sum(axis=0), "decoder": grad_decoder}
    for name, value in params.items():
        grad = grads[name]
        value -= 0.01 * grad
"""


def test_a_mean_that_a_penalty_on_sizes_lacks_is_told_of_what_is_added(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, SPARSE).ok
    check, line = edited_script(tmp_path, SPARSE, "+ 0.05 / 13", "+ 0.05")
    assert told(check) == (line, "missing-batch-sum-or-mean"), str(check)
    assert check.entry.loss_name == "total_loss"


def test_another_sum_than_the_one_that_is_computed_is_said(tmp_path: Path) -> None:
    of_two = "@ decoder.T\n    for k in range(7):\n        grad_latents[:, k] += 0.03\n    grad_latents += 0.02"
    check = check_of_script(tmp_path, SPARSE.replace("@ decoder.T + 0.05 / 13", of_two))
    assert check.first_wrong is None, str(check)
    assert any(note.startswith("Your total_loss adds them up otherwise.") for note in check.notes), str(check)
