"""Cases of rules/polynomials.py: values, arithmetic, fits, roots."""

from __future__ import annotations

import numpy as np

from tests.cases.table import (
    NEED_AXES,
    NEED_ELEMENTS,
    NOT_ANALYTIC,
    Draw,
    case,
    complex_normal,
    exactly,
    nonzero,
    normal,
    positive,
)
from tinygrad_scratch.rules.polynomials import characteristic, evaluate

# ---- values ----------------------------------------------------------------------------------------------------------

case(np.polyval, normal(4), normal(2, 3))
case(np.polyval, normal(4), normal())
case(np.polyval, normal(1), normal(3))
case(np.polyval, normal(4), 2.0)
case(np.polyval, [1, -2, 3], normal(2, 3))
case(np.polyval, [normal(), 1.0], normal(3))
case(np.polyval, normal(3), [0.5, normal()])
case(np.polyval, normal(3), exactly(0.0, 1.0, -2.0))
case(np.polyval, normal(3), np.array([0, 2]))
case(np.polyval, normal(0), normal(3))
case(np.polyval, normal(4), normal(0, 3))
case(np.polyval, complex_normal(3), complex_normal(2))
case(np.polyval, normal(3), complex_normal(2))
case(evaluate, normal(3), normal(2))
case(evaluate, normal(3, 2), normal(4, 2))  # a polynomial for each column
case(evaluate, normal(3, 4, 1), normal(2))
case(evaluate, normal(2), normal())
case(evaluate, normal(3), normal(0))

case(np.vander, normal(3))
case(np.vander, normal(2), 4)
case(np.vander, normal(4), N=2, increasing=True)
case(np.vander, normal(2), increasing=True)
case(np.vander, exactly(0.0, 2.0), 3)
case(np.vander, normal(2), 1)
case(np.vander, normal(0), 2)
case(np.vander, complex_normal(2), 3)

# ---- arithmetic ------------------------------------------------------------------------------------------------------

for function in (np.polyadd, np.polysub, np.polymul):
    case(function, normal(4), normal(2))
    case(function, normal(2), normal(3))
    case(function, normal(3), normal(3))
    case(function, normal(3), normal())
    case(function, normal(2), [1, 2, 3])
    case(function, [1.0, normal()], normal(2))
    case(function, complex_normal(2), normal(3))
case(np.polyadd, normal(0), normal(2))
case(np.polysub, normal(0), normal(2))
case(np.polymul, exactly(0.0, 1.0), exactly(1.0, 2.0), kink=[[2, 3], [1, 1]])
case(np.polymul, exactly(0.0, 0.0), exactly(1.0, 2.0), kink=[[2, 3], [0, 0]])

# by powers of two, so that rounding leaves nothing of the zeros that NumPy leaves away
case(np.polydiv, normal(4), exactly(2.0, 1.0))
case(np.polydiv, normal(5), exactly(-0.5, 1.0, 3.0))
case(np.polydiv, normal(2), exactly(2.0, 0.5))
case(np.polydiv, normal(1), nonzero(2))
case(np.polydiv, normal(3), Draw((), lambda generator, shape: 2.0, "2"))
case(np.polydiv, [1.0, 2.0, 4.0], exactly(2.0, -1.0))
case(np.polydiv, complex_normal(3), exactly(2.0, -1.0))
case(np.polydiv, exactly(1.0, 3.0, 2.0), exactly(1.0, 1.0), kink=[[1, 0, 1], [-1, -2]])  # no remainder

case(np.polyder, normal(4))
case(np.polyder, normal(4), m=2)
case(np.polyder, normal(2), 3)
case(np.polyder, normal(3), m=0)
case(np.polyder, normal(0))
case(np.polyder, complex_normal(3))
case(np.polyint, normal(3))
case(np.polyint, normal(3), m=2)
case(np.polyint, normal(3), 2, normal())
case(np.polyint, normal(3), m=2, k=normal(3))
case(np.polyint, normal(3), k=[normal()])
case(np.polyint, normal(3), m=0)
case(np.polyint, normal(0), m=2)
case(np.polyint, complex_normal(3))

# ---- fits ------------------------------------------------------------------------------------------------------------

POINTS = exactly(-1.0, 0.2, 0.9, 2.1, 3.0)
case(np.polyfit, POINTS, normal(5), 1)
case(np.polyfit, POINTS, normal(5, 2), 2)
case(np.polyfit, np.arange(5), normal(5), np.array(2))
case(np.polyfit, POINTS, [0, 1, 3, 2, 5], 1)
case(np.polyfit, POINTS, normal(5), 0)
case(np.polyfit, POINTS, normal(5), 4)  # through all points
case(np.polyfit, POINTS, normal(5), 1, w=positive(5))
case(np.polyfit, POINTS, normal(5, 2), 1, rcond=1e-9, w=positive(5))
case(np.polyfit, POINTS, normal(5), 1, full=True)
case(np.polyfit, POINTS, normal(5), 4, full=True)
case(np.polyfit, POINTS, normal(5), 1, cov=True)
case(np.polyfit, POINTS, normal(5, 2), 1, w=positive(5), cov=True)
case(np.polyfit, POINTS, normal(5), 1, w=positive(5), cov="unscaled")

# ---- roots -----------------------------------------------------------------------------------------------------------

case(np.roots, exactly(1.0, -1.5, -2.5, 1.5))
case(np.roots, exactly(2.0, 1.0, 3.0))  # a pair of conjugates
case(np.roots, exactly(1.0, -6.0))
case(np.roots, exactly(3.0))
case(np.roots, complex_normal(4))
case(np.roots, exactly(0.0, 1.0, -2.0), kink=[[-4, -2, -1]])
case(np.roots, exactly(1.0, -2.0, 0.0), kink=[[-2, -1, 0]])  # a root at 0 moves by -1 / p'(0) = 1/2, 2 by -1/2

case(np.poly, normal(3))
case(np.poly, [normal(), 2.0])
case(np.poly, complex_normal(3))
case(np.poly, exactly(1.0, 1.0, 2.0))
case(np.poly, normal(3, 3))
case(characteristic, normal(4, 4))
case(characteristic, normal(1, 1))
case(characteristic, complex_normal(2, 2))
case(characteristic, exactly((2.0, 0.0), (0.0, 2.0)), kink=[[[1, 0], [0, 1]]])

# ---- what the laws must be told --------------------------------------------------------------------------------------

NEED_AXES.update({np.polyfit, np.polyder, np.polyint, np.vander, np.roots, np.poly, characteristic})
NEED_ELEMENTS.update({np.polyfit, np.polymul, np.polydiv, np.roots, np.poly, characteristic})
NOT_ANALYTIC.update({np.polyfit, np.roots, characteristic})
