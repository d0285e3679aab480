"""Cases of rules/convolution.py: kernels that slide."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.cases.table import NEED_AXES, PLAIN_WORDS, Array, case, complex_normal, normal
from tinygrad_scratch.rules.convolution import Steps, convolve, convolve_back, convolve_weight

PLAIN_STEPS = Steps((1,), ((0, 0),), (1,), 1)
UNEVEN = Steps((2, 1), ((1, 0), (0, 2)), (1, 2), 2)
OVERLAPPING = Steps((2,), ((2, 1),), (1,), 1)

# shape of x, of w, of the result
PLACES: list[tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], Steps]] = [
    ((2, 3, 4), (2, 3, 2), (2, 2, 3), PLAIN_STEPS),
    ((2, 2, 5), (3, 2, 3), (2, 3, 3), OVERLAPPING),
    ((2, 2, 4, 4), (2, 1, 2, 2), (2, 2, 2, 4), UNEVEN),
    ((0, 2, 4, 4), (2, 1, 2, 2), (0, 2, 2, 4), UNEVEN),
]
for of_x, of_w, of_y, steps in PLACES:
    case(convolve, normal(*of_x), normal(*of_w), steps)
    case(convolve_back, normal(*of_y), normal(*of_w), of_x, steps)
    case(convolve_weight, normal(*of_x), normal(*of_y), of_w, steps)
case(convolve, complex_normal(1, 2, 3), complex_normal(2, 2, 2), PLAIN_STEPS)
NEED_AXES.update({convolve, convolve_back, convolve_weight})

# ---- the same in plain words -----------------------------------------------------------------------------------------


def plain_convolve(x: Array, w: Array, steps: Steps) -> Any:
    """An element of the result at a time."""
    padded = np.pad(x, ((0, 0), (0, 0), *steps.padding))
    places = steps.places(x.shape[2:], w.shape[2:])
    y = np.zeros((len(x), len(w), *places), np.result_type(x, w))
    per_group, outputs = w.shape[1], len(w) // steps.groups
    for out in range(len(w)):
        channels: Any = padded[:, out // outputs * per_group :][:, :per_group]
        for place in np.ndindex(places):
            starts = [i * stride for i, stride in zip(place, steps.stride, strict=True)]
            spans = zip(starts, steps.spans(w.shape[2:]), steps.dilation, strict=True)
            patch = channels[(..., *(slice(i, i + span, gap) for i, span, gap in spans))]
            y[(slice(None), out, *place)] = np.sum(patch * w[out], axis=tuple(range(1, patch.ndim)))
    return y


def transposed(linear: Any, g: Array, shape: tuple[int, ...]) -> Any:
    """What the transpose of a linear function of an array of that shape makes of g: an element at a time."""
    found = np.zeros(shape, np.result_type(g, linear(np.zeros(shape))))
    for index in np.ndindex(shape):
        one = np.zeros(shape)
        one[index] = 1
        found[index] = np.sum(g * linear(one))
    return found


PLAIN_WORDS[convolve] = plain_convolve
PLAIN_WORDS[convolve_back] = lambda g, w, shape, steps: transposed(lambda x: plain_convolve(x, w, steps), g, shape)
PLAIN_WORDS[convolve_weight] = lambda x, g, shape, steps: transposed(lambda w: plain_convolve(x, w, steps), g, shape)
