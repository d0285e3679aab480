"""What the page knows beyond the picture: every value and cotangent in numbers, and the backward pass step by step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_scratch.backward import conform, pull_back
from tinygrad_scratch.drawing.clusters import ModuleCall, nested
from tinygrad_scratch.drawing.expressions import Calls, calls, is_number, reference
from tinygrad_scratch.drawing.page_rules import first_line, formula
from tinygrad_scratch.drawing.labels import cotangent_name, counted
from tinygrad_scratch.drawing.page_numbers import numbers
from tinygrad_scratch.drawing.selection import Selection
from tinygrad_scratch.graph import Node, ancestors
from tinygrad_scratch.rules.registry import DEFINITIONS, Several, label


def page_data(selection: Selection, outputs: Any) -> dict[str, Any]:
    """The drawn values, their edges, the frames around them and the steps of the backward pass, as plain values."""
    ids = {node: f"n{place}" for place, node in enumerate(selection.nodes)}
    known = calls(selection.operations)
    nodes = {ids[node]: described(node, known, selection.outputs) for node in selection.nodes}
    clusters: list[dict[str, Any]] = []
    put_in_clusters(nested(selection), "cluster", None, ids, nodes, clusters)
    steps = list(backward_steps(selection, ids, known, outputs, nodes))
    edges = dict.fromkeys(
        (ids.get(part, "rest"), ids[node]) for node in selection.operations for part in node.inputs if not is_number(part)
    )
    return {
        "title": outputs[0].name or "Computation graph",
        "seeds": [ids[node] for node in selection.nodes if node in selection.outputs],
        "summary": counted(selection.all_kinds),
        "nodes": nodes,
        "edges": list(edges),
        "clusters": clusters,
        "steps": steps,
    }


def described(node: Node, known: Calls, outputs: set[Node]) -> dict[str, Any]:
    expression = known[node].text if node in known else ""
    return {
        "kind": "output" if node.kind == "operation" and node in outputs else node.kind,
        "title": node.name or expression or node.kind,
        "expression": expression,
        "operation": label(node.function) if node.function else "",
        "shape": str(node.value.shape),
        "dtype": str(node.value.dtype),
        "value": numbers(node.value),
        "cotangent": cotangent_name(node, known, outputs).removesuffix(" = 1") if node.requires_grad else "",
        "gradient": None,
        "rules": [],
        "source": None,
        "cluster": None,
    }


def put_in_clusters(
    call: ModuleCall,
    name: str,
    parent: str | None,
    ids: dict[Node, str],
    nodes: dict[str, Any],
    clusters: list[dict[str, Any]],
) -> None:
    for node in call.nodes:
        nodes[ids[node]]["cluster"] = parent
    for place, inner in enumerate(call.inner):
        inner_name = f"{name}_{place}"
        clusters.append({"id": inner_name, "title": inner.title, "path": inner.path, "parent": parent})
        put_in_clusters(inner, inner_name, inner_name, ids, nodes, clusters)


def backward_steps(
    selection: Selection, ids: dict[Node, str], known: Calls, outputs: Any, nodes: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """One step an operation, newest first: its cotangent, and the part of it that each of its inputs is given."""
    by_order = {node.order: node for node in selection.nodes if node.requires_grad}
    cotangents: dict[int, Any] = {}
    for output in outputs:
        if output._record is not None:
            order = output._record[0]
            cotangents[order] = cotangents.get(order, 0) + np.ones_like(output._value)
    for record in reversed(ancestors(*(output._record for output in outputs))):
        g = cotangents.pop(record[0], None)
        node = by_order.get(record[0])
        if g is None or node is None:
            continue
        found = nodes[ids[node]]
        found["gradient"] = numbers(g)
        if record[1] is None:
            continue
        rules = rule_texts(node)
        found["rules"] = [
            {"name": name, "formula": text, "means": reference(operand, known).text}
            for name, text, operand in rules
        ]
        parts = []
        for (parent, argument, part), (name, text, operand) in zip(pull_back(record, g, False), rules, strict=True):
            if part.shape != argument.shape or part.dtype is not argument.dtype:
                part = conform(part, argument, record[1])
            before = cotangents.get(parent[0])
            cotangents[parent[0]] = part if before is None else before + part
            shown = {"to": ids.get(operand, "rest"), "name": name, "formula": text, "numbers": numbers(part)}
            if before is not None:
                shown["sum"] = numbers(cotangents[parent[0]])
            parts.append(shown)
        yield {"node": ids[node], "parts": parts}


def rule_texts(node: Node) -> list[tuple[str, str, Node]]:
    """For each operand that a gradient flows to: its parameter, the rule as text, and the operand."""
    definition = DEFINITIONS.get(node.function)
    found = []
    names = list(definition.names_of(node.operands)) if definition else []
    for place, operand in enumerate(node.operands):
        if isinstance(operand, Node) and operand.requires_grad:
            name = names[place] if place < len(names) else str(place)
            rule = definition.rules.get(name) if definition else None
            text = ""
            if rule is not None:
                try:
                    text = formula(rule, name) or first_line(rule)
                except (OSError, TypeError, SyntaxError):
                    text = first_line(rule)
            found.append((name, text, operand))
    return found
