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


def checked_function(function: Any, name: str, instead: str) -> Any:
    """A function, or a layer. A class of layers is none, although it can be called."""
    if isinstance(function, type):
        raise TypeError(f"{name}={function!r} is a class. Write {function.__name__}(...) to make one.")
    if not callable(function):
        raise TypeError(f"{name}={function!r} can't be called. {instead}")
    return function


def checked_activation(activation: Any) -> Any:
    instead = "Pass a function, such as np.tanh or functional.sigmoid."
    return None if activation is None else checked_function(activation, "activation", instead)


def checked_initializer(initializer: Any) -> Any:
    return checked_function(initializer, "initializer", "Pass a function of a shape and a generator: nn.he_normal.")


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


def drawn(initializer: Any, shape: tuple[int, ...], generator: RandomGenerator, name: str, dtype: Any) -> Tensor:
    """A parameter as an initializer draws it, which must be of the shape that it was asked for."""
    value = initializer(shape, generator)
    if np.shape(value) != shape:
        raise ValueError(
            f"The initializer {label(initializer)} was asked for a {name} of shape {shape}, and made one of shape "
            f"{np.shape(value)}. Return an array of the shape that it is given."
        )
    return parameter(value, name, dtype)


def shape_of(x: Any) -> tuple[int, ...]:
    if isinstance(x, tuple | list) and any(type(part) is Tensor for part in x):
        raise TypeError(
            f"A layer takes one Tensor, but was given {len(x)} parts, {describe(x)}. Take one of them, by a layer such "
            "as `lambda parts: parts[0]`, or make one of all: np.stack(parts)."
        )
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
