"""From a graph to what a drawing shows: a box for each item, arrows, frames, derivatives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from tinygrad_scratch.backward import walk
from tinygrad_scratch.costs import multiply_adds, own_bytes, seconds
from tinygrad_scratch.drawing.clusters import Frame
from tinygrad_scratch.drawing.data import REST, Arrow, Box, Cluster, Scene, Source, Step
from tinygrad_scratch.drawing.expressions import (
    ATOM,
    LONGEST_PART,
    Calls,
    Expression,
    arguments,
    calls,
    is_number,
    plain,
    ranged,
    reference,
    shorten,
)
from tinygrad_scratch.drawing.formulas import chain, over_rounds
from tinygrad_scratch.drawing.items import Item, places
from tinygrad_scratch.drawing.parts import add_parts
from tinygrad_scratch.drawing.selection import Selection
from tinygrad_scratch.drawing.troubles import add_numbers
from tinygrad_scratch.graph import Node
from tinygrad_scratch.rules.registry import DEFINITIONS, label
from tinygrad_scratch.watching import Place

L = Expression("L")
Use: TypeAlias = tuple[Node, int, Node, list[Node]]  # a call, the place of an argument, it, and all calls of the box
MOST_FORMULAS = 4  # terms of a sum of cotangents that are written out


@dataclass
class Builder:
    """What is known while a scene is made."""

    selection: Selection
    items: list[Item]
    cotangents: dict[int, Any]
    place_of: Callable[[int], Place | None] = lambda order: None
    given: frozenset[int] = frozenset()  # identities of the values that a function was given
    timed: bool = False
    known: Calls = field(init=False)
    where: dict[Node, Item] = field(init=False)
    ids: dict[Item, str] = field(init=False)
    top: Expression = field(init=False)

    def __post_init__(self) -> None:
        inside = {node for item in self.items if not item.is_fold for node in item.nodes[:-1]}
        rounds = {alike[0]: alike for item in self.items if item.others for alike in zip(*item.rounds, strict=False)}
        self.known = calls(self.selection.operations, inside, rounds)
        self.where = places(self.items)
        self.ids = {item: f"n{place}" for place, item in enumerate(self.items)}
        self.top = top_of(self.selection.outputs)

    @property
    def ids_of_nodes(self) -> dict[Node, str]:
        return {node: self.ids[item] for node, item in self.where.items()}

    def scene(self) -> Scene:
        """All that is drawn."""
        scene = Scene(counts=self.counts(), top=self.top.text)
        clusters = self.add_clusters(scene)
        scene.boxes = [self.box(item, clusters) for item in self.items]
        if self.selection.left_out:
            scene.boxes.append(rest(self.selection))
        scene.arrows = self.arrows()
        if self.selection.outputs:
            self.add_formulas(scene)
        add_numbers(scene, self.items, self.cotangents)
        add_parts(scene, self.ids, self.where, self.cotangents)
        return scene

    def counts(self) -> Counter[str]:
        """How many values of each kind the whole graph has."""
        return self.selection.left_out + Counter(map(self.kind_of, self.selection.nodes))

    # ---- frames ------------------------------------------------------------------------------------------------------

    def add_clusters(self, scene: Scene) -> dict[Frame, Cluster]:
        found: dict[Frame, Cluster] = {}
        inner: dict[str | None, int] = {}
        for item in self.items:
            parent: str | None = None
            for frame in item.around:
                if frame not in found:
                    place = inner[parent] = inner.get(parent, -1) + 1
                    kind = "module" if frame.module is not None else "repeat"
                    name = f"{parent or 'cluster'}_{place}"
                    found[frame] = Cluster(name, frame.title, frame.path, kind, parent, rounds=frame.rounds)
                parent = found[frame].id
                found[frame].parameters += parameters_in(item)
        scene.clusters = list(found.values())
        return found

    # ---- boxes -------------------------------------------------------------------------------------------------------

    def box(self, item: Item, clusters: dict[Frame, Cluster]) -> Box:
        node = item.last
        expression = self.known[node].text if node in self.known else None
        operations = [part for part in item.everything if part.kind == "operation"]
        title = item.title or (shorten(node.name) if node.name else expression or node.kind)
        return Box(
            id=self.ids[item],
            kind=self.kind(item),
            title=title,
            name=node.name,
            operation=label(node.function) if node.kind == "operation" and not item.is_fold else None,
            attributes=attributes([nodes[-1] for nodes in item.rounds]),
            expression=expression,
            shape=node.value.shape,
            dtype=str(node.value.dtype),
            cotangent=self.cotangent(item) if node.requires_grad else None,
            source=source_of(self.place_of(node.order)),
            multiply_adds=sum(map(multiply_adds, operations)),
            bytes=sum(map(own_bytes, operations)) if operations else int(node.value.nbytes),
            seconds=sum(map(seconds, operations)) if self.timed and operations else None,
            parameters=parameters_in(item),
            count=len(operations),
            rounds=len(item.rounds),
            path=item.path,
            cluster=clusters[item.around[-1]].id if item.around else None,
        )

    def kind(self, item: Item) -> str:
        if item.is_fold:
            return "fold"
        kind = self.kind_of(item.last)
        return "output" if kind == "operation" and item.last in self.selection.outputs else kind

    def kind_of(self, node: Node) -> str:
        if node.kind == "operation":
            return node.kind
        is_input = id(node.value) in self.given or (node.kind == "constant" and node.name is not None)
        return "input" if is_input else node.kind

    def cotangent(self, item: Item) -> str:
        """∂J/∂z, where J is the output, if that is one real number with a name; else L, any number made of them."""
        text = f"∂{self.top.within(ATOM)}/∂{self.called(item).within(ATOM)}"
        return f"{text} = 1" if self.is_top(item) else text

    def called(self, item: Item) -> Expression:
        """What a box is called in a derivative."""
        if item.is_fold and not item.last.name:
            return Expression(shorten(item.path or (item.title or "").split("(")[0], LONGEST_PART))
        return reference(item.last, self.known)

    def is_top(self, item: Item) -> bool:
        return is_one(self.selection.outputs) and item.last is self.selection.outputs[0]

    # ---- arrows ------------------------------------------------------------------------------------------------------

    def arrows(self) -> list[Arrow]:
        found: dict[tuple[str, str], Arrow] = {}
        order = {item: place for place, item in enumerate(self.items)}
        rounds = {node: i for item in self.items for i, nodes in enumerate(item.rounds) for node in nodes}
        for item in self.items:
            for node in item.everything:
                for part in node.inputs:
                    tail = self.where.get(part)
                    inside = tail is item and rounds[part] == rounds[node]
                    if is_number(part) or inside or (tail is None and not self.selection.left_out):
                        continue
                    ends = self.ids[tail] if tail is not None else REST, self.ids[item]
                    arrow = found.get(ends)
                    if arrow is None:
                        again = tail is not None and order[tail] >= order[item]
                        shape = np.shape(part.value)
                        found[ends] = Arrow(f"e{len(found)}", *ends, 0, shape, part.requires_grad, again)
                    arrow = found[ends]
                    arrow.uses += rounds[node] == 0 and ends[0] != REST
                    arrow.gradient |= part.requires_grad
        return list(found.values())

    # ---- derivatives -------------------------------------------------------------------------------------------------

    def add_formulas(self, scene: Scene) -> None:
        """The derivative on each arrow, and for each cotangent how it is made of later ones."""
        arrows = {(arrow.tail, arrow.head): arrow for arrow in scene.arrows}
        boxes = {box.id: box for box in scene.boxes}
        terms: dict[str, list[str]] = {}
        for item in reversed(self.items):
            step = Step(self.ids[item], {})
            for uses in self.uses(item):
                part = uses[0][2]
                tail = self.where[part]
                factor = over_rounds([chain(node, place, inside, self.known) for node, place, _, inside in uses])
                arrow = arrows[self.ids[tail], self.ids[item]]
                own, of = self.called(item).within(ATOM), reference(part, self.known).within(ATOM)
                if arrow.derivative is None:
                    arrow.derivative = f"∂{own}/∂{of} = {factor.text}"
                text = factor.chained(None if self.is_top(item) else f"∂{self.top.within(ATOM)}/∂{own}")
                if len({part for _, _, part, _ in uses}) < len(uses):  # one value for several rounds
                    text = f"Σ {text}"
                terms.setdefault(self.ids[tail], []).append(text)
                before = step.formulas.get(self.ids[tail])
                step.formulas[self.ids[tail]] = f"{before} + {text}" if before else text
            if item.is_fold:
                folded = f"through {counted(Counter(operation=boxes[step.box].count))}"
                step.formulas = {
                    tail: folded for (tail, head), arrow in arrows.items() if head == step.box and arrow.gradient
                }
            if step.formulas:
                scene.steps.append(step)
        for name, parts in terms.items():
            few = len(parts) <= MOST_FORMULAS
            boxes[name].formula = " + ".join(parts) if few else f"the sum over {len(parts)} uses"

    def uses(self, item: Item) -> Iterable[list[Use]]:
        """Where a box that is no fold uses values of others that gradient flows to; each use in every round."""
        if item.is_fold:
            return ()
        found: dict[tuple[int, int, Item], list[Use]] = {}
        for inside in item.rounds:
            for i, node in enumerate(inside):
                for place, part in enumerate(arguments(node)):
                    tail = self.where.get(part) if isinstance(part, Node) and part.requires_grad else None
                    if tail is not None and part not in inside:
                        found.setdefault((i, place, tail), []).append((node, place, part, inside))
        return found.values()


def is_one(outputs: Sequence[Node]) -> bool:
    """Whether the output is one real number, so that a gradient is that of it."""
    return len(outputs) == 1 and outputs[0].value.size == 1 and outputs[0].value.dtype.kind == "f"


def top_of(outputs: Sequence[Node]) -> Expression:
    return reference(outputs[0], {}) if is_one(outputs) and outputs[0].name else L


def gradients_of(selection: Selection, tensor: Any) -> dict[int, Any]:
    """The cotangents of the drawn values, by their order; of leaves only where all that uses them is drawn."""
    operations = [node.order for node in selection.operations]
    oldest = max(operations, default=0) if selection.left_out else 0
    one = np.ones_like(tensor._value)
    found, _ = walk(tensor._record, one, set(operations), oldest)
    return found


def parameters_in(item: Item) -> int:
    return sum(node.value.size for node in item.everything if node.kind == "parameter")


def attributes(alike: Sequence[Node]) -> dict[str, str]:
    """The arguments of a call, or of the same one in several rounds, that are no arrays, by name: axis, stride."""
    node = alike[0]
    names = getattr(DEFINITIONS.get(node.function), "names", ())
    found = {}
    for name, parts in zip(names, zip(*map(arguments, alike), strict=False), strict=False):
        if not isinstance(parts[0], Node):
            found[name] = ranged([*map(plain, parts)]).text
    return found | {name: plain(value).text for name, value in node.keywords.items()}


def rest(selection: Selection) -> Box:
    """How many values are not drawn."""
    more = "more than " if selection.and_more else ""
    title = f"and {more}{counted(selection.left_out)}".replace(" operation", " earlier operation")
    return Box(REST, "rest", title, count=selection.left_out["operation"])


def counted(kinds: Counter[str]) -> str:
    """How many values there are of each kind, in words."""
    order = ("operation", "parameter", "input", "constant")
    return ", ".join(f"{n:,} {kind}{'s' * (n != 1)}" for kind in order if (n := kinds[kind]))


def source_of(place: Place | None) -> Source | None:
    """What is shown of a line, where it is known; its file as seen from here, if it lies below."""
    if place is None:
        return None
    path, here = Path(place.file), Path.cwd()
    file = path.relative_to(here).as_posix() if path.is_relative_to(here) else place.file
    return Source(file, place.line, place.code)
