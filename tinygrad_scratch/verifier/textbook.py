"""Functions that are what their names say: `sigmoid` the logistic function, `tanh_prime` the slope of tanh."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.rewriting.text import source_of
from tinygrad_scratch.verifier.source import statement_at, text_of

POINTS = np.array([-1.3, -0.4, 0.3, 1.7])
SLOPE = re.compile(r"prime|deriv|grad|slope|backward|diff|(?:^|_)d_?(?=sig|logis|tanh|relu)")


def logistic(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


KNOWN: tuple[tuple[str, Callable[[Any], Any], tuple[Callable[[Any], Any], ...]], ...] = (
    ("sig|logistic", logistic, (lambda x: x * (1 - x), lambda x: logistic(x) * (1 - logistic(x)))),
    ("tanh", np.tanh, (lambda x: 1 - x**2, lambda x: 1 - np.tanh(x) ** 2)),
    ("relu", lambda x: np.maximum(0, x), (lambda x: 1.0 * (x > 0),)),
)
"""What a name has in it, the function that is called so, and its slopes: at what comes out, and at what goes in."""


def is_spoiled(file: str, line: int, written: str, right: str) -> bool:
    """Whether a change makes of a function that is what its name says one that isn't: another line is wrong, then."""
    meant = of_function(file, line)
    return meant is not None and is_one_of(meant[0], written, meant[1]) and not is_one_of(meant[0], right, meant[1])


def is_as_named(file: str, line: int) -> bool:
    """Whether a line returns what the name of its function says, and that is no slope: the call of it may be wrong."""
    meant = of_function(file, line)
    return meant is not None and len(meant[0]) == 1 and is_one_of(meant[0], statement_at(file, line), meant[1])


def is_slope_of_given(file: str, line: int) -> bool:
    """Whether a line returns the slope that its function is named after, at what is given: the call is wrong then."""
    meant = of_function(file, line)
    return meant is not None and len(meant[0]) > 1 and is_one_of(meant[0][-1:], statement_at(file, line), meant[1])


def of_function(file: str, line: int) -> tuple[tuple[Callable[[Any], Any], ...], str] | None:
    """What the function around a line may be by its name, and the name of what it is given."""
    function = source_of(text_of(file)).function_around(line)
    if not isinstance(function, ast.FunctionDef) or not is_plain(function):
        return None
    given, meant = [each.arg for each in function.args.args if each.arg != "self"], meant_by(function.name)
    return (meant, given[0]) if len(given) == 1 and meant else None


def is_plain(function: ast.FunctionDef) -> bool:
    """Whether all that a function does is to return a value."""
    return all(isinstance(each, ast.Return | ast.Expr) for each in function.body)


def meant_by(name: str) -> tuple[Callable[[Any], Any], ...]:
    """What a function of a name may be.

    >>> len(meant_by("sigmoid")), len(meant_by("sigmoid_prime")), len(meant_by("signal_to_noise_ratio_of_it"))
    (1, 2, 0)
    """
    name = name.lower()
    for known, function, slopes in KNOWN:
        if re.search(rf"(?:^|_|d)(?:{known})(?:moid)?(?:_|$|prime|deriv|grad)", name):
            return slopes if SLOPE.search(name) else (function,)
    return ()


def base_of(name: str) -> Callable[[Any], Any] | None:
    """The function that the slope of a name is the slope of; None for another name."""
    slopes = meant_by(name)
    return next((function for _, function, own in KNOWN if own == slopes), None)


def is_one_of(meant: tuple[Callable[[Any], Any], ...], statement: str, given: str) -> bool:
    """Whether a return gives what one of some functions does."""
    try:
        returned = ast.parse(statement.strip().removeprefix("return").strip(), mode="eval")
        code = compile(returned, "<return>", "eval")
        with np.errstate(all="ignore"):
            found = eval(code, {"np": np, "numpy": np, "sigmoid": logistic, given: POINTS})
        return any(np.allclose(np.asarray(found, float), function(POINTS)) for function in meant)
    except Exception:  # of a call of something else
        return False
