"""Cases of rules/reductions.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.cases.table import NOT_ANALYTIC, Draw, Function, case, complex_normal, distinct, exactly, normal

function: Any  # the one that a loop below is at

# ---- reductions ------------------------------------------------------------------------------------------------------

REDUCTIONS: dict[Function, Callable[..., Draw]] = {
    np.sum: normal, np.mean: normal, np.prod: normal, np.var: normal, np.std: distinct,
    np.max: distinct, np.min: distinct, np.amax: distinct, np.amin: distinct, np.ptp: distinct,
}  # fmt: skip
MASK = np.array([[True, False, True], [False, False, True]])
for function, values in REDUCTIONS.items():
    case(function, values(2, 3))
    case(function, values(2, 3), axis=0)
    case(function, values(2, 3), axis=-1)
    case(function, values(2, 3), 1)
    case(function, values(2, 3, 2), axis=(0, -1))
    case(function, values(2, 3, 2), axis=1, keepdims=True)
    case(function, values(2, 3), keepdims=True)
    case(function, values(0, 3), axis=1)
    if function is not np.std:  # which has a kink at 0
        case(function, values())
for function in (np.sum, np.mean, np.prod, np.max, np.min, np.amax, np.amin):
    case(function, REDUCTIONS[function](2, 3), axis=())
for function in (np.sum, np.mean, np.prod, np.var, np.std):
    case(function, REDUCTIONS[function](2, 3), axis=1, dtype=np.float64)
    case(function, REDUCTIONS[function](3, 3), axis=0, where=np.array([[True], [False], [True]]))
    case(function, REDUCTIONS[function](3, 3), where=~np.eye(3, dtype=bool), keepdims=True)
for function in (np.sum, np.prod, np.max, np.min, np.amax, np.amin):
    start = 2.0 if function in (np.sum, np.prod) else 0.0
    case(function, REDUCTIONS[function](2, 3), axis=0, initial=start)
    case(function, REDUCTIONS[function](0, 3), axis=0, initial=start)
    case(function, REDUCTIONS[function](2, 3), axis=1, initial=start, where=MASK)
case(np.sum, normal(0))
for function in (np.sum, np.prod, np.max):
    case(function, normal(), axis=-1)
case(np.mean, normal(2, 3), axis=1, where=np.array([[True, False, True], [True, True, True]]))
case(np.prod, normal(0, 3), axis=0)
for function in (np.sum, np.mean):
    case(function, a=normal(2, 3))
    case(function, normal(2, 3), dtype=np.complex128)
    case(function, complex_normal(2, 3), axis=0)
case(np.sum, normal(2, 3), dtype=np.float32, kink=[np.ones((2, 3))])
for zeros in ((0.0, 2.0, 3.0), (0.0, 2.0, 0.0), (0.0, 0.0, 0.0)):
    case(np.prod, exactly(*zeros))
case(np.prod, exactly((0.0, 2.0, 3.0), (1.0, 2.0, 3.0)), axis=1, keepdims=True)
case(np.prod, exactly((0.0, 2.0, 0.0), (1.0, 2.0, 3.0)), axis=(1, 0), initial=0.5)
case(np.prod, normal(2, 3), axis=0, dtype=np.complex128, initial=1 + 2j)
case(np.prod, normal(2, 3, 2), axis=(2, 0), where=np.array([[True], [False], [True]]))
case(np.prod, complex_normal(2, 3), axis=1)
for function in (np.var, np.std):
    case(function, distinct(2, 3), axis=0, ddof=1)
    case(function, distinct(2, 3), correction=0.5)
    case(function, distinct(2, 3), axis=1, mean=normal(2, 1))
    case(function, distinct(2, 3), mean=normal(1, 1), where=MASK, keepdims=True)
    case(function, complex_normal(2, 3), axis=1)
for function in (np.max, np.amax):
    case(function, exactly(1.0, 3.0, 3.0), kink=[[0, 0.5, 0.5]])
    case(function, exactly((1.0, 1.0), (1.0, 1.0)), kink=[[[0.25, 0.25], [0.25, 0.25]]])
    case(function, exactly(1.0, 2.0), initial=2.0, kink=[[0, 0.5]])
    case(function, exactly(1.0, 2.0), initial=3.0, kink=[[0, 0]])
for function in (np.min, np.amin):
    case(function, exactly((1.0, 1.0), (2.0, 1.0)), axis=0, kink=[[[1, 0.5], [0, 0.5]]])
    case(function, exactly(1.0, 2.0), initial=1.0, kink=[[0.5, 0]])
case(np.std, normal(), kink=[0])
case(np.std, exactly(2.0, 2.0), kink=[[0, 0]])
case(np.std, exactly((2.0, 2.0), (1.0, 3.0)), axis=1, kink=[[[0, 0], [-0.5, 0.5]]])
case(np.ptp, exactly(1.0, 3.0, 1.0), kink=[[-0.5, 1, -0.5]])

NOT_ANALYTIC.update({np.var, np.std})  # a modulus is in them
