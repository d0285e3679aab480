"""The doors by which NumPy and Python reach a Tensor: each carries the gradient, or refuses by name."""

from __future__ import annotations

import cmath
import contextlib
import decimal
import fractions
import itertools
import json
import math
import operator
import random
import statistics
import struct
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from tinygrad_scratch import Tensor, no_grad, tensor
from tinygrad_scratch.functional import sigmoid, softmax
from tinygrad_scratch.rules.registry import DEFINITIONS

Array = np.ndarray[Any, Any]
in_place: Any = operator  # whose functions that write have no types


class Pair(NamedTuple):
    a: Any
    b: Any


def leaf(*values: float) -> Any:
    return Tensor(values if len(values) != 1 else values[0], requires_grad=True)


# ---- ways out of the graph: refused while a gradient would be lost ---------------------------------------------------

# Each is called with a vector t and a number s that require a gradient, and a plain array a.
LOST: dict[str, Callable[..., Any]] = {
    "asarray": lambda t, s, a: np.asarray(t),
    "asarray of another dtype": lambda t, s, a: np.asarray(t, np.float32),
    "array of one": lambda t, s, a: np.array(t, copy=True),
    "array of vectors": lambda t, s, a: np.array([t, t]),
    "array of numbers": lambda t, s, a: np.array([s, 1.0, s]),
    "array of objects": lambda t, s, a: np.array([s, s], dtype=object),
    "ascontiguousarray": lambda t, s, a: np.ascontiguousarray(t),
    "as_strided": lambda t, s, a: np.lib.stride_tricks.as_strided(t),
    "a[:] = t": lambda t, s, a: operator.setitem(a, slice(None), t),
    "a[:] = s": lambda t, s, a: operator.setitem(a, slice(None), s),
    "objects[:] = t": lambda t, s, a: operator.setitem(a.astype(object), slice(None), t),
    "full": lambda t, s, a: np.full(3, s),
    "full of a dtype": lambda t, s, a: np.full(3, s, dtype=float),
    "full_like": lambda t, s, a: np.full_like(a, s),
    "copyto": lambda t, s, a: np.copyto(a, t),
    "copyto where": lambda t, s, a: np.copyto(a, t, where=a > 3),
    "vectorize": lambda t, s, a: np.vectorize(math.exp)(t),
    "ndenumerate": lambda t, s, a: np.ndenumerate(t),
    "broadcast": lambda t, s, a: np.broadcast(t, a),
    "c_": lambda t, s, a: np.c_[t, t],
    "r_": lambda t, s, a: np.r_[t, t],
    "arange": lambda t, s, a: np.arange(s),
    "legacy random": lambda t, s, a: np.random.normal(s, 1.0),
    "random": lambda t, s, a: np.random.default_rng(0).normal(t),
    "permutation": lambda t, s, a: np.random.default_rng(0).permutation(t),
    "Polynomial": lambda t, s, a: np.polynomial.Polynomial(t),
    "masked": lambda t, s, a: np.ma.array(t),
    "masked * t": lambda t, s, a: np.ma.array(a, mask=[True, False]) * t,
    "masked where": lambda t, s, a: np.ma.masked_where(a > 3, t),
    "np.float64": lambda t, s, a: np.float64(s),
    "np.float32": lambda t, s, a: np.float32(t),
    "math.exp": lambda t, s, a: math.exp(s),
    "math.fsum": lambda t, s, a: math.fsum([s, s]),
    "math.floor": lambda t, s, a: math.floor(s),
    "cmath.exp": lambda t, s, a: cmath.exp(s),
    "float": lambda t, s, a: float(s),
    "int": lambda t, s, a: int(s),
    "complex": lambda t, s, a: complex(s),
    "bool": lambda t, s, a: bool(s),
    "not": lambda t, s, a: not s,
    "all": lambda t, s, a: all([s, s]),
    "index of a list": lambda t, s, a: [1.0][s],
    "index of an array": lambda t, s, a: a[s],
    "range": lambda t, s, a: range(s),
    "bytes": lambda t, s, a: bytes(t),
    "%f": lambda t, s, a: "%f" % s,  # noqa: UP031
    "fmean": lambda t, s, a: statistics.fmean([s, s]),
    "add.reduce of a list": lambda t, s, a: np.add.reduce([s, s]),
    "sum of a list": lambda t, s, a: np.sum([s, s]),
    "exp of a list": lambda t, s, a: np.exp([s, s]),
    "add of lists": lambda t, s, a: np.add([s, s], a),
    "list * array": lambda t, s, a: [s, s] * a,
    "nested lists": lambda t, s, a: np.concatenate([[s], [s]]),
    "ours of a list": lambda t, s, a: softmax([s, s]),
    "deque": lambda t, s, a: np.block(deque([t, t])),
    "Tensor of a list": lambda t, s, a: Tensor([s, s]),
}


@pytest.mark.parametrize("way_out", LOST.values(), ids=LOST)
def test_ways_out_are_refused_by_name(way_out: Callable[..., Any]) -> None:
    a = np.array([3.0, 4.0])
    with pytest.raises(TypeError, match=r"requires a gradient, which would be lost if it were .*Write "):
        way_out(leaf(1.0, 2.0), leaf(2.0), a)
    np.testing.assert_array_equal(a, [3.0, 4.0])


@pytest.mark.parametrize("way_out", [LOST["asarray"], LOST["float"], LOST["math.exp"], LOST["full"], LOST["a[:] = t"]])
def test_ways_out_are_open_where_no_gradient_is_wanted(way_out: Callable[..., Any]) -> None:
    way_out(Tensor([1.0, 2.0]), Tensor(2.0), np.zeros(2))
    with no_grad():
        way_out(leaf(1.0, 2.0), leaf(2.0), np.zeros(2))


# NumPy words these errors itself and chains ours, which says what to write instead.
CHAINED: dict[str, Callable[..., Any]] = {
    "a[0] = s": lambda s, a: operator.setitem(a, 0, s),
    "fromiter": lambda s, a: np.fromiter([s, s], float),
    "sum with initial": lambda s, a: np.sum(a, initial=s),
}


@pytest.mark.parametrize("way_out", CHAINED.values(), ids=CHAINED)
def test_ways_out_that_numpy_reports(way_out: Callable[..., Any]) -> None:
    a = np.array([3.0, 4.0])
    with pytest.raises(ValueError, match="setting an array element") as caught:
        way_out(leaf(2.0), a)
    assert "would be lost if it were turned into a float" in str(caught.value.__cause__)
    np.testing.assert_array_equal(a, [3.0, 4.0])


FOREIGN: dict[str, Callable[..., Any]] = {
    "math.trunc": math.trunc,
    "json": json.dumps,
    "memoryview": memoryview,
    "statistics.mean": lambda s: statistics.mean([s, s]),
    "fraction": lambda s: fractions.Fraction(1, 2) + s,
    "decimal": lambda s: decimal.Decimal(1) * s,
    "pow with a modulus": lambda s: pow(s, 2, 5),
    "bitwise": lambda s: s ^ 1,
    "invert": lambda s: ~s,
    "nditer": np.nditer,
    "generator": lambda s: np.stack(part for part in [s]),  # type: ignore[call-overload]
    "struct": lambda s: struct.pack("d", s),
    "setting a shape": lambda s: setattr(s, "shape", (1,)),
    "text": lambda s: s * "a",
    "None": lambda s: s + None,
    "a dict": lambda s: s * {1: 2},
    "an object": lambda s: object() * s,
    "a moment": lambda s: s * np.timedelta64(3, "s"),
    "moments": lambda s: s * np.array([3], "m8[s]"),
    "texts": lambda s: s * np.array(["a"]),
    "numbers as objects": lambda s: s * np.array([1.0, 2.0], dtype=object),
    "a masked array": lambda s: s * np.ma.array([1.0], mask=[True]),
}


@pytest.mark.parametrize("use", FOREIGN.values(), ids=FOREIGN)
def test_what_has_no_meaning_is_an_error(use: Callable[..., Any]) -> None:
    with pytest.raises((TypeError, AttributeError, struct.error)):
        use(leaf(2.0))


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_matrices_are_refused_as_their_product_is_another() -> None:
    for product in (lambda m, t: m * t, lambda m, t: t * m, np.multiply):
        with pytest.raises(TypeError, match="matrix would lose what that type adds"):
            product(np.matrix(np.eye(2)), Tensor(np.eye(2), requires_grad=True))


def test_object_arrays_never_swallow_tensors() -> None:
    """NumPy multiplies objects one by one, and what comes back must not be taken for an array of numbers."""
    s, t = leaf(2.0), leaf(1.0, 2.0)
    boxes = np.empty(2, object)
    boxes[0], boxes[1] = s, s
    with pytest.raises(TypeError, match="needs numbers"):
        _ = t * boxes
    with pytest.raises(TypeError, match="needs numbers"):
        _ = boxes * t
    np.sum(boxes).backward()  # without a vector, each product is one of ours
    assert s.grad == 2.0


# ---- NumPy's functions: known, unknown, and with arguments that no rule honours --------------------------------------

REFUSED: dict[str, Callable[..., Any]] = {
    "np.save": lambda t, a: np.save("never written", t),
    "np.savez": lambda t, a: np.savez("never written", t=t),
    "np.savez_compressed": lambda t, a: np.savez_compressed("never written", t),
    "np.savetxt": lambda t, a: np.savetxt("never written", t),
}


@pytest.mark.parametrize("name", REFUSED)
def test_functions_that_would_lose_the_gradient_say_what_to_write(name: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TypeError, match=rf"{name} of a Tensor would lose the gradient.*t\.numpy\(\)"):
        REFUSED[name](leaf(1.0, 2.0), np.array([3.0, 4.0]))
    assert not list(tmp_path.iterdir())


def test_unknown_functions_are_refused_by_name(monkeypatch: Any) -> None:
    fewer = {function: definition for function, definition in DEFINITIONS.items() if function is not np.broadcast_to}
    monkeypatch.setattr(tensor, "DEFINITIONS", fewer)
    with pytest.raises(TypeError, match=r"np.broadcast_to has no derivative rule.*would lose.*nearest.*define_vjp"):
        np.broadcast_to(leaf(1.0, 2.0), (3, 2))


def test_unknown_functions_of_constants_run_as_they_are() -> None:
    larger = np.frompyfunc(max, 2, 1)
    assert larger.reduce(Tensor([3.0, 4.0])) == 4.0
    with no_grad():
        assert larger.reduce(leaf(3.0, 4.0)) == 4.0


WRITING: dict[str, Callable[..., Any]] = {
    "fill_diagonal": lambda m: np.fill_diagonal(m, 9.0),
    "put": lambda m: np.put(m, [0], 9.0),
    "place": lambda m: np.place(m, np.ones((2, 2), bool), [9.0]),
    "putmask": lambda m: np.putmask(m, np.ones((2, 2), bool), 9.0),
    "put_along_axis": lambda m: np.put_along_axis(m, np.zeros((1, 2), int), 9.0, 0),
    "nan_to_num": lambda m: np.nan_to_num(m, copy=False, posinf=9.0),
    "a view of einsum": lambda m: np.einsum("ii->i", m).fill(9.0),
    "a view of real_if_close": lambda m: np.real_if_close(m).fill(9.0),
    "a view of trim_zeros": lambda m: np.trim_zeros(m[1]).fill(9.0),
}


@pytest.mark.parametrize("write", WRITING.values(), ids=WRITING)
@pytest.mark.parametrize("tracked", [False, True], ids=["constant", "leaf under no_grad"])
def test_functions_that_write_never_change_what_was_recorded(write: Callable[..., Any], tracked: bool) -> None:
    m = Tensor([[np.inf, 2.0], [3.0, 4.0]], requires_grad=tracked)
    w = Tensor(np.ones((2, 2)), requires_grad=True)
    product = w * m
    with no_grad(), contextlib.suppress(TypeError, ValueError, RuntimeError):
        write(m)
    (gradient,) = product.gradient(w, gradient=np.ones((2, 2)))
    np.testing.assert_array_equal(gradient.numpy(), [[np.inf, 2.0], [3.0, 4.0]])


KEYWORDS: dict[str, tuple[Callable[..., Any], str]] = {
    "where=t": (lambda t, a: np.add(a, 1, where=t), r"np.add: where= takes booleans.*where=t > 0"),
    "sum where=t": (lambda t, a: np.sum(a, where=t), r"np.add: where= takes booleans"),
    "sum of t where=t": (
        lambda t, a: np.sum(t, where=t),
        "np.sum has no derivative with respect to its argument 'where'",
    ),
    "reduce where=t": (lambda t, a: np.add.reduce(a, where=t), r"np.add: where= takes booleans.*where=t > 0"),
    "initial=t": (lambda t, a: np.sum(t, initial=t), "np.sum has no derivative with respect to its argument 'initial'"),
    "axis=t": (lambda t, a: np.sum(t, axis=t), "np.sum has no derivative with respect to its argument 'axis'"),
    "a list of t": (lambda t, a: np.reshape(a, [t]), "no derivative|would be lost"),
    "out by position": (lambda t, a: np.sum(t, None, None, a), "np.sum was to write a result that requires a gradient"),
    "dot's out": (lambda t, a: np.dot(t, 2.0, a), "np.dot was to write a result that requires a gradient"),
    "clip's out": (lambda t, a: np.clip(t, 0, 1, a), "clip"),
    "concatenate's out": (lambda t, a: np.concatenate([t, t], 0, a), "concatenate"),
    "misspelt": (lambda t, a: np.sum(t, axes=0), "unexpected keyword argument 'axes'"),  # type: ignore[call-overload]
    "ours": (lambda t, a: sigmoid(t, where=a), "sigmoid of a Tensor does not support the keyword 'where'"),  # type: ignore[call-arg]
}


@pytest.mark.parametrize("name", KEYWORDS)
def test_arguments_that_no_rule_honours_are_refused(name: str) -> None:
    use, message = KEYWORDS[name]
    a = np.array([3.0, 4.0])
    with pytest.raises(TypeError, match=message):
        use(leaf(1.0, 2.0), a)
    np.testing.assert_array_equal(a, [3.0, 4.0])


def test_a_ufunc_of_objects_is_refused_by_name() -> None:
    larger = np.frompyfunc(max, 2, 1)
    for use in (lambda t: larger(t, t), larger.reduce, larger.accumulate, lambda t: larger.outer(t, t)):
        with pytest.raises(TypeError, match="has no derivative rule"):
            use(leaf(1.0, 2.0))


@pytest.mark.parametrize(
    ("reduce", "wanted"),
    [
        (lambda m: np.add.reduce(m), np.ones((2, 2))),
        (lambda m: np.add.reduce(m, axis=None), np.ones((2, 2))),
        (lambda m: np.multiply.reduce(m, axis=1, keepdims=True), [[2.0, 1.0], [4.0, 3.0]]),
        (lambda m: np.maximum.reduce(m, axis=0), [[0.0, 0.0], [1.0, 1.0]]),
        (lambda m: np.minimum.reduce(m, 1), [[1.0, 0.0], [1.0, 0.0]]),
        (lambda m: np.add.reduce(m, where=np.eye(2, dtype=bool)), np.eye(2)),
    ],
)
def test_reductions_by_ufunc(reduce: Callable[..., Any], wanted: Any) -> None:
    m = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    np.sum(reduce(m)).backward()
    np.testing.assert_array_equal(m.grad, wanted)


# ---- out= ------------------------------------------------------------------------------------------------------------

INTO_ARRAYS: dict[str, Callable[..., Any]] = {
    "out=": lambda t, a: np.add(a, t, out=a),
    "out=(a,)": lambda t, a: np.exp(t, out=(a,)),
    "by position": lambda t, a: np.add(a, t, a),
    "a += t": lambda t, a: in_place.iadd(a, t),
    "a -= t": lambda t, a: in_place.isub(a, t),
    "a *= t": lambda t, a: in_place.imul(a, t),
    "a /= t": lambda t, a: in_place.itruediv(a, t),
    "a **= t": lambda t, a: in_place.ipow(a, t),
    "a %= t": lambda t, a: in_place.imod(a, t),
    "row += s": lambda t, a: in_place.iadd(a[:1], t[:1]),
    "sum": lambda t, a: np.sum(t[None], axis=0, out=a),
    "stack": lambda t, a: np.concatenate([t[:1], t[1:]], out=a),
    "dot": lambda t, a: np.dot(t[None], np.eye(2), out=a[None]),
}


@pytest.mark.parametrize("write", INTO_ARRAYS.values(), ids=INTO_ARRAYS)
def test_a_gradient_can_not_be_written_into_a_plain_array(write: Callable[..., Any]) -> None:
    a = np.array([3.0, 4.0])
    with pytest.raises(TypeError, match=r"can't keep its history. Write a = a \+ t for a \+= t.*np.zeros_like\(t\)"):
        write(leaf(1.0, 2.0), a)
    np.testing.assert_array_equal(a, [3.0, 4.0])


def test_matmul_into_a_plain_array_is_refused() -> None:
    a = np.array([3.0, 4.0])
    with pytest.raises(TypeError, match=r"np\.matmul"):
        a @= Tensor(np.eye(2), requires_grad=True)
    np.testing.assert_array_equal(a, [3.0, 4.0])


def test_out_may_be_a_tensor() -> None:
    t: Any = leaf(1.0, 2.0)
    target: Any = Tensor(np.zeros(2))
    assert np.multiply(t, t, out=target) is target
    np.sum(target).backward()
    np.testing.assert_array_equal(t.grad, [2.0, 4.0])
    constant = np.zeros(2)
    np.add(Tensor([1.0, 2.0]), 1.0, out=constant)
    np.testing.assert_array_equal(constant, [2.0, 3.0])


# ---- doors that are open: the gradient goes through ------------------------------------------------------------------

OPEN: dict[str, tuple[Callable[..., Any], float, float]] = {
    "sum()": (lambda s, u: sum([s, u, s]), 2.0, 1.0),
    "math.prod": (lambda s, u: math.prod([s, u, s]), 12.0, 4.0),
    "max()": (lambda s, u: max([s, u]), 0.0, 1.0),
    "min()": (lambda s, u: min(s, u, key=lambda v: v.item()), 1.0, 0.0),
    "sorted()": (lambda s, u: sorted([u, s])[0] * 3, 3.0, 0.0),
    "median": (lambda s, u: statistics.median([s, u]), 0.5, 0.5),
    "accumulate": (lambda s, u: list(itertools.accumulate([s, u]))[-1], 1.0, 1.0),
    "random.gauss": (lambda s, u: random.Random(1).gauss(s, 0.0), 1.0, 0.0),
    "number += s": (lambda s, u: in_place.iadd(np.float64(1.0), s * u), 3.0, 2.0),
    "list += t": (lambda s, u: np.sum(in_place.iadd([1.0, 1.0], np.stack([s, u]))), 1.0, 1.0),
    "stack": (lambda s, u: np.sum(np.stack([s, 1.0, u]) * [1.0, 2.0, 3.0]), 1.0, 3.0),
    "deque": (lambda s, u: np.sum(np.concatenate(deque([s[None], u[None]]))), 1.0, 1.0),
    "namedtuple": (lambda s, u: np.sum(np.stack(Pair(s, u)) ** 2), 4.0, 6.0),
    "mixed list": (lambda s, u: np.sum(np.ones(3) * np.stack([s, u, np.float32(2.0)])), 1.0, 1.0),
    "a list as operand": (lambda s, u: np.sum(np.multiply(np.stack([s, u]), [u, s])), 6.0, 4.0),
    "a Tensor as condition": (lambda s, u: np.where(s < u, s, u), 1.0, 0.0),
    "append": (lambda s, u: np.sum(np.append([1.0], np.append(s, u))), 1.0, 1.0),
    "by keyword": (lambda s, u: np.sum(a=np.stack(arrays=[s, u]), axis=None), 1.0, 1.0),
    "objects": (lambda s, u: sum({"s": s, "u": [u]}["u"]) * 2, 0.0, 2.0),
    "full_like": (lambda s, u: np.sum(np.full_like(u[None], s)), 1.0, 0.0),
    "divmod of an array": (lambda s, u: np.sum(divmod(np.array([7.0]), u)[1] * s), 1.0, -4.0),
}


@pytest.mark.parametrize("name", OPEN)
def test_open_doors_carry_the_gradient(name: str) -> None:
    use, ds, du = OPEN[name]
    s, u = leaf(2.0), leaf(3.0)
    found = use(s, u).gradient(s, u)
    assert [part.item() for part in found] == [ds, du]


def test_truths_and_positions_are_plain() -> None:
    t = leaf(3.0, 1.0, 2.0)
    for plain in (np.argsort(t), t.argmax(), np.isnan(t), np.where(t > 1), np.shape(t), np.allclose(t, t)):
        assert not isinstance(plain, Tensor)
    assert 3.0 in t
    np.testing.assert_array_equal(np.array([1, 2, 3])[t > 1.5], [1, 3])


# ---- what a call was given is kept as it was -------------------------------------------------------------------------

GIVEN: dict[str, tuple[Callable[..., Any], Any]] = {
    "operand": (lambda t, a: t * a, np.array([3.0, 4.0])),
    "reflected operand": (lambda t, a: a / t, np.array([3.0, 4.0])),
    "product": (lambda t, a: a @ t, np.eye(2)),
    "index": (lambda t, a: t[a], np.array([0, 0])),
    "index in a tuple": (lambda t, a: t[None][0, a], np.array([0, 0])),
    "list index": (lambda t, a: t[a], [0, 0]),
    "mask": (lambda t, a: t[a], np.array([True, False])),
    "condition": (lambda t, a: np.where(a, t, 0.0), np.array([True, False])),
    "where=": (lambda t, a: np.sum(t, where=a), np.array([True, False])),
    "a view of what is changed": (lambda t, a: t * a[0], np.array([[3.0, 4.0], [5.0, 6.0]])),
    "a list of rows": (lambda t, a: t * [a, a], np.array([3.0, 4.0])),
    "axes": (lambda t, a: np.transpose(t[None, :, None] * [[1.0], [2.0]], a) * np.ones((3, 1, 1, 2))[0], [2, 0, 1]),
    "another target's index": (lambda t, a: written(t, a), np.array([1, 0])),
}


def written(t: Any, index: Any) -> Any:
    target = np.zeros_like(t)
    target[index] = t * [1.0, 10.0]
    return target * [1.0, 2.0]


@pytest.mark.parametrize("name", GIVEN)
def test_changing_an_array_after_a_call_changes_no_gradient(name: str) -> None:
    use, given = GIVEN[name]
    t = leaf(1.0, 2.0)
    fresh, kept = (use(t, given), use(t, given))
    seed = np.ones(fresh.shape)
    (wanted,) = fresh.gradient(t, gradient=seed)
    if isinstance(given, list):
        given[:] = given[::-1] if len(given) > 2 else [1, 1]
    else:
        given[...] = ~given if given.dtype == bool else given[::-1] + (given.dtype == float) * 7
    (found,) = kept.gradient(t, gradient=seed)
    np.testing.assert_array_equal(found.numpy(), wanted.numpy())


# ---- subclasses ------------------------------------------------------------------------------------------------------


def test_subclassing_is_refused_as_every_door_knows_tensors_by_their_type() -> None:
    with pytest.raises(TypeError, match="subclass"):
        type("Special", (Tensor,), {})
