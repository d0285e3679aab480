"""Derivative rules as text: the expression of a rule that is one, else what its docstring says first."""

from __future__ import annotations

import ast
import functools
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterable
from typing import Any

from tinygrad_scratch.rules.registry import DEFINITIONS, Definition


def rules_of(operations: Iterable[str]) -> dict[str, list[tuple[str, str]]]:
    """For each of these operations, by its label, the parameters that have a rule, and the rule as text.

    Of two operations with one label none is told.

    >>> from tinygrad_scratch.drawing.page_rules import rules_of
    >>> rules_of(["np.tanh"])
    {'np.tanh': [('x', 'g * (1 - y * y)')]}
    """
    wanted = set(operations)
    found: dict[str, list[Definition]] = {}
    for definition in DEFINITIONS.values():
        if definition.label in wanted:
            found.setdefault(definition.label, []).append(definition)
    return {label: texts(alone[0]) for label, alone in sorted(found.items()) if len(alone) == 1}


def texts(definition: Definition) -> list[tuple[str, str]]:
    told = ((name, text_of(rule, name)) for name, rule in definition.rules.items() if rule is not None)
    return [(name, text) for name, text in told if text]


def text_of(rule: Callable[..., Any], name: str) -> str:
    """The formula, or the first sentence, or nothing where neither can be had."""
    try:
        written = formula(rule, name)
    except (OSError, TypeError, SyntaxError):  # its source is out of reach
        written = None
    return written or (inspect.getdoc(rule) or "").partition("\n")[0]


def formula(rule: Callable[..., Any], name: str) -> str | None:
    """The text of a rule that is one expression, given for the parameter `name`; None where it is longer
    or was not read from a file.

    Raises OSError or TypeError where its source can't be had.

    >>> import numpy as np
    >>> from tinygrad_scratch.drawing.page_rules import formula
    >>> from tinygrad_scratch.rules.registry import DEFINITIONS
    >>> formula(DEFINITIONS[np.divide].rules["x2"], "x2")
    '-g * y / x2'
    """
    rule = inspect.unwrap(rule)
    if rule.__name__ != "<lambda>":
        return formula_of_def(rule)
    if getattr(sys.modules.get(rule.__module__), "__file__", None) != rule.__code__.co_filename:
        return None  # typed at a prompt, or made by a program
    source, lambdas = lambdas_of(rule.__module__)
    found = [body for body, line, keyword in lambdas if keyword == name and line == rule.__code__.co_firstlineno]
    return one_line(source, found[0]) if len(found) == 1 else None


@functools.cache
def lambdas_of(module: str) -> tuple[str, list[tuple[ast.expr, int, str | None]]]:
    """The source of a module, and of each lambda in a keyword argument its body, its line, and that keyword."""
    source = inspect.getsource(sys.modules[module])
    keywords = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.keyword)]
    return source, [
        (node.body, node.lineno, keyword.arg)
        for keyword in keywords
        for node in ast.walk(keyword.value)
        if isinstance(node, ast.Lambda)
    ]


def formula_of_def(function: Callable[..., Any]) -> str | None:
    """The expression that a function returns, if it does nothing else."""
    source = textwrap.dedent(inspect.getsource(inspect.unwrap(function)))
    (definition,) = ast.parse(source).body
    assert isinstance(definition, ast.FunctionDef)
    body = definition.body[1:] if ast.get_docstring(definition) else definition.body
    if len(body) == 1 and isinstance(body[0], ast.Return) and body[0].value is not None:
        return one_line(source, body[0].value)
    return None


def one_line(source: str, node: ast.expr) -> str:
    return " ".join((ast.get_source_segment(source, node) or "").split())
