"""Cases of functional.py: activations, and from logits to probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.cases.table import NEED_AXES, NOT_ANALYTIC, PLAIN_WORDS, Array, case, exactly, nonzero, normal
from tinygrad_scratch.functional import (
    GELU_CUBE,
    elu,
    embedding,
    erf,
    gelu_tanh,
    leaky_relu,
    linear,
    log_softmax,
    masked_softmax,
    relu,
    sigmoid,
    softmax,
    softmax_cross_entropy,
    standardize,
    sum_rows,
)

function: Any  # the one that a loop below is at

# ---- activations -----------------------------------------------------------------------------------------------------

for function, values in (
    (sigmoid, normal),
    (relu, nonzero),
    (leaky_relu, nonzero),
    (elu, nonzero),
    (erf, normal),
    (gelu_tanh, normal),
):
    case(function, values(2, 3))
    case(function, values())
    case(function, values(0, 3))
case(relu, exactly(-2.0, 0.0, 3.0), kink=[[0, 0, 1]])
case(leaky_relu, nonzero(2, 3), 0.3)
case(leaky_relu, nonzero(2, 3), slope=0.3)
case(leaky_relu, exactly(-2.0, 0.0, 3.0), kink=[[0.01, 0.01, 1]])
case(elu, nonzero(2, 3), 0.3)
case(elu, nonzero(2, 3), alpha=0.3)
case(elu, exactly(-1000.0, 0.0, 1000.0), 0.5, kink=[[0, 0.5, 1]])
case(erf, exactly(-30.0, 0.0, 30.0), extreme=[[0, 2 / np.sqrt(np.pi), 0]])
case(gelu_tanh, exactly(-1000.0, 0.0, 1000.0), extreme=[[0, 0.5, 1]])
NOT_ANALYTIC.add(erf)  # math.erf knows no complex numbers
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

UNSEEN = np.array([[True, False, True], [False, True, True]])
case(masked_softmax, normal(2, 3))
case(masked_softmax, normal(2, 3), UNSEEN)
case(masked_softmax, normal(2, 2, 3), UNSEEN, 0.5)
case(masked_softmax, normal(2, 3), mask=UNSEEN, scale=0.5)
case(masked_softmax, normal(0, 3), scale=0.5)
NEED_AXES.add(masked_softmax)

case(softmax_cross_entropy, normal(2, 3), np.array([2, 0]))
case(softmax_cross_entropy, normal(2, 2, 3), np.array([[1, 1], [0, 2]]))
case(softmax_cross_entropy, normal(3), np.array(1))
case(softmax_cross_entropy, normal(0, 3), np.zeros(0, int))
case(softmax_cross_entropy, exactly(1000.0, 0.0, -1000.0), np.array(2), extreme=[[1, 0, -1]])
NEED_AXES.add(softmax_cross_entropy)

# ---- rows through a matrix -------------------------------------------------------------------------------------------

case(linear, normal(4, 2), normal(2, 3), normal(3))
case(linear, normal(2), normal(2, 3), normal(3))
case(linear, normal(2, 3, 2), normal(2, 3), normal(3))
case(linear, normal(0, 2), normal(2, 3), normal(3))
NEED_AXES.add(linear)

# ---- norms -----------------------------------------------------------------------------------------------------------

case(standardize, normal(2, 5))
case(standardize, normal(5, 2), 0)
case(standardize, normal(3, 2, 4), axis=(0, 2))
case(standardize, normal(2, 5), axis=None, epsilon=0.5)
case(standardize, normal(2, 5), epsilon=0.0)
case(standardize, normal(), axis=None)
case(standardize, normal(0, 3))

# ---- rows of a table -------------------------------------------------------------------------------------------------

case(embedding, normal(4, 3), np.array([[1, 3], [1, -1]]))
case(embedding, normal(4, 3), 2)
case(embedding, normal(0, 3), np.zeros(0, int))
case(sum_rows, normal(2, 2, 3), np.array([[1, 3], [1, -1]]), 4)
case(sum_rows, normal(3), np.array(2), 4)
case(sum_rows, normal(0, 3), np.zeros(0, int), 4)
NEED_AXES.update({embedding, sum_rows})

# ---- the same in plain words -----------------------------------------------------------------------------------------


def plain_log_softmax(x: Array, axis: Any) -> Any:
    below = x - np.max(x, axis=axis, keepdims=True)
    return below - np.log(np.sum(np.exp(below), axis=axis, keepdims=True))


PLAIN_WORDS[sigmoid] = lambda x: (1 + np.tanh(x / 2)) / 2
PLAIN_WORDS[relu] = lambda x: np.where(x > 0, x, 0)
PLAIN_WORDS[softmax] = lambda x, axis=-1: np.exp(plain_log_softmax(x, axis))
PLAIN_WORDS[log_softmax] = lambda x, axis=-1: plain_log_softmax(x, axis)


def plain_sum_rows(g: Array, indices: Any, rows: int) -> Any:
    table = np.zeros((rows, g.shape[-1]), g.dtype)
    np.add.at(table, indices, g)
    return table


def plain_standardize(x: Array, axis: Any = -1, epsilon: float = 1e-5) -> Any:
    centred = x - np.mean(x, axis=axis, keepdims=True)
    return centred / np.sqrt(np.mean(centred**2, axis=axis, keepdims=True) + epsilon)


def plain_masked_softmax(x: Array, mask: Any = None, scale: float = 1.0) -> Any:
    e = np.exp(scale * x) * (1 if mask is None else mask)
    return e / np.sum(e, axis=-1, keepdims=True)


def plain_softmax_cross_entropy(logits: Array, labels: Any) -> Any:
    wanted = np.eye(logits.shape[-1])[labels]
    return -np.sum(wanted * plain_log_softmax(logits, -1), axis=-1)


PLAIN_WORDS[softmax_cross_entropy] = plain_softmax_cross_entropy
PLAIN_WORDS[masked_softmax] = plain_masked_softmax
PLAIN_WORDS[linear] = lambda x, weight, bias: x @ weight + bias
PLAIN_WORDS[leaky_relu] = lambda x, slope=0.01: np.maximum(x, 0) + slope * np.minimum(x, 0)
PLAIN_WORDS[elu] = lambda x, alpha=1.0: np.maximum(x, 0) + alpha * (np.exp(np.minimum(x, 0)) - 1)
PLAIN_WORDS[gelu_tanh] = lambda x: x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + GELU_CUBE * x**3))) / 2
PLAIN_WORDS[standardize] = plain_standardize
PLAIN_WORDS[embedding] = lambda table, indices: table[indices]
PLAIN_WORDS[sum_rows] = plain_sum_rows
