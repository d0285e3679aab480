"""The house: imports point one way, importing is cheap, and every public name shows an example."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tinygrad_scratch
from tinygrad_scratch import drawing, functional, nn
from tinygrad_scratch.rules.registry import DEFINITIONS

PACKAGE = Path(tinygrad_scratch.__file__).parent

# A part may import itself and what stands before its own line; the parts of one line do not know each other.
LEVELS = [
    {"graph", "trees"},
    {"rules", "watching"},
    {"backward", "messages"},
    {"views", "flat"},
    {"tensor"},
    {"differentiate", "checkpoint", "functional"},
    {"costs"},
    {"drawing"},
    {"compiler"},
    {"nn"},
    {"verifier"},
    {"cli"},
    {"__main__"},
]

OF_THE_VERIFIER = [
    {"reading"},
    {"rewriting", "recording"},
    {"running", "truths"},
    {"pairs"},
    {"showing", "cases"},
    {"meant"},
    {"gathering"},
    {"losses"},
    {"causes"},
    {"explaining"},
    {"trying"},
    {"telling"},
    {"verdicts"},
    {"turns"},
    {"layer"},
    {"check"},
    {"script"},
]

# ---- imports point one way -------------------------------------------------------------------------------------------


def part_of(file: Path, whole: Path) -> str:
    """The file or folder right in a folder that a file belongs to."""
    return file.relative_to(whole).parts[0].removesuffix(".py")


def imported_parts(text: str, whole: str) -> set[str]:
    """The parts of a package that a text imports, also inside of functions."""
    found: list[str] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return {name.removeprefix(f"{whole}.").split(".")[0] for name in found if name.startswith(f"{whole}.")}


def files_in(whole: Path) -> list[Path]:
    """The files that have a place in a package: all but the one that says what it offers."""
    return sorted(file for file in whole.rglob("*.py") if file.parent != whole or file.name != "__init__.py")


def is_allowed(file: Path, whole: Path, levels: list[set[str]]) -> bool:
    """Whether a file imports only its own part of a package, and parts that stand before it."""
    own = part_of(file, whole)
    level = next(i for i, parts in enumerate(levels) if own in parts)
    allowed = set[str]().union(*levels[:level]) | {own}
    name = ".".join(whole.relative_to(PACKAGE.parent).parts)
    return imported_parts(file.read_text(encoding="utf-8"), name) <= allowed


HOUSES = [(PACKAGE, LEVELS), (PACKAGE / "verifier", OF_THE_VERIFIER)]
FILES = [(file, whole, levels) for whole, levels in HOUSES for file in files_in(whole)]


@pytest.mark.parametrize(("whole", "levels"), HOUSES, ids=lambda each: each.name if isinstance(each, Path) else "")
def test_every_part_has_its_place(whole: Path, levels: list[set[str]]) -> None:
    assert {part_of(file, whole) for file in files_in(whole)} == set[str]().union(*levels)


@pytest.mark.parametrize(
    ("file", "whole", "levels"),
    FILES,
    ids=[f"{file.relative_to(PACKAGE).as_posix()} in {whole.name}" for file, whole, _ in FILES],
)
def test_imports_point_one_way(file: Path, whole: Path, levels: list[set[str]]) -> None:
    assert is_allowed(file, whole, levels)


def test_every_way_to_import_is_seen() -> None:
    text = """
import numpy
import tinygrad_scratch.views
from tinygrad_scratch import messages, tensor as t
from tinygrad_scratch.rules.shapes import expand
def f():
    from tinygrad_scratch.nn import Dense
"""
    assert imported_parts(text, PACKAGE.name) == {"views", "messages", "tensor", "rules", "nn"}


# ---- importing is cheap ----------------------------------------------------------------------------------------------


def test_import_loads_numpy_and_the_standard_library_alone() -> None:
    """What draws and prints, and what only the tests know, is imported when it is used."""
    program = """
import sys
import numpy.random
before = set(sys.modules)
import tinygrad_scratch
print(*sorted({name.split(".")[0] for name in set(sys.modules) - before}))
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    loaded = set(done.stdout.split())
    assert "tinygrad_scratch" in loaded
    assert loaded - sys.stdlib_module_names <= {"tinygrad_scratch", "numpy"}


# ---- what the package offers -----------------------------------------------------------------------------------------


def public() -> Iterator[tuple[str, Any]]:
    """Every public name, with those of its modules."""
    for module in (tinygrad_scratch, nn, drawing):
        for name in module.__all__:
            yield f"{module.__name__}.{name}", getattr(module, name)
    for function in (*DEFINITIONS, functional.squared_error):
        if getattr(function, "__module__", None) == functional.__name__:  # ufuncs have none before NumPy 2.2
            yield f"{functional.__name__}.{function.__name__}", function


PUBLIC = {name: value for name, value in public() if not inspect.ismodule(value)}


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_shows_an_example(name: str) -> None:
    assert ">>> " in (PUBLIC[name].__doc__ or "")


def test_package_shows_an_example_and_carries_its_types() -> None:
    assert ">>> " in (tinygrad_scratch.__doc__ or "")
    assert (PACKAGE / "py.typed").is_file()
