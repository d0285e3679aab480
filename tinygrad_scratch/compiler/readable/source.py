"""A derivation as the text of a Python module: one function, NumPy alone, shapes beside the lines."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

from tinygrad_scratch.compiler.program import Step, Variable
from tinygrad_scratch.compiler.readable.helpers import Helpers
from tinygrad_scratch.compiler.readable.layout import Layout

INDENT = "    "
COLUMN = 60  # where comments begin at most


def module(layout: Layout, function: str, loss: Variable, gradients: Mapping[str, Variable], helpers: Helpers) -> str:
    """The whole text. `gradients` are the values to return, by their names in the dict."""
    blocks = [*block("forward", layout.forward, layout), "", *block("backward", layout.backward, layout)]
    parameters = [layout.names[variable] for variable in layout.program.inputs]
    result = layout.expression(loss).text
    entries = [f'"{name}": {layout.expression(value).text}' for name, value in gradients.items()]
    head = [
        f'"""{result} and its gradients, derived line by line."""',
        "",
        *sorted(helpers.imports),
        "import numpy as np",
        "",
        "",
    ]
    for helper in helpers.texts.values():
        head += [helper, "", ""]
    body = [f'"""{line}' if i == 0 else line for i, line in enumerate(documentation(layout, result, list(gradients)))]
    return "\n".join([
        *head,
        *signature(function, parameters),
        *(f"{INDENT}{line}".rstrip() for line in body),
        *blocks,
        *returned(result, entries),
        "",
    ])  # fmt: skip


def signature(function: str, parameters: list[str]) -> list[str]:
    line = f"def {function}({', '.join(parameters)}):"
    return [line] if len(line) <= 100 else [f"def {function}(", *(f"{INDENT}{name}," for name in parameters), "):"]


def documentation(layout: Layout, loss: str, gradients: list[str]) -> list[str]:
    """What the function takes, with shapes and dtypes, and what it returns."""
    lines = textwrap.wrap(f"Return {loss}, and a dict of its gradients with respect to {listed(gradients)}.", 100)
    lines.append("")
    for variable in layout.program.inputs:
        lines.append(f"{layout.names[variable]}: {described(variable)}")
    return [*lines, '"""']


def described(variable: Variable) -> str:
    if variable.dtype == object:
        return "a generator of random numbers"
    return f"{shape_of(variable) or 'a number'}, {variable.dtype}"


def listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def block(title: str, lines: list[Step], layout: Layout) -> list[str]:
    """Lines under a title, with the shapes of their results in one column."""
    shapes = [" and ".join(filter(None, map(shape_of, step.results))) for step in lines]
    texts = [layout.statements(step) for step in lines]
    lengths = [len(text[0]) for text, shape in zip(texts, shapes, strict=True) if shape]
    column = max((length for length in lengths if length <= COLUMN), default=0)
    found = [f"{INDENT}# {title}"]
    for (first, *others), shape in zip(texts, shapes, strict=True):
        found.append(f"{INDENT}{first:{column}}  # {shape}" if shape else f"{INDENT}{first}")
        found += [f"{INDENT}{other}" for other in others]
    return found


def shape_of(variable: Variable) -> str:
    return str(variable.shape) if variable.shape else ""


def returned(loss: str, entries: list[str]) -> list[str]:
    line = f"{INDENT}return {loss}, {{{', '.join(entries)}}}"
    if len(line) <= 100:
        return [line]
    return [f"{INDENT}return {loss}, {{", *(f"{INDENT * 2}{entry}," for entry in entries), f"{INDENT}}}"]
