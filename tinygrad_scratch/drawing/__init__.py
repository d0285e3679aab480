"""Drawing: a computation as a picture, forward and backward."""

from __future__ import annotations

from collections import Counter

from tinygrad_scratch.drawing.dot import dot_text
from tinygrad_scratch.drawing.picture import Drawing
from tinygrad_scratch.drawing.selection import newest
from tinygrad_scratch.graph import Graph
from tinygrad_scratch.tensor import Tensor

__all__ = ["Drawing", "draw"]


def draw(*outputs: Tensor, backward: bool = True, limit: int = 500) -> Drawing:
    """..."""
