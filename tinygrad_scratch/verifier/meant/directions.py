"""Which way updates go: seen while a program ran, or written in its source."""

from __future__ import annotations

import ast
import re
from functools import lru_cache

from tinygrad_scratch.verifier.cases.case import Case
from tinygrad_scratch.verifier.reading.names import is_gradient_name, without_holder
from tinygrad_scratch.verifier.reading.numbers_by_name import RATE
from tinygrad_scratch.verifier.reading.source import right_side, statement_at, text_of

UP, DOWN, UNKNOWN = -1, 1, 0


def direction(case: Case) -> int:
    """Whether they take what backward found off the parameters or add it; unknown where no update is in sight.

    What they call a gradient is one, and goes down, where nothing says otherwise. What a rate went into is a step.
    """
    updates = [final.direction < 0 for final in case.finals if final.by == "update"]
    if updates:
        return UP if any(updates) else DOWN
    names = frozenset({event.name.rsplit(".", 1)[-1] for event in case.events} | {f.name for f in case.finals})
    attributes = {final.parameter.name.rsplit(".", 1)[-1].split("[")[0] for final in case.finals}
    kept = frozenset(attributes | {"weights", "biases"})
    texts = [text_of(file) for file in {event.place.file for event in case.events}]
    if any(is_written(text, "Add", kept, names) for text in texts):
        return UP
    downhill = any(is_written(text, "Sub", kept, names) or is_a_rate_taken_off(text) for text in texts)
    return DOWN if downhill or (any_is_called_a_gradient(case) and not are_steps(case)) else UNKNOWN


MADE_STEPS = re.compile(r"[A-Za-z_][\w.]* [*/]= [\d.e-]+")


def are_steps(case: Case) -> bool:
    """Whether a rate stands in the lines that made all of them: they are changes of weights, which are only shown.

    So are they where one line multiplies each of several by a number where it stands, before it is taken off.
    """
    places = [case.step_of(final.node).place for final in case.finals]
    lines = {(place.file, place.line) if place is not None else None for place in places}
    one = places[0] if len(lines) == 1 < len(places) else None
    if one is not None and MADE_STEPS.fullmatch(statement_at(one.file, one.line)):
        return all(final.by == "update" for final in case.finals)
    codes = [right_side(statement_at(place.file, place.line)) if place is not None else "" for place in places]
    return bool(codes) and all(any(map(RATE.match, re.findall(r"\w+", code))) for code in codes)


def any_is_called_a_gradient(case: Case) -> bool:
    ends = case.ends
    named = {event.name for event in case.events if event.node in ends} | {final.name for final in case.finals}
    return any(is_gradient_name(part) for name in named for part in (without_holder(name), name.split("[")[0]))


@lru_cache(maxsize=64)
def is_written(text: str, operator: str, parameters: frozenset[str], gradients: frozenset[str]) -> bool:
    """Whether a source adds something to a parameter, as in `self.w1 += rate * step`, or takes something off."""
    return any(
        name in parameters and (read & gradients or any("delta" in part for part in read))
        for name, read in changes(text, operator)
    )


@lru_cache(maxsize=64)
def is_a_rate_taken_off(text: str) -> bool:
    """Whether a source takes a rate times something off anything, as in `p -= rate * g` in a loop over all of them."""
    return any(RATE.match(part) for _, read in changes(text, "Sub") for part in read)


@lru_cache(maxsize=64)
def changes(text: str, operator: str) -> list[tuple[str, set[str]]]:
    """What a source changes by `+=` or `-=`, or by `w = w - step`, and the names in what it is changed by."""
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError):
        return []
    found = []
    for node in nodes:
        value = node.value if isinstance(node, ast.Assign) else None
        if isinstance(node, ast.AugAssign) and type(node.op).__name__ == operator:
            target: ast.expr = node.target
            change = node.value
        elif isinstance(node, ast.Assign) and isinstance(value, ast.BinOp) and type(value.op).__name__ == operator:
            target, change = node.targets[0], value.right
            if ast.unparse(target) != ast.unparse(value.left):
                continue
        else:
            continue
        if not any(isinstance(part, ast.USub) for part in ast.walk(change)):
            name = name_of_part(target.value if isinstance(target, ast.Subscript) else target)
            found.append((name, {name_of_part(part) for part in ast.walk(change)}))
    return found


def name_of_part(part: ast.AST) -> str:
    return str(getattr(part, "attr", getattr(part, "id", "")))
