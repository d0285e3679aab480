"""Rendering: DOT text to a picture, by `graphviz-pure`, the same on every machine, or by the system's `dot`."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig

TIME_LIMIT = 60.0  # seconds
INSTALL = (
    "Drawing needs a program that renders DOT text, and found neither `graphviz-pure` nor `dot`. "
    "Install one: pip install graphviz-pure, or your system's graphviz package. "
    'Without it, .source is the DOT text, and .save("graph.dot") and .save("graph.mmd") write texts.'
)
INSTALL_DOT = (
    "This needs the program `dot`, which is not on the PATH. Install your system's graphviz package, or leave dot=True "
    'out. A PDF is written by `dot` alone: save an SVG, .save("graph.svg"), and print that to a PDF with a browser.'
)


def render(source: str, form: str, dot: bool = False) -> bytes:
    """DOT text as a picture in the form "svg", "png", "jpeg" or "pdf"; `dot` asks for the system's program.

    Raises RuntimeError where there is no renderer or it fails, TimeoutError where it takes more than a minute.
    """
    program = renderer(dot or form == "pdf")
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


def renderer(dot: bool = False) -> str:
    """`graphviz-pure` beside the running Python, else anywhere on the PATH, else the system's `dot`."""
    system = shutil.which("dot")
    if dot:
        if system is None:
            raise RuntimeError(INSTALL_DOT)
        return system
    found = shutil.which("graphviz-pure", path=sysconfig.get_path("scripts")) or shutil.which("graphviz-pure") or system
    if found is None:
        raise RuntimeError(INSTALL)
    return found
