"""What a function can reach: its arguments, what it closes over, the globals and modules that it names, and what these
lead to.

A program is made for one signature: the structure of all that, the shapes and dtypes of its arrays, and the values of
everything else. Arrays, Tensors and generators are leaves, which each call of the program is given anew; so what
changes in them between two calls is seen, wherever they lie.
"""

from __future__ import annotations

import array
import functools
import io
import sys
import threading
import weakref
from collections import deque
from collections.abc import ItemsView, Iterable, KeysView, ValuesView
from contextvars import ContextVar
from random import Random
from types import (
    BuiltinFunctionType,
    FunctionType,
    MappingProxyType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any

import numpy as np

from tinygrad_scratch.compiler.holders import MISSING, Attributes, Cell, Holder, InTensor, OfClass, OfPartial
from tinygrad_scratch.compiler.mentions import is_dunder, is_foreign, is_library, is_own, is_persons, names_in
from tinygrad_scratch.compiler.values import PYTHON_NUMBERS
from tinygrad_scratch.tensor import Tensor

Generator = np.random.Generator | np.random.RandomState
STATIC = (*PYTHON_NUMBERS, str, bytes, type(None), np.dtype, slice, type(Ellipsis), range)
OPEN = {"types", "argparse", "collections"}
"""Modules of the standard library whose objects hold what a person puts there, as a SimpleNamespace."""
HIDDEN = (deque, bytearray, memoryview, array.array, MappingProxyType, KeysView, ValuesView, ItemsView)
"""Containers whose content can be neither stood in for nor compared cheaply."""
UNSEEN = (Random, np.random.BitGenerator, ContextVar, threading.local)
"""Objects with a state that no call can be given anew."""


class Same:
    """An object that is part of a signature by its identity."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return type(other) is Same and other.value is self.value


class Surroundings:
    """All leaves and holders that some values lead to, in a fixed order, and the signature that they make."""

    def __init__(self) -> None:
        self.leaves: list[Any] = []
        self.holders: list[Holder] = []
        self.key: list[Any] = []
        self.places: dict[int, int] = {}  # of leaves, by their identity
        self.shared: set[int] = set()  # the places of those that were met more than once
        self.seen: dict[int, tuple[Any, int]] = {}  # by identity: the object, and how many were seen before
        self.names: list[str | None] = []
        self.attributes: set[str] = set()  # all that the functions seen so far mention
        self.modules: dict[ModuleType, set[str]] = {}  # with the attributes of each that were looked at
        self.comparable = True  # whether identities tell that nothing changed: not those of sets, which change in place

    def add_holder(self, holder: Holder, numbers: Iterable[str] = ()) -> None:
        """A holder, and what it leads to; `numbers` names the Python numbers in it that change from call to call."""
        self.holders.append(holder)
        items = holder.items()
        self.key.append((type(holder), len(items)))
        for name, value in items.items():
            self.key.append(name)
            if name in numbers and type(value) in PYTHON_NUMBERS:
                holder.numbers[name] = len(self.leaves)
                self.add_leaf(value, name)
            else:
                self.add(value, str(name) if isinstance(name, str) else None)

    def add_leaf(self, value: Any, name: str | None) -> None:
        if type(value) in PYTHON_NUMBERS:
            self.key.append(type(value))
        elif id(value) in self.places:
            self.key.append(("again", self.places[id(value)]))
            self.shared.add(self.places[id(value)])
            return
        else:
            self.places[id(value)] = len(self.leaves)
            self.key.append((type(value), *layout_of(value)))
        self.leaves.append(value)
        self.names.append(name)

    def is_new(self, value: Any) -> bool:
        """Whether an object was not seen before; if it was, the signature says which one it is."""
        known = self.seen.get(id(value))
        if known is None:
            self.seen[id(value)] = value, len(self.seen)
            return True
        self.key.append(("seen", known[1]))
        return False

    def add(self, value: Any, name: str | None = None) -> None:
        """Look at one value, and at what it leads to."""
        kind = type(value)
        check_known(value)
        if kind is np.ndarray or isinstance(value, np.generic | Generator):
            self.add_leaf(value, name)
        elif isinstance(value, set | frozenset):
            self.add_set(value)
        elif kind in STATIC or value is MISSING or isinstance(value, np.dtype | np.ufunc | BuiltinFunctionType):
            self.key.append(static(value))
        elif isinstance(value, tuple):
            self.key.append((kind, len(value)))
            for part in value if kind is tuple else (*value, kind):
                self.add(part)
        elif self.is_new(value):
            self.add_new(value, name)

    def add_set(self, value: set[Any] | frozenset[Any]) -> None:
        self.key.append((type(value), frozenset(map(static, value))))
        self.comparable = self.comparable and isinstance(value, frozenset)
        for part in value:
            if type(part) not in STATIC and not isinstance(part, np.generic):
                self.add(part)

    def add_new(self, value: Any, name: str | None) -> None:
        """Look at an object that was not seen before."""
        if isinstance(value, list | dict):
            self.key.append(type(value))
            self.add_holder(Holder(value))
            if type(value) not in (list, dict):
                self.add_object(value)
            return
        if type(value) is Tensor:
            self.add_tensor(value, name)
            return
        self.key.append(Same(value))
        if isinstance(value, FunctionType):
            self.add_function(value)
        elif isinstance(value, ModuleType):
            self.add_module(value)
        elif isinstance(value, type):
            self.add_class(value)
        elif isinstance(value, functools.partial):
            self.add_holder(Holder(OfPartial(value), ("func", "args")))
            self.add(value.keywords)
        elif (parts := parts_of(value)) is not None:
            for part in parts:
                self.add(part)
        else:
            self.add_object(value)

    def add_tensor(self, value: Tensor, name: str | None) -> None:
        record = value._record
        self.key.append((Tensor, None if record is None else record[1] is None, getattr(value, "_scalar", False)))
        self.holders.append(InTensor(value))
        self.add_leaf(value._value, value.name or name)
        if record is not None and record[1] is None:
            self.add_holder(Holder(record[2]))

    def add_function(self, function: FunctionType) -> None:
        """The variables of enclosing functions that it uses, its defaults and attributes, and what it names."""
        module = function.__globals__.get("__name__")
        if is_foreign(module):
            return
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            if self.is_new(cell):
                self.holders.append(Cell(cell))
                for value in self.holders[-1].items().values():
                    self.add(value, name)
        if not is_library(module):
            self.add_holder(Holder(Attributes(function), ("__code__", "__defaults__")))
            self.add(function.__kwdefaults__)
            self.add(function.__dict__)
            self.add_mentioned(function)

    def add_mentioned(self, function: FunctionType) -> None:
        """The globals that a function names, and the modules that it imports."""
        names = names_in(function.__code__)
        self.attributes.update(names.attributes)
        if names.globals:
            self.add_holder(Holder(function.__globals__, names.globals))
        package = function.__globals__.get("__package__") or ""
        for name in names.modules:
            for module in (sys.modules.get(name), sys.modules.get(f"{package}.{name}" if name else package)):
                if module is not None:
                    self.add(module)

    def add_module(self, module: ModuleType) -> None:
        """A module; what functions read of it is looked at when all functions are known."""
        if is_persons(module.__name__):
            self.modules[module] = set()

    def add_attributes_of_modules(self) -> None:
        """What the functions that were seen mention, of the modules that were seen; this may lead to more of both."""
        grows = True
        while grows:
            grows = False
            for module, looked_at in list(self.modules.items()):
                names = sorted((self.attributes & vars(module).keys()) - looked_at)
                if names:
                    grows = True
                    looked_at.update(names)
                    self.add_holder(Holder(vars(module), tuple(names)))

    def has_plain(self, arguments: tuple[Any, ...]) -> bool:
        """Whether the first leaves are these arguments, all of them plain arrays that lie nowhere else."""
        first = self.leaves[: len(arguments)]
        alone = all(place >= len(arguments) for place in self.shared)
        return (
            alone
            and len(first) == len(arguments)
            and all(type(mine) is np.ndarray and mine is leaf for mine, leaf in zip(arguments, first, strict=True))
        )

    def spaces(self) -> list[Any]:
        """The classes and modules of which only some attributes are looked at."""
        classes = [value for value, _ in self.seen.values() if isinstance(value, type) and is_persons(value.__module__)]
        return [*classes, *self.modules]

    def add_class(self, value: type) -> None:
        """What a class and its bases define, methods and data."""
        if not is_persons(value.__module__):
            return
        names = tuple(dict.fromkeys(name for base in value.__mro__ for name in defined_by(base)))
        if names:
            self.add_holder(Holder(OfClass(value), names))
        for base in value.__bases__:
            self.add(base)

    def add_object(self, value: Any) -> None:
        """The attributes of an object, and what its class defines."""
        kind = type(value)
        if is_foreign(kind.__module__) and kind.__module__ not in OPEN:
            return
        self.add(kind)
        slots = slots_of(kind)
        if slots and not is_own(kind.__module__):
            self.add_holder(Holder(Attributes(value), slots))
        attributes = getattr(value, "__dict__", None)
        if type(attributes) is not dict:
            return
        if {"kept", "learning_rate"} <= attributes.keys():  # an optimizer: its numbers change from step to step
            for kept in attributes["kept"]:
                if self.is_new(kept):
                    self.add_holder(Holder(kept), numbers=("steps",))
        self.add_holder(Holder(attributes), numbers=("learning_rate",) if "kept" in attributes else ())


CHANGES = "What it holds can't be told from one call to the next"


def check_known(value: Any) -> None:
    """Refuse what holds something that can't be part of a signature, and changes with no object becoming another."""
    if isinstance(value, np.ndarray):
        check_array(value)
        return
    if isinstance(value, UNSEEN):
        instead = "its value as an argument, or a np.random.default_rng(seed) for random numbers"
    elif is_iterator(value):
        instead = "what comes next as an argument: f(next(iterator))"
    elif isinstance(value, HIDDEN):
        instead = "a list, or an array"
    else:
        return
    raise refused(f"a {type(value).__name__}", CHANGES, instead)


def check_array(value: Any) -> None:
    """Refuse arrays that are no plain ones of numbers."""
    if type(value) is not np.ndarray:
        instead = "a.filled(...)" if isinstance(value, np.ma.MaskedArray) else "np.asarray(a)"
        raise refused(f"a {type(value).__name__}", "It may compute otherwise than a plain array does", instead)
    if value.dtype == object:
        raise refused("an array of Python objects", CHANGES, "a.astype(float)")


def refused(kind: str, why: str, instead: str) -> TypeError:
    return TypeError(f"A jitted function was given {kind}, or reads one from outside. {why}. Pass {instead}.")


def is_iterator(value: Any) -> bool:
    """Whether a value is an iterator whose state can't be seen: a generator, zip, iter(list)."""
    kind = type(value)
    return hasattr(kind, "__next__") and is_foreign(kind.__module__) and not isinstance(value, io.IOBase)


def layout_of(value: Any) -> tuple[Any, ...]:
    return (value.shape, value.dtype, value.strides) if isinstance(value, np.ndarray | np.generic) else ()


def static(value: Any) -> Any:
    """A value as a part of a signature: 1, 1.0 and True are three."""
    kind = type(value)
    if kind is slice:
        return (slice, *map(static, (value.start, value.stop, value.step)))
    return (kind, value, str(value)) if kind in (float, complex) else (kind, value) if kind in STATIC else Same(value)


def defined_by(kind: type) -> list[str]:
    """What a person's class defines: a class below it may define it anew."""
    if not is_persons(kind.__module__):
        return []
    return [
        name
        for name, each in vars(kind).items()
        if not isinstance(each, MemberDescriptorType) and (not is_dunder(name) or isinstance(each, FunctionType))
    ]


def slots_of(kind: type) -> tuple[str, ...]:
    """The names of the slots that an object of some class has."""
    return tuple(
        name for base in kind.__mro__ for name, each in vars(base).items() if isinstance(each, MemberDescriptorType)
    )


def attributes_of(value: Any) -> dict[str, Any] | None:
    """The attributes and slots of a person's object; None for other things, which another way makes."""
    kind = type(value)
    if isinstance(value, FunctionType | MethodType | type | ModuleType):
        return None
    if is_foreign(kind.__module__) and kind.__module__ not in OPEN:
        return None
    attributes = getattr(value, "__dict__", {})
    slots = {name: getattr(value, name) for name in slots_of(kind) if hasattr(value, name)}
    return None if type(attributes) is not dict else attributes | slots


def parts_of(value: Any) -> tuple[Any, ...] | None:
    """What a method, a property, a weak reference or a wrapped function consists of; None for other objects."""
    if isinstance(value, MethodType):
        return value.__self__, value.__func__
    if isinstance(value, staticmethod | classmethod):
        return (value.__func__,)
    if isinstance(value, property):
        return value.fget, value.fset, value.fdel
    if isinstance(value, functools.cached_property):
        return (value.func,)
    if isinstance(value, weakref.ref):
        return (value(),)
    wrapped, module = getattr(value, "__wrapped__", None), type(value).__module__
    is_plain = callable(wrapped) and (is_own(module) or is_foreign(module))
    return (wrapped,) if is_plain else None  # a function that is jitted itself, or cached by functools
