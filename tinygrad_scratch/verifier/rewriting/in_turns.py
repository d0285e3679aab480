"""Terms as they stand in backward passes through time: what was just derived, times a weight, and the turn before."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tinygrad_scratch.verifier.rewriting.part import Part, name_of
from tinygrad_scratch.verifier.rewriting.rewrite import MADE, NAMED, Rewrite
from tinygrad_scratch.verifier.rewriting.text import is_bound

MOST_BEFORE = 2  # statements that derived something
MOST_WEIGHTS = 16
TURN_BEFORE = re.compile(r".*\[\s*(\w+)\s*-\s*1\s*\]")


def in_turns(part: Part) -> Iterator[Rewrite]:
    """What a value that is computed turn by turn may lack."""
    statement = part.statement
    if not part.is_value or part.in_index or not isinstance(statement, ast.Assign | ast.AugAssign):
        return
    target = statement.targets[-1] if isinstance(statement, ast.Assign) else statement.target
    if part.is_whole and isinstance(target, ast.Subscript | ast.Name | ast.Attribute):
        yield from by_weights(part)
        yield from by_what_is_carried(part)
    if isinstance(target, ast.Subscript) and isinstance(part.node, ast.Subscript) and is_factor(part):
        yield from less_than_before(part)


def by_weights(part: Part) -> Iterator[Rewrite]:
    """With what was derived in the lines before, times what something is multiplied by elsewhere in the class."""
    for recent in part.targets_before(MOST_BEFORE):
        for weight in weights(part):
            if recent not in part.code and weight != recent:
                said = f"the term `{weight} * {recent}` is missing"
                yield part.change(f"{part.code} + {weight} * {recent}", "missing-term", said, MADE)


def by_what_is_carried(part: Part) -> Iterator[Rewrite]:
    """With what each turn leaves to the next one, and none reads, times a matrix: `+ da @ W`, where da began as 0."""
    names = carried_unread(part)
    matrices = multiplied(part) if names else []
    for name in names:
        said = f"each turn leaves {name} to the next one, and none reads it: `{{}}` is missing"
        for matrix in matrices[:MOST_WEIGHTS]:
            for term in (f"{name} @ {matrix}", f"{name} @ {matrix}.T", f"{matrix}.T @ {name}", f"{matrix} @ {name}"):
                yield part.change(f"{part.code} + {term}", "missing-term", said.format(term), NAMED, about=name)


def carried_unread(part: Part) -> list[str]:
    """The names that have a value before a loop, and get another one in it before anything in the loop reads them."""
    loops = part.source.loops_over(part.line)
    if not loops:
        return []
    first, inside = loops[-1].lineno, names_in(loops[-1])
    around = names_in(part.source.function_around(part.line) or part.source.tree)
    begun = {n.id for n in around if is_bound(n) and n.lineno < first}
    bound: dict[str, int] = {}
    for node in (n for n in inside if is_bound(n) and n.id in begun and n.lineno > part.line):
        bound[node.id] = min(node.lineno, bound.get(node.id, node.lineno))
    read = {n.id for n in inside if not is_bound(n) and n.lineno <= bound.get(n.id, 0)}
    return [name for name in bound if name not in read]


def names_in(node: ast.AST) -> list[ast.Name]:
    return [each for each in ast.walk(node) if isinstance(each, ast.Name)]


def multiplied(part: Part) -> list[str]:
    """The names that a product of matrices has as a side in the class around, or in the text."""
    around = part.source.class_around(part.line) or part.source.tree
    sides: dict[str, None] = {}
    for node in ast.walk(around):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
            sides |= dict.fromkeys(map(part.source.code, (node.left, node.right)))
        elif isinstance(node, ast.Call) and name_of(node) in ("dot", "matmul"):
            sides |= dict.fromkeys(map(part.source.code, node.args))
    known = set(part.source.words(part.line, of_class=True).names)
    return [side for side in dict.fromkeys(each.removesuffix(".T") for each in sides) if side in known]


def weights(part: Part) -> list[str]:
    """Names in the function around that a product has as a side, there or elsewhere in the class."""
    known = set(part.source.words(part.line).names)
    return [f for f in part.source.words(part.line, of_class=True).factors if f.isidentifier() and f in known][
        :MOST_WEIGHTS
    ]


def less_than_before(part: Part) -> Iterator[Rewrite]:
    """A factor less, or more, the entry of another name in the turn before; nothing is before the first turn."""
    for entry in part.source.words(part.line, of_class=True).names:
        turn = TURN_BEFORE.fullmatch(entry)
        if turn is not None and turn[1] in part.code:
            for text in (entry, f"({entry} if {turn[1]} > 0 else 0)"):
                for sign in "-+":
                    said = f"{part.code} should be `{part.code} {sign} {text}`"
                    yield part.change(f"({part.code} {sign} {text})", "missing-term", said, MADE)


def is_factor(part: Part) -> bool:
    return isinstance(part.around, ast.BinOp) and isinstance(part.around.op, ast.Mult)
