"""The referee of the truth: before anyone is accused, the recorded loss is played again at shifted parameters."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case
from tinygrad_scratch.verifier.meant.self_made_targets import given_in
from tinygrad_scratch.verifier.recording.steps import Array
from tinygrad_scratch.verifier.truths.truth import LEFT_OUT

STEP = 1e-6
TINY = 1e-30
COARSE = 1e-2  # where the forward pass rounds to 32 bits, a smaller step would measure rounding


def disputed(case: Case) -> str:
    """Where autodiff and a difference of the loss disagree; then the truth isn't known, and nobody is accused.

    Several kinks at once, as where biases are 0 and their inputs too, make a difference that is no gradient: so it is
    measured again at other parameters before it counts. A loss that rounds, as the logarithm of one minus an output of
    almost 1 does, has no difference that tells; the complex step rounds nothing off (Squire and Trapp, 1998). Nor has
    one whose gradient goes on past a choice, or leaves out an epsilon.
    """
    values, is_of_another = case.replay(), bool(case.truth.passing) or case.truth.note == LEFT_OUT
    for number, final in enumerate(() if is_of_another else case.finals):
        if not is_same(values[final.node], case.tape.nodes[final.node].value):
            return (
                f"The recorded calls, made again, don't give {final.name} as it was, as where arrays show one memory "
                "that the check does not know of. That is a fault of this program, not of yours."
            )
        node, truth = final.parameter.node, case.true_of(final)
        if case.step_of(node).function is not None or truth.dtype != np.float64:
            continue
        direction = np.asarray(np.random.default_rng(number).standard_normal(truth.shape))
        slope, measured = float(np.vdot(truth, direction)), measured_at(case, node, direction, {})
        if agree(case, truth, direction, measured):
            continue
        start, there = case.elsewhere
        other = there.cotangents.get(node)
        if other is not None and agree(case, other, direction, measured_at(case, node, direction, start)):
            continue
        if is_near(complex_step(case, node, direction), truth, direction):
            continue
        return (
            f"The gradient of {final.parameter.name} that autodiff found is not what a difference of the recorded "
            f"loss gives ({slope:.6g}, not {sum(measured) / 2:.6g}). That is a fault of this program, not of yours."
        )
    return ""


def is_same(again: Any, value: Array) -> bool:
    """Whether a run that was made again gave a value as it was."""
    one, scale = np.asarray(again), np.max(np.abs(value[np.isfinite(value)]), initial=0.0)
    return one.shape == value.shape and bool(np.allclose(one, value, rtol=1e-6, atol=1e-6 * scale, equal_nan=True))


def agree(case: Case, truth: Array, direction: Array, measured: list[float]) -> bool:
    """Whether a gradient goes with the slopes to both sides, but for rounding."""
    slope, size = float(np.vdot(truth, direction)), float(np.sum(np.abs(truth * direction))) or 1.0
    coarse = is_coarse(case)
    room = (1e-3 * size + 1e-4 * max(map(abs, measured))) * (100 if coarse else 1)
    room += (1e-3 if coarse else 1e-8) * float(np.abs(np.sum(case.tape.nodes[case.truth.loss].value)))
    return min(measured) - room <= slope <= max(measured) + room or not np.isfinite(sum(measured))


def is_near(measured: float, truth: Array, direction: Array) -> bool:
    slope, size = float(np.vdot(truth, direction)), float(np.sum(np.abs(truth * direction)))
    return abs(measured - slope) <= 1e-6 * size


def complex_step(case: Case, node: int, direction: Array) -> float:
    """The slope of the loss along a direction, by a step into the complex plane; no number where calls take none."""
    shifted = case.tape.nodes[node].value + 1j * TINY * direction
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("error")  # where the imaginary part is dropped
            until = case.tape.nodes[case.truth.loss].step
            values = case.tape.replay(**held_at(case, {}), start={node: shifted}, until=until, only=(case.truth.loss,))
        return float(np.sum(np.imag(values[case.truth.loss]))) / TINY
    except Exception:  # a call that takes no complex numbers
        return float("nan")


def measured_at(case: Case, node: int, direction: Array, start: dict[int, Array]) -> list[float]:
    """The slopes of the loss along a direction, to its two sides."""
    return [side(case, node, np.asarray(sign * direction), start) * sign for sign in (1, -1)]


def side(case: Case, node: int, direction: Array, start: dict[int, Array]) -> float:
    """The slope of the loss to one side of a parameter."""
    step = COARSE if is_coarse(case) else STEP
    now, one, two = (loss_at(case, node, size * direction, start) for size in (0.0, step, 2 * step))
    return (4 * one - two - 3 * now) / (2 * step)


def is_coarse(case: Case) -> bool:
    return any(case.tape.nodes[node].value.dtype in (np.float32, np.float16) for node in case.forward)


def slopes_at(case: Case, node: int, place: tuple[int, ...]) -> tuple[float, float]:
    """The slopes of the loss to the left and to the right of one entry of a parameter."""
    direction = np.zeros(case.tape.nodes[node].value.shape)
    direction[place] = 1.0
    return -side(case, node, -direction, {}), side(case, node, direction, {})


def loss_at(case: Case, node: int, shift: Array, start: dict[int, Array]) -> float:
    here = {other: value.copy() for other, value in start.items()}
    shifted = np.asarray(here.get(node, case.tape.nodes[node].value) + shift)
    held = held_at(case, start)
    if case.step_of(node).function is None:
        here[node] = shifted
    else:  # an update of a turn before has made it
        held["overrides"] = {**held.get("overrides", {}), node: shifted}
    with np.errstate(all="ignore"):
        loss = case.truth.loss
        values = case.tape.replay(**held, start=here, until=case.tape.nodes[loss].step, only=(loss,))
    return float(np.sum(values[loss]))


def held_at(case: Case, start: dict[int, Array]) -> dict[str, Any]:
    """What keeps values constant in a run, whatever a parameter is shifted by, as they are for what is true."""
    given = given_in(case.truth)
    nodes = [*case.truth.held, *(call.node for call in given.values())]
    if not nodes:
        return {}
    here = {other: value.copy() for other, value in start.items()}
    values = case.tape.replay(start=here, until=max(case.tape.nodes[node].step for node in nodes))
    return {
        "overrides": {node: np.asarray(values[node]) for node in case.truth.held},
        "edits": {index: replace(call, value=np.asarray(values[call.node])) for index, call in given.items()},
    }
