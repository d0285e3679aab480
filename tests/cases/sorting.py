"""Cases of rules/sorting.py: orders, sets."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.cases.table import CALLED_BY, NEED_AXES, NOT_ANALYTIC, case, complex_normal, distinct, exactly, normal

AT_LEAST_2_3 = np.lib.NumpyVersion(np.__version__) >= "2.3.0"

function: Any  # the one that a loop below is at

# ---- orders ----------------------------------------------------------------------------------------------------------

case(np.sort, distinct(5))
case(np.sort, distinct(4, 2), 0)
case(np.sort, distinct(2, 3, 2), axis=-2)
case(np.sort, distinct(2, 3), axis=None)
case(np.sort, distinct(2, 3), kind="mergesort")
case(np.sort, distinct(2, 3), stable=True)
case(np.sort, distinct(4), order=None)
case(np.sort, distinct(), axis=None)
case(np.sort, distinct(0, 3))
case(np.sort, complex_normal(4))
case(np.sort, exactly(2.0, 1.0, 2.0, 1.0), kink=[[1.0, 1.0, 1.0, 1.0]])
case(np.partition, distinct(6), 2)
case(np.partition, distinct(6, 2), [1, 4], 0)
case(np.partition, distinct(2, 5), (-2, 0), axis=1)
case(np.partition, distinct(2, 5), 3, axis=None)
case(np.partition, distinct(5), 3, kind="introselect")
case(np.partition, distinct(5), 3, order=None)
case(np.partition, distinct(), 0, axis=None)
case(np.partition, distinct(0, 3), 1)
case(np.sort_complex, distinct(5))
case(np.sort_complex, distinct(2, 3))
case(np.sort_complex, complex_normal(4))
case(np.sort_complex, distinct(0))

# ---- sets ------------------------------------------------------------------------------------------------------------

case(np.unique, distinct(5))
case(np.unique, distinct(2, 3), return_index=True)
case(np.unique, distinct(5), return_inverse=True, return_counts=True)
case(np.unique, distinct(5), True, True, True)
case(np.unique, distinct(3, 2), axis=0)
case(np.unique, distinct(3, 2), return_index=True, axis=-1)
case(np.unique, distinct())
case(np.unique, distinct(0))
case(np.unique, complex_normal(3))
case(np.unique, exactly(2.0, 1.0, 2.0, 1.0), kink=[[1.0, 1.0, 0.0, 0.0]])
case(np.unique, exactly(2.0, np.nan, np.nan), kink=[[1.0, 1.0, 0.0]])
case(np.unique, exactly(2.0, np.nan, np.nan), equal_nan=False, kink=[[1.0, 1.0, 1.0]])
if AT_LEAST_2_3:
    case(np.unique, exactly(2.0, 1.0, 2.0, 3.0), sorted=False, kink=[[1.0, 1.0, 0.0, 1.0]])


def unique_values_sorted(x: Any) -> Any:
    """NumPy may return them in any order, which may change with the values."""
    return np.sort(np.unique_values(x))


CALLED_BY[unique_values_sorted] = np.unique_values

for function in (np.unique_all, np.unique_counts, np.unique_inverse, unique_values_sorted):
    case(function, distinct(5))
    case(function, distinct(2, 3))
    case(function, distinct())
    case(function, distinct(0))
    case(function, exactly(2.0, 1.0, 2.0, 1.0), kink=[[1.0, 1.0, 0.0, 0.0]])
for function in (np.union1d, np.setxor1d):
    case(function, distinct(3), normal(2, 2))
    case(function, distinct(3), [0.5, 0.25])
    case(function, distinct(), distinct(1))
    case(function, distinct(0), distinct(2))
case(np.union1d, exactly(3.0, 1.0), exactly(1.0, 2.0), kink=[[1.0, 1.0], [0.0, 1.0]])
case(np.setxor1d, exactly(3.0, 1.0), exactly(1.0, 2.0), kink=[[1.0, 0.0], [0.0, 1.0]])
case(np.setxor1d, distinct(3), normal(2), assume_unique=True)
case(np.intersect1d, exactly(3.0, 1.0, 2.0), exactly(1.0, 2.0), kink=[[0.0, 1.0, 1.0], [0.0, 0.0]])
case(np.intersect1d, exactly(3.0, 1.0), [1.0, 2.0], assume_unique=True, kink=[[0.0, 1.0]])
case(np.intersect1d, exactly(3.0, 1.0), exactly(1.0), return_indices=True, kink=[[0.0, 1.0], [0.0]])
case(np.intersect1d, normal(), normal())
case(np.intersect1d, normal(0), normal(3))
case(np.setdiff1d, distinct(2, 3), normal(2))
case(np.setdiff1d, exactly(3.0, 1.0, 3.0), [1.0, 2.0], kink=[[1.0, 0.0, 0.0]])
case(np.setdiff1d, distinct(5), normal(2), assume_unique=True)
case(np.setdiff1d, distinct(), normal())
case(np.setdiff1d, distinct(0), normal(3))
case(np.setdiff1d, [1.5, 2.5], distinct(2))
case(np.isin, distinct(3), [1.0, 2.0])
case(np.isin, exactly(3.0, 1.0), exactly(1.0, 2.0), invert=True)
case(np.isin, distinct(), distinct(0))

NEED_AXES.update({np.sort_complex})
NOT_ANALYTIC.update({np.partition, np.sort_complex})  # partitions otherwise, makes complex what is real
