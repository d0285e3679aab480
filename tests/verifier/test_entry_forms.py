"""The forms in which a check is written, and what is said where something is missing."""

from __future__ import annotations

import copy
import io
import json
import math
import subprocess
import sys
import types
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.verifier.files import module_of
from tinygrad_scratch import verify
from tinygrad_scratch.cli import main

RNG = np.random.default_rng(3)
X, Y = RNG.normal(size=(5, 3)), RNG.normal(size=(5, 2))


class Net:
    """A network of one layer."""

    def __init__(self) -> None:
        self.W = np.random.default_rng(0).normal(size=(3, 2))
        self.b = np.zeros(2)

    def forward(self, x: Any) -> Any:
        self.x = x
        return x @ self.W + self.b

    def backward(self, d: Any) -> Any:
        return self.x.T @ d, d.sum(axis=0)

    def step(self, d: Any, rate: float) -> None:
        dw, db = self.backward(d)
        self.W = self.W - rate * dw
        self.b -= rate * db


def half_squares(out: Any) -> Any:
    return 0.5 * np.sum((out - Y) ** 2)


def names(check: Any) -> set[str]:
    return {final.parameter.name for final in check.finals if final.parameter.asked}


# ---- targets ---------------------------------------------------------------------------------------------------------


def test_targets_are_objects_dicts_lists_tuples_modules_and_arrays() -> None:
    w = RNG.normal(size=(3, 2))
    module = types.ModuleType("weights")
    module.w = w  # type: ignore[attr-defined]
    for targets, named in (((module,), {}), (({"w": w},), {}), (([w],), {}), (((w,),), {}), ((), {"w": w})):
        with verify(*targets, **named) as check:
            here = module.w if targets == (module,) else w
            out = X @ here
            check.loss = half_squares(out)
            check.gradients = [X.T @ (out - Y)]
        assert check.ok, str(check)
        assert type(w) is np.ndarray
        assert module.w is w


def test_several_targets_are_called_as_their_variables() -> None:
    first, second = Net(), Net()
    with verify(first, second) as check:
        check.loss = half_squares(first.forward(X) + second.forward(X))
        d = first.forward(X) + second.forward(X) - Y
        check.gradients = {"first": first.backward(d), "second": second.backward(d)}
    assert check.ok, str(check)
    assert names(check) == {"first.W", "first.b", "second.W", "second.b"}


def test_without_targets_the_variables_are_looked_at() -> None:
    w, b = RNG.normal(size=(3, 2)), np.zeros(2)
    with verify() as check:
        d = X @ w + b - Y
        check.loss = np.mean(d**2)
        check.gradients = {"w": 2 * X.T @ d / d.size, "b": 2 * d.sum(axis=0) / d.size}
    assert check.ok, str(check)
    assert {final.parameter.name for final in check.finals} == {"w", "b"}


# ---- the loss --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "upstream"),
    [
        ("half squared error", lambda out: out - Y),
        ("squared error", lambda out: 2 * (out - Y)),
        ("mse", lambda out: 2 * (out - Y) / Y.size),
        ("squared error per sample", lambda out: 2 * (out - Y) / len(Y)),
    ],
)
def test_loss_by_name(name: str, upstream: Any) -> None:
    net = Net()
    with verify(net) as check:
        out = net.forward(X)
        check.loss_is(name, out, Y)
        check.gradients = net.backward(upstream(out))
    assert check.ok, str(check)


def test_loss_that_fits_is_found_and_said() -> None:
    net = Net()
    with verify(net) as check:
        out = net.forward(X)
        check.gradients = net.backward(2 * (out - Y) / Y.size)
    assert check.ok, str(check)
    assert any("mean squared error of out and Y" in note for note in check.notes)


def test_loss_may_be_a_float_of_pythons() -> None:
    net = Net()
    with verify(net) as check:
        out = net.forward(X)
        check.loss = float(half_squares(out))
        check.gradients = net.backward(out - Y)
    assert check.ok, str(check)


def test_unknown_loss_lists_the_known_ones() -> None:
    with verify(Net()) as check, pytest.raises(ValueError, match=r"No loss is known as 'focal'.*mean squared error"):
        check.loss_is("focal", X, Y)


# ---- the gradients ---------------------------------------------------------------------------------------------------


class Gradients:
    """Gradients as attributes of an object."""

    def __init__(self, dw: Any, db: Any) -> None:
        self.dw, self.db = dw, db


@pytest.mark.parametrize(
    "form",
    [
        lambda dw, db: (dw, db),
        lambda dw, db: [dw, db],
        lambda dw, db: {"b": db, "W": dw},
        lambda dw, db: {"db": db, "dw": dw},
        lambda dw, db: [(dw, db)],
        lambda dw, db: Gradients(dw, db),
        lambda dw, db: np.concatenate([dw.ravel(), db]),
        lambda dw, db: np.hstack((dw.flatten(), db.flatten())),
    ],
    ids=["tuple", "list", "dict", "dict of d", "list of tuples", "object", "vector", "hstack"],
)
def test_gradients_as_returned(form: Any) -> None:
    net = Net()
    with verify(net) as check:
        out = net.forward(X)
        check.loss = half_squares(out)
        check.gradients = form(*net.backward(out - Y))
    assert check.ok, str(check)
    assert names(check) == {"W", "b"}


def test_gradients_from_a_step() -> None:
    net = Net()
    before = net.W
    with verify(net) as check:
        out = net.forward(X)
        check.loss = half_squares(out)
        net.step(out - Y, 0.1)
        check.gradients_from_step(0.1)
    assert check.ok, str(check)
    assert names(check) == {"W", "b"}
    assert net.W is before


def test_gradients_in_a_step_are_found() -> None:
    net = Net()
    with verify(net) as check:
        out = net.forward(X)
        check.loss = half_squares(out)
        net.step(out - Y, 0.1)
    assert check.ok, str(check)
    assert {(final.name, final.parameter.name) for final in check.finals} == {("dw", "W"), ("db", "b")}


def test_what_nothing_decides_is_asked_with_both_sides() -> None:
    class Twins:
        def __init__(self) -> None:
            self.left, self.right = RNG.normal(size=(3, 2)), RNG.normal(size=(3, 2))

    twins = Twins()
    with verify(twins) as check:
        out = X @ twins.left + np.tanh(X @ twins.right)
        check.loss = half_squares(out)
        check.gradients = {"one": X.T @ (out - Y) * 3, "two": X.T @ (out - Y) * 5, "three": X.T @ (out - Y) * 7}
    assert not check.ok
    assert check.first_wrong is None
    assert "left (3, 2)" in str(check.problem)
    assert "one (3, 2)" in str(check.problem)


# ---- layers and functions --------------------------------------------------------------------------------------------


class Dense:
    """A layer that updates itself."""

    def __init__(self, n: int, m: int) -> None:
        self.w = np.random.default_rng(1).normal(size=(n, m))

    def forward(self, x: Any) -> Any:
        self.x = x
        return x @ self.w

    def backward(self, output_gradient: Any, learning_rate: float) -> Any:
        input_gradient = output_gradient @ self.w.T
        self.w -= learning_rate * self.x.T @ output_gradient
        return input_gradient


class Tanh:
    """A layer without parameters."""

    def forward(self, x: Any) -> Any:
        self.out = np.tanh(x)
        return self.out

    def backward(self, output_gradient: Any, learning_rate: float) -> Any:
        return output_gradient * (1 - self.out**2)


class LazyTanh(Tanh):
    """Forgets the derivative."""

    def backward(self, output_gradient: Any, learning_rate: float) -> Any:
        return output_gradient * 1.0


def test_layer_alone_and_its_inputs_gradient() -> None:
    layer = Dense(3, 2)
    before = layer.w.copy()
    check = verify.layer(layer, X)
    assert check.ok, str(check)
    assert {final.parameter.name for final in check.finals} == {"layer.w", "x"}
    np.testing.assert_array_equal(layer.w, before)
    assert set(vars(layer)) == {"w"}


def test_chain_of_layers() -> None:
    check = verify.layer([Dense(3, 4), Tanh(), Dense(4, 2)], X)
    assert check.ok, str(check)
    assert {final.parameter.name for final in check.finals} == {"layers[0].w", "layers[2].w", "x"}
    assert not verify.layer([Dense(3, 4), LazyTanh(), Dense(4, 2)], X).ok


def test_two_functions_with_a_cache() -> None:
    def affine_forward(x: Any, w: Any, b: Any) -> Any:
        return x @ w + b, (x, w)

    def affine_backward(dout: Any, cache: Any) -> Any:
        x, w = cache
        return dout @ w.T, x.T @ dout, dout.sum(axis=0)

    check = verify.layer((affine_forward, affine_backward), X, RNG.normal(size=(3, 2)), np.zeros(2))
    assert check.ok, str(check)
    assert {final.parameter.name for final in check.finals} == {"x", "w", "b"}
    assert check.steps[0].name == "affine_backward()"


def test_upstream_is_never_ones() -> None:
    class Centred:
        def forward(self, x: Any) -> Any:
            return x - x.mean(axis=0)

        def backward(self, dout: Any) -> Any:
            return dout  # with ones the truth is 0, and the mean's part would hide

    assert verify.layer(Centred(), X).first_wrong is not None


def test_function_that_returns_loss_and_gradients() -> None:
    def f(params: Any, x: Any, y: Any, reg: float) -> Any:
        d = x @ params["W"] - y
        return np.sum(d**2) + reg * np.sum(params["W"] ** 2), {"W": 2 * x.T @ d + 2 * reg * params["W"]}

    params = {"W": RNG.normal(size=(3, 2))}
    before = params["W"]
    check = verify.function(f, params, X, Y, 0.1)
    assert check.ok, str(check)
    assert params["W"] is before


def test_layer_says_what_it_needs() -> None:
    with pytest.raises(TypeError, match="no method for forward"):
        verify.layer(object(), X)
    with pytest.raises(TypeError, match=r"verify.layer\(Tanh\(...\), x\)"):
        verify.layer(Tanh())


# ---- what goes wrong -------------------------------------------------------------------------------------------------


def test_their_error_is_theirs_and_all_is_as_before() -> None:
    net = Net()
    weights, x = net.W, X.copy()
    check = verify(net, x=x)

    def body() -> None:
        with check:
            net.W -= 1.0
            net.extra = net.forward(X)  # type: ignore[attr-defined]
            np.add(x, 1, out=x)
            _ = 1 / 0

    with pytest.raises(ZeroDivisionError):
        body()
    assert "ZeroDivisionError" in str(check.problem)
    assert check.tape.steps
    assert net.W is weights
    assert set(vars(net)) == {"W", "b"}
    np.testing.assert_array_equal(net.W, Net().W)
    np.testing.assert_array_equal(x, X)
    assert math.exp(0) == 1
    assert isinstance(X, np.ndarray)
    assert sys.modules["numpy"] is np


def test_endless_loop_is_stopped() -> None:
    net = Net()
    check = verify(net)
    check.seconds = 0.3
    with check:
        out = net.forward(X)
        check.loss = half_squares(out)
        check.gradients = net.backward(out - Y)
        while True:
            out = out * 1.0
    assert any("stopped after" in note for note in check.notes)
    assert check.ok, str(check)


def said(body: Any, **named: Any) -> str:
    net = Net()
    with verify(net) as check:
        body(check, net)
    assert not check.ok
    assert check.first_wrong is None
    return str(check.problem)


def test_what_is_missing_is_a_sentence_that_says_what_to_do() -> None:
    def nothing(check: Any, net: Any) -> None: ...

    def no_gradients(check: Any, net: Any) -> None:
        check.loss = half_squares(net.forward(X))

    def gradients_none(check: Any, net: Any) -> None:
        check.loss = half_squares(net.forward(X))
        check.gradients = None

    def loss_none(check: Any, net: Any) -> None:
        check.gradients = net.backward(net.forward(X) - Y)
        check.loss = None

    def loss_from_elsewhere(check: Any, net: Any) -> None:
        check.gradients = net.backward(net.forward(X) - Y)
        check.loss = 3.25

    def plain_gradients(check: Any, net: Any) -> None:
        check.loss = half_squares(net.forward(X))
        check.gradients = [1, 2]

    assert "inside the block" in said(nothing)
    assert "check.gradients = ..." in said(no_gradients)
    assert "backward returned nothing" in said(gradients_none)
    assert "return it" in said(loss_none)
    assert "3.25, which no recorded call computed" in said(loss_from_elsewhere)
    assert "holds no array" in said(plain_gradients)


def test_parameters_that_the_loss_does_not_reach() -> None:
    net = Net()
    copied = copy.deepcopy(Net())
    with verify(net) as check:
        out = np.sin(net.W)
        check.loss = half_squares(copied.forward(X))
        check.gradients = [out, net.b * 2]
    assert "does not depend on" in str(check.problem)


def test_a_block_is_recorded_once() -> None:
    net = Net()
    with verify(net) as check:
        check.loss = half_squares(net.forward(X))
    with pytest.raises(RuntimeError, match="records one block"), check:
        pass


def test_draws_are_the_same_on_each_replay() -> None:
    net = Net()
    with verify(net) as check:
        out = net.forward(X)
        mask = np.random.rand(*out.shape) < 0.5
        check.loss = np.sum((out * mask) ** 2)
        check.gradients = net.backward(2 * out * mask)
    assert check.ok, str(check)


def test_printing_and_formatting_see_numbers() -> None:
    net = Net()
    text = io.StringIO()
    with redirect_stdout(text), verify(net) as check:
        out = net.forward(X)
        loss = half_squares(out)
        print(
            f"{loss:.3f}",
            format(loss, ".3f"),
            round(loss, 3),
            out.shape,
            isinstance(loss, float),
            isinstance(out, np.ndarray),
        )
        check.loss = loss
        check.gradients = net.backward(out - Y)
    plain = half_squares(X @ net.W + net.b)
    assert text.getvalue().split() == f"{plain:.3f} {plain:.3f} {round(plain, 3)} (5, 2) True True".split()
    assert check.ok, str(check)
    assert type(out) is np.ndarray
    assert isinstance(loss, float)


def test_assert_raises_the_report() -> None:
    net = Net()
    with verify(net) as check:
        out = net.forward(X)
        check.loss = half_squares(out)
        check.gradients = {"W": X.T @ np.sin(out - Y), "b": (out - Y).sum(axis=0)}
    with pytest.raises(AssertionError, match="First wrong step"):
        assert check


def test_code_that_was_run_from_a_string_is_recorded() -> None:
    names: dict[str, Any] = {"__name__": "unit"}
    text = "import numpy as np\nfrom math import exp\ndef f(w, x):\n    return x.dot(w) * exp(0)\n"
    exec(compile(text, "<unit>", "exec"), names)
    before, numpys = dict(names), set(vars(np))
    w = RNG.normal(size=(3, 2))
    with verify(w=w) as check:
        out = names["f"](w, X)
        check.loss = half_squares(out)
        check.gradients = {"w": X.T @ (out - Y)}
    assert check.ok, str(check)
    assert names == before
    assert vars(np).keys() >= numpys


# ---- the command line ------------------------------------------------------------------------------------------------

SCRIPT = """
import numpy as np
np.random.seed(0)
X = np.random.randn(6, 3)
y = np.random.randn(6, 2)
W1 = np.random.randn(3, 4)
W2 = np.random.randn(4, 2)
rate = 0.01
for step in range(1000):
    h = np.tanh(X @ W1)
    out = h @ W2
    loss = np.sum((out - y) ** 2)
    if step % 100 == 0:
        print(step, loss)
    d_out = 2 * (out - y)
    dw2 = h.T @ d_out
    dh = d_out @ W2.T * (1 - h**2)
    dw1 = X.T @ dh
    W1 -= rate * dw1
    W2 -= rate * dw2
"""
PER_SAMPLE = """
import random
xs, ys = [0.5, 1.0, 2.0, 3.0], [1.0, 3.0, 5.0, 7.0]
m = 0
b = 0
lr = 0.01
for epoch in range(1000):
    for x, y in zip(xs, ys):
        guess = m * x + b
        loss = (guess - y) ** 2
        m -= lr * 2 * (guess - y) * x
        b -= lr * 2 * (guess - y)
"""
CLASS = """
import numpy as np

class Net:
    def __init__(self, sizes):
        rng = np.random.default_rng(0)
        self.weights = [rng.standard_normal((m, n)) for n, m in zip(sizes, sizes[1:])]

    def train(self, data, epochs, eta=0.5):
        for epoch in range(epochs):
            total = 0
            for x, y in data:
                acts = [x]
                for w in self.weights:
                    acts.append(1 / (1 + np.exp(-(w @ acts[-1]))))
                total += float(0.5 * np.sum((acts[-1] - y) ** 2))
                delta = (acts[-1] - y) * acts[-1] * (1 - acts[-1])
                for l in reversed(range(len(self.weights))):
                    dw = np.outer(delta, acts[l])
                    delta = self.weights[l].T @ delta * acts[l] * (1 - acts[l])
                    self.weights[l] -= eta * dw
            print(epoch, total)

if __name__ == "__main__":
    rng = np.random.default_rng(1)
    Net([2, 3, 1]).train([(rng.random(2), rng.random(1)) for _ in range(4)], 10)
"""
BLOCK = """
import numpy as np
from tinygrad_scratch import verify
w = np.array([1.0, 2.0, 3.0])
with verify(w=w) as check:
    check.loss = np.sum(w**3)
    check.gradients = 3 * w**2
"""


def written(folder: Path, text: str) -> str:
    file = folder / "train.py"
    file.write_text(text, encoding="utf-8")
    return str(file)


@pytest.mark.parametrize("text", [SCRIPT, PER_SAMPLE, CLASS, BLOCK], ids=["module", "numbers", "class", "block"])
def test_script(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, text)
    assert main(["verify", file]) == 0, capsys.readouterr().out
    assert Path(file).read_text(encoding="utf-8") == text
    assert "right" in capsys.readouterr().out.lower()


def test_script_with_a_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, SCRIPT.replace("(1 - h**2)", "(1 + h**2)"))
    assert main(["verify", file, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)


def test_script_with_a_loss_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, SCRIPT.replace("    loss = np.sum((out - y) ** 2)\n", "").replace(", loss", ""))
    assert main(["verify", file]) == 0
    assert main(["verify", file, "--loss", "squared error"]) == 0
    assert main(["verify", file, "--loss", "no_such_name"]) == 2
    assert "no_such_name" in capsys.readouterr().out


LEFT_OUT = """\
import numpy as np

rng = np.random.default_rng(0)
w = rng.normal(size=(3, 2))
x, y = rng.normal(size=(6, 3)), rng.integers(2, size=(6, 2))


def half_squares(p, y):
    return 0.5 * np.sum((p - y) ** 2)


for _ in range(3):
    p = 1 / (1 + np.exp(-x @ w))
    print(half_squares(p, y))
    dw = x.T @ (p - y)  # without the derivative of the sigmoid, this is the gradient of another loss
    w -= 0.1 * dw
"""


def test_script_whose_gradients_are_those_of_another_loss(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is not accused of itself, but told; and judged by its own loss once that is named."""
    file = written(tmp_path, LEFT_OUT.replace("half_squares", "cost"))
    assert main(["verify", file]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Right in another convention: of another loss than your cost()." in said
    assert "Your cost() is another loss: 0 of 1 gradients fit it." in said
    assert "binary cross-entropy" in said
    for name in ("cost", "cost()"):
        assert main(["verify", file, "--loss", name]) == 1
        said = " ".join(capsys.readouterr().out.split())
        assert "First wrong step: dw" in said


def test_script_with_a_loss_that_is_named_is_judged_by_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also where it is called by no usual name, and where another loss fits better."""
    assert main(["verify", written(tmp_path, LEFT_OUT), "--loss", "half_squares"]) == 1
    assert "First wrong step: dw" in capsys.readouterr().out


def test_script_with_a_known_loss_that_no_gradient_fits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", written(tmp_path, LEFT_OUT), "--loss", "half squared error"]) == 2
    assert "No gradient fits the half squared error" in " ".join(capsys.readouterr().out.split())


def test_script_that_can_not_be_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(tmp_path / "none.py")]) == 2
    assert main(["verify", written(tmp_path, "x = (")]) == 2
    assert main(["verify", written(tmp_path, "import numpy as np\nraise KeyError('w')")]) == 2
    assert "KeyError" in capsys.readouterr().out
    assert (
        main(
            [
                "verify",
                written(tmp_path, "import numpy as np\nw = np.ones(3)\nwhile True:\n    w = w * 1.0"),
                "--seconds",
                "0.3",
            ]
        )
        == 2
    )


def test_command_line_in_a_process(tmp_path: Path) -> None:
    file = written(tmp_path, SCRIPT.replace("2 * (out - y)", "(y - out)"))
    done = subprocess.run(
        [sys.executable, "-m", "tinygrad_scratch", "verify", file, "--html", str(tmp_path / "page.html")],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    assert (tmp_path / "page.html").read_text(encoding="utf-8").lstrip().startswith("<!")


# ---- what was given is judged as it stands ---------------------------------------------------------------------------


class Line:
    def __init__(self) -> None:
        self.w, self.b = np.ones((3, 2)), np.zeros(2)

    def cost(self, x: Any, y: Any) -> Any:
        self.x, self.rest = x, x @ self.w + self.b - y
        return 0.5 * np.sum(self.rest**2)

    def step(self, rate: float) -> Any:
        self.g = np.dot(self.x.T, self.rest) * 3
        self.w -= rate * self.g
        return self.g

    def gradients_without_a_sum(self) -> Any:
        return self.x.T @ self.rest, self.rest


@pytest.mark.parametrize("given", [True, False])
def test_a_wrong_gradient_is_not_swapped_for_a_right_value_in_its_update(given: bool) -> None:
    line = Line()
    with verify(line) as check:
        check.loss = line.cost(np.arange(15.0).reshape(5, 3), np.ones((5, 2)))
        gradient = line.step(0.1)
        if given:
            check.gradients = gradient
    assert not check.ok
    assert check.first_wrong is not None
    assert check.first_wrong.name.endswith("g")


def line_with(gradients: Callable[[Any, Any], Any]) -> Any:
    line = Line()
    with verify(line) as check:
        check.loss = line.cost(np.arange(15.0).reshape(5, 3), np.ones((5, 2)))
        check.gradients = gradients(*line.gradients_without_a_sum())
    return check


def test_a_gradient_of_another_size_is_judged_where_its_name_tells_whose_it_is() -> None:
    check = line_with(lambda dw, db: {"w": dw, "b": db})
    assert check.first_wrong.kind == "missing-batch-sum-or-mean"
    assert "yours has shape (5, 2), the gradient has shape (2,)" in str(check)


def test_a_gradient_of_another_size_without_a_name_is_that_of_what_is_left() -> None:
    check = line_with(lambda dw, db: (dw, db * 1))
    assert check.first_wrong.of == "b"
    assert "yours has shape (5, 2), the gradient has shape (2,)" in str(check)


def test_two_gradients_of_other_sizes_without_names_are_asked_about() -> None:
    check = line_with(lambda dw, db: (dw[:, :1] * 1, db * 1))
    assert not check.ok
    assert check.first_wrong is None
    assert "Which gradient belongs to which parameter?" in str(check)


# ---- a bias that begins as the number 0 ------------------------------------------------------------------------------

LINEAR = """
import numpy as np

class Linear:
    def fit(self, x, y):
        self.w, self.bias = np.zeros(x.shape[1]), 0
        for _ in range(3):
            error = x @ self.w + self.bias - y
            dw = x.T @ error / len(y)
            db = np.sum(error) / len(y)
            self.w -= 0.1 * dw
            self.bias -= 0.1 * db

def fit(x, y):
    w, b = np.zeros(x.shape[1]), 0
    for _ in range(3):
        error = x @ w + b - y
        dw = x.T @ error / len(y)
        db = np.sum(error) / len(y)
        w = w - 0.1 * dw
        b = b - 0.1 * db
"""


@pytest.mark.parametrize(("form", "mistake"), [("Linear", "error[0] / len(y)"), ("fit", "-np.sum(error) / len(y)")])
def test_bias_that_begins_as_a_number(tmp_path: Path, form: str, mistake: str) -> None:
    for wrong in ("", mistake):
        source = LINEAR.replace("np.sum(error) / len(y)", wrong or "np.sum(error) / len(y)")
        module = module_of(tmp_path / f"bias_{form}.py", source)
        model = module.Linear() if form == "Linear" else None
        with verify(*([] if model is None else [model])) as check:
            (module.fit if model is None else model.fit)(X, Y[:, 0])
        assert len(check.finals) == 2
        first = check.first_wrong
        assert (first.name if first else "") == ("db" if wrong else ""), str(check)
        assert not hasattr(model, "bias")


COUNTED = """
import numpy as np

def loss_and_gradient(x, w):
    total, dw = 0.0, np.zeros_like(w)
    for b in range(3):
        part = x[:, b:b + 2]
        out = part @ w
        total = total + np.sum(out ** 2)
        dw += part.T @ (2 * out)
    b = 0
    while b < 2:
        total = total + np.sum(w[b:] ** 2)
        dw[b:] += 2 * w[b:]
        b += 1
    return total, dw
"""


def test_number_to_count_by_is_no_bias(tmp_path: Path) -> None:
    """A `b` that picks a slice stays a whole number."""
    module = module_of(tmp_path / "counted.py", COUNTED)
    w = np.array([0.3, -0.2])
    with verify(w=w) as check:
        check.loss, check.gradients = module.loss_and_gradient(np.linspace(-1.0, 2.0, 20).reshape(5, 4), w)
    assert check.ok, str(check)


# ---- which way an update goes ----------------------------------------------------------------------------------------

UPDATES = """
import numpy as np
rng = np.random.default_rng(2)
x, y = rng.normal(size=(7, 3)), rng.uniform(size=(7, 2))
w, rate = rng.normal(size=(3, 2)), 0.1
for _ in range(50):
    p = 1 / (1 + np.exp(-(x @ w)))
    delta = (y - p) * p * (1 - p)
    w += rate * x.T @ delta
"""


def test_update_that_goes_uphill_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is added is the negative of the gradient of a loss that is to be small, or else the sign is wrong."""
    assert main(["verify", written(tmp_path, UPDATES)]) == 0
    assert "in the direction of ascent" in capsys.readouterr().out
    assert main(["verify", written(tmp_path, UPDATES.replace("(y - p)", "(p - y)"))]) == 1
    said = capsys.readouterr().out
    assert "you wrote  w += rate * x.T @ delta" in said
    assert "why        sign" in said


def test_several_checks_are_one_list_of_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, BLOCK + BLOCK)
    assert main(["verify", file, "--json"]) == 0
    assert [each["ok"] for each in json.loads(capsys.readouterr().out)] == [True, True]
