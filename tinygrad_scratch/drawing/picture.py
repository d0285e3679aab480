"""A finished drawing: its DOT text, which can be read, shown and saved."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tinygrad_scratch.drawing.page import page
from tinygrad_scratch.drawing.render import render

FORMS = {".svg": "svg", ".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".dot": None, ".html": "svg"}


@dataclass(frozen=True)
class Drawing:
    """A drawing of a computation, as `draw` makes it. It holds text alone, so it keeps no graph alive.

    `source` is the DOT text, the same for the same program in every run. In a notebook a Drawing shows itself.

    >>> from tinygrad_scratch import Tensor
    >>> from tinygrad_scratch.drawing import draw
    >>> x = Tensor(2.0, requires_grad=True, name="x")
    >>> draw(x * x)
    Drawing(1 operation, 1 parameter)
    """

    source: str
    summary: str = field(compare=False)
    data: dict[str, Any] = field(compare=False, repr=False)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the drawing to a file, as its suffix says: .svg, .png, .jpg, .jpeg, .dot or .html. Returns the path.

        The file is written whole or not at all. Raises ValueError for another suffix, RuntimeError where no renderer is
        installed or it fails, TimeoutError where it takes too long, and OSError where the file can't be written.
        """
        path = Path(path)
        suffix = path.suffix.lower()
        if suffix not in FORMS:
            raise ValueError(f"Can't save a drawing as {path.name!r}: the suffix must be one of {', '.join(FORMS)}.")
        if not path.parent.is_dir():
            raise FileNotFoundError(
                f"Can't save {path.name!r}: there is no directory {str(path.parent)!r}. Make it first."
            )
        form = FORMS[suffix]
        content = self.source.encode() if form is None else render(self.source, form)
        write_whole(path, page(content.decode(), self.data).encode() if suffix == ".html" else content)
        return path

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
