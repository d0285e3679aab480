"""The numbers of a value as text: all of them where they are few, else the corners; and how they are spread."""

from __future__ import annotations

from typing import Any

import numpy as np

FEW = 100  # elements of a value whose numbers are all written out
BINS = 20
EDGE = 3  # numbers at each end of each axis of a larger value; of one with many axes, 1
WIDTH = 72  # characters of a line


def numbers(value: Any) -> dict[str, Any]:
    """A value as a plain dict: `text`, as NumPy prints it, and where it has several numbers `facts` and `histogram`.

    `facts` are pairs of a word and a number as text. `histogram` has `counts`, and `low` and `high`, the ends as text;
    it counts what is finite.

    >>> import numpy as np
    >>> from tinygrad_scratch.drawing.page_numbers import numbers
    >>> numbers(np.array([1.0, 2.0]))["facts"][:2]
    [('mean', '1.5'), ('standard deviation', '0.5')]
    """
    if isinstance(value, tuple):
        return {"text": "\n".join(written(part) for part in value)}
    value = np.asarray(value)
    found: dict[str, Any] = {"text": written(value)}
    if value.size > 1 and value.dtype.kind in "biufc":
        found["facts"] = facts(value)
        if value.dtype.kind != "c":
            found["histogram"] = histogram(value)
    return found


def written(value: Any) -> str:
    """The numbers as NumPy prints them, to four digits; of more than `FEW` those at the corners."""
    if value.ndim == 0:
        return short(value[()])
    return np.array2string(
        value,
        precision=4,
        threshold=FEW,
        edgeitems=EDGE if value.ndim < 3 else 1,
        max_line_width=WIDTH,
        floatmode="maxprec",
        separator=" ",
    )


def short(number: Any) -> str:
    return f"{number:.6g}" if isinstance(number, np.inexact) else str(number)


def facts(value: Any) -> list[tuple[str, str]]:
    """What the numbers are like, as far as they are finite, and how many are not or are zero."""
    finite = value[np.isfinite(value)]
    found = []
    if finite.size:
        wide = finite.astype(complex if value.dtype.kind == "c" else float)
        scale = np.max(np.abs(wide)) or 1.0  # so that no square is out of range
        found = [
            ("mean", short(np.mean(wide / scale) * scale)),
            ("standard deviation", short(np.std(wide / scale) * scale)),
        ]
        if value.dtype.kind != "c":
            found += [("smallest", short(np.min(finite))), ("largest", short(np.max(finite)))]
        found.append(("norm", short(np.linalg.norm(wide / scale) * scale)))
    counts = {"zeros": value == 0, "NaN": np.isnan(value), "infinite": np.isinf(value)}
    return found + [
        (word, f"{n:,} of {value.size:,}") for word, where in counts.items() if (n := np.count_nonzero(where))
    ]


def histogram(value: Any) -> dict[str, Any]:
    finite = value[np.isfinite(value)].astype(float)
    if not finite.size:
        return {"counts": [], "low": "", "high": ""}
    low, high = np.min(finite), np.max(finite)
    scale = max(abs(low), abs(high)) or 1.0
    counts, _ = np.histogram(finite / scale, bins=BINS if high > low else 1)
    return {"counts": counts.tolist(), "low": short(low), "high": short(high)}
