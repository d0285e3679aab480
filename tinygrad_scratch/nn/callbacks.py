"""Callbacks: what `fit` does besides fitting, at the end of each epoch and around each step."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_scratch.nn.clipping import check_limit, clip_gradient_norm, clip_gradient_value
from tinygrad_scratch.nn.finite import finite, first_not_finite
from tinygrad_scratch.nn.module import Module
from tinygrad_scratch.nn.saving import (
    file_format,
    generators_of,
    load_state_dict,
    random_state,
    save,
    set_random_state,
    state_dict,
)
from tinygrad_scratch.rules.registry import array, plain
from tinygrad_scratch.tensor import Tensor

if TYPE_CHECKING:
    from tinygrad_scratch.nn.training import Training


class Callback:
    """What a callback may do, and does not: override what you need. Each is given the `Training` that is going on.

    A function is a callback, too: it is called at the end of each epoch.

    >>> from tinygrad_scratch.nn import Callback
    >>> class Count(Callback):
    ...     steps = 0
    ...
    ...     def after_step(self, training):
    ...         self.steps += 1
    """

    def begin(self, training: Training) -> None:
        """Before the first epoch."""

    def before_batch(self, training: Training) -> None:
        """Before the model is called with a batch, which is in training.inputs and training.targets."""

    def before_step(self, training: Training) -> None:
        """After `backward()`, before the optimizer's step; the batch's loss is in training.loss_value."""

    def after_step(self, training: Training) -> None:
        """After the optimizer's step."""

    def epoch_end(self, training: Training) -> None:
        """After an epoch was noted in training.history."""

    def end(self, training: Training) -> None:
        """After the last epoch, also when training was stopped or interrupted."""


class EachEpoch(Callback):
    """A function as a callback."""

    def __init__(self, function: Callable[[Training], Any]) -> None:
        self.function = function

    def epoch_end(self, training: Training) -> None:
        self.function(training)


class Schedule(Callback):
    """Sets the learning rate of each step, or of each epoch, by a schedule; see `nn.schedules`.

    Raises TypeError for what is no function, and ValueError where `each` is neither "step" nor "epoch".

    >>> from tinygrad_scratch.nn import CosineDecay, Schedule
    >>> callback = Schedule(CosineDecay(0.1, steps=1000))
    """

    def __init__(self, schedule: Callable[[int], float], each: str = "step") -> None:
        if each not in ("step", "epoch"):
            raise ValueError(f"each={each!r}: a schedule counts each 'step' or each 'epoch'.")
        if isinstance(schedule, type) or not callable(schedule):
            raise TypeError(
                f"{schedule!r} is no schedule, a function from a step to a rate: CosineDecay(0.1, steps=1000), say."
            )
        self.schedule = schedule
        self.each = each

    def before_batch(self, training: Training) -> None:
        training.optimizer.learning_rate = self.schedule(
            training.step if self.each == "step" else len(training.history)
        )


class ClipGradients(Callback):
    """Cuts gradients down before each step: all together to a norm, or each number to a value.

    Raises ValueError where not exactly one of the two is given; in training, as `clip_gradient_norm` does.

    >>> from tinygrad_scratch.nn import ClipGradients
    >>> callback = ClipGradients(norm=1.0)
    """

    def __init__(self, norm: float | None = None, value: float | None = None) -> None:
        limits = [limit for limit in (norm, value) if limit is not None]
        if len(limits) != 1:
            raise ValueError("ClipGradients takes norm=, for all gradients together, or value=, for each number.")
        check_limit("ClipGradients", limits[0])
        self.limit = limits[0]
        self.by_norm = norm is not None

    def before_step(self, training: Training) -> None:
        clip: Any = clip_gradient_norm if self.by_norm else clip_gradient_value
        clip(training.optimizer.parameters, self.limit)


class EarlyStopping(Callback):
    """Stops training when a figure has not become better for `patience` epochs.

    Better is lower, or, with maximize=True, higher, by more than `least`. With restore_best=True, the model ends up as
    it was after its best epoch in this run. Raises KeyError where the figure is not measured: "validation_loss" needs
    `validation`.

    >>> from tinygrad_scratch.nn import EarlyStopping
    >>> callback = EarlyStopping("validation_accuracy", patience=5, maximize=True)
    """

    def __init__(
        self,
        monitor: str = "validation_loss",
        patience: int = 10,
        least: float = 0.0,
        maximize: bool = False,
        restore_best: bool = True,
    ) -> None:
        if not patience >= 1:
            raise ValueError(f"patience={patience!r} is a number of epochs, at least 1.")
        self.monitor = monitor
        self.patience = patience
        self.least = least
        self.maximize = maximize
        self.restore_best = restore_best
        self.best_state: Any = None

    def begin(self, training: Training) -> None:
        self.best_state = None

    def epoch_end(self, training: Training) -> None:
        figures = training.history[self.monitor]
        best = best_epoch(figures, self.maximize, self.least)
        if best == len(figures) - 1 and self.restore_best and isinstance(training.model, Module):
            self.best_state = state_dict(training.model)
        if len(figures) - 1 - best >= self.patience:
            training.stop(f"{self.monitor} was best in epoch {best + 1}, {figures[best]:.4g}")

    def end(self, training: Training) -> None:
        if self.best_state is not None:
            load_state_dict(training.model, self.best_state)


def best_epoch(figures: list[float], maximize: bool, least: float = 0.0) -> int:
    """The place of the best of some figures: of the last that was better than the best before it by more than least."""
    best = 0
    for place, figure in enumerate(figures):
        better = figure - figures[best] if maximize else figures[best] - figure
        if better > least or (np.isnan(figures[best]) and not np.isnan(figure)):
            best = place
    return best


class Checkpoint(Callback):
    """Saves the model, and all that training needs to go on from it, at the end of each epoch; see `save`.

    `{epoch}` in the path is its number, counted from 1. With `monitor`, an epoch is saved only if it is the best so
    far by that figure: the lowest or, with maximize=True, the highest. Raises ValueError for another kind of file.

    >>> from tinygrad_scratch.nn import Checkpoint
    >>> callback = Checkpoint("digits.npz", monitor="validation_loss")
    """

    def __init__(self, path: str | os.PathLike[str], monitor: str | None = None, maximize: bool = False) -> None:
        file_format(path)
        self.path = os.fspath(path)
        self.monitor = monitor
        self.maximize = maximize

    def epoch_end(self, training: Training) -> None:
        history = training.history
        if self.monitor is None or best_epoch(history[self.monitor], self.maximize) == len(history) - 1:
            path = self.path.replace("{epoch}", str(len(history)))
            save(path, training.model, training.optimizer, training.generator, history)


class StopAtNotFinite(Callback):
    """Stops with an error when the loss or a gradient is NaN or infinity, and says where that first appeared.

    The error is raised before the optimizer's step, so the weights are those of the last good step, and so are the
    buffers, such as running means. To find the place, the batch is run once more, with the same random numbers: the
    layer, by its path, and the line of the program.

    Raises FloatingPointError, in training.

    >>> import numpy as np
    >>> from tinygrad_scratch.nn import SGD, Dense, Sequential, StopAtNotFinite, fit, mean_squared_error
    >>> model = Sequential(Dense(1, 1), np.log)
    >>> training = dict(loss=mean_squared_error, optimizer=SGD(model.parameters(), 0.1), epochs=1)
    >>> with np.errstate(invalid="ignore", divide="ignore"):
    ...     fit(model, np.zeros((4, 1)), np.zeros((4, 1)), **training, callbacks=[StopAtNotFinite()])
    Traceback (most recent call last):
        ...
    FloatingPointError: In batch 1 of epoch 1, the loss is inf: np.log makes -inf of finite numbers, ...
    """

    def __init__(self) -> None:
        self.states: list[Any] = []
        self.buffers: list[Any] = []

    def before_batch(self, training: Training) -> None:
        if isinstance(training.model, Module):
            generators = generators_of(training.model, None).values()
            self.states = [(generator, random_state(generator)) for generator in generators]
            self.buffers = [(buffer, buffer.numpy()) for buffer in training.model.buffers()]

    def before_step(self, training: Training) -> None:
        loss = training.loss_value.numpy()
        if finite(loss):
            wrong = [name for name, g in training.named_gradients() if not finite(g)]
            if not wrong:
                return
            what = f"the gradient of {wrong[0]} is not finite"
        else:
            what = f"the loss is {loss}"
        inputs = plain(array(training.inputs))
        if not finite(loss) and inputs.dtype.kind == "f":
            training.inputs = Tensor(inputs, requires_grad=True)  # so that what is done to them is recorded
        self.put_back()
        where = first_not_finite(training.model, training.compute)
        self.put_back()
        where = where or "but not when the batch was run once more, so it depends on what changes from call to call"
        raise FloatingPointError(f"In batch {training.batch} of epoch {training.epoch}, {what}: {where}.")

    def put_back(self) -> None:
        """Random numbers and buffers as they were before the batch."""
        for generator, state in self.states:
            set_random_state(generator, state)
        for buffer, value in self.buffers:
            buffer.data = value
