"""HTML-like labels: what is written in a box. All text from outside is escaped here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape, unescape
from itertools import pairwise

from tinygrad_scratch.costs import bytes_in_words, seconds_in_words
from tinygrad_scratch.drawing.data import Box
from tinygrad_scratch.drawing.expressions import shorten
from tinygrad_scratch.drawing.numbers import Numbers, in_words, short


@dataclass(frozen=True)
class Look:
    """What a person wants to see of a scene; `chain` puts the derivatives on the arrows.

    `brief` is for huge drawings: a cotangent, which has the shape of its value, does not repeat it.
    """

    forward: bool = True
    backward: bool = True
    chain: bool = False
    values: bool = False
    gradients: bool = False
    heat: bool = False
    costs: bool = False
    changes: bool = False
    brief: bool = False


QUIET, GRADIENT, ALARM = "#444444", "#9a3412", "#b91c1c"
SIZE, SMALL = 13, 10
LONGEST_TOOLTIP = 400
AIR = '<font point-size="3"><br/></font>'
NARROW, WIDE = "ijl.,:;'|!()[]{}tfrI ·", "mwMW@%…⚠"


def box_label(box: Box, look: Look) -> str:
    """A value, and its cotangent to the right of it; arrows end at the ports `value` and `cotangent`."""
    cells = []
    if look.forward:
        costs = cost_lines(box) if look.costs else []
        said = [*value_lines(box), *costs, *time_lines(box), *trouble_lines(box, "value")]
        cells.append(cell("value", said, box.value if look.values else None))
    if look.backward and box.cotangent is not None:
        cells.append(cotangent_cell(box, look))
    row = f"<tr>{'<vr/>'.join(cells)}</tr>"
    rows = row.count("<tr>") // len(cells)
    rim = rows // 2 if box.kind == "parameter" else 0  # the taller a cylinder, the deeper its rim
    return f"<{table(row, 6 + rim)}>"


def cotangent_cell(box: Box, look: Look) -> str:
    """The cotangent, and where it is not drawn beside the forward pass the formula that makes it of later ones."""
    formula = [small(text(box.formula))] if box.formula and (look.chain or not look.forward) else []
    size = [small(f"root mean square {short(box.gradient.root_mean_square)}")] if look.heat and box.gradient else []
    shape = [] if look.brief and look.forward else [small(text(facts(box)))]
    said = [bold(text(box.cotangent or "")), *formula, *shape, *size, *trouble_lines(box, "gradient")]
    return cell("cotangent", said, box.gradient if look.gradients else None, GRADIENT)


def table(rows: str, padding: int) -> str:
    return f'<table border="0" cellspacing="0" cellpadding="{padding}">{rows}</table>'


def cell(port: str, parts: list[str], numbers: Numbers | None, color: str | None = None) -> str:
    """A cell as wide as its text is in the widest of the usual fonts, since nobody knows which one will show it."""
    content = colored(lines(parts), color)
    if numbers is not None and (rows := in_words(numbers)):
        content = table(f"<tr><td>{content}</td></tr><tr><td>{matrix(rows, color)}</td></tr>", 1)
    return f'<td port="{port}" width="{max(map(width, parts), default=0) + 16}">{content}</td>'


def matrix(rows: list[list[str]], color: str | None) -> str:
    """Numbers in columns, each as wide as its widest needs; a column alone stands in the middle."""
    found, end = "", '<br align="right"/>' if len(rows[0]) > 1 else ""
    for row in rows:
        cells = (f'<td width="{width(small(text(part))) + 8}">{small(text(part))}{end}</td>' for part in row)
        found += f"<tr>{''.join(cells)}</tr>"
    return colored(table(found, 0), color)


def colored(content: str, color: str | None) -> str:
    return f'<font color="{color}">{content}</font>' if color else content


def value_lines(box: Box) -> list[str]:
    """Its name, the call that made it, its shape."""
    if box.kind == "fold":
        parameters = f", {box.parameters:,} parameters" if box.parameters else ""
        found = [bold(text(" ".join(part for part in (box.path, box.title) if part)))]
        found.append(quiet(text(f"{box.count:,} operation{'s' * (box.count != 1)}{parameters}")))
    else:
        found = [bold(text(shorten(box.name)))] if box.name else []
        found += [text(box.expression)] if box.expression else [] if box.name else [text(box.kind)]
    return [*found, *(quiet(text(words)) for words in (facts(box), *box.notes) if words)]


def cost_lines(box: Box) -> list[str]:
    if box.kind in ("parameter", "input", "constant"):
        return []
    parts = [f"{box.multiply_adds:,} multiply-adds"] * bool(box.multiply_adds) + [bytes_in_words(box.bytes)]
    return [quiet(text(part)) for part in parts]


def time_lines(box: Box) -> list[str]:
    return [] if box.seconds is None else [quiet(seconds_in_words(box.seconds))]


def trouble_lines(box: Box, of: str) -> list[str]:
    """What is wrong with the value or the gradient, in words, so that no colour is needed to see it."""
    shown = [trouble for trouble in box.troubles if ("gradient" in trouble) == (of == "gradient")]
    said = [f"⚠ {trouble}{', first here' if trouble in box.first_troubles else ''}" for trouble in shown]
    return [f'<font color="{ALARM}">{bold(text(line))}</font>' for line in said]


def facts(box: Box) -> str:
    """The shape, and the dtype where it is not the usual one."""
    if box.shape is None:
        return ""
    if box.dtype == "object":
        return f"{box.shape[0]} arrays"
    shape = str(box.shape) if box.shape else "scalar"
    return shape if box.dtype == "float64" else f"{shape} {box.dtype}"


def cluster_label(path: str, title: str, parameters: int = 0) -> str:
    """The path and the class of a module, and how many parameters it has, each in a cell that is wide enough."""
    count = f"{parameters:,} parameter{'s' * (parameters != 1)}" if parameters else ""
    parts = [*(bold(text(part)) for part in (path,) if part), text(title) if path else bold(text(title))]
    parts += [quiet(text(count))] if count else []
    cells = "".join(f'<td width="{width(part)}">{part}</td>' for part in parts)
    return f"<{table(f'<tr>{cells}</tr>', 2)}>"


def tooltip(box: Box) -> str:
    """What a box says when it is pointed at: all that there is no room for in it."""
    said = [f"{box.name} = {box.expression}" if box.name and box.expression else box.expression or box.title]
    if box.source is not None:
        said.append(f"{box.source.file}:{box.source.line}  {box.source.code}")
    said.append(facts(box))
    if box.formula:
        said.append(f"{box.cotangent} = {box.formula}")
    if box.multiply_adds:
        said.append(f"{box.multiply_adds:,} multiply-adds")
    said.append(bytes_in_words(box.bytes) if box.shape is not None else "")
    said.append(seconds_in_words(box.seconds) if box.seconds is not None else "")
    for name, numbers in (("value", box.value), ("gradient", box.gradient)):
        if numbers is not None and numbers.size > 1 and numbers.mean is not None:
            said.append(
                f"{name}: mean {numbers.mean:.3g} ± {numbers.spread:.3g}, {numbers.least:.3g} … {numbers.greatest:.3g}"
            )
    return "\n".join(printable(part) for part in said if part)[:LONGEST_TOOLTIP]


@lru_cache(maxsize=4096)
def width(marked_up: str) -> int:
    """About how much room a line needs, in points, where it begins as if it were in Helvetica and is in DejaVu Sans."""
    size = SMALL if is_small(marked_up) else SIZE
    words = unescape(re.sub("<[^>]*>", "", marked_up))
    units = sum(0.38 if c in NARROW else 0.9 if c in WIDE else 0.62 for c in words)
    return round(units * size * (1.3 if "<b>" in marked_up else 1.1))


def lines(parts: Sequence[str]) -> str:
    """Lines one below the other; below a large one a small one has air above it, or it would touch its brackets."""
    below = (AIR * (is_small(line) and not is_small(above)) + line for above, line in pairwise(parts))
    return "<br/>".join([*parts[:1], *below])


def is_small(marked_up: str) -> bool:
    return "point-size" in marked_up


def bold(escaped: str) -> str:
    return f"<b>{escaped}</b>"


def small(escaped: str) -> str:
    return f'<font point-size="{SMALL}">{escaped}</font>'


def quiet(escaped: str) -> str:
    """Small and grey."""
    return f'<font color="{QUIET}" point-size="{SMALL}">{escaped}</font>'


def text(words: str) -> str:
    r"""Any text as text: what can't be printed is written as Python would escape it, and nothing is markup.

    Backslashes are doubled: also in HTML-like labels DOT replaces `\N` by the name of the node.
    """
    return escape(printable(words)).replace("\\", "\\\\")


def printable(words: str) -> str:
    if words.isprintable():
        return words
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in words)
