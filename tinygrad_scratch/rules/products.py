"""Derivatives of the products: matrices, vectors, and sums over shared axes.

All are linear in each factor: the cotangent of one is the output's cotangent times the other factors, with the axes
arranged so that the shapes fit. See Giles, "An extended collection of matrix derivative results" (2008), section 2.2.1:
for C = A B, the cotangents are G B^T and A^T G.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from string import ascii_letters, ascii_lowercase, ascii_uppercase
from typing import Any

import numpy as np

from tinygrad_scratch.rules.registry import QUICK, array, compose, define_vjp, differentiable, without_derivative
from tinygrad_scratch.rules.shapes import cast


def matmul(x1: Any, x2: Any) -> Any:
    """np.matmul, which for two small matrices takes three times as long as the method `dot`."""
    if type(x1) is np.ndarray and type(x2) is np.ndarray and x1.ndim == 2 and x2.ndim == 2:
        return x1.dot(x2)
    return np.matmul(x1, x2)


QUICK[np.matmul] = matmul
QUICK[np.dot] = lambda a, b: a.dot(b) if type(a) is type(b) is np.ndarray else np.dot(a, b)


def matmul_left(g: Any, y: Any, x1: Any, x2: Any) -> Any:
    """G B^T; a vector stands for the matrix that it is part of."""
    if x1.ndim == 2 and x2.ndim == 2:
        return g.dot(x2.T)
    if x2.ndim == 1:
        return g[..., None] * x2
    if x1.ndim == 1:
        return np.matmul(x2, g[..., None])[..., 0]
    if x1.ndim == 2:  # one matrix for a whole stack: one product sums over the stack, too
        rest = [*range(x2.ndim - 2), x2.ndim - 1]
        return np.tensordot(g, x2, axes=(rest, rest))
    return np.matmul(g, np.swapaxes(x2, -1, -2))


def matmul_right(g: Any, y: Any, x1: Any, x2: Any) -> Any:
    """A^T G; a vector stands for the matrix that it is part of."""
    if x1.ndim == 2 and x2.ndim == 2:
        return x1.T.dot(g)
    if x1.ndim == 1:
        return g * x1 if x2.ndim == 1 else x1[:, None] * g[..., None, :]
    if x2.ndim == 1:
        return np.matmul(np.swapaxes(x1, -1, -2), g[..., None])[..., 0]
    if x2.ndim == 2:
        rest = range(x1.ndim - 1)
        return np.tensordot(x1, g, axes=(rest, rest))
    return np.matmul(np.swapaxes(x1, -1, -2), g)


define_vjp(np.matmul, x1=matmul_left, x2=matmul_right)


def dot_left(g: Any, y: Any, a: Any, b: Any) -> Any:
    """`dot` sums over the last axis of `a` and the last but one of `b`."""
    if np.ndim(b) == 0 or a.ndim == 0:
        return g * b
    if a.ndim == 2 and b.ndim == 2:
        return g.dot(b.T)
    if b.ndim == 1:
        return g[..., None] * b
    kept = [*range(b.ndim - 2), b.ndim - 1]
    return np.tensordot(g, b, axes=(range(a.ndim - 1, g.ndim), kept))


def dot_right(g: Any, y: Any, a: Any, b: Any) -> Any:
    """The sum over all axes of `a` but the last, which then takes its place in `b`."""
    if np.ndim(a) == 0 or b.ndim == 0:
        return g * a
    if a.ndim == 2 and b.ndim == 2:
        return a.T.dot(g)
    lead = range(a.ndim - 1)
    summed = np.tensordot(a, g, axes=(lead, lead))
    return summed if b.ndim == 1 else np.moveaxis(summed, 0, -2)


define_vjp(np.dot, a=dot_left, b=dot_right)


def summed_axes(axes: Any, a: Any, b: Any) -> tuple[list[int], list[int]]:
    """The axes of each factor that np.tensordot sums over, in pairs, counted from the front."""
    if not np.iterable(axes):
        return list(range(a.ndim - axes, a.ndim)), list(range(axes))
    of_a, of_b = (np.atleast_1d(side).tolist() for side in axes)
    return [i % a.ndim for i in of_a], [i % b.ndim for i in of_b]


def tensordot_part(g: Any, mine: Any, other: Any, of_mine: list[int], of_other: list[int], first: int) -> Any:
    """The sum over the other factor's own axes, which in the output start at `first`; then each axis to its place."""
    own = [i for i in range(other.ndim) if i not in of_other]
    part = np.tensordot(g, other, axes=(range(first, first + len(own)), own))
    lying = [i for i in range(mine.ndim) if i not in of_mine] + [of_mine[k] for k in np.argsort(of_other)]
    return np.transpose(part, np.argsort(lying))


def tensordot_left(g: Any, y: Any, a: Any, b: Any, axes: Any = 2) -> Any:
    a, b = array(a), array(b)
    of_a, of_b = summed_axes(axes, a, b)
    return tensordot_part(g, a, b, of_a, of_b, a.ndim - len(of_a))


def tensordot_right(g: Any, y: Any, a: Any, b: Any, axes: Any = 2) -> Any:
    a, b = array(a), array(b)
    of_a, of_b = summed_axes(axes, a, b)
    return tensordot_part(g, b, a, of_b, of_a, 0)


define_vjp(np.tensordot, a=tensordot_left, b=tensordot_right)


def inner_left(g: Any, y: Any, a: Any, b: Any) -> Any:
    """`inner` sums over the last axes of both."""
    return g * b if 0 in (g.ndim, np.ndim(a), np.ndim(b)) else tensordot_left(g, y, a, b, axes=(-1, -1))


def inner_right(g: Any, y: Any, a: Any, b: Any) -> Any:
    return g * a if 0 in (g.ndim, np.ndim(a), np.ndim(b)) else tensordot_right(g, y, a, b, axes=(-1, -1))


define_vjp(np.inner, a=inner_left, b=inner_right)
define_vjp(
    np.outer,
    a=lambda g, y, a, b: np.dot(g, np.reshape(b, -1)).reshape(a.shape),
    b=lambda g, y, a, b: np.dot(np.reshape(a, -1), g).reshape(b.shape),
)


def kron_part(g: Any, mine: Any, other: Any, first: int) -> Any:
    """Each axis of the output is one of `a` and one of `b` in turn; those of the other factor are summed over."""
    of_mine, of_other = ((1,) * (g.ndim - np.ndim(x)) + np.shape(x) for x in (mine, other))
    pairs = zip(of_mine, of_other, strict=True) if first else zip(of_other, of_mine, strict=True)
    blocks = g.reshape([n for pair in pairs for n in pair])
    part = np.tensordot(blocks, np.reshape(other, of_other), axes=(range(first, 2 * g.ndim, 2), range(g.ndim)))
    return part.reshape(mine.shape)


define_vjp(
    np.kron,
    a=lambda g, y, a, b: kron_part(g, a, b, 1),
    b=lambda g, y, a, b: kron_part(g, b, a, 0),
)


# ---- products of vectors ---------------------------------------------------------------------------------------------


def conjugate(x: Any) -> Any:
    """np.conjugate, which copies real numbers."""
    return np.conjugate(x) if np.iscomplexobj(x) else x


define_vjp(
    np.vdot,
    a=lambda g, y, a, b: conjugate(g * np.reshape(b, a.shape)),
    b=lambda g, y, a, b: g * conjugate(np.reshape(a, b.shape)),
)


define_vjp(
    np.vecdot,
    x1=lambda g, y, x1, x2: conjugate(g[..., None] * x2),
    x2=lambda g, y, x1, x2: g[..., None] * conjugate(x1),
)


def outer_part(column: Any, row: Any, matrix: Any) -> Any:
    """A matrix of each column and row; where one matrix was for a whole stack of them, their sum."""
    if matrix.ndim == 2:
        stack = range(row.ndim - 1)
        return np.tensordot(column, row, axes=(stack, stack))
    return column[..., None] * row[..., None, :]


if hasattr(np, "matvec"):  # NumPy 2.2
    define_vjp(
        np.matvec,
        x1=lambda g, y, x1, x2: outer_part(g, x2, x1),
        x2=lambda g, y, x1, x2: np.matvec(np.swapaxes(x1, -1, -2), g),
    )
    define_vjp(
        np.vecmat,
        x1=lambda g, y, x1, x2: conjugate(np.matvec(x2, g)),
        x2=lambda g, y, x1, x2: outer_part(conjugate(x1), g, x2),
    )


def in_space(x: Any, axis: int) -> Any:
    """Vectors along the last axis, those of a plane with a third element 0."""
    x = np.moveaxis(x, axis, -1)
    return x if x.shape[-1] == 3 else np.concatenate([x, np.zeros_like(x[..., :1])], axis=-1)


def cross_part(g: Any, mine: Any, other: Any, of_mine: int, of_other: int, of_g: int) -> Any:
    """The other vector x g, along the axis of the argument; of two vectors in a plane, g points out of it."""
    if mine.shape[of_mine] == other.shape[of_other] == 2:
        nothing = np.zeros_like(g)
        g, of_g = np.stack([nothing, nothing, g], axis=-1), -1
    part = np.cross(in_space(other, of_other), in_space(g, of_g))[..., : mine.shape[of_mine]]
    return np.moveaxis(part, -1, of_mine if of_mine < 0 else of_mine - mine.ndim)  # broadcasting adds axes in front


def cross_left(
    g: Any, y: Any, a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Any:
    """The cross product of b and g."""
    return cross_part(g, a, b, *((axisa, axisb, axisc) if axis is None else (axis,) * 3))


def cross_right(
    g: Any, y: Any, a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Any:
    """The cross product of g and a."""
    return -cross_part(g, b, a, *((axisb, axisa, axisc) if axis is None else (axis,) * 3))


define_vjp(np.cross, a=cross_left, b=cross_right)

# ---- Einstein's sums -------------------------------------------------------------------------------------------------

SUBSCRIPTS = ascii_uppercase + ascii_lowercase  # the letters for the numbers 0 to 51
WORTH_A_PLAN = 2**15  # multiplications, from which NumPy gains more by matrix products than it takes to find them

without_derivative(np.einsum_path)


@differentiable
def einsum(
    *operands: Any,
    subscripts: str = "",
    dtype: Any = None,
    order: Any = "K",
    casting: Any = "safe",
    optimize: Any = False,
) -> Any:
    """np.einsum with its subscripts by keyword, so that all that is left are arrays."""
    return np.einsum(subscripts, *operands, dtype=dtype, order=order, casting=casting, optimize=optimize)


@compose(np.einsum)
def contraction(
    *operands: Any, dtype: Any = None, order: Any = "K", casting: Any = "safe", optimize: Any = False
) -> Any:
    """One contraction, or, where an order is to be found, one after the other: on the way back they are shared."""
    subscripts, arrays = in_letters(operands)
    keywords = {"dtype": dtype, "order": order, "casting": casting}
    if optimize is False or len(arrays) < 3:
        return einsum(*arrays, subscripts=subscripts, optimize=optimize, **keywords)
    path = np.einsum_path(subscripts, *arrays, optimize=optimize)[0]
    inputs, output = spelled_out(subscripts, [np.shape(a) for a in arrays])
    for places in path[1:]:
        taken = sorted(places, reverse=True)
        terms, factors = [inputs.pop(i) for i in taken], [arrays.pop(i) for i in taken]
        left = {*output}.union(*inputs)
        inputs.append("".join(sorted(left.intersection("".join(terms)))) if inputs else output)
        step = f"{','.join(terms)}->{inputs[-1]}"
        arrays.append(einsum(*factors, subscripts=step, optimize=len(factors) == 2, **keywords))
    return arrays[0]


def in_letters(operands: Sequence[Any]) -> tuple[str, list[Any]]:
    """The subscripts as a string, also where each operand is followed by a list of numbers; and the operands."""
    if isinstance(operands[0], str):
        return operands[0], [*operands[1:]]
    paired = len(operands) // 2 * 2
    terms = [",".join(letters(numbers) for numbers in operands[1:paired:2])]
    terms += [letters(numbers) for numbers in operands[paired:]]
    return "->".join(terms), [*operands[:paired:2]]


def letters(numbers: Any) -> str:
    for number in numbers:
        if number is not Ellipsis and number not in range(len(SUBSCRIPTS)):
            raise ValueError(f"np.einsum: a subscript is a number from 0 to 51 or Ellipsis; {number!r} is neither.")
    return "".join("..." if number is Ellipsis else SUBSCRIPTS[number] for number in numbers)


def spelled_out(subscripts: str, shapes: Sequence[tuple[int, ...]]) -> tuple[list[str], str]:
    """The labels of each operand and of the output, one for each axis: without ellipses, and with an output."""
    given, arrow, output = subscripts.replace(" ", "").partition("->")
    terms = given.split(",")
    covered = [len(shape) - len(term) + 3 if "..." in term else 0 for term, shape in zip(terms, shapes, strict=True)]
    ellipsis = "".join(c for c in ascii_letters if c not in subscripts)[: max(covered)]
    if not arrow:
        output = "..." + "".join(sorted(c for c in {*given} if c.isalpha() and given.count(c) == 1))
    inputs = [term.replace("...", ellipsis[len(ellipsis) - n :]) for term, n in zip(terms, covered, strict=True)]
    return inputs, output.replace("...", ellipsis)


@functools.lru_cache(maxsize=1024)
def exchanged(subscripts: str, shapes: tuple[tuple[int, ...], ...], position: int) -> tuple[str, str, list[int], bool]:
    """What a part of the cotangent is: subscripts, the operand's labels, which of them are missing, and how to sum.

    The labels of the output and of the operand change places. Some are missing: of an axis of length 1 that was
    broadcast, the sum is taken; and what this operand alone has was summed, so that all get the same.
    """
    inputs, output = spelled_out(subscripts, shapes)
    lengths: dict[str, int] = {}
    for labels, shape in zip(inputs, shapes, strict=True):
        lengths.update((label, n) for label, n in zip(labels, shape, strict=True) if n != 1)
    mine, given = inputs[position], ",".join([output, *inputs[:position], *inputs[position + 1 :]])
    axes = dict(zip(mine, shapes[position], strict=True))
    known = [label for label, n in axes.items() if n != 1 and label in given]
    missing = [i for i, label in enumerate(axes) if label not in known]
    return f"{given}->{''.join(known)}", mine, missing, math.prod(lengths.values()) >= WORTH_A_PLAN


def contracted_parts(
    positions: Sequence[int],
    g: Any,
    y: Any,
    *operands: Any,
    subscripts: str = "",
    dtype: Any = None,
    order: Any = "K",
    casting: Any = "safe",
    optimize: Any = False,
) -> list[Any]:
    """The same sums, with the subscripts of the output and of the operand in question exchanged."""
    shapes = tuple(np.shape(a) for a in operands)
    factors = operands if dtype is None else [cast(array(a), dtype) for a in operands]
    parts = []
    for i in positions:
        sums, labels, missing, planned = exchanged(subscripts, shapes, i)
        part = contraction(sums, g, *factors[:i], *factors[i + 1 :], optimize=planned)
        if missing:
            part = np.expand_dims(part, tuple(missing))
        parts.append(part if part.shape == shapes[i] else on_diagonal(part, labels, shapes[i]))
    return parts


define_vjp(einsum, operands=contracted_parts)


@differentiable
def on_diagonal(a: Any, labels: str, shape: tuple[int, ...]) -> Any:
    """Zeros, with `a` broadcast over the diagonal that has these labels: over all, if each axis has one of its own."""
    full = np.zeros(shape, a.dtype)
    np.einsum(diagonal(labels), full)[...] = a
    return full


def diagonal(labels: str) -> str:
    return f"{labels}->{''.join(dict.fromkeys(labels))}"


define_vjp(on_diagonal, a=lambda g, y, a, labels, shape: np.einsum(diagonal(labels), g))
