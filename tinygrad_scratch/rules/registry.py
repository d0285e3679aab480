"""The table of derivatives: which functions have rules, which have none, and which are made of others.

A rule is one plain function for each differentiable argument. It is given the cotangent `g` of the output, the output
`y`, and then the call's own arguments by NumPy's own names; it returns the cotangent of that argument:

    define_vjp(np.tanh, x=lambda g, y, x: g * (1 - y * y))

Rules need not undo broadcasting and need not care about dtypes: the backward walk brings each cotangent to the shape
and dtype of its argument, once, for all rules.
"""

from __future__ import annotations

import difflib
import functools
import inspect
import operator
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

import numpy as np

Rule = Callable[..., Any]
Function = TypeVar("Function", bound=Callable[..., Any])


class EveryOperand:
    """The rule of a function that takes any number of arrays: it answers for all that are asked about at once."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule

    def __getitem__(self, position: int) -> Rule:
        return lambda *arguments, **keywords: self.rule([position], *arguments, **keywords)[0]


class Several(tuple[Any, ...]):
    """What a function of several outputs returns, and the cotangent of it: one value for each, added one by one.

    To the backward walk it is a value like others.
    """

    __slots__ = ()
    dtype = np.dtype(object)

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self),)

    @property
    def size(self) -> int:
        return sum(int(part.size) for part in self)

    @property
    def nbytes(self) -> int:
        return sum(int(part.nbytes) for part in self)

    def __add__(self, other: Any) -> Several:
        return Several(mine + more for mine, more in zip(self, other, strict=True))


@dataclass(eq=False)
class Definition:
    """What the table says about one function.

    `names` are the positional parameters, `rules` those of them that have a rule (None: declared without a derivative),
    `keywords` those that may be given by keyword, `order` all of them as the rules list them, `defaults` their values
    where they are left out. `value` computes the value. `operands` is the name of the starred parameter of a function
    of any number of arrays; with `sequence` they are passed as one list.
    """

    function: Callable[..., Any]
    value: Callable[..., Any]
    names: tuple[str, ...]
    defaults: dict[str, Any]
    rules: dict[str, Rule | None]
    keywords: frozenset[str]
    order: tuple[str, ...]
    operands: str | None = None
    sequence: bool = False

    def bind(self, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The same call with every argument that has a rule, or is named before one, given by position.

        Raises TypeError for a keyword that no rule honours: a keyword is never swallowed.
        """
        if self.sequence:
            arguments, keywords = self._flat(arguments, keywords)
        for name in keywords:
            if name not in self.keywords:
                supported = [known for known in self.order if known in self.keywords and known not in self.rules]
                refuse_keyword(self.function, name, supported)
        if self.operands is not None:
            return arguments, keywords
        self._check_number(arguments, self.names)
        if not keywords:
            return arguments, keywords
        last = max((i for i, name in enumerate(self.names) if name in self.rules and name in keywords), default=-1)
        if last < len(arguments):
            return arguments, keywords
        keywords = dict(keywords)
        missing = self.names[len(arguments) : last + 1]
        for name in missing:
            if name not in keywords and name not in self.defaults:
                raise TypeError(f"{self.label} misses its argument {name!r}.")
        return (*arguments, *(keywords.pop(name, self.defaults.get(name)) for name in missing)), keywords

    def _flat(self, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arrays of a list as arguments of their own, and what follows them by keyword."""
        self._check_number(arguments, self.order)
        following = dict(zip(self.order[1:], arguments[1:], strict=False))
        return tuple(arguments[0]), {**following, **keywords}

    def _check_number(self, arguments: tuple[Any, ...], names: tuple[str, ...]) -> None:
        if len(arguments) > len(names):
            raise TypeError(
                f"{self.label} of a Tensor takes at most {len(names)} positional arguments ({', '.join(names)}), "
                f"{len(arguments)} were given. Pass the others by keyword."
            )

    def names_of(self, arguments: Sequence[Any]) -> Iterable[str]:
        """The parameters that the arguments of a bound call belong to."""
        return self.names[: len(arguments)] if self.operands is None else [self.operands] * len(arguments)

    def compute(self, arguments: Sequence[Any], keywords: dict[str, Any]) -> Any:
        """The value of a bound call, by NumPy."""
        return self.value(list(arguments), **keywords) if self.sequence else self.value(*arguments, **keywords)

    @property
    def label(self) -> str:
        return label(self.function)


NUMBERS = frozenset({float, int, bool, complex, np.float64, np.float32, np.int64, np.bool_})
"""The types of number that NumPy may have as they are."""

DEFINITIONS: dict[Any, Definition] = {}
RULES: dict[Any, Any] = {}  # function -> its rules by position: what the backward walk looks up
DIRECT: set[Any] = set()  # functions all of whose positional arguments have a rule: they take the quick way
COMPOSED: dict[Any, Callable[..., Any]] = {}
PARAMETERS: dict[Any, list[str]] = {}  # of composed functions
WITHOUT_DERIVATIVE: set[Any] = set()
PIECEWISE_CONSTANT: set[Any] = set()  # those of DEFINITIONS whose derivative is zero
REFUSED: dict[Any, str] = {}  # functions that a gradient can't go through, and what to write instead
NEW_CONSTANT: set[Any] = set()  # functions that make a new array like an old one: they return a Tensor without history
QUICK: dict[Any, Callable[..., Any]] = {}  # a quicker way to the same value, where NumPy's own is slow on few elements


def define_vjp(function: Function, *, sequence: bool = False, **rules: Rule | None) -> Function:
    """Give a function its derivative: for each differentiable argument a rule `rule(g, y, *arguments, **keywords)`.

    `g` is the cotangent of the output, with its shape; `y` the output; the rest is the call itself. The rule returns
    the cotangent of its argument, of that shape or of one that broadcasting made from it; the backward walk restores
    shape and dtype. It can't write to what it is given, nor later to what it returned: one array `g` may serve several
    rules, so they are read-only. A rule is plain NumPy: it is called with arrays, and with Tensors where a higher
    derivative is wanted. Keywords that the rules name are the ones that a call may have. None in place of a rule
    declares an argument piecewise constant, such as the condition of `np.where`. A rule named after a starred parameter
    (`*arrays`) is called with the positions that are asked about first, and returns a list, a cotangent for each;
    `sequence` says that the function takes these arrays as one list, as `np.concatenate` does. Where the function
    returns a tuple, `g` and `y` are tuples.

    The function is a NumPy function, or one of your own that `differentiable` made. Raises TypeError where a rule is
    named after no argument or where two rules disagree about the call.

    >>> import numpy as np
    >>> from tinygrad_scratch import define_vjp, differentiable, grad
    >>> @differentiable
    ... def cube(x):
    ...     return x**3
    >>> _ = define_vjp(cube, x=lambda g, y, x: g * 3 * x**2)
    >>> float(grad(cube)(2.0))
    12.0
    """
    if not rules:
        raise TypeError(
            f"define_vjp({label(function)}) needs a rule for at least one argument, such as x=lambda g, y, x: ..."
        )
    parameters = None
    for name, rule in rules.items():
        if rule is None:
            continue
        found = list(inspect.signature(rule).parameters.values())
        starred = [p.name for p in found if p.kind is p.VAR_POSITIONAL]
        mine = found[3 if name in starred else 2 :]
        if parameters is not None and [shape_of(p) for p in mine] != [shape_of(p) for p in parameters]:
            raise TypeError(f"The rules of {label(function)} disagree about its arguments: {mine} and {parameters}.")
        parameters = mine
    if parameters is None:
        raise TypeError(
            f"define_vjp({label(function)}): at least one argument needs a rule; use without_derivative otherwise."
        )
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        raise TypeError(f"A rule of {label(function)} takes **keywords. Name each keyword that it honours.")
    names = tuple(p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD)
    operands = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), None)
    unknown = [name for name in rules if name not in (*names, operands)]
    if unknown:
        raise TypeError(f"{label(function)} has no argument {unknown[0]!r}; its rules take {', '.join(names)}.")
    defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
    DEFINITIONS[function] = Definition(
        function=function,
        value=careful(function) if is_foreign(function) else QUICK.get(function, function),
        names=names,
        defaults=defaults,
        rules=rules,
        keywords=frozenset(p.name for p in parameters if p.kind is not p.VAR_POSITIONAL),
        order=tuple(p.name for p in parameters),
        operands=operands,
        sequence=sequence,
    )
    by_position.cache_clear()
    called = {name: careful(rule) if rule and is_foreign(rule) else rule for name, rule in rules.items()}
    operand_rule = called.get(operands) if operands else None
    RULES[function] = EveryOperand(operand_rule) if operand_rule else tuple(called.get(name) for name in names)
    if not sequence and not is_foreign(function) and all(rules.get(name) for name in names if name not in defaults):
        DIRECT.add(function)
    return function


def is_foreign(function: Any) -> bool:
    """Whether a function or rule is a person's own: Python's, NumPy's and this package's write nowhere."""
    module = getattr(function, "__module__", None) or "numpy"  # a ufunc has none
    return module.split(".")[0] not in ("_operator", "numpy", "tinygrad_scratch")


def careful(function: Function) -> Function:
    """The same function, given and returning read-only arrays: a record keeps them, and a cotangent serves several."""

    @functools.wraps(function)
    def called(*arguments: Any, **keywords: Any) -> Any:
        for argument in arguments:
            make_read_only(argument)
        result = function(*arguments, **keywords)
        make_read_only(result)
        return result

    return called  # type: ignore[return-value]


def make_read_only(value: Any) -> None:
    for part in value if isinstance(value, tuple | list) else (value,):
        if type(part) is np.ndarray:
            part.setflags(write=False)


def shape_of(parameter: inspect.Parameter) -> tuple[str, Any, Any]:
    return parameter.name, parameter.kind, parameter.default


def compose(function: Callable[..., Any]) -> Callable[[Function], Function]:
    """Say how a NumPy function is made of others that have rules; its own text never sees a Tensor.

    The text's parameters are the ones that a call may have.
    """

    def register(text: Function) -> Function:
        COMPOSED[function] = text
        by_position.cache_clear()
        parameters = inspect.signature(text).parameters
        if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            PARAMETERS[function] = [name for name, p in parameters.items() if p.kind is not p.VAR_POSITIONAL]
        return text

    return register


def check_composed(function: Callable[..., Any], keywords: dict[str, Any]) -> None:
    """Refuse a keyword that the text of a composed function does not have, unless it passes on all that it is given."""
    supported = PARAMETERS.get(function)
    for name in keywords:
        if supported is not None and name not in supported:
            refuse_keyword(function, name, supported)


def by_name(
    function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The same call with what NumPy takes by position, and the table by keyword, given by keyword, such as `out`.

    NumPy's mark for "not given" is not passed on, and neither is `subok`: Tensors have no subclasses.
    """
    taken, names = by_position(function)
    if len(arguments) > taken:
        named = dict(zip(names[taken:], arguments[taken:], strict=False))
        arguments, keywords = (*arguments[:taken], *arguments[len(names) :]), {**named, **keywords}
    return arguments, {name: value for name, value in keywords.items() if value is not np._NoValue and name != "subok"}


@functools.cache
def by_position(function: Any) -> tuple[int, tuple[str, ...]]:
    """How many arguments of a NumPy function the table takes by position, and the names of all that NumPy takes so."""
    if isinstance(function, np.ufunc) or not getattr(function, "__module__", "").startswith("numpy"):
        return sys.maxsize, ()
    definition, text = DEFINITIONS.get(function), COMPOSED.get(function)
    own = (definition.names or definition.order[:2]) if definition else positional(text) if text else ()
    try:
        names = positional(function)
    except ValueError:  # NumPy 2.0 does not say it of functions written in C
        names = (*own, "out") if own else ()
    if not own:
        return names.index("out") if "out" in names else sys.maxsize, names
    return sum(mine == theirs for mine, theirs in zip(own, names, strict=False)), names


def positional(function: Callable[..., Any]) -> tuple[str, ...]:
    parameters = inspect.signature(function).parameters.values()
    return tuple(p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD))


def refuse_keyword(function: Callable[..., Any], name: str, supported: Sequence[str]) -> NoReturn:
    raise TypeError(
        f"{label(function)} of a Tensor does not support the keyword {name!r}, which no rule of it honours. "
        f"Supported: {', '.join([*supported, 'out'])}."
    )


def piecewise_constant(*functions: Callable[..., Any]) -> None:
    """Declare functions whose derivative is zero wherever there is one: they are recorded, and no rule can be wrong."""
    for function in functions:
        if isinstance(function, np.ufunc):
            names = ["x"] if function.nin == 1 else ["x1", "x2"]
            own = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]
        else:
            own = [p for p in inspect.signature(function).parameters.values() if p.name != "out"]
            names = [own[0].name]
        PIECEWISE_CONSTANT.add(function)
        rules: dict[str, Any] = {name: _zeros(position, own) for position, name in enumerate(names)}
        define_vjp(function, **rules)


def _zeros(position: int, own: list[inspect.Parameter]) -> Rule:
    """The rule that returns zeros like the argument at a position."""

    def rule(g: Any, y: Any, *arguments: Any, **keywords: Any) -> Any:
        return np.zeros_like(arguments[position])

    first = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in ("g", "y")]
    rule.__signature__ = inspect.Signature([*first, *own])  # type: ignore[attr-defined]
    return rule


def refused(*functions: Callable[..., Any], instead: str) -> None:
    """Declare functions that a gradient can't go through, and say what to write instead."""
    REFUSED.update(dict.fromkeys(functions, instead))


def without_derivative(*functions: Callable[..., Any]) -> None:
    """Declare functions whose results carry no derivative, such as positions: they take and return plain values."""
    WITHOUT_DERIVATIVE.update(functions)


def new_constant(*functions: Callable[..., Any]) -> None:
    """Declare functions that make a new array like an old one: they return a Tensor without history."""
    NEW_CONSTANT.update(functions)


def differentiable(function: Function) -> Function:
    """Let a function of arrays be recorded as one call, once `define_vjp` has given it its rules.

    Called with plain arrays it runs as it stands; called with a Tensor it runs on the Tensor's array and is recorded.
    It returns a new array at each call: what it is given and what it returned are read-only, since a record keeps them.
    It then raises TypeError where a Tensor that requires a gradient is given to an argument without a rule, and for a
    keyword that no rule names.

    >>> import numpy as np
    >>> from tinygrad_scratch import Tensor, define_vjp, differentiable
    >>> @differentiable
    ... def double(x):
    ...     return 2 * x
    >>> _ = define_vjp(double, x=lambda g, y, x: 2 * g)
    >>> double(np.ones(2))
    array([2., 2.])
    >>> double(Tensor([1.0], requires_grad=True))
    Tensor([2.], shape=(1,), dtype=float64, requires_grad=True)
    """

    @functools.wraps(function)
    def call(*arguments: Any, **keywords: Any) -> Any:
        for argument in (*arguments, *keywords.values()) if keywords else arguments:
            if type(argument) is not np.ndarray and hasattr(argument, "__record__"):
                return argument.__record__(call, arguments, keywords)
        return function(*arguments, **keywords)

    call.__ours__ = True  # type: ignore[attr-defined]
    return call  # type: ignore[return-value]


def array(value: Any) -> Any:
    """An operand as an array, if it is not one, or a Tensor, already; a list may hold Tensors."""
    if hasattr(value, "ndim"):
        return value
    return np.stack([array(part) for part in value]) if holds_tensors(value) else np.asarray(value)


def plain(value: Any) -> Any:
    """A value without its history."""
    return value.numpy() if hasattr(value, "__record__") else value


def holds_tensors(value: Any) -> bool:
    return isinstance(value, list | tuple) and any(hasattr(v, "__record__") or holds_tensors(v) for v in value)


def is_ours(function: Any) -> bool:
    return hasattr(function, "__ours__")


def label(function: Any) -> str:
    """The name that a person would write: `np.sum`, `np.linalg.inv`, `sigmoid`."""
    name = getattr(function, "__name__", str(function))
    if function is operator.getitem:
        return "t[index]"
    if isinstance(function, np.ufunc):
        return f"np.{name}"
    if getattr(np.emath, name, None) is function:  # its module's name is another in each version of NumPy
        return f"np.emath.{name}"
    module = getattr(function, "__module__", None) or ""
    return f"{module.replace('numpy', 'np', 1)}.{name}" if module.split(".")[0] == "numpy" else name


def known_functions() -> list[Any]:
    return [*DEFINITIONS, *COMPOSED, *WITHOUT_DERIVATIVE, *NEW_CONSTANT]


def refuse(function: Any) -> TypeError:
    """The error for a function that the table does not know, or knows to have no derivative."""
    if function in REFUSED:
        return TypeError(f"{label(function)} of a Tensor would lose the gradient: {REFUSED[function]}")
    names = [name for known in known_functions() if (name := label(known)) != label(function)]
    near = difflib.get_close_matches(label(function), names, n=1, cutoff=0.75)
    hint = f" The nearest known function is {near[0]}." if near else ""
    return TypeError(
        f"{label(function)} has no derivative rule, so calling it on a Tensor would lose the gradient.{hint} "
        "Write it with functions that have one, give it a rule with define_vjp (docs/add-an-operation.md), "
        "or pass x.numpy() where no gradient is wanted."
    )
