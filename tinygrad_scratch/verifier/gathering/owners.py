"""Whose gradient each is: which parameter, by the true gradients where names leave it open."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations, islice
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.gathering.meant_in_steps import MeantInSteps
from tinygrad_scratch.verifier.gathering.told import LOSS_AFTER_UPDATE, Gradient, own, shown
from tinygrad_scratch.verifier.pairs.gradients import is_of_another
from tinygrad_scratch.verifier.pairs.pairing import Final, best_name, paired, question
from tinygrad_scratch.verifier.pairs.update_steps import COPIES, is_plain_number
from tinygrad_scratch.verifier.reading.names import alike, is_gradient_name
from tinygrad_scratch.verifier.reading.places import Place
from tinygrad_scratch.verifier.reading.source import text_of
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.likeness import is_almost, is_multiple
from tinygrad_scratch.verifier.recording.parameters import Parameter
from tinygrad_scratch.verifier.recording.recorded import Recorded, record
from tinygrad_scratch.verifier.recording.steps import VIEWING, Array, ancestors, shows
from tinygrad_scratch.verifier.recording.tape import Tape
from tinygrad_scratch.verifier.rewriting.text import source_of
from tinygrad_scratch.verifier.truths.truth import Truth, is_transposed

MOST_PIECES = 6  # of a gradient
MOST_SUMS, MOST_SUMS_OF_NUMBERS = 5000, 100  # that are tried; of more numbers, some come out right by chance
KEEPING = VIEWING | {*COPIES, "multiply", "divide"}  # calls that leave a state a state
TINY = 1e-12  # of the largest gradient: what is less is 0


class Owners(MeantInSteps):
    """The gradients of a run, each with its parameter."""

    def pair(self, truth: Truth, close: Callable[[Any, Array], bool]) -> str | None:
        """Pair gradients with parameters, now that the true ones are known; what is said where nothing is paired."""
        cotangents, self.uphill = truth.cotangents, []

        def is_close(value: Array, parameter: Parameter) -> bool:
            return parameter.node in cotangents and close(value, cotangents[parameter.node])

        reached = [p for p in self.parameters if np.any(cotangents.get(p.node, 0))]
        told = any(p.asked for p in self.parameters) and not self.points_at_none
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

        self.finals, self.unsure = self.owners_by(is_close, reached, is_near)
        self.finals += self._stored_beside(reached, is_close) if self.given and self.finals else []
        if self.unsure and zero:
            self._pair_unreached(zero, cotangents)
        self.finals = [self._summed_with_others(f, is_close) for f in self.finals if not self._is_of_own_input(f)]
        if not self._has_an_odd_velocity(truth):
            whole, steps = self._are_right_by_rate(is_close), {f.parameter.node: f.node for f in self.finals}
            self.finals = [self._with_decay(final, truth) for final in self.finals]
            self.finals = [self._within(final, truth, is_close, whole) for final in self.finals]
            self.finals = [self._as_beside_others(final, is_close, steps) for final in self.finals]
        opponents = self._take_opponents(truth)
        self._without_rates_alone(truth)
        self._with_one_rate(truth)
        self._as_whole_changes(truth)
        self._with_the_rate_of_others(truth)
        self._turned_round(truth)
        self._as_they_step(truth)
        self._as_named(truth)
        self.finals += opponents
        self._in_pieces(reached, is_close, truth)
        if self.finals and all(f.node in self.all_behind(f.parameter.node) - {f.parameter.node} for f in self.finals):
            self.finals = []
            return LOSS_AFTER_UPDATE
        done = {id(final.parameter) for final in self.finals}
        asked = [p for p in reached if p.asked and not self._stays_rightly(p, cotangents)]
        self.lacking = self._lacking([p for p in asked if id(p) not in done])
        self.missing = [p for p in asked if id(p) not in done and not self._is_state(p)] if self.all_asked else []
        unjudged = self._changed_without_gradient() if self.finals else []
        unjudged = [p for p in unjudged if not self._stays_rightly(p, cotangents)]
        self.unclaimed = self._like_parameters([p for p in reached if id(p) not in done]) if self.points_at_none else []
        self.lacking += [p for p in unjudged if p not in self.lacking]
        self.missing += [p for p in unjudged if p not in self.missing]
        self.parameters = [p for p in self.parameters if (p.asked and self.all_asked) or id(p) in done]
        if not self.finals and not self.unsure:
            free = ", ".join(f"{p.name} {p.recorded.shape}" for p in asked or reached)
            shapes = ", ".join(
                f"{names[0] or 'unnamed'} {self.tape.nodes[node].value.shape}" for names, node in self.gradients[:8]
            )
            return (
                f"No gradient goes with a parameter. Gradients: {shapes}. Parameters: {free}. Say it with "
                f"a dict: check.gradients = {{name: gradient}}.{self.whole_numbers()}"
            )
        if not self.finals:
            return question(self.tape, self.unsure, self.missing or reached)
        return None

    def _stays_rightly(self, parameter: Parameter, cotangents: dict[int, Array]) -> bool:
        """Whether a parameter's gradient is 0 but for rounding, as where two uses cancel, and no update moves it."""
        sizes = {p.node: float(np.abs(cotangents.get(p.node, 0)).max()) for p in (*self.parameters, parameter)}
        largest = max(sizes.values())
        is_nothing = sizes[parameter.node] <= TINY * largest
        held = self._value(parameter.node)
        room = TINY * (largest + float(np.abs(held).max(initial=0.0)))
        nodes = [*self._versions(parameter), *(after for other, after in self.changed if other.node == parameter.node)]
        later = map(self._value, nodes if is_nothing else ())
        return is_nothing and all(v.shape == held.shape and np.abs(v - held).max() <= room for v in later)

    def _changed_without_gradient(self) -> list[Parameter]:
        """What the loss depends on and a turn of a loop gave another value, that is more than the forward pass made.

        What shows a part of a parameter is changed where that is, or shows a part of its new value.
        """
        assert self.loss is not None
        new = {self._made[final.node] for final in self.finals if final.node in self._made}
        done = {final.parameter.node for final in self.finals}
        forward = ancestors(self._parents, [self.loss], until=done)  # what made these is of a turn before
        steps = {self.tape.nodes[n].step for final in self.finals for n in self._versions(final.parameter)}
        changed = [(p, after) for p, after in self.changed if self.tape.nodes[after].step not in steps]
        changed = [(p, after) for p, after in changed if shown_by(self.tape, after) not in new]
        made = {p.node: self.tape.steps[self.tape.nodes[p.node].step] for p, _ in changed}
        done |= {node for node, step in made.items() if is_transposed(step) and done.issuperset(step.reads)}
        left = ((p, after) for p, after in changed if p.node in forward and p.node not in done)
        behind = ((p, ancestors(self._parents, [after], until=done) - {after}) for p, after in left)
        return [p for p, made_of in behind if p.node in made_of and self._goes_beyond(forward, made_of, p)]

    def _goes_beyond(self, forward: set[int], made_of: set[int], state: Parameter) -> bool:
        """Whether some values are more than those of the forward pass, their parts, copies and multiples.

        So is none that a line of the forward pass made once more, of other things than the state as a whole.
        """
        lines = {self._place_of(node) for node in forward} - {None}
        kept, versions = set(forward), {state.node, *self.updated_values(state)}
        for node in sorted(made_of - forward):
            step = self.tape.steps[self.tape.nodes[node].step]
            reads = {read for read in step.reads if not is_plain_number(self.tape, read)}
            again = versions.isdisjoint(reads) and self._place_of(node) in lines
            if reads and reads <= kept and (again or name_of(step.function) in KEEPING):
                kept.add(node)
        return bool(made_of - kept)

    def _is_state(self, parameter: Parameter) -> bool:
        """Whether a name was given a value of the forward pass that is no update of what it held: a state, kept."""
        after = self.after.get(parameter.name, parameter.node)
        made = after != parameter.node and after in self.depending_on({parameter.node})
        return made and not self._goes_on_from(parameter.node, after)

    def grown(self) -> Iterator[int]:
        """The gradients with which an update spread its parameter to another shape."""
        for final in self.finals:
            after = self._made.get(final.node)
            shape = self._value(final.parameter.node).shape
            if after is not None and self._value(after).shape not in (shape, (1, *shape)):
                yield final.node

    def owners_by(
        self,
        close: Callable[[Array, Parameter], bool],
        parameters: list[Parameter] | None = None,
        near: Callable[[Array, Parameter], bool] = lambda value, parameter: False,
    ) -> tuple[list[Final], list[Gradient]]:
        """By update first: what a parameter is changed by is meant as its gradient."""
        free = list(self.parameters if parameters is None else parameters)
        losses = {node for node in self._before_loss() if not self._value(node).ndim}  # some return it beside them
        left = [
            (names, node)
            for names, node in self.gradients
            if (node in self._updates or node not in losses)
            and (not self._is_of_a_value((names, node)) or any(close(self._value(node), p) for p in free))
        ]
        finals: list[Final] = []
        for gradient in list(left):
            parameter, direction = self._updates.get(gradient[1], (None, 1))
            if parameter in free and parameter is not None:
                names = [name for name in gradient[0] if name]
                best = max(names, key=lambda name: alike(name, parameter.name), default=f"the step of {parameter.name}")
                finals.append(Final(best, gradient[1], parameter, "update", direction))
                left.remove(gradient)
                free.remove(parameter)
        for gradient in list(left):
            owner = self.beside.get(gradient[0][0])
            if owner in free and owner is not None:
                finals.append(Final(best_name(gradient[0], owner), gradient[1], owner, "pair"))
                left.remove(gradient)
                free.remove(owner)
        told = any(parameter.asked for parameter in self.parameters) and not self.points_at_none
        more, unsure = paired(free, left, self.tape, close, near, told, bool(finals))
        done = {final.node for final in (*finals, *more)}
        return [*finals, *more], [gradient for gradient in unsure if gradient[1] not in done] if self.given else []

    def _stored_beside(self, reached: list[Parameter], is_close: Callable[[Any, Parameter], bool]) -> list[Final]:
        """The gradients that objects keep of what no given gradient is of.

        Nobody left them out on purpose: someone gives the one that a call handed back. What went into a given one is
        only a step on its way, unless it has the name and the shape of such a parameter: the `db` that `dW` is made of.
        A gradient from above that the loss was made with is what was handed on, and no parameter.
        """
        done = {id(final.parameter) for final in self.finals}
        given = {node for _, node in self.gradients}
        free = [p for p in reached if id(p) not in done and not is_gradient_name(p.short)]
        behind = self.all_behind(*given)
        kept = [g for g in self._stored_once() if given.isdisjoint(self.all_behind(g[1]))]
        kept = [g for g in kept if g[1] not in behind or any(self._is_called_after(g, each) for each in free)]
        self.gradients, known = kept, self.gradients
        found = self.owners_by(is_close, free)[0] if free and kept else []
        self.gradients = [*known, *(gradient for gradient in kept if gradient[1] in {final.node for final in found})]
        return found

    def _is_called_after(self, gradient: Gradient, parameter: Parameter) -> bool:
        """Whether what is stored has the name of a parameter, and its shape."""
        names, node = gradient
        has_shape = self.tape.nodes[node].value.shape == self.tape.nodes[parameter.node].value.shape
        return has_shape and any(alike(name, parameter.name) for name in names)

    def _is_of_a_value(self, gradient: Gradient) -> bool:
        """Whether what is stored is called after a value, such as an activation, and no parameter, and in no update."""
        (path, *_), node = gradient
        is_kept = path in {stored for stored, _ in self.stored} and node not in self._updates
        if not is_kept or any(alike(path, parameter.name) for parameter in self.parameters):
            return False
        short = path.rsplit(".", 1)[-1]
        return is_of_another(short, {event.short for event in self.watch.events} - {short})

    def _is_of_own_input(self, final: Final) -> bool:
        """Whether a gradient is kept by an object that calls another value so than what nobody pointed at: its own.

        So is one that is the value itself: what the loss was made with was handed on to it.
        """
        meant = {node for _, node in self.given or ()} | self._updates.keys()
        if not final.parameter.asked and final.node == final.parameter.node:
            return True
        if final.parameter.asked or final.node in meant:
            return False
        kept = (e for e in self.watch.events if e.node == final.node and e.name.startswith("self."))
        classes = [class_at(event.place) for event in kept]
        called = [e for e in (*self.watch.arguments, *self.watch.events) if e.short == final.parameter.short]
        own = [e.node for e in called if (around := class_at(e.place)) is not None and around in classes]
        return bool(own) and final.parameter.node not in own

    def _summed_with_others(self, final: Final, is_close: Callable[[Array, Parameter], bool]) -> Final:
        """What a kept gradient of an input is added up to with others, where that is used in several places."""
        meant = {node for _, node in self.given or ()} | self._updates.keys()
        whole = None if final.parameter.asked or final.node in meant else final.node
        while whole is not None and not is_close(self._value(whole), final.parameter):
            reading = (step for step in self.tape.steps if name_of(step.function) in ("add", "subtract"))
            reading = (step for step in reading if not any(map(self._is_by_differences, step.reads)))
            sums = (step.makes[0] for step in reading if whole in step.reads and final.parameter.node not in step.reads)
            whole = next((made for made in sums if self._value(made).shape == self._value(whole).shape), None)
            if whole is not None:
                final = replace(final, name=shown([*self._names("", whole), final.name]), node=whole)
        return final

    def owners_of_updated(self) -> set[int]:
        """What holds the names of parameters, where each gradient that is known stands in an update of its own."""
        made = {self._made.get(final.node) if final.by == "update" else None for final in self.finals}
        return set() if None in made else {event.owner for event in self.watch.events if event.node in made}

    def _in_pieces(self, reached: list[Parameter], is_close: Callable[[Array, Parameter], bool], truth: Truth) -> None:
        """A gradient for each use of a parameter that is used more than once, to be added up later.

        One of them may be of its transpose, as where an output layer has the weights of an embedding.
        Where the sum is wrong, they are as many as the uses, and kept in as many places of one kind.
        """
        self._pair_nothing(reached, truth)
        for parameter in [p for p in reached if p.asked]:
            final = next((f for f in self.finals if f.parameter is parameter), None)
            if final is not None and is_close(self._value(final.node), parameter):
                continue
            taken = {other.node for other in self.finals if other is not final}
            shape = parameter.recorded.shape
            whole = f"d_{parameter.name}"  # so what a layer returns for its input is called
            pieces = (g for g in self.gradients if g[0][0] != whole)
            free = [g for g in pieces if g[1] not in taken and self._value(g[1]).shape in (shape, shape[::-1])]
            mine = None if final is None else self._value(final.node)
            if mine is not None and sum(np.array_equal(mine, self._value(node)) for _, node in free) > 1:
                continue  # what is meant as the whole is a copy of one piece
            sums = (chosen for count in range(2, MOST_PIECES + 1) for chosen in combinations(free, count))
            for chosen in islice(sums, MOST_SUMS if parameter.recorded.size > 1 else MOST_SUMS_OF_NUMBERS):
                if final is not None and final.node not in {node for _, node in chosen}:
                    continue  # what is meant as the whole is none of its pieces
                if is_close(np.sum([self._laid_out(node, shape) for _, node in chosen], axis=0), parameter):
                    if not self._is_updated_by_one(parameter, chosen):
                        self._take_sum(chosen, parameter, final)
                    break
            else:
                named = (g for g in free if final is not None and unnumbered(g[0][0]) == unnumbered(final.path))
                kept = tuple(g for g in named if self._value(g[1]).shape == shape)
                tied = tuple(g for g in free if self.tied.get(g[1]) == parameter.node)
                if final is not None and tied:
                    self._take_sum((([final.name], final.node), *tied), parameter, final)
                elif 1 < len(kept) == len(truth.parts.get(parameter.node, ())):
                    self._take_sum(kept, parameter, final)

    def _is_updated_by_one(self, parameter: Parameter, pieces: tuple[Gradient, ...]) -> bool:
        """Whether a parameter was changed by one piece of its gradient alone: the others were forgotten then."""
        before = self._value(parameter.node)
        after = self._value(self.after.get(parameter.name, parameter.node))
        alike = before.shape == after.shape
        return alike and any(is_multiple(before - after, self._laid_out(node, before.shape)) for _, node in pieces)

    def _laid_out(self, node: int, shape: tuple[int, ...]) -> Array:
        """A gradient in the shape of its parameter, of which it may be one of the transpose."""
        value = self._value(node)
        return value if value.shape == shape else value.T

    def _pair_nothing(self, reached: list[Parameter], truth: Truth) -> None:
        """Gradients that are 0 with what has none, as a bias of keys that a softmax takes no notice of, by their names.

        Any of them is right for any of these, and any two are pieces of one.
        """
        sizes = {id(p): np.max(np.abs(truth.cotangents[p.node]), initial=0.0) for p in reached}
        nothing = TINY * max(sizes.values(), default=0.0)
        done = {id(final.parameter) for final in self.finals}
        for parameter in [p for p in reached if sizes[id(p)] <= nothing and id(p) not in done]:
            shape = parameter.recorded.shape
            empty = [g for g in self.unsure if self._value(g[1]).shape == shape and self._is_nothing(g[1], nothing)]
            if empty:
                best = max(empty, key=lambda gradient: max(alike(name, parameter.name) for name in gradient[0]))
                self.unsure.remove(best)
                self.finals.append(Final(shown(best[0]), best[1], parameter, "value"))

    def _is_nothing(self, node: int, bound: float) -> bool:
        return bool(np.max(np.abs(self._value(node)), initial=0.0) <= bound)

    def _take_sum(self, chosen: tuple[Gradient, ...], parameter: Parameter, final: Final | None) -> None:
        """The sum of some gradients as one."""
        pieces = (Recorded(self.tape, self._value(n), self.tape.nodes[n].slot) for _, n in chosen)
        shape = parameter.recorded.shape
        total, *others = (
            each if each.shape == shape else record(self.tape, np.transpose, (each,), {}) for each in pieces
        )
        for other in others:
            total = record(self.tape, np.add, (total, other), {})
        name = " + ".join(shown(names) for names, _ in chosen)
        self.finals = [f for f in self.finals if f is not final] + [Final(name, total.node, parameter, "value")]
        self.unsure = [gradient for gradient in self.unsure if gradient not in chosen]
        self.notes.append(f"{name} is taken as one gradient: {own(parameter.name)} is used more than once.")

    def _lacking(self, missing: list[Parameter]) -> list[Parameter]:
        """What surely is a parameter, and no other data of an object: it was given by name, or is called like one."""
        alike = self._like_parameters(missing)
        return [p for p in missing if self.all_asked and (p.name in self.named or p in alike)]

    def _like_parameters(self, others: list[Parameter]) -> list[Parameter]:
        """What is called like a parameter that has a gradient, or as weights are."""
        kinds = {final.parameter.kind for final in self.finals} | {"w", "b"}
        return [p for p in others if p.kind in kinds]

    def _pair_unreached(self, zero: list[Parameter], cotangents: dict[int, Array]) -> None:
        """Gradients of parameters that the loss does not depend on: their truth is 0."""
        more, self.unsure = paired(zero, self.unsure, self.tape)
        for final in more:
            cotangents.setdefault(final.parameter.node, np.zeros(final.parameter.recorded.shape))
        self.finals += more


def class_at(place: Place) -> ast.ClassDef | None:
    """The class that a line is in."""
    return source_of(text_of(place.file)).class_around(place.line)


def shown_by(tape: Tape, node: int) -> int:
    """What a value shows all or a part of, in the end."""
    while shows(step := tape.steps[tape.nodes[node].step]) and step.reads:
        node = step.reads[0]
    return node


def unnumbered(path: str) -> str:
    """A path without the places in lists: `layers[].grads[]`."""
    return re.sub(r"\d+", "", path)
