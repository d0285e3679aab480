r"""A derivation as mathematics: an `aligned` block of LaTeX that MathJax and KaTeX show.

A product element by element is \odot, one of matrices is written side by side, a transpose has \top. Sums say over
which axis they go by the letter of that axis, i for the first. A cotangent is the partial derivative that it is.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_scratch.compiler.program import Step, Variable
from tinygrad_scratch.compiler.readable.algebra.places import put_together
from tinygrad_scratch.compiler.readable.arguments import Ratio
from tinygrad_scratch.compiler.readable.layout import Layout
from tinygrad_scratch.compiler.readable.spelling import COMPARISONS
from tinygrad_scratch.compiler.traced import as_type, item
from tinygrad_scratch.drawing.expressions import ATOM, NEGATIVE, Expression
from tinygrad_scratch.functional import sigmoid, sum_rows
from tinygrad_scratch.rules.indexing import scatter
from tinygrad_scratch.rules.shapes import cast, expand

SUM, PRODUCT, POWER = 1, 2, 4
AXES = "ijklmnop"
GREEK = {
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu", "xi",
    "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega", "Gamma", "Delta", "Theta", "Lambda", "Xi",
    "Pi", "Sigma", "Phi", "Psi", "Omega",
}  # fmt: skip
FUNCTIONS = {
    np.exp: r"\exp", np.log: r"\log", np.tanh: r"\tanh", np.sin: r"\sin", np.cos: r"\cos", np.tan: r"\tan",
    np.sinh: r"\sinh", np.cosh: r"\cosh", np.arctan: r"\arctan", np.sign: r"\operatorname{sign}", sigmoid: r"\sigma",
    np.heaviside: "H",
}  # fmt: skip
REDUCTIONS = {
    np.sum: r"\sum", np.prod: r"\prod", np.max: r"\max", np.min: r"\min", np.mean: r"\operatorname{mean}",
    np.var: r"\operatorname{var}", np.std: r"\operatorname{std}",
}  # fmt: skip
RELATIONS = {">=": r"\ge", "<=": r"\le", "==": "=", "!=": r"\ne"}


def aligned(layout: Layout) -> str:
    """All lines, those of the way back with the chain rule that they come from."""
    writer = Writer(layout)
    blocks = [" \\\\\n".join(map(writer.line, lines)) for lines in (layout.forward, layout.backward)]
    return "\\begin{aligned}\n" + " \\\\[1ex]\n".join(filter(None, blocks)) + "\n\\end{aligned}"


def symbol(name: str) -> str:
    r"""A name as a symbol: numbers at its end are an index.

    >>> print(symbol("w3"), symbol("gamma"), symbol("logits_2"), symbol("layers_0_weight"))
    w_{3} \gamma \mathrm{logits}_{2} \mathrm{layers\_0\_weight}
    """
    stem, number = re.fullmatch(r"(.*?)_?(\d*)", name).groups()  # type: ignore[union-attr]
    if not stem:
        stem, number = name, ""
    word = stem if len(stem) == 1 else rf"\mathrm{{{stem}}}".replace("_", r"\_")
    text = rf"\{stem}" if stem in GREEK else word
    return f"{text}_{{{number}}}" if number else text


class Writer:
    """The texts of values and calls."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.loss = symbol(layout.loss)

    # ---- lines -------------------------------------------------------------------------------------------------------

    def line(self, step: Step) -> str:
        left = ", ".join(self.named(result) for result in step.results)
        sides = [self.text(step).text]
        if chain := self.chain(step):
            sides.insert(0, chain)
        return f"{left} &= {' = '.join(sides)}"

    def chain(self, step: Step) -> str:
        """The chain rule of a cotangent: a term for each value through which the loss depends on this one."""
        of = self.cotangent_of(step.results[0])
        if of is None:
            return ""
        through: dict[Variable, None] = {}
        waiting, seen = list(step.operands), set[Variable]()
        while waiting:
            variable = waiting.pop(0)
            if variable in seen:
                continue
            seen.add(variable)
            if (between := self.cotangent_of(variable)) is not None:
                through[between] = None
            elif variable in self.layout.made:
                waiting += self.layout.made[variable].operands
        inner = self.value(of)
        return " + ".join(
            rf"{self.derivative(y)} \frac{{\partial {self.value(y)}}}{{\partial {inner}}}" for y in through
        )

    def cotangent_of(self, variable: Variable) -> Variable | None:
        """Of which value a value is the cotangent, if it is called so."""
        of = self.layout.cotangents.get(variable)
        return of if of is not None and of in self.layout.names and variable in self.layout.names else None

    def derivative(self, of: Variable) -> str:
        return rf"\frac{{\partial {self.loss}}}{{\partial {self.value(of)}}}"

    def value(self, variable: Variable) -> str:
        return symbol(self.layout.names[variable])

    def named(self, variable: Variable) -> str:
        of = self.cotangent_of(variable)
        return self.value(variable) if of is None else self.derivative(of)

    # ---- expressions -------------------------------------------------------------------------------------------------

    def operand(self, value: Any) -> Expression:
        if type(value) is Variable:
            if value in self.layout.names:
                return Expression(self.named(value), ATOM if self.cotangent_of(value) is None else POWER)
            return self.text(self.layout.made[value])
        return number(value)

    def text(self, step: Step) -> Expression:
        function, arguments = step.function, step.arguments
        if function in WAYS and not step.keywords:
            found: Expression = WAYS[function](self, step)
            return found
        if function in REDUCTIONS:
            return self.reduced(step)
        if function in COMPARISONS:
            left, right = (self.operand(a).text for a in arguments)
            sign = COMPARISONS[function]
            return Expression(rf"\left[{left} {RELATIONS.get(sign, sign)} {right}\right]")
        if function in FUNCTIONS:
            return Expression(rf"{FUNCTIONS[function]}{around(self.operand(arguments[0]).text)}")
        inside = ", ".join(self.operand(a).text for a in arguments if type(a) is Variable or is_number(a))
        name = getattr(function, "__name__", "f").replace("_", r"\_")
        return Expression(rf"\operatorname{{{name}}}{around(inside)}")

    def infix(self, sign: str, strength: int, step: Step) -> Expression:
        left, right = (self.operand(a) for a in step.arguments)
        return Expression(f"{within(left, strength)} {sign} {within(right, strength + 1)}", strength)

    def product(self, step: Step) -> Expression:
        """Element by element, unless one side is a mere number."""
        left, right = step.arguments
        if left is right:
            return Expression(f"{within(self.operand(left), POWER + 1)}^{{2}}", POWER)
        scalar = any(not np.shape(a) if type(a) is not Variable else a.shape == () for a in (left, right))
        if is_number(left) and scalar:
            return Expression(rf"{number(left).text} \, {within(self.operand(right), PRODUCT)}", PRODUCT)
        return self.infix(r"\," if scalar else r"\odot", PRODUCT, step)

    def quotient(self, step: Step) -> Expression:
        left, right = (self.operand(a).text for a in step.arguments)
        return Expression(rf"\frac{{{left}}}{{{right}}}")

    def negative(self, step: Step) -> Expression:
        inner = self.operand(step.arguments[0])
        if inner.strength == PRODUCT:
            return Expression(f"-{inner.text}", PRODUCT)
        return Expression(f"-{within(inner, NEGATIVE)}", NEGATIVE)

    def power(self, step: Step) -> Expression:
        left, right = (self.operand(a) for a in step.arguments)
        return Expression(f"{within(left, POWER + 1)}^{{{right.text}}}", POWER)

    def transposed(self, step: Step) -> Expression:
        return Expression(rf"{within(self.operand(step.arguments[0]), POWER + 1)}^{{\top}}", POWER)

    def reduced(self, step: Step) -> Expression:
        """A sum, or what else goes over axes: of which axis, where not of all."""
        inner = self.operand(step.arguments[0])
        axis = step.arguments[1] if len(step.arguments) > 1 else step.keywords.get("axis")
        ndim = max(len(np.shape(step.arguments[0])), 1)
        letters = "" if axis is None else "".join(AXES[int(a) % ndim] for a in np.atleast_1d(axis))
        index = f"_{{{letters}}}" if letters else ""
        return Expression(f"{REDUCTIONS[step.function]}{index} {within(inner, PRODUCT)}", PRODUCT)

    def part(self, step: Step) -> Expression:
        target, place = step.arguments
        return Expression(rf"{within(self.operand(target), POWER)}\left[{self.place(place)}\right]", POWER)

    def place(self, value: Any) -> str:
        if isinstance(value, tuple):
            return ", ".join(map(self.place, value))
        if isinstance(value, slice):
            return ":".join("" if end is None else self.place(end) for end in (value.start, value.stop))
        if value is None or value is Ellipsis:
            return r"\cdot" if value is None else r"\ldots"
        return self.operand(value).text

    def put(self, step: Step) -> Expression:
        value, place, _ = step.arguments
        inside = around(self.operand(value).text)
        return Expression(rf"\operatorname{{scatter}}_{{{self.place(place)}}}{inside}")

    def put_all(self, step: Step) -> Expression:
        _, _, *parts = step.arguments
        inside = ", ".join(f"{self.place(place)}: {self.operand(value).text}" for place, value in parts)
        return Expression(rf"\operatorname{{scatter}}{around(inside)}")

    def same(self, step: Step) -> Expression:
        return self.operand(step.arguments[0])

    def full(self, step: Step) -> Expression:
        return number(step.arguments[1])

    def root(self, step: Step) -> Expression:
        return Expression(rf"\sqrt{{{self.operand(step.arguments[0]).text}}}")

    def size(self, step: Step) -> Expression:
        return Expression(rf"\left|{self.operand(step.arguments[0]).text}\right|")


def within(part: Expression, strength: int) -> str:
    return part.text if part.strength >= strength else around(part.text).strip()


def around(text: str) -> str:
    return rf"\left({text}\right)"


def is_number(value: Any) -> bool:
    return isinstance(value, int | float | complex | np.number) and not isinstance(value, bool)


def number(value: Any) -> Expression:
    """A number; what is none, such as a shape, is a dot."""
    if isinstance(value, Ratio):
        sign = "-" if value.number * value.over < 0 else ""
        fraction = rf"{sign}\frac{{{number(abs(value.number)).text}}}{{{number(abs(value.over)).text}}}"
        return Expression(fraction, NEGATIVE if sign else ATOM)
    if not is_number(value):
        return Expression(r"\cdot")
    if isinstance(value, complex | np.complexfloating):
        return Expression(rf"\left({value.real:g} + {value.imag:g} i\right)")
    if value != value or value in (np.inf, -np.inf):
        return Expression(r"\mathrm{nan}" if value != value else r"\infty" if value > 0 else r"-\infty")
    mantissa, _, exponent = f"{value:.12g}".partition("e")
    text = rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if exponent else mantissa
    return Expression(text, NEGATIVE if text.startswith("-") else PRODUCT if exponent else ATOM)


WAYS: dict[Any, Callable[[Writer, Step], Expression]] = {
    np.add: lambda writer, step: writer.infix("+", SUM, step),
    np.subtract: lambda writer, step: writer.infix("-", SUM, step),
    np.multiply: Writer.product,
    np.divide: Writer.quotient,
    np.negative: Writer.negative,
    np.power: Writer.power,
    np.square: lambda writer, step: Expression(f"{within(writer.operand(step.arguments[0]), POWER + 1)}^{{2}}", POWER),
    np.matmul: lambda writer, step: writer.infix(r"\,", PRODUCT, step),
    np.dot: lambda writer, step: writer.infix(r"\,", PRODUCT, step),
    np.transpose: Writer.transposed,
    np.sqrt: Writer.root,
    np.absolute: Writer.size,
    operator.getitem: Writer.part,
    scatter: Writer.put,
    sum_rows: Writer.put,
    put_together: Writer.put_all,
    np.reshape: Writer.same,
    np.broadcast_to: Writer.same,
    expand: Writer.same,
    cast: Writer.same,
    as_type: Writer.same,
    np.copy: Writer.same,
    item: Writer.same,
    np.full: Writer.full,
}
