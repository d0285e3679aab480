"""Which values are gradients: those that were given, stored on objects, or taken off the parameters."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator

import numpy as np

from tinygrad_scratch.verifier.gathering.told import LOSS_AFTER_UPDATE, Gradient, Told, full_name, own, told_by_line
from tinygrad_scratch.verifier.pairs.gradients import Given, unjoined
from tinygrad_scratch.verifier.pairs.in_parts import parts_between
from tinygrad_scratch.verifier.pairs.new_names import renewed
from tinygrad_scratch.verifier.pairs.pairing import Final
from tinygrad_scratch.verifier.pairs.update_steps import in_update, is_grown
from tinygrad_scratch.verifier.pairs.updates import Updates, lost
from tinygrad_scratch.verifier.reading.names import is_gradient_name, is_name_of_data, is_place, listed, words
from tinygrad_scratch.verifier.reading.numbers_by_name import RATE
from tinygrad_scratch.verifier.recording.edits import PRODUCTS, name_of
from tinygrad_scratch.verifier.recording.events import Event, claims_gradient
from tinygrad_scratch.verifier.recording.parameters import Parameter
from tinygrad_scratch.verifier.recording.recorded import ARRAYS, Recorded, record
from tinygrad_scratch.verifier.truths.truth import is_transposed


def attributes_of(name: str) -> str:
    """What follows the object in a name: `top.value` of `self.top.value` and of `layers[0].top.value`."""
    found = re.search(r"(?<=\.)\w+(?:\.\w+)*$", name)
    return "" if found is None else found[0]


NUMERIC = re.compile(r"(?:^|_)num(?:_|$)|numeric|approx", re.IGNORECASE)
"""In the name of a gradient that was made by differences, to compare the one that was derived with."""


Named = tuple[dict[int, list[str]], dict[tuple[str, ...], list[Event]]]  # by value, and by how they end


class Collecting(Told):
    """The parameters and the gradients of a run."""

    def _is_its_own(self, parameter: Parameter) -> bool:
        """Whether an array from outside is no view of another one: of a view, nothing is asked for by itself."""
        return self.tape.steps[self.tape.nodes[parameter.node].step].function is None

    def _known(self, parameters: list[Parameter]) -> list[Parameter]:
        """The parameters that some call read, and other named arrays from outside that might be meant."""
        passed = {id(value) for value in self.watch.given}
        for parameter in parameters:  # data that an object keeps is called so, or given to its calls, too
            name = parameter.name.rpartition(".")[2]
            called = is_name_of_data(name) and (name != "data" or name == parameter.name)  # in `w.data` are weights
            if parameter.kept and (called or id(parameter.recorded) in passed):
                parameter.asked = False
        used = [*self.updated, *(p for p in parameters if p.recorded.is_used and self._is_its_own(p))]
        known, inputs = {p.node for p in used}, self._added_up_inputs()
        used = [parameter for parameter in used if parameter.node not in inputs]
        used = [parameter for parameter in used if not self._is_fed_back(parameter)]
        asked_nodes = {p.node for p in used if p.asked}
        stepped = {words(path) for path, _ in self.stored}
        used = [
            p
            for p in used
            if p.asked or not p.kept or words(p.name) in stepped or not self._is_compared_with(p.node, asked_nodes)
        ]
        born = not any(p.asked and type(p.array) in ARRAYS for p in parameters)  # if at all, then while recording
        later: dict[int, list[str]] = {}
        held: dict[tuple[int, str], list[int]] = {}  # what the names in targets stood for
        following = {before: node for node, (before, _) in self.tape.earlier().items()}  # what each array held next
        readers = self.tape.readers()
        for event in self.watch.events:
            later.setdefault(event.node, []).append(event.name)
            if event.owner in self.holders:
                held.setdefault((event.owner, event.name), []).append(event.node)
        for event in self.watch.events:
            node = self.tape.nodes[event.node]
            made_by = self.tape.steps[node.step]
            if node.number in known or node.value.dtype.kind not in "fc" or not node.value.size:
                continue
            given = made_by.function is None and made_by.makes == (node.number,)
            updated = born and self._is_made_and_updated(node.number, held)
            asked = updated and (given or self._is_drawn(node.number))
            is_rate = node.value.size == 1 and RATE.match(event.short)
            is_read = given and node.number in readers
            if asked or ((is_read or self._is_stepped(node.number, following.get(node.number))) and not is_rate):
                known.add(node.number)
                stand = Recorded(self.tape, node.value, node.slot)
                used.append(Parameter(full_name(event, later), stand, None, asked=asked, first=node.number))
        if any(p.asked and p.array is None for p in used):
            for number in parameters:  # these were asked for where there were no arrays
                number.asked = False
        return used

    def _tied(self, read: frozenset[int]) -> Iterator[tuple[int, int]]:
        """The gradients of transposes that are updated, too, as of an output layer's weights, which an embedding has.

        Each comes with the parameter that is shown so. Products read them; others are but a way to update that.
        """
        asked = {parameter.node for parameter in self.parameters if parameter.asked}
        multiplied = {node for step in self.tape.steps if name_of(step.function) in PRODUCTS for node in step.reads}
        shown = [step for step in self.tape.steps if is_transposed(step) and asked.issuperset(step.reads)]
        whose = {self.tape.nodes[n].slot: step.reads[0] for step in shown for n in multiplied.intersection(step.makes)}
        tied = list[Parameter]()
        for after, (before, _) in self.tape.earlier().items() if whose else ():
            node = self.tape.nodes[before]
            if node.slot in whose and before in self.tape.steps[self.tape.nodes[after].step].reads:
                tied.append(Parameter("", Recorded(self.tape, node.value, node.slot), None, first=before))
        for parameter, gradient, _ in Updates(self.tape, self._all_names()).of_all(tied, lambda parameter: [], read):
            yield gradient, whose[self.tape.nodes[parameter.node].slot]

    def _added_up_inputs(self) -> set[int]:
        """What an object has in the place of others' outputs, and of which a gradient goes on from what there was.

        It is data, of which nothing reads the gradient: to what it is added up is of no account.
        """
        made = {
            node for node in self._before_loss() if self.tape.steps[self.tape.nodes[node].step].function is not None
        }
        outputs = {attributes_of(event.name) for event in self.watch.events if event.node in made} - {""}
        held: dict[tuple[int, tuple[str, ...]], set[int]] = {}  # by object, and what its attributes say
        slots: dict[int, set[int]] = {}
        for event in self.watch.events:
            if (kept := attributes_of(event.name)) in outputs:
                held.setdefault((event.owner, words(kept)), set()).add(event.node)
            slots.setdefault(self.tape.nodes[event.node].slot, set()).add(event.owner)
        found = set[int]()
        for path, node in list(self.stored):
            slot, said = self.tape.nodes[node].slot, words(attributes_of(path))
            first = self.tape.first_of(slot)
            is_given = self.tape.steps[first.step].function is None and bool(np.any(first.value))
            key = next(((owner, said) for owner in slots.get(slot, ()) if (owner, said) in held), None)
            if key is not None and is_given and made.isdisjoint(held[key]):
                self.stored.remove((path, node))
                self.notes.append(f"{own(path)} is added up from before, and of data: it was not judged.")
                found |= held[key]
        return found

    def _is_stepped(self, node: int, later: int | None) -> bool:
        """Whether weights were drawn, and something is taken off them in place later, by whatever name."""
        step = None if later is None else self.tape.steps[self.tape.nodes[later].step]
        taken_off = step is not None and name_of(step.function) == "subtract" and node in step.reads
        return taken_off and bool(np.any(self._value(node))) and self._is_drawn(node)

    def _is_fed_back(self, parameter: Parameter) -> bool:
        """Whether an object keeps a value that begins as noughts and that forward gives another one, as a state is."""
        if not parameter.kept or np.any(self._value(parameter.node)):
            return False
        bound = (node for node in self._bound(parameter) if parameter.node in self.all_behind(node))
        renewed = sorted(self._before_loss().intersection(bound))
        return bool(renewed) and not self._is_updated_to(parameter.node, renewed[0])

    def _is_compared_with(self, node: int, parameters: set[int]) -> bool:
        """Whether data meets only outputs, as targets do: values that were made of parameters and of other data."""
        moving = self.depending_on(parameters)
        mine = self.depending_on({node}) - moving
        met = {n for step in self.tape.steps if not mine.isdisjoint(step.reads) for n in step.reads if n in moving}
        return bool(met) and all(self._is_of_other_data(n, parameters | mine) for n in met)

    def _is_of_other_data(self, node: int, known: set[int]) -> bool:
        """Whether an array from outside went into a value, beside those that are known."""
        leaves = (n for n in self.all_behind(node) - known if self._value(n).size > 1)
        return any(self.tape.steps[self.tape.nodes[n].step].function is None for n in leaves)

    def _is_updated_to(self, before: int, after: int) -> bool:
        return in_update(self.tape, self.tape.steps[self.tape.nodes[after].step], after, before) is not None

    def _is_made_and_updated(self, node: int, held: dict[tuple[int, str], list[int]]) -> bool:
        """Whether a target was given an array while recording, and another value for it later: as in a `fit`."""
        slot = self.tape.nodes[node].slot
        mine = [nodes for nodes in held.values() if node in nodes]
        return any(
            other != node and self._value(other).shape == self._value(node).shape for nodes in mine for other in nodes
        ) or bool(mine and self.tape.current[slot] != node)

    def _is_drawn(self, node: int) -> bool:
        """Whether a value was made from numbers alone: drawn, scaled, cast, and not computed from data."""
        if not self._value(node).ndim:
            return False
        return all(self._value(other).size in (1, self._value(node).size) for other in self.all_behind(node))

    def whole_numbers(self, among: Container[str] | None = None) -> str:
        """What is said of arrays that can't be parameters as they are, if told of those that are called so alone."""
        events = (
            event
            for event in self.watch.events
            if (not self.named or event.name in self.named)
            and (among is None or event.short in among)
            and self._value(event.node).dtype.kind in "iu"
            and self._value(event.node).ndim
            and self.tape.steps[self.tape.nodes[event.node].step].function is None
        )
        found: dict[int, str] = {}  # the first name of each
        for event in events:
            found.setdefault(event.node, own(event.name))
        names = list(dict.fromkeys(found.values()))
        if not names:
            return ""
        return (
            f" Whole numbers have no gradients: if {listed(names)} should have some, write "
            f"{names[0]} = {names[0]}.astype(float)."
        )

    def _gradients(self) -> list[Gradient]:
        """What may be gradients: what was given, else updates, else what is stored, else names in functions."""
        asked = [p for p in self.parameters if p.asked] or self.parameters
        if self.rate is not None:
            return self._from_steps(asked)
        made = Updates(self.tape, self._all_names())
        read = self._before_loss()
        for parameter, gradient, sign in made.of_all(asked, self._bound, read):
            self._updates.setdefault(gradient, (parameter, sign))
        if self._updates and all(self._is_sum_of_gradients(parameter) for parameter, _ in self._updates.values()):
            self.parameters = [each for each in self.parameters if not self._is_sum_of_gradients(each)]
            asked, made, self._updates = self.parameters, Updates(self.tape, self._all_names()), {}
        if made.several and not self.given:
            names = listed([p.name for p in asked if p.node in made.several])
            self._gradient_problem = (
                f"{names} got several updates here, and a loss was computed again between them, so that each is a step "
                "of its own. Let the block, or the turn of the loop, hold one of them: forward, backward, update."
            )
            return []
        self.changes, self._decays, self._made = made.changes, made.decays, made.made
        if self.given:
            self._read_pairs(asked)
            given = [(self._names(path, node), node) for path, node in self._unpacked(self.given, asked)]
            more = set(self._updates) - {node for _, node in given} if self.updates_too else set()
            held = {self.tape.nodes[node].slot for _, node in given}  # what gradients are added up in
            more = {n for n in more if self.tape.nodes[self._updates[n][0].node].slot not in held}
            return [*given, *((self._names("", node), node) for node in sorted(more))]
        named = {node for _, node in self.stored}
        kept = self._stored_once()
        self.tied = dict(self._tied(read))
        kept += [(self._names("", node), node) for node in (*self._updates, *self.tied) if node not in named]
        if not self._updates and not self.stored:
            short = {f"d{parameter.short}" for parameter in asked}
            latest: dict[tuple[int, str], Event] = {}
            for event in self.watch.events:
                if is_gradient_name(event.short) or event.short in short:
                    latest[event.owner, event.name] = event
            nodes = dict.fromkeys(event.node for event in latest.values())
            kept += [(self._names("", node), node) for node in nodes if not self._is_by_differences(node)]
        return kept or self._from_new_names(asked)

    def _is_by_differences(self, node: int) -> bool:
        """Whether a value has the name of a gradient that was made by differences, which the derived one is held to."""
        return any(map(NUMERIC.search, self._names("", node)))

    def _is_sum_of_gradients(self, parameter: Parameter) -> bool:
        """Whether an array that begins as noughts has the name of a gradient: one is added up in it."""
        others = {f"d{other.short}" for other in self.parameters}
        is_named = is_gradient_name(parameter.short) or parameter.short in others
        return is_named and not np.any(self._value(parameter.node))

    def _from_new_names(self, asked: list[Parameter]) -> list[Gradient]:
        """The gradients in new values that stand under names of their own."""
        made = Updates(self.tape, self._all_names())
        anew = renewed(self.tape, self.watch.events, asked)
        wanted = [parameter for parameter in asked if parameter.node in anew]
        for parameter, gradient, sign in made.of_all(wanted, lambda p: [anew[p.node]], self._before_loss()):
            self._updates.setdefault(gradient, (parameter, sign))
        self.changes, self._decays, self._made = made.changes, made.decays, made.made
        return [(self._names("", node), node) for node in self._updates]

    def _read_pairs(self, asked: list[Parameter]) -> None:
        """Of pairs of a parameter and its gradient, in this order or the other, the gradients, and whose each is.

        A parameter alone is none of such a pair: it may be returned in place of a gradient.
        """
        held = {self.tape.nodes[node].slot: p for p in asked for node in (p.node, *self._bound(p))}
        pairs: dict[str, list[Given]] = {}
        for path, node in self.given or ():
            pairs.setdefault(re.sub(r"[\[.][^\[.]*$", "", path), []).append((path, node))
        if any(len(pair) != 2 for pair in pairs.values()):
            return
        for first in (0, 1):
            read = [(held.get(self.tape.nodes[pair[first][1]].slot), pair[1 - first]) for pair in pairs.values()]
            whose = {path: parameter for parameter, (path, _) in read if parameter is not None}
            fits = any(p is not None and self._value(node).size == p.recorded.size for p, (_, node) in read)
            if fits and len(pairs) == len({id(parameter) for parameter in whose.values()}):
                self.beside, self.given = whose, [gradient for _, gradient in read]
                return

    def _stored_once(self) -> list[Gradient]:
        """What is stored; a path that ends in a number, as `grads[0]` does, is another name of what has one already."""
        found: list[Gradient] = []
        numbered = [is_place(path.rsplit(".", 1)[-1]) for path, _ in self.stored]
        for one, (path, node) in sorted(zip(numbered, self.stored, strict=True), key=lambda pair: pair[0]):
            known = next((names for names, other in found if one and other == node), None)
            if known is None:
                found.append((self._names(path, node), node))
            else:
                known.append(path)
        order = [node for _, node in self.stored]
        return sorted(found, key=lambda gradient: order.index(gradient[1]))

    def _take_as_read(self) -> None:
        """Each parameter as the loss read it last, where several turns of a loop have updated it.

        So is each that is updated after the loss that is wanted once more: by that step, and not by the one before.
        """
        is_given, once_more = self.loss is not None, set[int]()
        read = set() if self.forward_once else self._before_loss() or self._before_wanted()
        for parameter in self.parameters if read else ():
            node = parameter.node
            for version in sorted({*self._versions(parameter), *self._bound(parameter)} & read):
                if version > node and self._is_step(node, version) and self._is_renewed(node, version):
                    node = version if self._is_read_as_it_is(version) else node
            later = [after for after in self.updated_values(parameter) if after > node and after not in read]
            is_moved = node != parameter.node and any(self._is_updated_to(node, after) for after in later)
            if is_given or is_moved:
                parameter.first = node
                once_more |= set() if is_given else {node}
        if once_more:  # of all others, this is not the step
            self.parameters = [p for p in self.parameters if p.node in once_more or not p.asked]
            self.changed = [each for each in self.changed if each[0].node in once_more]

    def _before_wanted(self) -> frozenset[int]:
        """What a loss was computed from that was told by its line, too: one of several steps in a turn."""
        named = [e.node for e in self.watch.events if self.wanted_loss == told_by_line(e)]
        return self.all_behind(named[-1]) if named else frozenset()

    def _is_read_as_it_is(self, version: int) -> bool:
        """Whether something reads what an array holds but the lines that write to it, as those of its other entries."""
        slot = self.tape.nodes[version].slot
        made = (self.tape.steps[self.tape.nodes[node].step] for node in self.tape.versions_of(slot))
        writing = {str(step.place) for step in made if step.function is not None}
        readers = (self.tape.steps[index] for index in self.tape.readers().get(version, ()))
        return any(str(step.place) not in writing for step in readers)

    def _is_renewed(self, before: int, after: int) -> bool:
        """Whether what held a value holds another now; what a residual connection makes of an input, it does not."""
        events = [*self.watch.events, *self.watch.arguments]
        held = {(event.owner, event.name) for event in events if event.node == before}
        renewed = any((event.owner, event.name) in held for event in events if event.node == after)
        return renewed or self.tape.nodes[before].slot == self.tape.nodes[after].slot

    def _is_step(self, before: int, after: int) -> bool:
        """Whether a value is another one after an update: by what was computed from both that one and data.

        What only parameters and itself went into is what a residual connection adds.
        """
        if self.tape.nodes[before].value.shape != self.tape.nodes[after].value.shape:
            return False
        change = in_update(self.tape, self.tape.steps[self.tape.nodes[after].step], after, before)
        changes = [change[0]] if change is not None else [p.change for p in parts_between(self.tape, before, after)]
        if not changes:
            return False
        made_of = self.all_behind(*changes)
        asked = {parameter.node for parameter in self.parameters if parameter.asked}
        from_outside = (
            self.tape.steps[self.tape.nodes[node].step].function is None and self.tape.nodes[node].value.size > 1
            for node in made_of - {before} - asked
        )
        return before in made_of and any(from_outside)

    def _before_loss(self) -> frozenset[int]:
        """What the loss that was given was computed from: a new value of a parameter there is no update of it."""
        return frozenset() if self.loss is None else self.all_behind(self.loss)

    def _unpacked(self, given: list[Given], asked: list[Parameter]) -> list[Given]:
        """One flat vector as the gradients that it was put together from."""
        if len(given) != 1:
            return given
        path, node = given[0]
        value = self.tape.nodes[node].value
        parts = self.tape.parts_shown(node)
        if len(parts) > 1:
            return [(f"{path}[{i}]", part) for i, part in enumerate(parts)]
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
        """(before - after) / rate, for each parameter that changed.

        What the loss was computed from is no update, but what forward writes to: activations, or a state. Neither is
        an array of another shape, as of what is kept of each batch.
        """
        assert self.rate is not None
        read = self._before_loss() or self.all_behind(*(self._wanted[2] if self._wanted else ()))
        changed = [(p, last) for p in asked if (last := self._last(p)) != p.node]
        updated = [
            (p, last)
            for p, last in changed
            if last not in read and is_grown(self.tape, p.node, last) and self._is_read_as_it_was(p)
        ]
        if read and not any(parameter.node in read for parameter, _ in updated):
            self._gradient_problem = LOSS_AFTER_UPDATE if self._is_read_updated(asked) else None
            return []
        found: list[Gradient] = []
        for parameter, last in updated:
            gradient = lost(self.tape, parameter.node, self.tape.current[self.tape.nodes[last].slot], self.rate)
            assert gradient is not None  # of what the array holds now
            self.changes[gradient.node] = last
            self._updates[gradient.node] = (parameter, 1)
            found.append(([f"the step of {parameter.name}"], gradient.node))
        return found

    def _is_read_as_it_was(self, parameter: Parameter) -> bool:
        """Whether anything was made of a parameter before it was written to: of a buffer to be filled nothing is."""
        slot = self.tape.nodes[parameter.node].slot
        readers = (step for step in self.tape.steps if parameter.node in step.reads)
        return any(all(self.tape.nodes[node].slot != slot for node in step.makes) for step in readers)

    def _is_read_updated(self, asked: list[Parameter]) -> bool:
        """Whether the loss was computed from a parameter after an update."""
        return any(self.tape.steps[self.tape.nodes[parameter.node].step].function is not None for parameter in asked)

    def _last(self, parameter: Parameter) -> int:
        if parameter.name in self.after and self.after[parameter.name] != parameter.node:
            return self.after[parameter.name]
        bound = self._bound(parameter)
        return bound[-1] if bound else self.tape.current[self.tape.nodes[parameter.node].slot]

    def _bound(self, parameter: Parameter) -> list[int]:
        """The values that were given to the name of a parameter later, and not to that of another one.

        In a loop over all of them, one name is given to each: `for p, g in zip(parameters, gradients): p -= rate * g`.
        By a mere place in a list, as `params[0]` has, only what is as large is meant, and not a number in `losses[0]`.
        """
        found = [self.after[parameter.name]] if parameter.name in self.after else []
        found += [after for changed, after in self.changed if changed.node == parameter.node]
        wanted, others = end_of(parameter.name), {each.name for each in self.parameters} - {parameter.name}
        nodes = self.tape.nodes
        slot, size = nodes[parameter.node].slot, nodes[parameter.node].value.size
        held = {nodes[each.node].slot for each in self.parameters} - {slot}
        found += [
            event.node
            for event in self._by_last_word().get(wanted[-1:], ())
            if words(event.name)[-len(wanted) :] == wanted
            and event.name not in others
            and nodes[event.node].slot not in held
            and (nodes[event.node].value.size == size or not is_place(parameter.name))
            and not (claims_gradient(event.name) or is_of_other_case(event.name, parameter.name))
        ]
        return [node for node in dict.fromkeys(found) if node > parameter.node]

    def _by_last_word(self) -> dict[tuple[str, ...], list[Event]]:
        """The names that values got, in order, by how they end."""
        return self._named()[1]

    def _all_names(self) -> dict[int, list[str]]:
        """The names that each value got, in order."""
        return self._named()[0]

    def _named(self) -> Named:
        """Both, worked out once for the names that there are."""
        events = self.watch.events
        count, last, found = self._named_last
        if count != len(events) or last != events[-1:]:
            found = {}, {}
            for event in events:
                found[0].setdefault(event.node, []).append(event.name)
                found[1].setdefault(words(event.name)[-1:], []).append(event)
            self._named_last = len(events), events[-1:], found
        return found

    _named_last: tuple[int, list[Event], Named] = 0, [], ({}, {})

    def _versions(self, parameter: Parameter) -> list[int]:
        """All that the array of a parameter held."""
        return self.tape.versions_of(self.tape.nodes[parameter.node].slot)

    def updated_values(self, parameter: Parameter) -> set[int]:
        """What a parameter was after its first value."""
        return {node for node in (*self._bound(parameter), *self._versions(parameter)) if node > parameter.node}

    def made_by_update(self, final: Final) -> set[int]:
        """What the update that a gradient stands in made of its parameter, if that is known."""
        return {self._made[final.node]} if final.node in self._made else set()

    def without(self, nodes: set[int]) -> None:
        """Leave out some parameters, with what they were updated by."""
        left = {gradient for gradient, (parameter, _) in self._updates.items() if parameter.node in nodes}
        self._updates = {gradient: of for gradient, of in self._updates.items() if gradient not in left}
        self.parameters = [parameter for parameter in self.parameters if parameter.node not in nodes]
        self.gradients = [gradient for gradient in self.gradients if gradient[1] not in left]

    def _names(self, path: str, node: int) -> list[str]:
        here = [event.name for event in self.watch.events if event.node == node]
        shown = [event.name for event in self.watch.returned if event.node == node]
        shown += [kept for kept, stored in self.stored if stored == node]
        return list(dict.fromkeys([path, *here, *shown] if path or not here else [*here, *shown]))


def is_of_other_case(one: str, other: str) -> bool:
    """Whether two names differ in capitals alone, so that they are two.

    >>> is_of_other_case("U", "self.u"), is_of_other_case("params['W1']", "W1"), is_of_other_case("w", "weights")
    (True, False, False)
    """
    last, rest = (re.findall(r"[^.\[\]'\"(), ]+", name)[-1:] for name in (one, other))
    return last != rest and [word.lower() for word in last] == [word.lower() for word in rest]


def end_of(name: str) -> tuple[str, ...]:
    """The last word of a path; of an entry of a list, with that list's."""
    path = words(name)
    return path[-2:] if path and path[-1].isdigit() else path[-1:]
