"""What stands twice in an expression, as in slopes made of a result: `f * (1 - f)`, `1 - t * t`, changed throughout."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator

from tinygrad_scratch.verifier.rewriting.part import NAMES, Part
from tinygrad_scratch.verifier.rewriting.rewrite import CHANGED, NAMED, PUT_IN, SLOPE, Rewrite, kind_of_name
from tinygrad_scratch.verifier.rewriting.text import FIRST_WORDS, factors_in, is_near

MOST_NAMES = 40


def repeated(part: Part) -> Iterator[Rewrite]:
    """The changes of a whole value."""
    if not part.is_whole or isinstance(part.node, NAMES):
        return
    inside = [
        node for node in ast.walk(part.node) if isinstance(node, ast.Name | ast.Attribute | ast.Subscript | ast.Call)
    ]
    times = Counter(part.source.code(node) for node in inside)
    own = {part.source.code(n) for n in inside if isinstance(getattr(n, "ctx", None), ast.Store)}  # of comprehensions
    in_slope = SLOPE.search(part.code) is not None
    for node in inside:
        code = part.source.code(node)
        if (
            times.pop(code, 0) < 2
            or code in {*FIRST_WORDS, *own}
            or (code.startswith(("np.", "numpy.")) and "(" not in code)
        ):
            continue
        if isinstance(node, ast.Call):
            for argument in node.args if len(node.args) == 1 else ():
                inner = part.source.operand(argument)
                kind = "derivative-at-wrong-point" if in_slope else "wrong-operand"
                yield part.change(throughout(part.code, code, inner), kind, f"{code} should be {inner} throughout")
            continue
        for other in part.source.words(part.line).names[:MOST_NAMES]:
            if other != code:
                kind, said = kind_of_name(code, other, in_slope), f"{code} should be {other} throughout"
                tier = CHANGED if is_near(code, other) else NAMED
                yield part.change(throughout(part.code, code, other), kind, said, tier)


def throughout(text: str, old: str, new: str) -> str:
    """A text with another word, or call, wherever one stands."""
    return re.sub(rf"(?<![\w.]){re.escape(old)}(?![\w(\[.])", lambda _: new, text)


def other_slope(part: Part) -> Iterator[Rewrite]:
    """The slope of a tanh for that of a sigmoid, and the other way round, where they are made of the results."""
    inside = isinstance(part.around, ast.BinOp) and isinstance(part.around.op, ast.Mult)
    if not isinstance(part.node, ast.BinOp) or part.in_index:
        return
    if isinstance(part.node.op, ast.Mult) and not inside:
        factors = [part.source.operand(each) for each in factors_in(part.node)]
        for code in factors:
            rest = next(
                (each for each in factors if re.fullmatch(rf"\(1(\.0?)?\s*-\s*{re.escape(code)}\)", each)), None
            )
            if rest is not None:
                others = [each for each in factors if each not in (code, rest)]
                yield at_another_point(part, " * ".join([*others, f"(1 - {code} * {code})"]))
    squared = re.fullmatch(r"1(?:\.0?)?\s*-\s*(\w+)\s*(?:\*\*\s*2|\*\s*(\w+))", part.code)
    if squared is not None and squared.group(2) in (None, squared.group(1)):
        yield at_another_point(part, f"({squared.group(1)} * (1 - {squared.group(1)}))")
    single = re.fullmatch(r"1(?:\.0?)?\s*-\s*(\w+)", part.code)
    if single is not None:
        said = f"`{part.code}` is the slope of no function: {single.group(1)} should be squared"
        yield part.change(f"1 - {single.group(1)} ** 2", "missing-derivative", said, PUT_IN)


def at_another_point(part: Part, text: str) -> Rewrite:
    said = f"`{part.code}` is the slope of another function: `{text}` is meant"
    return part.change(text, "derivative-at-wrong-point", said, NAMED)
