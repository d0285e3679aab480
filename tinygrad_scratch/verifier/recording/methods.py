"""NumPy's methods and attributes as functions that can be written down, and the names of what records nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_scratch.tensor import Tensor

PLAIN = {"shape", "ndim", "size", "dtype", "nbytes", "itemsize", "strides", "flags", "base", "data", "ctypes"}
VIEWS = {"T", "mT", "real", "imag"}
PLAIN_METHODS = {"tobytes", "tofile", "dump", "dumps", "setflags"}
PLAIN_RESULTS = {
    "shape", "ndim", "size", "isscalar", "iterable", "broadcast_shapes", "result_type", "seed", "set_printoptions",
    "seterr", "errstate",
    "get_state", "set_state", "save", "savez", "savez_compressed", "savetxt", "array2string", "array_repr",
    "array_str", "unravel_index",
    "can_cast", "min_scalar_type", "default_rng", "get_printoptions", "geterr", "isdtype", "issubdtype",
    "may_share_memory",
    "shares_memory", "iscomplexobj", "isrealobj",
}  # fmt: skip
WITH_SIZES = {
    "reshape", "resize", "tile", "repeat", "broadcast_to", "roll", "split", "array_split", "hsplit", "vsplit", "pad",
    "expand_dims", "swapaxes",
    "transpose", "moveaxis", "sum", "mean", "max", "min", "prod", "std", "var", "squeeze", "argmax", "argmin",
    "concatenate", "stack", "rot90",
    "as_strided", "sliding_window_view", "flip", "cumsum", "trace", "diagonal", "diag", "triu", "tril",
}  # fmt: skip


class Method:
    """A method of arrays as a function: `Method("reshape")(a, 2, 3)` is `a.reshape(2, 3)`."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __call__(self, array: Any, *arguments: Any, **keywords: Any) -> Any:
        given = any(type(part) is Tensor for part in (*arguments, *keywords.values()))
        if given and type(array) is not Tensor and hasattr(np, self.__name__):  # an array's own takes no Tensors
            return getattr(np, self.__name__)(array, *arguments, **keywords)
        return getattr(array, self.__name__)(*arguments, **keywords)

    def __repr__(self) -> str:
        return f"a.{self.__name__}"


class Attribute:
    """An attribute of arrays as a function: `Attribute("T")(a)` is `a.T`."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __call__(self, array: Any) -> Any:
        return getattr(array, self.__name__)


class At:
    """`ufunc.at`, which raises ValueError for values that don't fit: NumPy reads beyond those of more dimensions."""

    def __init__(self, ufunc: np.ufunc) -> None:
        self.__self__ = ufunc
        self.__name__ = self.__qualname__ = "at"

    def __call__(self, array: Any, indices: Any, *values: Any) -> None:
        for value in values:
            if np.ndim(value) > 1:  # of fewer NumPy tells itself
                np.broadcast_to(value, array[indices].shape)
        self.__self__.at(array, indices, *values)


def method_of(ufunc: np.ufunc, name: str) -> Any:
    """A method of a ufunc, as it is to be written down."""
    return At(ufunc) if name == "at" else getattr(ufunc, name)


def set_flat(array: Any, index: Any, value: Any) -> None:
    """`a.flat[index] = value`, on anything that can be assigned to."""
    places = np.unravel_index(np.arange(array.size)[index], array.shape)
    array[places] = np.reshape(value, np.shape(places[0])) if np.ndim(value) else value


set_flat.__name__ = "setitem"
