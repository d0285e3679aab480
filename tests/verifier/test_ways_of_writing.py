"""Ways in which people write their own backprop that once were not recorded, paired or told as they should be."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from tests.verifier.files import module_of
from tinygrad_scratch import verify
from tinygrad_scratch.cli import main

RNG = np.random.default_rng(5)
X, Y = RNG.normal(size=(7, 3)), RNG.normal(size=(7, 2))


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Callable[[str], Any]]:
    """Makes a module of a program, in a file of its own."""
    yield lambda source: module_of(tmp_path / "way_of_writing.py", source)
    sys.modules.pop("way_of_writing", None)


def by_parameter(check: Any) -> dict[str, int]:
    return {final.parameter.name: final.node for final in check.finals}


# ---- SciPy -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("shapes", [((5, 6), (3, 2)), ((4, 7), (2, 4)), ((2, 3), (5, 4)), ((3, 7), (3, 1))])
def test_spellings_of_convolution_are_scipys(mode: str, shapes: Any) -> None:
    signal = pytest.importorskip("scipy.signal")
    from tinygrad_scratch.verifier.recording.scipy_in_numpy import SPELLED

    one, other = (RNG.normal(size=shape) for shape in shapes)
    for (module, name), ours in SPELLED.items():
        if module == "scipy.signal" and (mode != "valid" or is_nested(*shapes)):
            np.testing.assert_allclose(
                ours(one, other, mode), getattr(signal, name)(one, other, mode), atol=1e-12, err_msg=name
            )


def is_nested(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether one of two shapes fits into the other, as `valid` wants it."""
    pairs = list(zip(one, other, strict=True))
    return all(a >= b for a, b in pairs) or all(a <= b for a, b in pairs)


@pytest.mark.parametrize("axis", [None, 0, -1])
def test_spellings_of_special_functions_are_scipys(axis: int | None) -> None:
    special = pytest.importorskip("scipy.special")
    from tinygrad_scratch.verifier.recording.scipy_in_numpy import SPELLED, SPELLED_UFUNCS

    for (module, name), ours in SPELLED.items():
        if module == "scipy.special":
            np.testing.assert_allclose(ours(X, axis=axis), getattr(special, name)(X, axis=axis), atol=1e-14)
    inside = np.abs(X) / 10
    for name, ours in SPELLED_UFUNCS.items():
        theirs = getattr(special, name)
        arguments = (inside,) * theirs.nin
        np.testing.assert_allclose(ours(*arguments), theirs(*arguments), atol=1e-14)


COUNTS = """
import numpy as np
from scipy.special import digamma, gammaln

counts = np.array([0.0, 2.0, 1.0, 4.0, 3.0, 0.0, 7.0])
x = np.array([0.3, -0.2, 0.1, 0.9, 0.4, -0.5, 1.2])

def run(verify):
    slope, size = np.array(0.8), np.array([1.7])
    with verify(slope=slope, size=size) as check:
        mean = np.exp(slope * x)
        parts = gammaln(counts + size) - gammaln(size) - gammaln(counts + 1)
        parts = parts + size * np.log(size / (size + mean)) + counts * np.log(mean / (size + mean))
        check.loss = -parts.sum()
        d_slope = -((counts - mean) * size / (size + mean) * x).sum()
        d_size = digamma(counts + size) - digamma(size) + np.log(size / (size + mean)) + 1
        check.gradients = d_slope, [-(d_size - (counts + size) / (size + mean)).sum()]
    return check
"""


@pytest.mark.parametrize("wrong", ["", "digamma(size + 1)"])
def test_the_gamma_function_has_a_slope(wrong: str, load: Any) -> None:
    pytest.importorskip("scipy.special")
    check = load(COUNTS.replace("digamma(size)", wrong) if wrong else COUNTS).run(verify)
    assert check.ok == (not wrong), check


CENSORED = """
import numpy as np
from scipy.special import betaln, digamma, log_ndtr

rng = np.random.default_rng(3)
x, y, seen = rng.normal(size=8), rng.random(8), rng.random(8) > 0.4

def run(verify):
    w, b = np.array([0.7]), np.array([1.4])
    with verify(w=w, b=b) as check:
        z = x * w
        share = log_ndtr(z)
        check.loss = -np.sum(np.where(seen, share, 0.0)) + 8 * betaln(b, 2.5)[0] - np.sum((b - 1) * np.log(y))
        slope = np.exp(-(z**2) / 2 - share) / np.sqrt(2 * np.pi)
        dw = [-np.sum(np.where(seen, slope * x, 0.0))]
        check.gradients = dw, 8 * (digamma(b) - digamma(b + 2.5)) - np.sum(np.log(y))
    return check
"""


@pytest.mark.parametrize(("right", "wrong"), [("", ""), ("- share", ""), ("digamma(b + 2.5)", "digamma(b + 1.5)")])
def test_a_censored_density_and_the_beta_function_have_slopes(right: str, wrong: str, load: Any) -> None:
    pytest.importorskip("scipy.special")
    check = load(CENSORED.replace(right, wrong) if right else CENSORED).run(verify)
    assert check.ok == (not right), check


SCIPY = """
import numpy as np
import scipy.special
from scipy.signal import convolve2d, correlate2d
from scipy.special import softmax


def loss_and_gradient(w, x, kernel, y):
    z = x @ w
    p = softmax(z, axis=1)
    c = convolve2d(p, kernel, mode="same")
    loss = np.sum((c - y) ** 2) + np.sum(scipy.special.logsumexp(z, axis=1))
    dp = FLIPPED(2 * (c - y), kernel, mode="same")
    dz = p * (dp - np.sum(dp * p, axis=1, keepdims=True)) + p
    return loss, x.T @ dz
"""


@pytest.mark.parametrize(("flipped", "ok"), [("correlate2d", True), ("convolve2d", False)])
def test_scipy_is_recorded(flipped: str, ok: bool, load: Any) -> None:
    pytest.importorskip("scipy.signal")
    module = load(SCIPY.replace("FLIPPED", flipped))
    own = module.softmax, module.scipy
    check = verify.function(module.loss_and_gradient, RNG.normal(size=(3, 2)), X, np.array([[1.0, 2.0], [0.5, -1]]), Y)
    assert check.ok is ok, str(check)
    assert check.problem is None
    assert not check.tape.leaks
    assert (module.softmax, module.scipy) == own


def test_a_function_that_is_not_numpys_is_named_with_its_line(load: Any) -> None:
    pytest.importorskip("scipy.ndimage")
    source = (
        "import numpy as np\nfrom scipy.ndimage import gaussian_filter\n\n\ndef f(w, x):\n"
        "    s = gaussian_filter(x @ w, 1.0)\n    return np.sum(s**2), x.T @ s\n"
    )
    check = verify.function(load(source).f, RNG.normal(size=(3, 2)), X)
    assert not check.ok
    assert "line 6, `s = gaussian_filter(x @ w, 1.0)`, for gaussian_filter()" in str(check.problem)


# ---- whose gradient --------------------------------------------------------------------------------------------------

SHAPES = [(3, 4), (4,), (4, 4), (4,), (4, 4), (4,), (4, 2), (2,)]
LAYERS = range(4)
ORDERS: dict[str, Callable[[list[Any]], Any]] = {
    "forward": lambda g: tuple(g),
    "backward": lambda g: g[::-1],
    "layers backward": lambda g: [(g[2 * layer], g[2 * layer + 1]) for layer in reversed(LAYERS)],
    "by kind": lambda g: (g[::2], g[1::2]),
    "by kind, backward": lambda g: (g[::2][::-1], g[1::2][::-1]),
    "the other kind first": lambda g: (g[1::2], g[::2]),
    "flat": lambda g: np.concatenate([part.ravel() for part in g]),
}


class Weights(NamedTuple):
    W: Any
    b: Any


class Holder:
    pass


def held(kind: str, parameters: list[Any]) -> Any:
    """The parameters in what people keep them in."""
    if kind == "list":
        return list(parameters)
    if kind == "dict":
        return {f"{'Wb'[i % 2]}{i // 2 + 1}": parameter for i, parameter in enumerate(parameters)}
    layers = [Holder() for _ in LAYERS]
    for i, parameter in enumerate(parameters):
        setattr(layers[i // 2], "Wb"[i % 2], parameter)
    return layers


@pytest.mark.parametrize("wrong", ["", "early", "late"])
@pytest.mark.parametrize("kind", ["list", "dict", "layers"])
@pytest.mark.parametrize("order", ORDERS)
def test_gradients_in_any_usual_order_are_paired(order: str, kind: str, wrong: str) -> None:
    rng = np.random.default_rng(1)
    parameters = [rng.normal(size=shape) / 2 for shape in SHAPES]
    target = held(kind, parameters)
    with verify(target) as check:
        now = (
            target
            if kind == "list"
            else list(target.values())
            if kind == "dict"
            else [part for layer in target for part in (layer.W, layer.b)]
        )
        a: list[Any] = [X]
        for layer in LAYERS:
            z = a[-1] @ now[2 * layer] + now[2 * layer + 1]
            a.append(np.tanh(z) if layer < 3 else z)
        check.loss = np.sum((a[-1] - Y) ** 2)
        d = 2 * (a[-1] - Y)
        g: list[Any] = [None] * 8
        for layer in reversed(LAYERS):
            if (wrong, layer) in (("late", 2), ("early", 0)):
                d = d * (1 + d)
            g[2 * layer], g[2 * layer + 1] = a[layer].T @ d, d.sum(axis=0)
            d = d @ now[2 * layer].T * (1 - a[layer] ** 2)
        nodes = [part.node for part in g]
        check.gradients = ORDERS[order](g)
    meant = {id(parameter): i for i, parameter in enumerate(parameters)}
    paired = {meant[id(final.parameter.array)]: final.node for final in check.finals}
    assert len(paired) == 8, str(check)
    if order != "flat":
        assert [paired[i] for i in range(8)] == nodes
    assert check.ok is not bool(wrong)


def test_named_tuples_hold_parameters() -> None:
    weights = Weights(RNG.normal(size=(3, 2)), np.zeros(2))
    with verify(weights) as check:
        error = X @ weights.W + weights.b - Y
        check.loss = np.sum(error**2)
        check.gradients = Weights(2 * X.T @ error, 2 * error.sum(axis=0))
    assert check.ok, str(check)
    assert set(by_parameter(check)) == {"weights.W", "weights.b"}


def test_variables_around_a_function_are_put_back() -> None:
    def make() -> tuple[Any, Any]:
        w = RNG.normal(size=(3, 2))

        def loss_and_gradient(x: Any, y: Any) -> Any:
            error = x @ w - y
            return np.sum(error**2), 2 * x.T @ error

        return loss_and_gradient, w

    function, w = make()
    for _ in range(2):
        with verify(w=w) as check:
            check.loss, check.gradients = function(X, Y)
        assert check.ok, str(check)
        assert function.__closure__[0].cell_contents is w


FITTED = """
import numpy as np


class Model:
    def __init__(self, eta=0.1):
        self.eta = eta
        self.random = np.random.RandomState(0)

    def fit(self, X, y):
        self.w = self.random.normal(scale=0.1, size=(X.shape[1], y.shape[1]))
        self.b = np.zeros(y.shape[1])
        self.costs = []
        for _ in range(1):
            out = 1 / (1 + np.exp(-(X @ self.w + self.b)))
            error = out - y
            grad_w = X.T @ error
            grad_b = error.sum(axis=0)
            self.w -= self.eta * grad_w
            self.b -= self.eta * grad_b
            out = 1 / (1 + np.exp(-(X @ self.w + self.b)))
            self.costs.append(-np.sum(y * np.log(out) + (1 - y) * np.log(1 - out)))
        return self
"""


def test_weights_that_fit_makes_are_found_and_a_loss_of_updated_ones_is_that_of_those_before(load: Any) -> None:
    model = load(FITTED).Model()
    with verify(model) as check:
        model.fit(X, (Y > 0).astype(float))
    assert check.ok, str(check)
    assert len(check.finals) == 2
    assert check.notes[0].startswith("costs[0] was computed after the update")


# ---- scripts ---------------------------------------------------------------------------------------------------------


def script(folder: Path, text: str) -> str:
    file = folder / "train.py"
    file.write_text(text, encoding="utf-8")
    return str(file)


TURN = """
import numpy as np
rng = np.random.default_rng(0)
x = rng.normal(size=(8, 3))
t = x @ np.array([[1.0], [2.0], [-1.0]])
w = np.zeros((3, 1))
b = 0.0
lr = 0.1
cost = 1.0
while cost > 1e-3:
    err = x @ w + b - t
    cost = (err**2).mean()
    dw = 2 * x.T @ err / len(x)
    db = DB
    w = w - lr * dw
    b = b - lr * db
"""


@pytest.mark.parametrize(("db", "code"), [("2 * err.mean()", 0), ("2 * err.sum()", 1)])
def test_a_number_of_a_turn_is_a_parameter(
    db: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", script(tmp_path, TURN.replace("DB", db))]) == code
    text = capsys.readouterr().out
    assert "db        b" in text
    assert "samples" not in text  # w is as long as the weights that made the data, which are no samples


RATE = """
import numpy as np


def step(W, b, X, y, lr):
    s = X @ W + b
    p = np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(len(y)), y]).mean()
    d = p.copy()
    d[np.arange(len(y)), y] -= 1
    W -= lr * X.T @ d
    b -= lr * d.sum(axis=0)
    return loss


rng = np.random.default_rng(0)
X, y = rng.normal(size=(10, 4)), rng.integers(0, 3, 10)
W, b = rng.normal(size=(4, 3)), np.zeros(3)
for epoch in range(20):
    loss = step(W, b, X, y, 0.1)
"""


def test_a_rate_that_is_one_by_the_samples_is_no_mean(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", script(tmp_path, RATE)]) == 0
    assert "10 times the gradient throughout" in capsys.readouterr().out


def test_only_the_findings_go_to_standard_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (
        "import numpy as np\nfrom tinygrad_scratch import verify\nw = np.ones(3) / 2\nprint('hello')\n"
        "with verify(w=w) as check:\n    check.loss = np.sum(w**2)\n    check.gradients = 2 * w\n"
    )
    assert main(["verify", script(tmp_path, text), "--json"]) == 0
    heard = capsys.readouterr()
    assert heard.out.startswith("{")
    assert heard.err == "hello\n"


CHECKED = """
import sys
import numpy as np
from tinygrad_scratch import verify
w = np.ones(3) / 2
for factor in (2, 3):
    with verify(w=w) as check:
        check.loss = np.sum(w**3)
        check.gradients = factor * w**factor
LAST
"""


@pytest.mark.parametrize("last", ["assert check", "sys.exit(0)", "raise KeyError('w')"])
def test_checks_are_told_whatever_comes_after_them(
    last: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = script(tmp_path, CHECKED.replace("LAST", last))
    assert main(["verify", file, "--html", str(tmp_path / "page.html")]) == 1
    assert "First wrong step" in capsys.readouterr().out
    assert {path.name for path in tmp_path.glob("*.html")} == {"page-1.html", "page-2.html"}


def test_a_script_that_ends_before_its_check_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = script(tmp_path, "import sys\nimport tinygrad_scratch\nsys.exit(0)\n")
    assert main(["verify", file]) == 2
    assert "SystemExit" in capsys.readouterr().err


def test_a_page_that_can_not_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = script(tmp_path, CHECKED.replace("LAST", ""))
    assert main(["verify", file, "--html", str(tmp_path / "none" / "page.html")]) == 2
    assert "can't be written" in capsys.readouterr().err


# ---- what is said ----------------------------------------------------------------------------------------------------


def test_an_error_is_told_with_its_line(load: Any) -> None:
    module = load("import numpy as np\n\n\ndef f(w, x):\n    out = x @ w.T\n    return np.sum(out), out\n")
    with pytest.raises(ValueError, match="matmul"), verify(w=(w := RNG.normal(size=(3, 2)))) as check:
        module.f(w, X)
    assert "in way_of_writing.py, line 5, `out = x @ w.T`, and nothing was judged" in str(check.problem)


def test_whole_numbers_are_named_where_there_are_no_parameters() -> None:
    w = np.array([[1, 2], [3, 4], [5, 6]])
    with verify(w=w) as check:
        check.loss = np.sum(X @ w)
        check.gradients = X.sum(axis=0)
    assert "write w = w.astype(float)" in str(check.problem)


def test_a_loss_of_several_entries_is_summed_and_said() -> None:
    w = RNG.normal(size=(3, 2))
    with verify(w=w) as check:
        check.loss = X @ w
        check.gradients = X.T @ np.ones((7, 2))
    assert check.ok
    assert "check.loss has shape (7, 2): the sum of its entries is taken" in str(check)


def test_the_output_of_a_named_loss_may_be_a_list_of_numbers() -> None:
    w = RNG.normal(size=3)
    with verify(w=w) as check:
        outputs = [x @ w for x in X]
        check.loss_is("half squared error", outputs, list(Y[:, 0]))
        check.gradients = sum((out - y) * x for out, y, x in zip(outputs, Y[:, 0], X, strict=True))
    assert check.ok, str(check)


class Affine:
    def __init__(self, *shape: int) -> None:
        self.W = RNG.normal(size=shape)

    def forward(self, x: Any) -> Any:
        self.x = x
        return x @ self.W

    def backward(self, dout: Any) -> Any:
        self.dW = self.x.T @ dout
        return dout @ self.W.T


class Logistic:
    def forward(self, x: Any) -> Any:
        self.out = 1 / (1 + np.exp(-x))
        return self.out

    def backward(self, dout: Any) -> Any:
        return dout * self.out


def test_what_a_layer_of_a_chain_returns_is_one_mistake() -> None:
    check = verify.layer([Affine(3, 4), Logistic(), Affine(4, 2)], X)
    assert len(check.causes) == 1, str(check)
    assert check.first_wrong.name == "Logistic.backward()"
    assert check.first_wrong.kind == "missing-derivative"


def test_float32_has_the_cause_that_float64_has() -> None:
    def loss_and_gradient(w: Any, x: Any, y: Any) -> Any:
        h = np.tanh(x @ w)
        error = h - y
        dout = 2 * error / np.float32(error.size)
        dz = dout * (1 - h)
        return np.mean(error**2), x.T @ dz

    w = RNG.normal(size=(3, 2))
    found = [
        verify.function(loss_and_gradient, *(array.astype(kind) for array in (w, X, Y)))
        for kind in (np.float32, np.float64)
    ]
    assert [check.first_wrong.kind for check in found] == ["derivative-at-wrong-point"] * 2
    assert "float64" in str(found[0])
    assert "float64" not in str(found[1])


MASKED = """
import numpy as np


def loss_and_gradient(w, x, v):
    h = np.maximum(0, x @ w); out = h @ v
    dh = 2 * out @ v.T
    dh[h < 0] = 0
    dw = x.T @ dh
    return np.sum(out ** 2), dw


def accumulated(w, xs):
    loss, g = 0.0, np.zeros_like(w)
    for x in xs:
        out = x @ w
        loss = loss + out ** 2
        g = 2 * out * x
    return loss, g


def on_one_line(w, x):
    z = x @ w; a = np.tanh(z); da = 2 * a; dz = da * (1 - a)
    return np.sum(a ** 2), x.T @ dz
"""


def test_what_would_be_right_is_a_statement(load: Any) -> None:
    module = load(MASKED)
    w, v = RNG.normal(size=(3, 4)), RNG.normal(size=(4, 2))
    assert "dh[h <= 0] = 0" in str(verify.function(module.loss_and_gradient, w, X, v))
    assert "g = g + 2 * out * x" in str(verify.function(module.accumulated, w[:, 0], X))
    text = str(verify.function(module.on_one_line, w, X))
    assert "you wrote  dz = da * (1 - a)\n" in text
    assert "right is   dz = da * (1 - a ** 2)\n" in text
