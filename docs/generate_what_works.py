"""The page of what works: every function of the NumPy at hand, looked up in the table. Run it without arguments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_scratch import functional
from tinygrad_scratch.rules.registry import (
    COMPOSED,
    DEFINITIONS,
    NEW_CONSTANT,
    PIECEWISE_CONSTANT,
    REFUSED,
    WITHOUT_DERIVATIVE,
)

PAGE = Path(__file__).with_name("what-works.md")
NAMESPACES: dict[str, Any] = {
    "np": np,
    "np.linalg": np.linalg,
    "np.fft": np.fft,
    "np.emath": np.emath,
    "np.lib.stride_tricks": np.lib.stride_tricks,
}
STATUSES = {
    "rule": "differentiable, by a rule of its own",
    "made": "differentiable, made of others",
    "zero": "differentiable, with derivative zero: it is piecewise constant",
    "plain": "without a derivative: it takes and returns plain values",
    "new": "returns a new Tensor, without history",
    "refused": "refused",
}
INTRODUCTION = """\
<!-- Written by docs/generate_what_works.py. Change the rules, not this page. -->

# What works

Every function of NumPy {version} that can meet a Tensor, and what happens then. The formulas are in
[the table of derivatives](derivatives.md). All keywords that NumPy documents are honoured, unless the function's entry
there lacks them: then they are refused by name. Ufuncs have their methods, too: `reduce`, `accumulate`, `outer`,
`reduceat` and `at`.

| count | what it means |
| --- | --- |
{counts}
"""
UNSEEN = """\
## Functions that don't see Tensors

NumPy runs these {count} without asking a Tensor. Where a gradient would be lost in one, the Tensor raises an error, and
this says what to write instead. The others take no values that a gradient flows through.

| function | instead |
| --- | --- |
{rows}
"""

OURS = """\
## What NumPy lacks

`tinygrad_scratch.functional` has these. They are differentiable at any order, and take arrays as well as Tensors.

| function | |
| --- | --- |
{rows}
"""

COPY = "`t.copy()`, or `t` itself"
JOIN = "`np.stack([t, ...])` for numbers or rows, `np.concatenate`, `np.block`"
CONSTANT = "nothing: it makes a constant. Write into `np.zeros_like(t)` what carries a gradient"
NO_VALUES = "nothing: no gradient flows through it"
FILES = "nothing: it reads constants. To save, `t.numpy()`"
INSTEAD: dict[str, str] = {
    **dict.fromkeys(["np.array", "np.asarray", "np.asanyarray"], f"{COPY}; for lists {JOIN}"),
    **dict.fromkeys(
        ["np.ascontiguousarray", "np.asfortranarray", "np.require", "np.asarray_chkfinite", "np.from_dlpack"], COPY
    ),
    **dict.fromkeys(["np.asmatrix", "np.bmat"], "`np.block`, and `@` for a product"),
    "np.frombuffer": "`t.numpy()`: bytes carry no gradient",
    "np.fromiter": "`np.stack(list(...))`",
    "np.full": "`np.full_like(t, value, shape=...)`",
    "np.arange": "`start + step * np.arange(n)`",
    "np.frompyfunc": "the function itself, written with NumPy, or `np.stack([f(x) for x in t])`",
    "np.fromfunction": "it works: the function is called with plain indices, and may use Tensors",
    "np.kaiser": "`np.i0(beta * np.sqrt(1 - x**2)) / np.i0(beta)`",
    **dict.fromkeys(["np.fft.fftfreq", "np.fft.rfftfreq"], "it works: the spacing `d` may be a Tensor"),
    **dict.fromkeys(["np.zeros", "np.ones", "np.empty", "np.eye", "np.identity", "np.tri"], CONSTANT),
    **dict.fromkeys(["np.bartlett", "np.blackman", "np.hamming", "np.hanning", "np.indices"], CONSTANT),
    "np.row_stack": "`np.vstack`",
    "np.trapz": "`np.trapezoid`",
    **dict.fromkeys(["np.fromfile", "np.fromregex", "np.fromstring", "np.genfromtxt", "np.load", "np.loadtxt"], FILES),
    **dict.fromkeys(["np.format_float_positional", "np.format_float_scientific"], "`t.item()`"),
    "np.nested_iters": "`for row in t`",
}


def functions() -> Iterator[tuple[str, Any]]:
    """Every function of NumPy that can meet a Tensor, under the name that it calls itself by."""
    seen = set()
    for prefix, module in NAMESPACES.items():
        for name in sorted(dir(module)):
            function = getattr(module, name)
            meets = isinstance(function, np.ufunc) or hasattr(function, "_implementation")
            if meets and not name.startswith("_") and function not in seen:
                seen.add(function)
                yield f"{prefix}.{function.__name__ if hasattr(module, function.__name__) else name}", function


def unseen() -> Iterator[tuple[str, Any]]:
    """Every other function of NumPy."""
    for prefix in ("np", "np.linalg", "np.fft"):
        module = NAMESPACES[prefix]
        for name in sorted(dir(module)):
            function = getattr(module, name)
            sees = isinstance(function, type | np.ufunc) or hasattr(function, "_implementation")
            if callable(function) and not sees and not name.startswith("_"):
                yield f"{prefix}.{name}", function


def status(function: Any) -> str | None:
    """The key of what the table says of a function; None where it says nothing."""
    for key, table in (
        ("zero", PIECEWISE_CONSTANT),
        ("rule", DEFINITIONS),
        ("made", COMPOSED),
        ("plain", WITHOUT_DERIVATIVE),
        ("new", NEW_CONSTANT),
        ("refused", REFUSED),
    ):
        if function in table:
            return key
    return None


def page() -> str:
    """The whole page, as Markdown."""
    rows = [(name, status(function), function) for name, function in functions()]
    counted = Counter(key for _, key, _ in rows)
    counts = "\n".join(f"| {counted[key]} | {words} |" for key, words in STATUSES.items())
    parts = [INTRODUCTION.format(version=np.__version__, counts=counts)]
    for prefix in NAMESPACES:
        mine = [(name, key, function) for name, key, function in rows if name.rpartition(".")[0] == prefix]
        parts.append(f"## {prefix}\n\n| function | |\n| --- | --- |")
        parts.append("\n".join(f"| `{name}` | {words(key, function)} |" for name, key, function in sorted(mine)) + "\n")
    ours = {name: getattr(functional, name) for name in functional.__all__}
    parts.append(OURS.format(rows="\n".join(f"| `{name}` | {summary(function)} |" for name, function in ours.items())))
    names = [name for name, _ in unseen()]
    instead = "\n".join(f"| `{name}` | {INSTEAD.get(name, NO_VALUES)} |" for name in names)
    parts.append(UNSEEN.format(count=len(names), rows=instead))
    return "\n".join(parts)


def words(key: str | None, function: Any) -> str:
    said = STATUSES[key] if key else "not in the table: refused"
    return f"{said}: {REFUSED[function]}" if key == "refused" else said


def summary(function: Any) -> str:
    """The first line of a docstring, as a cell; its asterisks are no emphasis."""
    return str(function.__doc__).partition("\n")[0].replace("*", r"\*")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
