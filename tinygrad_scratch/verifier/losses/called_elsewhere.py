"""Losses that a script computes outside of its training loop alone, or in other turns than the one that is judged."""

from __future__ import annotations

import ast
import re
from copy import deepcopy
from functools import cache
from typing import TypeGuard

from tinygrad_scratch.verifier.losses.computed_losses import OF_LOSS
from tinygrad_scratch.verifier.reading.loops import names_of, tree_of
from tinygrad_scratch.verifier.rewriting.part import name_of
from tinygrad_scratch.verifier.truths.losses import is_loss_name

MOST_CALLS = 2
HELD_BACK = re.compile(r"valid|(?:^|_)val(?:_|$)|(?:^|_)dev(?:_|$)|test", re.IGNORECASE)
PLAIN = ast.Name, ast.Attribute, ast.Constant, ast.expr_context


@cache
def losses_called(file: str) -> tuple[ast.Call, ...]:
    """The calls of functions of a file that are named as losses, each of which is given nothing but names and numbers.

    Of several calls of one function the last one counts, but for those of samples that are held back.
    """
    tree, found = tree_of(file), dict[str, ast.Call]()
    own = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    for node in ast.walk(tree):
        name = name_of(node) if isinstance(node, ast.Call) else ""
        if isinstance(node, ast.Call) and name in own and is_name_of_loss(name):
            is_held_back = any(map(HELD_BACK.search, names_of(node)))
            if is_given_plainly(node) and not (is_held_back and name in found):
                found[name] = node
    return tuple(found.values())[:MOST_CALLS]


def is_name_of_loss(name: str) -> bool:
    return is_loss_name(name) or bool(OF_LOSS.search(name.lower()))


def is_given_plainly(call: ast.Call) -> bool:
    """Whether a call is one of names, and of numbers that are written there, alone."""
    function = call.func.value if is_kept(call.func) else call.func
    parts = (function, *call.args, *(keyword.value for keyword in call.keywords))
    return all(isinstance(part, PLAIN) for each in parts for part in ast.walk(each))


def is_kept(function: ast.expr) -> TypeGuard[ast.Subscript]:
    """Whether a function is kept in a dict: `model["loss"]`."""
    return isinstance(function, ast.Subscript) and isinstance(function.slice, ast.Constant)


def name_called(call: ast.Call) -> str:
    """The name of what is called, or the key that it is kept by."""
    kept = call.func.slice if is_kept(call.func) else None
    return str(kept.value) if isinstance(kept, ast.Constant) else name_of(call)


def with_call(tree: ast.Module, line: int, call: ast.Call | None) -> ast.Module:
    """A script in which a loop ends each of its turns with a call, as if it stood in the last line of it."""
    for node in ast.walk(tree) if call is not None else ():
        if isinstance(node, ast.For | ast.While) and node.lineno == line and call is not None:
            last = node.body[-1]
            added = ast.Expr(deepcopy(call))
            for part in ast.walk(added):
                ast.copy_location(part, last)
            node.body.append(added)
    return tree
