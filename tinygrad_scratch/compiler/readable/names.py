"""Names for generated source: identifiers of Python, made of what people call their values, each given once."""

from __future__ import annotations

import builtins
import keyword
import operator
import re
import unicodedata
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

import numpy as np

from tinygrad_scratch.compiler.program import Step, Variable
from tinygrad_scratch.compiler.traced import as_type
from tinygrad_scratch.functional import relu, sigmoid
from tinygrad_scratch.rules.shapes import cast

LONGEST = 40
RESERVED = frozenset({"np", "math", *keyword.kwlist, *dir(builtins)})


def identifier(text: str) -> str:
    """A name as an identifier: `layers[0].weight` becomes `layers_0_weight`. What is no letter, digit or _ is gone.

    >>> identifier("net.layers[0].weight"), identifier("class"), identifier("1st; import os"), identifier("θ")
    ('net_layers_0_weight', 'class_', 'v1st_import_os', 'θ')
    """
    text = unicodedata.normalize("NFKC", text)
    found = re.sub(r"_+", "_", "".join(c if f"a{c}".isidentifier() else "_" for c in text)).strip("_")[:LONGEST]
    found = found.rstrip("_") or "value"
    if not found.isidentifier():
        found = f"v{found}"
    return f"{found}_" if found in RESERVED else found


class Taken:
    """The names that are given away."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.names = set(names)

    def give(self, wanted: str) -> str:
        """This name as an identifier, or, where it is taken, with a number behind it; for a "#", the next number."""
        if wanted.endswith("#"):
            return self.give(next(f"{wanted[:-1]}{n}" for n in count(1) if f"{wanted[:-1]}{n}" not in self.names))
        name = first = identifier(wanted)
        number = 2
        while name in self.names:
            separator = "_" if first[-1].isdigit() else ""
            name, number = f"{first}{separator}{number}", number + 1
        self.names.add(name)
        return name


# ---- names for what nobody has named ---------------------------------------------------------------------------------

ACTIVATIONS = {sigmoid, relu, np.tanh, np.maximum, np.sin, np.cos, np.divide}
WORDS: dict[Any, str] = {
    np.subtract: "difference",
    np.multiply: "product",
    np.divide: "ratio",
    np.negative: "minus_{}",
    np.power: "power_of_{}",
    np.square: "square_of_{}",
    np.sqrt: "root",
    np.sum: "sum_of_{}",
    np.mean: "mean_of_{}",
    np.max: "highest",
    np.min: "lowest",
    np.absolute: "size",
    np.heaviside: "step",
    cast: "cast",
    as_type: "cast",
    np.full: "constant",
    np.transpose: "{}_T",
    np.reshape: "{}_reshaped",
    operator.getitem: "part_of_{}",
    np.where: "chosen",
    np.equal: "mask",
    np.not_equal: "mask",
    np.less: "mask",
    np.less_equal: "mask",
    np.greater: "mask",
    np.greater_equal: "mask",
    np.logical_and: "mask",
    np.logical_or: "mask",
}


def invented(step: Step, name_of: Callable[[Variable], str | None], makes: Callable[[Variable], Step | None]) -> str:
    """A name that says what a call makes: `exp_z`, `sum_of_e`. As is usual, x @ w + b is z1, and its activation a1."""
    function = step.function
    if function in (np.matmul, np.dot) or (function is np.add and any(is_product(v, makes) for v in step.operands)):
        return "z#"
    inner = next((name for operand in step.operands if (name := name_of(operand))), None)
    if function in ACTIVATIONS and (layer := re.fullmatch(r"z(\d+)", inner or "")):
        return f"a{layer[1]}"
    word = WORDS.get(function)
    if word is None:
        word = getattr(function, "__name__", "value")
        word = "total" if function is np.add else f"{word}_{{}}" if len(step.operands) == 1 else word
    if "{}" in word:
        word = word.format(inner) if inner and len(inner) < 12 else word.replace("{}", "").strip("_")
    return {"sum_of": "total", "mean_of": "mean"}.get(word, word.removesuffix("_of"))


def is_product(variable: Variable, makes: Callable[[Variable], Step | None]) -> bool:
    """Whether a value is a product of matrices, or one to which something was added."""
    step = makes(variable)
    while step is not None and step.function is np.add:
        step = next((s for v in step.operands if (s := makes(v))), None)
    return step is not None and step.function in (np.matmul, np.dot)
