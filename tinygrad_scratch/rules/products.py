"""Derivatives of the products: matrices, vectors, and sums over shared axes.

All are bilinear: the cotangent of one factor is the output's cotangent times the other factor, with the axes arranged
so that the shapes fit. See Giles, "An extended collection of matrix derivative results" (2008), section 2.2.1: for
C = A B, the cotangents are G B^T and A^T G.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_scratch.rules.registry import QUICK, array, compose, define_vjp


def matmul(x1: Any, x2: Any) -> Any:
    """np.matmul, which for two small matrices takes three times as long as the method `dot`."""
    if type(x1) is np.ndarray and type(x2) is np.ndarray and x1.ndim == 2 and x2.ndim == 2:
        return x1.dot(x2)
    return np.matmul(x1, x2)


QUICK[np.matmul] = matmul
QUICK[np.dot] = lambda a, b: a.dot(b) if type(a) is np.ndarray else np.dot(a, b)


def matmul_left(g: Any, y: Any, x1: Any, x2: Any) -> Any:
    """G B^T; a vector stands for the matrix that it is part of."""
    if x1.ndim == 2 and x2.ndim == 2:
        return g.dot(x2.T)
    if x2.ndim == 1:
        return g[..., None] * x2
    if x1.ndim == 1:
        return np.matmul(x2, g[..., None])[..., 0]
    return np.matmul(g, np.swapaxes(x2, -1, -2))


def matmul_right(g: Any, y: Any, x1: Any, x2: Any) -> Any:
    """A^T G; a vector stands for the matrix that it is part of."""
    if x1.ndim == 2 and x2.ndim == 2:
        return x1.T.dot(g)
    if x1.ndim == 1:
        return g * x1 if x2.ndim == 1 else x1[:, None] * g[..., None, :]
    if x2.ndim == 1:
        return np.matmul(np.swapaxes(x1, -1, -2), g[..., None])[..., 0]
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


@compose(np.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """A matrix product: the axes that are summed over stand last in one factor and first in the other."""
    a, b = array(a), array(b)
    if np.ndim(axes) == 0:
        of_a, of_b = list(range(a.ndim - axes, a.ndim)), list(range(axes))
    else:
        of_a, of_b = ([int(i) for i in np.atleast_1d(side)] for side in axes)
    of_a, of_b = [i % a.ndim for i in of_a], [i % b.ndim for i in of_b]
    rest_a, rest_b = ([i for i in range(x.ndim) if i not in of] for x, of in ((a, of_a), (b, of_b)))
    if [a.shape[i] for i in of_a] != [b.shape[i] for i in of_b]:
        raise ValueError(
            f"np.tensordot: the axes {of_a} of shape {a.shape} do not match the axes {of_b} of shape {b.shape}."
        )
    summed = int(np.prod([a.shape[i] for i in of_a], dtype=int))
    shape = [a.shape[i] for i in rest_a] + [b.shape[i] for i in rest_b]
    left = np.transpose(a, rest_a + of_a).reshape((int(np.prod(shape[: len(rest_a)], dtype=int)), summed))
    right = np.transpose(b, of_b + rest_b).reshape((summed, int(np.prod(shape[len(rest_a) :], dtype=int))))
    return np.dot(left, right).reshape(tuple(shape))


@compose(np.inner)
def inner(a: Any, b: Any) -> Any:
    """The sum over the last axes of both."""
    a, b = array(a), array(b)
    return a * b if a.ndim == 0 or b.ndim == 0 else tensordot(a, b, axes=(-1, -1))


@compose(np.outer)
def outer(a: Any, b: Any) -> Any:
    return np.ravel(a)[:, None] * np.ravel(b)[None, :]


@compose(np.vdot)
def vdot(a: Any, b: Any) -> Any:
    return np.dot(np.conjugate(np.ravel(a)), np.ravel(b))


@compose(np.vecdot)
def vecdot(x1: Any, x2: Any, *, axis: int = -1) -> Any:
    """The sum of the products along one axis, which must be as long in both."""
    if np.shape(x1)[axis] != np.shape(x2)[axis]:
        raise ValueError(f"np.vecdot: axis {axis} of shape {np.shape(x1)} does not match that of {np.shape(x2)}.")
    return np.sum(np.conjugate(x1) * x2, axis=axis)


if hasattr(np, "matvec"):

    @compose(np.matvec)
    def matvec(x1: Any, x2: Any) -> Any:
        return np.matmul(x1, array(x2)[..., None])[..., 0]

    @compose(np.vecmat)
    def vecmat(x1: Any, x2: Any) -> Any:
        return np.matmul(np.conjugate(x1)[..., None, :], x2)[..., 0, :]
