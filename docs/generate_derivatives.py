"""The page of derivatives, written from the table itself: `python docs/generate_derivatives.py`."""

from __future__ import annotations

import inspect
import operator
import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from tinygrad_scratch import functional
from tinygrad_scratch.drawing.page_rules import formula, formula_of_def
from tinygrad_scratch.rules import (
    arranging,
    calculus,
    choosing,
    convolution,
    cumulative,
    elementwise,
    factorizations,
    fft,
    histograms,
    indexing,
    linalg,
    logic,
    norms,
    polynomials,
    pooling,
    products,
    quantiles,
    reductions,
    scimath,
    shapes,
    sorting,
    statistics,
    writing,
)
from tinygrad_scratch.rules.registry import (
    COMPOSED,
    DEFINITIONS,
    NEW_CONSTANT,
    PIECEWISE_CONSTANT,
    WITHOUT_DERIVATIVE,
    Definition,
    label,
)

PAGE = Path(__file__).with_name("derivatives.md")
CHAPTERS = {
    elementwise: "Element by element",
    reductions: "Reductions",
    cumulative: "Running sums and products",
    statistics: "Statistics",
    quantiles: "Quantiles",
    histograms: "Histograms",
    products: "Products",
    linalg: "Linear algebra",
    factorizations: "Factorizations",
    norms: "Norms",
    fft: "Fourier transforms",
    scimath: "Real or complex, as needed",
    shapes: "Shapes",
    arranging: "Repeating, padding, diagonals",
    choosing: "Choosing",
    sorting: "Sorting and sets",
    indexing: "Reading and writing parts",
    writing: "Functions that write",
    calculus: "Calculus on samples",
    polynomials: "Polynomials",
    convolution: "Convolution",
    pooling: "Pooling",
    functional: "What NumPy lacks",
}
INTRODUCTION = """\
<!-- Written by docs/generate_derivatives.py. Change the rules, not this page. -->

# The table of derivatives

Every function that has a derivative here, and its rules, as they stand in the code. In a formula `g` is the cotangent
of the output, `y` the output, and the other names are the call's own arguments. The formula gives the cotangent of one
argument; the backward walk then sums over broadcast axes and restores the dtype, for all rules alike.

A call may have the keywords that its first column shows. Any other keyword is refused. A dash says that an argument is
piecewise constant: no gradient flows to it. Functions without `np.` are this library's own.
"""


def page() -> str:
    """The whole page, as Markdown."""
    parts = [INTRODUCTION]
    for module, title in CHAPTERS.items():
        parts.append(f"## {title}\n\n{description(module)}\n\nSource: {link(module.__name__, module)}.\n")
        if rules := [definition for definition in DEFINITIONS.values() if is_from(module, definition)]:
            parts.append(table(("call", "argument", "its cotangent"), rows_of_rules(rules)))
        if composed := {function: text for function, text in COMPOSED.items() if text.__module__ == module.__name__}:
            parts.append("Made of others, and so differentiated through them:\n")
            parts.append(table(("call", "is"), [composition(function, text) for function, text in composed.items()]))
    parts.append("## Piecewise constant\n\nThe derivative of these is zero wherever there is one:\n")
    parts.append(listing(PIECEWISE_CONSTANT))
    parts.append(f"## Without a derivative\n\n{description(logic)}\n\nThese are given, and return, plain values:\n")
    parts.append(listing(WITHOUT_DERIVATIVE))
    parts.append("These return a Tensor without a history:\n")
    parts.append(listing(NEW_CONSTANT))
    return "\n".join(parts)


def description(module: ModuleType) -> str:
    return inspect.getdoc(module) or ""


def is_from(module: ModuleType, definition: Definition) -> bool:
    return any(rule is not None and rule.__module__ == module.__name__ for rule in definition.rules.values())


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def rows_of_rules(definitions: Iterable[Definition]) -> Iterable[tuple[str, ...]]:
    for definition in definitions:
        call = f"`{call_of(definition)}`"
        for name, rule in definition.rules.items():
            yield call, f"`{name}`", "—" if rule is None else described(rule, formula(rule, name))
            call = ""


def composition(function: Any, text: Callable[..., Any]) -> tuple[str, str]:
    parameters = [str(p.replace(annotation=p.empty)) for p in inspect.signature(text).parameters.values()]
    kinds = [p.kind for p in inspect.signature(text).parameters.values()]
    if inspect.Parameter.KEYWORD_ONLY in kinds and inspect.Parameter.VAR_POSITIONAL not in kinds:
        parameters.insert(kinds.index(inspect.Parameter.KEYWORD_ONLY), "*")
    if inspect.Parameter.POSITIONAL_ONLY in kinds:
        parameters.insert(kinds.count(inspect.Parameter.POSITIONAL_ONLY), "/")
    return f"`{label(function)}({', '.join(parameters)})`", described(text, formula_of_def(text))


def call_of(definition: Definition) -> str:
    """The call with all that it may be given: arguments, and after a star what must be named."""
    if definition.function is operator.getitem:
        return "a[index]"
    with_defaults = [
        f"{name}={definition.defaults[name]!r}" if name in definition.defaults else name for name in definition.order
    ]
    if definition.operands is None:
        positional = len(definition.names)
        named = ["*", *with_defaults[positional:]] if with_defaults[positional:] else []
        return f"{definition.label}({', '.join([*with_defaults[:positional], *named])})"
    star = "" if definition.sequence else "*"
    return f"{definition.label}({', '.join([star + with_defaults[0], *with_defaults[1:]])})"


# ---- a rule in words or as a formula ---------------------------------------------------------------------------------


def described(function: Callable[..., Any], written: str | None) -> str:
    """A formula where the function is one, else what its docstring says first, else where to read it."""
    if written is not None:
        return f"`{written}`"
    first, *_ = (inspect.getdoc(function) or "").splitlines() or [""]
    place = link(function.__name__, inspect.unwrap(function))
    return f"{place}: {first}" if first else place


def link(text: str, source: Any) -> str:
    """A link to the file that something is defined in."""
    return f"[`{text}`](../{Path(inspect.getsourcefile(source) or '').relative_to(PAGE.parents[1]).as_posix()})"


def listing(functions: Iterable[Any]) -> str:
    names = sorted(f"`{label(function)}`" for function in functions)
    return textwrap.fill(", ".join(names), 120, break_on_hyphens=False) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
