"""The values behind the stand-ins of a trace."""

from __future__ import annotations

from typing import Any

from tinygrad_scratch.compiler.program import map_parts
from tinygrad_scratch.graph import StandIn
from tinygrad_scratch.tensor import Tensor

PYTHON_NUMBERS = (bool, int, float, complex)


def plain_values(tree: Any) -> Any:
    """The same tree with the value of each traced value in its place."""
    if isinstance(tree, StandIn):
        return tree.value
    if isinstance(tree, Tensor):
        return plain_values(tree._value)
    return map_parts(plain_values, tree)
