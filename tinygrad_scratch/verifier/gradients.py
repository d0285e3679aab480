"""Where the gradients of a person's code ended: returned, stored on objects, or only in an update of the weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.names import is_gradient_name
from tinygrad_scratch.verifier.parameters import Parameter
from tinygrad_scratch.verifier.recorded import Recorded
from tinygrad_scratch.verifier.tape import Step, Tape
from tinygrad_scratch.verifier.watch import parts_of

Given = tuple[str, int]  # the path that leads to a gradient, and its node


def gradients_in(value: Any, path: str = "", depth: int = 6) -> Iterator[tuple[str, Recorded]]:
    """The recorded arrays in what a backward pass returned, each with the path that leads to it."""
    if type(value) is Recorded:
        yield path, value
    elif depth:
        for key, name, part in parts_of(value, path):
            text = name if not isinstance(key, str) else f"{path}.{key}" if path else key
            yield from gradients_in(part, text.removeprefix("[").removesuffix("]") if not path else text, depth - 1)


def stored_gradients(value: Any, path: str = "", seen: set[int] | None = None, inside: bool = False) -> Iterator[tuple[str, Recorded]]:
    """The recorded arrays that an object keeps under names of gradients: `dW`, `grads["W1"]`, `layer.grad`."""
    seen = set() if seen is None else seen
    if id(value) in seen or len(seen) > 5000:
        return
    seen.add(id(value))
    for key, name, part in parts_of(value, path):
        named = inside or (isinstance(key, str) and is_gradient_name(key))
        if type(part) is Recorded:
            if named and part.is_used:
                yield name.removeprefix("."), part
        else:
            yield from stored_gradients(part, name, seen, named)


# ---- a flat vector of all gradients ----------------------------------------------------------------------------------

JOINING = {"concatenate", "concat", "hstack", "append", "vstack", "stack", "r_", "block", "array"}
SHAPING = {"reshape", "ravel", "flatten", "copy", "asarray", "array", "squeeze", "atleast_1d", "T", "transpose", "astype"}


def unjoined(tape: Tape, node: int) -> list[int]:
    """The values that a vector was put together from, in order; the vector itself where it was not."""
    step = tape.steps[tape.nodes[node].step]
    name = getattr(step.function, "__name__", "")
    if name in SHAPING and len(step.reads) == 1 and tape.nodes[step.reads[0]].value.size == tape.nodes[node].value.size:
        inner = unjoined(tape, step.reads[0])
        return inner if len(inner) > 1 else [node]
    if name in JOINING and len(step.reads) > 1:
        return [part for read in step.reads for part in unjoined(tape, shaped_from(tape, read))]
    return [node]


def shaped_from(tape: Tape, node: int) -> int:
    """The value that a row of its entries was made of."""
    step = tape.steps[tape.nodes[node].step]
    if getattr(step.function, "__name__", "") in ("ravel", "flatten", "reshape") and len(step.reads) == 1:
        return step.reads[0]
    return node


# ---- updates of the weights ------------------------------------------------------------------------------------------


def updates(tape: Tape, parameter: Parameter, bound: list[int]) -> list[tuple[int, int]]:
    """The gradients in the statements that updated a parameter, each with its sign: `w -= rate * g` gives (g, 1)."""
    first = parameter.node
    shape = tape.nodes[first].value.shape
    slot = tape.nodes[first].slot
    later = [node.number for node in tape.nodes if node.slot == slot and node.number != first]
    found = []
    for after in (*later, *bound):
        value = tape.nodes[after].value
        if after != first and value.shape == shape:
            gradient = in_update(tape, tape.steps[tape.nodes[after].step], after, first)
            if gradient is not None:
                found.append(gradient)
    return found[:1]


def in_update(tape: Tape, step: Step, after: int, before: int) -> tuple[int, int] | None:
    """What an update took off a value, without the rate, and the direction."""
    name = getattr(step.function, "__name__", "")
    if name in ("setitem", "copyto", "copy", "asarray", "array", "astype") and step.reads:
        inner = step.reads[-1]
        if inner == before or tape.nodes[inner].step == step.index:
            return None
        return in_update(tape, tape.steps[tape.nodes[inner].step], inner, before)
    if name not in ("add", "subtract") or len(step.reads) != 2 or step.reads[0] == step.reads[1]:
        return None
    one, other = step.reads
    if one != before and not (name == "add" and other == before):
        return None
    change = other if one == before else one
    if tape.nodes[change].value.shape != tape.nodes[before].value.shape:
        return None
    gradient, sign = without_rate(tape, change)
    return gradient, sign if name == "subtract" else -sign


def without_rate(tape: Tape, node: int) -> tuple[int, int]:
    """The gradient in `rate * g` or `g / n`, or in a step of momentum or Adam that starts from 0, and its sign."""
    sign = 1
    while (inner := inside(tape, node)) is not None:
        node, sign = inner[0], sign * inner[1]
    return node, sign


def inside(tape: Tape, node: int) -> tuple[int, int] | None:
    """What a value is a multiple of, as far as updates go, and the sign of the factor; None for anything else."""
    step = tape.steps[tape.nodes[node].step]
    name, reads, shape = getattr(step.function, "__name__", ""), step.reads, tape.nodes[node].value.shape
    if step.function is None or len(step.makes) != 1:
        return None
    arrays = [read for read in reads if tape.nodes[read].value.shape == shape]
    if name == "negative":
        return reads[0], -1
    if name in ("copy", "asarray", "array") and len(reads) == 1 == len(arrays):
        return reads[0], 1
    if name in ("add", "subtract") and len(arrays) == 2 and np.size(tape.nodes[node].value) > 1:
        still = [read for read in arrays if not np.any(tape.nodes[read].value)]  # a velocity before its first step
        moved = [read for read in arrays if read not in still]
        if len(still) == len(moved) == 1:
            return moved[0], -1 if name == "subtract" and moved[0] == reads[1] else 1
    if name == "divide" and len(arrays) == 2 and is_root(tape, reads[1]):
        return reads[0], 1
    if name not in ("multiply", "divide"):
        return None
    if len(arrays) == 2 and not shape:  # numbers: the rate comes from outside
        arrays = [read for read in arrays if tape.steps[tape.nodes[read].step].function is not None]
    if len(arrays) != 1 or (name == "divide" and arrays[0] != reads[0]):
        return None
    factors = [tape.nodes[read].value for read in reads if read not in arrays]
    factors += [np.asarray(part) for part in step.arguments if isinstance(part, int | float)]
    if any(factor.size != 1 for factor in factors):
        return None
    return arrays[0], -1 if np.prod([float(factor.reshape(-1)[0]) for factor in factors]) < 0 else 1


def is_root(tape: Tape, node: int) -> bool:
    """Whether a value is a square root, or one with an epsilon: what Adam and its kin divide by."""
    step = tape.steps[tape.nodes[node].step]
    name = getattr(step.function, "__name__", "")
    if name == "add" and step.reads:
        return any(is_root(tape, read) for read in step.reads)
    return name == "sqrt"


def named_within(tape: Tape, node: int, names: dict[int, list[str]]) -> int | None:
    """The nearest value under the name of a gradient that an update was made of."""
    shape, seen = tape.nodes[node].value.shape, set()
    waiting = [node]
    while waiting:
        here = waiting.pop(0)
        if here != node and any(is_gradient_name(name.rsplit(".", 1)[-1]) for name in names.get(here, ())):
            return here
        for read in tape.steps[tape.nodes[here].step].reads:
            if read not in seen and tape.nodes[read].value.shape == shape and len(seen) < 40:
                seen.add(read)
                waiting.append(read)
    return None
