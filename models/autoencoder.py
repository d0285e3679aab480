"""Handwritten digits, squeezed into four numbers each and drawn anew from them: `python -m models.autoencoder`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from models.data import Split, digits, split
from models.show import drawn, make_console, plot, side_by_side, verdict
from tinygrad_scratch.nn import (
    AdamW,
    Dense,
    History,
    OneCycle,
    Schedule,
    Sequential,
    fit,
    mean_squared_error,
    predict,
)
from tinygrad_scratch.tensor import Tensor

SEED = 0
WIDTH = 4
EPOCHS = 100
BATCH = 32
LEARNING_RATE = 0.003
WANTED = 0.7
GRAPH, PICTURES = "autoencoder.svg", "autoencoder_digits.svg"


def make_network(generator: np.random.Generator) -> Sequential:
    """64 pixels in, 64 pixels out, through a code of WIDTH numbers."""

    def dense(inputs: int, outputs: int, activation: Any = None) -> Dense:
        return Dense(inputs, outputs, activation, generator=generator)

    encoder = Sequential(dense(64, 128, np.tanh), dense(128, 64, np.tanh), dense(64, WIDTH))
    decoder = Sequential(dense(WIDTH, 64, np.tanh), dense(64, 128, np.tanh), dense(128, 64))
    return Sequential(encoder=encoder, decoder=decoder)


def train(network: Sequential, data: Split, generator: np.random.Generator, epochs: int) -> History:
    """Learn to return what comes in; what the digits are, the network isn't told."""
    steps = epochs * -(-len(data.x) // BATCH)
    return fit(
        network,
        data.x,
        data.x,
        loss=mean_squared_error,
        optimizer=AdamW(network.parameters(), LEARNING_RATE),
        epochs=epochs,
        batch_size=BATCH,
        validation=(data.test_x, data.test_x),
        callbacks=[Schedule(OneCycle(LEARNING_RATE, steps))],
        generator=generator,
    )


def principal_components(x: Any, width: int) -> Callable[[Any], Any]:
    """The best that a linear encoder and decoder can do on x: onto its `width` principal components, and back.

    Source: Pearson, "On lines and planes of closest fit to systems of points in space" (1901).
    """
    mean = x.mean(axis=0)
    components = np.linalg.svd(x - mean, full_matrices=False).Vh[:width]

    def reconstruct(samples: Any) -> Any:
        return mean + (samples - mean) @ components.T @ components

    return reconstruct


def error(found: Any, x: Any) -> float:
    """The mean squared error of a pixel."""
    return float(np.mean((found - x) ** 2))


def main() -> int:
    """Train, compare with PCA, show some digits, and draw; 0 where the error is as small as wanted, else 1."""
    from rich import box
    from rich.table import Table

    from tinygrad_scratch.drawing import draw

    console = make_console()
    generator = np.random.default_rng(SEED)
    data = split(*digits(), 0.2, generator)
    network = make_network(generator)
    console.print(
        f"{len(data.x)} handwritten digits to learn from, {len(data.test_x)} held out, and a network that must tell of "
        f"each of them in {WIDTH} numbers:\n\n{network!r}\n",
        markup=False,
    )
    history = train(network, data, generator, EPOCHS)
    console.print(
        f"[bold]1. Learning.[/] In {EPOCHS} epochs, the mean squared error of a pixel fell from "
        f"{history['loss'][0]:.4f} to {history['loss'][-1]:.4f}.\n"
    )

    by_components = principal_components(data.x, WIDTH)
    ways: dict[str, Callable[[Any], Any]] = {
        f"PCA, {WIDTH} components": by_components,
        "this network": lambda x: predict(network, x),
    }
    table = Table("mean squared error of a pixel", "learned from", "held out", box=box.SIMPLE_HEAD)
    for name, way in ways.items():
        table.add_row(name, *(f"{error(way(x), x):.4f}" for x in (data.x, data.test_x)))
    ratio = error(predict(network, data.test_x), data.test_x) / error(by_components(data.test_x), data.test_x)
    good = ratio <= WANTED
    console.print("[bold]2. What is lost[/]")
    console.print(table)
    console.print(
        f"On digits that it never saw, its error is {ratio:.1%} of PCA's: "
        f"{verdict(good, f'{WANTED:.0%} or less', f'more than {WANTED:.0%}')}\n"
    )

    shown = [int(np.flatnonzero(data.test_y == digit)[0]) for digit in range(10)]
    rows = {"drawn by hand": data.test_x} | {name: way(data.test_x) for name, way in ways.items()}
    console.print("[bold]3. The first held-out 0, 1, 2 and 3[/]\n")
    for name, pixels in rows.items():
        console.print(side_by_side([drawn(pixels[i]) for i in shown[:4]], [name, "", "", ""]) + "\n", markup=False)

    def paint(figure: Any) -> None:
        for axes_of_row, (name, pixels) in zip(figure.subplots(len(rows), 10), rows.items(), strict=True):
            axes_of_row[0].set_title(name, loc="left", fontsize="small")
            for axes, i in zip(axes_of_row, shown, strict=True):
                axes.imshow(pixels[i].reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
                axes.axis("off")

    console.print(f"All ten: {plot(PICTURES, (7, 2.7), paint)}\n")
    x = Tensor(data.x[:1], name="digit")
    loss = mean_squared_error(network(x), x)
    loss.name = "J"
    draw(loss).save(GRAPH)
    console.print(f"[bold]4. The graph of one digit, forward and backward, is drawn in {GRAPH}[/].")
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
