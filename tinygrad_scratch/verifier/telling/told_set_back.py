"""Gradients that add up over turns are told where the call is due that sets them back, if there is one to call."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from typing import Any

from tinygrad_scratch.verifier.causes.state import ADDED
from tinygrad_scratch.verifier.reading.names import listed
from tinygrad_scratch.verifier.reading.source import statement_at, text_of
from tinygrad_scratch.verifier.rewriting.part import name_of
from tinygrad_scratch.verifier.rewriting.text import lines_of, source_of
from tinygrad_scratch.verifier.running.again import loop_at

SETS_BACK = re.compile(r"(?:zero|reset|clear|null)_?[gG]rad(?:s|ient|ients)?\w*", re.IGNORECASE)


def tell_call_that_sets_back(check: Any) -> None:
    """Tell such causes once, in the loop whose turns never call what sets gradients back: `model.zero_grad()`."""
    causes, (file, line) = check.causes, check.loop
    if not causes or not all(ADDED in cause.sentence for cause in causes):
        return
    named = {event.place.file for event in check.watch.events}
    name = never_called(causes[0].file, file, *sorted(named))
    begin = line_to_begin(file, line, causes[0].place.function) if name else 0
    if not name or not begin:
        return
    names = list(dict.fromkeys(cause.name for cause in causes))
    added = ADDED if len(names) == 1 else "are added to what they held before"
    cause, check.repairs, check.causes = causes[0], check.repairs[:1], causes[:1]
    cause.place = replace(cause.place, file=file, line=begin, function="<module>", offset=0)
    cause.expression, cause.should_be = statement_at(file, begin), None
    cause.sentence = f"{listed(names)} {added}: no turn calls {name}(). Call it before this line"


def never_called(*files: str) -> str:
    """The function that sets gradients back, if nothing calls it but such ones, and what sets objects up."""
    trees = [source_of(text_of(file)).tree for file in dict.fromkeys(files)]
    functions = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    own = [function for function in functions if SETS_BACK.fullmatch(function.name)]
    begins = [function for function in functions if function.name == "__init__"]
    inside = {id(node) for function in (*own, *begins) for node in ast.walk(function)}
    calls = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call) and id(node) not in inside)
    called = {name_of(call) for call in calls}
    return next((function.name for function in own if function.name not in called), "")


def line_to_begin(file: str, line: int, function: str) -> int:
    """The first statement of a loop that calls a function of some name, or one that is called after going back."""
    source = source_of(text_of(file))
    loop = loop_at(source.tree, line)
    back = re.compile(rf"\b(?:{re.escape(function)}|\w*back\w*)\(")
    own = [n for n in source.statements if loop is not None and n is not loop and n.lineno in lines_of(loop)]
    return next((n.lineno for n in own if back.search(statement_at(file, n.lineno))), 0)
