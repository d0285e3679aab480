"""DOT text, statement by statement: nodes, edges, and subgraphs around them."""

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
        self._lines = ["digraph {"]
        self._margin = "\t"
        self._defaults(graph=graph, node=node, edge=edge)

    @property
    def source(self) -> str:
        return "\n".join([*self._lines, "}", ""])

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
        self._defaults(graph=attributes)
        yield
        self._margin = margin
        self._lines.append(f"{margin}}}")

    def _defaults(self, **kinds: Attributes) -> None:
        self._lines += [self._margin + kind + listed(attributes) for kind, attributes in kinds.items() if attributes]


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
