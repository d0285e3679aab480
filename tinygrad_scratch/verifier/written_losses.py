"""The loss that they wrote as a function of an output and targets, and that this run does not call on these."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from types import FunctionType
from typing import Any

import numpy as np

from tinygrad_scratch.tensor import Tensor
from tinygrad_scratch.verifier.assumed import Assumed, assumable
from tinygrad_scratch.verifier.in_samples import stacked_values
from tinygrad_scratch.verifier.losses import Loss
from tinygrad_scratch.verifier.proxy import stood_for
from tinygrad_scratch.verifier.recorded import Recorded

NAMED = re.compile("loss|cost|error|entropy|objective|mse|sse|bce|nll")
OF_TARGET = re.compile(r"^(?:t|ts|labels?|truth|actual|expected|desired|d)$|target|true|label|actual|expected|desired")
OF_OUTPUT = re.compile(r"^(?:p|ps|a\d*|o|out|probs?|h|f)$|hat|pred|output|prob|logit|score|approx|estimate")


def written(entry: Any) -> Assumed | None:
    """The one function of theirs that is called as losses are, of the output and the targets that meet first."""
    meeting = next(assumable(entry), None) if len(entry.losses_written) == 1 else None
    if meeting is None:
        return None
    function, candidate = entry.losses_written[0], meeting.candidate
    output = stacked_values(entry.tape, candidate.turns) if candidate.turns else entry.tape.nodes[candidate.node].value
    loss = next((each for each in orders(function) if is_loss_of(each, output, candidate.target)), None)
    if loss is None:
        return None
    _, _, of = candidate.name.partition(" of ")
    name = f"your {function.__name__}() of {of}"
    return replace(meeting, candidate=replace(candidate, name=name, function=loss))


def losses_in(namespaces: Iterable[dict[str, Any]]) -> list[Callable[..., Any]]:
    """The functions of some modules that have the name of a loss, and take two values; they record no more."""
    found: list[Callable[..., Any]] = []
    for names in namespaces:
        plain = unrecorded(names)
        own = [value for value in plain.values() if isinstance(value, FunctionType) and value.__globals__ is plain]
        found += [each for each in own if NAMED.search(each.__name__.lower()) and len(required(each)) == 2]
    return found


def unrecorded(names: dict[str, Any]) -> dict[str, Any]:
    """A copy of a namespace as it is without a check, of which its functions make use, too."""
    plain: dict[str, Any] = {}
    for name, value in names.items():
        held = value._value() if type(value) is Recorded else stood_for(value)
        if isinstance(held, FunctionType) and held.__globals__ is names:
            held = FunctionType(held.__code__, plain, held.__name__, held.__defaults__, held.__closure__)
        plain[name] = held
    return plain


def required(function: Callable[..., Any]) -> list[str]:
    """The names of what a function has to be given."""
    given = inspect.signature(function).parameters.values()
    places = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [each.name for each in given if each.default is each.empty and each.kind in places]


def orders(function: Callable[..., Any]) -> Iterator[Loss]:
    """A function as one of an output and targets, the way first that the names of what it takes tell of."""
    first, second = (name.lower() for name in required(function))
    ways: list[Loss] = [lambda o, t: np.sum(function(o, t)), lambda o, t: np.sum(function(t, o))]
    turned = bool(OF_TARGET.search(first) or OF_OUTPUT.search(second))
    straight = bool(OF_TARGET.search(second) or OF_OUTPUT.search(first))
    yield from ways[::-1] if turned and not straight else ways


def is_loss_of(loss: Loss, output: Any, target: Any) -> bool:
    """Whether a function makes a number of an output and targets that autodiff can follow, and no mere difference."""
    slopes = []
    try:
        with np.errstate(all="ignore"):
            for part in (1.0, 0.9):
                tensor = Tensor(part * np.array(output, float), requires_grad=True)
                slopes += loss(tensor, target).gradient(tensor)
    except Exception:  # a function of other things, or one that leaves NumPy
        return False
    here, there = (slope.numpy() for slope in slopes)
    return bool(np.all(np.isfinite(here)) and not np.allclose(here, there))
