"""Convolution and pooling, made of views, copies and products.

A convolution is taken image by image: the patches under the kernel are copied to the columns of a matrix, which the
kernels multiply. As kernels share loops, there are columns for one image at a time. See `rules.convolution` for the
three functions and `rules.pooling` for the windows.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_scratch.compiler.native.assembly import Assembly
from tinygrad_scratch.compiler.native.elements import Indirect, Map, Reduce
from tinygrad_scratch.compiler.native.lowering import Lowering, described, lowers, seen
from tinygrad_scratch.compiler.native.places import Place
from tinygrad_scratch.compiler.native.products import multiply
from tinygrad_scratch.compiler.program import Step, Variable
from tinygrad_scratch.rules.convolution import Steps, convolve, convolve_back, convolve_weight
from tinygrad_scratch.rules.pooling import Pool, max_pool, put


def arguments_of(step: Step, *names: str) -> list[Any]:
    """The arguments by these names, in their order."""
    return [*step.arguments, *(step.keywords[name] for name in names[len(step.arguments) :])]


def is_convolution(step: Step, *operands: Any) -> bool:
    return all(type(x) is Variable and x.dtype.kind == "f" and x.dtype == step.results[0].dtype for x in operands)


def surrounded(lowering: Lowering, x: Place, steps: Steps) -> Place:
    """Images with zeros around them."""
    if not any(map(any, steps.padding)):
        return x
    n, channels, *space = x.shape
    target = Place.new((n, channels, *steps.padded(tuple(space))), x.dtype, x.buffer.name)
    inside = (slice(None), slice(None), *steps.inside(tuple(space)))
    lowering.operations.append(Assembly(target, [(seen(target, lambda array: array[inside]), x)]))
    return target


def windows(padded: Place, kernel: tuple[int, ...], places: tuple[int, ...], steps: Steps) -> Place:
    """The patches of images, (batch, channels, *kernel, *places), as a view: element and place both step through."""
    array = padded.array
    batch, channel, *space = array.strides
    inner = [stride * gap for stride, gap in zip(space, steps.dilation, strict=True)]
    outer = [stride * step for stride, step in zip(space, steps.stride, strict=True)]
    shape = (*array.shape[:2], *kernel, *places)
    return Place(
        padded.buffer,
        np.lib.stride_tricks.as_strided(array, shape, (batch, channel, *inner, *outer), writeable=False),
    )


def columns(lowering: Lowering, x: Place, kernel: tuple[int, ...], steps: Steps) -> Place:
    """The patches as matrices: (batch, groups, channels of a group * elements of the kernel, places)."""
    n, channels, *space = x.shape
    places = steps.places(tuple(space), kernel)
    seen_ = windows(surrounded(lowering, x, steps), kernel, places, steps)
    target = Place.new(seen_.shape, x.dtype, "columns")
    lowering.operations.append(Map(target, "{0}", (seen_,), (x.dtype,), "columns of patches"))
    patch = channels // steps.groups * math.prod(kernel)
    return lowering.reshaped(target, (n, steps.groups, patch, math.prod(places)))


def rows(lowering: Lowering, g: Place, groups: int) -> Place:
    """Outputs as matrices: (batch, groups, channels of a group, places)."""
    n, channels, *places = g.shape
    return lowering.reshaped(g, (n, groups, channels // groups, math.prod(places)))


def flat(lowering: Lowering, w: Place, groups: int) -> Place:
    """Kernels as matrices: (groups, outputs of a group, channels of a group * elements of the kernel)."""
    return lowering.reshaped(w, (groups, w.shape[0] // groups, math.prod(w.shape[1:])))


@lowers(convolve)
def forward(lowering: Lowering, step: Step) -> bool:
    x, w, steps = arguments_of(step, "x", "w", "steps")
    if not is_convolution(step, x, w):
        return False
    y = convolved(lowering, lowering.places[x], lowering.places[w], steps, described(step))
    lowering.places[step.results[0]] = y
    return True


def convolved(lowering: Lowering, x: Place, w: Place, steps: Steps, note: str) -> Place:
    """Kernels times the patches of images."""
    kernel = w.shape[2:]
    patches = columns(lowering, x, kernel, steps)
    target = Place.new((x.shape[0], w.shape[0], *steps.places(x.shape[2:], kernel)), x.dtype)
    multiply(lowering, rows(lowering, target, steps.groups), flat(lowering, w, steps.groups), patches, note)
    return target


@lowers(convolve_weight)
def of_kernels(lowering: Lowering, step: Step) -> bool:
    """The products of all images, summed. BLAS is quicker at patches times outputs than at its transpose."""
    x, g, shape, steps = arguments_of(step, "x", "g", "shape", "steps")
    if not is_convolution(step, x, g):
        return False
    patches = columns(lowering, lowering.places[x], tuple(shape[2:]), steps)
    outputs = rows(lowering, lowering.places[g], steps.groups)
    target = Place.new((steps.groups, patches.shape[-2], outputs.shape[-2]), x.dtype, step.results[0].name)
    each = target.broadcast((x.shape[0], *target.shape))
    multiply(lowering, each, patches, turned(outputs), described(step))
    lowering.places[step.results[0]] = lowering.reshaped(turned(target), tuple(shape))
    return True


def turned(place: Place) -> Place:
    return seen(place, lambda array: np.swapaxes(array, -1, -2))


@lowers(convolve_back)
def transposed(lowering: Lowering, step: Step) -> bool:
    """Where the kernel moves by one place at a time, the convolution with the kernel turned round; else shares."""
    g, w, shape, steps = arguments_of(step, "g", "w", "shape", "steps")
    if not is_convolution(step, g, w):
        return False
    around = turned_round(tuple(shape[2:]), g.shape[2:], w.shape[2:], steps)
    if around is not None:
        kernels = kernels_turned_round(lowering, lowering.places[w], steps.groups)
        lowering.places[step.results[0]] = convolved(lowering, lowering.places[g], kernels, around, described(step))
        return True
    shares_added(lowering, step, g, w, tuple(shape), steps)
    return True


def turned_round(
    space: tuple[int, ...], places: tuple[int, ...], kernel: tuple[int, ...], steps: Steps
) -> Steps | None:
    """How a kernel that is turned round moves over the outputs, to give an array of this size."""
    spans = steps.spans(kernel)
    padding = []
    for size, count, span, (before, _) in zip(space, places, spans, steps.padding, strict=True):
        first = span - 1 - before
        padding.append((first, size - count + span - 1 - first))
    if any(n < 0 for pair in padding for n in pair) or set(steps.stride) != {1}:
        return None
    return Steps(steps.stride, tuple(padding), steps.dilation, steps.groups)


def kernels_turned_round(lowering: Lowering, w: Place, groups: int) -> Place:
    """Kernels (outputs, channels of a group, *kernel) as (channels, outputs of a group, *kernel), each turned round."""
    outputs, channels, *kernel = w.shape
    split = lowering.reshaped(w, (groups, outputs // groups, channels, *kernel))
    axes = tuple(range(3, 3 + len(kernel)))
    back = lowering.copied(seen(split, lambda array: np.flip(np.swapaxes(array, 1, 2), axes)))
    return lowering.reshaped(back, (groups * channels, outputs // groups, *kernel))


def shares_added(
    lowering: Lowering, step: Step, g: Variable, w: Variable, shape: tuple[int, ...], steps: Steps
) -> None:
    """The share that each output has in the elements of its patch, added up in zeros."""
    n, channels, *space = shape
    kernel, places = w.shape[2:], g.shape[2:]
    kernels = turned(flat(lowering, lowering.places[w], steps.groups))
    outputs = rows(lowering, lowering.places[g], steps.groups)
    shares = Place.new((n, channels, *kernel, *places), g.dtype, "shares")
    patch = channels // steps.groups * math.prod(kernel)
    matrix = lowering.reshaped(shares, (n, steps.groups, patch, math.prod(places)))
    multiply(lowering, matrix, kernels, outputs, described(step))
    image = Place.new((n, channels, *steps.padded(tuple(space))), g.dtype, step.results[0].name)
    into = Indirect(windows(image, kernel, places, steps), ())
    overlapping = tuple(range(2, len(shares.shape)))
    lowering.operations.append(Reduce(image, "sum", shares, overlapping, into, "shares added to their patches"))
    inside = (slice(None), slice(None), *steps.inside(tuple(space)))
    lowering.places[step.results[0]] = seen(image, lambda array: array[inside])


def fits(pool: Pool, shape: tuple[int, ...]) -> bool:
    """Whether windows lie side by side and cover everything."""
    space = shape[-len(pool.window) :]
    covered = all(n % window == 0 for n, window in zip(space, pool.window, strict=True))
    return pool.stride == pool.window and covered and not any(map(any, pool.padding))


@lowers(max_pool)
def largest(lowering: Lowering, step: Step) -> bool:
    """The larger of the elements of a window, each seen as an array of all windows' elements of that number."""
    x, pool = arguments_of(step, "x", "pool")
    if type(x) is not Variable or any(map(any, pool.padding)) or x.dtype.kind != "f":
        return False
    place = lowering.places[x]
    elements = [
        seen(place, lambda array, element=element: array[element])  # type: ignore[misc]
        for element in pool.elements(pool.places(x.shape[-len(pool.window) :]))
    ]
    text = "{0}"
    for i in range(1, len(elements)):
        text = f"maximum({text}, {{{i}}})"
    lowering.map(step.results[0], text, elements, [x.dtype] * len(elements), described(step))
    return True


@lowers(put)
def to_the_largest(lowering: Lowering, step: Step) -> bool:
    """Each element of a window gets the cotangent, or 0: whether it is the one that is meant is told by its number."""
    g, places, shape, pool = arguments_of(step, "g", "places", "shape", "pool")
    if type(g) is not Variable or type(places) is not Variable or not fits(pool, shape) or g.dtype.kind != "f":
        return False
    lead = len(shape) - len(pool.window)
    target = lowering.new(step.results[0])
    split = [part for pair in zip(g.shape[lead:], pool.window, strict=True) for part in pair]
    along = [part for n in g.shape[lead:] for part in (n, 1)]
    numbers = np.arange(math.prod(pool.window), dtype=places.dtype).reshape(pool.window)
    number = lowering.constant(numbers.reshape([part for n in pool.window for part in (1, n)]))
    g_place, chosen = lowering.places[g], lowering.places[places]
    shown = [lowering.reshaped(place, (*g.shape[:lead], *along)) for place in (g_place, chosen)]
    whole = target.reshaped((*shape[:lead], *split))
    assert whole is not None
    types = [g.dtype, places.dtype, places.dtype]
    text = "select({1} == {2}, {0}, zero{t})"
    lowering.operations.append(Map(whole, text, (*shown, number), tuple(types), described(step)))
    return True
