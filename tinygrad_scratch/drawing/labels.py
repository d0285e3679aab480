"""HTML-like labels: what is written in the box of a value. All text from outside is escaped here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from html import escape

from tinygrad_scratch.drawing.expressions import ATOM, Calls, Expression, reference, shorten
from tinygrad_scratch.graph import Node

QUIET, GRADIENT = "#444444", "#9a3412"
L = Expression("L")


def box_label(node: Node, known: Calls, cotangent: str | None) -> str:
    """A value, and its cotangent to the right of it; arrows end at the ports `value` and `cotangent`."""
    cells = f'<td port="value">{lines(value_lines(node, known))}</td>'
    if cotangent is not None:
        beside = lines([f"<b>{text(cotangent)}</b>", small(facts(node))])
        cells += f'<vr/><td port="cotangent"><font color="{GRADIENT}">{beside}</font></td>'
    return f'<<table border="0" cellborder="0" cellspacing="0" cellpadding="6"><tr>{cells}</tr></table>>'


def value_lines(node: Node, known: Calls) -> list[str]:
    """Its name, the call that made it, its shape."""
    named = [f"<b>{text(shorten(node.name))}</b>"] if node.name else []
    made = [text(known[node].text)] if node in known else [] if node.name else [text(node.kind)]
    return [*named, *made, f'<font color="{QUIET}">{small(facts(node))}</font>']


def facts(node: Node) -> str:
    """The shape, and the dtype where it is not the usual one."""
    shape = str(node.value.shape) if node.value.shape else "scalar"
    return shape if node.value.dtype == float else f"{shape} {node.value.dtype}"


def cotangent_name(node: Node, known: Calls, outputs: set[Node]) -> str:
    """∂J/∂z, where J is the output, if that is one real number with a name; else L, any number made of the outputs."""
    (output, *more) = outputs
    one = not more and output.value.size == 1 and output.value.dtype.kind == "f"
    top = reference(output, {}) if one and output.name else L
    name = f"∂{top.within(ATOM)}/∂{reference(node, known).within(ATOM)}"
    return f"{name} = 1" if one and node is output else name


def cluster_label(path: str, title: str) -> str:
    return f"<<b>{text(path)}</b>  {text(title)}>" if path else f"<<b>{text(title)}</b>>"


def rest_label(left_out: Counter[str]) -> str:
    """How many values are not drawn."""
    return f"<and {counted(left_out).replace(' operation', ' earlier operation')}>"


def counted(kinds: Counter[str]) -> str:
    """How many values there are of each kind, in words."""
    order = ("operation", "parameter", "constant")
    return ", ".join(f"{n:,} {kind}{'s' * (n != 1)}" for kind in order if (n := kinds[kind]))


def lines(parts: Iterable[str]) -> str:
    return "<br/>".join(parts)


def small(escaped: str) -> str:
    return f'<font point-size="10">{escaped}</font>'


def text(words: str) -> str:
    r"""Any text as text: what can't be printed is written as Python would escape it, and nothing is markup.

    Backslashes are doubled: also in HTML-like labels DOT replaces `\N` by the name of the node.
    """
    printable = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in words)
    return escape("".join(printable)).replace("\\", "\\\\")
