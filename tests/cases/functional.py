"""Cases of functional.py: activations, and from logits to probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.cases.table import PLAIN_WORDS, Array, case, exactly, nonzero, normal
from tinygrad_scratch.functional import log_softmax, relu, sigmoid, softmax

function: Any  # the one that a loop below is at

# ---- activations -----------------------------------------------------------------------------------------------------

for function, values in ((sigmoid, normal), (relu, nonzero)):
    case(function, values(2, 3))
    case(function, values())
    case(function, values(0, 3))
case(relu, exactly(-2.0, 0.0, 3.0), kink=[[0, 0, 1]])
case(sigmoid, exactly(-1000.0, 0.0, 1000.0), extreme=[[0, 0.25, 0]])

# ---- from logits to probabilities ------------------------------------------------------------------------------------

for function in (softmax, log_softmax):
    case(function, normal(2, 3))
    case(function, normal(2, 3), 0)
    case(function, normal(2, 3), axis=0)
    case(function, normal(2, 3, 2), axis=(0, -1))
    case(function, normal(2, 3), axis=None)
    case(function, normal(), axis=None)
    case(function, normal(0, 3))
case(softmax, exactly(1000.0, 0.0, -1000.0), extreme=[[0, 0, 0]])
case(log_softmax, exactly(1000.0, 0.0, -1000.0), extreme=[[-2, 1, 1]])

# ---- the same in plain words -----------------------------------------------------------------------------------------


def plain_log_softmax(x: Array, axis: Any) -> Any:
    below = x - np.max(x, axis=axis, keepdims=True)
    return below - np.log(np.sum(np.exp(below), axis=axis, keepdims=True))


PLAIN_WORDS[sigmoid] = lambda x: (1 + np.tanh(x / 2)) / 2
PLAIN_WORDS[relu] = lambda x: np.where(x > 0, x, 0)
PLAIN_WORDS[softmax] = lambda x, axis=-1: np.exp(plain_log_softmax(x, axis))
PLAIN_WORDS[log_softmax] = lambda x, axis=-1: plain_log_softmax(x, axis)
