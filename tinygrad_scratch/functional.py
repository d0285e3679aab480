"""What NumPy lacks and networks need, in NumPy: activations, sliding kernels and windows, norms, attention, losses.

They take arrays, numbers and lists, as NumPy's functions do, and Tensors. float32 stays float32; integers are computed
as float64 where the result is no integer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from tinygrad_scratch.graph import StandIn, as_array, known
from tinygrad_scratch.rules.convolution import Steps, convolve
from tinygrad_scratch.rules.pooling import Pool, max_pool, sum_pool
from tinygrad_scratch.rules.registry import array, define_vjp, differentiable, plain

__all__ = [
    "attention",
    "avg_pool1d",
    "avg_pool2d",
    "conv1d",
    "conv2d",
    "elu",
    "embedding",
    "erf",
    "gelu",
    "leaky_relu",
    "linear",
    "log_softmax",
    "masked_softmax",
    "max_pool1d",
    "max_pool2d",
    "relu",
    "sigmoid",
    "silu",
    "softmax",
    "softmax_cross_entropy",
    "softplus",
    "squared_error",
    "standardize",
]

# ---- activations -----------------------------------------------------------------------------------------------------


@differentiable
@np.errstate(over="ignore", under="ignore")
def sigmoid(x: Any) -> Any:
    """The logistic function, 1 / (1 + exp(-x)), element by element: the shape of x, between 0 and 1.

    Safe at any size: exp(-x) overflows to infinity for a very negative x, and its reciprocal is the right limit, 0. The
    derivative is y * (1 - y). Source: Goodfellow, Bengio and Courville, "Deep Learning" (2016), equation 3.30.

    >>> from tinygrad_scratch.functional import sigmoid
    >>> sigmoid([-1000, 0, 1000])
    array([0. , 0.5, 1. ])
    """
    return np.reciprocal(np.add(np.exp(np.subtract(0.0, x)), 1.0))  # 0.0 - x, where -x would keep integers integers


define_vjp(sigmoid, x=lambda g, y, x: g * (y * (1 - y)))


@differentiable
def relu(x: Any) -> Any:
    """The rectified linear unit, max(x, 0), element by element, of the shape and dtype of x.

    Its derivative at 0 is 0. Source: Nair and Hinton, "Rectified linear units improve restricted Boltzmann machines"
    (2010).

    >>> from tinygrad_scratch.functional import relu
    >>> relu([-2.0, 0.0, 3.0])
    array([0., 0., 3.])
    """
    return np.maximum(x, 0)


define_vjp(relu, x=lambda g, y, x: g * (y > 0))


@differentiable
def leaky_relu(x: Any, slope: float = 0.01) -> Any:
    """The leaky rectified linear unit: x where x > 0, slope * x elsewhere, element by element, of the shape of x.

    Its derivative at 0 is `slope`. Source: Maas, Hannun and Ng, "Rectifier nonlinearities improve neural network
    acoustic models" (2013).

    >>> from tinygrad_scratch.functional import leaky_relu
    >>> leaky_relu([-2.0, 0.0, 3.0], slope=0.1)
    array([-0.2,  0. ,  3. ])
    """
    return np.where(np.greater(x, 0), x, np.multiply(x, slope))


define_vjp(leaky_relu, x=lambda g, y, x, slope=0.01: np.where(x > 0, g, g * slope))


@differentiable
def elu(x: Any, alpha: float = 1.0) -> Any:
    """The exponential linear unit: x where x > 0, alpha * (exp(x) - 1) elsewhere, of the shape of x.

    Its derivative at 0 is `alpha`. Source: Clevert, Unterthiner and Hochreiter, "Fast and accurate deep network
    learning by exponential linear units (ELUs)" (2015), equation 15.

    >>> from tinygrad_scratch.functional import elu
    >>> elu([-1000.0, 0.0, 3.0])
    array([-1.,  0.,  3.])
    """
    return np.where(np.greater(x, 0), x, alpha * np.expm1(np.minimum(x, 0)))


define_vjp(elu, x=lambda g, y, x, alpha=1.0: np.where(x > 0, g, g * (alpha * np.exp(np.where(x > 0, 0, x)))))


def silu(x: Any) -> Any:
    """The sigmoid linear unit, also named swish: x * sigmoid(x), element by element, of the shape of x.

    Source: Elfwing, Uchibe and Doya, "Sigmoid-weighted linear units for neural network function approximation in
    reinforcement learning" (2018), equation 2.

    >>> from tinygrad_scratch.functional import silu
    >>> silu([-1000.0, 0.0, 1000.0])
    array([  -0.,    0., 1000.])
    """
    return np.multiply(x, sigmoid(x))


def softplus(x: Any) -> Any:
    """log(1 + exp(x)), element by element: a smooth relu, safe at any size, whose derivative is sigmoid(x).

    Source: Dugas et al., "Incorporating second-order functional knowledge for better option pricing" (2000), equation
    4.

    >>> from tinygrad_scratch.functional import softplus
    >>> softplus([-1000.0, 0.0, 1000.0])
    array([0.00000000e+00, 6.93147181e-01, 1.00000000e+03])
    """
    return np.logaddexp(x, 0.0)


@differentiable
def erf(x: Any) -> Any:
    """The error function, 2 / sqrt(pi) * (the integral of exp(-t * t) from 0 to x), element by element.

    NumPy has none, so Python's `math.erf` computes it, number by number: right to the last digit, and some twenty times
    slower than np.tanh. The derivative is 2 / sqrt(pi) * exp(-x * x).

    >>> from tinygrad_scratch.functional import erf
    >>> erf([0.0, 1.0, 10.0])
    array([0.        , 0.84270079, 1.        ])
    """
    x = np.asarray(np.multiply(x, 1.0))
    return np.fromiter(map(math.erf, x.ravel().tolist()), x.dtype, x.size).reshape(x.shape)


define_vjp(erf, x=lambda g, y, x: g * (2 / math.sqrt(math.pi) * np.exp(-x * x)))

GELU_SCALE, GELU_CUBE = 2 * math.sqrt(2 / math.pi), 0.044715


def gelu_argument(x: Any) -> Any:
    return x * (GELU_SCALE + GELU_SCALE * GELU_CUBE * (x * x))


@differentiable
def gelu_tanh(x: Any) -> Any:
    """The gelu with tanh in place of erf: x * sigmoid(u), where u = sqrt(8 / pi) * (x + 0.044715 * x**3).

    It is x * (1 + tanh(u / 2)) / 2, as (1 + tanh(u / 2)) / 2 = sigmoid(u) = s. The derivative is s + x * s * (1 - s) *
    u' with u' = sqrt(8 / pi) * (1 + 0.134145 * x**2); s is computed again for it, which takes less than keeping it.

    >>> from tinygrad_scratch.functional import gelu_tanh
    >>> gelu_tanh([-1000.0, 0.0, 1000.0])
    array([  -0.,    0., 1000.])
    """
    x = as_array(np.multiply(x, 1.0))
    return x * sigmoid(gelu_argument(x))


def gelu_slope(x: Any) -> Any:
    s = sigmoid(gelu_argument(x))
    return s + x * (GELU_SCALE + 3 * GELU_SCALE * GELU_CUBE * (x * x)) * (s * (1 - s))


define_vjp(gelu_tanh, x=lambda g, y, x: g * gelu_slope(x))


def gelu(x: Any, approximate: str = "tanh") -> Any:
    """The Gaussian error linear unit, x * (1 + erf(x / sqrt(2))) / 2, element by element.

    approximate   value
    -----------   ---------------------------------------------------------------------------------------------------
    "tanh"        x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))) / 2, within 0.0005 of it; JAX's default
    "none"        the formula itself, PyTorch's default; slow, see `erf`

    Raises ValueError for another name. Source: Hendrycks and Gimpel, "Gaussian error linear units (GELUs)" (2016).

    >>> from tinygrad_scratch.functional import gelu
    >>> gelu([-1.0, 0.0, 1.0]), gelu([-1.0, 0.0, 1.0], approximate="none")
    (array([-0.15880801,  0.        ,  0.84119199]), array([-0.15865525,  0.        ,  0.84134475]))
    """
    if approximate == "tanh":
        return gelu_tanh(x)
    if approximate == "none":
        return np.multiply(x, 0.5 + 0.5 * erf(np.multiply(x, math.sqrt(0.5))))
    raise ValueError(f"gelu has no approximation {approximate!r}. Choose 'tanh', or 'none' for the formula itself.")


# ---- from logits to probabilities ------------------------------------------------------------------------------------


def shifted(x: Any, axis: Any) -> Any:
    """Logits less their maximum: the probabilities stay the same, and exp can't overflow."""
    x = np.multiply(x, 1.0)
    return x - x.max(axis=axis, keepdims=True)


@differentiable
def softmax(x: Any, axis: Any = -1) -> Any:
    """Probabilities from logits, exp(x) / sum(exp(x)): the shape of x, positive, adding up to 1 over an axis.

    `axis` is a number, a tuple of numbers, or None for all axes. Safe at any size. The cotangent of x is
    y * (g - sum(g * y)). Raises AxisError for an axis that x lacks. Source: Bridle, "Probabilistic interpretation of
    feedforward classification network outputs" (1990).

    >>> from tinygrad_scratch.functional import softmax
    >>> softmax([[1000, 1000], [0, 1000]])
    array([[0.5, 0.5],
           [0. , 1. ]])
    """
    e = np.exp(shifted(x, axis))
    return e / e.sum(axis=axis, keepdims=True)


define_vjp(softmax, x=lambda g, y, x, axis=-1: y * (g - (g * y).sum(axis=axis, keepdims=True)))


@differentiable
def log_softmax(x: Any, axis: Any = -1) -> Any:
    """The logarithm of softmax, x - log(sum(exp(x))), right also where a probability is too small for a float.

    Shape, `axis` and errors are those of `softmax`. The cotangent of x is g - softmax(x) * sum(g).

    >>> from tinygrad_scratch.functional import log_softmax
    >>> log_softmax([0, 1000])
    array([-1000.,     0.])
    """
    z = shifted(x, axis)
    return z - np.log(np.exp(z).sum(axis=axis, keepdims=True))


define_vjp(log_softmax, x=lambda g, y, x, axis=-1: g - np.exp(y) * g.sum(axis=axis, keepdims=True))


@differentiable
def softmax_cross_entropy(logits: Any, labels: Any) -> Any:
    """-log(softmax(logits)[label]), a number a row: logits of shape (..., classes), integers of shape (...).

    How surprising the label is, to one who believes in those probabilities. The cotangent of the logits is
    g * (softmax(logits) - one_hot(labels)): what was believed, less what is so. `nn.cross_entropy` checks labels, and
    takes the mean. Source: Goodfellow, Bengio and Courville, "Deep Learning" (2016), section 6.2.2.3.

    >>> from tinygrad_scratch.functional import softmax_cross_entropy
    >>> softmax_cross_entropy([[0.0, 0.0], [0.0, 1000.0]], [1, 0])
    array([6.93147181e-01, 1.00000000e+03])
    """
    z = as_array(np.multiply(logits, 1.0))
    z -= z.max(axis=-1, keepdims=True)
    chosen = np.take_along_axis(z, as_array(labels)[..., None], axis=-1)[..., 0]
    return np.log(np.exp(z, out=z).sum(axis=-1)) - chosen


def probabilities_less_one_hot(y: Any, logits: Any, labels: Any) -> Any:
    """softmax(logits) - one_hot(labels), by the loss y: the label's probability is exp(-y).

    With finite losses, that of each class is exp(z - z[label] - y), without a second search for the largest logit. An
    infinite loss leaves the softmax; so does jit, which takes no branch on a value.
    """
    place = as_array(labels)[..., None]
    if not isinstance(plain(y), StandIn) and np.isfinite(plain(y)).all():
        p = np.exp(logits - np.take_along_axis(logits, place, axis=-1) - y[..., None])
    else:
        p = softmax(logits)
    np.put_along_axis(p, place, np.expm1(-y)[..., None], axis=-1)
    return p


define_vjp(
    softmax_cross_entropy,
    logits=lambda g, y, logits, labels: g[..., None] * probabilities_less_one_hot(y, logits, labels),
)

# ---- rows through a matrix -------------------------------------------------------------------------------------------


@differentiable
def linear(x: Any, weight: Any, bias: Any) -> Any:
    """A dense layer, x @ weight + bias: x of shape (..., n), weight (n, m), bias (m,), the result (..., m).

    The same as written out, in one product for all leading axes, and without an array for what comes before the bias.
    The cotangents are g @ weight.T, x.T @ g and g, summed over leading axes.

    >>> from tinygrad_scratch.functional import linear
    >>> linear([1.0, 2.0], [[1.0, 0.0], [0.0, 1.0]], [10.0, 20.0])
    array([11., 22.])
    """
    x, weight, bias = as_array(x), as_array(weight), as_array(bias)
    y = np.dot(x.reshape(-1, x.shape[-1]), weight)  # the function: while jit traces, x may be plain and weight not
    if np.can_cast(bias.dtype, y.dtype, "safe"):
        y += bias
    else:
        y = y + bias
    return y.reshape(*x.shape[:-1], weight.shape[-1])


def in_rows(x: Any) -> Any:
    return x if x.ndim == 2 else x.reshape(-1, x.shape[-1])


define_vjp(
    linear,
    x=lambda g, y, x, weight, bias: in_rows(g).dot(weight.T).reshape(x.shape),
    weight=lambda g, y, x, weight, bias: in_rows(x).T.dot(in_rows(g)),
    bias=lambda g, y, x, weight, bias: in_rows(g).sum(axis=0),
)

# ---- sliding kernels -------------------------------------------------------------------------------------------------


def numbers(value: Any, axes: int, name: str, least: int = 1) -> tuple[int, ...]:
    """A number for each axis of space, from one for all or from as many."""
    found = tuple(value) if isinstance(value, tuple | list) else (value,) * axes
    if len(found) != axes or any(
        isinstance(n, bool) or not isinstance(n, int | np.integer) or n < least for n in found
    ):
        several = "" if axes == 1 else f", or {axes} of them"
        raise ValueError(f"{name}={value!r} must be a whole number, {least} or more{several}.")
    return tuple(int(n) for n in found)


def paddings(
    padding: Any, space: tuple[int, ...], spans: tuple[int, ...], strides: tuple[int, ...]
) -> tuple[tuple[int, int], ...]:
    """How much to put before and after each axis; "same" makes ceil(size / stride) places of it."""
    axes = len(space)
    if padding == "valid":
        return ((0, 0),) * axes
    if padding == "same":
        found = []
        for size, span, stride in zip(space, spans, strides, strict=True):
            total = max((-(-size // stride) - 1) * stride + span - size, 0)
            found.append((total // 2, total - total // 2))
        return tuple(found)
    if isinstance(padding, str):
        raise ValueError(f"padding={padding!r} is none of 'same', 'valid', a number, and a number for each axis.")
    if isinstance(padding, tuple | list) and all(isinstance(part, tuple | list) for part in padding):
        if len(padding) == axes:
            return tuple((before, after) for before, after in (numbers(part, 2, "padding", 0) for part in padding))
        raise ValueError(f"padding={padding!r} must name {axes} axes, a pair (before, after) for each.")
    return tuple((n, n) for n in numbers(padding, axes, "padding", 0))


def convolution(
    x: Any, weight: Any, bias: Any, axes: int, stride: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    x, weight = array(x), array(weight)
    name = f"conv{axes}d"
    if weight.ndim != axes + 2:
        raise ValueError(
            f"The weight of {name} has {axes + 2} axes, (out_channels, in_channels, kernel): {weight.shape}."
        )
    outputs, inputs, *kernel = weight.shape
    if x.ndim < axes + 1 or x.shape[-axes - 1] != inputs * groups or outputs % groups:
        raise ValueError(
            f"{name} of an input of shape {x.shape} and a weight of shape {weight.shape}, groups={groups}: the input "
            f"needs {axes + 1} axes or more, the first of these {axes + 1} being in_channels * groups = "
            f"{inputs * groups} channels, and out_channels must be a multiple of groups."
        )
    lead, space = x.shape[: -axes - 1], tuple(x.shape[-axes:])
    strides, dilations = numbers(stride, axes, "stride"), numbers(dilation, axes, "dilation")
    spans = tuple(gap * (size - 1) + 1 for gap, size in zip(dilations, kernel, strict=True))
    steps = Steps(strides, paddings(padding, space, spans, strides), dilations, groups)
    places = steps.places(space, tuple(kernel))
    if min(places) < 1:
        raise ValueError(
            f"A kernel that spans {spans} finds no place in an input of size {space} with padding={padding!r}. "
            "Take a smaller kernel or more padding."
        )
    batch = x if len(lead) == 1 else x.reshape((math.prod(lead), *x.shape[-axes - 1 :]))
    y = convolve(batch, weight, steps)
    if bias is not None:
        y = y + array(bias).reshape((outputs,) + (1,) * axes)
    return y if len(lead) == 1 else y.reshape((*lead, outputs, *places))


def conv1d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """A kernel slid along the last axis, as `conv2d` slides one over the last two.

    x has shape (..., in_channels, length), weight (out_channels, in_channels / groups, kernel), the result
    (..., out_channels, places).

    >>> from tinygrad_scratch.functional import conv1d
    >>> conv1d([[1.0, 2.0, 4.0, 8.0]], [[[-1.0, 1.0]]])
    array([[1., 2., 4.]])
    """
    return convolution(x, weight, bias, 1, stride, padding, dilation, groups)


def conv2d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """A kernel slid over the last two axes.

    The result is y[o, i, j] = bias[o] + the sum over c, p, q of weight[o, c, p, q] * x[c, i', j'], where i' = i *
    stride + p * dilation - padding, and j' likewise; outside of x there are zeros. The kernel is not turned round. x
    has shape (..., in_channels, height, width), weight (out_channels, in_channels / groups, kernel height, kernel
    width), bias (out_channels,); the result has shape (..., out_channels, places down, places across), with (size +
    padding before and after - dilation * (kernel - 1) - 1) // stride + 1 places along an axis.

    `stride` and `dilation` are a number or two. `padding` is a number, two, two pairs (before, after), "valid" for
    none, or "same" for ceil(size / stride) places, where an odd one goes after. With `groups`, channels are divided
    into as many parts, each with kernels of its own.

    Raises ValueError where the shapes do not fit and where the kernel finds no place. Source: Dumoulin and Visin, "A
    guide to convolution arithmetic for deep learning" (2016), relationships 6 and 15.

    >>> import numpy as np
    >>> from tinygrad_scratch.functional import conv2d
    >>> conv2d(np.ones((1, 3, 3)), np.ones((1, 1, 3, 3)), padding="same")
    array([[[4., 6., 4.],
            [6., 9., 6.],
            [4., 6., 4.]]])
    """
    return convolution(x, weight, bias, 2, stride, padding, dilation, groups)


# ---- windows ---------------------------------------------------------------------------------------------------------


def pooling(x: Any, axes: int, size: Any, stride: Any, padding: Any) -> Pool:
    """The windows that were asked for, checked."""
    window = numbers(size, axes, "size")
    strides = window if stride is None else numbers(stride, axes, "stride")
    if x.ndim < axes:
        raise ValueError(f"Pooling over {axes} axes needs an input with as many; it was given shape {x.shape}.")
    space = tuple(x.shape[-axes:])
    pool = Pool(window, strides, paddings(padding, space, window, strides))
    if any(2 * n > size for pair, size in zip(pool.padding, window, strict=True) for n in pair):
        raise ValueError(f"padding={padding!r} is more than half of the window {window}: some windows would be empty.")
    if min(pool.places(space)) < 1:
        raise ValueError(f"A window of {window} finds no place in an input of size {space} with padding={padding!r}.")
    return pool


def floating(x: Any) -> Any:
    """Its argument as an array of floats; a Tensor, or what has a real or complex dtype, as it is."""
    x = array(x)
    return x if x.dtype.kind in "fc" else x.astype(float)


def max_pool1d(x: Any, size: Any, stride: Any = None, padding: Any = 0) -> Any:
    """The largest element of each window over the last axis, as `max_pool2d` over the last two.

    >>> from tinygrad_scratch.functional import max_pool1d
    >>> max_pool1d([1.0, 5.0, 2.0, 3.0], 2)
    array([5., 3.])
    """
    x = floating(x)
    return max_pool(x, pooling(x, 1, size, stride, padding))


def max_pool2d(x: Any, size: Any, stride: Any = None, padding: Any = 0) -> Any:
    """The largest element of each window over the last two axes: (..., height, width) becomes (..., places, places).

    `size` and `stride` are a number or two; a window moves by its own size where no stride is given. `padding` is as
    for `conv2d`; what lies outside is smaller than all. Of several largest elements the first gets the gradient. Raises
    ValueError where a window finds no place, and for padding of more than half a window.

    >>> from tinygrad_scratch.functional import max_pool2d
    >>> max_pool2d([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]], 2)
    array([[6., 8.]])
    """
    x = floating(x)
    return max_pool(x, pooling(x, 2, size, stride, padding))


def average(x: Any, axes: int, size: Any, stride: Any, padding: Any, count_padding: bool) -> Any:
    x = floating(x)
    pool = pooling(x, axes, size, stride, padding)
    if count_padding:
        return sum_pool(x, pool) * (1 / math.prod(pool.window))
    counts = sum_pool(np.ones(x.shape[-axes:], x.dtype), pool)
    return sum_pool(x, pool) / counts


def avg_pool1d(x: Any, size: Any, stride: Any = None, padding: Any = 0, count_padding: bool = True) -> Any:
    """The mean of each window over the last axis, as `avg_pool2d` over the last two.

    >>> from tinygrad_scratch.functional import avg_pool1d
    >>> avg_pool1d([1.0, 5.0, 2.0, 3.0], 2)
    array([3. , 2.5])
    """
    return average(x, 1, size, stride, padding, count_padding)


def avg_pool2d(x: Any, size: Any, stride: Any = None, padding: Any = 0, count_padding: bool = True) -> Any:
    """The mean of each window over the last two axes: (..., height, width) becomes (..., places, places).

    Arguments and errors are those of `max_pool2d`. Padding counts as zeros; with count_padding=False the mean is over
    the elements that there are.

    >>> from tinygrad_scratch.functional import avg_pool2d
    >>> avg_pool2d([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]], 2)
    array([[3.5, 5.5]])
    """
    return average(x, 2, size, stride, padding, count_padding)


# ---- norms -----------------------------------------------------------------------------------------------------------


def inverse_deviation(x: Any, axis: Any, epsilon: float) -> Any:
    centred = x - x.mean(axis=axis, keepdims=True)
    return 1 / np.sqrt((centred * centred).mean(axis=axis, keepdims=True) + epsilon)


@differentiable
def standardize(x: Any, axis: Any = -1, epsilon: float = 1e-5) -> Any:
    """(x - mean) / sqrt(var + epsilon), over an axis or several: the shape of x, of mean 0 and variance 1.

    The variance is that of the numbers as they are (divided by n). With s = 1 / sqrt(var + epsilon), the cotangent of x
    is s * (g - mean(g) - y * mean(g * y)). Source: Ioffe and Szegedy, "Batch normalization" (2015), algorithm 1.

    >>> from tinygrad_scratch.functional import standardize
    >>> standardize([1.0, 2.0, 3.0], epsilon=0.0)
    array([-1.22474487,  0.        ,  1.22474487])
    """
    x = as_array(np.multiply(x, 1.0))
    centred = x - x.mean(axis=axis, keepdims=True)
    return centred / np.sqrt((centred * centred).mean(axis=axis, keepdims=True) + epsilon)


define_vjp(
    standardize,
    x=lambda g, y, x, axis=-1, epsilon=1e-5: (
        inverse_deviation(x, axis, epsilon)
        * (g - g.mean(axis=axis, keepdims=True) - y * (g * y).mean(axis=axis, keepdims=True))
    ),
)

# ---- attention -------------------------------------------------------------------------------------------------------


@differentiable
def masked_softmax(x: Any, mask: Any = None, scale: float = 1.0) -> Any:
    """softmax(scale * x) over the last axis, among the elements where a boolean mask is True; the others become 0.

    The mask broadcasts to x, and is True somewhere along the last axis. The cotangent of x is scale * y * (g - sum(g *
    y)), as that of softmax: y is 0 where the mask is False.

    >>> from tinygrad_scratch.functional import masked_softmax
    >>> masked_softmax([[1.0, 5.0], [2.0, 2.0]], [[True, False], [True, True]])
    array([[1. , 0. ],
           [0.5, 0.5]])
    """
    y = as_array(np.multiply(x, scale))
    if mask is not None:
        y += np.where(mask, 0, -np.inf).astype(y.dtype)  # adding is quicker than writing where a mask is True
    y -= y.max(axis=-1, keepdims=True)
    np.exp(y, out=y)
    y /= y.sum(axis=-1, keepdims=True)
    return y


define_vjp(
    masked_softmax,
    x=lambda g, y, x, mask=None, scale=1.0: (g - (g * y).sum(axis=-1, keepdims=True)) * (y * scale),
)


def attention(query: Any, key: Any, value: Any, mask: Any = None, causal: bool = False) -> Any:
    """softmax(query @ key.T / sqrt(d)) @ value: each query's mean of the values, weighted by how its key fits.

    query has shape (..., m, d), key (..., n, d), value (..., n, e), the result (..., m, e). `mask` is a boolean array
    that broadcasts to (..., m, n), True where a query may look; with `causal`, query i looks at keys 0 to i.

    Raises TypeError for a mask of numbers, and ValueError for one of another shape, and where it lets a query look
    nowhere, which then has no mean. Source: Vaswani et al., "Attention is all you need" (2017), equation 1.

    >>> import numpy as np
    >>> from tinygrad_scratch.functional import attention
    >>> attention(np.zeros((2, 1)), np.zeros((2, 1)), [[1.0], [3.0]], causal=True)
    array([[1.],
           [2.]])
    """
    query, key = array(query), array(key)
    scores = np.matmul(query, np.swapaxes(key, -1, -2))
    if mask is not None:
        mask = checked_mask(mask, scores.shape)
    if causal:
        before = np.tri(*scores.shape[-2:], dtype=np.bool_)
        mask = before if mask is None else np.logical_and(mask, before)
    if mask is not None and not np.any(known(mask), axis=-1).all():
        raise ValueError("The mask of attention lets a query look at no key: let each see one, or leave it out.")
    return np.matmul(masked_softmax(scores, mask, 1 / math.sqrt(query.shape[-1])), value)


def checked_mask(mask: Any, shape: tuple[int, ...]) -> Any:
    """The mask of scores of that shape, as a boolean array: numbers might be meant the other way round."""
    mask = plain(array(mask))
    if mask.dtype.kind != "b":
        raise TypeError(
            f"A mask of attention is True where a query may look, but this one has dtype {mask.dtype}. If its numbers "
            "are to be added to the scores, 0 or -inf, write mask == 0; if they are 1 and 0, write mask == 1."
        )
    lead = len(shape) - len(mask.shape)
    if lead < 0 or any(n not in (1, size) for n, size in zip(mask.shape, shape[lead:], strict=True)):
        raise ValueError(
            f"The mask of attention, of shape {mask.shape}, does not broadcast to the scores, (..., queries, keys), of "
            f"shape {shape}. Of one for each sample, make mask[:, None], with an axis for the heads."
        )
    return mask


# ---- rows of a table -------------------------------------------------------------------------------------------------


@differentiable
def embedding(table: Any, indices: Any) -> Any:
    """The rows of a table, (rows, features), that integers name: (...) becomes (..., features).

    The cotangent of the table has in each row the sum of the cotangents of all that read it.

    >>> from tinygrad_scratch.functional import embedding
    >>> embedding([[1.0, 2.0], [3.0, 4.0]], [1, 1, 0])
    array([[3., 4.],
           [3., 4.],
           [1., 2.]])
    """
    return np.asarray(table)[np.asarray(indices)]


@differentiable
def sum_rows(g: Any, indices: Any, rows: int) -> Any:
    """A table of so many rows, in each the sum of the g that integers send there: what `embedding` is the transpose of.

    Sorted first, so that the rows of one sum lie together: np.add.at takes ten times as long.

    >>> import numpy as np
    >>> from tinygrad_scratch.functional import sum_rows
    >>> sum_rows(np.array([[1.0], [2.0], [4.0]]), np.array([1, 1, 0]), 3)
    array([[4.],
           [3.],
           [0.]])
    """
    table = np.zeros((rows, g.shape[-1]), g.dtype)
    indices = np.ravel(indices) % rows
    if len(indices):
        order = np.argsort(indices, kind="stable")
        named, starts = np.unique(indices[order], return_index=True)
        table[named] = np.add.reduceat(g.reshape(-1, g.shape[-1])[order], starts)
    return table


define_vjp(embedding, table=lambda g, y, table, indices: sum_rows(g, indices, table.shape[0]))
define_vjp(sum_rows, g=lambda h, y, g, indices, rows: embedding(h, indices))

# ---- losses ----------------------------------------------------------------------------------------------------------

REDUCTIONS: dict[str, Callable[[Any], Any]] = {
    "half_sum": lambda squares: 0.5 * np.sum(squares),
    "sum": np.sum,
    "mean": np.mean,
    "none": lambda errors: errors,
}


def squared_error(prediction: Any, target: Any, reduction: str = "half_sum") -> Any:
    """The squares of prediction - target, two arrays of one shape, reduced as named.

    reduction    value
    ----------   -------------------------------------------------------------------------------------
    "half_sum"   sum((p - t)**2) / 2, one number: its gradient with respect to p is p - t, with no 2
    "sum"        sum((p - t)**2), one number
    "mean"       sum((p - t)**2) / p.size, one number: the mean squared error
    "none"       (p - t)**2, of the shape of p

    Raises ValueError for another reduction, for the mean of nothing, and for two shapes that differ: NumPy would
    broadcast (n,) against (n, 1) to (n, n), and a network would train on nonsense. Source: Bishop, "Pattern Recognition
    and Machine Learning" (2006), equation 1.2 for half the sum.

    >>> from tinygrad_scratch.functional import squared_error
    >>> float(squared_error([1.0, 2.0], [0.0, 4.0])), float(squared_error([1.0, 2.0], [0.0, 4.0], reduction="mean"))
    (2.5, 2.5)
    """
    check_reduction("squared_error", reduction, REDUCTIONS)
    check_alike("squared_error", prediction, target)
    return reduced("squared_error", np.subtract(prediction, target) ** 2, reduction)


def check_alike(loss: str, prediction: Any, target: Any) -> None:
    """Refuse two shapes that differ, for a loss that compares element by element."""
    shape, wanted = (x.shape if hasattr(x, "shape") else np.shape(x) for x in (prediction, target))
    if shape != wanted:
        raise ValueError(
            f"{loss} compares element by element, but the prediction has shape {shape} and the target {wanted}. "
            "Reshape one of them: target.reshape(prediction.shape), if they hold the same numbers."
        )


def check_reduction(loss: str, reduction: str, known: Iterable[str]) -> None:
    if reduction not in known:
        raise ValueError(f"{loss} has no reduction {reduction!r}. Choose one of {', '.join(map(repr, known))}.")


def reduced(loss: str, errors: Any, reduction: str) -> Any:
    """The errors of a loss, made one number as `reduction` says."""
    if reduction == "mean" and not errors.size:
        raise ValueError(
            f"{loss} was asked for the mean of no errors, of shape {errors.shape}. "
            'Leave empty batches out, or write reduction="sum", which is 0 for them.'
        )
    return REDUCTIONS[reduction](errors)
