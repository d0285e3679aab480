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
    """The array in `rate * g` or `g / n`, and the sign that it comes with."""
    sign = 1
    while True:
        step = tape.steps[tape.nodes[node].step]
        name = getattr(step.function, "__name__", "")
        if name == "negative":
            node, sign = step.reads[0], -sign
            continue
        arrays = [read for read in step.reads if tape.nodes[read].value.shape == tape.nodes[node].value.shape]
        factors = [read for read in step.reads if read not in arrays]
        literals = [part for part in step.arguments if isinstance(part, int | float)] if step.function is not None else []
        if name == "multiply" and len(arrays) == 2 and tape.nodes[node].value.size == 1:
            rates = [read for read in arrays if tape.steps[tape.nodes[read].step].function is None]
            arrays, factors = ([read for read in arrays if read not in rates], rates) if len(rates) == 1 else (arrays, factors)
        if name not in ("multiply", "divide") or len(arrays) != 1 or (name == "divide" and arrays[0] != step.reads[0]):
            return node, sign
        if any(tape.nodes[read].value.size != 1 for read in factors):
            return node, sign
        scale = [float(tape.nodes[read].value.reshape(-1)[0]) for read in factors] + [float(part) for part in literals]
        sign *= -1 if np.prod(scale) < 0 else 1
        node = arrays[0]
