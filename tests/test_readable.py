"""The rules that tidy a derivation: what each makes of a call, which must compute the same; and the names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tinygrad_scratch.compiler.passes.dead_code import remove_dead_code
from tinygrad_scratch.compiler.passes.repeated import shared
from tinygrad_scratch.compiler.program import Program
from tinygrad_scratch.compiler.readable.algebra import RULES
from tinygrad_scratch.compiler.readable.helpers import Helpers
from tinygrad_scratch.compiler.readable.layout import Layout
from tinygrad_scratch.compiler.readable.names import Taken, identifier
from tinygrad_scratch.compiler.readable.tidy import tidied
from tinygrad_scratch.compiler.traced import Tracer
from tinygrad_scratch.functional import sigmoid
from tinygrad_scratch.rules.indexing import scatter
from tinygrad_scratch.rules.shapes import cast, expand

generator = np.random.default_rng(8)
VALUES = {
    "a": generator.normal(size=(3, 4)),
    "b": generator.normal(size=(3, 4)),
    "row": generator.normal(size=4),
    "column": generator.normal(size=(3, 1)),
    "v": generator.normal(size=4),
    "c": np.array(generator.normal()),
    "f": np.float32(generator.normal(size=(3, 4))),
    "n": generator.integers(1, 5, (3, 4)),
}


def traced(function: Callable[..., Any], names: list[str]) -> Program:
    tracer = Tracer()
    result = function(*(tracer.input(VALUES[name], name) for name in names))
    return tracer.program([result.variable])


def text(program: Program) -> str:
    """The whole program as one expression of its inputs."""
    taken = Taken()
    layout = Layout(program, taken, Helpers(taken).name, {}, {}, "J")
    layout.names = {variable: variable.name or "constant" for variable in program.inputs}
    layout.made = {result: step for step in program.steps for result in step.results}
    return layout.expression(program.outputs[0]).text


CASES: list[tuple[Callable[..., Any], str]] = [
    # numbers first, signs before them, what divides at the end
    (lambda a, b: a * (b * 0.5) * 2, "a * b"),
    (lambda a, b: (a * 0.5) * (b + b), "a * b"),
    (lambda a, b: -(-a * b), "a * b"),
    (lambda a, b: -a * 3 * -b, "3 * a * b"),
    (lambda a, b: a * -b, "-a * b"),
    (lambda a, b: -(a - b) * 2, "-2 * (a - b)"),
    (lambda a, b: a / 4 * b, "a * b / 4"),
    (lambda a, b: 2 * a / 12, "2 * a / 12"),
    (lambda a, b: (2 * a) / 4 / b, "a / (2 * b)"),
    (lambda a, b: a * (a * (1 - b)), "a**2 * (1 - b)"),
    (lambda a, b: -a * b / (2 * b), "-a * b / (2 * b)"),
    (lambda a, b: 1.0 * a, "a"),
    (lambda a: a * a, "a**2"),
    (lambda a: 3 * a**2, "3 * a**2"),
    (lambda f: f * 0.5 * 2, "f"),
    # sums
    (lambda a, b: a + -b, "a - b"),
    (lambda a, b: a - -b, "a + b"),
    (lambda a, b: -a + b, "b - a"),
    (lambda a: a + np.zeros_like(a), "a"),
    (lambda a: np.zeros_like(a) + a, "a"),
    (lambda a: a - np.zeros_like(a), "a"),
    # shapes
    (lambda a, row: a * expand(row, (3, 4)), "a * row"),
    (lambda a, column: a + np.broadcast_to(column, (3, 4)), "a + column"),
    (lambda a, row: a - row.reshape(1, 4), "a - row"),
    (lambda a, column: expand(column, (3, 4)) / 4 * a, "column * a / 4"),
    (lambda a, column: a + expand(column / 4, (3, 4)) / 2, "a + column / 8"),
    (lambda a: a.reshape(3, 4), "a"),
    (lambda a: a.reshape(12).reshape(2, 6), "a.reshape(2, 6)"),
    (lambda a: a.T.T, "a"),
    (lambda a, b: (a.T @ b).T, "b.T @ a"),
    (lambda a: np.swapaxes(a, -1, -2), "a.T"),
    (lambda a: np.swapaxes(np.swapaxes(a.reshape(3, 2, 2), 0, -1), 2, 0), "a.reshape(3, 2, 2)"),
    (lambda a: np.reshape(a, (4, 3), order="C"), "a.reshape(4, 3)"),
    (lambda a: np.reshape(a, (4, 3), order="F"), "np.reshape(a, (4, 3), order='F')"),
    (lambda a, v: (np.swapaxes(a.T, 0, 1) @ v[..., None])[..., 0], "a @ v"),
    (lambda a, b: np.tensordot(a, b, axes=([0], [0])), "a.T @ b"),
    (lambda a, b: np.tensordot(a, b, axes=((1,), (-1,))), "a @ b.T"),
    (lambda a, v: np.tensordot(v, a, axes=(range(1), range(1, 2))), "v @ a.T"),
    (lambda a: a.sum(axis=(0,)).reshape(4), "np.sum(a, axis=0)"),
    (lambda a: a.sum(axis=(0,)).reshape(1, 4), "np.sum(a, axis=0, keepdims=True)"),
    (lambda a: a.sum(axis=(0, 1)), "np.sum(a)"),
    (lambda row: row.reshape(1, 4).sum(axis=0, keepdims=True), "row.reshape(1, 4)"),
    (lambda a: cast(a, np.dtype(float)), "a"),
    (lambda a: np.copy(a), "a"),
    (lambda a: a[...], "a"),
    (lambda row: row[..., None] * row, "row[:, None] * row"),
    # what is one number everywhere
    (lambda a: np.ones_like(a) * a, "a"),
    (lambda a: expand(np.ones_like(a[0, 0]), (3, 4)) / 12 * a, "a / 12"),
    (lambda a: np.sum(np.ones_like(a), axis=0), "np.full(4, 3.0)"),
    (lambda a: np.ones_like(a) / 12, "np.full((3, 4), 1 / 12)"),
    (lambda a: np.zeros_like(a) * a, "np.zeros((3, 4))"),
    # slopes, and guards that are needed or not
    (lambda a: slope_of_sigmoid(a), "1 / (1 + np.exp(-a)) * (1 - 1 / (1 + np.exp(-a)))"),
    (lambda a, b: slope_of_maximum(b, a, 0), "b * np.heaviside(a, 0.5)"),
    (lambda a, b: slope_of_maximum(b, a, 2.0), "b * np.heaviside(a - 2.0, 0.5)"),
    (lambda a, b: slope_of_minimum(b, a, 2.0), "b * np.heaviside(2.0 - a, 0.5)"),
    (lambda a: 1 / guarded(np.sqrt(a * a + 1e-5)), "1 / np.sqrt(a**2 + 1e-05)"),
    (lambda a: 1 / guarded(np.mean(a**2, axis=0) + 1e-5), "1 / (np.mean(a**2, axis=0) + 1e-05)"),
    (lambda a: guarded(np.exp(a)), "np.where(np.exp(a) == 0, np.inf, np.exp(a))"),
    (lambda a: guarded(a + 1e-5), "np.where(a + 1e-05 == 0, np.inf, a + 1e-05)"),
    (lambda a: np.logical_and(a > 0, True), "a > 0"),
    # how calls are written
    (lambda a, b: (a > b) * a, "(a > b) * a"),
    (lambda a: -(a**2), "-a**2"),
    (lambda a, b: a - (b - a), "a - (b - a)"),
    (lambda a, b: a / (b * a), "a / (b * a)"),
    (lambda a, b: 2**-a, "2**-a"),
    (lambda a, b: (a + b) ** 2, "(a + b) ** 2"),
    (lambda a: a[1:, ::2], "a[1:, ::2]"),
    (lambda a: np.max(a, 1), "np.max(a, axis=1)"),
    (lambda a: np.absolute(a), "np.abs(a)"),
    (lambda a: np.logical_not(a > 0), "~(a > 0)"),
    (lambda a: np.reciprocal(a), "1 / a"),
    (lambda a: np.concatenate([a, a], axis=1), "np.concatenate([a, a], axis=1)"),
    (lambda a: sigmoid(a * 2), "1 / (1 + np.exp(-2 * a))"),
    (lambda a: a.astype(np.float32), "a.astype(np.float32)"),
    (lambda a: np.transpose(a.reshape(3, 2, 2), (1, 0, 2)), "np.transpose(a.reshape(3, 2, 2), (1, 0, 2))"),
    (lambda n: n * 2, "n * 2"),
]


def slope_of_sigmoid(z: Any) -> Any:
    e = np.exp(-z)
    y = 1 / (1 + e)
    return y * (y * np.minimum(e, np.finfo(float).max))


def slope_of_maximum(g: Any, x: Any, limit: float) -> Any:
    y = np.maximum(x, limit)
    return np.where(x == limit, g * 0.5, np.where(x < y, 0, g))


def slope_of_minimum(g: Any, x: Any, limit: float) -> Any:
    y = np.minimum(x, limit)
    return np.where(x == limit, g * 0.5, np.where(x > y, 0, g))


def guarded(x: Any) -> Any:
    return np.where(x == 0, np.inf, x)


@pytest.mark.parametrize(("function", "expected"), CASES, ids=[expected for _, expected in CASES])
def test_a_call_is_tidied_and_computes_the_same(function: Callable[..., Any], expected: str) -> None:
    names = list(function.__code__.co_varnames[: function.__code__.co_argcount])
    program = traced(function, names)
    tidy, _ = tidied(remove_dead_code(shared(program)[0]), RULES)
    values = [VALUES[name] for name in names]
    ((before,), (after,)) = program.run(*values), tidy.check().run(*values)
    assert np.shape(after) == np.shape(before)
    assert np.asarray(after).dtype == np.asarray(before).dtype
    rtol = 1e-6 if np.asarray(before).dtype == np.float32 else 1e-14
    np.testing.assert_allclose(after, before, rtol=rtol)
    assert text(tidy) == expected


def test_what_has_a_name_is_not_looked_through() -> None:
    program = traced(lambda a, b: a * 0.5 * (b * 2), ["a", "b"])
    half = program.steps[0].results[0]
    half.name = "half"
    tidy, _ = tidied(program, RULES, fixed=[half])
    assert half in {result for step in tidy.steps for result in step.results}


def test_a_minimum_that_is_no_guard_is_kept() -> None:
    def clipped(z: Any) -> Any:
        e = np.exp(-z)
        y = 1 / (1 + e)
        return y * (y * np.minimum(e, 0.5))

    tidy, _ = tidied(remove_dead_code(shared(traced(clipped, ["a"]))[0]), RULES)
    assert "np.minimum" in text(tidy)


def test_parts_of_one_array_are_put_together() -> None:
    program = traced(lambda v, row: scatter(v, 0, (3, 4)) + scatter(row, 2, (3, 4)), ["v", "row"])
    tidy, _ = tidied(program, RULES)
    assert len(tidy.steps) == 1
    np.testing.assert_array_equal(tidy.run(VALUES["v"], VALUES["row"])[0], program.run(VALUES["v"], VALUES["row"])[0])


def test_names_become_identifiers_and_are_given_once() -> None:
    asked = ["w1", "net.w1", "layers[0].weight", "cache['z2']", "class", "list", "np", "1st", "a b", "", "_", "é", "𝐱"]
    names = [identifier(name) for name in asked]
    assert names[:6] == ["w1", "net_w1", "layers_0_weight", "cache_z2", "class_", "list_"]
    assert names[6:] == ["np_", "v1st", "a_b", "value", "value", "é", "x"]
    taken = Taken()
    assert [taken.give("w") for _ in range(3)] == ["w", "w2", "w3"]
    assert [taken.give("w1") for _ in range(2)] == ["w1", "w1_2"]
    assert [taken.give("z#") for _ in range(2)] == ["z1", "z2"]
