"""Modules and layers: parameters by path, notes for drawings, values and gradients, training, refusals."""

from __future__ import annotations

import copy
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_scratch import Tensor, grad, no_grad
from tinygrad_scratch.functional import relu, sigmoid, squared_error
from tinygrad_scratch.graph import Graph
from tinygrad_scratch.nn import (
    SGD,
    Dense,
    Module,
    ReLU,
    Sequential,
    Sigmoid,
    Tanh,
    glorot_uniform,
    standard_normal,
)


def parameter(*shape: int, name: str | None = None) -> Tensor:
    return Tensor(np.ones(shape), requires_grad=True, name=name)


def gradient_of(tensor: Tensor) -> Any:
    assert tensor.grad is not None
    return tensor.grad


class Scale(Module):
    def __init__(self) -> None:
        self.factor = parameter(2)

    def __call__(self, x: Any) -> Any:
        return x * self.factor


class Mixed(Module):
    """Parameters in every place where they may be, and things that are none."""

    def __init__(self) -> None:
        self.first = parameter(1)
        self.constant = Tensor([1.0])
        self.array = np.ones(3)
        self.text = "text"
        self.nothing = None
        self.scale = Scale()
        self.several = [parameter(2), Scale(), (parameter(3), {"deep": parameter(4)})]
        self.by_name = {"left": Scale(), 7: parameter(5)}
        self.act = np.tanh

    def __call__(self, x: Any) -> Any:
        return x


# ---- Module: what it finds -------------------------------------------------------------------------------------------


def test_parameters_are_named_by_path_in_the_order_of_attributes() -> None:
    model = Mixed()
    assert [(name, tensor.shape) for name, tensor in model.named_parameters()] == [
        ("first", (1,)),
        ("scale.factor", (2,)),
        ("several.0", (2,)),
        ("several.1.factor", (2,)),
        ("several.2.0", (3,)),
        ("several.2.1.deep", (4,)),
        ("by_name.left.factor", (2,)),
        ("by_name.7", (5,)),
    ]
    assert [id(tensor) for tensor in model.parameters()] == [id(tensor) for _, tensor in model.named_parameters()]


def test_children_are_the_modules_of_the_next_level() -> None:
    model = Mixed()
    network = Sequential(model, np.tanh, Scale())
    assert network.named_children() == [("layers.0", model), ("layers.2", network[2])]
    assert [name for name, _ in model.named_children()] == ["scale", "several.1", "by_name.left"]


def test_what_is_shared_appears_once_by_its_first_path() -> None:
    layer = Dense(2, 2)
    network = Sequential(layer, np.tanh, layer)
    assert [name for name, _ in network.named_parameters()] == ["layers.0.weight", "layers.0.bias"]
    assert [name for name, _ in network.named_children()] == ["layers.0"]
    other = Dense(2, 2, bias=False)
    other.weight = layer.weight
    assert len(Sequential(layer, other).parameters()) == 2


def test_modules_that_know_each_other() -> None:
    parent, child = Mixed(), Scale()
    parent.scale = child
    child.parent = parent  # type: ignore[attr-defined]
    assert [name for name, _ in parent.named_parameters()] == [name for name, _ in Mixed().named_parameters()]
    assert "parent: ..." in repr(parent)


def test_a_module_that_only_holds_others_needs_no_call() -> None:
    class Pair(Module):
        def __init__(self) -> None:
            self.left, self.right = Scale(), Module()

    assert repr(Pair()) == "Pair(\n  left: Scale(\n    factor: (2,)\n  )\n  right: Module()\n)"


def test_frozen_and_computed_tensors_are_no_parameters() -> None:
    model = Scale()
    model.result = model(np.ones(2))  # type: ignore[attr-defined]
    assert [name for name, _ in model.named_parameters()] == ["factor"]
    model.factor.requires_grad = False
    assert model.parameters() == []


def test_a_weight_that_took_another_ones_place_is_found() -> None:
    model = Scale()
    model.factor = parameter(3)
    assert [tensor.shape for tensor in model.parameters()] == [(3,)]


def test_zero_grad() -> None:
    model = Sequential(Dense(3, 2), Dense(2, 1))
    np.sum(model(np.ones((4, 3)))).backward()
    assert all(tensor.grad is not None for tensor in model.parameters())
    model.zero_grad()
    assert all(tensor.grad is None for tensor in model.parameters())


def test_repr_is_a_tree() -> None:
    assert repr(Sequential(Mixed(), sigmoid, Sequential(Tanh(), Dense(3, 4, ReLU(), bias=False)))) == "\n".join(
        [
            "Sequential(",
            "  layers.0: Mixed(",
            "    first: (1,)",
            "    scale: Scale(",
            "      factor: (2,)",
            "    )",
            "    several.0: (2,)",
            "    several.1: Scale(",
            "      factor: (2,)",
            "    )",
            "    several.2.0: (3,)",
            "    several.2.1.deep: (4,)",
            "    by_name.left: Scale(",
            "      factor: (2,)",
            "    )",
            "    by_name.7: (5,)",
            "    act: np.tanh",
            "  )",
            "  layers.1: sigmoid",
            "  layers.2: Sequential(",
            "    layers.0: Tanh()",
            "    layers.1: Dense(3, 4, activation=ReLU(), bias=False)",
            "  )",
            ")",
        ]
    )


def test_a_deep_copy_is_independent_and_keeps_what_is_shared_shared() -> None:
    layer = Dense(2, 2, np.tanh)
    model = Sequential(layer, layer)
    np.sum(model(np.ones((1, 2)))).backward()
    twin = copy.deepcopy(model)
    assert len(twin.parameters()) == 2
    assert twin[0] is twin[1]
    np.testing.assert_array_equal(gradient_of(twin[0].weight), gradient_of(layer.weight))
    before = layer.weight.numpy().copy()
    SGD(twin.parameters(), 0.1).step()
    twin.zero_grad()
    np.testing.assert_array_equal(layer.weight.numpy(), before)
    assert not np.array_equal(twin[0].weight.numpy(), before)
    assert layer.weight.grad is not None


# ---- Module: what it notes -------------------------------------------------------------------------------------------


def notes(*outputs: Tensor) -> list[list[Module]]:
    """The modules noted on each operation, oldest operation first."""
    return [[module for _, module in node.modules] for node in Graph(*outputs).nodes if node.kind == "operation"]


def test_a_call_notes_itself_innermost_first() -> None:
    dense, scale = Dense(3, 2, np.tanh, bias=False), Scale()
    network = Sequential(dense, scale)
    graph = Graph(network(np.ones((1, 3))))
    product, tanh, scaled = (node for node in graph.nodes if node.kind == "operation")
    assert [product.modules, [m for _, m in tanh.modules], [m for _, m in scaled.modules]] == [
        [],
        [dense],
        [scale, network],
    ]
    (begin_dense, _), (begin_scale, _), (begin_network, _) = *tanh.modules, *scaled.modules
    assert begin_network > begin_dense > product.order > tanh.order > begin_scale > scaled.order


def test_super_call_notes_once() -> None:
    class Twice(Scale):
        def __call__(self, x: Any) -> Any:
            return super().__call__(super().__call__(x))

    class Thrice(Twice):
        pass

    model = Thrice()
    assert notes(model(np.ones(2))) == [[], [model]]


def test_each_tensor_of_a_returned_tuple_or_list_is_noted() -> None:
    class Pair(Module):
        def __init__(self, kind: Any) -> None:
            self.w = parameter(2)
            self.kind = kind

        def __call__(self, x: Any) -> Any:
            return self.kind([x * self.w, x + self.w, None])

    for kind in (tuple, list):
        model = Pair(kind)
        left, right, _ = model(np.ones(2))
        assert notes(left, right) == [[model], [model]]


def test_what_a_module_did_not_compute_is_not_noted() -> None:
    class Identity(Module):
        def __call__(self, x: Any) -> Any:
            return x

    y = parameter(2) * 2.0
    assert notes(Identity()(y)) == [[]]
    assert notes(Sequential()(y)) == [[]]
    with no_grad():
        assert not Scale()(np.ones(2)).requires_grad
    assert Sigmoid()(0.0) == 0.5


def test_a_call_keeps_its_name_arguments_and_text() -> None:
    class Documented(Module):
        def __call__(self, x: Any, *, factor: float = 1.0) -> Any:
            """Say what it does."""
            return x * factor

    assert Documented()(2.0, factor=3.0) == 6.0
    assert Documented.__call__.__doc__ == "Say what it does."


# ---- Dense -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lead", [(), (4,), (2, 4), (0,)], ids=str)
def test_dense_on_any_leading_axes(lead: tuple[int, ...]) -> None:
    generator = np.random.default_rng(0)
    layer = Dense(3, 2, np.tanh, generator=generator)
    layer.bias = Tensor(generator.normal(size=2), requires_grad=True)
    x = generator.normal(size=(*lead, 3))
    y = layer(x)
    np.testing.assert_allclose(y.numpy(), np.tanh(x @ layer.weight.numpy() + layer.bias.numpy()), rtol=1e-15)
    g = generator.normal(size=y.shape)
    y.backward(g)
    inner = g * (1 - y.numpy() ** 2)
    np.testing.assert_allclose(gradient_of(layer.bias), inner.reshape(-1, 2).sum(axis=0), rtol=1e-12)
    np.testing.assert_allclose(gradient_of(layer.weight), x.reshape(-1, 3).T @ inner.reshape(-1, 2), rtol=1e-12)


def test_dense_takes_lists_and_tensors() -> None:
    layer = Dense(2, 1)
    x = Tensor([[1.0, 2.0]], requires_grad=True)
    np.testing.assert_array_equal(layer([[1.0, 2.0]]).numpy(), layer(x).numpy())
    layer(x).backward([[1.0]])
    np.testing.assert_array_equal(gradient_of(x), layer.weight.numpy().T)


def test_dense_parameters() -> None:
    layer = Dense(3, 4)
    assert [(name, tensor.shape, tensor.name) for name, tensor in layer.named_parameters()] == [
        ("weight", (3, 4), "weight"),
        ("bias", (4,), "bias"),
    ]
    assert layer.bias is not None
    assert layer.bias.numpy().tolist() == [0.0] * 4
    assert [name for name, _ in Dense(3, 4, bias=False).named_parameters()] == ["weight"]


def test_dense_in_float32() -> None:
    layer = Dense(3, 4, sigmoid, dtype=np.float32)
    y = layer(np.ones((2, 3), np.float32))
    squared_error(y, np.zeros((2, 4), np.float32)).backward()
    SGD(layer.parameters(), learning_rate=0.1).step()
    assert {y.dtype, layer.weight.dtype, gradient_of(layer.weight).dtype} == {np.dtype(np.float32)}


def test_weights_come_from_the_generator_that_is_passed() -> None:
    def weights(generator: Any) -> Any:
        return [Dense(3, 4, generator=generator).weight.numpy() for _ in range(2)]

    first, second = weights(np.random.default_rng(5))
    again, _ = weights(np.random.default_rng(5))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, second)
    assert not np.array_equal(Dense(3, 4).weight.numpy(), Dense(3, 4).weight.numpy())


def test_standard_normal_weights_are_those_of_randn() -> None:
    layer = Dense(3, 4, generator=np.random.RandomState(1), initializer=standard_normal)
    np.testing.assert_array_equal(layer.weight.numpy(), np.random.RandomState(1).randn(3, 4))


@pytest.mark.parametrize("generator", [np.random.default_rng(0), np.random.RandomState(0)])
def test_glorot_weights_fill_their_range(generator: Any) -> None:
    weight = glorot_uniform((100, 200), generator)
    limit = np.sqrt(6 / 300)
    assert 0.99 * limit < np.max(weight) <= limit
    assert -limit <= np.min(weight) < -0.99 * limit
    assert np.var(weight) == pytest.approx(2 / 300, rel=0.05)


def test_dense_refuses_another_width() -> None:
    layer = Dense(3, 2, np.tanh)
    message = (
        r"Dense\(3, 2, activation=np.tanh\) takes inputs of shape \(..., 3\), as its weight has shape \(3, 2\). "
        r"It was given Tensor 'x' of shape \(3, 4\) and dtype float64. "
        r"Write Dense\(4, 2, ...\), or pass one sample a row, 3 numbers each."
    )
    with pytest.raises(ValueError, match=message):
        layer(Tensor(np.ones((3, 4)), name="x"))
    with pytest.raises(ValueError, match=r"array of shape \(2,\) and dtype int64. Write Dense\(2, 2, ...\)"):
        layer([1, 2])
    with pytest.raises(ValueError, match=r"array of shape \(\) and dtype float64. Pass one sample a row"):
        layer(1.0)


class Tail(Module):
    """A Module of a user's own, which holds others in a list, and a weight."""

    def __init__(self) -> None:
        self.parts: list[Any] = [np.tanh, Sequential(Dense(4, 4), Dense(5, 1))]
        self.weight = Tensor(np.ones((7, 2)), requires_grad=True)

    def __call__(self, x: Any) -> Any:
        return self.parts[1](x) if x.shape[-1] == 4 else x @ self.weight


class Head(Module):
    def __init__(self) -> None:
        self.tail = Tail()
        self.first = Dense(3, 4)

    def __call__(self, x: Any) -> Any:
        return self.tail(self.first(x))


@pytest.mark.parametrize(
    ("network", "width", "where"),
    [
        (Sequential(np.tanh, Sequential(Dense(3, 4), Dense(5, 1))), 3, r"layers.1.layers.1: Dense\(5, 1\)"),
        (Sequential(Head()), 3, r"layers.0.tail.parts.1.layers.1: Dense\(5, 1\)"),
        (Head(), 2, r"first: Dense\(3, 4\)"),
        (Sequential(named=Tail()), 3, "layers.named: Tail"),
        (Sequential(np.tanh, Sequential(lambda x: x @ np.ones((9, 1)))), 3, "layers.1.layers.0: <lambda>"),
        (Sequential(lambda x: Dense(9, 1)(x)), 3, "layers.0: <lambda>"),
    ],
    ids=range(6),
)
def test_an_error_says_in_which_layer_and_what_it_was_given(network: Any, width: int, where: str) -> None:
    for call in (network, lambda x: network.summary(x.shape)):
        with pytest.raises(ValueError, match=r"takes inputs|matmul|aligned") as caught:
            call(np.ones((2, width)))
        (note,) = caught.value.__notes__
        assert re.fullmatch(rf"in {where}, which was given (an array|Tensor) of shape \(2, \d\) and .*", note)


def test_an_error_of_a_layer_alone_needs_no_note() -> None:
    with pytest.raises(ValueError, match=r"Dense\(3, 4\) takes") as caught:
        Dense(3, 4)(np.ones(2))
    assert not caught.value.__notes__


@pytest.mark.parametrize("activation", ["tanh", True], ids=str)
def test_dense_refuses_an_activation_that_is_no_function(activation: Any) -> None:
    with pytest.raises(TypeError, match=f"activation={activation!r} can't be called. Pass a function, such as np.tanh"):
        Dense(3, 4, activation)


def test_dense_refuses_a_seed_for_a_generator() -> None:
    with pytest.raises(TypeError, match=r"generator=0 can't draw numbers. Pass np.random.default_rng\(seed\)"):
        Dense(3, 4, generator=0)  # type: ignore[arg-type]


@pytest.mark.parametrize("sizes", [(0, 2), (-1, 2), (2.0, 2), (2, 0), (2, "3"), (2, None), (None, 2.5), (True, 2)])
def test_dense_refuses_sizes_that_are_none(sizes: Any) -> None:
    with pytest.raises(ValueError, match=r"(in|out)_features=.* of a Dense must be a whole number, 1 or more"):
        Dense(*sizes)


def test_dense_refuses_integers() -> None:
    with pytest.raises(TypeError, match="requires_grad=True needs floating data"):
        Dense(3, 4, dtype=int)


# ---- Sequential and activations --------------------------------------------------------------------------------------


def test_any_function_of_a_tensor_is_a_layer() -> None:
    dense = Dense(2, 2)
    network = Sequential(dense, np.tanh, sigmoid, lambda x: x * 2.0, ReLU())
    x = np.array([[1.0, -1.0]])
    np.testing.assert_array_equal(network(x).numpy(), relu(sigmoid(np.tanh(dense(x).numpy())) * 2.0))


def test_sequential_is_a_sequence() -> None:
    layers: list[Any] = [Dense(2, 3), np.tanh, Dense(3, 1)]
    network = Sequential(*layers)
    assert list(network) == layers
    assert len(network) == 3
    assert network[1] is np.tanh
    assert network[-1] is layers[2]
    assert isinstance(network[:2], Sequential)
    assert list(network[:2]) == layers[:2]
    with pytest.raises(IndexError):
        network[3]


def test_sequential_of_nothing_returns_what_it_is_given() -> None:
    x = np.ones(2)
    assert Sequential()(x) is x


def test_sequential_refuses_what_is_no_layer() -> None:
    with pytest.raises(TypeError, match=r"takes its layers one by one: write Sequential\(\*layers\)"):
        Sequential([np.tanh, np.tanh])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"takes its layers one by one: write Sequential\(\*layers\)"):
        Sequential(Dense(2, 2) for _ in range(3))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"Layer 1 .* is 'tanh', which .* Pass the function itself, such as func"):
        Sequential(np.tanh, "tanh")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"Layer 0 of a Sequential is <class .*Tanh'>.* Write Tanh\(...\) to make one"):
        Sequential(Tanh)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"Layer 0 .* A Module is called: give it a method __call__"):
        Sequential(Module())  # type: ignore[arg-type]


@pytest.mark.parametrize(("module", "function"), [(Sigmoid(), sigmoid), (Tanh(), np.tanh), (ReLU(), relu)])
def test_activations_are_their_functions(module: Any, function: Any) -> None:
    x = Tensor([-1.5, 0.0, 2.0], requires_grad=True)
    y = module(x)
    np.testing.assert_array_equal(y.numpy(), function(x.numpy()))
    np.testing.assert_array_equal(
        y.gradient(x, gradient=np.ones(3))[0].numpy(), function(x).gradient(x, gradient=np.ones(3))[0].numpy()
    )
    assert notes(y) == [[module]]
    assert repr(module) == f"{type(module).__name__}()"


def test_second_order_through_a_network() -> None:
    generator = np.random.default_rng(2)
    network = Sequential(Dense(1, 3, np.tanh, generator=generator), Dense(3, 1, sigmoid, generator=generator))

    def value(x: Any) -> Any:
        return np.sum(network(np.reshape(x, (1, 1))))

    step = 1e-5
    for order in (value, grad(value)):
        difference = (order(0.3 + step).item() - order(0.3 - step).item()) / (2 * step)
        assert grad(order)(0.3).item() == pytest.approx(difference, rel=1e-8)


# ---- SGD -------------------------------------------------------------------------------------------------------------


@given(st.floats(0, 2), st.integers(1, 4))
def test_a_step_takes_the_gradient_times_the_rate_off(rate: float, size: int) -> None:
    w = parameter(size)
    g = np.arange(float(size)) - 1
    np.sum(w * g).backward()
    SGD([w], rate).step()
    np.testing.assert_array_equal(w.numpy(), np.ones(size) - rate * g)


def test_an_old_loss_keeps_the_values_it_was_computed_with() -> None:
    w, x = parameter(3), np.array([1.0, 2.0, 3.0])
    loss = np.sum(np.exp(w * x) * w)
    (expected,) = loss.gradient(w)
    loss.backward()
    optimizer = SGD([w], learning_rate=0.1)
    optimizer.step()
    assert not np.array_equal(w.numpy(), np.ones(3))
    optimizer.zero_grad()
    loss.backward()
    np.testing.assert_array_equal(gradient_of(w), expected.numpy())


def test_an_array_read_before_a_step_stays_as_it_was() -> None:
    w = parameter(2)
    before = w.numpy()
    np.sum(w * w).backward()
    SGD([w], 0.1).step()
    assert before.tolist() == [1.0, 1.0]


def test_a_view_of_a_parameter_follows_it() -> None:
    """So weights that are tied by a transpose stay tied."""
    w = parameter(2, 3)
    tied = w.T
    np.sum(w * np.arange(6.0).reshape(2, 3)).backward()
    SGD([w], 0.1).step()
    np.testing.assert_array_equal(tied.numpy(), w.numpy().T)
    tied.sum().backward()
    np.testing.assert_array_equal(gradient_of(w), np.arange(6.0).reshape(2, 3) + 1)


def test_a_step_keeps_name_and_leaf() -> None:
    w = parameter(2, name="w")
    optimizer = SGD([w], 0.1)
    for _ in range(2):
        np.sum(w * w).backward()
        optimizer.step()
        optimizer.zero_grad()
    assert w.name == "w"
    assert w.requires_grad
    assert w.grad is None


def test_the_learning_rate_may_change() -> None:
    w = parameter(1)
    optimizer = SGD([w], 1.0)
    w.sum().backward()
    optimizer.learning_rate = 0.25
    optimizer.step()
    assert w.item() == 0.75


def test_training_reaches_the_least_squares() -> None:
    generator = np.random.default_rng(3)
    x, y = generator.normal(size=(20, 3)), generator.normal(size=(20, 1))
    layer = Dense(3, 1, bias=False, generator=generator)
    optimizer = SGD(layer.parameters(), learning_rate=0.02)
    for _ in range(2000):
        optimizer.zero_grad()
        squared_error(layer(x), y).backward()
        optimizer.step()
    np.testing.assert_allclose(layer.weight.numpy(), np.linalg.lstsq(x, y)[0], rtol=1e-9)


def test_a_parameter_without_a_gradient_stays() -> None:
    used, unused, frozen = parameter(2), parameter(2), parameter(2)
    optimizer = SGD([used, unused, frozen], 0.5)
    np.sum(used * frozen).backward()
    frozen.requires_grad = False
    optimizer.step()
    optimizer.zero_grad()
    assert used.numpy().tolist() == [0.5, 0.5]
    assert unused.numpy().tolist() == [1.0, 1.0]
    assert frozen.numpy().tolist() == [1.0, 1.0]


def test_a_step_without_any_gradient_is_refused() -> None:
    optimizer = SGD([parameter(1)], 0.1)
    with pytest.raises(RuntimeError, match=r"step\(\) found no gradients. Call loss.backward\(\) first"):
        optimizer.step()


def test_sgd_refuses_what_it_cannot_train() -> None:
    w = parameter(2, name="w")
    with pytest.raises(ValueError, match="SGD was given no parameters"):
        SGD(Sequential(np.tanh).parameters(), 0.1)
    with pytest.raises(ValueError, match=r"Parameter 2 of SGD, Tensor 'w' of shape \(2,\) .*is there twice"):
        SGD([w, parameter(2), w], 0.1)
    with pytest.raises(TypeError, match=r"Parameter 1 of SGD is Tensor of shape \(2,\).*made with requires_grad=True"):
        SGD([w, Tensor([1.0, 2.0])], 0.1)
    with pytest.raises(TypeError, match=r"Parameter 0 of SGD is Tensor of shape \(2,\).*SGD\(model.parameters\(\)"):
        SGD([w * 2.0], 0.1)
    with pytest.raises(
        TypeError, match=r"Parameter 0 of SGD is \('layers.0.weight', Tensor\(.{,40}\), but a parameter"
    ):
        SGD(Sequential(Dense(30, 40)).named_parameters(), 0.1)  # type: ignore[arg-type]
    for rate in (-0.1, np.nan):
        with pytest.raises(ValueError, match=f"learning_rate={rate!r} would climb"):
            SGD([w], rate)


# ---- complex parameters, and copies of modules that keep what they computed ------------------------------------------


def test_sgd_goes_downhill_for_complex_parameters() -> None:
    z = Tensor(1 + 2j, requires_grad=True)
    optimizer = SGD([z], learning_rate=0.1)
    for _ in range(20):
        optimizer.zero_grad()
        (abs(z) ** 2).backward()
        optimizer.step()
    assert abs(z.item()) < 0.1


def test_dense_refuses_complex_parameters() -> None:
    with pytest.raises(TypeError, match="a Dense has real parameters"):
        Dense(3, 4, dtype=complex)


def test_deepcopy_detaches_what_the_original_computed() -> None:
    class Keeper(Module):
        def __init__(self) -> None:
            self.x = Tensor(3.0, requires_grad=True)
            self.y = self.x * 2

    original = Keeper()
    twin = copy.deepcopy(original)
    assert not twin.y.requires_grad
    (twin.x * twin.y).backward()
    assert original.x.grad is None
    assert twin.x.grad == 6.0
