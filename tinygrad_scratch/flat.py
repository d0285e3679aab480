"""`t.flat`: the elements of a Tensor in one row, to read and to write."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np

from tinygrad_scratch.rules.writing import put


class Flat:
    """What `t.flat` is: a row of all elements, in C order. Writing to it writes to the Tensor."""

    __slots__ = ("_tensor",)

    def __init__(self, tensor: Any) -> None:
        self._tensor = tensor

    def _places(self, index: Any) -> Any:
        return np.arange(self._tensor.size)[index]

    def __getitem__(self, index: Any) -> Any:
        return self._tensor[np.unravel_index(self._places(index), self._tensor.shape)]

    def __setitem__(self, index: Any, value: Any) -> None:
        put(self._tensor, self._places(index), value)

    def __len__(self) -> int:
        return int(self._tensor.size)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._tensor.ravel())

    def copy(self) -> Any:
        """All elements, as a Tensor of one axis."""
        return self._tensor.flatten()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NoReturn:
        raise TypeError(
            "t.flat is no array of its own, so that no gradient is lost by turning it into one. Write t.ravel()."
        )
