"""How one call of a program is written in Python: `y - a4`, `np.dot(a3.T, dJ_dz4)`, `x[:, 0]`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from types import NoneType
from typing import Any

import numpy as np

from tinygrad_scratch.compiler.program import Step, Variable
from tinygrad_scratch.compiler.readable.algebra.places import put_together
from tinygrad_scratch.compiler.readable.arguments import PRODUCT, Words, counts_up, dtype, index, name_of, written
from tinygrad_scratch.compiler.traced import as_type, item
from tinygrad_scratch.drawing.expressions import ATOM, INFIX, NEGATIVE, Expression
from tinygrad_scratch.functional import embedding, sigmoid, sum_rows
from tinygrad_scratch.rules.indexing import assign, scatter
from tinygrad_scratch.rules.registry import DEFINITIONS
from tinygrad_scratch.rules.shapes import cast, expand

COMPARISON, SUM, POWER = 0, 1, 4  # how strongly operators bind, beside PRODUCT
BY_KEYWORD = {"axis", "dtype", "keepdims", "initial", "where"}  # people say these, also where NumPy does not ask
COMPARISONS = {
    np.greater: ">",
    np.greater_equal: ">=",
    np.less: "<",
    np.less_equal: "<=",
    np.equal: "==",
    np.not_equal: "!=",
}


def spelled(step: Step, words: Words) -> Expression:
    """A call as Python writes it."""
    if step.draws:
        return drawn(step, words)
    if not said(step, dict(step.keywords)):
        if step.function in INFIX and len(step.arguments) == 2 and not is_python(step):
            return operation(step, words)
        if step.function in COMPARISONS:
            left, right = (written(part, words).within(SUM) for part in step.arguments)
            return Expression(f"{left} {COMPARISONS[step.function]} {right}", COMPARISON)
        if step.function in SPELLINGS and (found := SPELLINGS[step.function](step, words)) is not None:
            return found
    return called(step, words)


def called(step: Step, words: Words) -> Expression:
    """A function's name, and its arguments in parentheses, without those that say what holds anyway."""
    definition = DEFINITIONS.get(step.function)
    order = definition.names if definition is not None and not definition.sequence else ()
    positional, named = list(step.arguments), dict(step.keywords)
    while 1 < len(positional) <= len(order) and order[len(positional) - 1] in BY_KEYWORD:
        named = {order[len(positional) - 1]: positional.pop(), **named}
    inside = listed(positional, said(step, named), words)
    return Expression(f"{name_of(step.function) or words.helper(step.function)}({inside})")


def said(step: Step, named: dict[str, Any]) -> dict[str, Any]:
    """The arguments by keyword that are not what the call would take anyway."""
    definition = DEFINITIONS.get(step.function)
    if definition is None or step.function is np.take_along_axis:  # its axis has a default since NumPy 2.3
        return named
    defaults = definition.defaults
    return {name: value for name, value in named.items() if name not in defaults or not is_same(value, defaults[name])}


def listed(positional: Any, named: Any, words: Words) -> str:
    texts = [written(part, words).text for part in positional]
    return ", ".join([*texts, *(f"{name}={written(value, words).text}" for name, value in named.items())])


def is_same(value: Any, default: Any) -> bool:
    """Whether an argument is what the call would take anyway."""
    return value is default or (type(value) is type(default) and type(value) in (int, float, str) and value == default)


def drawn(step: Step, words: Words) -> Expression:
    """A draw of random numbers, a method of the generator."""
    generator, *given = step.arguments
    inside = listed(given, step.keywords, words)
    return Expression(f"{written(generator, words).text}.{step.function.__name__}({inside})")


# ---- with a sign between ---------------------------------------------------------------------------------------------


def operation(step: Step, words: Words) -> Expression:
    left, right = (written(part, words) for part in step.arguments)
    if step.function is np.multiply and step.arguments[0] is step.arguments[1]:
        return power(left, Expression("2"))
    return power(left, right) if step.function is np.power else infix(*INFIX[step.function], left, right)


def is_python(step: Step) -> bool:
    """Whether an operator would be Python's: 1j * x of a NumPy number x is a Python number."""
    return step.results[0].shape == () and any(type(a) is complex for a in step.arguments)


def infix(sign: str, strength: int, left: Expression, right: Expression) -> Expression:
    return Expression(f"{left.within(strength)} {sign} {right.within(strength + 1)}", strength)


def power(base: Expression, exponent: Expression) -> Expression:
    """A power of plain names is written without blanks."""
    plain = all(re.fullmatch(r"-?[\w.]+", part.text) for part in (base, exponent))
    return Expression(f"{base.within(POWER + 1)}{'**' if plain else ' ** '}{exponent.within(NEGATIVE)}", POWER)


def minus(inner: Expression) -> Expression:
    """The minus of a product stands before its first factor: -(a * b) and (-a) * b are the same number."""
    if inner.strength == PRODUCT and not inner.text.startswith("-"):
        return Expression(f"-{inner.text}", PRODUCT)
    return Expression(f"-{inner.within(NEGATIVE)}", NEGATIVE)


# ---- what people do not write by the function's name -----------------------------------------------------------------


def first(step: Step, words: Words) -> Expression:
    return written(step.arguments[0], words)


def target(step: Step, words: Words) -> str:
    """What a method is called of, or a part taken of."""
    return first(step, words).within(ATOM)


def reciprocal(step: Step, words: Words) -> Expression | None:
    is_exact = step.results[0].dtype.kind in "fc"
    return infix("/", PRODUCT, Expression("1"), first(step, words)) if is_exact else None


def transposed(step: Step, words: Words) -> Expression | None:
    axes = step.arguments[1] if len(step.arguments) > 1 else None
    backwards = list(range(len(step.results[0].shape)))[::-1]
    is_reversal = axes is None or (isinstance(axes, tuple | list) and list(axes) == backwards)
    return Expression(f"{target(step, words)}.T") if is_reversal else None


def matrix_transposed(step: Step, words: Words) -> Expression | None:
    return Expression(f"{target(step, words)}.T") if len(step.results[0].shape) == 2 else None


def reshaped(step: Step, words: Words) -> Expression | None:
    shape = step.arguments[1] if len(step.arguments) == 2 else None
    if type(step.arguments[0]) is not Variable or shape == () or not isinstance(shape, int | tuple):
        return None
    return Expression(f"{target(step, words)}.reshape({index(shape, words)})")


def part(step: Step, words: Words) -> Expression:
    whole, place = step.arguments
    return Expression(f"{target(step, words)}[{index(plain_place(place, len(np.shape(whole))), words)}]")


def plain_place(place: Any, axes: int) -> Any:
    """A place in an array of so many axes; where `...` is the first axis of two, people write `:`."""
    is_last = type(place) is tuple and len(place) == 2 and place[0] is Ellipsis and type(place[1]) in (int, NoneType)
    return (slice(None), place[1]) if is_last and axes + (place[1] is None) == 2 else place


def as_type_of(step: Step, words: Words) -> Expression:
    return Expression(f"{target(step, words)}.astype({written(step.arguments[1], words).text})")


def broadcast(step: Step, words: Words) -> Expression:
    return Expression(f"np.broadcast_to({listed(step.arguments, {}, words)})")


def full(step: Step, words: Words) -> Expression:
    """A number everywhere; of ones and zeros there are functions."""
    shape, value = step.arguments
    place = written(shape_argument(shape), words).text
    if type(value) in (int, float) and value in (0, 1):
        return Expression(f"np.{'ones' if value else 'zeros'}({place})")
    return Expression(f"np.full({place}, {written(value, words).text})")


def shape_argument(shape: Any) -> Any:
    return shape[0] if isinstance(shape, tuple) and len(shape) == 1 else shape


def logistic(step: Step, words: Words) -> Expression | None:
    if getattr(step.arguments[0], "dtype", np.dtype(float)).kind != "f":
        return None
    return Expression(f"1 / (1 + np.exp({minus(first(step, words)).text}))", PRODUCT)


def inverted(step: Step, words: Words) -> Expression | None:
    is_mask = getattr(step.arguments[0], "dtype", None) == np.bool_
    return Expression(f"~{target(step, words)}") if is_mask else None


SPELLINGS: dict[Any, Callable[[Step, Words], Expression | None]] = {
    np.negative: lambda step, words: minus(first(step, words)),
    np.square: lambda step, words: power(first(step, words), Expression("2")),
    np.absolute: lambda step, words: Expression(f"np.abs({first(step, words).text})"),
    np.reciprocal: reciprocal,
    np.logical_not: inverted,
    np.transpose: transposed,
    np.matrix_transpose: matrix_transposed,
    np.reshape: reshaped,
    np.broadcast_to: broadcast,
    np.full: full,
    operator.getitem: part,
    embedding: part,
    cast: as_type_of,
    as_type: as_type_of,
    expand: broadcast,
    item: lambda step, words: Expression(f"{target(step, words)}.item({listed(step.arguments[1:], {}, words)})"),
    sigmoid: logistic,
}


# ---- what takes several statements -----------------------------------------------------------------------------------

STATEMENTS = (scatter, sum_rows, put_together, assign)
NEW = (np.zeros_like, np.ones_like, np.empty_like, np.full_like)  # whose results nobody else has


def takes_statements(step: Step) -> bool:
    return step.function in STATEMENTS or hasattr(step.function, "writes")


def statements(step: Step, name: str, words: Words) -> list[str]:
    """Writing into a part of an array, as people do it."""
    axes = len(step.results[0].shape)

    def at(place: Any) -> str:
        return f"{name}[{index(plain_place(place, axes), words)}]"

    if hasattr(step.function, "writes"):
        whole, *given = step.arguments
        inside = listed(given, step.keywords, words)
        return [f"{name} = {own_copy(whole, axes, words)}", f"{name_of(step.function.writes)}({name}, {inside})"]
    if step.function is assign:
        whole, value, place = step.arguments
        base = words.made(whole) if type(whole) is Variable else None
        if base is not None and base.function is assign:  # written to before, and read by nobody in between
            before = statements(base, name, words)
        else:
            before = [f"{name} = {own_copy(whole, axes, words)}"]
        return [*before, f"{at(place)} = {written(value, words).text}"]
    if step.function is put_together:
        shape, kind, *parts = step.arguments
        added = [f"{at(place)} += {written(value, words).text}" for place, value in parts]
        return [zeros(name, shape, kind, words), *added]
    value, place, shape = step.arguments
    if step.function is sum_rows:
        shape = step.results[0].shape
    filled = words.made(value) if type(value) is Variable else None
    text = written(filled.arguments[1] if filled is not None and filled.function is np.full else value, words).text
    made = zeros(name, shape, step.results[0].dtype, words)
    if may_repeat(place):
        return [made, f"np.add.at({name}, {written(place, words).text}, {text})"]
    return [made, f"{at(place)} = {text}"]


def own_copy(value: Any, axes: int, words: Words) -> str:
    """A copy that can be written to, where nobody else has the array, the array itself."""
    made = words.made(value) if type(value) is Variable else None
    text = written(value, words)
    if made is not None and made.function in NEW:
        return text.text
    return f"{text.within(ATOM)}.copy()" if axes else f"np.array({text.text})"


def zeros(name: str, shape: Any, kind: np.dtype[Any], words: Words) -> str:
    said = "" if kind == np.float64 else f", {dtype(kind)}"
    return f"{name} = np.zeros({written(shape_argument(shape), words).text}{said})"


def may_repeat(place: Any) -> bool:
    """Whether an index may name an element twice: arrays of integers may, unless they are rows and one counts up."""
    parts = place if isinstance(place, tuple) else (place,)
    arrays = [part if type(part) is Variable else np.asarray(part) for part in parts if is_array(part)]
    if all(each.dtype.kind not in "iu" for each in arrays):
        return False
    rows = all(len(each.shape) == 1 for each in arrays)
    return not (rows and any(isinstance(each, np.ndarray) and counts_up(each) for each in arrays))


def is_array(part: Any) -> bool:
    return isinstance(part, Variable | np.ndarray | list)
