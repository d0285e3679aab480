"""A change of the source with which all gradients are right."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tinygrad_scratch.verifier.anywhere import both_ways
from tinygrad_scratch.verifier.rewriting.rewrite import Rewrite
from tinygrad_scratch.verifier.rewriting.text import effort, source_of
from tinygrad_scratch.verifier.source import TOKEN, statement_in, text_of, without_brackets

SIMPLE = ast.Assign | ast.AugAssign
NUMBERED = re.compile(r"(?<=[A-Za-z_])\d+")
OF_A_LINE = 4  # words: what it takes to move one


@dataclass
class Hit:
    """A change, and the check of the calls made with it."""

    file: str
    rewrite: Rewrite
    check: Any

    @cached_property
    def written(self) -> str:
        return statement_in(text_of(self.file), self.rewrite.line, None)

    @cached_property
    def right(self) -> str:
        """The statement as it should be; nothing where lines change places."""
        if "\n" in self.rewrite.text:
            return ""
        if "; " in self.rewrite.text:  # two statements for one
            return self.rewrite.text
        changed = statement_in(self.rewrite.of(text_of(self.file)), self.rewrite.line, None)
        return changed if changed.count("(") == self.written.count("(") else without_brackets(changed, self.written)

    @cached_property
    def effort(self) -> int:
        """How many words and signs the change is of."""
        return effort(self.written, self.right) if self.right else OF_A_LINE

    @property
    def takes_away(self) -> bool:
        """Whether less is right than was written."""
        return 0 < len(TOKEN.findall(self.right)) < len(TOKEN.findall(self.written))

    @cached_property
    def meant(self) -> tuple[int, int]:
        """How many of the values with a name are gradients with it: up to a factor, and as they are."""
        return both_ways(self.check.case, self.check.case.replay())

    @cached_property
    def is_as_others(self) -> bool:
        """Whether the statement is as another one of the file then, but for the numbers of the names, and wasn't."""
        source = source_of(text_of(self.file))
        nodes = [n for n in source.statements if n.lineno != self.rewrite.line and isinstance(n, SIMPLE)]
        others = {unnumbered(source.code(node)) for node in nodes}
        return unnumbered(self.right) in others and unnumbered(self.written) not in others

    def likelihood(self) -> tuple[bool, bool, int, int, int]:
        """Less is likelier: right in no other convention, as other lines are, more gradients, less to believe."""
        others = not self.is_as_others
        return bool(self.check.case.convention), others, -self.meant[1], self.rewrite.tier, self.effort

    @property
    def said(self) -> str:
        return self.right or self.rewrite.sentence


def unnumbered(code: str) -> str:
    """A statement without spaces, and without the numbers in its names."""
    return NUMBERED.sub("#", re.sub(r"\s+", "", code))
