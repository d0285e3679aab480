"""What an array says of itself: all its numbers when they are few, its statistics, a histogram."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from tinygrad_scratch.rules.registry import Several

FEW = 100  # numbers that are kept in full
FEW_IN_A_BOX = 20  # numbers that are written in a box in full
BINS = 20
LONG = (np.longdouble, np.clongdouble)  # which neither JSON nor a Python number can say


@dataclass(frozen=True)
class Numbers:
    """The numbers of an array, in short. The statistics are of those that are finite, and None where there are none.

    `numbers` has them all, nested as the array is, when they are few. `histogram` counts them in twenty bins of equal
    width from `least` to `greatest`. What JSON can't say is a string: "nan", "inf", "1+2j".
    """

    shape: tuple[int, ...]
    dtype: str
    mean: float | None = None
    spread: float | None = None  # the standard deviation
    least: float | None = None
    greatest: float | None = None
    norm: float | None = None
    zeros: int = 0
    nan: int = 0
    infinite: int = 0
    numbers: Any = None
    histogram: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def root_mean_square(self) -> float:
        return 0.0 if not self.norm else self.norm / self.size**0.5


def numbers_of(array: Any) -> Numbers:
    """The numbers of an array, in short.

    >>> import numpy as np
    >>> numbers = numbers_of(np.array([[0.0, 1.0], [2.0, np.nan]]))
    >>> numbers.mean, numbers.least, numbers.greatest, numbers.zeros, numbers.nan, numbers.numbers
    (1.0, 0.0, 2.0, 1, 1, [[0.0, 1.0], [2.0, 'nan']])
    """
    (found,) = numbers_of_each([array])
    return found


def numbers_of_each(arrays: Sequence[Any]) -> list[Numbers]:
    """The same of several arrays. Of small ones that are alike it is found at once, in a fraction of the time."""
    arrays = [array if isinstance(array, Several) else np.asarray(array) for array in arrays]
    groups: dict[Any, list[int]] = {}
    for place, array in enumerate(arrays):
        together = array.size <= FEW and not isinstance(array, Several)
        groups.setdefault((array.shape, array.dtype) if together else place, []).append(place)
    found: dict[int, Numbers] = {}
    for places in groups.values():
        found.update(zip(places, numbers_of_alike([arrays[place] for place in places]), strict=True))
    return [found[place] for place in range(len(arrays))]


def numbers_of_alike(arrays: Sequence[Any]) -> list[Numbers]:
    """The numbers of arrays of one shape and one dtype."""
    shape, dtype = arrays[0].shape, str(arrays[0].dtype)
    if isinstance(arrays[0], Several):  # the numbers are those of its parts, which are values of their own
        return [Numbers(shape, dtype) for _ in arrays]
    stacked = np.stack(arrays) if len(arrays) > 1 else arrays[0][None]
    with np.errstate(over="ignore"):  # what is too large for a float is told as infinite
        if stacked.dtype in LONG:
            stacked = stacked.astype(complex if stacked.dtype.kind == "c" else float)
        rows = np.abs(stacked) if stacked.dtype.kind == "c" else stacked
    rows = rows.astype(float, copy=False).reshape(len(arrays), arrays[0].size)
    finite = np.isfinite(rows)
    whole = finite.all(axis=1)
    said = iter(statistics(rows if whole.all() else rows[whole]))
    found = []
    for row, kept, is_whole, array in zip(rows, finite, whole.tolist(), stacked, strict=True):
        facts = next(said) if is_whole else troubled(row, kept)
        if array.size <= FEW:
            facts["numbers"] = array.tolist() if is_whole and array.dtype.kind != "c" else spoken(array.tolist())
        found.append(Numbers(shape, dtype, **facts))
    return found


def troubled(row: Any, finite: Any) -> dict[str, Any]:
    """What is said of numbers not all of which are finite."""
    (facts,) = statistics(row[finite][None])
    return facts | {"nan": int(np.isnan(row).sum()), "infinite": int(np.isinf(row).sum())}


def statistics(rows: Any) -> list[dict[str, Any]]:
    """Of rows of finite floats; sums are taken of numbers scaled to at most 1, which don't overflow."""
    if not rows.size:
        return [{} for _ in rows]
    size = rows.shape[1]
    least, greatest = rows.min(axis=1), rows.max(axis=1)
    scale = np.maximum(-least, greatest)
    scale[scale == 0] = 1.0
    scaled = rows / scale[:, None]
    mean = scaled.sum(axis=1) / size
    apart = scaled - mean[:, None]
    with np.errstate(over="ignore"):
        norm = np.sqrt(np.vecdot(scaled, scaled)) * scale
    columns = {
        "mean": mean * scale,
        "spread": np.sqrt(np.vecdot(apart, apart) / size) * scale,
        "least": least,
        "greatest": greatest,
        "norm": norm,
        "zeros": size - np.count_nonzero(rows, axis=1),
    }
    each = zip(*(column.tolist() for column in columns.values()), strict=True)
    return [
        {**dict(zip(columns, facts, strict=True)), "histogram": bins}
        for facts, bins in zip(each, histograms(scaled), strict=True)
    ]


def histograms(rows: Any) -> list[tuple[int, ...]]:
    """How many numbers of each row lie in each bin; all in one bin where they are equal."""
    least, greatest = rows.min(axis=1, keepdims=True), rows.max(axis=1, keepdims=True)
    equal = least == greatest
    bins = ((rows - least) * (BINS / np.where(equal, 1.0, greatest - least))).astype(int)
    bins = np.minimum(bins, BINS - 1) + BINS * np.arange(len(rows))[:, None]
    counts = np.bincount(bins.ravel(), minlength=BINS * len(rows)).reshape(-1, BINS).tolist()
    return [
        (rows.shape[1],) if one else tuple(count) for count, one in zip(counts, equal.ravel().tolist(), strict=True)
    ]


def spoken(value: Any) -> Any:
    """Numbers as JSON can say them."""
    if isinstance(value, list):
        return [spoken(part) for part in value]
    if isinstance(value, complex) or (isinstance(value, float) and not np.isfinite(value)):
        return f"{value:g}"
    return value


def in_words(numbers: Numbers) -> list[list[str]]:
    """Rows of cells for a box: the numbers themselves when they are few, else their statistics."""
    if numbers.numbers is not None and 0 < numbers.size <= FEW_IN_A_BOX and len(numbers.shape) <= 2:
        rows = numbers.numbers if len(numbers.shape) == 2 else [numbers.numbers]
        return [[short(number) for number in (row if isinstance(row, list) else [row])] for row in rows]
    rows = []
    if numbers.mean is not None:
        rows.append([f"{short(numbers.mean)} ± {short(numbers.spread)}"])
        rows.append([f"{short(numbers.least)} … {short(numbers.greatest)}"])
    if numbers.zeros:
        rows.append([f"{percent(numbers.zeros / numbers.size)} zeros"])
    return rows


def short(number: Any) -> str:
    """A number in few characters, as a table has it."""
    if isinstance(number, bool | str) or number is None:
        return str(number)
    text = f"{number:.3g}" if isinstance(number, float) else str(number)
    return text.replace("e-0", "e-").replace("e+0", "e").replace("e+", "e").replace("-", "−")


def percent(part: float) -> str:
    """A part of a whole; little and nearly all are not rounded to nothing and all.

    >>> percent(0.5), percent(0.001), percent(0.9999), percent(1)
    ('50%', 'under 1%', 'over 99%', '100%')
    """
    if 0 < part < 0.01:
        return "under 1%"
    return "over 99%" if 0.99 < part < 1 else f"{part:.0%}"
