"""The gradients of one sample fit any loss by a factor: the one is meant whose output meets its target."""

from __future__ import annotations

from pathlib import Path

from tests.verifier.files import check_of_script, edited_script, told

SATURATED = """
from numpy import *

rows = [[1.0, -2.0, 3.0], [1.0, 0.5, 4.0], [1.0, 2.0, 2.5]]
labels = [1.0, 1.0, 0.0]


def sigmoid(z):
    return 1.0 / (1 + exp(-z))


def ascend(data, labels):
    weights = ones(3) * 1.3
    for j in range(40):
        for i in range(len(labels)):
            alpha = 2.0001
            h = sigmoid(sum(data[i] * weights))
            error = labels[i] - h
            weights = weights + alpha * error * data[i]
    return weights


print(ascend(array(rows) * 2, labels))
"""


def test_a_saturated_sample_is_judged_by_the_output_that_meets_its_label(tmp_path: Path) -> None:
    check = check_of_script(tmp_path, SATURATED)
    assert check.ok, str(check)
    assert "cross-entropy of h" in check.entry.loss_name


def test_its_sign_is_told(tmp_path: Path) -> None:
    check, line = edited_script(tmp_path, SATURATED, "weights + alpha", "weights - alpha")
    assert told(check) == (line, "sign"), str(check)
