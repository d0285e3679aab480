"""Autodiff for the NumPy you already wrote.

>>> import numpy as np
>>> from tinygrad_scratch import Tensor
>>> w = Tensor([1.0, 2.0], requires_grad=True)
>>> loss = np.sum(np.exp(-w) ** 2)
>>> loss.backward()
>>> w.grad
array([-0.27067057, -0.03663128])
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tinygrad_scratch import functional, nn
from tinygrad_scratch.checkpoint import checkpoint
from tinygrad_scratch.differentiate import grad, hessian, hessian_vector_product, jacobian, jvp, value_and_grad, vjp
from tinygrad_scratch.graph import enable_grad, no_grad
from tinygrad_scratch.nn import Dense, Sequential
from tinygrad_scratch.rules.registry import define_vjp, differentiable
from tinygrad_scratch.tensor import Tensor

if TYPE_CHECKING:
    from tinygrad_scratch.compiler.derive import derive
    from tinygrad_scratch.compiler.jit import jit
    from tinygrad_scratch.drawing import diff, draw
    from tinygrad_scratch.verifier import verify

__all__ = [
    "Dense",
    "Sequential",
    "Tensor",
    "checkpoint",
    "define_vjp",
    "derive",
    "diff",
    "differentiable",
    "draw",
    "enable_grad",
    "functional",
    "grad",
    "hessian",
    "hessian_vector_product",
    "jacobian",
    "jit",
    "jvp",
    "nn",
    "no_grad",
    "value_and_grad",
    "verify",
    "vjp",
]


LATER = {
    "derive": "tinygrad_scratch.compiler.derive",
    "diff": "tinygrad_scratch.drawing",
    "draw": "tinygrad_scratch.drawing",
    "jit": "tinygrad_scratch.compiler.jit",
    "verify": "tinygrad_scratch.verifier",
}


def __getattr__(name: str) -> Any:
    """What most programs never use is imported when it is first asked for."""
    if name in LATER:
        return getattr(import_module(LATER[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
