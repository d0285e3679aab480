"""The largest singular value by a power iteration: its vectors are held constant, though the matrix turned them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

SPECTRAL = """import numpy as np

rng = np.random.default_rng(2)
W, v, u = rng.normal(size=(5, 3)), rng.normal(size=5), rng.normal(size=5)
x, y = rng.normal(size=(9, 3)), rng.normal(size=9)


def unit(a):
    return a / (np.sqrt(np.sum(a**2)) + 1e-12)


for step in range(20):
    r = unit(u @ W)
    u = unit(W @ r)
    sigma = u @ W @ r
    scaled = W / sigma
    h = np.tanh(x @ scaled.T)
    e = h @ v - y
    loss = np.mean(e**2)
    de = 2 * e / len(y)
    dv = h.T @ de
    dscaled = (np.outer(de, v) * (1 - h**2)).T @ x
    dW = (dscaled - np.sum(dscaled * scaled) * np.outer(u, r)) / sigma
    W -= 0.1 * dW
    v -= 0.1 * dv
"""


def test_the_vectors_of_a_power_iteration_may_be_constants(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, SPECTRAL)
    assert check.ok, str(check)
    assert "none goes through r and u" in check.convention


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [
        ("dscaled - np.sum", "dscaled + np.sum", "sign"),
        ("np.sum(dscaled * scaled)", "np.sum(dscaled * W)", "wrong-operand"),
        ("dv = h.T @ de", "dv = 3 * h.T @ de", "scale-factor"),
    ],
)
def test_a_mistake_beside_them_is_told(tmp_path: Path, right: str, wrong: str, kind: str) -> None:
    check, line = edited_script(tmp_path, SPECTRAL, right, wrong)
    assert told(check) == (line, kind), str(check)


def test_the_norm_itself_is_no_constant(tmp_path: Path) -> None:
    old = "(dscaled - np.sum(dscaled * scaled) * np.outer(u, r)) / sigma"
    check, line = edited_script(tmp_path, SPECTRAL, old, "dscaled / sigma")
    assert check.first_wrong is not None, str(check)
    assert check.first_wrong.line == line
