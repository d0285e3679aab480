"""What a case is: a call of a function that Tensors know, as people write it.

    case(np.sum, normal(2, 3), axis=-1, keepdims=True)

An argument such as `normal(2, 3)` says in what domain its values lie and what shape it has. It is drawn by a generator
seeded with the case's name, and the laws (test_laws.py) differentiate with respect to it. All else is a constant and
passed as it stands; a list may hold several arguments, as for np.concatenate.

Two kinds of case bring their gradient along, that of the sum of the results, one list for each drawn argument, because
differences can't tell it: `kink=` pins the convention at a point with several one-sided derivatives, and `extreme=` is
a point far out, where a careless rule overflows, divides by zero or loses all digits.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_scratch.rules.registry import label

Array = NDArray[Any]
Function = Callable[..., Any]

AT_LEAST_2_1 = np.lib.NumpyVersion(np.__version__) >= "2.1.0"

# ---- what the laws must be told of a function ------------------------------------------------------------------------

CALLED_BY: dict[Function, Function] = {}
"""The function of the table that a function of the tests calls."""

PLAIN_WORDS: dict[Function, Function] = {}
"""The function that ours must agree with, where NumPy has none: the same in plain words."""

NOT_ANALYTIC: set[Function | None] = set()
"""Functions that no complex step can differentiate: not defined by NumPy for complex numbers, or not analytic."""

NEED_AXES: set[Function | None] = set()
"""Functions that refuse a 0-d array."""

NEED_ELEMENTS: set[Function | None] = set()
"""Functions that refuse an array without elements."""

# ---- what a case is --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Draw:
    """An argument to differentiate with respect to: its shape, and how its values are drawn."""

    shape: tuple[int, ...]
    sample: Callable[[np.random.Generator, tuple[int, ...]], Any]
    text: str = ""

    def __str__(self) -> str:
        return self.text or ("x".join(map(str, self.shape)) or "0d") + "i" * (self.sample is complex_values)


@dataclass(frozen=True, eq=False)
class Case:
    """One call of one function, and, at a kink or an extreme, the gradient that it must have there."""

    function: Function
    arguments: tuple[Any, ...]
    keywords: dict[str, Any] = field(default_factory=dict)
    tag: str = "plain"
    pinned: list[Any] | None = None

    def __str__(self) -> str:
        given = [text(argument) for argument in self.arguments]
        given += [f"{name}={text(value)}" for name, value in self.keywords.items()]
        return f"{label(self.function)}({', '.join(given)})"

    @property
    def rule(self) -> Function:
        """The function of the table that this calls."""
        return CALLED_BY.get(self.function, self.function)

    @property
    def analytic(self) -> bool:
        """Whether NumPy extends the function to complex arguments, so that a complex step gives the derivative."""
        return self.function not in NOT_ANALYTIC and "dtype" not in self.keywords and not self.complex

    @property
    def complex(self) -> bool:
        return any(draw.sample is complex_values for draw in draws_in([self.arguments, [*self.keywords.values()]]))

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """The shapes of the drawn arguments."""
        return [draw.shape for draw in draws_in([self.arguments, [*self.keywords.values()]])]

    @property
    def reference(self) -> Function:
        """The function that ours must agree with: NumPy's own, or ours in plain words."""
        return PLAIN_WORDS.get(self.function, self.function)

    def generator(self, purpose: str) -> np.random.Generator:
        return np.random.default_rng(zlib.crc32(f"{purpose} of {self}".encode()))

    def draw(self) -> list[Array]:
        """A value for each argument to differentiate, ready to be passed to `call`."""
        generator = self.generator("values")
        found = draws_in([self.arguments, [*self.keywords.values()]])
        return [np.array(draw.sample(generator, draw.shape)) for draw in found]

    def call(self, function: Function, values: list[Any]) -> Any:
        """What a function makes of the case's arguments, with these values in place of the drawn ones."""
        return called(function, self.arguments, self.keywords, values)

    @property
    def alone(self) -> Function:
        """The call as a function of its values that doesn't know its case: jit looks at all that a function can reach,
        and a case reaches the tables above.
        """
        function, arguments, keywords = self.function, self.arguments, self.keywords
        return lambda values: called(function, arguments, keywords, values)


def called(function: Function, arguments: tuple[Any, ...], keywords: dict[str, Any], values: list[Any]) -> Any:
    supply = iter(values)
    given = [filled(argument, supply) for argument in arguments]
    return function(*given, **{name: filled(value, supply) for name, value in keywords.items()})


def draws_in(value: Any) -> list[Draw]:
    if isinstance(value, list | tuple):
        return [draw for part in value for draw in draws_in(part)]
    return [value] if isinstance(value, Draw) else []


def filled(value: Any, supply: Iterator[Any]) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(filled(part, supply) for part in value)
    return next(supply) if isinstance(value, Draw) else value


def text(value: Any) -> str:
    """An argument in the name of a case."""
    if isinstance(value, list):
        return f"[{' '.join(map(text, value))}]"
    if isinstance(value, tuple):
        return f"({','.join(map(text, value))})"
    if isinstance(value, slice):
        return f"{value.start}:{value.stop}:{value.step}".replace("None", "")
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{value.tolist()}".replace(" ", "")
    if isinstance(value, str | Draw):
        return str(value)
    return getattr(value, "__name__", repr(value).replace(" ", ""))


CASES: list[Case] = []


def case(function: Function | None, *arguments: Any, kink: Any = None, extreme: Any = None, **keywords: Any) -> None:
    if function is None:
        return  # this NumPy is too old to have it
    tag = "kink" if kink is not None else "extreme" if extreme is not None else "plain"
    for value in (*arguments, *keywords.values()):
        if isinstance(value, np.ndarray):
            value.setflags(write=False)
    CASES.append(Case(function, arguments, keywords, tag, kink if extreme is None else extreme))


# ---- domains ---------------------------------------------------------------------------------------------------------


def domain(sample: Callable[[np.random.Generator, tuple[int, ...]], Any]) -> Callable[..., Draw]:
    return lambda *shape: Draw(shape, sample)


def spaced(generator: np.random.Generator, shape: tuple[int, ...]) -> Any:
    size = int(np.prod(shape))
    return (generator.permutation(size) - 0.4 * size + generator.uniform(-0.1, 0.1, size)).reshape(shape)


def complex_values(generator: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """In the right half plane, away from zeros, poles and branch cuts."""
    angle = generator.choice([-1, 1], shape) * generator.uniform(0.2, 1.1, shape)
    return generator.uniform(0.7, 1.8, shape) * np.exp(1j * angle)


normal = domain(lambda generator, shape: generator.normal(size=shape))
positive = domain(lambda generator, shape: generator.uniform(0.5, 2.0, shape))
inside = domain(lambda generator, shape: generator.uniform(-0.9, 0.9, shape))  # of (-1, 1)
above_one = domain(lambda generator, shape: generator.uniform(1.3, 3.0, shape))
nonzero = domain(lambda generator, shape: generator.choice([-1, 1], shape) * generator.uniform(0.5, 2.0, shape))
near_two = domain(lambda generator, shape: generator.uniform(1.9, 2.1, shape))
near_three = domain(lambda generator, shape: generator.choice([-1, 1], shape) * generator.uniform(2.6, 3.4, shape))
distinct = domain(spaced)
complex_normal = domain(complex_values)


def exactly(*values: Any) -> Draw:
    """These very values."""
    array = np.array(values, float)
    return Draw(array.shape, lambda generator, shape: array.copy(), text(array)[7:])
