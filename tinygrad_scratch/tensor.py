"""Tensor: a value, the record of where it came from, and the doors through which NumPy's functions reach it.

No derivative lives here: the operators and doors find a function in the table (`rules`), let NumPy compute its value,
and record the call (`graph`).
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator
from threading import Lock
from typing import Any, NoReturn

import numpy as np

from tinygrad_scratch import messages, views
from tinygrad_scratch.backward import output_record, walk
from tinygrad_scratch.flat import Flat
from tinygrad_scratch.graph import (
    Array,
    Record,
    StandIn,
    Untraceable,
    as_array,
    enable_grad,
    get_name,
    is_recording,
    new_array,
    next_order,
    no_grad,
    set_name,
)
from tinygrad_scratch.rules.indexing import assign
from tinygrad_scratch.rules.registry import (
    COMPOSED,
    DEFINITIONS,
    DIRECT,
    NEW_CONSTANT,
    NUMBERS,
    QUICK,
    WITHOUT_DERIVATIVE,
    Definition,
    Several,
    by_name,
    by_position,
    check_composed,
    is_ours,
    label,
    refuse,
)
from tinygrad_scratch.rules.shapes import cast
from tinygrad_scratch.rules.ufuncs import METHODS

ndarray = np.ndarray

# ---- operators and methods: NumPy's functions under their other names ------------------------------------------------


def binary(function: Any, compute: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:  # noqa: C901
    """The quick way for a function of two arrays, one of them a Tensor: as an operator, it skips NumPy's door."""

    def operate(left: Any, right: Any) -> Any:
        if type(left) is Tensor:
            a, p = left._value, left._record
        elif type(left) is ndarray and left.dtype.kind in "fiubc":
            a, p = left.copy("K"), None
        elif type(left) in NUMBERS:
            a, p = left, None
        else:
            return call(function, (left, right), {})
        if type(right) is Tensor:
            b, q = right._value, right._record
        elif type(right) is ndarray and right.dtype.kind in "fiubc":
            b, q = right.copy("K"), None
        elif type(right) in NUMBERS:
            b, q = right, None
        else:
            return call(function, (left, right), {})
        try:
            y = compute(a, b)
        except Exception as error:
            messages.explain(error, function, (a, b))
            raise
        result = new(Tensor)
        if type(y) is not ndarray:
            result._scalar = is_scalar(y)
            y = as_array(y)
        result._value = y
        result._alias = None
        if (p is None and q is None) or not is_recording():
            result._record = None
        else:
            result._record = (next_order(), function, y, None, a, b, p, q)
        return result

    return operate


def reflected(function: Any, compute: Callable[[Any, Any], Any]) -> Callable[[Tensor, Any], Any]:
    """The same operator with its operands swapped."""
    operate = binary(function, compute)
    return lambda self, other: operate(other, self)


through_door = functools.cache(lambda function: binary(function, QUICK.get(function) or function))


def in_place(function: Any) -> Callable[[Tensor, Any], Tensor]:
    """An operator that writes its result into its left operand; NumPy's numbers can't be written to, so one is new."""

    def update(self: Tensor, other: Any) -> Any:
        if is_number(self):
            return call(function, (self, other), {})
        views.check_writable(self)
        views.write(self, as_tensor(call(function, (self, other), {})))
        return self

    return update


def plain_binary(compute: Callable[[Any, Any], Any], swap: bool = False) -> Callable[[Tensor, Any], Any]:
    """An operator without a derivative: of plain values, a plain value."""

    def compare(self: Tensor, other: Any) -> Any:
        return compute(plain(other), self._value) if swap else compute(self._value, plain(other))

    return compare


def method(function: Any) -> Callable[..., Any]:
    """A NumPy function as the method of that name."""
    quick = QUICK.get(function, function) if function in DIRECT else None

    def of_tensor(self: Tensor, *arguments: Any, **keywords: Any) -> Any:
        if quick is not None and not arguments and not keywords:
            return apply_unary(function, quick, self)
        return call(function, (self, *arguments), keywords)

    of_tensor.__name__ = function.__name__
    of_tensor.__doc__ = f"`{label(function)}` of this Tensor, with the same arguments after the first."
    return of_tensor


class Tensor:
    """A NumPy array that remembers where it came from.

    `data` is anything that `np.array` takes, and is copied. With `requires_grad=True` the Tensor is a leaf: it needs a
    real or complex floating dtype, what is computed from it is recorded, and `backward()` leaves gradients in `.grad`.
    NumPy's functions, operators and methods work on Tensors as they do on arrays. The value itself is read-only:
    writing (`t[0] = 1`, `t += 1`) makes a new value, so a recorded computation is never changed under your hands.

    Raises TypeError for data that are no numbers, and for integers with `requires_grad=True`.

    >>> import numpy as np
    >>> from tinygrad_scratch import Tensor
    >>> w = Tensor([[1.0, 2.0]], requires_grad=True, name="w")
    >>> np.sum(w**2).backward()
    >>> w.grad
    array([[2., 4.]])
    """

    __slots__ = ("__weakref__", "_alias", "_frozen", "_record", "_scalar", "_value")
    _value: Array
    _record: Record | None
    _alias: views.Alias | None
    _scalar: bool  # set where NumPy returned a number, which is immutable, and no array
    _frozen: Record | None  # of a leaf whose requires_grad was turned off: what it is again when it is turned on

    def __init__(self, data: Any, requires_grad: bool = False, name: str | None = None, dtype: Any = None) -> None:
        if type(data) is not ndarray:
            value = copied(data, dtype)
        else:
            value = np.array(data) if dtype is None else np.array(data, dtype)
            if value.dtype.kind not in "fc":
                messages.check_data(data, value)
        self._value = value
        self._alias = None
        self._record = None
        if requires_grad:
            if value.dtype.kind not in "fc":
                raise TypeError(messages.not_differentiable(self))
            self._record = (next_order(), None, [None])
        if name is not None:
            set_name(value, name)

    # ---- what it is --------------------------------------------------------------------------------------------------

    def numpy(self) -> Array:
        """The value as an array of the same shape and dtype, read-only, without its history."""
        value = self._value
        value.setflags(False)  # type: ignore[call-arg]  # by position, which is quicker and not in NumPy's stub
        return value

    @property
    def data(self) -> Array:
        """The value as a read-only array. Assigning another array of this shape replaces the value of a leaf."""
        return self.numpy()

    @data.setter
    def data(self, value: Any) -> None:
        if self._record is not None and self._record[1] is not None:
            raise TypeError(
                messages.computed(self, "its data can't be replaced", "make a leaf of it: Tensor(t.numpy())")
            )
        new = Tensor(value, dtype=self.dtype)
        if new.shape != self.shape:
            raise ValueError(f"A value of shape {new.shape} can't replace that of {messages.describe(self)}.")
        with no_grad():
            views.write(self, new)

    @property
    def grad(self) -> Array | None:
        """The gradient that `backward()` calls have added up, an array of this shape and dtype; None before.

        Raises AttributeError for a Tensor that was computed: gradients are kept for leaves, and
        `loss.gradient(t)` returns the one of an intermediate value.
        """
        if self._record is None:
            return None
        if self._record[1] is not None:
            raise AttributeError  # Python then asks __getattr__, which says why
        grad: Array | None = self._record[2][0]
        return grad

    @grad.setter
    def grad(self, value: Any) -> None:
        if self._record is None or self._record[1] is not None:
            raise AttributeError(
                messages.computed(self, "it has no .grad to set", "set that of a leaf (requires_grad=True)")
            )
        if value is not None:
            value = new_array(value._value if type(value) is Tensor else value, self.dtype)
            if value.shape != self.shape:
                raise ValueError(f"A gradient of shape {value.shape} does not fit {messages.describe(self)}.")
        self._record[2][0] = value

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow here. True makes a leaf of a constant, False makes a constant of a leaf."""
        return self._record is not None

    @requires_grad.setter
    def requires_grad(self, on: bool) -> None:
        if self._record is not None and self._record[1] is not None:
            if not on:
                raise TypeError(
                    messages.computed(self, "its requires_grad follows from its inputs", "write t.detach()")
                )
        elif not on:
            self._frozen, self._record = self._record, None
        elif self._record is None:
            if views.is_view(self):
                raise TypeError(messages.view_as_leaf(self))
            self._record = getattr(self, "_frozen", None) or Tensor(self, requires_grad=True)._record
            self._scalar = False  # a parameter is updated in place

    @property
    def name(self) -> str | None:
        """What drawings and messages call this value."""
        return get_name(self._value)

    @name.setter
    def name(self, name: str | None) -> None:
        set_name(self._value, name)
        if self._record is not None and self._record[1] is not None:
            set_name(self._record[2], name)  # after a write, the value may be another array than the recorded one

    @property
    def shape(self) -> tuple[int, ...]:
        return self._value.shape

    @shape.setter
    def shape(self, shape: Any) -> NoReturn:
        raise AttributeError(f"The shape of {messages.describe(self)} can't be set. Write t = t.reshape({shape}).")

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._value.dtype

    @property
    def ndim(self) -> int:
        return self._value.ndim

    @property
    def size(self) -> int:
        return self._value.size

    @property
    def itemsize(self) -> int:
        return self._value.itemsize

    @property
    def nbytes(self) -> int:
        return self._value.nbytes

    @property
    def device(self) -> str:
        return "cpu"

    @property
    def strides(self) -> tuple[int, ...]:
        return self._value.strides

    @property
    def flags(self) -> Any:
        """How the memory is laid out. It is never writeable: writing makes a new value."""
        return self.numpy().flags

    @property
    def T(self) -> Tensor:
        """The axes in reverse order: of shape (m, n), the transpose, (n, m)."""
        return call(np.transpose, (self,), {})  # type: ignore[no-any-return]

    @property
    def mT(self) -> Tensor:
        """The last two axes exchanged: of shape (..., m, n), (..., n, m)."""
        return call(np.matrix_transpose, (self,), {})  # type: ignore[no-any-return]

    @property
    def real(self) -> Tensor:
        """The real part, of the same shape."""
        return call(np.real, (self,), {})  # type: ignore[no-any-return]

    @property
    def imag(self) -> Tensor:
        """The imaginary part, of the same shape; zeros where the dtype is real."""
        return call(np.imag, (self,), {})  # type: ignore[no-any-return]

    def __len__(self) -> int:
        return len(self._value)

    def __iter__(self) -> Iterator[Tensor]:
        if self._value.ndim == 0:
            raise TypeError(f"{messages.describe(self)} can't be iterated over: it has no axis.")
        return (self[i] for i in range(len(self._value)))

    def __repr__(self) -> str:
        text = np.array2string(self._value, separator=", ", prefix="Tensor(")
        facts = [f"shape={self.shape}", f"dtype={self.dtype}"]
        if self.name is not None:
            facts.append(f"name={self.name!r}")
        if self._record is not None:
            facts.append("requires_grad=True")
        return f"Tensor({text}, {', '.join(facts)})"

    def __format__(self, spec: str) -> str:
        return format(self._value[()] if self._value.ndim == 0 else self._value, spec) if spec else repr(self)

    # ---- ways out: into plain numbers and arrays ---------------------------------------------------------------------

    def item(self, *index: int) -> Any:
        """One element as a Python number, without its history. Raises ValueError where there are several."""
        return self._value.item(*index)

    def tolist(self) -> Any:
        """The value as nested lists of Python numbers, without its history."""
        return self._value.tolist()

    def detach(self) -> Tensor:
        """The same value without its history: a constant of this shape and dtype. A write to it is not seen in this."""
        return make(self._value.view(), None)  # an array object of its own, so that it has a name of its own

    def _plain(self, wanted: str, instead: str) -> Array:
        if self._record is not None and is_recording():
            raise TypeError(messages.lost(self, wanted, instead))
        return self._value

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        value = self._plain("turned into an array", messages.INSTEAD_OF_ARRAYS)
        value.setflags(write=False)
        return np.array(value, dtype=dtype, copy=copy)

    def __float__(self) -> float:
        return float(self._plain("turned into a float", "t.item(), or np.exp(t) instead of math.exp(t)"))

    def __int__(self) -> int:
        return int(self._plain("turned into an int", "int(t.item())"))

    def __complex__(self) -> complex:
        return complex(self._plain("turned into a complex number", "t.item()"))

    def __bool__(self) -> bool:
        return bool(self._plain("turned into a bool", "a comparison, such as t != 0 or t.item() != 0"))

    def __index__(self) -> int:
        return operator.index(self._plain("used as an index", "int(t.item())"))

    # ---- copies ------------------------------------------------------------------------------------------------------

    def copy(self, order: str = "C") -> Tensor:
        """A copy that can be written to on its own; the gradient flows through it."""
        return call(np.copy, (self, order), {})  # type: ignore[no-any-return]

    def __copy__(self) -> Tensor:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        """A leaf becomes a leaf of its own, its gradient copied too; of a computed Tensor the copy is recorded."""
        if self._record is not None and self._record[1] is not None:
            return self.copy()
        twin = Tensor(self._value, requires_grad=self._record is not None, name=self.name)
        if self._record is not None and self._record[2][0] is not None:
            twin.grad = self._record[2][0]
        return twin

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "A Tensor can't be pickled: its history points into this process. Save t.numpy() with np.savez."
        )

    # ---- gradients ---------------------------------------------------------------------------------------------------

    def backward(self, gradient: Any = None) -> None:
        """Add the gradient of this value to `.grad` of every leaf that it was computed from.

        `gradient` is the cotangent of this value, of its shape; it may be left out where the value is one number, and
        is 1 then. A second call adds a second time. The graph stays, until the last Tensor that needs it goes.

        Raises TypeError where nothing was recorded, ValueError where `gradient` is missing or has another shape.

        >>> from tinygrad_scratch import Tensor
        >>> x = Tensor([1.0, 2.0], requires_grad=True)
        >>> (x * x).backward(gradient=[1.0, 10.0])
        >>> x.grad
        array([ 2., 40.])
        """
        start = self._record
        if start is None:
            raise TypeError(messages.nothing_recorded(self, "backward()"))
        cotangents, leaves = walk(start, self._seed(gradient)._value)
        with accumulating:
            for order, _, cell in leaves:
                part = cotangents[order]
                cell[0] = new_array(part if cell[0] is None else cell[0] + part)

    def gradient(self, *inputs: Tensor, gradient: Any = None, create_graph: bool = False) -> tuple[Tensor, ...]:
        """The gradients of this value with respect to leaves or computed Tensors, each of its input's shape and dtype.

        `gradient` is as in `backward`. With `create_graph=True` the gradients are recorded and can be differentiated
        again. An input that this value does not depend on has the gradient 0; so has one that was written to since: its
        value is another than the one that was used.

        Raises TypeError where nothing was recorded or an input requires no gradient, ValueError as `backward` does.

        >>> from tinygrad_scratch import Tensor
        >>> x = Tensor(2.0, requires_grad=True)
        >>> (slope,) = (x**3).gradient(x, create_graph=True)
        >>> slope.item(), slope.gradient(x)[0].item()
        (12.0, 12.0)
        """
        start = self._record
        if start is None:
            raise TypeError(messages.nothing_recorded(self, "gradient()"))
        orders, computed, oldest = [], set[int](), start[0]
        for place, tensor in enumerate(inputs):
            node = tensor._record if type(tensor) is Tensor else None
            if node is None:
                raise TypeError(messages.no_gradient_for(tensor, place))
            order = node[0]
            orders.append(order)
            if node[1] is not None:
                computed.add(order)
            if order > oldest:
                oldest = order
        seed = self._seed(gradient)
        if create_graph:
            with enable_grad():
                found, _ = walk(start, seed, computed, oldest, make)
        else:
            found, _ = walk(start, seed._value, computed, oldest)
        results: list[Tensor] = []
        for order, tensor in zip(orders, inputs):  # noqa: B905
            part = found.get(order)
            if part is None:
                results.append(make(np.zeros_like(tensor._value), None))
            elif type(part) is Tensor:
                results.append(make(part._value, part._record))
            else:
                results.append(make((part if type(part) is ndarray else as_array(part)).view(), None))
        return tuple(results)

    def _seed(self, gradient: Any) -> Tensor:
        """The cotangent to begin with, checked."""
        value = self._value
        if gradient is None:
            if value.size != 1:
                raise ValueError(messages.not_scalar(self))
            if value.dtype.kind == "c":
                raise ValueError(
                    f"{messages.describe(self)} is complex: pass its cotangent as gradient=, or take a real loss."
                )
            return make(ONE if value.dtype == ONE.dtype and not value.ndim else np.ones_like(value), None)
        given = gradient if type(gradient) is Tensor else Tensor(gradient)
        if given.shape != value.shape:
            raise ValueError(
                f"gradient has shape {given.shape}, but must have the shape {value.shape} of the value it belongs to."
            )
        if given.dtype == value.dtype:
            return given
        if given.dtype.kind not in "biuf" + ("c" if value.dtype.kind == "c" else ""):
            raise TypeError(f"gradient has dtype {given.dtype}, but the value that it belongs to has {value.dtype}.")
        return given.astype(value.dtype)  # type: ignore[no-any-return]

    # ---- NumPy's doors -----------------------------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        if method != "__call__" or not keywords.keys() <= {"out"}:
            return call_ufunc(ufunc, method, inputs, keywords)
        if not keywords and ufunc in DIRECT:
            if len(inputs) == 1:
                return apply_unary(ufunc, ufunc, self)
            if len(inputs) == 2:
                return through_door(ufunc)(*inputs)
        return call(ufunc, inputs, keywords)

    def __array_function__(
        self, function: Any, types: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]
    ) -> Any:
        if not keywords:
            if len(arguments) == 1 and type(arguments[0]) is Tensor and function in DIRECT:
                return apply_unary(function, QUICK.get(function, function), arguments[0])
            if function is np.dot and len(arguments) == 2:
                return through_door(np.dot)(*arguments)
        return call(function, arguments, keywords)

    def __record__(self, function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """The door for functions of ours."""
        if len(arguments) == 1 and not keywords and function in DIRECT:
            return apply_unary(function, function.__wrapped__ if type(self._value) is ndarray else function, self)
        return call(function, arguments, keywords)

    # ---- reading and writing parts -----------------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> Tensor:
        return call(operator.getitem, (self, plain(index)), {})  # type: ignore[no-any-return]

    def __setitem__(self, index: Any, value: Any) -> None:
        views.check_writable(self)
        if type(value) is Tensor and value._record is not None and is_recording():
            if self.dtype.kind not in "fc":
                raise TypeError(messages.integer_target(self, value))
            if self.dtype.kind == "f" and value.dtype.kind == "c":
                raise TypeError(messages.real_target(self, value))
        index = plain(index)
        views.write(self, as_tensor(call(assign, (self, value, index), {})), lambda whole: whole[index])

    def fill(self, value: Any) -> None:
        """Write one number to every element."""
        self[...] = value

    def put(self, indices: Any, values: Any, mode: str = "raise") -> None:
        """Write to places that are counted through all elements, as `np.put` does."""
        np.put(self, indices, values, mode)  # type: ignore[arg-type]

    def sort(self, axis: int = -1, kind: Any = None, *, order: Any = None, stable: Any = None) -> None:
        """Sort the elements in place; the gradient goes where they came from."""
        views.check_writable(self)
        views.write(self, np.sort(self, axis, kind, order, stable=stable))

    def partition(self, kth: Any, axis: int = -1, kind: Any = "introselect", order: Any = None) -> None:
        """Partition the elements in place, as `np.partition` does."""
        views.check_writable(self)
        views.write(self, np.partition(self, kth, axis, kind, order))

    @property
    def flat(self) -> Flat:
        """The elements in one row, to read, write and iterate over."""
        return Flat(self)

    @flat.setter
    def flat(self, values: Any) -> None:
        self.flat[:] = values

    def view(self, dtype: Any = None) -> Tensor:
        """Another Tensor of the same memory: what is written to one is seen in both."""
        if dtype is not None and np.dtype(dtype) != self.dtype:
            raise TypeError(
                f"{messages.describe(self)} can't be viewed as {np.dtype(dtype)}: that reads memory, not numbers. "
                "Write t.astype(...), or t.real and t.imag of complex numbers."
            )
        return self[...]

    def __getattr__(self, name: str) -> NoReturn:
        if name == "grad":
            raise AttributeError(
                messages.computed(self, "it keeps no .grad", "write loss.gradient(t) for its gradient")
            )
        raise AttributeError(messages.no_attribute(name))

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("Tensor can't be subclassed: NumPy's doors know it by its type. Write functions of Tensors.")

    # ---- operators ---------------------------------------------------------------------------------------------------

    __hash__ = object.__hash__
    __add__ = binary(np.add, operator.add)
    __radd__ = reflected(np.add, operator.add)
    __iadd__ = in_place(np.add)
    __sub__ = binary(np.subtract, operator.sub)
    __rsub__ = reflected(np.subtract, operator.sub)
    __isub__ = in_place(np.subtract)
    __mul__ = binary(np.multiply, operator.mul)
    __rmul__ = reflected(np.multiply, operator.mul)
    __imul__ = in_place(np.multiply)
    __truediv__ = binary(np.divide, operator.truediv)
    __rtruediv__ = reflected(np.divide, operator.truediv)
    __itruediv__ = in_place(np.divide)
    __pow__ = binary(np.power, operator.pow)
    __rpow__ = reflected(np.power, operator.pow)
    __ipow__ = in_place(np.power)
    __mod__ = binary(np.remainder, operator.mod)
    __rmod__ = reflected(np.remainder, operator.mod)
    __imod__ = in_place(np.remainder)
    __matmul__ = binary(np.matmul, QUICK[np.matmul])
    __rmatmul__ = reflected(np.matmul, QUICK[np.matmul])
    __imatmul__ = in_place(np.matmul)
    __floordiv__ = binary(np.floor_divide, operator.floordiv)
    __rfloordiv__ = reflected(np.floor_divide, operator.floordiv)
    __ifloordiv__ = in_place(np.floor_divide)
    __lt__ = plain_binary(operator.lt)
    __le__ = plain_binary(operator.le)
    __gt__ = plain_binary(operator.gt)
    __ge__ = plain_binary(operator.ge)
    __eq__ = plain_binary(operator.eq)
    __ne__ = plain_binary(operator.ne)

    __and__ = plain_binary(operator.and_)
    __rand__ = plain_binary(operator.and_, swap=True)
    __or__ = plain_binary(operator.or_)
    __ror__ = plain_binary(operator.or_, swap=True)
    __xor__ = plain_binary(operator.xor)
    __rxor__ = plain_binary(operator.xor, swap=True)
    __lshift__ = plain_binary(operator.lshift)
    __rlshift__ = plain_binary(operator.lshift, swap=True)
    __rshift__ = plain_binary(operator.rshift)
    __rrshift__ = plain_binary(operator.rshift, swap=True)

    def __invert__(self) -> Any:
        return ~self._value

    def __contains__(self, value: Any) -> bool:
        return bool(np.any(self._value == plain(value)))

    def __neg__(self) -> Any:
        return apply_unary(np.negative, operator.neg, self)

    def __pos__(self) -> Any:
        return apply_unary(np.positive, operator.pos, self)

    def __abs__(self) -> Any:
        return apply_unary(np.absolute, operator.abs, self)

    def __round__(self, digits: int | None = None) -> Any:
        return np.round(self, digits or 0)

    def __divmod__(self, other: Any) -> tuple[Any, Any]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Any, Any]:
        return other // self, other % self

    # ---- ndarray's methods -------------------------------------------------------------------------------------------

    sum = method(np.sum)
    mean = method(np.mean)
    prod = method(np.prod)
    max = method(np.max)
    min = method(np.min)
    var = method(np.var)
    std = method(np.std)
    ptp = method(np.ptp)
    clip = method(np.clip)
    dot = method(np.dot)
    ravel = method(np.ravel)
    squeeze = method(np.squeeze)
    swapaxes = method(np.swapaxes)
    all = method(np.all)
    any = method(np.any)
    argmax = method(np.argmax)
    argmin = method(np.argmin)
    argsort = method(np.argsort)
    nonzero = method(np.nonzero)
    argpartition = method(np.argpartition)
    cumsum = method(np.cumsum)
    cumprod = method(np.cumprod)
    trace = method(np.trace)
    diagonal = method(np.diagonal)
    repeat = method(np.repeat)
    take = method(np.take)
    choose = method(np.choose)
    round = method(np.round)

    def conjugate(self) -> Tensor:
        """The complex conjugate; of real numbers this Tensor itself, as in NumPy."""
        return apply_unary(np.conjugate, np.conjugate, self) if self.dtype.kind == "c" else self

    conj = conjugate

    def compress(self, condition: Any, axis: Any = None, out: Any = None) -> Tensor:
        """The parts along an axis that a condition chooses."""
        return call(np.compress, (condition, self), {"axis": axis, "out": out})  # type: ignore[no-any-return]

    searchsorted = method(np.searchsorted)

    def reshape(self, *shape: Any, order: str = "C", copy: bool | None = None) -> Tensor:
        """The same elements in another shape: `t.reshape(2, 3)` or `t.reshape((2, 3))`."""
        target = shape[0] if len(shape) == 1 else shape
        keywords = {} if copy is None else {"copy": copy}
        return call(np.reshape, (self, target), keywords if order == "C" else {**keywords, "order": order})  # type: ignore[no-any-return]

    def transpose(self, *axes: Any) -> Tensor:
        """The axes in another order: `t.transpose()`, `t.transpose(1, 0)` or `t.transpose((1, 0))`."""
        order = axes[0] if len(axes) == 1 else axes or None
        return call(np.transpose, (self, order), {})  # type: ignore[no-any-return]

    def flatten(self, order: str = "C") -> Tensor:
        """A copy in one dimension."""
        return self.ravel(order).copy()  # type: ignore[no-any-return]

    def astype(
        self, dtype: Any, order: str = "K", casting: str = "unsafe", subok: bool = True, copy: bool = True
    ) -> Any:
        """A copy in another dtype; the gradient comes back in this one. Integers carry no gradient: a plain array."""
        if not np.can_cast(self.dtype, dtype, casting):  # type: ignore[arg-type]
            raise TypeError(f"{messages.describe(self)} can't be cast to {np.dtype(dtype)} by the rule {casting!r}.")
        if not copy and self.dtype == dtype and order == "K":
            return self
        result = call(cast, (self, np.dtype(dtype)), {})
        return result if order == "K" else np.copy(result, order)  # type: ignore[call-overload]


def make(value: Array, node: Record | None) -> Tensor:
    """A Tensor of a value and its record, without a copy and without checks."""
    tensor = new(Tensor)
    tensor._value = value
    tensor._record = node
    tensor._alias = None
    return tensor


new: Callable[[type[Tensor]], Tensor] = object.__new__
ONE = np.ones(())
ONE.setflags(write=False)
accumulating = Lock()  # a gradient is read, added to and put back: two threads must not do that at once


def copied(data: Any, dtype: Any) -> Array:
    """What a Tensor holds of data that are no plain array."""
    if type(data) is Tensor:
        if data._record is not None and is_recording():
            raise TypeError(messages.detached_copy(data))
        data = data._value
    value: Array = new_array(data, dtype)
    messages.check_data(data, value)
    return value


def as_tensor(value: Any) -> Tensor:
    return value if type(value) is Tensor else make(value if type(value) is ndarray else as_array(value), None)


def is_scalar(value: Any) -> bool:
    """Whether NumPy returned a number, and no array."""
    return value.is_number if isinstance(value, StandIn) else not isinstance(value, ndarray)


def plain(value: Any) -> Any:
    """A value, or what a list or tuple holds, with a read-only array for each Tensor."""
    if type(value) is Tensor:
        return value.numpy()
    if type(value) in (tuple, list):
        return type(value)(plain(part) for part in value)
    return value


# ---- recording a call ------------------------------------------------------------------------------------------------


def apply_unary(function: Any, compute: Callable[..., Any], tensor: Tensor) -> Any:
    """The quick way for a function of one Tensor."""
    a, p = tensor._value, tensor._record
    try:
        y = compute(a)
    except Exception as error:
        messages.explain(error, function, (a,))
        raise
    result = new(Tensor)
    if type(y) is not ndarray:
        if isinstance(y, tuple):
            return outputs_of(y, function, [a], {}, [p] if p is not None and is_recording() else [])
        result._scalar = is_scalar(y)
        y = as_result(y, function)
        if isinstance(y, StandIn) and (y.base is not None or y is a):
            return call(function, (tensor,), {})
    elif y.base is not None or y is a:  # perhaps a view, which `call` looks into
        return call(function, (tensor,), {})
    result._value = y
    result._alias = None
    result._record = None if p is None or not is_recording() else (next_order(), function, y, None, a, p)
    return result


def call(function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """The general way: any function, any arguments."""
    if keywords or len(arguments) > by_position(function)[0]:
        arguments, keywords = by_name(function, arguments, keywords)
    if "out" in keywords:
        return call_into(function, arguments, keywords)
    if function in WITHOUT_DERIVATIVE:
        return call_plain(function, arguments, keywords)
    if function in NEW_CONSTANT:
        return as_tensor(call_plain(function, arguments, keywords))
    if function in COMPOSED:
        check_composed(function, keywords)
        try:
            return COMPOSED[function](*arguments, **keywords)
        except Untraceable as error:
            return error.as_one_step(function, arguments, keywords)
        except Exception as error:
            error.add_note(messages.inside(function, arguments, keywords))
            raise
    definition = DEFINITIONS.get(function)
    if definition is not None:
        return call_recorded(definition, arguments, keywords)
    return call_unknown(function, function, arguments, keywords)


def call_unknown(function: Any, compute: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """A call that the table does not know: of constants it runs as it is, else it is refused."""
    if is_recording() and any(tensor._record is not None for tensor in tensors_in((arguments, *keywords.values()))):
        raise refuse(function)
    return call_plain(compute, arguments, keywords)


def call_plain(function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    return function(*plain(arguments), **{name: plain(value) for name, value in keywords.items()})


def call_ufunc(ufunc: Any, method: str, inputs: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """A ufunc with keywords, or one of its methods."""
    targets = keywords.pop("out", None)
    if ufunc in WITHOUT_DERIVATIVE:
        if targets is not None:
            keywords["out"] = tuple(target if target is None else np.array(plain(target)) for target in targets)
        return written(call_plain(getattr(ufunc, method), inputs, keywords), targets, ufunc)
    if ufunc not in DEFINITIONS and ufunc not in COMPOSED:
        return written(call_unknown(ufunc, getattr(ufunc, method), inputs, keywords), targets, ufunc)
    if "where" in keywords:
        keywords["where"] = where = as_array(plain(keywords["where"]))
        if where.dtype != bool:
            raise TypeError(messages.no_mask(ufunc, where))
    old = {"old": targets} if "where" in keywords and method == "__call__" else {}
    try:
        result = METHODS[method](ufunc, *inputs, **keywords, **old)
    except Exception as error:
        error.add_note(messages.inside(ufunc, inputs, keywords, method))
        raise
    return written(result, targets, ufunc)


def call_into(function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """A call with `out=`."""
    rest = {name: value for name, value in keywords.items() if name != "out"}
    return written(call(function, arguments, rest), keywords["out"], function)


def written(result: Any, targets: Any, function: Any) -> Any:
    """A result written into what `out=` names: Tensors, or arrays where no gradient would be lost."""
    if targets is None:
        return result
    if isinstance(result, tuple):
        targets = targets if isinstance(targets, tuple) else (targets,)
        found = tuple(written(part, target, function) for part, target in zip(result, targets, strict=True))
        return result._make(found) if hasattr(result, "_make") else found
    target = targets[0] if isinstance(targets, tuple) and len(targets) == 1 else targets
    if target is None:
        return result
    if type(target) is Tensor:
        views.check_writable(target)
        views.write(target, as_tensor(result))
        return target
    if type(result) is Tensor and result._record is not None:
        raise TypeError(messages.plain_out(function, target))
    np.copyto(target, plain(result), casting="same_kind")
    return target


def call_recorded(definition: Definition, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """A call of a function that has rules: its value, as a Tensor with its record."""
    function = definition.function
    arguments, keywords = definition.bind(arguments, keywords)
    given = [
        argument if type(argument) is Tensor or name not in definition.rules else as_operand(argument, function)
        for name, argument in zip(definition.names_of(arguments), arguments, strict=True)
    ]
    values = [argument.numpy() if type(argument) is Tensor else frozen(plain(argument)) for argument in given]
    parents = parents_of(given, keywords, definition)
    keywords = {name: frozen(plain(argument)) for name, argument in keywords.items()}
    try:
        y = definition.compute(values, keywords)
    except Exception as error:
        messages.explain(error, function, tuple(values))
        raise
    if isinstance(y, tuple):
        return outputs_of(y, function, values, keywords, parents)
    if not parents and not isinstance(y, (ndarray, np.generic, StandIn)):
        return y
    scalar, y = is_scalar(y), as_result(y, function)
    if parents and y.dtype.kind not in "fc":
        return y
    base = next((i for i, a in enumerate(given) if type(a) is Tensor and shares_memory(y, a._value)), None)
    if base is None and type(y) is ndarray and y.base is not None and is_ours(function):
        y = y.copy("K")  # a part of an array that the function may keep
    if base is not None and is_number(given[base]):
        base, scalar = None, y.ndim == 0
    if base is not None:
        y = y.view()
    result = make(y, (next_order(), function, y, keywords or None, *values, *parents) if parents else None)
    if scalar:
        result._scalar = True
    if base is not None:
        before, after = values[:base], values[base + 1 :]
        index = values[1] if function is operator.getitem else None
        views.attach(result, given[base], lambda shown: function(*before, shown, *after, **keywords), index)
    return result


def outputs_of(y: Any, function: Any, values: list[Any], keywords: dict[str, Any], parents: list[Record | None]) -> Any:
    """The outputs of a call that returns several, in NumPy's own (named) tuple; integers stay plain."""
    several = Several(map(as_array, y))
    record = (next_order(), function, several, keywords or None, *values, *parents) if parents else None
    results = [
        make(part, record and output_record(record, i)) if part.dtype.kind in "fc" else original
        for i, (part, original) in enumerate(zip(several, y, strict=True))
    ]
    for part, original in zip(results, y, strict=True):
        if type(part) is Tensor and is_scalar(original):
            part._scalar = True
    return y._make(results) if hasattr(y, "_make") else tuple(results)


RESULTS = (ndarray, np.generic, float, int, complex, StandIn)


def as_result(y: Any, function: Any) -> Array:
    """What a function returned, as an array."""
    if not isinstance(y, RESULTS):
        raise TypeError(
            f"{label(function)} returned a {type(y).__name__}, but what is recorded returns an array or a tuple."
        )
    return as_array(y)  # type: ignore[no-any-return]


def is_number(tensor: Tensor) -> bool:
    """Whether NumPy would have returned a number, which can't be written to and has no views, and no array."""
    return tensor._value.ndim == 0 and getattr(tensor, "_scalar", False)


def shares_memory(y: Array, a: Array) -> bool:
    return y is a or (y.base is not None and np.may_share_memory(y, a))


def frozen(value: Any) -> Any:
    """A value that nobody can change any more: a record keeps what a call was given as it was."""
    if type(value) is ndarray:
        return value.copy("K") if value.flags.writeable or value.base is not None else value
    if type(value) in (tuple, list):
        return type(value)([frozen(part) for part in value])
    return value.snapshot() if isinstance(value, StandIn) else value


def parents_of(given: list[Any], keywords: dict[str, Any], definition: Definition) -> list[Record | None]:
    """The records that made the arguments of a call; an empty list where no gradient is to flow.

    A Tensor that requires a gradient, in a place that has no rule, is refused.
    """
    if not is_recording():
        return []
    names = list(definition.names_of(given))
    for name, argument in (*zip(names, given, strict=True), *keywords.items()):
        if name not in definition.rules or name in keywords:
            for tensor in tensors_in(argument):
                if tensor._record is not None and definition.rules.get(name, tensor) is not None:
                    raise TypeError(messages.no_rule_for(definition.function, name, tensor))
    parents = [
        argument._record if type(argument) is Tensor and definition.rules.get(name) is not None else None
        for name, argument in zip(names, given, strict=True)
    ]
    return parents if any(parent is not None for parent in parents) else []


def as_operand(argument: Any, function: Any) -> Any:
    """An argument as an array or a Tensor: numbers stay, lists become arrays, also where Tensors are in them."""
    if type(argument) in NUMBERS or argument is None:
        return argument
    if isinstance(argument, list | tuple) and any(True for _ in tensors_in(argument)):
        return np.stack([part if type(part) is Tensor else as_operand(part, function) for part in argument])
    if isinstance(argument, np.ma.MaskedArray | np.matrix):
        raise TypeError(messages.foreign_array(argument, function))
    array: Array = as_array(argument)
    if array.dtype.kind not in "biufc":
        raise TypeError(messages.no_numbers(argument, function))
    return array


def tensors_in(value: Any) -> Iterator[Tensor]:
    """All Tensors in a value and in what its lists and tuples hold."""
    if type(value) is Tensor:
        yield value
    elif type(value) in (list, tuple):
        for part in value:
            yield from tensors_in(part)
