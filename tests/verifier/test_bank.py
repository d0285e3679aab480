"""The bank: every correct program stays right, every mistake is found in its line, with its kind. As a script: the rates."""

from __future__ import annotations

import importlib.util
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.verifier.bank import HARMLESS, MISTAKES, Edit
from tests.verifier.bank_programs import PROGRAMS
from tinygrad_scratch import verifier

FOLDER = Path(tempfile.mkdtemp(prefix="bank"))


def checked(name: str, source: str) -> Any:
    """The check of a program, run from a file of its own as a person's would be."""
    name = "bank_" + "".join(c if c.isalnum() else "_" for c in name)
    file = FOLDER / f"{name}.py"
    file.write_text(source, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
        return module.run(verifier.verify)
    finally:
        del sys.modules[name]


def verdict(edit: Edit) -> tuple[bool, bool, Any]:
    """Whether the line and the kind were named rightly, and the check."""
    check = checked(edit.name, edit.source)
    first = check.first_wrong
    if first is None:
        return False, False, check
    kinds = edit.kinds
    return first.place.line in edit.lines, first.kind in kinds or "any" in kinds, check


MISSED: dict[str, str] = {}  # name -> what is said instead


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
    assert not check.ok
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
