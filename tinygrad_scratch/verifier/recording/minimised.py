"""SciPy's minimisers in a script: the call of the objective that they begin with is what is judged."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.recording.recorded import unrecorded
from tinygrad_scratch.verifier.recording.recording import created
from tinygrad_scratch.verifier.recording.tape import Tape

RETURN_BOTH = {"fmin_l_bfgs_b", "fmin_tnc"}  # without a function for it, the objective returns the gradient as well
MINIMISERS = {"minimize", "fmin_bfgs", "fmin_cg", "fmin_ncg", *RETURN_BOTH}


MINIMISED = "", 0  # stands for the file and line of a loop where a minimiser makes the turns


class Objectives:
    """Which call of a minimiser is judged: the first one after so many objectives, each of which may be met again."""

    def __init__(self, passed: int) -> None:
        self.passed = passed
        self.met = set[Any]()  # by what tells them apart

    def are_passed(self, objective: Any) -> bool:
        """Whether an objective, which was met now, is one of those that are passed over."""
        self.met.add(known_by(objective))
        return len(self.met) <= self.passed


def known_by(objective: Any) -> Any:
    """What tells an objective from another one: where it was written, be it given some arguments already."""
    while isinstance(objective, partial):
        objective = objective.func
    code = getattr(objective, "__code__", None)
    return id(objective) if code is None else (code.co_filename, code.co_firstlineno)


def minimising(minimiser: Callable[..., Any], tape: Tape) -> Callable[..., Any]:
    """A minimiser; where the tape waits for one, its objective is called once, and where it begins is the parameter."""
    name = minimiser.__name__

    def call(*arguments: Any, **keywords: Any) -> Any:
        said = None if tape.on_minimum is None or tape.closed else objective_in(minimiser, arguments, keywords)
        if tape.on_minimum is None or said is None:
            return minimiser(*arguments, **keywords)
        tape.on_minimum(name, said[0], lambda: called_once(said, created(start_in(arguments, keywords), tape)))
        return found_at_once(minimiser, arguments, keywords)  # this one is passed over

    call.__name__ = name
    return call


def called_once(said: Any, start: Any) -> tuple[Any, Any, Any]:
    """Where a minimiser begins, and the loss and its gradient there."""
    return start, *first_call(said, start)


def found_at_once(minimiser: Callable[..., Any], arguments: Any, keywords: Any) -> Any:
    """What a minimiser makes of an objective without slope: where it began is the minimum."""
    given = inspect.signature(minimiser).bind(*arguments, **keywords)
    objective = next(iter(given.arguments))
    slopes = [name for name in ("jac", "fprime") if callable(given.arguments.get(name))]
    given.arguments |= dict.fromkeys(slopes, lambda start, *others: np.zeros_like(start))
    given.arguments[objective] = lambda start, *others: 0.0 if slopes else (0.0, np.zeros_like(start))
    return minimiser(*given.args, **given.kwargs)


def start_in(arguments: Any, keywords: Any) -> Any:
    """Where a minimiser begins: one row of numbers, whatever it was given."""
    start = arguments[1] if len(arguments) > 1 else keywords["x0"]
    return np.array(unrecorded(start), float).reshape(-1)


def first_call(said: Any, start: Any) -> tuple[Any, Any]:
    """The loss at a start and its gradient, by what a minimiser is given."""
    objective, slope, others = said
    loss = objective(start, *others)
    loss, gradient = loss if slope is None else (loss, slope(start, *others))
    return loss, gradient


class Handed(Exception):  # noqa: N818  # it is no error
    """A minimiser was given a loss, of which it got this gradient first."""

    def __init__(self, gradient: Any) -> None:
        self.gradient = gradient


@contextmanager
def stopped_at_once(namespaces: Iterable[dict[str, Any]], objectives: Objectives) -> Iterator[None]:
    """Let a run end with the first call that a minimiser of SciPy's makes, wherever some modules know it from."""
    optimize = vars(sys.modules["scipy.optimize"])
    stops = {id(optimize[name]): stopping(optimize[name], objectives) for name in MINIMISERS}
    found = [(names, name) for names in (optimize, *namespaces) for name, value in names.items() if id(value) in stops]
    before = [names[name] for names, name in found]
    try:
        for (names, name), value in zip(found, before, strict=True):
            names[name] = stops[id(value)]
        yield
    finally:
        for (names, name), value in zip(found, before, strict=True):
            names[name] = value


def stopping(minimiser: Callable[..., Any], objectives: Objectives) -> Callable[..., Any]:
    """A minimiser that only begins, where its objective has a gradient."""

    def call(*arguments: Any, **keywords: Any) -> Any:
        said = objective_in(minimiser, arguments, keywords)
        if said is None:
            return minimiser(*arguments, **keywords)
        if objectives.are_passed(said[0]):
            return found_at_once(minimiser, arguments, keywords)
        _, gradient = first_call(said, start_in(arguments, keywords))
        raise Handed(gradient)

    return call


def objective_in(minimiser: Callable[..., Any], arguments: Any, keywords: Any) -> Any:
    """What a call minimises, the function of its gradient, if that is one of its own, and what both are given besides.

    None where no gradient is handed over: then it is not theirs.
    """
    try:
        given = inspect.signature(minimiser).bind(*arguments, **keywords).arguments
    except TypeError:  # SciPy's own complaint
        return None
    objective, slope = next(iter(given.values())), given.get("jac", given.get("fprime"))
    others = given.get("args", ())
    if isinstance(others, list) and minimiser.__name__ != "minimize":  # which takes it for one thing
        others = tuple(others)
    by_itself = slope is None and minimiser.__name__ in RETURN_BOTH and not given.get("approx_grad")
    if not (callable(slope) or slope is True or by_itself):
        return None
    return objective, slope if callable(slope) else None, others if isinstance(others, tuple) else (others,)
