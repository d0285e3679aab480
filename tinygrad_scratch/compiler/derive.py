"""derive: the backprop of a loss, written down as the NumPy that a careful person would have derived by hand."""

from __future__ import annotations

import copy
import difflib
import itertools
import linecache
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_scratch.compiler.program import Variable
from tinygrad_scratch.compiler.readable import latex, source
from tinygrad_scratch.compiler.readable.backprop import Backprop, finished, pulled_back
from tinygrad_scratch.compiler.readable.called import Reach, recorded_call
from tinygrad_scratch.compiler.readable.helpers import Helpers
from tinygrad_scratch.compiler.readable.layout import Layout, overwritten_in
from tinygrad_scratch.compiler.readable.names import Taken, identifier
from tinygrad_scratch.compiler.readable.recording import Recording
from tinygrad_scratch.compiler.readable.replayed import replayed
from tinygrad_scratch.graph import enable_grad
from tinygrad_scratch.messages import describe, nothing_recorded
from tinygrad_scratch.tensor import Tensor

files = itertools.count(1)


def derive(loss: Any, *arguments: Any, wrt: Any = None, **keywords: Any) -> Derivation:
    """Write down the backprop of a loss as NumPy: a function of the forward pass and then the deltas, line by line.

    `loss` is a Tensor that was recorded, or a function that computes one from the arguments that follow and from what
    it can reach. Names are your own: those of your variables and attributes, and `name=` of a Tensor. `wrt` says what
    the gradients are of: names, Tensors, or numbers of arguments, one or several. Arrays can be named, too. Where it is
    left out, the gradients are of all Tensors that require one.

    The result is a `Derivation`, which prints as a module of Python that imports NumPy alone, but for what helpers of
    rare functions need of Python's own library. It holds for the shapes and the control flow that were recorded: loops
    are unrolled. The numbers are those of autodiff, up to rounding.

    Raises TypeError for what is no loss and for what can't be traced; ValueError for a loss that is no real number, for
    names that are not there, for what the loss does not depend on, and for more than 500 lines.

    >>> import numpy as np
    >>> from tinygrad_scratch import derive
    >>> def cost(w, x, y):
    ...     p = np.dot(x, w)
    ...     return 0.5 * np.sum((y - p) ** 2)
    >>> print(derive(cost, np.ones(3), np.ones((4, 3)), np.zeros(4), wrt="w").source.partition("# forward")[2])
    <BLANKLINE>
        p = np.dot(x, w)  # (4,)
        J = 0.5 * np.sum((y - p) ** 2)
    <BLANKLINE>
        # backward
        dJ_dw = np.dot(x.T, -(y - p))  # (3,)
        return J, {"w": dJ_dw}
    <BLANKLINE>
    """
    wanted = None if wrt is None else list(wrt) if isinstance(wrt, list | tuple) else [wrt]
    if wanted == []:
        raise ValueError("wrt names nothing. Leave it out for all that requires a gradient.")
    if type(loss) is Tensor:
        recording = of_tensor(loss, arguments, keywords, sys._getframe(1))
    elif callable(loss):
        with enable_grad():
            recording = recorded_call(loss, arguments, keywords, lambda reach: leaves_asked(reach, wanted))
    else:
        what = describe(loss) if isinstance(loss, np.ndarray) else f"a {type(loss).__name__}"
        raise TypeError(
            f"derive needs a loss that was recorded, or a function that computes one, but was given {what}, which does "
            "not know how it was computed. Make the parameters Tensors, Tensor(w, requires_grad=True), and compute the "
            "loss from them."
        )
    check_loss(recording.loss)
    orders = orders_asked(recording, wanted)
    walk, backprop = pulled_back(recording, all(order in recording.leaves for order in orders))
    if wanted is None:
        orders = [order for order in orders if order in walk.cotangents] or orders
    for order in orders:
        if order not in walk.cotangents:
            raise ValueError(independent(recording, order))
    targets = {recording.variables[order]: walk.cotangents[order].variable for order in orders}
    return Derivation(finished(backprop, recording, targets))


class Derivation:
    """A backprop that was written down; it prints as its source, and shows itself in a notebook.

    `source` is the text of a module, `name` the name of the function in it, and `arguments` are the arrays that it was
    derived with, by the names of the function's parameters.
    """

    def __init__(self, backprop: Backprop) -> None:
        program = backprop.program
        loss, *gradients = program.outputs
        taken = Taken()
        helpers = Helpers(taken)
        called = numbered(backprop)
        name = called[loss] = identifier(called.get(loss, "J"))
        layout = Layout(program, taken, helpers.name, called, backprop.cotangents, name, backprop.targets)
        for variable in program.inputs:
            unnamed = "parameter" if variable in backprop.parameters else "constant"
            layout.names[variable] = taken.give(called.get(variable, unnamed))
        layout.lay_out(backprop.backward)
        of = {layout.names[target]: gradient for target, gradient in zip(backprop.targets, gradients, strict=True)}
        self.name = taken.give(f"{name}_and_gradients")
        self.source = source.module(layout, self.name, loss, of, helpers)
        self.arguments = {layout.names[v]: kept(backprop.values[v]) for v in program.inputs}
        self._layout = layout
        self._function: Callable[..., Any] | None = None

    @property
    def function(self) -> Callable[..., Any]:
        """The function of the source, compiled: it returns the loss, and a dict of the gradients by their names."""
        if self._function is None:
            file = f"<derived {next(files)}>"
            linecache.cache[file] = (len(self.source), None, self.source.splitlines(keepends=True), file)
            namespace: dict[str, Any] = {"__name__": "__main__"}  # a module that there is: dataclasses look it up
            exec(compile(self.source, file, "exec"), namespace)  # written here, from names that are identifiers
            self._function = namespace[self.name]
        return self._function

    def latex(self) -> str:
        """The same as mathematics, an `aligned` block of LaTeX: the way forward, then the chain rule step by step."""
        return latex.aligned(self._layout)

    def __str__(self) -> str:
        return self.source

    def __repr__(self) -> str:
        return f"Derivation({self.name}({', '.join(self.arguments)}))"

    def _repr_markdown_(self) -> str:
        return f"```python\n{self.source}```\n\n$$\n{self.latex()}\n$$\n"


def kept(value: Any) -> Any:
    """An array that can't be written to through this, for it is a person's own; a generator for itself."""
    if not isinstance(value, np.ndarray):
        return copy.deepcopy(value)
    view = value.view()
    view.flags.writeable = False
    return view


def numbered(backprop: Backprop) -> dict[Variable, str]:
    """Names of values, numbered where several have one, as in a loop; what a loop begins with has the number 0."""
    program = backprop.program
    made = [result for step in program.steps for result in step.results]
    overwritten = overwritten_in(program).difference(program.inputs)
    named = [v for v in (*program.inputs, *made) if v in backprop.names and v not in overwritten]
    count = Counter(identifier(backprop.names[v]) for v in named)
    constants = {step.result for step in program.steps if step.function is np.full}
    found: dict[Variable, str] = {}
    numbers: Counter[str] = Counter()
    for variable in named:
        name = identifier(backprop.names[variable])
        if count[name] > 1:
            if name not in numbers:
                numbers[name] = -(variable in constants)
            numbers[name] += 1
            name = f"{name}{'_' if name[-1].isdigit() else ''}{numbers[name]}"
        found[variable] = name
    return found


# ---- what was asked for ----------------------------------------------------------------------------------------------


def of_tensor(loss: Tensor, arguments: Any, keywords: Any, frame: Any) -> Recording:
    if arguments or keywords:
        raise TypeError(
            f"{describe(loss)} was computed already, so it takes no arguments. Pass the function that computes it: "
            "derive(f, x, y, wrt=...)."
        )
    check_loss(loss)
    with enable_grad():
        return replayed(loss, frame)


def check_loss(loss: Any) -> None:
    if loss._record is None:
        raise TypeError(nothing_recorded(loss, "derive"))
    if loss.size != 1:
        raise ValueError(
            f"A loss is one number, but this has shape {loss.shape}. Reduce it, for example with np.sum(t)."
        )
    if loss.dtype.kind != "f":
        raise ValueError(f"A loss is a real number, but this is {loss.dtype}. Take np.real(t), or np.abs(t), of it.")
    if loss._record[1] is None:
        raise ValueError("This is a parameter and no loss: nothing was computed on the way to it.")


def described(value: Any) -> str:
    """A value in a message: by shape and dtype, where it has these."""
    if isinstance(value, Tensor | np.ndarray):
        return f"one of shape {value.shape} and dtype {value.dtype}"
    return f"{value!r}, a {type(value).__name__}"


def leaves_asked(reach: Reach, wanted: list[Any] | None) -> set[int]:
    """The places of leaves that `wrt` names or numbers; what it names beside them may be computed in the function."""
    found: set[int] = set()
    for each in wanted or ():
        if isinstance(each, str):
            places = [i for i, name in enumerate(reach.names) if is_named(name, each)]
            found.update(places)
            reach.unknown += [] if places else [each]
        elif isinstance(each, int | np.integer):
            found.update(argument(reach, int(each)))
        elif type(each) is Tensor:
            found.update(place for place, tensor in reach.tensors if tensor is each)
    for place in found:
        leaf = reach.leaves[place]
        if leaf.dtype.kind not in "fc":
            raise TypeError(
                f"wrt asks for the gradient of {reach.names[place]!r}, which holds {leaf.dtype}: a gradient with "
                "respect to integers has no meaning. Pass floats."
            )
    return found


def argument(reach: Reach, number: int) -> list[int]:
    if not -len(reach.arguments) <= number < len(reach.arguments):
        raise ValueError(f"wrt asks for argument {number}, but the function was given {len(reach.arguments)}.")
    found = reach.within(reach.arguments[number])
    if not found:
        raise ValueError(f"wrt asks for argument {number}, which holds no array: {reach.arguments[number]!r}.")
    return found


def is_named(name: str, asked: str) -> bool:
    return asked in (name, identifier(name))


def orders_asked(recording: Recording, wanted: list[Any] | None) -> list[int]:
    """The records that gradients are asked for of; all leaves, where nothing is said."""
    if wanted is None:
        return list(recording.leaves)
    found: dict[int, None] = {}
    for each in wanted:
        found.update(dict.fromkeys(matching(recording, each)))
    return list(found)


def matching(recording: Recording, asked: Any) -> list[int]:
    """The records of what was asked for: by its name, as a Tensor, or as an argument."""
    if isinstance(asked, str):
        return [named(recording, asked)]
    if type(asked) is Tensor:
        return [of_a_tensor(recording, asked)]
    if isinstance(asked, int | np.integer) and not isinstance(asked, bool):
        if recording.arguments is None:
            raise TypeError(
                f"wrt={asked} asks for an argument, but the loss was computed already. Say a name, or pass the Tensor."
            )
        return [order for order in recording.arguments[asked] if order is not None]
    raise TypeError(
        f"wrt takes names, Tensors and numbers of arguments, but was given {described(asked)}. An array is asked for "
        "by its name, or by the number of the argument that it is."
    )


def named(recording: Recording, asked: str) -> int:
    """The leaf of a name, or else the last value that was called so."""
    names = {order: recording.names[v] for order, v in recording.variables.items() if v in recording.names}
    found = [order for order, name in names.items() if is_named(name, asked)]
    if found:
        return next((order for order in found if order in recording.leaves), found[-1])
    loss = recording.loss._record[0]
    known = list(dict.fromkeys(identifier(name) for order, name in names.items() if order != loss))
    if any(is_named(name, asked) for name in recording.names.values()):
        problem = f"{asked!r} requires no gradient"
        instead = "Make it a Tensor with requires_grad=True, or pass the function and not what it returned. "
    else:
        near = difflib.get_close_matches(asked, known, n=1, cutoff=0.4)
        problem = f"nothing that was recorded is called {asked!r}"
        instead = f"Did you mean {near[0]!r}? " if near else ""
    raise ValueError(f"wrt={asked!r}: {problem}. {instead}There is a gradient of {', '.join(known) or 'nothing'}.")


def of_a_tensor(recording: Recording, asked: Tensor) -> int:
    order = recording.order_of(asked)
    if order is None:
        problem = "requires no gradient" if asked._record is None else "is not among what the loss was computed from"
        raise ValueError(f"wrt asks for {describe(asked)}, but that {problem}.")
    return order


def independent(recording: Recording, order: int) -> str:
    name = recording.names.get(recording.variables[order], "the value")
    return (
        f"The loss does not depend on {name!r}, so there is nothing to derive: its gradient is 0. Was it left out, or "
        "used through .numpy(), .detach() or a function whose derivative is 0?"
    )
