"""derive: the source that it writes reads as expected, runs alone, and gives what autodiff gives."""

# ruff: noqa: N803, N806  # weights are called W1, and a loss J

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from models.article import INPUTS, LABELS, make_network
from models.handwritten import HandwrittenNetwork
from tests.cases import DIFFERENTIABLE
from tests.cases.table import Case
from tinygrad_scratch import (
    Dense,
    Sequential,
    Tensor,
    checkpoint,
    define_vjp,
    derive,
    differentiable,
    functional,
    nn,
    no_grad,
    verify,
)
from tinygrad_scratch.compiler.derive import Derivation
from tinygrad_scratch.compiler.readable.layout import MOST_LINES
from tinygrad_scratch.graph import ancestors

Loss = Callable[..., Any]

# ---- what all derivations must be ------------------------------------------------------------------------------------


def run_alone(derivation: Derivation, imports: set[str] | None = None) -> tuple[Any, dict[str, Any]]:
    """What the source gives, run in an empty namespace, which it may import NumPy into."""
    tree = ast.parse(derivation.source)
    found = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert found == (imports or {"numpy"})
    assert not any(isinstance(node, ast.ImportFrom) for node in ast.walk(tree))
    namespace: dict[str, Any] = {}
    exec(derivation.source, namespace)
    loss, gradients = namespace[derivation.name](**derivation.arguments)
    again = derivation.function(**derivation.arguments)
    np.testing.assert_array_equal(again[0], loss)
    return loss, gradients


def agree(derivation: Derivation, loss: Tensor, inputs: list[Tensor], rtol: float = 1e-12) -> None:
    """The source gives the value and the gradients that were recorded, with their shapes and dtypes."""
    value, gradients = run_alone(derivation)
    np.testing.assert_allclose(value, loss.numpy(), rtol=rtol)
    for mine, theirs in zip(gradients.values(), loss.gradient(*inputs), strict=True):
        truth = theirs.numpy()
        assert mine.shape == truth.shape
        assert mine.dtype == truth.dtype
        np.testing.assert_allclose(mine, truth, rtol=rtol, atol=rtol * np.max(np.abs(truth), initial=0.0))


def lines(derivation: Derivation, part: str) -> list[str]:
    """The lines forward, or backward, without their comments."""
    text = derivation.source.split(f"    # {part}\n")[1]
    text = text.split("\n\n" if part == "forward" else "    return")[0]
    return [re.sub(r" *# .*", "", line).removeprefix("    ") for line in text.splitlines()]


def check_latex(text: str) -> None:
    """What MathJax needs: braces and delimiters in pairs, and no second index or exponent on one base."""
    assert text.startswith("\\begin{aligned}\n")
    assert text.endswith("\n\\end{aligned}")
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", text):
        depth += 1 if brace == "{" else -1
        assert depth >= 0
    assert depth == 0
    for line in text.splitlines()[1:-1]:
        assert line.count(r"\left") == line.count(r"\right")
    assert not re.search(r"\^\{[^{}]*\}\^", text)
    assert not re.search(r"_\{[^{}]*\}_", text)


# ---- the article -----------------------------------------------------------------------------------------------------


class Article:
    """The article's network, written by hand, with Tensors for its weights."""

    def __init__(self) -> None:
        self.weights = [parameter.numpy() for parameter in make_network(np.random.RandomState(1)).parameters()]
        self.leaves = [Tensor(weight, requires_grad=True) for weight in self.weights]
        self.net = HandwrittenNetwork(*self.leaves)
        self.net.forward(INPUTS)
        self.J = self.net.cost(LABELS)

    def derive(self) -> Derivation:
        net, x, y = self.net, INPUTS, LABELS  # noqa: F841  # names that derive finds here
        return derive(self.J, wrt=["w1", "w2", "w3"])


ARTICLE = """\
def J_and_gradients(x, y, w1, w2, w3):
    \"""Return J, and a dict of its gradients with respect to w1, w2 and w3.

    x: (4, 3), float64
    y: (4, 1), float64
    w1: (3, 4), float64
    w2: (4, 5), float64
    w3: (5, 1), float64
    \"""
    # forward
    z2 = np.dot(x, w1)          # (4, 4)
    a2 = 1 / (1 + np.exp(-z2))  # (4, 4)
    z3 = np.dot(a2, w2)         # (4, 5)
    a3 = 1 / (1 + np.exp(-z3))  # (4, 5)
    z4 = np.dot(a3, w3)         # (4, 1)
    a4 = 1 / (1 + np.exp(-z4))  # (4, 1)
    J = 0.5 * np.sum((y - a4) ** 2)

    # backward
    dJ_dz4 = -(y - a4) * a4 * (1 - a4)  # (4, 1)
    dJ_dw3 = np.dot(a3.T, dJ_dz4)       # (5, 1)
    dJ_da3 = np.dot(dJ_dz4, w3.T)       # (4, 5)
    dJ_dz3 = dJ_da3 * a3 * (1 - a3)     # (4, 5)
    dJ_dw2 = np.dot(a2.T, dJ_dz3)       # (4, 5)
    dJ_da2 = np.dot(dJ_dz3, w2.T)       # (4, 4)
    dJ_dz2 = dJ_da2 * a2 * (1 - a2)     # (4, 4)
    dJ_dw1 = np.dot(x.T, dJ_dz2)        # (3, 4)
    return J, {"w1": dJ_dw1, "w2": dJ_dw2, "w3": dJ_dw3}
"""


def test_the_articles_backprop_reads_as_the_article_has_it() -> None:
    article = Article()
    derivation = article.derive()
    assert str(derivation).endswith(f"import numpy as np\n\n\n{ARTICLE}")
    agree(derivation, article.J, article.leaves)


def test_the_articles_backprop_gives_what_was_derived_by_hand() -> None:
    by_hand = HandwrittenNetwork(*Article().weights)
    by_hand.forward(INPUTS)
    loss, gradients = run_alone(Article().derive())
    np.testing.assert_allclose(loss, by_hand.cost(LABELS), rtol=1e-12)
    for mine, theirs in zip(gradients.values(), by_hand.backward(LABELS), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)


def test_our_own_verifier_says_that_the_derived_backprop_is_right() -> None:
    derivation = Article().derive()
    arguments = derivation.arguments
    with verify(w1=arguments["w1"], w2=arguments["w2"], w3=arguments["w3"]) as check:
        check.loss, check.gradients = derivation.function(**arguments)
    assert check, str(check)
    assert [step.name for step in check.steps][:3] == ["dJ_dz4", "dJ_dw3", "dJ_da3"]


def test_the_articles_backprop_as_mathematics() -> None:
    text = Article().derive().latex()
    check_latex(text)
    assert r"a_{2} &= \frac{1}{1 + \exp\left(-z_{2}\right)}" in text
    assert (
        r"\frac{\partial J}{\partial z_{4}} &= -\left(y - a_{4}\right) \odot a_{4} \odot \left(1 - a_{4}\right)" in text
    )
    assert (
        r"\frac{\partial J}{\partial w_{3}} &= \frac{\partial J}{\partial z_{4}} "
        r"\frac{\partial z_{4}}{\partial w_{3}} = a_{3}^{\top} \, \frac{\partial J}{\partial z_{4}}"
    ) in text


# ---- other networks, as a teacher would look at them -----------------------------------------------------------------

generator = np.random.default_rng(5)


def normal(*shape: int) -> Any:
    return generator.normal(size=shape)


def checked(function: Loss, *arguments: Any, wrt: list[str]) -> Derivation:
    """The derivation of a function, which gives what autodiff gives, and whose LaTeX can be shown."""
    derivation = derive(function, *arguments, wrt=wrt)
    names = list(function.__code__.co_varnames)
    inputs = [Tensor(argument, requires_grad=name in wrt) for name, argument in zip(names, arguments, strict=False)]
    agree(derivation, function(*inputs), [inputs[names.index(name)] for name in wrt])
    check_latex(derivation.latex())
    return derivation


def softmax_cross_entropy(x: Any, y: Any, W1: Any, b1: Any, W2: Any, b2: Any) -> Any:
    h = np.maximum(x @ W1 + b1, 0)
    logits = h @ W2 + b2
    e = np.exp(logits - np.max(logits, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)
    return -np.sum(y * np.log(p)) / len(x)


def test_softmax_and_cross_entropy() -> None:
    labels = np.eye(3)[[0, 2, 1, 1, 0]]
    arguments = normal(5, 4), labels, normal(4, 6), normal(6), normal(6, 3), normal(3)
    derivation = checked(softmax_cross_entropy, *arguments, wrt=["W1", "b1", "W2", "b2"])
    assert lines(derivation, "backward") == [
        "dJ_dp = -y / (5 * p)",
        "dJ_de = (",
        "    dJ_dp / sum_of_e",
        "    + np.sum(-dJ_dp * p / sum_of_e, axis=1, keepdims=True)",
        ")",
        "dJ_dlogits = dJ_de * e",
        "dJ_db2 = np.sum(dJ_dlogits, axis=0)",
        "dJ_dW2 = h.T @ dJ_dlogits",
        "dJ_dh = dJ_dlogits @ W2.T",
        "dJ_dz1 = dJ_dh * np.heaviside(z1, 0.5)",
        "dJ_db1 = np.sum(dJ_dz1, axis=0)",
        "dJ_dW1 = x.T @ dJ_dz1",
    ]


def log_likelihood(x: Any, y: Any, W: Any) -> Any:
    logits = x @ W
    shifted = logits - np.max(logits, axis=1, keepdims=True)
    log_p = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    return -np.mean(log_p[np.arange(len(x)), y])


def test_the_maximum_in_a_softmax_has_no_gradient_and_labels_are_a_parameter() -> None:
    derivation = derive(log_likelihood, normal(40, 4), generator.integers(0, 3, 40), normal(4, 3), wrt="W")
    assert lines(derivation, "backward")[:2] == [
        "dJ_dlog_p = np.zeros((40, 3))",
        "dJ_dlog_p[np.arange(40), y] = -1 / 40",
    ]
    assert "max" not in "".join(lines(derivation, "backward"))
    assert "def J_and_gradients(x, y, W):" in derivation.source
    W = Tensor(derivation.arguments["W"], requires_grad=True)
    agree(derivation, log_likelihood(derivation.arguments["x"], derivation.arguments["y"], W), [W], rtol=1e-11)


def recurrent(xs: Any, target: Any, Wx: Any, Wh: Any, b: Any) -> Any:
    h = np.zeros((2, 4))
    for t in range(3):
        h = np.tanh(xs[t] @ Wx + h @ Wh + b)
    return np.mean((h - target) ** 2)


def test_a_loop_is_unrolled_and_its_values_are_numbered() -> None:
    derivation = checked(
        recurrent, normal(3, 2, 5), normal(2, 4), normal(5, 4), normal(4, 4), normal(4), wrt=["Wx", "Wh", "b"]
    )
    assert lines(derivation, "forward")[:3] == [
        "h0 = np.zeros((2, 4))",
        "z1 = xs[0] @ Wx + h0 @ Wh + b",
        "h1 = np.tanh(z1)",
    ]
    backward = lines(derivation, "backward")
    assert backward[:3] == [
        "dJ_dz3 = 2 * (h3 - target) / 8 * (1 - h3**2)",
        "dJ_dh2 = dJ_dz3 @ Wh.T",
        "dJ_dz2 = dJ_dh2 * (1 - h2**2)",
    ]
    assert "dJ_dWh = h2.T @ dJ_dz3 + h1.T @ dJ_dz2 + h0.T @ dJ_dz1" in backward


def batch_norm(x: Any, target: Any, gamma: Any, beta: Any) -> Any:
    mu = np.mean(x, axis=0)
    var = np.mean((x - mu) ** 2, axis=0)
    xhat = (x - mu) / np.sqrt(var + 1e-5)
    out = gamma * xhat + beta
    return 0.5 * np.sum((out - target) ** 2)


def test_batch_normalization_by_hand() -> None:
    derivation = checked(batch_norm, normal(8, 3), normal(8, 3), normal(3), normal(3), wrt=["gamma", "beta", "x"])
    assert lines(derivation, "backward") == [
        "dJ_dout = out - target",
        "dJ_dbeta = np.sum(dJ_dout, axis=0)",
        "dJ_dgamma = np.sum(dJ_dout * xhat, axis=0)",
        "dJ_dxhat = dJ_dout * gamma",
        "dJ_dvar = np.sum(-dJ_dxhat * xhat / root, axis=0) / (2 * root)",
        "dJ_ddifference = dJ_dxhat / root + 2 * dJ_dvar * difference / 8",
        "dJ_dmu = np.sum(-dJ_ddifference, axis=0)",
        "dJ_dx = dJ_ddifference + dJ_dmu / 8",
    ]


def layer_norm(x: Any, gamma: Any, beta: Any) -> Any:
    xc = x - x.mean(axis=-1, keepdims=True)
    std = np.sqrt(np.mean(xc**2, axis=-1, keepdims=True) + 1e-5)
    out = gamma * (xc / std) + beta
    return np.sum(np.sin(out))


def test_layer_normalization_by_hand() -> None:
    derivation = checked(layer_norm, normal(4, 6), normal(6), normal(6), wrt=["x", "gamma", "beta"])
    assert "np.inf" not in derivation.source  # the root of what has an epsilon in it is never 0


def attention(q: Any, k: Any, v: Any, target: Any) -> Any:
    scores = q @ k.T / np.sqrt(q.shape[-1])
    e = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
    weights = e / np.sum(e, axis=-1, keepdims=True)
    return np.mean((weights @ v - target) ** 2)


def embedded(table: Any, w: Any) -> Any:
    rows = functional.embedding(table, np.array([[0, 2], [2, -1]]))
    return np.sum(np.sin(rows @ w))


def elementary(x: Any, w: Any) -> Any:
    a = np.abs(x * w) + np.sqrt(np.square(x) + 1.0)
    b = np.where(x > 0, np.log1p(a), np.arctan(a)) ** 3
    c = np.minimum(b, 2.0) - np.clip(w, -0.5, 0.5)
    return np.prod(1.5 + np.cos(c)) + np.linalg.norm(c) + np.std(b)


def reshaped(x: Any, w: Any) -> Any:
    y = np.concatenate([x.reshape(-1, 2), w.T], axis=0)[::-1, None]
    z = np.stack([y[:3], y[1:4] * 2])
    return np.sum(np.transpose(z, (1, 0, 3, 2)) ** 2) + np.einsum("ij,kj->", x.reshape(-1, 2), w.T)


@pytest.mark.parametrize(
    ("function", "shapes", "wrt"),
    [
        (attention, [(3, 4), (5, 4), (5, 2), (3, 2)], ["q", "k", "v"]),
        (elementary, [(3, 4), (4,)], ["x", "w"]),
        (embedded, [(5, 3), (3, 2)], ["table", "w"]),
        (reshaped, [(3, 4), (2, 3)], ["w", "x"]),
    ],
)
def test_what_is_written_gives_what_is_recorded(function: Loss, shapes: list[Any], wrt: list[str]) -> None:
    checked(function, *(normal(*shape) for shape in shapes), wrt=wrt)


def test_float32_stays_float32() -> None:
    arguments = [np.float32(normal(*shape)) for shape in [(5, 4), (5, 3), (4, 6), (6,), (6, 3), (3,)]]
    wrt = ["W1", "b1", "W2", "b2"]
    inputs = [Tensor(a, requires_grad=i > 1) for i, a in enumerate(arguments)]
    agree(derive(softmax_cross_entropy, *arguments, wrt=wrt), softmax_cross_entropy(*inputs), inputs[2:], rtol=1e-5)


def test_a_network_of_layers_has_the_names_of_its_layers() -> None:
    net = Sequential(Dense(4, 5, activation=functional.sigmoid), Dense(5, 3, activation=functional.relu))
    x, y = normal(6, 4), normal(6, 3)
    loss = functional.squared_error(net(x), y)
    derivation = derive(loss)
    agree(derivation, loss, list(net.parameters()))
    assert list(derivation.arguments) == [
        "x", "y", "layers_0_weight", "layers_0_bias", "layers_1_weight", "layers_1_bias",
    ]  # fmt: skip
    assert lines(derivation, "forward")[:2] == [
        "z1 = x @ layers_0_weight + layers_0_bias",
        "a1 = 1 / (1 + np.exp(-z1))",
    ]
    again = derive(lambda: functional.squared_error(net(x), y))
    agree(again, loss, list(net.parameters()))


def test_a_classifier_of_layers() -> None:
    net = Sequential(Dense(4, 5, activation=np.tanh), nn.LayerNorm(5), Dense(5, 3))
    x, y = normal(6, 4), generator.integers(0, 3, 6)
    loss = nn.cross_entropy(net(x), y)
    agree(derive(loss), loss, list(net.parameters()), rtol=1e-11)


# ---- what gradients are asked for ------------------------------------------------------------------------------------


def half_squares(w: Any, x: Any) -> Any:
    p = w * x
    return 0.5 * np.sum(p**2)


def keys(derivation: Derivation) -> list[str]:
    return list(run_alone(derivation)[1])


def test_gradients_are_asked_for_by_name_by_tensor_and_by_number() -> None:
    w, x = normal(3), normal(3)
    assert keys(derive(half_squares, w, x, wrt="w")) == ["w"]
    assert keys(derive(half_squares, w, x, wrt=["x", "w"])) == ["x", "w"]
    assert keys(derive(half_squares, w, x, wrt=1)) == ["x"]
    assert keys(derive(half_squares, w, x, wrt=("x", 0))) == ["x", "w"]
    assert keys(derive(half_squares, w, x, wrt=["w", "p"])) == ["w", "p"]
    assert keys(derive(half_squares, w=w, x=x, wrt="x")) == ["x"]
    leaf = Tensor(w, requires_grad=True)
    assert keys(derive(half_squares, leaf, x)) == ["w"]
    assert keys(derive(half_squares, leaf, x, wrt=leaf)) == ["w"]
    assert keys(derive(half_squares, Tensor(w), x, wrt="w")) == ["w"]
    assert not Tensor(w).requires_grad
    p = leaf * x
    J = np.sum(p**2)
    assert keys(derive(J)) == ["leaf"]
    assert keys(derive(J, wrt=[p, leaf])) == ["p", "leaf"]
    assert keys(derive(J, wrt="p")) == ["p"]


def test_what_a_function_closes_over_is_a_parameter() -> None:
    w, x = Tensor(normal(3), requires_grad=True), normal(3)
    derivation = derive(lambda: half_squares(w, x))
    assert list(derivation.arguments) == ["x", "w"]
    assert derivation.source.count("0.") == 1  # no digits of x or w: 0.5 alone


def test_random_numbers_are_drawn_by_the_generator_that_is_a_parameter() -> None:
    def noisy(w: Any, x: Any, rng: Any) -> Any:
        noise = rng.normal(size=x.shape)
        return np.sum(np.sin((x + noise) * w))

    w, x, rng = normal(3), normal(4, 3), np.random.default_rng(3)
    derivation = derive(noisy, w, x, rng, wrt="w")
    assert "noise = rng.normal(size=(4, 3))" in lines(derivation, "forward")
    _, gradients = derivation.function(**derivation.arguments)
    leaf = Tensor(w, requires_grad=True)
    (truth,) = noisy(leaf, x, rng).gradient(leaf)
    np.testing.assert_allclose(gradients["w"], truth.numpy(), rtol=1e-12)


def test_derive_records_whatever_surrounds_it() -> None:
    leaf, x = Tensor(normal(3), requires_grad=True), normal(3)
    J = half_squares(leaf, x)
    with no_grad():
        assert keys(derive(J)) == ["leaf"]
        assert keys(derive(half_squares, leaf, x)) == ["w"]
    value = derive(J).arguments["leaf"]
    with pytest.raises(ValueError, match="read-only"):
        value[0] = 1.0


@differentiable
def cube(x: Any) -> Any:
    """The third power.

    Not printed: only the first paragraph is.
    """
    return x**THREE


def cube_rule(g: Any, y: Any, x: Any) -> Any:
    if np.any(x > 100):  # which no trace can follow
        return g * 0
    return three_squares(x) * g


def three_squares(x: Any) -> Any:
    return THREE * x ** (THREE - 1)


THREE = 3


def test_operations_of_ones_own_and_rules_that_branch_come_as_helpers(own_operations: None) -> None:
    define_vjp(cube, x=cube_rule)
    w = Tensor(normal(2, 3), requires_grad=True)
    J = np.sum(cube(w) * 2.0)
    derivation = derive(J)
    agree(derivation, J, [w])
    for line in ("def cube(x):", "    return x ** 3", "def cube_rule(g, y, x):", "def three_squares(x):"):
        assert f"\n{line}\n" in derivation.source
    assert "Not printed" not in derivation.source


def test_a_rule_without_source_is_refused(own_operations: None) -> None:
    made: dict[str, Any] = {"__name__": "made"}
    exec("def square(x):\n    return x * x", made)
    square = differentiable(made["square"])
    define_vjp(square, x=lambda g, y, x: g * 2 * x)
    with pytest.raises(TypeError, match="The source of 'square' can't be read"):
        derive(np.sum(square(Tensor(normal(3), requires_grad=True))))


def test_writing_in_place_is_written_as_people_do_it() -> None:
    def written(w: Any) -> Any:
        z = np.zeros_like(w)
        z[0] = w[1] * 2.0
        z[1] = w[0]
        return np.sum(z**3)

    derivation = checked(written, normal(3, 2), wrt=["w"])
    assert lines(derivation, "forward")[:3] == ["z = np.zeros_like(w)", "z[0] = w[1] * 2.0", "z[1] = w[0]"]


def test_what_is_written_in_two_lines_is_not_taken_apart_in_the_second() -> None:
    def loss(w: Any) -> Any:
        turned = np.transpose((w[:, :3] * 1.25)[:, ::-1] + 0.5, (0, 1))
        mask = np.isnan(turned)
        return np.sum(np.where(mask, 0.0, np.exp(np.sin(turned) * np.cos(turned) + np.tanh(turned) * 1.5)))

    checked(loss, normal(3, 4), wrt=["w"])


def test_calls_of_which_no_parts_are_seen_are_refused() -> None:
    w = Tensor(normal(3), requires_grad=True)
    with pytest.raises(TypeError, match="as checkpoint makes one"):
        derive(np.sum(checkpoint(np.tanh)(w)))


class Net:
    """Weights as plain arrays, as people write them who have no autodiff."""

    def __init__(self) -> None:
        self.w1, self.layers = normal(3, 4), [{"w": normal(4, 2), "b": normal(2)}]

    def loss(self, x: Any) -> Any:
        self.h = np.tanh(x @ self.w1)
        return np.mean((self.h @ self.layers[0]["w"] + self.layers[0]["b"]) ** 2)


def test_arrays_of_an_object_can_be_asked_for_and_stay_arrays() -> None:
    net, x = Net(), normal(5, 3)
    derivation = derive(net.loss, x, wrt=["w1", "w", "b"])
    assert keys(derivation) == ["w1", "w", "b"]
    assert "h = np.tanh(x @ w1)" in lines(derivation, "forward")
    assert type(net.w1) is np.ndarray
    assert type(net.layers[0]["w"]) is np.ndarray
    assert not hasattr(net, "h")


def test_names_given_to_tensors_come_before_those_of_variables() -> None:
    w = Tensor(normal(3), requires_grad=True, name="theta")
    z = w * 2.0
    z.name = "logits"
    J = np.sum(np.exp(z))
    J.name = "cost"
    derivation = derive(J)
    assert keys(derivation) == ["theta"]
    assert lines(derivation, "backward") == ["dcost_dtheta = 2 * exp_logits"]
    assert "logits = theta * 2.0" in lines(derivation, "forward")
    assert r"\frac{\partial \mathrm{cost}}{\partial \theta}" in derivation.latex()


HOSTILE = [
    'w"""\nimport os\nos.system("false")\n"""',
    "w'); raise SystemExit(1); ('",
    "__import__('os')",
    "np",
    "lambda",
    "print",
    "J",
    "dJ_dw",
    "J_and_gradients",
    "w\u2028x\x00\\",
    "1",
    "",
    "θ",
    "ﬁ",  # which Python reads as fi
    "x" * 300,
    "}{\\end{aligned}",
    "#",
    "a#",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_gets_into_the_source_as_it_is(name: str) -> None:
    w = Tensor(normal(3), requires_grad=True, name=name)
    v = Tensor(normal(3), requires_grad=True, name=name)
    x = Tensor(normal(3), name=name)
    z = np.tanh(w * x + v)
    z.name = name
    loss = np.sum(z**2)
    loss.name = name
    derivation = derive(loss)
    agree(derivation, loss, [w, v])
    allowed = r"[\w\s()\[\]{}:=.,*+\-/#\"]+"
    assert re.fullmatch(allowed, derivation.source)
    assert max(map(len, derivation.source.splitlines())) < 250
    assert derivation.latex().count("\\end{aligned}") == 1
    check_latex(derivation.latex())


def test_a_persons_own_gradient_keeps_its_name() -> None:
    dJ_dw, w = normal(3), Tensor(normal(3), requires_grad=True)
    J = np.sum(w * dJ_dw * w)
    agree(derive(J), J, [w])
    assert "dJ_dw" in derive(J).arguments


def test_large_constants_are_parameters_and_not_digits() -> None:
    w, table = Tensor(normal(100), requires_grad=True), normal(100)
    J = np.sum(np.exp(w * table)) + np.sum(w[:2] * np.array([0.25, 4.0]))
    derivation = derive(J)
    assert list(derivation.arguments) == ["table", "w"]
    assert "np.array([0.25, 4.0])" in derivation.source
    agree(derivation, J, [w])


def test_a_derivation_shows_itself() -> None:
    derivation = derive(half_squares, normal(3), normal(3), wrt="w")
    assert repr(derivation) == "Derivation(J_and_gradients(w, x))"
    assert str(derivation) == derivation.source
    shown = derivation._repr_markdown_()
    assert shown.startswith("```python\n")
    assert "\\begin{aligned}" in shown


# ---- errors ----------------------------------------------------------------------------------------------------------

W = np.array([1.0, 2.0, 3.0])
weight, data = Tensor(W, requires_grad=True), np.array([4.0, 5.0, 6.0])
recorded = np.sum(weight * data)

ERRORS: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: derive(W), TypeError, r"was given an array of shape \(3,\).*Make the parameters Tensors"),
    (lambda: derive("loss"), TypeError, r"was given a str"),
    (lambda: derive(Tensor(1.0)), TypeError, r"depends on no Tensor that requires a gradient"),
    (lambda: derive(weight * data), ValueError, r"one number, but this has shape \(3,\).*np.sum"),
    (lambda: derive(weight[0] * 1j), ValueError, r"a real number, but this is complex128"),
    (lambda: derive(Tensor(1.0, requires_grad=True)), ValueError, r"a parameter and no loss"),
    (lambda: derive(recorded, data), TypeError, r"computed already.*derive\(f, x, y"),
    (lambda: derive(recorded, wrt=[]), ValueError, r"names nothing"),
    (lambda: derive(recorded, wrt="wieght"), ValueError, r"is called 'wieght'. Did you mean 'weight'\?.*of weight"),
    (lambda: derive(recorded, wrt="data"), ValueError, r"'data' requires no gradient"),
    (lambda: derive(recorded, wrt=0), TypeError, r"asks for an argument, but the loss was computed already"),
    (lambda: derive(recorded, wrt=data), TypeError, r"takes names, Tensors and numbers.*shape \(3,\)"),
    (lambda: derive(recorded, wrt=True), TypeError, r"takes names, Tensors and numbers"),
    (lambda: derive(recorded, wrt=Tensor(1.0)), ValueError, r"requires no gradient"),
    (lambda: derive(recorded, wrt=Tensor(1.0, requires_grad=True)), ValueError, r"not among what the loss"),
    (lambda: derive(half_squares, W, data), TypeError, r"wrt= one or several of w, x"),
    (lambda: derive(half_squares, W, data, wrt="v"), TypeError, r"nothing that half_squares reads.*of w, x"),
    (lambda: derive(half_squares, weight, data, wrt="v"), ValueError, r"is called 'v'.*of w, p"),
    (lambda: derive(half_squares, W, data, wrt=2), ValueError, r"argument 2, but the function was given 2"),
    (lambda: derive(half_squares, W, 2.0, wrt=1), ValueError, r"argument 1, which holds no array: 2.0"),
    (lambda: derive(half_squares, np.arange(3), data, wrt="w"), TypeError, r"'w', which holds int64"),
    (lambda: derive(lambda w, x: np.sum(x), W, data, wrt="w"), TypeError, r"does not depend on 'w'"),
    (lambda: derive(lambda w, x: np.sum(x) + weight[0], W, data, wrt="w"), ValueError, r"does not depend on 'w'"),
    (lambda: derive(lambda w: None, W, wrt="w"), TypeError, r"returned None, a NoneType"),
    (lambda: derive(lambda w: w * 2, W, wrt="w"), ValueError, r"one number, but this has shape \(3,\)"),
    (lambda: derive(lambda w: w[0] if w[0] > 0 else w[1], W, wrt="w"), TypeError, r"no branch can be taken"),
    (
        lambda: derive(lambda w: np.sum(np.emath.sqrt(w)), W, wrt="w"),
        TypeError,
        r"np\.emath\.sqrt takes branches on values",
    ),
    (
        lambda: derive(lambda w: np.sum(np.nanquantile(w, 0.5)), W, wrt="w"),
        TypeError,
        r"np\.nanquantile takes branches on values",
    ),
    (lambda: derive(lambda: recorded * 2.0), TypeError, r"computed outside of it"),
]


@pytest.mark.parametrize(("ask", "kind", "message"), ERRORS)
def test_errors_say_what_to_do(ask: Callable[[], Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=re.compile(message, re.DOTALL)):
        ask()


def test_more_lines_than_anybody_reads_are_refused() -> None:
    w = Tensor(1.0, requires_grad=True)
    y: Any = w
    for _ in range(MOST_LINES):
        y = np.sin(y) * w
    with pytest.raises(ValueError, match="loops are unrolled"):
        derive(y)


# ---- every function of the table -------------------------------------------------------------------------------------


def no_names(loss: Tensor) -> Derivation:
    return without_names(derive, loss, None)  # type: ignore[no-any-return]


def test_parameters_that_nobody_has_named_are_parameters() -> None:
    w, v, one = Tensor(2.0, requires_grad=True), Tensor([1.0, 2.0], requires_grad=True), Tensor(3.0, requires_grad=True)
    J = np.sum(w * v * 3.0) + one
    derivation = no_names(J)
    agree(derivation, J, [w, v, one])
    assert keys(derivation) == ["parameter", "parameter2", "parameter3"]
    half = w * 0.5
    J = np.exp(half)
    agree(without_names(derive, J, [half]), J, [half])


without_names = eval("lambda derive, loss, wrt: derive(loss, wrt=wrt)", {})  # there is much to look through here
EVERY = 8  # of the cases one in so many, for all take a minute; another one each time the table grows


def loss_of(case: Case, weights: list[Any]) -> Loss:
    def loss(*given: Any) -> Any:
        results = case.call(case.function, [*given])
        total: Any = 0.0
        for weight, y in zip(weights, results if isinstance(results, list | tuple) else [results], strict=True):
            if type(y) is Tensor and y.requires_grad:
                total = total + np.real(np.sum(weight * y))
        return total

    return loss


@pytest.mark.parametrize("case", DIFFERENTIABLE[::EVERY], ids=str)
def test_the_gradient_of_every_function_can_be_written_down(case: Case) -> None:
    values = case.draw()
    results = case.call(case.reference, [*values])
    results = results if isinstance(results, list | tuple) else [results]
    weights = [np.random.default_rng(1).uniform(0.5, 1.5, np.shape(y)) for y in results]
    inputs = [Tensor(value, requires_grad=True) for value in values]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        loss = loss_of(case, weights)(*inputs)
        if type(loss) is not Tensor:
            pytest.skip("the derivative is zero: nothing is recorded")
        orders = {record[0] for record in ancestors(loss._record)}
        inputs = [leaf for leaf in inputs if leaf._record is not None and leaf._record[0] in orders]
        derivation = without_names(derive, loss, inputs)
        value, gradients = derivation.function(**derivation.arguments)
        truths = [truth.numpy() for truth in loss.gradient(*inputs)]
    check_latex(derivation.latex())
    np.testing.assert_allclose(value, loss.numpy(), rtol=1e-12)
    for mine, truth in zip(gradients.values(), truths, strict=True):
        assert np.shape(mine) == truth.shape
        scale = np.max(np.abs(truth), initial=1e-300, where=np.isfinite(truth))
        np.testing.assert_allclose(mine, truth, rtol=1e-10, atol=1e-12 * scale)
