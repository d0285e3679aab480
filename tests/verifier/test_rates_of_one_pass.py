"""Rates that are plain numbers: in a script of one pass and no loop, and taken off alone, by mistake."""

from __future__ import annotations

from pathlib import Path

from tests.verifier.files import check_of_script, told

ONE_PASS = """
import numpy as np
dose, wanted = 0.6, 1.4
into, shift = np.array([[0.3], [-0.5]]), np.array([[0.2], [-0.1]])
out, lift = np.array([[0.4, -0.3]]), np.array([[0.1]])
alpha = 0.2
hidden = np.tanh(into * dose + shift)
answer = out @ hidden + lift
back = -2 * (wanted - answer)
deep = (1 - hidden**2) * out.T * back
out = out - alpha * back * hidden.T
lift = lift - alpha * back
into = into - alpha * deep * dose
shift = shift - alpha * deep
"""
FENCE = """
import numpy as np
rng = np.random.default_rng(1)
posts = rng.normal(size=(7, 3))
sides = np.where(posts @ np.array([1.0, -2.0, 0.5]) > 0, 1, -1)


class Fence:
    def __init__(self, lr):
        self.lr, self.w, self.b = lr, np.full(3, 0.3), 0

    def build(self):
        for post, side in zip(posts, sides):
            if side * (post @ self.w - self.b) < 1:
                self.w -= self.lr * (0.2 * self.w - side * post)
                self.b -= self.lr * side


Fence(0.1).build()
"""


def test_the_rate_of_a_script_without_a_loop_is_no_part_of_its_gradients(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, ONE_PASS).ok
    check = check_of_script(tmp_path, ONE_PASS.replace("1 - hidden", "1 + hidden"))
    assert told(check) == (10, "sign")
    assert len(check.causes) == 1


def test_a_rate_that_is_taken_off_alone_is_told_where_that_is_done(tmp_path: Path) -> None:
    assert check_of_script(tmp_path, FENCE).ok
    check = check_of_script(tmp_path, FENCE.replace("self.lr * side\n", "self.lr\n"))
    assert told(check) == (16, "missing-derivative")
    assert check.findings.mistakes[0].right.text == "self.b -= self.lr * side"
