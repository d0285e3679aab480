"""Mermaid text of a scene: what GitHub, GitLab and many editors draw in a Markdown page."""

from __future__ import annotations

from tinygrad_scratch.drawing.data import Box, Scene
from tinygrad_scratch.drawing.labels import facts, printable

SHAPES = {
    "operation": ("(", ")"),
    "parameter": ("[(", ")]"),
    "input": ("[/", "/]"),
    "constant": ("[", "]"),
    "output": ("([", "])"),
    "fold": ("[[", "]]"),
    "rest": ("[", "]"),
    "failed": ("{{", "}}"),
}


def mermaid_text(scene: Scene, backward: bool) -> str:
    """A flowchart. Values are by name, call and shape; where gradient flows it is named, and dotted arrows bring it."""
    lines = ["flowchart TD", *inside(scene, None, backward, "  ")]
    for arrow in scene.arrows:
        label = f'|"{arrow.uses} times"|' if arrow.uses > 1 else '|"next round"|' if arrow.again else ""
        lines.append(f"  {arrow.tail} -->{label} {arrow.head}")
        if backward and arrow.gradient:
            lines.append(f"  {arrow.head} -.-> {arrow.tail}")
    return "\n".join(lines) + "\n"


def inside(scene: Scene, parent: str | None, backward: bool, indent: str) -> list[str]:
    """The boxes right in a frame, and the frames in it."""
    found = [indent + box_text(box, backward) for box in scene.boxes if box.cluster == parent]
    for cluster in scene.clusters:
        if cluster.parent == parent:
            title = " ".join(part for part in (cluster.path, cluster.title) if part)
            found += [
                f'{indent}subgraph {cluster.id}["{text(title)}"]',
                *inside(scene, cluster.id, backward, indent + "  "),
                f"{indent}end",
            ]
    return found


def box_text(box: Box, backward: bool) -> str:
    opening, closing = SHAPES[box.kind]
    parts = [box.title] + ([box.expression] if box.expression and box.expression != box.title else [])
    parts += [facts(box)] if box.shape is not None else []
    parts += [box.cotangent] if backward and box.cotangent else []
    return f'{box.id}{opening}"{"<br/>".join(map(text, [*parts, *box.notes]))}"{closing}'


def text(words: str) -> str:
    """Any text as text: Mermaid reads HTML, and code points between # and ;."""
    return "".join(c if c.isalnum() or c in " .,_()/-+=*@·∂…:′ᵀ" else f"#{ord(c)};" for c in printable(words))
