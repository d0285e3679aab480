"""Another opinion: the gradients of the whole table, orders one to three, against JAX in double precision.

Runs where JAX is installed (`pip install tinygrad_scratch[referees]`) and is skipped, saying so, where it is not.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.cases import DIFFERENTIABLE, SMOOTH, Case, copied_into
from tests.test_laws import assert_close, ladder, parts, scales_of, steady
from tinygrad_scratch.functional import log_softmax, relu, sigmoid, softmax
from tinygrad_scratch.rules.indexing import assign, replace_view, scatter
from tinygrad_scratch.rules.registry import label
from tinygrad_scratch.rules.shapes import cast, expand

jax = pytest.importorskip("jax", reason="JAX is not installed, so the gradients have no second referee here")
jax.config.update("jax_enable_x64", True)
jnp = jax.numpy


def replaced(a: Any, value: Any, view: Callable[[Any], Any]) -> Any:
    """Where the view shows position i of the array, the array has the value that stands there."""
    places = view(np.arange(a.size).reshape(a.shape))
    return jnp.ravel(a).at[places.ravel()].set(jnp.ravel(jnp.broadcast_to(value, places.shape))).reshape(a.shape)


SPELLED_OTHERWISE: dict[Any, Callable[..., Any]] = {
    operator.getitem: lambda a, index: a[index],
    scatter: lambda a, index, shape: jnp.zeros(shape, a.dtype).at[index].add(a),
    assign: lambda a, value, index: jnp.asarray(a).at[index].set(value),
    replace_view: replaced,
    expand: jnp.broadcast_to,
    copied_into: lambda dst, src, where=True: jnp.where(where, src, dst),
    cast: lambda a, dtype: a.astype(dtype),
    sigmoid: jax.nn.sigmoid,
    relu: jax.nn.relu,
    softmax: jax.nn.softmax,
    log_softmax: jax.nn.log_softmax,
}


def of_jax(function: Any) -> Any:
    return SPELLED_OTHERWISE.get(function) or getattr(jnp, function.__name__)


NOT_IN_JAX = {
    "a list as an array": lambda case: any(isinstance(part, list) for part in case.arguments) and not joins(case),
    "memory order": lambda case: case.keywords.get("order") in ("A", "K") or {"order"} == {*case.keywords} & {"order"} and case.function is np.copy,
    "keyword": lambda case: bool({"a_min", "casting"} & {*case.keywords}),
    "splits past the end": lambda case: case.function in (np.split, np.array_split) and case.arguments[1] in ([3, 7], [-2]),
    "0 ** 0, which has the gradient nan in JAX": lambda case: case.function is np.power and str(case.arguments[0]).startswith("[0.0,0.0"),
}  # fmt: skip


def refused(case: Case) -> bool:
    return any(holds(case) for holds in NOT_IN_JAX.values())


def joins(case: Case) -> bool:
    """Whether the first argument is a list of arrays by the function's own signature."""
    return case.function in (np.concatenate, np.stack, np.vstack, np.hstack, np.dstack, np.column_stack)


def directional(function: Callable[..., Any], directions: list[Any], take: Any) -> tuple[Any, Any]:
    """The gradient of a function, and the slope of that gradient along directions."""
    gradient = jax.grad(function, argnums=tuple(range(len(directions))))
    return gradient, lambda *inputs: sum(take(jnp.sum(d * g)) for d, g in zip(directions, gradient(*inputs), strict=True))


@pytest.mark.parametrize("case", [case for case in SMOOTH if not refused(case)], ids=str)
def test_gradients_of_orders_one_to_three_are_those_of_jax(case: Case) -> None:
    values = case.draw()
    directions = steady(case, "direction", values)
    truths = [np.asarray(y) for y in parts(case.call(case.reference, [*values]))]
    weights, scales = steady(case, "cotangents", truths), scales_of(truths)
    take = jnp.real if any(np.iscomplexobj(y) for y in [*truths, *values]) else (lambda total: total)

    def loss(*inputs: Any) -> Any:
        results = parts(case.call(of_jax(case.function), [*inputs]))
        return sum(take(jnp.sum(c * jnp.sin(y / s))) for c, y, s in zip(weights, results, scales, strict=True))

    function: Any = loss
    for ours in ladder(case, values, 3):
        gradient, function = directional(function, directions, take)
        assert_close(ours, gradient(*map(jnp.asarray, values)), 1e-9)


OTHER_IN_JAX = {
    np.absolute: "1 at 0",
    np.fabs: "1 at 0",
    np.fmax: "a tie goes to the second argument",
    np.fmin: "a tie goes to the second argument",
    np.clip: "half of the gradient at a bound",
    np.std: "nan where all are equal",
    np.power: "nan at 0 ** 0",
    np.arccosh: "0 far out, where the square overflows",
}


@pytest.mark.parametrize("case", [case for case in DIFFERENTIABLE if case.pinned is not None and not refused(case)], ids=str)
def test_conventions_are_those_of_jax_but_for_the_named_ones(case: Case) -> None:
    inputs = [jnp.asarray(value) for value in case.draw()]

    def total(*inputs: Any) -> Any:
        return sum(jnp.sum(jnp.real(y)) for y in parts(case.call(of_jax(case.function), [*inputs])))

    gradients = jax.grad(total, argnums=tuple(range(len(inputs))))(*inputs)
    agrees = all(np.allclose(ours, theirs, rtol=1e-9, atol=0) for ours, theirs in zip(case.pinned or [], gradients, strict=True))
    assert agrees == (case.function not in OTHER_IN_JAX)
