"""Text made into native functions by numba, whose machine code is stored on disk and found again.

numba files what it compiles under the file of a function, so the text is written to one. What is executed is the text
in memory, which is ours, and never what a file holds.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import stat
import sys
import tempfile
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from tinygrad_scratch.compiler.native.expressions import SUPPORTED
from tinygrad_scratch.compiler.native.writer import NAMES


def compiled(text: str, functions: list[str]) -> dict[str, Any]:
    """The native functions of a module's text; `train`, if there, calls the others."""
    load_numba()
    from numba import from_dtype, njit, types

    from tinygrad_scratch.compiler.native import blas
    from tinygrad_scratch.compiler.native.mathematics import FLAGS

    file = stored(text)
    module = ModuleType(f"tinygrad_scratch_{file.stem}")
    sys.modules[module.__name__] = module  # numba looks stored code's module up by name
    names = vars(module)
    names.update(NAMES)
    for routine in blas.ROUTINES.values():
        if f"{routine}(" in text:
            names[routine] = blas.gemm(routine)
    exec(compile(text, str(file), "exec"), names)
    arrays = [types.Array(from_dtype(dtype), 1, "C") for dtype in SUPPORTED]
    found = {}
    for name in functions:
        given = [types.int64, *arrays] if name == "train" else arrays
        decorate = njit([types.void(*given)], fastmath=FLAGS, error_model="numpy", nogil=True, cache=True)
        names[name] = found[name] = decorate(names[name])
    return found


@cache
def load_numba() -> None:
    """Import what numba imports when it first compiles, but for SciPy, which would take as long as all the rest.

    numba looks whether SciPy's BLAS is there, for the products of its own, which our text never calls. Where others
    call them, it is found as ever.
    """
    product = "scipy.linalg.cython_blas"
    if product in sys.modules or "numba.np.arraymath" in sys.modules:
        return
    sys.modules[product] = None  # type: ignore[assignment]  # to import it is to fail, at once
    try:
        arraymath: Any = importlib.import_module("numba.np.arraymath")
    finally:
        del sys.modules[product]
    if hasattr(arraymath, "_HAVE_BLAS"):
        arraymath._HAVE_BLAS = importlib.util.find_spec("scipy") is not None


def stored(text: str) -> Path:
    """The file of a text, named after it and after all that decides what it compiles to."""
    name = hashlib.sha256(f"{version()}\n{text}".encode()).hexdigest()[:32]
    file = folder() / f"native_{name}.py"
    data = text.encode()
    try:
        same = file.read_bytes() == data
    except OSError:
        same = False
    if not same:
        with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as part:
            part.write(data)
        os.replace(part.name, file)
    return file


@cache
def version() -> str:
    """Our own text that native code is made of: a change of it makes other names."""
    from tinygrad_scratch.compiler.native import blas, mathematics

    texts = [Path(str(module.__file__)).read_text(encoding="utf-8") for module in (blas, mathematics)]
    return hashlib.sha256("".join(texts).encode()).hexdigest()


@cache
def folder() -> Path:
    """Where compiled code is kept: a folder of the user's own, which nobody else may write to.

    It is in NUMBA_CACHE_DIR if that is set, else in XDG_CACHE_HOME or ~/.cache; where none can be written to, it is one
    that lasts as long as the process.
    """
    chosen = os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
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
