"""Drawing: a computation as a picture, forward and backward."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_scratch.drawing.dot import dot_text
from tinygrad_scratch.drawing.labels import counted
from tinygrad_scratch.drawing.page_data import page_data
from tinygrad_scratch.drawing.picture import Drawing
from tinygrad_scratch.drawing.selection import newest
from tinygrad_scratch.graph import Graph
from tinygrad_scratch.tensor import Tensor

__all__ = ["Drawing", "draw"]


def draw(*outputs: Any, backward: bool = True, limit: int = 500) -> Drawing:
    """A picture of the computation that led to some Tensors, and of the gradient's way back.

    Each box is a value: its name, the call that made it, its shape, and its dtype where that is not float64. A dot in
    a call stands for what the arrow brings. Operations have round corners, parameters are cylinders, constants have a
    folded corner, outputs a double outline, and frames are calls of modules. Where a gradient flows, the right half of
    a box is the cotangent of the value on the left, `∂J/∂z`, and dashed arrows show which cotangents it is made from.
    J is the output; if it has no name, is not one real number or is one of several, L is written instead, for any
    number that could be computed from the outputs.

    The outputs may have any shape and dtype. With backward=False the forward pass is drawn alone. Of more than `limit`
    operations the newest are drawn and the others counted.

    The Drawing shows itself in a notebook, `.save("net.svg")` writes it to a file, and `.source` is its DOT text.

    Raises TypeError for no output and for one that is no Tensor, ValueError for a limit below 1.

    >>> import numpy as np
    >>> from tinygrad_scratch import Tensor
    >>> from tinygrad_scratch.drawing import draw
    >>> x = Tensor(np.ones((4, 3)), name="x")
    >>> w = Tensor(np.ones((3, 1)), requires_grad=True, name="w")
    >>> drawing = draw(np.sum(np.tanh(x @ w)))
    >>> drawing
    Drawing(3 operations, 1 parameter, 1 constant)
    >>> "∂L/∂w" in drawing.source
    True
    """
    if not outputs:
        raise TypeError("draw() was given nothing to draw. Pass the Tensor that you want to see the making of.")
    for output in outputs:
        if type(output) is not Tensor:
            raise TypeError(no_tensor(output))
    if limit < 1:
        raise ValueError(f"limit={limit} leaves nothing to draw. Pass the number of operations to draw, 1 or more.")
    selection = newest(Graph(*outputs), limit)
    return Drawing(dot_text(selection, backward), counted(selection.all_kinds), page_data(selection, outputs))


def no_tensor(value: Any) -> str:
    """What to pass to `draw` instead of this."""
    kind = type(value).__name__
    if isinstance(value, np.ndarray | np.generic | float | int | complex):
        instead = "It has no history: pass the Tensor that it was taken from, before .numpy() or .item()."
    elif isinstance(value, list | tuple):
        instead = "Pass its Tensors one by one: draw(*tensors)."
    elif callable(value):
        instead = "Call it with an input, and draw what it returns."
    else:
        instead = "Pass the Tensor that you want to see the making of."
    return f"draw() draws Tensors, and was given an object of type {kind}. {instead}"
