"""The laws that every function of the table keeps, on every case of tests/cases.

The derivative of a curve is had in two ways. Where NumPy extends a function to complex numbers, from a complex step,
the imaginary part of f(x + 1e-20i), which loses no digits. Elsewhere from a central difference of eighth order.

Derivatives of higher order are compared with the derivative, had in the same way, of the gradient of the order before:
the rules themselves are evaluated at complex points.
"""

from __future__ import annotations

import functools
import inspect
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.cases import CASES, CONSTANT, DIFFERENTIABLE, PLAIN, SMOOTH
from tests.cases.table import NEED_AXES, NEED_ELEMENTS, Array, Case, exactly, normal
from tests.cases.together import together
from tinygrad_scratch import Tensor
from tinygrad_scratch.rules.indexing import assign, scatter
from tinygrad_scratch.rules.registry import COMPOSED, DEFINITIONS, known_functions, label

every_case = together(DIFFERENTIABLE)

# ---- gradients, ours and the truth -----------------------------------------------------------------------------------


def parts(result: Any) -> list[Any]:
    """The results of a call: one, or as many as np.split returns."""
    return list(result) if isinstance(result, list | tuple) else [result]


def tensors(result: Any) -> list[Tensor]:
    """The same as Tensors that nobody can write to; the exponent that np.frexp returns is a plain array."""
    found = [part if type(part) is Tensor else Tensor(part) for part in parts(result)]
    for tensor in found:
        tensor.numpy()
    return found


def leaves(values: Sequence[Any]) -> list[Tensor]:
    return tensors([Tensor(value, requires_grad=True) for value in values])


def steady(case: Case, purpose: str, likes: Sequence[Any]) -> list[Array]:
    """Arrays shaped like others, with no entry near zero, so that no error hides behind one."""
    generator = case.generator(purpose)
    found = []
    for like in likes:
        value = generator.choice([-1.0, 1.0], like.shape) * generator.uniform(0.5, 1.5, like.shape)
        if like.dtype.kind == "c":
            value = value + 1j * generator.uniform(0.5, 1.5, like.shape)
        found.append(np.asarray(value).astype(like.dtype))
    return found


def cotangents_of(case: Case, values: Sequence[Any]) -> list[Array]:
    """One cotangent for each result; ones where the case says the gradient of the sum."""
    results = [np.asarray(part) for part in parts(case.call(case.reference, [*values]))]
    return steady(case, "cotangents", results) if case.pinned is None else [np.ones_like(y) for y in results]


def pull(
    results: list[Tensor], inputs: list[Tensor], cotangents: Sequence[Array], create_graph: bool = False
) -> list[Array]:
    """Our gradients: the cotangents of the inputs, from those of the results."""
    found = [
        y.gradient(*inputs, gradient=g, create_graph=create_graph)
        for y, g in zip(results, tensors([*cotangents]), strict=True)
        if y.requires_grad
    ]
    if not found:
        return [np.zeros_like(tensor.data) for tensor in inputs]
    return [sum(more, start=first).numpy() for first, *more in zip(*found, strict=True)]


def pullback(case: Case, values: Sequence[Any], cotangents: Sequence[Array], create_graph: bool = False) -> list[Array]:
    inputs = leaves(values)
    return pull(tensors(case.call(case.function, [*inputs])), inputs, cotangents, create_graph)


STEP = 1e-20
WIDTH = 1 / 256
WEIGHTS = (4 / 5, -1 / 5, 4 / 105, -1 / 280)


def slope(curve: Callable[[Any], list[Array]], analytic: bool) -> list[Array]:
    """The derivative of a curve of arrays at 0."""
    if analytic:
        return [np.imag(part) / STEP for part in curve(1j * STEP)]
    terms = [
        [weight / WIDTH * (ahead - behind) for ahead, behind in zip(curve(i * WIDTH), curve(-i * WIDTH), strict=True)]
        for i, weight in enumerate(WEIGHTS, start=1)
    ]
    return [sum(of_part) for of_part in zip(*terms, strict=True)]


def entrywise(case: Case, values: Sequence[Array], cotangents: Sequence[Array]) -> list[Array]:
    """The true gradients, an entry at a time, from NumPy's values alone."""

    def derivative(place: int, direction: Array) -> Any:
        def paired(t: Any) -> list[Array]:
            moved = [value + t * direction if i == place else value for i, value in enumerate(values)]
            results = parts(case.call(case.reference, moved))
            total = sum(np.sum(g * y) for g, y in zip(cotangents, results, strict=True))
            return [total if case.analytic else np.real(total)]

        return slope(paired, case.analytic)[0]

    gradients = [np.zeros_like(value) for value in values]
    for place, gradient in enumerate(gradients):
        for index in np.ndindex(gradient.shape):
            direction = np.zeros_like(gradient)
            direction[index] = 1
            gradient[index] = derivative(place, direction)
            if gradient.dtype.kind == "c":
                gradient[index] -= 1j * derivative(place, 1j * direction)
    return gradients


def scales_of(results: Sequence[Array]) -> list[float]:
    """Sizes of the results, by which they are divided before they enter a sine."""
    return [1 + float(np.max(np.abs(y), initial=0.0)) for y in results]


def ladder(case: Case, values: Sequence[Any], orders: int) -> list[list[Array]]:
    """Gradients of order one, two, three: each of the slope, along one direction, of the gradient before.

    The first is of sum(c * sin(y)), so that also a linear function has a second derivative to get right.
    """
    take = np.real if case.complex else (lambda total: total)
    inputs = leaves(values)
    results = tensors(case.call(case.function, [*inputs]))
    directions = steady(case, "direction", case.draw())
    truths = [np.asarray(y) for y in parts(case.call(case.reference, case.draw()))]
    weights = steady(case, "cotangents", truths)
    scales = scales_of(truths)
    scalar: Any = sum(take(np.sum(c * np.sin(y / s))) for c, y, s in zip(weights, results, scales, strict=True))
    found = []
    for order in range(1, orders + 1):
        if scalar.requires_grad:
            gradients = scalar.gradient(*inputs, gradient=1.0, create_graph=order < orders)
        else:
            gradients = tuple(Tensor(np.zeros_like(tensor.data)) for tensor in inputs)
        scalar = sum(take(np.sum(d * gradient)) for d, gradient in zip(directions, gradients, strict=True))
        found.append([gradient.numpy() for gradient in gradients])
    return found


def assert_close(actual: Sequence[Any], expected: Sequence[Any], tolerance: float) -> None:
    """Every entry, relative to itself or to the largest of its array; rounding may leave 1e-15 of a zero."""
    for ours, true in zip(actual, expected, strict=True):
        largest = float(np.max(np.abs(true), initial=0.0))
        np.testing.assert_allclose(ours, true, rtol=tolerance, atol=tolerance * largest + 1e-15)


@functools.cache
def truth(case: Case) -> list[Array]:
    """The true gradients at the drawn values, had once for right rules and wrong ones: no rule has a part in them."""
    return entrywise(case, case.draw(), cotangents_of(case, case.draw()))


def assert_right(case: Case, gradients: list[Array], true: Callable[[], list[Array]]) -> None:
    """Our gradients against the pinned ones, digit by digit however small, or against the true ones."""
    if case.pinned is not None:
        for ours, pinned in zip(gradients, case.pinned, strict=True):
            np.testing.assert_allclose(ours, pinned, rtol=1e-12)
    else:
        assert_close(gradients, true(), 1e-13 if case.analytic else 1e-10)


# ---- the laws --------------------------------------------------------------------------------------------------------


@every_case
def test_value_is_that_of_numpy(case: Case) -> None:
    values = case.draw()
    results = tensors(case.call(case.function, leaves(values)))
    assert any(y.requires_grad for y in results)
    by_numpy_itself = case.function in DEFINITIONS and case.reference is case.function
    for ours, true in zip(results, parts(case.call(case.reference, [*values])), strict=True):
        assert (ours.shape, ours.dtype) == (np.shape(true), np.asarray(true).dtype)
        rounding = 0 if by_numpy_itself else 2e-15
        np.testing.assert_allclose(ours.data, true, rtol=rounding, atol=rounding)


@together(PLAIN)
def test_functions_without_a_derivative_return_plain_values(case: Case) -> None:
    values = case.draw()
    ours = case.call(case.function, leaves(values))
    true = case.call(case.function, [*values])
    assert type(ours) is type(true)
    assert not any(isinstance(part, Tensor) for part in parts(ours))
    np.testing.assert_equal(ours, true)


@together(CONSTANT)
def test_new_arrays_like_others_are_tensors_without_history(case: Case) -> None:
    values = case.draw()
    ours, true = case.call(case.function, leaves(values)), case.call(case.function, [*values])
    assert type(ours) is Tensor
    assert not ours.requires_grad
    assert (ours.shape, ours.dtype) == (true.shape, true.dtype)
    if case.function is not np.empty_like:
        np.testing.assert_array_equal(ours.data, true)


@every_case
def test_nothing_it_is_given_changes(case: Case) -> None:
    inputs, values = leaves(case.draw()), case.draw()
    cotangents = cotangents_of(case, values)
    kept = [g.copy() for g in cotangents]
    results = tensors(case.call(case.function, [*inputs]))
    before = [y.data.copy() for y in results]
    pull(results, inputs, cotangents)
    pull(results, inputs, cotangents, create_graph=True)
    for now, then in zip([*inputs, *results, *cotangents], [*values, *before, *kept], strict=True):
        np.testing.assert_array_equal(now.data if type(now) is Tensor else now, then)


@every_case
def test_cotangent_has_the_shape_and_dtype_of_its_argument(case: Case) -> None:
    values = case.draw()
    for gradient, value in zip(pullback(case, values, cotangents_of(case, values)), values, strict=True):
        assert (gradient.shape, gradient.dtype) == (value.shape, value.dtype)


@every_case
def test_gradient(case: Case) -> None:
    values = case.draw()
    assert_right(case, pullback(case, values, cotangents_of(case, values)), lambda: truth(case))


@together([case for case in DIFFERENTIABLE if () in case.shapes])
def test_a_rule_takes_numbers_of_numpy_for_arrays_of_no_axis(case: Case) -> None:
    values = case.draw()
    cotangents = cotangents_of(case, values)
    inputs = leaves(values)
    results = [y / 2.0 * 2.0 for y in tensors(case.call(case.function, [*inputs]))]  # whose rules return such
    for ours, also in zip(pull(results, inputs, cotangents), pullback(case, values, cotangents), strict=True):
        np.testing.assert_array_equal(ours, also)


@together(SMOOTH)
def test_second_and_third_order(case: Case) -> None:
    values = case.draw()
    directions = steady(case, "direction", values)

    def gradients_along(t: Any) -> list[Array]:
        moved = [value + t * d for value, d in zip(values, directions, strict=True)]
        first, second = ladder(case, moved, 2)
        return [*first, *second]

    _, second, third = ladder(case, values, 3)
    assert_close([*second, *third], slope(gradients_along, case.analytic), 1e-12 if case.analytic else 1e-9)


@every_case
def test_rules_do_the_same_on_arrays_and_on_tensors(case: Case) -> None:
    values = case.draw()
    cotangents = cotangents_of(case, values)
    on_tensors = pullback(case, values, cotangents, create_graph=True)
    for ours, again in zip(pullback(case, values, cotangents), on_tensors, strict=True):
        np.testing.assert_array_equal(ours, again, strict=True)


@every_case
def test_pullback_is_linear(case: Case) -> None:
    values = case.draw()
    one = cotangents_of(case, values)
    other = steady(case, "other cotangents", one)
    mixed = pullback(case, values, [2 * g - 3 * h for g, h in zip(one, other, strict=True)])
    precision = max(float(np.finfo(g.dtype).eps) for g in one if g.dtype.kind in "fc")
    of_one, of_other = pullback(case, values, one), pullback(case, values, other)
    assert_close(mixed, [2 * a - 3 * b for a, b in zip(of_one, of_other, strict=True)], 1e3 * precision)


def every_second(value: Any) -> Any:
    return value[..., ::2] if value.ndim else value


def strided(value: Any) -> Any:
    return np.repeat(value, 2, axis=-1) if value.ndim else value


def transposed(value: Any) -> Any:
    return value.T.copy()


@every_case
@pytest.mark.parametrize(("lay_out", "see"), [(strided, every_second), (transposed, np.transpose)])
def test_gradient_in_any_memory_layout(case: Case, lay_out: Any, see: Any) -> None:
    values = [see(lay_out(value)) for value in case.draw()]
    cotangents = [every_second(strided(g)) for g in cotangents_of(case, values)]
    inputs = [see(tensor) for tensor in leaves([lay_out(value) for value in case.draw()])]
    gradients = pull(tensors(case.call(case.function, [*inputs])), inputs, cotangents)
    assert_right(case, gradients, lambda: truth_of_laid_out(case, values, cotangents))


def truth_of_laid_out(case: Case, values: list[Array], cotangents: list[Array]) -> list[Array]:
    """The true gradients, which are those of any layout unless it is the layout that the function goes by."""
    laid_out, plain = (parts(case.call(case.reference, [*given])) for given in (values, case.draw()))
    is_same = all(np.allclose(one, other, equal_nan=True) for one, other in zip(laid_out, plain, strict=True))
    return truth(case) if is_same else entrywise(case, values, cotangents)


@together([case for case in DIFFERENTIABLE if case.tag != "extreme"])
def test_single_precision_stays_single(case: Case) -> None:
    single = [value.astype(np.complex64 if value.dtype.kind == "c" else np.float32) for value in case.draw()]
    double = [value.astype(np.complex128 if value.dtype.kind == "c" else np.float64) for value in single]
    cotangents = cotangents_of(case, single)
    gradients = pullback(case, single, cotangents)
    for gradient, value in zip(gradients, single, strict=True):
        assert (gradient.shape, gradient.dtype) == (value.shape, value.dtype)
    assert_close(gradients, pullback(case, double, cotangents), 2e-5)


# ---- keywords --------------------------------------------------------------------------------------------------------


def accepted(function: Any) -> dict[str, Any]:
    """The keywords that a call on Tensors may have, with their defaults."""
    if function in DEFINITIONS:
        definition = DEFINITIONS[function]
        return {name: value for name, value in definition.defaults.items() if name not in definition.rules}
    parameters = inspect.signature(COMPOSED[function]).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}


def keywords_of_numpy(function: Any) -> set[str]:
    if isinstance(function, np.ufunc):  # those are one for all, and have tests of their own
        return set()
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # NumPy 2.0 does not say it of functions written in C
        return set()
    return {p.name for p in parameters if p.default is not p.empty or p.kind is p.KEYWORD_ONLY} - {"out", "subok"}


KNOWN = known_functions()
with_rules = pytest.mark.parametrize("function", [*DEFINITIONS, *COMPOSED], ids=label)


@with_rules
def test_every_accepted_keyword_has_a_case(function: Any) -> None:
    calls = [case.keywords for case in CASES if case.rule is function]
    for name, default in accepted(function).items():
        assert name not in keywords_of_numpy(function) or any(
            name in keywords and keywords[name] is not default for keywords in calls
        ), name


@with_rules
def test_every_other_keyword_is_refused(function: Any) -> None:
    case = next(case for case in DIFFERENTIABLE if case.rule is function)
    for name in keywords_of_numpy(function) - {*accepted(function)}:
        with pytest.raises(TypeError, match=rf"\b{name}\b"):
            case.call(functools.partial(case.function, **{name: True}), leaves(case.draw()))


@with_rules
def test_every_argument_may_be_given_where_numpy_has_it(function: Any) -> None:
    """All defaults written out, by position as far as NumPy takes them so: np.sum(a, None, None, None, ...)."""
    case = next((case for case in DIFFERENTIABLE if case.function is function), None)
    if case is None or isinstance(function, np.ufunc):
        pytest.skip("it is not called by its own name, or as all ufuncs")
    try:
        signature = inspect.signature(function)
    except ValueError:
        pytest.skip("NumPy 2.0 does not tell the arguments of functions written in C")

    def in_full(*arguments: Any, **keywords: Any) -> Any:
        bound = signature.bind(*arguments, **keywords)
        bound.apply_defaults()
        bound.arguments.pop("interpolation", None)  # what older versions of NumPy call method, and deprecate
        return function(*bound.args, **bound.kwargs)

    for ours, true in zip(
        tensors(case.call(in_full, leaves(case.draw()))),
        tensors(case.call(case.function, leaves(case.draw()))),
        strict=True,
    ):
        np.testing.assert_array_equal(ours.data, true.data)


# ---- the table is complete -------------------------------------------------------------------------------------------


def test_no_rule_without_a_case_and_no_case_without_a_rule() -> None:
    assert {label(case.rule) for case in CASES} == {label(function) for function in KNOWN}


def test_no_case_is_there_twice() -> None:
    names = [str(case) for case in CASES]
    assert sorted(names) == sorted(set(names))


@with_rules
def test_every_function_has_a_case_of_one_number_and_of_none(function: Any) -> None:
    shapes = [value.shape for case in CASES if case.rule is function for value in case.draw()]
    assert () in shapes or function in NEED_AXES
    assert any(0 in shape for shape in shapes) or function in NEED_ELEMENTS


# ---- a text that the walk takes a short way through ------------------------------------------------------------------


def sigmoid_by_hand(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def sigmoid_the_other_way_round(x: Any) -> Any:
    return 1.0 / (np.exp(-x) + 1.0)


def sigmoid_whose_exponential_is_used_twice(x: Any) -> Any:
    e = np.exp(-x)
    return e + x / (1 + e) + 1 / (1 + e)


@pytest.mark.parametrize(
    "text", [sigmoid_by_hand, sigmoid_the_other_way_round, sigmoid_whose_exponential_is_used_twice]
)
@pytest.mark.parametrize("shape", [(2, 3), (), (0, 3)], ids=str)
def test_sigmoids_written_by_hand_keep_the_laws(text: Any, shape: tuple[int, ...]) -> None:
    case = Case(text, (normal(*shape),))
    for law in (
        test_gradient,
        test_second_and_third_order,
        test_pullback_is_linear,
        test_single_precision_stays_single,
    ):
        law([case])


def test_sigmoid_by_hand_has_a_gradient_also_where_exp_overflows() -> None:
    with np.errstate(over="ignore"):
        test_gradient([Case(sigmoid_by_hand, (exactly(-1000.0, 0.0, 1000.0),), pinned=[[0.0, 0.25, 0.0]])])


def test_second_derivatives_far_out_and_at_kinks() -> None:
    def second(function: Any, *at: float) -> Any:
        x = Tensor(at, requires_grad=True)
        (slope,) = np.sum(function(x)).gradient(x, create_graph=True)
        return np.sum(slope).gradient(x)[0].numpy()

    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(second(sigmoid_by_hand, -1000.0, 0.0, 1000.0), 0)
    for function in (np.linalg.norm, lambda x: np.hypot(*x), np.cbrt, lambda x: np.arctan2(*x), np.sqrt, np.std):
        np.testing.assert_array_equal(second(function, 0.0, 0.0), 0)
    assert second(lambda x: np.logaddexp(x, 1.0), np.inf) == 0


# ---- shapes and indices that nobody thought of -----------------------------------------------------------------------

SIDES: dict[str, Any] = {"max_dims": 3, "min_side": 0, "max_side": 3}


@given(arrays.mutually_broadcastable_shapes(num_shapes=3, **SIDES))
def test_broadcasting_of_any_shapes(shapes: Any) -> None:
    one, two, three = shapes.input_shapes
    test_gradient([Case(np.multiply, (normal(*one), normal(*two)))])
    test_gradient([Case(np.where, (np.ones(one, bool), normal(*two), normal(*three)))])


@given(arrays.mutually_broadcastable_shapes(signature=np.matmul.signature, **SIDES))
def test_matmul_of_any_shapes(shapes: Any) -> None:
    one, two = shapes.input_shapes
    test_gradient([Case(np.matmul, (normal(*one), normal(*two)))])


@given(st.data())
def test_reductions_over_any_axes(data: Any) -> None:
    shape = data.draw(arrays.array_shapes(min_dims=0, **SIDES))
    axes = data.draw(arrays.valid_tuple_axes(len(shape)) | st.none())
    keepdims = data.draw(st.booleans())
    for function in (np.sum, np.prod):
        test_gradient([Case(function, (normal(*shape),), {"axis": axes, "keepdims": keepdims})])


@given(st.data())
def test_any_index(data: Any) -> None:
    shape = data.draw(arrays.array_shapes(max_dims=3, max_side=3))
    index = data.draw(arrays.basic_indices(shape, allow_newaxis=True) | arrays.integer_array_indices(shape))
    part = np.empty(shape)[index].shape
    test_gradient([Case(operator.getitem, (normal(*shape), index))])
    test_gradient([Case(scatter, (normal(*part), index, shape))])
    test_gradient([Case(assign, (normal(*shape), normal(*part), index))])
