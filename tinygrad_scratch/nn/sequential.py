"""Sequential: layers, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, overload

from tinygrad_scratch.nn.module import Module, calls_watched, note_layer, watched_call

Layer = Callable[[Any], Any]


class Sequential(Module):
    """A network of layers in a row: each is given what the one before it returned.

    A layer is a Module, or any function of one Tensor: np.tanh, functional.sigmoid, a lambda. The same layer may stand
    in several places, which then share its weights. The network can be indexed (a slice is a Sequential of the same
    layers, not of copies), iterated over, and has a length. Layers may be given by name, and are then named in paths
    and read by it: Sequential(hidden=Dense(3, 4), out=Dense(4, 1))["out"].

    Raises TypeError for a layer that can't be called, and for some layers with a name and some without.

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

    def __init__(self, *layers: Layer, **named: Layer) -> None:
        if layers and named:
            raise TypeError("Sequential takes its layers by place or by name, not both: give each a name, or none.")
        self.layers: list[Layer] | dict[str, Layer] = named or list(layers)
        for place, layer in self._items():
            if isinstance(layer, list | tuple | Iterator):
                raise TypeError(
                    "Sequential takes its layers one by one: write Sequential(*layers) for a list of layers."
                )
            if isinstance(layer, type) or not callable(layer):
                raise TypeError(
                    f"Layer {place} of a Sequential is {layer!r}, which is no function of a Tensor.{instead(layer)}"
                )

    def __call__(self, x: Any) -> Any:
        watched = calls_watched()
        for place, layer in self._items():
            try:
                if watched is not None and not isinstance(layer, Module):
                    x = watched_call(watched, layer, layer, (x,), {}, f"layers.{place}")
                else:
                    x = layer(x)
            except Exception as error:
                if not isinstance(layer, Module):  # which notes itself
                    note_layer(error, self, layer, (x,), f"layers.{place}")
                raise
        return x

    @overload
    def __getitem__(self, index: int | str) -> Any: ...

    @overload
    def __getitem__(self, index: slice) -> Sequential: ...

    def __getitem__(self, index: int | str | slice) -> Any:
        if isinstance(index, slice):
            chosen = list(self._items())[index]
            return Sequential(**dict(chosen)) if isinstance(self.layers, dict) else Sequential(*dict(chosen).values())
        if isinstance(index, str):
            if not isinstance(self.layers, dict):
                raise KeyError(
                    f"{index!r}: the layers of this Sequential have no names, but places 0 to {len(self) - 1}."
                )
            if index not in self.layers:
                raise KeyError(f"{index!r}: the layers of this Sequential are {', '.join(self.layers)}.")
            return self.layers[index]
        return list(self)[index]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.layers.values() if isinstance(self.layers, dict) else self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def _items(self) -> Iterable[tuple[Any, Layer]]:
        """Each layer with its name or place."""
        return self.layers.items() if isinstance(self.layers, dict) else enumerate(self.layers)


def instead(layer: Any) -> str:
    """What to write in place of something that is no layer."""
    if isinstance(layer, type):
        return f" Write {layer.__name__}(...) to make one."
    if isinstance(layer, Module):
        return " A Module is called: give it a method __call__."
    return " Pass the function itself, such as functional.relu." if isinstance(layer, str) else ""
