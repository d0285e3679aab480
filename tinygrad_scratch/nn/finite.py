"""Where NaN or infinity first appears: in which layer, at which line of the program."""

from __future__ import annotations

import linecache
import os
import sys
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import numpy as np

from tinygrad_scratch.backward import walk
from tinygrad_scratch.graph import Graph, Node, next_order
from tinygrad_scratch.nn.module import Call, Module, name_of_layer, watching
from tinygrad_scratch.rules.registry import label
from tinygrad_scratch.tensor import Tensor


def first_not_finite(model: Any, compute: Callable[[], Tensor]) -> str | None:
    """Where NaN or infinity first appears as `compute()` runs and its gradient is taken, in words; None if nowhere.

    `compute` is run once, line by line, and so slowly; it returns a loss. In its forward pass, what is looked for is a
    call that makes NaN or infinity of finite numbers, and on which the loss depends through such values alone. Where
    the loss is finite, it is the call whose derivative does so.

    >>> import numpy as np
    >>> from tinygrad_scratch import Tensor
    >>> from tinygrad_scratch.nn import first_not_finite
    >>> w = Tensor([0.0, 1.0], requires_grad=True)
    >>> first_not_finite(None, lambda: np.sum(np.log(w))).split(", at ")[0]
    'np.log makes -inf of finite numbers, of shape (2,)'
    """
    with np.errstate(all="ignore"), watching() as calls, lines_traced() as lines:
        loss = compute()
    nodes = [node for node in Graph(loss).nodes if node.kind == "operation"]
    with np.errstate(all="ignore"):
        node, what = first_value(nodes) if not finite(loss.numpy()) else first_derivative(loss, nodes)
    if node is None:
        return None
    if node.kind != "operation":
        kind = "parameter" if node.kind == "parameter" else "constant"
        return f"{kind} {name_of(node, model)} itself holds {worst(node.value)}, at {place_of(node.value)}"
    parts = [what, layer_of(node, calls, model), line_of(node, lines)]
    return ", ".join(part for part in parts if part)


# ---- which call ------------------------------------------------------------------------------------------------------


def finite(value: Any) -> bool:
    """Whether all numbers of an array, or of the arrays in a tuple, are finite."""
    return all(map(finite, value)) if isinstance(value, tuple) else bool(np.all(np.isfinite(value)))


def first_value(nodes: list[Node]) -> tuple[Node | None, str]:
    """Of the calls that led to a loss that is not finite, the one where that began, or the leaf that began it."""
    waiting, seen = [nodes[-1]], set()
    origins = []
    while waiting:
        node = waiting.pop()
        if id(node) not in seen:
            seen.add(id(node))
            wrong = [operand for operand in node.inputs if not finite(operand.value)]
            waiting += wrong
            if not wrong:
                origins.append(node)
    node = max(origins, key=lambda node: (node.kind != "operation", node.order))  # orders count down
    shapes = " and ".join(f"{np.shape(operand.value)}" for operand in node.inputs)
    return node, f"{label(node.function)} makes {worst(node.value)} of finite numbers, of shape {shapes}"


def first_derivative(loss: Tensor, nodes: list[Node]) -> tuple[Node | None, str]:
    """The call nearest to a finite loss whose derivative makes NaN or infinity of a finite cotangent."""
    if loss._record is None:
        return None, ""
    orders = {node.order for node in nodes}
    cotangents, _ = walk(loss._record, np.ones_like(loss.numpy()), orders)
    for node in reversed(nodes):
        for operand in node.inputs:
            g = cotangents.get(operand.order) if operand.requires_grad else None
            if g is not None and not finite(g) and finite(cotangents.get(node.order, 0.0)):
                shape = np.shape(operand.value)
                return (
                    node,
                    f"the derivative of {label(node.function)} makes {worst(g)} of finite numbers, of shape {shape}",
                )
    return None, ""


def worst(value: Any) -> str:
    """What is wrong with the first number that is not finite: nan, inf or -inf."""
    value = np.concatenate([np.ravel(part) for part in value]) if isinstance(value, tuple) else np.asarray(value)
    return str(value[~np.isfinite(value)][0])


def place_of(value: Any) -> str:
    return f"index {tuple(map(int, np.argwhere(~np.isfinite(value))[0]))}" if np.ndim(value) else "its only number"


# ---- which layer -----------------------------------------------------------------------------------------------------


def layer_of(node: Node, calls: list[Call], model: Any) -> str:
    """The innermost layer inside of whose call a call was made."""
    around = [call for call in calls if call.contains(node.order)]
    if not around:
        return ""
    path, name = around[-1].path_in(model), name_of_layer(around[-1].layer)
    return f"in {path}: {name}" if path else f"in {name}"


def name_of(node: Node, model: Any) -> str:
    """The path of a parameter, or the name, or the shape, of another leaf."""
    for path, parameter in model.named_parameters() if isinstance(model, Module) else ():
        if parameter._value is node.value:
            return path
    return node.name or f"of shape {np.shape(node.value)}"


# ---- which line ------------------------------------------------------------------------------------------------------

NN = os.path.dirname(__file__)
PACKAGE = os.path.dirname(NN)
OWN = (os.path.join(NN, ""), os.path.join(PACKAGE, "functional.py"))  # what a reader may want to see of us
HIDDEN = (os.path.join(NN, "module.py"), os.path.join(NN, "training.py"), __file__)
NUMPY = os.path.dirname(np.__file__)

Line = tuple[int, str, int]  # minus the order of the next call, the file, the line


def shown(frame: FrameType) -> bool:
    """Whether a line is one of the user's, or of a layer, and not of the machinery between them."""
    file = frame.f_code.co_filename
    if file.startswith(PACKAGE):
        return file.startswith(OWN) and not file.startswith(HIDDEN)
    return not file.startswith((NUMPY, "<__array_function__"))


@contextmanager
def lines_traced() -> Iterator[list[Line]]:
    """The lines that run inside the block, each with the place in the order of recorded calls at which it began."""
    lines: list[Line] = []

    def note(frame: FrameType | None) -> None:
        while frame is not None and not shown(frame):
            frame = frame.f_back
        if frame is not None:
            lines.append((-next_order(), frame.f_code.co_filename, frame.f_lineno))

    def in_frame(frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            note(frame)
        elif event == "return":
            note(frame.f_back)
        return in_frame

    before = sys.gettrace()
    sys.settrace(lambda frame, event, argument: in_frame if shown(frame) else None)
    try:
        yield lines
    finally:
        sys.settrace(before)


def line_of(node: Node, lines: list[Line]) -> str:
    """The line that was running when a call was recorded, and its text."""
    place = bisect_left(lines, (-node.order,))
    if not place:
        return ""
    _, file, number = lines[place - 1]
    text = linecache.getline(file, number).strip()
    file = file.removeprefix(f"{os.getcwd()}{os.sep}")
    return f"at {file}:{number}" + (f": {text}" if text else "")
