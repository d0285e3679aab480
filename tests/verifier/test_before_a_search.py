"""What is asked before a cause is sought takes nothing from the search, and is asked once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.verifier.files import check_of_script, told
from tinygrad_scratch.verifier.cases.case import Case
from tinygrad_scratch.verifier.explaining import explain
from tinygrad_scratch.verifier.meant import conventions

NORMED = """
import numpy as np
from tinygrad_scratch import verify

rng = np.random.default_rng(2)
x, u = rng.normal(size=(4, 2, 3)), rng.normal(size=(4, 2, 3))
w, gain = rng.normal(size=(3, 3)), rng.normal(size=(1, 2, 1))
with verify(w=w, gain=gain) as check:
    z = x @ w
    apart = z - z.mean(axis=(1, 2), keepdims=True)
    inv = 1 / np.sqrt((apart**2).mean(axis=(1, 2), keepdims=True) + 1e-8)
    check.loss = np.sum(gain * apart * inv * u)
    dgain = np.sum(u * apart * inv, axis=(0, 2), keepdims=True)
    dhat = u * gain
    dinv = np.sum(dhat * apart, axis=(1, 2), keepdims=True)
    dapart = dhat * inv - dinv * inv**3 * apart / 6
    dz = dapart - dapart.mean(axis=(1, 2), keepdims=True)
    dw = np.einsum("nij,nik->jk", x, dz)
    check.gradients = {"w": dw, "gain": dgain}
print(check)
"""


WRONG = NORMED.replace("dinv = np.sum(dhat * apart, axis=(1, 2)", "dinv = np.sum(dhat * apart, axis=(2,)")


def test_to_prove_that_something_is_wrong_is_no_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a long run the proof alone takes more calls than a search may."""
    played: list[int] = []
    best_reading = explain.best_reading

    def noted(case: Case) -> Any:
        played.append(case.tape.played)
        return best_reading(case)

    monkeypatch.setattr(explain, "best_reading", noted)
    check = check_of_script(tmp_path, WRONG)
    assert told(check) == (WRONG[: WRONG.index("dinv = ")].count("\n") + 1, "broadcasting-shape"), str(check)
    assert played[0] < 1_000  # and nearly 2,000 with what the proof takes


def test_whether_all_is_right_in_some_convention_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, truths = list[Any](), list[Any]()
    in_some = conventions.is_right_in_some

    def noted(case: Case, values: dict[int, Any]) -> bool:
        truths.append(case.truth)  # so that no other one gets the id of one that is gone
        asked.append((id(case.truth), conventions.all_that_is_asked(case)))
        return in_some(case, values)

    monkeypatch.setattr(conventions, "is_right_in_some", noted)
    assert check_of_script(tmp_path, WRONG).ok is False
    assert len(asked) == len(set(asked)) > 0
