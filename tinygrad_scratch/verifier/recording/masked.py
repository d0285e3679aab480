"""Masked arrays of recorded values: what they hold is recorded, and which entries are hidden is plain.

What a function of `np.ma` hides is seen in a call of NumPy's own with plain values.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.recording.recorded import holds_recorded, unrecorded
from tinygrad_scratch.verifier.recording.references import map_tree
from tinygrad_scratch.verifier.recording.tape import Tape

OF_ENTRIES = ("log", "log2", "log10", "sqrt", "exp", "divide", "true_divide", "add", "subtract", "multiply", "power")
HIDE = (
    "array", "asarray", "masked_array", "masked_invalid", "masked_values", "masked_equal", "masked_not_equal",
    "masked_less", "masked_less_equal", "masked_greater", "masked_greater_equal", "masked_inside", "masked_outside",
)  # fmt: skip
OF_MASKED = ("filled", "sum", "mean", "compressed")


class Masked(np.lib.mixins.NDArrayOperatorsMixin):
    """Recorded entries, of which some are hidden."""

    def __init__(self, data: Any, mask: Any) -> None:
        self.data, self.mask = data, mask

    @property
    def shape(self) -> Any:
        return self.data.shape

    def __getitem__(self, index: Any) -> Any:
        return Masked(self.data[index], self.mask[unrecorded(index)])

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        if method != "__call__" or keywords:
            return NotImplemented
        masks = [part.mask for part in inputs if isinstance(part, Masked)]
        return Masked(ufunc(*map(shown, inputs)), np.logical_or.reduce(np.broadcast_arrays(*masks)))

    def filled(self, fill_value: Any = None) -> Any:
        """The entries, with a number for those that are hidden."""
        number = np.ma.default_fill_value(unrecorded(self.data)) if fill_value is None else fill_value
        return np.where(self.mask, number, self.data)

    def compressed(self) -> Any:
        return self.data[~self.mask]

    def sum(self, axis: Any = None, **_: Any) -> Any:
        return self.filled(0).sum(axis=axis)

    def mean(self, axis: Any = None, **_: Any) -> Any:
        return self.sum(axis) / np.sum(~self.mask, axis=axis)


def shown(value: Any) -> Any:
    """What a masked array holds, also where it is hidden; anything else itself."""
    return value.data if isinstance(value, Masked) else value


def plainly(value: Any) -> Any:
    """A masked array of plain values as one of NumPy's; anything else itself."""
    return np.ma.array(unrecorded(value.data), mask=value.mask) if isinstance(value, Masked) else value


def masking(function: Callable[..., Any], name: str, tape: Tape) -> Callable[..., Any]:
    """A function of np.ma, which of recorded values makes recorded ones."""

    def call(*arguments: Any, **keywords: Any) -> Any:
        given = arguments, keywords
        plain = map_tree(plainly, unrecorded(given))
        if tape.closed or not (holds_recorded(given) or any(isinstance(part, Masked) for part in arguments)):
            return function(*plain[0], **plain[1])
        if name in OF_MASKED:
            first = arguments[0] if isinstance(arguments[0], Masked) else Masked(arguments[0], np.False_)
            return getattr(first, name)(*arguments[1:], **keywords)
        hidden = np.ma.getmaskarray(function(*plain[0], **plain[1]))
        if name in OF_ENTRIES:  # where it is hidden, of a number that has a slope
            return Masked(getattr(np, name)(*(np.where(hidden, 1.0, shown(part)) for part in arguments)), hidden)
        return Masked(shown(arguments[name == "masked_where"]), hidden)

    call.__name__ = name
    return call


MASKING: dict[str, Callable[[Tape], Callable[..., Any]]] = {
    name: partial(masking, getattr(np.ma, "array" if name == "masked_array" else name), name)
    for name in (*OF_ENTRIES, *HIDE, *OF_MASKED, "masked_where")
}
