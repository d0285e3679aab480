"""verify: a person's own backprop, as they wrote it, against autodiff."""

from __future__ import annotations

import linecache
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

import numpy as np

from tinygrad_scratch.verifier.cases.case import Repair
from tinygrad_scratch.verifier.cases.suspects import nameless
from tinygrad_scratch.verifier.explaining.anywhere import Everywhere
from tinygrad_scratch.verifier.explaining.explain import Cause
from tinygrad_scratch.verifier.gathering.steps_apart import NOT_JUDGED
from tinygrad_scratch.verifier.gathering.told import own
from tinygrad_scratch.verifier.layer import check_function, check_layer
from tinygrad_scratch.verifier.losses.entry import Entry
from tinygrad_scratch.verifier.meant.conventions import is_right_by_convention, truths_without
from tinygrad_scratch.verifier.pairs.gradients import Given, gradients_in, stored_gradients
from tinygrad_scratch.verifier.pairs.pairing import Final
from tinygrad_scratch.verifier.reading.places import is_theirs, runs_theirs
from tinygrad_scratch.verifier.recording import matrices
from tinygrad_scratch.verifier.recording.likeness import difference
from tinygrad_scratch.verifier.recording.parameters import (
    Parameter,
    arrays_below,
    holders_below,
    is_data,
    path_of,
    recorded_parameters,
    restore_cells,
    restore_content,
    undo_below,
    unrecord_below,
    unrecord_names,
)
from tinygrad_scratch.verifier.recording.recorded import Recorded, holds_recorded, record
from tinygrad_scratch.verifier.recording.stand_ins import numpy_recorded
from tinygrad_scratch.verifier.recording.tape import LimitReached, Tape
from tinygrad_scratch.verifier.recording.undoing import Step
from tinygrad_scratch.verifier.recording.watch import Watch, watched
from tinygrad_scratch.verifier.running.again import Again, Block
from tinygrad_scratch.verifier.showing.shown import Shown
from tinygrad_scratch.verifier.truths.losses import loss_named
from tinygrad_scratch.verifier.truths.truth import NotOnTensors, truth_of
from tinygrad_scratch.verifier.verdicts.judging import Judging
from tinygrad_scratch.verifier.verdicts.written_losses import losses_beside, losses_in


class verify(Judging, Shown):  # noqa: N801  # it is used as a function is
    """Record a person's own calls, forward and hand-written backward, and say which step is the first wrong one.

    >>> import numpy as np
    >>> from tinygrad_scratch import verify
    >>> x, y = np.array([[1.0, 2.0], [3.0, 5.0], [2.0, 7.0]]), np.array([1.0, 0.0, 2.0])
    >>> w = np.array([0.1, -0.2])
    >>> with verify(w=w) as check:
    ...     error = x @ w - y
    ...     check.loss = np.sum(error**2)
    ...     check.gradients = {"w": 2 * x.T @ error}
    >>> check.ok
    True

    The block holds their own calls, as they would make them; nothing of theirs is edited or left changed. Targets are
    objects, dicts, lists, tuples or modules that hold the parameters, or arrays by name; without any, the variables of
    the block are looked at. Parameters are arrays of floats, and a gradient has the shape of its parameter.

    In the block, `check.loss = value` says what the loss is, or `check.loss_is(name, output, target)`; without either,
    well-known losses are tried. `check.gradients = ...` is what backward returned; gradients that were not given are
    looked for on the targets and in updates of the weights.

    After it, `print(check)` is the report. `check.ok` and `assert check` say whether all is right; `first_wrong` is the
    first wrong step, with its `line`, `kind` and `sentence`; `steps` are all quantities; `problem` says why nothing
    could be judged. `to_json()`, `to_html()` and `draw()` are the same for programs, as a page, and as a picture.

    What the block raises goes on, and the check says how far it came. Raises RuntimeError where a check is used for a
    second block, ValueError for a loss of an unknown name. A block that takes longer than `verify.seconds` is stopped.
    """

    made: list[Any] | None = None  # where a script's own checks are gathered
    seconds = 60.0  # after which a block is stopped; what was recorded so far is judged
    only_that_turn = False  # whether the run of a script ends once it is past the turn that is asked for
    layer = classmethod(check_layer)
    function = classmethod(check_function)

    def __init__(self, /, *targets: Any, **named: Any) -> None:
        self.targets = {**{f"{i}": target for i, target in enumerate(targets)}, **named}
        self._asked = targets, named
        self.tape = Tape(matrices=matrices)
        self.watch = Watch(self.tape)
        self.parameters: list[Parameter] = []
        self.finals: list[Final] = []
        self.repairs: list[Repair] = []
        self.causes: list[Cause] = []
        self.unsure: list[tuple[list[str], int]] = []
        self.missing: list[Parameter] = []  # what the loss depends on, and no gradient was found for
        self.notes: list[str] = []  # what was found out and not told: which loss fits, where a run was stopped
        self.open_steps: list[str] = []  # what else the turn, or block, updates, and was not judged
        self.problem: str | None = None
        self.error: BaseException | None = None
        self.entry = Entry(self.tape, self.watch)
        self.frame: FrameType | None = None
        self.numbers: dict[int, Recorded] = {}  # what stands for numbers of Python's that are targets
        self._loss: Any = None
        self._gradients: Any = None
        self._open = False
        self.again: Again | None = None  # how it can be made again
        self._outer: list[Step] = []  # what gives the objects of other modules their content

    # ---- what the block says -----------------------------------------------------------------------------------------

    @property
    def loss(self) -> Any:
        """The loss, as a value that the block computed."""
        return self._loss

    @loss.setter
    def loss(self, value: Any) -> None:
        self._loss = value
        if type(value) in (list, tuple) and holds_recorded(value):
            value = record(self.tape, np.array, (list(value),), {})
        self.entry.take_loss(value)

    def loss_is(self, name: str, output: Any, target: Any) -> None:
        """The loss, by name, of an output and targets: `check.loss_is("mean squared error", prediction, y)`."""
        full_name, function = loss_named(name)
        self.entry.take_known_loss(full_name, function, output, target)

    @property
    def gradients(self) -> Any:
        """The gradients, as backward returned them: a tuple, list, dict, flat vector, pairs, or an object."""
        return self._gradients

    @gradients.setter
    def gradients(self, value: Any) -> None:
        self._gradients = value = list(value) if isinstance(value, Iterator) else value
        found = list(gradients_in(value))
        self.entry.renamed = {path: part._renamed for path, part in found}
        self.entry.take_gradients([(path, part.node) for path, part in found], value)

    def _take_later_gradients(self) -> None:
        """What was put into the gradients after they were given, or held nothing but zeros then."""
        given, node = dict(self.entry.given or ()), self.tape.nodes
        if not isinstance(self._gradients, dict | list):
            return
        now = [(path, part) for path, part in gradients_in(self._gradients) if part.is_used]
        late = {path: part for path, part in now if path not in given or not np.any(node[given[path]].value)}
        if late:
            self.entry.renamed |= {path: part._renamed for path, part in late.items()}
            order = dict.fromkeys([*(path for path, _ in now), *given])
            every = given | {path: part.node for path, part in late.items()}
            self.entry.take_gradients([(path, every[path]) for path in order if path in every], self._gradients)

    def gradients_in(self, *holders: Any) -> None:
        """The gradients are on objects, under names such as `dW` or `grads["W1"]`; next to those that were given."""
        found: list[Given] = []
        for holder in holders:
            name = variable_of(self.frame, holder) if len(holders) > 1 else ""
            parts = list(stored_gradients(holder, name))
            if not any(holder is target for target in self._asked[0]):  # of which all else are parameters
                parts = parts or list(gradients_in(holder, name))
            found += [(path, part.node) for path, part in parts]
        self.entry.take_gradients([*(self.entry.given or ()), *found], holders)

    def gradients_from_step(self, rate: float) -> None:
        """The gradients are only in an update of the weights: (before - after) / rate."""
        if not np.all(rate) or not np.all(np.isfinite(rate)):
            raise ValueError(f"The rate of gradients_from_step should be a number other than 0, and is {rate!r}.")
        self.entry.rate = rate

    # ---- the block ---------------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        frame = sys._getframe(1)
        self.again = Block(frame, lambda kind: kind(*self._asked[0], **self._asked[1]))
        return self.begin(frame)

    def begin(self, frame: FrameType | None) -> Self:
        """Start recording; the variables of a running function are looked at, too."""
        if self._open or self.tape.closed:
            raise RuntimeError("A check records one block. Write another `with verify(...) as check:` for the next.")
        for file in filter(is_theirs, list(linecache.cache)):
            linecache.checkcache(file)  # it may be another one than for the check before
        self._stack = ExitStack()
        self.frame = frame
        self.targets = named_by(frame, self.targets)
        self.entry.holders = {id(target) for target in self.targets.values()}
        self.entry.named = {name for name, target in self.targets.items() if isinstance(target, np.ndarray | float)}
        try:
            enter = self._stack.enter_context
            self.parameters = enter(recorded_parameters(self.targets, self.tape, frame))
            self.numbers = {id(p.array): p.recorded for p in self.parameters if type(p.array) is float}
            self.watch.on_names = partial(self._see_names, enter(numpy_recorded(self.tape, self._before_import)).put_in)
            if frame is not None and runs_theirs(frame):
                self.watch.on_names(frame.f_globals)
            self.watch.seconds, self.watch.deadline = self.seconds, time.monotonic() + self.seconds
            enter(watched(self.watch, frame))
        except BaseException:
            self._stack.close()
            raise
        self._open = True
        return self

    def _before_import(self) -> Callable[[], None] | None:
        return self.again.before_import() if self.again is not None else None

    def _see_names(self, put_in: Callable[[dict[str, Any]], None], names: dict[str, Any]) -> None:
        """Remember what the variables of a module lead to, before its code runs: it is put back in the end."""
        if id(names) not in self.watch.own_names:
            data = [value for name, value in names.items() if is_data(name, value)]
            self._outer += undo_below(data)
        put_in(names)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        self.conclude(error)
        self.leave_open()
        return isinstance(error, LimitReached)

    def conclude(self, error: BaseException | None) -> None:
        """End the recording, put everything back, and judge."""
        self.end()
        stopped = isinstance(error, LimitReached)
        if stopped:
            self.notes.append(f"The block was stopped after {error}; what was recorded until then is judged.")
        try:
            if error is None or stopped:
                with np.errstate(all="ignore"):
                    self._judge()
            else:
                self.error = error
                self.problem = their_error(error, self.tape)
        except Exception as fault:
            self.error = fault
            self._judge_nothing(own_fault(fault), self.parameters)
        finally:
            self.tape.closed, self.again = True, None  # no more of theirs is kept than the check itself

    def end(self) -> None:
        """End the recording, and put everything back."""
        sys.settrace(None)
        if self.made is not None:
            self.made.append(self)
        self._open = False
        try:
            self._take_later_gradients()
            self.entry.stored = self._stored()
            self.entry.after = self._after()
            namespaces = [names for names, _ in self.watch.outer.values()]
            self.entry.losses_written = losses_in(namespaces)
            self.entry.losses_beside = losses_beside(self.watch.returned, namespaces)
            self.entry.holders |= {id(holder) for holder in holders_below(list(self.targets.values()))}
        finally:
            self.tape.most_steps += 100_000
            self._put_back()
            self._stack.close()
            self.frame = None

    def _put_back(self) -> None:
        """Give all that the run changed what it was before; the modules that it imported stay, with plain arrays."""
        self.watch.finish()
        self.watch.take_back()
        if self.watch.in_cells:
            restore_cells(self.tape)
        own = (
            None if self.frame is None or self.frame.f_locals is not self.frame.f_globals else id(self.frame.f_globals)
        )
        for key, (names, before) in self.watch.outer.items():
            if key != own:
                unrecord_names(names, before)
                for array in before.values():
                    if type(array) is np.ndarray:
                        restore_content(array, self.tape)
        for undo in reversed(self._outer):
            undo()
        for names in self.watch.imported:
            unrecord_below(names)

    def _stored(self) -> list[Given]:
        """The gradients that the targets, or the variables of the block, keep."""
        found: list[Given] = []
        for name, target in self.targets.items():
            found += [(path, part.node) for path, part in stored_gradients(target, name)]
        if self.frame is not None and not found:
            for name, value in list(self.frame.f_locals.items()):
                if value is not self and not isinstance(value, type(sys)):
                    held = stored_gradients({name: value})
                    found += [(path.replace(f"['{name}']", name, 1), part.node) for path, part in held]
        return found

    def _after(self) -> dict[str, int]:
        """What is under the names of the parameters now."""
        found: dict[str, int] = {}
        seen: set[int] = set()
        for name, target in self.targets.items():
            for _, _, text, part in arrays_below(target, name, seen):
                if type(part) is Recorded and part.is_used:
                    found[path_of(text)] = part.node
        if self.frame is not None:
            for name, value in list(self.frame.f_locals.items()):
                if type(value) is Recorded and value.is_used:
                    found.setdefault(name, value.node)
        return found

    # ---- what came of it ---------------------------------------------------------------------------------------------

    @property
    def ok(self) -> bool:
        """Whether all gradients are right, and all could be judged: no parameter is left without one."""
        is_open = self.unsure or self.entry.lacking or self.is_cut_off or self.open_steps
        judged = bool(self.finals) and not is_open
        return self.problem is None and judged and not self.repairs

    @property
    def convention(self) -> str:
        """In which other convention all is right, such as "in the direction of ascent"; empty where there is none."""
        return self.case.convention if self.ok else ""

    @property
    def first_wrong(self) -> Cause | None:
        """The first wrong step and its cause; None where nothing is wrong."""
        return self.causes[0] if self.causes else None

    def leave_open(self, judged: Iterable[Parameter] = ()) -> None:
        """Ask of what else is updated, by losses of its own or by none, but for what was judged by itself and is right.

        Of what was judged so in another run, the values tell which parameter it is.
        """
        left, values = list[Parameter](), [p.recorded._tape.nodes[p.node].value for p in judged]
        for parameter in self.entry.apart:
            value = self.tape.nodes[parameter.node].value
            place = next((i for i, other in enumerate(values) if np.array_equal(value, other)), None)
            if place is None:
                left.append(parameter)
            else:
                del values[place]
        if not left:
            self.notes = [note.replace(NOT_JUDGED, "judged by itself, it is right, too.") for note in self.notes]
        self.open_steps = [own(parameter.name) for parameter in (*left, *self.entry.by_no_loss)]

    def is_by_own_penalties(self) -> bool:
        """Whether it tells what is right, or wrong, by a loss that they computed themselves, and that has a penalty."""
        entry = self.entry
        are_of_penalty = [cause.kind for cause in self.causes] == ["regularisation"]
        if entry.loss is None or entry.is_well_known or (entry.fits_none and not are_of_penalty):
            return False
        return bool((self.ok or self.causes) and entry.has_penalty(entry.loss))

    def kind_of_rerun(self) -> Any:
        is_other = self.entry.other_node is not None and self.entry.loss == self.entry.other_node
        by_theirs = is_other or self.entry.fits_none
        as_here = {
            "assumed": self.assumed,
            "judged_by": self.entry.loss_name,
            "by_theirs": by_theirs,
            "in_double": self.in_double,
        }
        return type("Rerun", (Rerun,), as_here)


EXACT = 1e-9  # of a difference that is rounding alone


class Rerun(verify):
    """A check of a block that is run again: it says only whether all gradients are right."""

    made = None
    right = False
    seconds = 12.0  # on a busy machine, too
    only_that_turn = True
    judged_by = ""  # the name of the loss of the run as it is: no other one is looked for
    by_theirs = False  # whether that is one that they compute, however few gradients fit it

    def _judge(self) -> None:
        self.entry.judged_by = self.judged_by
        self.entry.wanted_loss = self.judged_by.removesuffix("()") if self.by_theirs else self.entry.wanted_loss
        if self.assumed is None:
            self.problem = self.entry.resolve(self.parameters)
        else:
            self.problem = self.entry.resolve_gradients(self.parameters)
            self.problem = self.problem or self._assume(self.assumed, self.entry.parameters)
        self.parameters = self.entry.parameters
        if self.problem:
            return
        assert self.entry.loss is not None
        self._give_other_steps()
        try:
            self.truth = truth_of(self.tape, self.entry.loss)
        except NotOnTensors:
            return
        self._pair()
        self._leave_out_other_steps()
        self.finals, self.unsure, self.missing = self.entry.finals, self.entry.unsure, self.entry.missing
        self.case = self._case(self.truth)
        if self.in_double:
            self._make_in_double()
        self._take_without_rates()
        if self.finals and not self.problem:
            self._take_inputs()
        given = (self.tape.nodes[final.node].value for final in self.finals)
        judged = self.finals and not self.problem and not self.unsure and not self.entry.lacking
        if judged and all(np.all(np.isfinite(value)) for value in given):
            self.right = is_right_by_convention(self.case) and self._is_right_elsewhere()
            for truth in truths_without(self.case) if self.right and not self._is_exact() else ():
                case = self._case(truth)
                if not case.wrong(case.replay()):  # names are gradients without a small number in the loss, too
                    self.case = case
                    return

    def _is_exact(self) -> bool:
        values = self.case.replay()
        told = ((values[f.node], self.case.wanted(np.asarray(values[f.node]), f)) for f in self.finals)
        return all(difference(np.asarray(value), wanted) < EXACT for value, wanted in told)

    def _is_right_elsewhere(self) -> bool:
        """Whether it would be at other values, too, by no coincidence; where none is, they tell nothing."""
        event = nameless(self.case, self.finals[0])
        if event is None or self.case.convention or any(final.by == "update" for final in self.finals):
            return True  # what an update began with is known here alone
        right = list(Everywhere(self.case, self.finals, event).right_elsewhere({}))
        return all(right) or not any(right)


def named_by(frame: FrameType | None, targets: dict[str, Any]) -> dict[str, Any]:
    """Targets by name: one alone needs none; several that were given without are called as their variables are."""
    numbered = [name for name in targets if name.isdigit()]
    if len(numbered) == 1:
        alone = targets[numbered[0]]
        own = variable_of(frame, alone) if isinstance(alone, list | tuple) else ""
        return {name if name != numbered[0] else own: target for name, target in targets.items()}
    named: dict[str, Any] = {}
    for name, target in targets.items():
        known = variable_of(frame, target) if name.isdigit() else name
        named[known if known and known not in named else f"target{name}"] = target
    return named


def variable_of(frame: FrameType | None, value: Any) -> str:
    """The name of the variable that holds a value."""
    if frame is None:
        return ""
    return next((name for name, own in {**frame.f_globals, **frame.f_locals}.items() if own is value), "")


def own_fault(fault: Exception) -> str:
    """What is said where the judging itself fails: what they wrote may be right, and did not raise anything."""
    last = traceback.extract_tb(fault.__traceback__)[-1]
    said = f"{type(fault).__name__}: {fault}".rstrip(":. ")
    return (
        f"Your code ran to its end, and judging it raised {said} ({Path(last.filename).name}, line {last.lineno}). "
        "That is a fault of this program, not of yours."
    )


def their_error(error: BaseException, tape: Tape) -> str:
    """What is said of a block that raised; the error itself goes on."""
    own = [entry for entry in traceback.extract_tb(error.__traceback__) if is_theirs(entry.filename)]
    where = f" in {Path(own[-1].filename).name}, line {own[-1].lineno}, `{own[-1].line}`," if own else ""
    text = f"{type(error).__name__}: {error}".strip().rstrip(":.")
    return (
        f"The block raised an error{where} and nothing was judged; {len(tape.steps)} calls were recorded until then. "
        f"{text}."
    )
