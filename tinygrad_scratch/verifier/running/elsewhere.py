"""Loops that train beside the one of which a turn is judged: around it, or after it in the same function or script."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Container, Iterator
from dataclasses import dataclass, replace
from functools import cache
from types import FrameType
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.reading.loops import begins_with_rate, is_step, names_in, root_of, tree_of, velocities_in
from tinygrad_scratch.verifier.rewriting.part import name_of
from tinygrad_scratch.verifier.rewriting.text import lines_of

OPTIMIZER = re.compile(r"opt\w*(?:\[[^\]]*\])?\.(?:step|update\w*|apply\w*|minimi[sz]e)$", re.IGNORECASE)
MOST_ELSEWHERE = 3  # loops that are judged, too: people wait
Function = ast.FunctionDef | ast.AsyncFunctionDef
Loop = ast.For | ast.While


@dataclass(frozen=True)
class Left:
    """A loop that is left after a turn: its file and lines, and the line that comes then."""

    file: str
    first: int
    last: int
    then: int


@dataclass(frozen=True)
class Elsewhere:
    """A loop that trains, too: where it is, what it updates, and the loops that are left after a turn to come to it."""

    file: str
    first: int
    last: int
    names: tuple[str, ...]
    around: bool  # whether the turn that was judged is one of a loop in it
    left: tuple[Left, ...]
    function: str = ""  # that it is in, where that is another one than that of the turn that was judged

    def holds(self, file: str, line: int) -> bool:
        """Whether a loop that begins in a line is this one or in it, or in a function by which it trains."""
        if file != self.file:
            return False
        calls = {name.removesuffix("()") for name in self.names if name.endswith("()")}
        called = (f for f in functions_of(tree_of(file)) if f.name in calls and line in lines_of(f))
        within = line == self.first if self.around else self.first <= line <= self.last
        return within or (not self.around and next(called, None) is not None)


def trained_elsewhere(
    file: str, line: int, frame: FrameType | None, seen: Container[tuple[str, int]] = ()
) -> list[Elsewhere]:
    """The loops beside the one that begins in a line in which a step of training stands, those around it first.

    Those of other functions come last, but for the loops that were `seen` by then: they were before it, or in it.
    """
    tree = tree_of(file)
    scope = min((f for f in functions_of(tree) if line in lines_of(f)), key=lambda f: len(lines_of(f)), default=tree)
    loops = [node for node in beneath(scope) if isinstance(node, ast.For | ast.While)]
    judged = next((loop for loop in loops if loop.lineno == line), None)
    if judged is None:
        return []
    found: dict[int, tuple[ast.For | ast.While, list[str]]] = {}
    for node in beneath(scope):
        if not isinstance(node, ast.stmt) or node.lineno in lines_of(judged):
            continue
        names = [name for name in stepped_by(file, node) if not is_held_number(frame, name)]
        loop = loop_of(loops, judged, node.lineno) if names else None
        if loop is not None:
            found.setdefault(loop.lineno, (loop, []))[1].extend(names)
    others = (elsewhere(file, scope, loops, judged, loop, names) for _, (loop, names) in sorted(found.items()))
    known = [other for other in others if other is not None]
    known = [replace(other, left=(*other.left, *between(file, scope, known, other))) for other in known]
    return [*known, *in_other_functions(file, scope, judged, known, seen)]


def in_other_functions(
    file: str, scope: ast.AST, judged: ast.stmt, known: list[Elsewhere], seen: Container[tuple[str, int]]
) -> list[Elsewhere]:
    """The outermost loops that train in other functions, which no loop calls: they are come to past all those before.

    Those that were `seen` are left as well, as one by a turn of which the function was called that was judged.
    There are none where nothing comes after the loop that was judged, to go on with.
    """
    tree, own, then = tree_of(file), lines_of(judged), line_after(scope, lines_of(judged)[-1])
    parts = (part for loop in ast.walk(tree) if isinstance(loop, Loop) for part in ast.walk(loop))
    in_loops = {name_of(part) for part in parts if isinstance(part, ast.Call)}
    apart = (f for f in functions_of(tree) if own[0] not in lines_of(f) and f is not scope)
    others = [function for function in apart if function.name not in in_loops]
    lefts = (left for other in known for left in between(file, scope, known, other))
    found = [Left(file, own[0], own[-1], then), *lefts]
    after: list[Elsewhere] = []
    for function in others if then else ():
        for node in function.body:
            names = [name for part in beneath(node) if isinstance(part, ast.stmt) for name in stepped_by(file, part)]
            if not isinstance(node, Loop) or not names:
                continue
            first, last = node.lineno, lines_of(node)[-1]
            if (file, first) not in seen:
                named, left = tuple(dict.fromkeys(names)), tuple(dict.fromkeys(found))
                after.append(Elsewhere(file, first, last, named, False, left, function.name))
            if then_there := line_after(function, last):
                found.append(Left(file, first, last, then_there))
    return after


def between(file: str, scope: ast.AST, known: list[Elsewhere], other: Elsewhere) -> list[Left]:
    """The loops that train after the one that was judged and before another one: they are left, too."""
    before = [each for each in known if not each.around and not other.around and each.last < other.first]
    return [Left(file, each.first, each.last, then) for each in before if (then := line_after(scope, each.last))]


def loop_of(loops: list[Any], judged: ast.stmt, line: int) -> Any:
    """The loop in which a step stands: one after what was judged, as a whole, or else the nearest around both."""
    around = [loop for loop in loops if line in lines_of(loop)]
    both = [loop for loop in around if judged.lineno in lines_of(loop)]
    apart = [loop for loop in around if loop not in both and line > judged.lineno]
    if apart:
        return max(apart, key=lambda loop: len(lines_of(loop)))
    return min(both, key=lambda loop: len(lines_of(loop)), default=None)


def elsewhere(
    file: str, scope: ast.AST, loops: list[Any], judged: ast.stmt, loop: Any, names: list[str]
) -> Elsewhere | None:
    """What is known of another loop; None where no line comes after the one that is to be left."""
    lines = lines_of(loop)
    inside = [each for each in loops if judged.lineno in lines_of(each) and loop.lineno not in lines_of(each)]
    left = max(inside, key=lambda each: len(lines_of(each)))
    around = judged.lineno in lines
    then = line_after(scope, lines_of(left)[-1])
    if around and (not then or then > lines[-1]):
        then = loop.lineno
    found = Left(file, left.lineno, lines_of(left)[-1], then)
    return Elsewhere(file, loop.lineno, lines[-1], tuple(dict.fromkeys(names)), around, (found,)) if then else None


def line_after(scope: ast.AST, line: int) -> int:
    """The line in which the next statement begins; 0 where none does. Past the last loop of a function one is put."""
    later = (node.lineno for node in beneath(scope) if isinstance(node, ast.stmt) and node.lineno > line)
    return min(later, default=lines_of(scope)[-1] + 1 if ends_with_loop(scope) else 0)


def ends_with_loop(scope: ast.AST) -> bool:
    return isinstance(scope, Function) and isinstance(scope.body[-1], Loop)


def with_ends(tree: ast.Module) -> ast.Module:
    """A script in which something follows the last loop of each function: there a run goes on that leaves the loop."""
    for function in filter(ends_with_loop, functions_of(tree)):
        line = lines_of(function)[-1] + 1
        function.body.append(ast.Pass(lineno=line, end_lineno=line, col_offset=0, end_col_offset=4))
    return tree


def stepped_by(file: str, node: ast.stmt) -> list[str]:
    """What a statement takes a step of training with: `W` of `W -= rate * g`, or what it calls to take it."""
    found = stepped_in_place(file, node)
    match node:
        case ast.Expr(value=ast.Call() as call) | ast.Assign(value=ast.Call() as call):
            name = names_in(call.func) & training_functions(file)
            return [*found, *(f"{each}()" for each in sorted(name) if each == name_of(call))]
    return found


def stepped_in_place(file: str, node: ast.stmt) -> list[str]:
    """What a statement updates itself, downhill, or uphill by a product that begins with a rate."""
    velocities = velocities_in(file)
    match node:
        case ast.AugAssign(target=target, op=op, value=value) if is_step(op, value, velocities) or begins_with_rate(
            value
        ):
            return outer_name(target, value)
        case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)) if len(targets) == len(values):
            pairs = zip(targets, values, strict=True)
            return [name for pair in pairs for name in stepped_in_place(file, ast.Assign([pair[0]], pair[1]))]
        case ast.Assign(targets=[target], value=ast.BinOp(left=left, op=op, right=value)) if ast.unparse(
            target
        ) == ast.unparse(left) and (is_step(op, value, velocities) or begins_with_rate(value)):
            return outer_name(target, value)
        case ast.Assign(
            targets=[ast.Name(id=name) as target],
            value=ast.DictComp(value=ast.BinOp() as made) | ast.ListComp(elt=ast.BinOp() as made),
        ) if is_step(made.op, made.right, velocities) and name in names_in(node.value):
            return outer_name(target, made.right)
    return []


def outer_name(target: ast.expr, value: ast.expr) -> list[str]:
    """What holds what is updated; none where it is only made smaller, as a rate is."""
    root = root_of(target)
    while isinstance(root, ast.Attribute) and not (isinstance(root.value, ast.Name) and root.value.id == "self"):
        root = root.value
    return [ast.unparse(root)] if names_in(value) - names_in(target) else []


@cache
def training_functions(file: str) -> frozenset[str]:
    """The functions of a file in which a step of training stands, or a call of another one in which it does."""
    called = {function.name: list(statements_of(function)) for function in functions_of(tree_of(file))}
    found = {name for name, nodes in called.items() if any(takes_step(file, node) for node in nodes)}
    waiting = called.keys() - found
    while more := {name for name in waiting if any(not found.isdisjoint(calls_in(node)) for node in called[name])}:
        found |= more
        waiting -= more
    return frozenset(found - {"__init__"})


def takes_step(file: str, node: ast.stmt) -> bool:
    """Whether a statement updates something, by what it says or by what an optimizer makes or does."""
    match node:
        case ast.AugAssign(op=ast.Sub(), value=ast.Call(func=by)) | ast.Expr(value=ast.Call(func=by)):
            return bool(OPTIMIZER.search(ast.unparse(by))) or bool(stepped_in_place(file, node))
    return bool(stepped_in_place(file, node))


def statements_of(function: Function) -> Iterator[ast.stmt]:
    return (node for node in beneath(function) if isinstance(node, ast.stmt))


def calls_in(node: ast.stmt) -> set[str]:
    """The functions that a statement only calls, by their names."""
    match node:
        case ast.Expr(value=ast.Call() as call) | ast.Assign(value=ast.Call() as call):
            return {name_of(call)}
    return set()


def functions_of(tree: ast.AST) -> list[Function]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def beneath(scope: ast.AST) -> Iterator[ast.AST]:
    """What stands in a script or a function, and in none that is defined there."""
    for node in ast.iter_child_nodes(scope):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            yield node
            yield from beneath(node)


def is_held_number(frame: FrameType | None, name: str) -> bool:
    """Whether a name is one of a number, as of a rate that is made smaller."""
    value = None if frame is None else frame.f_locals.get(name, frame.f_globals.get(name))
    return value is not None and isinstance(value, int | float | np.ndarray | np.generic) and np.size(value) == 1


def leave(frame: FrameType, left: tuple[Left, ...]) -> bool:
    """Leave a loop that comes to its next turn, where that is asked for: the line after it comes next."""
    here = frame.f_code.co_filename, frame.f_lineno
    then = next((each.then for each in left if (each.file, each.first) == here), None)
    if then is None:
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # names that have no value yet become None
            frame.f_lineno = then  # type: ignore[misc]  # of a frame that is traced
    except ValueError:  # no way leads there
        return False
    return True


def left_after_a_turn(tree: ast.Module, file: str, left: tuple[Left, ...]) -> ast.Module:
    """A script of which some loops make a turn, and end."""
    firsts = {each.first for each in left if each.file == file}
    for node in ast.walk(tree) if firsts else ():
        if isinstance(node, ast.For | ast.While) and node.lineno in firsts:
            node.body.append(ast.copy_location(ast.Break(), node.body[-1]))
    return tree
