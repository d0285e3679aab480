"""The backward walk: from the cotangent of one recorded value to the cotangents of what it was made from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from heapq import heappop, heappush
from operator import getitem
from typing import Any

import numpy as np

from tinygrad_scratch.graph import Record, StandIn, Untraceable, as_array, is_array, next_order, split_record
from tinygrad_scratch.rules.elementwise import LARGEST, sigmoid_slope
from tinygrad_scratch.rules.indexing import Scattered, assign, assigned_value, is_basic
from tinygrad_scratch.rules.registry import DEFINITIONS, RULES, EveryOperand, Several, label

Lift = Callable[[Any, Record | None], Any]
Part = tuple[Record, Any, Any]


def walk(  # noqa: C901
    start: Record,
    cotangent: Any,
    keep: AbstractSet[int] | None = None,
    oldest: int = 0,
    lift: Lift | None = None,
    stop: bool = False,
) -> tuple[dict[int, Any], list[Record]]:
    """The cotangents of the leaves and of the calls in `keep`, by their order; and the records of the leaves.

    Calls are visited newest first, so each has its whole cotangent when its turn comes; a heap holds the ones that
    wait, and each cotangent is let go once it is used. Records older than `oldest` are left out; with `stop`, the walk
    goes no further than the calls in `keep`. With `lift`, which makes a Tensor of a value and its record, the rules run
    on Tensors and so are recorded themselves: that is how higher derivatives come about.

    A cotangent is never changed in place: one array may stand for several. A Scattered is the walk's own, and may be.
    """
    cotangents: dict[int, Any] = {}
    kept: dict[int, Any] = {}
    leaves: list[Record] = []
    waiting: list[Record] = []
    record, g = start, cotangent
    if start[1] is None:
        return {start[0]: cotangent}, [start]
    while True:
        parts: Iterable[Part] = ()
        try:
            own = type(g) is Scattered
            if own:
                g = g.whole()
            if keep and record[0] in keep:
                kept[record[0]] = g
                own = False
            if not (stop and record[0] in kept):
                try:
                    if lift is None:
                        parts = through_write(record, g, own) if record[1] is assign else pull_back(record, g, not keep)
                    else:
                        parts = pull_back_lifted(record, g, lift, not keep)
                except Untraceable as error:
                    parts = pulled_back_whole(record, g, lift, error)
            for parent, argument, part in parts:
                if part.shape != argument.shape or part.dtype is not argument.dtype:
                    part = conform(part, argument, record[1])
                earlier = parent[0]
                if earlier in cotangents:
                    cotangents[earlier] = cotangents[earlier] + part
                elif earlier <= oldest:
                    cotangents[earlier] = part
                    if parent[1] is None:
                        leaves.append(parent)
                    else:
                        heappush(waiting, parent)
        except Exception as error:
            error.add_note(note(record))
            raise
        if not waiting:
            for leaf in leaves:
                if type(cotangents[leaf[0]]) is Scattered:
                    cotangents[leaf[0]] = cotangents[leaf[0]].whole()
            return (cotangents | kept if kept else cotangents), leaves
        record = heappop(waiting)
        g = cotangents.pop(record[0])


def pull_back(record: Record, g: Any, shortcut: bool = True) -> Iterable[Part]:
    """For each argument that gradient flows to: the record that made it, the argument, and its part of the cotangent.

    Calls of one and of two arguments are spelled out: they are nearly all, and this is twice as fast.
    """
    if len(record) == 8 and record[3] is None:
        _, function, y, _, a, b, p, q = record
        rules = RULES[function]
        if q is None:
            if rules[0] is RULE_OF_READING and type(g) is np.ndarray and g.dtype is a.dtype:
                return ((p, a, Scattered(g, b, a.shape)),)
            return ((p, a, rules[0](g, y, a, b)),)
        if p is None:
            if function is np.divide and shortcut and (exponential := handwritten_sigmoid(a, q)):
                negative = exponential[5]
                return ((negative[5], negative[4], g * slope_of_arrays(y, exponential[2])),)
            return ((q, b, rules[1](g, y, a, b)),)
        return (p, a, rules[0](g, y, a, b)), (q, b, rules[1](g, y, a, b))
    if len(record) == 6:
        _, function, y, keywords, a, p = record
        rule = RULES[function][0]
        return ((p, a, rule(g, y, a, **keywords) if keywords else rule(g, y, a)),)
    arguments, parents = split_record(record)
    return rules_applied(record, g, record[2], arguments, arguments, parents)


RULES_OF_WRITING = RULES[assign]
RULE_OF_READING = RULES[getitem][0]  # its zeros are made once for all parts of an array: see Scattered


def through_write(record: Record, g: Any, own: bool) -> Iterable[Part]:
    """The parts of a write: what was put in, and the rest with zeros there, in an array of the walk's own.

    So a loop that writes to x[t] at every step takes one array of the size of x on the way back.
    """
    (a, value, index), (of_a, of_value, _) = split_record(record)
    if type(g) is not np.ndarray or g.dtype is not a.dtype or RULES[assign] is not RULES_OF_WRITING:
        return pull_back(record, g)
    parts: list[Part] = []
    if of_value is not None:
        part = assigned_value(g, None, a, value, index)
        parts.append((of_value, value, part.copy() if own and is_basic(index) else part))
    if of_a is not None:
        rest = g if own else np.array(g)
        rest[index] = 0.0
        parts.append((of_a, a, Scattered.of(rest)))
    return parts


slope_of_arrays: Callable[[Any, Any], Any] = sigmoid_slope.__wrapped__  # type: ignore[attr-defined]  # it skips the door


def handwritten_sigmoid(one: Any, denominator: Record) -> Record | None:
    """The record of `np.exp(-z)` where a call is `1 / (1 + np.exp(-z))`, a sigmoid written out by hand.

    One derivative then takes the place of four rules. It is right where exp overflows, too, where those would multiply
    0 by infinity.
    """
    if type(one) not in (int, float) or one != 1 or denominator[1] is not np.add:
        return None
    _, _, _, _, a, b, p, q = denominator
    added, exponential = (a, q) if p is None else (b, p)
    if type(added) not in (int, float) or added != 1 or exponential[1] is not np.exp:
        return None
    negative: Record | None = exponential[5]
    is_sigmoid = negative is not None and negative[1] is np.negative and exponential[2].dtype in LARGEST
    return exponential if is_sigmoid else None


def pull_back_lifted(
    record: Record, g: Any, lift: Lift, shortcut: bool = True, through: Callable[[Any], Any] | None = None
) -> Iterable[Part]:
    """The same with a Tensor in place of every array that has a rule, so that whatever a rule calls is recorded."""
    if type(g) is not Several:
        g = lift(g._value, g._record)  # a Tensor of its own, which the rule may write to
    arguments, parents = split_record(record)
    if record[1] is np.divide and shortcut and parents[0] is None and parents[1] is not None:
        exponential = handwritten_sigmoid(arguments[0], parents[1])
        if exponential is not None:
            slope = sigmoid_slope(lift(record[2], record), exponential[2])
            return ((exponential[5][5], exponential[5][4], g * slope),)
    rules = RULES[record[1]]
    lifted = [
        lift(a, p) if is_array(a) and rules[i] is not None else a
        for i, (a, p) in enumerate(zip(arguments, parents, strict=True))
    ]
    y = record[2]
    if type(y) is Several:
        y = Several(lift(part, output_record(record, i)) for i, part in enumerate(y))
    else:
        y = lift(y, record)
    parts = rules_applied(record, g, y, lifted, arguments, parents, through)
    return [(parent, argument, as_lifted(part, lift)) for parent, argument, part in parts]


def output(several: Several, position: int) -> Any:
    """One of the outputs of a call that has several."""
    return several[position]


def output_alone(g: Any, y: Any, several: Several, position: int) -> Several:
    """The cotangent of all outputs, where only one has one."""
    return Several(g if i == position else np.zeros_like(part) for i, part in enumerate(several))


RULES[output] = (output_alone, None)


def output_record(record: Record, position: int) -> Record:
    """The record of one output of a call that has several."""
    return (next_order(), output, record[2][position], None, record[2], position, record, None)


def pulled_back_whole(record: Record, g: Any, lift: Lift | None, error: Untraceable) -> Iterable[Part]:
    """The same in a trace, where a rule takes a branch on values: each rule is one step of the program."""

    def whole(rule: Any) -> Any:
        return lambda *arguments, **keywords: error.as_one_step(rule, arguments, keywords)

    if lift is not None:
        return pull_back_lifted(record, g, lift, False, whole)
    arguments, parents = split_record(record)
    return rules_applied(record, g, record[2], arguments, arguments, parents, whole)


def as_lifted(part: Any, lift: Lift) -> Any:
    return lift(as_array(part), None) if isinstance(part, np.ndarray | np.generic | StandIn) else part


def rules_applied(
    record: Record, g: Any, y: Any, given: Sequence[Any], arguments: Any, parents: Any, through: Any = None
) -> list[Part]:
    """The parts by the rules; `through` makes of each rule what is called in its place."""
    function, keywords = record[1], record[3] or {}
    asked = [i for i, parent in enumerate(parents) if parent is not None]
    rules = RULES[function]
    if type(rules) is EveryOperand:
        rule = rules.rule if through is None else through(rules.rule)
        found = rule(asked, g, y, *given, **keywords)
    else:
        found = [(rules[i] if through is None else through(rules[i]))(g, y, *given, **keywords) for i in asked]
    return [(parents[i], arguments[i], part) for i, part in zip(asked, found, strict=True)]


def conform(part: Any, argument: Any, function: Any) -> Any:
    """A cotangent brought to the shape and dtype of its argument: broadcasting sums, a real number has a real one."""
    shape = argument.shape
    if part.shape != shape:
        extra = len(part.shape) - len(shape)
        if extra < 0 and all(n == 1 for n in shape[:-extra]):  # what was written may have more axes, of length 1
            return conform(part, argument.reshape(shape[-extra:]), function).reshape(shape)
        if extra < 0 or any(n not in (1, m) for n, m in zip(shape, part.shape[extra:], strict=False)):
            raise ValueError(
                f"A rule of {label(function)} returned a cotangent of shape {part.shape} "
                f"for an argument of shape {shape}."
            )
        stretched = [extra + i for i, n in enumerate(shape) if n != part.shape[extra + i]]
        part = part.sum(axis=(*range(extra), *stretched)).reshape(shape)
    if part.dtype != argument.dtype:
        if part.dtype.kind == "c" and argument.dtype.kind != "c":
            part = part.real
        part = part.astype(argument.dtype)
    return part


def note(record: Record) -> str:
    """What was going on when a rule failed."""
    arguments, _ = split_record(record)
    names = getattr(DEFINITIONS.get(record[1]), "names", ())
    given = ", ".join(f"{names[i] if i < len(names) else i}: {getattr(a, 'shape', a)}" for i, a in enumerate(arguments))
    return f"in the derivative rule of {label(record[1])}, called with {given}; its output has shape {record[2].shape}"
