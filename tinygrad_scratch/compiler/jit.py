"""jit: a function that is traced once for each signature, and from then on runs as a program."""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable
from threading import RLock
from typing import Any, overload

import numpy as np

from tinygrad_scratch.compiler.again import Again
from tinygrad_scratch.compiler.again import again as remembered
from tinygrad_scratch.compiler.backends import BACKENDS, Runner, runner_of
from tinygrad_scratch.compiler.holders import MISSING, Holder
from tinygrad_scratch.compiler.passes import SIMPLIFYING, apply
from tinygrad_scratch.compiler.quick import Attempt, as_asked, quick_way
from tinygrad_scratch.compiler.surroundings import Surroundings
from tinygrad_scratch.compiler.trace import Made, Result, Trace, is_tracing, look_around, trace_in
from tinygrad_scratch.graph import is_recording
from tinygrad_scratch.tensor import Tensor, make
from tinygrad_scratch.trees import leaves_of, map_leaves

SIGNATURES = 64
"""How many programs a function keeps; beyond, the one that was not used for the longest time is dropped."""

Function = Callable[..., Any]


@overload
def jit(function: Function, *, backend: str = "numpy") -> Jitted: ...
@overload
def jit(function: None = None, *, backend: str = "numpy") -> Callable[[Function], Jitted]: ...
def jit(function: Any = None, *, backend: str = "numpy") -> Any:
    """The same function, faster: run once to see what it does, and from then on as a program written for that.

    The function takes and returns arrays, numbers, Tensors, and lists, tuples and dicts of these; it may compute
    gradients, update a model by an optimizer, draw from a generator, and write to its arguments. What it reads and
    writes elsewhere, in variables of enclosing functions, globals and attributes, is read and written by each call as
    if it ran as it stands. It is traced once for each signature: the shapes and dtypes of all arrays, and the values
    of all else, such as Python numbers, flags and strings; the last 64 programs are kept.

    Side effects that leave no value behind, such as print, happen when it is traced, and so do checks of values, such
    as that of labels. What returns a Tensor with a history, for a backward() outside, runs as it stands.

    backend     what runs the program
    ---------   ------------------------------------------------------------------------------------------------
    "numpy"     NumPy source with planned buffers
    "numba"     native code; needs `pip install numba`, and some seconds for the first call

    `.source` is the program's text, `.program` the program itself, `.draw(*arguments)` a drawing of it, and
    `.repeat(n, *state)` runs n steps, each with the results of the one before. Raises TraceError, a TypeError, where
    Python asks for a value that is known only when the program runs: for a branch, a size, an index. The message names
    the line and what to write instead. Raises ValueError for an unknown backend, ImportError where numba is missing.

    >>> import numpy as np
    >>> from tinygrad_scratch import jit, value_and_grad
    >>> @jit
    ... def step(w):
    ...     loss, slope = value_and_grad(lambda w: np.sum(w**2))(w)
    ...     return loss, w - 0.25 * slope
    >>> loss, w = step(np.array([1.0, 2.0]))
    >>> float(loss), w
    (5.0, array([0.5, 1. ]))
    >>> loss, w = step.repeat(10, w)
    >>> w
    array([0.00048828, 0.00097656])
    """
    if backend not in BACKENDS:
        raise ValueError(f"jit has no backend {backend!r}. Choose one of {', '.join(map(repr, BACKENDS))}.")
    if function is None:
        return functools.partial(jit, backend=backend)
    if not callable(function):
        raise TypeError(f"jit takes a function, but was given {function!r}. Write jit(f), or @jit above the function.")
    return Jitted(function, backend)


class Jitted:
    """What `jit` returns: called like the function, and safe to call from several threads."""

    def __init__(self, function: Function, backend: str) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.backend = backend
        self._entries: OrderedDict[Any, Entry] = OrderedDict()
        self._lock = RLock()
        self._quick: Attempt = no_quick_way
        self._again: tuple[Entry, Again] | None = None  # the call before, where it can be made again
        self._repeated: tuple[Entry, Again] | None = None  # the same for `repeat`, where its steps are one call
        self._last: Entry | None = None

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        if not keywords:
            found = self._quick(arguments)
            if found is not MISSING:
                return found
        last = self._again  # another thread may set it anew
        if last is not None and not keywords:
            entry, before = last
            leaves = before.leaves(arguments)
            if leaves is not None and not (entry.trace.written and overlap(entry.trace, leaves)):
                return finish(entry.trace, entry.runner.run(*leaves), leaves, before.holders)
        given = list(arguments)
        if is_tracing():
            return self.function(*arguments, **keywords)
        if is_recording() and any(is_computed(leaf) for leaf in leaves_of([given, keywords])):
            return self.function(*arguments, **keywords)
        entry, around = self._entry(given, keywords)
        if entry.trace.recorded or (entry.trace.written and overlap(entry.trace, around.leaves)):
            return self.function(*arguments, **keywords)
        same = None if entry.once else remembered(arguments, keywords, around)
        self._again = (entry, same) if same is not None else None
        outputs = entry.runner.run(*around.leaves)
        if entry.once:
            entry.runner.idle.clear()  # its buffers
        result = finish(entry.trace, outputs, around.leaves, around.holders)
        self._quick = quick_way(arguments, keywords, around, entry.trace, entry.runner, outputs) or no_quick_way
        return result

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """As a method: jit of the function bound to an object."""
        return self if instance is None else functools.partial(self, instance)

    def _entry(self, given: list[Any], keywords: dict[str, Any]) -> tuple[Entry, Surroundings]:
        """The program for these arguments, made if there is none yet."""
        around = look_around(self.function, given, keywords)
        key = (is_recording(), *around.key)
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                entry = self._entries[key] = Entry(trace_in(around, self.function, given, keywords), self.backend)
                while len(self._entries) > SIGNATURES:
                    self._entries.popitem(last=False)
            else:
                self._entries.move_to_end(key)
            self._last = entry
        return entry, around

    def repeat(self, steps: int, *state: Any) -> Any:
        """So many steps in one call: what a step returns after its first result is what the next one is given.

        Returns what the last step returns. Raises ValueError where the results are not like the arguments in number,
        shape and dtype, and for less than one step.

        >>> import numpy as np
        >>> from tinygrad_scratch import jit
        >>> jit(lambda x, y: (x, y, x + y)).repeat(10, np.array([1]), np.array([1]))
        (array([55]), array([89]), array([144]))
        """
        if isinstance(steps, bool) or not isinstance(steps, int | np.integer) or steps < 1:
            raise ValueError(f"repeat({steps!r}, ...) needs a number of steps, 1 or more.")
        last = self._repeated  # another thread may set it anew
        if last is not None:
            entry, before = last
            leaves = before.leaves(state)
            if leaves is not None:
                return repeated(entry, int(steps), len(state), leaves, before.holders)
        entry, around = self._entry(list(state), {})
        check_feeds_back(entry.trace, state)
        if entry.runner.repeats and feeds_straight_back(entry.trace, state, around):
            same = remembered(state, {}, around)
            self._repeated = (entry, same) if same is not None else None
            return repeated(entry, int(steps), len(state), around.leaves, around.holders)
        returned = self(*state)
        for _ in range(steps - 1):
            returned = self(*returned[1:])
        return returned

    @property
    def source(self) -> str:
        """The text of the program that ran last. Raises RuntimeError before the first call."""
        return self._known().runner.source

    @property
    def program(self) -> Any:
        """The program that ran last, after the passes that simplify it."""
        return self._known().program

    def draw(self, *arguments: Any, **options: Any) -> Any:
        """A drawing of what the function does with these arguments; `drawing.draw` tells the options.

        The function runs for it as it stands, so a training step trains.

        >>> import numpy as np
        >>> from tinygrad_scratch import jit
        >>> drawing = jit(lambda x: np.sum(np.exp(x))).draw(np.ones(2))
        >>> "np.exp" in drawing.source
        True
        """
        from tinygrad_scratch.drawing import draw

        return draw(self.function, *arguments, **options)

    def _known(self) -> Entry:
        if self._last is None:
            raise RuntimeError("There is no program yet: it is written by the first call, for its shapes and dtypes.")
        return self._last

    def __repr__(self) -> str:
        return f"jit({getattr(self.function, '__name__', self.function)!s}, backend={self.backend!r})"


class Entry:
    """One signature: its trace, the simplified program, and what runs it.

    `once` says that the next call has another signature, so that this one is not worth native code, or memory.
    """

    def __init__(self, trace: Trace, backend: str) -> None:
        self.trace = trace
        self.program = apply(SIMPLIFYING, trace.program)
        self.once = changes_keys(trace)
        self.runner: Runner = runner_of(self.program, "numpy" if self.once else backend)


def repeated(entry: Entry, steps: int, state: int, leaves: list[Any], holders: list[Holder]) -> Any:
    """What the last of so many steps, run in one call, returns."""
    return finish(entry.trace, entry.runner.repeat(steps, state, leaves), leaves, holders)


def no_quick_way(arguments: tuple[Any, ...]) -> Any:
    return MISSING


def is_computed(leaf: Any) -> bool:
    """Whether a Tensor has a history, through which a gradient is to flow."""
    return type(leaf) is Tensor and leaf._record is not None and leaf._record[1] is not None


def overlap(trace: Trace, leaves: list[Any]) -> bool:
    """Whether an array that is written to shares memory with another one: a program knows of no such thing."""
    written = [leaves[place] for place, _ in trace.written]
    views = [leaf for leaf in leaves if isinstance(leaf, np.ndarray) and leaf.base is not None]
    pairs = [(target, other) for target in written for other in (views if target.base is None else leaves)]
    return any(
        other is not target and isinstance(other, np.ndarray) and np.may_share_memory(target, other)
        for target, other in pairs
    )


def check_feeds_back(trace: Trace, state: tuple[Any, ...]) -> None:
    """Refuse to repeat what does not return what it takes."""
    returned = trace.returned
    if type(returned) is not tuple or len(returned) != len(state) + 1:
        count = len(returned) if type(returned) is tuple else 1
        raise ValueError(
            f"repeat(n, *state) needs a function that returns a tuple: one result, such as the loss, and then the next "
            f"value of each argument. This one takes {len(state)} and returns {count} in all."
        )
    for place, (given, leaf) in enumerate(zip(state, returned[1:], strict=True)):
        if type(leaf) is Result and leaf.leaf is None:
            variable = trace.program.outputs[leaf.place]
            like = given._value if type(given) is Tensor else np.asarray(given)
            if (variable.shape, variable.dtype) != (like.shape, like.dtype):
                raise ValueError(
                    f"repeat: argument {place} has shape {like.shape} and dtype {like.dtype}, but the function returns "
                    f"{variable.shape} and {variable.dtype} for it, which can't be the next argument."
                )


def feeds_straight_back(trace: Trace, state: tuple[Any, ...], around: Surroundings) -> bool:
    """Whether the outputs after the first are, in order, the first inputs, and nothing else changes."""
    results = trace.returned
    return (
        not trace.written
        and not trace.left
        and all(type(leaf) is Result and leaf.place == place for place, leaf in enumerate(results))
        and around.has_plain(state)
    )


def made_anew(kind: type, attributes: dict[str, Any]) -> Any:
    """An object with these attributes, some of which may be slots, or frozen."""
    made: Any = object.__new__(kind)
    for name, value in attributes.items():
        object.__setattr__(made, name, value)
    return made


def changes_keys(trace: Trace) -> bool:
    """Whether a call leaves something where nothing was, so that the next one has another signature."""
    return trace.recorded or any(other_keys for _, other_keys, _ in trace.left)


def finish(trace: Trace, outputs: tuple[Any, ...], leaves: list[Any], holders: list[Holder]) -> Any:
    """Write what the function would have written, and return what it would have returned."""

    def result(leaf: Any) -> Any:
        if type(leaf) is Made:
            return made_anew(leaf.kind, map_leaves(result, leaf.attributes))
        if type(leaf) is not Result:
            return leaf.copy() if isinstance(leaf, np.ndarray) else leaf
        if leaf.leaf is not None:
            return leaves[leaf.leaf]
        value = outputs[leaf.place] if leaf.constant is None else leaf.constant.copy()
        if leaf.tensor:
            tensor = make(np.asarray(value), None)
            tensor._scalar = leaf.number
            return tensor
        return as_asked(value, leaf)

    for leaf, place in trace.written:
        np.copyto(leaves[leaf], outputs[place])
    for place, other_keys, items in trace.left:
        if other_keys:
            holders[place].put({key: map_leaves(result, value) for key, value in items.items()})
            continue
        for key, value in items.items():
            holders[place].set(key, map_leaves(result, value))
    return map_leaves(result, trace.returned)
