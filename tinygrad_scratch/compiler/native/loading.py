"""Machine code brought into the process by llvmlite, the part of numba that wraps LLVM: numba itself is not needed.

The code follows numba's own convention: a function is given the addresses where its result and the reason for a failure
go, then its arguments, and returns 0.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from itertools import count
from typing import Any

from tinygrad_scratch.compiler.native import blas
from tinygrad_scratch.graph import Array

NUMBER = count()


@dataclass
class Code:
    """An object file as bytes, the name of the function in it, and the names that it needs from elsewhere."""

    name: str
    needed: list[str]
    data: bytes


class MissingSymbolError(LookupError):
    """Stored code needs a function that is not there."""


class Function:
    """The function of some code, to be bound to arrays and then called; other threads run while it does.

    Raises MissingSymbolError where the code needs a function that is not there.
    """

    def __init__(self, code: Code) -> None:
        from llvmlite.binding import JITLibraryBuilder

        library = JITLibraryBuilder().add_object_img(code.data).add_current_process().export_symbol(code.name)
        for name in code.needed:
            library.import_symbol(name, address_of(name))
        self.linked = library.link(linker(), f"tinygrad_scratch_{next(NUMBER)}")  # unloaded when nobody holds it
        self.call = ctypes.CFUNCTYPE(ctypes.c_int)(self.linked[code.name])

    def __call__(self, *arrays: Array) -> Callable[..., int]:
        """What runs it on these arrays, which must outlive it, in one thread at a time."""
        result, reason, counter = ctypes.c_int64(), ctypes.c_void_p(), ctypes.c_int64()
        answers = ctypes.byref(result), ctypes.byref(reason)
        addresses = [ctypes.c_void_p(array.ctypes.data) for array in arrays]
        once = partial(self.call, *answers, *addresses)
        often = partial(self.call, *answers, counter, *addresses)

        def run(steps: int | None = None) -> int:
            if steps is not None:
                counter.value = steps
            if (once if steps is None else often)():
                raise RuntimeError("Native code failed.")
            return result.value

        return run


def address_of(name: str) -> int:
    from llvmlite.binding import address_of_symbol

    address = blas.addresses().get(name) or address_of_symbol(name)
    if not address:
        raise MissingSymbolError(name)
    return int(address)


@cache
def linker() -> Any:
    from llvmlite import binding

    start()
    return binding.create_lljit_compiler(binding.Target.from_default_triple().create_target_machine(jit=True))


@cache
def start() -> None:
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()


@cache
def processor() -> str:
    """The kind of processor here, and what it can do."""
    from llvmlite import binding

    return f"{binding.get_process_triple()} {binding.get_host_cpu_name()} {binding.get_host_cpu_features().flatten()}"
