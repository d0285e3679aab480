"""What a check found, as plain data: the one source of the report, the page, the picture and the JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tinygrad_scratch.verifier.reading.source import Marked

RIGHT, CONVENTION, WRONG = "right", "right in another convention", "wrong"
CONSEQUENCE, NOT_CHECKABLE, USED = "consequence", "not checkable", "used on the way"
UNDECIDED = "undecided"


@dataclass(frozen=True)
class Where:
    """A place in a person's source."""

    file: str
    line: int
    function: str

    @property
    def short(self) -> str:
        return f"{Path(self.file).name}:{self.line}"


@dataclass(frozen=True)
class Worst:
    """Where a value differs most from the true one: the largest difference, relative to the largest true entry."""

    difference: float
    index: tuple[int, ...] = ()
    hand: float | None = None
    true: float | None = None
    shapes: tuple[tuple[int, ...], tuple[int, ...]] | None = None  # the value's and the truth's, where they differ


@dataclass(frozen=True)
class Quantity:
    """A value of the hand-written backward pass, and its verdict.

    `node` is its number on the tape, `target` that of the forward value which it is the gradient of.
    """

    name: str
    where: Where
    of: str
    verdict: str
    detail: str
    worst: Worst | None
    node: int
    target: int | None


@dataclass(frozen=True)
class Mistake:
    """A wrong step: what was written, what would be right, and why."""

    name: str
    where: Where
    of: str
    kind: str
    sentence: str
    certainty: str
    others: list[str]
    written: Marked
    right: Marked | None
    worst: Worst | None
    node: int


@dataclass(frozen=True)
class Leak:
    """A value that left what can be recorded."""

    how: str
    where: Where | None
    code: str


@dataclass(frozen=True)
class Findings:
    """All that there is to say about a check."""

    verdict: str
    problem: str | None
    loss: float | None
    gradients: int
    mistakes: list[Mistake] = field(default_factory=list)
    quantities: list[Quantity] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    sizes: list[str] = field(default_factory=list)
    leaks: list[Leak] = field(default_factory=list)
    convention: str = ""
    notes: list[str] = field(default_factory=list)
    loss_name: str = ""
