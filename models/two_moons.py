"""Two moons, told apart by a small network, and the boundary that it draws: `python -m models.two_moons`."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from models.data import moons
from models.show import SHADES, make_console, verdict
from tinygrad_scratch.functional import sigmoid
from tinygrad_scratch.nn import Adam, Dense, History, Sequential, accuracy, binary_cross_entropy, evaluate, fit, predict
from tinygrad_scratch.tensor import Tensor

SEED = 0
SAMPLES = 400
NOISE = 0.1
EPOCHS = 100
LEARNING_RATE = 0.01
WANTED = 0.97
GRAPH, BOUNDARY = "two_moons.svg", "two_moons_boundary.svg"
LEFT, RIGHT, BOTTOM, TOP = -1.5, 2.5, -1.2, 1.7


def make_network(generator: np.random.Generator) -> Sequential:
    """A point in, one logit out: positive for the lower moon."""
    return Sequential(
        Dense(2, 16, np.tanh, generator=generator),
        Dense(16, 16, np.tanh, generator=generator),
        Dense(16, 1, generator=generator),
    )


def train(network: Sequential, points: Any, labels: Any, generator: np.random.Generator, epochs: int) -> History:
    return fit(
        network,
        points,
        labels,
        loss=binary_cross_entropy,
        optimizer=Adam(network.parameters(), LEARNING_RATE),
        epochs=epochs,
        metrics=[accuracy],
        generator=generator,
    )


def landscape(network: Any, columns: int, rows: int) -> Any:
    """How likely the lower moon is, at the middles of a grid's cells, the top row first."""
    x = LEFT + (np.arange(columns) + 0.5) * (RIGHT - LEFT) / columns
    y = TOP - (np.arange(rows) + 0.5) * (TOP - BOTTOM) / rows
    return sigmoid(predict(network, np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2))).reshape(rows, columns)


def in_letters(network: Any, columns: int = 72, rows: int = 24) -> str:
    """The landscape in letters: the denser, the likelier the lower moon is."""
    shades = (landscape(network, columns, rows) * len(SHADES)).astype(int).clip(0, len(SHADES) - 1)
    return "\n".join("".join(SHADES[shade] for shade in row) for row in shades)


def in_colours(network: Any, points: Any, labels: Any, columns: int = 120, rows: int = 87, cell: int = 5) -> str:
    """The landscape in steps from blue to orange, the boundary where it is white, and the points, as SVG."""
    blue, white, orange = np.array([[70, 130, 200], [255, 255, 255], [235, 140, 50]])
    lines = ['<g shape-rendering="crispEdges">']
    for row, line in enumerate(np.rint(landscape(network, columns, rows) * 20) / 20):
        column = 0
        for p, run in groupby(line):
            colour = white + abs(2 * p - 1) * ((orange if p > 0.5 else blue) - white)
            fill = "#" + "".join(f"{round(part):02x}" for part in colour)
            width = len(list(run))
            at = f'x="{column * cell}" y="{row * cell}" width="{width * cell}" height="{cell}"'
            lines.append(f'<rect {at} fill="{fill}"/>')
            column += width
    lines.append("</g>")
    for (x, y), label in zip(points, labels.ravel(), strict=True):
        across = (x - LEFT) / (RIGHT - LEFT) * columns * cell
        down = (TOP - y) / (TOP - BOTTOM) * rows * cell
        fill = "#a04a00" if label else "#0b3d75"
        lines.append(f'<circle cx="{across:.1f}" cy="{down:.1f}" r="3" fill="{fill}" stroke="white"/>')
    view = f"0 0 {columns * cell} {rows * cell}"
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{view}">\n' + "\n".join(lines) + "\n</svg>\n"


def main() -> int:
    """Train, test, show the boundary, and draw; 0 where the wanted part is told apart, else 1."""
    from tinygrad_scratch.drawing import draw

    console = make_console()
    generator = np.random.default_rng(SEED)
    points, labels = moons(SAMPLES, NOISE, generator)
    unseen = moons(SAMPLES, NOISE, generator)
    network = make_network(generator)
    console.print(
        f"{SAMPLES} points on two moons that reach into each other, and a network to tell the moons apart:\n\n"
        f"{network!r}\n",
        markup=False,
    )
    history = train(network, points, labels, generator, EPOCHS)
    found = evaluate(network, *unseen, loss=binary_cross_entropy, metrics=[accuracy])
    good = found["accuracy"] >= WANTED
    console.print(
        f"[bold]1. After {EPOCHS} epochs[/], its loss fell from {history['loss'][0]:.2g} to {history['loss'][-1]:.2g}. "
        f"Of {SAMPLES} points that it never saw, it puts {found['accuracy']:.1%} on the right moon: "
        f"{verdict(good, f'{WANTED:.0%} or more', f'less than {WANTED:.0%}')}\n"
    )
    console.print("[bold]2. The boundary:[/] the denser, the likelier the lower moon\n")
    console.print(in_letters(network) + "\n", markup=False)
    Path(BOUNDARY).write_text(in_colours(network, points, labels), encoding="utf-8")
    console.print(f"It is drawn in colours, with the points, in {BOUNDARY}.\n")
    loss = binary_cross_entropy(network(Tensor(points[:4], name="points")), labels[:4])
    loss.name = "J"
    draw(loss).save(GRAPH)
    console.print(f"[bold]3. The graph of four points, forward and backward, is drawn in {GRAPH}[/].")
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
