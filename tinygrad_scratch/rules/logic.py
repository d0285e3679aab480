"""Functions whose results carry no gradient: comparisons, tests, positions, shapes, and new arrays like old ones."""

from __future__ import annotations

import numpy as np

from tinygrad_scratch.rules.registry import new_constant, refused, without_derivative

# fmt: off
without_derivative(
    np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal,
    np.logical_and, np.logical_or, np.logical_xor, np.logical_not,
    np.isfinite, np.isinf, np.isnan, np.isclose, np.isreal, np.iscomplex, np.isposinf, np.isneginf,
    np.iscomplexobj, np.isrealobj, np.all, np.any, np.allclose, np.array_equal, np.array_equiv,
    np.argmax, np.argmin, np.nanargmax, np.nanargmin, np.argsort, np.argpartition, np.lexsort, np.searchsorted,
    np.digitize, np.nonzero, np.flatnonzero, np.argwhere, np.count_nonzero,
    np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.min_scalar_type, np.common_type,
    np.array_repr, np.array_str, np.array2string, np.may_share_memory, np.shares_memory,
    np.linalg.matrix_rank,
)
# fmt: on
new_constant(np.zeros_like, np.ones_like, np.empty_like)
refused(
    np.save, np.savez, np.savez_compressed, np.savetxt,
    instead="a file keeps no history. Pass t.numpy().",
)  # fmt: skip
