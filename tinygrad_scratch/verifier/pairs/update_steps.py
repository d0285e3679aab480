"""What a step of a program is to a parameter: an update, a rate times something, a decay, a mere copy."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

import numpy as np

from tinygrad_scratch.verifier.pairs.gradients import unjoined
from tinygrad_scratch.verifier.pairs.in_parts import are_same
from tinygrad_scratch.verifier.reading.source import statement_at, statements
from tinygrad_scratch.verifier.recording.edits import is_literal, name_of
from tinygrad_scratch.verifier.recording.references import Ref, call_with_arrays
from tinygrad_scratch.verifier.recording.steps import Array, Step, ancestors
from tinygrad_scratch.verifier.recording.tape import Tape
from tinygrad_scratch.verifier.truths.table import squeezed

SPECTRA = {"eigvals", "eigvalsh", "eig", "eigh", "svd", "svdvals"}


def literals_of(step: Step) -> list[float]:
    """The plain numbers among what a call was given."""
    given = step.arguments if isinstance(step.arguments, tuple) else ()
    return [part.item() if isinstance(part, np.generic) else part for part in given if is_literal(part)]


def is_shrunk(tape: Tape, node: int, before: int) -> bool:
    """Whether a value is a parameter times a number, as in a decay of the weights, or what that was taken off."""
    waiting, seen = [node], {before}
    while waiting:
        step = tape.steps[tape.nodes[waiting.pop()].step]
        name = getattr(step.function, "__name__", "")
        if name in ("add", "subtract") and len(step.reads) == 2:
            waiting += [read for read in step.reads if read not in seen]
            seen.update(step.reads)
        elif (
            name not in ("multiply", "divide")
            or before not in step.reads[: 1 if name == "divide" else 2]
            or not all(read == before or is_plain_number(tape, read) for read in step.reads)
        ):
            return False
    return True


def stands_for(tape: Tape, node: int, before: int) -> bool:
    """Whether a value is a parameter, a copy of it that an update goes on with, or as much of it as a decay leaves.

    So is a parameter to which nothing but noughts were added, or what was taken off again; and what it is without what
    it was moved by, as where it looked ahead before its gradient was taken.
    """
    step = tape.steps[tape.nodes[node].step]
    name = name_of(step.function)
    inner = handed_over(step) if name in ("copy", "setitem") else None
    same = inner is not None and tape.nodes[inner].value.shape == tape.nodes[before].value.shape
    is_copy = same and (inner == before or (inner is not None and inner < node and stands_for(tape, inner, before)))
    others = [read for read in step.reads if read != before] if name in ("add", "subtract") else []
    is_left = before in step.reads[:1] and len(others) == 1 and is_nothing(tape, others[0])
    moved_from = before_moving(tape, step)
    is_back = moved_from is not None and before in (moved_from, step.reads[0])
    return is_copy or is_left or is_back or is_shrunk(tape, node, before)


def is_nothing(tape: Tape, node: int) -> bool:
    """Whether a value is noughts that no parameter and no data went into, as those in the place of random numbers."""
    return not np.any(tape.nodes[node].value) and is_made_of(tape, node, set())


def before_moving(tape: Tape, step: Step) -> int | None:
    """What a value was before the very thing was added to it that a step takes off again, or the other way round.

    Of what is taken for given, as what a turn begins with, the values alone tell how it was made.
    """
    turned = {"add": np.subtract, "subtract": np.add}.get(name_of(step.function))
    if turned is None or len(step.reads) != 2:
        return None
    node = step.reads[0]
    moved = tape.steps[tape.nodes[node].step]
    if len(moved.reads) != 2 or moved.reads[0] == moved.reads[1]:
        return None
    before, by = moved.reads
    if moved.function is not None and name_of(moved.function) != turned.__name__:
        return None
    is_back = is_made_alike(tape, by, step.reads[1]) and (
        moved.function is not None
        or np.array_equal(tape.nodes[node].value, turned(tape.nodes[before].value, tape.nodes[by].value))
    )
    return before if is_back else None


def is_made_alike(tape: Tape, one: int, other: int) -> bool:
    """Whether two values are one, or were made of the same by the same call, as `0.9 * v` twice."""
    by, again = (tape.steps[tape.nodes[node].step] for node in (one, other))
    is_same_call = (
        by.function is not None and name_of(by.function) == name_of(again.function) and by.reads == again.reads
    )
    return one == other or (is_same_call and np.array_equal(tape.nodes[one].value, tape.nodes[other].value))


LINEAR = {
    "multiply",
    "divide",
    "negative",
    "matmul",
    "dot",
    "transpose",
    "T",
    "reshape",
    "sum",
    "mean",
    "outer",
    "copy",
    "true_divide",
}


def factors_of(tape: Tape, node: int, wanted: Callable[[int], bool]) -> Iterator[int]:
    """The factors of a product that are wanted, the outer ones first; also of one in a product of matrices."""
    waiting = [node]
    for _ in range(60):
        if not waiting:
            return
        here = waiting.pop(0)
        step = tape.steps[tape.nodes[here].step]
        if wanted(here) and tape.nodes[here].value.size == 1:
            yield here
        elif getattr(step.function, "__name__", "") in LINEAR:
            waiting += step.reads[:1] if step.function is np.divide else step.reads


def first_number(tape: Tape, node: int) -> float | None:
    """The number that a product is written to begin with: 0.1 of `0.1 * d * x`; None where it does with another."""
    step = tape.steps[tape.nodes[node].step]
    while getattr(step.function, "__name__", "") in LINEAR and step.reads:
        first = step.arguments[0] if isinstance(step.arguments, tuple) else None
        if is_literal(first):
            return float(first) if first > 0 and is_written(first, step) else None
        step = tape.steps[tape.nodes[step.reads[0]].step]
    return None


def is_written(number: float, step: Step) -> bool:
    """Whether a number stands in the statement of a step, and no name of one does."""
    code = statement_at(step.place.file, step.place.line) if step.place is not None else ""
    return any(
        isinstance(node, ast.Constant) and node.value == number
        for statement in statements(code)
        for node in ast.walk(statement)
    )


COPIES = ("setitem", "copyto", "copy", "asarray", "array", "astype")
BOUNDS = ("clip", "maximum", "minimum")


def handed_over(step: Step) -> int | None:
    """The value that a step only copies, or keeps within bounds, as people do with a parameter after its update."""
    name = getattr(step.function, "__name__", "")
    is_number = name == "setitem" and type(step.arguments[-1]) is not Ref  # what is put there
    if not step.reads or name not in (*COPIES, *BOUNDS) or is_number:
        return None
    return step.reads[-1 if name in COPIES else 0]


PROJECTS = re.compile(r"proj|prox|shrink|thresh|simplex", re.IGNORECASE)


CHOOSING = {"sign", "maximum", "minimum", "where", "clip", "copysign"}
SHRINKING = CHOOSING | {
    "add", "subtract", "multiply", "divide", "negative", "absolute", "fabs", "norm", "sqrt", "square", "sum", "power",
    "greater", "greater_equal", "less", "less_equal", "zeros_like", "astype", "copy",
}  # fmt: skip
MOST_SHRINKING = 16  # calls


def projected(tape: Tape, step: Step) -> int | None:
    """The one array that a step keeps where a parameter may be after its update: `w = project(w - rate * g)`.

    It does so by the name of the function that it is in, or by what it does: it draws entries to 0.
    """
    if step.place is None or step.caller is None or not PROJECTS.search(step.place.function):
        return shrunk(tape, step)
    return given_alone(tape, step)


def shrunk(tape: Tape, step: Step) -> int | None:
    """The one array that was drawn to 0, as by `np.sign(v) * np.maximum(np.abs(v) - t, 0)`; None for anything else.

    All is made of it and of numbers, by choices and arithmetic, and no entry changes its sign or becomes larger.
    """
    made = {name_of(tape.steps[tape.nodes[read].step].function) for read in step.reads} | {name_of(step.function)}
    if name_of(step.function) in BOUNDS or name_of(step.function) not in SHRINKING or made.isdisjoint(CHOOSING):
        return None
    waiting = {step.makes[0]}
    for _ in range(MOST_SHRINKING):
        last = max(waiting)
        by = tape.steps[tape.nodes[last].step]
        if name_of(by.function) not in SHRINKING:
            return None
        waiting = waiting - {last} | {read for read in by.reads if not is_plain_number(tape, read)}
        if len(waiting) == 1 and is_nearer_to_nought(tape, step.makes[0], max(waiting)):
            return max(waiting)
        if not waiting:
            return None
    return None


def is_nearer_to_nought(tape: Tape, node: int, before: int) -> bool:
    """Whether an array is as another one, but that some entries are smaller, and on the same side of 0."""
    value, other = tape.nodes[node].value, tape.nodes[before].value
    if value.shape != other.shape or value.dtype.kind != "f" or other.dtype.kind != "f" or not value.ndim:
        return False
    return bool(np.all(value * other >= 0) and np.all(np.abs(value) <= np.abs(other)))


def given_alone(tape: Tape, step: Step) -> int | None:
    """The one array that a function was given in which a step is.

    What is given another array as well, such as weights, is a layer.
    """
    first = step.index
    while first and is_beside(tape.steps[first - 1], step):
        first -= 1
    own = tape.steps[first : step.index + 1]
    given = {read for each in own for read in each.reads} - {node for each in own for node in each.makes}
    arrays = [node for node in given if tape.nodes[node].value.size > 1]
    same = len(arrays) == 1 and tape.nodes[arrays[0]].value.shape == tape.nodes[step.makes[0]].value.shape
    return arrays[0] if same else None


def is_beside(one: Step, step: Step) -> bool:
    """Whether a step is in the same call of a function as another one, or only gives a constant."""
    if one.function is None or one.place is None or step.place is None:
        return one.function is None
    return (one.place.function, one.caller) == (step.place.function, step.caller)


def in_update(tape: Tape, step: Step, after: int, before: int) -> tuple[int, int] | None:
    """What an update took off a value, and 1; or what it added, and -1."""
    name = getattr(step.function, "__name__", "")
    inner = projected(tape, step)
    inner = handed_over(step) if inner is None else inner
    inner = but_for_nothing(tape, step, before) if inner is None else inner
    if inner is not None:
        if inner == before or tape.nodes[inner].step == step.index:
            return None
        return in_update(tape, tape.steps[tape.nodes[inner].step], inner, before)
    otherwise = {"getitem": in_update_of_all, "multiply": in_exponent}.get(name)
    if otherwise is not None:
        return otherwise(tape, step, before)
    is_sum = name in ("add", "subtract") and len(step.reads) == 2 and step.reads[0] != step.reads[1]
    if not is_sum or before_moving(tape, step) is not None:
        return None
    one, other = (before if stands_for(tape, read, before) else read for read in step.reads)
    if other == before and one != before and step.reads[1] != before:  # the decay is taken off last
        decayed = in_update(tape, tape.steps[tape.nodes[one].step], one, before)
        if decayed is not None:
            return decayed
    if one == other:
        return None  # a decay alone is an update of its own, before that by the gradient
    if one != before and not (name == "add" and other == before):
        return within_statement(tape, step, before)
    change = other if one == before else one
    shape = tape.nodes[before].value.shape
    if not is_grown(tape, before, after) or (not shape and tape.nodes[change].value.shape):
        return None
    return change, 1 if name == "subtract" else -1


def but_for_nothing(tape: Tape, step: Step, before: int) -> int | None:
    """What a call only takes 0 off, or adds it to, as the share of a velocity that there is none of yet.

    It is none of a value from before an update.
    """
    if name_of(step.function) not in ("add", "subtract") or not step.reads:
        return None
    kept = beside_nothing(tape, step, [*step.reads[:1]])
    return kept if kept != before else None


def in_exponent(tape: Tape, step: Step, before: int) -> tuple[int, int] | None:
    """The same of what is added to the logarithm of a value, as `w *= np.exp(-rate * g)` does."""
    others = [read for read in step.reads if read != before]
    if len(others) != 1 or before not in step.reads:
        return None
    by = tape.steps[tape.nodes[others[0]].step]
    is_power = getattr(by.function, "__name__", "") == "exp" and len(by.reads) == 1
    same = is_power and tape.nodes[by.reads[0]].value.shape == tape.nodes[before].value.shape != ()
    return (by.reads[0], -1) if same else None


def within_statement(tape: Tape, step: Step, before: int) -> tuple[int, int] | None:
    """The same where a statement goes on with what it updated, as it adds noise: `w = w - rate * g + noise`."""
    inner = tape.steps[tape.nodes[step.reads[0]].step]
    places = [each.place for each in (step, inner) if each.place is not None and each.function is not None]
    in_one = len(set(places)) == 2 and len({(place.file, place.line) for place in places}) == 1  # else of other turns
    return in_update(tape, inner, step.reads[0], before) if in_one else None


def in_update_of_all(tape: Tape, taken: Step, before: int) -> tuple[int, int] | None:
    """The same of a number that was put into an array with others, updated there, and taken out again.

    So is `a, b = np.array([a, b]) - rate * np.array([da, db])`.
    """
    place = taken.arguments[1] if isinstance(taken.arguments, tuple) and len(taken.arguments) > 1 else None
    whole = tape.steps[tape.nodes[taken.reads[0]].step]
    name = getattr(whole.function, "__name__", "")
    if type(place) is not int or name not in ("add", "subtract") or len(whole.reads) != 2:
        return None
    held, change, sign = unjoined(tape, whole.reads[0]), whole.reads[1], 1 if name == "subtract" else -1
    while len(unjoined(tape, change)) == 1 and (inner := inside(tape, change)) is not None:
        change, sign = inner[0], sign * inner[1]
    changes = unjoined(tape, change)
    is_of_it = len(held) == len(changes) > place and held[place] == before
    return (changes[place], sign) if is_of_it else None


def is_average(tape: Tape, change: tuple[int, int], before: int, given: Callable[[], set[int]] = set) -> bool:
    """Whether an update moves a value part of the way to another one, as an average is: `m += (g - m) / n`.

    What the value itself went into is no such other one, but a gradient beside a decay: `w += rate * (g - w)`. What
    went into other parameters in turns before, which are `given` in this one, counts for nothing.
    """
    other = drawn_to(tape, change, before)
    return other is not None and before not in ancestors(tape.parents(), [other], until=given() - {before})


def drawn_to(tape: Tape, change: tuple[int, int], before: int, by_distance: bool = False) -> int | None:
    """What an update moves a value part of the way to: g, of `m += (g - m) / n`; None where it does something else.

    If told, also `m -= (m - g) / n`, which may be a gradient as well.
    """
    found: tuple[int, int] | None = change
    while found is not None:
        node, sign = found
        step = tape.steps[tape.nodes[node].step]
        if getattr(step.function, "__name__", "") == "subtract" and before in step.reads:
            ways = [step.reads[::-1]] * (sign < 0) + [step.reads] * (sign > 0 and by_distance)
            return next((way[1] for way in ways if len(way) == 2 and way[0] == before != way[1]), None)
        inner = inside(tape, node)
        found = None if inner is None else (inner[0], sign * inner[1])
    return None


def is_mix(tape: Tape, after: int, before: int) -> bool:
    """Whether a value is a mix of what it was and of another one, as `slow = 0.99 * slow + 0.01 * fast`: an average."""
    step = tape.steps[tape.nodes[after].step]
    inner = handed_over(step)
    if inner is not None and inner != before and tape.nodes[inner].step != step.index:
        return is_mix(tape, inner, before)
    return before in mixed(tape, after)


def mixed(tape: Tape, node: int) -> list[int]:
    """The two values that a third is a mix of, by shares that make one; none where it is something else.

    In the first of its turns, what there was may have no share, as where a step goes to a corner: `1 - 2 / (k + 2)`.
    """
    step = tape.steps[tape.nodes[node].step]
    if getattr(step.function, "__name__", "") != "add" or len(step.reads) != 2:
        return []
    shares = [share_of(tape, read) for read in step.reads]
    numbers = [number for number, _ in shares]
    is_product = all(of != read for (_, of), read in zip(shares, step.reads, strict=True))
    is_share = min(numbers) > 0 or (is_product and numbers == [0, 1])
    return [of for _, of in shares] if is_share and bool(np.isclose(sum(numbers), 1, rtol=1e-9)) else []


def share_of(tape: Tape, node: int) -> tuple[float, int]:
    """The number that a value was multiplied by, and that value; 1 and the product itself for anything else."""
    step = tape.steps[tape.nodes[node].step]
    arrays = [read for read in step.reads if literals_of(step) or not is_plain_number(tape, read)]
    if getattr(step.function, "__name__", "") != "multiply" or len(arrays) != 1:
        return 1.0, node
    numbers = [float(part) for part in step.arguments if is_literal(part)]
    numbers += [float(tape.nodes[read].value.reshape(-1)[0]) for read in step.reads if read not in arrays]
    return float(np.prod(numbers)), arrays[0]


def is_grown(tape: Tape, before: int, after: int) -> bool:
    """Whether a value has the shape of another one, or that shape spread by a gradient of a wrong shape.

    A row of entries may have become a matrix of one row: `b - rate * delta`, where delta is that.
    """
    one, other = tape.nodes[before].value.shape, tape.nodes[after].value.shape
    other = other[1:] if len(one) == 1 and len(other) == 2 and other[0] == 1 else other
    return len(one) == len(other) and all(n in (1, m) for n, m in zip(one, other, strict=True))


def inside(tape: Tape, node: int) -> tuple[int, int] | None:
    """What a value is a multiple of, as far as updates go, and the sign of the factor; None for anything else."""
    step = tape.steps[tape.nodes[node].step]
    name, reads, shape = getattr(step.function, "__name__", ""), step.reads, tape.nodes[node].value.shape
    if step.function is None or node != step.makes[0] or (len(step.makes) != 1 and name != "lstsq"):
        return None
    arrays = [read for read in reads if tape.nodes[read].value.shape == shape]
    if name in COPIES and handed_over(step) in arrays:
        return reads[-1], 1
    if name in ("add", "subtract") and (moved := beside_nothing(tape, step, arrays)) is not None:
        of_number = len(reads) == 1 and is_literal(step.arguments[0])  # `0.9 * 0 - rate * g`
        return moved, -1 if name == "subtract" and (of_number or moved == reads[-1] != reads[0]) else 1
    scaled = scaled_by_root(tape, step)
    if scaled is not None and scaled[0] in arrays and (name == "divide" or len(arrays) == 2):
        return scaled[0], way_of_rates(tape, step, scaled[0])
    if name == "getitem" and (stored := stored_there(tape, step)) is not None:
        return added_to_kept(tape, step, stored) or (stored, 1)
    if (way := behind_matrix(tape, step)) is not None:
        return way
    is_product = name == "multiply" or (name == "divide" and arrays == [reads[0]])
    if is_product and len(arrays) == 1 and any(is_of_spectrum(tape, read) for read in reads if read != arrays[0]):
        return arrays[0], 1
    return multiple(tape, step)


def way_of_rates(tape: Tape, step: Step, scaled: int) -> int:
    """The sign of what a call scales a value by: -1 of `(-rate / root) * m`."""
    rates = [tape.nodes[read].value for read in step.reads if read != scaled]
    return -1 if any(np.all(rate <= 0) and np.any(rate) for rate in rates) else 1


def is_of_spectrum(tape: Tape, node: int) -> bool:
    """Whether a number was made of eigenvalues or singular values, as the rate `1 / eigvals(a @ a.T).max()` is."""
    waiting, seen = [node], {node}
    while waiting:
        here = tape.nodes[waiting.pop()]
        step = tape.steps[here.step]
        if name_of(step.function) in SPECTRA:
            return True
        if here.value.size == 1 or name_of(step.function) in ("getitem", "real"):
            new = {*step.reads} - seen
            waiting += new
            seen |= new
    return False


def stored_there(tape: Tape, taken: Step) -> int | None:
    """What was written last to the entries that a call takes out of an array, as in `m[rows]` after `m[rows] = ...`."""
    written = tape.steps[tape.nodes[taken.reads[0]].step]
    if name_of(written.function) != "setitem" or not are_same(taken.arguments[1], written.arguments[1]):
        return None
    return written.reads[-1]


def added_to_kept(tape: Tape, taken: Step, stored: int) -> tuple[int, int] | None:
    """What a value that was stored adds to a share of what stood there: `g`, and 1, of `m[i] = 0.9 * m[i] + g`."""
    made = tape.steps[tape.nodes[stored].step]
    name, slot = name_of(made.function), tape.nodes[taken.reads[0]].slot
    if name not in ("add", "subtract") or len(made.reads) != 2:
        return None
    for kept, moved in (made.reads, made.reads[::-1]) if name == "add" else (made.reads,):
        share = tape.steps[tape.nodes[kept].step]
        if name_of(share.function) == "multiply":
            share = tape.steps[tape.nodes[share.reads[-1]].step]
        is_kept = name_of(share.function) == "getitem" and tape.nodes[share.reads[0]].slot == slot
        if is_kept and are_same(share.arguments[1], taken.arguments[1]):
            change = moved, -1 if name == "add" else 1
            inner = drawn_to(tape, change, share.makes[0], by_distance=True)  # `m[i] += 0.1 * (g - m[i])`
            return (moved, -change[1]) if inner is None else (inner, 1)
    return None


def uncopied(tape: Tape, node: int) -> int:
    """What a value is a copy of, or was written over with as a whole, or itself."""
    while (step := tape.steps[tape.nodes[node].step]).reads:
        inner = step.reads[-1] if name_of(step.function) in ("setitem", "copyto") else step.reads[0]
        is_whole = tape.nodes[inner].value.shape == tape.nodes[node].value.shape
        if name_of(step.function) not in ("copy", "array", "asarray", "setitem", "copyto") or not is_whole:
            return node
        node = inner
    return node


def direction_of(tape: Tape, node: int) -> int:
    """What a value is a number times, whatever made that number; itself where it is no multiple."""
    while True:
        node = uncopied(tape, node)
        step, value = tape.steps[tape.nodes[node].step], tape.nodes[node].value
        arrays = [read for read in step.reads if tape.nodes[read].value.shape == value.shape]
        if name_of(step.function) not in ("multiply", "divide", "negative") or len(arrays) != 1 or value.size == 1:
            return node
        if any(tape.nodes[read].value.size > 1 for read in step.reads if read not in arrays):
            return node
        node = arrays[0]


def first_direction(tape: Tape, node: int) -> tuple[int, int] | None:
    """The first vector in a sum of vectors from nought, each by a ratio of its own, and the sign of that.

    So is a step by conjugate gradients: the first of its directions is the gradient, or its negative.
    """
    way = None
    while (parts := parts_by(tape, node, "add")) is not None:
        found = [(rest, ratio) for rest, link in (parts, parts[::-1]) if (ratio := ratio_in(tape, link)) is not None]
        if not found:
            return None
        node, way = found[0]
    return None if np.any(tape.nodes[node].value) else way


def ratio_in(tape: Tape, node: int) -> tuple[int, int] | None:
    """What a vector is times a number that was worked out by a division of others, and the sign of that."""
    for number, vector in (parts, parts[::-1]) if (parts := parts_by(tape, node, "multiply")) is not None else ():
        made = tape.steps[tape.nodes[number].step]
        is_one = tape.nodes[number].value.size == 1 < tape.nodes[vector].value.size
        if is_one and name_of(made.function) == "divide" and not is_plain_number(tape, number):
            return vector, -1 if tape.nodes[number].value.reshape(-1)[0] < 0 else 1
    return None


def parts_by(tape: Tape, node: int, name: str) -> tuple[int, int] | None:
    """The two values that a call of some name made a value of."""
    step = tape.steps[tape.nodes[node].step]
    return (step.reads[0], step.reads[1]) if name_of(step.function) == name and len(step.reads) == 2 else None


def beside_nothing(tape: Tape, step: Step, arrays: list[int]) -> int | None:
    """What is added to 0: to a velocity before its first step, which may begin as an array or as a number."""
    if len(arrays) == 2 and tape.nodes[arrays[0]].value.ndim:
        moved = [read for read in arrays if np.any(tape.nodes[read].value)]
        return moved[0] if len(moved) == 1 else None
    numbers = [tape.nodes[read].value for read in step.reads if read not in arrays]
    numbers += [np.asarray(part) for part in step.arguments if is_literal(part)]
    alone = len(arrays) == len(numbers) == 1 and numbers[0].size == 1 and not np.any(numbers[0])
    return arrays[0] if alone else None


def behind_matrix(tape: Tape, step: Step) -> tuple[int, int] | None:
    """The gradient in a step of Newton's, with its sign: `solve(hessian, g)`, `lstsq(hessian, g)[0]`, `inv(h) @ g`.

    It may be a row of its entries there, as `solve(fisher, g.ravel()).reshape(g.shape)` makes it, also beside those of
    others, or stand between two inverses. What is done to its places is only to put it there and back.
    """
    if len(step.makes) != 1 and name_of(step.function) != "lstsq":
        return None
    node, sign, moves, by_matrix = step.makes[0], 1, list[Step](), False
    shape = tape.nodes[node].value.shape
    for _ in range(MOST_MOVES):
        step = tape.steps[tape.nodes[node].step]
        if (moved := beside_inverse(tape, step)) is not None:
            node, by_matrix = moved, True
        elif name_of(step.function) in SHAPES and step.reads:
            node = step.reads[0]
            moves.append(step)
        elif moves and (inner := multiple(tape, step)) is not None:
            node, sign = inner[0], sign * inner[1]
        else:
            return None
        if by_matrix and (part := put_back(tape, node, moves, shape)) is not None:
            return part, sign
    return None


SHAPES = {"reshape", "ravel", "flatten", "T", "transpose", "swapaxes", "squeeze", "expand_dims", "getitem", "copy"}
MOST_MOVES = 12  # calls


def beside_inverse(tape: Tape, step: Step) -> int | None:
    """What is solved for, or multiplied by an inverse from the left or from the right."""
    name, reads = name_of(step.function), step.reads
    if name not in ("solve", "lstsq", "matmul", "dot") or len(reads) != 2 or (len(step.makes) != 1 and name != "lstsq"):
        return None
    solved = name in ("solve", "lstsq")
    for matrix, moved in (reads,) if solved else (reads, reads[::-1]):
        same = tape.nodes[moved].value.shape == tape.nodes[step.makes[0]].value.shape
        if same and (solved or is_inverse(tape, matrix)):
            return moved
    return None


def is_inverse(tape: Tape, node: int) -> bool:
    """Whether a value is the inverse of a matrix, times a number."""
    by = tape.steps[tape.nodes[node].step]
    while name_of(by.function) in ("multiply", "negative", "divide"):
        by = tape.steps[tape.nodes[max(by.reads, key=lambda read: tape.nodes[read].value.size)].step]
    return name_of(by.function) in ("inv", "pinv")


def multiple(tape: Tape, step: Step) -> tuple[int, int] | None:
    """The array that a value is a number times, and the sign of the number."""
    name, shape = name_of(step.function), tape.nodes[step.makes[0]].value.shape
    arrays = [read for read in step.reads if tape.nodes[read].value.shape == shape]
    if name == "negative":
        return step.reads[0], -1
    if name not in ("multiply", "divide") or len(arrays) != 1 or (name == "divide" and arrays[0] != step.reads[0]):
        return None
    others = [read for read in step.reads if read not in arrays]
    if not all(is_plain_number(tape, read) for read in others):
        return None
    factors = [tape.nodes[read].value for read in others]
    factors += [np.asarray(part) for part in step.arguments if is_literal(part)]
    return arrays[0], -1 if np.prod([float(factor.reshape(-1)[0]) for factor in factors]) < 0 else 1


def put_back(tape: Tape, node: int, moves: list[Step], shape: tuple[int, ...]) -> int | None:
    """The part of a value whose entries calls leave in their order, and give a shape that it had; the last call first.

    It is a value itself, or one of those that it was put together from.
    """
    value, parts = tape.nodes[node].value, unjoined(tape, node)
    places = after_moves(tape, moves, np.arange(value.size).reshape(value.shape))
    sizes = [tape.nodes[part].value.size for part in parts]
    if places is None or sum(sizes) != value.size or not places.size:
        return None
    for part, size, end in zip(parts, sizes, np.cumsum(sizes), strict=True):
        if tape.nodes[part].value.shape == shape and np.array_equal(places.reshape(-1), np.arange(end - size, end)):
            return part
    return None


def after_moves(tape: Tape, moves: list[Step], value: Array) -> Array | None:
    """What calls make of another array than theirs, the last one first; None where it does not suit them."""
    try:
        for step in reversed(moves):
            playing = {tape.nodes[read].slot: tape.nodes[read].value for read in step.reads[1:]}
            arguments, keywords = call_with_arrays(step, playing | {tape.nodes[step.reads[0]].slot: value})
            value = np.asarray(step.function(*arguments, **keywords))
    except (TypeError, ValueError, IndexError):
        return None
    return value


def is_plain_number(tape: Tape, node: int) -> bool:
    """Whether a value is a number from outside, or was made from such numbers alone."""
    waiting, seen = [node], {node}
    while waiting:
        here = tape.nodes[waiting.pop()]
        if here.value.size != 1:
            return False
        new = {*tape.steps[here.step].reads} - seen
        waiting += new
        seen |= new
    return True


def is_made_of(tape: Tape, node: int, values: set[int]) -> bool:
    """Whether a value was made of some others, of plain numbers, and of noughts, as velocities begin, alone."""
    waiting, seen = [node], set[int]()
    while waiting:
        here = waiting.pop()
        if here in seen or here in values:
            continue
        seen.add(here)
        step, value = tape.steps[tape.nodes[here].step], tape.nodes[here].value
        if step.function is None and value.size > 1 and np.any(value):
            return False
        waiting += step.reads
    return True


def beside_decay(tape: Tape, node: int, before: int) -> tuple[int, int] | None:
    """What adapts beside a decay of its own, with its sign: the quotient, of `m / np.sqrt(v) + decay * w`.

    Of a gradient alone, such a share of the weights may be that of a penalty.
    """
    step = tape.steps[tape.nodes[node].step]
    reads = step.reads if name_of(step.function) == "add" and len(step.reads) == 2 else ()
    for moved, share in (reads, reads[::-1]) if reads else ():
        made = tape.steps[tape.nodes[share].step]
        others = [read for read in made.reads if read != before]
        is_decay = before in made.reads and name_of(made.function) == "multiply"
        if is_decay and all(is_from_outside(tape, other) for other in others) and adapts_by_root(tape, moved):
            return moved, 1
    return None


def is_from_outside(tape: Tape, node: int) -> bool:
    """Whether a value was given, or put together from such alone."""
    step = tape.steps[tape.nodes[node].step]
    joined = step.function is None or name_of(step.function) in ("concatenate", "hstack", "array")
    return joined and all(is_from_outside(tape, read) for read in step.reads)


def adapts_by_root(tape: Tape, node: int) -> bool:
    """Whether a value is something scaled by a square root, or so many times that."""
    inner: tuple[int, int] | None = (node, 1)
    while inner is not None:
        if scaled_by_root(tape, tape.steps[tape.nodes[inner[0]].step]) is not None:
            return True
        inner = inside(tape, inner[0])
    return False


def is_root(tape: Tape, node: int) -> bool:
    """Whether a value is a square root, or one with an epsilon: what Adam and its kin divide by."""
    waiting, known = [node], set[int]()
    while waiting:
        step = tape.steps[tape.nodes[waiting.pop()].step]
        name = getattr(step.function, "__name__", "")
        if name == "sqrt" or (name == "power" and literals_of(step) == [0.5]):
            return True
        if name in ("add", "getitem", "reshape", "expand_dims"):
            waiting += [read for read in step.reads if read not in known]
            known.update(step.reads)
    return False


def scaled_by_root(tape: Tape, step: Step) -> tuple[int, int] | None:
    """What a call scales by a square root, and that root: `m`, of `m / root` and of `(rate / root) * m`.

    The rate may be a root itself, as by Adadelta (Zeiler 2012).
    """
    name, reads = name_of(step.function), step.reads
    if name == "divide" and len(reads) == 2 and is_root(tape, reads[1]):
        return reads[0], reads[1]
    for one, other in (reads, reads[::-1]) if name == "multiply" and len(reads) == 2 else ():
        made = tape.steps[tape.nodes[one].step]
        by_root = name_of(made.function) == "divide" and is_root(tape, made.reads[-1])
        if by_root and all(is_rate_or_root(tape, read) for read in made.reads[:-1]):
            return other, made.reads[-1]
    return None


def is_rate_or_root(tape: Tape, node: int) -> bool:
    step = tape.steps[tape.nodes[node].step]
    turned = name_of(step.function) == "negative"
    return is_plain_number(tape, node) or is_root(tape, step.reads[0] if turned else node)


def root_in(tape: Tape, node: int) -> int | None:
    """The root that scales a value, or what the value is a number times."""
    inner: tuple[int, int] | None = (node, 1)
    while inner is not None:
        step = tape.steps[tape.nodes[inner[0]].step]
        found = scaled_by_root(tape, step)
        if found is not None:
            return found[1]
        inner = multiple(tape, step) if len(step.makes) == 1 and step.function is not None else None
    return None


def is_scaled_by_squares(tape: Tape, node: int) -> bool:
    """Whether each entry of a value is scaled by a root of squares of what the value was made of, as Adam's steps."""
    root = root_in(tape, node)
    if root is None or tape.nodes[root].value.size < min(2, tape.nodes[node].value.size):
        return False
    parents = tape.parents()
    made_of = ancestors(parents, [node])
    behind = (tape.steps[tape.nodes[each].step] for each in ancestors(parents, [root]))
    return any(is_square(step) and step.reads[0] in made_of for step in behind if step.reads)


def is_scaled_by_own_squares(tape: Tape, node: int) -> bool:
    """Whether a call scales an array by a root of sums of its own squares, entry by entry, as Adagrad does.

    The squares may be of what the array was made of, with as many entries, as Adam's are.
    """
    scaled = scaled_by_root(tape, tape.steps[tape.nodes[node].step])
    size = tape.nodes[scaled[1]].value.size if scaled is not None else 0
    if scaled is None or size < 2:
        return False
    parents, apart = tape.parents(), size != tape.nodes[node].value.size
    own = {scaled[0]} if apart else {n for n in ancestors(parents, [scaled[0]]) if tape.nodes[n].value.size == size}
    behind = (tape.steps[tape.nodes[each].step] for each in ancestors(parents, [scaled[1]]))
    return any(is_square(step) and step.reads[0] in own for step in behind)


def is_square(step: Step) -> bool:
    """Whether a call makes the square of what it reads."""
    name = name_of(step.function)
    itself = name == "multiply" and len(set(step.reads)) == 1 and not literals_of(step)
    return name == "square" or (name == "power" and literals_of(step) == [2]) or itself


def is_share_of_loss(tape: Tape, node: int, loss: int | None) -> bool:
    """Whether a number is a loss, or what it is above one number, divided by a sum of squares: a closed form of a step.

    It is how far to go until the loss would be nothing, were it straight.
    """
    step = tape.steps[tape.nodes[node].step]
    if name_of(step.function) != "divide" or len(step.reads) != 2 or tape.nodes[node].value.size != 1:
        return False
    much, by = step.reads
    above = tape.steps[tape.nodes[much].step]
    if name_of(above.function) == "subtract" and all(is_plain_number(tape, read) for read in above.reads[1:]):
        much = above.reads[0]
    return much == loss and is_sum_of_squares(tape, by)


def is_sum_of_squares(tape: Tape, node: int) -> bool:
    """Whether a number is the sum of the squares of an array, so many times that, or with what keeps it off from 0."""
    step = tape.steps[tape.nodes[node].step]
    name, squared = name_of(step.function), step.reads and tape.steps[tape.nodes[step.reads[0]].step]
    others = [read for read in step.reads if not is_plain_number(tape, read)]
    if name in ("add", "multiply") and len(others) == 1 and others[0] < node:
        return is_sum_of_squares(tape, others[0])
    if name in ("dot", "vdot", "inner", "matmul"):
        return len(set(step.reads)) == 1
    if not squared:
        return False
    return (name == "sum" and is_square(squared)) or (is_square(step) and name_of(squared.function) == "norm")


def within(tape: Tape, node: int) -> Iterator[int]:
    """The values of its shape, but for axes of length 1, that an update was made of, the nearest first."""
    whole = tape.nodes[node].value
    shape, seen, waiting = squeezed(whole.shape), set[int](), [node]
    while waiting:
        for read in tape.steps[tape.nodes[waiting.pop(0)].step].reads:
            value = tape.nodes[read].value
            is_like = value.shape == whole.shape or (value.size > 1 and squeezed(value.shape) == shape)
            if read not in seen and is_like and len(seen) < 40:
                seen.add(read)
                waiting.append(read)
                yield read


def is_only_added_to(tape: Tape, node: int) -> bool:
    """Whether all that reads a value changes it in place: so gradients are added up, and no output is made."""
    slot = tape.nodes[node].slot
    readers = [step for step in tape.steps if node in step.reads]
    return bool(readers) and all(tape.nodes[made].slot == slot for step in readers for made in step.makes)
