"""Polynomials and calculus on samples beside the table of cases: NumPy's classes of polynomials, what is refused."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from tinygrad_scratch import Tensor, grad
from tinygrad_scratch.rules.elementwise import bessel, sinc_derivative

PLAIN = np.poly1d([1.0, 2.0])


def vector(*values: float) -> Tensor:
    return Tensor(values or (1.0, -3.0, 2.0), requires_grad=True)


# ---- classes of polynomials ------------------------------------------------------------------------------------------


def test_a_plain_polynomial_of_a_tensor_has_a_gradient() -> None:
    x = vector(0.5, 2.0)
    np.sum(np.poly1d([1.0, 0.0, 3.0])(x)).backward()
    np.testing.assert_array_equal(x.grad, [1.0, 4.0])


MIXED: dict[str, Callable[[Tensor], Any]] = {
    "polyval at a polynomial": lambda t: np.polyval(t, PLAIN),
    "polyadd": lambda t: np.polyadd(PLAIN, t),
    "polysub": lambda t: np.polysub(t, PLAIN),
    "polymul": lambda t: np.polymul(t, PLAIN),
    "polydiv": lambda t: np.polydiv(t, PLAIN),
}


@pytest.mark.parametrize("use", MIXED.values(), ids=MIXED)
def test_a_polynomial_made_of_plain_numbers_and_a_tensor_is_refused(use: Callable[[Tensor], Any]) -> None:
    with pytest.raises(TypeError, match=r"np\.poly1d holds plain numbers.*p\.coeffs"):
        use(vector())


CLASSES: dict[str, Callable[[Tensor], Any]] = {
    "Polynomial of coefficients": np.polynomial.Polynomial,
    "Polynomial at a Tensor": np.polynomial.Polynomial([1.0, 2.0]),
    "fit": lambda t: np.polynomial.Polynomial.fit(t, t, 1),
    "product": lambda t: np.polynomial.Polynomial([1.0, 2.0]) * t,
    "polyval of coefficients": lambda t: np.polynomial.polynomial.polyval(2.0, t),
    "polyroots": np.polynomial.polynomial.polyroots,
    "product with a poly1d": lambda t: np.array(PLAIN * t[0]),
}


@pytest.mark.parametrize("use", CLASSES.values(), ids=CLASSES)
def test_no_class_of_polynomials_loses_a_gradient_in_silence(use: Callable[[Tensor], Any]) -> None:
    with pytest.raises(TypeError, match="Tensor"):
        use(vector())


# ---- what is refused -------------------------------------------------------------------------------------------------

WRONG: dict[str, tuple[Callable[[Any], Any], str]] = {
    "diff of order -1": (lambda t: np.diff(t, -1), "must not be negative"),
    "diff of a number": (lambda t: np.diff(t[0]), "at least one dimension"),
    "spacings": (lambda t: np.gradient(t, 1.0, 2.0), "2 spacings were given for 1 axes"),
    "coordinates": (lambda t: np.gradient(t, [0.0, 1.0]), r"shape \(2,\) were given for 3"),
    "edge_order": (lambda t: np.gradient(t, edge_order=3), "must be 1 or 2"),  # type: ignore[call-overload]
    "too short": (lambda t: np.gradient(t[:2], edge_order=2), "too short for edge_order=2"),
    "ediff1d": (lambda t: np.ediff1d(t, to_end=1j), "Cannot cast"),
    "period": (lambda t: np.interp(t, t, t, period=0), "must not be zero"),
    "knots": (lambda t: np.interp(t, t, t[:2], period=2.0), r"\(3,\) and \(2,\)"),
    "polyder": (lambda t: np.polyder(t, -1), "must not be negative"),
    "polyint": (lambda t: np.polyint(t, -1), "must not be negative"),
    "constants": (lambda t: np.polyint(t, 3, [1.0, 2.0]), "one number or 3 numbers, 2 were given"),
    "degree": (lambda t: np.polyfit(t, t, -1), "must not be negative"),
    "points": (lambda t: np.polyfit(t, t[:2], 1), r"\(3,\) and \(2,\)"),
    "weights": (lambda t: np.polyfit(t, t, 1, w=[1.0]), r"must have the shape \(3,\)"),
    "covariance": (lambda t: np.polyfit(t, t, 2, cov=True), "leave nothing over"),
    "a cube of zeros": (lambda t: np.poly(np.reshape(t, (3, 1, 1))), "1d or non-empty square 2d"),
}


@pytest.mark.parametrize(("use", "text"), WRONG.values(), ids=WRONG)
def test_numpy_refuses_it_too_and_the_error_says_why(use: Callable[[Any], Any], text: str) -> None:
    with pytest.raises((TypeError, ValueError)):
        use(vector().numpy())
    with pytest.raises((TypeError, ValueError), match=text):
        use(vector())


def test_a_fit_that_the_points_do_not_determine_warns() -> None:
    with pytest.warns(np.exceptions.RankWarning):
        np.polyfit(vector(1.0, 1.0, 1.0), vector(1.0, 2.0, 3.0), 1)


# ---- what the laws do not reach --------------------------------------------------------------------------------------


def test_a_double_root_has_no_gradient() -> None:
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):
        gradient = grad(lambda p: np.roots(p)[0])(np.array([1.0, 0.0, 0.0]))
    assert not np.all(np.isfinite(gradient))


def bessel_in_fractions(x: float, order: int) -> float:
    """The power series (DLMF 10.25.2), exactly."""
    half, total = Fraction(x) / 2, Fraction(0)
    term = half**order / math.factorial(order)
    for k in range(1, 40 + 2 * int(abs(x))):
        total, term = total + term, term * half * half / (k * (k + order))
    return float(total)


@pytest.mark.parametrize("order", [1, 2, 3, 6])
def test_bessel_functions_to_the_last_digits(order: int) -> None:
    x = np.array([-1e-8, 0.0, 1e-3, 0.3, -2.5, 7.9, 8.1, 30.0])
    truth = [bessel_in_fractions(float(each), order) for each in x]
    np.testing.assert_allclose(bessel(x, order), truth, rtol=5e-15)


@pytest.mark.parametrize("order", range(1, 8))
def test_derivatives_of_sinc_agree_where_their_formula_changes(order: int) -> None:
    turning = np.array([-1.0, 1.0]) * max(2, order) / np.pi
    before, after = (sinc_derivative(turning * (1 + side * 1e-15), order) for side in (-1, 1))
    np.testing.assert_allclose(before, after, rtol=0, atol=2e-14 * np.pi**order / (order + 1))


def test_writing_in_place_replaces_what_is_no_number() -> None:
    x = vector(np.nan, 2.0)
    y = x * 3.0
    assert np.nan_to_num(y, copy=False, nan=1.0) is y
    np.testing.assert_array_equal(y.numpy(), [1.0, 6.0])
    np.testing.assert_array_equal(np.sum(y).gradient(x)[0].numpy(), [0.0, 3.0])
    with pytest.raises(ValueError, match="leaf"):
        np.nan_to_num(x, copy=False)
