"""How many samples there are, and what the loss divides by: the numbers that a gradient may rightly be scaled with."""

from __future__ import annotations

import re
from collections import Counter
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_scratch.verifier.recording.edits import PRODUCTS, name_of
from tinygrad_scratch.verifier.recording.references import Ref
from tinygrad_scratch.verifier.recording.steps import Step
from tinygrad_scratch.verifier.truths.losses import KnownLoss

WEIGHTS = re.compile(r"weight|importance")
CURVES = "exp", "log", "log1p", "logaddexp", "tanh"
"""Functions after which no mean is taken: what they are given is no loss yet."""

if TYPE_CHECKING:
    from tinygrad_scratch.verifier.cases.case import Case


def samples(case: Case) -> set[int]:
    """The lengths that all data has, but for what parameters were made of: one of them is the number of samples.

    Of several it is none that a matrix of weights has, too: so many inputs, or outputs, there are.
    """
    parameters = {final.parameter.node for final in case.finals}
    shapes = [
        set(case.tape.nodes[node].value.shape) - {1}
        for node in case.forward - parameters - case.ancestors(parameters)
        if case.step_of(node).function is None and is_data(case.tape.nodes[node].value)
    ]
    found = set.intersection(*shapes) if shapes else set()
    matrices = (case.tape.nodes[node].value.shape for node in parameters)
    widths = {width for shape in matrices if len(shape) > 1 for width in shape}
    return found - widths if len(found) > 1 and found - widths else found


def is_data(value: np.ndarray) -> bool:
    return value.ndim > 0 and value.size > 2 and value.dtype.kind in "fiu" and bool(np.ptp(value) > 0)


def divided_by(case: Case) -> set[int]:
    """The whole numbers that the loss, or a part of it, is divided by: what updates divided in turns before is none."""
    return divided_in(case, case.forward - case.ancestors(final.parameter.node for final in case.finals))


def divided_in_the_end(case: Case) -> set[int]:
    """The same where no weights come after it, as by a matrix product: the mean over a window is none of the loss.

    Nor is a temperature, by which outputs are divided before they go through `exp`.
    """
    parameters = {final.parameter.node for final in case.finals}
    weighs = parameters | {node for node in case.forward if is_part_of(case, node, parameters)}
    made_by = map(case.step_of, case.forward)
    bends = (*PRODUCTS, *CURVES)
    later = (s for s in made_by if name_of(s.function) in bends or not weighs.isdisjoint(s.reads))
    read = {node for step in later for node in step.reads}
    return divided_in(case, case.forward - case.ancestors(read)) | averaged(case)


def averaged(case: Case) -> set[int]:
    """The number of samples that a well-known loss is the mean over: as many again, and it stays the same."""
    step = case.step_of(case.truth.loss)
    known = step.function.candidate if isinstance(step.function, KnownLoss) else None
    if known is None or known.function is None or known.turns or not np.ndim(known.target):
        return set()
    output, target = case.tape.nodes[step.reads[0]].value, np.asarray(known.target)
    try:
        once, twice = (known.function(np.concatenate([output] * n), np.concatenate([target] * n)) for n in (1, 2))
    except Exception:  # what it is of is no row for each sample
        return set()
    return {len(target)} if np.isclose(float(np.sum(once)), float(np.sum(twice))) else set()


def is_part_of(case: Case, node: int, parameters: set[int]) -> bool:
    """Whether a value is some entries of a parameter, or shows it."""
    step = case.step_of(node)
    return name_of(step.function) in ("getitem", "T", "transpose", "reshape") and not parameters.isdisjoint(step.reads)


def divided_in(case: Case, nodes: set[int]) -> set[int]:
    """The whole numbers by which values are divided where these are made."""
    found: set[int] = set()
    for node in nodes:
        step = case.step_of(node)
        if name_of(step.function) == "mean" and step.reads and case.tape.nodes[node].value.ndim == 0:
            found.add(case.tape.nodes[step.reads[0]].value.size)
        found |= {int(n) for n in divisors(case, step) if abs(n - round(n)) < 1e-9 and n > 2}
    return found


def divisors(case: Case, step: Step) -> list[float]:
    """The plain numbers that a step divides by."""
    if name_of(step.function) not in ("divide", "multiply") or not isinstance(step.arguments, tuple):
        return []
    values = [abs(v) for v in given(case, step)]
    if name_of(step.function) == "multiply":
        return [round(1 / v, 9) for v in values if v < 1]
    return [v for v in values if v > 1]


def given_number(case: Case, step: Step, part: Any) -> float:
    """A number that was computed from data alone, as how many samples a mask leaves; 0 for anything else."""
    nodes = [case.tape.nodes[read] for read in step.reads if type(part) is Ref and read not in case.smooth]
    found = [node.value for node in nodes if node.slot == part.slot and node.value.size == 1]
    return float(found[0].reshape(-1)[0]) if found and found[0].dtype.kind in "fiu" else 0.0


def conventional(case: Case) -> list[float]:
    """The factors that all gradients may carry: of the samples and of the loss, and the 2 of a square."""
    loss = {float(n) for n in divided_by(case)}
    found = {1.0} | loss | {1 / n for n in samples(case)} | {1 / n for n in loss}
    halves = {n / 2 for n in found} if has_square(case) else set()
    whole = {
        n for n in divided_by(case) if n % 2 == 0 and n // 2 in samples(case) - divided_by(case)
    }  # as in 1 / (2 * m)
    doubles = {2 * n for n in found} if whole or halved(case) else set()
    return sorted(found | doubles | halves)


def sizes_of_the_loss(case: Case) -> list[float]:
    """More factors that all gradients may carry, once all of them do: whatever the loss might be averaged over.

    They are the sizes of the outputs and of what the loss makes of them, how often it does so, and products of two.
    """
    sizes = {float(n) for n in samples(case) | divided_by(case) | from_outputs_on(case) if n > 1}
    products = sizes | {one * other for one, other in combinations(sorted(sizes), 2)}
    found = products | {1 / n for n in products}
    found |= {n * base for base in bases(case) for n in (1.0, *found)}
    return sorted(found | ({n / 2 for n in found} if has_square(case) else set()) | doubled(case, found))


def bases(case: Case) -> set[float]:
    """What the slope of a logarithm in the loss lacks where it is derived as that of the natural one: ln 2, or ln 10.

    So is a loss in bits, by `np.log2`, or by a division by `np.log(2)`.
    """
    steps = [case.step_of(node) for node in case.forward - case.without_data]
    names = {name_of(step.function) for step in steps}
    numbers = [abs(n) for step in steps if name_of(step.function) in ("multiply", "divide") for n in given(case, step)]
    known = {"log2": float(np.log(2)), "log10": float(np.log(10))}
    return {
        base
        for name, base in known.items()
        if name in names or any(abs(n * by - 1) < 1e-9 for n in numbers for by in (base, 1 / base))
    }


def given(case: Case, step: Step) -> list[float]:
    """The plain numbers that a step was given."""
    parts = step.arguments if isinstance(step.arguments, tuple) else ()
    return [v for part in parts if (v := case.constant_value(part) or given_number(case, step, part))]


def ratios_of_sizes(case: Case) -> list[float]:
    """What a mean over one axis is of one over the samples: updates may carry it, as a part of the rate."""
    sizes = {float(n) for n in from_outputs_on(case) if n > 1}
    found = {one / other for one in sizes for other in samples(case) if one != other}
    return sorted(found | {1 / ratio for ratio in found})


def from_outputs_on(case: Case) -> set[int]:
    """The lengths and sizes of what no parameter comes after, and how many turns of a loop made it."""
    parameters = {final.parameter.node for final in case.finals}
    uses = [step for step in case.tape.steps if not parameters.isdisjoint(step.reads)]
    inner = case.ancestors(read for step in uses if not case.forward.isdisjoint(step.makes) for read in step.reads)
    later = [node for node in case.forward - inner - case.without_data if case.step_of(node).function is not None]
    shapes = {n for node in later for n in (*case.tape.nodes[node].value.shape, case.tape.nodes[node].value.size)}
    return shapes | set(Counter(case.place_of(node) for node in later).values())


def doubled(case: Case, found: set[float]) -> set[float]:
    """Twice some factors, where something in the loss is halved."""
    return {2 * n for n in found} if halved(case) else set()


def has_square(case: Case) -> bool:
    """Whether the loss has a square, the 2 of whose derivative may be left to the rate."""
    for node in case.forward - case.without_data:
        step = case.step_of(node)
        name = name_of(step.function)
        if name in ("power", "square", "norm") or (name in ("multiply", *PRODUCTS) and is_of_alike(case, step)):
            return True
    return False


def is_of_alike(case: Case, step: Step) -> bool:
    """Whether both operands of a product hold the same numbers: they are one array, or two of the same numbers."""
    if sum(isinstance(part, Ref) for part in step.arguments) != 2:
        return False
    one, other = (case.tape.nodes[node].value for node in (step.reads[0], step.reads[-1]))
    return one.size == other.size and np.array_equal(one.ravel("K"), other.ravel("K"))


def halved(case: Case) -> set[int]:
    """2, where something in the loss is divided by it."""
    return {
        2 for node in case.forward - case.without_data for n in divisors(case, case.step_of(node)) if abs(n - 2) < 1e-9
    }


def weights_of_samples(case: Case) -> list[float]:
    """The entries of what is called weights, and made of no parameter, that products outside of the loss take: `w[i]`.

    So the error of a single sample may count for more than the loss that nobody computed says.
    """
    trained = {final.parameter.node for final in case.finals}
    called = {e.node for e in (*case.events, *case.arguments) if WEIGHTS.search(e.short.lower())} - trained
    taken = [step for step in case.tape.steps if name_of(step.function) == "getitem" and step.reads[0] in called]
    entries = {made for step in taken if step.reads[0] not in case.smooth for made in step.makes}
    products = (step for step in case.tape.steps if name_of(step.function) == "multiply")
    read = {node for step in products if case.forward.isdisjoint(step.makes) for node in step.reads}
    return [float(v.item()) for node in entries & read if (v := case.tape.nodes[node].value).size == 1]
