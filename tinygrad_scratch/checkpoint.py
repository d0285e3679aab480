"""checkpoint: what a function computes on the way is not kept for the backward walk, but computed again."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_scratch.backward import output_record, walk
from tinygrad_scratch.graph import Record, enable_grad, known, next_order, split_record
from tinygrad_scratch.rules.registry import RULES, EveryOperand, Several, label
from tinygrad_scratch.tensor import Tensor, make
from tinygrad_scratch.trees import leaves_of, map_leaves


def checkpoint(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, of which only arguments and results are kept until the backward walk, which runs it again.

    So a long chain of layers needs memory for one layer at a time, and one more run of each. Arguments and results may
    be Tensors, or lists, tuples and dicts of them; Tensors that the function uses from outside, such as the parameters
    of a layer, get their gradients too. Source: Chen et al., "Training deep nets with sublinear memory cost" (2016).

    Raises TypeError where the function writes into its arguments, and, in the backward walk, RuntimeError where it
    returns other values than before: it drew random numbers, or its parameters were updated meanwhile.

    >>> import numpy as np
    >>> from tinygrad_scratch import Tensor, checkpoint
    >>> layer = checkpoint(lambda x: np.tanh(np.exp(x) * x))
    >>> x = Tensor([0.0, 0.5], requires_grad=True)
    >>> np.sum(layer(layer(x))).backward()
    >>> x.grad
    array([1.        , 1.07307282])
    """

    @functools.wraps(function)
    def run(*arguments: Any, **keywords: Any) -> Any:
        start = next_order()
        rerun = Rerun(function, map_leaves(copy_of, arguments), map_leaves(copy_of, keywords))
        result = rerun()
        outputs = [leaf for leaf in leaves_of(result) if is_computed(leaf)]
        inputs = inputs_of(outputs, start)
        if not inputs:
            return result
        rerun.inputs = [record[0] for record, _ in inputs]
        parents, given = zip(*inputs, strict=True)
        values = Several(leaf._value for leaf in outputs)
        record: Record = (next_order(), run_again, values, {"rerun": rerun}, *given, *parents)
        fresh = iter([make(leaf._value, output_record(record, i)) for i, leaf in enumerate(outputs)])
        return map_leaves(lambda leaf: next(fresh) if is_computed(leaf) else leaf, result)

    return run


def copy_of(value: Any) -> Any:
    """A Tensor of the same value and history: the one that was passed may be written to later."""
    return make(value._value, value._record) if type(value) is Tensor else value


def is_computed(value: Any) -> bool:
    return type(value) is Tensor and value._record is not None


@dataclass
class Rerun:
    """A call that can be made again, and the orders of the records that its results depend on."""

    function: Callable[..., Any]
    arguments: Any
    keywords: Any
    inputs: list[int] | None = None

    def __call__(self) -> Any:
        given = map_leaves(copy_of, (self.arguments, self.keywords))
        before = list(leaves_of((self.arguments, self.keywords)))
        result = self.function(*given[0], **given[1])
        for then, now in zip(before, leaves_of(given), strict=True):
            if type(then) is Tensor and then._value is not now._value:
                raise TypeError(
                    f"checkpoint: {label(self.function)} writes into its arguments, and would do so a second time in "
                    "the backward walk. Let it write into a copy: z = t.copy()."
                )
        return result

    def cotangents(self, g: Any, values: Several, lift: Any) -> dict[int, Any]:
        """The cotangents of all inputs, by their orders."""
        with enable_grad():
            outputs = [leaf for leaf in leaves_of(self()) if is_computed(leaf)]
        if len(outputs) != len(values) or not all(
            np.array_equal(known(leaf._value), known(value), equal_nan=True)
            for leaf, value in zip(outputs, values, strict=True)
        ):
            raise RuntimeError(
                f"checkpoint: {label(self.function)} returned other values when it was run again. Does it draw random "
                "numbers, or were its parameters updated before backward()? Draw outside and pass the draws."
            )
        total: dict[int, Any] = {}
        for leaf, part in zip(outputs, g, strict=True):
            found, _ = walk(leaf._record, part, set(self.inputs or ()), lift=lift, stop=True)
            for order, cotangent in found.items():
                total[order] = total[order] + cotangent if order in total else cotangent
        return total


def rerun_of(positions: list[int], g: Any, y: Any, *inputs: Any, rerun: Rerun) -> list[Any]:
    """The cotangents of what a call depended on: it is made again, and walked back."""
    lift = make if type(y[0]) is Tensor else None
    values = Several(part._value if type(part) is Tensor else part for part in y)
    found = rerun.cotangents(g, values, lift)
    assert rerun.inputs is not None
    return [found.get(rerun.inputs[i], np.zeros_like(inputs[i])) for i in positions]


def run_again(*inputs: Any, rerun: Rerun) -> Any:
    """The function that a record of a checkpointed call names."""
    return rerun()


RULES[run_again] = EveryOperand(rerun_of)


def inputs_of(outputs: list[Tensor], start: int) -> list[tuple[Record, Any]]:
    """The records from before `start` that some Tensors depend on, each with its value."""
    found: dict[int, tuple[Record, Any]] = {}
    seen: set[int] = set()
    waiting: list[tuple[Record | None, Any]] = [(leaf._record, leaf._value) for leaf in outputs]
    while waiting:
        record, value = waiting.pop()
        if record is None or record[0] in seen:
            continue
        seen.add(record[0])
        if record[0] > start:
            found[record[0]] = (record, value)
        elif record[1] is not None:
            arguments, parents = split_record(record)
            waiting.extend(zip(parents, arguments, strict=True))
    return list(found.values())
