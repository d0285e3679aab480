"""The derivative table, one chapter of NumPy a file. Importing this package fills it."""

from tinygrad_scratch.rules import (
    arranging,
    calculus,
    choosing,
    cumulative,
    elementwise,
    fft,
    indexing,
    linalg,
    logic,
    polynomials,
    products,
    reductions,
    shapes,
    sorting,
    statistics,
)

__all__ = [
    "arranging",
    "calculus",
    "choosing",
    "cumulative",
    "elementwise",
    "fft",
    "indexing",
    "linalg",
    "logic",
    "polynomials",
    "products",
    "reductions",
    "shapes",
    "sorting",
    "statistics",
]
