"""Penalties that are computed beside a loss and never added to it: the loss is the sum, if gradients say so."""

from __future__ import annotations

import re
from collections.abc import Callable

from tinygrad_scratch.verifier.gathering.told import own
from tinygrad_scratch.verifier.losses.mixes import Fitting, Mixes, weighted
from tinygrad_scratch.verifier.pairs.pairing import Final
from tinygrad_scratch.verifier.pairs.penalised import made_of_alone
from tinygrad_scratch.verifier.recording.steps import Array, ancestors
from tinygrad_scratch.verifier.recording.tape import copy
from tinygrad_scratch.verifier.truths.losses import Candidate, Fit, fit, played
from tinygrad_scratch.verifier.truths.made_again import made_again

CALLED = re.compile(r"(?:^|_)(?:penalt\w*|pen|reg|regul\w*|l[12])(?:_|\d*$)", re.IGNORECASE)
UNNAMED_PENALTY = "a penalty"
MOST_PENALTIES = 4


class Summed(Mixes):
    """The loss of a run, with the penalties that are computed beside it."""

    def kept(self) -> Callable[[], None]:
        raise NotImplementedError

    def renumber(self, moved: Callable[[int], int]) -> None:
        raise NotImplementedError

    def _with_penalties_beside(self, best: Fitting | None, finals: list[Final]) -> Fitting | None:
        """The sum of a loss of theirs and of the penalties beside it, if more gradients are those of it; else None.

        Where all penalties are called so, it is the sum as well if no fewer are: then one gradient is wrong.
        """
        self._parents = self.tape.parents()
        held = any(final.node in self._penalty for final in finals)
        if not held or best is None or best[0].function is not None or self.has_penalty(best[0].node):
            return None
        put_back = self.kept()
        found, loss = self._penalties_beside(best[0].node, finals)
        finals = self.owners_by(lambda value, parameter: False)[0]  # their values have other numbers now
        run, nodes = played(self.tape), [final.parameter.node for final in finals]
        given = [final.direction * self._value(final.node) for final in finals]
        alone = run.gradients(Candidate(best[0].name, loss), nodes)
        penalties = {
            node: name for node, name in found.items() if has_slopes(run.gradients(Candidate(name, node), nodes))
        }
        if penalties and alone is not None:
            name, parts = " + ".join([best[0].name, *penalties.values()]), (loss, *penalties)
            whole = Candidate(name, max(parts), weighted, (1.0,) * len(parts), (), parts)
            true = run.gradients(whole, nodes)
            fits = fit(given, true) if true is not None else Fit()
            more = fits[0] - fit(given, alone)[0]
            if more > 0 or (more == 0 and all(map(CALLED.search, penalties.values()))):
                return whole, *fits[:3]
        put_back()
        return None

    def _penalties_beside(self, loss: int, finals: list[Final]) -> tuple[dict[int, str], int]:
        """The numbers that only parameters went into, and that went into no other one, with their names; and the loss.

        Those of updated weights are made again of the weights before.
        """
        before = {final.parameter.node for final in finals}
        after = {node for final in finals for node in self.updated_values(final.parameter)}
        nodes = self._last_of_alone(loss, before) or self._last_of_alone(loss, after)
        names = {event.node: own(event.name) for event in reversed(self.watch.events)}
        called = [names.get(node, UNNAMED_PENALTY) for node in nodes]
        if after.isdisjoint(self.all_behind(*nodes)) or not nodes:
            return dict(zip(nodes, called, strict=True)), loss
        copies: list[tuple[int, int]] = []
        for final in finals:
            updated = max(self.updated_values(final.parameter) & self.all_behind(*nodes), default=None)
            if updated is not None:
                node = final.parameter.node
                new, moved = self.tape.insert(self.tape.nodes[node].step, copy, (node,))
                self.renumber(moved)
                nodes, loss = [moved(each) for each in nodes], moved(loss)
                copies = [(moved(one), moved(other)) for one, other in copies] + [(moved(updated), new)]
                finals = self.owners_by(lambda value, parameter: False)[0]
        again = [made_again(self.tape, node, dict(copies)) for node in nodes]
        self._parents = self.tape.parents()
        return {node: name for node, name in zip(again, called, strict=True) if node is not None}, loss

    def _last_of_alone(self, loss: int, parameters: set[int]) -> list[int]:
        """The numbers that only some parameters went into, and that no other such number was made of."""
        alone = made_of_alone(self.tape, self._parents, sorted(parameters)) if parameters else set[int]()
        numbers = {n for n in alone if self._value(n).size == 1 and self._value(n).dtype.kind == "f"} - parameters
        inner = {n for node in numbers for n in ancestors(self._parents, self._parents[node]) & numbers}
        read = self.all_behind(loss, *(node for _, node in self.gradients))
        return sorted(numbers - inner - read)[:MOST_PENALTIES]


def has_slopes(gradients: list[Array] | None) -> bool:
    return gradients is not None and any(gradient.any() for gradient in gradients)
