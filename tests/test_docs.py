"""The pages: Python blocks run and print what they show, links lead somewhere, what is generated is up to date."""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import pkgutil
import re
import runpy
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_scratch
from tinygrad_scratch import nn, rules

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")] + sorted(ROOT.glob("docs/*.md"))
CODE = [*sorted(ROOT.glob("tinygrad_scratch/rules/*.py")), *sorted(ROOT.glob("tests/cases/*.py"))]

# ---- what a page is made of ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Block:
    language: str
    text: str
    line: int


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    found = re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    made = [Block(match[1], match[2], text.count("\n", 0, match.start(2)) + 1) for match in found]
    assert text.count("```") == 2 * len(made), f"{page.name} has a fence that is not closed, or one inside a line"
    return made


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


each_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


@pytest.fixture
def own_files(tmp_path: Path) -> Iterator[None]:
    """A page may write modules and import them; they are gone after it."""
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if (tmp_path / f"{name}.py").exists():
            del sys.modules[name]


# ---- what a page shows is so -----------------------------------------------------------------------------------------


@each_page
@pytest.mark.usefixtures("own_operations", "own_files")
def test_python_blocks_print_what_the_page_shows(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One namespace a page. A block that begins `# name.py` is that file, to be imported. Shell blocks are not run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    namespace: dict[str, Any] = {"__name__": page.stem}
    found = blocks(page)
    for block, following in zip_longest(found, found[1:]):
        if block.language != "python":
            continue
        place = f"{name_of(page)}, line {block.line}"
        if name := re.match(r"# (\w+\.py)\n", block.text):
            (tmp_path / name[1]).write_text(block.text, encoding="utf-8")
        elif block.text.startswith(">>>"):
            run_session(block, place, namespace)
        else:
            shown = following.text if following is not None and following.language == "text" else ""
            assert run_program(block, place, namespace) == shown, f"{place} prints something else than it shows"


def run_program(block: Block, place: str, namespace: dict[str, Any]) -> str:
    printed = io.StringIO()
    code = compile("\n" * (block.line - 1) + block.text, place, "exec")
    with contextlib.redirect_stdout(printed):
        exec(code, namespace)
    return printed.getvalue()


def run_session(block: Block, place: str, namespace: dict[str, Any]) -> None:
    session = doctest.DocTestParser().get_doctest(block.text, namespace, place, place, block.line - 1)
    report = io.StringIO()
    result = doctest.DocTestRunner(verbose=False).run(session, out=report.write, clear_globs=False)
    namespace.update(session.globs)
    assert result.attempted
    assert not result.failed, report.getvalue()


@each_page
def test_every_block_is_one_that_is_checked(page: Path) -> None:
    """Output that nothing is compared with would go stale unseen."""
    before = None
    for block in blocks(page):
        assert block.language in {"python", "sh", "text"}, f"line {block.line}"
        if block.language == "text":
            assert before is not None, f"line {block.line}"
            assert before.language == "python" or before.text.rstrip().endswith("python -m models.article")
            assert not before.text.startswith(">>>"), f"line {block.line}: a session shows its own output"
        before = block


@each_page
def test_links_lead_to_files(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|href)="([^"]+)"', text)
    for target in targets:
        if not target.startswith(("https://", "#")):
            assert (page.parent / target.split("#")[0]).exists(), target


def test_index_has_every_page() -> None:
    linked = re.findall(r"\]\(([\w-]+\.md)\)", (ROOT / "docs/index.md").read_text(encoding="utf-8"))
    assert sorted(linked) == sorted({page.name for page in ROOT.glob("docs/*.md")} - {"index.md"})


@each_page
def test_quoted_rules_and_cases_are_in_the_code(page: Path) -> None:
    code = "".join(file.read_text(encoding="utf-8") for file in CODE)
    for line in re.findall(r"^    ((?:define_vjp|case)\(.*)$", page.read_text(encoding="utf-8"), re.MULTILINE):
        assert f"{line}\n" in code, line


def test_names_side_by_side_are_names_of_ours() -> None:
    text = (ROOT / "docs/from-pytorch-or-keras.md").read_text(encoding="utf-8")
    names = text.partition("## Names")[2].partition("## What may surprise you")[0]
    ours = [row.rstrip(" |").rpartition("|")[2] for row in names.splitlines() if row.startswith("| ")]
    found = [name for cell in ours for name in re.findall(r"`([\w.]+)[^`]*`", cell)]
    assert len(found) > 60
    places: list[Any] = [nn, tinygrad_scratch, type("", (), {"np": np})]
    for name in found:
        first, *rest = name.split(".")
        value = next((getattr(place, first) for place in places if hasattr(place, first)), None)
        for part in rest:
            value = getattr(value, part, None)
        assert value is not None, name


# ---- the README's first command --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ArticleRun:
    printed: str
    picture: str


@pytest.fixture(scope="module")
def article_run(tmp_path_factory: pytest.TempPathFactory) -> ArticleRun:
    """`python -m models.article`, in a directory of its own."""
    directory = tmp_path_factory.mktemp("article")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "models.article"],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", "COLUMNS": "80"},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=True,
    )
    return ArticleRun(done.stdout, (directory / "article.svg").read_text(encoding="utf-8"))


def comparable(output: str) -> list[str]:
    """The lines, without what differs from machine to machine: rounding errors and blanks at the end."""
    return [re.sub(r"\b\d\.\de-1[3-9]\b", "rounding", line).rstrip() for line in output.strip().splitlines()]


def test_readme_shows_what_its_first_command_prints(article_run: ArticleRun) -> None:
    commands = [block.text for block in blocks(ROOT / "README.md") if block.language == "sh"]
    assert [command.split()[-2:] for command in commands] == [["-m", "models.article"], ["-m", "pytest"]]
    shown = next(block.text for block in blocks(ROOT / "README.md") if block.language == "text")
    assert comparable(shown) == comparable(article_run.printed)


def test_picture_is_the_one_that_the_code_draws(article_run: ArticleRun) -> None:
    """The same boxes, arrows and words; where they lie is the renderer's affair."""
    committed = (ROOT / "docs/images/article.svg").read_text(encoding="utf-8")
    assert contents(committed) == contents(article_run.picture), "run python docs/generate_picture.py"


def test_gallery_is_what_its_page_saves() -> None:
    """The same boxes, arrows and words, as in the picture above."""
    generator = runpy.run_path(str(ROOT / "docs/generate_gallery.py"))
    committed = {path.name: contents(path.read_text(encoding="utf-8")) for path in generator["PICTURES"].glob("*.svg")}
    drawn = {name: contents(svg) for name, svg in generator["pictures"]().items()}
    assert committed == drawn, "run python docs/generate_gallery.py"


def contents(svg: str) -> list[str]:
    return sorted(
        f"{element.tag} {element.text}"
        for element in ElementTree.fromstring(svg).iter()
        if (element.text or "").strip()
    )


# ---- the pages that are written from the code ------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(np, "matvec"), reason="the page is written with NumPy 2.2 or newer, which has matvec")
def test_page_of_derivatives_is_up_to_date() -> None:
    generator = runpy.run_path(str(ROOT / "docs/generate_derivatives.py"))
    written = (ROOT / "docs/derivatives.md").read_text(encoding="utf-8")
    assert written == generator["page"](), "run python docs/generate_derivatives.py"


def test_page_of_derivatives_has_every_chapter() -> None:
    generator = runpy.run_path(str(ROOT / "docs/generate_derivatives.py"))
    chapters = {module.__name__ for module in generator["CHAPTERS"]}
    there = {f"{rules.__name__}.{module.name}" for module in pkgutil.iter_modules(rules.__path__)}
    without_rules = {f"{rules.__name__}.{name}" for name in ("registry", "logic", "ufuncs")}
    assert chapters == there - without_rules | {"tinygrad_scratch.functional"}
