"""What errors say: what was written, what was seen, why it can't be, and what to write instead."""

from __future__ import annotations

import reprlib
from typing import Any

import numpy as np

from tinygrad_scratch.graph import Untraceable, get_name
from tinygrad_scratch.rules.registry import DEFINITIONS, label

KINDS: tuple[type[Exception], ...] = (np.exceptions.AxisError, np.linalg.LinAlgError, IndexError, ValueError, TypeError)


def describe(value: Any) -> str:
    """A value by its name, shape and dtype: "Tensor 'w' of shape (3, 4) and dtype float64"."""
    array = getattr(value, "_value", value)
    if type(value) is tuple:
        return f"({', '.join(map(describe, value))}{',' * (len(value) == 1)})"
    if not isinstance(array, np.ndarray):
        return reprlib.repr(value) if isinstance(value, list) else repr(value)
    kind, name = "an array" if array is value else "Tensor", get_name(array)
    return f"{kind} {f'{name!r} ' if name else ''}of shape {array.shape} and dtype {array.dtype}"


INSTEAD_OF_ARRAYS = (
    "np.stack([t, ...]) for np.array([t, ...]), t.copy() for np.array(t), np.concatenate for np.r_, np.full_like(t, v) "
    "for np.full, z = np.zeros_like(t) for the array of z[...] = t, sliding_window_view for as_strided, or t.numpy()"
)


def lost(tensor: Any, wanted: str, instead: str) -> str:
    return (
        f"{describe(tensor)} requires a gradient, which would be lost if it were {wanted}. Write {instead}; "
        "or work under no_grad() where no gradient is wanted."
    )


def detached_copy(tensor: Any) -> str:
    return (
        f"Tensor(t) of {describe(tensor)} would drop its history and so its gradient. "
        "Write t.copy() to keep the gradient, or Tensor(t.numpy()) for a new leaf."
    )


def check_data(data: Any, value: Any) -> None:
    """Refuse what is no array of numbers."""
    if isinstance(data, np.ma.MaskedArray):
        raise TypeError(
            "A masked array can't become a Tensor: its mask would be lost. Pass data.filled(...), or use np.where."
        )
    if value.dtype.kind not in "biufc":
        raise TypeError(
            f"A Tensor holds numbers, but this {type(data).__name__} makes an array of dtype {value.dtype}. "
            "Pass numbers in rows of equal length, or give dtype=."
        )


def foreign_array(value: Any, function: Any) -> str:
    return (
        f"{label(function)} of a Tensor and a {type(value).__name__} would lose what that type adds to an array. "
        "Pass np.asarray(a) or a.filled(...), and use np.where for a mask and @ for a matrix product."
    )


def no_numbers(value: Any, function: Any) -> str:
    return f"{label(function)} of a Tensor needs numbers, but was given {value!r}, a {type(value).__name__}."


def no_attribute(name: str) -> str:
    if hasattr(np.ndarray, name):
        return (
            f"Tensor does not have ndarray's {name!r}. Write it with NumPy's functions, or use t.numpy() where no "
            "gradient is wanted."
        )
    return f"'Tensor' object has no attribute {name!r}"


def view_as_leaf(tensor: Any) -> str:
    return (
        f"{describe(tensor)} is a view of another Tensor, so it can't become a leaf: a write to that one would change "
        "its value. Make a leaf of it: Tensor(t.numpy(), requires_grad=True)."
    )


def not_differentiable(tensor: Any) -> str:
    return (
        f"requires_grad=True needs floating data, but {describe(tensor)} holds no floats: a gradient with respect to "
        "integers has no meaning. Write 1.0 for 1, or give dtype=float."
    )


def computed(tensor: Any, problem: str, instead: str) -> str:
    if tensor._record is None:
        return f"{describe(tensor)} requires no gradient, so {problem}: {instead}."
    return f"{describe(tensor)} was computed from other Tensors, so {problem}: {instead}."


def nothing_recorded(tensor: Any, method: str) -> str:
    return (
        f"{method} of {describe(tensor)}: it depends on no Tensor that requires a gradient. Was a parameter made "
        "without requires_grad=True, or was this computed under no_grad(), from t.numpy() or t.detach(), or only with "
        "functions whose derivative is zero (np.sign, np.floor, comparisons)?"
    )


def no_gradient_for(value: Any, place: int) -> str:
    what = describe(value) if hasattr(value, "_record") else f"a {type(value).__name__}"
    return (
        f"gradient() was asked for input {place}, {what}, which requires no gradient. "
        "Pass a Tensor with requires_grad=True, or one that was computed from such."
    )


def not_scalar(tensor: Any) -> str:
    return (
        f"{describe(tensor)} holds {tensor.size} numbers, and a gradient is that of one. Reduce it first, for example "
        f"with np.sum(t), or pass its cotangent: gradient=, an array of shape {tensor.shape}."
    )


def no_mask(ufunc: Any, where: Any) -> str:
    return f"{label(ufunc)}: where= takes booleans, but was given {describe(where)}. Write where=t > 0 or where=t != 0."


def integer_target(target: Any, value: Any) -> str:
    return (
        f"{describe(value)} requires a gradient, which would be lost if it were written into {describe(target)}: cast "
        "to integers. Make the target with a floating dtype."
    )


def real_target(target: Any, value: Any) -> str:
    return (
        f"{describe(value)} requires a gradient, which its imaginary part would lose if it were written into "
        f"{describe(target)}. Write t.real, or make the target with dtype=complex."
    )


def plain_out(function: Any, out: Any) -> str:
    return (
        f"{label(function)} was to write a result that requires a gradient into {describe(out)}, which can't keep its "
        "history. Write a = a + t for a += t, leave out= away, or make the target with np.zeros_like(t)."
    )


def no_rule_for(function: Any, name: str, tensor: Any) -> str:
    rules = ", ".join(DEFINITIONS[function].rules)
    return (
        f"{label(function)} has no derivative with respect to its argument {name!r}, but {describe(tensor)} was passed "
        f"there and requires a gradient. Pass t.numpy() if none is wanted there; it has rules for {rules}."
    )


def explain(error: Exception, function: Any, arguments: tuple[Any, ...]) -> None:
    """Raise NumPy's own error with the arguments as they were: names, shapes, dtypes; and a hint where one is sure.

    Returns for an error of another kind, which the caller is to raise as it is.
    """
    for kind in KINDS:
        if isinstance(error, kind) and not isinstance(error, Untraceable):
            names = getattr(DEFINITIONS.get(function), "names", ())
            facts = [
                f"  {names[i] if i < len(names) else i}: {describe(a) if isinstance(a, np.ndarray) else repr(a)}"
                for i, a in enumerate(arguments)
            ]
            hint = shape_hint(function, arguments)
            text = str(error).strip().removeprefix(f"{getattr(function, '__name__', '')}: ")
            said = "t[index] = value" if label(function) == "assign" else label(function)
            raise kind("\n".join([f"{said}: {text}", *facts, *hint])) from error


def inside(function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any], method: str = "__call__") -> str:
    """What was written, where the error comes from a function that it is made of."""
    given = [summary(argument) for argument in arguments]
    given += [f"{name}={summary(value)}" for name, value in keywords.items()]
    called = label(function) if method == "__call__" else f"{label(function)}.{method}"
    return f"in {called}({', '.join(given)})"


def summary(value: Any) -> str:
    """An argument on part of a line."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{value.dtype}{list(value.shape)}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(summary, value))}]"
    return f"{text[:40]}..." if len(text := repr(value)) > 43 else text


def shape_hint(function: Any, arguments: tuple[Any, ...]) -> list[str]:
    shapes = [np.shape(a) for a in arguments if isinstance(a, np.ndarray | int | float)]
    if function in (np.matmul, np.dot) and len(shapes) == 2 and all(shapes):
        (left, right), second = shapes, -2 if len(shapes[1]) > 1 else -1
        if left[-1] != right[second]:
            return [
                f"  The last axis of the first ({left[-1]}) must be as long as axis {second} of the second "
                f"({right[second]})."
            ]
    if isinstance(function, np.ufunc) and function.signature is None:
        try:
            np.broadcast_shapes(*shapes)
        except ValueError:
            return ["  Shapes are compared from the right: two lengths must be equal, or one of them 1. Reshape one."]
    return []
