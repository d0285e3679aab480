"""Embedding: a vector for each of a number of things."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_scratch import functional
from tinygrad_scratch.graph import as_array, known
from tinygrad_scratch.nn.initializers import RandomGenerator, standard_normal
from tinygrad_scratch.nn.module import Module
from tinygrad_scratch.nn.options import checked_generator, checked_initializer, checked_size, drawn, real_dtype
from tinygrad_scratch.rules.registry import plain


class Embedding(Module):
    """weight[indices]: the row of a table that each integer names.

    indices has any shape (...), the result (..., features). `weight`, of shape (count, features), is drawn by
    `initializer(shape, generator)`; it gets the sum of the cotangents of all that read a row. An index from -count to
    -1 counts from the end, as in NumPy.

    Raises, when called, TypeError for indices that are no integers, IndexError for one out of range. Source: Bengio et
    al., "A neural probabilistic language model" (2003).

    >>> import numpy as np
    >>> from tinygrad_scratch.nn import Embedding
    >>> layer = Embedding(65, 16, generator=np.random.default_rng(0))
    >>> layer
    Embedding(65, 16)
    >>> layer(np.array([[3, 1, 4], [1, 5, 9]])).shape
    (2, 3, 16)
    """

    def __init__(
        self,
        count: int,
        features: int,
        generator: RandomGenerator | None = None,
        initializer: Callable[[tuple[int, int], RandomGenerator], Any] = standard_normal,
        dtype: Any = float,
    ) -> None:
        shape = checked_size(count, "count", "Embedding"), checked_size(features, "features", "Embedding")
        initializer, generator = checked_initializer(initializer), checked_generator(generator)
        self.weight = drawn(initializer, shape, generator, "weight", real_dtype(dtype, "Embedding"))

    def __call__(self, indices: Any) -> Any:
        indices = as_array(plain(indices))
        if indices.dtype.kind not in "iu":
            raise TypeError(f"{self!r} looks up integers, but was given dtype {indices.dtype}. Pass x.astype(int).")
        count = self.weight.shape[0]
        ends = np.min(known(indices), initial=0), np.max(known(indices), initial=0)
        outside = [i for i in ends if not -count <= i < count]
        if outside:
            raise IndexError(
                f"{self!r} has rows 0 to {count - 1}, but was given {outside[0]}. Is the vocabulary larger?"
            )
        return functional.embedding(self.weight, indices)

    def __repr__(self) -> str:
        return f"Embedding({self.weight.shape[0]}, {self.weight.shape[1]})"
