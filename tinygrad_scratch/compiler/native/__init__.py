"""Programs as native code, by numba: the extra `fast`."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tinygrad_scratch.compiler.program import Program

if TYPE_CHECKING:
    from tinygrad_scratch.compiler.native.compiled import NativeProgram


def native_program(program: Program, otherwise: Callable[[Program], Any]) -> NativeProgram:
    """What runs a program natively; where that fails, what `otherwise` makes of it runs, after a warning.

    Raises ImportError where numba is not installed.
    """
    if importlib.util.find_spec("numba") is None:
        raise ImportError(
            'jit(f, backend="numba") needs numba, which is not installed: pip install numba. '
            'backend="numpy" needs nothing.'
        )
    from tinygrad_scratch.compiler.native.compiled import NativeProgram

    return NativeProgram(program, otherwise)
