"""A loss and one vector of all gradients, as minimizers ask for: a penalty that is scaled wrongly in one layer."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.verifier.files import module_of
from tinygrad_scratch import verify

COURSE = """import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def cost(params, X, y, rate):
    m = len(X)
    theta1, theta2 = params[:20].reshape(4, 5), params[20:].reshape(3, 5)
    a1 = np.insert(X, 0, values=np.ones(m), axis=1)
    a2 = np.insert(sigmoid(a1 @ theta1.T), 0, values=np.ones(m), axis=1)
    h = sigmoid(a2 @ theta2.T)
    J = np.sum(-y * np.log(h) - (1 - y) * np.log(1 - h)) / m
    J += rate / (2 * m) * (np.sum(theta1[:, 1:] ** 2) + np.sum(theta2[:, 1:] ** 2))
    delta1, delta2 = np.zeros(theta1.shape), np.zeros(theta2.shape)
    for t in range(m):
        d3 = h[t] - y[t]
        d2 = (theta2.T @ d3)[1:] * a2[t, 1:] * (1 - a2[t, 1:])
        delta1 = delta1 + np.outer(d2, a1[t])
        delta2 = delta2 + np.outer(d3, a2[t])
    delta1 = delta1 / m
    delta2 = delta2 / m
    delta1[:, 1:] = delta1[:, 1:] + (theta1[:, 1:] * rate) / m
    delta2[:, 1:] = delta2[:, 1:] + (theta2[:, 1:] * rate) / m
    return J, np.concatenate((np.ravel(delta1), np.ravel(delta2)))
"""


def test_what_leaves_the_layers_with_different_factors_is_no_cause(tmp_path: Path) -> None:
    right, wrong = "(theta1[:, 1:] * rate) / m", "theta1[:, 1:] * rate"
    module, rng = module_of(tmp_path / "course.py", COURSE.replace(right, wrong)), np.random.default_rng(2)
    check = verify.function(module.cost, rng.normal(size=35), rng.normal(size=(8, 4)), rng.random((8, 3)).round(), 1.5)
    found = check.first_wrong
    assert found is not None, str(check)
    assert found.line == COURSE[: COURSE.index(right)].count("\n") + 1, str(check)
    assert found.kind == "regularisation"
