"""Functions of SciPy and scikit-learn, spelled in NumPy: their own take an array's memory: nothing of the call is seen.

The logarithm of the gamma function and its slope, which NumPy lacks, are SciPy's own with a slope.

Only what comes out the same, and has a short spelling, is here. What else of SciPy is called is told with its line.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tinygrad_scratch.functional import erf
from tinygrad_scratch.tensor import Tensor
from tinygrad_scratch.verifier.recording.distances_in_numpy import SPELLED as OF_DISTANCES
from tinygrad_scratch.verifier.recording.distances_in_numpy import WORDS

MODULES = (
    "scipy", "scipy.special", "scipy.signal", "scipy.optimize", "scipy.linalg", "scipy.spatial",
    "scipy.spatial.distance", "sklearn", "sklearn.metrics", "sklearn.metrics.pairwise",
)  # fmt: skip


def sigmoid(x: Any) -> Any:
    """scipy.special.expit."""
    return 1 / (1 + np.exp(-x))


def logit(x: Any) -> Any:
    """scipy.special.logit."""
    return np.log(x / (1 - x))


def xlogy(x: Any, y: Any) -> Any:
    """scipy.special.xlogy."""
    return np.where(x == 0, 0.0, x * np.log(np.where(x == 0, 1.0, y)))


def xlog1py(x: Any, y: Any) -> Any:
    """scipy.special.xlog1py."""
    return xlogy(x, 1 + y)


def entr(x: Any) -> Any:
    """scipy.special.entr, of what is not below 0."""
    return -xlogy(x, x)


def rel_entr(x: Any, y: Any) -> Any:
    """scipy.special.rel_entr, of what is not below 0."""
    return xlogy(x, x) - xlogy(x, y)


def log_expit(x: Any) -> Any:
    """scipy.special.log_expit."""
    return -np.logaddexp(0, -x)


def erfc(x: Any) -> Any:
    """scipy.special.erfc."""
    return 1 - erf(x)


def ndtr(x: Any) -> Any:
    """scipy.special.ndtr."""
    return (1 + erf(x / np.sqrt(2))) / 2


def gammaln(x: Any) -> Any:
    """scipy.special.gammaln."""
    return by_its_slope("gammaln", "psi", x)


def psi(x: Any) -> Any:
    """scipy.special.psi, or digamma."""
    return by_its_slope("psi", "zeta", x, 2)  # of which the slope is Hurwitz's zeta at 2


def betaln(a: Any, b: Any) -> Any:
    """scipy.special.betaln, of what is above 0."""
    return gammaln(a) + gammaln(b) - gammaln(a + b)


def log_ndtr(x: Any) -> Any:
    """scipy.special.log_ndtr: its slope is the normal density over what the density adds up to."""
    if type(x) is not Tensor:
        return sys.modules["scipy.special"].log_ndtr(x)
    at = x.numpy()
    made = sys.modules["scipy.special"].log_ndtr(at)
    return made + np.exp(-(at**2) / 2 - made) / np.sqrt(2 * np.pi) * (x - at)


def by_its_slope(name: str, slope: str, x: Any, *order: int) -> Any:
    """A function of SciPy's that NumPy has none for: its value, and on a Tensor the slope that gradients need.

    No gradient of a gradient is asked for here.
    """
    special = sys.modules["scipy.special"]
    if type(x) is not Tensor:
        return getattr(special, name)(x)
    at = x.numpy()
    return getattr(special, name)(at) + getattr(special, slope)(*order, at) * (x - at)


def logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False) -> Any:
    """scipy.special.logsumexp."""
    highest = np.max(a, axis=axis, keepdims=True)
    powers = np.exp(a - highest)
    result = np.log(np.sum(powers if b is None else b * powers, axis=axis, keepdims=True)) + highest
    return result if keepdims else np.squeeze(result, axis=axis)


def softmax(x: Any, axis: Any = None) -> Any:
    """scipy.special.softmax."""
    powers = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return powers / np.sum(powers, axis=axis, keepdims=True)


def log_softmax(x: Any, axis: Any = None) -> Any:
    """scipy.special.log_softmax."""
    return x - logsumexp(x, axis=axis, keepdims=True)


def correlate(in1: Any, in2: Any, mode: str = "full") -> Any:
    """scipy.signal.correlate, of real arrays: sums of products with all windows, those over the edge too."""
    return correlated(in1, in2, mode, [(length - 1) // 2 for length in np.shape(in2)])


def correlate2d(in1: Any, in2: Any, mode: str = "full") -> Any:
    """scipy.signal.correlate2d, which centres windows of an even length one further than the others do."""
    return correlated(in1, in2, mode, [length // 2 for length in np.shape(in2)])


def correlated(in1: Any, in2: Any, mode: str, centre: list[int]) -> Any:
    one, other = np.shape(in1), np.shape(in2)
    if mode == "valid" and any(n < m for n, m in zip(one, other, strict=True)):  # SciPy slides the smaller one
        return np.flip(correlated(in2, in1, mode, centre))
    edge = [(0 if mode == "valid" else m - 1,) * 2 for m in other]
    windows = sliding_window_view(np.pad(in1, edge), other)
    made = np.tensordot(windows, in2, len(other))
    return made[tuple(slice(c, c + n) for c, n in zip(centre, one, strict=True))] if mode == "same" else made


def convolve(in1: Any, in2: Any, mode: str = "full") -> Any:
    """scipy.signal.convolve, of real arrays."""
    if mode == "valid" and any(n < m for n, m in zip(np.shape(in1), np.shape(in2), strict=True)):
        in1, in2 = in2, in1
    return correlate(in1, np.flip(in2), mode)


SPELLED: dict[tuple[str, str], Callable[..., Any]] = {
    **{("scipy.special", function.__name__): function for function in (logsumexp, softmax, log_softmax)},
    **{("scipy.signal", function.__name__): function for function in (correlate, correlate2d)},
    **{("scipy.signal", name): convolve for name in ("convolve", "convolve2d", "fftconvolve", "oaconvolve")},
    **{(module, each.__name__): each for module, functions in OF_DISTANCES.items() for each in functions},
}
SPELLED_UFUNCS: dict[str, Callable[..., Any]] = {
    "expit": sigmoid,
    **{function.__name__: function for function in (logit, xlogy, xlog1py, entr, rel_entr, log_expit)},
    **{function.__name__: function for function in (erf, erfc, ndtr, gammaln, psi, betaln, log_ndtr)},
}
CHOICES = {"method", "check_finite", "n_jobs"}  # of theirs: by which way to get to the same


def is_module(value: Any) -> bool:
    """Whether a value is one of the modules that have functions with a spelling, or holds one of them."""
    return isinstance(value, ModuleType) and value.__name__ in MODULES


def spellings() -> dict[int, Callable[..., Any]]:
    """Their functions, by id, with ours; of what a program has imported only."""
    found = {}
    for (module, name), ours in SPELLED.items():
        theirs = getattr(sys.modules.get(module), name, None)
        if theirs is not None:
            found[id(theirs)] = ours
    return found


def in_our_words(function: Any, ours: Any, arguments: Any, keywords: Any) -> tuple[list[Any], dict[str, Any]] | None:
    """The arguments of a call of theirs for our spelling; None where it says something that ours has no word for."""
    try:
        bound = inspect.signature(function).bind(*arguments, **keywords)
    except TypeError:  # their own complaint
        return None
    theirs, known = bound.signature.parameters, inspect.signature(ours).parameters
    given = dict(bound.arguments)
    for name in [name for name in given if theirs[name].kind is inspect.Parameter.VAR_KEYWORD]:
        given |= given.pop(name)
    for name, value in given.items():
        if name not in known and name not in CHOICES and not (name in theirs and is_default(value, theirs[name])):
            return None
    given = {name: value for name, value in given.items() if name in known}
    if any(given[name] not in words for name, words in WORDS.items() if name in given):
        return None
    arrays = [given.pop(name) for name, parameter in known.items() if parameter.default is parameter.empty]
    if any(np.iscomplexobj(array) for array in arrays if not isinstance(array, tuple)):
        return None
    return arrays, given


def is_default(value: Any, parameter: inspect.Parameter) -> bool:
    return value is parameter.default or (np.isscalar(value) and bool(value == parameter.default))
