"""The gradient in a step that a matrix makes of it, whatever that was put together from: of eigenvectors, in blocks.

It is found by what the same calls make of other values.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.steps import Array
from tinygrad_scratch.verifier.recording.tape import Tape

FACTORS = {"eigh", "eig", "svd", "cholesky", "qr", "inv", "pinv", "solve", "lstsq"}  # calls that make such a matrix
MOST_TRIED = 4  # gradients
MOST_VALUES = 300  # that are looked through for one


def by_matrix(tape: Tape, node: int, is_gradient: Callable[[int], bool]) -> tuple[int, int] | None:
    """The last gradient that a step is a symmetric matrix times, and the sign of that; none where it is a diagonal.

    What only scales entries may be a mistake, and what is no matrix of such a kind is a part of the backward pass.
    """
    size, is_factored, known, waiting, seen = tape.nodes[node].value.size, False, set[int](), deque([node]), {node}
    while waiting and len(seen) < MOST_VALUES:
        step = tape.steps[tape.nodes[waiting.popleft()].step]
        is_factored = is_factored or name_of(step.function) in FACTORS
        new = {*step.reads} - seen
        seen |= new
        gradients = {read for read in new if is_gradient(read)}
        known |= {each for each in gradients if tape.nodes[each].value.size == size > 1}
        waiting += new - gradients
    for gradient in sorted(known, reverse=True)[:MOST_TRIED] if is_factored else ():
        if (sign := sign_of_matrix(tape, node, gradient)) is not None:
            return gradient, sign
    return None


def sign_of_matrix(tape: Tape, node: int, gradient: int) -> int | None:
    """Which way a step goes that is linear in a gradient by a symmetric matrix; None where it is anything else."""
    mine = tape.nodes[gradient].value
    draw = np.random.default_rng(0)
    one, other = (np.asarray(draw.normal(size=mine.shape)) for _ in range(2))
    of_one, of_other, of_both, of_mine = (
        made_of(tape, node, gradient, value) for value in (one, other, one - 2 * other, mine)
    )
    room = 1e-7 * float(np.linalg.norm(of_one) * np.linalg.norm(other) + np.linalg.norm(of_other))
    is_linear = bool(np.all(np.abs(of_both - of_one + 2 * of_other) <= room))
    is_symmetric = abs(float(of_one @ other.reshape(-1) - of_other @ one.reshape(-1))) <= room
    is_diagonal = np.allclose(of_one * other.reshape(-1), of_other * one.reshape(-1), rtol=1e-6, atol=room)
    if not is_linear or not is_symmetric or is_diagonal:
        return None
    return 1 if of_mine @ mine.reshape(-1) > 0 else -1


def made_of(tape: Tape, node: int, gradient: int, value: Array) -> Array:
    """The entries of what a step would be with another value in the place of its gradient."""
    until = tape.nodes[node].step
    with np.errstate(all="ignore"):
        found = tape.follow({each.number: each.value for each in tape.nodes}, overrides={gradient: value}, until=until)
        played = found if found is not None else tape.replay({gradient: value}, until=until)
    return np.asarray(played[node]).reshape(-1)
