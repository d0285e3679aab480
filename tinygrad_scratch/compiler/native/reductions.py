"""Sums and other reductions along axes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from tinygrad_scratch.compiler.native.elements import Reduce
from tinygrad_scratch.compiler.native.lowering import Lowering, described, lowers
from tinygrad_scratch.compiler.native.places import Place
from tinygrad_scratch.compiler.program import Step, Variable

KINDS = {
    np.sum: "sum",
    np.add.reduce: "sum",
    np.max: "max",
    np.amax: "max",
    np.maximum.reduce: "max",
    np.min: "min",
    np.amin: "min",
    np.minimum.reduce: "min",
    np.prod: "product",
    np.multiply.reduce: "product",
    np.any: "any",
    np.all: "all",
    np.logical_or.reduce: "any",
    np.logical_and.reduce: "all",
    np.mean: "mean",
    np.count_nonzero: "sum",
}


@lowers(*KINDS)
def reduction(lowering: Lowering, step: Step) -> bool:
    given = dict(step.keywords)
    names = ("a", "axis", "dtype", "out", "keepdims")
    given.update(zip(names, step.arguments, strict=False))
    operand, axis = given.pop("a"), given.pop("axis", 0 if is_method(step.function) else None)
    given = {name: value for name, value in given.items() if value is not None and value is not np._NoValue}
    keepdims = given.pop("keepdims", False)
    if given.pop("where", True) is not True or (given.keys() - {"dtype"}) or type(operand) is not Variable:
        return False
    if step.function is np.count_nonzero and operand.dtype.kind != "b":
        return False
    result = step.results[0]
    kind = KINDS[step.function]
    if kind in ("max", "min") and (operand.dtype.kind == "b" or operand.size == 0):
        return False
    if kind == "mean" and result.dtype.kind != "f":
        return False
    n = len(operand.shape)
    axes = tuple(range(n)) if axis is None or not n else normalize_axis_tuple(axis, n)
    lying = tuple(1 if i in axes else extent for i, extent in enumerate(operand.shape))
    assert result.shape == (lying if keepdims else tuple(m for i, m in enumerate(operand.shape) if i not in axes))
    total = lowering.new(result) if kind != "mean" else Place.new(result.shape, result.dtype, result.name)
    spread = total.reshaped(lying)
    assert spread is not None
    what = "sum" if kind == "mean" else kind
    lowering.operations.append(
        Reduce(spread.broadcast(operand.shape), what, lowering.places[operand], axes, None, described(step))
    )
    if kind == "mean":
        count = int(np.prod([operand.shape[i] for i in axes]))
        lowering.map(result, "{0} / {1}", [total, count], [result.dtype, result.dtype])
    return True


def is_method(function: Any) -> bool:
    """Whether this is the method `reduce` of a ufunc, whose axis is 0 if none is named."""
    return isinstance(getattr(function, "__self__", None), np.ufunc)
