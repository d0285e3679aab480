"""What a check found as one page of HTML: no scripts, nothing to load, light and dark, every word of theirs escaped."""

from __future__ import annotations

import linecache
import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from tinygrad_scratch.drawing.render import render
from tinygrad_scratch.verifier.findings import WRONG, Findings, Mistake, Quantity
from tinygrad_scratch.verifier.picture import picture
from tinygrad_scratch.verifier.report import (
    asides,
    certainty,
    difference_text,
    named,
    row_of,
    stopped,
    summary,
    turns,
    values,
)
from tinygrad_scratch.verifier.source import Marked

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
    return PAGE.format(title=title, style=STYLE, body=body)


def heading(found: Findings) -> str:
    loss = "" if found.loss is None else f"<p class='quiet'>The loss is {found.loss:.6g}.</p>"
    return f"<h1 class='{css_class(found.verdict)}'>{escape(summary(found))}</h1>{loss}"


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
            name = escape(Path(file).name)
            yield f"<section><h2>{name}</h2><div class='wide source'>{''.join(listing(file, lines, quantities, guilty))}</div></section>"


def listing(file: str, lines: list[str], quantities: list[Quantity], guilty: dict[tuple[str, int], Mistake]) -> Iterator[str]:
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
        yield f"<section><h2>{escape(title.rstrip('.:') or 'To be answered')}</h2><ul>{items}</ul></section>"


STYLE = """
:root { color-scheme: light dark; --page: #ffffff; --text: #1a1a1a; --quiet: #5b6470; --line: #d8dde4; --card: #f6f8fa;
  --red: #b91c1c; --red-fill: #fde2e2; --green: #15803d; --green-fill: #dcf5e4; --blue: #1e40af; --blue-fill: #e0eafe;
  --amber: #92500a; --amber-fill: #fdf1cf; }
@media (prefers-color-scheme: dark) { :root { --page: #14171c; --text: #e6e8eb; --quiet: #9aa4b1; --line: #333a44;
  --card: #1c2129; --red: #ff9a93; --red-fill: #4c1d1d; --green: #7ddc9b; --green-fill: #173a24; --blue: #9dbdff;
  --blue-fill: #1c2f57; --amber: #f0c36a; --amber-fill: #45330d; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 60rem; background: var(--page); color: var(--text);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.4rem; line-height: 1.3; margin: 0 0 .25rem; padding-left: .8rem; border-left: .35rem solid var(--line); }
h2 { font-size: 1.05rem; margin: 2rem 0 .6rem; }
h1.wrong { border-color: var(--red); } h1.right { border-color: var(--green); }
h1.right-in-another-convention { border-color: var(--blue); }
h1.not-checkable, h1.undecided { border-color: var(--amber); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: 1rem; margin-top: 1rem; }
.card h2 { margin-top: 0; }
dl { display: grid; grid-template-columns: 6rem minmax(0, 1fr); gap: .45rem 1rem; margin: 0; }
dt, .quiet { color: var(--quiet); } dd { margin: 0; overflow-wrap: anywhere; }
p { margin: .3rem 0; }
code, .source { font: .88em/1.6 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
mark { color: inherit; border-radius: .15rem; padding: .05em 0; text-decoration: underline; text-underline-offset: .2em; }
mark.bad { background: var(--red-fill); text-decoration-color: var(--red); text-decoration-style: wavy; }
mark.good { background: var(--green-fill); text-decoration: none; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th { text-align: left; font-weight: 600; color: var(--quiet); }
th, td { padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td code { white-space: nowrap; }
.verdict { padding: .05rem .5rem; border-radius: 1rem; background: var(--card); }
.right .said, .verdict.right { color: var(--green); } .verdict.right { background: var(--green-fill); }
.wrong .said, .verdict.wrong { color: var(--red); font-weight: 700; } .verdict.wrong { background: var(--red-fill); }
.consequence .said, .verdict.consequence { color: var(--amber); } .verdict.consequence { background: var(--amber-fill); }
.right-in-another-convention .said, .verdict.right-in-another-convention { color: var(--blue); }
.verdict.right-in-another-convention { background: var(--blue-fill); }
.source { border: 1px solid var(--line); border-radius: .5rem; padding: .5rem 0; }
.line { display: flex; gap: 1rem; padding: 0 .8rem; width: max-content; min-width: 100%; border-left: .25rem solid transparent; }
.line .number { color: var(--quiet); min-width: 2.5rem; text-align: right; user-select: none; }
.line .code { white-space: pre; flex: 1; } .line .said { font-size: .92em; white-space: nowrap; color: var(--quiet); }
.line.wrong { background: var(--red-fill); border-left-color: var(--red); }
.line.right { border-left-color: var(--green); } .line.consequence { border-left-color: var(--amber); }
.line.right-in-another-convention { border-left-color: var(--blue); }
.line.wrong mark.bad { background: none; }
.gap { padding-left: 3rem; color: var(--quiet); }
.picture { background: #ffffff; border: 1px solid var(--line); border-radius: .5rem; padding: 1rem; }
.picture svg { max-width: 100%; height: auto; display: block; margin: auto; }
ul { padding-left: 1.2rem; }
"""

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
