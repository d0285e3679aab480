"""What a check says, in text: first the one line that matters, then every quantity in order."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby, zip_longest
from pathlib import Path
from typing import Any

from tinygrad_scratch.verifier.reading.source import Marked, compared
from tinygrad_scratch.verifier.showing.findings import (
    CONSEQUENCE,
    CONVENTION,
    NOT_CHECKABLE,
    RIGHT,
    UNDECIDED,
    USED,
    WRONG,
    Findings,
    Leak,
    Mistake,
    Quantity,
    Where,
    Worst,
)

WIDTH = 80
LABEL = 11  # characters of what stands on the left of a mistake's lines
CONTINUED = 4  # blanks before the further lines of a long statement
LONGEST_NAME = 26
ROUNDING = 1e-12  # a difference below is not told apart from none, so that a report is the same on every machine
ENTRY = re.compile(r"\[\d+\]$")
MANY_TURNS = 3  # a step that comes out alike more often than this is one line, with a count


def report(found: Findings) -> str:
    """The report, at 80 columns.

    >>> import numpy as np
    >>> from tinygrad_scratch.verifier import verify
    >>> with verify(w=np.ones(3)) as check:
    ...     pass
    >>> print(check)
    Not checkable: No call of NumPy was recorded. Make the calls of forward and
    backward inside the block.
    """
    return "\n".join(line.text for line in report_lines(found))


def coloured(found: Findings) -> Any:
    """The report as a text of rich, each line in the colour of its verdict."""
    from rich.text import Text

    text = Text(no_wrap=True)
    for number, line in enumerate(report_lines(found)):
        text.append("\n" if number else "")
        text.append(line.text, style=STYLES.get(line.kind, ""))
    return text


STYLES = {
    RIGHT: "green", WRONG: "bold red", CONSEQUENCE: "yellow", CONVENTION: "blue", NOT_CHECKABLE: "magenta", USED: "dim",
    "head": "dim", "title": "bold",
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """A line of the report, and what it is, which decides its colour."""

    text: str = ""
    kind: str = ""


def report_lines(found: Findings) -> list[Line]:
    """The whole report, line by line."""
    lines = list(headline(found))
    for number, mistake in enumerate(found.mistakes):
        lines += [Line(), *mistake_lines(mistake, first=not number)]
    for note in found.notes:
        lines += [Line(), *paragraph(note)]
    if found.quantities:
        lines += [Line(), *table(found)]
    for title, notes in asides(found):
        lines += [Line(), Line(title, "title")]
        for note in notes:
            lines += paragraph(f"  {note}", indent="  ")
    return lines


def headline(found: Findings) -> Iterator[Line]:
    yield from paragraph(summary(found), found.verdict)


def summary(found: Findings) -> str:
    """The one line that matters."""
    if found.problem:
        return f"{'Not decided' if found.verdict == UNDECIDED else 'Not checkable'}: {found.problem}"
    if found.mistakes:
        return f"First wrong step: {named(found.mistakes[0])}"
    counts = f"{found.gradients} gradient{'s' * (found.gradients != 1)}"
    if found.verdict == RIGHT:
        return f"All right: {counts}, and every step on the way, agree with autodiff."
    if found.verdict == CONVENTION:
        return f"Right in another convention: {found.convention}."
    if found.verdict == NOT_CHECKABLE:
        return "Not checkable: no mistake was found, but not everything could be judged. The table says why."
    return f"Not decided: {counts} {'is' if found.gradients == 1 else 'are'} right, but there is a question. See below."


def named(mistake: Mistake) -> str:
    return f"{shortened(mistake.name)}, {mistake.where.short}, meant as the gradient of {shortened(mistake.of)}"


# ---- a mistake -------------------------------------------------------------------------------------------------------


def mistake_lines(mistake: Mistake, first: bool) -> Iterator[Line]:
    """What was written and what would be right, why, how sure this is, and the two values."""
    if not first:
        yield from paragraph(f"Also wrong: {named(mistake)}", WRONG)
        yield Line()
    right = mistake.right
    missing = right is not None and not compared(mistake.written.text, right.text)[0].part
    yield from code_lines("you wrote", mistake.written, WRONG, carets=not missing)
    if right is not None:
        yield from code_lines("right is", right, RIGHT, carets=missing)
    yield from labelled("why", f"{mistake.kind}: {stopped(mistake.sentence)}")
    yield from labelled("how sure", certainty(mistake))
    if mistake.worst is not None:
        yield from labelled("values", values(mistake.worst))


def stopped(sentence: str) -> str:
    return sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."


def certainty(mistake: Mistake) -> str:
    """How sure the cause is."""
    if mistake.certainty == "fits" and not mistake.others:
        return "it fits the values, but no single change of the text was found that proves it."
    if mistake.certainty == "fits":
        others = f"So would: {'; '.join(mistake.others)}."
        return f"it fits: with that change it is the true gradient, but it is not the only such change. {others}"
    if mistake.certainty == "unexplained":
        return "the place and the values are sure. The cause was not found."
    return "checked: with that one change, it is the true gradient."


def values(worst: Worst) -> str:
    """The two values where they differ most."""
    if worst.shapes is not None:
        mine, true = worst.shapes
        return f"yours has shape {mine}, the gradient has shape {true}"
    at = f" at [{', '.join(map(str, worst.index))}]" if worst.index else ""
    if worst.hand is None or worst.true is None:
        return f"they differ most{at}"
    least = ROUNDING * max(abs(worst.hand), abs(worst.true))
    hand, truth = (0.0 if abs(value) < least else value for value in (worst.hand, worst.true))
    return f"yours{at} is {hand:.6g}, true is {truth:.6g}"


def labelled(label: str, text: str) -> Iterator[Line]:
    lead = f"  {label:<{LABEL}}"
    for number, line in enumerate(textwrap.wrap(text, WIDTH - len(lead), break_on_hyphens=False)):
        yield Line((lead if not number else " " * len(lead)) + line)


def code_lines(label: str, code: Marked, kind: str, carets: bool) -> Iterator[Line]:
    """Code, broken between its parts where it is long, with carets under what is marked."""
    lead = f"  {label:<{LABEL}}"
    for number, (start, piece) in enumerate(pieces(code.text, WIDTH - len(lead))):
        indent = " " * (CONTINUED if number else 0)
        yield Line((lead if not number else " " * len(lead)) + indent + piece, kind)
        marks = "".join(
            "^" if code.start <= start + i < code.end and not c.isspace() else " " for i, c in enumerate(piece)
        )
        if carets and marks.strip():
            marks = fill_gaps(marks)
            yield Line(" " * len(lead) + indent + marks, kind)


def fill_gaps(marks: str) -> str:
    start, end = marks.index("^"), marks.rindex("^") + 1
    return " " * start + "^" * (end - start)


def pieces(text: str, width: int) -> Iterator[tuple[int, str]]:
    """Pieces of a line of code, each with where it begins; broken at blanks, else between its parts."""
    start = 0
    while len(text) - start > width:
        window = text[start : start + width + 1]
        cut = max(window.rfind(" ", width // 2), *(window.rfind(sign, width // 2, width) + 1 for sign in ",*+-/(@."))
        cut = cut if cut > 0 else width
        yield start, text[start : start + cut].rstrip()
        width -= CONTINUED if not start else 0
        start += cut
        start += len(text[start:]) - len(text[start:].lstrip())
    yield start, text[start:]


# ---- the table -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """A quantity, or several turns of one, as the table shows it."""

    quantity: Quantity
    of: str
    verdict: str
    difference: str


WORDS = {RIGHT: "right", WRONG: "WRONG", USED: "used on the way", NOT_CHECKABLE: "not checkable"}


def table(found: Findings) -> Iterator[Line]:
    """Every quantity in order of execution, by function."""
    order = {quantity.node: place for place, quantity in enumerate(found.quantities)}
    rows = sorted((row for group in turns(found.quantities) for row in group), key=lambda row: order[row.quantity.node])
    yield from paragraph(f"Every quantity that you derived, in order. {loss_text(found)}".rstrip())
    widths = Widths.fitting(rows)
    for (_, function), group in groupby(rows, key=lambda row: (row.quantity.where.file, row.quantity.where.function)):
        part = list(group)
        yield Line()
        yield Line(f"  {where_text(part[0].quantity.where, function)}", "title")
        yield from cells_lines(HEAD, widths, "head")
        for row in part:
            line = str(row.quantity.where.line)
            cells = (line, row.quantity.name, row.of, row.verdict, row.difference)
            yield from cells_lines(cells, widths, row.quantity.verdict)


def loss_text(found: Findings) -> str:
    name = f", {found.loss_name}," if found.loss_name else ""
    return "" if found.loss is None else f"The loss{name} is {found.loss:.6g}."


HEAD = ("line", "quantity", "gradient of", "verdict", "difference")


@dataclass(frozen=True)
class Widths:
    """The columns of the table. The verdict has what the others leave; all may wrap."""

    quantity: int
    of: int
    verdict: int
    difference: int

    @classmethod
    def fitting(cls, rows: list[Row]) -> Widths:
        texts = zip(
            *(HEAD[1:], *((row.quantity.name, row.of, row.verdict, row.difference) for row in rows)), strict=True
        )
        quantity, of, verdict, difference = (max(map(len, column)) for column in texts)
        if quantity + of + verdict + difference <= FOR_CELLS:
            return cls(quantity, of, verdict, difference)
        quantity, of, difference = min(quantity, 18), min(of, 18), min(difference, 18)
        return cls(quantity, of, FOR_CELLS - quantity - of - difference, difference)


FOR_CELLS = WIDTH - len("  _line") - 4 * len("  ")


def cells_lines(cells: tuple[str, ...], widths: Widths, kind: str) -> Iterator[Line]:
    line, *rest = cells
    columns = (widths.quantity, widths.of, widths.verdict, widths.difference)
    parts = [[f"{line:>5}"], *(in_column(text, width) for text, width in zip(rest, columns, strict=True))]
    for texts in zip_longest(*parts, fillvalue=""):
        padded = (f"{text:<{width}}" for text, width in zip(texts, (5, *columns), strict=True))
        yield Line(f"  {'  '.join(padded)}".rstrip(), kind)


def in_column(text: str, width: int) -> list[str]:
    """Wrapped at blanks; a word that is too long loses its middle."""
    words = " ".join(shortened(word, width) for word in text.split(" "))
    return textwrap.wrap(words, width, break_on_hyphens=False) or [""]


def where_text(where: Where, function: str) -> str:
    file = shortened_path(where.file)
    return file if function == "<module>" else f"{function}() in {file}"


def turns(quantities: list[Quantity]) -> Iterator[list[Row]]:
    """The rows; a step of a loop that comes out alike in all turns, or in many, is one row."""
    same: dict[tuple[Any, ...], list[Quantity]] = {}
    for quantity in with_entries_as_one(quantities):
        key = (quantity.where, quantity.name, quantity.verdict, quantity.detail)
        same.setdefault(key, []).append(quantity)
    for group in same.values():
        of = [quantity.of for quantity in group if quantity.of]
        if len(group) > MANY_TURNS or len(set(of)) <= 1:
            ends = " ... ".join(dict.fromkeys([of[0], of[-1]])) if of else ""
            worst = max((q.worst for q in group if q.worst), key=lambda worst: worst.difference, default=None)
            yield [row_of(group[0], ends, len(group), worst)]
        else:
            yield [row_of(quantity, quantity.of, 1, quantity.worst) for quantity in group]


def with_entries_as_one(quantities: list[Quantity]) -> list[Quantity]:
    """The quantities, of which many entries of one list that are no gradients themselves share a name: `d[0][...]`."""
    names = {q.node: ENTRY.sub("[...]", q.name) for q in quantities if not q.of and q.verdict in (USED, CONSEQUENCE)}
    many = Counter((quantity.where, names.get(quantity.node)) for quantity in quantities)
    return [
        replace(quantity, name=name)
        if (name := names.get(quantity.node)) is not None and many[quantity.where, name] > MANY_TURNS
        else quantity
        for quantity in quantities
    ]


def row_of(quantity: Quantity, of: str, times: int, worst: Worst | None) -> Row:
    word = WORDS.get(quantity.verdict, "")
    if quantity.verdict == CONSEQUENCE:
        word = f"follows from {quantity.detail}"
    elif quantity.verdict == CONVENTION:
        word = f"right, {quantity.detail}"
    elif quantity.detail:
        word = f"{word}: {quantity.detail}"
    if times > 1:
        word += f", {times} times"
    return Row(quantity, of, word, difference_text(worst))


def difference_text(worst: Worst | None) -> str:
    if worst is None:
        return ""
    if worst.shapes is not None:
        return f"{worst.shapes[0]}, not {worst.shapes[1]}"
    if worst.difference < ROUNDING:
        return f"< {ROUNDING:g}"
    at = f" at [{', '.join(map(str, worst.index))}]" if worst.index else ""
    return f"{worst.difference:.2g}{at}"


# ---- asides ----------------------------------------------------------------------------------------------------------


def asides(found: Findings) -> Iterator[tuple[str, list[str]]]:
    """Questions, sizes that coincide, and what left the recording."""
    if found.questions:
        yield "Questions:", found.questions
    if found.sizes:
        yield "Sizes that coincide:", found.sizes
    if found.leaks:
        yield (
            "Values that left the recording; what was made from them counts as given:",
            list(map(leak_text, found.leaks)),
        )


def leak_text(leak: Leak) -> str:
    place = f"{leak.where.short}, " if leak.where else ""
    return f"{place}{leak.how}{f': {leak.code}' if leak.code else ''}"


def paragraph(text: str, kind: str = "", indent: str = "") -> Iterator[Line]:
    for line in textwrap.wrap(text, WIDTH, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False):
        yield Line(line, kind)


PATH = re.compile(r"[\w.\[\]'\"]+")


def shortened(name: str, longest: int = LONGEST_NAME) -> str:
    """A long name without its middle: what holds it and the last part say the most."""
    if len(name) <= longest:
        return name
    if PATH.fullmatch(name):
        first, last = name.partition(".")[0], name.rpartition(".")[2]
        for shorter in (f"{first}...{last}", f"...{last}"):
            if len(shorter) <= longest:
                return shorter
    keep = longest - 3
    return f"{name[: keep // 2]}...{name[len(name) - (keep - keep // 2) :]}"


def shortened_path(file: str) -> str:
    """A path from the folder that one works in, or its last parts."""
    path = Path(file)
    if path.is_relative_to(Path.cwd()):
        return str(path.relative_to(Path.cwd()))
    return str(Path(*path.parts[-2:])) if len(path.parts) > 2 else file
