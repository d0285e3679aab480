"""Traced: what stands in for an array while a function is traced, and writes down what is done to it.

It holds a value, so that shapes, dtypes and memory layouts are NumPy's own and never computed by rules of ours, and the
variable of the program that the value belongs to. Every call of NumPy, operator and method runs on the values and is
written down as a step. What would turn a value into a Python number is refused: the number would be frozen into the
program.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

import numpy as np

from tinygrad_scratch.compiler.lines import line_of_caller, quoted
from tinygrad_scratch.compiler.names import name_values
from tinygrad_scratch.compiler.one_step import as_one_step
from tinygrad_scratch.compiler.program import Program, Step, Variable, map_parts
from tinygrad_scratch.compiler.randomness import Draws
from tinygrad_scratch.compiler.values import PYTHON_NUMBERS, plain_values
from tinygrad_scratch.compiler.writing import WRITES, View, attach, nan_to_num_in_place, updated_at, write, written
from tinygrad_scratch.graph import Array, StandIn, Untraceable
from tinygrad_scratch.rules.indexing import assign
from tinygrad_scratch.rules.registry import array, label
from tinygrad_scratch.tensor import Tensor


class TraceError(Untraceable):
    """What can't be written down as a program, and what to write instead."""

    tracer: Tracer

    def as_one_step(self, function: Callable[..., Any], arguments: Any, keywords: Any) -> Any:
        """The call that this was raised in, written down whole."""
        self.tracer.refused = None
        return as_one_step(self.tracer, function, arguments, keywords)


# ---- the trace -------------------------------------------------------------------------------------------------------


class Tracer:
    """The program in the making."""

    def __init__(self) -> None:
        self.inputs: list[Variable] = []
        self.steps: list[Step] = []
        self.constants: dict[int, tuple[Variable, Array, Array]] = {}  # by id: the array, and a copy as it was
        self.refused: TraceError | None = None

    def input(self, value: Any, name: str | None = None) -> Traced:
        """A value that the program is given."""
        traced = Traced(self, value, Variable.like(value, name))
        self.inputs.append(traced.variable)
        return traced

    def call(self, function: Callable[..., Any], arguments: Sequence[Any], keywords: dict[str, Any]) -> Any:
        """Make a call with the values, and write it down."""
        result = function(*plain_values(arguments), **plain_values(keywords))
        if function in OF_LAYOUT:
            return result
        if isinstance(result, tuple | list) and any(isinstance(part, tuple | list) for part in result):
            return as_one_step(self, function, arguments, keywords)
        return self.write_down(function, tuple(arguments), keywords, result)

    def write_down(self, function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any], result: Any) -> Any:
        line = line_of_caller()
        name_values(self)
        several = isinstance(result, tuple | list)
        parts = [Traced(self, part, self._variable(part, function)) for part in (result if several else (result,))]
        found = tuple(part.variable for part in parts)
        said, named = self.variables(arguments), self.variables(keywords)
        self.steps.append(Step(function, said, named, found if several else found[0], line))
        for part in parts:
            attach(part, function, arguments, keywords)
        if not several:
            return parts[0]
        return result._make(parts) if hasattr(result, "_make") else type(result)(parts)

    def _variable(self, part: Any, function: Any) -> Variable:
        if not isinstance(part, np.ndarray | np.generic | bool | int | float | complex):
            raise self.refuse(f"{label(function)} returns a {type(part).__name__}, and not arrays alone")
        return Variable.like(part)

    def variables(self, tree: Any) -> Any:
        """The same tree with the variable of each traced value, and of each array, in its place."""
        if isinstance(tree, Traced):
            if tree.tracer is not self:
                raise self.refuse("a value of another trace is used: it was kept from an earlier call, or another jit")
            return tree.variable
        if isinstance(tree, Tensor):
            return self.variables(tree._value)
        if isinstance(tree, Draws):
            return tree.variable
        if isinstance(tree, np.ndarray):
            return self.constant(tree)
        return map_parts(self.variables, tree)

    def constant(self, value: Array) -> Variable:
        """An array that depends on no input."""
        known = self.constants.get(id(value))
        if known is not None and np.array_equal(known[2], value, equal_nan=value.dtype.kind in "fc"):
            return known[0]
        copy = value.copy("K")
        variable = Variable.like(value)
        if known is None:
            self.constants[id(value)] = variable, value, copy
        else:  # it was written to since: this is another constant
            self.constants[id(copy)] = variable, copy, copy
        return variable

    def program(self, outputs: Sequence[Variable]) -> Program:
        constants = {variable: copy for variable, _, copy in self.constants.values()}
        return Program(tuple(self.inputs), tuple(self.steps), tuple(outputs), constants).check()

    def refuse(self, what: str, instead: str = "") -> TraceError:
        """The error for what can't be traced; it is remembered, as somebody on the way might catch it."""
        error = TraceError(
            f"While a function is traced, {what}{quoted(line_of_caller())}.{' ' * bool(instead)}{instead}"
        )
        error.tracer = self
        self.refused = self.refused or error
        return error


OF_LAYOUT: set[Any] = {
    np.shape,
    np.ndim,
    np.size,
    np.iscomplexobj,
    np.isrealobj,
    np.result_type,
    np.can_cast,
    np.common_type,
    np.min_scalar_type,
    np.may_share_memory,
    np.shares_memory,
    np.einsum_path,
}
"""Functions that answer from shapes and dtypes alone."""

# ---- the value -------------------------------------------------------------------------------------------------------


def binary(function: Any, compute: Callable[[Any, Any], Any], swap: bool = False) -> Callable[[Traced, Any], Any]:
    """An operator as NumPy's function; of two Python numbers it is Python's own, so that they stay such."""

    def operate(self: Traced, other: Any) -> Any:
        if other is None or isinstance(other, str):
            is_equality = compute in (operator.eq, operator.ne)
            return self.tracer.call(compute, (self, other), {}) if is_equality else NotImplemented
        if isinstance(other, Tensor):
            return NotImplemented
        if isinstance(other, list | tuple):
            other = array(list(other))
        both = (other, self) if swap else (self, other)
        weak = all(
            isinstance(value, PYTHON_NUMBERS) and not isinstance(value, np.generic) for value in plain_values(both)
        )
        return self.tracer.call(compute if weak else function, both, {})

    return operate


def in_place(function: Any, compute: Callable[[Any, Any], Any]) -> Callable[[Traced, Any], Any]:
    operate = binary(function, compute)

    def update(self: Traced, other: Any) -> Any:
        if self.is_number or isinstance(other, Tensor):
            return NotImplemented
        write(self, operate(self, other))
        return self

    return update


def method(function: Any) -> Callable[..., Any]:
    """A function of NumPy as the method of that name."""

    def of_value(self: Traced, *arguments: Any, **keywords: Any) -> Any:
        return function(self, *arguments, **keywords)

    return of_value


def item(a: Any, *index: int) -> Any:
    """One element, as a Python number."""
    return np.asarray(a).item(*index)


class Traced(StandIn):
    """A value on its way through a function that is being traced.

    `value` is an array, a number of NumPy's or one of Python's; `seen` says of what it is a view, `views` what is a
    view of it.
    """

    __slots__ = ("__weakref__", "seen", "tracer", "value", "variable", "views", "writeable")

    def __init__(self, tracer: Tracer, value: Any, variable: Variable) -> None:
        self.tracer = tracer
        if type(value) is np.ndarray:  # nobody may write to it but by a step: least of all if it is the person's
            value = value.view()
            value.flags.writeable = False
        self.value = value
        self.variable = variable
        self.seen: View | None = None
        self.views: list[Any] = []  # weak references
        self.writeable = True

    # ---- what it is --------------------------------------------------------------------------------------------------

    is_number = property(lambda self: type(self.value) is not np.ndarray)
    shape = property(lambda self: np.shape(self.value))
    dtype = property(lambda self: self.variable.dtype)
    ndim = property(lambda self: np.ndim(self.value))
    size = property(lambda self: int(np.size(self.value)))
    strides = property(lambda self: self.variable.strides)
    itemsize = property(lambda self: self.dtype.itemsize)
    nbytes = property(lambda self: self.size * self.itemsize)
    flags = property(lambda self: np.asarray(self.value).flags)
    base = property(lambda self: self.value.base if self.variable.view else None)
    T = property(lambda self: np.transpose(self))
    mT = property(lambda self: np.matrix_transpose(self))  # noqa: N815
    real = property(lambda self: np.real(self))
    imag = property(lambda self: np.imag(self))

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self.value)))

    def __repr__(self) -> str:
        return f"Traced({self.variable!r})"

    def __format__(self, specification: str) -> str:
        if specification:
            raise self.tracer.refuse(
                f"a value can't be shown as {specification!r}: it is not known before the program runs",
                "Return the value, and print it after the call.",
            )
        return repr(self)

    def __hash__(self) -> int:
        raise self.tracer.refuse(
            "a value can't be looked up in a dict or a set: it is not known before the program runs",
            "Write np.isin(x, values) for `x in values`, and np.take(table, x, axis=0) for table[x].",
        )

    __class__ = property(lambda self: type(self.value))  # what isinstance sees

    def numpy(self) -> Traced:
        return self

    def setflags(self, write: bool | None = None) -> None:
        self.writeable = bool(write)

    def snapshot(self) -> Traced:
        return Traced(self.tracer, self.value, self.variable)

    def as_array(self) -> Traced:
        return Traced(self.tracer, np.asarray(self.value), self.variable) if self.is_number else self

    # ---- NumPy's doors -----------------------------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        targets = keywords.pop("out", None)
        if any(isinstance(each, Tensor) for each in (*inputs, *(targets or ()))):
            return NotImplemented
        if method == "at":
            return self._update_at(ufunc, *inputs)
        if method == "reduce" and ufunc in REDUCTIONS:
            return written(self._reduce(ufunc, *inputs, **keywords), targets)
        if targets is not None and "where" in keywords and method == "__call__":
            where = keywords.pop("where")
            result = np.where(where, ufunc(*inputs, **keywords), targets[0])
        else:
            result = self.tracer.call(ufunc if method == "__call__" else getattr(ufunc, method), inputs, keywords)
        return written(result, targets)

    def _reduce(self, ufunc: Any, a: Any, axis: Any = 0, dtype: Any = None, out: Any = None, **keywords: Any) -> Any:
        """The reduction by its name as a function of NumPy, the one that a person would write."""
        if dtype is not None:
            keywords["dtype"] = dtype
        given = {
            name: value
            for name, value in keywords.items()
            if value is not np._NoValue and (name, value) != ("keepdims", False)
        }
        return written(REDUCTIONS[ufunc](a, axis=axis, **given), out)

    def _update_at(self, ufunc: Any, a: Any, indices: Any, *b: Any) -> None:
        if not isinstance(a, Traced):
            raise self.tracer.refuse(
                f"{label(ufunc)}.at writes into an array that depends on no input",
                "Make that array by np.zeros_like(x) of an argument x.",
            )
        write(a, self.tracer.call(updated_at, (a, ufunc, indices, *b), {}))

    def __array_function__(self, function: Any, types: Any, arguments: Any, keywords: dict[str, Any]) -> Any:
        if any(issubclass(kind, Tensor) for kind in types):
            return NotImplemented
        if function in WRITES:
            return WRITES[function](*arguments, **keywords)
        if function is np.nan_to_num and keywords.get("copy") is False:
            return nan_to_num_in_place(*arguments, **keywords)
        if "out" in keywords:
            rest = {name: value for name, value in keywords.items() if name != "out"}
            return written(function(*arguments, **rest), keywords["out"])
        if function is np.dot and not keywords and all(np.ndim(plain_values(each)) == 2 for each in arguments):
            function = np.matmul
        return self.tracer.call(function, arguments, keywords)

    def __record__(self, function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """The door for functions of ours: written down as one step, or traced through where they are NumPy's text."""
        for argument in (*arguments, *keywords.values()):
            if isinstance(argument, Tensor):
                return argument.__record__(function, arguments, keywords)
        if function.__name__ in THROUGH:
            return function.__wrapped__(*arguments, **keywords)
        return self.tracer.call(function, arguments, keywords)

    # ---- reading and writing parts -----------------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> Any:
        return self.tracer.call(operator.getitem, (self, index), {})

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(value, Tensor) and value._record is not None:
            raise self.tracer.refuse("a Tensor that requires a gradient is written into an array", "Make it a Tensor.")
        if not self.writeable:
            raise ValueError("assignment destination is read-only")
        write(self, self.tracer.call(assign, (self, value, index), {}), lambda whole: whole[index])

    def fill(self, value: Any) -> None:
        self[...] = value

    def sort(self, axis: int = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> None:
        write(self, np.sort(self, axis, kind, order, stable=stable))

    def partition(self, kth: Any, axis: int = -1, kind: Any = "introselect", order: Any = None) -> None:
        write(self, np.partition(self, kth, axis, kind, order))

    def put(self, indices: Any, values: Any, mode: str = "raise") -> None:
        np.put(self, indices, values, mode)  # type: ignore[arg-type]

    # ---- operators ---------------------------------------------------------------------------------------------------

    def __neg__(self) -> Any:
        is_python = not isinstance(self.value, np.generic | np.ndarray)
        return self.tracer.call(operator.neg if is_python else np.negative, (self,), {})

    def __pos__(self) -> Any:
        return np.positive(self)

    def __abs__(self) -> Any:
        return np.absolute(self)

    def __invert__(self) -> Any:
        return np.invert(self)

    def __round__(self, digits: int | None = None) -> Any:
        return np.round(self, digits or 0)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    # ---- methods -----------------------------------------------------------------------------------------------------

    def astype(
        self, dtype: Any, order: Any = "K", casting: Any = "unsafe", subok: bool = True, copy: bool = True
    ) -> Any:
        if not copy and self.dtype == dtype:
            return self
        keywords = {"order": order, "casting": casting} if order != "K" or casting != "unsafe" else {}
        return self.tracer.call(as_type, (self, np.dtype(dtype)), keywords)

    def copy(self, order: Any = "C") -> Any:
        return np.copy(self, order)

    def __copy__(self) -> Any:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self.copy()

    def flatten(self, order: Any = "C") -> Any:
        return np.copy(np.ravel(self, order))

    def reshape(self, *shape: Any, order: Any = "C", copy: Any = None) -> Any:
        keywords = ({} if order == "C" else {"order": order}) | ({} if copy is None else {"copy": copy})
        return np.reshape(self, shape[0] if len(shape) == 1 else shape, **keywords)

    def transpose(self, *axes: Any) -> Any:
        return np.transpose(self, axes[0] if len(axes) == 1 else axes) if axes else np.transpose(self)

    def compress(self, condition: Any, axis: Any = None) -> Any:
        return np.compress(condition, self, axis)

    def view(self, dtype: Any = None) -> Any:
        if dtype is None or np.dtype(dtype) == self.dtype:
            return self[...]
        return self.tracer.call(as_view, (self, np.dtype(dtype)), {})

    def item(self, *index: int) -> Any:
        return self.tracer.call(item, (self, *index), {})

    # ---- ways out ----------------------------------------------------------------------------------------------------

    def __bool__(self) -> NoReturn:
        raise self.tracer.refuse(
            "no branch can be taken on a value: it is not known before the program runs",
            "Write np.where(condition, a, b) for `a if condition else b`, np.maximum for max, and np.logical_and for "
            "`and`; or decide by what is known beforehand: shapes, dtypes, Python numbers.",
        )

    def _number(self, kind: str, instead: str) -> NoReturn:
        raise self.tracer.refuse(
            f"a value can't become a Python {kind}: it is not known before the program runs", instead
        )

    def __float__(self) -> NoReturn:
        self._number(
            "float",
            "Return the value itself, or x.item(); write np.exp(x) for math.exp(x), and into np.zeros_like(x), "
            "not into np.zeros(n).",
        )

    def __int__(self) -> NoReturn:
        self._number("int", "Return the value itself, or x.item(); pass a Python number for what is a size.")

    def __complex__(self) -> NoReturn:
        self._number("complex", "Return the value itself, or x.item().")

    def __index__(self) -> NoReturn:
        self._number("index", "Write np.take(a, i, axis=0) for a[i], and pass a Python number for a size or a range.")

    def tolist(self) -> NoReturn:
        self._number("list", "Return the array, and make a list of the result.")

    def __contains__(self, value: Any) -> NoReturn:
        self._number("bool", "Write np.any(x == value).")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NoReturn:
        raise self.tracer.refuse(
            "a value can't become an array of its own: what is computed from that would be frozen into the program",
            "Use NumPy's functions on x itself: x for np.asarray(x), x.copy() for np.array(x), "
            "np.stack([a, b]) for np.array([a, b]), np.full_like for np.full; "
            "np.take(a, x, axis=0) for a[x]; and write into np.zeros_like(x), not into np.zeros(n).",
        )

    def __reduce__(self) -> NoReturn:
        raise self.tracer.refuse("a value can't be pickled")

    def __getattr__(self, name: str) -> NoReturn:
        if hasattr(np.ndarray, name) and not name.startswith("__"):
            raise self.tracer.refuse(f"an array's `{name}` is not known", "Use a function of NumPy.")
        raise AttributeError(f"An array has no attribute {name!r}.")


def as_type(a: Any, dtype: Any, order: Any = "K", casting: Any = "unsafe") -> Any:
    """A copy in another dtype, also of a number."""
    value = a if isinstance(a, np.generic) else np.asarray(a)
    return value.astype(dtype, order, casting)


def as_view(a: Any, dtype: Any) -> Any:
    return a.view(dtype)


REDUCTIONS: dict[Any, Any] = {np.add: np.sum, np.multiply: np.prod, np.maximum: np.max, np.minimum: np.min}
THROUGH = {
    "elu", "gelu_tanh", "leaky_relu", "linear", "log_softmax", "masked_softmax", "relu", "sigmoid_slope", "softmax",
    "softmax_cross_entropy", "standardize",
}  # fmt: skip
"""Functions of ours that are traced through: their text is NumPy's, and the passes know its parts."""

ARITHMETIC: dict[str, np.ufunc] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.divide, "floordiv": np.floor_divide,
    "mod": np.remainder, "pow": np.power, "matmul": np.matmul, "and": np.bitwise_and, "or": np.bitwise_or,
    "xor": np.bitwise_xor, "lshift": np.left_shift, "rshift": np.right_shift,
}  # fmt: skip
for _name, _function in ARITHMETIC.items():
    _compute = getattr(operator, f"__{_name}__")
    setattr(Traced, f"__{_name}__", binary(_function, _compute))
    setattr(Traced, f"__r{_name}__", binary(_function, _compute, swap=True))
    setattr(Traced, f"__i{_name}__", in_place(_function, _compute))
COMPARISONS: dict[str, np.ufunc] = {
    "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal,
}  # fmt: skip
for _name, _function in COMPARISONS.items():
    setattr(Traced, f"__{_name}__", binary(_function, getattr(operator, f"__{_name}__")))
METHODS: Any = (
    np.sum, np.mean, np.prod, np.max, np.min, np.var, np.std, np.ptp, np.clip, np.dot, np.ravel, np.squeeze,
    np.swapaxes, np.all, np.any, np.argmax, np.argmin, np.argsort, np.argpartition, np.nonzero, np.cumsum, np.cumprod,
    np.trace, np.diagonal, np.repeat, np.take, np.choose, np.round, np.searchsorted, np.conjugate,
)  # fmt: skip
for _function in METHODS:
    setattr(Traced, _function.__name__, method(_function))
Traced.conj = Traced.conjugate  # type: ignore[attr-defined]
