"""The study that the networks that read digits have in common: learning, testing, what is misread, and the graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from models.data import Split, digits, folds
from models.show import drawn, make_console, milestones, side_by_side, verdict
from tinygrad_scratch.nn import History, cross_entropy, predict
from tinygrad_scratch.tensor import Tensor

FOLDS = 5


def read_digits(
    make_network: Callable[[np.random.Generator], Any],
    train: Callable[[Any, Split, np.random.Generator], History],
    generator: np.random.Generator,
    wanted: float,
    picture: str,
) -> int:
    """Train one network for each fold, test it with the digits held out, show what is misread, and draw the graph.

    So each digit is read by a network that never saw it. 0 where the wanted part is read rightly, else 1.
    """
    from tinygrad_scratch.drawing import draw

    console = make_console()
    x, y = digits()
    networks = [make_network(generator) for _ in range(FOLDS)]
    size = sum(parameter.size for parameter in networks[0].parameters())
    console.print(
        f"{len(x)} handwritten digits, cut into {FOLDS} parts at random. For each part, a network of {size:,} "
        f"parameters learns from the others:\n\n{networks[0]!r}\n",
        markup=False,
    )
    histories, guesses, readers = [], np.zeros_like(y), np.zeros_like(y)
    for reader, (held_out, data) in enumerate(folds(x, y, FOLDS, generator)):
        histories.append(train(networks[reader], data, generator))
        guesses[held_out] = np.argmax(predict(networks[reader], data.test_x), axis=-1)
        readers[held_out] = reader
    console.print(f"[bold]1. Learning[/], the mean of the {FOLDS} networks")
    console.print(learning(histories))

    wrong = np.flatnonzero(guesses != y)
    right = 1 - len(wrong) / len(y)
    found = verdict(right >= wanted, f"{100 * wanted:g}% or more", f"less than {100 * wanted:g}%")
    console.print(
        f"[bold]2. Of {len(y)} digits, each read by the network that never saw it, {right:.2%} are read rightly:[/] "
        f"{found}\n"
    )
    shown = wrong[:4]
    console.print(f"Misread are {len(wrong)}. The first of them:\n")
    titles = [f"{y[i]}, read as {guesses[i]}" for i in shown]
    console.print(side_by_side([drawn(x[i]) for i in shown], titles) + "\n", markup=False)

    first = int(np.argmax(guesses != y))  # of a digit that a network is sure of, the gradient vanishes
    network = networks[readers[first]]
    with network.evaluating():
        loss = cross_entropy(network(Tensor(x[[first]], name="digit")), Tensor(y[[first]], name="label"))
    loss.name = "J"
    draw(loss).save(picture)
    console.print(f"[bold]3. The graph of the first digit misread, forward and backward, is drawn in {picture}[/].")
    return 0 if right >= wanted else 1


def learning(histories: Sequence[History]) -> Any:
    """A table of how networks learned, in the mean."""
    from rich import box
    from rich.table import Table

    table = Table("epoch", "loss", "read rightly", "held-out loss", "read rightly", box=box.SIMPLE_HEAD)
    for epoch in milestones(len(histories[0])):
        loss, right, held_out_loss, held_out_right = (
            np.mean([history[name][epoch - 1] for history in histories])
            for name in ("loss", "accuracy", "validation_loss", "validation_accuracy")
        )
        table.add_row(str(epoch), f"{loss:.4f}", f"{right:.1%}", f"{held_out_loss:.4f}", f"{held_out_right:.1%}")
    return table
