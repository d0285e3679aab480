"""A gradient from above that a script draws itself, as exercises for single layers do: with it no loss is needed.

Of an output o and a gradient d from above, all that the layer hands back are gradients of the sum of o * d.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_scratch.verifier.gathering.told import Told
from tinygrad_scratch.verifier.reading.names import alike, is_gradient_name, without_holder
from tinygrad_scratch.verifier.recording.steps import Array
from tinygrad_scratch.verifier.truths.losses import Candidate

MOST_OUTPUTS = 12


def weighed(output: Any, above: Any) -> Any:
    """The sum of an output times a gradient, which may be that of the first of its rows, or turns, alone."""
    return np.sum(output[tuple(slice(length) for length in np.shape(above))] * above)


def from_above(entry: Told) -> list[tuple[float, Candidate]]:
    """The sums of outputs times what was drawn under the name of a gradient, with how much that says of the output.

    Those of which it says most come first.
    """
    tape, names = entry.tape, names_of(entry)
    behind = entry.all_behind(*(node for _, node in entry.gradients))
    known = {name for called in names.values() for name in called}
    drawn = [node for node in sorted(behind) if is_drawn(entry, node, names.get(node, []), known)]
    ends = {node for _, node in entry.gradients}
    moving = entry.depending_on({parameter.node for parameter in entry.parameters} - set(drawn) - ends)
    found: list[tuple[float, Candidate]] = []
    for above in drawn:
        value, later = tape.nodes[above].value, entry.depending_on({above})
        read = min(tape.readers().get(above, [0]))  # by the way back, and later by differences
        for output in (node for node in moving - later - ends if tape.nodes[node].step < read):
            called = [name for name in names.get(output, ()) if not is_gradient_name(name)]
            if called and tape.steps[tape.nodes[output].step].reads and begins_as(tape.nodes[output].value, value):
                told = max(alike(mine, other) for mine in names[above] for other in called)
                name = f"the sum of {called[0]} * {names[above][0]}"
                found.append((told, Candidate(name, output, weighed, value)))
    return sorted(found, key=lambda each: (each[0], each[1].node), reverse=True)[:MOST_OUTPUTS]


def names_of(entry: Told) -> dict[int, list[str]]:
    """What each value is called, also where it is given to a function."""
    found: dict[int, list[str]] = {}
    for event in (*entry.watch.events, *entry.watch.arguments):
        found.setdefault(event.node, []).append(without_holder(event.name))
    return found


def is_drawn(entry: Told, node: int, names: list[str], known: set[str]) -> bool:
    """Whether an array from outside has the name of a gradient, as `da` is of `a`."""
    value, made = entry.tape.nodes[node].value, entry.tape.steps[entry.tape.nodes[node].step]
    is_given = not made.reads and value.dtype.kind == "f" and value.size > 1 and bool(np.ptp(value))
    return is_given and any(is_gradient_name(name) or (name[:1] == "d" and name[1:] in known) for name in names)


def begins_as(output: Array, above: Array) -> bool:
    """Whether an output has the shape of what came from above, or more of it along one axis."""
    pairs = list(zip(output.shape, above.shape, strict=False))
    longer = [one for one, other in pairs if one > other]
    return output.ndim == above.ndim and all(one >= other for one, other in pairs) and len(longer) < 2
