"""Recorded: an array whose every use is written on a tape."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from numbers import Number
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.recording.methods import (
    PLAIN,
    PLAIN_METHODS,
    PLAIN_RESULTS,
    VIEWS,
    WITH_SIZES,
    Attribute,
    Method,
    method_of,
    set_flat,
)
from tinygrad_scratch.verifier.recording.references import Ref, map_tree
from tinygrad_scratch.verifier.recording.scipy_in_numpy import SPELLED_UFUNCS
from tinygrad_scratch.verifier.recording.standing import Standing
from tinygrad_scratch.verifier.recording.tape import Tape


def plain(value: Any) -> Any:
    """The array that a Recorded or a Flat stands for, or the whole number: that takes a row itself; else None."""
    if type(value) is Recorded:
        return value._array[()] if value._is_number and value._array.dtype.kind in "iu" else value._array
    return value._array if type(value) is Flat else None


MOST_ENTRIES = 2_000_000  # larger arrays from outside are data; what is taken from them is recorded when it is used
ARRAYS = np.ndarray, np.matrix
AS_ARRAYS = "__array__", "__array_ufunc__", "__array_interface__"  # what has one of them is like an array


def from_outside(tape: Tape, value: Any) -> Any:
    """An array or a number of Python's from outside as a Recorded, the same one each time; None for anything else."""
    if type(value) in (int, float, np.float64, np.float32):
        return Recorded(tape, np.asarray(float(value) if type(value) is int else value), None, True)
    if type(value) not in ARRAYS or value.dtype.kind not in "biufc" or value.size > MOST_ENTRIES:
        return None
    known = tape.wrapped.get(id(value))
    if known is None or known._of is not value:
        known = tape.wrapped[id(value)] = Recorded(tape, np.asarray(value), None)
        known._of = value
        known._is_matrix = type(value) is np.matrix
    return known


def unrecorded(tree: Any) -> Any:
    """The same tuples, lists and dicts with plain arrays and numbers in them."""
    return map_tree(lambda value: value._value() if type(value) in (Recorded, Flat) else value, tree)


def holds_recorded(tree: Any) -> bool:
    """Whether a Recorded, or a Flat of one, is anywhere in tuples, lists and dicts."""
    kind = type(tree)
    if kind is Recorded or kind is Flat:
        return True
    if kind is tuple or kind is list:
        return any(holds_recorded(part) for part in tree)
    return kind is dict and any(holds_recorded(part) for part in tree.values())


def record(tape: Tape, function: Any, arguments: Any, keywords: Any) -> Any:
    """Make a call on the tape, and return its results recorded."""
    if tape.closed:
        return function(*unrecorded(arguments), **unrecorded(keywords))
    if function is np.asmatrix or any(part is np.matrix for part in arguments[1:]):  # as in a.view(np.matrix)
        return tape.matrices.as_matrix(tape, arguments[0])
    if holds_matrix(arguments) or holds_matrix(keywords):
        return tape.matrices.of_matrices(tape, function, arguments, keywords)
    return record_arrays(tape, function, arguments, keywords)


def holds_matrix(tree: Any) -> bool:
    kind = type(tree)
    if kind is Recorded:
        return bool(tree._is_matrix)
    if kind is tuple or kind is list:
        return any(holds_matrix(part) for part in tree)
    return kind is np.matrix or (kind is dict and any(holds_matrix(part) for part in tree.values()))


def record_arrays(tape: Tape, function: Any, arguments: Any, keywords: Any) -> Any:
    """The same of arrays alone."""
    if getattr(function, "__name__", "") in WITH_SIZES and not isinstance(function, np.ufunc):
        arguments, keywords = (*arguments[:1], *without_sizes(arguments[1:])), without_sizes(keywords)
    if isinstance(function, np.ufunc) and len(arguments) == function.nin + 1:  # the last is what it writes to
        arguments, keywords = arguments[:-1], {**keywords, "out": arguments[-1]}
    step, value = tape.record(function, arguments, keywords, plain)
    result, step.result = outputs(tape, step, value, arguments, keywords)
    return result


def without_sizes(tree: Any) -> Any:
    """Recorded whole numbers as plain ones where they say sizes, axes and counts: nothing flows through them."""
    return map_tree(
        lambda value: (
            value._value() if type(value) is Recorded and value._array.dtype.kind in "iu" and value.size == 1 else value
        ),
        tree,
    )


def outputs(tape: Tape, step: Any, value: Any, arguments: Any, keywords: Any) -> tuple[Any, Any]:
    """The results of a step: what the program gets, and what the step remembers of it."""
    if isinstance(value, np.ndarray | np.generic):
        known = written(value, arguments, keywords)
        if known is not None:
            return known, Ref(known._slot, known._renamed)
        array = np.asarray(value)
        if array.dtype.kind not in "biufc":
            return value, None
        recorded = Recorded(tape, array, tape.add_result(step, array), isinstance(value, np.generic))
        return recorded, Ref(recorded._slot)
    if isinstance(value, tuple | list):
        pairs = [outputs(tape, step, part, arguments, keywords) for part in value]
        made = [result for result, _ in pairs]
        result = value._make(made) if hasattr(value, "_make") else type(value)(made)
        return result, tuple(reference for _, reference in pairs)
    return value, None


def written(value: Any, arguments: Any, keywords: Any) -> Any:
    """The Recorded that a call wrote into and returned, if it did."""
    out = keywords.get("out")
    for target in (*(out if isinstance(out, tuple) else (out,)), *arguments):
        if type(target) is Recorded and target._array is value:
            return target
    return None


def in_place(name: str) -> Callable[[Any, Any], Any]:
    """`+=` and the like: arrays are written to, numbers are not."""
    written_to = getattr(np.lib.mixins.NDArrayOperatorsMixin, f"__i{name}__")
    made_new = getattr(np.lib.mixins.NDArrayOperatorsMixin, f"__{name}__")
    return lambda self, other: made_new(self, other) if self._is_number else written_to(self, other)


def in_place_or_not(name: str) -> Callable[[Any, Any], Any]:
    """`+=` and `-=`; of a plain 0, as a velocity is before its first step, an array stays what it is."""
    written_to = in_place(name)
    return lambda self, other: (
        self if type(other) is int and other == 0 and not self._is_number else written_to(self, other)
    )


def or_theirs(name: str, answering: str = "") -> Callable[[Any, Any], Any]:
    """`*` and the like; a number leaves the answer to what is like neither numbers nor arrays and has one.

    So Python's own do with an object of a class of theirs, and with a list that is to be repeated.
    """
    made_new = getattr(np.lib.mixins.NDArrayOperatorsMixin, f"__{name}__")
    answering = answering or f"__r{name}__"
    return lambda self, other: (
        NotImplemented if self._is_number and answers(other, answering) else made_new(self, other)
    )


def answers(other: Any, operator_name: str) -> bool:
    """Whether a value is neither a number nor like an array, and its class has an operator of that name."""
    kind = type(other)
    is_known = issubclass(kind, Number) or any(hasattr(kind, name) for name in AS_ARRAYS)
    return hasattr(kind, operator_name) and not is_known


multiplied, multiplied_in_place, multiplied_from_left = or_theirs("mul"), in_place("mul"), or_theirs("rmul", "__mul__")


class Recorded(Standing, np.lib.mixins.NDArrayOperatorsMixin):
    """An array, or a number of NumPy's, that writes down what is done with it. It behaves as the real one does."""

    __slots__ = ()

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        out = keywords.get("out")
        if isinstance(out, tuple) and len(out) == 1:
            keywords["out"] = out[0]
        if holds_objects(inputs):  # entry by entry, each on its own
            return getattr(ufunc, method)(*map(boxed, inputs), **keywords)
        function = ufunc if method == "__call__" else method_of(ufunc, method)
        return record(self._tape, SPELLED_UFUNCS.get(ufunc.__name__, function), inputs, keywords)

    def __array_function__(self, function: Any, types: Any, arguments: Any, keywords: Any) -> Any:
        if function.__name__ in PLAIN_RESULTS:
            if function is np.unravel_index:  # what it gives are plain indices
                self._decides()
            return function(*unrecorded(arguments), **unrecorded(keywords))
        return record(self._tape, function, arguments, keywords)

    def __getitem__(self, index: Any) -> Any:
        if self._is_number:
            self._value()[unrecorded(index)]  # NumPy's own complaint
        return record(self._tape, operator.getitem, (self, listed(index)), {})

    def __setitem__(self, index: Any, value: Any) -> None:
        if self._is_number:
            self._value()[index] = value  # NumPy's own complaint
        if type(value) in (list, tuple) and holds_recorded(value):
            value = record(self._tape, np.array, (list(value),), {})
        record(self._tape, operator.setitem, (self, listed(index), value), {})

    def __getattr__(self, name: str) -> Any:
        if name in PLAIN:
            return getattr(self._array, name)
        if name in VIEWS:
            return record(self._tape, Attribute(name), (self,), {})
        if name == "flat":
            return Flat(self)
        if self._is_matrix and name in self._tape.matrices.OWN:
            return self._tape.matrices.OWN[name](self)
        if name.startswith("__") or not hasattr(np.ndarray, name):
            kind = type(self._value())
            raise AttributeError(f"'{kind.__module__}.{kind.__name__}' object has no attribute {name!r}")
        if name in PLAIN_METHODS:
            return getattr(self._array, name)
        function = Method(name)
        return lambda *arguments, **keywords: record(
            self._tape, function, (self, *as_arrays(self._tape, arguments)), keywords
        )

    def __setattr__(self, name: str, value: Any) -> None:
        if name in Standing.__slots__:
            object.__setattr__(self, name, value)
        elif name == "shape":
            view = record(self._tape, Method("reshape"), (self, value), {})
            self._array, self._known_slot, self._renamed = view._array, view._slot, view._renamed
        else:
            setattr(self._array, name, value)

    # ---- numbers and containers --------------------------------------------------------------------------------------

    __iadd__, __isub__ = in_place_or_not("add"), in_place_or_not("sub")
    __itruediv__, __ifloordiv__, __imod__ = in_place("truediv"), in_place("floordiv"), in_place("mod")
    __ipow__, __imatmul__ = in_place("pow"), in_place("matmul")
    __iand__, __ior__, __ixor__ = in_place("and"), in_place("or"), in_place("xor")
    __ilshift__, __irshift__ = in_place("lshift"), in_place("rshift")

    __add__, __sub__, __matmul__ = or_theirs("add"), or_theirs("sub"), or_theirs("matmul")
    __truediv__, __floordiv__, __mod__ = or_theirs("truediv"), or_theirs("floordiv"), or_theirs("mod")

    def __mul__(self, other: Any) -> Any:
        return self._tape.matrices.product(self, other) if holds_matrix((self, other)) else multiplied(self, other)

    def __rmul__(self, other: Any) -> Any:
        return (
            self._tape.matrices.product(other, self)
            if holds_matrix((self, other))
            else multiplied_from_left(self, other)
        )

    def __imul__(self, other: Any) -> Any:
        if not holds_matrix((self, other)):
            return multiplied_in_place(self, other)
        self[...] = self * other
        return self

    def __pow__(self, other: Any) -> Any:
        return self._tape.matrices.power(self, other) if self._is_matrix else super().__pow__(other)

    def __iter__(self) -> Iterator[Any]:
        if self._array.ndim == 0:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self._array)))

    def __contains__(self, value: Any) -> bool:
        return (value._array if type(value) is Recorded else value) in self._array

    def __round__(self, digits: int | None = None) -> Any:
        return int(np.round(self._array)) if digits is None else record(self._tape, np.round, (self, digits), {})

    def __copy__(self) -> Any:
        return self if self._is_number else record(self._tape, Method("copy"), (self,), {})

    def __deepcopy__(self, memo: Any) -> Any:
        return self.__copy__()

    def item(self, *index: int) -> Any:
        if not index and self._array.size != 1:
            return self._array.item()  # NumPy's own complaint
        given: Any = index[0] if len(index) == 1 else index
        place = given if isinstance(given, tuple) and given else index or (0,) * self._array.ndim
        if len(place) == 1 and self._array.ndim > 1:
            return record(self._tape, Method("ravel"), (self,), {})[place[0]]
        return record(self._tape, operator.getitem, (self, place), {})

    def tolist(self) -> Any:
        return [part.tolist() for part in self] if self._array.ndim else self.item()


class Flat:
    """`a.flat`: the entries of an array in one row, which calls take for an array."""

    _renamed = 0

    def __init__(self, array: Recorded) -> None:
        self._of = array

    @property
    def _array(self) -> Any:
        return self._of._array.ravel()

    @property
    def _slot(self) -> int:
        return int(self._entries()._slot)

    def _value(self) -> Any:
        return self._of._array.flat

    def _entries(self) -> Any:
        return record(self._of._tape, Method("ravel"), (self._of,), {})

    def __getitem__(self, index: Any) -> Any:
        return self._entries()[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        record(self._of._tape, set_flat, (self._of, index, value), {})

    def __iter__(self) -> Iterator[Any]:
        return iter(self._entries())

    def __len__(self) -> int:
        return int(self._of._array.size)


def listed(index: Any) -> Any:
    """An index with plain numbers in its lists: they choose places, and nothing flows through them."""
    if type(index) is tuple:
        return tuple(listed(part) for part in index)
    return unrecorded(index) if type(index) is list else index


def as_arrays(tape: Tape, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """Lists with recorded numbers in them as recorded arrays."""
    return tuple(
        record(tape, np.array, (part,), {}) if type(part) in (list, tuple) and holds_floats(part) else part
        for part in arguments
    )


def holds_floats(tree: Any) -> bool:
    if type(tree) is Recorded:
        return bool(tree._array.dtype.kind in "fc" or tree._array.ndim)
    return type(tree) in (list, tuple) and any(holds_floats(part) for part in tree)


def holds_objects(inputs: Any) -> bool:
    return any(type(part) is np.ndarray and part.dtype.kind == "O" for part in inputs)


def boxed(value: Any) -> Any:
    """A Recorded as an array of objects."""
    if type(value) is not Recorded:
        return value
    box = np.empty(value.shape, dtype=object)
    for place in np.ndindex(value.shape):
        box[place] = value[place] if place else value
    return box
