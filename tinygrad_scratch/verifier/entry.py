"""What stands between a recorded run and the judging of it: which value is the loss, and what is whose gradient."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import combinations, islice
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.gradients import Decay, Given, Updates, factors_of, in_update, unjoined, within
from tinygrad_scratch.verifier.leaks import left
from tinygrad_scratch.verifier.likeness import close
from tinygrad_scratch.verifier.losses import (
    COMPARING,
    LOSSES,
    OF_PIECES,
    Candidate,
    Loss,
    Played,
    fit,
    is_loss_name,
    is_made_small,
    is_plausible,
    pairs_of,
    played,
)
from tinygrad_scratch.verifier.names import alike, is_gradient_name, listed, words
from tinygrad_scratch.verifier.pairing import Final, paired, question
from tinygrad_scratch.verifier.parameters import Parameter
from tinygrad_scratch.verifier.recorded import Recorded, holds_recorded, record
from tinygrad_scratch.verifier.tape import Array, Place, Tape
from tinygrad_scratch.verifier.truth import Truth
from tinygrad_scratch.verifier.watch import Event, Watch

UNNAMED = "an unnamed value"
Gradient = tuple[list[str], int]  # all names of a gradient, and its node


@dataclass(eq=False)
class Entry:
    """What a check was told, and what was found out about the rest."""

    tape: Tape
    watch: Watch
    loss: int | None = None
    loss_name: str = ""
    wanted_loss: str | None = None  # a variable or a known loss, by name
    holders: set[int] = field(default_factory=set)  # the targets, by id
    named: set[str] = field(default_factory=set)  # arrays that were given to the check by name
    all_asked: bool = True  # whether every parameter that was pointed at should have a gradient
    updates_too: bool = False  # gradients are in updates of the weights, next to those that were given
    rate: float | None = None
    updated: list[Parameter] = field(default_factory=list)  # what a turn of a training loop changed
    given: list[Given] | None = None
    stored: list[Given] = field(default_factory=list)
    after: dict[str, int] = field(default_factory=dict)  # what was under the names of the parameters at the end
    parameters: list[Parameter] = field(default_factory=list)
    finals: list[Final] = field(default_factory=list)
    unsure: list[Gradient] = field(default_factory=list)
    missing: list[Parameter] = field(default_factory=list)
    lacking: list[Parameter] = field(default_factory=list)  # those of them that surely are parameters
    notes: list[str] = field(default_factory=list)
    is_well_known: bool = False  # whether the loss is one of the well-known ones: then it is one to make small
    may_assume: bool = False  # whether no loss was named and none fits
    uphill: list[Place] = field(default_factory=list)  # the updates, if all go uphill on what is to be made small
    other_loss: str = ""  # what they compute as a loss, where the gradients are those of a well-known one
    _wanted: tuple[str, Loss, list[int], Any] | None = None
    _loss_problem: str | None = None
    _gradient_problem: str | None = None
    _updates: dict[int, tuple[Parameter, int]] = field(default_factory=dict)  # node -> whose update it is in, direction
    changes: dict[int, int] = field(default_factory=dict)  # a gradient that was worked out of an update -> the change
    _decays: dict[int, Decay] = field(default_factory=dict)
    _made: dict[int, int] = field(default_factory=dict)  # a gradient in an update -> what the update made
    _parents: dict[int, set[int]] = field(default_factory=dict)

    # ---- what is told ------------------------------------------------------------------------------------------------

    def take_loss(self, value: Any) -> None:
        """A value of the block as the loss."""
        self.loss, self._loss_problem = None, None
        if type(value) is Recorded:
            self.loss = value.node
            if value.size > 1:
                self.notes.append(f"check.loss has shape {value.shape}: the sum of its entries is taken as the loss.")
            return
        leak = next((leak for leak in reversed(self.tape.leaks) if self._is_of(leak.node, value)), None)
        if leak is not None:
            self.loss = leak.node
        elif value is None:
            self._loss_problem = "check.loss is None: does the function that computes the loss return it?"
        elif isinstance(value, float | int | np.ndarray | np.generic):
            self._loss_problem = (
                f"check.loss is {value!r}, which no recorded call computed. Compute it in the block, from "
                f"what forward returned."
            )
            if self.tape.leaks:
                self._loss_problem += f" {left(self.tape.leaks[-1])}: write this step with NumPy's functions."
        else:
            self._loss_problem = (
                f"check.loss is {value!r:.60}, of type {type(value).__name__}, and should be a number that the block "
                'computed, or say check.loss_is("mean squared error", output, targets).'
            )

    def _is_of(self, node: int, value: Any) -> bool:
        known = self.tape.nodes[node].value
        return (
            known.size == 1 and isinstance(value, float | np.floating) and float(known.reshape(-1)[0]) == float(value)
        )

    def take_known_loss(self, name: str, function: Loss, output: Any, target: Any) -> None:
        """A loss by name; the output may have been written to since, so all that it was is kept."""
        if type(output) in (list, tuple) and holds_recorded(output):
            output = record(self.tape, np.array, (list(output),), {})
        if type(output) is not Recorded:
            self._loss_problem = (
                f"The output given to loss_is was not recorded: {output!r}. Give what forward returned in the block."
            )
            return
        nodes = [node.number for node in self.tape.nodes if node.slot == output._slot]
        target = target._array.copy() if type(target) is Recorded else np.asarray(target)
        self._loss_problem = None
        self._wanted = (name, function, nodes, target)

    def take_gradients(self, found: list[Given], value: Any) -> None:
        """Gradients, as backward returned them."""
        self.given, self._gradient_problem = found, None
        if not found:
            if value is None:
                self._gradient_problem = (
                    "check.gradients is None: backward returned nothing. Leave it out, and the gradients "
                    "are looked for on "
                    "the objects and in the updates of the weights; or say check.gradients_in(object)."
                )
            else:
                self._gradient_problem = (
                    f"check.gradients holds no array that the block computed, but {type(value).__name__}: "
                    "give what backward returned, or say check.gradients_in(object)."
                )

    # ---- finding out -------------------------------------------------------------------------------------------------

    def resolve(self, parameters: list[Parameter]) -> str | None:
        """Find the gradients and the loss; what is said where one of them is not to be found."""
        if not self.tape.steps:
            return "No call of NumPy was recorded. Make the calls of forward and backward inside the block."
        if self._loss_problem:
            return self._loss_problem
        self._parents = parents_of(self.tape)
        self.parameters = self._known(parameters)
        if not self.parameters:
            return (
                "No parameters were found. Say where they are: verify(net), verify(params), verify(module), "
                f"or by name: verify(w=w, b=b).{self._whole_numbers()}"
            )
        self._take_as_read()
        gradients = self._gradients()
        if not gradients:
            return self._gradient_problem or (
                "No gradients were found. Set check.gradients = ... in the block, to what backward returned, or say "
                "check.gradients_in(object), or check.gradients_from_step(rate) after an update of the weights."
            )
        self.gradients = gradients
        self._parents = parents_of(self.tape)  # of what was worked out of updates, too
        if self.loss is not None:
            return None
        problem = self._find_loss()
        self.may_assume = problem is not None and self.wanted_loss is None and self._wanted is None
        return problem

    def assume(self, candidate: Candidate, parameters: list[Parameter]) -> str | None:
        """Take a loss on trial: as if nothing had been paired before."""
        self.parameters, self.finals, self.unsure, self.missing, self.uphill = list(parameters), [], [], [], []
        self.loss_name = candidate.name
        return self._put(candidate)

    def _known(self, parameters: list[Parameter]) -> list[Parameter]:
        """The parameters that some call read, and other named arrays from outside that might be meant."""
        used = [*self.updated, *(p for p in parameters if p.recorded.is_used)]
        known = {p.node for p in used}
        born = not any(p.asked and type(p.array) is np.ndarray for p in parameters)  # if at all, then while recording
        later: dict[int, list[str]] = {}
        for event in self.watch.events:
            later.setdefault(event.node, []).append(event.name)
        for event in self.watch.events:
            node = self.tape.nodes[event.node]
            made_by = self.tape.steps[node.step]
            if node.number in known or node.value.dtype.kind not in "fc" or not node.value.size:
                continue
            given = made_by.function is None and made_by.makes == (node.number,)
            asked = born and (given or self._is_drawn(node.number)) and self._is_made_and_updated(node.number)
            if given or asked:
                known.add(node.number)
                stand = Recorded(self.tape, node.value, node.slot)
                used.append(Parameter(full_name(event, later), stand, None, asked=asked, first=node.number))
        if any(p.asked and p.array is None for p in used):
            for number in parameters:  # these were asked for where there were no arrays
                number.asked = False
        return used

    def _is_made_and_updated(self, node: int) -> bool:
        """Whether a target was given an array while recording, and another value for it later: as in a `fit`."""
        slot = self.tape.nodes[node].slot
        mine = {(e.owner, e.name) for e in self.watch.events if e.node == node and e.owner in self.holders}
        return any(
            (event.owner, event.name) in mine
            and event.node != node
            and self._value(event.node).shape == self._value(node).shape
            for event in self.watch.events
        ) or bool(mine and self.tape.current[slot] != node)

    def _is_drawn(self, node: int) -> bool:
        """Whether a value was made from numbers alone: drawn, scaled, cast, and not computed from data."""
        if not self._value(node).ndim:
            return False
        return all(self._value(other).size in (1, self._value(node).size) for other in self._made_of(node))

    def _whole_numbers(self) -> str:
        """What is said of arrays that can't be parameters as they are."""
        names = dict.fromkeys(
            own(event.name)
            for event in self.watch.events
            if (not self.named or event.name in self.named)
            and self._value(event.node).dtype.kind in "iu"
            and self._value(event.node).ndim
            and self.tape.steps[self.tape.nodes[event.node].step].function is None
        )
        if not names:
            return ""
        one = next(iter(names))
        return (
            f" Whole numbers have no gradients: if {listed(list(names))} should have some, write "
            f"{one} = {one}.astype(float)."
        )

    def _gradients(self) -> list[Gradient]:
        """What may be gradients: what was given, else updates, else what is stored, else names in functions."""
        asked = [p for p in self.parameters if p.asked] or self.parameters
        if self.rate is not None:
            return self._from_steps(asked)
        made = Updates(self.tape, self._all_names())
        read = self._before_loss()
        for parameter in asked:
            found = made.of(parameter, [node for node in self._bound(parameter) if node not in read], read)
            if found is not None:
                self._updates.setdefault(found[0], (parameter, found[1]))
        self.changes, self._decays, self._made = made.changes, made.decays, made.made
        if self.given:
            given = [(self._names(path, node), node) for path, node in self._unpacked(self.given, asked)]
            more = set(self._updates) - {node for _, node in given} if self.updates_too else ()
            return [*given, *((self._names("", node), node) for node in sorted(more))]
        named = {node for _, node in self.stored}
        kept = self._stored_once()
        kept += [(self._names("", node), node) for node in self._updates if node not in named]
        if not self._updates and not self.stored:
            short = {f"d{parameter.short}" for parameter in asked}
            latest: dict[tuple[int, str], Event] = {}
            for event in self.watch.events:
                if is_gradient_name(event.short) or event.short in short:
                    latest[event.owner, event.name] = event
            nodes = dict.fromkeys(event.node for event in latest.values())
            kept += [(self._names("", node), node) for node in nodes]
        return kept

    def _stored_once(self) -> list[Gradient]:
        """What is stored; a path that ends in a number, as `grads[0]` does, is another name of what has one already."""
        found: list[Gradient] = []
        numbered = [all(w.isdigit() for w in words(path.rsplit(".", 1)[-1])) for path, _ in self.stored]
        for one, (path, node) in sorted(zip(numbered, self.stored, strict=True), key=lambda pair: pair[0]):
            known = next((names for names, other in found if one and other == node), None)
            if known is None:
                found.append((self._names(path, node), node))
            else:
                known.append(path)
        order = [node for _, node in self.stored]
        return sorted(found, key=lambda gradient: order.index(gradient[1]))

    def _take_as_read(self) -> None:
        """Each parameter as the loss read it last, where several turns of a loop have updated it."""
        read = self._before_loss()
        for parameter in self.parameters if read else ():
            node = parameter.node
            slot = self.tape.nodes[node].slot
            versions = {other.number for other in self.tape.nodes if other.slot == slot} | set(self._bound(parameter))
            for version in sorted(versions & read):
                if version > node and self._is_step(node, version):
                    node = version
            parameter.first = node

    def _is_step(self, before: int, after: int) -> bool:
        """Whether a value is another one after an update: by what was computed from both that one and data."""
        if self.tape.nodes[before].value.shape != self.tape.nodes[after].value.shape:
            return False
        change = in_update(self.tape, self.tape.steps[self.tape.nodes[after].step], after, before)
        if change is None:
            return False
        made_of = self._made_of(change[0])
        from_outside = (
            self.tape.steps[self.tape.nodes[node].step].function is None and self.tape.nodes[node].value.size > 1
            for node in made_of - {before}
        )
        return before in made_of and any(from_outside)

    def _made_of(self, *nodes: int) -> set[int]:
        """Values and all that they were computed from."""
        found: set[int] = set()
        waiting = list(nodes)
        while waiting:
            node = waiting.pop()
            if node not in found:
                found.add(node)
                waiting += self._parents.get(node, ())
        return found

    def _before_loss(self) -> set[int]:
        """What the loss that was given was computed from: a new value of a parameter there is no update of it."""
        return set() if self.loss is None else self._made_of(self.loss)

    def _unpacked(self, given: list[Given], asked: list[Parameter]) -> list[Given]:
        """One flat vector as the gradients that it was put together from."""
        if len(given) != 1:
            return given
        path, node = given[0]
        value = self.tape.nodes[node].value
        if len(asked) == 1 or any(p.recorded.size == value.size for p in asked):
            return given
        parts = unjoined(self.tape, node)
        if len(parts) > 1:
            return [(f"{path}[{i}]" if path else str(i), part) for i, part in enumerate(parts)]
        if sum(p.recorded.size for p in asked) != value.size:
            return given
        row = Recorded(self.tape, value, self.tape.nodes[node].slot)
        found, start = [], 0
        for parameter in asked:
            part = record(self.tape, np.ravel, (row,), {})[start : start + parameter.recorded.size]
            found.append((parameter.name, part.reshape(parameter.recorded.shape).node))
            start += parameter.recorded.size
        return found

    def _from_steps(self, asked: list[Parameter]) -> list[Gradient]:
        """(before - after) / rate, for each parameter that changed."""
        assert self.rate is not None
        found: list[Gradient] = []
        for parameter in asked:
            last = self._last(parameter)
            if last == parameter.node:
                continue
            before = Recorded(
                self.tape, array := self.tape.nodes[parameter.node].value.copy(), self.tape.constant(array)
            )
            now = self.tape.nodes[last]
            live = Recorded(self.tape, now.value, now.slot)
            gradient = (before - live) / self.rate
            self.changes[gradient.node] = last
            self.tape.steps[-1].place = self.tape.steps[now.step].place
            self._updates[gradient.node] = (parameter, 1)
            found.append(([f"the step of {parameter.name}"], gradient.node))
        return found

    def _last(self, parameter: Parameter) -> int:
        if parameter.name in self.after and self.after[parameter.name] != parameter.node:
            return self.after[parameter.name]
        bound = self._bound(parameter)
        return bound[-1] if bound else self.tape.current[self.tape.nodes[parameter.node].slot]

    def _bound(self, parameter: Parameter) -> list[int]:
        """The values that were given to the name of a parameter later."""
        found = [self.after[parameter.name]] if parameter.name in self.after else []
        wanted = words(parameter.name)[-1:]
        found += [
            event.node
            for event in self.watch.events
            if words(event.name)[-1:] == wanted and not is_gradient_name(event.short)
        ]
        return [node for node in dict.fromkeys(found) if node > parameter.node]

    def _all_names(self) -> dict[int, list[str]]:
        names: dict[int, list[str]] = {}
        for event in self.watch.events:
            names.setdefault(event.node, []).append(event.name)
        return names

    def _names(self, path: str, node: int) -> list[str]:
        here = [event.name for event in self.watch.events if event.node == node]
        shown = [event.name for event in self.watch.returned if event.node == node]
        return list(dict.fromkeys([path, *here, *shown] if path or not here else [*here, *shown]))

    # ---- the loss ----------------------------------------------------------------------------------------------------

    def _find_loss(self) -> str | None:
        """The loss that fits the gradients, if nobody said which it is."""
        finals = self._paired(lambda value, parameter: False)[0]
        if self._wanted is not None:
            return self._put_wanted(finals)
        mine = self._wanted_value() if self.wanted_loss else self._computed()
        if self.wanted_loss and not mine and self.wanted_loss not in LOSSES:
            return (
                f"No value called {self.wanted_loss} depends on a parameter. Name the variable that holds "
                f"the loss, or one of: {', '.join(LOSSES)}."
            )
        if not self.wanted_loss:  # a loss of weights that were updated already is one of the next turn
            after = {final.node for final in finals}
            mine = [c for c in mine if not finals or not after <= self._made_of(c.node)]
        nodes = sorted({final.parameter.node for final in finals} or {p.node for p in self.parameters})
        run = played(self.tape)
        best = self._best(run, mine, finals) if mine else None
        if self.wanted_loss and mine:
            return self._choose(*(best or (mine[0], 0, 0)), len(finals))
        if best is not None and best[1] >= max(1, len(finals)):
            return self._choose(*best, len(finals))
        known = self._best(run, self._well_known(nodes, mine), finals)
        unnamed = best is not None and not is_loss_name(best[0].name)
        if known is not None and known[1] + unnamed > (best[1] if best else 0):
            problem = self._choose(*known, len(finals))
            self._tell_of_theirs(mine, best[1] if best else 0, len(finals))
            return problem
        if best is not None:
            return self._choose(*best, len(finals))
        if self.wanted_loss:
            return (
                f"No gradient fits the {self.wanted_loss} of an output and targets of yours, so it is not clear which "
                "of them are meant. Give the value a name, loss = ..., and name that one: --loss loss."
            )
        return (
            "No loss was found. Set check.loss = ... in the block, to the value that NumPy computed, or "
            "say which it is: "
            'check.loss_is("mean squared error", output, targets).'
        )

    def _tell_of_theirs(self, mine: list[Candidate], fitting: int, count: int) -> None:
        """They compute a loss, and the gradients are those of another one: a mistake, or it is only for the log."""
        theirs = next((candidate.name for candidate in mine if candidate.name != UNNAMED), None)
        if theirs is not None:
            self.other_loss = theirs
            self.notes.append(
                f"Your {theirs} is another loss: {fitting} of {count} gradients fit it. If it is the one to judge by, "
                f"say so: check.loss = ... in a block, or --loss {theirs.removesuffix('()')} for a script."
            )

    def _wanted_value(self) -> list[Candidate]:
        """The values under the name that was given for the loss, that of a variable or of the function returning it."""
        if self.wanted_loss in LOSSES:
            return []
        reached = self._reached({p.node for p in self.parameters})
        events = [
            *((event.node, {event.name, event.short, own(event.name)}) for event in self.watch.events),
            *((event.node, {event.name, event.name.removesuffix("()")}) for event in self.watch.returned),
        ]
        nodes = [node for node, names in events if self.wanted_loss in names]
        return [Candidate(str(self.wanted_loss), node) for node in dict.fromkeys(nodes) if node in reached]

    def _put_wanted(self, finals: list[Final]) -> str | None:
        """The named loss, of the output as it was when the gradients fit best; of two, as it was first."""
        assert self._wanted is not None
        name, function, nodes, target = self._wanted
        returned = [event.node for event in self.watch.returned if event.node in nodes]
        nodes = list(dict.fromkeys([*returned[:1], *nodes[::-1]]))
        candidates = [Candidate(name, node, function, target) for node in nodes]
        best = self._best(played(self.tape), candidates, finals) if len(candidates) > 1 else None
        return self._put(best[0] if best is not None else candidates[0])

    def _best(self, run: Played, candidates: list[Candidate], finals: list[Final]) -> tuple[Candidate, int, int] | None:
        """The candidate that most gradients fit: itself, how many up to one factor, how many as they are.

        Of two that as many fit, the one that the gradient nearest to the loss fits: a mistake spoils what comes after.
        """
        found: tuple[Candidate, int, int, int, int] | None = None
        nearest = max(range(len(finals)), key=lambda i: self._first_read(finals[i].parameter.node), default=0)
        for candidate in candidates:
            true = run.gradients(candidate, [final.parameter.node for final in finals])
            if true is None:
                continue
            given = [self._meant(final, wanted) for final, wanted in zip(finals, true, strict=True)]
            same, exact, precise = fit(given, true)
            near = fit(given[nearest : nearest + 1], true[nearest : nearest + 1])[0]
            if found is None or (same, exact, near, precise) > found[1:]:
                found = candidate, same, exact, near, precise
                if precise == len(finals):
                    break
        return found[:3] if found else None

    def _meant(self, final: Final, truth: Array) -> Array:
        """The value of a gradient; of an update that does more, as with a decay, the part that fits if there is one."""
        value = self._value(final.node)
        step = self.tape.steps[self.tape.nodes[final.node].step]
        if final.by == "update" and step.reads and not is_multiple(value, truth):
            parts = (self._value(node) for node in islice(within(self.tape, final.node), 8))
            value = next((part for part in parts if part.size > 1 and is_multiple(part, truth)), value)
        return value * final.direction

    def _first_read(self, node: int) -> int:
        return next((step.index for step in self.tape.steps if node in step.reads), 0)

    def _choose(self, candidate: Candidate, same: int, exact: int, count: int) -> str | None:
        fits = exact or same
        factor = "" if exact or not same else ", up to one factor"
        if candidate.function is not None and not same:
            return (
                "No loss was found, and none of the well-known ones fits. Set check.loss = ... in the "
                "block, or say which it is: "
                'check.loss_is("mean squared error", output, targets).'
            )
        if (
            candidate.function is None
            and not self.wanted_loss
            and 2 * fits < count
            and not re.search("loss|cost|objective", candidate.name.lower())
        ):
            return (
                f"No loss was found: {candidate.name} is a number, and only {fits} of {count} gradients fit it. Set "
                "check.loss = ... in the block, to the value that NumPy computed, or say which it is: "
                'check.loss_is("mean squared error", output, targets).'
            )
        self.loss_name = candidate.name
        begin = "As the loss," if self.wanted_loss else "No loss was named:"
        self.notes.append(f"{begin} {candidate.name} is taken; {fits} of {count} gradients fit it{factor}.")
        return self._put(candidate)

    def _put(self, candidate: Candidate) -> str | None:
        """Make a candidate the loss; a known one is put on the tape right after its output."""
        if candidate.function is None:
            self.loss = candidate.node
            return None
        self.is_well_known = True
        function, target = candidate.function, candidate.target

        def loss(output: Any) -> Any:
            return function(output, target)

        loss.__name__ = candidate.name
        try:
            with np.errstate(all="ignore"):
                node, moved = self.tape.insert(self.tape.nodes[candidate.node].step, loss, (candidate.node,))
        except (ValueError, IndexError, TypeError) as error:
            shape = self.tape.nodes[candidate.node].value.shape
            return (
                f"{candidate.name} can't be computed of an output of shape {shape} and targets of shape "
                f"{np.shape(target)}: {error}. "
                "Give both to check.loss_is in the same layout, or set check.loss = ... to a value."
            )
        self._renumber(moved)
        self.loss, self.loss_name = node, self.loss_name or candidate.name
        return None

    def _renumber(self, moved: Callable[[int], int]) -> None:
        for events in (self.watch.events, self.watch.returned, self.watch.arguments):
            events[:] = [Event(e.name, moved(e.node), e.place, e.owner, e.time) for e in events]
        for parameter in self.parameters:
            parameter.first = moved(parameter.node)
        self.gradients = [(names, moved(node)) for names, node in self.gradients]
        self.changes = {moved(node): moved(change) for node, change in self.changes.items()}
        self._updates = {moved(node): value for node, value in self._updates.items()}
        self._made = {moved(node): moved(after) for node, after in self._made.items()}
        self._decays = {
            moved(node): Decay(moved(d.before), moved(d.after), moved(d.change), d.direction)
            for node, d in self._decays.items()
        }
        self._parents = parents_of(self.tape)

    def _computed(self) -> list[Candidate]:
        """The values that they computed and that may be the loss: by name first, then any number that nothing reads."""
        read = {node for step in self.tape.steps for node in step.reads}
        parameters = {p.node for p in self.parameters}
        reached = self._reached(parameters)
        named = [event for event in (*self.watch.events, *self.watch.returned) if is_loss_name(event.name)]
        named.sort(key=lambda event: not re.search("loss|cost|objective", event.short.lower()))
        nodes = [e.node for e in named if self.tape.nodes[e.node].value.size == 1]
        nodes += [node.number for node in self.tape.nodes if node.value.size == 1 and node.number not in read]
        names = {event.node: own(event.name) for event in reversed(named)}
        return [
            Candidate(names.get(node, UNNAMED), node)
            for node in dict.fromkeys(nodes)
            if node in reached and node not in parameters and self.tape.nodes[node].value.dtype.kind == "f"
        ]

    def _reached(self, parameters: set[int]) -> set[int]:
        """All values that were computed from a parameter."""
        found: set[int] = set()
        for node in self.tape.nodes:
            if node.number in parameters or not found.isdisjoint(self._parents.get(node.number, ())):
                found.add(node.number)
        return found

    def _well_known(self, parameters: list[int], theirs: list[Candidate]) -> list[Candidate]:
        """Well-known losses of the first values that depend on all parameters, and arrays from outside as targets."""
        depends: dict[int, set[int]] = {node: {node} for node in parameters}
        wanted = set(parameters)
        named = [*self.watch.events, *self.watch.arguments]  # targets may be made where they are given
        names = {event.node: own(event.name) for event in reversed(named)}
        outputs: list[int] = []
        for made in self.tape.nodes:
            mine = set(depends.get(made.number, ())).union(
                *(depends.get(p, ()) for p in self._parents.get(made.number, ()))
            )
            depends[made.number] = mine
            if mine >= wanted and made.value.dtype.kind == "f" and made.value.ndim <= 2:
                outputs.append(made.number)
        labels: list[tuple[str, Array]] = []
        for step in self.tape.steps:
            if step.function is None or not any(depends.get(node) for node in step.makes):
                for node in step.makes:
                    value = self.tape.nodes[node].value
                    picked = names.get(step.reads[0]) if getattr(step.function, "__name__", "") == "getitem" else None
                    name = names.get(node, f"{picked}[...]" if picked else "")  # a batch is picked where it is used
                    if node not in wanted and value.dtype.kind in "fiub" and name:
                        labels.append((name, value))
        outputs = sorted(outputs[:300], key=lambda node: (node not in names, node))
        pairs = list(islice(pairs_of(outputs, labels[-60:], self.tape), 20))
        chosen = {self.wanted_loss: LOSSES[self.wanted_loss]} if self.wanted_loss in LOSSES else LOSSES
        theirs_named = any(candidate.name != UNNAMED for candidate in theirs)
        if self.wanted_loss is None and (theirs_named or not self._in_pieces_of_lines()):
            chosen = {name: loss for name, loss in LOSSES.items() if name not in OF_PIECES}
        return [
            Candidate(f"{name} of {names.get(node, 'the output')} and {target_name}", node, function, target)
            for node, target_name, target in pairs
            for name, function in chosen.items()
            if self.wanted_loss or is_plausible(name, self._value(node), target)
        ]

    def _in_pieces_of_lines(self) -> bool:
        """Whether the gradients were made with signs or comparisons, as those of hinges and absolute values are."""
        steps = (self.tape.steps[self.tape.nodes[node].step] for node in self._made_of(*(n for _, n in self.gradients)))
        return any(getattr(step.function, "__name__", "") in COMPARING for step in steps)

    # ---- whose gradient ----------------------------------------------------------------------------------------------

    def pair(self, truth: Truth, close: Callable[[Any, Array], bool]) -> str | None:
        """Pair gradients with parameters, now that the true ones are known; what is said where nothing is paired."""
        cotangents = truth.cotangents

        def is_close(value: Array, parameter: Parameter) -> bool:
            return parameter.node in cotangents and close(value, cotangents[parameter.node])

        reached = [p for p in self.parameters if np.any(cotangents.get(p.node, 0))]
        told = any(p.asked for p in self.parameters)
        if not reached or (told and not any(p.asked for p in reached)):
            return (
                "The loss does not depend on any parameter that was found. Were the parameters copied, "
                "or changed to plain numbers, "
                "before forward used them? Name what forward reads: verify(w=w, ...), and compute the "
                "loss in the block."
            )
        zero = [p for p in self.parameters if p.asked and p not in reached]

        def is_near(value: Array, parameter: Parameter) -> bool:
            return parameter.node in cotangents and value.size > 2 and is_almost(value, cotangents[parameter.node])

        self.finals, self.unsure = self._paired(is_close, reached, is_near)
        if self.unsure and zero:
            self._pair_unreached(zero, cotangents)
        self.finals = [self._within(self._with_decay(final, truth), is_close) for final in self.finals]
        self._with_one_rate(truth)
        self._turned_round(truth)
        self._in_pieces(reached, is_close)
        if self.finals and all(f.node in self._made_of(f.parameter.node) - {f.parameter.node} for f in self.finals):
            self.finals = []
            return (
                "The loss was computed from weights that the gradients had already updated, so these are gradients of "
                "another one. Set check.loss to the loss before the update."
            )
        done = {id(final.parameter) for final in self.finals}
        asked = [p for p in reached if p.asked]
        self.lacking = self._lacking([p for p in asked if id(p) not in done])
        self.missing = [p for p in asked if id(p) not in done] if self.all_asked else []
        self.parameters = [p for p in self.parameters if (p.asked and self.all_asked) or id(p) in done]
        if not self.finals and not self.unsure:
            free = ", ".join(f"{p.name} {p.recorded.shape}" for p in asked or reached)
            shapes = ", ".join(
                f"{names[0] or 'unnamed'} {self.tape.nodes[node].value.shape}" for names, node in self.gradients[:8]
            )
            return (
                f"No gradient goes with a parameter. Gradients: {shapes}. Parameters: {free}. Say it with "
                f"a dict: check.gradients = {{name: gradient}}.{self._whole_numbers()}"
            )
        if not self.finals:
            return question(self.tape, self.unsure, self.missing or reached)
        return None

    def _paired(
        self,
        close: Callable[[Array, Parameter], bool],
        parameters: list[Parameter] | None = None,
        near: Callable[[Array, Parameter], bool] = lambda value, parameter: False,
    ) -> tuple[list[Final], list[Gradient]]:
        """By update first: what a parameter is changed by is meant as its gradient."""
        free = list(self.parameters if parameters is None else parameters)
        left = list(self.gradients)
        finals: list[Final] = []
        for gradient in list(left):
            parameter, direction = self._updates.get(gradient[1], (None, 1))
            if parameter in free and parameter is not None:
                names = [name for name in gradient[0] if name]
                best = max(names, key=lambda name: alike(name, parameter.name), default=f"the step of {parameter.name}")
                finals.append(Final(best, gradient[1], parameter, "update", direction))
                left.remove(gradient)
                free.remove(parameter)
        told = any(parameter.asked for parameter in self.parameters)
        more, unsure = paired(free, left, self.tape, close, near, told)
        done = {final.node for final in (*finals, *more)}
        return [*finals, *more], [gradient for gradient in unsure if gradient[1] not in done] if self.given else []

    def _with_decay(self, final: Final, truth: Truth) -> Final:
        """The whole of an update that shrinks the weights, where the loss has a penalty on them."""
        decay = self._decays.get(final.node)
        weights = self._value(final.parameter.node)
        parts = truth.parts.get(final.parameter.node, ())
        if final.by != "update" or decay is None or not any(is_multiple(part, weights) for _, part in parts):
            return final
        whole = decay.whole(self.tape, final.node)
        if whole is None:
            return final
        self.changes[whole] = decay.after
        return Final(f"the step of {final.parameter.name}", whole, final.parameter, "update", final.direction)

    def _with_one_rate(self, truth: Truth) -> None:
        """The whole changes of the parameters, where these are the gradients times one number, and what is in them not.

        Of `w -= 0.1 * x.T @ d / n` and `b -= 0.1 * d.mean()` it is not clear which numbers belong to the rate.
        """
        wanted = [truth.cotangents[final.parameter.node] for final in self.finals]
        changes = [self._change_of(final) for final in self.finals]
        given = [final.direction * self._value(final.node) for final in self.finals]
        if None in changes or len(changes) < 2 or one_factor(given, wanted):
            return
        found = [change for change in changes if change is not None]
        factor = one_factor([sign * self._value(node) for node, sign in found], wanted)
        if factor and factor > 0:
            for i, (final, (node, sign)) in enumerate(zip(self.finals, found, strict=True)):
                self._made.setdefault(node, self._made[final.node])
                self.finals[i] = Final(f"the step of {final.parameter.name}", node, final.parameter, "update", sign)

    def _change_of(self, final: Final) -> tuple[int, int] | None:
        """All that an update took off a parameter, and 1; or what it added, and -1."""
        after = self._made.get(final.node) if final.by == "update" else None
        if after is None:
            return None
        return in_update(self.tape, self.tape.steps[self.tape.nodes[after].step], after, final.parameter.node)

    def _turned_round(self, truth: Truth) -> None:
        """Updates by a gradient that go the other way than most: what they take off is the negative of it.

        So do all that go uphill on what is to be made small: a well-known loss, or what they call one.
        """
        ways: dict[int, int] = {}
        for i, final in enumerate(self.finals):
            if final.by == "update" and final.node in self._made:
                ways[i] = final.direction * sign_of(self._value(final.node), truth.cotangents[final.parameter.node])
        down, up = (sum(way == sign for way in ways.values()) for sign in (1, -1))
        all_uphill = up == len(self.finals) and self._is_to_fall()
        if all_uphill:
            places = (self.tape.steps[self.tape.nodes[self._made[final.node]].step].place for final in self.finals)
            self.uphill = [place for place in places if place is not None]
        for i, way in ways.items():
            uphill = way == -1 and (down >= up if down else all_uphill)
            if way * self.finals[i].direction > 0 and (uphill or (way == 1 and up > down)):
                self.finals[i] = self._negative(self.finals[i])

    def owners_of_updated(self) -> set[int]:
        """What holds the names of parameters, where each gradient that is known stands in an update of its own."""
        made = {self._made.get(final.node) if final.by == "update" else None for final in self.finals}
        return set() if None in made else {event.owner for event in self.watch.events if event.node in made}

    def _is_to_fall(self) -> bool:
        events = (event for event in (*self.watch.events, *self.watch.returned) if event.node == self.loss)
        return self.is_well_known or any(is_made_small(event.name) for event in events)

    def _negative(self, final: Final) -> Final:
        value = Recorded(self.tape, self._value(final.node), self.tape.nodes[final.node].slot)
        if value.node != final.node:  # written to since
            return final
        turned = record(self.tape, np.negative, (value,), {}).node
        place = self.tape.steps[self.tape.nodes[self._made[final.node]].step].place
        self.tape.steps[-1].place = None if place is None else replace(place, offset=-1)  # the whole right side
        self.changes[turned] = self._made[final.node]
        return Final(f"the step of {final.parameter.name}", turned, final.parameter, "update")

    def _within(self, final: Final, is_close: Callable[[Array, Parameter], bool]) -> Final:
        """Of an update that is no gradient, as with a decay of the weights: what is right in it, if anything is.

        What was given as a gradient, or is called one, is judged as it stands.
        """
        meant = {node for _, node in self.given or ()}
        called = any(is_gradient_name(name.rsplit(".", 1)[-1]) for name in self._all_names().get(final.node, ()))
        value = self.tape.nodes[final.node].value
        if final.by != "update" or final.node in meant or called:
            return final
        if is_close(value, final.parameter) or is_close(-value, final.parameter):
            return final
        made = Updates(self.tape, self._all_names())
        inner = next(
            (
                node
                for node in within(self.tape, final.node)
                if next(factors_of(self.tape, node, made.is_rate), None) is None
                and is_close(self._value(node), final.parameter)
                and not self._is_of_higher_degree(final.node, node)
            ),
            None,
        )
        if inner is None:
            return final
        name = next(iter(self._all_names().get(inner, ())), final.name)
        return Final(name, inner, final.parameter, "update", final.direction)

    def _is_of_higher_degree(self, step: int, gradient: int) -> bool:
        """Whether an update holds a gradient more than once as a factor, as `rate * g * g` does.

        Of what is kept, such as a decay or a velocity, the update goes up with the gradient; of a root, slower.
        """
        none, one, two = (self._played(step, gradient, size * self._value(gradient)) for size in (1e-6, 1.0, 2.0))
        return bool(np.any(np.abs(two - none) > 2.5 * np.abs(one - none) + 1e-12))

    def _played(self, node: int, given: int, value: Array) -> Array:
        with np.errstate(all="ignore"):
            return np.asarray(self.tape.replay({given: value}, until=self.tape.nodes[node].step)[node])

    def _in_pieces(self, reached: list[Parameter], is_close: Callable[[Array, Parameter], bool]) -> None:
        """A gradient for each use of a parameter that is used more than once, to be added up later."""
        for parameter in [p for p in reached if p.asked]:
            final = next((f for f in self.finals if f.parameter is parameter), None)
            if final is not None and is_close(self._value(final.node), parameter):
                continue
            taken = {other.node for other in self.finals if other is not final}
            free = [
                g for g in self.gradients if g[1] not in taken and self._value(g[1]).shape == parameter.recorded.shape
            ]
            mine = None if final is None else self._value(final.node)
            if mine is not None and sum(np.array_equal(mine, self._value(node)) for _, node in free) > 1:
                continue  # what is meant as the whole is a copy of one piece
            for chosen in (c for count in range(2, min(len(free), 6) + 1) for c in combinations(free, count)):
                if final is not None and final.node not in {node for _, node in chosen}:
                    continue  # what is meant as the whole is none of its pieces
                if is_close(np.sum([self._value(node) for _, node in chosen], axis=0), parameter):
                    self._take_sum(chosen, parameter, final)
                    break

    def _take_sum(self, chosen: tuple[Gradient, ...], parameter: Parameter, final: Final | None) -> None:
        """The sum of some gradients as one."""
        total, *others = (Recorded(self.tape, self._value(n), self.tape.nodes[n].slot) for _, n in chosen)
        for other in others:
            total = record(self.tape, np.add, (total, other), {})
        name = " + ".join(shown(names) for names, _ in chosen)
        self.finals = [f for f in self.finals if f is not final] + [Final(name, total.node, parameter, "value")]
        self.unsure = [gradient for gradient in self.unsure if gradient not in chosen]
        self.notes.append(f"{name} is taken as one gradient: {own(parameter.name)} is used more than once.")

    def _value(self, node: int) -> Array:
        return self.tape.nodes[node].value

    def _lacking(self, missing: list[Parameter]) -> list[Parameter]:
        """What surely is a parameter, and no other data of an object: it was given by name, or is called like one."""
        kinds = {final.parameter.kind for final in self.finals} | {"w", "b"}
        return [p for p in missing if self.all_asked and (p.name in self.named or p.kind in kinds)]

    def _pair_unreached(self, zero: list[Parameter], cotangents: dict[int, Array]) -> None:
        """Gradients of parameters that the loss does not depend on: their truth is 0."""
        more, self.unsure = paired(zero, self.unsure, self.tape)
        for final in more:
            cotangents.setdefault(final.parameter.node, np.zeros(final.parameter.recorded.shape))
        self.finals += more


def sign_of(value: Array, truth: Array) -> int:
    """The sign of the factor between a gradient and the true one; 0 where it is none, or what it is not known.

    Of a single number only the truth itself tells.
    """
    if value.shape != truth.shape or not is_multiple(value, truth):
        return 0
    sign = 1 if np.vdot(value, truth) > 0 else -1
    return sign if value.size > 1 or close(value, sign * truth) else 0


def one_factor(given: list[Array], wanted: list[Array]) -> float | None:
    """The number that all gradients are multiplied by; None where there is no such number."""
    factors = []
    for value, truth in zip(given, wanted, strict=True):
        if not is_multiple(value, truth):
            return None
        factors.append(float(np.vdot(truth, value) / np.vdot(truth, truth)))
    return factors[0] if np.allclose(factors, factors[0], rtol=1e-9, atol=0) else None


def is_almost(value: Array, truth: Array) -> bool:
    """Whether a gradient is the true one but for what an epsilon makes of it."""
    if value.size != truth.size:
        return False
    apart = np.abs(value.reshape(-1) - truth.reshape(-1))
    return bool(np.max(apart, initial=0.0) < 1e-3 * np.max(np.abs(truth), initial=0.0))


def is_multiple(value: Array, of: Array) -> bool:
    """Whether an array is another one times a number."""
    if value.shape != of.shape or not np.any(of):
        return False
    factor = np.vdot(value, of) / np.vdot(of, of)
    return bool(np.allclose(value, factor * of, rtol=1e-9, atol=1e-12 * np.max(np.abs(value), initial=0.0)))


def full_name(event: Event, names: dict[int, list[str]]) -> str:
    """What holds an array says more than the variable that it was in first: `self.params["W1"]`, and not `W`."""
    return own(next((name for name in names[event.node] if "[" in name or "." in name), event.name))


def shown(names: list[str]) -> str:
    """The name of a gradient that says most."""
    return next((name for name in names if name and not name.isdigit()), names[0])


def own(name: str) -> str:
    """A name without `self.`, as it is told to people."""
    return name.removeprefix("self.")


def parents_of(tape: Tape) -> dict[int, set[int]]:
    """What each value was made from: what its call read, and what its array held before."""
    found: dict[int, set[int]] = {}
    last: dict[int, int] = {}
    for step in tape.steps:
        for node in step.makes:
            slot = tape.nodes[node].slot
            found[node] = set(step.reads) | ({last[slot]} if slot in last else set())
        for node in step.makes:
            last[tape.nodes[node].slot] = node
    return found
