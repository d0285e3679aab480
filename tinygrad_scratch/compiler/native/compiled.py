"""A program as native code: compiled when it is first run, called often, and, for training, many steps in one call."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from threading import RLock
from typing import Any, Protocol

from tinygrad_scratch.compiler.native.arena import Arena
from tinygrad_scratch.compiler.native.planning import Feeds, Plan
from tinygrad_scratch.compiler.native.storing import compiled
from tinygrad_scratch.compiler.program import Program

Calls = dict[str, Callable[..., int]]
"""Native functions that are bound to the memory of an arena, by name."""


class Runner(Protocol):
    """What runs a program call by call."""

    source: str

    def run(self, *values: Any) -> tuple[Any, ...]: ...


class NativeProgram:
    """What runs a program natively: `run` one call, `repeat` many steps of a training; safe in several threads.

    `source` is the text that ran last. Calls without a native form are left to NumPy, and `source` names them. Where
    compiling fails, `otherwise` makes what runs the program instead, and one warning tells the cause.
    """

    repeats = True

    def __init__(self, program: Program, otherwise: Callable[[Program], Runner]) -> None:
        self.program = program
        self.otherwise = otherwise
        self.compiled: dict[tuple[tuple[int, int], ...], Compiled | Instead] = {}
        self.last: Compiled | Instead | None = None
        self.lock = RLock()
        self.idle: list[Callable[..., tuple[Any, ...]]] = []

    def make(self) -> Callable[..., tuple[Any, ...]]:
        """What runs it in one thread at a time, and here in any number, as each call takes an arena of its own."""
        return self.run

    @property
    def source(self) -> str:
        return self.last.source if self.last is not None else self._with(()).source

    def _with(self, feeds: Feeds) -> Compiled | Instead:
        """The code for one way to feed outputs back, compiled when it is first asked for."""
        key = tuple(feeds)
        with self.lock:
            if key not in self.compiled:
                self.compiled[key] = self._compile(feeds)
            self.last = self.compiled[key]
            return self.last

    def _compile(self, feeds: Feeds) -> Compiled | Instead:
        if isinstance(self.last, Instead):
            return Instead(self.last.runner, feeds)
        try:
            return Compiled(Plan(self.program, feeds))
        except Exception as error:  # whatever fails inside of numba or LLVM: the program can do without
            cause = str(error).strip().splitlines() or [""]
            warnings.warn(
                "This program runs as NumPy source: making native code of it failed "
                f"({type(error).__name__}: {cause[0]}).",
                RuntimeWarning,
                stacklevel=5,
            )
            return Instead(self.otherwise(self.program), feeds)

    def run(self, *values: Any) -> tuple[Any, ...]:
        """The outputs for these values of the inputs, as new arrays."""
        return self._with(()).run(1, values)

    def repeat(self, steps: int, state: int, values: Sequence[Any]) -> tuple[Any, ...]:
        """Run so many steps; outputs 1, 2, ... are the inputs 0, 1, ... of the next. The outputs of the last."""
        return self._with([(i + 1, i) for i in range(state)]).run(steps, tuple(values))


class Compiled:
    """Native functions, and arenas that no call is using."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.source = plan.source
        self.functions = compiled(plan.text, plan.functions)
        self.idle: list[tuple[Arena, Calls]] = []

    def run(self, steps: int, values: tuple[Any, ...]) -> tuple[Any, ...]:
        try:
            arena, calls = self.idle.pop()
        except IndexError:
            arena = Arena(self.plan)
            calls = {name: bind(*arena.views) for name, bind in self.functions.items()}
        arena.give(values)
        if self.plan.trains:
            check(calls["train"](steps))
        else:
            self._step_by_step(arena, calls, steps)
        outputs = arena.take()
        self.idle.append((arena, calls))
        return outputs

    def _step_by_step(self, arena: Arena, calls: Calls, steps: int) -> None:
        """The steps with calls of NumPy's between the native parts."""
        for step in range(steps):
            if step and self.plan.pairs:
                check(calls["feed"]())
            for call in self.plan.calls:
                if isinstance(call, str):
                    check(calls[call]())
                else:
                    arena.leave_to_numpy(call)


def check(size: int) -> None:
    """Look at what a native function returned: 0, or the size of an axis that an index did not fit."""
    if size:
        raise IndexError(f"an index is out of bounds for an axis of size {size}")


class Instead:
    """What runs where compiling failed, step by step."""

    def __init__(self, runner: Runner, feeds: Feeds) -> None:
        self.runner = runner
        self.feeds = feeds
        self.source = runner.source

    def run(self, steps: int, values: tuple[Any, ...]) -> tuple[Any, ...]:
        outputs = self.runner.run(*values)
        for _ in range(steps - 1):
            given = list(values)
            for output, place in self.feeds:
                given[place] = outputs[output]
            outputs = self.runner.run(*given)
        return outputs
