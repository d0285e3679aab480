"""The forms of a difference of two statements: what is divided for multiplied, a mask, a square of another."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from tinygrad_scratch.verifier.case import Case
from tinygrad_scratch.verifier.rewriting.part import name_of
from tinygrad_scratch.verifier.rewriting.rewrite import SIZE
from tinygrad_scratch.verifier.rewriting.valued import is_mere_number, names_in, nodes_named

FACTORS = ast.Mult | ast.Div


@dataclass(frozen=True)
class Difference:
    """The one part of a statement that should be another, with the parts around it, the outermost first."""

    old: ast.AST
    new: ast.AST
    way: tuple[ast.AST, ...]

    @property
    def around(self) -> Iterator[tuple[ast.AST, ast.AST]]:
        """The parts around it from the innermost one on, each with what is in it."""
        return zip(reversed(self.way), reversed((*self.way[1:], self.old)), strict=True)


def inverted_by(found: Difference) -> ast.AST | None:
    """By what is multiplied where it should be divided, or the other way round."""
    old, new = found.old, found.new
    if not isinstance(old, ast.BinOp) or not isinstance(new, ast.BinOp) or type(old.op) is type(new.op):
        return None
    both = isinstance(old.op, FACTORS) and isinstance(new.op, FACTORS)
    return old.right if both and same(old.left, new.left) and same(old.right, new.right) else None


def lacks_array(case: Case, found: Difference) -> bool:
    """Whether a factor of a product should be it times an array, or what is all of a statement should."""
    outer = found.way[-1] if found.way else None
    in_product = isinstance(outer, ast.stmt) or (isinstance(outer, ast.BinOp) and isinstance(outer.op, ast.Mult))
    factors = [*leaves(found.new)]
    rest = [each for each in factors if not same(each, found.old)]
    if not in_product or len(rest) != len(factors) - 1 or isinstance(found.old, ast.Constant):
        return False
    return any(holds_array(case, each) for each in rest)


def holds_array(case: Case, node: ast.AST) -> bool:
    """Whether a part of an expression reads an array, of which it doesn't take the length; numbers may be unknown."""
    if SIZE.fullmatch(ast.unparse(node)):
        return False
    held = [nodes_named(case, name) for name in names_in(node)]
    return any(nodes and not all(is_mere_number(case, each) for each in nodes) for nodes in held)


def has_factor_too_many(found: Difference) -> bool:
    """Whether a product should be one of its factors alone."""
    return any(same(each, found.new) for each in leaves(found.old) if each is not found.old)


def is_slope_elsewhere(found: Difference) -> bool:
    """Whether the square in `1 - h * h`, or in `1 - h**2`, is due of another value: no such product is plain."""
    outer, old, new = found.way[-1] if found.way else found.old, found.old, found.new
    if is_square(outer) and len(found.way) > 1:
        outer, old, new = found.way[-2], outer, outer
    rest = isinstance(outer, ast.BinOp) and isinstance(outer.op, ast.Sub) and is_number(outer.left)
    return rest and is_square(old) and is_square(new)


def is_square(node: ast.AST) -> bool:
    match node:
        case ast.BinOp(op=ast.Pow(), right=ast.Constant(value=2)):
            return True
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return same(left, right)
    return False


def is_of_mask(case: Case, found: Difference) -> bool:
    """Whether the entries of a mask are set to 1 for 0, or to 0 for 1, and so are kept or lost."""
    numbers = [each.value for each in (found.old, found.new) if isinstance(each, ast.Constant)]
    target = next((each.targets[0] for each in found.way[-1:] if isinstance(each, ast.Assign)), None)
    if sorted(map(str, numbers)) not in (["0", "1"], ["0.0", "1.0"]) or not isinstance(target, ast.Subscript):
        return False
    by_name = [node for name in names_in(target.slice) for node in nodes_named(case, name)]
    booleans = bool(by_name) and all(case.tape.nodes[node].value.dtype.kind == "b" for node in by_name)
    return booleans or any(isinstance(each, ast.Compare) for each in ast.walk(target.slice))


def is_value_for_mask(found: Difference) -> bool:
    """Whether a value stands where the mask of it is due, which is the slope of another function."""
    mask = found.new
    return isinstance(mask, ast.Compare) and same(mask.left, found.old) and all(map(is_number, mask.comparators))


def leaves(node: ast.AST) -> Iterator[ast.AST]:
    """The factors of a product."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, FACTORS):
        yield from leaves(node.left)
        yield from leaves(node.right)
    else:
        yield node


def is_power(node: ast.AST) -> bool:
    by_call = isinstance(node, ast.Call) and name_of(node) in ("power", "square")
    return by_call or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow | ast.Mult))


def is_number(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float)


def same(one: ast.AST, other: ast.AST) -> bool:
    return ast.dump(one) == ast.dump(other)
