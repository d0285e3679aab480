"""The study that the text models have in common: bits per character beside those of n-grams, a sample, the graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.data import Text
from models.ngram import NGram
from models.show import make_console, milestones, verdict
from tinygrad_scratch.functional import softmax
from tinygrad_scratch.nn import History, cross_entropy, predict

ORDERS = range(2, 9)
DISCOUNTS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
PROMPT = "The "
SAMPLE = 400
TEMPERATURE = 0.7
DRAWN = 3

# ---- bits per character ----------------------------------------------------------------------------------------------


def windows(numbers: Any, context: int, length: int) -> Any:
    """Windows of shape (windows, context + length), each of which begins `length` after the one before.

    The last `length` characters of each are to be predicted: each character of the text once, but for the first
    `context` ones and a rest at the end, and each with at least `context` characters before it.
    """
    return np.lib.stride_tricks.sliding_window_view(numbers, context + length)[::length]


def bits_of_network(network: Any, numbers: Any, context: int, length: int) -> float:
    """The mean of -log2(p) over what is to be predicted of each window."""
    seen = windows(numbers, context, length)
    logits = predict(network, seen[:, :-1], batch_size=32)[:, -length:]
    return float(cross_entropy(logits, seen[:, -length:]) / np.log(2))


def bits_of_ngram(ngram: NGram, discount: float, numbers: Any, context: int, length: int) -> float:
    """The mean of -log2(p) over the same characters."""
    p = ngram.probabilities(windows(numbers, context, length), discount)[:, -length:]
    return float(-np.mean(np.log2(p)))


@dataclass(frozen=True)
class Baseline:
    """An n-gram model whose discount is the best on the validation part, and its bits per character."""

    order: int
    discount: float
    validation: float
    test: float


def baselines(text: Text, context: int, length: int) -> list[Baseline]:
    """One for each order."""
    found = []
    for order in ORDERS:
        ngram = NGram(text.train, len(text.alphabet), order)
        tried = [(bits_of_ngram(ngram, d, text.validation, context, length), d) for d in DISCOUNTS]
        validation, discount = min(tried)
        found.append(Baseline(order, discount, validation, bits_of_ngram(ngram, discount, text.test, context, length)))
    return found


# ---- the study -------------------------------------------------------------------------------------------------------


def write(network: Any, text: Text, context: int, generator: np.random.Generator) -> str:
    """What the network writes after a prompt: one character at a time, drawn from its probabilities."""
    numbers = list(text.encode(PROMPT))
    for _ in range(SAMPLE):
        logits = predict(network, np.array([numbers[-context:]]))[0, -1]
        p = softmax(logits.astype(float) / TEMPERATURE)
        numbers.append(generator.choice(len(p), p=p))
    return text.decode(numbers)


def study(
    network: Any,
    text: Text,
    train: Callable[[], History],
    context: int,
    length: int,
    rival: int,
    generator: np.random.Generator,
    picture: str,
) -> int:
    """Train a network that predicts characters, compare it with n-grams, let it write, and draw it.

    0 where it needs fewer bits than the n-gram model of order `rival`, else 1.
    """
    from tinygrad_scratch.drawing import draw

    console = make_console()
    size = sum(parameter.size for parameter in network.parameters())
    console.print(
        f"The reference pages of Python, each paragraph once: {len(text.train):,} characters to learn from, "
        f"{len(text.validation):,} to choose by and {len(text.test):,} held out, of {len(text.alphabet)} kinds; and a "
        f"network of {size:,} parameters:\n\n{network!r}\n",
        markup=False,
    )
    history = train()
    console.print("[bold]1. Learning[/]")
    console.print(learning(history))

    counted = baselines(text, context, length)
    best = min(counted, key=lambda baseline: baseline.validation)
    bits = [bits_of_network(network, part, context, length) for part in (text.validation, text.test)]
    console.print("[bold]2. Bits per character[/], beside n-grams with Kneser-Ney smoothing:")
    console.print(comparison(counted, best, bits))
    wanted = next(baseline.test for baseline in counted if baseline.order == rival)
    found = verdict(bits[1] < wanted, f"fewer than the {rival}-gram", f"no fewer than the {rival}-gram")
    console.print(
        f"On the held-out part, {bits[1]:.3f} against {wanted:.3f}: {found}. The n-gram that is the best on the "
        f"validation part needs {best.test:.3f}.\n"
    )

    console.print(f"[bold]3. What it writes[/], at temperature {TEMPERATURE}:\n")
    console.print(write(network, text, context, generator) + "\n", markup=False)

    with network.evaluating():
        loss = cross_entropy(network(text.train[:DRAWN]), text.train[1 : DRAWN + 1])
    loss.name = "J"
    draw(loss).save(picture)
    console.print(f"[bold]4. The graph of {DRAWN} characters, forward and backward, is drawn in {picture}[/].")
    return 0 if bits[1] < wanted else 1


def learning(history: History) -> Any:
    """A table of how the network learned, in bits."""
    from rich import box
    from rich.table import Table

    table = Table("epoch", "bits per character", "on the validation part", box=box.SIMPLE_HEAD)
    for epoch in milestones(len(history)):
        losses = [history[name][epoch - 1] / np.log(2) for name in ("loss", "validation_loss")]
        table.add_row(str(epoch), *(f"{bits:.3f}" for bits in losses))
    return table


def comparison(counted: Sequence[Baseline], best: Baseline, bits: Sequence[float]) -> Any:
    """A table of what the n-grams need, and the network, on the validation part and the held-out one."""
    from rich import box
    from rich.table import Table

    table = Table("model", "validation part", "held-out part", box=box.SIMPLE_HEAD)
    for baseline in counted:
        name = f"{baseline.order}-gram, discount {baseline.discount:g}{', the best' if baseline is best else ''}"
        table.add_row(name, f"{baseline.validation:.3f}", f"{baseline.test:.3f}")
    table.add_row("[bold]this network[/]", *(f"[bold]{found:.3f}[/]" for found in bits))
    return table
