"""Cases of rules/choosing.py: by position, by condition, by a function for each."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.cases.table import NEED_AXES, NOT_ANALYTIC, PLAIN_WORDS, Array, case, complex_normal, normal
from tinygrad_scratch.rules.choosing import put_back

function: Any  # the one that a loop below is at

# ---- by position -----------------------------------------------------------------------------------------------------

case(np.take, normal(2, 3), np.array([0, 5, 5]))
case(np.take, normal(2, 3), 4)
case(np.take, normal(2, 3), [[1, -1], [0, 1]])
case(np.take, normal(2, 3, 2), np.array([2, 0, 2]), axis=1)
case(np.take, normal(2, 3, 2), np.array([[1, 0], [-1, 1]]), -1)
case(np.take, normal(2, 3), -1, axis=0)
case(np.take, normal(2, 3), np.array([-1, 7]), axis=1, mode="wrap")
case(np.take, normal(2, 3), np.array([-1, 7]), mode="clip")
case(np.take, normal(), [0, 0])
case(np.take, normal(), 0, axis=0)
case(np.take, normal(0, 3), [1, 1], axis=1)
case(np.take, normal(2, 3), np.array([], int), axis=1)
case(np.take, complex_normal(3), [2, 0, 2])
case(np.take_along_axis, normal(2, 3), np.array([[0, 0], [2, 1]]), 1)
case(np.take_along_axis, normal(2, 3), np.array([[1, -1, 1]]), axis=0)
case(np.take_along_axis, normal(2, 3), np.array([4, 4, 0]), axis=None)
case(np.take_along_axis, normal(2, 0), np.empty((2, 0), int), axis=1)
case(put_back, normal(3), np.array([5, 0, 5]), (2, 3))
case(put_back, normal(2, 2), np.array([[5, 1], [1, 1]]), (6,))
case(put_back, normal(), np.array(1), (3,))
case(put_back, normal(0), np.array([], int), (2, 0))
case(np.choose, np.array([0, 1, 0]), [normal(3), normal(3)])
case(np.choose, np.array([[0], [2]]), [normal(3), normal(), 1.5])
case(np.choose, np.array([-1, 4]), [normal(2), normal(2), normal(2)], mode="wrap")
case(np.choose, np.array([-1, 4]), [normal(2), normal(2), normal(2)], mode="clip")
case(np.choose, np.array([1, 0]), normal(2, 2))
case(np.choose, 1, [normal(), normal()])
case(np.choose, np.array([], int), [normal(0), normal()])

# ---- by condition ----------------------------------------------------------------------------------------------------

ODD = np.array([True, False, True])

case(np.compress, ODD, normal(2, 3))
case(np.compress, ODD, normal(2, 3), axis=1)
case(np.compress, [0, 1], normal(2, 3), axis=-2)
case(np.compress, [True], normal())
case(np.compress, ODD, normal(0, 3), axis=1)
case(np.compress, ODD & False, normal(3))
case(np.extract, ODD, normal(3))
case(np.extract, [[0, 1, 1], [0, 0, 2]], normal(2, 3))
case(np.extract, True, normal())
case(np.extract, ODD[:0], normal(0))
case(np.select, [ODD, ~ODD], [normal(3), normal(3)])
case(np.select, [ODD, np.array([[True], [False]])], [normal(3), normal(2, 3)])
case(np.select, [ODD], [normal(3)], default=normal(3))
case(np.select, [ODD], [normal()], default=normal(2, 1))
case(np.select, [ODD, ODD], [normal(), 2], 1.5)
case(np.select, [np.array(False)], [normal()])
case(np.select, [ODD[:0]], [normal(0)], default=normal())

# ---- by a function for each ------------------------------------------------------------------------------------------


def square(v: Any) -> Any:
    return v * v


def scaled(v: Any, by: Any = 2.0, plus: Any = 0.5) -> Any:
    return v * by + plus


def both_ends(row: Any, times: Any = 1.0) -> Any:
    return row[np.array([0, -1])] * row[-1] * times


def outer_square(row: Any) -> Any:
    return row[:, None] * row


FEW = np.array([True, False, False])

case(np.piecewise, normal(3), [ODD, ~ODD], [square, scaled])
case(np.piecewise, normal(3), [ODD, FEW], [square, scaled])
case(np.piecewise, normal(3), [ODD], [square, scaled])
case(np.piecewise, normal(3), ODD, [square])
case(np.piecewise, normal(3), [ODD, ~ODD], [1.5, square])
case(np.piecewise, normal(3), [ODD], [normal(), np.sin])
case(np.piecewise, normal(2, 3), np.array([[ODD, ODD]]), [np.sum])
case(np.piecewise, normal(3), [ODD], [scaled, scaled], 3.0, plus=2.0)
case(np.piecewise, normal(), [True, False], [square, scaled])
case(np.piecewise, normal(), True, [square, scaled])
case(np.piecewise, normal(0), [ODD[:0]], [square])
case(np.piecewise, complex_normal(3), [ODD], [square, scaled])
case(np.apply_along_axis, square, 1, normal(2, 3))
case(np.apply_along_axis, np.sum, 0, normal(2, 3))
case(np.apply_along_axis, both_ends, -1, normal(2, 2, 3))
case(np.apply_along_axis, both_ends, 1, normal(2, 3, 2), times=2.0)
case(np.apply_along_axis, both_ends, 0, normal(3), 3.0)
case(np.apply_along_axis, outer_square, 1, normal(2, 3, 2))
case(np.apply_along_axis, np.sum, 1, normal(2, 0))
case(np.apply_over_axes, np.sum, normal(2, 3, 2), [0, 2])
case(np.apply_over_axes, np.sum, normal(2, 3, 2), -1)
case(np.apply_over_axes, np.prod, normal(2, 3), (1, 0))
case(np.apply_over_axes, np.sum, normal(0, 3), [0])

# ---- positions themselves --------------------------------------------------------------------------------------------

case(np.diag_indices_from, normal(3, 3))
for function in (np.tril_indices_from, np.triu_indices_from):
    case(function, normal(3, 4))
    case(function, normal(3, 4), k=1)

# ---- the same in plain words -----------------------------------------------------------------------------------------


def plain_put_back(a: Array, places: Array, shape: tuple[int, ...]) -> Array:
    full = np.zeros(shape, a.dtype)
    for place, element in zip(np.ravel(places), np.ravel(a), strict=True):
        full.flat[place] += element
    return full


PLAIN_WORDS.update({put_back: plain_put_back})
NOT_ANALYTIC.update({np.piecewise})  # a constant's imaginary part does not fit into real x
NEED_AXES.update({np.take_along_axis, np.apply_along_axis, np.apply_over_axes})
