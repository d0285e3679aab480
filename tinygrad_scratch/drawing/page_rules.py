"""Derivative rules as text: the expression of a rule that is one, else what its docstring says first."""

from __future__ import annotations

import ast
import functools
import inspect
import sys
import textwrap
from collections.abc import Callable
from typing import Any


def formula(rule: Callable[..., Any], name: str) -> str | None:
    """The text of a rule that is one expression, given for the argument `name`; None where it is longer.

    Raises OSError where its source can't be had.

    >>> import numpy as np
    >>> from tinygrad_scratch.drawing.page_rules import formula
    >>> from tinygrad_scratch.rules.registry import DEFINITIONS
    >>> formula(DEFINITIONS[np.tanh].rules["x"], "x")
    'g * (1 - y * y)'
    """
    rule = inspect.unwrap(rule)
    if rule.__name__ != "<lambda>":
        return formula_of_def(rule)
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


def first_line(function: Callable[..., Any]) -> str:
    """What the docstring says first."""
    first, *_ = (inspect.getdoc(function) or "").splitlines() or [""]
    return first
