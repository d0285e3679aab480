"""DOT text of a graph: a box for each value, with its cotangent beside it, and arrows there and back."""

from __future__ import annotations

from typing import Any

from tinygrad_scratch.drawing.clusters import ModuleCall, nested
from tinygrad_scratch.drawing.expressions import calls, is_number
from tinygrad_scratch.drawing.labels import box_label, cluster_label, cotangent_name, rest_label
from tinygrad_scratch.drawing.selection import Selection
from tinygrad_scratch.graph import Node

# Kinds differ in outline as well as in colour, and in colours that the colour-blind can tell apart. Boxes are light
# with dark text, arrows of a middle brightness, the canvas transparent: they can be read on a white and a black page.
CANVAS = {"bgcolor": "transparent", "nodesep": "0.3", "ranksep": "0.35"}
BOX = {"fontname": "Helvetica", "fontsize": "13", "fontcolor": "#1a1a1a", "margin": "0", "width": "0", "height": "0"}
KINDS = {
    "operation": {"shape": "box", "style": "rounded,filled", "fillcolor": "#dbeafe", "color": "#1e40af"},
    "parameter": {"shape": "cylinder", "style": "filled", "fillcolor": "#fdebc8", "color": "#8a5a00"},
    "constant": {"shape": "note", "style": "filled", "fillcolor": "#efefef", "color": "#555555"},
    "output": {"shape": "box", "style": "filled", "peripheries": "2", "fillcolor": "#d3f2df", "color": "#15803d"},
    "rest": {"shape": "box", "style": "dashed,filled", "fillcolor": "#ffffff", "color": "#555555", "margin": "0.1"},
}
ARROW = {"fontname": "Helvetica", "fontsize": "11", "fontcolor": "#64748b", "color": "#64748b"}
COLUMN = {"weight": "8"}  # keeps a chain of operations straight, so that forward and backward are columns side by side
GRADIENT_ARROW = {"class": "gradient", "dir": "back", "style": "dashed", "color": "#d9480f"}
FRAME = {
    "fontname": "Helvetica",
    "fontsize": "12",
    "fontcolor": "#1a1a1a",
    "labeljust": "l",
    "style": "rounded,filled",
    "color": "#94a3b8",
}
FRAME_FILLS = ("#f5f7fa", "#e9edf3")  # by turns, so that a frame is told from the one around it
REST = "rest"
Ids = dict[Node, str]


def dot_text(selection: Selection, backward: bool) -> str:
    """The DOT text of these values. Boxes are numbered by age, so the same program has the same text in every run."""
    from graphviz import Digraph

    digraph = Digraph(graph_attr=CANVAS, node_attr=BOX, edge_attr=ARROW)
    ids = {node: f"n{place}" for place, node in enumerate(selection.nodes)}
    fill(digraph, "cluster", nested(selection), boxes(selection, ids, backward))
    if selection.left_out:
        digraph.node(REST, rest_label(selection.left_out), **{"class": "rest"}, **KINDS["rest"])
    for node in selection.operations:
        add_arrows(digraph, node, ids, backward)
    return str(digraph.source)


def boxes(selection: Selection, ids: Ids, backward: bool) -> dict[Node, dict[str, str]]:
    """The attributes of each value's box."""
    known = calls(selection.operations)
    found = {}
    for node, name in ids.items():
        cotangent = cotangent_name(node, known, selection.outputs) if backward and node.requires_grad else None
        kind = "output" if node.kind == "operation" and node in selection.outputs else node.kind
        found[node] = {"name": name, "class": kind, "label": box_label(node, known, cotangent), **KINDS[kind]}
    return found


def fill(graph: Any, name: str, call: ModuleCall, boxes: dict[Node, dict[str, str]]) -> None:
    """The boxes of a module's call, and within it the frames of the calls that it made."""
    for node in call.nodes:
        graph.node(**boxes[node])
    for place, inner in enumerate(call.inner):
        inner_name = f"{name}_{place}"
        with graph.subgraph(name=inner_name) as frame:
            fillcolor = FRAME_FILLS[inner_name.count("_") % 2]
            frame.attr(label=cluster_label(inner.path, inner.title), fillcolor=fillcolor, **FRAME)
            fill(frame, inner_name, inner, boxes)


def add_arrows(digraph: Any, node: Node, ids: Ids, backward: bool) -> None:
    """From each value that a call was given an arrow to the call; the gradient comes back beside it."""
    sources: dict[str, list[Node]] = {}
    for part in node.inputs:
        if not is_number(part):
            sources.setdefault(ids.get(part, REST), []).append(part)
    for source, parts in sources.items():
        straight = COLUMN if parts[0].kind == "operation" else {}
        uses = {"label": f"{len(parts)} times"} if source != REST and len(parts) > 1 else {}
        digraph.edge(port(source, "value"), f"{ids[node]}:value:n", **straight, **uses)
        if backward and any(part.requires_grad for part in parts):
            digraph.edge(port(source, "cotangent"), f"{ids[node]}:cotangent:n", **GRADIENT_ARROW)


def port(source: str, side: str) -> str:
    """The foot of one side of a box; the box of the rest has no sides."""
    return f"{source}:s" if source == REST else f"{source}:{side}:s"
