"""A name that stands more than once in a statement, exchanged in all places: `s * (1 - s)` for `x * (1 - x)`."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tinygrad_scratch.verifier.rewriting.part import NAMES, Part
from tinygrad_scratch.verifier.rewriting.rewrite import NAMED, PUT_IN, Rewrite, kind_of_name
from tinygrad_scratch.verifier.rewriting.text import is_near

MOST_NAMES = 24


def repeated(part: Part) -> Iterator[Rewrite]:
    """The value of a statement with another name, or a call of one, wherever one of its names stands."""
    if not part.is_whole or isinstance(part.node, NAMES):
        return
    for written, places in places_of_names(part).items():
        if len(places) > 1:
            for other in others(part, written):
                said = f"{written} should be {other}"
                kind = kind_of_name(part.code, written, other)
                yield part.change(in_all(part, places, other), kind, said, NAMED)
            for call in part.source.takes_one(part.line):
                said = f"`{call}({written})` is meant, and not {written} itself"
                text = in_all(part, places, f"{call}({written})")
                yield part.change(text, "derivative-at-wrong-point", said, PUT_IN)


def places_of_names(part: Part) -> dict[str, list[tuple[int, int]]]:
    """Where each name and attribute of a value stands, but for what is called and for what holds an attribute."""
    inner = {id(n.func) for n in ast.walk(part.node) if isinstance(n, ast.Call)}
    inner |= {id(n.value) for n in ast.walk(part.node) if isinstance(n, ast.Attribute)}
    bound = {n.id for n in ast.walk(part.node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    found: dict[str, list[tuple[int, int]]] = {}
    for node in ast.walk(part.node):
        if (
            isinstance(node, ast.Name | ast.Attribute)
            and id(node) not in inner
            and getattr(node, "id", "") not in bound
        ):
            found.setdefault(part.source.code(node), []).append(part.source.span(node))
    return found


def others(part: Part, written: str) -> list[str]:
    """The names that may be meant, the nearest first; of an attribute those of all classes, which often are alike."""
    names = part.source.words(part.line).names
    if written.startswith("self."):
        names = [*names, *(name for name in part.source.everything.names if name.startswith("self."))]
    names = [name for name in dict.fromkeys(names) if name != written and "[" not in name]
    return sorted(names, key=lambda name: not is_near(written, name))[:MOST_NAMES]


def in_all(part: Part, places: list[tuple[int, int]], text: str) -> str:
    """The code of a value with another text in some places."""
    start, end = part.source.span(part.node)
    found, last = "", start
    for begin, until in sorted(places):
        found += part.source.text[last:begin] + text
        last = until
    return found + part.source.text[last:end]
