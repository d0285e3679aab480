"""Optimizers: how gradients change parameters."""

from __future__ import annotations

from collections.abc import Iterable

from tinygrad_scratch.graph import no_grad
from tinygrad_scratch.messages import describe
from tinygrad_scratch.nn.module import is_parameter
from tinygrad_scratch.tensor import Tensor


class SGD:
    """Gradient descent: each step takes learning_rate * gradient off each parameter.

    It is stochastic where the gradients come from a part of the data. A step gives the parameters new values; a loss
    that was recorded before keeps the old ones, and its `backward()` gives the gradients there. `learning_rate` may be
    set anew at any time.

    Raises TypeError for what is no parameter, that is, no Tensor made with requires_grad=True; ValueError for no
    parameters at all, the same one twice, and a negative learning rate.

    >>> from tinygrad_scratch import Tensor
    >>> from tinygrad_scratch.nn import SGD
    >>> w = Tensor(4.0, requires_grad=True)
    >>> optimizer = SGD([w], learning_rate=0.25)
    >>> (w * w).backward()
    >>> optimizer.step()
    >>> w.item()
    2.0
    """

    def __init__(self, parameters: Iterable[Tensor], learning_rate: float) -> None:
        self.parameters = list(parameters)
        self.learning_rate = learning_rate
        if not self.parameters:
            raise ValueError("SGD was given no parameters: has the model a Tensor made with requires_grad=True?")
        for place, parameter in enumerate(self.parameters):
            if not is_parameter(parameter):
                raise TypeError(
                    f"Parameter {place} of SGD is {describe(parameter)}, but a parameter is a Tensor made with "
                    "requires_grad=True. Write SGD(model.parameters(), learning_rate)."
                )
            if any(parameter is earlier for earlier in self.parameters[:place]):
                raise ValueError(
                    f"Parameter {place} of SGD, {describe(parameter)}, is there twice: a step would change it twice. "
                    "Pass each once, as model.parameters() does."
                )
        if not learning_rate >= 0:
            raise ValueError(f"learning_rate={learning_rate!r} would climb where SGD descends. Pass a positive number.")

    def step(self) -> None:
        """Change every parameter that has a gradient; one that the loss does not depend on has none and stays.

        Raises RuntimeError where no parameter has a gradient.
        """
        changes = [(parameter, grad) for parameter in self.parameters if (grad := parameter.grad) is not None]
        if not changes:
            raise RuntimeError("step() found no gradients. Call loss.backward() first, and zero_grad() after the step.")
        with no_grad():
            for parameter, grad in changes:
                parameter -= self.learning_rate * grad.conj()  # downhill also for complex parameters

    def zero_grad(self) -> None:
        """Set `.grad` of every parameter to None."""
        for parameter in self.parameters:
            if parameter.requires_grad:
                parameter.grad = None
