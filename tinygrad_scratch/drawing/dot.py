"""DOT text of a scene: a box for each value, with its cotangent beside it, and arrows there and back."""

from __future__ import annotations

from dataclasses import replace
from math import log10
from urllib.parse import quote

from tinygrad_scratch.drawing.data import ADDED, CHANGED, REMOVED, REST, Arrow, Box, Cluster, Scene
from tinygrad_scratch.drawing.digraph import Digraph
from tinygrad_scratch.drawing.expressions import LONGEST_PART, shorten
from tinygrad_scratch.drawing.labels import ALARM, Look, box_label, cluster_label, small, table, text, tooltip

# Kinds differ in outline as well as in colour, and in colours that the colour-blind can tell apart. Boxes are light
# with dark text, arrows of a middle brightness, the canvas transparent: they can be read on a white and a black page.
CANVAS = {"bgcolor": "transparent", "nodesep": "0.3", "ranksep": "0.35"}
BOX = {"fontname": "Helvetica", "fontsize": "13", "fontcolor": "#1a1a1a", "margin": "0", "width": "0", "height": "0"}
KINDS = {
    "operation": {"shape": "box", "style": "rounded,filled", "fillcolor": "#dbeafe", "color": "#1e40af"},
    "parameter": {"shape": "cylinder", "style": "filled", "fillcolor": "#fdebc8", "color": "#8a5a00"},
    "input": {"shape": "tab", "style": "filled", "fillcolor": "#ece7f7", "color": "#5b4a9e"},
    "constant": {"shape": "note", "style": "filled", "fillcolor": "#efefef", "color": "#555555"},
    "output": {"shape": "box", "style": "filled", "peripheries": "2", "fillcolor": "#d3f2df", "color": "#15803d"},
    "fold": {"shape": "box3d", "style": "filled", "fillcolor": "#cfe3e6", "color": "#115e67"},
    "rest": {"shape": "box", "style": "dashed,filled", "fillcolor": "#ffffff", "color": "#555555", "margin": "0.1"},
    "failed": {"shape": "box", "style": "filled,bold", "fillcolor": "#fecaca", "color": ALARM, "penwidth": "2.5"},
}
ARROW = {"fontname": "Helvetica", "fontsize": "11", "fontcolor": "#64748b", "color": "#64748b"}
COLUMN = {"weight": "30"}  # keeps a chain of operations straight, so that forward and backward are columns side by side
GRADIENT_ARROW = {"class": "gradient", "style": "dashed", "color": "#d9480f"}
GAP = '<td width="6"></td>'  # keeps a text off the arrow that it stands beside
AGAIN = {"constraint": "false", "style": "bold", "label": "  next round"}
FRAME = {
    "fontname": "Helvetica",
    "fontsize": "12",
    "fontcolor": "#1a1a1a",
    "labeljust": "l",
    "style": "rounded,filled",
    "color": "#94a3b8",
}
FRAME_FILLS = ("#f5f7fa", "#e9edf3")  # by turns, so that a frame is told from the one around it
REPEAT = {"style": "rounded,filled,dashed", "color": "#115e67", "penwidth": "1.5"}
CHANGES: dict[str | None, dict[str, str]] = {
    ADDED: {"style": "filled", "fillcolor": "#d3f2df", "color": "#15803d", "penwidth": "3"},
    REMOVED: {"style": "filled,dashed", "fillcolor": "#fde2e2", "color": ALARM},
    CHANGED: {"style": "filled", "fillcolor": "#fff1dd", "color": "#b45309", "penwidth": "1.5"},
    None: {"style": "filled", "fillcolor": "#f3f4f6", "color": "#9ca3af"},
}
CHANGED_ARROWS = {ADDED: {"color": "#15803d", "penwidth": "2"}, REMOVED: {"color": "#dc2626", "style": "dashed"}}
TROUBLE = {"color": ALARM, "penwidth": "2.5"}
HEAT = ("#ffffff", "#fff1dd", "#fee0b8", "#fdd09a", "#fccb92")  # light to dark, for dark text
BIG, FAR = 60, 24  # in a drawing of more than 60 boxes an arrow past more than 24 begins at a mention of its value
HUGE = 300  # boxes from which on less is written, and arrows end at boxes and not at their halves, to take less time
HURRY = {"mclimit": "0.3"}  # the renderer is to try fewer orders of the boxes of a huge drawing
MENTION = {"class": "mention", "shape": "plaintext", "margin": "0.02", "fontsize": "11", "fontcolor": "#64748b"}


def dot_text(scene: Scene, look: Look) -> str:
    """The DOT text of a scene."""
    return Writer(scene, look).text()


class Writer:
    """Writes a scene down."""

    def __init__(self, scene: Scene, look: Look) -> None:
        look = replace(look, brief=len(scene.boxes) > HUGE)
        more = (HURRY if look.brief else {}) | ({"newrank": "true"} if scene.clusters else {})
        self.digraph = Digraph({**CANVAS, **more}, BOX, ARROW)
        self.scene, self.look = scene, look
        heat = temperatures(scene) if look.heat else {}
        shown = [box for box in scene.boxes if look.forward or box.cotangent or box.kind == REST]
        self.boxes = {box.id: box_attributes(box, look, heat.get(box.id)) for box in shown}
        self.calls = {box.id for box in shown if box.count and box.kind != REST}
        self.inside: dict[str | None, list[str]] = {}
        self.frames: dict[str | None, list[Cluster]] = {}
        for box in shown:
            self.inside.setdefault(box.cluster, []).append(box.id)
        self.tails = self.mentions() if len(scene.boxes) > BIG else {}
        for cluster in scene.clusters:
            self.frames.setdefault(cluster.parent, []).append(cluster)

    def text(self) -> str:
        self.fill(None, 0)
        for arrow in self.scene.arrows:
            if arrow.tail in self.boxes and arrow.head in self.boxes:
                self.add_arrow(arrow)
        for tail, leaf in self.below() if self.look.forward else ():
            self.digraph.edge(tail, leaf, {"style": "invis", "weight": "0"})
        return self.digraph.source

    def mentions(self) -> dict[str, str]:
        """Of arrows that would run past many boxes, the mentions of their values beside their heads.

        They would hide what they cross, and of each a renderer takes time with the square of its length.
        """
        place = {box.id: i for i, box in enumerate(self.scene.boxes)} | {REST: -FAR}
        boxes = {box.id: box for box in self.scene.boxes}
        found = {}
        for arrow in self.scene.arrows:
            if place[arrow.head] - place[arrow.tail] > FAR and arrow.tail in self.boxes and arrow.head in self.boxes:
                name = found[arrow.id] = f"{arrow.tail}_{arrow.head}"
                title = "earlier" if arrow.tail == REST else boxes[arrow.tail].title
                label = f"<{text(shorten(title, LONGEST_PART))}>"
                self.boxes[name] = {"id": name, "label": label, **MENTION}
                self.inside.setdefault(boxes[arrow.head].cluster, []).append(name)
        return found

    def below(self) -> list[tuple[str, str]]:
        """Pairs of a value that comes into a frame, and a leaf in it that is used along with it.

        The leaf is to stand lower, or frames that follow each other would stand side by side.
        """
        frame = {box.id: box.cluster for box in self.scene.boxes}
        forward = [arrow for arrow in self.scene.arrows if not arrow.again]
        leaves: dict[str, list[str]] = {}
        for arrow in forward:
            if arrow.tail not in self.calls and frame[arrow.tail] == frame[arrow.head] is not None:
                leaves.setdefault(arrow.head, []).append(arrow.tail)
        entering = [arrow for arrow in forward if arrow.tail in self.calls and frame[arrow.tail] != frame[arrow.head]]
        return [(arrow.tail, leaf) for arrow in entering for leaf in leaves.get(arrow.head, ())]

    def fill(self, parent: str | None, depth: int) -> None:
        """The boxes right in a frame, and the frames in it."""
        for name in self.inside.get(parent, ()):
            self.digraph.node(name, self.boxes[name])
        for cluster in self.frames.get(parent, ()):
            paint = {**FRAME, "fillcolor": FRAME_FILLS[depth % 2], **(REPEAT if cluster.kind == "repeat" else {})}
            label = cluster_label(cluster.path, cluster.title, cluster.parameters)
            with self.digraph.subgraph(cluster.id, {"id": cluster.id, "label": label, **paint}):
                self.fill(cluster.id, depth + 1)

    def add_arrow(self, arrow: Arrow) -> None:
        """From a value to a call that was given it; the gradient comes back beside it."""
        loose = {"constraint": "false"} if arrow.again else {}
        if self.look.forward:
            more = {**(COLUMN if arrow.tail in self.calls else {}), **(AGAIN if arrow.again else {})}
            more |= {"label": f"{arrow.uses} times"} if arrow.uses > 1 else {}
            if self.look.chain and arrow.derivative:
                label = table(f"<tr>{GAP}<td>{small(text(arrow.derivative))}</td></tr>", 0)
                more |= {"label": f"<{label}>", "fontcolor": GRADIENT_ARROW["color"]}
            more |= CHANGED_ARROWS.get(arrow.change or "", {})
            self.digraph.edge(*self.ends(arrow, "value"), {"id": arrow.id, **more})
        if self.look.backward and arrow.gradient and not self.look.chain:
            tail, head = self.ends(arrow, "cotangent")
            paint = {"id": f"{arrow.id}b", **GRADIENT_ARROW, **loose}
            if self.look.forward:
                self.digraph.edge(tail, head, {**paint, "dir": "back"})
            else:
                self.digraph.edge(head, tail, paint)

    def ends(self, arrow: Arrow, side: str) -> tuple[str, str]:
        """Where an arrow begins and ends: at the foot and at the head of one side of a box."""
        tail = self.tails.get(arrow.id, arrow.tail)
        if arrow.again or not self.look.forward or self.look.brief:
            return tail, arrow.head
        return (tail if tail != arrow.tail else port(tail, side)), f"{arrow.head}:{side}:n"


def box_attributes(box: Box, look: Look, heat: int | None) -> dict[str, str]:
    """The attributes of a box."""
    found = {"id": box.id, "class": " ".join([box.kind, *box.troubles]), **KINDS[box.kind]}
    if box.kind == REST:
        return found | {"label": f"<{text(box.title)}>"}
    found["label"] = box_label(box, look)
    if look.changes:
        found |= {**CHANGES[box.change], "class": f"{box.kind} {box.change or 'same'}"}
    found["tooltip"] = tooltip(box).replace("\\", "\\\\")
    if box.source is not None and not box.source.file.startswith("<"):
        found["URL"] = f"{quote(box.source.file)}#L{box.source.line}"
    if box.troubles and (look.backward or any("gradient" not in trouble for trouble in box.troubles)):
        found |= TROUBLE if box.first_troubles else {"color": ALARM}
    return found | ({"fillcolor": HEAT[heat]} if heat is not None else {})


def temperatures(scene: Scene) -> dict[str, int]:
    """For each box with a gradient a step of the scale of heat, by the logarithm of its root mean square."""
    sizes = {box.id: box.gradient.root_mean_square for box in scene.boxes if box.gradient is not None}
    logs = {name: log10(size) for name, size in sizes.items() if 0 < size < float("inf")}
    low, high = min(logs.values(), default=0.0), max(logs.values(), default=0.0)
    steps = len(HEAT) - 1
    return {name: round(steps * (size - low) / (high - low)) if high > low else steps for name, size in logs.items()}


def port(source: str, side: str) -> str:
    """The foot of one side of a box; the box of the rest has no sides."""
    return f"{source}:s" if source == REST else f"{source}:{side}:s"
