"""Texts that hold in one turn of a loop alone, as `d * acts[3]` where the loop has `acts[l]`: none of its statement."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from difflib import SequenceMatcher
from functools import cache
from typing import Any

from tinygrad_scratch.verifier.cases.case import Case, Repair
from tinygrad_scratch.verifier.reading.places import Place
from tinygrad_scratch.verifier.reading.source import TOKEN, parsed, text_of, without_blanks
from tinygrad_scratch.verifier.rewriting.rewrite import Rewrite
from tinygrad_scratch.verifier.rewriting.text import lines_of, source_of
from tinygrad_scratch.verifier.showing.mistakes import written_and_right

TURNS = ast.ListComp | ast.GeneratorExp | ast.DictComp | ast.SetComp


def holds_in_one_turn(text: str, place: Place) -> bool:
    """Whether a text for a place in a loop has an entry by a number that nobody wrote there.

    It is so where the loop takes other entries of it in each turn, or where no entry of it is ever taken by a number.
    """
    around = turns_at(place)
    new = list(entries_by_number(text)) if around else []
    if not new:
        return False
    own = [node for each in around for node in ast.walk(each) if isinstance(node, ast.Subscript)]
    every = [node for node in ast.walk(source_of(text_of(place.file)).tree) if isinstance(node, ast.Subscript)]
    return any(is_of_turn(entry, own, every) for entry in new)


def change_in_turns(case: Case, repair: Repair, cause: Any) -> Rewrite | None:
    """The change of its whole statement that a cause tells, where that is made in turns; None elsewhere."""
    place = cause.place
    steps = (step.place for step in case.tape.steps if step.place is not None)
    made = Counter((step.line, step.offset) for step in steps if step.file == place.file and step.line == place.line)
    is_in_turns = bool(turns_at(place)) or place.function in handed_to_reduce(place.file)
    is_in_turns = is_in_turns and max(made.values(), default=0) > 1
    if not cause.should_be or not (is_in_turns or changes_twice(cause)):
        return None
    source = source_of(text_of(place.file))
    node, right = source.statement_on(place.line), written_and_right(repair, cause)[1]
    if right is None or not isinstance(node, ast.Assign | ast.AugAssign | ast.Return | ast.Expr):
        return None
    whole = right.text if is_whole(right.text, node) else with_part(source.code(node), cause.expression, right.text)
    return Rewrite(place.line, *source.span(node), whole, cause.kind, cause.sentence) if whole else None


def changes_twice(cause: Any) -> bool:
    """Whether a text is changed alike in several places: the call may be in one of them alone."""
    texts = (without_blanks(text) for text in (cause.expression, cause.should_be))
    old, new = ([token for token in TOKEN.findall(text) if token not in "()"] for text in texts)
    codes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    changes = Counter((" ".join(old[a:b]), " ".join(new[c:d])) for tag, a, b, c, d in codes if tag != "equal")
    return any(count > 1 for count in changes.values())


@cache
def handed_to_reduce(file: str) -> frozenset[str]:
    """The names that a file gives to `reduce` first, which calls them in turns."""
    calls = (node for node in ast.walk(source_of(text_of(file)).tree) if isinstance(node, ast.Call) and node.args)
    given = (call.args[0] for call in calls if ast.unparse(call.func).rpartition(".")[2] in ("reduce", "accumulate"))
    return frozenset(ast.unparse(each) for each in given)


def is_whole(text: str, node: ast.stmt) -> bool:
    """Whether a text is a statement of the same form; `w += step` is one of that of `w = step`."""
    found, assigns = parsed(text), ast.Assign | ast.AugAssign
    alike = type(found) is type(node) or (isinstance(found, assigns) and isinstance(node, assigns))
    return alike and (isinstance(node, ast.Return | ast.Expr) or "=" in text)


def with_part(statement: str, part: str, right: str) -> str | None:
    """A statement with another part; None where that part isn't in it once."""
    return statement.replace(part, right) if part and statement.count(part) == 1 else None


def is_of_turn(entry: ast.Subscript, own: list[ast.Subscript], every: list[ast.Subscript]) -> bool:
    """Whether an entry by a number is one that a loop takes by what it counts."""
    if ast.unparse(entry) in map(ast.unparse, own):
        return False
    base = ast.unparse(entry.value)
    if any(ast.unparse(node.value) == base and is_counted(node.slice) for node in own):
        return True
    return not any(ast.unparse(node.value) == base and is_number_or_key(node.slice) for node in every)


def is_counted(index: ast.expr) -> bool:
    """Whether an index is made of names, and is no slice of all."""
    return not isinstance(index, ast.Slice | ast.Tuple) and any(isinstance(n, ast.Name) for n in ast.walk(index))


def is_number_or_key(index: ast.expr) -> bool:
    """Whether an index is a number from the front, or a key."""
    return isinstance(index, ast.Constant) and isinstance(index.value, int | str)


def entries_by_number(text: str) -> Iterator[ast.Subscript]:
    """The entries in an expression or a statement that are taken by a number or a key."""
    try:
        nodes = list(ast.walk(ast.parse(text.strip())))
    except SyntaxError:
        return
    for node in nodes:
        if isinstance(node, ast.Subscript) and is_number_or_key(node.slice) and is_held(node.value):
            yield node


def is_held(base: ast.expr) -> bool:
    """Whether it is a list or a dict that entries are taken of, and no shape."""
    name = base.attr if isinstance(base, ast.Attribute) else ""
    return isinstance(base, ast.Name | ast.Attribute | ast.Subscript) and name != "shape"


def turns_at(place: Place) -> list[ast.AST]:
    """The innermost loop around a place, or the statement with a comprehension that is there; none elsewhere."""
    source = source_of(text_of(place.file))
    inside = [node for node in source.statements if place.line in lines_of(node)]
    blocks = [node for node in inside if isinstance(node, ast.FunctionDef | ast.For | ast.While)]
    loops = [node for node in blocks[-1:] if not isinstance(node, ast.FunctionDef)]
    return [*loops, *(node for node in inside[-1:] if any(isinstance(part, TURNS) for part in ast.walk(node)))]
