"""Which of a person's functions only return something, and leave all as it was: these may be called once more."""

from __future__ import annotations

import dis
import re
from types import CodeType, FunctionType

from tinygrad_scratch.verifier.reading.source import nested
from tinygrad_scratch.verifier.rewriting.rewrite import BACK

CALLED = re.compile(r"(\w+)\(")
KEEPS = {"STORE_ATTR", "STORE_SUBSCR", "STORE_GLOBAL", "DELETE_ATTR", "DELETE_SUBSCR"}
CHANGING = {
    "append", "appendleft", "extend", "insert", "remove", "pop", "popleft", "popitem", "clear", "update", "setdefault",
    "sort", "fill", "put", "resize", "copyto", "at", "random", "shuffle", "next", "send", "write", "setattr", "input",
    "open", "sleep",
}  # fmt: skip


def loud_names(own: list[FunctionType]) -> set[str]:
    """The names of what changes something that lasts, of functions of a person's own and of others than theirs."""
    mentioned: dict[str, set[str]] = {}
    found = set(CHANGING)
    for function in own:
        codes = list(nested(function.__code__))
        mentioned.setdefault(function.__name__, set()).update(name for code in codes for name in code.co_names)
        if any(is_keeping(code) for code in codes):
            found.add(function.__name__)
    while True:
        more = {name for name, inside in mentioned.items() if name not in found and not found.isdisjoint(inside)}
        if not more:
            return found
        found |= more


def is_keeping(code: CodeType) -> bool:
    """Whether a function stores something in what it did not make, or changes it in place, as far as its code tells."""
    return any(
        each.opname in KEEPS or (each.opname == "BINARY_OP" and each.argrepr.endswith("="))
        for each in dis.get_instructions(code)
    )


def calls_loudly(before: str, after: str, loud: set[str]) -> bool:
    """Whether a change calls what changes something that lasts and was not called; a pull back may be what is missing.

    >>> calls_loudly("dz", "self.act.forward(dz)", {"forward"}), calls_loudly("dz", "act.backward(dz)", {"backward"})
    (True, False)
    """
    new = {*CALLED.findall(after)} & loud - {*CALLED.findall(before)}
    return any(not BACK.search(name) for name in new)


def is_quiet(code: CodeType, loud: set[str]) -> bool:
    """Whether an expression may be worked out once more; a comprehension may store in what it did not make."""
    inner = [each for each in code.co_consts if isinstance(each, CodeType)]
    writes = any(isinstance(each, tuple) and "out" in each for each in code.co_consts)  # the keywords of a call
    is_loud = writes or not loud.isdisjoint(code.co_names)
    return not is_loud and all(is_quiet(each, loud) and not is_keeping(each) for each in inner)
