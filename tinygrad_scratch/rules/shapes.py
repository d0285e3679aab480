"""Derivatives of the functions that rearrange, repeat or join elements without computing with them.

Each is linear, and the cotangent takes the opposite way: what was moved moves back, what was repeated is summed.
"""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from tinygrad_scratch.rules.registry import array, compose, define_vjp, differentiable


@differentiable
def expand(a: Any, shape: tuple[int, ...]) -> Any:
    """`a` broadcast to a shape, as an array of its own: for small arrays a tenth of the time of np.broadcast_to."""
    full = np.empty(shape, a.dtype)
    full[...] = a
    return full


define_vjp(expand, a=lambda g, y, a, shape: g)  # the walk sums over what was broadcast
define_vjp(np.broadcast_to, array=lambda g, y, array, shape: g)

# ---- the same elements in another shape ------------------------------------------------------------------------------


def layout(a: Any, order: Any) -> Any:
    """What order="A" means for this array: Fortran's where its memory is laid out so, else C's."""
    flags = (a if isinstance(a, np.ndarray) else a.numpy()).flags
    return order if order != "A" else "F" if flags.fnc else "C"


def reshape_back(g: Any, y: Any, a: Any, shape: Any = None, order: Any = "C", *, copy: Any = None) -> Any:
    """The cotangent in the shape of a."""
    return np.reshape(g, a.shape, order=layout(a, order))


define_vjp(np.reshape, a=reshape_back)
define_vjp(np.expand_dims, a=lambda g, y, a, axis: g.reshape(a.shape))
define_vjp(np.squeeze, a=lambda g, y, a, axis=None: g.reshape(a.shape))


@compose(np.ravel)
def ravel(a: Any, order: Any = "C") -> Any:
    """Contiguous, unlike a reshaped view. Order "K" reads the axes as they lie in memory, the longest stride first."""
    if order == "K":
        strides = a.numpy().strides
        a, order = np.transpose(a, sorted(range(a.ndim), key=lambda i: -abs(strides[i]))), "C"
    flat = np.reshape(a, -1, order=order)
    return flat if flat.numpy().flags.c_contiguous else np.copy(flat)  # type: ignore[attr-defined]


# ---- the same elements in another order ------------------------------------------------------------------------------


def transpose_back(g: Any, y: Any, a: Any, axes: Any = None) -> Any:
    """Each axis moved back to where it came from."""
    if axes is None:
        return np.transpose(g)
    back = [0] * a.ndim
    for i, axis in enumerate(axes):
        back[axis] = i
    return np.transpose(g, back)


define_vjp(np.transpose, a=transpose_back)
define_vjp(np.matrix_transpose, x=lambda g, y, x: np.matrix_transpose(g))
define_vjp(np.swapaxes, a=lambda g, y, a, axis1, axis2: np.swapaxes(g, axis1, axis2))
define_vjp(np.moveaxis, a=lambda g, y, a, source, destination: np.moveaxis(g, destination, source))
define_vjp(np.flip, m=lambda g, y, m, axis=None: np.flip(g, axis))
define_vjp(np.fliplr, m=lambda g, y, m: np.fliplr(g))
define_vjp(np.flipud, m=lambda g, y, m: np.flipud(g))
define_vjp(np.rot90, m=lambda g, y, m, k=1, axes=(0, 1): np.rot90(g, -k, axes))


def roll_back(g: Any, y: Any, a: Any, shift: Any, axis: Any = None) -> Any:
    """Rolled the other way."""
    return np.roll(g, tuple(-s for s in shift) if isinstance(shift, tuple | list) else -shift, axis)


define_vjp(np.roll, a=roll_back)
define_vjp(np.copy, a=lambda g, y, a, order="K": g)


@differentiable
def cast(a: Any, dtype: Any) -> Any:
    """A copy in another dtype."""
    return a.astype(dtype)


define_vjp(cast, a=lambda g, y, a, dtype: g)  # the walk casts it back

if hasattr(np, "astype"):  # NumPy 2.1

    @compose(np.astype)
    def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
        """Without a copy it is x itself, if that has the dtype. The one device that NumPy knows is the CPU."""
        if device not in (None, "cpu"):
            raise ValueError(f'np.astype: the device must be "cpu" or None, not {device!r}.')
        return x if not copy and x.dtype == dtype else cast(x, np.dtype(dtype))


@compose(np.rollaxis)
def rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    """The older spelling of moveaxis, which counts the place before the axis is taken out."""
    axis, start = axis % a.ndim, start + a.ndim if start < 0 else start
    if not 0 <= start <= a.ndim:
        raise np.exceptions.AxisError(f"np.rollaxis: start must lie between {-a.ndim} and {a.ndim}.")
    return np.moveaxis(a, axis, start - 1 if axis < start else start)


@compose(np.broadcast_arrays)
def broadcast_arrays(*arrays: Any) -> Any:
    """Each array broadcast to the shape of all."""
    shape = np.broadcast_shapes(*(np.shape(a) for a in arrays))
    return tuple(np.broadcast_to(a, shape) for a in arrays)


@compose(np.atleast_1d)
def atleast_1d(*arrays: Any) -> Any:
    return _each(arrays, lambda a: np.reshape(a, (1,)) if np.ndim(a) == 0 else a)


@compose(np.atleast_2d)
def atleast_2d(*arrays: Any) -> Any:
    return _each(arrays, lambda a: np.reshape(a, (1, -1)) if np.ndim(a) < 2 else a)


@compose(np.atleast_3d)
def atleast_3d(*arrays: Any) -> Any:
    """Axes of length 1 put around those that are there."""
    shapes: dict[int, Any] = {0: lambda a: (1, 1, 1), 1: lambda a: (1, -1, 1), 2: lambda a: (*np.shape(a), 1)}
    return _each(arrays, lambda a: np.reshape(a, shapes[np.ndim(a)](a)) if np.ndim(a) < 3 else a)


def _each(arrays: tuple[Any, ...], change: Any) -> Any:
    changed = tuple(change(a) for a in arrays)
    return changed[0] if len(changed) == 1 else changed


# ---- joining ---------------------------------------------------------------------------------------------------------


def joined_parts(
    positions: Any, g: Any, y: Any, *arrays: Any, axis: Any = 0, dtype: Any = None, casting: Any = None
) -> list[Any]:
    """The pieces of the cotangent that lie where the arrays were put."""
    if axis is None:
        ends = [0, *accumulate(np.size(a) for a in arrays)]
        return [g[ends[i] : ends[i + 1]].reshape(arrays[i].shape) for i in positions]
    lead = (slice(None),) * (axis % y.ndim)
    ends = [0, *accumulate(np.shape(a)[axis] for a in arrays)]
    return [g[(*lead, slice(ends[i], ends[i + 1]))] for i in positions]


define_vjp(np.concatenate, sequence=True, arrays=joined_parts)


@differentiable
def stack_arrays(*arrays: Any, axis: Any = 0, dtype: Any = None, casting: Any = "same_kind") -> Any:
    """np.stack of arrays that are given one by one."""
    return np.stack(arrays, axis, dtype=dtype, casting=casting)


def layers(
    positions: Any, g: Any, y: Any, *arrays: Any, axis: Any = 0, dtype: Any = None, casting: Any = "same_kind"
) -> list[Any]:
    """The layers of the cotangent along the new axis."""
    each = np.moveaxis(g, axis, 0)
    return [each[i] for i in positions]


define_vjp(stack_arrays, arrays=layers)


@compose(np.stack)
def stack(arrays: Any, axis: int = 0, *, dtype: Any = None, casting: Any = "same_kind") -> Any:
    return stack_arrays(*arrays, axis=axis, dtype=dtype, casting=casting)


@compose(np.vstack)
def vstack(tup: Any, *, dtype: Any = None, casting: Any = "same_kind") -> Any:
    return np.concatenate([np.atleast_2d(a) for a in tup], axis=0, dtype=dtype, casting=casting)


@compose(np.hstack)
def hstack(tup: Any, *, dtype: Any = None, casting: Any = "same_kind") -> Any:
    """Joined along axis 1, vectors along axis 0."""
    arrays = [np.atleast_1d(a) for a in tup]
    axis = 0 if arrays and arrays[0].ndim == 1 else 1
    return np.concatenate(arrays, axis=axis, dtype=dtype, casting=casting)


@compose(np.dstack)
def dstack(tup: Any) -> Any:
    return np.concatenate([np.atleast_3d(a) for a in tup], axis=2)


@compose(np.column_stack)
def column_stack(tup: Any) -> Any:
    return np.concatenate([np.reshape(a, (-1, 1)) if np.ndim(a) < 2 else a for a in tup], axis=1)


@compose(np.append)
def append(arr: Any, values: Any, axis: int | None = None) -> Any:
    return np.concatenate((array(arr), array(values)), axis=axis)


# ---- splitting: indexing, a piece at a time --------------------------------------------------------------------------


@compose(np.array_split)
def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    """A slice for each part; where they can't be equal, the first are longer by one."""
    n = ary.shape[axis]
    if np.ndim(indices_or_sections) == 0:
        sections = int(indices_or_sections)
        if sections <= 0:
            raise ValueError(f"np.array_split: the number of parts must be larger than 0, not {sections}.")
        least, more = divmod(n, sections)
        sizes = [least + 1] * more + [least] * (sections - more)
        cuts = np.cumsum([0, *sizes]).tolist()
    else:
        cuts = [0, *indices_or_sections, n]
    lead = (slice(None),) * (axis % ary.ndim)
    return [ary[(*lead, slice(start, stop))] for start, stop in pairwise(cuts)]


@compose(np.split)
def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    """A slice for each part; the parts must be equal."""
    if np.ndim(indices_or_sections) == 0 and ary.shape[axis] % indices_or_sections:
        raise ValueError(
            f"np.split: axis {axis} of length {ary.shape[axis]} can't be cut into {indices_or_sections} equal parts; "
            "np.array_split makes parts of unequal length."
        )
    return array_split(ary, indices_or_sections, axis)


@compose(np.vsplit)
def vsplit(ary: Any, indices_or_sections: Any) -> Any:
    """Cut along axis 0."""
    if ary.ndim < 2:
        raise ValueError(f"np.vsplit takes arrays of 2 or more dimensions, this has {ary.ndim}. Use np.split.")
    return split(ary, indices_or_sections, 0)


@compose(np.hsplit)
def hsplit(ary: Any, indices_or_sections: Any) -> Any:
    """Cut along axis 1, a vector along its only one."""
    if ary.ndim < 1:
        raise ValueError("np.hsplit takes arrays of 1 or more dimensions, this has 0.")
    return split(ary, indices_or_sections, 1 if ary.ndim > 1 else 0)


@compose(np.dsplit)
def dsplit(ary: Any, indices_or_sections: Any) -> Any:
    """Cut along axis 2."""
    if ary.ndim < 3:
        raise ValueError(f"np.dsplit takes arrays of 3 or more dimensions, this has {ary.ndim}. Use np.split.")
    return split(ary, indices_or_sections, 2)


if hasattr(np, "unstack"):

    @compose(np.unstack)
    def unstack(x: Any, /, *, axis: int = 0) -> Any:
        return tuple(np.moveaxis(x, axis, 0))
