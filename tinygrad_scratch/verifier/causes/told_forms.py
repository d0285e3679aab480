"""The forms of a difference of two statements: a mask, a slope at another value, what a slice cuts off."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from tinygrad_scratch.verifier.cases.case import Case
from tinygrad_scratch.verifier.cases.valued import names_in, nodes_named
from tinygrad_scratch.verifier.reading.source import is_index_of, leaves
from tinygrad_scratch.verifier.rewriting.part import name_of
from tinygrad_scratch.verifier.rewriting.rewrite import without_numbers

FACTORS = ast.Mult | ast.Div
SIGNS = ast.operator | ast.unaryop | ast.boolop | ast.cmpop | ast.expr_context

FLIP = re.compile(r"flip|fliplr|flipud|rot_?\d*$")
"""The names of functions that turn a picture or a kernel round."""


@dataclass(frozen=True)
class Difference:
    """The one part of a statement that should be another, with the parts around it, the outermost first."""

    old: ast.AST
    new: ast.AST
    way: tuple[ast.AST, ...]

    @property
    def around(self) -> Iterator[tuple[ast.AST, ast.AST]]:
        """The parts around it from the innermost one on, each with what is in it; none around a whole statement."""
        return zip(reversed(self.way), reversed((*self.way[1:], self.old) if self.way else ()), strict=True)


def is_slope_elsewhere(found: Difference) -> bool:
    """Whether `s * (1 - s)`, or the square in `1 - h * h` or `1 - h**2`, is due of another value: no such is plain."""
    if is_product_elsewhere(found.old, found.new):
        return True
    way, old, new = list(found.way), found.old, found.new
    while way and isinstance(way[-1], ast.Attribute | ast.Subscript):  # `a.value` is of a what `b.value` is of b
        old = new = way.pop()
    outer = way[-1] if way else old
    if is_square(outer) and len(way) > 1:
        outer, old, new = way[-2], outer, outer
    return rest_of_one(outer) is not None and is_square(old) and is_square(new)


def is_product_elsewhere(old: ast.AST, new: ast.AST) -> bool:
    """Whether two products are the same of two values, and one of the factors is what is left of one."""
    values = apart_in(old, new)
    rests = {rest for each in leaves(old) if (rest := rest_of_one(each)) is not None}
    return len(values) == 1 and not rests.isdisjoint(value for value, _ in values)


def apart_in(one: ast.AST, other: ast.AST) -> set[tuple[str, str]]:
    """The innermost parts in which two expressions differ, each with what stands for it."""
    if same(one, other):
        return set()
    pairs = list(zip(parts(one), parts(other), strict=False))
    if type(one) is not type(other) or len(parts(one)) != len(parts(other)) or marks(one) != marks(other) or not pairs:
        return {(ast.unparse(one), ast.unparse(other))}
    return {found for pair in pairs for found in apart_in(*pair)}


def rest_of_one(node: ast.AST) -> str | None:
    """What is taken off from one, or from an array of ones."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Sub):
        return None
    ones = isinstance(node.left, ast.Call) and name_of(node.left) in ("ones", "ones_like")
    return ast.unparse(node.right) if ones or is_number(node.left) else None


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


def is_bound_of_mask(found: Difference) -> bool:
    """Whether a mask, that picks entries, is made with another number."""
    around = list(found.around)
    compared = next((i for i, (outer, _) in enumerate(around) if isinstance(outer, ast.Compare)), None)
    if compared is None or not (is_number(found.old) and is_number(found.new)):
        return False
    return any(is_index_of(inner, outer) for outer, inner in around[compared:])


def is_value_for_mask(found: Difference) -> bool:
    """Whether a value stands where the mask of it is due."""
    mask = found.new
    return isinstance(mask, ast.Compare) and same(mask.left, found.old) and all(map(is_number, mask.comparators))


def is_of_compared(found: Difference) -> bool:
    """Whether it is what a number is compared with: the mask of another value is due."""
    outer = found.way[-1] if found.way else None
    if not isinstance(outer, ast.Compare) or not isinstance(outer.ops[0], ast.Lt | ast.LtE | ast.Gt | ast.GtE):
        return False
    return any(is_number(each) for each in (outer.left, *outer.comparators) if each is not found.old)


def is_inverted(found: Difference) -> bool:
    """Whether a mask is turned round, as `~m` for `m` is."""
    pairs = (found.old, found.new), (found.new, found.old)
    return any(isinstance(a, ast.UnaryOp) and isinstance(a.op, ast.Invert) and same(a.operand, b) for a, b in pairs)


def is_other_number_in_index(found: Difference) -> bool:
    """Whether an index or a slice differs in its numbers alone, and so takes the neighbours."""
    inside = any(is_index_of(inner, outer) for outer, inner in found.around)
    names = [without_numbers(ast.unparse(each)).replace("...", ":") for each in (found.old, found.new)]
    return inside and names[0] == names[1]


def is_flipped(found: Difference) -> bool:
    """Whether arrays are turned round on two axes or by a call on one side, and not on the other."""
    return flips_in(found.old) != flips_in(found.new)


def flips_in(node: ast.AST) -> int:
    """How often an expression turns arrays round: by calls for it, or by slices with a step of -1, of several axes."""
    nodes = list(ast.walk(node))
    calls = [each for each in nodes if isinstance(each, ast.Call) and FLIP.match(name_of(each))]
    slices = [each for each in nodes if isinstance(each, ast.Slice) and each.step is not None]
    backwards = [each for each in slices if each.step is not None and ast.unparse(each.step) == "-1"]
    return len(calls) + len(backwards) // 2


def is_cut(found: Difference) -> bool:
    """Whether a slice with a number in it cuts off a part of what is due."""
    old = found.old
    if not isinstance(old, ast.Subscript) or not same(old.value, found.new):
        return False
    slices = old.slice.elts if isinstance(old.slice, ast.Tuple) else [old.slice]
    ends = [end for each in slices for end in (getattr(each, "lower", None), getattr(each, "upper", None)) if end]
    whole = all(isinstance(each, ast.Slice) and each.step is None for each in slices)
    return whole and bool(ends) and not any(without_numbers(ast.unparse(end)) for end in ends)


def is_turned_round(found: Difference) -> bool:
    """Whether `b - a` is due for `a - b`."""
    old, new = found.old, found.new
    if not isinstance(old, ast.BinOp) or not isinstance(new, ast.BinOp):
        return False
    differences = isinstance(old.op, ast.Sub) and isinstance(new.op, ast.Sub)
    return differences and same(old.left, new.right) and same(old.right, new.left)


def is_power(node: ast.AST) -> bool:
    by_call = isinstance(node, ast.Call) and name_of(node) in ("power", "square")
    return by_call or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow | ast.Mult))


def is_number(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float)


def same(one: ast.AST, other: ast.AST) -> bool:
    return ast.dump(one) == ast.dump(other)


def parts(node: ast.AST) -> list[ast.AST]:
    return [part for part in ast.iter_child_nodes(node) if not isinstance(part, SIGNS)]


def marks(node: ast.AST) -> list[str]:
    """What a node has beside its parts: the signs of an operation, the name of an attribute, a number."""
    if isinstance(node, ast.Slice):  # `1:` has other bounds than `:6`
        return [str(bound is None) for bound in (node.lower, node.upper, node.step)]
    fields = (value for _, value in ast.iter_fields(node))
    held = [each for value in fields for each in (value if isinstance(value, list) else [value])]
    held = [value for value in held if not isinstance(value, ast.expr | ast.stmt)]
    return [type(value).__name__ if isinstance(value, ast.AST) else repr(value) for value in held]
