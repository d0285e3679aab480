"""A small dense network as neurons and weights: lines are as thick as weights, and dashed where these are negative."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from tinygrad_scratch.drawing.digraph import Digraph
from tinygrad_scratch.drawing.dot import ARROW, BOX, KINDS
from tinygrad_scratch.drawing.expressions import Calls, reference
from tinygrad_scratch.drawing.formulas import PRODUCTS
from tinygrad_scratch.drawing.labels import text, width
from tinygrad_scratch.drawing.numbers import short
from tinygrad_scratch.graph import Node

MOST_NEURONS, MOST_WEIGHTS = 120, 2000
THINNEST, THICKEST = 0.3, 4.0
POSITIVE = {"color": "#2f7de1", "style": "solid"}
NEGATIVE = {"color": "#d9480f", "style": "dashed"}
NEURON = {"shape": "circle", "fixedsize": "true", "width": "0.55", "fontsize": "10", "style": "filled"}
TITLE = {"shape": "plaintext", "fontsize": "13", "fontcolor": "#64748b"}
ACROSS, DOWN = 2, 0.7  # inches from neuron to neuron


@dataclass
class Layer:
    """A product of rows of activations and a matrix of weights."""

    given: Node
    weight: Node
    product: Node


def layers_of(nodes: Sequence[Node]) -> list[Layer]:
    """The dense layers of a network, each of which is as wide as the next one's rows are long.

    Raises ValueError where there are none, where they do not follow each other, and where they are too large to see.
    """
    found = []
    for node in nodes:
        if node.function in PRODUCTS and len(node.inputs) >= 2:
            given, weight = node.inputs[:2]
            if weight.kind == "parameter" and weight.value.ndim == 2:
                found.append(Layer(given, weight, node))
    if not found:
        raise ValueError(
            'view="neurons" draws dense layers, x @ weight with a weight of two axes that requires a gradient, and '
            "found none. Leave view= out to see the calls."
        )
    for layer, following in pairwise(found):
        if layer.weight.value.shape[1] != following.weight.value.shape[0]:
            raise ValueError(
                'view="neurons" draws layers one after the other, but a weight of shape '
                f"{following.weight.value.shape} can't follow one of shape {layer.weight.value.shape}. "
                "Leave view= out to see the calls."
            )
    neurons = found[0].weight.value.shape[0] + sum(layer.weight.value.shape[1] for layer in found)
    weights = sum(layer.weight.value.size for layer in found)
    if neurons > MOST_NEURONS or weights > MOST_WEIGHTS:
        raise ValueError(
            f'view="neurons" is for networks of at most {MOST_NEURONS} neurons and {MOST_WEIGHTS:,} weights, and this '
            f"one has {neurons:,} and {weights:,}. Leave view= out to see the calls."
        )
    return found


def neurons_text(nodes: Sequence[Node], known: Calls, cotangents: Mapping[int, Any], by_gradient: bool) -> str:
    """The DOT text. A neuron shows the mean of its activations over the samples; lines show weights, or gradients."""
    layers = layers_of(nodes)
    columns = [layer.given for layer in layers] + [last_value(layers[-1], nodes)]
    graph = {"bgcolor": "transparent", "layout": "neato", "splines": "line"}
    digraph = Digraph(graph, BOX, ARROW)
    sizes = [layer.weight.value.shape[0] for layer in layers] + [layers[-1].weight.value.shape[1]]
    for place, (node, units) in enumerate(zip(columns, sizes, strict=True)):
        kind = "input" if place == 0 else "output" if place == len(layers) else "operation"
        paint = {**NEURON, "fillcolor": KINDS[kind]["fillcolor"], "color": KINDS[kind]["color"], "class": kind}
        means = np.real(node.value).reshape(-1, units).mean(axis=0)
        top = DOWN * (units - 1) / 2
        add_title(digraph, f"c{place}", reference(node, known).text, ACROSS * place, top + DOWN)
        for unit, mean in enumerate(means.tolist()):
            name = f"n{place}_{unit}"
            pos = f"{ACROSS * place},{top - DOWN * unit:g}!"
            digraph.node(name, {"label": short(mean), "id": name, "pos": pos, **paint})
    for place, layer in enumerate(layers):
        shown = cotangents[layer.weight.order] if by_gradient else layer.weight.value
        name = f"{'∂' * by_gradient}{reference(layer.weight, known).text}"
        above = DOWN * (sum(sizes[place : place + 2]) / 4 + 0.25)  # the middle of the uppermost line
        add_title(digraph, f"w{place}", name, ACROSS * (place + 0.5), above)
        for tail, head, tip in lines_of(shown, name):
            digraph.edge(f"n{place}_{tail}", f"n{place + 1}_{head}", tip)
    return digraph.source


def add_title(digraph: Digraph, name: str, title: str, across: float, up: float) -> None:
    """What stands above neurons or lines, with room in wide fonts, too."""
    label = text(title)
    place = {"pos": f"{across:g},{up:g}!", "width": f"{width(label) / 72:.2f}"}
    digraph.node(name, {"label": f"<{label}>", **place, **TITLE})


def lines_of(weights: Any, name: str) -> list[tuple[int, int, dict[str, str]]]:
    """From where to where each weight leads, and how its line looks."""
    largest = float(np.max(np.abs(weights), initial=0.0, where=np.isfinite(weights))) or 1.0
    found = []
    for (tail, head), weight in np.ndenumerate(weights):
        size = min(abs(weight) / largest, 1.0) if np.isfinite(weight) else 1.0
        look = {
            "penwidth": f"{THINNEST + (THICKEST - THINNEST) * size:.2f}",
            "tooltip": f"{name}[{tail}, {head}] = {weight:.4g}".replace("\\", "\\\\"),
            "arrowhead": "none",
            **(NEGATIVE if weight < 0 else POSITIVE),
        }
        found.append((tail, head, look))
    return found


def last_value(layer: Layer, nodes: Sequence[Node]) -> Node:
    """What the last layer returns: the last value of its shape that is computed from its product alone."""
    found = layer.product
    for node in nodes:
        if found.name and found is not layer.product:
            break
        inside = [part for part in node.inputs if part.kind == "operation"]
        if node.order < found.order and inside == [found] and node.value.shape == found.value.shape:
            if any(part.kind == "constant" and isinstance(part.value, np.ndarray) for part in node.inputs):
                break
            found = node
    return found
