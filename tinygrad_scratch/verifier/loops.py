"""The loops of a file: where they are, and what their lines give names to."""

from __future__ import annotations

import ast
import linecache
import re
from functools import cache

from tinygrad_scratch.verifier.bindings import counters_in


@cache
def stepped_in(file: str, line: int) -> frozenset[str]:
    """The names that a loop takes something off: `w = w - ...`, `w -= ...`. What counts down is none."""
    found: set[str] = set()
    for node in ast.walk(tree_of(file)):
        match node:
            case ast.AugAssign(target=ast.Name(id=name), op=ast.Sub(), value=step):
                pass
            case ast.Assign(
                targets=[ast.Name(id=name)], value=ast.BinOp(left=ast.Name(id=other), op=ast.Sub(), right=step)
            ) if name == other:
                pass
            case _:
                continue
        if line < node.lineno <= loops_in(file).get(line, 0) and not isinstance(step, ast.Constant):
            found.add(name)
    return frozenset(found) - counters_in(file)


@cache
def begun_in(file: str, line: int) -> frozenset[str]:
    """The names that a loop gives plain numbers, or arrays of them: `total, lam = 0.0, np.zeros(3)`."""
    last, found = loops_in(file).get(line, 0), set[str]()
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.Assign) and line < node.lineno <= last:
            for target in node.targets:
                both = (target, node.value)
                pairs = zip(*(each.elts if isinstance(each, ast.Tuple) else [each] for each in both), strict=False)
                found |= {name.id for name, value in pairs if isinstance(name, ast.Name) and is_plain(value)}
    return frozenset(found)


def is_plain(value: ast.expr) -> bool:
    called = value.func.attr if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) else ""
    return isinstance(value, ast.Constant) or called in ("zeros", "ones", "zeros_like", "ones_like")


@cache
def tree_of(file: str) -> ast.AST:
    try:
        return ast.parse(without_magics("".join(linecache.getlines(file))))
    except SyntaxError:
        return ast.Module([], [])


@cache
def loops_in(file: str) -> dict[int, int]:
    """The first and last lines of the loops in a file."""
    return {
        node.lineno: node.end_lineno or node.lineno
        for node in ast.walk(tree_of(file))
        if isinstance(node, ast.For | ast.While) and (node.end_lineno or 0) > node.lineno
    }


def without_magics(text: str) -> str:
    """A script without the commands of notebooks, such as `%matplotlib inline`, in lines of their own."""
    return re.sub(r"(?m)^([ \t]*)[%!]\w.*$", r"\1pass", text)
