"""What programs ask of types, the arrays that calls write to by position, and values that are only shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

BY_TYPE = """
import numpy as np


class Kind(type):
    pass


class Named(metaclass=Kind):
    pass


def squash(v):
    if type(v) == float or type(v) is int:
        return v / (1 + abs(v))
    elif type(v) == np.ndarray:
        return np.tanh(v)


def squash_slope(v):
    if type(v) in (list, tuple):
        v = np.array(v)
    if type(v) is np.ndarray:
        return 1 - np.tanh(v) ** 2


assert type(Named) is Kind and isinstance(Named, type) and not isinstance(3, type)
Made = type("Made", (Named,), {})
assert issubclass(Kind, type) and type(Made()) is Made and type[Named]

rng = np.random.default_rng(7)
rows, aims, w = rng.normal(size=(9, 4)), rng.normal(size=(9, 2)), rng.normal(size=(4, 2))
for turn in range(4):
    assert isinstance(Made, Kind) and type("Later", (), {}).__name__ == "Later"
    z = rows @ w
    loss = np.sum((squash(z) - aims) ** 2)
    dz = 2 * (squash(z) - aims) * squash_slope(z)
    w -= 0.01 * rows.T @ dz
    print(loss)
"""


def test_the_type_of_an_array_is_numpys_while_it_is_recorded(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, BY_TYPE)
    assert check.ok is True, str(check)
    wrong, line = edited_script(tmp_path, BY_TYPE, "1 - np.tanh(v) ** 2", "1 - np.tanh(v)")
    assert told(wrong)[0] == line, str(wrong)


INTO = """
import numpy as np

rng = np.random.default_rng(8)
rows, aims, w = rng.normal(size=(9, 4)), rng.normal(size=(9, 2)), rng.normal(size=(4, 2))
for turn in range(4):
    z = rows @ w
    out = np.maximum(z, 0.1 * z, z)
    loss = np.sum((out - aims) ** 2)
    d = 2 * (out - aims)
    np.multiply(d, np.where(out > 0, 1, 0.1), d)
    w -= 0.01 * rows.T @ d
    print(loss)
"""


def test_what_a_call_writes_to_may_be_given_by_its_place(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, INTO)
    assert check.ok is True, str(check)
    wrong, line = edited_script(tmp_path, INTO, "rows.T @ d", "rows.T @ np.abs(d)")
    assert told(wrong) == (line, "wrong-operand"), str(wrong)


SHOWN = """
import numpy as np

rng = np.random.default_rng(9)
rows, aims, w = rng.normal(size=(9, 4)), rng.normal(size=(9, 2)), rng.normal(size=(4, 2))
for turn in range(4):
    out = np.tanh(rows @ w)
    print("first row " + ", ".join(["% 2.5f" % out[0][i] for i in range(2)]), end=": ")
    loss = np.sum((out - aims) ** 2)
    d = 2 * (out - aims) * (1 - out**2)
    w -= 0.01 * rows.T @ d
    print(loss)
"""


@pytest.mark.parametrize("shown", ["", "sys.stdout.write('%.3f ' % out[1][0])\n    "])
def test_of_a_value_that_is_only_shown_nothing_comes_back(tmp_path: Path, shown: str) -> None:
    text = SHOWN.replace("import numpy", "import sys\nimport numpy").replace("loss = np", f"{shown}loss = np")
    check = check_of_script(tmp_path, text)
    assert check.ok is True, str(check)
    wrong, line = edited_script(tmp_path, text, "(1 - out**2)", "(1 - out)")
    assert told(wrong) == (line, "derivative-at-wrong-point"), str(wrong)
