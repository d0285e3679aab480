"""Room for whole numbers that cuts off all that is written into it, so that nothing is known of what it was for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script

NET = """
%matplotlib inline
import numpy as np

rng = np.random.default_rng(1)
sizes = [3, 4, 1]
X, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 1))
W = [rng.normal(size=(m, n)) * 0.5 for m, n in zip(sizes[:-1], sizes[1:])]
delta = [np.zeros((6, n)ROOM) for n in sizes]

for epoch in range(5):
    out = [X]
    for w in W:
        out.append(np.tanh(out[-1] @ w))
    loss = 0.5 * np.sum((out[-1] - y) ** 2)
    delta[2][:] = (out[2] - y) * (1 - out[2] ** 2) / 4
    delta[1][:] = delta[2] @ W[1].T * (1 - out[1] ** 2)
    for k in range(2):
        W[k] -= 0.1 * 4 * out[k].T @ delta[k + 1]
    print(loss)
"""

OWN_ROOM = """
import numpy as np

rng = np.random.default_rng(0)
spins = np.where(rng.random((8, 5)) > 0.5, 1, -1)
goal = np.tanh(spins @ rng.normal(size=5))
w = rng.normal(size=5) * 0.1

for step in range(4):
    made = np.tanh(spins @ w)
    loss = np.mean((made - goal) ** 2)
    forces = np.zeros_like(ROOM)
    for k in range(8):
        forces[k] = 2 * (made[k] - goal[k]) * (1 - made[k] ** 2) * spins[k] / 8
    grad_w = forces.sum(axis=0)
    w -= 0.5 * grad_w
"""


def test_a_list_of_room_is_told_where_it_is_made(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, NET.replace("ROOM", ", dtype=int"))
    first = check.first_wrong
    assert first is not None, str(check)
    assert (first.line, first.kind, first.certainty) == (9, "dtype-or-integer", "checked")
    assert len(check.causes) == 1


def test_room_of_the_type_of_data_is_told(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, OWN_ROOM.replace("ROOM", "spins"))
    first = check.first_wrong
    assert first is not None, str(check)
    assert (first.line, first.kind, first.certainty) == (12, "dtype-or-integer", "checked")


@pytest.mark.parametrize("text", [NET.replace("ROOM", ""), OWN_ROOM.replace("ROOM", "spins, dtype=float")])
def test_room_for_any_number_is_right(tmp_path: Path, text: str) -> None:
    check = check_of_script(tmp_path, text)
    assert check.ok, str(check)
