"""What may be put in beside an expression: a minus, a transpose, a copy, a factor, a divisor, a term, a sum."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tinygrad_scratch.verifier.rewriting.part import NAMES, Part, name_of
from tinygrad_scratch.verifier.rewriting.rewrite import (
    CHANGED,
    MADE,
    NAMED,
    PUT_IN,
    SIZE,
    SLOPE,
    Rewrite,
    kind_of_call,
    kind_of_divisor,
    kind_of_factor,
    kind_of_term,
)

MOST_ROWS = 6
PRODUCTS = ast.Mult | ast.Div | ast.MatMult
NUMBERS = re.compile(r"(?<=[A-Za-z_])\d+(?=\b|_)")
VALUES = (ast.Name, ast.Attribute, ast.Subscript, ast.BinOp, ast.Call, ast.UnaryOp)


def additions(part: Part) -> Iterator[Rewrite]:
    if is_added_number(part):
        yield from factors(part)  # as of the slope of a penalty on sizes
    if not isinstance(part.node, VALUES) or not part.is_value or part.in_index:
        return
    if isinstance(part.node, ast.Attribute) and part.node.attr == "T":
        return
    if isinstance(part.around, ast.Attribute) and (part.around.attr == "T" or isinstance(part.node, ast.BinOp)):
        yield from factors(part)  # of what a method is called of
    if isinstance(part.around, ast.Attribute | ast.keyword) or isinstance(part.statement, ast.For | ast.While | ast.If):
        return
    if part.is_whole:
        yield from of_whole(part)
        yield from leading(part)
    if isinstance(part.node, NAMES) and not part.is_in_product and not isinstance(part.around, ast.Subscript):
        yield part.change(f"{part.code}.T", "transpose", f"{part.code} should be transposed")
    yield from halves(part)
    yield from ones(part) if stands_alone(part) else slope_in_product(part)
    if stands_alone(part):
        yield from factors(part)
        yield from calls(part)
    if part.is_whole:
        yield from terms(part)


def is_added_number(part: Part) -> bool:
    """Whether a number with a point is a term of what is no number: `g + 0.05`."""
    sums = isinstance(part.around, ast.BinOp) and isinstance(part.around.op, ast.Add | ast.Sub)
    return sums and isinstance(part.node, ast.Constant) and type(part.node.value) is float


def stands_alone(part: Part) -> bool:
    """Whether a factor here is one of no larger product: that is changed as a whole."""
    around = part.around
    inside = isinstance(around, ast.BinOp) and isinstance(around.op, ast.Mult | ast.Div)
    return not inside and not isinstance(around, ast.Subscript | ast.UnaryOp | ast.Compare)


def halves(part: Part) -> Iterator[Rewrite]:
    """What a contraction is given, as `t + t.swapaxes(1, 2)`: a tensor that reads a value twice gets both parts."""
    call = part.around
    if not isinstance(part.node, NAMES) or not isinstance(call, ast.Call) or part.node not in call.args:
        return
    for axes in ("1, 2", "0, 1") if name_of(call) in ("tensordot", "einsum") else ():
        said = f"only one half of `{part.code} + {part.code}.swapaxes({axes})` is there: it reads one value twice"
        yield part.change(f"{part.code} + {part.code}.swapaxes({axes})", "missing-term", said, MADE)


def is_of_pairs(node: ast.AST) -> bool:
    """Whether an expression is a matrix with both its halves: `m + m.T`."""
    return (
        isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Add)
        and ast.unparse(node.right) == f"{ast.unparse(node.left)}.T"
    )


def of_whole(part: Part) -> Iterator[Rewrite]:
    """The value of a statement: negated, copied, summed."""
    written = part.source.operand(part.node)
    product = isinstance(part.node, ast.BinOp) and isinstance(part.node.op, PRODUCTS)
    negative = f"-{part.code if product else written}"
    yield part.change(negative, "sign", f"the sign of `{part.code}` is wrong", NAMED)
    if isinstance(part.node, NAMES):
        said = f"{part.code} is written over before its last use: a copy is due"
        yield part.change(f"{written}.copy()", "inplace-corruption", said, about=part.code)
    matrix = written.removesuffix(".copy()")
    said = f"only one half of `{matrix} + {matrix}.T` is there: what is read both ways gets both parts"
    yield part.change(f"{matrix} + {matrix}.T", "missing-term", said, MADE)
    if is_of_pairs(part.node):
        text = f"{part.code} - np.diag(({part.code}).sum(axis=0))"
        yield part.change(
            text, "missing-term", f"`{part.code}` lacks its diagonal: the sum of each column, taken off", MADE
        )
    if isinstance(part.node, (*NAMES, ast.Subscript)) and is_added_to(part):
        said = f"a sum begins with what {part.code} holds, and is added to it: it should begin with 0"
        yield part.change(f"np.zeros_like({part.code})", "inplace-corruption", said, about=part.code)
    if isinstance(part.statement, ast.AugAssign) and isinstance(part.statement.op, ast.Mult | ast.Div):
        for name in part.source.words(part.line).of_numpy:
            said = f"`{name}({part.code})` is meant, and not {part.code} itself"
            yield part.change(f"{name}({part.code})", kind_of_call(name), said, PUT_IN)
    yield from of_entry(part)
    if re.search(r"\b(?:sum|mean)\(", part.code) is None:
        for inside in ("axis=0", "axis=1", "axis=0, keepdims=True", "axis=1, keepdims=True", ""):
            said = f"`{part.code}` is not summed over the batch"
            yield part.change(f"{written}.sum({inside})", "missing-batch-sum-or-mean", said, NAMED)


def of_entry(part: Part) -> Iterator[Rewrite]:
    """One entry of what should be summed: of all that there are, or of the two that come back of what is used twice."""
    node = part.node
    if not isinstance(node, ast.Subscript) or not isinstance(node.slice, ast.Constant):
        return
    whole = part.source.code(node.value)
    for inside in ("axis=0", ""):
        said = f"`{part.code}` is one of what should be summed over the batch"
        yield part.change(f"{whole}.sum({inside})", "missing-batch-sum-or-mean", said, CHANGED)
    if node.slice.value in (0, 1):
        other = f"{whole}[{1 if node.slice.value == 0 else 0}]"
        yield part.change(
            f"{part.source.operand(node)} + {other}", "missing-term", f"the term {other} is missing", NAMED
        )


def is_added_to(part: Part) -> bool:
    """Whether a second name of an array, as after `dx = d`, is one that later lines add to."""
    statement = part.statement
    if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Name):
        return False
    name = re.escape(statement.targets[0].id)
    return re.search(rf"(?<![\w.]){name}(?:\[[^=\n]*\])?\s*\+=", part.source.text) is not None


def factors(part: Part) -> Iterator[Rewrite]:
    """A number, a size, or what stands as a factor elsewhere, also with the numbers of the names around."""
    written = part.source.operand(part.node)
    sized = "scale-factor" if SIZE.fullmatch(part.code) else ""
    elsewhere = "derivative-at-wrong-point" if part.is_base_of_power else sized  # no factor of a slope, but its point
    for number in ("2", "0.5", "3"):
        yield part.change(
            f"({written} * {number})", elsewhere or "scale-factor", f"`{part.code}` lacks the factor {number}", NAMED
        )
    words = part.source.words(part.line, of_class=True)
    turns = part.source.counts_around(part.line) if part.is_whole else []
    sizes = dict.fromkeys([*words.divisors, *turns])
    for size in (each for each in sizes if each != part.code):
        kind, about = elsewhere or kind_of_divisor(size), "" if elsewhere else size
        yield part.change(f"({written} / {size})", kind, f"`{part.code}` is not divided by {size}", NAMED, about=about)
        said = f"`{part.code}` is not multiplied by {size}"
        yield part.change(f"({written} * {size})", kind, said, NAMED, about=about)
    indices = part.source.indices_around(part.line)
    counted = [*with_counted_index(words.factors, indices), *with_last_index(words.factors, indices)]
    statement = part.source.code(part.statement)
    for factor in dict.fromkeys([*renumbered([*words.factors, *words.slopes], statement), *counted]):
        said = f"`{part.code}` is not multiplied by {factor}"
        kind, about = elsewhere or kind_of_factor(factor), "" if elsewhere else factor
        if not part.is_rate_elsewhere(factor):
            yield part.change(f"({written} * {factor})", kind, said, PUT_IN, about=about)


def leading(part: Part) -> Iterator[Rewrite]:
    """In front of all of a value the factor that another statement begins with: `(1. / n) * d.sum()`."""
    if part.is_whole and not isinstance(part.statement, ast.Return):
        written = part.code if is_product(part.node) else part.source.operand(part.node)
        for factor in part.source.words(part.line).leading:
            if not written.startswith(factor):
                said = f"`{part.code}` is not multiplied by {factor}"
                kind = kind_of_divisor(factor.strip("()").rpartition("/")[2].strip()) if "/" in factor else ""
                yield part.change(f"{factor} * {written}", kind or kind_of_factor(factor), said, NAMED, about=factor)


def is_product(node: ast.AST) -> bool:
    return not isinstance(node, ast.BinOp) or isinstance(node.op, ast.Mult | ast.Div | ast.MatMult)


def renumbered(texts: list[str], statement: str) -> list[str]:
    """Expressions as they stand, and with the numbers that the names of a statement have."""
    numbers = dict.fromkeys(NUMBERS.findall(statement))
    own = (NUMBERS.sub(number, text) for text in texts for number in numbers)
    return list(dict.fromkeys([*texts, *own, *with_own_index(texts, statement), *of_turn(texts, statement)]))


def of_turn(texts: list[str], statement: str) -> Iterator[str]:
    """The entries of names that a statement takes of others: `p[j]` beside `w[j]`, where `p` stands elsewhere."""
    own = dict.fromkeys(index for index in INDEX.findall(statement) if index.isidentifier())
    return (f"{text}[{index}]" for text in texts if text.isidentifier() for index in own)


def with_own_index(texts: list[str], statement: str) -> Iterator[str]:
    """Expressions in which one index stands, with one of a statement instead: `s[t] * d` for `s[i - 1] * d`."""
    own = dict.fromkeys(INDEX.findall(statement))
    for text in texts:
        if len(set(INDEX.findall(text))) == 1:
            yield from (INDEX.sub(f"[{index}]", text) for index in own)


def with_counted_index(texts: list[str], indices: list[str]) -> Iterator[str]:
    """Expressions of the last entry or the first one with that which a loop has come to: `s[i - 1]` for `s[-1]`."""
    for text in texts:
        if len(set(ENTRY.findall(text))) == 1:
            yield from (ENTRY.sub(f"[{index}]", text) for index in indices)


def with_last_index(texts: list[str], indices: list[str]) -> Iterator[str]:
    """The same the other way round, outside of the loop: `s[-1]` for `s[i - 1]`."""
    for text in texts:
        counted = set(INDEX.findall(text))
        if len(counted) == 1 and NAME.findall(counted.pop())[0] not in indices:
            yield INDEX.sub("[-1]", text)


ENTRY = re.compile(r"\[-?\d+\]")
NAME = re.compile(r"[A-Za-z_]\w*")
INDEX = re.compile(r"\[([A-Za-z_]\w*(?:\s*[-+]\s*\d+)?)\]")


def ones(part: Part) -> Iterator[Rewrite]:
    """One less, one more, and what is left of one."""
    written = part.source.operand(part.node)
    if isinstance(part.node, NAMES):
        for text, kind, tier in (
            (f"({written} - 1)", "missing-term", PUT_IN),
            (f"(1 - {written})", "wrong-operand", CHANGED),  # what a gate or a mask leaves out
            (f"({written} + 1)", "missing-term", PUT_IN),
        ):
            yield part.change(text, kind, f"{part.code} should be `{text[1:-1]}`", tier)
    elif isinstance(part.node, ast.Call) and part.is_of_slope and not isinstance(part.around, ast.BinOp):
        said = f"`{part.code}` lacks a term: it should be {part.code} + 1"  # the slope of an exponential unit
        yield part.change(f"({part.code} + 1)", "missing-term", said, NAMED)


def slope_in_product(part: Part) -> Iterator[Rewrite]:
    """In a product the rest of the slope of a sigmoid, a slope of a factor, or what NumPy's functions make of it.

    Or it lacks the class that is meant, as `(p - 1) / n` is the slope where that is 1.
    """
    around = part.around
    if not isinstance(part.node, NAMES) or not isinstance(around, ast.BinOp):
        return
    if isinstance(around.op, ast.Mult | ast.Div) and around.left is part.node:
        yield part.change(f"({part.code} - 1)", "missing-term", f"{part.code} should be `{part.code} - 1`", PUT_IN)
    if isinstance(around.op, ast.Mult):
        said = f"the factor `1 - {part.code}` is missing beside {part.code}"
        text = f"((1 - {part.code}) * {part.code})"
        yield part.change(text, "missing-derivative", said, PUT_IN)
        for name in part.source.takes_one(part.line):
            if SLOPE.search(f"{name}("):
                said = f"the slope `{name}({part.code})` is meant, and not {part.code} itself"
                yield part.change(f"{name}({part.code})", "missing-derivative", said, PUT_IN)
    if isinstance(around.op, ast.Mult | ast.Div):
        for name in part.source.words(part.line).of_numpy:
            said = f"`{name}({part.code})` is meant, and not {part.code} itself"
            yield part.change(f"{name}({part.code})", kind_of_call(name), said, PUT_IN)


def calls(part: Part) -> Iterator[Rewrite]:
    """What a function makes of it: that of a slope, or of the way back through a layer."""
    if isinstance(part.around, ast.Call) and name_of(part.around) == "len":
        return
    for name in part.source.takes_one(part.line):
        if isinstance(part.node, NAMES) and name != part.code:
            said = f"`{name}({part.code})` is meant, and not {part.code} itself"
            kind = "derivative-at-wrong-point" if part.is_of_slope else kind_of_call(name)
            yield part.change(f"{name}({part.code})", kind, said, PUT_IN)


def terms(part: Part) -> Iterator[Rewrite]:
    """What is added, or taken off, elsewhere; the rows of what is read that others are taken of, as those of labels."""
    written, words = part.source.operand(part.node), part.source.words(part.line)
    read = dict.fromkeys(node.id for node in ast.walk(part.node) if isinstance(node, ast.Name))
    taken = [index for index in words.indices if index.isidentifier()]
    rows = [f"{name}[{index}]" for name in read if name in words.names for index in taken if name != index]
    known = renumbered(part.source.words(part.line, of_class=True).terms, part.source.code(part.statement))
    for term in dict.fromkeys([*known, *rows[:MOST_ROWS]]):
        for sign in "+-":
            said = f"the term {term} is missing"
            kind, about = ("missing-term", "") if term in rows else (kind_of_term(term), term)
            yield part.change(f"({written} {sign} {term})", kind, said, PUT_IN, about=about)
    if isinstance(part.node, ast.BinOp) and isinstance(part.node.op, ast.Mult | ast.Div):  # the rule of products
        for name in dict.fromkeys(node.id for node in ast.walk(part.node) if isinstance(node, ast.Name)):
            if name not in ("np", "numpy"):
                said = f"the term {name} is missing"
                yield part.change(f"({name} + {written})", kind_of_term(name), said, MADE, about=name)
