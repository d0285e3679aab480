"""Scripts that hand a loss and its gradient to a minimiser of SciPy's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, line_of, told

pytest.importorskip("scipy.optimize")

DATA = """
import numpy as np

rng = np.random.default_rng(0)
X, y = rng.normal(size=(9, 4)), rng.normal(size=9)
w = rng.normal(size=4)
"""
BOTH = (
    DATA
    + """
from scipy.optimize import minimize

def cost(w, X, y):
    error = X @ w - y
    J = 0.5 * np.mean(error**2)
    grad = X.T @ error / len(y)
    return J, grad

found = minimize(cost, w, args=(X, y), jac=True, method="L-BFGS-B")
print(found.x)
"""
)
APART = (
    DATA
    + """
import scipy.optimize as opt

def cost(w):
    return 0.5 * np.mean((X @ w - y)**2)

def slope(w):
    error = X @ w - y
    grad = X.T @ error / len(y)
    return grad

best = opt.fmin_cg(cost, w, fprime=slope, disp=False)
"""
)
ONE_NAME = BOTH.replace("import minimize", "import fmin_l_bfgs_b").replace(
    'minimize(cost, w, args=(X, y), jac=True, method="L-BFGS-B")', "fmin_l_bfgs_b(cost, x0=w, args=(X, y))"
)


@pytest.mark.parametrize("text", [BOTH, APART, ONE_NAME])
def test_what_a_minimiser_is_given_is_judged(tmp_path: Path, text: str) -> None:
    check = check_of_script(tmp_path, text)
    assert check.ok, str(check)
    assert "is given was made, and judged" in " ".join(check.notes)


@pytest.mark.parametrize("text", [BOTH, APART])
def test_a_mistake_in_what_a_minimiser_is_given(tmp_path: Path, text: str) -> None:
    line = text[: text.index("grad = ")].count("\n") + 1
    wrong = text.replace("X.T @ error / len(y)", "X.T @ error**2 / len(y)")
    assert told(check_of_script(tmp_path, wrong))[0] == line


def test_a_slope_that_no_one_wrote_is_not_judged(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, APART.replace(", fprime=slope", ""))
    assert not check.ok
    assert check.first_wrong is None


@pytest.mark.parametrize("text", [BOTH, APART, ONE_NAME])
def test_a_minimiser_that_is_given_the_negative_goes_uphill(tmp_path: Path, text: str) -> None:
    check = check_of_script(tmp_path, text.replace("grad = X.T @ error", "grad = X.T @ -error"))
    assert check.first_wrong is not None, str(check)
    assert check.first_wrong.kind == "sign", str(check)


PAIRS = """
import numpy as np
from scipy.optimize import minimize

def cost(flat, aims):
    Z = flat.reshape(7, 2)
    near = np.exp(-np.sum((Z[:, None] - Z[None]) ** 2, axis=2))
    J = np.sum((near - aims) ** 2)
    pull = (near - aims) * near
    both = pull + pull.T
    grad = -4 * (np.diag(both.sum(axis=0)) - both) @ Z
    return J, grad.ravel()

rng = np.random.default_rng(4)
found = minimize(cost, rng.normal(size=14), args=(rng.random((7, 7)),), jac=True, method="L-BFGS-B")
print(found.fun)
"""


def test_a_change_on_the_way_is_found_in_what_a_minimiser_is_given(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, PAIRS)
    assert check.ok, str(check)
    check, line = edited_script(tmp_path, PAIRS, "both = pull + pull.T", "both = pull.copy()")
    assert told(check) == (line, "missing-term"), str(check)


STEPS = """
import numpy as np
from scipy.optimize import minimize


def chance(t):
    return 1 / (1 + np.exp(-t))


def cost(x, seen, side, much):
    pull, marks = x[:3], x[3:]
    gap = marks[:, None] - seen @ pull
    return np.sum(-np.log(chance(side * gap))) + much / 2 * (pull @ pull)


def slope(x, seen, side, much):
    pull, marks = x[:3], x[3:]
    gap = marks[:, None] - seen @ pull
    pushes = -side * chance(-side * gap)
    d_pull = much * pull - seen.T @ pushes.sum(0)
    return np.concatenate((d_pull, pushes.sum(1)))


draw = np.random.default_rng(2)
seen = draw.normal(size=(14, 3))
grade = np.digitize(seen @ draw.normal(size=3) + draw.normal(size=14), [-1, 0.5])
steps = grade.max()
side = np.sign(np.arange(steps)[:, None] - grade + 0.5)
within = [(None, None)] * 4 + [(0, None)] * (steps - 1)
begin = np.append(np.zeros(3), np.arange(steps))
print(minimize(cost, begin, jac=slope, args=(seen, side, 0.8), method="L-BFGS-B", bounds=within).x)
"""


def test_a_number_of_an_array_says_how_often_a_list_is_repeated(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, STEPS)
    assert check.ok, str(check)


def test_a_penalty_that_is_nothing_where_a_minimiser_begins(tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, STEPS, "much * pull - seen.T", "-seen.T")
    assert told(check) == (line, "regularisation"), str(check)
    assert "x0 holds noughts" in " ".join(check.notes)


def test_all_that_a_minimiser_is_given_may_be_wrong_past_its_start(tmp_path: Path) -> None:
    text = BOTH.replace("w = rng.normal(size=4)", "w = np.zeros(4)").replace(
        "np.mean(error**2)", "np.mean(error**2) + 0.3 * np.sum(w**2)"
    )
    right = text.replace("/ len(y)", "/ len(y) + 0.6 * w")
    assert check_of_script(tmp_path, right).ok
    assert told(check_of_script(tmp_path, text)) == (line_of(text, "grad ="), "regularisation")


def test_the_sign_of_a_product_that_a_function_is_given(tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, STEPS, "chance(-side * gap)", "chance(side * gap)")
    assert told(check) == (line, "sign"), str(check)


BEGUN_AT_NOUGHT = """
import numpy as np
from scipy.optimize import minimize

rng = np.random.default_rng(6)
X = rng.normal(size=(15, 4))
t = (X @ np.array([1.0, -2.0, 0.5, 0.0]) > 0).astype(float)
strength = 0.3


def cost_and_slope(theta):
    p = 1 / (1 + np.exp(-X @ theta))
    cost = -np.sum(t * np.log(p) + (1 - t) * np.log(1 - p)) + 0.5 * strength * np.sum(theta**2)
    return cost, X.T @ (p - t) + strength * theta


print(minimize(cost_and_slope, np.zeros(4), jac=True).fun)
"""


@pytest.mark.parametrize(("wrong", "kind"), [(" - strength * theta", "sign"), ("", "regularisation")])
def test_a_penalty_of_the_only_parameter_is_told_though_that_begins_as_noughts(
    wrong: str, kind: str, tmp_path: Path
) -> None:
    assert check_of_script(tmp_path, BEGUN_AT_NOUGHT).ok
    check, line = edited_script(tmp_path, BEGUN_AT_NOUGHT, "(p - t) + strength * theta", f"(p - t){wrong}")
    assert told(check) == (line, kind), str(check)


SEVERAL = (
    DATA
    + """
from functools import partial
from scipy.optimize import minimize

def cost(w, X, y):
    error = X @ w - y
    return 0.5 * np.mean(error**2), X.T @ error / len(y)

def ridge(w, share):
    error = X @ w - y
    J = np.sum(error**2) + share * np.sum(w**2)
    slope = 2 * X.T @ error + 2 * share * w
    return J, slope

for start in (w, 2 * w):
    best = minimize(cost, start, args=(X, y), jac=True, method="L-BFGS-B").x
for share in (0.1, 0.2):
    best = minimize(partial(ridge, share=share), best, jac=True, method="BFGS").x
def loss(w):
    return np.sum(np.log1p(np.exp(-np.sign(y) * (X @ w))))
def slope_of_loss(w):
    return X.T @ (-np.sign(y) / (1 + np.exp(np.sign(y) * (X @ w))))
last = minimize(loss, best, jac=slope_of_loss, method="CG")
print(last.x, last.fun)
"""
)


def test_each_function_that_minimisers_are_given_is_judged_once(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, SEVERAL)
    assert check.ok, str(check)
    more = [note for note in check.notes if note.endswith("was made, and judged, too: it is right.")]
    assert [note.count(f":{line_of(SEVERAL, text)} ") for note, text in zip(more, ("partial(", "last ="), strict=True)]


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [
        ("+ 2 * share * w", "+ share * w", "regularisation"),
        ("X.T @ (-np.sign", "X.T @ (np.sign", "sign"),
        ("2 * X.T @ error", "2 * X.T @ error / len(y)", "missing-batch-sum-or-mean"),
    ],
)
def test_a_mistake_in_a_later_one_is_told(tmp_path: Path, right: str, wrong: str, kind: str) -> None:
    check, line = edited_script(tmp_path, SEVERAL, right, wrong)
    assert told(check) == (line, kind), str(check)
    assert "What a minimiser is given before is right." in check.notes


PRIME = """
import numpy as np
from scipy.optimize import minimize

rng = np.random.default_rng(0)

class Net:
    def __init__(self):
        self.W1, self.W2 = rng.normal(size=(4, 3)), rng.normal(size=(3, 1))

    def forward(self, X):
        self.z2 = X @ self.W1
        self.a2 = self.sigmoid(self.z2)
        self.z3 = self.a2 @ self.W2
        return self.sigmoid(self.z3)

    def sigmoid(self, z):
        return 1 / (1 + np.exp(-z))

    def sigmoidPrime(self, z):
        return np.exp(-z) / (1 + np.exp(-z)) ** 2

    def costFunction(self, X, y):
        self.yHat = self.forward(X)
        return 0.5 * sum((y - self.yHat) ** 2)

    def costFunctionPrime(self, X, y):
        self.yHat = self.forward(X)
        delta3 = -(y - self.yHat) * self.sigmoidPrime(self.z3)
        dJdW2 = self.a2.T @ delta3
        delta2 = delta3 @ self.W2.T * self.sigmoidPrime(self.z2)
        dJdW1 = X.T @ delta2
        return dJdW1, dJdW2

    def wrapped(self, flat, X, y):
        self.W1, self.W2 = flat[:12].reshape(4, 3), flat[12:].reshape(3, 1)
        cost = self.costFunction(X, y)
        dJdW1, dJdW2 = self.costFunctionPrime(X, y)
        return cost, np.concatenate((dJdW1.ravel(), dJdW2.ravel()))

net, X, y = Net(), rng.random((9, 4)), rng.integers(0, 2, (9, 1)).astype(float)
flat = np.concatenate((net.W1.ravel(), net.W2.ravel()))
print(net.costFunction(X, y))
print(minimize(net.wrapped, flat, jac=True, method="BFGS", args=(X, y), options={"maxiter": 5}).fun)
"""


def test_the_negative_that_a_function_named_as_a_slope_returns_is_no_convention(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, PRIME).ok
    check, line = edited_script(tmp_path, PRIME, "-(y - self.yHat)", "(y - self.yHat)")
    assert told(check) == (line, "sign"), str(check)
