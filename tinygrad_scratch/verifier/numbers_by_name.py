"""Plain numbers that are recorded because of their names: biases, which begin as 0, and rates."""

from __future__ import annotations

import ast
import re
from functools import cache
from types import FrameType
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.bindings import counters_in
from tinygrad_scratch.verifier.source import leaves, statements, text_of

BIAS = re.compile(r"^_*(?:b|bias|intercept)_?\d*_*$", re.IGNORECASE)
RATE = re.compile(r"^(?:lr|eta|alpha|rate|step|step_?size|.*learn(?:ing)?_?rate|l_?rate|epsilon|lr_.*)$", re.IGNORECASE)


def is_bias(key: Any, part: Any) -> bool:
    """Whether a number is kept under the name of a bias: people begin it with 0, which is no array."""
    return is_number(part) and isinstance(key, str) and bool(BIAS.match(key))


def is_number(part: Any) -> bool:
    return type(part) in (float, np.float64) or (type(part) is int and part == 0)


def is_bias_of(frame: FrameType, name: str, value: Any) -> bool:
    """The same of a variable, or of one that is learnt as a bias is.

    A whole number to count by, as in `for b in range(n)`, must stay what it is.
    """
    file = frame.f_code.co_filename
    learnt = is_bias(name, value) or (is_number(value) and name in learnt_in(file))
    return learnt and not (type(value) is int and name in counters_in(file))


@cache
def learnt_in(file: str) -> frozenset[str]:
    """The variables of a file that something times a rate is added to or taken off: `c += learning_rate * gc`."""
    found = set[str]()
    for statement in statements(text_of(file)):
        match statement:
            case ast.AugAssign(target=ast.Name(id=name), op=ast.Add() | ast.Sub(), value=ast.BinOp() as step):
                pass
            case ast.Assign(
                targets=[ast.Name(id=name)],
                value=ast.BinOp(left=ast.Name(id=other), op=ast.Add() | ast.Sub(), right=ast.BinOp() as step),
            ) if name == other:
                pass
            case _:
                continue
        if any(isinstance(part, ast.Name) and RATE.match(part.id) for part in leaves(step)):
            found.add(name)
    return frozenset(found)
