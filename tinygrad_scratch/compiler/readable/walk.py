"""The way back through what was recorded while tracing: each cotangent, and of which value it is the cotangent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_scratch.backward import Part, conform, note, pull_back
from tinygrad_scratch.compiler.traced import Traced, TraceError, Tracer
from tinygrad_scratch.graph import Record, ancestors, split_record
from tinygrad_scratch.rules.registry import RULES, EveryOperand, Several


@dataclass
class Walk:
    """Cotangents by the order of the record that they belong to, and the records in the order of the way back."""

    cotangents: dict[int, Any] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)


def walk_back(start: Record, seed: Traced, shortcut: bool, same: Mapping[int, Record]) -> Walk:
    """Pull a cotangent back to all that a recorded value depends on. No cotangent is let go of.

    `shortcut` takes a sigmoid that was written out as one step. `same` says by which record another one that made the
    same call is to be represented.
    """
    found = Walk({start[0]: seed})
    records = ancestors(start)
    without = {record[0] for record in shifts(records)}
    for record in reversed(records):
        g = found.cotangents.get(record[0])
        if g is None:
            continue
        found.records.append(record)
        if record[1] is None:
            continue
        try:
            for parent, argument, part in pulled(traced(record, seed.tracer), g, shortcut, seed.tracer):
                parent = same.get(parent[0], parent)
                if parent[0] in without:
                    continue
                if not isinstance(part, Traced | Several):  # it depends on no value
                    part = constant(part, seed.tracer)
                if part.shape != argument.shape or part.dtype != argument.dtype:
                    part = conform(part, argument, record[1])
                earlier = found.cotangents.get(parent[0])
                found.cotangents[parent[0]] = part if earlier is None else earlier + part
        except Exception as error:
            error.add_note(note(record))
            raise
    return found


def pulled(record: Record, g: Any, shortcut: bool, tracer: Tracer) -> Iterable[Part]:
    """What the rules of a call say; a rule that branches on a value is one step, whose text is the rule's own."""
    before, refused = len(tracer.steps), tracer.refused
    try:
        return list(pull_back(record, g, shortcut))
    except TraceError:
        del tracer.steps[before:]
        tracer.refused = refused
    arguments, parents = split_record(record)
    asked = {place: parent for place, parent in enumerate(parents) if parent is not None}
    given = (plain(g), plain(record[2]), *arguments)
    rules, keywords = RULES[record[1]], record[3] or {}
    if type(rules) is EveryOperand:
        found = tracer.call(rules.rule, ([*asked], *given), keywords)
    else:
        found = [tracer.call(rules[place], given, keywords) for place in asked]
    return [(parent, arguments[place], part) for (place, parent), part in zip(asked.items(), found, strict=True)]


def plain(value: Any) -> Any:
    """Several values as the tuple that they are."""
    return tuple(value) if isinstance(value, Several) else value


def constant(value: Any, tracer: Tracer) -> Traced:
    value = np.asarray(value)
    return Traced(tracer, value, tracer.constant(value))


def traced(record: Record, tracer: Tracer) -> Record:
    """A record whose arrays from outside are stand-ins, too, where a rule computes with them."""
    arguments, _ = split_record(record)
    rules = RULES[record[1]]

    def given(place: int, argument: Any) -> Any:
        return constant(argument, tracer) if type(argument) is np.ndarray and rules[place] is not None else argument

    return (*record[:4], *(given(i, a) for i, a in enumerate(arguments)), *record[4 + len(arguments) :])


# ---- the maximum in a softmax ----------------------------------------------------------------------------------------
# What is subtracted from logits before np.exp keeps it from overflowing and changes nothing else: e / sum(e) and
# x - log(sum(e)) are the same for any shift. So no cotangent comes back through the maximum; by the rules it would come
# as a sum of rounding errors.


def shifts(records: list[Record]) -> Iterator[Record]:
    """The records of maxima that are subtracted where that makes no difference."""
    readers: dict[int, list[Record]] = {}
    for record in records:
        if record[1] is not None:
            for parent in split_record(record)[1]:
                if parent is not None:
                    readers.setdefault(parent[0], []).append(record)
    end = records[-1]
    for record in records:
        if record[1] in (np.max, np.amax) and record is not end and is_shift(record, readers, end):
            yield record


def is_shift(maximum: Record, readers: dict[int, list[Record]], end: Record) -> bool:
    (source,) = split_record(maximum)[1][:1]
    shifted = readers.get(maximum[0], [])
    if source is None or len(shifted) != 1 or shifted[0][1] is not np.subtract:
        return False
    if split_record(shifted[0])[1] != (source, maximum) or maximum[2].ndim != shifted[0][2].ndim:
        return False
    readers_of = Readers(readers, end, along(maximum))
    return readers_of.ok(shifted[0])


def along(record: Record) -> Any:
    """Over which axis a call reduces, where it keeps it; None where it does not."""
    arguments, keywords = split_record(record)[0], record[3] or {}
    if not keywords.keys() <= {"axis", "keepdims"} or not keywords.get("keepdims"):
        return None
    axis = arguments[1] if len(arguments) > 1 else keywords.get("axis")
    ndim = max(arguments[0].ndim, 1)
    return tuple(range(ndim)) if axis is None else tuple(sorted(int(i) % ndim for i in np.atleast_1d(axis)))


@dataclass
class Readers:
    """Who reads what comes of shifted logits."""

    readers: dict[int, list[Record]]
    end: Record
    axes: Any

    def ok(self, shifted: Record) -> bool:
        """Whether everybody reads e / sum(e) or x - log(sum(e)), where no shift is seen."""
        if self.axes is None or shifted is self.end:
            return False
        exponentials = [r for r in self.of(shifted) if r[1] is np.exp]
        if len(exponentials) != 1 or exponentials[0] is self.end:
            return False
        (e,) = exponentials
        sums = [r for r in self.of(e) if r[1] is np.sum and along(r) == self.axes]
        if len(sums) != 1 or sums[0] is self.end:
            return False
        (total,) = sums
        logs = [r for r in self.of(total) if r[1] is np.log and r is not self.end]
        quotients = [r for r in self.of(total) if self.is_call(r, np.divide, e, total)]
        differences = [r for log in logs for r in self.of(log)]
        return (
            all(self.is_call(r, np.subtract, shifted, log) for log in logs for r in self.of(log))
            and all(r is e or r in differences for r in self.of(shifted))
            and all(r is total or r in quotients for r in self.of(e))
            and all(r in logs or r in quotients for r in self.of(total))
            and bool(quotients or differences)
        )

    def of(self, record: Record) -> list[Record]:
        return self.readers.get(record[0], [])

    @staticmethod
    def is_call(record: Record, function: Any, *parents: Record) -> bool:
        given = split_record(record)[1] if record[1] is function else ()
        return len(given) == len(parents) and all(a is b for a, b in zip(given, parents, strict=True))
