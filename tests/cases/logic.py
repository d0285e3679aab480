"""Cases of rules/logic.py: functions without a derivative."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.cases.table import case, distinct, exactly, nonzero, normal

function: Any  # the one that a loop below is at

# ---- functions without a derivative ----------------------------------------------------------------------------------

for function in (np.signbit, np.spacing,
                 np.isfinite, np.isinf, np.isnan, np.isreal, np.iscomplex, np.isposinf, np.isneginf, np.logical_not,
                 np.iscomplexobj, np.isrealobj, np.nonzero, np.flatnonzero, np.argwhere,
                 np.shape, np.ndim, np.size, np.result_type, np.min_scalar_type, np.common_type,
                 np.array_repr, np.array_str, np.array2string, np.linalg.matrix_rank):  # fmt: skip
    case(function, nonzero(2, 3))
for function in (np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal,
                 np.logical_and, np.logical_or, np.logical_xor, np.isclose, np.allclose, np.array_equal, np.array_equiv,
                 np.may_share_memory, np.shares_memory, np.result_type):  # fmt: skip
    case(function, normal(2, 3), nonzero(3))
    case(function, normal(2, 3), 0.5)
for function in (np.argmax, np.argmin, np.nanargmax, np.nanargmin, np.argsort, np.all, np.any, np.count_nonzero):
    case(function, distinct(2, 3))
    case(function, distinct(2, 3), axis=1)
case(np.argpartition, distinct(5), 2)
case(np.lexsort, (distinct(3), distinct(3)))
case(np.searchsorted, np.arange(3.0), normal(4))
case(np.searchsorted, exactly(0.0, 1.0, 2.0), 0.5)
case(np.digitize, normal(4), np.arange(3.0))
case(np.can_cast, normal(2, 3), np.float32)

# ---- functions of integers, bits and dates ---------------------------------------------------------------------------

INTEGERS = np.array([[1, 6], [12, 3]])
BYTES = INTEGERS.astype(np.uint8)
DAY = np.array(["2026-01-05"], "datetime64[D]")
for function in (np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.left_shift, np.right_shift, np.gcd, np.lcm):
    case(function, INTEGERS, np.array([2, 3]))
for function in (np.invert, getattr(np, "bitwise_count", None)):
    case(function, INTEGERS)
for function in (np.packbits, np.unpackbits):
    case(function, BYTES)
case(np.unravel_index, INTEGERS, (4, 5))
case(np.ravel_multi_index, (np.array([0, 1]), np.array([1, 2])), (2, 3))
for function in (np.is_busday, np.isnat, np.datetime_as_string):
    case(function, DAY)
case(np.busday_count, DAY, DAY + np.timedelta64(7, "D"))
case(np.busday_offset, DAY, 3)
