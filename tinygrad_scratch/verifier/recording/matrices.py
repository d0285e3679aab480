"""np.matrix, spelled with arrays: a call on matrices is recorded as that of arrays, and gives what NumPy's gives.

What a matrix makes of a call is not told by rules but asked of NumPy, by the call on real matrices: whether a matrix
comes of it, and of which shape. So the tape holds arrays alone, and `*` between matrices is a product of these.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.recording.methods import Method
from tinygrad_scratch.verifier.recording.recorded import Recorded, from_outside, record, record_arrays, unrecorded
from tinygrad_scratch.verifier.recording.references import map_tree, may_write
from tinygrad_scratch.verifier.recording.tape import Tape


def of_matrices(tape: Tape, function: Any, arguments: Any, keywords: Any) -> Any:
    """A call with matrices among its arguments."""
    arguments, keywords = map_tree(
        lambda part: from_outside(tape, part) if type(part) is np.matrix else part, (arguments, keywords)
    )
    if getattr(function, "__name__", "") == "setitem":
        return record_arrays(tape, function, fitting(tape, *arguments), keywords)
    if may_write(function, arguments, keywords):
        return record_arrays(tape, function, arguments, keywords)
    real = function(*unrecorded(arguments), **unrecorded(keywords))
    return like(tape, record_arrays(tape, function, arguments, keywords), real)


def fitting(tape: Tape, target: Any, index: Any, value: Any) -> tuple[Any, Any, Any]:
    """What is assigned, in the shape of the entries of an array: a column of a matrix is a row of entries there."""
    wanted = np.shape(target._array[unrecorded(index)]) if type(target) is Recorded else np.shape(value)
    if type(value) is Recorded and value.ndim > len(wanted) and value.size == np.prod(wanted, dtype=int):
        value = record_arrays(tape, Method("reshape"), (value, wanted), {})
    return target, index, value


def like(tape: Tape, made: Any, real: Any) -> Any:
    """What a call of arrays made, in the shape that it has of matrices, and as a matrix where it is one."""
    if type(real) in (list, tuple):
        return type(real)([like(tape, part, other) for part, other in zip(made, real, strict=True)])
    if type(made) is not Recorded:
        return made
    if type(real) is not np.matrix:
        return made.as_array() if made._is_matrix else made
    if made.shape != real.shape:
        made = record_arrays(tape, Method("reshape"), (made, real.shape), {})
    return made.as_matrix()


def as_matrix(tape: Tape, value: Any) -> Any:
    """`np.asmatrix`: a row where there is one axis."""
    if type(value) is Recorded and not value._is_matrix:
        flat = value if value.ndim == 2 else record(tape, np.atleast_2d, (value,), {})
        return flat.as_matrix()
    return value


def product(one: Any, other: Any) -> Any:
    """`one * other`, where at least one is a matrix."""
    tape = one._tape if type(one) is Recorded else other._tape
    if np.ndim(one) == 0 or np.ndim(other) == 0:
        return record(tape, np.multiply, (one, other), {})
    pair = [part if type(part) is Recorded else from_outside(tape, np.asmatrix(part)) for part in (one, other)]
    return record(tape, np.dot, tuple(as_matrix(tape, part) for part in pair), {})


def power(one: Any, exponent: Any) -> Any:
    """`one ** exponent`: the matrix times itself."""
    return record(one._tape, np.linalg.matrix_power, (one, exponent), {})


OWN: dict[str, Callable[[Any], Any]] = {
    "A": lambda matrix: matrix.as_array(),
    "A1": lambda matrix: matrix.as_array().ravel(),
    "I": lambda matrix: record(matrix._tape, np.linalg.inv, (matrix,), {}),
    "H": lambda matrix: matrix.T.conj(),
    "getA": lambda matrix: lambda: matrix.as_array(),
    "getA1": lambda matrix: lambda: matrix.as_array().ravel(),
    "getI": lambda matrix: lambda: record(matrix._tape, np.linalg.inv, (matrix,), {}),
}  # what only matrices have
