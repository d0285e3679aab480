"""Another operation, another comparison, or a sign."""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.cases.extent import node_at
from tinygrad_scratch.verifier.causes.factors import opposite
from tinygrad_scratch.verifier.causes.region import Finding, Region
from tinygrad_scratch.verifier.meant.uphill import other_way
from tinygrad_scratch.verifier.reading.source import bracketed
from tinygrad_scratch.verifier.recording.edits import (
    Edit,
    called,
    exchanged,
    name_of,
    only,
    places_of,
    then,
    with_changed,
)
from tinygrad_scratch.verifier.recording.steps import Step

SWAPS: list[tuple[str, Any, str, str]] = [
    ("add", np.subtract, "sign", "`+` should be `-`"),
    ("subtract", np.add, "sign", "`-` should be `+`"),
    ("multiply", np.divide, "wrong-operand", "`*` should be `/`"),
    ("divide", np.multiply, "wrong-operand", "`/` should be `*`"),
    ("multiply", np.matmul, "broadcasting-shape", "`*` multiplies entry by entry; it should be `@`"),
    ("matmul", np.multiply, "broadcasting-shape", "`@` is a matrix product; it should be `*`"),
]


def operations(region: Region) -> Iterator[Finding]:
    for step, turns in region.sites():
        numbers = any(region.case.constant_value(part) is not None for part in step.arguments)
        for name, function, kind, sentence in SWAPS:
            if kind != "sign" and numbers:  # another number is meant, and no other operation
                continue
            if name_of(step.function) == name and region.gives_truth({s.index: called(function) for s in turns}):
                sign = sentence.split("`")
                should = (
                    region.code(step).replace(sign[1], sign[3], 1) if region.code(step).count(sign[1]) == 1 else None
                )
                yield Finding(
                    kind,
                    f"{sentence} in `{region.code(step)}`",
                    step,
                    region.rewritten(step, should) if should else None,
                    {s.index: called(function) for s in turns},
                )
        if name_of(step.function) == "subtract" and region.gives_truth({s.index: exchanged for s in turns}):
            yield Finding(
                "sign",
                f"the difference `{region.code(step)}` is the wrong way round",
                step,
                changes={s.index: exchanged for s in turns},
            )
        if name_of(step.function) == "negative" and region.gives_truth({s.index: only(0) for s in turns}):
            code = region.code(step)
            update = "" if "-" in code else other_way(region.statement)  # the minus is that of the update
            said = "the update has the wrong sign" if update else f"the minus in `{code}` is too much"
            changes = {s.index: only(0) for s in turns}
            yield Finding("sign", said, step, update or None, changes, takes_away=True)


def negated(region: Region) -> Iterator[Finding]:
    """A minus that one call lacks."""
    for step, turns in region.sites():
        changes = {s.index: then(np.negative) for s in turns}
        if step.result is not None and region.gives_truth(changes):
            code = region.code(step)
            yield Finding(
                "sign", f"the sign of `{code}` is wrong", step, region.rewritten(step, f"(-{bracketed(code)})"), changes
            )
        if name_of(step.function) not in ("setitem", "add", "subtract"):
            continue
        places = [i for i, _ in places_of(step)]
        if name_of(step.function) == "setitem":
            places = [i for i in places if i > 0]  # not the array, which stays as it is where another is written to
        for i in places:
            if region.gives_truth({s.index: with_changed(i, np.negative) for s in turns}):
                node = node_at(region, step, i)
                name = region.name(node) if node is not None else "a term"
                yield Finding("sign", f"the sign of {name} is wrong", step)


ONE_WAY = ("exp", "expm1", "sinh", "tanh", "sin", "arctan")


def argument_negated(region: Region) -> Iterator[Finding]:
    """A minus that a function's argument lacks, or all arguments of one statement that are alike: `np.exp(a)`."""
    alike: dict[tuple[str, str], list[tuple[Step, dict[int, Edit]]]] = {}
    for step, turns in region.sites():
        if name_of(step.function) not in ONE_WAY or not places_of(step):
            continue
        changes: dict[int, Edit] = {s.index: with_changed(0, np.negative) for s in turns}
        code = region.code(step)
        if region.gives_truth(changes):
            should = region.rewritten(step, with_opposite(code))
            yield Finding("sign", f"the sign of what goes into `{code}` is wrong", step, should, changes)
            return
        alike.setdefault((str(step.place), code), []).append((step, changes))
    for (_, code), calls in alike.items():
        together = {index: edit for _, changes in calls for index, edit in changes.items()}
        if len(calls) > 1 and region.gives_truth(together):
            first = region.rewritten(calls[0][0], with_opposite(code))
            should = first.replace(code, with_opposite(code)) if first else None
            said = f"the sign of what goes into `{code}` is wrong wherever it stands"
            yield Finding("sign", said, None, should, together)


def with_opposite(code: str) -> str:
    """A call with the other sign of what it is given.

    >>> with_opposite("np.exp(p)"), with_opposite("np.exp(-p / 2)")
    ('np.exp(-p)', 'np.exp(p / 2)')
    """
    with contextlib.suppress(SyntaxError):
        call = ast.parse(code, mode="eval").body
        if isinstance(call, ast.Call) and call.args:
            given = ast.get_source_segment(code, call.args[0]) or ""
            return code[: call.args[0].col_offset] + opposite(given) + code[call.args[0].end_col_offset :]
    return code


def comparisons(region: Region) -> Iterator[Finding]:
    """A mask that lets everything through, or the opposite of what it should."""
    swaps = {
        "greater": np.less_equal,
        "less": np.greater_equal,
        "greater_equal": np.greater,
        "less_equal": np.less,
        "not_equal": np.equal,
        "equal": np.not_equal,
    }
    signs = {"greater": ">", "less": "<", "greater_equal": ">=", "less_equal": "<=", "equal": "==", "not_equal": "!="}
    for step, turns in region.sites():
        function = swaps.get(name_of(step.function))
        if function is not None and region.gives_truth({s.index: called(function) for s in turns}):
            old, new = signs[name_of(step.function)], signs[function.__name__]
            code = region.code(step)
            should = region.rewritten(step, code.replace(old, new, 1)) if old in code else None
            yield Finding(
                "missing-derivative" if old[0] == new[0] else "derivative-at-wrong-point",
                f"the mask `{code}` should be with `{new}`: here it lets through what should be zero",
                step,
                should,
            )
