"""Velocities that begin at nothing: of several, one that takes up another share of its gradient than all others do."""

from __future__ import annotations

from tinygrad_scratch.verifier.pairs.pairing import Final
from tinygrad_scratch.verifier.pairs.update_steps import beside_nothing, in_update, inside
from tinygrad_scratch.verifier.recording.tape import Tape

FEWEST = 3  # velocities, of which one is the odd one


def velocities(tape: Tape, finals: list[Final], updated: dict[int, int]) -> list[Final]:
    """The velocity in the update of each parameter, as `rate * v` in `w -= rate * v`; none where one has none.

    `updated` says which value of its parameter each gradient has led to.
    """
    found = [velocity_of(tape, final, updated[final.node]) for final in finals if final.node in updated]
    known = [final for final in found if final is not None]
    return known if len(known) == len(finals) else []


def velocity_of(tape: Tape, final: Final, after: int) -> Final | None:
    change = in_update(tape, tape.steps[tape.nodes[after].step], after, final.parameter.node)
    while change is not None:
        node, sign = change
        step = tape.steps[tape.nodes[node].step]
        if getattr(step.function, "__name__", "") in ("add", "subtract"):
            arrays = [read for read in step.reads if tape.nodes[read].value.shape == tape.nodes[node].value.shape]
            begins = beside_nothing(tape, step, arrays) is not None
            return (
                Final(f"the velocity of {final.parameter.name}", node, final.parameter, "update", sign)
                if begins
                else None
            )
        inner = inside(tape, node)
        change = None if inner is None else (inner[0], sign * inner[1])
    return None


def has_an_odd_one(factors: list[float | None]) -> bool:
    """Whether all of several factors are one number above 0 but for a single one.

    >>> has_an_odd_one([0.1, 0.9, 0.1]), has_an_odd_one([0.1, 0.1, 0.1]), has_an_odd_one([0.1, 0.2, 0.3])
    (True, False, False)
    """
    numbers = [factor for factor in factors if factor is not None]
    if len(numbers) < max(len(factors), FEWEST):
        return False
    usual = sorted(numbers)[len(numbers) // 2]
    return usual > 0 and sum(abs(number - usual) > 1e-9 * usual for number in numbers) == 1
