"""Functions whose results carry no gradient: comparisons, tests, positions, shapes, bits, new arrays like old ones."""

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
    np.linalg.matrix_rank, np.unravel_index, np.ravel_multi_index,
    # of integers, bits and dates
    np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert, np.left_shift, np.right_shift, np.gcd, np.lcm,
    np.packbits, np.unpackbits, np.busday_count, np.busday_offset, np.is_busday, np.datetime_as_string, np.isnat,
)
# fmt: on
if hasattr(np, "bitwise_count"):  # NumPy 2.1
    without_derivative(np.bitwise_count)
new_constant(np.zeros_like, np.ones_like, np.empty_like)
refused(
    np.save, np.savez, np.savez_compressed, np.savetxt,
    instead="a file keeps no history. Pass t.numpy().",
)  # fmt: skip
