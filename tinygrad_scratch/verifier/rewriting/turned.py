"""Pictures and kernels that are turned round along one axis too few or too many, or not as they are elsewhere."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from tinygrad_scratch.verifier.rewriting.part import NAMES, Part, name_of
from tinygrad_scratch.verifier.rewriting.rewrite import CHANGED, NAMED, Rewrite
from tinygrad_scratch.verifier.rewriting.text import Source, Words

TURNING = ("flip", "flipud", "fliplr", "rot90")
TURNED = re.compile(r"flip|rot(?:at)?|revers|180", re.IGNORECASE)
USUAL = ("{}[::-1]", "{}[:, ::-1]", "{}[::-1, ::-1]", "{}[..., ::-1]", "{}[:, :, ::-1, ::-1]")
"""The names of what is turned round, and the ways in which that is written."""
MOST_WAYS = 4  # in which a text turns arrays round


def turned(part: Part) -> Iterator[Rewrite]:
    """What may be turned round otherwise than it is written, or as another array is."""
    if part.is_value and not part.in_index:
        yield from along_other_axes(part)
        yield from as_elsewhere(part)


def along_other_axes(part: Part) -> Iterator[Rewrite]:
    """One axis more that is turned, and one less, where others are: `w[:, ::-1, ::-1]` for `w[:, ::-1, :]`."""
    axes = axes_of(part.node)
    if not any(is_backwards(each) for each in axes):
        return
    for axis in axes:
        if not is_backwards(axis) and not is_all(axis):
            continue
        other = ":" if is_backwards(axis) else "::-1"
        said = f"`{part.code}` is turned round along {'too many' if other == ':' else 'too few'} axes"
        yield part.change(other, "transpose", said, at=part.source.span(axis))


def as_elsewhere(part: Part) -> Iterator[Rewrite]:
    """A value turned round as another one of the text is, where it stands as it is: `np.rot90(w, 2)` for `w`."""
    if not isinstance(part.node, NAMES) or isinstance(part.around, ast.Attribute | ast.Subscript | ast.keyword):
        return
    if isinstance(part.statement, ast.For | ast.While | ast.If) or is_turning(part.source, part.around):
        return
    beside = ways_of_turning(part.source, part.source.words(part.line))
    usual = USUAL if part.is_whole and TURNED.search(part.source.code(part.statement).partition("=")[0]) else ()
    for way in dict.fromkeys([*usual, *beside, *ways_of_turning(part.source, part.source.everything)]):
        text = way.format(part.code)
        tier = CHANGED if way in (*beside, *usual) and part.is_whole else NAMED
        yield part.change(text, "transpose", f"{part.code} is not turned round: `{text}` is due", tier)


def ways_of_turning(source: Source, words: Words) -> list[str]:
    """How arrays are turned round in a part of a text: `np.rot90({}, 2)`, `{}[::-1, ::-1]`."""
    found = (way for node in words.nodes if (way := way_of_turning(source, node)))
    return list(islice(dict.fromkeys(found), MOST_WAYS))


def way_of_turning(source: Source, node: ast.AST) -> str:
    """How an expression turns one array round; nothing where it does not."""
    if is_turning(source, node) and isinstance(node, ast.Call):
        given = [source.code(each) for each in (*node.args[1:], *node.keywords)]
        return "{}({})".format(source.code(node.func), ", ".join(["{}", *map(escaped, given)]))
    if sum(map(is_backwards, axes_of(node))) > 1 and isinstance(node, ast.Subscript):
        return f"{{}}[{escaped(source.code(node.slice))}]"
    return ""


def escaped(text: str) -> str:
    """A text as `format` leaves it."""
    return text.replace("{", "{{").replace("}", "}}")


def is_turning(source: Source, node: Any) -> bool:
    """Whether a call turns an array round, of NumPy's functions."""
    if not isinstance(node, ast.Call) or not node.args or name_of(node) not in TURNING:
        return False
    return source.code(node.func).startswith(("np.", "numpy."))


def axes_of(node: Any) -> list[ast.expr]:
    """What is taken of each of several axes; nothing where a node takes none."""
    index = node.slice if isinstance(node, ast.Subscript) else None
    return list(index.elts) if isinstance(index, ast.Tuple) else []


def is_backwards(axis: ast.expr) -> bool:
    return isinstance(axis, ast.Slice) and axis.step is not None and ast.unparse(axis.step) == "-1"


def is_all(axis: ast.expr) -> bool:
    return isinstance(axis, ast.Slice) and axis.lower is axis.upper is axis.step is None
