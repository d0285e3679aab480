"""A bias that is a number, whose gradient is the error of a single output: the loss is made of that, too."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

TIDE = """
import numpy as np
rng = np.random.default_rng(8)
moons = [np.array([m, m * m, 1 - m]) for m in rng.normal(size=12)]
heights = [np.cos(moon[0]) + 0.1 * moon[1] for moon in moons]
inner, outer = rng.normal(size=(5, 3)) * 0.6, rng.normal(size=5) * 0.6
shift, sea = rng.normal(size=5) * 0.1, 0.0
for day in range(4):
    off = 0.0
    for moon, height in zip(moons, heights):
        pull = np.tanh(inner @ moon + shift)
        level = outer @ pull + sea
        gap = level - height
        off += 0.5 * gap ** 2
        below = gap * outer * (1 - pull ** 2)
        outer -= 0.05 * gap * pull
        sea -= 0.05 * gap
        inner -= 0.05 * np.outer(below, moon)
        shift -= 0.05 * below
"""


def test_it_is_right(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, TIDE)
    assert check.ok, str(check)
    assert {final.parameter.name for final in check.finals} == {"inner", "outer", "shift", "sea"}


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("sea -= 0.05 * gap", "sea += 0.05 * gap", "sign"),
        ("sea -= 0.05 * gap", "sea -= 0.05 * level", "wrong-operand"),
        ("below = gap * outer * (1 - pull ** 2)", "below = gap * outer", "missing-derivative"),
    ],
)
def test_a_mistake_is_told(tmp_path: Path, old: str, new: str, kind: str) -> None:
    check, line = edited_script(tmp_path, TIDE, old, new)
    assert told(check) == (line, kind)
