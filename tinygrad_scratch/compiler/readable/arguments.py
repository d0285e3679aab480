"""How the arguments of a call are written in Python: variables, numbers, axes, dtypes, places, small arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import singledispatch
from types import EllipsisType
from typing import Any, Self

import numpy as np

from tinygrad_scratch.compiler.program import Step, Variable
from tinygrad_scratch.drawing.expressions import ATOM, NEGATIVE, Expression
from tinygrad_scratch.graph import Array
from tinygrad_scratch.rules.registry import label

PRODUCT = 2


class Ratio(float):
    """A number that is written as one number over another, as in a mean: 1 / 8."""

    number: float
    over: float

    def __new__(cls, number: float, over: float) -> Self:
        made = super().__new__(cls, number / over)
        made.number, made.over = number, over
        return made


@dataclass(frozen=True)
class Words:
    """What the text of a call is made with: a text for each variable, and a name for each function NumPy lacks.

    `made` is the call that made a variable, if that is written where the variable is read.
    """

    variable: Callable[[Variable], Expression]
    helper: Callable[[Any], str]
    made: Callable[[Variable], Step | None]


@singledispatch
def written(value: Any, words: Words) -> Expression:
    """An argument as Python has it. Text comes from numbers, and from names that are identifiers, never from values."""
    return Expression((name_of(value) if callable(value) else None) or words.helper(value))


@written.register
def _(value: Variable, words: Words) -> Expression:
    return words.variable(value)


@written.register
def _(value: bool | str | bytes | None, words: Words) -> Expression:
    return Expression(repr(value))


@written.register
def _(value: EllipsisType, words: Words) -> Expression:
    return Expression("...")


@written.register
def _(value: int | float | complex, words: Words) -> Expression:
    return number(value)


@written.register
def _(value: np.generic, words: Words) -> Expression:
    if isinstance(value, np.longdouble | np.clongdouble):  # Python's numbers have fewer digits
        return Expression(repr(value))
    return Expression(f"np.{type(value).__name__}({written(value.item(), words).text})")


@written.register
def _(value: range, words: Words) -> Expression:
    return written([*value], words) if len(value) < 9 else Expression(repr(value))


@written.register
def _(value: list, words: Words) -> Expression:  # type: ignore[type-arg]
    return Expression(f"[{', '.join(written(part, words).text for part in value)}]")


@written.register
def _(value: tuple, words: Words) -> Expression:  # type: ignore[type-arg]
    inside = ", ".join(written(part, words).text for part in value)
    return Expression(f"({inside},)" if len(value) == 1 else f"({inside})")


@written.register
def _(value: dict, words: Words) -> Expression:  # type: ignore[type-arg]
    return Expression(f"{{{', '.join(f'{name!r}: {written(part, words).text}' for name, part in value.items())}}}")


@written.register
def _(value: slice, words: Words) -> Expression:
    return Expression(f"slice({', '.join(written(end, words).text for end in (value.start, value.stop, value.step))})")


@written.register
def _(value: np.dtype, words: Words) -> Expression:
    return Expression(dtype(value))


@written.register
def _(value: type, words: Words) -> Expression:
    if value in (bool, int, float, complex):
        return Expression(value.__name__)
    return Expression(dtype(np.dtype(value)) if issubclass(value, np.generic) else words.helper(value))


@written.register
def _(value: np.ndarray, words: Words) -> Expression:
    """A small array, or one that counts up."""
    if value.dtype == int and value.ndim and value.size > 1 and counts_up(value):
        shape = "" if value.ndim == 1 else f".reshape({index(value.shape, words)})"
        return Expression(f"np.arange({value.size}){shape}")
    kind = "" if value.dtype in (float, int, bool) else f", dtype={dtype(value.dtype)}"
    return Expression(f"np.array({written(value.tolist(), words).text}{kind})")


def counts_up(value: Array) -> bool:
    """0, 1, 2 ..., read row by row."""
    return value.dtype.kind in "iu" and np.array_equal(value.ravel(), np.arange(value.size))


def number(value: Any) -> Expression:
    """A Python number, as NumPy reads it."""
    if isinstance(value, Ratio):
        return Expression(f"{number(value.number).text} / {number(value.over).text}", PRODUCT)
    if isinstance(value, complex):
        return complex_number(value)
    if value != value:
        return Expression("np.nan")
    if value in (np.inf, -np.inf):
        return Expression("np.inf") if value > 0 else Expression("-np.inf", NEGATIVE)
    return signed(repr(value))


def complex_number(value: complex) -> Expression:
    """2j, -2j, or both parts by name where one of these would lose the sign of a zero."""
    text = f"-{-value.imag!r}j" if value.imag < 0 else f"{value.imag!r}j"
    if value.imag - value.imag == 0 and repr(-complex(text[1:]) if text[0] == "-" else complex(text)) == repr(value):
        return signed(text)
    return Expression(f"complex({number(value.real).text}, {number(value.imag).text})")


def signed(text: str) -> Expression:
    return Expression(text, NEGATIVE if text.startswith("-") else ATOM)


def dtype(value: np.dtype[Any]) -> str:
    return f"np.{value.name}" if getattr(np, value.name, None) is value.type else f"np.dtype({value.str!r})"


def index(value: Any, words: Words) -> str:
    """What stands between brackets: a tuple without its own, a slice with colons."""
    if isinstance(value, tuple) and value:
        return ", ".join(index(part, words) for part in value)
    if isinstance(value, slice):
        ends = ["" if end is None else written(end, words).text for end in (value.start, value.stop, value.step)]
        return ":".join(ends if ends[2] else ends[:2])
    return written(value, words).text


def name_of(function: Any) -> str | None:
    """Where in NumPy a function is found, or None where it is not one of NumPy's."""
    owner = getattr(function, "__self__", None)
    text = f"np.{owner.__name__}.{function.__name__}" if isinstance(owner, np.ufunc) else label(function)
    first, *path = text.split(".")
    found: Any = np
    for part in path:
        found = getattr(found, part, None)
    return text if first == "np" and path and (found is function or found == function) else None
