"""What a drawing shows, as plain data: boxes, arrows, frames, and the steps of the backward pass.

Every form of a drawing is written from this: DOT, Mermaid, JSON, the page, a NetworkX graph. It holds text and numbers
alone, so it keeps no graph alive.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from tinygrad_scratch.drawing.numbers import Numbers

REST = "rest"  # the id and the kind of the box that counts what is not drawn
ADDED, REMOVED, CHANGED = "added", "removed", "changed"


@dataclass
class Source:
    """The line of a person's code that made a value."""

    file: str
    line: int
    code: str


@dataclass
class Box:
    """A value, or several that are folded into one and go by the last of them.

    `kind` is "operation", "output", "parameter", "input", "constant", "fold", "rest" or "failed". `title` is what it
    goes by: its name, else its call. `cotangent` is there where gradient flows. `seconds` is how long its calls take,
    where that was measured. `count` is the number of operations that it stands for, `rounds` how often what it shows is
    repeated: numbers are those of the first round. `troubles` has what is wrong with the numbers, and `first_troubles`
    those of them that arise here. `change` is how a box of `diff` differs, `notes` are more lines to show.
    """

    id: str
    kind: str
    title: str
    name: str | None = None
    operation: str | None = None
    attributes: dict[str, str] = field(default_factory=dict)
    expression: str | None = None
    shape: tuple[int, ...] | None = None
    dtype: str | None = None
    cotangent: str | None = None
    formula: str | None = None
    source: Source | None = None
    value: Numbers | None = None
    gradient: Numbers | None = None
    troubles: list[str] = field(default_factory=list)
    first_troubles: list[str] = field(default_factory=list)
    multiply_adds: int = 0
    bytes: int = 0
    seconds: float | None = None
    parameters: int = 0
    count: int = 0
    rounds: int = 1
    path: str = ""
    cluster: str | None = None
    change: str | None = None
    notes: list[str] = field(default_factory=list)


@dataclass
class Arrow:
    """From a value to a call that was given it. Where `gradient`, a cotangent flows back; `again` leads to the next
    round of a repeated block.
    """

    id: str
    tail: str
    head: str
    uses: int = 1
    shape: tuple[int, ...] | None = None
    gradient: bool = False
    again: bool = False
    derivative: str | None = None
    change: str | None = None


@dataclass
class Cluster:
    """A frame: one call of a module, or a repeated block."""

    id: str
    title: str
    path: str = ""
    kind: str = "module"
    parent: str | None = None
    parameters: int = 0
    rounds: int = 1


@dataclass
class Step:
    """One step of the backward pass: the rule of a call is applied, and its arguments get their parts.

    All is by the boxes of the arguments: the formulas; where a cotangent has several parts, the numbers of this part,
    None where they are not known or belong to a round that is not shown; and from the second part on, what they have
    come to.
    """

    box: str
    formulas: dict[str, str]
    parts: dict[str, Numbers | None] = field(default_factory=dict)
    sums: dict[str, Numbers] = field(default_factory=dict)


@dataclass
class Scene:
    """All that a drawing shows. Boxes are numbered by age, so the same program has the same scene in every run."""

    boxes: list[Box] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)
    clusters: list[Cluster] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    top: str = "L"

    def as_dict(self) -> dict[str, Any]:
        """The same as dicts, lists, texts and numbers, which JSON can say."""
        whole = asdict(replace(self, counts=Counter()))  # asdict() takes a Counter for a dict only since Python 3.12
        return plain({**whole, "counts": dict(self.counts)})  # type: ignore[no-any-return]


def plain(value: Any) -> Any:
    """Tuples as lists, as JSON has them."""
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, list | tuple) else value
