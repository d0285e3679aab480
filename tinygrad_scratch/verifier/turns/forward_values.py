"""What a turn of a loop makes of parameters on its way to the loss, and what looks like an update of them."""

from __future__ import annotations

from types import FrameType

from tinygrad_scratch.verifier.pairs.update_steps import in_update
from tinygrad_scratch.verifier.recording.parameters import Parameter
from tinygrad_scratch.verifier.recording.steps import ancestors
from tinygrad_scratch.verifier.recording.tape import Tape

Updates = dict[int, tuple[Parameter, int]]  # by what each was before: the parameter, and what it is afterwards


def take_apart(tape: Tape, apart: Updates, found: Updates) -> None:
    """Add to updates those under a name that was lent: where they are put back, or no other update is made of them.

    What other updates are made of is a part of the forward pass.
    """
    parents = tape.parents() if apart else {}
    for before, each in apart.items():
        others = [last for node, (_, last) in (apart | found).items() if node != before]
        if found[before][1] == each[1] if before in found else each[1] not in ancestors(parents, others):
            found[before] = each


def is_added(tape: Tape, parameter: Parameter, after: int) -> bool:
    """Whether an update adds to what it is of; what goes downhill takes off."""
    change = in_update(tape, tape.steps[tape.nodes[after].step], after, parameter.node)
    return change is not None and change[1] < 0


def arguments_of(frame: FrameType) -> set[str]:
    """The names by which a running function knows what it was given."""
    code = frame.f_code
    return set(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])


def made_between(tape: Tape, nodes: set[int], first: int, last: int) -> set[int]:
    """All that values that some steps made were made of: so a number that is learnt goes into what a turn reads."""
    made = [node for node in nodes if first <= tape.nodes[node].step < last]
    return ancestors(tape.parents(), made)
