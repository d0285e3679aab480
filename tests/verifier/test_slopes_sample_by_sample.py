"""The Jacobian of a function that helpers make sample by sample, of what the function is given or of what it makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verifier.files import edited, module_of, told
from tinygrad_scratch import verify

SHARES = """
import numpy as np


class Shares:
    def forward(self, scores):
        self.scores = scores
        return self.shares(scores)

    def shares(self, scores):
        e = np.exp(scores - scores.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)

    def backward(self, above):
        return self.through(above, self.scores)

    def through(self, above, scores):
        rows = []
        for up, row in zip(above, scores):
            share = self.shares(row).reshape(-1, 1)
            slope = np.diagflat(share) - share @ share.T
            rows.append(slope @ up)
        return np.array(rows)


def check(verify):
    rng = np.random.default_rng(4)
    w, v = rng.normal(size=(3, 5)), rng.normal(size=(5, 2))
    x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    layer = Shares()
    with verify(w=w, v=v) as check:
        mixed = layer.forward(x @ w)
        out = mixed @ v
        check.loss = 0.5 * np.sum((out - y) ** 2)
        dv, dmixed = mixed.T @ (out - y), (out - y) @ v.T
        check.gradients = {"w": x.T @ layer.backward(dmixed), "v": dv}
    return check
"""
FUNCTION = (
    SHARES.replace("class Shares:\n", "class Shares:\n    shares = staticmethod(lambda scores: shares_of(scores))\n\n")
    .replace("    def shares(self, scores):\n", "    def unused(self, scores):\n")
    .replace("import numpy as np\n", "import numpy as np\n\n\ndef shares_of(scores):\n    e = np.exp(scores)\n"
             "    return e / e.sum(axis=-1, keepdims=True)\n")
)  # fmt: skip
RIGHT = "            share = self.shares(row).reshape(-1, 1)\n"


@pytest.mark.parametrize("text", [SHARES, FUNCTION])
def test_it_is_told_in_the_helper_that_makes_it(tmp_path: Path, text: str) -> None:
    wrong = "            share = row.reshape(-1, 1)\n"
    check, line = edited(tmp_path / "shares.py", text, RIGHT, wrong)
    assert told(check) == (line, "derivative-at-wrong-point"), str(check)


def test_what_the_caller_has_is_told_where_it_hands_on_another(tmp_path: Path) -> None:
    kept = SHARES.replace("return self.shares(scores)\n", "self.made = self.shares(scores)\n        return self.made\n")
    kept = kept.replace("self.shares(row).reshape", "row.reshape")
    right = "        return self.through(above, self.made)\n"
    kept = kept.replace("        return self.through(above, self.scores)\n", right)
    assert module_of(tmp_path / "shares.py", kept).check(verify).ok
    check, line = edited(tmp_path / "shares.py", kept, right, right.replace("made", "scores"))
    assert told(check) == (line, "derivative-at-wrong-point"), str(check)


@pytest.mark.parametrize("text", [SHARES, FUNCTION])
def test_the_programs_are_right(tmp_path: Path, text: str) -> None:
    assert module_of(tmp_path / "shares.py", text).check(verify).ok
