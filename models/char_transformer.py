"""The text of Python's documentation, read by a small transformer: `python -m models.char_transformer`."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.data import Text, documentation, in_parts
from models.options import asked_jit
from models.text import study, windows
from tinygrad_scratch.functional import gelu
from tinygrad_scratch.nn import (
    AdamW,
    Callback,
    ClipGradients,
    Conv1d,
    Dense,
    Embedding,
    History,
    LayerNorm,
    Module,
    OneCycle,
    Schedule,
    Sequential,
    TransformerBlock,
    cross_entropy,
    fit,
    standard_normal,
)

SEED = 0
NEARBY = 8
FEATURES, HEADS, BLOCKS, DROPOUT = 96, 4, 2, 0.1
CONTEXT, LENGTH = 64, 64
EPOCHS, BATCH = 8, 8
LEARNING_RATE, WEIGHT_DECAY = 0.004, 0.1
RIVAL = 5
PICTURE = "char_transformer.svg"


def small(shape: tuple[int, ...], generator: Any) -> Any:
    """Numbers drawn from the normal distribution of deviation 0.02, as in GPT-2: what the blocks add is soon heard."""
    return 0.02 * standard_normal(shape, generator)


class CharTransformer(Module):
    """Character numbers of shape (..., time) in, the logits of each next one, of shape (..., time, characters), out.

    Before the blocks, a convolution that sees the NEARBY last characters: attention needs many steps to find out that
    the nearest ones say the most, and this is a network that learns for minutes.
    """

    def __init__(self, characters: int, generator: np.random.Generator) -> None:
        options: Any = {"generator": generator, "dtype": np.float32}
        self.characters = Embedding(characters, FEATURES, initializer=small, **options)
        self.places = Embedding(CONTEXT + LENGTH, FEATURES, initializer=small, **options)
        self.nearby = Conv1d(FEATURES, FEATURES, NEARBY, padding=[(NEARBY - 1, 0)], activation=gelu, **options)
        self.blocks = Sequential(
            *(TransformerBlock(FEATURES, HEADS, causal=True, dropout=DROPOUT, **options) for _ in range(BLOCKS))
        )
        self.norm = LayerNorm(FEATURES, dtype=np.float32)
        self.dense = Dense(FEATURES, characters, **options)

    def __call__(self, numbers: Any) -> Any:
        x = self.characters(numbers)
        x = x + np.swapaxes(self.nearby(np.swapaxes(x, -1, -2)), -1, -2)
        places = self.places(np.arange(np.shape(numbers)[-1]))
        return self.dense(self.norm(self.blocks(x + places)))


class Anywhere(Callback):
    """Gives each batch windows that begin anywhere in a text, so that no epoch meets the same ones."""

    def __init__(self, numbers: Any, generator: np.random.Generator) -> None:
        self.windows = windows(numbers, CONTEXT + LENGTH, 1)
        self.generator = generator

    def before_batch(self, training: Any) -> None:
        chosen = self.windows[self.generator.integers(len(self.windows), size=len(training.inputs))]
        training.inputs, training.targets = chosen[:, :-1], chosen[:, 1:]


def train(
    network: CharTransformer, text: Text, generator: np.random.Generator, epochs: int, jit: bool | str = False
) -> History:
    """Learn from as many windows an epoch as there are in the text if they overlap by half, drawn anew each time."""
    seen, validation = (windows(part, CONTEXT + 1, LENGTH) for part in (text.train, text.validation))
    steps = epochs * -(-len(seen) // BATCH)
    return fit(
        network,
        seen[:, :-1],
        seen[:, 1:],
        loss=cross_entropy,
        optimizer=AdamW(network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY),
        epochs=epochs,
        batch_size=BATCH,
        validation=(validation[:, :-1], validation[:, 1:]),
        callbacks=[
            Anywhere(text.train, generator),
            Schedule(OneCycle(LEARNING_RATE, steps, rise=0.1)),
            ClipGradients(norm=1.0),
        ],
        generator=generator,
        jit=jit,
    )


def main(jit: bool | str = False) -> int:
    """Train, compare with n-grams, write, and draw; 0 where it needs fewer bits than its rival, else 1."""
    generator = np.random.default_rng(SEED)
    text = in_parts(documentation())
    network = CharTransformer(len(text.alphabet), generator)
    return study(
        network, text, lambda: train(network, text, generator, EPOCHS, jit), CONTEXT, LENGTH, RIVAL, generator, PICTURE
    )


if __name__ == "__main__":
    raise SystemExit(main(asked_jit(__doc__)))
