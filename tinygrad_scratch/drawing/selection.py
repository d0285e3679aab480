"""Which values of a graph are drawn: the newest calls and what they were given, and a count of the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from tinygrad_scratch.drawing.expressions import is_number
from tinygrad_scratch.graph import Graph, Node, split_record

MOST_COUNTED = 200_000  # values; of more it is said that there are more


@dataclass
class Selection:
    """The values to draw, oldest first, and how many of each kind are left out."""

    nodes: list[Node]
    outputs: list[Node]
    left_out: Counter[str]
    and_more: bool = False  # whether more are left out than were counted

    @property
    def operations(self) -> list[Node]:
        return [node for node in self.nodes if node.kind == "operation"]


def newest(graph: Graph, ends: Iterable[Any], limit: int) -> Selection:
    """The outputs, the newest `limit` operations, and at most as many of the leaves and arrays given to these.

    `graph` has the newest calls that led to `ends`, the output Tensors; what it lacks is counted.
    """
    outputs = list(dict.fromkeys(graph.outputs))
    values = [node for node in graph.nodes if not is_number(node)]
    operations = [node for node in values if node.function is not None][-limit:]
    inputs = dict.fromkeys(part for node in reversed(operations) for part in node.inputs)
    given = (part for part in inputs if part.kind != "operation" and not is_number(part))
    chosen = {*outputs, *operations, *islice(given, limit)}
    nodes = [node for node in values if node in chosen]
    counted, and_more = everything(ends)
    return Selection(nodes, outputs, counted - Counter(node.kind for node in nodes), and_more)


def everything(ends: Iterable[Any]) -> tuple[Counter[str], bool]:
    """How many values of each kind led to these Tensors, and whether there are more than were counted."""
    waiting = [end._record for end in ends if end._record is not None]
    met = {record[0] for record in waiting}
    constants = {id(end._value) for end in ends if end._record is None}
    leaves = 0
    while waiting and len(met) < MOST_COUNTED:
        record = waiting.pop()
        if record[1] is None:
            leaves += 1
            continue
        for argument, parent in zip(*split_record(record), strict=True):
            if parent is None:
                if type(argument) is np.ndarray:
                    constants.add(id(argument))
            elif parent[0] not in met:
                met.add(parent[0])
                waiting.append(parent)
    leaves += sum(record[1] is None for record in waiting)
    return Counter(operation=len(met) - leaves, parameter=leaves, constant=len(constants)), bool(waiting)
