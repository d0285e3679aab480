"""A loop over layers that ends before the first one, or begins after the last: told, where nothing says it is meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import check_of_script, edited_script, told

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


IN_SAMPLES = """import numpy as np

rng = np.random.default_rng(5)
weights = [rng.normal(size=(m, n)) for n, m in ((4, 6), (6, 5), (5, 2))]
biases = [rng.normal(size=(n, 1)) for n in (6, 5, 2)]


def squash(v):
    return 1 / (1 + np.exp(-v))


def backward(x, y):
    into, out = [], [x]
    for w, b in zip(weights, biases):
        into.append(w @ out[-1] + b)
        out.append(squash(into[-1]))
    dw, db = [np.zeros(w.shape) for w in weights], [np.zeros(b.shape) for b in biases]
    d = (out[-1] - y) * out[-1] * (1 - out[-1])
    dw[-1], db[-1] = d @ out[-2].T, d
    for k in range(2, len(weights) + 1):
        slope = squash(into[-k]) * (1 - squash(into[-k]))
        d = weights[-k + 1].T @ d * slope
        dw[-k], db[-k] = d @ out[-k - 1].T, d
    return dw, db


pairs = [(rng.normal(size=(4, 1)), rng.uniform(size=(2, 1))) for _ in range(9)]
for turn in range(4):
    sums_w, sums_b = [np.zeros(w.shape) for w in weights], [np.zeros(b.shape) for b in biases]
    for x, y in pairs:
        dw, db = backward(x, y)
        sums_w = [s + d for s, d in zip(sums_w, dw)]
        sums_b = [s + d for s, d in zip(sums_b, db)]
    weights = [w - 0.1 * s for w, s in zip(weights, sums_w)]
    biases = [b - 0.1 * s for b, s in zip(biases, sums_b)]
"""


def test_one_turn_less_than_there_are_layers_is_told(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, IN_SAMPLES).ok
    check, line = edited_script(tmp_path, IN_SAMPLES, "range(2, len(weights) + 1)", "range(2, len(weights))")
    assert told(check) == (line, "off-by-one"), str(check)
    assert check.first_wrong.should_be == "for k in range(2, len(weights) + 1):"


def test_the_error_is_turned_round_and_not_the_slope(tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, IN_SAMPLES, "(out[-1] - y) * out", "(y - out[-1]) * out")
    assert told(check) == (line, "sign"), str(check)
    assert check.first_wrong.should_be == "d = (out[-1] - y) * out[-1] * (1 - out[-1])"
    assert len(check.causes[0].others) == len(set(check.causes[0].others))


def test_a_bound_that_is_not_nought_is_told_as_one(tmp_path: Path) -> None:
    straight = LAYERS.replace("np.tanh(", "np.maximum(0, ").replace("1 - kept[i + 1] ** 2", "kept[i + 1] > 0")
    last = straight.replace("d = d * (kept", "d = d if i == 2 else d * (kept").replace(
        "    loss =", "    kept[-1] = kept[-2] @ weights[-1] + biases[-1]\n    loss ="
    )
    assert check_of_script(tmp_path, last).ok
    check, line = edited_script(tmp_path, last, "kept[i + 1] > 0)", "kept[i + 1] > 0.2)")
    assert told(check) == (line, "derivative-at-wrong-point"), str(check)
    assert check.first_wrong.sentence.endswith("should be 0"), str(check)
