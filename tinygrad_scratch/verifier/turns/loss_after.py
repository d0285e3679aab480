"""The loss that is computed once a training loop is over, of what that moves: `return w, cost(w)`."""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Iterator
from functools import cache
from types import CodeType, FrameType, FunctionType
from typing import Any

from tinygrad_scratch.verifier.reading.loops import names_in, tree_of
from tinygrad_scratch.verifier.reading.places import is_theirs
from tinygrad_scratch.verifier.recording.recorded import Recorded
from tinygrad_scratch.verifier.rewriting.part import name_of

MOST_CALLS = 4
PLAIN = ast.Name, ast.Attribute, ast.Constant, ast.expr_context


def losses_after(frame: FrameType, line: int, moved: dict[str, Any]) -> Iterator[tuple[str, int]]:
    """The numbers that calls after a loop give now, each with a name, and the node of its value.

    They are made of what the loop moves, as that was before the turn unless it was written over, by a function of the
    person's own. What raises an error here gives none.
    """
    names = frame.f_globals | frame.f_locals | moved
    for name, given, code in calls_after(frame.f_code.co_filename, line):
        function = names.get(name)
        if given.isdisjoint(moved) or not isinstance(function, FunctionType):
            continue
        with contextlib.suppress(Exception):
            value = eval(code, names) if is_theirs(function.__code__.co_filename) else None
            if type(value) is Recorded and value.size == 1 and value.is_used:
                yield f"{name}()", value.node


@cache
def calls_after(file: str, line: int) -> tuple[tuple[str, frozenset[str], CodeType], ...]:
    """The calls of functions after a loop in its own block that are given nothing but names and numbers.

    Each with the name of the function, the names that it is given, and its code.
    """
    blocks = (getattr(node, "body", None) for node in ast.walk(tree_of(file)))
    block = next((b for b in blocks if isinstance(b, list) and any(is_loop_at(each, line) for each in b)), [])
    first = next((i for i, each in enumerate(block) if is_loop_at(each, line)), 0)
    nodes = (
        node for each in block[first + 1 :] for node in ast.walk(each) if not isinstance(each, ast.For | ast.While)
    )
    calls = [node for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    plain = [
        call for call in calls if all(isinstance(part, PLAIN) for each in given_to(call) for part in ast.walk(each))
    ]
    found = [(call, frozenset[str]().union(*map(names_in, given_to(call)))) for call in plain]
    parts = (part for each in block[first + 1 :] for part in ast.walk(each))
    bound = {part.id for part in parts if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
    free = [(call, given) for call, given in found if given and given.isdisjoint(bound)]  # others may be out of date
    return tuple(
        (name_of(call), given, compile(ast.Expression(call), file, "eval")) for call, given in free[:MOST_CALLS]
    )


def given_to(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(keyword.value for keyword in call.keywords)]


def is_loop_at(node: ast.AST, line: int) -> bool:
    return isinstance(node, ast.For | ast.While) and node.lineno == line
