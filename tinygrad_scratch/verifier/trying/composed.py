"""Values composed of what is known at a statement, each tried in the place of each part of it.

This is for a mistake that is no usual one: where no change of a known form leaves the right gradients. What is tried
is worked out in a plain run, with the values that the statement finds there, the shorter texts first.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, takewhile
from types import CodeType
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case
from tinygrad_scratch.verifier.reading.source import bare, text_of
from tinygrad_scratch.verifier.rewriting.clock import Clock
from tinygrad_scratch.verifier.rewriting.part import Part
from tinygrad_scratch.verifier.rewriting.quiet import is_quiet
from tinygrad_scratch.verifier.rewriting.rewrite import MADE, Rewrite
from tinygrad_scratch.verifier.rewriting.statements import Statement
from tinygrad_scratch.verifier.rewriting.text import Source, effort, lines_of, source_of, usable
from tinygrad_scratch.verifier.trying.looks import compiled, formula_of, value_of, worked_out
from tinygrad_scratch.verifier.trying.outlook import Foretold, Outlook, arrays_in, nodes_made_at

SECONDS = 3.0  # for one statement, in all of its calls
LONGER = 2  # a later call may take so many times as long for what there was time for in the first one
MOST_NAMES, MOST_WRITTEN, MOST_PARTS = 40, 150, 16
MOST_FOUND = 6
LARGER, LARGEST = 2, 9  # words and signs: than the smallest change that is found, and of any
HOLE = "_hole_"
TURNED_ROUND = "..., ::-1, ::-1"
FORMS = (
    "-{}", "1 - {}", "{} ** 2", "1 / {}", "2 * {}", "{} / 2", "{} > 0", "{}.T", "{0} * (1 - {0})", "1 - {0} ** 2",
    "1 + {0} ** 2",
    "np.exp({})", "np.log({})", "np.tanh({})", "np.sqrt({})", "np.abs({})", "np.sign({})", "np.cumsum({})",
    "np.sum({})", "np.sum({}, axis=0)", "np.sum({}, axis=1)", "np.sum({}, axis=0, keepdims=True)",
    "np.sum({}, axis=1, keepdims=True)", "np.mean({})", "np.mean({}, axis=0)", "np.mean({}, axis=1)",
    "{}[::-1]", "{}[:, ::-1]", f"{{}}[{TURNED_ROUND}]", "{}[:, None]", "{}[None]",
)  # fmt: skip
"""What is made of one value."""
BETWEEN = ("*", "+", "-", "/", "@")
TURNED = ("-", "/", "@")  # of these the other way round is another value
COMPARED = ("<=", ">=")
VALUES = ast.BinOp | ast.Call | ast.Compare | ast.UnaryOp | ast.Subscript
Tried = tuple[int, str]  # the number of a hole, and what is put there
Made = tuple[str, Any]  # the text of a value, in brackets where it needs them, and the value


@dataclass
class Hole:
    """A part of a statement, and the code of the statement with anything in its place."""

    part: Part
    own: CodeType
    code: CodeType


@dataclass
class Composed:
    """A statement, and what is known of it with each composed value in the place of each part."""

    source: Source
    node: ast.stmt
    file: str
    nodes: list[int]  # of the values that it made
    times: int  # that it is made in a run
    loud: set[str]
    is_lambda: bool = False
    is_complete: bool = True
    told: dict[Tried, Foretold] = field(default_factory=dict)
    taken: list[int] = field(default_factory=list)
    seen: int = 0
    clock: Clock = field(default_factory=Clock)
    until: float = 0.0

    @cached_property
    def holes(self) -> list[Hole]:
        formula, found = formula_of(self.source, self.node), []
        start, end = self.source.span(value_of(self.node))
        for part in Statement(self.source, self.node).parts():
            a, b = self.source.span(part.node)
            if formula is None or not part.is_value or part.in_index or not (start <= a and b <= end):
                continue
            if any(isinstance(each, ast.Lambda | ast.ListComp | ast.GeneratorExp) for each in part.way):
                continue
            own = self.compiled(part.code)
            code = compiled(formula(part.change(HOLE, "", "")), self.file)
            if own is not None and code is not None:
                found.append(Hole(part, own, code))
        return found[:MOST_PARTS]

    def compiled(self, text: str) -> CodeType | None:
        """The code of an expression that may be worked out once more."""
        code = compiled(f"({text})", self.file)
        return code if code is not None and is_quiet(code, self.loud) else None

    @cached_property
    def names(self) -> list[tuple[str, CodeType]]:
        """What the function around has a name for, and what objects of its class keep."""
        words = (self.source.words(self.node.lineno, of_class) for of_class in (False, True))
        known = dict.fromkeys(name for each in words for name in each.names if ".shape" not in name)
        return self.coded(known)[:MOST_NAMES]

    @cached_property
    def written(self) -> list[tuple[str, CodeType]]:
        """What is worked out elsewhere in the text."""
        nodes = (node for node in ast.walk(self.source.tree) if isinstance(node, VALUES))
        return self.coded(usable(map(self.source.operand, nodes)))[:MOST_WRITTEN]

    def coded(self, texts: Iterable[str]) -> list[tuple[str, CodeType]]:
        codes = ((text, self.compiled(text)) for text in texts)
        return [(text, code) for text, code in codes if code is not None]

    @cached_property
    def forms(self) -> list[tuple[str, CodeType]]:
        """What is made of one value: by a form, and by a function of theirs."""
        own = [f"{name}({{}})" for name in self.source.takes_one(self.node.lineno) if not name.startswith("np.")]
        codes = ((form, self.compiled(form.format(HOLE))) for form in (*FORMS, *own))
        return [(form, code) for form, code in codes if code is not None]

    @cached_property
    def code(self) -> CodeType | None:
        """The code of what the statement gives as it is."""
        formula = formula_of(self.source, self.node)
        return compiled(formula(None), self.file) if formula is not None else None

    # ---- what is tried -----------------------------------------------------------------------------------------------

    def look(self, names: dict[str, Any], outlook: Outlook) -> None:
        """Work out all that there is time for, with the values of one call."""
        self.seen += 1
        parts = arrays_in(worked_out(self.code, names)) if self.code is not None else None
        if parts is None:
            self.is_complete = False
            return
        later = [node for node in self.nodes if node > max(self.taken, default=-1)]
        nodes = outlook.each_in(later, parts.values())
        self.taken += [node for node in nodes if node is not None]
        first, left = self.seen == 1, {*self.told}
        self.until = self.clock.now() + (1 if first else LONGER) * SECONDS / self.times
        for known, value in self.tried(names):
            if known in self.told if first else known not in left:  # there was time for these alone
                continue
            left.discard(known)
            self.note(known, worked_out(self.holes[known[0]].code, names | {HOLE: value}), nodes, parts, outlook)
            if self.is_over() or not (first or left):
                break
        for known in left:  # it is not known what they give in this call
            self.told[known].is_complete = False

    def is_over(self) -> bool:
        return self.clock.now() > self.until

    def note(self, known: Tried, value: Any, nodes: list[int | None], parts: dict[Any, Any], outlook: Outlook) -> None:
        """Note what the statement makes with a composed value."""
        told, others = self.told.setdefault(known, Foretold()), arrays_in(value)
        if others is None or others.keys() != parts.keys():
            told.fails = True
            return
        for node, (key, part) in zip(nodes, parts.items(), strict=True):
            if not np.array_equal(part, others[key]):
                outlook.note(told, node, part, others[key])

    def tried(self, names: dict[str, Any]) -> Iterator[tuple[Tried, Any]]:
        """What to try in which hole, the shorter first."""
        atoms, written = list(self.valued(self.names, names)), list(self.valued(self.written, names))
        owns = [list(self.valued(self.own_of(hole), names)) for hole in self.holes]
        for i, own in enumerate(owns):
            yield from in_hole(i, chain(atoms, written, self.made_of(own, names)))
        made = list(self.made_of([*atoms, *written], names))
        for i, own in enumerate(owns):
            yield from in_hole(i, chain(between(own, atoms), made))
        for i, own in enumerate(owns):
            yield from in_hole(i, chain(between(own, written), between(own, made)))
        for i in range(len(owns)):
            yield from in_hole(i, between(atoms, atoms))

    def own_of(self, hole: Hole) -> list[tuple[str, CodeType]]:
        """What stands in a hole; of a number nothing is made."""
        node = hole.part.node
        return [] if isinstance(node, ast.Constant) else [(self.source.operand(node), hole.own)]

    def valued(self, coded: Iterable[tuple[str, CodeType]], names: dict[str, Any]) -> Iterator[Made]:
        """The numbers and arrays among some expressions, as long as there is time."""
        for text, code in takewhile(lambda _: not self.is_over(), coded):
            value = worked_out(code, names)
            if is_numeric(value):
                yield text, value

    def made_of(self, values: Iterable[Made], names: dict[str, Any]) -> Iterator[Made]:
        """What each form makes of some values."""
        for text, value in values:
            for form, code in takewhile(lambda _: not self.is_over(), self.forms):
                other = worked_out(code, names | {HOLE: value})
                if is_numeric(other):
                    yield filled(form, text), other

    # ---- what is found -----------------------------------------------------------------------------------------------

    def found(self, outlook: Outlook) -> list[Rewrite]:
        """The smallest changes with which the gradients are right, as far as slopes tell."""
        mending = [
            known
            for known, told in self.told.items()
            if not told.fails and told.differs and told.is_complete and outlook.mends(told)
        ]
        changes = [self.change(self.holes[number].part, text) for number, text in mending]
        asked = {change: self.effort(change) for change in changes}
        least = min(asked.values(), default=0)
        near = [change for change in changes if asked[change] <= min(least + LARGER, LARGEST)]
        return sorted(near, key=lambda change: asked[change])[:MOST_FOUND]

    def effort(self, change: Rewrite) -> int:
        """How many words and signs a change takes; to turn a kernel round is one thing."""
        written, start = self.source.code(self.node), self.source.span(self.node)[0]
        text = change.text.replace(TURNED_ROUND, "::-1")
        return effort(written, written[: change.start - start] + text + written[change.end - start :])

    def change(self, part: Part, text: str) -> Rewrite:
        inner = bare(text)
        kept = inner if part.is_whole or isinstance(part.around, ast.Call) else text
        return part.change(kept, "wrong-operand", f"`{part.code}` should be `{inner}`", MADE)


def composed_at(case: Case, place: tuple[str, int], times: int, loud: set[str]) -> Composed | None:
    """The statement of a line, which is made so many times in a run; None where its value can't be worked out."""
    file, line = place
    source = source_of(text_of(file))
    node = source.statement_on(line)
    if node is None or formula_of(source, node) is None:
        return None
    return Composed(source, node, file, nodes_made_at(case, file, lines_of(node)), times, loud)


def in_hole(number: int, values: Iterable[Made]) -> Iterator[tuple[Tried, Any]]:
    return (((number, text), value) for text, value in values)


def is_numeric(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "fiub" and value.size > 0
    return isinstance(value, float | int | np.generic)


def filled(form: str, text: str) -> str:
    """A form with a text in it; in brackets unless it is a call, or an entry."""
    if "({}" in form:
        return form.format(bare(text))
    return form.format(text) if form.startswith(("{}[", "{}.")) else f"({form.format(text)})"


OPERATIONS = {
    "*": np.multiply, "+": np.add, "-": np.subtract, "/": np.true_divide, "@": np.matmul, "<=": np.less_equal,
    ">=": np.greater_equal,
}  # fmt: skip


def is_mask(value: Any) -> bool:
    return np.asarray(value).dtype.kind == "b"


def between(ones: Iterable[Made], others: list[Made]) -> Iterator[Made]:
    """What is made of two values."""
    masks = [is_mask(b) for _, b in others]
    for one, a in ones:
        is_one_mask = is_mask(a)
        for (other, b), is_other_mask in zip(others, masks, strict=True):
            if a is b:
                continue
            masked = is_one_mask or is_other_mask  # nobody adds to a mask
            for sign in ("*",) if masked else (*BETWEEN, *COMPARED):
                for first, second in ((one, a), (other, b)), ((other, b), (one, a)):
                    if first[0] != one and sign not in TURNED:
                        continue
                    try:
                        value = OPERATIONS[sign](first[1], second[1])
                    except Exception:  # shapes that don't fit
                        continue
                    yield f"({first[0]} {sign} {second[0]})", value
