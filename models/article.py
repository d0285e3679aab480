"""The network of the article "Neural Networks from Scratch", rebuilt, checked and drawn: `python -m models.article`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np

from models.handwritten import HandwrittenNetwork
from models.show import make_console
from tinygrad_scratch.functional import sigmoid, squared_error
from tinygrad_scratch.nn import SGD, Dense, Sequential, standard_normal
from tinygrad_scratch.tensor import Tensor

INPUTS = np.array([[0.0, 0.0, 1.0], [1.0, 1.0, 1.0], [1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
LABELS = np.array([[0.0], [1.0], [1.0], [0.0]])
SEED = 1
EPOCHS = 5000
LEARNING_RATE = 0.1
TOLERANCE = 1e-12
PICTURE = "article.svg"

# What the article prints, digit by digit.
PREDICTIONS = ("0.02039406", "0.96795662", "0.97199464", "0.02758648")
COSTS = {
    0: "0.688239103472",
    1000: "0.0192991528354",
    2000: "0.00398719767284",
    3000: "0.00202819194556",
    4000: "0.00132494673741",
}

# The hand-derived gradients in the order of their derivation, and what each is the gradient of.
BY_HAND = {"delta4": "z4", "dJdW3": "w3", "delta3": "z3", "dJdW2": "w2", "delta2": "z2", "dJdW1": "w1"}

Row: TypeAlias = tuple[list[str], bool]  # what is shown, and whether it is as it should be


def make_network(generator: np.random.RandomState) -> Sequential:
    """The article's network: sigmoid everywhere, no biases, weights from the standard normal distribution."""

    def dense(inputs: int, outputs: int) -> Dense:
        return Dense(inputs, outputs, sigmoid, bias=False, generator=generator, initializer=standard_normal)

    return Sequential(dense(3, 4), dense(4, 5), dense(5, 1))


def train(network: Sequential, epochs: Iterable[int]) -> list[float]:
    """The cost at each epoch, before its step."""
    optimizer = SGD(network.parameters(), LEARNING_RATE)
    costs = []
    for _ in epochs:
        cost = squared_error(network(INPUTS), LABELS)
        costs.append(cost.item())
        optimizer.zero_grad()
        cost.backward()
        optimizer.step()
    return costs


def record(weights: Iterable[Any], inputs: Any, labels: Any) -> tuple[HandwrittenNetwork, Tensor]:
    """The hand-written class, unchanged, run on Tensors: each NumPy call of its forward pass is recorded."""
    network = HandwrittenNetwork(*(Tensor(weight, requires_grad=True) for weight in weights))
    network.forward(Tensor(inputs, name="x"))
    cost: Tensor = network.cost(Tensor(labels, name="y"))
    for name, value in (*vars(network).items(), ("J", cost)):
        value.name = value.name or name
    return network, cost


def compare_gradients(weights: Sequence[Any], inputs: Any, labels: Any) -> dict[str, tuple[Any, Any]]:
    """Each gradient twice: as the hand-written backprop has it, and as autograd has it."""
    network = HandwrittenNetwork(*weights)
    network.forward(inputs)
    network.backward(labels)
    recorded, cost = record(weights, inputs, labels)
    gradients = cost.gradient(*(getattr(recorded, name) for name in BY_HAND.values()))
    return {name: (getattr(network, name), g.numpy()) for name, g in zip(BY_HAND, gradients, strict=True)}


def relative_difference(a: Any, b: Any) -> float:
    """The largest difference of two arrays, element by element and relative to the element."""
    return float(np.max(np.abs(a - b) / np.abs(b)))


def check_predictions(network: Sequential) -> list[Row]:
    rows = []
    for x, label, prediction, printed in zip(INPUTS, LABELS, network(INPUTS).numpy(), PREDICTIONS, strict=True):
        here = f"{prediction.item():.8f}"
        rows.append(([" ".join(f"{number:g}" for number in x), f"{label.item():g}", printed, here], here == printed))
    return rows


def check_costs(costs: Sequence[float]) -> list[Row]:
    rows = []
    for epoch, printed in COSTS.items():
        here = f"{costs[epoch]:.12g}"
        rows.append(([str(epoch), printed, here], here == printed))
    return rows


def check_gradients(weights: Sequence[Any]) -> list[Row]:
    rows = []
    for name, (by_hand, by_autograd) in compare_gradients(weights, INPUTS, LABELS).items():
        difference = relative_difference(by_hand, by_autograd)
        cells = [name, str(by_hand.shape), f"dJ/d{BY_HAND[name]}", str(by_autograd.shape), f"{difference:.1e}"]
        rows.append((cells, by_hand.shape == by_autograd.shape and difference <= TOLERANCE))
    return rows


def show(console: Any, title: str, columns: Sequence[str], rows: Sequence[Row]) -> bool:
    """Print rows with their verdicts, and say whether all are alike."""
    from rich import box
    from rich.table import Table

    table = Table(*columns, "verdict", box=box.SIMPLE_HEAD)
    for cells, alike in rows:
        table.add_row(*cells, "[green]alike[/]" if alike else "[bold red]differs[/]")
    console.print(f"[bold]{title}[/]")
    console.print(table)
    return all(alike for _, alike in rows)


def main() -> int:
    """Train, compare and draw; 0 where every figure is alike, else 1."""
    from rich.progress import Progress

    from tinygrad_scratch.drawing import draw

    console = make_console()
    generator = np.random.RandomState(SEED)
    first, second = make_network(generator), make_network(generator)
    weights = [parameter.numpy() for parameter in first.parameters()]
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        train(first, progress.track(range(EPOCHS), description="Training the first network"))
        costs = train(second, progress.track(range(EPOCHS), description="Training the second network"))

    console.print(
        f"The article's network, trained for {EPOCHS} epochs at rate {LEARNING_RATE} from each of two draws of its "
        f"weights:\n\n{first!r}\n\nThe article's listings belong to different networks: its predictions to the first "
        f"one drawn after seed {SEED}, its costs to the second.\n",
        markup=False,
    )
    results = [
        show(
            console,
            "1. Predictions of the first network, after training",
            ["input", "label", "article", "here"],
            check_predictions(first),
        ),
        show(console, "2. Cost of the second network", ["epoch", "article", "here"], check_costs(costs)),
        show(
            console,
            "3. Backprop by hand against autograd, first network, before training",
            ["by hand", "shape", "autograd", "shape", "largest relative\ndifference"],
            check_gradients(weights),
        ),
    ]
    console.print(
        "Both ran the class in models/handwritten.py: on arrays, with its own backprop; and, unchanged, on Tensors, "
        "where autograd found the gradients.\n"
    )
    draw(record(weights, INPUTS, LABELS)[1], fold="names").save(PICTURE)
    console.print(f"[bold]4. The graph, forward and backward, is drawn in {PICTURE}[/], in this directory.")
    return 0 if all(results) else 1


if __name__ == "__main__":
    raise SystemExit(main())
