"""np.nditer and np.ndenumerate of recorded arrays: their entries in turn are recorded, and so is what is put there."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np

from tinygrad_scratch.verifier.recording.recorded import Recorded, holds_recorded, record, unrecorded
from tinygrad_scratch.verifier.recording.recording import created
from tinygrad_scratch.verifier.recording.tape import Tape

IN_CHUNKS = "external_loop"
OF_BUFFERS = {"buffered", "grow_inner", "delay_bufalloc", "copy_if_overlap", "ranged", "multi_index"}
OPTIONS = "flags", "op_flags", "op_dtypes", "order"  # of np.nditer, in their order


def iterating(tape: Tape) -> Callable[..., Any]:
    """np.nditer; where it gives other things than the entries of arrays it is NumPy's own."""

    def nditer(op: Any, *arguments: Any, **keywords: Any) -> Any:
        options = {**dict(zip(OPTIONS, arguments, strict=False)), **keywords}
        arrays = list(op) if type(op) in (list, tuple) else [op]
        flags = options.get("flags") or ()
        known = set(options) <= {"flags", "op_flags", "order"} and len(arguments) <= len(OPTIONS)
        if tape.closed:
            return np.nditer(unrecorded(op), *arguments, **keywords)
        if not known or IN_CHUNKS in flags or not holds_recorded(arrays) or any(part is None for part in arrays):
            return np.nditer(op, *arguments, **keywords)
        return Entries(tape, arrays, flags, options)

    return nditer


class Entries:
    """The entries of one or more arrays in the order of np.nditer, each as an array of no axes that shows it."""

    def __init__(self, tape: Tape, arrays: list[Any], flags: Any, options: dict[str, Any]) -> None:
        self.operands = tuple(a if type(a) is Recorded else created(np.asarray(a), tape) for a in arrays)
        kept = [flag for flag in flags if flag not in OF_BUFFERS]
        plain = [operand._array for operand in self.operands]
        self._own = np.nditer(plain, **{**options, "flags": [*kept, "multi_index"]})
        self._tape, self._started = tape, False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        if self._started:
            self._own.iternext()
        self._started = True
        if self._own.finished:
            raise StopIteration
        return self.value

    def iternext(self) -> bool:
        return bool(self._own.iternext())

    def reset(self) -> None:
        self._started = False
        self._own.reset()

    def _entry(self, operand: Recorded) -> Any:
        """The entry of an operand at which it stands; axes of length 1 are spread."""
        own = self._own.multi_index[len(self._own.multi_index) - operand.ndim :]
        place = tuple(0 if length == 1 else i for i, length in zip(own, operand.shape, strict=True))
        return record(self._tape, operator.getitem, (operand, (*place, ...)), {})

    @property
    def value(self) -> Any:
        entries = tuple(map(self._entry, self.operands))
        return entries[0] if len(entries) == 1 else entries

    def __getitem__(self, key: Any) -> Any:
        chosen = self.operands[key]
        return tuple(map(self._entry, chosen)) if isinstance(chosen, tuple) else self._entry(chosen)

    def __setitem__(self, key: int, value: Any) -> None:
        self[key][...] = value

    def __len__(self) -> int:
        return len(self.operands)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._own.close()


def enumerating(tape: Tape) -> Callable[..., Any]:
    """np.ndenumerate: the places of an array, each with its entry."""

    def ndenumerate(arr: Any) -> Iterator[tuple[tuple[int, ...], Any]]:
        if tape.closed or type(arr) is not Recorded:
            return iter(np.ndenumerate(arr))
        return ((place, arr[place]) for place in np.ndindex(arr.shape))

    return ndenumerate
