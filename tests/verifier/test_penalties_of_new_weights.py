"""Losses of which the output is of the weights before an update, and the penalty of those after it, as in a log."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

LOGGED = """
import numpy as np

rng = np.random.default_rng(31)
seen, kind = rng.normal(size=(13, 4)), (rng.random((13, 1)) < 0.5) * 1.0
P = {"A": rng.normal(size=(4, 5)), "a": np.zeros(5), "B": rng.normal(size=(5, 1)), "b": np.zeros(1)}

def cost_of(p, kind, P, pull):
    fit = -np.mean(kind * np.log(p) + (1 - kind) * np.log(1 - p))
    return fit + pull / 2 * sum(np.sum(P[k] ** 2) for k in "AB")

for turn in range(4):
    h = np.tanh(seen @ P["A"] + P["a"])
    p = 1 / (1 + np.exp(-(h @ P["B"] + P["b"])))
    d = (p - kind) / 13
    dh = d @ P["B"].T * (1 - h**2)
    g = {"B": h.T @ d + 0.2 * P["B"], "b": d.sum(axis=0)}
    g["A"] = seen.T @ dh + 0.2 * P["A"]
    g["a"] = dh.sum(axis=0)
    for k in P:
        P[k] = P[k] - 0.1 * g[k]
    cost = cost_of(p, kind, P, 0.2)
"""
IN_PLACE = "P[k] = P[k] - 0.1 * g[k]", "P[k] -= 0.1 * g[k]"
APPENDED = "    cost = cost_of(p, kind, P, 0.2)\n", "    log.append(cost_of(p, kind, P, 0.2))\n"
AGAIN = "    cost = ", '    p = 1 / (1 + np.exp(-(np.tanh(seen @ P["A"] + P["a"]) @ P["B"] + P["b"])))\n    cost = '
L2 = 'sum(np.sum(P[k] ** 2) for k in "AB")\n', '(l2 := sum(np.sum(P[k] ** 2) for k in "AB"))\n'


def with_changes(*changes: tuple[str, str]) -> str:
    text = LOGGED.replace("def cost_of", "log = []\n\ndef cost_of")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


@pytest.mark.parametrize("changes", [(), (IN_PLACE,), (APPENDED,), (IN_PLACE, APPENDED), (AGAIN,), (AGAIN, L2)])
def test_the_whole_is_taken_of_the_weights_before(tmp_path: Path, changes: tuple[tuple[str, str], ...]) -> None:
    check = check_of_script(tmp_path, with_changes(*changes))
    assert check.ok is True, str(check)
    assert not check.convention
    assert any("computed after the update" in note for note in check.notes)


@pytest.mark.parametrize("changes", [(), (IN_PLACE,), (AGAIN, L2)])
@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [(' + 0.2 * P["A"]', "", "regularisation"), ("dh.sum(axis=0)", "dh.mean(axis=0)", "missing-batch-sum-or-mean")],
)
def test_what_is_wrong_is_told(
    tmp_path: Path, changes: tuple[tuple[str, str], ...], right: str, wrong: str, kind: str
) -> None:
    check, line = edited_script(tmp_path, with_changes(*changes), right, wrong)
    assert told(check) == (line, kind), str(check)
