"""What it means that a factor is missing: a number is one of scale, and an array one of the chain rule."""

from __future__ import annotations

import numpy as np

from tinygrad_scratch.verifier.region import Region


def kind_of_factor(region: Region, node: int) -> str:
    """The kind of a mistake by the factor that is missing."""
    return "scale-factor" if is_mere_number(region, node) else "missing-derivative"


def is_mere_number(region: Region, node: int) -> bool:
    """Whether a value is a number that was given, such as a rate, or was made of such numbers alone."""
    case = region.case
    if np.size(region.values[node]) > 1:
        return False
    parameters = {final.parameter.node for final in case.finals}
    given = {n for n in case.ancestors([node]) if case.step_of(n).function is None}
    return given.isdisjoint(parameters) and all(np.size(region.values[n]) == 1 for n in given)
