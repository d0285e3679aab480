"""Transforms: functions made of a function, that return its derivatives.

They are spelled as in JAX and autograd. Arguments may be numbers, arrays, Tensors, or lists, tuples and dicts of these.
Plain arguments give plain results. Where the function also depends on a Tensor from outside that requires a gradient,
as it does inside another transform, the results are Tensors, recorded, so that no gradient is lost.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_scratch.graph import ancestors, as_array, enable_grad, is_array, new_array, next_order
from tinygrad_scratch.messages import describe
from tinygrad_scratch.tensor import Tensor, make
from tinygrad_scratch.trees import leaves_of, map_leaves

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

    Structures, shapes, dtypes and errors are those of `grad`.

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

    The cotangent has the shape of the value; each result has the structure, shape and dtype of its argument. The
    results are a tuple, also of one argument.

    Raises TypeError where an argument holds integers or `function` returns no number or array; the second function
    raises ValueError for a cotangent of another shape.

    >>> import numpy as np
    >>> from tinygrad_scratch import vjp
    >>> value, pull_back = vjp(np.multiply, np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    >>> pull_back(np.array([1.0, 10.0]))
    (array([ 3., 40.]), array([ 1., 20.]))
    """
    run = Run(function, tuple(range(len(arguments))), arguments, {})
    return run.plain(run.output, np.ones(1)), run.gradients


def jvp(function: Callable[..., Any], primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
    """The value of a function at `primals`, and how it changes along `tangents`: forward mode, as JAX spells it.

    Each tangent has the structure and shapes of its primal; the result has the shape of the value. No derivative is
    written a second time for it: what pulls a cotangent back is linear in the cotangent, and its derivative pushes a
    tangent forward. Source: Townsend, "A new trick for calculating Jacobian vector products" (2017).

    Raises TypeError where primals and tangents are no tuples of one length, ValueError where shapes differ.

    >>> import numpy as np
    >>> from tinygrad_scratch import jvp
    >>> jvp(np.multiply, (np.array([1.0, 2.0]), np.array([3.0, 4.0])), (np.ones(2), np.zeros(2)))
    (array([3., 8.]), array([3., 4.]))
    """
    if not isinstance(primals, tuple) or not isinstance(tangents, tuple) or len(primals) != len(tangents):
        raise TypeError(
            f"jvp takes the arguments of {name_of(function)} as one tuple and their tangents as another of the same "
            "length: jvp(f, (x,), (v,))."
        )
    run = Run(function, tuple(range(len(primals))), primals, {})
    keep = run.keep_tensors or any(type(leaf) is Tensor and leaf.requires_grad for leaf in leaves_of(tangents))
    value = run.plain(run.output, np.ones(1))
    if run.output._record is None:
        paired(primals, tangents, "a tangent")
        return value, np.zeros_like(value)
    cotangent = Tensor(np.ones(run.output.shape, run.output.dtype), requires_grad=True)
    variables = [leaf for tree in run.trees for leaf in leaves_of(tree)]
    pulled = run.output.gradient(*variables, gradient=cotangent, create_graph=True)
    with enable_grad():
        total = paired(list(pulled), list(leaves_of(tangents)), "a tangent")
    if total._record is None:
        return value, np.zeros_like(value)
    (pushed,) = total.gradient(cotangent, create_graph=keep)
    return value, pushed if keep else run.plain(pushed, np.ones(1))


def jacobian(function: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    """The function that returns all derivatives of each element of an array-valued function's result.

    For a result of shape (m...) and an argument of shape (n...) they have the shape (m..., n...), and the dtype of the
    argument. It is one backward pass for each element of the result. `argnums` is the position of one argument.

    Raises TypeError for several `argnums`, for an argument that is a list, tuple or dict, and where it holds integers.

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

    It is the jacobian of the gradient. Raises what `grad` and `jacobian` raise.

    >>> import numpy as np
    >>> from tinygrad_scratch import hessian
    >>> hessian(lambda x: x[0] * x[1] ** 2)(np.array([1.0, 3.0]))
    array([[0., 6.],
           [6., 2.]])
    """
    return jacobian(grad(function, argnums), argnums)


def hessian_vector_product(function: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    """The function that returns the Hessian of a scalar function times a vector, without the Hessian.

    It is called with the arguments of `function` and then the vector, of the structure and shapes of the argument; so
    is the result. Source: Pearlmutter, "Fast exact multiplication by the Hessian" (1994).

    Raises TypeError where the vector is left out, ValueError where its shapes are not those of the argument, and what
    `grad` raises.

    >>> import numpy as np
    >>> from tinygrad_scratch import hessian_vector_product
    >>> hessian_vector_product(lambda x: x[0] * x[1] ** 2)(np.array([1.0, 3.0]), np.array([1.0, 10.0]))
    array([60., 26.])
    """

    @functools.wraps(function)
    def product(*arguments: Any, **keywords: Any) -> Any:
        if len(arguments) < 2:
            raise TypeError(f"hessian_vector_product of {name_of(function)} takes its arguments and then a vector.")
        *given, vector = arguments

        def slope(*inputs: Any) -> Any:
            gradient = grad(function, argnums)(*inputs, **keywords)
            return paired(gradient, vector, "the vector")

        return grad(slope, argnums)(*given)

    return product


def paired(tree: Any, other: Any, name: str) -> Any:
    """The sum of the products of all elements of two trees of the same structure."""
    mine, theirs = list(leaves_of(tree)), list(leaves_of(other))
    if [np.shape(leaf) for leaf in mine] != [np.shape(leaf) for leaf in theirs]:
        raise ValueError(
            f"{name} has the shapes {[np.shape(leaf) for leaf in theirs]}, but must have those of the argument, "
            f"{[np.shape(leaf) for leaf in mine]}."
        )
    return sum(np.real(np.sum(a * b)) for a, b in zip(mine, theirs, strict=True))


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
        self.keep_tensors = any(record[0] > start for record in ancestors(self.output._record, since=start))

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
        value = new_array(result.numpy())
        return value if is_array(like) else value[()]


def variable(value: Any, place: int, function: Any) -> Tensor:
    """A Tensor that stands for an argument and for nothing else: a leaf, or a recorded copy of what has a history."""
    if type(value) is Tensor and value.requires_grad:
        return value.copy()
    value = value.numpy() if type(value) is Tensor else as_array(value)
    if value.dtype.kind not in "fc":
        raise TypeError(
            f"A gradient was asked for with respect to argument {place} of {name_of(function)}, which holds "
            f"{value.dtype} and not floats. Write 3.0 for 3, cast with .astype(float), or leave it out of argnums."
        )
    return Tensor(value, requires_grad=True)


def name_of(function: Any) -> str:
    return getattr(function, "__name__", None) or repr(function)
