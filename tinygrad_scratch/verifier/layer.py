"""Layers on their own, with an upstream gradient that is drawn, and functions that return a loss with its gradients."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from types import TracebackType
from typing import Any

import numpy as np

from tinygrad_scratch.verifier.pairs.gradients import gradients_in, stored_gradients
from tinygrad_scratch.verifier.reading.names import is_gradient_name
from tinygrad_scratch.verifier.reading.numbers_by_name import RATE
from tinygrad_scratch.verifier.recording.events import Event
from tinygrad_scratch.verifier.recording.holders import attributes_of
from tinygrad_scratch.verifier.recording.parameters import arrays_below
from tinygrad_scratch.verifier.recording.recorded import ARRAYS, Recorded, from_outside, record
from tinygrad_scratch.verifier.running.again import Call

FORWARD = (
    "forward",
    "forward_pass",
    "forward_propagation",
    "feedforward",
    "feed_forward",
    "fprop",
    "fwd",
    "forward_prop",
    "__call__",
)
BACKWARD = (
    "backward", "backward_pass", "back_propagation", "backpropagation", "backprop", "bprop", "bwd", "backward_prop",
    "back", "backward_propagation",
)  # fmt: skip
OUTPUT = ("output", "outputs", "out", "y", "a", "activation", "activations", "z")
CACHE = re.compile(r"^(?:.*cache.*|ctx|context|saved|memory|state|tape)$", re.IGNORECASE)
UPSTREAM = re.compile(r"^(?:d.*|.*grad.*|.*delta.*|.*err.*|.*upstream.*|g|gy|gout|top_diff|.*diff)$", re.IGNORECASE)


def check_function(kind: Any, function: Callable[..., Any], /, *arguments: Any, **keywords: Any) -> Any:
    """A check of a function that returns a loss with its gradients, as in `loss, grads = f(w, X, y)`.

    The function is called once, with the arguments as given. Gradients may be a tuple, list, dict or array, each of the
    shape of its parameter, which is one of the arguments or what they hold. What the function raises goes on.

    >>> import numpy as np
    >>> from tinygrad_scratch import verify
    >>> def squared_error(w, x, y):
    ...     error = x @ w - y
    ...     return np.sum(error**2), 2 * x.T @ y  # error is meant
    >>> x, y = np.array([[1.0, 2.0], [3.0, 5.0], [2.0, 7.0]]), np.array([1.0, 0.0, 2.0])
    >>> verify.function(squared_error, np.array([0.1, -0.2]), x, y).ok
    False
    """
    names = argument_names(function, len(arguments))
    check = kind(**targets_of(function, names, arguments), **keywords_of(keywords))
    check.entry.all_asked = False  # some arguments are data
    check.again = Call(
        {
            **dict(zip(names, arguments, strict=True)),
            **keywords,
            "self": getattr(function, "__self__", None),
            "": function,
        },
        lambda other: check_function(other, function, *arguments, **keywords),
        lambda: function(*arguments, **keywords),
    )
    check.begin(None)
    with Ending(check):
        given = [stand_for(check, argument) for argument in arguments]
        result = function(*given, **{name: stand_for(check, value) for name, value in keywords.items()})
        loss, gradients = parted(result)
        if loss is not None:
            check.loss = loss
        if gradients is not None:
            check.gradients = gradients
    return check


def check_layer(kind: Any, layer: Any, *inputs: Any, learning_rate: float = 0.1, seed: int = 0) -> Any:
    """A check of a pair of forward and backward, with an upstream gradient drawn at random; also of a chain of them.

    `layer` is an object with both methods, a list of such objects, in the order of forward, or `(forward, backward)`,
    two functions. `inputs` are what forward is called with; lists and floats become arrays. For an output of shape
    (m...) the upstream gradient has that shape too, drawn from the standard normal distribution by `seed`. Backward may
    also ask, by the names of its arguments, for what forward returned beside the output (`cache`), for the inputs and
    the output, and for a `learning_rate`. The gradients of all parameters and of the inputs are judged, as those of the
    loss sum(output * upstream).

    Raises TypeError where there is no input, no forward or backward, no recorded output, or an argument of backward
    that can't be known. What the layer raises goes on.

    >>> import numpy as np
    >>> from tinygrad_scratch import verify
    >>> class Square:
    ...     def forward(self, x):
    ...         self.x = x
    ...         return x**2
    ...     def backward(self, dout):
    ...         return 2 * self.x * dout
    >>> verify.layer(Square(), np.array([[1.0, -2.0, 0.5]])).ok
    True
    """
    passes, names, targets = passes_of(layer, inputs)
    if not inputs:
        raise TypeError(f"verify.layer needs what goes into forward: verify.layer({type(layer).__name__}(...), x).")
    inputs = tuple(np.asarray(value, float) if type(value) in (list, float) else value for value in inputs)
    check = kind(**{**targets, **dict(zip(names, inputs, strict=False))})
    check.again = Call(
        {"layer": layer, "inputs": inputs},
        lambda other: check_layer(other, layer, *inputs, learning_rate=learning_rate, seed=seed),
        lambda: run_plainly(passes_of(layer, inputs)[0], inputs, learning_rate, np.random.default_rng(seed)),
    )
    check.begin(None)
    with Ending(check):
        given = tuple(stand_for(check, value) for value in inputs)
        run_passes(check, passes, given, names, learning_rate, np.random.default_rng(seed))
    return check


class Ending:
    """Ends the recording of a check: what their code raised goes on, as it does from a block."""

    def __init__(self, check: Any) -> None:
        self.check = check

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        return bool(self.check.__exit__(kind, error, traceback))


# ---- forward and backward --------------------------------------------------------------------------------------------


class Pass:
    """A forward with its backward, and the object that both belong to."""

    def __init__(self, forward: Callable[..., Any], backward: Callable[..., Any], layer: Any) -> None:
        self.forward, self.backward, self.layer = forward, backward, layer
        self.cache: Any = None
        self.given: tuple[Any, ...] = ()
        self.output: Any = None


def passes_of(layer: Any, inputs: tuple[Any, ...]) -> tuple[list[Pass], list[str], dict[str, Any]]:
    """The passes of a layer, a chain or two functions; the names of the inputs; where parameters are looked for."""
    if isinstance(layer, tuple | list) and len(layer) == 2 and all(map(is_function, layer)):
        own = getattr(layer[0], "__self__", None)
        passes, targets = [Pass(layer[0], layer[1], own)], {} if own is None else {"layer": own}
    elif isinstance(layer, tuple | list):
        passes, targets = [pass_of(part) for part in layer], {"layers": list(layer)}
    else:
        passes, targets = [pass_of(layer)], {"layer": layer}
    if not passes:
        raise TypeError("verify.layer was given an empty chain: give the layers in the order of forward.")
    return passes, argument_names(passes[0].forward, len(inputs)), targets


def is_function(value: Any) -> bool:
    return inspect.isfunction(value) or inspect.ismethod(value)


def pass_of(layer: Any) -> Pass:
    found = []
    for names, what in ((FORWARD, "forward"), (BACKWARD, "backward")):
        function = next((getattr(layer, name) for name in names if callable(getattr(layer, name, None))), None)
        if function is None:
            raise TypeError(
                f"{type(layer).__name__} has no method for {what}: looked for {', '.join(names)}. "
                "Give two functions: verify.layer((forward, backward), x, ...)."
            )
        found.append(function)
    return Pass(found[0], found[1], layer)


def argument_names(function: Any, count: int) -> list[str]:
    """The names of a function's first arguments."""
    try:
        found = [
            name
            for name, parameter in inspect.signature(function).parameters.items()
            if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        ]
    except (TypeError, ValueError):
        found = []
    return [*found, *(f"argument_{i}" for i in range(len(found), count))][:count]


def run_passes(
    check: Any, passes: list[Pass], given: tuple[Any, ...], names: list[str], rate: float, draw: Any
) -> None:
    """Forward through all, a drawn upstream gradient, backward through all in reverse order."""
    value: tuple[Any, ...] = given
    for each in passes:
        each.given = value
        each.output, each.cache = output_of(each, each.forward(*value))
        value = (each.output,)
    output = value[0]
    if type(output) is not Recorded:
        raise TypeError(
            f"forward returned {type(output).__name__}, and nothing recorded. Return the output as an array, or give "
            "verify.layer an input that is an array of numbers with a point."
        )
    upstream = from_outside(check.tape, np.asarray(draw.standard_normal(output.shape)))
    check.loss = record(check.tape, np.sum, (record(check.tape, np.multiply, (output, upstream), {}),), {})
    found: list[tuple[str, int]] = []
    flowing: Any = upstream
    for i, each in enumerate(reversed(passes)):
        returned = each.backward(*arguments_of(each, flowing, rate))
        last = i == len(passes) - 1
        flowing = next((part for _, part in gradients_in(returned)), None)
        flowing = kept_input_gradient(each) if flowing is None else flowing
        name_flow(check, flowing, each)
        if flowing is None and not last:
            raise TypeError(
                f"{type(each.layer).__name__}'s backward returned no gradient of its input for the layer before it."
            )
        if last:
            sizes = {p.recorded.size for p in check.parameters if p.asked and p.recorded is not each.given[0]}
            found += named_gradients(returned, names, each, sizes)
        else:
            found += [(path, part.node) for path, part in list(gradients_in(returned))[1:]]
    holders = [each.layer for each in passes if each.layer is not None]
    prefix = "layers[{}]" if len(holders) > 1 else "layer"
    for i, holder in enumerate(holders):
        found += [(path, part.node) for path, part in stored_gradients(holder, prefix.format(i))]
    unique = {node: path for path, node in reversed(found)}
    check.entry.take_gradients([(path, node) for node, path in reversed(unique.items())], found)
    check.entry.updates_too = check.entry.forward_once = True


def run_plainly(passes: list[Pass], inputs: tuple[Any, ...], rate: float, draw: Any) -> list[Any]:
    """The same without a check; what each backward returned."""
    value = inputs
    for each in passes:
        each.given = value
        each.output, each.cache = output_of(each, each.forward(*value))
        value = (each.output,)
    flowing, found = draw.standard_normal(value[0].shape), []
    for each in reversed(passes):
        found.append(each.backward(*arguments_of(each, flowing, rate)))
        flowing = next((part for *_, part in arrays_below([found[-1]], "", set())), None)
    return found


def name_flow(check: Any, gradient: Any, each: Pass) -> None:
    """Give what flows from a layer to the one before it a name: where it is wrong, that is the first wrong step."""
    if type(gradient) is not Recorded or any(event.node == gradient.node for event in check.watch.events):
        return
    place = check.tape.steps[check.tape.nodes[gradient.node].step].place
    if place is not None:
        owner = "" if each.layer is None else f"{type(each.layer).__name__}."
        name = f"{owner}{each.backward.__name__}()"
        check.watch.events.append(Event(name, gradient.node, place, id(each.layer), len(check.tape.steps)))


def output_of(each: Pass, result: Any) -> tuple[Any, Any]:
    """The output and the cache in what forward returned, or left on its object."""
    if type(result) is tuple and result and type(result[0]) in (Recorded, *ARRAYS):
        return result[0], result[1] if len(result) == 2 else result[1:]
    if result is None and each.layer is not None:
        kept = {name.lower(): value for name, value in attributes_of(each.layer) if type(value) is Recorded}
        named = (kept[name] for name in OUTPUT if name in kept)
        made = [value for value in kept.values() if value.is_used and value._tape.steps[-1].makes[-1:] == (value.node,)]
        return next(named, made[0] if made else None), None
    return result, None


def kept_input_gradient(each: Pass) -> Any:
    """The gradient of the input that a backward left on its object."""
    wanted = re.compile(r"^(?:d_?(?:inputs?|x)|(?:inputs?|x)_?grad(?:ient)?|grad_?(?:inputs?|x))$", re.IGNORECASE)
    found = (part for path, part in stored_gradients(each.layer) if wanted.match(path.rsplit(".", 1)[-1]))
    return next(found, None)


def named_gradients(returned: Any, names: list[str], each: Pass, sizes: set[int]) -> list[tuple[str, int]]:
    """What the first layer's backward returned; a gradient on its own is the input's, unless a parameter has its size.

    Several that have the shapes of the inputs are theirs, in that order. `sizes` are those of the parameters.
    """
    parts = list(gradients_in(returned))
    wanted = each.given[0]
    of_inputs = len(parts) > 1 and [part.shape for _, part in parts] == [np.shape(given) for given in each.given]
    found = []
    for i, (path, part) in enumerate(parts):
        by_place = path.isdigit() and (of_inputs or (each.layer is None and len(parts) == len(names)))
        if by_place:
            path = f"d_{names[i]}"
        elif (
            i == 0
            and type(wanted) is Recorded
            and (part.size == wanted.size or (len(parts) == 1 and part.size not in sizes))
        ):
            path = f"d_{names[0]}"
        found.append((path, part.node))
    return found


def arguments_of(each: Pass, upstream: Any, rate: float) -> list[Any]:
    """What backward is called with, by the names of its arguments."""
    parameters = [
        parameter
        for parameter in inspect.signature(each.backward).parameters.values()
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    inputs = dict(zip(argument_names(each.forward, len(each.given)), each.given, strict=False))
    known: dict[str, Any] = {}
    for parameter in parameters:
        name = parameter.name
        if RATE.match(name):
            known[name] = rate
        elif CACHE.match(name):
            known[name] = each.cache
        elif name in inputs:
            known[name] = inputs[name]
        elif name in OUTPUT and name not in ("z", "a"):
            known[name] = each.output
    free = [p.name for p in parameters if p.name not in known]
    free = free or [p.name for p in parameters if RATE.match(p.name)]  # `eta` alone is no rate
    meant = next((name for name in free if UPSTREAM.match(name) or is_gradient_name(name)), free[0] if free else None)
    if meant is None:
        raise TypeError(
            f"{each.backward.__qualname__} takes no upstream gradient, so it can't be judged on its own: "
            f"judge its network."
        )
    known[meant] = upstream
    found = []
    for parameter in parameters:
        if parameter.name in known:
            found.append(known[parameter.name])
        elif parameter.default is not parameter.empty:
            break
        else:
            raise TypeError(
                f"{each.backward.__qualname__} wants {parameter.name!r}, and verify.layer can't know it. "
                f"Write the calls in a block: "
                "with verify(layer, x=x) as check: out = layer.forward(x); check.loss = np.sum(out * R); "
                "check.gradients = ..."
            )
    return found


# ---- arguments and results -------------------------------------------------------------------------------------------


def stand_for(check: Any, value: Any) -> Any:
    """What a function is called with in place of an array."""
    recorded = from_outside(check.tape, value) if type(value) in ARRAYS else check.numbers.get(id(value))
    return value if recorded is None else recorded


def targets_of(function: Any, names: list[str], arguments: tuple[Any, ...]) -> dict[str, Any]:
    """Where the parameters of a function are looked for: in its arguments, and in the object that it belongs to."""
    own = getattr(function, "__self__", None)
    return {**dict(zip(names, arguments, strict=True)), **({"self": own} if own is not None else {})}


def keywords_of(keywords: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in keywords.items() if not isinstance(value, str | int | float)}


def parted(result: Any) -> tuple[Any, Any]:
    """The loss and the gradients in what a function returned."""
    if type(result) is Recorded and (result.size > 1 or result.ndim):
        return None, result
    if not isinstance(result, tuple | list):
        return (None, result) if isinstance(result, dict) else (result, None)
    place = next((i for i, part in enumerate(result) if is_number(part)), None)
    if place is None:
        return None, result
    rest = [part for i, part in enumerate(result) if i != place]
    return result[place], rest[0] if len(rest) == 1 else rest


def is_number(value: Any) -> bool:
    return value.size == 1 and value.ndim == 0 if type(value) is Recorded else isinstance(value, float | np.floating)
