"""How many entries there are: the product of other lengths of an array than those that stand there."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import combinations

from tinygrad_scratch.verifier.rewriting.part import Part
from tinygrad_scratch.verifier.rewriting.rewrite import NAMED, Rewrite

MOST_LENGTHS = 5  # of one array


def counts(part: Part) -> Iterator[Rewrite]:
    """A count made of the lengths that the function around takes from the shape of an array, of others of them."""
    own = lengths_in(part.node)
    outer = part.around
    if not own or part.in_index or not part.is_value or not (part.is_whole or isinstance(outer, ast.BinOp)):
        return
    if isinstance(outer, ast.BinOp) and isinstance(outer.op, ast.Mult) and lengths_in(outer):  # that is the count
        return
    for lengths in lengths_around(part):
        if own <= set(lengths):
            products = (each for n in range(1, len(lengths) + 1) for each in combinations(lengths, n))
            for text in (" * ".join(each) for each in products if set(each) != own):
                said = f"`{part.code}` counts too few or too many: it should be `{text}`"
                bare = part.is_whole or isinstance(part.node, ast.BinOp)  # that is in brackets where it needs them
                yield part.change(text if bare else f"({text})", "scale-factor", said, NAMED)


def marked(part: Part) -> Iterator[Rewrite]:
    """How many entries are marked with ones, for how many there are: `mask.sum()` for `len(mask)`."""
    match part.node:
        case ast.Call(func=ast.Name(id="len"), args=[ast.Name(id=name)]):
            said = f"`{part.code}` counts all: only those count that are marked, `{name}.sum()`"
            yield part.change(f"{name}.sum()", "scale-factor", said, NAMED)


def lengths_in(node: ast.AST) -> set[str]:
    """The names that a name or a product of names is of; none of anything else."""
    match node:
        case ast.Name(id=name):
            return {name}
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            sides = lengths_in(left), lengths_in(right)
            return sides[0] | sides[1] if all(sides) else set()
    return set()


def lengths_around(part: Part) -> Iterator[list[str]]:
    """The names that statements of the function around give the lengths of an array, all at once."""
    for node in part.source.words(part.line).nodes:
        match node:
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Attribute(attr="shape")):
                found = [name.id for name in names if isinstance(name, ast.Name) and name.id != "_"]
                if 1 < len(found) <= MOST_LENGTHS:
                    yield found
