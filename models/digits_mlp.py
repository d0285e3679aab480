"""Handwritten digits, read by a network of dense layers: `python -m models.digits_mlp`."""

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
    CosineDecay,
    Dense,
    History,
    Schedule,
    Sequential,
    accuracy,
    cross_entropy,
    fit,
    he_normal,
)

SEED = 0
EPOCHS = 40
BATCH = 32
LEARNING_RATE = 0.003
WANTED = 0.97
PICTURE = "digits_mlp.svg"


def make_network(generator: np.random.Generator) -> Sequential:
    """64 pixels in, a logit for each of ten digits out."""

    def dense(inputs: int, outputs: int, activation: Any = None) -> Dense:
        return Dense(inputs, outputs, activation, generator=generator, initializer=he_normal)

    return Sequential(dense(64, 128, relu), dense(128, 64, relu), dense(64, 10))


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
        callbacks=[Schedule(CosineDecay(LEARNING_RATE, steps))],
        generator=generator,
        jit=jit,
    )


def main(jit: bool | str = False) -> int:
    """Train, test, show what is misread, and draw; 0 where the wanted part is read rightly, else 1."""
    return read_digits(make_network, partial(train, jit=jit), np.random.default_rng(SEED), WANTED, PICTURE)


if __name__ == "__main__":
    raise SystemExit(main(asked_jit(__doc__)))
