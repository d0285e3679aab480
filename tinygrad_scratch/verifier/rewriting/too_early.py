"""A statement that reads a name before a later one makes it what is due: `db = d.sum(0)`, and then `d = d * mask`."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

INTO_FIRST = {"copyto", "put", "place", "putmask", "fill_diagonal", "put_along_axis", "at"}
"""Functions of NumPy's that write to their first argument."""
INTO_OWN = {"sort", "fill", "partition"}
"""Methods that write to their array."""


def stores(statements: Iterable[ast.stmt], name: str) -> list[ast.stmt]:
    """The assignments that give a name another value, or change it.

    >>> [ast.unparse(each) for each in stores(ast.parse("d = d * m; e = d; d += 1; d[0] = 2").body, "d")]
    ['d = d * m', 'd += 1', 'd[0] = 2']
    """
    given = (each for each in statements if isinstance(each, ast.Assign | ast.AugAssign))
    return [each for each in given if name in written_by(each)]


def written_by(statement: ast.Assign | ast.AugAssign) -> set[str]:
    """The names that an assignment gives a value to, or an entry of the value."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    parts = (part for target in targets for part in ast.walk(target))
    stored = (part for part in parts if isinstance(getattr(part, "ctx", None), ast.Store))
    return {ast.unparse(part.value if isinstance(part, ast.Subscript) else part) for part in stored}


def written_in_place(statement: ast.stmt) -> ast.expr | None:
    """The array that a statement writes to, as it is written there; None where it writes to none.

    >>> [ast.unparse(written_in_place(each)) for each in ast.parse("a += b; c[:] = d; e = np.add(f, g, out=g)").body]
    ['a', 'c[:]', 'g']
    >>> [ast.unparse(written_in_place(each)) for each in ast.parse("np.copyto(a, b); np.put(c, d, e); f.sort()").body]
    ['a', 'c', 'f']
    """
    if isinstance(statement, ast.AugAssign):
        return statement.target
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Subscript):
        return statement.targets[0]
    calls = [node for node in ast.walk(statement) if isinstance(node, ast.Call)]
    outs = (keyword.value for call in calls for keyword in call.keywords if keyword.arg == "out")
    return next(outs, None) or next(filter(None, map(written_by_call, calls)), None)


def written_by_call(call: ast.Call) -> ast.expr | None:
    """What a call writes to that says so by its name: its first argument, or the array whose method it is."""
    function = call.func
    if not isinstance(function, ast.Attribute):
        return None
    if ast.unparse(function).startswith(("np.", "numpy.")):
        return call.args[0] if call.args and function.attr in INTO_FIRST else None
    return function.value if function.attr in INTO_OWN else None


def told_as_early(name: str, later: Sequence[ast.stmt]) -> tuple[str, str]:
    """The kind and the sentence for what reads a name before those statements, by what it lacks then."""
    operations = (n for each in later for n in ast.walk(each) if isinstance(n, ast.BinOp | ast.AugAssign))
    is_multiplied = any(isinstance(each.op, ast.Mult | ast.Div) for each in operations)
    said = f"{name} is read before line {later[-1].lineno} makes it what is due: this line belongs below that"
    return "missing-derivative" if is_multiplied else "wrong-operand", said


def read_too_early(node: ast.stmt, later: Sequence[ast.stmt]) -> tuple[str, str] | None:
    """The same for an assignment of which none of the later statements reads what it makes."""
    if not isinstance(node, ast.Assign | ast.AugAssign):
        return None
    reads = {n.id for each in later for n in ast.walk(each) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    if not reads.isdisjoint(name.partition("[")[0].partition(".")[0] for name in written_by(node)):
        return None
    names = dict.fromkeys(n.id for n in ast.walk(node.value) if isinstance(n, ast.Name))
    given = ((name, stores(later, name)) for name in names)
    return next((told_as_early(name, found) for name, found in given if found), None)
