"""What the page knows beyond the picture: a scene, shortened to what is shown, with its numbers as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod
from typing import Any

from tinygrad_scratch.costs import bytes_in_words, seconds_in_words
from tinygrad_scratch.drawing.data import Box, Scene, Step
from tinygrad_scratch.drawing.numbers import Numbers
from tinygrad_scratch.drawing.page_rules import rules_of


def page_data(scene: Scene, summary: str) -> dict[str, Any]:
    """A scene as the page's program reads it, in dicts, lists and texts."""
    outputs = [box for box in scene.boxes if box.kind == "output"] or scene.boxes[-1:]
    derivatives: dict[str, list[str]] = {}
    for arrow in scene.arrows:
        if arrow.derivative:
            derivatives.setdefault(arrow.head, []).append(arrow.derivative)
    return {
        "title": outputs[0].title if outputs else "Nothing",
        "summary": summary,
        "nodes": {box.id: node_of(box, derivatives.get(box.id, [])) for box in scene.boxes},
        "edges": [[arrow.tail, arrow.head] for arrow in scene.arrows],
        "clusters": [
            {"id": frame.id, "title": frame.title, "path": frame.path, "parent": frame.parent}
            for frame in scene.clusters
        ],
        "rules": rules_of(box.operation for box in scene.boxes if box.operation),
        "outputs": [box.id for box in outputs],
        "steps": [step_of(step) for step in scene.steps],
        "unknown": unknown(scene.boxes, outputs),
    }


def unknown(boxes: Sequence[Box], outputs: Sequence[Box]) -> str:
    """What is said where a gradient has no numbers, and if none has, why."""
    if any(box.gradient is not None for box in boxes):
        return "No numbers are known."
    if [prod(box.shape) for box in outputs if box.shape is not None] == [1]:
        return "No numbers are known. Draw it with gradients=True to have them."
    return "No numbers: only one real number, such as a loss, has a gradient."


def node_of(box: Box, derivatives: list[str]) -> dict[str, Any]:
    """What is known of a box, without what is empty."""
    source = box.source
    found = {
        "title": box.title,
        "kind": box.kind,
        "call": box.expression if box.expression != box.title else None,
        "operation": box.operation,
        "shape": str(box.shape) if box.shape is not None else None,
        "dtype": box.dtype,
        "facts": list(facts_of_box(box)),
        "source": f"{source.file}:{source.line}" if source else None,
        "code": source.code if source else None,
        "cotangent": box.cotangent.removesuffix(" = 1") if box.cotangent else None,
        "formula": box.formula,
        "derivatives": derivatives,
        "troubles": [f"{word}, first here" if word in box.first_troubles else word for word in box.troubles],
        "notes": box.notes,
        "value": in_text(box.value),
        "gradient": in_text(box.gradient),
        "cluster": box.cluster,
        "count": box.count,
        "rounds": box.rounds if box.rounds > 1 else None,
        "parameters": box.parameters,
    }
    return {name: part for name, part in found.items() if part}


def facts_of_box(box: Box) -> Iterable[tuple[str, str]]:
    yield from box.attributes.items()
    if box.rounds > 1:
        yield "repeated", f"{box.rounds:,} times, the numbers are the first one's"
    if box.multiply_adds:
        yield "multiply-adds", f"{box.multiply_adds:,}"
    if box.bytes:
        yield "memory", bytes_in_words(box.bytes)
    if box.seconds is not None:
        yield "time", seconds_in_words(box.seconds)


def step_of(step: Step) -> dict[str, Any]:
    """`whole` is there where the part is all of a cotangent, whose numbers are the gradient of `to`."""
    parts = []
    for name, formula in step.formulas.items():
        numbers, so_far = step.parts.get(name), step.sums.get(name)
        found = {"whole": name not in step.parts, "numbers": in_text(numbers), "sum": in_text(so_far)}
        parts.append({"to": name, "formula": formula, **{word: part for word, part in found.items() if part}})
    return {"node": step.box, "parts": parts}


# ---- numbers as text -------------------------------------------------------------------------------------------------


def in_text(numbers: Numbers | None) -> dict[str, Any] | None:
    """`text` has all numbers when they are few, `brief` says the least about them, `facts` are pairs of a word and a
    number, and `histogram` has counts from the lowest to the highest number.
    """
    if numbers is None:
        return None
    found: dict[str, Any] = {"brief": brief(numbers)}
    if numbers.numbers is not None:
        found["text"] = listing(numbers.numbers)
    if numbers.size != 1:
        found["facts"] = list(facts_of_numbers(numbers))
    if len(numbers.histogram) > 1:
        ends = [four_digits(numbers.least), four_digits(numbers.greatest)]
        found["histogram"] = {"counts": list(numbers.histogram), "low": ends[0], "high": ends[1]}
    return found


def brief(numbers: Numbers) -> str:
    if numbers.size == 1 and numbers.numbers is not None:
        return listing(numbers.numbers).strip("[]")
    said = [] if numbers.norm is None else [f"norm {four_digits(numbers.norm)}"]
    return ", ".join(said + ["NaN"] * bool(numbers.nan) + ["infinite"] * bool(numbers.infinite))


def facts_of_numbers(numbers: Numbers) -> Iterable[tuple[str, str]]:
    if numbers.mean is not None:
        yield "mean", four_digits(numbers.mean)
        yield "std", four_digits(numbers.spread)
        yield "min", four_digits(numbers.least)
        yield "max", four_digits(numbers.greatest)
        yield "norm", four_digits(numbers.norm)
    for word, count in (("zeros", numbers.zeros), ("NaN", numbers.nan), ("infinite", numbers.infinite)):
        if count:
            yield word, f"{count:,} of {numbers.size:,}"


def listing(numbers: Any) -> str:
    """Nested lists of numbers as NumPy would print them."""
    width = max(map(len, cells(numbers)), default=0)
    return rows(numbers, width, 1)


def cells(numbers: Any) -> Iterable[str]:
    if isinstance(numbers, list):
        for part in numbers:
            yield from cells(part)
    else:
        yield four_digits(numbers)


def rows(numbers: Any, width: int, depth: int) -> str:
    if not isinstance(numbers, list):
        return four_digits(numbers).rjust(width)
    levels = nesting(numbers)
    between = "\n" * (levels - 1) + " " * depth if levels > 1 else " "
    return f"[{between.join(rows(part, width, depth + 1) for part in numbers)}]"


def nesting(numbers: Any) -> int:
    return 1 + nesting(numbers[0]) if isinstance(numbers, list) and numbers else 0


def four_digits(number: Any) -> str:
    """A number as Python reads it, so that it can be copied."""
    return f"{number:.4g}" if isinstance(number, float) else str(number)
