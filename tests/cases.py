"""The table of rules under test: every function that Tensors know, called as people call it.

A case is a call:

    case(np.sum, normal(2, 3), axis=-1, keepdims=True)

An argument such as `normal(2, 3)` says in what domain its values lie and what shape it has. It is drawn by a generator
seeded with the case's name, and the laws (test_laws.py) differentiate with respect to it. All else is a constant and
passed as it stands; a list may hold several arguments, as for np.concatenate.

Two kinds of case bring their gradient along, that of the sum of the results, one list for each drawn argument, because
differences can't tell it: `kink=` pins the convention at a point with several one-sided derivatives, and `extreme=` is
a point far out, where a careless rule overflows, divides by zero or loses all digits.

A new rule needs one line here; a fixed bug leaves one.
"""

from __future__ import annotations

import operator
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_scratch.functional import log_softmax, relu, sigmoid, softmax
from tinygrad_scratch.rules.indexing import assign, scatter
from tinygrad_scratch.rules.registry import NEW_CONSTANT, WITHOUT_DERIVATIVE, label
from tinygrad_scratch.rules.shapes import cast, expand

Array = NDArray[Any]
Function = Callable[..., Any]

AT_LEAST_2_1 = np.lib.NumpyVersion(np.__version__) >= "2.1.0"
unstack, matvec, vecmat = (getattr(np, name, None) for name in ("unstack", "matvec", "vecmat"))

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
        supply = iter(values)
        arguments = [filled(argument, supply) for argument in self.arguments]
        return function(*arguments, **{name: filled(value, supply) for name, value in self.keywords.items()})


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


# ---- arithmetic: element by element ----------------------------------------------------------------------------------

function: Any  # the one that a loop below is at

ONE_ARGUMENT: dict[Function, Callable[..., Draw]] = {
    np.negative: normal, np.positive: normal, np.reciprocal: nonzero,
    np.square: normal, np.sqrt: positive, np.cbrt: nonzero,
    np.exp: normal, np.exp2: normal, np.expm1: normal,
    np.log: positive, np.log2: positive, np.log10: positive, np.log1p: positive,
    np.sin: normal, np.cos: normal, np.tan: inside, np.arcsin: inside, np.arccos: inside, np.arctan: normal,
    np.sinh: normal, np.cosh: normal, np.tanh: normal, np.arcsinh: normal, np.arccosh: above_one, np.arctanh: inside,
    np.degrees: normal, np.radians: normal, np.rad2deg: normal, np.deg2rad: normal,
    np.absolute: nonzero, np.fabs: nonzero, np.conjugate: normal, np.real: normal, np.imag: complex_normal,
    sigmoid: normal, relu: nonzero,
}  # fmt: skip
for function, values in ONE_ARGUMENT.items():
    case(function, values(2, 3))
    case(function, values())
    case(function, values(0, 3))

TWO_ARGUMENTS: dict[Function, tuple[Callable[..., Draw], Callable[..., Draw]]] = {
    np.add: (normal, normal), np.subtract: (normal, normal),
    np.multiply: (normal, normal), np.divide: (normal, nonzero),
    np.power: (positive, normal), np.float_power: (positive, normal),
    np.remainder: (near_three, near_two), np.fmod: (near_three, near_two),
    np.logaddexp: (normal, normal), np.logaddexp2: (normal, normal),
    np.arctan2: (nonzero, nonzero), np.hypot: (nonzero, nonzero), np.copysign: (nonzero, nonzero),
    np.maximum: (distinct, distinct), np.minimum: (distinct, distinct),
    np.fmax: (distinct, distinct), np.fmin: (distinct, distinct),
}  # fmt: skip
for function, (left, right) in TWO_ARGUMENTS.items():
    case(function, left(2, 3), right(2, 3))
    case(function, left(3), right(2, 3))
    case(function, left(2, 1, 3), right(2, 1))
    case(function, left(), right(2, 2))
    case(function, left(2, 2), right())
    case(function, left(), right())
    case(function, left(0, 3), right(3))
    case(function, left(1, 3), right(0, 3))
    case(function, left(2, 3), 2.0)
    if function is not np.copysign:  # whose second argument has no derivative
        case(function, 5.0, right(2, 3))
    case(function, left(2, 3), np.array([2.1, 2.0, 1.9]))

case(np.add, normal(2, 3), True)
case(np.add, normal(2), [1.5, 2.5])
case(np.multiply, normal(2, 3), np.array([1, 2, 3]))
case(np.multiply, np.array([True, False, True]), normal(2, 3))
case(np.multiply, normal(2), [normal(), normal()])
case(np.multiply, np.float64(1.5), normal(2, 3))
for exponent in (-2, -1, 0, 1, 2, 3, 3.0, -1.0):
    case(np.power, nonzero(2, 3), exponent)
case(np.power, nonzero(2, 3), np.array([-2.0, 0.0, 3.0]))
case(np.power, nonzero(2, 3), np.array([0, 1, 3]))
case(np.power, 2, normal(2, 3))
case(np.power, exactly(0.0, 2.0), 2)
case(np.power, exactly(0.0, 0.0, 0.0, 0.0), np.array([0.0, 1.0, 2.0, 3.0]))
case(np.power, exactly(0.0, 0.0, 2.0), exactly(2.0, 0.0, 3.0), kink=[[0.0, 0.0, 12.0], [0.0, 0.0, 8.0 * np.log(2.0)]])
case(np.float_power, nonzero(2, 3), 3)

for exponents in (np.array([[1, -2, 0], [3, 0, 1]]), np.array([1, -2, 0]), 3):
    case(np.ldexp, normal(2, 3), exponents)
case(np.ldexp, normal(3), np.array([[1], [-2]]))
case(np.ldexp, normal(), 2)
case(np.ldexp, normal(0, 3), np.array([1, -2, 0]))
for function in (np.modf, np.frexp):
    case(function, exactly((-1.6, 0.7), (2.4, -3.4)))
    case(function, near_three())
    case(function, normal(0, 3))
case(np.divmod, near_three(2, 3), near_two(2, 1))
case(np.divmod, near_three(), near_two())
case(np.divmod, near_three(0, 3), near_two(3))
case(np.divmod, near_three(2), 2.0)

for function in (np.exp, np.log, np.sqrt, np.square, np.reciprocal, np.sin, np.tanh,
                 np.absolute, np.conjugate, np.real):  # fmt: skip
    case(function, complex_normal(2, 3))
for function in (np.add, np.subtract, np.multiply, np.divide, np.power):
    case(function, complex_normal(2, 3), complex_normal(3))
    case(function, positive(2, 3), complex_normal(3))  # a real argument has a real gradient
    case(function, complex_normal(3), positive(2, 3))

# ---- kinks and extremes ----------------------------------------------------------------------------------------------

case(np.absolute, exactly(-2.0, 0.0, 3.0), kink=[[-1, 0, 1]])
case(np.fabs, exactly(-2.0, 0.0, 3.0), kink=[[-1, 0, 1]])
case(relu, exactly(-2.0, 0.0, 3.0), kink=[[0, 0, 1]])
case(np.hypot, exactly(0.0, 3.0), exactly(0.0, 4.0), kink=[[0, 0.6], [0, 0.8]])
for function in (np.maximum, np.fmax):
    case(function, exactly(1.0, 2.0, 3.0), exactly(2.0, 2.0, 2.0), kink=[[0, 0.5, 1], [1, 0.5, 0]])
    case(function, exactly(-1.0, 0.0, 1.0), 0, kink=[[0, 0.5, 1]])
for function in (np.minimum, np.fmin):
    case(function, exactly(1.0, 2.0, 3.0), exactly(2.0, 2.0, 2.0), kink=[[1, 0.5, 0], [0, 0.5, 1]])
case(np.remainder, exactly(4.0, -4.0, 5.0), exactly(2.0, 2.0, -2.0), kink=[[1, 1, 1], [-2, 2, 3]])
case(np.fmod, exactly(4.0, -4.0, -5.0), exactly(2.0, 2.0, 2.0), kink=[[1, 1, 1], [-2, 2, 2]])
case(np.heaviside, np.array([0.0, -1.0, 0.0]), normal(2, 3))
case(np.heaviside, np.array([[2.0], [0.0]]), normal(3))
case(np.heaviside, 0.0, normal())
case(np.heaviside, np.zeros((0, 3)), normal(3))
case(np.heaviside, 0.0, normal(0, 3))
case(np.heaviside, exactly(-1.0, 0.0, 1.0), exactly(0.5, 0.5, 0.5), kink=[[0, 0, 0], [0, 1, 0]])

case(np.exp, exactly(-1000.0, -700.0, 0.0), extreme=[[0, np.exp(-700.0), 1]])
case(np.expm1, exactly(-1000.0, 1e-20), extreme=[[0, 1]])
case(np.log1p, exactly(1e-300, 1e300), extreme=[[1, 1e-300]])
case(np.tanh, exactly(-800.0, 0.0, 800.0), extreme=[[0, 1, 0]])
case(np.arctan, exactly(-1e150, 0.0, 1e150), extreme=[[1e-300, 1, 1e-300]])
case(np.arctan, exactly(1e200), extreme=[[0]])
case(np.arcsinh, exactly(-1e200, 0.0, 1e200), extreme=[[1e-200, 1, 1e-200]])
case(np.arccosh, exactly(1e200), extreme=[[1e-200]])
case(np.reciprocal, exactly(1e-150, 1e200), extreme=[[-1e300, 0]])
case(np.divide, exactly(1e-200), exactly(1e200), extreme=[[1e-200], [0]])
case(np.logaddexp, exactly(-1000.0, 0.0, 1000.0), exactly(1000.0, 0.0, -1000.0), extreme=[[0, 0.5, 1], [1, 0.5, 0]])
case(np.logaddexp, exactly(-np.inf, 0.0), exactly(0.0, -np.inf), extreme=[[0, 1], [1, 0]])
case(np.logaddexp2, exactly(-2000.0, 0.0, 2000.0), exactly(2000.0, 0.0, -2000.0), extreme=[[0, 0.5, 1], [1, 0.5, 0]])
case(np.hypot, exactly(3e200, 3e-200), exactly(4e200, 4e-200), extreme=[[0.6, 0.6], [0.8, 0.8]])
case(np.arctan2, exactly(1e150, 3.0), exactly(1e150, 4.0), extreme=[[5e-151, 0.16], [-5e-151, -0.12]])
case(np.arctan2, exactly(1e200, 1e-200), exactly(1e200, 1e-200), extreme=[[5e-201, 5e199], [-5e-201, -5e199]])
case(sigmoid, exactly(-1000.0, 0.0, 1000.0), extreme=[[0, 0.25, 0]])

# ---- choosing --------------------------------------------------------------------------------------------------------

MASK = np.array([[True, False, True], [False, False, True]])
case(np.where, MASK, normal(2, 3), normal(2, 3))
case(np.where, MASK, normal(3), normal(2, 1))
case(np.where, MASK, normal(2, 1), normal(3))
case(np.where, MASK, normal(), 1.5)
case(np.where, MASK, 1.5, normal())
case(np.where, MASK[:, None, 0], normal(2, 2), normal(2))
case(np.where, True, normal(), normal())
case(np.where, MASK[:0], normal(0, 3), normal(3))
case(np.where, MASK, complex_normal(2, 3), normal(3))

case(np.clip, normal(2, 3), -0.5, 0.5)
case(np.clip, normal(), -0.5, 0.5)
case(np.clip, normal(0, 3), -0.5, 0.5)
case(np.clip, normal(3), normal(2, 1), above_one(3))
case(np.clip, normal(2, 3), None, 0.2)
case(np.clip, normal(2, 3), a_min=-0.2, a_max=0.2)
if AT_LEAST_2_1:
    case(np.clip, normal(2, 3), min=-0.2, max=normal(3))
    case(np.clip, normal(2, 3), max=0.2)
case(np.clip, exactly(-1.0, 0.0, 1.0), -1.0, 1.0, kink=[[0.5, 1, 0.5]])
case(np.clip, exactly(-2.0, 0.0, 2.0), -1.0, 1.0)

# ---- reductions ------------------------------------------------------------------------------------------------------

REDUCTIONS: dict[Function, Callable[..., Draw]] = {
    np.sum: normal, np.mean: normal, np.prod: normal, np.var: normal, np.std: distinct,
    np.max: distinct, np.min: distinct, np.amax: distinct, np.amin: distinct, np.ptp: distinct,
}  # fmt: skip
for function, values in REDUCTIONS.items():
    case(function, values(2, 3))
    case(function, values(2, 3), axis=0)
    case(function, values(2, 3), axis=-1)
    case(function, values(2, 3), 1)
    case(function, values(2, 3, 2), axis=(0, -1))
    case(function, values(2, 3, 2), axis=1, keepdims=True)
    case(function, values(2, 3), keepdims=True)
    case(function, values(0, 3), axis=1)
    if function is not np.std:  # which has a kink at 0
        case(function, values())
for function in (np.sum, np.mean, np.prod, np.max, np.min, np.amax, np.amin):
    case(function, REDUCTIONS[function](2, 3), axis=())
for function in (np.sum, np.mean, np.prod, np.var, np.std):
    case(function, REDUCTIONS[function](2, 3), axis=1, dtype=np.float64)
    case(function, REDUCTIONS[function](3, 3), axis=0, where=np.array([[True], [False], [True]]))
    case(function, REDUCTIONS[function](3, 3), where=~np.eye(3, dtype=bool), keepdims=True)
for function in (np.sum, np.prod, np.max, np.min, np.amax, np.amin):
    start = 2.0 if function in (np.sum, np.prod) else 0.0
    case(function, REDUCTIONS[function](2, 3), axis=0, initial=start)
    case(function, REDUCTIONS[function](0, 3), axis=0, initial=start)
    case(function, REDUCTIONS[function](2, 3), axis=1, initial=start, where=MASK)
case(np.sum, normal(0))
case(np.prod, normal(0, 3), axis=0)
for function in (np.sum, np.mean):
    case(function, a=normal(2, 3))
    case(function, normal(2, 3), dtype=np.complex128)
    case(function, complex_normal(2, 3), axis=0)
case(np.sum, normal(2, 3), dtype=np.float32, kink=[np.ones((2, 3))])
for zeros in ((0.0, 2.0, 3.0), (0.0, 2.0, 0.0), (0.0, 0.0, 0.0)):
    case(np.prod, exactly(*zeros))
case(np.prod, exactly((0.0, 2.0, 3.0), (1.0, 2.0, 3.0)), axis=1, keepdims=True)
case(np.prod, complex_normal(2, 3), axis=1)
for function in (np.var, np.std):
    case(function, distinct(2, 3), axis=0, ddof=1)
    case(function, distinct(2, 3), correction=0.5)
    case(function, complex_normal(2, 3), axis=1)
for function in (np.max, np.amax):
    case(function, exactly(1.0, 3.0, 3.0), kink=[[0, 0.5, 0.5]])
    case(function, exactly((1.0, 1.0), (1.0, 1.0)), kink=[[[0.25, 0.25], [0.25, 0.25]]])
    case(function, exactly(1.0, 2.0), initial=2.0, kink=[[0, 0.5]])
    case(function, exactly(1.0, 2.0), initial=3.0, kink=[[0, 0]])
for function in (np.min, np.amin):
    case(function, exactly((1.0, 1.0), (2.0, 1.0)), axis=0, kink=[[[1, 0.5], [0, 0.5]]])
    case(function, exactly(1.0, 2.0), initial=1.0, kink=[[0.5, 0]])
case(np.std, normal(), kink=[0])
case(np.std, exactly(2.0, 2.0), kink=[[0, 0]])
case(np.std, exactly((2.0, 2.0), (1.0, 3.0)), axis=1, kink=[[[0, 0], [-0.5, 0.5]]])
case(np.ptp, exactly(1.0, 3.0, 1.0), kink=[[-0.5, 1, -0.5]])

# ---- from logits to probabilities ------------------------------------------------------------------------------------

for function in (softmax, log_softmax):
    case(function, normal(2, 3))
    case(function, normal(2, 3), 0)
    case(function, normal(2, 3), axis=0)
    case(function, normal(2, 3, 2), axis=(0, -1))
    case(function, normal(2, 3), axis=None)
    case(function, normal(), axis=None)
    case(function, normal(0, 3))
case(softmax, exactly(1000.0, 0.0, -1000.0), extreme=[[0, 0, 0]])
case(log_softmax, exactly(1000.0, 0.0, -1000.0), extreme=[[-2, 1, 1]])

# ---- products --------------------------------------------------------------------------------------------------------

case(np.matmul, normal(3), normal(3))
case(np.matmul, normal(2, 3), normal(3))
case(np.matmul, normal(3), normal(3, 2))
case(np.matmul, normal(2, 3), normal(3, 4))
case(np.matmul, normal(1, 3), normal(3, 1))
case(np.matmul, normal(2, 2, 3), normal(2, 3, 2))
case(np.matmul, normal(2, 3), normal(4, 3, 2))
case(np.matmul, normal(4, 2, 3), normal(3, 2))
case(np.matmul, normal(2, 1, 2, 3), normal(3, 3, 1))
case(np.matmul, normal(4, 2, 3), normal(3))
case(np.matmul, normal(3), normal(2, 3, 2))
case(np.matmul, normal(0, 3), normal(3, 2))
case(np.matmul, normal(2, 0), normal(0, 3))
case(np.matmul, normal(2, 3), np.arange(6).reshape(3, 2))
case(np.matmul, complex_normal(2, 3), complex_normal(3, 2))
case(np.matmul, normal(2, 3), complex_normal(3, 2))

case(np.dot, normal(), normal())
case(np.dot, normal(), normal(2, 3))
case(np.dot, normal(2, 3), normal())
case(np.dot, normal(2, 3), 2.5)
case(np.dot, 2.5, normal(2, 3))
case(np.dot, normal(3), normal(3))
case(np.dot, normal(2, 3), normal(3))
case(np.dot, normal(3), normal(3, 2))
case(np.dot, normal(2, 3), normal(3, 4))
case(np.dot, normal(2, 2, 3), normal(3))
case(np.dot, normal(3), normal(2, 3, 2))
case(np.dot, normal(2, 3), normal(4, 3, 2))
case(np.dot, normal(2, 2, 3), normal(3, 2))
case(np.dot, normal(2, 2, 3), normal(2, 3, 2))
case(np.dot, normal(0, 3), normal(3, 2))
case(np.dot, normal(2, 0), normal(0, 3))
case(np.dot, complex_normal(2, 3), complex_normal(3))

case(np.tensordot, normal(2, 3), normal(3, 4), axes=1)
case(np.tensordot, normal(4, 2, 3), normal(2, 3, 2))
case(np.tensordot, normal(2, 3), normal(2), axes=0)
case(np.tensordot, normal(2, 3, 4), normal(4, 2), axes=([0, 2], [1, 0]))
case(np.tensordot, normal(2, 3), normal(4, 3), axes=(-1, -1))
case(np.tensordot, normal(), normal(), axes=0)
case(np.tensordot, normal(0, 3), normal(3, 2), axes=1)
case(np.tensordot, normal(2, 3), [1.0, 2.0, 3.0], axes=1)
case(np.inner, normal(3), normal(3))
case(np.inner, normal(2, 3), normal(4, 3))
case(np.inner, normal(), normal(2, 3))
case(np.inner, normal(0, 3), normal(2, 3))
case(np.inner, 2.5, normal(3))
case(np.inner, [1.0, 2.0, 3.0], normal(3))
case(np.outer, [1.0, 2.0, 3.0], normal(2))
case(np.dot, [1.0, 2.0, 3.0], normal(3))
case(np.matmul, normal(2, 3), [1.0, 2.0, 3.0])
case(np.vdot, normal(3), [1.0, 2.0, 3.0])
case(np.vecdot, normal(3), [1.0, 2.0, 3.0])
case(matvec, normal(2, 3), [1.0, 2.0, 3.0])
case(vecmat, [1.0, 2.0, 3.0], normal(3, 2))
case(np.outer, normal(3), normal(2))
case(np.outer, normal(2, 2), normal(3))
case(np.outer, normal(), normal())
case(np.outer, normal(0), normal(3))
for values in (normal, complex_normal):
    case(np.vdot, values(2, 3), values(2, 3))
    case(np.vecdot, values(2, 3), values(3))
    case(np.vecdot, values(3, 2), values(3, 2), axis=0)
    case(matvec, values(2, 3), values(3))
    case(vecmat, values(3), values(3, 2))
case(np.vdot, normal(), normal())
case(np.vdot, normal(0), normal(0))
case(np.vecdot, normal(0, 3), normal(3))
case(matvec, normal(4, 2, 3), normal(4, 3))
case(matvec, normal(2, 3), normal(4, 3))
case(matvec, normal(0, 3), normal(3))
case(vecmat, normal(4, 3), normal(4, 3, 2))
case(vecmat, normal(4, 3), normal(3, 2))
case(vecmat, normal(3), normal(3, 0))

# ---- the same elements in another shape ------------------------------------------------------------------------------

for function in (np.broadcast_to, expand):
    case(function, normal(3), (2, 3))
    case(function, normal(2, 1), (4, 2, 3))
    case(function, normal(), (2, 2))
    case(function, normal(), ())
    case(function, normal(1, 3), (0, 3))
    case(function, normal(0, 3), (2, 0, 3))
case(np.broadcast_arrays, normal(3), normal(2, 1))
case(np.broadcast_arrays, normal(), normal(0, 3))
case(np.reshape, normal(2, 3), (3, 2))
case(np.reshape, normal(2, 3), -1)
case(np.reshape, normal(2, 3), (3, -1), order="F")
case(np.reshape, normal(2, 3), (3, 2), order="A")
if AT_LEAST_2_1:
    case(np.reshape, normal(2, 3), (6, 1), copy=True)
    case(np.reshape, normal(2, 3), shape=(3, 2))
case(np.reshape, normal(), (1, 1))
case(np.reshape, normal(0, 3), (3, 0))
for order in ("C", "F", "A", "K"):
    case(np.ravel, normal(2, 3), order=order)
case(np.ravel, normal())
case(np.ravel, normal(0, 3))
case(np.expand_dims, normal(2, 3), 1)
case(np.expand_dims, normal(2, 3), (0, -1))
case(np.expand_dims, normal(), 0)
case(np.expand_dims, normal(0, 3), axis=-1)
case(np.squeeze, normal(1, 3, 1))
case(np.squeeze, normal(1, 3, 1), axis=-1)
case(np.squeeze, normal(1, 3, 1), axis=(0, 2))
case(np.squeeze, normal())
case(np.squeeze, normal(1, 0, 3))
for function in (np.atleast_1d, np.atleast_2d, np.atleast_3d):
    case(function, normal())
    case(function, normal(3))
    case(function, normal(2, 3))
    case(function, normal(0, 3, 2))
    case(function, normal(), normal(2))

# ---- the same elements in another order ------------------------------------------------------------------------------

case(np.transpose, normal(2, 3))
case(np.transpose, normal(2, 3, 4), (1, 2, 0))
case(np.transpose, normal(2, 3, 4), axes=(-1, 0, 1))
case(np.transpose, normal())
case(np.transpose, normal(0, 3))
case(np.matrix_transpose, normal(2, 3))
case(np.matrix_transpose, normal(2, 3, 4))
case(np.matrix_transpose, normal(0, 3))
case(np.swapaxes, normal(2, 3, 4), 0, 2)
case(np.swapaxes, normal(2, 3, 4), -1, 1)
case(np.swapaxes, normal(0, 3), 0, 1)
case(np.moveaxis, normal(2, 3, 4), 0, -1)
case(np.moveaxis, normal(2, 3, 4), [0, 1], [-1, -2])
case(np.moveaxis, normal(0, 3), 0, 1)
case(np.rollaxis, normal(2, 3, 4), 2)
case(np.rollaxis, normal(2, 3, 4), 0, start=3)
case(np.rollaxis, normal(2, 3, 4), -1, start=-2)
case(np.rollaxis, normal(0, 3), 1)
case(np.flip, normal(2, 3))
case(np.flip, normal(2, 3), axis=-1)
case(np.flip, normal(2, 3, 2), axis=(0, 2))
case(np.flip, normal())
case(np.flip, normal(0, 3))
for function in (np.fliplr, np.flipud):
    case(function, normal(2, 3))
    case(function, normal(2, 3, 2))
    case(function, normal(0, 3))
case(np.rot90, normal(2, 3))
case(np.rot90, normal(2, 3), k=2)
case(np.rot90, normal(2, 3, 2), k=-1, axes=(1, 2))
case(np.rot90, normal(0, 3))
case(np.roll, normal(2, 3), 2)
case(np.roll, normal(2, 3), -1, axis=1)
case(np.roll, normal(2, 3), (1, 2), axis=(0, -1))
case(np.roll, normal(), 1)
case(np.roll, normal(0, 3), 1, axis=0)
for order in ("K", "C", "F", "A"):
    case(np.copy, normal(2, 3), order=order)
case(np.copy, normal())
case(np.copy, normal(0, 3))
for function in (cast, np.astype):
    case(function, normal(2, 3), np.float64)
    case(function, normal(2, 3), np.float32, kink=[np.ones((2, 3))])
    case(function, normal(2, 3), np.complex128, kink=[np.ones((2, 3))])
    case(function, normal(), np.float64)
    case(function, normal(0, 3), np.float64)
case(np.astype, normal(2, 3), np.float64, copy=False)

# ---- joining and splitting -------------------------------------------------------------------------------------------

case(np.concatenate, [normal(2, 3), normal(1, 3)])
case(np.concatenate, [normal(2, 3), normal(2, 1), normal(2, 2)], axis=-1)
case(np.concatenate, [normal(2, 3), normal(2)], axis=None)
case(np.concatenate, [normal(2, 3), np.ones((2, 3)), normal(1, 3)], axis=0)
case(np.concatenate, [normal(0, 3), normal(2, 3)])
case(np.concatenate, [normal(2), normal(1)], dtype=np.float64)
case(np.concatenate, [normal(2), normal(1)], dtype=np.float32, casting="unsafe", kink=[[1, 1], [1]])
case(np.concatenate, [normal(2), complex_normal(1)])
case(np.concatenate, (normal(2), [1.0, 2.0], normal(1)))
case(np.stack, [normal(2, 3), normal(2, 3)])
case(np.stack, [normal(2, 3), normal(2, 3)], axis=-1)
case(np.stack, [normal(), normal(), 1.5])
case(np.stack, [normal(0, 3), normal(0, 3)], axis=1)
case(np.stack, [normal(2), normal(2)], dtype=np.float64)
case(np.vstack, [normal(3), normal(2, 3)])
case(np.vstack, [normal(), normal()])
case(np.vstack, [normal(0, 3), normal(3)])
case(np.vstack, [normal(2), normal(2)], dtype=np.float64)
case(np.hstack, [normal(3), normal(2)])
case(np.hstack, [normal(2, 3), normal(2, 1)])
case(np.hstack, [normal(), normal()])
case(np.hstack, [normal(0), normal(3)])
case(np.hstack, [normal(2), normal(2)], dtype=np.float64)
case(np.dstack, [normal(2, 3), normal(2, 3)])
case(np.dstack, [normal(3), normal(3)])
case(np.dstack, [normal(), normal()])
case(np.dstack, [normal(0, 3, 1), normal(0, 3)])
case(np.column_stack, [normal(3), normal(3, 2)])
case(np.column_stack, [normal(), normal()])
case(np.column_stack, [normal(0), normal(0, 2)])
case(np.append, normal(2, 3), normal(2))
case(np.append, normal(2, 3), normal(1, 3), axis=0)
case(np.append, normal(2), 1.5)
case(np.append, normal(), normal())
case(np.append, normal(0), normal(2))
for function in (np.split, np.array_split):
    case(function, normal(4, 2), 2)
    case(function, normal(2, 6), [1, 4], axis=1)
    case(function, normal(2, 6), 3, axis=-1)
    case(function, normal(0, 4), 2, axis=1)
    case(function, normal(5), [3, 7])
    case(function, normal(5), [-2])
case(np.array_split, normal(5, 2), 3)
case(np.vsplit, normal(4, 2), 2)
case(np.vsplit, normal(0, 2), 1)
case(np.hsplit, normal(2, 4), [1])
case(np.hsplit, normal(4), 2)
case(np.hsplit, normal(0, 4), 2)
case(np.dsplit, normal(2, 2, 4), 2)
case(np.dsplit, normal(0, 2, 4), 2)
case(unstack, normal(3, 2))
case(unstack, normal(3, 2), axis=-1)
case(unstack, normal(0, 2), axis=1)

# ---- reading and writing parts ---------------------------------------------------------------------------------------

INDICES: list[Any] = [
    1, -1, np.int64(1), np.array(1), (0, 2), slice(1, None), slice(None, None, -1), slice(0, 0),
    (slice(None), slice(0, 3, 2)), Ellipsis, (Ellipsis, 0), None, (slice(None), None, 1), (), True,
    np.array([0, 1, 0, 0]), np.array([[0, 1], [1, 1]]), np.array([-1, 1]), np.array([], int),
    (np.array([0, 1, 1]), np.array([2, 0, 0])), (slice(None), np.array([2, 2])), (0, np.array([1, 1, 2])),
    (np.array([1, 1]), None, slice(0, 2)), np.array([True, False]), (np.array([True, False]), 1),
    (Ellipsis, np.array([True, False, True])), MASK, MASK & False,
]  # fmt: skip
for index in INDICES:
    result = np.empty((2, 3))[index]
    case(operator.getitem, normal(2, 3), index)
    case(scatter, normal(*result.shape), index, (2, 3))
    case(assign, normal(2, 3), normal(*result.shape), index)
case(operator.getitem, normal(2, 3), [0, 1, 0])
case(operator.getitem, normal(2, 3), ([0, 1], [2, 2]))
case(operator.getitem, normal(), ())
case(operator.getitem, normal(), (None, Ellipsis))
case(operator.getitem, normal(0, 3), (slice(None), 1))
case(operator.getitem, complex_normal(2, 3), (slice(None), np.array([2, 2])))
case(scatter, normal(), (), ())
case(scatter, normal(2, 0), (slice(None), slice(0, 0)), (2, 3))
case(assign, normal(2, 3), 1.5, (0, slice(None)))
case(assign, normal(2, 3), normal(), (slice(None), 1))
case(assign, normal(2, 3), normal(3), slice(None))
case(assign, normal(2, 3), normal(2, 1), slice(None))
case(assign, normal(2, 3), normal(), np.array([0, 0]))
case(assign, normal(2, 3), normal(1, 3), np.array([1, 1]))
case(assign, normal(2, 3), normal(1, 2, 3), slice(None))
case(assign, normal(3), normal(3), [2, 2, 0])
case(assign, normal(), normal(), ())
case(assign, normal(0, 3), normal(3), slice(None))
case(assign, np.ones((2, 3)), normal(3), 0)


# ---- new arrays, and writing into old ones ---------------------------------------------------------------------------


def copied_into(dst: Any, src: Any, **keywords: Any) -> Any:
    """What np.copyto makes of its first argument."""
    target = np.copy(dst)
    np.copyto(target, src, **keywords)
    return target


CALLED_BY: dict[Function, Function] = {copied_into: np.copyto}

case(copied_into, normal(2, 3), normal(2, 3))
case(copied_into, normal(2, 3), normal(3))
case(copied_into, normal(2, 3), normal())
case(copied_into, normal(2, 3), 1.5)
case(copied_into, normal(2, 3), normal(2, 1), where=MASK)
case(copied_into, normal(2, 3), normal(3), casting="no")
case(copied_into, normal(), normal())
case(copied_into, normal(0, 3), normal(3))
case(np.full_like, normal(2, 3), normal())
case(np.full_like, normal(2, 3), normal(3))
case(np.full_like, normal(2, 3), normal(2), shape=(3, 2))
case(np.full_like, normal(2, 3), normal(2, 1), dtype=np.float64)
case(np.full_like, normal(), normal())
case(np.full_like, normal(0, 3), normal())
for function in (np.zeros_like, np.ones_like, np.empty_like):
    case(function, normal(2, 3))
    case(function, normal(2, 3), dtype=np.float32)

# ---- functions without a derivative ----------------------------------------------------------------------------------

for function in (np.sign, np.floor, np.ceil, np.trunc, np.rint, np.signbit, np.spacing,
                 np.isfinite, np.isinf, np.isnan, np.isreal, np.iscomplex, np.isposinf, np.isneginf, np.logical_not,
                 np.iscomplexobj, np.isrealobj, np.nonzero, np.flatnonzero, np.argwhere,
                 np.shape, np.ndim, np.size, np.result_type, np.min_scalar_type, np.common_type,
                 np.array_repr, np.array_str, np.array2string, np.linalg.matrix_rank):  # fmt: skip
    case(function, nonzero(2, 3))
for function in (np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal,
                 np.logical_and, np.logical_or, np.logical_xor, np.isclose, np.allclose, np.array_equal, np.array_equiv,
                 np.floor_divide, np.may_share_memory, np.shares_memory, np.result_type):  # fmt: skip
    case(function, normal(2, 3), nonzero(3))
    case(function, normal(2, 3), 0.5)
for function in (np.argmax, np.argmin, np.nanargmax, np.nanargmin, np.argsort, np.all, np.any, np.count_nonzero):
    case(function, distinct(2, 3))
    case(function, distinct(2, 3), axis=1)
case(np.argpartition, distinct(5), 2)
case(np.lexsort, (distinct(3), distinct(3)))
case(np.searchsorted, np.arange(3.0), normal(4))
case(np.searchsorted, exactly(0.0, 1.0, 2.0), 0.5)
case(np.digitize, normal(4), np.arange(3.0))
case(np.can_cast, normal(2, 3), np.float32)

# ---- what the laws compare with --------------------------------------------------------------------------------------


def plain_log_softmax(x: Array, axis: Any) -> Any:
    below = x - np.max(x, axis=axis, keepdims=True)
    return below - np.log(np.sum(np.exp(below), axis=axis, keepdims=True))


def plain_scatter(a: Array, index: Any, shape: tuple[int, ...]) -> Array:
    """Element by element: each goes where `index` found it."""
    full = np.zeros(shape, a.dtype)
    places = np.arange(full.size).reshape(shape)[index]
    for place, element in zip(np.ravel(places), np.ravel(a), strict=True):
        full.flat[place] += element
    return full


def plain_assign(a: Array, value: Any, index: Any) -> Array:
    new = np.array(a)
    new[index] = value
    return new


PLAIN_WORDS: dict[Function, Function] = {
    sigmoid: lambda x: (1 + np.tanh(x / 2)) / 2,
    relu: lambda x: np.where(x > 0, x, 0),
    softmax: lambda x, axis=-1: np.exp(plain_log_softmax(x, axis)),
    log_softmax: lambda x, axis=-1: plain_log_softmax(x, axis),
    expand: np.broadcast_to,
    cast: lambda a, dtype: a.astype(dtype),
    np.astype: lambda x, dtype, copy=True: x.astype(dtype),
    scatter: plain_scatter,
    assign: plain_assign,
}

NOT_ANALYTIC: set[Function | None] = {
    # not defined by NumPy for complex numbers
    np.cbrt, np.fabs, np.logaddexp, np.logaddexp2, np.arctan2, np.hypot, np.copysign, np.heaviside,
    np.remainder, np.fmod, np.degrees, np.radians, np.rad2deg, np.deg2rad,
    # defined, but with |x| or a conjugate in it
    np.absolute, np.conjugate, np.real, np.imag, np.var, np.std, np.vdot, np.vecdot, vecmat,
    np.ldexp, np.divmod, np.modf, np.frexp,
    # of a dtype that is not that of each argument
    cast, np.astype, assign, copied_into, np.full_like,
}  # fmt: skip

DIFFERENTIABLE = [each for each in CASES if each.function not in WITHOUT_DERIVATIVE | NEW_CONSTANT]
PLAIN = [each for each in CASES if each.function in WITHOUT_DERIVATIVE]
CONSTANT = [each for each in CASES if each.function in NEW_CONSTANT]
SMOOTH = [each for each in DIFFERENTIABLE if each.tag == "plain"]
