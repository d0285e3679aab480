"""The losses that are well known, of the outputs of a run and of what may be their targets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice

import numpy as np

from tinygrad_scratch.verifier.gathering.owners import Owners
from tinygrad_scratch.verifier.gathering.told import UNNAMED, own
from tinygrad_scratch.verifier.losses.against_noise import classes_by_chance
from tinygrad_scratch.verifier.losses.met_numbers import numbers_met
from tinygrad_scratch.verifier.pairs.rewarded import drawn_in_turns
from tinygrad_scratch.verifier.pairs.update_steps import is_shrunk, literals_of
from tinygrad_scratch.verifier.reading.names import listed, without_holder
from tinygrad_scratch.verifier.reading.numbers_by_name import RATE
from tinygrad_scratch.verifier.recording.edits import is_literal, name_of
from tinygrad_scratch.verifier.recording.events import claims_gradient
from tinygrad_scratch.verifier.recording.references import Ref
from tinygrad_scratch.verifier.recording.steps import VIEWING, Array, Step, ancestors
from tinygrad_scratch.verifier.recording.tape import Tape
from tinygrad_scratch.verifier.truths.in_samples import (
    labelled,
    met_by_entries,
    met_in_turns,
    met_one_by_one,
    rooms_for,
    stacked,
    stacked_values,
)
from tinygrad_scratch.verifier.truths.losses import (
    COMPARING,
    LOSSES,
    OF_PIECES,
    Candidate,
    are_signs,
    is_plausible,
    pairs_of,
)

SHOWING = VIEWING | {"copy", "array"}
OF_DRAWS, DRAWN = "summed cross-entropy", "what was drawn"
OF_CHANCES, NOISE = "summed binary cross-entropy", "0, and of"
OF_COUNTS = "Poisson"
MOST_MEETINGS = 3
MOST_CALLS = 3  # that targets are made by where they are used
SIGNS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "power": "**"}
MOST_PAIRS = 20
Pair = tuple[int, str, Array]  # an output, and a target with its name


class WellKnown(Owners):
    """Candidates for the loss that nobody computed."""

    def _well_known(self, parameters: list[int], theirs: list[Candidate], alone: bool) -> list[Candidate]:
        """Well-known losses of the first values that depend on all parameters, and arrays from outside as targets.

        `alone` says that they compute no loss themselves.
        """
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
                of_gradient = claims_gradient(names.get(made.number, ""))
                is_part = self._is_times_a_number(made.number, names) or self._is_a_decay(made.number, names, wanted)
                outputs += [] if of_gradient or is_part else [made.number]
        made_of_all = set(outputs)
        beside = {node for step in self.tape.steps if not made_of_all.isdisjoint(step.reads) for node in step.reads}
        depending = {node for node, of in depends.items() if of}
        rooms = rooms_for(self.tape, depending)
        given = {node for node in beside if not depends.get(node)}
        labels = {node: of for node, of in self._labels(names, depending, wanted).items() if node not in rooms}
        met = [label for node, label in labels.items() if node in given]  # of single numbers, any would do
        met = met or list(self._numbers_met(made_of_all))
        parts = self.parts_of_parameters()  # these are outputs only where they meet their targets: `w - x`
        outputs = sorted((n for n in outputs[:300] if n not in parts), key=lambda node: (node not in names, node))
        fitting = (pairs_of(outputs, some[-60:], self.tape) for some in (met, list(labels.values())))
        deep = MOST_CALLS if all(candidate.name == UNNAMED for candidate in theirs) else 0
        meetings = list(self._meetings(made_of_all, labels, deep)) or list(numbers_met(self.tape, made_of_all))
        entries = met_by_entries(self.tape, made_of_all, given)
        of_entries = ((whole, names.get(target, "the targets"), self._value(target)) for whole, target in entries)
        every = chain(of_entries, meetings, *fitting)
        pairs = list(islice(every, MOST_PAIRS))
        chosen = {self.wanted_loss: LOSSES[self.wanted_loss]} if self.wanted_loss in LOSSES else LOSSES
        theirs_named = any(candidate.name != UNNAMED for candidate in theirs)
        if self.wanted_loss is None and (theirs_named or not self._in_pieces_of_lines()):
            of_signs = any(are_signs(target, self._value(node)) for node, _, target in pairs)
            by_sign = (of_signs and self._in_pieces_of_lines()) or (not theirs_named and self._in_branches())
            kept = [name for name in OF_PIECES if "hinge" in name and by_sign]
            chosen = {name: loss for name, loss in LOSSES.items() if name not in OF_PIECES or name in kept}
        noise = list(self._beside_noise(depending, names))
        beside_noise = self.all_behind(*(node for _, _, _, chances in noise for node in chances))  # no outputs alone
        found = (
            (name, Candidate(f"{name} of {names.get(node, 'the output')} and {of}", node, function, target, (), turns))
            for node, of, target, turns in [
                *(self._drawn({node for node, of in depends.items() if of >= wanted}) if self.is_weighed else ()),
                *noise,
                *self._in_turns(made_of_all, given, names),
                *(self._one_by_one(depends, wanted, names) if alone else ()),
                *((node, of, target, ()) for node, of, target in pairs),
            ]
            for name, function in chosen.items()
            if name == OF_DRAWS or not of.startswith(DRAWN)
            if (name == OF_CHANCES if of.startswith(NOISE) else node not in beside_noise)
        )
        return [
            candidate
            for name, candidate in found
            if (not self.judged_by or candidate.name == self.judged_by)
            and (self.wanted_loss or is_plausible(name, self._output(candidate), candidate.target))
            and not (name in OF_PIECES and self._is_of_its_target(candidate))
            and not self._is_off_its_target(candidate)
            and not (OF_COUNTS in name and self.wanted_loss is None and not self._is_exponential(candidate))
        ]

    def _is_exponential(self, candidate: Candidate) -> bool:
        """Whether each of an output's values is the exponential of something, as a rate is."""
        made = (self.tape.steps[self.tape.nodes[node].step] for node in candidate.turns or (candidate.node,))
        return all(name_of(step.function) == "exp" for step in made)

    def _is_of_its_target(self, candidate: Candidate) -> bool:
        """Whether an output was made of its target already, as a margin is, `y * (w @ x)`."""
        behind = ancestors(self._parents, [candidate.node], until={p.node for p in self.parameters})
        for node in self.tape.nodes if not candidate.turns else ():
            target = node.number
            while name_of((step := self.tape.steps[self.tape.nodes[target].step]).function) in SHOWING and step.reads:
                target = step.reads[0]
            if node.value is candidate.target and target in behind:
                return True
        return False

    def _is_off_its_target(self, candidate: Candidate) -> bool:
        """Whether an output is how far another one is off its target already, `y - h`: that is to be 0, and no `y`."""
        step = self.tape.steps[self.tape.nodes[candidate.node].step]
        met = step.reads if name_of(step.function) == "subtract" and not candidate.turns else ()
        return any(self._value(node) is candidate.target for node in met)

    def parts_of_parameters(self) -> set[int]:
        """The parameters, what they are changed by and to, and what is taken out of these or laid out otherwise."""
        finals = self.owners_by(lambda value, parameter: False)[0]
        parameters = {final.parameter for final in finals} or {p for p in self.parameters if p.asked}
        found = {node for _, node in self.gradients} | {parameter.node for parameter in parameters}
        found |= {change[0] for change in map(self._change_of, finals) if change is not None}
        found.update(*map(self.updated_values, parameters))
        for step in self.tape.steps:
            if name_of(step.function) in SHOWING and not found.isdisjoint(step.reads[:1]):
                found.update(step.makes)
        return found

    def _in_turns(
        self, outputs: set[int], given: set[int], names: dict[int, str]
    ) -> Iterator[tuple[int, str, Array, tuple[int, ...]]]:
        """The outputs that a loop makes of one sample a turn, the last one first, with all of their targets."""
        for turns, targets in islice(met_in_turns(self.tape, outputs, given), MOST_MEETINGS):
            name = names.get(targets[-1], "the targets")
            if not RATE.match(without_holder(name)) and not claims_gradient(names.get(turns[-1], "")):
                yield turns[-1], f"{name} in {len(turns)} turns", stacked_values(self.tape, targets), turns

    def _beside_noise(
        self, moving: set[int], names: dict[int, str]
    ) -> Iterator[tuple[int, str, Array, tuple[int, ...]]]:
        """The chances of what was seen and of noise, which are to be 1 and 0."""
        classes = classes_by_chance(self.tape, moving, self.all_behind(*(node for _, node in self.gradients)))
        if classes:
            seen = list(dict.fromkeys(names.get(node, "a chance") for node, is_seen in classes.items() if is_seen))
            noise = max(node for node, is_seen in classes.items() if not is_seen)
            target = stacked([np.full(self._value(node).shape, number) for node, number in classes.items()])
            yield noise, f"{NOISE} {listed(seen)} and 1", target, tuple(classes)

    def _drawn(self, outputs: set[int]) -> Iterator[tuple[int, str, Array, tuple[int, ...]]]:
        """The chances by which something was drawn in each turn of a loop, as actions of a policy are."""
        found = drawn_in_turns(self.tape, outputs)
        if found is not None:
            chances, rows = found
            yield chances[-1], f"{DRAWN} in {len(chances)} turns", rows, chances

    def _one_by_one(
        self, depends: dict[int, set[int]], wanted: set[int], names: dict[int, str]
    ) -> Iterator[tuple[int, str, Array, tuple[int, ...]]]:
        """The single outputs that meet their targets one by one, and those of which a class is made one less.

        Not beside a loss of theirs: then a wrong target could pass for the right one.
        """
        for turns, of, target in islice(
            labelled(self.tape, {n for n, on in depends.items() if on >= wanted}), MOST_MEETINGS
        ):
            name = "the class" if of is None else names.get(of, "the class")
            if len(turns) > 1:
                yield turns[-1], f"{name} in {len(turns)} turns", target, turns
            else:
                yield turns[0], name, target, ()
        for turns, targets in islice(met_one_by_one(self.tape, depends, wanted), MOST_MEETINGS):
            if not claims_gradient(names.get(turns[-1], "")):
                yield turns[-1], f"its target in {len(turns)} turns", np.reshape(targets, (-1,)), turns

    def _is_times_a_number(self, node: int, names: dict[int, str]) -> bool:
        """Whether a value without a name is a number times one that has one, as in `2 * y - t`: no output is."""
        step = self.tape.steps[self.tape.nodes[node].step]
        multiplied = getattr(step.function, "__name__", "") == "multiply" and len(step.reads) == 1
        return node not in names and multiplied and step.reads[0] in names and bool(literals_of(step))

    def _is_a_decay(self, node: int, names: dict[int, str], parameters: set[int]) -> bool:
        """Whether a value without a name is an array of parameters times a number, as in `lam * w`: no output is."""
        arrays = [parameter for parameter in parameters if self._value(parameter).size > 1]
        return node not in names and any(is_shrunk(self.tape, node, parameter) for parameter in arrays)

    def _labels(self, names: dict[int, str], depending: set[int], wanted: set[int]) -> dict[int, tuple[str, Array]]:
        """What may be targets, by node: what no parameter went into and has a name that is none of a rate's.

        What was made in a turn before of the parameters then has a name that is none of a target's, either.
        """
        of_outputs = {names[node] for node in depending if node in names}
        before, indices = self._made_before(names, wanted), self._indices_of(wanted)
        held = {self.tape.nodes[node].slot for node in wanted}
        found = {}
        for step in self.tape.steps:
            for node in step.makes if step.function is None or depending.isdisjoint(step.makes) else ():
                value = self._value(node)
                is_part = bool(step.reads) and self.tape.nodes[step.reads[0]].slot in held  # of turns before, too
                name = names.get(node) or ("" if is_part else name_of_view(step, names))
                is_old = node in before and name.removesuffix("[...]") in of_outputs
                is_named = name and not is_old and not RATE.match(without_holder(name))
                if node not in wanted | indices and value.dtype.kind in "fiub" and is_named:
                    found[node] = name, value
        return found

    def _indices_of(self, parameters: set[int]) -> set[int]:
        """The arrays by which entries of parameters are looked up, as words are: they are no targets."""
        held = {self.tape.nodes[node].slot for node in parameters}
        looked_up = (s for s in self.tape.steps if name_of(s.function) == "getitem" and len(s.reads) > 1)
        return {n for s in looked_up if self.tape.nodes[s.reads[0]].slot in held for n in s.reads[1:]}

    def _made_before(self, names: dict[int, str], parameters: set[int]) -> set[int]:
        """What was made of what some parameters were in a turn before; nothing where there was none."""
        made = (self.tape.steps[self.tape.nodes[node].step] for node in parameters)
        if all(step.function is None and not step.reads for step in made):
            return set()
        called = {names[node] for node in parameters if node in names}
        slots = {self.tape.nodes[node].slot for node in parameters}
        nodes = self.tape.nodes
        return self.depending_on({n.number for n in nodes if n.slot in slots or names.get(n.number) in called})

    def _meetings(self, outputs: set[int], labels: dict[int, tuple[str, Array]], deep: int) -> Iterator[Pair]:
        """The outputs that are subtracted from targets, or these from them, with what they meet there."""
        for step in self.tape.steps:
            if getattr(step.function, "__name__", "") == "subtract" and len(step.reads) == 2:
                output, target = sorted(step.reads, key=lambda node: node not in outputs)
                if output in outputs and self._value(target).size == self._value(output).size:
                    name = self._label_of(target, labels, deep)
                    if name:
                        yield output, name, self._value(target)
                        yield from self._moved_on(step, output, name, labels)

    def _label_of(self, target: int, labels: dict[int, tuple[str, Array]], deep: int) -> str:
        """What is said of targets, by what those without a name are made of: `y - mean`; empty for no targets."""
        step = self.tape.steps[self.tape.nodes[target].step]
        if target in labels:
            return labels[target][0]
        if step.function is None or not step.reads or not deep:
            return ""
        made = {self.tape.nodes[read].slot: self._label_of(read, labels, deep - 1) for read in step.reads}
        sign = SIGNS.get(name_of(step.function), "")
        if not all(made.values()) or (len(made) > 1 and not sign):
            return ""
        given = (made.get(part.slot, "") if type(part) is Ref else f"{part:g}" for part in step.arguments if sign)
        return f" {sign} ".join(given) if sign else f"{name_of(step.function)}({next(iter(made.values()))})"

    def _moved_on(self, step: Step, output: int, target: str, labels: dict[int, tuple[str, Array]]) -> Iterator[Pair]:
        """An output with its target less the number that the difference is moved by: `output - target + mean`."""
        off, value = step.makes[0], self._value(output)
        for index in self.tape.readers().get(off, ()):
            after = self.tape.steps[index]
            given = [labels[read] for read in after.reads if read in labels]
            others = [name for name, number in given if np.size(number) == 1] or [*map(str, literals_of(after))]
            if name_of(after.function) not in ("add", "subtract") or len(others) != 1:
                continue
            moved = self._value(after.makes[0])
            if moved.size == value.size:
                is_turned = name_of(after.function) == "subtract" and not takes_first(self.tape, after, off)
                at = value - moved if is_turned == (step.reads[0] != output) else value + moved
                yield output, f"{target} moved by {others[0]}", at

    def _numbers_met(self, outputs: set[int]) -> Iterator[tuple[str, Array]]:
        """The plain numbers that outputs are subtracted from, or that are subtracted from these, as targets."""
        for step in self.tape.steps:
            given = step.arguments if getattr(step.function, "__name__", "") == "subtract" else ()
            numbers = [part for part in given if is_literal(part)]
            if numbers and not outputs.isdisjoint(step.reads):
                yield f"{numbers[0]:g}", np.full(self._value(step.reads[0]).shape, float(numbers[0]))

    def _output(self, candidate: Candidate) -> Array:
        return stacked_values(self.tape, candidate.turns) if candidate.turns else self._value(candidate.node)

    def _in_pieces_of_lines(self) -> bool:
        """Whether the gradients were made with signs or comparisons, as those of hinges and absolute values are."""
        return self._are_comparing(self.all_behind(*(node for _, node in self.gradients)))

    def _in_branches(self) -> bool:
        """Whether a branch was taken by what was made of parameters before the gradients, as by `if margin < 1`."""
        last = max((node for _, node in self.gradients), default=-1)
        moving = self.depending_on({parameter.node for parameter in self.parameters})
        return self._are_comparing({node for node in self.tape.decided if node in moving and node < last})

    def _are_comparing(self, nodes: Iterable[int]) -> bool:
        steps = (self.tape.steps[self.tape.nodes[node].step] for node in nodes)
        return any(getattr(step.function, "__name__", "") in COMPARING for step in steps)


def name_of_view(step: Step, names: dict[int, str]) -> str:
    """The name of what a call takes a batch of, or lays out otherwise, where that is used; nothing of others."""
    function = name_of(step.function)
    of = names.get(step.reads[0], "") if step.reads and function in VIEWING | {"getitem"} else ""
    return f"{of}[...]" if of and function == "getitem" else of


def takes_first(tape: Tape, step: Step, node: int) -> bool:
    """Whether a value is the first thing that a call was given."""
    first = step.arguments[0]
    return type(first) is Ref and first.slot == tape.nodes[node].slot
