"""What a check found as JSON, for other programs. The keys are stable; a new one may come, none goes or changes.

    version       1
    ok            whether everything was judged and nothing is wrong
    verdict       "right", "right in another convention", "wrong", "not checkable" or "undecided"
    summary       the first line of the report
    problem       why nothing was judged, or null
    convention    the convention that the gradients are right in, or null
    loss          its value, or null
    loss_name     which well-known loss it is, or null
    first_wrong   the first of `mistakes`, or null
    mistakes      of each wrong step: name, file, line, function, of (what it is meant as the gradient of), kind,
                  sentence, certainty ("checked", "fits" or "unexplained"), others (what would fit too), statement and
                  expression (what was written, and the part of it that is wrong), should_be (the statement that would
                  be right, or null), and the values below
    steps         of each hand-derived quantity, in order of execution: name, file, line, function, of, verdict (one of
                  those above, "consequence" or "used on the way"), detail (the convention, the culprit or the reason),
                  and the values below
    notes         what was found out and not told, a sentence each
    questions     what only the person can tell, a sentence each
    sizes         lengths that coincide, a sentence each
    leaks         what left the recording: how, file, line, code

The values of a mistake and of a step: `difference`, the largest one, relative to the largest true entry; `index`, where
it is; `hand` and `true`, the two entries there. All are null where nothing was compared. `difference` is null as well
where it is not finite, as where the shapes differ: then `shapes` holds both.
"""

from __future__ import annotations

import json
import math
from typing import Any

from tinygrad_scratch.verifier.showing.findings import (
    CONVENTION,
    RIGHT,
    Findings,
    Leak,
    Mistake,
    Quantity,
    Where,
    Worst,
)
from tinygrad_scratch.verifier.showing.report import summary

VERSION = 1


def as_json(found: Findings) -> str:
    """The text of it, two blanks a level."""
    return json.dumps(as_data(found), indent=2, ensure_ascii=False, allow_nan=False)


def as_data(found: Findings) -> dict[str, Any]:
    mistakes = [mistake_data(mistake) for mistake in found.mistakes]
    return {
        "version": VERSION,
        "ok": found.verdict in (RIGHT, CONVENTION),
        "verdict": found.verdict,
        "summary": summary(found),
        "problem": found.problem,
        "convention": found.convention or None,
        "loss": finite(found.loss),
        "loss_name": found.loss_name or None,
        "first_wrong": mistakes[0] if mistakes else None,
        "mistakes": mistakes,
        "steps": [step_data(quantity) for quantity in found.quantities],
        "notes": found.notes,
        "questions": found.questions,
        "sizes": found.sizes,
        "leaks": [leak_data(leak) for leak in found.leaks],
    }


def mistake_data(mistake: Mistake) -> dict[str, Any]:
    return {
        "name": mistake.name,
        **where_data(mistake.where),
        "of": mistake.of,
        "kind": mistake.kind,
        "sentence": mistake.sentence,
        "certainty": mistake.certainty,
        "others": mistake.others,
        "statement": mistake.written.text,
        "expression": mistake.written.part,
        "should_be": None if mistake.right is None else mistake.right.text,
        **worst_data(mistake.worst),
    }


def step_data(quantity: Quantity) -> dict[str, Any]:
    return {
        "name": quantity.name,
        **where_data(quantity.where),
        "of": quantity.of or None,
        "verdict": quantity.verdict,
        "detail": quantity.detail or None,
        **worst_data(quantity.worst),
    }


def leak_data(leak: Leak) -> dict[str, Any]:
    file, line = (leak.where.file, leak.where.line) if leak.where else (None, None)
    return {"how": leak.how, "file": file, "line": line, "code": leak.code or None}


def where_data(where: Where) -> dict[str, Any]:
    return {"file": where.file, "line": where.line, "function": where.function}


def worst_data(worst: Worst | None) -> dict[str, Any]:
    if worst is None:
        return {"difference": None, "index": None, "hand": None, "true": None, "shapes": None}
    return {
        "difference": finite(worst.difference),
        "index": None if worst.shapes else list(worst.index),
        "hand": finite(worst.hand),
        "true": finite(worst.true),
        "shapes": worst.shapes,
    }


def finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None
