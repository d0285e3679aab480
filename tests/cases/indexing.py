"""Cases of rules/indexing.py: reading and writing parts, new arrays."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from tests.cases.table import NOT_ANALYTIC, PLAIN_WORDS, Array, case, complex_normal, normal
from tinygrad_scratch.rules.indexing import assign, last_writes, scatter

MASK = np.array([[True, False, True], [False, False, True]])

function: Any  # the one that a loop below is at

# ---- reading and writing parts ---------------------------------------------------------------------------------------

INDICES: list[Any] = [
    1, -1, np.int64(1), np.array(1), (0, 2), slice(1, None), slice(None, None, -1), slice(0, 0),
    (slice(None), slice(0, 3, 2)), Ellipsis, (Ellipsis, 0), None, (slice(None), None, 1), (), True,
    np.array([0, 1, 0, 0]), np.array([[0, 1], [1, 1]]), np.array([-1, 1]), np.array([], int),
    (np.array([0, 1, 1]), np.array([2, 0, 0])), (slice(None), np.array([2, 2])), (0, np.array([1, 1, 2])),
    (np.array([1, 1]), None, slice(0, 2)), np.array([True, False]), (np.array([True, False]), 1),
    (Ellipsis, np.array([True, False, True])), MASK, MASK & False,
]  # fmt: skip
for index in INDICES:
    result = np.empty((2, 3))[index]
    case(operator.getitem, normal(2, 3), index)
    case(scatter, normal(*result.shape), index, (2, 3))
    case(assign, normal(2, 3), normal(*result.shape), index)
case(operator.getitem, normal(2, 3), [0, 1, 0])
case(operator.getitem, normal(2, 3), ([0, 1], [2, 2]))
case(operator.getitem, normal(), ())
case(operator.getitem, normal(), (None, Ellipsis))
case(operator.getitem, normal(0, 3), (slice(None), 1))
case(operator.getitem, complex_normal(2, 3), (slice(None), np.array([2, 2])))
case(last_writes, normal(), np.array(1), (3,))
case(last_writes, normal(0), np.array([], int), (3,))
case(last_writes, normal(4, 3), np.array([0, 1, 0, 0]), (2, 3))
case(last_writes, normal(3), (np.array([0, 1, 1]), np.array([2, 0, 0])), (2, 3))
case(scatter, normal(), (), ())
case(scatter, normal(2, 0), (slice(None), slice(0, 0)), (2, 3))
case(assign, normal(2, 3), 1.5, (0, slice(None)))
case(assign, normal(2, 3), normal(), (slice(None), 1))
case(assign, normal(2, 3), normal(3), slice(None))
case(assign, normal(2, 3), normal(2, 1), slice(None))
case(assign, normal(2, 3), normal(), np.array([0, 0]))
case(assign, normal(2, 3), normal(1, 3), np.array([1, 1]))
case(assign, normal(2, 3), normal(1, 2, 3), slice(None))
case(assign, normal(3), normal(3), [2, 2, 0])
case(assign, normal(), normal(), ())
case(assign, normal(0, 3), normal(3), slice(None))
case(assign, np.ones((2, 3)), normal(3), 0)

# ---- the same in plain words -----------------------------------------------------------------------------------------


def plain_scatter(a: Array, index: Any, shape: tuple[int, ...]) -> Array:
    """Element by element: each goes where `index` found it."""
    full = np.zeros(shape, a.dtype)
    places = np.arange(full.size).reshape(shape)[index]
    for place, element in zip(np.ravel(places), np.ravel(a), strict=True):
        full.flat[place] += element
    return full


def plain_assign(a: Array, value: Any, index: Any) -> Array:
    new = np.array(a)
    new[index] = value
    return new


def plain_last_writes(part: Array, index: Any, shape: tuple[int, ...]) -> Array:
    numbers = np.zeros(shape)
    numbers[index] = np.arange(part.size).reshape(part.shape)
    kept: Array = part * (numbers[index] == np.arange(part.size).reshape(part.shape))
    return kept


PLAIN_WORDS.update({scatter: plain_scatter, assign: plain_assign, last_writes: plain_last_writes})
NOT_ANALYTIC.add(assign)  # of a dtype that is not that of each argument
