"""Module: an object with parameters, which finds them among its own attributes."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterator
from reprlib import recursive_repr
from typing import Any

from tinygrad_scratch.graph import next_order, note_module
from tinygrad_scratch.rules.registry import label
from tinygrad_scratch.tensor import Tensor


class Module:
    """A layer, or a network of layers: give a subclass attributes and a `__call__`, and it is complete.

    Its parameters are the Tensors made with requires_grad=True among its attributes, also in lists, tuples and dicts,
    and those of the Modules among them. Each is named by the path that leads to it. There is no `__init__` to call and
    nothing to register. Every call notes which Tensors it returned, so that a drawing can show a Module as one box.

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
        start = next_order()
        result = call(self, *arguments, **keywords)
        for output in result if type(result) in (tuple, list) else (result,):
            if type(output) is Tensor and output._record is not None and output._record[0] < start:
                note_module(output._value, start, self)
        return result

    return noted_call


def members(holder: Any, path: str = "") -> list[tuple[str, Any]]:
    """What the attributes of a Module hold, also inside lists, tuples and dicts, each with its path."""
    if isinstance(holder, Module):
        parts: Any = vars(holder).items()
    else:
        parts = holder.items() if isinstance(holder, dict) else enumerate(holder)
    found = []
    for name, part in parts:
        place = f"{path}.{name}" if path else str(name)
        found += members(part, place) if isinstance(part, dict | list | tuple) else [(place, part)]
    return found


def parameters_below(module: Module, prefix: str, seen: set[int]) -> Iterator[tuple[str, Tensor]]:
    """The parameters of a Module and of those below it, each once."""
    for path, part in members(module):
        if id(part) not in seen and (is_parameter(part) or isinstance(part, Module)):
            seen.add(id(part))
            if isinstance(part, Module):
                yield from parameters_below(part, f"{prefix}{path}.", seen)
            else:
                yield prefix + path, part


def is_parameter(value: Any) -> bool:
    """Whether a value is a leaf that requires a gradient; what a Module computed and keeps is none."""
    return type(value) is Tensor and value._record is not None and value._record[1] is None
