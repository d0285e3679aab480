"""Another value that is chosen for a name, as by `y = z[t]`: what the line that reads it makes of it tells its kind."""

from __future__ import annotations

import ast
import re

from tinygrad_scratch.verifier.reading.derivative_names import OF_RESULT
from tinygrad_scratch.verifier.rewriting.part import NAMES
from tinygrad_scratch.verifier.rewriting.rewrite import SLOPE
from tinygrad_scratch.verifier.rewriting.text import Source, lines_of


def is_chosen_for_slope(source: Source, line: int) -> bool:
    """Whether a line only chooses a value for a name, and all that reads it then takes a slope by it: `y * (1 - y)`."""
    own, around = source.statement_on(line), source.function_around(line)
    match own:
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if isinstance(value, NAMES):
            within = lines_of(around) if around is not None else range(1, source.text.count("\n") + 2)
            others = [node for node in source.statements if node.lineno in within and node is not own]
            until = min((n.lineno for n in others if n.lineno > line and gives(n, name)), default=within[-1] + 1)
            reads = [node for node in others if line < node.lineno <= until and is_read_in(node, name)]
            return bool(reads) and all(is_slope_by(source.code(node), name) for node in reads)
    return False


def gives(node: ast.stmt, name: str) -> bool:
    """Whether a statement gives another value to a name."""
    return isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets)


def is_read_in(node: ast.stmt, name: str) -> bool:
    """Whether a simple statement reads a name."""
    uses = (n for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load) and n.id == name)
    return not hasattr(node, "body") and next(uses, None) is not None


def is_slope_by(code: str, name: str) -> bool:
    """Whether a statement has the slope of a sigmoid or a tanh by a result of a name, or that of a function at it.

    >>> is_slope_by("dz = d * (1 - h ** 2)", "h"), is_slope_by("dz = d * (1 - h ** 2)", "d")
    (True, False)
    >>> is_slope_by("sp = sigmoid_prime(z)", "z"), is_slope_by("s = sigmoid(z)", "z")
    (True, False)
    """
    text = re.sub(r"\s", "", code)
    functions = re.findall(rf"([\w.]+)\({name}\)", text)
    slopes = OF_RESULT.finditer(text)
    by_result = any(re.fullmatch(rf"(?:\w+\.)?{name}", part or "") for slope in slopes for part in slope.groups())
    return by_result or any(map(SLOPE.search, functions))
