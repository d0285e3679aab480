"""Parameters without gradients, as a loop over layers ends too early: told where all others of their list are right."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case, Repair
from tinygrad_scratch.verifier.explaining.explain import Cause
from tinygrad_scratch.verifier.reading.names import listed
from tinygrad_scratch.verifier.reading.places import Place
from tinygrad_scratch.verifier.reading.source import text_of
from tinygrad_scratch.verifier.recording.events import Event
from tinygrad_scratch.verifier.recording.parameters import Parameter
from tinygrad_scratch.verifier.rewriting.quiet import loud_names
from tinygrad_scratch.verifier.rewriting.rewrite import CHANGED, NAMED, Rewrite
from tinygrad_scratch.verifier.rewriting.statements import rewrites_at
from tinygrad_scratch.verifier.rewriting.text import source_of
from tinygrad_scratch.verifier.rewriting.unchecked import Unchecked
from tinygrad_scratch.verifier.truths.truth import is_transposed
from tinygrad_scratch.verifier.trying.hit import Hit
from tinygrad_scratch.verifier.trying.search import Search, is_like

PLACE = re.compile(r"\[\d+\]|(?<=[A-Za-z_])\d+(?=.\])")
MEANT = re.compile(r"fr(?:ee|o)z|fixed|(?:un|not|pre)[\s_-]?train|trainable|transfer[\s_-]?learn", re.IGNORECASE)
"""What people write where a layer is left as it is on purpose."""


@dataclass
class LeftOut(Search):
    """The changes of the heads of loops with which some parameters get their gradients, too, and all are right."""

    names: tuple[str, ...] = ()  # of the parameters

    def found(self) -> list[Hit]:
        self.goals = []
        self.loud, unchecked = loud_names(self.own), Unchecked(self.own)
        changes = [(file, rewrite) for file, line in self.heads() for rewrite in off_by_one(file, line)]
        tried = (change for change in changes if not unchecked.calls(*change) and not self.calls_loudly(*change))
        every = (hit for change in tried if self.time_left() > 0 and (hit := self.hit(*change)) is not None)
        found = [hit for hit in every if set(self.names) <= {f.parameter.name for f in hit.check.case.finals}]
        return sorted(found, key=lambda hit: len(hit.right))

    def is_repeatable(self) -> bool:
        """Whether the calls, made once more, leave the same gradients."""
        case = getattr(self.recorded(), "case", None)
        return case is not None and is_like(self.case, case)

    def heads(self) -> list[tuple[str, int]]:
        """The loops that the backward pass counts in, but for those of texts that speak of layers left as they are."""
        return [
            (file, node.lineno)
            for file, lines in sorted(self.lines.items())
            for node in source_of(text_of(file)).statements
            if isinstance(node, ast.For) and node.lineno in lines and not MEANT.search(text_of(file))
        ]


def off_by_one(file: str, line: int) -> list[Rewrite]:
    every = rewrites_at(source_of(text_of(file)), line)
    return [each for each in every if each.kind == "off-by-one" and each.tier in (CHANGED, NAMED)]


def without_gradients(case: Case, lacking: Iterable[Parameter]) -> dict[str, int]:
    """What is in a list with others that have gradients, and has none, though the loss depends on it.

    It may be lacking as a parameter already. The transpose of one of the others is no parameter of its own.
    """
    trained = {final.parameter.name for final in case.finals}
    lists = {PLACE.sub("#", name) for name in trained if PLACE.search(name)}
    nodes = {final.parameter.node for final in case.finals}
    named = ((event.name.removeprefix("self."), event.node) for event in case.events)
    known = [*((each.name, each.node) for each in lacking), *named]
    found: dict[str, int] = {}
    for name, node in known:
        is_one = PLACE.sub("#", name) in lists and name not in trained
        step = case.step_of(node)
        is_tied = is_transposed(step) and nodes.issuperset(step.reads)
        if is_one and node not in nodes and not is_tied and is_given(case, node):
            found.setdefault(name, node)
    return found


def is_given(case: Case, node: int) -> bool:
    """Whether a value is one that the loss begins with, and depends on."""
    slope = case.truth.cotangents.get(node)
    return slope is not None and bool(np.any(slope)) and case.is_begun(node)


def told_of_loop(case: Case, hits: list[Hit], names: list[str], of: int) -> tuple[Repair, Cause]:
    """The wrong step and its cause: the head of the loop, and the gradient that is nothing without the turn."""
    best, truth = hits[0], case.scale * case.truth.cotangents[of]
    case.tape.constant(np.zeros_like(truth))
    node = case.tape.steps[-1].makes[0]
    function = source_of(text_of(best.file)).function_around(best.rewrite.line)
    place = Place(best.file, best.rewrite.line, getattr(function, "name", "<module>"), 0)
    event = Event(names[0], node, place, 0, len(case.tape.steps))
    sentence = f"no turn of this loop makes the gradient of {listed(names)}: {best.rewrite.sentence}"
    others, right = [hit.said for hit in hits[1:3]], best.right.replace("(-1)", "-1")
    certainty = "fits" if others else "checked"
    cause = Cause("off-by-one", sentence, event.name, place, names[0], best.written, right, certainty, others)
    return Repair(event, truth, of, None, 1, factor=case.scale), cause
