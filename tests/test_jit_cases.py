"""Every case of the table, through jit: the value, and the gradient, as when they are computed eagerly."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from tests.cases import CASES, DIFFERENTIABLE
from tests.cases.table import Case
from tests.cases.together import together
from tests.test_laws import cotangents_of, tensors
from tinygrad_scratch import Tensor, jit
from tinygrad_scratch.trees import leaves_of

MEANINGLESS = {np.empty_like, np.array_repr, np.array_str, np.array2string}
"""Functions whose value is whatever lies in memory, or a text, which jit refuses: it would be frozen."""


def value_of(case: Case) -> Any:
    call = case.alone
    return lambda values: call([*values])


def gradient_of(case: Case) -> Any:
    call = case.alone

    def gradient(values: list[Any], cotangents: list[Any]) -> list[Any]:
        inputs = [Tensor(value, requires_grad=True) for value in values]
        results = tensors(call([*inputs]))
        found = [y.gradient(*inputs, gradient=g) for y, g in zip(results, cotangents, strict=True) if y.requires_grad]
        if not found:
            return [np.zeros_like(value) for value in values]
        return [sum(more, start=first).numpy() for first, *more in zip(*found, strict=True)]

    return gradient


def plain(leaf: Any) -> Any:
    return leaf.numpy() if isinstance(leaf, Tensor) else leaf


def check_same(got: Any, wanted: Any) -> None:
    """Equal in structure, type, dtype and shape, and in value to the twelfth digit."""
    assert type(got) is type(wanted)
    for one, other in zip(leaves_of(got), leaves_of(wanted), strict=True):
        assert type(one) is type(other)
        mine, theirs = plain(one), plain(other)
        if not isinstance(theirs, np.ndarray | np.generic):
            np.testing.assert_equal(mine, theirs)
            continue
        assert mine.dtype == theirs.dtype
        if theirs.dtype.kind in "fc":
            np.testing.assert_allclose(mine, plain(other), rtol=1e-12, atol=1e-14)
        else:
            np.testing.assert_array_equal(mine, theirs)


@together([each for each in CASES if each.function not in MEANINGLESS])
def test_value(case: Case) -> None:
    value = value_of(case)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # eager evaluation has its own tests for them
        jitted, values = jit(value), case.draw()
        check_same(jitted(values), value(values))


@together(DIFFERENTIABLE)
def test_gradient(case: Case) -> None:
    gradient = gradient_of(case)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        values = case.draw()
        cotangents = cotangents_of(case, values)
        jitted = jit(gradient)
        check_same(jitted(values, cotangents), gradient(values, cotangents))


@together([each for each in DIFFERENTIABLE if each.tag == "plain"][::10])
def test_other_values(case: Case) -> None:
    """A program that was traced with some values is right for others: nothing of them is frozen into it."""
    gradient = gradient_of(case)
    values = case.draw()
    cotangents = cotangents_of(case, values)
    others = [value * 1.01 for value in values]
    jitted = jit(gradient)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        jitted(values, cotangents)
        check_same(jitted(others, cotangents), gradient(others, cotangents))
