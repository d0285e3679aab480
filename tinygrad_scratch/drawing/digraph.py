"""DOT text, statement by statement: nodes, edges, and subgraphs around them.

The `graphviz` package writes the graph; what is in it is written here, as there may be thousands of statements, and
that package quotes an attribute in 17 µs, and `quoted` in 1 µs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import TypeAlias

Attributes: TypeAlias = Mapping[str, str]
NONE: Attributes = MappingProxyType({})
WORD = re.compile(r"[A-Za-z_][A-Za-z_0-9]*|-?([0-9]+(\.[0-9]*)?|\.[0-9]+)")  # what DOT reads without quotes
KEYWORDS = ("node", "edge", "graph", "digraph", "subgraph", "strict")


class Digraph:
    r"""A directed graph, and what holds of it, of all its nodes and of all its edges.

    Names are those of the program, plain words. In the value of an attribute a backslash begins an escape, as DOT has
    it, and a label between angle brackets is HTML-like.

    >>> digraph = Digraph({"nodesep": "0.3"})
    >>> with digraph.subgraph("cluster_0", {"label": "a frame"}):
    ...     digraph.node("a", {"label": "<<b>a</b>>", "tooltip": 'the "first"'})
    >>> digraph.edge("a", "b")
    >>> print(digraph.source.expandtabs(2))
    digraph {
      graph [nodesep=0.3]
      subgraph cluster_0 {
        graph [label="a frame"]
        a [label=<<b>a</b>> tooltip="the \"first\""]
      }
      a -> b
    }
    <BLANKLINE>
    """

    def __init__(self, graph: Attributes, node: Attributes = NONE, edge: Attributes = NONE) -> None:
        self._defaults = {"graph_attr": graph, "node_attr": node, "edge_attr": edge}
        self._lines: list[str] = []
        self._margin = "\t"

    @property
    def source(self) -> str:
        from graphviz import Digraph  # only who draws waits for its import

        return str(Digraph(body=[line + "\n" for line in self._lines], **self._defaults).source)

    def node(self, name: str, attributes: Attributes = NONE) -> None:
        self._lines.append(self._margin + name + listed(attributes))

    def edge(self, tail: str, head: str, attributes: Attributes = NONE) -> None:
        """An end may name a port of its node and a side of that: `n1:value:s`."""
        self._lines.append(f"{self._margin}{tail} -> {head}{listed(attributes)}")

    @contextmanager
    def subgraph(self, name: str, attributes: Attributes) -> Iterator[None]:
        """What is added meanwhile is in it; one whose name begins with `cluster` is drawn as a frame."""
        margin = self._margin
        self._lines.append(f"{margin}subgraph {name} {{")
        self._margin += "\t"
        self._lines.append(f"{self._margin}graph{listed(attributes)}")
        yield
        self._margin = margin
        self._lines.append(f"{margin}}}")


def listed(attributes: Attributes) -> str:
    """Attributes in brackets, and a space before; nothing where there are none."""
    texts = [
        f"{name}={value if name == 'label' and value.startswith('<') else quoted(value)}"
        for name, value in attributes.items()
    ]
    return f" [{' '.join(texts)}]" if texts else ""


def quoted(value: str) -> str:
    if WORD.fullmatch(value) and value.lower() not in KEYWORDS:
        return value
    return '"' + value.replace('"', '\\"') + '"'
