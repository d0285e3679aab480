"""The names that people give to derivatives: `sigmoid_prime`, `d_tanh`, `activation_derivative`."""

from __future__ import annotations

import re

OF_SLOPE = re.compile(r"_?(?:deriv\w*|prime|slope|grad(?:ient)?)_?|^d_|^d(?=sig|tanh|relu)|_d$")
ACTIVATIONS = {"sigmoid", "sigm", "logistic", "tanh", "relu", "softplus", "activation", "act", "elu", "swish", "gelu"}


def is_derivative_of(function: str, known: set[str]) -> bool:
    """Whether a function is called after the derivative of an activation, or of one of some functions.

    >>> is_derivative_of("sigmoid_prime", set()), is_derivative_of("Net.d_bend", {"Net.bend"})
    (True, True)
    >>> is_derivative_of("loss_gradient", {"forward"}), is_derivative_of("delta", {"elta"})
    (False, False)
    """
    name = short(function).lower()
    rest = OF_SLOPE.sub("", name, count=1).strip("_")
    return bool(OF_SLOPE.search(name)) and rest in ACTIVATIONS | {short(other).lower() for other in known}


def short(function: str) -> str:
    return function.rpartition(".")[2].rstrip("()")
