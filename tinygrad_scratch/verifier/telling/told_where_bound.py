"""A factor that a line lacks is told where the one value was made that the line reads for it: `d1 = d2 @ w2.T`."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection
from dataclasses import replace

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case, Repair
from tinygrad_scratch.verifier.causes.derivatives import OF_ANOTHER
from tinygrad_scratch.verifier.causes.told_forms import Difference, is_value_for_mask, rest_of_one
from tinygrad_scratch.verifier.explaining.explain import Cause
from tinygrad_scratch.verifier.reading.loops import names_in
from tinygrad_scratch.verifier.reading.names import bare, is_gradient_name, without_holder
from tinygrad_scratch.verifier.reading.source import (
    bracketed,
    entries_of,
    leaves,
    parsed,
    replaced,
    statement_at,
    text_of,
)
from tinygrad_scratch.verifier.recording.events import Event
from tinygrad_scratch.verifier.rewriting.alike import is_update
from tinygrad_scratch.verifier.rewriting.kept import keeps_trained
from tinygrad_scratch.verifier.rewriting.part import NAMES, PRODUCTS, name_of
from tinygrad_scratch.verifier.rewriting.rewrite import SIZE, kind_of_call
from tinygrad_scratch.verifier.rewriting.text import Source, lines_of, source_of
from tinygrad_scratch.verifier.rewriting.too_early import stores, told_as_early
from tinygrad_scratch.verifier.telling.doubt import apart_by
from tinygrad_scratch.verifier.telling.told_difference import difference
from tinygrad_scratch.verifier.telling.told_factors import beyond, factors_lacking
from tinygrad_scratch.verifier.telling.told_kinds import name_kind
from tinygrad_scratch.verifier.telling.told_slopes import OF_SLOPE

COMPUTED = ast.Call | ast.BinOp
AT_POINT = "derivative-at-wrong-point"
NAME = re.compile(r"\b[a-zA-Z_][\w.]*")
TOLD = "missing-derivative", "missing-term", "regularisation", "wrong-operand", AT_POINT


def tell_where_bound(case: Case, cause: Cause, wrong: Event) -> Repair | None:
    """Tell a slope that is missing where its line is, and not where a product or a return reads what lacks it.

    The value is mended then that the line makes; None where nothing else is told, as that would not mend the gradients.
    """
    told = cause.kind in TOLD and cause.certainty != "unexplained"
    found = difference(cause) if told else None
    if found is not None and tell_in_called(case, cause, found, wrong):
        return None
    if found is not None and cause.kind == "wrong-operand" and (bound := made_for_nothing(cause, found)) is not None:
        return tell_what_is_meant(case, cause, found, bound)
    if found is not None and (cause.kind == AT_POINT or is_value_for_mask(found)):
        tell_mask_where_made(cause, found)
        tell_where_worked_out(cause, found)
        return None
    if told and cause.kind == "missing-derivative" and tell_where_all_returned(cause, found):
        return None
    if told and cause.should_be is None:
        tell_what_is_put_in(cause)
    if found is None or cause.kind != "missing-derivative":
        return None if found is None else tell_within(case, cause, found) or tell_handed_over(case, cause, found)
    if tell_where_returned(cause, found) or tell_after_sum(case, cause, found):
        return None
    if is_update(statement_at(cause.file, cause.line)):
        return tell_before_update(case, cause, found)
    if is_other_name(source_of(text_of(cause.file)), cause):
        return None
    alias = other_name_of(cause, found)
    return tell_at_binding(case, cause, found) if alias is None else tell_at_other_name(case, cause, found, alias)


def made_for_nothing(cause: Cause, found: Difference) -> ast.Assign | None:
    """Where a name was given to what is read for another value, and nowhere else: it would be made for nothing.

    So it is where what it leaves of 1 is due, if that was computed: `s = f(z)`, where `1 - s` is right.
    """
    if not isinstance(found.old, ast.Name):
        return None
    source = source_of(text_of(cause.file))
    bound = only_binding(source, cause.line, found.old.id)
    is_rest = rest_of_one(found.new) == found.old.id and bound is not None and isinstance(bound.value, COMPUTED)
    return bound if is_rest or is_known_by(source, bound, [found.new]) else None


def tell_what_is_meant(case: Case, cause: Cause, found: Difference, bound: ast.Assign) -> Repair | None:
    """Tell there what that name is meant to be: `d = e * s`, read as `d.sum()`, where `e.sum()` is right."""
    source, line = source_of(text_of(cause.file)), cause.line
    name, right = ast.unparse(found.old), ast.unparse(found.new)
    repair = repair_at(case, cause.file, bound, name)
    tell_at(cause, bound, repair, name)
    cause.expression = source.code(bound.value)
    right = replaced(right, name, bracketed(cause.expression)) or right
    cause.should_be, cause.sentence = right, f"`{cause.expression}` should be {right}"
    name_kind(case, cause)
    later = stores((each for each in source.statements if bound.lineno < each.lineno < line), right)
    if later:
        (cause.kind, cause.sentence), cause.should_be = told_as_early(right, later), None
    return repair


def is_other_name(source: Source, cause: Cause) -> bool:
    """Whether a cause is told where a value only gets another name."""
    own = source.statement_on(cause.line)
    if not isinstance(own, ast.Assign) or not isinstance(own.value, ast.Name):
        return False
    return without_holder(ast.unparse(own.targets[0])) != own.value.id


def other_name_of(cause: Cause, found: Difference) -> ast.Assign | None:
    """Where what lacks a slope only gets another name, and is read nowhere else: `e = w.T @ d`, then `d1 = e`."""
    source, factors = source_of(text_of(cause.file)), factors_lacking(found)
    own = source.statement_on(cause.line)
    name = own.targets[0].id if isinstance(own, ast.Assign) and isinstance(own.targets[0], ast.Name) else ""
    aliases = [each for each in source.statements if isinstance(each, ast.Assign) and ast.unparse(each.value) == name]
    alias = aliases[0] if len(aliases) == 1 and name and factors else None
    if alias is None or only_binding(source, alias.lineno, name) is not own or not is_known_by(source, alias, factors):
        return None
    target = alias.targets[0]
    is_room = isinstance(target, ast.Subscript) and any(isinstance(part, ast.Slice) for part in ast.walk(target.slice))
    return alias if not is_room and without_holder(ast.unparse(target)) != name else None  # a part of a larger array


def tell_at_other_name(case: Case, cause: Cause, found: Difference, alias: ast.Assign) -> Repair | None:
    """Tell it in that line."""
    factors, name, target = factors_lacking(found), ast.unparse(alias.value), ast.unparse(alias.targets[0])
    repair = repair_at(case, cause.file, alias, target)
    tell_at(cause, alias, repair, target)
    cause.expression, cause.should_be = name, product_of(name, factors)
    cause.sentence = f"`{name}` is not multiplied by {product_of(ast.unparse(factors[0]), factors[1:])}"
    return repair


def tell_at_binding(case: Case, cause: Cause, found: Difference) -> Repair | None:
    """Tell what a product lacks, or what is handed over, where the value was made that has a name there."""
    is_turned = isinstance(found.old, ast.UnaryOp) and isinstance(found.old.op, ast.USub)
    own = found.old.operand if isinstance(found.old, ast.UnaryOp) and is_turned else found.old
    if not isinstance(own, ast.Name):
        tell_where_renamed(cause, found)
        return None
    if OF_SLOPE.search(own.id):
        tell_where_called(cause, found)
        return None
    factors, source = factors_lacking(found), source_of(text_of(cause.file))
    bound = binding_in(case, cause, own.id)
    is_other_name = bound is not None and isinstance(bound.value, ast.Name)  # that lacks something sooner
    handed = is_in_product(found) or is_handed_over(cause, own.id) or is_other_name or is_turned
    if not handed or apart_by(cause) < 0:
        return None  # or others of its form have it in the product, too
    computed = is_other_name or (bound is not None and any(isinstance(p, COMPUTED) for p in ast.walk(bound.value)))
    if not factors or bound is None or not computed or keeps_trained(source, bound):
        return None
    if is_of_its_name(case, bound, own.id):
        return None
    repair = repair_at(case, cause.file, bound, own.id)
    is_lost = not is_known_by(source, bound, factors) and is_known_by(source, source.statement_on(cause.line), factors)
    if repair is None and is_lost:
        return None
    tell_at(cause, bound, repair, own.id)
    cause.expression = source.code(bound.value)
    cause.should_be = product_of(cause.expression, factors)
    return repair


def is_of_its_name(case: Case, bound: ast.Assign, name: str) -> bool:
    """Whether what a line makes is the gradient of what its name says, as `grad_h` of h: it lacks no slope there."""
    here = (e.node for e in case.events if e.short == name and e.place.line == bound.lineno)
    matches = (case.match(np.asarray(case.tape.nodes[node].value)) for node in here)
    right = {found.of for found in matches if found is not None and found.how == ""}
    return any(event.node in right and bare(event.short) == bare(name) != name for event in case.events)


def tell_before_update(case: Case, cause: Cause, found: Difference) -> Repair | None:
    """Tell a slope that lacks in an update where the one value was made that the update reads for it."""
    factors, source = factors_lacking(found), source_of(text_of(cause.file))
    names = {node.id for node in ast.walk(found.old) if isinstance(node, ast.Name)} if factors else set()
    for name in sorted(names):
        bound = binding_in(case, cause, name)
        repair = repair_at(case, cause.file, bound, name) if bound is not None else None
        is_other_name = bound is not None and isinstance(bound.value, ast.Name)  # where nothing else can be missing
        is_named = "delta" in name.lower() or is_gradient_name(name)
        is_begun = bound is not None and has_other_half(bound.value, factors)
        sure = repair is not None or is_other_name or is_named or is_begun
        if bound is not None and sure and is_known_by(source, bound, factors):
            tell_at(cause, bound, repair, name)
            cause.expression = source.code(bound.value)
            cause.should_be = product_of(cause.expression, factors)
            cause.sentence = f"`{cause.expression}` is not multiplied by {ast.unparse(factors[0])}"
            return repair
    return None


def has_other_half(product: ast.AST, factors: list[ast.AST]) -> bool:
    """Whether one half of the slope of a sigmoid, `a * (1 - a)`, stands there, and the other is what lacks.

    >>> product, half, other = (ast.parse(code, mode="eval").body for code in ("d * (1 - a)", "a", "b"))
    >>> has_other_half(product, [half]), has_other_half(product, [other])
    (True, False)
    """
    here, lacking = list(ast.walk(product)), [ast.unparse(each) for each in factors]
    rests = [rest_of_one(each) for each in factors]
    return any(rest_of_one(each) in lacking for each in here) or any(ast.unparse(each) in rests for each in here)


def product_of(expression: str, factors: list[ast.AST]) -> str:
    return " * ".join(map(bracketed, [expression, *map(ast.unparse, factors)]))


def tell_in_called(case: Case, cause: Cause, found: Difference, wrong: Event) -> bool:
    """Tell what should be made of an argument in the function that reads it once: `f(a)`, where `f(g(a))` is right."""
    call = found.way[-1] if found.way else None
    place = case.place_of(wrong.node) if (wrong.place.file, wrong.place.line) == (cause.file, cause.line) else None
    if not isinstance(call, ast.Call) or found.old not in call.args or place is None:
        return False
    makes = isinstance(found.new, ast.Call) and [ast.dump(each) for each in found.new.args] == [ast.dump(found.old)]
    source = source_of(text_of(place.file))
    around = source.function_around(place.line)
    if not makes or not isinstance(around, ast.FunctionDef) or around.name != name_of(call):
        return False
    given = [each.arg for each in around.args.args if each.arg != "self"]
    name = given[call.args.index(found.old)] if len(given) == len(call.args) else ""
    reads = [n for n in ast.walk(around) if isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Load)]
    own = [node for node in source.statements if reads and reads[0].lineno in lines_of(node) and node is not around]
    value = getattr(own[-1], "value", None) if own else None
    if len(reads) != 1 or not isinstance(found.new, ast.Call) or not isinstance(value, ast.expr):
        return False
    function = ast.unparse(found.new.func)
    cause.place = replace(cause.place, file=place.file, line=own[-1].lineno, function=place.function, offset=0)
    cause.expression = source.code(value)
    cause.should_be = replaced(cause.expression, name, f"{function}({name})")
    cause.kind, cause.sentence = kind_of_call(function), f"`{function}({name})` is meant, and not {name} itself"
    return True


def tell_within(case: Case, cause: Cause, found: Difference) -> Repair | None:
    """Tell a term that lacks in a product where its factor was made: `da = w.T @ dy`, and then `slope * da`."""
    old, new = found.old, found.new
    if not isinstance(new, ast.BinOp) or not isinstance(new.op, ast.Add) or not isinstance(old, ast.BinOp):
        return None
    if ast.dump(new.left) != ast.dump(old) or not isinstance(old.op, ast.Mult):
        return None
    source = source_of(text_of(cause.file))
    for name, factor in ((old.right, old.left), (old.left, old.right)):
        terms = beyond(new.right, factor)
        bound = binding_in(case, cause, name.id) if isinstance(name, ast.Name) and len(terms) == 1 else None
        if bound is not None and isinstance(name, ast.Name) and is_known_by(source, bound, terms):
            repair = repair_at(case, cause.file, bound, name.id)
            tell_at(cause, bound, repair, name.id)
            cause.expression, term = source.code(bound.value), ast.unparse(terms[0])
            cause.should_be, cause.sentence = f"{cause.expression} + {term}", f"the term `{term}` is missing"
            return repair
    return None


def tell_where_worked_out(cause: Cause, found: Difference) -> None:
    """Tell a slope that is none where it was worked out, if a line reads it by a name: `slope = z * (1 - z)`.

    It is called a slope, or the right one is the same of another value.
    """
    gone, due = (
        [each for each in leaves(one) if ast.dump(each) not in map(ast.dump, leaves(other))]
        for one, other in ((found.old, found.new), (found.new, found.old))
    )
    source, name = source_of(text_of(cause.file)), getattr(gone[0], "id", "") if len(gone) == 1 else ""
    bound = only_binding(source, cause.line, name) if name else None
    if bound is None or not due or not isinstance(bound.value, ast.BinOp):
        return
    written, text = source.code(bound.value), " * ".join(bracketed(ast.unparse(each)) for each in due)
    if not (OF_SLOPE.search(name) or NAME.sub("x", text) == NAME.sub("x", ast.unparse(bound.value))):
        return
    right = replaced(text, name, bracketed(written)) or text
    there, here = (is_known_by(source, at, [ast.parse(right)]) for at in (bound, source.statement_on(cause.line)))
    if here and not there:
        return
    tell_at(cause, bound, None, name)
    cause.expression, cause.should_be = written, right
    cause.sentence = f"`{cause.expression}` is not the derivative: it should be {cause.should_be}"


def tell_mask_where_made(cause: Cause, found: Difference) -> None:
    """Tell a function that was called for its slope there, and not where its name is read: `slope = maximum(0, z)`."""
    match found.old, found.new:
        case ast.Name(id=name), ast.Compare(left=ast.Name(id=other)) if name == other:
            bound = only_binding(source_of(text_of(cause.file)), cause.line, name)
        case _:
            return
    if bound is not None and isinstance(bound.value, COMPUTED):
        tell_at(cause, bound, None, name)
        is_function = isinstance(bound.value, ast.Call)
        cause.expression = source_of(text_of(cause.file)).code(bound.value)
        cause.should_be = replaced(ast.unparse(found.new), name, bracketed(cause.expression))
        what, due = ("the function itself", "its derivative is") if is_function else ("no slope", "that of a ReLU is")
        cause.kind = "missing-derivative" if is_function else AT_POINT
        cause.sentence = f"`{cause.expression}` is {what}: {due} `{cause.should_be}`"


def tell_what_is_put_in(cause: Cause) -> None:
    """Tell where a value was made what is only put in at an entry, or handed back, by its name: `J[i, j] = p`.

    One that is right as the gradient of something, and is put in as another's, is wrong where it is put in.
    """
    if cause.sentence.startswith(OF_ANOTHER):
        return
    match parsed(statement_at(cause.file, cause.line)):
        case ast.Assign(targets=[ast.Subscript()], value=ast.Name(id=name)):
            bound = only_binding(source_of(text_of(cause.file)), cause.line, name)
        case ast.Return() if cause.expression.isidentifier():
            name = cause.expression
            bound = only_binding(source_of(text_of(cause.file)), cause.line, name)
        case _:
            return
    if bound is not None and isinstance(bound.value, COMPUTED | ast.IfExp):
        tell_at(cause, bound, None, name)
        cause.expression = source_of(text_of(cause.file)).code(bound.value)


def tell_at(cause: Cause, bound: ast.Assign, repair: Repair | None, name: str) -> None:
    """Tell a cause where a name was given to a value; of a loop no single value mends all."""
    if repair is not None:
        cause.place, cause.name = repair.event.place, repair.event.name
    else:
        cause.place, cause.name = replace(cause.place, line=bound.lineno, offset=0), name


def is_known_by(source: Source, bound: ast.stmt | None, expressions: list[ast.AST]) -> bool:
    """Whether a function knows all names of some expressions at a statement of it."""
    if bound is None:
        return False
    function = source.function_around(bound.lineno)
    uses = [node for node in ast.walk(function or source.tree) if isinstance(node, ast.Name)]
    late = {node.id for node in uses if isinstance(node.ctx, ast.Store)}
    late -= {node.id for node in uses if isinstance(node.ctx, ast.Store) and node.lineno < bound.lineno}
    known = source.words(bound.lineno).text
    functions = {node.name for node in ast.walk(source.tree) if isinstance(node, ast.FunctionDef)}
    names = {node.id for each in expressions for node in ast.walk(each) if isinstance(node, ast.Name)} - {"np"}
    names -= functions
    return all(name not in late and re.search(rf"\b{name}\b", known) for name in names)


def tell_where_returned(cause: Cause, found: Difference) -> bool:
    """Tell what comes from above, and lacks in a slope with a name, where that is returned: `return slope`."""
    source = source_of(text_of(cause.file))
    own = source.statement_on(cause.line)
    around, factors = source.function_around(cause.line), factors_lacking(found)
    name = ast.unparse(own.targets[0]) if isinstance(own, ast.Assign) else ""
    if not isinstance(around, ast.FunctionDef) or not isinstance(own, ast.Assign) or not OF_SLOPE.search(name):
        return False
    above = {argument.arg for argument in around.args.args}
    block = source.block_of(own)
    then = block[block.index(own) + 1] if own is not block[-1] else None
    returned = isinstance(then, ast.Return) and then.value is not None and ast.unparse(then.value) == name
    if not returned or then is None or len(factors) != 1 or ast.unparse(factors[0]) not in above:
        return False
    cause.place, cause.expression = replace(cause.place, line=then.lineno, offset=0), name
    cause.should_be = f"{name} * {ast.unparse(factors[0])}"
    cause.sentence = f"`{name}` is not multiplied by {ast.unparse(factors[0])}, which comes from above"
    return True


def tell_where_all_returned(cause: Cause, found: Difference | None) -> bool:
    """Tell a slope that lacks where a number is put at some places of what is returned then at that: `d[at] -= 1 / n`.

    The slope is one of all of it.
    """
    source, factors = source_of(text_of(cause.file)), factors_lacking(found) if found is not None else []
    if cause.should_be and not factors:
        return False
    own = source.statement_on(cause.line)
    block = source.block_of(own) if own is not None else []
    after = block[block.index(own) + 1 :][:1] if own in block else []
    match own, after:
        case (
            ast.AugAssign(target=ast.Subscript(value=ast.Name(id=name)), value=value)
            | ast.Assign(targets=[ast.Subscript(value=ast.Name(id=name))], value=value),
            [ast.Return(value=ast.Name(id=returned)) as then],
        ) if name == returned and is_count(value):
            cause.place, cause.name = replace(cause.place, line=then.lineno, offset=0), name
            cause.expression, cause.should_be = name, product_of(name, factors) if factors else None
            others = [other for other in cause.others if other != f"return {cause.should_be}"]
            cause.certainty = "checked" if cause.others and not others else cause.certainty
            cause.others = others
            return True
    return False


def is_count(node: ast.expr) -> bool:
    """Whether an expression is made of numbers and of how many there are of something."""
    match node:
        case ast.Constant():
            return True
        case ast.UnaryOp(operand=inner):
            return is_count(inner)
        case ast.BinOp(left=left, right=right):
            return is_count(left) and is_count(right)
    return SIZE.fullmatch(ast.unparse(node)) is not None


def tell_after_sum(case: Case, cause: Cause, found: Difference) -> bool:
    """Tell a slope that lacks in what is only handed over at the line that made the last of it: `dx += d`."""
    factors = factors_lacking(found)
    if not isinstance(found.old, ast.Name) or not factors or not is_handed_over(cause, found.old.id):
        return False
    name, source = found.old.id, source_of(text_of(cause.file))
    around = source.function_around(cause.line)
    made = [e.place for e in case.events if e.name == name and e.place.file == cause.file and e.place.line < cause.line]
    last = source.statement_on(made[-1].line) if made else None
    if not isinstance(last, ast.AugAssign) or around is None or last.lineno not in lines_of(around):
        return False
    text = ast.unparse(factors[0])
    cause.place, cause.name, cause.expression, cause.should_be = made[-1], name, source.code(last), None
    cause.sentence = f"`{name}` is not multiplied by {text}, of a derivative, once its sum is made"
    return True


def tell_handed_over(case: Case, cause: Cause, found: Difference) -> Repair | None:
    """Tell what is wrong with a value that is only handed on where that was made: it lacks a term, or is another's."""
    old, new = found.old, found.new
    if not isinstance(old, ast.Name) or not is_handed_over(cause, old.id):
        return None
    if cause.kind != "wrong-operand" and not isinstance(new, ast.BinOp):
        return None
    source = source_of(text_of(cause.file))
    bound = binding_in(case, cause, old.id)
    repair = repair_at(case, cause.file, bound, old.id) if bound is not None else None
    if bound is None or repair is None:
        return None
    tell_at(cause, bound, repair, old.id)
    cause.expression = source.code(bound.value)
    right = ast.unparse(new)
    cause.should_be = replaced(right, old.id, bracketed(cause.expression)) or right
    cause.sentence = replaced(cause.sentence, old.id, cause.expression) or cause.sentence
    return repair


def tell_where_called(cause: Cause, found: Difference) -> None:
    """Tell what is called a slope, and is none, where a function was called for it: `slope = bend(z)`."""
    name, source = ast.unparse(found.old), source_of(text_of(cause.file))
    bound = only_binding(source, cause.line, name)
    if bound is None or not isinstance(bound.value, ast.Call):
        return
    cause.expression = source.code(bound.value)
    cause.should_be = replaced(ast.unparse(found.new), name, cause.expression)
    cause.sentence = replaced(cause.sentence, name, cause.expression) or cause.sentence
    cause.place, cause.name = replace(cause.place, line=bound.lineno), name


def line_of_binding(cause: Cause) -> int | None:
    """Where the one value was made that a line reads, and that lacks something as it is read.

    None where the line has a part of that already, as `d * (1 - z)` has of the slope `z * (1 - z)`: there the rest is
    forgotten.
    """
    found = difference(cause) if cause.kind == "missing-derivative" else None
    if found is None or not isinstance(found.old, ast.Name):
        return None
    source = source_of(text_of(cause.file))
    own, lacking = source.statement_on(cause.line), set().union(*map(names_in, factors_lacking(found))) - {"np"}
    if own is not None and not lacking.isdisjoint(names_in(own)):
        return None
    bound = only_binding(source, cause.line, found.old.id)
    return None if bound is None else bound.lineno


def tell_where_renamed(cause: Cause, found: Difference) -> None:
    """Tell the rest of a slope where its part got a name of its own: `da = a`, or `s = f(z)`, then `dz = up * s`."""
    factors, source = factors_lacking(found), source_of(text_of(cause.file))
    names = {node.id for factor in factors for node in ast.walk(factor) if isinstance(node, ast.Name)}
    name = names.pop() if len(names) == 1 else ""
    if name not in [getattr(leaf, "id", "") for leaf in leaves(found.old)]:
        return
    bound = only_binding(source, cause.line, name)
    if bound is None or not (isinstance(bound.value, ast.Name | ast.Attribute) or is_of_one(bound.value)):
        return
    text = " * ".join(bracketed(ast.unparse(factor)) for factor in factors)
    cause.expression, rest = source.code(bound.value), replaced(text, name, source.code(bound.value))
    cause.should_be = f"{cause.expression} * {rest}"
    cause.sentence = replaced(cause.sentence, name, cause.expression) or cause.sentence
    cause.place, cause.name = replace(cause.place, line=bound.lineno), name


def is_of_one(node: ast.expr) -> bool:
    """Whether an expression is what a function makes of one value."""
    return isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords


def repair_at(case: Case, file: str, bound: ast.Assign, name: str) -> Repair | None:
    """The value that a statement gave a name to, with the truth in its place that makes all gradients right."""
    own = (e for e in case.events if e.name == name and e.place.file == file and e.place.line in lines_of(bound))
    event = next(own, None)
    if event is None:
        return None
    shape = np.shape(case.tape.nodes[event.node].value)
    for entry in case.table.entries(shape):
        truth = case.scale * entry.value
        if not case.wrong(case.with_value(event.node, truth)):
            return Repair(event, truth, entry.of, entry.through, len(case.finals), factor=case.scale, how=entry.how)
    return None


def is_in_product(found: Difference) -> bool:
    """Whether what differs is an operand of a matrix product, or rows or columns of it are."""
    outer = (each for each in reversed(found.way) if not isinstance(each, ast.Subscript | ast.Attribute))
    match next(outer, None):
        case ast.BinOp(op=ast.MatMult()):
            return True
        case ast.Call() as call:
            return name_of(call) in PRODUCTS
    return False


def is_handed_over(cause: Cause, name: str) -> bool:
    """Whether a line only hands on what has a name: among what it returns, or into a list."""
    match parsed(statement_at(cause.file, cause.line)):
        case ast.Return(value=several) | ast.Assign(value=several) if isinstance(
            several, ast.Tuple | ast.List | ast.Dict
        ):
            handed = entries_of(several)
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr="append" | "appendleft" | "insert"), args=[*_, one])):
            handed = [one]
        case _:
            handed = []
    return any(isinstance(each, ast.Name) and each.id == name for each in handed)


def binding_in(case: Case, cause: Cause, name: str) -> ast.Assign | None:
    """The only binding that the line of a cause reads; of several branches that of the one that ran."""
    ran = {event.place.line for event in case.events if event.name == name and event.place.file == cause.file}
    return only_binding(source_of(text_of(cause.file)), cause.line, name, ran)


def choices_for(source: Source, line: int, code: str) -> list[int]:
    """The lines that only choose a value, and give it a name that one line alone reads, in a part of it: `y = z[t]`."""
    bound = [only_binding(source, line, name, once=False) for name in sorted(names_in(parsed(code) or ast.Pass()))]
    return [each.lineno for each in bound if each is not None and isinstance(each.value, NAMES)]


def only_binding(
    source: Source, line: int, name: str, ran: Collection[int] = (), once: bool = True
) -> ast.Assign | None:
    """The statement before a line that gives a name to a value, if only that line reads the name for that value.

    It does so once, or as often as it likes. Where some such lines are known to have run, the others are left out.
    """
    function = source.function_around(line)
    nodes = list(ast.walk(function if function is not None else source.tree))
    uses = [node for node in nodes if isinstance(node, ast.Name) and node.id == name]
    own = next((lines_of(node) for node in source.statements if node.lineno == line), range(0))
    bindings = {node.lineno for node in uses if not isinstance(node.ctx, ast.Load)}
    bindings = bindings.intersection(ran) or bindings
    last = {node.lineno: max((at for at in bindings if at < node.lineno), default=0) for node in uses}
    bound = [
        node
        for node in nodes
        if isinstance(node, ast.Assign) and [getattr(target, "id", "") for target in node.targets] == [name]
    ]
    reads = [node.lineno for node in uses if isinstance(node.ctx, ast.Load)]
    found = [node for node in bound if node.lineno in {last[at] for at in reads if at in own}]
    of_it = [at for at in reads if found and last[at] in (found[0].lineno, 0)]
    is_only = bool(of_it) and all(at in own for at in of_it) and (len(of_it) == 1 or not once)
    return found[0] if len(found) == 1 and is_only else None
