"""The fast printing: a program as NumPy source that writes its results into buffers, and the function that it defines.

    def make(arena, add, ...):        # once: buffers, views of them, names bound
        a2 = ...
        a2_T = a2.T
        def program(w1, w2):          # each call
            x.dot(w1, a2)
            ...
            return loss, new_w1, new_w2
        return program

The text is ours alone: names are made identifiers, and every value but a whole number is bound by a name.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from contextvars import Context, copy_context
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from tinygrad_scratch.compiler.identifiers import unused
from tinygrad_scratch.compiler.one_step import Whole
from tinygrad_scratch.compiler.passes.signs import cancel_signs, open_sigmoids
from tinygrad_scratch.compiler.passes.together import SMALL, Row, Together, make_together
from tinygrad_scratch.compiler.plan import LARGE, Plan, buffer, new_arena, plan_memory
from tinygrad_scratch.compiler.program import (
    Program,
    Step,
    Variable,
    check_shape,
    in_a_row,
    is_elementwise,
    variables_in,
)
from tinygrad_scratch.compiler.traced import as_type
from tinygrad_scratch.functional import sigmoid
from tinygrad_scratch.rules.indexing import assign, is_basic, scatter
from tinygrad_scratch.rules.shapes import cast, expand

Lines = list[str]


@dataclass
class Compiled:
    """The source, and the values that its names stand for."""

    source: str
    values: dict[str, Any]
    plan: Plan
    buffers: dict[str, tuple[int, Variable]]
    overflows: bool  # whether exp may overflow in it, and be right

    def make(self) -> Callable[..., tuple[Any, ...]]:
        """The program as a function, with buffers of its own: it may run in one thread at a time."""
        arena = new_arena(self.plan.size)
        buffers = {name: buffer(arena, *place) for name, place in self.buffers.items()}
        space: dict[str, Any] = {}
        exec(compile(self.source, "<program>", "exec"), space)  # the text is ours, and holds no text of others
        program = space["make"](**self.values, **buffers)
        return partial(quiet().run, program) if self.overflows else program


def compile_numpy(program: Program) -> Compiled:
    """The program as source."""
    overflows = any(step.function is sigmoid for step in program.steps)
    for change in (open_sigmoids, cancel_signs, divide, partial(make_together, writable=is_writable)):
        program = change(program).check()
    return Printer(program, overflows).compiled()


def divide(program: Program) -> Program:
    """np.divide goes by several elements at once, np.reciprocal does not: of many it takes half of the time."""

    def divided(step: Step) -> Step:
        x = step.operands[0] if step.function is np.reciprocal else None
        if x is None or step.keywords or x.size <= SMALL or x.dtype.kind != "f":
            return step
        return Step(np.divide, (1, x), {}, step.result, step.line)

    return replace(program, steps=tuple(map(divided, program.steps)))


# ---- which steps can write into a buffer -----------------------------------------------------------------------------

REDUCTIONS: dict[Any, Any] = {
    np.sum: np.add,
    np.prod: np.multiply,
    np.max: np.maximum,
    np.min: np.minimum,
    np.mean: np.add,
}

INFIX: dict[Any, str] = {np.add: "+", np.subtract: "-", np.multiply: "*", np.divide: "/"}
"""Operators by which NumPy's numbers are computed with in a fifth of the time that its functions take."""


def is_product(step: Step) -> bool:
    return step.function is np.matmul and not step.keywords


def is_matrix_product(step: Step) -> bool:
    """Whether `a.dot(b, out)` can compute a product: it takes a quarter of the time that np.matmul takes to begin."""
    operands = [*step.arguments, step.results[0]]
    return is_product(step) and all(
        type(each) is Variable
        and len(each.shape) <= 2
        and each.dtype == step.results[0].dtype
        and each.dtype.kind == "f"
        for each in operands
    )


def is_reduction(step: Step) -> bool:
    if step.function not in REDUCTIONS or len(step.arguments) > 2 or not step.keywords.keys() <= {"axis", "keepdims"}:
        return False
    a = step.arguments[0]
    return type(a) is Variable and a.dtype == step.results[0].dtype and a.dtype.char in "fd" and bool(a.size)


def is_copy(step: Step) -> bool:
    return (
        step.function in (expand, np.copy, cast, as_type)
        and type(step.arguments[0]) is Variable
        and not step.results[0].view
    )


def is_reshaping(step: Step) -> bool:
    """Whether elements are copied in C order into another shape."""
    a = step.arguments[0] if step.arguments else None
    result = step.results[0]
    return (
        step.function in (np.reshape, np.ravel)
        and step.keywords.keys() <= {"shape"}
        and (step.function is np.reshape or len(step.arguments) == 1)
        and type(a) is Variable
        and not result.view
        and in_a_row(result)
    )


def is_choice(step: Step) -> bool:
    return step.function is np.where and len(step.arguments) == 3 and step.results[0].dtype.kind in "fiu"


def is_part(step: Step) -> bool:
    """Whether an array is laid among zeros, by an index that names each place once."""
    return (
        step.function is scatter
        and not step.keywords
        and is_basic(step.arguments[1])
        and step.operands == (step.arguments[0],)
        and step.arguments[0].dtype == step.results[0].dtype
    )


def is_writable(step: Step) -> bool:
    if isinstance(step.result, tuple) or step.draws or step.results[0].dtype == object:
        return False
    kinds = (is_elementwise, is_matrix_product, is_product, is_reduction, is_copy, is_choice, is_reshaping, is_part)
    return any(kind(step) for kind in kinds) or step.function is assign


# ---- printing --------------------------------------------------------------------------------------------------------


class Printer:
    """One program on its way to source."""

    def __init__(self, program: Program, overflows: bool) -> None:
        self.program = program
        self.overflows = overflows
        self.names: dict[Variable, str] = {}
        self.used: set[str] = {"make", "program", "np"}
        self.values: dict[str, Any] = {}
        self.by_value: dict[Any, str] = {}
        writable = {step for step in program.steps if is_writable(step)}
        in_place = {step for step in writable if is_elementwise(step) or step.function is assign}
        self.plan = plan_memory(program, writable, in_place, rows_of(program))
        self.last = last_uses(program, self.plan)
        self.fixed: Lines = []
        self.body: Lines = []

    def compiled(self) -> Compiled:
        for variable in self.program.inputs:
            self.name(variable)
        for number, step in enumerate(self.program.steps):
            self.print(step)
            self.body += self.let_go(number)
        inputs = ", ".join(self.name(variable) for variable in self.program.inputs)
        outputs = "".join(f"{self.name(variable)}, " for variable in self.program.outputs)
        over = self.plan.over
        buffers = {
            self.name(variable): (place, variable)
            for variable, place in self.plan.places.items()
            if variable not in over
        }
        body = [*self.body, f"return ({outputs})"]
        lines = [
            f"def make({', '.join([*self.values, *buffers])}):",
            *("    " + line for line in self.fixed),
            "",
            f"    def program({inputs}):",
        ]
        lines += ["        " + line for line in body]
        return Compiled(
            "\n".join([*lines, "", "    return program", ""]),
            self.values,
            self.plan,
            buffers,
            self.overflows,
        )

    def let_go(self, number: int) -> Lines:
        """What drops the arrays that a call made and that no later step reads."""
        step = self.program.steps[number]
        done = [each for each in (*dict.fromkeys(step.operands), *step.results) if self.last.get(each) == number]
        return [f"del {', '.join(map(self.name, done))}"] if done else []

    # ---- names ---------------------------------------------------------------------------------------------------

    def name(self, variable: Variable) -> str:
        if variable in self.program.constants and variable not in self.names:
            self.names[variable] = self.bound(variable.name or "constant", self.program.constants[variable])
        if variable not in self.names:
            self.names[variable] = self.unique(variable.name)
        return self.names[variable]

    def unique(self, wanted: str | None) -> str:
        return unused(wanted, self.used, "v")

    def bound(self, wanted: str, value: Any) -> str:
        """The name that stands for a value."""
        key = value if callable(value) and not isinstance(value, np.ndarray) else ("id", id(value))
        if key not in self.by_value:
            self.by_value[key] = self.unique(wanted)
            self.values[self.by_value[key]] = value
        return self.by_value[key]

    def number(self, value: Any, dtype: Any) -> str:
        """A number as an array of no axes: of Python's numbers, NumPy would find out the dtype anew in each call."""
        key = ("number", type(value), repr(value), str(dtype))
        if key not in self.by_value:
            self.by_value[key] = self.unique(f"c{len(self.values)}")
            self.values[self.by_value[key]] = np.array(value, dtype)
        return self.by_value[key]

    def function(self, function: Any) -> str:
        return self.bound(getattr(function, "__name__", "function"), function)

    # ---- values --------------------------------------------------------------------------------------------------

    def text(self, value: Any) -> str:
        """A variable or a static value in the source."""
        if type(value) is Variable:
            return self.name(value)
        if value is None or value is Ellipsis or type(value) in (int, bool):
            return "..." if value is Ellipsis else repr(value)
        if type(value) is tuple:
            return f"({''.join(self.text(part) + ', ' for part in value)})"
        if type(value) is list:
            return f"[{', '.join(self.text(part) for part in value)}]"
        if type(value) is slice:
            return f"slice({self.text(value.start)}, {self.text(value.stop)}, {self.text(value.step)})"
        if type(value) is dict:
            return self.bound("keywords", value)
        return self.bound("static", value)

    def given(self, step: Step) -> list[str]:
        """What a step is given; numbers of an elementwise one as arrays of the dtype that NumPy would give them."""
        if not is_elementwise(step):
            return [self.text(each) for each in step.arguments]
        dtypes = {each.dtype for each in step.arguments if type(each) is Variable}
        (dtype,) = dtypes if len(dtypes) == 1 else (None,)
        if dtype is not None and (dtype.kind != "f" or step.function in (np.ldexp, np.float_power)):
            dtype = None
        found = []
        for each in step.arguments:
            if isinstance(each, np.generic):
                found.append(self.number(each, each.dtype))
            elif type(each) in (int, float) and dtype is not None:
                found.append(self.number(each, dtype))
            else:
                found.append(self.text(each))
        return found

    # ---- steps ---------------------------------------------------------------------------------------------------

    def print(self, step: Step) -> None:
        if type(step.function) is Together:
            step = self.as_one(step)
        result = step.results[0]
        if result in self.plan.over:  # one object, by which NumPy sees at once that the two are the same
            self.fixed.append(f"{self.name(result)} = {self.name(self.plan.over[result])}")
        if result in self.plan.views:
            self.fixed.append(f"{self.name(result)} = {self.call(step)}")
        elif result in self.plan.places:
            self.body += self.into(step, self.name(result))
        elif result in self.plan.handed:
            (line,) = self.into(step, self.name(self.plan.handed[result]))
            self.body.append(f"{self.name(result)} = {line}")
        else:
            names = [self.name(each) for each in step.results]
            target = f"({', '.join(names)},)" if isinstance(step.result, tuple) else names[0]
            self.body.append(f"{target} = {self.call(step)}")
            self.body += self.checks(step)

    def as_one(self, step: Step) -> Step:
        """One call for steps made together, with the arrays that lie side by side as one."""
        whole = self.plan.rows
        arguments = tuple(whole[each] if type(each) is tuple else each for each in step.arguments)
        return Step(step.function.ufunc, arguments, {}, whole[step.results], step.line)  # type: ignore[attr-defined]

    def call(self, step: Step) -> str:
        """The call as an expression."""
        arguments = step.arguments
        if (
            step.function is np.transpose
            and len(arguments) == 1
            and not step.keywords
            and type(arguments[0]) is Variable
        ):
            return f"{self.text(arguments[0])}.T"
        if step.function is operator.getitem:
            return f"{self.text(arguments[0])}[{self.text(arguments[1])}]"
        if is_matrix_product(step) and len(arguments[0].shape) >= 1:
            into = [] if step.results[0].shape else [self.place_of_a_number(step.results[0].dtype)]
            return f"{self.text(arguments[0])}.dot({', '.join([self.text(arguments[1]), *into])})"
        if step.function in INFIX and not step.results[0].shape and not step.keywords:
            return f" {INFIX[step.function]} ".join(self.text(each) for each in arguments)
        if is_reduction(step) and step.function is not np.mean:
            return self.reduction(step, "None")[0]
        given = self.given(step) + [f"{name}={self.text(value)}" for name, value in step.keywords.items()]
        return f"{self.function(step.function)}({', '.join(given)})"

    def place_of_a_number(self, dtype: Any) -> str:
        """An array of no axes: a product that is told where to leave its number returns it sooner."""
        name = self.unique("number")
        self.fixed.append(f"{name} = {self.function(np.empty)}((), {self.bound('dtype', dtype)})")
        return name

    def into(self, step: Step, out: str) -> Lines:
        """The lines that leave the step's result in a buffer."""
        arguments = self.given(step)
        result = step.results[0]
        if is_elementwise(step):
            by_name = step.function in (np.maximum, np.minimum)  # NumPy wants to be told of these
            target = f"out={out}" if by_name else out
            return [f"{self.function(step.function)}({', '.join(arguments)}, {target})"]
        if is_matrix_product(step) and in_a_row(result):
            return [f"{arguments[0]}.dot({arguments[1]}, {out})"]
        if is_product(step):
            return [f"{self.function(np.matmul)}({', '.join(arguments)}, {out})"]
        if is_reduction(step):
            return self.reduction(step, out)
        if step.function is assign:
            in_place = self.plan.places.get(step.arguments[0]) == self.plan.places[result]
            whole = [] if in_place else [f"{out}[...] = {arguments[0]}"]
            return [*whole, f"{out}[{arguments[2]}] = {arguments[1]}"]
        if is_part(step):
            return [f"{out}[...] = 0", f"{out}[{arguments[1]}] = {arguments[0]}"]
        if is_reshaping(step):
            name = self.unique(f"{out}_like")
            self.fixed.append(f"{name} = {out}.reshape({self.text(step.arguments[0].shape)})")
            return [f"{name}[...] = {arguments[0]}"]
        if is_choice(step):
            copyto = self.function(np.copyto)
            return [f"{out}[...] = {arguments[2]}", f"{copyto}({out}, {arguments[1]}, where={arguments[0]})"]
        return [f"{out}[...] = {arguments[0]}"]

    def reduction(self, step: Step, out: str) -> Lines:
        axis = step.arguments[1] if len(step.arguments) > 1 else step.keywords.get("axis")
        keepdims = bool(step.keywords.get("keepdims", False))
        ufunc, a = REDUCTIONS[step.function], step.arguments[0]
        reduce = self.bound(f"{ufunc.__name__}_reduce", ufunc.reduce)
        lines = [f"{reduce}({self.text(a)}, {self.text(axis)}, None, {out}, {keepdims})"]
        if step.function is np.mean:
            count = self.number(a.size // max(1, step.results[0].size), a.dtype)
            lines.append(f"{self.function(np.divide)}({out}, {count}, {out})")
        return lines

    def checks(self, step: Step) -> Lines:
        """A check that a shape which depends on values is what it was in the trace."""
        if not depends_on_values(step):
            return []
        check = self.function(check_shape)
        return [
            f"{check}({self.name(each)}, {self.text(each.shape)}, {self.text(step.described)})" for each in step.results
        ]


def rows_of(program: Program) -> Iterator[Row]:
    """The arrays that must lie side by side, as one call goes over all of them."""
    seen: set[Variable] = set()
    for step in program.steps:
        if type(step.function) is Together:
            for row in (*step.arguments, step.results):
                if type(row) is tuple and row[0] not in seen:
                    seen.update(row)
                    yield row


def quiet() -> Context:
    """A context in which exp may overflow, as it does in a sigmoid of large numbers, whose limit is right.

    To enter it takes a tenth of the time of np.errstate.
    """
    context = copy_context()
    context.run(np.seterr, over="ignore", under="ignore")
    return context


def last_uses(program: Program, plan: Plan) -> dict[Variable, int]:
    """The last step that reads each large array that a call makes: no buffer, input, constant or output."""
    last: dict[Variable, int] = {}
    for number, step in enumerate(program.steps):
        last.update({result: number for result in step.results if not plan.fixed(result)})
        last.update({operand: number for operand in step.operands if operand in last})
    for output in program.outputs:
        last.pop(output, None)
    return {variable: number for variable, number in last.items() if variable.nbytes >= LARGE}


OF_UNKNOWN_LENGTH = {
    np.nonzero, np.flatnonzero, np.argwhere, np.unique, np.unique_values, np.unique_counts, np.unique_all,
    np.unique_inverse, np.extract, np.compress, np.repeat, np.union1d, np.intersect1d, np.setdiff1d, np.setxor1d,
    np.trim_zeros, np.bincount, np.delete, np.arange, np.roots,
}  # fmt: skip


OF_KNOWN_SHAPE = {np.take, np.take_along_axis, np.where, np.choose, np.clip, np.searchsorted, assign}
"""Functions that are given whole numbers and flags of which no shape is made."""


def depends_on_values(step: Step) -> bool:
    """Whether the shapes of the results may depend on values, and not on shapes alone."""
    function = step.function
    if function is operator.getitem:
        index = step.arguments[1]
        parts = index if isinstance(index, tuple) else (index,)
        masks = any(type(part) is Variable and part.dtype == bool for part in parts)
        return masks or any(True for part in parts if type(part) is slice for _ in variables_in(part))
    if isinstance(function, Whole) or function in OF_UNKNOWN_LENGTH:
        return True
    if isinstance(function, np.ufunc) or function in OF_KNOWN_SHAPE:
        return False
    given = variables_in((step.arguments[1:], tuple(step.keywords.values())))
    return any(each.dtype.kind in "iub" for each in given)  # such as an axis, a shape, a count
