"""The numbers that a program computes, and which of them may be its loss."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, product
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.gathering.told import PRINTED, UNNAMED, own
from tinygrad_scratch.verifier.losses.well_known import WellKnown
from tinygrad_scratch.verifier.pairs.penalised import made_of_alone
from tinygrad_scratch.verifier.pairs.update_steps import factors_of, is_plain_number, literals_of, mixed
from tinygrad_scratch.verifier.reading.derivative_names import is_named_after
from tinygrad_scratch.verifier.reading.names import is_gradient_name
from tinygrad_scratch.verifier.reading.places import Place
from tinygrad_scratch.verifier.reading.printed import (
    lines_of_printed_losses,
    printed_as_losses,
    returned_with_gradients,
)
from tinygrad_scratch.verifier.reading.source import in_its_function, statement_at
from tinygrad_scratch.verifier.recording.edits import COMPARISONS, name_of
from tinygrad_scratch.verifier.recording.events import Event
from tinygrad_scratch.verifier.recording.likeness import factor_of
from tinygrad_scratch.verifier.recording.steps import Array, Step, ancestors, shows
from tinygrad_scratch.verifier.recording.tape import Tape
from tinygrad_scratch.verifier.truths.in_samples import copied
from tinygrad_scratch.verifier.truths.losses import Candidate, is_loss_name, is_of_losses, is_probabilities
from tinygrad_scratch.verifier.truths.stores import kept_by

NEARLY = 2e-5  # a small number that keeps an output off from 0 makes a difference, too
MOST_SUMS = 3  # calls that make what numbers are compared with
OF_A_SQUARE = 2.5  # its 2 may be left out: what is farther apart is so by the number of samples
OF_A_SHAPE = {"zeros_like", "ones_like", "empty_like", "full_like"}  # what these read is only measured
MOST_UNREAD = 100  # numbers that nothing reads: a program of mere numbers makes thousands, and one is the loss
OF_LOSS = re.compile("loss|cost|objective|nll|likelihood|elbo")
TOTAL_OR_ENERGY = re.compile(r"(?:\w*_)?(?:total|tot|energy|hamiltonian|chi2|chisq|chi_squared?)")
Meant = tuple[Candidate, list[Array]]  # a loss, and the true gradients of it


@dataclass
class Seen:
    """What depends on arrays of parameters, what is called a loss, and the names of each value."""

    moving: set[int]
    losses: set[int]
    by_node: dict[int, list[Event]]
    by_line: dict[tuple[str, Place], set[int]]  # what a line gave a name to, in all turns
    searched: set[int]  # the numbers that are compared with what the same call makes at another point
    kept: dict[int, str]  # the numbers that are written to entries of arrays, with the name if it says losses


class ComputedLosses(WellKnown):
    """Candidates for the loss among what was computed."""

    _seen_last: tuple[Any, Any, int, Seen] | None = None
    _penalised_last: tuple[Any, dict[tuple[int, ...], bool]] | None = None
    _numbers_last: tuple[Any, Array, int, Array] | None = None

    def _computed(self) -> list[Candidate]:
        """The values that they computed and that may be the loss: by name first, then any number that nothing reads."""
        rounded = {n for step in self.tape.steps if name_of(step.function) == "round" for n in step.makes}
        steps = (step for step in self.tape.steps if not (is_only_looked_at(step) or rounded.issuperset(step.makes)))
        read = rounded.union(*(step.reads for step in steps))  # what a number is rounded to shows it
        parameters = {p.node for p in self.parameters}
        reached = self.depending_on(parameters)
        events = [*self.watch.events, *self.watch.returned]
        named = [event for event in events if self.is_named_as_loss(event.name, event.node)]
        named.sort(key=lambda event: not OF_LOSS.search(event.short.lower()))
        named = last_first(named)
        nodes = [e.node for e in named if self.tape.nodes[e.node].value.size == 1]
        unread = [node.number for node in self.tape.nodes if node.value.size == 1 and node.number not in read]
        nodes += unread[-MOST_UNREAD:]
        kept = self._seen().kept
        nodes += [*kept][-MOST_UNREAD:]
        printed = dict.fromkeys(self._printed(), PRINTED) | self._of_several(named)
        nodes = [*nodes, *printed]
        names = (
            printed
            | {n: name for n, name in kept.items() if name}
            | {event.node: own(event.name) for event in reversed(named)}
        )
        versions = {parameter: self.updated_values(parameter) for parameter in self.parameters}
        updated = {*self._made.values()}.union(*(nodes for p, nodes in versions.items() if p.asked))
        made = reached - parameters - self.all_behind(*set().union(*versions.values()))  # after an update, of gradients
        found = [
            Candidate(names.get(node, UNNAMED), node)
            for node in dict.fromkeys(nodes)
            if node in reached
            and node not in parameters
            and node not in self._of_others
            and name_of(self.tape.steps[self.tape.nodes[node].step].function) not in OF_A_SHAPE
            and (node in names or node not in updated)
            and self.tape.nodes[node].value.dtype.kind == "f"
            and (names.get(node, UNNAMED) == UNNAMED or not self._is_error(names[node], node))
            and not self._is_of_gradient(node, made)
        ]
        moving = self.depending_on({p.node for p in self.parameters if p.recorded.size > 1})
        return [candidate for candidate in found if not self._is_smoothed(candidate, moving)] or found

    def _of_several(self, named: list[Event]) -> dict[int, str]:
        """The means and sums of arrays that are called losses: they are called after these."""
        arrays = {
            e.node: own(e.name) for e in named if OF_LOSS.search(e.short.lower()) and self._value(e.node).size > 1
        }
        found = [step for step in self.tape.steps if name_of(step.function) in ("mean", "sum") and step.reads]
        found = [step for step in found if step.reads[0] in arrays and self._value(step.makes[0]).size == 1]
        return {step.makes[0]: f"the {name_of(step.function)} of {arrays[step.reads[0]]}" for step in found}

    def _in_entries(self) -> dict[int, str]:
        """The numbers that are written to entries of arrays that nothing else reads: `errors[i] = sum(e ** 2)`."""
        kept = [written for written in (kept_by(self.tape, step) for step in self.tape.steps) if written]
        writing = {made for _, _, made in kept}
        read = {self._slot(n) for s in self.tape.steps if writing.isdisjoint(s.makes) for n in s.reads}
        names = {self._slot(e.node): own(e.name) for e in self.watch.events if is_of_losses(e.short)}
        numbers = ((value, self._slot(made)) for _, value, made in kept if self._value(value).size == 1)
        return {value: names.get(slot, "") for value, slot in numbers if slot not in read}

    def _slot(self, node: int) -> int:
        return self.tape.nodes[node].slot

    def _is_smoothed(self, candidate: Candidate, moving: set[int]) -> bool:
        """Whether a number is what it was under its name before, and a small part of another: it is only watched.

        So is `smooth = 0.99 * smooth + 0.01 * loss`, and what a function makes of the two, by shares that make one.
        What it was before depends on no parameter.
        """
        step = self.tape.steps[self.tape.nodes[candidate.node].step]
        kept = [read for read in step.reads if read not in moving and np.any(self._value(read))]
        taken = [self.tape.steps[self.tape.nodes[read].step] for read in step.reads if read in moving]
        if name_of(step.function) not in ("add", "subtract") or len(kept) != 1 or len(taken) != 1:
            return False
        shares = [part for part in taken[0].arguments if isinstance(part, float)]
        shares += [float(self._value(n).reshape(-1)[0]) for n in taken[0].reads if is_plain_number(self.tape, n)]
        small = name_of(taken[0].function) == "multiply" and any(abs(share) < 0.5 for share in shares)
        if not small or step.place is None:
            return False
        return goes_on(statement_at(step.place.file, step.place.line)) or bool(mixed(self.tape, candidate.node))

    def is_named_as_loss(self, name: str, node: int) -> bool:
        """Whether a name is one of losses, or of their gradients and nothing reads it: a discriminator's `d_loss`.

        So may any be that is given to a sum of losses, as `total = mix * ce + (1 - mix) * kl`, or is printed as one,
        or is called the total, or that a search along a line makes less, or that is written down among losses.
        """
        if self._value(node).size == 1 and (self._seen().kept.get(node) or self._is_result_of_loss(name, node)):
            return True
        if is_loss_name(name) or not OF_LOSS.search(name.lower()):
            may_be = self._is_sum_of_losses(node) or self._is_printed(name, node) or self._is_total(name, node)
            may_be = may_be or node in self._seen().searched
            return is_loss_name(name) or (may_be and not is_gradient_name(name))
        return not self._is_read(node)

    def _is_result_of_loss(self, name: str, node: int) -> bool:
        """Whether a function that is called a loss gives a number that name, and nothing reads it."""
        bound = (event for event in self._seen().by_node.get(node, ()) if event.name == name)
        return any(is_loss_name(event.place.function) for event in bound) and not self._is_read(node)

    def _is_read(self, node: int) -> bool:
        """Whether anything is made of a value, other than a number that shows it: `round(float(loss), 4)`."""
        readers = [self.tape.steps[index] for index in self.tape.readers().get(node, ())]
        return not all(map(is_only_shown, readers)) or any(
            self._is_read(made) for step in readers for made in step.makes
        )

    def _is_total(self, name: str, node: int) -> bool:
        """Whether a number is called the total, or an energy, and nothing reads it: it is only watched."""
        called = TOTAL_OR_ENERGY.fullmatch(own(name).removesuffix("()").lower()) is not None
        return called and self._value(node).size == 1 and node not in self.tape.readers()

    def _printed(self) -> Iterator[int]:
        """The numbers without a name that are printed as losses, as they are before they are rounded."""
        for step in self.tape.steps:
            place = step.place if step.function is not None else None
            if place is None or place.line not in lines_of_printed_losses(place.file) or is_only_shown(step):
                continue
            yield from (node for node in step.makes if self._value(node).size == 1 and not self._is_read(node))

    def _is_printed(self, name: str, node: int) -> bool:
        """Whether a number is printed as a loss."""
        if self._value(node).size != 1:
            return False
        bound = (event for event in self._seen().by_node.get(node, ()) if event.name == name)
        return any(event.short in printed_as_losses(event.place.file) for event in bound)

    def _is_sum_of_losses(self, node: int) -> bool:
        """Whether a number is a sum of what depends on parameters, and what is called a loss is one of the terms."""
        step = self.tape.steps[self.tape.nodes[node].step]
        if name_of(step.function) not in ("add", "subtract") or len(step.reads) != 2 or self._value(node).size > 1:
            return False
        seen = self._seen()
        if not seen.moving.issuperset(step.reads):
            return False
        return any(True for read in step.reads for _ in factors_of(self.tape, read, seen.losses.__contains__))

    def _is_loss_added_to(self, node: int) -> bool:
        """Whether a number is what there was before it and a value, or a share of one, that is called a loss.

        So are `total += loss` and `total += focal_loss(y, t) / batches`.
        """
        step = self.tape.steps[self.tape.nodes[node].step]
        read = step.reads if name_of(step.function) == "add" else ()
        made_by = (self.tape.steps[self.tape.nodes[each].step] for each in read)
        added = {
            *read,
            *(n for each in made_by if name_of(each.function) in ("multiply", "divide") for n in each.reads),
        }
        named = [event.short for event in (*self.watch.events, *self.watch.returned) if event.node in added]
        return any(OF_LOSS.search(name.lower()) and not is_gradient_name(name) for name in named)

    def _seen(self) -> Seen:
        """What all names are asked for, worked out once for a run as it is now."""
        parents, parameters, count, known = self._seen_last or (None, None, 0, None)
        is_other = parents is not self._parents or parameters is not self.parameters
        if known is None or is_other or count != len(self.watch.events):
            arrays = {p.node for p in self.parameters if self._value(p.node).size > 1}
            by_node: dict[int, list[Event]] = {}
            by_line: dict[tuple[str, Place], set[int]] = {}
            for event in self.watch.events:
                by_node.setdefault(event.node, []).append(event)
                by_line.setdefault((event.name, event.place), set()).add(event.node)
            losses = {node for node, events in by_node.items() if any(is_loss_name(event.name) for event in events)}
            moving, searched = self.depending_on(arrays), set(compared_along(self.tape))
            known = Seen(moving, losses, by_node, by_line, searched, self._in_entries())
            self._seen_last = self._parents, self.parameters, len(self.watch.events), known
        return known

    def _is_called_loss(self, candidate: Candidate) -> bool:
        """Whether a name says that it is a loss: an error may be a difference, of which gradients are made."""
        if not self.is_named_as_loss(candidate.name, candidate.node):
            return False
        return bool(OF_LOSS.search(candidate.name.lower())) or self._is_only_watched(candidate)

    def _is_given_with_gradient(self, candidate: Candidate) -> bool:
        """Whether a function returns a number with the gradient, as of it."""
        bound = (event for event in self.watch.events if event.node == candidate.node)
        return any((e.place.function, e.name) in returned_with_gradients(e.place.file) for e in bound)

    def _is_only_watched(self, candidate: Candidate) -> bool:
        """Whether a number is called as losses are, and no gradient was made of it: `error = y - p` is none.

        Nor was one made of what it was in another turn of a loop, as of what an equation hands on backwards in time.
        """
        made_of = self.all_behind(*(node for _, node in self.gradients))
        named = candidate.function is None and self.is_named_as_loss(candidate.name, candidate.node)
        if not named:
            return False
        seen = self._seen()
        bound = {(e.name, e.place) for e in seen.by_node.get(candidate.node, ())}
        return made_of.isdisjoint({candidate.node}.union(*(seen.by_line[each] for each in bound)))

    def _is_error(self, name: str, node: int) -> bool:
        """Whether a number is the mere difference of an output and a target, and is called no loss but an error."""
        return self._is_difference(node) and OF_LOSS.search(name.lower()) is None

    def _is_difference(self, node: int) -> bool:
        """Whether a number is the mere difference of an output and a target, which nobody makes small.

        Of two values that both depend on parameters it may well be a loss, as the `rate - y * log(rate)` of counts is,
        and so may 1 less a likeness; another plain number is a target.
        Of what goes on under its name, as `total -= np.log(p)` does, it is what is taken off.
        """
        step = self.tape.steps[self.tape.nodes[node].step]
        if step.place is not None and len(step.reads) == 2 and goes_on(statement_at(step.place.file, step.place.line)):
            step = self.tape.steps[self.tape.nodes[step.reads[1]].step]
        while getattr(step.function, "__name__", "") in ("negative", "sum", "mean", "getitem", "squeeze"):
            step = self.tape.steps[self.tape.nodes[step.reads[0]].step]
        owners = {final.parameter.node for final in self.owners_by(lambda value, parameter: False)[0]}
        moving = self.depending_on(owners or {p.node for p in self.parameters})
        has_target = not moving.issuperset(step.reads) or not {0, 1}.issuperset(literals_of(step))
        return getattr(step.function, "__name__", "") == "subtract" and has_target

    def _is_of_gradient(self, node: int, made: set[int]) -> bool:
        """Whether a number was made of what is called a gradient, and is no mere difference: `sum(abs(delta))`."""
        behind = made & self.all_behind(node) - {node}
        named = self._seen().by_node
        events = (event for each in behind for event in named.get(each, ()))
        called = {e.node for e in events if is_gradient_name(e.short) or "delta" in e.short.lower()}
        steps = (self.tape.steps[self.tape.nodes[each].step] for each in called)
        return any(getattr(step.function, "__name__", "") not in ("subtract", "negative", "") for step in steps)

    def _is_made_with_slopes(self, theirs: Candidate) -> bool:
        """Whether a function that is called a loss makes one, and slopes that all gradients are made of."""
        given = (event.place for event in self._seen().by_node.get(theirs.node, ()))
        places = [place for place in given if is_loss_name(place.function)]
        ends = [{node} | self.all_behind(node) for _, node in self.gradients]
        made = [*self.watch.events, *self.watch.returned] if places and ends else []
        forward = self.all_behind(theirs.node)
        slopes = {e.node for e in made if any(in_its_function(e.place, place) for place in places)} - forward
        return bool(slopes) and all(not slopes.isdisjoint(behind) for behind in ends)

    def _is_computed(self, candidate: Candidate) -> bool:
        """Whether a number that they computed is a loss."""
        if candidate.function is None:
            return True
        try:
            with np.errstate(all="ignore"):
                value = float(candidate.function(self._output(candidate), candidate.target))
        except (ValueError, IndexError, TypeError):  # these targets are no targets of that output
            return False
        return bool(np.any(np.isclose(self._single_numbers(), value, rtol=NEARLY, atol=0)))

    def _single_numbers(self) -> Array:
        """The single numbers that were computed, gathered once for a run as it is now."""
        nodes = self.tape.nodes
        key = self._parents, nodes[0].value, len(nodes)
        known = self._numbers_last
        if known is None or known[0] is not key[0] or known[1] is not key[1] or known[2] != key[2]:
            numbers = (n for n in nodes if n.value.size == 1 and n.value.dtype.kind == "f")
            found = np.array([n.value.item() for n in numbers if self.tape.steps[n.step].function is not None], float)
            self._numbers_last = known = (*key, found)
        return known[3]

    def _is_slip(self, fitting: Candidate, other: Candidate) -> bool:
        """Whether they compute another loss of an output, and gradients are those of the one that fits by a mistake.

        It is of other targets, but for smoothed ones of classes, or, where gradients hold penalties, a mean and not the
        sum: no rate makes up for that.
        Or it is a squared error, and what gradients were made of is its slope, `2 * (output - target)`: the slope of
        the output is missing then, and a cross-entropy fits by chance.
        """
        if other.node != fitting.node or (other.function is fitting.function) == (other.target is fitting.target):
            return False
        target = np.asarray(fitting.target)
        if "cross-entropy" in fitting.name and is_probabilities(target) and not {*np.unique(target)} <= {0, 1}:
            return False
        if "squared error" in other.name and self._is_derived_from_square(other):
            return self._is_computed(other)
        penalised = bool(self._penalty) and self.other_node is not None and self.has_penalty(self.other_node)
        return (other.function is fitting.function or penalised) and self._is_computed(other)

    def _is_of_another_entry(self, fitting: Candidate, theirs: Candidate) -> bool:
        """Whether gradients are those of an entry of an output, and a loss that they compute is of another: `p[label]`.

        One of the two is looked up by a mistake.
        """
        mine = entry_of(self.tape, fitting.node) if fitting.function is not None and not fitting.turns else None
        if mine is None:
            return False
        entries = filter(None, (entry_of(self.tape, node) for node in self.all_behind(theirs.node)))
        others = {place for of, place in entries if of == mine[0]}
        return bool(others) and mine[1] not in others

    def _is_derived_from(self, theirs: Candidate, fitting: Candidate) -> bool:
        """Whether gradients are meant as those of a loss that they compute, whichever they are those of.

        It has the penalty of which they hold the gradient, or they were made by a function that is called after the
        derivative of one by which the loss was made: `huber_derivative`. Or what is called a loss is made by a function
        that is called so, too, and they were made in that, or in one that stands in it.
        """
        if self._penalty and self.has_penalty(theirs.node):
            return True
        if self._is_made_with_slopes(theirs):
            return True
        loss = self.all_behind(theirs.node) | {theirs.node}
        outputs = self.all_behind(*fitting.outputs) | {*fitting.outputs}  # those of all turns
        behind = self.all_behind(*(node for _, node in self.gradients))
        functions = {event.name for event in self.watch.returned if event.node in loss - outputs}
        slopes = {event.name for event in self.watch.returned if event.node in behind}
        return any(is_named_after(slope, function) for slope in slopes for function in functions)

    def _is_derived_from_square(self, candidate: Candidate) -> bool:
        """Whether gradients were made of an output less something, times the number 2."""
        behind = self.all_behind(*(node for _, node in self.gradients))
        steps = [self.tape.steps[self.tape.nodes[node].step] for node in behind]
        less = {n for s in steps if name_of(s.function) == "subtract" and candidate.node in s.reads for n in s.makes}
        twice = (step for step in steps if name_of(step.function) == "multiply" and not less.isdisjoint(step.reads))
        return any(2 in map(abs, literals_of(step)) for step in twice)

    def has_penalty(self, loss: int) -> bool:
        """Whether a loss was computed from a number that only parameters went into; it is asked for each usual loss."""
        if self._penalised_last is None or self._penalised_last[0] is not self._parents:
            self._penalised_last = self._parents, {}
        key, known = (loss, *(parameter.node for parameter in self.parameters)), self._penalised_last[1]
        if key not in known:
            known[key] = self._has_number_of_parameters(loss)
        return known[key]

    def _has_number_of_parameters(self, loss: int) -> bool:
        held = {parameter.node for parameter in self.parameters}  # a bias may be a number
        numbers = {n for n in ancestors(self._parents, [loss]) - held if not self._value(n).ndim}
        return any(numbers & made_of_alone(self.tape, self._parents, [p.node]) for p in self.parameters)

    def _whole_of(self, watched: list[Candidate]) -> Candidate | None:
        """Of the losses that they compute, the first that most of the others went into."""
        nodes = {candidate.node for candidate in watched}
        return max(watched, key=lambda candidate: len(nodes & self.all_behind(candidate.node)), default=None)

    def _is_likelier(self, one: Meant, other: Meant) -> bool | None:
        """Whether a loss is likelier than another one that as many gradients fit; None where nothing tells.

        It is where they compute it, or the other one, or its output, goes into it, or it is a mean, or a squared error:
        a mean and a slope are forgotten, and not made up.
        """
        nodes = [candidate.node for candidate, _ in (one, other)]
        alike = (one[0].function is None) == (other[0].function is None)
        if alike and len({*nodes}) == 2:  # the whole sooner than a part of it
            parts = [nodes[1 - i] in self.all_behind(node) for i, node in enumerate(nodes)]
            if any(parts) or one[0].function is None:
                return parts[0] if any(parts) else None
        computed = [self._is_computed(candidate) for candidate, _ in (one, other)]
        squared, entropy = (
            [word in candidate.name for candidate, _ in (one, other)] for word in ("squared error", "cross-entropy")
        )
        ratio = one_factor(one[1], other[1])
        if computed[0] != computed[1]:
            return computed[0]
        if squared == entropy[::-1] and squared[0] != squared[1]:  # the slope of the output is in some gradient
            return squared[0]
        of_samples = ratio is not None and max(ratio, 1 / ratio) > OF_A_SQUARE
        return ratio < 1 if ratio is not None and of_samples else None


def is_only_shown(step: Step) -> bool:
    """Whether a call only shows a value, if with fewer digits."""
    return shows(step) or name_of(step.function) == "round"


def is_only_looked_at(step: Step) -> bool:
    """Whether a call measures an array, or compares a number with what it was before: `if loss > last_loss`.

    What is compared with a number that is written there, as a margin is with 1, is no loss.
    """
    before = name_of(step.function) in COMPARISONS and not any(map(np.isfinite, literals_of(step)))
    return before or name_of(step.function) in OF_A_SHAPE


def compared_along(tape: Tape) -> Iterator[int]:
    """The numbers that are compared with what the same call made elsewhere, be it less a share of a step.

    So does `while f(w - t * g) > f(w) - c * t * (g @ g)` with what `f` gives, whatever that is called.
    """
    for step in tape.steps:
        if name_of(step.function) not in COMPARISONS or len(step.reads) != 2:
            continue
        sides = [terms_in(tape, read, MOST_SUMS) for read in step.reads]
        for one, other in product(*sides):
            places = {tape.steps[tape.nodes[node].step].place for node in (one, other)}
            if one != other and len(places) == 1 and None not in places:
                yield from (one, other)


def terms_in(tape: Tape, node: int, deep: int) -> list[int]:
    """A number, and those that it is a sum or a difference of, so many calls deep."""
    step = tape.steps[tape.nodes[node].step]
    reads = step.reads if deep and name_of(step.function) in ("add", "subtract") else ()
    inner = (terms_in(tape, read, deep - 1) for read in reads if tape.nodes[read].value.size == 1)
    return [node, *chain.from_iterable(inner)]


def goes_on(statement: str) -> bool:
    """Whether a statement gives a name another value by the one that it has.

    >>> goes_on("loss = 0.1 * l + 0.9 * loss"), goes_on("smooth -= 0.1 * (smooth - l)"), goes_on("loss = 0.1 * l")
    (True, True, False)
    """
    target, _, rest = statement.partition("=")
    name = target.strip("+-*/ ")
    return name != target.strip() or re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", rest) is not None


def one_factor(given: list[Array], wanted: list[Array]) -> float | None:
    """The number that all gradients are multiplied by; None where there is no such number."""
    factors = [factor_of(value, truth) for value, truth in zip(given, wanted, strict=True)]
    found = [factor for factor in factors if factor is not None]
    return found[0] if found == factors and np.allclose(found, found[0], rtol=1e-6, atol=0) else None


def last_first(named: list[Event]) -> list[Event]:
    """The values of each name with the last one first: a loss is often put together under one, its penalty last.

    So is one of layers that each keep a loss of their own, as `self.loss`.
    """
    by_name: dict[str, list[Event]] = {}
    for event in named:
        by_name.setdefault(own(event.name), []).append(event)
    return [e for events in by_name.values() for e in sorted(events, key=lambda event: -event.node)]


def entry_of(tape: Tape, node: int) -> tuple[int, int] | None:
    """The row of numbers that a number was taken out of, or what that is a copy of, and its place; None of others."""
    step = tape.steps[tape.nodes[node].step]
    if name_of(step.function) != "getitem" or len(step.reads) != 1 or type(step.arguments[1]) is not int:
        return None
    row = tape.nodes[step.reads[0]].value
    return (copied(tape, step.reads[0]), step.arguments[1] % row.size) if row.ndim == 1 else None
