"""The samples that a turn takes of data which a script also uses as a whole, found by their values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.recording.recorded import unrecorded

MOST_NUMBERS = 1_000_000  # in data whose samples are looked for
MOST_SAMPLES = 10_000  # in a list
Array = np.ndarray[Any, Any]


def taken(data: dict[str, Any], made: Iterable[Array]) -> dict[str, Any]:
    """The same data, but for some samples alone: the most of which an array that was made consists; {} where none does.

    They stand in rows or in columns, and the same ones are taken of all that has as many.

    >>> X, y = np.arange(8.0).reshape(4, 2), np.arange(4)
    >>> taken({"X": X, "y": y, "rate": 0.1}, [X[3], X[[2, 0]]])
    {'X': array([[4., 5.],
           [0., 1.]]), 'y': array([2, 0])}

    Of a list with an array, or a tuple of such, for each sample, they are those whose array was made.
    """
    arrays = {name: array for name, value in data.items() if (array := array_of(value)) is not None}
    most: tuple[list[int], int, int] = [], 0, 0
    made = list(made)
    for whole in arrays.values():
        for axis in range(min(whole.ndim, 2)):
            rows = rows_of(np.moveaxis(whole, axis, 0)) if whole.shape[axis] > 1 else {}
            for places in (places_of(part, axis, whole, rows) for part in made if rows):
                most = max(most, (places, axis, whole.shape[axis]), key=lambda found: len(found[0]))
    return dict(along(data, arrays, *most)) if most[0] else dict(of_lists(data, made))


def of_lists(data: dict[str, Any], made: list[Array]) -> Iterator[tuple[str, list[Any]]]:
    """The lists of samples, with those alone whose first array was made."""
    found = {part.tobytes() for part in made if part.ndim}
    for name, value in data.items():
        if is_list(value):
            keys = [first_of(each).tobytes() for each in value]
            own = [each for each, key in zip(value, keys, strict=True) if key in found]
            if len({*keys}) == len(keys) and 0 < len(own) < len(keys):
                yield name, own


def is_list(value: Any) -> bool:
    """Whether something holds several samples, one by one."""
    return (
        isinstance(value, list) and 1 < len(value) <= MOST_SAMPLES and all(first_of(each) is not None for each in value)
    )


def first_of(sample: Any) -> Any:
    """The array of a sample, or the first one of several."""
    return array_of(sample[0] if isinstance(sample, tuple) and sample else sample)


def array_of(value: Any) -> Array | None:
    array = unrecorded(value)
    return array if isinstance(array, np.ndarray) and array.ndim > 0 and array.dtype.kind in "iuf" else None


def rows_of(whole: Array) -> dict[bytes, int]:
    """Where each row stands; nothing where a row could be any of several."""
    if whole.size > MOST_NUMBERS:
        return {}
    rows = {row.tobytes(): place for place, row in enumerate(np.ascontiguousarray(whole))}
    return rows if len(rows) == len(whole) else {}


def places_of(part: Array, axis: int, whole: Array, rows: dict[bytes, int]) -> list[int]:
    """Where the samples in an array stand among more of them; nothing where it is none of those."""
    if part.dtype != whole.dtype or whole.ndim - part.ndim not in (0, 1) or whole.ndim == 1 == 1 + part.ndim:
        return []
    own = np.moveaxis(part, axis, 0) if part.ndim == whole.ndim else part[None]
    if own.shape[1:] != np.moveaxis(whole, axis, 0).shape[1:] or not 0 < len(own) < whole.shape[axis]:
        return []
    places = [rows.get(row.tobytes(), -1) for row in np.ascontiguousarray(own)]
    return [] if -1 in places else places


def along(
    data: dict[str, Any], arrays: dict[str, Array], places: list[int], axis: int, length: int
) -> Iterator[tuple[str, Any]]:
    """What holds so many samples, in the same direction if it has several, with some of them."""
    for name, array in arrays.items():
        own = axis if array.ndim > 1 else 0
        if array.shape[own] == length:
            yield name, data[name][places] if own == 0 else data[name][:, places]
