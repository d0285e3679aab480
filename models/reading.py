"""The study that the networks that read digits have in common: learning, testing, what is misread, and the graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from models.data import Split
from models.show import drawn, make_console, side_by_side, verdict
from tinygrad_scratch.nn import History, cross_entropy, predict
from tinygrad_scratch.tensor import Tensor


def read_digits(network: Any, data: Split, train: Callable[[], History], wanted: float, picture: str) -> int:
    """Train a network that reads digits, test it, show what it misreads, and draw it; 0 where it is good, else 1."""
    from rich import box
    from rich.table import Table

    from tinygrad_scratch.drawing import draw

    console = make_console()
    size = sum(parameter.size for parameter in network.parameters())
    console.print(
        f"{len(data.x)} handwritten digits to learn from, {len(data.test_x)} held out, and a network of {size:,} "
        f"parameters:\n\n{network!r}\n",
        markup=False,
    )
    history = train()

    table = Table("epoch", "loss", "read rightly", "held-out loss", "read rightly", box=box.SIMPLE_HEAD)
    for epoch in sorted({epoch for epoch in (1, 2, 5, 10, 20) if epoch < len(history)} | {len(history)}):
        figures = history.epochs[epoch - 1]
        parts = [(figures[f"{part}loss"], figures[f"{part}accuracy"]) for part in ("", "validation_")]
        table.add_row(str(epoch), *(text for loss, right in parts for text in (f"{loss:.4f}", f"{right:.1%}")))
    console.print("[bold]1. Learning[/]")
    console.print(table)

    guesses = np.argmax(predict(network, data.test_x), axis=-1)
    wrong = np.flatnonzero(guesses != data.test_y)
    right = 1 - len(wrong) / len(guesses)
    found = verdict(right >= wanted, f"{100 * wanted:g}% or more", f"less than {100 * wanted:g}%")
    console.print(f"[bold]2. Of {len(guesses)} digits that it never saw, it reads {right:.1%} rightly:[/] {found}\n")
    if len(wrong):
        shown = wrong[:4]
        titles = [f"{data.test_y[i]}, read as {guesses[i]}" for i in shown]
        console.print(f"The first of the {len(wrong)} that it misreads:\n" if len(wrong) > 1 else "It misreads one:\n")
        console.print(side_by_side([drawn(data.test_x[i]) for i in shown], titles) + "\n", markup=False)

    with network.evaluating():
        loss = cross_entropy(network(Tensor(data.x[:1], name="digit")), data.y[:1])
    loss.name = "J"
    draw(loss).save(picture)
    console.print(f"[bold]3. The graph of one digit, forward and backward, is drawn in {picture}[/].")
    return 0 if right >= wanted else 1
