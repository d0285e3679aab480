"""How native programs are planned and written: no compiler is needed to look at their text, nor to run it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.native_text import interpreted
from tinygrad_scratch import value_and_grad
from tinygrad_scratch.compiler.native import blas, compiled
from tinygrad_scratch.compiler.native.arena import laid_out
from tinygrad_scratch.compiler.native.places import Buffer
from tinygrad_scratch.compiler.native.planning import Plan
from tinygrad_scratch.compiler.native.workspace import ALIGNED, Life, plan, rounded
from tinygrad_scratch.compiler.native.writer import Writer
from tinygrad_scratch.compiler.passes import SIMPLIFYING, apply
from tinygrad_scratch.compiler.program import Program, Step, Variable
from tinygrad_scratch.compiler.trace import trace
from tinygrad_scratch.functional import conv2d, max_pool2d, sigmoid, softmax

RANDOM = np.random.default_rng(0)


def no_other_way(program: Program) -> Any:
    raise AssertionError("it was left to NumPy source")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Trace a function and run its native text once."""
    monkeypatch.setattr(compiled, "compiled", interpreted)

    def once(function: Callable[..., Any], *values: Any) -> Any:
        native = compiled.NativeProgram(simple(function, *values), no_other_way)
        return native.run(*values)

    return once


def simple(function: Callable[..., Any], *values: Any) -> Program:
    return apply(SIMPLIFYING, trace(function, *values).program)


def with_all_outputs(function: Callable[..., Any], state: list[Any]) -> Program:
    """The program of a function, whose outputs are all that it returns, also arguments that it hands on."""
    traced = trace(function, *state)
    made = traced.program
    outputs = [made.outputs[each.place] if each.leaf is None else made.inputs[each.leaf] for each in traced.returned]
    return Program(made.inputs, made.steps, tuple(outputs), made.constants).check()


def text_of(function: Callable[..., Any], *values: Any, feeds: Any = ()) -> str:
    return Plan(simple(function, *values), feeds).source


def step(w: Any, x: Any, y: Any) -> Any:
    """One step of training a layer."""
    loss, slope = value_and_grad(lambda w: np.sum((sigmoid(x @ w) - y) ** 2))(w)
    return loss, w - 0.1 * slope


# ---- fusion ----------------------------------------------------------------------------------------------------------


def test_a_chain_is_one_loop() -> None:
    text = text_of(lambda x: np.sum(np.exp(x * 2.0) + 1.0), RANDOM.normal(size=(3, 4)))
    assert text.count("for ") == 1 + text.count("for step in")
    assert "range(12)" in text


def test_a_value_that_two_products_need_is_stored_once(run: Any) -> None:
    def function(x: Any, w: Any) -> Any:
        a = np.tanh(x)
        return a @ w, a.T @ a

    x, w = RANDOM.normal(size=(3, 2)), RANDOM.normal(size=(2, 4))
    assert text_of(function, x, w).count("tanh64(") == 1
    for mine, wanted in zip(run(function, x, w), function(x, w), strict=True):
        np.testing.assert_allclose(mine, wanted, rtol=1e-14)


def test_softmax_goes_row_by_row(run: Any) -> None:
    x = RANDOM.normal(size=(5, 9))
    text = text_of(lambda x: softmax(x), x)
    assert text.count("range(5)") == 1, "the loops over a row share the loop over rows"
    np.testing.assert_allclose(run(lambda x: softmax(x), x)[0], softmax(x), rtol=1e-14)


def test_images_go_one_by_one() -> None:
    x, w = RANDOM.normal(size=(6, 2, 8, 8)), RANDOM.normal(size=(3, 2, 3, 3))
    made = Plan(simple(lambda x, w: max_pool2d(conv2d(x, w, padding=1), 2), x, w))
    assert made.source.count("range(6)") == 1
    columns = 2 * 9 * 8 * 8 * 8
    assert made.layout.size < x.nbytes + w.nbytes + 2 * columns, "there are columns for one image, not for six"


def test_nothing_is_shared_where_a_row_needs_others(run: Any) -> None:
    def function(x: Any) -> Any:
        return np.exp(x - np.flip(np.cumsum(x, 0), 0)) / np.sum(x, axis=0)

    x = RANDOM.uniform(1, 2, size=(4, 3))
    np.testing.assert_allclose(run(function, x)[0], function(x), rtol=1e-14)


def test_short_rows_are_not_worth_a_loop_of_their_own() -> None:
    text = text_of(lambda x: (np.sum(x * x), np.exp(x * x)), RANDOM.normal(size=(40, 1)))
    assert "add_in_any_order(f8[" not in text, "the sum collects in a number, in a loop that can be made vectors"


@pytest.mark.parametrize("shape", [(300, 400), (3, 40, 50), (7,), ()])
@pytest.mark.parametrize("axis", [None, 0, -1])
def test_sums_of_sums(shape: tuple[int, ...], axis: Any, run: Any) -> None:
    x = RANDOM.normal(size=shape)
    if axis is None or shape:
        found = run(lambda x: (np.sum(x * 2.0, axis=axis), np.max(x, axis=axis)), x)
        np.testing.assert_allclose(found[0], np.sum(x * 2.0, axis=axis), rtol=1e-11)
        np.testing.assert_array_equal(found[1], np.max(x, axis=axis))


# ---- updates ---------------------------------------------------------------------------------------------------------


def test_an_update_is_part_of_its_product() -> None:
    x, y, w = RANDOM.normal(size=(8, 6)), RANDOM.normal(size=(8, 5)), RANDOM.normal(size=(6, 5))
    text = text_of(step, w, x, y, feeds=[(1, 0)])
    update = next(line for line in text.splitlines() if "dgemm(101, 112" in line)
    assert "-0.1," in update, "the rate is the scale of the product"
    assert ", 1.0, base" in update, "which is added to what is there"


def test_an_update_waits_for_the_last_reader_of_the_old_value(run: Any) -> None:
    def function(w: Any, x: Any) -> Any:
        new = w - 0.5 * (x.T @ x)
        return np.sum(w @ new), new

    w, x = RANDOM.normal(size=(6, 6)), RANDOM.normal(size=(9, 6))
    for mine, wanted in zip(run(function, w, x), function(w, x), strict=True):
        np.testing.assert_allclose(mine, wanted, rtol=1e-13)


STATES: dict[str, tuple[Callable[..., Any], list[Any]]] = {
    "two change places": (lambda a, b: (np.sum(a), b, a), [np.arange(3.0), np.ones(3)]),
    "one is handed on": (lambda a, b: (np.sum(a), b, a + b), [np.arange(3.0), np.ones(3)]),
    "one stays": (lambda a, b: (np.sum(a * b), a, b * 2.0), [np.arange(3.0), np.ones(3)]),
    "each needs the other's old value": (lambda a, b: (a[0], a + b[::-1], b - a), [np.arange(3.0), np.ones(3)]),
    "transposed": (lambda a: (a[0, 1], a.T + 1.0), [np.arange(9.0).reshape(3, 3)]),
    "the same twice": (lambda a, b: (a[0], a + 1.0, a + 1.0), [np.arange(3.0), np.ones(3)]),
    "a product with itself": (lambda a: (a[0, 0], a - 0.1 * (a.T @ a)), [np.arange(16.0).reshape(4, 4) / 8]),
    "a large product with itself": (lambda a: (a[0, 0], a - 0.01 * (a.T @ a)), [np.arange(64.0).reshape(8, 8) / 64]),
    "numbers": (lambda a, n: (a, a * 0.5, n + 1), [np.array(8.0), np.array(0)]),
}


@pytest.mark.parametrize("name", STATES)
def test_steps_feed_each_other(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "compiled", interpreted)
    function, state = STATES[name]
    native = compiled.NativeProgram(with_all_outputs(function, state), no_other_way)
    found = native.repeat(3, len(state), state)
    wanted: Any = [None, *state]
    for _ in range(3):
        wanted = function(*wanted[1:])
    for mine, theirs in zip(found, wanted, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-14)
    for mine, theirs in zip(native.run(*state), function(*state), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-14)


# ---- what is left to NumPy -------------------------------------------------------------------------------------------


def test_calls_without_a_native_form_are_named(run: Any) -> None:
    def function(x: Any) -> Any:
        return np.exp(np.sort(x)) * 2.0

    x = RANDOM.normal(size=5)
    assert "left to NumPy" in text_of(function, x)
    assert "np.sort(x)" in text_of(function, x)
    np.testing.assert_allclose(run(function, x)[0], function(x), rtol=1e-14)


def test_large_products_without_blas(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blas, "found", lambda: None)
    x, w = RANDOM.normal(size=(8, 8)), RANDOM.normal(size=(8, 8))
    assert "np.matmul" in text_of(lambda x, w: np.tanh(x @ w), x, w).split("left to NumPy")[1]
    np.testing.assert_allclose(run(lambda x, w: np.tanh(x @ w), x, w)[0], np.tanh(x @ w), rtol=1e-14)


def test_the_order_in_memory_is_kept_for_functions_that_look_at_it(run: Any) -> None:
    x = np.asfortranarray(RANDOM.normal(size=(3, 4)))
    np.testing.assert_array_equal(run(lambda x: np.ravel(x + 0.0, order="A"), x)[0], np.ravel(x, order="A"))
    laid = laid_out(np.ascontiguousarray(x), Variable.like(x))
    assert laid.flags.f_contiguous
    np.testing.assert_array_equal(laid, x)


# ---- inputs ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "x",
    [
        RANDOM.normal(size=(6, 8))[::2, ::-2],
        np.asfortranarray(RANDOM.normal(size=(3, 4))),
        RANDOM.normal(size=(4, 3)).T,
        np.broadcast_to(RANDOM.normal(size=4), (3, 4)),
        np.empty((0, 4)),
    ],
    ids=["strided", "Fortran", "transposed", "broadcast", "empty"],
)
def test_layouts_of_inputs(x: Any, run: Any) -> None:
    def function(x: Any) -> Any:
        return np.tanh(x) @ x.T, np.sum(x, axis=0)

    for mine, wanted in zip(run(function, x), function(x), strict=True):
        np.testing.assert_allclose(mine, wanted, rtol=1e-13)


@pytest.mark.parametrize("name", ["for", "x y", "f8", "exp64", "été", '"); import os #', "base", "0", "i", ""])
def test_names_become_identifiers_of_their_own(name: str) -> None:
    writer = Writer({}, {})
    first, second = writer.name(name), writer.name(name)
    assert first != second
    assert first.isidentifier()
    assert first.isascii()
    assert first not in {"for", "f8", "exp64", "base", "i"}


def test_text_holds_nothing_of_a_name() -> None:
    x = Variable.like(np.ones(3), 'x"""\n); import os')
    y = Variable.like(np.ones(3), "y; z")
    program = Program((x,), (Step(np.exp, (x,), {}, y),), (y,))
    text = Plan(program).source
    compile(text, "text", "exec")
    assert "import os" not in [line.strip() for line in text.splitlines()]


# ---- memory ----------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 300)), max_size=12))
def test_what_lives_at_the_same_time_lies_apart(drawn: list[tuple[int, int, int]]) -> None:
    lives = {Buffer(np.dtype(np.uint8), size): Life(min(a, b), max(a, b)) for a, b, size in drawn}
    offsets, total = plan(lives, {buffer: buffer.size for buffer in lives})
    for one in lives:
        assert offsets[one] % ALIGNED == 0
        assert offsets[one] + one.size <= total
        for other in lives:
            together = lives[one].first <= lives[other].last and lives[other].first <= lives[one].last
            if one is not other and together:
                apart = offsets[one] + rounded(one.size), offsets[other] + rounded(other.size)
                assert apart[0] <= offsets[other] or apart[1] <= offsets[one]


def test_room_is_used_again() -> None:
    def function(x: Any, w: Any) -> Any:
        for _ in range(10):
            x = x @ w
        return x

    x, w = RANDOM.normal(size=(32, 32)), RANDOM.normal(size=(32, 32))
    assert Plan(simple(function, x, w)).layout.size <= 5 * x.nbytes


def test_the_text_is_the_same_every_time() -> None:
    arguments = RANDOM.normal(size=(6, 5)), RANDOM.normal(size=(8, 6)), RANDOM.normal(size=(8, 5))
    assert text_of(step, *arguments, feeds=[(1, 0)]) == text_of(step, *arguments, feeds=[(1, 0)])


def test_an_index_that_is_computed_in_the_loop_that_needs_it(run: Any) -> None:
    def function(table: Any, i: Any, j: Any) -> Any:
        return np.exp(np.take(table, i * 2)) + np.take(table, (j + 1).T)

    table, i, j = RANDOM.normal(size=20), np.arange(6).reshape(2, 3), np.arange(6).reshape(3, 2)
    np.testing.assert_allclose(run(function, table, i, j)[0], function(table, i, j), rtol=1e-14)
