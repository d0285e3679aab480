"""A plain run in which the changes of each statement are worked out with the values that it finds there.

So most changes need no run of their own: those that fail, that change nothing, or that can't mend the gradients.
"""

from __future__ import annotations

import ast
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from types import CodeType, FrameType
from typing import Any, ClassVar, Protocol

import numpy as np

from tinygrad_scratch.verifier.recording.one_memory import is_same_memory
from tinygrad_scratch.verifier.rewriting.clock import Clock
from tinygrad_scratch.verifier.rewriting.quiet import is_quiet
from tinygrad_scratch.verifier.rewriting.rewrite import PUT_IN, Rewrite
from tinygrad_scratch.verifier.rewriting.text import Source, lines_of
from tinygrad_scratch.verifier.truths.table import Entry
from tinygrad_scratch.verifier.trying.left import Left
from tinygrad_scratch.verifier.trying.lines import Lines
from tinygrad_scratch.verifier.trying.outlook import (
    RULED_OUT,
    UNKNOWN,
    Foretold,
    Outlook,
    arrays_in,
    nodes_made_at,
)

SECONDS = 0.25  # for the changes of one statement, and this many times as long for those that put nothing in
LONGER = 4
FEW = 3  # calls of a statement that are looked at in any case
ALL_SECONDS = 8.0  # for those of all
MUCH_LONGER = 4  # the run may last, as where others use the machine, too
OPERATORS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
ALIASING = ("inplace-corruption",)  # not told by values
Known = tuple[int, int, str]  # a change


@dataclass(frozen=True)
class Changed:
    """A statement with a change in it."""

    code: CodeType
    puts_in: bool  # whether the change puts something in
    entry: int | None  # the one of a row that the change is inside of; the others are made as they were


def known(rewrite: Rewrite) -> Known:
    return rewrite.start, rewrite.end, rewrite.text


@dataclass
class Looked:
    """A statement that gives a value: the code of that, and of what it is with each change."""

    code: CodeType
    changes: Callable[[], dict[Known, Changed]]
    nodes: list[int]  # of the values that it made
    accumulates: bool
    is_made: bool  # by an operation, and no other name of what there was
    is_lambda: bool  # which gives it when it is called
    told: dict[Known, Foretold] = field(default_factory=dict)
    taken: list[int] = field(default_factory=list)
    right: list[Entry | None] = field(default_factory=list)  # the gradients that the values are as they are
    seconds: float = 0.0
    times: int = 0
    is_complete: bool = True
    is_known: bool = True

    @cached_property
    def changed(self) -> dict[Known, Changed]:
        return self.changes()

    def look(self, names: dict[str, Any], outlook: Outlook) -> None:
        """Work all changes out in a namespace."""
        if not self.is_known:
            return
        over = self.times >= FEW and self.seconds > SECONDS
        if over and self.seconds > LONGER * SECONDS:
            self.is_complete = False
            return
        start = time.perf_counter()
        self.times += 1
        value = worked_out(self.code, names)
        parts = arrays_in(value)
        if parts is None:
            self.is_known = False
            return
        later = [node for node in self.nodes if node > max(self.taken, default=-1)]
        nodes = outlook.each_in(later, parts.values())
        self.right = [outlook.gradient_of(part) for part in parts.values()]
        self.taken += [node for node in nodes if node is not None]
        for each, changed in self.changed.items():
            told = self.told.setdefault(each, Foretold(changed.puts_in))
            told.is_complete = told.is_complete and not (over and changed.puts_in)
            if not told.fails and not told.is_gradient and told.is_complete:  # else it is decided
                self.compare(told, parts, nodes, changed, worked_out(changed.code, names), outlook)
        self.seconds += time.perf_counter() - start

    def compare(
        self, told: Foretold, parts: dict[Any, Any], nodes: list[int | None], by: Changed, other: Any, outlook: Outlook
    ) -> None:
        if other is FAILED:
            told.fails = True
            return
        others = arrays_in(other)
        if others is None or others.keys() != parts.keys():
            told.is_anything()
            return
        for node, (key, part), right in zip(nodes, parts.items(), self.right, strict=True):
            changed = others[key]
            if is_same(part, changed):
                made_so = self.is_made or (by.entry is not None and key[0] != by.entry)
                if not (made_so or shares_memory(part, changed)):  # what is changed in place later may differ
                    told.is_anything()
            else:
                outlook.note(told, node, part, changed)
                if part.dtype != changed.dtype:  # only what is made of it tells
                    told.moved = None
                found = None if told.is_gradient else outlook.gradient_of(changed)
                if found is not None and found is not right:  # and not one of the others, with which it is exchanged
                    told.is_gradient = not any(is_same(each, changed) for each in parts.values())


def is_same(one: Any, other: Any) -> bool:
    return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=True)


def shares_memory(one: Any, other: Any) -> bool:
    """Whether two arrays share memory; which of their entries do is worked out only where that isn't plain."""
    if one.size and is_same_memory(one, other):
        return True
    return np.may_share_memory(one, other) and bool(np.shares_memory(one, other))


class Looker(Protocol):
    """What looks at a statement with the values that it finds, each time that a run comes to it."""

    is_lambda: bool
    is_complete: bool

    def look(self, names: dict[str, Any], outlook: Outlook) -> None: ...


FAILED = object()


def worked_out(code: CodeType, names: dict[str, Any]) -> Any:
    try:
        return eval(code, names)
    except KeyboardInterrupt:
        raise
    except BaseException:  # theirs may be of any kind
        return FAILED


class Looks(Lines):
    """A traced run that looks at the changes of the statements that it comes to."""

    sees_more: ClassVar = True

    def __init__(
        self, left: Left, seconds: float, outlook: Outlook, looked: Mapping[tuple[str, int], Looker],
        ends: Callable[[FrameType], None] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(left, float("inf"), seconds + MUCH_LONGER * ALL_SECONDS, ends)
        self.outlook, self.looked = outlook, looked
        self.at: dict[int, Looker | None] = {}  # by the id of what runs
        self.clock = Clock()
        self.until = self.clock.now() + ALL_SECONDS

    def see(self, frame: FrameType, event: str, value: Any) -> Any:
        super().see(frame, event, value)
        code = frame.f_code
        if event == "return":
            self.at.pop(id(frame), None)
        if event == "line" and (code.co_name in ("<module>", "<lambda>") or not code.co_name.startswith("<")):
            here = self.looked.get((code.co_filename, frame.f_lineno))
            here = here if here is not None and here.is_lambda == (code.co_name == "<lambda>") else None
            is_new = here is not None and self.at.get(id(frame)) is not here
            if here is not None and is_new and self.clock.now() > self.until:
                here.is_complete = False
            elif here is not None and is_new:
                with np.errstate(all="ignore"):
                    here.look({**frame.f_globals, **frame.f_locals}, self.outlook)
            self.at[id(frame)] = here
        return self.see


def looked_at(
    source: Source, file: str, changes: dict[int, list[Rewrite]], outlook: Outlook, loud: set[str]
) -> dict[tuple[str, int], Looked]:
    """The statements whose changes can be worked out, by each of their lines."""
    found: dict[tuple[str, int], Looked] = {}
    for node in source.statements:
        alone = sum(node.lineno in lines_of(other) for other in source.statements if not hasattr(other, "body")) == 1
        formula = formula_of(source, node) if node.lineno in changes and alone else None
        code = compiled(formula(None), file) if formula is not None else None
        if formula is None or code is None or not is_quiet(code, loud):
            continue
        looked = Looked(
            code,
            partial(codes_of, source, node, changes[node.lineno], file, loud),
            nodes_made_at(outlook.case, file, lines_of(node)),
            isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add | ast.Sub),
            isinstance(node, ast.AugAssign) or isinstance(value_of(node), ast.BinOp),
            isinstance(node.value, ast.Lambda),  # type: ignore[attr-defined]  # a statement with a formula has a value
        )
        found |= {(file, line): looked for line in lines_of(node)}
    return found


def codes_of(source: Source, node: Any, changes: list[Rewrite], file: str, loud: set[str]) -> dict[Known, Changed]:
    """The code of what a statement gives with each change in it that may be worked out."""
    start, end = source.span(value_of(node))
    formula = formula_of(source, node)
    inside = [each for each in changes if start <= each.start and each.end <= end and each.kind not in ALIASING]
    codes = [(each, compiled(formula(each), file)) for each in inside] if formula is not None else []
    return {
        known(each): Changed(code, each.tier >= PUT_IN, entry_with(source, value_of(node), each))
        for each, code in codes
        if code is not None and is_quiet(code, loud)
    }


def entry_with(source: Source, value: ast.expr, change: Rewrite) -> int | None:
    """Which entry of a row that is written out has all of a change in it; None where that can't be told."""
    entries = value.elts if isinstance(value, ast.Tuple | ast.List) else []
    spans = [source.span(each) for each in entries if not any(isinstance(each, ast.Starred) for each in entries)]
    return next((i for i, (start, end) in enumerate(spans) if start <= change.start and change.end <= end), None)


def value_of(node: Any) -> Any:
    """What a statement gives, or a lambda when it is called."""
    return node.value.body if isinstance(node.value, ast.Lambda) else node.value


def formula_of(source: Source, node: ast.stmt) -> Callable[[Rewrite | None], str] | None:
    """The text of what a statement gives, with a change in it; nothing where it only does something."""
    if not isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Return) or node.value is None:
        return None
    start, end = source.span(value_of(node))
    before = ""
    if isinstance(node, ast.AugAssign):
        sign = OPERATORS.get(type(node.op))
        if sign is None:
            return None
        before = f"{source.code(node.target)} {sign} "

    def text(rewrite: Rewrite | None) -> str:
        if rewrite is None:
            return f"({before}({source.text[start:end]}))"
        return f"({before}({source.text[start : rewrite.start]}{rewrite.text}{source.text[rewrite.end : end]}))"

    return text


def compiled(text: str, file: str) -> CodeType | None:
    try:
        return compile(text, file, "eval", dont_inherit=True)
    except (SyntaxError, ValueError):
        return None


def ranks(looked: dict[tuple[str, int], Looked], outlook: Outlook) -> dict[tuple[str, int, int, str], float]:
    """How likely each change of a file is that was worked out; of what is no value on the tape nothing is known."""
    found: dict[tuple[str, int, int, str], float] = {}
    for file, each in {id(each): (file, each) for (file, _), each in looked.items()}.values():
        if each.is_known and each.times:
            seen = each.is_complete and len(each.taken) >= each.times
            linear = seen and outlook.is_linear(each.taken, each.accumulates)
            apart = seen and outlook.are_apart(each.taken)
            for one, told in each.told.items():
                rank = outlook.rank(told, each.is_complete and told.is_complete, linear, apart)
                found[file, *one] = min(rank, UNKNOWN) if rank < RULED_OUT and not each.taken else rank
    return found


def updated_by(looked: dict[tuple[str, int], Looked]) -> dict[tuple[str, int, int, str], list[tuple[Any, Any]]]:
    """What the run ends with, as it is and with each change that makes no more than that another value."""
    return {
        (file, *one): told.updated
        for (file, _), each in looked.items()
        for one, told in each.told.items()
        if each.is_known and each.is_complete and told.is_complete and not told.fails and told.updated
    }
