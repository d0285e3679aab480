"""The variables that a program prints as its loss: `print("focal loss", fl)`, `print(f"cost: {k:.3f}")`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

from tinygrad_scratch.verifier.reading.loops import tree_of
from tinygrad_scratch.verifier.reading.names import is_gradient_name
from tinygrad_scratch.verifier.reading.source import statements, text_of

CALLED = re.compile(r"(?:loss|cost|objective|error|nll|energy|potential|divergence|\bkl)[^\w{}%]*$", re.IGNORECASE)
PLACEHOLDER = re.compile(r"%[-+ #\d.]*[a-z]|\{[^{}]*\}")


@cache
def printed_as_losses(file: str) -> frozenset[str]:
    """The names that a file prints right after a word for losses."""
    printed = (each for statement in statements(text_of(file)) for each in losses_printed(statement))
    return frozenset(value.id for value in printed if isinstance(value, ast.Name))


@cache
def returned_with_gradients(file: str) -> frozenset[tuple[str, str]]:
    """The names that functions return before gradients, each with its function: `return value, grad`."""
    functions = (node for node in ast.walk(tree_of(file)) if isinstance(node, ast.FunctionDef))
    returned = ((f, node.value) for f in functions for node in ast.walk(f) if isinstance(node, ast.Return))
    several = ((f.name, value.elts) for f, value in returned if isinstance(value, ast.Tuple) and len(value.elts) > 1)
    found = (
        (f, first.id)
        for f, (first, *rest) in several
        if isinstance(first, ast.Name) and all(map(is_of_gradients, rest))
    )
    return frozenset((f, name) for f, name in found if not is_gradient_name(name))


def is_of_gradients(node: ast.expr) -> bool:
    """Whether an expression is of gradients alone, by their names: `grads`, `[d_w, d_b]`, `np.hstack((d_w, d_b))`."""
    match node:
        case ast.Name() | ast.Attribute():
            return is_gradient_name(ast.unparse(node))
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Dict(values=parts) if parts:
            return all(map(is_of_gradients, parts))
        case ast.Call(func=ast.Attribute(value=ast.Name()), args=[first, *_]):
            return is_of_gradients(first)
        case ast.Call(func=ast.Attribute(value=inner), args=[]) | ast.BinOp(left=inner, op=ast.Div()):
            return is_of_gradients(inner)
    return False


@cache
def lines_of_printed_losses(file: str) -> frozenset[int]:
    """The lines in which a loss is printed that has no name: `print("loss", np.mean(e**2))`."""
    printed = (each for statement in statements(text_of(file)) for each in losses_printed(statement))
    computed = (each for each in map(but_for_rounding, printed) if isinstance(each, ast.BinOp | ast.UnaryOp | ast.Call))
    return frozenset(each.lineno for each in computed)


def but_for_rounding(value: ast.expr) -> ast.expr:
    """What is printed as a number of Python's, or with fewer digits: the loss of `round(float(loss), 4)`."""
    match value:
        case ast.Call(func=ast.Name(id="float" | "round" | "str"), args=[inner, *_]):
            return but_for_rounding(inner)
        case ast.Call(func=ast.Attribute(value=ast.Name(), attr="round" | "around"), args=[inner, *_]):
            return but_for_rounding(inner)
        case ast.Call(func=ast.Attribute(value=inner, attr="item" | "round")):
            return but_for_rounding(inner)
    return value


def prints_loss(node: ast.AST) -> bool:
    """Whether a statement prints something right after a word for losses."""
    return any(True for _ in losses_printed(node))


def losses_printed(node: ast.AST) -> Iterator[ast.expr]:
    """What is printed right after a word for losses."""
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "print":
            yield from (value for text, value in labelled(call.args) if CALLED.search(text))


def labelled(printed: list[ast.expr]) -> Iterator[tuple[str, ast.expr]]:
    """What is printed, each with the text before it.

    >>> call = ast.parse("print('epoch', i, 'loss', k, f'cost: {c:.2f}', 'nll %.2f' % n, 'error {}'.format(e))").body[0]
    >>> [(text, value.id) for text, value in labelled(call.value.args) if CALLED.search(text)]
    [('loss', 'k'), ('cost: ', 'c'), ('nll ', 'n'), ('error ', 'e')]
    """
    before = ""
    for part in printed:
        match part:
            case ast.Constant(value=str(text)):
                before = text
                continue
            case ast.JoinedStr(values=values):
                yield from labelled(values)
            case ast.FormattedValue(value=value):
                yield before, value
            case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Mod(), right=right):
                yield from zip(
                    PLACEHOLDER.split(text), right.elts if isinstance(right, ast.Tuple) else [right], strict=False
                )
            case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format"), args=values):
                yield from zip(PLACEHOLDER.split(text), values, strict=False)
            case _:
                yield before, part
        before = ""
