"""Another opinion: the gradients of the whole table, orders one to three, against JAX in double precision.

Runs where JAX is installed (`pip install tinygrad_scratch[referees]`) and is skipped, saying so, where it is not.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.cases import DIFFERENTIABLE, SMOOTH
from tests.cases.linalg import TEXTS, span_by_svd
from tests.cases.table import Case
from tests.cases.writing import copied_into
from tests.test_laws import assert_close, ladder, parts, scales_of, steady
from tinygrad_scratch.functional import log_softmax, relu, sigmoid, softmax
from tinygrad_scratch.rules.indexing import assign, scatter
from tinygrad_scratch.rules.shapes import cast, expand

jax = pytest.importorskip("jax", reason="JAX is not installed, so the gradients have no second referee here")
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_disable_jit", True)  # half the time, on arrays as small as these
jnp = jax.numpy


SPELLED_OTHERWISE: dict[Any, Callable[..., Any]] = {
    operator.getitem: lambda a, index: a[index],
    scatter: lambda a, index, shape: jnp.zeros(shape, a.dtype).at[index].add(a),
    assign: lambda a, value, index: jnp.asarray(a).at[index].set(value),
    expand: jnp.broadcast_to,
    copied_into: lambda dst, src, where=True, casting=None: jnp.where(where, src, dst),
    cast: lambda a, dtype: a.astype(dtype),
    sigmoid: jax.nn.sigmoid,
    relu: jax.nn.relu,
    softmax: jax.nn.softmax,
    log_softmax: jax.nn.log_softmax,
}


def of_jax(function: Any) -> Any:
    if function in TEXTS:
        return functools.partial(TEXTS[function], jnp)
    namespace = jnp.linalg if function.__module__ == "numpy.linalg" else jnp
    return SPELLED_OTHERWISE.get(function) or getattr(namespace, function.__name__)


# ---- what JAX has no call for, and where it decides otherwise --------------------------------------------------------

JOINING = {
    np.concatenate,
    np.stack,
    np.vstack,
    np.hstack,
    np.dstack,
    np.column_stack,
    np.moveaxis,
    np.split,
    np.array_split,
    np.hsplit,
}
NO_RESIDUALS = {"np.linalg.lstsq(2x4, 2x2)", "np.linalg.lstsq(1x1, 1)"}
NOT_IN_JAX: dict[str, Callable[[Case], bool]] = {
    "a list in place of an array": lambda case: case.function not in JOINING and has_list(case.arguments),
    "a list among the arrays to join": lambda case: case.function in JOINING and isinstance(case.arguments[0], tuple),
    "order in memory": lambda case: (
        "order" in case.keywords and (case.keywords["order"] != "C" or case.function is np.copy)
    ),
    "a_min=, casting=": lambda case: not {"a_min", "casting"}.isdisjoint(case.keywords),
    "a cut past the end or counted from it": lambda case: str(case).endswith(("5, [3 7])", "5, [-2])")),
    "a value with more axes than its place": lambda case: case.function is assign and str(case.arguments[1]) == "1x2x3",
    "derivatives of eigenvectors, without an option": lambda case: case.rule is np.linalg.eig,
    "real eigenvalues of a matrix that is not symmetric": lambda case: case.rule is np.linalg.eigvals,
    "columns added by the SVD": lambda case: case.function is span_by_svd and "3x3" not in str(case) and full(case),
    "a least squares solution without residuals": lambda case: str(case) in NO_RESIDUALS,
    "singular values that np.linalg.pinv cuts off, and that are not zero": lambda case: (
        case.rule is np.linalg.pinv and not {"rcond", "rtol"}.isdisjoint(case.keywords)
    ),
    "the determinant of no rows": lambda case: str(case) == "np.linalg.det(0x0)",
    "a gradient at 0 ** 0": lambda case: case.function is np.power and str(case.arguments[0]) == "[0.0,0.0,0.0,0.0]",
}

TIED = "nan where values are equal, whatever is asked of their vectors"
AT_0 = "another subgradient, or nan, at 0"
FAR_OUT = "its formula overflows far out"
OTHER_IN_JAX = {
    "np.absolute([-2.0,0.0,3.0])": "1 at 0",
    "np.fabs([-2.0,0.0,3.0])": "1 at 0",
    "np.fmax([1.0,2.0,3.0], [2.0,2.0,2.0])": "all to the second argument",
    "np.fmax([-1.0,0.0,1.0], 0)": "all to the second argument",
    "np.fmin([1.0,2.0,3.0], [2.0,2.0,2.0])": "all to the second argument",
    "np.power([0.0,0.0,2.0], [2.0,0.0,3.0])": "nan at 0 ** 0",
    "np.std(0d)": "nan where all elements are equal",
    "np.std([2.0,2.0])": "nan where all elements are equal",
    "np.std([[2.0,2.0],[1.0,3.0]], axis=1)": "nan where all elements are equal",
    "np.hypot([0.0,3.0], [0.0,4.0])": "another subgradient at the origin",
    "sums_by_eigh([[2.0,0.0,0.0],[0.0,2.0,0.0],[0.0,0.0,5.0]])": TIED,
    "square_by_eigh([[2.0,0.0,0.0],[0.0,2.0,0.0],[0.0,0.0,5.0]])": "nan, as here, and nan equals nothing",
    "best_of_rank_one([[3.0,0.0,0.0],[0.0,0.0,0.0],[0.0,0.0,0.0],[0.0,0.0,0.0]])": TIED,
    "product_of_svd([[3.0,0.0,0.0],[0.0,0.0,0.0],[0.0,0.0,0.0],[0.0,0.0,0.0]])": "nan, as here, and nan equals nothing",
    "np.linalg.norm([0.0,0.0], None)": AT_0,
    "np.linalg.norm([0.0,0.0], 1)": AT_0,
    "np.linalg.norm([0.0,0.0], 2)": AT_0,
    "np.linalg.norm([0.0,0.0], 3)": AT_0,
    "np.linalg.norm([0.0,0.0], 0.5)": AT_0,
    "np.linalg.norm([0.0,0.0], inf)": AT_0,
    "np.linalg.norm([0.0,0.0], -inf)": AT_0,
    "np.linalg.norm([0.0,4.0], 0.5)": "inf at 0",
    "np.linalg.norm([[0.0,0.0],[0.0,0.0]], fro)": AT_0,
    "np.linalg.norm([[0.0,0.0],[0.0,0.0]], nuc)": AT_0,
    "np.linalg.norm([[0.0,0.0],[0.0,0.0]], 1)": AT_0,
    "np.linalg.norm([[0.0,0.0],[0.0,0.0]], 2)": AT_0,
    "np.linalg.norm([[0.0,0.0],[0.0,0.0]], -1)": AT_0,
    "np.linalg.norm([[0.0,0.0],[0.0,0.0]], -2)": AT_0,
    "np.linalg.norm([[0.0,0.0],[0.0,0.0]], inf)": AT_0,
    "np.linalg.norm([[0.0,0.0],[0.0,0.0]], -inf)": AT_0,
    "np.linalg.norm([[2.0,0.0,0.0],[0.0,2.0,0.0],[0.0,0.0,0.0]], nuc)": "1 for a singular value of 0",
    "np.linalg.cond([[2.0,0.0],[0.0,2.0]])": "the first and the last of equal singular values",
    "np.arccosh([1e+200])": FAR_OUT,
    "np.arcsinh([-1e+200,0.0,1e+200])": FAR_OUT,
    "np.arctan2([1e+200,1e-200], [1e+200,1e-200])": FAR_OUT,
    "np.hypot([3e+200,3e-200], [4e+200,4e-200])": FAR_OUT,
}


def full(case: Case) -> Any:
    return case.keywords.get("full_matrices", True)


def has_list(values: Any) -> bool:
    return any(isinstance(value, list) for value in values)


def asked(cases: list[Case]) -> list[Case]:
    return [case for case in cases if not any(holds(case) for holds in NOT_IN_JAX.values())]


# ---- the two opinions ------------------------------------------------------------------------------------------------


def directional(function: Callable[..., Any], directions: list[Any], take: Any) -> tuple[Any, Any]:
    """The gradient of a function, and the slope of that gradient along directions."""
    gradient = jax.grad(function, argnums=tuple(range(len(directions))))
    return gradient, lambda *inputs: sum(
        take(jnp.sum(d * g)) for d, g in zip(directions, gradient(*inputs), strict=True)
    )


@pytest.mark.parametrize("case", asked(SMOOTH), ids=str)
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


@pytest.mark.parametrize("case", asked([case for case in DIFFERENTIABLE if case.pinned is not None]), ids=str)
def test_conventions_are_those_of_jax_except_where_named(case: Case) -> None:
    inputs = [jnp.asarray(value) for value in case.draw()]

    def total(*inputs: Any) -> Any:
        return sum(jnp.sum(jnp.real(y)) for y in parts(case.call(of_jax(case.function), [*inputs])))

    gradients = jax.grad(total, argnums=tuple(range(len(inputs))))(*inputs)
    pinned = case.pinned or []
    agrees = all(np.allclose(ours, theirs, rtol=1e-9, atol=0) for ours, theirs in zip(pinned, gradients, strict=True))
    assert agrees == (str(case) not in OTHER_IN_JAX)
