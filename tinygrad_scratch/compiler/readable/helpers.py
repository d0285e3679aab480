"""Functions that NumPy lacks, as source of their own: what they use of other modules comes along or stands for itself.

The text is read from the function's own file and taken apart as a syntax tree; nothing is run, and names of values
never become text without having been parsed.
"""

from __future__ import annotations

import ast
import builtins
import dataclasses
import inspect
import sys
import textwrap
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from tinygrad_scratch.compiler.readable.arguments import name_of
from tinygrad_scratch.compiler.readable.names import Taken
from tinygrad_scratch.graph import ARRAYS

DROPPED = {"differentiable", "compose", "functools"}  # decorators that only our own table, or speed, needs
PLAIN = (int, float, complex, str, bool, bytes, type(None))


class NoSourceError(TypeError):
    """A function whose source can't be read or does not stand alone."""


class Helpers:
    """Functions and classes to be printed above the one that calls them, each with a name of its own."""

    def __init__(self, taken: Taken) -> None:
        self.taken = taken
        self.names: dict[Any, str] = {}
        self.texts: dict[str, str] = {}  # by name, those that others call first
        self.imports: set[str] = set()

    def name(self, function: Any) -> str:
        """The name by which a function, class or object of these is called in the text."""
        if dataclasses.is_dataclass(function) and not isinstance(function, type):
            return self.instance(function)
        function = inspect.unwrap(function) if callable(function) else function
        if function not in self.names:
            self.names[function] = self.taken.give(getattr(function, "__name__", "helper"))
            self.texts[self.names[function]] = self.source(function)
        return self.names[function]

    def instance(self, value: Any) -> str:
        """The call that makes an object of a dataclass whose fields are plain."""
        given = []
        for each in dataclasses.fields(value):
            part = getattr(value, each.name)
            if not is_literal(part):
                raise NoSourceError(f"{type(value).__name__}.{each.name} is {part!r}, which can't be written down.")
            given.append(f"{each.name}={part!r}")
        return f"{self.name(type(value))}({', '.join(given)})"

    def source(self, function: Any) -> str:
        """The definition of a function or class, with what it needs taken care of."""
        if not isinstance(function, FunctionType | type):
            raise NoSourceError(f"{function!r} is no function that was written in Python.")
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
        except (OSError, TypeError, SyntaxError) as error:
            raise NoSourceError(f"The source of {function.__name__!r} can't be read.") from error
        definition = next((node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)), None)
        if definition is None or definition.name != function.__name__:
            raise NoSourceError(f"{function.__name__!r} has no definition that stands alone: write it with def.")
        definition.name = self.names[function]
        if dataclasses.is_dataclass(function):
            with_init(definition, [each.name for each in dataclasses.fields(function)])
        stripped = Bare().visit(definition)
        known = namespace(function)
        own = local_names(definition)
        linked = Linked(self, known, own).visit(stripped)
        return ast.unparse(ast.fix_missing_locations(linked))


def with_init(definition: Any, fields: list[str]) -> None:
    """The fields of a dataclass as parameters of an `__init__` that is written out."""
    body = "".join(f"    self.{name} = {name}\n" for name in fields)
    (init,) = ast.parse(f"def __init__(self, {', '.join(fields)}):\n{body}").body
    definition.decorator_list = []
    places = [i for i, node in enumerate(definition.body) if isinstance(node, ast.AnnAssign)]
    definition.body[places[0] : places[-1] + 1] = [init]


def namespace(function: Any) -> dict[str, Any]:
    """What the free names of a function or class stand for."""
    found = dict(vars(sys.modules[function.__module__])) if function.__module__ in sys.modules else {}
    if isinstance(function, FunctionType):
        found.update(function.__globals__)
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        found.update({name: cell.cell_contents for name, cell in cells})
    return found


def local_names(definition: ast.AST) -> set[str]:
    """The names that a definition binds itself."""
    found = {node.arg for node in ast.walk(definition) if isinstance(node, ast.arg)}
    for node in ast.walk(definition):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
            found.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef) and node is not definition:
            found.add(node.name)
    return found


def is_literal(value: Any) -> bool:
    """Whether a value is written as it is shown."""
    if type(value) in (tuple, list):
        return all(map(is_literal, value))
    return type(value) in PLAIN and (not isinstance(value, float) or value - value == 0)


class Bare(ast.NodeTransformer):
    """Without annotations, without decorators that mean nothing outside, and with one line of documentation."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        node.returns = None
        return self._definition(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        return self._definition(node)

    def _definition(self, node: Any) -> Any:
        node.decorator_list = [each for each in node.decorator_list if root_of(each) not in DROPPED]
        documentation = ast.get_docstring(node)
        if documentation:
            node.body[0] = ast.Expr(ast.Constant(documentation.split("\n\n")[0].replace("\n", " ")))
        self.generic_visit(node)
        return node

    def visit_arg(self, node: ast.arg) -> Any:
        node.annotation = None
        return node


def root_of(node: ast.AST) -> str:
    while isinstance(node, ast.Attribute | ast.Call):
        node = node.value if isinstance(node, ast.Attribute) else node.func
    return node.id if isinstance(node, ast.Name) else ""


class Linked(ast.NodeTransformer):
    """With each name from outside replaced by what can stand in a text that imports NumPy alone."""

    def __init__(self, helpers: Helpers, known: dict[str, Any], own: set[str]) -> None:
        self.helpers = helpers
        self.known = known
        self.own = own

    def visit_Attribute(self, node: ast.Attribute) -> Any:
        """A function of another module of ours, by what it is."""
        module = self.known.get(node.value.id) if isinstance(node.value, ast.Name) else None
        if isinstance(module, ModuleType) and module.__name__.startswith("tinygrad_scratch."):
            return ast.parse(self.text(node.attr, getattr(module, node.attr)), mode="eval").body
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> Any:
        if node.id in self.own or not isinstance(node.ctx, ast.Load):
            return node
        if node.id not in self.known:
            if hasattr(builtins, node.id):
                return node
            raise NoSourceError(f"The name {node.id!r} is not known where it is used.")
        return ast.parse(self.text(node.id, self.known[node.id]), mode="eval").body

    def text(self, name: str, value: Any) -> str:
        if value is np:
            return "np"
        if isinstance(value, ModuleType) and value.__name__ in sys.stdlib_module_names:
            self.helpers.imports.add(f"import {value.__name__}")
            self.helpers.taken.names.add(value.__name__)
            return value.__name__
        if value is ARRAYS:
            return "np.ndarray"
        if is_literal(value):
            return f"({value!r})" if not isinstance(value, str) else repr(value)
        if isinstance(value, type) and value.__module__ == "builtins":
            return value.__name__
        if callable(value) and (known := name_of(value)):
            return known
        module = getattr(value, "__module__", None)
        if callable(value) and module in sys.stdlib_module_names:
            self.helpers.imports.add(f"import {module}")
            self.helpers.taken.names.add(module)
            return f"{module}.{value.__name__}"
        if isinstance(inspect.unwrap(value) if callable(value) else value, FunctionType | type):
            return self.helpers.name(value)
        raise NoSourceError(f"The name {name!r} stands for {value!r}, which can't be written down.")
