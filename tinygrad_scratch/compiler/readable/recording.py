"""A loss that was recorded with stand-ins for its arrays: what a derivation is made from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_scratch.compiler.program import Variable
from tinygrad_scratch.compiler.traced import Traced, Tracer
from tinygrad_scratch.graph import Array
from tinygrad_scratch.tensor import Tensor


@dataclass
class Recording:
    """A loss that was recorded with stand-ins: what it was computed from, and what people call that.

    `values` are the arrays that stand-ins stand for, `variables` the values of recorded calls and `leaves` of leaves,
    by the orders of their records. `order_of` finds a person's Tensor among these, `arguments` has those of each
    argument that a function was given.
    """

    tracer: Tracer
    loss: Any
    names: dict[Variable, str] = field(default_factory=dict)
    values: dict[Variable, Array] = field(default_factory=dict)
    leaves: dict[int, Variable] = field(default_factory=dict)
    variables: dict[int, Variable] = field(default_factory=dict)
    order_of: Callable[[Tensor], int | None] = lambda tensor: None
    arguments: list[list[int]] | None = None


def variable_of(value: Any) -> Variable | None:
    value = value._value if type(value) is Tensor else value
    return value.variable if isinstance(value, Traced) else None


def content(value: Array) -> tuple[tuple[int, ...], str, bytes]:
    """What makes two arrays the same: shape, dtype, and a digest of the elements."""
    return value.shape, value.dtype.str, hashlib.blake2b(np.ascontiguousarray(value).data).digest()
