"""Which values of a graph are drawn: the newest calls and what they were given, and a count of the rest."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import islice

from tinygrad_scratch.drawing.expressions import is_number
from tinygrad_scratch.graph import Graph, Node


@dataclass
class Selection:
    """The values to draw, oldest first, and how many of each kind are left out."""

    nodes: list[Node]
    outputs: set[Node]
    left_out: Counter[str]

    @property
    def operations(self) -> list[Node]:
        return [node for node in self.nodes if node.kind == "operation"]

    @property
    def all_kinds(self) -> Counter[str]:
        """How many values of each kind the whole graph has."""
        return self.left_out + Counter(node.kind for node in self.nodes)


def newest(graph: Graph, limit: int) -> Selection:
    """The outputs, the newest `limit` operations, and at most as many of the leaves and arrays given to these."""
    outputs = set(graph.outputs)
    values = [node for node in graph.nodes if not is_number(node)]
    operations = [node for node in values if node.kind == "operation"][-limit:]
    inputs = dict.fromkeys(part for node in reversed(operations) for part in node.inputs)
    given = (part for part in inputs if part.kind != "operation" and not is_number(part))
    chosen = {*outputs, *operations, *islice(given, limit)}
    left_out = Counter(node.kind for node in values if node not in chosen)
    return Selection([node for node in values if node in chosen], outputs, left_out)
