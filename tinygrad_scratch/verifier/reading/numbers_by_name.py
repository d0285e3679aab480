"""Plain numbers that are recorded because of their names: biases, which begin as 0, and rates."""

from __future__ import annotations

import ast
import re
from functools import cache
from types import FrameType, FunctionType
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.reading.bindings import counters_in
from tinygrad_scratch.verifier.reading.names import is_gradient_name
from tinygrad_scratch.verifier.reading.source import leaves, statements, text_of

BIAS = re.compile(r"^_*(?:b|bias|intercept)_?\d*_*$", re.IGNORECASE)
RATE = re.compile(r"^(?:lr|eta|alpha|rate|step|step_?size|.*learn(?:ing)?_?rate|l_?rate|epsilon|lr_.*)$", re.IGNORECASE)


def is_bias(key: Any, part: Any) -> bool:
    """Whether a number is kept under the name of a bias: people begin it with 0, which is no array."""
    return is_number(part) and isinstance(key, str) and bool(BIAS.match(key))


def is_number(part: Any) -> bool:
    return type(part) is float or isinstance(part, np.floating) or (type(part) is int and part == 0)


def is_bias_of(frame: FrameType, name: str, value: Any) -> bool:
    """The same of a variable, or of one that is learnt as a bias is.

    A whole number to count by, as in `for b in range(n)`, must stay what it is.
    """
    file = frame.f_code.co_filename
    learnt = is_bias(name, value) or (is_number(value) and name in learnt_in(file))
    return learnt and not (type(value) is int and name in counters_in(file))


def is_learnt(holder: Any, key: Any, part: Any) -> bool:
    """The same of what something holds, or of an attribute that is learnt as a bias is."""
    kind: type = type(holder)
    return is_bias(key, part) or (is_number(part) and any(f".{key}" in learnt_in(file) for file in files_of(kind)))


@cache
def files_of(kind: type) -> frozenset[str]:
    """Where the methods of a class are written."""
    methods = (method for one in kind.__mro__ for method in vars(one).values() if isinstance(method, FunctionType))
    return frozenset(method.__code__.co_filename for method in methods)


@cache
def learnt_in(file: str) -> frozenset[str]:
    """What something times a rate is added to or taken off in a file: `c` of `c += learning_rate * gc`.

    Of attributes, as `.c`, only what is taken off or is called a gradient counts: objects keep running means, too. A
    rate may be written out, as in `c -= 0.1 * gc`; what is taken off by a part of itself, as a rate is, learns nothing.
    """
    found = set[str]()
    for statement in statements(text_of(file)):
        match statement:
            case ast.AugAssign(target=target, op=ast.Add() | ast.Sub() as sign, value=ast.BinOp() as step):
                pass
            case ast.Assign(
                targets=[target],
                value=ast.BinOp(left=other, op=ast.Add() | ast.Sub() as sign, right=ast.BinOp() as step),
            ) if ast.unparse(target) == ast.unparse(other):
                pass
            case _:
                continue
        factors = list(leaves(step))
        names = [name.removeprefix(".") for name in map(with_point, factors) if name]
        is_surely = isinstance(sign, ast.Sub) or any(map(is_gradient_name, names))
        by_name = any(RATE.match(name) for name in names) and (is_surely or isinstance(target, ast.Name))
        by_number = any(map(is_written_out, factors)) and is_surely and not is_part_of(target, factors)
        if by_name or by_number:
            found.add(with_point(target))
    return frozenset(found)


def is_written_out(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float)


def is_part_of(target: ast.expr, factors: list[ast.AST]) -> bool:
    """Whether factors are but numbers and what they are taken off itself: `t -= 0.1 * t`."""
    return {ast.unparse(node) for node in factors if not is_written_out(node)} <= {ast.unparse(target)}


def with_point(node: ast.AST) -> str:
    """A variable by its name, an attribute with a point before it; nothing of all else."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(attr=name):
            return f".{name}"
    return ""
