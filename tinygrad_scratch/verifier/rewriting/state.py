"""What a run leaves changed is put back, and what it would change outside of the process is refused."""

from __future__ import annotations

import contextlib
import io
import random
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.parameters import arrays_below, holders_below, is_data, undo_of, unrecord_names

MOST_BYTES = 100_000_000  # of arrays that are kept, to be put back after each run
OUTSIDE = "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.system", "subprocess.Popen", "socket.connect"


class RefusedError(Exception):
    """A run would have changed what is outside of the process."""


class Guard:
    """Sees to it, while it is on, that no file is written; Python keeps such a hook until it ends."""

    on = False
    _hooked = False

    @classmethod
    def refuse(cls, event: str, arguments: Any) -> None:
        if cls.on and (event in OUTSIDE or (event == "open" and any(sign in str(arguments[1]) for sign in "wax+"))):
            raise RefusedError(event)

    @classmethod
    @contextlib.contextmanager
    def harmless(cls) -> Iterator[None]:
        """Nothing is printed, and no file is written."""
        if not cls._hooked:
            sys.addaudithook(cls.refuse)
            cls._hooked = True
        cls.on = True
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                yield
        finally:
            cls.on = False


def drawn() -> Any:
    """Where the random numbers of NumPy and of Python are."""
    return np.random.get_state(), random.getstate()


def draw_from(state: Any) -> None:
    np.random.set_state(state[0])
    random.setstate(state[1])


class Before:
    """All that some variables lead to, to be put back."""

    def __init__(self, variables: dict[str, Any], modules: list[dict[str, Any]]) -> None:
        self.modules = [(names, dict(names)) for names in modules]
        data = [value for names in (variables, *modules) for name, value in names.items() if is_data(name, value)]
        self.undo = [undo_of(holder) for holder in holders_below(data)]
        held = (part for _, _, _, part in arrays_below(data, "", set()))
        arrays = {id(a): a for a in held if type(a) is np.ndarray and a.flags.writeable}
        self.is_small = sum(a.nbytes for a in arrays.values()) < MOST_BYTES
        self.arrays = [(a, a.copy()) for a in arrays.values()] if self.is_small else []

    def restore(self) -> None:
        for step in reversed(self.undo):
            step()
        for array, content in self.arrays:
            np.copyto(array, content)
        for names, before in self.modules:
            unrecord_names(names, before)
