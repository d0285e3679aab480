"""The layers without a referee: any leading axes, dtypes, memory layouts, orders of derivatives, modes, refusals."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tinygrad_scratch import Tensor, functional, nn, no_grad
from tinygrad_scratch.graph import Graph

Make = Callable[..., nn.Module]


def generator() -> np.random.Generator:
    return np.random.default_rng(7)


# What makes each layer, in a dtype, and the shape of one sample.
LAYERS: dict[str, tuple[Make, tuple[int, ...]]] = {
    "Dense": (lambda **kw: nn.Dense(4, 3, np.tanh, generator=generator(), **kw), (4,)),
    "Conv1d": (lambda **kw: nn.Conv1d(2, 3, 3, padding=1, generator=generator(), **kw), (2, 5)),
    "Conv2d": (lambda **kw: nn.Conv2d(2, 3, 3, stride=2, padding=1, generator=generator(), **kw), (2, 5, 4)),
    "MaxPool1d": (lambda **kw: nn.MaxPool1d(2), (2, 5)),
    "MaxPool2d": (lambda **kw: nn.MaxPool2d(3, 2, 1), (2, 5, 4)),
    "AvgPool1d": (lambda **kw: nn.AvgPool1d(2), (2, 5)),
    "AvgPool2d": (lambda **kw: nn.AvgPool2d(3, 2, 1), (2, 5, 4)),
    "LayerNorm": (lambda **kw: nn.LayerNorm(4, **kw), (4,)),
    "RMSNorm": (lambda **kw: nn.RMSNorm(4, **kw), (4,)),
    "BatchNorm": (lambda **kw: nn.BatchNorm(4, axis=-1, **kw).eval(), (4,)),
    "RNN": (lambda **kw: nn.RNN(2, 3, generator=generator(), **kw), (5, 2)),
    "LSTM": (lambda **kw: nn.LSTM(2, 3, generator=generator(), **kw), (5, 2)),
    "GRU": (lambda **kw: nn.GRU(2, 3, generator=generator(), **kw), (5, 2)),
    "MultiHeadAttention": (lambda **kw: nn.MultiHeadAttention(4, 2, generator=generator(), **kw), (3, 4)),
    "TransformerBlock": (lambda **kw: nn.TransformerBlock(4, 2, causal=True, generator=generator(), **kw), (3, 4)),
    "Flatten": (lambda **kw: nn.Flatten(axes=2), (3, 4)),
    "Reshape": (lambda **kw: nn.Reshape(4, -1, axes=2), (3, 4)),
    "Lambda": (lambda **kw: nn.Lambda(np.tanh), (3,)),
    "Residual": (lambda **kw: nn.Residual(nn.Dense(3, 3, generator=generator(), **kw)), (3,)),
    **{
        kind.__name__: (lambda kind=kind, **kw: kind(), (4,))
        for kind in (nn.Sigmoid, nn.Tanh, nn.ReLU, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Softplus, nn.Softmax)
    },
}
every_layer = pytest.mark.parametrize("name", LAYERS)


def made(name: str, *lead: int, dtype: Any = float) -> tuple[Any, Any]:
    """A layer whose parameters are no zeros and no ones, and an input with these leading axes."""
    make, sample = LAYERS[name]
    layer, draws = make(dtype=dtype), np.random.default_rng(5)
    for parameter in layer.parameters():
        parameter.data = parameter.numpy() + draws.normal(0, 0.3, parameter.shape)
    return layer, draws.normal(size=(*lead, *sample)).astype(dtype)


def plain(value: Any) -> Any:
    return value.numpy() if isinstance(value, Tensor) else value


def gradients(layer: Any, x: Any) -> list[Any]:
    """Of a weighted sum of the outputs, with respect to x and all parameters."""
    x = x if isinstance(x, Tensor) else Tensor(x, requires_grad=True)
    y = layer(x)
    weights = np.random.default_rng(3).uniform(0.5, 1.5, y.shape[-1:]).astype(y.dtype)
    return [part.numpy() for part in np.sum(y * weights).gradient(x, *layer.parameters())]


# ---- what holds for every layer --------------------------------------------------------------------------------------


@every_layer
def test_leading_axes(name: str) -> None:
    layer, x = made(name, 2, 3)
    y = layer(x)
    y = plain(y)
    for i in range(2):
        np.testing.assert_allclose(plain(layer(x[i])), y[i], rtol=1e-13, atol=1e-14)
        for j in range(3):
            np.testing.assert_allclose(plain(layer(x[i, j])), y[i, j], rtol=1e-13, atol=1e-14)
    of_x, *of_parameters = gradients(layer, x)
    by_part = [gradients(layer, part) for part in x]
    np.testing.assert_allclose(of_x, np.stack([part[0] for part in by_part]), rtol=1e-12, atol=1e-13)
    for whole, *several in zip(of_parameters, *(part[1:] for part in by_part), strict=True):
        np.testing.assert_allclose(whole, sum(several), rtol=1e-12, atol=1e-13)


@every_layer
def test_an_empty_batch(name: str) -> None:
    layer, x = made(name, 0)
    assert plain(layer(x)).shape[0] == 0
    for part, parameter in zip(gradients(layer, x)[1:], layer.parameters(), strict=True):
        assert np.array_equal(part, np.zeros(parameter.shape))


@every_layer
def test_single_precision_stays_single(name: str) -> None:
    layer, x = made(name, 2, dtype=np.float32)
    double, same = made(name, 2)
    assert layer(x).dtype == np.float32
    for single, precise in zip(gradients(layer, x), gradients(double, same), strict=True):
        assert single.dtype == np.float32
        np.testing.assert_allclose(single, precise, rtol=1e-3, atol=1e-4)


@every_layer
def test_integers_are_taken_for_the_numbers_that_they_are(name: str) -> None:
    layer, x = made(name, 2)
    x = np.round(3 * x)
    y = plain(layer(x.astype(int)))
    np.testing.assert_array_equal(y, plain(layer(x)))
    assert y.dtype == (int if name in {"Flatten", "ReLU", "Reshape"} else float)


@every_layer
def test_nan_stays_in_its_sample(name: str) -> None:
    """A layer lets NaN through: `fit` refuses it, and StopAtNotFinite finds where it comes from."""
    layer, x = made(name, 2)
    expected = plain(layer(x))
    x[0] = np.nan
    with np.errstate(invalid="ignore"):  # np.logaddexp warns of NaN
        y = plain(layer(x))
    assert np.isnan(y[0]).any()
    np.testing.assert_allclose(y[1], expected[1], rtol=1e-13, atol=1e-14)


@every_layer
def test_memory_layout_does_not_matter(name: str) -> None:
    layer, x = made(name, 3)
    expected = gradients(layer, x)
    wide = np.repeat(x, 2, axis=-1)[..., ::2]
    turned = np.ascontiguousarray(x.T).T
    for other in (wide, turned):
        np.testing.assert_allclose(plain(layer(other)), plain(layer(x)), rtol=1e-13, atol=1e-14)
        for ours, true in zip(gradients(layer, other), expected, strict=True):
            np.testing.assert_allclose(ours, true, rtol=1e-12, atol=1e-13)


@every_layer
def test_gradients_and_their_gradients_are_the_differences(name: str) -> None:
    """Along one direction of the input and all parameters: first and second derivatives of the sum of sin(y)."""
    layer, x = made(name, 2)
    leaves = [Tensor(x, requires_grad=True), *layer.parameters()]
    directions = [np.random.default_rng(i).normal(size=leaf.shape) for i, leaf in enumerate(leaves)]
    start = [leaf.numpy().copy() for leaf in leaves]

    def at(t: float) -> tuple[float, float, float]:
        for leaf, value, direction in zip(leaves, start, directions, strict=True):
            leaf.data = value + t * direction
        total = np.sum(np.sin(layer(leaves[0])))
        first = total.gradient(*leaves, create_graph=True)
        along = sum(np.sum(part * d) for part, d in zip(first, directions, strict=True))
        second = along.gradient(*leaves) if along.requires_grad else [np.zeros(leaf.shape) for leaf in leaves]
        return total.item(), along.item(), sum(np.sum(part * d) for part, d in zip(second, directions, strict=True))

    step = 1e-4
    (up, slope_up, _), (down, slope_down, _) = at(step), at(-step)
    _, slope, curvature = at(0.0)
    assert slope == pytest.approx((up - down) / (2 * step), rel=1e-5, abs=1e-6)
    assert float(curvature) == pytest.approx((slope_up - slope_down) / (2 * step), rel=1e-5, abs=1e-6)


@every_layer
def test_lists_and_arrays_of_constants(name: str) -> None:
    layer, x = made(name)
    np.testing.assert_allclose(plain(layer(x.tolist())), plain(layer(x)))
    with no_grad():
        assert not layer(Tensor(x)).requires_grad


@every_layer
def test_a_copy_is_independent(name: str) -> None:
    layer, x = made(name, 2)
    twin = copy.deepcopy(layer)
    before = plain(layer(x))
    for parameter in twin.parameters():
        parameter.data = np.zeros(parameter.shape)
    np.testing.assert_array_equal(plain(layer(x)), before)


IN_TRAINING: list[tuple[Make, tuple[int, ...]]] = [
    (lambda **kw: nn.BatchNorm(4, **kw), (6, 4)),
    (lambda **kw: nn.BatchNorm(4, **kw), (3, 4, 5)),
    (lambda **kw: nn.BatchNorm(4, axis=-1, **kw), (3, 2, 4)),
    (lambda **kw: nn.Dropout(0.5, generator()), (4,)),
    (lambda **kw: nn.Dropout(0.5, generator()), (2, 3, 4)),
]


@pytest.mark.parametrize(("make", "shape"), IN_TRAINING)
def test_layers_that_training_changes_in_any_dtype_and_layout(make: Make, shape: tuple[int, ...]) -> None:
    """The same numbers, in single precision and through strides; in evaluation, the layer is another function."""
    x = np.random.default_rng(5).normal(size=shape)
    expected = gradients(make(), x)
    for ours, true in zip(gradients(make(), np.repeat(x, 2, axis=-1)[..., ::2]), expected, strict=True):
        np.testing.assert_allclose(ours, true, rtol=1e-12, atol=1e-13)
    for ours, true in zip(gradients(make(dtype=np.float32), x.astype(np.float32)), expected, strict=True):
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours, true, rtol=1e-3, atol=1e-4)
    single: Any = make(dtype=np.float32)
    assert single(x.astype(np.float32)).dtype == np.float32
    assert not np.allclose(gradients(make().eval(), x)[0], expected[0])


def test_embedding_in_single_precision_and_any_layout() -> None:
    single, double = (nn.Embedding(5, 3, generator(), dtype=dtype) for dtype in (np.float32, float))
    wide = np.array([[1, 0, 4, 2], [0, 0, 1, 3]])
    for indices in (wide[:, ::2], wide.T, wide[0, 0], wide.astype(np.uint8)):
        y = single(indices)
        assert y.dtype == np.float32
        np.testing.assert_allclose(y.numpy(), double.weight.numpy()[indices], rtol=1e-6)
        (g,) = np.sum(y * y).gradient(single.weight)
        np.testing.assert_allclose(
            g.numpy(), np.sum(double(indices) ** 2).gradient(double.weight)[0].numpy(), rtol=1e-5
        )


def test_every_option_is_in_the_repr() -> None:
    assert repr(nn.LayerNorm(4, 0.1, bias=False)) == "LayerNorm(4, epsilon=0.1, bias=False)"
    assert repr(nn.MultiHeadAttention(4, 2, bias=False)) == "MultiHeadAttention(4, heads=2, bias=False)"
    assert repr(nn.TransformerBlock(4, 2)) == "TransformerBlock(4, heads=2)"
    block = nn.TransformerBlock(4, 2, 8, causal=True, activation=np.tanh, dropout=0.1)
    options = "hidden_features=8, causal=True, activation=np.tanh, dropout=0.1"
    assert repr(block) == f"TransformerBlock(4, heads=2, {options})"
    assert repr(nn.BatchNorm(4, -1, 0.1, 0.2)) == "BatchNorm(4, axis=-1, epsilon=0.1, momentum=0.2)"


# ---- widths that are left out ----------------------------------------------------------------------------------------

LAZY: list[tuple[Callable[[Any], Any], tuple[int, ...]]] = [
    (lambda width: nn.Dense(width, 3, generator=generator()), (2, 4)),
    (lambda width: nn.Conv1d(width, 3, 2, generator=generator()), (4, 5)),
    (lambda width: nn.Conv2d(width, 3, 2, generator=generator()), (4, 5, 5)),
    (lambda width: nn.LayerNorm(width), (2, 4)),
    (lambda width: nn.RMSNorm(width), (2, 4)),
    (lambda width: nn.BatchNorm(width), (2, 4)),
    (lambda width: nn.RNN(width, 3, generator=generator()), (2, 4)),
    (lambda width: nn.LSTM(width, 3, generator=generator()), (2, 4)),
    (lambda width: nn.GRU(width, 3, generator=generator()), (2, 4)),
    (lambda width: nn.MultiHeadAttention(width, 2, generator=generator()), (2, 4)),
    (lambda width: nn.TransformerBlock(width, 2, causal=True, generator=generator()), (2, 4)),
]


@pytest.mark.parametrize(("make", "shape"), LAZY)
def test_a_width_that_was_left_out_is_that_of_the_first_input(make: Any, shape: tuple[int, ...]) -> None:
    lazy, told = make(None), make(4)
    assert "(None" in repr(lazy)
    with pytest.raises(RuntimeError, match=r"has no \w+ yet: its width was left out.*Call the network on one sample"):
        lazy.parameters()
    x = np.random.default_rng(0).normal(size=shape)
    np.testing.assert_array_equal(plain(lazy(x)), plain(told(x)))
    assert repr(lazy) == repr(told)
    assert [name for name, _ in lazy.named_parameters()] == [name for name, _ in told.named_parameters()]
    with pytest.raises(ValueError, match="It was given"):
        lazy(np.ones((*shape[:-1], 9)) if len(shape) == 2 and "Conv" not in repr(lazy) else np.ones((9, *shape[1:])))


def test_a_hidden_width_of_0_is_refused_and_not_taken_for_one_left_out() -> None:
    with pytest.raises(ValueError, match="out_features=0 of a Dense must be a whole number, 1 or more"):
        nn.TransformerBlock(4, 2, hidden_features=0)


def test_a_width_that_heads_do_not_divide_leaves_the_layer_as_it_was() -> None:
    for layer in (nn.MultiHeadAttention(None, 2), nn.TransformerBlock(None, 2)):
        with pytest.raises(ValueError, match="heads=2 must divide features=5"):
            layer(np.ones((3, 5)))
        assert layer(np.ones((3, 4))).shape == (3, 4)


# ---- convolution and pooling -----------------------------------------------------------------------------------------


def test_convolution_shows_its_options() -> None:
    layer = nn.Conv2d(4, 6, (3, 2), stride=2, padding="same", dilation=(1, 2), groups=2, activation=np.tanh, bias=False)
    assert repr(layer) == (
        "Conv2d(4, 6, kernel=(3, 2), stride=(2, 2), padding='same', dilation=(1, 2), groups=2, activation=np.tanh, "
        "bias=False)"
    )
    assert repr(nn.Conv1d(1, 1, 3)) == "Conv1d(1, 1, kernel=(3,))"
    assert repr(nn.MaxPool2d(2, stride=1, padding=1)) == "MaxPool2d((2, 2), stride=(1, 1), padding=1)"
    assert repr(nn.AvgPool1d(2)) == "AvgPool1d((2,))"


@pytest.mark.parametrize("size", [5, 6, 7])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_padding_same_gives_the_size_by_the_stride(size: int, stride: int) -> None:
    layer = nn.Conv1d(1, 1, 3, stride=stride, padding="same")
    assert layer(np.ones((1, size))).shape == (1, -(-size // stride))


def test_a_convolution_refuses_what_does_not_fit() -> None:
    layer = nn.Conv2d(3, 8, 5)
    with pytest.raises(
        ValueError, match=r"Conv2d\(3, 8, kernel=\(5, 5\)\) takes inputs of shape \(..., 3, height, wid"
    ):
        layer(np.ones((2, 4, 9, 9)))
    with pytest.raises(ValueError, match=r"spans \(5, 5\) finds no place in an input of size \(4, 9\) with padding=0"):
        layer(np.ones((2, 3, 4, 9)))
    with pytest.raises(ValueError, match="groups=2 must divide both in_channels=3"):
        nn.Conv2d(3, 8, 5, groups=2)
    with pytest.raises(ValueError, match="stride=0 must be a whole number, 1 or more, or 2 of them"):
        nn.Conv2d(3, 8, 5, stride=0)
    with pytest.raises(ValueError, match="padding='some' is none of 'same', 'valid'"):
        nn.Conv2d(3, 8, 5, padding="some")
    with pytest.raises(ValueError, match="padding=-1 must be a whole number, 0 or more"):
        nn.AvgPool2d(5, padding=-1)
    with pytest.raises(ValueError, match="is more than half of the window"):
        nn.MaxPool2d(2, padding=2)(np.ones((4, 4)))
    with pytest.raises(ValueError, match=r"A window of \(5, 5\) finds no place"):
        nn.AvgPool2d(5)(np.ones((4, 4)))
    with pytest.raises(TypeError, match="a Conv2d has real parameters"):
        nn.Conv2d(3, 8, 5, dtype=complex)


def test_nan_goes_through_a_maximum() -> None:
    x = Tensor([[np.nan, 1.0], [2.0, 3.0]], requires_grad=True)
    y = functional.max_pool2d(x, 2)
    assert np.isnan(y.numpy()).all()
    assert np.sum(y.gradient(x)[0].numpy()) == 1.0


# ---- embedding -------------------------------------------------------------------------------------------------------


def test_embedding_adds_up_what_was_read_twice() -> None:
    layer = nn.Embedding(5, 2, generator=generator())
    np.sum(layer([[1, 1], [-1, 1]])).backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.tolist() == [[0, 0], [3, 3], [0, 0], [0, 0], [1, 1]]


def test_embedding_refuses_what_is_no_row() -> None:
    layer = nn.Embedding(5, 2)
    with pytest.raises(
        IndexError, match=r"Embedding\(5, 2\) has rows 0 to 4, but was given 5. Is the vocabulary larger"
    ):
        layer([0, 5])
    with pytest.raises(TypeError, match=r"looks up integers, but was given dtype float64. Pass x.astype\(int\)"):
        layer([0.0])


# ---- modes: dropout and batch norm -----------------------------------------------------------------------------------


def test_dropout_keeps_the_mean_and_can_be_repeated() -> None:
    layer = nn.Dropout(0.25, generator=generator())
    state = layer.generator.bit_generator.state  # type: ignore[union-attr]
    x = np.ones(10_000)
    y = layer(x)
    assert set(np.unique(y)) == {0.0, 1 / 0.75}
    assert np.mean(y) == pytest.approx(1, abs=0.02)
    assert not np.array_equal(layer(x), y)
    layer.generator.bit_generator.state = state  # type: ignore[union-attr]
    np.testing.assert_array_equal(layer(x), y)
    np.testing.assert_array_equal(nn.Dropout(0.25, generator())(x), y)
    leaf = Tensor(np.ones(5), requires_grad=True)
    z = layer(leaf)
    np.testing.assert_array_equal(z.gradient(leaf, gradient=np.ones(5))[0].numpy(), z.numpy())
    assert layer(np.ones(3, np.float32)).dtype == np.float32
    for rate in (-0.1, 1.0, np.nan):
        with pytest.raises(ValueError, match="of a Dropout must be 0 or more, and less than 1"):
            nn.Dropout(rate)


def test_modes_reach_every_module_and_are_put_back() -> None:
    inner = nn.Dropout(0.5)
    network = nn.Sequential(nn.Residual(inner), nn.Sequential(nn.BatchNorm(2)))
    assert all(module.training for _, module in network.named_modules())
    inner.eval()
    with network.evaluating() as same:
        assert same is network
        assert not any(module.training for _, module in network.named_modules())
    assert not inner.training
    assert network.training
    assert network.train() is network
    assert [module.training for _, module in network.named_modules()] == [True] * 5
    network.eval()
    assert [module.training for _, module in network.named_modules()] == [False] * 5
    assert [path for path, _ in network.named_modules()] == [
        "",
        "layers.0",
        "layers.0.layer",
        "layers.1",
        "layers.1.layers.0",
    ]


def test_running_statistics_are_buffers() -> None:
    network = nn.Sequential(norm=nn.BatchNorm(2, momentum=0.5))
    assert [name for name, _ in network.named_buffers()] == ["layers.norm.running_mean", "layers.norm.running_var"]
    x = np.array([[0.0, 0.0], [2.0, 4.0]])
    network(x)
    mean, var = network.buffers()
    assert mean.numpy().tolist() == [0.5, 1.0]
    assert var.numpy().tolist() == [1.5, 4.5]
    y = network.eval()(x)
    np.testing.assert_allclose(y.numpy(), (x - [0.5, 1.0]) / np.sqrt(np.array([1.5, 4.5]) + 1e-5))
    assert mean.numpy().tolist() == [0.5, 1.0]
    with pytest.raises(
        ValueError, match=r"takes two values of each feature or more in training.*or call eval\(\) first"
    ):
        network.train()(x[:1])
    frozen = nn.Dense(2, 2)
    frozen.weight.requires_grad = False
    assert [name for name, _ in frozen.named_buffers()] == ["weight"]


# ---- recurrence and attention ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_a_state_carries_a_sequence_on(kind: Any) -> None:
    layer = kind(3, 4, return_state=True, generator=generator())
    x = np.random.default_rng(1).normal(size=(2, 7, 3))
    whole, last = layer(x)
    first, state = layer(x[:, :3])
    second, end = layer(x[:, 3:], state)
    np.testing.assert_allclose(plain(np.concatenate([first, second], axis=1)), whole.numpy(), rtol=1e-12)
    for a, b in zip(*((pair if isinstance(pair, tuple) else (pair,)) for pair in (last, end)), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12)
    with pytest.raises(ValueError, match=r"needs a state"):
        layer(x, np.zeros((2, 5)))
    with pytest.raises(ValueError, match=r"takes sequences of shape \(..., time, 3\)"):
        layer(x[..., :2])
    empty, _ = layer(x[:, :0])
    assert empty.shape == (2, 0, 4)


def test_a_causal_mask_hides_what_comes_later() -> None:
    block = nn.TransformerBlock(4, 2, causal=True, generator=generator())
    x = np.random.default_rng(1).normal(size=(5, 4))
    changed = x.copy()
    changed[3:] += 1.0
    before, after = block(x).numpy(), block(changed).numpy()
    np.testing.assert_allclose(before[:3], after[:3], rtol=1e-13)
    assert not np.allclose(before[3:], after[3:])


def test_attention_refuses_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="heads=3 must divide features=4"):
        nn.MultiHeadAttention(4, 3)
    layer = nn.MultiHeadAttention(4, 2)
    with pytest.raises(ValueError, match=r"takes sequences of shape \(..., time, 4\)"):
        layer(np.ones((2, 5, 3)))
    with pytest.raises(ValueError, match="lets a query look at no key"):
        layer(np.ones((2, 4)), mask=np.zeros((2, 2), bool))
    with pytest.raises(TypeError, match=r"True where a query may look, but this one has dtype float64.* mask == 0;"):
        layer(np.ones((2, 4)), mask=np.where(np.tri(2) == 1, 0, -np.inf))  # added to the scores elsewhere
    with pytest.raises(ValueError, match=r"mask of attention, of shape \(3, 3\), does not .* of shape \(2, 2, 2\)"):
        layer(np.ones((2, 4)), mask=np.ones((3, 3), bool))


# ---- arranging others ------------------------------------------------------------------------------------------------


def test_sequential_by_name() -> None:
    network = nn.Sequential(hidden=nn.Dense(3, 4, generator=generator()), act=np.tanh, out=nn.Dense(4, 1))
    assert [name for name, _ in network.named_parameters()] == [
        "layers.hidden.weight",
        "layers.hidden.bias",
        "layers.out.weight",
        "layers.out.bias",
    ]
    assert network["out"] is network[2]
    assert network["act"] is np.tanh
    assert len(network[:2]) == 2
    assert [name for name, _ in network[2:].named_parameters()] == ["layers.out.weight", "layers.out.bias"]
    assert repr(network) == "\n".join(
        [
            "Sequential(",
            "  layers.hidden: Dense(3, 4)",
            "  layers.act: np.tanh",
            "  layers.out: Dense(4, 1)",
            ")",
        ]
    )
    with pytest.raises(ValueError, match=r"Dense\(3, 4\) takes") as caught:
        network(np.ones((2, 5)))
    assert caught.value.__notes__ == [
        "in layers.hidden: Dense(3, 4), which was given an array of shape (2, 5) and dtype float64"
    ]
    with pytest.raises(TypeError, match="by place or by name, not both"):
        nn.Sequential(np.tanh, out=np.tanh)
    with pytest.raises(KeyError, match="have no names, but places 0 to 0"):
        nn.Sequential(np.tanh)["out"]
    with pytest.raises(KeyError, match="'last': the layers of this Sequential are hidden, act, out"):
        network["last"]


def test_a_layer_in_two_places_shares_its_weights() -> None:
    layer = nn.Dense(3, 3, np.tanh, generator=generator())
    network = nn.Sequential(layer, layer)
    x = np.random.default_rng(0).normal(size=(2, 3))
    np.sum(network(x)).backward()
    once, twice = nn.Dense(3, 3, np.tanh, generator=generator()), nn.Dense(3, 3, np.tanh, generator=generator())
    np.sum(nn.Sequential(once, twice)(x)).backward()
    np.testing.assert_allclose(layer.weight.grad, once.weight.grad + twice.weight.grad, rtol=1e-12)


def test_shaping_refuses_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match=r"Residual adds its input .* made the shape \(2, 1\) of \(2, 3\)"):
        nn.Residual(nn.Dense(3, 1))(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"Reshape\(-1, 5\) takes samples whose .* \(-1, 5\).* There are 12 in each"):
        nn.Reshape(-1, 5)(np.ones((2, 3, 4)))
    with pytest.raises(ValueError, match=r"Flatten\(axes=3\) takes inputs with 3 or more"):
        nn.Flatten(axes=3)(np.ones((2, 3)))
    with pytest.raises(TypeError, match="can't be called"):
        nn.Lambda("tanh")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="can't be called"):
        nn.Residual(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"Reshape\(-1, -1\): of a shape, one number may be -1"):
        nn.Reshape(-1, -1)
    with pytest.raises(TypeError, match=r"whole numbers, one by one, such as Reshape\(1, 28, 28\), not \(\(2, 2\),\)"):
        nn.Reshape((2, 2))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="positional argument"):  # PyTorch's Flatten(1) would keep one axis
        nn.Flatten(1)  # type: ignore[call-arg]


RELU: Any = nn.ReLU


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: nn.Dense(3, 4, RELU), "activation"),
        (lambda: nn.Conv2d(3, 4, 3, activation=RELU), "activation"),
        (lambda: nn.Residual(RELU), "layer"),
        (lambda: nn.Lambda(RELU), "function"),
    ],
)
def test_a_class_in_place_of_a_layer_is_refused(make: Callable[[], Any], what: str) -> None:
    with pytest.raises(TypeError, match=rf"{what}=<class '.*ReLU'> is a class. Write ReLU\(...\) to make one"):
        make()


def test_layers_refuse_what_an_earlier_one_returned_in_parts() -> None:
    for after in (nn.Dense(4, 1), nn.LayerNorm(4), nn.GRU(4, 2), nn.Flatten(), nn.Conv1d(2, 3, 1)):
        network = nn.Sequential(nn.LSTM(3, 4, return_state=True), after)
        with pytest.raises(TypeError, match=r"takes one Tensor, but was given 2 parts, \(Tensor of shape") as caught:
            network(np.ones((2, 5, 3)))
        assert caught.value.__notes__[0].startswith(
            f"in layers.1: {after!r}, which was given (Tensor of shape (2, 5, 4)"
        )


# ---- initializers ----------------------------------------------------------------------------------------------------


def test_an_initializer_is_given_the_shape_of_the_weight() -> None:
    shapes = []

    def note(shape: tuple[int, ...], generator: Any) -> Any:
        shapes.append(shape)
        return np.zeros(shape)

    nn.Dense(3, 4, initializer=note)
    nn.Conv2d(4, 6, (3, 2), groups=2, initializer=note)
    nn.LSTM(3, 5, initializer=note)
    nn.Embedding(7, 2, initializer=note)
    assert shapes == [(3, 4), (6, 2, 3, 2), (3, 20), (5, 20), (7, 2)]


def test_a_kernel_is_drawn_by_all_the_numbers_under_it() -> None:
    weight = nn.Conv2d(30, 40, 3, generator=generator()).weight.numpy()
    limit = np.sqrt(6 / (9 * (30 + 40)))
    assert 0.99 * limit < np.max(np.abs(weight)) <= limit


@pytest.mark.parametrize(
    "make",
    [
        lambda initializer: nn.Dense(3, 4, initializer=initializer),
        lambda initializer: nn.Conv1d(3, 4, 5, initializer=initializer),
        lambda initializer: nn.GRU(3, 4, initializer=initializer),
        lambda initializer: nn.Embedding(3, 4, initializer=initializer),
        lambda initializer: nn.MultiHeadAttention(4, 2, initializer=initializer),
    ],
)
def test_an_initializer_that_draws_nothing_of_use_is_refused(make: Callable[[Any], Any]) -> None:
    with pytest.raises(
        ValueError, match=r"initializer <lambda> was asked for a weight of shape .*, and made one of .*3,"
    ):
        make(lambda shape, generator: np.zeros(3))
    with pytest.raises(TypeError, match="initializer='he_normal' can't be called"):
        make("he_normal")


# ---- the summary -----------------------------------------------------------------------------------------------------


def picture_network() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(None, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Dense(None, 10), np.tanh
    )


def test_summary_counts_what_each_layer_costs() -> None:
    network = picture_network()
    summary = network.summary((5, 1, 8, 8))
    assert [(row.path, row.layer.split("(")[0], row.output_shape, row.parameters) for row in summary.rows] == [
        ("", "Sequential", (5, 10), 1370),
        ("layers.0", "Conv2d", (5, 8, 8, 8), 80),
        ("layers.1", "ReLU", (5, 8, 8, 8), 0),
        ("layers.2", "MaxPool2d", (5, 8, 4, 4), 0),
        ("layers.3", "Flatten", (5, 128), 0),
        ("layers.4", "Dense", (5, 10), 1290),
        ("layers.5", "np.tanh", (5, 10), 0),
    ]
    convolution, dense = summary.rows[1], summary.rows[5]
    assert convolution.multiply_adds == 5 * 64 * 8 * 9
    assert dense.multiply_adds == 5 * 128 * 10
    assert summary.multiply_adds == convolution.multiply_adds + dense.multiply_adds
    assert summary.rows[2].activation_bytes == 5 * 8 * 64 * 8
    assert summary.activation_bytes == summary.rows[0].activation_bytes
    assert network(np.ones((5, 1, 8, 8))).shape == (5, 10)


def test_summary_is_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    summary = nn.Sequential(nn.Dense(3, 4, np.tanh), nn.Residual(nn.Dense(4, 4))).summary((32, 3))
    lines = str(summary).splitlines()
    assert "multiply-adds" in lines[0]
    assert max(map(len, lines)) <= 120
    assert [line.split("  (32")[0].rstrip() for line in lines[2:-2]] == [
        " Sequential",
        "   layers.0: Dense(3, 4, activation=np.tanh)",
        "   layers.1: Residual",
        "     layer: Dense(4, 4)",
    ]
    assert "36" in lines[-1]
    assert repr(summary) == str(summary)
    assert summary._repr_html_().startswith("<pre>")
    monkeypatch.setenv("COLUMNS", "72")
    narrow = str(summary).splitlines()
    assert max(map(len, narrow)) <= 72
    assert len(narrow) == len(lines)  # a layer has one line, cut off where there is no room
    assert narrow[3].split() == ["layers.0:", "De…", "(32,", "4)", "16", "384", "2.0", "KiB"]
    monkeypatch.setenv("COLUMNS", "60")
    assert max(map(len, str(summary).splitlines())) <= 60


def test_summary_leaves_the_network_as_it_was() -> None:
    network = nn.Sequential(nn.Embedding(10, 4), nn.Dropout(0.5), nn.BatchNorm(4, axis=-1), nn.LSTM(4, 3))
    summary = network.summary((2, 6), dtype=int)
    assert summary.rows[0].output_shape == (2, 6, 3)
    assert network.training
    assert network[2].running_mean.numpy().tolist() == [0.0] * 4
    assert all(parameter.grad is None for parameter in network.parameters())


def test_summary_of_a_network_that_takes_integers_says_so() -> None:
    with pytest.raises(TypeError, match="looks up integers") as caught:
        nn.Sequential(nn.Embedding(10, 4)).summary((2, 6))
    assert "pass dtype=int" in caught.value.__notes__[-1]


def test_calls_are_noted_for_drawings_by_every_layer() -> None:
    layer, x = made("TransformerBlock", 2)
    graph = Graph(layer(Tensor(x, requires_grad=True)))
    noted = {type(module).__name__ for node in graph.nodes for _, module in node.modules}
    assert noted == {"TransformerBlock", "LayerNorm", "MultiHeadAttention", "Dense"}
