"""Module: an object with parameters, which finds them among its own attributes."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any, Self

from tinygrad_scratch.graph import next_order, note_module
from tinygrad_scratch.messages import describe
from tinygrad_scratch.rules.registry import label
from tinygrad_scratch.tensor import Tensor

if TYPE_CHECKING:
    from tinygrad_scratch.nn.summary import Summary


class Later:
    """What stands in place of a parameter until the first call tells its shape."""

    def __repr__(self) -> str:
        return "LATER"

    def __deepcopy__(self, memo: dict[int, Any]) -> Later:
        return self


LATER: Any = Later()


class Module:
    """A layer, or a network of layers: give a subclass attributes and a `__call__`, and it is complete.

    Its parameters are the Tensors made with requires_grad=True among its attributes, also in lists, tuples and dicts,
    and those of the Modules among them. Each is named by the path that leads to it. There is no `__init__` to call and
    nothing to register. Its buffers are the Tensors among them that require no gradient: frozen parameters, and what
    it keeps from call to call, such as running means. Every call notes which Tensors it returned, so that a drawing can
    show a Module as one box.

    An error inside of a call is raised as it is, with a note that says which layer it was: its path, and what it was
    given.

    `training` says whether it is being trained, which matters to Dropout and BatchNorm: set it by `train()`, `eval()`
    and `with model.evaluating():`. A layer whose width was left out has no parameters before its first call; to ask for
    them raises RuntimeError.

    >>> import numpy as np
    >>> from tinygrad_scratch import Tensor
    >>> from tinygrad_scratch.nn import Module
    >>> class Scale(Module):
    ...     def __init__(self, width):
    ...         self.factor = Tensor(np.ones(width), requires_grad=True)
    ...
    ...     def __call__(self, x):
    ...         return x * self.factor
    >>> scale = Scale(2)
    >>> scale(np.array([3.0, 4.0])).numpy()
    array([3., 4.])
    >>> scale
    Scale(
      factor: (2,)
    )
    """

    training = True

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if "__call__" in vars(cls):
            cls.__call__ = noted(cls.__call__)  # type: ignore[method-assign]

    def named_parameters(self) -> list[tuple[str, Tensor]]:
        """The parameters with their paths, such as `layers.0.weight`; a shared one appears once, by its first path."""
        return list(parameters_below(self, "", {id(self)}))

    def parameters(self) -> list[Tensor]:
        """The parameters, in the order of the attributes that hold them."""
        return [parameter for _, parameter in self.named_parameters()]

    def named_children(self) -> list[tuple[str, Module]]:
        """The Modules among the attributes, but not those in them, with their paths; a shared one appears once."""
        found: dict[int, tuple[str, Module]] = {}
        for path, part in members(self):
            if isinstance(part, Module):
                found.setdefault(id(part), (path, part))
        return list(found.values())

    def named_buffers(self) -> list[tuple[str, Tensor]]:
        """The Tensors that require no gradient, with their paths; a shared one appears once, by its first path."""
        found: dict[int, tuple[str, Tensor]] = {}
        for path, module in self.named_modules():
            for place, part in members(module, path):
                if type(part) is Tensor and not part.requires_grad:
                    found.setdefault(id(part), (place, part))
        return list(found.values())

    def buffers(self) -> list[Tensor]:
        """The Tensors that require no gradient, in the order of the attributes that hold them."""
        return [buffer for _, buffer in self.named_buffers()]

    def named_modules(self) -> list[tuple[str, Module]]:
        """This Module, whose path is "", and all below it, with their paths; a shared one by its first path."""
        found: dict[int, tuple[str, Module]] = {}
        waiting: list[tuple[str, Module]] = [("", self)]
        while waiting:
            path, module = waiting.pop()
            if id(module) not in found:
                found[id(module)] = (path, module)
                below = [(place, part) for place, part in members(module, path) if isinstance(part, Module)]
                waiting.extend(reversed(below))
        return list(found.values())

    def train(self, on: bool = True) -> Self:
        """Say that this Module, and every one below it, is being trained, or not; returns the Module."""
        for _, module in self.named_modules():
            module.training = on
        return self

    def eval(self) -> Self:
        """The same as `train(False)`: Dropout drops nothing, BatchNorm uses its running statistics."""
        return self.train(False)

    @contextmanager
    def evaluating(self) -> Iterator[Self]:
        """`eval()` inside the block; after it, each Module is as it was before.

        >>> from tinygrad_scratch.nn import Dropout
        >>> layer = Dropout(0.5)
        >>> with layer.evaluating():
        ...     layer(3.0)
        3.0
        >>> layer.training
        True
        """
        before = [(module, module.training) for _, module in self.named_modules()]
        self.eval()
        try:
            yield self
        finally:
            for module, on in before:
                module.training = on

    def summary(self, input_shape: tuple[int, ...], dtype: Any = None) -> Summary:
        """A table of what each layer returns and costs, for an input of that shape; see `nn.summary.summarize`."""
        from tinygrad_scratch.nn.summary import summarize

        return summarize(self, input_shape, dtype)

    def zero_grad(self) -> None:
        """Set `.grad` of every parameter to None."""
        for parameter in self.parameters():
            parameter.grad = None

    def __deepcopy__(self, memo: dict[int, Any]) -> Module:
        """An independent Module. What this one computed and keeps is constant in the copy, which computed nothing."""
        for _, part in members(self):
            if type(part) is Tensor and part.requires_grad and not is_parameter(part):
                memo[id(part)] = part.detach().copy()
        twin = type(self).__new__(type(self))
        memo[id(self)] = twin
        vars(twin).update(copy.deepcopy(vars(self), memo))
        return twin

    @recursive_repr()
    def __repr__(self) -> str:
        """The tree of what it is made of: parameters by shape, Modules, functions."""
        lines = [
            f"{path}: {part.shape if is_parameter(part) else label(part)}"
            for path, part in members(self)
            if is_parameter(part) or isinstance(part, Module) or callable(part)
        ]
        inside = "\n".join(lines).replace("\n", "\n  ")
        return f"{type(self).__name__}(\n  {inside}\n)" if lines else f"{type(self).__name__}()"


def noted(call: Callable[..., Any]) -> Callable[..., Any]:
    """A Module's `__call__` that says of each Tensor which it computed and returns that this Module made it."""

    @functools.wraps(call)
    def noted_call(self: Module, *arguments: Any, **keywords: Any) -> Any:
        if type(self).__call__ is not noted_call:  # super().__call__() of a Module that notes its own
            return call(self, *arguments, **keywords)
        watched = calls_watched()
        start = next_order()
        try:
            if watched is not None:
                return watched_call(watched, self, functools.partial(call, self), arguments, keywords)
            result = call(self, *arguments, **keywords)
        except Exception as error:
            note_layer(error, self, self, arguments)
            raise
        for output in result if type(result) in (tuple, list) else (result,):
            if type(output) is Tensor and output._record is not None and output._record[0] < start:
                note_module(output._value, start, self)
        return result

    return noted_call


def note_layer(error: Exception, module: Module, layer: Any, arguments: tuple[Any, ...], place: str = "") -> None:
    """Say in a note which layer an error came from: its path from the outermost Module, and what it was given.

    Every Module that the error passes on its way out calls this, and so the path grows from the inside. `place` is that
    in the Module of a layer that is none itself.
    """
    inner, inner_place, words, note = vars(error).get("layer_note", (None, "", "", None))
    path = path_of(inner, module)
    if path is None:
        words = f"{name_of_layer(layer)}, which was given {', '.join(map(describe, arguments))}"
        path, inner, inner_place, note = "", module, place, None
    notes = [other for other in getattr(error, "__notes__", ()) if other != note]
    where = ".".join(filter(None, (path, inner_place)))
    note = f"in {where}: {words}" if where else None  # of the outermost one, the error itself tells
    error.__notes__ = [*notes, note] if note else notes
    error.layer_note = inner, inner_place, words, note  # type: ignore[attr-defined]


@dataclass
class Call:
    """A call of a layer that was watched: what it was given and returned, and the orders of its first and last.

    `inside` is the call that it is a part of; `place`, of a layer that is no Module, its path in that call's layer.
    """

    layer: Any
    given: Any
    inside: Call | None
    place: str
    start: int
    end: int = 0
    result: Any = None

    @property
    def depth(self) -> int:
        """How many calls enclose it."""
        return 0 if self.inside is None else self.inside.depth + 1

    def path_in(self, model: Any) -> str:
        """The path of its layer."""
        if isinstance(self.layer, Module) or self.inside is None:
            return path_of(self.layer, model) or ""
        return ".".join(filter(None, (self.inside.path_in(model), self.place)))

    def contains(self, order: int) -> bool:
        """Whether what was recorded with that order, which counts down, was recorded in it."""
        return self.end < order < self.start


@dataclass
class Watched:
    calls: list[Call]
    running: Call | None = None


_watched: ContextVar[Watched | None] = ContextVar("watched", default=None)
calls_watched: Callable[[], Watched | None] = _watched.get


@contextmanager
def watching() -> Iterator[list[Call]]:
    """The calls of layers inside the block, in the order in which they begin."""
    watched = Watched([])
    token = _watched.set(watched)
    try:
        yield watched.calls
    finally:
        _watched.reset(token)


def watched_call(watched: Watched, layer: Any, function: Any, arguments: Any, keywords: Any, place: str = "") -> Any:
    call = Call(layer, arguments[0] if arguments else None, watched.running, place, start=next_order())
    watched.calls.append(call)
    watched.running = call
    try:
        call.result = function(*arguments, **keywords)
    finally:
        watched.running = call.inside
        call.end = next_order()
    return call.result


def members(holder: Any, path: str = "") -> list[tuple[str, Any]]:
    """What the attributes of a Module hold, also inside lists, tuples and dicts, each with its path.

    `path` is that of the holder.
    """
    if isinstance(holder, Module):
        parts: Any = vars(holder).items()
    else:
        parts = holder.items() if isinstance(holder, dict) else enumerate(holder)
    found = []
    for name, part in parts:
        place = f"{path}.{name}" if path else str(name)
        found += members(part, place) if isinstance(part, dict | list | tuple) else [(place, part)]
    return found


def name_of_layer(layer: Any) -> str:
    """A layer in one line: its repr, or, of one that is made of others, the name of its class."""
    return label(layer) if "\n" not in label(layer) else type(layer).__name__


def path_of(module: Any, outer: Any) -> str | None:
    """The path of a Module in one around it; None where it is not in it, and where what is around it is no Module."""
    modules = outer.named_modules() if isinstance(outer, Module) else ()
    return next((path for path, part in modules if part is module), None)


def parameters_below(module: Module, prefix: str, seen: set[int]) -> Iterator[tuple[str, Tensor]]:
    """The parameters of a Module and of those below it, each once."""
    for path, part in members(module):
        if part is LATER:
            raise RuntimeError(
                f"{module!r} has no {path} yet: its width was left out and is taken from the first input. "
                "Call the network on one sample, or its summary(), before you ask for its parameters."
            )
        if id(part) not in seen and (is_parameter(part) or isinstance(part, Module)):
            seen.add(id(part))
            if isinstance(part, Module):
                yield from parameters_below(part, f"{prefix}{path}.", seen)
            else:
                yield prefix + path, part


def is_parameter(value: Any) -> bool:
    """Whether a value is a leaf that requires a gradient; what a Module computed and keeps is none."""
    return type(value) is Tensor and value._record is not None and value._record[1] is None
