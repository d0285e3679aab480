"""What a check found as one page of HTML: no scripts, nothing to load, light and dark, every word of theirs escaped."""

from __future__ import annotations

import linecache
import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from tinygrad_scratch.drawing.render import render
from tinygrad_scratch.verifier.reading.source import Marked
from tinygrad_scratch.verifier.showing.findings import WRONG, Findings, Mistake, Quantity
from tinygrad_scratch.verifier.showing.picture import picture
from tinygrad_scratch.verifier.showing.report import (
    asides,
    certainty,
    loss_text,
    named,
    row_of,
    stopped,
    summary,
    turns,
    values,
)

STYLE = Path(__file__).with_name("page.css")
AROUND = 3  # lines that are shown before and after those with a verdict


def as_html(check: Any, found: Findings) -> str:
    """The whole page."""
    parts = [
        heading(found),
        *(mistake_card(mistake, first=not number) for number, mistake in enumerate(found.mistakes)),
        *([table(found)] if found.quantities else []),
        *sources(found),
        *drawn(check, found),
        *notes(found),
    ]
    body = "\n".join(parts)
    title = escape(summary(found))
    return PAGE.format(title=title, style=STYLE.read_text(encoding="utf-8"), body=body)


def heading(found: Findings) -> str:
    said = "".join(f"<p class='quiet'>{escape(text)}</p>" for text in (loss_text(found), *found.notes) if text)
    return f"<h1 class='{css_class(found.verdict)}'>{escape(summary(found))}</h1>{said}"


def css_class(verdict: str) -> str:
    return verdict.replace(" ", "-")


# ---- a mistake -------------------------------------------------------------------------------------------------------


def mistake_card(mistake: Mistake, first: bool) -> str:
    title = "" if first else f"<h2>Also wrong: {escape(named(mistake))}</h2>"
    rows = [("you wrote", code(mistake.written, "bad"))]
    if mistake.right is not None:
        rows.append(("right is", code(mistake.right, "good")))
    rows.append(("why", f"<b>{escape(mistake.kind)}</b>: {escape(stopped(mistake.sentence))}"))
    rows.append(("how sure", escape(certainty(mistake))))
    if mistake.worst is not None:
        rows.append(("values", escape(values(mistake.worst))))
    inside = "".join(f"<dt>{label}</dt><dd>{content}</dd>" for label, content in rows)
    return f"<section class='card'>{title}<dl>{inside}</dl></section>"


def code(marked: Marked, kind: str) -> str:
    before, part, after = marked.text[: marked.start], marked.part, marked.text[marked.end :]
    middle = f"<mark class='{kind}'>{escape(part)}</mark>" if part else ""
    return f"<code>{escape(before)}{middle}{escape(after)}</code>"


# ---- every quantity --------------------------------------------------------------------------------------------------


def table(found: Findings) -> str:
    rows = "".join(table_rows(found.quantities))
    head = "".join(f"<th>{text}</th>" for text in ("line", "quantity", "gradient of", "verdict", "largest difference"))
    return (
        "<section><h2>Every quantity that you derived, in order</h2><div class='wide'><table>"
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
        "<p class='quiet'>A difference is relative to the largest entry of the true gradient.</p></section>"
    )


def table_rows(quantities: list[Quantity]) -> Iterator[str]:
    for row in (row for group in turns(quantities) for row in group):
        quantity = row.quantity
        cells = [
            f"<td class='quiet'>{escape(quantity.where.short)}</td>",
            f"<td><code>{escape(quantity.name)}</code></td>",
            f"<td><code>{escape(row.of)}</code></td>",
            f"<td><span class='verdict {css_class(quantity.verdict)}'>{escape(row.verdict)}</span></td>",
            f"<td>{escape(row.difference)}</td>",
        ]
        yield f"<tr>{''.join(cells)}</tr>"


# ---- their source ----------------------------------------------------------------------------------------------------


def sources(found: Findings) -> Iterator[str]:
    """The functions' lines with their verdicts, file by file; lines far from all are left out."""
    by_file: dict[str, list[Quantity]] = {}
    for quantity in found.quantities:
        by_file.setdefault(quantity.where.file, []).append(quantity)
    guilty = {(mistake.where.file, mistake.where.line): mistake for mistake in found.mistakes}
    for file, _ in guilty:
        by_file.setdefault(file, [])
    for file, quantities in by_file.items():
        lines = linecache.getlines(file)
        if lines:
            listed = "".join(listing(file, lines, quantities, guilty))
            yield f"<section><h2>{escape(Path(file).name)}</h2><div class='wide source'>{listed}</div></section>"


def listing(
    file: str, lines: list[str], quantities: list[Quantity], guilty: dict[tuple[str, int], Mistake]
) -> Iterator[str]:
    by_line: dict[int, Quantity] = {}
    for quantity in quantities:
        if quantity.where.line not in by_line or quantity.verdict == WRONG:
            by_line[quantity.where.line] = quantity
    wrong = {line: mistake for (its_file, line), mistake in guilty.items() if its_file == file}
    shown = sorted({near for line in (*by_line, *wrong) for near in range(line - AROUND, line + AROUND + 1)})
    last = None
    for number in shown:
        if not 1 <= number <= len(lines):
            continue
        if last is not None and number > last + 1:
            yield "<div class='gap'>&#8943;</div>"
        last = number
        yield source_line(number, lines[number - 1].rstrip("\n"), by_line.get(number), wrong.get(number))


def source_line(number: int, text: str, quantity: Quantity | None, mistake: Mistake | None) -> str:
    verdict = WRONG if mistake else quantity.verdict if quantity else ""
    content = escape(text) or " "
    if mistake is not None:
        part = mistake.written.part
        if part and part in text:
            before, after = text.split(part, 1)
            content = f"{escape(before)}<mark class='bad'>{escape(part)}</mark>{escape(after)}"
    elif quantity is not None:
        verdict = quantity.verdict
    said = row_of(quantity, "", 1, None).verdict if quantity is not None else "WRONG" if mistake else ""
    return (
        f"<div class='line {css_class(verdict)}'><span class='number'>{number}</span>"
        f"<span class='code'>{content}</span><span class='said'>{escape(said)}</span></div>"
    )


# ---- the picture, and the rest ---------------------------------------------------------------------------------------


def drawn(check: Any, found: Findings) -> Iterator[str]:
    """The picture, where there is something to draw and a renderer to draw it."""
    if not found.quantities:
        return
    try:
        svg = render(picture(check, found).source, "svg").decode()
    except (RuntimeError, TimeoutError) as error:
        yield f"<section><h2>The computation</h2><p class='quiet'>{escape(str(error))}</p></section>"
        return
    svg = re.sub(r"^.*?(?=<svg)", "", svg, flags=re.DOTALL)
    yield f"<section><h2>The computation</h2><div class='wide picture'>{svg}</div></section>"


def notes(found: Findings) -> Iterator[str]:
    for title, lines in asides(found):
        items = "".join(f"<li>{escape(line)}</li>" for line in lines)
        yield f"<section><h2>{escape(title.rstrip(':'))}</h2><ul>{items}</ul></section>"


PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
"""
