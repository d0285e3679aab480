"""What a gradient is put into, entry by entry: at places that the forward pass kept, and with what comes from above.

So is `dx[np.arange(n), kept] = dout.ravel()` of a maximum over windows.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tinygrad_scratch.verifier.rewriting.rewrite import NAMED, PUT_IN, Rewrite
from tinygrad_scratch.verifier.rewriting.text import Source
from tinygrad_scratch.verifier.rewriting.unused import bound_unread, given_unread

PLACES = re.compile(r"arg|idx|ind(?:ex|ices)?|max|cache|where|pos", re.IGNORECASE)
"""The names of what says where something was."""
FROM_ABOVE = re.compile(r"^d|grad|out|delta|up", re.IGNORECASE)
MOST = 6  # names of each sort


def scattered(source: Source, node: ast.Assign | ast.AugAssign) -> Iterator[Rewrite]:
    """Other places, and another value, of a statement that puts something into entries of an array."""
    target = node.targets[-1] if isinstance(node, ast.Assign) else node.target
    if not isinstance(target, ast.Subscript) or not isinstance(target.slice, ast.Tuple):
        return
    for index in target.slice.elts:
        whole = isinstance(index, ast.Slice) and ast.unparse(index) == ":"
        if whole or isinstance(index, ast.Constant):
            for name in names_of_places(source, node):
                kind = "broadcasting-shape" if whole else "wrong-operand"
                said = f"the index {source.code(index)} should be {name}"
                yield Rewrite(node.lineno, *source.span(index), name, kind, said, NAMED)
        if isinstance(index, ast.Slice) and index.upper is not None and index.lower is None:
            text = f"np.arange({source.code(index.upper)})"
            said = f"`{source.code(index)}` takes all rows for each of the others: one of each is due, `{text}`"
            yield Rewrite(node.lineno, *source.span(index), text, "broadcasting-shape", said, NAMED)
    if isinstance(node.value, ast.Constant) and isinstance(node, ast.Assign):
        for name in from_above(source, node):
            for text in (name, f"{name}.ravel()"):
                said = f"what comes from above, {name}, is due"
                yield Rewrite(node.lineno, *source.span(node.value), text, "missing-derivative", said, PUT_IN)


def names_of_places(source: Source, node: ast.stmt) -> list[str]:
    """What a function makes or is given, or an object keeps, and nothing reads; and what is called after places."""
    known = source.words(node.lineno, of_class=True).names
    unread = [*given_unread(source, node.lineno), *bound_unread(source, node)]
    called = [name for name in known if PLACES.search(name.rpartition(".")[2]) and "[" not in name]
    return list(dict.fromkeys([*unread, *kept_unread(source), *called]))[:MOST]


def kept_unread(source: Source) -> list[str]:
    """What objects keep, and no line reads."""
    kept = dict.fromkeys(re.findall(r"\bself\.\w+(?=\s*=[^=])", source.text))
    return [name for name in kept if len(re.findall(rf"{re.escape(name)}\b", source.text)) == 1]


def from_above(source: Source, node: ast.stmt) -> list[str]:
    """What the function around is given, or what it makes of that, and is called as gradients are."""
    around = source.function_around(node.lineno)
    given = [each.arg for each in around.args.args if each.arg != "self"] if around is not None else []
    made = [name for name in source.words(node.lineno).names if FROM_ABOVE.search(name) and name.isidentifier()]
    return list(dict.fromkeys([*given, *made]))[:MOST]
