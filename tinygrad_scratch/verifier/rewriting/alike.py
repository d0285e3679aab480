"""Whether a statement is of the form of another one of its file: people write one for each parameter, all alike."""

from __future__ import annotations

import ast
import re
from functools import lru_cache

from tinygrad_scratch.verifier.reading.numbers_by_name import RATE
from tinygrad_scratch.verifier.reading.source import text_of
from tinygrad_scratch.verifier.rewriting.text import source_of

SIMPLE = ast.Assign | ast.AugAssign
MUCH_ALIKE = -2
NAME = re.compile(r"[A-Za-z_][\w.]*(?:\[[^\]]*\])?")
SHORTEST = 6  # signs of a form that says something: many lines are as `a = b * c` is
TELLING = 8  # signs of one that says as much where names tell of which the statement is one
LONG = 12  # signs of one that says much


def sets_apart(file: str, line: int, written: str, right: str, left_out: frozenset[int] = frozenset()) -> int:
    """What a change of a statement makes of its form: 1 where it was that of another one, -1 where it becomes it.

    The first is told of updates alone, which are all of one form; MUCH_ALIKE where it becomes one, or a long form.
    Some lines may be left out, as a statement of the forward pass says nothing of one of the backward pass.
    """
    if is_sibling(text_of(file), line, right) and not is_sibling(text_of(file), line, written):
        return MUCH_ALIKE
    others = forms(text_of(file), left_out | {line})
    own = {form(code) for code in others_of(text_of(file), line, written)}
    if form(right) in own and form(written) not in own and len(form(right)) >= TELLING:
        return MUCH_ALIKE
    was, becomes = (form(code) in others for code in (written, right))
    if was == becomes:
        return 0
    if was:
        return int(is_update(written))
    long = len(form(right)) >= LONG or is_update(right)
    return MUCH_ALIKE if long else -(len(form(right)) >= SHORTEST)


@lru_cache(maxsize=256)
def others_of(text: str, line: int, written: str) -> tuple[str, ...]:
    """The statements that give values to names that differ from that of a statement in their numbers: `dW1`, `dW2`."""
    target = written.partition("=")[0].strip()
    source = source_of(text)
    codes = (source.code(node) for node in source.statements if node.lineno != line and isinstance(node, ast.Assign))
    pairs = ((code.partition("=")[0].strip(), code) for code in codes)
    return tuple(code for other, code in pairs if other != target and unnumbered(other) == unnumbered(target) != target)


def unnumbered(name: str) -> str:
    return re.sub(r"\d+", "", name)


def is_update(code: str) -> bool:
    """Whether a statement gives something another value by what it is."""
    target, sign, value = re.sub(r"\s", "", code).partition("=")
    return bool(sign) and (target[-1:] in "+-" or re.match(rf"{re.escape(target)}[-+]", value) is not None)


def is_sibling(text: str, line: int, code: str) -> bool:
    """Whether what stands right of the sign stands so in another line that multiplies or divides in place."""
    match = IN_PLACE.match(code)
    return match is not None and match[1] in in_place(text, line)


IN_PLACE = re.compile(r"[^=]*?([*/]=.*)", re.DOTALL)


@lru_cache(maxsize=256)
def in_place(text: str, line: int) -> frozenset[str]:
    """What other statements multiply by, or divide by, in place."""
    source = source_of(text)
    nodes = (node for node in source.statements if node.lineno != line and isinstance(node, ast.AugAssign))
    return frozenset(match[1] for node in nodes if (match := IN_PLACE.match(source.code(node))) is not None)


@lru_cache(maxsize=256)
def forms(text: str, left_out: frozenset[int]) -> frozenset[str]:
    """The forms of the statements of a text, but for those in some lines."""
    source = source_of(text)
    nodes = (node for node in source.statements if node.lineno not in left_out and isinstance(node, SIMPLE))
    return frozenset(form(source.code(node)) for node in nodes)


def form(code: str) -> str:
    """A statement without spaces, brackets and transposes, with a letter for each name, and what divides at the end.

    >>> form("g += r / n * w[1:]") == form("g += r * v[1:] / n"), form("y = x.T @ (a - b)")
    (True, 'N=N@N-N')
    """
    letters = re.sub(r"[()]", "", NAME.sub(letter_of, re.sub(r"\s+|\.T\b", "", code)))
    return PRODUCT.sub(lambda found: "".join(sorted(FACTOR.findall(f"*{found[0]}"))), letters)


def letter_of(name: re.Match[str]) -> str:
    """What stands for a name; a rate tells an update from a sum of gradients, which may be of its form but for that."""
    return "R" if RATE.match(name[0].rpartition(".")[2]) else "N"


FACTOR = re.compile(r"[*/][\w.]+(?:\*\*[\w.]+)?")
PRODUCT = re.compile(r"(?<![\w.*/])[\w.]+(?:\*\*[\w.]+)?(?:[*/][\w.]+(?:\*\*[\w.]+)?)+")
