"""jit sees what changes between two calls, wherever the function reads it, or refuses to read there."""

from __future__ import annotations

import argparse
import array
import collections
import functools
import gc
import itertools
import random
import sys
import types
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from tinygrad_scratch import Tensor, grad, jit
from tinygrad_scratch.compiler.traced import TraceError

X = np.array([0.3, -0.7, 1.2])
SCALE: Any = 2.0
ACTIVATION: Any = np.tanh
SCALES = np.ones(3)
settings: Any = types.ModuleType("settings")
exec("def scaled(x): return x * scale * rate", settings.__dict__)
scaled_by_settings = settings.scaled
sys.modules["settings_of_test"] = settings


def anew() -> None:
    """Everything as it was, for the next case."""
    global SCALE, ACTIVATION
    SCALE, ACTIVATION = 2.0, np.tanh
    settings.scale, settings.rate = np.array(2.0), 3.0
    settings.inner = types.ModuleType("inner")
    settings.inner.scale = 2.0
    settings.scaled = scaled_by_settings
    globals().pop("LATER", None)


def set_global(name: str, value: Any) -> None:
    globals()[name] = value


def changed_globals() -> list[Any]:
    def imports(x: Any) -> Any:
        import settings_of_test as inside  # type: ignore[import-not-found]

        return x * inside.rate

    def imports_a_name(x: Any) -> Any:
        from settings_of_test import rate

        return x * rate

    def defined_later(x: Any) -> Any:
        try:
            return x * LATER  # type: ignore[name-defined]
        except NameError:
            return x

    return [
        (lambda x: x * SCALE, lambda: set_global("SCALE", 5.0)),
        (lambda x: ACTIVATION(x), lambda: set_global("ACTIVATION", np.exp)),
        (lambda x: ACTIVATION(x), lambda: set_global("ACTIVATION", abs)),
        (defined_later, lambda: set_global("LATER", 4.0)),
        (lambda x: x * settings.scale, lambda: setattr(settings, "scale", np.array(5.0))),
        (lambda x: x * settings.scale, lambda: settings.scale.__imul__(7)),
        (lambda x: x * settings.rate, lambda: setattr(settings, "rate", 5.0)),
        (lambda x: settings.scaled(x), lambda: setattr(settings, "rate", 5.0)),
        (lambda x: settings.scaled(x), lambda: setattr(settings, "scaled", lambda x: x - 1)),
        (lambda x: x * settings.inner.scale, lambda: setattr(settings.inner, "scale", 5.0)),
        (imports, lambda: setattr(settings, "rate", 5.0)),
        (imports_a_name, lambda: setattr(settings, "rate", 5.0)),
    ]


def changed_classes() -> list[Any]:
    class Base:
        rate: Any = 2.0

        def scaled(self, x: Any) -> Any:
            return x * SCALE

    class Settings(Base):
        scale: Any = np.ones(3)

        @staticmethod
        def as_static(x: Any) -> Any:
            return x * SCALE

        @classmethod
        def as_class(cls, x: Any) -> Any:
            return x * cls.rate

        @property
        def as_property(self) -> Any:
            return SCALE

        def scaled(self, x: Any) -> Any:
            return super().scaled(x) + 1

        def __call__(self, x: Any) -> Any:
            return x * SCALE

    class Slots:
        __slots__ = ("w",)
        w: Any

    @dataclass(slots=True, frozen=True)
    class Frozen:
        w: Any

    def slots(w: Any) -> Any:
        made = Slots()
        made.w = w
        return made

    one, other, third = slots(np.ones(3)), slots(np.ones(3)), slots(1.0)
    it, frozen, rescale = Settings(), Frozen(np.ones(3)), lambda: set_global("SCALE", 5.0)
    return [
        (lambda x: x * Settings.scale, lambda: setattr(Settings, "scale", np.full(3, 5.0))),
        (lambda x: x * Settings.scale, lambda: Settings.scale.__imul__(3)),
        (lambda x: x * it.rate, lambda: setattr(Base, "rate", 9.0)),
        (lambda x: x * it.rate, lambda: setattr(it, "rate", 7.0)),
        (lambda x: x * it.rate, lambda: setattr(Settings, "rate", 6.0)),
        (Settings.as_class, lambda: setattr(Settings, "rate", 8.0)),
        (lambda x: x * one.w, lambda: setattr(one, "w", np.full(3, 4.0))),
        (lambda x: x * other.w, lambda: other.w.__imul__(4)),
        (lambda x: x * third.w, lambda: setattr(third, "w", 4.0)),
        (lambda x: x * frozen.w, lambda: frozen.w.__imul__(4)),
        *[
            (function, rescale)
            for function in (it.scaled, Settings.as_static, lambda x: x * it.as_property, it, lambda x: Settings()(x))
        ],
        (lambda x: it.scaled(x), lambda: setattr(Base, "scaled", lambda self, x: x * 7)),
    ]


def changed_functions() -> list[Any]:
    def by_keyword(x: Any, *, scale: Any = SCALES) -> Any:
        return x * scale

    def by_default(x: Any, scale: Any = 1.0) -> Any:
        return x * scale

    def by_attribute(x: Any) -> Any:
        return x * by_attribute.scale  # type: ignore[attr-defined]

    def other(x: Any) -> Any:
        return x * 3

    def rewritten(x: Any) -> Any:
        return x * 2

    by_attribute.scale = np.array(2.0)  # type: ignore[attr-defined]
    kept = np.ones(3)
    keywords: Any = functools.partial(lambda x, scale: x * scale, scale=2.0)
    return [
        (by_keyword, lambda: SCALES.__imul__(3)),
        (by_default, lambda: setattr(by_default, "__defaults__", (3.0,))),
        (by_attribute, lambda: by_attribute.scale.__imul__(3)),  # type: ignore[attr-defined]
        (rewritten, lambda: setattr(rewritten, "__code__", other.__code__)),
        (functools.partial(lambda scale, x: x * scale, kept), lambda: kept.fill(4)),
        (keywords, lambda: keywords.keywords.update(scale=3.0)),
        (grad(lambda x: np.sum(SCALE * x**2)), lambda: set_global("SCALE", 5.0)),
    ]


def changed_containers() -> list[Any]:
    class Node:
        parent: Any = None
        scale = 2.0

    space, named = types.SimpleNamespace(scale=2.0), argparse.Namespace(scale=np.ones(3))
    user_dict, user_list = collections.UserDict(scale=2.0), collections.UserList([2.0])
    inner: dict[str, float] = {"scale": 2.0}
    chain = collections.ChainMap({}, inner)

    class Configuration(dict[str, Any]):
        def scaled(self, x: Any) -> Any:
            return x * self["scale"] * SCALE

    class Pair(tuple[float, float]):
        def scaled(self, x: Any) -> Any:
            return x * self[0] * SCALE

    class Scaled:
        def __init__(self, function: Any) -> None:
            functools.update_wrapper(self, function)
            self.function, self.scale = function, 2.0

        def __call__(self, x: Any) -> Any:
            return self.function(x) * self.scale

    configuration, pair, wrapped = Configuration(scale=2.0), Pair((1.0, 2.0)), Scaled(lambda x: x + 1)
    numbers, up, down = {2}, Node(), Node()
    down.parent = weakref.ref(up)
    one, other = Tensor([1.0, 1.0, 1.0]), Tensor([2.0, 2.0, 2.0])
    tensors, lists = [one, other, one], [[1.0], [2.0]]
    lists.append(lists[0])
    return [
        (lambda x: x * space.scale, lambda: setattr(space, "scale", 5.0)),
        (lambda x: x * named.scale, lambda: named.scale.__imul__(5)),
        (lambda x: x * user_dict["scale"], lambda: user_dict.update(scale=5.0)),
        (lambda x: x * user_list[0], lambda: user_list.__setitem__(0, 5.0)),
        (lambda x: x * chain["scale"], lambda: inner.update(scale=5.0)),
        (lambda x: x * len(numbers), lambda: numbers.add(5)),
        (configuration.scaled, lambda: configuration.update(scale=5.0)),
        (configuration.scaled, lambda: set_global("SCALE", 5.0)),
        (lambda x: pair.scaled(x), lambda: set_global("SCALE", 5.0)),
        (lambda x: wrapped(x), lambda: setattr(wrapped, "scale", 5.0)),
        (lambda x: x * down.parent().scale, lambda: setattr(up, "scale", 5.0)),
        (lambda x: (x * tensors[2]).numpy(), lambda: tensors.__setitem__(2, other)),
        (lambda x: x * lists[2][0], lambda: lists.__setitem__(2, lists[1])),
    ]


@pytest.mark.parametrize("cases", [changed_globals, changed_classes, changed_functions, changed_containers])
def test_a_change_is_seen(cases: Callable[[], list[Any]]) -> None:
    for place in range(len(cases())):
        anew()
        function, change = cases()[place]
        jitted = jit(function)
        for _ in range(3):
            np.testing.assert_allclose(jitted(X), function(X), rtol=1e-12)
        before = function(X)
        change()
        assert not np.allclose(function(X), before), f"case {place} changes nothing"
        for _ in range(3):
            np.testing.assert_allclose(jitted(X), function(X), rtol=1e-12, err_msg=f"case {place}")


def test_one_array_in_two_places_is_two_after_one_of_them_changes() -> None:
    """Two names, an attribute and a tuple, an argument and what is captured."""
    names, other, kept = {"scale": np.ones(3)}, {}, types.SimpleNamespace(scale=np.ones(3))
    other["scale"], pair = names["scale"], (kept.scale,)

    def in_two_dicts(x: Any) -> Any:
        return x + 10 * names["scale"] + 100 * other["scale"]

    def in_a_tuple(x: Any) -> Any:
        return x + 10 * kept.scale + 100 * pair[0]

    def as_argument(x: Any) -> Any:
        return x + 10 * kept.scale

    for f, first in ((in_two_dicts, X), (in_a_tuple, X), (as_argument, kept.scale)):
        step = jit(f)
        for _ in range(3):
            np.testing.assert_allclose(step(first), f(first), rtol=1e-12)
        for x in (X + 1, first):
            np.testing.assert_allclose(step(x), f(x), rtol=1e-12)
        names["scale"], kept.scale = 2 * names["scale"], 2 * kept.scale
        for _ in range(3):
            np.testing.assert_allclose(step(first), f(first), rtol=1e-12)


@pytest.mark.parametrize("writes", [False, True])
def test_a_variable_that_is_gone(writes: bool) -> None:
    scale, kept = np.ones(3), [np.ones(3)]

    def f(x: Any) -> Any:
        if writes:
            kept[0] = kept[0] + x
        return x * scale  # noqa: F821  (it is deleted below)

    step = jit(f)
    for _ in range(3):
        step(X)
    del scale
    with pytest.raises(NameError, match="scale"):
        step(X)


@pytest.mark.filterwarnings("ignore:Setting the shape:DeprecationWarning")  # NumPy 2.5
@pytest.mark.parametrize("through_a_tensor", [False, True])
def test_a_shape_that_is_set_in_place(through_a_tensor: bool) -> None:
    array_, seen = np.ones((2, 3)), Tensor(2.0)
    step = jit(lambda x: x * len(array_) * (seen.numpy() if through_a_tensor else 2.0))
    for _ in range(3):
        np.testing.assert_allclose(step(X), 4 * X, rtol=1e-12)
    array_.shape = (3, 2)
    np.testing.assert_allclose(step(X), 6 * X, rtol=1e-12)


@pytest.mark.parametrize(
    "value",
    [
        iter([1.0, 2.0]),
        (x for x in (1.0, 2.0)),
        itertools.count(),
        array.array("d", [2.0]),
        types.MappingProxyType({"scale": 2.0}),
        {"scale": 2.0}.values(),
        random.Random(0),
        np.random.PCG64(0),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_changes_unseen_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="can't be told from one call to the next"):
        jit(lambda x: (x, value)[0])(X)


def test_classes_and_slots_are_written_to() -> None:
    class Total:
        calls, sum = 0, np.zeros(3)

    class Slots:
        __slots__ = ("last",)
        last: Any

    kept = Slots()

    def f(x: Any) -> Any:
        Total.calls += 1
        Total.sum = Total.sum + x
        kept.last = x * Total.calls
        return x

    step = jit(f)
    for i in range(1, 4):
        step(X)
        assert Total.calls == i
        np.testing.assert_allclose(Total.sum, i * X, rtol=1e-12)
        np.testing.assert_array_equal(kept.last, i * X)


def test_arguments_are_let_go() -> None:
    totals = [np.zeros(3)]

    def f(x: Any) -> Any:
        totals[0] = totals[0] + x
        return totals[0].sum()

    for function in (f, lambda x: x * 2):
        step = jit(function)
        for _ in range(3):
            batch = np.ones(3)
            kept = weakref.ref(batch)
            step(batch)
            del batch
            gc.collect()
            assert kept() is None


def test_old_parameters_are_let_go() -> None:
    w = Tensor(np.ones(3), requires_grad=True)

    def f() -> Any:
        w.grad = None
        loss = (w * w).sum()
        loss.backward()
        w.data = 0.9 * w.data
        return loss

    step = jit(f)
    for _ in range(3):
        step()
    old: list[Any] = [weakref.ref(w._value), weakref.ref(w.grad)]
    step()
    gc.collect()
    assert [each() for each in old] == [None, None]


def test_new_attributes_of_classes_and_modules_are_refused() -> None:
    class Kept:
        pass

    def to_class(x: Any) -> Any:
        Kept.last = x * 2  # type: ignore[attr-defined]
        return x

    def to_module(x: Any) -> Any:
        settings.last = x * 2
        return x

    anew()
    cases: list[tuple[Any, Any, str]] = [(to_module, settings, "settings.last"), (to_class, Kept, "Kept.last")]
    for function, space, name in cases:
        with pytest.raises(TraceError, match=f"made {name}, which was not there before"):
            jit(function)(X)
        assert not hasattr(space, "last")
        space.last = None
        jit(function)(X)
        np.testing.assert_array_equal(space.last, 2 * X)
        del space.last


def test_attributes_of_functions_are_written_to() -> None:
    def f(x: Any) -> Any:
        f.last = x * 2  # type: ignore[attr-defined]
        return x

    step = jit(f)
    for scale in (1, 2, 3):
        step(scale * X)
        np.testing.assert_array_equal(f.last, 2 * scale * X)  # type: ignore[attr-defined]


# ---- objects that the function makes ---------------------------------------------------------------------------------


@dataclass
class State:
    w: Any
    steps: int = 0


def test_objects_are_made_anew_by_each_call() -> None:
    kept: list[State] = []

    def f(state: State, x: Any) -> State:
        kept.append(State(x * 2))
        return State(state.w - x, state.steps + 1)

    step, state = jit(f), State(np.zeros(3))
    for _ in range(3):
        state = step(state, X)
    assert state.steps == 3
    np.testing.assert_allclose(state.w, -3 * X, rtol=1e-12)
    assert len({id(each) for each in kept}) == 3
    np.testing.assert_array_equal(kept[0].w, 2 * X)


def test_what_can_not_be_made_anew_is_refused() -> None:
    def cycle(x: Any) -> Any:
        state = State(x)
        state.w = [state, x]
        return state

    functions: list[Any] = [lambda x: lambda y: x * y, lambda x: (v for v in x), cycle]
    for function in functions:
        with pytest.raises(TraceError, match="returned or kept"):
            jit(function)(X)


# ---- what a stand-in says of itself ----------------------------------------------------------------------------------


def test_a_stand_in_is_an_instance_of_what_it_stands_for() -> None:
    assert jit(lambda x: isinstance(x, np.ndarray))(X)
    assert jit(lambda x: isinstance(x.sum(), float))(X)


def test_equal_to_none_or_a_text() -> None:
    functions: list[Any] = [lambda x: x == None, lambda x: x != None, lambda x: x == "a"]  # noqa: E711
    for function in functions:
        np.testing.assert_array_equal(jit(function)(X), function(X))
    words = np.array(["a", "b"])
    np.testing.assert_array_equal(jit(lambda x: x == "a")(words), [True, False])


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: {6.0: 1}.get(x.sum().item(), 7), "looked up in a dict"),
        (lambda x: x.sum().item() in {6.0}, "np.isin"),
        (lambda x: f"{x.sum():.3f}", "shown as '.3f'"),
        (lambda x: np.array2string(x), "and not arrays alone"),
        (lambda x: np.array([x[0], x[1]]), r"np.stack\(\[a, b\]\) for np.array\(\[a, b\]\)"),
    ],
)
def test_values_that_would_be_frozen(function: Any, message: str) -> None:
    with pytest.raises(TraceError, match=message):
        jit(function)(X)


@pytest.mark.parametrize(
    "function",
    [
        lambda x, n: np.exp(x[:n] * 2 + 1),
        lambda x, n: np.exp(np.tile(x, n) + 1),
        lambda x, n: np.exp(np.diff(x, n) + 1),
        lambda x, n: np.exp(np.pad(x, n) + 1),
        lambda x, n: x[x > 1.3 - n] * 2 + 1,
    ],
)
def test_a_size_that_is_a_value_is_checked(function: Any) -> None:
    """Also where the new shape could be broadcast to the planned one."""
    jitted = jit(function)
    np.testing.assert_allclose(jitted(X, np.array(2)), function(X, np.array(2)), rtol=1e-12)
    with pytest.raises(ValueError, match="when the function was traced"):
        jitted(X, np.array(1))
