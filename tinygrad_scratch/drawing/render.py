"""Rendering: DOT text to a picture, by the program `dot` or, where there is none, by `graphviz-pure`."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig

TIME_LIMIT = 60.0  # seconds
INSTALL = (
    "Drawing needs a program that renders DOT text, and found neither `dot` nor `graphviz-pure`. "
    "Install one: pip install graphviz-pure, or your system's graphviz package. "
    'Without it, .source is the DOT text, and .save("graph.dot") writes it.'
)


def render(source: str, form: str) -> bytes:
    """DOT text as a picture in the form "svg", "png" or "jpeg".

    Raises RuntimeError where there is no renderer or it fails, TimeoutError where it takes more than a minute.
    """
    program = renderer()
    command = [program, f"-T{form}", *(["-Gbgcolor=white"] if form == "jpeg" else [])]  # JPEG has no transparency
    try:
        done = subprocess.run(command, input=source.encode(), capture_output=True, timeout=TIME_LIMIT, check=False)
    except subprocess.TimeoutExpired:
        raise TimeoutError(
            f"{program} did not finish within {TIME_LIMIT:g} seconds and was stopped. "
            'Draw fewer operations, draw(loss, limit=100), or save the DOT text, .save("graph.dot").'
        ) from None
    if done.returncode or not done.stdout:
        said = done.stderr.decode(errors="replace").strip() or f"nothing; it ended with code {done.returncode}"
        raise RuntimeError(f"{program} could not render the graph. It said: {said}")
    return done.stdout


def renderer() -> str:
    """The system's `dot`, else `graphviz-pure` beside the running Python, else anywhere on the PATH."""
    scripts = sysconfig.get_path("scripts")
    found = shutil.which("dot") or shutil.which("graphviz-pure", path=scripts) or shutil.which("graphviz-pure")
    if found is None:
        raise RuntimeError(INSTALL)
    return found
