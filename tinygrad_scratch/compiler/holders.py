"""Holders: what can be written to and arrays lie in, such as a list, a dict, the attributes of an object or a class, a
variable of an enclosing function, a Tensor, default arguments.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from types import CellType
from typing import Any

from tinygrad_scratch.graph import get_name, set_name
from tinygrad_scratch.tensor import Tensor

MISSING: Any = object()
"""What lies where a name has no value."""


class Holder:
    """An object that values are read from and written to, each by a key."""

    def __init__(self, holder: Any, names: tuple[str, ...] | None = None) -> None:
        self.holder = holder
        self.names = names
        self.numbers: dict[Any, int] = {}  # by key: the leaves that are Python numbers, which have no identity

    def items(self) -> dict[Any, Any]:
        """What it holds now; where only some names count, these, MISSING for those without a value."""
        if isinstance(self.holder, list):
            return dict(enumerate(self.holder))
        if self.names is not None:
            return {name: self.holder.get(name, MISSING) for name in self.names}
        return dict(self.holder)

    def set(self, key: Any, value: Any) -> None:
        """Let it hold something else by a key that it has; MISSING takes a name's value away."""
        if value is MISSING:
            del self.holder[key]
        else:
            self.holder[key] = value

    def put(self, new: dict[Any, Any]) -> None:
        """Let it hold this, and nothing else of what a function can name."""
        if isinstance(self.holder, list):
            self.holder[:] = new.values()
            return
        for key in self.items().keys() - new.keys():
            del self.holder[key]
        for key, value in new.items():
            if self.holder.get(key, MISSING) is not value:
                self.set(key, value)


class Cell(Holder):
    """A variable of an enclosing function."""

    holder: CellType

    def items(self) -> dict[Any, Any]:
        try:
            return {0: self.holder.cell_contents}
        except ValueError:  # it has no value yet
            return {}

    def set(self, key: Any, value: Any) -> None:
        self.holder.cell_contents = value

    def put(self, new: dict[Any, Any]) -> None:
        if new:
            self.holder.cell_contents = new[0]
        elif self.items():
            del self.holder.cell_contents


class InTensor(Holder):
    """The value of a Tensor, which its name goes with."""

    holder: Tensor

    def items(self) -> dict[Any, Any]:
        return {"value": self.holder._value}

    def set(self, key: Any, value: Any) -> None:
        name = get_name(self.holder._value)
        self.holder._value = value
        if name is not None:
            set_name(value, name)

    def put(self, new: dict[Any, Any]) -> None:
        self.set("value", new["value"])


class Attributes(MutableMapping[str, Any]):
    """An object's attributes as a dict, for those that lie in no `__dict__`: slots, and what a function consists of."""

    def __init__(self, owner: Any) -> None:
        self.owner = owner

    def __getitem__(self, name: str) -> Any:
        try:
            return getattr(self.owner, name)
        except AttributeError:
            raise KeyError(name) from None

    def get(self, name: str, default: Any = None) -> Any:
        return getattr(self.owner, name, default)

    def __setitem__(self, name: str, value: Any) -> None:
        object.__setattr__(self.owner, name, value)

    def __delitem__(self, name: str) -> None:
        object.__delattr__(self.owner, name)

    def __iter__(self) -> Any:
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError


class OfClass(Attributes):
    """What a class itself defines: its bases have their own."""

    def __getitem__(self, name: str) -> Any:
        return vars(self.owner)[name]

    def get(self, name: str, default: Any = None) -> Any:
        return vars(self.owner).get(name, default)

    def __setitem__(self, name: str, value: Any) -> None:
        type.__setattr__(self.owner, name, value)

    def __delitem__(self, name: str) -> None:
        type.__delattr__(self.owner, name)


class OfPartial(Attributes):
    """The arguments that a functools.partial keeps, which it takes only with all that it consists of."""

    def __setitem__(self, name: str, value: Any) -> None:
        parts = {"func": self.owner.func, "args": self.owner.args, name: value}
        self.owner.__setstate__((parts["func"], parts["args"], self.owner.keywords, self.owner.__dict__))
