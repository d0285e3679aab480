"""What people say of a statement in comments."""

from __future__ import annotations

import io
import tokenize
from functools import lru_cache

from tinygrad_scratch.verifier.reading.source import end_of_head, statements, text_of


def remark_on(file: str, line: int) -> str:
    """The comments in the lines of the statement that a line belongs to, and in those right above it."""
    text = text_of(file)
    lines, said = text.splitlines(), comments_in(text)
    found = [node for node in statements(text) if node.lineno <= line <= end_of_head(node)]
    first, last = (found[-1].lineno, end_of_head(found[-1])) if found else (line, line)
    while first - 1 in said and lines[first - 2].lstrip().startswith("#"):
        first -= 1
    return " ".join(said[number] for number in range(first, last + 1) if number in said)


@lru_cache(maxsize=64)
def comments_in(text: str) -> dict[int, str]:
    """The comments of a text, by their lines."""
    found: dict[int, str] = {}
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                found[token.start[0]] = token.string.lstrip("# ")
    except (tokenize.TokenError, IndentationError, SyntaxError):  # of what is no Python some is known
        pass
    return found
