"""Losses: how far a prediction is from its target, as one number to make smaller.

Half the sum of squares, the loss that a derivation by hand begins with, is `functional.squared_error`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_scratch.functional import (
    check_alike,
    check_reduction,
    floating,
    log_softmax,
    reduced,
    softmax_cross_entropy,
)
from tinygrad_scratch.graph import known
from tinygrad_scratch.rules.registry import array, plain

REDUCTIONS = ("mean", "sum", "none")

# ---- errors of numbers -----------------------------------------------------------------------------------------------


def mean_squared_error(prediction: Any, target: Any) -> Any:
    """mean((p - t)**2) over all elements of two arrays of one shape: one number.

    Its gradient with respect to p is 2 * (p - t) / p.size. `functional.squared_error` is the same with other
    reductions. Raises ValueError for shapes that differ, and for arrays without elements.

    >>> from tinygrad_scratch.nn import mean_squared_error
    >>> float(mean_squared_error([1.0, 2.0], [0.0, 4.0]))
    2.5
    """
    check_alike("mean_squared_error", prediction, target)
    return reduced("mean_squared_error", np.subtract(prediction, target) ** 2, "mean")


def absolute_error(prediction: Any, target: Any, reduction: str = "mean") -> Any:
    """abs(p - t), element by element for two arrays of one shape, reduced to its "mean", its "sum", or not: "none".

    The derivative with respect to p is the sign of p - t, and 0 where they are equal. Raises ValueError for another
    reduction, for shapes that differ, and for the mean of nothing.

    >>> from tinygrad_scratch.nn import absolute_error
    >>> float(absolute_error([1.0, 2.0], [0.0, 4.0]))
    1.5
    """
    check_reduction("absolute_error", reduction, REDUCTIONS)
    check_alike("absolute_error", prediction, target)
    return reduced("absolute_error", np.abs(np.subtract(prediction, target)), reduction)


def huber(prediction: Any, target: Any, delta: float = 1.0, reduction: str = "mean") -> Any:
    """A square near zero and a straight line further out, so that one outlier can't pull everything to itself.

    With r = p - t, element by element for two arrays of one shape:

        r**2 / 2                      where abs(r) <= delta
        delta * (abs(r) - delta / 2)  elsewhere

    reduced to its "mean", its "sum", or not: "none". The derivative with respect to p is r, clipped to between -delta
    and delta. Raises ValueError for another reduction, for shapes that differ, for the mean of nothing, and for a delta
    that is not positive. Source: Huber, "Robust estimation of a location parameter" (1964).

    >>> from tinygrad_scratch.nn import huber
    >>> huber([0.5, 3.0], [0.0, 0.0], reduction="none")
    array([0.125, 2.5  ])
    """
    check_reduction("huber", reduction, REDUCTIONS)
    if not delta > 0:
        raise ValueError(f"huber: delta={delta!r} is where the square ends, a positive number, such as 1.0.")
    check_alike("huber", prediction, target)
    r = np.subtract(prediction, target)
    clipped = np.clip(r, -delta, delta)
    return reduced("huber", clipped * (r - 0.5 * clipped), reduction)  # both cases in one


def hinge(scores: Any, labels: Any, margin: float = 1.0, reduction: str = "mean") -> Any:
    """max(0, margin - label * score), element by element: the loss of a support vector machine.

    `labels` has the shape of `scores` and holds -1 and 1. Reduced to its "mean", its "sum", or not: "none". Where the
    score is right by the margin or more, value and derivative are 0; at the margin, the derivative is 0 too. Raises
    ValueError for another reduction, for shapes that differ, for the mean of nothing, and for labels other than -1 and
    1. Source: Cortes and Vapnik, "Support-vector networks" (1995).

    >>> from tinygrad_scratch.nn import hinge
    >>> hinge([0.5, -2.0, 3.0], [1, 1, 1], reduction="none")
    array([0.5, 3. , 0. ])
    """
    check_reduction("hinge", reduction, REDUCTIONS)
    check_alike("hinge", scores, labels)
    scores, labels = floating(scores), plain(array(labels))
    check_labels("hinge", labels, np.isin(labels, (-1, 1)), "-1 or 1; of 0 and 1, make 2 * labels - 1")
    below = margin - labels.astype(scores.dtype) * scores
    return reduced("hinge", np.where(plain(below) > 0, below, 0.0), reduction)


# ---- probabilities ---------------------------------------------------------------------------------------------------


def binary_cross_entropy(logits: Any, labels: Any, label_smoothing: float = 0.0, reduction: str = "mean") -> Any:
    """-t * log(p) - (1 - t) * log(1 - p), element by element, where p = sigmoid(logits): yes or no, from logits.

    Give it the last layer's numbers themselves, without a sigmoid: computed as log(1 + exp(z)) - t * z, it is right for
    logits of any size. `labels` has the shape of `logits` and holds 0 and 1, or probabilities between; smoothing by s
    takes them to t * (1 - s) + s / 2. Reduced to its "mean", its "sum", or not: "none". The derivative with respect to
    z is sigmoid(z) - t. Raises ValueError for another reduction, for shapes that differ, for the mean of nothing, and
    for labels outside of 0 to 1. Source: Goodfellow, Bengio and Courville, "Deep Learning" (2016), section 6.2.2.2.

    >>> from tinygrad_scratch.nn import binary_cross_entropy
    >>> binary_cross_entropy([0.0, 1000.0, -1000.0], [1, 1, 1], reduction="none")
    array([6.93147181e-01, 0.00000000e+00, 1.00000000e+03])
    """
    check_reduction("binary_cross_entropy", reduction, REDUCTIONS)
    check_smoothing("binary_cross_entropy", label_smoothing)
    check_alike("binary_cross_entropy", logits, labels)
    logits, labels = floating(logits), array(labels)
    values = plain(labels)
    check_labels("binary_cross_entropy", values, (values >= 0) & (values <= 1), "between 0 and 1")
    labels = as_float_like(logits, labels) * (1 - label_smoothing) + label_smoothing / 2
    return reduced("binary_cross_entropy", np.logaddexp(0, logits) - labels * logits, reduction)


def cross_entropy(logits: Any, labels: Any, label_smoothing: float = 0.0, reduction: str = "mean") -> Any:
    """-sum(t * log(softmax(logits))) over the last axis, the classes: one of many, from logits.

    Give it the last layer's numbers themselves, without a softmax. `logits` has shape (..., classes). `labels` is
    either integers of shape (...), the number of each sample's class, counted from 0; or of the shape of `logits`, the
    probability of each class, which is one-hot where the class is known. Smoothing by s takes the probabilities t to
    t * (1 - s) + s / classes. The losses of the samples, of shape (...), are reduced to their "mean", their "sum", or
    not: "none"; to weigh classes or to leave some samples out, take "none" and multiply. The derivative with respect to
    the logits is softmax(logits) - t.

    Raises ValueError for another reduction, for labels of another shape, for a class that is not there, for
    probabilities that are negative or don't add up to 1, and for the mean of nothing; TypeError for class numbers that
    are no integers. Source: Goodfellow, Bengio and Courville, "Deep Learning" (2016), section 6.2.2.3; Szegedy et al.,
    "Rethinking the Inception architecture" (2016), for the smoothing.

    >>> from tinygrad_scratch.nn import cross_entropy
    >>> cross_entropy([[0.0, 0.0], [0.0, 1000.0]], [1, 0], reduction="none")
    array([6.93147181e-01, 1.00000000e+03])
    """
    check_reduction("cross_entropy", reduction, REDUCTIONS)
    check_smoothing("cross_entropy", label_smoothing)
    logits, labels = floating(logits), array(labels)
    if not logits.ndim:
        raise ValueError("cross_entropy takes logits of shape (..., classes), but was given one number.")
    classes = logits.shape[-1]
    if labels.shape == logits.shape[:-1]:
        check_classes(plain(labels), classes)
        errors = softmax_cross_entropy(logits, plain(labels))
        if label_smoothing:
            errors = (1 - label_smoothing) * errors - label_smoothing * np.mean(log_softmax(logits), axis=-1)
    else:
        check_probabilities("cross_entropy", logits, labels)
        labels = as_float_like(logits, labels) * (1 - label_smoothing) + label_smoothing / classes
        errors = -np.sum(labels * log_softmax(logits), axis=-1)
    return reduced("cross_entropy", errors, reduction)


def kl_divergence(logits: Any, target: Any, reduction: str = "mean") -> Any:
    """sum(p * log(p / q)) over the last axis, where p is the target and q = softmax(logits): KL(p || q).

    It is how much longer a message about p becomes if it is written in the code for q; 0 where they are equal. `logits`
    and `target` have shape (..., classes); the target is probabilities, such as the softmax of another network's
    logits. The losses of the samples, of shape (...), are reduced to their "mean", their "sum", or not: "none". It is
    the cross entropy less the entropy of the target, so the derivative with respect to the logits is the same, q - p.

    Raises ValueError for another reduction, for a target of another shape, for probabilities that are negative or don't
    add up to 1, and for the mean of nothing. Source: Kullback and Leibler, "On information and sufficiency" (1951).

    >>> from tinygrad_scratch.nn import kl_divergence
    >>> kl_divergence([[0.0, 0.0], [0.0, 0.0]], [[0.5, 0.5], [1.0, 0.0]], reduction="none")
    array([0.        , 0.69314718])
    """
    check_reduction("kl_divergence", reduction, REDUCTIONS)
    logits, target = floating(logits), array(target)
    check_probabilities("kl_divergence", logits, target)
    p = as_float_like(logits, target)
    log_p = np.log(np.where(plain(p) > 0, p, 1.0))  # 0 * log(0) is 0
    return reduced("kl_divergence", np.sum(p * (log_p - log_softmax(logits)), axis=-1), reduction)


# ---- what is checked -------------------------------------------------------------------------------------------------


def as_float_like(logits: Any, labels: Any) -> Any:
    """Labels in the dtype of the logits, so that float32 stays float32."""
    return labels if labels.dtype == logits.dtype else labels.astype(logits.dtype)


def first(where: Any) -> str:
    """The first place at which an array of booleans is true, as an index."""
    return ", ".join(map(str, np.argwhere(where)[0])) or "()"


def check_labels(loss: str, labels: Any, good: Any, wanted: str, name: str = "labels") -> None:
    labels, good = known(labels), known(good)
    if not np.all(good):
        wrong = labels[~good].flat[0]
        raise ValueError(f"{loss}: {name}[{first(~good)}] is {wrong}, but a {name.removesuffix('s')} is {wanted}.")


def check_smoothing(loss: str, label_smoothing: float) -> None:
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"{loss}: label_smoothing={label_smoothing!r} is a part of 1, such as 0.1.")


def check_classes(labels: Any, classes: int) -> None:
    if labels.dtype.kind not in "iu":
        raise TypeError(
            f"cross_entropy takes class numbers as integers, but these labels, of shape {labels.shape}, have dtype "
            f"{labels.dtype}. Write labels.astype(int), or pass probabilities of shape {(*labels.shape, classes)}."
        )
    good = (labels >= 0) & (labels < classes)
    check_labels("cross_entropy", labels, good, f"the number of one of {classes} classes, 0 to {classes - 1}")


def check_probabilities(loss: str, logits: Any, target: Any) -> None:
    name = "labels" if loss == "cross_entropy" else "target"
    if target.shape != logits.shape:
        numbers = f"class numbers of shape {logits.shape[:-1]} or " if loss == "cross_entropy" else ""
        raise ValueError(
            f"{loss} of logits of shape {logits.shape} takes {numbers}probabilities of shape {logits.shape}, "
            f"but was given {name} of shape {target.shape}."
        )
    p = known(plain(target))
    check_labels(loss, p, p >= 0, "a probability, and none is negative", name)
    total = np.sum(p, axis=-1, dtype=float)
    if not np.allclose(total, 1, rtol=0, atol=1e-3):
        wrong = np.abs(total - 1) > 1e-3
        raise ValueError(
            f"{loss}: the probabilities {name}[{first(wrong)}] add up to {total[wrong].flat[0]:g}, not to 1. Divide "
            "them by their sum, or take functional.softmax of them if they are logits."
        )
