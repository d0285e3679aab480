"""The changes of one statement: as a whole, its place among the others, and those of each expression in it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from tinygrad_scratch.verifier.rewriting.as_siblings import as_siblings
from tinygrad_scratch.verifier.rewriting.beside_unread import beside_unread
from tinygrad_scratch.verifier.rewriting.carried import carried_over
from tinygrad_scratch.verifier.rewriting.each_turn import begun_in_turns
from tinygrad_scratch.verifier.rewriting.expressions import Expressions
from tinygrad_scratch.verifier.rewriting.indented import into_loop, out_of_loop
from tinygrad_scratch.verifier.rewriting.of_other_holders import of_other_holders
from tinygrad_scratch.verifier.rewriting.rewrite import (
    CHANGED,
    NAMED,
    OF_PENALTY,
    PUT_IN,
    SIZE,
    Rewrite,
    kind_of_name,
)
from tinygrad_scratch.verifier.rewriting.scattered import scattered
from tinygrad_scratch.verifier.rewriting.text import Source, is_near
from tinygrad_scratch.verifier.rewriting.too_early import read_too_early, written_in_place

CHANGED_ALONE = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Return, ast.Expr, ast.For, ast.If, ast.While)
OTHERS = {"+=": ("-=", "*="), "-=": ("+=", "*="), "*=": ("/=", "+=", "-="), "/=": ("*=",)}
MOST_LATER = 12  # statements that one may be moved after


def rewrites_at(source: Source, line: int, texts: Sequence[str] = ()) -> Iterator[Rewrite]:
    """The changes of the statements that begin in a line; of a compound one those of its head.

    The texts are those of the other files of the program.
    """
    seen: set[tuple[int, int, str]] = set()
    for node in source.statements:
        if node.lineno == line and isinstance(node, CHANGED_ALONE) and not may_hold_itself(source, node):
            for change in Statement(source, node, texts).rewrites():
                old = source.text[change.start : change.end]
                rewrite = replace(change, text=with_lines(change.text, old.count("\n")))
                key = rewrite.start, rewrite.end, rewrite.text
                is_new = key not in seen and rewrite.text != old and rewrite.text.count("\n") == old.count("\n")
                if is_new and not is_idle(source, node, rewrite):
                    seen.add(key)
                    yield rewrite


def with_lines(text: str, lines: int) -> str:
    """A text that goes over at least so many lines as what it stands for, if it has brackets to go on in."""
    return text.replace("(", "(" + "\n" * (lines - text.count("\n")), 1)


def is_idle(source: Source, node: ast.stmt, rewrite: Rewrite) -> bool:
    """Whether a name is given what it is: nobody writes that."""
    if not isinstance(node, ast.Assign) or source.span(node.value) != (rewrite.start, rewrite.end):
        return False
    return rewrite.text.strip("() ") == source.code(node.targets[-1])


def sign_in(between: str) -> str:
    """The sign in what stands between a target and its value, which may go on in the next line or in brackets."""
    return re.sub(r"[\s\\(]", "", between)


def may_hold_itself(source: Source, node: ast.stmt) -> bool:
    """Whether a part of an array of objects may be given another value: what holds itself makes NumPy crash."""
    targets = node.targets if isinstance(node, ast.Assign) else []
    parts = (part for target in targets for part in ast.walk(target))
    return source.has_objects and any(isinstance(part, ast.Subscript) for part in parts)


class Statement(Expressions):
    """A statement of a text."""

    def rewrites(self) -> Iterator[Rewrite]:
        node = self.statement
        if isinstance(node, ast.AugAssign):
            yield from self.added(node)
            yield from scattered(self.source, node)
        elif isinstance(node, ast.Assign):
            yield from self.assigned(node)
            yield from begun_in_turns(self.source, node)
            yield from scattered(self.source, node)
        if isinstance(node, ast.Assign | ast.AugAssign | ast.Expr):
            yield from self.later(node)
            yield from carried_over(self.source, node)
        if isinstance(node, ast.Return | ast.AugAssign):
            yield from out_of_loop(self.source, node)
            yield from into_loop(self.source, node)
        if isinstance(node, ast.Assign | ast.AugAssign):
            yield from self.of_same_index(node)
        yield from self.of_expressions()
        yield from as_siblings(self.source, node)
        yield from beside_unread(self.source, node)
        yield from of_other_holders(self.source, node)

    def of_same_index(self, node: ast.Assign | ast.AugAssign) -> Iterator[Rewrite]:
        """Another index on both sides: `dW[1:] += k * W[1:]` for `dW[:-1] += k * W[:-1]`."""
        start, end = self.source.span(node)
        target = node.targets[-1] if isinstance(node, ast.Assign) else node.target
        read = [self.source.code(n.slice) for n in ast.walk(node.value) if isinstance(n, ast.Subscript)]
        index = self.source.code(target.slice) if isinstance(target, ast.Subscript) else ""
        others = self.source.words(self.line).indices if index in read else []
        for other in others:
            text = self.source.text[start:end].replace(f"[{index}]", f"[{other}]")
            said = f"the index {index} should be {other} on both sides"
            yield self.change((start, end), text, "off-by-one", said, NAMED)

    def added(self, node: ast.AugAssign) -> Iterator[Rewrite]:
        """`a += b`: with another sign, set and not added to, and for another name."""
        target = self.source.code(node.target)
        span = self.source.span(node.target)[1], self.source.span(node.value)[0]
        sign = self.source.text[slice(*span)]
        own = sign_in(sign)
        for other in OTHERS.get(own, ()):
            kind = {"+=-=": "sign", "*=/=": "scale-factor"}.get("".join(sorted((own, other))), "wrong-operand")
            yield self.change(span, sign.replace(own, other), kind, f"`{own}` should be `{other}`")
        if isinstance(node.target, ast.Subscript):
            yield from self.each_time(node, node.target, own)
            yield from self.divided_then(node, node.target)
        is_term = own in ("+=", "-=")
        if is_term and isinstance(node.value, ast.Name | ast.Attribute | ast.Subscript):
            said = f"{self.source.code(node.value)} should be 1"
            yield self.change(node.value, "1", "wrong-operand", said, NAMED)
        if own == "+=" and OF_PENALTY.search(self.source.code(node.value)):
            yield from self.mean_before(node, target)
        if isinstance(node.target, ast.Name) and "(" not in sign:
            text = f" = {target} {own.removesuffix('=')} {self.source.operand(node.value)}"
            said = f"`{own}` writes over what {target} was given, which is read later: a new array is due"
            around = self.source.span(node.target)[1], self.source.span(node.value)[1]
            yield self.change(around, text, "inplace-corruption", said)
        said = f"{target} should be set here, and not added to"
        yield self.change(span, sign.replace(own, "="), "overwritten-accumulation", said)
        yield from self.to_another(node.target, target)
        yield from self.to_the_one_before(node, target)
        if is_term:
            yield from self.to_sum(node, target)

    def mean_before(self, node: ast.AugAssign, target: str) -> Iterator[Rewrite]:
        """What was added up, divided by the number of samples where a penalty is added: `dW = dW / n + lam * W`."""
        known = self.source.words(self.line)
        for size in filter(SIZE.fullmatch, dict.fromkeys([*known.divisors, *known.names])):
            text = f"{target} = {target} / {size} + {self.source.code(node.value)}"
            said = f"{target} is not divided by {size} before the penalty is added"
            yield self.change(node, text, "missing-batch-sum-or-mean", said, NAMED)

    def each_time(self, node: ast.AugAssign, target: ast.Subscript, sign: str) -> Iterator[Rewrite]:
        """Entries that are added to as often as their index is named."""
        module = re.search(r"\b(?:numpy|np)\b(?=\.)", self.source.text)
        function = {"+=": "add", "-=": "subtract"}.get(sign)
        fixed = any(isinstance(part, ast.Constant | ast.Slice) for part in ast.walk(target.slice))
        if module and function and not fixed:
            of, index, value = (self.source.code(part) for part in (target.value, target.slice, node.value))
            said = f"`{self.source.code(target)} {sign} ...` counts a repeated index once"
            text = f"{module.group()}.{function}.at({of}, {f'({index})' if ',' in index else index}, {value})"
            yield self.change(node, text, "overwritten-accumulation", said)

    def divided_then(self, node: ast.AugAssign, target: ast.Subscript) -> Iterator[Rewrite]:
        """All of an array divided by the number of samples, once entries of it are changed: `d[rows, labels] -= 1`."""
        whole, written = self.source.code(target.value), self.source.code(node)
        known = self.source.words(self.line)
        for size in dict.fromkeys([*known.divisors, *filter(SIZE.fullmatch, known.names)]):
            if SIZE.fullmatch(size):
                said = f"{whole} is not divided by {size} after it"
                text = f"{written}; {whole} /= {size}"
                yield self.change(node, text, "missing-batch-sum-or-mean", said, NAMED)

    def to_sum(self, node: ast.AugAssign, written: str) -> Iterator[Rewrite]:
        """A step is only added to a sum that has a name like the parameter: `W_sum += g` for `W += rate * g`."""
        value = node.value
        if not isinstance(value, ast.BinOp) or not isinstance(value.op, ast.Mult):
            return
        kept = value.right if isinstance(value.left, ast.Name | ast.Attribute | ast.Constant) else value.left
        for other in self.source.words(self.line).names:
            if written in other and other != written and "[" not in other:
                text = f"{other} += {self.source.code(kept)}"
                said = f"{written} is changed before its last use: `{text}` is meant"
                yield self.change(node, text, "stale-or-updated-weights", said, NAMED)

    def to_the_one_before(self, node: ast.AugAssign, written: str) -> Iterator[Rewrite]:
        """What the statement before this one assigned is changed, and not what is kept for later."""
        block = self.source.block_of(node)
        before = block[block.index(node) - 1] if block.index(node) else None
        if not isinstance(before, ast.Assign) or not isinstance(before.targets[-1], ast.Name | ast.Attribute):
            return
        other = self.source.code(before.targets[-1])
        if other != written:
            said = f"{written} is written over here: {other} is meant"
            yield self.change(node.target, other, "inplace-corruption", said)

    def assigned(self, node: ast.Assign) -> Iterator[Rewrite]:
        """`a = b`: added to and not set, for another name, and two names with an array each."""
        target, value = node.targets[-1], node.value
        span = self.source.span(target)[1], self.source.span(value)[0]
        sign, name = self.source.text[slice(*span)], self.source.code(target)
        if sign_in(sign) != "=":
            return
        if len(node.targets) > 1:
            parts = [f"{self.source.code(part)} = {self.source.code(value)}" for part in node.targets]
            names = " and ".join(self.source.code(part) for part in node.targets)
            said = f"{names} are one and the same here: what is written to one is in the other"
            yield self.change(node, "; ".join(parts), "inplace-corruption", said)
        elif not isinstance(target, ast.Tuple | ast.List):
            own = any(self.source.code(node) == name for node in ast.walk(value) if isinstance(node, ast.expr))
            own |= isinstance(value, ast.Constant) and value.value == 0  # to which nothing is to be added
            for other in () if own else ("+=", "-="):  # what adds to itself is not written over
                said = f"{name} is written over: add to it, with `{other}` instead of `=`"
                tier = CHANGED if other == "+=" else PUT_IN
                yield self.change(span, sign.replace("=", other), "overwritten-accumulation", said, tier)
            if isinstance(target, ast.Subscript) and not own:
                said = f"{name} is written over: multiply it, with `*=` instead of `=`"
                yield self.change(span, sign.replace("=", "*="), "overwritten-accumulation", said)
            yield from self.to_another(target, name)

    def to_another(self, target: ast.expr, written: str) -> Iterator[Rewrite]:
        """The same for another name, or for one entry of it."""
        words = self.source.words(self.line)
        for other in words.names:
            if is_near(written, other) and other != written:
                kind = kind_of_name(written, other)
                yield self.change(target, other, kind, f"{written} should be {other}", PUT_IN)
        if isinstance(target, ast.Name | ast.Attribute):
            if any(self.source.code(loop.target) == written for loop in self.source.loops_over(self.line)):
                said = f"only the name {written} gets that, and not what the loop goes over"
                yield self.change(target, f"{written}[:]", "inplace-corruption", said)
            for index in words.indices:
                said = f"all of {written} is meant to be `{written}[{index}]`"
                yield self.change(target, f"{written}[{index}]", "broadcasting-shape", said, NAMED)

    def later(self, node: ast.Assign | ast.AugAssign | ast.Expr) -> Iterator[Rewrite]:
        """The statement after one of those that follow it in its block: what it changes is read there."""
        block = self.source.block_of(node)
        last = max(node.end_lineno or 0, node.lineno)
        start, end = self.source.at(node.lineno), self.source.starts[min(last, len(self.source.lines))]
        own = self.source.text[start:end]
        alone = sum(other.lineno <= last and (other.end_lineno or 0) >= node.lineno for other in block) == 1
        if not own.endswith("\n") or not alone:
            return
        changed = written_in_place(node)
        name = self.source.code(changed or (node.targets[0] if isinstance(node, ast.Assign) else node))
        after = block[block.index(node) + 1 :][:MOST_LATER]
        for count, other in enumerate(after, 1):
            until = self.source.starts[min(other.end_lineno or 0, len(self.source.lines))]
            moved = self.source.text[end:until]
            if not moved.endswith("\n"):
                return
            said = f"{name} is changed before its last use: line {other.end_lineno} needs it as it was"
            if changed is None and isinstance(node, ast.Expr):
                said = f"`{name}` comes too early: line {other.end_lineno} needs what it changes as that was"
            penalty = isinstance(node, ast.AugAssign) and OF_PENALTY.search(self.source.code(node.value))
            kind = "regularisation" if penalty else "stale-or-updated-weights"
            early = None if penalty else read_too_early(node, after[:count])
            about = name if changed is not None and not (penalty or early) else ""
            yield Rewrite(self.line, start, until, moved + own, *(early or (kind, said)), about=about)
