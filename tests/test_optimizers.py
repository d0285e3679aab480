"""Optimizers, clipping and schedules: against their formulas and against PyTorch, their state, and what is refused."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tinygrad_scratch import Tensor
from tinygrad_scratch.nn import (
    SGD,
    Adagrad,
    Adam,
    AdamW,
    CosineDecay,
    Dense,
    ExponentialDecay,
    InverseSquareRootDecay,
    LinearDecay,
    Lion,
    OneCycle,
    Optimizer,
    PiecewiseConstant,
    RMSprop,
    StepDecay,
    Warmup,
    clip_gradient_norm,
    clip_gradient_value,
)

Make = Callable[..., Optimizer]

OPTIMIZERS: dict[str, tuple[Make, dict[str, Any], str, dict[str, Any]]] = {
    "SGD": (SGD, {}, "SGD", {}),
    "SGD decay": (SGD, {"weight_decay": 0.1}, "SGD", {"weight_decay": 0.1}),
    "SGD momentum": (SGD, {"momentum": 0.9}, "SGD", {"momentum": 0.9}),
    "SGD nesterov": (
        SGD,
        {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
        "SGD",
        {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
    ),
    "Adam": (Adam, {}, "Adam", {}),
    "Adam decay": (
        Adam,
        {"betas": (0.8, 0.95), "weight_decay": 0.1},
        "Adam",
        {"betas": (0.8, 0.95), "weight_decay": 0.1},
    ),
    "AdamW": (AdamW, {}, "AdamW", {}),
    "AdamW decay": (AdamW, {"weight_decay": 0.1, "epsilon": 1e-3}, "AdamW", {"weight_decay": 0.1, "eps": 1e-3}),
    "RMSprop": (RMSprop, {}, "RMSprop", {}),
    "RMSprop momentum": (
        RMSprop,
        {"decay": 0.9, "momentum": 0.5, "weight_decay": 0.1},
        "RMSprop",
        {"alpha": 0.9, "momentum": 0.5, "weight_decay": 0.1},
    ),
    "Adagrad": (Adagrad, {}, "Adagrad", {}),
    "Adagrad decay": (Adagrad, {"weight_decay": 0.1}, "Adagrad", {"weight_decay": 0.1}),
    "Lion": (Lion, {}, "", {}),
    "Lion decay": (Lion, {"betas": (0.8, 0.95), "weight_decay": 0.1}, "", {}),
}
every_optimizer = pytest.mark.parametrize("name", OPTIMIZERS)

A = np.random.default_rng(0).normal(size=(4, 3))
B = np.random.default_rng(1).normal(size=(3,))


def leaves(dtype: Any = float) -> list[Tensor]:
    """A matrix, a vector, a number, and one that the loss does not depend on."""
    draw = np.random.default_rng(2).normal
    return [Tensor(draw(size=s), requires_grad=True, dtype=dtype) for s in ((3, 4), (4,), (), (2,))]


def loss_of(w: Any, b: Any, c: Any, *_: Any, tanh: Any = np.tanh, a: Any = A) -> Any:
    """A loss that is not quadratic, on which gradients differ from step to step."""
    return (tanh(a @ w + b) ** 2).sum() + (w**2).sum() * c**2 + b.sum()


def train(optimizer: Optimizer, steps: int) -> list[Any]:
    for _ in range(steps):
        optimizer.zero_grad()
        loss_of(*optimizer.parameters, a=A.astype(optimizer.parameters[0].dtype)).backward()
        optimizer.step()
    return [parameter.numpy() for parameter in optimizer.parameters]


# ---- what a step is --------------------------------------------------------------------------------------------------


@every_optimizer
def test_against_pytorch_over_several_steps(name: str) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed, so optimizers have no second referee here")
    make, options, theirs, their_options = OPTIMIZERS[name]
    if not theirs:
        pytest.skip("PyTorch has no such optimizer")
    there = [torch.tensor(leaf.numpy().copy(), requires_grad=True) for leaf in leaves()]
    other = getattr(torch.optim, theirs)(there, lr=0.05, **their_options)
    optimizer = make(leaves(), learning_rate=0.05, **options)
    for _ in range(10):
        other.zero_grad()
        loss_of(*there, tanh=torch.tanh, a=torch.tensor(A)).backward()
        other.step()
    for mine, tensor in zip(train(optimizer, 10), there, strict=True):
        np.testing.assert_allclose(mine, tensor.detach().numpy(), rtol=1e-10, atol=1e-14)


def lion_in_plain_words(w: Any, gradients: list[Any], rate: float, b1: float, b2: float, decay: float) -> Any:
    m = np.zeros_like(w)
    for g in gradients:
        update = np.sign(b1 * m + (1 - b1) * g)
        w = w - rate * (update + decay * w)
        m = b2 * m + (1 - b2) * g
    return w


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_lion_against_the_algorithm_of_its_paper(decay: float) -> None:
    draw = np.random.default_rng(3).normal
    start, gradients = draw(size=(4, 3)), [draw(size=(4, 3)) for _ in range(12)]
    w = Tensor(start, requires_grad=True)
    optimizer = Lion([w], learning_rate=0.02, betas=(0.7, 0.9), weight_decay=decay)
    for g in gradients:
        w.grad = g
        optimizer.step()
    np.testing.assert_allclose(w.numpy(), lion_in_plain_words(start, gradients, 0.02, 0.7, 0.9, decay), rtol=1e-12)


def test_adam_against_the_algorithm_of_its_paper() -> None:
    draw = np.random.default_rng(3).normal
    start, gradients = draw(size=(4, 3)), [draw(size=(4, 3)) for _ in range(12)]
    w = Tensor(start, requires_grad=True)
    optimizer = Adam([w], learning_rate=0.02, betas=(0.7, 0.9), epsilon=1e-4)
    theta, m, v = start, np.zeros((4, 3)), np.zeros((4, 3))
    for t, g in enumerate(gradients, start=1):
        m, v = 0.7 * m + 0.3 * g, 0.9 * v + 0.1 * g**2
        theta = theta - 0.02 * (m / (1 - 0.7**t)) / (np.sqrt(v / (1 - 0.9**t)) + 1e-4)
        w.grad = g
        optimizer.step()
    np.testing.assert_allclose(w.numpy(), theta, rtol=1e-12)


@every_optimizer
def test_a_step_leaves_alone_what_was_recorded_read_or_not_reached(name: str) -> None:
    make, options, *_ = OPTIMIZERS[name]
    parameters = leaves()
    optimizer = make(parameters, learning_rate=0.05, **options)
    before = [parameter.numpy() for parameter in parameters]
    copies = [value.copy() for value in before]
    loss = loss_of(*parameters)
    expected = loss.gradient(*parameters[:3])
    loss.backward()
    gradients = [parameter.grad for parameter in parameters]
    kept_gradients = [None if g is None else g.copy() for g in gradients]
    for _ in range(3):
        optimizer.step()
    for value, copied, now in zip(before, copies, parameters, strict=True):
        np.testing.assert_array_equal(value, copied)
        assert now.requires_grad
    for g, kept in zip(gradients, kept_gradients, strict=True):
        assert (g is None) == (kept is None)
        if g is not None:
            np.testing.assert_array_equal(g, kept)
    assert not np.array_equal(before[0], parameters[0].numpy())
    assert np.array_equal(before[3], parameters[3].numpy())
    for old, again in zip(expected, loss.gradient(*parameters[:3]), strict=True):
        np.testing.assert_array_equal(old.numpy(), again.numpy())


@every_optimizer
def test_float32_stays(name: str) -> None:
    make, options, *_ = OPTIMIZERS[name]
    optimizer = make(leaves(np.float32), learning_rate=0.05, **options)
    assert {value.dtype for value in train(optimizer, 3)} == {np.dtype(np.float32)}
    kept = [v for each in optimizer.kept for v in each.values() if isinstance(v, np.ndarray)]
    assert {v.dtype for v in kept} <= {np.dtype(np.float32)}


@every_optimizer
def test_complex_parameters_are_two_real_ones(name: str) -> None:
    make, options, *_ = OPTIMIZERS[name]
    start = np.random.default_rng(4).normal(size=(3, 2))
    z = Tensor(start[:, 0] + 1j * start[:, 1], requires_grad=True)
    pair = Tensor(start, requires_grad=True)
    one, two = (make([w], learning_rate=0.05, **options) for w in (z, pair))
    for _ in range(4):
        for optimizer in (one, two):
            optimizer.zero_grad()
        np.sum(np.abs(z - (1 + 2j)) ** 3).backward()
        np.sum(((pair[:, 0] - 1) ** 2 + (pair[:, 1] - 2) ** 2) ** 1.5).backward()
        for optimizer in (one, two):
            optimizer.step()
    np.testing.assert_allclose(z.numpy(), pair.numpy()[:, 0] + 1j * pair.numpy()[:, 1], rtol=1e-12)
    number = Tensor(1 + 2j, requires_grad=True)
    number.grad = 1 - 1j
    make([number], learning_rate=0.05, **options).step()
    assert number.shape == ()


def test_a_parameter_that_misses_steps_counts_its_own() -> None:
    w, v = Tensor(1.0, requires_grad=True), Tensor(1.0, requires_grad=True)
    optimizer = Adam([w, v], learning_rate=0.1)
    w.grad = 2.0
    optimizer.step()
    v.grad = 2.0
    w.grad = None
    optimizer.step()
    assert w.item() == v.item()
    assert [each["steps"] for each in optimizer.kept] == [1, 1]


def test_what_is_not_kept_takes_no_memory() -> None:
    optimizer = SGD(leaves(), 0.05)
    train(optimizer, 2)
    assert [[*each] for each in optimizer.kept] == [["steps"]] * 3 + [[]]


# ---- its state -------------------------------------------------------------------------------------------------------


@every_optimizer
def test_a_state_resumes_exactly(name: str) -> None:
    make, options, *_ = OPTIMIZERS[name]
    whole = make(leaves(), learning_rate=0.05, **options)
    train(whole, 7)
    first = make(leaves(), learning_rate=0.05, **options)
    train(first, 3)
    state, values = first.state_dict(), [parameter.numpy() for parameter in first.parameters]
    train(first, 2)  # changes nothing in the state
    second = make([Tensor(value, requires_grad=True) for value in values], learning_rate=1.0)
    second.load_state_dict(copy.deepcopy(state))
    assert repr(second) == repr(whole)
    for one, two in zip(train(second, 4), whole.parameters, strict=True):
        np.testing.assert_array_equal(one, two.numpy())


def test_a_state_that_does_not_fit_changes_nothing() -> None:
    optimizer = Adam(leaves(), 0.05)
    train(optimizer, 2)
    before = optimizer.state_dict()
    other = Adam(leaves()[:2], 0.05)
    turned = Adam([Tensor(leaf.numpy().T, requires_grad=True) for leaf in leaves()], 0.05)
    for w in turned.parameters:
        w.grad = np.ones(w.shape)
    turned.step()
    for state, problem in [
        (other.state_dict(), "it is one of 2 parameters, and not of 4"),
        (SGD(leaves(), 0.1).state_dict(), r"it has the settings \['learning_rate', 'weight_decay', 'momentum'"),
        (turned.state_dict(), r"its 'mean' for parameter 0 has shape \(4, 3\), and not \(3, 4\)"),
        ({**before, "kept": [{"steps": 1}] * 4}, r"for parameter 0 it has \['steps'\], and not"),
        ({}, r"it has the settings \[\]"),
    ]:
        with pytest.raises(ValueError, match=f"does not fit Adam: {problem}.*Nothing was loaded"):
            optimizer.load_state_dict(state)
        np.testing.assert_equal(optimizer.state_dict(), before)


def test_repr_shows_the_settings() -> None:
    assert repr(AdamW(leaves(), 0.1)) == (
        "AdamW(4 parameters, learning_rate=0.1, weight_decay=0.01, betas=(0.9, 0.999), epsilon=1e-08)"
    )


# ---- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [SGD, Adam, AdamW, RMSprop, Adagrad, Lion])
def test_every_optimizer_refuses_what_it_cannot_train(make: Any) -> None:
    name, w = make.__name__, Tensor([1.0], requires_grad=True, name="w")
    with pytest.raises(ValueError, match=f"{name} was given no parameters"):
        make([], 0.1)
    with pytest.raises(ValueError, match=f"Parameter 1 of {name}, Tensor 'w' .*is there twice"):
        make([w, w], 0.1)
    with pytest.raises(TypeError, match=f"Parameter 0 of {name} is .*made with requires_grad=True"):
        make([Tensor([1.0])], 0.1)
    with pytest.raises(TypeError, match=rf"{name} was given a Dense. Write {name}\(model.parameters\(\), ...\)"):
        make(Dense(2, 2), 0.1)
    with pytest.raises(TypeError, match=rf"given Tensor 'w' .* takes a list. Write {name}\(\[tensor\], ...\)"):
        make(w, 0.1)
    with pytest.raises(ValueError, match=r"learning_rate=-1 would climb"):
        make([w], -1)
    with pytest.raises(TypeError, match=r"is a function, and .* takes a number.*callbacks=\[Schedule\(...\)\]"):
        make([w], CosineDecay(0.1, 10))
    with pytest.raises(ValueError, match=r"weight_decay=-1 would let weights grow"):
        make([w], 0.1, weight_decay=-1)
    with pytest.raises(RuntimeError, match="found no gradients"):
        make([w], 0.1).step()


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (SGD, {"momentum": 1.0}, r"momentum=1.0 is the part of an average that is kept"),
        (SGD, {"nesterov": True}, r"nesterov=True looks ahead along the momentum, which is 0"),
        (Adam, {"betas": (0.9, 1.1)}, r"betas\[1\]=1.1"),
        (Adam, {"betas": 0.9}, r"betas=0.9 are two numbers"),
        (Adam, {"epsilon": -1.0}, r"epsilon=-1.0"),
        (RMSprop, {"decay": -0.1}, r"decay=-0.1"),
        (RMSprop, {"momentum": 2}, r"momentum=2"),
        (Adagrad, {"epsilon": np.nan}, r"epsilon=nan"),
        (Lion, {"betas": (1.0, 0.9)}, r"betas\[0\]=1.0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make: Any, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(leaves(), 0.1, **options)


def test_an_optimizer_without_a_direction_says_so() -> None:
    w = Tensor(1.0, requires_grad=True)
    w.grad = 1.0
    with pytest.raises(NotImplementedError, match=r"Optimizer needs a method direction\(self, gradient, kept\)"):
        Optimizer([w], 0.1).step()


# ---- clipping --------------------------------------------------------------------------------------------------------


def with_gradients(*gradients: Any) -> list[Tensor]:
    made = []
    for g in gradients:
        w = Tensor(np.zeros(np.shape(g)), requires_grad=True)
        w.grad = g
        made.append(w)
    return [*made, Tensor([1.0], requires_grad=True)]


def test_clipping_by_norm_keeps_the_direction() -> None:
    parameters = with_gradients(np.full((2, 2), 3.0), 8.0)
    assert clip_gradient_norm(parameters, 1.0) == 10.0
    np.testing.assert_allclose(parameters[0].grad, np.full((2, 2), 0.3), rtol=1e-15)  # type: ignore[arg-type]
    assert parameters[1].grad == pytest.approx(0.8)
    assert parameters[2].grad is None
    assert clip_gradient_norm(parameters, 1.5) == pytest.approx(1.0)
    assert parameters[1].grad == pytest.approx(0.8)
    assert clip_gradient_norm([], 1.0) == 0.0


def test_clipping_against_pytorch() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed, so clipping has no second referee here")
    draw = np.random.default_rng(5).normal
    gradients = [1e5 * draw(size=(3, 4)), 1e5 * draw(size=4)]
    ours = with_gradients(*gradients)
    theirs = [torch.zeros(g.shape, dtype=torch.float64) for g in gradients]
    for function, other in [
        (clip_gradient_norm, torch.nn.utils.clip_grad_norm_),
        (clip_gradient_value, torch.nn.utils.clip_grad_value_),
    ]:
        for w, there, g in zip(ours, theirs, gradients, strict=False):
            w.grad, there.grad = g, torch.tensor(g)
        norm, their_norm = function(ours, 0.7), other(theirs, 0.7)
        assert norm is None or norm == pytest.approx(their_norm.item(), rel=1e-14)
        for w, there in zip(ours, theirs, strict=False):
            np.testing.assert_allclose(w.grad, there.grad.numpy(), rtol=1e-10)  # type: ignore[arg-type]


def test_clipping_by_value() -> None:
    parameters = with_gradients([3.0, -0.5, -3.0, np.inf])
    clip_gradient_value(parameters, 1.0)
    assert parameters[0].grad is not None
    assert parameters[0].grad.tolist() == [1.0, -0.5, -1.0, 1.0]


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_no_factor_mends_a_gradient_that_is_not_finite(wrong: float) -> None:
    parameters = with_gradients([3.0, 4.0], [wrong])
    parameters[1].name = "b"
    with pytest.raises(ValueError, match=r"The gradient of Tensor 'b' of shape \(1,\).*holds NaN or infinity"):
        clip_gradient_norm(parameters, 1.0)
    assert parameters[0].grad is not None
    assert parameters[0].grad.tolist() == [3.0, 4.0]


@pytest.mark.parametrize("clip", [clip_gradient_norm, clip_gradient_value])
def test_a_limit_is_positive(clip: Any) -> None:
    with pytest.raises(ValueError, match=rf"{clip.__name__}: limit=0 would leave nothing"):
        clip(with_gradients(1.0), 0)


# ---- schedules -------------------------------------------------------------------------------------------------------

SCHEDULES: dict[str, tuple[Callable[[int], float], Callable[[Any, Any], Any]]] = {
    "step": (StepDecay(0.1, 0.5, 3), lambda lr, o: lr.StepLR(o, 3, 0.5)),
    "piecewise": (PiecewiseConstant([0.1, 0.01, 0.001], [4, 9]), lambda lr, o: lr.MultiStepLR(o, [4, 9], 0.1)),
    "exponential": (ExponentialDecay(0.1, 0.9), lambda lr, o: lr.ExponentialLR(o, 0.9)),
    "linear": (LinearDecay(0.1, 20, 0.02), lambda lr, o: lr.LinearLR(o, 1.0, 0.2, 20)),
    "cosine": (CosineDecay(0.1, 20, 0.01), lambda lr, o: lr.CosineAnnealingLR(o, 20, 0.01)),
    "one cycle": (OneCycle(0.1, 20), lambda lr, o: lr.OneCycleLR(o, 0.1, total_steps=20)),
    "one cycle, slow": (
        OneCycle(0.1, 21, rise=0.7, start_division=4, final_division=10),
        lambda lr, o: lr.OneCycleLR(o, 0.1, total_steps=21, pct_start=0.7, div_factor=4, final_div_factor=10),
    ),
    "warm-up": (Warmup(5, lambda step: 0.1), lambda lr, o: lr.LambdaLR(o, lambda step: min(1.0, (step + 1) / 5))),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_against_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed, so schedules have no second referee here")
    schedule, make = SCHEDULES[name]
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    scheduler = make(torch.optim.lr_scheduler, optimizer)
    for step in range(20):
        assert schedule(step) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-10), step
        optimizer.step()
        scheduler.step()


def test_schedules_stay_after_their_last_step() -> None:
    schedules: list[tuple[Callable[[int], float], float]] = [
        (LinearDecay(0.1, 20, 0.02), 0.02),
        (CosineDecay(0.1, 20, 0.01), 0.01),
        (OneCycle(0.1, 20), 0.1 / 25 / 1e4),
        (OneCycle(0.1, 2), 0.1 / 25 / 1e4),
        (PiecewiseConstant([0.1, 0.01], [4]), 0.01),
    ]
    for schedule, last in schedules:
        assert schedule(19 if type(schedule) is OneCycle else 20) == pytest.approx(last, rel=1e-12)
        assert schedule(1000) == pytest.approx(last, rel=1e-12)


def test_warm_up_and_inverse_square_root_are_those_of_the_transformer() -> None:
    schedule = Warmup(10, InverseSquareRootDecay(10**-0.5, 10))
    for step in range(40):  # the paper counts steps from 1, and its two lines meet half a step apart
        paper = min((step + 1) ** -0.5, (step + 1) * 10**-1.5)
        assert schedule(step) == pytest.approx(paper, rel=0.06)


@pytest.mark.parametrize(
    "make",
    [
        lambda: StepDecay(0.1, 0.5, 0),
        lambda: LinearDecay(0.1, 0),
        lambda: CosineDecay(0.1, 0),
        lambda: Warmup(0, lambda step: 0.1),
        lambda: Warmup(CosineDecay(0.1, 10), 5),  # type: ignore[arg-type]
        lambda: InverseSquareRootDecay(0.1, 0),
        lambda: OneCycle(0.1, 1),
        lambda: OneCycle(0.1, 10, rise=0.0),
        lambda: PiecewiseConstant([0.1], [3]),
        lambda: PiecewiseConstant([0.1, 0.2, 0.3], [3, 3]),
    ],
)
def test_schedules_refuse_what_makes_no_sense(make: Any) -> None:
    with pytest.raises(ValueError, match=r"steps|rise|boundaries"):
        make()
