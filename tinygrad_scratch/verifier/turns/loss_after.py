"""The loss that is computed once a training loop is over, of what that moves: `return w, cost(w)`."""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Iterator
from functools import cache
from types import CodeType, FrameType, FunctionType
from typing import Any

from tinygrad_scratch.verifier.losses.called_elsewhere import is_given_plainly
from tinygrad_scratch.verifier.reading.loops import names_in
from tinygrad_scratch.verifier.reading.places import is_theirs
from tinygrad_scratch.verifier.recording.recorded import Recorded
from tinygrad_scratch.verifier.rewriting.part import name_of
from tinygrad_scratch.verifier.turns.after_loops import statements_after

MOST_CALLS = 4


def losses_after(frame: FrameType, line: int, moved: dict[str, Any]) -> Iterator[tuple[str, int]]:
    """The numbers that calls after a loop give now, each with a name, and the node of its value.

    They are made of what the loop moves, as that was before the turn unless it was written over, by a function of the
    person's own. What raises an error here gives none.
    """
    names = frame.f_globals | frame.f_locals | moved
    for name, given, code in calls_after(frame.f_code.co_filename, line):
        if not given.isdisjoint(moved) and is_their_function(names.get(name)):
            yield from number_of(f"{name}()", code, names)


def number_of(name: str, code: CodeType, names: dict[str, Any]) -> Iterator[tuple[str, int]]:
    """What a call gives, and a name for it, if that is a number which was made of arrays."""
    with contextlib.suppress(Exception):
        value = eval(code, names)
        if type(value) is Recorded and value.size == 1 and value.is_used:
            yield name, value.node


def is_their_function(value: Any) -> bool:
    return isinstance(value, FunctionType) and is_theirs(value.__code__.co_filename)


@cache
def calls_after(file: str, line: int) -> tuple[tuple[str, frozenset[str], CodeType], ...]:
    """The calls of functions after a loop in its own block that are given nothing but names and numbers.

    Each with the name of the function, the names that it is given, and its code.
    """
    after = statements_after(file, line)
    parts = [part for each in after for part in ast.walk(each)]
    bound = {part.id for part in parts if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
    once = (part for each in after if not isinstance(each, ast.For | ast.While) for part in ast.walk(each))
    calls = [part for part in once if isinstance(part, ast.Call) and isinstance(part.func, ast.Name)]
    given = [(call, frozenset(names_in(call) - {name_of(call)})) for call in calls if is_given_plainly(call)]
    free = [(call, names) for call, names in given if names and names.isdisjoint(bound)]  # others may be out of date
    return tuple(
        (name_of(call), names, compile(ast.Expression(call), file, "eval")) for call, names in free[:MOST_CALLS]
    )
