"""Plain numbers that are recorded because of their names: biases, which begin as 0, and rates."""

from __future__ import annotations

import re
from types import FrameType
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.bindings import counters_in

BIAS = re.compile(r"^_*(?:b|bias|intercept)_?\d*_*$", re.IGNORECASE)
RATE = re.compile(r"^(?:lr|eta|alpha|rate|step|step_?size|.*learn(?:ing)?_?rate|l_?rate|epsilon|lr_.*)$", re.IGNORECASE)


def is_bias(key: Any, part: Any) -> bool:
    """Whether a number is kept under the name of a bias: people begin it with 0, which is no array."""
    number = type(part) in (float, np.float64) or (type(part) is int and part == 0)
    return number and isinstance(key, str) and bool(BIAS.match(key))


def is_bias_of(frame: FrameType, name: str, value: Any) -> bool:
    """The same of a variable: a whole number to count by, as in `for b in range(n)`, must stay what it is."""
    return is_bias(name, value) and not (type(value) is int and name in counters_in(frame.f_code.co_filename))
