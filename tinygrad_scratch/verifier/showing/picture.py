"""A check as a picture: the values that have names, painted by verdict, with the guilty edge in red.

It reads as `draw` does: down for the forward pass, and up along the dashed arrows for the hand-written backward pass.
The bridge to drawing is small: boxes and arrows of named values, with drawing's own colours, labels and renderer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from textwrap import wrap
from typing import Any

from tinygrad_scratch.drawing.digraph import Digraph
from tinygrad_scratch.drawing.dot import ARROW, BOX, CANVAS, GRADIENT_ARROW, KINDS
from tinygrad_scratch.drawing.expressions import shorten
from tinygrad_scratch.drawing.labels import bold, lines, matrix, quiet, table, text, width
from tinygrad_scratch.drawing.numbers import in_words, numbers_of
from tinygrad_scratch.drawing.picture import Drawing
from tinygrad_scratch.verifier.reading.source import right_side, statement_at
from tinygrad_scratch.verifier.recording.likeness import close
from tinygrad_scratch.verifier.showing.called import Names
from tinygrad_scratch.verifier.showing.findings import (
    CONSEQUENCE,
    CONVENTION,
    NOT_CHECKABLE,
    RIGHT,
    USED,
    WRONG,
    Findings,
    Mistake,
    Quantity,
)
from tinygrad_scratch.verifier.showing.quantities import Quantities, as_number

RED = "#dc2626"
LONGEST_CODE = 60
FORWARD = {"shape": "box", "style": "rounded,filled", "fillcolor": "#eef2f7", "color": "#64748b"}
PAINT = {
    RIGHT: {"style": "rounded,filled", "fillcolor": "#d3f2df", "color": "#15803d"},
    CONVENTION: {"style": "rounded,filled", "fillcolor": "#dbeafe", "color": "#1e40af"},
    WRONG: {"style": "filled", "fillcolor": "#fecaca", "color": RED, "penwidth": "3"},
    CONSEQUENCE: {"style": "rounded,filled,dashed", "fillcolor": "#fef3c7", "color": "#b45309"},
    NOT_CHECKABLE: {"style": "rounded,filled,dotted", "fillcolor": "#ffffff", "color": "#555555"},
    USED: {"style": "rounded,filled", "fillcolor": "#f5f5f5", "color": "#9ca3af"},
}
USE = {"color": "#94a3b8", "arrowsize": "0.6", "constraint": "false"}
GUILTY = {"color": RED, "fontcolor": RED, "penwidth": "2.5"}


def picture(check: Any, found: Findings, values: bool = False, limit: int = 200) -> Drawing:
    """The named values of a check; of more than `limit` hand-derived ones, the mistakes and the first are drawn."""
    if getattr(check, "case", None) is None:
        return nothing_judged(found)
    return Picture(check, found, values, limit).drawing()


def nothing_judged(found: Findings) -> Drawing:
    """One box that says why there is nothing to draw."""
    digraph = Digraph(CANVAS, BOX)
    said = [text(line) for line in wrap(found.problem or found.verdict, LONGEST_CODE)]
    label = f"<{table(f'<tr><td>{lines(said)}</td></tr>', 3)}>"
    digraph.node("problem", {"label": label, **KINDS["operation"], **PAINT[NOT_CHECKABLE]})
    return Drawing(digraph.source, "nothing was judged")


class Picture:
    """What is drawn: the hand-derived values, and the named values of the forward pass that they come from."""

    def __init__(self, check: Any, found: Findings, values: bool, limit: int) -> None:
        self.check = check
        self.case = check.case
        self.values = values
        self.judge = Quantities(check) if values else None
        guilty = {mistake.node for mistake in found.mistakes}
        chosen = sorted(found.quantities, key=lambda quantity: quantity.node not in guilty)[:limit]
        self.backward: dict[int, Quantity] = {quantity.node: quantity for quantity in chosen}
        self.mistakes: dict[int, Mistake] = {mistake.node: mistake for mistake in found.mistakes}
        self.left_out = len(found.quantities) - len(chosen)
        self.names = Names(check)
        self.forward = self._forward(limit)

    def _forward(self, limit: int) -> list[int]:
        named = [node for node in sorted(self.case.forward) if node in self.names.bound]
        return list(dict.fromkeys([*named[-limit:], self.check.truth.loss]))

    def drawing(self) -> Drawing:
        digraph = Digraph(CANVAS, BOX, ARROW)
        for node in self.forward:
            label = self.forward_label(node)
            digraph.node(f"n{node}", {"label": label, "class": "forward", **self.forward_paint(node)})
        for node, quantity in self.backward.items():
            paint = {"class": quantity.verdict.replace(" ", "-"), **KINDS["operation"], **PAINT[quantity.verdict]}
            digraph.node(f"n{node}", {"label": self.backward_label(quantity), **paint})
        for source, target, attributes in self.edges():
            digraph.edge(source, target, attributes)
        self.gradients_beside_values(digraph)
        if self.left_out:
            digraph.node("rest", {"label": f"<and {self.left_out:,} more>", **KINDS["rest"]})
        return Drawing(digraph.source, self.summary())

    def summary(self) -> str:
        count, wrong = len(self.backward), len(self.mistakes)
        return f"{count} hand-derived value{'s' * (count != 1)}, {wrong} wrong"

    # ---- boxes -------------------------------------------------------------------------------------------------------

    def forward_label(self, node: int) -> str:
        tape = self.check.tape
        place = tape.steps[tape.nodes[node].step].place
        name = self.names.bound.get(node, "loss" if node == self.check.truth.loss else "")
        event = next((event for event in self.check.events if event.node == node), None)
        made = tape.steps[tape.nodes[node].step].function is not None
        where = event.place if event is not None else place
        code = right_side(statement_at(where.file, where.line, name)) if made and where is not None else ""
        value = tape.nodes[node].value
        is_parameter = node in {parameter.node for parameter in self.check.parameters}
        return self.label(name or "loss", code, str(value.shape or "scalar"), {"": value}, is_parameter)

    def forward_paint(self, node: int) -> dict[str, str]:
        if node == self.check.truth.loss:
            return KINDS["output"]
        if node in {parameter.node for parameter in self.check.parameters}:
            return KINDS["parameter"]
        made = self.check.tape.steps[self.check.tape.nodes[node].step].function is not None
        return FORWARD if made else KINDS["constant"]

    def backward_label(self, quantity: Quantity) -> str:
        code = right_side(statement_at(quantity.where.file, quantity.where.line, quantity.name))
        is_part = quantity.name in code and not quantity.name.isidentifier()  # of several that are returned at once
        verdict = {WRONG: "WRONG", CONSEQUENCE: f"follows from {quantity.detail}"}.get(
            quantity.verdict, quantity.verdict
        )
        about = f"{verdict}: gradient of {quantity.of}" if quantity.of else verdict
        return self.label(quantity.name, "" if is_part else code, about, self.hand_and_true(quantity))

    def hand_and_true(self, quantity: Quantity) -> dict[str, Any]:
        """The numbers of a hand-derived value, and the true ones beside them where they differ."""
        value = as_number(self.check.tape.nodes[quantity.node].value)
        true = self.judge.true(quantity) if self.judge is not None else None
        if true is None or (true.shape == value.shape and close(value, true)):
            return {"": value}
        return {"yours": value, "true": true}

    def label(self, name: str, code: str, about: str, values: dict[str, Any], in_cylinder: bool = False) -> str:
        parts = [bold(text(shorten(name))), *([text(shorten(code, LONGEST_CODE))] if code else [])]
        parts.append(quiet(text(shorten(about, 60))))
        rows = [f'<tr><td width="{max(map(width, parts))}">{lines(parts)}</td></tr>']
        if self.values:
            sides = [(title, in_words(numbers_of(value))) for title, value in values.items()]
            shown = [(title, matrix(numbers, None)) for title, numbers in sides if numbers]
            rows += [f"<tr><td>{table(side_by_side(shown), 2)}</td></tr>"] * bool(shown)
        rim = "".join(rows).count("<tr>") // 2 if in_cylinder else 0  # the taller a cylinder, the deeper its rim
        return f"<{table(''.join(rows), 3 + rim)}>"

    # ---- arrows ------------------------------------------------------------------------------------------------------

    def edges(self) -> Iterator[tuple[str, str, dict[str, str]]]:
        forward = set(self.forward)
        for node in self.forward:
            for source in self.nearest(node, forward):
                yield f"n{source}", f"n{node}", {}
        for node in self.backward:
            sources = self.nearest(node, forward | self.backward.keys())
            guilty, missing = self.guilty_edges(node, sources)
            for source in sources:
                red = GUILTY if source in guilty else {}
                if source in self.backward:
                    yield f"n{node}", f"n{source}", {**GRADIENT_ARROW, **red}
                else:
                    yield f"n{source}", f"n{node}", {**USE, **red}
            for source in missing:
                yield f"n{source}", f"n{node}", {**USE, **GUILTY, "style": "dashed", "label": "missing"}

    def nearest(self, node: int, drawn: set[int]) -> list[int]:
        """The drawn values that a value was made from."""
        found: dict[int, None] = {}
        waiting, seen = sorted(self.case.parents[node]), set()
        while waiting:
            parent = waiting.pop()
            if parent in drawn:
                found[parent] = None
            elif parent not in seen:
                seen.add(parent)
                waiting += sorted(self.case.parents[parent])
        return sorted(found)

    def guilty_edges(self, node: int, sources: list[int]) -> tuple[set[int], list[int]]:
        """Of a wrong step, what it should not have been made from, and what it should have been."""
        mistake = self.mistakes.get(node)
        if mistake is None:
            return set(), []
        written = names_in(mistake.written.text)
        right = names_in(mistake.right.text) if mistake.right else written
        known = {source: self.names.of(source) for source in (*self.forward, *self.backward)}
        missing = [source for source, name in known.items() if name in right - written and source < node]
        wrong = {source for source in sources if known[source] in written - right}
        part = {source for source in sources if known[source] in names_in(mistake.written.part)}
        return wrong or (set() if missing else part or set(sources)), missing

    def gradients_beside_values(self, digraph: Digraph) -> None:
        """The first gradient of each forward value stands beside it."""
        taken: set[int] = set()
        for node, quantity in self.backward.items():
            if quantity.target in self.forward and quantity.target not in taken:
                taken.add(quantity.target)
                with digraph.subgraph(f"row{node}", {"rank": "same"}):
                    digraph.node(f"n{quantity.target}")
                    digraph.node(f"n{node}")


def side_by_side(found: list[tuple[str, str]]) -> str:
    """Rows of a table: titles, where there are any, and below each what it is the title of."""
    titles = "<vr/>".join(f"<td>{quiet(text(title))}</td>" for title, _ in found if title)
    parts = "<vr/>".join(f"<td>{part}</td>" for _, part in found)
    return f"{f'<tr>{titles}</tr>' if titles else ''}<tr>{parts}</tr>"


def names_in(code: str) -> set[str]:
    """The names in a text of code, without `self.`; of `a.T` both `a.T` and `a`."""
    found = {name.removeprefix("self.") for name in re.findall(r"[^\W\d][\w.]*", code)}
    return found | {name.rpartition(".")[0] for name in found if "." in name}
