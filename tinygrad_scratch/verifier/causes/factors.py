"""A constant factor: a sign, the size of the batch, or another number."""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Iterator

import numpy as np

from tinygrad_scratch.verifier.cases.sizes import divided_in_the_end, samples
from tinygrad_scratch.verifier.causes.region import Finding, Region
from tinygrad_scratch.verifier.causes.told_forms import is_number
from tinygrad_scratch.verifier.meant.uphill import other_way
from tinygrad_scratch.verifier.reading.source import bracketed
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.likeness import close, is_along
from tinygrad_scratch.verifier.recording.steps import Step

MOST_TURNS = 8  # that are looked at
ADDS = re.compile(r"[^=]+[-+]=")
"""A statement of which the value is more than what is written on its right side."""


def ratio(region: Region) -> Iterator[Finding]:
    """A plain number by which the value is to be multiplied."""
    factor = plain_ratio(region)
    if factor and (region.truth.size > 3 or region.holds_elsewhere({}, factor)):  # few numbers may be so by chance
        found = factor_found(region, factor * carried(region, factor), None)
        if found.kind == "missing-batch-sum-or-mean" and is_due(region, batch_size(region, factor)):
            found.kind, found.sentence = "scale-factor", times_what_it_should_be(factor)
        yield found


def carried(region: Region, factor: float) -> float:
    """What the gradients that the step reads carry, by the convention of the rest, where it is no part of the mistake.

    Of -7 times the gradient, made of what is 7 times another, only the sign is wrong.
    """
    for node in {node for step in region.steps for node in step.reads} - {region.node}:
        value = np.asarray(region.values[node])
        found = region.case.match_up_to_factor(value) if value.size > 2 and not region.case.is_forward(node) else None
        if found is not None and found[1] != 1 and abs(factor * found[1] + 1) < 1e-9:
            return found[1]
    return 1.0


def written_factor(region: Region) -> Iterator[Finding]:
    """The same, where the number, or one part in it, stands in the statement as a factor: it is one too many."""
    factor = plain_ratio(region)
    for step in region.steps if factor else ():
        here = step.place is not None and step.place.line == region.event.place.line
        numbers = [region.case.constant_value(part) for part in step.arguments] if here else []
        divides = name_of(step.function) == "divide"
        written = [n for n in numbers[divides:] if n]
        if (divides and factor in written) or (name_of(step.function) == "multiply" and 1 / factor in written):
            yield factor_found(region, factor, None)
            return


def plain_ratio(region: Region) -> float:
    """The number that the value is to be multiplied by; 0 where there is none."""
    if region.value.shape != region.truth.shape or not np.any(region.value):
        return 0.0
    place = np.unravel_index(np.argmax(np.abs(region.truth)), region.truth.shape)
    factor = float(region.truth[place] / region.value[place]) if region.value[place] else 0.0
    if not factor or abs(factor - 1) < 1e-5 or not close(region.value * factor, region.truth):
        return 0.0
    if region.case.match(region.value) is not None and region.truth.size < 3 and abs(factor + 1) > 1e-9:
        return 0.0
    of_one = region.truth.size == 1  # of that any number is a multiple
    return factor if is_plain(factor) and (not of_one or is_whole(factor) or is_whole(1 / factor)) else 0.0


def is_whole(factor: float) -> bool:
    """Whether a factor is a whole number, but for rounding."""
    return abs(factor - round(factor)) < 1e-7 * abs(factor)


def odd_ratio(region: Region) -> Iterator[Finding]:
    """A factor that nobody writes as a number: it came from somewhere, and from where is not known."""
    if region.value.shape != region.truth.shape or region.truth.size < 3 or not np.any(region.value):
        return
    factor = float(np.vdot(region.value, region.truth) / np.vdot(region.value, region.value))
    if factor and close(region.value * factor, region.truth) and not is_plain(factor):
        found = factor_found(region, factor, None)
        found.certainty, found.should_be = "fits", None
        yield found


def is_plain(factor: float) -> bool:
    """Whether a number, or one part in it, is a small fraction or has few digits."""
    for one in (abs(factor), 1 / abs(factor)):
        if any(abs(one * d - round(one * d)) < 1e-7 * one * d for d in range(1, 13)) and one < 1e5:
            return True
        if abs(float(f"{one:.3g}") - one) < 1e-9 * one:
            return True
    return False


def factor_found(region: Region, factor: float, step: Step | None) -> Finding:
    code = region.code(step) if step is not None else region.expression
    text, is_negative = bracketed(code), abs(factor + 1) < 1e-9
    due = 1 / factor if divides(region.statement, code) else factor
    scaled = with_constant(code, due) or (f"{text} / {number(1 / due)}" if 0 < due < 1 else f"{text} * {number(due)}")
    is_part = step is None and ADDS.match(region.statement) and (not ADDS.match(code) or scaled.startswith("("))
    is_untold = is_part or adds_up(region, step or region.case.step_of(region.node))
    should = None if is_untold else region.rewritten(step, opposite(code) if is_negative else scaled)
    if is_negative:
        return Finding("sign", "the sign is wrong: it is the negative of the gradient", step, should)
    size = batch_size(region, factor) if factor > 0 and not (factor < 1 and has_mean_before(region)) else 0
    if size:
        said = (
            f"it is divided by {size}, the number of samples, once too often"
            if factor > 1
            else f"it is not divided by {size}, the number of samples, as the loss is"
        )
        return Finding("missing-batch-sum-or-mean", said, step, should)
    return Finding("scale-factor", times_what_it_should_be(factor), step, should)


def has_mean_before(region: Region) -> bool:
    """Whether a gradient that the step was made of is right as it is: the mean of the loss is in that."""
    behind = region.case.ancestors([region.node]) - region.case.forward - {region.node}
    named = {event.node for event in region.case.events if event.node in behind}
    values = (np.asarray(region.values[node]) for node in named)
    matches = (region.case.match(value) for value in values if value.size > 2 and value.dtype.kind == "f")
    return any(found is not None and found.how == "" for found in matches)


def adds_up(region: Region, step: Step) -> bool:
    """Whether a call goes on with what it made in another turn, as in `s = s + g`: scaled, it would scale that, too."""
    same = [s for s in region.case.tape.steps if s.place == step.place and s.function is step.function and s.makes]
    before = [region.case.ancestors(s.reads) for s in same[:MOST_TURNS]]
    return any(s.makes[0] in made_of for s in same for made_of in before)


def divides(statement: str, code: str) -> bool:
    """Whether a statement only divides what it has by a value: `d /= n`."""
    return re.fullmatch(rf"[^=/]+/=\s*{re.escape(code)}", statement) is not None


def times_what_it_should_be(factor: float) -> str:
    return f"it is {number(1 / factor)} times what it should be"


def opposite(code: str) -> str:
    """An expression, or an update, with the other sign: of a product that begins with a minus, the rest of it.

    >>> opposite("x.T @ d"), opposite("-(a + b)"), opposite("-a / n"), opposite("b -= rate")
    ('-(x.T @ d)', 'a + b', 'a / n', 'b += rate')
    """
    code = code.strip()
    if turned := other_way(code):
        return turned
    with contextlib.suppress(SyntaxError):
        body = first = ast.parse(code, mode="eval").body
        while isinstance(first, ast.BinOp) and isinstance(first.op, ast.Mult | ast.Div | ast.MatMult):
            first = first.left
        if isinstance(first, ast.UnaryOp) and isinstance(first.op, ast.USub) and code.startswith("-"):
            return (ast.get_source_segment(code, first.operand) if first is body else code[1:].strip()) or code
    return f"-{bracketed(code)}"


def with_constant(code: str, factor: float) -> str:
    """A product with another number in it, or with none where it would be 1; empty where no number stands in it.

    >>> with_constant("2 * (a - b) * c", 0.5), with_constant("2 * (a - b)", 2.0), with_constant("(a + b) / 4", 4.0)
    ('(a - b) * c', '4 * (a - b)', '(a + b)')
    >>> with_constant("3", 3.0)
    '9'
    """
    try:
        waiting: list[ast.expr] = [ast.parse(code, mode="eval").body]
    except SyntaxError:
        return ""
    if is_number(waiting[0]):
        return number(float(code) * factor)
    while waiting:
        part = waiting.pop(0)
        if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Mult | ast.Div | ast.MatMult):
            new = rescaled(code, part, factor)
            if new:
                return code.replace(ast.get_source_segment(code, part) or code, new, 1)
            waiting += [part.left] if isinstance(part.op, ast.Div) else [part.left, part.right]
    return ""


def rescaled(code: str, part: ast.BinOp, factor: float) -> str:
    """A product or quotient with one of its two sides a number, by which it is to be multiplied."""
    divides = isinstance(part.op, ast.Div)
    for held, other in ((part.right, part.left), (part.left, part.right)):
        written = isinstance(held, ast.Constant) and isinstance(held.value, int | float)
        if not written or isinstance(part.op, ast.MatMult) or (divides and held is part.left):
            continue
        value = float(ast.literal_eval(held)) * (1 / factor if divides else factor)
        rest, text = bracketed(ast.get_source_segment(code, other) or ""), number(value)
        if abs(value - 1) < 1e-9:
            return rest
        if len(text) < 6:
            return f"{text} * {rest}" if held is part.left else f"{rest} {'/' if divides else '*'} {text}"
    return ""


def number(value: float) -> str:
    return f"{value:.6g}"


def batch_size(region: Region, factor: float) -> int:
    """The number of samples, if a factor is it or one part in as many, and it isn't written there as a number."""
    size = round(factor if factor > 1 else 1 / factor)
    if size < 2 or abs(max(factor, 1 / factor) - size) > 1e-6 * size or has_number(region.statement, size):
        return 0
    known = samples(region.case), divided_in_the_end(region.case)
    if factor > 1:
        return size if size in known[0] or (size > 2 and size in known[1]) else 0
    return size if size in known[1] or (size in known[0] and 2 * size in known[1]) else 0


def is_due(region: Region, size: int) -> bool:
    """Whether a statement divides by the number of samples, and what it divides is the gradient of something else then.

    So the factor is another one, and as large by chance.
    """
    divided = [
        np.asarray(region.values[step.makes[0]])
        for step in region.steps
        if name_of(step.function) == "divide" and region.case.constant_value(step.arguments[1]) == size
    ]
    return bool(divided) and all(
        value.size > 2
        and not (value.shape == region.truth.shape and is_along(value, region.truth))
        and region.case.match(value) is not None
        for value in divided
    )


def has_number(text: str, value: float) -> bool:
    """Whether a number, or one part in it, stands in a text."""
    numbers = map(float, re.findall(r"(?<![\w.])\d+(?:\.\d*)?(?![\w.])", text))
    return any(abs(found - value) < 1e-9 or abs(found * value - 1) < 1e-9 for found in numbers)
