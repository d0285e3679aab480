"""What a function can reach: its arguments, what it closes over, the globals that it names, and what these hold.

A program is made for one signature: the structure of all that, the shapes and dtypes of its arrays, and the values of
everything else. Arrays, Tensors and generators are leaves, which each call of the program is given anew; so what
changes in them between two calls is seen, wherever they lie. A holder is an object that can be written to, and that a
leaf lies in: a list, a dict, the attributes of an object, a variable of an enclosing function, a Tensor.
"""

from __future__ import annotations

import functools
import sys
from collections import deque
from collections.abc import Iterable
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from tinygrad_scratch.graph import get_name, set_name
from tinygrad_scratch.tensor import Tensor

Generator = np.random.Generator | np.random.RandomState
NUMBERS = (bool, int, float, complex)
STATIC = (*NUMBERS, str, bytes, type(None), np.dtype, type, slice, type(Ellipsis), range)
FOREIGN = {"numpy", *sys.stdlib_module_names} - {"__main__"}
MISSING: Any = object()

# ---- holders ---------------------------------------------------------------------------------------------------------


class Holder:
    """An object that values are read from and written to, each by a key."""

    def __init__(self, holder: Any, names: Iterable[str] | None = None) -> None:
        self.holder = holder
        self.names = names
        self.numbers: dict[Any, int] = {}  # by key: the leaves that are Python numbers, which have no identity

    def items(self) -> dict[Any, Any]:
        """What it holds now; of a dict of globals, what the function names."""
        if isinstance(self.holder, list):
            return dict(enumerate(self.holder))
        if self.names is not None:
            return {name: self.holder[name] for name in self.names if name in self.holder}
        return dict(self.holder)

    def set(self, key: Any, value: Any) -> None:
        """Let it hold something else by a key that it has."""
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
                self.holder[key] = value


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


class Same:
    """An object that is part of a signature by its identity."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return type(other) is Same and other.value is self.value


# ---- looking around --------------------------------------------------------------------------------------------------


class Surroundings:
    """All leaves and holders that some values lead to, in a fixed order, and the signature that they make."""

    def __init__(self) -> None:
        self.leaves: list[Any] = []
        self.holders: list[Holder] = []
        self.key: list[Any] = []
        self.places: dict[int, int] = {}  # of leaves, by their identity
        self.seen: dict[int, Any] = {}
        self.names: list[str | None] = []

    def add_holder(self, holder: Holder, numbers: Iterable[str] = ()) -> None:
        """A holder, and what it leads to; `numbers` names the Python numbers in it that change from call to call."""
        self.holders.append(holder)
        items = holder.items()
        self.key.append((type(holder), len(items)))
        for name, value in items.items():
            self.key.append(name)
            if name in numbers and type(value) in NUMBERS:
                holder.numbers[name] = len(self.leaves)
                self.add_leaf(value, name)
            else:
                self.add(value, str(name) if isinstance(name, str) else None)

    def add_leaf(self, value: Any, name: str | None) -> None:
        if type(value) in NUMBERS:
            self.key.append(type(value))
        elif id(value) in self.places:
            self.key.append(("again", self.places[id(value)]))
            return
        else:
            self.places[id(value)] = len(self.leaves)
            self.key.append((type(value), *layout_of(value)))
        self.leaves.append(value)
        self.names.append(name)

    def add(self, value: Any, name: str | None = None) -> None:  # noqa: C901
        """Look at one value, and at what it leads to."""
        kind = type(value)
        if isinstance(value, np.ndarray | deque | bytearray | memoryview):
            check_known(value)
        if kind is np.ndarray or isinstance(value, np.generic | Generator):
            self.add_leaf(value, name)
            return
        if isinstance(value, set | frozenset):
            self.key.append((kind, frozenset(map(static, value))))
            return
        if kind in STATIC or isinstance(value, type | np.dtype | np.ufunc | ModuleType | BuiltinFunctionType):
            self.key.append(static(value))
            return
        if isinstance(value, tuple):
            self.key.append((kind, len(value)))
            for part in value:
                self.add(part)
            return
        if id(value) in self.seen:
            self.key.append(Same(value) if not isinstance(value, list | dict | Tensor) else "seen")
            return
        self.seen[id(value)] = value
        if isinstance(value, list | dict):
            self.key.append(kind)
            self.add_holder(Holder(value))
        elif kind is Tensor:
            self.add_tensor(value, name)
        elif isinstance(value, FunctionType):
            self.key.append(Same(value))
            self.add_function(value)
        elif isinstance(value, MethodType):
            self.key.append(Same(value.__func__))
            self.add(value.__self__)
            self.add(value.__func__)
        elif isinstance(value, functools.partial):
            self.key.append(Same(value.func))
            for part in (value.func, value.args, value.keywords):
                self.add(part)
        elif callable(getattr(value, "__wrapped__", None)):  # such as a function that is jitted itself
            self.key.append(Same(value))
            self.add(value.__wrapped__)
        else:
            self.add_object(value, name)

    def add_tensor(self, value: Tensor, name: str | None) -> None:
        record = value._record
        self.key.append((Tensor, None if record is None else record[1] is None, getattr(value, "_scalar", False)))
        self.add_leaf_of(InTensor(value), value.name or name)
        if record is not None and record[1] is None:
            self.add_holder(Holder(record[2]))

    def add_leaf_of(self, holder: Holder, name: str | None) -> None:
        self.holders.append(holder)
        for value in holder.items().values():
            self.add_leaf(value, name)

    def add_function(self, function: FunctionType) -> None:
        """The variables of enclosing functions that it uses, its defaults, and the globals that it names."""
        if is_foreign(function.__module__):
            return
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            if id(cell) not in self.seen:
                self.seen[id(cell)] = cell
                self.holders.append(Cell(cell))
                for value in self.holders[-1].items().values():
                    self.add(value, name)
        if (function.__module__ or "").startswith("tinygrad_scratch."):
            return
        for default in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
            self.add(default)
        names = [
            name
            for name in dict.fromkeys(names_in(function.__code__))
            if is_data(function.__globals__.get(name, MISSING))
        ]
        if names:
            self.add_holder(Holder(function.__globals__, names))

    def add_object(self, value: Any, name: str | None) -> None:
        self.key.append(Same(value))
        attributes = getattr(value, "__dict__", None)
        if type(attributes) is not dict or is_foreign(type(value).__module__):
            return
        if {"kept", "learning_rate"} <= attributes.keys():  # an optimizer: its numbers change from step to step
            for kept in attributes["kept"]:
                self.seen[id(kept)] = kept
                self.add_holder(Holder(kept), numbers=("steps",))
        self.add_holder(Holder(attributes), numbers=("learning_rate",) if "kept" in attributes else ())


def check_known(value: Any) -> None:
    """Refuse arrays of another type, and containers whose content can't be part of a signature."""
    if type(value) is np.ndarray and value.dtype != object:
        return
    kind = "an array of Python objects" if type(value) is np.ndarray else f"a {type(value).__name__}"
    instead = "np.asarray(a) or a.filled(...)" if isinstance(value, np.ndarray) else "a list, or an array"
    raise TypeError(
        f"A jitted function was given {kind}, or reads one from outside. What it holds can't be told from one call to "
        f"the next. Pass {instead}."
    )


def layout_of(value: Any) -> tuple[Any, ...]:
    return (value.shape, value.dtype, value.strides) if isinstance(value, np.ndarray | np.generic) else ()


def static(value: Any) -> Any:
    """A value as a part of a signature: 1, 1.0 and True are three."""
    kind = type(value)
    if kind is slice:
        return (slice, *map(static, (value.start, value.stop, value.step)))
    return (kind, value, str(value)) if kind in (float, complex) else (kind, value) if kind in STATIC else Same(value)


def is_data(value: Any) -> bool:
    """Whether a global may lead to leaves."""
    return value is not MISSING and not isinstance(value, ModuleType | type | BuiltinFunctionType | np.ufunc)


def is_foreign(module: str | None) -> bool:
    return (module or "").partition(".")[0] in FOREIGN


@functools.cache
def names_in(code: CodeType) -> tuple[str, ...]:
    """All names that a function's code mentions, also in functions that it makes."""
    inner = (const for const in code.co_consts if isinstance(const, CodeType))
    return (*code.co_names, *(name for each in inner for name in names_in(each)))
