"""All of NumPy: every function is in the table, or said not to be; and none loses a gradient in silence."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_scratch import Tensor

GENERATOR = runpy.run_path(str(Path(__file__).parents[1] / "docs/generate_what_works.py"))
FUNCTIONS = dict(GENERATOR["functions"]())
UNSEEN = dict(GENERATOR["unseen"]())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_of_numpy_has_its_place(name: str) -> None:
    """A function that a newer NumPy adds turns this red: give it a rule, or say that it has no derivative."""
    assert GENERATOR["status"](FUNCTIONS[name]) is not None


# ---- functions that NumPy calls without asking a Tensor --------------------------------------------------------------


def vector() -> Any:
    return Tensor([1.5, 2.5], requires_grad=True)


def number() -> Any:
    return Tensor(2.0, requires_grad=True)


def matrix() -> Any:
    return Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)


LOSING: dict[str, Callable[[], Any]] = {
    "np.arange": lambda: np.arange(0.0, number(), 0.5),
    "np.array": lambda: np.array(vector()),
    "np.array of numbers": lambda: np.array([number(), 1.0]),
    "np.array of rows": lambda: np.array([vector(), vector()]),
    "np.array of objects": lambda: np.array([vector(), None], dtype=object),
    "np.asanyarray": lambda: np.asanyarray(vector()),
    "np.asarray": lambda: np.asarray(vector()),
    "np.asarray_chkfinite": lambda: np.asarray_chkfinite(vector()),
    "np.ascontiguousarray": lambda: np.ascontiguousarray(vector()),
    "np.asfortranarray": lambda: np.asfortranarray(matrix()),
    "np.asmatrix": lambda: np.asmatrix(matrix()),
    "np.bmat": lambda: np.bmat([[matrix(), matrix()]]),
    "np.format_float_positional": lambda: np.format_float_positional(number()),
    "np.format_float_scientific": lambda: np.format_float_scientific(number()),
    "np.from_dlpack": lambda: np.from_dlpack(vector()),
    "np.frombuffer": lambda: np.frombuffer(vector()),
    "np.fromiter": lambda: np.fromiter(vector(), float),
    "np.frompyfunc": lambda: np.frompyfunc(lambda x: 2 * x, 1, 1)(vector()),
    "np.full": lambda: np.full(3, number()),
    "np.full of rows": lambda: np.full((3, 2), vector()),
    "np.kaiser": lambda: np.kaiser(5, number()),
    "np.require": lambda: np.require(vector(), float, "C"),
    "np.vectorize": lambda: np.vectorize(lambda x: 2 * x)(vector()),
    "np.ndenumerate": lambda: list(np.ndenumerate(vector())),
    "np.r_": lambda: np.r_[vector(), vector()],
    "np.c_": lambda: np.c_[vector(), vector()],
    "np.mgrid": lambda: np.mgrid[0 : number()],
    "np.float64": lambda: np.float64(number()),
    "np.ma.array": lambda: np.ma.array(vector()),
    "a[...] = t": lambda: np.zeros(2).__setitem__(..., vector()),
    "a.dot(t)": lambda: np.ones(2).dot(vector()),
    "a.fill(t)": lambda: np.ones(2).fill(number()),
    "a.put(0, t)": lambda: np.ones(2).put([0], number()),
    "as_strided": lambda: np.lib.stride_tricks.as_strided(vector(), (2, 1), (8, 8)),
    "rng.normal": lambda: np.random.default_rng(0).normal(number(), 1.0),
    "rng.permutation": lambda: np.random.default_rng(0).permutation(vector()),
    "np.polynomial": lambda: np.polynomial.Polynomial(vector()),
}
WORKING: dict[str, tuple[Callable[[Any], Any], float]] = {  # of one number, and the derivative of the sum at 2
    "np.fft.fftfreq": (lambda t: np.fft.fftfreq(3, t)[1], -1 / 12),
    "np.fft.rfftfreq": (lambda t: np.fft.rfftfreq(3, t), -1 / 12),
    "np.fromfunction": (lambda t: np.fromfunction(lambda i: i * t, (3,)), 3.0),
    "np.vectorize of a list": (lambda t: np.stack([2 * x for x in [t, t]]), 4.0),
}


@pytest.mark.parametrize("name", LOSING)
@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_a_gradient_is_never_lost_in_silence(name: str) -> None:
    with pytest.raises((TypeError, ValueError, AttributeError)) as caught:
        LOSING[name]()
    error: BaseException | None = caught.value
    texts = []
    while error is not None:
        texts.append(str(error))
        error = error.__cause__ or error.__context__
    assert "Tensor" in "\n".join(texts)


@pytest.mark.parametrize("name", WORKING)
def test_some_functions_work_without_asking(name: str) -> None:
    text, slope = WORKING[name]
    t = number()
    np.sum(text(t)).backward()
    np.testing.assert_allclose(t.grad, slope)


def test_every_function_that_does_not_see_tensors_is_tried_or_takes_no_values() -> None:
    takes_no_values = {
        "base_repr", "binary_repr", "broadcast_shapes", "datetime_data", "diag_indices", "get_include",
        "get_printoptions", "getbufsize", "geterr", "geterrcall", "info", "isdtype", "isfortran", "isscalar",
        "issubdtype", "iterable", "mask_indices", "mintypecode", "nested_iters", "printoptions", "promote_types",
        "set_printoptions", "setbufsize", "seterr", "seterrcall", "show_config", "show_runtime", "test", "tril_indices",
        "triu_indices", "typename", "indices", "zeros", "ones", "empty", "eye", "identity", "tri", "bartlett",
        "blackman", "hamming", "hanning", "fromfile", "fromregex", "fromstring", "genfromtxt", "load", "loadtxt",
        "row_stack", "trapz", "linalg.test", "fft.test",
    }  # fmt: skip
    known = {f"np.{name}" for name in takes_no_values} | LOSING.keys() | WORKING.keys()
    assert set(UNSEEN) <= known


def test_page_of_what_works_is_up_to_date() -> None:
    page = GENERATOR["PAGE"].read_text(encoding="utf-8")
    if f"NumPy {np.__version__} " not in page:
        pytest.skip(f"the page is of another NumPy than {np.__version__}")
    assert page == GENERATOR["page"](), "run python docs/generate_what_works.py"
