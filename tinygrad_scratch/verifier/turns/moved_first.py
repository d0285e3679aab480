"""Parameters that a turn moves before anything reads them: by a velocity to look ahead, or by a decay.

What they are after that is what the turn's gradients are of, as if the turn before had moved them.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace

from tinygrad_scratch.verifier.pairs.over_turns import is_share
from tinygrad_scratch.verifier.pairs.update_steps import in_update
from tinygrad_scratch.verifier.reading.loops import Turn
from tinygrad_scratch.verifier.recording.steps import Step, is_behind
from tinygrad_scratch.verifier.turns.forward_before import changes_of
from tinygrad_scratch.verifier.turns.named_before import Met, NamedBefore, is_same_name


def begun_after_moves(met: Met, turn: Turn) -> Turn:
    """A turn without the moves that it begins with, of what it updates by gradients later on."""
    moved = moved_first(met, turn)
    steps = [met.watch.tape.nodes[node].step for node in moved]
    if not moved or not all(is_updated_once_more(met, turn, node) for node in moved):
        return turn
    count = max(steps) + 1
    events = met.watch.events
    later = (number for number in range(turn.events, len(events)) if events[number].time > count)
    return replace(turn, steps=count, events=next(later, len(events)))


def moved_first(met: Met, turn: Turn) -> set[int]:
    """What a turn makes of values from before it, until it reads one of these for something else."""
    named, tape = NamedBefore(met, turn), met.watch.tape
    first, read = dict[int, int](), set[int]()  # what was moved -> what it was before the turn; what went elsewhere
    for step in tape.steps[turn.steps :]:
        old = moved_by(named, step, first)
        if old is not None and old not in read:
            first[step.makes[0]] = first.pop(old, old)
        elif not first.keys().isdisjoint(step.reads):
            break
        elif not is_share(tape, step):
            read.update(step.reads)
    return {after for after, node in first.items() if node not in read}


def moved_by(named: NamedBefore, step: Step, moved: Container[int]) -> int | None:
    """The value that a call moves under its own name, as `w += 0.9 * v` does, or `w *= 0.99`; one moved before, too."""
    tape = named.tape
    if len(step.makes) != 1 or step.function is None:
        return None
    after = tape.nodes[step.makes[0]]
    for read in sorted(set(step.reads)):
        value = tape.nodes[read].value
        is_like = value.shape == after.value.shape and value.dtype.kind == "f" and (read in moved or named.get(read))
        is_moved = is_like and (is_share(tape, step) or in_update(tape, step, after.number, read) is not None)
        if is_moved and is_renewed(named, read, after.number):
            return read
    return None


def is_renewed(named: NamedBefore, node: int, after: int) -> bool:
    """Whether a value took the place of another one in its array, or under its name."""
    nodes, met = named.tape.nodes, named.met
    if nodes[node].slot == nodes[after].slot:
        return True
    return any(is_same_name(one, other) for one in met.names(node) for other in met.names(after))


def is_updated_once_more(met: Met, turn: Turn, node: int) -> bool:
    """Whether a turn moves a value again later on, by what it makes of that value."""
    tape = met.watch.tape
    names = list(met.names(node))
    later = {e.node for e in met.watch.events[turn.events :] if any(is_same_name(one, e) for one in names)}
    found = [tape.current[tape.nodes[node].slot], *sorted(later)]
    changes = (change for after in found if after > node for change in changes_of(tape, node, after))
    parents = tape.parents()
    return any(is_behind(parents, node, change) for change in changes)
