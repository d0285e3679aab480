"""What is made as its neighbours are, with other letters: `R_o @ d_o` beside `R_z @ d_z + R_i @ d_i`, or a line."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from tinygrad_scratch.verifier.rewriting.part import Part
from tinygrad_scratch.verifier.rewriting.rewrite import NAMED, PUT_IN, Rewrite

NAME = re.compile(r"(?<![\w.])(?:self\.)?[A-Za-z_]\w*")
MOST = 8


def like_others(part: Part) -> Iterator[Rewrite]:
    """A sum with one more term, where two of its own differ in the same letters of two names or more."""
    is_sum = isinstance(part.node, ast.BinOp) and isinstance(part.node.op, ast.Add)
    if not is_sum or not part.is_whole or part.in_index:
        return
    terms = [part.source.code(each) for each in terms_in(part.node)]
    known = {name for name in part.source.words(part.line).names if NAME.fullmatch(name)}
    found = (text for one, other in pairwise(terms) for text in made_as(one, other, known))
    for text in [text for text in dict.fromkeys(found) if text not in terms][:MOST]:
        said = f"the term `{text}` is missing, beside others of its kind"
        yield part.change(f"{part.code} + {text}", "missing-term", said, PUT_IN)


def as_beside(part: Part) -> Iterator[Rewrite]:
    """The value of a line as one beside it has it, with the letters exchanged that set the names of the two apart."""
    own, name = part.statement, given_by(part.statement)
    if not name or own.value is not part.node:
        return
    block = part.source.block_of(own)
    known = {each for each in part.source.words(part.line).names if NAME.fullmatch(each)} | {name}
    place = block.index(own)
    beside: list[Any] = [each for each in block[max(place - 1, 0) : place + 2] if each is not own and given_by(each)]
    found = [text for each in beside for text in exchanged(part.source.code(each.value), given_by(each), name, known)]
    for text in dict.fromkeys(found):
        if text != part.code:
            said = f"`{part.code}` should be `{text}`, as in the line beside it"
            yield part.change(text, "wrong-operand", said, NAMED)


def given_by(statement: ast.stmt) -> str:
    """The one name that a statement gives to what it works out."""
    if not isinstance(statement, ast.Assign) or not isinstance(statement.value, ast.Call | ast.BinOp):
        return ""
    return getattr(statement.targets[0], "id", "") if len(statement.targets) == 1 else ""


def exchanged(text: str, given: str, name: str, known: set[str]) -> Iterator[str]:
    """What a line works out, with other names: one way, both ways, and with its own name alone.

    >>> list(exchanged("s * gu.reshape(n) * v", "gu", "gv", {"s", "gu", "gv", "u", "v", "n"}))
    ['s * gv.reshape(n) * v', 's * gv.reshape(n) * u', 's * gv.reshape(n) * v']
    """
    if given in ("", name):
        return
    _, was, now = apart(given, name)

    def other(word: str, ways: list[tuple[str, str]]) -> str:
        made = (word.replace(a, b, 1) for a, b in ways if a and a in word)
        return name if word == given else next((each for each in made if each in known), word)

    for ways in ([(was, now)], [(was, now), (now, was)]):
        yield NAME.sub(lambda match, ways=ways: other(match.group(), ways), text)  # type: ignore[misc]
    yield NAME.sub(lambda match: name if match.group() == given else match.group(), text)


def terms_in(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return [*terms_in(node.left), *terms_in(node.right)]
    return [node]


def made_as(one: str, other: str, known: set[str]) -> Iterator[str]:
    """The terms of the form of two that are alike, with the letters that other known names have in that place.

    >>> list(made_as("Rz @ dz[t]", "Ri @ di[t]", {"Rz", "Ri", "Ro", "dz", "di", "do", "df", "t"}))
    ['Ro @ do[t]']
    """
    if NAME.sub("#", one) != NAME.sub("#", other):
        return
    pairs = list(zip(NAME.findall(one), NAME.findall(other), strict=True))
    parts = [(a, *apart(a, b)) for a, b in pairs if a != b]
    if len({name for name, *_ in parts}) < 2 or len({(was, now) for *_, was, now in parts}) != 1:
        return
    first, start, was, _ = parts[0]
    head, tail = first[:start], first[start + len(was) :]
    for name in sorted(known):
        letters = name[len(head) : len(name) - len(tail)]
        if not letters or name != head + letters + tail:
            continue
        others = {old: old[:at] + letters + old[at + len(was) :] for old, at, *_ in parts}
        text = NAME.sub(lambda match, to=others: to.get(match.group(), match.group()), one)  # type: ignore[misc]
        if set(others.values()) <= known and text not in (one, other):
            yield text


def apart(one: str, other: str) -> tuple[int, str, str]:
    """Where two names begin to differ, and what stands there in each."""
    start = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    rest = min(len(one), len(other)) - start
    end = next((i for i in range(rest) if one[-1 - i] != other[-1 - i]), rest)
    return start, one[start : len(one) - end], other[start : len(other) - end]
