"""derive: the backprop of a loss, written down as the NumPy that a careful person would have derived by hand."""

from __future__ import annotations

import difflib
import linecache
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_scratch.compiler.program import Variable
from tinygrad_scratch.compiler.readable import source
from tinygrad_scratch.compiler.readable.backprop import Backprop, finished, pulled_back
from tinygrad_scratch.compiler.readable.helpers import Helpers
from tinygrad_scratch.compiler.readable.layout import Layout
from tinygrad_scratch.compiler.readable.names import Taken, identifier
from tinygrad_scratch.compiler.readable.recording import Reach, Recording, recorded_again, recorded_call, variable_of
from tinygrad_scratch.graph import Array, ancestors
from tinygrad_scratch.messages import describe
from tinygrad_scratch.tensor import Tensor

Wanted = str | int | Tensor


def derive(loss: Any, *arguments: Any, wrt: Any = None, **keywords: Any) -> Derivation:
    """x"""
    wanted = None if wrt is None else list(wrt) if isinstance(wrt, list | tuple) else [wrt]
    if type(loss) is Tensor:
        recording = recorded_again(loss, sys._getframe(1))
    else:
        recording = recorded_call(loss, arguments, keywords, lambda reach: chosen(reach, wanted))
    orders = asked(recording, wanted)
    walk, backprop = pulled_back(recording, all(order in recording.leaves for order in orders))
    outputs = [variable_of(recording.loss), *(variable_of(walk.cotangents[order]) for order in orders)]
    targets = [recording.variables[order] for order in orders]
    backprop = finished(backprop, recording, outputs)
    return Derivation(backprop, targets)


def chosen(reach, wanted):
    if wanted is None:
        return []
    return [i for i, name in enumerate(reach.names) if name in wanted or identifier(name) in wanted]


def asked(recording, wanted):
    if wanted is None:
        return list(recording.leaves)
    return [order for w in wanted for order, v in recording.variables.items() if recording.names.get(v)==w]


class Derivation:
    def __init__(self, backprop, targets) -> None:
        taken = Taken()
        helpers = Helpers(taken)
        program = backprop.program
        loss = program.outputs[0]
        called = dict(backprop.names)
        name = identifier(called.get(loss, "J"))
        called[loss] = name
        layout = Layout(program, taken, helpers.name, called, backprop.cotangents, name)
        for v in program.inputs:
            layout.names[v] = taken.give(called.get(v, "constant"))
        layout.lay_out(backprop.backward)
        gradients = {layout.names[t]: g for t, g in zip(targets, program.outputs[1:])}
        self.source = source.module(layout, taken.give(f"{name}_and_gradients"), loss, gradients, list(helpers.texts.values()), sorted(helpers.imports))
        self.layout=layout
        self.arguments = {layout.names[v]: backprop.values[v] for v in program.inputs}
