"""Programs without a loss of which all gradients are wrong, and others whose loss is only an unusual one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tinygrad_scratch.verifier.script import checks_of
from tinygrad_scratch.verifier.verdicts import judging
from tinygrad_scratch.verifier.verdicts.assumed import assumable

DATA = """
import numpy as np
rng = np.random.default_rng(3)

def bend(v):
    return 1 / (1 + np.exp(-v))

def bend_prime(v):
    return v * (1 - v)

x, wanted = rng.normal(size=(8, 3)), rng.uniform(0.1, 0.9, size=(8, 1))
first, second = rng.normal(size=(3, 4)), rng.normal(size=(4, 1))
for turn in range(3):
"""
TWO = (
    DATA
    + """    hidden = bend(x @ first)
    out = bend(hidden @ second)
    miss = wanted - out
    d_out = miss * bend_prime(out)
    d_hidden = d_out @ second.T * bend_prime(hidden)
    second += hidden.T @ d_out
    first += x.T @ d_hidden
"""
)
ONE = (
    (
        DATA
        + """    out = bend(x @ first[:, :1])
    miss = wanted - out
    d_out = miss * bend_prime(out)
    first[:, :1] += x.T @ d_out
"""
    )
    .replace("first[:, :1]", "first")
    .replace("size=(3, 4)", "size=(3, 1)")
)
HELPER = "return v * (1 - v)"


def check_of(tmp_path: Path, text: str, old: str, new: str) -> Any:
    assert text.count(old) == 1
    path = tmp_path / "train.py"
    path.write_text(text.replace(old, new))
    return checks_of(str(path))[0]


@pytest.mark.parametrize(
    ("text", "new", "kind"),
    [
        (TWO, "return bend(v) * (1 - bend(v))", "derivative-at-wrong-point"),
        (TWO, "return 1 - v", "missing-derivative"),
        (ONE, "return v * (1 + v)", "sign"),
    ],
)
def test_a_wrong_derivative_that_all_layers_call(tmp_path: Path, text: str, new: str, kind: str) -> None:
    check = check_of(tmp_path, text, HELPER, new)
    assert check.first_wrong is not None, check.problem
    assert (check.first_wrong.line, check.first_wrong.kind) == (9, kind), str(check)
    assert check.first_wrong.certainty == "fits"
    assert "squared error of out and wanted is assumed" in " ".join(check.notes).replace("bend()", "out")


def test_a_derivative_in_one_function_with_what_it_is_of(tmp_path: Path) -> None:
    both = "def bend(v, slope=False):\n    if slope:\n        return 1 - v\n    return 1 / (1 + np.exp(-v))\n"
    text = TWO.replace("bend_prime(out)", "bend(out, True)").replace("bend_prime(hidden)", "bend(hidden, True)")
    check = check_of(tmp_path, text, "def bend(v):\n    return 1 / (1 + np.exp(-v))\n", both)
    assert check.first_wrong is not None, check.problem
    assert (check.first_wrong.line, check.first_wrong.kind) == (7, "missing-derivative"), str(check)


@pytest.mark.parametrize(
    ("text", "slope"),
    [
        (TWO, "np.clip(wanted - out, -0.2, 0.2)"),
        (ONE, "(wanted - out) * np.linspace(0.5, 2, 8)[:, None]"),
        (TWO, "wanted / out - 1"),
        (TWO, "(wanted - out) * out ** 2"),
        (ONE, "(wanted - out) / np.linalg.norm(wanted - out) + 0.1 * np.sign(wanted - out)"),
        (TWO, "(wanted - out) / wanted"),
    ],
)
def test_an_unusual_loss_is_not_accused(tmp_path: Path, text: str, slope: str) -> None:
    check = check_of(tmp_path, text, "wanted - out", slope)
    assert check.first_wrong is None, str(check)


def test_a_mistake_with_an_unusual_loss_is_not_told(tmp_path: Path) -> None:
    """By no usual loss is one change enough."""
    text = TWO.replace("wanted - out", "np.clip(wanted - out, -0.2, 0.2)")
    assert check_of(tmp_path, text, " * bend_prime(hidden)", "").first_wrong is None


@pytest.mark.parametrize("slope", ["(wanted - out) ** 3", "(wanted - out) * share"])
def test_no_cause_is_looked_for_where_none_could_be_told(tmp_path: Path, slope: str) -> None:
    text = TWO.replace("for turn", "share = np.linspace(0.5, 2, 8)[:, None]\nfor turn")
    check = check_of(tmp_path, text, "wanted - out", slope)
    assert check.first_wrong is None, str(check)
    assert check.tape.played < 3_000


def test_outputs_that_an_assumed_loss_hides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a loss on the tape, it may be clear no more which values met."""

    def seen(entry: Any) -> Iterator[Any]:
        yield from (() if entry.loss is not None else assumable(entry))

    monkeypatch.setattr(judging, "assumable", seen)
    check = check_of(tmp_path, TWO, HELPER, "return v * (1 + v)")
    assert check.error is None, str(check)
    assert check.first_wrong is None
