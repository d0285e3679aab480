"""The command line: `python -m tinygrad_scratch verify FILE.py`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

RIGHT, WRONG, UNDECIDED = 0, 1, 2

DESCRIPTION = """\
Judge the backprop in a script: the blocks `with verify(...)` that it holds, or, of a bare training script, one turn of
its loop. The script is run and not changed. The exit code is 0 where all is right, 1 where something is wrong, and 2
where nothing could be judged."""


def parser() -> argparse.ArgumentParser:
    """What can be written on the command line."""
    program = argparse.ArgumentParser(
        prog="python -m tinygrad_scratch", description="Autodiff for the NumPy you already wrote."
    )
    commands = program.add_subparsers(dest="command", required=True)
    verify = commands.add_parser("verify", help="judge the backprop in a script", description=DESCRIPTION)
    verify.add_argument("file", metavar="FILE.py")
    verify.add_argument(
        "--loss",
        metavar="NAME",
        help="the variable that holds the loss, the function that returns it, or a known loss: 'mean squared error'",
    )
    verify.add_argument(
        "--json", action="store_true", help="print the findings as JSON, those of several checks as a list"
    )
    verify.add_argument("--html", nargs="?", const="", metavar="PATH", help="write a page (FILE.html)")
    verify.add_argument("--draw", nargs="?", const="", metavar="PATH", help="draw the computation (FILE.svg)")
    verify.add_argument("--seconds", type=float, default=60.0, help="stop the script after this time (60)")
    return program


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the result is the exit code."""
    given = parser().parse_args(arguments)
    file = Path(given.file)
    if not file.is_file():
        return complain(f"There is no file {given.file}.")
    from tinygrad_scratch.verifier.script import checks_of

    try:
        checks = checks_of(given.file, given.loss, given.seconds)
    except SyntaxError as error:
        return complain(f"{given.file}, line {error.lineno}: {error.msg}. Python can't read this file.")
    except (Exception, SystemExit) as error:
        return complain(f"{given.file} raised {type(error).__name__}: {error}")
    if not checks:
        return complain(
            f"{given.file} imports tinygrad_scratch and makes no check: write `with verify(net) as check:` in it."
        )
    if given.json:
        found = [check.to_json() for check in checks]
        sys.stdout.write(found[0] + "\n" if len(found) == 1 else "[\n" + ",\n".join(found) + "\n]\n")
    try:
        for number, check in enumerate(checks):
            show(check, given, file, f"-{number + 1}" if len(checks) > 1 else "")
    except OSError as error:
        return complain(f"{error.filename} can't be written: {error.strerror}.")
    return code_of(checks)


def show(check: Any, given: argparse.Namespace, file: Path, number: str) -> None:
    """Print a check, unless all are printed as JSON, and write its page and picture."""
    if not given.json:
        check.print()
    for path, suffix, write in ((given.html, ".html", write_page), (given.draw, ".svg", write_picture)):
        if path is not None:
            target = Path(path or f"{file.stem}{suffix}")
            write(check, target.with_name(f"{target.stem}{number}{target.suffix}"))


def write_page(check: Any, path: Any) -> None:
    from tinygrad_scratch.drawing.picture import write_whole

    write_whole(Path(path), check.to_html().encode())


def write_picture(check: Any, path: Any) -> None:
    check.draw().save(str(path))


def code_of(checks: Sequence[Any]) -> int:
    if any(check.first_wrong is not None for check in checks):
        return WRONG
    return RIGHT if all(check.ok for check in checks) else UNDECIDED


def complain(text: str) -> int:
    sys.stderr.write(f"verify: {text}\n")
    return UNDECIDED
