"""A Tensor by itself: its operators and their dtypes, its attributes, its copies, and what its setters refuse."""

from __future__ import annotations

import copy
import operator
import pickle
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

from tinygrad_scratch import Tensor, define_vjp, differentiable, enable_grad, no_grad
from tinygrad_scratch.rules.registry import DEFINITIONS, DIRECT, RULES

Array = np.ndarray[Any, Any]

X: Array = np.array([0.71, 1.63])
OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.mod]
OPERANDS: dict[str, Any] = {
    "int": 3,
    "float": 2.25,
    "bool": True,
    "np.float64": np.float64(2.25),
    "np.float32": np.float32(2.25),
    "np.float16": np.float16(2.25),
    "np.int64": np.int64(3),
    "np.int8": np.int8(3),
    "0-d array": np.array(2.25),
    "array": np.array([2.25, 1.25]),
    "single array": np.array([2.25, 1.25], np.float32),
    "int array": np.array([3, 2]),
    "bool array": np.array([True, True]),
    "column": np.array([[2.25], [1.25], [3.5]]),
    "list": [2.25, 1.25],
    "tuple": (2.25, 1.25),
    "nested list": [[2.25], [1.25]],
}


def leaf(data: Any, **keywords: Any) -> Any:
    """A Tensor that requires a gradient. Any, as NumPy's stubs would have its functions return arrays."""
    return Tensor(data, requires_grad=True, **keywords)


def difference(function: Callable[[Array], Any], x: Array) -> Array:
    """The derivative of sum(function(x)), where each result depends on one element, from a central difference."""
    slopes = np.empty_like(x)
    for i in np.ndindex(*x.shape):
        step = np.zeros_like(x)
        step[i] = 1e-6
        slopes[i] = np.sum((function(x + step) - function(x - step)) / 2e-6)
    return slopes


# ---- operators -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("other", OPERANDS.values(), ids=OPERANDS)
@pytest.mark.parametrize("operate", OPERATORS, ids=lambda operate: operate.__name__)
@pytest.mark.parametrize("swapped", [False, True], ids=["t op x", "x op t"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_operators_take_any_operand_on_either_side(operate: Any, other: Any, swapped: bool, dtype: Any) -> None:
    def compute(x: Any) -> Any:
        return operate(other, x) if swapped else operate(x, other)

    t = leaf(X, dtype=dtype)
    result, wanted = compute(t), compute(X.astype(dtype))
    assert type(result) is Tensor
    assert result.dtype == wanted.dtype
    np.testing.assert_array_equal(result.numpy(), wanted)
    result.sum().backward()
    assert t.grad is not None
    assert t.grad.dtype == dtype
    np.testing.assert_allclose(t.grad, difference(compute, X), rtol=1e-6 if dtype is np.float64 else 1e-5, atol=1e-7)


BINARY = [f for f in DEFINITIONS if isinstance(f, np.ufunc) and f.nin == 2 and f.signature is None]


@pytest.mark.parametrize("function", BINARY, ids=lambda function: function.__name__)
@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.bool_, np.float16])
def test_narrow_operands_do_not_narrow_the_gradient(function: Any, dtype: Any) -> None:
    """A pixel of 100 squares to 16 in eight bits, and has a logarithm of three digits."""
    narrow = np.array([100, 3, 1], dtype)
    for swapped in (False, True):
        t, same = leaf([0.7, 1.3, 0.2]), leaf([0.7, 1.3, 0.2])
        try:
            y = function(narrow, t) if swapped else function(t, narrow)
        except TypeError:
            continue  # NumPy's own refusal: ldexp takes a float, then an integer
        if not y.requires_grad:
            continue  # declared piecewise constant
        np.sum(y).backward()
        wide = narrow.astype(int if function is np.ldexp else float)
        np.sum(function(wide, same) if swapped else function(same, wide)).backward()
        np.testing.assert_allclose(t.grad, same.grad, rtol=1e-14)


@pytest.mark.parametrize("other", [np.eye(2), [[1.0, 2.0], [3.0, 4.0]], np.ones((3, 2, 2)), Tensor(np.eye(2))])
def test_matrix_products_take_arrays_on_either_side(other: Any) -> None:
    plain = other.numpy() if type(other) is Tensor else np.asarray(other)
    t = leaf([[1.0, 2.0], [3.0, 5.0]])
    np.sum(t @ other).backward()
    np.sum(other @ t).backward()
    batch = plain.reshape(-1, 2, 2)
    ones = np.ones((2, 2))
    np.testing.assert_allclose(t.grad, np.sum([ones @ b.T + b.T @ ones for b in batch], axis=0))


def test_operands_may_be_lists_of_tensors() -> None:
    t, a, b = leaf([1.0, 2.0]), leaf(3.0), leaf(4.0)
    for product in (t * [a, b], (a, b) * t, np.multiply(t, [a, b])):
        np.testing.assert_array_equal(product.numpy(), [3.0, 8.0])
    np.sum(t * [a, b]).backward()
    assert a.grad == 1.0
    assert b.grad == 2.0


def test_unary_operators() -> None:
    t = leaf([-1.0, 2.0])
    np.sum(-t * 10 + +t + abs(t) * 100).backward()
    np.testing.assert_array_equal(t.grad, [-109.0, 91.0])


COMPARISONS = [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]


@pytest.mark.parametrize("other", [1.0, X, [0.5, 2.0], np.float32(1.0), Tensor(X), leaf(X)])
@pytest.mark.parametrize("compare", COMPARISONS, ids=lambda compare: compare.__name__)
def test_comparisons_are_plain_booleans(compare: Any, other: Any) -> None:
    t, plain = leaf(X), other.numpy() if type(other) is Tensor else other
    assert type(compare(t, other)) is np.ndarray
    np.testing.assert_array_equal(compare(t, other), compare(X, plain))
    np.testing.assert_array_equal(compare(other, t), compare(np.asarray(plain), X))


def test_floor_division_is_constant_and_divmod_is_half_so() -> None:
    t = leaf([5.0, 7.0])
    quotient, rest = divmod(t, 3)
    np.testing.assert_array_equal((t // 3).data, [1.0, 2.0])
    np.testing.assert_array_equal(quotient.data, [1.0, 2.0])
    np.sum(rest * rest + quotient).backward()
    np.testing.assert_array_equal(t.grad, [4.0, 2.0])


# ---- as a value ------------------------------------------------------------------------------------------------------


def test_attributes() -> None:
    t = leaf(np.zeros((2, 3), np.float32), name="t")
    assert t.dtype == np.float32
    assert (t.shape, t.ndim, t.size, t.nbytes, t.itemsize, len(t)) == ((2, 3), 2, 6, 24, 4, 2)
    assert t.T.shape == (3, 2)
    assert t.name == "t"
    assert t.requires_grad
    assert repr(Tensor([1.0], name="b")) == "Tensor([1.], shape=(1,), dtype=float64, name='b')"
    assert f"{Tensor(2.0):.2f}" == "2.00"
    assert f"{Tensor([2])}" == str(Tensor([2])) == "Tensor([2], shape=(1,), dtype=int64)"


def test_tensors_are_keys_by_identity() -> None:
    a, b = Tensor(1.0), Tensor(1.0)
    assert {a: "a", b: "b"}[a] == "a"
    assert len({a, b, a}) == 2


def test_iteration_gives_rows_that_gradients_flow_through() -> None:
    t = leaf([[1.0, 2.0], [3.0, 4.0]])
    first, second = t
    np.sum(first * second).backward()
    np.testing.assert_array_equal(t.grad, [[3.0, 4.0], [1.0, 2.0]])


def test_names_belong_to_one_tensor() -> None:
    x, y = leaf(1.0), leaf(2.0)
    dx, dy = (x + y).gradient(x, y)
    dx.name = "dx"
    assert dy.name is None


def test_data_is_copied_on_the_way_in_and_read_only_on_the_way_out() -> None:
    data = np.array([1.0, 2.0])
    t = leaf(data)
    y = np.sum(t * t)
    data[:] = 9
    for shown in (t.numpy(), t.data, np.asarray(t.detach()), t[:1].numpy(), t.reshape(2, 1).data):
        with pytest.raises(ValueError, match="read-only"):
            shown[...] = 0
    y.backward()
    np.testing.assert_array_equal(t.grad, [2.0, 4.0])


@pytest.mark.parametrize(
    "call",
    [
        lambda t, out: np.sum(t, 0, None, out),
        lambda t, out: np.max(t, 0, out, np._NoValue, np._NoValue),
        lambda t, out: t.std(0, None, out, 1),
        lambda t, out: t.cumsum(None, None, out),
        lambda t, out: np.clip(t, 0.2, 0.7, out),
        lambda t, out: t.round(1, out),
        lambda t, out: t.take([1, 0], 0, out, "wrap"),
        lambda t, out: np.dot(t, t, out),
        lambda t, out: np.concatenate([t, t], 0, out),
    ],
)
def test_out_is_taken_by_position_too(call: Any) -> None:
    values, t = np.array([0.1, 0.9]), Tensor([0.1, 0.9], requires_grad=True)
    expected = np.empty_like(np.asarray(call(values, None)))
    call(values, expected)
    out = Tensor(np.zeros_like(expected))
    assert call(t, out) is out
    np.testing.assert_allclose(out.numpy(), expected)
    assert out.requires_grad


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.append(x, 1.5),
        lambda x: np.block([x, 1.5]),
        lambda x: np.choose([0, 1], [x, 1.5]),
        lambda x: np.where(x > 0, x, 1.5),
        lambda x: np.insert(x, 0, 1.5),
        lambda x: np.emath.sqrt(-x.astype(np.int8)),
        lambda x: np.linalg.lstsq(np.array([[1, 2], [3, 4]]), x, rcond=None)[0],
    ],
)
def test_numbers_beside_single_precision_count_as_in_numpy(call: Any) -> None:
    values = np.array([1.0, 2.0], np.float32)
    t = Tensor(values, requires_grad=True)
    result = call(t)
    assert result.dtype == call(values).dtype
    if isinstance(result, Tensor):
        result.sum().backward()
        assert t.grad is not None


def test_an_error_inside_of_a_composed_function_says_what_was_written() -> None:
    with pytest.raises(ValueError, match="same shape") as caught:
        np.stack([Tensor([1.0, 2.0]), Tensor([1.0])], axis=0)
    assert caught.value.__notes__ == ["in np.stack([float64[2], float64[1]], axis=0)"]


def test_the_shape_can_not_be_set() -> None:
    with pytest.raises(AttributeError, match=r"Write t = t.reshape\(\(2, 1\)\)"):
        Tensor([1.0, 2.0]).shape = (2, 1)


def test_bits_and_membership() -> None:
    numbers, flags = Tensor([1, 2, 6]), Tensor([True, False, True])
    np.testing.assert_array_equal(~flags & [True, True, False], [False, True, False])
    np.testing.assert_array_equal((numbers << 1) | (1 ^ numbers >> 1), [3, 4, 14])
    assert 6 in numbers
    assert 3 not in numbers


def test_astype_without_a_copy_is_the_tensor_itself() -> None:
    t = Tensor([[1.0, 2.0]])
    assert t.astype(float, copy=False) is t
    assert t.astype("f4", order="F").flags.f_contiguous


def test_clip_without_bounds_is_a_copy() -> None:
    t: Any = Tensor([1.0, 2.0])
    clipped = np.clip(t, None, None)
    clipped += 1.0
    np.testing.assert_array_equal(t.numpy(), [1.0, 2.0])


# ---- copies ----------------------------------------------------------------------------------------------------------


def test_copies_are_written_on_their_own_and_carry_gradients() -> None:
    w = leaf([1.0, 2.0])
    twins: list[Any] = [copy.copy(w), w.copy(), np.copy(w)]
    for twin in twins:
        twin *= 3.0
        np.sum(twin).backward()
    np.testing.assert_array_equal(w.numpy(), [1.0, 2.0])
    np.testing.assert_array_equal(w.grad, [9.0, 9.0])


def test_deepcopy_of_a_leaf_is_a_leaf_of_its_own() -> None:
    w = leaf([1.0], name="w")
    w.grad = np.array([5.0])
    twins: Any = copy.deepcopy({"a": w, "b": [w]})
    a = twins["a"]
    assert type(a) is Tensor
    assert a is twins["b"][0]
    assert a is not w
    np.sum(a * 2.0).backward()
    assert a.name == "w"
    np.testing.assert_array_equal(a.grad, [7.0])
    np.testing.assert_array_equal(w.grad, [5.0])


def test_deepcopy_of_others() -> None:
    w, c = leaf([1.0]), Tensor([2.0])
    computed, constant = copy.deepcopy((w * 3.0, c))
    computed.backward()
    np.testing.assert_array_equal(w.grad, [3.0])
    constant[0] = 7.0
    np.testing.assert_array_equal(c.numpy(), [2.0])


def test_pickling_is_refused() -> None:
    with pytest.raises(TypeError, match=r"can't be pickled.*np\.savez"):
        pickle.dumps(Tensor([1.0]))


# ---- setters ---------------------------------------------------------------------------------------------------------


def test_data_can_be_replaced_and_recorded_values_stay() -> None:
    w = leaf([3.0], name="w")
    loss = np.sum(w * w)
    w.data = [100.0]
    loss.backward()
    np.testing.assert_array_equal(w.grad, [6.0])
    assert w.name == "w"
    with pytest.raises(ValueError, match=re.escape("shape (2,) can't replace that of Tensor 'w' of shape (1,)")):
        w.data = [1.0, 2.0]
    with pytest.raises(TypeError, match=r"computed from other Tensors.*make a leaf of it"):
        (w * 1.0).data = [1.0]


def test_views_follow_replaced_data() -> None:
    w = leaf([1.0, 2.0, 3.0])
    view = w[:2]
    w.data = [7.0, 8.0, 9.0]
    np.testing.assert_array_equal(view.numpy(), [7.0, 8.0])
    with no_grad():
        view[0] = 0.0
    np.testing.assert_array_equal(w.numpy(), [0.0, 8.0, 9.0])


def test_grad_can_be_set_and_is_copied() -> None:
    w, given = leaf([3.0, 4.0]), np.array([1.0, 2.0])
    w.grad = given
    given[:] = 0
    np.testing.assert_array_equal(w.grad, [1.0, 2.0])
    w.grad *= 2
    np.testing.assert_array_equal(w.grad, [2.0, 4.0])
    with pytest.raises(ValueError, match=re.escape("A gradient of shape (1,) does not fit")):
        w.grad = [1.0]
    with pytest.raises(AttributeError, match=r"write loss.gradient\(t\)"):
        _ = (w * 1).grad
    with pytest.raises(AttributeError, match=r"requires no gradient, so it has no \.grad to set"):
        Tensor(1.0).grad = 1.0


def test_requires_grad_can_be_switched() -> None:
    t = Tensor([2.0])
    assert t.grad is None
    t.requires_grad = True
    np.sum(t * t).backward()
    np.testing.assert_array_equal(t.grad, [4.0])
    with pytest.raises(TypeError, match=r"follows from its inputs.*write t.detach\(\)"):
        (t * 1).requires_grad = False
    t.requires_grad = False
    assert not (t * t).requires_grad
    with pytest.raises(TypeError, match="holds no floats"):
        Tensor([1]).requires_grad = True


def test_a_view_can_not_become_a_leaf() -> None:
    """A write to the flat vector that parameters were cut out of would end their gradients in silence."""
    flat = Tensor(np.ones(4))
    part = flat[:2]
    with pytest.raises(TypeError, match="is a view of another Tensor, so it can't become a leaf"):
        part.requires_grad = True


@pytest.mark.parametrize(
    ("data", "keywords", "message"),
    [
        ([1, 2], {"requires_grad": True}, "needs floating data.*Write 1.0 for 1"),
        (["a"], {}, "holds numbers, but this list makes an array of dtype <U1"),
        (None, {}, "dtype object"),
        (np.array([1.0, None]), {}, "dtype object"),
        (np.ma.array([1.0], mask=[True]), {}, "its mask would be lost"),
        (leaf(1.0), {}, r"would drop its history.*Write t.copy\(\)"),
        ([leaf(1.0)], {}, "would be lost if it were turned into an array"),
        (np.array(["2020-01-01"], "M8[D]"), {}, "dtype datetime64"),
    ],
)
def test_what_is_no_array_of_numbers_is_refused(data: Any, keywords: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        Tensor(data, **keywords)


# ---- backward and gradient: what they refuse -------------------------------------------------------------------------


def test_backward_says_what_it_misses() -> None:
    t = leaf([1.0, 2.0], name="t")
    with pytest.raises(ValueError, match=r"holds 2 numbers.*np.sum\(t\).*gradient=, an array of shape \(2,\)"):
        (t * 2).backward()
    with pytest.raises(ValueError, match=re.escape("gradient has shape (3,), but must have the shape (2,)")):
        (t * 2).backward(np.ones(3))
    with pytest.raises(TypeError, match="gradient has dtype complex128"):
        (t * 2).backward(np.ones(2) * 1j)
    with pytest.raises(TypeError, match="depends on no Tensor that requires a gradient"):
        Tensor([1.0]).sum().backward()
    with no_grad():
        loss = np.sum(t)
    with pytest.raises(TypeError, match="computed under no_grad"):
        loss.backward()
    with pytest.raises(ValueError, match="complex: pass its cotangent"):
        np.sum(t * 1j).backward()


def test_gradient_says_what_it_was_asked_for() -> None:
    t, c = leaf([1.0, 2.0]), Tensor([1.0], name="c")
    loss = np.sum(t * c)
    with pytest.raises(TypeError, match=r"input 1, Tensor 'c' .*requires no gradient"):
        loss.gradient(t, c)
    with pytest.raises(TypeError, match="input 0, a list"):
        loss.gradient([t])
    with pytest.raises(ValueError, match="must have the shape"):
        loss.gradient(t, gradient=[1.0])


@pytest.mark.parametrize("seed", [[1.0, 10.0], np.array([1, 10]), np.array([1, 10], np.float32), Tensor([1.0, 10.0])])
def test_cotangents_of_any_kind_are_taken(seed: Any) -> None:
    t = leaf([1.0, 2.0])
    (t * t).backward(seed)
    np.testing.assert_array_equal(t.grad, [2.0, 40.0])


def test_a_leaf_is_its_own_gradient() -> None:
    t, other = leaf(3.0), leaf([1.0])
    t.backward()
    t.backward(2.0)
    assert t.grad == 3.0
    mine, none, again = t.gradient(t, other, t)
    assert mine.item() == again.item() == 1.0
    np.testing.assert_array_equal(none.numpy(), [0.0])


@pytest.mark.parametrize("state", [no_grad, enable_grad])
def test_way_outs_that_are_always_open(state: Any) -> None:
    t = leaf([2.5])
    with state():
        assert t.item() == 2.5
        assert t.tolist() == [2.5]
        assert t.numpy()[0] == 2.5
        assert not t.detach().requires_grad


def test_frozen_leaves_keep_the_gradients_of_what_was_recorded() -> None:
    w = leaf([1.0, 2.0])
    loss = np.sum(w * w)
    w.requires_grad = False
    w.requires_grad = True
    loss.backward()
    np.testing.assert_array_equal(w.grad, [2.0, 4.0])


def test_a_recorded_function_returns_an_array() -> None:
    @differentiable
    def total(x: Any, times: Any = 1) -> Any:
        return float(np.sum(x)) * times

    define_vjp(total, x=lambda g, y, x, times=1: g * times * np.ones_like(x))
    w = leaf([1.0, 2.0])
    total(w, times=3).backward()
    np.testing.assert_array_equal(w.grad, [3.0, 3.0])

    @differentiable
    def listed(x: Any) -> Any:
        return [x, x]

    define_vjp(listed, x=lambda g, y, x: g)
    with pytest.raises(TypeError, match="listed returned a list, but what is recorded returns an array or a tuple"):
        listed(w)
    for function in (total, listed):
        del DEFINITIONS[function], RULES[function]
        DIRECT.discard(function)


class Pair(NamedTuple):
    whole: Any
    squares: Any
    count: Any


def test_a_function_of_several_outputs_has_one_rule() -> None:
    @differentiable
    def pair(x: Any, times: Any = 1) -> Any:
        return Pair(times * x, x**2, x.size)

    define_vjp(pair, x=lambda g, y, x, times=1: g[0] * times + 2 * g[1] * y[0] / times)
    w = leaf([1.0, 2.0])
    result = pair(w, times=3)
    assert type(result) is Pair
    assert result.count == 2
    assert type(pair(Tensor([1.0])).squares) is Tensor
    np.sum(result.whole + result.squares * result.whole).backward()
    np.testing.assert_allclose(w.grad, 3 + 9 * w.data**2)
    np.sum(pair(w).squares).backward()
    np.testing.assert_allclose(w.grad, 3 + 9 * w.data**2 + 2 * w.data)
    (slope,) = np.sum(pair(w).squares * w).gradient(w, create_graph=True)
    np.testing.assert_allclose(np.sum(slope).gradient(w)[0].data, 6 * w.data)
    del DEFINITIONS[pair], RULES[pair]
    DIRECT.discard(pair)


def test_a_rule_that_returns_nothing_is_named() -> None:
    @differentiable
    def careless(x: Any) -> Any:
        return x * 1.0

    define_vjp(careless, x=lambda g, y, x: None)
    with pytest.raises(AttributeError) as caught:
        careless(leaf(1.0)).backward()
    assert "in the derivative rule of careless" in caught.value.__notes__[0]
    del DEFINITIONS[careless], RULES[careless]
    DIRECT.discard(careless)


def test_the_conjugate_of_real_numbers_is_the_same_memory() -> None:
    z = leaf(X) * 1.0
    z.conj()[0] = 5.0
    assert z.tolist() == [5.0, 1.63]
    w = leaf(X + 1j)
    assert w.conj().tolist() == w.conjugate().tolist() == (X - 1j).tolist()


@pytest.fixture
def define() -> Iterator[Any]:
    """Gives a function its rule, until the end of the test."""
    defined: list[Any] = []

    def with_rule(function: Any, rule: Any) -> Any:
        defined.append(define_vjp(differentiable(function), x=rule))
        return defined[-1]

    yield with_rule
    for function in defined:
        del DEFINITIONS[function], RULES[function]


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_rule_can_not_change_a_cotangent_that_others_get_too(define: Any, create_graph: bool) -> None:
    def doubled(g: Any, y: Any, x: Any) -> Any:
        g *= 2
        return g

    x = leaf([1.0, 2.0])
    y = np.sum(define(lambda x: 2 * x, doubled)(x) + x)
    if create_graph:  # of a Tensor, each rule has one of its own
        assert y.gradient(x, create_graph=True)[0].tolist() == [3.0, 3.0]
    else:
        with pytest.raises(ValueError, match="read-only") as caught:
            y.backward()
        assert "in the derivative rule of <lambda>" in caught.value.__notes__[0]


def test_what_a_function_or_a_rule_returned_can_not_be_overwritten_by_its_next_call(define: Any) -> None:
    memory = np.zeros(2)
    into_memory = define(lambda x: np.multiply(x, 2, out=memory), lambda g, y, x: 2 * g)
    x = leaf([1.0, 2.0])
    into_memory(x)
    with pytest.raises(ValueError, match="read-only"):
        into_memory(x)

    cotangents = np.zeros(2)
    careless = define(lambda x: 2 * x, lambda g, y, x: np.multiply(g, 2, out=cotangents))
    with pytest.raises(ValueError, match="read-only"):
        np.sum(careless(x) * careless(3 * x)).backward()


def test_a_part_of_what_a_function_keeps_is_copied(define: Any) -> None:
    memory = np.zeros(3)

    def shown(x: Any) -> Any:
        np.multiply(x, 2, out=memory[1:])
        return memory[1:]

    into_part = define(shown, lambda g, y, x: 2 * g)
    x = leaf([1.0, 2.0])
    first = into_part(x)
    np.sum(first * into_part(3 * x)).backward()
    assert first.tolist() == [2.0, 4.0]
    assert x.grad.tolist() == [24.0, 48.0]


def test_a_sigmoid_by_hand_keeps_its_digits_far_out() -> None:
    z = leaf([-1000.0, -40.0, 30.0, 40.0])
    with np.errstate(over="ignore"):
        y = np.sum(1 / (1 + np.exp(-z)))
    wanted = [0.0, np.exp(-40.0), np.exp(-30.0) / (1 + np.exp(-30.0)) ** 2, np.exp(-40.0)]
    for create_graph in (False, True):
        (slope,) = y.gradient(z, create_graph=create_graph)
        np.testing.assert_allclose(slope.numpy(), wanted, rtol=1e-14)
