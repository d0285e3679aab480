"""Programs as files of their own, as a person's are."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

from tinygrad_scratch import verify
from tinygrad_scratch.verifier.script import checks_of


def module_of(file: Path, source: str) -> Any:
    """The module that a text makes, written to a file and imported under its name; it stays in sys.modules."""
    file.write_text(source, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # a text as long, written at once, is another one
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    return module


def edited(file: Path, program: str, right: str, wrong: str) -> tuple[Any, int]:
    """The check of a program with one text in the place of another, and the line of that."""
    check = module_of(file, changed(program, right, wrong)).check(verify)
    return check, line_of(program, right)


def check_of_script(folder: Path, text: str, **others: str) -> Any:
    """The check of a script, beside which others lie."""
    for name, other in others.items():
        (folder / f"{name}.py").write_text(other, encoding="utf-8")
    file = folder / "script.py"
    file.write_text(text, encoding="utf-8")
    return checks_of(str(file))[0]


def edited_script(folder: Path, text: str, right: str, wrong: str) -> tuple[Any, int]:
    """The check of a script with one text in the place of another, and the line of that."""
    return check_of_script(folder, changed(text, right, wrong)), line_of(text, right)


def changed(text: str, right: str, wrong: str) -> str:
    """A program with one text in the place of another."""
    assert text.count(right) == 1
    return text.replace(right, wrong)


def line_of(text: str, part: str) -> int:
    """The line of a program in which a part of it begins."""
    return text[: text.index(part)].count("\n") + 1


def told(check: Any) -> tuple[int, str]:
    """The line and the kind of the first mistake."""
    first = check.first_wrong
    assert first is not None, str(check)
    return first.line, first.kind
