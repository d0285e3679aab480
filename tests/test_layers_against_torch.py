"""Another opinion on every layer: results, gradients, their gradients and steps of training are PyTorch's, in float64.

Runs where torch is installed (`pip install tinygrad_scratch[referees]`) and is skipped, saying so, where it is not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tinygrad_scratch import Tensor, functional, nn

torch = pytest.importorskip("torch", reason="torch is not installed, so the layers have no referee here")
torch.set_default_dtype(torch.float64)

TOLERANCE = 1e-10
Pairs = list[tuple[Any, Callable[[Any], Any]]]


def generator() -> np.random.Generator:
    return np.random.default_rng(7)


def normal(*shape: int) -> Any:
    return np.random.default_rng(11).normal(size=shape)


def tensor(value: Any) -> Any:
    return torch.tensor(np.array(value), requires_grad=True)


def close(ours: Any, theirs: Any) -> None:
    theirs = theirs.detach().numpy()
    scale = 1 + np.max(np.abs(theirs), initial=0.0)
    np.testing.assert_allclose(ours, theirs, rtol=TOLERANCE, atol=TOLERANCE * scale)


def scramble(layer: nn.Module) -> None:
    """Parameters that are no zeros and no ones, so that each matters."""
    draws = np.random.default_rng(5)
    for parameter in layer.parameters():
        parameter.data = parameter.numpy() + draws.normal(0, 0.3, parameter.shape)


def compare(ours: Callable[[Any], Any], theirs: Callable[..., Any], layer: nn.Module, x: Any, orders: int = 2) -> None:
    """A layer, and a function of x and of the layer's parameters in torch: results, gradients and their gradients.

    The parameters reach torch in the order of `layer.parameters()`.
    """
    leaves = [Tensor(x, requires_grad=True), *layer.parameters()]
    twins = [tensor(leaf.numpy()) for leaf in leaves]
    y, z = ours(leaves[0]), theirs(*twins)
    close(y.numpy(), z)
    weights = np.random.default_rng(3).normal(size=y.shape)
    scalar, twin = np.sum(np.sin(y) * weights), torch.sum(torch.sin(z) * torch.tensor(weights))
    for order in range(orders):
        last = order == orders - 1
        found = scalar.gradient(*leaves, create_graph=not last)
        expected = torch.autograd.grad(twin, twins, create_graph=not last, allow_unused=True, materialize_grads=True)
        for part, other in zip(found, expected, strict=True):
            close(part.numpy(), other)
        if not last:
            directions = [np.random.default_rng(i).normal(size=leaf.shape) for i, leaf in enumerate(leaves)]
            scalar = sum(np.sum(part * d) for part, d in zip(found, directions, strict=True))
            twin = sum(torch.sum(part * torch.tensor(d)) for part, d in zip(expected, directions, strict=True))
    train_alike(ours, theirs, leaves, twins)


def train_alike(ours: Callable[[Any], Any], theirs: Callable[..., Any], leaves: list[Any], twins: list[Any]) -> None:
    """Three steps of Adam on both sides, on the input and all parameters, end at the same numbers."""
    optimizer, other = nn.Adam(leaves, 0.01), torch.optim.Adam(twins, 0.01)
    for _ in range(3):
        optimizer.zero_grad()
        np.mean(ours(leaves[0]) ** 2).backward()
        optimizer.step()
        other.zero_grad()
        torch.mean(theirs(*twins) ** 2).backward()
        other.step()
    for leaf, twin in zip(leaves, twins, strict=True):
        close(leaf.numpy(), twin)


# ---- convolutions and pooling ----------------------------------------------------------------------------------------

F = torch.nn.functional
CONVOLUTIONS: list[dict[str, Any]] = [
    {},
    {"stride": 2},
    {"padding": 1},
    {"padding": "same"},
    {"stride": (2, 1), "padding": (0, 2), "dilation": (1, 2)},
    {"dilation": 2, "padding": "same"},
    {"groups": 2, "padding": 1},
    {"bias": False},
]


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("options", CONVOLUTIONS, ids=str)
def test_conv2d(options: dict[str, Any]) -> None:
    layer = nn.Conv2d(4, 6, (3, 2), generator=generator(), **options)
    scramble(layer)
    torch_options = {name: value for name, value in options.items() if name != "bias"}

    def theirs(x: Any, weight: Any, bias: Any = None) -> Any:
        return F.conv2d(x, weight, bias, **torch_options)

    compare(layer, theirs, layer, normal(3, 4, 7, 6))


@pytest.mark.parametrize("options", [{}, {"stride": 2, "padding": 2}, {"dilation": 2, "padding": "same"}], ids=str)
def test_conv1d(options: dict[str, Any]) -> None:
    layer = nn.Conv1d(3, 5, 3, generator=generator(), **options)
    scramble(layer)
    compare(layer, lambda x, w, b: F.conv1d(x, w, b, **options), layer, normal(2, 3, 9))


@pytest.mark.parametrize(
    ("size", "stride", "padding"), [(2, None, 0), (3, 2, 1), ((2, 3), (1, 2), 0), (2, 3, 0)], ids=str
)
def test_pooling(size: Any, stride: Any, padding: Any) -> None:
    x = normal(2, 3, 7, 8)
    most, mean = nn.MaxPool2d(size, stride, padding), nn.AvgPool2d(size, stride, padding)
    compare(most, lambda x: F.max_pool2d(x, size, stride, padding), most, x)
    compare(mean, lambda x: F.avg_pool2d(x, size, stride, padding), mean, x)


def test_pooling_in_one_dimension_and_without_the_padding() -> None:
    x = normal(2, 3, 9)
    most, mean = nn.MaxPool1d(3, 2, 1), nn.AvgPool1d(3, 2, 1)
    compare(most, lambda x: F.max_pool1d(x, 3, 2, 1), most, x)
    compare(mean, lambda x: F.avg_pool1d(x, 3, 2, 1), mean, x)
    flat = nn.Lambda(lambda x: functional.avg_pool2d(x, 3, 2, 1, count_padding=False))
    compare(flat, lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False), flat, normal(2, 3, 7, 8))


def test_of_several_largest_elements_the_first_gets_the_gradient() -> None:
    x = np.ones((1, 1, 4, 4))
    layer = nn.MaxPool2d(2)
    compare(layer, lambda x: F.max_pool2d(x, 2), layer, x, orders=1)


# ---- dense, embedding, norms -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("lead", [(), (4,), (2, 3)], ids=str)
def test_dense(lead: tuple[int, ...]) -> None:
    layer = nn.Dense(5, 3, np.tanh, generator=generator())
    scramble(layer)
    compare(layer, lambda x, w, b: torch.tanh(x @ w + b), layer, normal(*lead, 5))


def test_embedding() -> None:
    layer = nn.Embedding(7, 3, generator=generator())
    indices = np.array([[1, 5, 1], [6, 0, 1]])
    compare(
        lambda x: layer(indices) * x, lambda x, w: F.embedding(torch.tensor(indices), w) * x, layer, normal(2, 3, 3)
    )


def test_layer_norm_and_rms_norm() -> None:
    layer, other = nn.LayerNorm(5), nn.RMSNorm(5)
    scramble(layer)
    scramble(other)
    compare(layer, lambda x, w, b: F.layer_norm(x, (5,), w, b), layer, normal(2, 3, 5))
    compare(other, lambda x, w: F.rms_norm(x, (5,), w, 1e-6), other, normal(2, 3, 5))


@pytest.mark.parametrize("shape", [(6, 4), (3, 4, 5), (3, 4, 2, 3)], ids=str)
def test_batch_norm(shape: tuple[int, ...]) -> None:
    layer = nn.BatchNorm(4)
    scramble(layer)
    mean, var = torch.zeros(4), torch.ones(4)

    def theirs(x: Any, w: Any, b: Any) -> Any:
        return F.batch_norm(x, mean, var, w, b, training=layer.training)

    for _ in range(2):
        compare(layer, theirs, layer, normal(*shape))
        close(layer.running_mean.numpy(), mean)
        close(layer.running_var.numpy(), var)
    layer.eval()
    compare(layer, theirs, layer, normal(*shape))
    close(layer.running_mean.numpy(), mean)


# ---- recurrence ------------------------------------------------------------------------------------------------------


def twin_of(layer: Any, kind: Any) -> Callable[..., Any]:
    """The same recurrent layer in torch, as a function of x and our parameters."""
    theirs = kind(layer.in_features, layer.hidden_features, batch_first=True)

    def call(x: Any, bias: Any, weight: Any, recurrent: Any, candidate: Any = None) -> Any:
        hidden = torch.zeros(len(bias))
        if candidate is not None:
            hidden = torch.cat([torch.zeros(2 * len(candidate)), candidate])
        given = {"weight_ih_l0": weight.T, "weight_hh_l0": recurrent.T, "bias_ih_l0": bias, "bias_hh_l0": hidden}
        return torch.func.functional_call(theirs, given, x)

    return call


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_recurrent_layers(name: str) -> None:
    layer = getattr(nn, name)(3, 4, return_state=True, generator=generator())
    scramble(layer)
    theirs = twin_of(layer, getattr(torch.nn, name))
    order = [parameter for parameter, _ in layer.named_parameters()]
    given = ["bias", "weight", "recurrent_weight", "candidate_bias"]

    def sorted_call(x: Any, *parameters: Any) -> Any:
        by_name = dict(zip(order, parameters, strict=True))
        return theirs(x, *(by_name[name] for name in given if name in by_name))

    def last(pair: Any) -> Any:
        return pair[1][1] if isinstance(pair[1], tuple) else pair[1]

    compare(lambda x: layer(x)[0], lambda *a: sorted_call(*a)[0], layer, normal(2, 5, 3))
    compare(lambda x: last(layer(x)), lambda *a: last(sorted_call(*a))[0], layer, normal(2, 5, 3))


# ---- attention -------------------------------------------------------------------------------------------------------


def attend(x: Any, memory: Any, heads: int, parameters: Any, causal: bool = False, mask: Any = None) -> Any:
    """Multi-head attention by torch's own, from our parameters."""
    weight, bias, out, out_bias = parameters
    features = weight.shape[0]
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):  # which has second derivatives
        return F.multi_head_attention_forward(
            x.transpose(0, 1),
            memory.transpose(0, 1),
            memory.transpose(0, 1),
            features,
            heads,
            weight.T,
            bias,
            None,
            None,
            False,
            0.0,
            out.T,
            out_bias,
            need_weights=False,
            attn_mask=torch.triu(torch.full((x.shape[1], x.shape[1]), -np.inf), 1) if causal else mask,
        )[0].transpose(0, 1)


@pytest.mark.parametrize("causal", [False, True])
def test_multi_head_attention(causal: bool) -> None:
    layer = nn.MultiHeadAttention(6, 2, causal=causal, generator=generator())
    scramble(layer)
    compare(layer, lambda x, *p: attend(x, x, 2, p, causal), layer, normal(3, 5, 6))


def test_attention_to_another_sequence_and_under_a_mask() -> None:
    layer = nn.MultiHeadAttention(6, 3, generator=generator())
    scramble(layer)
    memory = normal(2, 7, 6)
    mask = np.random.default_rng(1).random((4, 7)) < 0.6
    mask[:, 0] = True
    compare(
        lambda x: layer(x, memory, mask),
        lambda x, *p: attend(x, torch.tensor(memory), 3, p, mask=torch.tensor(~mask)),
        layer,
        normal(2, 4, 6),
    )


def test_transformer_block() -> None:
    layer = nn.TransformerBlock(6, 2, causal=True, generator=generator())
    scramble(layer)

    def theirs(x: Any, *p: Any) -> Any:
        x = x + attend(*(F.layer_norm(x, (6,), p[0], p[1]),) * 2, 2, p[2:6], causal=True)
        inner = F.layer_norm(x, (6,), p[6], p[7]) @ p[8] + p[9]
        return x + F.gelu(inner, approximate="tanh") @ p[10] + p[11]

    compare(layer, theirs, layer, normal(2, 4, 6))


# ---- activations -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "theirs"),
    [
        (nn.Sigmoid(), torch.sigmoid),
        (nn.Tanh(), torch.tanh),
        (nn.ReLU(), F.relu),
        (nn.LeakyReLU(), F.leaky_relu),
        (nn.LeakyReLU(0.2), lambda x: F.leaky_relu(x, 0.2)),
        (nn.ELU(), F.elu),
        (nn.ELU(0.5), lambda x: F.elu(x, 0.5)),
        (nn.GELU(), lambda x: F.gelu(x, approximate="tanh")),
        (nn.GELU("none"), F.gelu),
        (nn.SiLU(), F.silu),
        (nn.Softplus(), F.softplus),
        (nn.Softmax(), lambda x: F.softmax(x, -1)),
        (nn.Softmax(axis=0), lambda x: F.softmax(x, 0)),
    ],
    ids=lambda each: repr(each) if isinstance(each, nn.Module) else None,  # a function names its address
)
def test_activations(layer: Any, theirs: Any) -> None:
    compare(layer, theirs, layer, 2 * normal(3, 5))
