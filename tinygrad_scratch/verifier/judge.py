"""Which step is the first wrong one: the earliest value whose replacement by the truth mends what comes after it.

Nothing is accused until a final gradient is wrong. Then replacements are screened by one reverse walk over the
hand-written backward pass, and what seems to mend is played again and decided by that.
"""

from __future__ import annotations

from tinygrad_scratch.verifier.case import Case, Repair
from tinygrad_scratch.verifier.suspects import last_resort
from tinygrad_scratch.verifier.trials import mending
from tinygrad_scratch.verifier.turns import helping, mended_in_all_turns

MOST_REPAIRS = 40


def next_repair(case: Case) -> Repair | None:
    """The value to replace next."""
    values = case.replay()
    wrong = case.wrong(values)
    if not wrong or len(case.overrides) + len(case.late) >= MOST_REPAIRS:
        return None
    best = mending(case, values, wrong)
    if best is None or best.mended < len(wrong) or best.event.node in {final.node for final in case.finals}:
        turn = helping(case, values, wrong)
        if turn is not None and (best is None or mended_in_all_turns(case, turn, wrong) >= best.mended):
            return turn
    return best or last_resort(case, values, wrong)
