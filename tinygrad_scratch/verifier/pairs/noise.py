"""Noise in updates: random numbers that are drawn for nothing but to be added to a step, as Langevin dynamics do."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache

import numpy as np

from tinygrad_scratch.verifier.pairs.update_steps import is_plain_number
from tinygrad_scratch.verifier.reading.loops import names_in
from tinygrad_scratch.verifier.reading.places import Place
from tinygrad_scratch.verifier.reading.source import start_of_function_in, statements, statements_on, text_of
from tinygrad_scratch.verifier.recording.edits import name_of
from tinygrad_scratch.verifier.recording.steps import Step, renamed
from tinygrad_scratch.verifier.recording.tape import Tape

DRAWN = re.compile(r"\b(?:randn?|standard_(?:normal|t|cauchy)|(?:multivariate_)?normal|uniform|laplace|random|gauss)\(")
NAME = re.compile(r"[A-Za-z_]\w*")
SCALING = {"multiply", "divide", "negative", "copy", "array", "asarray", "astype", "reshape", "ravel", "T", "getitem"}


def drawn_for(
    tape: Tape, updated: list[set[int]], names: dict[int, list[str]], parameters: set[int]
) -> Iterator[tuple[int, int]]:
    """What was drawn for the update of one parameter alone, with the place of that; `updated` is what each became."""
    readers: dict[int, list[Step]] = {}
    for step in tape.steps:
        for node in step.reads:
            readers.setdefault(node, []).append(step)
    for step in tape.steps:
        is_given = step.function is None and step.makes[0] not in parameters
        if is_given and tape.nodes[step.makes[0]].value.dtype.kind == "f":
            way = Way(tape, readers, updated, parameters)
            node = step.makes[0]
            first = next(iter(readers.get(node, ())), None)
            if first is not None and is_drawn(first, names.get(node, ())) and (place := way.end_of(node)) is not None:
                yield node, place


class Way:
    """The way of some numbers into the update of a parameter."""

    def __init__(
        self, tape: Tape, readers: dict[int, list[Step]], updated: list[set[int]], parameters: set[int]
    ) -> None:
        self.tape, self.readers, self.updated, self.parameters = tape, readers, updated, parameters

    def end_of(self, drawn: int) -> int | None:
        """The place of the one parameter whose update some numbers are a term of; None where they go elsewhere, too."""
        size, found, seen = self.tape.nodes[drawn].value.size, set[int](), {drawn}
        waiting, alone = [drawn], {drawn}  # what is made of these numbers alone
        while waiting:
            node = waiting.pop()
            steps = self.readers.get(node, [])
            if not steps:
                return None
            for step in steps:
                if len(step.makes) != 1 or self.tape.nodes[step.makes[0]].value.size != size:
                    return None
                made = step.makes[0]
                if node in alone and not self.is_term(step, node, made):
                    return None
                if node in alone and name_of(step.function) not in ("add", "subtract"):
                    alone.add(made)
                ends = {i for i, nodes in enumerate(self.updated) if made in nodes}
                if made in self.parameters or (ends and made in alone):
                    return None
                found |= ends
                if made not in seen and not ends:
                    waiting.append(made)
                seen.add(made)
        return found.pop() if len(found) == 1 else None

    def is_term(self, step: Step, node: int, made: int) -> bool:
        """Whether a call adds numbers to something, or makes others of them alone.

        What is taken off a parameter itself is no noise, but data, unless that is the update.
        """
        name, value = name_of(step.function), self.tape.nodes[node].value
        others = [read for read in step.reads if read != node and not is_plain_number(self.tape, read)]
        if name in ("add", "subtract"):
            is_update = any(made in nodes for nodes in self.updated)
            summed = all(name_of(reader.function) in ("add", "subtract") for reader in self.readers.get(made, ()))
            return len(others) == 1 and (is_update or summed or not self.is_given(others[0]))
        if step.function is renamed or (name in SCALING and not others):
            return True
        return name in ("multiply", "divide") and bool(np.any(value > 0) and np.any(value < 0))

    def is_given(self, node: int) -> bool:
        return self.tape.steps[self.tape.nodes[node].step].function is None


def draws_number(step: Step) -> bool:
    """Whether a call is given a plain number that its statement may have drawn: `scale * rng.normal()`."""
    given = step.arguments if isinstance(step.arguments, tuple) else ()
    return step.place is not None and any(type(part) is float for part in given) and draws_at(step.place)


def is_drawn(step: Step, names: Iterable[str]) -> bool:
    """Whether what a call reads was drawn in its statement, or, under a name, in the loop or the function around it.

    What a function is given may be drawn where that is called.
    """
    called = {part for name in names for part in NAME.findall(name)} - {"self"}
    if step.place is None or not called:
        return step.place is not None and draws_at(step.place)
    if step.caller is not None and called & given_to(step.place):
        handed = {part for code in written_at(step.caller) for part in NAME.findall(code)}
        return draws_at(step.caller) or bool(handed & drawn_around(step.caller))
    return bool(called & drawn_around(step.place))


def written_at(place: Place) -> tuple[str, ...]:
    return statements_on(text_of(place.file), place.line)


def draws_at(place: Place) -> bool:
    return any(draws(place.file, code) for code in written_at(place))


@cache
def given_to(place: Place) -> set[str]:
    """The names under which the function around a place takes what it is given."""
    text = text_of(place.file)
    first = start_of_function_in(text, place.line)
    around = [each for each in statements(text) if isinstance(each, ast.FunctionDef) and each.lineno == first]
    return {argument.arg for each in around for argument in (*each.args.args, *each.args.kwonlyargs)}


@cache
def draws(file: str, code: str) -> bool:
    """Whether a statement draws random numbers, or calls a function of the file that returns such ones."""
    if DRAWN.search(code):
        return True
    returning = {
        each.name: ast.unparse(each.body[-1])
        for each in statements(text_of(file))
        if isinstance(each, ast.FunctionDef) and isinstance(each.body[-1], ast.Return)
    }
    return any(DRAWN.search(returning.get(name, "")) for name in re.findall(r"\b([A-Za-z_]\w*)\(", code))


@cache
def drawn_around(place: Place) -> set[str]:
    """The names that are given random numbers in the outermost loop around a place, or else in its function."""
    text = text_of(place.file)
    around = start_of_function_in(text, place.line)
    own = [each for each in statements(text) if start_of_function_in(text, each.lineno) == around]
    loops = [each for each in own if isinstance(each, ast.For | ast.While)]
    first = min((e.lineno for e in loops if e.lineno <= place.line <= (e.end_lineno or 0)), default=around)
    found = set[str]()
    for each in own:
        if each.lineno < first or (not around and not first):
            continue
        match each:
            case ast.Assign(targets=[target], value=value) if draws(place.file, ast.unparse(value)):
                found |= names_in(target) - {"self"}
            case ast.For(target=target, iter=leading) if found & names_in(leading):
                found |= names_in(target) - {"self"}
    return found


def silence(tape: Tape, nodes: Iterable[int]) -> None:
    """Let a run be what it would have been, had values from outside, such as random numbers, been noughts."""
    for node in nodes:
        tape.steps[tape.nodes[node].step].arguments = np.zeros_like(tape.nodes[node].value)
    tape.make_again()
