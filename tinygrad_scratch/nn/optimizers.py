"""Optimizers: how gradients change parameters."""

from __future__ import annotations

import copy
import reprlib
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np

from tinygrad_scratch.graph import Array, no_grad
from tinygrad_scratch.messages import describe
from tinygrad_scratch.nn.module import Module, is_parameter
from tinygrad_scratch.tensor import Tensor

# ---- what all have in common -----------------------------------------------------------------------------------------


class Optimizer:
    """A step of an optimizer takes learning_rate * direction off each parameter; a subclass says the direction.

    `direction(gradient, kept)` returns an array of the gradient's shape. It may use what was kept of earlier steps:
    `kept["steps"]`, which counts the parameter's steps from 1, and an array for each name in `keeps`, zeros at first,
    which it writes to. `weight_decay` adds weight_decay * parameter, to the gradient; or, where `decoupled`, to
    the direction.

    A step gives the parameters new values; a loss that was recorded before keeps the old ones, and its `backward()`
    gives the gradients there. `learning_rate` may be set anew at any time. For other settings for some of the
    parameters, make a second optimizer for them. The real and the imaginary parts of a complex parameter are treated as
    two real ones.

    Raises TypeError for what is no parameter, that is, no Tensor made with requires_grad=True; ValueError for no
    parameters at all, the same one twice, a negative learning rate and other settings that make no sense.

    >>> import numpy as np
    >>> from tinygrad_scratch import Tensor
    >>> from tinygrad_scratch.nn import Optimizer
    >>> class SignDescent(Optimizer):
    ...     def direction(self, gradient, kept):
    ...         return np.sign(gradient)
    >>> w = Tensor(4.0, requires_grad=True)
    >>> optimizer = SignDescent([w], learning_rate=0.25)
    >>> (w * w).backward()
    >>> optimizer.step()
    >>> w.item()
    3.75
    """

    @property
    def keeps(self) -> tuple[str, ...]:
        """The names of the arrays that are kept for each parameter."""
        return ()

    decoupled: ClassVar[bool] = False

    def __init__(self, parameters: Iterable[Tensor], learning_rate: float, weight_decay: float = 0.0) -> None:
        name = type(self).__name__
        if isinstance(parameters, Module):
            raise TypeError(f"{name} was given a {type(parameters).__name__}. Write {name}(model.parameters(), ...).")
        if isinstance(parameters, Tensor):
            raise TypeError(f"{name} was given {describe(parameters)}, and takes a list. Write {name}([tensor], ...).")
        self.parameters = list(parameters)
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.kept: list[dict[str, Any]] = [{} for _ in self.parameters]
        if not self.parameters:
            raise ValueError(f"{name} was given no parameters: has the model a Tensor made with requires_grad=True?")
        for place, parameter in enumerate(self.parameters):
            if not is_parameter(parameter):
                raise TypeError(
                    f"Parameter {place} of {name} is {in_short(parameter)}, but a parameter is a Tensor made with "
                    f"requires_grad=True. Write {name}(model.parameters(), learning_rate)."
                )
            if any(parameter is earlier for earlier in self.parameters[:place]):
                raise ValueError(
                    f"Parameter {place} of {name}, {describe(parameter)}, is there twice: a step would change it "
                    "twice. Pass each once, as model.parameters() does."
                )
        if callable(learning_rate):
            raise TypeError(
                f"learning_rate={learning_rate!r} is a function, and {name} takes a number. Set it before each step: "
                "optimizer.learning_rate = schedule(step); or pass callbacks=[Schedule(...)] to fit."
            )
        if not learning_rate >= 0:
            raise ValueError(
                f"learning_rate={learning_rate!r} would climb where {name} descends. Pass a positive number."
            )
        if not weight_decay >= 0:
            raise ValueError(f"weight_decay={weight_decay!r} would let weights grow. Pass a positive number, or 0.")

    def direction(self, gradient: Array, kept: dict[str, Any]) -> Array:
        raise NotImplementedError(f"{type(self).__name__} needs a method direction(self, gradient, kept).")

    def step(self) -> None:
        """Change every parameter that has a gradient; one that the loss does not depend on has none and stays.

        Raises RuntimeError where no parameter has a gradient.
        """
        changes = [
            (parameter, grad, kept)
            for parameter, kept in zip(self.parameters, self.kept, strict=True)
            if (grad := parameter.grad) is not None
        ]
        if not changes:
            raise RuntimeError("step() found no gradients. Call loss.backward() first, and zero_grad() after the step.")
        with no_grad():
            for parameter, grad, kept in changes:
                parameter -= self._change(parameter.numpy(), grad, kept)

    def _change(self, value: Array, gradient: Array, kept: dict[str, Any]) -> Array:
        """What a step takes off a parameter."""
        if value.dtype.kind == "c":  # conj: downhill, in JAX's convention of complex gradients
            parts = self._change(as_two_reals(value), as_two_reals(gradient.conj()), kept)
            return parts.view(value.dtype).reshape(value.shape)
        kept["steps"] = kept.get("steps", 0) + 1
        for name in self.keeps:
            if name not in kept:
                kept[name] = np.zeros_like(gradient)
        if self.weight_decay and not self.decoupled:
            gradient = gradient + self.weight_decay * value
        direction = self.direction(gradient, kept)
        if self.weight_decay and self.decoupled:
            direction = direction + self.weight_decay * value
        return np.multiply(self.learning_rate, direction)

    def zero_grad(self) -> None:
        """Set `.grad` of every parameter to None."""
        for parameter in self.parameters:
            if parameter.requires_grad:
                parameter.grad = None

    # ---- settings and what is kept -----------------------------------------------------------------------------------

    def settings(self) -> dict[str, Any]:
        """The numbers that it was made with, the learning rate as it is now."""
        return {name: value for name, value in vars(self).items() if name not in ("parameters", "kept")}

    def state_dict(self) -> dict[str, Any]:
        """All that the next steps depend on, copied: the settings, and what is kept for each parameter, by its place.

        >>> from tinygrad_scratch import Tensor
        >>> from tinygrad_scratch.nn import SGD
        >>> SGD([Tensor(4.0, requires_grad=True)], 0.5, momentum=0.9).state_dict()
        {'settings': {'learning_rate': 0.5, 'weight_decay': 0.0, 'momentum': 0.9, 'nesterov': False}, 'kept': [{}]}
        """
        kept = [{name: np.copy(v) if name != "steps" else v for name, v in each.items()} for each in self.kept]
        return {"settings": self.settings(), "kept": kept}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take on what `state_dict()` of an optimizer of this kind returned, for parameters of the same shapes.

        Raises ValueError where it does not fit; the optimizer is then as it was.
        """
        problem = self._misfit(state)
        if problem:
            raise ValueError(f"This state does not fit {type(self).__name__}: {problem}. Nothing was loaded.")
        vars(self).update(state["settings"])
        for kept, new in zip(self.kept, state["kept"], strict=True):
            kept.clear()
            for name, value in new.items():
                kept[name] = int(value) if name == "steps" else np.array(value)

    def _misfit(self, state: Mapping[str, Any]) -> str | None:
        """Why a state can't be loaded."""
        if set(state.get("settings", ())) != set(self.settings()):
            return f"it has the settings {[*state.get('settings', ())]}, and not {[*self.settings()]}"
        if len(state["kept"]) != len(self.parameters):
            return f"it is one of {len(state['kept'])} parameters, and not of {len(self.parameters)}"
        loaded = copy.copy(self)
        vars(loaded).update(state["settings"])
        for place, (parameter, new) in enumerate(zip(self.parameters, state["kept"], strict=True)):
            if new and set(new) != {"steps", *loaded.keeps}:
                return f"for parameter {place} it has {[*new]}, and not {['steps', *loaded.keeps]}"
            shape = as_two_reals(parameter.numpy()).shape if parameter.dtype.kind == "c" else parameter.shape
            for name in loaded.keeps if new else ():
                if np.shape(new[name]) != shape:
                    return f"its {name!r} for parameter {place} has shape {np.shape(new[name])}, and not {shape}"
        return None

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in self.settings().items())
        return f"{type(self).__name__}({len(self.parameters)} parameters, {settings})"


def in_short(value: Any) -> str:
    """An array by its shape and dtype, and anything else by a repr that is cut off."""
    return describe(value) if isinstance(value, Tensor | np.ndarray) else reprlib.repr(value)


def as_two_reals(value: Array) -> Array:
    """The real and imaginary parts of an array, one after the other."""
    return np.ascontiguousarray(value).reshape(-1).view(value.real.dtype)


def check_part(name: str, value: float) -> None:
    if not 0 <= value < 1:
        raise ValueError(f"{name}={value!r} is the part of an average that is kept: at least 0, and less than 1.")


def checked_betas(betas: Any) -> tuple[float, float]:
    if not isinstance(betas, tuple | list) or len(betas) != 2:
        raise ValueError(f"betas={betas!r} are two numbers, the parts of two averages that are kept: (0.9, 0.999).")
    for place, beta in enumerate(betas):
        check_part(f"betas[{place}]", beta)
    return betas[0], betas[1]


def check_epsilon(epsilon: float) -> None:
    if not epsilon >= 0:
        raise ValueError(f"epsilon={epsilon!r} keeps a division from being one by 0. Pass a small positive number.")


# ---- optimizers ------------------------------------------------------------------------------------------------------


class SGD(Optimizer):
    """Gradient descent, which is stochastic where the gradients come from a part of the data.

    The direction is the gradient g; with momentum m, it is a velocity, which earlier gradients fade from:

        v = m * v + g         and with nesterov=True    g + m * v

    Other arguments, and what is raised, are those of `Optimizer`. Source: Sutskever, Martens, Dahl and Hinton, "On the
    importance of initialization and momentum in deep learning" (2013), in PyTorch's form.

    >>> from tinygrad_scratch import Tensor
    >>> from tinygrad_scratch.nn import SGD
    >>> w = Tensor(4.0, requires_grad=True)
    >>> optimizer = SGD([w], learning_rate=0.25)
    >>> (w * w).backward()
    >>> optimizer.step()
    >>> w.item()
    2.0
    """

    @property
    def keeps(self) -> tuple[str, ...]:
        return ("velocity",) if self.momentum else ()

    def __init__(
        self,
        parameters: Iterable[Tensor],
        learning_rate: float,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, learning_rate, weight_decay)
        check_part("momentum", momentum)
        if nesterov and not momentum:
            raise ValueError("nesterov=True looks ahead along the momentum, which is 0. Pass momentum=0.9, say.")
        self.momentum = momentum
        self.nesterov = nesterov

    def direction(self, gradient: Array, kept: dict[str, Any]) -> Array:
        if not self.momentum:
            return gradient
        v: Array = kept["velocity"]
        v *= self.momentum
        v += gradient
        return gradient + self.momentum * v if self.nesterov else v


class Adam(Optimizer):
    """Steps of about the learning rate in each number, whatever the size of its gradient.

    It keeps running means of the gradient g and of its square, b1 and b2 the parts kept, and corrects them for having
    begun at 0. After t steps:

        m = b1 * m + (1 - b1) * g        v = b2 * v + (1 - b2) * g**2

        direction = m / (1 - b1**t) / (sqrt(v / (1 - b2**t)) + epsilon)

    Other arguments, and what is raised, are those of `Optimizer`. Source: Kingma and Ba, "Adam: a method for stochastic
    optimization" (2015), algorithm 1.

    >>> from tinygrad_scratch import Tensor
    >>> from tinygrad_scratch.nn import Adam
    >>> w = Tensor(4.0, requires_grad=True)
    >>> optimizer = Adam([w], learning_rate=0.25)
    >>> (w * w).backward()
    >>> optimizer.step()
    >>> round(w.item(), 6)
    3.75
    """

    @property
    def keeps(self) -> tuple[str, ...]:
        return ("mean", "mean_square")

    def __init__(
        self,
        parameters: Iterable[Tensor],
        learning_rate: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, learning_rate, weight_decay)
        self.betas = checked_betas(betas)
        check_epsilon(epsilon)
        self.epsilon = epsilon

    def direction(self, gradient: Array, kept: dict[str, Any]) -> Array:
        (b1, b2), t = self.betas, kept["steps"]
        m = running_mean(kept["mean"], gradient, b1)
        v = running_mean(kept["mean_square"], np.square(gradient), b2)
        root = np.sqrt(v / (1 - b2**t))
        root += self.epsilon
        return m / (1 - b1**t) / root  # type: ignore[no-any-return]


class AdamW(Adam):
    """Adam whose weight decay takes learning_rate * weight_decay * w off each weight, whatever the gradients are.

    In `Adam`, weight decay is a part of the gradient and is divided by its size. Arguments are those of `Adam`. Source:
    Loshchilov and Hutter, "Decoupled weight decay regularization" (2019), algorithm 2, in PyTorch's form.

    >>> from tinygrad_scratch import Tensor
    >>> from tinygrad_scratch.nn import AdamW
    >>> w = Tensor(4.0, requires_grad=True)
    >>> optimizer = AdamW([w], learning_rate=0.25, weight_decay=0.5)
    >>> (w * w).backward()
    >>> optimizer.step()
    >>> round(w.item(), 6)
    3.25
    """

    decoupled = True

    def __init__(
        self,
        parameters: Iterable[Tensor],
        learning_rate: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(parameters, learning_rate, betas, epsilon, weight_decay)


class RMSprop(Optimizer):
    """The gradient g divided by the root of the running mean of its square, `decay` being the part kept.

        v = decay * v + (1 - decay) * g**2        direction = g / (sqrt(v) + epsilon)

    With momentum m, the direction is a velocity, m * velocity + g / (sqrt(v) + epsilon). Other arguments, and what is
    raised, are those of `Optimizer`. Source: Tieleman and Hinton, "Lecture 6.5 - RMSProp" (2012), in PyTorch's form.

    >>> from tinygrad_scratch import Tensor
    >>> from tinygrad_scratch.nn import RMSprop
    >>> w = Tensor(4.0, requires_grad=True)
    >>> optimizer = RMSprop([w], learning_rate=0.25, decay=0.75)
    >>> (w * w).backward()
    >>> optimizer.step()
    >>> round(w.item(), 6)
    3.5
    """

    @property
    def keeps(self) -> tuple[str, ...]:
        return ("mean_square", "velocity") if self.momentum else ("mean_square",)

    def __init__(
        self,
        parameters: Iterable[Tensor],
        learning_rate: float = 0.01,
        decay: float = 0.99,
        momentum: float = 0.0,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, learning_rate, weight_decay)
        check_part("decay", decay)
        check_part("momentum", momentum)
        check_epsilon(epsilon)
        self.decay = decay
        self.momentum = momentum
        self.epsilon = epsilon

    def direction(self, gradient: Array, kept: dict[str, Any]) -> Array:
        v = running_mean(kept["mean_square"], np.square(gradient), self.decay)
        scaled: Array = gradient / (np.sqrt(v) + self.epsilon)
        if not self.momentum:
            return scaled
        velocity: Array = kept["velocity"]
        velocity *= self.momentum
        velocity += scaled
        return velocity


class Adagrad(Optimizer):
    """The gradient g divided by the root of the sum of all its squares, so that steps become smaller and smaller.

        s = s + g**2        direction = g / (sqrt(s) + epsilon)

    Other arguments, and what is raised, are those of `Optimizer`. Source: Duchi, Hazan and Singer, "Adaptive
    subgradient methods for online learning and stochastic optimization" (2011).

    >>> from tinygrad_scratch import Tensor
    >>> from tinygrad_scratch.nn import Adagrad
    >>> w = Tensor(4.0, requires_grad=True)
    >>> optimizer = Adagrad([w], learning_rate=0.25)
    >>> (w * w).backward()
    >>> optimizer.step()
    >>> round(w.item(), 6)
    3.75
    """

    @property
    def keeps(self) -> tuple[str, ...]:
        return ("sum_of_squares",)

    def __init__(
        self,
        parameters: Iterable[Tensor],
        learning_rate: float = 0.01,
        epsilon: float = 1e-10,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, learning_rate, weight_decay)
        check_epsilon(epsilon)
        self.epsilon = epsilon

    def direction(self, gradient: Array, kept: dict[str, Any]) -> Array:
        s: Array = kept["sum_of_squares"]
        s += np.square(gradient)
        return gradient / (np.sqrt(s) + self.epsilon)


class Lion(Optimizer):
    """Steps of exactly the learning rate in each number: the sign of a mean of gradients.

        direction = sign(b1 * m + (1 - b1) * g)        then m = b2 * m + (1 - b2) * g

    Weight decay is decoupled, as in `AdamW`. Take a third to a tenth of Adam's learning rate. Other arguments, and what
    is raised, are those of `Optimizer`. Source: Chen et al., "Symbolic discovery of optimization algorithms" (2023),
    algorithm 2.

    >>> from tinygrad_scratch import Tensor
    >>> from tinygrad_scratch.nn import Lion
    >>> w = Tensor(4.0, requires_grad=True)
    >>> optimizer = Lion([w], learning_rate=0.25)
    >>> (w * w).backward()
    >>> optimizer.step()
    >>> w.item()
    3.75
    """

    decoupled = True

    @property
    def keeps(self) -> tuple[str, ...]:
        return ("mean",)

    def __init__(
        self,
        parameters: Iterable[Tensor],
        learning_rate: float = 0.0001,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, learning_rate, weight_decay)
        self.betas = checked_betas(betas)

    def direction(self, gradient: Array, kept: dict[str, Any]) -> Array:
        b1, b2 = self.betas
        direction = np.sign(b1 * kept["mean"] + (1 - b1) * gradient)
        running_mean(kept["mean"], gradient, b2)
        return direction  # type: ignore[no-any-return]


def running_mean(mean: Array, new: Array, part: float) -> Array:
    """A mean that new values come into and old ones fade from: part * mean + (1 - part) * new, written into it."""
    mean *= part
    mean += (1 - part) * new
    return mean
