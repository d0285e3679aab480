"""A change of the source with which all gradients are right."""

from __future__ import annotations

import ast
import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.cases.valued import is_mere_number, nodes_named, values_in
from tinygrad_scratch.verifier.explaining.anywhere import both_ways
from tinygrad_scratch.verifier.meant.conventions import WAYS, is_of_layout
from tinygrad_scratch.verifier.meant.directions import UP, direction
from tinygrad_scratch.verifier.reading.source import (
    TOKEN,
    chooses_nothing,
    compared,
    entries_of,
    parsed,
    statements_on,
    text_of,
    with_bare_names,
    without_brackets,
)
from tinygrad_scratch.verifier.rewriting.alike import MUCH_ALIKE, is_update, sets_apart
from tinygrad_scratch.verifier.rewriting.kept import keeps_trained
from tinygrad_scratch.verifier.rewriting.rewrite import PUT_IN, SIZE, Rewrite
from tinygrad_scratch.verifier.rewriting.text import effort, is_near, is_without, source_of
from tinygrad_scratch.verifier.rewriting.textbook import is_made_so, is_spoiled
from tinygrad_scratch.verifier.rewriting.unused import bound_unread, given_unread, only_read_by

SMALL = 6  # words and signs: up to so many a change that makes a line as others are is a slip
OF_A_LINE = 4  # words: what it takes to move one
NAMED_IN = re.compile(r"(?<![\w.])[A-Za-z_][\w.]*")
TARGET = re.compile(r"([\w.]+(?:\[[^\]]*\])?)\s*[-+*/]?=[^=]")
PRODUCT = re.compile(r"@|\b(?:dot|matmul|einsum)\(")
OUTER = re.compile(rf"{PRODUCT.pattern}|\bouter\(")
INDEX = re.compile(r"\[(?:[^][]|\[[^][]*\])*\]")
OF_SIGMOID = re.compile(r"(?<![\w.])1(?:\.0*)?\s*-\s*([^\W\d][\w.]*(?:\[[^\]]*\])*)(?![\w(])")
NUMBER_TAKEN = re.compile(r"[\w\])]\s*[-+]\s*[\d.]+\s*(?=[),\]]|$)")
OF_COUNTING = re.compile(r"for \w+ in (?:reversed\()?range\(")
OF_SLOPE = re.compile(
    r"d_?[A-Za-z]\w*_?_d_?\w+|d[A-Z]\w*d[A-Z]\w*|\w*(?:deri?v|prime|slope|jac|mask)\w*", re.IGNORECASE
)
"""The names of slopes of one function: `dA_dZ`, `dAdZ`, `tanh_prime`."""
COMPUTES = ast.Call | ast.BinOp | ast.UnaryOp | ast.Compare


@dataclass(eq=False)
class Hit:
    """A change, and the check of the calls made with it."""

    file: str
    rewrite: Rewrite
    check: Any
    is_of_block: bool = False  # whether the line only makes the calls that are checked
    usual: str = ""  # the convention that the other gradients are right in without it
    scale: float = 1.0  # the factor that all carry by it

    @cached_property
    def convention(self) -> str:
        """In which convention the gradients are right then, but for their layout and small numbers.

        It is none that updates which add the gradient go uphill by a loss that is to be made small.
        """
        convention = str(self.check.case.convention)
        updated_so = convention == WAYS[UP] and direction(self.check.case) == UP
        return "" if updated_so or is_of_layout(convention) or convention == self.usual else convention

    @cached_property
    def spoils_name(self) -> bool:
        """Whether a function would no longer be what its name says."""
        return is_spoiled(self.file, self.rewrite.line, self.written, self.right)

    @cached_property
    def statements(self) -> tuple[str, str]:
        """The statement that is changed, before and after that."""
        text = text_of(self.file)
        pairs = list(
            zip(*(statements_on(each, self.rewrite.line) for each in (text, self.rewrite.of(text))), strict=False)
        )
        return next((pair for pair in pairs if pair[0] != pair[1]), pairs[-1])

    @property
    def written(self) -> str:
        return self.statements[0]

    @property
    def only_copies(self) -> bool:
        """Whether what was written is right as a copy."""
        return self.right == f"{self.written}.copy()"

    @cached_property
    def right(self) -> str:
        """The statement as it should be; nothing where lines change places."""
        if self.rewrite.text.endswith("\n"):
            return ""
        if "; " in self.rewrite.text:  # two statements for one
            return self.rewrite.text
        changed = with_bare_names(self.statements[1], self.written)
        if changed == self.written:
            return ""
        return changed if changed.count("(") == self.written.count("(") else without_brackets(changed, self.written)

    @cached_property
    def effort(self) -> int:
        """How many words and signs the change is of; one more or less in the head of a loop is hardly any."""
        if self.rewrite.kind == "off-by-one" and OF_COUNTING.match(self.written):
            return 0
        return effort(self.written, self.right) if self.right else OF_A_LINE

    @property
    def puts_in(self) -> bool:
        """Whether it puts in what was not there, and stands at most elsewhere."""
        return self.rewrite.tier >= PUT_IN

    @property
    def takes_away(self) -> bool:
        """Whether less is right than was written."""
        return 0 < len(TOKEN.findall(self.right)) < len(TOKEN.findall(self.written))

    @cached_property
    def only_takes_away(self) -> bool:
        """Whether what is right is what was written without a part of it, which is more than a sign, or than a call.

        A mean in an update is no such part.
        """
        without = bool(self.right) and is_without(self.written, self.right) and not self.drops_mean
        return without and not (self.takes_call_away or self.takes_index_away)

    @cached_property
    def drops_mean(self) -> bool:
        """Whether an update takes no mean then: one of several lacks it sooner than another has it in vain."""
        is_mean = self.rewrite.kind == "missing-batch-sum-or-mean"
        return is_mean and self.updates_parameter and is_without(self.written, self.right)

    @cached_property
    def takes_index_away(self) -> bool:
        """Whether all of a value is right, where an entry was taken: that is forgotten sooner than done in vain."""
        return bool(self.right) and INDEX.fullmatch(compared(self.written, self.right)[0].part.strip()) is not None

    @cached_property
    def updates_parameter(self) -> bool:
        """Whether the statement takes something off a parameter, or adds it."""
        target = re.split(r"\s*[-+]?=", self.written, maxsplit=1)[0]
        held = {final.parameter.short for final in self.check.case.finals}
        return is_update(self.written) and target.rpartition(".")[2] in held

    @cached_property
    def takes_call_away(self) -> bool:
        """Whether a value is right without the one function that was called with it."""
        calls = [len(re.findall(r"\w\(", text)) for text in (self.written, self.right)]
        signs = [len(re.findall(r"[-+*/@]", text)) for text in (self.written, self.right)]
        return calls[0] > calls[1] and signs[0] == signs[1]

    @cached_property
    def exchanges_sign(self) -> bool:
        """Whether a plus was written for a minus, or the other way round: no minus is put in."""
        one, two = (self.signs_in(text) for text in (self.written, self.right))
        return self.rewrite.kind == "sign" and sum(one.values()) == sum(two.values()) and one != two

    @cached_property
    def exchanges_near_name(self) -> bool:
        """Whether only a name is another one, from which it differs in a letter or a number: a slip of the pen."""
        one, two = (re.findall(r"[^\W\d]\w*|\S", text) for text in (self.written, self.right))
        differ = {pair for pair in zip(one, two, strict=False) if pair[0] != pair[1]}
        return len(one) == len(two) and len(differ) == 1 and all(is_near(*pair) and len(pair[0]) > 1 for pair in differ)

    @cached_property
    def turns_number(self) -> bool:
        """Whether a difference from a number is turned round, as `1 - s`: people seldom take that the wrong way."""
        part = INDEX.sub("", compared(self.written, self.right)[0].part)
        return self.rewrite.kind == "sign" and re.search(r"(?<![\w.])\d", part) is not None

    @staticmethod
    def signs_in(text: str) -> Counter[str]:
        return Counter(sign for sign in TOKEN.findall(text) if sign in ("+", "-", "+=", "-="))

    @cached_property
    def meant(self) -> tuple[int, int]:
        """How many of the values with a name are gradients with it: up to a factor, and as they are.

        What carries the factor of a convention, as the others do without it, is as it is.
        """
        case = self.check.case
        before, is_usual = case.scale, bool(self.usual) and str(case.convention) == self.usual
        case.scale = self.scale if is_usual else before
        found = both_ways(case, case.replay())
        case.scale = before
        return found

    @cached_property
    def sets_apart(self) -> int:
        """Whether the statement was as another one of the file, 1, or is so with it, -1 or -2."""
        return sets_apart(self.file, self.rewrite.line, self.written, self.right, self.lines_of_forward)

    @cached_property
    def lines_of_forward(self) -> frozenset[int]:
        """The lines of the file that made values of the forward pass, and no others."""
        case, own, others = self.check.case, set[int](), set[int]()
        for step in case.tape.steps:
            if step.place is not None and step.place.file == self.file:
                (others if case.forward.isdisjoint(step.makes) else own).add(step.place.line)
        return frozenset(own - others)

    @cached_property
    def takes_up(self) -> bool:
        """Whether it reads what a line before it gave a name, or its function is given, and nothing reads as it is."""
        return self.takes_up_made or self._reads_any(given_unread(source_of(text_of(self.file)), self.rewrite.line))

    @cached_property
    def takes_up_made(self) -> bool:
        """Whether it reads what a line before it gave a name, and nothing reads as it is: that was made for it."""
        source = source_of(text_of(self.file))
        own = source.statement_on(self.rewrite.line)
        return own is not None and self._reads_any(bound_unread(source, own))

    def _reads_any(self, names: list[str]) -> bool:
        found = [name for name in names if name.strip("_") and re.search(rf"\b{name}\b", self.right)]
        return any(nodes_named(self.check.case, name) for name in found)  # what was not recorded is a size

    @cached_property
    def leaves_unread(self) -> bool:
        """Whether nothing reads any more what a line before it gave a name: that was made for it."""
        source = source_of(text_of(self.file))
        own = source.statement_on(self.rewrite.line)
        dropped = only_read_by(source, own) if own is not None and self.right else []
        return any(re.search(rf"\b{name}\b", self.right) is None for name in dropped)

    @cached_property
    def is_of_derivative(self) -> bool:
        """Whether it is in a function that is called as derivatives are, or as the backward pass of an activation."""
        return source_of(text_of(self.file)).is_in_derivative(self.rewrite.line)

    @cached_property
    def leaves_number(self) -> bool:
        """Whether what was an array less another is one less a mere number then: nobody shifts all entries so."""
        found = NUMBER_TAKEN.search(self.right) is not None and NUMBER_TAKEN.search(self.written) is None
        return found and self.takes_away

    @cached_property
    def divides_by_array(self) -> bool:
        """Whether it only divides by an array, as by the output of a function for its slope: nobody writes that."""
        found = re.search(r" / ([\w.\[\]]+)$", self.right)
        if found is None or not self.puts_in or SIZE.fullmatch(found[1]):
            return False
        case = self.check.case
        return any(not is_mere_number(case, node) for node in nodes_named(case, found[1]))

    @property
    def puts_in_nothing(self) -> bool:
        """Whether it puts in a name that held nothing but noughts: then it only takes away what it stands for."""
        new = {*NAMED_IN.findall(self.right)} - {*NAMED_IN.findall(self.written)}
        case, here = self.check.case, (self.file, self.rewrite.line)
        until = max((e.node for e in case.events if (e.place.file, e.place.line) == here), default=0)
        held = [[node for node in nodes_named(case, name) if node < until] for name in new]
        return any(nodes and not any(np.any(case.tape.nodes[node].value) for node in nodes) for nodes in held)

    @property
    def spreads_sum(self) -> bool:
        """Whether it multiplies a sum that kept its axes where it is made, so that it is spread over them at once."""
        return spreads(self.right) and not spreads(self.written)

    @property
    def spreads_slope(self) -> bool:
        """Whether a slope is multiplied by the product of matrices that an update takes: it is due in that."""
        in_update = self.rewrite.kind == "missing-derivative" and self.updates_parameter
        return in_update and self.right.startswith(self.written) and OUTER.search(self.written) is not None

    def likelihood(self) -> tuple[Any, ...]:
        """Less is likelier: right in no other convention, as other lines are, more gradients, less to believe.

        What is right once a part of it is gone had that part too many: few lines are so by chance, where many lack it.
        A mean that another gradient takes in its own line is due in that of each.
        """
        puts_in, apart = self.puts_in or self.is_of_block or self.hands_on, self.sets_apart
        in_slope = self.is_of_derivative and not self.turns_number
        effort = self.effort, not self.exchanges_sign, not in_slope, apart, self.breaks_number
        whole = self.is_of_kept, not self.takes_up, apart > 0, self.leaves_unread, not self.completes_slope
        form = *whole, *effort, self.drops_mean, self.rewrite.tier
        is_mean = self.rewrite.kind == "missing-batch-sum-or-mean"
        part = self.takes_index_away, not self.only_takes_away
        likely = not (is_mean and apart < 0), self.spreads_slope, -self.meant[1], self.is_odd, *part
        return bool(self.convention), puts_in, not self.drops_floor, not self.is_alike, *likely, *form

    @property
    def is_of_kept(self) -> bool:
        """Whether the line only keeps what is trained as it is then."""
        source = source_of(text_of(self.file))
        return keeps_trained(source, source.statement_on(self.rewrite.line))

    @property
    def drops_floor(self) -> bool:
        """Whether it divides, where what is behind the point was cut off: `1 / n` for `1 // n`."""
        return "//" in self.written and "//" not in self.right and self.rewrite.kind == "dtype-or-integer"

    @cached_property
    def breaks_number(self) -> bool:
        """Whether what is read has the number of what is made, as in `d1 = layer1.back(d)`, and then another one."""
        target, old, new = (re.findall(r"\d+", text)[-1:] for text in (self.written.partition("=")[0], *self.changed))
        return bool(target) and target == old != new

    @property
    def completes_slope(self) -> bool:
        """Whether a line that has `1 - a` lacks nothing but the other half of that slope: `a * (1 - a)`."""
        halves = OF_SIGMOID.findall(self.written)
        return any(f"* {half}" in self.right and self.puts_in_only(half) for half in halves)

    def puts_in_only(self, factor: str) -> bool:
        """Whether a change does no more than multiply by something."""
        more = Counter(TOKEN.findall(self.right)) - Counter(TOKEN.findall(self.written))
        return {word: count for word, count in more.items() if word.strip(" ()")} == Counter(
            ["*", *TOKEN.findall(factor)]
        )

    @cached_property
    def changed(self) -> tuple[str, str]:
        """What was written in the part that is changed, and what is right there."""
        one, other = compared(self.written, self.right)
        return one.part, other.part

    @cached_property
    def gathers(self) -> int:
        """What the statement does: a mere other name lacks something sooner than a computation, a gathering later.

        A slope that is returned as it is lacks what is above it. A mean is taken where a sum is computed. What got a
        name as a term is due where others that did are summed up.
        """
        is_mean = self.rewrite.kind == "missing-batch-sum-or-mean"
        node = source_of(text_of(self.file)).statement_on(self.rewrite.line)
        match node:
            case ast.Assign(targets=[ast.Name()], value=ast.Name()):
                return 2 if is_mean else 0
            case ast.Return(value=ast.Name(id=name)) if OF_SLOPE.fullmatch(name):
                return 0
            case ast.Assign(value=several) if self.lacks_term_of(several):
                return 0
            case ast.AugAssign(op=ast.Mult() | ast.Div(), value=ast.Name()):
                return 2  # what a formula lacks it lacks before it is scaled
            case ast.Assign() | ast.Return() if not any(isinstance(part, COMPUTES) for part in ast.walk(node)):
                return 2
        return 1

    def lacks_term_of(self, value: ast.expr) -> bool:
        """Whether what is missing is a term, and a value the sum of others that got names."""
        return self.rewrite.kind == "missing-term" and isinstance(value, ast.BinOp) and is_sum_of_names(value)

    @cached_property
    def lacks_elsewhere(self) -> bool:
        """Whether a slope is put in beside no product of matrices: it mostly stands where that comes back."""
        own = PRODUCT.search(self.written) is not None and not self.updates_parameter
        return self.rewrite.kind == "missing-derivative" and not own and not self.is_of_numbers

    @property
    def makes_name(self) -> bool:
        """Whether the change makes of a function what its name says that it is, and what it was not."""
        return is_made_so(self.file, self.rewrite.line, self.written, self.right)

    @property
    def is_unlike_its_name(self) -> bool:
        """Whether nothing else that is put under the name of a statement has the size which a change puts in."""
        target = TARGET.match(self.written)
        size = re.search(r"[*/] [\w.]+$", self.right)
        around = source_of(text_of(self.file)).function_around(self.rewrite.line)
        if target is None or size is None or around is None:
            return True
        own = (n for n in ast.walk(around) if isinstance(n, ast.Assign | ast.AugAssign))
        others = (ast.unparse(n) for n in own if n.lineno != self.rewrite.line)
        begun = re.compile(rf"{re.escape(target[1])} [-+*/]?= .*{re.escape(size[0])}(?!\w)")
        return not any(begun.match(other) for other in others)

    @property
    def is_of_numbers(self) -> bool:
        """Whether what is put in holds nothing that was recorded but numbers."""
        case, about = self.check.case, self.rewrite.about
        held = [node for nodes in values_in(case, about) for node in nodes] if about else []
        return bool(about) and all(is_mere_number(case, node) for node in held)

    @cached_property
    def hands_on(self) -> bool:
        """Whether the statement only puts named values into a list, or returns several: it lacks something seldom."""
        node = source_of(text_of(self.file)).statement_on(self.rewrite.line)
        match node:
            case ast.Expr(value=ast.Call(func=ast.Attribute(attr="append" | "insert"), args=[*_, ast.Name()])):
                return True
            case (
                ast.Assign(value=ast.List() as several)
                | ast.Return(value=ast.Tuple() | ast.List() | ast.Dict() as several)
            ):
                return all(isinstance(part, ast.Name) for part in entries_of(several))
            case ast.Return(value=ast.Name()):
                return self.rewrite.kind == "missing-term"
        return False

    @cached_property
    def calls_uncalled(self) -> bool:
        """Whether it calls a slope that is defined, and called nowhere."""
        uncalled = source_of(text_of(self.file)).calls_of_uncalled
        return any(call.partition("{")[0] in self.right for call in uncalled)

    @cached_property
    def divides_as_beside(self) -> bool:
        """Whether a term is divided by what another term of the statement is divided by already, and is only so."""
        found = re.fullmatch(r"\s*/\s*([\w.]+)\s*", compared(self.written, self.right)[1].part)
        return found is not None and re.search(rf"(?<![1\s])\s*/\s*{re.escape(found[1])}\b", self.written) is not None

    @property
    def is_much_alike(self) -> bool:
        """Whether a small change makes the statement as others are, of a form that few have."""
        return self.sets_apart == MUCH_ALIKE and self.effort <= SMALL

    @property
    def is_odd(self) -> bool:
        """Whether nobody writes what would be right."""
        return self.leaves_number or self.divides_by_array or self.spreads_sum or chooses_nothing(self.right)

    @property
    def is_alike(self) -> bool:
        """Whether what else they wrote speaks for it: statements of the form, a term beside it, an uncalled slope."""
        return self.is_much_alike or self.calls_uncalled or self.divides_as_beside

    def does_as_much_as(self, other: Hit) -> bool:
        """Whether as many values with a name are gradients with it, in as usual a form, and in no other convention."""
        usual = (self.convention, self.puts_in) == (other.convention, other.puts_in)
        return usual and not self.is_odd and not self.is_of_block and self.meant[1] >= other.meant[1]

    @property
    def said(self) -> str:
        return self.right or self.rewrite.sentence


def is_sum_of_names(node: ast.expr) -> bool:
    """Whether an expression is a name, or a sum of names alone."""
    match node:
        case ast.BinOp(left=left, op=ast.Add(), right=ast.Name()):
            return is_sum_of_names(left)
    return isinstance(node, ast.Name)


def spreads(code: str) -> bool:
    """Whether a statement multiplies a sum that kept its axes by what has a name.

    >>> [spreads(code) for code in ("d = x.sum(1, keepdims=True) * w", "d = (x - x.sum(1, keepdims=True)) * w")]
    [True, False]
    """
    products = (node for node in ast.walk(parsed(code) or ast.Pass()) if isinstance(node, ast.BinOp))
    named = (node for node in products if isinstance(node.op, ast.Mult) and not isinstance(node.right, ast.Constant))
    kept = (each.arg for node in named if isinstance(node.left, ast.Call) for each in node.left.keywords)
    return "keepdims" in kept
