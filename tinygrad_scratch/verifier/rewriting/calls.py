"""The changes of a call: another function, its arguments exchanged, other axes, no rounding."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tinygrad_scratch.verifier.rewriting.part import PRODUCTS, Part, name_of
from tinygrad_scratch.verifier.rewriting.rewrite import Rewrite

SUMS = ("sum", "mean", "max", "min", "prod")
ROUNDS = ("round", "rint", "floor", "ceil", "trunc", "int", "int32", "int64", "sign")
FILLED = ("zeros", "ones", "empty", "full", "zeros_like", "ones_like", "empty_like", "full_like", "array", "asarray")
OTHER = {
    "sum": ("mean", "missing-batch-sum-or-mean"),
    "mean": ("sum", "missing-batch-sum-or-mean"),
    "maximum": ("minimum", "wrong-operand"),
    "minimum": ("maximum", "wrong-operand"),
    "argmax": ("argmin", "wrong-operand"),
    "sin": ("cos", "derivative-at-wrong-point"),
    "cos": ("sin", "derivative-at-wrong-point"),
    "sinh": ("cosh", "derivative-at-wrong-point"),
    "cosh": ("sinh", "derivative-at-wrong-point"),
    "exp": ("log", "wrong-operand"),
    "dot": ("multiply", "wrong-operand"),
    "multiply": ("dot", "wrong-operand"),
    "ones_like": ("zeros_like", "wrong-operand"),
    "zeros_like": ("ones_like", "wrong-operand"),
    "ones": ("zeros", "wrong-operand"),
    "triu": ("tril", "wrong-operand"),
    "tril": ("triu", "wrong-operand"),
    "add": ("subtract", "sign"),
    "subtract": ("add", "sign"),
    "range": ("reversed(range", "off-by-one"),
}


def of_call(part: Part) -> Iterator[Rewrite]:
    node, name, code = part.node, name_of(part.node), part.code
    method = isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") not in ("np", "numpy", "math")
    if name in PRODUCTS:
        if method and len(node.args) == 1:
            yield from part.other_ways(node.func.value, node.args[0], "{}." + name + "({})")
        elif len(node.args) == 2:
            yield from part.other_ways(*node.args, part.source.code(node.func) + "({}, {})")
    if name in OTHER and name != "range":
        other, kind = OTHER[name]
        end = part.source.span(node.func)[1]
        said = f"`{name}` should be `{other}` in `{code}`"
        yield part.change(other, kind, said, at=(end - len(name), end))
    if name == "range":
        yield part.change(f"reversed({code})", "off-by-one", f"`{code}` should be run through from its end")
    if name == "reversed" and len(node.args) == 1:
        said = f"`{part.source.code(node.args[0])}` should be run through from its beginning"
        yield part.change(part.source.code(node.args[0]), "off-by-one", said)
    if name in SUMS:
        yield from of_axes(part, method)
    if name == "astype" or (name in ROUNDS and node.args):
        inner = node.func.value if name == "astype" else node.args[0]
        said = f"`{code}` makes whole numbers, and drops what is behind the point"
        yield part.change(part.source.operand(inner), "dtype-or-integer", said)
    if name in FILLED:
        yield from of_type(part)
    if name in ("transpose", "swapaxes", "copy", "clip", "abs", "flip") and (method or node.args):
        inner = node.func.value if method else node.args[0]
        kind = "transpose" if name in ("transpose", "swapaxes") else "wrong-operand"
        yield part.change(part.source.operand(inner), kind, f"`{code}` should be {part.source.code(inner)} alone")
    if name not in PRODUCTS and not any(isinstance(each, ast.Starred) for each in node.args):
        yield from of_arguments(part)


def of_type(part: Part) -> Iterator[Rewrite]:
    """An array for numbers with a point, where one of whole numbers was made."""
    said = f"`{part.code}` is of whole numbers, and drops what is behind the point"
    for keyword in part.node.keywords:
        if keyword.arg == "dtype":
            yield part.change("float", "dtype-or-integer", said, at=part.source.span(keyword.value))
            return
    for argument in part.node.args[1:]:
        if part.source.code(argument) in ("int", "np.int32", "np.int64", "bool", "np.uint8", "np.int8"):
            yield part.change("float", "dtype-or-integer", said, at=part.source.span(argument))
            return
    yield part.change(f"{part.code[:-1].rstrip(', ')}, dtype=float)", "dtype-or-integer", said)


def of_arguments(part: Part) -> Iterator[Rewrite]:
    """Two arguments in a row, exchanged."""
    codes = [part.source.code(each) for each in part.node.args]
    for i in range(len(codes) - 1):
        first, second = part.node.args[i], part.node.args[i + 1]
        span = part.source.span(first)[0], part.source.span(second)[1]
        said = f"{codes[i]} and {codes[i + 1]} should be exchanged in `{part.code}`"
        yield part.change(f"{codes[i + 1]}, {codes[i]}", "wrong-operand", said, at=span)


def of_axes(part: Part, method: bool) -> Iterator[Rewrite]:
    """A sum over another axis, over none, and with or without its dimensions kept."""
    node, code = part.node, part.code
    axis = next((keyword for keyword in node.keywords if keyword.arg == "axis"), None)
    by_place = node.args[0 if method else 1 :]
    inner = node.func.value if method else node.args[0] if node.args else None
    if inner is None:
        return
    function, of = part.source.code(node.func), "" if method else part.source.code(node.args[0])
    for number in (None, 0, 1, -1):
        for kept in (False, True):
            inside = [of, f"axis={number}" if number is not None else "", "keepdims=True" if kept else ""]
            text = f"{function}({', '.join(each for each in inside if each)})"
            none = axis is None and not by_place
            kind = "missing-batch-sum-or-mean" if number is None and not none else "broadcasting-shape"
            yield part.change(text, kind, f"`{code}` sums over other axes than are due")
    yield part.change(part.source.operand(inner), "broadcasting-shape", f"`{code}` sums what should stay apart")
