"""A statement that stands one loop too deep, or too far out: a `return` in the first turn, a sum of the last one."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tinygrad_scratch.verifier.rewriting.each_turn import Loop, names_in
from tinygrad_scratch.verifier.rewriting.rewrite import NAMED, OF_PENALTY, Rewrite
from tinygrad_scratch.verifier.rewriting.text import Source


def out_of_loop(source: Source, node: ast.stmt) -> Iterator[Rewrite]:
    """What ends the turns of a loop, or of several, after these: where it leaves them, or scales what they add up."""
    kind, said = what_it_does(source, node)
    inner: ast.stmt = node
    for loop in reversed(source.loops_over(node.lineno) if kind else []):
        if loop.body[-1] is not inner or loop.body[0] is inner or loop.orelse or names_in(loop.target) & names_in(node):
            return
        yield moved_to(source, node, source.indent_of(loop), kind, f"{said} at line {loop.lineno}")
        inner = loop


def what_it_does(source: Source, node: ast.stmt) -> tuple[str, str]:
    """The kind of the mistake if a statement stands in a loop that it should come after; nothing of most."""
    match node:
        case ast.Return():
            return (
                "off-by-one",
                "`return` stands in the loop, and ends it in its first turn: it belongs after the loop",
            )
        case ast.AugAssign(op=ast.Mult() | ast.Div()):
            return "scale-factor", "each turn scales what the turns before gave: it belongs after the loop"
        case ast.AugAssign(op=ast.Add() | ast.Sub(), value=value) if OF_PENALTY.search(source.code(value)):
            return "regularisation", "each turn adds the gradient of the penalty: it belongs after the loop"
        case ast.AugAssign(op=ast.Add() | ast.Sub()):
            return "scale-factor", "each turn adds it: it belongs after the loop"
    return "", ""


def into_loop(source: Source, node: ast.stmt) -> Iterator[Rewrite]:
    """What is added once after a loop, in each of its turns."""
    block = source.block_of(node)
    before = block[block.index(node) - 1] if block.index(node) else None
    if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add | ast.Sub) and isinstance(before, Loop):
        said = f"only the last turn is added: it belongs into the loop at line {before.lineno}"
        yield moved_to(source, node, source.indent_of(before.body[-1]), "missing-term", said)


def moved_to(source: Source, node: ast.stmt, indent: str, kind: str, said: str) -> Rewrite:
    """A statement as deep in loops as an indentation says."""
    start = source.at(node.lineno)
    return Rewrite(node.lineno, start, start + len(source.indent_of(node)), indent, kind, said, NAMED)
