"""Values that were changed before they were used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations

import numpy as np

from tinygrad_scratch.verifier.cases.extent import node_at
from tinygrad_scratch.verifier.cases.valued import parameter_of
from tinygrad_scratch.verifier.causes.region import Finding, Region
from tinygrad_scratch.verifier.reading.places import Place
from tinygrad_scratch.verifier.reading.source import in_same_function, is_rename, right_side, statement_at
from tinygrad_scratch.verifier.recording.edits import Edit, WithArgument, name_of, only, places_of
from tinygrad_scratch.verifier.recording.likeness import is_along
from tinygrad_scratch.verifier.recording.steps import Step, ancestors

BY_SIGN = "add", "subtract"
ADDED = "is added to what it held before"
NOT_SET_BACK = "set it to 0 before the first turn that adds to it"
TOO_EARLY = "the gradient needs its value from the forward pass. Update it after its last use"


def updated_too_early(region: Region) -> Iterator[Finding]:
    """A parameter is given another value, and what it was is needed in more lines than one."""
    for step, _ in region.sites():
        for place, _ in places_of(step) if name_of(step.function) in ("add", "subtract") else ():
            node = node_at(region, step, place)
            changes = {step.index: only(place)}
            if node is None or not updates_parameter(region, step, node) or is_read_in_one_line(region, step):
                continue  # that one line is told, where only one is
            if region.gives_truth(changes):
                name = region.name(node)
                said = f"{name} is updated before its last use: what comes after needs its value from the forward pass"
                yield Finding("stale-or-updated-weights", said, step, None, changes)


def is_read_in_one_line(region: Region, update: Step) -> bool:
    """Whether what an update makes is read in one line alone, of the same function."""
    tape = region.case.tape
    readers = (tape.steps[index] for node in update.makes for index in tape.readers().get(node, ()))
    places = {step.place for step in readers if step.place not in (None, update.place)}  # its next turn goes on with it
    one = next(iter(places)) if len(places) == 1 else None
    return one is not None and update.place is not None and in_same_function(one, update.place)


def each_updated(region: Region) -> Iterator[Finding]:
    """Numbers that are parameters, one by one, as those of a neuron, read in a loop after the updates of them all."""
    tape = region.case.tape
    for step, turns in region.sites():
        changes: dict[int, Edit] = {}
        for turn in turns:
            for place, _ in places_of(turn):
                node = node_at(region, turn, place)
                before = before_update(region, node) if node is not None and not tape.nodes[node].value.ndim else None
                if before is not None:
                    changes[turn.index] = WithArgument(place, region.values, before)
        if len(changes) > 1 and region.gives_truth(changes):
            said = f"the parameters in `{region.code(step)}` were updated before this line: {TOO_EARLY}"
            yield Finding("stale-or-updated-weights", said, step, None, changes)


def before_update(region: Region, node: int) -> int | None:
    """The parameter that a value is, after an update of it."""
    made = region.case.step_of(node)
    known = (read for read in made.reads if updates_parameter(region, made, read))
    return next(known, None) if name_of(made.function) in BY_SIGN else None


def updates_parameter(region: Region, step: Step, node: int) -> bool:
    """Whether a call gives a parameter, which is one of its operands, another value under its own name."""
    if not is_parameter(region, node):
        return False
    in_place = {region.case.tape.nodes[made].slot for made in step.makes} == {region.case.tape.nodes[node].slot}
    return in_place or any(not {*region.names_of(node)}.isdisjoint(region.names_of(made)) for made in step.makes)


def later_state(region: Region) -> Iterator[Finding]:
    """An operand is what an array was changed to; what it held before gives the truth."""
    tape = region.case.tape
    for step, _ in region.sites():
        for place, slot in places_of(step):
            reads = [node for node in step.reads if tape.nodes[node].slot == slot][:1]
            for read, earlier in ((node, each) for node in reads for each in earlier_states(region, node)):
                same = np.shape(region.values[earlier]) == np.shape(region.values[read])
                if same and region.gives_truth({step.index: WithArgument(place, region.values, earlier)}):
                    found = of_earlier(region, step, read, earlier)
                    if found.kind == "overwritten-accumulation" or tells(region, earlier):
                        yield found


def tells(region: Region, earlier: int) -> bool:
    """Whether it says anything that an earlier state gives the truth: with noughts, it only leaves a term out."""
    return bool(np.any(region.values[earlier])) or earlier in region.case.forward_alone


def of_earlier(region: Region, step: Step, read: int, earlier: int) -> Finding:
    """What is said of a call that reads what an array was changed to, and needs what it held before."""
    case, name, slot = region.case, region.name(read), region.case.tape.nodes[read].slot
    writer, is_weight = case.step_of(read), is_parameter(region, earlier)
    if adds_in_place(region, step, slot) and region.gives_truth({step.index: only(1)}):
        instead = NOT_SET_BACK if goes_on(region, step, slot) else "write `=` instead of `+=`"  # which drops a sum
        said = f"{name} {ADDED}: {instead}"
        return Finding("overwritten-accumulation", said, step, changes={step.index: only(1)})
    is_sum = adds_in_place(region, step, slot, BY_SIGN) and goes_on(region, step, slot, BY_SIGN)
    if is_sum and not np.any(region.values[earlier]):
        said = f"{name} goes on from what it held before: {NOT_SET_BACK}"
        return Finding("overwritten-accumulation", said, step)
    if is_weight and (alias := copied_for(region, step, read, name, earlier)) is not None:
        of = right_side(statement_at(alias.file, alias.line))
        said = f"{name} is the same array as {of}, and is updated with it: a copy is due"
        return Finding("stale-or-updated-weights", said, None, f"{of}.copy()", place=alias)
    if is_weight:
        said, changes = f"{name} was updated before this line: {TOO_EARLY}", in_all_calls(region, step, writer, slot)
        return Finding("stale-or-updated-weights", said, step, None, changes, place=called_after(step, writer))
    if parameter_of(case, earlier) is not None and name_of(step.function) == "setitem":  # of a row of it
        return Finding("stale-or-updated-weights", f"`{region.code(writer)}` stands too early: {TOO_EARLY}", writer)
    where = f"line {step.place.line}" if step.place else "a later line"
    scaled = is_along(np.asarray(region.values[earlier]), np.asarray(region.values[read]))  # so may be what reads it
    said = f"{name} is written over before its use in {where}"
    first = case.step_of(min(node for node in case.tape.versions_of(slot) if node > earlier))
    return Finding("inplace-corruption", said, first, None, in_all_calls(region, step, writer, slot), made_up=scaled)


def in_all_calls(region: Region, step: Step, writer: Step, slot: int) -> dict[int, Edit]:
    """A call, wherever the function around it is called, given what the array held before the line that wrote it over.

    Nothing where that does not give the truth here.
    """
    case, changes = region.case, dict[int, Edit]()
    place = next(place for place, own in places_of(step) if own == slot)
    for other in case.tape.steps:
        alike = other.place == step.place and name_of(other.function) == name_of(step.function)
        node = node_at(region, other, place) if alike else None
        if node is None or case.step_of(node).place != writer.place:
            continue
        own = case.tape.nodes[node].slot
        shape = np.shape(region.values[node])
        earlier = (each for each in earlier_states(region, node) if np.shape(region.values[each]) == shape)
        held = [each for each in earlier if case.tape.nodes[each].slot == own]
        if held:
            changes[other.index] = WithArgument(place, region.values, held[-1])
    return changes if len(changes) > 1 and region.gives_truth(changes) else {}


def copied_for(region: Region, step: Step, read: int, name: str, node: int) -> Place | None:
    """Where what an array held before got a name that the array has besides its own: `before = w`.

    None where nothing else reads what the array was updated to: so the update stands too early, and no copy is due.
    """
    if [each.index for each in region.case.tape.steps if read in each.reads] == [step.index]:
        return None
    places = (event.place for event in region.case.events if (event.node, event.name) == (node, name))
    return next((place for place in places if is_rename(place.file, place.line)), None)


def called_after(reader: Step, update: Step) -> Place | None:
    """Where the helper that reads a parameter was called too late, in the function that the update is seen in, too."""
    own, caller = reader.place, reader.caller
    seen = [place for place in (update.place, update.caller) if place is not None]
    if own is None or caller is None or any(in_same_function(own, place) for place in seen):
        return None
    return caller if any(in_same_function(caller, place) for place in seen) else None


def adds_in_place(region: Region, step: Step, slot: int, by: tuple[str, ...] = ("add",)) -> bool:
    """Whether a call adds to an array in place, as `+=` does; or, if told, takes off it."""
    made = {region.case.tape.nodes[node].slot for node in step.makes}
    return name_of(step.function) in by and slot in made and places_of(step)[:1] == [(0, slot)]


def goes_on(region: Region, step: Step, slot: int, by: tuple[str, ...] = ("add",)) -> bool:
    """Whether a call that adds to an array in place, or takes off it, does so again in later turns."""
    later = region.case.tape.steps[step.index + 1 :]
    return any(other.place == step.place and adds_in_place(region, other, slot, by) for other in later)


def changed_under_way(region: Region) -> Iterator[Finding]:
    """The same where several calls read what an array was changed to, all of them or all but one by mistake."""
    readers: dict[int, list[tuple[Step, int]]] = {}
    for step in region.steps:
        for place, _ in places_of(step):
            node = node_at(region, step, place)
            if node is not None:
                readers.setdefault(node, []).append((step, place))
    own = region.case.tape.nodes[region.node].slot
    for read, reads in readers.items():
        if not 1 < len(reads) <= 4 or region.case.tape.nodes[read].slot == own:
            continue
        for earlier in earlier_states(region, read):
            if np.shape(region.values[earlier]) != np.shape(region.values[read]):
                continue
            for chosen in (reads, *combinations(reads, len(reads) - 1)):
                if region.gives_truth(each_with(region, chosen, earlier)):
                    kind = "stale-or-updated-weights" if is_parameter(region, earlier) else "inplace-corruption"
                    said = f"{region.name(read)} is written over, and its value from before is needed in this statement"
                    yield Finding(kind, said, region.case.step_of(read))
                    return


def each_with(region: Region, chosen: Iterable[tuple[Step, int]], node: int) -> dict[int, Edit]:
    """Some calls with the value of one node in their arguments."""
    found: dict[int, Edit] = {}
    for step, place in chosen:
        found[step.index] = WithArgument(place, region.values, node)
    return found


def is_parameter(region: Region, node: int) -> bool:
    """Whether a value is a parameter, or what its array held in a turn before: entries may have stayed as they were."""
    nodes = region.case.tape.nodes
    return any(nodes[final.parameter.node].slot == nodes[node].slot for final in region.case.finals)


def is_of_penalty(region: Region, node: int) -> bool:
    """Whether a term is a parameter, or one times numbers: the gradient of a penalty."""
    of = penalised_by(region, node)
    return of is not None and np.shape(region.values[node]) == np.shape(region.values[of])


def is_own_penalty(region: Region, node: int) -> bool:
    """The same of what the gradient is of, or of its entries, as in a loop over rows."""
    of = penalised_by(region, node)
    return is_of_penalty(region, node) or (of is not None and of in {region.of, *region.case.ancestors([region.of])})


def penalised_by(region: Region, node: int) -> int | None:
    """The one parameter that a term is made of with numbers alone, and by no other function than a sign."""
    values, case = region.values, region.case
    behind = ancestors(case.parents, [node], until={final.parameter.node for final in case.finals})
    of = [n for n in behind if is_parameter(region, n)]
    given = {n for n in behind if case.step_of(n).function is None} | {*of}
    plain = all(name_of(case.step_of(n).function) in OF_PENALTIES for n in behind - given)
    alone = len(of) == 1 and all(np.size(values[n]) == 1 for n in given - set(of))
    return of[0] if alone and plain else None


OF_PENALTIES = {
    "multiply", "divide", "true_divide", "add", "subtract", "negative", "sign", "getitem", "sum", "copy", "array",
    "asarray", "reshape", "ravel", "T", "transpose", "power", "square", "renamed", "setitem", "zeros_like", "at",
}  # fmt: skip


def earlier_states(region: Region, read: int) -> Iterator[int]:
    """What the same array held before, and what the same name meant in the forward pass."""
    tape = region.case.tape
    slot = tape.nodes[read].slot
    for node in tape.nodes:
        if node.slot == slot and node.number < read:
            yield node.number
    if read in {final.parameter.node for final in region.case.finals}:  # no update made it
        return
    ends = {name.rsplit(".", 1)[-1] for name in region.names_of(read)}
    for final in region.case.finals:
        parameter = final.parameter.node
        if parameter != read and any(final.parameter.name.rsplit(".", 1)[-1] == end for end in ends):
            yield parameter


def through_views(region: Region) -> Iterator[Finding]:
    """The same for what was transposed or sliced between the array and the product."""
    case, tape = region.case, region.case.tape
    parameters = {final.parameter.node for final in case.finals}
    for step, _ in region.sites():
        if name_of(step.function) not in ("T", "transpose", "swapaxes", "getitem", "reshape") or not places_of(step):
            continue
        slot = places_of(step)[0][1]
        read = next((node for node in step.reads if tape.nodes[node].slot == slot), None)
        if read is None:
            continue
        for earlier in earlier_states(region, read):
            if region.gives_truth({step.index: WithArgument(0, region.values, earlier)}):
                kind = "stale-or-updated-weights" if earlier in parameters else "inplace-corruption"
                yield Finding(
                    kind, f"{region.name(read)} was changed before this line: its value from before is needed", step
                )


def written_on_the_way(region: Region) -> Iterator[Finding]:
    """A parameter that is changed in place by another name of its own memory, before its update."""
    tape, name = region.case.tape, region.name(region.of)
    slot = tape.nodes[region.of].slot
    states = [node.number for node in tape.nodes if node.slot == slot and node.number > region.of]
    for state in states[:-1] if region.event.name.startswith("the step of") else ():
        step = region.case.step_of(state)
        views = [node for node in step.reads[:1] if tape.nodes[node].slot != slot and region.names_of(node)]
        if views and region.gives_truth({step.index: only(0)}):
            said = f"{region.name(views[0])} shows the memory of {name}, which this changes, too: a copy is due"
            yield Finding("inplace-corruption", said, step)


def damaged_value(region: Region) -> Iterator[Finding]:
    """The value was right, and was written over afterwards."""
    tape = region.case.tape
    slot = tape.nodes[region.node].slot
    step = region.case.step_of(region.node)
    earlier = [node.number for node in tape.nodes if node.slot == slot and node.number < region.node]
    name = name_of(step.function)
    if not earlier or name in ("setitem", "at") or not region.is_truth(region.values[earlier[-1]]):
        return
    if region.case.match_up_to_factor(np.asarray(region.values[earlier[-1]])) is None:
        return
    readers = [s for s in tape.steps[step.index + 1 :] if region.node in s.reads]
    if name in ("add", "subtract") and any(is_of_penalty(region, node) for node in step.reads):
        said = f"`{region.code(step)}` adds the gradient of a penalty, which the loss has not"
        yield Finding("regularisation", said, step)
    elif region.node in region.case.ends and is_along(np.asarray(region.values[earlier[-1]]), region.value):
        said = f"{region.event.name} was right, and `{region.code(step)}` makes a multiple of it"
        yield Finding("scale-factor", said, step)
    elif readers:
        yield Finding(
            "inplace-corruption", f"{region.event.name} was right, and `{region.code(step)}` writes over it", step
        )
