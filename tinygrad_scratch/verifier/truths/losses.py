"""Losses that are known by name, and which of them a person's gradients are the gradients of."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from tinygrad_scratch.graph import enable_grad
from tinygrad_scratch.tensor import Tensor, make
from tinygrad_scratch.verifier.reading.names import is_gradient_name
from tinygrad_scratch.verifier.recording.edits import is_literal, name_of
from tinygrad_scratch.verifier.recording.references import Ref, bind, call_with_arrays
from tinygrad_scratch.verifier.recording.steps import Array, Step
from tinygrad_scratch.verifier.recording.tape import Tape
from tinygrad_scratch.verifier.truths.in_samples import stacked
from tinygrad_scratch.verifier.truths.one_sided import one_sided
from tinygrad_scratch.verifier.truths.truth import (
    begun,
    first_floats,
    forget,
    is_cut_off,
    last_used,
    on_tensors,
    plain_of,
    see_first,
)

Loss = Callable[[Any, Any], Any]


def rows_of(output: Any) -> int:
    return int(output.shape[0]) if output.ndim else 1


def chosen(output: Any, target: Any) -> Any:
    """What the output says of the true class of each sample; targets are numbers of classes, or ones and zeros."""
    labels = np.asarray(target)
    if labels.size == output.size:
        return np.sum(output * labels.reshape(output.shape), axis=-1 if output.ndim > 1 else None)
    labels = labels.reshape(-1).astype(int)
    if output.ndim == 1:
        return output[labels[0]]
    return (
        output[np.arange(output.shape[0]), labels]
        if output.shape[0] == labels.size
        else output[labels, np.arange(labels.size)]
    )


def is_probabilities(output: Array) -> bool:
    """Whether an output is a distribution for each sample, in rows or in columns."""
    if not output.ndim or not np.all(output >= 0):
        return False
    return any(n > 1 and np.allclose(output.sum(axis=axis), 1, atol=1e-3) for axis, n in enumerate(output.shape))


def is_plausible(name: str, output: Array, target: Array) -> bool:
    """Whether an output and targets are what a known loss is made for."""
    if "Poisson" in name:
        return bool(np.all(output > 0) and np.all(target >= 0) and np.any(target > 1) and target.size == output.size)
    if "binary" in name:
        return bool(np.all((output >= 0) & (output <= 1)))
    if name in OF_PIECES and are_signs(target, output):
        return "hinge" in name
    if name in OF_LABELS:
        whole = target.size != output.size or is_probabilities(np.reshape(target, output.shape))
        return whole and bool(output.ndim > 1 or target.size == output.size)
    if name == "summed cross-entropy" and is_joint(output) and is_joint(target):
        return target.size == output.size
    return "cross-entropy" not in name or "sigmoid" in name or is_probabilities(output)


def is_joint(value: Array) -> bool:
    """Whether a table holds one distribution, as of all pairs of points."""
    return bool(value.ndim == 2 and np.all(value >= 0) and np.isclose(value.sum(), 1))


def log_softmax(x: Any) -> Any:
    shifted = x - np.max(x, axis=-1, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=-1, keepdims=True))


def log_of_chosen(output: Any, target: Any) -> Any:
    """Row by row, the sum of target * log(output); only classes that a target names count, and that may be."""
    if np.size(target) == output.size:
        shaped = np.reshape(target, output.shape)
        counts = (shaped != 0) & (output != 0)
        return np.sum(np.where(counts, shaped * np.log(np.where(counts, output, 1.0)), 0.0))
    return np.sum(np.log(chosen(output, target)))


def binary(output: Any, target: Any) -> Any:
    y = np.reshape(target, output.shape)
    return -np.sum(y * np.log(output) + (1 - y) * np.log(1 - output))


def binary_of_logits(output: Any, target: Any) -> Any:
    y = np.reshape(target, output.shape)
    return np.sum(np.maximum(output, 0) - output * y + np.log1p(np.exp(-np.abs(output))))


def squares(output: Any, target: Any) -> Any:
    return np.sum((output - np.reshape(target, output.shape)) ** 2)


def are_signs(target: Any, output: Any) -> bool:
    """Whether targets are 1 and -1, one for each output; of several, both."""
    found = [] if np.size(target) != output.size else np.unique(target).tolist()
    return found == [-1, 1] or (found in ([-1], [1]) and output.size == 1)


def margins(output: Any, target: Any) -> Any:
    """The hinge loss with a margin of 1, summed: of classes, or of one output for each sign."""
    if are_signs(target, output):
        return np.sum(np.maximum(0, 1 - np.reshape(target, output.shape) * output))
    right = chosen(output, target)
    return np.sum(np.maximum(0, output - right[..., None] + 1)) - rows_of(output)


def of_counts(output: Any, target: Any) -> Any:
    """What a Poisson distribution with such means says of counts, but for what depends on these alone."""
    counts = np.reshape(target, output.shape)
    return np.sum(output - counts * np.log(output))


def samples(output: Any, target: Any) -> int:
    """How many samples there are, in rows or in columns."""
    labels = np.asarray(target)
    return int(labels.size) if labels.size != output.size and labels.ndim else rows_of(output)


LOSSES: dict[str, Loss] = {
    "half squared error": lambda o, t: 0.5 * squares(o, t),
    "squared error": squares,
    "mean squared error": lambda o, t: squares(o, t) / o.size,
    "half mean squared error": lambda o, t: 0.5 * squares(o, t) / o.size,
    "squared error per sample": lambda o, t: squares(o, t) / rows_of(o),
    "half squared error per sample": lambda o, t: 0.5 * squares(o, t) / rows_of(o),
    "squared error per column": lambda o, t: squares(o, t) / o.shape[-1],
    "half squared error per column": lambda o, t: 0.5 * squares(o, t) / o.shape[-1],
    "cross-entropy": lambda o, t: -log_of_chosen(o, t) / samples(o, t),
    "summed cross-entropy": lambda o, t: -log_of_chosen(o, t),
    "cross-entropy per column": lambda o, t: -log_of_chosen(o, t) / o.shape[-1],
    "binary cross-entropy": lambda o, t: binary(o, t) / o.size,
    "summed binary cross-entropy": binary,
    "binary cross-entropy per sample": lambda o, t: binary(o, t) / rows_of(o),
    "softmax cross-entropy": lambda o, t: -np.sum(chosen(log_softmax(o), t)) / samples(o, t),
    "summed softmax cross-entropy": lambda o, t: -np.sum(chosen(log_softmax(o), t)),
    "sigmoid cross-entropy": lambda o, t: binary_of_logits(o, t) / o.size,
    "summed sigmoid cross-entropy": binary_of_logits,
    "hinge": lambda o, t: margins(o, t) / samples(o, t),
    "summed hinge": margins,
    "Poisson negative log-likelihood": lambda o, t: of_counts(o, t) / o.size,
    "summed Poisson negative log-likelihood": of_counts,
    "mean absolute error": lambda o, t: np.sum(np.abs(o - np.reshape(t, o.shape))) / o.size,
}  # fmt: skip
OF_PIECES = ("mean absolute error", "hinge", "summed hinge")
"""Made of straight lines: their gradients have signs and no sizes, so a wrong gradient may fit them by chance."""
COMPARING = {
    "sign", "greater", "greater_equal", "less", "less_equal", "equal", "not_equal", "where", "maximum", "minimum",
    "abs", "absolute", "fabs", "heaviside", "clip", "argmax", "copysign", "select", "putmask", "piecewise",
}  # fmt: skip
"""Calls of which at least one goes into gradients of such losses."""
OF_LABELS = ("softmax cross-entropy", "summed softmax cross-entropy", "hinge", "summed hinge")
"""Of one true class for each sample, said by its number or by a row of ones and zeros."""
ALIASES = {
    "mse": "mean squared error", "sse": "squared error", "l2": "squared error", "mae": "mean absolute error",
    "half sse": "half squared error", "half mse": "half mean squared error", "crossentropy": "cross-entropy",
    "ce": "cross-entropy",
    "nll": "cross-entropy", "categorical cross-entropy": "cross-entropy", "categorical crossentropy": "cross-entropy",
    "bce": "binary cross-entropy", "binary crossentropy": "binary cross-entropy", "log loss": "binary cross-entropy",
    "mean cross-entropy": "cross-entropy", "softmax crossentropy": "softmax cross-entropy", "svm": "hinge",
    "sum of squared errors": "squared error", "sum of squares": "squared error",
    "summed squared error": "squared error",
    "poisson": "Poisson negative log-likelihood", "poisson nll": "Poisson negative log-likelihood",
    "half sum of squared errors": "half squared error", "half the squared error": "half squared error",
}  # fmt: skip


def loss_named(name: str) -> tuple[str, Loss]:
    """A well-known loss, by any of its names."""
    text = re.sub(r"[\s_]+", " ", name.strip().lower()).replace("cross entropy", "cross-entropy")
    text = ALIASES.get(text, text).replace("poisson", "Poisson")
    if text not in LOSSES:
        raise ValueError(
            f"No loss is known as {name!r}. Write one of: {', '.join(LOSSES)}; or set check.loss = ... to a value."
        )
    return text, LOSSES[text]


# ---- which one fits --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Candidate:
    """A loss that might be meant: a value that they computed (no function), or a known one of an output and targets."""

    name: str
    node: int
    function: Loss | None = None
    target: Any = None
    penalties: tuple[tuple[int, Array], ...] = ()  # what is penalised, and how much, entry by entry
    turns: tuple[int, ...] = ()  # the outputs of all turns of a loop over samples, the last one last

    @property
    def outputs(self) -> tuple[int, ...]:
        return self.turns or (self.node,)


class KnownLoss:
    """A well-known loss, of outputs and of what is penalised, as a call on the tape."""

    def __init__(self, candidate: Candidate) -> None:
        self.__name__, self.candidate = candidate.name, candidate

    def __call__(self, *given: Any) -> Any:
        candidate, count = self.candidate, len(self.candidate.outputs)
        assert candidate.function is not None
        output = stacked(given[:count]) if candidate.turns else given[0]
        parts = zip(candidate.penalties, given[count:], strict=True)
        penalty = sum(0.5 * np.sum(much * w * w) for (_, much), w in parts)
        return penalty + candidate.function(output, candidate.target)


@dataclass
class Played:
    """A run on Tensors, from which gradients of any value are read off."""

    tape: Tape
    tensors: dict[int, Tensor]
    first: dict[int, list[Tensor]] = field(default_factory=dict)  # by what is read: what showed it then, if that is new
    _known: dict[Any, list[Array] | None] = field(default_factory=dict, repr=False)  # of what they computed

    def gradients(self, candidate: Candidate, nodes: list[int]) -> list[Array] | None:
        """The gradients of a candidate; None where it has none."""
        if candidate.function is not None:
            return self._gradients(candidate, nodes)
        key = candidate.outputs, bool(candidate.turns), tuple(nodes)
        if key not in self._known:
            self._known[key] = self._gradients(candidate, nodes)
        known = self._known[key]
        return None if known is None else list(known)

    def _gradients(self, candidate: Candidate, nodes: list[int]) -> list[Array] | None:
        outputs = [self.tensors[node] for node in candidate.outputs if node in self.tensors]
        if len(outputs) < len(candidate.outputs) or any(output._record is None for output in outputs):
            return None
        asked = [self.tensors[node] for node in nodes if node in self.tensors]
        if len(asked) < len(nodes) or any(tensor._record is None for tensor in asked):
            return None
        try:
            with enable_grad(), np.errstate(all="ignore"):
                output = stacked(outputs) if candidate.turns else outputs[0]
                total = output if candidate.function is None else candidate.function(output, candidate.target)
                total = total.sum() if total.size > 1 else total
                again = [tensor for node in nodes for tensor in self.first.get(node, [])]
                found = [gradient.numpy() for gradient in total.gradient(*asked, *again)]
        except Exception:  # a loss that does not go with these values
            return None
        places = [place for place, node in enumerate(nodes) for _ in self.first.get(node, [])]
        for place, more in zip(places, found[len(nodes) :], strict=True):
            found[place] = found[place] + more
        return found[: len(nodes)]


SMALL = 1e-3  # no more than this is an epsilon
ROUNDING = 1e-13  # of the largest gradient: no more than this is none
LOGARITHMS = {"log", "log2", "log10"}


def keeping_off(tape: Tape) -> Callable[[Step], bool]:
    """Whether a call only keeps a value off from 0, as that of a logarithm: people derive as if it were not there."""
    of_logarithms = {read for step in tape.steps if name_of(step.function) in LOGARITHMS for read in step.reads}

    def is_small(part: Any) -> bool:
        held = [node for node in tape.nodes if type(part) is Ref and node.slot == part.slot and not node.value.ndim]
        value = held[0].value if held and tape.steps[held[0].step].function is None else part
        return type(value) in (float, np.ndarray) and np.ndim(value) == 0 and bool(0 < value <= SMALL)

    def keeps_off(step: Step) -> bool:
        name, given = name_of(step.function), step.arguments if isinstance(step.arguments, tuple) else ()
        bounds = name in ("clip", "maximum") or (name == "add" and not of_logarithms.isdisjoint(step.makes))
        return bounds and type(given[0]) is Ref and any(map(is_small, given[1:]))

    return keeps_off


def played(
    tape: Tape, off: Callable[[Step], bool] = lambda step: False, given: dict[int, Array] | None = None,
    edits: Mapping[int, Callable[[Step, Any, Any], Any]] | None = None,
) -> Played:  # fmt: skip
    """The recorded run on Tensors, as far as autodiff can follow it; without the calls that are `off`.

    `given` puts other values in the place of some, by node; `edits` makes other calls, by the step.
    """
    tensors, first = dict[int, Tensor](), dict[int, list[Tensor]]()
    playing: dict[int, Any] = {}
    lost, begin, done_with = set[int](), first_floats(tape, len(tape.steps)), last_used(tape, tape.steps)
    on_one_side = one_sided(tape, len(tape.steps))
    with enable_grad(), np.errstate(all="ignore"):
        for step in tape.steps:
            if step.function is None:
                playing[step.result.slot] = begun(step.arguments)
            elif lost.isdisjoint(tape.nodes[read].slot for read in step.reads):
                see_first(step, playing, tensors, first, tape)
                arguments, keywords = call_with_arrays(step, playing)
                function = on_tensors(step, on_one_side)
                edit = edits.get(step.index) if edits else None
                try:
                    made = arguments[0] * 1 if off(step) else function(*arguments, **keywords)
                    made = made if edit is None else edit(step, arguments, keywords)
                    bind(step.result, made, playing)
                except Exception:  # what comes of it is not known, but for whole numbers, which have no gradient
                    made_here = [tape.nodes[node] for node in step.makes]
                    playing.update(
                        {node.slot: node.value.copy() for node in made_here if holds_no_gradient(node.value)}
                    )
                    lost.update(node.slot for node in made_here if not holds_no_gradient(node.value))
            else:
                lost.update(tape.nodes[node].slot for node in step.makes)
            for node in step.makes:
                if given and node in given:
                    playing[tape.nodes[node].slot] = Tensor(given[node], requires_grad=True) * 1
                slot = tape.nodes[node].slot
                held = playing.get(slot)
                if step.index in begin and slot not in lost and is_cut_off(held, step, slot, tape):
                    held = playing[slot] = begun(np.array(plain_of(held), float))
                if slot not in lost and type(held) is Tensor:
                    tensors[node] = make(held._value, held._record)
            forget(playing, done_with.get(step.index, []))
    return Played(tape, tensors, first)


def holds_no_gradient(value: Array) -> bool:
    """Whether an array is of whole numbers, or a mask."""
    return value.dtype.kind in "biu"


class Fit(NamedTuple):
    """How many gradients fit a loss, in several ways."""

    same: int = 0  # up to one factor for all
    exact: int = 0  # as they are
    but_for_sign: int = 0
    precise: int = 0  # as they are, to the last digit
    along: int = 0  # up to a factor each, to the last digit


def fit(given: list[Array], true: list[Array]) -> Fit:
    """How many gradients are the true ones.

    A loss of about the same slope fits small numbers nearly as well as the one that is meant. What is nought but for
    rounding beside the others, as of a bias that is taken off again, fits any loss.
    """
    factors, precise, along, telling = [], 0, 0, 0
    sizes = [float(np.max(np.abs(wanted), initial=0.0)) for wanted in true]
    rounding = ROUNDING * max(filter(np.isfinite, sizes), default=0.0)
    for mine, wanted, size in zip(given, true, sizes, strict=True):
        if mine.size != wanted.size or not rounding < size < np.inf:
            continue
        row, other = mine.reshape(-1), wanted.reshape(-1)
        factor = float(row @ other / (other @ other))
        scale = np.max(np.abs(row), initial=0.0)
        if scale and np.max(np.abs(row - factor * other)) < 1e-5 * scale:
            factors.append(factor)
            telling += row.size > 1 or abs(abs(factor) - 1) < 1e-4
            precise += bool(np.max(np.abs(row - other)) < 1e-9 * scale)
            along += bool(np.max(np.abs(row - factor * other)) < 1e-9 * scale)
    same = max((sum(abs(one - other) < 1e-4 * abs(one) for other in factors) for one in factors), default=0)
    if same == 1 and not telling:  # a number on its own is a multiple of any other
        same = 0
    as_they_are, but_for_sign = (sum(abs(f - 1) < 1e-4 for f in found) for found in (factors, map(abs, factors)))
    return Fit(same, as_they_are, but_for_sign, precise, along)


LARGE_IS_GOOD = re.compile(
    r"(?:^|_)(?:ll|llh|elbo|(?:log_?)?lik(?:elihood)?|log_?(?:post(?:erior)?|joint|evidence))\d*$"
)
LOSS_WORDS = re.compile(
    r"(?:^|_)(?:loss|losses|cost|costs|error|err|objective|obj|criterion|nll|mse|sse|bce|ce|crossentropy|entropy|hinge|misfit"
    r"|deviance|bits|nats|bpc|surprisal)\d*$"
    r"|(?:^|_)(?:bits|nats)_per_\w+$"
    r"|(?:^|[a-z]{2}_)(?:j|l|e)\d*$"  # of `z_j` it is an index
    r"|(?:^|_)err(?:or)?s?_(?:tot|sum|mean|avg)|(?:^|_)neg(?:ative)?_?(?:log_?)?lik(?:elihood)?\d*$"
    rf"|{LARGE_IS_GOOD.pattern}"
    r"|(?:^|_)(?:errore|erreur|erro|fehler|fout|perdita|p[eé]rdida|perte|perda|verlust|verlies|costo|coste|custo|co[uû]t|kosten|kay[iı]p|maliyet|hata|strata|koszt|poteri|f[oö]rlust|kostnad|galat)(?:_|\d*$)"
)
"""The names of losses, at the end of a longer one; some learners write them in their own language."""


def known_name(loss: str) -> str:
    """The full name of a well-known loss; a variable's name stays."""
    try:
        return loss_named(loss)[0]
    except ValueError:
        return loss


def without_holder_or_call(name: str) -> str:
    """What a name says without its object, brackets and case: `self.Loss()` says `loss`."""
    return re.sub(r"\(\).*$|\[.*?\]$", "", name.rsplit(".", 1)[-1]).strip("_").lower()


@cache
def is_loss_name(name: str) -> bool:
    """Whether a name is one that people give to losses.

    >>> is_loss_name("total_cost"), is_loss_name("J"), is_loss_name("z_j"), is_loss_name("d_loss_d_out")
    (True, True, False, False)
    """
    if is_gradient_name(name.rsplit(".", 1)[-1]):
        return False
    text = without_holder_or_call(name)
    return bool(LOSS_WORDS.search(text)) or "loss" in text or "cost" in text


def is_of_losses(name: str) -> bool:
    """Whether a name is one of several losses, as an array has that one is written to in each turn.

    >>> is_of_losses("train_errors"), is_of_losses("trainErrors"), is_of_losses("mse_history"), is_of_losses("weights")
    (True, True, True, False)
    """
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)
    return is_loss_name(re.sub(r"(?i)s?(?:_?(?:history|hist|list|log|values|array|arr|plot))?$", "", words))


SMALL_IS_GOOD = re.compile(
    r"(?:^|_)(?:neg(?:ative)?|minus)_?l|(?:^|_)(?:losses|costs?|errors?|errs?|misfit|mse|sse|mae|nll|bce)\d*$"
)


def is_made_small(name: str) -> bool:
    """Whether a name is one of what training makes small: an objective, or `J`, may be meant to grow.

    >>> is_made_small("total_cost"), is_made_small("self.mse_loss()"), is_made_small("J"), is_made_small("likelihood")
    (True, True, False, False)
    >>> is_made_small("neg_log_likelihood"), is_made_small("loglik"), is_loss_name("loglik")
    (True, False, True)
    """
    text = without_holder_or_call(name)
    return "loss" in text or "cost" in text or bool(SMALL_IS_GOOD.search(text))


def is_made_large(name: str) -> bool:
    """Whether a name is one of what training makes large.

    >>> is_made_large("model.log_likelihood()"), is_made_large("neg_ll"), is_made_large("loss")
    (True, False, False)
    """
    text = without_holder_or_call(name)
    return bool(LARGE_IS_GOOD.search(text)) and not is_made_small(name)


def is_of_dual(name: str) -> bool:
    """Whether a name is one of a dual problem's objective, which is made large where the primal one is made small.

    >>> is_of_dual("svm.dual_objective()"), is_of_dual("loss"), is_of_dual("individual_loss")
    (True, False, False)
    """
    return re.search(r"(?:^|_)dual(?:_|$)", without_holder_or_call(name)) is not None


def is_likelihood(tape: Tape, node: int) -> bool:
    """Whether a value is a sum of logarithms of probabilities, whatever its name: one to make large."""
    waiting, logarithms = [node], 0
    while waiting:
        here = tape.nodes[waiting.pop()]
        step = tape.steps[here.step]
        name = name_of(step.function)
        if name == "log":
            logarithms += 1
            if np.any(here.value > 0):
                return False
        elif name in ("add", "sum", "mean", "getitem", "reshape"):
            waiting += step.reads if name == "add" else step.reads[:1]
        elif name in ("multiply", "divide"):
            factors = [read for read in step.reads if np.any(tape.nodes[read].value < 0)]
            turned = any(is_literal(part) and part < 0 for part in step.arguments[:2])
            if turned or len(factors) != 1 or (name == "divide" and factors != [*step.reads[:1]]):
                return False
            waiting += factors
        elif step.function is not None or np.any(here.value):
            return False
    return logarithms > 0


def pairs_of(outputs: list[int], targets: list[tuple[str, Array]], tape: Tape) -> Iterator[tuple[int, str, Array]]:
    """Outputs with targets that go with them: as many entries, or a class for each sample."""
    for node in outputs:
        value = tape.nodes[node].value
        for name, target in targets:
            classes = (
                target.dtype.kind in "iu"
                and value.ndim == 2
                and target.size in value.shape
                and target.size != value.size
            )
            if target.size == value.size or classes:
                yield node, name, target
