"""What an assignment or a return gives values to, and which part of its text gives a value to which."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from types import CodeType

from tinygrad_scratch.verifier.reading.source import Marked, append_in, statements, text_of


@dataclass(frozen=True)
class Statement:
    """An assignment, by its first line, with the names, attributes and entries that it gives values to.

    Each has the index that picks its value, as in `x, y = a, b`: nothing for a single one.
    """

    line: int = 0
    targets: tuple[tuple[str, str], ...] = ()

    def gives(self, name: str, is_new: bool) -> bool:
        """Whether a name is a target; a new one may be an entry of a target, too, or at an index that was computed."""
        given = {text for _, text in self.targets}
        if not given or name in given or not is_new:
            return name in given
        text = INDEX.sub("[]", name)
        given = {INDEX.sub("[]", target) for target in given}
        return text in given or any(text.startswith((f"{target}[", f"{target}.")) for target in given)

    def path(self, name: str) -> str:
        """The indices that pick the value of a name from all that the assignment has."""
        for path, text in self.targets:
            if name == text or name.startswith((f"{text}[", f"{text}.")):
                return path + name.removeprefix(text)
        return ""


NONE = Statement()
INDEX = re.compile(r"\[[^\[\]]*\]")


@cache
def assignments(code: CodeType) -> dict[int, Statement]:
    """The assignments in a function, by each of their lines."""
    lines = {line for *_, line in code.co_lines() if line is not None}
    found: dict[int, Statement] = {}
    for node in statements(text_of(code.co_filename)):
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None and node.lineno in lines:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            given = Statement(node.lineno, tuple(pair for target in targets for pair in paths_in(target)))
        elif (put := append_in(node)) is not None and node.lineno in lines:
            given = Statement(node.lineno, (("", f"{ast.unparse(put[0])}[]"),))
        else:
            continue
        found |= dict.fromkeys(range(node.lineno, (node.end_lineno or node.lineno) + 1), given)
    return found


@cache
def counters_in(file: str) -> frozenset[str]:
    """The names that a file counts by: those that a loop runs over, and those that stand in an index."""
    found: set[ast.AST] = set()
    for node in {each for statement in statements(text_of(file)) for each in ast.walk(statement)}:
        if isinstance(node, ast.Subscript):
            found.update(ast.walk(node.slice))
        elif isinstance(node, ast.For | ast.comprehension):
            found.update(ast.walk(node.target))
    return frozenset(node.id for node in found if isinstance(node, ast.Name))


@lru_cache(maxsize=4096)
def part_for(statement: str, name: str) -> Marked | None:
    """A statement with the part marked that a name stands for: `b` for `y` in `x, y = a, b`.

    >>> part_for("grads = dict(w=dw, b=db)", "grads['b']").part, part_for("return a, [b, c]", "f()[1][0]").part
    ('db', 'b')
    """
    try:
        (node,) = ast.parse(statement).body
    except (SyntaxError, ValueError):
        return None
    value = getattr(node, "value", None)
    if not isinstance(node, ast.Assign | ast.AnnAssign | ast.Return) or value is None:
        return None
    if isinstance(node, ast.Return):
        held = name.partition("()")[2]
    else:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        held = Statement(0, tuple(pair for target in targets for pair in paths_in(target))).path(name)
    found = dict(values_in(value)).get(held)
    if found is None or "\n" in statement:
        return None
    start, end = (len(statement.encode()[:column].decode()) for column in (found.col_offset, found.end_col_offset or 0))
    return Marked(statement, start, end)


def paths_in(target: ast.expr, path: str = "") -> Iterator[tuple[str, str]]:
    """What an assignment gives values to, each with the index that picks its value: nothing for a single one."""
    if isinstance(target, ast.Tuple | ast.List):
        for i, part in enumerate(target.elts):
            yield from paths_in(part, f"{path}[{i}]")
    else:
        yield path, ast.unparse(target.value if isinstance(target, ast.Starred) else target)


def values_in(value: ast.expr, path: str = "") -> Iterator[tuple[str, ast.expr]]:
    """The parts of tuples, lists and dicts that are written out, each with the indices that pick it."""
    if isinstance(value, ast.Tuple | ast.List):
        for i, part in enumerate(value.elts):
            yield from values_in(part, f"{path}[{i}]")
    elif isinstance(value, ast.Dict):
        for key, part in zip(value.keys, value.values, strict=True):
            if isinstance(key, ast.Constant):
                yield from values_in(part, f"{path}[{key.value!r}]")
    elif isinstance(value, ast.Call) and ast.unparse(value.func) == "dict":
        for keyword in value.keywords:
            yield from values_in(keyword.value, f"{path}[{keyword.arg!r}]")
    else:
        yield path, value
