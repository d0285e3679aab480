"""A loop over layers that ends before the first one, or begins after the last: told, where nothing says it is meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script

LAYERS = """import numpy as np

rng = np.random.default_rng(5)
x, y = rng.normal(size=(8, 3)), rng.normal(size=(8, 2))
sizes = [3, 5, 4, 2]
weights = [rng.normal(size=pair) * 0.6 for pair in zip(sizes, sizes[1:])]
biases = [rng.normal(size=n) * 0.2 for n in sizes[1:]]

for turn in range(3):
    kept = [x]
    for i in range(len(weights)):
        kept.append(np.tanh(kept[-1] @ weights[i] + biases[i]))
    loss = np.mean((kept[-1] - y) ** 2)
    d = 2 * (kept[-1] - y) / y.size
    for i in range(len(weights) - 1, -1, -1):
        d = d * (1 - kept[i + 1] ** 2)
        dw, db = kept[i].T @ d, d.sum(axis=0)
        d = d @ weights[i].T
        weights[i] -= 0.1 * dw
        biases[i] -= 0.1 * db
print(loss)
"""
HEAD = "range(len(weights) - 1, -1, -1)"


def test_all_layers_are_right(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, LAYERS)
    assert check.ok, str(check)


def test_a_loop_that_ends_before_the_first_layer_is_told(tmp_path: Path) -> None:
    check, _ = edited_script(tmp_path, LAYERS, HEAD, "range(len(weights) - 1, 0, -1)")
    found = check.first_wrong
    assert found is not None, str(check)
    assert (found.line, found.kind, found.certainty) == (15, "off-by-one", "checked"), str(check)
    assert found.should_be == f"for i in {HEAD}:"
    assert "no turn of this loop makes the gradient of" in found.sentence


@pytest.mark.parametrize("said", ["# the first layer is frozen", "# fixed features", "# layer 0 is not trained"])
def test_a_layer_that_is_left_as_it_is_on_purpose_is_asked_about(tmp_path: Path, said: str) -> None:
    text = LAYERS.replace(HEAD + ":", f"range(len(weights) - 1, 0, -1):  {said}")
    check = check_of_script(tmp_path, text)
    assert check.first_wrong is None, str(check)
