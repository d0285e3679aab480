"""The bank: every correct program stays right, every mistake is found in its line, with its kind. As a script: the rates."""

from __future__ import annotations

import importlib.util
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
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


def rates(only: str = "") -> Iterator[str]:
    """A line for each program that is not judged as it should be, and the rates."""
    accused, lines, kinds, confident, count = 0, 0, 0, 0, 0
    slowest = (0.0, "")
    for edit in [*(Edit(name, name, "\n", "\n") for name in ()), *HARMLESS]:
        if only in f"{edit.program}: {edit.name}":
            try:
                check = checked(edit.name, edit.source)
                if not check.ok:
                    accused += 1
                    yield f"accused  {edit.program}: {edit.name}: {check.problem or check.first_wrong}"
            except Exception:
                accused += 1
                yield f"accused  {edit.program}: {edit.name}: {traceback.format_exc(limit=-2)}"
    for name, source in PROGRAMS.items():
        if only in name:
            check = checked(name, source)
            if not check.ok:
                accused += 1
                yield f"accused  {name}: {check.problem or check.first_wrong}"
    for edit in MISTAKES:
        if only not in f"{edit.program}: {edit.name}":
            continue
        count += 1
        start = time.perf_counter()
        try:
            line, kind, check = verdict(edit)
        except Exception:
            yield f"raises   {edit.program}: {edit.name}: {traceback.format_exc(limit=-3)}"
            continue
        slowest = max(slowest, (time.perf_counter() - start, edit.name))
        lines += line
        kinds += kind
        first = check.first_wrong
        if first is not None and not kind:
            confident += first.kind != "unexplained" and first.certainty == "checked"
        if not (line and kind):
            what = "line" if not line else "kind"
            said = f"{first.place.line} {first.kind} ({first.certainty}): {first.sentence}" if first else check.problem
            yield f"{what}     {edit.program}: {edit.name}: {sorted(edit.lines)} {edit.kinds} said: {said}"
    total = max(count, 1)
    yield f"accused {accused}; of {count}: line {lines / total:.1%}, kind {kinds / total:.1%}, confident and wrong {confident / total:.1%}"
    yield f"slowest {slowest[0]:.1f} s: {slowest[1]}"


if __name__ == "__main__":
    for text in rates(*sys.argv[1:]):
        print(text, flush=True)
