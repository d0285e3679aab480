"""Keywords and methods of ufuncs: each has NumPy's value, and the gradient of the same written out in plain calls."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cases.elementwise import ONE_ARGUMENT, TWO_ARGUMENTS
from tests.cases.table import Array, Case, complex_normal, distinct, nonzero, normal
from tests.test_laws import assert_close, cotangents_of, entrywise, leaves, parts, pull, tensors
from tinygrad_scratch import Tensor
from tinygrad_scratch.graph import ancestors

np: Any = numpy  # whose stubs know fewer calls than NumPy itself

MASK = np.array([[True, False, True], [False, False, True]])
UFUNCS = [function for function in (*ONE_ARGUMENT, *TWO_ARGUMENTS) if isinstance(function, np.ufunc)]
every_ufunc = pytest.mark.parametrize("ufunc", UFUNCS, ids=lambda ufunc: ufunc.__name__)


def arguments_of(ufunc: Any) -> list[Any]:
    draws = [ONE_ARGUMENT[ufunc]] if ufunc in ONE_ARGUMENT else TWO_ARGUMENTS[ufunc]
    return [values(2, 3) for values in draws]


def drawn(ufunc: Any) -> list[Array]:
    return Case(ufunc, tuple(arguments_of(ufunc))).draw()


def leaf(value: Any) -> Any:
    return Tensor(value, requires_grad=True)


class Program(Case):
    """A call of a text that takes floats only, so that its derivative is had by differences."""

    analytic = False


def check(text: Callable[..., Any], *arguments: Any) -> None:
    """Value and gradient of a function of arrays: the value by NumPy, the gradient by differences of that."""
    case = Program(text, arguments)
    values = case.draw()
    inputs = leaves(values)
    results = tensors(case.call(text, [*inputs]))
    for ours, true in zip(results, parts(case.call(text, [*values])), strict=True):
        assert (ours.shape, ours.dtype) == (np.shape(true), np.asarray(true).dtype)
        np.testing.assert_allclose(ours.data, true, rtol=2e-15, atol=2e-15)
    cotangents = cotangents_of(case, values)
    assert_close(pull(results, inputs, cotangents), entrywise(case, values, cotangents), 1e-9)


# ---- keywords of a call ----------------------------------------------------------------------------------------------


@every_ufunc
def test_where_computes_the_chosen_elements_and_keeps_the_others(ufunc: Any) -> None:
    def masked(*arrays: Any) -> Any:
        return ufunc(*arrays, where=MASK, out=arrays[0] * 1.0)

    inputs = leaves(drawn(ufunc))
    again = leaves(drawn(ufunc))
    result, wanted = masked(*inputs), np.where(MASK, ufunc(*again), again[0] * 1.0)
    np.testing.assert_array_equal(result.data, wanted.data)
    np.testing.assert_array_equal(result.data, masked(*drawn(ufunc)))
    cotangent = np.arange(1.0, 7.0).reshape(2, 3)
    found, true = (y.gradient(*xs, gradient=cotangent) for y, xs in ((result, inputs), (wanted, again)))
    for ours, theirs in zip(found, true, strict=True):
        np.testing.assert_allclose(ours.data, theirs.data, rtol=1e-14)


def test_where_does_not_touch_what_it_leaves_out() -> None:
    x, y = leaf([1.0, 2.0, 3.0]), leaf([1.0, 0.0, 2.0])
    result = np.divide(x, y, out=np.zeros_like(x), where=y != 0)
    np.testing.assert_array_equal(result.data, [1.0, 0.0, 1.5])
    np.sum(result).backward()
    np.testing.assert_array_equal(x.grad, [1.0, 0.0, 0.5])
    np.testing.assert_array_equal(y.grad, [-1.0, 0.0, -0.75])


def test_where_of_any_shape() -> None:
    check(lambda x, y: np.multiply(x, y, where=[True, False, True], out=np.zeros_like(x)), normal(2, 3), normal(3))
    check(lambda x: np.multiply(x, 2, where=np.array([[True], [False]]), out=np.ones_like(x)), normal(2, 3))
    check(lambda x: np.exp(x, where=False, out=x * x), normal(3))
    x = leaf(np.ones(3))
    np.testing.assert_array_equal(
        np.exp(x, where=np.array([True, False, True])).data, np.e ** np.array([1, -np.inf, 1])
    )
    result = np.multiply(x, 2.0, where=Tensor(np.array([True, False, True])), out=np.zeros_like(x))
    np.testing.assert_array_equal(result.data, [2.0, 0.0, 2.0])


def test_where_keeps_single_precision_and_the_casting_rule() -> None:
    x = leaf(np.ones(3, np.float32))
    assert np.multiply(x, 2.0, where=np.array([True, False, True])).dtype == np.float32
    with pytest.raises(TypeError, match="can't be cast to out= of int64"):
        np.exp(x, where=np.array([True, False, True]), out=np.zeros_like(x, dtype=np.int64))


@every_ufunc
def test_dtype_casting_and_order(ufunc: Any) -> None:
    plain = drawn(ufunc)
    single = {"dtype": np.float32} if ufunc is not np.float_power else {"dtype": np.float64}
    for keywords in (single, {"casting": "safe"}, {"order": "F"}, {"subok": False}):
        inputs = leaves(plain)
        result, wanted = ufunc(*inputs, **keywords), ufunc(*plain, **keywords)
        np.testing.assert_array_equal(result.data, wanted, strict=True)
        assert result.data.strides == wanted.strides
        for gradient, value in zip(result.gradient(*inputs, gradient=np.ones((2, 3))), plain, strict=True):
            assert gradient.dtype == value.dtype
            full = ufunc(*inputs).gradient(*inputs, gradient=np.ones((2, 3)))
        for ours, true in zip(result.gradient(*inputs, gradient=np.ones((2, 3))), full, strict=True):
            np.testing.assert_allclose(ours.data, true.data, rtol=2e-4 if result.dtype == np.float32 else 1e-15)


def test_dtype_and_signature_as_numpy_resolves_them() -> None:
    x: Any = Tensor(np.array([1, 2, 3]))
    for keywords in ({"dtype": np.float32}, {"signature": "ff->f"}, {"signature": (None, None, np.float32)}):
        np.testing.assert_array_equal(np.add(x, 1, **keywords).data, np.add([1, 2, 3], 1, **keywords), strict=True)
    single = leaf(np.ones(2, np.float32))
    assert np.multiply(single, 2.0, dtype=np.float64).dtype == np.float64
    assert np.multiply(single, 2.0, casting="no").dtype == np.float32
    with pytest.raises(TypeError):
        np.add(single, np.ones(2), dtype=np.float32, casting="safe")


def test_unknown_keywords_are_named() -> None:
    t = leaf([1.0])
    with pytest.raises(TypeError, match="unexpected keyword argument 'axis'"):
        np.add(t, t, axis=0)
    with pytest.raises(TypeError, match="unexpected keyword argument 'where'"):
        np.matmul(t, t, where=True)
    with pytest.raises(TypeError, match="unexpected keyword argument 'start'"):
        np.logaddexp.reduce(t, start=1.0)


def test_axes_of_products() -> None:
    check(lambda x, y: np.matmul(x, y, axes=[(1, 0), (0, 1), (0, 1)]), normal(3, 2), normal(3, 4))
    check(lambda x, y: np.matmul(x, y, axes=[(0, 1), (0, 1), (1, 0)]), normal(2, 3), normal(3, 4))
    check(lambda x, y: np.matmul(x, y, axes=[(-1, 0), (0,), (0,)]), normal(3, 2), normal(3))
    check(lambda x, y: np.vecdot(x, y, axis=0), normal(3, 2), normal(3, 2))
    check(lambda x, y: np.vecdot(x, y, axis=1, keepdims=True), normal(2, 3), normal(2, 3))
    check(lambda x, y: np.vecdot(x, y, keepdims=True), normal(2, 3), normal(3))
    check(lambda x, y: np.vecdot(x, y, axes=[0, 1, ()]), normal(3, 2), normal(2, 3))
    check(lambda x, y: np.matmul(x, y, dtype=np.complex128), normal(2, 3), normal(3, 2))
    if hasattr(np, "matvec"):
        check(lambda x, y: np.matvec(x, y, axes=[(1, 0), 0, 0]), normal(3, 2), normal(3))


# ---- reduce ----------------------------------------------------------------------------------------------------------

FOLDED = [np.logaddexp, np.logaddexp2, np.hypot, np.fmax, np.fmin, np.add, np.multiply, np.maximum, np.minimum]
IN_ORDER = [np.subtract, np.divide]


@pytest.mark.parametrize("ufunc", FOLDED, ids=lambda ufunc: ufunc.__name__)
@pytest.mark.parametrize("axis", [0, 1, -1, None, (0, 2), ()], ids=str)
@pytest.mark.parametrize("keepdims", [False, True])
def test_reduce(ufunc: Any, axis: Any, keepdims: bool) -> None:
    check(lambda x: ufunc.reduce(x, axis=axis, keepdims=keepdims), distinct(3, 2, 5))


@pytest.mark.parametrize("ufunc", IN_ORDER, ids=lambda ufunc: ufunc.__name__)
def test_reduce_in_order(ufunc: Any) -> None:
    for axis in (0, -1):
        check(lambda x, axis=axis: ufunc.reduce(x, axis), nonzero(3, 4))
    check(lambda x: ufunc.reduce(x, 0, initial=2.0, where=np.array([[True, False, True]]).T), nonzero(3, 4))
    with pytest.raises(ValueError, match="not reorderable"):
        ufunc.reduce(leaf(np.ones((2, 2))), axis=(0, 1))


def test_reduce_from_a_start_and_where_asked() -> None:
    for ufunc, start in itertools.product(FOLDED, (0.1, None)):
        if start is not None or ufunc in (np.logaddexp, np.hypot, np.add):
            check(functools.partial(ufunc.reduce, axis=1, initial=start or ufunc.identity, where=MASK), distinct(2, 3))
    check(lambda x: np.logaddexp.reduce(x, axis=1, where=MASK & False | MASK), normal(2, 3))
    check(lambda x: np.add.reduce(x, dtype=np.complex128), normal(2, 3))
    check(lambda x: np.maximum.reduce(x, dtype=np.complex128), normal(2, 3))
    check(lambda x: np.logaddexp.reduce(x, 0, np.float64), normal(4))
    check(lambda x: np.hypot.reduce(x[:0], axis=0) + x[0], normal(2, 3))
    with pytest.raises(ValueError, match="no identity"):
        np.fmax.reduce(leaf(np.ones((0, 2))))


def test_reduce_into() -> None:
    x = leaf(np.array([[1.0, 2.0], [3.0, 4.0]]))
    total = np.zeros_like(x[0])
    assert np.add.reduce(x, axis=0, out=total) is total
    np.sum(total * total).backward()
    np.testing.assert_array_equal(x.grad, [[8.0, 12.0], [8.0, 12.0]])


def test_reduce_of_many_is_a_fold_by_halves() -> None:
    x = leaf(np.linspace(0, 1, 3001))
    y = np.logaddexp.reduce(x)
    np.testing.assert_allclose(y.data, np.log(np.sum(np.exp(x.data))), rtol=1e-14)
    y.backward()
    np.testing.assert_allclose(x.grad, np.exp(x.data - y.data), rtol=1e-12)


# ---- accumulate, outer, reduceat -------------------------------------------------------------------------------------


@pytest.mark.parametrize("ufunc", [*FOLDED, *IN_ORDER, np.copysign], ids=lambda ufunc: ufunc.__name__)
def test_accumulate(ufunc: Any) -> None:
    for axis in (0, -1):
        check(lambda x, axis=axis: ufunc.accumulate(x, axis), nonzero(2, 4))
    check(lambda x: ufunc.accumulate(x), nonzero(5))
    check(lambda x: ufunc.accumulate(x[:0]) + x, normal(1))
    check(lambda x: ufunc.accumulate(x, dtype=np.float64), nonzero(5))


def test_accumulate_and_reduceat_of_many_are_few_calls() -> None:
    x = leaf(np.cos(np.arange(300.0)))
    for y in (np.maximum.accumulate(x), np.logaddexp.accumulate(x), np.multiply.reduceat(x, np.arange(0, 300, 2))):
        assert len(ancestors(y._record)) < 10
    steps: list[Any] = [x[0]]
    for part in x[1:]:
        steps.append(np.logaddexp(steps[-1], part))
    (ours,), (true,) = (np.sum(np.sin(y)).gradient(x) for y in (np.logaddexp.accumulate(x), np.stack(steps)))
    np.testing.assert_allclose(ours.data, true.data, rtol=1e-12)


@pytest.mark.parametrize("ufunc", [np.add, np.subtract, np.multiply, np.power, np.maximum], ids=lambda u: u.__name__)
def test_outer(ufunc: Any) -> None:
    values = TWO_ARGUMENTS[ufunc]
    check(lambda x, y: ufunc.outer(x, y), values[0](2, 2), values[1](3))
    check(lambda x, y: ufunc.outer(x, y), values[0](), values[1](3))
    check(lambda x: ufunc.outer(x, [1.5, 2.5]), values[0](2))
    check(lambda y: ufunc.outer(np.array([1.5, 2.5]), y), values[1](2))
    check(lambda y: ufunc.outer(np.array([1.5, 2.5]), y, dtype=np.float64), values[1](2))


@pytest.mark.parametrize("ufunc", [np.add, np.multiply, np.maximum, np.logaddexp], ids=lambda ufunc: ufunc.__name__)
def test_reduceat(ufunc: Any) -> None:
    check(lambda x: ufunc.reduceat(x, [0, 3, 1, 4]), normal(6))
    check(lambda x: ufunc.reduceat(x, np.array([0, 2]), axis=1), normal(2, 3))
    check(lambda x: ufunc.reduceat(x, np.array([1]), 0, np.float64), normal(3, 2))
    check(lambda x: np.append(ufunc.reduceat(x, np.array([], int)), x), normal(2))
    with pytest.raises(IndexError, match="out of range"):
        ufunc.reduceat(leaf(np.ones(3)), [0, 3])


# ---- at --------------------------------------------------------------------------------------------------------------

INDICES: list[Any] = [
    1, slice(None), np.array([0, 2, 0, 0]), np.array([[0, 1], [1, 1]]), (slice(None), np.array([2, 2, 1])),
    (np.array([0, 1, 1, 0]), np.array([2, 0, 0, 2])), np.array([True, False, True]), ..., np.array([], int),
]  # fmt: skip


@pytest.mark.parametrize("ufunc", [np.add, np.subtract, np.multiply, np.divide, np.hypot], ids=lambda u: u.__name__)
@pytest.mark.parametrize("index", INDICES, ids=str)
def test_at(ufunc: Any, index: Any) -> None:
    def text(x: Any, y: Any) -> Any:
        z = x * 1.0
        ufunc.at(z, index, y)
        return z * z

    part = np.empty((3, 3))[index].shape
    check(text, normal(3, 3), nonzero(*part))
    check(lambda x: text(x, 1.5), normal(3, 3))
    check(text, normal(3, 3), nonzero())


def test_at_of_one_argument() -> None:
    def text(x: Any) -> Any:
        z = x * 1.0
        np.negative.at(z, [0, 1, 1])
        np.square.at(z, [2, 2])
        return z

    check(text, normal(4))


def test_at_writes_through_views_and_is_refused_where_a_gradient_would_be_lost() -> None:
    x = leaf(np.ones(4))
    z = x * 2.0
    np.add.at(z[1:], [0, 0], x[:2])
    np.testing.assert_array_equal(z.data, [2.0, 4.0, 2.0, 2.0])
    np.sum(z).backward()
    np.testing.assert_array_equal(x.grad, [3.0, 3.0, 2.0, 2.0])
    a = np.ones(3)
    for ufunc in (np.add, np.multiply):
        with pytest.raises(TypeError, match="requires a gradient, which would be lost"):
            ufunc.at(a, [0, 1], x[:2])
    with pytest.raises(ValueError, match="leaf"):
        np.add.at(x, [0], 1.0)
    np.testing.assert_array_equal(a, np.ones(3))
    single: Any = Tensor(np.ones(2, np.float32))
    np.add.at(single, [0, 0], 2.0)
    np.testing.assert_array_equal(single.data, np.array([5.0, 1.0], np.float32), strict=True)


@given(st.lists(st.integers(-3, 2), max_size=8), st.sampled_from([np.multiply, np.add, np.fmin]))
def test_at_any_positions(places: list[int], ufunc: Any) -> None:
    def text(x: Any, y: Any) -> Any:
        z = x * 1.0
        ufunc.at(z, np.array(places, int), y)
        return z

    check(text, normal(3), normal(len(places)))


# ---- without a derivative, several outputs, higher orders ------------------------------------------------------------


def test_methods_of_comparisons_are_plain() -> None:
    t = leaf(np.array([1.0, 0.0, 3.0]))
    assert type(np.less.outer(t, t)) is np.ndarray
    np.testing.assert_array_equal(np.logical_or.accumulate(t), np.logical_or.accumulate(t.data))
    assert np.logical_and.reduce(t) == np.False_
    result = np.greater(t, 0.5, where=np.array([True, True, False]), out=np.zeros(3, bool))
    np.testing.assert_array_equal(result, [True, False, False])


def test_out_of_several_outputs() -> None:
    x = leaf(np.array([1.5, -2.25]))
    whole, part = np.zeros_like(x), np.zeros_like(x)
    found = np.modf(x, out=(part, whole))
    assert found[0] is part
    assert found[1] is whole
    np.testing.assert_array_equal(whole.data, [1.0, -2.0])
    np.sum(part * whole).backward()
    np.testing.assert_array_equal(x.grad, [1.0, -2.0])
    np.testing.assert_array_equal(np.divmod(x, 2.0, where=np.array([True, False]))[1].data, [1.5, 0.0])


def test_complex_reductions() -> None:
    check(lambda x: np.multiply.reduce(x, axis=1), complex_normal(2, 3))


def test_second_order_through_keywords_and_methods() -> None:
    x = leaf([0.5, 1.5, -1.0])
    z = x * 1.0
    np.multiply.at(z, [0, 0, 2], x)
    y = np.sum(np.exp(z, where=np.array([True, False, True]), out=z * z)) + np.logaddexp.reduce(z)

    def plain(x: Any) -> Any:
        z = np.stack([x[0] ** 2 * x[1] * 1.0, x[1] * 1.0, x[2] * x[2]])
        return np.exp(z[0]) + z[1] ** 2 + np.exp(z[2]) + np.log(np.sum(np.exp(z)))

    w = leaf(x.data)
    for ours, true in ((y, plain(w)),):
        (first,), (wanted,) = ours.gradient(x, create_graph=True), true.gradient(w, create_graph=True)
        np.testing.assert_allclose(first.data, wanted.data, rtol=1e-13)
        (second,), (also,) = np.sum(first * first).gradient(x), np.sum(wanted * wanted).gradient(w)
        np.testing.assert_allclose(second.data, also.data, rtol=1e-12)
