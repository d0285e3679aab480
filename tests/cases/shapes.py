"""Cases of rules/shapes.py: shapes, orders, joining, splitting."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.cases.table import AT_LEAST_2_1, NEED_AXES, NOT_ANALYTIC, PLAIN_WORDS, case, complex_normal, normal
from tinygrad_scratch.rules.shapes import cast, expand, stack_arrays

unstack = getattr(np, "unstack", None)

function: Any  # the one that a loop below is at

# ---- the same elements in another shape ------------------------------------------------------------------------------

for function in (np.broadcast_to, expand):
    case(function, normal(3), (2, 3))
    case(function, normal(2, 1), (4, 2, 3))
    case(function, normal(), (2, 2))
    case(function, normal(), ())
    case(function, normal(1, 3), (0, 3))
    case(function, normal(0, 3), (2, 0, 3))
case(np.broadcast_arrays, normal(3), normal(2, 1))
case(np.broadcast_arrays, normal(), normal(0, 3))
case(np.reshape, normal(2, 3), (3, 2))
case(np.reshape, normal(2, 3), -1)
case(np.reshape, normal(2, 3), (3, -1), order="F")
case(np.reshape, normal(2, 3), (3, 2), order="A")
if AT_LEAST_2_1:
    case(np.reshape, normal(2, 3), (6, 1), copy=True)
    case(np.reshape, normal(2, 3), shape=(3, 2))
case(np.reshape, normal(), (1, 1))
case(np.reshape, normal(0, 3), (3, 0))
for order in ("C", "F", "A", "K"):
    case(np.ravel, normal(2, 3), order=order)
case(np.ravel, normal())
case(np.ravel, normal(0, 3))
case(np.expand_dims, normal(2, 3), 1)
case(np.expand_dims, normal(2, 3), (0, -1))
case(np.expand_dims, normal(2, 3), [1, -1])
case(np.expand_dims, normal(2, 3), ())
case(np.expand_dims, normal(), 0)
case(np.expand_dims, normal(0, 3), axis=-1)
case(np.squeeze, normal(1, 3, 1))
case(np.squeeze, normal(1, 3, 1), axis=-1)
case(np.squeeze, normal(1, 3, 1), axis=(0, 2))
case(np.squeeze, normal(1, 3, 1), axis=())
case(np.squeeze, normal())
case(np.squeeze, normal(1, 0, 3))
for function in (np.atleast_1d, np.atleast_2d, np.atleast_3d):
    case(function, normal())
    case(function, normal(3))
    case(function, normal(2, 3))
    case(function, normal(0, 3, 2))
    case(function, normal(), normal(2))

# ---- the same elements in another order ------------------------------------------------------------------------------

case(np.transpose, normal(2, 3))
case(np.transpose, normal(2, 3, 4), (1, 2, 0))
case(np.transpose, normal(2, 3, 4), axes=(-1, 0, 1))
case(np.transpose, normal())
case(np.transpose, normal(0, 3))
case(np.matrix_transpose, normal(2, 3))
case(np.matrix_transpose, normal(2, 3, 4))
case(np.matrix_transpose, normal(0, 3))
case(np.swapaxes, normal(2, 3, 4), 0, 2)
case(np.swapaxes, normal(2, 3, 4), -1, 1)
case(np.swapaxes, normal(0, 3), 0, 1)
case(np.moveaxis, normal(2, 3, 4), 0, -1)
case(np.moveaxis, normal(2, 3, 4), [0, 1], [-1, -2])
case(np.moveaxis, normal(0, 3), 0, 1)
case(np.rollaxis, normal(2, 3, 4), 2)
case(np.rollaxis, normal(2, 3, 4), 0, start=3)
case(np.rollaxis, normal(2, 3, 4), -1, start=-2)
case(np.rollaxis, normal(0, 3), 1)
case(np.flip, normal(2, 3))
case(np.flip, normal(2, 3), axis=-1)
case(np.flip, normal(2, 3, 2), axis=(0, 2))
case(np.flip, normal())
case(np.flip, normal(0, 3))
for function in (np.fliplr, np.flipud):
    case(function, normal(2, 3))
    case(function, normal(2, 3, 2))
    case(function, normal(0, 3))
case(np.rot90, normal(2, 3))
case(np.rot90, normal(2, 3), k=2)
case(np.rot90, normal(2, 3, 2), k=-1, axes=(1, 2))
case(np.rot90, normal(0, 3))
case(np.roll, normal(2, 3), 2)
case(np.roll, normal(2, 3), -1, axis=1)
case(np.roll, normal(2, 3), (1, 2), axis=(0, -1))
case(np.roll, normal(), 1)
case(np.roll, normal(0, 3), 1, axis=0)
for order in ("K", "C", "F", "A"):
    case(np.copy, normal(2, 3), order=order)
case(np.copy, normal())
case(np.copy, normal(0, 3))
for function in (cast, np.astype):
    case(function, normal(2, 3), np.float64)
    case(function, normal(2, 3), np.float32, kink=[np.ones((2, 3))])
    case(function, normal(2, 3), np.complex128, kink=[np.ones((2, 3))])
    case(function, normal(), np.float64)
    case(function, normal(0, 3), np.float64)
case(np.astype, normal(2, 3), np.float32, copy=False, kink=[np.ones((2, 3))])
if AT_LEAST_2_1:
    case(np.astype, normal(2, 3), np.float32, device="cpu", kink=[np.ones((2, 3))])

# ---- joining and splitting -------------------------------------------------------------------------------------------

case(np.concatenate, [normal(2, 3), normal(1, 3)])
case(np.concatenate, [normal(2, 3), normal(2, 1), normal(2, 2)], axis=-1)
case(np.concatenate, [normal(2, 3), normal(2)], axis=None)
case(np.concatenate, [normal(2, 3), np.ones((2, 3)), normal(1, 3)], axis=0)
case(np.concatenate, [normal(0, 3), normal(2, 3)])
case(np.concatenate, [normal(2), normal(1)], dtype=np.float64)
case(np.concatenate, [normal(2), normal(1)], dtype=np.float32, casting="unsafe", kink=[[1, 1], [1]])
case(np.concatenate, [normal(2), complex_normal(1)])
case(np.concatenate, (normal(2), [1.0, 2.0], normal(1)))
case(np.stack, [normal(2, 3), normal(2, 3)])
case(np.stack, [normal(2, 3), normal(2, 3)], axis=-1)
case(np.stack, [normal(), normal(), 1.5])
case(np.stack, [normal(0, 3), normal(0, 3)], axis=1)
case(np.stack, [normal(2), normal(2)], dtype=np.float64)
case(np.stack, [normal(2), normal(2)], dtype=np.float32, casting="unsafe", kink=[[1, 1], [1, 1]])
case(stack_arrays, normal(2, 3), normal(2, 3))
case(stack_arrays, normal(2, 3), np.ones((2, 3)), normal(2, 3), axis=-2)
case(stack_arrays, normal(), normal(), 1.5)
case(stack_arrays, normal(0, 3), normal(0, 3), axis=1)
case(stack_arrays, normal(2), complex_normal(2))
case(stack_arrays, normal(2), normal(2), dtype=np.float32, casting="unsafe", kink=[[1, 1], [1, 1]])
case(np.vstack, [normal(3), normal(2, 3)])
case(np.vstack, [normal(), normal()])
case(np.vstack, [normal(0, 3), normal(3)])
case(np.vstack, [normal(2), normal(2)], dtype=np.float64)
case(np.vstack, [normal(2), normal(2)], dtype=np.float32, casting="unsafe", kink=[[1, 1], [1, 1]])
case(np.hstack, [normal(3), normal(2)])
case(np.hstack, [normal(2, 3), normal(2, 1)])
case(np.hstack, [normal(), normal()])
case(np.hstack, [normal(0), normal(3)])
case(np.hstack, [normal(2), normal(2)], dtype=np.float64)
case(np.hstack, [normal(2), normal(2)], dtype=np.float32, casting="unsafe", kink=[[1, 1], [1, 1]])
case(np.dstack, [normal(2, 3), normal(2, 3)])
case(np.dstack, [normal(3), normal(3)])
case(np.dstack, [normal(), normal()])
case(np.dstack, [normal(0, 3, 1), normal(0, 3)])
case(np.column_stack, [normal(3), normal(3, 2)])
case(np.column_stack, [normal(), normal()])
case(np.column_stack, [normal(0), normal(0, 2)])
case(np.append, normal(2, 3), normal(2))
case(np.append, normal(2, 3), normal(1, 3), axis=0)
case(np.append, normal(2), 1.5)
case(np.append, normal(), normal())
case(np.append, normal(0), normal(2))
for function in (np.split, np.array_split):
    case(function, normal(4, 2), 2)
    case(function, normal(2, 6), [1, 4], axis=1)
    case(function, normal(2, 6), 3, axis=-1)
    case(function, normal(0, 4), 2, axis=1)
    case(function, normal(5), [3, 7])
    case(function, normal(5), [-2])
case(np.array_split, normal(5, 2), 3)
case(np.vsplit, normal(4, 2), 2)
case(np.vsplit, normal(0, 2), 1)
case(np.hsplit, normal(2, 4), [1])
case(np.hsplit, normal(4), 2)
case(np.hsplit, normal(0, 4), 2)
case(np.dsplit, normal(2, 2, 4), 2)
case(np.dsplit, normal(0, 2, 4), 2)
case(unstack, normal(3, 2))
case(unstack, normal(3, 2), axis=-1)
case(unstack, normal(0, 2), axis=1)

PLAIN_WORDS.update(
    {
        expand: np.broadcast_to,
        cast: lambda a, dtype: a.astype(dtype),
        stack_arrays: lambda *arrays, **keywords: np.stack(arrays, **keywords),
        np.astype: lambda x, dtype, copy=True, device=None: x.astype(dtype),
    }
)
NOT_ANALYTIC.update({cast, np.astype})  # of a dtype that is not that of the argument
NEED_AXES.update({
    np.concatenate, np.matrix_transpose, np.swapaxes, np.moveaxis, np.rollaxis, np.fliplr, np.flipud, np.rot90,
    np.split, np.array_split, np.vsplit, np.hsplit, np.dsplit, unstack,
})  # fmt: skip
