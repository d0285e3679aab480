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
