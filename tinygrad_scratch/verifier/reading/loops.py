"""The loops of a file: where they are, and what their lines give names to."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TypeGuard

from tinygrad_scratch.verifier.reading.bindings import counters_in
from tinygrad_scratch.verifier.reading.numbers_by_name import RATE
from tinygrad_scratch.verifier.reading.places import Place
from tinygrad_scratch.verifier.reading.source import parsed, statement_at, text_of


@dataclass
class Turn:
    """A turn of a loop that is being made."""

    file: str
    first: int
    last: int
    steps: int  # how many steps and events there were before
    events: int
    begun: int  # how many steps there were before its first turn
    lines: frozenset[tuple[str, int]] = frozenset()  # those of the turn before it, by what they named or called
    idle: int = 0  # how many turns in a row before it made these lines, and updated nothing

    def holds(self, place: Place, time: int) -> bool:
        """Whether a line was made in it, by when that was, or by where it stands: a new array may not be used yet."""
        return time > self.steps or (place.file == self.file and self.first < place.line <= self.last)


@cache
def stepped_in(file: str, line: int) -> frozenset[str]:
    """The names that a loop takes something off: `w = w - ...`, `w -= ...`. What counts down is none."""
    found: set[str] = set()
    for node in ast.walk(tree_of(file)):
        match node:
            case ast.AugAssign(target=ast.Name(id=name), op=ast.Sub(), value=step):
                pass
            case ast.Assign(
                targets=[ast.Name(id=name)], value=ast.BinOp(left=ast.Name(id=other), op=ast.Sub(), right=step)
            ) if name == other:
                pass
            case _:
                continue
        if line < node.lineno <= loops_in(file).get(line, 0) and not isinstance(step, ast.Constant):
            found.add(name)
    return frozenset(found) - counters_in(file)


@cache
def handed_round_in(file: str, line: int) -> frozenset[str]:
    """The names that a loop gives to a call and takes from it again: `a, b = step(a, b, points)`."""
    found, last = set[str](), loops_in(file).get(line, 0)
    for node in ast.walk(tree_of(file)):
        match node:
            case ast.Assign(targets=[target], value=ast.Call(args=given)) if line < node.lineno <= last:
                back = target.elts if isinstance(target, ast.Tuple | ast.List) else [target]
                both = [{part.id for part in parts if isinstance(part, ast.Name)} for parts in (given, back)]
                found |= both[0] & both[1]
    return frozenset(found) - counters_in(file)


@cache
def trained_in(file: str) -> frozenset[str]:
    """The names that a file takes a product off: `W` of `W -= rate * g`, and of `net.W -= ...` and `W[i] -= ...`.

    So it does with the names that a velocity is added to. Of what a loop runs over, as in `for w, g in zip(ws, gs)`,
    the names that lead to it, and of a function among these, as in `for p in net.params()`, those that it returns.
    """
    found, led_to, velocities = set[str](), dict[str, set[str]](), velocities_in(file)
    returned: dict[str, set[str]] = {}
    for node in ast.walk(tree_of(file)):
        match node:
            case ast.FunctionDef(name=name):
                values = (part.value for part in ast.walk(node) if isinstance(part, ast.Return) and part.value)
                returned.setdefault(name, set()).update(*map(names_in, values))
            case ast.For(target=target, iter=leading):
                for name in names_in(target):
                    led_to.setdefault(name, set()).update(names_in(leading))
            case ast.AugAssign(target=target, op=op, value=value) if is_step(op, value, velocities):
                found |= names_in(root_of(target))
            case ast.Assign(targets=[target], value=ast.BinOp(left=left, op=op, right=value)) if ast.unparse(
                target
            ) == ast.unparse(left) and is_step(op, value, velocities):
                found |= names_in(root_of(target))
    found |= {name for each in found for name in led_to.get(each, ())}
    found |= {name for each in found for name in returned.get(each, ())}
    return frozenset(found - {"self", "zip", "enumerate", "range"})


def is_step(op: ast.operator, value: ast.expr, velocities: frozenset[str]) -> bool:
    """Whether something is a step of training: a product that is taken off, or a velocity, whichever way it goes."""
    while isinstance(value, ast.BinOp) and isinstance(value.op, ast.Div):  # Adam's
        value = value.left
    first, is_product = value, False
    while isinstance(first, ast.BinOp) and isinstance(first.op, ast.Mult | ast.MatMult):
        is_product |= isinstance(first.op, ast.Mult)  # of `0.1 * x.T @ d` the first factor
        first = first.left
    is_negative = isinstance(first, ast.UnaryOp) and isinstance(first.op, ast.USub)
    downhill = is_product and (isinstance(op, ast.Sub) or (isinstance(op, ast.Add) and is_negative))
    return downhill or (isinstance(op, ast.Add | ast.Sub) and ast.unparse(root_of(value)) in velocities)


@cache
def velocities_in(file: str) -> frozenset[str]:
    """The names that a file gives a multiple of what they were, and another product: `v = mu * v - rate * g`.

    And those that it gives a step as a whole: `step = rate * g`.
    """
    found = set[str]()
    for node in ast.walk(tree_of(file)):
        match node:
            case ast.Assign(
                targets=[target],
                value=ast.BinOp(left=ast.BinOp(op=ast.Mult(), left=one, right=other), op=ast.Add() | ast.Sub()),
            ) if ast.unparse(target) in (ast.unparse(one), ast.unparse(other)):
                found.add(ast.unparse(root_of(target)))
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if begins_with_rate(value):
                found.add(name)
    return frozenset(found)


def begins_with_rate(value: ast.expr) -> bool:
    """Whether something is a product whose first factor has the name of a rate."""
    first = value
    while isinstance(first, ast.BinOp) and isinstance(first.op, ast.Mult | ast.MatMult | ast.Div):
        first = first.left
    return first is not value and bool(RATE.match(ast.unparse(first).rpartition(".")[2]))


def names_in(node: ast.AST) -> set[str]:
    """The names and the attributes that an expression mentions."""
    return names_of(node) | {part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)}


def names_of(node: ast.AST) -> set[str]:
    """The names alone."""
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def root_of(target: ast.expr) -> ast.expr:
    """What holds the entry that an assignment gives a value to."""
    while isinstance(target, ast.Subscript):
        target = target.value
    return target


def values_given(node: ast.Assign) -> Iterator[tuple[ast.expr, ast.expr]]:
    """What an assignment gives values to, each with its value, also in `a, b = c, d`."""
    for target in node.targets:
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            if len(target.elts) == len(node.value.elts):
                yield from zip(target.elts, node.value.elts, strict=True)
        else:
            yield target, node.value


@cache
def bound_between(file: str, first: int, last: int) -> frozenset[str]:
    """The names that assignments between two lines bind."""
    return frozenset(
        name.id
        for node in ast.walk(tree_of(file))
        if isinstance(node, ast.Assign) and first < node.lineno < last
        for target in node.targets
        for name in (target.elts if isinstance(target, ast.Tuple) else [target])
        if isinstance(name, ast.Name)
    )


@cache
def begun_in(file: str, line: int) -> frozenset[str]:
    """The names that a loop gives plain numbers, or arrays of them: `total, lam = 0.0, np.zeros(3)`."""
    last, found = loops_in(file).get(line, 0), set[str]()
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.Assign) and line < node.lineno <= last:
            for target in node.targets:
                both = (target, node.value)
                pairs = zip(*(each.elts if isinstance(each, ast.Tuple) else [each] for each in both), strict=False)
                found |= {name.id for name, value in pairs if isinstance(name, ast.Name) and is_plain(value)}
    return frozenset(found)


@cache
def makes_room(file: str, line: int) -> bool:
    """Whether a statement gives a name to an array of one number that it makes: `self.out = np.zeros((3, 4))`."""
    statement = parsed(statement_at(file, line))
    return isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call) and is_plain(statement.value)


def is_plain(value: ast.expr) -> bool:
    called = value.func.attr if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) else ""
    return isinstance(value, ast.Constant) or called in ("zeros", "ones", "zeros_like", "ones_like")


@cache
def tree_of(file: str) -> ast.AST:
    try:
        return ast.parse(text_of(file))
    except SyntaxError:
        return ast.Module([], [])


@cache
def loops_in(file: str) -> dict[int, int]:
    """The first and last lines of the loops in a file; a list of what calls return is one, where it is on one line."""
    loops = {
        node.lineno: node.end_lineno or node.lineno
        for node in ast.walk(tree_of(file))
        if isinstance(node, ast.For | ast.While)
    }
    lists = {
        node.lineno: node.lineno
        for node in ast.walk(tree_of(file))
        if isinstance(node, ast.ListComp) and isinstance(node.elt, ast.Call) and node.end_lineno == node.lineno
    }
    return lists | loops


PLAIN_CALLS = {"str", "len", "np.sqrt", "np.square", "np.clip", "np.maximum"}
"""What a move may call: nothing that works a gradient out."""


@cache
def moves_only(file: str, line: int) -> bool:
    """Whether a loop only moves what it runs over by what was made before: `for w, g in zip(ws, gs): w -= rate * g`."""
    loop = next((n for n in ast.walk(tree_of(file)) if isinstance(n, ast.For) and n.lineno == line), None)
    if loop is None:
        return False
    counted = names_of(loop.target)
    bound, known = bound_between(file, line, (loop.end_lineno or line) + 1), set(counted)
    for each in loop.body:
        if not is_move(each, counted | bound) or not names_of(each.value).isdisjoint(bound - known):
            return False  # one that it carries from turn to turn
        known |= names_of(each.targets[0]) if isinstance(each, ast.Assign) else set()
    return any(moved_by(each, counted) for each in loop.body)


def is_move(node: ast.stmt, given: set[str]) -> TypeGuard[ast.Assign | ast.AugAssign]:
    """Whether a statement changes, or gives a name to, what a loop runs over, by no product of matrices."""
    if not isinstance(node, ast.Assign | ast.AugAssign):
        return False
    parts = list(ast.walk(node.value))
    called = {ast.unparse(part.func) for part in parts if isinstance(part, ast.Call)}
    worked_out = any(isinstance(part, ast.BinOp) and isinstance(part.op, ast.MatMult) for part in parts)
    return not worked_out and called <= PLAIN_CALLS and moved_by(node, given)


def moved_by(node: ast.stmt, counted: set[str]) -> bool:
    """Whether a statement changes what has one of some names, or stands at an index by one: `w[i] -= ...`."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AugAssign) else []
    return bool(targets) and all(not counted.isdisjoint(names_of(target)) for target in targets)
