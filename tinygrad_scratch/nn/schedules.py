"""Learning-rate schedules: functions from the number of a step, counted from 0, to the learning rate of that step.

    optimizer.learning_rate = schedule(step)

A step is whatever you count: a batch or an epoch. After the last step that a schedule speaks of, the rate stays.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


def check_steps(**steps: Any) -> None:
    for name, number in steps.items():
        if not isinstance(number, int | float) or not number >= 1:
            raise ValueError(f"{name}={number!r} is a number of steps, at least 1.")


@dataclass(frozen=True)
class StepDecay:
    """The rate times `factor` after every `every` steps: initial * factor**(step // every).

    Raises ValueError for less than one step.

    >>> from tinygrad_scratch.nn import StepDecay
    >>> schedule = StepDecay(0.1, factor=0.5, every=2)
    >>> [schedule(step) for step in range(5)]
    [0.1, 0.1, 0.05, 0.05, 0.025]
    """

    initial: float
    factor: float
    every: int

    def __post_init__(self) -> None:
        check_steps(every=self.every)

    def __call__(self, step: int) -> float:
        return self.initial * self.factor ** (step // self.every)


@dataclass(frozen=True)
class PiecewiseConstant:
    """One rate after the other: rates[0] before the step boundaries[0], then rates[1] before boundaries[1], and so on.

    Raises ValueError where there is not one rate more than there are boundaries, and where these don't rise.

    >>> from tinygrad_scratch.nn import PiecewiseConstant
    >>> schedule = PiecewiseConstant(rates=[0.1, 0.01], boundaries=[3])
    >>> [schedule(step) for step in range(5)]
    [0.1, 0.1, 0.1, 0.01, 0.01]
    """

    rates: Sequence[float]
    boundaries: Sequence[int]

    def __post_init__(self) -> None:
        if len(self.rates) != len(self.boundaries) + 1 or sorted(set(self.boundaries)) != list(self.boundaries):
            raise ValueError(
                f"{self!r} needs boundaries that rise, and one rate more than there are boundaries: "
                "one before each of them, and one after the last."
            )

    def __call__(self, step: int) -> float:
        return self.rates[sum(boundary <= step for boundary in self.boundaries)]


@dataclass(frozen=True)
class ExponentialDecay:
    """The rate times `factor` after each step: initial * factor**step.

    >>> from tinygrad_scratch.nn import ExponentialDecay
    >>> schedule = ExponentialDecay(1.0, factor=0.5)
    >>> [schedule(step) for step in range(4)]
    [1.0, 0.5, 0.25, 0.125]
    """

    initial: float
    factor: float

    def __call__(self, step: int) -> float:
        return self.initial * self.factor**step


@dataclass(frozen=True)
class InverseSquareRootDecay:
    """Constant for `steps` steps, then falling as the root of their number rises: initial / sqrt(max(1, step / steps)).

    Raises ValueError for less than one step. After `Warmup` of the same steps, it is the schedule of Vaswani et al.,
    "Attention is all you need" (2017), equation 3.

    >>> from tinygrad_scratch.nn import InverseSquareRootDecay
    >>> schedule = InverseSquareRootDecay(1.0, steps=4)
    >>> [schedule(step) for step in (0, 4, 16)]
    [1.0, 1.0, 0.5]
    """

    initial: float
    steps: int

    def __post_init__(self) -> None:
        check_steps(steps=self.steps)

    def __call__(self, step: int) -> float:
        return self.initial / math.sqrt(max(1.0, step / self.steps))


@dataclass(frozen=True)
class LinearDecay:
    """A straight line from `initial` to `final`, which is reached after `steps` steps.

    Raises ValueError for less than one step.

    >>> from tinygrad_scratch.nn import LinearDecay
    >>> schedule = LinearDecay(1.0, steps=4)
    >>> [schedule(step) for step in range(6)]
    [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]
    """

    initial: float
    steps: int
    final: float = 0.0

    def __post_init__(self) -> None:
        check_steps(steps=self.steps)

    def __call__(self, step: int) -> float:
        return self.initial + (self.final - self.initial) * min(1.0, step / self.steps)


@dataclass(frozen=True)
class CosineDecay:
    """Half a wave of a cosine from `initial` to `final`, which is reached after `steps` steps.

        final + (initial - final) * (1 + cos(pi * step / steps)) / 2

    Raises ValueError for less than one step. Source: Loshchilov and Hutter, "SGDR: stochastic gradient descent with
    warm restarts" (2017), equation 5.

    >>> from tinygrad_scratch.nn import CosineDecay
    >>> schedule = CosineDecay(1.0, steps=3)
    >>> [round(schedule(step), 6) for step in range(5)]
    [1.0, 0.75, 0.25, 0.0, 0.0]
    """

    initial: float
    steps: int
    final: float = 0.0

    def __post_init__(self) -> None:
        check_steps(steps=self.steps)

    def __call__(self, step: int) -> float:
        return between(self.initial, self.final, min(1.0, step / self.steps))


@dataclass(frozen=True)
class Warmup:
    """A straight line up to another schedule, over its first `steps` steps: then(step) * min(1, (step + 1) / steps).

    The other schedule counts its steps from the very first one on. Raises ValueError for less than one step, and
    TypeError for a `then` that is no function.

    >>> from tinygrad_scratch.nn import LinearDecay, Warmup
    >>> schedule = Warmup(2, then=LinearDecay(1.0, steps=4))
    >>> [schedule(step) for step in range(5)]
    [0.5, 0.75, 0.5, 0.25, 0.0]
    """

    steps: int
    then: Callable[[int], float]

    def __post_init__(self) -> None:
        check_steps(steps=self.steps)
        if isinstance(self.then, type) or not callable(self.then):
            raise TypeError(
                f"then={self.then!r} is no schedule. For one rate after the warm-up: then=lambda step: 0.1."
            )

    def __call__(self, step: int) -> float:
        return self.then(step) * min(1.0, (step + 1) / self.steps)


@dataclass(frozen=True)
class OneCycle:
    """Up to `peak` and down to next to nothing in `steps` steps, both along half a wave of a cosine.

    It begins at peak / start_division, is at its peak after the part `rise` of the steps, and ends, with the last of
    them, at peak / start_division / final_division. Raises ValueError for less than two steps, and for a rise that is
    no part of 1. Source: Smith and Topin, "Super-convergence: very fast training of neural networks using large
    learning rates" (2019), in PyTorch's form.

    >>> from tinygrad_scratch.nn import OneCycle
    >>> schedule = OneCycle(1.0, steps=10)
    >>> [round(schedule(step), 6) for step in (0, 2, 9)]
    [0.04, 1.0, 4e-06]
    """

    peak: float
    steps: int
    rise: float = 0.3
    start_division: float = 25.0
    final_division: float = 1e4

    def __post_init__(self) -> None:
        if not self.steps >= 2:
            raise ValueError(f"steps={self.steps!r} leaves no room to go up and down. A cycle has at least 2 steps.")
        if not 0 < self.rise < 1:
            raise ValueError(f"rise={self.rise!r} is the part of the steps in which the rate goes up, such as 0.3.")

    def __call__(self, step: int) -> float:
        start = self.peak / self.start_division
        top, last = self.rise * self.steps - 1, self.steps - 1
        if step < top:
            return between(start, self.peak, step / top)
        return between(self.peak, start / self.final_division, min(1.0, (step - top) / (last - top)))


def between(start: float, end: float, part: float) -> float:
    """From start to end along half a wave of a cosine."""
    return end + (start - end) * (1 + math.cos(math.pi * part)) / 2
