"""Several losses that are descended together and never added up: the loss is a sum of them, each with its weight."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from itertools import combinations, permutations
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.gathering.told import UNNAMED, own
from tinygrad_scratch.verifier.losses.computed_losses import ComputedLosses
from tinygrad_scratch.verifier.pairs.pairing import Final
from tinygrad_scratch.verifier.pairs.update_steps import is_plain_number, literals_of
from tinygrad_scratch.verifier.recording.likeness import is_multiple, least_squares
from tinygrad_scratch.verifier.recording.steps import Array
from tinygrad_scratch.verifier.truths.losses import Candidate, Played, fit, is_made_large

MOST_LOSSES = 4
ROUNDING = 1e-6
REWARDED = re.compile(r"(?:^|_)(?:ent|entropy|bonus)\d*$")
Fitting = tuple[Candidate, int, int, int]  # how many gradients fit it, in three ways
Weights = tuple[float, ...]


def weighted(losses: Any, weights: Any) -> Any:
    return np.sum(losses.reshape(-1) * np.asarray(weights))


class Mixes(ComputedLosses):
    """A loss that is a mix of what they compute."""

    def _mixed(self, run: Played, mine: list[Candidate], finals: list[Final], alone: int) -> Fitting | None:
        """The mix of losses of theirs that more gradients fit than any single one; `alone` is how many fit that.

        Steps are read as they are, and nothing in them is passed over, as the gradient of another loss would be.
        """
        nodes = [final.parameter.node for final in finals]
        losses = {c: run.gradients(c, nodes) for c in self._losses_apart(mine, finals)}
        known = {c: true for c, true in losses.items() if true is not None and any(map(np.any, true))}
        readings = self._readings(finals)
        least = max((fit(given, true)[0] for given in readings for true in known.values()), default=0)
        least += not self._are_needed(known)
        best: tuple[tuple[int, int, int, bool], Fitting] | None = None
        for count in range(2, len(known) + 1):
            for chosen in combinations(known, count):
                if self._are_parts(chosen):
                    continue
                for weights, fits in self._weighings(chosen, known, readings, finals):
                    if fits[0] >= max(alone, least) and (best is None or fits > best[0]):
                        same, exact, but_for_sign, _ = fits
                        best = fits, (self._mix_of(chosen, weights), same, exact, but_for_sign)
        return best[1] if best else None

    def _losses_apart(self, mine: list[Candidate], finals: list[Final]) -> list[Candidate]:
        """Losses of which no gradient was made, nor they of one as after an update, each with a name of its own."""
        names = {event.node: own(event.name) for event in reversed(self.watch.events)}
        made_of = self.all_behind(*(node for _, node in self.gradients))
        ends = {final.node for final in finals}
        found: dict[str, Candidate] = {}
        for candidate in mine:
            name = candidate.name if candidate.name != UNNAMED else names.get(candidate.node, "")
            apart = candidate.node not in made_of and ends.isdisjoint(self.all_behind(candidate.node))
            if name and apart and candidate.function is None:
                found.setdefault(name, Candidate(name, candidate.node))
        for name, candidate in list(found.items()):
            nodes = [c.node for c in mine if c.name == name and c.node not in made_of and c.function is None]
            calls = [node for node in self._of_calls(name, candidate.node, finals) if node in nodes]
            if 1 < len(calls) <= MOST_LOSSES:
                del found[name]
                found |= {c.name: c for c in self._named_apart(name, calls)}
        return list(found.values())[:MOST_LOSSES]

    def _of_calls(self, name: str, loss: int, finals: list[Final]) -> list[int]:
        """The losses that the line which made one made in other calls of its function, under that name, and itself.

        All are of the parameters before the update.
        """
        events = [event for event in self.watch.events if own(event.name) == name and event.owner < 0]
        places = {event.place for event in events if event.node == loss}
        trained, ends = {final.parameter.node for final in finals}, {final.node for final in finals}
        owners: dict[int, int] = {}
        for event in events:
            behind = self.all_behind(event.node)
            if event.place in places and not trained.isdisjoint(behind) and ends.isdisjoint(behind):
                owners[event.node] = event.owner
        return sorted(owners) if len(set(owners.values())) == len(owners) else []

    def _named_apart(self, name: str, losses: list[int]) -> list[Candidate]:
        """Losses of several calls of a function, by the names that each was given besides, or by which call it was."""
        given = [[own(e.name) for e in self.watch.events if e.node == node and own(e.name) != name] for node in losses]
        found = [names[0] if names else "" for names in given]
        if "" in found or len(set(found)) < len(found):
            found = [f"{name} of call {number}" for number in range(1, len(losses) + 1)]
        return [Candidate(each, node) for each, node in zip(found, losses, strict=True)]

    def _weighed_oddly(self, run: Played, loss: Candidate, mine: list[Candidate], finals: list[Final]) -> str:
        """The name of what adds the gradients of several calls' losses by odd weights; an empty one where nothing does.

        So do gradients from each of which is taken what is in conflict with the others: no loss has their sum. Where
        some are taken off, nothing else may tell that all are to be added.
        """
        names = {event.node: own(event.name) for event in reversed(self.watch.events)}
        node = loss.outputs[0] if loss.function is weighted else loss.node
        losses = [n for n in self._of_calls(names.get(node, ""), node, finals) if n in {c.node for c in mine}]
        nodes = [final.parameter.node for final in finals]
        true = [run.gradients(Candidate("", n), nodes) for n in losses] if 1 < len(losses) <= MOST_LOSSES else []
        known = [each for each in true if each is not None]
        whole = run.gradients(loss, nodes) if len(known) > 1 else None
        of_all = all(sum(map(np.any, parts)) > 1 for parts in zip(*known, strict=True))
        for final, wanted, *parts in zip(finals, whole or (), *known, strict=False):
            given = final.direction * self._value(final.node)
            weights = combined(given, parts) if not is_multiple(given, wanted) else None
            if weights is not None and (of_all if min(weights) < 0 else not are_written(self._held_numbers(), weights)):
                return str(final.name)
        return ""

    def _are_needed(self, known: dict[Candidate, list[Array]]) -> bool:
        """Whether one line made all losses, in several calls, and none alone is made of all that is trained."""
        places = {str(self.tape.steps[self.tape.nodes[candidate.node].step].place) for candidate in known}
        return len(places) == 1 and not any(all(map(np.any, true)) for true in known.values())

    def _are_parts(self, chosen: tuple[Candidate, ...]) -> bool:
        return any(one.node in self.all_behind(other.node) for one, other in permutations(chosen, 2))

    def _readings(self, finals: list[Final]) -> list[list[Array]]:
        """The gradients as they are, and as the whole changes of the parameters: a weight may stand in the update."""
        steps = self._steps_of(finals)
        return [[final.direction * self._value(final.node) for final in finals], *([steps] if steps else [])]

    def _steps_of(self, finals: list[Final]) -> list[Array]:
        """The whole changes of the parameters; none where one of them is not known."""
        changes = [change for final in finals if (change := self._change_of(final)) is not None]
        return [sign * self._value(node) for node, sign in changes] if len(changes) == len(finals) else []

    def _weighings(
        self, chosen: tuple[Candidate, ...], known: dict[Candidate, list[Array]], readings: list[list[Array]],
        finals: list[Final],
    ) -> Iterator[tuple[Weights, tuple[int, int, int, bool]]]:  # fmt: skip
        """Weights that may be meant, the plain sum first, and how many gradients fit the mix of them."""
        true = [known[candidate] for candidate in chosen]
        either = [is_rewarded(candidate.name) for candidate in chosen]
        held = self._held_numbers()
        asked = [(given, (1.0,) * len(chosen)) for given in readings]
        asked += [(given, weights) for given in readings for weights in solved(given, true, either)]
        for given, weights in ((given, as_shares(held, weights)) for given, weights in asked):
            mixed = [sum(w * t for w, t in zip(weights, parts, strict=True)) for parts in zip(*true, strict=True)]
            fits = fit(given, [np.asarray(part) for part in mixed])
            plain = len(set(weights)) == 1
            if plain or are_written(held, weights) or (fits[0] == len(finals) and self._are_derived(true, finals)):
                yield weights, (*fits[:3], plain)

    def _held_numbers(self) -> Array:
        """The numbers and the sizes that the program holds."""
        numbers = {1.0, 2.0, *(abs(float(n)) for step in self.tape.steps for n in literals_of(step))}
        numbers |= {float(n) for node in self.tape.nodes for n in (node.value.size, *node.value.shape)}
        plain = (node for node in self.tape.nodes if is_plain_number(self.tape, node.number))
        numbers |= {abs(float(node.value.reshape(-1)[0])) for node in plain}
        return np.array([number for number in numbers if number and math.isfinite(number)])

    def _are_derived(self, true: list[list[Array]], finals: list[Final]) -> bool:
        """Whether a gradient of each loss by itself is among what the gradients were made of."""
        values = [self._value(node) for node in self.all_behind(*(final.node for final in finals))]
        return all(any(is_multiple(v, t) for v in values for t in mine if t.size > 1) for mine in true)

    def _mix_of(self, chosen: tuple[Candidate, ...], weights: Weights) -> Candidate:
        parts = (c.name if w == 1 else f"{w:.4g} {c.name}" for c, w in zip(chosen, weights, strict=True))
        nodes = tuple(candidate.node for candidate in chosen)
        return Candidate(" + ".join(parts).replace("+ -", "- "), max(nodes), weighted, weights, (), nodes)


def combined(given: Array, parts: list[Array]) -> Weights | None:
    """The weights by which two parts or more, all of which count, add up to something; None where there are none."""
    parts = [part.reshape(-1) for part in parts if np.any(part) and part.size == given.size]
    if not 1 < len(parts) < given.size or not np.all(np.isfinite([given.reshape(-1), *parts])):
        return None
    weights = least_squares(np.stack(parts, axis=1), given.reshape(-1), ROUNDING)
    left = np.max(np.abs(weights @ np.stack(parts) - given.reshape(-1)))
    is_sum = left <= ROUNDING * np.max(np.abs(given)) and np.min(np.abs(weights)) > ROUNDING * np.max(np.abs(weights))
    return tuple(map(float, weights)) if is_sum else None


def is_rewarded(name: str) -> bool:
    """Whether a name is one of what may be added to a loss or taken off it, as an entropy is, to keep choices open.

    >>> is_rewarded("ent"), is_rewarded("policy_entropy"), is_rewarded("cross_entropy"), is_rewarded("kl")
    (True, True, False, False)
    """
    return is_made_large(name) or (REWARDED.search(name.lower()) is not None and "cross" not in name.lower())


def are_written(held: Array, weights: Weights) -> bool:
    """Whether the ratios of weights are those of numbers that the program holds."""
    ratios = (abs(weight / weights[0]) for weight in weights)
    return all(np.any(np.isclose(held[:, None], ratio * held, rtol=ROUNDING, atol=0)) for ratio in ratios)


def as_shares(held: Array, weights: Weights) -> Weights:
    """The shares of 1 that weights are, if the program holds these and not the weights: `a * one + (1 - a) * other`."""
    shares = tuple(float(f"{weight / sum(weights):.9g}") for weight in weights) if sum(weights) else weights
    return shares if not are_among(held, weights) and are_among(held, shares) else weights


def are_among(held: Array, weights: Weights) -> bool:
    return all(np.any(np.isclose(held, weight, rtol=ROUNDING, atol=0)) for weight in weights)


def solved(given: list[Array], true: list[list[Array]], either: list[bool]) -> Iterator[Weights]:
    """The weights by least squares of all gradients, and of each alone; as they are, or the largest as 1.

    All go one way, but those of what may go `either` way.
    """
    rows = [
        (np.stack([part.reshape(-1) for part in parts], axis=1), value.reshape(-1))
        for value, *parts in zip(given, *true, strict=True)
        if value.size == parts[0].size
    ]
    if not rows:
        return
    whole = np.concatenate([parts for parts, _ in rows]), np.concatenate([value for _, value in rows])
    for parts, value in (whole, *rows):
        if len(value) <= len(true) or not np.all(np.isfinite(parts)) or not np.all(np.isfinite(value)):
            continue
        weights = least_squares(parts, value, ROUNDING)
        largest = weights[np.argmax(np.abs(weights))]
        if largest and np.all(np.where(either, np.abs(weights / largest), weights / largest) > ROUNDING):
            share = weights if np.isclose(weights.sum(), 1) else weights / largest
            yield tuple(float(f"{weight:.9g}") for weight in share)
