"""Most changes of a source need no run: what they would give tells that they can't be right, or are likely."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.verifier.files import check_of_script, edited, module_of
from tinygrad_scratch import verify
from tinygrad_scratch.verifier.rewriting.quiet import loud_names
from tinygrad_scratch.verifier.rewriting.statements import rewrites_at
from tinygrad_scratch.verifier.rewriting.text import Source
from tinygrad_scratch.verifier.running.functions import functions_of
from tinygrad_scratch.verifier.truths.table import PART, Entry
from tinygrad_scratch.verifier.trying.looks import Changed, Looked, is_same
from tinygrad_scratch.verifier.trying.outlook import RULED_OUT, Foretold, Outlook
from tinygrad_scratch.verifier.trying.search import Search

UNITS = """
import math
import numpy as np


def bend(x):
    return np.tanh(x)


def dbend(y):
    return 1.0 - y * y


class Units:
    def __init__(self, rng):
        self.first = rng.normal(size=(3, 4))
        self.last = rng.normal(size=(4, 2))

    def forward(self, x):
        self.x = x
        self.inner = [bend(sum(x[i] * self.first[i, j] for i in range(3))) for j in range(4)]
        self.outer = [bend(sum(self.inner[j] * self.last[j, k] for j in range(4))) for k in range(2)]
        return self.outer

    def backward(self, y):
        above = [0.0] * 2
        for k in range(2):
            miss = self.outer[k] - y[k]
            above[k] = miss * dbend(self.outer[k])
        below = [0.0] * 4
        for j in range(4):
            back = 0.0
            for k in range(2):
                back = back + above[k] * self.last[j, k]
            below[j] = dbend(self.inner[j]) * back
        g_last = np.array([[self.inner[j] * above[k] for k in range(2)] for j in range(4)])
        g_first = np.array([[self.x[i] * below[j] for j in range(4)] for i in range(3)])
        return g_first, g_last


def check(verify):
    rng = np.random.default_rng(4)
    units, x, y = Units(rng), rng.normal(size=3), rng.normal(size=2)
    with verify(units) as check:
        out = units.forward(x)
        check.loss = 0.5 * sum((out[k] - y[k]) ** 2 for k in range(2))
        first, last = units.backward(y)
        check.gradients = {"first": first, "last": last}
    return check
"""


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [
        ("miss * dbend(self.outer[k])", "miss", "missing-derivative"),
        ("1.0 - y * y", "1.0 - np.tanh(y) * np.tanh(y)", "derivative-at-wrong-point"),
    ],
)
def test_the_line_and_the_kind(tmp_path: Path, right: str, wrong: str, kind: str) -> None:
    check, line = edited(tmp_path / "foretold.py", UNITS, right, wrong)
    first = check.first_wrong
    assert first is not None
    assert (first.line, first.kind) == (line, kind), str(check)


def test_as_it_should_be_it_is_right(tmp_path: Path) -> None:
    assert module_of(tmp_path / "foretold_right.py", UNITS).check(verify).ok


def test_what_mends_the_gradients_is_not_ruled_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the changes that a run finds right none is ruled out before, and many of the others are."""
    ranks: list[tuple[bool, int]] = []
    foretold, found = Search.foretold, Search.found

    def all_of_them(self: Search) -> Any:
        wanted: Any = None

        def keep(search: Search, every: Any) -> Any:
            nonlocal wanted
            wanted = foretold(search, every)
            return lambda each: 0

        monkeypatch.setattr(Search, "foretold", keep)
        hit = Search.hit

        def judged(search: Search, file: str, rewrite: Any) -> Any:
            result = hit(search, file, rewrite)
            ranks.append((result is not None, wanted((file, rewrite))))
            return result

        monkeypatch.setattr(Search, "hit", judged)
        return found(self)

    monkeypatch.setattr(Search, "found", all_of_them)
    edited(tmp_path / "foretold_all.py", UNITS, "miss * dbend(self.outer[k])", "miss")
    assert any(right for right, _ in ranks)
    assert all(rank != RULED_OUT for right, rank in ranks if right)
    assert sum(rank == RULED_OUT for _, rank in ranks) > len(ranks) / 4


def test_what_changes_something_is_not_called_once_more(tmp_path: Path) -> None:
    text = """
def kept(x):
    seen.append(x)

def through(x):
    return kept(x)

def doubled(x):
    y = 2 * x
    return y

def in_place(x):
    x *= 2
    return x
"""
    loud = loud_names(functions_of([vars(module_of(tmp_path / "loud.py", text))]))
    assert {"kept", "through", "in_place"} <= loud
    assert "doubled" not in loud


def test_another_part_of_a_gradient_is_likely() -> None:
    """What makes one part of a gradient another one may be what a sum lacks; a multiple of the same part is not."""
    one, other = np.array([1.0, 2.0, 3.0]), np.array([5.0, -1.0, 2.0])
    parts = [Entry(one, 7, 1, PART), Entry(one + other, 7, 2, PART)]

    class Known:
        def note(self, *_: Any) -> None: ...

        def each_in(self, *_: Any) -> list[None]:
            return [None]

        def gradient_of(self, value: Any) -> Entry | None:
            return next((part for part in parts if np.ptp(value / part.value) < 1e-9), None)

    codes: Any = {(0, 3, text): Changed(compile(text, "", "eval"), False, None) for text in ("one + other", "2 * one")}
    looked = Looked(compile("one", "", "eval"), lambda: codes, [], False, True, False)
    looked.look({"one": one, "other": other}, Known())  # type: ignore[arg-type]
    assert [told.is_gradient for told in looked.told.values()] == [True, False]


# ---- the changes of a text -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "written", "meant", "kind"),
    [
        ("", "a = up * (1 - g) * g", "a = up * (1 - g * g)", "derivative-at-wrong-point"),
        ("", "a = up * (1 - g**2)", "a = up * ((g * (1 - g)))", "derivative-at-wrong-point"),
        ("", "a = 1 - g", "a = 1 - g ** 2", "derivative-at-wrong-point"),
        ("", "a = up * g", "a = up * ((1 - g) * g)", "missing-derivative"),
        ("gate = 0", "a = up * (1 - g) * g", "a = up * (1 - gate) * gate", "derivative-at-wrong-point"),
        ("", "a = 1 - f(g) * f(g)", "a = 1 - g * g", "derivative-at-wrong-point"),
        ("", "a = up * f(-g) * (1 - f(-g))", "a = up * f(g) * (1 - f(g))", "sign"),
        ("b = slope(u)", "a = up", "a = up * slope(u)", "missing-derivative"),
        ("def f(x, slope=False): return x", "a = g(u)", "a = g(u, slope=True)", "missing-derivative"),
        ("def f(x, derivative=False): return x", "a = g(u)", "a = g(u, derivative=True)", "missing-derivative"),
        ("def squash(x): return x", "a = dsquash(u)", "a = dsquash(squash(u))", "derivative-at-wrong-point"),
    ],
)
def test_changes_of_a_slope(before: str, written: str, meant: str, kind: str) -> None:
    before = f"{before}\nsquash(c)\n" if "squash" in before else before
    source = Source(f"{before}\n{written}\n")
    line = len(source.lines)
    found = {rewrite.of(source.text).splitlines()[-1]: rewrite.kind for rewrite in rewrites_at(source, line)}
    assert found.get(meant) == kind, sorted(found)


UPDATED = """
import numpy as np

rng = np.random.default_rng(4)
x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
w, v = rng.normal(size=(3, 4)), rng.normal(size=(4, 2))
for turn in range(3):
    inner = np.tanh(x @ w)
    out = inner @ v
    loss = 0.5 * ((out - y) ** 2).sum()
    back = out - y
    gw, gv = (x**2).T @ (back @ v.T * (1 - inner**2)) + w**3, inner.T @ back
    w -= 0.1 * gw
    v -= 0.1 * gv
"""


def test_what_a_change_leaves_is_known_without_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of most changes of an update; a run leaves the same."""
    left, left_with = Search.left, Search.left_with
    ran: list[int] = []
    known: list[int] = []
    same: list[bool] = []

    def noted(self: Search, file: str, rewrite: Any, wanted: Any) -> Any:
        ran.append(rewrite.line if rewrite is not None else 0)
        return left(self, file, rewrite, wanted)

    def both(self: Search, file: str, rewrite: Any) -> Any:
        before = len(ran)
        told, found = left_with(self, file, rewrite), left(self, file, rewrite, self.wanted)
        if len(ran) == before:
            known.append(rewrite.line)
            same.append(told is not None and found is not None and all(is_same(told[n], found[n]) for n in self.wanted))
        return told

    monkeypatch.setattr(Search, "left", noted)
    monkeypatch.setattr(Search, "left_with", both)
    check_of_script(tmp_path, UPDATED)
    assert all(same)
    updates = [i for i, line in enumerate(UPDATED.splitlines(), 1) if "-=" in line]
    assert sum(line in updates for line in known) > sum(line in updates for line in ran)


def test_what_is_not_kept_leaves_room_for_what_is(tmp_path: Path) -> None:
    case = module_of(tmp_path / "kept.py", UNITS).check(verify).case
    outlook = Outlook(case, case.replay(), entries_left=10)
    large, unknown, small = Foretold(), Foretold(), Foretold()
    outlook.keep(large, 1, np.ones(8))
    outlook.keep(large, 2, np.ones(8))
    outlook.keep(unknown, None, np.ones(8))
    outlook.keep(small, 3, np.ones(8))
    assert large.given is None
    assert unknown.given is None
    assert small.given is not None
