"""Cases of rules/cumulative.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.cases.table import (
    NEED_AXES,
    NOT_ANALYTIC,
    Draw,
    Function,
    case,
    complex_normal,
    distinct,
    exactly,
    nonzero,
    normal,
)
from tinygrad_scratch.rules.cumulative import LOOP, recurrence, running

function: Any  # the one that a loop below is at

RUNNING: dict[Function, Callable[..., Draw]] = {
    np.cumsum: normal, np.nancumsum: normal, np.cumprod: nonzero, np.nancumprod: nonzero,
}  # fmt: skip
for function, values in RUNNING.items():
    case(function, values(4))
    case(function, values(2, 3))
    case(function, values(2, 3), axis=0)
    case(function, values(2, 3), axis=-1)
    case(function, values(2, 3), 1)
    case(function, values(2, 3, 2), axis=-2)
    case(function, values(2, 3), axis=1, dtype=np.float64)
    case(function, complex_normal(2, 3), axis=1)
    case(function, values(1))
    case(function, values())
    case(function, values(), axis=-1)
    case(function, values(0))
    case(function, values(0, 3))
    case(function, values(2, 0), axis=1)
    case(function, values(0, 3), axis=1)
for function in (np.cumprod, np.nancumprod):
    for zeros in ((0.0, 2.0, 3.0), (2.0, 0.0, 3.0, 0.0, 1.5), (0.0, 0.0, 0.0)):
        case(function, exactly(*zeros))
    case(function, exactly((0.0, 2.0, 3.0), (1.0, 0.0, 3.0)), axis=0)
case(np.nancumsum, exactly((1.0, np.nan, 3.5), (np.nan, 0.4, 2.2)), axis=1)
case(np.nancumsum, exactly(np.nan, np.nan))
case(np.nancumprod, exactly((1.0, np.nan, 3.5), (np.nan, 0.4, 2.2)), axis=1)
case(np.nancumprod, exactly(2.0, np.nan, 0.0, 3.0))
case(np.nancumprod, exactly(np.nan, np.nan))

for function, values in (
    (getattr(np, "cumulative_sum", None), normal),
    (getattr(np, "cumulative_prod", None), nonzero),
):
    case(function, values(4))
    case(function, values(2, 3), axis=0)
    case(function, values(2, 3), axis=-1, include_initial=True)
    case(function, values(2, 3, 2), axis=1, include_initial=True)
    case(function, values(2, 3), axis=1, dtype=np.float64)
    case(function, values(4), include_initial=True)
    case(function, exactly(2.0, 0.0, 3.0), include_initial=True)
    case(function, complex_normal(3), include_initial=True)
    case(function, values())
    case(function, values(), include_initial=True)
    case(function, values(0))
    case(function, values(0, 3), axis=0, include_initial=True)

for n in (1, 2, 5, LOOP + 2, 2 * LOOP + 3):
    case(recurrence, nonzero(n), normal(n))
case(recurrence, nonzero(3, 2), normal(3, 2))
case(recurrence, nonzero(0, 2), normal(0, 2))

for ufunc in (np.logaddexp, np.subtract, np.divide, np.hypot, np.copysign):
    case(running, nonzero(2, 4), ufunc, 1)
case(running, nonzero(LOOP + 3), np.divide, 0)
case(running, distinct(5), np.maximum, 0)
case(running, complex_normal(3, 2), np.divide, -2)
case(running, normal(1), np.logaddexp, 0)
case(running, normal(0, 2), np.logaddexp, 0)
case(running, exactly(1.0, 1.0, 2.0, 2.0, 1.0), np.maximum, 0, kink=[[1.5, 0.5, 2, 1, 0]])

NOT_ANALYTIC.add(running)
NEED_AXES.update((recurrence, running))
