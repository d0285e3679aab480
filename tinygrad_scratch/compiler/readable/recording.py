"""From what a person has, a recorded loss or a function that computes one, to the loss recorded while tracing.

A loss that was recorded is recorded once more, call by call, with stand-ins for its arrays. A function is run with
stand-ins for what it is given and what it closes over. Either way the names are the person's own.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import numpy as np

from tinygrad_scratch.backward import output
from tinygrad_scratch.compiler.program import Variable
from tinygrad_scratch.compiler.readable.walk import Walk, walk_back
from tinygrad_scratch.compiler.surroundings import Surroundings, is_data, names_in
from tinygrad_scratch.compiler.trace import as_it_was, exchanged, look_around, no_hidden_randomness, put_in, tracing
from tinygrad_scratch.compiler.traced import Traced, Tracer
from tinygrad_scratch.graph import Record, ancestors, get_name, split_record
from tinygrad_scratch.rules.indexing import assign
from tinygrad_scratch.rules.registry import DEFINITIONS
from tinygrad_scratch.tensor import Tensor
from tinygrad_scratch.trees import leaves_of, map_leaves
from tinygrad_scratch.watching import Names, watch
