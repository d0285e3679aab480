"""Values that left the recording, through float() or compiled code, and whether the judging needs them."""

from __future__ import annotations

import re

from tinygrad_scratch.verifier.cases.case import Case, Repair
from tinygrad_scratch.verifier.meant.conventions import given_from_above
from tinygrad_scratch.verifier.reading.source import statement_at
from tinygrad_scratch.verifier.recording.steps import Leak

SHOWING = re.compile(r"(?:print|[\w.]+\.(?:write|debug|info|warning|set_description|set_postfix))\(")
DRAWING = re.compile(r"\.(?:choice|choices|multinomial|binomial|bernoulli)\(")


def unseen(case: Case, repairs: list[Repair]) -> str:
    """Why what was found wrong can't be told from what was not seen; empty where it can."""
    wrong = case.ancestors(repair.event.node for repair in repairs)
    for leak in case.tape.leaks if repairs else ():
        if not is_harmless(leak) and (is_before_loss(case, leak) or is_before_wrong(case, leak, wrong)):
            return said(leak)
    return ""


def is_harmless(leak: Leak) -> bool:
    """Whether nothing comes back of a value that left: it is shown, or something is drawn at random with it.

    No gradient goes through what was drawn, such as an action.
    """
    text = statement_at(leak.place.file, leak.place.line) if leak.place is not None else ""
    return DRAWING.search(text) is not None or SHOWING.match(text) is not None


def is_before_loss(case: Case, leak: Leak) -> bool:
    """Whether the loss may depend on parameters through a value that left: then its gradient isn't known."""
    return leak.time <= case.tape.nodes[case.truth.loss].step and leak.node in case.smooth - {case.truth.loss}


def is_before_wrong(case: Case, leak: Leak, wrong: set[int]) -> bool:
    """Whether what is wrong may only follow from something wrong that left and came back; data is never wrong."""
    if case.is_data(leak.node) and given_from_above(case).isdisjoint(case.ancestors([leak.node])):
        return False
    later = (step for step in case.tape.steps[leak.time :] if step.function is None)
    return leak.node not in case.forward and any(step.makes[0] in wrong for step in later)


def said(leak: Leak) -> str:
    return (
        f"{left(leak)}: what was made of it was not seen, so a difference from the true gradient proves nothing. "
        "Write this step with NumPy's functions."
    )


def left(leak: Leak) -> str:
    """Where a value left, and for what."""
    where = ""
    if leak.place is not None:
        where = f" in line {leak.place.line}, `{statement_at(leak.place.file, leak.place.line)}`"
    return f"A value left NumPy{where}, for {leak.kind}"
