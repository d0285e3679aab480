"""What the code of a function mentions, and whose a module is."""

from __future__ import annotations

import dis
import functools
import sys
from pathlib import Path
from types import CodeType
from typing import NamedTuple


class Names(NamedTuple):
    """What a function's code mentions: globals, attributes of anything, modules that it imports."""

    globals: tuple[str, ...]
    attributes: tuple[str, ...]
    modules: tuple[str, ...]


@functools.cache
def names_in(code: CodeType) -> Names:
    """What a function's code mentions, and the code of functions that it makes."""
    found: dict[str, dict[str, None]] = {"GLOBAL": {}, "ATTR": {}, "IMPORT_NAME": {}}
    for instruction in dis.get_instructions(code):
        kind = instruction.opname
        if kind.endswith(("_GLOBAL", "LOAD_NAME")):
            found["GLOBAL"][instruction.argval] = None
        elif kind == "IMPORT_NAME":
            found["IMPORT_NAME"] |= dict.fromkeys((instruction.argval, instruction.argval.partition(".")[0]))
        elif instruction.opcode in dis.hasname:
            found["ATTR"][instruction.argval] = None
    own = Names(*map(tuple, found.values()))
    inner = [names_in(const) for const in code.co_consts if isinstance(const, CodeType)]
    return Names(
        *(tuple(dict.fromkeys(name for names in part for name in names)) for part in zip(own, *inner, strict=True))
    )


@functools.cache
def is_foreign(module: str | None) -> bool:
    """Whether a module is NumPy's or Python's own, and not a person's of the same name as one of these."""
    top = (module or "").partition(".")[0]
    if top not in sys.stdlib_module_names or top == "__main__":
        return top == "numpy"
    file = getattr(sys.modules.get(top), "__file__", None)
    return file is None or Path(file).is_relative_to(Path(functools.__file__).parent)


def is_own(module: str | None) -> bool:
    """Whether a module is one of this library."""
    return (module or "").partition(".")[0] == "tinygrad_scratch"


@functools.cache
def is_library(module: str | None) -> bool:
    """Whether a module is of this library, or of an installed package: large, and with no state but in objects."""
    file = getattr(sys.modules.get(module or ""), "__file__", None) or ""
    return is_own(module) or not {"site-packages", "dist-packages"}.isdisjoint(Path(file).parts)


def is_persons(module: str | None) -> bool:
    """Whether a module is none of a library's, so that what it defines is looked into."""
    return not is_library(module) and not is_foreign(module)


def is_dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")
