"""Gradients that methods add up sample by sample, and that updates average: what lacks there is told where it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

TIDES = """
import numpy as np

rng = np.random.default_rng(5)
moons = rng.normal(size=(9, 3))
levels = np.stack([np.sin(moons[:, 0]), 0.3 * moons[:, 2]], axis=1)


class Tides:
    def __init__(self, lr):
        self.lr, self.bend = lr, lambda z: 1 / (1 + np.exp(-z))
        self.inward = rng.normal(size=(3, 5)) * 0.5
        self.outward = rng.normal(size=(5, 2)) * 0.5

    def guess(self, moon):
        bent = self.bend(np.dot(moon, self.inward))
        return np.dot(bent, self.outward), bent

    def learn(self, moons, levels):
        into, out = np.zeros(self.inward.shape), np.zeros(self.outward.shape)
        for moon, level in zip(moons, levels):
            guess, bent = self.guess(moon)
            into, out = self.add(guess, bent, moon, level, into, out)
        self.move(into, out, len(moons))

    def add(self, guess, bent, moon, level, into, out):
        gap = level - guess
        blame = np.dot(self.outward, gap)
        share = blame * bent * (1 - bent)
        into += moon[:, None] * share
        out += bent[:, None] * gap
        return into, out

    def move(self, into, out, count):
        self.outward += self.lr * out / count
        self.inward += self.lr * into / count


tides = Tides(0.5)
for turn in range(3):
    loss = np.mean((tides.guess(moons)[0] - levels) ** 2)
    tides.learn(moons, levels)
"""

EDITS = [
    ("blame * bent * (1 - bent)", "blame", "missing-derivative", "blame * bent * (1 - bent)"),
    ("self.lr * into / count", "self.lr * into", "missing-batch-sum-or-mean", "self.lr * into / count"),
    ("self.lr * out / count", "self.lr * out", "missing-batch-sum-or-mean", "self.lr * out / count"),
]


def test_right(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, TIDES).ok


@pytest.mark.parametrize(("right", "wrong", "kind", "due"), EDITS)
def test_the_line_that_lacks_something(tmp_path: Path, right: str, wrong: str, kind: str, due: str) -> None:
    check, line = edited_script(tmp_path, TIDES, right, wrong)
    assert told(check) == (line, kind)
    assert len(check.causes) == 1
    assert check.findings.mistakes[0].right.text.endswith(due)


def test_an_update_that_lacks_a_mean_is_one_of_its_own_parameter(tmp_path: Path) -> None:
    check, _ = edited_script(tmp_path, TIDES, "self.lr * into / count", "self.lr * into")
    assert check.first_wrong.of == "inward", str(check)
