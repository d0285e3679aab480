"""What a check recorded, made once more: recorded anew, or as plain as it is without a check."""

from __future__ import annotations

import ast
import contextlib
import sys
from collections.abc import Callable
from functools import cached_property, partial
from types import CodeType, FrameType
from typing import Any, Self

from tinygrad_scratch.verifier.reading.source import end_of_head, nested, statements, text_of
from tinygrad_scratch.verifier.recording.minimised import Handed, Objectives, stopped_at_once
from tinygrad_scratch.verifier.recording.stand_ins import their_modules
from tinygrad_scratch.verifier.rewriting.rewrite import Rewrite
from tinygrad_scratch.verifier.rewriting.text import lines_of, source_of
from tinygrad_scratch.verifier.running.elsewhere import Left, leave, left_after_a_turn
from tinygrad_scratch.verifier.running.functions import Functions, functions_in
from tinygrad_scratch.verifier.running.state import Draws, state_of_draws

Run = Callable[[], dict[str, Any]]
Ends = dict[tuple[str, int], int]
"""How many turns of a loop, by its file and line, are made before the one that is judged."""
FEW_VALUES = 100_000  # below which generators of random numbers are looked for as a check begins


class Again:
    """A person's calls: the variables that they begin with, and the random numbers."""

    def __init__(self, variables: dict[str, Any], read_first: list[Any]) -> None:
        self.variables = variables
        self.read_first = read_first
        self.draws = Draws(read_first, FEW_VALUES)

    def before_import(self) -> Callable[[], None]:
        """What sees after an import whether that drew random numbers, or set their seed: no later run imports it."""
        before = state_of_draws()

        def see() -> None:
            if state_of_draws() != before:
                self.draws = Draws(self.read_first, FEW_VALUES)

        return see

    def read(self) -> list[Any]:
        """The values that the calls begin with."""
        return list(self.variables.values())

    def recorded(self, kind: Any) -> Any:
        """The same check, made of a class of checks."""
        raise NotImplementedError

    def plain(self, file: str, rewrite: Rewrite | None) -> Run | None:
        """What makes the calls, with a change outside of all functions, and returns the variables after them."""
        raise NotImplementedError

    def makes_anew(self, file: str) -> bool:
        """Whether the functions of a file are defined by each run."""
        return False

    def holds(self, file: str, line: int) -> bool:
        """Whether a line is one of the block that only makes the calls."""
        return False

    def leaves_out(self, file: str, line: int) -> bool:
        """Whether a line is one around the calls that no run makes once more."""
        return False

    def ends(self) -> Callable[[FrameType], None] | None:
        """What sees each line of a plain run, and ends it; None where it ends by itself."""
        return None

    def strays(self) -> bool:
        """Whether a change also moves what the calls that are judged begin with, as turns before theirs do."""
        return False


class Block(Again):
    """The `with` statement of a check, made in a copy of the variables that it began with."""

    def __init__(self, frame: FrameType, make: Callable[[Any], Any]) -> None:
        super().__init__({**frame.f_globals, **frame.f_locals}, values_read_in(frame))
        self.file, self.line, self.make = frame.f_code.co_filename, frame.f_lineno, make

    def recorded(self, kind: Any) -> Any:
        check, code = self.make(kind), self.code_in(text_of(self.file))
        if code is None:
            return None
        with contextlib.suppress(Exception, SystemExit):
            exec(code, {**self.variables, CHECK: check})
        return check

    def plain(self, file: str, rewrite: Rewrite | None) -> Run | None:
        _, code, lines = self.as_written
        if rewrite is not None and file == self.file and rewrite.line in lines:
            code = self.code_of(self.with_change(rewrite))
        return partial(self.run, code) if code is not None else None

    def holds(self, file: str, line: int) -> bool:
        return file == self.file and line in self.as_written[2]

    def leaves_out(self, file: str, line: int) -> bool:
        """Whether a line is of the function that has the block, and not of the block."""
        if file != self.file or self.holds(file, line):
            return False
        source = source_of(text_of(file))
        return (around := source.function_around(self.line)) is not None and around is source.function_around(line)

    def read(self) -> list[Any]:
        _, code, _ = self.as_written
        names = {name for each in nested(code) for name in each.co_names} if code is not None else set()
        return [value for name, value in self.variables.items() if name in names]

    def run(self, code: CodeType) -> dict[str, Any]:
        check = Plain()
        variables = {**self.variables, CHECK: check}
        exec(code, variables)
        return {**variables, "gradients": check.gradients, "holders": check.holders}

    @cached_property
    def as_written(self) -> tuple[str, CodeType | None, range]:
        """The text of the file, the code of the block, and its lines."""
        text = text_of(self.file)
        node = self.node_in(text)
        return text, self.code_in(text), lines_of(node) if node is not None else range(0)

    def with_change(self, rewrite: Rewrite) -> ast.With | None:
        """The block of the changed text, parsed alone."""
        text, _, lines = self.as_written
        source = source_of(text)
        start, end = source.at(lines.start), source.starts[lines.stop - 1]
        own = text[start : rewrite.start] + rewrite.text + text[rewrite.end : end]
        head = "if 1:\n" if own[:1].isspace() else "\n"
        tree = ast.parse("\n" * (lines.start - 2) + head + own) if lines.start > 1 else ast.parse(own)
        return next((node for node in ast.walk(tree) if isinstance(node, ast.With)), None)

    def code_in(self, text: str) -> CodeType | None:
        return self.code_of(self.node_in(text))

    def code_of(self, node: ast.With | None) -> CodeType | None:
        """The code of the block, which takes the check from a variable; None where its text isn't known."""
        if node is None:
            return None
        items, own = list(node.items), self.item_in(node)
        check = ast.copy_location(ast.Name(CHECK, ast.Load()), node)
        items[own] = ast.withitem(check, items[own].optional_vars)
        block = ast.copy_location(ast.With(items, [*node.body[:-1], without_return(node.body[-1])]), node)
        try:
            return compile(ast.Module([block], []), self.file, "exec", dont_inherit=True)
        except SyntaxError:  # it returns, or waits, in its midst
            return None

    def item_in(self, node: ast.With) -> int:
        """Which of several contexts of a statement is the check."""
        return next((i for i, item in enumerate(node.items) if self.is_check(item.context_expr)), 0)

    def is_check(self, node: ast.expr) -> bool:
        """Whether an expression is a check, or the call that makes one."""
        named = node.func if isinstance(node, ast.Call) else node
        if not all(isinstance(each, ast.Name | ast.Attribute | ast.expr_context) for each in ast.walk(named)):
            return False
        try:
            value = eval(compile(ast.Expression(named), self.file, "eval"), {**self.variables})
        except (NameError, AttributeError):
            return False
        return hasattr(value, "loss_is")

    def node_in(self, text: str) -> ast.With | None:
        found = [n for n in statements(text) if isinstance(n, ast.With) and n.lineno <= self.line <= end_of_head(n)]
        return found[-1] if found else None


def without_return(last: ast.stmt) -> ast.stmt:
    """The last statement of a block; what it returns is worked out and dropped."""
    if not isinstance(last, ast.Return):
        return last
    return ast.copy_location(ast.Expr(last.value or ast.copy_location(ast.Constant(None), last)), last)


def values_read_in(frame: FrameType) -> list[Any]:
    """The variables of a running function, and the globals that it mentions."""
    names = {name for code in nested(frame.f_code) for name in code.co_names}
    outer = [] if frame.f_globals is frame.f_locals else [frame.f_globals[n] for n in names if n in frame.f_globals]
    return [*frame.f_locals.values(), *outer]


CHECK = "__check__"


class Plain:
    """Stands for a check in a block that is not recorded."""

    loss: Any = None
    gradients: Any = None
    holders: Any = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None: ...

    def loss_is(self, name: str, output: Any, target: Any) -> None: ...

    def gradients_from_step(self, rate: float) -> None: ...

    def gradients_in(self, *holders: Any) -> None:
        self.holders = holders


class Call(Again):
    """A check that one call makes, as of a layer or a function."""

    def __init__(self, variables: dict[str, Any], make: Callable[[Any], Any], plain: Callable[[], Any]) -> None:
        super().__init__(variables, list(variables.values()))
        self.make, self.call = make, plain

    def recorded(self, kind: Any) -> Any:
        return self.make(kind)

    def plain(self, file: str, rewrite: Rewrite | None) -> Run:
        return lambda: {**self.variables, "returned": self.call()}


class TurnEnds(Exception):  # noqa: N818  # it is no error
    """A turn of the training loop has come to its end."""


class TurnsElsewhere:
    """Sees the loop of an imported file turn, and ends the run after so many turns; others are left after one."""

    def __init__(self, file: str, lines: range, turns: int, left: tuple[Left, ...]) -> None:
        self.file, self.first, self.turns, self.left = file, lines.start, turns, left
        self.loops = [lines, *(range(each.first, each.last + 1) for each in left if each.file == file)]
        self.inside: dict[int, set[int]] = {}  # by the id of what runs: where the loops begin that it is in

    def see(self, frame: FrameType) -> None:
        if frame.f_code.co_filename != self.file:
            return
        is_next_turn = frame.f_lineno in self.inside.get(id(frame), ())
        if is_next_turn and frame.f_lineno == self.first:
            self.turns -= 1
            if not self.turns:
                raise TurnEnds
        elif is_next_turn:
            leave(frame, self.left)
        self.inside[id(frame)] = {lines.start for lines in self.loops if frame.f_lineno in lines}


class Turns:
    """The turns of a loop that a run makes until one tells of all gradients; a change is made for that one alone."""

    def __init__(self, count: int, change: Callable[[], None]) -> None:
        self.left, self.change = count, change

    def end(self) -> None:
        self.left -= 1
        if not self.left:
            raise TurnEnds
        if self.is_last():
            self.change()

    def is_last(self) -> bool:
        return self.left == 1


class Script(Again):
    """A script of which one turn of the training loop is judged.

    `make` makes the check of a class of checks, of the turn of a loop that is given; `run` runs code as the script.
    """

    def __init__(
        self, file: str, make: Callable[[Any, Ends], Any], run: Callable[[list[CodeType], dict[str, Any]], Any]
    ) -> None:
        super().__init__({}, [])
        self.file, self.make_check, self.run = file, make, run
        self.loop, self.line, self.turns = "", 0, 1  # file and line of the loop, and how many turns until one tells
        self.is_minimised = False  # whether the run ended with what a minimiser is given
        self.until_loss = 0  # how many more until one computes a loss
        self.seen: set[tuple[str, int]] = set()  # the loops that the run came to
        self.left: tuple[Left, ...] = ()  # loops that are left after a turn

    def recorded(self, kind: Any) -> Any:
        return self.make_check(kind, {(self.loop, self.line): self.turns - 1})

    def makes_anew(self, file: str) -> bool:
        return file == self.file

    def plain(self, file: str, rewrite: Rewrite | None) -> Run | None:
        if self.is_minimised:
            return partial(self.run_until_minimised, self.codes_with(rewrite if file == self.file else None))
        if rewrite is None or file != self.file:
            return partial(self.run_until_end, self.codes_with(None))
        source = source_of(text_of(file))
        loop = loop_at(source.tree, self.line) if self.loop == file else None
        inside = loop is not None and rewrite.line in lines_of(loop)  # of a function that runs the loop, too
        if self.strays() and not inside and source.function_around(rewrite.line) is not None:
            return partial(self.run_until_end, self.codes_with(None), rewrite)
        return partial(self.run_until_end, self.codes_with(rewrite))

    def codes_with(self, rewrite: Rewrite | None) -> list[CodeType]:
        """The code of the script, of which a change makes those statements anew that it is in."""
        if rewrite is None:
            return [code for *_, code in self.parts]
        inside = [i for i, (start, end, _) in enumerate(self.parts) if start <= rewrite.end and rewrite.start < end]
        first, last = inside[0], inside[-1]
        text, start, end = text_of(self.file), self.parts[first][0], self.parts[last][1]
        changed = text[start : rewrite.start] + rewrite.text + text[rewrite.end : end]
        codes = [code for *_, code in self.parts]
        code = self.compiled(text.count("\n", 0, start), changed, text[start:end])
        return [*codes[:first], code, *codes[last + 1 :]]

    @cached_property
    def parts(self) -> list[tuple[int, int, CodeType]]:
        """The statements of the script one by one, as where each begins and ends, and its code."""
        text = text_of(self.file)
        source = source_of(text)
        nodes = source.tree.body if "__future__" not in text else []
        firsts = [min([n.lineno, *(d.lineno for d in getattr(n, "decorator_list", ()))]) for n in nodes]
        after = zip(nodes, firsts[1:], strict=False)  # what begins in the last line of another is one part with it
        starts = [0, *(source.at(first) for node, first in after if first > (node.end_lineno or 0))]
        ends = [*starts[1:], len(text)]
        return [(a, b, self.compiled(text.count("\n", 0, a), text[a:b])) for a, b in zip(starts, ends, strict=True)]

    def compiled(self, lines: int, text: str, before: str | None = None) -> CodeType:
        """The code of statements that so many lines are before; the training loop calls something after each turn.

        Where the turns of it make what they were `before` a change, only the last one is made with that.
        """
        text = "\n" * lines + text
        tree = left_after_a_turn(ast.parse(text), self.file, self.left)
        is_here = self.loop == self.file and lines < self.line <= text.count("\n") + 1
        loop = loop_at(tree, self.line) if is_here else None
        if loop is not None:
            if before is not None and self.strays():
                own = loop_at(ast.parse("\n" * lines + before), self.line)
                other = own.body if own is not None else loop.body
                loop.body = [ast.copy_location(ast.If(called(IS_LAST, loop), loop.body, other), loop)]
            loop.body.append(ast.copy_location(ast.Expr(called(CHECK, loop)), loop))
        return compile(tree, self.file, "exec", dont_inherit=True)

    def ends(self) -> Callable[[FrameType], None] | None:
        if self.loop in ("", self.file):
            return None
        loop = loop_at(source_of(text_of(self.loop)).tree, self.line)
        return TurnsElsewhere(self.loop, lines_of(loop), self.turns, self.left).see

    def strays(self) -> bool:
        return self.turns > 1

    def run_until_end(self, codes: list[CodeType], rewrite: Rewrite | None = None) -> dict[str, Any]:
        """The variables at the end of the turn, those of the functions that it is in among them.

        A change of a function is made before the last turn alone.
        """
        with contextlib.ExitStack() as stack:
            turns = Turns(self.turns, lambda: self.change(rewrite, stack))
            variables: dict[str, Any] = {CHECK: turns.end, IS_LAST: turns.is_last}
            try:
                self.run(codes, variables)
            except TurnEnds as end:
                trace = end.__traceback__
                while trace is not None:
                    if trace.tb_frame.f_code.co_filename in (self.file, self.loop):
                        variables |= trace.tb_frame.f_locals
                    trace = trace.tb_next
        return variables

    def run_until_minimised(self, codes: list[CodeType]) -> dict[str, Any]:
        """The gradient that a minimiser is given first, of the function that is judged."""
        with stopped_at_once(self.namespaces, Objectives(self.turns - 1)):
            try:
                self.run(codes, {})
            except Handed as handed:
                return {"given": handed.gradient}
        return {}

    @cached_property
    def namespaces(self) -> list[dict[str, Any]]:
        return list(their_modules())

    def change(self, rewrite: Rewrite | None, stack: contextlib.ExitStack) -> None:
        """Change a function of the script that is running, which is the main module meanwhile."""
        if rewrite is not None:
            own = functions_in(vars(sys.modules["__main__"]), self.file)
            stack.enter_context(Functions(self.file, own).changed(rewrite))


def loop_at(tree: ast.AST, line: int) -> ast.For | ast.While | None:
    """The loop that begins in a line; it is looked for in the statements around that line alone."""
    for node in ast.iter_child_nodes(tree):
        first, last = getattr(node, "lineno", line), getattr(node, "end_lineno", line)
        if not first <= line <= last or isinstance(node, ast.expr):
            continue
        if isinstance(node, ast.For | ast.While) and first == line:
            return node
        if (inner := loop_at(node, line)) is not None:
            return inner
    return None


def called(name: str, loop: ast.stmt) -> ast.Call:
    """A call in the line in which a loop begins."""
    return ast.fix_missing_locations(ast.copy_location(ast.Call(ast.Name(name, ast.Load()), [], []), loop))


IS_LAST = "__is_last__"
