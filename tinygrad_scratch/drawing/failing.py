"""What a failed computation leaves behind: the values that were computed, and the call that could not be made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import wrap
from traceback import walk_tb
from types import FrameType
from typing import Any

import numpy as np

from tinygrad_scratch.drawing.data import Arrow, Box, Scene
from tinygrad_scratch.drawing.expressions import calls, shorten
from tinygrad_scratch.drawing.scene import source_of
from tinygrad_scratch.graph import Graph, Node, ancestors, split_record
from tinygrad_scratch.messages import explain
from tinygrad_scratch.rules.registry import label
from tinygrad_scratch.tensor import Tensor
from tinygrad_scratch.watching import Place, is_own

LONGEST_NOTE, MOST_NOTES = 64, 10  # characters of a line, lines
FAILED = "failed"


@dataclass
class Failure:
    """An exception, the call that raised it as far as it can be seen, and the Tensors that it was given."""

    error: BaseException
    function: Any
    title: str
    arguments: tuple[Any, ...]
    given: list[Tensor]
    frames: list[FrameType]  # outermost first
    place: Place | None


def failure_of(error: BaseException) -> Failure:
    """What the frames of a traceback say of a failure: its innermost call of ours, and the Tensors in reach of it."""
    trace = list(walk_tb(error.__traceback__))
    frames = [frame for frame, _ in trace]
    own = [Place(f.f_code.co_filename, line, f.f_code.co_name) for f, line in trace if is_own(f.f_code.co_filename)]
    place = own[-1] if own else None
    for frame in reversed(frames):
        if frame.f_code is explain.__code__:
            function, arguments = frame.f_locals["function"], frame.f_locals["arguments"]
            tensors = [tensor for near in frames for tensor in tensors_in(near)]
            given = [tensor for tensor in tensors if any(tensor._value is a for a in arguments)]
            return Failure(error, function, label(function), arguments, distinct(given), frames, place)
    for frame in reversed(frames):
        given = newest_of(list(tensors_in(frame)))
        if given:
            layer = frame.f_locals.get("self")
            title = repr(layer) if callable(layer) else f"{frame.f_code.co_name}()"
            arguments = tuple(tensor._value for tensor in given)
            return Failure(error, None, " ".join(title.split()), arguments, given, frames, place)
    return Failure(error, None, type(error).__name__, (), [], frames, place)


def tensors_in(frame: FrameType) -> Iterator[Tensor]:
    """The Tensors among the variables of a function, also in lists and tuples."""
    for value in list(frame.f_locals.values()):
        for part in value if isinstance(value, list | tuple) else (value,):
            if type(part) is Tensor:
                yield part


def distinct(tensors: list[Tensor]) -> list[Tensor]:
    return list({id(tensor): tensor for tensor in tensors}.values())


def newest_of(tensors: list[Tensor]) -> list[Tensor]:
    """Those that no other was made from."""
    used = {
        parent[0]
        for record in ancestors(*(tensor._record for tensor in tensors))
        if record[1] is not None
        for parent in split_record(record)[1]
        if parent is not None
    }
    return [tensor for tensor in distinct(tensors) if tensor._record is None or tensor._record[0] not in used]


def call_of(failure: Failure, graph: Graph) -> Node:
    """The call that could not be made, as a Node; what it was given and is not in the graph is a constant there."""
    operands = [graph.operand(argument) for argument in failure.arguments]
    return Node("operation", np.empty(0), function=failure.function, arguments=failure.arguments, operands=operands)


def add_failure(scene: Scene, failure: Failure, call: Node, ids: dict[Node, str]) -> None:
    """The box of the call that could not be made, with the shapes that it was given and what was said."""
    operations = [node for node in ids if node.kind == "operation"]
    expression = calls([*operations, call])[call].text if failure.function is not None else failure.title
    said = [line.strip() for line in str(failure.error).splitlines() if line.strip()]
    notes = [f"{type(failure.error).__name__}: {said[0]}" if said else type(failure.error).__name__, *said[1:]]
    scene.boxes.append(
        Box(
            FAILED,
            FAILED,
            shorten(expression),
            expression=expression,
            source=source_of(failure.place),
            notes=[line for note in notes for line in wrap(note, LONGEST_NOTE)][:MOST_NOTES],
        )
    )
    for part in dict.fromkeys(call.inputs):
        if part in ids:
            name = f"e{len(scene.arrows)}"
            scene.arrows.append(Arrow(name, ids[part], FAILED, call.inputs.count(part), np.shape(part.value)))
