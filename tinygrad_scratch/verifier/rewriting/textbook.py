"""Functions that are what their names say: `sigmoid` the logistic function, `tanh_prime` the slope of tanh."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass
from textwrap import dedent
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.reading.loops import names_of
from tinygrad_scratch.verifier.reading.names import is_gradient_name
from tinygrad_scratch.verifier.reading.source import text_of
from tinygrad_scratch.verifier.rewriting.text import Source, lines_of, source_of

POINTS = np.array([-1.3, -0.4, 0.3, 1.7])
SLOPE = re.compile(r"prime|deriv|grad|slope|backward|diff|(?:^|_)de?_?(?=sig|logis|tanh|relu)")
OF_CLASS = re.compile(r"d[a-z]{0,5}$|bprop|local_grad")
"""The names of methods that give the slope of the function that their class is called after."""
FUTURE = "from __future__ import annotations\n"  # names of types are not looked up then
FORWARD = re.compile(r"__call__|forward|call|value|apply|f")
CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def logistic(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


KNOWN: tuple[tuple[str, Callable[[Any], Any], tuple[Callable[[Any], Any], ...]], ...] = (
    ("sig|logistic", logistic, (lambda x: x * (1 - x), lambda x: logistic(x) * (1 - logistic(x)))),
    ("tanh", np.tanh, (lambda x: 1 - x**2, lambda x: 1 - np.tanh(x) ** 2)),
    ("relu", lambda x: np.maximum(0, x), (lambda x: 1.0 * (x > 0),)),
    ("soft_?max", lambda x: np.exp(x) / np.sum(np.exp(x)), ()),
)
"""What a name has in it, the function that is called so, and its slopes: at what comes out, and at what goes in."""
NAMED_SO = {"sigmoid": logistic, "logistic": logistic, "tanh": np.tanh, "relu": lambda x: np.maximum(0, x)}
"""What a slope may call by name."""


@dataclass(frozen=True)
class Named:
    """A function of one value with a name that says what it is, and what that may be.

    What is given to it besides may be what comes from above, which a slope is multiplied by.
    """

    code: str
    name: str
    meant: tuple[Callable[[Any], Any], ...]
    is_method: bool
    has_above: bool
    is_above_first: bool = False

    def is_one_of(self, meant: tuple[Callable[[Any], Any], ...], code: str | None = None) -> bool:
        """Whether the function, or another code of it, gives what one of some functions does."""
        return any(self.gives(meant, code or self.code, points) for points in (POINTS, POINTS[None], POINTS[:, None]))

    def gives(self, meant: tuple[Callable[[Any], Any], ...], code: str, points: Any) -> bool:
        """The same for a row, or a column, of points."""
        try:
            names: dict[str, Any] = {"np": np, "numpy": np, **called_by_name(code), **NAMED_SO}
            with np.errstate(all="ignore"):
                exec(compile(f"{FUTURE}{dedent(code)}", "<function>", "exec", dont_inherit=True), names)
                owner, above = [Owner(self.meant)] * self.is_method, [np.ones_like(points)] * self.has_above
                given = [*above, points.copy()] if self.is_above_first else [points.copy(), *above]
                found = np.asarray(names[self.name](*owner, *given), float)
            return any(np.allclose(found, function(points)) for function in meant)
        except Exception:  # it calls something else
            return False


@dataclass(frozen=True)
class Owner:
    """The object that such a method belongs to: its others give the function itself, whatever they are called."""

    meant: tuple[Callable[[Any], Any], ...]

    def __getattr__(self, name: str) -> Callable[[Any], Any]:
        return next((function for _, function, slopes in KNOWN if slopes == self.meant), logistic)


def is_spoiled(file: str, line: int, written: str, right: str) -> bool:
    """Whether a change makes of a function that is what its name says one that isn't: another line is wrong, then.

    A slope at what is given is no longer one where it is taken by what comes out.
    """
    named = function_at(file, line)
    if named is None or not named.is_one_of(named.meant):
        return False
    meant = named.meant[-1:] if named.is_one_of(named.meant[-1:]) else named.meant
    return not named.is_one_of(meant, named.code.replace(written, right, 1))


def is_made_so(file: str, line: int, written: str, right: str) -> bool:
    """Whether a change makes of a slope that is none the one that its name says."""
    named = function_at(file, line)
    return (
        is_misnamed(file, line)
        and named is not None
        and named.is_one_of(named.meant, named.code.replace(written, right, 1))
    )


def is_misnamed(file: str, line: int) -> bool:
    """Whether a line is in a function that is called as a slope is, and is none."""
    named = function_at(file, line)
    return named is not None and len(named.meant) > 1 and not named.is_one_of(named.meant)


def is_as_named(file: str, line: int) -> bool:
    """Whether a line is in a function that is what its name says, and that is no slope: the call of it may be wrong."""
    named = function_at(file, line)
    return named is not None and len(named.meant) == 1 and named.is_one_of(named.meant)


def is_slope_of_given(file: str, line: int) -> bool:
    """Whether a line is in the slope that its function is named after, at what is given: the call is wrong then."""
    named = function_at(file, line)
    return named is not None and len(named.meant) > 1 and named.is_one_of(named.meant[-1:])


def function_at(file: str, line: int) -> Named | None:
    """The innermost function around a line, if its name says what it is and it only works out a value."""
    source = source_of(text_of(file))
    around = [node for node in source.blocks if isinstance(node, ast.FunctionDef) and line in lines_of(node)]
    if not around or not is_plain(around[-1].body):
        return flagged_at(source, around[-1], line) or branch_at(source, around[-1], line) if around else None
    function, start = around[-1], source.at(around[-1].lineno)
    given, meant = [each.arg for each in function.args.args], meant_by(function.name)
    holder = source.class_around(line)
    if not meant and holder is not None and (SLOPE.search(function.name) or OF_CLASS.match(function.name)):
        meant = meant_by(f"{CAMEL.sub('_', holder.name)}_deriv")
    is_method = given[:1] == ["self"]
    has_above = len(given) == 2 + is_method and len(meant) > 1
    if len(given) != 1 + is_method + has_above or not meant:
        return None
    is_above_first = has_above and is_gradient_name(given[-2]) and not is_gradient_name(given[-1])
    at = given[-1 if is_above_first else -2] if has_above else ""
    if holder is not None and at in taken_forward(holder):  # the slope at what goes in is due
        meant = meant[-1:] * 2
    code = source.text[start : source.span(function)[1]]
    return Named(code, function.name, meant, is_method, has_above, is_above_first)


def taken_forward(holder: ast.ClassDef) -> set[str]:
    """What the forward method of a class calls that which it is given."""
    own = (each for each in holder.body if isinstance(each, ast.FunctionDef) and FORWARD.fullmatch(each.name))
    return {argument.arg for each in own for argument in each.args.args} - {"self"}


def branch_at(source: Source, function: ast.FunctionDef, line: int) -> Named | None:
    """What a function does that is told by a word which one it is: `if kind == "tanh": return 1 - np.tanh(z) ** 2`."""
    branches = [node for node in ast.walk(function) if isinstance(node, ast.If) and is_plain(node.body)]
    own = next((node for node in branches if any(line in lines_of(each) for each in node.body)), None)
    if own is None:
        return None
    words = [
        node.value for node in ast.walk(own.test) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    read = {node.id for each in own.body for node in ast.walk(each) if isinstance(node, ast.Name)}
    given = [each.arg for each in function.args.args if each.arg in read and each.arg != "self"]
    name = "_".join([*words[:1], *(["deriv"] if SLOPE.search(function.name) else [])])
    meant = meant_by(name)
    if len(words) != 1 or len(given) != 1 or not meant:
        return None
    lines = "".join(f"    {source.code(each)}\n" for each in own.body)
    return Named(f"def chosen({given[0]}):\n{lines}", "chosen", meant, is_method=False, has_above=False)


def flagged_at(source: Source, function: ast.FunctionDef, line: int) -> Named | None:
    """The part around a line of a function that gives its slope where it is asked: `if deriv: return y * (1 - y)`.

    Which function that is, its other part tells by what it gives, whatever it is called.
    """
    flags = [node for node in function.body if isinstance(node, ast.If) and asks_for_slope(node.test)]
    if len(flags) != 1:
        return None
    asked, own = flags[0].body, [node for node in function.body if node is not flags[0]] + flags[0].orelse
    given = [each.arg for each in function.args.args if each.arg not in names_of(flags[0].test) | {"self"}]
    part = next((body for body in (asked, own) if any(line in lines_of(node) for node in body)), None)
    if part is None or len(given) != 1 or not (is_plain(asked) and is_plain(own)):
        return None
    codes = [f"def chosen({given[0]}):\n" + "".join(f"    {source.code(node)}\n" for node in b) for b in (own, part)]
    forward = Named(codes[0], "chosen", (), is_method=False, has_above=False)
    known = next(((of, slopes) for _, of, slopes in KNOWN if slopes and forward.is_one_of((of,))), None)
    if known is None:
        return None
    return Named(codes[1], "chosen", known[1] if part is asked else known[:1], is_method=False, has_above=False)


def asks_for_slope(test: ast.expr) -> bool:
    """Whether a condition is one argument, which says by its name that a slope is asked for, or that it is true."""
    match test:
        case ast.Name(id=name) | ast.Compare(left=ast.Name(id=name), ops=[ast.Eq() | ast.Is()], comparators=[_]):
            is_true = not isinstance(test, ast.Compare) or ast.unparse(test.comparators[0]) == "True"
            return is_true and SLOPE.search(name.lower()) is not None
    return False


def is_plain(body: list[ast.stmt]) -> bool:
    """Whether all that the body of a function does is to work out a value, and to return it."""
    said = (each for each in body if isinstance(each, ast.Expr))
    works = all(isinstance(each, ast.Assign | ast.Return | ast.Expr) for each in body)
    return works and all(isinstance(each.value, ast.Constant) for each in said)


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


def called_by_name(code: str) -> dict[str, Callable[[Any], Any]]:
    """The functions that a text calls whose names say what they are, each as that: `sigmoid_of_number(x)`.

    >>> list(called_by_name("1 - tanh_of(x) ** 2 + tanh_prime(x) + np.tanh(x)"))
    ['tanh_of']
    """
    called = (node.func for node in ast.walk(ast.parse(dedent(code))) if isinstance(node, ast.Call))
    meant = {each.id: meant_by(each.id) for each in called if isinstance(each, ast.Name)}
    return {name: known[0] for name, known in meant.items() if len(known) == 1}


def base_of(name: str) -> Callable[[Any], Any] | None:
    """The function that the slope of a name is the slope of; None for another name."""
    slopes = meant_by(name)
    return next((function for _, function, own in KNOWN if own == slopes != ()), None)
