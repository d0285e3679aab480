"""np.nditer and np.ndenumerate: what is read and written entry by entry is seen, and a mistake there is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.verifier.files import check_of_script, told
from tinygrad_scratch.verifier.recording.entries_in_turn import enumerating, iterating
from tinygrad_scratch.verifier.recording.recorded import Recorded
from tinygrad_scratch.verifier.recording.tape import Tape

NET = """
import numpy as np
from numpy import nditer

rng = np.random.default_rng(3)
X, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 1))
w, v = rng.normal(size=(3, 4)), rng.normal(size=(4, 1))

def slopes(z):
    made = np.copy(z)
    SLOPES
    return made

for turn in range(2):
    z = X @ w
    h = np.where(z > 0, z, 0.1 * z)
    error = h @ v - y
    loss = np.sum(error ** 2)
    dv = 2 * h.T @ error
    dw = X.T @ (2 * error @ v.T * slopes(z))
    w -= 0.01 * dw
    v -= 0.01 * dv
"""
IN_PLACE = """for entry in np.nditer(made, op_flags=["readwrite"]):
        entry[...] = 1 if entry > 0 else 0.1"""
BY_PLACE = """it = nditer(made, flags=["multi_index"], op_flags=[["readwrite"]])
    while not it.finished:
        made[it.multi_index] = 1 if it[0] > 0 else 0.1
        it.iternext()"""
TWO = """with np.nditer([z, made], [], [["readonly"], ["writeonly"]]) as both:
        for one, other in both:
            other[...] = 1 if one > 0 else 0.1"""
ENUMERATED = """for place, entry in np.ndenumerate(z):
        made[place] = 1 if entry > 0 else 0.1"""


@pytest.mark.parametrize("text", [IN_PLACE, BY_PLACE, TWO, ENUMERATED])
def test_what_is_written_entry_by_entry_is_judged(tmp_path: Path, text: str) -> None:
    program = NET.replace("SLOPES", text)
    check = check_of_script(tmp_path, program)
    assert check.ok, str(check)
    assert not check.tape.leaks
    line, _ = told(check_of_script(tmp_path, program.replace("1 if", "2 if")))
    assert line in range(10, program[: program.index("w -=")].count("\n") + 1)


@pytest.mark.parametrize("order", ["K", "C", "F"])
def test_entries_come_in_the_order_of_numpys(order: Any) -> None:
    tape, x, row = Tape(), np.arange(6.0).reshape(2, 3).T, np.arange(2.0)
    stands = Recorded(tape, x, None), Recorded(tape, row, None)
    mine = iterating(tape)(list(stands), ["c_index"], order=order)
    numpys = np.nditer([x, row], ["c_index", "multi_index"], order=order)
    for (one, other), (a, b) in zip(mine, numpys, strict=True):
        assert (float(one._value()), float(other._value())) == (float(a), float(b))
        assert (mine.index, mine.multi_index) == (numpys.index, numpys.multi_index)
    mine.reset()
    mine[0] = 7.0
    assert x[0, 0] == 7.0
    assert [place for place, _ in enumerating(tape)(stands[0])] == [place for place, _ in np.ndenumerate(x)]
