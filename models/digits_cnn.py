"""Handwritten digits, read by convolutions: `python -m models.digits_cnn`."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from models.data import Split
from models.options import asked_jit
from models.reading import read_digits
from tinygrad_scratch.functional import relu
from tinygrad_scratch.nn import (
    AdamW,
    Callback,
    Conv2d,
    Dense,
    Dropout,
    Flatten,
    History,
    MaxPool2d,
    OneCycle,
    Reshape,
    Schedule,
    Sequential,
    accuracy,
    cross_entropy,
    fit,
    he_normal,
)

SEED = 0
EPOCHS = 20
BATCH = 32
LEARNING_RATE = 0.003
WANTED = 0.985
PICTURE = "digits_cnn.svg"


def make_network(generator: np.random.Generator) -> Sequential:
    """64 pixels in, a logit for each of ten digits out."""

    def conv(channels: int, out: int) -> Conv2d:
        return Conv2d(channels, out, 3, padding="same", activation=relu, generator=generator, initializer=he_normal)

    return Sequential(
        Reshape(1, 8, 8),
        conv(1, 16),
        conv(16, 16),
        MaxPool2d(2),
        Dropout(0.2, generator),
        conv(16, 32),
        conv(32, 32),
        Flatten(),
        Dropout(0.4, generator),
        Dense(512, 10, generator=generator),
    )


class Move(Callback):
    """Moves the digits of each batch a little, so that no epoch meets the same pixels."""

    def __init__(self, generator: np.random.Generator) -> None:
        self.generator = generator

    def before_batch(self, training: Any) -> None:
        training.inputs = moved(training.inputs, self.generator)


def moved(x: Any, generator: np.random.Generator, most: float = 0.5) -> Any:
    """Each digit, moved along both axes by up to `most` of a pixel, as if ink between two pixels were in proportion."""
    pixels = x.reshape(-1, 8, 8)
    for axis in (1, 2):
        by = generator.uniform(-most, most, (len(x), 1, 1))
        padded = np.pad(pixels, [(1, 1) if along == axis else (0, 0) for along in range(3)])
        before, after = np.take(padded, range(8), axis), np.take(padded, range(2, 10), axis)
        pixels = (1 - np.abs(by)) * pixels + np.maximum(by, 0) * before + np.maximum(-by, 0) * after
    return pixels.reshape(x.shape)


def train(network: Sequential, data: Split, generator: np.random.Generator, jit: bool | str = False) -> History:
    steps = EPOCHS * -(-len(data.x) // BATCH)
    return fit(
        network,
        data.x,
        data.y,
        loss=cross_entropy,
        optimizer=AdamW(network.parameters(), LEARNING_RATE),
        epochs=EPOCHS,
        batch_size=BATCH,
        validation=(data.test_x, data.test_y),
        metrics=[accuracy],
        callbacks=[Schedule(OneCycle(LEARNING_RATE, steps)), Move(generator)],
        generator=generator,
        jit=jit,
    )


def main(jit: bool | str = False) -> int:
    """Train, test, show what is misread, and draw; 0 where the wanted part is read rightly, else 1."""
    return read_digits(make_network, partial(train, jit=jit), np.random.default_rng(SEED), WANTED, PICTURE)


if __name__ == "__main__":
    raise SystemExit(main(asked_jit(__doc__)))
