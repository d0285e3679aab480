"""Functions that are recorded by other calls than their own: draws, strides, and what NumPy spells otherwise."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.recording.number_types import understood
from tinygrad_scratch.verifier.recording.recorded import Recorded, holds_recorded, record, unrecorded
from tinygrad_scratch.verifier.recording.recording import created
from tinygrad_scratch.verifier.recording.scipy_in_numpy import in_our_words
from tinygrad_scratch.verifier.recording.tape import Tape


def is_random(function: Any) -> bool:
    return isinstance(getattr(function, "__self__", None), np.random.RandomState)


def drawing(function: Callable[..., Any], tape: Tape) -> Callable[..., Any]:
    """A function that draws: what it drew is a constant of the tape, so each replay sees the same."""
    name = getattr(function, "__name__", "draw")

    def draw(*arguments: Any, **keywords: Any) -> Any:
        first = arguments[0] if arguments else None
        if name == "shuffle" and isinstance(first, list):  # which is shuffled itself, whatever it holds
            return function(first)
        if tape.closed or type(first) is not Recorded or name not in ("permutation", "shuffle"):
            drawn = function(*unrecorded(arguments), **unrecorded(keywords))
            note_choice(tape, name, drawn, arguments, keywords)
            return created(drawn, tape)
        if first.ndim == 0:
            return created(function(int(first)), tape)
        order = created(np.random.permutation(len(first)), tape)
        if name == "permutation":
            return first[order]
        first[...] = first[order]
        return None

    draw.__name__ = name
    return draw


def note_choice(tape: Tape, name: str, drawn: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
    """Note by which recorded chances one thing was chosen, and which of them was that one's."""
    chances = keywords.get("p", arguments[3] if len(arguments) > 3 else None)
    if tape.closed or name != "choice" or type(chances) is not Recorded or np.ndim(drawn):
        return
    among = unrecorded(keywords.get("a", arguments[0] if arguments else None))
    places = np.flatnonzero((np.arange(among) if np.ndim(among) == 0 else np.asarray(among)) == drawn)
    if len(places) == 1:
        tape.draws.append((chances.node, int(places[0])))


class Generator(np.random.Generator):
    """NumPy's generator, which also notes choices, and shuffles recorded arrays: it would exchange views of rows."""

    def __init__(self, like: np.random.Generator, tape: Tape) -> None:
        super().__init__(like.bit_generator)
        self.tape = tape

    def choice(self, *arguments: Any, **keywords: Any) -> Any:
        """Choose as NumPy does."""
        drawn = super().choice(*unrecorded(arguments), **unrecorded(keywords))
        note_choice(self.tape, "choice", drawn, arguments, keywords)
        return drawn

    def shuffle(self, x: Any, axis: int = 0) -> None:
        """Shuffle as NumPy would, by the same draws."""
        if type(x) is not Recorded or x._tape.closed or x.size == 0 or x.ndim == 0:
            super().shuffle(x, axis)
            return
        axis %= x.ndim
        along = np.arange(x.shape[axis]).reshape([-1 if i == axis else 1 for i in range(x.ndim)])
        places = np.broadcast_to(along, x.shape).copy()
        super().shuffle(places, axis)
        order = places[tuple(slice(None) if i == axis else 0 for i in range(x.ndim))]
        x[...] = x[(*[slice(None)] * axis, created(order, x._tape))]


class RandomState(np.random.RandomState):
    """NumPy's older generator, which does so, too; of each tape there is a class of its own."""

    tape: Tape

    def choice(self, *arguments: Any, **keywords: Any) -> Any:
        """Choose as NumPy does."""
        drawn = super().choice(*unrecorded(arguments), **unrecorded(keywords))
        note_choice(self.tape, "choice", drawn, arguments, keywords)
        return drawn

    def shuffle(self, x: Any) -> None:
        """Shuffle as NumPy would, by the same draws."""
        if type(x) is not Recorded or x._tape.closed or x.ndim == 0:
            super().shuffle(x)
            return
        order = np.arange(len(x))
        super().shuffle(order)
        x[...] = x[created(order, x._tape)]  # a class that was imported from NumPy is of an earlier tape


def strided(tape: Tape) -> Callable[..., Any]:
    """as_strided, as the choice of entries that it is."""

    def as_strided(x: Any, shape: Any = None, strides: Any = None, **keywords: Any) -> Any:
        if tape.closed or type(x) is not Recorded:
            return np.lib.stride_tricks.as_strided(x, shape, strides, **keywords)
        shape, strides = unrecorded((x.shape if shape is None else shape, x.strides if strides is None else strides))
        own, first = np.unique(offsets(x.shape, x.strides), return_index=True)
        wanted = offsets(shape, strides)
        places = np.searchsorted(own, wanted)
        if not np.array_equal(own[np.minimum(places, len(own) - 1)], wanted):  # it reads what is not x's own
            return np.lib.stride_tricks.as_strided(x, shape, strides, **keywords)
        return record(tape, np.ravel, (x,), {})[first[places]]

    return as_strided


def offsets(shape: tuple[int, ...], strides: tuple[int, ...]) -> np.ndarray[Any, np.dtype[np.intp]]:
    """How far each entry of an array is from its first, in bytes."""
    found = np.zeros(shape, np.intp)
    for axis, (length, stride) in enumerate(zip(shape, strides, strict=True)):
        found += (np.arange(length) * stride).reshape([-1] + [1] * (len(shape) - axis - 1))
    return found


NUMPY_OF_MATH: dict[Any, Any] = {
    getattr(math, name): getattr(np, numpy_name)
    for name, numpy_name in {
        **{name: name for name in ("exp", "log", "log2", "log10", "log1p", "expm1", "sqrt", "sin", "cos", "tan",
        "sinh", "cosh", "tanh",
                                   "fabs", "hypot", "copysign", "isnan", "isinf", "isfinite", "cbrt", "exp2",
                                   "degrees", "radians")},
        "pow": "power", "asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2", "asinh": "arcsinh",
        "acosh": "arccosh",
        "atanh": "arctanh", "fmod": "fmod",
    }.items()
    if hasattr(math, name)
}  # fmt: skip
NUMPY_OF_MATH[math.fsum] = sum
NUMPY_OF_MATH[math.prod] = lambda parts, start=1: np.multiply.reduce(list(parts)) * start


def of_math(function: Callable[..., Any], ours: Callable[..., Any], tape: Tape) -> Callable[..., Any]:
    """A function of math: of recorded numbers it is NumPy's."""

    def call(*arguments: Any, **keywords: Any) -> Any:
        arguments, keywords = understood((arguments, keywords))
        if tape.closed or not holds_recorded((arguments, keywords)):
            return function(*unrecorded(arguments), **unrecorded(keywords))
        function(*unrecorded(arguments), **keywords)
        return ours(*arguments, **keywords)

    call.__name__ = getattr(function, "__name__", "call")
    return call


def spelled(function: Callable[..., Any], ours: Callable[..., Any], tape: Tape) -> Callable[..., Any]:
    """A function of SciPy, or of scikit-learn: of recorded values it is its spelling in NumPy, if that can be said."""

    def call(*arguments: Any, **keywords: Any) -> Any:
        if tape.closed or not holds_recorded((arguments, keywords)):
            return function(*unrecorded(arguments), **unrecorded(keywords))
        said = in_our_words(function, ours, arguments, keywords)
        return function(*arguments, **keywords) if said is None else record(tape, ours, *said)

    call.__name__ = getattr(function, "__name__", "call")
    return call
