"""What native loops call, as functions of numba's: single instructions, and the formulas of exp, log and tanh."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import partial
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic as numba_intrinsic
from numba.extending import lower_builtin

from tinygrad_scratch.compiler.native import floats, formulas
from tinygrad_scratch.compiler.native.floats import Float

FLAGS = {*floats.FLAGS}
intrinsic: Callable[..., Any] = numba_intrinsic
lowers: Callable[..., Callable[[Any], Any]] = lower_builtin

# ---- single instructions ---------------------------------------------------------------------------------------------


def instruction(name: str, operands: int = 1) -> Any:
    """A function of floats that is an instruction of LLVM's."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = arguments[0].type
        function = ir.FunctionType(kind, [kind] * operands)
        return builder.call(builder.module.declare_intrinsic(name, [kind], function), arguments)

    def unary(typing_context: Any, x: Any) -> Any:
        return x(x), generate

    def binary(typing_context: Any, x: Any, y: Any) -> Any:
        return x(x, x), generate

    return intrinsic(unary if operands == 1 else binary)


sqrt, absolute = instruction("llvm.sqrt"), instruction("llvm.fabs")
floor, ceil, trunc, rint = (instruction(f"llvm.{name}") for name in ("floor", "ceil", "trunc", "rint"))
maximum, minimum = instruction("llvm.maximum", 2), instruction("llvm.minimum", 2)  # NaN if either is


@intrinsic
def select(typing_context: Any, condition: Any, x: Any, y: Any) -> Any:
    """One of two values: both are computed, and there is no branch."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        chosen = cgutils.as_bool_bit(builder, arguments[0])
        return builder.select(chosen, arguments[1], arguments[2])

    return x(types.boolean, x, x), generate


@intrinsic
def address(typing_context: Any, pointer: Any) -> Any:
    """Where the elements lie that a pointer points at, as an integer."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ptrtoint(arguments[0], context.get_value_type(types.intp))

    return types.intp(pointer), generate


@intrinsic
def add_in_any_order(typing_context: Any, x: Any, y: Any) -> Any:
    """A sum that LLVM may regroup: with it, and it alone, a reduction becomes vector instructions."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if isinstance(x, types.Float):
            return builder.fadd(*arguments, flags=("reassoc", *floats.FLAGS))
        return builder.add(*arguments)

    return x(x, x), generate


# ---- truths in memory: each takes a byte, and numba would read that as it lies there ---------------------------------


@lowers(operator.getitem, types.CPointer(types.boolean), types.Integer)
def read_truth(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    pointer, index = arguments
    return context.unpack_value(builder, types.boolean, builder.gep(pointer, [index]))


@lowers(operator.setitem, types.CPointer(types.boolean), types.Integer, types.boolean)
def write_truth(context: Any, builder: Any, signature: Any, arguments: Any) -> None:
    pointer, index, truth = arguments
    context.pack_value(builder, types.boolean, truth, builder.gep(pointer, [index]))


# ---- formulas --------------------------------------------------------------------------------------------------------


def written(formula: Callable[[Float], Float], kind: Any) -> Any:
    """A function of one float, which writes its instructions where it is called."""

    def typed(typing_context: Any, x: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return formula(Float(builder, arguments[0])).value

        return kind(kind), generate

    return intrinsic(typed)


exp64, exp32 = written(formulas.exp64, types.float64), written(formulas.exp32, types.float32)
log64, log32 = written(formulas.log64, types.float64), written(formulas.log32, types.float32)
log1p64 = written(partial(formulas.log1p, log=formulas.log64), types.float64)
log1p32 = written(partial(formulas.log1p, log=formulas.log32), types.float32)
tanh64, tanh32 = written(formulas.tanh64, types.float64), written(formulas.tanh32, types.float32)
