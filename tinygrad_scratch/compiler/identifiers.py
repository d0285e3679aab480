"""Names in the text of a program: identifiers like those that a person gave, each given once."""

from __future__ import annotations

import keyword
import re

LONGEST = 40


def unused(wanted: str | None, taken: set[str], letter: str) -> str:
    """An identifier like the name that was wanted, of ASCII letters, digits and underscores; from then on it is taken.

    `letter` stands for what has no name, and before a digit.

    >>> taken = set()
    >>> [unused(name, taken, "v") for name in ("w", "w", "data['class']", "class", "2nd", None)]
    ['w', 'w_2', 'data__class__', 'class_', 'v2nd', 'v']
    """
    stem = re.sub(r"\W", "_", wanted or "", flags=re.ASCII)[:LONGEST].lstrip("_") or letter
    stem = f"{letter}{stem}" if stem[0].isdigit() else stem
    stem = f"{stem}_" if keyword.iskeyword(stem) else stem
    found, number = stem, 1
    while found in taken:
        number += 1
        found = f"{stem}_{number}"
    taken.add(found)
    return found
