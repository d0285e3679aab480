"""A value as another line of the function has it: `(rate / n)` for `rate`, `(x - mean)` for `x`."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tinygrad_scratch.verifier.rewriting.part import NAMES, Part
from tinygrad_scratch.verifier.rewriting.rewrite import NAMED, SIZE, Rewrite

MOST = 6
MOST_BEGUN = 3  # products of other lines


def written_elsewhere(part: Part) -> Iterator[Rewrite]:
    """A name with what it is added to, or divided or multiplied by, elsewhere: there it is in brackets."""
    if not isinstance(part.node, NAMES) or not part.is_value or part.in_index:
        return
    nodes = part.source.words(part.line).nodes
    own = {id(node) for node in ast.walk(part.statement)}
    found = [part.source.code(node) for node in nodes if is_of(part, node) and id(node) not in own]
    for text in list(dict.fromkeys(found))[:MOST]:
        said = f"{part.code} should be `{text}`, as in another line"
        yield part.change(f"({text})", kind_of(text), said, NAMED)
    if is_begin_of_product(part.around) and part.around.left is part.node and part.around is value_of(part.statement):
        begun = [part.source.code(other.left) for each in part.source.statements if (other := product_in(part, each))]
        for text in list(dict.fromkeys(begun))[:MOST_BEGUN]:
            yield part.change(text, "wrong-operand", f"{part.code} should be `{text}`, as in another line", NAMED)


def value_of(statement: ast.AST) -> ast.AST | None:
    """What a statement gives a name to, if it does."""
    return statement.value if isinstance(statement, ast.Assign) else None


def is_begin_of_product(node: ast.AST | None) -> bool:
    """Whether a node is a product, which begins with its left side."""
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult)


def product_in(part: Part, statement: ast.AST) -> ast.BinOp | None:
    """What another line of the function gives a name to, where that is a product of several names, as `a * b * h`."""
    value = value_of(statement)
    if statement is part.statement or not isinstance(value, ast.BinOp) or not is_begin_of_product(value):
        return None
    several = is_begin_of_product(value.left) and isinstance(value.right, NAMES)
    here = part.source.function_around(part.line) is part.source.function_around(value.lineno)
    return value if several and here else None


def is_of(part: Part, node: ast.AST) -> bool:
    """Whether an expression begins with the value, in a larger one that it is in brackets in."""
    return (
        isinstance(node, ast.BinOp)
        and isinstance(node.left, NAMES)
        and part.source.code(node.left) == part.code
        and part.source.text[: part.source.span(node)[0]].rstrip().endswith("(")
    )


def kind_of(text: str) -> str:
    _, divided, by = text.partition("/")
    return "missing-batch-sum-or-mean" if divided and SIZE.fullmatch(by.strip()) else "wrong-operand"
