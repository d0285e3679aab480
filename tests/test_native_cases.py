"""Every case of the table as native code: the value, and the gradient, as when they are computed eagerly.

All cases are run as native text by Python itself, which needs no numba. Some are compiled, too.
"""

from __future__ import annotations

import importlib.util
import warnings
from typing import Any

import numpy as np
import pytest

from tests.cases import CASES, DIFFERENTIABLE
from tests.cases.table import Case
from tests.cases.together import together
from tests.native_text import interpreted
from tests.test_jit_cases import MEANINGLESS, gradient_of, value_of
from tests.test_laws import cotangents_of
from tinygrad_scratch import Tensor, jit
from tinygrad_scratch.compiler.native import compiled
from tinygrad_scratch.trees import leaves_of

SAMPLE = 100
"""How many cases lie between two that are compiled: each takes about a second."""

has_numba = pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="numba is not installed")


def no_other_way(program: Any) -> Any:
    raise


def check(function: Any, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """The jitted function gives what the function gives, to the twelfth digit of its largest element."""

    def native(program: Any, otherwise: Any) -> compiled.NativeProgram:
        return compiled.NativeProgram(program, no_other_way)

    monkeypatch.setattr("tinygrad_scratch.compiler.native.native_program", native)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # eager evaluation has its own tests for them
        values = case.draw()
        cotangents = cotangents_of(case, values) if case in DIFFERENTIABLE else []
        found, wanted = jit(function, backend="numba")(values, cotangents), function(values, cotangents)
    for mine, theirs in zip(leaves_of(found), leaves_of(wanted), strict=True):
        mine, theirs = (leaf.numpy() if isinstance(leaf, Tensor) else np.asarray(leaf) for leaf in (mine, theirs))
        assert (mine.dtype, mine.shape) == (theirs.dtype, theirs.shape)
        if theirs.dtype.kind in "fc":
            largest = np.max(np.abs(theirs[np.isfinite(theirs)]), initial=0.0)
            np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-12 * largest + 1e-14)
        else:
            np.testing.assert_array_equal(mine, theirs)


@together([each for each in CASES if each.function not in MEANINGLESS])
def test_value_as_text(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "compiled", interpreted)
    value = value_of(case)
    check(lambda values, cotangents: value(values), case, monkeypatch)


@together(DIFFERENTIABLE)
def test_gradient_as_text(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "compiled", interpreted)
    check(gradient_of(case), case, monkeypatch)


@has_numba
@pytest.mark.parametrize("case", DIFFERENTIABLE[::SAMPLE], ids=str)
def test_gradient_compiled(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    check(gradient_of(case), case, monkeypatch)
