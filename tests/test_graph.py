"""How long a graph lives, what it holds, whether calls are recorded, and what backward() adds up."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import time
import tracemalloc
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

from tinygrad_scratch import Tensor, enable_grad, grad, no_grad
from tinygrad_scratch.graph import is_recording
from tinygrad_scratch.rules import indexing


def leaf(data: Any, **keywords: Any) -> Any:
    """A Tensor that requires a gradient. Any, as NumPy's stubs would have its functions return arrays."""
    return Tensor(data, requires_grad=True, **keywords)


# ---- a graph goes with its end, at once ------------------------------------------------------------------------------


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


def plain(w: Any) -> list[Any]:
    z = np.exp(w)
    return [z, np.sum(z * z)]


def backwards(w: Any) -> list[Any]:
    z = np.exp(w)
    loss = np.sum(z * z)
    loss.backward()
    loss.backward()
    return [z, loss, *loss.gradient(w, z)]


def higher_orders(w: Any) -> list[Any]:
    loss = np.sum(np.exp(w) ** 3)
    (first,) = loss.gradient(w, create_graph=True)
    (second,) = np.sum(first * first).gradient(w, create_graph=True)
    np.sum(second).backward()
    return [loss, first, second]


def views(w: Any) -> list[Any]:
    z = np.exp(w)
    row, flat = z[0], z.reshape(-1)
    inner = row[::-1]
    return [z, row, flat, inner, inner.T, next(iter(z))]


def writes(w: Any) -> list[Any]:
    z = np.exp(w)
    row = z[0]
    z[1] = w[0]
    row *= 2.0
    z += w
    z.reshape(-1)[0] = 1.0
    return [z, row, np.sum(z)]


def named(w: Any) -> list[Any]:
    z = np.exp(w)
    z.name = "z"
    return [z, np.sum(z)]


def transformed(w: Any) -> list[Any]:
    return [grad(lambda v: np.sum(grad(lambda u: np.sum(u**3))(v) ** 2))(w * 1.0)]


def failing(fail: Callable[[Any], Any], error: type[Exception]) -> Callable[[Any], list[Any]]:
    def program(w: Any) -> list[Any]:
        z = np.exp(w)
        with suppress(error), np.errstate(all="raise"):
            fail(z)
        return [z]

    return program


PROGRAMS = {
    "plain": plain,
    "backward": backwards,
    "higher orders": higher_orders,
    "views": views,
    "writes": writes,
    "named": named,
    "transforms": transformed,
    "wrong shape": failing(lambda z: z @ np.ones(5), ValueError),
    "wrong shape in a function": failing(lambda z: np.concatenate([z, np.ones(5)]), ValueError),
    "wrong keyword": failing(lambda z: np.exp(z, casting="no"), TypeError),
    "unknown function": failing(lambda z: np.save("never written", z), TypeError),
    "way out": failing(np.asarray, TypeError),
    "failed write": failing(lambda z: z.__setitem__(9, 1.0), IndexError),
    "floating point error": failing(lambda z: z / 0.0, FloatingPointError),
    "floating point error in a function": failing(lambda z: np.log(z * 0.0), FloatingPointError),
    "error in a rule": failing(lambda z: np.sum(np.sqrt(z * 0.0)).backward(), FloatingPointError),
    "no scalar": failing(lambda z: z.backward(), ValueError),
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
@pytest.mark.usefixtures("no_collector")
def test_dropping_the_end_frees_all_values_at_once(program: Callable[[Any], list[Any]]) -> None:
    w = leaf(np.ones((2, 2)))
    ends = program(w)
    values = [weakref.ref(end._value) for end in ends]
    tensors = [weakref.ref(end) for end in ends]
    del ends
    assert [value() is None for value in values] == [True] * len(values)
    assert [tensor() is None for tensor in tensors] == [True] * len(tensors)


@pytest.mark.usefixtures("no_collector")
def test_records_keep_what_they_need_alive() -> None:
    w = leaf([1.0, 2.0])
    z = np.exp(w)
    value = weakref.ref(z._value)
    loss = np.sum(z * z)
    del z
    assert value() is not None
    loss.backward()
    assert value() is not None
    del loss
    assert value() is None


@pytest.mark.usefixtures("no_collector")
def test_nothing_is_kept_where_nothing_is_recorded() -> None:
    w = leaf([1.0, 2.0])
    for wanted in (no_grad(), no_grad()):
        with wanted:
            z = np.exp(w)
            value = weakref.ref(z._value)
            loss = np.sum(z * z)
        del z
        assert value() is None
        del loss
    constant = np.exp(w.detach()) * 1.0
    assert constant._record is None


def test_the_walk_lets_go_of_each_cotangent() -> None:
    x = leaf(np.ones(100_000))
    y = x
    for _ in range(50):
        y = np.sin(y)
    seed = np.ones(100_000)
    tracemalloc.start()
    try:
        y.backward(seed)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * seed.nbytes


def test_hundreds_of_thousands_of_calls() -> None:
    x = leaf(1.0)
    y, start = x, time.process_time()
    for _ in range(300_000):
        y = y + 1.0
    y.backward()
    assert x.grad == 1.0
    value = weakref.ref(y._value)
    del y
    assert value() is None
    assert time.process_time() - start < 9.0  # a guard against quadratic time; the benchmarks measure the speed


@pytest.mark.parametrize(
    "step",
    [lambda y, x: y[::-1], lambda y, x: y.__imul__(1.0), lambda y, x: y.T, lambda y, x: y.__setitem__(0, x[0]) or y],
    ids=["views", "in place", "transposes", "writes"],
)
def test_thousands_of_views_and_writes(step: Callable[[Any, Any], Any]) -> None:
    x = leaf([1.0, 2.0])
    y = x.copy()
    for _ in range(20_000):
        y = step(y, x)
    np.sum(y * y).backward()
    np.testing.assert_array_equal(x.grad, [2.0, 4.0])
    value = weakref.ref(y._value)
    del y
    assert value() is None


# ---- what adds up ----------------------------------------------------------------------------------------------------


def test_backward_twice_adds_twice() -> None:
    w = leaf([1.0, 2.0])
    loss = np.sum(w**2)
    loss.backward()
    loss.backward()
    np.testing.assert_array_equal(w.grad, [4.0, 8.0])
    np.sum(w * 10.0).backward()
    np.testing.assert_array_equal(w.grad, [14.0, 18.0])


def test_a_diamond_of_sixty_stones() -> None:
    """Paths double at each step; each call is visited once."""
    x = leaf(1.0)
    y = x
    for _ in range(60):
        y = y + y
    y.backward()
    assert x.grad == 2.0**60


def test_many_consumers_of_one_value() -> None:
    x = leaf([0.5, 2.0])
    z = x * x
    total = sum(k * z for k in range(1, 101)) + np.sum(z) * z
    np.sum(total).backward()
    np.testing.assert_allclose(x.grad, 2 * x.numpy() * (5050 + 2 * 4.25))


def test_one_value_in_every_place_of_a_call() -> None:
    x = leaf(2.0)
    for y, slope in ((x * x, 4.0), (x / x, 0.0), (x - x, 0.0), (x**x, 4 * (1 + np.log(2)))):
        np.testing.assert_allclose(y.gradient(x)[0].numpy(), slope, atol=1e-15)
    np.sum(np.concatenate([x[None], x[None], x[None] * x])).backward()
    np.testing.assert_array_equal(x.grad, 6.0)


def test_parameters_updated_before_backward() -> None:
    w = leaf([3.0])
    loss = np.sum(w * w)
    with no_grad():
        w -= 1.0
    loss.backward()
    w.data = [50.0]
    loss.backward()
    np.testing.assert_array_equal(w.grad, [12.0])
    np.testing.assert_array_equal(w.numpy(), [50.0])


def test_grad_is_an_array_of_its_own() -> None:
    a, b, seed = (leaf([1.0, 2.0]), leaf([3.0, 4.0]), np.ones(2))
    total = a + b
    total.backward(seed)
    a.grad[:] = 9.0
    np.testing.assert_array_equal(b.grad, [1.0, 1.0])
    np.testing.assert_array_equal(seed, [1.0, 1.0])
    total.backward(seed)
    np.testing.assert_array_equal(a.grad, [10.0, 10.0])
    np.testing.assert_array_equal(b.grad, [2.0, 2.0])
    x, y = leaf(1.0), leaf(1.0)
    x.backward()
    x.grad[...] = 7.0
    y.backward()
    assert y.grad == 1.0


def test_gradient_of_intermediates_of_the_loss_and_of_strangers() -> None:
    a, stranger = leaf([1.0, 2.0]), leaf([[5.0]])
    z = a * 2.0
    loss = np.sum(z * z)
    later = z * 3.0
    of_loss, of_z, of_a, none, again, of_later = loss.gradient(loss, z, a, stranger, a, later)
    assert of_loss.item() == 1.0
    np.testing.assert_array_equal(of_z.numpy(), [4.0, 8.0])
    np.testing.assert_array_equal(of_a.numpy(), [8.0, 16.0])
    np.testing.assert_array_equal(again.numpy(), of_a.numpy())
    np.testing.assert_array_equal(none.numpy(), [[0.0]])
    np.testing.assert_array_equal(of_later.numpy(), [0.0, 0.0])
    assert a.grad is None
    assert loss.gradient() == ()


def test_gradient_of_an_intermediate_stops_no_other_path() -> None:
    """Asking for z, which lies on the way, must not change what is found for x, beyond it or beside it."""
    x = leaf([0.3, 0.7])
    z = np.exp(-x)
    loss = np.sum(1 / (1 + z) + z * x)
    (alone,) = loss.gradient(x)
    both, of_z = loss.gradient(x, z)
    v, e = x.numpy(), np.exp(-x.numpy())
    np.testing.assert_allclose(both.numpy(), alone.numpy(), rtol=1e-14)
    np.testing.assert_allclose(of_z.numpy(), v - 1 / (1 + e) ** 2, rtol=1e-14)
    np.testing.assert_allclose(alone.numpy(), e / (1 + e) ** 2 + e - v * e, rtol=1e-14)


@pytest.mark.parametrize("write", [lambda z: 1 / (1 + np.exp(-z)), lambda z: 1.0 / (np.exp(-z) + 1.0)])
def test_a_sigmoid_by_hand_is_right_at_any_size(write: Callable[[Any], Any]) -> None:
    x = leaf([-800.0, -1.0, 0.0, 800.0])
    with np.errstate(over="ignore"):
        np.sum(write(x)).backward()
    s = 1 / (1 + np.exp(1.0))
    np.testing.assert_allclose(x.grad, [0.0, s * (1 - s), 0.25, 0.0])


@pytest.mark.parametrize(
    ("text", "slope"),
    [
        (lambda z: 1 / (1 + np.exp(z)), lambda s, v: -s(-v) * s(v)),
        (lambda z: 2 / (1 + np.exp(-z)), lambda s, v: 2 * s(v) * s(-v)),
        (lambda z: 1 / (2 + np.exp(-z)), lambda s, v: np.exp(-v) / (2 + np.exp(-v)) ** 2),
        (lambda z: 1 / (1 - np.exp(-z)), lambda s, v: -np.exp(-v) / (1 - np.exp(-v)) ** 2),
        (lambda z: 1 / (1 + np.exp(-z * z)), lambda s, v: 2 * v * s(v * v) * s(-v * v)),
        (lambda z: np.ones(2) / (1 + np.exp(-z)), lambda s, v: s(v) * s(-v)),
        (lambda z: 1 / (np.ones((3, 1)) + np.exp(-z)), lambda s, v: 3 * s(v) * s(-v)),
    ],
)
def test_what_only_looks_like_a_sigmoid(text: Any, slope: Any) -> None:
    x = leaf([0.3, -0.8])
    np.sum(text(x)).backward()
    np.testing.assert_allclose(x.grad, slope(lambda v: 1 / (1 + np.exp(-v)), x.numpy()), rtol=1e-13)


INDICES: list[list[Any]] = [
    [0, 1],
    [slice(1, 3), slice(0, 2)],
    [[0, 0, 1], 0, [2, 2]],
    [np.array([True, False, True, False]), 0],
    [(..., 0), (slice(None), 1)],
    [None, -1],
]


@pytest.mark.parametrize("indices", INDICES, ids=str)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_parts_of_an_array_and_the_whole_of_it_add_up(indices: list[Any], place: int) -> None:
    draws = np.random.default_rng(0)
    x = leaf(draws.normal(size=(4, 3)))
    computed = x * 1.0
    whole = draws.normal(size=(4, 3))
    parts = [draws.normal(size=np.shape(x.numpy()[index])) for index in indices]
    terms = [np.sum(computed[index] * part) for index, part in zip(indices, parts, strict=True)]
    terms.insert(place, np.sum(computed * whole))
    expected = whole.copy()
    for index, part in zip(indices, parts, strict=True):
        np.add.at(expected, index, part)
    loss = sum(terms[1:], start=terms[0])
    of_computed, of_x = loss.gradient(computed, x)
    np.testing.assert_allclose(of_computed.numpy(), expected, rtol=1e-13)
    np.testing.assert_array_equal(of_x.numpy(), of_computed.numpy())
    np.testing.assert_array_equal(loss.gradient(x, create_graph=True)[0].numpy(), of_x.numpy())
    for _ in range(2):
        loss.backward()
    np.testing.assert_allclose(x.grad, 2 * expected, rtol=1e-13)


def test_many_parts_of_one_array_take_one_array_on_the_way_back(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    scatter = indexing.scatter

    def counted(*arguments: Any) -> Any:
        made.append(arguments)
        return scatter(*arguments)

    monkeypatch.setattr(indexing, "scatter", counted)
    x = leaf(np.ones((50, 2)))
    h: Any = np.zeros(2)
    for t in range(50):
        h = np.tanh(h + x[t])
    h.sum().backward()
    assert len(made) == 1
    assert np.all(x.grad > 0)


# ---- recording or not ------------------------------------------------------------------------------------------------


def test_recording_nests_and_is_restored() -> None:
    seen = [is_recording()]
    with no_grad():
        seen.append(is_recording())
        with enable_grad():
            seen.append(is_recording())
            with suppress(ZeroDivisionError), no_grad():
                _ = 1 / 0
            seen.append(is_recording())
        seen.append(is_recording())
    assert [*seen, is_recording()] == [True, False, True, True, False, True]


def test_recording_as_a_decorator() -> None:
    @no_grad()
    def off(again: bool) -> list[bool]:
        return [is_recording(), *(off(False) if again else on())]

    @enable_grad()
    def on() -> list[bool]:
        return [is_recording()]

    assert off(True) == [False, False, True]
    assert is_recording()
    with pytest.raises(ZeroDivisionError):
        no_grad()(lambda: 1 / 0)()
    assert is_recording()


def test_recording_is_local_to_a_thread() -> None:
    inside, outside = threading.Event(), threading.Event()

    def off() -> bool:
        with no_grad():
            inside.set()
            assert outside.wait(10)
            return is_recording()

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(off)
        assert inside.wait(10)
        seen = is_recording()
        outside.set()
        assert (seen, future.result()) == (True, False)
        with no_grad():
            assert pool.submit(is_recording).result()


def test_recording_is_local_to_an_async_task() -> None:
    async def off(inside: asyncio.Event, outside: asyncio.Event) -> bool:
        with no_grad():
            inside.set()
            await outside.wait()
            return is_recording()

    async def on(inside: asyncio.Event, outside: asyncio.Event) -> bool:
        await inside.wait()
        seen = is_recording()
        outside.set()
        return seen

    async def both() -> list[bool]:
        events = asyncio.Event(), asyncio.Event()
        return list(await asyncio.gather(off(*events), on(*events)))

    assert asyncio.run(both()) == [False, True]


def test_graphs_of_threads_do_not_mix() -> None:
    def slope(k: int) -> Any:
        x = leaf(float(k))
        y = x
        for _ in range(200):
            y = np.sin(y) + x
        y.backward()
        return x.grad

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(slope, range(16)))
    np.testing.assert_array_equal(found, [slope(k) for k in range(16)])


def test_backward_works_under_no_grad() -> None:
    x = leaf(2.0)
    loss = x**3
    with no_grad():
        loss.backward()
        (first,) = loss.gradient(x, create_graph=True)
        (second,) = first.gradient(x)
    assert x.grad == 12.0
    assert second.item() == 12.0
    assert not (first * 1).detach().requires_grad


def test_threads_that_share_a_leaf_lose_no_gradient() -> None:
    w = leaf([1.0])
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: (w * 1.0).backward(), range(4000)))
    finally:
        sys.setswitchinterval(interval)
    assert w.grad == 4000.0
