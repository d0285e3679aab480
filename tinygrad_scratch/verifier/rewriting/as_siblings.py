"""A part of a statement as another one of its form has it: `x.T @ (e1 * s1)` beside `h.T @ (e2 * s2)`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import islice

from tinygrad_scratch.verifier.rewriting.like_others import apart
from tinygrad_scratch.verifier.rewriting.part import NAMES
from tinygrad_scratch.verifier.rewriting.rewrite import (
    NAMED,
    Rewrite,
    kind_of_call,
    kind_of_divisor,
    kind_of_factor,
    kind_of_term,
)
from tinygrad_scratch.verifier.rewriting.text import FIRST_WORDS, Source
from tinygrad_scratch.verifier.rewriting.unused import nodes_around

MOST = 12  # changes of a statement
MOST_MEANT = 6  # names that may be meant by one that the other statement has
FEWEST = 2  # names that two statements of one form have in the same places
VALUED = ast.Assign | ast.AugAssign


@dataclass
class Beside:
    """A statement beside another one: the names that stand in one place of both, and what is of another form."""

    source: Source
    names: dict[str, str] = field(default_factory=dict)
    others: list[tuple[ast.expr, ast.expr]] = field(default_factory=list)

    def compare(self, mine: ast.AST, theirs: ast.AST) -> None:
        if isinstance(mine, NAMES) and isinstance(theirs, NAMES):
            own = self.source.code(mine)
            if self.names.setdefault(self.source.code(theirs), own) != own:
                self.others.append((mine, theirs))
        elif form_of(mine) == form_of(theirs):
            pairs = zip(ast.iter_child_nodes(mine), ast.iter_child_nodes(theirs), strict=True)
            for one, other in pairs:
                if not (isinstance(mine, ast.Call) and one is mine.func):
                    self.compare(one, other)
        elif isinstance(mine, ast.expr) and isinstance(theirs, ast.expr):
            self.others.append((mine, theirs))


def form_of(node: ast.AST) -> tuple[str, ...]:
    """What two nodes have in common that differ in their names alone: the operation, the function, a number."""
    match node:
        case ast.Call(func=function, args=given, keywords=named):
            return "call", ast.dump(function), str(len(given)), *(str(each.arg) for each in named)
        case ast.Constant(value=value):
            return "number", repr(value)
    fields = [value for _, value in ast.iter_fields(node) if isinstance(value, ast.operator | ast.unaryop)]
    return type(node).__name__, *(type(value).__name__ for value in fields), str(len(list(ast.iter_child_nodes(node))))


def as_siblings(source: Source, statement: ast.stmt) -> Iterator[Rewrite]:
    """The one part in which a statement is of another form than one beside it, as it is there, with its own names."""
    yield from islice(changes(source, statement), MOST)


def changes(source: Source, statement: ast.stmt) -> Iterator[Rewrite]:
    if not isinstance(statement, VALUED):
        return
    nodes = nodes_around(source, statement.lineno)
    known = dict.fromkeys(source.code(node) for node in nodes if isinstance(node, ast.Name | ast.Attribute))
    for other in nodes:
        if other is statement or type(other) is not type(statement):
            continue
        beside = Beside(source)
        beside.compare(target_of(statement), target_of(other))
        beside.compare(statement.value, other.value)
        if len(beside.others) != 1 or not is_alike(statement, other):
            continue
        mine, theirs = beside.others[0]
        if any(isinstance(getattr(node, "ctx", None), ast.Store) for node in ast.walk(theirs)):
            continue  # with another name for what a comprehension binds, it would bind that
        first = next((node for node in outermost(theirs) if isinstance(mine, NAMES)), mine)
        names = {source.code(first): source.code(mine)} | beside.names
        begins = first is not mine and source.code(mine) in by_letters(source.code(first), beside.names)
        if len(beside.names) + (begins or source.code(first) == source.code(mine) != "") < FEWEST:
            continue
        for text in texts_of(source, theirs, names, list(known)):
            said = f"`{source.code(mine)}` should be `{text}`, as line {other.lineno} has it"
            start, end = source.span(mine)
            yield Rewrite(statement.lineno, start, end, f"({text})", kind_of(source.code(mine), text), said, NAMED)


def target_of(statement: VALUED) -> ast.expr:
    return statement.target if isinstance(statement, ast.AugAssign) else statement.targets[0]


def is_alike(one: VALUED, other: VALUED) -> bool:
    """Whether both statements give names to values, or both change them by the same sign."""
    if isinstance(one, ast.AugAssign) and isinstance(other, ast.AugAssign):
        return type(one.op) is type(other.op)
    return type(one) is type(other)


def texts_of(source: Source, theirs: ast.expr, names: dict[str, str], known: list[str]) -> Iterator[str]:
    """An expression with the names of another statement for its own; of one that is unknown, with what it may be."""
    start, _ = source.span(theirs)
    found = [node for node in outermost(theirs) if source.code(node).partition(".")[0] not in FIRST_WORDS[1:]]
    unknown = list(dict.fromkeys(code for node in found if (code := source.code(node)) not in names))
    entries = {source.code(node) for node in found if isinstance(node, ast.Subscript)}  # of what both know
    meant = {code: [n for n in by_letters(code, names) if n in known or code in entries] for code in unknown}
    open_ones = [code for code in unknown if not meant[code]]
    near = [""]
    if len(open_ones) > 1:  # what both may read, such as a rate and a size
        names, open_ones = names | {code: code for code in open_ones}, []
    elif open_ones:
        values = [name for name in known if name.partition(".")[0] not in FIRST_WORDS[1:]]
        near = sorted(values, key=lambda name: -SequenceMatcher(None, name, open_ones[0]).ratio())
    for instead in near[:MOST_MEANT]:
        own = names | {code: others[0] for code, others in meant.items() if others} | dict.fromkeys(open_ones, instead)
        text = source.code(theirs)
        for node in sorted(found, key=lambda node: -source.span(node)[0]):
            one, end = source.span(node)
            text = text[: one - start] + own[source.code(node)] + text[end - start :]
        yield text


def by_letters(code: str, names: dict[str, str]) -> Iterator[str]:
    """What a name becomes by the letters in which the names of two statements differ: `dw_2` for `dw_1`."""
    for one, other in names.items():
        _, was, now = apart(one, other)
        if one != other and was and now and was in code:
            yield re.sub(re.escape(was) + r"(?!.*" + re.escape(was) + ")", now, code)


def outermost(node: ast.AST) -> Iterator[ast.expr]:
    """The names in an expression, but for what is called."""
    if isinstance(node, NAMES):
        yield node
        return
    for child in ast.iter_child_nodes(node):
        if not (isinstance(node, ast.Call) and child is node.func and not isinstance(child, ast.Attribute)):
            yield from outermost(child)


def kind_of(mine: str, text: str) -> str:
    """The kind of a mistake by what a statement lacks of what the other one has."""
    call = re.match(r"([\w.]+)\(", text)
    if call is not None and re.search(rf"(?<![\w.]){re.escape(mine)}(?!\w)", text):
        return kind_of_call(call[1])
    rest = text.removeprefix(mine).strip()
    if rest == text or not rest:
        return "wrong-operand"
    if rest[0] in "+-":
        return kind_of_term(rest[1:].strip())
    return kind_of_divisor(rest[1:].strip()) if rest[0] == "/" else kind_of_factor(rest[1:].strip())
