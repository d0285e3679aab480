"""Which of a person's functions lead to compiled code that does not check what it is given.

With another argument, such code may read and write where nothing of the person's is, and kill the process.
"""

from __future__ import annotations

import ast
import re
import sys
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.reading.places import is_theirs
from tinygrad_scratch.verifier.reading.source import nested, text_of
from tinygrad_scratch.verifier.rewriting.endless import puts_list_in_itself
from tinygrad_scratch.verifier.rewriting.rewrite import Rewrite
from tinygrad_scratch.verifier.rewriting.text import source_of

CHECKED = re.compile(
    r"numpy|scipy\.(?:special|signal|ndimage|linalg|stats|spatial|fft)|sklearn\.metrics|tinygrad_scratch"
)
WORD = re.compile(r"[A-Za-z_]\w*")


class Unchecked:
    """The names of functions that must not be called with anything new, and of the packages that they are from.

    `own` are the functions of the modules that ran: those of other programs may have the same names.
    """

    def __init__(self, own: list[FunctionType]) -> None:
        mentioned: dict[str, set[str]] = {}
        self.names: set[str] = set()
        self._lines: dict[str, set[int]] = {}  # by file
        for function in own:
            inside = {name for code in nested(function.__code__) for name in code.co_names}
            mentioned.setdefault(function.__name__, set()).update(inside)
            globals_now = imported_by(function.__code__.co_filename) | function.__globals__
            known = {name: globals_now[name] for name in inside if name in globals_now}
            self.names.update(*(foreign_in(name, value, inside) for name, value in known.items()))
        while more := {n for n, inside in mentioned.items() if n not in self.names and self.names & inside}:
            self.names |= more

    def calls(self, file: str, rewrite: Rewrite) -> bool:
        """Whether a change is of a statement that leads there, or makes it one; or makes a list that has no end."""
        if puts_list_in_itself(file, rewrite):
            return True
        if not self.names:
            return False
        return rewrite.line in self.lines_in(file) or not self.names.isdisjoint(WORD.findall(rewrite.text))

    def lines_in(self, file: str) -> set[int]:
        """The lines of a file whose statements call such functions."""
        if file not in self._lines:
            source = source_of(text_of(file))
            self._lines[file] = {
                node.lineno for node in source.statements if not self.names.isdisjoint(WORD.findall(source.code(node)))
            }
        return self._lines[file]


def imported_by(file: str) -> dict[str, Any]:
    """What a file imports, by the names that it has there: those of a script are gone once it has run."""
    found = dict[str, Any]()
    for node in source_of(text_of(file)).statements:
        match node:
            case ast.Import(names=names):
                for each in names:
                    held = each.name if each.asname else each.name.partition(".")[0]
                    found[each.asname or held] = sys.modules.get(held)
            case ast.ImportFrom(module=str(module), names=names, level=0):
                for each in names:
                    inside = getattr(sys.modules.get(module), each.name, None)
                    found[each.asname or each.name] = inside or sys.modules.get(f"{module}.{each.name}")
    return {name: value for name, value in found.items() if value is not None}


def foreign_in(name: str, value: Any, mentioned: set[str]) -> set[str]:
    """The name of a module, a function or a class of a package that is not known to check its arguments."""
    if isinstance(value, np.ufunc) or not (isinstance(value, ModuleType) or callable(value)):
        return set()
    home = package_of(value)
    file = getattr(sys.modules.get(home), "__file__", None)
    if home.partition(".")[0] in (*sys.stdlib_module_names, "__main__") or file is None or is_theirs(file):
        return set()
    if home == "scipy":  # the part of it that is meant stands behind
        return {n for n in mentioned if f"scipy.{n}" in sys.modules and not CHECKED.match(f"scipy.{n}")}
    return set() if CHECKED.match(home) else {name}


def package_of(value: Any) -> str:
    """The module that a value is, or that it was defined in; of an object that can be called, that of its class."""
    if isinstance(value, ModuleType):
        return value.__name__
    plain = isinstance(value, type | FunctionType | BuiltinFunctionType)
    return str(getattr(value if plain else type(value), "__module__", "") or "")
