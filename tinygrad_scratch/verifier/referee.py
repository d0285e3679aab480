"""The referee of the truth: before anyone is accused, the recorded loss is played again at shifted parameters."""

from __future__ import annotations

import numpy as np

from tinygrad_scratch.verifier.judge import Case
from tinygrad_scratch.verifier.tape import Array

STEP = 1e-6
COARSE = 1e-2  # where the forward pass rounds to 32 bits, a smaller step would measure rounding


def disputed(case: Case) -> str:
    """Where autodiff and a difference of the loss disagree; then the truth isn't known, and nobody is accused."""
    for number, final in enumerate(case.finals):
        node, truth = final.parameter.node, case.true_of(final)
        if case.step_of(node).function is not None or truth.dtype != np.float64:
            continue
        direction = np.random.default_rng(number).standard_normal(truth.shape)
        slope = float(np.vdot(truth, direction))
        size = float(np.sum(np.abs(truth * direction))) or 1.0
        measured = [side(case, node, np.asarray(sign * direction)) * sign for sign in (1, -1)]
        low, high = min(measured), max(measured)
        room = 1e-3 * size + 1e-4 * max(map(abs, measured))
        room *= 100 if is_coarse(case) else 1
        room += (1e-3 if is_coarse(case) else 1e-8) * float(np.abs(np.sum(case.tape.nodes[case.truth.loss].value)))
        if not low - room <= slope <= high + room and np.isfinite(sum(measured)):
            return (
                f"The gradient of {final.parameter.name} that autodiff found is not what a difference of the recorded "
                f"loss gives ({slope:.6g}, not {sum(measured) / 2:.6g}). That is a fault of this program, not of yours."
            )
    return ""


def side(case: Case, node: int, direction: Array) -> float:
    """The slope of the loss to one side of a parameter."""
    step = COARSE if is_coarse(case) else STEP
    now = loss_at(case, node, 0.0 * direction)
    one, two = loss_at(case, node, step * direction), loss_at(case, node, 2 * step * direction)
    return (4 * one - two - 3 * now) / (2 * step)


def is_coarse(case: Case) -> bool:
    return any(case.tape.nodes[node].value.dtype in (np.float32, np.float16) for node in case.forward)


def slopes_at(case: Case, node: int, place: tuple[int, ...]) -> tuple[float, float]:
    """The slopes of the loss to the left and to the right of one entry of a parameter."""
    direction = np.zeros(case.tape.nodes[node].value.shape)
    direction[place] = 1.0
    return -side(case, node, -direction), side(case, node, direction)


def loss_at(case: Case, node: int, shift: Array) -> float:
    start = {node: case.tape.nodes[node].value + shift}
    with np.errstate(all="ignore"):
        values = case.tape.replay(start=start, until=case.tape.nodes[case.truth.loss].step)
    return float(np.sum(values[case.truth.loss]))
