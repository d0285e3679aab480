"""Mistakes that several changes mend: told is the one that a person would make, by what else stands in the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.verifier.files import check_of_script, edited, module_of
from tinygrad_scratch import verify
from tinygrad_scratch.verifier.rewriting.alike import MUCH_ALIKE, sets_apart
from tinygrad_scratch.verifier.rewriting.rewrite import Rewrite
from tinygrad_scratch.verifier.rewriting.statements import rewrites_at
from tinygrad_scratch.verifier.rewriting.text import Source, effort, is_without, source_of
from tinygrad_scratch.verifier.rewriting.unused import only_read_by
from tinygrad_scratch.verifier.trying.hit import Hit
from tinygrad_scratch.verifier.trying.left import goals_of, spots_in
from tinygrad_scratch.verifier.trying.search import Search
from tinygrad_scratch.verifier.verdicts import by_one_loss

POTS = """
import numpy as np


def slope(v):
    g = 1 / (1 + np.exp(-v))
    return g * (1 - g)


class Pots:
    def __init__(self, rng):
        self.stirs, self.lids = [rng.normal(size=(3, 4)), rng.normal(size=(4, 2))], [np.zeros(4), np.zeros(2)]

    def heat(self, meal):
        self.raw, self.warm = [], [meal]
        for stir, lid in zip(self.stirs, self.lids):
            self.raw.append(self.warm[-1] @ stir + lid)
            self.warm.append(1 / (1 + np.exp(-self.raw[-1])))
        return self.warm[-1]

    def cool(self, batch, speed):
        sum_stirs = [np.zeros_like(stir) for stir in self.stirs]
        sum_lids = [np.zeros_like(lid) for lid in self.lids]
        for meal, wish in batch:
            off = (self.heat(meal[None]) - wish) * slope(self.raw[1])
            near = off @ self.stirs[1].T
            steep = slope(self.raw[0])
            below = near * steep
            more_stirs = [self.warm[0].T @ below, self.warm[1].T @ off]
            more_lids = [below.sum(axis=0), off.sum(axis=0)]
            sum_stirs = [held + more for held, more in zip(sum_stirs, more_stirs)]
            sum_lids = [held + more for held, more in zip(sum_lids, more_lids)]
        self.stirs = [stir - (speed / len(batch)) * one for stir, one in zip(self.stirs, sum_stirs)]
        self.lids = [lid - (speed / len(batch)) * one for lid, one in zip(self.lids, sum_lids)]


def check(verify):
    rng = np.random.default_rng(9)
    pots, batch = Pots(rng), [(rng.normal(size=3), rng.random(2)) for _ in range(3)]
    with verify(pots) as check:
        check.loss = sum(0.5 * np.sum((pots.heat(meal[None]) - wish) ** 2) for meal, wish in batch) / len(batch)
        pots.cool(batch, 0.5)
        check.gradients_from_step(0.5)
    return check
"""


@pytest.mark.parametrize(
    ("right", "wrong", "kinds"),
    [
        ("sum_stirs = [held + more for", "sum_stirs = [more for", {"overwritten-accumulation", "missing-term"}),
        ("return g * (1 - g)", "return v * (1 - v)", {"derivative-at-wrong-point"}),
    ],
)
def test_the_line_that_its_siblings_tell(tmp_path: Path, right: str, wrong: str, kinds: set[str]) -> None:
    check, line = edited(tmp_path / f"pots_{len(wrong)}.py", POTS, right, wrong)
    first: Any = check.first_wrong
    assert first is not None, str(check)
    assert (first.line, first.kind in kinds) == (line, True), str(check)


SLIDES = """
import numpy as np


class Slides:
    def __init__(self, rng):
        self.steep, self.high = rng.normal(size=(3, 2)), rng.normal(size=2)

    def go(self, x, y, speed):
        guess = x @ self.steep + self.high
        loss = 0.5 * np.sum((guess - y) ** 2)
        d_steep = x.T @ (guess - y)
        d_high = (guess - y).sum(axis=0)
        self.steep = self.steep - speed * d_steep
        self.high = self.high - speed * d_high
        return loss


def check(verify):
    rng = np.random.default_rng(4)
    slides, x, y = Slides(rng), rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    with verify(slides) as check:
        check.loss = slides.go(x, y, 0.1)
        check.gradients_from_step(0.1)
    return check
"""


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("d_high = (guess - y).sum(axis=0)", "d_high = (y - guess).sum(axis=0)"),
        ("self.high = self.high - speed", "self.high = self.high + speed"),
    ],
)
def test_an_update_is_as_the_others_are(tmp_path: Path, right: str, wrong: str) -> None:
    check, line = edited(tmp_path / f"slides_{wrong[0]}.py", SLIDES, right, wrong)
    first: Any = check.first_wrong
    assert not check.ok
    assert (first.line, first.kind) == (line, "sign"), str(check)


PENALTY = """
import numpy as np


def cost(w, x, y, much):
    p = 1 / (1 + np.exp(-x @ w))
    loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)) + 0.5 * much * np.sum(w * w)
    whole = x.T @ (p - y)
    mean = whole / len(x)
    return loss, mean


def check(verify):
    rng = np.random.default_rng(5)
    w, x, y = rng.normal(size=4), rng.normal(size=(6, 4)), (rng.random(6) > 0.5) * 1.0
    with verify(w=w) as check:
        check.loss, check.gradients = cost(w, x, y, 0.2)
    return check
"""


def test_a_penalty_is_missing_where_the_gradient_is_whole(tmp_path: Path) -> None:
    check = module_of(tmp_path / "penalty.py", PENALTY).check(verify)
    first: Any = check.first_wrong
    assert (first.line, first.kind) == (9, "regularisation"), str(check)


TWO_NAMES = """
import numpy as np


def train(w, b, x, y):
    p = np.exp(x @ w + b)
    p = p / p.sum(axis=1, keepdims=True)
    loss = -np.sum(np.log(p[np.arange(len(y)), y]))
    q = p
    p[np.arange(len(y)), y] -= 1
    dw = x.T @ p
    q[np.arange(len(y)), y] -= 1
    db = q.sum(axis=0)
    return loss, dw, db


def check(verify):
    rng = np.random.default_rng(6)
    w, b, x, y = rng.normal(size=(3, 4)), np.zeros(4), rng.normal(size=(5, 3)), np.array([0, 2, 1, 3, 0])
    with verify(w=w, b=b) as check:
        check.loss, dw, db = train(w, b, x, y)
        check.gradients = {"w": dw, "b": db}
    return check
"""


def test_an_array_with_two_names_is_told_where_it_gets_the_second(tmp_path: Path) -> None:
    check = module_of(tmp_path / "two_names.py", TWO_NAMES).check(verify)
    first: Any = check.first_wrong
    assert (first.line, first.kind) == (9, "inplace-corruption"), str(check)


LABELS = """
import numpy as np


def step(w, x, labels):
    wanted = np.eye(w.shape[1])[list(labels)]
    out = x @ w
    loss = 0.5 * np.sum((out - wanted) ** 2)
    dw = x.T @ (out + wanted)
    return loss, dw


def check(verify):
    rng = np.random.default_rng(7)
    w, x, labels = rng.normal(size=(3, 4)), rng.normal(size=(5, 3)), np.array([0, 2, 1, 3, 0])
    with verify(w=w) as check:
        check.loss, check.gradients = step(w, x, labels)
    return check
"""


def test_what_gets_the_data_ready_is_not_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiled code need not look at what it is given: labels out of range might be read beyond their array."""
    found: set[int] = set()

    def hit(search: Search, file: str, rewrite: Rewrite) -> None:
        found.add(rewrite.line)

    monkeypatch.setattr(Search, "hit", hit)
    monkeypatch.setattr(by_one_loss, "is_doubtful", lambda cause: True)
    assert module_of(tmp_path / "labels.py", LABELS).check(verify).first_wrong.line == 9
    assert 9 in found
    assert not found & {6, 7, 8, 17}


def test_forms(tmp_path: Path) -> None:
    file = tmp_path / "forms.py"
    file.write_text("w = w - rate * dw\nb = b + rate * db\nq = p\nd = -(rate / n) * (x - mean)\ne = rate * x\n")
    name = str(file)
    assert sets_apart(name, 1, "w = w - rate * dw", "w = w + rate * dw") == MUCH_ALIKE
    file.write_text("w = w - rate * dw\nb = b - rate * db\n")
    assert sets_apart(name, 2, "b = b - rate * db", "b = b + rate * db") == 1
    assert sets_apart(name, 2, "b = c", "b = d") == 0


def test_effort() -> None:
    assert effort("a - b", "b - a") == 1
    assert effort("x * (1 - x)", "s * (1 - s)") == 1
    assert effort("a * b", "a * b / n") == 2


def test_one_number_is_no_multiple_of_another() -> None:
    value, truth, before = np.array([0.5]), np.array([-0.5]), np.array([1.0])
    (goal,) = goals_of(spots_in({"b": np.array([0.95])}, {"b": before}, None, value), truth)
    assert np.allclose(goal.truth, 1.05)


def test_what_was_made_for_a_line_is_read_by_it_alone() -> None:
    source = source_of("def f(u):\n    half = u / 2\n    rest = u - 1\n    g = half + rest\n    return g * rest\n")
    (last,) = (node for node in source.statements if node.lineno == 4)
    assert only_read_by(source, last) == ["half"]


def changes(text: str, line: int) -> set[str]:
    source = source_of(text)
    assert isinstance(source, Source)
    return {rewrite.of(text).splitlines()[line - 1].strip() for rewrite in rewrites_at(source, line)}


def test_what_may_be_meant() -> None:
    text = "def f(x, y):\n    s = g(x)\n    t = (x - y) * 2\n    return x * (1 - x)\n"
    assert {"return s * (1 - s)", "return g(x) * (1 - g(x))", "return (x * (1 - x)) * s"} <= changes(text, 4)
    assert "return (x - y) * (1 - x)" in changes(text, 4)


@pytest.mark.parametrize(
    ("old", "new", "without"),
    [
        ("d = 1 / n * w.T @ g", "d = w.T @ g", True),
        ("d = g @ (w + rate * dw).T", "d = g @ (w).T", True),
        ("d = g * s * (1 - s)", "d = g", True),
        ("d = -g", "d = g", False),
        ("m = keep * m - (1 - keep) * g", "m = (1 - keep) * g", False),
        ("d = g", "d = g * n", False),
        ("d = g / m", "d = g / n", False),
    ],
)
def test_what_is_right_without_a_part_of_it(old: str, new: str, without: bool) -> None:
    assert is_without(old, new) == without


UPHILL = """import numpy as np

rng = np.random.default_rng(3)
samples, goals = rng.normal(size=(9, 5)), rng.normal(size=(9, 2))
low, high = rng.normal(size=(5, 7)), rng.normal(size=(7, 2))


def rectified(v):
    return (v >= 0) * v


def slope_by(made):
    return made >= 0


for epoch in range(2):
    loss = 0.0
    for x, goal in zip(samples, goals):
        bent = x @ low
        bent = rectified(bent)
        mask = rng.integers(0, 2, 7)
        bent *= mask * 2
        out = bent @ high
        loss += np.sum((goal - out) ** 2)
        d_out = goal - out
        d_bent = (high @ d_out) * slope_by(bent)
        d_bent *= mask * 2
        low += 0.01 * np.outer(x, d_bent)
        high += 0.01 * np.outer(bent, d_out)
    print(loss)
"""


def test_what_a_change_leaves_in_the_usual_convention_counts_as_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hits: list[Hit] = []
    run = Search.run

    def found(search: Search) -> list[Hit]:
        hits.extend(each := run(search))
        return each

    monkeypatch.setattr(Search, "run", found)
    check = check_of_script(tmp_path, UPHILL)
    assert (check.first_wrong.line, check.first_wrong.should_be) == (13, "return made > 0")
    assert [hit.meant for hit in hits if hit.right == "return made > 0"] == [(2, 4)]  # as the others are without it


@pytest.mark.parametrize(("line", "breaks"), [(1, True), (2, False), (3, False)])
def test_what_is_made_and_what_is_read_have_one_number(tmp_path: Path, line: int, breaks: bool) -> None:
    text = "d1 = self.layer1.backward(d)\nd2 = self.layer1.backward(d)\nd = self.layer1.backward(d)\n"
    file = tmp_path / "layers.py"
    file.write_text(text, encoding="utf-8")
    start = sum(map(len, text.splitlines(keepends=True)[: line - 1])) + text.splitlines()[line - 1].index("self.layer1")
    change = Rewrite(line, start, start + len("self.layer1"), "self.layer2", "wrong-operand", "")
    assert Hit(str(file), change, None, False, "").breaks_number is breaks
