"""What a product has too many or lacks, by the text of a difference: a minus, a number, an array, brackets."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case
from tinygrad_scratch.verifier.cases.valued import is_mere_number, names_in, nodes_named
from tinygrad_scratch.verifier.causes.task_weights import holds_error, weighs_loss
from tinygrad_scratch.verifier.causes.told_forms import FACTORS, Difference, is_number, rest_of_one, same
from tinygrad_scratch.verifier.reading.derivative_names import WORDS
from tinygrad_scratch.verifier.reading.source import is_sum, leaves
from tinygrad_scratch.verifier.recording.edits import name_of as name_of_function
from tinygrad_scratch.verifier.rewriting.calls import SUMS, is_method
from tinygrad_scratch.verifier.rewriting.part import NAMES, name_of
from tinygrad_scratch.verifier.rewriting.rewrite import OF_PENALTY, PENALTY, RATE, SIZE
from tinygrad_scratch.verifier.rewriting.text import Source

OF_FACTORS = ("wrong-operand", "derivative-at-wrong-point", "missing-derivative", "scale-factor")
WORDS_OF_SLOPES = re.compile(rf"1\.?0?\s*-|{WORDS}", re.IGNORECASE)


def beyond(one: ast.AST, other: ast.AST) -> list[ast.AST]:
    """The factors of a product beside all those of another one; none where it lacks one of them."""
    rest = [*leaves(one)]
    for each in leaves(other):
        place = next((i for i, own in enumerate(rest) if same(own, each)), None)
        if place is None:
            return []
        del rest[place]
    return rest


def factors_lacking(found: Difference) -> list[ast.AST]:
    """The factors that a product lacks; none where it should be divided by one of them."""
    factors = beyond(found.new, found.old)
    ratios = (node for node in ast.walk(found.new) if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div))
    divisors = [each for ratio in ratios for each in leaves(ratio.right)]
    return [] if any(factor is each for factor in factors for each in divisors) else factors


def kind_by_factors(case: Case, found: Difference, kind: str) -> str:
    """The kind of a difference of factors by what these are; the one that was told where nothing says another."""
    more, less = beyond(found.old, found.new), beyond(found.new, found.old)
    if (more or less) and all(map(is_minus_one, more or less)):
        return "sign"
    if kind == "missing-derivative" and (more or less) and all(is_root_of_number(case, each) for each in more or less):
        return "scale-factor"
    if more and kind in OF_FACTORS and not is_in_rest_of_one(found):
        return "scale-factor"
    if kind == "missing-batch-sum-or-mean" and any(holds_array(case, each) for each in less):
        return "missing-derivative"
    if kind not in ("missing-derivative", "scale-factor"):
        return kind
    if is_slope(less):
        return "missing-derivative"
    of_numbers = all(
        holds_number(case, each) or weighs_loss(case, each) or is_weight_of_samples(case, each) for each in less
    )
    if less and (of_numbers or are_single_in_term(case, found, less)) and not is_in_rest_of_one(found):
        of_penalty = any(OF_PENALTY.search(name) for each in less for name in names_in(each))
        return "regularisation" if of_penalty and not holds_error(case, found.old) else "scale-factor"
    return kind


def is_slope(factors: list[ast.AST]) -> bool:
    """Whether some factors are `s` and `1 - s`, or `1 - h**2`: the slope of what bends, be it a single number."""
    written = {ast.unparse(each) for each in factors}
    rests = [rest for each in factors if (rest := rest_of_one(each)) is not None]
    return any(rest in written or rest.replace(" ", "").endswith("**2") for rest in rests)


def is_weight_of_samples(case: Case, node: ast.AST) -> bool:
    """Whether it is called a weight, and is data: how much each sample counts, and no slope."""
    names = [name for name in names_in(node) if re.search(r"(?:sample|class|case|pos|instance)_?w(?:eights?)?$", name)]
    held = {each for name in names for each in nodes_named(case, name)}
    return bool(held) and all(case.step_of(each).function is None for each in held)


def are_single_in_term(case: Case, found: Difference, lacking: list[ast.AST]) -> bool:
    """Whether single numbers lack in a term of a factor of arrays, as a learned `k` of `d * (s + k * z * s)`."""
    around = [outer for outer in found.way if isinstance(outer, ast.BinOp)]
    in_factor = any(isinstance(a.op, FACTORS) and is_sum(b) for a, b in pairwise(around))
    sizes = [
        [
            np.size(case.tape.nodes[node].value)
            for each in nodes
            for name in names_in(each)
            for node in nodes_named(case, name)
        ]
        for nodes in (lacking, [found.old])
    ]
    return in_factor and bool(sizes[0]) and max(sizes[0]) == 1 and max(sizes[1], default=1) > 1


def is_in_rest_of_one(found: Difference) -> bool:
    """Whether it is in what is taken off from one, as in `1 - p / k` or `1 - h * h`: that is no factor of a slope."""
    return any(rest_of_one(outer) is not None for outer in found.way)


def is_root_of_number(case: Case, node: ast.AST) -> bool:
    """Whether a part of an expression is the root of no array, as of a width."""
    is_root = isinstance(node, ast.Call) and name_of(node) == "sqrt"
    return is_root and not holds_array(case, node)


def is_power_of_other(found: Difference) -> bool:
    """Whether what is right is a power of what was written, or the other way round, or another power of the same.

    A square may be written as a product or by `np.square`.
    """
    old, new = found.old, found.new
    outer = found.way[-1] if found.way else None
    if isinstance(outer, ast.BinOp) and isinstance(outer.op, ast.Pow) and outer.right is old:
        return is_number(old) and is_number(new)
    if isinstance(new, ast.BinOp) and isinstance(new.op, ast.Div) and same(new.left, old):  # once more
        return any(same(new.right, each) for each in divisors_in(old))
    return base_of(old) == ast.dump(new) or base_of(new) == ast.dump(old)


def divisors_in(node: ast.AST) -> Iterator[ast.AST]:
    """What a product is divided by."""
    while isinstance(node, ast.BinOp) and isinstance(node.op, FACTORS):
        if isinstance(node.op, ast.Div):
            yield node.right
        node = node.left


def base_of(node: ast.AST) -> str:
    """What a number of times itself makes a value, as it is dumped; nothing where the value is no power."""
    match node:
        case ast.BinOp(left=base, op=ast.Pow()):
            return ast.dump(base)
        case ast.BinOp(left=base, op=ast.Mult(), right=other) if same(base, other):
            return ast.dump(base)
        case ast.Call(args=[base]) if name_of(node) == "square":
            return ast.dump(base)
    return ""


def is_divided_too_seldom(case: Case, found: Difference) -> bool:
    """Whether it should be divided once more by what it is divided by already: `e / s` for `e / s**2`.

    In what is taken off from one, or added to it, only a number that is a sum is such a divisor.
    """
    match found.new:
        case ast.BinOp(left=rest, op=ast.Div(), right=divisor) if same(rest, found.old):
            own = (each for each in (*found.way, *ast.walk(found.old)) if isinstance(each, ast.BinOp))
            divided = any(isinstance(each.op, ast.Div) and same(each.right, divisor) for each in own)
        case ast.BinOp(left=divisor, op=ast.Pow()) if same(divisor, found.old):
            outer = found.way[-1] if found.way else None
            divided = isinstance(outer, ast.BinOp) and isinstance(outer.op, ast.Div) and same(outer.right, divisor)
        case _:
            return False
    return divided and (is_one_sum(case, divisor) or not is_in_formula_of_one(found))


def is_in_formula_of_one(found: Difference) -> bool:
    """Whether it is in a sum with the number one, as `(z / 3) ** 2` is in `1 + (z / 3) ** 2`."""
    sums = (each for each in found.way if isinstance(each, ast.BinOp) and is_sum(each))
    return any(is_number(side) for each in sums for side in (each.left, each.right))


def is_one_sum(case: Case, node: ast.AST) -> bool:
    """Whether a name held nothing but single numbers, each of which is a sum."""
    nodes = nodes_named(case, ast.unparse(node)) if isinstance(node, NAMES) else []
    single = all(np.size(case.tape.nodes[each].value) == 1 for each in nodes)
    return bool(nodes) and single and all(name_of_function(case.step_of(each).function) == "sum" for each in nodes)


def is_minus_one(node: ast.AST) -> bool:
    return ast.unparse(node) in ("-1", "-1.0")


def lacks_array(case: Case, found: Difference) -> bool:
    """Whether a factor or a term should be it times an array, or what is all of a statement or of a call should."""
    way = [each for each in found.way if not (isinstance(each, ast.Subscript) and each.value is found.old)]
    outer = way[-1] if way else None  # and not its own index, as in `d[:, None] * x`
    in_sum = isinstance(outer, ast.Call) and name_of(outer) in SUMS
    in_formula = isinstance(outer, ast.BinOp) and isinstance(outer.op, ast.Mult | ast.Add | ast.Sub)
    in_method = isinstance(outer, ast.Attribute) and outer.attr in ("dot", "sum", "mean")
    is_whole = in_formula or in_sum or in_method or isinstance(outer, ast.stmt)
    if not is_whole or isinstance(found.old, ast.Constant):
        return False
    return any(holds_array(case, each) for each in beyond(found.new, found.old))


def without_brackets(found: Difference) -> tuple[list[ast.AST], ast.AST] | None:
    """The factors that a term lacks, and the term, as brackets are missing: `m * a - b` for `m * (a - b)`."""
    old = found.old
    for inner in leaves(found.new):
        if not isinstance(old, ast.BinOp) or not isinstance(inner, ast.BinOp) or not is_sum(inner) or not is_sum(old):
            continue
        factors = beyond(found.new, inner)
        sides = (old.left, inner.left, old.right, inner.right), (old.right, inner.right, old.left, inner.left)
        for scaled, alone, term, due in sides:
            own = beyond(scaled, alone)
            if factors and dumped(own) == dumped(factors) and same(term, due) and type(old.op) is type(inner.op):
                return factors, term
    return None


def dumped(nodes: list[ast.AST]) -> list[str]:
    return sorted(map(ast.dump, nodes))


def name_of_product(case: Case, found: Difference) -> tuple[str, str, str] | None:
    """What was written of a product, the name that the forward pass gave it times what is lacking, and the whole.

    So of `s * (1 - s)` it is the first `s`, where `s * z * (1 - s)` is right, and forward made `h = s * z`: the whole
    is `h * (1 - s)`.
    """
    lacking = factors_lacking(found)
    if len(lacking) != 1 or not isinstance(lacking[0], NAMES) or not holds_array(case, lacking[0]):
        return None
    for old in leaves(found.old):
        known = name_of_made(case, old, lacking[0]) if isinstance(old, NAMES) else None
        if known is not None and known != ast.unparse(old):
            return ast.unparse(old), known, ast.unparse(with_factor(found.old, old, known))
    return None


def product_named(source: Source, line: int, found: Difference) -> tuple[ast.expr, list[ast.AST]] | None:
    r"""What the name that is due stands for, and its other factors, if that is a product of what was written.

    Where `b = cost` is written and `a` is right, of `a = weight * cost` in a line before, it is `weight * cost`.
    What was written may be a product itself, or a call; where it is all of that product, nothing lacks.

    >>> from tinygrad_scratch.verifier.rewriting.text import source_of
    >>> source = source_of("a = d @ w\nb = d @ w * k\nc = d @ w")
    >>> written, same, other = (ast.parse(code, mode="eval").body for code in ("d @ w", "a", "b"))
    >>> product_named(source, 3, Difference(written, same, ()))
    >>> product, lacking = product_named(source, 3, Difference(written, other, ()))
    >>> ast.unparse(product), [ast.unparse(each) for each in lacking]
    ('d @ w * k', ['k'])
    """
    statement = source.statement_on(line)
    if statement is None or not isinstance(found.new, NAMES):
        return None
    due = ast.unparse(found.new)
    for before in reversed(source.block_of(statement)):
        match before:
            case ast.Assign(targets=[target], value=ast.BinOp() as value) if ast.unparse(target) == due:
                factors = list(leaves(value))
                others = [each for each in factors if not same(each, found.old)]
                return (value, others) if 0 < len(others) == len(factors) - 1 and before.lineno < line else None
    return None


def with_factor(product: ast.AST, old: ast.AST, name: str) -> ast.AST:
    """A product with a name for one of its factors."""
    if product is old:
        return ast.Name(name)
    if isinstance(product, ast.BinOp):
        left, right = (with_factor(each, old, name) for each in (product.left, product.right))
        return ast.BinOp(left, product.op, right)  # type: ignore[arg-type]
    return product


def name_of_made(case: Case, old: ast.AST, lacking: ast.AST) -> str | None:
    """The name that the forward pass gave a product of two values."""
    if not holds_array(case, old):
        return None
    held = [{node for name in names_in(each) for node in nodes_named(case, name)} for each in (old, lacking)]
    made = {
        node
        for step in case.tape.steps
        if name_of_function(step.function) == "multiply" and all(not nodes.isdisjoint(step.reads) for nodes in held)
        for node in step.makes
    }
    own = ast.unparse(old).startswith("self.")
    events = (event for event in case.events if event.node in made and case.is_forward(event.node))
    return next((event.name for event in events if event.name.startswith("self.") == own), None)


def holds_array(case: Case, node: ast.AST) -> bool:
    """Whether a part of an expression is an array, and no length or sum of one; numbers may be unknown."""
    if SIZE.fullmatch(ast.unparse(node)) or is_sum_of_all(node):
        return False
    held = [nodes_named(case, name) for name in names_in(node)]
    return any(nodes and not all(is_mere_number(case, each) for each in nodes) for nodes in held)


def is_sum_of_all(node: ast.AST) -> bool:
    """Whether a call makes one number of all entries, with no axis given."""
    if not isinstance(node, ast.Call) or name_of(node) not in SUMS or node.keywords:
        return False
    return len(node.args) == (0 if is_method(node) else 1)


def holds_number(case: Case, node: ast.AST) -> bool:
    """Whether what an expression reads are numbers that were given.

    What was not recorded is no array: a variable of that kind is a number, of others the name tells; a list is none.
    """
    lists = {ast.unparse(each.value) for each in ast.walk(node) if isinstance(each, ast.Subscript)}
    held = {name: nodes_named(case, name) for name in names_in(node)}
    return all(
        all(is_mere_number(case, each) for each in nodes) if nodes else is_name_of_number(name) and name not in lists
        for name, nodes in held.items()
    )


def is_name_of_number(name: str) -> bool:
    last = name.rpartition(".")[2]
    return name.isidentifier() or bool(PENALTY.search(last) or RATE.fullmatch(last) or SIZE.fullmatch(last))


def is_multiplied_for_divided(found: Difference) -> bool:
    """Whether something is multiplied where it should be divided, or the other way round."""
    match found.old, found.new:
        case (ast.BinOp(left=held, op=old, right=by), ast.BinOp(left=due, op=new, right=due_by)):
            pass
        case (ast.AugAssign(target=held, op=old, value=by), ast.AugAssign(target=due, op=new, value=due_by)):
            pass
        case _:
            return False
    are_factors = isinstance(old, FACTORS) and isinstance(new, FACTORS) and type(old) is not type(new)
    return are_factors and same(held, due) and same(by, due_by)
