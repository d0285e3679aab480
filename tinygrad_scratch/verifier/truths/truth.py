"""What is true: the gradient of the loss with respect to every value of the forward pass, by autodiff of the tape."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_scratch.graph import enable_grad
from tinygrad_scratch.rules.registry import array
from tinygrad_scratch.tensor import Tensor, make
from tinygrad_scratch.verifier.recording.likeness import close
from tinygrad_scratch.verifier.recording.references import Ref, bind, map_tree, with_whole_numbers
from tinygrad_scratch.verifier.recording.steps import Array, Step, shows
from tinygrad_scratch.verifier.recording.tape import Tape, copy
from tinygrad_scratch.verifier.truths.one_sided import one_sided, size_to_the_right
from tinygrad_scratch.verifier.truths.stores import stored
from tinygrad_scratch.verifier.truths.unmoved import held_there, unmoved


def as_array(value: Any, dtype: Any = None, ndmin: int = 0, **keywords: Any) -> Any:
    """np.array of what may hold Tensors."""
    made = np.copy(array(value))
    made = made.reshape((1,) * (ndmin - made.ndim) + made.shape)
    return made if dtype is None else made.astype(dtype)


def full(shape: Any, fill_value: Any, dtype: Any = None, order: Any = "C") -> Any:
    """np.full of what may be a Tensor."""
    made = np.copy(np.broadcast_to(fill_value, shape))
    return made if dtype is None else made.astype(dtype)


def bounded(function: Any, beyond: Any) -> Any:
    """`maximum` or `minimum` with slope 0 where a number is met exactly, as in the masks that people write."""

    def call(one: Any, other: Any, /, **keywords: Any) -> Any:
        numbers = [isinstance(each, int | float) for each in (one, other)]
        if keywords or sum(numbers) != 1:
            return function(one, other, **keywords)
        x, bound = (other, one) if numbers[0] else (one, other)
        return np.where(beyond(x, bound), bound, x)

    return call


def joining(function: Any) -> Any:
    """`concatenate`, or another such call, of lists of Tensors among the arrays that it joins, too."""

    def call(parts: Any, *others: Any, **keywords: Any) -> Any:
        if type(parts) in (list, tuple):
            parts = [as_array(part) if type(part) in (list, tuple) else part for part in parts]
        return function(parts, *others, **keywords)

    return call


ON_TENSORS: dict[Any, Any] = {
    np.array: as_array, np.asarray: as_array, np.asanyarray: as_array, np.ascontiguousarray: as_array,
    np.asfortranarray: as_array, np.full: full,
    np.concatenate: joining(np.concatenate), np.stack: joining(np.stack), np.vstack: joining(np.vstack),
    np.hstack: joining(np.hstack), np.dstack: joining(np.dstack), np.column_stack: joining(np.column_stack),
    np.maximum: bounded(np.maximum, np.less_equal), np.minimum: bounded(np.minimum, np.greater_equal),
}  # fmt: skip

LEFT_OUT = "A small number in the loss, such as an epsilon, is left out of the true gradients."


@dataclass
class Truth:
    """The true cotangents: of whole values by node, and the part of each that came through one reader."""

    loss: int
    cotangents: dict[int, Array] = field(default_factory=dict)
    parts: dict[int, list[tuple[int, Array]]] = field(default_factory=dict)  # node -> (step that read it, part)
    edits: dict[int, Any] = field(default_factory=dict)  # the calls that are others in it than in the person's program
    held: tuple[int, ...] = ()  # the values that are constants in it
    note: str = ""  # what is said of these
    ahead: tuple[int, ...] = ()  # the steps by which weights are moved for it alone
    in_no_convention: set[Any] = field(default_factory=set, init=False, repr=False)  # gradients that are plainly wrong

    @property
    def passing(self) -> dict[int, Any]:
        """The calls that are others in it, if the gradient goes on past one of them, straight through or reversed."""
        return self.edits if any(isinstance(edit, Through | Reversed) for edit in self.edits.values()) else {}

    def renumbered(self, nodes: Mapping[int, int], steps: Sequence[int]) -> Truth:
        """The same where calls were put in that the loss does not read: the new number of each node and step."""
        return Truth(
            nodes[self.loss],
            {nodes[node]: cotangent for node, cotangent in self.cotangents.items()},
            {nodes[node]: [(steps[step], part) for step, part in parts] for node, parts in self.parts.items()},
            {steps[step]: edit for step, edit in self.edits.items()},
            tuple(nodes[node] for node in self.held),
            self.note,
            tuple(nodes[node] for node in self.ahead),
        )


@dataclass(frozen=True)
class Through:
    """A call whose gradient goes on to another value of its shape, times a slope: a straight-through estimator."""

    node: int
    slope: Any = 1.0

    def passed(self, value: Any, onto: Tensor) -> Any:
        """What the call gave, as what depends on the other value."""
        return (onto - onto.numpy()) * self.slope + plain_of(value)


@dataclass(frozen=True)
class Reversed:
    """A call that sends back the gradient of an operand times a number, as where features unlearn what is learnt."""

    place: int
    factor: float

    def __call__(self, step: Step, arguments: Any, keywords: Any) -> Any:
        given = list(arguments)
        held = plain_of(given[self.place])
        given[self.place] = (given[self.place] - held) * self.factor + held
        return ON_TENSORS.get(step.function, step.function)(*given, **keywords)


class NotOnTensors(Exception):  # noqa: N818  # it says what the step is
    """A call that autodiff can't follow, with its step."""

    def __init__(self, step: Step, error: Exception) -> None:
        super().__init__(str(error))
        self.step = step
        self.error = error


@dataclass
class Played:
    """A run of the tape on Tensors: what each node is, and each reading of one."""

    values: dict[int, Tensor] = field(default_factory=dict)
    first: dict[int, list[Tensor]] = field(default_factory=dict)  # by what is read: what showed it then, if that is new
    readers: list[tuple[int, int, Tensor | None]] = field(
        default_factory=list
    )  # node, step, what it read; None for views

    def gradient(self, of: Any, nodes: list[int]) -> dict[int, Array]:
        """The gradient of a value with respect to nodes; those that it does not depend on are left out."""
        asked = [(node, tensor) for node in dict.fromkeys(nodes) for tensor in self.shown(node)]
        if type(of) is not Tensor or of._record is None or not asked:
            return {}
        found: dict[int, Array] = {}
        for (node, _), gradient in zip(asked, of.gradient(*(tensor for _, tensor in asked)), strict=True):
            found[node] = found[node] + gradient.numpy() if node in found else gradient.numpy()
        return found

    def shown(self, node: int) -> list[Tensor]:
        """What a value is that has a gradient, as it was made and as it was read; nothing where it has none."""
        own = self.values.get(node)
        return [] if own is None or own._record is None else [own, *self.first.get(node, [])]


def played_on_tensors(
    tape: Tape, until: int, start: dict[int, Array] | None = None, overrides: dict[int, Array] | None = None,
    edits: dict[int, Any] | None = None, everything: bool = False, alone: set[int] | None = None,
) -> Played:  # fmt: skip
    """The steps up to one, on Tensors. Constants of floats ask for gradients, and what masks alone made, if told.

    If told, those steps alone are made that make some values, which are made of each other.
    """
    run = Played()
    playing: dict[int, Any] = {}
    now: dict[int, int] = {}
    tape.played += 5 * until  # a call on Tensors takes as long as five on arrays
    known = written_again(tape, until), unmoved(tape, until), one_sided(tape, until)
    steps, begin = steps_among(tape, until, alone), first_floats(tape, until)
    done_with = last_used(tape, steps)
    with enable_grad():
        for step in steps:
            if step.function is None:
                playing[step.result.slot] = begun((start or {}).get(step.makes[0], step.arguments))
            else:
                see_first(step, playing, run.values, run.first, tape)
                try:
                    edit = edits.get(step.index) if edits else None
                    through = edit if isinstance(edit, Through) else None
                    play(step, playing, run.readers, now, tape, None if through else edit, everything, *known)
                    if through is not None and through.node in run.values:
                        onto = run.values[through.node].copy()
                        run.readers.append((through.node, step.index, onto))
                        slot = tape.nodes[step.makes[0]].slot
                        playing[slot] = through.passed(playing[slot], onto)
                except NotOnTensors:
                    is_cut = any(tape.nodes[node].slot in tape.whole_numbers for node in step.makes)
                    if step.index in led_up_to(tape, until) and not is_cut:
                        raise
                    playing.update({tape.nodes[node].slot: tape.nodes[node].value.copy() for node in step.makes})
            for node in step.makes:
                slot = tape.nodes[node].slot
                now[slot] = node
                if overrides and node in overrides:
                    playing[slot] = Tensor(np.array(overrides[node]))
                held = playing.get(slot)  # None where it is a view that is made apart from what is asked for
                asks = everything or step.index in begin
                if asks and step.function is not None and is_cut_off(held, step, slot, tape):
                    held = playing[slot] = begun(np.array(plain_of(held), float))
                if type(held) is Tensor:
                    run.values[node] = make(held._value, held._record)
            forget(playing, done_with.get(step.index, []))
    return run


def see_first(
    step: Step, playing: dict[int, Any], made: dict[int, Tensor], seen: dict[int, list[Tensor]], tape: Tape
) -> None:
    """Note what shows a value that is read for the first time, where that was shown anew since it was made.

    A write to another part of its memory does so, as to other weights in one vector. Nothing was made of the value as
    it was before, so what comes by each adds up to its gradient.
    """
    for node in step.reads:
        if node not in seen:
            held, known = playing.get(tape.nodes[node].slot), made.get(node)
            before, now = (each._record if type(each) is Tensor else None for each in (known, held))
            is_anew = before is not None and now is not None and now is not before
            seen[node] = [make(held._value, now)] if type(held) is Tensor and is_anew else []


def steps_among(tape: Tape, until: int, made: set[int] | None) -> list[Step]:
    """The steps up to one; if told, those that make any of some values."""
    steps = tape.steps[: until + 1]
    return steps if made is None else [step for step in steps if not made.isdisjoint(step.makes)]


def forget(playing: dict[int, Any], slots: list[int]) -> None:
    for slot in slots:
        playing.pop(slot, None)


def begun(value: Array) -> Tensor:
    """A constant as a Tensor that can be written to, which a leaf can't."""
    floating = value.dtype.kind == "f"
    leaf = Tensor(value.copy(), requires_grad=floating)
    return leaf.copy() if floating else leaf


def last_used(tape: Tape, steps: list[Step]) -> dict[int, list[int]]:
    """The arrays that no later step reads or changes, by step: a view that is kept has to follow each write."""
    last = {tape.nodes[node].slot: step.index for step in steps for node in (*step.reads, *step.makes)}
    found: dict[int, list[int]] = {}
    for slot, index in last.items():
        found.setdefault(index, []).append(slot)
    return found


def written_again(tape: Tape, until: int) -> set[int]:
    """The arrays that are written to again, up to a step, those that such ones show, and those that show one of them.

    Some may be gone by then. A view is a part of what was written to elsewhere, too.
    """
    times = Counter(node.slot for node in tape.nodes if node.step <= until)
    found = {slot for slot, count in times.items() if count > 1}
    viewing = [step for step in tape.steps[: until + 1] if shows(step)]
    for step in reversed(viewing):
        if any(tape.nodes[node].slot in found for node in step.makes):
            found.update(tape.nodes[node].slot for node in step.reads)
    for step in viewing:
        if any(tape.nodes[node].slot in found for node in step.reads[:1]):
            found.update(tape.nodes[node].slot for node in step.makes)
    return found


def led_up_to(tape: Tape, last: int) -> set[int]:
    """The steps that what a step reads was computed by, back to what is given: an earlier turn may have made that."""
    found: set[int] = set()
    waiting = [last]
    while waiting:
        index = waiting.pop()
        if index not in found:
            found.add(index)
            step = tape.steps[index]
            waiting += [tape.nodes[node].step for node in step.reads if step.function is not None]
    return found


def first_floats(tape: Tape, until: int) -> set[int]:
    """The steps that make the first floats of whole numbers alone, as in a mean of `y.astype(int)`."""
    whole, found = set[int](), set[int]()
    for step in tape.steps[: until + 1]:
        kinds = {tape.nodes[node].value.dtype.kind for node in step.makes}
        whole |= set(step.makes) if kinds <= set("iu") else set()
        found |= {step.index} if step.reads and "f" in kinds and whole.issuperset(step.reads) else set()
    return found


def is_cut_off(held: Any, step: Step, slot: int, tape: Tape) -> bool:
    """Whether a new array depends on nothing that has a gradient: it was made from masks or whole numbers."""
    new = slot not in {tape.nodes[node].slot for node in step.reads}
    floating = getattr(held, "dtype", np.dtype(bool)).kind == "f" and getattr(held, "_record", None) is None
    return floating and new and not shows(step)


def plain_of(value: Any) -> Any:
    return value.numpy() if type(value) is Tensor else value


def held_constant(step: Step, arguments: Any, keywords: Any) -> Any:
    """What a call gives, as a constant."""
    return plain_of(step.function(*arguments, **keywords))


def truth_of(
    tape: Tape, loss: int, start: dict[int, Array] | None = None,
    edits: dict[int, Any] | None = None, note: str = "",
) -> Truth:  # fmt: skip
    """The cotangents of all values that a loss was computed from, constants of floats among them."""
    run = played_on_tensors(tape, tape.nodes[loss].step, start, edits=edits)
    found = Truth(loss, edits=edits or {}, note=note)
    total = run.values.get(loss)  # none where it is held constant
    if total is None or total._record is None:
        return found
    if total.size > 1:
        total = total.sum()
    unfinished = tape.unfinished()  # a loop that fills a large array makes many
    asked = [(node, tensor) for node in run.values if node not in unfinished for tensor in run.shown(node)]
    read = [
        (node, step, tensor) for node, step, tensor in run.readers if tensor is not None and tensor._record is not None
    ]
    gradients = total.gradient(*(tensor for _, tensor in asked), *(tensor for *_, tensor in read))
    for (node, _), gradient in zip(asked, gradients, strict=False):
        known = found.cotangents.get(node)
        found.cotangents[node] = gradient.numpy() if known is None else known + gradient.numpy()
    found.cotangents |= stored(tape, found.cotangents, tape.nodes[loss].step)
    for (node, step, _), gradient in zip(read, gradients[len(asked) :], strict=True):
        if np.any(gradient.numpy()):
            add_part(found.parts.setdefault(node, []), step, gradient.numpy())
    views: dict[int, list[int]] = {}
    for node, step, tensor in run.readers:
        if tensor is None and node in found.cotangents:
            views.setdefault(node, []).append(step)
    for node, steps in views.items():
        add_views(found, tape, node, steps)
    for copied in (step for step in tape.steps if step.function is copy):
        pass_over(found, copied)
    return found


def pass_over(truth: Truth, step: Step) -> None:
    """The parts that came through a copy of nobody's writing are those of what read the copy."""
    node, made = step.reads[0], truth.parts.get(step.makes[0], [])
    if made and node in truth.parts:
        own = [part for part in truth.parts[node] if part[0] != step.index]
        truth.parts[node] = sorted([*own, *made], key=lambda part: part[0])


def add_part(parts: list[tuple[int, Array]], step: int, part: Array) -> None:
    """What came through a step; a step that read a value twice has one part."""
    if parts and parts[-1][0] == step:
        part = parts.pop()[1] + part
    parts.append((step, part))


def add_views(truth: Truth, tape: Tape, node: int, steps: list[int]) -> None:
    """The parts that came through views: of several that each take some entries, what is known of these."""
    whole, known = truth.cotangents[node], truth.parts.get(node, [])
    found = [through_view(truth, tape.steps[step], whole) for step in steps] if len(steps) > 1 else []
    parts = [(step, part) for step, part in zip(steps, found, strict=False) if part is not None and np.any(part)]
    total = np.sum([part for _, part in (*known, *parts)], axis=0) if parts else whole
    if len(found) < 2 or any(part is None for part in found) or not close(total, whole):
        for step in steps:
            add_rest(truth, node, step)
    else:
        truth.parts[node] = sorted([*known, *parts], key=lambda part: part[0])


def through_view(truth: Truth, step: Step, whole: Array) -> Array | None:
    """The part that came through some entries of an array; None where it isn't plain which these are."""
    made = truth.cotangents.get(step.makes[0]) if step.makes else None
    if made is None or getattr(step.function, "__name__", "") != "getitem":
        return None
    part = np.zeros_like(whole)
    try:
        np.add.at(part, step.arguments[1], made)
    except Exception:  # the index was recorded
        return None
    return part


def add_rest(truth: Truth, node: int, step: int) -> None:
    """The part that came through a view: what the other parts leave over."""
    whole = truth.cotangents[node]
    rest = whole - sum(part for _, part in truth.parts.get(node, []))
    if np.max(np.abs(rest), initial=0.0) > 1e-9 * np.max(np.abs(whole), initial=0.0):
        truth.parts.setdefault(node, []).append((step, rest))


def play(
    step: Step, playing: dict[int, Any], readers: Any, now: dict[int, int], tape: Tape, edit: Any,
    everything: bool, written_again: set[int], still: dict[int, Array], on_one_side: set[int],
) -> None:  # fmt: skip
    """One step on Tensors; what it does not write to is read as a copy, so that each reader's part is known.

    If told, also that of whole numbers among numbers with a point, as targets often are.
    """
    written = {tape.nodes[node].slot for node in step.makes}

    def operand(part: Any) -> Any:
        if type(part) is not Ref:
            return part
        held = playing[part.slot]
        reads_only = part.slot not in written
        shown = part.slot in written_again and shows(step)
        if reads_only and type(held) is Tensor and held._record is not None and shown:
            readers.append((now[part.slot], step.index, None))
        elif reads_only and type(held) is Tensor and held._record is not None:
            held = held.copy()
            readers.append((now[part.slot], step.index, held))
            held = held_there(held, still[now[part.slot]]) if now[part.slot] in still else held
        elif reads_only and counted and getattr(held, "dtype", np.dtype(bool)).kind in "iu":
            held = Tensor(np.array(plain_of(held), float), requires_grad=True).copy()
            readers.append((now[part.slot], step.index, held))
        return held

    counted = everything and getattr(step.function, "__name__", "") in CALCULATING
    counted = counted and all(tape.nodes[node].value.dtype.kind == "f" for node in step.makes)
    arguments, keywords = map_tree(operand, (step.arguments, step.keywords))
    arguments = with_whole_numbers(step, arguments)
    try:
        value = edit(step, arguments, keywords) if edit else on_tensors(step, on_one_side)(*arguments, **keywords)
    except Exception as error:
        raise NotOnTensors(step, error) from error
    bind(step.result, value, playing)


def on_tensors(step: Step, on_one_side: Container[int]) -> Any:
    """The function that a step calls, as it is on Tensors."""
    return size_to_the_right if step.index in on_one_side else ON_TENSORS.get(step.function, step.function)


def is_transposed(step: Step) -> bool:
    """Whether a step shows all of an array with its axes the other way round."""
    return getattr(step.function, "__name__", "") in ("T", "transpose")


CALCULATING = {"add", "subtract", "multiply", "divide", "matmul", "dot"}
