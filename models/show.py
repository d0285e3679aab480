"""How the programs show what they found: in 80 columns, with a verdict, digits in letters, and curves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

SHADES = " .:-=+*#%@"


def make_console() -> Any:
    """A rich Console of at most 80 columns."""
    from rich.console import Console

    console = Console(highlight=False)
    console.width = min(console.width, 80)
    return console


def tracked(steps: Sequence[int], what: str) -> Iterable[int]:
    """The same steps, with a bar that says how far they are, where the output is a terminal."""
    from rich.progress import track

    console = make_console()
    return track(steps, what, console=console, transient=True, disable=not console.is_terminal)


def verdict(good: bool, wanted: str, otherwise: str) -> str:
    """What was wanted, in green, or what is so instead, in red."""
    return f"[green]{wanted}[/]" if good else f"[bold red]{otherwise}[/]"


def plot(path: str, inches: tuple[float, float], paint: Callable[[Any], None]) -> str:
    """Save a matplotlib Figure on which `paint` drew, the same bytes each time; returns what there is to say of it."""
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError:
        return "not drawn, since that needs matplotlib: pip install matplotlib."
    with rc_context({"svg.hashsalt": path}):
        figure = Figure(figsize=inches, layout="constrained")
        paint(figure)
        figure.savefig(path, metadata={"Date": None})
    return f"drawn in {path}."


def milestones(epochs: int) -> list[int]:
    """The epochs that a table shows: 1, 2, 5, 10, 20 and the last.

    >>> from models.show import milestones
    >>> milestones(30)
    [1, 2, 5, 10, 20, 30]
    """
    return [epoch for epoch in (1, 2, 5, 10, 20) if epoch < epochs] + [epochs]


def drawn(pixels: Any) -> list[str]:
    """A digit in letters: two for each pixel, the darker the more ink."""
    rows = np.rint(np.clip(pixels, 0, 1).reshape(8, 8) * (len(SHADES) - 1)).astype(int)
    return ["".join(SHADES[ink] * 2 for ink in row) for row in rows]


def side_by_side(pictures: Sequence[Sequence[str]], titles: Sequence[str]) -> str:
    rows = [titles, *zip(*pictures, strict=True)]
    return "\n".join("   ".join(f"{cell:<16}" for cell in row).rstrip() for row in rows)
