"""What runs a program: NumPy source, or native code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from tinygrad_scratch.compiler.numpy_source import compile_numpy
from tinygrad_scratch.compiler.passes import LOWERING, apply
from tinygrad_scratch.compiler.program import Program

BACKENDS = ("numpy", "numba")
Run = Callable[..., tuple[Any, ...]]


class Runner(Protocol):
    """What runs one program."""

    @property
    def source(self) -> str: ...

    @property
    def repeats(self) -> bool:
        """Whether many steps are one call."""

    @property
    def idle(self) -> list[Run]:
        """Ways to run it that no call is using: each has memory of its own, which serves one call at a time."""

    def make(self) -> Run:
        """Another such way."""

    def run(self, *leaves: Any) -> tuple[Any, ...]: ...

    def repeat(self, steps: int, state: int, leaves: Sequence[Any]) -> tuple[Any, ...]: ...


def runner_of(program: Program, backend: str) -> Runner:
    if backend == "numpy":
        return InNumpy(program)
    from tinygrad_scratch.compiler.native import native_program

    return native_program(program, InNumpy)


class InNumpy:
    """NumPy source. Its buffers serve one call at a time, so a second thread gets a copy with buffers of its own."""

    repeats = False

    def __init__(self, program: Program) -> None:
        self.compiled = compile_numpy(apply(LOWERING, program))
        self.source = self.compiled.source
        self.idle: list[Run] = []

    def make(self) -> Run:
        return self.compiled.make()

    def run(self, *leaves: Any) -> tuple[Any, ...]:
        try:
            run = self.idle.pop()
        except IndexError:
            run = self.make()
        outputs = run(*leaves)
        self.idle.append(run)
        return outputs

    def repeat(self, steps: int, state: int, leaves: Sequence[Any]) -> tuple[Any, ...]:
        raise NotImplementedError
