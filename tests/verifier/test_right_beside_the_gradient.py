"""Right scripts that do more with a gradient than to take it off, or have no loss of all samples: none is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script

DATA = """
import copy
import numpy as np

rng = np.random.default_rng(5)
X, Y = rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
W, b = rng.normal(size=(3, 2)), rng.normal(size=2)
"""

NET = """
import numpy as np

rng = np.random.default_rng(6)
X, Y = rng.normal(size=(8, 3)), rng.normal(size=(8, 2))
W1, b1 = rng.normal(size=(3, 4)), rng.normal(size=4)
W2, b2 = rng.normal(size=(4, 2)), rng.normal(size=2)
for turn in range(3):
    h = np.tanh(X @ W1 + b1)
    d = (h @ W2 + b2 - Y) / 8
    loss = 4 * np.sum(d**2)
    dh = d @ W2.T * (1 - h**2)
    gW1, gb1, gW2, gb2 = X.T @ dh, dh.sum(0), h.T @ d, d.sum(0)
"""

LINEAR = """
for turn in range(4):
    d = (X @ W + b - Y) / 7
    loss = 3.5 * np.sum(d**2)
    gW, gb = X.T @ d, d.sum(0)
"""

LABELS = """
import numpy as np

rng = np.random.default_rng(7)
X, labels = rng.normal(size=(6, 3)), rng.integers(0, 4, 6)
W, V = rng.normal(size=(3, 5)), rng.normal(size=(5, 4))
for turn in range(2):
    gW, gV = np.zeros_like(W), np.zeros_like(V)
    seen = []
    for x, label in zip(X, labels):
        h = np.tanh(x @ W)
        p = np.exp(h @ V)
        p = p / p.sum()
        KEPT
        d = p.copy()
        d[label] -= 1
        gV += np.outer(h, d)
        gW += np.outer(x, V @ d * (1 - h**2))
    W -= 0.1 * gW
    V -= 0.1 * gV
"""

ALL_RIGHT = {
    "a target that is a copy from before the loop, and is moved after the weights": DATA
    + "slow = {'W': W.copy()}\n"
    + """for turn in range(3):
    aim = Y + 0.9 * X @ slow["W"]
    d = (X @ W - aim) / 7
    loss = 3.5 * np.sum(d**2)
    W -= 0.1 * X.T @ d
    slow["W"] = 0.95 * slow["W"] + 0.05 * W
""",
    "a target network that is a copy of an object": DATA
    + """

class Head:
    def __init__(self, W):
        self.W = W

    def scores(self, X):
        return X @ self.W


head = Head(W)
target = copy.deepcopy(head)
for turn in range(4):
    d = (head.scores(X) - (Y + 0.5 * target.scores(X))) / 7
    loss = 3.5 * np.sum(d**2)
    head.W = head.W - 0.1 * X.T @ d
    if turn % 2:
        target = copy.deepcopy(head)
""",
    "the ratio to what a policy gave before the loop": DATA
    + "before = X @ W\n"
    + """for turn in range(3):
    gap = X @ W - before - Y
    loss = np.sum(gap**2)
    W -= 0.1 * 2 * X.T @ gap
""",
    "noise in the step itself": DATA
    + LINEAR
    + """    W = W - 0.1 * gW + 0.01 * rng.normal(size=W.shape)
    b = b - 0.1 * gb + 0.01 * rng.normal(size=b.shape)
""",
    "noise on the gradients": DATA
    + LINEAR
    + """    gW = gW + rng.normal(0, 0.01, gW.shape)
    gb += 0.01 * rng.standard_normal(gb.shape)
    W -= 0.1 * gW
    b -= 0.1 * gb
""",
    "a momentum that looks ahead, with the loss returned": DATA
    + """

def slopes(W, b):
    d = (X @ W + b - Y) / 7
    return 3.5 * np.sum(d**2), X.T @ d, d.sum(0)


vW, vb = np.zeros_like(W), np.zeros_like(b)
for turn in range(3):
    J, gW, gb = slopes(W + 0.9 * vW, b + 0.9 * vb)
    vW, vb = 0.9 * vW - 0.1 * gW, 0.9 * vb - 0.1 * gb
    W, b = W + vW, b + vb
""",
    "a momentum of the last two weights": DATA
    + "last = W.copy()\n"
    + LINEAR
    + """    W, last = W - 0.1 * gW + 0.8 * (W - last), W
    b = b - 0.1 * gb
""",
    "the loss of each sample, that of the last one printed": LABELS.replace("KEPT", "loss = -np.log(p[label])")
    + "    print(loss)\n",
    "the losses of the samples in a list": LABELS.replace("KEPT", "seen.append(p)").replace("seen", "losses").replace(
        "losses.append(p)", "losses.append(-np.log(p[label]))"
    ),
    "classes of samples one by one, and no loss at all": LABELS.replace("KEPT", "seen.append(p.argmax() == label)"),
    "a penalty of the weights as they are after the update, in what is kept": DATA
    + """kept = {"losses": []}
for turn in range(3):
    d = (X @ W + b - Y) / 7
    loss = 3.5 * np.sum(d**2)
    W -= 0.1 * (X.T @ d + 0.3 * W)
    b -= 0.1 * d.sum(0)
    total_loss = loss + 0.15 * np.sum(W**2)
""",
    "two nets in turns, each by its own loss": DATA
    + """
D = rng.normal(size=(2, 1))
for turn in range(3):
    fake = X @ W
    p = 1 / (1 + np.exp(-fake @ D))
    q = 1 / (1 + np.exp(-Y @ D))
    d_loss = -np.mean(np.log(q)) - np.mean(np.log(1 - p))
    D = D - 0.1 * (Y.T @ (q - 1) / 7 + fake.T @ p / 7)
    p = 1 / (1 + np.exp(-X @ W @ D))
    g_loss = -np.mean(np.log(p))
    W = W - 0.1 * X.T @ ((p - 1) / 7 @ D.T)
""",
    "a step of Newton's by least squares": DATA
    + """for turn in range(3):
    d = X @ W - Y
    loss = 0.5 * np.sum(d**2)
    W = W - np.linalg.lstsq(X.T @ X, X.T @ d, rcond=None)[0]
""",
    "uphill by one number, which means are no part of": DATA
    + """for turn in range(3):
    d = Y - X @ W - b
    likelihood = -0.5 * np.mean(np.sum(d**2, axis=1))
    up_W, up_b = X.T @ d / 7, d.mean(axis=0)
    for value, up in zip((W, b), (up_W, up_b)):
        value += 0.5 * up
""",
    "ratings one by one, with a penalty of what each reads": """
import numpy as np

rng = np.random.default_rng(9)
ratings = [(0, 1, 3.0), (2, 0, 1.5), (1, 1, 2.0)]
people, films, leaning = rng.normal(size=(3, 2)), rng.normal(size=(2, 2)), rng.normal(size=3)
for turn in range(2):
    for person, film, stars in ratings:
        error = people[person] @ films[film] + leaning[person] - stars
        leaning[person] -= 0.01 * (error + 0.2 * leaning[person])
        for k in range(2):
            old = people[person, k]
            people[person, k] -= 0.01 * (error * films[film, k] + 0.2 * old)
            films[film, k] -= 0.01 * (error * old + 0.2 * films[film, k])
""",
    "a place in a text that a function moves on": """
import numpy as np

rng = np.random.default_rng(3)
letters, W, p = "abcabdabcd" * 3, rng.normal(size=(4, 4)), 0


def pieces(letters, start, length):
    later = start + length
    return [ord(c) - 97 for c in letters[start : start + length]], 0 if later + length >= len(letters) else later


for turn in range(3):
    after, _ = pieces(letters, p + 1, 5)
    before, p = pieces(letters, p, 5)
    q = np.exp(np.eye(4)[before] @ W)
    q /= q.sum(axis=1, keepdims=True)
    loss = -np.log(q[np.arange(5), after]).mean()
    q[np.arange(5), after] -= 1
    W -= 0.1 * np.eye(4)[before].T @ q / 5
""",
}  # fmt: skip

BY_CONVENTION = {
    "keys by an average of the weights": DATA
    + "slow = W.copy()\n"
    + """for turn in range(3):
    slow = 0.9 * slow + 0.1 * W
    key = Y * (X @ slow)
    near = np.sum(X @ W * key, axis=1)
    loss = np.mean(np.log(1 + np.exp(-near)))
    d = -1 / (1 + np.exp(near)) / 7
    W = W - 0.1 * X.T @ (d[:, None] * key)
""",
    "a penalty of all rows but the first, beside a loss with a small number in it": DATA
    + """alpha, aim = 0.3, np.eye(2)[[0, 1, 1, 0, 1, 0, 1]]
for turn in range(3):
    p = np.exp(X @ W)
    p /= p.sum(axis=1, keepdims=True)
    entropy = -np.mean(np.sum(aim * np.log(p + 1e-7), axis=1))
    weights = 0.5 * np.sum(W[1:] ** 2)
    W = W - 0.1 * (X.T @ (p - aim) / 7 + np.r_[np.zeros((1, 2)), alpha * W[1:]])
    p = np.exp(X[:3] @ W)
    loss = -np.mean(np.log(p[:, 0] / p.sum(axis=1))) + alpha * weights
""",
    "gradients that are made steps where they stand": DATA
    + LINEAR
    + """    gW *= 0.1
    np.multiply(gb, 0.1, out=gb)
    W -= gW
    b -= gb
""",
    "a function that returns steps": DATA
    + """

def step(W, b, rate):
    d = (X @ W + b - Y) / 7
    return rate * (X.T @ d), rate * d.sum(0)


for turn in range(3):
    loss = np.sum((X @ W + b - Y) ** 2) / 14
    dW, db = step(W, b, 0.1)
    W = W - dW
    b = b - db
""",
    "a decay of all weights, beside a loss without a penalty": NET
    + """    gW1 += 0.02 * W1
    gW2 += 0.02 * W2
    W1 -= 0.1 * gW1
    b1 -= 0.1 * gb1
    W2 -= 0.1 * gW2
    b2 -= 0.1 * gb2
""",
    "a decay with a name": DATA
    + "decay = 0.02\n"
    + LINEAR
    + """    gW = gW + decay * W
    W -= 0.1 * gW
    b -= 0.1 * gb
""",
    "gradients that are centred before their use": DATA
    + LINEAR
    + """    gW = gW - gW.mean(axis=0)
    W -= 0.1 * gW
    b -= 0.1 * gb
""",
    "a direction of conjugate gradients, and how far it goes": DATA
    + "old = way = None\n"
    + """for turn in range(3):
    miss = X @ W - Y
    loss = 0.5 * np.sum(miss**2)
    slope = X.T @ miss
    way = -slope if way is None else np.sum(slope**2) / np.sum(old**2) * way - slope
    W = W + np.sum(slope**2) / np.sum((X @ way) ** 2) * way
    old = slope
""",
    "a step in the geometry of a kernel": """
import numpy as np

rng = np.random.default_rng(4)
x, y = rng.normal(size=(8, 2)), rng.normal(size=8)
K = np.exp(-np.sum((x[:, None] - x) ** 2, axis=2))
a, b = np.zeros(8), 0.0
for turn in range(3):
    away = K @ a + b - y
    loss = np.sum(away**2) / 2 + 0.05 * a @ K @ a
    a -= 0.1 * (away + 0.1 * a)
    b -= 0.1 * away.sum()
""",
    "gradients that are divided by second derivatives": """
import numpy as np

rng = np.random.default_rng(8)
X, y, w = rng.normal(size=(20, 4)), rng.integers(0, 2, 20), rng.normal(size=4)
for turn in range(3):
    p = 1 / (1 + np.exp(-X @ w))
    loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    slope = X.T @ (p - y) / 20
    w = w - 0.5 * slope / ((X**2).T @ (p * (1 - p)) / 20 + 0.001)
""",
}  # fmt: skip


@pytest.mark.parametrize("name", ALL_RIGHT)
def test_no_right_script_is_asked_about(tmp_path: Path, name: str) -> None:
    check = check_of_script(tmp_path, ALL_RIGHT[name])
    assert check.ok is True, str(check)


@pytest.mark.parametrize("name", BY_CONVENTION)
def test_what_is_done_to_right_gradients_is_a_convention(tmp_path: Path, name: str) -> None:
    check = check_of_script(tmp_path, BY_CONVENTION[name])
    assert check.ok is True, str(check)
    assert "another convention" in str(check), str(check)


WRONG = {
    "one of two matrices has a decay": (BY_CONVENTION["a decay of all weights, beside a loss without a penalty"],
        "    gW1 += 0.02 * W1\n", "", "gW2 += 0.02 * W2"),
    "one gradient that is doubled where it stands": (
        DATA + LINEAR + "    gb += 0\n    W -= 0.1 * gW\n    b -= 0.1 * gb\n", "gb += 0", "gb *= 2", "gb *= 2"),
    "a slope that is forgotten, where a loop keeps the last loss": (
        ALL_RIGHT["the loss of each sample, that of the last one printed"],
        "V @ d * (1 - h**2)", "V @ d", "gW += np.outer(x, V @ d)"),
    "a class that is the next one's": (
        ALL_RIGHT["classes of samples one by one, and no loss at all"],
        "gV += np.outer(h, d)", "gV += np.outer(h, p)", "gV += np.outer(h, p)"),
    "a gradient that is transposed in a square": (
        DATA.replace("3", "2") + LINEAR + "    W -= 0.1 * gW\n    b -= 0.1 * gb\n",
        "0.1 * gW", "0.1 * gW.T", "gW.T"),
    "a gradient of which a row is lost": (
        DATA + LINEAR + "    W -= 0.1 * gW\n    b -= 0.1 * gb\n", "    W -=", "    gW[0] = 0\n    W -=", "gW[0] = 0"),
    "a step in the geometry of a kernel that shrinks nothing": (
        BY_CONVENTION["a step in the geometry of a kernel"], "+ 0.1 * a)", "- 0.1 * a)", "- 0.1 * a)"),
    "a matrix of products that is forgotten": (
        BY_CONVENTION["a step in the geometry of a kernel"].replace(" + 0.05 * a @ K @ a", ""), " + 0.1 * a)", ")",
        "away = K @ a"),
    "a gradient that goes uphill, and is centred": (
        BY_CONVENTION["gradients that are centred before their use"], "W -=", "W +=", "gW.mean"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_mistakes_beside_such_steps_are_told(tmp_path: Path, name: str) -> None:
    script, old, new, line = WRONG[name]
    assert old in script
    check = check_of_script(tmp_path, script.replace(old, new))
    assert check.ok is False, str(check)
    assert check.first_wrong is not None
    told = (tmp_path / "script.py").read_text().splitlines()[check.first_wrong.line - 1]
    assert line in told, str(check)
