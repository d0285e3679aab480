"""Dual averaging makes the weights of the mean of all gradients, and not of the weights: that mean is no parameter."""

from __future__ import annotations

from pathlib import Path

from tests.verifier.files import check_of_script

AVERAGED = """import numpy as np

rng = np.random.default_rng(36)
X = rng.normal(size=(20, 4))
y = np.sign(X[:, 0] - 2 * X[:, 3])
w, gbar = np.zeros(4), np.zeros(4)

for t in range(1, 21):
    i = rng.integers(20)
    margin = y[i] * (X[i] @ w)
    loss = np.log1p(np.exp(-margin))
    g = -y[i] * X[i] / (1 + np.exp(margin))
    gbar = (t - 1) / t * gbar + g / t
    w = -np.sqrt(t) / 1.5 * gbar
"""


def test_it_is_not_accused(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, AVERAGED)
    assert check.first_wrong is None, str(check)
