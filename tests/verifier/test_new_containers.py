"""Functions that update a copy of all parameters, which takes the place of them in the loop."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script

SCRIPT = """
import copy
import numpy as np

rng = np.random.default_rng(3)
X, Y = rng.normal(size=(12, 3)), rng.normal(size=(12, 2))

def slopes(model):
    hidden = np.tanh(X @ model["in"]["M"] + model["in"]["c"])
    delta = (hidden @ model["out"]["M"] + model["out"]["c"] - Y) / len(X)
    back = delta @ model["out"]["M"].T * (1 - hidden**2)
    return {"in": {"M": X.T @ back, "c": back.sum(0)}, "out": {"M": hidden.T @ delta, "c": delta.sum(0)}}

def moved(model, found):
    later = COPY
    for part in later:
        for key in later[part]:
            later[part][key] -= 0.2 * found[part][key]
    return later

model = {
    "in": {"M": rng.normal(size=(3, 4)), "c": np.zeros(4)},
    "out": {"M": rng.normal(size=(4, 2)), "c": np.zeros(2)},
}
for turn in range(5):
    model = moved(model, slopes(model))
"""
COPIES = {
    "deep": "copy.deepcopy(model)",
    "each": "{part: {key: array.copy() for key, array in of.items()} for part, of in model.items()}",
}


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_that_takes_their_place_is_an_update(tmp_path: Path, how: str) -> None:
    check = check_of_script(tmp_path, SCRIPT.replace("COPY", COPIES[how]))
    assert check.ok, str(check)
    assert len(check.finals) == 4


def test_a_mistake_in_its_gradients_is_told(tmp_path: Path) -> None:
    text = SCRIPT.replace("COPY", COPIES["deep"])
    check = check_of_script(tmp_path, text.replace("(1 - hidden**2)", "(1 - hidden)"))
    assert check.first_wrong is not None, check.problem
    assert check.first_wrong.line == 11
