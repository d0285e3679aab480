"""Products of matrices, and what is made of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_scratch.compiler.native import blas
from tinygrad_scratch.compiler.native.blas import ROUTINES
from tinygrad_scratch.compiler.native.lowering import Lowering, NotNativeError, described, lowers, seen
from tinygrad_scratch.compiler.native.matrices import SMALL_PRODUCT, Product, fits_blas
from tinygrad_scratch.compiler.native.places import Place
from tinygrad_scratch.compiler.program import Step, Variable, variables_in
from tinygrad_scratch.rules.products import einsum


@lowers(np.matmul, np.dot)
def product(lowering: Lowering, step: Step) -> bool:
    """Matrices, stacks of them, and vectors, which stand for matrices of one row or column."""
    if len(step.arguments) != 2 or step.keywords or not all(type(x) is Variable for x in step.arguments):
        return False
    a, b = step.arguments
    result = step.results[0]
    stacked = len(a.shape) > 2 or len(b.shape) > 2
    if result.dtype not in ROUTINES or a.dtype != result.dtype or b.dtype != result.dtype:
        return False
    if not a.shape or not b.shape or (step.function is np.dot and stacked and len(b.shape) > 2):
        return False
    left, right = lowering.places[a], lowering.places[b]
    target = lowering.new(result)
    if len(a.shape) > 2 and len(b.shape) == 2:  # one matrix for a whole stack is one product
        rows = math.prod(a.shape[:-1])
        flat = lowering.reshaped(target, (rows, b.shape[-1]))
        multiply(lowering, flat, lowering.reshaped(left, (rows, a.shape[-1])), right, described(step))
        return True
    if len(a.shape) == 1:
        left = seen(left, lambda array: array[None, :])
        target = seen(target, lambda array: array[..., None, :] if len(b.shape) > 1 else array[..., None])
    if len(b.shape) == 1:
        right = seen(right, lambda array: array[:, None])
        target = seen(target, lambda array: array[..., None])
    multiply(lowering, target, left, right, described(step))
    return True


def multiply(lowering: Lowering, target: Place, left: Place, right: Place, note: str) -> None:
    """Write down a product; a factor that BLAS can't read where it lies is copied first."""
    stack = target.shape[:-2]
    m, n, k = target.shape[-2], target.shape[-1], left.shape[-1]
    if m * n * k >= SMALL_PRODUCT:
        if blas.found() is None:
            raise NotNativeError
        left, right = (x if fits_blas(x) else lowering.copied(x) for x in (left, right))
    left, right = left.broadcast((*stack, m, k)), right.broadcast((*stack, k, n))
    lowering.operations.append(Product(target, left, right, note=note))


@lowers(np.tensordot)
def tensordot(lowering: Lowering, step: Step) -> bool:
    """Both factors turned so that the summed axes meet, then one product of two matrices."""
    a, b, *rest = step.arguments
    axes = rest[0] if rest else step.keywords.get("axes", 2)
    result = step.results[0]
    if not all(type(x) is Variable and x.dtype == result.dtype for x in (a, b)) or result.dtype not in ROUTINES:
        return False
    if any(variables_in(axes)):
        return False
    if isinstance(axes, int):
        of_a, of_b = list(range(len(a.shape) - axes, len(a.shape))), list(range(axes))
    else:
        of_a, of_b = (
            [int(i) % len(x.shape) for i in np.atleast_1d(list(side) if isinstance(side, range) else side)]
            for x, side in zip((a, b), axes, strict=True)
        )
    kept_a = [i for i in range(len(a.shape)) if i not in of_a]
    kept_b = [i for i in range(len(b.shape)) if i not in of_b]
    k = int(np.prod([a.shape[i] for i in of_a]))
    left = matrix(lowering, lowering.places[a], [*kept_a, *of_a], (-1, k) if k else None)
    right = matrix(lowering, lowering.places[b], [*of_b, *kept_b], (k, -1) if k else None)
    if left is None or right is None:
        return False
    target = lowering.reshaped(lowering.new(result), (left.shape[0], right.shape[1]))
    multiply(lowering, target, left, right, described(step))
    return True


def matrix(lowering: Lowering, place: Place, order: list[int], shape: Any) -> Place | None:
    """A place with its axes in another order, made a matrix."""
    if shape is None:
        return None
    turned = seen(place, lambda array: array.transpose(order))
    return lowering.reshaped(turned, shape)


@lowers(np.outer)
def outer(lowering: Lowering, step: Step) -> bool:
    if len(step.arguments) != 2 or not all(type(x) is Variable and len(x.shape) == 1 for x in step.arguments):
        return False
    a, b = (lowering.places[x] for x in step.arguments)
    dtype = step.results[0].dtype
    column = seen(a, lambda array: array[:, None])
    if dtype.kind != "f":
        return False
    lowering.map(step.results[0], "{0} * {1}", [column, b], [dtype, dtype], described(step))
    return True


@lowers(einsum)
def contraction(lowering: Lowering, step: Step) -> bool:
    """Two factors: the letters of both stand first, and the rest of each makes a matrix; one product for each stack.

    Sums over a letter that only one factor has, diagonals, and more than two factors are left to NumPy.
    """
    inputs, _, output = step.keywords.get("subscripts", "").replace(" ", "").partition("->")
    terms = inputs.split(",")
    result = step.results[0]
    alike = all(type(x) is Variable and x.dtype == result.dtype for x in step.arguments)
    if len(terms) != 2 or len(step.arguments) != 2 or "." in inputs or not alike or result.dtype not in ROUTINES:
        return False
    left, right = terms
    if any(len(set(term)) != len(term) for term in terms) or set(left + right) - set(left) & set(right) - set(output):
        return False
    shapes = [x.shape for x in step.arguments]
    sizes = dict(zip(left + right, (*shapes[0], *shapes[1]), strict=True))
    stretched = any(
        sizes[x] != n for term, shape in zip(terms, shapes, strict=True) for x, n in zip(term, shape, strict=True)
    )
    if stretched or not result.size:
        return False
    both = [letter for letter in left if letter in right]
    stack, summed = [x for x in both if x in output], [x for x in both if x not in output]
    rows, columns = ([x for x in term if x not in both] for term in terms)

    def arranged(place: Place, term: str, *groups: list[str]) -> Place:
        order = [term.index(letter) for letter in (*stack, *groups[0], *groups[1])]
        shape = [sizes[x] for x in stack] + [math.prod(sizes[x] for x in group) for group in groups]
        return lowering.reshaped(seen(place, lambda array: array.transpose(order)), tuple(shape))

    factors = [lowering.places[x] for x in step.arguments]
    a, b = arranged(factors[0], left, rows, summed), arranged(factors[1], right, summed, columns)
    target = Place.new((*a.shape[:-1], b.shape[-1]), result.dtype, result.name)
    multiply(lowering, target, a, b, described(step))
    lying = [*stack, *rows, *columns]
    spread = lowering.reshaped(target, tuple(sizes[x] for x in lying))
    lowering.places[result] = seen(spread, lambda array: array.transpose([lying.index(x) for x in output]))
    return True
