"""The kind of a mistake by its text: what was written, what is right, and what stands around the one part that differs.

The searches know by which change the gradients are right; what a reader would call that is the same for all of them.
"""

from __future__ import annotations

import ast
import re
from itertools import takewhile

from tinygrad_scratch.verifier.cases.case import Case
from tinygrad_scratch.verifier.cases.valued import LAID_OUT, names_in, nodes_named
from tinygrad_scratch.verifier.causes.told_forms import (
    FACTORS,
    FLIP,
    Difference,
    is_bound_of_mask,
    is_cut,
    is_flipped,
    is_inverted,
    is_number,
    is_of_compared,
    is_of_mask,
    is_other_number_in_index,
    is_power,
    is_slope_elsewhere,
    is_turned_round,
    rest_of_one,
    same,
)
from tinygrad_scratch.verifier.explaining.explain import Cause
from tinygrad_scratch.verifier.reading.source import is_sum, parsed, text_of
from tinygrad_scratch.verifier.recording.events import claims_gradient
from tinygrad_scratch.verifier.rewriting.part import NAMES, PRODUCTS, counted_by, name_of
from tinygrad_scratch.verifier.rewriting.rewrite import OF_PENALTY, SIZE, SLOPE, kind_of_divisor
from tinygrad_scratch.verifier.rewriting.text import Source, source_of
from tinygrad_scratch.verifier.telling.told_choices import is_chosen_for_slope
from tinygrad_scratch.verifier.telling.told_difference import difference
from tinygrad_scratch.verifier.telling.told_factors import (
    beyond,
    factors_lacking,
    holds_array,
    holds_number,
    is_divided_too_seldom,
    is_in_rest_of_one,
    is_multiplied_for_divided,
    is_power_of_other,
    kind_by_factors,
    lacks_array,
    name_of_product,
    product_named,
    without_brackets,
)
from tinygrad_scratch.verifier.telling.told_penalties import (
    adds_penalty,
    first_parameters,
    holds_parameters_alone,
    is_beside_strength,
    is_of_penalties_alone,
    is_of_penalty,
    is_penalty,
    is_strength_of_penalty,
    is_times_parameter,
)
from tinygrad_scratch.verifier.telling.told_sizes import BATCH, kind_of_size, other_length
from tinygrad_scratch.verifier.telling.told_slopes import (
    is_bent_in_slope,
    is_bound_of_slope,
    is_branch_of_slope,
    is_curve_left_out,
    is_curve_of,
    is_function_for_slope,
    is_given_to_curve,
    is_given_to_slope,
    is_in_term,
    is_of_function_left_out,
    is_of_the_other,
    is_only_given,
    is_other_number,
    is_plain,
    is_slope_for_slope,
    is_slope_of_result,
    is_slope_taken_at,
)
from tinygrad_scratch.verifier.telling.told_terms import terms_apart, terms_of
from tinygrad_scratch.verifier.telling.told_values import is_activation, is_read_updated

WIDTH = re.compile(r"dim|width|units|nodes|hidden|channels|features", re.IGNORECASE)
MOST_CALLED = 3  # functions of theirs, one in the other
COUNTING = ("delete", "insert", "roll", "take", "repeat", "tile", "tril", "triu", "eye", "diag")
"""Calls that are given places and counts."""
COUNT = re.compile(r"(?:np\.(?:sum|count_nonzero)\([\w.]+\)|[\w.]+\.sum\(\))")
"""How many there are of what is marked by ones."""
AT_POINT = "derivative-at-wrong-point"
SCALES = ("scale-factor", "missing-batch-sum-or-mean")
OF_A_SIZE = re.compile(r"(?i)(?:size|len|length|width|height|pad|padding|stride|steps)$")
GRADIENT = re.compile(r"d_?[A-Za-z]{1,2}\d*(?:_\w+)?")
"""What gradients are called, also by names that others may have: `dz_next`."""
NAMED_BY_TEXT = (
    "derivative-at-wrong-point", "wrong-operand", "missing-term", "missing-derivative", "scale-factor",
    "missing-batch-sum-or-mean", "off-by-one",
)  # fmt: skip
"""The kinds that the text tells; the others are about when a value was changed, or what holds it."""


def name_kind(case: Case, cause: Cause) -> None:
    """Name the kind of a cause by the text of the change, where that says more than the search did."""
    found = difference(cause)
    if tell_on_the_way(case, cause):
        return
    of_layout = kind_of_layout(case, cause, found) if found is not None else ""
    cause.kind = of_layout or cause.kind
    if of_layout or cause.kind not in NAMED_BY_TEXT:
        return
    if found is None:
        name_kind_of_whole(case, cause)
        return
    known = name_of_product(case, found)
    if known is not None:  # no factor is missing, but another value was taken
        written, name, right = known
        cause.kind, cause.sentence = "wrong-operand", f"`{written}` should be {name}"
        cause.should_be = (cause.should_be or "").replace(ast.unparse(found.new), right, 1)
        return
    found = tell_product(case, cause, found)
    if cause.kind == "wrong-operand" and only_multiplies(found):
        lacking = " * ".join(map(ast.unparse, factors_lacking(found)))
        cause.kind, cause.sentence = "missing-derivative", f"`{ast.unparse(found.old)}` is not multiplied by {lacking}"
    size = "" if is_of_penalty(case, found) else kind_of_size(case, cause, found)
    kind = size or of_read(case, cause, found) or of_counter(cause, found) or kind_by_text(case, found, cause.kind)
    source = source_of(text_of(cause.file))
    kind = AT_POINT if kind == "wrong-operand" and is_of_point(source, cause, found) else kind
    kind = "wrong-operand" if kind == AT_POINT and are_gradients(found) else kind
    if kind == "scale-factor" and is_slope_of_result(source, cause, found):
        kind, due = AT_POINT, ast.unparse(found.new)
        cause.sentence = f"`{ast.unparse(found.old)}` is the derivative of another function: here it is {due}"
    is_place = is_place_in_own(source, found) or is_only_place(source, cause.line)
    kind = "off-by-one" if kind == "scale-factor" and is_place else kind
    if kind == "wrong-operand" and "derivative" in cause.sentence:
        cause.sentence = f"`{ast.unparse(found.old)}` should be {ast.unparse(found.new)}"
    cause.kind = kind
    if kind == BATCH:
        tell_division(cause, found)


def kind_of_layout(case: Case, cause: Cause, found: Difference) -> str:
    """The kind by how values are laid out: of one that is turned round, or of another one; nothing where none says."""
    if is_flipped(found) and cause.kind != "broadcasting-shape":
        return "transpose"
    if cause.kind == "broadcasting-shape" and is_of_penalty(case, found):
        return "regularisation"
    if cause.kind == "wrong-operand" and (only_adds_axes(found.old, found.new) or only_adds_axes(found.new, found.old)):
        cause.sentence = f"`{ast.unparse(found.old)}` is spread along another axis than `{ast.unparse(found.new)}` is"
        return "broadcasting-shape"
    return "wrong-operand" if cause.kind == "transpose" and is_of_another(found) else ""


def only_adds_axes(plain: ast.AST, laid_out: ast.AST) -> bool:
    """Whether one value is another one with new axes: `count[:, None]`."""
    if not isinstance(laid_out, ast.Subscript) or not same(laid_out.value, plain):
        return False
    index = laid_out.slice
    parts = index.elts if isinstance(index, ast.Tuple) else [index]
    return all(ast.unparse(part) in ("None", ":", "...", "np.newaxis") for part in parts)


def is_of_another(found: Difference) -> bool:
    """Whether one value, or its transpose, stands for another one laid out as that is: `dl.T` for `da.T`."""
    names = [ast.unparse(each) for each in (found.old, found.new) if isinstance(each, NAMES)]
    bare = [name.removesuffix(".T") for name in names]
    same_way = len({name.endswith(".T") for name in names}) == 1
    outer = found.way[-1] if found.way else None
    is_called = isinstance(outer, ast.Call) and outer.func is found.old
    is_part = len(bare) == 2 and (bare[0].startswith(bare[1]) or bare[1].startswith(bare[0]))
    return len(names) == 2 and same_way and not (is_part or is_called)


def are_gradients(found: Difference) -> bool:
    """Whether one gradient stands for another one: there is no point at which a slope is taken."""
    both = [each for each in (found.old, found.new) if isinstance(each, (*NAMES, ast.Subscript))]
    named = (ast.unparse(each) for each in both)
    return len(both) == 2 and all(claims_gradient(name) or GRADIENT.fullmatch(name) for name in named)


def is_of_point(source: Source, cause: Cause, found: Difference) -> bool:
    """Whether another value stands where a slope is taken."""
    if is_chosen_for_slope(source, cause.line) or is_bent_in_slope(found) or is_share_in_rest_of_one(found):
        return True
    if not source.is_in_derivative(cause.line):
        return False
    around = source.function_around(cause.line)
    of_one = around is not None and len([arg for arg in around.args.args if arg.arg != "self"]) < 2
    exchanged = of_one and all(isinstance(each, ast.Name | ast.Attribute) for each in (found.old, found.new))
    masked = isinstance(found.new, ast.Compare) and same(found.new.left, found.old)  # the function itself before
    return exchanged or masked


def is_share_in_rest_of_one(found: Difference) -> bool:
    """Whether one name stands for another one in what is left of 1 by a share of it: `1 - beta * out`."""
    if len(found.way) < 2 or not all(isinstance(each, NAMES) for each in (found.old, found.new)):
        return False
    rest, share = found.way[-2:]
    is_share = isinstance(share, ast.BinOp) and isinstance(share.op, ast.Mult)
    if not isinstance(rest, ast.BinOp) or not isinstance(rest.op, ast.Sub):
        return False
    return is_share and rest.right is share and ast.unparse(rest.left) in ("1", "1.0")


def only_multiplies(found: Difference) -> bool:
    """Whether what is right is what was written times what a function makes, as one for slopes does."""
    is_product = isinstance(found.new, ast.BinOp) and isinstance(found.new.op, ast.Mult)
    lacking = factors_lacking(found)
    made = bool(lacking) and all(isinstance(factor, ast.Call) for factor in lacking)
    return is_product and made and not beyond(found.old, found.new)


def tell_product(case: Case, cause: Cause, found: Difference) -> Difference:
    """Tell the numbers that what was written lacks, where another name is due that stands for a product with them."""
    product = product_named(source_of(text_of(cause.file)), cause.line, found) if cause.should_be else None
    if product is not None and cause.kind == AT_POINT and is_of_data(case, found.old):  # of which no slope is taken
        factors = " * ".join(map(ast.unparse, product[1]))
        divides = is_quotient(product[0])
        cause.kind, how = ("scale-factor", "divided") if divides else ("missing-derivative", "multiplied")
        cause.sentence = f"`{ast.unparse(found.old)}` is not {how} by {factors}"
        return found
    of_forward = case.forward.intersection(nodes_named(case, ast.unparse(found.new)))  # what has a name there is meant
    if product is None or cause.kind != "wrong-operand" or of_forward:
        return found
    value, lacking = product
    of_numbers = all(holds_number(case, each) for each in lacking)
    if not of_numbers and isinstance(found.old, NAMES):  # what has a slope in it has its name for that
        return found
    written, factors = ast.unparse(found.old), " * ".join(map(ast.unparse, lacking))
    divides = is_quotient(value)
    of_number = kind_of_divisor(factors) if divides else "scale-factor"
    cause.kind = of_number if of_numbers else "missing-derivative"
    cause.sentence = f"`{written}` is not {'divided' if divides else 'multiplied'} by {factors}"
    cause.should_be = (cause.should_be or "").replace(ast.unparse(found.new), ast.unparse(value), 1)
    return Difference(found.old, value, found.way)


def is_quotient(node: ast.AST) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)


def is_of_data(case: Case, node: ast.AST) -> bool:
    """Whether all that a name held is data."""
    held = nodes_named(case, ast.unparse(node))
    return bool(held) and all(map(case.is_data, held))


def name_kind_of_whole(case: Case, cause: Cause) -> None:
    """Name the kind of a whole statement that is another: of a penalty's the regularisation."""
    written = parsed(cause.expression)
    if isinstance(written, ast.AugAssign) and isinstance(parsed(cause.should_be or ""), ast.Assign):
        return  # what it is added to is another value, and not the penalty
    value = written.value if isinstance(written, ast.Expr | ast.Assign | ast.AugAssign) else None
    whole = value is not None and is_penalty(case, value)
    part = value is not None and any(OF_PENALTY.search(name) for name in names_in(value))
    is_other = cause.kind in SCALES or (whole and cause.kind == "wrong-operand")
    cause.kind = "regularisation" if is_other and (whole or part) else cause.kind


def tell_on_the_way(case: Case, cause: Cause) -> bool:
    """Tell what goes on past a step, and is written over there by what the step makes of it, as a term of that."""
    is_renamed = cause.kind == "overwritten-accumulation"  # and what the memory held is not
    if not is_renamed or "is written over" not in cause.sentence or not is_made_of_what_it_held(case, cause):
        return False
    cause.kind = "missing-term"
    cause.sentence = f"{cause.name} goes on past this step, too: what it held before is a term of what it should be"
    return True


def is_made_of_what_it_held(case: Case, cause: Cause) -> bool:
    """Whether a value was made of what was under its name before: so a gradient passes what a step is added to.

    What is added up is not: there each part is made of something else.
    """
    named = [e for e in (*case.events, *case.arguments) if e.name == cause.name and e.node not in case.forward]
    here = [e for e in case.events if (e.name, e.place.file, e.place.line) == (cause.name, cause.file, cause.line)]
    behind, slots = case.ancestors(e.node for e in here[:1]), {case.tape.nodes[e.node].slot for e in here[:1]}
    earlier = (event for event in named if event.node in behind and event.owner == here[0].owner)
    nodes = (case.tape.nodes[event.node] for event in earlier)
    return any(node.slot not in slots and bool(node.value.any()) for node in nodes)  # a sum begins with noughts


def tell_division(cause: Cause, found: Difference) -> None:
    """Tell a factor too many by what it is: a division by the number of samples, once too often; or another length."""
    shape = other_length(found)
    if shape:
        cause.sentence = f"`{shape}[{ast.unparse(found.old)}]` should be `{shape}[{ast.unparse(found.new)}]`"
    match found.old:
        case ast.BinOp(left=rest, op=ast.Div()) if same(rest, found.new) and "too many" in cause.sentence:
            cause.sentence = f"`{ast.unparse(found.old)}` is divided by the number of samples once too often"


def of_read(case: Case, cause: Cause, found: Difference) -> str:
    """The kind of another value that is read, by what the two values are; nothing where that tells none."""
    if is_read_updated(case, cause, found):
        return "stale-or-updated-weights"
    if cause.kind not in ("wrong-operand", AT_POINT):
        return ""
    taken = is_slope_taken_at(source_of(text_of(cause.file)), found) or is_only_given(found)
    return AT_POINT if taken and (is_activation(case, found) or is_of_the_other(found)) else ""


def of_counter(cause: Cause, found: Difference) -> str:
    """The kind of a number too many beside what a loop counts, or is called a size; nothing where there is none."""
    counted = {counted_by(node) for node in source_of(text_of(cause.file)).statements} - {""}
    for whole, rest in ((found.old, found.new), (found.new, found.old)):
        is_counted = isinstance(rest, ast.Name) and rest.id in counted
        is_size = isinstance(rest, NAMES) and OF_A_SIZE.search(ast.unparse(rest)) is not None
        if (is_counted or is_size) and isinstance(whole, ast.BinOp) and is_sum(whole):
            sides = (whole.left, whole.right), (whole.right, whole.left)
            if any(same(one, rest) and is_number(other) for one, other in sides):
                return "off-by-one"
    return ""


def kind_by_text(case: Case, found: Difference, kind: str) -> str:
    """The kind of a change by what it changes; the one that the search told where that is as good."""
    form = kind_of_form(case, found)
    if form:
        return form
    if is_other_number_in_index(found):
        return kind_of_index(found)
    if kind != "off-by-one" and (is_of_penalty(case, found) or is_of_penalties_alone(case, found)):
        return "regularisation"
    if is_cut(found):
        return "off-by-one"
    if is_inverted(found):
        return AT_POINT
    lacking = without_brackets(found)
    if lacking is not None:
        return kind_of_brackets(case, *lacking)
    if is_multiplied_for_divided(found) or is_divided_too_seldom(case, found):
        return "scale-factor"
    if is_power_of_other(found):
        return kind_of_power(found)
    if kind == "missing-batch-sum-or-mean" and is_in_formula(case, found):
        return "scale-factor"
    told = kind_by_slope(case, found, kind_by_factors(case, found, kind))
    return "regularisation" if told == AT_POINT and is_beside_strength(case, found) else told


def lacks_terms(found: Difference) -> bool:
    """Whether nothing but terms of a sum is missing, and no mere number: `a / n` for `(a - b) / n`."""
    needless, missing = terms_apart(found.old, found.new)
    named = all(any(name for part in parts for name in names_in(part)) for _, parts in missing)
    return not needless and bool(missing) and named and len(list(terms_of(found.new))) > len(missing)


def is_other_divisor(found: Difference) -> bool:
    """Whether one size stands for another one in a product or under a fraction, or the length of one array for that."""
    call = found.way[-1] if found.way else None
    is_length = isinstance(call, ast.Call) and name_of(call) == "len" and found.old in call.args
    outer = found.way[-1 - is_length] if len(found.way) > is_length else None
    if not isinstance(outer, ast.BinOp) or not isinstance(outer.op, FACTORS):
        return False
    if is_length:
        return True
    old, new = (ast.unparse(each) for each in (found.old, found.new))
    if SIZE.fullmatch(old) is not None and isinstance(outer.op, ast.Div) and COUNT.fullmatch(new) is not None:
        return True
    return SIZE.fullmatch(new) is not None and (SIZE.fullmatch(old) is not None or WIDTH.search(old) is not None)


def is_logarithm_itself(found: Difference) -> bool:
    """Whether what goes by the name of a logarithm stands where what that is of is due: `log_scale` for its `exp`."""
    written = ast.unparse(found.old)
    inside = isinstance(found.new, ast.Call) and name_of(found.new) == "exp" and written in ast.unparse(found.new)
    return inside and isinstance(found.old, ast.Name | ast.Attribute) and "log" in written.rpartition(".")[2].lower()


def is_other_length(found: Difference) -> bool:
    """Whether a name is given another length of an array, or that of another array: `m = x.shape[1]`."""
    inner = [*takewhile(lambda node: isinstance(node, ast.Subscript | ast.Attribute), reversed(found.way))]
    outer = found.way[: len(found.way) - len(inner)]
    is_named = bool(outer) and isinstance(outer[-1], ast.Assign) and isinstance(outer[-1].targets[-1], ast.Name)
    return is_named and bool(inner) and ".shape[" in ast.unparse(inner[-1])


def kind_of_form(case: Case, found: Difference) -> str:
    """The kind that the form of a change tells, whatever was told of it; nothing where it tells none."""
    at_point = is_bound_of_mask(found) or is_bound_of_slope(case, found) or is_other_of_kept(found)
    forms = (
        ("off-by-one", is_in_head(found) and is_one_off(found)),
        ("stale-or-updated-weights", is_updated(case, found)),
        ("sign", is_turned_round(found)),
        ("scale-factor", is_other_divisor(found) or is_other_length(found) or is_times_parameter(case, found)),
        ("off-by-one", is_place_in_call(found)),
        ("transpose", is_other_turn(found)),
        ("wrong-operand", is_like_in_product(found) or is_logarithm_itself(found)),
        ("missing-term", adds_one(found) or (lacks_terms(found) and not is_of_penalty(case, found))),
        ("regularisation", is_strength_of_penalty(found)),
        ("inplace-corruption", is_needless_copy(found)),
        (AT_POINT, at_point),
    )
    return next((kind for kind, holds in forms if holds), "")


def is_in_head(found: Difference) -> bool:
    return any(isinstance(each, ast.For) for each in found.way)


def is_one_off(found: Difference) -> bool:
    """Whether one is the other and a number more or less, or both are numbers."""
    for one, other in ((found.old, found.new), (found.new, found.old)):
        if is_number(one) and (is_number(other) or isinstance(other, ast.UnaryOp)):
            return True
        if isinstance(other, ast.BinOp) and is_sum(other) and same(other.left, one) and is_number(other.right):
            return True
    return False


def kind_by_slope(case: Case, found: Difference, kind: str) -> str:
    """The kind of a change by what it makes of a slope: a part of it is gone, it is at another value, or it is none."""
    if kind in (AT_POINT, "missing-derivative", "wrong-operand") and (
        is_slope_for_slope(found) or is_function_for_slope(found)
    ):
        return AT_POINT
    if kind == AT_POINT:
        lacks = is_rest(found) or is_of_function_left_out(found)
        return "missing-derivative" if lacks else "wrong-operand" if is_plain(found) else kind
    if kind == "wrong-operand":
        if is_summed(found):
            return BATCH
        if is_one_of_terms(found):
            return "missing-term"
        elsewhere = is_slope_elsewhere(found) or is_of_compared(found) or is_given_to_slope(found)
        if is_other_number(case, found):
            return "scale-factor"
        lacks = lacks_array(case, found) or is_rest_taken_whole(found) or is_curve_left_out(case, found)
        return "missing-derivative" if lacks else AT_POINT if elsewhere else kind
    if kind == "scale-factor" and is_of_mask(case, found):
        return "missing-derivative"
    if kind == "scale-factor" and is_given_to_curve(found):
        return AT_POINT
    return kind_of_lacking(case, found, kind)


def kind_of_lacking(case: Case, found: Difference, kind: str) -> str:
    """The kind of what a slope or a sum lacks."""
    if kind in ("missing-term", "missing-derivative") and is_branch_of_slope(found):
        return AT_POINT
    if kind == "missing-derivative" and is_of_number(found) and is_beside_terms(found):
        return "missing-term"
    if kind == "missing-derivative" and is_curve_of(found) and is_in_term(found):
        return "wrong-operand"
    return kind_of_other_term(case, found) if kind == "missing-term" else kind


def adds_one(found: Difference) -> bool:
    """Whether 1 is to be added to what a function made, or taken off it: `exp(x) - 1` for `exp(x)`.

    So may it be of a product that is all of a value: `dr = ds * s - 1`, where the loss has `- r`.
    """
    old, new = found.old, found.new
    is_sum_with_one = isinstance(new, ast.BinOp) and is_sum(new) and ast.unparse(new.right) in ("1", "1.0")
    is_product = isinstance(old, ast.BinOp) and isinstance(old.op, ast.Mult)
    is_all = is_product and isinstance(found.way[-1] if found.way else None, ast.Assign)
    return (isinstance(old, ast.Call) or is_all) and is_sum_with_one and same(getattr(new, "left", new), old)


def kind_of_other_term(case: Case, found: Difference) -> str:
    """The kind of a term too many, or of one that lacks, by what it is."""
    if adds_penalty(case, found):
        return "regularisation"
    if rest_of_one(found.old) == ast.unparse(found.new):  # another value, and no sum
        return "wrong-operand"
    is_of_slope = is_of_number(found) and not is_beside_terms(found)
    return "missing-derivative" if is_of_slope else "missing-term"  # a path of the gradient is no number


def is_one_of_terms(found: Difference) -> bool:
    """Whether all of a sum is due for one of its terms: `a + b` for `a`, or `a - b`."""
    new = found.new
    if not isinstance(new, ast.BinOp) or not is_sum(new):
        return False
    return same(found.old, new.left) or (isinstance(new.op, ast.Add) and same(found.old, new.right))


def is_summed(found: Difference) -> bool:
    """Whether one is the sum of the other, or the mean."""
    pairs = ((found.new, found.old), (found.old, found.new))
    return any(
        same(each, part)
        for whole, part in pairs
        if isinstance(whole, ast.Call) and isinstance(whole.func, ast.Attribute) and name_of(whole) in ("sum", "mean")
        for each in (whole.func.value, *whole.args[:1])
    )


def kind_of_power(found: Difference) -> str:
    """The kind of a wrong power: it scales a product, and `1 - h` and `1 - h**3` are slopes of other functions."""
    if is_in_rest_of_one(found):
        return AT_POINT
    around = [outer for outer in found.way if not isinstance(outer, ast.BinOp) or not isinstance(outer.op, ast.Pow)]
    products = [*around[-1:], found.new, found.old]  # all of it may be one
    is_factor = any(isinstance(each, ast.BinOp) and isinstance(each.op, FACTORS) for each in products)
    return "scale-factor" if is_factor else "wrong-operand"


def kind_of_brackets(case: Case, factors: list[ast.AST], term: ast.AST) -> str:
    """The kind of brackets that are missing, by the factors that a term lacks for it, or by the term."""
    if is_penalty(case, term):
        return "regularisation"
    if any(holds_array(case, each) or SLOPE.search(ast.unparse(each)) for each in factors):
        return "missing-derivative"
    sizes = (kind_of_divisor(ast.unparse(each)) for each in factors)
    return next((kind for kind in sizes if kind in SCALES), "scale-factor")


def is_updated(case: Case, found: Difference) -> bool:
    """Whether a parameter less a step stands where the parameter itself is due, or it after one, and a copy is due."""
    old, outer = found.old, found.way[-1] if found.way else None
    holds = isinstance(outer, ast.Attribute) and outer.attr not in LAID_OUT  # an object, and no value
    if isinstance(old, ast.Attribute | ast.Subscript) and isinstance(found.new, ast.Name | ast.Attribute) and not holds:
        held, due = (first_parameters(case, each) for each in (old, found.new))
        return bool(held & due)
    if not isinstance(old, ast.BinOp) or not is_sum(old) or not same(old.left, found.new):
        return False
    return holds_parameters_alone(case, old.left) and not holds_parameters_alone(case, old.right)


def is_in_formula(case: Case, found: Difference) -> bool:
    """Whether a factor is of a term in a sum that reads no array: a part of a derivative's formula, and no mean."""
    sums = [outer for outer, _ in found.around if is_sum(outer)]
    return bool(sums) and not any(holds_array(case, each) for each in sums[-1:])


def is_place_in_call(found: Difference) -> bool:
    """Whether another number is given to a call that counts rows: those it deletes, takes, or turns by."""
    numbers = all(re.fullmatch(r"-?\d+", ast.unparse(each)) for each in (found.old, found.new))
    outer = next((each for each in reversed(found.way) if not isinstance(each, ast.UnaryOp)), None)
    return numbers and isinstance(outer, ast.Call) and name_of(outer) in COUNTING


def is_place_in_own(source: Source, found: Difference) -> bool:
    """Whether another whole number is given to a function of theirs that takes entries by it, as by a dilation."""
    call = found.way[-1] if found.way else None
    numbers = all(re.fullmatch(r"\d+", ast.unparse(each)) for each in (found.old, found.new))
    if not numbers or not isinstance(call, ast.Call) or found.old not in call.args:
        return False
    return takes_by(source, name_of(call), call.args.index(found.old), MOST_CALLED)


def is_only_place(source: Source, line: int) -> bool:
    """Whether a statement names a number that indices alone read: `first = t * step`, for `x[first : first + n]`."""
    match source.statement_on(line):
        case ast.Assign(targets=[ast.Name(id=name)]):
            nodes = list(ast.walk(source.function_around(line) or source.tree))
        case _:
            return False
    within = {id(n) for node in nodes if isinstance(node, ast.Subscript) for n in ast.walk(node.slice)}
    read = [n for n in nodes if isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Load)]
    return bool(read) and all(id(each) in within for each in read)


def takes_by(source: Source, name: str, place: int, most: int) -> bool:
    """Whether a function takes entries by an argument: in an index, or as what another one is given that does."""
    function = next((f for f in source.blocks if isinstance(f, ast.FunctionDef) and f.name == name), None)
    given = [each.arg for each in function.args.args if each.arg != "self"] if function is not None else []
    if function is None or place >= len(given) or not most:
        return False
    nodes = list(ast.walk(function))
    if any(isinstance(node, ast.Subscript) and given[place] in names_in(node.slice) for node in nodes):
        return True
    calls = ((node, i) for node in nodes if isinstance(node, ast.Call) for i in range(len(node.args)))
    return any(
        given[place] in names_in(call.args[i]) and takes_by(source, name_of(call), i, most - 1) for call, i in calls
    )


def is_other_turn(found: Difference) -> bool:
    """Whether a call that turns an array round is given another number."""
    numbers = is_number(found.old) and is_number(found.new)
    return numbers and any(isinstance(each, ast.Call) and FLIP.match(name_of(each)) for each in found.way)


def is_like_in_product(found: Difference) -> bool:
    """Whether ones or zeros of the shape of an array stand for it in a product of matrices."""
    match found.old:
        case ast.Call(args=[inner]) as call if name_of(call) in ("ones_like", "zeros_like") and same(inner, found.new):
            return any(
                (isinstance(each, ast.Call) and name_of(each) in PRODUCTS)
                or (isinstance(each, ast.BinOp) and isinstance(each.op, ast.MatMult))
                for each in found.way
            )
    return False


def is_needless_copy(found: Difference) -> bool:
    """Whether a copy is given where the array itself is due: what is written to it is lost."""
    copied = isinstance(found.old, ast.Call) and name_of(found.old) == "copy"
    return copied and any(same(part, found.new) for part in ast.walk(found.old))


def is_in_shape(found: Difference) -> bool:
    """Whether another size of an array is taken, and no neighbour."""
    held = [outer.value for outer, _ in found.around if isinstance(outer, ast.Subscript)]
    return any(isinstance(each, ast.Attribute) and each.attr == "shape" for each in held[:1])


def is_of_number(found: Difference) -> bool:
    """Whether a mere number is lacking in a sum or too many in it.

    Of what has a name it is none: `p - 1`, `1 + gate`. Nor is it one in what is compared.
    """
    if any(isinstance(outer, ast.Compare) for outer in found.way):
        return False
    for whole, rest in ((found.old, found.new), (found.new, found.old)):
        if isinstance(whole, ast.BinOp) and is_sum(whole):
            sides = [(whole.left, whole.right), (whole.right, whole.left)]
            named = isinstance(rest, ast.Name | ast.Attribute | ast.Subscript)
            if any(is_number(number) and same(other, rest) for number, other in sides):
                return not named
    return False


def is_beside_terms(found: Difference) -> bool:
    """Whether a sum of two terms or more is one of what differ: a formula, and no slope such as `1 - h**2`."""
    inner = (each.operand if isinstance(each, ast.UnaryOp) else each for each in (found.old, found.new))
    sums = [each for each in inner if isinstance(each, ast.BinOp) and is_sum(each)]
    return len(sums) > 1 and not any(is_number(side) for side in (sums[0].left, sums[0].right))


def is_rest(found: Difference) -> bool:
    """Whether `1 - t` is due for `t`, a power: a part of the slope is gone."""
    new = found.new
    rest = isinstance(new, ast.BinOp) and isinstance(new.op, ast.Sub) and is_number(new.left)
    return rest and is_power(found.old) and isinstance(new, ast.BinOp) and is_power(new.right)


def is_rest_taken_whole(found: Difference) -> bool:
    """Whether `u * (1 - u)` is due for `u * u`: of a slope one part is there twice, and the other is gone."""
    new, outer = found.new, found.way[-1] if found.way else None
    rest = isinstance(new, ast.BinOp) and isinstance(new.op, ast.Sub) and is_number(new.left)
    twice = isinstance(outer, ast.BinOp) and isinstance(outer.op, ast.Mult) and same(outer.left, outer.right)
    return rest and twice and isinstance(new, ast.BinOp) and same(new.right, found.old)


def kind_of_index(found: Difference) -> str:
    """The kind of another number in an index: of a shape it is another size, by which something is divided or not."""
    if not is_in_shape(found):
        return "off-by-one" if is_neighbour(found) else "wrong-operand"
    parts = [outer for outer, _ in found.around if not isinstance(outer, ast.Subscript | ast.Attribute)]
    in_product = bool(parts) and isinstance(parts[0], ast.BinOp) and isinstance(parts[0].op, FACTORS)
    return "scale-factor" if in_product else "wrong-operand"


def is_neighbour(found: Difference) -> bool:
    """Whether an index is counted, or of two that are written as numbers one is that after the other."""
    if not (is_number(found.old) and is_number(found.new)):
        return True
    one, other = (ast.literal_eval(each) for each in (found.old, found.new))
    return bool((one < 0) == (other < 0) and abs(one - other) == 1)


def is_other_of_kept(found: Difference) -> bool:
    """Whether the one thing that a function of slopes is given is another one of what was kept: `cache[0]`."""
    numbers = [isinstance(each, ast.Constant) for each in (found.old, found.new)]
    return all(numbers) and is_other_number_in_index(found) and is_given_to_slope(found)
