"""Watching: the names that a person's variables give, and the lines that made recorded calls."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from tinygrad_scratch import Tensor
from tinygrad_scratch.graph import Graph
from tinygrad_scratch.nn import Dense, Sequential
from tinygrad_scratch.watching import Names, Place, Watched, code_at, is_own, watch


def standing(value: Any) -> Any:
    return value if type(value) is Tensor else None


def leaf() -> Tensor:
    return Tensor(np.ones((2, 2)), requires_grad=True)


def names_in(**namespace: Any) -> Names:
    names = Names(standing)
    names.see(namespace)
    return names


def lines(watched: Watched, *outputs: Any) -> list[tuple[str, str]]:
    """Of each recorded call, oldest first, the function's name and the code of its line."""
    found = []
    for node in Graph(*outputs).nodes:
        if node.kind == "operation":
            place = watched.place_of(node.order)
            found.append((node.function.__name__, place.code if place is not None else "nowhere"))
    return found


# ---- names -----------------------------------------------------------------------------------------------------------


class Pair(NamedTuple):
    left: Any
    right: Any


class Slotted:
    __slots__ = ("empty", "w")

    def __init__(self) -> None:
        self.w = leaf()


@dataclass
class Net:
    w1: Tensor = field(default_factory=leaf)
    cache: dict[Any, Any] = field(default_factory=dict)
    layers: list[Any] = field(default_factory=list)


def test_names_lead_through_attributes_entries_and_items() -> None:
    net = Net(cache={"z2": leaf(), 7: leaf()}, layers=[Slotted(), Pair(leaf(), leaf())])
    names = names_in(net=net, x=leaf())
    assert names.of(net.w1) == "w1"
    assert names.of(net.cache["z2"]) == "z2"
    assert names.of(net.cache[7]) == "cache[7]"
    assert names.of(net.layers[0].w) == "w"
    assert names.of(net.layers[1].right) == "right"
    assert names.of(leaf()) is None


def test_a_name_is_as_long_as_it_must_be_to_tell_two_apart() -> None:
    layers = [Slotted(), Slotted()]
    names = names_in(layers=layers, self=Net())
    assert [names.of(layer.w) for layer in layers] == ["layers[0].w", "layers[1].w"]
    net = Net()
    names = names_in(self=net, other=Net())
    assert names.of(net.w1) == "self.w1"
    assert names_in(self=net).of(net.w1) == "w1"


def test_the_nearest_name_wins_and_then_the_first() -> None:
    net = Net()
    assert names_in(net=net, weight=net.w1, again=net.w1).of(net.w1) == "weight"
    names = names_in(first=net.w1)
    names.see({"second": net.w1})
    assert names.of(net.w1) == "first"


def test_looking_at_a_namespace_is_bounded_and_runs_no_code() -> None:
    class Trap:
        @property
        def value(self) -> Any:
            raise AssertionError("a property was asked")

        def __getattr__(self, name: str) -> Any:
            raise AssertionError(f"{name} was asked")

        def __iter__(self) -> Any:
            raise AssertionError("it was iterated over")

    circle: list[Any] = [Trap()]
    circle.append(circle)
    far = leaf()
    names = Names(standing)
    names.see({"circle": circle, "many": [object()] * 100, "far": [far], "_": leaf(), "modules": sys}, most=50)
    assert names.of(far) is None
    assert names_in(circle=circle, far=[far]).of(far) == "far[0]"


# ---- lines -----------------------------------------------------------------------------------------------------------


def forward(x: Any, w: Any) -> Any:
    z = x @ w
    a = np.tanh(
        z  # the pre-activation
    )
    return helper(a) + a


def helper(value: Any) -> Any:
    for _ in range(2):
        value = value * 2.0
    return value


def test_each_call_knows_its_line_and_each_value_its_first_name() -> None:
    start = Tensor(np.ones((2, 2)))
    with watch(standing) as watched:
        result = forward(start, leaf())
    assert lines(watched, result) == [
        ("matmul", "z = x @ w"),
        ("tanh", "a = np.tanh(z)"),
        ("multiply", "value = value * 2.0"),
        ("multiply", "value = value * 2.0"),
        ("add", "return helper(a) + a"),
    ]
    place = watched.place_of(Graph(result).nodes[-1].order)
    assert place is not None
    assert place.function == "forward"
    assert str(place).endswith(f"test_watching.py:{place.line}")
    assert watched.names.of(start) == "x"


def test_lambdas_layers_of_ours_and_the_frame_that_watches() -> None:
    network = Sequential(Dense(2, 2, bias=False), lambda h: np.exp(h), np.tanh)
    with watch(standing, sys._getframe()) as watched:
        x = leaf()
        y = network(x)
        loss = np.sum(y)
    assert lines(watched, loss) == [
        ("matmul", "y = network(x)"),
        ("exp", "np.exp(h)"),
        ("tanh", "y = network(x)"),
        ("sum", "loss = np.sum(y)"),
    ]
    assert [watched.names.of(value) for value in (x, y, loss)] == ["x", "y", "loss"]


def test_a_head_of_a_block_is_shown_without_its_body() -> None:
    a = leaf()
    with watch(standing, sys._getframe()) as watched:
        for part in a * 2.0:
            total = part * 1.0
        while np.sum(total * 3.0).item() > 100:
            pass
    texts = {place.code for _, place in watched._marks if place is not None}
    assert {"for part in a * 2.0:", "total = part * 1.0"} <= texts
    assert any(text.startswith("while np.sum(") and "pass" not in text for text in texts)


def test_before_and_after_the_block_nothing_is_known() -> None:
    early = leaf() * 2.0
    before = sys.gettrace()
    try:
        with watch(standing, sys._getframe()) as watched:
            inside = early * 2.0
            raise ZeroDivisionError
    except ZeroDivisionError:
        assert sys.gettrace() is before
    late = inside * 2.0
    assert [line for _, line in lines(watched, late)] == ["nowhere", "inside = early * 2.0", "nowhere"]


def test_marks_do_not_grow_where_nothing_is_recorded() -> None:
    with watch(standing, sys._getframe()) as watched:
        for i in range(1000):
            _ = i
    assert len(watched._marks) < 5


def test_code_without_source_and_files_of_others() -> None:
    assert code_at(Place("<typed in>", 1, "f")) == ""
    assert is_own(__file__)
    assert is_own("<stdin>")
    assert not is_own(np.__file__)
    assert not is_own(dataclass.__code__.co_filename)
    assert not is_own(Dense.__init__.__code__.co_filename)
    assert not is_own("<frozen importlib._bootstrap>")
