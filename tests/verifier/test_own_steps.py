"""Steps that are mixes of gradients at several weights, or products of matrices of them, are not judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

FLOW = """import numpy as np

rng = np.random.default_rng(3)
x, y = rng.normal(size=(9, 3)), rng.normal(size=(9, 2))
W, V = rng.normal(size=(3, 4)) * 0.5, rng.normal(size=(4, 2)) * 0.5


def slopes(W, V):
    h = np.tanh(x @ W)
    e = (h @ V - y) / 9
    cost = 4.5 * np.sum(e**2)
    dh = e @ V.T
    return cost, x.T @ (dh * (1 - h**2)), h.T @ e


"""
HEUN = """for turn in range(9):
    cost, gW, gV = slopes(W, V)
    _, kW, kV = slopes(W - 0.2 * gW, V - 0.2 * gV)
    W, V = W - 0.1 * (gW + kW), V - 0.1 * (gV + kV)
"""
RUNGE_KUTTA = """for turn in range(9):
    cost, aW, aV = slopes(W, V)
    _, bW, bV = slopes(W - 0.1 * aW, V - 0.1 * aV)
    _, cW, cV = slopes(W - 0.1 * bW, V - 0.1 * bV)
    _, dW, dV = slopes(W - 0.2 * cW, V - 0.2 * cV)
    W = W - 0.2 / 6 * (aW + 2 * bW + 2 * cW + dW)
    V = V - 0.2 / 6 * (aV + 2 * bV + 2 * cV + dV)
"""
ORTHOGONAL = """

def orthogonal(g):
    x = g / np.linalg.norm(g)
    x = x.T if len(g) > g.shape[1] else x
    for _ in range(4):
        a = x @ x.T
        x = 1.5 * x - 0.5 * a @ x
    return x.T if len(g) > g.shape[1] else x


for turn in range(9):
    cost, gW, gV = slopes(W, V)
    W, V = W - 0.1 * orthogonal(gW), V - 0.1 * orthogonal(gV)
"""
SINGULAR = """

def orthogonal(g):
    a, _, b = np.linalg.svd(g, full_matrices=False)
    return a @ b

"""
SINGULAR += ORTHOGONAL[ORTHOGONAL.index("\nfor turn") :]
WAYS = {"Heun": HEUN, "Runge and Kutta": RUNGE_KUTTA, "orthogonal": ORTHOGONAL, "by singular values": SINGULAR}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_what_a_step_makes_of_right_gradients_is_not_judged(tmp_path: Path, way: str) -> None:
    check = check_of_script(tmp_path, FLOW + way)
    assert check.ok, str(check)
    assert any("more than multiples of the gradients" in note for note in check.notes), str(check)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_mistake_in_the_gradients_is_told(tmp_path: Path, way: str) -> None:
    check, line = edited_script(tmp_path, FLOW + way, "(dh * (1 - h**2))", "(dh * (1 - h))")
    assert told(check)[0] == line, str(check)


@pytest.mark.parametrize("way", ["Heun", "orthogonal"])
def test_a_step_uphill_is_told(tmp_path: Path, way: str) -> None:
    check = check_of_script(tmp_path, (FLOW + WAYS[way]).replace("W - 0.1 *", "W + 0.1 *"))
    assert check.first_wrong is not None, str(check)


def test_what_is_handed_on_in_time_is_no_such_step(tmp_path: Path) -> None:
    """Each of these was made of the one before by one call, too, and their sum is the gradient."""
    check = check_of_script(
        tmp_path,
        """import numpy as np

rng = np.random.default_rng(1)
x, b, U = rng.normal(size=(4, 3)), rng.normal(size=3), rng.normal(size=(3, 3))
for turn in range(5):
    states = [np.zeros(3)]
    for row in x:
        states.append(np.tanh(row + states[-1] @ U + b))
    loss = 0.5 * np.sum(states[-1] ** 2)
    back, whole, share = states[-1], 0, 0
    for i in range(4, 0, -1):
        back = back * (1 - states[i] ** 2)
        whole = whole + back
        share = share + np.outer(states[i - 1], back)
        back = back @ U.T
    b = b - 0.1 * whole
    U = U - 0.1 * share
""",
    )
    assert check.ok, str(check)
    assert {step.name for step in check.steps if step.of == "b"} >= {"whole"}
