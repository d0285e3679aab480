"""The loss that they wrote as a function of an output and targets, and that this run does not call on these."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from types import FunctionType, MethodType
from typing import Any

import numpy as np

from tinygrad_scratch.tensor import Tensor
from tinygrad_scratch.verifier.reading.source import text_of
from tinygrad_scratch.verifier.recording.events import Event
from tinygrad_scratch.verifier.recording.proxy import stood_for
from tinygrad_scratch.verifier.recording.recorded import Recorded
from tinygrad_scratch.verifier.rewriting.text import source_of
from tinygrad_scratch.verifier.truths.in_samples import stacked_values
from tinygrad_scratch.verifier.truths.losses import Loss
from tinygrad_scratch.verifier.verdicts.assumed import Assumed, assumable

NAMED = re.compile("loss|cost|error|entropy|objective|mse|sse|bce|nll")
OF_LOSSES = ("fn", "f", "func", "forward", "value", "compute", "calculate", "__call__")
OF_TARGET = re.compile(r"^(?:t|ts|labels?|truth|actual|expected|desired|d)$|target|true|label|actual|expected|desired")
OF_OUTPUT = re.compile(r"^(?:p|ps|a\d*|o|out|probs?|h|f)$|hat|pred|output|prob|logit|score|approx|estimate")


def written(entry: Any, losses: list[Callable[..., Any]]) -> Assumed | None:
    """The one of some functions of theirs, if it is a loss of the output and the targets that meet first."""
    meeting = next(assumable(entry), None) if len(losses) == 1 else None
    if meeting is None:
        return None
    function, candidate = losses[0], meeting.candidate
    output = stacked_values(entry.tape, candidate.turns) if candidate.turns else entry.tape.nodes[candidate.node].value
    loss = next((each for each in orders(function) if is_loss_of(each, output, candidate.target)), None)
    if loss is None:
        return None
    _, _, of = candidate.name.partition(" of ")
    name = f"your {function.__qualname__}() of {of}"
    return replace(meeting, candidate=replace(candidate, name=name, function=loss))


def losses_in(namespaces: Iterable[dict[str, Any]]) -> list[Callable[..., Any]]:
    """The functions of some modules that have the name of a loss, and take two values; they record no more."""
    found: list[Callable[..., Any]] = []
    for names in namespaces:
        plain = unrecorded(names)
        own = [value for value in plain.values() if isinstance(value, FunctionType) and value.__globals__ is plain]
        found += [each for each in own if NAMED.search(each.__name__.lower()) and len(required(each)) == 2]
    return found


def losses_beside(returned: Iterable[Event], namespaces: Iterable[dict[str, Any]]) -> list[Callable[..., Any]]:
    """The losses that classes have beside what returned something, such as a slope, and that were not called."""
    by_file = {names.get("__file__"): names for names in namespaces}
    called = {event.name.removesuffix("()") for event in returned}
    found: dict[str, Callable[..., Any]] = {}
    for place in dict.fromkeys(event.place for event in returned):
        holder, names = source_of(text_of(place.file)).class_around(place.line), by_file.get(place.file, {})
        kind = names.get(holder.name) if holder is not None else None
        losses = losses_of(kind, unrecorded(names)) if isinstance(kind, type) else []
        found |= {loss.__qualname__: loss for loss in losses if loss.__name__ not in called}
    return list(found.values())


def losses_of(kind: type, names: dict[str, Any]) -> list[Callable[..., Any]]:
    """What a class has that is called as a loss is, or does what a class that is called so is for.

    A method is called on an object that holds nothing, which can't be made of a class that is abstract, or a list.
    """
    is_plain = not any("__new__" in vars(base) for base in kind.__mro__[:-1]) and not inspect.isabstract(kind)
    of_loss, found = NAMED.search(kind.__name__.lower()), list[Callable[..., Any]]()
    for name, value in vars(kind).items():
        function = value.__func__ if isinstance(value, staticmethod) else value
        if isinstance(function, FunctionType) and (NAMED.search(name.lower()) or (of_loss and name in OF_LOSSES)):
            own = FunctionType(function.__code__, names, name, function.__defaults__, function.__closure__)
            own.__qualname__ = function.__qualname__
            if isinstance(value, staticmethod):
                found.append(own)
            elif is_plain:
                found.append(MethodType(own, object.__new__(kind)))
    return [each for each in found if len(required(each)) == 2]


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
