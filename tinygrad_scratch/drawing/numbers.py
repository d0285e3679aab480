"""What an array says of itself: all its numbers when they are few, its statistics, a histogram."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod, sqrt
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
    if isinstance(array, Several):  # the numbers are those of its parts, which are values of their own
        return Numbers(array.shape, str(array.dtype))
    array = np.asarray(array)
    facts: dict[str, Any] = {"shape": array.shape, "dtype": str(array.dtype)}
    with np.errstate(over="ignore"):  # what is too large for a float is told as infinite
        if array.dtype in LONG:
            array = array.astype(complex if array.dtype.kind == "c" else float)
        flat = np.abs(array).ravel() if array.dtype.kind == "c" else array.ravel()
    flat = flat.astype(float) if flat.dtype != float else flat
    finite = np.isfinite(flat)
    if not finite.all():
        facts |= {"nan": int(np.isnan(flat).sum()), "infinite": int(np.isinf(flat).sum())}
        flat = flat[finite]
    if array.size <= FEW:
        is_sayable = finite.all() and array.dtype.kind != "c"
        facts["numbers"] = array.tolist() if is_sayable else spoken(array.tolist())
    if flat.size:
        facts |= statistics(flat)
    return Numbers(**facts)


def statistics(flat: Any) -> dict[str, Any]:
    """Of a flat array of finite floats; sums are taken of numbers scaled to at most 1, which don't overflow."""
    least, greatest = float(flat.min()), float(flat.max())
    scale = max(-least, greatest) or 1.0
    scaled = flat / scale
    mean = float(np.add.reduce(scaled)) / flat.size
    apart = scaled - mean
    return {
        "mean": mean * scale,
        "spread": sqrt(apart @ apart / flat.size) * scale,
        "least": least,
        "greatest": greatest,
        "norm": sqrt(scaled @ scaled) * scale,
        "zeros": int(flat.size - np.count_nonzero(flat)),
        "histogram": histogram(scaled),
    }


def histogram(flat: Any) -> tuple[int, ...]:
    least, greatest = flat.min(), flat.max()
    if least == greatest:
        return (int(flat.size),)
    bins = ((flat - least) * (BINS / (greatest - least))).astype(int)
    return tuple(np.bincount(np.minimum(bins, BINS - 1), minlength=BINS).tolist())


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
