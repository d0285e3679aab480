"""What updates go on from: velocities of the turns before, which have no part in what this turn's gradients do."""

from __future__ import annotations

import numpy as np

from tinygrad_scratch.verifier.pairs.pairing import Final
from tinygrad_scratch.verifier.recording.likeness import close, is_near_number
from tinygrad_scratch.verifier.recording.steps import Array, ancestors
from tinygrad_scratch.verifier.recording.tape import Tape


def was_updated(tape: Tape, node: int) -> bool:
    """Whether a parameter was given its value by a turn of a loop before the one that is judged."""
    return bool(tape.steps[tape.nodes[node].step].function is None and tape.steps[tape.nodes[node].step].reads)


def states(tape: Tape, parameters: set[int]) -> set[int]:
    """What was made in turns before the one that is judged, but for parameters: velocities, and what made these."""
    last = max((node for node in parameters if was_updated(tape, node)), default=-1)
    made = {node.number for node in tape.nodes[: last + 1] if tape.steps[node.step].reads}
    return made - parameters


def carried_over(tape: Tape, updates: list[tuple[Final, int]]) -> dict[int, Array]:
    """What updates take off parameters beside gradients and decays of the weights: by the nodes of the gradients.

    It is what they do where the gradients are nought, but for the share of the weights that goes with these. Weights
    that begin at 0 are a multiple of their velocity after the first turn, so that values do not tell these two apart.
    """
    parents = tape.parents()
    known = [(f, after) for f, after in updates if f.node in ancestors(parents, [after]) - {after}]
    if not known or not any(was_updated(tape, final.parameter.node) for final, _ in known):
        return {}
    nothing = {final.node: np.zeros_like(tape.nodes[final.node].value) for final, _ in known}
    until = max(tape.nodes[after].step for _, after in known)
    held = {final.parameter.node: tape.nodes[final.parameter.node].value for final, _ in known}
    shifts = {node: shift_of(value) for node, value in held.items()}
    with np.errstate(all="ignore"):
        still = tape.replay(nothing, until=until)
        moving = [f.parameter.node for f, after in known if not close(still[after], held[f.parameter.node])]
        moved = tape.replay({**nothing, **{n: held[n] + shifts[n] for n in moving}}, until=until) if moving else still
    found: dict[int, Array] = {}
    for final, after in known:
        node = final.parameter.node
        share = share_of(moved[after] - still[after], shifts[node]) if node in moving else None
        if share is not None:
            found[final.node] = share * held[node] - still[after]
    return found


def shift_of(value: Array) -> Array:
    """Numbers that are added to a value to see what goes with it."""
    numbers = 1 + np.cos(np.arange(value.size))
    return np.asarray(numbers.reshape(value.shape) * (1 + np.max(np.abs(value), initial=0.0)))


def share_of(change: Array, shift: Array) -> float | None:
    """The number that a shift is multiplied by in a change; None where that is another one."""
    if change.shape != shift.shape or not np.all(np.isfinite(change)):
        return None
    share = float(np.vdot(shift, change) / np.vdot(shift, shift))
    return (1.0 if is_near_number(share, 1.0) else share) if close(change, share * shift) else None
