"""The text of a recorded call, as a person would write it: `y - a4`, `0.5 * ·`, `sum(z, axis=0)`, `a[1:3]`."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType
from typing import Any

import numpy as np

from tinygrad_scratch.backward import output
from tinygrad_scratch.graph import Node, get_name
from tinygrad_scratch.rules.indexing import assign
from tinygrad_scratch.rules.registry import DEFINITIONS, label

LONGEST = 40  # characters of a text, the rest is cut
LONGEST_WHOLE = 72  # characters of one that others are written out in
LONGEST_PART = 24  # characters of a text that stands inside another
MOST_PARTS = 8  # elements of a tuple that are written out
ATOM, NEGATIVE = 9, 3
INFIX: dict[Any, tuple[str, int]] = {
    np.add: ("+", 1),
    np.subtract: ("-", 1),
    np.multiply: ("*", 2),
    np.divide: ("/", 2),
    np.remainder: ("%", 2),
    np.matmul: ("@", 2),
    np.power: ("**", 4),
}
READING = (operator.getitem, output)  # of a part of an array, and of one of several results
Number = np.generic | float | int | complex


@dataclass(frozen=True)
class Expression:
    """A text, and how strongly it binds: what stands inside a stronger one needs parentheses."""

    text: str
    strength: int = ATOM

    def within(self, strength: int) -> str:
        return self.text if self.strength >= strength else f"({self.text})"


UNNAMED = Expression("·")
Calls = Mapping[Node, Expression]


def calls(
    operations: Iterable[Node],
    inside: AbstractSet[Node] = frozenset(),
    rounds: Mapping[Node, Sequence[Node]] = MappingProxyType({}),
) -> Calls:
    """The call that made each of these values, oldest first.

    An operand without a name is a dot, which stands for what the arrow brings. Where arrows bring several of them, each
    is written as its own call, to tell them apart. Those `inside` of others have no arrow and are always written out.
    `rounds` has, for a call that is drawn once for several rounds, that of each round: `x[:, 0…11]` is in twelve.
    """
    known: dict[Node, Expression] = {}
    first = {node: drawn for drawn, alike in rounds.items() for node in alike}
    for node in operations:
        if first.get(node, node) is not node:
            known[node] = known[first[node]]
            continue
        parts = {part for part in node.inputs if not is_number(part)}
        unnamed = {part for part in parts if not part.name and part not in inside}
        visible = known if len(unnamed) > 1 else {}
        written_out = {part: known[part] for part in parts & inside}
        alike = rounds.get(node, (node,))
        operands = [
            operand(each[0], visible, written_out)
            if is_value(each[0])
            else ranged([operand(part, {}) for part in each])
            for each in zip(*map(arguments, alike), strict=True)
        ]
        known[node] = written(alike, operands, LONGEST_WHOLE if node in inside or written_out else LONGEST)
    return known


def ranged(found: Sequence[Expression]) -> Expression:
    """What stands at one place in several rounds: the first and the last text, where they differ.

    >>> ranged([Expression("0"), Expression("1"), Expression("2")]).text
    '0…2'
    """
    first, last = found[0], found[-1]
    return first if len({each.text for each in found}) == 1 else Expression(f"{first.text}…{last.text}", 0)


def reference(node: Node, known: Calls) -> Expression:
    """What a value is called: its name, or else the call that made it, where that is known; `f(…)` if it is long."""
    if node.name:
        text = shorten(node.name, LONGEST_PART)
        return Expression(text, ATOM if re.fullmatch(r"[\w.\[\]]+", text) else 0)
    found = known.get(node, UNNAMED)
    if len(found.text) > LONGEST_PART and found.strength == ATOM and node.function not in READING:
        found = Expression(f"{label(node.function).removeprefix('np.')}(…)")
    return found if len(found.text) <= LONGEST_PART else UNNAMED


def is_number(part: Any) -> bool:
    """Whether an argument is a mere number in the text of a call, and not a value of its own."""
    return isinstance(part, Node) and part.kind == "constant" and isinstance(part.value, Number)


def is_value(part: Any) -> bool:
    """Whether an argument is a value of its own, which an arrow brings."""
    return isinstance(part, Node) and not is_number(part)


def arguments(node: Node) -> list[Any]:
    """The operands of a call, without Nones at the end."""
    found = list(node.operands)
    while found and found[-1] is None:
        found.pop()
    return found


def operand(part: Any, known: Calls, written_out: Calls = MappingProxyType({})) -> Expression:
    """An argument of a call; a value goes by its name or a short call, but for those that are to be written out."""
    if not is_value(part):
        return plain(part.value if is_number(part) else part)
    return written_out.get(part) or reference(part, known)


def written(alike: Sequence[Node], operands: list[Expression], longest: int) -> Expression:
    """A call, or the same one of several rounds, as Python writes it: with a sign, with brackets, or by its name."""
    node = alike[0]
    function = node.function
    if function in INFIX and len(operands) == 2 and not node.keywords:
        sign, strength = INFIX[function]
        return infix(sign, strength, operands[0], operands[1], longest)
    if function is np.negative and not node.keywords:
        return Expression(shorten(f"-{operands[0].within(NEGATIVE)}", longest), NEGATIVE)
    if function in READING:
        target, place = operands
        inside = index([each.arguments[1] for each in alike], place)
        return Expression(shorten(f"{target.within(ATOM)}[{inside}]", longest))
    if function is assign:
        target, value, place = operands
        inside = index([each.arguments[2] for each in alike], place)
        return Expression(shorten(f"{target.within(ATOM)}[{inside}] = {value.text}", longest), 0)
    texts = [part.text for part in operands]
    if function in DEFINITIONS and DEFINITIONS[function].sequence:
        texts = [f"[{', '.join(texts)}]"]
    texts += [f"{name}={plain(value).text}" for name, value in node.keywords.items()]
    return Expression(shorten(f"{label(function).removeprefix('np.')}({', '.join(texts)})", longest))


def infix(sign: str, strength: int, left: Expression, right: Expression, longest: int) -> Expression:
    groups_right = sign == "**"
    text = f"{left.within(strength + groups_right)} {sign} {right.within(strength + (not groups_right))}"
    return Expression(shorten(text, longest), strength)


def plain(value: Any) -> Expression:
    """An argument that is no value of the graph: a number, an axis, a shape, a dtype."""
    if isinstance(value, np.ndarray):
        return Expression(get_name(value) or "array")
    if isinstance(value, tuple | list):
        return Expression(sequence(value))
    if isinstance(value, slice):
        ends = ["" if end is None else str(end) for end in (value.start, value.stop, value.step)]
        return Expression(":".join(ends if ends[2] else ends[:2]), 0)
    if isinstance(value, np.dtype):
        text = value.name
    elif value is Ellipsis:
        text = "..."
    elif callable(value):
        text = label(value)
    elif isinstance(value, float | complex | np.inexact):
        text = f"{value:.6g}"
    else:
        text = str(value) if isinstance(value, np.generic) else repr(value)
    return Expression(shorten(text, LONGEST_PART), NEGATIVE if text.startswith("-") else ATOM)


def sequence(values: tuple[Any, ...] | list[Any]) -> str:
    """A tuple or a list, the first elements written out."""
    parts = [plain(value).text for value in islice(values, MOST_PARTS)] + ["…"] * (len(values) > MOST_PARTS)
    inside = ", ".join(parts)
    if isinstance(values, list):
        return f"[{inside}]"
    return f"({inside},)" if len(values) == 1 else f"({inside})"


def index(rounds: Sequence[Any], whole: Expression) -> str:
    """What stands between the brackets, in each round: a tuple without its own."""
    if isinstance(rounds[0], tuple) and rounds[0] and all(isinstance(other, tuple) for other in rounds):
        return ", ".join(index(parts, ranged([*map(plain, parts)])) for parts in zip(*rounds, strict=False))
    return whole.text


def shorten(text: str, longest: int = LONGEST) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
