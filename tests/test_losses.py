"""Losses: values and gradients against formulas in plain words and against PyTorch, far out, and what is refused."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tinygrad_scratch import Tensor, grad
from tinygrad_scratch.functional import sigmoid, softmax, squared_error
from tinygrad_scratch.nn import (
    absolute_error,
    binary_cross_entropy,
    cross_entropy,
    hinge,
    huber,
    kl_divergence,
    mean_squared_error,
)

STEP = 1e-20
LEADS = [(), (5,), (2, 3), (3, 0)]
generator = np.random.default_rng(0)


def probabilities(shape: tuple[int, ...]) -> Any:
    p = generator.uniform(size=shape)
    return p / p.sum(axis=-1, keepdims=True)


def numbers(lead: tuple[int, ...]) -> tuple[Any, Any]:
    return 2 * generator.normal(size=(*lead, 4)), 2 * generator.normal(size=(*lead, 4))


def signs(lead: tuple[int, ...]) -> tuple[Any, Any]:
    return generator.normal(size=(*lead, 4)), generator.choice([-1, 1], (*lead, 4))


def yes_or_no(lead: tuple[int, ...]) -> tuple[Any, Any]:
    return 3 * generator.normal(size=(*lead, 4)), generator.uniform(size=(*lead, 4))


def class_numbers(lead: tuple[int, ...]) -> tuple[Any, Any]:
    return generator.normal(size=(*lead, 4)), generator.integers(0, 4, lead)


def distributions(lead: tuple[int, ...]) -> tuple[Any, Any]:
    return generator.normal(size=(*lead, 4)), probabilities((*lead, 4))


def one_hot(labels: Any, classes: int) -> Any:
    return np.eye(classes)[labels]


# Each loss, an example of its arguments, and its errors in plain words, which NumPy extends to complex numbers.


def plain_huber(p: Any, t: Any, delta: float = 1.0) -> Any:
    r = p - t
    return np.where(np.abs(r.real) <= delta, r**2 / 2, delta * (r * np.sign(r.real) - delta / 2))


def plain_cross_entropy(z: Any, t: Any, label_smoothing: float = 0.0) -> Any:
    t = one_hot(t, 4) if np.ndim(t) < np.ndim(z) else t
    t = t * (1 - label_smoothing) + label_smoothing / 4
    return -np.sum(t * np.log(np.exp(z) / np.sum(np.exp(z), axis=-1, keepdims=True)), axis=-1)


def plain_binary(z: Any, t: Any, label_smoothing: float = 0.0) -> Any:
    p, t = 1 / (1 + np.exp(-z)), t * (1 - label_smoothing) + label_smoothing / 2
    return -t * np.log(p) - (1 - t) * np.log(1 - p)


LOSSES: dict[str, tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]] = {
    "absolute_error": (absolute_error, numbers, lambda p, t: (p - t) * np.sign((p - t).real)),
    "huber": (huber, numbers, plain_huber),
    "huber, wide": (
        functools.partial(huber, delta=2.5),
        numbers,
        functools.partial(plain_huber, delta=2.5),
    ),
    "hinge": (hinge, signs, lambda s, y: np.where((1 - y * s).real > 0, 1 - y * s, 0)),
    "hinge, wide": (
        functools.partial(hinge, margin=0.3),
        signs,
        lambda s, y: np.where((0.3 - y * s).real > 0, 0.3 - y * s, 0),
    ),
    "binary_cross_entropy": (binary_cross_entropy, yes_or_no, plain_binary),
    "binary_cross_entropy, smooth": (
        functools.partial(binary_cross_entropy, label_smoothing=0.2),
        yes_or_no,
        functools.partial(plain_binary, label_smoothing=0.2),
    ),
    "cross_entropy": (cross_entropy, class_numbers, plain_cross_entropy),
    "cross_entropy, smooth": (
        functools.partial(cross_entropy, label_smoothing=0.2),
        class_numbers,
        functools.partial(plain_cross_entropy, label_smoothing=0.2),
    ),
    "cross_entropy, probabilities": (cross_entropy, distributions, plain_cross_entropy),
    "cross_entropy, probabilities, smooth": (
        functools.partial(cross_entropy, label_smoothing=0.2),
        distributions,
        functools.partial(plain_cross_entropy, label_smoothing=0.2),
    ),
    "kl_divergence": (
        kl_divergence,
        distributions,
        lambda z, p: plain_cross_entropy(z, p) + np.sum(p * np.log(p), axis=-1),
    ),
}
every_loss = pytest.mark.parametrize("name", LOSSES)


# ---- what they are ---------------------------------------------------------------------------------------------------


@every_loss
@pytest.mark.parametrize("lead", LEADS, ids=str)
def test_values_by_every_reduction(name: str, lead: tuple[int, ...]) -> None:
    loss, example, plain = LOSSES[name]
    x, target = example(lead)
    errors = plain(x, target)
    np.testing.assert_allclose(loss(x, target, reduction="none"), errors, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(loss(x, target, reduction="sum"), np.sum(errors), rtol=1e-12)
    if errors.size:
        np.testing.assert_allclose(loss(x, target), np.mean(errors), rtol=1e-12)
        recorded = loss(Tensor(x, requires_grad=True), Tensor(target), reduction="mean")
        assert recorded.item() == loss(x, target)


@every_loss
def test_gradients_of_both_arguments_by_complex_steps(name: str) -> None:
    loss, example, plain = LOSSES[name]
    values = example((2, 3))
    places = [0, 1] if values[1].dtype.kind == "f" and "hinge" not in name else [0]
    leaves = [Tensor(v, requires_grad=i in places) for i, v in enumerate(values)]
    gradients = loss(*leaves).gradient(*(leaves[i] for i in places))
    for place, gradient in zip(places, gradients, strict=True):
        for index in np.ndindex(values[place].shape):
            moved = [np.array(v, complex) if i == place else v for i, v in enumerate(values)]
            moved[place][index] += 1j * STEP
            assert gradient.numpy()[index] == pytest.approx(np.mean(plain(*moved)).imag / STEP, rel=1e-11, abs=1e-15)


@every_loss
def test_second_derivatives_by_differences(name: str) -> None:
    loss, example, _ = LOSSES[name]
    x, target = example((3,))
    direction = generator.normal(size=x.shape)

    def slope(t: Any) -> Any:
        return np.sum(grad(lambda z: loss(z, target))(x + t * direction) * direction)

    difference = (slope(1e-5) - slope(-1e-5)).item() / 2e-5
    assert grad(slope)(0.0).item() == pytest.approx(difference, rel=1e-7, abs=1e-9)


@every_loss
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_float32_stays(name: str, reduction: str) -> None:
    loss, example, _ = LOSSES[name]
    x, target = example((3,))
    target = target.astype(np.float32) if target.dtype.kind == "f" else target
    leaf = Tensor(x.astype(np.float32), requires_grad=True)
    value = loss(leaf, target, reduction=reduction)
    assert value.dtype == np.float32
    value.backward(np.ones_like(value.numpy()))
    assert leaf.grad is not None
    assert leaf.grad.dtype == np.float32


@every_loss
def test_arguments_that_are_not_contiguous_or_lists(name: str) -> None:
    loss, example, _ = LOSSES[name]
    x, target = example((6,))
    expected = loss(x[::2], target[::2])
    assert loss(np.asfortranarray(x)[::2], target[::2]) == pytest.approx(float(expected), rel=1e-14)
    assert loss(x[::2].tolist(), target[::2].tolist()) == expected


def test_mean_squared_error_is_the_mean_of_squares() -> None:
    p, t = numbers((3,))
    leaf = Tensor(p, requires_grad=True)
    value = mean_squared_error(leaf, t)
    assert value.item() == pytest.approx(np.mean((p - t) ** 2), rel=1e-15)
    np.testing.assert_allclose(value.gradient(leaf)[0].numpy(), 2 * (p - t) / p.size, rtol=1e-14)


def test_one_hot_labels_are_class_numbers() -> None:
    z, labels = class_numbers((5,))
    expected = cross_entropy(z, labels)
    for hot in (one_hot(labels, 4), one_hot(labels, 4).astype(int), one_hot(labels, 4).astype(bool)):
        assert cross_entropy(z, hot) == pytest.approx(float(expected), rel=1e-14)


def test_two_classes_are_yes_or_no() -> None:
    z, t = generator.normal(size=6), generator.integers(0, 2, 6)
    both = np.stack([np.zeros(6), z], axis=-1)
    np.testing.assert_allclose(
        cross_entropy(both, t, reduction="none"), binary_cross_entropy(z, t, reduction="none"), rtol=1e-13
    )


def test_divergence_is_zero_from_itself_alone() -> None:
    z = generator.normal(size=(3, 4))
    np.testing.assert_allclose(kl_divergence(z, softmax(z), reduction="none"), 0, atol=1e-15)
    assert np.all(kl_divergence(z, probabilities((3, 4)), reduction="none") > 0)


# ---- kinks, and far out ----------------------------------------------------------------------------------------------


def test_gradients_at_kinks() -> None:
    def slopes(loss: Any, x: Any, target: Any) -> Any:
        leaf = Tensor(x, requires_grad=True)
        return loss(leaf, target, reduction="sum").gradient(leaf)[0].numpy().tolist()

    assert slopes(absolute_error, [1.0, 2.0], [1.0, 1.0]) == [0.0, 1.0]
    assert slopes(huber, [1.0, -1.0, 0.0], [0.0, 0.0, 0.0]) == [1.0, -1.0, 0.0]
    assert slopes(hinge, [1.0, -1.0, 0.0], [1, -1, 1]) == [0.0, 0.0, -1.0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logits_far_out(dtype: Any) -> None:
    z = Tensor(np.array([[1e4, 0.0], [0.0, 1e4]], dtype), requires_grad=True)
    with np.errstate(all="raise", under="ignore"):
        one = cross_entropy(z, [0, 0], reduction="none")
        two = binary_cross_entropy(z, [[1, 1], [1, 0]], reduction="none")
        three = kl_divergence(z, [[1.0, 0.0], [0.5, 0.5]], reduction="none")
        slope = (np.sum(one) + np.sum(two) + np.sum(three)).gradient(z)[0].numpy()
    assert one.numpy().tolist() == [0.0, 1e4]
    np.testing.assert_allclose(two.numpy(), [[0, np.log(2)], [np.log(2), 1e4]], rtol=1e-6)
    np.testing.assert_allclose(three.numpy(), [0, 5e3 - np.log(2)], rtol=1e-6)
    np.testing.assert_allclose(slope, [[0.0, -0.5], [-1 - 0.5 - 0.5, 1 + 1 + 0.5]], atol=1e-7)


def test_a_label_that_was_held_impossible() -> None:
    """The loss is infinite, and its slopes are those of any other wrong belief."""
    logits = Tensor([[-np.inf, 0.0, 0.0], [0.0, 0.0, 0.0]], requires_grad=True)
    loss = cross_entropy(logits, [0, 1], reduction="sum")
    assert loss.item() == np.inf
    third = 1 / 3
    expected = [[-1.0, 0.5, 0.5], [third, third - 1, third]]
    np.testing.assert_allclose(loss.gradient(logits)[0].numpy(), expected, rtol=1e-15)


def test_small_losses_keep_their_digits() -> None:
    assert binary_cross_entropy(50.0, 1) == pytest.approx(np.exp(-50.0), rel=1e-12)
    assert grad(lambda z: binary_cross_entropy(z, 0))(-50.0).item() == pytest.approx(sigmoid(-50.0), rel=1e-12)


# ---- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", [absolute_error, huber, hinge, binary_cross_entropy, cross_entropy, kl_divergence])
def test_another_reduction_is_refused(loss: Any) -> None:
    message = f"{loss.__name__} has no reduction 'average'. Choose one of 'mean', 'sum', 'none'"
    with pytest.raises(ValueError, match=message):
        loss([[1.0]], [[1.0]], reduction="average")


@pytest.mark.parametrize("loss", [absolute_error, huber, hinge, binary_cross_entropy, mean_squared_error])
def test_shapes_that_would_broadcast_are_refused(loss: Any) -> None:
    message = rf"{loss.__name__} compares element by element.*\(4, 1\) and the target \(4,\)"
    with pytest.raises(ValueError, match=message):
        loss(np.ones((4, 1)), np.ones(4))


@pytest.mark.parametrize(
    ("loss", "target"),
    [
        (absolute_error, np.ones((0, 3))),
        (huber, np.ones((0, 3))),
        (hinge, np.ones((0, 3))),
        (binary_cross_entropy, np.ones((0, 3))),
        (cross_entropy, np.ones(0, int)),
        (cross_entropy, np.ones((0, 3))),
        (kl_divergence, np.ones((0, 3))),
        (mean_squared_error, np.ones((0, 3))),
        (functools.partial(squared_error, reduction="mean"), np.ones((0, 3))),
    ],
)
def test_an_empty_batch_has_no_mean(loss: Any, target: Any) -> None:
    with pytest.raises(ValueError, match=r'was asked for the mean of no errors.*write reduction="sum"'):
        loss(Tensor(np.ones((0, 3)), requires_grad=True), target)
    if loss is not mean_squared_error:
        assert loss(np.ones((0, 3)), target, reduction="sum") == 0


@pytest.mark.parametrize("wrong", [3, -1])
def test_a_class_that_is_not_there_is_refused(wrong: int) -> None:
    message = rf"cross_entropy: labels\[1\] is {wrong}, but a label is the number of one of 3 classes, 0 to 2"
    with pytest.raises(ValueError, match=message):
        cross_entropy(np.ones((3, 3)), [0, wrong, 2])
    with pytest.raises(ValueError, match=r"labels\[1, 0\] is 9"):
        cross_entropy(np.ones((2, 1, 3)), [[0], [9]])


def test_labels_of_another_kind_are_refused() -> None:
    with pytest.raises(TypeError, match=r"class numbers as integers.*dtype float64.*labels.astype\(int\)"):
        cross_entropy(np.ones((2, 3)), [0.0, 1.0])
    with pytest.raises(ValueError, match=r"takes logits of shape \(..., classes\), but was given one number"):
        cross_entropy(3.0, 1)
    message = r"logits of shape \(2, 3\) takes class numbers of shape \(2,\) or probabilities of shape \(2, 3\)"
    with pytest.raises(ValueError, match=message):
        cross_entropy(np.ones((2, 3)), np.ones((2, 1)))
    with pytest.raises(ValueError, match=r"kl_divergence of logits of shape \(2, 3\) takes probabilities"):
        kl_divergence(np.ones((2, 3)), np.ones(2, int))
    with pytest.raises(ValueError, match=r"labels\[1\] add up to 2, not to 1"):
        cross_entropy(np.ones((2, 2)), [[0.0, 1.0], [1.0, 1.0]])
    with pytest.raises(ValueError, match=r"target\[0, 0\] is -0.5, but a target is a probability"):
        kl_divergence(np.ones((1, 2)), [[-0.5, 1.5]])
    with pytest.raises(ValueError, match=r"binary_cross_entropy: labels\[1\] is 2, but a label is between 0 and 1"):
        binary_cross_entropy([0.0, 0.0], [1, 2])
    with pytest.raises(ValueError, match=r"hinge: labels\[0\] is 0, but a label is -1 or 1; of 0 and 1, make"):
        hinge([0.0, 0.0], [0, 1])
    with pytest.raises(ValueError, match=re.escape("labels[0] is nan")):
        binary_cross_entropy([0.0], [np.nan])


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="huber: delta=0 is where the square ends"):
        huber([1.0], [1.0], delta=0)
    for loss in (cross_entropy, binary_cross_entropy):
        with pytest.raises(ValueError, match=r"label_smoothing=1.5 is a part of 1"):
            loss([[1.0]], [[1]], label_smoothing=1.5)


# ---- PyTorch ---------------------------------------------------------------------------------------------------------


@every_loss
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_against_pytorch(name: str, reduction: str) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed, so the losses have no second referee here")
    F = torch.nn.functional  # noqa: N806
    theirs: dict[str, Any] = {
        "absolute_error": F.l1_loss,
        "huber": F.huber_loss,
        "huber, wide": functools.partial(F.huber_loss, delta=2.5),
        "binary_cross_entropy": F.binary_cross_entropy_with_logits,
        "cross_entropy": F.cross_entropy,
        "cross_entropy, smooth": functools.partial(F.cross_entropy, label_smoothing=0.2),
        "cross_entropy, probabilities": F.cross_entropy,
        "cross_entropy, probabilities, smooth": functools.partial(F.cross_entropy, label_smoothing=0.2),
        "kl_divergence": lambda z, p, reduction: F.kl_div(
            z.log_softmax(-1), p, reduction={"mean": "batchmean"}.get(reduction, reduction)
        ).sum(-1 if reduction == "none" else ()),
    }
    if name not in theirs:
        pytest.skip("PyTorch has no such loss")
    loss, example, _ = LOSSES[name]
    x, target = example((5,))
    ours, there = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    value, other = (
        loss(ours, target, reduction=reduction),
        theirs[name](there, torch.tensor(target), reduction=reduction),
    )
    np.testing.assert_allclose(value.numpy(), other.detach().numpy(), rtol=1e-12)
    weights = generator.normal(size=value.shape)
    value.backward(weights)
    other.backward(torch.tensor(weights))
    assert ours.grad is not None
    np.testing.assert_allclose(ours.grad, there.grad.numpy(), rtol=1e-10, atol=1e-15)
