"""Why a step is wrong: the edit of the person's own calls that gives the truth, said in their own names."""

from __future__ import annotations

import linecache
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.judge import Case, Repair, close
from tinygrad_scratch.verifier.recorded import Attribute, Method
from tinygrad_scratch.verifier.tape import Array, Place, Ref, Step

PRODUCTS = (np.dot, np.matmul)
SUMS = (np.sum, np.mean)


@dataclass
class Cause:
    """What is wrong with a step: its kind, a sentence, the place and line, and how sure this is."""

    kind: str
    sentence: str
    name: str
    place: Place
    of: str
    line: str
    certainty: str = "checked"
    others: list[str] = field(default_factory=list)


def cause_of(case: Case, repair: Repair) -> Cause:
    """The first edit that gives the truth, in the order in which mistakes are usual."""
    step = Region(case, repair)
    for kind, sentence, place in step.explanations():
        return cause(step, kind, sentence, place)
    return cause(
        step,
        "unexplained",
        f"no single change of this step gives the true value, {short(step.truth)}",
        None,
        "unexplained",
    )


def cause(step: Region, kind: str, sentence: str, place: Place | None, certainty: str = "checked") -> Cause:
    event = step.repair.event
    where = place or event.place
    line = linecache.getline(where.file, where.line).strip()
    return Cause(kind, sentence, event.name, where, step.name(step.repair.of), line, certainty)


def short(value: Array) -> str:
    return np.array2string(value, precision=4, threshold=4) if value.size < 5 else f"an array of shape {value.shape}"


class Region:
    """The calls between a wrong value and the values that it was made from which have names or belong to the forward pass."""

    def __init__(self, case: Case, repair: Repair) -> None:
        self.case = case
        self.repair = repair
        self.truth = repair.truth
        self.node = repair.event.node
        self.before = {node: value for node, value in case.overrides.items() if node < self.node}
        self.values = case.tape.replay(self.before)
        self.value = np.asarray(self.values[self.node])
        self.named: dict[int, list[str]] = {}
        for event in case.events:
            self.named.setdefault(event.node, []).append(event.name)
        self.steps = sorted(self._steps(), key=lambda step: step.index)

    def _steps(self) -> list[Step]:
        found: dict[int, Step] = {}
        waiting = [self.node]
        while waiting:
            node = waiting.pop()
            step = self.case.tape.steps[self.case.tape.nodes[node].step]
            if step.index in found or step.function is None:
                continue
            if node != self.node and (node in self.named or node in self.case.forward):
                continue
            found[step.index] = step
            waiting += self.case.parents[node]
        return list(found.values())

    def name(self, node: int) -> str:
        """What the person calls a value, or how it came about."""
        if node in self.named:
            return self.named[node][0]
        step = self.case.tape.steps[self.case.tape.nodes[node].step]
        if step.function is None:
            return f"an array of shape {self.case.tape.nodes[node].value.shape}"
        inside = ", ".join(self.name(read) for read in step.reads)
        return f"{getattr(step.function, '__name__', 'a call')}({inside})"

    def gives_truth(self, edits: dict[int, Callable[..., Any]]) -> bool:
        """Whether the step with other calls in it comes out as it should."""
        try:
            with np.errstate(all="ignore"):
                until = self.case.tape.nodes[self.node].step
                played = self.case.tape.replay(self.before, edits=edits, until=until)
        except Exception:  # an edit need not make sense
            return False
        return close(played[self.node], self.truth)

    # ---- the usual mistakes, in order --------------------------------------------------------------------------------

    def explanations(self) -> Iterator[tuple[str, str, Place | None]]:
        yield from self.integers()
        yield from self.updated_parameters()
        yield from self.reductions()
        yield from self.ratio()
        yield from self.missing_parts()
        yield from self.missing_derivative()
        yield from self.layout()
        yield from self.operations()
        yield from self.operands()
        yield from self.dropped()

    def integers(self) -> Iterator[tuple[str, str, Place | None]]:
        for step in self.steps:
            if step.function is np.floor_divide and self.gives_truth({step.index: lambda s, a, k: a[0] / a[1]}):
                yield "dtype-or-integer", "`//` drops what is left over: write `/`", step.place
            made = [self.case.tape.nodes[node].value for node in step.makes]
            casts = isinstance(step.function, Method) and step.function.__name__ == "astype"
            if casts and made and made[0].dtype.kind in "iu":
                if self.gives_truth({step.index: lambda s, a, k: a[0] * 1.0}):
                    yield "dtype-or-integer", "a cast to integers drops what is left over", step.place

    def updated_parameters(self) -> Iterator[tuple[str, str, Place | None]]:
        tape = self.case.tape
        for step in self.steps:
            for node in step.reads:
                slot = tape.nodes[node].slot
                first = next((other for other in tape.nodes if other.slot == slot), None)
                origin = self._parameter_before(node)
                earlier = first if first is not None and first.number != node else origin
                if earlier is None or earlier.value.shape != tape.nodes[node].value.shape:
                    continue
                if self.gives_truth({step.index: with_operand(slot, earlier.value)}):
                    yield (
                        "stale-or-updated-weights",
                        f"{self.name(node)} was updated before this line: the gradient needs its value from the forward pass",
                        step.place,
                    )

    def _parameter_before(self, node: int) -> Any:
        """The parameter that a rebinding such as `w = w - rate * dw` made this node of."""
        names = set(self.named.get(node, ()))
        for final in self.case.finals:
            parameter = self.case.tape.nodes[final.parameter.node]
            if any(name.endswith(final.parameter.name) for name in names) and parameter.number != node:
                return parameter
        return None

    def reductions(self) -> Iterator[tuple[str, str, Place | None]]:
        for step in self.steps:
            if name_of(step.function) not in ("sum", "mean"):
                continue
            axis = step.keywords.get("axis", step.arguments[1] if len(step.arguments) > 1 else None)
            for function in SUMS:
                for other in (None, 0, 1, -1):
                    for keepdims in (False, True):
                        edit = reduce_with(function, other, keepdims)
                        if self.gives_truth({step.index: edit}):
                            said = f"np.{function.__name__}(..., axis={other})"
                            if function.__name__ == name_of(step.function) and other != axis:
                                yield (
                                    "broadcasting-shape",
                                    f"the sum goes over the wrong axis: write {said}",
                                    step.place,
                                )
                            else:
                                yield "missing-batch-sum-or-mean", f"write {said} here", step.place
        for axis in range(self.value.ndim):
            for function in SUMS:
                for keepdims in (True, False):
                    if close(function(self.value, axis=axis, keepdims=keepdims), self.truth):
                        said = f"np.{function.__name__}(..., axis={axis})"
                        yield (
                            "missing-batch-sum-or-mean",
                            f"the {function.__name__} over axis {axis} is missing: {said}",
                            None,
                        )

    def ratio(self) -> Iterator[tuple[str, str, Place | None]]:
        if self.value.shape != self.truth.shape or not np.any(self.value):
            return
        place = np.unravel_index(np.argmax(np.abs(self.truth)), self.truth.shape)
        factor = float(self.truth[place] / self.value[place]) if self.value[place] else 0.0
        if not factor or not close(self.value * factor, self.truth):
            return
        if abs(factor + 1) < 1e-9:
            yield "sign", "the sign is wrong: it is the negative of the gradient", None
            return
        sizes = self._sizes()
        for size in sizes:
            if abs(factor - size) < 1e-6 * size:
                yield "missing-batch-sum-or-mean", f"it is divided by {size}, which the loss does not do", None
                return
            if abs(factor * size - 1) < 1e-6:
                yield "missing-batch-sum-or-mean", f"a division by {size} is missing, which the loss has", None
                return
        yield "scale-factor", f"it is 1/{factor:.6g} times what it should be: multiply by {factor:.6g}", None

    def _sizes(self) -> list[int]:
        """The lengths of the data: what a batch's mean divides by."""
        lengths = {
            node.value.shape[0]
            for node in self.case.tape.nodes
            if node.value.ndim >= 1 and self.case.tape.steps[node.step].function is None
        }
        return sorted(length for length in lengths if length > 2)

    def missing_parts(self) -> Iterator[tuple[str, str, Place | None]]:
        """The gradient is the sum over all that read a value; some of them may have been left out."""
        parts = self.case.truth.parts.get(self.repair.of, [])
        if 1 < len(parts) <= 6:
            for count in range(1, len(parts)):
                for chosen in combinations(parts, count):
                    if close(self.value, sum(part for _, part in chosen)):
                        missing = [step for step, _ in parts if step not in {used for used, _ in chosen}]
                        yield self._missing(missing)
                        return
        earlier = [
            event.node for event in self.case.events if event.name == self.repair.event.name and event.node < self.node
        ]
        for node in earlier:
            if close(self.value + self.values[node], self.truth):
                yield (
                    "overwritten-accumulation",
                    f"{self.repair.event.name} is overwritten: add to it, with `+=`, instead of `=`",
                    None,
                )
                return

    def _missing(self, steps: list[int]) -> tuple[str, str, Place | None]:
        where = self.case.tape.steps[steps[0]].place
        reads = self.case.ancestors([node for step in steps for node in self.case.tape.steps[step].makes])
        data = {
            node for node in reads
            if self.case.tape.steps[self.case.tape.nodes[node].step].function is None
            and node not in {final.parameter.node for final in self.case.finals}
            and self.case.tape.nodes[node].value.size > 1
        }  # fmt: skip
        line = linecache.getline(where.file, where.line).strip() if where else ""
        if not data:
            return "regularisation", f"the part through the penalty is missing: `{line}`", None
        return (
            "missing-term",
            f"{self.name(self.repair.of)} is also used in `{line}`: the part through it is missing",
            None,
        )

    def missing_derivative(self) -> Iterator[tuple[str, str, Place | None]]:
        """It is the true gradient of another forward value: what lies between was not differentiated."""
        match = self.case.match(self.value)
        if match is None or match[1] == self.repair.of:
            return
        later, wanted = match[1], self.repair.of
        if wanted in self.case.ancestors([later]):
            between = [
                self.case.tape.steps[self.case.tape.nodes[node].step]
                for node in self.case.ancestors([later])
                if wanted in self.case.ancestors([node]) and node != wanted
            ]
            nonlinear = [step for step in between if not is_linear(step)]
            names = ", ".join(dict.fromkeys(name_of(step.function) for step in nonlinear or between))
            kind = "missing-derivative" if nonlinear else "missing-term"
            yield (
                kind,
                f"it is the gradient of {self.name(later)}, not of {self.name(wanted)}: the derivative of {names} is missing",
                None,
            )
        elif later in self.case.ancestors([wanted]):
            yield (
                "wrong-operand",
                f"it is the gradient of {self.name(later)}, and not of {self.name(wanted)}: one derivative too many",
                None,
            )

    def layout(self) -> Iterator[tuple[str, str, Place | None]]:
        if self.value.ndim == 2 and close(self.value.T, self.truth):
            yield "transpose", "it is transposed", None
        for step in self.steps:
            transposes = (isinstance(step.function, Attribute) and step.function.__name__ == "T") or name_of(
                step.function
            ) == "transpose"
            if transposes and self.gives_truth({step.index: lambda s, a, k: a[0]}):
                yield "transpose", "the transpose is too much here", step.place
            if name_of(step.function) in ("dot", "matmul"):
                for i in (0, 1):
                    if self.gives_truth({step.index: with_transposed(i)}):
                        yield "transpose", f"the {('first', 'second')[i]} factor should be transposed", step.place
                if self.gives_truth({step.index: lambda s, a, k: s.function(a[1], a[0])}):
                    yield "transpose", "the factors should be the other way round", step.place

    def operations(self) -> Iterator[tuple[str, str, Place | None]]:
        swaps: list[tuple[Any, Any, str, str]] = [
            (np.add, np.subtract, "sign", "`+` should be `-`"),
            (np.subtract, np.add, "sign", "`-` should be `+`"),
            (np.multiply, np.divide, "wrong-operand", "`*` should be `/`"),
            (np.divide, np.multiply, "wrong-operand", "`/` should be `*`"),
            (np.multiply, np.matmul, "broadcasting-shape", "`*` multiplies element by element; it should be `@`"),
        ]
        for step in self.steps:
            for function, other, kind, sentence in swaps:
                if step.function is function and self.gives_truth({step.index: lambda s, a, k, f=other: f(*a[:2])}):
                    yield kind, sentence, step.place
            if step.function is np.subtract and self.gives_truth({step.index: lambda s, a, k: a[1] - a[0]}):
                yield "sign", "the difference is the wrong way round", step.place

    def operands(self) -> Iterator[tuple[str, str, Place | None]]:
        """Another value of the same shape in the place of an operand."""
        tape = self.case.tape
        pool: dict[tuple[int, ...], list[int]] = {}
        for node in tape.nodes:
            useful = node.number in self.case.forward or node.number in self.named
            if useful and node.number < self.node and node.value.dtype.kind == "f":
                pool.setdefault(node.value.shape, []).append(node.number)
        for step in self.steps:
            for read in step.reads:
                for other in pool.get(tape.nodes[read].value.shape, []):
                    if other == read or close(self.values[other], self.values[read]):
                        continue
                    if self.gives_truth(self._everywhere(read, self.values[other])):
                        yield (*self._said(read, other), step.place)

    def _everywhere(self, read: int, value: Any) -> dict[int, Callable[..., Any]]:
        slot = self.case.tape.nodes[read].slot
        return {step.index: with_operand(slot, value) for step in self.steps if read in step.reads}

    def _said(self, read: int, other: int) -> tuple[str, str]:
        related = read in self.case.ancestors([other]) or other in self.case.ancestors([read])
        forward = read in self.case.forward and other in self.case.forward
        sentence = f"{self.name(read)} should be {self.name(other)}"
        mine, theirs = self.name(read), self.name(other)
        if related and forward and elementwise(self.case, read, other):
            return "derivative-at-wrong-point", sentence
        if mine.rstrip("0123456789]'") == theirs.rstrip("0123456789]'") and mine != theirs:
            return "wrong-operand", f"{sentence}: another layer's"
        return "wrong-operand", sentence

    def dropped(self) -> Iterator[tuple[str, str, Place | None]]:
        for step in self.steps:
            if len(step.arguments) >= 1 and step.function not in PRODUCTS:
                for i in range(len(step.arguments)):
                    if type(step.arguments[i]) is Ref and self.gives_truth({step.index: lambda s, a, k, i=i: a[i]}):
                        yield (
                            "scale-factor",
                            f"one factor too many: without {name_of(step.function)} it is right",
                            step.place,
                        )


def name_of(function: Any) -> str:
    return getattr(function, "__name__", "a call")


LINEAR = {
    "add", "subtract", "negative", "positive", "getitem", "reshape", "ravel", "transpose", "T", "sum", "mean", "dot", "matmul",
    "concatenate", "stack", "squeeze", "expand_dims", "copy", "array", "asarray", "astype", "multiply", "divide",
}  # fmt: skip


def is_linear(step: Step) -> bool:
    return name_of(step.function) in LINEAR


def elementwise(case: Case, one: int, other: int) -> bool:
    """Whether one of two values was made from the other element by element, by a nonlinear function."""
    early, late = sorted((one, other))
    between = [
        case.tape.steps[case.tape.nodes[node].step]
        for node in case.ancestors([late])
        if early in case.ancestors([node]) and node != early
    ]
    return not any(name_of(step.function) in ("dot", "matmul", "einsum", "sum", "mean") for step in between)


def with_operand(slot: int, value: Any) -> Callable[..., Any]:
    """The call with another value in the place of one that it read."""

    def edit(step: Step, arguments: Any, keywords: Any) -> Any:
        changed = [
            value if type(part) is Ref and part.slot == slot else given
            for part, given in zip(step.arguments, arguments, strict=True)
        ]
        return step.function(*changed, **keywords)

    return edit


def with_transposed(place: int) -> Callable[..., Any]:
    def edit(step: Step, arguments: Any, keywords: Any) -> Any:
        changed = [given.T if i == place else given for i, given in enumerate(arguments)]
        return step.function(*changed, **keywords)

    return edit


def reduce_with(function: Any, axis: Any, keepdims: bool) -> Callable[..., Any]:
    return lambda step, arguments, keywords: function(arguments[0], axis=axis, keepdims=keepdims)
