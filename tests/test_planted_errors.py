"""The laws are tested: an error planted in any rule, for any argument, must turn one of them red.

Each kind of error is paired with the law that is there to find it; the law is run on the cases of the function with the
wrong rule. A control plants no error and must stay green.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from tests import test_laws as laws
from tests.cases import CASES
from tests.cases.table import Case
from tinygrad_scratch import Tensor, backward
from tinygrad_scratch.rules.indexing import assign
from tinygrad_scratch.rules.registry import COMPOSED, DEFINITIONS, PIECEWISE_CONSTANT, RULES, EveryOperand, label
from tinygrad_scratch.rules.shapes import expand

Law = Callable[[list[Case]], None]


def first_of_each(part: Any, argument: Any) -> Any:
    """What broadcasting made of the argument, cut down to its shape instead of summed."""
    extra = part.ndim - argument.ndim
    if extra < 0 or part.shape == argument.shape:
        return part
    kept = tuple(
        slice(None) if n == m else slice(0, n) for n, m in zip(argument.shape, part.shape[extra:], strict=True)
    )
    return part[(0,) * extra + kept] if part.size else part


def overwritten(part: Any, argument: Any) -> Any:
    if type(argument) is np.ndarray:
        argument[...] = 0
    return part


@dataclass(frozen=True)
class Error:
    """What is done to the cotangent that a rule returns, and the law that must notice."""

    name: str
    law: Law
    spoil: Callable[[Any, Any], Any]


SCALED = Error("scaled by 1.001", laws.test_gradient, lambda part, argument: part * 1.001)
UNSUMMED = Error("broadcasting not undone", laws.test_gradient, first_of_each)
ERRORS = [
    SCALED,
    Error("sign flipped", laws.test_gradient, lambda part, argument: -part),
    Error("replaced by zeros", laws.test_gradient, lambda part, argument: part * 0.0),
    Error("not linear", laws.test_pullback_is_linear, lambda part, argument: part + 1.0),
    Error(
        "history dropped",
        laws.test_second_and_third_order,
        lambda part, _: part.detach() if type(part) is Tensor else part,
    ),
    Error(
        "another on Tensors",
        laws.test_rules_do_the_same_on_arrays_and_on_tensors,
        lambda part, argument: part * 1.001 if type(part) is Tensor else part,
    ),
    Error("argument overwritten", laws.test_nothing_it_is_given_changes, overwritten),
]

PLACES = [
    (function, name)
    for function, definition in DEFINITIONS.items()
    for name, rule in definition.rules.items()
    if rule is not None
]
WHERE_ZERO = {"not linear", "argument overwritten"}  # the errors that make something else of a cotangent of zeros

# ---- planting --------------------------------------------------------------------------------------------------------


def plant(patch: pytest.MonkeyPatch, function: Any, name: str, spoil: Callable[[Any, Any], Any]) -> None:
    """Put a rule into the table that spoils what the right one returns."""
    definition, rules = DEFINITIONS[function], RULES[function]
    if isinstance(rules, EveryOperand):

        def of_any(positions: list[int], g: Any, y: Any, *arrays: Any, **keywords: Any) -> list[Any]:
            found = rules.rule(positions, g, y, *arrays, **keywords)
            return [spoil(part, arrays[i]) for i, part in zip(positions, found, strict=True)]

        patch.setitem(RULES, function, EveryOperand(of_any))
        return
    place = definition.names.index(name)

    def of_one(g: Any, y: Any, *arguments: Any, **keywords: Any) -> Any:
        return spoil(rules[place](g, y, *arguments, **keywords), arguments[place])

    patch.setitem(RULES, function, (*rules[:place], of_one, *rules[place + 1 :]))


def is_red(law: Law, function: Any) -> bool:
    """Whether a law fails on any case of a function that it is meant for."""
    smooth = law is laws.test_second_and_third_order
    try:
        law([case for case in CASES if case.rule is function and (case.tag == "plain" or not smooth)])
    except (AssertionError, ValueError):
        return True
    return False


# ---- errors in rules -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "function", "name"),
    [
        (error, function, name)
        for error in ERRORS
        for function, name in PLACES
        if function not in PIECEWISE_CONSTANT or error.name in WHERE_ZERO
    ],
    ids=lambda value: value.name if isinstance(value, Error) else value if isinstance(value, str) else label(value),
)
def test_an_error_in_a_rule_is_found(monkeypatch: pytest.MonkeyPatch, function: Any, name: str, error: Error) -> None:
    plant(monkeypatch, function, name, error.spoil)
    assert is_red(error.law, function)


@pytest.mark.parametrize("function", dict.fromkeys(function for function, _ in PLACES), ids=label)
def test_right_rules_are_not_accused(monkeypatch: pytest.MonkeyPatch, function: Any) -> None:
    for name in [name for place, name in PLACES if place is function]:
        plant(monkeypatch, function, name, lambda part, argument: part)
    for law in {error.law for error in ERRORS}:
        assert not is_red(law, function)


BROADCAST = {np.where, np.matmul, np.broadcast_to, expand, assign}


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (function, name)
        for function, name in PLACES
        if (function in BROADCAST or (isinstance(function, np.ufunc) and function.nin == 2))
        and (function, name) != (assign, "a")
        and function not in PIECEWISE_CONSTANT
    ],
    ids=lambda value: value if isinstance(value, str) else label(value),
)
def test_broadcasting_that_is_not_undone_is_found(monkeypatch: pytest.MonkeyPatch, function: Any, name: str) -> None:
    plant(monkeypatch, function, name, UNSUMMED.spoil)
    assert is_red(UNSUMMED.law, function)


@pytest.mark.parametrize(
    "function",
    [
        function
        for function, rules in RULES.items()
        if not isinstance(rules, EveryOperand)
        and function in DEFINITIONS
        and sum(rule is not None for rule in rules) == 2
        and function not in {np.add, *PIECEWISE_CONSTANT}  # whose two rules are one
    ],
    ids=label,
)
def test_rules_of_two_arguments_swapped_are_found(monkeypatch: pytest.MonkeyPatch, function: Any) -> None:
    rules = RULES[function]
    one, other = (place for place, rule in enumerate(rules) if rule is not None)
    swapped = [*rules]
    swapped[one], swapped[other] = rules[other], rules[one]
    monkeypatch.setitem(RULES, function, tuple(swapped))
    assert is_red(laws.test_gradient, function)


# ---- errors elsewhere ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", COMPOSED, ids=label)
@pytest.mark.parametrize(
    ("law", "spoil"),
    [
        (laws.test_value_is_that_of_numpy, lambda y: y * 1.001),
        (laws.test_gradient, lambda y: y.detach()),
        (laws.test_gradient, lambda y: y.detach() * 0.999 + y * 0.001),
    ],
    ids=["scaled by 1.001", "history dropped", "right in value, not in slope"],
)
def test_an_error_in_a_composition_is_found(
    monkeypatch: pytest.MonkeyPatch, function: Any, law: Law, spoil: Any
) -> None:
    text = COMPOSED[function]

    def wrong(*arguments: Any, **keywords: Any) -> Any:
        result = text(*arguments, **keywords)
        if result is None:  # it wrote into its first argument
            arguments[0][...] = spoil(arguments[0])
            return None
        if isinstance(result, list | tuple):
            return [spoil(part) if type(part) is Tensor else part for part in result]
        return spoil(result)

    monkeypatch.setitem(COMPOSED, function, wrong)
    assert is_red(law, function)


def test_a_walk_that_forgets_shape_and_dtype_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backward, "conform", lambda part, argument, function: part)
    assert is_red(laws.test_cotangent_has_the_shape_and_dtype_of_its_argument, np.multiply)
    assert is_red(laws.test_single_precision_stays_single, np.sum)
