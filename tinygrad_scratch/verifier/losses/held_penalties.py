"""Penalties of which gradients hold the gradient, put to a loss that has none: that is told."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np

from tinygrad_scratch.verifier.losses.summed import Summed
from tinygrad_scratch.verifier.pairs.pairing import Final
from tinygrad_scratch.verifier.pairs.penalised import strength
from tinygrad_scratch.verifier.reading.names import listed
from tinygrad_scratch.verifier.recording.likeness import close, factor_of, is_multiple
from tinygrad_scratch.verifier.recording.steps import Array
from tinygrad_scratch.verifier.truths.losses import Candidate, Played

SAME = 1e-6  # how near the strengths of penalties are that are one


class HeldPenalties(Summed):
    """The loss of a run, with the penalties that gradients say it has."""

    def _meant(self, final: Final, truth: Array, is_whole: bool = False) -> Array:
        raise NotImplementedError

    def _penalised(self, candidate: Candidate, run: Played, finals: list[Final]) -> Candidate:
        """A well-known loss with the penalties of which gradients hold the gradient; that is told."""
        true = run.gradients(candidate, [final.parameter.node for final in finals])
        if not self._penalty or true is None:
            return candidate
        factors = [factor_of(self._meant(final, wanted), wanted) for final, wanted in zip(finals, true, strict=True)]
        known = [factor for factor in factors if factor]
        likely = sorted(known, key=lambda factor: (round(abs(abs(factor) - 1), 9), factor < 0))  # sooner no mistake's
        usual = max(likely, key=lambda factor: np.sum(np.isclose(known, factor)), default=0.0)
        found: list[tuple[Final, Array]] = []  # of several layers, all may have one name
        away: list[tuple[Final, Array | None]] = []  # by a wrong sign, if by as much as others are pulled
        rests: list[tuple[Final, Array | None]] = []  # of one entry, if that is by as much as others are pulled
        for final, wanted, own_one in zip(finals, true, factors, strict=True) if usual else ():
            part, node = self._penalty.get(final.node), final.parameter.node
            if part is None:
                continue
            factor = own_one if own_one and np.sum(np.isclose(known, own_one)) > 1 else usual  # some may be steps
            value = self._value(final.node)
            is_single = np.count_nonzero(wanted) == 1  # of which any number is a multiple
            right = close(final.direction * value, factor * wanted) if is_single else is_multiple(value, wanted)
            is_rest = close(final.direction * (value - part), factor * wanted)
            if right and not is_rest:
                continue  # of weights that are a multiple of the gradient, both with the part and without it are one
            much = strength(final.direction * part / factor, self._value(node))
            if is_single and not is_rest:
                rest = final.direction * value / factor - wanted  # an error may add what its parameter alone made, too
                rests.append((final, strength(rest, self._value(node))))
            if much is not None:
                found.append((final, much))
            else:
                away.append((final, strength(-final.direction * part / factor, self._value(node))))
        strengths = {number for _, much in found if (number := number_in(much))}
        found += [(final, much) for final, much in away if much is not None and number_in(much) in strengths]
        as_others = {f.node: (f, much) for f, much in rests if much is not None and number_in(much) in strengths}
        found = [(final, much) for final, much in found if final.node not in as_others] + [*as_others.values()]
        if found:
            verb, whose = ("holds", "its parameter") if len(found) == 1 else ("hold", "their parameters")
            names = listed(told_once([final.name for final, _ in found]))
            self.notes.append(
                f"{names} {verb} a part that was made of {whose} alone: it is taken as the gradient of a penalty in "
                "the loss."
            )
            self._tell_of_strengths(found)
        return replace(candidate, penalties=tuple((final.parameter.node, much) for final, much in found))

    def _tell_of_strengths(self, found: list[tuple[Final, Array]]) -> None:
        """Penalties of which one is another multiple of its parameter than the others: a factor may be forgotten.

        Of layers that one statement serves, each has its own.
        """
        if len({final.name for final, _ in found}) == 1:
            return
        sizes = [
            (final.name, float(np.mean(much))) for final, much in found if np.allclose(much, np.mean(much), rtol=SAME)
        ]
        smallest = min((size for _, size in sizes), default=0.0)
        if len(sizes) == len(found) > 1 and not np.allclose([size for _, size in sizes], smallest, rtol=SAME):
            said = [f"{size:.6g} times the weights in {name}" for name, size in sizes]
            self.notes.append(f"These penalties are of several strengths: {listed(said)}. Is that meant?")


def told_once(names: list[str]) -> list[str]:
    """Names, each once, and how often it is there where that is more.

    >>> told_once(["dW", "dW", "dV"])
    ['dW (2 times)', 'dV']
    """
    return [name if times == 1 else f"{name} ({times} times)" for name, times in Counter(names).items()]


def number_in(strengths: Array) -> float:
    """How strong a penalty is, if it is as strong for all entries that it pulls; else 0.

    >>> number_in(np.array([0.1, 0.0, 0.1])), number_in(np.array([0.1, 0.2])), number_in(np.zeros(2))
    (0.1, 0.0, 0.0)
    """
    numbers = {float(f"{number:.6g}") for number in strengths[strengths != 0]}
    return numbers.pop() if len(numbers) == 1 else 0.0
