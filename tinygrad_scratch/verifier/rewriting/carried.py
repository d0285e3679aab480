"""What a turn of a loop leaves to the next one, where that was forgotten: `dc_next = dc` beside `dh_next = dh`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import takewhile

from tinygrad_scratch.verifier.rewriting.rewrite import NAMED, Rewrite
from tinygrad_scratch.verifier.rewriting.text import Source, is_bound
from tinygrad_scratch.verifier.rewriting.unused import read_in

LONGEST = 3  # letters in which the names of two such values differ


def carried_over(source: Source, node: ast.stmt) -> Iterator[Rewrite]:
    """A statement like that for another value, which gives the next turn what this one reads as it was at first."""
    loops = [each for each in source.statements if isinstance(each, ast.For | ast.While) and is_inside(node, each)]
    if not loops:
        return
    loop = max(loops, key=lambda each: each.lineno)
    bound = {part.id for part in ast.walk(loop) if isinstance(part, ast.Name) and is_bound(part)}
    for name in sorted(read_in(list(ast.walk(node))) - bound):
        for other in loop.body:
            if isinstance(other, ast.Assign) and isinstance(other.targets[0], ast.Name) and other.lineno > node.lineno:
                yield from like(source, node, other, other.targets[0].id, name)


def is_inside(node: ast.stmt, loop: ast.For | ast.While) -> bool:
    return any(part is node for part in ast.walk(loop)) and node is not loop


def like(source: Source, node: ast.stmt, other: ast.Assign, given: str, name: str) -> Iterator[Rewrite]:
    """The statement that gives one name its value, and the same for a name that differs from it in a few letters."""
    value = source.code(other.value)
    meant = exchanged(value, given, name)
    line = source.text[source.at(other.lineno) : source.starts[min(other.lineno, len(source.lines))]]
    if not meant or value not in line or not line.endswith("\n"):
        return
    missing = f"{name} = {meant}"
    start = source.at(other.lineno)
    text = f"{line.rstrip()}; {missing}\n"
    said = f"{name} is what it was before the loop in every turn: `{missing}` is missing at line {other.lineno}"
    yield Rewrite(node.lineno, start, start + len(line), text, "missing-term", said, NAMED)


def exchanged(value: str, given: str, name: str) -> str:
    """A value with the letters of one name for those of another, with what stands beside them; empty where none is.

    >>> exchanged("dprev_h", "dnext_h", "dnext_c"), exchanged("g['da_prev']", "da_prevt", "dc_prevt")
    ('dprev_c', "g['dc_prev']")
    >>> exchanged("h_prev", "h_next", "c_next"), exchanged("dh", "dh_next", "grad")
    ('c_prev', '')
    """
    start = alike(given, name)
    end = alike(given[start:][::-1], name[start:][::-1])
    one, two = given[start : len(given) - end], name[start : len(name) - end]
    if not start + end or not one or not two or max(len(one), len(two)) > LONGEST:
        return ""
    if start:
        one, two = given[start - 1] + one, given[start - 1] + two
        found = re.sub(rf"{re.escape(one)}(?![A-Za-z])", lambda _: two, value)
    else:
        one, two = one + given[len(one)], two + given[len(one)]
        found = re.sub(rf"(?<![A-Za-z]){re.escape(one)}", lambda _: two, value)
    return found if found != value else ""


def alike(one: str, other: str) -> int:
    """With how many of the same letters two texts begin."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
