"""A program as native code: made once, called often, and, for training, run for many steps in one call."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import Any

from tinygrad_scratch.compiler.native.arena import Arena
from tinygrad_scratch.compiler.native.planning import Feeds, Plan
from tinygrad_scratch.compiler.native.storing import compiled
from tinygrad_scratch.compiler.program import Program


class NativeProgram:
    """What runs a program natively: `run` one call, `repeat` many steps of a training; safe in several threads.

    `source` is the text that was compiled last. Calls without a native form are left to NumPy, and `source` names them.
    """

    repeats = True

    def __init__(self, program: Program) -> None:
        self.program = program
        self.compiled: dict[tuple[tuple[int, int], ...], Compiled] = {}
        self.lock = Lock()
        self.once = self._with(())

    @property
    def source(self) -> str:
        return list(self.compiled.values())[-1].plan.source

    def _with(self, feeds: Feeds) -> Compiled:
        """The code for one way to feed outputs back, compiled when it is first asked for."""
        key = tuple(feeds)
        with self.lock:
            if key not in self.compiled:
                self.compiled[key] = Compiled(Plan(self.program, feeds))
            return self.compiled[key]

    def run(self, *values: Any) -> tuple[Any, ...]:
        """The outputs for these values of the inputs, as new arrays."""
        return self.once.run(1, values)

    def repeat(self, steps: int, state: int, values: Sequence[Any]) -> tuple[Any, ...]:
        """Run so many steps; outputs 1, 2, ... are the inputs 0, 1, ... of the next. The outputs of the last."""
        return self._with([(i + 1, i) for i in range(state)]).run(steps, tuple(values))


class Compiled:
    """Native functions, and arenas that no call is using."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.functions = compiled(plan.text, plan.functions)
        self.idle: list[Arena] = []

    def run(self, steps: int, values: tuple[Any, ...]) -> tuple[Any, ...]:
        try:
            arena = self.idle.pop()
        except IndexError:
            arena = Arena(self.plan)
        arena.give(values)
        if self.plan.trains:
            self.functions["train"](steps, *arena.views)
        else:
            self._step_by_step(arena, steps)
        outputs = arena.take()
        self.idle.append(arena)
        return outputs

    def _step_by_step(self, arena: Arena, steps: int) -> None:
        """The steps with calls of NumPy's between the native parts."""
        for step in range(steps):
            if step and self.plan.pairs:
                self.functions["feed"](*arena.views)
            for call in self.plan.calls:
                if isinstance(call, str):
                    self.functions[call](*arena.views)
                else:
                    arena.leave_to_numpy(call)
