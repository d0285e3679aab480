"""Handwritten digits, read by a network of dense layers: `python -m models.digits_mlp`."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.data import Split, digits
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
    predict,
)
from tinygrad_scratch.tensor import Tensor

SEED = 0
EPOCHS = 40
BATCH = 32
LEARNING_RATE = 0.003
WANTED = 0.97
PICTURE = "digits_mlp.svg"
INK = " .:-=+*#%@"


def make_network(generator: np.random.Generator) -> Sequential:
    """64 pixels in, a logit for each of ten digits out."""

    def dense(inputs: int, outputs: int, activation: Any = None) -> Dense:
        return Dense(inputs, outputs, activation, generator=generator, initializer=he_normal)

    return Sequential(dense(64, 128, relu), dense(128, 64, relu), dense(64, 10))


def train(network: Sequential, data: Split, generator: np.random.Generator, epochs: int) -> History:
    steps = epochs * -(-len(data.x) // BATCH)
    return fit(
        network,
        data.x,
        data.y,
        loss=cross_entropy,
        optimizer=AdamW(network.parameters(), LEARNING_RATE),
        epochs=epochs,
        batch_size=BATCH,
        validation=(data.test_x, data.test_y),
        metrics=[accuracy],
        callbacks=[Schedule(CosineDecay(LEARNING_RATE, steps))],
        generator=generator,
    )


def drawn(pixels: Any) -> list[str]:
    """A digit in letters: two for each pixel, the darker the more ink."""
    rows = np.rint(pixels.reshape(8, 8) * (len(INK) - 1)).astype(int)
    return ["".join(INK[ink] * 2 for ink in row) for row in rows]


def side_by_side(pictures: list[list[str]], titles: list[str]) -> str:
    rows = [titles, *zip(*pictures, strict=True)]
    return "\n".join("   ".join(f"{cell:<16}" for cell in row).rstrip() for row in rows)


def main() -> int:
    """Train, test, show what is misread, and draw; 0 where the wanted part is read rightly, else 1."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from tinygrad_scratch.drawing import draw

    console = Console(highlight=False)
    console.width = min(console.width, 80)
    generator = np.random.default_rng(SEED)
    data = digits(generator)
    network = make_network(generator)
    size = sum(parameter.size for parameter in network.parameters())
    console.print(
        f"{len(data.x)} handwritten digits to learn from, {len(data.test_x)} held out, and a network of {size:,} "
        f"parameters:\n\n{network!r}\n",
        markup=False,
    )
    history = train(network, data, generator, EPOCHS)

    table = Table("epoch", "loss", "read rightly", "held-out loss", "read rightly", box=box.SIMPLE_HEAD)
    for epoch in sorted({1, 2, 5, 10, 20, EPOCHS}):
        figures = history.epochs[epoch - 1]
        parts = [(figures[f"{part}loss"], figures[f"{part}accuracy"]) for part in ("", "validation_")]
        table.add_row(str(epoch), *(text for loss, right in parts for text in (f"{loss:.4f}", f"{right:.1%}")))
    console.print("[bold]1. Learning[/]")
    console.print(table)

    probabilities = predict(network, data.test_x)
    guesses = np.argmax(probabilities, axis=-1)
    wrong = np.flatnonzero(guesses != data.test_y)
    right = 1 - len(wrong) / len(guesses)
    verdict = f"[green]{WANTED:.0%} or more[/]" if right >= WANTED else f"[bold red]less than {WANTED:.0%}[/]"
    console.print(f"[bold]2. Of {len(guesses)} digits that it never saw, it reads {right:.1%} rightly:[/] {verdict}\n")
    if len(wrong):
        shown = wrong[:4]
        titles = [f"{data.test_y[i]}, read as {guesses[i]}" for i in shown]
        console.print(f"The first of the {len(wrong)} that it misreads:\n")
        console.print(side_by_side([drawn(data.test_x[i]) for i in shown], titles) + "\n", markup=False)

    loss = cross_entropy(network(Tensor(data.x[:1], name="digit")), data.y[:1])
    loss.name = "J"
    draw(loss).save(PICTURE)
    console.print(f"[bold]3. The graph of one digit, forward and backward, is drawn in {PICTURE}[/].")
    return 0 if right >= WANTED else 1


if __name__ == "__main__":
    raise SystemExit(main())
