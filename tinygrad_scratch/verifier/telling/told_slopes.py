"""Differences in what a slope is taken at, and in what stands for one."""

from __future__ import annotations

import ast
import re

from tinygrad_scratch.verifier.cases.case import Case
from tinygrad_scratch.verifier.cases.valued import names_in
from tinygrad_scratch.verifier.causes.told_forms import (
    FACTORS,
    Difference,
    is_number,
    marks,
    parts,
    same,
)
from tinygrad_scratch.verifier.explaining.explain import Cause
from tinygrad_scratch.verifier.reading.derivative_names import (
    BACKWARD,
    OF_RESULT,
    WORDS,
    is_derivative_of,
    is_of_activation,
)
from tinygrad_scratch.verifier.reading.source import is_sum
from tinygrad_scratch.verifier.rewriting.part import NAMES, name_of
from tinygrad_scratch.verifier.rewriting.rewrite import SIZE
from tinygrad_scratch.verifier.rewriting.text import Source
from tinygrad_scratch.verifier.telling.told_factors import (
    holds_array,
    holds_number,
    is_in_rest_of_one,
)

LINEAR = (
    "sum", "mean", "dot", "matmul", "outer", "multiply", "einsum", "copy", "reshape", "transpose", "swapaxes",
    "squeeze", "ravel", "flatten", "array", "asarray", "matrix", "append", "hstack", "vstack", "concatenate", "float",
    "at", "atleast_1d", "atleast_2d", "atleast_3d", "expand_dims", "moveaxis", "asanyarray", "stack",
)  # fmt: skip
"""Calls of which the derivative is taken at no point."""
OF_NUMBERS = {"exp", "tanh", "cos", "sin", "cosh", "sinh", "sign", "heaviside"}
"""Functions of single numbers: in a product with a gradient, they are slopes."""
CURVES = OF_NUMBERS | {"clip"}
OF_SLOPE = re.compile(WORDS, re.IGNORECASE)
OF_FUNCTION = re.compile(rf"{WORDS}|^d_[a-z]", re.IGNORECASE)
"""The names of functions that give derivatives."""
OF_DERIVATIVE = re.compile(r"(?:deriv\w*|prime|slope|d[xf]?|grad\w*|back\w*)=True|forward=False")
OF_ACTIVATION = re.compile(r"(?:\b|_)act(?:\b|_|ivat)|nonlin", re.IGNORECASE)
OF_RECTIFIER = re.compile(r"\(?[\w.\[\]]+>=?0\.?0?\)?(?:\.astype\(\w+\))?")
OTHER_POWER = re.compile(r"\(1\.?0?-[\w.\[\]]+\)\*\*2")
"""What is no slope, and has all that `1 - h**2` has: `(1 - h) ** 2`."""


def is_slope_of_result(source: Source, cause: Cause, found: Difference) -> bool:
    """Whether a function for a slope gives that of the function which it makes on its way: `s * (1 - s)` for `s`."""
    written = re.sub(r"\s", "", ast.unparse(found.old))
    return source.is_in_derivative(cause.line) and OF_RESULT.fullmatch(written) is not None


def is_bent_in_slope(found: Difference) -> bool:
    """Whether a slope is taken at what a function makes of a value, or the other way round: `1 - np.tanh(h) ** 2`."""
    pairs = ((found.old, found.new), (found.new, found.old))
    is_one_of = any(isinstance(a, ast.Call) and len(a.args) == 1 and same(a.args[0], b) for a, b in pairs)
    return is_one_of and is_in_rest_of_one(found)


def is_branch_of_slope(found: Difference) -> bool:
    """Whether what differs is one branch of a slope that is 1 in the other: `np.where(z > 0, 1, a)`."""
    for call in found.way:
        if isinstance(call, ast.Call) and name_of(call) == "where" and len(call.args) == 3:
            return any(is_number(branch) and ast.unparse(branch) in ("1", "1.0") for branch in call.args[1:])
    return False


def is_given_to_curve(found: Difference) -> bool:
    """Whether what differs is all that a curve is taken at: of `exp(x)` for `exp(x / 2)` no multiple comes out."""
    call = found.way[-1] if found.way else None
    return isinstance(call, ast.Call) and name_of(call) in OF_NUMBERS - {"sign", "heaviside"}


def is_slope_for_slope(found: Difference) -> bool:
    """Whether the slope of one function by its result stands for that of another: `1 - h**2` for `h * (1 - h)`.

    So does the mask of a rectifier, as `h > 0`.
    """
    texts = [re.sub(r"[\s'\"]", "", ast.unparse(each)) for each in (found.old, found.new)]
    if OF_RESULT.fullmatch(texts[1]) and OTHER_POWER.fullmatch(texts[0]):
        return True
    return all(OF_RESULT.fullmatch(text) or OF_RECTIFIER.fullmatch(text) for text in texts) and any(
        OF_RESULT.fullmatch(text) for text in texts
    )


def is_bound_of_slope(case: Case, found: Difference) -> bool:
    """Whether an array is compared with another number, outside of an index: `z > 1`, which is the slope of nothing."""
    outer = found.way[-1] if found.way else None
    if not isinstance(outer, ast.Compare) or not (is_number(found.old) and is_number(found.new)):
        return False
    return any(holds_array(case, side) for side in (outer.left, *outer.comparators))


def is_of_function_left_out(found: Difference) -> bool:
    """Whether a function of what was written, or of the like, is due: `np.sqrt(var + eps)` for `v + eps`."""
    match found.new:
        case ast.Call(args=[inner], keywords=[]):
            return (
                isinstance(inner, ast.BinOp) and isinstance(found.old, ast.BinOp) and marks(inner) == marks(found.old)
            )
    return False


def is_curve_left_out(case: Case, found: Difference) -> bool:
    """Whether a function of single numbers is due of what was written, as it is or times others: `np.tanh(r) / n`."""
    match found.way[-1] if found.way else None:
        case ast.stmt() | ast.BinOp(op=ast.Mult()):
            is_factor = True
        case ast.BinOp(op=ast.Div(), right=divisor):
            is_factor = is_plain_number(case, divisor)
        case _:
            is_factor = False
    return is_factor and is_curve_of(found) and not is_in_term(found)


def is_curve_of(found: Difference) -> bool:
    """Whether a function of single numbers is due, of what was written."""
    match found.new:
        case ast.Call(args=[inner, *_]) as call:
            return same(inner, found.old) and name_of(call) in CURVES
    return False


def is_in_term(found: Difference) -> bool:
    """Whether it is in a term of a sum, as a share is in the slope of a softmax."""
    return any(isinstance(outer, ast.BinOp) and is_sum(outer) for outer in found.way)


def is_given_to_slope(found: Difference) -> bool:
    """Whether it is in the one thing that a function of slopes, or one of single numbers, is given."""
    calls = [
        outer
        for outer, inner in found.around
        if isinstance(outer, ast.Call) and outer.args and outer.args[0] is inner and is_alone_in(outer)
    ]
    names = [name_of(call) for call in calls]
    told = (f"{keyword.arg}={ast.unparse(keyword.value)}" for call in calls for keyword in call.keywords)
    return (
        any(map(OF_DERIVATIVE.fullmatch, told))
        or any(map(is_switched, calls))
        or any(map(is_backward_of_activation, calls))
        or any(name in OF_NUMBERS or OF_FUNCTION.search(name) or is_of_activation(name) for name in names)
    )


def is_backward_of_activation(call: ast.Call) -> bool:
    """Whether it is the backward pass of what is called an activation: `self.activator.backward(z)`."""
    held = call.func
    return isinstance(held, ast.Attribute) and bool(
        BACKWARD.fullmatch(held.attr) and OF_ACTIVATION.search(ast.unparse(held.value))
    )


def is_switched(call: ast.Call) -> bool:
    """Whether a function is told True beside the one thing that it is given, as for its derivative."""
    return len(call.args) == 2 and isinstance(call.args[1], ast.Constant) and call.args[1].value is True


def is_other_number(case: Case, found: Difference) -> bool:
    """Whether a product has another plain number as a factor, or another name of one."""
    outer = found.way[-1] if found.way else None
    in_product = isinstance(outer, ast.BinOp) and isinstance(outer.op, FACTORS)
    return in_product and all(is_plain_number(case, each) for each in (found.old, found.new))


def is_plain_number(case: Case, node: ast.AST) -> bool:
    is_size = SIZE.fullmatch(ast.unparse(node)) is not None
    return is_number(node) or is_size or (isinstance(node, ast.Name | ast.Attribute) and holds_number(case, node))


def is_slope_taken_at(source: Source, found: Difference) -> bool:
    """Whether it is given to a function of theirs that takes a derivative at it, whatever else that is given."""
    call = found.way[-1] if found.way else None
    if not isinstance(call, ast.Call) or found.old not in call.args:
        return False
    functions = [n for n in source.statements if isinstance(n, ast.FunctionDef) and n.name == name_of(call)]
    place = call.args.index(found.old)
    names = [[arg.arg for arg in each.args.args if arg.arg != "self"][place : place + 1] for each in functions]
    return any(is_in_slope(each, name) for each, given in zip(functions, names, strict=True) for name in given)


def is_only_given(found: Difference) -> bool:
    """Whether it is all that a function of any name is given, which may bend it: `table[name][1](z)`."""
    call = found.way[-1] if found.way else None
    return isinstance(call, ast.Call) and call.args == [found.old] and name_of(call) not in LINEAR


def is_of_the_other(found: Difference) -> bool:
    """Whether one of two values is what a function gives of the other: `f(z)` for `z`."""
    pairs = ((found.old, found.new), (found.new, found.old))
    return any(isinstance(one, ast.Call) and len(one.args) == 1 and same(one.args[0], other) for one, other in pairs)


def is_in_slope(function: ast.FunctionDef, name: str) -> bool:
    """Whether a function reads a name in what derivatives are taken by: `1 - h**2`, `z > 0`, `sigmoid(z)`."""
    sloping = (part for part in ast.walk(function) if is_sloping(part) and not isinstance(part, NAMES))
    return any(name in names_in(part) for part in sloping)


def is_alone_in(call: ast.Call) -> bool:
    """Whether a function is given one thing, or that and what tells of it: `derivative(z, "relu")`, `f(z, True)`."""
    if is_switched(call):
        return True
    return len(call.args) == 1 or (len(call.args) == 2 and OF_FUNCTION.search(name_of(call)) is not None)


def is_function_for_slope(found: Difference) -> bool:
    """Whether a function itself is called where its derivative is due, by another name or by a switch."""
    return is_derivative_for_function(found) or is_switched_on(found)


def is_derivative_for_function(found: Difference) -> bool:
    """Whether the derivative of a function is due where the function itself is called."""
    outer = found.way[-1] if found.way else None
    called = isinstance(outer, ast.Call) and outer.func is found.old
    one, other = ast.unparse(found.old), ast.unparse(found.new)
    named = OF_FUNCTION.search(other) is not None and OF_FUNCTION.search(one) is None
    return called and (named or is_derivative_of(other, {one})) and not is_derivative_of(one, {other})


def is_switched_on(found: Difference) -> bool:
    """Whether a call lacks what tells its function to give the derivative: `f(z)` for `f(z, prime=True)`."""
    old, new = found.old, found.new
    if not isinstance(old, ast.Call) or not isinstance(new, ast.Call) or not same(old.func, new.func):
        return False
    given, due = ([*map(ast.unparse, [*call.args, *call.keywords])] for call in (old, new))
    switches = due[len(given) :] if due[: len(given)] == given else []
    named = len(switches) == 1 and OF_DERIVATIVE.fullmatch(switches[0]) is not None
    return named or (bool(switches) and len(given) == 1 and is_switched(new))


def is_plain(found: Difference) -> bool:
    """Whether what differs is an operand of plain sums and products: no part of a slope, and no name of one."""
    if any(is_sloping(part) for each in (found.old, found.new) for part in ast.walk(each)):
        return False
    name = ast.dump(found.new)
    for outer, inner in found.around:
        if isinstance(outer, ast.stmt):
            return True
        if is_sloping(outer):
            return False
        beside = [part for part in parts(outer) if part is not inner] if isinstance(outer, ast.BinOp) else []
        if any(is_sloping(part) and name in ast.dump(part) for other in beside for part in ast.walk(other)):
            return False
    return True


def is_of_several(call: ast.Call) -> bool:
    """Whether a function of theirs is given two arrays or more by name, as one that multiplies them is."""
    own = isinstance(call.func, ast.Name) or ast.unparse(call.func).startswith("self.")
    return own and len(call.args) > 1 and all(isinstance(each, ast.Name | ast.Attribute) for each in call.args)


def is_sloping(node: ast.AST) -> bool:
    """Whether a part of an expression is one in which a derivative is taken at a point, as in `1 - h**2` or `z > 0`."""
    match node:
        case ast.Call():
            return name_of(node) not in LINEAR and not is_of_several(node)
        case ast.BinOp(op=ast.Pow()) | ast.Compare() | ast.UnaryOp(op=ast.Invert()):
            return True
        case ast.BinOp(op=ast.Add() | ast.Sub()):
            return is_number(node.left) or is_number(node.right)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return OF_SLOPE.search(name) is not None
    return False
