"""The values behind the stand-ins of a trace."""

from __future__ import annotations

from typing import Any

from tinygrad_scratch.graph import StandIn
from tinygrad_scratch.tensor import Tensor

PYTHON_NUMBERS = (bool, int, float, complex)


def plain_values(tree: Any) -> Any:
    """The same tree with the value of each traced value in its place."""
    if isinstance(tree, StandIn):
        return tree.value
    if isinstance(tree, Tensor):
        return plain_values(tree._value)
    if type(tree) in (tuple, list):
        return type(tree)(plain_values(part) for part in tree)
    if type(tree) is dict:
        return {name: plain_values(part) for name, part in tree.items()}
    if type(tree) is slice:
        return slice(*(plain_values(part) for part in (tree.start, tree.stop, tree.step)))
    return tree
