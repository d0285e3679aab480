"""Parameters without gradients, as a loop over layers ends too early: told where all others of their list are right."""

from __future__ import annotations

import ast
import re

import numpy as np

from tinygrad_scratch.verifier.case import Case, Repair
from tinygrad_scratch.verifier.events import Event
from tinygrad_scratch.verifier.explain import Cause
from tinygrad_scratch.verifier.parameters import Parameter
from tinygrad_scratch.verifier.places import Place
from tinygrad_scratch.verifier.rewriting.hit import Hit
from tinygrad_scratch.verifier.rewriting.quiet import loud_names
from tinygrad_scratch.verifier.rewriting.rewrite import CHANGED, NAMED, Rewrite
from tinygrad_scratch.verifier.rewriting.search import Search
from tinygrad_scratch.verifier.rewriting.statements import rewrites_at
from tinygrad_scratch.verifier.rewriting.text import source_of
from tinygrad_scratch.verifier.rewriting.unchecked import Unchecked
from tinygrad_scratch.verifier.source import text_of

AT_INDEX = re.compile(r"\[\d+\]")
MEANT = re.compile(r"fr(?:ee|o)z|fixed|(?:un|not|pre)[\s_-]?train|trainable|transfer", re.IGNORECASE)
"""What people write where a layer is left as it is on purpose."""


class LeftOut(Search):
    """The changes of the heads of loops with which every parameter gets its gradient, and all are right."""

    def found(self) -> list[Hit]:
        self.goals = []
        self.loud, unchecked = loud_names(self.own), Unchecked(self.own)
        changes = [(file, rewrite) for file, line in self.heads() for rewrite in off_by_one(file, line)]
        tried = (change for change in changes if not unchecked.calls(*change) and not self.calls_loudly(*change))
        found = [hit for change in tried if self.time_left() > 0 and (hit := self.hit(*change)) is not None]
        return sorted(found, key=lambda hit: len(hit.right))

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


def are_beside(lacking: list[Parameter], trained: list[Parameter]) -> bool:
    """Whether each of some parameters is of a list of which others have gradients: `W[0]` beside `W[1]`."""
    known = {AT_INDEX.sub("[]", parameter.name) for parameter in trained}
    return bool(lacking) and all(AT_INDEX.sub("[]", parameter.name) in known for parameter in lacking)


def told_of_loop(case: Case, hits: list[Hit], parameter: Parameter) -> tuple[Repair, Cause]:
    """The wrong step and its cause: the head of the loop, and the gradient that is nothing without the turn."""
    best, truth = hits[0], case.scale * case.truth.cotangents[parameter.node]
    case.tape.constant(np.zeros_like(truth))
    node = case.tape.steps[-1].makes[0]
    function = source_of(text_of(best.file)).function_around(best.rewrite.line)
    place = Place(best.file, best.rewrite.line, getattr(function, "name", "<module>"), 0)
    event = Event(parameter.name, node, place, 0, len(case.tape.steps))
    sentence = f"no turn of this loop makes the gradient of {parameter.name}: {best.rewrite.sentence}"
    others, right = [hit.said for hit in hits[1:3]], best.right.replace("(-1)", "-1")
    certainty = "fits" if others else "checked"
    cause = Cause("off-by-one", sentence, event.name, place, parameter.name, best.written, right, certainty, others)
    return Repair(event, truth, parameter.node, None, 1, factor=case.scale), cause
