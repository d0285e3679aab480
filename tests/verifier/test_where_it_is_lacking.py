"""What is lacking, told at the line that lacks it: where a value was made, named, or given its other half."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited, edited_script, told

VOTES = """
import numpy as np


class Votes:
    def __init__(self, rng):
        self.left, self.right, self.out = rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), rng.normal(size=(4, 2))

    def count(self, ballots):
        self.ballots = ballots
        self.yes, self.no = np.tanh(ballots @ self.left), np.tanh(ballots @ self.right)
        self.both = self.yes * self.no
        self.share = 1 / (1 + np.exp(-self.both @ self.out))
        return self.share

    def loss(self, wish):
        p = self.share
        return -np.mean(wish * np.log(p) + (1 - wish) * np.log(1 - p))

    def recount(self, wish):
        p, n = self.share, len(self.ballots)
        d_share = (1 - wish) / (1 - p) - wish / p
        d_share = d_share / p.size
        d_raw = d_share * p * (1 - p)
        d_both = d_raw @ self.out.T
        d_no = d_both * self.yes
        d_yes = d_both * self.no
        from_left = (d_yes * (1 - self.yes ** 2)) @ self.left.T
        from_right = (d_no * (1 - self.no ** 2)) @ self.right.T
        d_ballots = from_left + from_right
        d_out = self.both.T @ d_raw
        d_left = self.ballots.T @ (d_yes * (1 - self.yes ** 2))
        d_right = self.ballots.T @ (d_no * (1 - self.no ** 2))
        return {"left": d_left, "right": d_right, "out": d_out, "ballots": d_ballots}


def check(verify):
    rng = np.random.default_rng(5)
    votes, ballots, wish = Votes(rng), rng.normal(size=(6, 3)), rng.integers(0, 2, size=(6, 2)).astype(float)
    with verify({"left": votes.left, "right": votes.right, "out": votes.out, "ballots": ballots}) as check:
        votes.count(ballots)
        check.loss = votes.loss(wish)
        check.gradients = votes.recount(wish)
    return check
"""

MARGIN = """
import numpy as np


def step(W, X, wish):
    n = len(X)
    scores = X @ W
    margin = np.maximum(0, 1 - wish * scores)
    cost = np.sum(margin ** 2) / n
    d_scores = -2 * wish * margin / n
    d_W = X.T @ d_scores
    return cost, d_W


def check(verify):
    rng = np.random.default_rng(2)
    W, X, wish = rng.normal(size=(3, 2)), rng.normal(size=(9, 3)), rng.choice([-1.0, 1.0], size=(9, 2))
    with verify({"W": W}) as check:
        check.loss, check.gradients = step(W, X, wish)
    return check
"""

MEANS = """
import numpy as np


def propagate(w, b, X, Y):
    m = X.shape[1]
    A = 1 / (1 + np.exp(-(w.T @ X + b)))
    cost = -np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A)) / m
    dz = A - Y
    dw = np.dot(X, dz.T) / m
    db = np.sum(dz) / m
    grads = {"dw": dw, "db": db}
    return grads, cost


def check(verify):
    rng = np.random.default_rng(3)
    w, b = rng.normal(size=(4, 1)), np.array([0.3])
    X, Y = rng.normal(size=(4, 7)), rng.integers(0, 2, size=(1, 7)).astype(float)
    with verify({"w": w, "b": b}) as check:
        check.gradients, check.loss = propagate(w, b, X, Y)
    return check
"""


GROUPS = """
import numpy as np


def norm_forward(x, gain):
    columns = x.reshape(4, 6).T
    centre, width = columns.mean(axis=0), columns.std(axis=0)
    norm = ((columns - centre) / width).T.reshape(x.shape)
    return gain * norm, {"gain": gain, "norm": norm, "width": width}


def norm_backward(given, kept):
    dgain = np.sum(given * kept["norm"], axis=(0, 2), keepdims=True)
    norm = kept["norm"].reshape(4, 6).T
    dnorm = given * kept["gain"]
    dnorm = dnorm.reshape(4, 6).T
    dx = dnorm - np.sum(dnorm, axis=0) / 6 - np.sum(dnorm * norm, axis=0) * norm / 6
    dx /= kept["width"]
    return dx.T.reshape(given.shape), dgain


def check(verify):
    rng = np.random.default_rng(1)
    x, gain, given = rng.normal(size=(2, 4, 3)), rng.normal(size=(1, 4, 1)), rng.normal(size=(2, 4, 3))
    with verify(x=x, gain=gain) as check:
        out, kept = norm_forward(x, gain)
        check.loss = np.sum(out * given)
        dx, dgain = norm_backward(given, kept)
        check.gradients = {"x": dx, "gain": dgain}
    return check
"""


CENTRED = """
import numpy as np


class Centre:
    def forward(self, tall):
        self.even = tall - tall.mean(axis=0)
        self.size = np.sqrt((self.even**2).mean(axis=0))
        return self.even / self.size

    def backward(self, given):
        d_size = -(given * self.even).sum(axis=0) / self.size**2
        d_even = given / self.size
        d_even += d_size * self.even / (self.size * len(given))
        return d_even - d_even.mean(axis=0)


def check(verify):
    rng = np.random.default_rng(1)
    w, x, given, centre = rng.normal(size=(3, 4)), rng.normal(size=(6, 3)), rng.normal(size=(6, 4)), Centre()
    with verify(w=w) as check:
        check.loss = np.sum(centre.forward(x @ w) * given)
        check.gradients = {"w": x.T @ centre.backward(given)}
    return check
"""


@pytest.mark.parametrize(
    ("program", "right", "wrong", "kind"),
    [
        (VOTES, "d_share = (1 - wish) / (1 - p) - wish / p", "d_share = -wish / p", "missing-term"),
        (VOTES, "d_ballots = from_left + from_right", "d_ballots = from_right", "missing-term"),
        (MEANS, "dw = np.dot(X, dz.T) / m", "dw = np.dot(X, dz.T)", "missing-batch-sum-or-mean"),
        (MARGIN, "d_scores = -2 * wish * margin / n", "d_scores = -2 * margin / n", "missing-derivative"),
        (CENTRED, "return d_even - d_even.mean(axis=0)", "return d_even", "missing-term"),
        (GROUPS, 'dnorm = given * kept["gain"]', "dnorm = given", "missing-derivative"),
    ],
)
def test_told_where_it_is_lacking(tmp_path: Path, program: str, right: str, wrong: str, kind: str) -> None:
    check, line = edited(tmp_path / "lacking.py", program, right, wrong)
    assert (check.first_wrong.line, check.first_wrong.kind) == (line, kind), str(check)


KEPT = """
import numpy as np


def squash(a):
    return 1 / (1 + np.exp(-a))


class Kept:
    def __init__(self, rng):
        self.p = [rng.normal(size=(4, 4)) for _ in range(3)]

    def forward(self, old):
        A, B, C = self.p
        self.old, self.keep, self.open = old, squash(old @ A), squash(old @ B)
        self.new = np.tanh((self.open * old) @ C)
        return self.keep * old + (1 - self.keep) * self.new

    def backward(self, d):
        A, B, C = self.p
        d_new = d * (1 - self.keep) * (1 - self.new**2)
        d_old = np.zeros_like(d)
        d_old += d * self.keep
        d_in = d_new @ C.T
        d_old += d_in * self.open
        d_open = d_in * self.old * self.open * (1 - self.open)
        d_old += d_open @ B.T
        d_keep = d * (self.old - self.new) * self.keep * (1 - self.keep)
        d_old += d_keep @ A.T
        self.grads = [self.old.T @ d_keep, self.old.T @ d_open, (self.open * self.old).T @ d_new]
        return d_old


def check(verify):
    rng = np.random.default_rng(17)
    return verify.layer(Kept(rng), rng.normal(size=(6, 4)))
"""


@pytest.mark.parametrize(
    ("missing", "beside", "through"),
    [
        ("        d_old += d * self.keep\n", "d_old = np.zeros_like(d)", "self.keep * old"),
        ("        d_old += d_open @ B.T\n", "d_old += d_in * self.open", "old @ B"),
    ],
)
def test_of_a_row_of_terms_the_one_that_is_missing_is_told_where_its_turn_is(
    tmp_path: Path, missing: str, beside: str, through: str
) -> None:
    check, _ = edited(tmp_path / "kept.py", KEPT, missing, "")
    first = check.first_wrong
    assert first is not None, str(check)
    assert (first.kind, beside in first.source) == ("missing-term", True), str(check)
    assert through in first.sentence, str(check)


SURPRISE = """
import numpy as np


class Shares:
    def forward(self, x):
        self.x = x
        above = np.exp(x - x.max(axis=1, keepdims=True))
        return above / above.sum(axis=1, keepdims=True)

    def backward(self, d):
        s = self.forward(self.x)
        both = s * d
        return both - s * both.sum(axis=1, keepdims=True)


class Surprise:
    def forward(self, s, kinds):
        self.s, self.kinds = s, kinds
        hit = s[np.arange(len(kinds)), kinds]
        bits = np.log(hit)
        return -bits.mean()

    def backward(self):
        d = np.zeros_like(self.s)
        d[np.arange(len(self.kinds)), self.kinds] -= 1.0 / len(self.kinds)
        return d / self.s


def check(verify):
    rng = np.random.default_rng(2)
    w, x, kinds = rng.normal(size=(4, 3)), rng.normal(size=(6, 4)), rng.integers(0, 3, 6)
    shares, surprise = Shares(), Surprise()
    with verify(w=w) as check:
        check.loss = surprise.forward(shares.forward(x @ w), kinds)
        check.gradients = [x.T @ shares.backward(surprise.backward())]
    return check
"""


def test_a_slope_of_all_that_is_returned_is_lacking_there(tmp_path: Path) -> None:
    """And not where a number is put at some places of it."""
    check, line = edited(tmp_path / "surprise.py", SURPRISE, "return d / self.s", "return d")
    assert told(check) == (line, "missing-derivative"), str(check)


SURE = """
import numpy as np


def shares_of(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def check(verify):
    rng = np.random.default_rng(4)
    w, x, gain, weight = rng.normal(size=(3, 4)), rng.normal(size=(5, 3)), rng.normal(size=(5, 1)), 0.3
    with verify(w=w) as check:
        p = shares_of(x @ w)
        check.loss = -np.sum(gain * np.log(p[:, :1])) + weight * np.sum(p * np.log(p))
        first = np.zeros_like(p)
        first[:, 0] = 1
        dz = (p - first) * gain
        log_p = np.log(p)
        dz += weight * p * (log_p - np.sum(p * log_p, axis=1, keepdims=True))
        check.gradients = {"w": x.T @ dz}
    return check
"""


def test_shares_that_depend_on_all_values_in_a_product_of_several(tmp_path: Path) -> None:
    right = "(log_p - np.sum(p * log_p, axis=1, keepdims=True))"
    check, line = edited(tmp_path / "sure.py", SURE, right, "(log_p + 1)")
    assert told(check) == (line, "missing-term"), str(check)


RAMP = """
import numpy as np


def ramp_back(above, z):
    d = np.array(above, copy=True)
    d[z <= 0] = 0
    return d


def check(verify):
    rng = np.random.default_rng(3)
    v, w, x, y = rng.normal(size=(3, 4)), rng.normal(size=(4, 2)), rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    with verify(v=v, w=w) as check:
        z = x @ v
        h = np.maximum(z, 0)
        error = h @ w - y
        check.loss = 0.5 * np.sum(error**2)
        check.gradients = {"v": x.T @ ramp_back(error @ w.T, z), "w": h.T @ error}
    return check
"""


def test_what_comes_from_above_is_lacking_where_a_mask_is_returned(tmp_path: Path) -> None:
    right = "    d = np.array(above, copy=True)\n    d[z <= 0] = 0\n"
    check, line = edited(tmp_path / "ramp.py", RAMP, right, "    d = np.zeros(z.shape)\n    d[z > 0] = 1\n")
    assert told(check) == (line + 2, "missing-derivative"), str(check)
    assert (check.first_wrong.should_be, check.first_wrong.certainty) == ("d * above", "checked")


RESIDUAL = """
import numpy as np

rng = np.random.default_rng(4)
rows, aims = rng.normal(size=(7, 3)), rng.normal(size=(7, 3))
w, v = rng.normal(size=(3, 3)), rng.normal(size=(3, 3))
for turn in range(4):
    a = rows @ v
    h = np.tanh(a @ w)
    out = h + a
    loss = np.sum((out - aims) ** 2)
    d = 2 * (out - aims)
    dh = d * (1 - h**2)
    carry = d * np.ones_like(a)
    da = dh @ w.T + carry
    w -= 0.01 * a.T @ dh
    v -= 0.01 * rows.T @ da
    print(loss)
"""


def test_terms_in_another_order_are_no_other_change(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, RESIDUAL).ok
    check, line = edited_script(tmp_path, RESIDUAL, "da = dh @ w.T + carry", "da = dh @ w.T")
    assert told(check) == (line, "missing-term"), str(check)
    assert check.first_wrong.certainty == "checked", str(check)
    assert not check.first_wrong.others
