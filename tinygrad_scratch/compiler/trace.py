"""Tracing: a function is run once with stand-ins for all arrays that it can reach, and what it did is a program.

Whatever the function wrote to - an argument, a parameter of a model, what an optimizer keeps, a variable of an
enclosing function - is put back when the trace is over. What it would have written is an output of the program, and
each call writes it there.
"""

from __future__ import annotations

import gc
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from threading import RLock
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from tinygrad_scratch.compiler import randomness
from tinygrad_scratch.compiler.holders import Holder
from tinygrad_scratch.compiler.lines import is_ours
from tinygrad_scratch.compiler.names import name_value
from tinygrad_scratch.compiler.program import Program, Variable
from tinygrad_scratch.compiler.surroundings import (
    STATIC,
    Generator,
    Surroundings,
    attributes_of,
    is_iterator,
)
from tinygrad_scratch.compiler.traced import Traced, TraceError, Tracer
from tinygrad_scratch.compiler.values import PYTHON_NUMBERS
from tinygrad_scratch.graph import StandIn, is_recording
from tinygrad_scratch.tensor import Tensor
from tinygrad_scratch.trees import leaves_of, map_leaves

_tracing: ContextVar[bool] = ContextVar("tracing", default=False)
is_tracing: Callable[[], bool] = _tracing.get
one_at_a_time = RLock()  # a trace puts stand-ins where other functions may look, so there is one at a time


@dataclass(frozen=True)
class Result:
    """One leaf of what a function returned or left somewhere: which output of the program, and what was made of it."""

    place: int
    tensor: bool = False
    number: bool = False
    python: bool = False  # it is one of Python's numbers, and none of NumPy's
    leaf: int | None = None  # it is the argument itself: that leaf
    constant: Any = None  # it depends on no input: its value


@dataclass(frozen=True)
class Made:
    """An object that the function made: each call makes a new one, with what its attributes are made of."""

    kind: type
    attributes: dict[str, Any]


@dataclass
class Trace:
    """A function's program, and how its outputs make up what the function returns and leaves behind."""

    program: Program
    returned: Any = None
    written: list[tuple[int, int]] = field(default_factory=list)  # a leaf that is written to, and the output to write
    left: list[tuple[int, bool, dict[Any, Any]]] = field(default_factory=list)
    """A holder, whether its keys are others in the end, and what it then holds; or else what has changed."""
    recorded: bool = False  # what is returned has a history, and the function left nothing behind


def trace(function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Trace:
    """The program of one call of a function: `program` of it takes the leaves of the arguments, then all others.

    Raises TraceError where the call depends on a value that is known only when the program runs.
    """
    return trace_in(look_around(function, list(arguments), keywords), function, list(arguments), keywords)


def look_around(function: Callable[..., Any], arguments: list[Any], keywords: dict[str, Any]) -> Surroundings:
    """All that a call can reach."""
    around = Surroundings()
    names = argument_names(function)
    with one_at_a_time:  # so that no stand-ins lie around
        for i, argument in enumerate(arguments):
            around.add(argument, names[i] if i < len(names) else None)
        for name, argument in keywords.items():
            around.key.append(name)
            around.add(argument, name)
        around.add(function)
        around.add_attributes_of_modules()
    return around


def argument_names(function: Any) -> tuple[str, ...]:
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    if code is None:
        return ()
    names: tuple[str, ...] = code.co_varnames[: code.co_argcount]
    return names[1:] if hasattr(function, "__func__") else names


def trace_in(
    around: Surroundings, function: Callable[..., Any], arguments: list[Any], keywords: dict[str, Any]
) -> Trace:
    """The same, where it was looked around before."""
    with one_at_a_time, no_hidden_randomness(), as_it_was(around):
        tracer = Tracer()
        stand_ins = [stand_in(tracer, leaf, name) for leaf, name in zip(around.leaves, around.names, strict=True)]
        swapped = {id(around.leaves[place]): stand_ins[place] for place in around.places.values()}
        swap = partial(exchanged, lambda value: swapped.get(id(value), value))
        before = [put_in(holder, swap, stand_ins) for holder in around.holders]
        given = [swap(argument) for argument in arguments]
        named = {name: swap(argument) for name, argument in keywords.items()}
        try:
            with traced(), names_of_results(tracer), no_new_attributes(around.spaces()):
                returned = function(*given, **named)
        except Exception:
            if tracer.refused is not None:
                raise tracer.refused from None
            raise
        if tracer.refused is not None:
            raise tracer.refused
        return Finished(tracer, around, stand_ins, before).trace(returned)


def stand_in(tracer: Tracer, leaf: Any, name: str | None) -> Any:
    if isinstance(leaf, Generator):
        return randomness.traced_generator(tracer, leaf, name)
    return tracer.input(leaf, name)


def exchanged(change: Callable[[Any], Any], tree: Any) -> Any:
    """A value changed, or each that a tuple holds; a tuple in which nothing changes stays the object that it is."""
    if isinstance(tree, tuple):
        parts = [exchanged(change, part) for part in tree]
        if all(new is old for new, old in zip(parts, tree, strict=True)):
            return tree
        return type(tree)(*parts) if hasattr(tree, "_fields") else tuple(parts)
    return change(tree)


def put_in(holder: Holder, swap: Callable[[Any], Any], stand_ins: list[Any]) -> dict[Any, Any]:
    """Put stand-ins into a holder; what it then holds is returned."""
    new = {key: swap(value) for key, value in holder.items().items()}
    new |= {key: stand_ins[place] for key, place in holder.numbers.items()}
    holder.put(new)
    return new


class Finished:
    """A trace that is over: what the function returned and wrote, as outputs of the program."""

    def __init__(
        self, tracer: Tracer, around: Surroundings, stand_ins: list[Any], before: list[dict[Any, Any]]
    ) -> None:
        self.tracer = tracer
        self.around = around
        self.stand_ins = stand_ins
        self.before = before
        self.outputs: list[Variable] = []
        self.making: set[int] = set()
        self.leaf_of = {id(each): place for place, each in enumerate(stand_ins)}

    def trace(self, returned: Any) -> Trace:
        tree = self.kept(returned)
        history = any(type(leaf) is Tensor and leaf._record is not None for leaf in leaves_of(returned))
        written = [
            (place, self.output(each.variable))
            for place, each in enumerate(self.stand_ins)
            if each.variable is not self.tracer.inputs[place]
        ]
        left = []
        for place, (holder, before) in enumerate(zip(self.around.holders, self.before, strict=True)):
            now = holder.items()
            other_keys = list(now) != list(before)
            changed = [key for key in now if other_keys or now[key] is not before[key]]
            if changed or other_keys:
                left.append((place, other_keys, {key: self.kept(now[key]) for key in changed}))
        program = self.tracer.program(self.outputs)
        return Trace(program, tree, written, left, history and is_recording() and not written and not left)

    def output(self, variable: Variable) -> int:
        self.outputs.append(variable)
        return len(self.outputs) - 1

    def result(self, value: Any) -> Any:
        """A leaf of what was returned."""
        if type(value) is Tensor:
            if any(holder.holder is value for holder in self.around.holders):
                return value
            inner: Any = value._value
            number = getattr(value, "_scalar", False)
            if not isinstance(inner, Traced):
                return Result(-1, tensor=True, number=number, constant=inner)
            return Result(self.output(inner.variable), tensor=True, number=number)
        if isinstance(value, Traced):
            place = self.leaf_of.get(id(value))
            python = type(value.value) in PYTHON_NUMBERS
            output = -1 if place is not None else self.output(value.variable)
            return Result(output, number=value.is_number, python=python, leaf=place)
        if isinstance(value, randomness.Draws):
            return Result(-1, leaf=self.leaf_of[id(value)])
        if type(value) in STATIC or id(value) in self.around.seen:
            return value
        return self.made(value)

    def kept(self, value: Any) -> Any:
        """The same lists, tuples and dicts, with what each leaf is made of."""
        return map_leaves(self.result, value)

    def made(self, value: Any) -> Any:
        """An object that the trace made; refused where it holds values in places that can't be filled anew."""
        attributes = attributes_of(value)
        if attributes is None:
            if holds_values(value):
                raise self.tracer.refuse(
                    f"a {type(value).__name__} that holds values is returned or kept, and can't be made anew by each "
                    "call",
                    "Return arrays, and lists, tuples, dicts and plain objects of them.",
                )
            return value
        if id(value) in self.making:
            raise self.tracer.refuse(
                f"a {type(value).__name__} that holds itself is returned or kept", "Return arrays."
            )
        self.making.add(id(value))
        made = Made(type(value), {name: self.kept(part) for name, part in attributes.items()})
        self.making.discard(id(value))
        return made


def holds_values(value: Any) -> bool:
    """Whether a function, a set, an iterator or the like holds a traced value."""
    if isinstance(value, FunctionType):
        cells = [value.__defaults__, *(cell.cell_contents for cell in value.__closure__ or ())]
        return any(isinstance(part, StandIn | Tensor) for part in leaves_of(cells))
    if isinstance(value, type | ModuleType | MethodType):
        return isinstance(value, MethodType) and holds_values(value.__func__)
    return is_iterator(value) or any(isinstance(part, StandIn) for part in gc.get_referents(value))


@contextmanager
def as_it_was(around: Surroundings) -> Iterator[None]:
    """Put everything back to what it was before, when the block is over."""
    before = [holder.items() for holder in around.holders]
    tensors = [holder.holder for holder in around.holders if type(holder.holder) is Tensor]
    records = [(tensor._record, tensor._alias) for tensor in tensors]
    try:
        yield
    finally:
        for holder, items in zip(around.holders, before, strict=True):
            holder.put(items)
        for tensor, (record, alias) in zip(tensors, records, strict=True):
            tensor._record, tensor._alias = record, alias


@contextmanager
def traced() -> Iterator[None]:
    """Say that what runs in this block is being traced: a jitted function is then a function like others."""
    token = _tracing.set(True)
    try:
        yield
    finally:
        _tracing.reset(token)


@contextmanager
def no_hidden_randomness() -> Iterator[None]:
    """Refuse draws from the generators that NumPy and Python keep: they would be frozen into the program."""
    before, python = np.random.get_state(legacy=False), random.getstate()
    with no_new_seeds():
        yield
    after = np.random.get_state(legacy=False)
    if not same_state(before, after) or random.getstate() != python:
        np.random.set_state(before)
        random.setstate(python)
        raise TraceError(
            "While a function is traced, random numbers were drawn from a generator that all programs share: np.random "
            f"or Python's random. They would be the same in every call. {randomness.INSTEAD}"
        )


@contextmanager
def no_new_seeds() -> Iterator[None]:
    """Refuse generators without a seed: their seed, too, would be that of the trace in every call."""
    entropy: Any = np.random.bit_generator
    draw = entropy.randbits

    def randbits(bits: int) -> int:
        if is_tracing():
            raise TraceError(
                "While a function is traced, a random generator was made without a seed. It would have one seed, and "
                f"draw the same numbers, in every call. {randomness.INSTEAD}"
            )
        return draw(bits)  # type: ignore[no-any-return]  # of another thread

    entropy.randbits = randbits
    try:
        yield
    finally:
        entropy.randbits = draw


@contextmanager
def no_new_attributes(spaces: list[Any]) -> Iterator[None]:
    """Refuse attributes that a function gives to classes and modules that had none of that name: nobody looks there."""
    before = [set(vars(space)) for space in spaces]
    new: list[str] = []
    try:
        yield
    finally:
        for space, names in zip(spaces, before, strict=True):
            for name in sorted(vars(space).keys() - names - {"__annotations__", "__warningregistry__"}):
                new.append(f"{space.__name__}.{name}")
                delattr(space, name)
    if new:
        raise TraceError(
            f"While a function is traced, it made {', '.join(new)}, which was not there before, and which later calls "
            f"would not see. Set it to None before the first call."
        )


def same_state(a: Any, b: Any) -> bool:
    if isinstance(a, dict):
        return all(same_state(a[key], b[key]) for key in a)
    return bool(np.array_equal(a, b))


@contextmanager
def names_of_results(tracer: Tracer) -> Iterator[None]:
    """Name the values that functions hold in local variables when they return."""

    def watch(frame: Any, event: str, argument: Any) -> None:
        if event == "return" and not is_ours(frame.f_code.co_filename):
            for name, value in frame.f_locals.items():
                name_value(tracer, value, name)

    if sys.getprofile() is not None:  # somebody measures, and names are only for reading
        yield
        return
    sys.setprofile(watch)
    try:
        yield
    finally:
        sys.setprofile(None)
