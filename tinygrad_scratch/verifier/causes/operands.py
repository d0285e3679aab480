"""Another operation, or another value in the place of an operand."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.edits import (
    LINEAR,
    PRODUCTS,
    SUMS,
    Edit,
    PlaceOf,
    WithArgument,
    called,
    exchanged,
    name_of,
    only,
    operands_of,
    places_of,
    swapped_axes,
    then,
    with_changed,
)
from tinygrad_scratch.verifier.events import Event
from tinygrad_scratch.verifier.likeness import close
from tinygrad_scratch.verifier.region import Finding, Region, bracketed, is_known_at, named_all, node_at, replaced
from tinygrad_scratch.verifier.source import without_brackets
from tinygrad_scratch.verifier.steps import Array, Step

SWAPS: list[tuple[str, Any, str, str]] = [
    ("add", np.subtract, "sign", "`+` should be `-`"),
    ("subtract", np.add, "sign", "`-` should be `+`"),
    ("multiply", np.divide, "wrong-operand", "`*` should be `/`"),
    ("divide", np.multiply, "wrong-operand", "`/` should be `*`"),
    ("multiply", np.matmul, "broadcasting-shape", "`*` multiplies entry by entry; it should be `@`"),
    ("matmul", np.multiply, "broadcasting-shape", "`@` is a matrix product; it should be `*`"),
]


def operations(region: Region) -> Iterator[Finding]:
    for step, turns in region.sites():
        numbers = any(region.case.constant_value(part) is not None for part in step.arguments)
        for name, function, kind, sentence in SWAPS:
            if kind != "sign" and numbers:  # another number is meant, and no other operation
                continue
            if name_of(step.function) == name and region.gives_truth({s.index: called(function) for s in turns}):
                sign = sentence.split("`")
                should = (
                    region.code(step).replace(sign[1], sign[3], 1) if region.code(step).count(sign[1]) == 1 else None
                )
                yield Finding(
                    kind,
                    f"{sentence} in `{region.code(step)}`",
                    step,
                    region.rewritten(step, should) if should else None,
                    {s.index: called(function) for s in turns},
                )
        if name_of(step.function) == "subtract" and region.gives_truth({s.index: exchanged for s in turns}):
            yield Finding(
                "sign",
                f"the difference `{region.code(step)}` is the wrong way round",
                step,
                changes={s.index: exchanged for s in turns},
            )
        if name_of(step.function) == "negative" and region.gives_truth({s.index: only(0) for s in turns}):
            yield Finding(
                "sign",
                f"the minus in `{region.code(step)}` is too much",
                step,
                changes={s.index: only(0) for s in turns},
                takes_away=True,
            )


def negated(region: Region) -> Iterator[Finding]:
    """A minus that one call lacks."""
    for step, turns in region.sites():
        changes = {s.index: then(np.negative) for s in turns}
        if step.result is not None and region.gives_truth(changes):
            code = region.code(step)
            yield Finding(
                "sign", f"the sign of `{code}` is wrong", step, region.rewritten(step, f"(-{bracketed(code)})"), changes
            )
        for i, _ in places_of(step):
            if name_of(step.function) in ("setitem", "add", "subtract") and region.gives_truth(
                {s.index: with_changed(i, np.negative) for s in turns}
            ):
                node = node_at(region, step, i)
                name = region.name(node) if node is not None else "a term"
                yield Finding("sign", f"the sign of {name} is wrong", step)


def operands(region: Region) -> Iterator[Finding]:
    """Another value of the same shape in the place of an operand."""
    found: list[tuple[int, Finding]] = []
    for step, turns in region.sites():
        for place, _ in operands_of(step):
            for name, nodes, turned in candidates(region, step, turns, place):
                changes: dict[int, Edit] = {
                    s.index: WithArgument(place, region.values, node, turned)
                    for s, node in zip(turns, nodes, strict=True)
                }
                if region.gives_truth(changes):
                    node, read = nodes[turns.index(step)], node_at(region, step, place)
                    found.append(said(region, step, place, (name, node), changes))
                    found[-1][1].place = region.call_with(step, read, node) if read is not None else None
                    if found[-1][0] == 0:
                        break
    found.sort(key=lambda pair: pair[0])
    if found:
        best = found[0][1]
        rivals = [f for rank, f in found if rank == found[0][0]]
        best.others = sorted({f.should_be for f in rivals if f.should_be and f.should_be != best.should_be})
        if best.others:
            best.certainty = "fits"
        yield best


def candidates(region: Region, step: Step, turns: list[Step], place: PlaceOf) -> Iterator[tuple[str, list[int], bool]]:
    """Values for an operand in all turns: of one name, the neighbour in a list or dict, one without a name."""
    reads = [node_at(region, s, place) for s in turns]
    if None in reads:
        return
    nodes = [node for node in reads if node is not None]
    shapes = [np.shape(region.values[node]) for node in nodes]
    tried: list[Array] = []
    roles = [
        *neighbours(region, nodes),
        *by_name(region, turns),
        *beside(region, turns, place),
        *([] if is_gradient(region, nodes[-1]) else unnamed(region, turns, shapes)),
    ]
    reduces = name_of(step.function) in (*PRODUCTS, *SUMS, "T", "transpose")
    any_shape = name_of(step.function) == "renamed"
    for name, chosen in roles:
        for turned in (False, True):
            values = [np.asarray(region.values[node]) for node in chosen]
            if turned:
                values = [swapped_axes(v) if v.ndim > 1 else v for v in values]
            if [v.shape for v in values] != shapes and not (
                (any_shape and any(is_known_at(event, step.place) for event in named_all(region.case, chosen[-1])))
                or (reduces and [v.ndim for v in values] == [*map(len, shapes)])
            ):
                continue
            if turned and values[-1].shape == np.shape(region.values[chosen[-1]]) and values[-1].ndim < 2:
                continue
            if (turned and chosen == nodes) or is_multiple(region, chosen[-1], nodes[-1]):  # its layout is wrong
                continue
            if close(values[-1], np.asarray(region.values[nodes[-1]])) or any(v is values[-1] for v in tried):
                continue
            tried.append(values[-1])
            yield f"{name}.T" if turned else name, chosen, turned


def beside_it(region: Region) -> Iterator[Finding]:
    """An entry of an array beside the one that is due: `s[t]` for `s[t - 1]`."""
    for step, turns in (*region.sites(), *picked(region)):
        if name_of(step.function) not in ("getitem", "setitem") or not isinstance(step.arguments, tuple):
            continue
        written = re.search(r"-\s*1\b", region.code(step))
        for shift in (1, -1) if written else (-1, 1):
            for axis in axes_with_number(step.arguments[1]):
                changes = {s.index: with_changed(1, shifted(axis, shift)) for s in turns}
                if region.gives_truth(changes):
                    said = f"`{region.code(step)}` takes the neighbour: the index should be {abs(shift)} "
                    writes = name_of(step.function) == "setitem"
                    said += "more" if shift > 0 else "less"
                    yield Finding("off-by-one", said, step, None, changes, made_up=writes)
                    return


def picked(region: Region) -> Iterator[tuple[Step, list[Step]]]:
    """The calls that picked entries of what is right, for those of the region, as in `x[i]`."""
    found: dict[Any, dict[int, Step]] = {}
    for step in region.turns:
        for node in step.reads:
            made = region.case.step_of(node)
            if name_of(made.function) in ("T", "transpose", "reshape") and node not in region.case.forward:
                node, made = made.reads[0], region.case.step_of(made.reads[0])
            if name_of(made.function) == "getitem" and node not in region.case.forward:
                found.setdefault(made.place, {})[made.index] = made
    yield from ((turns[max(turns)], list(turns.values())) for turns in found.values())


def axes_with_number(index: Any) -> list[int]:
    """Where a whole number stands in an index."""
    parts = index if isinstance(index, tuple) else (index,)
    return [axis for axis, part in enumerate(parts) if isinstance(part, int | np.integer)]


def shifted(axis: int, shift: int) -> Callable[[Any], Any]:
    """An index with one of its numbers more or less."""

    def change(index: Any) -> Any:
        parts = list(index) if isinstance(index, tuple) else [index]
        parts[axis] = parts[axis] + shift
        return tuple(parts) if isinstance(index, tuple) else parts[0]

    return change


def is_gradient(region: Region, node: int) -> bool:
    """Whether an operand is a whole gradient, for which no value of the forward pass can stand."""
    value = np.asarray(region.values[node])
    found = region.case.match_up_to_factor(value) if value.size > 2 else None
    return found is not None and found[0].how == ""


def neighbours(region: Region, nodes: list[int]) -> Iterator[tuple[str, list[int]]]:
    """`hs[t - 1]` for `hs[t]`: what the same list or dict holds beside each of the operands."""
    known = {event.name: event.node for event in region.case.events}
    for shift in (-1, 1):
        chosen, label = [], ""
        for node in nodes:
            for name in region.names_of(node):
                match = re.search(r"\[(-?\d+)\](?!.*\[-?\d+\])", name)
                if match:
                    other = f"{name[: match.start()]}[{int(match[1]) + shift}]{name[match.end() :]}"
                    if other in known:
                        chosen.append(known[other])
                        label = other if name[: match.start()] in region.statement else region.name(known[other])
                        break
        if len(chosen) == len(nodes):
            yield label, chosen


def by_name(region: Region, turns: list[Step], any_value: bool = False) -> Iterator[tuple[str, list[int]]]:
    """What each name meant when each of the calls was made: of values of the forward pass and gradients, or of any."""
    for name, events in bound_names(region, any_value).items():
        chosen = [meant.node for step in turns if (meant := meant_by(region, events, step)) is not None]
        if len(chosen) == len(turns):
            yield name, chosen
    for final in region.case.finals:
        yield final.parameter.name, [final.parameter.node] * len(turns)


def bound_names(region: Region, any_value: bool) -> dict[str, list[Event]]:
    """The names that values have which stood by then, each with its bindings in the order of time."""
    if any_value not in region.bound:
        bound: dict[str, list[Event]] = {}
        for event in sorted([*region.case.arguments, *region.case.events], key=lambda e: (e.time, e.node)):
            useful = (
                any_value
                or region.case.is_forward(event.node)
                or region.case.match_up_to_factor(np.asarray(region.values[event.node])) is not None
            )
            if event.node < region.node and (useful or region.case.step_of(event.node).function is None):
                bound.setdefault(event.name, []).append(event)
        region.bound[any_value] = bound
    return region.bound[any_value]


def meant_by(region: Region, events: list[Event], step: Step) -> Event | None:
    """What a name was last bound to before a call, in the same function if it is a variable of that."""
    bound = events[: bisect_right(events, step.index, key=lambda e: e.time)]
    bound = bound or [e for e in events if region.case.tape.nodes[e.node].step < step.index]
    if not bound or not step.place or not bound[-1].name.isidentifier():
        return bound[-1] if bound else None
    function = step.place.function
    return next((e for e in reversed(bound) if e.place.function == function), bound[-1])


def turn_by_turn(region: Region, turns: list[Step]) -> Iterator[tuple[str, list[int]]]:
    """What one call made, or one container holds, in as many turns as there are: the first of them in the first turn.

    In a single turn these are the values without a name of the statement and of the forward pass.
    """
    made: dict[Any, list[int]] = {}
    lines = {(step.place.file, step.place.line) for step in turns if step.place}
    for step in (s for s in region.case.tape.steps[: region.until] if s.makes):
        here = step.place is not None and (step.place.file, step.place.line) in lines
        useful = (
            len(turns) > 1 or here or (step.makes[0] in region.case.forward and np.ndim(region.values[step.makes[0]]))
        )
        if step.function is not None and useful:
            made.setdefault((step.place, name_of(step.function)), []).append(step.makes[0])
    for event in region.case.events if len(turns) > 1 else ():
        if event.name.endswith("]") and event.node < region.node:
            made.setdefault((event.owner, event.name.split("[")[0]), []).append(event.node)
    after = {node for step in turns for node in step.makes}
    for nodes in made.values():
        if len(turns) == 1:
            yield from ((region.name(node), [node]) for node in nodes if not region.names_of(node))
        elif len(nodes) == len(turns) and after.isdisjoint(nodes):
            yield region.name(nodes[-1]), nodes
            yield region.name(nodes[0]), nodes[::-1]


def beside(region: Region, turns: list[Step], place: PlaceOf) -> Iterator[tuple[str, list[int]]]:
    """Another operand of the same call, or of the other calls of the statement."""
    for other, _ in operands_of(turns[0]):
        chosen = [node for s in turns if (node := node_at(region, s, other)) is not None]
        if other != place and len(chosen) == len(turns):
            yield region.name(chosen[-1]), chosen


def unnamed(region: Region, turns: list[Step], shapes: list[tuple[int, ...]]) -> Iterator[tuple[str, list[int]]]:
    """Values of the forward pass without a name: those that one call made, turn by turn."""
    made: dict[Any, list[int]] = {}
    for node in sorted(region.case.forward):
        if (
            np.shape(region.values[node]) in (shapes[0], shapes[0][::-1])
            and not (region.names_of(node) and len(turns) == 1)
            and region.case.step_of(node).function is not None
        ):
            made.setdefault((region.case.step_of(node).place, name_of(region.case.step_of(node).function)), []).append(
                node
            )
    for nodes in made.values():
        if len(turns) == 1:
            for node in nodes:
                yield region.name(node), [node]
        elif len(nodes) == len(turns):
            yield region.name(nodes[-1]), nodes
            yield region.name(nodes[0]), nodes[::-1]


def said(
    region: Region, step: Step, place: PlaceOf, new: tuple[str, int], changes: dict[int, Any]
) -> tuple[int, Finding]:
    """How good an explanation a substitution is (less is better), and what it says."""
    read = node_at(region, step, place)
    assert read is not None
    other_name, other = new
    mine = region.name(read)
    new_text = bracketed(other_name)
    text = replaced(region.code(step), mine, new_text)
    should = region.rewritten(step, text) if text else replaced(region.expression, mine, new_text)
    should = without_brackets(should, region.expression) if should else None
    sentence = f"{mine} should be {other_name}"
    stem = mine.split("[")[0]
    if "[" in mine and other_name.split("[")[0] == stem and one_apart(mine, other_name):
        return 0, Finding("off-by-one", f"{sentence}: the neighbour was taken", step, should, changes)
    parameters = {f.parameter.node for f in region.case.finals}
    named = bool(region.names_of(other))
    if is_sum_with(region, other, read):
        return 1, Finding("missing-term", f"{mine} lacks a term: it should be {other_name}", step, should, changes)
    if wrong_point(region, step, read, other):
        return 1 if named else 3, Finding(
            "derivative-at-wrong-point",
            f"the derivative is taken at {mine}; it should be at {other_name}",
            step,
            should,
            changes,
            made_up=not named,
        )
    if other in parameters and same_parameter(mine, other_name):
        return 1, Finding(
            "stale-or-updated-weights", f"{sentence}, as it was in the forward pass", step, should, changes
        )
    return 2 if named else 4, Finding("wrong-operand", sentence, step, should, changes, made_up=not named)


def same_parameter(one: str, other: str) -> bool:
    """Whether two values have the name of one parameter: in two places, or at two times."""
    ends = [name.removesuffix(".T").rsplit(".", 1)[-1] for name in (one, other)]
    return ends[0] == ends[1]


def is_multiple(region: Region, product: int, node: int) -> bool:
    """Whether a value without a name is an operand times something: that factor is missing then, and not the value."""
    made = region.case.step_of(product)
    alike = region.case.alike
    read = [alike.get(each, each) for each in made.reads]
    return name_of(made.function) == "multiply" and not region.names_of(product) and alike.get(node, node) in read


def is_sum_with(region: Region, sum_: int, node: int) -> bool:
    """Whether a value was made of an operand by adding something or taking it away: then that is missing."""
    made = region.case.step_of(sum_)
    alike = region.case.alike
    read = [alike.get(each, each) for each in made.reads]
    return name_of(made.function) in ("add", "subtract") and alike.get(node, node) in read


def one_apart(one: str, other: str) -> bool:
    numbers = [re.findall(r"\[(-?\d+)\]", name) for name in (one, other)]
    return all(numbers) and abs(int(numbers[0][-1]) - int(numbers[1][-1])) == 1


def wrong_point(region: Region, step: Step, read: int, other: int) -> bool:
    """Whether a derivative is taken at the operand: it goes through a nonlinear step before it meets the upstream."""
    case = region.case
    twin = case.alike.get(other, other)
    if name_of(step.function) in PRODUCTS or not case.is_forward(other):
        return False
    plus = name_of(step.function) in ("subtract", "add") and len(places_of(step)) < 2
    nonlinear = name_of(step.function) not in LINEAR or plus or is_comparison(step)
    if not nonlinear and is_other_factor(region, twin):
        return False
    if name_of(case.step_of(read).function) in ("power", "square") and not region.names_of(read):
        return False
    own = twin in case.ancestors([region.of]) or region.of in case.ancestors([twin]) or twin == region.of
    own = own or same_source(region, twin)
    if case.is_forward(read) or is_comparison(step):
        related = twin in case.ancestors([case.alike.get(read, read)]) or case.alike.get(read, read) in case.ancestors(
            [twin]
        )
        return own and (nonlinear or related) and (related or nonlinear)
    return own and nonlinear


def is_other_factor(region: Region, node: int) -> bool:
    """Whether a value is what the forward pass multiplies by that which the gradient is of, or by what is made of it.

    Of such a product the derivative is the other factor, and is taken at no point.
    """
    case = region.case
    apart = region.of not in case.ancestors([node])
    partners = {
        read
        for step in case.tape.steps
        if name_of(step.function) in ("multiply", *PRODUCTS) and node in step.reads and step.makes[0] in case.forward
        for read in step.reads
        if read != node
    }
    return any(
        is_same_gradient(region, read) or (apart and region.of in case.ancestors([read])) for read in sorted(partners)
    )


def is_same_gradient(region: Region, node: int) -> bool:
    """Whether a value has the gradient that is due."""
    truth = region.case.truth.cotangents
    return node == region.of or (node in truth and close(truth[region.of], truth[node]))


def same_source(region: Region, node: int) -> bool:
    """Whether a value is one of the steps of the function whose derivative is due."""
    parts = region.case.truth.cotangents
    return node in parts and np.shape(parts[node]) == region.truth.shape and region.of in region.case.ancestors([node])


def is_comparison(step: Step) -> bool:
    return name_of(step.function) in (
        "greater",
        "greater_equal",
        "less",
        "less_equal",
        "equal",
        "not_equal",
        "where",
        "sign",
    )


def comparisons(region: Region) -> Iterator[Finding]:
    """A mask that lets everything through, or the opposite of what it should."""
    swaps = {
        "greater": np.less_equal,
        "less": np.greater_equal,
        "greater_equal": np.greater,
        "less_equal": np.less,
        "not_equal": np.equal,
        "equal": np.not_equal,
    }
    signs = {"greater": ">", "less": "<", "greater_equal": ">=", "less_equal": "<=", "equal": "==", "not_equal": "!="}
    for step, turns in region.sites():
        function = swaps.get(name_of(step.function))
        if function is not None and region.gives_truth({s.index: called(function) for s in turns}):
            old, new = signs[name_of(step.function)], signs[function.__name__]
            code = region.code(step)
            should = region.rewritten(step, code.replace(old, new, 1)) if old in code else None
            yield Finding(
                "derivative-at-wrong-point",
                f"the mask `{code}` should be with `{new}`: here it lets through what should be zero",
                step,
                should,
            )
