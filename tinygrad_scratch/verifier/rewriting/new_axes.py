"""Another value with an axis put in, as another one in the statement has it: `v[:, None, :]` beside `s[:, :, None]`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tinygrad_scratch.verifier.rewriting.part import NAMES, Part
from tinygrad_scratch.verifier.rewriting.rewrite import NAMED, PUT_IN, Rewrite

NEW = re.compile(r"\bNone\b|\b(?:np\.|numpy\.)?newaxis\b")
USUAL = (":, None", "None, :", ":, None, :", ":, :, None", "None, :, :", ":, None, None")
MOST_NAMES = 24


def new_axes(part: Part) -> Iterator[Rewrite]:
    """An operand, in a statement that puts an axis in, for another one that has one, too; or with one itself."""
    if not isinstance(part.node, NAMES) or not isinstance(part.around, ast.BinOp) or part.in_index:
        return
    if part.source.code(part.statement).count("[") == 0 or has_new_axis(part.node) or not others_have(part):
        return
    for index in USUAL:
        text = f"{part.code}[{index}]"
        yield part.change(text, "broadcasting-shape", f"{part.code} lacks an axis: it should be `{text}`", NAMED)
    names = part.source.words(part.line).names
    with_axes = [name.partition("[")[0] for name in names if NEW.search(name)]  # they stand with one elsewhere
    for name in dict.fromkeys([*with_axes, *names[:MOST_NAMES]]):
        if name != part.code and not NEW.search(name):
            for index in USUAL:
                text = f"{name}[{index}]"
                yield part.change(text, "wrong-operand", f"{part.code} should be `{text}`", PUT_IN)


def of_same_rows(part: Part) -> Iterator[Rewrite]:
    """The rows that an index takes, each times what it takes of another value: `x[bad] * y[bad][:, None]`."""
    if not isinstance(part.node, ast.Subscript) or not isinstance(part.node.slice, ast.Name) or part.in_index:
        return
    for name in part.source.words(part.line).names[:MOST_NAMES]:
        if name != part.code and name.endswith(f"[{part.source.code(part.node.slice)}]"):
            said = f"`{part.code}` is not multiplied by {name}"
            yield part.change(f"({part.code} * {name}[:, None])", "missing-derivative", said, PUT_IN, about=name)


def others_have(part: Part) -> bool:
    return any(has_new_axis(node) for node in ast.walk(part.statement))


def has_new_axis(node: ast.AST) -> bool:
    return isinstance(node, ast.Subscript) and NEW.search(ast.unparse(node.slice)) is not None
