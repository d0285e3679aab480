"""Where the gradients of a person's code ended: returned, stored on objects, or in a flat vector of all of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tinygrad_scratch.verifier.reading.names import SUFFIXES, is_gradient_name
from tinygrad_scratch.verifier.recording.holders import parts_of
from tinygrad_scratch.verifier.recording.parameters import DEPTH
from tinygrad_scratch.verifier.recording.recorded import Recorded
from tinygrad_scratch.verifier.recording.tape import Tape

Given = tuple[str, int]  # the path that leads to a gradient, and its node


def gradients_in(value: Any, path: str = "", depth: int = 6) -> Iterator[tuple[str, Recorded]]:
    """The recorded arrays in what a backward pass returned, each with the path that leads to it."""
    if type(value) is Recorded:
        yield path, value
    elif depth:
        for key, name, part in parts_of(value, path):
            text = name if not isinstance(key, str) else f"{path}.{key}" if path else key
            yield from gradients_in(part, text.removeprefix("[").removesuffix("]") if not path else text, depth - 1)


def plain_numbers_in(value: Any) -> list[str]:
    """What stands as a plain number in a dict or an object that backward returned, of which nothing is known."""
    parts = parts_of(value, "") if not isinstance(value, tuple | list) else ()
    return [str(key) for key, _, part in parts if isinstance(part, int | float)]


def stored_gradients(
    value: Any, path: str = "", seen: set[int] | None = None, inside: bool = False, depth: int = DEPTH
) -> Iterator[tuple[str, Recorded]]:
    """The recorded arrays that an object keeps under names of gradients: `dW`, `grads["W1"]`, `layer.grad`.

    They are looked for by the ways on which parameters are, so that both have the names of what holds them.
    """
    seen = set() if seen is None else seen
    if id(value) in seen or not depth or len(seen) > 5000:
        return
    seen.add(id(value))
    parts = list(parts_of(value, path))
    keys = {key for key, _, _ in parts if isinstance(key, str)}
    for key, name, part in parts:
        called = isinstance(key, str) and (is_gradient_name(key) or is_of_another(key, keys))
        named = inside or (called and keys.isdisjoint({f"d{key}", f"d_{key}"}))  # a gain g, next to dg, is none
        if type(part) is Recorded:
            if named and part.is_used:
                yield name.removeprefix("."), part
        else:
            yield from stored_gradients(part, name, seen, named, depth - 1)


def is_of_another(key: str, keys: set[str]) -> bool:
    """Whether a name is another one with a d before it, or a word for gradients behind: `dk`, `k_diff` next to `k`.

    So is a word for gradients beside one for what they are of: `deriv` next to `value`.
    """
    if key.startswith("deriv"):
        return not keys.isdisjoint({"value", "val", "values", "param", "weight", "data"})
    return (key.startswith("d") and key[1:].lstrip("_") in keys) or SUFFIXES.sub("", key) in keys - {key}


# ---- a flat vector of all gradients ----------------------------------------------------------------------------------

JOINING = {"concatenate", "concat", "hstack", "append", "vstack", "stack", "r_", "block", "array"}
SHAPING = {
    "reshape",
    "ravel",
    "flatten",
    "copy",
    "asarray",
    "array",
    "squeeze",
    "atleast_1d",
    "T",
    "transpose",
    "astype",
}


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
