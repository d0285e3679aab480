"""Parameters that begin as noughts or ones hide mistakes: what is added or multiplied by them is seen elsewhere alone.

So it is with biases of nought that a penalty was put on by mistake, with scales of one that a slope lacks, and with
velocities of nought by which weights are looked ahead of. And so it almost is with points that begin close to 0, whose
distances are almost nought: what these are multiplied by, or added to, makes a difference of no more than rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case
from tinygrad_scratch.verifier.pairs.pairing import Final
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.likeness import difference, is_along
from tinygrad_scratch.verifier.recording.references import Ref
from tinygrad_scratch.verifier.recording.steps import Array, Step
from tinygrad_scratch.verifier.truths.truth import Truth, truth_of

SHARES = 0.5, 0.05, 0.005  # by how much they are moved, as far as the same branches are taken
NEAR = 1e-2  # what is no larger begins close to 0
ALMOST = 1e-10  # a right gradient differs by less from the true one
SAME = 1e-4  # a small number in the loss makes a difference, too


def begun_alike(case: Case) -> list[Final]:
    """The gradients of parameters from outside that hold noughts or ones, or begin close to 0 and are almost right."""
    return [
        final
        for final in case.finals
        if case.step_of(final.parameter.node).function is None and np.any(are_alike(case, final))
    ]


def are_alike(case: Case, final: Final) -> Array:
    """Which entries of a parameter are a nought or a one, or close to 0; what has no gradient is to stay as it is."""
    value, truth = case.tape.nodes[final.parameter.node].value, case.true_of(final)
    is_near = bool(np.max(np.abs(value), initial=0.0) <= NEAR) and is_almost_right(case, final)
    return np.asarray((is_near | (value == 0) | (value == 1)) & (truth != 0) & (value.dtype == np.float64))


def is_almost_right(case: Case, final: Final) -> bool:
    value, wanted = case.tape.nodes[final.node].value, case.wanted(case.tape.nodes[final.node].value, final)
    return value.shape == wanted.shape and difference(value, wanted) > ALMOST


def begun_at_rest(case: Case) -> list[int]:
    """The velocities of nought that the forward pass adds to parameters, to look ahead of them by Nesterov's rule."""
    nodes, parameters = case.tape.nodes, {final.parameter.node for final in case.finals}
    found: set[int] = set()
    for made in case.forward:
        step = case.step_of(made)
        is_array = nodes[made].value.size > 1
        if not is_array or name_of(step.function) not in ("add", "subtract") or parameters.isdisjoint(step.reads):
            continue
        moved = {read for read in step.reads if read not in parameters}
        given = [node for node in moved | case.ancestors(moved) if case.step_of(node).function is None]
        arrays = [node for node in given if nodes[node].value.size > 1]
        if len(arrays) == 1 and is_nought(nodes[arrays[0]].value, nodes[made].value):  # times numbers alone
            found.add(arrays[0])
    return sorted(found - parameters)


def is_nought(value: Array, like: Array) -> bool:
    return value.shape == like.shape and value.dtype == np.float64 and not np.any(value)


def moved_apart(case: Case) -> tuple[dict[int, Array], Truth] | None:
    """Other values of these entries, and the truth at them, where some gradients are wrong there, and others right.

    Nothing need be right there where all that is lacking is a multiple of the parameters: the gradient of a penalty.
    Nor of what is only almost right here. Nor of what a minimiser is given: it goes on to other values, and with that
    loss. None where all that is right here is so there, too, or nothing can be told.
    """
    if case.decays or case.truth.passing or leaves(case) or case.wrong(case.replay()):
        return None
    nodes = case.tape.nodes
    are_almost_right = all(is_almost_right(case, final) for final in case.finals)
    for share in SHARES:
        start = drawn(case, share)
        found = right_there(case, start) if start else None
        if found is not None:
            told, truth = found
            right = [difference(value, wanted) <= SAME for _, value, wanted in told]
            tells = (
                case.is_minimised
                or any(right)
                or are_almost_right
                or all(is_along(value - wanted, start.get(node, nodes[node].value)) for node, value, wanted in told)
            )
            return (start, truth) if tells and not all(right) else None
    return None


def parameters_given(case: Case) -> Callable[[], None]:
    """Take for given the parameters that the run makes itself, as `np.ones(n).astype(kind)`; what puts that back."""
    held: list[tuple[Step, Any, Any]] = []
    for node in {final.parameter.node for final in case.finals if final.parameter.asked}:
        step = case.step_of(node)
        if step.makes == (node,) and isinstance(step.result, Ref) and case.tape.nodes[node].slot == step.result.slot:
            held.append((step, step.function, step.arguments))
            step.function, step.arguments = None, np.array(case.tape.nodes[node].value)

    def put_back() -> None:
        for step, function, arguments in held:
            step.function, step.arguments = function, arguments

    return put_back


def leaves(case: Case) -> bool:
    """Whether a value that is another one at other values of the parameters left NumPy, and may have come back."""
    moved = {final.parameter.node for final in begun_alike(case)} | set(begun_at_rest(case))
    return not moved.isdisjoint(case.ancestors(leak.node for leak in case.tape.leaks))


def drawn(case: Case, share: float) -> dict[int, Array]:
    """The parameters with their noughts and ones moved, each upwards, as a scale or a spread may not be negative."""
    rng, start = np.random.default_rng(0), dict[int, Array]()
    for final in begun_alike(case):
        value = case.tape.nodes[final.parameter.node].value
        start[final.parameter.node] = value + share * rng.uniform(0.5, 1, value.shape) * are_alike(case, final)
    for node in begun_at_rest(case):
        start[node] = np.asarray(share * rng.normal(size=case.tape.nodes[node].value.shape))
    return start | {copy: start[node] for copy, node in case.tape.copies.items() if node in start}


def right_there(case: Case, start: dict[int, Array]) -> tuple[list[tuple[int, Array, Array]], Truth] | None:
    """The gradients at other values, by parameter, with those wanted there, and the truth there.

    None where other branches would be taken.
    """
    tape, here = case.tape, case.truth
    try:
        with np.errstate(all="ignore"):
            values = tape.replay(start={node: value.copy() for node, value in start.items()})
            truth = truth_of(tape, here.loss, start, here.edits)
    except Exception:  # a call that can't be made there
        return None
    if any(not np.array_equal(values[node], tape.nodes[node].value) for node in tape.decided):
        return None
    case.truth = truth
    try:
        made = ((final, np.asarray(values[final.node])) for final in case.finals)
        pairs = [(final.parameter.node, value, case.wanted(value, final)) for final, value in made]
    finally:
        case.truth = here
    return [pair for pair in pairs if np.all(np.isfinite(pair[2])) and np.any(pair[2])], truth


def moved_to(case: Case, start: dict[int, Array]) -> Callable[[], None]:
    """Make the run at other values; what puts all back as it was."""
    tape = case.tape
    held: list[tuple[Any, str, Any]] = [(node, "value", node.value) for node in tape.nodes]
    held += [(case.step_of(node), "arguments", case.step_of(node).arguments) for node in start]
    for node, value in start.items():
        case.step_of(node).arguments = value.copy()
    tape.make_again()

    def put_back() -> None:
        for holder, name, value in held:
            setattr(holder, name, value)

    return put_back


def said_of(case: Case) -> str:
    """What is told of the parameters that were moved."""
    at_rest, finals = set(begun_at_rest(case)), begun_alike(case)
    moved = [final.parameter.name for final in finals]
    moved += [event.name for event in case.events if event.node in at_rest]
    names = list(dict.fromkeys(name.removeprefix("self.") for name in moved))
    several = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
    are_near = not at_rest and not any(holds_alike(case, final) for final in finals)
    do = ("begin close to 0" if are_near else "hold noughts or ones").split(" ", 1)
    verb = do[0] if len(names) > 1 else f"{do[0]}s"
    much = "almost no difference" if are_near else "no difference"
    return (
        f"{several} {verb} {do[1]} in your run, where what is wrong makes {much}: these were moved a "
        "little, and all values here are those of your calls at the moved ones."
    )


def holds_alike(case: Case, final: Final) -> bool:
    value = case.tape.nodes[final.parameter.node].value
    return bool(np.any((value == 0) | (value == 1)))
