"""The pictures in docs/drawing.md, saved by its own Python blocks: `python docs/generate_gallery.py`."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

PAGE = Path(__file__).with_name("drawing.md")
PICTURES = Path(__file__).parent / "images" / "drawing"


def pictures() -> dict[str, str]:
    """What the page's blocks save, run in a folder of their own."""
    found = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    namespace: dict[str, Any] = {"__name__": "drawing"}
    with TemporaryDirectory() as folder, inside(Path(folder)), contextlib.redirect_stdout(io.StringIO()):
        for block in found:
            if name := re.match(r"# (\w+\.py)\n", block):
                Path(name[1]).write_text(block, encoding="utf-8")
            else:
                exec(compile(block, PAGE.name, "exec"), namespace)
        return {path.name: path.read_text(encoding="utf-8") for path in sorted(Path(folder).glob("*.svg"))}


@contextlib.contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Work in a folder, from which modules can be imported; they are forgotten after it."""
    before, modules = Path.cwd(), set(sys.modules)
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        os.chdir(before)
        sys.path.remove(str(folder))
        for name in set(sys.modules) - modules:
            if (folder / f"{name}.py").exists():
                del sys.modules[name]


if __name__ == "__main__":
    PICTURES.mkdir(exist_ok=True)
    for name, svg in pictures().items():
        (PICTURES / name).write_text(svg, encoding="utf-8")
