"""Cases of rules/pooling.py: of every window, one number."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tests.cases.convolution import transposed
from tests.cases.table import NEED_AXES, PLAIN_WORDS, Array, case, distinct, exactly, normal
from tinygrad_scratch.rules.pooling import Pool, max_pool, pick, put, spread, sum_pool

DISJOINT = Pool((2,), (2,), ((0, 0),))
OVERLAPPING = Pool((2, 3), (1, 2), ((1, 0), (1, 1)))

SHAPES: list[tuple[tuple[int, ...], tuple[int, ...], Pool]] = [
    ((2, 5), (2, 2), DISJOINT),
    ((2, 3, 5), (2, 3, 3), OVERLAPPING),
    ((0, 4), (0, 2), DISJOINT),
]
for of_x, of_y, pool in SHAPES:
    case(max_pool, distinct(*of_x), pool)
    case(sum_pool, normal(*of_x), pool)
    case(spread, normal(*of_y), of_x, pool)
    places = np.random.default_rng(1).integers(0, 2, of_y)
    case(pick, normal(*of_x), places, pool)
    case(put, normal(*of_y), places, of_x, pool)
case(max_pool, exactly(2.0, 2.0, 1.0, 3.0), DISJOINT, kink=[[1, 0, 0, 1]])
NEED_AXES.update({max_pool, sum_pool, spread, pick, put})

# ---- the same in plain words -----------------------------------------------------------------------------------------


def windows(x: Array, pool: Pool, around: float) -> Array:
    """The windows, their elements along the last axis."""
    lead = x.ndim - len(pool.window)
    padded = np.pad(x, (*((0, 0),) * lead, *pool.padding), constant_values=around)
    found: Any = sliding_window_view(padded, pool.window, tuple(range(lead, x.ndim)))
    found = found[(..., *(slice(None, None, s) for s in pool.stride), *(slice(None),) * len(pool.window))]
    return found.reshape(*found.shape[: x.ndim], int(np.prod(pool.window)))  # type: ignore[no-any-return]


def plain_pick(x: Array, places: Array, pool: Pool) -> Any:
    return np.take_along_axis(windows(x, pool, 0.0), places[..., None], axis=-1)[..., 0]


PLAIN_WORDS[max_pool] = lambda x, pool: np.max(windows(x, pool, -1e9), axis=-1)
PLAIN_WORDS[sum_pool] = lambda x, pool: np.sum(windows(x, pool, 0.0), axis=-1)
PLAIN_WORDS[spread] = lambda g, shape, pool: transposed(lambda x: np.sum(windows(x, pool, 0.0), axis=-1), g, shape)
PLAIN_WORDS[pick] = plain_pick
PLAIN_WORDS[put] = lambda g, places, shape, pool: transposed(lambda x: plain_pick(x, places, pool), g, shape)
