"""Another opinion: the gradients of the whole table, orders one to three, against JAX in double precision.

Runs where JAX is installed (`pip install tinygrad_scratch[referees]`) and is skipped, saying so, where it is not.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from tests.cases import DIFFERENTIABLE, SMOOTH
from tests.cases.arranging import inside_of_empty
from tests.cases.elementwise import repaired_in_place
from tests.cases.linalg import TEXTS, lstsq_of_low_rank, span_by_svd
from tests.cases.products import cross_in_plane
from tests.cases.statistics import histogramdd
from tests.cases.table import Case, draws_in
from tests.cases.writing import copied_into
from tests.test_laws import assert_close, ladder, parts, scales_of, steady
from tinygrad_scratch.functional import (
    elu,
    embedding,
    erf,
    gelu_tanh,
    leaky_relu,
    linear,
    log_softmax,
    masked_softmax,
    relu,
    sigmoid,
    softmax,
    softmax_cross_entropy,
    standardize,
    sum_rows,
)
from tinygrad_scratch.rules.arranging import add_windows, folded, mirrored, surrounded
from tinygrad_scratch.rules.calculus import interpolate
from tinygrad_scratch.rules.choosing import put_back
from tinygrad_scratch.rules.convolution import convolve, convolve_back, convolve_weight
from tinygrad_scratch.rules.cumulative import recurrence, running
from tinygrad_scratch.rules.elementwise import bessel, repaired, sinc_derivative
from tinygrad_scratch.rules.histograms import evenly_spaced
from tinygrad_scratch.rules.indexing import assign, scatter
from tinygrad_scratch.rules.polynomials import characteristic, evaluate
from tinygrad_scratch.rules.pooling import max_pool, pick, put, spread, sum_pool
from tinygrad_scratch.rules.products import einsum, on_diagonal
from tinygrad_scratch.rules.quantiles import place
from tinygrad_scratch.rules.shapes import cast, expand, stack_arrays

jax = pytest.importorskip("jax", reason="JAX is not installed, so the gradients have no second referee here")
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_disable_jit", True)  # half the time, on arrays as small as these
jnp = jax.numpy


def stepwise(a: Any, b: Any) -> Any:
    """The recurrence, a step at a time."""
    x = list(b[:1])
    for k in range(1, len(b)):
        x.append(a[k] * x[-1] + b[k])
    return jnp.stack(x) if x else b


def accumulated(a: Any, ufunc: Any, axis: int) -> Any:
    """The accumulate of a ufunc, a step at a time."""
    x = list(jnp.moveaxis(a, axis, 0))
    for k in range(1, len(x)):
        x[k] = getattr(jnp, ufunc.__name__)(x[k - 1], x[k])
    return jnp.stack(x, axis) if x else a


def flat(results: Any) -> Any:
    """An array and a list of arrays as one tuple."""
    first, rest = results
    return first, *rest


def bessel_of_jax(x: Any, order: int) -> Any:
    """By the series, of terms that all have one sign."""
    return sum((x / 2) ** (2 * k + order) / (math.factorial(k) * math.factorial(k + order)) for k in range(30))


def sinc_derivative_of_jax(x: Any, order: int) -> Any:
    """By the series, for x of moderate size."""
    total = 0
    for k in range(-(-order // 2), 40):
        falling = math.factorial(2 * k) / math.factorial(2 * k - order)
        total = total + (-1) ** k * jnp.pi ** (2 * k) / math.factorial(2 * k + 1) * falling * x ** (2 * k - order)
    return total


def convolution_of_jax(x: Any, w: Any, steps: Any) -> Any:
    return jax.lax.conv_general_dilated(
        x, w, steps.stride, steps.padding, rhs_dilation=steps.dilation, feature_group_count=steps.groups
    )


def transpose_of_jax(linear: Callable[[Any], Any], shape: tuple[int, ...], g: Any) -> Any:
    """What the transpose of a linear function of an array of that shape makes of g."""
    return jax.linear_transpose(linear, jnp.zeros(shape, g.dtype))(g)[0]


def windows_of_jax(x: Any, pool: Any, around: float = 0.0) -> Any:
    """The windows of a pooling, their elements along the last axis."""
    lead = x.ndim - len(pool.window)
    padded = jnp.pad(x, (*((0, 0),) * lead, *pool.padding), constant_values=around)
    places = np.arange(padded.size).reshape(padded.shape)
    found: Any = sliding_window_view(places, pool.window, tuple(range(lead, x.ndim)))
    found = found[(..., *(slice(None, None, s) for s in pool.stride), *(slice(None),) * len(pool.window))]
    return padded.ravel()[found.reshape(*found.shape[: x.ndim], math.prod(pool.window))]


def pick_of_jax(x: Any, places: Any, pool: Any) -> Any:
    return jnp.take_along_axis(windows_of_jax(x, pool), places[..., None], axis=-1)[..., 0]


def standardize_of_jax(x: Any, axis: Any = -1, epsilon: float = 1e-5) -> Any:
    return jax.nn.standardize(x, axis=axis, epsilon=epsilon)


def softmax_cross_entropy_of_jax(logits: Any, labels: Any) -> Any:
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[..., None], axis=-1)[..., 0]


def placed_on_diagonal(a: Any, labels: str, shape: tuple[int, ...]) -> Any:
    """What np.einsum reads with these labels, written."""
    lengths = dict(zip(labels, shape, strict=True))
    places = dict(zip(lengths, np.ix_(*map(range, lengths.values())), strict=True))
    return jnp.zeros(shape, a.dtype).at[tuple(places[label] for label in labels)].set(a)


SPELLED_OTHERWISE: dict[Any, Callable[..., Any]] = {
    operator.getitem: lambda a, index: a[index],
    scatter: lambda a, index, shape: jnp.zeros(shape, a.dtype).at[index].add(a),
    assign: lambda a, value, index: jnp.asarray(a).at[index].set(value),
    expand: jnp.broadcast_to,
    inside_of_empty: lambda a, width: jnp.pad(a, width, mode="empty")[(slice(width, -width),) * a.ndim],
    stack_arrays: lambda *arrays, **keywords: jnp.stack(arrays, **keywords),
    put_back: lambda a, places, shape: jnp.zeros(shape, a.dtype).ravel().at[places].add(a).reshape(shape),
    surrounded: lambda a, widths, value: jnp.pad(a, widths, constant_values=value) if widths else a,
    mirrored: lambda a, widths, mode: jnp.pad(a, widths, mode) if widths else a,
    folded: lambda a, widths, mode: transposed_pad(a, widths, mode) if widths else a,
    sliding_window_view: lambda x, window_shape, axis=None, writeable=False: x.ravel()[
        sliding_window_view(np.arange(x.size).reshape(x.shape), window_shape, axis)
    ],
    add_windows: lambda a, shape, axes: (
        jnp.zeros(int(np.prod(shape)), a.dtype)
        .at[sliding_window_view(np.arange(int(np.prod(shape))).reshape(shape), a.shape[len(shape) :], axes)]
        .add(a)
        .reshape(shape)
    ),
    copied_into: lambda dst, src, where=True, casting=None: jnp.where(where, src, dst),
    cast: lambda a, dtype: a.astype(dtype),
    recurrence: stepwise,
    running: accumulated,
    evenly_spaced: lambda low, high, number, dtype: jnp.linspace(low, high, number, dtype=dtype),
    histogramdd: lambda *arguments, **keywords: flat(jnp.histogramdd(*arguments, **keywords)),
    einsum: lambda *operands, subscripts, optimize=None: jnp.einsum(subscripts, *operands),
    np.einsum: lambda *operands, optimize=None: jnp.einsum(*operands),
    cross_in_plane: jnp.cross,
    on_diagonal: placed_on_diagonal,
    interpolate: jnp.interp,
    bessel: bessel_of_jax,
    sinc_derivative: sinc_derivative_of_jax,
    repaired: lambda x, nan, posinf, neginf: jnp.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf),
    repaired_in_place: lambda x, copy: jnp.nan_to_num(x),
    evaluate: jnp.polyval,
    characteristic: jnp.poly,
    sigmoid: jax.nn.sigmoid,
    relu: jax.nn.relu,
    leaky_relu: lambda x, slope=0.01: jax.nn.leaky_relu(x, slope),
    elu: jax.nn.elu,
    erf: jax.scipy.special.erf,
    gelu_tanh: jax.nn.gelu,
    linear: lambda x, weight, bias: x @ weight + bias,
    softmax_cross_entropy: softmax_cross_entropy_of_jax,
    masked_softmax: lambda x, mask=None, scale=1.0: jax.nn.softmax(scale * x, where=mask),
    standardize: standardize_of_jax,
    embedding: lambda table, indices: table[indices],
    sum_rows: lambda g, indices, rows: jnp.zeros((rows, g.shape[-1]), g.dtype).at[indices].add(g),
    convolve: convolution_of_jax,
    convolve_back: lambda g, w, shape, steps: transpose_of_jax(lambda x: convolution_of_jax(x, w, steps), shape, g),
    convolve_weight: lambda x, g, shape, steps: transpose_of_jax(lambda w: convolution_of_jax(x, w, steps), shape, g),
    max_pool: lambda x, pool: jnp.max(windows_of_jax(x, pool, -jnp.inf), axis=-1),
    sum_pool: lambda x, pool: jnp.sum(windows_of_jax(x, pool), axis=-1),
    spread: lambda g, shape, pool: transpose_of_jax(lambda x: jnp.sum(windows_of_jax(x, pool), axis=-1), shape, g),
    pick: pick_of_jax,
    put: lambda g, places, shape, pool: transpose_of_jax(lambda x: pick_of_jax(x, places, pool), shape, g),
    softmax: jax.nn.softmax,
    log_softmax: jax.nn.log_softmax,
}


def transposed_pad(a: Any, widths: Any, mode: str) -> Any:
    """What the transpose of np.pad makes of an array."""
    shape = [n - before - after for n, (before, after) in zip(a.shape, widths, strict=True)]
    return jax.linear_transpose(lambda x: jnp.pad(x, widths, mode), jnp.zeros(shape))(a)[0]


def of_jax(function: Any) -> Any:
    """The same function of JAX, in the module of that name: np.fft.rfft is jnp.fft.rfft."""
    if function in TEXTS:
        return functools.partial(TEXTS[function], jnp)
    module = getattr(jnp, (getattr(function, "__module__", None) or "").removeprefix("numpy."), jnp)
    return SPELLED_OTHERWISE.get(function) or getattr(module, function.__name__)


# ---- what JAX has no call for, and where it decides otherwise --------------------------------------------------------

JOINING = {
    np.concatenate,
    np.stack,
    np.vstack,
    np.hstack,
    np.dstack,
    np.column_stack,
    np.moveaxis,
    np.split,
    np.array_split,
    np.hsplit,
}
NO_RESIDUALS = {"np.linalg.lstsq(2x4, 2x2)", "np.linalg.lstsq(1x1, 1)"}
SETS = {
    np.unique,
    np.unique_all,
    np.unique_counts,
    np.unique_inverse,
    np.unique_values,
    np.union1d,
    np.setxor1d,
    np.intersect1d,
    np.setdiff1d,
}
QUANTILES = {np.quantile, np.nanquantile, np.percentile, np.nanpercentile}
METHODS_OF_JAX = {"linear", "lower", "higher", "midpoint", "nearest", "inverted_cdf"}
OF_SEQUENCES = {np.convolve, np.correlate, np.polyadd, np.polysub, np.polymul, np.polydiv}
POLYNOMIALS_OF_NONE = ("np.polyval(0,", "np.polyadd(0,", "np.polysub(0,")
NOT_IN_JAX: dict[str, Callable[[Case], bool]] = {
    "np.emath": lambda case: getattr(case.function, "__module__", "") == "numpy.lib.scimath",
    "functions that write": lambda case: str(case).startswith("written by") and case.function is not copied_into,
    "the slope of nextafter, and of the sign of complex numbers": lambda case: (
        case.function is np.nextafter or (case.function is np.sign and case.complex)
    ),
    "a list in place of an array": lambda case: case.function not in JOINING and has_list(case.arguments),
    "a list among the arrays to join": lambda case: case.function in JOINING and isinstance(case.arguments[0], tuple),
    "order in memory": lambda case: (
        "order" in case.keywords and (case.keywords["order"] != "C" or case.function is np.copy)
    ),
    "transforms of no axis, of one twice, of axes=None, of s=-1": lambda case: (
        getattr(case.function, "__module__", None) == "numpy.fft"
        and (
            not case.keywords.get("axes", (0,))
            or case.keywords.get("axes") == (0, 0)
            or case.keywords.get("s") in {(-1, 3), (-1, 5), (5, 2, 4)}
        )
    ),
    "an einsum in another dtype": lambda case: case.function in {np.einsum, einsum} and "dtype" in case.keywords,
    "axes as an array, or of different kinds": lambda case: (
        case.function is np.tensordot and (len(case.arguments) == 3 or case.keywords.get("axes") == ((1,), 0))
    ),
    "a_min=, casting=": lambda case: not {"a_min", "casting"}.isdisjoint(case.keywords),
    "a cut past the end or counted from it": lambda case: str(case).endswith(("5, [3 7])", "5, [-2])")),
    "a value with more axes than its place": lambda case: case.function is assign and str(case.arguments[1]) == "1x2x3",
    "derivatives of eigenvectors, without an option": lambda case: case.rule is np.linalg.eig,
    "real eigenvalues of a matrix that is not symmetric": lambda case: case.rule is np.linalg.eigvals,
    "columns added by the SVD": lambda case: case.function is span_by_svd and "3x3" not in str(case) and full(case),
    "a least squares solution without residuals": lambda case: str(case) in NO_RESIDUALS,
    "singular values that np.linalg.pinv cuts off, and that are not zero": lambda case: (
        case.rule is np.linalg.pinv and not {"rcond", "rtol"}.isdisjoint(case.keywords)
    ),
    "higher orders of a least squares solution of low rank": lambda case: case.function is lstsq_of_low_rank,
    "the determinant of no rows": lambda case: str(case) == "np.linalg.det(0x0)",
    "a gradient through a set": lambda case: case.rule in SETS,
    "the order that NumPy leaves in the parts": lambda case: case.function is np.partition,
    "kind=, order=": lambda case: case.function is np.sort and not {"kind", "order"}.isdisjoint(case.keywords),
    "copy=False": lambda case: case.function is np.meshgrid and "copy" in case.keywords,
    "a grid of an array": lambda case: str(case) == "np.meshgrid(0d, 2x2)",
    "a triangle of a vector": lambda case: case.function in (np.tril, np.triu) and str(case.arguments[0]) == "3",
    "an axis of a number": lambda case: str(case) == "np.take(0d, 0, axis=0)",
    "one axis, not in a list": lambda case: str(case) == "np.apply_over_axes(sum, 2x3x2, -1)",
    "widths in a dictionary": lambda case: case.function is np.pad and isinstance(case.arguments[1], dict),
    "a function that writes": lambda case: case.function is np.pad and "ends_doubled" in str(case),
    "a gradient for end_values=": lambda case: "end_values" in case.keywords,
    "where a quantile lies": lambda case: case.function is place,
    "other methods of quantiles": lambda case: case.keywords.get("method", "linear") not in METHODS_OF_JAX,
    "quantiles in a table, or that are integers": lambda case: (
        case.function in QUANTILES and (np.ndim(plain_quantiles(case)) == 2 or plain_quantiles(case).dtype.kind == "i")
    ),
    "overwrite_input=": lambda case: "overwrite_input" in case.keywords,
    "correction= of what ignores NaN": lambda case: (
        case.function in (np.nanvar, np.nanstd) and "correction" in case.keywords
    ),
    "the median of complex numbers": lambda case: case.complex and case.function in (np.median, np.nanmedian),
    "an axis of one number": lambda case: str(case).endswith("(0d, axis=-1)"),
    "cumulative_sum of one number": lambda case: str(case).startswith("np.cumulative") and "(0d" in str(case),
    "a list of weights": lambda case: has_list([case.keywords.get("weights"), case.keywords.get("fweights")]),
    "a range of some axes, or one axis": lambda case: str(case).endswith(("range=[None (0.3,2.2)])", "0.6], (2))")),
    "bins by name or in a list": lambda case: "sturges" in str(case) or type(case.keywords.get("bins")) is list,
    "a gradient at 0 ** 0": lambda case: case.function is np.power and str(case.arguments[0]) == "[0.0,0.0,0.0,0.0]",
    "np.real_if_close, np.fix": lambda case: case.rule in {np.real_if_close, np.fix},
    "eigenvalues of a general matrix": lambda case: (
        case.function in {np.roots, characteristic} or str(case) == "np.poly(3x3)"
    ),
    "edge_order=, device=": lambda case: not {"edge_order", "device"}.isdisjoint(case.keywords),
    "a list in place of an end": lambda case: has_list([*case.keywords.values()]),
    "a number in place of a sequence": lambda case: (
        case.function in OF_SEQUENCES and any(draw.shape == () for draw in draws_in(case.arguments[:2]))
    ),
    "a mode that is a number": lambda case: case.function in OF_SEQUENCES and 2 in case.arguments[2:],
    "a polynomial without coefficients": lambda case: str(case).startswith(POLYNOMIALS_OF_NONE),
    "zeros in front of a remainder": lambda case: str(case) == "np.polydiv(5, [-0.5,1.0,3.0])",
    "a fit of integers": lambda case: case.function is np.polyfit and isinstance(case.arguments[0], np.ndarray),
    "more constants than orders": lambda case: str(case) == "np.polyint(3, m=2, k=3)",
    "a base for each along the last axis": lambda case: str(case) == "np.logspace(2, 3x1, 4, base=2, axis=-1)",
    "derivatives of i0 and of powers at 0": lambda case: (
        case.function in {np.i0, np.vander} and str(case.arguments[0]).startswith("[0.0")
    ),
    "a series, far out": lambda case: case.function is sinc_derivative and "-8.2" in str(case),
}

TIED = "nan where values are equal, whatever is asked of their vectors"
AT_0 = "another subgradient, or nan, at 0"
FAR_OUT = "its formula overflows far out"
OTHER_IN_JAX = {
    "np.arctan2([0.0,3.0], [0.0,4.0])": "nan at the origin",
    "np.logaddexp2([inf,-inf], [0.0,0.0])": "nan beside infinity",
    "np.logaddexp([inf,0.0], [0.0,inf])": "nan beside infinity",
    "np.logaddexp([inf,inf,-inf], [0.0,inf,-inf])": "nan beside infinity",
    "np.sqrt([0.0,4.0])": "infinite at 0",
    "np.cbrt([0.0,8.0])": "infinite at 0",
    "np.power([0.0,4.0], 0.5)": "infinite at 0",
    "np.power([0.0,4.0,0.0], float64[0.5,0.5,2.0])": "infinite at 0",
    "np.absolute([-2.0,0.0,3.0])": "1 at 0",
    "np.fabs([-2.0,0.0,3.0])": "1 at 0",
    "np.fmax([1.0,2.0,3.0], [2.0,2.0,2.0])": "all to the second argument",
    "np.fmax([-1.0,0.0,1.0], 0)": "all to the second argument",
    "np.fmin([1.0,2.0,3.0], [2.0,2.0,2.0])": "all to the second argument",
    "np.power([0.0,0.0,2.0], [2.0,0.0,3.0])": "nan at 0 ** 0",
    "np.std(0d)": "nan where all elements are equal",
    "np.std([2.0,2.0])": "nan where all elements are equal",
    "np.std([[2.0,2.0],[1.0,3.0]], axis=1)": "nan where all elements are equal",
    "np.nanstd(0d)": "nan where all elements are equal",
    "np.nanstd([[2.0,nan,2.0],[1.0,nan,3.0]], axis=1)": "nan where all elements are equal",
    "np.quantile(float64[3.0,1.0,7.0], [0.0,0.5,1.0])": "0 at an element",
    "np.percentile(float64[3.0,1.0,7.0], [0.0,50.0,100.0])": "0 at an element",
    "np.nanquantile(float64[3.0,1.0,7.0], [0.0,0.5,1.0])": "0 at an element",
    "np.nanpercentile(float64[3.0,1.0,7.0], [0.0,50.0,100.0])": "0 at an element",
    "np.median([[1.0,nan,3.0],[1.0,2.0,3.0]], axis=1)": "another element than the NaN",
    "np.quantile([1.0,nan,3.0], 0.4)": "another element than the NaN",
    "np.hypot([0.0,3.0], [0.0,4.0])": "another subgradient at the origin",
    "sums_by_eigh([[2.0,0.0,0.0],[0.0,2.0,0.0],[0.0,0.0,5.0]])": TIED,
    "square_by_eigh([[2.0,0.0,0.0],[0.0,2.0,0.0],[0.0,0.0,5.0]])": "nan, as here, and nan equals nothing",
    "best_of_rank_one([[3.0,0.0,0.0],[0.0,0.0,0.0],[0.0,0.0,0.0],[0.0,0.0,0.0]])": TIED,
    "product_of_svd([[3.0,0.0,0.0],[0.0,0.0,0.0],[0.0,0.0,0.0],[0.0,0.0,0.0]])": "nan, as here, and nan equals nothing",
    "np.linalg.norm([0.0,0.0], None)": AT_0,
    "np.linalg.norm([0.0,0.0], 1)": AT_0,
    "np.linalg.norm([0.0,0.0], 2)": AT_0,
    "np.linalg.norm([0.0,0.0], 3)": AT_0,
    "np.linalg.norm([0.0,0.0], 0.5)": AT_0,
    "np.linalg.norm([0.0,0.0], inf)": AT_0,
    "np.linalg.norm([0.0,0.0], -inf)": AT_0,
    "np.linalg.norm([0.0,4.0], 0.5)": "inf at 0",
    "np.linalg.norm([[0.0,0.0],[0.0,0.0]], fro)": AT_0,
    "np.linalg.norm([[0.0,0.0],[0.0,0.0]], nuc)": AT_0,
    "np.linalg.norm([[0.0,0.0],[0.0,0.0]], 1)": AT_0,
    "np.linalg.norm([[0.0,0.0],[0.0,0.0]], 2)": AT_0,
    "np.linalg.norm([[0.0,0.0],[0.0,0.0]], -1)": AT_0,
    "np.linalg.norm([[0.0,0.0],[0.0,0.0]], -2)": AT_0,
    "np.linalg.norm([[0.0,0.0],[0.0,0.0]], inf)": AT_0,
    "np.linalg.norm([[0.0,0.0],[0.0,0.0]], -inf)": AT_0,
    "np.linalg.norm([[2.0,0.0,0.0],[0.0,2.0,0.0],[0.0,0.0,0.0]], nuc)": "1 for a singular value of 0",
    "np.linalg.cond([[2.0,0.0],[0.0,2.0]])": "the first and the last of equal singular values",
    "np.linalg.cond([[2.0,0.0],[0.0,0.0]])": "nan, as here, and nan equals nothing",
    "np.arccosh([1e+200])": FAR_OUT,
    "np.arcsinh([-1e+200,0.0,1e+200])": FAR_OUT,
    "np.arctan2([1e+200,1e-200], [1e+200,1e-200])": FAR_OUT,
    "np.hypot([3e+200,3e-200], [4e+200,4e-200])": FAR_OUT,
    "np.interp([1.0], [0.0,1.0,1.0], [1.0,2.0,4.0])": "another piece at a step",
    "np.unwrap([0.0,2.0,4.0,0.0], period=4)": "slopes of another formula where a step is half a period",
    "np.i0([-700.0,0.0,1e-200])": "0 near 0",
    "np.sinc([0.0,1e-200,100000000.0])": "-inf near 0",
    "np.angle([-2.0,0.0,3.0])": "nan at 0",
    "np.angle([0i,2i])": "nan at 0",
    "leaky_relu([-2.0,0.0,3.0])": "1 at 0",
    "max_pool([2.0,2.0,1.0,3.0], Pool(window=(2,),stride=(2,),padding=((0,0),)))": "equal shares, by jnp.max",
    "np.polymul([0.0,1.0], [1.0,2.0])": "keeps zeros in front",
    "np.polymul([0.0,0.0], [1.0,2.0])": "keeps zeros in front",
}


def full(case: Case) -> Any:
    return case.keywords.get("full_matrices", True)


def has_list(values: Any) -> bool:
    return any(isinstance(value, list) for value in values)


def plain_quantiles(case: Case) -> Any:
    """The quantiles of a case where they are constants, else 0.0."""
    q = case.arguments[1]
    return np.asarray(0.0 if draws_in([q]) else q)


def asked(cases: list[Case]) -> list[Case]:
    return [case for case in cases if not any(holds(case) for holds in NOT_IN_JAX.values())]


# ---- the two opinions ------------------------------------------------------------------------------------------------


def directional(function: Callable[..., Any], directions: list[Any], take: Any) -> tuple[Any, Any]:
    """The gradient of a function, and the slope of that gradient along directions."""
    gradient = jax.grad(function, argnums=tuple(range(len(directions))))
    return gradient, lambda *inputs: sum(
        take(jnp.sum(d * g)) for d, g in zip(directions, gradient(*inputs), strict=True)
    )


@pytest.mark.parametrize("case", asked(SMOOTH), ids=str)
def test_gradients_of_orders_one_to_three_are_those_of_jax(case: Case) -> None:
    values = case.draw()
    directions = steady(case, "direction", values)
    truths = [np.asarray(y) for y in parts(case.call(case.reference, [*values]))]
    weights, scales = steady(case, "cotangents", truths), scales_of(truths)
    take = jnp.real if any(np.iscomplexobj(y) for y in [*truths, *values]) else (lambda total: total)

    def loss(*inputs: Any) -> Any:
        results = parts(case.call(of_jax(case.function), [*inputs]))
        return sum(take(jnp.sum(c * jnp.sin(y / s))) for c, y, s in zip(weights, results, scales, strict=True))

    function: Any = loss
    for ours in ladder(case, values, 3):
        gradient, function = directional(function, directions, take)
        assert_close(ours, gradient(*map(jnp.asarray, values)), 1e-9)


@pytest.mark.parametrize("case", asked([case for case in DIFFERENTIABLE if case.pinned is not None]), ids=str)
def test_conventions_are_those_of_jax_except_where_named(case: Case) -> None:
    inputs = [jnp.asarray(value) for value in case.draw()]

    def total(*inputs: Any) -> Any:
        return sum(jnp.sum(jnp.real(y)) for y in parts(case.call(of_jax(case.function), [*inputs])))

    gradients = jax.grad(total, argnums=tuple(range(len(inputs))))(*inputs)
    pinned = case.pinned or []
    agrees = all(np.allclose(ours, theirs, rtol=1e-9, atol=0) for ours, theirs in zip(pinned, gradients, strict=True))
    assert agrees == (str(case) not in OTHER_IN_JAX)
