"""Drawing: a computation as a picture, forward and backward."""

from tinygrad_scratch.drawing.difference import diff
from tinygrad_scratch.drawing.entry import draw
from tinygrad_scratch.drawing.picture import Drawing

__all__ = ["Drawing", "diff", "draw"]
