"""`draw`: what may be given to it, and how it becomes a picture."""

from __future__ import annotations

import sys
from collections import Counter
from itertools import islice
from typing import Any

from tinygrad_scratch.drawing.clusters import frames_around
from tinygrad_scratch.drawing.dot import dot_text
from tinygrad_scratch.drawing.failing import add_failure
from tinygrad_scratch.drawing.folding import Fold, folded
from tinygrad_scratch.drawing.items import Item, inputs_of, places, unfolded
from tinygrad_scratch.drawing.labels import Look
from tinygrad_scratch.drawing.neurons import neurons_text
from tinygrad_scratch.drawing.picture import Drawing
from tinygrad_scratch.drawing.scene import Builder, counted
from tinygrad_scratch.drawing.selection import Selection
from tinygrad_scratch.drawing.subject import subject_of

VIEWS = ("both", "forward", "backward", "chain rule", "neurons")
READ_PER_BOX = 100  # operations that are read for each box of the limit, where they are to be folded


def draw(
    *what: Any,
    view: str = "both",
    values: bool = False,
    gradients: bool = False,
    heat: bool = False,
    costs: bool = False,
    times: bool = False,
    fold: Fold = None,
    limit: int = 500,
) -> Drawing:
    """A picture of the computation that led to some Tensors, and of the gradient's way back.

    `draw(loss)` draws what was recorded; `draw(model, x)` and `draw(f, *arguments)` make the call and draw it, with the
    line of code that made each value as a tooltip and a link; `draw(error)` draws an exception, up to the call that
    raised it, as do the others where the function fails.

    Each box is a value: its name, the call that made it, its shape, and its dtype where that is not float64. A value
    goes by the name that it was given, else by that of your variable. A dot in a call stands for what the arrow brings.
    Operations have round corners, parameters are cylinders, inputs have a tab, other constants a folded corner,
    outputs a double outline, and frames are calls of modules. Where a gradient flows, the right half of a box is the
    cotangent of the value on the left, `∂J/∂z`, and dashed arrows show which cotangents it is made from. J is the
    output; if it has no name, is not one real number or is one of several, L is written instead, for any number that
    could be computed from the outputs. NaN, infinity, units that are dead and gradients that vanish or explode are
    marked, with the first place at which each arises.

    `view` is "both", "forward", "backward", or "chain rule": that has the derivative on every arrow, as one draws it
    by hand, and only what has a name, unless `fold` says something else; or "neurons": that has the neurons and weights
    of a small dense network, lines as thick as the weights, or with `gradients` as their gradients, and dashed where
    they are negative. With `values` and `gradients` the numbers are shown: all of them when they are few, else their
    statistics. `heat` paints boxes by the size of their gradient, `costs` adds multiply-adds and bytes, `times` how
    long each call takes: it is made again, five times, and the least time counts.

    `fold` draws several values as one box: an int is a depth of modules, a class folds its modules, "repeats" draws a
    repeated block once, "names" only what has a name; a function of a Node returns the title of the box that the value
    belongs in, or None; a tuple has several of these, applied in turn. Of more than `limit` boxes the newest are drawn
    and the others counted; with `fold`, of at most 100 operations a box.

    Of the arrays of floats that a function is given, leaves are made that require a gradient, unless it has parameters
    of its own. The Drawing shows itself in a notebook, `.save("net.svg")` writes it to a file, `.source` is its DOT
    text, and `.data` all that it shows.

    Raises TypeError for nothing to draw and for what is no Tensor, ValueError for an unknown view or fold, a limit
    below 1, and gradients of what is not one real number that requires them.

    >>> import numpy as np
    >>> from tinygrad_scratch import Tensor
    >>> from tinygrad_scratch.drawing import draw
    >>> x = Tensor(np.ones((4, 3)))
    >>> w = Tensor(np.ones((3, 1)), requires_grad=True)
    >>> drawing = draw(np.sum(np.tanh(x @ w)))
    >>> drawing
    Drawing(3 operations, 1 parameter, 1 input)
    >>> "∂L/∂w" in drawing.source
    True
    """
    if view not in VIEWS:
        raise ValueError(f"view={view!r} is none of {', '.join(map(repr, VIEWS))}.")
    if limit < 1:
        raise ValueError(f"limit={limit} leaves nothing to draw. Pass the number of boxes to draw, 1 or more.")
    if view == "chain rule" and fold is None:
        fold = "names"
    subject = subject_of(what, sys._getframe(1), limit if fold is None else limit * READ_PER_BOX)
    failure = subject.failure
    if failure is not None:
        view, gradients, heat = "forward", False, False
    selection = subject.selection
    items = folded(unfolded(selection.nodes, frames_around(selection)), fold, selection.outputs)
    items = cut(items, selection, limit)
    cotangents = subject.cotangents(gradients or heat)
    builder = Builder(selection, items, cotangents, subject.place_of, subject.given, times)
    scene = builder.scene()
    if failure is not None and subject.failed_call is not None:
        add_failure(scene, failure, subject.failed_call, builder.ids_of_nodes)
    look = Look(
        forward=view != "backward",
        backward=view != "forward",
        chain=view == "chain rule",
        values=values,
        gradients=gradients,
        heat=heat,
        costs=costs,
    )
    summary = "more than " * selection.and_more + (counted(scene.counts) or "nothing")
    summary += f"; {type(failure.error).__name__}" if failure is not None else ""
    if view == "neurons":
        source = neurons_text(selection.nodes, builder.known, cotangents, gradients)
    else:
        source = dot_text(scene, look)
    return Drawing(source, summary, scene, look.backward, failure.error if failure is not None else None)


def cut(items: list[Item], selection: Selection, limit: int) -> list[Item]:
    """The newest boxes, with the leaves that they use; what is in the others is counted."""
    operations = [item for item in items if item.last.kind == "operation"]
    if len(operations) <= limit:
        return items
    outputs = set(selection.outputs)
    chosen = {*operations[-limit:], *(item for item in operations if not outputs.isdisjoint(item.nodes))}
    where = places(items)
    leaves = (part for item in chosen for part in inputs_of(item, where) if part.last.kind != "operation")
    chosen |= set(islice(dict.fromkeys(leaves), limit))
    left = Counter(node.kind for item in items if item not in chosen for node in item.everything)
    selection.left_out += left
    kept = {node for item in chosen for node in item.everything}
    selection.nodes = [node for node in selection.nodes if node in kept]
    return [item for item in items if item in chosen]
