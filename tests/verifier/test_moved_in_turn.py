"""Parameters that move one after the other, or by a rule of their own: tables, centres, shares of groups, corners."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

TABLES = """
import numpy as np

rng = np.random.default_rng(3)
seen, sure = rng.normal(size=(5, 6)), rng.uniform(0.5, 2, size=(5, 6))
left, right = rng.normal(size=(5, 3)), rng.normal(size=(6, 3))

def cost():
    return np.sum(sure * (seen - left @ right.T) ** 2) + 0.1 * (np.sum(left ** 2) + np.sum(right ** 2))

def of_left():
    return -2 * (sure * (seen - left @ right.T)) @ right + 0.2 * left

def of_right():
    return -2 * (sure * (seen - left @ right.T)).T @ left + 0.2 * right

for turn in range(4):
    loss = cost()
    left -= 0.01 * of_left()
    right -= 0.01 * of_right()
    print(loss)
"""
BETWEEN = TABLES.replace("    loss = cost()\n", "").replace("    right -=", "    loss = cost()\n    right -=")
STALE = """
import numpy as np

rng = np.random.default_rng(3)
x, y = rng.normal(size=(9, 4)), rng.normal(size=(9, 2))
first, second = rng.normal(size=(4, 3)), rng.normal(size=(3, 2))
for turn in range(4):
    hidden = np.tanh(x @ first)
    miss = hidden @ second - y
    loss = 0.5 * np.sum(miss ** 2)
    second -= 0.01 * hidden.T @ miss
    first -= 0.01 * x.T @ (miss @ second.T * (1 - hidden ** 2))
    print(loss)
"""
CENTRES = """
import numpy as np

rng = np.random.default_rng(10)
x, of = rng.normal(size=(12, 5)), np.arange(12) % 3
of[0] = 1
w, centers = 0.4 * rng.normal(size=(5, 2)), rng.normal(size=(3, 2))
for turn in range(4):
    f = np.tanh(x @ w)
    away = f - centers[of]
    loss = 0.5 * np.mean(np.sum(away ** 2, axis=1)) + np.mean(f)
    df = away / 12 + 1 / f.size
    dw = x.T @ (df * (1 - f ** 2))
    w -= 0.1 * dw
    MOVE
    print(loss)
"""
MOVES = {
    "to the mean": "for j in range(3): centers[j] = centers[j] + 0.5 * (f[of == j].mean(axis=0) - centers[j])",
    "by counts": "for j in range(3): centers[j] -= np.sum(centers[j] - f[of == j], axis=0) / (1 + np.sum(of == j))",
    "all at once": "one = np.eye(3)[of]; n = one.sum(axis=0)[:, None]; centers -= (centers * n - one.T @ f) / (1 + n)",
}
GROUPS = """
import numpy as np

rng = np.random.default_rng(4)
group = np.eye(3)[np.arange(14) % 3]
x, y = rng.normal(size=(14, 4)), rng.normal(size=14)
w, q, many = rng.normal(size=4), np.ones(3) / 3, group.sum(axis=0)
for turn in range(4):
    miss = x @ w - y
    each = group.T @ miss ** 2 / many
    loss = q @ each
    q = q * np.exp(0.1 * each)
    q = q / q.sum()
    dw = 2 * x.T @ (group @ (q / many) * miss)
    w -= 0.1 * dw
    print(loss)
"""
AFTERWARDS = GROUPS.replace("    loss = q @ each\n", "").replace("    dw =", "    loss = q @ each\n    dw =")
CORNERS = """
import numpy as np

rng = np.random.default_rng(5)
a, b = rng.normal(size=(9, 4)), rng.normal(size=9)
x = np.full(4, 0.1)
for k in range(5):
    r = a @ x - b
    f = 0.5 * np.sum(r ** 2)
    g = a.T @ r
    s = np.zeros_like(x)
    s[np.argmax(np.abs(g))] = -2 * np.sign(g[np.argmax(np.abs(g))])
    share = 2.0 / (k + 2.0)
    x = (1 - share) * x + share * s
    print(f)
"""


ADDED = TABLES.replace("-= 0.01 *", "+= 0.01 *").replace("return -2 * (", "return 2 * (").replace("+ 0.2 *", "- 0.2 *")


@pytest.mark.parametrize("text", [TABLES, BETWEEN, ADDED])
def test_tables_that_are_updated_one_after_the_other_are_right(text: str, tmp_path: Path) -> None:
    check = check_of_script(tmp_path, text)
    assert check.ok, str(check)
    assert "left was updated first" in str(check)


@pytest.mark.parametrize(
    ("text", "right", "wrong"),
    [
        (TABLES, "@ right + 0.2 * left", "@ right + 0.4 * left"),
        (BETWEEN, ".T @ left + 0.2 * right", ".T @ left + 0.4 * right"),
    ],
)
def test_a_mistake_in_one_table_is_told(text: str, right: str, wrong: str, tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, text, right, wrong)
    assert told(check)[0] == line, str(check)


def test_a_table_that_goes_uphill_is_not_right(tmp_path: Path) -> None:
    assert not check_of_script(tmp_path, TABLES.replace("right -= 0.01", "right += 0.01")).ok


def test_weights_that_were_updated_in_between_are_stale_still(tmp_path: Path) -> None:
    assert told(check_of_script(tmp_path, STALE))[1] == "stale-or-updated-weights"


@pytest.mark.parametrize("way", MOVES)
def test_centres_are_pulled_by_a_rule_of_their_own(way: str, tmp_path: Path) -> None:
    check = check_of_script(tmp_path, CENTRES.replace("MOVE", MOVES[way]))
    assert check.ok, str(check)
    assert [final.parameter.name for final in check.finals] == ["w"]


def test_centres_that_go_the_other_way_are_told(tmp_path: Path) -> None:
    text = CENTRES.replace("MOVE", MOVES["all at once"].replace("centers -=", "centers +="))
    assert told(check_of_script(tmp_path, text))[0] == 1 + text[: text.index("centers +=")].count("\n")


def test_beside_centres_a_mistake_is_told(tmp_path: Path) -> None:
    text = CENTRES.replace("MOVE", MOVES["by counts"])
    check, line = edited_script(tmp_path, text, "(1 - f ** 2)", "(1 - f)")
    assert told(check)[0] == line, str(check)


@pytest.mark.parametrize("text", [GROUPS, AFTERWARDS])
def test_shares_that_were_moved_first_are_given(text: str, tmp_path: Path) -> None:
    check = check_of_script(tmp_path, text)
    assert check.ok, str(check)
    assert "q moved first" in str(check)


@pytest.mark.parametrize("text", [GROUPS, AFTERWARDS])
def test_beside_moved_shares_a_mistake_is_told(text: str, tmp_path: Path) -> None:
    check, line = edited_script(
        tmp_path, text, "dw = 2 * x.T @ (group @ (q / many) * miss)", "dw = 2 * x.T @ (group @ q * miss)"
    )
    assert told(check)[0] == line, str(check)


def test_a_step_to_a_corner_is_no_gradient(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, CORNERS)
    assert check.first_wrong is None, str(check)
