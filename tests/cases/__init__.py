"""The table of rules under test: every function that Tensors know, called as people call it.

One chapter a file, as in tinygrad_scratch/rules; table.py says what a case is. A new rule needs one line here; a fixed
bug leaves one.
"""

from tests.cases import (  # noqa: F401
    arranging,
    calculus,
    choosing,
    convolution,
    cumulative,
    elementwise,
    fft,
    functional,
    indexing,
    linalg,
    logic,
    polynomials,
    pooling,
    products,
    reductions,
    scimath,
    shapes,
    sorting,
    statistics,
    writing,
)
from tests.cases.table import CASES
from tinygrad_scratch.rules.registry import NEW_CONSTANT, WITHOUT_DERIVATIVE

__all__ = ["CASES", "CONSTANT", "DIFFERENTIABLE", "PLAIN", "SMOOTH"]

DIFFERENTIABLE = [each for each in CASES if each.function not in WITHOUT_DERIVATIVE | NEW_CONSTANT]
PLAIN = [each for each in CASES if each.function in WITHOUT_DERIVATIVE]
CONSTANT = [each for each in CASES if each.function in NEW_CONSTANT]
SMOOTH = [each for each in DIFFERENTIABLE if each.tag == "plain"]
