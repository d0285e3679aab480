"""Transforms: functions made of a function, that return its derivatives.

They are spelled as in JAX and autograd. Arguments may be numbers, arrays, Tensors, or lists, tuples and dicts of these.
Plain arguments give plain results. Where the function also depends on a Tensor from outside that requires a gradient,
as it does inside another transform, the results are Tensors, recorded, so that no gradient is lost.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from tinygrad_scratch.graph import Record, enable_grad, next_order, split_record
from tinygrad_scratch.messages import describe
from tinygrad_scratch.tensor import Tensor, make

Argnums = int | Sequence[int]


def grad(function: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """The function that returns the gradient of a scalar function with respect to its arguments `argnums`.

    The gradient has the structure, shape and dtype of its argument; a tuple of gradients where `argnums` is a tuple.

    Raises TypeError where an argument holds integers or `function` returns no number, ValueError where it returns
    several.

    >>> import numpy as np
    >>> from tinygrad_scratch import grad
    >>> float(grad(np.tanh)(0.0)), float(grad(grad(np.sin))(np.pi / 2))
    (1.0, -1.0)
    >>> grad(lambda w, x: np.sum(w * x), argnums=(0, 1))(np.ones(2), np.array([3.0, 4.0]))
    (array([3., 4.]), array([1., 1.]))
    """
    both = value_and_grad(function, argnums)

    @functools.wraps(function)
    def gradient(*arguments: Any, **keywords: Any) -> Any:
        return both(*arguments, **keywords)[1]

    return gradient


def value_and_grad(function: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """The function that returns the value of a scalar function, and its gradient as `grad` does.

    >>> import numpy as np
    >>> from tinygrad_scratch import value_and_grad
    >>> value, slope = value_and_grad(lambda x: x**2)(3.0)
    >>> float(value), float(slope)
    (9.0, 6.0)
    """

    @functools.wraps(function)
    def value_and_gradient(*arguments: Any, **keywords: Any) -> Any:
        run = Run(function, argnums, arguments, keywords)
        if run.output.size != 1 or run.output.ndim:
            raise ValueError(
                f"grad needs a function that returns one number, but {name_of(function)} returned "
                f"{describe(run.output)}. Reduce it, for example with np.sum, or use jacobian or vjp."
            )
        return run.plain(run.output, 0.0), run.gradients(None)

    return value_and_gradient


def vjp(function: Callable[..., Any], *arguments: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """The value of a function, and the function that pulls a cotangent of that value back to all its arguments.

    The cotangent has the shape of the value; each result has the structure, shape and dtype of its argument.

    >>> import numpy as np
    >>> from tinygrad_scratch import vjp
    >>> value, pull_back = vjp(np.multiply, np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    >>> pull_back(np.array([1.0, 10.0]))
    (array([ 3., 40.]), array([ 1., 20.]))
    """
    run = Run(function, tuple(range(len(arguments))), arguments, {})
    return run.plain(run.output, np.ones(1)), run.gradients


def jacobian(function: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    """The function that returns all derivatives of each element of an array-valued function's result.

    For a result of shape (m...) and an argument of shape (n...) they have the shape (m..., n...).

    >>> import numpy as np
    >>> from tinygrad_scratch import jacobian
    >>> jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """

    @functools.wraps(function)
    def derivatives(*arguments: Any, **keywords: Any) -> Any:
        if not isinstance(argnums, int):
            raise TypeError(f"jacobian is with respect to one argument, but argnums={argnums!r}. Pass one number.")
        run = Run(function, argnums, arguments, keywords)
        if isinstance(arguments[argnums], list | tuple | dict):
            raise TypeError(
                f"jacobian is of one array, but argument {argnums} of {name_of(function)} is a "
                f"{type(arguments[argnums]).__name__}. Pass its arrays as arguments of their own, or use vjp."
            )
        shape = run.output.shape
        rows = []
        for i in range(run.output.size):
            one = np.zeros(run.output.size, run.output.dtype)
            one[i] = 1
            rows.append(run.gradients(one.reshape(shape)))
        full = np.stack(rows) if rows else np.zeros((0, *np.shape(arguments[argnums])))
        return full.reshape(shape + tuple(np.shape(arguments[argnums])))

    return derivatives


def hessian(function: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    """The function that returns all second derivatives of a scalar function: for an argument (n...), (n..., n...).

    >>> import numpy as np
    >>> from tinygrad_scratch import hessian
    >>> hessian(lambda x: x[0] * x[1] ** 2)(np.array([1.0, 3.0]))
    array([[0., 6.],
           [6., 2.]])
    """
    return jacobian(grad(function, argnums), argnums)


class Run:
    """One run of a function with some of its arguments as variables."""

    def __init__(
        self, function: Callable[..., Any], argnums: Argnums, arguments: tuple[Any, ...], keywords: dict[str, Any]
    ) -> None:
        self.single = not isinstance(argnums, Sequence)
        chosen = [argnums] if not isinstance(argnums, Sequence) else list(argnums)
        for i in chosen:
            if not -len(arguments) <= i < len(arguments):
                raise TypeError(
                    f"argnums names argument {i}, but {name_of(function)} was called with {len(arguments)} by position."
                )
        if len({i % len(arguments) for i in chosen}) < len(chosen):
            raise ValueError(f"argnums={argnums!r} names one argument of {name_of(function)} twice. Name each once.")
        start = next_order()
        given = list(arguments)
        with enable_grad():
            self.arguments = [given[i] for i in chosen]
            self.trees = [map_leaves(functools.partial(variable, place=i, function=function), given[i]) for i in chosen]
            for i, tree in zip(chosen, self.trees, strict=True):
                given[i] = map_leaves(lambda leaf: make(leaf._value, leaf._record), tree)  # it may be written to
            output = function(*given, **keywords)
        if isinstance(output, list | tuple | dict) or output is None:
            raise TypeError(
                f"{name_of(function)} returned a {type(output).__name__}; a transform needs one number or array."
            )
        self.output = output if type(output) is Tensor else Tensor(output)
        self.keep_tensors = reaches_outside(self.output._record, start)

    def gradients(self, cotangent: Any) -> Any:
        """The gradients of the chosen arguments, in their structure; zeros where nothing depends on them."""
        variables = [leaf for tree in self.trees for leaf in leaves_of(tree)]
        if self.output._record is None:
            found = [Tensor(np.zeros(v.shape, v.dtype)) for v in variables]
        else:
            found = list(self.output.gradient(*variables, gradient=cotangent, create_graph=self.keep_tensors))
        following = iter(found)
        results = tuple(map_leaves(lambda leaf: self.plain(next(following), leaf), a) for a in self.arguments)
        return results[0] if self.single else results

    def plain(self, result: Tensor, like: Any) -> Any:
        """A result as what the argument was: a Tensor for a Tensor, an array for an array, else a NumPy number."""
        if self.keep_tensors or type(like) is Tensor:
            return result
        value = np.array(result.numpy())
        return value if isinstance(like, np.ndarray) else value[()]


def variable(value: Any, place: int, function: Any) -> Tensor:
    """A Tensor that stands for an argument and for nothing else: a leaf, or a recorded copy of what has a history."""
    if type(value) is Tensor and value.requires_grad:
        return value.copy()
    value = value.numpy() if type(value) is Tensor else np.asarray(value)
    if value.dtype.kind not in "fc":
        raise TypeError(
            f"A gradient was asked for with respect to argument {place} of {name_of(function)}, which holds "
            f"{value.dtype} and not floats. Write 3.0 for 3, cast with .astype(float), or leave it out of argnums."
        )
    return Tensor(value, requires_grad=True)


def reaches_outside(record: Record | None, start: int) -> bool:
    """Whether a value also depends on Tensors that were there before the call `start`."""
    seen: set[int] = set()
    waiting = [] if record is None else [record]
    while waiting:
        record = waiting.pop()
        if record[0] > start:
            return True
        if record[0] not in seen:
            seen.add(record[0])
            if record[1] is not None:
                waiting.extend(parent for parent in split_record(record)[1] if parent is not None)
    return False


def map_leaves(change: Callable[[Any], Any], tree: Any) -> Any:
    """The same lists, tuples and dicts with every leaf changed."""
    if isinstance(tree, dict):
        return {key: map_leaves(change, part) for key, part in tree.items()}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(map_leaves(change, part) for part in tree))
    if isinstance(tree, list | tuple):
        return type(tree)(map_leaves(change, part) for part in tree)
    return change(tree)


def leaves_of(tree: Any) -> Iterator[Any]:
    if isinstance(tree, dict | list | tuple):
        for part in tree.values() if isinstance(tree, dict) else tree:
            yield from leaves_of(part)
    else:
        yield tree


def name_of(function: Any) -> str:
    return getattr(function, "__name__", None) or repr(function)
