"""The names that people give to derivatives: `sigmoid_prime`, `d_tanh`, `activation_derivative`."""

from __future__ import annotations

import re

WORDS = r"d[eé]ri?v|prime|slope|_der\b|_dash\b|ableit|afgeleid|t[uü]rev|pochod|proizvod|izvod"
"""What stands in the name of a derivative, whatever it is of, in the languages that learners write, too."""
VALUE = r"([\w.]+(?:\[[^\]]*\])*)"
OF_RESULT = re.compile(
    rf"{VALUE}[*,]\(?\(1\.?0?-\1\)|1\.?0?-{VALUE}(?:\*\*2|\*\2)|\(1\+{VALUE}\)\*\(1-\3\)"
    rf"|\(1\.?0?-{VALUE}\)\*\4(?!\w)"
)
"""The slope of a sigmoid or a tanh by its result: `s*(1-s)`, `(1-s)*s`, `1-t**2`, `(1+t)*(1-t)`."""
OF_SLOPE = re.compile(
    r"_?(?:(?:d[eé]ri?v|ableit|afgeleid|t[uü]rev|pochod|proizvod|izvod)[^\W_]*|prime|dash|slope|grad(?:ient)?)_?|^d_|^de?_?(?=sig|tanh|relu|act)|_d$|_der$|^der_"
    r"|^d[a-z]_?d[a-z]$"  # `dydx`
)
OF_OUTPUT = re.compile(r"(?:_?outputs?)?(?:_?(?:2|to))?$")  # `tanh2deriv`, `sigmoid_output_to_derivative`
BACKWARD = re.compile(r"_?(?:backward|backprop|back|bwd|vjp|pullback)_?")
FORWARD = re.compile(r"_?(?:forward|fwd|__call__)_?")
ACTIVATIONS = {
    "sigmoid", "softmax", "leaky_relu", "leakyrelu", "lrelu", "sigm", "logistic", "tanh", "relu", "softplus",
    "activation", "act", "elu", "swish", "gelu",
}  # fmt: skip


def is_derivative_of(function: str, known: set[str]) -> bool:
    """Whether a function is called after the derivative of an activation, or of one of some functions.

    >>> is_derivative_of("sigmoid_prime", set()), is_derivative_of("Net.d_bend", {"Net.bend"})
    (True, True)
    >>> is_derivative_of("d_nonlin", {"non_lin"}), is_derivative_of("d_nonlin", {"linear"})
    (True, False)
    >>> is_derivative_of("tanh2deriv", set()), is_derivative_of("sigmoid_output_to_derivative", set())
    (True, True)
    >>> is_derivative_of("derivada_sigmoid", set()), is_derivative_of("TanhDerivative", {"tanh"})
    (True, True)
    >>> is_derivative_of("loss_gradient", {"forward"}), is_derivative_of("delta", {"elta"})
    (False, False)
    """
    return derived(function) in ACTIVATIONS or any(is_named_after(function, other) for other in known)


def is_named_after(function: str, other: str) -> bool:
    """Whether a function is called after the derivative of another one.

    >>> is_named_after("deriv_sigmoid", "sigmoid"), is_named_after("deriv_sigmoid", "tanh")
    (True, False)
    """
    name = derived(function).replace("_", "")
    return bool(name) and name == short(other).lower().replace("_", "")


def derived(function: str) -> str:
    """The name of what a function is called the derivative of; nothing where it is called after none."""
    name = short(function).lower()
    return OF_OUTPUT.sub("", OF_SLOPE.sub("", name, count=1).strip("_")) if OF_SLOPE.search(name) else ""


def is_of_activation(function: str) -> bool:
    """Whether a function is called after the derivative or the backward pass of an activation.

    >>> is_of_activation("relu_backward"), is_of_activation("sigmoid_prime"), is_of_activation("conv_backward")
    (True, True, False)
    """
    name = short(function).lower()
    rest = BACKWARD.sub("", OF_SLOPE.sub("", name, count=1), count=1).strip("_")
    return rest != name and rest in ACTIVATIONS


def short(function: str) -> str:
    return function.rpartition(".")[2].rstrip("()")
