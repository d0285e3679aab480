"""What may be missing though it stands nowhere else: a factor or a term by name, a call around, a row's other half."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tinygrad_scratch.verifier.rewriting.part import NAMES, Part, counted_by
from tinygrad_scratch.verifier.rewriting.rewrite import (
    MADE,
    NAMED,
    NUMBER,
    SIZE,
    Rewrite,
    kind_of_call,
    kind_of_divisor,
    kind_of_factor,
    kind_of_term,
)
from tinygrad_scratch.verifier.rewriting.text import lines_of

MOST_NAMES = 40
MOST_CALLED = 4
MOST_BEFORE = 3  # statements whose names a product may be of


def made(part: Part) -> Iterator[Rewrite]:
    """What may be put in beside a value."""
    node = part.node
    if part.is_whole and part.is_value and not part.in_index and not isinstance(part.statement, ast.Expr):
        yield from by_name(part)
        yield from by_slope(part)
        yield from in_bounds(part)
        yield from by_other_product(part)
        yield from of_neighbour(part)
        if isinstance(node, NAMES) and SIZE.fullmatch(part.code):
            yield from other_sizes(part)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            yield from like_terms(part)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub) and not part.in_index:
        yield from into_product(part)
    inner = isinstance(node, NAMES) and part.is_value and not part.in_index and isinstance(part.around, ast.BinOp)
    if inner and isinstance(part.around.op, ast.Add | ast.Sub) and part.around.left is node:
        for name in names(part):
            yield part.change(f"{part.code} + {name}", kind_of_term(name), f"the term {name} is missing", MADE)
            yield part.change(f"{part.code} - {name}", kind_of_term(name), f"the term {name} is missing", MADE)
    if isinstance(node, NAMES) and part.is_value and not part.in_index:
        yield from by_slope_of_loss(part)
    if part.is_slice and isinstance(node, ast.Tuple):
        yield from larger_rows(part)
        yield from rims(part)


def names(part: Part) -> list[str]:
    """What the function around has a name for, and the statement does not read: no number that a loop has left over."""
    own = {part.source.code(node) for node in ast.walk(part.statement) if isinstance(node, ast.expr)}
    words = part.source.words(part.line)
    loops = (node for node in words.nodes if isinstance(node, ast.For) and part.line not in lines_of(node))
    own.update(map(counted_by, loops))
    return [name for name in words.names if name not in own][:MOST_NAMES]


def by_name(part: Part) -> Iterator[Rewrite]:
    """Multiplied by, divided by, and with what has a name, for a value as a whole."""
    written, code = part.source.operand(part.node), part.code
    of_penalty = kind_of_term(code) == "regularisation"
    for name in names(part):
        kind = "regularisation" if of_penalty else kind_of_factor(name)
        if not part.is_rate_elsewhere(name):
            yield part.change(f"{written} * {name}", kind, f"`{code}` is not multiplied by {name}", MADE)
        yield part.change(f"{written} / {name}", kind_of_divisor(name), f"`{code}` is not divided by {name}", MADE)
        yield part.change(f"{written} + {name}", kind_of_term(name), f"the term {name} is missing", MADE)
        yield part.change(f"{written} - {name}", kind_of_term(name), f"the term {name} is missing", MADE)
    for mask in filter(MASK.search, part.source.words(part.line).names):
        for text in (f"{mask}[:, None]", *(f"{mask}{index}" for index in of_turn(part) if "[" not in mask)):
            said = f"`{code}` is not multiplied by {text}"
            yield part.change(f"{written} * {text}", "missing-derivative", said, MADE)


MASK = re.compile(r"mask|valid|keep|active", re.IGNORECASE)


def of_turn(part: Part) -> Iterator[str]:
    """The indices in a statement by which a turn of a loop takes its part of an array, and that of one for its rows."""
    own = [node.slice for node in ast.walk(part.node) if isinstance(node, ast.Subscript)]
    for index in dict.fromkeys(part.source.code(each) for each in own):
        yield f"[{index}]"
        if index.startswith(":, ") or index.isidentifier():
            yield f"[{index.removesuffix(', :')}][:, None]"


def by_slope(part: Part) -> Iterator[Rewrite]:
    """Multiplied by a function that is called elsewhere, or a slope that is called nowhere, of what has a name."""
    words, uncalled = part.source.words(part.line), part.source.calls_of_uncalled
    called = [f"{function}({{}})" for function in words.called[:MOST_CALLED]]
    for call in (*uncalled, *called):
        for name in (*entries(part), *words.names[:MOST_NAMES]):
            factor = call.replace("{}", name, 1)
            said = f"`{part.code}` is not multiplied by {factor}"
            text = f"{part.source.operand(part.node)} * {factor}"
            tier = NAMED if call in uncalled else MADE  # that was made for something
            yield part.change(text, "missing-derivative", said, tier)


def by_slope_of_loss(part: Part) -> Iterator[Rewrite]:
    """A value by the slope that is called nowhere: the one that a loss is made of, as `slope(r, c)` is of `f(r, c)`."""
    for call in part.source.calls_of_uncalled:
        text = call.replace("{}", part.code, 1)
        yield part.change(text, "missing-derivative", f"`{part.code}` should be {text}, which is called nowhere", NAMED)


def entries(part: Part) -> list[str]:
    """The entries of lists by the index that the loop around counts, and its neighbours: `zs[i - 1]`."""
    around = sorted((n for n in part.source.statements if part.line in lines_of(n)), key=lambda node: -node.lineno)
    counted = list(filter(None, map(counted_by, around)))
    words = part.source.words(part.line)
    lists = [name.partition("[")[0] for name in words.names if "[" in name]
    return [
        f"{name}[{index}]"
        for name in dict.fromkeys([*words.grown, *lists])
        for i in counted[:1]
        for index in (i, f"{i} - 1", f"{i} + 1", f"-{i}", f"-{i} - 1")
    ][:MOST_NAMES]


def in_bounds(part: Part) -> Iterator[Rewrite]:
    """A slope that has bounds, as that of a Huber loss."""
    clip = re.search(r"\bnumpy\.|\bnp\.", part.source.text)
    for name in names(part) if clip and isinstance(part.node, NAMES) else ():
        if name.isidentifier():
            said = f"`{part.code}` is not kept between -{name} and {name}"
            text = f"{clip.group() if clip else ''}clip({part.code}, -{name}, {name})"
            yield part.change(text, "missing-derivative", said, MADE)


def by_other_product(part: Part) -> Iterator[Rewrite]:
    """A product with what was computed just before, in the place of a value that is none."""
    if isinstance(part.node, ast.BinOp) or not isinstance(part.statement, ast.Assign):
        return
    for recent in part.targets_before(MOST_BEFORE):
        for name in names(part):
            for text in (f"{name} @ {recent}", f"{name}.T @ {recent}", f"{recent} @ {name}", f"{recent} @ {name}.T"):
                yield part.change(text, "wrong-operand", f"`{part.code}` should be `{text}`", MADE)


def of_neighbour(part: Part) -> Iterator[Rewrite]:
    """What is assigned to a neighbour, such as `D1` of `D2`, with its numbers instead."""
    if not isinstance(part.statement, ast.Assign):
        return
    own = part.source.code(part.statement.targets[-1])
    for node in part.source.words(part.line).nodes:
        if not isinstance(node, ast.Assign) or node is part.statement:
            continue
        theirs = part.source.code(node.targets[-1])
        if theirs != own and NUMBERS.sub("#", theirs) == NUMBERS.sub("#", own):
            away = int(NUMBERS.findall(own)[0]) - int(NUMBERS.findall(theirs)[0])
            text = moved(part.source.code(node.value), away)
            if text and text != part.code and "\n" not in text:
                kind = kind_of_neighbour(part.code, text)
                yield part.change(text, kind, f"{own} should be made as {theirs} is", MADE)


NUMBERS = re.compile(r"(?<=[A-Za-z_])\d+\b|(?<=\[)\d+(?=\])")


def moved(text: str, away: int) -> str:
    """A text with the numbers of its names, and its single indices, that far away; nothing where one is below 0 then.

    >>> moved("w2.T @ d_1", 1), moved("w2.T @ d_1", -2)
    ('w3.T @ d_2', '')
    """
    lowest = min(map(int, NUMBERS.findall(text)), default=0)
    return NUMBERS.sub(lambda number: str(int(number.group()) + away), text) if lowest + away >= 0 else ""


def kind_of_neighbour(written: str, right: str) -> str:
    """The kind of what the one lacks of the other: a factor of all of it, a term, or something inside."""
    call = re.fullmatch(r"([\w.]+)\((.*)\)", right)
    if call is not None and written in re.split(r"\s*,\s*", call[2]):
        of_factor = call[1].endswith("multiply")
        return kind_of_factor(call[2].replace(written, "", 1).strip(" ,")) if of_factor else kind_of_call(call[1])
    if term := lacking_term(written, right):
        return kind_of_term(term)
    rest = right.removeprefix(written).strip()
    if rest == right or not rest or (rest[0] in "*/@" and re.search(r"\s[-+]\s", written)):
        return "wrong-operand"
    return kind_of_factor(rest[1:].strip()) if rest[0] in "*/@" else kind_of_term(rest[1:].strip())


def lacking_term(written: str, right: str) -> str:
    """What one operand lacks that is added to it or taken off, as in `a * b` for `a * (b - c)`; nothing of others.

    >>> lacking_term("s / n * dw", "s / n * (dw - u * ds)"), lacking_term("a + b", "a - b")
    ('u * ds', '')
    """
    code = right.encode()
    for node in ast.walk(ast.parse(right, mode="eval")):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
            left = code[node.left.col_offset : node.left.end_col_offset]
            text = (code[: node.col_offset] + left + code[node.end_col_offset :]).decode()
            if ast.dump(ast.parse(text)) == ast.dump(ast.parse(written)):
                return ast.unparse(node.right)
    return ""


def other_sizes(part: Part) -> Iterator[Rewrite]:
    """The length of something, where another one was taken."""
    for name in names(part):
        if re.fullmatch(r"[\w.]+", name) and not SIZE.fullmatch(name):
            for text in (f"{name}.shape[0]", f"{name}.shape[1]"):
                yield part.change(text, "scale-factor", f"the size {part.code} should be {text}", MADE)


def like_terms(part: Part) -> Iterator[Rewrite]:
    """A product, and the same with one of its factors exchanged: `a * d - b * d`."""
    left, right = part.source.operand(part.node.left), part.source.operand(part.node.right)
    for name in names(part):
        for text in (f"{left} * {name}", f"{name} * {right}"):
            for sign in "+-":
                said = f"the term `{text}` is missing"
                yield part.change(f"{part.code} {sign} {text}", "missing-term", said, MADE)


def into_product(part: Part) -> Iterator[Rewrite]:
    """What is added to a product, added to its first factor: so it is multiplied, too."""
    product, term = part.node.left, part.source.code(part.node.right)
    first = product
    while isinstance(first, ast.BinOp) and isinstance(first.op, ast.Mult | ast.Div):
        first = first.left
    if first is not product:
        start, end = part.source.span(first)
        rest = part.source.text[end : part.source.span(product)[1]]
        sign = "-" if isinstance(part.node.op, ast.Sub) else "+"
        text = f"({part.source.text[start:end]} {sign} {term}){rest}"
        said = f"{term} should be added before it is multiplied: it lacks what stands behind `{rest.strip()[:1]}`"
        yield part.change(f"({text})", "missing-derivative", said, MADE)


def larger_rows(part: Part) -> Iterator[Rewrite]:
    """Both of two neighbouring indices, such as the row and the column, times the same."""
    words = part.source.words(part.line)
    steps = dict.fromkeys(["2", *(name for name in words.names if NUMBER.sub("", name).isidentifier())])
    for one, other in zip(part.node.elts, part.node.elts[1:], strict=False):
        firsts = [next((n.id for n in ast.walk(each) if isinstance(n, ast.Name)), "") for each in (one, other)]
        if not all(firsts) or firsts[0] == firsts[1]:
            continue
        start, end = part.source.span(part.node)
        before, after = part.source.span(one)[0], part.source.span(other)[1]
        between = part.source.text[before:after]
        for step in list(steps)[:MOST_NAMES]:
            if step not in firsts:
                text = re.sub(rf"\b({'|'.join(firsts)})\b", rf"\1 * {step}", between)
                said = f"`{between}` should be `{text}`"
                whole = part.source.text[start:before] + text + part.source.text[after:end]
                yield part.change(whole, "off-by-one", said, MADE)


def rims(part: Part) -> Iterator[Rewrite]:
    """What is left without a rim on both sides, where parts of some axes are taken: `pad:-pad`."""
    slices = [each for each in part.node.elts if isinstance(each, ast.Slice) and (each.lower or each.upper)]
    inside = (n for each in slices for n in ast.walk(each) if isinstance(n, ast.Name | ast.Attribute))
    for name in dict.fromkeys(map(part.source.code, inside)):
        texts = [f"{name}:-{name}" if each in slices else part.source.code(each) for each in part.node.elts]
        text = ", ".join(texts)
        yield part.change(text, "off-by-one", f"`[{part.code}]` should be `[{text}]`", MADE)
