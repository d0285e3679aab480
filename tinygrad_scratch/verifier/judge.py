"""Which step is the first wrong one: the earliest value whose replacement by the truth mends what comes after it.

Nothing is accused until a final gradient is wrong. Then one reverse walk for each wrong gradient, over the hand-written
backward pass itself, says for every value on the way and every truth at once what putting that truth in would do:
a backward pass is linear in each of its values. What seems to mend is played again and decided by that.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.edits import PRODUCTS, name_of
from tinygrad_scratch.verifier.pairing import Final
from tinygrad_scratch.verifier.sizes import divided_by, halved, has_square, samples
from tinygrad_scratch.verifier.source import in_same_function, is_rename
from tinygrad_scratch.verifier.table import PART, SAMPLE, Entry, Table, squeezed
from tinygrad_scratch.verifier.tape import Array, Ref, Step, Tape
from tinygrad_scratch.verifier.truth import Played, Truth, played_on_tensors, truth_of
from tinygrad_scratch.verifier.watch import Event

MOST_REPAIRS = 40
MOST_TRIALS = 60


def tolerance_of(value: Array) -> float:
    return 2e-3 if value.dtype in (np.float32, np.float16) else 1e-6


def difference(value: Array, truth: Array) -> float:
    """The largest difference, relative to the largest true entry; infinite where the shapes differ."""
    if value.shape != truth.shape:
        return np.inf
    if value.dtype.kind == "b" or truth.dtype.kind == "b":
        value, truth = value.astype(float), truth.astype(float)
    scale = float(np.max(np.abs(truth), initial=0.0))
    apart = float(np.max(np.abs(value - truth), initial=0.0))
    return apart / scale if scale > 1e-12 else (0.0 if apart < 1e-9 else np.inf)


def close(value: Any, truth: Array) -> bool:
    value = np.asarray(value)
    return value.dtype.kind in "biufc" and difference(value, truth) < tolerance_of(value)


@dataclass(frozen=True)
class Repair:
    """A value that was wrong, and what it should have been: the cotangent of a forward value, or a part of one."""

    event: Event
    truth: Array
    of: int  # the forward node
    through: int | None  # the step that the part came through, or None for the whole
    mended: int
    late: bool = False  # the value itself was right, and was used under another name as what it is not
    factor: float = 1.0
    how: str = ""  # which part or layout of the cotangent it is


@dataclass
class Case:
    """All that is known when judging begins."""

    tape: Tape
    truth: Truth
    events: list[Event]
    finals: list[Final]
    arguments: list[Event] = field(default_factory=list)  # names of what has others already
    overrides: dict[int, Array] = field(default_factory=dict)
    late: dict[int, tuple[int, Array]] = field(default_factory=dict)
    scale: float = 1.0  # what all gradients carry, by convention
    convention: str = ""
    settled: set[int] = field(default_factory=set)  # wrong only as a gradient, by their shape: what reads them is right
    transposed: bool = False  # whether gradients are laid out as their parameters' transposes, by convention
    doubt: str = ""  # why nothing can be said
    _matches: dict[Any, tuple[Entry, float] | None] = field(default_factory=dict, repr=False)

    # ---- what was made from what -------------------------------------------------------------------------------------

    @cached_property
    def parents(self) -> dict[int, set[int]]:
        """What each node was made from: what its step read, and what its array held before."""
        found: dict[int, set[int]] = {}
        last: dict[int, int] = {}
        for step in self.tape.steps:
            for node in step.makes:
                slot = self.tape.nodes[node].slot
                found[node] = set(step.reads) | ({last[slot]} if slot in last else set())
            for node in step.makes:
                last[self.tape.nodes[node].slot] = node
        return found

    def ancestors(self, nodes: Iterable[int]) -> set[int]:
        seen: set[int] = set()
        waiting = list(nodes)
        while waiting:
            node = waiting.pop()
            if node not in seen:
                seen.add(node)
                waiting += self.parents[node]
        return seen

    def step_of(self, node: int) -> Step:
        return self.tape.steps[self.tape.nodes[node].step]

    @cached_property
    def forward(self) -> set[int]:
        """The nodes that the loss was computed from."""
        return self.ancestors([self.truth.loss])

    @cached_property
    def unfinished(self) -> set[int]:
        """States of an array whose entries the next turn of a statement goes on to set: no step ends with them."""
        readers: dict[int, list[Step]] = {}
        for step in self.tape.steps:
            for node in step.reads:
                readers.setdefault(node, []).append(step)
        found = set()
        for node, steps in readers.items():
            writes = getattr(steps[0].function, "__name__", "") == "setitem" and len(steps) == len(steps[0].makes) == 1
            same = writes and self.tape.nodes[steps[0].makes[0]].slot == self.tape.nodes[node].slot
            if same and self.step_of(node).place == steps[0].place:
                found.add(node)
        return found

    @cached_property
    def without_data(self) -> set[int]:
        """The values of the loss that no data went into, such as a penalty."""
        parameters = {final.parameter.node for final in self.finals}
        found: set[int] = set()
        for node in sorted(self.forward):
            constant = self.step_of(node).function is None
            data = constant and self.tape.nodes[node].value.ndim > 0 and node not in parameters
            if not data and self.parents[node] <= found:
                found.add(node)
        return found

    @cached_property
    def multiplied(self) -> set[int]:
        """What matrix products read, as no mask is meant to be."""
        return {node for step in self.tape.steps if name_of(step.function) in PRODUCTS for node in step.reads}

    @cached_property
    def smooth(self) -> set[int]:
        """The nodes that were computed from a parameter by numbers with a point alone, as no count or mask is."""
        found = {final.parameter.node for final in self.finals}
        for node in self.tape.nodes:
            if node.value.dtype.kind in "fc" and not found.isdisjoint(self.parents[node.number]):
                found.add(node.number)
        return found

    @cached_property
    def alike(self) -> dict[int, int]:
        """Nodes with the value of a forward node: the forward pass run again, copies, the same by another formula."""
        known: dict[tuple[Any, ...], int] = {}
        for node in sorted(self.forward):
            known.setdefault(signature(self.tape.nodes[node].value), node)
        found = {}
        for other in self.tape.nodes:
            twin = known.get(signature(other.value))
            if other.number not in self.forward and twin is not None and is_telling(other.value):
                found[other.number] = twin
        return found

    def constant_value(self, part: Any) -> Any:
        """A plain number that stands in a call, also where it was recorded."""
        if type(part) is Ref:
            held = next((node for node in self.tape.nodes if node.slot == part.slot), None)
            if held is None or self.step_of(held.number).function is not None or held.value.ndim:
                return None
            return float(held.value)
        return float(part) if isinstance(part, float | int) and not isinstance(part, bool) else None

    def is_forward(self, node: int) -> bool:
        return node in self.forward or node in self.alike

    @cached_property
    def factors(self) -> tuple[float, ...]:
        """What a step may rightly carry for a while: the sizes that a mean divides by, twice them, half of them."""
        sizes = {
            size
            for node in self.forward
            for size in (*self.tape.nodes[node].value.shape[:2], self.tape.nodes[node].value.size)
            if size > 1 and self.tape.nodes[node].value.size < 10_000
        }
        half = has_square(self) or bool(halved(self))
        data = {2.0, 0.5} if half else set()
        for size in sorted(sizes):
            data |= {float(size), 1.0 / size, *((size / 2.0, 2.0 / size) if half else ())}
        return tuple(sorted(data))

    # ---- what is right -----------------------------------------------------------------------------------------------

    @cached_property
    def table(self) -> Table:
        return Table(self.tape, self.truth)

    def match(self, value: Array) -> Entry | None:
        """The true cotangent that a value is, if it is one."""
        found = self.table.match(np.asarray(value), tolerance_of(np.asarray(value)), (self.scale,))
        return found[0] if found else None

    def match_up_to_factor(self, value: Array) -> tuple[Entry, float] | None:
        """The same, where the value may carry a factor."""
        value = np.asarray(value)
        key = self.scale, value.shape, value.dtype, value.tobytes()
        if key not in self._matches:
            factors = (self.scale, *((1.0,) if self.scale != 1 else ()), *(self.factors if value.size > 2 else ()))
            self._matches[key] = self.table.match(value, tolerance_of(value), factors)
        return self._matches[key]

    def true_of(self, final: Final) -> Array:
        return self.truth.cotangents[final.parameter.node]

    def wanted(self, value: Array, final: Final) -> Array:
        """The true gradient, in the layout that a value has."""
        truth = self.true_of(final) * self.scale
        if self.transposed and truth.ndim == 2 and value.shape == truth.shape[::-1]:
            return truth.T
        if value.shape == truth.shape or value.size != truth.size:
            return truth
        if squeezed(value.shape) == squeezed(truth.shape):
            return truth.reshape(value.shape)
        return truth.reshape(value.shape) if value.ndim == 1 else truth

    def is_right(self, value: Any, final: Final) -> bool:
        value = np.asarray(value)
        wanted = self.wanted(value, final)
        if close(value, wanted):
            return True
        floor = self._noise(final)  # a true zero, such as a bias's before a normalisation
        return (
            value.shape == wanted.shape
            and float(np.max(np.abs(wanted), initial=0.0)) <= floor
            and bool(np.max(np.abs(value), initial=0.0) <= 1e3 * floor)
        )

    def _noise(self, final: Final) -> float:
        """What rounding leaves of a gradient that is zero, by the gradients that it is a sum of."""
        node = final.parameter.node
        made = {n for step in self.tape.steps if node in step.reads for n in step.makes} & self.truth.cotangents.keys()
        sizes = (float(np.max(np.abs(self.truth.cotangents[n]), initial=0.0)) for n in made)
        return 1e-10 * max(sizes, default=0.0)

    def reset(self, scale: float) -> None:
        """Begin anew, with another factor that all gradients carry."""
        self.scale, self.overrides, self.late, self.settled, self._run = scale, {}, {}, set(), None

    def replay(self, overrides: dict[int, Array] | None = None, **keywords: Any) -> dict[int, Any]:
        """A run with what was mended so far, and more."""
        if not overrides and not keywords:
            return self._mended()
        late = {**self.late, **keywords.pop("late", {})}
        with np.errstate(all="ignore"):
            return self.tape.replay({**self.overrides, **(overrides or {})}, late=late, **keywords)

    def _mended(self) -> dict[int, Any]:
        """The run with what was mended so far, kept until more is."""
        key = tuple(map(id, self.overrides.values())), tuple(self.late)
        if self._last_run is None or self._last_run[0] != key:
            with np.errstate(all="ignore"):
                self._last_run = key, self.tape.replay(self.overrides, late=self.late)
        found: dict[int, Any] = self._last_run[1]
        return found

    _last_run: Any = None

    @cached_property
    def elsewhere(self) -> tuple[dict[int, Array], Truth]:
        """Other parameters and data, and the truth at them; labels, masks and single numbers stay."""
        rng = np.random.default_rng(0)
        parameters = {final.parameter.node for final in self.finals}
        start = {}
        for step in self.tape.steps:
            if step.function is None and step.makes[0] in self.forward:
                value = step.arguments
                whole = not np.any(value % 1) if value.dtype.kind == "f" else True
                if value.dtype == np.float64 and value.size > 1 and (not whole or step.makes[0] in parameters):
                    spread = 0.1 * (float(np.std(value)) or 1.0)
                    start[step.makes[0]] = value + spread * rng.uniform(-1, 1, value.shape)
        try:
            with np.errstate(all="ignore"):
                return start, truth_of(self.tape, [], self.truth.loss, start)
        except Exception:  # a call that can't be made there
            return start, Truth(self.truth.loss)

    # ---- the search --------------------------------------------------------------------------------------------------

    def wrong(self, values: Mapping[int, Any]) -> list[Final]:
        return [f for f in self.finals if f.node not in self.settled and not self.is_right(values[f.node], f)]

    def next_repair(self) -> Repair | None:
        """The value to replace next."""
        values = self.replay()
        wrong = self.wrong(values)
        if not wrong or len(self.overrides) + len(self.late) >= MOST_REPAIRS:
            return None
        best = self._mending(values, wrong)
        if best is None or best.mended < len(wrong) or best.event.node in {final.node for final in self.finals}:
            turn = self._helping(values, wrong)
            if turn is not None and (best is None or self._all_turns(turn, wrong) >= best.mended):
                return turn
        return best or self._last(values, wrong)

    def _all_turns(self, repair: Repair, wrong: list[Final]) -> int:
        """How many gradients are right once a statement is mended in all turns of its loop."""
        before = dict(self.overrides)
        self.apply(repair)
        self.mend_turns(repair)
        count = len(wrong) - len(self.wrong(self.replay()))
        self.overrides = before
        return count

    def mend_turns(self, repair: Repair) -> None:
        """The truth of the values that the same call of the forward pass made, for what the same statement made."""
        same = [truth * repair.factor for truth in self._of_other_turns(repair)]
        for event in self.events:
            later = event.place == repair.event.place and event.node > repair.event.node
            if not later or event.node in self.overrides or event.node in self.forward:
                continue
            values = self.replay()
            if not self.wrong(values):
                return
            best, most = None, 0
            for truth in same:
                if truth.shape != np.shape(values[event.node]):
                    continue
                played = self.with_value(event.node, truth)
                mended = len(self.wrong(values)) - len(self.wrong(played))
                newly = len(self.newly(event.node, truth, values, played)) + 10 * mended
                if newly > most:
                    best, most = truth, newly
            if best is not None:
                self.overrides[event.node] = best

    def apply(self, repair: Repair) -> None:
        node = self.tape.nodes[repair.event.node]
        read = any(node.number in step.reads for step in self.tape.steps)
        other = node.value.shape != repair.truth.shape or (node.number in self.forward and not repair.late)
        if read and other and node.number in {final.node for final in self.finals}:
            self.settled.add(node.number)
        elif repair.late:
            self.late[max(repair.event.time, node.step + 1)] = node.slot, repair.truth
        else:
            self.overrides[repair.event.node] = repair.truth

    def _of_other_turns(self, repair: Repair) -> Iterator[Array]:
        """What the same calls of the forward pass have as gradients in the other turns: whole ones or the same part."""
        place = self.step_of(repair.of).place
        for node, whole in self.truth.cotangents.items():
            if self.step_of(node).place != place:
                continue
            if repair.through is None:
                if node != repair.of:
                    yield whole
            else:
                reader = self.tape.steps[repair.through].place
                yield from (
                    part for step, part in self.truth.parts.get(node, []) if self.tape.steps[step].place == reader
                )

    def _suspects(self, wrong: list[Final], values: dict[int, Any]) -> list[Event]:
        """Names of what the wrong gradients were made from, not of the forward pass itself."""
        before = self.ancestors(final.node for final in wrong)
        named = {event.node for event in self.events}
        loss_step = self.tape.nodes[self.truth.loss].step
        more = [Event(f.name, f.node, self._place(f.node), 0, 10**9) for f in wrong if f.node not in named]
        found = []
        for event in (*self.events, *more):
            if event.node not in before or event.node in self.overrides or not event.place:
                continue
            step = self.step_of(event.node)
            kinds = "fiub" if event.node in self.multiplied else "fiu"  # a mask that stands for a gradient
            value = np.asarray(values[event.node])
            if value.dtype.kind not in kinds or is_filled(step) or event.node in self.unfinished:
                continue
            given = event.node in self.forward and event.time <= loss_step
            if (given or step.function is None) and not self._is_renamed_gradient(event, value):
                continue
            found.append(event)
        return found

    def _is_renamed_gradient(self, event: Event, value: Array) -> bool:
        """Whether the gradient that a layer was given gets another name: that of the gradient of something else."""
        found = self.match(value) if value.size > 2 and is_rename(event.place.file, event.place.line) else None
        return found is not None and found.how == ""

    def _place(self, node: int) -> Any:
        return self.step_of(node).place

    def _mending(self, values: dict[int, Any], wrong: list[Final]) -> Repair | None:
        """The replacement that mends the most final gradients."""
        events = self._suspects(wrong, values)
        by_node: dict[int, list[Event]] = {}
        for event in events:
            by_node.setdefault(event.node, []).append(event)
        trials = self._screened(by_node, values, wrong)
        right = [final for final in self.finals if final not in wrong]
        best: tuple[tuple[float, ...], Repair] | None = None
        for node, entry, factor in trials:
            for event, late in self._names(by_node[node], values):
                found = self._tried(event, late, entry, factor, values, wrong, right)
                if found is not None and (best is None or found[0] > best[0]):
                    best = found
        return best[1] if best else None

    def _names(self, events: list[Event], values: dict[int, Any]) -> Iterator[tuple[Event, bool]]:
        """The names under which a value may be replaced: the first one, and the last that only renames it."""
        renamed = [event for event in events[1:] if is_rename(event.place.file, event.place.line)]
        if renamed:
            yield renamed[-1], True
            yield renamed[-1], False
            yield events[0], False
        elif events[0].node in self.forward:
            yield events[-1], True
        else:
            yield events[0], False

    def _tried(
        self,
        event: Event,
        late: bool,
        entry: Entry,
        factor: float,
        values: dict[int, Any],
        wrong: list[Final],
        right: list[Final],
    ) -> tuple[tuple[float, ...], Repair] | None:
        factor = factor * self.scale
        truth = entry.value * factor
        try:
            played = self._with(event, late, truth)
        except Exception:  # a value of this kind can't stand here
            return None
        if any(not self.is_right(played[final.node], final) for final in right):
            return None
        mended = sum(self.is_right(played[final.node], final) for final in wrong)
        if not mended:
            return None
        matched = self.match_up_to_factor(values[event.node])
        scaled = matched is not None and matched[0].of == entry.of and factor != self.scale
        less = 1.5 if scaled and mended < len(wrong) else 0.0
        score = mended + 0.5 * len(self.newly(event.node, truth, values, played)) - less
        exact = matched is not None and abs(matched[1] - factor) < 1e-9 * abs(factor)
        part = matched is not None and matched[0].how == PART
        rank = 2 if not exact else 1 if part else 0
        whole = {"": 3, PART: 1, SAMPLE: 2}.get(entry.how, 2)
        order = event.node if exact and not part else -event.node
        repair = Repair(event, truth, entry.of, entry.through, mended, late, factor, entry.how)
        value = np.asarray(values[event.node])
        along = float(not exact and value.size > 2 and is_along(value, truth))
        if not late and self._spoils(value, truth):
            score -= 1.5
        named = float(exact == is_rename(event.place.file, event.place.line))
        kind = (
            along,
            float(factor == self.scale or (along and not (matched and self._is_carried(matched[1])))),
            0 if rank == 1 else whole,
        )
        return (score, rank, *kind, named, float(not late), order), repair

    def _spoils(self, value: Array, truth: Array) -> bool:
        """Whether what is right, up to the size of the batch, would be doubled or negated."""
        known = self.match_up_to_factor(value) if value.size > 1 and is_along(value, truth) else None
        if known is None or known[0].how == PART:
            return False
        new = known[1] * float(np.vdot(value, truth) / np.vdot(value, value))
        return self._is_carried(known[1]) and not self._is_carried(new)

    def _is_carried(self, factor: float) -> bool:
        """Whether a factor is one that a right step carries for a while: the number of samples, or one part in it."""
        return any(abs(factor / self.scale - size) < 1e-6 * size for size in self.carried)

    @cached_property
    def carried(self) -> set[float]:
        sizes = samples(self) | divided_by(self)
        return {1.0, *map(float, sizes), *(1 / size for size in sizes)}

    def _with(self, event: Event, late: bool, truth: Array) -> Mapping[int, Any]:
        node = self.tape.nodes[event.node]
        if late:
            return self.replay(late={max(event.time, node.step + 1): (node.slot, truth)})
        return self.with_value(event.node, truth)

    def with_value(self, node: int, truth: Array) -> Mapping[int, Any]:
        """A run with what was mended so far, and one more value put in."""
        if self.late or not self._can_stand(node, truth):
            return self.replay({node: truth})
        base = self.replay()
        with np.errstate(all="ignore"):
            found = self.tape.follow(base, overrides={node: truth}, held=self.overrides)
        return self.replay({node: truth}) if found is None else ChainMap(found, base)

    def _can_stand(self, node: int, truth: Array) -> bool:
        """Whether an array holds a value as it is: another kind or shape changes what calls make of it."""
        held = self.tape.nodes[node].value
        return held.shape == truth.shape and np.can_cast(truth.dtype, held.dtype, "same_kind")

    def newly(self, node: int, truth: Array, values: dict[int, Any], played: Mapping[int, Any]) -> set[int]:
        """The later values that were no gradients, and are with this repair."""
        found = set()
        for later in self._later(node):
            before, after = np.asarray(values[later]), np.asarray(played[later])
            if after.shape == before.shape and np.array_equal(before, after):
                continue
            if self.match_up_to_factor(before) is None and not close(after, truth) and self.match_up_to_factor(after):
                found.add(later)
        return found

    def _later(self, node: int) -> Iterator[int]:
        seen = set()
        for event in self.events:
            if event.node > node and event.node not in seen and event.node not in self.forward:
                seen.add(event.node)
                yield event.node

    # ---- which of all replacements are worth a trial -----------------------------------------------------------------

    def _screened(
        self, by_node: dict[int, list[Event]], values: dict[int, Any], wrong: list[Final]
    ) -> list[tuple[int, Entry, float]]:
        """Values with the truths that seem to mend, the most promising first."""
        counts: dict[tuple[int, int, float], int] = {}
        entries = {node: self.table.entries(np.shape(values[node])) for node in by_node}
        stacks: dict[tuple[int, ...], Array] = {}
        for final in wrong[:6]:
            slopes = self._influence(final, list(by_node), values)
            if slopes is None:
                return self._all(by_node, entries)
            direction, gradients, later = slopes
            target = self.wanted(np.asarray(values[final.node]), final)
            if target.shape != direction.shape:
                return self._all(by_node, entries)
            missing = float(np.vdot(direction, target - values[final.node]))
            for node, gradient in (*gradients.items(), *later.items()):
                shape = np.shape(values[node])
                if not entries[node] or not np.any(gradient):
                    continue
                if shape not in stacks:
                    stacks[shape] = np.stack([entry.value.ravel() for entry in entries[node]])
                flat = gradient.ravel()
                now = float(np.vdot(flat, values[node]))
                then = self.scale * (stacks[shape] @ flat)
                room = 1e-6 * (np.abs(stacks[shape]) @ np.abs(flat) + abs(now) + abs(missing))
                for exact in np.flatnonzero(np.abs(then - now - missing) <= room):
                    key = node, int(exact), 1.0
                    counts[key] = counts.get(key, 0) + 1
                if len(flat) > 2:
                    for i, factor in self._factors(now + missing, then):
                        counts[node, i, factor] = counts.get((node, i, factor), 0) + 1
        whole = [
            (node, i, factor)
            for node in by_node
            if np.asarray(values[node]).dtype.kind in "iub" and np.size(values[node]) > 1
            for i, entry in enumerate(entries[node])
            if entry.how != PART
            for factor in self._usual_factors(values)
        ]
        counts.update(dict.fromkeys(whole[:MOST_TRIALS], 1))
        chosen = sorted(counts, key=lambda key: (-counts[key], key[2] != 1, key[0]))[:MOST_TRIALS]
        return [(node, entries[node][i], factor) for node, i, factor in chosen]

    def _usual_factors(self, values: dict[int, Any]) -> set[float]:
        """What the gradients on the way carry."""
        nodes = dict.fromkeys(event.node for event in self.events if event.node not in self.forward)
        found = (self.match_up_to_factor(np.asarray(values[node])) for node in nodes)
        return {1.0, *(match[1] / self.scale for match in found if match is not None)}

    def _factors(self, wanted: float, given: Array) -> Iterator[tuple[int, float]]:
        """The entries that would mend with one of the natural factors."""
        with np.errstate(all="ignore"):
            solved = wanted / given
        for factor in self.factors:
            for i in np.flatnonzero(np.abs(solved - factor) <= 1e-7 * factor):
                yield int(i), factor

    def _all(self, by_node: dict[int, list[Event]], entries: dict[int, list[Entry]]) -> list[tuple[int, Entry, float]]:
        """Where the backward pass itself can't be walked, or its shapes are wrong: everything, within reason."""
        found = [(node, entry, 1.0) for node in by_node for entry in entries[node] if entry.how != PART]
        return found[: 20 * MOST_TRIALS]

    def _influence(
        self, final: Final, nodes: list[int], values: dict[int, Any]
    ) -> tuple[Array, dict[int, Array], dict[int, Array]] | None:
        """A direction, and how a wrong gradient along it depends on each value that it was made from.

        Of a value with several names, also how it depends on what was read after the last of them was given.
        """
        direction = np.random.default_rng(1).standard_normal(np.shape(values[final.node]))
        run = self._walked()
        if run is None or final.node not in run.values:  # a cast to integers ends the walk
            return None
        total = np.sum(run.values[final.node] * direction)
        return direction, run.gradient(total, nodes), self._read_later(run, total, nodes)

    def _read_later(self, run: Played, total: Any, nodes: list[int]) -> dict[int, Array]:
        last: dict[int, int] = {}
        for event in self.events:
            if event.node in last or event.node in set(nodes):
                last[event.node] = max(last.get(event.node, 0), event.time)
        wanted = {n: t for n, t in last.items() if n in self.forward or sum(e.node == n for e in self.events) > 1}
        read = [
            (node, tensor)
            for node, step, tensor in run.readers
            if node in wanted and step >= wanted[node] and tensor is not None and tensor._record is not None
        ]
        found: dict[int, Array] = {}
        if read and total._record is not None:
            gradients = total.gradient(*(tensor for _, tensor in read))
            for (node, _), gradient in zip(read, gradients, strict=True):
                found[node] = found.get(node, 0.0) + gradient.numpy()
        return found

    _run: Any = None

    # ---- loops: no single turn mends a final gradient ----------------------------------------------------------------

    def _helping(self, values: dict[int, Any], wrong: list[Final]) -> Repair | None:
        """The replacement after which most of what follows is a gradient that was none."""
        events = self._suspects(wrong, values)
        first = {event.node: event for event in reversed(events)}
        named = {node for node in first if node not in self.forward}
        strange = [
            node
            for node in sorted(named)
            if node not in self.alike
            and self.match_up_to_factor(np.asarray(values[node])) is None
            and values[node].size > 1
        ]
        run = self._walked()
        if run is None:
            return None
        best: tuple[tuple[float, ...], Repair] | None = None
        tried: set[tuple[int, int]] = set()
        for node in strange[:24]:
            for other, i in self._turned(run, node, sorted(self._sources(node, named)), values):
                if (other, i) in tried or len(tried) > 2 * MOST_TRIALS:
                    continue
                tried.add((other, i))
                entry = self.table.entries(np.shape(values[other]))[i]
                truth = self.scale * entry.value
                if self._spoils(np.asarray(values[other]), truth):
                    continue
                played = self.with_value(other, truth)
                newly = len(self.newly(other, truth, values, played))
                whole = {"": 2, SAMPLE: 1}.get(entry.how, 0)
                names = [e for e in events if e.node == other]
                # a value that was handed to a function is judged by the name that it got there
                elsewhere = [e for e in names[1:] if not in_same_function(e.place, names[0].place)]
                event = next((e for e in elsewhere if is_rename(e.place.file, e.place.line)), names[0])
                along = is_along(np.asarray(values[other]), truth)
                key = (float(newly), float(along), float(whole), float(-other))
                if newly and (best is None or key > best[0]):
                    best = key, Repair(event, truth, entry.of, entry.through, 0, factor=self.scale, how=entry.how)
            if best is not None:
                break
        return best[1] if best else None

    def _sources(self, node: int, named: set[int]) -> set[int]:
        """The named values that a value was made from, without others in between."""
        found: set[int] = set()
        waiting, seen = list(self.parents[node]), set()
        while waiting:
            other = waiting.pop()
            if other in seen or other in self.forward:
                continue
            seen.add(other)
            if other in named and self.tape.nodes[other].value.size > 1:
                found.add(other)
            if other not in named or len(found) < 6:
                waiting += self.parents[other]
        return found

    def _turned(self, run: Played, node: int, sources: list[int], values: dict[int, Any]) -> Iterator[tuple[int, int]]:
        """The replacements of sources by entries of the table that seem to turn a value into a gradient."""
        goals = self.table.entries(np.shape(values[node]))
        if not goals or node not in run.values:
            return
        direction = np.random.default_rng(1).standard_normal(np.shape(values[node]))
        targets = self.scale * np.array([np.vdot(direction, goal.value) for goal in goals])
        base = float(np.vdot(direction, values[node]))
        for other, gradient in run.gradient(np.sum(run.values[node] * direction), sources).items():
            entries = self.table.entries(np.shape(values[other]))
            if not entries or not np.any(gradient) or other in self.overrides:
                continue
            now = base - float(np.vdot(gradient, values[other]))
            then = now + self.scale * (np.stack([entry.value.ravel() for entry in entries]) @ gradient.ravel())
            room = 1e-6 * (np.abs(base) + np.abs(then) + np.abs(np.vdot(np.abs(gradient), np.abs(values[other]))))
            hits = np.any(np.abs(then[:, None] - targets[None, :]) <= room[:, None], axis=1)
            for i in np.flatnonzero(hits):
                yield other, int(i)

    def _walked(self) -> Played | None:
        """The whole run on Tensors, with what was mended so far."""
        try:
            if self._run is None or self._run[0] != len(self.overrides):
                until = max(self.tape.nodes[other.node].step for other in self.finals)
                with np.errstate(all="ignore"):
                    self._run = (
                        len(self.overrides),
                        played_on_tensors(self.tape, until, overrides=self.overrides, everything=True),
                    )
        except Exception:  # a call of the backward pass that has no derivative
            return None
        run: Played = self._run[1]
        return run

    def _last(self, values: dict[int, Any], wrong: list[Final]) -> Repair | None:
        """A wrong gradient itself, where nothing before it mends it."""
        for final in wrong:
            named = [e for e in self.events if e.node == final.node]
            own = [e for e in named[1:] if is_rename(e.place.file, e.place.line)] or named[:1]
            event = own[-1] if own else Event(final.name, final.node, self._place(final.node), 0, 10**9)
            truth = self.true_of(final) * self.scale
            if final.node not in self.overrides and event.place is not None:
                return Repair(event, truth, final.parameter.node, None, 1, factor=self.scale)
        return None


def is_along(one: Array, other: Array) -> bool:
    """Whether one array is a number times another one."""
    return bool(abs(np.vdot(one, other)) > (1 - 1e-12) * np.linalg.norm(one) * np.linalg.norm(other))


def is_filled(step: Step) -> bool:
    """Whether a call only makes room, to be written to later."""
    return getattr(step.function, "__name__", "") in (
        "zeros_like",
        "ones_like",
        "empty_like",
        "full_like",
        "zeros",
        "empty",
        "full",
    )


def signature(value: Array) -> tuple[Any, ...]:
    """The same for arrays that are equal but for rounding in their last digits."""
    if value.dtype.kind not in "fiub" or not value.size:
        return value.shape, id(value)
    flat = value.ravel().astype(float)
    weights = np.cos(np.arange(1, flat.size + 1))
    with np.errstate(all="ignore"):
        total = float(flat @ weights)
    return value.shape, float(f"{total:.9e}") if np.isfinite(total) else id(value)


def is_telling(value: Array) -> bool:
    """Whether equal values are more than a coincidence."""
    return value.size >= 3 and value.dtype.kind == "f" and len(np.unique(value)) > 2
