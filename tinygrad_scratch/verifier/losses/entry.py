"""What stands between a recorded run and the judging of it: which value is the loss, and what is whose gradient."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from tinygrad_scratch.verifier.gathering.told import Gradient, own, shown
from tinygrad_scratch.verifier.losses.decays import Decays
from tinygrad_scratch.verifier.pairs.clipped import before_clipping
from tinygrad_scratch.verifier.pairs.clipped_samples import let_decayed_through, let_through
from tinygrad_scratch.verifier.pairs.eligibility import leave_off_traces
from tinygrad_scratch.verifier.pairs.noise import drawn_for, silence
from tinygrad_scratch.verifier.pairs.pairing import kind_of
from tinygrad_scratch.verifier.pairs.rewarded import leave_off_rewards, names_rewards
from tinygrad_scratch.verifier.reading.names import alike, is_name_of_data, is_place, listed
from tinygrad_scratch.verifier.reading.numbers_by_name import RATE
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.events import Event
from tinygrad_scratch.verifier.recording.parameters import Parameter
from tinygrad_scratch.verifier.recording.tape import Tape
from tinygrad_scratch.verifier.truths.losses import Candidate, is_loss_name, played


def give_rates(tape: Tape, events: Iterable[Event], moving: set[int]) -> None:
    """Take for given the numbers of a schedule of rates, as `eta[epoch]`: each is a plain number of its turn.

    A schedule is written to by nothing, and no parameter, nor made of one: an `alpha` may be.
    """
    versions = Counter(node.slot for node in tape.nodes)
    named = {event.node for event in events if RATE.match(event.short.removesuffix("s"))} - moving
    schedules = {node for node in named if versions[tape.nodes[node].slot] == 1}
    for step in tape.steps:
        is_taken = name_of(step.function) == "getitem" and len(step.reads) == 1 and step.reads[0] in schedules
        if is_taken and tape.nodes[step.makes[0]].value.ndim == 0:
            tape.give(step.makes[0])


class Entry(Decays):
    """What a check was told, and what was found out about the rest."""

    def resolve(self, parameters: list[Parameter]) -> str | None:
        """Find the gradients and the loss; what is said where one of them is not to be found."""
        problem = self.resolve_gradients(parameters)
        if problem:
            return problem
        if self.loss is not None:
            self._take_decays()
            return None
        problem = self._find_loss()
        unknown = problem is not None and not self.goes_either_way
        self.may_assume = unknown and self.wanted_loss is None and self._wanted is None
        return problem

    def resolve_gradients(self, parameters: list[Parameter]) -> str | None:
        """Find the parameters and their gradients; what is said where they are not to be found."""
        if not self.tape.steps:
            return "No call of NumPy was recorded. Make the calls of forward and backward inside the block."
        if self._loss_problem:
            return self._loss_problem
        self.watch.name_dropped(is_loss_name)
        self._parents = self.tape.parents()
        self.parameters = self._known(parameters)
        if not self.parameters:
            return (
                "No parameters were found. Say where they are: verify(net), verify(params), verify(module), "
                f"or by name: verify(w=w, b=b).{self.whole_numbers()}"
            )
        moving = self.depending_on({parameter.node for parameter in self.parameters})
        give_rates(self.tape, [*self.watch.events, *self.watch.arguments], moving)
        self._take_as_read()
        self._leave_off_noise()
        self._leave_off_traces()
        self._let_samples_through()
        self._leave_off_rewards()
        gradients = self._gradients()
        if not gradients:
            return self._gradient_problem or (
                "No gradients were found. Set check.gradients = ... in the block, to what backward returned, or say "
                "check.gradients_in(object), or check.gradients_from_step(rate) after an update of the weights."
            )
        self.gradients = self._before_clipping(gradients)
        self._parents = self.tape.parents()  # of what was worked out of updates, too
        self.points_at_none = not any(parameter.asked for parameter in self.parameters)
        if self.points_at_none:
            self._ask_for_named()
        return None

    def _ask_for_named(self) -> None:
        """Ask for the parameters that gradients are called after, so that these are theirs in any shape.

        Of a kind for all, or for none: in `dW1` and `dW2` for `W0` and `W1` the numbers are others.
        """
        called: dict[int, list[str]] = {}
        for names, node in self.gradients:
            called.setdefault(node, []).extend(names)
        among = [parameter for parameter in self.parameters if parameter.node not in called]
        owners = [called_after(names, among) for names in called.values()]
        others = [names for names, owner in zip(called.values(), owners, strict=True) if owner is None]
        kinds = {kind_of(name) for names in others for name in names}
        for owner in owners:
            if owner is not None and owners.count(owner) == 1 and owner.kind not in kinds:
                owner.asked = True

    def _leave_off_noise(self) -> None:
        """Take random numbers that are drawn for an update alone for noughts; that is told."""
        asked = [parameter for parameter in self.parameters if parameter.asked]
        updated, parameters = [self.updated_values(p) for p in asked], {p.node for p in asked}
        found = dict(drawn_for(self.tape, updated, self._all_names(), parameters))
        if found:
            silence(self.tape, found)
            names = listed([own(asked[place].name) for place in sorted({*found.values()})])
            self.notes.append(f"Random numbers are added in the update of {names}: they are left off.")

    def _leave_off_traces(self) -> None:
        """Take what eligibility traces keep of turns before for noughts; that is told."""
        asked = [parameter for parameter in self.parameters if parameter.asked]
        updates = [(p.node, after) for p in asked for after in self.updated_values(p)]
        found, kept = leave_off_traces(self.tape, updates, self._all_names())
        self.fades = bool(found)
        if found:
            self._parents = self.tape.parents()
            self.watch.events[:] = [e for e in self.watch.events if e.node not in kept]  # no mistake is in noughts
            names = listed([own(parameter.name) for parameter in asked if parameter.node in found])
            self.notes.append(f"What moves {names} is a trace that fades: what it keeps of turns before is left off.")

    def _let_samples_through(self) -> None:
        """Take the gradients of single samples as they were before each was clipped; that is told."""
        asked = [parameter for parameter in self.parameters if parameter.asked]
        updated = set[int]().union(*(self.updated_values(parameter) for parameter in asked))
        given = {node for _, node in (*(self.given or ()), *self.stored)}
        first = max((self.tape.nodes[parameter.node].step for parameter in asked), default=0)
        losses = {event.node for event in self.watch.events if is_loss_name(event.name)}
        losses |= set() if self.loss is None else {self.loss}
        if let_through(self.tape, updated | given, first, losses):
            self.notes.append("The gradients of single samples are clipped: they are judged as they were before that.")
        if let_decayed_through(self.tape, {parameter.node for parameter in asked}, first):
            self.notes.append("Gradients are clipped before weights decay: they are judged as they were before that.")

    def _leave_off_rewards(self) -> None:
        """Take steps by single things that were drawn without the numbers that they are times; that is told.

        A loss that is computed has these numbers in it.
        """
        asked = [parameter for parameter in self.parameters if parameter.asked]
        moving = self.depending_on({parameter.node for parameter in asked})
        called = {event.node for event in self.watch.events if is_loss_name(event.name)} & moving
        if any(self._value(node).size == 1 for node in called):
            return
        updates = [(p.node, max(after)) for p in asked if (after := self.updated_values(p))]
        places = leave_off_rewards(self.tape, updates, moving)
        self.is_rewarded, self.is_weighed = bool(places) and all(map(names_rewards, places)), bool(places)
        if places:
            self._parents = self.tape.parents()
            self.notes.append("Each step is times a number of its own, as a reward is: they are judged without these.")

    def _before_clipping(self, gradients: list[Gradient]) -> list[Gradient]:
        """Gradients as they were before they were clipped; that is told."""
        found, clipped = [], []
        for names, node in gradients:
            inner = before_clipping(self.tape, node, in_update=node in self.changes or node in self._updates)
            found.append((names, inner))
            if inner != node:
                whose = f"the gradient of {own(self._updates[node][0].name)}" if node in self._updates else "a gradient"
                clipped.append(shown([name for name in (*names, *self._names("", inner)) if name] or [whose]))
                for known in (self._updates, self.changes, self._decays, self._made):
                    self._also(known, node, inner)
        if clipped:
            names = list(dict.fromkeys(clipped))
            said = (
                "is clipped: it is judged as it was" if len(names) == 1 else "are clipped: they are judged as they were"
            )
            self.notes.append(f"{listed(names)} {said} before that.")
        return found

    @staticmethod
    def _also(known: dict[int, Any], node: int, inner: int) -> None:
        """Let what is known of one value be known of another one, too."""
        if node in known:
            known[inner] = known[node]

    def take_theirs(self, parameters: list[Parameter]) -> None:
        """Take what they compute as a loss for it, and no well-known one: as if nothing had been paired before."""
        self.parameters, self.finals, self.unsure, self.missing, self.uphill = list(parameters), [], [], [], []
        self.loss, self.loss_name, self.is_well_known = self.other_node, self.other_loss, False
        self.rests_on_little = self.rests_on_little and not self.is_derived

    def is_by_mistake(self) -> bool:
        """Whether gradients are those of a well-known loss by a mistake, where another one is computed.

        A slope too many makes of those of a cross-entropy those of half the squares.
        """
        of_logs = self.other_node is not None and self.is_made_of_logarithms(self.other_node)
        is_half_square = self.loss_name.startswith("half") and "squared" in self.loss_name
        return self.is_slip or self.is_derived or (is_half_square and of_logs)

    def assume(self, candidate: Candidate, parameters: list[Parameter]) -> str | None:
        """Take a loss on trial: as if nothing had been paired before."""
        self.parameters, self.finals, self.unsure, self.missing, self.uphill = list(parameters), [], [], [], []
        self.loss_name = candidate.name
        finals = self.owners_by(lambda value, parameter: False)[0]
        return self._put(self._penalised(candidate, played(self.tape), finals))


def called_after(names: list[str], parameters: list[Parameter]) -> Parameter | None:
    """The one parameter that a gradient is called after most, where it was given, or else anywhere; data is none."""
    for some in (names[:1], names):
        scores = [max(alike(name, p.name) for name in some) for p in parameters]
        best = max(scores, default=0.0)
        if scores.count(best) == 1 and best:
            owner = parameters[scores.index(best)]
            return None if is_name_of_data(owner.name) else owner
        if not (best or is_place(names[0])):
            break
    return None
