"""The text of Python's documentation, read by an LSTM, a character at a time: `python -m models.char_rnn`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from models.data import Text, documentation, in_parts
from models.options import asked_jit
from models.show import tracked
from models.text import bits_of_network, study
from tinygrad_scratch.nn import (
    LSTM,
    AdamW,
    CosineDecay,
    Dense,
    Dropout,
    Embedding,
    History,
    Module,
    Optimizer,
    clip_gradient_norm,
    cross_entropy,
)
from tinygrad_scratch.nn.training import compiled
from tinygrad_scratch.tensor import Tensor

SEED = 0
FEATURES, HIDDEN, DROPOUT = 64, 256, 0.2
STREAMS, STEPS = 32, 64
EPOCHS = 10
LEARNING_RATE = 0.005
CONTEXT, LENGTH = 128, 128
RIVAL = 8
PICTURE = "char_rnn.svg"


class CharRNN(Module):
    """Character numbers of shape (..., time) in, the logits of each next one, of shape (..., time, characters), out."""

    def __init__(self, characters: int, generator: np.random.Generator) -> None:
        self.embedding = Embedding(characters, FEATURES, generator, dtype=np.float32)
        self.lstm = LSTM(FEATURES, HIDDEN, return_state=True, generator=generator, dtype=np.float32)
        self.dropout = Dropout(DROPOUT, generator)
        self.dense = Dense(HIDDEN, characters, generator=generator, dtype=np.float32)

    def read(self, numbers: Any, state: Any = None) -> tuple[Any, Any]:
        """The logits, and the state after them, with which to read on."""
        outputs, state = self.lstm(self.dropout(self.embedding(numbers)), state)
        return self.dense(self.dropout(outputs)), state

    def __call__(self, numbers: Any) -> Any:
        return self.read(numbers)[0]


def gradients_of(network: CharRNN, optimizer: Optimizer) -> Callable[..., tuple[Tensor, tuple[Tensor, ...]]]:
    """What leaves the gradients of the loss of one piece, and returns that loss and the state after the piece."""

    def compute(inputs: Any, targets: Any, state: Any) -> tuple[Tensor, tuple[Tensor, ...]]:
        optimizer.zero_grad()
        logits, state = network.read(inputs, state)
        loss = cross_entropy(logits, targets)
        loss.backward()
        return loss.detach(), tuple(part.detach() for part in state)

    return compute


def train(network: CharRNN, text: Text, epochs: int, jit: bool | str = False) -> History:
    """Read the text in parallel streams, a few steps at a time.

    The state goes on from one piece of a stream to the next, and the gradient does not: detached, it ends there.
    Source: Williams and Peng, "An efficient gradient-based algorithm for on-line training of recurrent network
    trajectories" (1990), which calls it truncated backpropagation through time.
    """
    time = (len(text.train) - 1) // STREAMS
    inputs = text.train[: STREAMS * time].reshape(STREAMS, time)
    targets = text.train[1 : STREAMS * time + 1].reshape(STREAMS, time)
    starts = range(0, time, STEPS)
    optimizer = AdamW(network.parameters(), LEARNING_RATE)
    schedule = CosineDecay(LEARNING_RATE, epochs * len(starts))
    compute, update = compiled(gradients_of(network, optimizer), jit), compiled(optimizer.step, jit)
    history = History()
    for _ in tracked(range(epochs), "Reading"):
        state, total = None, 0.0
        for step, start in enumerate(starts, start=history.steps):
            optimizer.learning_rate = schedule(step)
            piece = slice(start, start + STEPS)
            loss, state = compute(inputs[:, piece], targets[:, piece], state)
            clip_gradient_norm(optimizer.parameters, 1.0)
            update()
            total += loss.item() * inputs[:, piece].shape[1] / time
        validation = bits_of_network(network, text.validation, CONTEXT, LENGTH) * np.log(2)
        history.add({"loss": total, "validation_loss": validation}, {}, len(starts))
    return history


def main(jit: bool | str = False) -> int:
    """Train, compare with n-grams, write, and draw; 0 where it needs fewer bits than its rival, else 1."""
    generator = np.random.default_rng(SEED)
    text = in_parts(documentation())
    network = CharRNN(len(text.alphabet), generator)
    return study(network, text, lambda: train(network, text, EPOCHS, jit), CONTEXT, LENGTH, RIVAL, generator, PICTURE)


if __name__ == "__main__":
    raise SystemExit(main(asked_jit(__doc__)))
