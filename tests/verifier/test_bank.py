"""The bank: correct programs stay right, mistakes are found in their line, with their kind. As a script: the rates."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.verifier.bank import HARMLESS, MISTAKES, Edit
from tests.verifier.bank_programs import PROGRAMS
from tests.verifier.files import module_of
from tinygrad_scratch import verifier

FOLDER = Path(tempfile.mkdtemp(prefix="bank"))


def checked(name: str, source: str) -> Any:
    """The check of a program, run from a file of its own as a person's would be."""
    name = "bank_" + "".join(c if c.isalnum() else "_" for c in name)
    try:
        return module_of(FOLDER / f"{name}.py", source).run(verifier.verify)
    finally:
        sys.modules.pop(name, None)


def verdict(edit: Edit) -> tuple[bool, bool, Any]:
    """Whether the line and the kind were named rightly, and the check."""
    check = checked(edit.name, edit.source)
    first = check.first_wrong
    if first is None:
        return False, False, check
    kinds = edit.kinds
    return first.place.line in edit.lines, first.kind in kinds or "any" in kinds, check


MISSED: dict[str, str] = {}  # what is named wrongly, by the name of the mistake: known, and not hidden


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_correct_program_is_right(name: str) -> None:
    check = checked(name, PROGRAMS[name])
    assert check.ok, str(check)


@pytest.mark.parametrize("edit", HARMLESS, ids=lambda edit: f"{edit.program}: {edit.name}")
def test_a_harmless_rewrite_is_right(edit: Edit) -> None:
    check = checked(edit.name, edit.source)
    assert check.ok, str(check)


@pytest.mark.parametrize("edit", MISTAKES, ids=lambda edit: f"{edit.program}: {edit.name}")
def test_a_mistake_is_found(edit: Edit) -> None:
    line, kind, check = verdict(edit)
    assert not check.ok or edit.name in MISSED
    said = "line" if not line else "kind" if not kind else ""
    assert said == MISSED.get(edit.name, ""), str(check)


@dataclass
class Rates:
    """How the bank was judged."""

    accused: int = 0
    count: int = 0
    lines: int = 0
    kinds: int = 0
    confident: int = 0
    slowest: tuple[float, str] = (0.0, "")

    def __str__(self) -> str:
        total = max(self.count, 1)
        return (
            f"accused {self.accused}; of {self.count}: line {self.lines / total:.1%}, kind {self.kinds / total:.1%}, "
            f"confident and wrong {self.confident / total:.1%}; slowest {self.slowest[0]:.1f} s: {self.slowest[1]}"
        )


def judged_right(rates: Rates, name: str, source: str) -> str:
    """What is said of a correct program, if it is accused."""
    check = checked(name, source)
    rates.accused += not check.ok
    return "" if check.ok else f"accused  {name}: {check.problem or check.first_wrong}"


def judged_wrong(rates: Rates, edit: Edit) -> str:
    """What is said of a mistake, if it isn't what should be said."""
    start = time.perf_counter()
    line, kind, check = verdict(edit)
    rates.slowest = max(rates.slowest, (time.perf_counter() - start, edit.name))
    rates.count += 1
    rates.lines += line
    rates.kinds += kind
    first = check.first_wrong
    rates.confident += first is not None and not kind and first.certainty == "checked"
    if line and kind:
        return ""
    said = f"{first.line} {first.kind} ({first.certainty}): {first.sentence}" if first else check.problem
    return (
        f"{'kind' if line else 'line'}     {edit.program}: {edit.name}: {sorted(edit.lines)} {edit.kinds} said: {said}"
    )


def test_two_mistakes_are_named_in_order() -> None:
    source = PROGRAMS["columns"].replace("dZ2 = dA2 * (1 - np.power(A2, 2))", "dZ2 = dA2")
    source = source.replace("dW1 = 1.0 / m * np.dot(dZ1, X.T)", "dW1 = -1.0 / m * np.dot(dZ1, X.T)")
    check = checked("two mistakes", source)
    assert [(cause.name, cause.kind) for cause in check.causes] == [("dZ2", "missing-derivative"), ("dW1", "sign")]


def test_a_cause_says_what_was_written_and_what_would_be_right() -> None:
    edit = next(edit for edit in MISTAKES if edit.name == "18 delta of the wrong layer's weights")
    first = checked(edit.name, edit.source).first_wrong
    assert (first.kind, first.name, first.line) == ("transpose", "dhnext", min(edit.lines))
    assert (first.expression, first.should_be) == ("np.dot(Whh, dhraw)", "np.dot(Whh.T, dhraw)")
    assert first.certainty == "checked"


def test_a_true_gradient_that_a_difference_disputes_accuses_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "tinygrad_scratch.verifier.meant.referee.loss_at", lambda case, node, shift, start: float(np.sum(shift)) ** 2
    )
    monkeypatch.setattr(
        "tinygrad_scratch.verifier.meant.referee.complex_step", lambda case, node, direction: float("nan")
    )
    edit = next(edit for edit in MISTAKES if edit.name == "7 output delta without slope")
    check = checked(edit.name, edit.source)
    assert check.first_wrong is None
    assert "not of yours" in str(check.problem)


@pytest.mark.parametrize(
    ("program", "name", "said"),
    [
        ("deep", "", "times the gradient throughout"),
        ("ascent", "", "ascent"),
        ("batch_norm", "the 2 is left to the rate", "half the gradient throughout"),
        ("softmax_apart", "transposed gradients", "transposed"),
        ("softmax_apart", "an epsilon in the loss", "almost right"),
    ],
)
def test_a_convention_is_named(program: str, name: str, said: str) -> None:
    edits = [edit.source for edit in HARMLESS if (edit.program, edit.name) == (program, name)]
    check = checked(f"{program} {name}", edits[0] if edits else PROGRAMS[program])
    assert check.ok
    assert said in check.case.convention


def run_all(only: str = "") -> Iterator[str]:
    """A line for each program that is not judged as it should be, and the rates."""
    rates = Rates()
    for name, source in PROGRAMS.items():
        if only in name and (text := judged_right(rates, name, source)):
            yield text
    for edit in (*HARMLESS, *MISTAKES):
        if only in f"{edit.program}: {edit.name}":
            text = judged_wrong(rates, edit) if edit.kinds else judged_right(rates, edit.name, edit.source)
            if text:
                yield text
    yield str(rates)


if __name__ == "__main__":
    for text in run_all(*sys.argv[1:]):
        print(text, flush=True)
