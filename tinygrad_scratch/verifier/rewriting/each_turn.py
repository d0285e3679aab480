"""What begins anew in each turn of a loop, where it was begun once: `back = 0.0` before the loop, and not in it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tinygrad_scratch.verifier.rewriting.rewrite import Rewrite
from tinygrad_scratch.verifier.rewriting.text import Source

Loop = ast.For | ast.While


def begun_in_turns(source: Source, node: ast.Assign) -> Iterator[Rewrite]:
    """An assignment as the first statement of a loop after it, or of one inside of that, which adds to its name."""
    name = node.targets[0].id if len(node.targets) == 1 and isinstance(node.targets[0], ast.Name) else ""
    block = source.block_of(node)
    after = block[block.index(node) + 1 :]
    user = next((other for other in after if name in names_in(other)), None)
    if not name or not isinstance(user, Loop) or name in names_in(node.value):
        return
    start, end = source.at(node.lineno), source.starts[min(node.end_lineno or 0, len(source.lines))]
    for loop in (part for part in ast.walk(user) if isinstance(part, Loop) and grows_and_serves(name, part)):
        into = source.at(loop.body[0].lineno)
        indent = source.indent_of(loop.body[0])
        if loop.body[0].lineno > loop.lineno and source.text[start:end].count("\n") == 1:
            text = source.text[end:into] + indent + source.text[start:end].lstrip()
            said = f"{name} keeps what the turns before gave it: it begins anew in each turn of the loop at line {{}}"
            yield Rewrite(node.lineno, start, into, text, "overwritten-accumulation", said.format(loop.lineno))


def grows_and_serves(name: str, loop: Loop) -> bool:
    """Whether a loop adds to a name, and does something else with it; what counts its turns begins before it."""
    parts = [part for part in ast.walk(loop) if isinstance(part, ast.stmt) and not hasattr(part, "body")]
    adding = [part for part in parts if adds_to(name, part)]
    loops = [other for other in ast.walk(loop) if isinstance(other, Loop) and other is not loop]
    inner = {id(part) for other in loops for part in ast.walk(other)}
    if all(counts(part) and id(part) not in inner for part in adding):
        return False
    return any(name in names_in(part) for part in parts if part not in adding)


def counts(node: ast.stmt) -> bool:
    """Whether a statement adds a number that stands there, as `n += 1` does."""
    return isinstance(node, ast.AugAssign) and isinstance(node.value, ast.Constant)


def names_in(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def adds_to(name: str, node: ast.stmt) -> bool:
    """Whether a statement adds something to a name, or to an entry of it."""
    match node:
        case ast.AugAssign(target=ast.Name(id=own) | ast.Subscript(value=ast.Name(id=own)), op=ast.Add() | ast.Sub()):
            return own == name
        case ast.Assign(targets=[ast.Name(id=own)], value=value):
            return own == name and name in names_in(value)
    return False
