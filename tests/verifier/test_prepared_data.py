"""Scripts that prepare their data by many calls before they train, and likenesses of pairs, as in t-SNE."""

from __future__ import annotations

from pathlib import Path

from tests.verifier.files import check_of_script, edited_script, told

PREPARED = """
import numpy as np

rng = np.random.default_rng(5)
raw = rng.normal(size=(30, 4))
rows = []
for i in range(30):
    low, high = 0.0, 9.0
    for step in range(40):
        middle = (low + high) / 2
        size = np.sqrt(np.sum((raw[i] * middle) ** 2))
        low, high = (middle, high) if size < 2 else (low, middle)
    rows.append(raw[i] * middle)
table = np.array(rows)
table[0] = table[0] * 2
x, y = table[:, :3], table[:, 3:]
w = rng.normal(size=(3, 5)) * 0.5
v = rng.normal(size=(5, 1)) * 0.5
first = np.mean((np.tanh(x @ w) @ v - y) ** 2)
for turn in range(6):
    h = np.tanh(x @ w)
    off = h @ v - y
    loss = np.mean(off**2)
    dv = h.T @ (2 * off / 30)
    dw = x.T @ ((2 * off / 30) @ v.T * (1 - h**2))
    w -= 0.1 * dw
    v -= 0.1 * dv
"""


def test_what_was_prepared_by_many_calls_is_given(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, PREPARED)
    assert check.ok, str(check)
    assert check.tape.taken_off > 3_000
    assert len(check.tape.steps) < 200


def test_a_mistake_after_such_calls_is_told(tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, PREPARED, "* (1 - h**2)", "* (1 - h)")
    assert told(check) == (line, "derivative-at-wrong-point"), str(check)


MAP = """
import numpy as np

rng = np.random.default_rng(2)
towns = rng.normal(size=(9, 5))
far = np.sum((towns[:, None] - towns) ** 2, axis=2)
wide = []
for i in range(9):
    low, high = 1e-3, 50.0
    for step in range(40):
        middle = (low + high) / 2
        near = np.exp(-far[i] / middle)
        near[i] = 0.0
        near = near / np.sum(near)
        spread = -np.sum(near * np.log(near + 1e-12))
        low, high = (low, middle) if spread > 1.2 else (middle, high)
    wide.append(middle)
kin = np.exp(-far / np.array(wide)[:, None]) + 1e-8
np.fill_diagonal(kin, 0.0)
kin /= kin.sum(axis=1, keepdims=True)
kin = (kin + kin.T) / 18
spots = rng.normal(size=(9, 2))
for turn in range(20):
    apart = spots[:, None] - spots
    close = 1 / (1 + np.sum(apart**2, axis=2))
    np.fill_diagonal(close, 0.0)
    told = close / np.sum(close)
    pull = 4 * np.sum(((kin - told) * close)[:, :, None] * apart, axis=1)
    spots = spots - 0.5 * pull
"""


def test_likenesses_of_all_pairs_are_one_distribution(tmp_path: Path) -> None:
    """They are noughts beside each point itself, of which there is no logarithm."""
    check = check_of_script(tmp_path, MAP)
    assert check.ok, str(check)
    assert any("summed cross-entropy of told and kin is taken; 1 of 1" in note for note in check.notes)
    assert not check.convention


def test_such_a_map_that_goes_uphill_is_told(tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, MAP, "spots - 0.5 * pull", "spots + 0.5 * pull")
    assert told(check) == (line, "sign"), str(check)
