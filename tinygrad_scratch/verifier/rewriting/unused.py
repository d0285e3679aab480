"""What got a name and is read nowhere after it: it was made for the line that lacks it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache
from itertools import takewhile
from typing import Any

from tinygrad_scratch.verifier.reading.derivative_names import is_derivative_of
from tinygrad_scratch.verifier.reading.source import is_sum
from tinygrad_scratch.verifier.rewriting.part import NAMES, Part, counted_by
from tinygrad_scratch.verifier.rewriting.rewrite import (
    NAMED,
    SIZE,
    Rewrite,
    kind_of_divisor,
    kind_of_factor,
    kind_of_term,
)
from tinygrad_scratch.verifier.rewriting.text import Source, is_bound

MOST_UNUSED, MOST_SLOPES = 6, 3


def unused(part: Part) -> Iterator[Rewrite]:
    """A value times what is read nowhere, and with it as a term."""
    yield from all_sums(part)
    inside = isinstance(part.around, ast.BinOp) and isinstance(part.around.op, ast.Mult | ast.Div)
    if not part.is_value or part.in_index or inside or not isinstance(part.node, VALUES):
        return
    written = part.source.operand(part.node)
    for name in names_unused(part)[:MOST_UNUSED]:
        for text in (f"{name}.T", f"{name}.swapaxes(-1, -2)") if isinstance(part.node, NAMES) else ():
            said = f"{name} is read nowhere: {part.code} should be `{text}`"
            yield part.change(text, "wrong-operand", said, NAMED)
        if not isinstance(part.node, ast.BinOp):
            yield part.change(name, "wrong-operand", f"{part.code} should be {name}, which is read nowhere", NAMED)
        said = f"{name} is read nowhere: `{part.code}` is not multiplied by it"
        kind = kind_of_factor(name)
        yield part.change(f"{written} * {name}", kind, said, NAMED, about=name)
        for slope in slopes(part.source) if part.is_whole else ():
            said = f"{name} is read nowhere: `{part.code}` is not multiplied by {slope}({name})"
            yield part.change(f"{written} * {slope}({name})", "missing-derivative", said, NAMED)
        if SIZE.fullmatch(name):
            said = f"{name} is read nowhere: `{part.code}` is not divided by it"
            yield part.change(f"({written} / {name})", kind_of_divisor(name), said, NAMED, about=name)
        if part.is_whole and isinstance(part.node, ast.BinOp) and isinstance(part.node.op, ast.MatMult):
            for text in (f"{part.code} @ {name}", f"{name} @ {part.code}"):
                yield part.change(text, kind, said, NAMED, about=name)
        yield from as_term(part, name, written)


def as_term(part: Part, name: str, written: str) -> Iterator[Rewrite]:
    """What is read nowhere, or its entry, added to a value, or taken off."""
    said = f"{name} is read nowhere: the term is missing"
    kind = "overwritten-accumulation" if is_of_target(part, name) else kind_of_term(name)
    written = part.code if is_sum(part.node) else written  # one more of its terms
    for term in (name, *entry_of(part, name)):
        for text in (f"{term} + {written}", f"{written} - {term}"):
            yield part.change(text, kind, said, NAMED, about=name)
    if part.is_whole and isinstance(part.node, NAMES):  # of two lists of gradients
        text = f"[one + other for one, other in zip({name}, {written})]"
        yield part.change(text, kind, said, NAMED, about=name)


def entry_of(part: Part, name: str) -> list[str]:
    """The entry of a value that the part takes of another one: `gb[k]` of `gb`, beside `ga[k]`."""
    taken = part.node.value if isinstance(part.node, ast.Subscript) else None
    return [name + part.code.removeprefix(taken.id)] if isinstance(taken, ast.Name) else []


def slopes(source: Source) -> list[str]:
    """The functions of one value that are called as derivatives are."""
    names = {node.name for node in source.statements if isinstance(node, ast.FunctionDef)}
    called = [name for name in source.everything.called if name.isidentifier()]
    return [name for name in called if is_derivative_of(name, names - {name})][:MOST_SLOPES]


VALUES = (ast.Name, ast.Attribute, ast.Subscript, ast.BinOp, ast.Call)


def is_of_target(part: Part, name: str) -> bool:
    """Whether a name is of what the statement makes anew, and held what was summed up there before.

    It is what a comprehension takes out of that, or what a line before took out: `a, b = sums[k]`.
    """
    targets = getattr(part.statement, "targets", ())
    lists = [each for around in part.way if isinstance(around, COMPREHENSIONS) for each in around.generators]
    taken = [(each.target, each.iter) for each in lists]
    if all(isinstance(target, ast.Attribute | ast.Subscript) for target in targets):  # `skip = d` is another way
        taken += [(each.targets[-1], each.value) for each in assigned_before(part)]
    made = {part.source.code(target) for target in targets}
    return any(
        name in {n.id for n in ast.walk(target) if isinstance(n, ast.Name)}
        and made & {part.source.code(n) for n in ast.walk(source) if isinstance(n, ast.expr)}
        for target, source in taken
    )


def assigned_before(part: Part) -> Iterator[ast.Assign]:
    """The statements of a block that give names to values before the one that is changed."""
    before = takewhile(lambda each: each is not part.statement, part.source.block_of(part.statement))
    return (each for each in before if isinstance(each, ast.Assign))


def all_sums(part: Part) -> Iterator[Rewrite]:
    """Several values, each with what was summed up of it before: a line took all of that out, and none is read."""
    if not isinstance(part.node, ast.Tuple) or not part.is_whole or not isinstance(part.statement, ast.Assign):
        return
    kept, unread = part.source.code(part.statement.targets[-1]), {*names_unused(part)}
    for each in assigned_before(part):
        names = [part.source.code(name) for name in getattr(each.targets[-1], "elts", ())]
        if part.source.code(each.value) == kept and len(names) == len(part.node.elts) and unread.issuperset(names):
            terms = zip(names, map(part.source.operand, part.node.elts), strict=True)
            text = ", ".join(f"{name} + {term}" for name, term in terms)
            said = f"{kept} is written over each time: what it held before is read nowhere"
            yield part.change(f"({text})", "overwritten-accumulation", said, NAMED)


def names_unused(part: Part) -> list[str]:
    """The names that the function around, or a comprehension around, binds before the line and doesn't read."""
    found = [*bound_unread(part.source, part.statement), *given_unread(part.source, part.line)]
    inner: list[list[Any]] = [list(ast.walk(each)) for each in part.way if isinstance(each, COMPREHENSIONS)]
    first = [n.id for nodes in inner for n in nodes if is_bound(n) and n.id not in read_in(nodes)]
    return [name for name in (*first, *found) if name not in ("self", "_")]


def bound_unread(source: Source, statement: ast.stmt) -> list[str]:
    """What lines before a statement give a name that nothing in the function around reads."""
    nodes = nodes_around(source, statement.lineno)
    here = {id(node) for node in ast.walk(statement)}
    counters = {counted_by(node) for node in nodes if isinstance(node, ast.For)}
    bound = [n.id for n in nodes if is_bound(n) and n.lineno < statement.lineno and id(n) not in here]
    read = read_in(nodes)
    return [name for name in dict.fromkeys(bound) if name not in read | counters]


def only_read_by(source: Source, statement: ast.stmt) -> list[str]:
    """What lines before a statement give a name that it alone reads."""
    nodes = nodes_around(source, statement.lineno)
    here = list(ast.walk(statement))
    inside = {id(node) for node in here}
    others = [node for node in nodes if id(node) not in inside]
    bound = {node.id for node in others if is_bound(node) and node.lineno < statement.lineno}
    return sorted((bound & read_in(here)) - read_in(others))


@lru_cache(maxsize=256)
def nodes_around(source: Source, line: int) -> list[Any]:
    """All that is in the function around a line, or in a script itself and its functions but for their own names."""
    around = source.function_around(line)
    if around is not None:
        return list(ast.walk(around))
    functions = [node for node in source.statements if isinstance(node, ast.FunctionDef)]
    own = set[int]().union(*map(own_names, functions))
    return [node for node in ast.walk(source.tree) if id(node) not in own]


def own_names(function: ast.FunctionDef) -> set[int]:
    """The places of the names that a function binds itself, or is given."""
    nodes = list(ast.walk(function))
    outer = {name for node in nodes if isinstance(node, ast.Global | ast.Nonlocal) for name in node.names}
    given = {n.arg for n in nodes if isinstance(n, ast.arg)}
    bound = given | {n.id for n in nodes if isinstance(n, ast.Name) and is_bound(n)}
    return {id(n) for n in nodes if isinstance(n, ast.Name) and n.id in bound - outer}


def given_unread(source: Source, line: int) -> list[str]:
    """What the function around a line is given, and reads nowhere."""
    around = source.function_around(line)
    read = {*read_in(nodes_around(source, line)), "self"}
    return [each.arg for each in around.args.args if each.arg not in read] if around is not None else []


def sizes_unread(source: Source) -> list[str]:
    """The sizes that functions are given, and read nowhere."""
    functions = [node for node in source.statements if isinstance(node, ast.FunctionDef)]
    return [name for node in functions for name in given_unread(source, node.lineno) if SIZE.fullmatch(name)]


def read_in(nodes: list[Any]) -> set[str]:
    """The names that are read; what is only written into is not."""
    written = {id(n.value) for n in nodes if isinstance(n, ast.Subscript) and isinstance(n.ctx, ast.Store)}
    found = (n for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load) and id(n) not in written)
    return {node.id for node in found}


COMPREHENSIONS = (ast.ListComp, ast.GeneratorExp, ast.SetComp, ast.DictComp)
