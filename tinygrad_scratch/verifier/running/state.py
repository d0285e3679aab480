"""What a run leaves changed is put back: containers, objects, arrays, random numbers, and the names of modules."""

from __future__ import annotations

import ctypes
import random
from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np
from numpy.random.mtrand import get_bit_generator

from tinygrad_scratch.verifier.recording.parameters import unrecord_names
from tinygrad_scratch.verifier.recording.recorded import plain
from tinygrad_scratch.verifier.recording.undoing import DRAWS, Step, put_back_draws, undo_of
from tinygrad_scratch.verifier.running.reach import MOST, TooMuchError, is_lasting, reached

MOST_BYTES = 100_000_000  # of arrays that are kept, to be put back after each run


class Before:
    """All that some values lead to, to be put back after each run.

    What a run would change for good is only looked for below those that it reads; then it is not made at all.
    """

    def __init__(self, read: Iterable[Any], others: Iterable[Any], modules: list[dict[str, Any]]) -> None:
        self.modules = [(names, dict(names)) for names in modules]
        self.undo: list[Step] = []
        self.arrays: list[Any] = []
        self.can_be_put_back = self.take(read, others)

    def take(self, read: Iterable[Any], others: Iterable[Any]) -> bool:
        """Note how all is now; False where it can't be put back. Large arrays that nothing reads stay as they are."""
        seen: set[int] = set()
        arrays, size = [], 0
        try:
            for roots, is_read in ((read, True), (others, False)):
                for value in reached(roots, seen):
                    if is_read and is_lasting(value):
                        return False
                    if isinstance(value, np.ndarray) and value.dtype.kind != "O":
                        if value.flags.writeable and (is_read or value.nbytes + size < MOST_BYTES):
                            array = plain(value)  # of what a function that the run made holds recorded
                            arrays.append(value if array is None else array)
                            size += value.nbytes
                    else:
                        self.undo += undo_of(value)
                    if size > MOST_BYTES:
                        return False
        except TooMuchError:
            return False
        self.arrays = [(array, array.copy()) for array in arrays]
        return True

    def restore(self) -> None:
        for step in reversed(self.undo):
            step()
        for array, content in self.arrays:
            np.copyto(array, content)
        for names, before in self.modules:
            unrecord_names(names, before)


# ---- random numbers --------------------------------------------------------------------------------------------------


class Draws:
    """Where the random numbers are: those of NumPy, of Python, and of all generators below some values."""

    def __init__(self, roots: Iterable[Any] = (), most: int = MOST) -> None:
        self.steps: list[Step] = [put_back_numpys_draws(), partial(random.setstate, random.getstate())]
        try:
            self.steps += [put_back_draws(value) for value in reached(roots, most=most) if isinstance(value, DRAWS)]
        except TooMuchError:
            return

    def put_back(self) -> None:
        for step in self.steps:
            step()


def state_of_draws() -> tuple[Any, ...]:
    """Where the random numbers of NumPy and of Python are."""
    name, keys, *others = np.random.get_state()
    return random.getstate(), name, np.asarray(keys).tobytes(), *others


SIZE_OF_STATE = 624 * 4 + 4  # bytes, of a Mersenne Twister


def put_back_numpys_draws() -> Step:
    """What puts NumPy's own generator back; as that is slow, only after a draw, of which its memory tells.

    A second normal number that waits to be drawn lies elsewhere.
    """
    state, generator = np.random.get_state(), get_bit_generator()
    name, *_, waits, _ = state
    put_back = partial(np.random.set_state, state)
    if name != "MT19937" or waits:
        return put_back
    address = generator.ctypes.state_address
    before = ctypes.string_at(address, SIZE_OF_STATE)

    def put_back_if_drawn() -> None:
        is_same = get_bit_generator() is generator
        if not is_same or ctypes.string_at(address, SIZE_OF_STATE) != before:
            put_back()

    return put_back_if_drawn
