"""Cases of rules/writing.py: functions that write into their first argument."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.cases.table import CALLED_BY, NEED_AXES, NOT_ANALYTIC, case, normal

MASK = np.array([[True, False, True], [False, False, True]])
function: Any  # the one that a loop below is at

# ---- writing into old arrays -----------------------------------------------------------------------------------------


def written_by(function: Callable[..., Any]) -> Callable[..., Any]:
    """What a function that writes makes of its first argument."""

    def result(a: Any, *arguments: Any, **keywords: Any) -> Any:
        target = np.copy(a)
        function(target, *arguments, **keywords)
        return target

    CALLED_BY[result] = function
    NOT_ANALYTIC.add(result)  # of a dtype that is not that of each argument
    result.__name__ = f"written by {function.__name__}"
    return result


copied_into = written_by(np.copyto)
case(copied_into, normal(2, 3), normal(2, 3))
case(copied_into, normal(2, 3), normal(3))
case(copied_into, normal(2, 3), normal())
case(copied_into, normal(2, 3), 1.5)
case(copied_into, normal(2, 3), normal(2, 1), where=MASK)
case(copied_into, normal(2, 3), normal(3), casting="no")
case(copied_into, normal(), normal())
case(copied_into, normal(0, 3), normal(3))
case(np.full_like, normal(2, 3), normal())
case(np.full_like, normal(2, 3), normal(3))
case(np.full_like, normal(2, 3), normal(2), shape=(3, 2))
case(np.full_like, normal(2, 3), normal(2, 1), dtype=np.float64)
case(np.full_like, normal(2, 3), normal(2, 1), order="F", device="cpu")
case(np.full_like, normal(), normal())
case(np.full_like, normal(0, 3), normal())

put, place, putmask = written_by(np.put), written_by(np.place), written_by(np.putmask)
put_along_axis, fill_diagonal = written_by(np.put_along_axis), written_by(np.fill_diagonal)
case(put, normal(2, 3), [0, 4], normal(2))
case(put, normal(2, 3), [[0, -1], [4, 0]], normal(3))
case(put, normal(2, 3), 1, normal())
case(put, normal(2, 3), [-8, 7], normal(2), mode="wrap")
case(put, normal(2, 3), [-8, 7], normal(2), mode="clip")
case(put, normal(2, 3), [0, 2, 0, 0], normal(4))
case(put, normal(2, 3), [1], 1.5)
case(put, normal(), [0], normal())
case(put, normal(0, 3), np.array([], int), normal(1))
case(place, normal(2, 3), MASK, normal(2))
case(place, normal(2, 3), MASK, normal(5))
case(place, normal(2, 3), MASK, normal())
case(place, normal(), np.array(True), normal())
case(place, normal(0, 3), np.zeros((0, 3), bool), normal(2))
case(putmask, normal(2, 3), MASK, normal(2, 3))
case(putmask, normal(2, 3), MASK, normal(2))
case(putmask, normal(2, 3), MASK, normal())
case(putmask, normal(), np.array(True), normal())
case(putmask, normal(0, 3), np.zeros((0, 3), bool), normal(2))
case(put_along_axis, normal(2, 3), np.array([[1], [0]]), normal(2, 1), axis=1)
case(put_along_axis, normal(2, 3), np.array([[1, 1, 0]]), normal(3), axis=0)
case(put_along_axis, normal(2, 3, 2), np.array([[[0], [2]], [[1], [1]]]), normal(2, 2, 1), axis=1)
case(put_along_axis, normal(2, 3), np.array([[1], [0]]), normal(), 1)
case(put_along_axis, normal(0, 3), np.zeros((0, 1), int), normal(0, 1), axis=1)
case(fill_diagonal, normal(3, 3), normal())
case(fill_diagonal, normal(2, 4), normal(2))
case(fill_diagonal, normal(7, 2), normal(3))
case(fill_diagonal, normal(7, 2), normal(3), wrap=True)
case(fill_diagonal, normal(2, 2, 2), normal(2))
case(fill_diagonal, normal(3, 3), 0.0)
case(fill_diagonal, normal(0, 0), normal())

# ---- new arrays ------------------------------------------------------------------------------------------------------

for function in (np.zeros_like, np.ones_like, np.empty_like):
    case(function, normal(2, 3))
    case(function, normal(2, 3), dtype=np.float32)


NOT_ANALYTIC.add(np.full_like)
NEED_AXES.update({np.put_along_axis, np.fill_diagonal})
