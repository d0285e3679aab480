"""What is to be drawn: Tensors, a call that is made here and watched, or an exception; with names and lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import CellType, FrameType, FunctionType, MethodType
from typing import Any

import numpy as np

from tinygrad_scratch.drawing.failing import Failure, call_of, failure_of
from tinygrad_scratch.drawing.naming import name_values, standing
from tinygrad_scratch.drawing.scene import gradients_of, is_one
from tinygrad_scratch.drawing.selection import Selection, newest
from tinygrad_scratch.drawing.troubles import MOST_NUMBERS
from tinygrad_scratch.graph import Graph, Node
from tinygrad_scratch.messages import describe
from tinygrad_scratch.tensor import Tensor
from tinygrad_scratch.trees import leaves_of, map_leaves
from tinygrad_scratch.watching import Names, Place, Watched, is_own, watch


@dataclass
class Subject:
    """The values to draw; of a failure, those that the failed call was given."""

    ends: list[Tensor]
    selection: Selection
    watched: Watched | None = None
    given: frozenset[int] = frozenset()  # identities of the values that a function was given
    failure: Failure | None = None
    failed_call: Node | None = None

    def place_of(self, order: int) -> Place | None:
        """The line that made the recorded call of this order, where it was watched."""
        return self.watched.place_of(order) if self.watched is not None else None

    def cotangents(self, wanted: bool) -> dict[int, Any]:
        """The cotangents of the values, by order: where they are wanted, or the graph is small enough to take them."""
        selection = self.selection
        possible = is_one(selection.outputs) and selection.outputs[0].requires_grad
        if wanted and not possible:
            raise ValueError(
                f"gradients= and heat= need the gradient of one real number, but {describe(self.ends[0])} is "
                f"{'one of several outputs' if len(self.ends) > 1 else 'none that has one'}. "
                "Draw a loss, such as np.sum(t), that depends on a Tensor with requires_grad=True."
            )
        small = sum(node.value.size for node in selection.nodes) <= MOST_NUMBERS
        if not possible or not (wanted or small):
            return {}
        try:
            return gradients_of(selection, self.ends[0])
        except Exception:
            if wanted:
                raise
            return {}  # the picture is of the forward pass as well, and nobody asked for these numbers


def subject_of(what: Sequence[Any], frame: FrameType, limit: int) -> Subject:
    """What was given to `draw`, by a function that is running in `frame`."""
    if not what:
        raise TypeError("draw() was given nothing to draw. Pass the Tensor that you want to see the making of.")
    if isinstance(what[0], BaseException) and len(what) == 1:
        return failed(what[0], frame, limit, None)
    if callable(what[0]) and type(what[0]) is not Tensor:
        return called(what[0], what[1:], frame, limit)
    for output in what:
        if type(output) is not Tensor:
            raise TypeError(no_tensor(output))
    return of_tensors(list(what), frame, limit, None)


def of_tensors(ends: list[Tensor], frame: FrameType, limit: int, watched: Watched | None) -> Subject:
    graph = Graph(*ends, newest=limit)
    selection = newest(graph, ends, limit)
    name_values(selection.nodes, watched, frame)
    return Subject(ends, selection, watched)


# ---- calls that are made here ----------------------------------------------------------------------------------------


def called(function: Any, arguments: Sequence[Any], frame: FrameType, limit: int) -> Subject:
    """Call a function on these arguments, and watch it."""
    leaves = not any(tensor.requires_grad for tensor in tensors_behind(function, arguments))
    given = [map_leaves(lambda value: as_tensor(value, leaves), argument) for argument in arguments]
    try:
        with watch(standing) as watched:
            result = function(*given)
    except Exception as error:
        return replace(failed(error, frame, limit, watched), given=made(given, arguments))
    ends = [part for part in leaves_of(result) if type(part) is Tensor]
    if not ends:
        raise TypeError(
            f"draw() called {getattr(function, '__name__', type(function).__name__)}, which returned an object of type "
            f"{type(result).__name__} and no Tensor. Draw a function that returns what it computes from its arguments."
        )
    return replace(of_tensors(ends, frame, limit, watched), given=made(given, arguments))


def made(given: Any, arguments: Any) -> frozenset[int]:
    """The identities of the values that were made of a function's arguments."""
    before = {id(part) for part in leaves_of(list(arguments))}
    return frozenset(id(part._value) for part in leaves_of(given) if type(part) is Tensor and id(part) not in before)


def as_tensor(value: Any, leaf: bool) -> Any:
    """An array of floats as a Tensor; an integer, which may be an index or an axis, as it is."""
    if not isinstance(value, np.ndarray | np.floating | float):
        return value
    kind = np.asarray(value).dtype.kind
    return Tensor(value, requires_grad=leaf) if kind in "fc" else value


def tensors_behind(function: Any, arguments: Sequence[Any]) -> list[Tensor]:
    """The Tensors that a function can reach: its own, those around it, and its arguments."""
    names = Names(lambda value: value if type(value) is Tensor else None)
    names.see({"arguments": list(arguments), "function": function, **variables_of(function)})
    return list(names.held)


def variables_of(function: Any) -> dict[str, Any]:
    """The variables from around a function that it uses."""
    if isinstance(function, MethodType):
        return {"object": function.__self__, **variables_of(function.__func__)}
    if not isinstance(function, FunctionType):
        return {}
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    found = {name: cell.cell_contents for name, cell in cells if cell != CellType()}
    names = function.__code__.co_names
    return found | {name: function.__globals__[name] for name in names if name in function.__globals__}


# ---- failures --------------------------------------------------------------------------------------------------------


def failed(error: BaseException, frame: FrameType, limit: int, watched: Watched | None) -> Subject:
    """What was computed before an exception was raised."""
    failure = failure_of(error)
    graph = Graph(*failure.given, newest=limit)
    call = call_of(failure, graph)
    selection = newest(graph, failure.given, limit)
    missing = [part for part in call.inputs if part not in selection.nodes]
    selection.nodes += [part for part in dict.fromkeys(missing) if isinstance(part.value, np.ndarray)]
    selection.outputs = []
    own = [near for near in reversed(failure.frames) if is_own(near.f_code.co_filename)]
    name_values(selection.nodes, watched, *own, frame)
    return Subject(failure.given, selection, watched, failure=failure, failed_call=call)


def no_tensor(value: Any) -> str:
    """What to pass to `draw` instead of this."""
    kind = type(value).__name__
    if isinstance(value, np.ndarray | np.generic | float | int | complex):
        instead = "It has no history: pass the Tensor that it was taken from, before .numpy() or .item()."
    elif isinstance(value, list | tuple):
        instead = "Pass its Tensors one by one: draw(*tensors)."
    elif callable(value):
        instead = "Pass it first, and then its arguments: draw(f, x)."
    else:
        instead = "Pass the Tensor that you want to see the making of."
    return f"draw() draws Tensors, and was given an object of type {kind}. {instead}"
