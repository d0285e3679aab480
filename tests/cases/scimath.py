"""Cases of rules/scimath.py: the functions that go over to complex numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.cases.table import NOT_ANALYTIC, above_one, case, exactly, inside, nonzero, normal, positive

function: Any  # the one that a loop below is at

for function in (np.emath.sqrt, np.emath.log, np.emath.log2, np.emath.log10):
    case(function, positive(3))
    case(function, nonzero(2, 3))
    case(function, positive())
    case(function, positive(0, 3))
for function in (np.emath.arcsin, np.emath.arccos, np.emath.arctanh):
    case(function, exactly((-0.5, 0.3), (0.1, 0.6)))
    case(function, above_one(2, 3))
    case(function, exactly((-0.5, 0.3), (2.1, 0.6)))
    case(function, exactly(0.3))
    case(function, inside())
    case(function, inside(0, 3))
case(np.emath.logn, above_one(3), nonzero(2, 3))
case(np.emath.logn, 2.0, positive())
case(np.emath.logn, 2.0, positive(0, 3))
case(np.emath.power, nonzero(2, 3), normal(3))
case(np.emath.power, nonzero(2, 3), 2)
case(np.emath.power, nonzero(2, 3), [-1, 2, 0])
case(np.emath.power, positive(), 0.5)
case(np.emath.power, positive(0, 3), 0.5)

NOT_ANALYTIC.update({
    np.emath.sqrt, np.emath.log, np.emath.log2, np.emath.log10, np.emath.logn, np.emath.power,
    np.emath.arcsin, np.emath.arccos, np.emath.arctanh,
})  # fmt: skip
