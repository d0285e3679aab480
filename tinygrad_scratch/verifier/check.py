"""verify: a person's own backprop, as they wrote it, against autodiff."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.explain import Cause, judged
from tinygrad_scratch.verifier.judge import Case, Repair, close, difference
from tinygrad_scratch.verifier.pairing import Final, gradients_in, paired
from tinygrad_scratch.verifier.parameters import Parameter, recorded_parameters
from tinygrad_scratch.verifier.proxy import numpy_recorded
from tinygrad_scratch.verifier.recorded import Recorded
from tinygrad_scratch.verifier.shown import Shown
from tinygrad_scratch.verifier.tape import Tape
from tinygrad_scratch.verifier.truth import Truth, truth_of
from tinygrad_scratch.verifier.watch import Event, Watch, watched


class verify(Shown):  # noqa: N801  # it is used as a function is
    """Record a person's own calls, forward and hand-written backward, and say which step is the first wrong one.

    with verify(net) as check:
        prediction = net.forward(X)
        check.loss = cost(prediction, y)
        check.gradients = net.backward(X, y, prediction)
    print(check)
    """

    def __init__(self, *targets: Any, **named: Any) -> None:
        self.targets = {**{f"{i}" if i else "": target for i, target in enumerate(targets)}, **named}
        self.tape = Tape()
        self.watch = Watch(self.tape)
        self.loss: Any = None
        self.gradients: Any = None
        self.parameters: list[Parameter] = []
        self.finals: list[Final] = []
        self.repairs: list[Repair] = []
        self.causes: list[Cause] = []
        self.unsure: list[tuple[list[str], int]] = []
        self.problem: str | None = None

    def __enter__(self) -> verify:
        self._stack = ExitStack()
        self.parameters = self._stack.enter_context(recorded_parameters(self.targets, self.tape))
        self._stack.enter_context(numpy_recorded(self.tape))
        self._stack.enter_context(watched(self.watch, sys._getframe(1)))
        return self

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> bool:
        self._stack.close()
        if kind is None:
            self._judge()
        return False

    @property
    def events(self) -> list[Event]:
        return self.watch.events

    @property
    def ok(self) -> bool:
        return self.problem is None and bool(self.finals) and not self.repairs

    @property
    def first_wrong(self) -> Cause | None:
        return self.causes[0] if self.causes else None

    def _judge(self) -> None:
        if type(self.loss) is not Recorded:
            self.problem = "No loss was recorded. Set check.loss = ... in the block, to the value that NumPy computed."
            return
        self.truth: Truth = truth_of(self.tape, [p.node for p in self.parameters], self.loss.node)
        used = [p for p in self.parameters if np.any(self.truth.cotangents.get(p.node, 0))]
        given = [(path, value.node) for path, value in gradients_in(self.gradients)]
        if not given:
            self.problem = (
                "No gradients were recorded. Set check.gradients = ... in the block, to what backward returned."
            )
            return
        gradients = [([path, *self._names(node)], node) for path, node in given]
        self.finals, self.unsure = paired(
            used, gradients, self.tape, lambda value, p: close(value, self.truth.cotangents[p.node])
        )
        self.case = Case(self.tape, self.truth, self._ordered(), self.finals)
        if self.finals:
            self.repairs, self.causes = judged(self.case)
            self.problem = self.problem or self.case.doubt or None

    def _names(self, node: int) -> list[str]:
        return [event.name for event in self.events if event.node == node]

    def _ordered(self) -> list[Event]:
        """The names of values in the order in which the values were made."""
        return sorted(self.events, key=lambda event: (event.node, event.time))

    def difference(self, final: Final) -> float:
        value = self.tape.nodes[final.node].value
        return difference(value, self.truth.cotangents[final.parameter.node])
