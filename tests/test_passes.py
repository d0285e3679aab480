"""Passes: each leaves a program that computes the same, and does what it is there for."""

from __future__ import annotations

import operator
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tinygrad_scratch import grad, jit, value_and_grad
from tinygrad_scratch.compiler.numpy_source import compile_numpy, is_writable
from tinygrad_scratch.compiler.passes import LOWERING, SIMPLIFYING, apply
from tinygrad_scratch.compiler.passes.constants import fold_constants
from tinygrad_scratch.compiler.passes.dead_code import remove_dead_code
from tinygrad_scratch.compiler.passes.differences import share_differences
from tinygrad_scratch.compiler.passes.patterns import simplify
from tinygrad_scratch.compiler.passes.products import scale_early
from tinygrad_scratch.compiler.passes.recompute import recompute
from tinygrad_scratch.compiler.passes.repeated import share_repeated_work
from tinygrad_scratch.compiler.passes.signs import cancel_signs, open_sigmoids
from tinygrad_scratch.compiler.passes.sums import sum_products
from tinygrad_scratch.compiler.passes.together import Together, make_together
from tinygrad_scratch.compiler.plan import plan_memory
from tinygrad_scratch.compiler.program import Program, Step, Variable
from tinygrad_scratch.compiler.trace import trace
from tinygrad_scratch.functional import sigmoid, softmax

X = np.linspace(-2, 2, 12).reshape(3, 4)


def program_of(function: Callable[..., Any], *values: Any) -> Program:
    return trace(function, *values).program


def functions(program: Program) -> list[Any]:
    return [step.function for step in program.steps]


def check_same(before: Program, after: Program, *values: Any) -> None:
    for wanted, found in zip(before.run(*values), after.check().run(*values), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


def changed(change: Callable[[Program], Program], function: Callable[..., Any], *values: Any) -> list[Any]:
    """The functions that a pass leaves, after it was seen to compute the same."""
    before = program_of(function, *values)
    after = change(before)
    check_same(before, after, *values)
    return functions(remove_dead_code(after))


@pytest.mark.parametrize(
    ("change", "function", "left"),
    [
        (remove_dead_code, lambda x: (np.exp(x), x + 1)[1], [np.add]),
        (share_repeated_work, lambda x: np.exp(x) * np.exp(x), [np.exp, np.multiply]),
        (share_repeated_work, lambda x: (x + 1) * (x + 1.0), [np.add, np.add, np.multiply]),
        (simplify, lambda x: x**2, [np.square]),
        (simplify, lambda x: x**3, [np.power]),
        (simplify, lambda x: np.abs(x) ** 0.5, [np.absolute, np.sqrt]),
        (simplify, lambda x: 1 / (1 + np.exp(-x)), [sigmoid]),
        (simplify, lambda x: np.reciprocal(np.exp(-x) + 1.0), [sigmoid]),
        (simplify, lambda x: 1 / (2 + np.exp(-x)), [np.negative, np.exp, np.add, np.reciprocal]),
        (simplify, lambda x: -(x - 1.0), [np.subtract]),
        (simplify, lambda x: 0.5 * (x + x) + 1, [np.add]),
        (simplify, lambda x: 3.0 * (2.0 * x), [np.multiply]),
        (simplify, lambda x: x[...].T.T * 1.0 + 1, [np.add]),
        (sum_products, lambda x: np.sum(0.5 * np.square(x)), [np.reshape, np.matmul, np.multiply]),
        (sum_products, lambda x: np.sum(x * np.exp(x)), [np.exp, np.reshape, np.reshape, np.matmul]),
        (sum_products, lambda x: np.mean(np.square(x)), [np.reshape, np.matmul, np.multiply]),
        (sum_products, lambda x: np.sum(np.square(x), axis=0), [np.square, np.sum]),
        (
            share_differences,
            lambda x: (lambda y: np.square(x - y).sum() * (y - x))(x[0, 0]),
            [operator.getitem, np.subtract, np.square, np.sum, np.multiply],
        ),
    ],
)
def test_a_pass(change: Any, function: Any, left: Any) -> None:
    found = changed(change, function, X)
    assert found == left


def test_what_depends_on_no_input_is_computed_once() -> None:
    x, one, e, y = (Variable.like(X) for _ in range(4))
    steps = Step(np.exp, (one,), {}, e), Step(np.add, (x, e), {}, y)
    before = Program((x,), steps, (y,), {one: np.ones((3, 4))})
    after = fold_constants(before)
    check_same(before, after, X)
    assert functions(after) == [np.add]


def test_draws_stay() -> None:
    program = program_of(lambda generator: (generator.random(), generator.random())[1], np.random.default_rng(0))
    assert len(apply(SIMPLIFYING, program).steps) == 2


def test_two_results_stay_two_arrays() -> None:
    program = program_of(lambda x: (x * 2, x * 2, x * 1), X)
    first, second, third = apply(SIMPLIFYING, program).run(X)
    assert not np.may_share_memory(first, second)
    assert not np.may_share_memory(third, X)


def descent(*ws: Any) -> Any:
    def loss(a: Any, b: Any) -> Any:
        return np.sum((sigmoid(sigmoid(X @ a) @ b) - 0.5) ** 2)

    value, slopes = value_and_grad(loss, argnums=(0, 1))(*ws)
    return value, *(w - 0.1 * slope for w, slope in zip(ws, slopes, strict=True))


def test_the_rate_multiplies_one_small_cotangent() -> None:
    values = [np.linspace(-1, 1, 24).reshape(4, 6), np.linspace(1, -1, 12).reshape(6, 2)]
    before = apply(SIMPLIFYING, program_of(descent, *values))
    after = scale_early(before)
    check_same(before, after, *values, X)
    rates = [step for step in after.steps if step.function is np.multiply and 0.1 in step.arguments[:1]]
    assert len(rates) <= 1 < sum(step.function is np.multiply and 0.1 in step.arguments[:1] for step in before.steps)


def test_what_is_multiplied_with_itself_is_not_scaled() -> None:
    def f(x: Any) -> Any:
        y = np.exp(x[:, :1])
        return 0.1 * ((y * x) * (y * (x + 1)))

    before = program_of(f, X)
    check_same(before, scale_early(before), X)


def test_far_readers_compute_again() -> None:
    def f(x: Any) -> Any:
        y = np.exp(x)
        z = x.sum()
        for _ in range(60):
            z = np.sqrt(z + 1)
        return y.sum() + (y * z).sum() + x.max()

    values = np.linspace(0, 1, 2**14).reshape(128, 128)
    before = program_of(f, values)
    after = recompute(before)
    check_same(before, after, values)
    assert functions(after).count(np.exp) == 2


# ---- the plan and the source -----------------------------------------------------------------------------------------


def test_buffers_that_live_at_once_do_not_overlap() -> None:
    program = apply(LOWERING, apply(SIMPLIFYING, program_of(lambda x: softmax(np.tanh(x) * x).T @ np.exp(x), X)))
    writable = {
        step for step in program.steps if isinstance(step.function, np.ufunc) and step.function is not np.matmul
    }
    plan = plan_memory(program, writable, writable)
    last = {operand: i for i, step in enumerate(program.steps) for operand in step.operands}
    made = {step.results[0]: i for i, step in enumerate(program.steps)}
    for a in plan.places:
        for b in plan.places:
            both = made[a] < made[b] < last.get(a, -1)
            apart = plan.places[a] + a.size * 8 <= plan.places[b] or plan.places[b] + b.size * 8 <= plan.places[a]
            assert a is b or not both or apart


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.tanh(x.T) @ np.exp(x),
        lambda x: (x + x.T[:3, :3].sum()) * np.where(x > 0, x, 1.0),
        lambda x: np.maximum(x, 0).max(axis=1, keepdims=True) + x.mean(axis=0),
        lambda x: (x @ np.ones(4)) + np.ones(3) @ x @ np.ones(4),
        lambda x: np.broadcast_to(x[0], (5, 4)).reshape(-1) * 2,
        lambda x: x.T.reshape(-1).cumsum() + x.astype(np.float32).ravel(),
        lambda x: (np.exp(x) + np.exp(x).T[:3, :3].sum()).T.copy(),
        lambda x: np.stack([x * 2, x + 1]).swapaxes(0, 2) / 3,
        lambda x: x.sum() * x.prod() - np.add.reduce(x, 1).max(),
        lambda x: np.linalg.svd(x * 2)[1] + 1,
    ],
)
def test_the_source_computes_the_same(function: Any) -> None:
    program = apply(LOWERING, apply(SIMPLIFYING, program_of(function, X)))
    run = compile_numpy(program).make()
    for values in (X, X + 1, np.sin(X)):
        for found, wanted in zip(run(values), program.run(values), strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-14)


def test_a_large_result_is_written_over_an_operand_made_anew() -> None:
    values = np.linspace(-1, 1, 2**14).reshape(128, 128)
    program = apply(LOWERING, apply(SIMPLIFYING, program_of(lambda x: (x - (x @ x) / 2, np.exp(x)), values)))
    compiled = compile_numpy(program)
    assert compiled.plan.handed
    assert not compiled.plan.size
    run = compiled.make()
    first, second = run(values), run(values + 1)
    for found, given in ((first, values), (second, values + 1)):
        for mine, wanted in zip(found, program.run(given), strict=True):
            np.testing.assert_allclose(mine, wanted, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_product_that_is_a_number_belongs_to_its_call(dtype: Any) -> None:
    x = np.arange(3, dtype=dtype)
    run = compile_numpy(program_of(lambda x: x @ x, x)).make()
    (first,), (second,) = run(x), run(x + 1)
    assert (first, second) == (5, 14)
    assert type(first) is dtype


@pytest.mark.parametrize(("size", "function"), [(2**8, "reciprocal"), (2**8 + 1, "divide")])
def test_reciprocals_of_many_are_quotients(size: int, function: str) -> None:
    x = np.linspace(1, 2, size)
    compiled = compile_numpy(program_of(lambda x: np.reciprocal(x) * x, x))
    assert f" {function}(" in compiled.source
    np.testing.assert_array_equal(compiled.make()(x)[0], np.reciprocal(x) * x)


def test_the_first_cotangent_is_a_constant() -> None:
    program = apply(SIMPLIFYING, program_of(grad(lambda x: np.sum(np.tanh(x))), X.astype(np.float32)))
    assert np.ones_like not in functions(program)


def test_a_program_that_is_none() -> None:
    x, y = Variable.like(X), Variable.like(X)
    step = Step(np.exp, (x,), {}, y)
    for broken in (
        Program((), (step,), (y,)),
        Program((x,), (step, step), (y,)),
        Program((x, x), (step,), (y,)),
        Program((x,), (), (y,)),
    ):
        with pytest.raises(AssertionError):
            broken.check()


# ---- signs and small calls -------------------------------------------------------------------------------------------


def network_step(x: Any, *weights: Any) -> Any:
    """A step of a network of sigmoids, the article's with any number of layers."""

    def loss(*weights: Any) -> Any:
        a: Any = x
        for w in weights:
            a = sigmoid(a @ w)
        return np.sum((a - 0.5) ** 2)

    value, slopes = value_and_grad(loss, argnums=tuple(range(len(weights))))(*weights)
    return value, *(w - 0.1 * slope for w, slope in zip(weights, slopes, strict=True))


def layers(*sizes: int, dtype: Any = float) -> list[Any]:
    generator = np.random.default_rng(0)
    return [generator.normal(size=(n, m)).astype(dtype) for n, m in pairwise(sizes)]


def test_only_the_first_layer_negates() -> None:
    weights = layers(4, 5, 3, 2)
    before = open_sigmoids(apply([*SIMPLIFYING, *LOWERING], program_of(network_step, X, *weights)))
    after = cancel_signs(before).check()
    assert (functions(before).count(np.negative), functions(after).count(np.negative)) == (3, 1)
    for wanted, found in zip(before.run(X, *weights), after.run(X, *weights), strict=True):
        np.testing.assert_array_equal(found, wanted)  # to the last bit


@pytest.mark.parametrize(
    "function",
    [
        lambda a: np.exp(a),
        lambda a: a + 1.0,
        lambda a: np.sum(a, initial=1.0),
        lambda a: a / (2.0 - a) + np.square(a),
        lambda a: (1.0 + a) - a * a.T.T,
        lambda a: np.where(a > 0.5, a, 0.0),
        lambda a: np.sum(a, axis=0) - a,
    ],
)
def test_signs_that_go_elsewhere(function: Any) -> None:
    """After sigmoids of sigmoids come other functions: those that pass a sign on, and those that can't."""

    def f(x: Any) -> Any:
        a = sigmoid(sigmoid(x) @ np.ones((4, 4)))
        return function(sigmoid(a @ np.ones((4, 4)))), a

    before = open_sigmoids(apply(SIMPLIFYING, program_of(f, X)))
    for wanted, found in zip(before.run(X), cancel_signs(before).check().run(X), strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_small_calls_are_made_together(dtype: Any) -> None:
    weights = layers(4, 5, 3, 2, dtype=dtype)
    x = X.astype(dtype)
    before = cancel_signs(open_sigmoids(apply([*SIMPLIFYING, *LOWERING], program_of(network_step, x, *weights))))
    after = make_together(before, is_writable).check()
    joined = [function for function in functions(after) if type(function) is Together]
    assert [each.ufunc for each in joined] == [np.add, np.multiply]
    assert len(after.steps) == len(before.steps) - 4
    for wanted, found in zip(before.run(x, *weights), after.run(x, *weights), strict=True):
        np.testing.assert_array_equal(found, wanted)
    program = compile_numpy(apply([*SIMPLIFYING, *LOWERING], program_of(network_step, x, *weights))).make()
    for wanted, *found in zip(before.run(x, *weights), program(x, *weights), program(x, *weights), strict=True):
        np.testing.assert_array_equal(found[0], wanted)
        np.testing.assert_array_equal(found[1], wanted)  # the second call finds what the first left in its buffers


def test_large_calls_stay_apart() -> None:
    weights = layers(4, 400, 300)
    program = apply([*SIMPLIFYING, *LOWERING], program_of(network_step, X, *weights))
    assert not any(type(function) is Together for function in functions(make_together(program, is_writable)))


def test_the_cotangent_of_a_part_is_laid_into_a_buffer() -> None:
    """The slope of a slice, zeros around it, is written where it is to lie: no array is made for it."""

    def loss(x: Any) -> Any:
        return np.sum(x[1:] * np.exp(x[:-1]))

    slope = jit(lambda x: 2.0 * grad(loss)(x))
    x = np.arange(6.0).reshape(3, 2)
    for scale in (1.0, 0.5):
        np.testing.assert_allclose(slope(x * scale), 2.0 * grad(loss)(x * scale), rtol=1e-15)
    assert "scatter(" not in slope.source
