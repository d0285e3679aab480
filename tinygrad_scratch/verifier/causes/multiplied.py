"""What it means that a factor is missing, or a power wrong: of a number it is scale, of an array a derivative."""

from __future__ import annotations

import numpy as np

from tinygrad_scratch.verifier.cases.extent import node_at
from tinygrad_scratch.verifier.causes.region import Region
from tinygrad_scratch.verifier.reading.source import operand_in
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.steps import Step


def kind_of_factor(region: Region, node: int) -> str:
    """The kind of a mistake by the factor that is missing."""
    return "scale-factor" if is_mere_number(region, node) else "missing-derivative"


def is_power_of_array(region: Region, step: Step, place: int) -> bool:
    """Whether a number is the power that an array is raised to: what lacks then is a factor, and no number."""
    base = node_at(region, step, 0) if name_of(step.function) == "power" and place == 1 else None
    return base is not None and not is_mere_number(region, base)


def kind_of_power(region: Region, step: Step, low: bool) -> str:
    """The kind of a mistake by a power that is too low or too high: in `1 - h**3` it is another function's slope."""
    if low:
        return "missing-derivative"
    readers = [other for other in region.steps if not set(step.makes).isdisjoint(other.reads)]
    return "derivative-at-wrong-point" if any(is_rest_of_one(region, other) for other in readers) else "scale-factor"


def exponent_named(region: Region, step: Step) -> str:
    """The name of the number that something is taken to the power of; nothing where a number stands there."""
    code = region.code(step)
    found = operand_in(code, 1) if name_of(step.function) == "power" else None
    text = code[slice(*found)].strip("() ") if found else ""
    return text if text.replace(".", "").replace("_", "").isidentifier() else ""


def is_rest_of_one(region: Region, step: Step) -> bool:
    """Whether a call is `1 - t`, as it stands in slopes."""
    return name_of(step.function) == "subtract" and region.case.constant_value(step.arguments[0]) == 1


def is_mere_number(region: Region, node: int) -> bool:
    """Whether a value is a number that was given, such as a rate, or was made of such numbers alone."""
    case = region.case
    if np.size(region.values[node]) > 1:
        return False
    parameters = {final.parameter.node for final in case.finals}
    given = {n for n in case.ancestors([node]) if case.step_of(n).function is None}
    return given.isdisjoint(parameters) and all(np.size(region.values[n]) == 1 for n in given)
