"""A person's functions with other code for a while: that of a changed text of the same lines."""

from __future__ import annotations
import __future__ as features

import ast
import gc
import linecache
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import reduce
from inspect import CO_NESTED
from operator import or_
from types import CodeType, FunctionType
from typing import Any

from tinygrad_scratch.verifier.reading.places import is_theirs
from tinygrad_scratch.verifier.reading.source import nested, text_of
from tinygrad_scratch.verifier.rewriting.rewrite import Rewrite
from tinygrad_scratch.verifier.rewriting.text import lines_of, source_of


def functions_of(modules: list[dict[str, Any]]) -> list[FunctionType]:
    """All functions of a person's own that have the globals of some modules, or of what these took from others."""
    taken = (value for names in modules for value in names.values() if is_function_of_theirs(value))
    spaces = {id(names): names for names in (*modules, *(function.__globals__ for function in taken))}
    return [value for value in gc.get_referrers(*spaces.values()) if is_function_of_theirs(value)]


def is_function_of_theirs(value: Any) -> bool:
    """Whether a value is a function of a person's own."""
    return type(value) is FunctionType and is_theirs(value.__code__.co_filename)


def functions_in(names: dict[str, Any], file: str) -> list[FunctionType]:
    """The functions of a file in a namespace, and in the classes there."""
    classes = [vars(value) for value in names.values() if isinstance(value, type)]
    found = (getattr(value, "__func__", value) for held in (names, *classes) for value in held.values())
    return [value for value in found if type(value) is FunctionType and value.__code__.co_filename == file]


class Functions:
    """Those of some functions that are of one file; none where each run defines them."""

    def __init__(self, file: str, own: list[FunctionType]) -> None:
        self.file, self.source = file, source_of(text_of(file))
        self.found = [(f, f.__code__) for f in own if f.__code__.co_filename == file]
        self.flags = max((code.co_flags & all_feature_flags() for _, code in self.found), default=0)

    @contextmanager
    def changed(self, rewrite: Rewrite) -> Iterator[None]:
        """While this lasts, the functions are those of the changed text. Raises SyntaxError where it is none."""
        if not self.found:
            yield
            return
        text = self.changed_part(rewrite)
        made = list(nested(compile(text, self.file, "exec", self.flags, dont_inherit=True)))
        times = Counter(map(key, made))
        codes = {key(code): code for code in made if times[key(code)] == 1}  # two lambdas of a line stay as they are
        before = []
        try:
            for function, code in self.found:
                other = codes.get(key(code))
                if other is not None and other != code and other.co_freevars == code.co_freevars:
                    function.__code__ = other
                    before.append((function, code))
            yield
        finally:
            for function, code in before:
                function.__code__ = code

    @contextmanager
    def shown(self, rewrite: Rewrite) -> Iterator[None]:
        """While this lasts, the lines of the file read as those of the changed text."""
        before = linecache.cache.get(self.file)
        text = rewrite.of(self.source.text)
        linecache.cache[self.file] = len(text), None, text.splitlines(keepends=True), self.file
        try:
            yield
        finally:
            if before is None:
                linecache.cache.pop(self.file, None)
            else:
                linecache.cache[self.file] = before

    def has(self, line: int, entered: Iterable[tuple[str, int]]) -> bool:
        """Whether any of what a run entered is the function that a line is in, or a part of that."""
        function = self.around(line)
        lines = range(first_of(function), lines_of(function).stop) if function is not None else range(0)
        return any(file == self.file and first in lines for file, first in entered)

    def around(self, line: int) -> ast.FunctionDef | ast.Assign | None:
        """The function that a line is in; what a name is given as a lambda is one, too."""
        return self.source.function_around(line) or self.source.lambda_at(line)

    def changed_part(self, rewrite: Rewrite) -> str:
        """The changed function at its own lines, in its class if it is in one; nothing where the change is in none."""
        function = self.around(rewrite.line)
        if function is None:
            return ""
        first = first_of(function)
        start, end = self.source.at(first), self.source.starts[lines_of(function).stop - 1]
        text = self.source.text[start : rewrite.start] + rewrite.text + self.source.text[rewrite.end : end]
        if not function.col_offset:
            return "\n" * (first - 1) + text
        holder = self.source.class_around(rewrite.line)
        inside = holder is not None and holder.col_offset < function.col_offset
        head = f"class {holder.name}:\n" if holder is not None and inside else "if 1:\n"
        return "\n" * (first - 2) + head + text


def first_of(function: ast.FunctionDef | ast.Assign) -> int:
    """The first line of a function, or of its first decorator."""
    first: int = min([function.lineno, *(each.lineno for each in getattr(function, "decorator_list", ()))])
    return first


def all_feature_flags() -> int:
    """What `from __future__ import ...` puts into the code of a function."""
    flags = [int(getattr(features, name).compiler_flag) for name in features.all_feature_names]
    return reduce(or_, flags) & ~CO_NESTED


def key(code: CodeType) -> tuple[str, int]:
    return code.co_name, code.co_firstlineno
