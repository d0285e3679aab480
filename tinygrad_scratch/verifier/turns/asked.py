"""What is asked of the turn of a script that is judged, beside what it does by itself."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from tinygrad_scratch.verifier.reading.places import FileLine
from tinygrad_scratch.verifier.running.elsewhere import Left
from tinygrad_scratch.verifier.turns.loss_of_samples import LossOfSamples

Names = dict[FileLine, frozenset[str]]  # by loop


@dataclass(frozen=True)
class Asked:
    """Which loops are left to come to the turn, and what is computed beside it."""

    left: tuple[Left, ...] = ()  # loops that are left after a turn
    known: frozenset[str] = frozenset()  # parameters that were judged before
    states: Names = field(default_factory=dict)  # what loops move on, of which nothing was told
    beside: tuple[int, ast.Call] | None = None  # the line of a loop, and a call that ends each of its turns
    computes_loss: bool = False  # once the turn is over, as the script does after the loop
    of_samples: LossOfSamples | None = None  # one to judge by, which is computed before the turn
    any_number: frozenset[FileLine] = frozenset()  # where room for whole numbers is made for any


NOTHING = Asked()
