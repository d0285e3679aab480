"""What a check is told: the loss, the gradients, and the rest that stands between a recorded run and its judging."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.meant.leaks import left
from tinygrad_scratch.verifier.pairs.gradients import Given
from tinygrad_scratch.verifier.pairs.pairing import Final
from tinygrad_scratch.verifier.pairs.updates import Decay
from tinygrad_scratch.verifier.reading.places import Place
from tinygrad_scratch.verifier.recording.events import Event
from tinygrad_scratch.verifier.recording.parameters import Parameter
from tinygrad_scratch.verifier.recording.recorded import Recorded, holds_recorded, record
from tinygrad_scratch.verifier.recording.steps import Array, ancestors
from tinygrad_scratch.verifier.recording.tape import Tape
from tinygrad_scratch.verifier.recording.watch import Watch
from tinygrad_scratch.verifier.truths.losses import Candidate, Loss

LOSS_AFTER_UPDATE = (
    "The loss was computed from weights that the gradients had already updated, so these are gradients of another one. "
    "Set check.loss to the loss before the update."
)
UNNAMED = "an unnamed value"
MOST_KEPT = 64  # sets of what values were computed from
PRINTED = "the printed loss"
Gradient = tuple[list[str], int]  # all names of a gradient, and its node


@dataclass(eq=False)
class Told:
    """What a check was told, and what was found out about the rest."""

    tape: Tape
    watch: Watch
    loss: int | None = None
    loss_name: str = ""
    wanted_loss: str | None = None  # a variable or a known loss, by name
    judged_by: str = ""  # in a run that is made again: the name of the loss by which the first one was judged
    is_of_samples: bool = False  # whether the one that is wanted was computed of the samples that a turn takes alone
    holders: set[int] = field(default_factory=set)  # the targets, by id
    named: set[str] = field(default_factory=set)  # arrays that were given to the check by name
    all_asked: bool = True  # whether every parameter that was pointed at should have a gradient
    points_at_none: bool = False  # whether nobody pointed at parameters: they are known by their gradients
    updates_too: bool = False  # gradients are in updates of the weights, next to those that were given
    forward_once: bool = False  # a layer's: what is made of an input before its loss is no update of it
    rate: float | None = None
    updated: list[Parameter] = field(default_factory=list)  # what a turn of a training loop changed by a step
    tied: dict[int, int] = field(default_factory=dict)  # gradients of transposes that are updated, too -> the parameter
    changed: list[tuple[Parameter, int]] = field(default_factory=list)  # what it changed in any way, and what that is
    given: list[Given] | None = None
    beside: dict[str, Parameter] = field(default_factory=dict)  # what stood in a pair with a gradient, by its path
    renamed: dict[str, int] = field(default_factory=dict)  # by which rename each of these is known, by its path
    stored: list[Given] = field(default_factory=list)
    after: dict[str, int] = field(default_factory=dict)  # what was under the names of the parameters at the end
    losses_written: list[Callable[..., Any]] = field(default_factory=list)  # functions of theirs with a loss's name
    is_minimised: bool = False  # whether a minimiser is given the loss and its gradient
    losses_beside: list[Callable[..., Any]] = field(default_factory=list)  # the same of classes, beside their slopes
    parameters: list[Parameter] = field(default_factory=list)
    gradients: list[Gradient] = field(default_factory=list)
    finals: list[Final] = field(default_factory=list)
    unsure: list[Gradient] = field(default_factory=list)
    known: frozenset[str] = frozenset()  # parameters of which the steps were judged in another loop
    step_name: str = ""  # of the loss that is judged by, where there are several steps
    later_losses: list[str] = field(default_factory=list)  # of steps of their own, by their names
    apart: list[Parameter] = field(default_factory=list)  # what these steps update
    by_no_loss: list[Parameter] = field(default_factory=list)  # what steps update that go by none
    gone: set[int] = field(default_factory=set)  # sums that nothing read, and that nobody has after the turn
    missing: list[Parameter] = field(default_factory=list)
    lacking: list[Parameter] = field(default_factory=list)  # those of them that surely are parameters
    unclaimed: list[Parameter] = field(default_factory=list)  # what no gradient goes with, where nobody pointed at any
    notes: list[str] = field(default_factory=list)
    is_well_known: bool = False  # whether the loss is one of the well-known ones: then it is one to make small
    fits_few: bool = False  # whether the loss is a well-known one that most gradients don't fit
    fits_none: bool = False  # whether the loss is one that they compute, and no gradient fits it
    fades: bool = False  # whether what moves parameters are traces that fade
    rests_on_little: bool = False  # whether nobody named the loss, and few gradients fit it, or all: none is wrong then
    goes_either_way: bool = False  # whether updates go uphill for some data, and downhill for others
    is_weighed: bool = False  # whether each step is times a number of its own, which is left off
    is_rewarded: bool = False  # whether these are to be made large, by their names
    doubted: str = ""  # what is said where the loss may be another number by its name, and does not fit as it is
    may_assume: bool = False  # whether no loss was named and none fits
    opponents: set[int] = field(default_factory=set)  # parameters that go uphill on purpose, against others
    uphill: list[Place] = field(default_factory=list)  # the updates, if all go uphill on what is to be made small
    other_loss: str = ""  # what they compute as a loss, where the gradients are those of a well-known one
    other_node: int | None = None  # the value of it
    own_slope: str = ""  # the slope that all gradients follow from, where it is that of a loss that nobody computes
    is_derived: bool = False  # whether a penalty, or the name of a slope, says that they are meant as those of that
    is_slip: bool = False  # whether both are of one output, and the gradients are those of the other one by a mistake
    _late: list[Candidate] = field(default_factory=list)  # losses that were computed after the update, and fit none
    _apart: list[Candidate] = field(default_factory=list)  # losses that no parameter which is trained went into
    _squares: list[Candidate] = field(default_factory=list)  # of what is watched by its size alone
    _without_kinks: bool = False  # whether penalties with a kink are left out of the loss
    _of_others: set[int] = field(default_factory=set)  # values that losses of other steps were made of
    moved_apart: set[int] = field(default_factory=set)  # the parameters of other steps, which are given in this one
    _totals: dict[int, str] = field(default_factory=dict)  # sums and means of several losses, and what they are called
    _wanted: tuple[str, Loss, list[int], Any] | None = None
    _loss_problem: str | None = None
    _gradient_problem: str | None = None
    _updates: dict[int, tuple[Parameter, int]] = field(default_factory=dict)  # node -> whose update it is in, direction
    changes: dict[int, int] = field(default_factory=dict)  # a gradient that was worked out of an update -> the change
    _decays: dict[int, Decay] = field(default_factory=dict)
    _penalty: dict[int, Array] = field(default_factory=dict)  # the part of a gradient that is its parameter's alone
    _made: dict[int, int] = field(default_factory=dict)  # a gradient in an update -> what the update made
    _parents: dict[int, set[int]] = field(default_factory=dict)
    _depending: tuple[Any, dict[Any, frozenset[int]]] = (None, {})  # what was found to depend on some, by these parents
    _behind: tuple[Any, dict[tuple[int, ...], frozenset[int]]] = (None, {})  # what was found, by these parents

    def take_loss(self, value: Any) -> None:
        """A value of the block as the loss."""
        self.loss, self._loss_problem = None, None
        if type(value) is Recorded:
            self.loss = value.node
            if value.size > 1:
                self.notes.append(f"check.loss has shape {value.shape}: the sum of its entries is taken as the loss.")
            return
        leak = next((leak for leak in reversed(self.tape.leaks) if self._is_of(leak.node, value)), None)
        if leak is not None:
            self.loss = leak.node
        elif value is None:
            self._loss_problem = "check.loss is None: does the function that computes the loss return it?"
        elif isinstance(value, float | int | np.ndarray | np.generic):
            self._loss_problem = (
                f"check.loss is {value!r}, which no recorded call computed. Compute it in the block, from "
                f"what forward returned."
            )
            if self.tape.leaks:
                self._loss_problem += f" {left(self.tape.leaks[-1])}: write this step with NumPy's functions."
        else:
            self._loss_problem = (
                f"check.loss is {value!r:.60}, of type {type(value).__name__}, and should be a number that the block "
                'computed, or say check.loss_is("mean squared error", output, targets).'
            )

    def _is_of(self, node: int, value: Any) -> bool:
        known = self.tape.nodes[node].value
        return (
            known.size == 1 and isinstance(value, float | np.floating) and float(known.reshape(-1)[0]) == float(value)
        )

    def take_known_loss(self, name: str, function: Loss, output: Any, target: Any) -> None:
        """A loss by name; the output may have been written to since, so all that it was is kept."""
        if type(output) in (list, tuple) and holds_recorded(output):
            output = record(self.tape, np.array, (list(output),), {})
        if type(output) is not Recorded:
            self._loss_problem = (
                f"The output given to loss_is was not recorded: {output!r}. Give what forward returned in the block."
            )
            return
        nodes = self.tape.versions_of(output._slot)
        target = target._array.copy() if type(target) is Recorded else np.asarray(target)
        self._loss_problem = None
        self._wanted = (name, function, nodes, target)

    def take_gradients(self, found: list[Given], value: Any) -> None:
        """Gradients, as backward returned them."""
        self.given, self._gradient_problem = found, None
        if not found:
            if value is None:
                self._gradient_problem = (
                    "check.gradients is None: backward returned nothing. Leave it out, and the gradients "
                    "are looked for on "
                    "the objects and in the updates of the weights; or say check.gradients_in(object)."
                )
            else:
                self._gradient_problem = (
                    f"check.gradients holds no array that the block computed, but {type(value).__name__}: "
                    "give what backward returned, or say check.gradients_in(object)."
                )

    @property
    def is_loss_given(self) -> bool:
        """Whether a person said which of the well-known losses theirs is."""
        return self._wanted is not None

    def all_behind(self, *nodes: int) -> frozenset[int]:
        """Values and all that they were computed from."""
        if self._behind[0] is not self._parents or len(self._behind[1]) >= MOST_KEPT:
            self._behind = self._parents, {}
        known = self._behind[1]
        if nodes not in known:
            known[nodes] = frozenset(ancestors(self._parents, nodes))
        return known[nodes]

    def depending_on(self, parameters: set[int]) -> set[int]:
        """All values that were computed from a parameter."""
        if self._depending[0] is not self._parents or len(self._depending[1]) >= MOST_KEPT:
            self._depending = self._parents, {}
        known, key = self._depending[1], (frozenset(parameters), len(self.tape.nodes))
        if key not in known:
            found: set[int] = set()
            for node in self.tape.nodes:
                if node.number in parameters or not found.isdisjoint(self._parents.get(node.number, ())):
                    found.add(node.number)
            known[key] = frozenset(found)
        return set(known[key])

    def _value(self, node: int) -> Array:
        return self.tape.nodes[node].value


def full_name(event: Event, names: dict[int, list[str]]) -> str:
    """What holds an array says more than the variable that it was in first: `self.params["W1"]`, and not `W`."""
    return own(next((name for name in names[event.node] if "[" in name or "." in name), event.name))


def shown(names: list[str]) -> str:
    """The name of a gradient that says most."""
    return next((name for name in names if name and not name.isdigit()), names[0])


def own(name: str) -> str:
    """A name without `self.`, as it is told to people."""
    return name.removeprefix("self.")


def told_by_line(event: Event) -> str:
    """What a value is called where there are several of its name."""
    return f"{own(event.name)} in line {event.place.line}"
