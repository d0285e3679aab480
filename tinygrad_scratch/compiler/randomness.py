"""Random numbers in a trace: each draw is a step, made anew by every call from the generator that the person passed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from tinygrad_scratch.compiler.program import Variable
from tinygrad_scratch.compiler.values import plain_values

if TYPE_CHECKING:
    from tinygrad_scratch.compiler.traced import Tracer

INSTEAD = "Draw from a np.random.default_rng(seed) that is an argument of the function, or is made outside of it."


class Draws:
    """What stands in for a generator: it draws from a copy, and writes down what was drawn."""

    tracer: Tracer
    twin: Any
    variable: Variable

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("__") or name in ("tracer", "twin", "variable"):
            return object.__getattribute__(self, name)
        kind = np.random.RandomState if isinstance(self, np.random.RandomState) else np.random.Generator
        function = getattr(kind, name)
        if name in ("shuffle", "bit_generator", "spawn", "seed", "set_state", "get_state") or not callable(function):
            raise self.tracer.refuse(
                f"`{name}` of a generator is not known", "Write x = generator.permutation(x) for generator.shuffle(x)."
            )
        return draw(self, function)

    def __reduce__(self) -> NoReturn:
        raise self.tracer.refuse("a generator can't be copied")


class TracedGenerator(Draws, np.random.Generator):
    pass


class TracedState(Draws, np.random.RandomState):
    pass


def draw(generator: Draws, function: Callable[..., Any]) -> Callable[..., Any]:
    """One method of a generator: its step reads the generator, which tells the passes that it is not to be moved."""

    def drawn(*arguments: Any, **keywords: Any) -> Any:
        tracer = generator.tracer
        result = function(generator.twin, *plain_values(arguments), **plain_values(keywords))
        return tracer.write_down(function, (generator, *arguments), keywords, result)

    return drawn


def traced_generator(tracer: Tracer, generator: Any, name: str | None) -> Draws:
    twin = copy.deepcopy(generator)
    old = isinstance(generator, np.random.RandomState)
    traced: Any = TracedState(0) if old else TracedGenerator(np.random.PCG64(0))
    traced.tracer, traced.twin = tracer, twin
    traced.variable = Variable((), np.dtype(object), (), name or "generator")
    tracer.inputs.append(traced.variable)
    return traced  # type: ignore[no-any-return]
