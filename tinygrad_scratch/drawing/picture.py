"""A finished drawing: its data and its DOT text, which can be read, shown and saved."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tinygrad_scratch.drawing.data import Scene
from tinygrad_scratch.drawing.mermaid import mermaid_text
from tinygrad_scratch.drawing.page import page
from tinygrad_scratch.drawing.render import render

RENDERED = {".svg": "svg", ".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".pdf": "pdf"}
WRITTEN = (".dot", ".html", ".json", ".mmd")
SUFFIXES = (*RENDERED, *WRITTEN)


@dataclass(frozen=True)
class Drawing:
    """A drawing of a computation, as `draw` makes it. It holds text and numbers, so it keeps no graph alive.

    `source` is the DOT text, the same for the same program in every run, and `data` all that was found out, in dicts
    and lists: `boxes`, `arrows`, `clusters` and the `steps` of the backward pass. `error` is what was raised where a
    function failed that was to be drawn. In a notebook a Drawing shows itself.

    >>> from tinygrad_scratch import Tensor
    >>> from tinygrad_scratch.drawing import draw
    >>> x = Tensor(2.0, requires_grad=True, name="x")
    >>> drawing = draw(x * x)
    >>> drawing
    Drawing(1 operation, 1 parameter)
    >>> [(box["id"], box["title"], box["formula"]) for box in drawing.data["boxes"]]
    [('n0', 'x', 'x + x'), ('n1', 'x * x', None)]
    """

    source: str
    summary: str = field(compare=False)
    scene: Scene = field(compare=False, repr=False, default_factory=Scene)
    backward: bool = field(compare=False, repr=False, default=True)
    error: BaseException | None = field(compare=False, default=None)

    @property
    def data(self) -> dict[str, Any]:
        return self._scene("data").as_dict()

    def _scene(self, asked: str) -> Scene:
        if not self.scene.boxes:
            raise ValueError(
                f"This drawing has no {asked}: it is a picture alone, as that of a check is, whose to_html() and "
                "to_json() have the rest. Save it as .svg, .png, .jpg, .pdf or .dot."
            )
        return self.scene

    def save(self, path: str | os.PathLike[str], dot: bool = False) -> Path:
        """Write the drawing to a file, as its suffix says, and return the path.

        .svg, .png, .jpg and .jpeg are pictures, drawn by graphviz-pure, or with `dot` by the system's graphviz; .pdf is
        one that the latter alone draws; .html is a page that can be searched, folded and stepped through, one file that
        needs no other; .dot and .mmd (Mermaid) are texts for other programs; .json is `data`. The file is written whole
        or not at all. Raises ValueError for another suffix, and for one of data that the drawing of a check has not;
        RuntimeError where no renderer is installed or it fails, TimeoutError where it takes too long, and OSError where
        the file can't be written.
        """
        path = Path(path)
        suffix = path.suffix.lower()
        if suffix not in SUFFIXES:
            raise ValueError(f"Can't save a drawing as {path.name!r}: the suffix must be one of {', '.join(SUFFIXES)}.")
        if not path.parent.is_dir():
            raise FileNotFoundError(
                f"Can't save {path.name!r}: there is no directory {str(path.parent)!r}. Make it first."
            )
        write_whole(path, self.content(suffix, dot))
        return path

    def content(self, suffix: str, dot: bool = False) -> bytes:
        """What a file with this suffix has in it."""
        if suffix in RENDERED:
            return render(self.source, RENDERED[suffix], dot)
        if suffix == ".html":
            return page(render(self.source, "svg", dot).decode(), self._scene("page"), self.summary).encode()
        if suffix == ".json":
            return (json.dumps(self.data, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode()
        return (
            mermaid_text(self._scene("text for Mermaid"), self.backward) if suffix == ".mmd" else self.source
        ).encode()

    def to_networkx(self) -> Any:
        """The values as the nodes of a networkx.DiGraph, with what `data` says of each; of each arrow likewise.

        Raises ModuleNotFoundError where networkx is not installed: pip install networkx.
        """
        import networkx

        data = self.data
        graph = networkx.DiGraph()
        graph.add_nodes_from((box.pop("id"), box) for box in data["boxes"])
        graph.add_edges_from((arrow.pop("tail"), arrow.pop("head"), arrow) for arrow in data["arrows"])
        return graph

    def __repr__(self) -> str:
        return f"Drawing({self.summary})"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """What a notebook shows: the picture, or, where it can't be rendered, why."""
        try:
            return {"text/plain": repr(self), "image/svg+xml": render(self.source, "svg").decode()}
        except (RuntimeError, TimeoutError) as error:
            return {"text/plain": f"{self!r}\n{error}"}


def write_whole(path: Path, content: bytes) -> None:
    """Write a file beside its place and move it there, so that nobody ever sees half of it."""
    part = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        part.write_bytes(content)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
