"""How one call of a program is written in Python: `y - a4`, `np.dot(a3.T, dJ_dz4)`, `x[:, 0]`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_scratch.compiler.program import Step, Variable
from tinygrad_scratch.compiler.traced import as_type, item
from tinygrad_scratch.drawing.expressions import ATOM, INFIX, NEGATIVE, Expression
from tinygrad_scratch.functional import embedding, sigmoid
from tinygrad_scratch.rules.indexing import assign, scatter
from tinygrad_scratch.rules.registry import DEFINITIONS, label
from tinygrad_scratch.rules.shapes import cast, expand

SUM, PRODUCT, COMPARISON = 1, 2, 0
BY_KEYWORD = {"axis", "dtype", "keepdims", "initial", "where"}  # people write their names, also where NumPy does not ask
COMPARISONS = {
    np.greater: ">",
    np.greater_equal: ">=",
    np.less: "<",
    np.less_equal: "<=",
    np.equal: "==",
    np.not_equal: "!=",
}


class Ratio(float):
    """A number that is written as one number over another, as in a mean: 1 / 8."""

    def __new__(cls, number: float, over: float) -> Ratio:
        made = super().__new__(cls, number / over)
        made.number, made.over = number, over
        return made

    number: float
    over: float


@dataclass(frozen=True)
class Words:
    """What the text of a call is made with: a text for each variable, and a name for each function NumPy lacks.

    `made` is the call that made a variable, which some are written by.
    """

    variable: Callable[[Variable], Expression]
    helper: Callable[[Any], str]
    made: Callable[[Variable], Step | None]


def spelled(step: Step, words: Words) -> Expression:
    """A call as Python writes it."""
    function, arguments, keywords = step.function, step.arguments, step.keywords
    if not keywords:
        if function in INFIX and len(arguments) == 2 and not is_python(step):
            left, right = (written(part, words) for part in arguments)
            if function is np.multiply and arguments[0] is arguments[1]:
                return infix("**", 4, left, Expression("2"))
            return infix(*INFIX[function], left, right)
        if function in COMPARISONS:
            left, right = (written(part, words).within(SUM) for part in arguments)
            return Expression(f"{left} {COMPARISONS[function]} {right}", COMPARISON)
        if function in SPELLINGS and (found := SPELLINGS[function](step, words)) is not None:
            return found
    if step.draws:
        generator, *given = arguments
        texts = [written(part, words).text for part in given]
        texts += [f"{name}={written(value, words).text}" for name, value in keywords.items()]
        return Expression(f"{written(generator, words).text}.{function.__name__}({', '.join(texts)})")
    return called(step, words)


def is_python(step: Step) -> bool:
    """Whether an operator would be Python's: 1j * x of a NumPy number x is a Python number."""
    return step.results[0].shape == () and any(type(a) is complex for a in step.arguments)


def infix(sign: str, strength: int, left: Expression, right: Expression) -> Expression:
    """Two operands and a sign between them; a power of plain names is written without spaces."""
    if sign == "**":
        plain = all(re.fullmatch(r"-?[\w.]+", part.text) for part in (left, right))
        return Expression(
            f"{left.within(strength + 1)}{'**' if plain else ' ** '}{right.within(strength)}", strength
        )
    return Expression(f"{left.within(strength)} {sign} {right.within(strength + 1)}", strength)


def called(step: Step, words: Words) -> Expression:
    """A function's name, and its arguments in parentheses, without those that say what holds anyway."""
    definition = DEFINITIONS.get(step.function)
    order = definition.names if definition is not None and not definition.sequence else ()
    defaults = definition.defaults if definition is not None else {}
    positional, named = list(step.arguments), dict(step.keywords)
    while len(positional) > 1 and len(positional) <= len(order) and order[len(positional) - 1] in BY_KEYWORD:
        named = {order[len(positional) - 1]: positional.pop(), **named}
    texts = [written(part, words).text for part in positional]
    for name, value in named.items():
        if not (name in defaults and is_same(value, defaults[name])):
            texts.append(f"{name}={written(value, words).text}")
    return Expression(f"{name_of(step.function) or words.helper(step.function)}({', '.join(texts)})")


def is_same(value: Any, default: Any) -> bool:
    """Whether an argument is what the call would take anyway."""
    return value is default or (type(value) is type(default) and type(value) in (int, float, str) and value == default)


def name_of(function: Any) -> str | None:
    """Where in NumPy a function is found, or None where it is not one of NumPy's."""
    owner = getattr(function, "__self__", None)
    text = f"np.{owner.__name__}.{function.__name__}" if isinstance(owner, np.ufunc) else label(function)
    first, *path = text.split(".")
    found: Any = np
    for part in path:
        found = getattr(found, part, None)
    return text if first == "np" and path and (found is function or found == function) else None


# ---- arguments -------------------------------------------------------------------------------------------------------


def written(value: Any, words: Words) -> Expression:
    """An argument: a variable, or a number, an axis, a dtype, a place, or several of these."""
    if type(value) is Variable:
        return words.variable(value)
    if isinstance(value, np.generic):
        return Expression(f"np.{type(value).__name__}({number(value.item()).text})")
    if isinstance(value, bool) or value is None or value is Ellipsis or isinstance(value, str | bytes):
        return Expression("..." if value is Ellipsis else repr(value))
    if isinstance(value, int | float | complex):
        return number(value)
    if isinstance(value, tuple | list):
        inside = ", ".join(written(part, words).text for part in value)
        comma = "," if isinstance(value, tuple) and len(value) == 1 else ""
        return Expression(f"[{inside}]" if isinstance(value, list) else f"({inside}{comma})")
    if isinstance(value, dict):
        return Expression(f"{{{', '.join(f'{k!r}: {written(v, words).text}' for k, v in value.items())}}}")
    if isinstance(value, slice):
        ends = (value.start, value.stop, value.step)
        return Expression(f"slice({', '.join(written(end, words).text for end in ends)})")
    if isinstance(value, range):
        return Expression(repr(value))
    if isinstance(value, np.dtype):
        return Expression(dtype(value))
    if isinstance(value, type) and issubclass(value, np.generic):
        return Expression(dtype(np.dtype(value)))
    if isinstance(value, type) and value in (bool, int, float, complex):
        return Expression(value.__name__)
    if isinstance(value, np.ndarray):
        return Expression(array(value, words))
    if callable(value):
        return Expression(name_of(value) or words.helper(value))
    return Expression(words.helper(value))


def array(value: np.ndarray[Any, Any], words: Words) -> str:
    """A small array, or one that counts up."""
    if value.dtype == int and value.ndim and value.size > 1 and counts_up(value):
        shape = "" if value.ndim == 1 else f".reshape({index(value.shape, words)})"
        return f"np.arange({value.size}){shape}"
    kind = "" if value.dtype in (float, int, bool) else f", dtype={dtype(value.dtype)}"
    return f"np.array({written(value.tolist(), words).text}{kind})"


def counts_up(value: np.ndarray[Any, Any]) -> bool:
    return value.dtype.kind in "iu" and np.array_equal(value.ravel(), np.arange(value.size))


def number(value: complex) -> Expression:
    """A Python number, as NumPy reads it."""
    if isinstance(value, Ratio):
        return infix("/", PRODUCT, number(value.number), number(value.over))
    if isinstance(value, complex):
        text = repr(value).replace("(-0-", "-").strip("()") if not value.real else ""
        if text and complex(text) == value and np.isfinite(value.imag):
            return Expression(text, NEGATIVE if text.startswith("-") else ATOM)
        return Expression(f"complex({number(value.real).text}, {number(value.imag).text})")
    if value != value:
        return Expression("np.nan")
    if value in (np.inf, -np.inf):
        return Expression("np.inf") if value > 0 else Expression("-np.inf", NEGATIVE)
    text = repr(value)
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


# ---- what people do not write by the function's name -----------------------------------------------------------------


def negative(step: Step, words: Words) -> Expression:
    """The minus of a product stands before its first factor: -(a * b) and (-a) * b are the same number."""
    inner = written(step.arguments[0], words)
    if inner.strength == PRODUCT and not inner.text.startswith("-"):
        return Expression(f"-{inner.text}", PRODUCT)
    return Expression(f"-{inner.within(NEGATIVE)}", NEGATIVE)


def square(step: Step, words: Words) -> Expression:
    return infix("**", 4, written(step.arguments[0], words), Expression("2"))


def reciprocal(step: Step, words: Words) -> Expression | None:
    (argument,) = step.results
    if argument.dtype.kind not in "fc":
        return None
    return infix("/", PRODUCT, Expression("1"), written(step.arguments[0], words))


def transposed(step: Step, words: Words) -> Expression | None:
    target, *axes = step.arguments
    order = list(range(len(step.results[0].shape)))[::-1]
    reversed_axes = not axes or axes[0] is None or (isinstance(axes[0], tuple | list) and list(axes[0]) == order)
    return Expression(f"{written(target, words).within(ATOM)}.T") if reversed_axes else None


def reshaped(step: Step, words: Words) -> Expression | None:
    if len(step.arguments) != 2 or type(step.arguments[0]) is not Variable:
        return None
    target, shape = step.arguments
    if shape == () or not isinstance(shape, int | tuple):
        return None
    return Expression(f"{written(target, words).within(ATOM)}.reshape({index(shape, words)})")


def got(step: Step, words: Words) -> Expression:
    target, place = step.arguments
    return Expression(f"{written(target, words).within(ATOM)}[{index(place, words)}]")


def as_type_of(step: Step, words: Words) -> Expression:
    target, kind = step.arguments
    return Expression(f"{written(target, words).within(ATOM)}.astype({written(kind, words).text})")


def broadcast(step: Step, words: Words) -> Expression:
    target, shape = step.arguments
    return Expression(f"np.broadcast_to({written(target, words).text}, {written(shape, words).text})")


def full(step: Step, words: Words) -> Expression:
    """A number everywhere; of ones and zeros there are functions."""
    shape, value = step.arguments
    place = written(shape[0] if len(shape) == 1 else shape, words).text
    if type(value) in (int, float) and value in (0, 1):
        return Expression(f"np.{'ones' if value else 'zeros'}({place})")
    return Expression(f"np.full({place}, {written(value, words).text})")


STATEMENTS = (scatter, assign)


def statements(step: Step, name: str, words: Words) -> list[str]:
    """A call that people write as several statements: writing into a part of an array."""
    value = step.arguments[0] if step.function is scatter else step.arguments[1]
    place = step.arguments[1] if step.function is scatter else step.arguments[2]
    (result,) = step.results
    filled = words.made(value) if type(value) is Variable else None
    if filled is not None and filled.function is np.full:
        value = filled.arguments[1]
    text, target = written(value, words).text, f"{name}[{index(place, words)}]"
    if step.function is assign:
        whole = written(step.arguments[0], words)
        copied = f"{whole.within(ATOM)}.copy()" if result.shape else f"np.array({whole.text})"
        return [f"{name} = {copied}", f"{target} = {text}"]
    kind = "" if result.dtype == np.float64 else f", {dtype(result.dtype)}"
    shape = result.shape[0] if len(result.shape) == 1 else result.shape
    made = f"{name} = np.zeros({written(shape, words).text}{kind})"
    if may_repeat(place):
        return [made, f"np.add.at({name}, {written(place, words).text}, {text})"]
    return [made, f"{target} = {text}"]


def may_repeat(place: Any) -> bool:
    """Whether an index may name an element twice: one by arrays of integers, unless they count up."""
    parts = place if isinstance(place, tuple) else (place,)
    arrays = [part for part in parts if type(part) in (Variable, np.ndarray, list)]
    return any(is_integer(part) for part in arrays) and not any(is_counting(part) for part in arrays)


def is_integer(part: Any) -> bool:
    return (part.dtype if isinstance(part, Variable) else np.asarray(part).dtype).kind in "iu"


def is_counting(part: Any) -> bool:
    """0, 1, 2 ..., each once."""
    if isinstance(part, Variable):
        return False
    place = np.asarray(part)
    return place.ndim == 1 and counts_up(place)


def sigmoid_written_out(step: Step, words: Words) -> Expression:
    inner = written(step.arguments[0], words)
    minus = f"-{inner.text}" if inner.strength == PRODUCT else f"-{inner.within(NEGATIVE)}"
    return Expression(f"1 / (1 + np.exp({minus}))", PRODUCT)


def picked(step: Step, words: Words) -> Expression:
    inner = ", ".join(written(part, words).text for part in step.arguments[1:])
    return Expression(f"{written(step.arguments[0], words).within(ATOM)}.item({inner})")


def inverted(step: Step, words: Words) -> Expression | None:
    return Expression(f"~{written(step.arguments[0], words).within(ATOM)}") if step.results[0].dtype == bool else None


def absolute(step: Step, words: Words) -> Expression:
    return Expression(f"np.abs({written(step.arguments[0], words).text})")


SPELLINGS: dict[Any, Callable[[Step, Words], Expression | None]] = {
    np.negative: negative,
    np.square: square,
    np.reciprocal: reciprocal,
    np.absolute: absolute,
    np.logical_not: inverted,
    np.transpose: transposed,
    np.matrix_transpose: lambda step, words: transposed(step, words) if len(step.results[0].shape) == 2 else None,
    np.reshape: reshaped,
    operator.getitem: got,
    cast: as_type_of,
    expand: broadcast,
    np.broadcast_to: broadcast,
    as_type: as_type_of,
    item: picked,
    np.full: full,
    sigmoid: sigmoid_written_out,
    embedding: got,
}
