"""NumPy's own matrix product, to be called by its address from native code.

NumPy is linked with a BLAS, which the dynamic loader finds through NumPy's own library. It goes by several names: the
wheels carry an OpenBLAS with 64-bit integers whose names begin with `scipy_`.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import numpy as np

SPELLINGS = (("scipy_cblas_{}64_", 64), ("cblas_{}64_", 64), ("scipy_cblas_{}", 32), ("cblas_{}", 32))
ROUTINES = {np.dtype(np.float64): "dgemm", np.dtype(np.float32): "sgemm"}
SYMBOL = "tinygrad_scratch_{}"


@cache
def found() -> tuple[dict[str, int], int] | None:
    """The addresses of dgemm and sgemm and the width of their integers, or None where NumPy's BLAS can't be found."""
    from numpy._core import _multiarray_umath  # type: ignore[attr-defined]

    try:
        library = ctypes.CDLL(_multiarray_umath.__file__)
    except OSError:
        return None
    for spelling, bits in SPELLINGS:
        names = {routine: spelling.format(routine) for routine in ROUTINES.values()}
        if all(hasattr(library, name) for name in names.values()):
            addresses = {
                r: ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0 for r, name in names.items()
            }
            return addresses, 64 if bits == 32 and has_wide_integers() else bits
    return None


def has_wide_integers() -> bool:
    """Whether a BLAS of the plain name was built with 64-bit integers, as its own configuration says."""
    blas: Any = np.show_config(mode="dicts")
    return "USE64BITINT" in blas["Build Dependencies"]["blas"].get("openblas configuration", "")


def width() -> int:
    """How many bits its integers have; 0 where it can't be found."""
    known = found()
    return 0 if known is None else known[1]


@cache
def addresses() -> dict[str, int]:
    """The addresses of the routines by the names that compiled code, also stored one, calls them by."""
    known = found()
    return {} if known is None else {SYMBOL.format(routine): address for routine, address in known[0].items()}


@cache
def gemm(routine: str) -> Any:
    """The routine as numba calls it, with the arguments of CBLAS.

    They are order, transposed_a, transposed_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc; arrays are given by
    address.
    """
    import llvmlite.binding
    from numba import types

    name = SYMBOL.format(routine)
    if name not in addresses():
        raise LookupError("NumPy's BLAS was not found.")
    llvmlite.binding.add_symbol(name, addresses()[name])
    number, size = (
        (types.float64 if routine == "dgemm" else types.float32),
        (types.int64 if width() == 64 else types.int32),
    )
    flag, pointer = types.int32, types.intp
    signature = types.void(
        flag, flag, flag, size, size, size, number, pointer, size, pointer, size, number, pointer, size
    )
    return types.ExternalFunction(name, signature)
