"""Text made into machine code by numba."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from functools import cache
from typing import Any

from numba import from_dtype, njit, types
from numba.core import typed_passes, untyped_passes
from numba.core.compiler import CompilerBase
from numba.core.compiler_machinery import PassManager

from tinygrad_scratch.compiler.native import blas
from tinygrad_scratch.compiler.native.expressions import SUPPORTED
from tinygrad_scratch.compiler.native.loading import Code
from tinygrad_scratch.compiler.native.writer import NAMES


def machine_code(text: str, functions: list[str], wanted: list[str]) -> dict[str, Code]:
    """The code of the wanted functions of a module's text; each of `functions` stands after those that it calls.

    They take addresses, and numba makes nothing of them that Python could call.
    """
    load_numba()
    from tinygrad_scratch.compiler.native.mathematics import FLAGS

    names = {**NAMES, "__name__": "tinygrad_scratch_native"}
    for routine in blas.ROUTINES.values():
        if f"{routine}(" in text:
            names[routine] = blas.gemm(routine)
    exec(compile(text, "native text", "exec"), names)
    pointers = [types.CPointer(from_dtype(dtype)) for dtype in SUPPORTED]
    decorate: Any = njit(
        fastmath=FLAGS,
        error_model="numpy",
        pipeline_class=Pipeline,
        no_cpython_wrapper=True,
        no_cfunc_wrapper=True,
    )
    found = {}
    for name in functions:
        given = (types.int64, *pointers) if name == "train" else (*pointers,)
        names[name] = decorate(names[name])
        names[name].compile(given)
        if name in wanted:
            found[name] = code_of(names[name].overloads[given])
    return found


def code_of(overload: Any) -> Code:
    """What numba made of a function, as it would store it itself."""
    _, _, (code, _) = overload.library.serialize_using_object_code()
    declared = [function for function in overload.library._final_module.functions if function.is_declaration]
    needed = [function.name for function in declared if not function.name.startswith("llvm.")]
    return Code(overload.fndesc.llvm_func_name, needed, code)


PASSES = (
    untyped_passes.TranslateByteCode,
    untyped_passes.FixupArgs,
    untyped_passes.IRProcessing,
    typed_passes.NopythonTypeInference,
    typed_passes.AnnotateTypes,
    typed_passes.NativeLowering,
    typed_passes.NoPythonBackend,
)


class Pipeline(CompilerBase):  # type: ignore[misc]
    """The passes that our text needs: in it a name has one type, and there are no closures and no array expressions."""

    def define_pipelines(self) -> list[Any]:
        manager: Any = PassManager("tinygrad_scratch")
        for each in PASSES:
            manager.add_pass(each, "")
        manager.finalize()
        return [manager]


@cache
def load_numba() -> None:
    """Import what numba imports when it first compiles, but for SciPy, which would take as long as all the rest.

    numba looks whether SciPy's BLAS is there, for the products of its own, which our text never calls. Where others
    call them, it is found as ever.
    """
    product = "scipy.linalg.cython_blas"
    if product in sys.modules or "numba.np.arraymath" in sys.modules:
        return
    sys.modules[product] = None  # type: ignore[assignment]  # to import it is to fail, at once
    try:
        arraymath: Any = importlib.import_module("numba.np.arraymath")
    finally:
        del sys.modules[product]
    if hasattr(arraymath, "_HAVE_BLAS"):
        arraymath._HAVE_BLAS = importlib.util.find_spec("scipy") is not None
