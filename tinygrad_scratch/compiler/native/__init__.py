"""Programs as native code, by numba: the extra `fast`."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from tinygrad_scratch.compiler.program import Program


def native_program(program: Program, otherwise: Callable[[Program], Any]) -> Any:
    """What runs a program natively, or, where that fails, what `otherwise` makes of it, with a warning.

    Raises ImportError where numba is not installed.
    """
    try:
        import numba  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f'jit(f, backend="numba") needs numba ({error}). Install it: pip install "tinygrad-scratch[fast]". '
            'backend="numpy" needs nothing.'
        ) from None
    try:
        from tinygrad_scratch.compiler.native.compiled import NativeProgram

        return NativeProgram(program)
    except Exception as error:  # whatever fails inside of numba or LLVM: the program can do without
        cause = str(error).strip().splitlines() or [""]
        warnings.warn(
            f"This program runs as NumPy source: making native code of it failed ({type(error).__name__}: {cause[0]}).",
            RuntimeWarning,
            stacklevel=4,
        )
        return otherwise(program)
