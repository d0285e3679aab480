"""What a run would change outside of the process is refused while the changes of a source are tried."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.rewriting.strided import in_bounds

try:
    import resource
except ImportError:  # not on Windows
    resource = None  # type: ignore[assignment]

MOST_MEMORY = 1 << 30  # bytes that the runs with a change may take
REFUSED = (
    "os.", "shutil.", "subprocess.", "sqlite3.", "urllib.", "smtplib.", "ftplib.", "webbrowser.", "tempfile.",
    "builtins.input", "socket.connect", "socket.bind", "socket.send",
)  # fmt: skip
OFTEN = {"builtins.id", "sys._getframe", "object.__getattr__"}  # what every recorded call does several times
HARMLESS = {"os.listdir", "os.scandir", "os.walk", "os.fwalk", "os.putenv", "os.unsetenv"}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class RefusedError(PermissionError):
    """A run would have changed what is outside of the process."""


class Guard:
    """Sees to it, while it is on, that no file is written; Python keeps such a hook until it ends."""

    on = False
    others: frozenset[int | None] = frozenset()  # the threads that ran before, which go on as they were
    _hooked = False

    @classmethod
    @contextlib.contextmanager
    def harmless(cls) -> Iterator[None]:
        """Nothing is printed, asked for, logged or warned of, and no file is written."""
        if not cls._hooked:
            sys.addaudithook(refuse)
            cls._hooked = True
        cls.others = frozenset(thread.ident for thread in threading.enumerate()) - {threading.get_ident()}
        with contextlib.ExitStack() as stack:
            stack.enter_context(np.errstate())
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
            stack.callback(logging.disable, logging.root.manager.disable)
            logging.disable()
            stack.callback(setattr, sys, "stdin", sys.stdin)
            stack.callback(setattr, sys, "dont_write_bytecode", sys.dont_write_bytecode)
            sys.stdin, sys.dont_write_bytecode = io.StringIO(), True
            stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
            stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
            stack.enter_context(without_complaints())
            stack.enter_context(without_pictures())
            stack.enter_context(in_memory(MOST_MEMORY))
            stack.enter_context(in_bounds())
            stack.callback(setattr, cls, "on", False)
            cls.on = True
            yield


def refuse(event: str, arguments: Any) -> None:
    """The hook: no method, as it is called a hundred thousand times in a second, and a function takes a third."""
    if event in OFTEN or not Guard.on:
        return
    if (event == "open" or event.startswith(REFUSED)) and event not in HARMLESS:
        writes = event != "open" or is_to_write(*arguments[1:3])
        if writes and threading.get_ident() not in Guard.others:
            raise RefusedError(event)


@contextlib.contextmanager
def in_memory(most: int) -> Iterator[None]:
    """While this lasts, no more memory is given than so many bytes beside what is in use, where the system can tell."""
    pages = Path("/proc/self/statm")
    if resource is None or not pages.exists():
        yield
        return
    used = int(pages.read_text().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    given = used + most if hard == resource.RLIM_INFINITY else min(used + most, hard)
    resource.setrlimit(resource.RLIMIT_AS, (given, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def is_to_write(mode: Any, flags: Any) -> bool:
    if isinstance(mode, str):
        return any(sign in mode for sign in "wax+")
    return bool(isinstance(flags, int) and flags & WRITES)


@contextlib.contextmanager
def without_complaints() -> Iterator[None]:
    """While this lasts, what libraries print past Python goes nowhere, as LAPACK's words on what is not finite."""
    try:
        before = {number: os.dup(number) for number in (1, 2)}
    except OSError:  # a process without a terminal may have none of them
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        for number in before:
            os.dup2(nowhere, number)
        yield
    finally:
        for number, kept in before.items():
            os.dup2(kept, number)
            os.close(kept)
        os.close(nowhere)


@contextlib.contextmanager
def without_pictures() -> Iterator[None]:
    """While this lasts, no picture is drawn or shown, if they draw with Matplotlib."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    names = [name for name in ("gcf", "figure", "show", "pause", "draw") if hasattr(pyplot, name)]
    before = [(name, getattr(pyplot, name)) for name in names]
    try:
        for name in names:
            setattr(pyplot, name, refuse_picture)
        yield
    finally:
        for name, function in before:
            setattr(pyplot, name, function)


def refuse_picture(*arguments: Any, **named: Any) -> None:
    raise RefusedError("a picture")
