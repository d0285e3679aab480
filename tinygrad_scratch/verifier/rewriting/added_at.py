"""Entries that `np.add.at` adds to, and values with more axes than these: some kill the process, so all are refused.

NumPy reads beyond its own arrays where indices stand side by side behind a slice, as in `np.add.at(a, (slice(None), i,
j), values)`, and the values have two axes more than the entries. It takes no values with more axes anyway.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

IN_PLACE = ("add", "subtract", "multiply", "divide", "maximum", "minimum")
MOST_HARMLESS = 2  # axes of values: entries have one from the slice, and one of the indices
NAMED = re.compile(r"\.at\b")


class Checked:
    """A ufunc in all but `at`, which raises ValueError where its values have more axes than the entries."""

    def __init__(self, ufunc: Any) -> None:
        self.ufunc = ufunc

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return self.ufunc(*arguments, **keywords)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.ufunc, name)

    def at(self, array: Any, index: Any, *values: Any) -> None:
        if values and np.ndim(values[0]) > MOST_HARMLESS and np.ndim(values[0]) > np.ndim(array[index]):
            raise ValueError("values with more axes than the entries have")
        self.ufunc.at(array, index, *values)


@contextlib.contextmanager
def of_as_many_axes(texts: Iterable[str]) -> Iterator[None]:
    """While this lasts, no ufunc is given values with more axes than the entries that it changes in place.

    It does nothing where none of the texts names `at`.
    """
    if not any(NAMED.search(text) for text in texts):
        yield
        return
    before = {name: getattr(np, name) for name in IN_PLACE}
    try:
        for name, ufunc in before.items():
            setattr(np, name, Checked(ufunc))
        yield
    finally:
        for name, ufunc in before.items():
            setattr(np, name, ufunc)
