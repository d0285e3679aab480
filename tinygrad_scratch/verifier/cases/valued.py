"""The kind of a mistake by what a factor or a term holds: a number, an array, or a parameter."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import numpy as np

from tinygrad_scratch.verifier.cases.case import Case
from tinygrad_scratch.verifier.recording.edits import JOINING, name_of
from tinygrad_scratch.verifier.recording.steps import renamed
from tinygrad_scratch.verifier.rewriting.rewrite import SLOPE, Rewrite

LAID_OUT = ("getitem", "take", "copy", "array", "asarray", "T", "transpose", "reshape", "ravel")
SIZES = re.compile(r"sqrt|len\(|shape|size")


def kind_by_values(case: Case, rewrite: Rewrite) -> str:
    """The kind that a change has by its text, or another by the values of what it is about.

    A number is a matter of scale, an array one of the chain rule. A term made of parameters alone is a penalty's.
    """
    kind, about = rewrite.kind, rewrite.about
    held = list(values_in(case, about)) if about else []
    arrays = [nodes for nodes in held if nodes and not all(is_mere_number(case, node) for node in nodes)]
    if not about or kind in ("missing-batch-sum-or-mean", "sign"):
        return kind
    if kind in ("stale-or-updated-weights", "inplace-corruption"):  # what is written over is a parameter, or it isn't
        of_parameter = any(parameter_of(case, node) is not None for nodes in held for node in nodes)
        return "stale-or-updated-weights" if of_parameter else kind if not arrays else "inplace-corruption"
    if kind in ("missing-term", "regularisation"):
        if not arrays:
            return kind
        of_parameters = all(any(parameter_of(case, node) is not None for node in nodes) for nodes in arrays)
        return "regularisation" if of_parameters else "missing-term"
    if arrays:
        return "missing-derivative" if kind == "scale-factor" else kind
    known = all(held) or SIZES.search(about) is not None
    return "scale-factor" if known and not SLOPE.search(about) else kind


def values_in(case: Case, text: str) -> Iterator[list[int]]:
    """What each name of an expression held; nothing where none of it was recorded."""
    for name in names_in(ast.parse(text, mode="eval").body):
        yield nodes_named(case, name)


def nodes_named(case: Case, name: str) -> list[int]:
    """What a name held, or an entry or an attribute of it; nothing where that was not recorded."""
    events = (*case.arguments, *case.events)
    found = [e.node for e in events if e.name == name or e.name.startswith((f"{name}[", f"{name}."))]
    own = [(f.parameter.node, f.parameter.name) for f in case.finals]
    found = found or [node for node, known in own if known == name or name.endswith(f".{known}")]
    if not found and "." in name:  # another name of what holds it
        every = [each for each in (*own, *((event.node, event.name) for event in events)) if "." in each[1]]
        found = [node for node, known in every if known.rpartition(".")[2] == name.rpartition(".")[2]]
    return found


def names_in(node: ast.AST) -> Iterator[str]:
    """The names and attributes of an expression, and entries by keys, but for modules, what is called, and shapes."""
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
        yield ast.unparse(node)
        return
    if isinstance(node, ast.Name | ast.Attribute):
        text = ast.unparse(node).removesuffix(".T")
        if not text.endswith((".shape", ".size")) and text not in ("np", "numpy", "math"):
            yield text
        return
    for each in read_by(node):
        yield from names_in(each)


def read_by(node: ast.AST) -> Iterator[ast.AST]:
    """The parts of an expression that hold its values: no index, and not the name of what is called."""
    match node:
        case ast.Call(func=ast.Attribute(value=holder), args=arguments):
            yield from (*arguments, holder)
        case ast.Call(args=arguments):
            yield from arguments
        case ast.Subscript(value=value):
            yield value
        case _:
            yield from ast.iter_child_nodes(node)


def is_mere_number(case: Case, node: int) -> bool:
    """Whether a value is a number that was given, such as a rate, or was made of such numbers alone."""
    if np.size(case.tape.nodes[node].value) > 1:
        return False
    parameters = {final.parameter.node for final in case.finals}
    behind = case.ancestors([node])
    given = {n for n in behind if case.step_of(n).function is None}
    return behind.isdisjoint(parameters) and all(np.size(case.tape.nodes[n].value) == 1 for n in given)


def parameter_of(case: Case, node: int) -> int | None:
    """The parameter that a value is, or is a row or a copy of, or what an update has made of it since.

    So is one with noughts for some of its columns, as of a bias that has no penalty.
    """
    parameters = {final.parameter.node for final in case.finals}
    slots = {case.tape.nodes[parameter].slot: parameter for parameter in parameters}
    while node not in parameters:
        if case.tape.nodes[node].slot in slots:
            return slots[case.tape.nodes[node].slot]
        step = case.step_of(node)
        joins = name_of(step.function) in JOINING
        lays_out = step.function is renamed or name_of(step.function) in LAID_OUT
        reads = [read for read in step.reads if not joins or np.any(case.tape.nodes[read].value)]
        if not reads or not (lays_out or (joins and len(reads) == 1)):
            return None
        node = reads[0]
    return node
