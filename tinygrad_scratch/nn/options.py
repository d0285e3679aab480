"""What layers are told when they are made, checked: generators, activations, dtypes, sizes."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_scratch.graph import as_array
from tinygrad_scratch.messages import describe
from tinygrad_scratch.nn.initializers import RandomGenerator
from tinygrad_scratch.nn.module import Module
from tinygrad_scratch.rules.registry import label
from tinygrad_scratch.tensor import Tensor


def checked_generator(generator: Any) -> RandomGenerator:
    """The generator, or a fresh one in place of None. Raises TypeError for what can't draw, such as a seed."""
    if generator is None:
        return np.random.default_rng()
    if isinstance(generator, RandomGenerator):
        return generator
    raise TypeError(
        f"generator={generator!r} can't draw numbers. Pass np.random.default_rng(seed), made once and given to all "
        "that draws: layers that each begin with the same seed would draw the same weights."
    )


def checked_activation(activation: Any) -> Any:
    if activation is None or callable(activation):
        return activation
    raise TypeError(
        f"activation={activation!r} can't be called. Pass a function, such as np.tanh or functional.sigmoid."
    )


def real_dtype(dtype: Any, layer: str) -> Any:
    if np.dtype(dtype).kind == "c":
        raise TypeError(f"dtype={dtype!r} is complex; a {layer} has real parameters. Pass float or np.float32.")
    return dtype


def checked_size(size: Any, name: str, layer: str) -> int:
    """A whole number, 1 or more."""
    if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
        raise ValueError(f"{name}={size!r} of a {layer} must be a whole number, 1 or more.")
    return int(size)


def parameter(value: Any, name: str, dtype: Any) -> Tensor:
    return Tensor(value, requires_grad=True, name=name, dtype=dtype)


def shape_of(x: Any) -> tuple[int, ...]:
    return x.shape if hasattr(x, "shape") else np.shape(x)


def shown(**options: Any) -> str:
    """Options in a repr, those that are not None: `, stride=2, activation=np.tanh`."""
    return "".join(
        f", {name}={label(value) if callable(value) else repr(value)}"
        for name, value in options.items()
        if value is not None
    )


def wrong_input(layer: Module, x: Any, takes: str, instead: str) -> ValueError:
    """The error for an input that does not fit a layer."""
    given = x if type(x) is Tensor else as_array(x)
    return ValueError(f"{layer!r} takes {takes}. It was given {describe(given)}. {instead}")
