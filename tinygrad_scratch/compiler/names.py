"""What a person calls the values of a trace: the names of local variables that hold them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinygrad_scratch.compiler.lines import frames_of_caller
from tinygrad_scratch.graph import StandIn
from tinygrad_scratch.tensor import Tensor

if TYPE_CHECKING:
    from tinygrad_scratch.compiler.traced import Tracer


def name_values(tracer: Tracer) -> None:
    """Name what the innermost frame of the person's code holds in its local variables, and has no name yet."""
    frame = next(frames_of_caller(), None)
    if frame is not None:
        for name, value in frame.f_locals.items():
            name_value(tracer, value, name)


def name_value(tracer: Tracer, value: Any, name: str) -> None:
    traced: Any = value._value if type(value) is Tensor else value
    if isinstance(traced, StandIn) and traced.tracer is tracer and traced.variable.name is None:  # type: ignore[attr-defined]
        traced.variable.name = name  # type: ignore[attr-defined]
