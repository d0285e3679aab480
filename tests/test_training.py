"""Training: the loop, its history, its callbacks, its end by Ctrl-C or NaN, and what is refused."""

from __future__ import annotations

import copy
import functools
import io
import os
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_scratch import Tensor, checkpoint
from tinygrad_scratch.functional import relu, sigmoid
from tinygrad_scratch.nn import (
    SGD,
    Adam,
    BatchNorm,
    Callback,
    Checkpoint,
    ClipGradients,
    CosineDecay,
    Dense,
    Dropout,
    EarlyStopping,
    History,
    Lambda,
    Module,
    Optimizer,
    Schedule,
    Sequential,
    StopAtNotFinite,
    absolute_error,
    accuracy,
    cross_entropy,
    evaluate,
    first_not_finite,
    fit,
    load,
    mean_squared_error,
    predict,
    state_dict,
    training,
)

X = np.random.default_rng(0).normal(size=(50, 3))
Y = np.tanh(X @ [[1.0], [-2.0], [0.5]])
VALIDATION = (X[:10] + 0.1, Y[:10])


def make(seed: int = 0) -> Sequential:
    generator = np.random.default_rng(seed)
    return Sequential(Dense(3, 4, np.tanh, generator=generator), Dense(4, 1, generator=generator))


def train(model: Any = None, epochs: int = 3, rate: float = 0.1, **keywords: Any) -> History:
    model = make() if model is None else model
    options: dict[str, Any] = {
        "loss": mean_squared_error,
        "batch_size": 8,
        "generator": np.random.default_rng(1),
        **keywords,
    }
    if "optimizer" not in options:
        options["optimizer"] = SGD(model.parameters(), rate)
    return fit(model, X, Y, epochs=epochs, **options)


def weights(model: Any) -> list[Any]:
    return list(state_dict(model).values())


def assert_alike(one: Any, two: Any) -> None:
    for a, b in zip(weights(one), weights(two), strict=True):
        np.testing.assert_array_equal(a, b)


# ---- the loop --------------------------------------------------------------------------------------------------------


def test_fit_is_the_loop_that_people_write_by_hand() -> None:
    model, by_hand = make(), make()
    history = train(model, epochs=4)
    optimizer, generator = SGD(by_hand.parameters(), 0.1), np.random.default_rng(1)
    losses = []
    for _ in range(4):
        order = generator.permutation(50)
        total = 0.0
        for start in range(0, 50, 8):
            rows = order[start : start + 8]
            optimizer.zero_grad()
            loss = mean_squared_error(by_hand(X[rows]), Y[rows])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        losses.append(total / 50)
    assert_alike(model, by_hand)
    assert history["loss"] == losses
    assert history.steps == 4 * 7
    assert losses[-1] < losses[0]


def test_seeded_runs_repeat_bit_for_bit() -> None:
    one, two = make(), make()
    histories = [train(model, validation=VALIDATION, metrics={"worst": worst}) for model in (one, two)]
    assert_alike(one, two)
    for name in ("loss", "validation_loss", "worst", "validation_worst", "learning_rate"):
        assert histories[0][name] == histories[1][name]
    assert histories[0].gradient_norms == histories[1].gradient_norms


def worst(prediction: Any, target: Any) -> Any:
    return np.max(np.abs(prediction - target))


def test_without_shuffling_samples_come_in_order() -> None:
    seen: list[Any] = []

    class Keep(Callback):
        def before_batch(self, training: Any) -> None:
            seen.extend(training.inputs)

    train(epochs=1, shuffle=False, callbacks=[Keep()])
    np.testing.assert_array_equal(seen, X)


def test_figures_of_validation_are_those_of_evaluate() -> None:
    model = make()
    history = train(model, validation=VALIDATION, metrics=[worst])
    found = evaluate(model, *VALIDATION, loss=mean_squared_error, metrics=[worst], batch_size=8)
    assert {name: history[f"validation_{name}"][-1] for name in ("loss", "worst")} == found
    assert evaluate(model, *VALIDATION, loss=mean_squared_error)["loss"] == pytest.approx(found["loss"], rel=1e-14)
    np.testing.assert_allclose(predict(model, X, batch_size=7), model(X).numpy(), rtol=1e-13)


def test_any_function_of_samples_can_be_fitted() -> None:
    w = Tensor(np.zeros((3, 1)), requires_grad=True, name="w")
    history = train(lambda x: np.tanh(x @ w), optimizer=Adam([w], 0.1), epochs=100)
    assert history["loss"][-1] < 1e-3
    assert list(history.gradient_norms) == ["w"]


def test_integers_and_class_numbers() -> None:
    """Integers are samples as any others, for a layer that takes them."""
    table = Tensor(np.zeros((4, 2)), requires_grad=True)
    x = np.arange(40) % 4
    history = fit(
        lambda rows: table[rows],
        x,
        x % 2,
        loss=cross_entropy,
        optimizer=SGD([table], 1.0),
        epochs=20,
        metrics=[accuracy],
        generator=np.random.default_rng(0),
    )
    assert history["accuracy"][-1] == 1.0
    model = Sequential(Dense(1, 2))
    assert model(np.array([[1], [2]])).dtype == float


def test_lists_and_tensors_are_samples() -> None:
    one, two = make(), make()
    train(one)
    options: Any = {"loss": mean_squared_error, "optimizer": SGD(two.parameters(), 0.1), "epochs": 3, "batch_size": 8}
    fit(two, X.tolist(), Tensor(Y), generator=np.random.default_rng(1), **options)
    assert_alike(one, two)


def test_modes_are_kept() -> None:
    class Mode(Module):
        def __init__(self) -> None:
            self.w = Tensor(np.zeros((3, 1)), requires_grad=True)
            self.seen: set[tuple[int, bool]] = set()

        def __call__(self, x: Any) -> Any:
            self.seen.add((len(x), self.training))
            return x @ self.w

    model = Mode()
    model.training = False
    train(model, validation=(X[:3], Y[:3]), epochs=1)
    predict(model, X[:1])
    assert model.seen == {(8, True), (2, True), (3, False), (1, False)}


def test_accuracy() -> None:
    assert accuracy(Tensor([[0.0, 1.0], [1.0, 0.0]], requires_grad=True), [1, 1]) == 0.5
    assert accuracy(np.array([[1.0], [-1.0], [2.0]]), np.array([[1], [1], [0]])) == pytest.approx(1 / 3)
    logits = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0]])
    assert accuracy(logits, np.eye(3)[[0, 2]]) == accuracy(logits, [0, 2]) == 0.5
    with pytest.raises(ValueError, match=r"but was given \(2, 3\) and \(3,\)"):
        accuracy(np.ones((2, 3)), np.ones(3))
    with pytest.raises(ValueError, match=r"labels of shape \(2, 3\) to be one-hot.*write np.mean\(\(logits > 0\)"):
        accuracy(logits, [[1, 1, 0], [0, 1, 0]])


# ---- history ---------------------------------------------------------------------------------------------------------


def test_gradient_norms_are_those_of_layers() -> None:
    model = make()
    history = train(model, epochs=1, batch_size=50, shuffle=False)
    other = make()
    mean_squared_error(other(X), Y).backward()
    for path, layer in [("layers.0", other[0]), ("layers.1", other[1])]:
        squares = sum(np.sum(p.grad**2) for p in layer.parameters())
        assert history.gradient_norms[path] == [pytest.approx(np.sqrt(squares), rel=1e-12)]


def test_training_goes_on_with_a_history() -> None:
    whole, halves = make(), make()
    expected = train(whole, epochs=4)
    optimizer, generator, history = SGD(halves.parameters(), 0.1), np.random.default_rng(1), History()
    for epochs in (2, 4, 4):
        assert train(halves, epochs=epochs, optimizer=optimizer, generator=generator, history=history) is history
    assert_alike(whole, halves)
    assert history["loss"] == expected["loss"]


def test_history_reads_well() -> None:
    history = train(epochs=2, validation=VALIDATION)
    assert history.names == ["loss", "learning_rate", "seconds", "validation_loss"]
    assert re.fullmatch(r"History\(2 epochs, loss=0.\d+, learning_rate=0.1, validation_loss=0.\d+\)", repr(history))
    with pytest.raises(KeyError, match=r"'accuracy' was not measured. There are loss, learning_rate"):
        history["accuracy"]
    copied = History()
    copied.load_state_dict(history.state_dict())
    assert copied.epochs == history.epochs
    copied.add({"loss": 0.0}, {}, 1)
    assert np.isnan(copied["validation_loss"][-1])
    assert len(history) == 2


def test_history_plots_itself(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed, so no history is drawn here")
    history = train(epochs=3, validation=VALIDATION)
    figure = history.plot(tmp_path / "history.svg")
    losses, norms = figure.axes
    assert [line.get_label() for line in losses.lines] == ["loss", "validation loss"]
    assert [line.get_label() for line in norms.lines] == ["layers.0", "layers.1"]
    assert all(tick == int(tick) for tick in losses.get_xticks())  # epochs have no halves
    np.testing.assert_array_equal(losses.lines[0].get_ydata(), history["loss"])
    np.testing.assert_array_equal(norms.lines[1].get_ydata(), history.gradient_norms["layers.1"])
    assert "<svg" in (tmp_path / "history.svg").read_text(encoding="utf-8")


def test_plotting_without_matplotlib_or_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="no epochs, so there is nothing to plot"):
        History().plot()
    for name in ("matplotlib", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"pip install matplotlib"):
        train(epochs=1).plot()


# ---- the bar ---------------------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_is_shown_on_a_terminal_alone(capfd: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    train(epochs=2)
    assert capfd.readouterr() == ("", "")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")

    for progress in (True, False):
        terminal = Terminal()
        monkeypatch.setattr(sys, "stdout", terminal)
        history = train(epochs=2, validation=VALIDATION, progress=progress)
        text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())
        assert ("epoch 2/2" in text) == progress
        assert (f"loss {history['loss'][-1]:.3g}, val. {history['validation_loss'][-1]:.3g}" in text) == progress


def test_a_bar_shows_the_last_validation_while_an_epoch_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    terminal, model = Terminal(), make()
    optimizer, generator = SGD(model.parameters(), 0.1), np.random.default_rng(0)
    state = training.Training(model, mean_squared_error, optimizer, History(), 2, generator)
    monkeypatch.setattr(sys, "stdout", terminal)
    with training.bar(state, 2, True) as show:
        show(5, {"loss": 2.0})
        show(5, {"loss": 1.5})
        show(0, {"loss": 1.5, "validation_loss": 1.25, "seconds": 1.0})
        state.epoch = 2
        show(5, {"loss": 0.5})
    assert "loss 0.5, val. 1.25" in terminal.getvalue()


# ---- callbacks -------------------------------------------------------------------------------------------------------


def test_callbacks_are_called_in_order() -> None:
    said: list[str] = []

    class Say(Callback):
        def begin(self, training: Any) -> None:
            said.append("begin")

        def before_batch(self, training: Any) -> None:
            said.append(f"{training.epoch}.{training.batch} batch")
            assert all(p.grad is None for p in training.optimizer.parameters) or training.step

        def before_step(self, training: Any) -> None:
            said.append(f"step {training.step} at {training.loss_value.shape}")

        def after_step(self, training: Any) -> None:
            said.append(f"step {training.step}")

        def epoch_end(self, training: Any) -> None:
            said.append(f"epoch {len(training.history)}")

        def end(self, training: Any) -> None:
            said.append("end")

    train(epochs=2, batch_size=50, callbacks=[Say(), lambda training: said.append(f"function {training.epoch}")])
    batches = [[f"{e}.1 batch", f"step {e - 1} at ()", f"step {e}", f"epoch {e}", f"function {e}"] for e in (1, 2)]
    assert said == ["begin", *batches[0], *batches[1], "end"]


def test_a_function_may_stop_training() -> None:
    history = train(epochs=10, callbacks=[lambda training: training.stop("enough") if training.epoch == 3 else None])
    assert len(history) == 3
    assert history.stopped == "enough"
    assert "stopped: enough" in repr(history)


@pytest.mark.parametrize("each", ["step", "epoch"])
def test_schedules(each: str) -> None:
    rates: list[float] = []

    class Keep(Callback):
        def before_step(self, training: Any) -> None:
            rates.append(training.optimizer.learning_rate)

    schedule = CosineDecay(0.1, steps=20)
    history = train(epochs=2, callbacks=[Schedule(schedule, each), Keep()])
    steps = range(14) if each == "step" else [0] * 7 + [1] * 7
    assert rates == [schedule(step) for step in steps]
    assert history["learning_rate"] == [rates[6], rates[13]]
    with pytest.raises(ValueError, match="each='batch'"):
        Schedule(schedule, each="batch")
    for wrong in (0.1, CosineDecay):
        with pytest.raises(TypeError, match=r"is no schedule, a function from a step to a rate: CosineDecay\(0.1, ste"):
            Schedule(wrong)  # type: ignore[arg-type]


def test_clipping() -> None:
    norms: list[float] = []

    class Keep(Callback):
        def before_step(self, training: Any) -> None:
            norms.append(np.sqrt(sum(np.sum(p.grad**2) for p in training.optimizer.parameters)))

    train(epochs=2, callbacks=[ClipGradients(norm=0.01), Keep()])
    np.testing.assert_allclose(norms, 0.01, rtol=1e-12)
    train(epochs=2, callbacks=[ClipGradients(value=0.001), Keep()])
    assert max(norms[14:]) <= 0.001 * np.sqrt(21) * (1 + 1e-12)
    for options in ({}, {"norm": 1.0, "value": 1.0}):
        with pytest.raises(ValueError, match="ClipGradients takes norm="):
            ClipGradients(**options)
    with pytest.raises(ValueError, match="limit=-1 would leave nothing"):
        ClipGradients(norm=-1)


def scripted(name: str, figures: list[float]) -> Any:
    """A callback that writes a figure into the history, so that what follows sees it."""

    def write(training: Any) -> None:
        training.history.epochs[-1][name] = figures[training.epoch - 1]

    return write


@pytest.mark.parametrize(("maximize", "sign"), [(False, 1.0), (True, -1.0)])
@pytest.mark.parametrize("restore", [True, False])
def test_early_stopping(maximize: bool, sign: float, restore: bool) -> None:
    figures = [sign * f for f in (5.0, 3.0, 2.95, 3.5, 4.0, 1.0)]
    kept: list[Any] = []
    model = make()
    history = train(
        model,
        epochs=6,
        callbacks=[
            scripted("figure", figures),
            lambda training: kept.append(weights(training.model)),
            EarlyStopping("figure", patience=3, least=0.1, maximize=maximize, restore_best=restore),
        ],
    )
    assert len(history) == 5
    assert history.stopped == f"figure was best in epoch 2, {figures[1]:.4g}"
    for one, two in zip(weights(model), kept[1 if restore else 4], strict=True):
        np.testing.assert_array_equal(one, two)


def test_early_stopping_needs_its_figure() -> None:
    with pytest.raises(KeyError, match=r"'validation_loss' was not measured.* Pass validation=\(x, y\) to fit"):
        train(callbacks=[EarlyStopping()])
    with pytest.raises(ValueError, match="patience=0"):
        EarlyStopping(patience=0)


def test_checkpoints(tmp_path: Path) -> None:
    kept: list[Any] = []
    figures = [5.0, 3.0, 4.0, 2.0, np.nan]
    train(
        epochs=5,
        callbacks=[
            scripted("figure", figures),
            lambda training: kept.append(weights(training.model)),
            Checkpoint(tmp_path / "every{epoch}.npz"),
            Checkpoint(tmp_path / "best.npz", monitor="figure"),
            Checkpoint(tmp_path / "highest.npz", monitor="figure", maximize=True),
        ],
    )
    for name, epoch in [("every1", 1), ("every5", 5), ("best", 4), ("highest", 1)]:
        model = make(5)
        load(tmp_path / f"{name}.npz", model)
        for one, two in zip(weights(model), kept[epoch - 1], strict=True):
            np.testing.assert_array_equal(one, two)
    with pytest.raises(ValueError, match=r"should end in one of .npz"):
        Checkpoint("model.pt")


# ---- Ctrl-C ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def keyboard() -> Iterator[None]:
    """Ctrl-C as in a program that was started by hand; one that a shell runs in the background does not hear it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def press_ctrl_c(training: Any) -> None:
    if training.epoch == 2:
        signal.raise_signal(signal.SIGINT)


class InTheModel(Sequential):
    """Presses Ctrl-C while a batch is computed."""

    calls = 0
    presses = 1

    def __call__(self, x: Any) -> Any:
        self.calls += 1
        if self.calls == 10:
            for _ in range(self.presses):
                signal.raise_signal(signal.SIGINT)
        return super().__call__(x)


@pytest.mark.usefixtures("keyboard")
def test_ctrl_c_ends_after_the_batch() -> None:
    model, other = InTheModel(*make()), make()
    ended: list[int] = []

    class End(Callback):
        def end(self, training: Any) -> None:
            ended.append(training.step)

    history = train(model, epochs=5, callbacks=[End()])
    assert history.stopped == "Ctrl-C in epoch 2 of 5"
    assert (len(history), ended) == (1, [10])
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    optimizer = SGD(other.parameters(), 0.1)

    class Stop(Callback):
        def after_step(self, training: Any) -> None:
            if training.step == 10:
                raise KeyboardInterrupt

    train(other, epochs=5, optimizer=optimizer, callbacks=[Stop()])
    assert_alike(model, other)
    again = train(model, epochs=2, history=history)
    assert (len(again), again.stopped) == (2, None)


@pytest.mark.usefixtures("keyboard")
def test_a_second_ctrl_c_does_not_wait() -> None:
    model = InTheModel(*make())
    model.presses = 2
    steps: list[int] = []

    class End(Callback):
        def end(self, training: Any) -> None:
            steps.append(training.step)

    assert train(model, epochs=5, callbacks=[End()]).stopped == "Ctrl-C in epoch 2 of 5"
    assert steps == [9]


@pytest.mark.usefixtures("keyboard")
def test_ctrl_c_between_epochs_keeps_the_epoch() -> None:
    history = train(epochs=5, callbacks=[press_ctrl_c])
    assert (len(history), history.stopped) == (2, "Ctrl-C in epoch 2 of 5")


INTERRUPTED = """
import signal
import numpy as np
from tinygrad_scratch.nn import SGD, Dense, fit, mean_squared_error, predict

signal.signal(signal.SIGINT, signal.default_int_handler)  # which a program run in the background is without
x = np.linspace(-1, 1, 64)[:, None]
model = Dense(1, 1, generator=np.random.default_rng(0))
optimizer = SGD(model.parameters(), 0.01)
say = lambda training: print("epoch", training.epoch, flush=True)
history = fit(model, x, 2 * x, loss=mean_squared_error, optimizer=optimizer, epochs=10**9, callbacks=[say])
assert history.steps == 2 * len(history) and np.all(np.isfinite(history["loss"]))
assert np.all(np.isfinite(predict(model, x)))
print(history.stopped)
"""


@pytest.mark.skipif(os.name != "posix", reason="only POSIX sends Ctrl-C to one process")
def test_ctrl_c_in_a_program_leaves_a_usable_model_and_history() -> None:
    command = [sys.executable, "-W", "error", "-c", INTERRUPTED]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        while program.stdout.readline() not in ("epoch 3\n", ""):
            pass
        program.send_signal(signal.SIGINT)
        printed, errors = program.communicate(timeout=60)
    assert (program.returncode, errors) == (0, "")
    assert re.fullmatch(r"Ctrl-C in epoch \d+ of 1000000000", printed.splitlines()[-1])


def test_training_in_a_thread() -> None:
    found: list[History] = []
    thread = threading.Thread(target=lambda: found.append(train(epochs=2)))
    thread.start()
    thread.join()
    assert found[0]["loss"] == train(epochs=2)["loss"]


# ---- NaN -------------------------------------------------------------------------------------------------------------


class Risky(Module):
    """The logarithm of something that may be zero, at a line of its own."""

    def __init__(self, width: int) -> None:
        self.scale = Tensor(np.ones(width), requires_grad=True, name="scale")

    def __call__(self, x: Any) -> Any:
        positive = relu(x) * self.scale
        return np.log(positive)  # here


HERE = next(
    number for number, line in enumerate(Path(__file__).read_text(encoding="utf-8").splitlines(), 1) if "# here" in line
)
quiet = functools.partial(np.errstate, all="ignore")


def test_training_stops_where_nan_first_appears() -> None:
    model = Sequential(Dense(3, 4), Sequential(Risky(4)), Dense(4, 1))
    before = weights(model)
    with quiet(), pytest.raises(FloatingPointError) as caught:
        train(model, callbacks=[StopAtNotFinite()])
    text = str(caught.value)
    assert re.match(
        r"In batch 1 of epoch 1, the loss is (nan|inf): np.log makes -inf of finite numbers, of shape", text
    )
    assert "in layers.1.layers.0: Risky, at" in text
    assert re.search(rf"at \S*test_training.py:{HERE}: return np.log\(positive\)", text)
    for one, two in zip(before, weights(model), strict=True):
        np.testing.assert_array_equal(one, two)


def test_the_first_layer_is_found_and_running_statistics_are_as_before_the_batch() -> None:
    """What is done to plain samples is not recorded otherwise; and a batch with NaN would leave means of NaN."""
    model = Sequential(Lambda(lambda x: np.sqrt(x)), BatchNorm(3), Dense(3, 1))
    x = np.where(np.arange(50)[:, None] == 40, -1.0, np.abs(X))  # in the sixth batch of eight
    expected = copy.deepcopy(model)
    options: Any = {"loss": mean_squared_error, "epochs": 1, "batch_size": 8, "shuffle": False}
    with quiet(), pytest.raises(FloatingPointError, match=r"In batch 6 .* np.sqrt makes nan .* in layers.0: Lambda"):
        fit(model, x, Y, **options, optimizer=SGD(model.parameters(), 0.1), callbacks=[StopAtNotFinite()])
    fit(expected, x[:40], Y[:40], **options, optimizer=SGD(expected.parameters(), 0.1))
    assert_alike(model, expected)


def test_training_stops_at_a_function_in_its_place_among_the_layers() -> None:
    model = Sequential(Dense(3, 4), Sequential(np.log, Dense(4, 1)))
    with quiet(), pytest.raises(FloatingPointError, match=r"np.log makes nan of .*, in layers.1.layers.0: np.log, at"):
        train(model, callbacks=[StopAtNotFinite()])


def test_training_stops_at_a_gradient_that_is_not_finite() -> None:
    class Inverse(Module):
        def __init__(self) -> None:
            self.weight = Tensor(np.full(3, 1e-200), requires_grad=True)

        def __call__(self, x: Any) -> Any:
            return np.sum(1 / self.weight) + x

    with quiet(), pytest.raises(FloatingPointError) as caught:
        train(Sequential(Inverse()), callbacks=[StopAtNotFinite()], loss=lambda p, t: np.mean(p))
    text = str(caught.value)
    assert "the gradient of layers.0.weight is not finite: the derivative of np.divide makes -inf of finite" in text
    assert "in layers.0: Inverse, at" in text
    assert text.endswith("return np.sum(1 / self.weight) + x.")


def test_the_batch_is_run_again_with_the_same_random_numbers() -> None:
    class Chance(Module):
        def __init__(self) -> None:
            self.w = Tensor(np.ones(3), requires_grad=True)
            self.generator = np.random.default_rng(0)

        def __call__(self, x: Any) -> Any:
            kept = self.generator.random() > 0.03  # so that the fourth call is the first one to fail
            return np.sum(x * np.log(np.abs(self.w) * kept), axis=-1, keepdims=True)

    with quiet(), pytest.raises(FloatingPointError, match=r"np.log makes -inf of finite.*in layers.0: Chance"):
        train(Sequential(Chance()), rate=1e-6, callbacks=[StopAtNotFinite()])


def test_what_does_not_happen_again_is_said_to() -> None:
    calls: list[int] = []

    def moody(x: Any) -> Any:
        calls.append(1)
        return x @ Tensor(np.ones((3, 1))) * w * (np.nan if len(calls) == 1 else 1.0)

    w = Tensor(1.0, requires_grad=True)
    with quiet(), pytest.raises(FloatingPointError, match="but not when the batch was run once more"):
        train(moody, optimizer=SGD([w], 0.1), callbacks=[StopAtNotFinite()])


def test_finite_training_is_left_alone() -> None:
    one, two = make(), make()
    train(one, callbacks=[StopAtNotFinite()])
    train(two)
    assert_alike(one, two)


def test_the_leaf_that_is_not_finite() -> None:
    model = make()
    model[1].weight = Tensor(np.where(np.arange(4)[:, None] == 2, np.nan, 1.0), requires_grad=True)
    found = first_not_finite(model, lambda: mean_squared_error(model(X), Y))
    assert found == "parameter layers.1.weight itself holds nan, at index (2, 0)"
    w = Tensor(1.0, requires_grad=True)
    assert first_not_finite(None, lambda: w * np.inf) == "constant of shape () itself holds inf, at its only number"
    assert first_not_finite(None, lambda: w * 2.0) is None


def test_infinities_that_do_not_reach_the_loss_are_no_fault() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True)

    def compute() -> Any:
        masked = np.where(np.array([True, False]), x, -np.inf)
        return np.sum(np.exp(masked)) + np.sum(np.log(x - 1.0))

    with quiet():
        found = first_not_finite(None, compute)
    assert found is not None
    assert found.startswith("np.log makes -inf of finite numbers, of shape (2,), at ")


def test_a_line_after_a_call_is_still_the_line() -> None:
    def inner(v: Any) -> Any:
        return sigmoid(v)

    x = Tensor([0.0, 1.0], requires_grad=True)

    def compute() -> Any:
        return np.sum(inner(x)) + np.sum(np.log(inner(x) * 0.0))  # all on one line

    with quiet():
        found = first_not_finite(None, compute)
    assert found is not None
    assert found.endswith("return np.sum(inner(x)) + np.sum(np.log(inner(x) * 0.0))  # all on one line")


# ---- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (X, Y[:-1], r"x has 50 samples and y has 49: shapes \(50, 3\) and \(49, 1\)"),
        (X[:0], Y[:0], r"x, of shape \(0, 3\), has no samples"),
        (1.0, 2.0, r"x, of shape \(\), has no samples"),
        (np.where(np.arange(3) == 1, np.nan, X), Y, r"x\[0, 1\] is nan, and one such number makes all weights NaN"),
        (X, np.where(np.arange(50)[:, None] == 4, np.inf, Y), r"y\[4, 0\] is inf"),
    ],
)
def test_samples_that_teach_nothing_are_refused(x: Any, y: Any, message: str) -> None:
    model = make()
    for function in (
        functools.partial(fit, model, x, y, optimizer=SGD(model.parameters(), 0.1), epochs=1, loss=mean_squared_error),
        functools.partial(evaluate, model, x, y, loss=mean_squared_error),
    ):
        with pytest.raises(ValueError, match=message):
            function()
    with pytest.raises(ValueError, match="validation " + message.replace("and y has", "and validation y has")):
        train(model, validation=(x, y))


def test_settings_that_make_no_sense_are_refused() -> None:
    for size in (0, 8.5):
        with pytest.raises(ValueError, match=f"batch_size={size} should be a whole number, 1 or more"):
            train(batch_size=size)
    with pytest.raises(ValueError, match="epochs=-1 should be a whole number, 0 or more"):
        train(epochs=-1)
    assert len(train(epochs=0)) == 0
    with pytest.raises(TypeError, match=r"generator=0 can't draw numbers. Pass np.random.default_rng\(seed\)"):
        train(generator=0)
    with pytest.raises(ValueError, match=r"The optimizer, SGD\(4 parameters, .* has none of the model's parameters"):
        train(optimizer=SGD(make().parameters(), 0.1))
    with pytest.raises(
        ValueError, match=r"The loss of a batch is one number, but this one is Tensor of shape \(8, 1\)"
    ):
        train(loss=functools.partial(absolute_error, reduction="none"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "mse"}, "loss='mse' can't be called. Pass a function of prediction and target"),
        (
            {"optimizer": Adam},
            r"optimizer=<class .*Adam'> is none. Make one of .*: Adam\(model.parameters\(\), 0.001\)",
        ),
        ({"optimizer": "adam"}, "optimizer='adam' is none"),
        ({"metrics": accuracy}, r"metrics=<function accuracy .*> should be a list of functions, such as metrics=\[acc"),
        ({"metrics": "accuracy"}, "metrics='accuracy' should be a list"),
        ({"metrics": ["accuracy"]}, "The metric 'accuracy' can't be called"),
        ({"callbacks": EarlyStopping()}, "callbacks=.* should be a list"),
        ({"callbacks": [EarlyStopping]}, r"is no callback: .* Write EarlyStopping\(...\) to make one"),
        ({"callbacks": [3]}, "3 is no callback"),
        (
            {"model": "mlp", "optimizer": SGD(make().parameters(), 0.1)},
            "model='mlp' can't be called. Pass a function, or a Module with a method __call__",
        ),
        ({"loss": absolute_error.__class__}, r"loss=<class 'function'> is a class. Write function\(...\) to make one"),
        ({"validation": 0.2}, r"validation is 0.2, and no pair \(x, y\). Hold samples out"),
        ({"validation": (X,)}, r"validation is a tuple of 1, and no pair \(x, y\)"),
    ],
)
def test_what_is_of_another_kind_is_refused(options: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        train(**options)


def test_a_loss_that_says_nothing_is_refused() -> None:
    def without_history(prediction: Any, target: Any) -> Any:
        return np.mean((prediction.numpy() - target) ** 2)

    with pytest.raises(ValueError, match=r"No parameter takes part in the loss, .* by .numpy\(\) or .item\(\)"):
        train(loss=without_history)
    with pytest.raises(ValueError, match="inhomogeneous shape") as caught:
        train(lambda x: (x, x[0]), optimizer=SGD(make().parameters(), 0.1))
    assert caught.value.__notes__[-1] == (
        "in the loss of a batch: the model returned 2 parts, an array of shape (8, 3) and dtype float64, an array of "
        "shape (3,) and dtype float64; the targets are an array of shape (8, 1) and dtype float64"
    )
    with pytest.raises(ValueError, match=r"x is 3.0, one number. The first axis of what predict takes"):
        predict(make(), 3.0)
    with pytest.raises(TypeError, match="this one returns 2 parts"):
        predict(lambda x: (x, x), X)


def test_metrics_have_names_of_their_own_and_are_named_where_they_fail() -> None:
    for metrics in ({"loss": accuracy}, {"validation_x": accuracy}, [lambda p, t: 1.0, lambda p, t: 2.0]):
        with pytest.raises(ValueError, match=r"The name '.*' of a metric is taken"):
            train(metrics=metrics)
    with pytest.raises(TypeError) as caught:
        train(metrics={"difference": lambda prediction, target: prediction - target})
    assert "in the metric difference, which takes" in caught.value.__notes__[-1]


def test_a_checkpointed_model_is_trained_alike() -> None:
    one, two = make(), make()
    train(one)
    train(lambda x: checkpoint(two)(x), optimizer=SGD(two.parameters(), 0.1))
    assert_alike(one, two)


@pytest.mark.parametrize("make", [lambda p: SGD(p, 0.1, momentum=0.9), lambda p: Adam(p, 0.01)], ids=["SGD", "Adam"])
def test_a_compiled_training_is_the_same(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []  # in Python: for each batch, or only while it is traced

    def noted(name: str, function: Any) -> Any:
        def noted_function(*arguments: Any) -> Any:
            ran.append(name)
            return function(*arguments)

        return noted_function

    monkeypatch.setattr(training, "loss_of_batch", noted("gradients", training.loss_of_batch))
    monkeypatch.setattr(Optimizer, "_change", noted("step", Optimizer._change))

    def train(jit: bool) -> Any:
        ran.clear()
        generator = np.random.default_rng(0)
        x = generator.normal(size=(50, 3))
        y = x @ [[1.0], [2.0], [3.0]]
        layers: list[Any] = [Dense(3, 8, generator=generator), np.tanh, Dropout(0.1, generator=generator)]
        model = Sequential(*layers, Dense(8, 1, generator=generator))
        history = fit(
            model,
            x,
            y,
            loss=mean_squared_error,
            optimizer=make(model.parameters()),
            epochs=5,
            batch_size=16,
            generator=generator,
            callbacks=[ClipGradients(1.0)],
            jit=jit,
        )
        return history["loss"], [p.numpy() for p in model.parameters()], Counter(ran)

    (mine, weights, traced), (theirs, wanted, run) = train(True), train(False)
    assert run == {"gradients": 20, "step": 80}  # batches, and parameters in all of them
    assert traced.keys() == run.keys()
    assert all(times <= run[name] / 4 for name, times in traced.items())
    np.testing.assert_allclose(mine, theirs, rtol=1e-12)
    for w, v in zip(weights, wanted, strict=True):
        np.testing.assert_allclose(w, v, rtol=1e-9, atol=1e-12)
