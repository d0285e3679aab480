"""What a check says, in text: first the one line that matters, then every quantity."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import numpy as np

WIDTH = 80


def report(check: Any) -> str:
    """The report, at 80 columns."""
    if check.problem:
        return wrapped(f"verify: nothing was judged. {check.problem}", "")
    lines = [headline(check), ""]
    for repair, cause in zip(check.repairs, check.causes, strict=True):
        first = repair is check.repairs[0]
        place = f"{Path(cause.place.file).name}:{cause.place.line}"
        lines += [
            f"{'FIRST WRONG' if first else 'also wrong '}  {cause.name}   {place}   meant as the gradient of {cause.of}",
            f"    {cause.line}",
            wrapped(cause.sentence, "    "),
            f"    {cause.kind}; {said[cause.certainty]}",
            *worst(check, repair),
            "",
        ]
    lines += [*quantities(check), ""]
    for names, _ in check.unsure:
        lines.append(f"not paired: {names[0]}. Which parameter is it the gradient of?")
    return "\n".join(lines).rstrip()


said = {
    "checked": "checked: with that one change it is the true gradient",
    "unexplained": "the values are shown; the cause was not found",
}


def headline(check: Any) -> str:
    loss = check.tape.nodes[check.truth.loss].value
    verdict = "right" if check.ok else "wrong" if check.repairs else "not checkable"
    return f"verify: {verdict}   loss {float(np.sum(loss)):.6g}   {len(check.finals)} gradients"


def worst(check: Any, repair: Any) -> list[str]:
    """The two values where they differ most."""
    value, truth = check.tape.nodes[repair.event.node].value, repair.truth
    if value.shape != truth.shape:
        return [f"    its shape is {value.shape}, the gradient's is {truth.shape}"]
    place = np.unravel_index(np.argmax(np.abs(value - truth)), value.shape) if value.ndim else ()
    at = f" at [{', '.join(map(str, place))}]" if value.ndim else ""
    return [f"    yours{at}: {value[place]:.6g}, true: {truth[place]:.6g}"]


def quantities(check: Any) -> list[str]:
    """Every hand-derived quantity with its verdict, in order."""
    case = check.case
    guilty = {repair.event.node for repair in check.repairs}
    after = {event.node for event in check.events if guilty & (case.ancestors([event.node]) - {event.node})}
    backward = case.ancestors(final.node for final in check.finals) - case.forward
    lines, seen = [], set()
    for event in case.events:
        if event.node not in backward or event.node in seen:
            continue
        seen.add(event.node)
        value = case.tape.nodes[event.node].value
        match = case.match(value)
        if event.node in guilty:
            verdict, of = "WRONG", ""
        elif match is not None:
            verdict, of = "right", f"gradient of {name(check, match[1])}"
        elif event.node in after:
            verdict, of = "consequence", "of an earlier step"
        else:
            verdict, of = "used", "no gradient of a forward value"
        place = f"{Path(event.place.file).name}:{event.place.line}"
        lines.append(f"  {verdict:<12} {event.name:<24} {place:<20} {of}"[:WIDTH])
    return lines


def name(check: Any, node: int) -> str:
    return next((event.name for event in check.events if event.node == node), None) or next(
        (p.name for p in check.parameters if p.node == node), "an unnamed value"
    )


def wrapped(text: str, indent: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent=indent, subsequent_indent=indent)
