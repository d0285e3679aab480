"""The factors of a product that stand for a slope, such as `g * (1 - g)` in `d * g * (1 - g)`: another is due."""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.cases.extent import node_at
from tinygrad_scratch.verifier.causes.derivatives import SLOPES, broadcasts
from tinygrad_scratch.verifier.causes.region import Finding, Region
from tinygrad_scratch.verifier.causes.state import is_parameter
from tinygrad_scratch.verifier.losses.slopes import Slopes
from tinygrad_scratch.verifier.reading.source import TOKEN, bare, bracketed, in_same_function, without_brackets
from tinygrad_scratch.verifier.recording.edits import (
    JOINING,
    Edit,
    WithArgument,
    always,
    name_of,
    of_argument,
    places_of,
)
from tinygrad_scratch.verifier.recording.likeness import close
from tinygrad_scratch.verifier.recording.steps import Array, Step
from tinygrad_scratch.verifier.rewriting.part import NAMES


def slope_of_another(region: Region) -> Iterator[Finding]:
    """All factors of a product that are made of one value of the forward pass, instead of which its slope is due."""
    for step, turns, held, others in chains(region):
        for text, slope in SLOPES:
            changes: dict[int, Edit] = {
                turn.index: WithSlope(region, turn, other, slope) for turn, other in zip(turns, others, strict=True)
            }
            if is_usual(held, text) and varies(region, held, slope) and region.gives_truth(changes):
                yield told(region, step, held, changes, text)
                return


def chains(region: Region) -> Iterator[tuple[Step, list[Step], Factors, list[Factors]]]:
    """The products of several factors in one statement, with those that are made of one value, in all turns."""
    for step, turns in region.sites():
        if name_of(step.function) != "multiply" or step.result is None or is_within(region, step):
            continue
        known = [list(factors_by_source(region, turn)) for turn in turns]
        for held in factors_by_source(region, step):
            if any(event.node in held.nodes and region.is_own_place(event.place) for event in region.case.returned):
                continue  # what is wrong is the function of theirs that returned it
            others = [found for each in known for found in each if found.places == held.places]
            if len(others) == len(turns):
                yield step, turns, held, others


def slope_without_formula(region: Region) -> Iterator[Finding]:
    """The same where no usual formula gives the slope: it is that of what the forward pass does entry by entry."""
    slopes, alike = Slopes(region.case), region.case.alike
    for step, turns, held, others in chains(region):
        known = [list(slopes.around(alike.get(each.source, each.source))) for each in others] if held.is_slope else []
        for found in zip(*known, strict=False):
            changes: dict[int, Edit] = {
                turn.index: WithSlope(region, turn, other, always(slope))
                for turn, other, (_, slope) in zip(turns, others, found, strict=True)
            }
            made = region.tried(changes)
            if made is not None and region.is_truth(made):
                written = written_of(region, step, held) or region.name(held.source)
                said = f"`{written}` stands where the derivative by {region.name(found[-1][0])} is due"
                kind = kind_by_entries(region, held, found[turns.index(step)][1])
                yield Finding(kind, said, step, None, changes)
                return


def kind_by_entries(region: Region, held: Factors, slope: Array) -> str:
    """What a slope is that differs in some entries: nought, or a multiple of what is due there, or another one.

    Of a product the slope by one value is the other, which is taken at no point.
    """
    if held.is_value and is_made_by_forward(region, slope):
        return "wrong-operand"
    written = np.prod([np.asarray(region.values[node], float) for node in held.nodes], axis=0)
    due = np.asarray(slope, float)
    with np.errstate(all="ignore"):
        ratios = (written / due)[~np.isclose(written, due)]
    if not np.allclose(ratios, ratios[:1]):
        return "derivative-at-wrong-point"
    return "scale-factor" if np.any(ratios) else "missing-derivative"


def is_made_by_forward(region: Region, slope: Array) -> bool:
    """Whether a slope is a value that the forward pass made, with more than one number in it."""
    values = (np.asarray(region.values[node]) for node in region.case.forward)
    return np.ptp(slope) > 0 and any(v.shape == slope.shape and close(v, slope) for v in values)


@dataclass(frozen=True)
class Factors:
    """The factors of a product that are functions of one value of the forward pass."""

    source: int
    places: tuple[int, ...]  # which of all factors they are
    nodes: tuple[int, ...]
    is_value: bool  # whether it is that value alone
    is_slope: bool  # whether a gradient is multiplied by it


class WithSlope(WithArgument):
    """A product in which a slope of a value stands for some of the factors."""

    def __init__(self, region: Region, step: Step, held: Factors, slope: Any, values: Any = None) -> None:
        self.region, self.step, self.held, self.slope = region, step, held, slope
        values = region.values if values is None else values
        with np.errstate(all="ignore"):
            put_in = slope(np.asarray(values[held.source], float))
        self.value = product(region, step, values, held.nodes, put_in)

    def __call__(self, step: Step, arguments: Any, keywords: Any) -> Any:
        return np.array(self.value)

    def at(self, values: Any) -> WithSlope:
        return WithSlope(self.region, self.step, self.held, self.slope, values)


def product(region: Region, step: Step, values: Any, left_out: tuple[int, ...], put_in: Array) -> Array:
    """What a chain of factors makes with something else in the place of some of them."""
    factors = [
        np.asarray(values[node]) if divides is None else np.asarray(1.0 / np.asarray(divides))
        for node, divides in factors_of(region, step)
        if node not in left_out
    ]
    made = put_in
    for factor in factors:
        made = made * factor
    return np.asarray(made)


def factors_of(region: Region, step: Step) -> list[tuple[int, Any]]:
    """The factors of a product in one statement, in their order; a plain number that divides stands for itself."""
    found: list[tuple[int, Any]] = []
    for place, part in enumerate(step.arguments):
        node = node_at(region, step, place)
        number = region.case.constant_value(part)
        if number is not None or node is None:
            found.append((-1, number if name_of(step.function) == "divide" else 1.0 / float(number or 1.0)))
            continue
        made = region.case.step_of(node)
        inner = made in region.turns and not region.names_of(node) and len(places_of(made)) >= 1
        divides = name_of(made.function) == "divide" and region.case.constant_value(made.arguments[1])
        if inner and (name_of(made.function) == "multiply" or divides):
            found += factors_of(region, made)
        else:
            found.append((node, None))
    return found


def is_within(region: Region, step: Step) -> bool:
    """Whether a product is a factor of a longer one."""
    return any(
        name_of(other.function) in ("multiply", "divide")
        and not region.names_of(step.makes[0])
        and step.makes[0] in other.reads
        for other in region.steps
    )


def factors_by_source(region: Region, step: Step) -> Iterator[Factors]:
    """The factors of a product by the one value of the forward pass that each of them was made of."""
    factors = [node for node, _ in factors_of(region, step)]
    sources = [source_of(region, node, step) if node >= 0 else None for node in factors]
    for source in dict.fromkeys(source for source in sources if source is not None):
        places = tuple(i for i, other in enumerate(sources) if other == source)
        rest = [node for i, node in enumerate(factors) if i not in places and node >= 0]
        by_gradient = any(not region.case.is_forward(node) for node in rest)
        fits = broadcasts(np.shape(region.values[source]), np.shape(region.values[step.makes[0]]))
        if rest and fits:
            yield Factors(
                source, places, tuple(factors[i] for i in places), [source] == [factors[i] for i in places], by_gradient
            )


def source_of(region: Region, node: int, product: Step) -> int | None:
    """The one named value of the forward pass that a factor was made of where it is used; None where others were."""
    found: set[int] = set()
    waiting = [node]
    while waiting:
        other = waiting.pop()
        step = region.case.step_of(other)
        itself = region.names_of(other) or step.function is None or name_of(step.function) == "getitem"
        if (region.case.is_forward(other) or is_put_together(region, other)) and itself:
            if np.ndim(region.values[other]):
                found.add(other)
        elif step.function is None or region.names_of(other) or len(found) > 1 or not in_one(step, product):
            return None
        else:
            waiting += step.reads
    return found.pop() if len(found) == 1 else None


def is_put_together(region: Region, node: int) -> bool:
    """Whether a value holds values of the forward pass in a row, as of all steps in time."""
    step = region.case.step_of(node)
    return name_of(step.function) in PUT_TOGETHER and all(region.case.is_forward(read) for read in step.reads)


PUT_TOGETHER = (*JOINING, "array", "asarray")


def in_one(step: Step, other: Step) -> bool:
    """Whether two calls were made by one function."""
    return step.place is None or other.place is None or in_same_function(step.place, other.place)


def is_usual(held: Factors, text: str) -> bool:
    """Whether a slope may be meant: that of `s * a + (1 - s) * b`, where only the value stands, or of a function."""
    return held.is_value if text == "(1 - {t})" else held.is_slope and text != "{t}"


def varies(region: Region, held: Factors, slope: Any) -> bool:
    """Whether a slope is not the same for all entries, as `h > 0` is where all of them are: then it is none."""
    with np.errstate(all="ignore"):
        return bool(np.ptp(np.asarray(slope(np.asarray(region.values[held.source], float)), float)) > 0)


def told(region: Region, step: Step, held: Factors, changes: dict[int, Edit], pattern: str) -> Finding:
    """What is said of factors that should be a slope."""
    code, span, written = region.code(step), where(region, step, held), written_of(region, step, held)
    right = pattern.format(t=called_in(written) or bracketed(region.name(held.source)))
    should = (
        region.rewritten(step, without_brackets(f"{code[: span[0]]}{right}{code[span[1] :]}", code)) if span else None
    )
    if pattern == "(1 - {t})":
        return Finding(
            "wrong-operand", f"{written or region.name(held.source)} should be {right}", step, should, changes
        )
    return Finding(*kind_of(written or region.name(held.source), right), step, should, changes)


def where(region: Region, step: Step, held: Factors) -> tuple[int, int] | None:
    return span_of(region.code(step), held.places, len(factors_of(region, step)))


def written_of(region: Region, step: Step, held: Factors) -> str:
    span = where(region, step, held)
    return region.code(step)[slice(*span)] if span else ""


def kind_of(written: str, right: str) -> tuple[str, str]:
    """Whether a slope lacks something of what it should be, or is another one; and what is said of it."""
    written = bare(written)
    factors = [part.strip("() ") for part in right.split(" * ")]
    if len(factors) == 2 and signs_of(written) in map(signs_of, factors):
        first, second = right.split(" * ")
        rest = second if signs_of(written) == signs_of(first) else first
        if is_number(rest):
            return "scale-factor", f"the factor {rest} of the derivative is missing"
        return "missing-derivative", f"the factor {rest} is missing, of a derivative"
    if right.startswith("2 * ") and written in (f"{right[4:]} ** 2", f"{right[4:]}**2"):
        return "missing-derivative", f"`{written}` is squared, and its derivative is {right}"
    if right.startswith("np.where(") and re.search(r"[<>]", written):  # the mask of another function
        return "derivative-at-wrong-point", f"`{written}` is not all of the derivative: it should be {right}"
    if is_part_of(written, right):
        return "missing-derivative", f"`{written}` is not all of the derivative: it should be {right}"
    return "derivative-at-wrong-point", f"`{written}` is not the derivative: it should be {right}"


def is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()


def called_in(text: str) -> str:
    """The one value that a text names, with its index.

    >>> called_in("1 - acts[l]"), called_in("self.h"), called_in("g * (1 - h)"), called_in("np.tanh(z)")
    ('acts[l]', 'self.h', '', '')
    """
    with contextlib.suppress(SyntaxError):
        text = text.strip()
        nodes = list(ast.walk(ast.parse(text, mode="eval").body))
        values = [node for node in nodes if isinstance(node, NAMES)]
        inside = {id(part) for value in values for part in ast.walk(value) if part is not value}
        names = {ast.get_source_segment(text, value) or "" for value in values if id(value) not in inside}
        if len(names) == 1 and not any(isinstance(node, ast.Call) and id(node) not in inside for node in nodes):
            return names.pop()
    return ""


def is_part_of(written: str, right: str) -> bool:
    """Whether a text is what is left of another one when some of that is left out.

    A helper may call by a name of its own what it is given.

    >>> is_part_of("1 - h", "(1 - h ** 2)"), is_part_of("1 - y", "1 - h ** 2"), is_part_of("g * (1 - g)", "1 - g ** 2")
    (True, True, False)
    """
    one, two = signs_of(written), signs_of(right)
    own = of_one_name(signs_of(without_entries(written))), of_one_name(signs_of(without_entries(right)))
    return is_left_of(one, two) or is_left_of(*own)


def is_left_of(signs: list[str], others: list[str]) -> bool:
    """Whether signs are what is left of others, in the same order."""
    waiting = iter(others)
    return all(any(sign == other for other in waiting) for sign in signs)


def without_entries(text: str) -> str:
    """A text with the names of lists alone, for entries of these."""
    return re.sub(r"\[[^\[\]]*\]", "", text)


def of_one_name(signs: list[str]) -> list[str]:
    """Signs with a placeholder for their name, where there is but one."""
    names = {sign for sign in signs if sign[0].isalpha() or sign[0] == "_"}
    return [sign if sign not in names or len(names) > 1 else "x" for sign in signs]


def signs_of(text: str) -> list[str]:
    signs = [sign for sign in TOKEN.findall(text) if sign.strip() and sign not in "()"]
    return [sign.removesuffix(".0").removesuffix(".") if sign[0].isdigit() else sign for sign in signs]


def span_of(code: str, places: tuple[int, ...], count: int) -> tuple[int, int] | None:
    """Where some of the factors of a product stand in its text; None where they don't stand side by side."""
    target = re.match(r"[^=]*?(?=\s*\*=)", code)  # a product in place: the target is its first factor
    start = code.index("*=") + 2 if target else 0
    start += len(code[start:]) - len(code[start:].lstrip())
    try:
        whole = ast.parse(code[start:], mode="eval").body
    except SyntaxError:
        return None
    inner = spans_of(whole, code[start:])
    spans = [*([target.span()] if target else []), *((a + start, b + start) for a, b in inner)]
    if len(spans) != count or list(places) != list(range(places[0], places[-1] + 1)):
        return None
    return spans[places[0]][0], spans[places[-1]][1]


def spans_of(node: ast.expr, code: str) -> Iterator[tuple[int, int]]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
        yield from spans_of(node.left, code)
        yield from spans_of(node.right, code)
        return
    start, end = node.col_offset, node.end_col_offset or len(code)
    while code[:start].endswith("(") and code[end:].startswith(")"):
        start, end = start - 1, end + 1
    yield start, end


def slope_within(region: Region) -> Iterator[Finding]:
    """A slope that is another function's, inside of a longer expression, such as `1 - t` for `1 - t**2`."""
    for step, turns in region.sites():
        for place, _ in places_of(step):
            node = node_at(region, step, place)
            if node is None or not region.case.is_forward(node) or len(step.makes) != 1 or step.result is None:
                continue
            if is_parameter(region, node):  # what is made of it by entry is a step, and no slope
                continue
            known = factors_taken(region, step, node)
            for text, slope in SLOPES:
                changes: dict[int, Edit] = {s.index: of_argument(place, slope) for s in turns}
                if text not in known and region.gives_truth(changes):
                    code = region.code(step)
                    right = text.format(t=called_in(code) or bracketed(region.name(node)))
                    new = without_brackets(right, code) if f"({code})" in region.expression else right
                    yield Finding(*kind_of(code, right), step, region.rewritten(step, new), changes)
                    return


def factors_taken(region: Region, step: Step, node: int) -> tuple[str, ...]:
    """The slopes that are none beside what a product has: `y * (1 / y)` is 1."""
    products = (s for s in region.steps if name_of(s.function) == "multiply" and node in s.reads)
    is_factor = any(s.place and step.place and s.place.line == step.place.line for s in products)
    return ("{t}", "(1 / {t})") if is_factor else ("{t}",)
