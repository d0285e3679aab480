"""Machine code that is stored on disk, and found again by the next process.

A file is named after the text and after all else that decides what it is compiled to. It begins with a digest of what
follows, so that one which was damaged or is not ours is not run, but written anew.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import stat
import sys
import tempfile
from functools import cache
from pathlib import Path

from tinygrad_scratch.compiler.native import blas
from tinygrad_scratch.compiler.native.loading import Code, Function, MissingSymbolError, processor

FOLDER = "NUMBA_CACHE_DIR"


def compiled(text: str, functions: list[str]) -> dict[str, Function]:
    """The native functions of a module's text: `train` alone if it is there, as it calls the others."""
    wanted = ["train"] if "train" in functions else functions
    files = {name: folder() / f"native_{key(text)}_{name}.o" for name in wanted}
    try:
        return {name: Function(stored(file)) for name, file in files.items()}
    except (OSError, ValueError, RuntimeError, MissingSymbolError):
        from tinygrad_scratch.compiler.native.compiling import machine_code

        codes = machine_code(text, functions, wanted)
        for name, code in codes.items():
            store(files[name], code)
        return {name: Function(code) for name, code in codes.items()}


def stored(file: Path) -> Code:
    """Raises OSError where there is no such file, and ValueError where it is not what was stored."""
    digest, _, rest = file.read_bytes().partition(b"\n")
    if hashlib.sha256(rest).hexdigest().encode() != digest:
        raise ValueError(f"{file} is damaged.")
    names, _, data = rest.partition(b"\n")
    name, *needed = names.decode().split()
    return Code(name, needed, data)


def store(file: Path, code: Code) -> None:
    rest = " ".join([code.name, *code.needed]).encode() + b"\n" + code.data
    with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as part:
        part.write(hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest)
    os.replace(part.name, file)


def key(text: str) -> str:
    return hashlib.sha256(f"{version()}\n{text}".encode()).hexdigest()[:32]


@cache
def version() -> str:
    """All that decides what a text is compiled to: our own modules, numba, its settings, BLAS, and the processor."""
    import llvmlite

    names = ("blas", "compiling", "expressions", "floats", "formulas", "loading", "mathematics", "writer")
    numba = importlib.util.find_spec("numba")
    assert numba is not None
    files = [Path(__file__).with_name(f"{name}.py") for name in names]
    files.append(Path(str(numba.origin)).with_name("_version.py"))  # to import numba takes as long as all the rest
    settings = sorted(item for item in os.environ.items() if item[0].startswith("NUMBA_") and item[0] != FOLDER)
    texts = [file.read_text(encoding="utf-8") for file in files]
    return repr((texts, llvmlite.__version__, settings, blas.width(), processor()))


@cache
def folder() -> Path:
    """Where compiled code is kept: a folder of the user's own, which nobody else may write to.

    It is in NUMBA_CACHE_DIR if that is set, else in XDG_CACHE_HOME or ~/.cache; where none can be written to, it is one
    that lasts as long as the process.
    """
    chosen = os.environ.get(FOLDER) or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    path = Path(chosen) / "tinygrad_scratch"
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if is_private(path) and os.access(path, os.W_OK):
            return path
    except (OSError, RuntimeError):
        pass
    return temporary()


@cache
def temporary() -> Path:
    import atexit
    import shutil

    path = Path(tempfile.mkdtemp(prefix="tinygrad_scratch_"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def is_private(path: Path) -> bool:
    if sys.platform == "win32":
        return True
    found = path.stat()
    return found.st_uid == os.getuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
