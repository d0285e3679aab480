"""The numbers of each box, what is wrong with them, and where that first arises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_scratch.drawing.data import REST, Scene
from tinygrad_scratch.drawing.items import Item
from tinygrad_scratch.drawing.numbers import Numbers, numbers_of_each
from tinygrad_scratch.functional import relu

MOST_NUMBERS = 10_000_000  # numbers in a graph whose statistics are taken unasked
VANISHING, EXPLODING = 1e-7, 1e4  # root mean square of a gradient, where that of the output is 1

NAN, INFINITE, DEAD = "NaN", "infinite", "dead"
VANISHES, EXPLODES, NO_GRADIENT = "gradient vanishes", "gradient explodes", "no gradient"


def add_numbers(scene: Scene, items: Sequence[Item], cotangents: Mapping[int, Any]) -> None:
    """Give each box its numbers and what is wrong with them; of many that nobody asked for, none are taken."""
    total = sum(node.value.size for item in items for node in item.nodes)
    if total > MOST_NUMBERS and not cotangents:
        return
    before: dict[str, list[str]] = {}
    after: dict[str, list[str]] = {}
    for arrow in scene.arrows:
        before.setdefault(arrow.head, []).append(arrow.tail)
        after.setdefault(arrow.tail, []).append(arrow.head)
    values: dict[str, list[str]] = {REST: []}
    gradients: dict[str, list[str]] = {REST: []}
    drawn = scene.boxes[: len(items)]  # but the rest
    known = [item for item in items if item.last.requires_grad and item.last.order in cotangents]
    found = dict(zip(known, numbers_of_each([cotangents[item.last.order] for item in known]), strict=True))
    numbers = numbers_of_each([item.last.value for item in items])
    for item, box, own in zip(items, drawn, numbers, strict=True):
        node = item.last
        box.value = own
        values[box.id] = troubles_of_value(node.value, own, node.function) + hidden_troubles(item)
        box.gradient = found.get(item)
        gradients[box.id] = troubles_of_gradient(box.gradient) if box.gradient is not None else []
    for box in drawn:
        box.troubles = list(dict.fromkeys(values[box.id] + gradients[box.id]))
        earlier = {trouble for other in before.get(box.id, ()) for trouble in values[other]}
        later = {trouble for other in after.get(box.id, ()) for trouble in gradients[other]}
        box.first_troubles = [
            trouble for trouble in box.troubles if trouble not in (earlier if trouble in values[box.id] else later)
        ]


def hidden_troubles(item: Item) -> list[str]:
    """NaN and infinity in the values that a box has inside."""
    inner = [node for node in item.everything if node is not item.last and node.value.dtype.kind in "fc"]
    bad = [node.value for node in inner if not np.isfinite(node.value).all()]
    return [NAN] * any(np.isnan(value).any() for value in bad) + [INFINITE] * any(np.isinf(v).any() for v in bad)


def troubles_of_value(value: Any, numbers: Numbers, function: Any) -> list[str]:
    """What is wrong with a value: NaN, infinity, or units that answer 0 to every sample."""
    found = [NAN] * bool(numbers.nan) + [INFINITE] * bool(numbers.infinite)
    if function in (relu, np.maximum) and value.size > 1 and numbers.zeros:
        rows = value.reshape(-1, value.shape[-1]) if value.ndim > 1 else value.reshape(1, -1)
        if (len(rows) > 1 and not rows.any(axis=0).all()) or not rows.any():
            found.append(DEAD)
    return found


def troubles_of_gradient(numbers: Numbers) -> list[str]:
    """What is wrong with a gradient: NaN, infinity, far too small, far too large, or nothing but zeros."""
    if numbers.nan or numbers.infinite:
        return [f"gradient {NAN}"] * bool(numbers.nan) + [f"gradient {INFINITE}"] * bool(numbers.infinite)
    if numbers.size and numbers.zeros == numbers.size:
        return [NO_GRADIENT]
    size = numbers.root_mean_square
    if 0 < size < VANISHING:
        return [VANISHES]
    return [EXPLODES] if size > EXPLODING else []
