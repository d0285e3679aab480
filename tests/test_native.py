"""Native code as numba compiles it: accuracy, whole trainings, threads, stored code, and what happens when it fails."""

from __future__ import annotations

import functools
import importlib.util
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.test_native_text import STATES, no_other_way, step, with_all_outputs
from tinygrad_scratch import Tensor, jit, nn, value_and_grad
from tinygrad_scratch.compiler import native
from tinygrad_scratch.compiler.native import blas, storing
from tinygrad_scratch.compiler.native.loading import Code
from tinygrad_scratch.functional import sigmoid, squared_error

needs_numba = pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="numba is not installed")
RANDOM = np.random.default_rng(0)

X = np.array([[0, 0, 1], [1, 1, 1], [1, 0, 1], [0, 1, 1]], float)
Y = np.array([[0, 1, 1, 0]], float).T


def article(*weights: Any) -> Any:
    """A training step of the article's network."""

    def loss(*weights: Any) -> Any:
        a: Any = X
        for w in weights:
            a = sigmoid(a @ w)
        return squared_error(a, Y)

    found, slopes = value_and_grad(loss, argnums=(0, 1, 2))(*weights)
    return found, *(w - 0.1 * slope for w, slope in zip(weights, slopes, strict=True))


def article_weights() -> list[Any]:
    return [RANDOM.normal(size=shape) for shape in ((3, 4), (4, 5), (5, 1))]


# ---- accuracy --------------------------------------------------------------------------------------------------------

RANGES: dict[str, list[Any]] = {
    "exp": [RANDOM.uniform(-745, 709, 200_000), RANDOM.uniform(-1, 1, 200_000)],
    "tanh": [RANDOM.uniform(-20, 20, 200_000), RANDOM.uniform(-1, 1, 200_000)],
    "log": [np.exp(RANDOM.uniform(-744, 709, 200_000)), RANDOM.uniform(0.5, 2, 200_000)],
    "log1p": [np.exp(RANDOM.uniform(-50, 50, 200_000)), RANDOM.uniform(-0.9, 2, 200_000)],
}
ULPS = {"exp": 1.0, "tanh": 1.4, "log": 1.0, "log1p": 2.5}


@functools.cache
def looped(name: str) -> Callable[[Any, Any], None]:
    """A function of `mathematics` over an array, compiled with the flags of native code."""
    from numba import njit

    from tinygrad_scratch.compiler.native import mathematics

    function = getattr(mathematics, name)

    def loop(x: Any, y: Any) -> None:
        for i in range(len(x)):
            y[i] = function(x[i])

    compiled: Callable[[Any, Any], None] = njit(error_model="numpy", fastmath=mathematics.FLAGS)(loop)
    return compiled


@needs_numba
@pytest.mark.parametrize("width", [64, 32])
@pytest.mark.parametrize("name", ULPS)
def test_accuracy(name: str, width: int) -> None:
    """Within so many units of the last place, against a wider type, which has digits to spare."""
    dtype, wider = (np.float64, np.longdouble) if width == 64 else (np.float32, np.float64)
    if np.finfo(wider).nmant < np.finfo(dtype).nmant + 10:
        pytest.skip("this machine has no wider float")
    with np.errstate(all="ignore"):
        x = np.concatenate(RANGES[name]).astype(dtype)
        x = x[np.isfinite(x) & (np.abs(x) >= np.finfo(dtype).tiny)]
        true = getattr(np, name)(x.astype(wider))
    fits = (np.abs(true) <= np.finfo(dtype).max) & (np.abs(true) >= np.finfo(dtype).tiny)
    x, true, y = x[fits], true[fits], np.empty(int(fits.sum()), dtype)
    looped(f"{name}{width}")(x, y)
    errors = np.abs(y.astype(wider) - true) / np.spacing(np.abs(true.astype(dtype))).astype(wider)
    assert np.max(errors) <= ULPS[name]


@needs_numba
@pytest.mark.parametrize("width", [64, 32])
@pytest.mark.parametrize("name", ULPS)
def test_edges(name: str, width: int) -> None:
    """Infinities, NaN, zero, denormals, and what overflows or underflows."""
    dtype: Any = np.float64 if width == 64 else np.float32
    tiny = np.finfo(dtype).smallest_subnormal
    x = np.array([np.inf, -np.inf, np.nan, 0, -1, tiny, 40 * tiny, 1000, -1000, -2], dtype)
    y = np.empty_like(x)
    looped(f"{name}{width}")(x, y)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(y, getattr(np, name)(x), rtol=4 * np.finfo(dtype).eps)


@needs_numba
def test_denormal_results_of_exp() -> None:
    x = np.linspace(-745, -709, 1000)
    y = np.empty_like(x)
    looped("exp64")(x, y)
    np.testing.assert_allclose(y, np.exp(x), rtol=1e-14, atol=5e-324)


# ---- whole trainings -------------------------------------------------------------------------------------------------


@needs_numba
def test_a_training_of_the_article() -> None:
    weights = article_weights()
    trained: list[Any] = [None, *weights]
    for _ in range(200):
        trained = list(article(*trained[1:]))
    native_step = jit(article, backend="numba")
    for mine, wanted in zip(native_step.repeat(200, *weights), trained, strict=True):
        np.testing.assert_allclose(mine, wanted, rtol=1e-12)
    by_steps: list[Any] = [None, *weights]
    for _ in range(200):
        by_steps = list(native_step(*by_steps[1:]))
    for mine, wanted in zip(by_steps, trained, strict=True):
        np.testing.assert_allclose(mine, wanted, rtol=1e-12)


@needs_numba
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_products_by_blas(dtype: Any) -> None:
    w, x, y = (RANDOM.normal(size=shape).astype(dtype) / 8 for shape in ((40, 30), (50, 40), (50, 30)))
    found = jit(step, backend="numba")(w, x, y)
    for mine, wanted in zip(found, step(w, x, y), strict=True):
        assert np.asarray(mine).dtype == dtype
        np.testing.assert_allclose(mine, wanted, rtol=1e-12 if dtype is np.float64 else 1e-4, atol=1e-6)


@needs_numba
def test_long_sums_keep_their_digits() -> None:
    x = RANDOM.uniform(size=(1000, 1000)).astype(np.float32)
    found = jit(lambda x: np.sum(x), backend="numba")(x)
    assert abs(found - np.sum(x, dtype=np.float64)) < 1e-6 * 500_000


@needs_numba
@pytest.mark.parametrize("name", STATES)
def test_steps_feed_each_other(name: str) -> None:
    from tinygrad_scratch.compiler.native.compiled import NativeProgram

    function, state = STATES[name]
    found = NativeProgram(with_all_outputs(function, state), no_other_way).repeat(3, len(state), state)
    wanted: Any = [None, *state]
    for _ in range(3):
        wanted = function(*wanted[1:])
    for mine, theirs in zip(found, wanted, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-14)


class Small(nn.Module):
    """A transformer, small: every kind of layer that a language model has."""

    def __init__(self) -> None:
        generator = np.random.default_rng(0)
        self.tokens = nn.Embedding(11, 8, generator=generator)
        self.places = Tensor(generator.normal(size=(6, 8)), requires_grad=True)
        self.block = nn.TransformerBlock(8, heads=2, causal=True, generator=generator)
        self.logits = nn.Dense(8, 11, generator=generator)

    def __call__(self, x: Any) -> Any:
        return self.logits(self.block(self.tokens(x) + self.places))


def images() -> nn.Module:
    options: dict[str, Any] = {"generator": np.random.default_rng(0)}
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, **options),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3, stride=2, **options),
        nn.Tanh(),
        nn.Flatten(),
        nn.Dense(6 * 1 * 1, 5, **options),
    )


MODELS: dict[str, tuple[Callable[[], Any], Any, Any]] = {
    "images": (images, RANDOM.normal(size=(7, 2, 8, 8)), RANDOM.integers(0, 5, 7)),
    "transformer": (Small, RANDOM.integers(0, 11, (3, 6)), RANDOM.integers(0, 11, (3, 6))),
}


def training(name: str, backend: str | None) -> list[Any]:
    """The losses of four steps, and the parameters after them."""
    make, x, y = MODELS[name]
    model = make()
    optimizer = nn.SGD(model.parameters(), learning_rate=0.1, momentum=0.9)  # Adam would make much of rounding errors

    def batch(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = nn.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.numpy()

    run: Any = batch if backend is None else jit(batch, backend=backend)
    losses = [float(run(x, y)) for _ in range(4)]
    if backend is not None:
        assert "left to NumPy" not in run.source, "every step of these models has a native form"
    return [losses, *(p.numpy().copy() for p in model.parameters())]


@needs_numba
@pytest.mark.parametrize("name", MODELS)
def test_models(name: str) -> None:
    for mine, wanted in zip(training(name, "numba"), training(name, None), strict=True):
        np.testing.assert_allclose(mine, wanted, rtol=1e-12, atol=1e-12 * np.max(np.abs(wanted)))


@needs_numba
def test_draws_are_made_in_their_order() -> None:
    def noisy(x: Any, generator: Any) -> Any:
        return np.exp(x) * generator.normal(size=3) + generator.uniform(size=3)

    ours, theirs = np.random.default_rng(5), np.random.default_rng(5)
    native_noisy = jit(noisy, backend="numba")
    for _ in range(3):
        np.testing.assert_allclose(native_noisy(np.ones(3), ours), noisy(np.ones(3), theirs), rtol=1e-14)


# ---- results and threads ---------------------------------------------------------------------------------------------


@needs_numba
def test_results_are_never_overwritten() -> None:
    double = jit(lambda x: (x * 2.0, x + 1.0), backend="numba")
    first = double(np.arange(3.0))
    double(np.full(3, 7.0))
    np.testing.assert_array_equal(first[0], [0, 2, 4])
    first[0][0] = 9
    np.testing.assert_array_equal(double(np.arange(3.0))[0], [0, 2, 4])


@needs_numba
def test_threads() -> None:
    function = jit(lambda x: np.sum(np.exp(x) @ x.T), backend="numba")
    inputs = [RANDOM.normal(size=(40, 40)) for _ in range(4)]
    wanted = [np.sum(np.exp(x) @ x.T) for x in inputs]
    function(inputs[0])
    wrong: list[int] = []

    def work(number: int) -> None:
        for _ in range(50):
            if not np.isclose(function(inputs[number]), wanted[number], rtol=1e-12):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(inputs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@needs_numba
def test_an_index_out_of_bounds_is_refused() -> None:
    function = jit(lambda table, i: np.take(table, i, axis=0) * 2.0, backend="numba")
    table = np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(function(table, np.array([-1, 0])), [[8, 10], [0, 2]])
    with pytest.raises(IndexError, match="out of bounds for an axis of size 3"):
        function(table, np.array([0, 3]))
    np.testing.assert_array_equal(function(table, np.array([1, 2])), [[4, 6], [8, 10]])


# ---- stored code -----------------------------------------------------------------------------------------------------

PROGRAM = """
import sys
import numpy as np
from tinygrad_scratch import jit
from tinygrad_scratch.compiler.native import blas, storing
from tinygrad_scratch.compiler.native.loading import Code

function = jit(lambda x: np.exp(x) + 1.0, backend="numba")
assert np.allclose(function(np.arange(3.0)), np.exp(np.arange(3.0)) + 1)
print(storing.folder())
print("numba" in sys.modules)
"""


def in_a_process(folder: Path) -> tuple[Path, bool]:
    """Where code is stored, and whether it was compiled there."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        env={"NUMBA_CACHE_DIR": str(folder), "PATH": "", "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        cwd=Path(native.__file__).parents[3],
    )
    folder_used, compiled_anew = done.stdout.splitlines()
    return Path(folder_used), compiled_anew == "True"


@needs_numba
def test_code_is_stored_and_found_again(tmp_path: Path) -> None:
    assert in_a_process(tmp_path) == (tmp_path / "tinygrad_scratch", True)
    stored = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.*")}
    assert [file.suffix for file in stored] == [".o"]
    assert in_a_process(tmp_path) == (tmp_path / "tinygrad_scratch", False), "numba is not even imported"
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.*")} == stored, "nothing was compiled anew"


@needs_numba
def test_a_file_that_is_not_ours_is_not_run(tmp_path: Path) -> None:
    folder, _ = in_a_process(tmp_path)
    (file,) = folder.glob("native_*.o")
    data = file.read_bytes()
    half = len(data) // 2
    for other in (b"not ours", b"", data[:half], data[:half] + bytes([data[half] ^ 1]) + data[half + 1 :]):
        file.write_bytes(other)
        assert in_a_process(tmp_path) == (folder, True)
        assert storing.stored(file).data, "it was written anew"
    assert in_a_process(tmp_path) == (folder, False)


CHANGES: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "another processor": lambda patch: patch.setattr(storing, "processor", lambda: "x86_64 znver9 +avx1024"),
    "another BLAS": lambda patch: patch.setattr(blas, "width", lambda: 16),
    "a setting of numba's": lambda patch: patch.setenv("NUMBA_OPT", "1"),
    "another llvmlite": lambda patch: patch.setattr("llvmlite.__version__", "0.1"),
    "another numba, or text of ours": lambda patch: patch.setattr(Path, "read_text", lambda path, **_: "changed"),
}


@needs_numba
@pytest.mark.parametrize("change", CHANGES)
def test_stored_code_is_found_only_where_it_fits(change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    storing.version.cache_clear()
    before = storing.key("text")
    storing.version.cache_clear()
    CHANGES[change](monkeypatch)
    try:
        assert storing.key("text") != before
    finally:
        storing.version.cache_clear()


@needs_numba
def test_code_that_needs_what_is_not_there_is_compiled_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storing, "folder", lambda: tmp_path)
    text = "def part_0(f8, f4, i8, i4, i2, i1, u1, b1):\n    f8[0] = 2.0\n    return 0\n"
    storing.compiled(text, ["part_0"])
    (file,) = tmp_path.iterdir()
    code = storing.stored(file)
    storing.store(file, Code(code.name, ["no_such_function"], code.data))
    x = np.zeros(1)
    assert storing.compiled(text, ["part_0"])["part_0"](*[x] * 8)() == 0
    assert x[0] == 2
    assert storing.stored(file).needed == code.needed


@needs_numba
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
def test_a_folder_that_others_may_write_to_is_not_used(tmp_path: Path) -> None:
    shared = tmp_path / "tinygrad_scratch"
    shared.mkdir()
    shared.chmod(0o777)
    assert in_a_process(tmp_path)[0] != shared
    assert not list(shared.iterdir())


# ---- when it fails ---------------------------------------------------------------------------------------------------


def test_without_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install numba"):
        jit(lambda x: x + 1.0, backend="numba")(np.ones(2))


@needs_numba
def test_a_failure_falls_back_once_and_tells_the_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    from tinygrad_scratch.compiler.native import compiled

    def fails(text: str, functions: list[str]) -> None:
        raise ValueError("LLVM ran out of registers\nand more")

    monkeypatch.setattr(compiled, "compiled", fails)
    function = jit(lambda x: (np.sum(x), x * 0.5), backend="numba")
    with pytest.warns(RuntimeWarning, match="NumPy source.*ValueError: LLVM ran out of registers") as warned:
        np.testing.assert_array_equal(function(np.ones(2))[1], [0.5, 0.5])
    assert len(warned) == 1
    np.testing.assert_array_equal(function.repeat(3, np.ones(2))[1], [0.125, 0.125])
    assert "def program(x)" in function.source
