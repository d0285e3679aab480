"""The line of a part of a statement: one over several lines is told at the line on which it is wrong."""

from __future__ import annotations

import io
import tokenize
from itertools import accumulate

from tinygrad_scratch.verifier.reading.source import Marked, end_of_head, statements, text_of, without_blanks

NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def line_of_part(file: str, line: int, written: Marked) -> int:
    """The line on which the marked part of a statement begins; the statement's own where that is not to be found.

    What is only put in, so that nothing is marked, is told at what stands before it.
    """
    text = text_of(file)
    around = [node for node in statements(text) if node.lineno <= line <= end_of_head(node)]
    first, last = (around[-1].lineno, end_of_head(around[-1])) if around else (line, line)
    if first == last:
        return line
    signs = signs_of("\n".join(text.splitlines()[first - 1 : last]))
    code = "".join(without_blanks(sign) for sign, _ in signs)
    start = code.find(without_blanks(written.text))
    if start < 0:
        return line
    before = start + len(without_blanks(written.text[: written.start])) - (not written.part)
    ends = accumulate(len(without_blanks(sign)) for sign, _ in signs)
    return first - 1 + next(row for (_, row), end in zip(signs, ends, strict=True) if end > before)


def signs_of(segment: str) -> list[tuple[str, int]]:
    """The words and signs of a statement, each with its line, from 1 on."""
    found = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(segment.lstrip()).readline):
            if token.type not in NO_CODE:
                found.append((token.string, token.start[0]))
    except (tokenize.TokenError, IndentationError):  # a head without its body
        pass
    return found
