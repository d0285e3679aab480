"""An expression in a statement, with what is around it."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tinygrad_scratch.verifier.reading.derivative_names import is_of_activation
from tinygrad_scratch.verifier.reading.names import without_holder
from tinygrad_scratch.verifier.reading.numbers_by_name import RATE
from tinygrad_scratch.verifier.reading.source import is_index_of, puts_together
from tinygrad_scratch.verifier.rewriting.rewrite import CHANGED, SLOPE, Rewrite
from tinygrad_scratch.verifier.rewriting.text import FIRST_WORDS, Source

Way = tuple[Any, ...]  # the nodes around an expression, the statement first
PRODUCTS = ("dot", "matmul", "outer")
MOST_OF_SLOPE = 2  # arguments of a function of slopes: where, and what comes from above
CALLED = re.compile(r"[\w.]+\(")
SWITCHED = re.compile(r"\b\w+=True")
ALONG = ("sum", "mean", "max", "min", "std", "var", "prod", "argmax", "argmin", "cumsum", "all", "any")
NAMES = (ast.Name, ast.Attribute, ast.Subscript)


@dataclass
class Part:
    """An expression, with the nodes around it."""

    source: Source
    statement: Any
    node: Any
    way: Way

    @property
    def line(self) -> int:
        return int(self.statement.lineno)

    @property
    def code(self) -> str:
        return self.source.code(self.node)

    @property
    def around(self) -> Any:
        return self.way[-1]

    @property
    def in_index(self) -> bool:
        """Whether it counts: in square brackets, or in a range, and not in a mask."""
        ranges = ("range", "reversed", "arange")
        return not any(isinstance(outer, ast.Compare) for outer in self.way) and any(
            is_index_of(inner, outer) or (isinstance(outer, ast.Call) and name_of(outer) in ranges)
            for outer, inner in zip(self.way, (*self.way[1:], self.node), strict=True)
        )

    @property
    def is_of_loop(self) -> bool:
        """Whether it is in a comparison of the variable of a loop, which counts."""
        compared = next((n for n in (self.node, *self.way[::-1]) if isinstance(n, ast.Compare)), None)
        sides = [compared.left, *compared.comparators] if compared is not None else []
        loops = {counted_by(node) for node in self.source.statements}
        return any(isinstance(side, ast.Name) and side.id in loops for side in sides)

    def is_rate_elsewhere(self, name: str) -> bool:
        """Whether a name is that of a rate, and the statement is no update, to which alone a rate belongs."""
        match self.statement:
            case ast.AugAssign() | ast.Expr():
                return False
            case ast.Assign(value=ast.BinOp(left=before, op=ast.Add() | ast.Sub())) if isinstance(before, NAMES):
                return False
        return RATE.match(without_holder(name)) is not None

    @property
    def given_to(self) -> str:
        """What holds the method that is given it; a list that is put in itself has no end."""
        around = self.around
        is_given = isinstance(around, ast.Call) and isinstance(around.func, ast.Attribute)
        return self.source.code(around.func.value) if is_given and around.func is not self.node else ""

    @property
    def read_by(self) -> ast.expr | None:
        """The operation or the call that reads it, or a power of it, or an entry."""
        for outer in reversed(self.way):
            if is_power(outer):
                continue
            if isinstance(outer, ast.BinOp | ast.Compare | ast.Call):
                return outer
            if not isinstance(outer, ast.Subscript):
                return None
        return None

    @property
    def formula(self) -> str:
        return "" if self.read_by is None else self.source.code(self.read_by)

    @property
    def is_compared(self) -> bool:
        return isinstance(self.around, ast.Compare)

    @property
    def is_in_slope(self) -> bool:
        """Whether it is what a slope is taken at: `1 - h**2` of `h`, `dtanh(h)`, or `np.sign(h)`."""
        function = self.formula.partition("(")[0]
        named = is_of_activation(function) or self.source.is_slope_of_another(function)
        formula, call = self.formula, self.read_by
        if isinstance(call, ast.Call) and len(call.args) > MOST_OF_SLOPE:  # those of all of a layer
            return named
        if CALLED.match(formula):  # what else it is given says nothing, but for what is switched on
            formula = f"{function}({', '.join(SWITCHED.findall(formula))}"
        return named or SLOPE.search(formula) is not None

    @property
    def is_of_slope(self) -> bool:
        """Whether it is what a slope is taken at, or stands in a function that is called as one."""
        around = self.source.function_around(self.line)
        named = around is not None and is_of_activation(around.name)
        return self.is_in_slope or named or self.source.is_slope_method(around)

    @property
    def is_in_some_slope(self) -> bool:
        """Whether it stands, wherever, in what a function is given that has the name of a slope."""
        calls = (each.func for each in self.way if isinstance(each, ast.Call))
        return any(SLOPE.search(f"{self.source.code(function)}(") for function in calls)

    @property
    def measured(self) -> str:
        """How its length is taken, `len({})` or `{}.shape`, if that is what it is read for."""
        if isinstance(self.around, ast.Attribute) and self.around.attr in ("shape", "size"):
            return "{}." + self.around.attr
        of_length = isinstance(self.around, ast.Call) and name_of(self.around) == "len"
        return "len({})" if of_length and self.around.func is not self.node else ""

    @property
    def is_slice(self) -> bool:
        """Whether it is all that stands in square brackets."""
        return isinstance(self.around, ast.Subscript) and self.around.slice is self.node

    @property
    def is_argument(self) -> bool:
        return isinstance(self.around, ast.keyword)

    @property
    def is_handed_on(self) -> bool:
        """Whether it is one of the values that a function of theirs is called with."""
        call = self.around
        if not isinstance(call, ast.Call) or not any(each is self.node for each in call.args):
            return False
        function = self.source.code(call.func)
        return not (function.startswith(("np.", "numpy.", "math.")) or hasattr(builtins, function) or is_of_list(call))

    @property
    def argument(self) -> str:
        """The name by which a call is given it."""
        return str(self.around.arg) if isinstance(self.around, ast.keyword) else ""

    @property
    def is_axis(self) -> bool:
        """Whether it is an axis that a call goes along, by its name or its place: `x.sum(1)`, `np.mean(x, -1)`."""
        outer, inner = (self.way[-2], self.around) if isinstance(self.around, ast.UnaryOp) else (self.around, self.node)
        if not isinstance(outer, ast.Call) or isinstance(outer.func, ast.Name):  # Python's `max(0, n)` has none
            return self.argument in ("axis", "axes")
        place = 1 if self.source.code(outer.func).startswith(("np.", "numpy.")) else 0
        return name_of(outer) in ALONG and inner in outer.args and outer.args.index(inner) == place

    @property
    def is_condition(self) -> bool:
        """Whether it is a part of what a statement is made, or made again, for."""
        return isinstance(self.statement, ast.If | ast.While)

    @property
    def base_of_power(self) -> str:
        """What it is the power of."""
        inner = self.around if self.is_negated else self.node
        power = self.way[-2] if self.is_negated and len(self.way) > 1 else self.around
        return self.source.code(power.left) if is_power(power) and power.right is inner else ""

    @property
    def is_negated(self) -> bool:
        return isinstance(self.around, ast.UnaryOp) and isinstance(self.around.op, ast.USub)

    @property
    def is_rest_of_one(self) -> bool:
        """Whether it is the power in `1 - h**2`, as it stands in slopes."""
        outer = self.way[-2] if len(self.way) > 1 else None
        if not isinstance(outer, ast.BinOp) or not isinstance(outer.op, ast.Sub) or outer.right is not self.around:
            return False
        return isinstance(outer.left, ast.Constant) and outer.left.value == 1

    @property
    def is_base_of_power(self) -> bool:
        return is_power(self.around) and self.around.left is self.node

    @property
    def is_power(self) -> bool:
        """Whether something is taken to the power of it: no other value is meant there."""
        return is_power(self.around) and self.around.right is self.node

    @property
    def is_whole(self) -> bool:
        """Whether it is all that a statement assigns or returns, or an entry of that, or what makes each of them."""
        inner = isinstance(self.around, ast.ListComp | ast.GeneratorExp) and self.around.elt is self.node
        around = self.way[-2] if inner or isinstance(self.around, ast.List | ast.Tuple | ast.Dict) else self.around
        return around is self.statement and not isinstance(self.statement, ast.For | ast.If | ast.While)

    @property
    def is_put_in_mask(self) -> bool:
        """Whether it is what a statement puts in wherever a mask holds, as in `d[z <= 0] = 0`."""
        targets = self.statement.targets if isinstance(self.statement, ast.Assign) else []
        masked = targets and isinstance(targets[0], ast.Subscript) and isinstance(targets[0].slice, ast.Compare)
        return bool(masked) and self.is_whole

    @property
    def is_value(self) -> bool:
        """Whether it stands for a value, and is not the name of what is called or of a module."""
        called = isinstance(self.around, ast.Call) and self.around.func is self.node
        first = isinstance(self.node, ast.Name) and self.node.id in FIRST_WORDS
        return not called and not first and not puts_together(self.node)

    @property
    def is_in_product(self) -> bool:
        """Whether a matrix product reads it."""
        around = self.around
        by_sign = isinstance(around, ast.BinOp) and isinstance(around.op, ast.MatMult)
        of_method = isinstance(around, ast.Attribute) and around.attr in PRODUCTS
        return by_sign or of_method or (isinstance(around, ast.Call) and name_of(around) in PRODUCTS)

    def larger_indices(self) -> Iterator[str]:
        """The sums and products in other indices that it is a part of, as `i * stride` is of `i`."""
        for node in self.source.words(self.line).in_indices:
            if any(self.source.code(side) == self.code for side in (node.left, node.right)):
                yield self.source.code(node)

    def targets_before(self, most: int) -> Iterator[str]:
        """What the statements before assign to."""
        block = self.source.block_of(self.statement)
        place = next((i for i, each in enumerate(block) if each is self.statement), 0)
        for each in block[max(0, place - most) : place]:
            if isinstance(each, ast.Assign) and isinstance(each.targets[-1], NAMES):
                yield self.source.code(each.targets[-1])

    def change(
        self,
        text: str,
        kind: str,
        sentence: str,
        tier: int = CHANGED,
        at: tuple[int, int] | None = None,
        about: str = "",
    ) -> Rewrite:
        start, end = at or self.source.span(self.node)
        return Rewrite(self.line, start, end, text, kind, sentence, tier, about)

    def other_ways(self, one: Any, other: Any, form: str) -> Iterator[Rewrite]:
        """A product the other way round, and with one or the other side transposed."""
        left, right = self.source.operand(one), self.source.operand(other)
        said = f"the product `{self.code}` is the wrong way round"
        for a in (left, flipped(left)):
            for b in (right, flipped(right)):
                for first, second in ((a, b), (b, a)):
                    yield self.change(form.format(first, second), "transpose", said)


def is_power(node: Any) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow)


def counted_by(node: ast.stmt) -> str:
    """The variable of a loop over a range; nothing where a statement is none."""
    is_loop = isinstance(node, ast.For) and isinstance(node.target, ast.Name) and "range" in ast.unparse(node.iter)
    return ast.unparse(node.target) if is_loop and isinstance(node, ast.For) else ""


def is_of_list(call: ast.Call) -> bool:
    """Whether it only puts something into a list."""
    return name_of(call) in ("append", "insert", "extend")


def name_of(node: ast.Call) -> str:
    """The name of what is called, without what holds it."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def flipped(text: str) -> str:
    return text.removesuffix(".T") if text.endswith(".T") else f"{text}.T"
