"""The baseline of the text models: an n-gram model with Kneser and Ney's smoothing, which only counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Level:
    """The n-grams of one length: how often each stands, and of each context, how often and with how many ends."""

    grams: Any
    counts: Any
    contexts: Any
    totals: Any
    kinds: Any


class NGram:
    """The probability of a character after the `order` - 1 before it, by interpolated Kneser-Ney smoothing.

    With c(h, w) for how often character w follows the context h, and d for the discount,

        p(w | h) = (max(c(h, w) - d, 0) + d * kinds(h) * p(w | shorter h)) / sum over v of c(h, v)

    where kinds(h) counts the characters that ever follow h, and the shorter h lacks its first character. Below the
    longest context, c(h, w) is not how often h w stands in the text, but after how many different characters. Where h
    was never seen, and at last where it is empty, p(w | shorter h) is all there is; without any context, it is the same
    for each of the `characters`.

    `text` has shape (time,) and holds numbers below `characters`. Raises ValueError for an order whose n-grams are too
    many for numbers of 64 bits. Source: Kneser and Ney, "Improved backing-off for m-gram language modeling" (1995), in
    the interpolated form of Chen and Goodman, "An empirical study of smoothing techniques for language modeling"
    (1999).

    >>> import numpy as np
    >>> from models.ngram import NGram
    >>> text = np.array([0, 1, 2] * 20)
    >>> NGram(text, characters=3, order=2).probabilities(text[:4], discount=0.5).round(2)
    array([0.98, 0.98, 0.98])
    """

    def __init__(self, text: Any, characters: int, order: int) -> None:
        if characters**order > np.iinfo(np.int64).max:
            raise ValueError(f"{order}-grams of {characters} characters are too many for numbers of 64 bits.")
        self.characters = characters
        self.levels: list[Level] = []  # the shortest n-grams first
        grams, counts = np.unique(self.numbered(text, order), return_counts=True)
        for length in range(order, 0, -1):
            contexts, first = np.unique(grams // characters, return_index=True)
            kinds = np.diff(np.append(first, len(grams)))
            self.levels.insert(0, Level(grams, counts, contexts, np.add.reduceat(counts, first), kinds))
            grams, counts = np.unique(grams % characters ** (length - 1), return_counts=True)

    def numbered(self, text: Any, order: int) -> Any:
        """Each n-gram along the last axis as one number, whose last digit is its last character."""
        windows = np.lib.stride_tricks.sliding_window_view(text, order, axis=-1)
        return windows.astype(np.int64) @ self.characters ** np.arange(order - 1, -1, -1)

    def probabilities(self, text: Any, discount: float) -> Any:
        """Those of the characters of texts of shape (..., time) that have a whole context: (..., time - order + 1)."""
        p: Any = 1 / self.characters
        longest = self.numbered(text, len(self.levels))
        for length, level in enumerate(self.levels, start=1):
            grams = longest % self.characters**length
            counts = found(level.grams, level.counts, grams)
            totals = found(level.contexts, level.totals, grams // self.characters)
            kinds = found(level.contexts, level.kinds, grams // self.characters)
            seen = (np.maximum(counts - discount, 0) + discount * kinds * p) / np.maximum(totals, 1)
            p = np.where(totals > 0, seen, p)
        return p


def found(keys: Any, values: Any, wanted: Any) -> Any:
    """The value of each wanted key, of keys in order; 0 where there is none."""
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[places] == wanted, values[places], 0)
