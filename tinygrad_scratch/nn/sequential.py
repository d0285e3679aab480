"""Sequential: layers, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, overload

from tinygrad_scratch.nn.module import Module
from tinygrad_scratch.rules.registry import label

Layer = Callable[[Any], Any]


class Sequential(Module):
    """A network of layers in a row: each is given what the one before it returned.

    A layer is a Module, or any function of one Tensor: np.tanh, functional.sigmoid, a lambda. The network can be
    indexed (a slice is a Sequential of the same layers, not of copies), iterated over, and has a length.

    Raises TypeError for a layer that can't be called. An error inside of a layer is raised as it is, with a note that
    says which layer it was.

    >>> import numpy as np
    >>> from tinygrad_scratch.nn import Dense, Sequential
    >>> network = Sequential(Dense(3, 4), np.tanh, Dense(4, 1))
    >>> network
    Sequential(
      layers.0: Dense(3, 4)
      layers.1: np.tanh
      layers.2: Dense(4, 1)
    )
    >>> network(np.ones((5, 3))).shape
    (5, 1)
    >>> [name for name, parameter in network[:2].named_parameters()]
    ['layers.0.weight', 'layers.0.bias']
    """

    def __init__(self, *layers: Layer) -> None:
        for place, layer in enumerate(layers):
            if isinstance(layer, list | tuple):
                raise TypeError(
                    "Sequential takes its layers one by one: write Sequential(*layers) for a list of layers."
                )
            if isinstance(layer, type) or not callable(layer):
                made = f" Write {layer.__name__}(...) to make one." if isinstance(layer, type) else ""
                raise TypeError(f"Layer {place} of a Sequential is {layer!r}, which is no function of a Tensor.{made}")
        self.layers = list(layers)

    def __call__(self, x: Any) -> Any:
        for place, layer in enumerate(self.layers):
            try:
                x = layer(x)
            except Exception as error:
                error.add_note(f"in layers.{place} of a Sequential of {len(self)} layers: {label(layer)}")
                raise
        return x

    @overload
    def __getitem__(self, index: int) -> Any: ...

    @overload
    def __getitem__(self, index: slice) -> Sequential: ...

    def __getitem__(self, index: int | slice) -> Any:
        return Sequential(*self.layers[index]) if isinstance(index, slice) else self.layers[index]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)
