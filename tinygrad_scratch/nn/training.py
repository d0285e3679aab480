"""Training: the loop that people write by hand, with a bar that shows how it goes."""

from __future__ import annotations

import contextlib
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_scratch.graph import no_grad
from tinygrad_scratch.messages import describe
from tinygrad_scratch.nn.callbacks import Callback, EachEpoch
from tinygrad_scratch.nn.history import History
from tinygrad_scratch.nn.initializers import RandomGenerator
from tinygrad_scratch.nn.module import Module
from tinygrad_scratch.nn.optimizers import Optimizer
from tinygrad_scratch.nn.options import checked_function, checked_generator
from tinygrad_scratch.rules.registry import array, plain
from tinygrad_scratch.tensor import Tensor

Function = Callable[..., Any]

# ---- the loop --------------------------------------------------------------------------------------------------------


@dataclass
class Training:
    """What goes on in `fit`, as its callbacks see it. Epochs and batches are counted from 1, steps from 0."""

    model: Any
    loss: Function
    optimizer: Optimizer
    history: History
    epochs: int
    generator: RandomGenerator
    epoch: int = 0
    batch: int = 0
    step: int = 0
    inputs: Any = None
    targets: Any = None
    loss_value: Any = None
    stopped: str | None = None
    names: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        named = self.model.named_parameters() if isinstance(self.model, Module) else ()
        paths = {id(parameter): path for path, parameter in named}
        self.names = [paths.get(id(p), p.name or str(i)) for i, p in enumerate(self.optimizer.parameters)]
        if named and not paths.keys() & {id(parameter) for parameter in self.optimizer.parameters}:
            raise ValueError(
                f"The optimizer, {self.optimizer!r}, has none of the model's parameters, so the model would learn "
                f"nothing. Make it for this model: {type(self.optimizer).__name__}(model.parameters(), ...)."
            )

    def stop(self, reason: str) -> None:
        """Let this epoch be the last one."""
        self.stopped = reason

    def compute(self) -> Tensor:
        """The loss of the batch."""
        return self.loss(self.model(self.inputs), self.targets)  # type: ignore[no-any-return]

    def named_gradients(self) -> list[tuple[str, Any]]:
        """The gradients that there are, by the paths of their parameters."""
        named = zip(self.names, self.optimizer.parameters, strict=True)
        return [(name, parameter.grad) for name, parameter in named if parameter.grad is not None]

    def gradient_norms(self) -> dict[str, float]:
        """The norm of each layer's gradient, by the path of the layer."""
        squares: dict[str, float] = {}
        for name, grad in self.named_gradients():
            layer = name.rpartition(".")[0] or name
            squares[layer] = squares.get(layer, 0.0) + float(np.vdot(grad, grad).real)
        return {layer: math.sqrt(total) for layer, total in squares.items()}


def fit(
    model: Any,
    x: Any,
    y: Any,
    *,
    loss: Function,
    optimizer: Optimizer,
    epochs: int,
    batch_size: int = 32,
    validation: tuple[Any, Any] | None = None,
    metrics: Mapping[str, Function] | Sequence[Function] = (),
    callbacks: Sequence[Callback | Callable[[Training], Any]] = (),
    generator: RandomGenerator | None = None,
    shuffle: bool = True,
    history: History | None = None,
    progress: bool = True,
    jit: bool | str = False,
) -> History:
    """Train a model on samples x with targets y, in batches, and return what was measured.

    It is this loop, with a progress bar where the output is a terminal:

        for inputs, targets in batches:
            optimizer.zero_grad()
            loss(model(inputs), targets).backward()
            optimizer.step()

    The first axes of x and y, both of length n, count the samples. `loss(prediction, targets)` returns one number;
    `metrics` are functions of arrays, prediction and targets, that do the same, named by themselves or by a dict. The
    figures of an epoch are means over its batches, each weighted by its size, as the model was when it met them; those
    of `validation`, a pair (x, y), are of the model after the epoch, in its eval mode. `generator` shuffles the samples
    before each epoch: with the same one, and the same weights, a run repeats bit for bit.

    `callbacks` are called at each epoch's end, and in between. Ctrl-C ends training after the batch that it falls into,
    and what was measured so far is returned; a second one ends the batch, too. With `history`, training goes on where
    that one ended, up to `epochs` in all; see `save` and `load` to do so in another process.

    With jit=True the gradients and the optimizer's step are compiled, by `tinygrad_scratch.jit`, with the same results;
    jit="numba" makes native code of them.

    Raises ValueError for x and y of different lengths, without samples or with NaN or infinity in them, for a batch
    size below 1, for an optimizer of another model's parameters, for two metrics of one name, and for a loss that is
    not one number, or that no parameter takes part in; TypeError for a model, a loss, an optimizer, a metric, a
    callback or a generator that is none.

    >>> import numpy as np
    >>> from tinygrad_scratch.nn import SGD, Dense, fit, mean_squared_error
    >>> generator = np.random.default_rng(0)
    >>> x = generator.normal(size=(100, 3))
    >>> y = x @ [[1.0], [2.0], [3.0]]
    >>> model = Dense(3, 1, generator=generator)
    >>> optimizer = SGD(model.parameters(), learning_rate=0.1)
    >>> history = fit(model, x, y, loss=mean_squared_error, optimizer=optimizer, epochs=20, generator=generator)
    >>> len(history), history["loss"][-1] < 1e-6
    (20, True)
    """
    x, y = checked_samples(x, y, "x", "y")
    check_number("batch_size", batch_size, 1)
    check_number("epochs", epochs, 0)
    check_model_and_loss(model, loss)
    check_optimizer(optimizer)
    if validation is not None:
        validation = checked_samples(*pair(validation), "validation x", "validation y")
    generator = checked_generator(generator)
    history = History() if history is None else history
    training = Training(model, loss, optimizer, history, epochs, generator, step=history.steps)
    compute, update = compiled(gradients_of(model, loss, optimizer), jit), compiled(optimizer.step, jit)
    measures = named_metrics(metrics)
    watchers = checked_callbacks(callbacks)
    if not getattr(model, "training", True):
        model.train()
    history.stopped = None
    with bar(training, math.ceil(len(x) / batch_size), progress) as show, interruptible() as check_interrupt:
        for watcher in watchers:
            watcher.begin(training)
        try:
            while len(history) < epochs and training.stopped is None:
                training.epoch = len(history) + 1
                order = generator.permutation(len(x)) if shuffle else np.arange(len(x))
                batches = batches_of(x, y, order, batch_size)
                train_epoch(training, batches, compute, update, measures, watchers, show, check_interrupt)
                if validation is not None:
                    found = evaluate(model, *validation, loss=loss, metrics=measures, batch_size=batch_size)
                    history.epochs[-1] |= {f"validation_{name}": value for name, value in found.items()}
                show(0, history.epochs[-1])
                for watcher in watchers:
                    watcher.epoch_end(training)
                check_interrupt()
        except KeyboardInterrupt:
            training.stop(f"Ctrl-C in epoch {training.epoch} of {epochs}")
        for watcher in watchers:
            watcher.end(training)
    history.stopped = training.stopped
    return history


def gradients_of(model: Any, loss: Function, optimizer: Optimizer) -> Function:
    """What computes the prediction and the loss of a batch, and leaves the gradients in the parameters."""

    def compute(inputs: Any, targets: Any) -> tuple[Any, Any]:
        optimizer.zero_grad()
        prediction = model(inputs)
        loss_value = loss_of_batch(loss, prediction, targets)
        loss_value.backward()
        return prediction, loss_value

    return compute


def compiled(function: Function, wanted: bool | str) -> Function:
    """The function, or what jit makes of it."""
    if not wanted:
        return function
    from tinygrad_scratch.compiler.jit import jit

    return jit(function, backend="numpy" if wanted is True else wanted)


def batches_of(x: Any, y: Any, order: Any, batch_size: int) -> Iterator[tuple[Any, Any]]:
    """Samples and targets in some order, a batch at a time."""
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        yield x[rows], y[rows]


def train_epoch(
    training: Training,
    batches: Iterator[tuple[Any, Any]],
    compute: Function,
    update: Function,
    metrics: Mapping[str, Function],
    watchers: Sequence[Callback],
    show: Function,
    check_interrupt: Callable[[], None],
) -> None:
    """Train on each batch once, and note the epoch in the history."""
    began, seen = time.perf_counter(), 0
    totals: dict[str, float] = {}
    norms: dict[str, float] = {}
    for training.batch, (training.inputs, training.targets) in enumerate(batches, start=1):
        for watcher in watchers:
            watcher.before_batch(training)
        prediction, training.loss_value = compute(training.inputs, training.targets)
        for layer, norm in training.gradient_norms().items():
            norms[layer] = norms.get(layer, 0.0) + norm
        for watcher in watchers:
            watcher.before_step(training)
        update()
        training.step += 1
        for watcher in watchers:
            watcher.after_step(training)
        add_figures(totals, training.loss_value, prediction, training.targets, metrics)
        seen += len(training.targets)
        figures = {name: total / seen for name, total in totals.items()}
        show(len(training.targets), figures)
        check_interrupt()
    figures |= {"learning_rate": float(training.optimizer.learning_rate), "seconds": time.perf_counter() - began}
    norms = {layer: total / training.batch for layer, total in norms.items()}
    training.history.add(figures, norms, training.batch)


def loss_of_batch(loss: Function, prediction: Any, targets: Any) -> Tensor:
    try:
        value: Tensor = one_number(loss(prediction, targets))
    except Exception as error:
        parts = prediction if isinstance(prediction, tuple) else (prediction,)
        model = f"{len(parts)} parts, {', '.join(map(describe, parts))}" if len(parts) > 1 else describe(prediction)
        error.add_note(f"in the loss of a batch: the model returned {model}; the targets are {describe(targets)}")
        raise
    check_recorded(value)
    return value


def evaluate(
    model: Any,
    x: Any,
    y: Any,
    *,
    loss: Function,
    metrics: Mapping[str, Function] | Sequence[Function] = (),
    batch_size: int = 256,
) -> dict[str, float]:
    """The loss and the metrics of a model on samples, in its eval mode, as means over batches weighted by their size.

    Raises ValueError as `fit` does.

    >>> import numpy as np
    >>> from tinygrad_scratch.nn import accuracy, binary_cross_entropy, evaluate
    >>> evaluate(lambda x: x, np.array([0.0, 0.0]), np.array([0, 1]), loss=binary_cross_entropy, metrics=[accuracy])
    {'loss': 0.6931471805599453, 'accuracy': 0.5}
    """
    x, y = checked_samples(x, y, "x", "y")
    check_number("batch_size", batch_size, 1)
    check_model_and_loss(model, loss)
    metrics = named_metrics(metrics)
    totals: dict[str, float] = {}
    with no_grad(), eval_mode(model):
        for inputs, targets in batches_of(x, y, np.arange(len(x)), batch_size):
            prediction = model(inputs)
            add_figures(totals, one_number(loss(prediction, targets)), prediction, targets, metrics)
    return {name: total / len(x) for name, total in totals.items()}


def predict(model: Any, x: Any, batch_size: int = 256) -> Any:
    """What a model returns for samples, in its eval mode, computed in batches: an array.

    Raises ValueError for a single number, and for a batch size below 1; TypeError for a model that returns a tuple.

    >>> import numpy as np
    >>> from tinygrad_scratch.nn import Dense, predict
    >>> predict(Dense(3, 2), np.ones((1000, 3))).shape
    (1000, 2)
    """
    x = plain(array(x))
    check_number("batch_size", batch_size, 1)
    if x.ndim == 0:
        raise ValueError(f"x is {x}, one number. The first axis of what predict takes counts the samples.")
    with no_grad(), eval_mode(model):
        batches = [model(x[start : start + batch_size]) for start in range(0, max(1, len(x)), batch_size)]
    if isinstance(batches[0], tuple):
        raise TypeError(
            f"predict joins what a model returns for each batch, and this one returns {len(batches[0])} parts. Call it "
            "in a loop of your own, with no_grad(), model.evaluating():"
        )
    return np.concatenate([plain(batch) for batch in batches])


def accuracy(prediction: Any, labels: Any) -> float:
    """The part of the samples that a model gets right, from logits.

    Of logits of shape (..., classes) and class numbers of shape (...), or one-hot labels of shape (..., classes), the
    largest logit is the model's answer. Of logits and labels 0 or 1, both of shape (n,) or (..., 1), it is yes, 1,
    where the logit is positive. Raises ValueError for other shapes, and where labels of shape (..., classes) don't add
    up to 1.

    >>> from tinygrad_scratch.nn import accuracy
    >>> accuracy([[2.0, 1.0], [0.0, 3.0]], [0, 0]), accuracy([-1.0, 1.0], [0, 1])
    (0.5, 1.0)
    """
    prediction, labels = plain(array(prediction)), plain(array(labels))
    if prediction.shape[:-1] == labels.shape and prediction.ndim:
        return float(np.mean(np.argmax(prediction, axis=-1) == labels))
    if prediction.shape == labels.shape and (prediction.ndim < 2 or prediction.shape[-1] == 1):
        return float(np.mean((prediction > 0) == (labels > 0.5)))
    if prediction.shape == labels.shape:
        if not np.allclose(np.sum(labels, axis=-1), 1):
            raise ValueError(
                f"accuracy takes labels of shape {labels.shape} to be one-hot, but they don't add up to 1 along the "
                "last axis. Of several answers a sample, write np.mean((logits > 0) == labels)."
            )
        return float(np.mean(np.argmax(prediction, axis=-1) == np.argmax(labels, axis=-1)))
    raise ValueError(
        f"accuracy compares logits of shape (..., classes) with class numbers of shape (...), or two arrays of one "
        f"shape, but was given {prediction.shape} and {labels.shape}."
    )


# ---- figures ---------------------------------------------------------------------------------------------------------


def named_metrics(metrics: Any) -> dict[str, Function]:
    if callable(metrics) or isinstance(metrics, str):
        raise TypeError(f"metrics={metrics!r} should be a list of functions, such as metrics=[accuracy].")
    named = metrics.items() if isinstance(metrics, Mapping) else [(getattr(m, "__name__", repr(m)), m) for m in metrics]
    taken = {"loss", "learning_rate", "seconds"}
    for name, metric in named:
        if not callable(metric):
            raise TypeError(f"The metric {name} can't be called. Pass functions, such as nn.accuracy.")
        if name in taken or name.startswith("validation_"):
            raise ValueError(f"The name {name!r} of a metric is taken. Pass a dict: metrics={{'name': function}}.")
        taken.add(name)
    return dict(named)


def add_figures(
    totals: dict[str, float], loss: Any, prediction: Any, targets: Any, metrics: Mapping[str, Function]
) -> None:
    """Add the loss and the metrics of a batch, times its size, to what was added up."""
    size = len(targets)
    totals["loss"] = totals.get("loss", 0.0) + size * float(plain(loss))
    for name, metric in metrics.items():
        try:
            value = float(plain(metric(plain(prediction), targets)))
        except Exception as error:
            error.add_note(f"in the metric {name}, which takes prediction and target, and returns one number")
            raise
        totals[name] = totals.get(name, 0.0) + size * value


def one_number(loss: Any) -> Any:
    if np.shape(plain(loss)) != ():
        raise ValueError(
            f'The loss of a batch is one number, but this one is {describe(loss)}. Write reduction="mean", or np.mean.'
        )
    return loss


# ---- what is checked -------------------------------------------------------------------------------------------------


def checked_samples(x: Any, y: Any, x_name: str, y_name: str) -> tuple[Any, Any]:
    """Samples and targets as arrays, of the same length, not empty, finite."""
    x, y = plain(array(x)), plain(array(y))
    for name, values in ((x_name, x), (y_name, y)):
        if values.ndim == 0 or not len(values):
            raise ValueError(f"{name}, of shape {values.shape}, has no samples, so there is nothing to learn from.")
        if values.dtype.kind in "fc" and not np.all(np.isfinite(values)):
            wrong = tuple(map(int, np.argwhere(~np.isfinite(values))[0]))
            raise ValueError(
                f"{name}[{', '.join(map(str, wrong))}] is {values[wrong]}, and one such number makes all weights NaN. "
                f"Leave such samples out: {x_name}[np.isfinite(...)], or put a number in their place: np.nan_to_num."
            )
    if len(x) != len(y):
        raise ValueError(
            f"{x_name} has {len(x)} samples and {y_name} has {len(y)}: shapes {x.shape} and {y.shape}. "
            "Their first axes count the samples."
        )
    return x, y


def check_number(name: str, value: Any, least: int) -> None:
    if not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{name}={value!r} should be a whole number, {least} or more.")


def check_optimizer(optimizer: Any) -> None:
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"optimizer={optimizer!r} is none. Make one of the model's parameters: Adam(model.parameters(), 0.001)."
        )


def check_model_and_loss(model: Any, loss: Any) -> None:
    checked_function(model, "model", "Pass a function, or a Module with a method __call__.")
    checked_function(loss, "loss", "Pass a function of prediction and target: mean_squared_error.")


def check_recorded(loss: Any) -> None:
    if type(loss) is not Tensor or not loss.requires_grad:
        raise ValueError(
            f"No parameter takes part in the loss, {describe(loss)}, so there is nothing to learn. Is it computed from "
            "arrays, by .numpy() or .item(), or under no_grad()?"
        )


def pair(validation: Any) -> tuple[Any, Any]:
    is_row = isinstance(validation, tuple | list)
    if is_row and len(validation) == 2:
        return validation[0], validation[1]
    given = f"a {type(validation).__name__} of {len(validation)}" if is_row else describe(validation)
    raise TypeError(f"validation is {given}, and no pair (x, y). Hold samples out: validation=(x[:100], y[:100]).")


def checked_callbacks(callbacks: Any) -> list[Callback]:
    if callable(callbacks) or isinstance(callbacks, Callback):
        raise TypeError(f"callbacks={callbacks!r} should be a list: callbacks=[...].")
    for each in callbacks:
        if isinstance(each, type) or not (isinstance(each, Callback) or callable(each)):
            made = f" Write {each.__name__}(...) to make one." if isinstance(each, type) else ""
            raise TypeError(f"{each!r} is no callback: a Callback, or a function of the training.{made}")
    return [each if isinstance(each, Callback) else EachEpoch(each) for each in callbacks]


# ---- around the loop -------------------------------------------------------------------------------------------------


def eval_mode(model: Any) -> Any:
    """The model's eval mode, if it has one."""
    return model.evaluating() if hasattr(model, "evaluating") else contextlib.nullcontext()


@contextlib.contextmanager
def interruptible() -> Iterator[Callable[[], None]]:
    """Let a first Ctrl-C wait until the function that this gives is called; a second one interrupts as usual."""
    asked: list[int] = []

    def ask(number: int, frame: Any) -> None:
        asked.append(number)
        if len(asked) > 1:
            raise KeyboardInterrupt

    def check() -> None:
        if asked:
            raise KeyboardInterrupt

    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield check
        return
    signal.signal(signal.SIGINT, ask)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextlib.contextmanager
def bar(training: Training, batches: int, wanted: bool) -> Iterator[Function]:
    """A function that shows how many samples more were seen, and the figures; on a terminal."""
    if not wanted:
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.table import Column

    console = Console(highlight=False)
    if not console.is_terminal:
        yield lambda *_: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(8),
        TextColumn("{task.fields[figures]}", table_column=Column(ratio=1)),  # which takes a second line, if it must
        TimeRemainingColumn(),
    )
    seen, began = 0, time.perf_counter()
    validation: dict[str, float] = {}
    with Progress(*columns, console=console, expand=True) as progress:
        done = len(training.history) * batches
        task = progress.add_task("", total=training.epochs * batches, completed=done, figures="")

        def show(samples: int, figures: Mapping[str, float]) -> None:
            nonlocal seen
            seen += samples
            validation.update({name: value for name, value in figures.items() if name.startswith("validation_")})
            texts = [*in_words({**validation, **figures}), f"{seen / max(1e-9, time.perf_counter() - began):,.0f}/s"]
            description = f"epoch {training.epoch}/{training.epochs}"
            progress.update(task, advance=int(samples > 0), description=description, figures="  ".join(texts))

        yield show


def in_words(figures: Mapping[str, float]) -> list[str]:
    """Figures as a bar has room for them, each with that of the validation: "loss 0.123, val. 0.234"."""
    texts = []
    for name, value in figures.items():
        if name not in ("learning_rate", "seconds") and not name.startswith("validation_"):
            validation = figures.get(f"validation_{name}")
            texts.append(f"{name} {value:.3g}" + (f", val. {validation:.3g}" if validation is not None else ""))
    return texts
