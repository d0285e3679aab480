"""What a recorded call costs: multiply-adds, the memory that its value takes, and time."""

from __future__ import annotations

import math
from timeit import repeat

import numpy as np

from tinygrad_scratch.functional import linear
from tinygrad_scratch.graph import Node
from tinygrad_scratch.rules.convolution import convolve
from tinygrad_scratch.rules.registry import Several

TIMES = 5  # that a call is made to find out how long it takes


def multiply_adds(node: Node) -> int:
    """Those of a matrix product or a convolution, forward: each element of the result takes as many as are summed."""
    if node.function in (np.matmul, np.dot, linear):
        return int(node.value.size * (np.shape(node.arguments[0]) or (1,))[-1])
    if node.function is convolve:
        return int(node.value.size * math.prod(np.shape(node.arguments[1])[1:]))
    return 0


def own_bytes(node: Node) -> int:
    """The memory that a value takes, none where it is a view of what the call was given."""
    if isinstance(node.value, Several):  # all of them new
        return int(node.value.nbytes)
    shared = (np.may_share_memory(node.value, a) for a in node.arguments if isinstance(a, np.ndarray))
    return 0 if any(shared) else int(node.value.nbytes)


def seconds(node: Node) -> float:
    """How long a call takes, made again with the same arguments; the least of some times."""
    with np.errstate(all="ignore"):  # what it said of its numbers, it has said
        return min(repeat(lambda: node.function(*node.arguments, **node.keywords), number=1, repeat=TIMES))


def seconds_in_words(number: float) -> str:
    """A time in the unit that suits it.

    >>> seconds_in_words(1.5e-6), seconds_in_words(0.0123), seconds_in_words(2.0)
    ('1.5 µs', '12.3 ms', '2 s')
    """
    for unit, size in (("µs", 1e-6), ("ms", 1e-3)):
        if number < 1000 * size:
            return f"{number / size:.3g} {unit}"
    return f"{number:.3g} s"


def bytes_in_words(number: float) -> str:
    """A number of bytes in the unit that suits it.

    >>> bytes_in_words(1000), bytes_in_words(3 * 2**20)
    ('1000 B', '3.0 MiB')
    """
    for unit in ("B", "KiB", "MiB"):
        if number < 1024:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} GiB"
