"""A right derivative that is given what the other function makes: its call is wrong, and it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import module_of
from tinygrad_scratch import verify
from tinygrad_scratch.verifier.explaining.misgiven import Misgiven

SLOPES = (
    "s = squash(v)\n    return s * (1 - s)",
    "return np.exp(-v) / (1 + np.exp(-v)) ** 2",
    "return squash(v) * (1 - squash(v))",
)
NET = """
import numpy as np


def squash(v):
    return 1 / (1 + np.exp(-v))


def squash_prime(v):
    {slope}


def run(x, y, u, v, w):
    low = x @ u
    h = squash({low})
    high = h @ v
    k = squash({high})
    out = k @ w
    error = out - y
    d_high = (error @ w.T) * squash_prime({second})
    d_low = (d_high @ v.T) * squash_prime({first})
    return 0.5 * np.sum(error**2), x.T @ d_low, h.T @ d_high, k.T @ error


def check(verify):
    rng = np.random.default_rng(5)
    u, v, w = rng.normal(size=(3, 4)), rng.normal(size=(4, 5)), rng.normal(size=(5, 2))
    x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    with verify(u=u, v=v, w=w) as check:
        check.loss, du, dv, dw = run(x, y, u, v, w)
        check.gradients = {{"u": du, "v": dv, "w": dw}}
    return check
"""
POINTS = {"named": ("low", "high"), "unnamed": ("x @ u", "h @ v")}


@pytest.mark.parametrize("slope", SLOPES)
@pytest.mark.parametrize("points", POINTS)
@pytest.mark.parametrize("wrong", ["first", "second"])
def test_the_call_is_wrong(tmp_path: Path, slope: str, points: str, wrong: str) -> None:
    low, high = POINTS[points]
    first, second = ("h" if wrong == "first" else low), ("k" if wrong == "second" else high)
    text = NET.format(slope=slope, low=low, high=high, first=first, second=second)
    lines = {text[: text.index(name)].count("\n") + 1: point for name, point in (("d_high =", high), ("d_low =", low))}
    expected = {line: point for line, point in lines.items() if f"squash_prime({point})" not in text}
    check = module_of(tmp_path / "squashed.py", text).check(verify)
    assert [(cause.line, cause.kind) for cause in check.causes] == [
        (line, "derivative-at-wrong-point") for line in expected
    ], str(check)
    for cause in check.causes:
        assert f"squash_prime({expected[cause.line]})" in str(cause.should_be)
        assert cause.certainty == "checked"


@pytest.mark.parametrize("slope", SLOPES[:2])
def test_two_wrong_calls_are_two_mistakes(tmp_path: Path, slope: str) -> None:
    text = NET.format(slope=slope, low="low", high="high", first="h", second="k")
    check = module_of(tmp_path / "squashed.py", text).check(verify)
    assert [cause.kind for cause in check.causes] == ["derivative-at-wrong-point"] * 2, str(check)
    assert {cause.certainty for cause in check.causes} == {"fits"}


def test_of_two_wrong_calls_and_one_wrong_function_it_is_the_function(tmp_path: Path) -> None:
    text = NET.format(slope=SLOPES[2], low="low", high="high", first="h", second="k")
    check = module_of(tmp_path / "squashed.py", text).check(verify)
    line = text[: text.index("def squash_prime")].count("\n") + 2
    assert [cause.kind for cause in check.causes] == ["derivative-at-wrong-point"], str(check)
    assert check.first_wrong.line == line


@pytest.mark.parametrize("slope", SLOPES)
@pytest.mark.parametrize("points", POINTS.values())
def test_as_it_should_be_it_is_right(tmp_path: Path, slope: str, points: tuple[str, str]) -> None:
    low, high = points
    text = NET.format(slope=slope, low=low, high=high, first=low, second=high)
    assert module_of(tmp_path / "squashed.py", text).check(verify).ok


@pytest.mark.parametrize("slope", SLOPES)
def test_a_wrong_call_is_told_where_it_is_made_and_not_where_its_result_is_read(tmp_path: Path, slope: str) -> None:
    named = "    part_2 = squash_prime({second})\n    d_high = (error @ w.T) * part_2\n"
    text = NET.replace("    d_high = (error @ w.T) * squash_prime({second})\n", named)
    points = {"slope": slope, "low": "low", "high": "high", "first": "low"}
    check = module_of(tmp_path / "squashed.py", text.format(**points, second="k")).check(verify)
    first = check.first_wrong
    assert (first.source, first.kind) == ("part_2 = squash_prime(k)", "derivative-at-wrong-point"), str(check)
    assert first.should_be == "squash_prime(high)"
    assert module_of(tmp_path / "squashed.py", text.format(**points, second="high")).check(verify).ok


UNUSED = """


def of_squares(z, out, y):
    return (out - y) * squash_prime(z)
"""


def test_a_call_in_what_does_not_run_says_nothing_of_those_that_are_made(tmp_path: Path) -> None:
    file = tmp_path / "squashed.py"
    check = module_of(file, NET.format(slope=SLOPES[0], low="low", high="high", first="low", second="high") + UNUSED)
    found = Misgiven(check.check(verify).case).times_written(r"(?<!def )\bsquash_prime\(", str(file))
    assert found == 2


OF_NUMBERS = """
import numpy as np


def logistic_of_one(v):
    return 1 / (1 + np.exp(-v))


def logistic(v):
    return np.vectorize(logistic_of_one)(v)


def slope_of_logistic_of_one(v):
    return logistic_of_one(v) * (1 - logistic_of_one(v))


def slope_of_logistic(v):
    return np.vectorize(slope_of_logistic_of_one)(v)


class Bent:
    def __init__(self, before):
        self.before = before

    def forward(self):
        coming = self.before.made
        self.made = logistic(coming)

    def backward(self, above):
        coming = self.before.made
        return above * slope_of_logistic({given})


class Straight:
    def __init__(self, w):
        self.w = w

    def forward(self, x):
        self.x, self.made = x, self.w @ x

    def backward(self, above):
        self.dw = above @ self.x.T
        return self.w.T @ above


def check(verify):
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(3, 1)), rng.normal(size=(2, 1))
    low, high = Straight(rng.normal(size=(3, 3))), Straight(rng.normal(size=(2, 3)))
    bent = Bent(low)
    with verify([low.w, high.w]) as check:
        low.forward(x)
        bent.forward()
        high.forward(bent.made)
        check.loss = 0.5 * np.sum((high.made - y) ** 2)
        low.backward(bent.backward(high.backward(high.made - y)))
        check.gradients = [low.dw, high.dw]
    return check
"""


def test_the_call_is_wrong_of_a_slope_that_is_taken_number_by_number(tmp_path: Path) -> None:
    text = OF_NUMBERS.format(given="self.made")
    check = module_of(tmp_path / "one_by_one.py", text).check(verify)
    assert check.first_wrong.line == text[: text.index("slope_of_logistic(self.made)")].count("\n") + 1, str(check)
    assert check.first_wrong.kind == "derivative-at-wrong-point"
    assert check.first_wrong.should_be == "return above * slope_of_logistic(coming)"
