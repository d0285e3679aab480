"""Derivatives as one writes them by hand: `∂z3/∂a2 = w2ᵀ`, and the chain rule `∂J/∂a2 = ∂J/∂z3 @ w2ᵀ`."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from tinygrad_scratch import functional
from tinygrad_scratch.drawing.expressions import (
    ATOM,
    READING,
    Calls,
    Expression,
    arguments,
    index,
    is_number,
    operand,
    ranged,
    reference,
)
from tinygrad_scratch.graph import Node
from tinygrad_scratch.rules.registry import label
from tinygrad_scratch.rules.shapes import cast

# The derivative of each function by its arguments, element by element, as NumPy: {y} is the value, {a} and {b} are the
# arguments. What a rule does where the derivative does not exist stands in the rule, not here.
ELEMENTWISE: dict[Any, tuple[str | None, ...]] = {
    np.add: ("1", "1"),
    np.subtract: ("1", "-1"),
    np.multiply: ("{b}", "{a}"),
    np.divide: ("1 / {b}", "-{y} / {b}"),
    np.power: ("{b} * {a} ** ({b} - 1)", "{y} * log({a})"),
    np.maximum: ("({a} > {b})", "({b} > {a})"),
    np.minimum: ("({a} < {b})", "({b} < {a})"),
    np.negative: ("-1",),
    np.positive: ("1",),
    np.square: ("2 * {a}",),
    np.reciprocal: ("-{y} ** 2",),
    np.absolute: ("sign({a})",),
    np.sqrt: ("0.5 / {y}",),
    np.exp: ("{y}",),
    np.expm1: ("{y} + 1",),
    np.log: ("1 / {a}",),
    np.log1p: ("1 / (1 + {a})",),
    np.sin: ("cos({a})",),
    np.cos: ("-sin({a})",),
    np.tan: ("1 + {y} ** 2",),
    np.arctan: ("1 / (1 + {a} ** 2)",),
    np.sinh: ("cosh({a})",),
    np.cosh: ("sinh({a})",),
    np.tanh: ("1 - {y} ** 2",),
    functional.sigmoid: ("{y} * (1 - {y})",),
    functional.relu: ("({a} > 0)",),
    np.where: (None, "{a}", "1 - {a}"),
}
SPREAD = (np.sum, np.reshape, np.transpose, cast)  # the gradient of a sum goes to each of its terms
STRENGTHS: dict[type, int] = {ast.Add: 1, ast.Sub: 1, ast.USub: 1, ast.Mult: 2, ast.Div: 2, ast.Pow: 4}
UNWRITTEN = Expression("…")
PRODUCTS = (np.matmul, np.dot, functional.linear)


@dataclass(frozen=True)
class Derivative:
    """A derivative as a factor of the chain rule: a number times an expression, and where it goes.

    `side` is "*" where it is multiplied element by element, "after" and "before" for a matrix product, and "at" where
    it goes to a place among zeros.
    """

    number: float = 1
    factor: Expression | None = None
    side: str = "*"

    @property
    def sign(self) -> str:
        """The number as it stands before a factor."""
        return "-" if self.number == -1 else "" if self.number == 1 else f"{self.number:g} * "

    @property
    def text(self) -> str:
        """The derivative alone: `w2ᵀ`, `-(y - a4)`, `0.5 * z`, `1`."""
        if self.factor is None:
            return f"{self.number:g}"
        if self.side == "at":
            return f"1 at {self.factor.text}"
        return self.factor.text if self.number == 1 else self.sign + self.factor.within(2)

    def chained(self, cotangent: str | None) -> str:
        """The cotangent of an argument: that of the value, times this. None stands for 1."""
        if cotangent is None:
            return self.text
        if self.factor is None:
            return self.sign + cotangent
        if self.side == "at":
            return f"{cotangent} at {self.factor.text}"
        if self.side == "*":
            return f"{self.sign}{cotangent} * {self.factor.within(3)}"
        factor = self.factor.within(ATOM)
        return f"{cotangent} @ {factor}" if self.side == "after" else f"{factor} @ {cotangent}"

    def times(self, other: Derivative) -> Derivative:
        """The product with a later factor; a matrix product of several is not written out."""
        if UNWRITTEN in (self.factor, other.factor):
            return Derivative(1, UNWRITTEN)
        if self.factor is None or other.factor is None:
            side = self.side if other.factor is None else other.side
            return Derivative(self.number * other.number, self.factor or other.factor, side)
        if self.side != "*" or other.side != "*":
            return Derivative(1, UNWRITTEN)
        text = f"{self.factor.within(2)} * {other.factor.within(3)}"
        return Derivative(self.number * other.number, Expression(text, 2))


def chain(node: Node, place: int, inside: Sequence[Node], known: Calls) -> Derivative:
    """The derivative of the last of some calls, each of which is given the one before it, by an argument of one.

    It is the product of the derivatives on the way. A sigmoid written by hand, `1 / (1 + exp(-z))`, has its own.
    """
    last = inside[-1]
    if node.function is np.negative and is_handwritten_sigmoid(last):
        return elementwise("{y} * (1 - {y})", [reference(last, known)])
    found = derivative(node, place, known)
    while node is not last:
        node, place = next((user, at) for user in inside for at, part in enumerate(user.operands) if part is node)
        found = derivative(node, place, known).times(found)
    return found


def over_rounds(found: Sequence[Derivative]) -> Derivative:
    """One derivative for those of several rounds: `0.9…0.1` where numbers differ, `[:, 0]…[:, 9]` where places do."""
    first = found[0]
    factors = [each.factor for each in found if each.factor is not None]
    if first.side == "at":
        return Derivative(1, ranged(factors), "at")
    if len({each.number for each in found}) == 1 or len(set(factors)) > 1:
        return first
    number = ranged([Expression(f"{each.number:g}") for each in found])
    return Derivative(1, number).times(Derivative(1, first.factor, first.side))


def derivative(node: Node, place: int, known: Calls) -> Derivative:
    """The derivative of a recorded call by one of its arguments."""
    operands = arguments(node)
    function = node.function
    texts = [operand(part, known) for part in operands]
    if function in ELEMENTWISE and not node.keywords:
        found = derivative_of_elements(function, place, operands, [reference(node, known), *texts])
        if found is not None:
            return found
    if function in PRODUCTS and place < 2 and [np.ndim(part.value) for part in operands[:2]] == [2, 2]:
        other = Expression(f"{texts[1 - place].within(ATOM)}ᵀ")
        return Derivative(1, other, "after" if place == 0 else "before")
    if function is np.mean and not node.keywords and len(operands) == 1:
        return Derivative(1, Expression(f"1 / {operands[0].value.size}", 2))
    if function in SPREAD or (function is functional.linear and place == 2):
        return Derivative()
    if function in READING:
        return Derivative(1, Expression(f"[{index([node.arguments[1]], texts[1])}]"), "at")
    inside = ", ".join(text.text for text in texts)
    return Derivative(1, Expression(f"{label(function).removeprefix('np.')}′({inside})"))


def derivative_of_elements(
    function: Any, place: int, operands: list[Any], texts: list[Expression]
) -> Derivative | None:
    """The derivative of a function in the table; `texts` are those of its value and of its operands."""
    numbers: list[Any] = [part.value if is_number(part) else None for part in operands]
    if function is np.power and place == 0 and numbers[1] is not None:
        return power_rule(texts[1], numbers[1])
    if function is np.multiply and numbers[1 - place] is not None:
        return Derivative(numbers[1 - place])
    if function is np.divide and place == 0 and numbers[1]:
        return Derivative(1 / numbers[1])
    templates = ELEMENTWISE[function]
    template = templates[place] if place < len(templates) else None
    return elementwise(template, texts) if template is not None else None


def power_rule(base: Expression, exponent: Any) -> Derivative:
    less = exponent - 1
    if less == 0:
        return Derivative()
    return Derivative(exponent, base if less == 1 else Expression(f"{base.within(ATOM)} ** {less:g}", 4))


def elementwise(template: str, texts: list[Expression]) -> Derivative:
    """A formula with names in it: {y} is the first, {a} and {b} follow; it binds as its outermost operator does."""
    if template in ("1", "-1"):
        return Derivative(int(template))
    names = dict(zip("yab", texts, strict=False))
    if template[1:-1] in names:  # the argument itself
        return Derivative(1, names[template[1:-1]])
    text = template.format(**{name: operand.within(ATOM) for name, operand in names.items()})
    return Derivative(1, Expression(text, strength_of(template)))


@cache
def strength_of(template: str) -> int:
    outermost = ast.parse(template.replace("{", "").replace("}", ""), mode="eval").body
    return STRENGTHS.get(type(getattr(outermost, "op", None)), ATOM)


def is_handwritten_sigmoid(node: Node) -> bool:
    """Whether a call is `1 / (1 + exp(-z))`."""
    one, below = node.operands[0], node.operands[1] if len(node.operands) == 2 else None
    if node.function is not np.divide or not is_number(one) or one.value != 1 or not isinstance(below, Node):
        return False
    ones = [part for part in below.inputs if is_number(part) and part.value == 1]
    powers = [part for part in below.inputs if part.function is np.exp and part.inputs[0].function is np.negative]
    return below.function is np.add and len(ones) == len(powers) == 1
