"""Which step is the first wrong one: the earliest value whose replacement by the truth mends what comes after it.

Nothing is accused until a final gradient is wrong. Then replacements are screened by one reverse walk over the
hand-written backward pass, and what seems to mend is played again and decided by that.
"""

from __future__ import annotations

from itertools import chain, islice

from tinygrad_scratch.verifier.cases.case import Case, Repair
from tinygrad_scratch.verifier.cases.multiples import too_large
from tinygrad_scratch.verifier.cases.suspects import last_resort
from tinygrad_scratch.verifier.cases.trials import does_nothing, mending
from tinygrad_scratch.verifier.cases.turns import helping, mended_in_all_turns
from tinygrad_scratch.verifier.pairs.pairing import Final

MOST_REPAIRS = 40
MOST_SIZES = 4  # factors that values on the way may carry
MOST_TURNS = 12  # replacements that are made in all turns of a loop, to see what that mends


def next_repairs(case: Case) -> list[Repair]:
    """The values to replace next, one or another: the likeliest first."""
    values = case.replay()
    all_wrong = case.wrong(values)
    fitting = [final for final in all_wrong if case.is_of_its_shape(values[final.node], final)]
    wrong = fitting or all_wrong  # one of another shape may be wrong for itself: what mends the others is known first
    if not wrong or len(case.overrides) >= MOST_REPAIRS:
        return []
    found = mending(case, values, wrong)
    best = found[0] if found else None
    if best is not None and best.mended == len(wrong) and does_nothing(case, best.event):
        return found
    if fitting and (best is None or best.mended < len(wrong) or is_last(case, best)):
        number = too_large(case, values, wrong)
        if number is not None:
            return [number]
    if fitting and (best is None or best.mended < len(wrong) or best.event.node in case.ends):
        needed = best.mended if best is not None else 0
        turns = (islice(helping(case, values, wrong, factor), MOST_TURNS) for factor in factors_to_try(case, wrong))
        helps = next((repair for repair in chain.from_iterable(turns) if mends(case, repair, wrong, needed)), None)
        if helps is not None:
            return [helps]
    return found or last_resort(case, wrong)


def factors_to_try(case: Case, wrong: list[Final]) -> list[float]:
    """What the values on the way may carry, such as the size of a batch that the end divides by.

    Where some gradients are right, the values on their way tell it.
    """
    sizes = sorted(case.carried - {1.0}, reverse=True) if len(wrong) == len(case.finals) else []
    return [case.scale, *(size * case.scale for size in sizes[:MOST_SIZES])]


def is_last(case: Case, repair: Repair) -> bool:
    """Whether what is replaced is the gradient of a parameter itself, with which a mistake ends in any case."""
    return repair.of in {final.parameter.node for final in case.finals}


def mends(case: Case, repair: Repair, wrong: list[Final], needed: int) -> bool:
    """Whether a replacement, made in all turns of a loop, mends as many gradients as are needed."""
    return not needed or mended_in_all_turns(case, repair, wrong) >= needed
